use super::*;
use jiff::civil::{date, time};
use pitlane_engine::config::InstrumentClass;
use pitlane_engine::event::{DeadLetter, DeadReason};
use pitlane_engine::feed::{FeedItem, FrameFeed};
use pitlane_engine::units::{NS_PER_S, Price, Qty, TsNs};
use tempfile::TempDir;

const NIFTY: u32 = 256_265;
const CALL: u32 = 10_923_266;
/// 2025-10-09 00:00 IST.
const MIDNIGHT: u64 = 1_759_948_200 * NS_PER_S;
const HOURS: (Time, Time) = (time(9, 15, 0, 0), time(15, 30, 0, 0));

fn session() -> SessionTimes {
    let at = |hour: u64, minute: u64| TsNs(MIDNIGHT + (hour * 60 + minute) * 60 * NS_PER_S);
    SessionTimes { date: 20_251_009, pre_open: at(9, 0), open: at(9, 15), close: at(15, 30), end: at(15, 31) }
}

fn instruments() -> Vec<InstrumentSpec> {
    let spec = |symbol: &str, token, class| InstrumentSpec {
        symbol: symbol.into(),
        token,
        class,
        tradable: false,
        lot: Qty(1),
        tick: Price(500),
        multiplier: 1,
        freeze: Qty::ZERO,
        derivatives: false,
    };
    vec![spec("NSE:NIFTY 50", NIFTY, InstrumentClass::Index), spec("NFO:CALL", CALL, InstrumentClass::Option)]
}

fn write(dir: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Nanoseconds since midnight with token and raw price, or with token and reason.
#[derive(Debug, PartialEq)]
enum Item {
    Frame(u64, u32, u32),
    Refused(u32, InstrumentId, DeadReason),
}

fn drain(feed: &mut TickCsvFeed) -> Vec<Item> {
    let mut items = Vec::new();
    loop {
        match feed.poll() {
            FeedItem::Frame { received, bytes } => {
                assert_eq!(bytes[..4], [0, 1, 0, 8], "one packet of eight bytes");
                let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
                items.push(Item::Frame(received.0 - MIDNIGHT, word(4), word(8)));
            }
            FeedItem::Refused(event) => {
                let letter = event.body::<DeadLetter>();
                let reason = DeadReason::from_u8(letter.reason).unwrap();
                items.push(Item::Refused(letter.token, event.header.instrument, reason));
            }
            FeedItem::Closed => return items,
            _ => panic!("a file never waits"),
        }
    }
}

#[test]
fn rows_become_last_price_packets_to_the_microsecond() {
    let dir = TempDir::new().unwrap();
    let a = write(
        &dir,
        "a.csv",
        "timestamp,token,ltp\n2025-10-09 09:15:00.000001,256265,25056.05\n2025-10-09 09:15:02,256265,25056.1\n",
    );
    let b = write(&dir, "b.csv", "2025-10-09 09:15:02,10923266,217.0\n2025-10-09 09:15:02.5,256265,25057\n");
    let t0 = (9 * 60 + 15) * 60 * NS_PER_S;
    let order = |files: &[PathBuf]| drain(&mut open(files, &instruments(), &[session()]).unwrap());
    let first = Item::Frame(t0 + 1_000, NIFTY, 2_505_605);
    let nifty = Item::Frame(t0 + 2 * NS_PER_S, NIFTY, 2_505_610);
    let call = Item::Frame(t0 + 2 * NS_PER_S, CALL, 21_700);
    let last = Item::Frame(t0 + 2_500_000_000, NIFTY, 2_505_700);
    let ab = order(&[a.clone(), b.clone()]);
    assert!(ab.iter().eq([&first, &nifty, &call, &last]), "{ab:?}");
    let ba = order(&[b.clone(), a.clone()]);
    assert!(ba.iter().eq([&first, &call, &nifty, &last]), "ties follow the arguments: {ba:?}");
    let found = scan(&[b, a], HOURS.0, HOURS.1).unwrap();
    assert_eq!(found, KiteScan { dates: vec![date(2025, 10, 9)], tokens: vec![CALL, NIFTY] });
}

#[test]
fn every_row_is_a_frame_or_a_dead_letter_with_its_reason() {
    let none = InstrumentId::NONE;
    let nifty = InstrumentId(0);
    let cases = [
        ("2025-10-09 09:14:59.999999,256265,1", NIFTY, nifty, DeadReason::OutOfSession),
        ("2025-10-09 15:30:00,256265,1", NIFTY, nifty, DeadReason::OutOfSession),
        ("2025-10-09 09:59:59.999999,256265,1", NIFTY, nifty, DeadReason::Backward),
        ("2025-10-09 10:00:01,256265,0", NIFTY, nifty, DeadReason::NoLastPrice),
        ("2025-10-09 10:00:01,738561,1", 738_561, none, DeadReason::UnknownInstrument),
        ("2025-10-09 10:00:01,256265", 0, none, DeadReason::Undecodable),
        ("2025-10-09 10:00:01,256265,1,2", 0, none, DeadReason::Undecodable),
        ("2025-10-09 10:00:01,256265,1.005", 0, none, DeadReason::Undecodable),
        ("2025-10-09 10:00:01,256265,-1", 0, none, DeadReason::Undecodable),
        ("2025-10-09 10:00:01,0,1", 0, none, DeadReason::Undecodable),
        ("2025-10-09 10:00:01,4294967296,1", 0, none, DeadReason::Undecodable),
        ("2025-10-09 10:00:01,NIFTY,1", 0, none, DeadReason::Undecodable),
        ("09-10-2025 10:00:01,256265,1", 0, none, DeadReason::Undecodable),
        ("garbage", 0, none, DeadReason::Undecodable),
    ];
    let dir = TempDir::new().unwrap();
    let good = "2025-10-09 10:00:00,256265,25000\n";
    let rows: Vec<&str> = cases.iter().map(|case| case.0).collect();
    let path = write(&dir, "a.csv", &format!("{good}{}\n", rows.join("\n")));
    let mut feed = open(&[path], &instruments(), &[session()]).unwrap();
    let items = drain(&mut feed);
    assert_eq!(items[0], Item::Frame(10 * 3_600 * NS_PER_S, NIFTY, 2_500_000));
    for (item, (row, token, instrument, reason)) in items[1..].iter().zip(cases) {
        assert_eq!(*item, Item::Refused(token, instrument, reason), "{row}");
    }
    let report = feed.report().next().unwrap();
    assert_eq!((report.rows, report.frames, items.len()), (15, 1, 15));
    let refused = [report.out_of_session, report.backward, report.no_last_price, report.unknown_instrument];
    assert_eq!((refused, report.undecodable), ([2, 1, 1, 1], 9));
    assert_eq!(report.instrument, none);
}

#[test]
fn only_rows_that_can_become_frames_bring_dates_and_tokens() {
    let dir = TempDir::new().unwrap();
    let text = "2025-10-08 09:00:00,1025,1\n2025-10-11 10:00:00,1281,1\n2025-10-09 10:00:00,1537,0\n\
                2025-10-10 15:29:59.999999,256265,1\n2025-10-09 10:00:00,bad,1\n";
    let path = write(&dir, "a.csv", text);
    let found = scan(&[path], HOURS.0, HOURS.1).unwrap();
    assert_eq!(found, KiteScan { dates: vec![date(2025, 10, 10)], tokens: vec![NIFTY] });
    let early = write(&dir, "b.csv", "2025-10-09 09:00:00,256265,1\n");
    let error = scan(&[early], HOURS.0, HOURS.1).unwrap_err().to_string();
    assert!(error.contains("no row lies within 09:15:00 to 15:30:00"), "{error}");
}

#[test]
fn files_of_the_other_layout_are_refused() {
    let dir = TempDir::new().unwrap();
    let ticks = write(&dir, "t.csv", "timestamp,ltp,volume\n2025-10-09 10:00:00,100,1\n");
    let kite = write(&dir, "k.csv", "timestamp,token,ltp\n2025-10-09 10:00:00,256265,1\n");
    let error = scan(&[ticks], HOURS.0, HOURS.1).unwrap_err().to_string();
    assert!(error.contains("t.csv:1") && error.contains("expected `timestamp,token,ltp`"), "{error}");
    let error = crate::scan_dates(&[kite], HOURS.0, HOURS.1).unwrap_err().to_string();
    assert!(error.contains("k.csv:1") && error.contains("expected `timestamp,ltp,volume`"), "{error}");
    let empty = write(&dir, "e.csv", "timestamp,token,ltp\n");
    let error = open(&[empty], &instruments(), &[session()]).unwrap_err().to_string();
    assert!(error.contains("no rows; expected lines `timestamp,token,ltp`"), "{error}");
}

#[test]
fn prices_take_the_unit_of_their_token() {
    // Currency tokens, segment 3, count in ten-millionths.
    let mut reader = RowReader::default();
    let (token, row) = reader.token_row(b"2025-10-09 10:00:00,259,84.2525").unwrap();
    assert_eq!((token, row.last), (259, 842_525_000));
}
