//! How an order enters: what it must be to be taken. What becomes of it then is the exchange's business.

use super::market::PRICE_MAX;
use super::orders::NewOrder;
use super::records::is_own;
use super::run::Run;
use super::{Matcher, OWN, Refusal};
use crate::book::QUANTITY_MAX;
use crate::event::{
    Event, FILL_DEPTH, FILL_SLIPPAGE, MarketPhase, ORDER_POST_ONLY, Order, OrderState, OrderType,
    ReportReason, Side, Validity,
};
use crate::exchange::Terms;
use crate::stage::{Emit, Progress};
use crate::units::{InstrumentId, Money, Price, Qty, TsNs};
use crate::venue_rules;

/// Coded fields hold what their events' tables say.
const CHECKED: &str = "events are checked where they enter";

impl Matcher {
    pub(super) fn on_order(&mut self, event: &Event, out: &mut impl Emit) -> Progress {
        let order = event.body::<Order>();
        let at = event.header.instrument;
        let terms = terms_of(order);
        let (id, side, quantity, strategy) = (terms.id, terms.side, terms.quantity, order.strategy);
        let unknown = match (self.orders.find(id), self.orders.is_full()) {
            (Some(_), _) => Some(ReportReason::Duplicate),
            (None, true) => Some(ReportReason::VenueFull),
            (None, false) => None,
        };
        if let Some(reason) = unknown {
            self.refusals.push(Refusal { id, instrument: at, strategy, side, quantity, reason });
            return Progress::Done;
        }
        let new = NewOrder { id, instrument: at, strategy, side, quantity, order_type: terms.order_type };
        let slot = self.orders.insert(new);
        let last = match self.admit(at, &terms, (Qty::ZERO, Money::ZERO), event.header.ts) {
            Ok(last) => last,
            Err(reason) => {
                self.orders
                    .change(slot, |order| (order.state, order.reason) = (OrderState::Rejected, reason));
                return Progress::Done;
            }
        };
        self.prepare(at, last, &terms);
        self.lend_to_order(at, side, quantity);
        let taker_flags = self.taker_flags(at);
        let mut run = Run { order: id, price: terms.price, taker_flags, ..Run::new(at, last) };
        let answer = self.operate(&mut run, &event.header, out, |exchange, _, records| {
            exchange.enter(at, &terms, &mut |record| records.take(record))
        });
        self.begin(run, answer, &event.header, out)
    }

    /// Checks a new order, or the new terms of one of which so much is filled, with its value. Answers the last price;
    /// the depth the order will meet is clean then.
    pub(super) fn admit(
        &mut self,
        at: InstrumentId,
        terms: &Terms,
        filled: (Qty, Money),
        now: TsNs,
    ) -> Result<Price, ReportReason> {
        let spec = self.instruments.get(at.index()).filter(|spec| spec.tradable);
        let spec = spec.ok_or(ReportReason::NotTradable)?;
        let Terms { id, quantity, price, .. } = *terms;
        let in_lots =
            quantity > filled.0 && quantity <= QUANTITY_MAX && quantity.floor_to_lot(spec.lot) == quantity;
        let at_market = matches!(terms.order_type, OrderType::Market | OrderType::StopMarket);
        let priced = price > Price::ZERO && price <= PRICE_MAX || at_market && price.is_zero();
        let in_ticks = priced && price.floor_to(spec.tick) == price;
        if id.is_zero() || !is_own(id) || !in_lots || !in_ticks {
            return Err(ReportReason::Malformed);
        }
        venue_rules::check(self.profile, spec, terms)?;
        if self.session_ended {
            return Err(ReportReason::SessionEnd);
        }
        if !self.hours.is_open(at, now) {
            return Err(ReportReason::Closed);
        }
        let last = self.markets[at.index()].last().ok_or(ReportReason::NoPrice)?;
        self.depths[at.index()].clean(spec.lot);
        let value = i128::from(self.dearest(at, terms, last).0)
            * i128::from(quantity.0 - filled.0.0)
            * i128::from(spec.multiplier);
        if i64::try_from(value + i128::from(filled.1.0)).is_err() {
            return Err(ReportReason::Malformed);
        }
        Ok(last)
    }

    /// The highest price at which an order can trade, so that its value can be counted.
    fn dearest(&self, at: InstrumentId, terms: &Terms, last: Price) -> Price {
        let waits = matches!(terms.order_type, OrderType::StopLimit | OrderType::StopMarket);
        match terms.side {
            Side::Buy if terms.price > Price::ZERO => terms.price,
            Side::Buy => PRICE_MAX,
            // A sell trades at its limit or higher: now at what is displayed, later at its limit. But nobody knows the
            // market in which a stop wakes, or the price of an auction.
            Side::Sell if waits || self.exchange.phase(at) == MarketPhase::Call => terms.price.max(PRICE_MAX),
            Side::Sell => terms.price.max(last).max(self.depths[at.index()].dearest()),
        }
    }

    /// `FILL_*` flags of an order that trades when it comes.
    pub(super) fn taker_flags(&self, at: InstrumentId) -> u8 {
        if self.depths[at.index()].is_shown() {
            FILL_DEPTH
        } else if self.model.slips() {
            FILL_SLIPPAGE
        } else {
            0
        }
    }
}

/// What an order event asks for.
fn terms_of(order: &Order) -> Terms {
    Terms {
        id: order.id,
        account: OWN,
        side: Side::from_u8(order.side).expect(CHECKED),
        order_type: OrderType::from_u8(order.order_type).expect(CHECKED),
        validity: Validity::from_u8(order.validity).expect(CHECKED),
        quantity: order.quantity,
        price: order.price,
        trigger: order.trigger,
        disclosed: order.disclosed,
        post_only: order.flags & ORDER_POST_ONLY != 0,
    }
}
