//! Order management: orders with the broker's statuses in the broker's order, their histories and trades.
//!
//! ```text
//! PUT ORDER REQ RECEIVED ► VALIDATION PENDING ─┬► REJECTED (risk management: margin, holdings, freeze quantity)
//!                                              └► OPEN PENDING ─► venue ─┬► REJECTED
//!       ┌────────────────────────────────────────────────────────────────┼► TRIGGER PENDING ─► OPEN
//!       └► OPEN ─┬► COMPLETE                                             └► OPEN
//!                ├► CANCEL PENDING ► CANCELLED           (also the rest of an IOC, the session's end)
//!                └► MODIFY VALIDATION PENDING ► MODIFY PENDING ► MODIFIED | NOT MODIFIED ► OPEN
//! ```

mod change;
mod flow;
mod place;
mod show;
mod square_off;

pub use place::Form;

use pitlane_engine::event::Side;
use pitlane_engine::units::{InstrumentId, Price, Qty, TsNs};
use std::collections::BTreeMap;

/// Where an order is, as the broker calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Received.
    PutReceived,
    /// In risk management.
    ValidationPending,
    /// On its way to the exchange.
    OpenPending,
    /// At the exchange.
    Open,
    /// At the exchange, waiting for its trigger.
    TriggerPending,
    /// A change is in risk management.
    ModifyValidationPending,
    /// A change is on its way.
    ModifyPending,
    /// The exchange took the change.
    Modified,
    /// The exchange refused the change.
    NotModified,
    /// A cancel is on its way.
    CancelPending,
    /// Filled whole.
    Complete,
    /// Gone, perhaps filled in part.
    Cancelled,
    /// Never at the exchange, or refused there.
    Rejected,
}

impl Status {
    /// The broker's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PutReceived => "PUT ORDER REQ RECEIVED",
            Self::ValidationPending => "VALIDATION PENDING",
            Self::OpenPending => "OPEN PENDING",
            Self::Open => "OPEN",
            Self::TriggerPending => "TRIGGER PENDING",
            Self::ModifyValidationPending => "MODIFY VALIDATION PENDING",
            Self::ModifyPending => "MODIFY PENDING",
            Self::Modified => "MODIFIED",
            Self::NotModified => "NOT MODIFIED",
            Self::CancelPending => "CANCEL PENDING",
            Self::Complete => "COMPLETE",
            Self::Cancelled => "CANCELLED",
            Self::Rejected => "REJECTED",
        }
    }

    /// Whether nothing follows.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Complete | Self::Cancelled | Self::Rejected)
    }
}

/// How an order is priced, as the broker calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pricing {
    /// `MARKET`: becomes a limit order at the protected price.
    Market,
    /// `LIMIT`.
    Limit,
    /// `SL`.
    Stop,
    /// `SL-M`: becomes an `SL` with the protected price.
    StopMarket,
}

impl Pricing {
    /// The broker's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Market => "MARKET",
            Self::Limit => "LIMIT",
            Self::Stop => "SL",
            Self::StopMarket => "SL-M",
        }
    }

    /// The pricing of a word.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Market, Self::Limit, Self::Stop, Self::StopMarket].into_iter().find(|each| each.name() == name)
    }

    /// As what a protected order goes to the exchange, and is shown from then on.
    pub const fn limited(self) -> Self {
        match self {
            Self::Market | Self::Limit => Self::Limit,
            Self::Stop | Self::StopMarket => Self::Stop,
        }
    }

    /// Whether it waits for a trigger.
    pub const fn waits(self) -> bool {
        matches!(self, Self::Stop | Self::StopMarket)
    }

    /// Whether it needs market protection.
    pub const fn is_protected(self) -> bool {
        matches!(self, Self::Market | Self::StopMarket)
    }
}

/// How a position is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Product {
    /// Delivery of shares.
    Cnc,
    /// Within the day.
    Mis,
    /// Derivatives overnight.
    Nrml,
}

impl Product {
    /// The broker's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cnc => "CNC",
            Self::Mis => "MIS",
            Self::Nrml => "NRML",
        }
    }

    /// The product of a word.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Cnc, Self::Mis, Self::Nrml].into_iter().find(|each| each.name() == name)
    }
}

/// The broker's word for a side.
pub const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

/// What a change asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub(crate) pricing: Pricing,
    pub(crate) quantity: Qty,
    pub(crate) price: Price,
    pub(crate) trigger: Price,
    pub(crate) disclosed: Qty,
}

/// One order.
#[derive(Clone, Debug)]
pub struct Order {
    pub(crate) id: String,
    pub(crate) exchange_id: Option<String>,
    pub(crate) parent: Option<String>,
    pub(crate) placed_by: String,
    pub(crate) instrument: InstrumentId,
    pub(crate) side: Side,
    pub(crate) pricing: Pricing,
    pub(crate) product: Product,
    pub(crate) immediate: bool,
    pub(crate) quantity: Qty,
    pub(crate) disclosed: Qty,
    pub(crate) price: Price,
    pub(crate) trigger: Price,
    pub(crate) tag: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) status: Status,
    pub(crate) message: Option<String>,
    pub(crate) filled: Qty,
    /// Σ price × quantity of its trades, in 1/10,000, without the multiplier.
    pub(crate) value: i128,
    pub(crate) placed: TsNs,
    pub(crate) exchange_time: Option<TsNs>,
    pub(crate) updated: Option<TsNs>,
    pub(crate) modified: bool,
    pub(crate) modifications: u32,
    /// Whether it no longer waits for its trigger at the exchange.
    pub(crate) woken: bool,
    pub(crate) change: Option<Change>,
    pub(crate) cancelling: bool,
    pub(crate) history: Vec<String>,
}

impl Order {
    /// Its id at the broker.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where it is.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Why it is there.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// What is filled.
    pub fn filled(&self) -> Qty {
        self.filled
    }

    /// What may still be filled.
    pub fn open(&self) -> Qty {
        if self.status.is_final() { Qty::ZERO } else { self.quantity - self.filled }
    }
}

/// One trade.
#[derive(Clone, Debug)]
pub struct Trade {
    /// Its number of the day, from 1.
    pub number: u64,
    /// The order, by its place.
    pub order: usize,
    /// The price.
    pub price: Price,
    /// The quantity.
    pub quantity: Qty,
    /// When.
    pub at: TsNs,
}

/// All orders of the day.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    pub(crate) list: Vec<Order>,
    pub(crate) by_id: BTreeMap<String, usize>,
    pub(crate) trades: Vec<Trade>,
    pub(crate) postbacks: Vec<String>,
    /// The first so many are forgotten.
    pub(crate) hidden: usize,
    /// Orders the account placed, for the day's limit.
    pub(crate) placed: u64,
}

impl Orders {
    /// The order of an id.
    pub fn get(&self, id: &str) -> Option<&Order> {
        self.by_id.get(id).map(|&at| &self.list[at])
    }

    /// All orders that are not forgotten, the first placed first.
    pub fn visible(&self) -> &[Order] {
        &self.list[self.hidden..]
    }

    /// All trades, the first first.
    pub fn trades(&self) -> &[Trade] {
        &self.trades
    }
}
