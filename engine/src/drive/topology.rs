//! Which stages share a thread: the pipeline cut into workers, with rings between them.
//!
//! | threads | cut |
//! |---|---|
//! | 1 | everything fused, no ring |
//! | 2 | decode, sequence, bars \| strategy, risk, match |
//! | 3 | decode \| sequence, bars \| strategy, risk, match |
//! | 4 | decode \| sequence, bars \| strategy \| risk, match |
//! | 5 | decode \| sequence, bars \| strategy \| risk \| match |

use super::broker::Ways;
use super::clock::Clock;
use super::fused::Fused;
use super::measure::laps::Laps;
use super::ring::{CALL_SLOTS, ring};
use super::worker::{FeedWorker, SequencerWorker, Shared, SinkWorker, StageWorker, Worker, risk_stop};
use super::{Resumed, Run, Stages, sequencer};
use crate::limits::{ENDOGENOUS_PER_STEP_MAX, PENDING_MAX};
use crate::sequencer::source::{Merged, RingSource, Source};
use crate::stage::Then;
use crate::stages::risk::Risk;
use crate::stages::strategy::{Strategies, StrategyError};
use crate::stages::venue::Venue;

/// Stages that can have a thread of their own.
pub const STAGES: usize = 5;

/// Sizes of the rings between workers, in events.
#[derive(Clone, Copy, Debug)]
pub struct RingSizes {
    /// Between two workers of the chain.
    pub events: usize,
    /// From the venue back to the sequencer: reports and wake-ups.
    pub reports: usize,
}

impl Default for RingSizes {
    fn default() -> Self {
        Self { events: 1_024, reports: PENDING_MAX }
    }
}

impl RingSizes {
    /// The smallest rings that work.
    pub const MIN: Self = Self { events: CALL_SLOTS, reports: ENDOGENOUS_PER_STEP_MAX };
}

type SinkChain3 = Then<Strategies, Then<Risk, Venue>>;
type SinkChain2 = Then<Risk, Venue>;

/// Cuts a run into `threads` workers, in pipeline order.
///
/// # Errors
/// If a strategy cannot be built.
pub fn workers(
    run: Run<'_>,
    threads: usize,
    rings: RingSizes,
) -> Result<Vec<Box<dyn Worker>>, StrategyError> {
    assert!((1..=STAGES).contains(&threads), "a run has one to five workers");
    if threads == 1 {
        return Ok(vec![Box::new(Fused::new(run)?)]);
    }
    let resumed = run.resume.map_or_else(|| Resumed::nothing(run.config), |resumed| Ok(*resumed))?;
    let (ways, to_broker) = Ways::new(run.commands, run.broker, run.wall_clock);
    let (stages, state, sink) = resumed.into_parts(run.outputs, run.measure.clone(), to_broker);
    let shared = Shared::new(state.last_seq());
    let mut workers: Vec<Box<dyn Worker>> = Vec::new();
    let source: Box<dyn Source> = if threads == 2 {
        Box::new(Merged::new(run.schedule, run.feed))
    } else {
        let (to_sequencer, from_decoder) = ring(rings.events);
        workers.push(Box::new(FeedWorker::new(run.feed, to_sequencer)));
        let feed = RingSource::new(from_decoder);
        let feed = if run.wall_clock { feed.on_wall_clock() } else { feed };
        Box::new(Merged::new(run.schedule, feed))
    };
    let (to_sequencer, reports) = rtrb::RingBuffer::new(rings.reports);
    let (out, input) = ring(rings.events);
    let sequencer = sequencer(source, run.inputs, run.config, run.until, ways, state);
    let name = if threads == 2 { "decode+sequence" } else { "sequence" };
    let gauges = run.measure.as_ref();
    let clock = gauges.is_some().then(Clock::default);
    let laps = || Laps::new(gauges);
    let back = (reports, shared.clone());
    let head = SequencerWorker::new(name, sequencer, stages.bars, out, back, clock, run.pace);
    workers.push(Box::new(head.sampled(laps())));
    let Stages { strategy, risk, matcher, .. } = stages;
    if threads <= 3 {
        let chain = Then::new(strategy, Then::new(risk, matcher));
        let report = |chain: &SinkChain3, result: &mut super::RunResult| {
            result.risk_stop = risk_stop(&chain.second.first);
        };
        let name = "strategy+risk+match";
        let last = SinkWorker::new(name, chain, input, sink, to_sequencer, shared, report);
        workers.push(Box::new(last.sampled(laps())));
        return Ok(workers);
    }
    let (out, from_strategy) = ring(rings.events);
    let middle = StageWorker::new("strategy", "strategy_output_full", strategy, input, out, |_, _| {});
    workers.push(Box::new(middle.sampled(laps())));
    if threads == 4 {
        let chain = Then::new(risk, matcher);
        let report = |chain: &SinkChain2, result: &mut super::RunResult| {
            result.risk_stop = risk_stop(&chain.first);
        };
        let name = "risk+match";
        let last = SinkWorker::new(name, chain, from_strategy, sink, to_sequencer, shared, report);
        workers.push(Box::new(last.sampled(laps())));
        return Ok(workers);
    }
    let (out, from_risk) = ring(rings.events);
    let report = |risk: &Risk, result: &mut super::RunResult| result.risk_stop = risk_stop(risk);
    let middle = StageWorker::new("risk", "risk_output_full", risk, from_strategy, out, report);
    workers.push(Box::new(middle.sampled(laps())));
    let last = SinkWorker::new("match", matcher, from_risk, sink, to_sequencer, shared, |_: &Venue, _| {});
    workers.push(Box::new(last.sampled(laps())));
    Ok(workers)
}
