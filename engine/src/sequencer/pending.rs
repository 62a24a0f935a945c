//! Reports that were made but not yet sequenced, by key.

use crate::event::{Event, Report};
use crate::units::{OrderId, Seq, TsNs};
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
}
