//! The fused pipeline at full rate, and what holds it back. `cargo bench -p pitlane-benches --bench fused`.
//!
//! Three markets: the ticks of 15 April 2021, those of 9 October 2025, and full packets of the synthetic market. A run is
//! two million inputs of the day, played again and again, a day later each time; every run has an engine of its own. Five
//! rounds make ten million inputs a figure. What is compared takes turns within a round, and a ratio is that of one round:
//! a machine whose speed drifts drifts for both sides. Figures are the middle of the rounds with smallest and largest.
//! Journals are on memory (`/dev/shm`, or where `PITLANE_HOT` says) and below the target directory, at most 2 GiB at a time,
//! and are removed. What bounds them is making segments: give a mount with huge pages (docs/tuning.md, `journal_pages`).

mod alone;
mod replay;
mod runs;

use alone::{Alone, PARTS};
use pitlane_benches::markets::{april, depth, kite, recorded_days};
use pitlane_benches::scratch::Scratch;
use pitlane_benches::table::{Goal, load, machine, row};
use pitlane_engine::log::NoLog;
use pitlane_journal::Durability;
use pitlane_latency_bench::day::{Day, Logs};
use runs::{Neighbour, Seats, rate};
use std::time::Instant;

/// Rounds of every figure.
const ROUNDS: usize = 5;
/// Inputs of a run before anything is measured: every instrument has its prices, and bars of minutes have closed.
const WARM_UP: u64 = 50_000;
/// Inputs of a run that are measured.
const INPUTS: u64 = 2_000_000;
/// Bytes of the plain writes that show what the disk can take.
const DISK_BYTES: usize = 256 << 20;

/// Where this bench writes.
fn scratch() -> Scratch {
    Scratch::new("fused", env!("CARGO_TARGET_TMPDIR"))
}

/// No records.
fn nowhere() -> Logs {
    (Box::new(NoLog), Box::new(NoLog))
}

/// What the rounds of a market came to: rates in millions of inputs a second, shares of the rate without a journal in the
/// same round.
#[derive(Default)]
struct Figures {
    clean: Vec<f64>,
    hot: Vec<f64>,
    hot_share: Vec<f64>,
    durable: Vec<f64>,
    durable_share: Vec<f64>,
    /// The disk's own rate, if it wrote nothing but the same bytes.
    disk: Vec<f64>,
    beside: Vec<f64>,
    unbound: Vec<f64>,
    /// Nanoseconds an input of each part.
    parts: [Vec<f64>; PARTS.len()],
    /// The fused rate by the rate of the parts' sum, without and with a journal.
    of_sum: [Vec<f64>; 2],
    journaled_bytes: f64,
}

impl Figures {
    fn round(&mut self, day: &Day, seats: &Seats) {
        let clean = rate(day, nowhere(), seats.measured());
        self.clean.push(clean);
        let alone = {
            let scratch = scratch();
            let journals = scratch.journals(Durability::D0);
            seats.measured().run(|| Alone::measure(day, journals))
        };
        let hot = {
            let scratch = scratch();
            rate(day, scratch.journals(Durability::D0), seats.measured())
        };
        self.hot.push(hot);
        self.hot_share.push(hot / clean);
        for (figures, ns) in self.parts.iter_mut().zip(alone.ns) {
            figures.push(ns);
        }
        self.of_sum[0].push(clean * alone.sum_ns(false) / 1e3);
        self.of_sum[1].push(hot * alone.sum_ns(true) / 1e3);
        self.journaled_bytes = alone.journaled_bytes;
        if let Some(other) = seats.other() {
            let neighbour = Neighbour::start(other);
            self.beside.push(rate(day, nowhere(), seats.measured()) / clean);
            drop(neighbour);
            let neighbour = Neighbour::start(seats.any());
            self.unbound.push(rate(day, nowhere(), seats.any()) / clean);
            drop(neighbour);
        }
        let scratch = scratch();
        let durable = rate(day, scratch.journals(Durability::D1), seats.measured());
        self.durable.push(durable);
        self.durable_share.push(durable / clean);
        let disk_s = scratch.plain_writes(DISK_BYTES, true);
        self.disk.push(DISK_BYTES as f64 / alone.journaled_bytes / disk_s / 1e6);
    }

    fn print(&self, name: &str) {
        let line = |what: &str, figures: &[f64], unit: &str, goal| {
            row(&format!("{name}: {what}"), figures, unit, goal);
        };
        line("fused, no journal", &self.clean, "M/s", Goal::None);
        line("fused, D0 on the hot tier (aim 8)", &self.hot, "M/s", Goal::AtLeast(5.0));
        line("share kept at D0", &self.hot_share, "x", Goal::None);
        line("fused, D1 on two tiers", &self.durable, "M/s", Goal::None);
        line("share kept at D1", &self.durable_share, "x", Goal::None);
        let bytes = self.journaled_bytes;
        line(&format!("the disk's own limit, {bytes:.0} bytes an input"), &self.disk, "M/s", Goal::None);
        for (part, ns) in PARTS.iter().zip(&self.parts) {
            line(&format!("alone: {}", part.name()), ns, "ns", Goal::None);
        }
        let [bare, journaled] = &self.of_sum;
        line("fused by the sum of its parts, no journal", bare, "x", Goal::AtLeast(0.8));
        line("fused by the sum of its parts, D0", journaled, "x", Goal::AtLeast(0.8));
        line("share kept beside a busy thread, each on its cpu", &self.beside, "x", Goal::AtLeast(0.9));
        line("share kept beside a busy thread, neither bound", &self.unbound, "x", Goal::AtLeast(0.9));
    }
}

fn main() {
    // `cargo test` runs benches as tests: there they only have to build.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let started = Instant::now();
    machine(env!("CARGO_TARGET_TMPDIR"));
    let seats = Seats::find();
    println!("{seats}; runs of {INPUTS} inputs, {ROUNDS} rounds");
    let data = recorded_days();
    if let Some(data) = &data {
        market("15 April 2021", &april(data), &seats);
        market("9 October 2025", &kite(data), &seats);
    }
    market("depth", &depth(), &seats);
    let (name, day) = match &data {
        Some(data) => ("15 April 2021", april(data)),
        None => ("depth", depth()),
    };
    replay::replay(name, &day.with_crossover().expect("the crossover has its defaults"), &seats);
    println!("load at the end: {}; took {:.0} s", load(), started.elapsed().as_secs_f64());
}

fn market(name: &str, day: &Day, seats: &Seats) {
    println!("{name}: {}", day.describe());
    let mut figures = Figures::default();
    for _ in 0..ROUNDS {
        figures.round(day, seats);
    }
    figures.print(name);
}
