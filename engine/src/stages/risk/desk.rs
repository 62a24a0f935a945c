//! What risk knows about one instrument: whose it is, what is wanted, which orders are under way.

use super::atr::Atr;
use super::claims::Claim;
use super::exits::Entered;
use super::reprice::Asked;
use super::session::DeskHours;
use crate::config::{InstrumentClass, InstrumentSpec};
use crate::event::{Intent, Side};
use crate::hash::StateHasher;
use crate::limits::PENDING_REPORTS_MAX;
use crate::units::{InstrumentId, Money, OrderId, Price, Qty, TsNs};

/// The position that is wanted and not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Target {
    /// Nothing is wanted: the position is as it should be, or the wish was refused.
    Reached = 0,
    /// No position.
    Flat = 1,
    /// A long position.
    Long = 2,
    /// A short position.
    Short = 3,
}

impl Target {
    /// The side that opens the wanted position.
    pub(super) fn entry_side(self) -> Option<Side> {
        match self {
            Self::Reached | Self::Flat => None,
            Self::Long => Some(Side::Buy),
            Self::Short => Some(Side::Sell),
        }
    }
}

/// An order whose final report has not come back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Working {
    pub(super) id: OrderId,
    pub(super) side: Side,
    pub(super) quantity: Qty,
    /// Its limit.
    pub(super) price: Price,
    /// Filled as of the last report.
    pub(super) filled: Qty,
    /// Value of that.
    pub(super) value: Money,
    /// Number of the last report, 0 before the first.
    pub(super) reports: u32,
    /// Whether it may rest at the venue, so that a cancel makes sense.
    pub(super) rests: bool,
    /// Whether a cancel was sent.
    pub(super) cancelling: bool,
    /// When it was sent, or its price was changed last.
    pub(super) since: TsNs,
    /// The change of its price that is under way.
    pub(super) asked: Option<Asked>,
}

impl Working {
    /// What it may still add to the position, negative for a sell.
    pub(super) fn coming(&self) -> Qty {
        Qty((self.quantity - self.filled).0 * self.side.sign())
    }

    fn hash(order: Option<&Self>, hasher: &mut StateHasher) {
        let Some(order) = order else {
            hasher.u64(0);
            return;
        };
        hasher.u64(order.id.0);
        hasher.u64(order.side as u64 | u64::from(order.rests) << 8 | u64::from(order.cancelling) << 9);
        hasher.i64(order.quantity.0);
        hasher.i64(order.price.0);
        hasher.i64(order.filled.0);
        hasher.i64(order.value.0);
        hasher.u64(u64::from(order.reports));
        hasher.u64(order.since.0);
        Asked::hash(order.asked.as_ref(), hasher);
    }
}

/// One instrument that strategies trade. It has at most one entry and one exit under way, so that finding
/// the order of a report is two comparisons.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) instrument: InstrumentId,
    /// Its strategies: the greater priority first, of equals the first configured.
    pub(super) claims: Box<[Claim]>,
    /// Index of the claim whose signal opened the position or the entry under way. Its terms hold, and the
    /// orders carry its strategy, until the desk is flat.
    pub(super) owner: usize,
    /// Its hours today.
    pub(super) hours: DeskHours,
    pub(super) tradable: bool,
    pub(super) class: InstrumentClass,
    pub(super) lot: Qty,
    pub(super) tick: Price,
    pub(super) multiplier: i64,
    /// Largest quantity the exchange takes in one order; zero = none is known.
    pub(super) freeze: Qty,
    pub(super) target: Target,
    /// Index of the claim whose wish the target is.
    pub(super) speaker: usize,
    /// The signal that set the target.
    pub(super) signal: u64,
    pub(super) entry: Option<Working>,
    pub(super) exit: Option<Working>,
    /// What was entered since it was last flat.
    pub(super) entered: Entered,
    /// Why its position is closed by the owner's terms, until it is flat.
    pub(super) closing: Option<Intent>,
    /// Its average true range, where sizes are made from it.
    pub(super) atr: Option<Atr>,
    /// Exits in a row that ended without any fill: each makes the next one's limit wider.
    pub(super) exit_misses: u32,
    /// Entries sent in this session.
    pub(super) trades: u32,
    /// The instrument's profit when the session started.
    pub(super) start_total: Money,
    /// Closed for the session by its own loss.
    pub(super) barred: bool,
}

impl Desk {
    /// A desk without position. `claims` in the order in which strategies are configured.
    pub(super) fn new(instrument: InstrumentId, spec: &InstrumentSpec, mut claims: Vec<Claim>) -> Self {
        claims.sort_by_key(|claim| std::cmp::Reverse(claim.priority));
        assert!(spec.lot.0 > 0 && spec.tick.0 > 0 && spec.multiplier > 0, "checked where the table is read");
        Self {
            instrument,
            claims: claims.into_boxed_slice(),
            owner: 0,
            hours: DeskHours::NONE,
            tradable: spec.tradable,
            class: spec.class,
            lot: spec.lot,
            tick: spec.tick,
            multiplier: spec.multiplier,
            freeze: spec.freeze,
            target: Target::Reached,
            speaker: 0,
            signal: 0,
            entry: None,
            exit: None,
            entered: Entered::NONE,
            closing: None,
            atr: None,
            exit_misses: 0,
            trades: 0,
            start_total: Money::ZERO,
            barred: false,
        }
    }

    /// The claim whose terms hold.
    pub(super) fn owner(&self) -> &Claim {
        &self.claims[self.owner]
    }

    pub(super) fn hash(&self, hasher: &mut StateHasher) {
        for claim in &self.claims {
            claim.hash(hasher);
        }
        hasher.u64(self.owner as u64 | (self.speaker as u64) << 32);
        self.hours.hash(hasher);
        hasher.u64(self.target as u64);
        hasher.u64(self.signal);
        Working::hash(self.entry.as_ref(), hasher);
        Working::hash(self.exit.as_ref(), hasher);
        self.entered.hash(hasher);
        hasher.u64(self.closing.map_or(0, |intent| intent as u64));
        if let Some(atr) = &self.atr {
            atr.hash(hasher);
        }
        hasher.u64(u64::from(self.exit_misses));
        hasher.u64(u64::from(self.trades) | u64::from(self.barred) << 32);
        hasher.i64(self.start_total.0);
    }
}

/// The ids of the orders that finished last. A report of one of them is late and harmless; of an order that
/// is neither here nor under way, it is an alarm. No report can be later than all that may be under way
/// together.
#[derive(Clone, Debug)]
pub(super) struct Finished {
    ids: Vec<OrderId>,
    next: usize,
}

impl Finished {
    pub(super) fn new() -> Self {
        Self { ids: vec![OrderId::ZERO; PENDING_REPORTS_MAX], next: 0 }
    }

    pub(super) fn push(&mut self, id: OrderId) {
        self.ids[self.next] = id;
        self.next = (self.next + 1) % self.ids.len();
    }

    /// Searched only for reports that match no order under way, which is rare.
    pub(super) fn contains(&self, id: OrderId) -> bool {
        !id.is_zero() && self.ids.contains(&id)
    }

    pub(super) fn hash(&self, hasher: &mut StateHasher) {
        use zerocopy::IntoBytes;
        hasher.bytes(self.ids.as_bytes());
        hasher.u64(self.next as u64);
    }
}
