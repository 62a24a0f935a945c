//! Looking at queues: fronts, levels, neighbours.

use super::{Level, LevelView, NONE, Queues, Slot, Top, is_better, lane};
use crate::event::Side;
use crate::units::{InstrumentId, Price};

fn view(level: &Level) -> LevelView {
    LevelView { price: level.price, quantity: level.quantity, orders: level.orders }
}

fn some(slot: u32) -> Option<Slot> {
    (slot != NONE).then_some(Slot(slot))
}

impl<T: Copy> Queues<T> {
    #[inline]
    pub(super) fn top(&self, instrument: InstrumentId, side: Side) -> Top {
        self.tops[instrument.index()][lane(side)]
    }

    /// Whether an order of a side at `limit` finds nobody to trade with.
    #[inline]
    pub fn is_apart(&self, instrument: InstrumentId, side: Side, limit: Price) -> bool {
        is_better(side, self.top(instrument, side.opposite()).price, limit)
    }

    /// Whether the best buy is at or above the best sell.
    #[inline]
    pub fn is_crossed(&self, instrument: InstrumentId) -> bool {
        let [bid, ask] = &self.tops[instrument.index()];
        bid.price >= ask.price && bid.level != NONE && ask.level != NONE
    }

    /// The order of a side that trades first.
    #[inline]
    pub fn front(&self, instrument: InstrumentId, side: Side) -> Option<Slot> {
        self.first(instrument, side).map(|(_, slot)| slot)
    }

    /// The best price of a side and the order that trades first at it, without a look at the order.
    #[inline]
    pub fn first(&self, instrument: InstrumentId, side: Side) -> Option<(Price, Slot)> {
        let Top { price, level } = self.top(instrument, side);
        (level != NONE).then(|| (price, Slot(self.levels[level].oldest)))
    }

    /// The best price of a side.
    #[inline]
    pub fn best_price(&self, instrument: InstrumentId, side: Side) -> Option<Price> {
        let Top { price, level } = self.top(instrument, side);
        (level != NONE).then_some(price)
    }

    /// The best level of a side.
    pub fn best(&self, instrument: InstrumentId, side: Side) -> Option<LevelView> {
        self.levels(instrument, side).next()
    }

    /// The levels of a side, best first.
    pub fn levels(&self, instrument: InstrumentId, side: Side) -> LevelsOf<'_, T> {
        LevelsOf { queues: self, next: self.top(instrument, side).level }
    }

    /// The orders of a side, the first to trade first.
    pub fn slots(&self, instrument: InstrumentId, side: Side) -> SlotsOf<'_, T> {
        SlotsOf { queues: self, next: self.front(instrument, side) }
    }

    /// The first and the last order at a price.
    pub fn ends_of(&self, instrument: InstrumentId, side: Side, price: Price) -> Option<(Slot, Slot)> {
        let (_, level) = self.neighbours(instrument, side, price);
        (level != NONE && self.levels[level].price == price)
            .then(|| (Slot(self.levels[level].oldest), Slot(self.levels[level].newest)))
    }

    /// The next newer order at the same price.
    pub fn newer(&self, slot: Slot) -> Option<Slot> {
        some(self.nodes[slot.0].newer)
    }

    /// The next older order at the same price.
    pub fn older(&self, slot: Slot) -> Option<Slot> {
        some(self.nodes[slot.0].older)
    }

    /// The order of the side that trades after this one.
    pub fn next(&self, slot: Slot) -> Option<Slot> {
        let node = &self.nodes[slot.0];
        if node.newer != NONE {
            return Some(Slot(node.newer));
        }
        let worse = self.levels[node.level].worse;
        (worse != NONE).then(|| Slot(self.levels[worse].oldest))
    }

    /// The first order of the next worse price.
    pub fn next_price(&self, slot: Slot) -> Option<Slot> {
        let worse = self.levels[self.nodes[slot.0].level].worse;
        (worse != NONE).then(|| Slot(self.levels[worse].oldest))
    }

    /// The first order of the next better price.
    pub fn better_price(&self, slot: Slot) -> Option<Slot> {
        let better = self.levels[self.nodes[slot.0].level].better;
        (better != NONE).then(|| Slot(self.levels[better].oldest))
    }

    /// The level of the order in a slot.
    pub fn level_of(&self, slot: Slot) -> LevelView {
        view(&self.levels[self.nodes[slot.0].level])
    }
}

/// The levels of a side, best first.
#[derive(Clone)]
pub struct LevelsOf<'a, T> {
    queues: &'a Queues<T>,
    next: u32,
}

impl<T: Copy> Iterator for LevelsOf<'_, T> {
    type Item = LevelView;

    fn next(&mut self) -> Option<LevelView> {
        if self.next == NONE {
            return None;
        }
        let level = &self.queues.levels[self.next];
        self.next = level.worse;
        Some(view(level))
    }
}

/// The orders of a side in the order in which they trade.
#[derive(Clone)]
pub struct SlotsOf<'a, T> {
    queues: &'a Queues<T>,
    next: Option<Slot>,
}

impl<T: Copy> Iterator for SlotsOf<'_, T> {
    type Item = Slot;

    fn next(&mut self) -> Option<Slot> {
        let slot = self.next?;
        self.next = self.queues.next(slot);
        Some(slot)
    }
}
