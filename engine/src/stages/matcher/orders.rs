//! The orders the venue knows: from their arrival until their last report has come back.

use super::OWN;
use super::market::PRICE_MAX;
use crate::book::QUANTITY_MAX;
use crate::event::{OrderState, OrderType, Report, ReportReason, Side};
use crate::exchange::{Exchange, Holding};
use crate::limits::{OPEN_ORDERS_MAX, REPORTS_PER_ORDER_MAX};
use crate::state::StateIo;
use crate::units::{InstrumentId, Money, OrderId, Price, Qty, Seq, StrategyId, TsNs};

/// One order and what was reported of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct VenueOrder {
    pub(super) id: OrderId,
    pub(super) instrument: InstrumentId,
    pub(super) strategy: StrategyId,
    pub(super) side: Side,
    /// How it is priced; a stop order that woke is of the type it has become.
    pub(super) order_type: OrderType,
    pub(super) quantity: Qty,
    /// Filled so far, and its value with the multiplier.
    pub(super) filled: Qty,
    pub(super) filled_value: Money,
    pub(super) fills: u32,
    /// What self-trade prevention took of it.
    pub(super) removed: Qty,
    /// Whether it came to its price while nothing was known of the queue there.
    pub(super) unseen: bool,
    pub(super) state: OrderState,
    /// Why the newest unreported change happened, or that of the last report.
    pub(super) reason: ReportReason,
    /// Reports made, and those that have come back; the difference is at most `REPORTS_PER_ORDER_MAX`.
    pub(super) reports: u32,
    pub(super) returned: u32,
    /// Virtual time of the last report.
    pub(super) vtime: TsNs,
    /// Whether the state differs from the last report.
    pub(super) changed: bool,
    /// Whether the order stands in the list of this step's changes.
    pub(super) listed: bool,
}

/// A new order.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewOrder {
    pub(super) id: OrderId,
    pub(super) instrument: InstrumentId,
    pub(super) strategy: StrategyId,
    pub(super) side: Side,
    pub(super) quantity: Qty,
    pub(super) order_type: OrderType,
}

impl VenueOrder {
    /// Enters a fill after which so much is open: quantities, value and state.
    pub(super) fn fill(&mut self, price: Price, quantity: Qty, open: Qty, multiplier: i64) {
        self.filled += quantity;
        self.filled_value += price.value(quantity, multiplier);
        self.fills += 1;
        assert!(self.filled + self.removed + open == self.quantity, "what is not filled is open");
        if !open.is_zero() {
            self.state = OrderState::PartiallyFilled;
        } else if self.removed.is_zero() {
            (self.state, self.reason) = (OrderState::Filled, ReportReason::None);
        } else {
            (self.state, self.reason) = (OrderState::Cancelled, ReportReason::SelfTrade);
        }
    }

    /// What is open of an order that is not final.
    pub(super) fn open(&self) -> Qty {
        self.quantity - self.filled - self.removed
    }

    /// The state of the order when it rests.
    pub(super) fn resting(&self) -> OrderState {
        if self.filled.is_zero() { OrderState::Open } else { OrderState::PartiallyFilled }
    }

    /// Whether its value can be counted if the rest is filled at `price`.
    pub(super) fn is_countable(&self, price: Price, multiplier: i64) -> bool {
        let rest = i128::from(price.0) * i128::from(self.open().0) * i128::from(multiplier);
        rest + i128::from(self.filled_value.0) <= i128::from(i64::MAX)
    }

    /// The report of its state now, as made in the step of `cause`.
    pub(super) fn report(&self, cause: Seq) -> Report {
        Report {
            order: self.id,
            cause,
            vtime: self.vtime,
            filled: self.filled,
            filled_value: self.filled_value,
            quantity: self.quantity,
            number: self.reports,
            strategy: self.strategy,
            state: self.state as u8,
            reason: self.reason as u8,
            side: self.side as u8,
            reserved: [0; 39],
        }
    }

    /// Whether another report may be under way now.
    pub(super) fn may_report(&self) -> bool {
        ((self.reports - self.returned) as usize) < REPORTS_PER_ORDER_MAX
    }

    /// Whether its last report has come back, so that nothing needs the slot.
    fn is_over(&self) -> bool {
        self.state.is_final() && !self.changed && self.reports == self.returned
    }

    fn state(&mut self, io: &mut StateIo<'_>) {
        io.plain(&mut self.id);
        io.plain(&mut self.instrument);
        io.plain(&mut self.strategy);
        io.code(&mut self.side, |side| side as u8, Side::from_u8);
        io.plain(&mut self.quantity);
        io.plain(&mut self.filled);
        io.within(&mut self.filled_value, Money::ZERO, Money(i64::MAX / 2));
        io.plain(&mut self.fills);
        io.code(&mut self.order_type, |order_type| order_type as u8, OrderType::from_u8);
        io.within(&mut self.removed, Qty::ZERO, QUANTITY_MAX);
        io.flag(&mut self.unseen);
        io.code(&mut self.state, |state| state as u8, OrderState::from_u8);
        io.code(&mut self.reason, |reason| reason as u8, ReportReason::from_u8);
        io.plain(&mut self.reports);
        io.plain(&mut self.returned);
        io.time(&mut self.vtime);
        io.flag(&mut self.changed);
        // Whether it is listed follows from the list.
        if !self.is_possible() {
            io.refuse("an order of the venue cannot be");
        }
    }

    /// Whether figures and state fit each other. A rejected order may have asked for anything.
    fn is_possible(&self) -> bool {
        let Self { quantity, filled, removed, state, .. } = *self;
        let removed_fits =
            removed.is_zero() || (Qty::ZERO..=quantity).contains(&removed) && filled <= quantity - removed;
        let filled_fits = match state {
            OrderState::Open | OrderState::Rejected | OrderState::TriggerPending => filled.is_zero(),
            OrderState::PartiallyFilled => filled > Qty::ZERO && filled < quantity,
            OrderState::Filled => filled == quantity,
            OrderState::Cancelled => filled >= Qty::ZERO && filled < quantity,
            // The paper venue knows its orders.
            OrderState::Unknown => false,
        };
        let under_way = self.reports.checked_sub(self.returned);
        filled_fits
            && removed_fits
            && (state == OrderState::Rejected || quantity > Qty::ZERO && quantity <= QUANTITY_MAX)
            && self.fills.max(self.reports) <= u32::MAX / 2
            && under_way.is_some_and(|reports| reports as usize <= REPORTS_PER_ORDER_MAX)
            && !self.is_over()
    }
}

const BLANK: VenueOrder = VenueOrder {
    id: OrderId::ZERO,
    instrument: InstrumentId::NONE,
    strategy: StrategyId::NONE,
    side: Side::Buy,
    order_type: OrderType::Limit,
    quantity: Qty::ZERO,
    filled: Qty::ZERO,
    filled_value: Money::ZERO,
    fills: 0,
    removed: Qty::ZERO,
    unseen: false,
    state: OrderState::Rejected,
    reason: ReportReason::None,
    reports: 0,
    returned: 0,
    vtime: TsNs::ZERO,
    changed: false,
    listed: false,
};

/// At most `OPEN_ORDERS_MAX` orders, found by id, and the list of those that changed in this step.
///
/// The ids are kept sorted: they nearly always arrive in ascending order, 256 are searched in eight
/// comparisons, and a sorted list is a canonical order for the state hash.
pub(super) struct OrderTable {
    slots: Box<[VenueOrder]>,
    free: Vec<u16>,
    by_id: Vec<(OrderId, u16)>,
    /// Slots with an unreported change, in the order in which they changed.
    changes: Vec<u16>,
    /// How many of the changes were handled.
    handled: usize,
}

impl OrderTable {
    pub(super) fn new() -> Self {
        let count = u16::try_from(OPEN_ORDERS_MAX).expect("slots are numbered in 16 bits");
        Self {
            slots: vec![BLANK; OPEN_ORDERS_MAX].into_boxed_slice(),
            free: (0..count).rev().collect(),
            by_id: Vec::with_capacity(OPEN_ORDERS_MAX),
            changes: Vec::with_capacity(OPEN_ORDERS_MAX),
            handled: 0,
        }
    }

    /// Orders known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.free.is_empty()
    }

    /// The slot of an id.
    pub(super) fn find(&self, id: OrderId) -> Option<u16> {
        let place = self.by_id.binary_search_by_key(&id, |entry| entry.0).ok()?;
        Some(self.by_id[place].1)
    }

    pub(super) fn get(&self, slot: u16) -> &VenueOrder {
        &self.slots[usize::from(slot)]
    }

    /// Enters a new order, of which nothing has happened yet. The caller has made sure that its id is unknown
    /// and that there is room.
    pub(super) fn insert(&mut self, order: NewOrder) -> u16 {
        let NewOrder { id, instrument, strategy, side, quantity, order_type } = order;
        let slot = self.free.pop().expect("the caller has made sure of room");
        let place = self.by_id.partition_point(|entry| entry.0 < id);
        self.by_id.insert(place, (id, slot));
        let state = OrderState::Open;
        self.slots[usize::from(slot)] =
            VenueOrder { id, instrument, strategy, side, quantity, order_type, state, ..BLANK };
        slot
    }

    /// Changes an order and lists it for this step's reports. A reason stays until it is reported, so that
    /// changes which merge into one report do not hide it, and no longer.
    pub(super) fn change(&mut self, slot: u16, change: impl FnOnce(&mut VenueOrder)) {
        let order = &mut self.slots[usize::from(slot)];
        assert!(!order.state.is_final(), "nothing follows a final state");
        if !order.changed {
            order.reason = ReportReason::None;
        }
        change(order);
        order.changed = true;
        self.list(slot);
    }

    /// Notes that a report of an order came back. A change that had to wait is listed for this step's
    /// reports; an order whose last report this was is forgotten. Reports that the venue does not wait for
    /// are ignored: they are another run's, or of an order that never had a slot.
    pub(super) fn report_returned(&mut self, id: OrderId, number: u32) {
        let Some(slot) = self.find(id) else { return };
        let order = &mut self.slots[usize::from(slot)];
        if number == 0 || number > order.reports || order.returned == order.reports {
            return;
        }
        order.returned += 1;
        if order.changed {
            self.list(slot);
        } else if order.is_over() {
            let place = self.by_id.binary_search_by_key(&id, |entry| entry.0).expect("it was just found");
            self.by_id.remove(place);
            self.free.push(slot);
        }
    }

    /// Whether `next_report` has anything to look at.
    pub(super) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// The next order that changed in this step and may report now; its report is then counted as made, with
    /// the time that `vtime` says for its number. `None` ends the step's list.
    pub(super) fn next_report(&mut self, vtime: impl Fn(OrderId, u32) -> TsNs) -> Option<&VenueOrder> {
        while let Some(&slot) = self.changes.get(self.handled) {
            self.handled += 1;
            let order = &mut self.slots[usize::from(slot)];
            order.listed = false;
            if order.may_report() {
                order.reports += 1;
                // A report never overtakes an earlier one of its order.
                order.vtime = order.vtime.max(vtime(order.id, order.reports));
                order.changed = false;
                return Some(&self.slots[usize::from(slot)]);
            }
        }
        self.changes.clear();
        self.handled = 0;
        None
    }

    /// Walks over all orders by ascending id, then the list of changes; slot numbers are no part of the state.
    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        let mut count = self.by_id.len();
        io.size(&mut count, OPEN_ORDERS_MAX);
        if io.is_loading() {
            assert!(self.by_id.is_empty(), "a state is loaded into what was just built");
            let slots = self.free.drain(self.free.len() - count..).rev();
            self.by_id.extend(slots.map(|slot| (OrderId::ZERO, slot)));
        }
        let mut before = None;
        for (id, slot) in &mut self.by_id {
            let order = &mut self.slots[usize::from(*slot)];
            order.state(io);
            *id = order.id;
            if before.is_some_and(|before| before >= order.id) {
                io.refuse("orders are not by ascending id");
            }
            before = Some(order.id);
        }
        self.changes_state(io);
    }

    /// The list is empty between steps; within one, for tests, it is part of the state.
    fn changes_state(&mut self, io: &mut StateIo<'_>) {
        let mut count = self.changes.len() - self.handled;
        io.size(&mut count, OPEN_ORDERS_MAX);
        for at in 0..count {
            let listed = self.changes.get(self.handled + at).map(|&slot| self.get(slot).id);
            let mut id = listed.unwrap_or(OrderId::ZERO);
            io.plain(&mut id);
            if io.is_loading() {
                match self.find(id).filter(|&slot| self.get(slot).changed && !self.get(slot).listed) {
                    Some(slot) => self.list(slot),
                    None => io.refuse("a listed change is none"),
                }
            }
        }
    }

    /// Orders that are not final.
    pub(super) fn open(&self) -> impl Iterator<Item = &VenueOrder> {
        self.by_id.iter().map(|&(_, slot)| self.get(slot)).filter(|order| !order.state.is_final())
    }

    /// Whether an order came to its price while nothing was known of the queue there.
    pub(super) fn is_unseen(&self, id: OrderId) -> bool {
        self.find(id).is_some_and(|slot| self.get(slot).unseen)
    }

    /// Notes whether the queue at an order's price is known. That is no change to report.
    pub(super) fn set_unseen(&mut self, id: OrderId, unseen: bool) {
        let slot = self.find(id).expect("an order that the exchange holds is known");
        self.slots[usize::from(slot)].unseen = unseen;
    }

    /// Whether the orders that are not final are those that the exchange holds of the account, with what is open of
    /// them, and their value can be counted with `multiplier`. `held` is how many the exchange holds.
    pub(super) fn fit(
        &self,
        exchange: &Exchange,
        held: usize,
        multiplier: impl Fn(InstrumentId) -> i64,
    ) -> bool {
        let fits = |order: &VenueOrder| {
            exchange.get(order.id).is_some_and(|held| {
                (held.instrument, held.side, held.account) == (order.instrument, order.side, OWN)
                    && (held.open, held.filled) == (order.open(), order.filled)
                    && (order.state == OrderState::TriggerPending) != held.trigger.is_zero()
                    && order.is_countable(dearest(&held), multiplier(held.instrument))
            })
        };
        self.open().count() == held && self.open().all(fits)
    }

    fn list(&mut self, slot: u16) {
        let order = &mut self.slots[usize::from(slot)];
        if !order.listed {
            order.listed = true;
            self.changes.push(slot);
        }
    }
}

/// The highest price at which an order that the exchange holds can trade.
fn dearest(held: &Holding) -> Price {
    let bounded = held.trigger.is_zero() || held.side == Side::Buy;
    if bounded && !held.price.is_zero() { held.price } else { held.price.max(PRICE_MAX) }
}
