//! The structured event log: what a run decided and did, as JSON lines for people and log collectors.
//!
//! A helper thread follows the recorded outputs of the run's own journal, so the hot path knows nothing of
//! it. The journal is the record; the log can be made again from it at any time. Not logged are bars, state
//! hashes, orders that risk allowed unchanged (the order itself is) and reports that say no more than the
//! fills do.

use anyhow::Context;
use pitlane_config::format_ist;
use pitlane_engine::event::{
    Action, Alarm, AlarmCode, Cancel, DeadLetter, DeadReason, Decision, Event, Fill, Intent, Kind, Order,
    OrderState, OrderType, Report, ReportReason, Rule, RuleUnit, Side, Signal, SignalReason, Validity,
    Verdict,
};
use pitlane_engine::units::{StrategyId, TsNs, decimal};
use pitlane_journal::EndState;
use pitlane_store::{EventStream, OUTPUTS, StoreError};
use serde::Serialize;
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the thread sleeps at the end of what is recorded so far.
const POLL: Duration = Duration::from_millis(100);
/// Bytes gathered before they are written, while there is no pause.
const BUFFER_BYTES: usize = 64 * 1024;
/// What a code or id is called that this build or table does not have.
const UNKNOWN: &str = "unknown";

/// Names of instruments and strategies by their ids.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Symbols as `NSE:RELIANCE`, in the order of the session's table.
    pub instruments: Vec<String>,
    /// Ids of the strategy instances, in the order of the configuration.
    pub strategies: Vec<String>,
}

impl Names {
    /// The symbol, or `None` for events that concern no instrument.
    fn instrument(&self, event: &Event) -> Option<&str> {
        let id = event.header.instrument;
        id.is_some().then(|| self.instruments.get(id.index()).map_or(UNKNOWN, String::as_str))
    }

    fn strategy(&self, id: StrategyId) -> &str {
        if id == StrategyId::NONE {
            return "risk";
        }
        self.strategies.get(usize::from(id.0)).map_or(UNKNOWN, String::as_str)
    }
}

/// The thread that writes the event log of a run. Dropped without `finish` it still writes what is recorded
/// by then.
pub struct EventLogWriter {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<anyhow::Result<u64>>>,
}

impl EventLogWriter {
    /// Starts to follow the outputs of the journal at `journal`, which must have been made, and to write them
    /// to `file`. A file that exists is overwritten. The thread inherits the cpus of the caller.
    ///
    /// # Errors
    /// If there are no recorded outputs, the file cannot be made or the thread cannot be started.
    pub fn start(journal: &Path, names: Names, file: &Path) -> io::Result<Self> {
        let stream = EventStream::open(journal, OUTPUTS).map_err(io::Error::other)?;
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("event log {}: {error}", file.display()));
        let out = BufWriter::with_capacity(BUFFER_BYTES, File::create(file).map_err(named)?);
        let tail = Tail { stream, names, out, lines: 0, unflushed: false };
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, shown) = (stop.clone(), file.display().to_string());
        let follow = move || tail.follow(&stopped).with_context(|| format!("event log {shown}"));
        let thread = std::thread::Builder::new().name("event-log".to_owned()).spawn(follow)?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Writes everything up to the end of the stream and ends the thread. To be called when the journal is
    /// sealed, or its writer is gone. Returns the number of lines.
    ///
    /// # Errors
    /// If the stream could not be read to its end, or the file not be written.
    pub fn finish(mut self) -> anyhow::Result<u64> {
        self.join()
    }

    fn join(&mut self) -> anyhow::Result<u64> {
        let Some(thread) = self.thread.take() else { return Ok(0) };
        // Release: pairs with the Acquire in `Tail::follow`; what was recorded before the call is drained.
        self.stop.store(true, Ordering::Release);
        thread.thread().unpark();
        thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the event log's thread panicked")))
    }
}

impl Drop for EventLogWriter {
    fn drop(&mut self) {
        // Whoever drops it has an error of its own to report.
        drop(self.join());
    }
}

/// What the thread works on.
struct Tail {
    stream: EventStream,
    names: Names,
    out: BufWriter<File>,
    lines: u64,
    unflushed: bool,
}

impl Tail {
    fn follow(mut self, stop: &AtomicBool) -> anyhow::Result<u64> {
        loop {
            // Acquire: pairs with the Release in `join`. Asked before reading, so that the last round sees
            // all.
            let last_round = stop.load(Ordering::Acquire);
            let read = self.drain()?;
            self.flush()?;
            match (read, self.stream.end_state()) {
                (Ok(()), Some(EndState::Sealed)) => return Ok(self.lines),
                (Ok(()), Some(EndState::Torn { segment, offset, reason })) if last_round => {
                    anyhow::bail!("outputs end torn in segment {segment} at offset {offset}: {reason}")
                }
                (Ok(()), _) if last_round => return Ok(self.lines),
                (Err(error), _) if last_round => return Err(error.into()),
                // Errors count only when nobody writes any more: a writer that closes removes the segments it
                // made ahead, and for a moment that looks like a hole in the stream.
                _ => std::thread::park_timeout(POLL),
            }
        }
    }

    /// Writes what is recorded so far. The outer error is the file's, the inner one the stream's.
    fn drain(&mut self) -> io::Result<Result<(), StoreError>> {
        loop {
            let event = match self.stream.try_next() {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            };
            let Some(line) = Line::of(&event, &self.names) else { continue };
            serde_json::to_writer(&mut self.out, &line)?;
            self.out.write_all(b"\n")?;
            self.lines += 1;
            self.unflushed = true;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.unflushed) { self.out.flush() } else { Ok(()) }
    }
}

/// One line. Names and their order are what log collectors are set up for: only add.
#[derive(Serialize)]
struct Line<'a> {
    ts: String,
    ts_ns: u64,
    seq: u64,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instrument: Option<&'a str>,
    #[serde(flatten)]
    details: Details<'a>,
}

/// What is particular to an event. Prices, money and order ids are strings, because readers of JSON take
/// numbers for floats. Ids that are zero, which means none, are left out.
#[derive(Serialize)]
#[serde(untagged)]
enum Details<'a> {
    Signal {
        strategy: &'a str,
        action: &'static str,
        reason: &'static str,
        confidence: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        price: Option<String>,
        signal_id: u64,
        facts: [f64; 6],
    },
    Verdict {
        rule: &'static str,
        observed: Value,
        limit: Value,
        wanted: i64,
        allowed: i64,
        strategy: &'a str,
        intent: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        signal_id: Option<u64>,
    },
    Order {
        order_id: String,
        side: &'static str,
        #[serde(rename = "type")]
        order_type: &'static str,
        validity: &'static str,
        intent: &'static str,
        quantity: i64,
        price: String,
        strategy: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        signal_id: Option<u64>,
    },
    Cancel {
        order_id: String,
        intent: &'static str,
        strategy: &'a str,
    },
    Fill {
        order_id: String,
        side: &'static str,
        quantity: i64,
        price: String,
        number: u32,
        last: String,
        strategy: &'a str,
    },
    Report {
        order_id: String,
        reason: &'static str,
        side: &'static str,
        quantity: i64,
        filled: i64,
        strategy: &'a str,
    },
    Alarm {
        code: &'static str,
        value: Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        order_id: Option<String>,
    },
    DeadLetter {
        reason: &'static str,
        source_seq: u64,
    },
}

impl<'a> Line<'a> {
    /// The line of an output, or `None` if it is not logged.
    fn of(output: &Event, names: &'a Names) -> Option<Self> {
        let (event, details) = match output.kind() {
            Kind::Signal => signal(output.body(), names),
            Kind::Verdict => verdict(output.body(), names)?,
            Kind::Order => ("order_placed", order(output.body(), names)),
            Kind::Cancel => ("cancel_sent", cancel(output.body(), names)),
            Kind::Fill => ("order_filled", fill(output.body(), names)),
            Kind::Report => report(output.body(), names)?,
            Kind::Alarm => ("alarm", alarm(output.body())),
            Kind::DeadLetter => {
                let letter = output.body::<DeadLetter>();
                let reason = name(DeadReason::from_u8(letter.reason).map(DeadReason::name));
                ("dead_letter", Details::DeadLetter { reason, source_seq: letter.source_seq })
            }
            _ => return None,
        };
        let header = &output.header;
        let (ts, ts_ns, seq) = (format_ist(header.ts), header.ts.0, header.seq.0);
        Some(Line { ts, ts_ns, seq, event, instrument: names.instrument(output), details })
    }
}

fn name(name: Option<&'static str>) -> &'static str {
    name.unwrap_or(UNKNOWN)
}

fn side(code: u8) -> &'static str {
    name(Side::from_u8(code).map(Side::name))
}

fn intent(code: u8) -> &'static str {
    name(Intent::from_u8(code).map(Intent::name))
}

/// An id whose zero means none.
fn id(id: u64) -> Option<u64> {
    (id != 0).then_some(id)
}

fn signal<'a>(body: &Signal, names: &'a Names) -> (&'static str, Details<'a>) {
    let (action, reason) = (Action::from_u8(body.action), SignalReason::from_u8(body.reason));
    let event = match (action, reason) {
        // People look for these two by name: they say why nothing happens.
        (
            Some(Action::Hold),
            Some(reason @ (SignalReason::LtpMissing | SignalReason::IndicatorsNotReady)),
        ) => reason.name(),
        (Some(Action::Hold), _) => "hold_decision",
        _ => "signal",
    };
    let details = Details::Signal {
        strategy: names.strategy(body.strategy),
        action: name(action.map(Action::name)),
        reason: name(reason.map(SignalReason::name)),
        confidence: f64::from(body.confidence_bps) / 10_000.0,
        price: (!body.price.is_zero()).then(|| body.price.to_string()),
        signal_id: body.id,
        facts: body.facts,
    };
    (event, details)
}

fn verdict<'a>(body: &Verdict, names: &'a Names) -> Option<(&'static str, Details<'a>)> {
    let event = match Decision::from_u8(body.decision)? {
        Decision::Allow => return None,
        Decision::Reduce => "risk_reduced",
        Decision::Block => "risk_blocked",
        Decision::HaltSession => "risk_halted",
    };
    let rule = Rule::from_u8(body.rule);
    let details = Details::Verdict {
        rule: name(rule.map(Rule::name)),
        observed: in_unit_of(rule, body.observed),
        limit: in_unit_of(rule, body.limit),
        wanted: body.wanted.0,
        allowed: body.allowed.0,
        strategy: names.strategy(body.strategy),
        intent: intent(body.intent),
        signal_id: id(body.signal),
    };
    Some((event, details))
}

/// What a rule looked at, in the rule's unit: money as a decimal, a time as a time, a count as it is.
fn in_unit_of(rule: Option<Rule>, value: i64) -> Value {
    match (rule.map(Rule::unit), u64::try_from(value)) {
        (Some(RuleUnit::Money), _) => decimal(value).into(),
        (Some(RuleUnit::Time), Ok(ns)) => format_ist(TsNs(ns)).into(),
        _ => value.into(),
    }
}

fn order<'a>(body: &Order, names: &'a Names) -> Details<'a> {
    Details::Order {
        order_id: body.id.0.to_string(),
        side: side(body.side),
        order_type: name(OrderType::from_u8(body.order_type).map(OrderType::name)),
        validity: name(Validity::from_u8(body.validity).map(Validity::name)),
        intent: intent(body.intent),
        quantity: body.quantity.0,
        price: body.price.to_string(),
        strategy: names.strategy(body.strategy),
        signal_id: id(body.signal),
    }
}

fn cancel<'a>(body: &Cancel, names: &'a Names) -> Details<'a> {
    let (order_id, strategy) = (body.order.0.to_string(), names.strategy(body.strategy));
    Details::Cancel { order_id, intent: intent(body.intent), strategy }
}

fn fill<'a>(body: &Fill, names: &'a Names) -> Details<'a> {
    Details::Fill {
        order_id: body.order.0.to_string(),
        side: side(body.side),
        quantity: body.quantity.0,
        price: body.price.to_string(),
        number: body.number,
        last: body.last.to_string(),
        strategy: names.strategy(body.strategy),
    }
}

fn report<'a>(body: &Report, names: &'a Names) -> Option<(&'static str, Details<'a>)> {
    let event = match OrderState::from_u8(body.state)? {
        OrderState::Rejected => "order_rejected",
        OrderState::Cancelled => "order_cancelled",
        OrderState::Open | OrderState::PartiallyFilled | OrderState::Filled => return None,
    };
    let details = Details::Report {
        order_id: body.order.0.to_string(),
        reason: name(ReportReason::from_u8(body.reason).map(ReportReason::name)),
        side: side(body.side),
        quantity: body.quantity.0,
        filled: body.filled.0,
        strategy: names.strategy(body.strategy),
    };
    Some((event, details))
}

fn alarm<'a>(body: &Alarm) -> Details<'a> {
    let code = AlarmCode::from_u8(body.code);
    // A halt states the loss; the others state quantities.
    let value = if code == Some(AlarmCode::Halted) { decimal(body.value).into() } else { body.value.into() };
    let order_id = id(body.order.0).map(|id| id.to_string());
    Details::Alarm { code: name(code.map(AlarmCode::name)), value, order_id }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitlane_engine::event::{Body, FLAG_OUT, StageId};
    use pitlane_engine::log::EventLog;
    use pitlane_engine::units::{InstrumentId, Money, OrderId, Price, Qty, Seq};
    use pitlane_journal::{JournalDir, WriterOptions};
    use pitlane_store::JournalLog;
    use std::path::PathBuf;
    use std::time::Instant;

    /// 2026-06-15 09:15:00 IST.
    const OPEN: TsNs = TsNs(1_781_495_100_000_000_000);

    /// A directory that goes away with the test.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(test: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("pitlane-event-log-{}-{test}", std::process::id()));
            drop(std::fs::remove_dir_all(&dir));
            std::fs::create_dir_all(&dir).unwrap();
            Self(dir)
        }

        fn file(&self) -> PathBuf {
            self.0.join("events.jsonl")
        }

        fn outputs(&self) -> JournalLog {
            let options = WriterOptions { segment_bytes: 256 * 1024, ..WriterOptions::default() };
            JournalLog::outputs(&JournalDir::lock(&self.0).unwrap(), options).unwrap()
        }

        fn writer(&self) -> EventLogWriter {
            EventLogWriter::start(&self.0, names(), &self.file()).unwrap()
        }

        fn text(&self) -> String {
            std::fs::read_to_string(self.file()).unwrap()
        }

        fn lines(&self) -> Vec<Value> {
            self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        }

        /// Waits until the file has `count` lines while the journal is still written.
        fn wait_for(&self, count: usize) {
            let started = Instant::now();
            while self.text().lines().count() < count {
                assert!(started.elapsed() < Duration::from_secs(20), "{count} lines never came");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }

    fn names() -> Names {
        Names {
            instruments: vec!["NSE:RELIANCE".to_owned(), "NSE:TCS".to_owned()],
            strategies: vec!["ema".to_owned()],
        }
    }

    fn output<B: Body>(seq: u64, instrument: InstrumentId, body: &B) -> Event {
        let mut event = Event::new(instrument, FLAG_OUT, body);
        (event.header.seq, event.header.ts) = (Seq(seq), OPEN.plus(seq));
        event
    }

    fn signal_of(action: Action, reason: SignalReason) -> Signal {
        Signal {
            id: 3,
            price: Price(28_505_000),
            bar_start: OPEN,
            facts: [1.5, 0.0, 0.0, 0.0, 0.0, 7.0],
            strategy: StrategyId(0),
            confidence_bps: 321,
            action: action as u8,
            reason: reason as u8,
            reserved: [0; 18],
        }
    }

    fn hold(seq: u64) -> Event {
        output(seq, InstrumentId(1), &signal_of(Action::Hold, SignalReason::NoCross))
    }

    fn verdict_of(decision: Decision, rule: Rule, observed: i64, limit: i64) -> Verdict {
        Verdict {
            signal: 3,
            order: OrderId::ZERO,
            wanted: Qty(10),
            allowed: Qty(4),
            observed,
            limit,
            strategy: StrategyId(0),
            decision: decision as u8,
            rule: rule as u8,
            side: Side::Buy as u8,
            intent: Intent::Entry as u8,
            reserved: [0; 42],
        }
    }

    fn report_of(state: OrderState, reason: ReportReason) -> Report {
        Report {
            order: OrderId(1_281),
            cause: Seq(5),
            vtime: OPEN,
            filled: Qty(2),
            filled_value: Money::ZERO,
            quantity: Qty(4),
            number: 1,
            strategy: StrategyId(0),
            state: state as u8,
            reason: reason as u8,
            side: Side::Sell as u8,
            reserved: [0; 39],
        }
    }

    /// The line of `body` without what every line has, and its event name.
    fn logged<B: Body>(body: &B) -> Option<(&'static str, String)> {
        let names = names();
        let event = output(9, InstrumentId(0), body);
        let line = Line::of(&event, &names)?;
        Some((line.event, serde_json::to_string(&line.details).unwrap()))
    }

    #[test]
    fn a_line_starts_with_time_place_and_name_in_that_order() {
        let names = names();
        let event = hold(7);
        let line = serde_json::to_string(&Line::of(&event, &names).unwrap()).unwrap();
        assert_eq!(
            line,
            r#"{"ts":"2026-06-15T09:15:00.000000007+05:30","ts_ns":1781495100000000007,"seq":7,"#.to_owned()
                + r#""event":"hold_decision","instrument":"NSE:TCS","strategy":"ema","action":"HOLD","#
                + r#""reason":"no_cross","confidence":0.0321,"price":"2850.50","signal_id":3,"#
                + r#""facts":[1.5,0.0,0.0,0.0,0.0,7.0]}"#
        );
    }

    #[test]
    fn holds_that_say_why_nothing_happens_are_named_by_their_reason() {
        for (action, reason, expected) in [
            (Action::Hold, SignalReason::LtpMissing, "ltp_missing"),
            (Action::Hold, SignalReason::IndicatorsNotReady, "indicators_not_ready"),
            (Action::Hold, SignalReason::SessionClosed, "hold_decision"),
            (Action::Long, SignalReason::CrossUp, "signal"),
            (Action::Short, SignalReason::CrossDown, "signal"),
            (Action::Exit, SignalReason::CrossDown, "signal"),
        ] {
            assert_eq!(logged(&signal_of(action, reason)).unwrap().0, expected);
        }
        let unpriced = Signal { price: Price::ZERO, ..signal_of(Action::Hold, SignalReason::LtpMissing) };
        assert!(!logged(&unpriced).unwrap().1.contains("price"));
    }

    #[test]
    fn verdicts_are_named_by_decision_and_measured_in_the_rules_unit() {
        assert!(logged(&verdict_of(Decision::Allow, Rule::None, 0, 0)).is_none());
        let (event, line) =
            logged(&verdict_of(Decision::Reduce, Rule::OrderValue, 1_234_500, 1_000_000)).unwrap();
        assert_eq!(event, "risk_reduced");
        let expected =
            r#"{"rule":"order_value","observed":"123.45","limit":"100.00","wanted":10,"allowed":4,"#;
        assert_eq!(line, format!(r#"{expected}"strategy":"ema","intent":"entry","signal_id":3}}"#));
        let (event, line) = logged(&verdict_of(Decision::Block, Rule::OpenOrders, 5, 4)).unwrap();
        assert_eq!(event, "risk_blocked");
        assert!(line.contains(r#""observed":5,"limit":4"#), "{line}");
        let time = i64::try_from(OPEN.0).unwrap();
        let (_, line) = logged(&verdict_of(Decision::Block, Rule::SessionClosed, time, time)).unwrap();
        assert!(line.contains(r#""limit":"2026-06-15T09:15:00+05:30""#), "{line}");
        let own = verdict_of(Decision::HaltSession, Rule::DailyLoss, 20_000, 10_000);
        let (event, line) = logged(&Verdict { signal: 0, strategy: StrategyId::NONE, ..own }).unwrap();
        assert_eq!(event, "risk_halted");
        assert!(line.ends_with(r#""strategy":"risk","intent":"entry"}"#), "{line}");
    }

    #[test]
    fn orders_cancels_and_fills_show_ids_and_prices_as_strings() {
        let order = Order {
            id: OrderId(1_281),
            signal: 0,
            quantity: Qty(4),
            price: Price(28_505_000),
            strategy: StrategyId::NONE,
            side: Side::Sell as u8,
            order_type: OrderType::Market as u8,
            validity: Validity::Ioc as u8,
            intent: Intent::SquareOff as u8,
            reserved: [0; 58],
        };
        let expected =
            r#"{"order_id":"1281","side":"sell","type":"market","validity":"ioc","intent":"square_off","#;
        let expected = format!(r#"{expected}"quantity":4,"price":"2850.50","strategy":"risk"}}"#);
        assert_eq!(logged(&order).unwrap(), ("order_placed", expected));
        let (order, strategy) = (OrderId(1_281), StrategyId(0));
        let cancel = Cancel { order, strategy, intent: Intent::Exit as u8, reserved: [0; 21] };
        let expected = r#"{"order_id":"1281","intent":"exit","strategy":"ema"}"#.to_owned();
        assert_eq!(logged(&cancel).unwrap(), ("cancel_sent", expected));
        let fill = Fill {
            order,
            maker: OrderId::ZERO,
            price: Price(28_500_000),
            quantity: Qty(2),
            last: Price(28_500_500),
            number: 1,
            strategy,
            side: Side::Buy as u8,
            flags: 0,
            reserved: [0; 48],
        };
        let expected = r#"{"order_id":"1281","side":"buy","quantity":2,"price":"2850.00","number":1,"#;
        let expected = format!(r#"{expected}"last":"2850.05","strategy":"ema"}}"#);
        assert_eq!(logged(&fill).unwrap(), ("order_filled", expected));
    }

    #[test]
    fn of_reports_only_rejections_and_cancellations_are_logged() {
        for state in [OrderState::Open, OrderState::PartiallyFilled, OrderState::Filled] {
            assert!(logged(&report_of(state, ReportReason::None)).is_none());
        }
        let (event, line) = logged(&report_of(OrderState::Rejected, ReportReason::SelfTrade)).unwrap();
        assert_eq!(event, "order_rejected");
        let expected = r#"{"order_id":"1281","reason":"self_trade","side":"sell","quantity":4,"filled":2,"#;
        assert_eq!(line, format!(r#"{expected}"strategy":"ema"}}"#));
        assert_eq!(
            logged(&report_of(OrderState::Cancelled, ReportReason::IocRest)).unwrap().0,
            "order_cancelled"
        );
    }

    #[test]
    fn alarms_and_late_ticks_are_logged_and_state_hashes_are_not() {
        let alarm = |code, value, order| Alarm { value, order: OrderId(order), code, reserved: [0; 15] };
        let halted = r#"{"code":"halted","value":"2000.00"}"#.to_owned();
        assert_eq!(logged(&alarm(AlarmCode::Halted as u8, 20_000_000, 0)).unwrap(), ("alarm", halted));
        let not_flat = r#"{"code":"not_flat","value":-4,"order_id":"1281"}"#;
        assert_eq!(logged(&alarm(AlarmCode::NotFlat as u8, -4, 1_281)).unwrap().1, not_flat);
        // No journal of this build holds such a code; if one came all the same, it must not stop the log.
        assert_eq!(logged(&alarm(200, 1, 0)).unwrap().1, r#"{"code":"unknown","value":1}"#);
        let nowhere = output(9, InstrumentId::NONE, &alarm(AlarmCode::Killed as u8, 0, 0));
        assert!(Line::of(&nowhere, &names()).unwrap().instrument.is_none());
        let letter = DeadLetter {
            received: OPEN,
            source_seq: 77,
            token: 0,
            original_bytes: 64,
            kept_bytes: 64,
            reason: DeadReason::LateTick as u8,
            reserved: [0; 1],
            line: 0,
            reserved2: [0; 8],
            data: [0; 184],
        };
        let late = r#"{"reason":"late_tick","source_seq":77}"#.to_owned();
        assert_eq!(logged(&letter).unwrap(), ("dead_letter", late));
        assert!(Line::of(&Event::state_hash(StageId::Risk, 1, Seq(1), OPEN), &names()).is_none());
    }

    #[test]
    fn lines_appear_while_the_run_goes_on_over_segments_and_pauses() {
        let scratch = Scratch::new("live");
        let mut outputs = scratch.outputs();
        let writer = scratch.writer();
        let mut seq = 0;
        for count in [1, 1, 2_000, 3_000] {
            for _ in 0..count {
                seq += 1;
                outputs.append(&hold(seq));
                outputs.append(&Event::state_hash(StageId::Risk, 1, Seq(seq), OPEN.plus(seq)));
            }
            scratch.wait_for(seq as usize);
        }
        // Closing removes the segments made ahead, under the eyes of the thread that looks for them.
        outputs.finish().unwrap();
        assert_eq!(writer.finish().unwrap(), seq);
        let seqs: Vec<u64> = scratch.lines().iter().map(|line| line["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, (1..=seq).collect::<Vec<_>>());
    }

    #[test]
    fn finishing_drains_a_sealed_journal() {
        let scratch = Scratch::new("sealed");
        let mut outputs = scratch.outputs();
        (1..=5_000).for_each(|seq| outputs.append(&hold(seq)));
        outputs.finish().unwrap();
        assert_eq!(scratch.writer().finish().unwrap(), 5_000);
        assert_eq!(scratch.lines().len(), 5_000);
    }

    #[test]
    fn finishing_drains_an_unsealed_journal_and_so_does_dropping() {
        let scratch = Scratch::new("unsealed");
        let mut outputs = scratch.outputs();
        outputs.append(&hold(1));
        let writer = scratch.writer();
        scratch.wait_for(1);
        outputs.append(&hold(2));
        assert_eq!(writer.finish().unwrap(), 2, "the writer lives, but nothing more was recorded");
        outputs.append(&hold(3));
        drop(outputs);
        drop(scratch.writer());
        assert_eq!(scratch.lines().len(), 3);
    }

    #[test]
    fn errors_are_those_of_starting_or_come_out_at_the_end() {
        let scratch = Scratch::new("errors");
        let start = |file: &Path| EventLogWriter::start(&scratch.0, names(), file).map(drop);
        let missing = start(&scratch.file()).unwrap_err().to_string();
        assert!(missing.contains("outputs"), "{missing}");
        assert!(!scratch.file().exists(), "nothing is made before the journal is found");
        let mut outputs = scratch.outputs();
        let unwritable = start(&scratch.0.join("no/such/folder")).unwrap_err().to_string();
        assert!(unwritable.contains("no/such/folder"), "{unwritable}");
        if Path::new("/dev/full").exists() {
            let writer = EventLogWriter::start(&scratch.0, names(), Path::new("/dev/full")).unwrap();
            outputs.append(&hold(1));
            let full = writer.finish().unwrap_err().to_string();
            assert!(full.contains("/dev/full"), "{full}");
        }
        outputs.append(&hold(2));
        outputs.finish().unwrap();
    }
}
