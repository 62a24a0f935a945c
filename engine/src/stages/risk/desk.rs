//! What risk knows about one instrument: whose it is, what is wanted, which orders are under way.

use super::atr::Atr;
use super::claims::Claim;
use super::exits::Entered;
use super::reports::EXIT_MISSES_MAX;
use super::reprice::Asked;
use super::session::DeskHours;
use crate::book::QUANTITY_MAX;
use crate::config::{InstrumentClass, InstrumentSpec};
use crate::event::{Intent, Side};
use crate::limits::PENDING_REPORTS_MAX;
use crate::state::StateIo;
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
    fn from_u8(code: u8) -> Option<Self> {
        let all = [Self::Reached, Self::Flat, Self::Long, Self::Short];
        all.into_iter().find(|&target| target as u8 == code)
    }

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

    /// What a loaded value starts from.
    const BLANK: Self = Self {
        id: OrderId::ZERO,
        side: Side::Buy,
        quantity: Qty::ZERO,
        price: Price::ZERO,
        filled: Qty::ZERO,
        value: Money::ZERO,
        reports: 0,
        rests: false,
        cancelling: false,
        since: TsNs::ZERO,
        asked: None,
    };

    fn state(&mut self, io: &mut StateIo<'_>) {
        io.within(&mut self.id, OrderId(1), OrderId(u64::MAX));
        io.code(&mut self.side, |side| side as u8, Side::from_u8);
        io.within(&mut self.quantity, Qty(1), QUANTITY_MAX);
        io.within(&mut self.price, Price(1), Price(i64::MAX));
        io.within(&mut self.filled, Qty::ZERO, self.quantity);
        io.within(&mut self.value, Money::ZERO, Money(i64::MAX / 2));
        io.plain(&mut self.reports);
        io.flag(&mut self.rests);
        io.flag(&mut self.cancelling);
        io.time(&mut self.since);
        io.option(&mut self.asked, || Asked::BLANK, |io, asked| asked.state(io));
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
    /// The instrument's net profit when the session started.
    pub(super) start_net: Money,
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
            start_net: Money::ZERO,
            barred: false,
        }
    }

    /// The claim whose terms hold.
    pub(super) fn owner(&self) -> &Claim {
        &self.claims[self.owner]
    }

    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        self.claims.iter_mut().for_each(|claim| claim.state(io));
        let last = self.claims.len() - 1;
        io.size(&mut self.owner, last);
        io.size(&mut self.speaker, last);
        self.hours.state(io);
        io.code(&mut self.target, |target| target as u8, Target::from_u8);
        io.count(&mut self.signal);
        for order in [&mut self.entry, &mut self.exit] {
            io.option(order, || Working::BLANK, |io, order| order.state(io));
        }
        self.entered.state(io);
        let closing = |io: &mut StateIo<'_>, intent: &mut Intent| {
            io.code(intent, |intent| intent as u8, Intent::from_u8);
        };
        io.option(&mut self.closing, || Intent::Exit, closing);
        if let Some(atr) = &mut self.atr {
            atr.state(io);
        }
        io.within(&mut self.exit_misses, 0, EXIT_MISSES_MAX);
        io.within(&mut self.trades, 0, u32::MAX / 2);
        io.flag(&mut self.barred);
        io.within(&mut self.start_net, Money(-i64::MAX / 2), Money(i64::MAX / 2));
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

    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        io.plains(&mut self.ids);
        io.size(&mut self.next, self.ids.len() - 1);
    }
}
