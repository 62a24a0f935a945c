//! Writing a stage's events into a ring: in place, published once a call or a few, the step's end marked on the last of each.

use crate::event::{Event, FLAG_STEP_END, LINE_BYTES, StepMarker};
use crate::limits::EMIT_MAX;
use crate::stage::Emit;
use crate::units::{InstrumentId, Seq, TsNs};
use std::mem::MaybeUninit;
use zerocopy::IntoBytes;

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

    /// Fetches the next slot: its lines are on the reader's cpu since the reader read them, and to get them back takes as long as
    /// a hop. For when there is nothing else to do.
    #[inline(never)]
    pub fn own_next(&mut self) {
        if let Ok(mut chunk) = self.0.write_chunk_uninit(1)
            && let Some(slot) = chunk.as_mut_slices().0.first_mut()
        {
            // SAFETY: as in `Call::slot`.
            let slot = unsafe { slot.assume_init_mut() };
            slot.as_mut_bytes().iter_mut().step_by(LINE_BYTES).for_each(|byte| *byte = 0);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Kind, Timer};

    fn timer(lines: u8, due: u64) -> Event {
        let mut event = Event::new(InstrumentId(due as u32), 0, &Timer { due: TsNs(due), reserved: [0; 24] });
        event.header.lines = lines;
        event
    }

    #[test]
    fn events_of_any_length_come_out_as_they_went_in() {
        let (producer, mut reader) = ring(CALL_SLOTS);
        let mut outlet = Outlet::new(producer);
        assert!(reader.is_empty(), "the events that the slots hold at first are none of the run's");
        // Several rounds of the ring, so that short events come to lie on long ones.
        for number in 0..1_000 {
            let event = timer([4, 1, 2, 4, 1][number % 5], number as u64);
            let slots = outlet.room().expect("the reader keeps up");
            outlet.write(slots, |call| call.emit(&event));
            let read = reader.pop().expect("it is published");
            assert_eq!(read.used_bytes(), event.used_bytes());
        }
        outlet.write(CALL_SLOTS, |call| (0..5).for_each(|number| call.emit(&timer(1, number))));
        assert_eq!((reader.slots(), outlet.room()), (5, None), "no room is left for a call's events");
    }

    #[test]
    fn each_call_marks_the_end_of_its_own_step() {
        let (producer, mut reader) = ring(4 * CALL_SLOTS);
        let mut outlet = Outlet::new(producer);
        outlet.write(2 * CALL_SLOTS, |call| {
            for (seq, events) in [(1, 2), (2, 0), (3, 1), (4, 0)] {
                call.begin();
                let mut event = timer(1, seq);
                // What is handed on may be the last of its step where it came from.
                event.header.flags = FLAG_STEP_END;
                (0..events).for_each(|_| call.emit(&event));
                call.end_step(Seq(seq), TsNs(seq));
            }
        });
        let read: Vec<_> = std::iter::from_fn(|| reader.pop().ok())
            .map(|event| (event.kind(), event.header.flags & FLAG_STEP_END != 0))
            .collect();
        let (timer, marker) = (Kind::Timer, Kind::StepMarker);
        assert_eq!(read, [(timer, false), (timer, true), (marker, true), (timer, true), (marker, true)]);
    }
}
