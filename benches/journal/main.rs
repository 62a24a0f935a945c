//! What the journal costs and how long it takes to be durable. `cargo bench -p pitlane-benches --bench journal`, with
//! names of parts behind `--` for some of them.
//!
//! Every figure is the median of several rounds with smallest and largest. What is compared takes turns within a round,
//! and a ratio is that of one round: a machine whose speed drifts drifts for both sides. The cost of appending and reading
//! is time of the thread on its cpu; everything else is time on the wall. Files are on `/dev/shm` and
//! below the target directory, at most 2 GiB at a time, and are removed.

mod append;
mod durable;
mod fused;
mod recovery;
mod tail;

use pitlane_benches::spread;
use pitlane_journal::{Durability, JournalDir, Record, Writer, WriterOptions};
use std::path::{Path, PathBuf};
use std::process::exit;
use std::time::{Duration, Instant};

/// What a figure should be.
#[derive(Clone, Copy)]
enum Goal {
    None,
    AtMost(f64),
    AtLeast(f64),
}

/// One line of the table.
fn row(what: &str, figures: &[f64], unit: &str, goal: Goal) {
    let (low, middle, high) = spread(figures.to_vec());
    let verdict = match goal {
        Goal::None => String::new(),
        Goal::AtMost(bound) => format!("goal <= {bound}: {}", met(middle <= bound)),
        Goal::AtLeast(bound) => format!("goal >= {bound}: {}", met(middle >= bound)),
    };
    println!("{what:<58} {middle:>10.2} {unit:<10} ({low:.2} .. {high:.2}) {verdict}");
}

fn met(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

/// Where the files of a round are; removed with it.
struct Scratch {
    /// On memory.
    hot: PathBuf,
    /// On the disk.
    disk: PathBuf,
}

impl Scratch {
    fn new() -> Self {
        let name = format!("pitlane-journal-bench-{}", std::process::id());
        let scratch = Self {
            hot: Path::new("/dev/shm").join(&name),
            disk: Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name),
        };
        scratch.clear();
        for dir in [&scratch.hot, &scratch.disk] {
            std::fs::create_dir_all(dir)
                .expect("the bench may write on /dev/shm and in the target directory");
        }
        scratch
    }

    fn clear(&self) {
        for dir in [&self.hot, &self.disk] {
            // What cannot be removed was never made.
            drop(std::fs::remove_dir_all(dir));
        }
    }

    /// A journal on memory alone.
    fn memory(&self) -> JournalDir {
        JournalDir::lock(self.hot.join("journal")).expect("nobody else uses the directory")
    }

    /// A journal on the disk alone.
    fn one_tier(&self) -> JournalDir {
        JournalDir::lock(self.disk.join("journal")).expect("nobody else uses the directory")
    }

    /// A journal on memory, copied to the disk.
    fn two_tiers(&self) -> JournalDir {
        JournalDir::lock_tiered(self.disk.join("journal"), self.hot.join("hot"))
            .expect("nobody else uses the directory")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.clear();
    }
}

fn options(level: Durability, segment_mib: u64) -> WriterOptions {
    WriterOptions { segment_bytes: segment_mib << 20, level, ..WriterOptions::default() }
}

/// A writer whose segments ahead are made, so that nothing but appending is measured.
fn settled(dir: &JournalDir, options: WriterOptions) -> Writer {
    let writer = Writer::create(dir, "inputs", options).expect("there is room");
    let folder = dir.path().join("inputs");
    let ready = || {
        let names = std::fs::read_dir(&folder).expect("it was just made").flatten();
        names.filter(|entry| entry.path().extension().is_some_and(|ext| ext == "lxj")).count() >= 3
    };
    let started = Instant::now();
    while !ready() && started.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(50));
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
    let stat = read_or("/proc/thread-self/schedstat", "");
    let ns = stat.split(' ').next().and_then(|ns| ns.parse().ok());
    ns.expect("the kernel keeps scheduler statistics")
}

fn read_or(path: &str, unknown: &str) -> String {
    std::fs::read_to_string(path).map_or_else(|_| unknown.to_owned(), |text| text.trim().to_owned())
}

fn machine() {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = read_or("/proc/cpuinfo", "");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let kernel = read_or("/proc/sys/kernel/osrelease", "unknown");
    let pages = read_or("/sys/kernel/mm/transparent_hugepage/enabled", "unknown");
    println!("machine: {cpus} cpus, {}, Linux {kernel}, huge pages {pages}", model.unwrap_or("unknown"));
    let tmp = env!("CARGO_TARGET_TMPDIR");
    let mounts = read_or("/proc/mounts", "");
    let mount = mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let (device, at, kind) = (fields.next()?, fields.next()?, fields.next()?);
            tmp.starts_with(at).then_some((at.len(), device, kind))
        })
        .max();
    let (_, device, kind) = mount.unwrap_or((0, "unknown", "unknown"));
    println!("disk: {kind} on {device}; load at the start: {}", read_or("/proc/loadavg", "unknown"));
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
    machine();
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            part();
        }
    }
    println!("load at the end: {}", read_or("/proc/loadavg", "unknown"));
}
