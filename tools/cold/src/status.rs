//! What a running `cold-path run` says of itself, in files: for `status`, and for Prometheus' collector of text files.

use crate::args::Configured;
use crate::disk;
use clap::Args;
use pitlane_rows::Uuid;
use pitlane_session::exit::{Exit, answer, data};
use pitlane_session::summary::card;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Older than this a status is not that of a running process.
const STALE_S: f64 = 15.0;

/// How a destination stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not opened yet.
    #[default]
    Opening,
    /// Behind what is durable.
    CatchingUp,
    /// All that is durable was taken.
    CaughtUp,
    /// It is down, and will be tried again.
    Waiting,
    /// Everything is kept, and the journal has ended.
    Ended,
    /// It was stopped before the journal's end.
    Stopped,
    /// It failed.
    Failed,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::CatchingUp => "catching up",
            Self::CaughtUp => "caught up",
            Self::Waiting => "waiting",
            Self::Ended => "ended",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// One destination.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SinkStatus {
    /// `parquet` or `postgres`.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// The last input whose rows are kept for good.
    pub kept_seq: u64,
    /// The last input that was read.
    pub read_seq: u64,
    /// The last input that was durable when it was looked at.
    pub durable_seq: u64,
    /// Rows kept by this process.
    pub rows: u64,
    /// The same a second, since it started.
    pub rows_per_s: f64,
    /// Since when not all that is durable was read, in seconds; 0 if all was.
    pub behind_s: f64,
    /// Why it waits or failed.
    pub error: Option<String>,
}

impl SinkStatus {
    /// Inputs that are durable and not read.
    pub fn lag(&self) -> u64 {
        self.durable_seq.saturating_sub(self.read_seq)
    }
}

/// A running process, and what it keeps: `cold-status/1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// `cold-status/1`.
    pub schema: String,
    /// The process.
    pub pid: u32,
    /// Where the journal is.
    pub journal: PathBuf,
    /// Its name.
    pub uuid: String,
    /// Its durability level. At 0 only finished segments are durable.
    pub level: u32,
    /// When the process started, seconds since the epoch.
    pub started_s: f64,
    /// When this was written.
    pub updated_s: f64,
    /// The destinations.
    pub sinks: Vec<SinkStatus>,
}

/// Name and version of the object.
pub const SCHEMA: &str = "cold-status/1";

/// Seconds since the epoch.
pub fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

impl Status {
    /// Where the status of a journal's sidecar is.
    pub fn path(out: &Path, journal: Uuid) -> PathBuf {
        out.join("_status").join(format!("{journal}.json"))
    }

    /// Writes it, and the same for Prometheus.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn publish(&self, path: &Path, metrics: Option<&Path>) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        replace(path, text.as_bytes())?;
        metrics.map_or(Ok(()), |path| replace(path, self.metrics().as_bytes()))
    }

    /// The same as Prometheus reads it.
    pub fn metrics(&self) -> String {
        let mut text = String::new();
        let mut metric = |name: &str, kind: &str, help: &str, value: &dyn Fn(&SinkStatus) -> String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# HELP pitlane_cold_{name} {help}\n# TYPE pitlane_cold_{name} {kind}");
            for sink in &self.sinks {
                let (uuid, sink_name) = (&self.uuid, &sink.name);
                let _ = writeln!(
                    text,
                    "pitlane_cold_{name}{{journal=\"{uuid}\",sink=\"{sink_name}\"}} {}",
                    value(sink)
                );
            }
        };
        metric("rows_total", "counter", "Rows kept by this process.", &|sink| sink.rows.to_string());
        metric("kept_seq", "gauge", "Last input whose rows are kept for good.", &|s| s.kept_seq.to_string());
        metric("read_seq", "gauge", "Last input that was read.", &|sink| sink.read_seq.to_string());
        metric("durable_seq", "gauge", "Last durable input.", &|sink| sink.durable_seq.to_string());
        metric("lag_inputs", "gauge", "Durable inputs that were not read.", &|sink| sink.lag().to_string());
        metric("behind_seconds", "gauge", "Since when not all durable inputs were read.", &|sink| {
            format!("{:.3}", sink.behind_s)
        });
        metric("up", "gauge", "1 unless the destination is down or failed.", &|sink| {
            u8::from(!matches!(sink.state, State::Waiting | State::Failed)).to_string()
        });
        text
    }

    /// Whether the process that wrote it is at work, as far as can be seen.
    pub fn is_alive(&self) -> bool {
        let ended = |sink: &SinkStatus| matches!(sink.state, State::Ended | State::Stopped | State::Failed);
        now_s() - self.updated_s < STALE_S
            && !self.sinks.iter().all(ended)
            && Path::new(&format!("/proc/{}", self.pid)).exists()
    }

    fn render(&self) -> String {
        let alive = if self.is_alive() { "running" } else { "not running" };
        let durable = match self.level {
            0 => "D0: only finished segments are durable",
            1 => "D1",
            _ => "D2",
        };
        let mut rows = vec![
            ("journal", self.journal.display().to_string()),
            ("uuid", self.uuid.clone()),
            ("process", format!("{}, {alive}, {:.0} s ago", self.pid, now_s() - self.updated_s)),
            ("level", durable.to_owned()),
        ];
        let lines: Vec<String> = self.sinks.iter().map(sink_line).collect();
        rows.extend(self.sinks.iter().zip(lines).map(|(sink, line)| (sink.name.as_str(), line)));
        card(&rows)
    }
}

fn sink_line(sink: &SinkStatus) -> String {
    let mut line = format!(
        "{}: kept to input {}, read to {} of {} ({} behind, for {:.1} s), {} rows, {:.0} rows/s",
        sink.state.name(),
        sink.kept_seq,
        sink.read_seq,
        sink.durable_seq,
        sink.lag(),
        sink.behind_s,
        sink.rows,
        sink.rows_per_s
    );
    if let Some(error) = &sink.error {
        line = format!("{line}; {error}");
    }
    line
}

/// Renamed but not synced: it says what is true now.
fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let temporary = path.with_extension("tmp");
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&temporary, bytes))
        .and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|error| crate::fault::disk("write", path, &error))
}

/// `cold-path status`.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// The archive's directory
    #[arg(long, value_name = "DIR", default_value = "archive")]
    pub out: PathBuf,
    /// Print one JSON object (cold-statuses/1) on stdout
    #[arg(long)]
    pub json: bool,
}

impl StatusArgs {
    /// Takes what no flag gave from the configuration.
    pub fn configure(&mut self, configured: &Configured<'_>) {
        configured.put("out", &mut self.out, configured.settings.dir.clone());
    }
}

/// Prints what the sidecars of an archive say.
///
/// # Errors
/// If none ever ran on it.
pub fn run(args: &StatusArgs) -> anyhow::Result<Exit> {
    let folder = args.out.join("_status");
    let mut found = Vec::new();
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "json")) {
        let text = std::fs::read_to_string(path).map_err(|error| crate::fault::disk("read", path, &error))?;
        let status: Status = serde_json::from_str(&text)
            .map_err(|error| data(format!("{}: {error}; it is of another version", path.display())))?;
        found.push(status);
    }
    if found.is_empty() {
        return Err(data(format!(
            "no sidecar has run on the archive {}; start one with `cold-path run --journal DIR --out {0}`",
            args.out.display()
        )));
    }
    if args.json {
        let runs: Vec<serde_json::Value> = found
            .iter()
            .map(|status| {
                let mut value = serde_json::to_value(status).unwrap_or_default();
                value["running"] = status.is_alive().into();
                value
            })
            .collect();
        answer(&serde_json::json!({ "schema": "cold-statuses/1", "runs": runs }).to_string())?;
    } else {
        let cards: Vec<String> = found.iter().map(Status::render).collect();
        answer(&cards.join("\n"))?;
    }
    Ok(Exit::Ok)
}

/// Makes the folder of statuses, so that a full or wrong disk is told of at the start.
///
/// # Errors
/// If it cannot be made.
pub fn prepare(out: &Path, journal: Uuid) -> anyhow::Result<PathBuf> {
    let path = Status::path(out, journal);
    let folder = path.parent().expect("a status is in a folder");
    std::fs::create_dir_all(folder).map_err(|error| crate::fault::disk("create", folder, &error))?;
    disk::sync_folder(&path)?;
    Ok(path)
}
