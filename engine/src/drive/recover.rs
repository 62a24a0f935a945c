//! Runs a recorded run again up to its end, so that it can go on from there: after a crash, and for snapshots.
//!
//! The recorded inputs are the truth. Every step is run again; what it puts out is compared with the recorded outputs as
//! far as they go, and appended where they stop: a crash leaves the outputs shorter than the inputs. The venue's reports
//! and wake-ups go into the pending store and come out of it as the recorded inputs say, so that those that were not yet sequenced
//! are pending again at the end.

use super::replay::{Divergence, difference};
use super::snapshot::{self, SnapshotHead, SnapshotIds};
use super::{Resumed, checkpoint_due};
use crate::config::PipelineConfig;
use crate::event::{Event, FLAG_OUT};
use crate::log::{EventLog, NoLog};
use crate::sequencer::source::{EventReader, Head, Source};
use crate::sequencer::{ReplayError, SOURCE_FEED, SOURCE_SCHEDULE};
use crate::stage::{Chain, StepEnd};
use crate::stages::decoder::DecoderCounters;
use crate::stages::strategy::StrategyError;

/// Why a run cannot be recovered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RecoverError {
    /// A strategy cannot be built.
    #[error(transparent)]
    Strategy(#[from] StrategyError),
    /// The inputs do not fit each other or the venue's reports.
    #[error(transparent)]
    Inputs(#[from] ReplayError),
    /// A recorded output is not what the recorded inputs make.
    #[error(
        "seq {}: recorded and recomputed differ in {} of {} ({} is recorded, {} recomputed)",
        .0.seq.0, .0.field, .0.kind.name(), .0.recorded, .0.recomputed
    )]
    Diverged(Box<Divergence>),
    /// Outputs are recorded that no recorded input makes.
    #[error("{0} outputs are recorded beyond the last input")]
    OutputsBeyond(u64),
    /// The outputs' log failed.
    #[error("the outputs cannot be recorded")]
    Log,
}

/// What recovery did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoverCounts {
    /// Inputs whose steps were run.
    pub inputs: u64,
    /// Inputs of the schedule since the run's start: what it has to skip.
    pub scheduled: u64,
    /// Inputs of feeds since then.
    pub fed: u64,
    /// Recorded outputs that were compared.
    pub compared: u64,
    /// Outputs that were missing and are appended.
    pub appended: u64,
}

/// Takes the outputs of a run again: the recorded ones are compared, what comes after them goes to the log.
struct Continued<'a> {
    recorded: Option<&'a mut (dyn EventReader + 'a)>,
    log: &'a mut (dyn EventLog + 'a),
    compared: u64,
    appended: u64,
    divergence: Option<Box<Divergence>>,
}

impl EventLog for Continued<'_> {
    fn append(&mut self, event: &Event) {
        if let Some(recorded) = self.recorded.as_mut().and_then(|reader| reader.next_event()) {
            self.compared += 1;
            if recorded.used_bytes() != event.used_bytes() && self.divergence.is_none() {
                self.divergence = Some(Box::new(difference(&recorded, event)));
            }
            return;
        }
        // Once they have ended they do not come again.
        self.recorded = None;
        self.appended += 1;
        self.log.append(event);
    }

    fn failed(&self) -> bool {
        self.log.failed()
    }
}

/// A run that is being run again.
pub struct Recovery {
    resumed: Resumed,
    counts: RecoverCounts,
}

impl Recovery {
    /// From nothing.
    ///
    /// # Errors
    /// If a strategy cannot be built.
    pub fn new(config: &PipelineConfig) -> Result<Self, StrategyError> {
        Ok(Self { resumed: Resumed::nothing(config)?, counts: RecoverCounts::default() })
    }

    /// From a snapshot.
    pub(super) fn resume(resumed: Resumed, head: SnapshotHead) -> Self {
        let counts = RecoverCounts { scheduled: head.scheduled, fed: head.fed, ..RecoverCounts::default() };
        Self { resumed, counts }
    }

    /// The snapshot of the run, which has just finished a checkpoint's step.
    pub fn snapshot(&mut self, ids: SnapshotIds) -> Vec<u8> {
        snapshot::save(&mut self.resumed, self.counts, ids)
    }

    /// The run as far as it is recovered, to look at or to save.
    pub fn resumed(&mut self) -> &mut Resumed {
        &mut self.resumed
    }

    /// What was done so far.
    pub fn counts(&self) -> RecoverCounts {
        self.counts
    }

    /// Runs the steps of `inputs`. Outputs are compared with `recorded` (`None`: there are none), what is missing is
    /// appended to `log`. `each` sees every input after its step.
    ///
    /// # Errors
    /// At the first input or output that does not fit.
    pub fn run<'a>(
        self,
        inputs: &mut dyn EventReader,
        recorded: Option<&'a mut (dyn EventReader + 'a)>,
        log: &'a mut (dyn EventLog + 'a),
        each: &mut dyn FnMut(&Event),
    ) -> Result<Self, RecoverError> {
        let Self { resumed: Resumed { stages, mut sequencer, sink }, mut counts } = self;
        let mut chain = stages.fuse();
        let out = Continued { recorded, log, compared: 0, appended: 0, divergence: None };
        let (mut sink, _) = sink.with_log(out);
        while let Some(event) = inputs.next_event() {
            sequencer.replay(&event)?;
            chain.event(&event, &mut sink);
            let end =
                StepEnd { seq: event.header.seq, ts: event.header.ts, checkpoint: checkpoint_due(&event) };
            chain.end(end, &mut sink);
            sink.end_step(end, 0);
            sink.endogenous().iter().for_each(|event| sequencer.on_endogenous(event));
            sink.clear_endogenous();
            counts.inputs += 1;
            counts.scheduled += u64::from(event.header.source == SOURCE_SCHEDULE);
            counts.fed += u64::from(is_fed(&event));
            if let Some(divergence) = sink.log_mut().divergence.take() {
                return Err(RecoverError::Diverged(divergence));
            }
            if sink.failed() {
                return Err(RecoverError::Log);
            }
            each(&event);
        }
        let (sink, mut out) = sink.with_log(NoLog);
        counts.compared += out.compared;
        counts.appended += out.appended;
        let mut beyond = 0;
        while out.recorded.as_mut().is_some_and(|reader| reader.next_event().is_some()) {
            beyond += 1;
        }
        if beyond > 0 {
            return Err(RecoverError::OutputsBeyond(beyond));
        }
        let stages = super::Stages::from_chain(chain);
        Ok(Self { resumed: Resumed { stages, sequencer, sink }, counts })
    }

    /// The run, to go on with.
    pub fn into_resumed(self) -> Resumed {
        self.resumed
    }
}

/// Whether an input is of a feed, and not of the schedule, an operator, the sequencer or the venue.
fn is_fed(event: &Event) -> bool {
    event.header.flags & (FLAG_OUT | crate::event::FLAG_ENDO) == 0 && event.header.source >= SOURCE_FEED
}

/// A source without its first events: they were taken before, by the run that is resumed.
pub struct Skip<S> {
    source: S,
    left: u64,
}

impl<S: Source> Skip<S> {
    /// What `source` brings after its first `count` events.
    pub fn new(source: S, count: u64) -> Self {
        Self { source, left: count }
    }
}

impl<S: Source> Source for Skip<S> {
    fn poll(&mut self) -> Head {
        while self.left > 0 {
            match self.source.poll() {
                Head::Ready => {
                    self.source.advance();
                    self.left -= 1;
                }
                other => return other,
            }
        }
        self.source.poll()
    }

    fn head(&self) -> &Event {
        self.source.head()
    }

    fn advance(&mut self) {
        self.source.advance();
    }

    fn close(&mut self) {
        self.source.close();
    }

    fn decoder_counters(&self) -> Option<&DecoderCounters> {
        self.source.decoder_counters()
    }
}
