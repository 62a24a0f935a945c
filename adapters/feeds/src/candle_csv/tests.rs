use super::*;
use std::io::Write;

/// 2021-04-15 09:15:00 IST.
const OPEN: TsNs = TsNs(1_618_458_300 * NS_PER_S);

fn read_text(text: &str) -> Result<Candles, CandleError> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("candles.csv");
    std::fs::write(&path, text).expect("a file");
    read(&path, "NSE:X")
}

fn minute(at: u64, volume: u64) -> Candle {
    Candle {
        start: OPEN.plus(at * MINUTE_NS),
        open: Price(1_000_500),
        high: Price(1_020_000),
        low: Price(990_000),
        close: Price(1_010_000),
        volume,
        open_interest: 0,
        trades: 0,
        line: 0,
    }
}

#[test]
fn the_same_minute_in_every_dress_that_occurs() {
    let (plain, silent) = (minute(0, 7), minute(0, 0));
    let with_interest = Candle { open_interest: 9, ..plain };
    let with_trades = Candle { trades: 3, ..plain };
    for (text, expected) in [
        ("2021-04-15 09:15:00,100.05,102,99,101,7", plain),
        ("2021-04-15 09:15:00+05:30,100.05,102,99,101,7\n", plain),
        ("2021-04-15T09:15:00+0530,100.05,102,99,101,7,9\r\n", with_interest),
        ("2021-04-15T03:45:00Z,100.05,102,99,101,7.0,", plain),
        ("2021-04-15T03:45:00.000+00:00,100.05,102,99,101,", silent),
        ("\"2021-04-15 09:15\",\"100.05\",\"102\",\"99\",\"101\",\"7\"", plain),
        ("Date,Open,High,Low,Close,Volume\n\n2021-04-15 09:15:00,100.05,102,99,101,7", plain),
        ("\u{feff}DATETIME,OPEN,HIGH,LOW,CLOSE\n2021-04-15 09:15:00,100.05,102,99,101", silent),
        ("oi,volume,close,low,high,open,timestamp\n9,7,101,99,102,100.05,2021-04-15 09:15:00", with_interest),
        ("timestamp,token,open,high,low,close,volume\n2021-04-15 09:15:00,256265,100.05,102,99,101,7", plain),
        (
            "instrument,start,open,high,low,close,volume,trades\n\
             NSE:Y,2021-04-15T09:15:00+05:30,1,1,1,1,1,1\n\
             NSE:X,2021-04-15T09:15:00+05:30,100.05,102,99,101,7,3",
            with_trades,
        ),
        ("NIFTY,20210415,09:16,100.05,102.00,99.00,101.00,7,9", with_interest),
        // Binary floats written out.
        ("2021-04-15 09:15:00,100.0500000001,102,99,100.99999999999999,7", plain),
    ] {
        let found = read_text(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let line = text.trim_end().lines().count() as u64;
        assert_eq!(found.candles, [Candle { line, ..expected }], "{text}");
        assert_eq!(found.others, u64::from(text.contains("NSE:Y")), "{text}");
    }
}

#[test]
fn what_cannot_be_used_is_refused_with_its_line() {
    let good = "2021-04-15 09:15:00,100,102,99,101,7\n";
    for (row, said) in [
        ("2021-04-15 09:16:00,100,98,99,101,7", "high 98.00 is below low 99.00"),
        ("2021-04-15 09:16:00,103,102,99,101,7", "open 103.00 is outside low 99.00 to high 102.00"),
        ("2021-04-15 09:16:00,100,102,99,98,7", "close 98.00 is outside"),
        ("2021-04-15 09:16:00,100,102,0,101,7", "low 0 is not positive"),
        ("2021-04-15 09:16:00,-1,102,99,101,7", "open -1 is not positive"),
        ("2021-04-15 09:16:00,1e3,102,99,101,7", "open `1e3` is no price"),
        ("2021-04-15 09:16:00,100.00005,102,99,101,7", "open `100.00005` is no price"),
        ("2021-04-15 09:16:00,,102,99,101,7", "open `` is no price"),
        ("2021-04-15 09:16:00,922337203685477.5808,102,99,101,7", "is no price"),
        ("2021-04-15 09:16:00,100,102,99,101,1.5", "volume `1.5` is no whole number"),
        ("2021-04-15 09:16:00,100,102,99,101,-1", "volume `-1` is no whole number"),
        ("2021-04-15 09:16:00,100,102,99,101,1000000000000001", "volume `1000000000000001`"),
        ("2021-04-15 09:16:00,100,102,99,101,7,4294967296", "open interest `4294967296`"),
        ("2021-04-15 09:15:00,100,102,99,101,7", "not later than that of the row before"),
        ("2021-04-14 15:29:00,100,102,99,101,7", "not later than that of the row before"),
        ("2021-04-15 09:16:30,100,102,99,101,7", "`2021-04-15 09:16:30` is no whole minute"),
        ("2021-04-15 09:16:00.5,100,102,99,101,7", "is no time"),
        ("2021-04-15 09:16:00+5,100,102,99,101,7", "is no time"),
        ("2021-02-30 09:16:00,100,102,99,101,7", "is no time"),
        ("15-04-2021 09:16:00,100,102,99,101,7", "is no time"),
        ("2021-04-15,100,102,99,101,7", "is no time"),
        ("2021-04-15 09:16:00,100,102,99,101", "5 fields"),
        ("2021-04-15 09:16:00,100,102,99,101,7,9,extra", "8 fields"),
        ("\u{0}garbage", "1 fields"),
    ] {
        let error = read_text(&format!("{good}{row}\n")).expect_err(row).to_string();
        assert!(error.contains("candles.csv:2: ") && error.contains(said), "{row}: {error}");
    }
    let long = format!("{good}2021-04-15 09:16:00,100,102,99,101,{}", "7".repeat(2_000));
    assert!(read_text(&long).expect_err("long").to_string().contains(":2: the line is too long"));
}

#[test]
fn a_first_line_that_says_nothing_is_refused() {
    for (text, said) in [
        ("datetime,nifty_open,nifty_high,nifty_low,nifty_close\n", "are not known"),
        ("date,time,open,high,low,close\n", "the columns `date` and `time` say the same"),
        ("date,open,high,low,ltp\n", "no column `close` among `date,open,high,low,ltp`"),
        ("open,high,low,close\n1,1,1,1\n", "no column `date`"),
        ("NIFTY,100,102,99,101,7\n", "are not known"),
        ("100\n", "are not known"),
    ] {
        let error = read_text(text).expect_err(text).to_string();
        assert!(error.contains("candles.csv:1: ") && error.contains(said), "{text}: {error}");
    }
    for empty in ["", "\n\n", "date,open,high,low,close,volume\n"] {
        assert!(matches!(read_text(empty), Err(CandleError::File(FeedError::Empty { .. }))), "{empty:?}");
    }
}

#[test]
fn rows_of_two_instruments_are_not_one_history() {
    for text in [
        "timestamp,token,open,high,low,close\n2021-04-15 09:15:00,1,9,9,9,9\n2021-04-15 09:16:00,2,9,9,9,9\n",
        "\nNIFTY,20210415,09:16,9,9,9,9,0,0\nBANKNIFTY,20210415,09:17,9,9,9,9,0,0\n",
    ] {
        let error = read_text(text).expect_err("two names").to_string();
        assert!(error.contains(":3: ") && error.contains("one file is one instrument"), "{error}");
    }
}

#[test]
fn candles_of_another_length_are_refused() {
    let every = |minutes: usize, rows: usize| {
        let row = |at: usize| {
            let at = 9 * 60 + 15 + at * minutes;
            format!("2021-04-15 {:02}:{:02}:00,9,9,9,9,1\n", at / 60, at % 60)
        };
        (0..rows).map(row).collect::<String>()
    };
    assert_eq!(read_text(&every(1, 100)).expect("minutes").candles.len(), 100);
    // Too few to tell.
    assert!(read_text(&every(5, 19)).is_ok());
    for minutes in [3, 5, 15] {
        let found = read_text(&every(minutes, 20));
        assert!(matches!(found, Err(CandleError::Spacing { minutes: of, .. }) if of == minutes as u64));
    }
    // A quiet instrument's minutes, seldom but not regular.
    let seldom = every(5, 20) + "2021-04-15 14:31:00,9,9,9,9,1\n";
    assert_eq!(read_text(&seldom).expect("minutes").candles.len(), 21);
}

#[test]
fn gzip_is_read_and_damage_is_an_error() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("candles.csv.gz");
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for at in 0..30 {
        writeln!(packer, "2021-04-15 09:{:02}:00,9,9,9,9,1", 15 + at).expect("memory");
    }
    let packed = packer.finish().expect("memory");
    std::fs::write(&path, &packed).expect("a file");
    assert_eq!(read(&path, "NSE:X").expect("candles").candles.len(), 30);
    std::fs::write(&path, &packed[..packed.len() - 9]).expect("a file");
    assert!(matches!(read(&path, "NSE:X"), Err(CandleError::File(FeedError::Read { .. }))));
    assert!(matches!(
        read(&dir.path().join("none"), "NSE:X"),
        Err(CandleError::File(FeedError::Open { .. }))
    ));
}

#[test]
fn two_months_of_a_collectors_minutes_are_read_whole() {
    let data = std::env::var("PITLANE_DATA")
        .map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    if !data.is_dir() {
        println!("skipped: no shared data");
        return;
    }
    for (month, index, rows) in [
        ("MAR", "NIFTY", 7_937),
        ("MAR", "BANKNIFTY", 7_938),
        ("APR", "NIFTY", 7_177),
        ("APR", "BANKNIFTY", 7_177),
    ] {
        let path = data.join(format!("nse_bars_1m/2021_{month}_{index}.txt.gz"));
        let found = read(&path, "NSE:X").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((found.candles.len(), found.others), (rows, 0), "{month} {index}");
    }
    let path = data.join("kite_ticks_2025/candles_1min_NIFTY50_256265_20251009.csv");
    let found = read(&path, "NSE:X").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found.candles.len(), 105);
    assert_eq!(found.candles[0].close, Price(250_457_000));
}
