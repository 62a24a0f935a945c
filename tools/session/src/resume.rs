//! A run goes on with the journal it finds: after a crash, from what both streams hold.
//!
//! ```text
//! lock ─► same program, configuration, instruments? ─► recover both streams ─► newest good snapshot, or the start
//!      ─► run the recorded inputs again, compare the outputs, append the missing ones ─► sources behind what they gave
//! ```
//! Nothing is guessed: what was recorded and what its inputs make must be the same, and the sources must bring what they
//! brought before. A journal whose last session has ended is complete, and is never written again.

mod identity;
mod origin;
mod snapshotter;
mod sources;
#[cfg(test)]
mod tests;

pub use identity::Restart;
pub(crate) use origin::begin_before;
pub use origin::snapshot_state;
pub use snapshotter::Snapshotter;

use crate::exit::{Exit, Refusal, data};
use crate::journal_watch::{DurabilityPlan, Stream};
use crate::live::say::say;
use crate::run::{Plan, lock_new, options};
use anyhow::Context;
use origin::Origin;
use pitlane_engine::drive::Resumed;
use pitlane_engine::drive::recover::{RecoverCounts, RecoverError, Recovery};
use pitlane_engine::event::Event;
use pitlane_engine::log::{EventLog, LogError, NoLog};
use pitlane_engine::sequencer::source::Source;
use pitlane_engine::units::TsNs;
use pitlane_journal::{Durable, JournalDir};
use pitlane_store::{
    Ends, EventStream, INPUTS, JournalLog, OUTPUTS, Snapshots, StreamEnd, ends_complete, has_segments,
    has_stream, recover_streams,
};
use serde::Serialize;
use sources::Sources;
use std::path::Path;
use std::time::Instant;

/// What a start recovered; `recovered` in its summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RecoveredSummary {
    /// Inputs that the journal held.
    pub inputs: u64,
    /// The last input of the snapshot it started from; `null` = from the start of the journal.
    pub from_snapshot_seq: Option<u64>,
    /// Inputs that were run again.
    pub replayed: u64,
    /// Outputs that were missing and are appended.
    pub outputs_appended: u64,
    /// Bytes of both streams that were cut because no whole frame followed.
    pub torn_bytes: u64,
    /// How long the parts took, in milliseconds.
    pub ms: RecoveredMs,
}

/// How long the parts of a recovery took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RecoveredMs {
    /// Locking the journal, and comparing whose it is.
    pub lock: f64,
    /// Reading and verifying both streams, and sealing their ends.
    pub scan: f64,
    /// Reading and loading the snapshot.
    pub snapshot: f64,
    /// Running inputs again, and bringing the sources behind them.
    pub replay: f64,
}

impl RecoveredSummary {
    /// A line for people.
    pub fn line(&self) -> String {
        let from = match self.from_snapshot_seq {
            Some(seq) => format!("from snapshot {seq}"),
            None => "from the start of the journal".to_owned(),
        };
        let RecoveredMs { lock, scan, snapshot, replay } = self.ms;
        let ms = lock + scan + snapshot + replay;
        let torn = match self.torn_bytes {
            0 => "no torn tail".to_owned(),
            bytes => format!("torn tail {bytes} bytes cut"),
        };
        let appended = match self.outputs_appended {
            0 => String::new(),
            count => format!(", {count} missing outputs appended"),
        };
        format!("recovered {} events {from} in {ms:.1} ms, {torn}{appended}", self.inputs)
    }
}

/// The logs and sources of a run, and what it goes on from.
pub struct Opened {
    /// Record of the inputs.
    pub inputs: Box<dyn EventLog>,
    /// Record of the outputs.
    pub outputs: Box<dyn EventLog>,
    /// Sessions, timers, scripted commands: those still to come.
    pub schedule: Box<dyn Source>,
    /// Market data still to come.
    pub feed: Box<dyn Source>,
    /// The run so far; `None` starts from nothing.
    pub resumed: Option<Box<Resumed>>,
    /// What was recovered, if anything was.
    pub recovered: Option<RecoveredSummary>,
    /// Time of the last recorded input.
    pub reached: TsNs,
    /// Both streams, inputs first, for who watches how far they are on the disk; none without a journal.
    pub streams: Vec<Stream>,
    /// Who the journal is, the same after every restart; `None` without one.
    pub journal: Option<[u8; 16]>,
}

/// Opens the journal of `plan` for a new run, or for one that goes on with what is there.
///
/// # Errors
/// If the journal is in use, holds a run that is complete or another one, is damaged, or does not hold what its inputs
/// make.
pub fn open(plan: &Plan, schedule: Box<dyn Source>, feed: Box<dyn Source>) -> anyhow::Result<Opened> {
    let Some(dir) = &plan.journal else {
        return Ok(fresh(Box::new(NoLog), Box::new(NoLog), Vec::new(), Sources { schedule, feed }));
    };
    let Some(restart) = &plan.restart else {
        let journal = lock_new(dir, &plan.durability)?;
        return begin(plan, &journal, &Ends::default(), Sources { schedule, feed });
    };
    let started = Instant::now();
    let journal = lock(dir, &plan.durability)?;
    identity::check(dir, plan, restart)?;
    let mut ms = RecoveredMs { lock: ms_since(started), ..RecoveredMs::default() };
    let started = Instant::now();
    let ends = recover_streams(&journal)?;
    ms.scan = ms_since(started);
    refuse_lost(dir, &ends)?;
    // Those of inputs that are lost: what comes in their place may be something else.
    let lost = Snapshots::of(dir).remove_after(ends.inputs_last());
    lost.with_context(|| format!("cannot remove snapshots of {}", dir.display()))?;
    if ends.inputs_last() == 0 {
        if has_stream(dir, INPUTS) {
            say(format!(
                "note: the writer of {} died before it recorded anything; it starts over",
                dir.display()
            ));
        }
        return begin(plan, &journal, &ends, Sources { schedule, feed });
    }
    go_on(plan, restart, &journal, &ends, Sources { schedule, feed }, ms)
}

/// Locks the journal at `dir`, with the tiers of `durability`. A hot directory that its writer noted before counts, whatever
/// is asked for now: what a crash left there would be lost in silence.
///
/// # Errors
/// If it is in use, or its directories cannot be used.
pub(crate) fn lock(dir: &Path, durability: &DurabilityPlan) -> anyhow::Result<JournalDir> {
    let context = || format!("cannot say where the journal {} is mapped", dir.display());
    let absolute = |path: &Path| std::path::absolute(path).with_context(context);
    let own = absolute(dir)?;
    let asked = durability.hot_dir.as_deref().map(absolute).transpose()?.filter(|asked| *asked != own);
    loop {
        let noted = pitlane_store::hot_dir(dir).with_context(context)?;
        let journal = match noted.as_ref().or(asked.as_ref()) {
            Some(hot_dir) => JournalDir::lock_tiered(dir, hot_dir)?,
            None => JournalDir::lock(dir)?,
        };
        if pitlane_store::hot_dir(dir).with_context(context)? != noted {
            // Another writer was here between the look and the lock.
            continue;
        }
        match (noted, &asked) {
            (None, Some(asked)) => pitlane_store::note_hot_dir(&journal, asked).with_context(context)?,
            (Some(noted), asked) if asked.as_ref() != Some(&noted) => say(format!(
                "note: the journal {} is mapped in {} since it was begun, and stays there",
                dir.display(),
                noted.display()
            )),
            _ => {}
        }
        return Ok(journal);
    }
}

fn fresh(
    inputs: Box<dyn EventLog>,
    outputs: Box<dyn EventLog>,
    streams: Vec<Stream>,
    sources: Sources,
) -> Opened {
    let Sources { schedule, feed } = sources;
    Opened {
        inputs,
        outputs,
        schedule,
        feed,
        resumed: None,
        recovered: None,
        reached: TsNs::ZERO,
        streams,
        journal: None,
    }
}

/// Makes the logs of a run of which nothing is recorded.
fn begin(plan: &Plan, journal: &JournalDir, ends: &Ends, sources: Sources) -> anyhow::Result<Opened> {
    let context = || format!("cannot make the journal {}", journal.path().display());
    let inputs =
        JournalLog::resume_inputs(journal, options(plan), ends.inputs.as_ref()).with_context(context)?;
    let outputs =
        JournalLog::resume_outputs(journal, options(plan), ends.outputs.as_ref()).with_context(context)?;
    let streams = vec![(INPUTS, inputs.durability()), (OUTPUTS, outputs.durability())];
    let opened = fresh(Box::new(inputs), Box::new(outputs), streams, sources);
    Ok(Opened { journal: Some(journal.journal_uuid()), ..opened })
}

/// Refuses a journal of which one stream is gone.
fn refuse_lost(dir: &Path, ends: &Ends) -> anyhow::Result<()> {
    let (shown, last) = (dir.display(), ends.inputs_last());
    if last > 0 && !has_stream(dir, OUTPUTS) {
        return Err(data(format!(
            "journal {shown} already holds a run, of inputs alone (an import): it cannot be gone on with; run it with \
             --mode replay --from {shown} and another --journal"
        )));
    }
    if last > 0 && !has_segments(dir, OUTPUTS) {
        return Err(data(format!(
            "journal {shown} already holds a run, and the segments of its outputs are gone; nothing was written. Restore \
             {shown}/{OUTPUTS}, or name another directory with --journal"
        )));
    }
    if last == 0 && ends.outputs_last() > 0 {
        return Err(data(format!(
            "journal {shown} already holds a run, and the {} outputs recorded there have no inputs; restore \
             {shown}/{INPUTS}, or name another directory with --journal",
            ends.outputs_last()
        )));
    }
    Ok(())
}

fn go_on(
    plan: &Plan,
    restart: &Restart,
    journal: &JournalDir,
    ends: &Ends,
    sources: Sources,
    mut ms: RecoveredMs,
) -> anyhow::Result<Opened> {
    let dir = journal.path();
    let (ended, whole) = ends_complete(dir, ends)?;
    let started = Instant::now();
    let mut taken = sources.behind_preamble(dir, restart)?;
    let taking_ms = ms_since(started);
    let over = ended && taken.is_over();
    if over && whole {
        return Err(complete(dir, ends.inputs_last()));
    }
    let started = Instant::now();
    let origin = Origin::newest(dir, plan, ends)?;
    ms.snapshot = ms_since(started);
    let started = Instant::now();
    let (recovery, outputs, outputs_durable) =
        run_again(plan, journal, ends, &origin.place(), origin.recovery)?;
    let counts = recovery.counts();
    let sources = if over { Sources::over() } else { taken.behind(counts) };
    ms.replay = ms_since(started) + taking_ms;
    let inputs = JournalLog::resume_inputs(journal, options(plan), ends.inputs.as_ref())
        .with_context(|| format!("cannot go on with the journal {}", dir.display()))?;
    let resumed = Box::new(recovery.into_resumed());
    let recovered = RecoveredSummary {
        inputs: ends.inputs_last(),
        from_snapshot_seq: origin.snapshot_seq,
        replayed: counts.inputs,
        outputs_appended: counts.appended,
        torn_bytes: ends.torn_bytes(),
        ms,
    };
    say(recovered.line());
    let streams = vec![(INPUTS, inputs.durability()), (OUTPUTS, outputs_durable)];
    Ok(Opened {
        streams,
        inputs: Box::new(inputs),
        outputs,
        schedule: sources.schedule,
        feed: sources.feed,
        reached: resumed.sequencer.last_ts(),
        resumed: Some(resumed),
        recovered: Some(recovered),
        journal: Some(journal.journal_uuid()),
    })
}

fn complete(dir: &Path, last: u64) -> anyhow::Error {
    data(format!(
        "journal {} already holds a run, and it is complete: its last session has ended with input {last}. Runs are \
         never overwritten; name another directory (--journal, or --out of whatif), or move this one away",
        dir.display()
    ))
}

/// Where in both streams a recovery begins.
struct Place {
    seq: u64,
    outputs: u64,
}

/// The log of outputs while they are compared: if the recorded ones end because they are damaged, nothing is appended.
struct Guarded {
    log: JournalLog,
    recorded: StreamEnd,
    refused: bool,
}

impl EventLog for Guarded {
    fn append(&mut self, event: &Event) {
        self.refused |= self.recorded.is_error();
        if !self.refused {
            self.log.append(event);
        }
    }

    fn failed(&self) -> bool {
        self.refused || self.log.failed()
    }

    fn finish(&mut self) -> Result<(), LogError> {
        self.log.finish()
    }
}

type RunAgain = (Recovery, Box<dyn EventLog>, Durable);

/// Runs the inputs behind `place` again, and brings the outputs to their end.
fn run_again(
    plan: &Plan,
    journal: &JournalDir,
    ends: &Ends,
    place: &Place,
    recovery: Recovery,
) -> anyhow::Result<RunAgain> {
    let dir = journal.path();
    let context = || format!("cannot go on with the journal {}", dir.display());
    let mut inputs = EventStream::open_kept(dir, INPUTS)?;
    inputs.seek(place.seq + 1)?;
    let mut recorded = EventStream::open_kept(dir, OUTPUTS)?;
    recorded.seek(place.outputs + 1)?;
    let (inputs_end, recorded_end) = (inputs.end(), recorded.end());
    let log = JournalLog::resume_outputs(journal, options(plan), ends.outputs.as_ref());
    let log = log.with_context(context)?;
    let durable = log.durability();
    let mut log = Guarded { log, recorded: recorded_end.clone(), refused: false };
    let outcome = recovery.run(&mut inputs, Some(&mut recorded), &mut log, &mut |_| {});
    for end in [inputs_end, recorded_end] {
        if let Some(error) = end.take_error() {
            return Err(error.into());
        }
    }
    if matches!(outcome, Err(RecoverError::Log)) {
        let error = log.finish().err().unwrap_or_else(|| "it did not say why".into());
        return Err(anyhow::anyhow!(error).context(context()));
    }
    let mut recovery = outcome.map_err(|error| unrecoverable(dir, error))?;
    let RecoverCounts { compared, .. } = recovery.counts();
    let last = recovery.resumed().sequencer.last_seq().0;
    assert!(
        last == ends.inputs_last() && place.outputs + compared == ends.outputs_last(),
        "a recovery without an error has run all inputs and compared all outputs"
    );
    Ok((recovery, Box::new(log), durable))
}

/// Why the record and what its inputs make do not fit.
fn unrecoverable(dir: &Path, error: RecoverError) -> anyhow::Error {
    let shown = dir.display();
    match error {
        RecoverError::Diverged(_) | RecoverError::Inputs(_) => {
            let what = match &error {
                RecoverError::Diverged(divergence) => format!("{error}, stage {}", divergence.stage.name()),
                _ => error.to_string(),
            };
            let message = format!(
                "journal {shown} does not hold what its inputs make, so nothing will trade on it: {what}. It was made by \
                 another build of this version, or was changed; `journal-replay verify {shown}` shows more; name another \
                 directory with --journal"
            );
            Refusal { exit: Exit::Divergence, message }.into()
        }
        RecoverError::OutputsBeyond(_) => data(format!(
            "journal {shown}: {error}: inputs at its end are lost, and what was done for them cannot be made again; \
             restore {shown}/{INPUTS} from a copy, or name another directory with --journal"
        )),
        other => other.into(),
    }
}

fn ms_since(started: Instant) -> f64 {
    // Microseconds are enough, and shorter to read.
    (started.elapsed().as_secs_f64() * 1e6).round() / 1e3
}
