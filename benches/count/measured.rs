//! What measuring costs: the fused pipeline on a minute of the synthetic day, with and without.

use crate::scenarios::Scenario;
use pitlane_benches::Day;
use pitlane_engine::drive::Run;
use pitlane_engine::drive::fused::Fused;
use pitlane_engine::drive::measure::Gauges;
use pitlane_engine::event::Timeframe;
use pitlane_engine::log::NoLog;
use pitlane_engine::sequencer::Release;
use pitlane_engine::units::TsNs;
use std::sync::Arc;

/// Inputs before anything is counted: the preamble, and every instrument has its prices.
const WARM_UP: u64 = 20_000;
/// Inputs that are counted; several checkpoints are among them.
const INPUTS: u64 = 50_000;

/// The pipeline with its steps measured in `gauges`, or without.
pub(crate) fn pipeline(gauges: Option<Arc<Gauges>>) -> Scenario {
    let day: &'static Day = Box::leak(Box::new(Day::new(1, Timeframe::S1)));
    let run = Run {
        config: &day.config,
        schedule: Box::new(day.schedule()),
        feed: Box::new(day.feed()),
        inputs: Box::new(NoLog),
        outputs: Box::new(NoLog),
        until: TsNs(u64::MAX),
        commands: None,
        broker: None,
        wall_clock: false,
        pace: None,
        measure: gauges,
        resume: None,
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
