//! What a journal holds.

use crate::latch::{self, Latch};
use crate::recorded::Recording;
use crate::resume::snapshot_state;
use crate::summary::card;
use pitlane_config::{Settings, format_ist};
use pitlane_engine::event::{Kind, SessionStart};
use pitlane_engine::sequencer::schedule::instruments_hash;
use pitlane_engine::units::TsNs;
use pitlane_journal::{EndState, JournalError, LeaseInfo, Reader, StreamInfo, inspect, leases};
use pitlane_store::{EventStream, INPUTS, OUTPUTS, Snapshots, has_stream, read_head};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A journal in numbers.
pub struct Info {
    dir: PathBuf,
    inputs: StreamInfo,
    outputs: Option<Result<StreamInfo, JournalError>>,
    /// Where the frames of the inputs and of the outputs end, if they were not closed: segment and offset.
    open_ends: [Option<(u64, u64)>; 2],
    instruments: Vec<String>,
    /// What its prices are made of.
    path: String,
    sessions: Vec<u32>,
    kinds: BTreeMap<&'static str, u64>,
    history: u64,
    latches: Vec<(Latch, String)>,
    /// Snapshots by their last input, the newest first, and why one is not good.
    snapshots: Vec<(u64, Result<u64, String>)>,
    /// Who holds the oldest records of which stream.
    leases: Vec<(&'static str, LeaseInfo)>,
}

/// Reads the journal at `dir` from start to end.
///
/// # Errors
/// If its inputs cannot be read; damaged outputs are part of the answer.
pub fn info(dir: &Path) -> anyhow::Result<Info> {
    let inputs = inspect(dir, INPUTS)?;
    let outputs = has_stream(dir, OUTPUTS).then(|| inspect(dir, OUTPUTS));
    let open_ends = [
        open_end(dir, Some(&inputs)),
        open_end(dir, outputs.as_ref().and_then(|outputs| outputs.as_ref().ok())),
    ];
    let head = read_head(dir)?;
    // Bars among the inputs are history: those of the sessions are outputs.
    let (mut sessions, mut kinds, mut history) = (Vec::new(), BTreeMap::new(), 0);
    let mut events = EventStream::open_kept(dir, INPUTS)?;
    if events.begins_late() {
        // Its start was removed, and is known from what was kept of it.
        sessions.push(head.first_session.date);
    }
    while let Some(event) = events.try_next()? {
        if event.kind() == Kind::Bar {
            history += 1;
            continue;
        }
        *kinds.entry(event.kind().name()).or_insert(0) += 1;
        if event.kind() == Kind::SessionStart {
            sessions.push(event.body::<SessionStart>().date);
        }
    }
    let latches = latch::standing(dir);
    let path = Settings::from_toml(&head.config_text, &format!("configuration in {}", dir.display()))
        .map_or_else(|_| "not known: its configuration is of another version".to_owned(), |own| own.prices());
    let instruments = head.instruments.into_iter().map(|spec| spec.symbol).collect();
    let snapshots = snapshots(dir)?;
    let mut held = Vec::new();
    for stream in [INPUTS, OUTPUTS].into_iter().filter(|stream| has_stream(dir, stream)) {
        held.extend(leases(dir, stream)?.into_iter().map(|lease| (stream, lease)));
    }
    let (dir, leases) = (dir.to_owned(), held);
    Ok(Info {
        dir,
        inputs,
        outputs,
        open_ends,
        instruments,
        path,
        sessions,
        kinds,
        history,
        latches,
        snapshots,
        leases,
    })
}

/// The snapshots beside the journal at `dir`, each loaded as a restart would.
fn snapshots(dir: &Path) -> anyhow::Result<Vec<(u64, Result<u64, String>)>> {
    let found = Snapshots::of(dir).list()?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let recording = Recording::open(dir)?;
    let config_hash = Settings::hash(&recording.head.config_text);
    let instruments_hash = instruments_hash(&recording.head.instruments);
    let state = |seq| snapshot_state(dir, seq, &recording.pipeline, config_hash, instruments_hash);
    Ok(found.into_iter().map(|seq| (seq, state(seq))).collect())
}

/// Segment and offset of the place where the frames of a stream end that was not closed.
fn open_end(dir: &Path, info: Option<&StreamInfo>) -> Option<(u64, u64)> {
    let info = info.filter(|info| info.end == EndState::Unsealed)?;
    let mut reader = Reader::open_kept(dir, &info.stream).ok()?;
    reader.seek_seq(info.last?.seq).ok()?;
    while reader.next().ok()?.is_some() {}
    Some((reader.segment(), reader.offset()))
}

fn end_name(end: EndState) -> String {
    match end {
        EndState::Sealed => "sealed: closed in order".to_owned(),
        EndState::Unsealed => "open: its writer died, or is alive".to_owned(),
        EndState::Torn { segment, offset, reason } => {
            format!("torn at segment {segment}, offset {offset} ({reason}); what follows is not part of it")
        }
    }
}

fn stream_json(info: &StreamInfo, open_end: Option<(u64, u64)>) -> Value {
    let (segment, offset) = open_end.unzip();
    json!({
        "frames": info.frames,
        "segments": info.segments,
        "segment_bytes": info.segment_bytes,
        "payload_bytes": info.payload_bytes,
        "frame_bytes": info.frame_bytes,
        "seq_first": info.first.map(|at| at.seq),
        "seq_last": info.last.map(|at| at.seq),
        "ts_first_ns": info.first.map(|at| at.ts_ns),
        "ts_last_ns": info.last.map(|at| at.ts_ns),
        "end": end_name(info.end),
        "open_segment": segment,
        "open_offset": offset,
        "sealed": info.end == EndState::Sealed,
    })
}

impl Info {
    fn latch(&self, wanted: Latch) -> Option<&str> {
        self.latches.iter().find(|(latch, _)| *latch == wanted).map(|(_, text)| text.as_str())
    }

    /// Whether the recorded outputs cannot be read to their end.
    pub fn is_damaged(&self) -> bool {
        matches!(self.outputs, Some(Err(_)))
    }

    /// The object `journal-info/1`.
    pub fn json(&self) -> Value {
        let outputs = match &self.outputs {
            None => Value::Null,
            Some(Ok(info)) => stream_json(info, self.open_ends[1]),
            Some(Err(error)) => json!({ "error": error.to_string() }),
        };
        json!({
            "schema": "journal-info/1",
            "journal": self.dir,
            "inputs": stream_json(&self.inputs, self.open_ends[0]),
            "outputs": outputs,
            "input_kinds": self.kinds,
            "sessions": self.sessions,
            "instruments": self.instruments,
            "path": self.path,
            "history_bars": self.history,
            "kill_latch": self.latch(Latch::Kill),
            "flatten_latch": self.latch(Latch::Flatten),
            "snapshots": self.snapshots.iter().map(|(seq, state)| json!({
                "seq": seq, "good": state.is_ok(), "why": state.as_ref().err(),
            })).collect::<Vec<_>>(),
            "leases": self.leases.iter().map(|(stream, lease)| json!({
                "stream": stream, "name": lease.name, "consumed": lease.consumed,
            })).collect::<Vec<_>>(),
        })
    }

    /// The same for people.
    pub fn render(&self) -> String {
        let stream = |info: &StreamInfo, open_end: Option<(u64, u64)>| {
            let span = match (info.first, info.last) {
                (Some(first), Some(last)) => {
                    let (from, to) = (format_ist(TsNs(first.ts_ns)), format_ist(TsNs(last.ts_ns)));
                    format!("{} to {}, {from} to {to}", first.seq, last.seq)
                }
                _ => "nothing".to_owned(),
            };
            let mib = info.frame_bytes as f64 / f64::from(1 << 20);
            let first = info.first.map_or(1, |first| first.seq);
            let gone = if first > 1 { "; those before were removed by retention" } else { "" };
            let place = open_end.map_or_else(String::new, |(segment, offset)| {
                format!("; its frames end at segment {segment}, offset {offset}")
            });
            format!("{} frames ({span}), {mib:.1} MiB, {}{place}{gone}", info.frames, end_name(info.end))
        };
        let kinds: Vec<String> = self.kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        let outputs = match &self.outputs {
            None => "none were recorded".to_owned(),
            Some(Ok(info)) => stream(info, self.open_ends[1]),
            Some(Err(error)) => error.to_string(),
        };
        let mut rows = vec![
            ("journal", self.dir.display().to_string()),
            ("inputs", stream(&self.inputs, self.open_ends[0])),
            ("outputs", outputs),
            ("sessions", crate::summary::show_dates(&self.sessions)),
            ("instruments", self.instruments.join(", ")),
            ("inputs by kind", kinds.join(", ")),
        ];
        if self.path != Settings::default().prices() {
            rows.push(("prices", self.path.clone()));
        }
        if self.history > 0 {
            rows.push(("history", format!("{} bars of earlier days", self.history)));
        }
        let good = |state: &Result<u64, String>| match state {
            Ok(_) => "good".to_owned(),
            Err(why) => format!("not usable: {why}"),
        };
        rows.extend(
            self.snapshots.iter().map(|(seq, state)| ("snapshot", format!("{seq}, {}", good(state)))),
        );
        for (stream, lease) in &self.leases {
            let consumed = lease.consumed.map_or_else(
                || "is damaged, and holds everything".to_owned(),
                |seq| format!("has consumed up to {seq}"),
            );
            rows.push(("lease", format!("{} of the {stream} {consumed}", lease.name)));
        }
        for (latch, text) in &self.latches {
            let name = if *latch == Latch::Kill { "kill switch" } else { "flatten" };
            rows.push((name, format!("latched: {text}")));
        }
        format!("{}\n", card(&rows))
    }
}
