//! Endogenous events that were made but not yet sequenced, by key: reports and wake-ups of the venue.

use crate::book::Slab;
use crate::event::{Event, FLAG_ENDO, Kind, Report, SessionEnd, Wake};
use crate::limits::PENDING_MAX;
use crate::state::StateIo;
use crate::units::{InstrumentId, OrderId, Seq, TsNs};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What tells one endogenous event from every other: the step that made it, the order, what it is, its number among the
/// order's of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity {
    pub(crate) cause: Seq,
    pub(crate) order: OrderId,
    pub(crate) kind: Kind,
    pub(crate) number: u32,
}

/// The order of endogenous inputs: time, then identity. No two are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) vtime: TsNs,
    pub(crate) identity: Identity,
}

impl Key {
    /// The key of an endogenous event, as the venue made it or as it was recorded. `None` if it is no such event.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        let (vtime, cause, order, number) = match event.kind() {
            Kind::Report => {
                let &Report { vtime, cause, order, number, .. } = event.body();
                (vtime, cause, order, number)
            }
            Kind::Wake => {
                let &Wake { vtime, cause, order, number, .. } = event.body();
                (vtime, cause, order, number)
            }
            _ => return None,
        };
        Some(Self { vtime, identity: Identity { cause, order, kind: event.kind(), number } })
    }
}

/// What an endogenous event is, for messages.
impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = if self.kind == Kind::Wake { "wake-up" } else { "report" };
        write!(f, "{what} {} of order {}", self.number, self.order.0)
    }
}

/// What is in the heap: the key of an event and its slot, so that no event moves when the heap does.
struct Keyed {
    key: Key,
    slot: u32,
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

/// A heap that never grows: the venue's caps on reports and requests under way bound it.
pub(super) struct Pending {
    heap: BinaryHeap<Reverse<Keyed>>,
    events: Slab<Event>,
}

impl Pending {
    /// An empty store with room for all that may be under way.
    pub(super) fn new() -> Self {
        Self {
            heap: BinaryHeap::with_capacity(PENDING_MAX),
            events: Slab::with_capacity(PENDING_MAX, blank()),
        }
    }

    pub(super) fn push(&mut self, event: &Event) {
        assert!(self.heap.len() < PENDING_MAX, "more events under way than the venue's caps allow");
        let key = Key::of(event).expect("only reports and wake-ups re-enter");
        let slot = self.events.take(*event);
        self.heap.push(Reverse(Keyed { key, slot }));
    }

    /// The time of the first.
    #[inline]
    pub(super) fn first_vtime(&self) -> Option<TsNs> {
        self.heap.peek().map(|Reverse(keyed)| keyed.key.vtime)
    }

    pub(super) fn pop_into(&mut self, event: &mut Event) {
        let Reverse(Keyed { slot, .. }) = self.heap.pop().expect("an event is pending");
        *event = self.events[slot];
        self.events.give_back(slot);
    }

    /// Takes the event that a recorded input is, if it is pending. Recorded inputs mostly come in key order, so that it
    /// is the first; on the wall clock it need not be.
    pub(super) fn take(&mut self, recorded: &Identity) -> Option<Event> {
        let is = |keyed: &Keyed| keyed.key.identity == *recorded;
        let slot = if self.heap.peek().is_some_and(|Reverse(first)| is(first)) {
            self.heap.pop().map(|Reverse(keyed)| keyed.slot)
        } else {
            let found = self.heap.iter().find(|Reverse(keyed)| is(keyed)).map(|Reverse(keyed)| keyed.slot);
            if found.is_some() {
                self.heap.retain(|Reverse(keyed)| !is(keyed));
            }
            found
        }?;
        let event = self.events[slot];
        self.events.give_back(slot);
        Some(event)
    }

    /// The events by key, for the state of a run.
    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        let mut events: Vec<Event> = if io.is_loading() {
            Vec::new()
        } else {
            let mut keyed: Vec<&Keyed> = self.heap.iter().map(|Reverse(keyed)| keyed).collect();
            keyed.sort_unstable();
            keyed.iter().map(|keyed| self.events[keyed.slot]).collect()
        };
        let blank = blank();
        io.list(&mut events, PENDING_MAX, &blank, |io, event| {
            io.plain(event);
            if !is_pending(event) {
                io.refuse("a pending event is no report and no wake-up");
                *event = blank;
            }
        });
        if io.is_loading() {
            *self = Self::new();
            events.iter().filter(|event| is_pending(event)).for_each(|event| self.push(event));
        }
    }
}

fn blank() -> Event {
    Event::new(InstrumentId::NONE, 0, &SessionEnd { date: 0, number: 0, reserved: [0; 24] })
}

/// Whether any bytes are an event that can be pending.
fn is_pending(event: &Event) -> bool {
    let kind = Kind::from_u8(event.header.kind);
    kind.is_some_and(|kind| matches!(kind, Kind::Report | Kind::Wake) && event.header.lines == kind.lines())
        && event.header.flags == FLAG_ENDO
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state;
    use zerocopy::FromZeros;

    fn wake(order: u64, cause: u64, vtime: u64, number: u32) -> Event {
        let body =
            Wake { order: OrderId(order), cause: Seq(cause), vtime: TsNs(vtime), number, reserved: [0; 4] };
        Event::new(InstrumentId(1), FLAG_ENDO, &body)
    }

    fn report(order: u64, cause: u64, vtime: u64, number: u32) -> Event {
        let mut event = Event::new(InstrumentId(1), FLAG_ENDO, &Report::new_zeroed());
        let body = event.body_mut::<Report>();
        (body.order, body.cause, body.vtime, body.number) = (OrderId(order), Seq(cause), TsNs(vtime), number);
        event
    }

    /// Every order of pushing the same events.
    fn sorted(events: &[Event]) -> Vec<Key> {
        let mut pending = Pending::new();
        events.iter().for_each(|event| pending.push(event));
        let mut event = wake(0, 0, 0, 0);
        std::iter::from_fn(|| {
            pending.first_vtime()?;
            pending.pop_into(&mut event);
            Key::of(&event)
        })
        .collect()
    }

    #[test]
    fn time_then_cause_then_order_then_kind_then_number_decide() {
        // A report and a wake-up of one order, cause, number and time are two events.
        let expected = [
            wake(9, 9, 10, 1),
            report(5, 1, 20, 1),
            wake(5, 1, 20, 1),
            wake(5, 1, 20, 2),
            report(6, 1, 20, 1),
            wake(1, 2, 20, 1),
        ];
        let keys: Vec<Key> = expected.iter().filter_map(Key::of).collect();
        for turn in 0..expected.len() {
            let mut events = expected;
            events.rotate_left(turn);
            assert_eq!(sorted(&events), keys, "rotated by {turn}");
            events.reverse();
            assert_eq!(sorted(&events), keys, "reversed, rotated by {turn}");
        }
    }

    #[test]
    fn a_wake_up_is_not_taken_for_the_report_of_its_number() {
        let mut pending = Pending::new();
        let (asked, made) = (wake(5, 1, 20, 1), report(5, 1, 30, 1));
        pending.push(&asked);
        pending.push(&made);
        let identity = |event: &Event| Key::of(event).unwrap().identity;
        assert_eq!(pending.take(&identity(&made)).unwrap().used_bytes(), made.used_bytes());
        assert!(pending.take(&identity(&made)).is_none());
        assert_eq!(pending.take(&identity(&asked)).unwrap().used_bytes(), asked.used_bytes());
        assert!(pending.first_vtime().is_none());
    }

    #[test]
    fn what_is_pending_is_saved_and_loaded_and_nothing_else_is() {
        let mut pending = Pending::new();
        let events = [wake(5, 1, 20, 1), report(5, 1, 30, 1), wake(5, 2, 20, 2)];
        events.iter().for_each(|event| pending.push(event));
        let mut bytes = Vec::new();
        state::save(&mut bytes, |io| pending.state(io));
        let mut loaded = Pending::new();
        state::load(&bytes, |io| loaded.state(io)).unwrap();
        let hash = |pending: &mut Pending| state::hash(1, |io| pending.state(io));
        assert_eq!(hash(&mut loaded), hash(&mut pending));
        // The kind of the first event: behind the count, in its header.
        for (kind, fits) in [(Kind::Wake, true), (Kind::Timer, false), (Kind::Report, false)] {
            let mut changed = bytes.clone();
            changed[8 + 20] = kind as u8;
            assert_eq!(state::load(&changed, |io| Pending::new().state(io)).is_ok(), fits, "{kind:?}");
        }
    }
}
