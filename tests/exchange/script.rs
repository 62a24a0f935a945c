//! The language of the tables: lines that begin with `>` ask, the lines after them say what must come of it.
//!
//! ```text
//! > buy 1 10@100              limit order 1; every order has an account of its own
//! > sell 2 10@any             market order; `any:95` gives its worst price
//! > buy 3 10@100 ioc|fok|post|show=5|trigger=99|account=7|on=1
//! > modify 1 10@100 [show=5] [trigger=99]
//! > cancel 1 | cancel_all 7 | last 100 | phase call|continuous|halted|closed | band 90 110
//! > uncross 100 carry|cancel | would 100      (the auction, and what it would do)
//! > volume buy 10@100 | take buy 5@100 front|back | ahead 1 5 | behind 1 5 | sweep buy 10@100 | clear
//! > book
//! ```
//! A trade is written `taker x maker quantity@price open/open`; ids of anonymous volume are `m1`, `m2` and so on.

use crate::venue::{Answer, Op, Seen, Setup, Venue};
use pitlane_engine::event::{MarketPhase, OrderType, SelfTrade, Side, Validity};
use pitlane_engine::exchange::{Account, Change, End, Limits, Listing, Record, Terms, Unmatched};
use pitlane_engine::units::{InstrumentId, OrderId, Price, Qty};
use std::fmt::Write;

const ANONYMOUS: u64 = pitlane_tests::naive::ANONYMOUS;

/// Runs a script; answers what came of it in the same form, so that script and answer are equal if all is well.
pub(crate) fn played<V: Venue>(script: &str, records_max: usize, ladder_ticks: usize) -> String {
    let lines = || script.lines().map(str::trim).filter(|line| !line.is_empty());
    let settings = lines().next().filter(|line| line.starts_with('#')).unwrap_or_default();
    let mut venue = V::new(&setup(settings, records_max, ladder_ticks));
    let mut out = String::new();
    for line in lines().filter(|line| line.starts_with(['#', '>'])) {
        writeln!(out, "{line}").unwrap();
        match line.strip_prefix('>') {
            Some(request) => ask(&mut venue, request.trim(), &mut out),
            None => continue,
        }
    }
    out
}

/// A script without what does not count: indentation and empty lines.
pub(crate) fn tidy(script: &str) -> String {
    script.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}

fn setup(settings: &str, records_max: usize, ladder_ticks: usize) -> Setup {
    let mut listing = Listing { tick: Price(1), lot: Qty(1), freeze: Qty::ZERO };
    let mut limits = Limits { orders: 100, anonymous: 100, records_max, ladder_ticks };
    let mut self_trade = SelfTrade::CancelNewest;
    for (key, value) in settings.split_whitespace().filter_map(|word| word.split_once('=')) {
        match key {
            "tick" => listing.tick = Price(number(value)),
            "lot" => listing.lot = Qty(number(value)),
            "freeze" => listing.freeze = Qty(number(value)),
            "orders" => limits.orders = number(value) as usize,
            "anonymous" => limits.anonymous = number(value) as usize,
            "self_trade" => self_trade = SelfTrade::ALL.iter().copied().find(|s| s.name() == value).unwrap(),
            _ => panic!("no setting is called {key}"),
        }
    }
    Setup { listings: vec![listing; 2], limits, self_trade }
}

fn number(text: &str) -> i64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

fn id(text: &str) -> OrderId {
    match text.strip_prefix('m') {
        Some(text) => OrderId(ANONYMOUS | number(text) as u64),
        None => OrderId(number(text) as u64),
    }
}

fn side(text: &str) -> Side {
    match text {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        _ => panic!("{text} is no side"),
    }
}

/// `10@100`, `10@any` or `10@any:95`: quantity, price, and whether it is a market order.
fn at(text: &str) -> (Qty, Price, bool) {
    let (quantity, price) = text.split_once('@').unwrap_or_else(|| panic!("{text} has no price"));
    let (price, is_market) = match price.strip_prefix("any") {
        Some(worst) => (worst.trim_start_matches(':'), true),
        None => (price, false),
    };
    (Qty(number(quantity)), Price(if price.is_empty() { 0 } else { number(price) }), is_market)
}

fn order(words: &[&str]) -> Op {
    let (quantity, price, is_market) = at(words[2]);
    let id = id(words[1]);
    let mut terms = Terms {
        id,
        account: Account(1_000 + id.0 as u32),
        side: side(words[0]),
        order_type: if is_market { OrderType::Market } else { OrderType::Limit },
        validity: Validity::Day,
        quantity,
        price,
        trigger: Price::ZERO,
        disclosed: Qty::ZERO,
        post_only: false,
    };
    let mut instrument = InstrumentId(0);
    for word in &words[3..] {
        match word.split_once('=') {
            Some(("show", value)) => terms.disclosed = Qty(number(value)),
            Some(("account", value)) => terms.account = Account(number(value) as u32),
            Some(("on", value)) => instrument = InstrumentId(number(value) as u32),
            Some(("trigger", value)) => {
                terms.trigger = Price(number(value));
                terms.order_type = if is_market { OrderType::StopMarket } else { OrderType::StopLimit };
            }
            None if *word == "ioc" => terms.validity = Validity::Ioc,
            None if *word == "fok" => terms.validity = Validity::Fok,
            None if *word == "post" => terms.post_only = true,
            _ => panic!("{word} says nothing about an order"),
        }
    }
    Op::Enter(instrument, terms)
}

fn modify(words: &[&str]) -> Op {
    let (quantity, price, _) = at(words[2]);
    let mut change = Change { quantity, price, trigger: Price::ZERO, disclosed: Qty::ZERO };
    for word in &words[3..] {
        match word.split_once('=') {
            Some(("show", value)) => change.disclosed = Qty(number(value)),
            Some(("trigger", value)) => change.trigger = Price(number(value)),
            _ => panic!("{word} says nothing about a change"),
        }
    }
    Op::Modify(id(words[1]), change)
}

fn ask(venue: &mut impl Venue, request: &str, out: &mut String) {
    let words: Vec<&str> = request.split_whitespace().collect();
    let only = InstrumentId(0);
    let price = |place: usize| Price(number(words[place]));
    let op = match words[0] {
        "buy" | "sell" => order(&words),
        "modify" => modify(&words),
        "cancel" => Op::Cancel(id(words[1])),
        "cancel_all" => Op::CancelAll(only, Account(number(words[1]) as u32)),
        "last" => Op::Traded(only, price(1)),
        "phase" => Op::Phase(only, MarketPhase::ALL.iter().copied().find(|p| p.name() == words[1]).unwrap()),
        "band" => Op::Band(only, price(1), price(2)),
        "uncross" if words[2] == "carry" => Op::Uncross(only, price(1), Unmatched::Carry),
        "uncross" => Op::Uncross(only, price(1), Unmatched::Cancel),
        "volume" | "take" | "sweep" => {
            let (quantity, price, _) = at(words[2]);
            match words[0] {
                "volume" => Op::AddVolume(only, side(words[1]), price, quantity),
                "sweep" => Op::Sweep(only, side(words[1]), price, quantity),
                _ if words[3] == "front" => Op::TakeVolume(only, side(words[1]), price, quantity, End::Front),
                _ => Op::TakeVolume(only, side(words[1]), price, quantity, End::Back),
            }
        }
        "ahead" => Op::TakeAhead(id(words[1]), Qty(number(words[2]))),
        "behind" => Op::TakeBehind(id(words[1]), Qty(number(words[2]))),
        "clear" => Op::ClearVolume(only),
        "would" => return would(venue, price(1), out),
        "around" => {
            let [ahead, behind, all] = venue.volumes(id(words[1]));
            return writeln!(out, "{} before, {} behind, {} in all", ahead.0, behind.0, all.0).unwrap();
        }
        "book" => return book(&venue.seen(only), out),
        other => panic!("{other} is no request"),
    };
    let mut records = Vec::new();
    let answer = venue.apply(op, &mut records);
    records.iter().for_each(|record| write_record(record, out));
    match answer {
        Answer::Nothing | Answer::Found(true) => {}
        Answer::Found(false) => writeln!(out, "unknown").unwrap(),
        Answer::Taken(quantity) => writeln!(out, "took {}", quantity.0).unwrap(),
        Answer::Refused(reason) => writeln!(out, "refused {}", reason.name()).unwrap(),
    }
}

fn name(id: OrderId) -> String {
    if id.0 & ANONYMOUS == 0 { id.0.to_string() } else { format!("m{}", id.0 & !ANONYMOUS) }
}

fn write_record(record: &Record, out: &mut String) {
    let line = match *record {
        Record::Trade { taker, maker, price, quantity, taker_open, maker_open, .. } => {
            let (taker, maker) = (name(taker), name(maker));
            format!("{taker} x {maker} {}@{} {}/{}", quantity.0, price.0, taker_open.0, maker_open.0)
        }
        Record::Rested { id, open } => format!("rests {} {}", name(id), open.0),
        Record::Waiting { id } => format!("waits {}", name(id)),
        Record::Triggered { id } => format!("wakes {}", name(id)),
        Record::Modified { id } => format!("modified {}", name(id)),
        Record::Kept { id, reason } => format!("kept {} {}", name(id), reason.name()),
        Record::Decremented { id, by, open } => format!("less {} {} {}", name(id), by.0, open.0),
        Record::Cancelled { id, open, reason } => {
            format!("cancelled {} {} {}", name(id), open.0, reason.name())
        }
        Record::Rejected { id, reason } => format!("rejected {} {}", name(id), reason.name()),
    };
    writeln!(out, "{line}").unwrap();
}

fn would(venue: &impl Venue, reference: Price, out: &mut String) {
    match venue.indicative(InstrumentId(0), reference) {
        Some(found) => {
            writeln!(out, "{}@{} over {}", found.quantity.0, found.price.0, found.imbalance.0).unwrap()
        }
        None => writeln!(out, "nothing").unwrap(),
    }
}

/// Every order: id, what is open, how much of it is displayed if not all, and the price; a waiting one with its trigger.
fn book(seen: &Seen, out: &mut String) {
    for (orders, name_of) in seen.orders.iter().zip(["buys", "sells", "waiting buys", "waiting sells"]) {
        if orders.is_empty() {
            continue;
        }
        write!(out, "{name_of}:").unwrap();
        for order in orders {
            write!(out, " {} {}", name(order.id), order.open.0).unwrap();
            if order.displayed != order.open && order.trigger.is_zero() {
                write!(out, "({})", order.displayed.0).unwrap();
            }
            write!(out, "@{}", order.price.0).unwrap();
            if !order.trigger.is_zero() {
                write!(out, "^{}", order.trigger.0).unwrap();
            }
        }
        writeln!(out).unwrap();
    }
    if seen.orders.iter().all(Vec::is_empty) {
        writeln!(out, "empty").unwrap();
    }
}
