//! From order ids to slots, four bytes an entry: open addressing with linear probing, at most half full, without
//! tombstones. The ids themselves are in the orders' cache lines, which whoever asks for an order needs anyway; each
//! call is told how to read them.

use super::slab::NONE;
use crate::units::OrderId;

/// A map from ids to slots. All memory is taken by the constructor. All of it is compiled into its few callers: a call
/// costs as much as a look.
#[derive(Clone)]
pub(super) struct Ids {
    /// A slot, or `NONE`.
    entries: Box<[u32]>,
    mask: usize,
    shift: u32,
}

impl Ids {
    /// Room for `orders` ids.
    pub(super) fn with_capacity(orders: usize) -> Self {
        let size = (orders * 2).next_power_of_two().max(2);
        assert!(size <= 1 << 31, "a pool is indexed by 32 bits");
        let shift = 64 - size.trailing_zeros();
        Self { entries: vec![NONE; size].into_boxed_slice(), mask: size - 1, shift }
    }

    /// The slot of an id.
    #[inline(always)]
    pub(super) fn get(&self, id: OrderId, id_in: impl Fn(u32) -> OrderId) -> Option<u32> {
        let mut place = self.home(id);
        loop {
            let slot = self.entries[place];
            if slot == NONE {
                return None;
            }
            if id_in(slot) == id {
                return Some(slot);
            }
            place = self.after(place);
        }
    }

    /// Adds an id that is not in the map.
    #[inline(always)]
    pub(super) fn insert(&mut self, id: OrderId, slot: u32) {
        debug_assert!(slot != NONE);
        let mut place = self.home(id);
        while self.entries[place] != NONE {
            place = self.after(place);
        }
        self.entries[place] = slot;
    }

    /// Takes out an id that leads to `slot`, and moves up what its removal would hide.
    #[inline(always)]
    pub(super) fn remove(&mut self, id: OrderId, slot: u32, id_in: impl Fn(u32) -> OrderId) {
        let mut hole = self.home(id);
        while self.entries[hole] != slot {
            assert!(self.entries[hole] != NONE, "only a known id is removed");
            hole = self.after(hole);
        }
        let mut place = hole;
        loop {
            place = self.after(place);
            let other = self.entries[place];
            if other == NONE {
                break;
            }
            // The entry may fill the hole unless its home lies cyclically in (hole, place].
            let home = self.home(id_in(other));
            if place.wrapping_sub(home) & self.mask >= place.wrapping_sub(hole) & self.mask {
                self.entries[hole] = other;
                hole = place;
            }
        }
        self.entries[hole] = NONE;
    }

    /// Fibonacci hashing: ids are dense or evenly spaced, the multiplication keeps them apart. Runs of ids side by side
    /// would make removals walk.
    #[inline(always)]
    fn home(&self, id: OrderId) -> usize {
        // The shift is 33 to 63: one that is checked would say the same.
        id.0.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_shr(self.shift) as usize
    }

    #[inline(always)]
    fn after(&self, place: usize) -> usize {
        place.wrapping_add(1) & self.mask
    }
}
