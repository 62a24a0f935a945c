//! A broker that is wrong in the ways brokers are. It knows the truth, and what it says of it is another matter.

use crate::fault::Fault;
use crate::rng::Rng;
use crate::world::{Happening, S};
use pitlane_kite_gateway::call::{Answer, Call, CallError, CallKind, Method};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Name, exchange, tick, lot, product.
pub(crate) const LISTED: [(&str, &str, i64, i64, &str); 3] =
    [("AAA", "NSE", 500, 1, "MIS"), ("BBB", "NSE", 1_000, 1, "MIS"), ("CCC26NOVFUT", "NFO", 500, 5, "NRML")];

#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) tag: String,
    pub(crate) at: usize,
    pub(crate) buy: bool,
    kind: String,
    pub(crate) ioc: bool,
    pub(crate) quantity: i64,
    price: i64,
    trigger: i64,
    pub(crate) filled: i64,
    pub(crate) trades: Vec<(i64, i64, String)>,
    pub(crate) status: String,
    pub(crate) step: u32,
    pub(crate) forgotten: bool,
}

impl Order {
    pub(crate) fn ended(&self) -> bool {
        matches!(self.status.as_str(), "COMPLETE" | "CANCELLED" | "REJECTED")
    }

    pub(crate) fn remaining(&self) -> i64 {
        if self.ended() { 0 } else { self.quantity - self.filled }
    }

    /// Value of the first `filled` units, if some of its trades are just so many.
    pub(crate) fn value_of(&self, filled: i64) -> Option<i64> {
        let (mut units, mut value) = (0, 0);
        for (quantity, price, _) in &self.trades {
            if units == filled {
                break;
            }
            (units, value) = (units + quantity, value + quantity * price);
        }
        (units == filled).then_some(value)
    }
}

#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) orders: Vec<Order>,
    pub(crate) positions: [i64; 3],
    pub(crate) token_dead: bool,
    /// Faults happen.
    pub(crate) rough: bool,
    places: u32,
    next: u64,
}

fn error(status: u16, kind: &str, message: &str) -> Result<Answer, CallError> {
    let body = format!(r#"{{"status":"error","message":"{message}","error_type":"{kind}","data":null}}"#);
    Ok(Answer { status, body: body.into_bytes() })
}

fn done(data: &str) -> Result<Answer, CallError> {
    Ok(Answer { status: 200, body: format!(r#"{{"status":"success","data":{data}}}"#).into_bytes() })
}

fn money(scaled: i64) -> String {
    // As a float would print it: without zeros at the end.
    let text = format!("{}.{:04}", scaled / 10_000, scaled % 10_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Broker {
    pub(crate) fn new(places: u32) -> Self {
        Self { orders: Vec::new(), positions: [0; 3], token_dead: false, rough: true, places, next: 1 }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        1_914_227_164_488_687_000 + self.next
    }

    /// A request arrives. What comes of it, and when.
    #[allow(clippy::too_many_lines, reason = "one list of everything that can go wrong")]
    pub(crate) fn take(
        &mut self,
        call: &Call,
        now: u64,
        rng: &mut Rng,
        seen: &mut dyn FnMut(Fault),
    ) -> Vec<(u64, Happening)> {
        let lag = rng.below(S / 5) + S / 100;
        let answer = |result, at| (at, Happening::Answer(call.id, result));
        if self.token_dead {
            return vec![answer(
                error(403, "TokenException", "Incorrect api_key or access_token."),
                now + lag,
            )];
        }
        let fault = if self.rough { Fault::of_call(call.kind, rng) } else { None };
        if let Some(fault) = fault {
            seen(fault);
        }
        let late = now + 7 * S;
        let lost = Err(CallError::MayHaveLeft("no answer in time"));
        match fault {
            Some(Fault::NeverLeft) => {
                return vec![answer(Err(CallError::NeverLeft("connection refused")), now + lag)];
            }
            Some(Fault::Dropped) => {
                return vec![answer(Err(CallError::MayHaveLeft("the connection broke")), now + lag)];
            }
            Some(Fault::TooMany) => {
                return vec![answer(error(429, "NetworkException", "Too many requests"), now + lag)];
            }
            Some(Fault::Unavailable) => {
                return vec![answer(error(503, "NetworkException", "OMS is down"), now + lag)];
            }
            Some(Fault::Html) => {
                let body = b"<html><body>502 Bad Gateway</body></html>".to_vec();
                let status = if rng.chance(50) { 502 } else { 200 };
                return vec![answer(Ok(Answer { status, body }), now + lag)];
            }
            Some(Fault::Margin) => {
                return vec![answer(error(400, "MarginException", "Insufficient funds"), now + lag)];
            }
            _ => {}
        }
        let act_at = match fault {
            Some(Fault::AcceptLate | Fault::TimedOut400) => now + S + rng.below(8 * S),
            Some(Fault::AcceptVeryLate) => now + 40 * S,
            _ => now + lag / 2,
        };
        let mut result = match call.kind {
            CallKind::Place(_) | CallKind::Modify(_) | CallKind::Cancel(_) | CallKind::CancelStray => None,
            _ => Some(self.list(call)),
        };
        if fault == Some(Fault::NoAnswer) {
            // Whoever carried it has died, before or after it left.
            let left = result.is_none() && rng.chance(50);
            return if left { vec![(act_at, Happening::Act(call.clone()))] } else { Vec::new() };
        }
        if fault == Some(Fault::Truncated)
            && let Some(Ok(answer)) = &mut result
        {
            answer.body.truncate(answer.body.len() / 2);
        }
        let mut what = Vec::new();
        if result.is_none() {
            what.push((act_at, Happening::Act(call.clone())));
        }
        match (fault, result) {
            (Some(Fault::LoseAnswer | Fault::AcceptLate | Fault::AcceptVeryLate), _) => {
                what.push(answer(lost, late))
            }
            (Some(Fault::TimedOut400), _) => {
                what.push(answer(error(400, "InputException", "Request timed out"), now + lag));
            }
            (Some(Fault::Accepted5xx), _) => {
                what.push(answer(error(500, "GeneralException", "x"), now + lag))
            }
            (Some(Fault::CutAnswer), _) => {
                what.push(answer(Ok(Answer { status: 200, body: b"{\"status\":\"succ".to_vec() }), now + lag))
            }
            (fault, Some(result)) => {
                // Lists show the state at this moment; on a slow way they arrive stale.
                let slow = if self.rough && rng.chance(8) { rng.below(5 * S) } else { 0 };
                if fault == Some(Fault::AnswerTwice) {
                    what.push(answer(result.clone(), now + lag + slow + S / 10));
                }
                what.push(answer(result, now + lag + slow));
            }
            (fault, None) => {
                let slow = match fault {
                    Some(Fault::PostbackFirst) => S + rng.below(3 * S),
                    _ => lag,
                };
                what.push((now + slow, Happening::AnswerAct(call.clone())));
                if fault == Some(Fault::AnswerTwice) {
                    what.push((now + slow + rng.below(2 * S), Happening::AnswerAct(call.clone())));
                }
            }
        }
        what
    }

    /// What an order call says when all is well: by the state of things after it was acted on.
    pub(crate) fn answer(&self, call: &Call) -> Result<Answer, CallError> {
        let id = match call.kind {
            CallKind::Place(_) => {
                let tag = form(call, "tag");
                match self.orders.iter().find(|order| order.tag == tag) {
                    Some(order) => order.id.clone(),
                    None => return error(500, "GeneralException", "something broke"),
                }
            }
            _ => call.path.rsplit('/').next().unwrap().to_owned(),
        };
        let live = self.orders.iter().any(|order| order.id == id && !order.forgotten && !order.ended());
        if !live && !matches!(call.kind, CallKind::Place(_)) {
            return error(400, "InputException", "Order cannot be changed: it is being processed");
        }
        done(&format!(r#"{{"order_id":"{id}"}}"#))
    }

    /// Acts on an order call. Returns the orders concerned.
    pub(crate) fn act(&mut self, call: &Call, rng: &mut Rng) -> Option<usize> {
        if matches!(call.kind, CallKind::Place(_)) {
            return Some(self.place(call));
        }
        let id = call.path.rsplit('/').next().unwrap();
        let at = self.orders.iter().position(|order| order.id == id && !order.forgotten && !order.ended())?;
        let order = &mut self.orders[at];
        if call.method == Method::Delete {
            order.status = "CANCEL PENDING".into();
        } else if matches!(order.status.as_str(), "OPEN" | "TRIGGER PENDING") && rng.chance(85) {
            let quantity: i64 = form(call, "quantity").parse().unwrap();
            if quantity > order.filled {
                order.quantity = quantity;
                order.price = scaled(form(call, "price"));
                order.trigger = scaled(form(call, "trigger_price"));
            }
        }
        Some(at)
    }

    fn place(&mut self, call: &Call) -> usize {
        let at = LISTED.iter().position(|row| row.0 == form(call, "tradingsymbol")).unwrap();
        assert_eq!(form(call, "exchange"), LISTED[at].1);
        assert_eq!(form(call, "product"), LISTED[at].4);
        let kind = form(call, "order_type").to_owned();
        if kind == "MARKET" || kind == "SL-M" {
            assert_eq!(form(call, "market_protection"), "-1", "unprotected orders are refused since 2026");
        }
        let order = Order {
            id: self.number().to_string(),
            tag: form(call, "tag").to_owned(),
            at,
            buy: form(call, "transaction_type") == "BUY",
            ioc: form(call, "validity") == "IOC",
            quantity: form(call, "quantity").parse().unwrap(),
            price: scaled(form(call, "price")),
            trigger: scaled(form(call, "trigger_price")),
            kind,
            filled: 0,
            trades: Vec::new(),
            status: "PUT ORDER REQ RECEIVED".into(),
            step: 0,
            forgotten: false,
        };
        assert!(!order.tag.is_empty() && order.tag.len() <= 20);
        self.orders.push(order);
        self.orders.len() - 1
    }

    /// Somebody trades by hand.
    pub(crate) fn foreign(&mut self, rng: &mut Rng) {
        let at = rng.below(3) as usize;
        let id = self.number().to_string();
        let (tick, lot) = (LISTED[at].2, LISTED[at].3);
        self.positions[at] += 3 * lot;
        self.orders.push(Order {
            id,
            tag: "byhand".into(),
            at,
            buy: true,
            kind: "LIMIT".into(),
            ioc: false,
            quantity: 3 * lot,
            price: 1_000 * tick,
            trigger: 0,
            filled: 3 * lot,
            trades: vec![(3 * lot, 1_000 * tick, "by-hand".into())],
            status: "COMPLETE".into(),
            step: 9,
            forgotten: false,
        });
    }

    /// The exchange does its next thing with an order. True if something happened that the ticker tells.
    pub(crate) fn live(&mut self, at: usize, rng: &mut Rng, seen: &mut dyn FnMut(Fault)) -> bool {
        let rough = self.rough;
        let order = &mut self.orders[at];
        if order.ended() {
            return false;
        }
        if order.status == "CANCEL PENDING" {
            // The race: what is filled on the way to the cancel counts.
            if rough && order.step >= 3 && rng.chance(40) {
                seen(Fault::CancelRace);
                let all = rng.chance(30);
                self.fill(at, all, rng);
            }
            let order = &mut self.orders[at];
            if !order.ended() {
                order.status = "CANCELLED".into();
            }
            return true;
        }
        order.step += 1;
        match order.step {
            1 => order.status = "VALIDATION PENDING".into(),
            2 if rough && rng.chance(8) => {
                seen(Fault::UnknownStatus);
                order.status = "UNDER REVIEW".into();
            }
            2 => order.status = "OPEN PENDING".into(),
            3 if rough && rng.chance(6) => {
                seen(Fault::Rejected);
                order.status = "REJECTED".into();
                return true;
            }
            3 => {
                let waits = order.trigger > 0;
                order.status = if waits { "TRIGGER PENDING".into() } else { "OPEN".into() };
            }
            _ => {
                if rough && rng.chance(45) || order.ioc {
                    let all = rng.chance(40);
                    order.status = "OPEN".into();
                    if !order.ioc || rng.chance(70) {
                        self.fill(at, all, rng);
                    }
                    let order = &mut self.orders[at];
                    if order.ioc && !order.ended() {
                        order.status = "CANCELLED".into();
                    }
                    return true;
                }
            }
        }
        false
    }

    fn fill(&mut self, at: usize, all: bool, rng: &mut Rng) {
        let trade = format!("{}", 70_000_000 + self.number() % 1_000_000_000);
        let order = &mut self.orders[at];
        let (tick, lot) = (LISTED[order.at].2, LISTED[order.at].3);
        let lots = (order.quantity - order.filled) / lot;
        let quantity = if all { lots } else { 1 + rng.below(lots as u64) as i64 } * lot;
        let better = rng.below(12) as i64 * tick;
        let anchor = if order.price > 0 { order.price } else { 1_000 * tick };
        let price = if order.buy { anchor - better } else { anchor + better };
        order.trades.push((quantity, price, trade));
        order.filled += quantity;
        if order.filled == order.quantity {
            order.status = "COMPLETE".into();
        }
        self.positions[order.at] += if order.buy { quantity } else { -quantity };
    }

    /// Everything is forgotten but what the exchange holds; what worked is dead.
    pub(crate) fn forget(&mut self) {
        for order in &mut self.orders {
            if !order.ended() {
                order.status = "CANCELLED".into();
            }
            order.forgotten = true;
        }
    }

    pub(crate) fn row(&self, order: &Order) -> String {
        let value: i64 = order.trades.iter().map(|(quantity, price, _)| quantity * price).sum();
        let average = if order.filled == 0 {
            "0".to_owned()
        } else {
            let scale = 10i128.pow(self.places);
            let units = i128::from(order.filled) * 10_000;
            let rounded = (i128::from(value) * scale + units / 2) / units;
            let text =
                format!("{}.{:0width$}", rounded / scale, rounded % scale, width = self.places as usize);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        let (symbol, exchange, _, _, product) = LISTED[order.at];
        format!(
            r#"{{"placed_by":"X","order_id":"{}","exchange_order_id":null,"status":"{}","status_message":null,
            "exchange":"{exchange}","tradingsymbol":"{symbol}","instrument_token":1,"order_type":"{}",
            "transaction_type":"{}","validity":"DAY","product":"{product}","variety":"regular","quantity":{},
            "price":{},"trigger_price":{},"average_price":{average},"filled_quantity":{},"pending_quantity":1,
            "cancelled_quantity":1,"meta":{{}},"tag":"{}","tags":["{}","mktp"],"guid":"X"}}"#,
            order.id,
            order.status,
            order.kind,
            if order.buy { "BUY" } else { "SELL" },
            order.quantity,
            money(order.price),
            money(order.trigger),
            order.filled,
            order.tag,
            order.tag,
        )
    }

    fn list(&self, call: &Call) -> Result<Answer, CallError> {
        let known = || self.orders.iter().filter(|order| !order.forgotten);
        let of_path = |order: &&Order| call.path.contains(&order.id);
        match call.kind {
            CallKind::Orders => {
                let rows: Vec<String> = known().map(|order| self.row(order)).collect();
                done(&format!("[{}]", rows.join(",")))
            }
            CallKind::History(_) => {
                let rows: Vec<String> = known().filter(of_path).map(|order| self.row(order)).collect();
                if rows.is_empty() {
                    error(404, "DataException", "no such order")
                } else {
                    done(&format!("[{}]", rows.join(",")))
                }
            }
            CallKind::Trades => done(&format!("[{}]", Self::trades(known()))),
            CallKind::OrderTrades(_) => done(&format!("[{}]", Self::trades(known().filter(of_path)))),
            _ => {
                let mut rows = String::new();
                for (at, (symbol, exchange, _, _, product)) in LISTED.iter().enumerate() {
                    let comma = if at > 0 { "," } else { "" };
                    let quantity = self.positions[at];
                    write!(rows, r#"{comma}{{"tradingsymbol":"{symbol}","exchange":"{exchange}","product":"{product}","quantity":{quantity}}}"#).unwrap();
                }
                done(&format!(r#"{{"net":[{rows}],"day":[]}}"#))
            }
        }
    }

    fn trades<'a>(orders: impl Iterator<Item = &'a Order>) -> String {
        let mut rows = Vec::new();
        for order in orders {
            for (quantity, price, trade) in &order.trades {
                rows.push(format!(
                    r#"{{"trade_id":"{trade}","order_id":"{}","quantity":{quantity},"average_price":{}}}"#,
                    order.id,
                    money(*price)
                ));
            }
        }
        rows.join(",")
    }

    /// Orders by tag, to see that no intent has two.
    pub(crate) fn per_tag(&self) -> BTreeMap<&str, usize> {
        let mut count = BTreeMap::new();
        for order in &self.orders {
            *count.entry(order.tag.as_str()).or_default() += 1;
        }
        count
    }
}

pub(crate) fn form<'a>(call: &'a Call, name: &str) -> &'a str {
    call.form.iter().find(|(field, _)| *field == name).map_or("", |(_, value)| value)
}

fn scaled(text: &str) -> i64 {
    pitlane_kite_gateway::decimal::Decimal::parse(text).and_then(|number| number.scaled()).unwrap_or(0)
}
