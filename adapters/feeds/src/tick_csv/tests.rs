use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::civil::{date, time};
use pitlane_engine::config::InstrumentClass;
use pitlane_engine::event::{DeadLetter, DeadReason, FLAG_EXO};
use pitlane_engine::units::{NS_PER_S, Price, Qty};
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;

const DAY_S: u64 = 86_400;
/// 2021-04-15 00:00 IST.
const MIDNIGHT_S: u64 = 1_618_425_000;

fn session(number: u64) -> SessionTimes {
    let at =
        |hour: u64, minute: u64| TsNs((MIDNIGHT_S + number * DAY_S + hour * 3_600 + minute * 60) * NS_PER_S);
    SessionTimes {
        date: 20_210_415 + number as u32,
        pre_open: at(9, 0),
        open: at(9, 15),
        close: at(15, 30),
        end: at(15, 30).plus(2 * NS_PER_S),
    }
}

fn instruments() -> Vec<InstrumentSpec> {
    let spec = |symbol: &str, token, class| InstrumentSpec {
        symbol: symbol.into(),
        token,
        class,
        tradable: class != InstrumentClass::Index,
        lot: Qty(1),
        tick: Price(500),
        multiplier: 1,
        freeze: Qty::ZERO,
        derivatives: false,
    };
    vec![
        spec("NSE:RELIANCE", 738_561, InstrumentClass::Equity),
        spec("NSE:NIFTY 50", 256_265, InstrumentClass::Index),
    ]
}

fn write(dir: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn write_gz(dir: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    let mut encoder = GzEncoder::new(std::fs::File::create(&path).unwrap(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap();
    path
}

fn files(paths: &[(u32, &Path)]) -> Vec<TickFile> {
    paths
        .iter()
        .map(|(id, path)| TickFile { instrument: InstrumentId(*id), path: path.to_path_buf() })
        .collect()
}

/// An item in short: seconds since midnight of 15 April with the packet's last price and its length, or the reason.
#[derive(Debug, PartialEq)]
enum Item {
    Frame(u64, u32, usize),
    Refused(u64, DeadReason, String),
}

fn drain(feed: &mut TickCsvFeed) -> Vec<Item> {
    let mut items = Vec::new();
    let since = |ts: TsNs| (ts.0 / NS_PER_S) - MIDNIGHT_S;
    loop {
        items.push(match feed.poll() {
            FeedItem::Frame { received, bytes } => {
                assert_eq!(&bytes[..2], [0, 1]);
                Item::Frame(
                    since(received),
                    u32::from_be_bytes(bytes[8..12].try_into().unwrap()),
                    bytes.len() - 4,
                )
            }
            FeedItem::Refused(event) => {
                let letter = event.body::<DeadLetter>();
                assert_eq!((event.header.flags, event.header.ts), (FLAG_EXO, letter.received));
                let text =
                    String::from_utf8_lossy(&letter.data[..usize::from(letter.kept_bytes)]).into_owned();
                Item::Refused(since(letter.received), DeadReason::from_u8(letter.reason).unwrap(), text)
            }
            FeedItem::Closed => return items,
            FeedItem::Pending | FeedItem::Quiet => panic!("a file is never pending"),
        });
    }
}

const T0: u64 = 9 * 3_600 + 15 * 60;

#[test]
fn every_kind_of_dirt_has_its_reason_and_its_place() {
    let dir = TempDir::new().unwrap();
    let long = "x".repeat(5_000);
    let text = format!(
        "\u{feff}timestamp,ltp,volume\r\n\
         2021-04-15 09:14:59,100.00,1\r\n\
         2021-04-15 09:15:00,100.05,10\r\n\
         \r\n\
         \"2021-04-15 09:15:02\",\"100.1000001\",\"20\"\r\n\
         2021-04-15 09:15:01,100.15,21\r\n\
         2021-04-15 09:15:02,100.1,20\r\n\
         2021-04-15 09:15:03,100.105,22\r\n\
         2021-04-15 09:15:04,0,22\r\n\
         not a row\r\n\
         {long}\r\n\
         2021-04-18 10:00:00,100.2,23\r\n\
         2021-04-15 15:29:59.5,100.25,30\r\n\
         2021-04-15 15:30:00,100.3,31"
    );
    let path = write(&dir, "r.csv", &text);
    let mut feed = TickCsvFeed::open(&files(&[(0, &path)]), &instruments(), &[session(0)]).unwrap();
    let refused = |at, reason, text: &str| Item::Refused(at, reason, text.to_owned());
    let items = drain(&mut feed);
    assert_eq!(
        items,
        [
            refused(9 * 3_600, DeadReason::OutOfSession, "2021-04-15 09:14:59,100.00,1"),
            Item::Frame(T0, 10_005, 184),
            Item::Frame(T0 + 2, 10_010, 184),
            refused(T0 + 2, DeadReason::Backward, "2021-04-15 09:15:01,100.15,21"),
            Item::Frame(T0 + 2, 10_010, 184),
            refused(T0 + 2, DeadReason::Undecodable, "2021-04-15 09:15:03,100.105,22"),
            refused(T0 + 2, DeadReason::NoLastPrice, "2021-04-15 09:15:04,0,22"),
            refused(T0 + 2, DeadReason::Undecodable, "not a row"),
            refused(T0 + 2, DeadReason::Undecodable, &long[..184]),
            refused(T0 + 2, DeadReason::OutOfSession, "2021-04-18 10:00:00,100.2,23"),
            Item::Frame(15 * 3_600 + 29 * 60 + 59, 10_025, 184),
            refused(15 * 3_600 + 29 * 60 + 59, DeadReason::OutOfSession, "2021-04-15 15:30:00,100.3,31"),
        ]
    );
    let report = feed.report().next().unwrap();
    let counts = [report.rows, report.frames, report.out_of_session, report.backward, report.undecodable];
    assert_eq!(counts, [12, 4, 3, 1, 3]);
    assert_eq!(report.no_last_price, 1);
    assert!(feed.error().is_none());
}

#[test]
fn a_dead_letter_names_line_token_and_length() {
    let dir = TempDir::new().unwrap();
    let path = write(&dir, "r.csv", &format!("2021-04-15 09:15:00,1,1\n\n{}\n", "y".repeat(300)));
    let mut feed = TickCsvFeed::open(&files(&[(0, &path)]), &instruments(), &[session(0)]).unwrap();
    assert!(matches!(feed.poll(), FeedItem::Frame { .. }));
    let FeedItem::Refused(event) = feed.poll() else { panic!("a refusal") };
    let letter = event.body::<DeadLetter>();
    assert_eq!((letter.token, letter.original_bytes, letter.kept_bytes, letter.line), (738_561, 300, 184, 3));
    assert_eq!(event.header.instrument, InstrumentId(0));
}

#[test]
fn packets_carry_the_row_and_an_index_its_day_so_far() {
    let dir = TempDir::new().unwrap();
    let share = write(&dir, "r.csv", "2021-04-15 09:15:00.9,1932.15,1234\n");
    let rows = "2021-04-15 09:15:01,100,0\n2021-04-15 09:15:02,90,0\n2021-04-15 09:15:03,110,\n2021-04-16 09:15:01,95\n";
    let index = write(&dir, "n.csv", rows);
    let sessions = [session(1), session(0)];
    let mut feed = TickCsvFeed::open(&files(&[(0, &share), (1, &index)]), &instruments(), &sessions).unwrap();
    let mut frames = Vec::new();
    while let FeedItem::Frame { bytes, .. } = feed.poll() {
        frames.push(
            bytes[4..].chunks(4).map(|w| u32::from_be_bytes(w.try_into().unwrap())).collect::<Vec<_>>(),
        );
    }
    let exchange = (MIDNIGHT_S + T0) as u32;
    let mut expected = vec![0; 46];
    (expected[0], expected[1], expected[4], expected[15]) = (738_561, 193_215, 1_234, exchange);
    assert_eq!(frames[0], expected, "volume and exchange time, nothing else");
    // token, last, high, low, open, close, change, exchange time
    assert_eq!(frames[1], [256_265, 10_000, 10_000, 10_000, 10_000, 0, 0, exchange + 1]);
    assert_eq!(frames[2], [256_265, 9_000, 10_000, 9_000, 10_000, 0, 0, exchange + 2]);
    assert_eq!(frames[3], [256_265, 11_000, 11_000, 9_000, 10_000, 0, 0, exchange + 3]);
    assert_eq!(frames[4], [256_265, 9_500, 9_500, 9_500, 9_500, 0, 0, exchange + 86_401], "a new day");
}

#[test]
fn files_merge_by_time_and_ties_follow_the_arguments() {
    let dir = TempDir::new().unwrap();
    let row = |second: u64, price: u64| format!("2021-04-15 09:15:{second:02},{price},1\n");
    let first = write(&dir, "a.csv", &[row(1, 11), row(3, 12), row(3, 13)].concat());
    let second = write_gz(&dir, "b.csv.gz", &[row(1, 21), row(2, 22), row(3, 23), row(4, 24)].concat());
    let order = |paths: &[(u32, &Path)]| {
        let mut feed = TickCsvFeed::open(&files(paths), &instruments(), &[session(0)]).unwrap();
        drain(&mut feed)
            .iter()
            .map(|i| if let Item::Frame(_, price, _) = i { price / 100 } else { 0 })
            .collect::<Vec<_>>()
    };
    assert_eq!(order(&[(0, &first), (1, &second)]), [11, 21, 22, 12, 13, 23, 24]);
    assert_eq!(order(&[(1, &second), (0, &first)]), [21, 11, 22, 23, 12, 13, 24]);
    assert_eq!(
        order(&[(0, &first), (0, &second)]),
        [11, 21, 22, 12, 13, 23, 24],
        "two files of one instrument"
    );
}

#[test]
fn a_refused_row_of_a_later_date_does_not_push_the_merge_ahead() {
    let dir = TempDir::new().unwrap();
    let early =
        write(&dir, "16.csv", "2021-04-15 10:00:00,1,1\n2021-04-16 07:00:00,2,1\n2021-04-16 15:00:00,3,1\n");
    let late = write(&dir, "19.csv", "2021-04-16 08:00:00,4,1\n2021-04-16 14:00:00,5,1\n");
    let other = write(&dir, "o.csv", "2021-04-15 11:00:00,6,1\n");
    let sessions = [session(0), session(1)];
    let all = files(&[(0, &early), (0, &late), (1, &other)]);
    let items = drain(&mut TickCsvFeed::open(&all, &instruments(), &sessions).unwrap());
    let at: Vec<(u64, bool)> = items
        .iter()
        .map(|item| match item {
            Item::Frame(at, ..) => (at / 3_600, true),
            Item::Refused(at, ..) => (at / 3_600, false),
        })
        .collect();
    assert_eq!(at, [(10, true), (10, false), (11, true), (33, false), (38, true), (39, true)]);
}

#[test]
fn dates_are_weekdays_with_a_row_in_the_hours() {
    let dir = TempDir::new().unwrap();
    let a = write(
        &dir,
        "a.csv",
        "timestamp,ltp,volume\n2021-04-15 15:29:59,1,1\n2021-04-16 15:30:00,1,1\n2021-04-17 10:00:00,1,1\n",
    );
    let b = write_gz(&dir, "b.gz", "2021-04-19 09:15:00,1,1\n2021-04-20 09:15:00,oops,1\n");
    let hours = (time(9, 15, 0, 0), time(15, 30, 0, 0));
    let dates = scan_dates(&[b, a], hours.0, hours.1).unwrap();
    assert_eq!(dates, [date(2021, 4, 15), date(2021, 4, 19)]);
    let sunday = write(&dir, "s.csv", "2021-04-18 10:00:00,1,1\n");
    let error = scan_dates(std::slice::from_ref(&sunday), hours.0, hours.1).unwrap_err().to_string();
    assert!(error.contains("no row lies within 09:15:00 to 15:30:00 on a weekday"), "{error}");
}

#[test]
fn unusable_files_say_what_to_do() {
    let dir = TempDir::new().unwrap();
    let open = |path: &Path| {
        let scanned = scan_dates(&[path.to_owned()], time(9, 15, 0, 0), time(15, 30, 0, 0))
            .err()
            .map(|e| e.to_string());
        let opened = TickCsvFeed::open(&files(&[(0, path)]), &instruments(), &[session(0)])
            .err()
            .map(|e| e.to_string());
        (scanned.unwrap_or_default(), opened.unwrap_or_default())
    };
    let missing = open(&dir.path().join("none.csv"));
    assert!(missing.0.contains("cannot open") && missing.0.contains("check the path"), "{}", missing.0);
    assert_eq!(missing.0, missing.1);
    let fake = open(&write(&dir, "fake.csv.gz", "2021-04-15 10:00:00,1,1\n"));
    assert!(fake.0.contains("named .gz but not gzip") && fake.0 == fake.1, "{}", fake.0);
    for text in ["", "timestamp,ltp,volume\n", "\n\n"] {
        let empty = open(&write(&dir, "empty.csv", text));
        assert!(empty.0.contains("no rows") && empty.0 == empty.1, "{text:?}: {} {}", empty.0, empty.1);
    }
    let sessions = TickCsvFeed::open(&[], &instruments(), &[]).unwrap_err().to_string();
    assert!(sessions.contains("at least one trading date"), "{sessions}");
}

#[test]
fn a_damaged_file_closes_the_feed_with_an_error() {
    let dir = TempDir::new().unwrap();
    let rows: String =
        (0..20_000).map(|n| format!("2021-04-15 10:00:00,{}.{:02},{n}\n", 100 + n % 7, n % 97)).collect();
    let path = write_gz(&dir, "cut.csv.gz", &rows);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let mut feed = TickCsvFeed::open(&files(&[(0, &path)]), &instruments(), &[session(0)]).unwrap();
    let frames = drain(&mut feed).len();
    assert!(frames > 100 && frames < 20_000);
    let error = feed.error().unwrap().to_string();
    assert!(error.contains("cut.csv.gz after line") && error.contains("damaged or cut short"), "{error}");
    assert!(matches!(feed.poll(), FeedItem::Closed), "and stays closed");
    assert!(
        scan_dates(&[path], time(9, 15, 0, 0), time(15, 30, 0, 0)).is_err(),
        "the scan finds it beforehand"
    );
}

#[test]
fn any_bytes_at_all_are_rows_or_dead_letters() {
    let seed = 7;
    println!("seed {seed}");
    let mut rng = crate::rng::SplitMix64::new(seed);
    let dir = TempDir::new().unwrap();
    let mut bytes = b"2021-04-15 09:15:00,100,1\n".to_vec();
    for _ in 0..20_000 {
        // The last second of the session: no mutation makes a good row that is later than all that follow.
        let mut row = b"2021-04-15 15:29:59,100.05,123".to_vec();
        let at = rng.below(row.len() as u64) as usize;
        row[at] = rng.next() as u8;
        bytes.extend(row);
        bytes.push(b'\n');
    }
    let path = dir.path().join("m.csv");
    std::fs::write(&path, &bytes).unwrap();
    let mut feed = TickCsvFeed::open(&files(&[(0, &path)]), &instruments(), &[session(0)]).unwrap();
    let items = drain(&mut feed).len() as u64;
    let report = feed.report().next().unwrap();
    let refused = report.out_of_session + report.backward + report.undecodable + report.no_last_price;
    assert_eq!((report.rows, report.rows), (items, report.frames + refused));
    println!("{} frames, {refused} refused", report.frames);
    assert!(report.frames > 100 && refused > 1_000);
}

#[test]
fn real_days_become_sessions() {
    let root = std::env::var("PITLANE_DATA").unwrap_or_else(|_| "../../../shared/data".into());
    let folder = PathBuf::from(root).join("nse_ticks_2021");
    let names = ["16-April_Nifty_16_April", "19-April_Nifty_19_April", "RELIANCE_15_April"];
    let paths: Vec<PathBuf> = names.iter().map(|name| folder.join(format!("{name}.csv.gz"))).collect();
    if paths.iter().any(|path| !path.exists()) {
        println!("skipped: no shared data");
        return;
    }
    let dates = scan_dates(&paths, time(9, 15, 0, 0), time(15, 30, 0, 0)).unwrap();
    assert_eq!(dates, [date(2021, 4, 15), date(2021, 4, 16), date(2021, 4, 19)]);
    let all = files(&[(1, &paths[0]), (1, &paths[1]), (0, &paths[2])]);
    let sessions = [session(0), session(1), session(4)];
    let mut feed = TickCsvFeed::open(&all, &instruments(), &sessions).unwrap();
    let items = drain(&mut feed);
    let reports: Vec<&FileReport> = feed.report().collect();
    for report in &reports {
        println!("{report:?}");
    }
    assert_eq!(reports.iter().map(|r| r.rows).sum::<u64>(), items.len() as u64);
    // Counted by an independent script: frames, out of session, backward.
    let counts = reports.iter().map(|r| [r.frames, r.out_of_session, r.backward]);
    assert_eq!(counts.collect::<Vec<_>>(), [[19_721, 35_129, 10], [20_858, 1_451, 11], [21_736, 216, 108]]);
    // Of the 19 rows of the 19th at the end of the file of the 16th, four are backward.
    let late =
        items.iter().filter(|item| matches!(item, Item::Frame(at, ..) if *at >= 4 * DAY_S)).count() as u64;
    assert_eq!(late - reports[1].frames, 15);
}

#[test]
fn a_header_with_other_columns_is_refused() {
    let dir = TempDir::new().unwrap();
    let path = write(&dir, "swapped.csv", "timestamp,volume,ltp\n2021-04-15 10:00:00,5000,100\n");
    let error = scan_dates(std::slice::from_ref(&path), time(9, 15, 0, 0), time(15, 30, 0, 0)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("swapped.csv:1") && text.contains("timestamp,ltp,volume"), "{text}");
}
