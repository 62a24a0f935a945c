//! A fixed number of slots, given out by index.

/// The index that means "none".
pub(super) const NONE: u32 = u32::MAX;

/// A pool of `T` with a free list. All memory is taken by the constructor.
#[derive(Clone)]
pub(super) struct Slab<T> {
    slots: Box<[T]>,
    free: Vec<u32>,
}

impl<T: Copy> Slab<T> {
    /// `capacity` free slots, holding `blank` until they are used.
    pub(super) fn with_capacity(capacity: usize, blank: T) -> Self {
        let count = u32::try_from(capacity).expect("a pool's size fits an index");
        assert!(count < NONE, "the last index means none");
        Self { slots: vec![blank; capacity].into_boxed_slice(), free: (0..count).rev().collect() }
    }

    /// Slots in all.
    pub(super) fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Free slots.
    pub(super) fn room(&self) -> usize {
        self.free.len()
    }

    /// Takes a slot for `value`. Panics if there is none: callers look at `room` first.
    pub(super) fn take(&mut self, value: T) -> u32 {
        let slot = self.free.pop().expect("the caller has made sure of room");
        self.slots[slot as usize] = value;
        slot
    }

    /// Gives a slot back.
    pub(super) fn give_back(&mut self, slot: u32) {
        assert!(self.free.len() < self.slots.len(), "more slots were given back than taken");
        self.free.push(slot);
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;
    fn index(&self, slot: u32) -> &T {
        &self.slots[slot as usize]
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, slot: u32) -> &mut T {
        &mut self.slots[slot as usize]
    }
}
