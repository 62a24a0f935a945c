//! The queues of many instruments over shared pools, each order with a payload of its owner.

mod validate;
mod views;

#[cfg(test)]
mod tests;

pub use views::{LevelsOf, SlotsOf};

use super::ids::Ids;
use super::ladder::Ladder;
use super::slab::{NONE, Slab};
use super::{LevelView, QUANTITY_MAX, Resting};
use crate::event::Side;
use crate::units::{InstrumentId, OrderId, Price, Qty};

/// The price of a buy that is better than every limit. It has no place on a ladder.
pub const BUY_ABOVE_ALL: Price = Price(i64::MAX);
/// The price of a sell that is better than every limit. It has no place on a ladder.
pub const SELL_BELOW_ALL: Price = Price::ZERO;

/// Where an order is, as long as it is in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(pub(super) u32);

/// An order and its neighbours in time: one cache line with a payload of 16 bytes.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Node<T> {
    pub(super) id: OrderId,
    pub(super) price: Price,
    pub(super) open: Qty,
    /// When it took its place, as a count, and in the lowest bit whether it sells.
    pub(super) arrival: u64,
    pub(super) payload: T,
    pub(super) instrument: InstrumentId,
    pub(super) level: u32,
    pub(super) older: u32,
    pub(super) newer: u32,
}

/// A price, its orders from the oldest to the newest, and its neighbours in price.
#[derive(Clone, Copy)]
pub(super) struct Level {
    pub(super) price: Price,
    pub(super) quantity: Qty,
    pub(super) orders: u32,
    pub(super) oldest: u32,
    pub(super) newest: u32,
    pub(super) better: u32,
    pub(super) worse: u32,
    /// Its rung on the ladder, or where it was when it had one.
    pub(super) rung: u32,
}

/// Price-time queues, two per instrument, over one pool of orders.
#[derive(Clone)]
pub struct Queues<T> {
    pub(super) nodes: Slab<Node<T>>,
    pub(super) levels: Slab<Level>,
    ids: Ids,
    /// Best level of each lane: the instrument's buys, then its sells.
    pub(super) best: Box<[u32]>,
    /// A ladder per lane, or none at all.
    ladders: Box<[Ladder]>,
    arrivals: u64,
    /// Sum of all open quantities, in wrapping arithmetic: a checksum, no quantity.
    open_sum: u64,
}

const EMPTY_LEVEL: Level = Level {
    price: Price::ZERO,
    quantity: Qty::ZERO,
    orders: 0,
    oldest: NONE,
    newest: NONE,
    better: NONE,
    worse: NONE,
    rung: NONE,
};

/// Whether `a` is strictly better than `b` for an order of `side`.
#[inline]
pub(crate) const fn is_better(side: Side, a: Price, b: Price) -> bool {
    match side {
        Side::Buy => a.0 > b.0,
        Side::Sell => a.0 < b.0,
    }
}

pub(super) const fn lane(instrument: InstrumentId, side: Side) -> usize {
    match side {
        Side::Buy => instrument.index() * 2,
        Side::Sell => instrument.index() * 2 + 1,
    }
}

impl<T> Node<T> {
    #[inline]
    pub(super) fn side(&self) -> Side {
        if self.arrival & 1 == 0 { Side::Buy } else { Side::Sell }
    }
}

impl<T: Copy> Queues<T> {
    /// Empty queues for one instrument per tick size and at most `orders` orders in all of them; `blank` fills unused
    /// slots. Each side has a price ladder of `ladder_ticks`, a power of two of at least 256, or none if that is zero.
    pub fn new(
        ticks: impl Iterator<Item = Price> + Clone,
        orders: usize,
        ladder_ticks: usize,
        blank: T,
    ) -> Self {
        let count = ticks.clone().count();
        let node = Node {
            id: OrderId::ZERO,
            price: Price::ZERO,
            open: Qty::ZERO,
            arrival: 0,
            payload: blank,
            instrument: InstrumentId::NONE,
            level: NONE,
            older: NONE,
            newer: NONE,
        };
        let ladders = match ladder_ticks {
            0 => Vec::new(),
            rungs => ticks.flat_map(|tick| [Ladder::new(tick, rungs), Ladder::new(tick, rungs)]).collect(),
        };
        Self {
            nodes: Slab::with_capacity(orders, node),
            levels: Slab::with_capacity(orders, EMPTY_LEVEL),
            ids: Ids::with_capacity(orders),
            best: vec![NONE; count * 2].into_boxed_slice(),
            ladders: ladders.into_boxed_slice(),
            arrivals: 0,
            open_sum: 0,
        }
    }

    /// Number of orders in all queues.
    pub fn len(&self) -> usize {
        self.nodes.capacity() - self.nodes.room()
    }

    /// Whether all queues are empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Instruments.
    pub fn instruments(&self) -> usize {
        self.best.len() / 2
    }

    /// Sum of all open quantities in wrapping 64 bits, kept apart from the orders: what conservation is checked with.
    pub fn open_sum(&self) -> u64 {
        self.open_sum
    }

    /// Arrivals so far.
    pub fn arrivals(&self) -> u64 {
        self.arrivals
    }

    /// Continues counting arrivals at `arrivals`, which is not less than they are: for loading a state.
    pub fn set_arrivals(&mut self, arrivals: u64) {
        assert!(arrivals >= self.arrivals, "arrivals only grow");
        self.arrivals = arrivals;
    }

    /// The slot of an id.
    #[inline]
    pub fn slot_of(&self, id: OrderId) -> Option<Slot> {
        self.ids.get(id, |slot| self.nodes[slot].id == id).map(Slot)
    }

    /// The order in a slot.
    #[inline]
    pub fn order(&self, slot: Slot) -> Resting {
        let node = &self.nodes[slot.0];
        let Node { id, instrument, price, open, .. } = *node;
        Resting { id, instrument, side: node.side(), price, open }
    }

    /// What its owner keeps with the order in a slot.
    #[inline]
    pub fn payload(&self, slot: Slot) -> &T {
        &self.nodes[slot.0].payload
    }

    /// What its owner keeps with the order in a slot.
    #[inline]
    pub fn payload_mut(&mut self, slot: Slot) -> &mut T {
        &mut self.nodes[slot.0].payload
    }

    /// When the order in a slot took its place: larger is later.
    pub fn arrival(&self, slot: Slot) -> u64 {
        self.nodes[slot.0].arrival >> 1
    }

    /// Puts an order behind all others of its price. The caller has made sure of room, and that the id is new.
    #[inline]
    pub fn append(
        &mut self,
        instrument: InstrumentId,
        side: Side,
        price: Price,
        id: OrderId,
        open: Qty,
        payload: T,
    ) -> Slot {
        let arrival = self.arrivals;
        self.arrivals += 1;
        self.append_at(Resting { id, instrument, side, price, open }, payload, arrival)
    }

    /// Puts an order that arrived as number `arrival` behind all others of its price: for loading a state.
    #[inline]
    pub fn append_at(&mut self, order: Resting, payload: T, arrival: u64) -> Slot {
        let Resting { id, instrument, side, price, open } = order;
        assert!(!id.is_zero(), "order id zero means none");
        assert!(open > Qty::ZERO && open <= QUANTITY_MAX, "quantities are checked before");
        let level = self.level_for(instrument, side, price);
        let older = self.levels[level].newest;
        let arrival = arrival << 1 | u64::from(side == Side::Sell);
        let node = Node { id, price, open, arrival, payload, instrument, level, older, newer: NONE };
        let slot = self.nodes.take(node);
        self.link_newest(level, slot, older);
        let level = &mut self.levels[level];
        level.orders += 1;
        level.quantity += open;
        self.open_sum = self.open_sum.wrapping_add(open.0 as u64);
        self.ids.insert(id, slot);
        Slot(slot)
    }

    /// Takes `quantity` off an order, less than what is open; it keeps its place.
    #[inline]
    pub fn reduce(&mut self, slot: Slot, quantity: Qty) {
        let node = &mut self.nodes[slot.0];
        assert!(quantity >= Qty::ZERO && quantity < node.open, "a reduction leaves something open");
        node.open -= quantity;
        let level = node.level;
        self.levels[level].quantity -= quantity;
        self.open_sum = self.open_sum.wrapping_sub(quantity.0 as u64);
    }

    /// Adds `quantity` to an order, which keeps its place: for the last of its price.
    pub fn grow(&mut self, slot: Slot, quantity: Qty) {
        let node = &mut self.nodes[slot.0];
        assert!(
            quantity >= Qty::ZERO && node.open + quantity <= QUANTITY_MAX,
            "quantities are checked before"
        );
        node.open += quantity;
        let level = node.level;
        self.levels[level].quantity += quantity;
        self.open_sum = self.open_sum.wrapping_add(quantity.0 as u64);
    }

    /// Puts an order behind all others of its price, with `open` in place of what was open.
    pub fn requeue(&mut self, slot: Slot, open: Qty) {
        assert!(open > Qty::ZERO && open <= QUANTITY_MAX, "quantities are checked before");
        let Node { open: was, level, arrival, .. } = self.nodes[slot.0];
        self.unlink(slot.0);
        let older = self.levels[level].newest;
        self.link_newest(level, slot.0, older);
        let node = &mut self.nodes[slot.0];
        (node.older, node.newer, node.open) = (older, NONE, open);
        node.arrival = self.arrivals << 1 | arrival & 1;
        self.arrivals += 1;
        let level = &mut self.levels[level];
        level.quantity = level.quantity - was + open;
        self.open_sum = self.open_sum.wrapping_sub(was.0 as u64).wrapping_add(open.0 as u64);
    }

    /// Takes an order out of its queue.
    #[inline]
    pub fn take_out(&mut self, slot: Slot) {
        let Node { id, open, level, .. } = self.nodes[slot.0];
        self.unlink(slot.0);
        let here = &mut self.levels[level];
        here.orders -= 1;
        here.quantity -= open;
        if here.orders == 0 {
            let lane = lane(self.nodes[slot.0].instrument, self.nodes[slot.0].side());
            self.take_out_level(lane, level);
        }
        self.open_sum = self.open_sum.wrapping_sub(open.0 as u64);
        self.ids.remove(id, slot.0);
        self.nodes.give_back(slot.0);
    }

    #[inline]
    fn link_newest(&mut self, level: u32, slot: u32, older: u32) {
        if older == NONE {
            self.levels[level].oldest = slot;
        } else {
            self.nodes[older].newer = slot;
        }
        self.levels[level].newest = slot;
    }

    #[inline]
    fn unlink(&mut self, slot: u32) {
        let Node { level, older, newer, .. } = self.nodes[slot];
        if older == NONE {
            self.levels[level].oldest = newer;
        } else {
            self.nodes[older].newer = newer;
        }
        if newer == NONE {
            self.levels[level].newest = older;
        } else {
            self.nodes[newer].older = older;
        }
    }

    /// The level of a price, made if there is none.
    #[inline]
    fn level_for(&mut self, instrument: InstrumentId, side: Side, price: Price) -> u32 {
        let lane = lane(instrument, side);
        if let Some(ladder) = self.ladders.get(lane) {
            let level = ladder.at(price);
            if level != NONE && self.levels[level].price == price {
                return level;
            }
        }
        self.level_by_walk(lane, side, price)
    }

    #[inline(never)]
    fn level_by_walk(&mut self, lane: usize, side: Side, price: Price) -> u32 {
        let (better, worse) = self.neighbours(lane, side, price);
        if worse != NONE && self.levels[worse].price == price {
            self.enter_ladder(lane, side, worse);
            return worse;
        }
        let level = self.levels.take(Level { price, better, worse, ..EMPTY_LEVEL });
        if better == NONE {
            self.best[lane] = level;
        } else {
            self.levels[better].worse = level;
        }
        if worse != NONE {
            self.levels[worse].better = level;
        }
        self.enter_ladder(lane, side, level);
        level
    }

    /// The levels between which a price belongs; the second may be its own.
    fn neighbours(&self, lane: usize, side: Side, price: Price) -> (u32, u32) {
        let best = self.best[lane];
        if best == NONE || !is_better(side, self.levels[best].price, price) {
            return (NONE, best);
        }
        let mut worse = match self.ladders.get(lane) {
            Some(ladder) => self.nearer(ladder.near(price), best, price),
            None => best,
        };
        // Wherever it starts: first to a level that is not better than the price, then back to the last better one.
        let mut better = worse;
        while worse != NONE && is_better(side, self.levels[worse].price, price) {
            (better, worse) = (worse, self.levels[worse].worse);
        }
        if worse != NONE {
            better = self.levels[worse].better;
            while better != NONE && !is_better(side, self.levels[better].price, price) {
                (worse, better) = (better, self.levels[better].better);
            }
        }
        (better, worse)
    }

    /// Of the levels that a ladder found below and above a price the one that is on its side, else the best.
    fn nearer(&self, [below, above]: [u32; 2], best: u32, price: Price) -> u32 {
        if below != NONE && self.levels[below].price <= price {
            below
        } else if above != NONE && self.levels[above].price >= price {
            above
        } else {
            best
        }
    }

    fn enter_ladder(&mut self, lane: usize, side: Side, level: u32) {
        let price = self.levels[level].price;
        let Some(ladder) = self.ladders.get_mut(lane) else { return };
        if price == BUY_ABOVE_ALL || price == SELL_BELOW_ALL {
            return;
        }
        let mut best = &self.levels[self.best[lane]];
        if (best.price == BUY_ABOVE_ALL || best.price == SELL_BELOW_ALL) && best.worse != NONE {
            best = &self.levels[best.worse];
        }
        self.levels[level].rung = ladder.enter(side, price, best.price, level);
    }

    fn take_out_level(&mut self, lane: usize, level: u32) {
        let Level { better, worse, rung, .. } = self.levels[level];
        if rung != NONE {
            self.ladders[lane].leave(rung, level);
        }
        if better == NONE {
            self.best[lane] = worse;
        } else {
            self.levels[better].worse = worse;
        }
        if worse != NONE {
            self.levels[worse].better = better;
        }
        self.levels.give_back(level);
    }
}
