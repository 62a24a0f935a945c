//! What a broker reports, on its way to the sequencer.

use crate::event::{Class, Event, FLAG_EXO, Kind};
use crate::sequencer::SOURCE_BROKER;
use crate::units::TsNs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Says from outside whether a sequencer has nothing left to do but to wait for a broker's reports: its input is closed, and
/// every step is finished. Then no order can follow but one that a report causes.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<AtomicU64>);

impl Waiting {
    /// How many reports were taken, if it waits for more. A gateway that pushed no more than these, has no order under way
    /// and none in its ring may leave.
    pub fn taken(&self) -> Option<u64> {
        // Acquire: pairs with the Release in `set`; the orders of every finished step are in their ring.
        self.0.load(Ordering::Acquire).checked_sub(1)
    }

    fn set(&self, taken: u64) {
        // Release: as above.
        self.0.store(taken + 1, Ordering::Release);
    }
}

/// The reports' end of the ring, with the one that is next. A report takes the place at which it was found: what has come
/// before goes before it, so that a burst of reports does not overtake the timers and ticks of the same moment.
pub(super) struct Reports {
    ring: rtrb::Consumer<Event>,
    waiting: Waiting,
    next: Option<(Event, TsNs)>,
    taken: u64,
}

impl Reports {
    pub(super) fn new(ring: rtrb::Consumer<Event>, waiting: Waiting) -> Self {
        Self { ring, waiting, next: None, taken: 0 }
    }

    /// Looks for a report at the time `now`, and notes it as found then.
    pub(super) fn look(&mut self, now: TsNs) {
        if self.next.is_some() {
            return;
        }
        if let Ok(mut report) = self.ring.pop() {
            assert_eq!(report.kind(), Kind::Report, "a broker sends reports");
            report.header.source = SOURCE_BROKER;
            report.header.flags = FLAG_EXO;
            self.next = Some((report, now));
        }
    }

    /// When the next report was found, if there is one.
    pub(super) fn found(&self) -> Option<TsNs> {
        self.next.as_ref().map(|(_, found)| *found)
    }

    /// Whether an input of this time and class goes before the report that was found.
    pub(super) fn come_after(&self, ts: TsNs, class: Class) -> bool {
        self.found().is_some_and(|found| (ts, class) < (found, Class::Endogenous))
    }

    pub(super) fn take(&mut self) -> Option<(Event, TsNs)> {
        let next = self.next.take();
        self.taken += u64::from(next.is_some());
        next
    }

    /// Whether the broker's end is gone and everything that it sent is taken.
    pub(super) fn over(&self) -> bool {
        // Asked in this order: what was pushed before the other end was dropped must not be missed.
        self.next.is_none() && self.ring.is_abandoned() && self.ring.is_empty()
    }

    /// Says that nothing is left but to wait.
    pub(super) fn wait(&self) {
        self.waiting.set(self.taken);
    }
}
