//! What goes to the broker and what comes of it.

use pitlane_engine::units::OrderId;

/// Number of a call, unique within its gateway, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// The verb of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Parameters in the query.
    Get,
    /// Parameters as a form.
    Post,
    /// Parameters as a form.
    Put,
    /// Parameters in the query.
    Delete,
}

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// A new order.
    Place(OrderId),
    /// New terms of an order.
    Modify(OrderId),
    /// The end of an order.
    Cancel(OrderId),
    /// The end of an order that carries our tag and that this gateway did not know.
    CancelStray,
    /// All orders of the day.
    Orders,
    /// The states of one order.
    History(OrderId),
    /// All trades of the day.
    Trades,
    /// The trades of one order.
    OrderTrades(OrderId),
    /// Positions.
    Positions,
}

impl CallKind {
    /// Whether the broker counts the call against the order rate.
    pub const fn is_order_call(self) -> bool {
        matches!(self, Self::Place(_) | Self::Modify(_) | Self::Cancel(_) | Self::CancelStray)
    }

    /// The order of ours that it is about, if it is about one.
    pub const fn order(self) -> Option<OrderId> {
        match self {
            Self::Place(order)
            | Self::Modify(order)
            | Self::Cancel(order)
            | Self::History(order)
            | Self::OrderTrades(order) => Some(order),
            Self::CancelStray | Self::Orders | Self::Trades | Self::Positions => None,
        }
    }
}

/// One request to the broker. It holds no secret: who carries it adds the headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its number, with which the answer comes back.
    pub id: CallId,
    /// What it is for.
    pub kind: CallKind,
    /// The verb.
    pub method: Method,
    /// Path from the root, as `/orders/regular`.
    pub path: String,
    /// Parameters, not yet encoded.
    pub form: Vec<(&'static str, String)>,
    /// Whether it must not leave any more once the kill switch is pulled, also by whoever carries it already.
    pub ends_with_latch: bool,
}

/// What the broker answered, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No byte of the request left this machine: the broker cannot have acted on it.
    #[error("the request did not leave ({0})")]
    NeverLeft(&'static str),
    /// Bytes may have left: whether the broker acted is not known.
    #[error("the request may have left, and no whole answer came ({0})")]
    MayHaveLeft(&'static str),
}
