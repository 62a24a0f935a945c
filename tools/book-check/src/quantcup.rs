//! A stream of limit orders and cancels, as the QuantCup matching contest had it.
//!
//! Rows `trader_id,side,price,qty`, side `Bid` or `Ask`. Price 0 cancels the order `qty`; ids count the limit orders from
//! 1. A cancel of an order that does not rest is ignored. Traders may trade with themselves.
//!
//! Every fill is checked against a ledger of its own: it is at the price of the order that rested and not above its
//! quantity, no order of that side has a better price, and none at that price came before (has a lower id).

use crate::input::{Rows, Source};
use crate::meter::Meter;
use crate::report::Report;
use crate::venue::{ORDERS_MAX, enter, exchange, limit_order};
use anyhow::Context;
use pitlane_engine::book::QUANTITY_MAX;
use pitlane_engine::event::{ReportReason, Side, Validity};
use pitlane_engine::exchange::{Exchange, Record};
use pitlane_engine::units::{InstrumentId, OrderId, Price, Qty};
use pitlane_session::exit::data;
use pitlane_session::progress::Progress;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;

const COLUMNS: &str = "trader_id,side,price,qty";
/// The header of the fills file.
pub const FILLS_HEADER: &str = "msg,taker_id,maker_id,price,qty";
const ONLY: InstrumentId = InstrumentId(0);
/// Ticks of the price ladder; prices are counted in the file's own steps.
const LADDER_TICKS: usize = 1 << 16;
/// Messages that are read before they are measured together.
const BATCH: usize = 1 << 12;
/// Largest price.
const PRICE_END: i64 = 1 << 48;

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Order { side: Side, price: Price, quantity: Qty },
    Cancel(u64),
}

/// A fill of the book.
#[derive(Clone, Copy, Debug)]
struct Fill {
    message: u64,
    taker: OrderId,
    maker: OrderId,
    price: Price,
    quantity: Qty,
}

/// Runs a stream; writes its fills if `fills` says where.
///
/// # Errors
/// If the file cannot be read, a line is wrong, the fills cannot be written, or more orders rest than the book holds.
pub fn score(orders: Source<'_>, mut fills: Option<&mut dyn Write>) -> anyhow::Result<Report> {
    let mut rows = Rows::new(orders, COLUMNS);
    let mut flow = Flow::default();
    let mut exchange = exchange(1, LADDER_TICKS);
    let mut batch = Vec::with_capacity(BATCH);
    let mut progress = Progress::new("messages", 0);
    if let Some(out) = fills.as_deref_mut() {
        writeln!(out, "{FILLS_HEADER}")
            .context("cannot write the fills; check the path and the space there")?;
    }
    let mut has_more = header(&mut rows)?;
    while has_more {
        batch.clear();
        while has_more && batch.len() < BATCH {
            batch.push(message(&rows)?);
            has_more = rows.advance()?;
        }
        flow.run(&mut exchange, &batch);
        if flow.is_full {
            return Err(data(format!("{}: more than {ORDERS_MAX} orders rest at once", rows.name())));
        }
        flow.check(&batch);
        if let Some(out) = fills.as_deref_mut() {
            flow.write(out).context("cannot write the fills; check the path and the space there")?;
        }
        progress.at(flow.messages);
    }
    if flow.messages == 0 {
        return Err(data(format!("{} has no rows; expected `{COLUMNS}`", rows.name())));
    }
    Ok(flow.report())
}

/// Reads the header, if there is one; `true` if a row follows.
fn header(rows: &mut Rows<'_>) -> anyhow::Result<bool> {
    let has_row = rows.advance()?;
    if !has_row || rows.text().starts_with(|first: char| first.is_ascii_digit()) {
        return Ok(has_row);
    }
    if rows.text() != COLUMNS {
        return Err(rows.error(&format!("the columns are `{}`", rows.text())));
    }
    rows.advance()
}

fn message(rows: &Rows<'_>) -> anyhow::Result<Message> {
    let [trader, side, price, quantity] = rows.fields()?;
    rows.integer("trader_id", trader, 0, i64::MAX)?;
    let side = match side {
        "Bid" => Side::Buy,
        "Ask" => Side::Sell,
        _ => return Err(rows.error(&format!("side `{side}` is neither Bid nor Ask"))),
    };
    let price = rows.integer("price", price, 0, PRICE_END)?;
    if price == 0 {
        return Ok(Message::Cancel(rows.integer("id of the order", quantity, 0, i64::MAX)? as u64));
    }
    let quantity = rows.integer("qty", quantity, 1, QUANTITY_MAX.0)?;
    Ok(Message::Order { side, price: Price(price), quantity: Qty(quantity) })
}

#[derive(Default)]
struct Flow {
    messages: u64,
    orders: u64,
    cancels: u64,
    /// Cancels of orders that do not rest.
    late: u64,
    is_full: bool,
    /// Of the batch.
    fills: Vec<Fill>,
    /// Of the batch: messages whose cancel was of an order that rested.
    cancelled: Vec<u64>,
    ledger: Ledger,
    checked: u64,
    price_ok: u64,
    at_best: u64,
    at_front: u64,
    meter: Meter,
}

impl Flow {
    /// Runs a batch through the book.
    fn run(&mut self, exchange: &mut Exchange, batch: &[Message]) {
        let Self { orders, cancels, late, is_full, fills, cancelled, meter, .. } = self;
        fills.clear();
        cancelled.clear();
        let first = self.messages;
        meter.measure(|| {
            for (message, at) in batch.iter().zip(first..) {
                match *message {
                    Message::Order { side, price, quantity } => {
                        *orders += 1;
                        let taker = OrderId(*orders);
                        let terms = limit_order(taker, side, price, quantity, Validity::Day);
                        enter(exchange, ONLY, &terms, &mut |record| match record {
                            Record::Trade { maker, price, quantity, .. } => {
                                fills.push(Fill { message: at, taker, maker, price, quantity });
                            }
                            Record::Rejected { .. } => *is_full = true,
                            _ => {}
                        });
                    }
                    Message::Cancel(id) => {
                        *cancels += 1;
                        // Ids beyond those given so far would be other orders' for the exchange.
                        let is_given = id > 0 && id <= *orders;
                        if is_given && exchange.cancel(OrderId(id), ReportReason::Requested, &mut |_| ()) {
                            cancelled.push(at);
                        } else {
                            *late += 1;
                        }
                    }
                }
            }
            batch.len() as u64
        });
    }

    /// Checks the fills of a batch against the ledger, which follows them.
    fn check(&mut self, batch: &[Message]) {
        let mut fills = self.fills.iter().peekable();
        let mut order =
            self.orders - batch.iter().filter(|m| matches!(m, Message::Order { .. })).count() as u64;
        for (message, at) in batch.iter().zip(self.messages..) {
            match *message {
                Message::Cancel(id) if self.cancelled.binary_search(&at).is_ok() => self.ledger.remove(id),
                Message::Cancel(_) => {}
                Message::Order { side, price, mut quantity } => {
                    order += 1;
                    while let Some(fill) = fills.next_if(|fill| fill.message == at) {
                        self.checked += 1;
                        let best = self.ledger.best(side.opposite());
                        let maker = self.ledger.orders.get(&fill.maker.0);
                        let rested = maker.is_some_and(|maker| {
                            maker.side != side && maker.price == fill.price && maker.open >= fill.quantity
                        });
                        let within =
                            if side == Side::Buy { fill.price <= price } else { fill.price >= price };
                        self.price_ok += u64::from(rested && within && fill.quantity <= quantity);
                        self.at_best += u64::from(best == Some(fill.price));
                        let first = self.ledger.first(side.opposite(), fill.price);
                        self.at_front += u64::from(first == Some(fill.maker.0));
                        self.ledger.take(fill.maker.0, fill.quantity);
                        quantity = Qty(quantity.0 - fill.quantity.0);
                    }
                    if quantity > Qty::ZERO {
                        self.ledger.add(order, Open { side, price, open: quantity });
                    }
                }
            }
        }
        self.messages += batch.len() as u64;
    }

    fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        for Fill { message, taker, maker, price, quantity } in &self.fills {
            writeln!(out, "{message},{},{},{},{}", taker.0, maker.0, price.0, quantity.0)?;
        }
        Ok(())
    }

    fn report(self) -> Report {
        let mut report = Report::new("quantcup");
        report.rows = self.messages;
        report.executions = Some(self.checked);
        report.executions_at_best = Some(self.at_best);
        report.fills = Some(self.checked);
        report.price_ok = Some(self.price_ok);
        report.at_best = Some(self.at_best);
        report.at_front = Some(self.at_front);
        report.ops_per_s = self.meter.per_second();
        report.operations = self.meter.operations();
        let (orders, cancels, late) = (self.orders, self.cancels, self.late);
        report
            .notes
            .push(format!("{orders} orders, {cancels} cancels, {late} of them of orders that do not rest"));
        report.notes.push(format!("{} orders rest at the end", self.ledger.orders.len()));
        report
    }
}

/// An order that rests.
#[derive(Clone, Copy)]
struct Open {
    side: Side,
    price: Price,
    open: Qty,
}

/// Ids at a price.
type Levels = BTreeMap<i64, BTreeSet<u64>>;

/// What rests.
#[derive(Default)]
struct Ledger {
    orders: HashMap<u64, Open>,
    bids: Levels,
    asks: Levels,
}

impl Ledger {
    fn best(&self, side: Side) -> Option<Price> {
        let best = if side == Side::Buy { self.bids.last_key_value() } else { self.asks.first_key_value() };
        best.map(|(&price, _)| Price(price))
    }

    /// The order of a price that came first.
    fn first(&self, side: Side, price: Price) -> Option<u64> {
        let levels = if side == Side::Buy { &self.bids } else { &self.asks };
        levels.get(&price.0)?.first().copied()
    }

    fn side(&mut self, side: Side) -> &mut Levels {
        if side == Side::Buy { &mut self.bids } else { &mut self.asks }
    }

    fn add(&mut self, id: u64, order: Open) {
        self.side(order.side).entry(order.price.0).or_default().insert(id);
        self.orders.insert(id, order);
    }

    fn take(&mut self, id: u64, quantity: Qty) {
        let Some(order) = self.orders.get_mut(&id) else { return };
        order.open = Qty(order.open.0 - quantity.0);
        if order.open <= Qty::ZERO {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: u64) {
        let Some(order) = self.orders.remove(&id) else { return };
        let levels = self.side(order.side);
        if let Some(ids) = levels.get_mut(&order.price.0) {
            ids.remove(&id);
            if ids.is_empty() {
                levels.remove(&order.price.0);
            }
        }
    }
}
