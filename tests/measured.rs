//! Measuring a run changes no byte of it under any driver, and what it measures is what the run did.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_engine::drive::affinity::allowed_cpus;
use pitlane_engine::drive::fused::Fused;
use pitlane_engine::drive::idle::Wait;
use pitlane_engine::drive::measure::laps::SAMPLE_EVERY;
use pitlane_engine::drive::measure::{Gauges, Part, Reading, WORST};
use pitlane_engine::drive::topology::{RingSizes, workers};
use pitlane_engine::drive::{Run, RunResult, pinned};
use pitlane_engine::event::{Event, Kind};
use pitlane_engine::log::MemoryLog;
use pitlane_engine::units::TsNs;
use pitlane_tests::synthetic::{Day, day};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Minutes of the day that are run: several checkpoints, hundreds of orders.
const MINUTES: u64 = 25;

struct Logs {
    inputs: MemoryLog,
    outputs: MemoryLog,
}

fn run(day: &Day, measure: Option<Arc<Gauges>>) -> (Run<'_>, Logs) {
    let logs = Logs { inputs: MemoryLog::default(), outputs: MemoryLog::default() };
    let open = day.settings.fixed_session_times(day.settings.sim.date).open;
    let run = Run {
        until: TsNs(open.0 + MINUTES * 60_000_000_000),
        measure,
        ..Run::new(
            &day.config,
            Box::new(day.schedule()),
            Box::new(day.feed()),
            Box::new(logs.inputs.clone()),
            Box::new(logs.outputs.clone()),
        )
    };
    (run, logs)
}

fn driven(run: Run<'_>, threads: usize) -> RunResult {
    if threads == 1 {
        return Fused::new(run).unwrap().run(Wait::Yield, &|| false);
    }
    let cpus: Vec<usize> = allowed_cpus().into_iter().cycle().take(threads).collect();
    pinned::run(workers(run, threads, RingSizes::default()).unwrap(), &cpus, Wait::Yield, &|| false).unwrap()
}

/// What each input caused: its outputs, and whether an order is among them.
fn caused(outputs: &[Event]) -> BTreeMap<u64, (u32, u64)> {
    let mut caused = BTreeMap::new();
    for output in outputs {
        let (count, kinds) = caused.entry(output.header.seq.0).or_insert((0, 0));
        *count += 1;
        *kinds |= 1_u64 << (output.kind() as u8);
    }
    caused
}

fn check(reading: &Reading, inputs: &[Event], outputs: &[Event], how: &str) {
    let caused = caused(outputs);
    let order = 1_u64 << (Kind::Order as u8);
    let ordering = caused.values().filter(|(_, kinds)| kinds & order != 0).count() as u64;
    assert!(ordering > 100, "{how}: {ordering} steps order");
    assert_eq!((reading.steps.count(), reading.orders.count()), (inputs.len() as u64, ordering), "{how}");
    assert_eq!(reading.last_seq, inputs.last().unwrap().header.seq, "{how}");
    assert_eq!((reading.slowest_steps.len(), reading.slowest_orders.len()), (WORST, WORST), "{how}");
    assert_eq!(reading.slowest_steps[0].step_ns, reading.steps.max_ns(), "{how}");
    assert_eq!(reading.slowest_orders[0].order_ns, reading.orders.max_ns(), "{how}");
    for slow in reading.slowest_steps.iter().chain(&reading.slowest_orders) {
        let input = &inputs[slow.seq.0 as usize - 1];
        let header = input.header;
        let (outputs, kinds) = caused.get(&slow.seq.0).copied().unwrap_or_default();
        assert_eq!(
            (slow.ts, slow.kind, slow.instrument),
            (header.ts, header.kind, header.instrument),
            "{how}"
        );
        assert_eq!((slow.outputs, slow.caused), (outputs, kinds), "{how}: {slow:?}");
        assert_eq!(slow.order_ns > 0, kinds & order != 0, "{how}: {slow:?}");
        assert!(slow.order_ns <= slow.step_ns, "{how}: {slow:?}");
    }
    let sampled = inputs.len() as u64 / SAMPLE_EVERY;
    let parts = reading.parts.as_ref().unwrap();
    for (part, measured) in Part::ALL.iter().zip(parts) {
        // A clock of 10 ns may see nothing of a part; that is no sample.
        let count = measured.count();
        assert!(count <= sampled && count >= sampled / 2, "{how}: {} has {count} of {sampled}", part.name());
    }
}

#[test]
fn a_measured_run_is_the_same_bytes_and_its_figures_are_of_that_run() {
    let day = day(1);
    let (plain, logs) = run(&day, None);
    let expected = driven(plain, 1).state_hash();
    let (inputs, outputs) = (logs.inputs.events(), logs.outputs.events());
    for threads in 1..=5 {
        let how = format!("{threads} threads");
        let gauges = Gauges::new(true);
        let (measured, again) = run(&day, Some(gauges.clone()));
        assert_eq!(driven(measured, threads).state_hash(), expected, "{how}");
        assert!(again.inputs.bytes() == logs.inputs.bytes(), "{how}: the inputs differ");
        assert!(again.outputs.bytes() == logs.outputs.bytes(), "{how}: the outputs differ");
        check(&gauges.read(), &inputs, &outputs, &how);
    }
}

#[test]
fn parts_are_sampled_only_where_that_was_asked_for() {
    let (gauges, day) = (Gauges::new(false), day(1));
    driven(run(&day, Some(gauges.clone())).0, 2);
    let reading = gauges.read();
    assert!(reading.parts.is_none() && reading.steps.count() > 10_000);
}
