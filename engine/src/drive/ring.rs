//! Writing a stage's events into a ring: in place, published once a call, the step's end marked on the last of them.

use crate::event::{Event, FLAG_STEP_END, StepMarker};
use crate::limits::EMIT_MAX;
use crate::stage::Emit;
use crate::units::{InstrumentId, Seq, TsNs};
use std::mem::MaybeUninit;

/// Slots one call may need: its events, and a marker if it emitted none.
pub const CALL_SLOTS: usize = EMIT_MAX + 2;

/// A ring of events between two workers.
pub fn ring(slots: usize) -> (rtrb::Producer<Event>, rtrb::Consumer<Event>) {
    assert!(slots >= CALL_SLOTS, "a ring holds at least one call's events");
    rtrb::RingBuffer::new(slots)
}

/// Slots that one write may take: those of two calls, or as many as are free; `None` if they are not enough for one.
///
/// The reader writes its place with every event that it takes, so to look at that each time is a cache line on its way
/// each time: what was seen free before is used up first.
pub fn room(ring: &rtrb::Producer<Event>) -> Option<usize> {
    const ENOUGH: usize = 2 * CALL_SLOTS;
    if ring.cached_slots() >= ENOUGH {
        return Some(ENOUGH);
    }
    let slots = ring.slots();
    (slots >= CALL_SLOTS).then_some(slots.min(ENOUGH))
}

/// The events of one call on their way into a ring.
pub struct Call<'a> {
    first: &'a mut [MaybeUninit<Event>],
    second: &'a mut [MaybeUninit<Event>],
    written: usize,
}

impl Call<'_> {
    fn slot(&mut self, index: usize) -> &mut MaybeUninit<Event> {
        let first_len = self.first.len();
        if index < first_len { &mut self.first[index] } else { &mut self.second[index - first_len] }
    }

    fn push(&mut self, event: &Event) -> &mut Event {
        let index = self.written;
        self.written += 1;
        self.slot(index).write(*event)
    }

    /// Slots not yet written.
    pub fn room(&self) -> usize {
        self.first.len() + self.second.len() - self.written
    }

    /// Marks the end of step `seq` on the last event of this call, or by a bare marker if there is none.
    pub fn end_step(&mut self, seq: Seq, ts: TsNs) {
        if self.written == 0 {
            let mut marker = Event::new(InstrumentId::NONE, 0, &StepMarker { reserved: [0; 32] });
            marker.header.seq = seq;
            marker.header.ts = ts;
            self.push(&marker).header.flags = FLAG_STEP_END;
            return;
        }
        let last = self.written - 1;
        // SAFETY: every slot below `written` was written by `push`.
        let event = unsafe { self.slot(last).assume_init_mut() };
        event.header.flags |= FLAG_STEP_END;
    }
}

impl Emit for Call<'_> {
    fn emit(&mut self, event: &Event) {
        self.push(event).header.flags &= !FLAG_STEP_END;
    }
}

/// Runs `call` with `slots` free slots of `ring` and publishes what it wrote. Panics if the ring has less room: the
/// worker asks first.
pub fn write<R>(ring: &mut rtrb::Producer<Event>, slots: usize, call: impl FnOnce(&mut Call<'_>) -> R) -> R {
    let mut chunk = ring.write_chunk_uninit(slots).expect("the worker made sure of room");
    let (first, second) = chunk.as_mut_slices();
    let mut out = Call { first, second, written: 0 };
    let result = call(&mut out);
    let written = out.written;
    // SAFETY: `Call::push` wrote the first `written` slots, in order.
    unsafe { chunk.commit(written) };
    result
}
