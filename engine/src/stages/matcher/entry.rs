//! How an order enters: what it must be to be taken, and what it meets at once.

use super::{Deal, Matcher, Refusal};
use crate::book::{Incoming, Outcome, QUANTITY_MAX, Style};
use crate::event::{
    Event, FILL_DEPTH, FILL_SLIPPAGE, Header, Order, OrderState, OrderType, ReportReason, Side, Validity,
};
use crate::stage::Emit;
use crate::units::{InstrumentId, Money, OrderId, Price, Qty, TsNs};

/// What an order is to be: a new one, or a resting one with other terms.
pub(super) struct Proposal {
    pub(super) id: OrderId,
    pub(super) instrument: InstrumentId,
    pub(super) side: Side,
    /// Its quantity, what is filled already included.
    pub(super) quantity: Qty,
    /// Its limit.
    pub(super) price: Price,
    /// What is filled already, and the value of that.
    pub(super) filled: Qty,
    pub(super) filled_value: Money,
}

/// What is to trade now, and what becomes of the part that does not.
pub(super) struct Placement {
    pub(super) price: Price,
    /// More than zero.
    pub(super) quantity: Qty,
    /// Whether the rest rests; else it is cancelled.
    pub(super) rests: bool,
    /// The last price.
    pub(super) last: Price,
}

impl Matcher {
    pub(super) fn on_order(&mut self, event: &Event, out: &mut impl Emit) {
        let order = event.body::<Order>();
        let instrument = event.header.instrument;
        let side = Side::from_u8(order.side).expect("events are checked where they enter");
        let unknown = match (self.orders.find(order.id), self.orders.is_full()) {
            (Some(_), _) => Some(ReportReason::Duplicate),
            (None, true) => Some(ReportReason::VenueFull),
            (None, false) => None,
        };
        let Order { id, quantity, price, strategy, .. } = *order;
        if let Some(reason) = unknown {
            self.refusals.push(Refusal { id, instrument, strategy, side, quantity, reason });
            return;
        }
        let slot = self.orders.insert(id, instrument, strategy, side, quantity);
        let (filled, filled_value) = (Qty::ZERO, Money::ZERO);
        let proposal = Proposal { id, instrument, side, quantity, price, filled, filled_value };
        match self.admit(&proposal, event.header.ts) {
            Ok(last) => {
                let rests =
                    order.order_type == OrderType::Limit as u8 && order.validity == Validity::Day as u8;
                self.place(slot, &Placement { price, quantity, rests, last }, &event.header, out);
            }
            Err(reason) => {
                self.orders
                    .change(slot, |order| (order.state, order.reason) = (OrderState::Rejected, reason));
            }
        }
    }

    /// Checks an order. Answers the last price; the depth it will meet is clean then.
    pub(super) fn admit(&mut self, proposal: &Proposal, now: TsNs) -> Result<Price, ReportReason> {
        let Proposal { id, instrument, side, quantity, price, filled, filled_value } = *proposal;
        let spec = self.instruments.get(instrument.index()).filter(|spec| spec.tradable);
        let spec = spec.ok_or(ReportReason::NotTradable)?;
        let in_lots =
            quantity > filled && quantity <= QUANTITY_MAX && quantity.floor_to_lot(spec.lot) == quantity;
        let in_ticks = price > Price::ZERO && price.floor_to(spec.tick) == price;
        if id.is_zero() || !in_lots || !in_ticks {
            return Err(ReportReason::Malformed);
        }
        if self.session_ended {
            return Err(ReportReason::SessionEnd);
        }
        if !self.hours.is_open(instrument, now) {
            return Err(ReportReason::Closed);
        }
        let last = self.markets[instrument.index()].last().ok_or(ReportReason::NoPrice)?;
        let depth = &mut self.depths[instrument.index()];
        depth.clean(spec.lot);
        // No fill is dearer than the limit or, for a sell, the last price or the best bid; so its value can
        // be counted.
        let dearest = price.max(last).max(depth.best(Side::Sell).unwrap_or(Price::ZERO));
        let open = i128::from(quantity.0 - filled.0);
        let value = i128::from(filled_value.0) + i128::from(dearest.0) * open * i128::from(spec.multiplier);
        if i64::try_from(value).is_err() {
            return Err(ReportReason::Malformed);
        }
        // All orders here are one account's, whatever their strategy.
        if self.books.crosses(instrument, side, price) {
            return Err(ReportReason::SelfTrade);
        }
        Ok(last)
    }

    /// Fills an admitted order against the displayed depth, or without any against the last price; what is
    /// left rests or is cancelled.
    pub(super) fn place(&mut self, slot: u16, placement: &Placement, cause: &Header, out: &mut impl Emit) {
        let &Placement { price: limit, quantity: mut left, rests, last } = placement;
        let (instrument, side) = (self.orders.get(slot).instrument, self.orders.get(slot).side);
        let at = instrument.index();
        if self.depths[at].is_displayed(side) {
            while let Some((price, quantity)) = self.depths[at].take(side, limit, left) {
                left -= quantity;
                self.fill(slot, Deal { price, quantity, last, flags: FILL_DEPTH }, cause, out);
            }
        } else {
            let price = self.model.aggressive_price(side, last, self.instruments[at].tick);
            if side.sign() * (limit.0 - price.0) >= 0 {
                let flags = if self.model.slips() { FILL_SLIPPAGE } else { 0 };
                self.fill(slot, Deal { price, quantity: left, last, flags }, cause, out);
                left = Qty::ZERO;
            }
        }
        if left.is_zero() {
            return;
        }
        if rests {
            self.rest(slot, limit, left);
        } else {
            self.orders.change(slot, |order| {
                (order.state, order.reason) = (OrderState::Cancelled, ReportReason::IocRest);
            });
        }
    }

    /// Puts what is left of an order behind all others of its price.
    pub(super) fn rest(&mut self, slot: u16, limit: Price, left: Qty) {
        let order = self.orders.get(slot);
        let (id, instrument, side) = (order.id, order.instrument, order.side);
        let incoming = Incoming { id, side, limit, quantity: left, style: Style::Limit };
        let outcome = self.books.submit(instrument, incoming, &mut |_| {});
        assert_eq!(
            outcome,
            Ok(Outcome::Rested(left)),
            "an admitted order crosses no own order and finds room"
        );
        self.hours.rests(instrument);
        self.orders.change(slot, |order| {
            let partly = !order.filled.is_zero();
            order.state = if partly { OrderState::PartiallyFilled } else { OrderState::Open };
        });
    }
}
