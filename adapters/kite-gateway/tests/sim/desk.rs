//! The engine's side, as small as it can be: orders at their worst case until a final report, positions by reports alone.

use crate::broker::LISTED;
use pitlane_engine::event::{
    Cancel, Event, FLAG_OUT, Intent, Modify, Order, OrderState, OrderType, Report, ReportReason, Side,
    Validity,
};
use pitlane_engine::units::{InstrumentId, OrderId, Price, Qty, Seq, StrategyId};
use pitlane_kite_gateway::gateway::{Restored, STATE_UNKNOWN, Terms, Wanted};
use std::collections::BTreeMap;

/// Units of an instrument that may be held or under way, on either side.
pub(crate) const LIMIT: i64 = 60;

#[derive(Clone, Debug)]
pub(crate) struct Working {
    pub(crate) at: usize,
    pub(crate) wanted: Wanted,
    pub(crate) quantity: i64,
    pub(crate) asked_for: Terms,
    /// The input that asked for these last.
    pub(crate) asked_at: u64,
    /// The largest quantity it was ever asked to have.
    pub(crate) most: i64,
    pub(crate) filled: i64,
    pub(crate) value: i64,
    pub(crate) number: u32,
    pub(crate) state: u8,
    pub(crate) cancelling: bool,
    pub(crate) asked: bool,
    pub(crate) acknowledged: bool,
    pub(crate) ended: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) orders: BTreeMap<u64, Working>,
    pub(crate) positions: [i64; 3],
    pub(crate) seq: u64,
}

impl Desk {
    pub(crate) fn id(&mut self) -> OrderId {
        self.seq += 1;
        OrderId::new(Seq(self.seq), 0)
    }

    /// What could still be bought and sold of an instrument.
    pub(crate) fn open(&self, at: usize) -> (i64, i64) {
        let side = |side: Side| {
            let mine = self
                .orders
                .values()
                .filter(|order| order.at == at && !order.ended && order.wanted.side == side);
            mine.map(|order| order.most - order.filled).sum::<i64>()
        };
        (side(Side::Buy), side(Side::Sell))
    }

    pub(crate) fn has_open(&self, at: usize) -> bool {
        self.orders.values().any(|order| order.at == at && !order.ended)
    }

    pub(crate) fn order(
        &mut self,
        at: usize,
        side: Side,
        quantity: i64,
        intent: Intent,
        shape: u64,
    ) -> Event {
        let id = self.id();
        let tick = LISTED[at].2;
        let (order_type, validity, price, trigger) = match shape % 8 {
            0 => (OrderType::Market, Validity::Day, 0, 0),
            1 => (OrderType::StopLimit, Validity::Day, 1_000 * tick, 1_001 * tick),
            2 => (OrderType::StopMarket, Validity::Day, 0, 1_001 * tick),
            3 | 4 => (OrderType::Limit, Validity::Ioc, 1_000 * tick, 0),
            _ => (OrderType::Limit, Validity::Day, (990 + (shape % 20) as i64) * tick, 0),
        };
        let terms = Terms { quantity, price, trigger, disclosed: 0 };
        let (instrument, strategy, cause) = (InstrumentId(at as u32), StrategyId(0), Seq(self.seq));
        let wanted = Wanted { id, instrument, strategy, cause, side, order_type, validity, intent, terms };
        self.orders.insert(
            id.0,
            Working {
                at,
                wanted,
                quantity,
                asked_for: terms,
                asked_at: cause.0,
                most: quantity,
                filled: 0,
                value: 0,
                number: 0,
                state: 0,
                cancelling: false,
                asked: false,
                acknowledged: false,
                ended: false,
            },
        );
        let body = Order {
            id,
            signal: 0,
            quantity: Qty(quantity),
            price: Price(price),
            trigger: Price(trigger),
            disclosed: Qty(0),
            strategy,
            side: side as u8,
            order_type: order_type as u8,
            validity: validity as u8,
            intent: intent as u8,
            flags: 0,
            reserved: [0; 41],
        };
        self.event(at, &body)
    }

    fn event<B: pitlane_engine::event::Body>(&self, at: usize, body: &B) -> Event {
        let mut event = Event::new(InstrumentId(at as u32), FLAG_OUT, body);
        event.header.seq = Seq(self.seq);
        event
    }

    pub(crate) fn cancel(&mut self, id: u64) -> Event {
        self.seq += 1;
        let order = self.orders.get_mut(&id).unwrap();
        order.cancelling = true;
        let at = order.at;
        let body = Cancel { order: OrderId(id), strategy: StrategyId(0), intent: 1, reserved: [0; 21] };
        self.event(at, &body)
    }

    pub(crate) fn modify(&mut self, id: u64, quantity: i64, up: i64) -> Event {
        self.seq += 1;
        let order = self.orders.get_mut(&id).unwrap();
        (order.asked, order.asked_at) = (true, self.seq);
        order.most = order.most.max(quantity);
        let (at, terms) = (order.at, order.wanted.terms);
        let price = if terms.price > 0 { terms.price + up * LISTED[at].2 } else { 0 };
        order.asked_for = Terms { quantity, price, ..terms };
        let body = Modify {
            order: OrderId(id),
            quantity: Qty(quantity),
            price: Price(price),
            trigger: Price(terms.trigger),
            disclosed: Qty(0),
            strategy: StrategyId(0),
            intent: 1,
            reserved: [0; 53],
        };
        self.event(at, &body)
    }

    /// Checks a report against all that was reported before, and books it.
    pub(crate) fn report(&mut self, event: &Event) -> Result<u64, String> {
        let report = event.body::<Report>();
        let order = self.orders.get_mut(&report.order.0).ok_or("a report of an unknown order")?;
        let fail = |what: &str| Err(format!("{what}: {report:?} of {order:?}"));
        if order.ended {
            return fail("a report after the last");
        }
        if report.number != order.number + 1 {
            return fail("a number left out or twice");
        }
        if report.filled.0 < order.filled
            || report.filled_value.0 < order.value
            || report.filled.0 > report.quantity.0
        {
            return fail("not cumulative");
        }
        let more = report.filled.0 - order.filled;
        if (more == 0) != (report.filled_value.0 == order.value) {
            return fail("value without quantity");
        }
        let state = OrderState::from_u8(report.state);
        if state.is_none() && report.state != STATE_UNKNOWN {
            return fail("a state nobody knows");
        }
        if (state == Some(OrderState::Filled) && report.filled != report.quantity)
            || (state == Some(OrderState::Rejected) && report.filled.0 != 0)
        {
            return fail("state and quantity");
        }
        order.number = report.number;
        order.filled = report.filled.0;
        order.value = report.filled_value.0;
        order.state = report.state;
        order.acknowledged |=
            report.state != STATE_UNKNOWN && state.is_some_and(|state| state != OrderState::Rejected);
        if order.asked && report.reason != ReportReason::None as u8 {
            if report.reason == ReportReason::Modified as u8 {
                order.quantity = report.quantity.0;
                order.wanted.terms = order.asked_for;
            }
            order.asked = false;
        }
        if state.is_some_and(OrderState::is_final) {
            order.ended = true;
        }
        self.positions[order.at] += order.wanted.side.sign() * more;
        Ok(report.order.0)
    }

    /// What a restart finds in its journal.
    pub(crate) fn saved(&self) -> Vec<Restored> {
        let open = self.orders.values().filter(|order| !order.ended);
        open.map(|order| {
            let mut wanted = order.wanted;
            let before =
                if order.asked && order.asked_for.quantity != order.quantity { order.quantity } else { 0 };
            wanted.terms = if order.asked { order.asked_for } else { order.wanted.terms };
            Restored {
                wanted,
                quantity_before: before,
                filled: order.filled,
                value: order.value,
                reports: order.number,
                acknowledged: order.acknowledged,
                cancelling: order.cancelling,
            }
        })
        .collect()
    }
}
