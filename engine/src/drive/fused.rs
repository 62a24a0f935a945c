//! All stages on the caller's thread, as plain calls: the reference semantics.

use super::broker::Ways;
use super::clock::{Clock, Pace};
use super::idle::Wait;
use super::measure::laps::{Lapped, Laps, Part, Recorded};
use super::sink::Sink;
use super::worker::{Duty, Worker};
use super::{FusedChain, Resumed, Run, RunResult, checkpoint_due, collect_hashes, sequencer};
use crate::log::EventLog;
use crate::sequencer::source::{Merged, Source};
use crate::sequencer::{Release, Sequencer};
use crate::stage::{Chain, StepEnd};
use crate::stages::strategy::StrategyError;
use crate::units::{Seq, TsNs};

type AnySource = Merged<Box<dyn Source>, Box<dyn Source>>;

/// The whole pipeline as one worker.
pub struct Fused {
    sequencer: Sequencer<AnySource, Box<dyn EventLog>>,
    chain: FusedChain,
    sink: Sink<Box<dyn EventLog>>,
    clock: Option<Clock>,
    /// When the last step ended, if the next one follows it at once; zero if not.
    ended_ns: u64,
    laps: Option<Laps>,
    pace: Option<Pace>,
    now: TsNs,
    broker_gone: bool,
}

impl Fused {
    /// Builds the pipeline.
    ///
    /// # Errors
    /// If a strategy cannot be built.
    pub fn new(run: Run<'_>) -> Result<Self, StrategyError> {
        let source = Merged::new(run.schedule, run.feed);
        let resumed = run.resume.map_or_else(|| Resumed::nothing(run.config), |resumed| Ok(*resumed))?;
        let (ways, to_broker) = Ways::new(run.commands, run.broker, run.wall_clock);
        let (stages, state, sink) = resumed.into_parts(run.outputs, run.measure.clone(), to_broker);
        Ok(Self {
            sequencer: sequencer(source, run.inputs, run.config, run.until, ways, state),
            chain: stages.fuse(),
            sink,
            clock: run.measure.is_some().then(Clock::default),
            ended_ns: 0,
            laps: Laps::new(run.measure.as_ref()),
            now: run.pace.as_ref().map_or(TsNs(u64::MAX), Pace::now),
            pace: run.pace,
            broker_gone: false,
        })
    }

    /// Runs the step of the next input, if there is one.
    pub fn step(&mut self) -> Release {
        let start_ns = match &self.clock {
            Some(clock) if self.ended_ns == 0 => clock.now_ns(),
            _ => self.ended_ns,
        };
        let release = self.sequencer.release(self.now);
        if release != Release::Released {
            self.ended_ns = 0;
            return release;
        }
        let event = self.sequencer.current();
        let end = StepEnd { seq: event.header.seq, ts: event.header.ts, checkpoint: checkpoint_due(event) };
        if let Some(laps) = self.laps.as_ref().filter(|laps| laps.takes(end.seq)) {
            laps.begin(Part::Sequence, start_ns);
            let out = &mut Recorded { out: &mut self.sink, laps };
            self.chain.event_lapped(event, out, laps);
            self.chain.end_lapped(end, out, laps);
            laps.finish();
        } else {
            self.chain.event(event, &mut self.sink);
            self.chain.end(end, &mut self.sink);
        }
        self.ended_ns = self.sink.end_step(end, start_ns);
        for event in self.sink.endogenous() {
            self.sequencer.on_endogenous(event);
        }
        self.sink.clear_endogenous();
        self.sequencer.on_done(end.seq);
        release
    }

    /// Runs to the end on this thread.
    pub fn run(mut self, wait: Wait, stop: &dyn Fn() -> bool) -> RunResult {
        let mut stopping = false;
        loop {
            match self.duty_cycle(4_096) {
                Duty::Worked => {}
                Duty::Idle => wait.wait(),
                Duty::Finished | Duty::Failed => break,
            }
            if !stopping && stop() {
                stopping = true;
                self.stop();
            }
        }
        self.into_result()
    }

    /// Seals the logs and takes the run's result.
    pub fn into_result(self) -> RunResult {
        let mut result = super::worker::empty_result();
        Box::new(self).finish(&mut result);
        result
    }

    /// The input released last.
    pub fn last_seq(&self) -> Seq {
        self.sequencer.last_seq()
    }

    /// The stages, to look at.
    pub fn chain(&self) -> &FusedChain {
        &self.chain
    }
}

impl Worker for Fused {
    fn name(&self) -> &'static str {
        "decode+sequence+strategy+risk+match"
    }

    fn duty_cycle(&mut self, budget: usize) -> Duty {
        if let Some(pace) = &self.pace {
            self.now = pace.now();
        }
        // Whoever calls may have done something else meanwhile.
        self.ended_ns = 0;
        for done in 0..budget {
            if self.sink.failed() {
                return Duty::Failed;
            }
            match self.step() {
                Release::Released => {}
                Release::Blocked if done == 0 => return Duty::Idle,
                Release::Blocked => return Duty::Worked,
                Release::Finished => return Duty::Finished,
                Release::LogFailed => return Duty::Failed,
                Release::BrokerGone => {
                    self.broker_gone = true;
                    return Duty::Failed;
                }
            }
        }
        Duty::Worked
    }

    fn stop(&mut self) {
        self.sequencer.stop();
    }

    fn finish(mut self: Box<Self>, result: &mut RunResult) {
        result.last_seq = self.sequencer.last_seq();
        result.stage_hashes.extend(collect_hashes(&mut self.chain));
        let risk = &self.chain.second.second.first;
        result.risk_stop = super::worker::risk_stop(risk);
        result.decoder = self.sequencer.source().decoder_counters().cloned();
        if self.broker_gone {
            result.broker_error.get_or_insert(super::broker::GONE);
        }
        super::worker::finish_log(self.sequencer.into_log(), result);
        super::worker::finish_sink(self.sink, result);
    }
}
