//! Always-on measurement: how long steps take, and how long an order took from its input to the venue.
//!
//! The driver's threads write plain counters in memory that others may read at any time (`Gauges`); nothing here reaches
//! an event, so a measured run and one that is not leave the same bytes. An input costs one reading of the clock at its
//! step's end, which is the beginning of the next one, and one more where its first order leaves risk. Between threads
//! the input is stamped at its release besides.

pub mod histogram;
pub mod laps;
pub mod worst;

pub use histogram::{Distribution, Histogram};
pub use laps::{PARTS, Part};
pub use worst::{Measured, WORST};

use super::clock::Clock;
use crate::event::{Event, Kind};
use crate::stage::StepEnd;
use crate::units::{InstrumentId, Seq, TsNs};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use worst::Worst;

/// What is measured of a run while it runs. Each part has one writing thread; anybody may read.
pub struct Gauges {
    steps: Histogram,
    orders: Histogram,
    parts: Option<[Histogram; PARTS]>,
    slowest_steps: Worst,
    slowest_orders: Worst,
    seq: AtomicU64,
    ts: AtomicU64,
}

impl Gauges {
    /// Empty gauges; with `parts` every stage's own time is sampled too (`laps::SAMPLE_EVERY`).
    pub fn new(parts: bool) -> Arc<Self> {
        Arc::new(Self {
            steps: Histogram::default(),
            orders: Histogram::default(),
            parts: parts.then(|| std::array::from_fn(|_| Histogram::default())),
            slowest_steps: Worst::default(),
            slowest_orders: Worst::default(),
            seq: AtomicU64::new(0),
            ts: AtomicU64::new(0),
        })
    }

    /// What has been measured so far.
    pub fn read(&self) -> Reading {
        // Relaxed: figures for people; each is true, and together they are of about the same moment.
        let [seq, ts] = [&self.seq, &self.ts].map(|word| word.load(Ordering::Relaxed));
        Reading {
            last_seq: Seq(seq),
            last_ts: TsNs(ts),
            steps: self.steps.read(),
            orders: self.orders.read(),
            parts: self.parts.as_ref().map(|parts| parts.each_ref().map(Histogram::read)),
            slowest_steps: self.slowest_steps.read(),
            slowest_orders: self.slowest_orders.read(),
        }
    }
}

/// The gauges at one moment.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The input whose step ended last; zero before the first.
    pub last_seq: Seq,
    /// Its time.
    pub last_ts: TsNs,
    /// Whole steps: from the input's arrival to the end of all that it caused.
    pub steps: Distribution,
    /// Tick to order: from the input's arrival to its first order having left risk.
    pub orders: Distribution,
    /// Each part's own time in the sampled steps, in the order of `Part::ALL`, if parts are sampled.
    pub parts: Option<[Distribution; PARTS]>,
    /// The longest steps, the longest first.
    pub slowest_steps: Vec<Measured>,
    /// The steps whose first order took longest, the longest first.
    pub slowest_orders: Vec<Measured>,
}

/// The measuring end of the chain: sees what a step is made of, and ends it.
pub(super) struct Watch {
    gauges: Arc<Gauges>,
    clock: Clock,
    kind: u8,
    instrument: InstrumentId,
    /// When the step's first order came by; zero if none has.
    order_at_ns: u64,
    outputs: u32,
    /// The kinds of the step's outputs, a bit for each code.
    caused: u64,
}

const _: () = assert!(
    {
        let (mut at, mut fits) = (0, true);
        while at < Kind::ALL.len() {
            fits &= (Kind::ALL[at] as u8) < 64 || matches!(Kind::ALL[at], Kind::StepMarker);
            at += 1;
        }
        fits
    },
    "every kind that can be an output has its bit"
);

impl Watch {
    pub(super) fn new(gauges: Arc<Gauges>) -> Self {
        let clock = Clock::default();
        let instrument = InstrumentId::NONE;
        Self { gauges, clock, kind: 0, instrument, order_at_ns: 0, outputs: 0, caused: 0 }
    }

    #[inline]
    pub(super) fn input(&mut self, event: &Event) {
        (self.kind, self.instrument) = (event.header.kind, event.header.instrument);
    }

    #[inline]
    pub(super) fn output(&mut self, event: &Event) {
        let kind = event.header.kind;
        if kind == Kind::Order as u8 && self.order_at_ns == 0 {
            self.order_at_ns = self.clock.now_ns();
        }
        self.outputs += 1;
        self.caused |= 1 << (kind & 63);
    }

    /// Records a step that began at `start_ns`, and says when it ended.
    #[inline]
    pub(super) fn end(&mut self, end: StepEnd, start_ns: u64) -> u64 {
        let now_ns = self.clock.now_ns();
        let gauges = &*self.gauges;
        let step_ns = now_ns.saturating_sub(start_ns);
        gauges.steps.record(step_ns);
        // Relaxed: as in `read`.
        gauges.seq.store(end.seq.0, Ordering::Relaxed);
        gauges.ts.store(end.ts.0, Ordering::Relaxed);
        let mut order_ns = 0;
        if self.order_at_ns != 0 {
            // Two threads' clocks may differ by a step of the counter.
            order_ns = self.order_at_ns.saturating_sub(start_ns).max(1);
            gauges.orders.record(order_ns);
        }
        if gauges.slowest_steps.takes(step_ns) || gauges.slowest_orders.takes(order_ns) {
            self.keep(end, step_ns, order_ns);
        }
        (self.order_at_ns, self.outputs, self.caused) = (0, 0, 0);
        now_ns
    }

    #[cold]
    fn keep(&self, end: StepEnd, step_ns: u64, order_ns: u64) {
        let (kind, instrument, outputs, caused) = (self.kind, self.instrument, self.outputs, self.caused);
        let (seq, ts) = (end.seq, end.ts);
        let step = Measured { seq, ts, kind, instrument, outputs, caused, step_ns, order_ns };
        self.gauges.slowest_steps.offer(step_ns, &step);
        self.gauges.slowest_orders.offer(order_ns, &step);
    }
}

#[cfg(test)]
mod tests;
