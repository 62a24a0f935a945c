//! One journal's events become the account's history: days, minutes, trades, counts. A fill counts when the venue makes
//! it, as the summaries of runs count it.

use crate::curve::{Held, Minutes, Moved};
use crate::facts;
use crate::model::{Day, Incident, Report, Said, Why};
use crate::source::overlap;
use crate::trades::{Filled, Running, book};
use pitlane_engine::charges::Meter;
use pitlane_engine::event::{
    Action, Alarm, AlarmCode, Bar, Command, CommandCode, DeadLetter, DeadReason, Decision, Event, FLAG_EXO,
    Fill, Full, Intent, Kind, Ltp, Order, OrderState, Quote, Report as Execution, Rule, SessionStart, Side,
    Signal, SignalReason, Timeframe, Verdict,
};
use pitlane_engine::hash::StateHasher;
use pitlane_engine::ledger::Ledger;
use pitlane_engine::units::{
    IST_OFFSET_NS, InstrumentId, Money, NS_PER_S, OrderId, Price, StrategyId, TsNs, decimal,
};
use pitlane_session::recorded::Recording;
use pitlane_session::summary::hex;
use std::collections::BTreeMap;

/// An order as long as it may be filled.
struct Sent {
    why: Why,
    strategy: String,
}

/// A session that is under way.
struct Session {
    day: Day,
    minutes: Minutes,
    /// Gross profit and charges of the journal when it began.
    before: (Money, Money),
    start: TsNs,
}

/// Reads one journal into a report.
pub(crate) struct Account<'a> {
    recording: &'a Recording,
    report: &'a mut Report,
    /// Value of the account when the journal began: the report's capital and what was gained before.
    base: Money,
    ledger: Ledger,
    meter: Meter,
    /// The order that a broker reported to be over, until the step's end.
    over: Option<OrderId>,
    /// The price of the step's input, until it is known that it counts.
    mark: Option<(InstrumentId, Price)>,
    signals: BTreeMap<u64, Said>,
    sent: BTreeMap<OrderId, Sent>,
    trades: Vec<Option<Running>>,
    session: Option<Session>,
    ending: bool,
    date: u32,
    last: TsNs,
    inputs: StateHasher,
    outputs: StateHasher,
}

impl<'a> Account<'a> {
    /// Before the first input of `recording`, with an account worth `base`.
    pub(crate) fn new(recording: &'a Recording, report: &'a mut Report, base: Money) -> Self {
        let pipeline = &recording.pipeline;
        Self {
            recording,
            report,
            base,
            ledger: Ledger::new(&pipeline.instruments),
            meter: Meter::new(&pipeline.instruments, &pipeline.charges),
            over: None,
            mark: None,
            signals: BTreeMap::new(),
            sent: BTreeMap::new(),
            trades: vec![None; pipeline.instruments.len()],
            session: None,
            ending: false,
            date: recording.head.first_session.date,
            last: TsNs::ZERO,
            inputs: StateHasher::new(0),
            outputs: StateHasher::new(0),
        }
    }

    /// Adds a recorded input to the hash of the inputs.
    pub(crate) fn hash_input(&mut self, event: &Event) {
        self.inputs.bytes(event.used_bytes());
    }

    /// The hashes of the input and of the output records.
    pub(crate) fn hashes(&self) -> (String, String) {
        (hex(self.inputs.finish()), hex(self.outputs.finish()))
    }

    /// Takes the next input.
    ///
    /// # Errors
    /// If it begins a day that the report has already.
    pub(crate) fn input(&mut self, event: &Event) -> anyhow::Result<()> {
        self.report.counts.inputs += 1;
        self.last = event.header.ts;
        let instrument = event.header.instrument;
        let price = match event.kind() {
            Kind::Ltp => event.body::<Ltp>().last,
            Kind::Quote => event.body::<Quote>().last,
            Kind::Full => event.body::<Full>().last,
            Kind::SessionStart => return self.begin(event),
            Kind::SessionEnd => {
                self.ending = true;
                return Ok(());
            }
            Kind::DeadLetter => {
                self.dead_letter(event);
                return Ok(());
            }
            Kind::Report => {
                let state = event.body::<Execution>().state;
                self.report.counts.rejects += u64::from(state == OrderState::Rejected as u8);
                // A broker's: its fills are outputs of this step, and are charged before the order is over.
                let over = OrderState::from_u8(state).is_some_and(OrderState::is_final);
                let brokers = event.header.flags & FLAG_EXO != 0;
                self.over = (over && brokers).then_some(event.body::<Execution>().order);
                return Ok(());
            }
            Kind::Command => {
                self.command(event);
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.report.counts.ticks += 1;
        self.mark = instrument.is_some().then_some((instrument, price));
        Ok(())
    }

    /// Takes the next output of the input's step.
    pub(crate) fn output(&mut self, event: &Event) {
        self.outputs.bytes(event.used_bytes());
        match event.kind() {
            Kind::Bar => self.bar(event),
            Kind::Signal => self.signal(event),
            Kind::Verdict => self.verdict(event.body()),
            Kind::Order => self.order(event.body()),
            Kind::Fill => self.fill(event),
            Kind::Alarm => self.alarm(event),
            Kind::DeadLetter => {
                // The tick was refused, and so its price counts for nothing.
                self.dead_letter(event);
                self.mark = None;
            }
            Kind::Report => {
                let report = event.body::<Execution>();
                if OrderState::from_u8(report.state).is_some_and(OrderState::is_final) {
                    self.end_order(report.order);
                }
            }
            _ => {}
        }
    }

    fn end_order(&mut self, order: OrderId) {
        self.meter.finish(order);
        self.sent.remove(&order);
    }

    /// Ends the step: all its outputs were taken.
    pub(crate) fn end_step(&mut self) {
        if let Some(order) = self.over.take() {
            self.end_order(order);
        }
        self.apply_mark();
        if std::mem::take(&mut self.ending) {
            self.end_session(true);
        }
    }

    /// Ends the journal: its figures go into the report's sums. Returns the value of the account.
    pub(crate) fn finish(mut self) -> Money {
        self.end_session(false);
        for (index, running) in std::mem::take(&mut self.trades).into_iter().enumerate() {
            let Some(running) = running else { continue };
            let mark = self.ledger.position(InstrumentId(index as u32)).mark;
            self.report.trades.push(running.unfinished(mark, self.last, self.date));
        }
        self.report.charges = self.report.charges.plus(self.ledger.charges());
        if let Some((from, stand_in)) = self.ledger.rates() {
            let before = self.report.rates.unwrap_or((0, false));
            self.report.rates = Some((from.max(before.0), stand_in || before.1));
        }
        self.base + self.ledger.net()
    }

    fn begin(&mut self, event: &Event) -> anyhow::Result<()> {
        self.end_session(false);
        let start = event.body::<SessionStart>();
        if self.report.days.last().is_some_and(|day| day.date >= start.date) {
            let before = self.report.journals.last().map_or(self.recording.dir.as_path(), |part| &part.dir);
            return Err(overlap(before, &self.recording.dir, start.date));
        }
        self.date = start.date;
        self.meter.start(start.date);
        self.signals.clear();
        let (gross, charged) = (self.ledger.gross(), self.ledger.charged());
        let equity = self.base + gross - charged;
        let held = self.ledger.positions().iter().enumerate().filter(|(_, at)| !at.quantity.is_zero());
        let held = held.map(|(index, at)| {
            let (quantity, mark, multiplier) = (at.quantity.0, at.mark, at.multiplier);
            (index as u32, Held { quantity, mark, multiplier })
        });
        let minutes = Minutes {
            open: start.open,
            close: start.close,
            equity,
            held: held.collect(),
            ..Minutes::default()
        };
        let day = Day {
            date: start.date,
            equity: (equity, equity),
            base: self.recording.pipeline.risk.capital + gross - charged,
            gross: Money::ZERO,
            charges: Money::ZERO,
            turnover: Money::ZERO,
            trades: 0,
            wins: 0,
            sent: (0, 0),
            drawdown: Money::ZERO,
            stopped: None,
            ended: false,
        };
        self.session = Some(Session { day, minutes, before: (gross, charged), start: event.header.ts });
        Ok(())
    }

    fn end_session(&mut self, ended: bool) {
        let Some(Session { mut day, minutes, before, start }) = self.session.take() else { return };
        let (gross, charged) = (self.ledger.gross(), self.ledger.charged());
        day.gross = gross - before.0;
        day.charges = charged - before.1;
        day.equity.1 = self.base + gross - charged;
        day.ended = ended;
        let values = self
            .ledger
            .positions()
            .iter()
            .map(|at| i128::from(at.mark.0) * i128::from(at.quantity.0) * i128::from(at.multiplier));
        let (mut exposure, mut net_exposure) = (0_i128, 0_i128);
        for value in values {
            exposure += value.abs();
            net_exposure += value;
        }
        let amount =
            |exact: i128| Money(exact.clamp(i128::from(i64::MIN / 4), i128::from(i64::MAX / 4)) as i64);
        let last = self.last.max(start);
        let mut points = minutes.points(last);
        points.push(crate::model::Point {
            ts: last.max(points.last().map_or(start, |point| point.ts)),
            equity: day.equity.1,
            exposure: amount(exposure),
            net_exposure: amount(net_exposure),
        });
        self.report.curve.append(&mut points);
        self.report.days.push(day);
    }

    fn apply_mark(&mut self) {
        let Some((instrument, price)) = self.mark.take() else { return };
        self.ledger.mark(instrument, price);
        if let Some(Some(running)) = self.trades.get_mut(instrument.index()) {
            running.mark(price);
        }
    }

    fn bar(&mut self, event: &Event) {
        self.report.counts.bars += 1;
        let bar = event.body::<Bar>();
        if bar.timeframe == Timeframe::M1 as u8
            && let Some(session) = &mut self.session
        {
            session.minutes.closes.push((bar.start, event.header.instrument.0, bar.close));
        }
    }

    fn signal(&mut self, event: &Event) {
        let signal = event.body::<Signal>();
        let action = name(Action::from_u8(signal.action).map(Action::name));
        let reason = name(SignalReason::from_u8(signal.reason).map(SignalReason::name));
        let hour = (event.header.ts.0 + IST_OFFSET_NS) / (3_600 * NS_PER_S) % 24;
        let hours = self.report.signals.entry(format!("{action} {reason}")).or_default();
        *hours.entry(hour as u8).or_default() += 1;
        if signal.action == Action::Hold as u8 {
            return;
        }
        self.report.counts.signals += 1;
        let strategy = self.recording.pipeline.strategies.get(usize::from(signal.strategy.0));
        let names = facts::names(strategy.map_or("", |strategy| strategy.kind.as_str()));
        let facts = names.into_iter().zip(signal.facts).filter(|(name, _)| !name.is_empty()).collect();
        let (id, ts, confidence_bps) = (signal.id, event.header.ts, signal.confidence_bps);
        self.signals.insert(id, Said { id, ts, action, reason, confidence_bps, facts });
    }

    fn verdict(&mut self, verdict: &Verdict) {
        let decision = name(Decision::from_u8(verdict.decision).map(Decision::name));
        let text = match Rule::from_u8(verdict.rule) {
            Some(Rule::None) => decision.to_owned(),
            rule => format!("{decision} {}", name(rule.map(Rule::name))),
        };
        *self.report.verdicts.entry(text).or_default() += 1;
        if let (Some(session), Some(rule)) = (&mut self.session, Rule::from_u8(verdict.rule))
            && verdict.decision == Decision::HaltSession as u8
        {
            session.day.stopped = Some(rule.name());
        }
    }

    fn order(&mut self, order: &Order) {
        self.report.counts.orders += 1;
        if let Some(session) = &mut self.session {
            session.day.sent.0 += 1;
        }
        let signal = self.signals.get(&order.signal).cloned();
        let intent = name(Intent::from_u8(order.intent).map(Intent::name));
        let why = Why { order: order.id.0, intent, signal };
        let strategy = self.strategy(order.strategy);
        self.sent.insert(order.id, Sent { why, strategy });
    }

    fn fill(&mut self, event: &Event) {
        self.apply_mark();
        let (instrument, fill) = (event.header.instrument, event.body::<Fill>());
        let side = Side::from_u8(fill.side).expect("events are checked where they are read");
        let multiplier = self.ledger.position(instrument).multiplier;
        let value = fill.price.value(fill.quantity, multiplier);
        self.ledger.fill(instrument, side, fill.quantity, value);
        let charged = self.meter.fill(fill.order, instrument, side, value);
        if let Some(charged) = &charged {
            self.ledger.charge(instrument, charged);
        }
        let charged = charged.map_or(Money::ZERO, |charged| charged.charges.total());
        self.count_fill(fill, side, multiplier, value);
        if let Some(session) = &mut self.session {
            let (ts, quantity) = (event.header.ts, side.sign() * fill.quantity.0);
            let instrument = instrument.0;
            session.minutes.moved.push(Moved {
                ts,
                instrument,
                quantity,
                price: fill.price,
                multiplier,
                charged,
            });
        }
        self.book_trade(event, side, multiplier, charged);
    }

    fn count_fill(&mut self, fill: &Fill, side: Side, multiplier: i64, value: Money) {
        self.report.counts.fills += 1;
        self.report.turnover += value;
        let worse = Price((fill.price.0 - fill.last.0) * side.sign());
        self.report.slippage += worse.value(fill.quantity, multiplier);
        if let Some(session) = &mut self.session {
            session.day.turnover += value;
            session.day.sent.1 += 1;
        }
    }

    fn book_trade(&mut self, event: &Event, side: Side, multiplier: i64, charged: Money) {
        let (instrument, fill) = (event.header.instrument, event.body::<Fill>());
        let unknown = Why { order: fill.order.0, intent: "unknown", signal: None };
        let sent = self.sent.get(&fill.order);
        let strategy = self.strategy(fill.strategy);
        let filled = Filled {
            ts: event.header.ts,
            side,
            quantity: fill.quantity,
            price: fill.price,
            multiplier,
            charged,
            strategy: sent.map_or(&strategy, |sent| &sent.strategy),
            why: sent.map_or(&unknown, |sent| &sent.why),
        };
        let symbol = self.symbol(instrument);
        let running = &mut self.trades[instrument.index()];
        let ended = book(running, &filled, &symbol, self.date);
        if let Some(running) = running {
            running.mark(self.ledger.position(instrument).mark);
        }
        let Some(trade) = ended else { return };
        let won = u64::from(trade.net() > Money::ZERO);
        if let Some(session) = &mut self.session {
            session.day.trades += 1;
            session.day.wins += won;
        }
        self.report.trades.push(trade);
    }

    fn alarm(&mut self, event: &Event) {
        let alarm = event.body::<Alarm>();
        let code = AlarmCode::from_u8(alarm.code);
        let mut what = name(code.map(AlarmCode::name)).to_owned();
        if code == Some(AlarmCode::NotFlat) {
            what += &format!(": {} of {}", alarm.value, self.symbol(event.header.instrument));
        } else if code == Some(AlarmCode::Halted) && alarm.value != 0 {
            what += &format!(": loss {}", decimal(alarm.value));
        }
        if let (Some(session), Some(AlarmCode::Halted | AlarmCode::Killed)) = (&mut self.session, code) {
            session.day.stopped.get_or_insert(name(code.map(AlarmCode::name)));
        }
        self.report.incidents.push(Incident { ts: event.header.ts, kind: "alarm", what });
    }

    fn command(&mut self, event: &Event) {
        let command = event.body::<Command>();
        let reason = command.reason.get(..usize::from(command.reason_bytes)).unwrap_or_default();
        let mut what = name(CommandCode::from_u8(command.code).map(CommandCode::name)).to_owned();
        if !reason.is_empty() {
            what += &format!(": {}", String::from_utf8_lossy(reason));
        }
        self.report.incidents.push(Incident { ts: event.header.ts, kind: "command", what });
    }

    fn dead_letter(&mut self, event: &Event) {
        let reason = DeadReason::from_u8(event.body::<DeadLetter>().reason);
        *self.report.dead_letters.entry(name(reason.map(DeadReason::name))).or_default() += 1;
    }

    fn symbol(&self, id: InstrumentId) -> String {
        self.recording.head.instruments.get(id.index()).map_or_else(String::new, |spec| spec.symbol.clone())
    }

    fn strategy(&self, id: StrategyId) -> String {
        let strategy = self.recording.pipeline.strategies.get(usize::from(id.0));
        strategy.map_or_else(|| "risk".to_owned(), |strategy| strategy.id.clone())
    }
}

fn name(known: Option<&'static str>) -> &'static str {
    known.unwrap_or("unknown")
}
