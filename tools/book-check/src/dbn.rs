//! Order-by-order records of an exchange, in Databento's binary encoding.
//!
//! A trade comes as T (who came), F (who rested and is filled; the book is as before), then C or M, which say what the
//! fill left. Flag 128 ends an event, 32 marks a snapshot, whose orders come in the order of their queues. M with another
//! price, or with more than the event's fills left, goes to the back; with less it keeps its place, which is what the
//! exchange's own modification does.
//!
//! Fills are scored if the resting side is opposite to the side that came: continuous trading. The order is at the front
//! if nothing is before it at its price, or only orders that the same event cancels without a fill (self-match
//! prevention). A fill at the front of the best price is made by the matcher, any other is taken off the order by hand.
//! Icebergs whose next clip the file does not show as a modification are why real days do not score all.
//!
//! Before the open the book is crossed: the exchange collects orders as for a call auction until it is not.

mod read;

use crate::input::Source;
use crate::meter::Meter;
use crate::report::Report;
use crate::venue::{ORDERS_MAX, enter, exchange, finish, limit_order, reduce};
use pitlane_engine::event::{MarketPhase, ReportReason, Side, Validity};
use pitlane_engine::exchange::{Account, Change, Exchange, Record as Happened};
use pitlane_engine::units::{InstrumentId, OrderId, Price, Qty};
use pitlane_session::exit::data;
use pitlane_session::progress::Progress;
use read::Records;
pub use read::{Action, Record};

/// Instruments of one file.
const INSTRUMENTS_MAX: usize = 64;
/// Records of one event that are remembered.
const EVENT_MAX: usize = 1 << 16;
const PROGRESS_STEP: u64 = 1 << 14;

/// Scores a file.
///
/// # Errors
/// If it cannot be read, holds no order-by-order records, or more instruments or orders than there is room for.
pub fn score(file: Source<'_>) -> anyhow::Result<Report> {
    let mut records = Records::open(file)?;
    let mut flow = Flow {
        exchange: exchange(INSTRUMENTS_MAX, 0),
        instruments: Vec::new(),
        score: Score::default(),
        meter: Meter::default(),
    };
    let mut progress = Progress::new("records", 0);
    while let Some(record) = records.next()? {
        flow.apply(&record).map_err(|what| records.error(&what))?;
        flow.score.records += 1;
        if flow.score.records.is_multiple_of(PROGRESS_STEP) {
            progress.at(flow.score.records);
        }
    }
    if flow.score.records == 0 {
        return Err(data(format!("{} has no order-by-order records", records.name())));
    }
    for event in flow.instruments.iter().map(|(_, event)| event) {
        flow.score.settle(event);
    }
    Ok(flow.report(records.others()))
}

struct Flow {
    exchange: Exchange,
    /// Instruments of the file and what their event has so far; their places are the exchange's ids.
    instruments: Vec<(u32, Event)>,
    score: Score,
    meter: Meter,
}

/// What an event has had so far.
#[derive(Default)]
struct Event {
    /// Side of the order that came.
    aggressor: Option<Side>,
    /// Orders with fills.
    filled: Vec<OrderId>,
    /// Orders cancelled without fills.
    cancelled: Vec<OrderId>,
    /// Orders that fills found before theirs; one list for each such fill.
    skipped: Vec<Vec<OrderId>>,
}

#[derive(Clone, Copy, Default)]
struct Score {
    records: u64,
    fills: u64,
    price_ok: u64,
    at_best: u64,
    at_front: u64,
    /// Fills by an event that cancels orders before them.
    self_match: u64,
    /// Fills outside continuous trading.
    auction: u64,
    /// Records of orders that are not in the book.
    unknown: u64,
    /// New orders under an id that is in the book.
    duplicate: u64,
    /// Fills of more than the order displays.
    beyond: u64,
}

impl Score {
    /// The end of an event: orders before a fill's that it cancelled do not count.
    fn settle(&mut self, event: &Event) {
        for skipped in &event.skipped {
            if skipped.iter().all(|id| event.cancelled.contains(id)) {
                self.at_front += 1;
                self.self_match += 1;
            }
        }
    }
}

impl Flow {
    fn apply(&mut self, record: &Record) -> Result<(), String> {
        let at = self.instrument(record.instrument)?;
        let instrument = InstrumentId(at as u32);
        match record.action {
            Action::Add => self.add(instrument, record)?,
            Action::Modify => self.modify(instrument, at, record)?,
            Action::Cancel => self.cancel(at, record),
            Action::Trade => self.instruments[at].1.aggressor = record.side,
            Action::Fill => self.fill(instrument, at, record)?,
            Action::Clear => {
                let exchange = &mut self.exchange;
                self.meter.measure(|| {
                    let all = Account::MARKET;
                    let progress = exchange.cancel_all(instrument, all, ReportReason::Requested, &mut |_| ());
                    finish(exchange, progress, &mut |_| ());
                    1
                });
            }
            Action::Nothing => {}
        }
        if record.is_last {
            let event = &mut self.instruments[at].1;
            self.score.settle(event);
            event.aggressor = None;
            event.filled.clear();
            event.cancelled.clear();
            event.skipped.clear();
            self.open(instrument);
        }
        Ok(())
    }

    fn instrument(&mut self, id: u32) -> Result<usize, String> {
        if let Some(at) = self.instruments.iter().position(|(known, _)| *known == id) {
            return Ok(at);
        }
        if self.instruments.len() == INSTRUMENTS_MAX {
            return Err(format!("more than {INSTRUMENTS_MAX} instruments; split the file by instrument"));
        }
        self.instruments.push((id, Event::default()));
        Ok(self.instruments.len() - 1)
    }

    fn add(&mut self, instrument: InstrumentId, record: &Record) -> Result<(), String> {
        let side = record.side.ok_or("a new order without a side")?;
        if self.exchange.holds(record.id) {
            self.score.duplicate += 1;
            return Ok(());
        }
        if record.quantity.is_zero() || record.id.is_zero() {
            return Err("a new order without quantity or id".to_owned());
        }
        self.collect_if_crossing(instrument, side, record.price);
        let terms = limit_order(record.id, side, record.price, record.quantity, Validity::Day);
        let mut refused = None;
        let exchange = &mut self.exchange;
        self.meter.measure(|| {
            enter(exchange, instrument, &terms, &mut |happened| {
                if let Happened::Rejected { reason, .. } = happened {
                    refused = Some(reason);
                }
            });
            1
        });
        match refused {
            None => Ok(()),
            Some(ReportReason::VenueFull) => Err(format!("more than {ORDERS_MAX} orders rest at once")),
            Some(reason) => Err(format!("the book refuses the order ({})", reason.name())),
        }
    }

    fn modify(&mut self, instrument: InstrumentId, at: usize, record: &Record) -> Result<(), String> {
        let Some(held) = self.exchange.get(record.id) else {
            // Fills took all that was displayed, and this is the next clip; else the order was never seen.
            if !self.instruments[at].1.filled.contains(&record.id) {
                self.score.unknown += 1;
            }
            return self.add(instrument, record);
        };
        if record.quantity.is_zero() {
            self.cancel(at, record);
            return Ok(());
        }
        if record.price != held.price {
            self.collect_if_crossing(instrument, held.side, record.price);
        }
        let change = Change {
            quantity: Qty(held.filled.0 + record.quantity.0),
            price: record.price,
            trigger: Price::ZERO,
            disclosed: Qty::ZERO,
        };
        let exchange = &mut self.exchange;
        let mut refused = None;
        self.meter.measure(|| {
            let mut each = |happened| {
                if let Happened::Kept { reason, .. } = happened {
                    refused = Some(reason);
                }
            };
            let progress = exchange.modify(record.id, &change, &mut each);
            finish(exchange, progress, &mut each);
            1
        });
        refused.map_or(Ok(()), |reason| Err(format!("the book refuses the change ({})", reason.name())))
    }

    fn cancel(&mut self, at: usize, record: &Record) {
        let event = &mut self.instruments[at].1;
        let was_filled = event.filled.contains(&record.id);
        let quantity = if record.quantity.is_zero() { Qty(i64::MAX) } else { record.quantity };
        let exchange = &mut self.exchange;
        let mut was_held = false;
        self.meter.measure(|| {
            was_held = reduce(exchange, record.id, quantity);
            1
        });
        if !was_held && !was_filled {
            self.score.unknown += 1;
        }
        if was_held && !was_filled && event.cancelled.len() < EVENT_MAX && !self.exchange.holds(record.id) {
            event.cancelled.push(record.id);
        }
    }

    fn fill(&mut self, instrument: InstrumentId, at: usize, record: &Record) -> Result<(), String> {
        let &Record { id, side, price, quantity, .. } = record;
        let held = self.exchange.get(id);
        let Some(side) = side.or(held.map(|held| held.side)) else {
            self.score.unknown += 1;
            return Ok(());
        };
        let event = &mut self.instruments[at].1;
        if event.filled.len() + event.skipped.len() >= EVENT_MAX {
            return Err(format!("more than {EVENT_MAX} fills in an event"));
        }
        event.filled.push(id);
        let held = held.filter(|held| held.side == side);
        if held.is_none() {
            self.score.unknown += 1;
        }
        let is_best = self.exchange.best(instrument, side).is_some_and(|best| best.price == price);
        let is_right = held.is_some_and(|held| held.price == price);
        let open = held.map_or(Qty::ZERO, |held| held.open);
        self.score.beyond += u64::from(held.is_some() && quantity > open);
        let before = self.exchange.queue(instrument, side).filter(|order| order.price == price);
        let before: Vec<OrderId> = before.map(|order| order.id).take_while(|&first| first != id).collect();
        let is_first = is_right && before.is_empty();
        if event.aggressor != Some(side.opposite()) {
            self.score.auction += 1;
        } else {
            self.score.fills += 1;
            self.score.price_ok += u64::from(is_right);
            self.score.at_best += u64::from(is_best);
            self.score.at_front += u64::from(is_first);
            if is_right && !is_first {
                event.skipped.push(before);
            }
        }
        let traded = quantity.min(open);
        if traded.is_zero() {
            return Ok(());
        }
        let matches = is_first && is_best && self.exchange.phase(instrument) == MarketPhase::Continuous;
        let exchange = &mut self.exchange;
        let mut makers = 0;
        self.meter.measure(|| {
            if matches {
                let mut each = |happened| {
                    if let Happened::Trade { maker, price: at, quantity, .. } = happened {
                        assert!(
                            (maker, at, quantity) == (id, price, traded),
                            "the first order of a price trades first"
                        );
                        makers += 1;
                    }
                };
                let progress = exchange.sweep_volume(instrument, side.opposite(), price, traded, &mut each);
                finish(exchange, progress, &mut each);
            } else {
                reduce(exchange, id, traded);
            }
            1
        });
        assert!(!matches || makers == 1, "an order in the book trades when it is met");
        Ok(())
    }

    /// Begins to collect orders if one would trade that did not.
    fn collect_if_crossing(&mut self, instrument: InstrumentId, side: Side, price: Price) {
        let crosses = self.exchange.best(instrument, side.opposite()).is_some_and(|facing| {
            if side == Side::Buy { price >= facing.price } else { price <= facing.price }
        });
        if crosses && self.exchange.phase(instrument) != MarketPhase::Call {
            self.begin(instrument, MarketPhase::Call);
        }
    }

    /// Begins continuous trading if nothing crosses any more.
    fn open(&mut self, instrument: InstrumentId) {
        if self.exchange.phase(instrument) != MarketPhase::Call {
            return;
        }
        let best = |side| self.exchange.best(instrument, side).map(|level| level.price);
        let crosses = best(Side::Buy).zip(best(Side::Sell)).is_some_and(|(bid, ask)| bid >= ask);
        if !crosses {
            self.begin(instrument, MarketPhase::Continuous);
        }
    }

    fn begin(&mut self, instrument: InstrumentId, phase: MarketPhase) {
        let progress = self.exchange.set_phase(instrument, phase, &mut |_| ());
        finish(&mut self.exchange, progress, &mut |_| ());
    }

    fn report(self, others: u64) -> Report {
        let Self { score, meter, exchange, instruments } = self;
        let mut report = Report::new("dbn");
        report.rows = score.records;
        report.fills = Some(score.fills);
        report.price_ok = Some(score.price_ok);
        report.at_best = Some(score.at_best);
        report.at_front = Some(score.at_front);
        report.ops_per_s = meter.per_second();
        report.operations = meter.operations();
        let (instruments, orders) = (instruments.len(), exchange.len());
        report.notes.push(format!("{instruments} instruments, {orders} orders rest at the end"));
        let mut note = |count: u64, what: &str| {
            if count > 0 {
                report.notes.push(format!("{count} {what}"));
            }
        };
        note(score.self_match, "fills behind orders that self-match prevention cancelled");
        note(score.auction, "fills outside continuous trading, not scored");
        note(score.unknown, "records of orders that are not in the book");
        note(score.duplicate, "new orders under an id that is in the book, left out");
        note(score.beyond, "fills of more than the order displays");
        note(others, "records of other kinds, passed over");
        report
    }
}
