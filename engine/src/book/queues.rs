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
    /// The best of each instrument: buys, then sells.
    pub(super) tops: Box<[[Top; 2]]>,
    /// Two ladders for each instrument, or none at all.
    ladders: Box<[[Ladder; 2]]>,
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

/// The best level of a side beside its price, which is what an order on its way looks at first.
#[derive(Clone, Copy)]
pub(super) struct Top {
    /// The worst price there is if there is no level, so that nothing is better than a price for that side.
    pub(super) price: Price,
    pub(super) level: u32,
}

/// The price of a side without orders.
const fn nothing(side: Side) -> Price {
    match side {
        Side::Buy => Price(i64::MIN),
        Side::Sell => Price(i64::MAX),
    }
}

/// Whether `a` is strictly better than `b` for an order of `side`. Without a branch, because sides come at random:
/// the complement turns the order of the numbers round.
#[inline]
pub(crate) const fn is_better(side: Side, a: Price, b: Price) -> bool {
    let turn = -((side as i64) & 1);
    (a.0 ^ turn) < (b.0 ^ turn)
}

const _: () = assert!(Side::Buy as u8 == 1 && Side::Sell as u8 == 2, "a buy is odd, a sell is even");

/// The place of a side among the two of an instrument.
#[inline]
pub(super) const fn lane(side: Side) -> usize {
    (side as usize >> 1) & 1
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
            rungs => ticks.map(|tick| [Ladder::new(tick, rungs), Ladder::new(tick, rungs)]).collect(),
        };
        Self {
            nodes: Slab::with_capacity(orders, node),
            levels: Slab::with_capacity(orders, EMPTY_LEVEL),
            ids: Ids::with_capacity(orders),
            tops: vec![[Side::Buy, Side::Sell].map(|side| Top { price: nothing(side), level: NONE }); count]
                .into(),
            ladders: ladders.into_boxed_slice(),
            arrivals: 0,
            open_sum: 0,
        }
    }

    /// Number of orders in all queues.
    #[inline]
    pub fn len(&self) -> usize {
        self.nodes.capacity() - self.nodes.room()
    }

    /// Whether all queues are empty.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_unused()
    }

    /// Instruments.
    pub fn instruments(&self) -> usize {
        self.tops.len()
    }

    /// Sum of all open quantities in wrapping 64 bits, kept apart from the orders: what conservation is checked with.
    #[inline]
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
        self.ids.get(id, |slot| self.nodes[slot].id).map(Slot)
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
    #[inline(always)]
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
    #[inline(always)]
    pub fn append_at(&mut self, order: Resting, payload: T, arrival: u64) -> Slot {
        let Resting { id, instrument, side, price, open } = order;
        assert!(!id.is_zero(), "order id zero means none");
        assert!(open > Qty::ZERO && open <= QUANTITY_MAX, "quantities are checked before");
        let level = self.level_for(instrument, side, price);
        let here = &mut self.levels[level];
        let older = here.newest;
        here.orders += 1;
        here.quantity += open;
        let arrival = arrival << 1 | u64::from(side == Side::Sell);
        let node = Node { id, price, open, arrival, payload, instrument, level, older, newer: NONE };
        let slot = self.nodes.take(node);
        here.newest = slot;
        if older == NONE {
            here.oldest = slot;
        } else {
            self.nodes[older].newer = slot;
        }
        self.open_sum = self.open_sum.wrapping_add(open.0 as u64);
        self.ids.insert(id, slot);
        Slot(slot)
    }

    /// Puts an order behind the whole side, at a price worse than that of the order `worst`, which is the side's last one; at
    /// the top of an empty side if there is none. Nothing is looked for.
    pub fn append_worst(&mut self, worst: Option<Slot>, order: Resting, payload: T) -> Slot {
        let Resting { id, instrument, side, price, open } = order;
        assert!(!id.is_zero() && open > Qty::ZERO && open <= QUANTITY_MAX, "orders are checked before");
        let better = worst.map_or(NONE, |worst| self.nodes[worst.0].level);
        let level = self.levels.take(Level { price, quantity: open, orders: 1, better, ..EMPTY_LEVEL });
        if better == NONE {
            assert!(self.top(instrument, side).level == NONE, "the side is empty");
            self.tops[instrument.index()][lane(side)] = Top { price, level };
        } else {
            let before = &mut self.levels[better];
            assert!(before.worse == NONE && is_better(side, before.price, price), "the price is the worst");
            before.worse = level;
        }
        self.enter_ladder(instrument, side, level);
        let arrival = self.arrivals << 1 | u64::from(side == Side::Sell);
        self.arrivals += 1;
        let (older, newer) = (NONE, NONE);
        let slot =
            self.nodes.take(Node { id, price, open, arrival, payload, instrument, level, older, newer });
        let here = &mut self.levels[level];
        (here.oldest, here.newest) = (slot, slot);
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
        let here = &mut self.levels[level];
        here.orders -= 1;
        here.quantity -= open;
        let is_last = here.orders == 0;
        if is_last {
            self.take_out_level(slot.0, level);
        } else {
            self.unlink(slot.0);
        }
        self.forget(slot.0, id, open);
    }

    /// Takes an order out of its queue that is the first of its price.
    #[inline]
    pub fn take_front(&mut self, slot: Slot) {
        let Node { id, open, level, newer, .. } = self.nodes[slot.0];
        let here = &mut self.levels[level];
        assert!(here.oldest == slot.0, "only the first of a price is a front");
        here.orders -= 1;
        here.quantity -= open;
        if newer == NONE {
            self.take_out_level(slot.0, level);
        } else {
            here.oldest = newer;
            self.nodes[newer].older = NONE;
        }
        self.forget(slot.0, id, open);
    }

    /// The end of what is in no level any more.
    #[inline]
    fn forget(&mut self, slot: u32, id: OrderId, open: Qty) {
        self.open_sum = self.open_sum.wrapping_sub(open.0 as u64);
        self.ids.remove(id, slot, |other| self.nodes[other].id);
        self.nodes.give_back(slot);
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
    #[inline(always)]
    fn level_for(&mut self, instrument: InstrumentId, side: Side, price: Price) -> u32 {
        if let Some(ladders) = self.ladders.get(instrument.index()) {
            let level = ladders[lane(side)].at(price);
            if level != NONE && self.levels[level].price == price {
                return level;
            }
        }
        self.level_by_walk(instrument, side, price)
    }

    #[inline(never)]
    fn level_by_walk(&mut self, instrument: InstrumentId, side: Side, price: Price) -> u32 {
        let (better, worse) = self.neighbours(instrument, side, price);
        if worse != NONE && self.levels[worse].price == price {
            self.enter_ladder(instrument, side, worse);
            return worse;
        }
        let level = self.levels.take(Level { price, better, worse, ..EMPTY_LEVEL });
        if better == NONE {
            self.tops[instrument.index()][lane(side)] = Top { price, level };
        } else {
            self.levels[better].worse = level;
        }
        if worse != NONE {
            self.levels[worse].better = level;
        }
        self.enter_ladder(instrument, side, level);
        level
    }

    /// The levels between which a price belongs; the second may be its own.
    #[inline]
    fn neighbours(&self, instrument: InstrumentId, side: Side, price: Price) -> (u32, u32) {
        let best = self.top(instrument, side);
        if best.level == NONE || !is_better(side, best.price, price) {
            return (NONE, best.level);
        }
        let mut better = best.level;
        if let Some(ladders) = self.ladders.get(instrument.index()) {
            let hint = ladders[lane(side)].better_than(side, price);
            if hint != NONE && is_better(side, self.levels[hint].price, price) {
                better = hint;
            }
        }
        let mut worse = self.levels[better].worse;
        while worse != NONE && is_better(side, self.levels[worse].price, price) {
            (better, worse) = (worse, self.levels[worse].worse);
        }
        (better, worse)
    }

    #[inline]
    fn enter_ladder(&mut self, instrument: InstrumentId, side: Side, level: u32) {
        let price = self.levels[level].price;
        let Some(ladders) = self.ladders.get_mut(instrument.index()) else { return };
        if price == BUY_ABOVE_ALL || price == SELL_BELOW_ALL {
            return;
        }
        let Top { price: mut best, level: first } = self.tops[instrument.index()][lane(side)];
        if best == BUY_ABOVE_ALL || best == SELL_BELOW_ALL {
            // The level itself is behind it.
            best = self.levels[self.levels[first].worse].price;
        }
        self.levels[level].rung = ladders[lane(side)].enter(side, price, best, level);
    }

    /// Takes the level of an order out that was the only one.
    #[inline(never)]
    fn take_out_level(&mut self, slot: u32, level: u32) {
        let (instrument, side) = (self.nodes[slot].instrument, self.nodes[slot].side());
        let Level { better, worse, rung, .. } = self.levels[level];
        if rung != NONE {
            self.ladders[instrument.index()][lane(side)].leave(rung, level);
        }
        if better == NONE {
            let price = if worse == NONE { nothing(side) } else { self.levels[worse].price };
            self.tops[instrument.index()][lane(side)] = Top { price, level: worse };
        } else {
            self.levels[better].worse = worse;
        }
        if worse != NONE {
            self.levels[worse].better = better;
        }
        self.levels.give_back(level);
    }
}
