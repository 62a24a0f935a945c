//! From order ids to slots, eight bytes an entry: open addressing with linear probing, at most half full, without
//! tombstones. An entry holds 32 bits of the id's hash; the caller compares the id itself, in the order's cache line.

use super::slab::NONE;
use crate::units::OrderId;

const EMPTY: u64 = u64::MAX;

/// A map from ids other than zero to slots. All memory is taken by the constructor.
#[derive(Clone)]
pub(super) struct Ids {
    entries: Box<[u64]>,
    shift: u32,
}

const fn slot_in(entry: u64) -> u32 {
    (entry & 0xFFFF_FFFF) as u32
}

const fn tag_in(entry: u64) -> u32 {
    (entry >> 32) as u32
}

/// Fibonacci hashing: ids are dense, the multiplication spreads them. Runs of ids side by side would make removals walk.
const fn tag_of(id: OrderId) -> u32 {
    (id.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

impl Ids {
    /// Room for `orders` ids.
    pub(super) fn with_capacity(orders: usize) -> Self {
        let size = (orders * 2).next_power_of_two().max(2);
        assert!(size <= 1 << 31, "a pool is indexed by 32 bits");
        Self { entries: vec![EMPTY; size].into_boxed_slice(), shift: 32 - size.trailing_zeros() }
    }

    /// The slot of an id; `is` says whether a slot holds it.
    #[inline]
    pub(super) fn get(&self, id: OrderId, is: impl Fn(u32) -> bool) -> Option<u32> {
        let tag = tag_of(id);
        let mut place = self.home(tag);
        loop {
            let entry = self.entries[place];
            if entry == EMPTY {
                return None;
            }
            if tag_in(entry) == tag && is(slot_in(entry)) {
                return Some(slot_in(entry));
            }
            place = self.after(place);
        }
    }

    /// Adds an id that is not in the map.
    #[inline]
    pub(super) fn insert(&mut self, id: OrderId, slot: u32) {
        debug_assert!(slot != NONE);
        let tag = tag_of(id);
        let mut place = self.home(tag);
        while self.entries[place] != EMPTY {
            place = self.after(place);
        }
        self.entries[place] = u64::from(tag) << 32 | u64::from(slot);
    }

    /// Takes out an id that leads to `slot`, and moves up what its removal would hide.
    #[inline]
    pub(super) fn remove(&mut self, id: OrderId, slot: u32) {
        let tag = tag_of(id);
        let mut hole = self.home(tag);
        while slot_in(self.entries[hole]) != slot {
            assert!(self.entries[hole] != EMPTY, "only a known id is removed");
            hole = self.after(hole);
        }
        let mask = self.entries.len() - 1;
        let mut place = hole;
        loop {
            place = self.after(place);
            let entry = self.entries[place];
            if entry == EMPTY {
                break;
            }
            // The entry may fill the hole unless its home lies cyclically in (hole, place].
            let home = self.home(tag_in(entry));
            if place.wrapping_sub(home) & mask >= place.wrapping_sub(hole) & mask {
                self.entries[hole] = entry;
                hole = place;
            }
        }
        self.entries[hole] = EMPTY;
    }

    #[inline]
    fn home(&self, tag: u32) -> usize {
        (tag >> self.shift) as usize
    }

    fn after(&self, place: usize) -> usize {
        (place + 1) & (self.entries.len() - 1)
    }
}
