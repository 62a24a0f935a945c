//! Two small runs, alike but for one thing at a time.

use super::orders::Change;
use super::outputs::Difference;
use super::*;
use crate::dump::tests::{OPEN, Scratch, full, input, instrument, journal, options, order, zeroed};
use pitlane_engine::event::{
    Action, ConfigText, Fill, Order, OrderState, Report, ReportReason, Side, Signal, SignalReason,
};
use pitlane_engine::log::EventLog;
use pitlane_engine::units::{InstrumentId, OrderId, Price, Qty, Seq, TsNs};
use pitlane_journal::JournalDir;
use pitlane_store::JournalLog;

/// A run: what is in its two streams.
#[derive(Clone)]
struct Script {
    text: &'static str,
    symbols: Vec<&'static str>,
    inputs: Vec<Event>,
    outputs: Vec<Event>,
}

fn tick(second: u64, price: i64) -> Event {
    let last = Ltp { last: Price(price), received: OPEN, source_seq: second, flags: 0, reserved: [0; 4] };
    input(0, at(second), 1, &last)
}

fn at(second: u64) -> TsNs {
    OPEN.plus(second * 1_000_000_000)
}

/// An output of the input at `second`.
fn output<B: pitlane_engine::event::Body>(stage: StageId, second: u64, body: &B) -> Event {
    Event::output(stage, &tick(second, 1).header, InstrumentId(1), body)
}

fn bought(second: u64, quantity: i64, price: i64, side: Side) -> Event {
    let mut fill: Fill = *zeroed(Kind::Fill).body();
    (fill.order, fill.quantity, fill.price) = (OrderId(second * 256), Qty(quantity), Price(price));
    (fill.side, fill.number) = (side as u8, 1);
    output(StageId::Matcher, second, &fill)
}

fn script() -> Script {
    let mut signal: Signal = *zeroed(Kind::Signal).body();
    (signal.id, signal.price) = (1, Price(1_000_000));
    (signal.action, signal.reason) = (Action::ALL[0] as u8, SignalReason::ALL[0] as u8);
    let packet = input(0, at(0), 1, &full());
    let mut sent = order(&tick(1, 1));
    sent.header.ts = at(1);
    Script {
        text: "",
        symbols: vec!["NSE:NIFTY 50", "NSE:TCS"],
        inputs: vec![packet, tick(1, 1_000_000), tick(2, 1_010_000), tick(3, 1_020_000)],
        outputs: vec![
            output(StageId::Strategy, 1, &signal),
            sent,
            bought(1, 10, 1_000_000, Side::Buy),
            bought(2, 10, 1_010_000, Side::Sell),
        ],
    }
}

impl Script {
    /// Writes the run: seqs by the place among the inputs, causes by the time, numbers by the place in the step.
    fn write(&self, test: &str) -> Scratch {
        let scratch = journal(test);
        for stream in [INPUTS, OUTPUTS] {
            std::fs::remove_dir_all(scratch.0.join(stream)).unwrap();
        }
        let dir = JournalDir::lock(&scratch.0).unwrap();
        let none = InstrumentId::NONE.0;
        let mut text = ConfigText { part: 0, parts: 1, used_bytes: self.text.len() as u32, text: [0; 216] };
        text.text[..self.text.len()].copy_from_slice(self.text.as_bytes());
        let mut events = vec![input(0, OPEN, none, &text)];
        for (id, symbol) in (0..).zip(&self.symbols) {
            events.push(input(0, OPEN, id, &instrument(symbol, 256 + id)));
        }
        let mut session: pitlane_engine::event::SessionStart = *zeroed(Kind::SessionStart).body();
        (session.date, session.number) = (20_260_615, 1);
        session.config_hash = self.text.len() as u64;
        events.push(input(0, OPEN, none, &session));
        events.extend(&self.inputs);
        let mut inputs = JournalLog::inputs(&dir, options()).unwrap();
        for (seq, event) in (1..).zip(&mut events) {
            event.header.seq = Seq(seq);
            inputs.append(event);
        }
        inputs.finish().unwrap();
        let mut outputs = JournalLog::outputs(&dir, options()).unwrap();
        let (mut last, mut index) = (Seq::ZERO, 0);
        for mut event in self.outputs.iter().copied() {
            let cause = events.iter().rfind(|input| input.header.ts == event.header.ts).unwrap();
            index = if cause.header.seq == last { index + 1 } else { 0 };
            last = cause.header.seq;
            (event.header.seq, event.header.index) = (last, index);
            outputs.append(&event);
        }
        outputs.finish().unwrap();
        scratch
    }
}

fn compare(test: &str, a: &Script, b: &Script) -> Diff {
    let (a, b) = (a.write(&format!("diff-{test}-a")), b.write(&format!("diff-{test}-b")));
    diff(&DiffArgs { a: a.0.clone(), b: b.0.clone(), limit: 0, json: false }).unwrap()
}

fn columns(diff: &Diff) -> [u64; 4] {
    diff.outputs.values().fold([0; 4], |mut sum, counts| {
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        sum
    })
}

#[test]
fn a_run_is_identical_to_itself() {
    let found = compare("same", &script(), &script());
    assert!(found.identical(), "{}", found.render());
    assert_eq!((found.inputs, columns(&found)), ([5, 5], [4, 0, 0, 0]));
    assert!(found.json()["first_divergence"].is_null());
    // Bought 10 at 100, sold 10 at 101. Brokerage 0.3 and 0.303, tax 0.2525, exchange 0.0307 and 0.0310, fee 0.001 and
    // 0.0010, stamp 0.03, goods and services tax 0.0597 and 0.0603.
    let totals = &found.json()["totals"];
    assert_eq!((&totals["charges"]["a"], &totals["net_pnl"]["a"]), (&"1.0692".into(), &"8.9308".into()));
}

#[test]
fn one_field_of_one_order_is_named_and_nothing_else() {
    let mut other = script();
    other.outputs[1].body_mut::<Order>().quantity = Qty(3);
    let found = compare("field", &script(), &other);
    assert_eq!(columns(&found), [3, 1, 0, 0]);
    let [Difference { kind: Kind::Order, stage: StageId::Risk, place, fields, .. }] = &found.listed[..]
    else {
        panic!("{}", found.render());
    };
    assert_eq!(place, &[Some((6, 1)), Some((6, 1))]);
    let expected = Changed { name: "quantity".into(), a: Some(2.into()), b: Some(3.into()) };
    assert_eq!(fields, &[expected]);
    // Nothing that an order follows from is different here.
    assert_eq!((found.listed[0].cause, found.unexplained()), (Cause::Unexplained, 1));
    assert_eq!(found.json()["fields"]["Order"]["quantity"], 1);
    let first = &found.json()["first_divergence"];
    assert_eq!(
        (&first["seq_a"], &first["stage"], &first["field"]),
        (&6.into(), &"risk".into(), &"quantity".into())
    );
    assert!(found.input.is_none() && !found.identical());
}

#[test]
fn a_fill_that_one_run_has_not_is_missing_there_and_in_its_profit() {
    let mut other = script();
    other.outputs.pop();
    let found = compare("fill", &script(), &other);
    assert_eq!(columns(&found), [3, 0, 1, 0]);
    let json = found.json();
    assert_eq!(json["first_divergence"]["field"], "missing in B");
    assert_eq!(json["totals"]["fills"], serde_json::json!({ "a": 2, "b": 1 }));
    // Still held, at the last price of 102; bought for 0.4214 of charges, not sold for 0.6478.
    let of_tcs = &json["totals"]["by_instrument"]["NSE:TCS"];
    assert_eq!((&of_tcs["b"]["position"], &of_tcs["b"]["pnl"]), (&10.into(), &"19.5786".into()));
    assert_eq!(of_tcs["difference"], "10.6478");
    assert_eq!(json["totals"]["net_pnl"]["difference"], "10.6478");
    let classes = &json["cost"]["by_change"];
    assert_eq!(
        classes[Change::OnlyA.name()],
        serde_json::json!({ "orders": 1, "difference": "10.6478" }),
        "{json}"
    );
    let mirrored = compare("fill-mirrored", &other, &script());
    assert_eq!(columns(&mirrored), [3, 0, 0, 1]);
    assert_eq!(mirrored.json()["first_divergence"]["field"], "missing in A");
}

#[test]
fn numbers_that_a_run_gives_out_do_not_make_decisions_differ() {
    let (mut other, mut report) = (script(), *zeroed(Kind::Report).body::<Report>());
    report.number = 1;
    (report.state, report.side) = (OrderState::ALL[0] as u8, Side::Buy as u8);
    report.reason = ReportReason::ALL[0] as u8;
    // A report more moves every seq behind it, and ids with them.
    let mut event = input(0, at(1), 1, &report);
    event.header.flags = pitlane_engine::event::FLAG_ENDO;
    other.inputs.insert(2, event);
    other.outputs[0].body_mut::<Signal>().id = 9;
    (other.outputs[1].body_mut::<Order>().id, other.outputs[1].body_mut::<Order>().signal) = (OrderId(77), 9);
    other.outputs[3].body_mut::<Fill>().order = OrderId(77);
    let found = compare("numbers", &script(), &other);
    assert_eq!((columns(&found), found.differing), ([4, 0, 0, 0], 0), "{}", found.render());
    assert_eq!(found.unexplained(), 0);
    assert!(found.input.is_none() && !found.identical(), "their bytes differ all the same");
    assert_eq!(found.json()["first_divergence"]["stream"], "inputs");
}

#[test]
fn the_first_input_that_differs_is_named_by_seq_kind_and_field() {
    let mut other = script();
    *other.inputs.last_mut().unwrap() = tick(3, 1_030_000);
    let found = compare("input", &script(), &other);
    let input = found.input.as_ref().expect("one input differs");
    assert_eq!((input.seq, input.kind, input.changed.name.as_str()), ([Some(8), Some(8)], Kind::Ltp, "last"));
    assert_eq!(input.changed.b, Some("103.00".into()));
    other.inputs.pop();
    let found = compare("input-missing", &script(), &other);
    let input = found.input.as_ref().expect("one input is missing");
    assert_eq!((input.seq, input.changed.name.as_str(), found.inputs), ([Some(8), None], "missing", [5, 4]));
}

/// What follows from what: a setting explains its stage, an earlier answer of the venue risk, and nothing a signal.
#[test]
fn a_difference_is_explained_by_what_it_follows_from() {
    let mut other = script();
    other.text = "[risk]\ncapital = 700000\n";
    other.outputs[1].body_mut::<Order>().quantity = Qty(3);
    let found = compare("cause-settings", &script(), &other);
    assert_eq!((found.listed[0].cause, found.unexplained()), (Cause::Settings, 0));
    other.outputs[0].body_mut::<Signal>().price = Price(1);
    let found = compare("cause-signal", &script(), &other);
    let causes: Vec<Cause> = found.listed.iter().map(|difference| difference.cause).collect();
    assert_eq!(causes, [Cause::Unexplained, Cause::Settings], "limits decide about no signal");
    let mut heard = script();
    let mut report: Report = *zeroed(Kind::Report).body();
    (report.number, report.state, report.side) = (1, OrderState::ALL[0] as u8, Side::Buy as u8);
    report.reason = ReportReason::ALL[0] as u8;
    let mut event = input(0, at(1), 1, &report);
    event.header.flags = pitlane_engine::event::FLAG_ENDO;
    heard.inputs.insert(1, event);
    heard.outputs[1].body_mut::<Order>().quantity = Qty(3);
    let found = compare("cause-answer", &script(), &heard);
    assert_eq!((found.listed[0].cause, found.unexplained()), (Cause::Answers, 0));
    assert_eq!(found.json()["first_other_answer"]["a"], Value::Null);
}

/// The parts of what a difference cost add up to what the runs differ by, whatever became of the orders.
#[test]
fn costs_add_up() {
    let mut other = script();
    other.outputs[3].body_mut::<Fill>().price = Price(1_005_000);
    let found = compare("cost", &script(), &other);
    let json = found.json();
    let difference = json["totals"]["net_pnl"]["difference"].as_str().unwrap().to_owned();
    assert!(
        difference.starts_with("-4.99"),
        "half a rupee less for ten, and a little less tax: {difference}"
    );
    let sums = found.orders.iter().map(|pair| pair.cost.0).sum::<i64>();
    assert_eq!(pitlane_engine::units::Money(sums).to_string(), difference);
    let changes: Vec<Change> = found.orders.iter().map(|pair| pair.change).collect();
    assert_eq!(changes.iter().filter(|change| **change == Change::Price).count(), 1, "{changes:?}");
    assert!(found.render().contains("other prices"), "{}", found.render());
}

#[test]
fn settings_and_instruments_are_compared_by_name() {
    let mut other = script();
    other.text = "[risk]\ncapital = 700000\n";
    other.symbols.push("NSE:INFY");
    let found = compare("settings", &script(), &other);
    let names: Vec<&str> = found.config.iter().map(|change| change.name.as_str()).collect();
    assert_eq!(names, ["risk.capital"]);
    assert_eq!((&found.config[0].a, &found.config[0].b), (&None, &Some("700000".into())));
    assert_eq!((found.instruments.len(), found.instruments[0].name.as_str()), (1, "NSE:INFY"));
    assert!(found.input.is_none(), "the session's hashes follow from the settings: {}", found.render());
    assert_eq!(found.differing, 0);
}

#[test]
fn tables_of_several_are_told_apart() {
    let text = "# c\n[risk]\nx = 1\n[[strategies]]\nid = \"a\"\n[strategies.params]\nfast = 2\n[[strategies]]\nid = \"b\"\n";
    let found: Vec<(String, String)> = settings(text).into_iter().collect();
    let expected = [
        ("risk.x", "1"),
        ("strategies[0].id", "\"a\""),
        ("strategies[0].params.fast", "2"),
        ("strategies[1].id", "\"b\""),
    ];
    assert_eq!(found, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
}

#[test]
fn the_list_is_limited_and_says_so() {
    let mut other = script();
    other.outputs.clear();
    let (a, b) = (script().write("diff-limit-a"), other.write("diff-limit-b"));
    let found = diff(&DiffArgs { a: a.0.clone(), b: b.0.clone(), limit: 1, json: false }).unwrap();
    assert_eq!((found.listed.len(), found.differing), (1, 4));
    assert_eq!(found.json()["differences_left_out"], 3);
    assert!(found.render().contains("and 3 more"), "{}", found.render());
}
