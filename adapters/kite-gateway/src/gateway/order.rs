//! One order of ours: what was wanted, what the broker said of it, and what the engine was told.

use pitlane_engine::event::{Intent, OrderState, OrderType, ReportReason, Side, Validity};
use pitlane_engine::units::{InstrumentId, OrderId, Seq, StrategyId};
use std::collections::BTreeMap;

/// `OrderState` of an order that was sent and of which nobody knows.
pub const STATE_UNKNOWN: u8 = OrderState::Unknown as u8;
/// `ReportReason` of a request that found no room within the limits of calls.
pub const REASON_THROTTLED: u8 = ReportReason::Throttled as u8;
/// `ReportReason` of a request that the broker refused.
pub const REASON_BROKER_REFUSED: u8 = ReportReason::BrokerRefused as u8;
/// `ReportReason` of an order that never reached the broker.
pub const REASON_NOT_SENT: u8 = ReportReason::NotSent as u8;

/// An order as the engine wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its id.
    pub id: OrderId,
    /// The instrument.
    pub instrument: InstrumentId,
    /// The strategy.
    pub strategy: StrategyId,
    /// The input that caused it: nothing leaves before that is durable.
    pub cause: Seq,
    /// Buy or sell.
    pub side: Side,
    /// How it is priced.
    pub order_type: OrderType,
    /// How long it lives.
    pub validity: Validity,
    /// Why it is sent.
    pub intent: Intent,
    /// Its terms.
    pub terms: Terms,
}

/// What can be changed of an order. Prices in 1/10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Quantity, what is filled included.
    pub quantity: i64,
    /// Limit, or worst price of a market order; zero for none.
    pub price: i64,
    /// Trigger, zero for none.
    pub trigger: i64,
    /// Displayed quantity, zero for all.
    pub disclosed: i64,
}

/// An order that was open when the engine's state was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What was wanted, with the terms that were asked for last. Its `cause` is that of the last request for the order,
    /// or any later input: reports carry it.
    pub wanted: Wanted,
    /// The quantity before the change that was asked for last, if that changed it; else zero.
    pub quantity_before: i64,
    /// Filled so far, by its last report.
    pub filled: i64,
    /// Value of that, in 1/10,000.
    pub value: i64,
    /// Number of its last report.
    pub reports: u32,
    /// Whether a report ever said that the broker has it.
    pub acknowledged: bool,
    /// Whether a cancel was asked for.
    pub cancelling: bool,
}

/// Where an order is on its way to the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not sent. Since when it waits.
    Waiting { since: u64 },
    /// On its way; no answer yet.
    Placing,
    /// Sent, or perhaps sent; the answer did not say.
    Unknown { since: u64, refused: bool },
    /// The broker has it under an id.
    Known { since: u64 },
    /// Nothing more will come.
    Final,
}

/// What the broker's status means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Between two states, or in one that nobody told us of.
    InTransit,
    /// A change was refused at the exchange; on the way back to open.
    NotModified,
    /// A stop that waits.
    Trigger,
    /// At the exchange.
    Open,
    /// Wholly filled.
    Complete,
    /// Ended.
    Cancelled,
    /// Refused.
    Rejected,
}

impl Standing {
    /// The meaning of a status of an order that stood so before. `UPDATE` says that an order was changed and nothing of
    /// where it stands: a stop that waits goes on waiting, and one of which no more is known is looked at.
    pub(super) fn after(self, status: &str, stops: bool) -> Self {
        match (status, self) {
            ("UPDATE", Self::Trigger) => Self::Trigger,
            ("UPDATE", _) if !stops => Self::Open,
            ("UPDATE", Self::Open) => Self::Open,
            _ => Self::of(status),
        }
    }

    /// The meaning of a status. The broker's list is open-ended: one that is not known is no end.
    pub(super) fn of(status: &str) -> Self {
        match status {
            "COMPLETE" => Self::Complete,
            "CANCELLED" => Self::Cancelled,
            "REJECTED" => Self::Rejected,
            "OPEN" => Self::Open,
            "TRIGGER PENDING" => Self::Trigger,
            "NOT MODIFIED" => Self::NotModified,
            _ => Self::InTransit,
        }
    }

    pub(super) const fn is_end(self) -> bool {
        matches!(self, Self::Complete | Self::Cancelled | Self::Rejected)
    }
}

/// A cancel and how far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cancel {
    /// Nobody asked.
    No,
    /// To be sent, not before this time.
    Wanted { not_before: u64 },
    /// On its way.
    InFlight,
    /// Answered, well or badly, at this time; the order's state will tell.
    Asked { at: u64 },
}

/// New terms and how far they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) to: Terms,
    pub(super) cause: Seq,
    pub(super) step: ChangeStep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeStep {
    /// To be sent.
    Wanted,
    /// On its way, as this call.
    InFlight { call: u64, sent: u64 },
    /// Answered at a time, perhaps with a refusal; and in how many lists asked for after that the order still had its
    /// old terms.
    Asked { sent: u64, at: u64, refused: bool, unchanged: u32 },
}

/// One order.
#[derive(Clone, Debug)]
pub(super) struct Tracked {
    pub(super) wanted: Wanted,
    /// The terms that count.
    pub(super) terms: Terms,
    pub(super) tag: String,
    pub(super) stage: Stage,
    pub(super) broker_id: Option<String>,
    /// Quantities it was ever asked to have: others in the broker's rows are not ours.
    pub(super) quantities: Vec<i64>,
    pub(super) standing: Standing,
    /// The broker's words for a refusal.
    pub(super) ended_by_broker: bool,
    /// Filled by the broker's word, and since when that is known.
    pub(super) filled: i64,
    pub(super) filled_at: u64,
    /// Filled with a value that is proved.
    pub(super) proved: (i64, i64),
    pub(super) trades: BTreeMap<String, (i64, i64)>,
    pub(super) trades_at: Option<u64>,
    pub(super) cancel: Cancel,
    /// Cancels that were answered.
    pub(super) cancels: u32,
    pub(super) change: Option<Change>,
    pub(super) modifies: u32,
    /// When to look at it again.
    pub(super) look_at: Option<u64>,
    /// When the last row of a list or history that was applied had been asked for.
    pub(super) row_asked: u64,
    /// Lists without it since it is known or unknown.
    pub(super) absences: u32,
    pub(super) shrunk: u32,
    pub(super) terms_differ: u32,
    /// When the terms were last confirmed or refused: a list asked for before says nothing of them.
    pub(super) terms_at: u64,
    /// Restored, and the engine had been told that the broker has it.
    pub(super) acknowledged: bool,
    pub(super) restored: bool,
    /// Restored, and not yet sure which terms the broker has: those asked for last, or the ones before.
    pub(super) unsure_since: Option<u64>,
    /// What the last report said: number, state, filled, value.
    pub(super) number: u32,
    pub(super) told: (u8, i64, i64),
    /// The input whose request was answered last.
    pub(super) cause: Seq,
}

impl Tracked {
    pub(super) fn new(wanted: Wanted, tag: String, now: u64) -> Self {
        Self {
            wanted,
            terms: wanted.terms,
            tag,
            stage: Stage::Waiting { since: now },
            broker_id: None,
            quantities: vec![wanted.terms.quantity],
            standing: Standing::InTransit,
            ended_by_broker: false,
            filled: 0,
            filled_at: 0,
            proved: (0, 0),
            trades: BTreeMap::new(),
            trades_at: None,
            cancel: Cancel::No,
            cancels: 0,
            change: None,
            modifies: 0,
            look_at: None,
            row_asked: 0,
            absences: 0,
            shrunk: 0,
            terms_differ: 0,
            terms_at: 0,
            acknowledged: false,
            restored: false,
            unsure_since: None,
            number: 0,
            told: (0, 0, 0),
            cause: wanted.cause,
        }
    }

    pub(super) fn restored(from: &Restored, tag: String, now: u64) -> Self {
        let mut order = Self::new(from.wanted, tag, now);
        order.stage = Stage::Unknown { since: now, refused: false };
        order.look_at = Some(now);
        (order.filled, order.proved) = (from.filled, (from.filled, from.value));
        (order.number, order.acknowledged, order.restored) = (from.reports, from.acknowledged, true);
        order.unsure_since = Some(now);
        order.told = (STATE_UNKNOWN, from.filled, from.value);
        if from.quantity_before > 0 {
            order.quantities.push(from.quantity_before);
            // Filled beyond what was asked for last: that change has not come about.
            if from.filled > order.terms.quantity {
                order.terms.quantity = from.quantity_before;
            }
        }
        if from.cancelling {
            order.cancel = Cancel::Wanted { not_before: now };
        }
        order
    }

    pub(super) fn is_final(&self) -> bool {
        self.stage == Stage::Final
    }

    /// Whether nothing is under way: no call, no fill without a value, no state between two.
    pub(super) fn is_quiet(&self) -> bool {
        let rests = matches!(self.stage, Stage::Known { .. })
            && matches!(self.standing, Standing::Open | Standing::Trigger)
            && self.proved.0 == self.filled
            && self.change.is_none()
            && self.cancel == Cancel::No;
        // What was not sent changes nothing at the broker.
        self.is_final() || matches!(self.stage, Stage::Waiting { .. }) || rests
    }

    /// Whether the quantity is known: no change of it may come about yet.
    pub(super) fn is_sure(&self) -> bool {
        let changing = self.change.is_some_and(|change| change.step != ChangeStep::Wanted);
        !changing && self.unsure_since.is_none()
    }

    /// The state and reason a report would give now, if the broker has said enough for one.
    pub(super) fn state(&self) -> Option<(u8, u8)> {
        let (proved, quantity) = (self.proved.0, self.terms.quantity);
        let none = ReportReason::None as u8;
        // While another quantity may have come about, only the broker's word says that nothing is left.
        let sure = self.standing == Standing::Complete || self.is_sure();
        if proved == quantity && sure {
            return Some((OrderState::Filled as u8, none));
        }
        let settled = proved == self.filled;
        match self.standing {
            Standing::Cancelled if settled => Some((OrderState::Cancelled as u8, self.end_reason())),
            Standing::Rejected if settled && proved > 0 => {
                Some((OrderState::Cancelled as u8, REASON_BROKER_REFUSED))
            }
            Standing::Rejected if settled => Some((OrderState::Rejected as u8, REASON_BROKER_REFUSED)),
            _ if matches!(self.stage, Stage::Unknown { .. }) => Some((STATE_UNKNOWN, none)),
            _ if proved > 0 => Some((OrderState::PartiallyFilled as u8, none)),
            Standing::Open | Standing::NotModified => Some((OrderState::Open as u8, none)),
            Standing::Trigger => Some((OrderState::TriggerPending as u8, none)),
            _ => None,
        }
    }

    fn end_reason(&self) -> u8 {
        let reason = match (self.cancel, self.wanted.validity, self.wanted.order_type) {
            (Cancel::InFlight | Cancel::Asked { .. }, ..) => ReportReason::Requested,
            (_, Validity::Ioc, _) => ReportReason::IocRest,
            (_, _, OrderType::Market) => ReportReason::MarketRest,
            _ => ReportReason::None,
        };
        reason as u8
    }
}

/// Whether a state in a report is an end.
pub(super) fn is_end(state: u8) -> bool {
    OrderState::from_u8(state).is_some_and(OrderState::is_final)
}
