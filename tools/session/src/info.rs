//! What a journal holds.

use crate::latch::{self, Latch};
use crate::recorded::Recording;
use crate::resume::snapshot_state;
use crate::summary::card;
use pitlane_config::{Settings, format_ist};
use pitlane_engine::event::{Kind, SessionStart};
use pitlane_engine::sequencer::schedule::instruments_hash;
use pitlane_engine::units::TsNs;
use pitlane_journal::{EndState, JournalError, StreamInfo, inspect};
use pitlane_store::{EventStream, INPUTS, OUTPUTS, Snapshots, has_stream, read_head};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A journal in numbers.
pub struct Info {
    dir: PathBuf,
    inputs: StreamInfo,
    outputs: Option<Result<StreamInfo, JournalError>>,
    instruments: Vec<String>,
    sessions: Vec<u32>,
    kinds: BTreeMap<&'static str, u64>,
    history: u64,
    latches: Vec<(Latch, String)>,
    /// Snapshots by their last input, the newest first, and why one is not good.
    snapshots: Vec<(u64, Result<(), String>)>,
}

/// Reads the journal at `dir` from start to end.
///
/// # Errors
/// If its inputs cannot be read; damaged outputs are part of the answer.
pub fn info(dir: &Path) -> anyhow::Result<Info> {
    let inputs = inspect(dir, INPUTS)?;
    let outputs = has_stream(dir, OUTPUTS).then(|| inspect(dir, OUTPUTS));
    let head = read_head(dir)?;
    // Bars among the inputs are history: those of the sessions are outputs.
    let (mut sessions, mut kinds, mut history) = (Vec::new(), BTreeMap::new(), 0);
    let mut events = EventStream::open(dir, INPUTS)?;
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
    let instruments = head.instruments.into_iter().map(|spec| spec.symbol).collect();
    let snapshots = snapshots(dir)?;
    let dir = dir.to_owned();
    Ok(Info { dir, inputs, outputs, instruments, sessions, kinds, history, latches, snapshots })
}

/// The snapshots beside the journal at `dir`, each loaded as a restart would.
fn snapshots(dir: &Path) -> anyhow::Result<Vec<(u64, Result<(), String>)>> {
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

fn end_name(end: EndState) -> String {
    match end {
        EndState::Sealed => "sealed: closed in order".to_owned(),
        EndState::Unsealed => "open: its writer died, or is alive".to_owned(),
        EndState::Torn { segment, offset, reason } => {
            format!("torn at segment {segment}, offset {offset} ({reason}); what follows is not part of it")
        }
    }
}

fn stream_json(info: &StreamInfo) -> Value {
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
            Some(Ok(info)) => stream_json(info),
            Some(Err(error)) => json!({ "error": error.to_string() }),
        };
        json!({
            "schema": "journal-info/1",
            "journal": self.dir,
            "inputs": stream_json(&self.inputs),
            "outputs": outputs,
            "input_kinds": self.kinds,
            "sessions": self.sessions,
            "instruments": self.instruments,
            "history_bars": self.history,
            "kill_latch": self.latch(Latch::Kill),
            "flatten_latch": self.latch(Latch::Flatten),
            "snapshots": self.snapshots.iter().map(|(seq, state)| json!({
                "seq": seq, "good": state.is_ok(), "why": state.as_ref().err(),
            })).collect::<Vec<_>>(),
        })
    }

    /// The same for people.
    pub fn render(&self) -> String {
        let stream = |info: &StreamInfo| {
            let span = match (info.first, info.last) {
                (Some(first), Some(last)) => {
                    let (from, to) = (format_ist(TsNs(first.ts_ns)), format_ist(TsNs(last.ts_ns)));
                    format!("{} to {}, {from} to {to}", first.seq, last.seq)
                }
                _ => "nothing".to_owned(),
            };
            let mib = info.frame_bytes as f64 / f64::from(1 << 20);
            format!("{} frames ({span}), {mib:.1} MiB, {}", info.frames, end_name(info.end))
        };
        let sessions: Vec<String> = self.sessions.iter().map(ToString::to_string).collect();
        let kinds: Vec<String> = self.kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        let outputs = match &self.outputs {
            None => "none were recorded".to_owned(),
            Some(Ok(info)) => stream(info),
            Some(Err(error)) => error.to_string(),
        };
        let mut rows = vec![
            ("journal", self.dir.display().to_string()),
            ("inputs", stream(&self.inputs)),
            ("outputs", outputs),
            ("sessions", sessions.join(", ")),
            ("instruments", self.instruments.join(", ")),
            ("inputs by kind", kinds.join(", ")),
        ];
        if self.history > 0 {
            rows.push(("history", format!("{} bars of earlier days", self.history)));
        }
        let good = |state: &Result<(), String>| match state {
            Ok(()) => "good".to_owned(),
            Err(why) => format!("not usable: {why}"),
        };
        rows.extend(
            self.snapshots.iter().map(|(seq, state)| ("snapshot", format!("{seq}, {}", good(state)))),
        );
        for (latch, text) in &self.latches {
            let name = if *latch == Latch::Kill { "kill switch" } else { "flatten" };
            rows.push((name, format!("latched: {text}")));
        }
        format!("{}\n", card(&rows))
    }
}
