//! Where a step's time goes: in one step of `SAMPLE_EVERY` the clock is read whenever an event goes from one stage to the
//! next. A part's time is its own: what the stages behind it did while it emitted is theirs. Each reading costs about
//! 10 ns, so a part that handles few events shows ten or twenty of them.

use super::Gauges;
use crate::drive::clock::Clock;
use crate::event::{Event, StageId};
use crate::stage::{Chain, Emit, Stage, StepEnd, Then};
use crate::units::Seq;
use std::cell::Cell;
use std::sync::Arc;

/// A step in so many is sampled. A prime, so that steps which come at regular numbers (a state hash at every 4,096th) are
/// in the sample as often as they are in the run.
pub const SAMPLE_EVERY: u64 = 61;

/// Parts whose time is told apart.
pub const PARTS: usize = 6;

/// A part of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The sequencer's release: with the decoder where both share a thread, and the record of the input.
    Sequence,
    /// Bars.
    Bars,
    /// Strategies.
    Strategy,
    /// Risk.
    Risk,
    /// The venue.
    Match,
    /// The record of the outputs, counts, profit.
    Record,
}

impl Part {
    /// All of them, in the order of the pipeline.
    pub const ALL: [Self; PARTS] =
        [Self::Sequence, Self::Bars, Self::Strategy, Self::Risk, Self::Match, Self::Record];

    /// Its name in summaries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sequence => "sequence",
            Self::Bars => "bars",
            Self::Strategy => "strategy",
            Self::Risk => "risk",
            Self::Match => "match",
            Self::Record => "record",
        }
    }

    /// The part that a stage is. Bars are the sequencer's stage.
    pub const fn of(stage: StageId) -> Self {
        match stage {
            StageId::Decoder => Self::Sequence,
            StageId::Sequencer => Self::Bars,
            StageId::Strategy => Self::Strategy,
            StageId::Risk => Self::Risk,
            StageId::Matcher => Self::Match,
        }
    }
}

/// One thread's stop watch over the parts that run on it.
pub(in crate::drive) struct Laps {
    gauges: Arc<Gauges>,
    clock: Clock,
    part: Cell<Part>,
    since_ns: Cell<u64>,
    spent_ns: [Cell<u64>; PARTS],
}

impl Laps {
    /// For one thread of a run, if its parts are sampled.
    pub(in crate::drive) fn new(gauges: Option<&Arc<Gauges>>) -> Option<Self> {
        let gauges = gauges.filter(|gauges| gauges.parts.is_some())?.clone();
        let (part, since_ns) = (Cell::new(Part::Record), Cell::new(0));
        Some(Self { gauges, clock: Clock::default(), part, since_ns, spent_ns: Default::default() })
    }

    /// Whether a step is sampled.
    #[inline]
    pub(in crate::drive) fn takes(&self, seq: Seq) -> bool {
        seq.0.is_multiple_of(SAMPLE_EVERY)
    }

    /// From `since_ns` on it was `part` that ran.
    pub(in crate::drive) fn begin(&self, part: Part, since_ns: u64) {
        self.part.set(part);
        self.since_ns.set(since_ns);
    }

    /// From now on it is `part` that runs.
    pub(in crate::drive) fn resume(&self, part: Part) {
        self.begin(part, self.clock.now_ns());
    }

    /// `part` runs now; returns which one did.
    pub(in crate::drive) fn enter(&self, part: Part) -> Part {
        let (now_ns, before) = (self.clock.now_ns(), self.part.replace(part));
        let spent_ns = &self.spent_ns[before as usize];
        spent_ns.set(spent_ns.get() + now_ns.saturating_sub(self.since_ns.replace(now_ns)));
        before
    }

    /// Ends the step on this thread: every part that ran has its sample.
    pub(in crate::drive) fn finish(&self) {
        let parts = self.gauges.parts.as_ref().expect("laps are made where parts are sampled");
        for (histogram, spent_ns) in parts.iter().zip(&self.spent_ns) {
            let ns = spent_ns.replace(0);
            if ns > 0 {
                histogram.record(ns);
            }
        }
    }
}

/// A chain whose parts are timed as it runs; it does what `Chain` does, event by event.
pub(in crate::drive) trait Lapped: Chain {
    fn event_lapped(&mut self, event: &Event, out: &mut impl Emit, laps: &Laps);
    fn end_lapped(&mut self, end: StepEnd, out: &mut impl Emit, laps: &Laps);
}

impl<S: Stage> Lapped for S {
    fn event_lapped(&mut self, event: &Event, out: &mut impl Emit, laps: &Laps) {
        let before = laps.enter(Part::of(S::ID));
        self.event(event, out);
        laps.enter(before);
    }

    fn end_lapped(&mut self, end: StepEnd, out: &mut impl Emit, laps: &Laps) {
        let before = laps.enter(Part::of(S::ID));
        self.end(end, out);
        laps.enter(before);
    }
}

struct Into<'a, B, E> {
    next: &'a mut B,
    out: &'a mut E,
    laps: &'a Laps,
}

impl<B: Lapped, E: Emit> Emit for Into<'_, B, E> {
    fn emit(&mut self, event: &Event) {
        self.next.event_lapped(event, self.out, self.laps);
    }
}

impl<A: Lapped, B: Lapped> Lapped for Then<A, B> {
    fn event_lapped(&mut self, event: &Event, out: &mut impl Emit, laps: &Laps) {
        self.first.event_lapped(event, &mut Into { next: &mut self.second, out, laps }, laps);
    }

    fn end_lapped(&mut self, end: StepEnd, out: &mut impl Emit, laps: &Laps) {
        self.first.end_lapped(end, &mut Into { next: &mut self.second, out, laps }, laps);
        self.second.end_lapped(end, out, laps);
    }
}

/// The end of a timed chain.
pub(in crate::drive) struct Recorded<'a, E> {
    pub(in crate::drive) out: &'a mut E,
    pub(in crate::drive) laps: &'a Laps,
}

impl<E: Emit> Emit for Recorded<'_, E> {
    fn emit(&mut self, event: &Event) {
        let before = self.laps.enter(Part::Record);
        self.out.emit(event);
        self.laps.enter(before);
    }
}
