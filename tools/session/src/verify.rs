//! Proves a recorded run: runs its inputs again and compares every output, or those of a part.

mod part;

use crate::profit::Profit;
use crate::progress::Progress;
use crate::recorded::Recording;
use crate::summary::replay_json;
use pitlane_config::CandleSettings;
use pitlane_engine::config::PipelineConfig;
use pitlane_engine::drive::replay::{Divergence, ReplayResult, damage};
use pitlane_engine::units::Seq;
use pitlane_journal::EndState;
use pitlane_store::{EventStream, INPUTS, OUTPUTS, StoreError};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

/// What verification found.
pub struct Verified {
    /// The replay.
    pub result: ReplayResult,
    /// `None` if no outputs were recorded.
    pub identical: Option<bool>,
    /// What the user should know about the recorded outputs.
    pub notes: Vec<String>,
    /// Seconds it took.
    pub wall_s: f64,
    /// What the run was built from.
    pub pipeline: PipelineConfig,
    /// What was compared, if not everything.
    pub part: Option<Part>,
}

/// The part of a run whose outputs were compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The first input.
    pub from: u64,
    /// The last input.
    pub to: u64,
    /// The last input of the snapshot that was taken for what came before; `None` = everything before was run again.
    pub snapshot: Option<u64>,
}

impl Verified {
    /// The state hash at the end of what was run; `None` for a part in which something differs.
    pub fn state_hash(&self) -> Option<u128> {
        (self.part.is_none() || self.result.divergence.is_none()).then(|| self.result.state_hash())
    }

    /// The summary object.
    pub fn json(&self) -> Value {
        let profit = Profit::of(&self.result.ledger, &self.pipeline);
        let mut value = replay_json(&self.result, &profit, self.identical, self.wall_s);
        value["venue"] = self.pipeline.venue.describe().into();
        value["latency"] = self.pipeline.venue.latency_text().into();
        value["notes"] = self.notes.clone().into();
        value["compared"] = self.part.map(|part| {
            json!({ "seq_first": part.from, "seq_last": part.to, "from_snapshot_seq": part.snapshot })
        }).into();
        if self.state_hash().is_none() {
            value["state_hash"] = Value::Null;
        }
        value
    }
}

/// Which inputs to verify, each end a seq or a time as `dump --from` takes it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Range<'a> {
    /// The first; `None` = as far back as can be.
    pub from: Option<&'a str>,
    /// The last; `None` = all that are recorded.
    pub to: Option<&'a str>,
}

/// Runs the journal at `dir` again.
///
/// # Errors
/// Those of [`verify_range`].
pub fn verify(dir: &Path) -> anyhow::Result<Verified> {
    verify_range(dir, Range::default())
}

/// The same for what `range` asks for: from the newest snapshot before it, or from the start. Of a journal whose start
/// retention removed, what comes behind the oldest snapshot that is good.
///
/// # Errors
/// If its inputs cannot be read, or `range` does not fit it. Outputs that cannot be read are a difference, not an error.
pub fn verify_range(dir: &Path, range: Range<'_>) -> anyhow::Result<Verified> {
    let recording = Recording::open(dir)?;
    if range.from.is_some() || range.to.is_some() || begins_late(&recording)? {
        return part::verify(&recording, range);
    }
    if !recording.has_outputs {
        return inputs_alone(&recording);
    }
    let mut outputs = EventStream::open(dir, OUTPUTS)?;
    let started = Instant::now();
    let mut progress = Progress::new("verify", 0);
    let mut seen = |seq: Seq| {
        if seq.0.is_multiple_of(65_536) {
            progress.at(seq.0);
        }
    };
    let mut result =
        recording.replay(Some(&mut outputs), &mut |event| seen(event.header.seq), &mut |_| {})?;
    let mut notes = said(&recording);
    judge_end(&outputs, &mut result, &mut notes);
    let identical = Some(result.divergence.is_none());
    let (pipeline, wall_s) = (recording.pipeline.clone(), started.elapsed().as_secs_f64());
    Ok(Verified { result, identical, notes, wall_s, pipeline, part: None })
}

/// What is to be said about any verification of the recording.
fn said(recording: &Recording) -> Vec<String> {
    recording.settings.candles.iter().map(CandleSettings::describe).collect()
}

/// Checks a journal of inputs alone: every frame is read, and the numbers are those of a virtual-time run.
fn inputs_alone(recording: &Recording) -> anyhow::Result<Verified> {
    let started = Instant::now();
    let mut progress = Progress::new("verify", 0);
    let mut seen = |seq: Seq| {
        if seq.0.is_multiple_of(65_536) {
            progress.at(seq.0);
        }
    };
    let run = recording.recompute(&mut seen, &mut |_| {})?;
    let result = ReplayResult {
        inputs: run.counts.events,
        last_seq: run.last_seq,
        beyond_recorded: 0,
        first_beyond: None,
        divergence: None,
        stage_hashes: run.stage_hashes,
        outputs_hash: run.outputs_hash,
        counts: run.counts,
        ledger: run.ledger,
    };
    let mut notes = said(recording);
    notes.push("no outputs were recorded: the figures are those of a run on virtual time".to_owned());
    let (pipeline, wall_s) = (recording.pipeline.clone(), started.elapsed().as_secs_f64());
    Ok(Verified { result, identical: None, notes, wall_s, pipeline, part: None })
}

/// Whether retention removed the start of a stream.
fn begins_late(recording: &Recording) -> anyhow::Result<bool> {
    let of = |stream| EventStream::open_kept(&recording.dir, stream).map(|stream| stream.begins_late());
    // Outputs that cannot be opened are a difference, which is told later.
    Ok(of(INPUTS)? || recording.has_outputs && of(OUTPUTS).unwrap_or(false))
}

/// What the end of the recorded outputs means: a crash leaves them short, damage is a difference.
fn judge_end(outputs: &EventStream, result: &mut ReplayResult, notes: &mut Vec<String>) {
    if result.divergence.is_some() {
        return;
    }
    if let Some(error) = outputs.end().take_error() {
        notes.push(error.to_string());
        result.divergence = Some(match &result.first_beyond {
            Some(recomputed) => {
                damage(recomputed, outputs.damaged().map(|damaged| damaged.payload_and_padding))
            }
            None => unreadable(&error),
        });
        return;
    }
    match outputs.end_state() {
        Some(EndState::Torn { segment, offset, .. }) => notes.push(format!(
            "the recorded outputs end in a torn frame (segment {segment}, offset {offset}), which was left out"
        )),
        Some(EndState::Unsealed) => notes.push("the journal was not closed: its writer died, or is alive".to_owned()),
        _ => {}
    }
    if result.beyond_recorded > 0 {
        notes.push(format!("{} outputs were not recorded and were recomputed", result.beyond_recorded));
    }
}

/// Damage where the replay expected nothing more.
fn unreadable(error: &StoreError) -> Divergence {
    Divergence {
        seq: Seq::ZERO,
        index: 0,
        stage: pitlane_engine::event::StageId::Sequencer,
        kind: pitlane_engine::event::Kind::StateHash,
        field: "frame".to_owned(),
        recorded: error.to_string(),
        recomputed: "nothing".to_owned(),
    }
}
