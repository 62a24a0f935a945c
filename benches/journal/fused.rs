//! The whole pipeline with both journals at D1 on two tiers, against the same without.

use crate::{cpu_ns, scratch};
use pitlane_benches::Day;
use pitlane_benches::table::{Goal, row};
use pitlane_engine::drive::Run;
use pitlane_engine::drive::fused::Fused;
use pitlane_engine::event::{Event, Timeframe};
use pitlane_engine::log::{EventLog, NoLog};
use pitlane_engine::sequencer::Release;
use pitlane_journal::Durability;
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
/// Memory that bare stores go round in: much more than the caches hold, as a journal's segments are.
const BARE_BYTES: usize = 256 << 20;
/// What stands before an event in a journal.
const FRAME_HEADER_BYTES: usize = 32;
/// Time between inputs of the paced runs.
const PACE_NS: u64 = 1_000;

/// One run.
struct Ran {
    /// Inputs per second on the wall clock, in millions.
    rate: f64,
    /// Time of the pipeline's thread on its cpu, in nanoseconds an input; when paced, waiting is in it.
    cpu_ns: f64,
    /// Time that finishing the logs took, in milliseconds.
    drain_ms: f64,
}

fn run(day: &Day, logs: (Box<dyn EventLog>, Box<dyn EventLog>), paced: bool) -> Ran {
    let mut fused =
        Fused::new(Run::new(&day.config, Box::new(day.schedule()), Box::new(day.feed()), logs.0, logs.1))
            .expect("strategies exist");
    let (cpu_before, started) = (cpu_ns(), Instant::now());
    let mut steps = 0_u64;
    while fused.step() == Release::Released {
        steps += 1;
        // Open loop: who is late is not waited for.
        while paced && started.elapsed() < Duration::from_nanos(steps * PACE_NS) {
            std::hint::spin_loop();
        }
    }
    let wall_s = started.elapsed().as_secs_f64();
    let cpu = cpu_ns() - cpu_before;
    let finishing = Instant::now();
    let events = fused.into_result().counts.events as f64;
    let drain_ms = finishing.elapsed().as_secs_f64() * 1e3;
    Ran { rate: events / wall_s / 1e6, cpu_ns: cpu as f64 / events, drain_ms }
}

/// Stores what a journal would, into touched memory, and nothing else: no checksum, no commit, no thread behind it.
struct BareStores {
    memory: Vec<u8>,
    at: usize,
}

impl BareStores {
    fn new() -> Self {
        // Not zeroed pages of the kernel's: touched ones.
        Self { memory: vec![1; BARE_BYTES], at: 0 }
    }
}

impl EventLog for BareStores {
    fn append(&mut self, event: &Event) {
        let bytes = event.used_bytes();
        if self.at + FRAME_HEADER_BYTES + bytes.len() > BARE_BYTES {
            self.at = 0;
        }
        let slot = &mut self.memory[self.at..][..FRAME_HEADER_BYTES + bytes.len()];
        slot[..FRAME_HEADER_BYTES].copy_from_slice(&bytes[..FRAME_HEADER_BYTES]);
        slot[FRAME_HEADER_BYTES..].copy_from_slice(bytes);
        self.at += slot.len();
    }
}

/// Rates with and without journals.
pub(crate) fn fused() {
    let day = Day::new(2, Timeframe::S1);
    for (name, paced, goal) in [("full rate", false, 0.90), ("1 M inputs/s", true, 0.95)] {
        let (mut off, mut hot, mut durable) = (vec![], vec![], vec![]);
        let (mut hot_shares, mut shares, mut cpu_shares) = (vec![], vec![], vec![]);
        let (mut drains, mut bare_shares) = (vec![], vec![]);
        for _ in 0..ROUNDS {
            let without = || run(&day, (Box::new(NoLog), Box::new(NoLog)), paced);
            let with = |level| {
                let scratch = scratch();
                run(&day, scratch.journals(level), paced)
            };
            let before = without();
            let at_d1 = with(Durability::D1);
            let middle = without();
            let at_d0 = with(Durability::D0);
            let after = without();
            let bare = run(&day, (Box::new(BareStores::new()), Box::new(BareStores::new())), paced);
            let last = without();
            bare_shares.push(bare.rate / ((after.rate + last.rate) / 2.0));
            off.extend([before.rate, middle.rate, after.rate, last.rate]);
            durable.push(at_d1.rate);
            hot.push(at_d0.rate);
            shares.push(at_d1.rate / ((before.rate + middle.rate) / 2.0));
            cpu_shares.push((before.cpu_ns + middle.cpu_ns) / 2.0 / at_d1.cpu_ns);
            hot_shares.push(at_d0.rate / ((middle.rate + after.rate) / 2.0));
            drains.push(at_d1.drain_ms);
        }
        let name = |what: &str| format!("fused, {name}: {what}");
        row(&name("no journal"), &off, "M/s", Goal::None);
        row(&name("share of no journal, bare stores of the same bytes"), &bare_shares, "x", Goal::None);
        row(&name("both journals, D0, memory"), &hot, "M/s", Goal::None);
        row(&name("share of no journal, D0"), &hot_shares, "x", Goal::None);
        row(&name("both journals, D1, two tiers"), &durable, "M/s", Goal::None);
        row(&name("share of no journal, D1"), &shares, "x", Goal::AtLeast(goal));
        if !paced {
            row(&name("the same by the thread's cpu time"), &cpu_shares, "x", Goal::AtLeast(goal));
        }
        row(&name("draining and sealing after it, D1"), &drains, "ms", Goal::None);
    }
}
