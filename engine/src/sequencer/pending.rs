//! Reports that were made but not yet sequenced, by key.

use crate::event::{Event, Report, SessionEnd};
use crate::limits::PENDING_REPORTS_MAX;
use crate::state::StateIo;
use crate::units::{InstrumentId, OrderId, Seq, TsNs};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The order of endogenous inputs: time, the step that made them, the order, its report number. No two are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) vtime: TsNs,
    cause: Seq,
    order: OrderId,
    number: u32,
}

struct Keyed {
    key: Key,
    event: Event,
}

impl PartialEq for Keyed {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Keyed {}

impl PartialOrd for Keyed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Keyed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

/// A heap that never grows: the venue's cap on reports under way bounds it.
pub(super) struct Pending(BinaryHeap<Reverse<Keyed>>);

impl Pending {
    pub(super) fn with_capacity(reports: usize) -> Self {
        Self(BinaryHeap::with_capacity(reports))
    }

    pub(super) fn push(&mut self, event: &Event) {
        assert!(self.0.len() < self.0.capacity(), "more reports under way than the venue's cap allows");
        let report = event.body::<Report>();
        let key =
            Key { vtime: report.vtime, cause: report.cause, order: report.order, number: report.number };
        self.0.push(Reverse(Keyed { key, event: *event }));
    }

    pub(super) fn first_key(&self) -> Option<Key> {
        self.0.peek().map(|Reverse(keyed)| keyed.key)
    }

    pub(super) fn pop_into(&mut self, event: &mut Event) {
        let Reverse(keyed) = self.0.pop().expect("a report is pending");
        *event = keyed.event;
    }

    /// Takes the report that a recorded input is, if it is pending. Recorded inputs mostly come in key order, so
    /// that it is the first; on the wall clock it need not be.
    pub(super) fn take(&mut self, recorded: &Report) -> Option<Event> {
        let is = |keyed: &Keyed| (keyed.key.order, keyed.key.number) == (recorded.order, recorded.number);
        if self.0.peek().is_some_and(|Reverse(first)| is(first)) {
            return self.0.pop().map(|Reverse(keyed)| keyed.event);
        }
        let found = self.0.iter().find(|Reverse(keyed)| is(keyed)).map(|Reverse(keyed)| keyed.event);
        if found.is_some() {
            self.0.retain(|Reverse(keyed)| !is(keyed));
        }
        found
    }

    /// The reports by key, for the state of a run.
    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        let mut events: Vec<Event> = if io.is_loading() {
            Vec::new()
        } else {
            let mut keyed: Vec<&Keyed> = self.0.iter().map(|Reverse(keyed)| keyed).collect();
            keyed.sort_unstable();
            keyed.iter().map(|keyed| keyed.event).collect()
        };
        let blank = Event::new(InstrumentId::NONE, 0, &SessionEnd { date: 0, number: 0, reserved: [0; 24] });
        io.list(&mut events, PENDING_REPORTS_MAX, &blank, |io, event| {
            io.plain(event);
            if event.header.kind != crate::event::Kind::Report as u8 {
                io.refuse("a pending event is no report");
                *event = blank;
            }
        });
        if io.is_loading() {
            self.0.clear();
            let reports = events.iter().filter(|event| event.header.kind == crate::event::Kind::Report as u8);
            reports.for_each(|event| self.push(event));
        }
    }
}
