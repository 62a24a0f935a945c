//! Candles to ticks, against what they must add up to again.

use super::*;
use pitlane_engine::event::{DeadLetter, DeadReason};
use pitlane_engine::units::{IST_OFFSET_NS, Price, Qty};
use std::path::Path;

const DAY: u64 = 18_732; // 2021-04-15
const SHARE: u32 = 738_561;
const INDEX: u32 = 256_265;

fn at(hour: u64, minute: u64, second: u64) -> TsNs {
    TsNs((DAY * 86_400 + hour * 3_600 + minute * 60 + second) * NS_PER_S - IST_OFFSET_NS)
}

fn session() -> SessionPlan {
    pitlane_engine::config::SessionTimes {
        date: 20_210_415,
        pre_open: at(9, 0, 0),
        open: at(9, 15, 0),
        close: at(15, 30, 0),
        end: at(15, 30, 2),
    }
    .into()
}

fn table() -> Vec<InstrumentSpec> {
    let spec = |symbol: &str, token, class| InstrumentSpec {
        symbol: symbol.to_owned(),
        token,
        class,
        tradable: class != InstrumentClass::Index,
        lot: Qty(1),
        tick: Price(500),
        multiplier: 1,
        freeze: Qty::ZERO,
        derivatives: false,
    };
    vec![spec("NSE:X", SHARE, InstrumentClass::Equity), spec("NSE:I", INDEX, InstrumentClass::Index)]
}

fn file(dir: &Path, name: &str, instrument: u32, rows: &[&str]) -> BarFile {
    let path = dir.join(name);
    std::fs::write(&path, rows.join("\n")).expect("a file");
    let symbol = table()[instrument as usize].symbol.clone();
    BarFile { instrument: InstrumentId(instrument), symbol, path }
}

fn terms(path: CandlePath) -> Terms {
    Terms { timeframe: Timeframe::M1, path }
}

/// What a feed brought: second of the session, raw price, volume so far; or the reason and line of a dead letter.
#[derive(Debug, PartialEq, Eq)]
enum Item {
    Tick(u64, u32, u32),
    Dead(DeadReason, u32),
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn items(files: &[BarFile], terms: Terms) -> (Vec<Item>, Vec<FileReport>) {
    let mut feed = BarCsvFeed::open(files, terms, &table(), &[session()]).expect("a feed");
    let mut items = Vec::new();
    loop {
        match feed.poll() {
            FeedItem::Frame { received, bytes } => {
                let packet = &bytes[4..];
                let (volume, secs) = match packet.len() {
                    184 => (word(packet, 16), word(packet, 60)),
                    _ => (0, word(packet, 28)),
                };
                assert_eq!(u64::from(secs) * NS_PER_S, received.0, "the exchange's time is the tick's");
                items.push(Item::Tick(received.since(at(9, 15, 0)) / NS_PER_S, word(packet, 4), volume));
            }
            FeedItem::Refused(event) => {
                let letter = event.body::<DeadLetter>();
                items.push(Item::Dead(DeadReason::from_u8(letter.reason).expect("a reason"), letter.line));
            }
            FeedItem::Closed => break,
            other => panic!("a file never waits: {other:?}"),
        }
    }
    assert!(feed.error().is_none());
    (items, feed.reports())
}

#[test]
fn the_paths_and_the_split_of_volume() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let rows = [
        "date,open,high,low,close,volume",
        "2021-04-15 09:15:00,101,103,100,102,400",
        "2021-04-15 09:16:00,101,102,99,100,403",
        "2021-04-15 09:17:00,100,101,99,100,1",
    ];
    let files = [file(dir.path(), "x.csv", 0, &rows)];
    use Item::Tick;
    let second =
        [Tick(60, 10_100, 500), Tick(80, 10_200, 600), Tick(100, 9_900, 700), Tick(119, 10_000, 803)];
    let (fixed, reports) = items(&files, terms(CandlePath::Fixed));
    let first = [Tick(0, 10_100, 0), Tick(20, 10_300, 133), Tick(40, 10_000, 266), Tick(59, 10_200, 400)];
    assert_eq!(&fixed[..4], first);
    assert_eq!(fixed[4..8], second, "nearer the open is the high, too");
    assert_eq!(
        &fixed[8..],
        [Tick(120, 10_000, 803), Tick(140, 10_100, 803), Tick(160, 9_900, 803), Tick(179, 10_000, 804)]
    );
    assert_eq!((reports[0].rows, reports[0].frames), (3, 12));
    assert_eq!(
        reports[0].notes,
        ["372 candles of the sessions are missing in 1 gap: 372 from 2021-04-15 09:18"]
    );

    let (adaptive, _) = items(&files, terms(CandlePath::Adaptive));
    assert_eq!(adaptive[1..3], [Tick(20, 10_000, 133), Tick(40, 10_300, 266)], "the low is nearer");
    assert_eq!(adaptive[4..8], second);
    assert_eq!(adaptive[9..11], [Tick(140, 9_900, 803), Tick(160, 10_100, 803)], "of equals the low");
    let (inverse, _) = items(&files, terms(CandlePath::Inverse));
    assert_eq!(inverse[5..7], [Tick(80, 9_900, 600), Tick(100, 10_200, 700)]);
}

#[test]
fn bad_rows_are_dead_letters_with_their_place() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let rows = [
        "2021-04-15 09:14:00,100,100,100,100,5",
        "2021-04-15 09:15:00,100,101,99,100,40",
        "2021-04-15 09:16:00,100,99,101,100,40",
        "2021-04-15 09:15:00,100,101,99,100,40",
        "garbage",
        "2021-04-15 09:17:00,100.001,101,99,100,40",
        "2021-04-15 09:18:00,100,101,99,100,4294967295",
        "2021-04-15 09:19:00,100,101,99,100,40",
        "2021-04-15 09:18:00,100,101,99,100,40",
    ];
    let files = [file(dir.path(), "x.csv", 0, &rows)];
    let (items, reports) = items(&files, terms(CandlePath::Fixed));
    let dead: Vec<&Item> = items.iter().filter(|item| matches!(item, Item::Dead(..))).collect();
    use DeadReason::{Backward, OutOfSession, Undecodable};
    let expected = [(OutOfSession, 1), (Undecodable, 3), (Backward, 4), (Undecodable, 5), (Undecodable, 6)];
    let expected = expected.into_iter().chain([(Undecodable, 7), (Backward, 9)]);
    let expected: Vec<Item> = expected.map(|(reason, line)| Item::Dead(reason, line)).collect();
    assert!(dead.iter().copied().eq(&expected), "{dead:?}");
    let report = &reports[0];
    assert_eq!((report.rows, report.frames, report.out_of_session), (9, 8, 1));
    assert_eq!((report.backward, report.undecodable), (2, 4));
    let notes = report.notes.join("\n");
    for place in [
        "line 3: high 99.00 is below low 101.00",
        "line 4: this candle is there already",
        "line 5: 1 fields",
        "line 6: 100.0010 has more decimals",
        "line 7: the day's volume passes 4294967295",
        "1 more rows were refused",
        "missing in 2 gaps: 2 from 2021-04-15 09:16",
    ] {
        assert!(notes.contains(place), "{place} in\n{notes}");
    }
    assert_eq!(items.last(), Some(&Item::Dead(Backward, 9)));
}

#[test]
fn files_of_one_instrument_go_on_from_each_other_and_cannot_repeat() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let row = |minute: u64, volume: u64| format!("2021-04-15 09:{minute}:00,100,101,99,100,{volume}");
    let (one, two) = ([row(15, 40), row(16, 40)], [row(16, 80), row(17, 80)]);
    let files = [
        file(dir.path(), "one.csv", 0, &one.each_ref().map(String::as_str)),
        file(dir.path(), "index.csv", 1, &["2021-04-15 09:15:00,5,6,4,5,7"]),
        file(dir.path(), "two.csv", 0, &two.each_ref().map(String::as_str)),
    ];
    let (items, reports) = items(&files, terms(CandlePath::Fixed));
    assert_eq!(items.iter().filter(|item| **item == Item::Dead(DeadReason::Backward, 1)).count(), 1);
    assert_eq!(items.last(), Some(&Item::Tick(179, 10_000, 160)));
    assert_eq!(reports.iter().map(|report| report.frames).collect::<Vec<_>>(), [8, 4, 4]);
    assert!(reports[1].notes.iter().any(|note| note.contains("volumes of an index")), "{reports:?}");
    assert!(reports[2].notes[0].contains("another file has a candle"), "{reports:?}");
}

#[test]
fn candles_of_another_period_are_refused_before_anything_is_written() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let rows = |step: u64| -> Vec<String> {
        (0..30)
            .map(|n| n * step + 15)
            .map(|m| format!("2021-04-15 {:02}:{:02}:00,9,9,9,9,1", 9 + m / 60, m % 60))
            .collect()
    };
    let (one, five) = (rows(1), rows(5));
    let text = |rows: &[String]| rows.join("\n");
    let write = |name: &str, text: &str| file(dir.path(), name, 0, &[text]);
    let (one, five) = (write("1.csv", &text(&one)), write("5.csv", &text(&five)));
    let hours = (jiff::civil::time(9, 15, 0, 0), jiff::civil::time(15, 30, 0, 0));
    let with = |file: &BarFile, timeframe| {
        let terms = Terms { timeframe, path: CandlePath::Fixed };
        scan(std::slice::from_ref(file), terms, hours.0, hours.1).map_err(|error| error.to_string())
    };
    assert_eq!(with(&one, Timeframe::M1), Ok(vec![jiff::civil::date(2021, 4, 15)]));
    assert_eq!(with(&five, Timeframe::M5), Ok(vec![jiff::civil::date(2021, 4, 15)]));
    let longer = with(&five, Timeframe::M1).expect_err("refused");
    assert!(longer.contains("multiples of 5 minutes apart") && longer.contains("--timeframe"), "{longer}");
    let shorter = with(&one, Timeframe::M5).expect_err("refused");
    assert!(shorter.contains("24 of 30 do not start"), "{shorter}");
    let (_, reports) =
        items(std::slice::from_ref(&five), Terms { timeframe: Timeframe::M5, path: CandlePath::Fixed });
    assert_eq!(reports[0].frames, 120);
}
