//! What leaves next: cancels before exits before entries, each within the limits of calls, and the questions that the
//! state of things asks for.

use super::order::{Cancel, ChangeStep, REASON_THROTTLED, Stage, Standing, Tracked};
use super::{Gateway, UnderWay};
use crate::call::{Call, CallId, CallKind, Method};
use crate::governor::Urgency;
use crate::instruments::Listed;
use crate::settings::MarketStyle;
use pitlane_engine::event::{Intent, OrderState, OrderType, Side, Validity};
use pitlane_engine::units::{NS_PER_S, OrderId, decimal};

/// A cancel that was answered and did not end its order is sent again after so long, then after twice as long ...
const CANCEL_AGAIN: u64 = 2 * NS_PER_S;
/// ... and so on up to this: orders that an exchange does not let go must not use up the calls of those that it does.
const CANCEL_AGAIN_MAX: u64 = 60 * NS_PER_S;

/// How long after its answer a cancel is repeated that was answered so many times.
pub(super) fn cancel_again(answered: u32) -> u64 {
    (CANCEL_AGAIN << answered.saturating_sub(1).min(8)).min(CANCEL_AGAIN_MAX)
}
/// Orders of which each is asked for by itself; more are asked for by one list.
const ONE_BY_ONE: usize = 2;

/// What an order has to send.
enum Due {
    Cancel,
    Place,
    Modify,
}

impl Gateway {
    /// Lets leave what may. Called after everything that could make room or need.
    pub(super) fn pump(&mut self) {
        self.throttle();
        if self.token_dead {
            return;
        }
        self.pump_strays();
        for urgency in [Urgency::Cancel, Urgency::Flatten, Urgency::Exit, Urgency::Entry] {
            if !self.pump_orders(urgency) {
                break;
            }
        }
        self.pump_questions();
    }

    /// Refuses entries that waited too long.
    fn throttle(&mut self) {
        let (now, wait) = (self.now, self.settings.entry_wait);
        let is_late = |order: &Tracked| {
            let since = match order.stage {
                Stage::Waiting { since } => since,
                _ => return false,
            };
            order.wanted.intent == Intent::Entry && now - since >= wait
        };
        let late: Vec<u64> = self.live.iter().copied().filter(|id| is_late(&self.orders[id])).collect();
        for id in late {
            self.end(id, OrderState::Rejected, REASON_THROTTLED);
        }
    }

    fn order_calls(&self) -> usize {
        self.under_way.values().filter(|call| call.kind.is_order_call()).count()
    }

    fn has_room(&self, urgency: Urgency) -> bool {
        // Of the hands too: entries that hang leave two to the rest, exits one to cancels and flattening orders.
        let kept = match urgency {
            Urgency::Entry => 2,
            Urgency::Exit => 1,
            Urgency::Cancel | Urgency::Flatten => 0,
        };
        self.order_calls() + kept < self.settings.order_calls_max
    }

    /// Sends all that is due of one urgency; false if something is due and found no room.
    fn pump_orders(&mut self, urgency: Urgency) -> bool {
        for id in self.live.clone() {
            let Some(due) = self.due(&self.orders[&id], urgency) else { continue };
            if !self.has_room(urgency) || !self.governor.take(urgency, self.now) {
                return false;
            }
            match due {
                Due::Cancel => self.send_cancel(id),
                Due::Place => self.send_place(id),
                Due::Modify => self.send_modify(id),
            }
        }
        true
    }

    fn due(&self, order: &Tracked, urgency: Urgency) -> Option<Due> {
        if urgency == Urgency::Cancel {
            let wanted = matches!(order.cancel, Cancel::Wanted { not_before } if self.now >= not_before);
            let sendable = order.broker_id.is_some() && !order.standing.is_end();
            return (wanted && sendable).then_some(Due::Cancel);
        }
        let wanted = &order.wanted;
        let of_intent = match wanted.intent {
            Intent::Entry => Urgency::Entry,
            Intent::Flatten => Urgency::Flatten,
            _ => Urgency::Exit,
        };
        if urgency != of_intent || self.durable < wanted.cause {
            return None;
        }
        if matches!(order.stage, Stage::Waiting { .. }) {
            let open = match of_intent {
                Urgency::Entry => self.is_armed(),
                // Exits wait for the first comparison: before it nobody knows whether there is anything to exit.
                Urgency::Exit => {
                    self.reconciliation.has_agreed_in(wanted.instrument) && self.may_exit(wanted)
                }
                // An operator's wish or risk's last resort: it waits for nothing.
                Urgency::Flatten | Urgency::Cancel => true,
            };
            return open.then_some(Due::Place);
        }
        let change = order.change.filter(|change| {
            change.step == ChangeStep::Wanted && self.durable >= change.cause && !self.is_closed_to(wanted)
        });
        let takes = matches!(order.standing, Standing::Open | Standing::Trigger)
            && order.broker_id.is_some()
            && order.cancel == Cancel::No;
        (change.is_some() && takes).then_some(Due::Modify)
    }

    fn send(
        &mut self,
        kind: CallKind,
        method: Method,
        path: String,
        form: Vec<(&'static str, String)>,
        cycle: bool,
    ) -> CallId {
        let id = CallId(self.next_call);
        self.next_call += 1;
        self.under_way
            .insert(id.0, UnderWay { id: id.0, kind, asked: self.now, cycle, session: self.session });
        match kind.order() {
            Some(order) if kind.is_order_call() => self.touch(order.0),
            None if kind.is_order_call() => self.changed = self.now,
            _ => {}
        }
        let opens = match kind {
            CallKind::Place(order) | CallKind::Modify(order) => {
                self.orders[&order.0].wanted.intent != Intent::Flatten
            }
            _ => false,
        };
        self.calls.push_back(Call { id, kind, method, path, form, ends_with_latch: opens });
        id
    }

    fn send_place(&mut self, id: u64) {
        let order = &self.orders[&id];
        let listed = self.instruments.get(order.wanted.instrument).expect("looked at when it came");
        let form = place_form(order, listed, self.settings.market, self.settings.algo_id.as_deref());
        let kind = CallKind::Place(OrderId(id));
        self.send(kind, Method::Post, "/orders/regular".into(), form, false);
        self.order_mut(id).stage = Stage::Placing;
    }

    fn send_modify(&mut self, id: u64) {
        let (market, call, sent) = (self.settings.market, self.next_call, self.now);
        let order = self.order_mut(id);
        let broker_id = order.broker_id.clone().expect("only known orders are changed");
        let change = order.change.as_mut().expect("looked at just now");
        change.step = ChangeStep::InFlight { call, sent };
        let to = change.to;
        order.modifies += 1;
        if !order.quantities.contains(&to.quantity) {
            order.quantities.push(to.quantity);
        }
        let mut form = vec![("quantity", to.quantity.to_string())];
        priced(&mut form, order, &to, market);
        form.push(("validity", validity(order.wanted.validity).into()));
        if to.disclosed > 0 {
            form.push(("disclosed_quantity", to.disclosed.to_string()));
        }
        let path = format!("/orders/regular/{broker_id}");
        self.send(CallKind::Modify(OrderId(id)), Method::Put, path, form, false);
    }

    fn send_cancel(&mut self, id: u64) {
        let order = self.order_mut(id);
        order.cancel = Cancel::InFlight;
        let path =
            format!("/orders/regular/{}", order.broker_id.as_ref().expect("only known orders are cancelled"));
        self.send(CallKind::Cancel(OrderId(id)), Method::Delete, path, Vec::new(), false);
    }

    fn pump_strays(&mut self) {
        let now = self.now;
        let due = |stray: &super::Stray| {
            !stray.ended && matches!(stray.cancel, Cancel::Wanted { not_before } if now >= not_before)
        };
        let ids: Vec<String> =
            self.strays.iter().filter(|(_, stray)| due(stray)).map(|(id, _)| id.clone()).collect();
        for broker_id in ids {
            if !self.has_room(Urgency::Cancel) || !self.governor.take(Urgency::Cancel, now) {
                return;
            }
            let stray = self.strays.get_mut(&broker_id).expect("strays are kept");
            stray.cancel = Cancel::InFlight;
            let path = format!("/orders/{}/{broker_id}", stray.variety);
            let call = self.send(CallKind::CancelStray, Method::Delete, path, Vec::new(), false);
            self.stray_calls.insert(call.0, broker_id);
        }
    }

    /// Cancels that were answered and did not end their order are wanted again.
    pub(super) fn look_again(&mut self) {
        let now = self.now;
        for id in self.live.clone() {
            let order = self.order_mut(id);
            if let Cancel::Asked { at } = order.cancel {
                let still_works = order.row_asked > at && !order.standing.is_end();
                if still_works && now >= at + cancel_again(order.cancels) {
                    order.cancel = Cancel::Wanted { not_before: now };
                }
            }
        }
        self.reconciliation_due();
    }

    fn has_question(&self, kind: CallKind) -> bool {
        self.under_way.values().any(|call| call.kind == kind && !call.cycle)
    }

    /// Asks, if there is room for one more question.
    pub(super) fn ask(&mut self, kind: CallKind, path: String, cycle: bool) -> bool {
        let asking = self.under_way.values().filter(|call| !call.kind.is_order_call()).count();
        if asking >= self.settings.queries_max || !self.governor.take_query(self.now) {
            return false;
        }
        if kind == CallKind::Orders {
            self.listed = self.now;
        }
        self.send(kind, Method::Get, path, Vec::new(), cycle);
        true
    }

    fn pump_questions(&mut self) {
        self.pump_reconciliation();
        let now = self.now;
        let due = |at: Option<u64>| at.is_some_and(|at| now >= at);
        let searched = |order: &Tracked| matches!(order.stage, Stage::Unknown { .. });
        let looked_at = |order: &Tracked| matches!(order.stage, Stage::Known { .. }) && due(order.look_at);
        let count =
            |is: &dyn Fn(&Tracked) -> bool| self.live.iter().filter(|id| is(&self.orders[*id])).count();
        let look: Vec<u64> = self.live.iter().copied().filter(|id| looked_at(&self.orders[id])).collect();
        let price: Vec<u64> = self.live.iter().copied().filter(|id| due(self.orders[id].trades_at)).collect();
        let list = count(&searched) > 0 || look.len() > ONE_BY_ONE;
        if list && !self.has_question(CallKind::Orders) && now >= self.listed + self.settings.look_again {
            self.ask(CallKind::Orders, "/orders".into(), false);
        }
        if look.len() <= ONE_BY_ONE {
            for id in look {
                let kind = CallKind::History(OrderId(id));
                let broker_id = self.orders[&id].broker_id.clone().expect("known orders have one");
                if !self.has_question(kind) {
                    self.ask(kind, format!("/orders/{broker_id}"), false);
                }
            }
        }
        if price.len() > ONE_BY_ONE {
            if !self.has_question(CallKind::Trades) {
                self.ask(CallKind::Trades, "/trades".into(), false);
            }
            return;
        }
        for id in price {
            let kind = CallKind::OrderTrades(OrderId(id));
            let Some(broker_id) = self.orders[&id].broker_id.clone() else { continue };
            if !self.has_question(kind) {
                self.ask(kind, format!("/orders/{broker_id}/trades"), false);
            }
        }
    }
}

fn validity(validity: Validity) -> &'static str {
    match validity {
        Validity::Ioc => "IOC",
        // Fill-or-kill is refused before it comes here.
        Validity::Day | Validity::Fok => "DAY",
    }
}

/// Order type, price, trigger and protection.
fn priced(
    form: &mut Vec<(&'static str, String)>,
    order: &Tracked,
    terms: &super::Terms,
    market: MarketStyle,
) {
    let (kind, limit, stop) = match (order.wanted.order_type, market) {
        (OrderType::Limit, _) | (OrderType::Market, MarketStyle::LimitAtWorst) => ("LIMIT", true, false),
        (OrderType::Market, MarketStyle::Protected(_)) => ("MARKET", false, false),
        (OrderType::StopLimit, _) | (OrderType::StopMarket, MarketStyle::LimitAtWorst) => ("SL", true, true),
        (OrderType::StopMarket, MarketStyle::Protected(_)) => ("SL-M", false, true),
    };
    form.push(("order_type", kind.into()));
    if limit {
        form.push(("price", decimal(terms.price)));
    } else if let MarketStyle::Protected(hundredths) = market {
        let automatic = "-1".to_owned();
        let percent = || format!("{}.{:02}", hundredths / 100, hundredths % 100);
        form.push(("market_protection", if hundredths == 0 { automatic } else { percent() }));
    }
    if stop {
        form.push(("trigger_price", decimal(terms.trigger)));
    }
}

fn place_form(
    order: &Tracked,
    listed: &Listed,
    market: MarketStyle,
    algo_id: Option<&str>,
) -> Vec<(&'static str, String)> {
    let side = if order.wanted.side == Side::Buy { "BUY" } else { "SELL" };
    let mut form = vec![
        ("exchange", listed.exchange.clone()),
        ("tradingsymbol", listed.symbol.clone()),
        ("transaction_type", side.into()),
        ("quantity", order.terms.quantity.to_string()),
        ("product", listed.product.name().into()),
        ("validity", validity(order.wanted.validity).into()),
        ("tag", order.tag.clone()),
    ];
    priced(&mut form, order, &order.terms, market);
    if order.terms.disclosed > 0 {
        form.push(("disclosed_quantity", order.terms.disclosed.to_string()));
    }
    if let Some(algo_id) = algo_id {
        form.push(("algo_id", algo_id.into()));
    }
    form
}
