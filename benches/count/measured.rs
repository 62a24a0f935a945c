//! What measuring costs: the fused pipeline on a minute of the synthetic day, with and without.

use crate::scenarios::Scenario;
use pitlane_benches::Day;
use pitlane_engine::drive::Run;
use pitlane_engine::drive::fused::Fused;
use pitlane_engine::drive::measure::Gauges;
use pitlane_engine::event::Timeframe;
use pitlane_engine::log::NoLog;
use pitlane_engine::sequencer::Release;
use std::sync::Arc;

/// Inputs before anything is counted: the preamble, and every instrument has its prices.
const WARM_UP: u64 = 20_000;
/// Inputs that are counted; several checkpoints are among them.
const INPUTS: u64 = 50_000;

/// The pipeline with its steps measured in `gauges`, or without.
pub(crate) fn pipeline(gauges: Option<Arc<Gauges>>) -> Scenario {
    let day: &'static Day = Box::leak(Box::new(Day::new(1, Timeframe::S1)));
    let run = Run {
        measure: gauges,
        ..Run::new(
            &day.config,
            Box::new(day.schedule()),
            Box::new(day.feed()),
            Box::new(NoLog),
            Box::new(NoLog),
        )
    };
    let mut fused = Fused::new(run).expect("the demo's strategies exist");
    let mut steps = move |count: u64| {
        for _ in 0..count {
            assert_eq!(fused.step(), Release::Released, "the day is longer than what is counted");
        }
    };
    steps(WARM_UP);
    Scenario { run: Box::new(move || steps(INPUTS)), operations: INPUTS }
}
