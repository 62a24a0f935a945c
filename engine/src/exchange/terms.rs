//! What goes into the exchange and what comes out of it.

use crate::event::{OrderType, ReportReason, Side, Validity};
use crate::units::{InstrumentId, OrderId, Price, Qty};

/// Whose order it is. Orders of one account do not trade with each other, except those of the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account(pub u32);

impl Account {
    /// Everybody else: anonymous volume, which trades with anyone.
    pub const MARKET: Self = Self(0);
}

/// What can be traded, and in which steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Smallest price step, more than zero.
    pub tick: Price,
    /// Units in a lot, more than zero.
    pub lot: Qty,
    /// Largest quantity of one order; zero = no limit.
    pub freeze: Qty,
}

/// A new order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Its id, not zero; unique among the orders the exchange holds.
    pub id: OrderId,
    /// Whose it is.
    pub account: Account,
    /// Buy or sell.
    pub side: Side,
    /// How it is priced.
    pub order_type: OrderType,
    /// How long it lives.
    pub validity: Validity,
    /// Its quantity.
    pub quantity: Qty,
    /// Its limit; for market orders the worst price they may trade at, zero = any.
    pub price: Price,
    /// The last price at which a stop order wakes (a buy at or above, a sell at or below); zero for others.
    pub trigger: Price,
    /// How much of it is displayed at a time; zero = all.
    pub disclosed: Qty,
    /// Whether it is cancelled rather than trade at once.
    pub post_only: bool,
}

/// New terms of an order that the exchange holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Quantity, what is filled already included.
    pub quantity: Qty,
    /// Limit.
    pub price: Price,
    /// Trigger of a stop order that still waits; zero for others.
    pub trigger: Price,
    /// How much is displayed at a time; zero = all.
    pub disclosed: Qty,
}

/// What happened, in the order in which it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// Two orders traded, at the resting order's price or at the auction's.
    Trade {
        /// The instrument.
        instrument: InstrumentId,
        /// The order that came; in an auction the buy.
        taker: OrderId,
        /// The order that rested; in an auction the sell.
        maker: OrderId,
        /// Side of the taker.
        side: Side,
        /// The price.
        price: Price,
        /// The quantity.
        quantity: Qty,
        /// What is open of the taker after it, undisclosed quantity included.
        taker_open: Qty,
        /// What is open of the maker after it, undisclosed quantity included.
        maker_open: Qty,
    },
    /// An order rests in the book with this much open, undisclosed quantity included.
    Rested {
        /// The order.
        id: OrderId,
        /// What is open.
        open: Qty,
    },
    /// A stop order waits for its trigger.
    Waiting {
        /// The order.
        id: OrderId,
    },
    /// A stop order's trigger was reached; what becomes of it follows.
    Triggered {
        /// The order.
        id: OrderId,
    },
    /// An order has new terms; what becomes of it follows.
    Modified {
        /// The order.
        id: OrderId,
    },
    /// New terms were refused; the order is as before.
    Kept {
        /// The order.
        id: OrderId,
        /// Why.
        reason: ReportReason,
    },
    /// Self-trade prevention took a part of an order that goes on.
    Decremented {
        /// The order.
        id: OrderId,
        /// By how much its quantity is less.
        by: Qty,
        /// What is open after it.
        open: Qty,
    },
    /// An order is gone with this much unfilled.
    Cancelled {
        /// The order.
        id: OrderId,
        /// What was open.
        open: Qty,
        /// Why.
        reason: ReportReason,
    },
    /// A new order was not taken.
    Rejected {
        /// The order.
        id: OrderId,
        /// Why.
        reason: ReportReason,
    },
}
