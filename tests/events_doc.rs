//! Holds `docs/events.md` to the code, and the code to bytes written down here.
//!
//! The document is the contract of journals: whoever reads one without this code reads it. So every offset, size,
//! type, name and number in it is compared, both ways: nothing may be missing and nothing may be too much.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_engine::config::InstrumentClass;
use pitlane_engine::event::*;
use pitlane_engine::units::{InstrumentId, Money, OrderId, Price, Qty, Seq, StrategyId, TsNs};
use std::collections::BTreeMap;
use std::fmt::Write;

const DOCUMENT: &str = include_str!("../docs/events.md");
const EVENT_SOURCE: &str = include_str!("../engine/src/event.rs");
const BODIES_SOURCE: &str = include_str!("../engine/src/event/bodies.rs");
const CODES_SOURCE: &str = include_str!("../engine/src/event/codes.rs");

/// The rows of a table, without its head; backquotes around a cell are dropped.
type Rows = Vec<Vec<String>>;

/// Every heading of the document with the rows of the last table below it.
fn tables() -> BTreeMap<String, Rows> {
    let mut tables = BTreeMap::new();
    let (mut heading, mut rows, mut in_body) = (String::new(), Rows::new(), false);
    for line in DOCUMENT.lines() {
        if let Some(text) = line.strip_prefix('#') {
            let before = tables.insert(heading, std::mem::take(&mut rows));
            assert!(before.is_none(), "two sections have one heading");
            heading = text.trim_start_matches('#').trim().to_owned();
        } else if line.starts_with("|---") {
            (rows, in_body) = (Rows::new(), true);
        } else if !line.starts_with('|') {
            in_body = false;
        } else if in_body {
            let cells = line.trim_matches('|').split('|');
            rows.push(cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect());
        }
    }
    tables.insert(heading, rows);
    tables
}

/// The first `columns` cells of each row.
fn first(rows: &Rows, columns: usize) -> Vec<String> {
    rows.iter().map(|row| row[..columns].join(" ")).collect()
}

fn shown(field: &Field) -> String {
    format!("{} {} {} {}", field.offset, field.bytes, field.name, field.ty)
}

fn heading(kind: Kind) -> String {
    let plural = if kind.lines() == 1 { "" } else { "s" };
    format!("{} ({}, {} line{plural})", kind.name(), kind as u8, kind.lines())
}

/// Every kind that a journal can hold.
fn journaled() -> impl Iterator<Item = Kind> {
    Kind::ALL.iter().copied().filter(|&kind| kind != Kind::StepMarker)
}

#[test]
fn every_field_of_every_kind_is_in_its_table() {
    let tables = tables();
    for kind in journaled() {
        let heading = heading(kind);
        let rows =
            tables.get(&heading).unwrap_or_else(|| panic!("docs/events.md has no section `{heading}`"));
        let expected: Vec<String> = kind.fields().iter().map(shown).collect();
        assert_eq!(first(rows, 4), expected, "docs/events.md, section {heading}");
        for row in rows {
            assert!(row.len() == 5 && !row[4].is_empty(), "{heading}: {row:?} has no meaning");
        }
    }
    let sections = tables.keys().filter(|name| name.ends_with("line)") || name.ends_with("lines)"));
    assert_eq!(sections.count(), journaled().count(), "docs/events.md describes a kind that does not exist");
}

#[test]
fn the_header_is_in_its_table() {
    let mut expected = Vec::new();
    let mut offset = 0;
    while offset < HEADER_BYTES {
        let field = field_at(Kind::Timer, offset);
        expected.push(shown(field));
        offset += field.bytes;
    }
    assert_eq!(first(&tables()["Header"], 4), expected);
    assert!(
        DOCUMENT.contains(&format!("Schema version: **{SCHEMA_VERSION}**")),
        "the schema version has changed"
    );
    assert_eq!((SLOT_LINES, LINE_BYTES, HEADER_BYTES), (4, 64, 32), "the picture of the slot has changed");
}

#[test]
fn every_kind_is_in_the_list_of_kinds() {
    let expected: Vec<String> =
        Kind::ALL.iter().map(|&kind| format!("{} {} {}", kind as u8, kind.name(), kind.lines())).collect();
    assert_eq!(first(&tables()["Kinds"], 3), expected);
}

#[test]
fn every_class_in_the_document_is_that_of_the_kind() {
    let rows = &tables()["Class"];
    for kind in [
        Kind::SessionStart,
        Kind::SessionEnd,
        Kind::Timer,
        Kind::Command,
        Kind::Instrument,
        Kind::ConfigText,
        Kind::Hours,
        Kind::TradingState,
        Kind::Ltp,
        Kind::Quote,
        Kind::Full,
        Kind::DeadLetter,
        Kind::Report,
        Kind::Wake,
    ] {
        let mut event = Event::new(InstrumentId::NONE, FLAG_EXO, &StepMarker { reserved: [0; 32] });
        event.header.kind = kind as u8;
        let class = event.class().name();
        let row = rows.iter().find(|row| row[1] == class).unwrap();
        let named = row[2].split(',').any(|name| name.trim().trim_matches('`') == kind.name());
        assert!(named, "{} is of class {class}", kind.name());
    }
}

/// Number and name of every value of every coded field, by the name of the enum.
fn codes() -> BTreeMap<String, Vec<String>> {
    let mut codes = BTreeMap::new();
    macro_rules! add {
        ($($name:ident)*) => {$(
            let values = $name::ALL.iter().map(|&code| format!("{} {}", code as u8, code.name())).collect();
            codes.insert(stringify!($name).to_owned(), values);
        )*};
    }
    add!(StageId Class Side OrderType Validity Intent OrderState ReportReason Action SignalReason Decision Rule);
    add!(MarketPhase Timeframe DeadReason CommandCode AlarmCode);
    codes
}

#[test]
fn every_coded_value_is_in_its_table() {
    let (tables, mut codes) = (tables(), codes());
    // A coded enum that is new in the source must come into `codes` above, and so into the document.
    let in_source: Vec<&str> = CODES_SOURCE
        .lines()
        .skip_while(|line| !line.starts_with("codes! {"))
        .take_while(|line| *line != "}")
        .filter_map(|line| line.strip_prefix("    ")?.strip_suffix(" {"))
        .collect();
    let mut sorted = in_source.clone();
    sorted.sort_unstable();
    assert_eq!(codes.keys().map(String::as_str).collect::<Vec<_>>(), sorted);

    let class = |code: u8| Some(format!("{code} {:?}", InstrumentClass::from_u8(code)?).to_lowercase());
    codes.insert("InstrumentClass".to_owned(), (0..=u8::MAX).filter_map(class).collect());
    for (name, expected) in codes {
        let rows = tables.get(&name).unwrap_or_else(|| panic!("docs/events.md has no section `{name}`"));
        assert_eq!(first(rows, 2), expected, "docs/events.md, section {name}");
    }
}

/// Value and name of the flags in the source whose names start with `prefix`.
fn flags(prefix: &str) -> Vec<String> {
    let lines = EVENT_SOURCE.lines().chain(BODIES_SOURCE.lines());
    let declared = lines.filter_map(|line| line.strip_prefix("pub const ")?.strip_suffix(';'));
    let flags = declared.filter(|text| text.starts_with(prefix)).map(|text| {
        let (name, rest) = text.split_once(':').expect("a constant has a type");
        let value = rest.split_once('=').expect("a constant has a value").1.trim();
        let number = |text: &str| text.trim().parse::<u32>().expect("a flag is a number or a shift");
        let value = match value.split_once("<<") {
            Some((one, shift)) => number(one) << number(shift),
            None => number(value),
        };
        format!("{value} {name}")
    });
    flags.collect()
}

#[test]
fn every_flag_is_in_its_table() {
    let tables = tables();
    for (section, prefix, count) in [
        ("Header flags", "FLAG_", 4),
        ("Market flags", "MARKET_", 4),
        ("Bar flags", "BAR_", 3),
        ("Fill flags", "FILL_", 4),
    ] {
        let expected = flags(prefix);
        assert!(expected.len() >= count, "{prefix}*: the source is not read as it is written");
        assert_eq!(first(&tables[section], 2), expected, "docs/events.md, section {section}");
    }
}

/// A sequenced event with a header whose every byte is telling.
fn sequenced(mut event: Event) -> Event {
    let header = &mut event.header;
    header.seq = Seq(0x0102_0304_0506_0708);
    header.ts = TsNs(0x1112_1314_1516_1718);
    header.index = 0x3132_3334;
    header.source = 0x4142_4344;
    event
}

fn hold<B: Body>(flags: u16, body: &B, golden: &str) {
    let event = sequenced(Event::new(InstrumentId(0x2122_2324), flags, body));
    let hex = event.used_bytes().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
        hex
    });
    assert_eq!(
        hex,
        golden,
        "the bytes of {} have changed: journals that exist cannot be read",
        B::KIND.name()
    );
    let byte = |hex| u8::from_str_radix(hex, 16).expect("the constant is in hex");
    let bytes: Vec<u8> = (0..golden.len()).step_by(2).map(|at| byte(&golden[at..at + 2])).collect();
    let read = Event::from_bytes(&bytes).expect("the bytes are an event");
    assert_eq!(read.used_bytes(), event.used_bytes());
}

const LAST: Price = Price(24_310_500);
const RECEIVED: TsNs = TsNs(1_784_519_100_123_456_789);
const ORDER: OrderId = OrderId(0x0a0b_0c0d_0e0f_1011);

// Packed from the tables of the document, independently of this code.

const LTP: &str = "\
    0807060504030201181716151413121124232221100101003433323144434241\
    e4f27201000000001525c2b1aae2c3184d000000000000000201000000000000";
const QUOTE: &str = "\
    0807060504030201181716151413121124232221110201003433323144434241\
    e4f27201000000001525c2b1aae2c3184e0000000000000002000000bc995d6a\
    44ca7201000000000844710100000000ac5174010000000030be6f0100000000\
    f4376e01000000005902000062ea0000c3270900848d5b00a3fdffff00000000";
const FULL: &str = "\
    0807060504030201181716151413121124232221120401003433323144434241\
    e4f27201000000001525c2b1aae2c3184f0000000000000006000000bd995d6a\
    44ca7201000000000844710100000000ac5174010000000030be6f0100000000\
    f4376e01000000005902000062ea0000c3270900848d5b00bb995d6abd020000\
    be020000bf02000021030000220300002303000024030000250300002b030000\
    2c0300002d0300002e0300002f0300000cfeffff18fcffff24faffff30f8ffff\
    3cf6fffff4010000e8030000dc050000d0070000c40900003503360337033803\
    39033f0340034103420343030000000000000000000000000000000000000000";
const REPORT: &str = "\
    0807060504030201181716151413121124232221180202003433323144434241\
    11100f0e0d0c0b0a85030000000000005567d1b1aae2c3188603000000000000\
    79fcffffffffffff8803000000000000890300008a0304020100000000000000\
    0000000000000000000000000000000000000000000000000000000000000000";
const BAR: &str = "\
    0807060504030201181716151413121124232221200204003433323144434241\
    005866aaaae2c31800b0ada2b8e2c318e903000000000000ea03000000000000\
    eb03000000000000ec03000000000000ed03000000000000ee03000000000000\
    ef030000f0030000f10300000206000000000000000000000000000000000000";
const ORDER_BYTES: &str = "\
    0807060504030201181716151413121124232221230204003433323144434241\
    11100f0e0d0c0b0a4d040000000000004e040000000000004f04000000000000\
    5104000000000000520400000000000050040201020301000000000000000000\
    0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn market_events_have_the_bytes_of_the_document() {
    let ltp = Ltp { last: LAST, received: RECEIVED, source_seq: 77, flags: 0x0102, reserved: [0; 4] };
    hold(FLAG_EXO, &ltp, LTP);
    let quote = Quote {
        last: LAST,
        received: RECEIVED,
        source_seq: 78,
        flags: MARKET_VOLUME,
        exchange_secs: 1_784_519_100,
        average: Price(24_300_100),
        open: Price(24_200_200),
        high: Price(24_400_300),
        low: Price(24_100_400),
        close: Price(24_000_500),
        last_qty: 601,
        volume: 60_002,
        buy_qty: 600_003,
        sell_qty: 6_000_004,
        change_raw: -605,
        reserved: [0; 4],
    };
    hold(FLAG_EXO, &quote, QUOTE);
    let full = Full {
        last: LAST,
        received: RECEIVED,
        source_seq: 79,
        flags: MARKET_VOLUME | MARKET_TRADE_TIME,
        exchange_secs: 1_784_519_101,
        average: Price(24_300_100),
        open: Price(24_200_200),
        high: Price(24_400_300),
        low: Price(24_100_400),
        close: Price(24_000_500),
        last_qty: 601,
        volume: 60_002,
        buy_qty: 600_003,
        sell_qty: 6_000_004,
        last_trade_secs: 1_784_519_099,
        open_interest: 701,
        open_interest_high: 702,
        open_interest_low: 703,
        bid_qty: [801, 802, 803, 804, 805],
        ask_qty: [811, 812, 813, 814, 815],
        bid_delta: [-500, -1_000, -1_500, -2_000, -2_500],
        ask_delta: [500, 1_000, 1_500, 2_000, 2_500],
        bid_orders: [821, 822, 823, 824, 825],
        ask_orders: [831, 832, 833, 834, 835],
        reserved: [0; 20],
    };
    hold(FLAG_EXO, &full, FULL);
}

#[test]
fn reports_bars_and_orders_have_the_bytes_of_the_document() {
    let report = Report {
        order: ORDER,
        cause: Seq(901),
        vtime: TsNs(1_784_519_100_124_456_789),
        filled: Qty(902),
        filled_value: Money(-903),
        quantity: Qty(904),
        number: 905,
        strategy: StrategyId(906),
        state: OrderState::Cancelled as u8,
        reason: ReportReason::Requested as u8,
        side: Side::Buy as u8,
        reserved: [0; 39],
    };
    hold(FLAG_ENDO, &report, REPORT);
    let bar = Bar {
        start: TsNs(1_784_519_100_000_000_000),
        end: TsNs(1_784_519_160_000_000_000),
        open: Price(1_001),
        high: Price(1_002),
        low: Price(1_003),
        close: Price(1_004),
        volume: 1_005,
        turnover: Money(1_006),
        open_interest: 1_007,
        trades: 1_008,
        gap: 1_009,
        timeframe: Timeframe::M1 as u8,
        flags: BAR_BY_TIMER | BAR_AFTER_GAP,
        reserved: [0; 18],
    };
    hold(FLAG_OUT, &bar, BAR);
    let order = Order {
        id: ORDER,
        signal: 1_101,
        quantity: Qty(1_102),
        price: Price(1_103),
        strategy: StrategyId(1_104),
        side: Side::Sell as u8,
        order_type: OrderType::Limit as u8,
        validity: Validity::Ioc as u8,
        intent: Intent::SquareOff as u8,
        trigger: Price(1_105),
        disclosed: Qty(1_106),
        flags: ORDER_POST_ONLY,
        reserved: [0; 41],
    };
    hold(FLAG_OUT, &order, ORDER_BYTES);
}
