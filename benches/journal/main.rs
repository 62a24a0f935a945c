//! What the journal costs and how long it takes to be durable. `cargo bench -p pitlane-benches --bench journal`, with
//! names of parts behind `--` for some of them.
//!
//! Every figure is the median of several rounds with smallest and largest. What is compared takes turns within a round,
//! and a ratio is that of one round: a machine whose speed drifts drifts for both sides. The cost of appending and reading
//! is time of the thread on its cpu; everything else is time on the wall. Files are on memory (`/dev/shm`, or where `PITLANE_HOT` says) and
//! below the target directory, at most 2 GiB at a time, and are removed.

mod append;
mod durable;
mod fused;
mod recovery;
mod tail;

use pitlane_benches::scratch::{Scratch, wait_for_segments};
use pitlane_benches::table::{load, machine};
use pitlane_journal::{JournalDir, Record, Writer, WriterOptions};
use std::process::exit;

/// Where this bench writes.
fn scratch() -> Scratch {
    Scratch::new("journal", env!("CARGO_TARGET_TMPDIR"))
}

/// A writer whose segments ahead are made, so that nothing but appending is measured.
fn settled(dir: &JournalDir, options: WriterOptions) -> Writer {
    let writer = Writer::create(dir, "inputs", options).expect("there is room");
    wait_for_segments(dir, "inputs");
    writer
}

/// Payloads as the bench appends them: many, so that they are not all the same line of the cache, few enough to stay
/// in it.
struct Payloads {
    bytes: Vec<u8>,
    each: usize,
}

impl Payloads {
    fn new(lines: usize) -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let random = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        };
        Self { bytes: (0..256 * lines * 64).map(random).collect(), each: lines * 64 }
    }

    #[inline]
    fn record(&self, seq: u64) -> Record<'_> {
        let start = (seq as usize % 256) * self.each;
        let payload = &self.bytes[start..start + self.each];
        Record { seq, ts_ns: seq, kind: 1, schema_version: 1, flags: 0, payload }
    }
}

/// Time of this thread on a cpu so far, in nanoseconds: what one thread's work costs, whoever else uses the machine.
fn cpu_ns() -> u64 {
    // The kernel brings the figure up to date when it looks at who runs next.
    std::thread::yield_now();
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let ns = stat.as_deref().and_then(|stat| stat.split(' ').next()?.parse().ok());
    ns.expect("the kernel keeps scheduler statistics")
}

fn main() {
    // `cargo test` runs benches as tests: there they only have to build.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let parts: [(&str, fn()); 7] = [
        ("append", append::append),
        ("read", append::read),
        ("fused", fused::fused),
        ("tail", tail::tail),
        ("throughput", durable::throughput),
        ("gate", durable::gate),
        ("recovery", recovery::recovery),
    ];
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    if let Some(unknown) = wanted.iter().find(|name| parts.iter().all(|(known, _)| known != name)) {
        let known = parts.map(|(name, _)| name).join(", ");
        eprintln!("no part `{unknown}`; there are {known}");
        exit(2);
    }
    machine(env!("CARGO_TARGET_TMPDIR"));
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            part();
        }
    }
    println!("load at the end: {}", load());
}
