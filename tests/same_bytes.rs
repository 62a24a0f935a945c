//! One hash on every build and driver: the golden value below is reached in debug and in release, fused and threaded.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_engine::drive::affinity::allowed_cpus;
use pitlane_engine::drive::fused::Fused;
use pitlane_engine::drive::idle::Wait;
use pitlane_engine::drive::topology::{RingSizes, workers};
use pitlane_engine::drive::{Run, RunResult, pinned};
use pitlane_engine::log::NoLog;
use pitlane_engine::units::TsNs;
use pitlane_tests::synthetic::{Day, day};

/// The state hash of the day below. It changes when an event, a stage or the synthetic market changes: then look at what
/// changed, and why, before you write the new value here.
const GOLDEN: u128 = 0xe556_f1f4_f4c9_6dc5_e975_faef_fa64_4c8d;

/// Minutes of the day that are run: enough for every timeframe but the longest, short enough for a debug build.
const MINUTES: u64 = 40;

fn run(day: &Day) -> Run<'_> {
    let schedule = day.schedule();
    Run {
        until: TsNs(
            day.settings.fixed_session_times(day.settings.sim.date).open.0 + MINUTES * 60_000_000_000,
        ),
        ..Run::new(&day.config, Box::new(schedule), Box::new(day.feed()), Box::new(NoLog), Box::new(NoLog))
    }
}

fn check(result: &RunResult, how: &str) {
    assert!(result.counts.fills > 100, "{how}: too little happened: {:?}", result.counts);
    assert_eq!(result.state_hash(), GOLDEN, "{how}: the state hash is {:#034x}", result.state_hash());
}

#[test]
fn every_build_and_driver_reaches_the_golden_hash() {
    let day = day(1);
    check(&Fused::new(run(&day)).unwrap().run(Wait::Yield, &|| false), "fused");
    let cpus: Vec<usize> = allowed_cpus().into_iter().cycle().take(5).collect();
    for threads in 2..=5 {
        let workers = workers(run(&day), threads, RingSizes::default()).unwrap();
        let result = pinned::run(workers, &cpus[..threads], Wait::Park, &|| false).unwrap();
        check(&result, &format!("{threads} threads"));
    }
}
