//! Writing a stage's events into a ring: in place, published once a call or a few, the step's end marked on the last of each.

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

/// The writing end of a ring, for stages' events.
///
/// Its slots always hold events, those of earlier rounds: an event takes the lines that it uses, and the others do not travel to the
/// reader's cpu. What is behind an event's used bytes means nothing.
pub struct Outlet(rtrb::Producer<Event>);

impl Outlet {
    /// The writing end over `ring`, which nobody has written to. Touches all its memory. Panics if the ring is in use.
    pub fn new(mut ring: rtrb::Producer<Event>) -> Self {
        let blank = Event::new(InstrumentId::NONE, 0, &StepMarker { reserved: [0; 32] });
        let all = ring.buffer().capacity();
        let mut chunk = ring.write_chunk_uninit(all).expect("nobody has written to the ring");
        let (first, second) = chunk.as_mut_slices();
        for slot in first.iter_mut().chain(second) {
            slot.write(blank);
        }
        // Nothing is committed: the reader sees none of them.
        drop(chunk);
        Self(ring)
    }

    /// Slots that one write may take: those of two calls, or as many as are free; `None` if they are not enough for one.
    ///
    /// The reader writes its place with every event that it takes, so to look at that each time is a cache line on its way
    /// each time: what was seen free before is used up first.
    #[inline]
    pub fn room(&self) -> Option<usize> {
        const ENOUGH: usize = 2 * CALL_SLOTS;
        if self.0.cached_slots() >= ENOUGH {
            return Some(ENOUGH);
        }
        let slots = self.0.slots();
        (slots >= CALL_SLOTS).then_some(slots.min(ENOUGH))
    }

    /// Runs `call` with `slots` free slots and publishes what it wrote. Panics if the ring has less room: the worker asks first.
    #[inline]
    pub fn write<R>(&mut self, slots: usize, call: impl FnOnce(&mut Call<'_>) -> R) -> R {
        let mut chunk = self.0.write_chunk_uninit(slots).expect("the worker made sure of room");
        let (first, second) = chunk.as_mut_slices();
        let mut out = Call { first, second, written: 0, began: 0 };
        let result = call(&mut out);
        let written = out.written;
        // SAFETY: all slots were written by `Outlet::new`, and nobody takes anything out of them but by copy.
        unsafe { chunk.commit(written) };
        result
    }
}

/// The events of one call, or of some in a row, on their way into a ring.
pub struct Call<'a> {
    first: &'a mut [MaybeUninit<Event>],
    second: &'a mut [MaybeUninit<Event>],
    written: usize,
    /// How many of them are of calls before this one.
    began: usize,
}

impl Call<'_> {
    #[inline]
    fn slot(&mut self, index: usize) -> &mut Event {
        let first_len = self.first.len();
        let slot =
            if index < first_len { &mut self.first[index] } else { &mut self.second[index - first_len] };
        // SAFETY: `Outlet::new` wrote every slot, and nobody takes anything out of them but by copy.
        unsafe { slot.assume_init_mut() }
    }

    #[inline]
    fn push(&mut self, event: &Event) -> &mut Event {
        let index = self.written;
        self.written += 1;
        let slot = self.slot(index);
        slot.set_used(event);
        slot.header.flags = event.header.flags & !FLAG_STEP_END;
        slot
    }

    /// Slots not yet written.
    #[inline]
    pub fn room(&self) -> usize {
        self.first.len() + self.second.len() - self.written
    }

    /// The next call begins: what was written is of others.
    #[inline]
    pub fn begin(&mut self) {
        self.began = self.written;
    }

    /// Marks the end of step `seq` on the last event of this call, or by a bare marker if there is none.
    #[inline]
    pub fn end_step(&mut self, seq: Seq, ts: TsNs) {
        if self.written == self.began {
            return self.mark_end(seq, ts);
        }
        let last = self.written - 1;
        self.slot(last).header.flags |= FLAG_STEP_END;
    }

    #[cold]
    #[inline(never)]
    fn mark_end(&mut self, seq: Seq, ts: TsNs) {
        let mut marker = Event::new(InstrumentId::NONE, 0, &StepMarker { reserved: [0; 32] });
        marker.header.seq = seq;
        marker.header.ts = ts;
        self.push(&marker).header.flags = FLAG_STEP_END;
    }
}

impl Emit for Call<'_> {
    #[inline]
    fn emit(&mut self, event: &Event) {
        self.push(event);
    }
}
