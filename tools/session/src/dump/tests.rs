//! A small journal, dumped and followed.

use super::decoded::{Decoded, is_shown, size};
use super::*;
use pitlane_engine::config::InstrumentClass;
use pitlane_engine::event::{
    Body, CommandCode, ConfigText, FLAG_EXO, Full, Hours, Instrument, Intent, Ltp, MARKET_TRADE_TIME,
    MARKET_VOLUME, Order, OrderType, SessionStart, Side, StageId, Validity,
};
use pitlane_engine::log::EventLog;
use pitlane_engine::sequencer::schedule::command_event;
use pitlane_engine::units::{InstrumentId, OrderId, Price, Qty, Seq, TsNs};
use pitlane_journal::{JournalDir, WriterOptions};
use pitlane_store::JournalLog;
use serde_json::Value;

/// 2026-06-15 09:15:00 IST.
pub(crate) const OPEN: TsNs = TsNs(1_781_495_100_000_000_000);

/// A journal that goes away with the test.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub(crate) fn options() -> WriterOptions {
    WriterOptions { segment_bytes: 256 * 1024, ..WriterOptions::default() }
}

pub(crate) fn input<B: Body>(seq: u64, ts: TsNs, instrument: u32, body: &B) -> Event {
    let mut event = Event::new(InstrumentId(instrument), FLAG_EXO, body);
    (event.header.seq, event.header.ts) = (Seq(seq), ts);
    event
}

pub(crate) fn instrument(symbol: &str, token: u32) -> Instrument {
    let mut body: Instrument = *zeroed(Kind::Instrument).body();
    body.symbol[..symbol.len()].copy_from_slice(symbol.as_bytes());
    (body.token, body.class, body.tradable) = (token, InstrumentClass::Equity as u8, 1);
    (body.lot, body.tick, body.multiplier) = (Qty(1), Price(500), 1);
    body
}

/// An event of that kind with nothing in it.
pub(crate) fn zeroed(kind: Kind) -> Event {
    let text = ConfigText { part: 0, parts: 0, used_bytes: 0, text: [0; 216] };
    let mut event = Event::new(InstrumentId::NONE, 0, &text);
    (event.header.kind, event.header.lines) = (kind as u8, kind.lines());
    event
}

pub(crate) fn full() -> Full {
    let mut full: Full = *zeroed(Kind::Full).body();
    (full.last, full.received, full.source_seq) = (Price(28_500_500), OPEN.plus(5), 9);
    (full.flags, full.volume) = (MARKET_VOLUME | MARKET_TRADE_TIME, 7);
    full.exchange_secs = 1_781_495_100;
    (full.bid_qty, full.bid_delta) = ([10, 20, 0, 0, 0], [-500, -1_000, 0, 0, 0]);
    (full.ask_qty, full.ask_delta) = ([5, 0, 0, 0, 0], [500, 0, 0, 0, 0]);
    full
}

pub(crate) fn order(cause: &Event) -> Event {
    let mut order: Order = *zeroed(Kind::Order).body();
    (order.id, order.signal, order.quantity) = (OrderId(1_281), 3, Qty(2));
    (order.price, order.side, order.order_type) =
        (Price(28_500_501), Side::Buy as u8, OrderType::Limit as u8);
    (order.validity, order.intent) = (Validity::Ioc as u8, Intent::Entry as u8);
    Event::output(StageId::Risk, &cause.header, cause.header.instrument, &order)
}

/// Inputs: configuration, two instruments, a session, a full packet (seq 5), then one last price a second for
/// seqs 6 to 9. Outputs: an order on seq 5 and a state hash on seqs 5 and 9.
pub(crate) fn journal(test: &str) -> Scratch {
    let scratch = Scratch(std::env::temp_dir().join(format!("pitlane-dump-{}-{test}", std::process::id())));
    drop(std::fs::remove_dir_all(&scratch.0));
    std::fs::create_dir_all(&scratch.0).unwrap();
    let dir = JournalDir::lock(&scratch.0).unwrap();
    let none = InstrumentId::NONE.0;
    let mut session: SessionStart = *zeroed(Kind::SessionStart).body();
    (session.date, session.number, session.config_hash) = (20_260_615, 1, 0xabc);
    let text = ConfigText { part: 0, parts: 1, used_bytes: 0, text: [0; 216] };
    let packet = input(5, OPEN, 1, &full());
    let mut inputs = JournalLog::inputs(&dir, options()).unwrap();
    inputs.append(&input(1, OPEN, none, &text));
    inputs.append(&input(2, OPEN, 0, &instrument("NSE:NIFTY 50", 738_561)));
    inputs.append(&input(3, OPEN, 1, &instrument("NSE:TCS", 2_953_217)));
    inputs.append(&input(4, OPEN, none, &session));
    inputs.append(&packet);
    for seq in 6..10 {
        let last = Ltp { last: Price(1), received: OPEN, source_seq: seq, flags: 0, reserved: [0; 4] };
        inputs.append(&input(seq, OPEN.plus((seq - 5) * 1_000_000_000), 0, &last));
    }
    inputs.finish().unwrap();
    let mut outputs = JournalLog::outputs(&dir, options()).unwrap();
    outputs.append(&order(&packet));
    let mut hash = Event::state_hash(StageId::Risk, 1 << 64 | 2, Seq(5), OPEN);
    hash.header.index = 1;
    outputs.append(&hash);
    outputs.append(&Event::state_hash(StageId::Risk, 1, Seq(9), OPEN.plus(4_000_000_000)));
    outputs.finish().unwrap();
    scratch
}

fn lines(args: &DumpArgs) -> Vec<Value> {
    let mut out = Vec::new();
    dump(args, &mut out).unwrap();
    String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn args(scratch: &Scratch) -> DumpArgs {
    DumpArgs { dir: scratch.0.clone(), json: true, ..DumpArgs::default() }
}

#[test]
fn every_field_of_every_kind_has_a_meaning_here() {
    for &kind in Kind::ALL {
        let event = zeroed(kind);
        let names = Names::default();
        let decoded = Decoded { event: &event, stream: INPUTS, names: &names, json: true };
        for field in kind.fields().iter().filter(|field| is_shown(field)) {
            let place = format!("{}.{}: {}", kind.name(), field.name, field.ty);
            let element = field.ty.trim_start_matches('[').split(';').next().unwrap();
            assert!(size(element).is_some(), "{place} is of a type that `size` and `primitive` do not know");
            let value = decoded.value(field);
            let is_code = field.ty == "u8" || field.name == "flags";
            assert!(
                !is_code || !value.is_number(),
                "{place} is a code without names; add it to `coded` or `value`"
            );
        }
    }
}

#[test]
fn commands_show_their_reason_and_modifies_and_hours_their_fields() {
    let text = |event: &Event, json| {
        let mut out = Vec::new();
        write_line(&mut out, event, INPUTS, &Names::default(), json).unwrap();
        String::from_utf8(out).unwrap()
    };
    let command = command_event(CommandCode::Resume, "feed is back");
    assert!(
        text(&command, false).ends_with("code=resume reason=\"feed is back\"\n"),
        "{}",
        text(&command, false)
    );
    assert!(text(&command, true).contains(r#""body":{"code":"resume","reason":"feed is back"}"#));
    let modify = zeroed(Kind::Modify);
    assert!(
        text(&modify, true).contains(
            r#""order":"0","quantity":0,"price":"0.00","trigger":"0.00","disclosed":0,"strategy":"#
        )
    );
    let hours = Hours { open: OPEN, close: OPEN.plus(1), reserved: [0; 16] };
    let hours = Event::new(InstrumentId(0), FLAG_EXO, &hours);
    assert!(text(&hours, false).contains("open=2026-06-15 09:15:00 close="), "{}", text(&hours, false));
}

#[test]
fn json_has_header_and_all_fields_decoded_and_in_order() {
    let scratch = journal("json");
    let mut out = Vec::new();
    dump(&DumpArgs { from: Some("5".into()), to: Some("5".into()), ..args(&scratch) }, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let expected = [
        concat!(
            r#"{"schema":"journal-event/1","stream":"inputs","seq":5,"ts":1781495100000000000,"instrument":"NSE:TCS","kind":"Full","lines":4,"#,
            r#""flags":["exo"],"index":0,"source":0,"body":{"last":"2850.05","received":1781495100000000005,"#,
            r#""source_seq":9,"flags":["volume","trade_time"],"exchange_secs":1781495100,"average":"0.00","#,
            r#""open":"0.00","high":"0.00","low":"0.00","close":"0.00","last_qty":0,"volume":7,"buy_qty":0,"#,
            r#""sell_qty":0,"last_trade_secs":0,"open_interest":0,"open_interest_high":0,"open_interest_low":0,"#,
            r#""bid_qty":[10,20,0,0,0],"ask_qty":[5,0,0,0,0],"bid_delta":["-0.05","-0.10","0.00","0.00","0.00"],"#,
            r#""ask_delta":["0.05","0.00","0.00","0.00","0.00"],"bid_orders":[0,0,0,0,0],"ask_orders":[0,0,0,0,0],"#,
            r#""bid_price":["2850.00","2849.95",null,null,null],"ask_price":["2850.10",null,null,null,null]}}"#
        ),
        concat!(
            r#"{"schema":"journal-event/1","stream":"outputs","seq":5,"ts":1781495100000000000,"instrument":"NSE:TCS","kind":"Order","lines":2,"#,
            r#""flags":["out"],"index":0,"source":"risk","body":{"id":"1281","signal":3,"quantity":2,"#,
            r#""price":"2850.0501","trigger":"0.00","disclosed":0,"strategy":"ema","side":"buy","order_type":"limit","validity":"ioc","#,
            r#""intent":"entry","flags":[]}}"#
        ),
        concat!(
            r#"{"schema":"journal-event/1","stream":"outputs","seq":5,"ts":1781495100000000000,"instrument":null,"kind":"StateHash","lines":1,"#,
            r#""flags":["out"],"index":1,"source":"risk","body":{"low":"0000000000000002","#,
            r#""high":"0000000000000001","stage":"risk"}}"#
        ),
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    let preamble = lines(&DumpArgs { to: Some("4".into()), ..args(&scratch) });
    assert_eq!(preamble[2]["body"]["symbol"], "NSE:TCS");
    assert_eq!(preamble[2]["body"]["class"], "equity");
    assert_eq!(preamble[2]["body"]["tradable"], true);
    assert_eq!(preamble[3]["body"]["config_hash"], "0000000000000abc");
}

#[test]
fn filters_choose_by_stream_kind_instrument_seq_and_time() {
    let scratch = journal("filters");
    let some = |text: &str| Some(text.to_owned());
    let base = || args(&scratch);
    let table: &[(DumpArgs, &[u64])] = &[
        (base(), &[1, 2, 3, 4, 5, 5, 5, 6, 7, 8, 9, 9]),
        (DumpArgs { stream: some("outputs"), ..base() }, &[5, 5, 9]),
        (DumpArgs { stream: some("inputs"), from: some("8"), ..base() }, &[8, 9]),
        (DumpArgs { kind: vec!["order".into(), "Full".into()], ..base() }, &[5, 5]),
        (DumpArgs { instrument: some("NSE:NIFTY"), ..base() }, &[2, 6, 7, 8, 9]),
        (DumpArgs { from: some("09:15:02"), to: some("09:15:03"), ..base() }, &[7, 8]),
        (DumpArgs { from: some("2026-06-15T09:15:04+05:30"), ..base() }, &[9, 9]),
        (DumpArgs { to: some("2026-06-15T03:45:00Z"), kind: vec!["SessionStart".into()], ..base() }, &[4]),
        (DumpArgs { from: some("10"), ..base() }, &[]),
    ];
    for (args, expected) in table {
        let seqs: Vec<u64> = lines(args).iter().map(|line| line["seq"].as_u64().unwrap()).collect();
        assert_eq!(&seqs, expected, "{args:?}");
    }
    for (wrong, hint) in [
        (DumpArgs { stream: some("input"), ..base() }, "inputs, outputs"),
        (DumpArgs { kind: vec!["Orders".into()], ..base() }, "Order,"),
        (DumpArgs { instrument: some("NSE:INFY"), ..base() }, "NSE:TCS"),
        (DumpArgs { from: some("9:15"), ..base() }, "09:20"),
    ] {
        let error = dump(&wrong, &mut Vec::new()).unwrap_err();
        assert_eq!(crate::exit::exit_of(&error), Exit::Usage);
        assert!(error.to_string().contains(hint), "{error}");
    }
}

#[test]
fn people_see_times_prices_and_levels() {
    let scratch = journal("text");
    let mut out = Vec::new();
    dump(&DumpArgs { from: Some("5".into()), to: Some("5".into()), json: false, ..args(&scratch) }, &mut out)
        .unwrap();
    let text = String::from_utf8(out).unwrap();
    let rows: Vec<&str> = text.lines().collect();
    assert!(
        rows[0].starts_with("5            2026-06-15 09:15:00           Full         NSE:TCS "),
        "{text}"
    );
    assert!(rows[0].contains(" exchange_secs=2026-06-15 09:15:00 "), "{text}");
    assert!(rows[0].ends_with(" bid_price=2850.00/2849.95/-/-/- ask_price=2850.10/-/-/-/-"), "{text}");
    assert!(rows[1].starts_with("5.0 ") && rows[1].contains(" side=buy "), "{text}");
    assert!(rows[2].starts_with("5.1 "), "{text}");
}

#[test]
fn what_precedes_damage_is_written_and_the_damage_is_an_error() {
    let scratch = journal("damage");
    let folder = scratch.0.join(INPUTS);
    let segment = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = bytes.windows(7).rposition(|window| window == b"NSE:TCS").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let mut out = Vec::new();
    let error = dump(&args(&scratch), &mut out).unwrap_err();
    assert_eq!(crate::exit::exit_of(&error), Exit::Data, "{error}");
    assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 2, "the two events before the third");
}

#[test]
fn tail_shows_the_last_lines_follows_and_ends_with_the_seal_or_a_signal() {
    let scratch = journal("tail");
    let seqs = |out: &[u8]| -> Vec<u64> {
        let text = std::str::from_utf8(out).unwrap().lines();
        text.map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap()).collect()
    };
    let tail_of = |dir: &Path, lines| TailArgs { dir: dir.to_owned(), lines, json: true, stream: None };
    for (lines, expected) in [(0, &[][..]), (2, &[8, 9]), (100, &[1, 2, 3, 4, 5, 6, 7, 8, 9])] {
        let mut out = Vec::new();
        assert_eq!(follow(&tail_of(&scratch.0, lines), INPUTS, &|| None, &mut out).unwrap(), Exit::Ok);
        assert_eq!(seqs(&out), expected);
    }
    std::fs::remove_dir_all(scratch.0.join(OUTPUTS)).unwrap();
    let mut outputs = JournalLog::outputs(&JournalDir::lock(&scratch.0).unwrap(), options()).unwrap();
    let hash = |seq| Event::state_hash(StageId::Risk, 1, Seq(seq), OPEN.plus(seq));
    (1..=5).for_each(|seq| outputs.append(&hash(seq)));
    // All lines are shown, whether the follower finds them recorded or sees them come.
    let (args, mut out) = (tail_of(&scratch.0, usize::MAX), Vec::new());
    let exit = std::thread::scope(|scope| {
        let follower = scope.spawn(|| follow(&args, OUTPUTS, &|| None, &mut out).unwrap());
        std::thread::sleep(Duration::from_millis(100));
        (6..=3_000).for_each(|seq| outputs.append(&hash(seq)));
        outputs.finish().unwrap();
        follower.join().unwrap()
    });
    assert_eq!((exit, seqs(&out)), (Exit::Ok, (1..=3_000).collect::<Vec<_>>()));
    let stopped = follow(&args, OUTPUTS, &|| Some(Exit::Interrupted), &mut Vec::new()).unwrap();
    assert_eq!(stopped, Exit::Interrupted);
}
