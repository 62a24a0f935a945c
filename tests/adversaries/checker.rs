//! Reads what left a pipeline, inputs and outputs in order, and holds it to risk's promises.

use crate::account::{Account, Book};
use crate::scenario::Scenario;
use pitlane_engine::config::{Conflict, PipelineConfig};
use pitlane_engine::event::{
    Action, Alarm, AlarmCode, Cancel, Command, CommandCode, Decision, Event, FLAG_ENDO, Fill, Full, Intent,
    Kind, Ltp, Modify, Order, OrderState, Quote, Report, ReportReason, Side, Signal, Validity, Verdict,
};
use pitlane_engine::units::NS_PER_S;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A promise that was broken, and how.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    /// A short name of the promise.
    pub(crate) promise: &'static str,
    /// The step.
    pub(crate) seq: u64,
    /// What was seen.
    pub(crate) text: String,
}

/// What a stream did, so that a test knows that it was about something, and the most of everything that is limited.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) entries: u64,
    pub(crate) modifies: u64,
    pub(crate) cancels: u64,
    pub(crate) signals: u64,
    pub(crate) intents: BTreeMap<u8, u64>,
    pub(crate) rules: BTreeMap<u8, u64>,
    pub(crate) decisions: BTreeMap<u8, u64>,
    pub(crate) alarms: BTreeMap<u8, u64>,
    pub(crate) report_reasons: BTreeMap<u8, u64>,
    /// Positions left open at the end.
    pub(crate) left: u64,
    /// Closing exits that a used-up second or a full table delayed.
    pub(crate) delayed: u64,
    /// Most of everything: see the names where it is noted.
    pub(crate) most: BTreeMap<&'static str, i128>,
}

impl Tally {
    fn note(&mut self, what: &'static str, value: i128) {
        let most = self.most.entry(what).or_insert(i128::MIN);
        *most = (*most).max(value);
    }

    /// Adds another stream's figures.
    pub(crate) fn add(&mut self, other: &Self) {
        self.entries += other.entries;
        self.modifies += other.modifies;
        self.cancels += other.cancels;
        self.signals += other.signals;
        self.left += other.left;
        self.delayed += other.delayed;
        let pairs = [
            (&mut self.intents, &other.intents),
            (&mut self.rules, &other.rules),
            (&mut self.decisions, &other.decisions),
            (&mut self.alarms, &other.alarms),
            (&mut self.report_reasons, &other.report_reasons),
        ];
        for (mine, theirs) in pairs {
            theirs.iter().for_each(|(code, count)| *mine.entry(*code).or_default() += count);
        }
    }
}

/// Checks the streams of a run of `scenario`; `config` are the limits it is held to.
pub(crate) fn check(
    scenario: &Scenario,
    config: &PipelineConfig,
    inputs: &[Event],
    outputs: &[Event],
) -> (Vec<Violation>, Tally) {
    let mut checker = Checker::new(scenario, config);
    let mut next = 0;
    for input in inputs {
        let end = next + outputs[next..].iter().take_while(|e| e.header.seq == input.header.seq).count();
        checker.step(input, &outputs[next..end]);
        next = end;
    }
    if next != outputs.len() {
        checker.broken("order", || format!("{} outputs belong to no input in order", outputs.len() - next));
    }
    checker.finish();
    (checker.violations, checker.tally)
}

struct Checker<'a> {
    config: &'a PipelineConfig,
    account: Account,
    violations: Vec<Violation>,
    tally: Tally,
    signals: HashMap<u64, (usize, u16, u8, u64)>,
    seq: u64,
    ts: u64,
    active: bool,
    killed: bool,
    flatten: bool,
    halted: bool,
    reduce_only: bool,
    stopped: bool,
    /// The last timer of the session.
    timer: u64,
    peak: i128,
    second: (u64, u32),
    entries: u32,
    orders_in_step: u64,
    verdict: Option<(usize, Verdict)>,
    /// In this step: desks that must be on their way out at its end, and those whose exit was refused.
    must_exit: BTreeSet<usize>,
    refused: BTreeSet<usize>,
    latched: bool,
    must_halt: bool,
    saw_halt: bool,
    not_flat: BTreeSet<usize>,
}

impl<'a> Checker<'a> {
    fn new(scenario: &Scenario, config: &'a PipelineConfig) -> Self {
        Self {
            config,
            account: Account::new(config, &scenario.plan),
            violations: Vec::new(),
            tally: Tally::default(),
            signals: HashMap::new(),
            seq: 0,
            ts: 0,
            active: false,
            killed: false,
            flatten: false,
            halted: false,
            reduce_only: false,
            stopped: false,
            timer: 0,
            peak: 0,
            second: (0, 0),
            entries: 0,
            orders_in_step: 0,
            verdict: None,
            must_exit: BTreeSet::new(),
            refused: BTreeSet::new(),
            latched: false,
            must_halt: false,
            saw_halt: false,
            not_flat: BTreeSet::new(),
        }
    }

    fn broken(&mut self, promise: &'static str, text: impl FnOnce() -> String) {
        if self.violations.len() < 50 {
            self.violations.push(Violation { promise, seq: self.seq, text: text() });
        }
    }

    fn hold(&mut self, kept: bool, promise: &'static str, text: impl FnOnce() -> String) {
        if !kept {
            self.broken(promise, text);
        }
    }

    /// `value` against a limit of which zero means none.
    fn within(&mut self, what: &'static str, value: i128, limit: i128) {
        self.tally.note(what, value);
        self.hold(limit == 0 || value <= limit, what, || format!("{value} is more than {limit}"));
    }

    fn book(&self, at: usize) -> &Book {
        &self.account.books[at]
    }

    fn share(&self, bps: i64) -> i128 {
        self.account.capital * i128::from(bps) / 10_000
    }

    /// The loss limits: the day's, the drawdown's, an instrument's; none is `i128::MAX`.
    fn loss_limits(&self) -> [i128; 3] {
        let risk = &self.config.risk;
        let off = |bps: i64| if bps == 0 { i128::MAX } else { self.share(bps).max(1) };
        [self.share(risk.daily_loss_bps), off(risk.drawdown_bps), off(risk.symbol_loss_bps)]
    }

    fn squaring(&self, at: usize) -> bool {
        self.active && self.timer >= self.book(at).square_off
    }

    /// A kill that closes nothing: nothing but cancels goes out.
    fn silent(&self) -> bool {
        self.killed && !self.flatten && !self.config.risk.flatten_on_kill
    }

    fn flattening(&self) -> bool {
        self.halted || self.flatten || self.killed && self.config.risk.flatten_on_kill
    }

    fn must_close(&self, at: usize) -> bool {
        self.flattening() || self.squaring(at) || self.book(at).barred || self.book(at).closing
    }

    fn step(&mut self, input: &Event, outputs: &[Event]) {
        (self.seq, self.ts) = (input.header.seq.0, input.header.ts.0);
        self.orders_in_step = 0;
        self.verdict = None;
        self.must_exit.clear();
        self.refused.clear();
        (self.latched, self.must_halt, self.saw_halt) = (false, false, false);
        self.input(input, outputs.iter().any(|event| event.kind() == Kind::DeadLetter));
        for output in outputs {
            self.output(output);
        }
        self.end_step(input.kind() == Kind::Timer);
    }

    fn input(&mut self, event: &Event, refused: bool) {
        let at = event.header.instrument.index();
        match event.kind() {
            Kind::SessionStart => self.active = true,
            Kind::Ltp if !refused => self.price(at, event.body::<Ltp>().last.0),
            Kind::Quote if !refused => self.price(at, event.body::<Quote>().last.0),
            Kind::Full if !refused => self.price(at, event.body::<Full>().last.0),
            Kind::Timer => {
                self.timer = self.ts;
                (0..self.account.books.len()).for_each(|at| self.look_at_terms(at));
            }
            Kind::Report if event.header.flags & FLAG_ENDO != 0 => {
                match self.account.report(event.header.ts, event.body::<Report>()) {
                    None => self.broken("report", || "a report of no order".to_owned()),
                    Some(true) => self.look_at_losses(at),
                    Some(false) => {}
                }
            }
            Kind::Command => self.command(event.body::<Command>().code),
            Kind::SessionEnd => {
                self.active = false;
                self.account.books.iter_mut().for_each(|book| book.closing = false);
            }
            _ => {}
        }
    }

    fn command(&mut self, code: u8) {
        match CommandCode::from_u8(code).expect("logs hold known codes") {
            // What is latched already does nothing more.
            CommandCode::Kill => (self.latched, self.killed) = (!self.killed, true),
            CommandCode::Flatten => {
                (self.latched, self.killed, self.flatten) = (!self.flatten, true, true);
            }
            CommandCode::ReduceOnly => {
                (self.latched, self.reduce_only) = (!self.reduce_only, true);
            }
            CommandCode::Stop => (self.latched, self.stopped) = (true, true),
            CommandCode::Resume => {
                let (flattening, seq) = (self.flattening(), self.seq);
                for book in &mut self.account.books {
                    if flattening || book.barred {
                        book.floor = seq;
                    }
                    book.barred = false;
                }
                (self.killed, self.flatten, self.halted) = (false, false, false);
                self.reduce_only = false;
            }
        }
    }

    fn price(&mut self, at: usize, last: i64) {
        self.account.books[at].mark = last;
        if self.book(at).held != 0 {
            self.look_at_losses(at);
            self.look_at_terms(at);
        }
    }

    /// The day's highest equity, and what its losses have to stop.
    fn look_at_losses(&mut self, at: usize) {
        let profit = self.account.profit();
        let [day, drawdown, symbol] = self.loss_limits();
        self.peak = self.peak.max(profit);
        if !self.active || self.halted {
            return;
        }
        self.tally.note("loss", -profit);
        self.tally.note("drawdown", self.peak - profit);
        self.tally.note("symbol_loss", -self.book(at).profit());
        if -profit >= day || self.peak - profit >= drawdown {
            (self.halted, self.must_halt, self.latched) = (true, true, true);
        } else if -self.book(at).profit() >= symbol && !self.book(at).barred {
            self.account.books[at].barred = true;
            self.must_exit.insert(at);
        }
    }

    /// Whether stop, target or holding time close the position from now on.
    fn look_at_terms(&mut self, at: usize) {
        let book = self.book(at);
        if !self.active || !book.trades_at(self.ts) || self.silent() || self.must_close(at) {
            return;
        }
        let due = book.due(self.config, self.ts);
        if due != [false; 3] {
            let book = &mut self.account.books[at];
            (book.closing, book.closed_by) = (true, due);
            self.must_exit.insert(at);
        }
    }

    fn output(&mut self, event: &Event) {
        let at = event.header.instrument.index();
        match event.kind() {
            Kind::Signal => {
                let signal = event.body::<Signal>();
                self.tally.signals += 1;
                self.signals.insert(signal.id, (at, signal.strategy.0, signal.action, self.seq));
            }
            Kind::Verdict => self.on_verdict(at, event.body::<Verdict>()),
            Kind::Order => self.on_order(at, event.body::<Order>()),
            Kind::Modify => self.on_modify(at, event.body::<Modify>()),
            Kind::Cancel => self.on_cancel(event.body::<Cancel>()),
            Kind::Fill => {
                let fill = event.body::<Fill>();
                let value = self.book(at).value(fill.price.0, fill.quantity.0);
                match self.account.orders.get_mut(&fill.order.0) {
                    Some(sent) => {
                        sent.venue_filled += fill.quantity.0;
                        sent.venue_value += value;
                    }
                    None => self.broken("fill", || "a fill of no order".to_owned()),
                }
            }
            Kind::Report => self.on_venue_report(event.body::<Report>()),
            Kind::Alarm => self.on_alarm(at, event.body::<Alarm>()),
            _ => {}
        }
    }

    fn on_alarm(&mut self, at: usize, alarm: &Alarm) {
        *self.tally.alarms.entry(alarm.code).or_default() += 1;
        match AlarmCode::from_u8(alarm.code).expect("logs hold known codes") {
            AlarmCode::NotFlat => {
                self.not_flat.insert(at);
            }
            AlarmCode::Halted => {
                let profit = self.account.profit();
                let [day, drawdown, _] = self.loss_limits();
                let cause = -profit >= day || self.peak - profit >= drawdown;
                let peak = self.peak;
                self.hold(cause, "halt", || format!("halted at a profit of {profit}, peak {peak}"));
                (self.halted, self.latched, self.saw_halt) = (true, true, true);
            }
            AlarmCode::Killed => (self.killed, self.latched) = (true, true),
            AlarmCode::ReportMismatch => {
                self.broken("report", || "a report contradicts its order".to_owned())
            }
            AlarmCode::Resumed => {}
        }
    }

    fn on_verdict(&mut self, at: usize, verdict: &Verdict) {
        *self.tally.rules.entry(verdict.rule).or_default() += 1;
        *self.tally.decisions.entry(verdict.decision).or_default() += 1;
        let decision = Decision::from_u8(verdict.decision).expect("logs hold known codes");
        let (wanted, allowed) = (verdict.wanted.0, verdict.allowed.0);
        let fits = match decision {
            Decision::Allow => allowed == wanted && allowed > 0,
            Decision::Reduce => allowed < wanted && allowed > 0,
            Decision::Block | Decision::HaltSession => allowed == 0,
        } && verdict.order.is_zero() == (allowed == 0);
        self.hold(fits, "verdict", || format!("{verdict:?}"));
        if allowed == 0 && verdict.intent != Intent::Entry as u8 {
            self.refused.insert(at);
        }
        self.verdict = Some((at, *verdict));
    }

    fn count(&mut self, entry: bool) {
        let second = self.ts / NS_PER_S;
        self.second = (second, if self.second.0 == second { self.second.1 + 1 } else { 1 });
        let limit = i128::from(self.config.risk.orders_per_second);
        let sent = i128::from(self.second.1);
        self.within("orders_per_second", sent, limit);
        // A quarter is left to exits.
        self.hold(!entry || limit == 0 || sent * 4 <= limit * 3, "entry_rate", || {
            format!("{sent} of {limit}")
        });
    }

    fn on_order(&mut self, at: usize, order: &Order) {
        let verdict = self.verdict.take();
        let backed = verdict.is_some_and(|(of, verdict)| {
            of == at
                && verdict.order == order.id
                && verdict.allowed == order.quantity
                && (verdict.side, verdict.intent) == (order.side, order.intent)
        });
        self.hold(backed, "verdict", || format!("{order:?} after {verdict:?}"));
        let id = self.seq * 256 + self.orders_in_step;
        self.orders_in_step += 1;
        self.hold(order.id.0 == id, "order_id", || format!("{order:?}, not {id}"));
        *self.tally.intents.entry(order.intent).or_default() += 1;
        let (ts, book) = (self.ts, self.book(at));
        let (lot, tick, freeze) = (book.spec.lot.0, book.spec.tick.0, book.spec.freeze.0);
        let open = self.active && book.trades_at(ts) && book.spec.tradable;
        let shaped = order.quantity.0 > 0 && order.quantity.0 % lot == 0 && order.price.0 % tick == 0;
        self.hold(open, "hours", || format!("{order:?} at {ts}"));
        self.hold(shaped && order.price.0 > 0, "shape", || format!("{order:?}"));
        self.hold(!self.silent(), "latch", || format!("{order:?} after a kill that closes nothing"));
        let entry = order.intent == Intent::Entry as u8;
        // An exit has a lot, whatever the limits: they must not keep a position open.
        let floor = |limit: i64| if entry || limit == 0 { limit } else { limit.max(lot) };
        let quantity = i128::from(order.quantity.0);
        self.within("order_quantity", quantity, floor(self.config.risk.order_quantity_max.0).into());
        self.within("freeze", quantity, floor(freeze).into());
        self.count(entry);
        if entry {
            self.on_entry(at, order);
        } else {
            self.on_exit(at, order);
        }
        self.account.sent(at, order);
        let occupied = self.account.occupied() as i128;
        // Zero positions is a limit, not none.
        let most = i128::from(self.config.risk.open_positions_max);
        self.tally.note("open_positions", occupied);
        self.hold(!entry || occupied <= most, "open_positions", || format!("{occupied} of {most}"));
    }

    /// What an entry, new or moved, may not be.
    fn on_exposing(&mut self, at: usize, side: Side, price: i64, quantity: i64, replaced: u64) {
        let risk = self.config.risk;
        let book = self.book(at);
        let (ts, mark) = (self.ts, book.mark);
        let latched = self.killed || self.halted || self.reduce_only || self.stopped || book.barred;
        let late = ts < book.open || ts >= book.entries_end.min(book.square_off).min(book.close);
        self.hold(!latched, "latch", || format!("an entry in {at} at {ts}"));
        self.hold(!late, "entry_time", || format!("an entry in {at} at {ts}"));
        let distance = i128::from((price - mark).abs());
        self.tally.note("price_collar", distance * 10_000 / i128::from(mark.max(1)));
        let collar = i128::from(risk.price_collar_bps);
        let near = mark > 0 && (collar == 0 || distance * 10_000 <= collar * i128::from(mark));
        self.hold(near, "price_collar", || format!("{price} with a last price of {mark}"));
        let worst = price.max(mark);
        let profit = self.account.profit();
        let [day, drawdown, symbol] = self.loss_limits();
        self.hold(-profit < day && self.peak - profit < drawdown, "loss", || format!("an entry at {profit}"));
        let own = self.book(at).profit();
        self.hold(-own < symbol, "symbol_loss", || format!("an entry at {own} of {at}"));
        let equity = self.account.capital + profit;
        let mut gross = self.account.gross(self.config, replaced);
        let book = self.book(at);
        self.account.add_gross(&mut gross, self.config, book, (quantity * side.sign(), worst));
        let concerned = [true, !book.is_derivative(), book.is_derivative()];
        let limits = [risk.exposure_bps, risk.leverage_bps, risk.derivatives_bps];
        for (n, what) in ["exposure", "leverage", "derivatives_value"].into_iter().enumerate() {
            if concerned[n] {
                self.tally.note(what, gross[n] * 10_000 / equity.max(1));
                let most = equity * i128::from(limits[n]) / 10_000;
                self.hold(limits[n] == 0 || gross[n] <= most, what, || format!("{} over {most}", gross[n]));
            }
        }
    }

    fn order_value(&mut self, at: usize, price: i64, quantity: i64) {
        let book = self.book(at);
        let (value, most) =
            (book.value(price.max(book.mark), quantity), self.share(self.config.risk.order_value_bps));
        self.tally.note("order_value", value);
        self.hold(value <= most, "order_value", || format!("{value} is more than {most}"));
    }

    fn on_entry(&mut self, at: usize, order: &Order) {
        let risk = self.config.risk;
        self.tally.entries += 1;
        self.entries += 1;
        let side = Side::from_u8(order.side).expect("logs hold known codes");
        self.on_exposing(at, side, order.price.0, order.quantity.0, 0);
        self.order_value(at, order.price.0, order.quantity.0);
        self.within("trades_per_day", self.entries.into(), risk.trades_per_day.into());
        self.within("trades_per_symbol", (self.book(at).trades + 1).into(), risk.trades_per_symbol.into());
        let terms = &self.config.strategies[usize::from(order.strategy.0)];
        self.hold(side == Side::Buy || terms.allow_short, "short", || format!("{order:?}"));
        let book = self.book(at);
        let adds = risk.conflict == Conflict::Netting && book.held.signum() == side.sign();
        let free = book.entry.is_none() && book.exit.is_none() && (book.held == 0 || adds);
        self.hold(free, "one_entry", || format!("{order:?}"));
        // It is what a strategy asked for, after whatever closed the instrument last.
        let want = if side == Side::Buy { Action::Long } else { Action::Short } as u8;
        let asked = self.signals.get(&order.signal).copied();
        let floor = self.book(at).floor;
        let fits = asked.is_some_and(|(of, _, action, seq)| of == at && action == want && seq > floor);
        self.hold(fits, "signal", || format!("{order:?} follows {asked:?}, floor {floor}"));
    }

    fn on_exit(&mut self, at: usize, order: &Order) {
        let book = self.book(at);
        let side = Side::from_u8(order.side).expect("logs hold known codes");
        let closes = book.held.signum() == -side.sign() && order.quantity.0 <= book.held.abs();
        let free = book.exit.is_none();
        let ioc = order.validity == Validity::Ioc as u8;
        let cause = match Intent::from_u8(order.intent).expect("logs hold known codes") {
            Intent::Entry | Intent::Exit => true,
            Intent::SquareOff => self.squaring(at),
            Intent::Flatten => self.flattening() || book.barred,
            Intent::StopLoss => book.closed_by[0],
            Intent::TakeProfit => book.closed_by[1],
            Intent::HoldingTime => book.closed_by[2],
        };
        self.hold(closes && free && ioc, "exit", || format!("{order:?}"));
        self.hold(cause, "intent", || format!("{order:?}"));
    }

    fn on_modify(&mut self, at: usize, modify: &Modify) {
        self.tally.modifies += 1;
        self.count(true);
        let id = modify.order.0;
        let sent = self.account.orders.get(&id).cloned();
        let tick = self.book(at).spec.tick.0;
        let fits = sent.as_ref().is_some_and(|sent| {
            let rests = sent.order.validity == Validity::Day as u8 && !sent.done && !sent.cancelling;
            sent.instrument == at
                && sent.is_entry()
                && rests
                && sent.asked.is_none()
                && modify.quantity == sent.order.quantity
                && modify.price.0 > 0
                && modify.price.0 % tick == 0
        });
        self.hold(fits, "modify", || format!("{modify:?} of {sent:?}"));
        if let Some(sent) = sent {
            self.on_exposing(at, sent.side(), modify.price.0, sent.order.quantity.0 - sent.filled, id);
            self.order_value(at, modify.price.0, modify.quantity.0);
        }
        self.account.asked(self.seq, modify);
    }

    fn on_cancel(&mut self, cancel: &Cancel) {
        self.tally.cancels += 1;
        let (active, ts) = (self.active, self.ts);
        let books = &self.account.books;
        let known = self.account.orders.get_mut(&cancel.order.0).is_some_and(|sent| {
            let fits = sent.is_entry() && !sent.done && active && books[sent.instrument].trades_at(ts);
            sent.cancelling = true;
            fits
        });
        self.hold(known, "cancel", || format!("{cancel:?}"));
    }

    fn on_venue_report(&mut self, report: &Report) {
        *self.tally.report_reasons.entry(report.reason).or_default() += 1;
        let reason = ReportReason::from_u8(report.reason).expect("logs hold known codes");
        let rejected = report.state == OrderState::Rejected as u8;
        let ours = matches!(
            reason,
            ReportReason::Closed
                | ReportReason::Malformed
                | ReportReason::NotTradable
                | ReportReason::NoPrice
                | ReportReason::Duplicate
                | ReportReason::VenueFull
        );
        let sent = self.account.orders.get(&report.order.0);
        // A position has no value that money can count at an absurd price: no exit is taken while that lasts.
        let uncountable = sent.is_some_and(|sent| {
            let book = self.book(sent.instrument);
            let value = book.value(sent.price.max(book.mark), sent.order.quantity.0);
            !sent.is_entry() && reason == ReportReason::Malformed && value > i128::from(i64::MAX / 2)
        });
        self.hold(!ours || uncountable, "venue", || format!("{reason}: {report:?}"));
        let expected = uncountable || reason == ReportReason::SelfTrade;
        self.hold(!rejected || expected, "venue", || format!("{report:?}"));
        let sent = self.account.orders.get(&report.order.0);
        let exact = sent.is_some_and(|sent| {
            sent.venue_filled == report.filled.0 && sent.venue_value == i128::from(report.filled_value.0)
        });
        self.hold(exact, "report", || format!("{report:?} is not the sum of its fills"));
    }

    fn end_step(&mut self, timer: bool) {
        if self.must_halt {
            self.hold(self.saw_halt, "halt", || "a loss at its limit, and no halt".to_owned());
        }
        for at in 0..self.account.books.len() {
            let book = self.book(at);
            let latched = self.killed || self.halted || self.reduce_only || self.stopped;
            let stop = latched || self.squaring(at) || book.barred;
            let resting = book.entry.and_then(|id| self.account.orders.get(&id));
            let rests =
                resting.is_some_and(|sent| sent.order.validity == Validity::Day as u8 && !sent.cancelling);
            let looked = timer || self.latched || self.must_exit.contains(&at);
            let here = self.active && book.trades_at(self.ts) && looked;
            let close = self.must_close(at) && book.held != 0 && book.exit.is_none() && !self.silent();
            let excused = self.refused.contains(&at);
            let (held, ts) = (book.held, self.ts);
            self.tally.delayed += u64::from(here && close && excused);
            self.hold(!(here && stop && rests), "cancels", || format!("an entry of {at} rests on at {ts}"));
            self.hold(!(here && close && !excused), "exits", || format!("{held} of {at} stay at {ts}"));
        }
    }

    fn finish(&mut self) {
        for at in 0..self.account.books.len() {
            let book = self.book(at);
            let held = book.held;
            let may_stay = self.stopped && !self.flattening() && self.timer < book.square_off;
            let told = held == 0 || may_stay || self.not_flat.contains(&at);
            self.tally.left += u64::from(held != 0);
            self.hold(told, "flat", || format!("{held} of {at} are left, and nobody was told"));
        }
    }
}
