//! What is measured. Each scenario runs a rung of the ladder on its own threads; who watches the machine meanwhile is
//! somebody else's business (`run`).

pub mod arrivals;
pub mod journal;
pub mod pipeline;
pub mod ring;
pub mod socket;
pub mod stages;
pub mod wire;

use crate::day::Day;
use crate::idle::Idle;
use crate::rate::Rate;
use crate::record::Recorder;
use pitlane_engine::drive::idle::Wait;
use pitlane_session::exit::usage;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// One rate of one scenario.
#[derive(Clone)]
pub struct Rung {
    /// How often.
    pub rate: Rate,
    /// Nanoseconds before anything is recorded.
    pub warmup_ns: u64,
    /// Nanoseconds that are.
    pub duration_ns: u64,
    /// How a thread waits for what is not due yet.
    pub wait: Wait,
    /// Cpus of the measured threads, one each.
    pub cpus: Vec<usize>,
    /// Where a journal is written.
    pub journal: PathBuf,
    begin_ns: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Rung {
    /// A rung that has not begun.
    pub fn new(
        rate: Rate,
        (warmup_ns, duration_ns): (u64, u64),
        wait: Wait,
        cpus: Vec<usize>,
        journal: PathBuf,
    ) -> Self {
        let (begin_ns, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        Self { rate, warmup_ns, duration_ns, wait, cpus, journal, begin_ns, stop }
    }

    #[cfg(test)]
    pub(crate) fn for_tests(rate: Rate, warmup_ns: u64, duration_ns: u64) -> Self {
        Self::new(rate, (warmup_ns, duration_ns), Wait::Busy, vec![0], PathBuf::new())
    }

    /// Says when the warm-up ends, as soon as it is known.
    pub fn began(&self, begin_ns: u64) {
        // Release and Acquire: nothing hangs on it but the number itself, and it is set once.
        self.begin_ns.store(begin_ns, Ordering::Release);
    }

    /// The end of the warm-up, once it is known.
    pub fn begin_ns(&self) -> Option<u64> {
        Some(self.begin_ns.load(Ordering::Acquire)).filter(|&ns| ns > 0)
    }

    /// Asks for an early end.
    pub fn stop(&self) {
        // Relaxed: a request without data.
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether an early end was asked for.
    #[inline]
    pub fn stopped(&self) -> bool {
        // Relaxed: as above.
        self.stop.load(Ordering::Relaxed)
    }

    /// Operations that the rung takes at most, to make room beforehand. A closed loop is taken to be no faster than
    /// 20 million a second.
    pub fn operations_max(&self) -> u64 {
        let rate = self.rate.per_second().unwrap_or(20_000_000);
        let ns = u128::from(self.warmup_ns) + u128::from(self.duration_ns);
        u64::try_from(u128::from(rate) * ns / 1_000_000_000).unwrap_or(u64::MAX)
    }
}

/// What a rung came to.
pub struct Measured {
    /// Latency and service time by window.
    pub recorder: Recorder,
    /// The measured cpu while nothing was due.
    pub idle: Idle,
    /// Operations within the measured interval, per second of it.
    pub achieved: f64,
    /// Operations that were meant to start within it and did not.
    pub unserved: u64,
    /// What the reader should know.
    pub notes: Vec<String>,
}

impl Measured {
    /// Nothing yet.
    pub fn empty(rung: &Rung) -> Self {
        let recorder = Recorder::new(rung.duration_ns);
        Self { recorder, idle: Idle::new(rung.duration_ns), achieved: 0.0, unserved: 0, notes: Vec::new() }
    }

    /// Operations a second, from their number in the measured interval without what stood still.
    pub fn set_achieved(&mut self, operations: u64, rung: &Rung, paused_ns: u64) {
        let ns = rung.duration_ns.saturating_sub(paused_ns).max(1);
        self.achieved = operations as f64 * 1e9 / ns as f64;
    }
}

/// A scenario of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// A hop between two threads.
    Ring,
    /// Reading the clock.
    Clock,
    /// Decoding a frame.
    Decode,
    /// The bars.
    Bars,
    /// The strategies.
    Strategy,
    /// Risk.
    Risk,
    /// The venue.
    Match,
    /// Appending to a journal.
    Journal,
    /// All stages on one thread.
    Pipeline,
    /// All stages on the threads of `--cpu-set`.
    PipelineSplit,
    /// The pipeline behind a loopback socket.
    Wire,
    /// The pipeline behind the live feed, which reads a WebSocket.
    Socket,
}

impl Scenario {
    /// Every scenario: the name, what one operation is, and what a sample is.
    pub const ALL: [(Self, &'static str, &'static str); 12] = [
        (Self::Ring, "ring", "one event slot from a thread to another over rtrb, as between two stages"),
        (Self::Clock, "clock", "one reading of the clock: the floor of everything below"),
        (Self::Decode, "decode", "one frame with one packet becomes an event"),
        (Self::Bars, "bars", "all that one input causes at the bars"),
        (Self::Strategy, "strategy", "all that one input causes at the strategies"),
        (Self::Risk, "risk", "all that one input causes at risk"),
        (Self::Match, "match", "all that one input causes at the paper venue"),
        (Self::Journal, "journal", "one input appended to a journal on memory, with its checksum (D0)"),
        (
            Self::Pipeline,
            "pipeline",
            "tick to order, all stages fused: from the frame's arrival to the order leaving risk",
        ),
        (Self::PipelineSplit, "pipeline-split", "the same on one thread for each cpu of --cpu-set (2 to 5)"),
        (
            Self::Wire,
            "wire-to-order",
            "the same over a loopback TCP stream of frames, from their intended sending",
        ),
        (Self::Socket, "wire-to-order-ws", "the same through the live feed, over a loopback WebSocket"),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(scenario, ..)| *scenario == self).map_or("", |(_, name, _)| name)
    }

    /// The scenario of a name.
    ///
    /// # Errors
    /// If there is none.
    pub fn parse(name: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.iter().find(|(_, known, _)| *known == name).map(|(scenario, ..)| *scenario);
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|(_, name, _)| *name).collect();
            usage(format!("no scenario `{name}`; there are {}", names.join(", ")))
        })
    }

    /// Whether a sample is an order, rather than every operation.
    pub fn samples_orders(self) -> bool {
        matches!(self, Self::Pipeline | Self::PipelineSplit | Self::Wire | Self::Socket)
    }

    /// Whether the measured thread does nothing but read the clock while nothing is due and it spins; those behind a socket
    /// ask the kernel.
    pub fn only_reads_the_clock(self) -> bool {
        !matches!(self, Self::PipelineSplit | Self::Wire | Self::Socket)
    }

    /// Threads that are measured or feed those that are, of `cpu_set` cpus asked for.
    pub fn threads(self, cpu_set: usize) -> usize {
        match self {
            Self::Ring | Self::Wire | Self::Socket => 2,
            Self::PipelineSplit => cpu_set.max(2),
            _ => 1,
        }
    }

    /// The rates that show something if none are asked for.
    pub fn ladder(self) -> &'static [Rate] {
        const SHORT: &[Rate] = &[Rate::PerSecond(100_000), Rate::PerSecond(1_000_000), Rate::Max];
        const ORDERS: &[Rate] =
            &[Rate::PerSecond(10_000), Rate::PerSecond(100_000), Rate::PerSecond(1_000_000), Rate::Max];
        if self.samples_orders() { ORDERS } else { SHORT }
    }

    /// Runs one rung on this thread, which is bound to the first of the rung's cpus.
    ///
    /// # Errors
    /// If the world does not do its part.
    pub fn measure(self, day: &Day, rung: &Rung) -> anyhow::Result<Measured> {
        match self {
            Self::Ring => ring::measure(rung),
            Self::Clock => stages::clock(rung),
            Self::Decode => stages::decode(day, rung),
            Self::Bars => stages::bars(day, rung),
            Self::Strategy => stages::strategy(day, rung),
            Self::Risk => stages::risk(day, rung),
            Self::Match => stages::matching(day, rung),
            Self::Journal => journal::measure(day, rung),
            Self::Pipeline => pipeline::fused(day, rung),
            Self::PipelineSplit => pipeline::split(day, rung),
            Self::Wire => wire::measure(day, rung),
            Self::Socket => socket::measure(day, rung),
        }
    }
}
