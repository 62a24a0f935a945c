//! The price-time priority order book.
//!
//! ```text
//! Books   one pool of orders, one of levels, one id index; per instrument and side the best level (8 bytes)
//!   side ─► level (best) ⇄ level ⇄ level (worst)
//!             │ oldest
//!             ▼
//!           order ⇄ order ⇄ order (newest)
//! ```
//! Orders and levels live in slabs and are linked by index, so that 4,096 books of a venue that holds 256
//! orders cost what the 256 orders cost. Nothing allocates after construction. A level is found by walking
//! from the best one: cheap where orders are, near the touch; a dense ladder is the remedy if deep books ever
//! show in a profile.

mod books;
mod index;
mod slab;
mod validate;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

pub use books::{Books, Queue};

use crate::event::Side;
use crate::units::{InstrumentId, OrderId, Price, Qty};

/// Largest quantity of one order. Exchanges carry quantities in 32 bits; with this bound the sum over a
/// million orders still fits 64.
pub const QUANTITY_MAX: Qty = Qty(1 << 40);

/// What becomes of the part of an order that does not trade at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// It rests at its limit.
    Limit,
    /// It trades up to its limit, the rest is cancelled.
    Ioc,
    /// It trades at any price, the rest is cancelled; the limit is not looked at.
    Market,
}

/// An order on its way into a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Its id, not zero; unique among the orders resting in all books of the pool.
    pub id: OrderId,
    /// Buy or sell.
    pub side: Side,
    /// Worst price allowed.
    pub limit: Price,
    /// Quantity, 1 ..= `QUANTITY_MAX`.
    pub quantity: Qty,
    /// What becomes of the rest.
    pub style: Style,
}

/// An order in a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resting {
    /// Its id.
    pub id: OrderId,
    /// The book it is in.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Its limit, at which it trades.
    pub price: Price,
    /// Quantity that is still open, more than zero.
    pub open: Qty,
}

/// One trade, at the resting order's price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// The incoming order.
    pub taker: OrderId,
    /// The resting order.
    pub maker: OrderId,
    /// The resting order's price.
    pub price: Price,
    /// Quantity.
    pub quantity: Qty,
    /// What the resting order still has; at zero it has left the book.
    pub maker_open: Qty,
    /// What the incoming order still has.
    pub taker_open: Qty,
}

/// A price with the orders at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelView {
    /// The price.
    pub price: Price,
    /// Sum of the open quantities.
    pub quantity: Qty,
    /// Number of orders.
    pub orders: u32,
}

/// Why an order cannot enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An order of this id is resting.
    #[error("the order id is already in the book")]
    Duplicate,
    /// The pool has no slot for the rest. Refused before any trade, even if trading would have made room.
    #[error("the book is full")]
    Full,
}

/// How a submission ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it traded.
    Filled,
    /// This much rests.
    Rested(Qty),
    /// This much did not trade and is gone.
    Cancelled(Qty),
}

/// An order on its way through the other side. It is plain data: the caller keeps it between calls of `sweep`
/// and changes no book of the pool in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an order that was begun must be swept to its outcome"]
pub struct Sweep {
    instrument: InstrumentId,
    order: Incoming,
    open: Qty,
}

/// The book of one instrument with a pool of its own.
#[derive(Clone)]
pub struct Book(Books);

impl Book {
    const ONLY: InstrumentId = InstrumentId(0);

    /// An empty book for at most `orders` resting orders.
    pub fn with_capacity(orders: usize) -> Self {
        Self(Books::with_capacity(1, orders))
    }

    /// Checks an order and starts it; see [`Books::begin`].
    ///
    /// # Errors
    /// If its id is resting, or its rest might find no room.
    pub fn begin(&self, order: Incoming) -> Result<Sweep, Refusal> {
        self.0.begin(Self::ONLY, order)
    }

    /// Makes at most `trades_max` trades of a begun order; see [`Books::sweep`].
    pub fn sweep(
        &mut self,
        sweep: &mut Sweep,
        trades_max: usize,
        each: &mut impl FnMut(Trade),
    ) -> Option<Outcome> {
        self.0.sweep(sweep, trades_max, each)
    }

    /// Takes an order to its outcome in one go.
    ///
    /// # Errors
    /// If its id is resting, or its rest might find no room.
    pub fn submit(&mut self, order: Incoming, each: &mut impl FnMut(Trade)) -> Result<Outcome, Refusal> {
        self.0.submit(Self::ONLY, order, each)
    }

    /// Takes an order out; `None` if it is not in the book.
    pub fn cancel(&mut self, id: OrderId) -> Option<Resting> {
        self.0.cancel(id)
    }

    /// Takes `quantity` off an order, which keeps its place; see [`Books::reduce`].
    pub fn reduce(&mut self, id: OrderId, quantity: Qty) -> Option<Qty> {
        self.0.reduce(id, quantity)
    }

    /// The order of an id.
    pub fn get(&self, id: OrderId) -> Option<&Resting> {
        self.0.get(id)
    }

    /// The best level of a side.
    pub fn best(&self, side: Side) -> Option<LevelView> {
        self.0.best(Self::ONLY, side)
    }

    /// The orders of a side, the first to trade first.
    pub fn queue(&self, side: Side) -> Queue<'_> {
        self.0.queue(Self::ONLY, side)
    }

    /// Number of resting orders.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no order rests.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks every invariant; see [`Books::validate`].
    pub fn validate(&self) {
        self.0.validate();
    }
}
