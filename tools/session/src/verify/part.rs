//! Verification of a part of a run: from a snapshot, or from the start without comparing what comes before the part.

use super::{Part, Range, Verified, judge_end};
use crate::dump::Bound;
use crate::exit::{data, usage};
use crate::progress::Progress;
use crate::recorded::Recording;
use crate::resume::begin_before;
use pitlane_engine::drive::recover::{RecoverError, Recovery};
use pitlane_engine::drive::replay::{Divergence, ReplayResult};
use pitlane_engine::drive::sink::Counts;
use pitlane_engine::event::{Event, Kind, StageId};
use pitlane_engine::ledger::Ledger;
use pitlane_engine::log::{EventLog, LogError, NoLog};
use pitlane_engine::sequencer::source::EventReader;
use pitlane_engine::stage::Chain;
use pitlane_engine::units::Seq;
use pitlane_store::{EventStream, INPUTS, OUTPUTS, StoreError};
use std::time::Instant;

/// Events of a stream as long as they belong to inputs up to `to`.
struct UpTo {
    stream: EventStream,
    to: u64,
    /// How many there were.
    count: u64,
    /// The input of the last one.
    last: u64,
}

impl UpTo {
    fn new(stream: EventStream, to: u64) -> Self {
        Self { stream, to, count: 0, last: 0 }
    }
}

impl EventReader for UpTo {
    fn next_event(&mut self) -> Option<Event> {
        // Inputs are numbered without holes: none is taken that another call would need.
        if self.last >= self.to && self.count > 0 {
            return None;
        }
        let event = self.stream.next_event().filter(|event| event.header.seq.0 <= self.to)?;
        (self.count, self.last) = (self.count + 1, event.header.seq.0);
        Some(event)
    }
}

/// The outputs of inputs up to `to`, of which an input may have many.
struct OutputsUpTo {
    stream: EventStream,
    to: u64,
}

impl EventReader for OutputsUpTo {
    fn next_event(&mut self) -> Option<Event> {
        self.stream.next_event().filter(|event| event.header.seq.0 <= self.to)
    }
}

/// Takes the outputs for which none is recorded.
#[derive(Default)]
struct Beyond {
    count: u64,
    first: Option<Event>,
}

impl EventLog for Beyond {
    fn append(&mut self, event: &Event) {
        self.count += 1;
        self.first.get_or_insert(*event);
    }

    fn failed(&self) -> bool {
        false
    }

    fn finish(&mut self) -> Result<(), LogError> {
        Ok(())
    }
}

/// The number of the first record of a stream that is there.
fn first_kept(recording: &Recording, stream: &'static str) -> anyhow::Result<u64> {
    Ok(pitlane_journal::Reader::open_kept(&recording.dir, stream)?.next()?.map_or(1, |frame| frame.seq))
}

/// The first input that is not before `bound`; `None` if all are.
fn first_at(recording: &Recording, bound: Bound) -> anyhow::Result<Option<u64>> {
    let mut inputs = EventStream::open_kept(&recording.dir, INPUTS)?;
    let found = match bound {
        Bound::Seq(seq) => inputs.seek(seq)?,
        Bound::Time(ns) => inputs.seek_time(ns)?,
    };
    Ok(if found { inputs.try_next()?.map(|event| event.header.seq.0) } else { None })
}

/// The last input that is not behind `bound`.
fn last_at(recording: &Recording, bound: Option<Bound>) -> anyhow::Result<u64> {
    Ok(match bound {
        None => u64::MAX,
        Some(Bound::Seq(seq)) => seq,
        Some(Bound::Time(ns)) => {
            first_at(recording, Bound::Time(ns.saturating_add(1)))?.map_or(u64::MAX, |after| after - 1)
        }
    })
}

/// Verifies what `range` asks for of `recording`.
pub(super) fn verify(recording: &Recording, range: Range<'_>) -> anyhow::Result<Verified> {
    let (dir, started) = (&recording.dir, Instant::now());
    if !recording.has_outputs {
        return Err(usage(format!(
            "--from, --to: {} has no outputs, so nothing of a part can be compared; verify all of it",
            dir.display()
        )));
    }
    let kept = [first_kept(recording, INPUTS)?, first_kept(recording, OUTPUTS)?];
    let date = Some(recording.head.first_session.date);
    let bound = |flag, text: Option<&str>| text.map(|text| Bound::parse(flag, text, date)).transpose();
    let (from, to) = (bound("--from", range.from)?, bound("--to", range.to)?);
    let behind = |flag: &str| usage(format!("{flag} is behind the last input of {}", dir.display()));
    let from = from.map(|from| first_at(recording, from)?.ok_or_else(|| behind("--from"))).transpose()?;
    let to = last_at(recording, to)?;
    // Without --from, and with all of the run there, it is the start.
    let before = if kept == [1, 1] { Some(from.unwrap_or(1)) } else { from };
    let begun = begin_before(recording, before, kept)?;
    let seq = begun.snapshot_seq.unwrap_or(0);
    if begun.snapshot_seq.is_none() && kept != [1, 1] {
        return Err(data(format!(
            "{}: retention removed the inputs before {}, and there is no good snapshot to verify from before that place; \
             restore the segments from an archive, or give a later --from",
            dir.display(),
            kept[0]
        )));
    }
    let from = from.unwrap_or(seq + 1);
    if to < from {
        return Err(usage(format!("--to: input {to} is before the first one to be verified, {from}")));
    }
    let mut inputs = EventStream::open_kept(dir, INPUTS)?;
    inputs.seek(seq + 1)?;
    let mut progress = Progress::new("verify", 0);
    let mut seen = |event: &Event| {
        if event.header.seq.0.is_multiple_of(65_536) {
            progress.at(event.header.seq.0);
        }
    };
    let mut lead = UpTo::new(inputs, from - 1);
    let recovery = match from - 1 > seq {
        true => begun.recovery.run(&mut lead, None, &mut NoLog, &mut seen),
        false => Ok(begun.recovery),
    };
    let mut inputs = UpTo::new(lead.stream, to);
    let compared = recovery
        .map_err(Stopped::Run)
        .and_then(|recovery| compare(recording, recovery, &mut inputs, to, &mut seen));
    if let Some(error) = inputs.stream.end().take_error() {
        return Err(error.into());
    }
    let mut notes = super::said(recording);
    let result = match compared {
        Ok((mut result, outputs)) => {
            // With all compared up to --to, what follows there is no part of this.
            if inputs.last < to || result.beyond_recorded > 0 {
                judge_end(&outputs, &mut result, &mut notes);
            }
            result
        }
        Err(stopped) => differing(recording, &inputs, stopped)?,
    };
    let part = Part { from, to: inputs.last.max(from), snapshot: begun.snapshot_seq };
    let (identical, wall_s) = (Some(result.divergence.is_none()), started.elapsed().as_secs_f64());
    Ok(Verified { result, identical, notes, wall_s, pipeline: recording.pipeline.clone(), part: Some(part) })
}

/// Why a part could not be run to its end.
enum Stopped {
    /// Something differs.
    Run(RecoverError),
    /// The recorded outputs cannot be read up to the part: there is damage in the same block before it.
    Outputs(StoreError),
}

/// Runs `inputs` and compares what they make; gives the recorded outputs where they ended as well.
fn compare(
    recording: &Recording,
    mut recovery: Recovery,
    inputs: &mut UpTo,
    to: u64,
    seen: &mut dyn FnMut(&Event),
) -> Result<(ReplayResult, EventStream), Stopped> {
    let made = recovery.resumed().sink.counts().outputs;
    let mut stream = EventStream::open_kept(&recording.dir, OUTPUTS).map_err(Stopped::Outputs)?;
    // A stream that ends before has nothing to compare with: all is beyond it, which is told.
    stream.seek(made + 1).map_err(Stopped::Outputs)?;
    let (mut recorded, mut beyond) = (OutputsUpTo { stream, to }, Beyond::default());
    let recovery = recovery.run(inputs, Some(&mut recorded), &mut beyond, seen).map_err(Stopped::Run)?;
    let resumed = recovery.into_resumed();
    let (mut stage_hashes, mut chain) = (Vec::new(), resumed.stages.fuse());
    chain.hashes(&mut |stage, hash| stage_hashes.push((stage, hash)));
    let (_, counts, ledger, outputs_hash) = resumed.sink.into_parts();
    let result = ReplayResult {
        inputs: inputs.count,
        last_seq: Seq(inputs.last),
        beyond_recorded: beyond.count,
        first_beyond: beyond.first,
        divergence: None,
        stage_hashes,
        outputs_hash,
        counts,
        ledger,
    };
    Ok((result, recorded.stream))
}

/// What is known of a run in which something differs.
fn differing(recording: &Recording, inputs: &UpTo, stopped: Stopped) -> anyhow::Result<ReplayResult> {
    let of = |stage, kind, field: &str, recorded: String, recomputed: &str| Divergence {
        seq: Seq(inputs.last),
        index: 0,
        stage,
        kind,
        field: field.to_owned(),
        recorded,
        recomputed: recomputed.to_owned(),
    };
    let divergence = match stopped {
        Stopped::Run(RecoverError::Diverged(divergence)) => *divergence,
        Stopped::Run(RecoverError::Inputs(error)) => of(
            StageId::Matcher,
            Kind::Report,
            "unexpected",
            error.to_string(),
            "no such report or wake was made",
        ),
        Stopped::Run(RecoverError::OutputsBeyond(count)) => {
            let recorded = format!("{count} outputs after the last recomputed one");
            of(StageId::Sequencer, Kind::StateHash, "missing", recorded, "nothing")
        }
        Stopped::Outputs(error) => {
            of(StageId::Sequencer, Kind::StateHash, "frame", error.to_string(), "an output")
        }
        Stopped::Run(error @ (RecoverError::Strategy(_) | RecoverError::Log)) => return Err(error.into()),
    };
    Ok(ReplayResult {
        inputs: inputs.count,
        last_seq: Seq(inputs.last),
        beyond_recorded: 0,
        first_beyond: None,
        divergence: Some(divergence),
        stage_hashes: Vec::new(),
        outputs_hash: 0,
        counts: Counts::default(),
        ledger: Ledger::new(&recording.pipeline.instruments),
    })
}
