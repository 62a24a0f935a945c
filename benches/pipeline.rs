//! Throughput of the whole pipeline, and what its parts cost. `cargo bench -p pitlane-benches`.
//!
//! Every figure is the median of nine runs with smallest and largest; the configurations take turns, so that a machine
//! whose speed drifts drifts for all of them. Ratios within one run travel between machines, absolute figures do not.

use pitlane_benches::{Day, spread};
use pitlane_engine::drive::fused::Fused;
use pitlane_engine::drive::idle::Wait;
use pitlane_engine::drive::measure::Gauges;
use pitlane_engine::drive::topology::{RingSizes, workers};
use pitlane_engine::drive::{Run, RunResult, affinity, pinned};
use pitlane_engine::event::{Event, Timeframe};
use pitlane_engine::log::{EventLog, NoLog};
use pitlane_engine::sequencer::Release;
use pitlane_engine::sequencer::source::{Head, Source};
use pitlane_engine::stage::{Chain, Emit};
use pitlane_engine::stages::bars::Bars;
use pitlane_journal::{JournalDir, WriterOptions};
use pitlane_store::JournalLog;
use std::sync::Arc;
use std::time::Instant;

const RUNS: usize = 9;

type Logs = (Box<dyn EventLog>, Box<dyn EventLog>);

fn run(day: &Day, (inputs, outputs): Logs, measure: Option<Arc<Gauges>>) -> Run<'_> {
    Run { measure, ..Run::new(&day.config, Box::new(day.schedule()), Box::new(day.feed()), inputs, outputs) }
}

fn nowhere() -> Logs {
    (Box::new(NoLog), Box::new(NoLog))
}

fn journal(dir: &std::path::Path) -> Logs {
    let lock = JournalDir::lock(dir).expect("the directory is free");
    let options = WriterOptions { sync_on_seal: false, ..WriterOptions::default() };
    let inputs = JournalLog::inputs(&lock, options).expect("there is room");
    let outputs = JournalLog::outputs(&lock, options).expect("there is room");
    (Box::new(inputs), Box::new(outputs))
}

fn timed(work: impl FnOnce() -> RunResult) -> (f64, RunResult) {
    let started = Instant::now();
    let result = work();
    (result.counts.events as f64 / started.elapsed().as_secs_f64() / 1e6, result)
}

/// The rate of a fused run. Building the stages, making and sealing the journal's files are not the pipeline's work.
fn fused(run: Run<'_>) -> (f64, RunResult) {
    let mut fused = Fused::new(run).expect("strategies exist");
    let started = Instant::now();
    while fused.step() == Release::Released {}
    let wall_s = started.elapsed().as_secs_f64();
    let result = fused.into_result();
    (result.counts.events as f64 / wall_s / 1e6, result)
}

struct Nowhere(u64);

impl Emit for Nowhere {
    fn emit(&mut self, event: &Event) {
        self.0 += u64::from(event.header.lines);
    }
}

/// Decoding alone, then decoding and bars, in nanoseconds an event.
fn parts(day: &Day) -> (f64, f64) {
    let pass = |with_bars: bool| {
        let mut feed = day.feed();
        let mut bars = Bars::new(&day.config.instruments, &day.config.bars);
        let (mut sink, mut events) = (Nowhere(0), 0_u64);
        let mut schedule = day.schedule();
        while schedule.poll() == Head::Ready && events < 1_000 {
            bars.event(schedule.head(), &mut sink);
            schedule.advance();
            events += 1;
        }
        let (started, mut events) = (Instant::now(), 0_u64);
        while feed.poll() == Head::Ready {
            if with_bars {
                bars.event(feed.head(), &mut sink);
            } else {
                sink.emit(feed.head());
            }
            feed.advance();
            events += 1;
        }
        assert!(sink.0 > 0);
        started.elapsed().as_nanos() as f64 / events as f64
    };
    (pass(false), pass(true))
}

fn main() {
    // `cargo test` runs benches as tests: there they only have to build.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let day = Day::new(2, Timeframe::S1);
    let shm = std::path::Path::new("/dev/shm");
    let base = if shm.is_dir() { shm } else { std::path::Path::new("/tmp") };
    let cpus = affinity::allowed_cpus();
    let mut figures: Vec<(&str, Vec<f64>)> = [
        "fused, no journal",
        "fused, measured",
        "fused, stages sampled",
        "fused, journal",
        "two threads, no journal",
    ]
    .map(|name| (name, Vec::new()))
    .into();
    let (mut decode, mut bars, mut p50, mut p99, mut orders, mut events) =
        (vec![], vec![], vec![], vec![], 0, 0);
    let mut shares = [Vec::new(), Vec::new()];
    for _ in 0..RUNS {
        let (rate, result) = fused(run(&day, nowhere(), None));
        figures[0].1.push(rate);
        events = result.counts.events;
        for (index, parts) in [(1, false), (2, true)] {
            let (measured, _) = fused(run(&day, nowhere(), Some(Gauges::new(parts))));
            figures[index].1.push(measured);
            shares[index - 1].push(measured / rate);
        }
        let dir = base.join(format!("pitlane-bench-{}", std::process::id()));
        let gauges = Gauges::new(false);
        let (rate, _) = fused(run(&day, journal(&dir), Some(gauges.clone())));
        let removed = std::fs::remove_dir_all(&dir);
        assert!(removed.is_ok(), "the bench's journal can be removed");
        figures[3].1.push(rate);
        let measured = gauges.read().orders;
        orders = measured.count();
        p50.push(measured.quantile_ns(0.5) as f64);
        p99.push(measured.quantile_ns(0.99) as f64);
        if cpus.len() >= 2 {
            let workers = workers(run(&day, nowhere(), None), 2, RingSizes::default());
            let workers = workers.expect("strategies exist");
            let pinned =
                || pinned::run(workers, &cpus[..2], Wait::Busy, &|| false).expect("the cpus can be used");
            figures[4].1.push(timed(pinned).0);
        }
        let (a, b) = parts(&day);
        decode.push(a);
        bars.push(b - a);
    }
    println!("{events} inputs a run, {RUNS} runs, median (smallest .. largest)");
    for (name, rates) in figures.into_iter().filter(|(_, rates)| !rates.is_empty()) {
        let (low, middle, high) = spread(rates);
        println!("{name:<26} {middle:>8.2} M inputs/s ({low:.2} .. {high:.2})");
    }
    for (name, shares) in ["measured", "stages sampled"].into_iter().zip(shares) {
        let (low, middle, high) = spread(shares);
        println!("{name:<26} {middle:>8.2} of the rate without ({low:.2} .. {high:.2})");
    }
    for (name, ns) in [("decode", decode), ("bars", bars)] {
        let (low, middle, high) = spread(ns);
        println!("{name:<26} {middle:>8.1} ns a tick ({low:.1} .. {high:.1})");
    }
    for (name, ns) in [("tick to order p50", p50), ("tick to order p99", p99)] {
        let (low, middle, high) = spread(ns);
        println!("{name:<26} {middle:>8.0} ns ({low:.0} .. {high:.0}), {orders} orders a run");
    }
}
