//! Every rule of the exchange as a script: an operation a line, and the records it makes.
//!
//! ```text
//! buy 1 5@100 ioc           id 1, quantity 5, limit 100; `@-` no price; also: fok post mkt stop=T disc=Q acct=A
//! modify 1 5@100 disc=2     cancel 1     last 100     phase call     band 90 110     uncross 100 carry     add buy 5@100
//! ```
//! Records: `T 1<2 5@100 3/0` taker 1 trades 5 with maker 2 at 100, open after it; `R1 5` rests, `W1` waits, `!1`
//! triggered, `M1` modified, `K1 why` kept, `D1 -2 3` decremented, `C1 5 why` cancelled, `X1 why` rejected; `a1` is the
//! first piece of anonymous volume.

mod auctions;
mod entry;
mod icebergs;
mod modify;
mod phases;
mod prevention;
mod state;
mod stops;
mod volume;

use super::*;
use crate::event::ReportReason;
use crate::state::{load, save};

pub(super) const ONLY: InstrumentId = InstrumentId(0);

/// An exchange that is told what to do in words.
pub(super) struct Floor {
    pub(super) exchange: Exchange,
    listing: Listing,
    limits: Limits,
    self_trade: SelfTrade,
    /// Calls that one operation took, at most.
    pub(super) calls: usize,
}

pub(super) const LISTING: Listing = Listing { tick: Price(1), lot: Qty(1), freeze: Qty(0) };

impl Floor {
    pub(super) fn new(listing: Listing, limits: Limits, self_trade: SelfTrade) -> Self {
        let exchange = Exchange::new(&[listing, listing], limits, self_trade);
        Self { exchange, listing, limits, self_trade, calls: 0 }
    }

    /// Does one thing; answers its records.
    pub(super) fn act(&mut self, line: &str) -> String {
        let mut records = Vec::new();
        let mut words = line.split_whitespace();
        let verb = words.next().unwrap();
        let rest: Vec<&str> = words.collect();
        let mut each = |record: Record| records.push(show(&record));
        let exchange = &mut self.exchange;
        let mut progress = match verb {
            "buy" | "sell" => exchange.enter(ONLY, &terms(side(verb), &rest), &mut each),
            "modify" => {
                let terms = terms(Side::Buy, &rest);
                let Terms { id, quantity, price, trigger, disclosed, .. } = terms;
                exchange.modify(id, &Change { quantity, price, trigger, disclosed }, &mut each)
            }
            "cancel" => {
                exchange.cancel(OrderId(number(rest[0]) as u64), ReportReason::Requested, &mut each);
                Progress::Done
            }
            "last" => exchange.traded(ONLY, Price(number(rest[0])), &mut each),
            "phase" => exchange.set_phase(ONLY, MarketPhase::from_name(rest[0]).unwrap(), &mut each),
            "band" => exchange.set_band(ONLY, Price(number(rest[0])), Price(number(rest[1])), &mut each),
            "uncross" => {
                let unmatched = if rest[1] == "carry" { Unmatched::Carry } else { Unmatched::Cancel };
                exchange.uncross(ONLY, Price(number(rest[0])), unmatched, &mut each)
            }
            "all" => exchange.cancel_all(
                ONLY,
                Account(number(rest[0]) as u32),
                ReportReason::SessionEnd,
                &mut each,
            ),
            "add" => {
                let (quantity, price) = lot(rest[1]);
                exchange.add_volume(ONLY, side(rest[0]), price, quantity).unwrap();
                Progress::Done
            }
            "sweep" => {
                let (quantity, price) = lot(rest[1]);
                exchange.sweep_volume(ONLY, side(rest[0]), price, quantity, &mut each)
            }
            _ => panic!("{line}"),
        };
        let mut calls = 1;
        while progress == Progress::More {
            let before = records.len();
            progress = self.exchange.resume(&mut |record| records.push(show(&record)));
            assert!(records.len() - before <= self.limits.records_max, "a call keeps its bound: {line}");
            calls += 1;
            assert!(calls < 10_000, "it gets on: {line}");
        }
        self.calls = self.calls.max(calls);
        self.exchange.validate();
        records.join(", ")
    }

    /// Goes on with what was saved and loaded.
    pub(super) fn reload(&mut self) {
        let mut bytes = Vec::new();
        save(&mut bytes, |io| self.exchange.state(io));
        let mut twin = Exchange::new(&[self.listing, self.listing], self.limits, self.self_trade);
        load(&bytes, |io| twin.state(io)).unwrap();
        let mut again = Vec::new();
        save(&mut again, |io| twin.state(io));
        assert_eq!(again, bytes, "what was loaded saves the same bytes");
        twin.validate();
        self.exchange = twin;
    }

    /// The queue of a side as `id:open/displayed@price`.
    pub(super) fn queue(&self, side: Side) -> String {
        let queue = self.exchange.queue(ONLY, side).map(|order| {
            format!("{}:{}/{}@{}", name(order.id), order.open.0, order.displayed.0, order.price.0)
        });
        queue.collect::<Vec<_>>().join(" ")
    }
}

fn name(id: OrderId) -> String {
    if is_anonymous(id) { format!("a{}", id.0 & !ANONYMOUS) } else { id.0.to_string() }
}

fn side(word: &str) -> Side {
    Side::from_name(word).unwrap()
}

fn number(word: &str) -> i64 {
    word.parse().unwrap()
}

/// `5@100`; `5@-` without a price.
fn lot(word: &str) -> (Qty, Price) {
    let (quantity, price) = word.split_once('@').unwrap();
    (Qty(number(quantity)), Price(if price == "-" { 0 } else { number(price) }))
}

fn terms(side: Side, words: &[&str]) -> Terms {
    let (quantity, price) = lot(words[1]);
    let mut terms = Terms {
        id: OrderId(number(words[0]) as u64),
        account: Account(number(words[0]) as u32),
        side,
        order_type: OrderType::Limit,
        validity: Validity::Day,
        quantity,
        price,
        trigger: Price(0),
        disclosed: Qty(0),
        post_only: false,
    };
    let (mut is_market, mut waits) = (false, false);
    for word in &words[2..] {
        match word.split_once('=') {
            None if *word == "mkt" => is_market = true,
            None if *word == "post" => terms.post_only = true,
            None => terms.validity = Validity::from_name(word).unwrap(),
            Some(("stop", trigger)) => (terms.trigger, waits) = (Price(number(trigger)), true),
            Some(("disc", disclosed)) => terms.disclosed = Qty(number(disclosed)),
            Some(("acct", account)) => terms.account = Account(number(account) as u32),
            _ => panic!("{word}"),
        }
    }
    terms.order_type = match (is_market, waits) {
        (false, false) => OrderType::Limit,
        (true, false) => OrderType::Market,
        (false, true) => OrderType::StopLimit,
        (true, true) => OrderType::StopMarket,
    };
    terms
}

fn show(record: &Record) -> String {
    match *record {
        Record::Trade { taker, maker, price, quantity, taker_open, maker_open, .. } => {
            let (taker, maker) = (name(taker), name(maker));
            format!("T {taker}<{maker} {}@{} {}/{}", quantity.0, price.0, taker_open.0, maker_open.0)
        }
        Record::Rested { id, open } => format!("R{} {}", name(id), open.0),
        Record::Waiting { id } => format!("W{}", name(id)),
        Record::Triggered { id } => format!("!{}", name(id)),
        Record::Modified { id } => format!("M{}", name(id)),
        Record::Kept { id, reason } => format!("K{} {reason}", name(id)),
        Record::Decremented { id, by, open } => format!("D{} -{} {}", name(id), by.0, open.0),
        Record::Cancelled { id, open, reason } => format!("C{} {} {reason}", name(id), open.0),
        Record::Rejected { id, reason } => format!("X{} {reason}", name(id)),
    }
}

/// Runs a script with every kind of bound and ladder, saved and loaded between its lines.
pub(super) fn script_with(listing: Listing, self_trade: SelfTrade, script: &[(&str, &str)]) {
    for records_max in [Limits::RECORDS_LEAST, 5, 1_000] {
        for ladder_ticks in [0, 256] {
            for reload in [false, true] {
                let limits = Limits { orders: 12, anonymous: 6, records_max, ladder_ticks };
                let mut floor = Floor::new(listing, limits, self_trade);
                for (number, (line, expected)) in script.iter().enumerate() {
                    if let Some(queue) = line.strip_prefix("? ") {
                        assert_eq!(floor.queue(side(queue)), *expected, "line {number}: {line}");
                        continue;
                    }
                    assert_eq!(floor.act(line), *expected, "line {number}: {line}, {limits:?}");
                    if reload {
                        floor.reload();
                    }
                }
            }
        }
    }
}

pub(super) fn script(lines: &[(&str, &str)]) {
    script_with(LISTING, SelfTrade::CancelNewest, lines);
}
