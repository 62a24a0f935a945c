//! The queues of price-time priority: who stands where, and nothing of what an order may do.
//!
//! ```text
//! Queues  one pool of orders, one of levels, one id table; per instrument and side the best level
//!   side ─► level (best) ⇄ level ⇄ level (worst)         a ladder of recent prices says where a level is
//!             │ oldest
//!             ▼
//!           order ⇄ order ⇄ order (newest)
//! ```
//! Orders and levels live in slabs and are linked by index, so that the books of many instruments cost what their orders
//! cost. Nothing allocates after construction. A level is found by the ladder where prices are dense, and by walking from
//! its nearest neighbour where they are not. What orders do with each other is in [`crate::exchange`].

mod ids;
mod ladder;
mod queues;
mod slab;

pub(crate) use queues::is_better;
pub use queues::{BUY_ABOVE_ALL, LevelsOf, Queues, SELL_BELOW_ALL, Slot, SlotsOf};
pub(crate) use slab::{NONE, Slab};

use crate::event::Side;
use crate::units::{InstrumentId, OrderId, Price, Qty};

/// Largest quantity of one order. Exchanges carry quantities in 32 bits; with this bound the sum over a
/// million orders still fits 64.
pub const QUANTITY_MAX: Qty = Qty(1 << 40);

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
