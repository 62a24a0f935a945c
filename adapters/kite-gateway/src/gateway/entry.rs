//! What the engine wants: orders, changes, cancels.

use super::order::{
    Cancel, Change, ChangeStep, REASON_NOT_SENT, REASON_THROTTLED, STATE_UNKNOWN, Stage, Terms, Tracked,
    Wanted,
};
use super::{Gateway, Note};
use crate::call::CallKind;
use crate::settings::MarketStyle;
use pitlane_engine::config::InstrumentClass;
use pitlane_engine::event::{
    Cancel as CancelBody, Event, Intent, Kind, Modify, ORDER_POST_ONLY, Order, OrderState, OrderType,
    ReportReason, Side, Validity,
};
use pitlane_engine::units::{OrderId, Seq};

/// Exchanges whose quantities the broker counts as the engine does, in units. Elsewhere (commodities, currencies) it
/// counts lots: an order in units would be of many times the size.
const EXCHANGES: [&str; 4] = ["NSE", "BSE", "NFO", "BFO"];

impl Gateway {
    /// Takes an `Order`, `Modify` or `Cancel` of the engine; its header's `seq` is the input that caused it. What the
    /// broker could not take is refused at once, by a report. Panics on other kinds and on an order id that comes twice:
    /// the engine makes neither.
    pub fn on_intent(&mut self, event: &Event) {
        match event.kind() {
            Kind::Order => self.on_order(event),
            Kind::Modify => self.on_modify(event),
            Kind::Cancel => self.on_cancel(event.body::<CancelBody>().order),
            other => panic!("{} is no request to a broker", other.name()),
        }
        self.pump();
    }

    fn on_order(&mut self, event: &Event) {
        let body = event.body::<Order>();
        let coded = "coded fields are checked where events enter";
        let wanted = Wanted {
            id: body.id,
            instrument: event.header.instrument,
            strategy: body.strategy,
            cause: event.header.seq,
            side: Side::from_u8(body.side).expect(coded),
            order_type: OrderType::from_u8(body.order_type).expect(coded),
            validity: Validity::from_u8(body.validity).expect(coded),
            intent: Intent::from_u8(body.intent).expect(coded),
            terms: Terms {
                quantity: body.quantity.0,
                price: body.price.0,
                trigger: body.trigger.0,
                disclosed: body.disclosed.0,
            },
        };
        let order = Tracked::new(wanted, self.tags.of(body.id), self.now);
        assert!(self.orders.insert(body.id.0, order).is_none(), "order ids are unique");
        self.live.insert(body.id.0);
        let post_only = body.flags & ORDER_POST_ONLY != 0;
        let objection =
            if post_only { Some(ReportReason::NotAllowed) } else { self.objection(&wanted, &wanted.terms) };
        if let Some(reason) = objection {
            self.end(body.id.0, OrderState::Rejected, reason as u8);
        } else if self.is_closed_to(&wanted) {
            self.end(body.id.0, OrderState::Rejected, REASON_NOT_SENT);
        }
    }

    /// Why the broker could not take an order with these terms.
    fn objection(&self, wanted: &Wanted, terms: &Terms) -> Option<ReportReason> {
        let Some(listed) = self.instruments.get(wanted.instrument).filter(|listed| listed.tradable) else {
            return Some(ReportReason::NotTradable);
        };
        if !EXCHANGES.contains(&listed.exchange.as_str()) {
            return Some(ReportReason::NotTradable);
        }
        let on_grid = |price: i64| price >= 0 && price % listed.tick == 0;
        let (limit, stop) = match wanted.order_type {
            OrderType::Limit => (true, false),
            OrderType::Market => (false, false),
            OrderType::StopLimit => (true, true),
            OrderType::StopMarket => (false, true),
        };
        let malformed = terms.quantity <= 0
            || terms.quantity % listed.lot != 0
            || terms.disclosed < 0
            || terms.disclosed > terms.quantity
            || (limit && (terms.price <= 0 || !on_grid(terms.price)))
            || (stop && (terms.trigger <= 0 || !on_grid(terms.trigger)));
        let worst_needed = !limit && self.settings.market == MarketStyle::LimitAtWorst;
        if malformed {
            Some(ReportReason::Malformed)
        } else if listed.freeze > 0 && terms.quantity > listed.freeze {
            Some(ReportReason::FreezeQuantity)
        } else if worst_needed && (terms.price <= 0 || !on_grid(terms.price)) {
            Some(ReportReason::Unprotected)
        } else if wanted.validity == Validity::Fok
            || (terms.disclosed > 0 && listed.class != InstrumentClass::Equity)
            || (stop && wanted.validity == Validity::Ioc)
        {
            Some(ReportReason::NotAllowed)
        } else {
            None
        }
    }

    fn on_modify(&mut self, event: &Event) {
        let body = event.body::<Modify>();
        let to = Terms {
            quantity: body.quantity.0,
            price: body.price.0,
            trigger: body.trigger.0,
            disclosed: body.disclosed.0,
        };
        let (id, cause) = (body.order.0, event.header.seq);
        let Some(order) = self.orders.get(&id).filter(|order| !order.is_final()) else {
            return self.note(Note::TooLate(body.order));
        };
        let wanted = order.wanted;
        if let Some(reason) = self.objection(&wanted, &to).filter(|_| !self.is_closed_to(&wanted)) {
            return self.refuse_change(id, cause, reason as u8);
        }
        if self.is_closed_to(&wanted) {
            return self.refuse_change(id, cause, REASON_NOT_SENT);
        }
        let max = self.settings.modifies_max;
        let order = self.order_mut(id);
        if matches!(order.stage, Stage::Waiting { .. }) {
            // It was not sent: it is sent with the new terms, once what asked for them is durable too.
            (order.terms, order.cause) = (to, cause);
            order.wanted.cause = cause;
            order.quantities = vec![to.quantity];
            // Not as open: the broker has not got it, and a restart must not think that it had.
            return self.tell(id, Some((STATE_UNKNOWN, ReportReason::Modified as u8)));
        }
        if order.modifies >= max || order.cancel != Cancel::No {
            return self.refuse_change(id, cause, REASON_THROTTLED);
        }
        if to == order.terms && order.change.is_none() && order.is_sure() {
            // Nothing to ask for; and a request whose coming about nobody could see could come about at any time.
            order.cause = order.cause.max(cause);
            let state = order.state().map_or(STATE_UNKNOWN, |(state, _)| state);
            return self.answer_change(id, state, ReportReason::Modified as u8);
        }
        match &mut order.change {
            // The engine asks anew before the answer: only what was not sent can be replaced.
            Some(change) if change.step != ChangeStep::Wanted => {
                self.refuse_change(id, cause, REASON_THROTTLED);
            }
            change => *change = Some(Change { to, cause, step: ChangeStep::Wanted }),
        }
    }

    /// Answers a change that is not made: the order stays as it is.
    pub(super) fn refuse_change(&mut self, id: u64, cause: Seq, reason: u8) {
        let order = self.order_mut(id);
        order.cause = order.cause.max(cause);
        // While the broker has said nothing of it, that comes first; the reason makes it the change's answer all the same.
        let state = order.state().map_or(STATE_UNKNOWN, |(state, _)| state);
        self.answer_change(id, state, reason);
    }

    fn on_cancel(&mut self, order: OrderId) {
        let now = self.now;
        let Some(tracked) = self.orders.get_mut(&order.0).filter(|order| !order.is_final()) else {
            return self.note(Note::TooLate(order));
        };
        if matches!(tracked.stage, Stage::Waiting { .. }) {
            return self.end(order.0, OrderState::Cancelled, ReportReason::Requested as u8);
        }
        if tracked.cancel == Cancel::No {
            tracked.cancel = Cancel::Wanted { not_before: now };
        }
        let dropped = tracked.change.take_if(|change| change.step == ChangeStep::Wanted);
        if let Some(change) = dropped {
            self.refuse_change(order.0, change.cause, ReportReason::Requested as u8);
        }
    }

    /// Takes back what was about to leave and was not fetched: it provably never left.
    pub(super) fn take_back(&mut self) {
        for call in std::mem::take(&mut self.calls) {
            let may_not = |id: &u64, places: bool| {
                let wanted = &self.orders[id].wanted;
                self.is_closed_to(wanted) || places && wanted.intent == Intent::Entry && !self.is_armed()
            };
            let order = match call.kind {
                CallKind::Place(order) => Some(order.0).filter(|id| may_not(id, true)),
                CallKind::Modify(order) => Some(order.0).filter(|id| may_not(id, false)),
                _ => None,
            };
            let Some(id) = order else {
                self.calls.push_back(call);
                continue;
            };
            if let Some(under_way) = self.under_way.remove(&call.id.0) {
                self.governor.answered(under_way.asked, false, self.now);
            }
            if matches!(call.kind, CallKind::Place(_)) {
                self.end(id, OrderState::Rejected, REASON_NOT_SENT);
            } else if let Some(change) = self.order_mut(id).change.take() {
                self.refuse_change(id, change.cause, REASON_NOT_SENT);
            }
        }
    }

    /// Refuses what waits and may not leave any more.
    pub(super) fn refuse_waiting(&mut self) {
        self.take_back();
        for id in self.live.clone() {
            let order = &self.orders[&id];
            if !self.is_closed_to(&order.wanted) {
                continue;
            }
            if matches!(order.stage, Stage::Waiting { .. }) {
                self.end(id, OrderState::Rejected, REASON_NOT_SENT);
            } else if let Some(change) = order.change.filter(|change| change.step == ChangeStep::Wanted) {
                self.order_mut(id).change = None;
                self.refuse_change(id, change.cause, REASON_NOT_SENT);
            }
        }
    }
}
