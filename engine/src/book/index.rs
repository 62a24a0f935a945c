//! From order ids to slots: open addressing with linear probing, at most half full, without tombstones.

use super::slab::NONE;
use crate::units::OrderId;

#[derive(Clone, Copy)]
struct Entry {
    id: OrderId,
    slot: u32,
}

const EMPTY: Entry = Entry { id: OrderId::ZERO, slot: NONE };

/// A map from ids other than zero to slots. All memory is taken by the constructor.
#[derive(Clone)]
pub(super) struct IdIndex {
    entries: Box<[Entry]>,
    shift: u32,
}

impl IdIndex {
    /// Room for `orders` ids.
    pub(super) fn with_capacity(orders: usize) -> Self {
        let size = (orders * 2).next_power_of_two().max(2);
        Self { entries: vec![EMPTY; size].into_boxed_slice(), shift: 64 - size.trailing_zeros() }
    }

    /// The slot of an id.
    pub(super) fn get(&self, id: OrderId) -> Option<u32> {
        let entry = self.entries[self.probe(id)];
        (entry.slot != NONE).then_some(entry.slot)
    }

    /// Adds an id that is not in the map.
    pub(super) fn insert(&mut self, id: OrderId, slot: u32) {
        assert!(!id.is_zero(), "order id zero means none");
        let place = self.probe(id);
        assert!(self.entries[place].slot == NONE, "an id is added once");
        self.entries[place] = Entry { id, slot };
    }

    /// Takes an id out that is in the map, and moves up what its removal would hide.
    pub(super) fn remove(&mut self, id: OrderId) {
        let mut hole = self.probe(id);
        assert!(self.entries[hole].slot != NONE, "only a known id is removed");
        let mut place = hole;
        loop {
            place = self.after(place);
            let entry = self.entries[place];
            if entry.slot == NONE {
                break;
            }
            // The entry may fill the hole unless its home lies cyclically in (hole, place].
            let mask = self.entries.len() - 1;
            let home = self.home(entry.id);
            if place.wrapping_sub(home) & mask >= place.wrapping_sub(hole) & mask {
                self.entries[hole] = entry;
                hole = place;
            }
        }
        self.entries[hole] = EMPTY;
    }

    /// The place of an id, or the empty place where it belongs. Ends because the map is at most half full.
    fn probe(&self, id: OrderId) -> usize {
        let mut place = self.home(id);
        while self.entries[place].slot != NONE && self.entries[place].id != id {
            place = self.after(place);
        }
        place
    }

    /// Fibonacci hashing: ids are dense, the multiplication spreads them.
    fn home(&self, id: OrderId) -> usize {
        (id.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    fn after(&self, place: usize) -> usize {
        (place + 1) & (self.entries.len() - 1)
    }
}
