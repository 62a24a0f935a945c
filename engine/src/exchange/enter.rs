//! New orders and cancels.

use super::checks::is_multiple;
use super::look::Look;
use super::matching::{Rest, Taker};
use super::{ANONYMOUS, Call, Exchange, Order, Plain, Record, Terms, is_anonymous};
use crate::book::{BUY_ABOVE_ALL, NONE, SELL_BELOW_ALL, is_better};
use crate::event::{MarketPhase, OrderType, ReportReason, Side, Validity};
use crate::stage::Progress;
use crate::units::{InstrumentId, OrderId, Price, Qty};

/// The worst price of an order without one.
pub(super) const fn any_price(side: Side) -> Price {
    match side {
        Side::Buy => BUY_ABOVE_ALL,
        Side::Sell => SELL_BELOW_ALL,
    }
}

impl Exchange {
    /// Takes a new order, or rejects it. The short way is compiled into the caller, everything else is called.
    #[inline(always)]
    pub fn enter(
        &mut self,
        instrument: InstrumentId,
        terms: &Terms,
        each: &mut impl FnMut(Record),
    ) -> Progress {
        self.assert_idle();
        if !self.is_plain(instrument, terms) {
            return self.enter_other(instrument, terms, &mut self.call(each));
        }
        let &Terms { id, account, side, quantity, price, .. } = terms;
        self.tally.enter(quantity);
        let rests = terms.order_type == OrderType::Limit && terms.validity == Validity::Day;
        if rests && self.books.is_apart(instrument, side, price) {
            let order = Order { quantity, account, clip: NONE };
            self.books.append(instrument, side, price, id, quantity, order);
            self.count_in(instrument, id);
            each(Record::Rested { id, open: quantity });
            return self.settle(instrument);
        }
        self.run(Taker::of(instrument, terms), &mut self.call(each))
    }

    /// Takes or rejects any order.
    #[inline(never)]
    fn enter_other<F: FnMut(Record)>(
        &mut self,
        instrument: InstrumentId,
        terms: &Terms,
        call: &mut Call<'_, F>,
    ) -> Progress {
        if let Some(reason) = self.entry_refusal(instrument, terms) {
            call.emit(Record::Rejected { id: terms.id, reason });
            return Progress::Done;
        }
        self.tally.enter(terms.quantity);
        if matches!(terms.order_type, OrderType::StopLimit | OrderType::StopMarket) {
            return self.enter_stop(instrument, terms, call);
        }
        let mut taker = Taker::of(instrument, terms);
        if self.markets[instrument.index()].phase == MarketPhase::Call {
            taker.rest = Rest::Rests;
            self.rest(&taker, call);
            return self.settle(instrument);
        }
        if terms.post_only
            && let Some(best) = self.books.best_price(instrument, terms.side.opposite())
            && !is_better(terms.side, best, terms.price)
        {
            self.end(&mut taker, ReportReason::PostOnly, call);
            return self.settle(instrument);
        }
        if terms.validity == Validity::Fok {
            self.work.look = Some(Look::BEGIN);
        }
        self.run(taker, call)
    }

    /// Cancels an order that rests or waits, in any phase. `false` if the id is not held.
    #[inline]
    pub fn cancel(&mut self, id: OrderId, reason: ReportReason, each: &mut impl FnMut(Record)) -> bool {
        let call = &mut self.begin(each);
        if let Some(slot) = self.books.slot_of(id) {
            self.cancel_slot(slot, reason, call);
            return true;
        }
        let stop = self.stops.slot_of(id);
        if let Some(slot) = stop {
            self.cancel_stop(slot, reason, call);
        }
        stop.is_some()
    }

    /// Whether an order is of a frequent kind (a limit for the day or at once, a market order at any price, nothing
    /// else asked of it) and nothing refuses it: the checks of `entry_refusal` in one go.
    #[inline(always)]
    fn is_plain(&self, instrument: InstrumentId, terms: &Terms) -> bool {
        let Some(market) = self.markets.get(instrument.index()) else { return false };
        let Plain { quantity_max, low, high, tick } = market.plain;
        let price = terms.price;
        let priced = match terms.order_type {
            OrderType::Limit => price >= low && price <= high && is_multiple(price, tick),
            OrderType::Market => price.is_zero(),
            OrderType::StopLimit | OrderType::StopMarket => false,
        };
        priced
            && terms.validity != Validity::Fok
            && !terms.post_only
            && terms.id.0.wrapping_sub(1) < ANONYMOUS - 1
            && terms.quantity > Qty::ZERO
            && terms.quantity <= quantity_max
            && terms.trigger.0 | terms.disclosed.0 == 0
            && self.held < self.limits.orders
            && !self.holds(terms.id)
    }

    fn entry_refusal(&self, instrument: InstrumentId, terms: &Terms) -> Option<ReportReason> {
        if instrument.index() >= self.listings.len() {
            return Some(ReportReason::NotTradable);
        }
        if terms.id.is_zero() || is_anonymous(terms.id) {
            return Some(ReportReason::Malformed);
        }
        if self.holds(terms.id) {
            return Some(ReportReason::Duplicate);
        }
        if let Some(reason) = self.refusal(instrument, terms) {
            return Some(reason);
        }
        // A stop keeps the room that its rest may need.
        let may_stay = match terms.order_type {
            OrderType::Limit => terms.validity == Validity::Day,
            OrderType::Market => self.markets[instrument.index()].phase == MarketPhase::Call,
            OrderType::StopLimit | OrderType::StopMarket => true,
        };
        let full = may_stay && self.held >= self.limits.orders;
        full.then_some(ReportReason::VenueFull)
    }

    /// Whether an order of this id rests or waits.
    #[inline(always)]
    pub fn holds(&self, id: OrderId) -> bool {
        self.books.slot_of(id).is_some() || !self.stops.is_empty() && self.stops.slot_of(id).is_some()
    }
}

impl Taker {
    /// A new order that goes into the book.
    #[inline]
    pub(super) fn of(instrument: InstrumentId, terms: &Terms) -> Self {
        let &Terms { id, account, side, order_type, validity, quantity, disclosed, .. } = terms;
        let is_market = matches!(order_type, OrderType::Market | OrderType::StopMarket);
        let unprotected = is_market && terms.price.is_zero();
        let rest = match validity {
            Validity::Ioc => Rest::Cancelled(ReportReason::IocRest),
            _ if is_market => Rest::Cancelled(ReportReason::MarketRest),
            Validity::Day => Rest::Rests,
            Validity::Fok => Rest::Cancelled(ReportReason::FillOrKill),
        };
        Self {
            instrument,
            id,
            account,
            side,
            limit: if unprotected { any_price(side) } else { terms.price },
            open: quantity,
            quantity,
            disclosed,
            rest,
        }
    }
}
