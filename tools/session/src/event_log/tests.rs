use super::*;
use pitlane_engine::event::{Body, FLAG_EXO, FLAG_OUT, StageId, Timer};
use pitlane_engine::log::EventLog;
use pitlane_engine::sequencer::schedule::command_event;
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
        (Action::Hold, SignalReason::VwapMissing, "vwap_missing"),
        (Action::Hold, SignalReason::ObiMissing, "obi_missing"),
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
    let expected = r#"{"rule":"order_value","observed":"123.45","limit":"100.00","wanted":10,"allowed":4,"#;
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
        trigger: Price::ZERO,
        disclosed: Qty::ZERO,
        flags: 0,
        reserved: [0; 41],
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
fn changed_orders_and_commands_are_logged() {
    let modify = Modify {
        order: OrderId(1_281),
        quantity: Qty(4),
        price: Price(28_505_000),
        strategy: StrategyId(0),
        intent: Intent::Entry as u8,
        trigger: Price::ZERO,
        disclosed: Qty::ZERO,
        reserved: [0; 53],
    };
    let expected = r#"{"order_id":"1281","quantity":4,"price":"2850.50","intent":"entry","strategy":"ema"}"#;
    assert_eq!(logged(&modify).unwrap(), ("modify_sent", expected.to_owned()));
    let report = report_of(OrderState::Open, ReportReason::Modified);
    assert_eq!(logged(&report).unwrap().0, "order_modified");
    let command = |code, reason: &str| logged(command_event(code, reason).body::<Command>()).unwrap();
    let expected = r#"{"command":"resume","reason":"feed is back"}"#.to_owned();
    assert_eq!(command(CommandCode::Resume, "feed is back"), ("operator_command", expected));
    assert_eq!(command(CommandCode::Stop, "").1, r#"{"command":"stop"}"#);
}

#[test]
fn commands_stand_before_what_they_cause() {
    let scratch = Scratch::new("commands");
    let dir = JournalDir::lock(&scratch.0).unwrap();
    let options = WriterOptions { segment_bytes: 256 * 1024, ..WriterOptions::default() };
    let mut inputs = JournalLog::inputs(&dir, options).unwrap();
    let mut outputs = JournalLog::outputs(&dir, options).unwrap();
    for seq in 1..=6 {
        let timer = Event::new(InstrumentId::NONE, FLAG_EXO, &Timer { due: OPEN, reserved: [0; 24] });
        let mut input = if seq % 2 == 0 { command_event(CommandCode::Flatten, "calm") } else { timer };
        (input.header.seq, input.header.ts) = (Seq(seq), OPEN.plus(seq));
        inputs.append(&input);
    }
    outputs.append(&hold(2));
    outputs.append(&hold(3));
    let writer = scratch.writer();
    inputs.finish().unwrap();
    outputs.finish().unwrap();
    drop(dir);
    assert_eq!(writer.finish().unwrap(), 5);
    let lines = scratch.lines();
    let order: Vec<_> =
        lines.iter().map(|l| (l["seq"].as_u64().unwrap(), l["event"].as_str().unwrap())).collect();
    let expected = [
        (2, "operator_command"),
        (2, "hold_decision"),
        (3, "hold_decision"),
        (4, "operator_command"),
        (6, "operator_command"),
    ];
    assert_eq!(order, expected);
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
