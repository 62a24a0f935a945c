//! What people and the engine are told beside reports.

use crate::call::CallKind;
use pitlane_engine::units::{InstrumentId, OrderId};

/// A difference between what the broker says and what is known here. None of them is mended by a guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// An order that is not ours works on an instrument of ours.
    ForeignOrder {
        /// The broker's id.
        broker_id: String,
        /// The instrument.
        instrument: InstrumentId,
    },
    /// A working order carries our tag, and this gateway knows nothing of it. It is cancelled.
    LostOrder {
        /// The order that the tag names.
        order: OrderId,
        /// The broker's id.
        broker_id: String,
    },
    /// Two orders of the broker carry the tag of one of ours. The second is cancelled.
    DuplicateOrder {
        /// The order.
        order: OrderId,
        /// The id known first.
        first: String,
        /// The other.
        second: String,
    },
    /// An order that was reported as never accepted is there after all. It is cancelled if it works.
    AcceptedAfterEnd {
        /// The order.
        order: OrderId,
        /// The broker's id.
        broker_id: String,
    },
    /// The broker lists an order no more that it had.
    Vanished {
        /// The order.
        order: OrderId,
    },
    /// What the broker says of an order cannot be of that order.
    Contradiction {
        /// The order.
        order: OrderId,
        /// What does not fit.
        what: &'static str,
    },
    /// The broker lists less as filled than it had.
    FillsShrank {
        /// The order.
        order: OrderId,
        /// Filled as was known.
        known: i64,
        /// Filled by the broker's word now.
        said: i64,
    },
    /// The broker proves more fills of an order than its final report had.
    FillsAfterEnd {
        /// The order.
        order: OrderId,
        /// Filled by the final report.
        known: i64,
        /// Filled by the broker's word now.
        said: i64,
    },
    /// Quantity, price or trigger at the broker are not those known here, and nobody here asked for others.
    Terms {
        /// The order.
        order: OrderId,
    },
    /// Filled by the broker's word, and its trades do not come.
    TradesMissing {
        /// The order.
        order: OrderId,
    },
    /// The broker's position is not the sum of our fills.
    Position {
        /// The instrument.
        instrument: InstrumentId,
        /// The position by our fills.
        expected: i64,
        /// The broker's.
        broker: i64,
    },
    /// The engine's position is not the sum of the fills this gateway knows.
    Ledger {
        /// The instrument.
        instrument: InstrumentId,
        /// The position by the fills known here.
        expected: i64,
        /// The engine's.
        engine: i64,
    },
}

impl Difference {
    /// The instrument whose position differs, if it is a difference of positions.
    pub(super) fn position_of(&self) -> Option<InstrumentId> {
        match self {
            Self::Position { instrument, .. } | Self::Ledger { instrument, .. } => Some(*instrument),
            _ => None,
        }
    }
}

/// Something that happened. Nothing in a note is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A difference was found; it halts if the second is true.
    Difference(Difference, bool),
    /// Entries may go out.
    Armed,
    /// Entries wait: a reconnect, a failed or unclean reconciliation.
    Disarmed(&'static str),
    /// The session at the broker is dead: log in, then hand over the new token.
    TokenDead,
    /// The broker said that calls come too fast; nothing leaves for a while.
    RateLimited(CallKind),
    /// The broker refused a request, in its words.
    Refused {
        /// What was asked.
        kind: CallKind,
        /// `error_type` and message.
        words: String,
    },
    /// A call had no usable answer.
    Failed {
        /// What was asked.
        kind: CallKind,
        /// Why.
        why: String,
    },
    /// Rows of a list that could not be read.
    Unreadable {
        /// What was asked.
        kind: CallKind,
        /// How many.
        rows: usize,
    },
    /// An order was found again by its tag after its answer was lost.
    Found(OrderId),
    /// A change or cancel named an order this gateway does not have, or that has ended.
    TooLate(OrderId),
    /// The gateway panicked (a bug), and its orders are cancelled by the broker's lists alone: how that goes.
    AfterPanic(String),
    /// A position of the account in an instrument or product that we do not trade.
    ForeignPosition {
        /// Exchange, symbol and product.
        name: String,
        /// Signed units.
        quantity: i64,
    },
}

/// What the last reconciliation says of trading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No whole reconciliation yet, or none lately.
    Unproved,
    /// Everything agrees.
    Clean,
    /// Something differs that may still resolve itself; entries wait.
    Differs,
    /// Something differs that nobody here can prove; only cancels and flattening orders leave until an operator resumes.
    Halt,
}
