//! The projection against counts made in another way, and against itself in pieces.

mod sample;

use crate::postgres::{self, DecodeError};
use crate::tables::{Key, RowSink, Table, Tables};
use crate::value::{Date, Value};
use crate::{Context, Progress, Projection, ProjectionError, Steps, Tally, Uuid};
use pitlane_engine::charges::{Exchange, Segment, Tariff};
use pitlane_engine::config::InstrumentClass;
use pitlane_engine::event::*;
use pitlane_engine::units::{InstrumentId, Money, OrderId, Price};
use sample::{DATES, Rng, Sample, sample};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// All rows of one table, as text by the columns' names.
struct Kept(Table, Vec<BTreeMap<&'static str, String>>);

impl RowSink for Kept {
    fn wants(&self) -> Tables {
        Tables::NONE.with(self.0)
    }

    fn append(&mut self, table: Table, row: &[Value<'_>]) {
        assert_eq!(table, self.0);
        let show = |value: &Value<'_>| match value {
            Value::I32(value) => value.to_string(),
            Value::I64(value) | Value::Decimal(value) | Value::Stamp(value) => value.to_string(),
            Value::Text(text) => (*text).to_owned(),
            other => format!("{other:?}"),
        };
        self.1.push(table.columns().zip(row).map(|(column, value)| (column.name, show(value))).collect());
    }
}

/// Feeds a whole journal.
fn project(sample: &Sample, sink: &mut dyn RowSink) -> Projection {
    let mut projection = Projection::new(sample.context.clone());
    let mut outputs = sample.outputs.iter().peekable();
    for input in &sample.inputs {
        projection.input(input, sink).unwrap();
        while let Some(output) = outputs.next_if(|output| output.header.seq == input.header.seq) {
            projection.output(output, sink).unwrap();
        }
        projection.end_step(sink);
    }
    assert!(outputs.next().is_none());
    projection
}

fn kept(sample: &Sample, table: Table) -> Vec<BTreeMap<&'static str, String>> {
    let mut kept = Kept(table, Vec::new());
    project(sample, &mut kept);
    kept.1
}

fn number(row: &BTreeMap<&'static str, String>, name: &str) -> i64 {
    row[name].parse().unwrap()
}

#[test]
fn every_event_has_its_row() {
    let sample = sample(1, 4_000);
    let mut tally = Tally::new();
    project(&sample, &mut tally);
    let inputs = |kinds: &[Kind]| sample.inputs.iter().filter(|event| kinds.contains(&event.kind())).count();
    let outputs =
        |kinds: &[Kind]| sample.outputs.iter().filter(|event| kinds.contains(&event.kind())).count();
    let bars = |timeframe: Timeframe| {
        let bars = sample.outputs.iter().filter(|event| event.kind() == Kind::Bar);
        bars.filter(|event| event.body::<Bar>().timeframe == timeframe as u8).count()
    };
    let minutes = sample.inputs.iter().filter(|event| event.kind() == Kind::Timer);
    let minutes = minutes.filter(|event| event.body::<Timer>().due.0 % 60_000_000_000 == 0).count();
    let mut expected = vec![
        (Table::Sessions, 3),
        (Table::SessionTotals, 3),
        (Table::Instruments, 15),
        (Table::Hours, inputs(&[Kind::Hours])),
        (Table::TradingStates, inputs(&[Kind::TradingState])),
        (Table::Commands, inputs(&[Kind::Command])),
        (Table::Alarms, outputs(&[Kind::Alarm])),
        (Table::Checkpoints, outputs(&[Kind::StateHash])),
        (Table::DeadLetters, inputs(&[Kind::DeadLetter]) + outputs(&[Kind::DeadLetter])),
        (Table::Ticks, inputs(&[Kind::Ltp, Kind::Quote, Kind::Full])),
        (Table::Depth, inputs(&[Kind::Full])),
        (Table::Signals, outputs(&[Kind::Signal])),
        (Table::Verdicts, outputs(&[Kind::Verdict])),
        (Table::Orders, outputs(&[Kind::Order])),
        (Table::OrderRequests, outputs(&[Kind::Cancel, Kind::Modify])),
        (Table::OrderEvents, inputs(&[Kind::Report])),
        (Table::Fills, outputs(&[Kind::Fill])),
        (Table::Equity, minutes + 3),
    ];
    expected.extend(Timeframe::ALL.iter().map(|&timeframe| (Table::of_bars(timeframe), bars(timeframe))));
    for (table, rows) in &expected {
        assert_eq!(tally.rows(*table), *rows as u64, "{table:?}");
        assert!(*rows > 0, "{table:?}: the sample has none");
    }
    // All but positions, whose rows are counted with the money.
    assert_eq!(expected.len() + 1, Table::ALL.len());
    let sum = |table: Table, column: &str| -> i128 {
        let at = table.column(column).unwrap();
        let groups = tally.groups().iter().filter(|(group, _)| group.table == table);
        groups.map(|(_, count)| count.sums[at]).sum()
    };
    let volume: i128 = sample
        .outputs
        .iter()
        .filter(|event| event.kind() == Kind::Bar && event.body::<Bar>().timeframe == Timeframe::M1 as u8)
        .map(|event| i128::from(event.body::<Bar>().volume))
        .sum();
    assert_eq!(sum(Table::Bars1m, "volume"), volume);
    let last: i128 = sample
        .inputs
        .iter()
        .map(|event| match event.kind() {
            Kind::Ltp => event.body::<Ltp>().last.0,
            Kind::Quote => event.body::<Quote>().last.0,
            Kind::Full => event.body::<Full>().last.0,
            _ => 0,
        })
        .map(i128::from)
        .sum();
    assert_eq!(sum(Table::Ticks, "last"), last);
    let dates: Vec<Date> = DATES.iter().map(|&date| Date::of(date)).collect();
    assert!(tally.groups().keys().all(|group| dates.contains(&group.date)));
}

/// An order's charges from its whole value at once, which is not how the projection adds them up.
#[test]
fn charges_and_positions_are_those_of_the_fills() {
    let sample = sample(2, 6_000);
    let specs = &sample.context.instruments;
    let (mut of_orders, mut of_pairs) = (BTreeMap::new(), BTreeMap::<_, (i64, i64, i64, u64)>::new());
    let mut date = DATES[0];
    let mut starts = sample.inputs.iter().filter(|event| event.kind() == Kind::SessionStart).peekable();
    for event in &sample.outputs {
        while let Some(start) = starts.next_if(|start| start.header.seq <= event.header.seq) {
            date = start.body::<SessionStart>().date;
        }
        if event.kind() != Kind::Fill {
            continue;
        }
        let (id, fill) = (event.header.instrument, event.body::<Fill>());
        let value = fill.price.0 * fill.quantity.0 * specs[id.index()].multiplier;
        let order = of_orders.entry(fill.order).or_insert((id, fill.side, date, 0));
        order.3 += value;
        let pair = of_pairs.entry((id.0, fill.strategy.0)).or_default();
        if fill.side == Side::Buy as u8 {
            pair.0 += fill.quantity.0;
            pair.1 += value;
        } else {
            pair.0 -= fill.quantity.0;
            pair.2 += value;
        }
        pair.3 += 1;
    }
    let charges: i64 = of_orders
        .values()
        .map(|&(id, side, date, value): &(InstrumentId, u8, u32, i64)| {
            let future = specs[id.index()].class == InstrumentClass::Future;
            let segment = if future { Segment::Futures } else { Segment::Intraday };
            let side = Side::from_u8(side).unwrap();
            Tariff::new(Exchange::Nse, segment, date).order(side, Money(value)).total().0
        })
        .sum();
    let fills = kept(&sample, Table::Fills);
    assert_eq!(fills.iter().map(|row| number(row, "charges")).sum::<i64>(), charges);
    for part in ["brokerage", "stt", "exchange_fee", "sebi_fee", "stamp_duty", "gst"] {
        assert!(fills.iter().any(|row| number(row, part) > 0), "{part}");
    }
    let positions = kept(&sample, Table::Positions);
    let ended: Vec<_> = positions.iter().filter(|row| row["cause"] == "session_end").collect();
    assert_eq!(positions.len() - ended.len(), fills.len());
    let last = &ended[ended.len() - of_pairs.len()..];
    let (mut gross, marks) = (0, marks(&sample));
    for (row, (&(instrument, _), &(quantity, bought, sold, count))) in last.iter().zip(&of_pairs) {
        assert!(count > 0);
        assert_eq!(number(row, "instrument_id"), i64::from(instrument));
        assert_eq!(
            (number(row, "quantity"), number(row, "bought"), number(row, "sold")),
            (quantity, bought, sold)
        );
        let mark = marks[&instrument];
        assert_eq!(number(row, "mark"), mark);
        let worth = sold - bought + quantity * mark * specs[instrument as usize].multiplier;
        assert_eq!(number(row, "gross"), worth);
        gross += worth;
    }
    let equity = kept(&sample, Table::Equity);
    let last = equity.last().unwrap();
    assert_eq!(last["state"], "end");
    assert_eq!(number(last, "realised") + number(last, "unrealised"), gross);
    assert_eq!((number(last, "charges"), number(last, "net")), (charges, gross - charges));
    assert_eq!(number(last, "equity"), sample.context.capital.0 + gross - charges);
    assert!(equity.iter().all(|row| number(row, "peak") - number(row, "drawdown") == number(row, "equity")));
    let totals = kept(&sample, Table::SessionTotals);
    assert_eq!(number(totals.last().unwrap(), "net"), gross - charges);
    let (inputs, preamble) = (totals.iter().map(|row| number(row, "inputs")).sum::<i64>(), 6);
    assert_eq!(inputs as usize + preamble, sample.inputs.len());
}

/// The last price of each instrument that was not refused.
fn marks(sample: &Sample) -> BTreeMap<u32, i64> {
    let refused: Vec<_> = sample.outputs.iter().filter(|event| event.kind() == Kind::DeadLetter).collect();
    let mut marks = BTreeMap::new();
    for event in &sample.inputs {
        let Price(last) = match event.kind() {
            Kind::Ltp => event.body::<Ltp>().last,
            Kind::Quote => event.body::<Quote>().last,
            Kind::Full => event.body::<Full>().last,
            _ => continue,
        };
        if refused.binary_search_by_key(&event.header.seq, |event| event.header.seq).is_err() {
            marks.insert(event.header.instrument.0, last);
        }
    }
    marks
}

/// In a live journal reports come from outside, and their fills are outputs of the same step.
#[test]
fn what_a_broker_reports_is_an_order_event() {
    let mut sample = sample(2, 3_000);
    let at = sample.inputs.iter().position(|event| event.kind() == Kind::Report).unwrap();
    let report = &mut sample.inputs[at];
    assert!(report.header.flags & FLAG_EXO != 0);
    report.header.source = 4;
    let seq = report.header.seq.0;
    let body = report.body_mut::<Report>();
    (body.order, body.state, body.number) = (OrderId(77), OrderState::Filled as u8, 3);
    (body.quantity.0, body.filled.0, body.filled_value) = (12, 12, Money(1_234_500));
    let body = *sample.inputs[at].body::<Report>();
    let rows = kept(&sample, Table::OrderEvents);
    let rows: Vec<_> = rows.iter().filter(|row| number(row, "seq") == seq as i64).collect();
    assert_eq!(rows.len(), 1);
    let numbers =
        ["idx", "order_id", "number", "quantity", "filled", "filled_value"].map(|name| number(rows[0], name));
    assert_eq!(numbers, [-1, 77, 3, 12, 12, body.filled_value.0]);
    assert_eq!(rows[0]["state"], OrderState::Filled.name());
}

#[test]
fn any_split_gives_the_same_rows() {
    for seed in 0..20 {
        println!("seed {seed}");
        let sample = sample(seed, 300);
        let (mut whole, mut parts) = (Tally::new(), Tally::new());
        let end = project(&sample, &mut whole).save();
        let mut rng = Rng(seed ^ 0xABCD);
        let mut projection = Projection::new(sample.context.clone());
        // What is durable so far: a stream may be ahead of the other by any amount.
        let (mut inputs_there, mut outputs_there) = (0, 0);
        let mut steps = Steps::new();
        let (mut input_at, mut output_at) = (0, 0);
        loop {
            let ended = outputs_there == sample.outputs.len() && inputs_there == sample.inputs.len();
            let mut input = || {
                let there = sample.inputs[..inputs_there].get(input_at).copied();
                input_at += usize::from(there.is_some());
                Ok::<_, Infallible>(there)
            };
            let mut output = || {
                let there = sample.outputs[..outputs_there].get(output_at).copied();
                output_at += usize::from(there.is_some());
                Ok(there)
            };
            match steps.advance(&mut input, &mut output, ended, &mut projection, &mut parts).unwrap() {
                Progress::Waiting if ended => break,
                Progress::Waiting => {
                    // Always between steps.
                    let offset = projection.offset();
                    assert!(offset.seq as usize <= inputs_there && offset.outputs as usize <= outputs_there);
                    inputs_there = sample.inputs.len().min(inputs_there + rng.below(40) as usize);
                    outputs_there = sample.outputs.len().min(outputs_there + rng.below(40) as usize);
                }
                Progress::Step if rng.below(5) == 0 => {
                    // The process ends here and another goes on.
                    let state = projection.save();
                    projection = Projection::load(sample.context.clone(), &state).unwrap();
                    assert_eq!(projection.save(), state);
                    steps = Steps::new();
                    let offset = projection.offset();
                    (input_at, output_at) = (offset.seq as usize, offset.outputs as usize);
                }
                Progress::Step => {}
            }
        }
        assert_eq!(projection.save(), end);
        assert!(parts.differences(&whole).is_empty());
        assert!(!whole.groups().is_empty());
    }
}

#[test]
fn a_state_that_is_not_one_is_refused() {
    let sample = sample(3, 300);
    let state = project(&sample, &mut Tally::new()).save();
    for at in 0..state.len() {
        let mut bad = state.clone();
        bad[at] ^= 0x10;
        assert!(Projection::load(sample.context.clone(), &bad).is_err(), "byte {at}");
        assert!(Projection::load(sample.context.clone(), &state[..at]).is_err(), "{at} bytes");
    }
    let mut other = sample.context.clone();
    other.journal = Uuid([9; 16]);
    assert!(Projection::load(other, &state).is_err());
}

#[test]
fn events_out_of_order_are_refused() {
    let sample = sample(4, 10);
    let mut tally = Tally::new();
    let start = || Projection::new(sample.context.clone());
    let second = start().input(&sample.inputs[1], &mut tally);
    assert_eq!(second, Err(ProjectionError::InputOrder { last: 0, found: 2 }));
    let output = start().output(&sample.outputs[0], &mut tally);
    assert!(matches!(output, Err(ProjectionError::OutputOrder { step: 0, .. })));
    let mut strange = sample.inputs[0];
    strange.header.instrument = InstrumentId(77);
    let unknown = start().input(&strange, &mut tally);
    assert_eq!(unknown, Err(ProjectionError::Instrument { seq: 1, instrument: 77 }));
    assert!(tally.groups().is_empty());
}

#[test]
fn keys_are_never_used_twice() {
    struct Keys(std::collections::BTreeSet<(Table, i64, i32)>);
    impl RowSink for Keys {
        fn append(&mut self, table: Table, row: &[Value<'_>]) {
            let (Value::I64(seq), Value::I32(idx)) = (row[3], row[4]) else { panic!("no key") };
            assert!(self.0.insert((table, seq, idx)), "{table:?} {seq} {idx}");
        }
    }
    project(&sample(5, 5_000), &mut Keys(Default::default()));
}

#[test]
fn a_difference_is_found() {
    let mut one = Tally::new();
    project(&sample(6, 200), &mut one);
    let mut other = Tally::new();
    let mut sample = sample(6, 200);
    let fill = sample.outputs.iter_mut().find(|event| event.kind() == Kind::Order).unwrap();
    fill.body_mut::<Order>().id = OrderId(1);
    project(&sample, &mut other);
    let differences = one.differences(&other);
    assert_eq!(differences.len(), 1);
    assert_eq!(differences[0].0.table, Table::Orders);
}

#[test]
fn a_key_has_its_columns() {
    assert_eq!(Key::default().values().len(), crate::KEY_COLUMNS.len());
    assert!(crate::markdown().contains("| `instrument_id` | i32 |"));
}

/// Every row as it goes to the server.
#[derive(Default)]
struct Encoded(BTreeMap<Table, Vec<u8>>);

impl RowSink for Encoded {
    fn append(&mut self, table: Table, row: &[Value<'_>]) {
        postgres::row(self.0.entry(table).or_default(), table, row);
    }
}

#[test]
fn what_the_server_would_give_back_tallies_alike() {
    let sample = sample(8, 800);
    let (mut whole, mut encoded, mut back) = (Tally::new(), Encoded::default(), Tally::new());
    project(&sample, &mut whole);
    project(&sample, &mut encoded);
    for (table, rows) in encoded.0 {
        let mut stream = Vec::new();
        postgres::begin(&mut stream);
        stream.extend_from_slice(&rows);
        postgres::end(&mut stream);
        let (mut rest, mut row) = (&stream[..], Vec::new());
        postgres::read_begin(&mut rest).unwrap();
        // A row that is cut off anywhere asks for more, and takes nothing.
        for end in 0..rest.len().min(400) {
            let mut cut = &rest[..end];
            if postgres::read_row(&mut cut, table, &mut row) == Err(DecodeError::Incomplete) {
                assert_eq!(cut.len(), end);
            }
        }
        while postgres::read_row(&mut rest, table, &mut row).unwrap() {
            back.append(table, &row);
        }
        assert!(rest.is_empty());
        let other = if table == Table::Fills { Table::Orders } else { Table::Fills };
        let mut rest = &stream[19..];
        let wrong = postgres::read_row(&mut rest, other, &mut row);
        assert!(matches!(wrong, Err(DecodeError::Malformed { .. })), "{table:?}: {wrong:?}");
    }
    assert!(whole.differences(&back).is_empty());
}
