//! The checker's own account: positions from reports, orders under way, equity at marks. It shares no code with risk.

use pitlane_engine::config::{
    Broker, ChargesConfig, InstrumentClass, InstrumentSpec, PipelineConfig, Product, SessionPlan,
};
use pitlane_engine::event::{Intent, Modify, Order, OrderState, Report, ReportReason, Side};
use pitlane_engine::units::{IST_OFFSET_NS, InstrumentId, NS_PER_S, TsNs};
use std::collections::HashMap;

/// An order that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) instrument: usize,
    pub(crate) order: Order,
    /// Its limit; while a change is under way the dearer of both.
    pub(crate) price: i64,
    /// A change under way: the step in which it was asked for, from, to.
    pub(crate) asked: Option<(u64, i64, i64)>,
    pub(crate) filled: i64,
    pub(crate) value: i64,
    pub(crate) number: u32,
    pub(crate) done: bool,
    pub(crate) cancelling: bool,
    /// What the venue said it filled.
    pub(crate) venue_filled: i64,
    pub(crate) venue_value: i128,
}

impl Sent {
    pub(crate) fn side(&self) -> Side {
        Side::from_u8(self.order.side).expect("logs hold known codes")
    }

    pub(crate) fn is_entry(&self) -> bool {
        self.order.intent == Intent::Entry as u8
    }
}

/// What an order costs of which `value` was filled, by the printed list of the sessions' year, all in percents of turnover:
/// brokerage, tax, the National Stock Exchange, the regulator, stamp duty, and 18 % of first, third and fourth.
fn charges(class: InstrumentClass, config: &ChargesConfig, side: Side, value: i128) -> i128 {
    if config.broker == Broker::None || value == 0 {
        return 0;
    }
    // In 1/100,000 %, of which a value has ten million.
    const WHOLE: i128 = 10_000_000;
    let twenty = 200_000 * WHOLE;
    let buying = side == Side::Buy;
    let delivery = config.product == Product::Delivery;
    let (brokerage, tax, exchange, stamp) = match class {
        InstrumentClass::Index => return 0,
        InstrumentClass::Equity if delivery => (0, 10_000, 307, 1_500),
        InstrumentClass::Equity => ((value * 3_000).min(twenty), if buying { 0 } else { 2_500 }, 307, 300),
        InstrumentClass::Future => ((value * 3_000).min(twenty), if buying { 0 } else { 5_000 }, 183, 200),
        InstrumentClass::Option => (twenty, if buying { 0 } else { 15_000 }, 3_553, 300),
    };
    let stamp = if buying { stamp } else { 0 };
    let taxed = brokerage + value * exchange + value * 10;
    let rounded = |parts: i128, whole: i128| (2 * parts + whole) / (2 * whole);
    let parts = [brokerage, value * tax, value * exchange, value * 10, value * stamp];
    parts.into_iter().map(|part| rounded(part, WHOLE)).sum::<i128>() + rounded(taxed * 18, 100 * WHOLE)
}

/// One instrument.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub(crate) spec: InstrumentSpec,
    /// Continuous trading, the end of entries, the square-off.
    pub(crate) open: u64,
    pub(crate) close: u64,
    pub(crate) entries_end: u64,
    pub(crate) square_off: u64,
    /// Last believed price, 0 before the first.
    pub(crate) mark: i64,
    pub(crate) held: i64,
    cash: i128,
    pub(crate) entry: Option<u64>,
    pub(crate) exit: Option<u64>,
    /// Strategy whose terms hold while it is not flat.
    pub(crate) owner: u16,
    /// What was entered since it was flat: quantity, value, time of the first fill.
    pub(crate) entered: (i64, i128, u64),
    /// A stop, a target or a holding time closes it.
    pub(crate) closing: bool,
    pub(crate) closed_by: [bool; 3],
    pub(crate) barred: bool,
    pub(crate) trades: u32,
    /// Entries follow signals of later steps than this.
    pub(crate) floor: u64,
}

impl Book {
    /// Hours as the configuration's comments define them, not as risk computes them.
    fn new(config: &PipelineConfig, plan: &SessionPlan, n: usize) -> Self {
        let risk = &config.risk;
        let (open, close) = plan.hours_of(InstrumentId(n as u32));
        let midnight = (open.0 + IST_OFFSET_NS) / (86_400 * NS_PER_S) * 86_400 * NS_PER_S - IST_OFFSET_NS;
        let earliest = |configured: u32, margin: u32, otherwise: u64| {
            let mut at = u64::MAX;
            if configured > 0 {
                at = midnight + u64::from(configured) * NS_PER_S;
            }
            at = at.min(if margin > 0 { close.0 - u64::from(margin) * NS_PER_S } else { otherwise });
            at.max(open.0)
        };
        let square_off = earliest(risk.square_off_s, risk.square_off_margin_s, close.0);
        Self {
            spec: config.instruments[n].clone(),
            open: open.0,
            close: close.0,
            entries_end: earliest(risk.no_new_entry_s, risk.no_new_entry_margin_s, square_off),
            square_off,
            mark: 0,
            held: 0,
            cash: 0,
            entry: None,
            exit: None,
            owner: u16::MAX,
            entered: (0, 0, 0),
            closing: false,
            closed_by: [false; 3],
            barred: false,
            trades: 0,
            floor: 0,
        }
    }

    pub(crate) fn trades_at(&self, ts: u64) -> bool {
        self.open <= ts && ts < self.close
    }

    pub(crate) fn value(&self, price: i64, quantity: i64) -> i128 {
        i128::from(price) * i128::from(quantity) * i128::from(self.spec.multiplier)
    }

    /// Net profit at the mark: what was charged went out as cash.
    pub(crate) fn profit(&self) -> i128 {
        self.cash + self.value(self.mark, self.held)
    }

    pub(crate) fn is_derivative(&self) -> bool {
        matches!(self.spec.class, InstrumentClass::Future | InstrumentClass::Option)
    }

    pub(crate) fn occupied(&self) -> bool {
        self.held != 0 || self.entry.is_some()
    }

    /// Which of stop loss, take profit and holding time say that the position has to go.
    pub(crate) fn due(&self, config: &PipelineConfig, ts: u64) -> [bool; 3] {
        let terms = match config.strategies.get(usize::from(self.owner)) {
            Some(terms) if self.held != 0 && self.entered.0 > 0 => terms,
            _ => return [false; 3],
        };
        let (quantity, value, since) = self.entered;
        let gain = i128::from(self.held.signum()) * (self.value(self.mark, quantity) - value);
        let reached =
            |gain: i128, bps: i64| bps > 0 && self.mark > 0 && gain * 10_000 >= value * i128::from(bps);
        let held = terms.holding_ns > 0 && ts >= since + terms.holding_ns;
        [reached(-gain, terms.stop_loss_bps), reached(gain, terms.take_profit_bps), held]
    }
}

/// The account.
pub(crate) struct Account {
    pub(crate) books: Vec<Book>,
    pub(crate) orders: HashMap<u64, Sent>,
    pub(crate) capital: i128,
    charges: ChargesConfig,
}

impl Account {
    pub(crate) fn new(config: &PipelineConfig, plan: &SessionPlan) -> Self {
        let books = (0..config.instruments.len()).map(|n| Book::new(config, plan, n)).collect();
        let (capital, charges) = (i128::from(config.risk.capital.0), config.charges);
        Self { books, orders: HashMap::new(), capital, charges }
    }

    pub(crate) fn profit(&self) -> i128 {
        self.books.iter().map(Book::profit).sum()
    }

    pub(crate) fn occupied(&self) -> usize {
        self.books.iter().filter(|book| book.occupied()).count()
    }

    /// Notes an order.
    pub(crate) fn sent(&mut self, instrument: usize, order: &Order) {
        let sent = Sent {
            instrument,
            order: *order,
            price: order.price.0,
            asked: None,
            filled: 0,
            value: 0,
            number: 0,
            done: false,
            cancelling: false,
            venue_filled: 0,
            venue_value: 0,
        };
        let book = &mut self.books[instrument];
        if sent.is_entry() {
            if !book.occupied() {
                book.owner = order.strategy.0;
            }
            book.entry = Some(order.id.0);
            book.trades += 1;
        } else {
            book.exit = Some(order.id.0);
        }
        self.orders.insert(order.id.0, sent);
    }

    /// Notes a change that was asked for in step `seq`.
    pub(crate) fn asked(&mut self, seq: u64, modify: &Modify) {
        if let Some(sent) = self.orders.get_mut(&modify.order.0) {
            sent.asked = Some((seq, sent.price, modify.price.0));
            sent.price = sent.price.max(modify.price.0);
        }
    }

    /// Books a report that came back. `None` if it is of no order, else whether it said anything new.
    pub(crate) fn report(&mut self, ts: TsNs, report: &Report) -> Option<bool> {
        let sent = self.orders.get_mut(&report.order.0)?;
        if report.number <= sent.number || sent.done {
            return Some(false);
        }
        let state = OrderState::from_u8(report.state).expect("logs hold known codes");
        let (quantity, value) = (report.filled.0 - sent.filled, report.filled_value.0 - sent.value);
        let before = sent.value;
        (sent.filled, sent.value, sent.number) = (report.filled.0, report.filled_value.0, report.number);
        sent.done = state.is_final();
        if let Some((_, from, to)) = sent.asked.filter(|asked| report.cause.0 >= asked.0) {
            sent.asked = None;
            if report.reason == ReportReason::Modified as u8 {
                sent.price = to;
            } else if !sent.done && report.reason != ReportReason::None as u8 {
                sent.price = from;
            }
        }
        let (entry, side, done) = (sent.is_entry(), sent.side(), sent.done);
        let sign = side.sign();
        let book = &mut self.books[sent.instrument];
        let charged = |value: i64| charges(book.spec.class, &self.charges, side, i128::from(value));
        book.cash -= charged(report.filled_value.0) - charged(before);
        book.held += sign * quantity;
        book.cash -= i128::from(sign) * i128::from(value);
        if done {
            *(if entry { &mut book.entry } else { &mut book.exit }) = None;
        }
        if entry && quantity > 0 {
            // What is left of earlier entries was entered at their average.
            let left = book.held.abs() - quantity;
            let (before, paid, since) = book.entered;
            let (before, paid) = match before {
                _ if before > left => (left, paid * i128::from(left) / i128::from(before)),
                _ => (before, paid),
            };
            let since = if book.entered.0 == 0 { ts.0 } else { since };
            book.entered = (before + quantity, paid + i128::from(value), since);
        }
        if book.held == 0 {
            book.entered = (0, 0, 0);
            if book.entry.is_none() {
                (book.closing, book.closed_by) = (false, [false; 3]);
            }
        }
        Some(true)
    }

    /// Margin blocked, value of equities, value of derivatives: all positions and what entries under way may add, the
    /// order `without` left out.
    pub(crate) fn gross(&self, config: &PipelineConfig, without: u64) -> [i128; 3] {
        let mut gross = [0; 3];
        for book in &self.books {
            self.add_gross(&mut gross, config, book, (book.held, book.mark));
            if let Some(sent) = book.entry.filter(|&id| id != without).and_then(|id| self.orders.get(&id)) {
                let left = (sent.order.quantity.0 - sent.filled) * sent.side().sign();
                self.add_gross(&mut gross, config, book, (left, sent.price.max(book.mark)));
            }
        }
        gross
    }

    /// Adds `quantity` units, signed, at `price`.
    pub(crate) fn add_gross(
        &self,
        gross: &mut [i128; 3],
        config: &PipelineConfig,
        book: &Book,
        (quantity, price): (i64, i64),
    ) {
        let value = book.value(price, quantity.abs());
        let bps = match book.spec.class {
            InstrumentClass::Future => config.risk.margin_future_bps,
            InstrumentClass::Option if quantity > 0 => 10_000,
            // Nobody knows what it blocks: no limit has room for it.
            InstrumentClass::Option => i64::MAX,
            InstrumentClass::Equity | InstrumentClass::Index => config.risk.margin_equity_bps,
        };
        gross[0] += value.saturating_mul(i128::from(bps)) / 10_000;
        gross[if book.is_derivative() { 2 } else { 1 }] += value;
    }
}
