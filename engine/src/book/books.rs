//! The books of many instruments over shared pools.

use super::index::IdIndex;
use super::slab::{NONE, Slab};
use super::{Incoming, LevelView, Outcome, QUANTITY_MAX, Refusal, Resting, Style, Sweep, Trade};
use crate::event::Side;
use crate::state::StateIo;
use crate::units::{InstrumentId, OrderId, Price, Qty};

/// An order and its neighbours in time.
#[derive(Clone, Copy)]
pub(super) struct Node {
    pub(super) order: Resting,
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
}

/// The best levels of one instrument: buys, sells.
#[derive(Clone, Copy)]
pub(super) struct Sides(pub(super) [u32; 2]);

/// Price-time priority books, one per instrument, over one pool of orders.
#[derive(Clone)]
pub struct Books {
    pub(super) nodes: Slab<Node>,
    pub(super) levels: Slab<Level>,
    pub(super) index: IdIndex,
    pub(super) sides: Box<[Sides]>,
}

/// The order of a slot that holds none.
const BLANK: Resting = Resting {
    id: OrderId::ZERO,
    instrument: InstrumentId::NONE,
    side: Side::Buy,
    price: Price::ZERO,
    open: Qty::ZERO,
};

impl Resting {
    fn state(&mut self, io: &mut StateIo<'_>) {
        io.plain(&mut self.instrument);
        io.code(&mut self.side, |side| side as u8, Side::from_u8);
        io.plain(&mut self.id);
        io.within(&mut self.price, Price(1), Price(i64::MAX));
        io.within(&mut self.open, Qty(1), QUANTITY_MAX);
    }
}

/// Whether `a` is strictly better than `b` for an order of `side`.
pub(super) fn is_better(side: Side, a: Price, b: Price) -> bool {
    match side {
        Side::Buy => a > b,
        Side::Sell => a < b,
    }
}

const fn place(side: Side) -> usize {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

impl Books {
    /// Empty books for the instruments `0 .. instruments`, with at most `orders` resting orders in all of
    /// them.
    pub fn with_capacity(instruments: usize, orders: usize) -> Self {
        let node = Node { order: BLANK, level: NONE, older: NONE, newer: NONE };
        let level = Level {
            price: Price::ZERO,
            quantity: Qty::ZERO,
            orders: 0,
            oldest: NONE,
            newest: NONE,
            better: NONE,
            worse: NONE,
        };
        Self {
            nodes: Slab::with_capacity(orders, node),
            levels: Slab::with_capacity(orders, level),
            index: IdIndex::with_capacity(orders),
            sides: vec![Sides([NONE; 2]); instruments].into_boxed_slice(),
        }
    }

    /// Number of resting orders in all books.
    pub fn len(&self) -> usize {
        self.nodes.capacity() - self.nodes.room()
    }

    /// Whether no order rests in any book.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The order of an id.
    pub fn get(&self, id: OrderId) -> Option<&Resting> {
        self.index.get(id).map(|slot| &self.nodes[slot].order)
    }

    /// The best level of a side.
    pub fn best(&self, instrument: InstrumentId, side: Side) -> Option<LevelView> {
        let best = self.best_level(instrument, side);
        (best != NONE).then(|| {
            let level = &self.levels[best];
            LevelView { price: level.price, quantity: level.quantity, orders: level.orders }
        })
    }

    /// The order of a side that trades first.
    pub fn front(&self, instrument: InstrumentId, side: Side) -> Option<&Resting> {
        let best = self.best_level(instrument, side);
        (best != NONE).then(|| &self.nodes[self.levels[best].oldest].order)
    }

    /// The orders of a side, the first to trade first.
    pub fn queue(&self, instrument: InstrumentId, side: Side) -> Queue<'_> {
        let best = self.best_level(instrument, side);
        Queue { books: self, next: if best == NONE { NONE } else { self.levels[best].oldest } }
    }

    /// Whether an order of `side` with this limit could trade with a resting order now.
    pub fn crosses(&self, instrument: InstrumentId, side: Side, limit: Price) -> bool {
        self.best(instrument, side.opposite()).is_some_and(|best| !is_better(side, best.price, limit))
    }

    /// Checks an order and starts it. Nothing changes until `sweep`.
    ///
    /// # Errors
    /// If its id is resting, or its rest might find no room.
    pub fn begin(&self, instrument: InstrumentId, order: Incoming) -> Result<Sweep, Refusal> {
        assert!(!order.id.is_zero(), "order id zero means none");
        assert!(
            order.quantity > Qty::ZERO && order.quantity <= QUANTITY_MAX,
            "quantities are checked before"
        );
        if self.index.get(order.id).is_some() {
            return Err(Refusal::Duplicate);
        }
        if order.style == Style::Limit && self.nodes.room() == 0 {
            return Err(Refusal::Full);
        }
        Ok(Sweep { instrument, order, open: order.quantity })
    }

    /// Makes at most `trades_max` trades of a begun order, at the resting orders' prices, best price and
    /// oldest order first. `None` if more trades are due: call again. The outcome ends the sweep; what is to
    /// rest then rests.
    pub fn sweep(
        &mut self,
        sweep: &mut Sweep,
        trades_max: usize,
        each: &mut impl FnMut(Trade),
    ) -> Option<Outcome> {
        let Sweep { instrument, order, .. } = *sweep;
        for _ in 0..trades_max {
            let Some(maker) = self.next_maker(sweep) else { break };
            let quantity = sweep.open.min(maker.open);
            sweep.open -= quantity;
            let maker_open = self.reduce(maker.id, quantity).expect("the front of a queue is in the book");
            each(Trade {
                taker: order.id,
                maker: maker.id,
                price: maker.price,
                quantity,
                maker_open,
                taker_open: sweep.open,
            });
        }
        if sweep.open.is_zero() {
            return Some(Outcome::Filled);
        }
        if self.next_maker(sweep).is_some() {
            return None;
        }
        if order.style != Style::Limit {
            return Some(Outcome::Cancelled(sweep.open));
        }
        self.append(instrument, &order, sweep.open);
        Some(Outcome::Rested(sweep.open))
    }

    /// Takes an order to its outcome in one go.
    ///
    /// # Errors
    /// If its id is resting, or its rest might find no room.
    pub fn submit(
        &mut self,
        instrument: InstrumentId,
        order: Incoming,
        each: &mut impl FnMut(Trade),
    ) -> Result<Outcome, Refusal> {
        let mut sweep = self.begin(instrument, order)?;
        Ok(self.sweep(&mut sweep, usize::MAX, each).expect("an unbounded sweep ends"))
    }

    /// Takes an order out; `None` if it is in no book.
    pub fn cancel(&mut self, id: OrderId) -> Option<Resting> {
        let slot = self.index.get(id)?;
        let order = self.nodes[slot].order;
        self.take_out(slot);
        Some(order)
    }

    /// Takes `quantity` (more than zero, at most what is open) off an order, which keeps its place: a fill,
    /// or a reduction at the owner's wish. Answers what is still open; at zero the order has left the book.
    /// `None` if it is in no book.
    pub fn reduce(&mut self, id: OrderId, quantity: Qty) -> Option<Qty> {
        let slot = self.index.get(id)?;
        let Node { order, level, .. } = self.nodes[slot];
        assert!(quantity > Qty::ZERO && quantity <= order.open, "a reduction is within what is open");
        if quantity == order.open {
            self.take_out(slot);
        } else {
            self.nodes[slot].order.open -= quantity;
            self.levels[level].quantity -= quantity;
        }
        Some(order.open - quantity)
    }

    /// Walks over every queue, order by order: instruments ascending, buys before sells, the first to trade first.
    /// Slot numbers are no part of the state.
    pub fn state(&mut self, io: &mut StateIo<'_>) {
        let mut count = self.len();
        io.size(&mut count, self.nodes.capacity());
        if io.is_loading() {
            return self.load(count, io);
        }
        for number in 0..self.sides.len() {
            let instrument = InstrumentId(u32::try_from(number).expect("instrument ids are 32 bits"));
            for side in [Side::Buy, Side::Sell] {
                for &(mut order) in self.queue(instrument, side) {
                    order.state(io);
                }
            }
        }
    }

    /// Fills empty books with `count` orders, which come in the order of `state`.
    fn load(&mut self, count: usize, io: &mut StateIo<'_>) {
        assert!(self.is_empty(), "a state is loaded into what was just built");
        let mut before = None;
        for _ in 0..count {
            let mut order = BLANK;
            order.state(io);
            let place = |order: &Resting| (order.instrument, order.side as u8);
            let in_order = before.as_ref().is_none_or(|before: &Resting| {
                place(before) < place(&order)
                    || place(before) == place(&order) && !is_better(order.side, order.price, before.price)
            });
            let known = order.instrument.index() < self.sides.len();
            if !known || order.id.is_zero() || self.index.get(order.id).is_some() || !in_order {
                return io.refuse("a resting order cannot be where it is");
            }
            if self.crosses(order.instrument, order.side, order.price) {
                return io.refuse("a book is crossed");
            }
            let Resting { id, instrument, side, price: limit, open } = order;
            let incoming = Incoming { id, side, limit, quantity: open, style: Style::Limit };
            self.append(instrument, &incoming, open);
            before = Some(order);
        }
    }

    pub(super) fn best_level(&self, instrument: InstrumentId, side: Side) -> u32 {
        self.sides[instrument.index()].0[place(side)]
    }

    /// The resting order a sweep trades with next.
    fn next_maker(&self, sweep: &Sweep) -> Option<Resting> {
        let Sweep { instrument, order, open } = *sweep;
        let tradable = !open.is_zero()
            && (order.style == Style::Market || self.crosses(instrument, order.side, order.limit));
        if tradable { self.front(instrument, order.side.opposite()).copied() } else { None }
    }

    /// Puts an order behind all others of its price.
    fn append(&mut self, instrument: InstrumentId, order: &Incoming, open: Qty) {
        let level = self.level_for(instrument, order.side, order.limit);
        let older = self.levels[level].newest;
        let resting = Resting { id: order.id, instrument, side: order.side, price: order.limit, open };
        let slot = self.nodes.take(Node { order: resting, level, older, newer: NONE });
        if older == NONE {
            self.levels[level].oldest = slot;
        } else {
            self.nodes[older].newer = slot;
        }
        let level = &mut self.levels[level];
        level.newest = slot;
        level.orders += 1;
        level.quantity += open;
        self.index.insert(order.id, slot);
    }

    /// The level of a price, made if there is none.
    fn level_for(&mut self, instrument: InstrumentId, side: Side, price: Price) -> u32 {
        let (mut better, mut worse) = (NONE, self.best_level(instrument, side));
        while worse != NONE && is_better(side, self.levels[worse].price, price) {
            (better, worse) = (worse, self.levels[worse].worse);
        }
        if worse != NONE && self.levels[worse].price == price {
            return worse;
        }
        let empty =
            Level { price, quantity: Qty::ZERO, orders: 0, oldest: NONE, newest: NONE, better, worse };
        let level = self.levels.take(empty);
        if better == NONE {
            self.sides[instrument.index()].0[place(side)] = level;
        } else {
            self.levels[better].worse = level;
        }
        if worse != NONE {
            self.levels[worse].better = level;
        }
        level
    }

    /// Unlinks an order, and its level if it was the last there.
    fn take_out(&mut self, slot: u32) {
        let Node { order, level, older, newer } = self.nodes[slot];
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
        self.levels[level].orders -= 1;
        self.levels[level].quantity -= order.open;
        if self.levels[level].orders == 0 {
            self.take_out_level(&order, level);
        }
        self.index.remove(order.id);
        self.nodes.give_back(slot);
    }

    fn take_out_level(&mut self, last_order: &Resting, level: u32) {
        let Level { better, worse, .. } = self.levels[level];
        if better == NONE {
            self.sides[last_order.instrument.index()].0[place(last_order.side)] = worse;
        } else {
            self.levels[better].worse = worse;
        }
        if worse != NONE {
            self.levels[worse].better = better;
        }
        self.levels.give_back(level);
    }
}

/// The orders of one side in the order in which they trade.
#[derive(Clone)]
pub struct Queue<'a> {
    books: &'a Books,
    next: u32,
}

impl<'a> Iterator for Queue<'a> {
    type Item = &'a Resting;

    fn next(&mut self) -> Option<&'a Resting> {
        if self.next == NONE {
            return None;
        }
        let node = &self.books.nodes[self.next];
        self.next = if node.newer != NONE {
            node.newer
        } else {
            let worse = self.books.levels[node.level].worse;
            if worse == NONE { NONE } else { self.books.levels[worse].oldest }
        };
        Some(&node.order)
    }
}
