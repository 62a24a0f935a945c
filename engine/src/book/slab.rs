//! A fixed number of slots, given out by index.

/// The index that means "none".
pub(crate) const NONE: u32 = u32::MAX;

/// A pool of `T` with a free list. All memory is taken by the constructor.
#[derive(Clone)]
pub(crate) struct Slab<T> {
    slots: Box<[T]>,
    /// Free slots: the first `room` of these.
    free: Box<[u32]>,
    room: usize,
}

impl<T: Copy> Slab<T> {
    /// `capacity` free slots, holding `blank` until they are used.
    pub(crate) fn with_capacity(capacity: usize, blank: T) -> Self {
        let count = u32::try_from(capacity).expect("a pool's size fits an index");
        assert!(count < NONE, "the last index means none");
        Self {
            slots: vec![blank; capacity].into_boxed_slice(),
            free: (0..count).rev().collect(),
            room: capacity,
        }
    }

    /// Slots in all.
    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Free slots.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        self.room
    }

    /// Whether every slot is free.
    #[inline]
    pub(crate) fn is_unused(&self) -> bool {
        self.room == self.free.len()
    }

    /// Takes a slot for `value`. Panics if there is none: callers look at `room` first.
    #[inline]
    pub(crate) fn take(&mut self, value: T) -> u32 {
        assert!(self.room > 0, "the caller has made sure of room");
        self.room -= 1;
        let slot = self.free[self.room];
        self.slots[slot as usize] = value;
        slot
    }

    /// Gives a slot back.
    #[inline]
    pub(crate) fn give_back(&mut self, slot: u32) {
        assert!(self.room < self.free.len(), "more slots were given back than taken");
        self.free[self.room] = slot;
        self.room += 1;
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;
    #[inline]
    fn index(&self, slot: u32) -> &T {
        &self.slots[slot as usize]
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut T {
        &mut self.slots[slot as usize]
    }
}
