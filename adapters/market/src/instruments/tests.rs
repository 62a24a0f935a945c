use super::*;
use jiff::civil::date;
use pitlane_engine::units::{Qty, SCALE};
use std::io::{Cursor, Write};
use std::path::PathBuf;

fn read(text: impl AsRef<[u8]>) -> Result<Dump, MarketError> {
    Dump::read(Cursor::new(text.as_ref()), Path::new("dump.csv"))
}

fn broker(rows: &str) -> Dump {
    read(format!("{BROKER_HEADER}\n{rows}")).unwrap()
}

/// The rows of the reference values: seven of the broker's samples, two of its documentation, one with
/// quotes.
const REFERENCE: &str = "\
3813889,14898,CENTRALBK-BE,CENTRAL BANK OF INDIA,0.0,,0.0,0.05,1,EQ,NSE,NSE
3861249,15083,ADANIPORTS,ADANI PORT & SEZ,0.0,,0.0,0.05,1,EQ,NSE,NSE
5421569,21178,CDSL-BE,CENTRAL DEPO SER (I),0.0,,0.0,0.05,1,EQ,NSE,NSE
12073986,47164,BANKNIFTY18JAN23500CE,,2528.4,2018-01-25,23500.0,0.05,40,CE,NFO-OPT,NFO
13693186,53489,ADANIPORTS17DEC490PE,,80.65,2017-12-28,490.0,0.05,2500,PE,NFO-OPT,NFO
112655620,440061,828GOI27-ML,828GOI2027,0.0,,0.0,0.25,500000,EQ,BSE,BSE
136441604,532975,AISHWARYA,AISHWARYA TELECOM,0.0,,0.0,0.01,1,EQ,BSE,BSE
408065,1594,INFY,INFOSYS,0,,,0.05,1,EQ,NSE,NSE
5720322,22345,NIFTY15DECFUT,,78.0,2015-12-31,,0.05,75,FUT,NFO-FUT,NFO
1,1,X,\"A, B & CO\",0,,0,0.05,1,EQ,NSE,NSE
";

#[test]
fn the_reference_rows_are_read() {
    let dump = broker(REFERENCE);
    let counts = Counts { rows: 10, equities: 7, indices: 0, futures: 1, options: 2, refused: 0 };
    assert_eq!(dump.counts(), counts, "{:?}", dump.refused());
    let infy = dump.by_symbol("NSE:INFY").unwrap();
    assert_eq!(dump.by_token(408_065), Some(infy));
    assert_eq!(
        (infy.spec.class, infy.spec.tradable, infy.spec.lot, infy.spec.tick, infy.spec.multiplier),
        (InstrumentClass::Equity, true, Qty(1), Price(500), 1)
    );
    assert_eq!((infy.expiry, infy.strike, infy.right), (None, None, None));
    assert_eq!((infy.underlying.as_deref(), infy.line), (Some("INFY"), 9));
    let call = dump.by_symbol("NFO:BANKNIFTY18JAN23500CE").unwrap();
    assert_eq!((call.expiry, call.strike), (Some(date(2018, 1, 25)), Some(Price(23_500 * SCALE))));
    assert_eq!((call.right, call.underlying.as_deref()), (Some(OptionRight::Call), Some("BANKNIFTY")));
    assert_eq!((call.spec.lot, call.segment.as_str(), call.spec.tradable), (Qty(40), "NFO-OPT", true));
    let put = dump.by_symbol("NFO:ADANIPORTS17DEC490PE").unwrap();
    assert_eq!((put.right, put.underlying.as_deref()), (Some(OptionRight::Put), Some("ADANIPORTS")));
    let future = dump.by_symbol("NFO:NIFTY15DECFUT").unwrap();
    assert_eq!((future.underlying.as_deref(), future.strike), (Some("NIFTY"), None));
    let bond = dump.by_symbol("BSE:828GOI27-ML").unwrap();
    assert_eq!((bond.spec.lot, bond.spec.tick), (Qty(500_000), Price(2_500)));
    assert_eq!(dump.by_symbol("BSE:AISHWARYA").unwrap().spec.tick, Price(100));
    assert_eq!(dump.by_token(1).unwrap().name, "A, B & CO");
    assert_eq!(dump.by_symbol("NSE:NONE"), None);
}

#[test]
fn indices_are_built_in_and_known_by_their_common_names() {
    let dump = broker(REFERENCE);
    let cases = [
        ("NSE:NIFTY 50", 256_265, Some("NIFTY")),
        ("NSE:NIFTY", 256_265, Some("NIFTY")),
        ("NSE:BANKNIFTY", 260_105, Some("BANKNIFTY")),
        ("NSE:FINNIFTY", 257_801, Some("FINNIFTY")),
        ("NSE:MIDCPNIFTY", 288_009, Some("MIDCPNIFTY")),
        ("NSE:INDIA VIX", 264_969, None),
        ("BSE:SENSEX", 265, Some("SENSEX")),
    ];
    for (symbol, token, underlying) in cases {
        let index = dump.by_symbol(symbol).unwrap();
        assert_eq!((index.spec.token, index.underlying.as_deref()), (token, underlying), "{symbol}");
        assert_eq!((index.spec.class, index.spec.tradable), (InstrumentClass::Index, false), "{symbol}");
        assert_eq!((token & 0xff, index.line, index.spec.lot), (9, 0, Qty(1)), "{symbol}");
    }
    let alone = Dump::built_in();
    assert_eq!(alone.by_symbol("NSE:BANKNIFTY"), dump.by_symbol("NSE:BANKNIFTY"));
    assert_eq!((alone.entries().len(), alone.counts()), (6, Counts::default()));
    // A file that does list an index: its own row stays, with its name.
    let dump = broker("256265,1001,NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE\n");
    assert_eq!(dump.counts().indices, 1, "{:?}", dump.refused());
    let index = dump.by_symbol("NSE:NIFTY").unwrap();
    assert_eq!((index.line, index.name.as_str(), index.spec.tradable), (2, "NIFTY 50", false));
    assert_eq!(dump.entries().iter().filter(|entry| entry.spec.token == 256_265).count(), 1);
    // Under another name too.
    let dump = broker("288009,1125,NIFTY MIDCAP SELECT,,0,,0,0,0,EQ,INDICES,NSE\n");
    for symbol in ["NSE:NIFTY MIDCAP SELECT", "NSE:NIFTY MID SELECT", "NSE:MIDCPNIFTY"] {
        assert_eq!(dump.by_symbol(symbol).unwrap().line, 2, "{symbol}");
    }
}

#[test]
fn dirty_rows_are_counted_with_line_and_reason() {
    let cases: &[(&str, &str)] = &[
        ("1,2,3", "3 fields instead of 12"),
        ("257,1,\"X,A,0,,0,0.05,1,EQ,NSE,NSE", "3 fields instead of 12"),
        ("257,1,X,A,0,,0,0.05,1,EQ,NSE,NSE,", "13 fields instead of 12"),
        ("-257,1,X,A,0,,0,0.05,1,EQ,NSE,NSE", "token `-257` is not a number"),
        ("0,1,X,A,0,,0,0.05,1,EQ,NSE,NSE", "token `0` is not a number"),
        ("4294967297,1,X,A,0,,0,0.05,1,EQ,NSE,NSE", "token `4294967297` is not a number"),
        ("257,1,,A,0,,0,0.05,1,EQ,NSE,NSE", "tradingsymbol `` is not"),
        ("257,1,X234567890123456789012345678901234567890,A,0,,0,0.05,1,EQ,NSE,NSE", "at most 40 bytes"),
        ("257,1,X\tY,A,0,,0,0.05,1,EQ,NSE,NSE", "tradingsymbol"),
        ("257,1,X,A,0,,0,0.05,1,EQ,NSE,nse", "exchange `nse` is not"),
        ("257,1,X,A,0,,0,0.05,1,EQ,BSE,BSE", "token 257 is of segment 1, which is not that of BSE"),
        ("265,1,X,A,0,,0,0.05,1,EQ,NSE,NSE", "segment 9"),
        ("257,1,X,A,0,,0,0.05,1,EQ,INDICES,NSE", "segment 1"),
        ("265,1,X,A,0,,0,0.05,1,FUT,INDICES,NSE", "instrument_type `FUT` is not"),
        ("257,1,X,A,0,,0,0.05,1,ETF,NSE,NSE", "instrument_type `ETF` is not"),
        ("257,1,X,A,0,,0,0.05,0,EQ,NSE,NSE", "lot_size `0` is not"),
        ("257,1,X,A,0,,0,0.05,1.5,EQ,NSE,NSE", "lot_size `1.5` is not"),
        ("257,1,X,A,0,,0,,1,EQ,NSE,NSE", "tick_size `` is not"),
        ("257,1,X,A,0,,0,0,1,EQ,NSE,NSE", "tick_size `0` is not"),
        ("257,1,X,A,0,,0,-0.05,1,EQ,NSE,NSE", "tick_size `-0.05` is not"),
        ("257,1,X,A,0,,0,0.00001,1,EQ,NSE,NSE", "tick_size `0.00001` is not"),
        ("257,1,X,A,0,,0,99999999999999999999,1,EQ,NSE,NSE", "tick_size"),
        ("258,1,X26AUGFUT,X,0,,0,0.05,1,FUT,NFO-FUT,NFO", "expiry `` is not a date"),
        ("258,1,X26AUGFUT,X,0,2026-02-30,0,0.05,1,FUT,NFO-FUT,NFO", "expiry `2026-02-30` is not"),
        ("258,1,X26AUGFUT,X,0,26-08-25,0,0.05,1,FUT,NFO-FUT,NFO", "expiry `26-08-25` is not"),
        ("258,1,X26AUGFUT,X,0,+1-08-2026,0,0.05,1,FUT,NFO-FUT,NFO", "expiry"),
        ("258,1,X26AUG10CE,X,0,2026-08-25,,0.05,1,CE,NFO-OPT,NFO", "strike `` is not"),
        ("258,1,X26AUG10CE,X,0,2026-08-25,0,0.05,1,CE,NFO-OPT,NFO", "strike `0` is not"),
        ("258,1,X26AUG10CE,X,0,2026-08-25,1e3,0.05,1,CE,NFO-OPT,NFO", "strike `1e3` is not"),
        ("408065,1,INFY2,X,0,,,0.05,1,EQ,NSE,NSE", "token 408065 is that of line 2 already"),
        ("257,1,INFY,X,0,,,0.05,1,EQ,NSE,NSE", "symbol NSE:INFY is that of line 2 already"),
    ];
    let good = "408065,1594,INFY,INFOSYS,0,,,0.05,1,EQ,NSE,NSE";
    for (row, reason) in cases {
        let dump = broker(&format!("{good}\n\n{row}\n513,2,LAST,,0,,,0.05,1,EQ,NSE,NSE"));
        let refused = dump.refused();
        assert_eq!((refused.len(), dump.counts().refused, dump.counts().rows), (1, 1, 3), "{row}");
        assert_eq!(refused[0].line, 4, "{row}");
        let text = refused[0].fault.to_string();
        assert!(text.contains(reason), "{row}: {text}");
        assert!(dump.by_symbol("NSE:LAST").is_some(), "what follows is read: {row}");
    }
    let mut bytes = format!("{BROKER_HEADER}\n{good}\n").into_bytes();
    bytes.extend(b"257,1,\xff,A,0,,0,0.05,1,EQ,NSE,NSE\n");
    assert_eq!(read(bytes).unwrap().refused(), [Refused { line: 3, fault: RowFault::NotText }]);
}

#[test]
fn files_that_are_no_dump_are_errors() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "no instrument rows"),
        (BROKER_HEADER.as_bytes(), "no instrument rows"),
        (b"timestamp,ltp,volume\n1,2,3\n", "the first line is `timestamp,ltp,volume`"),
        (b"\n408065,1594,INFY,INFOSYS,0,,,0.05,1,EQ,NSE,NSE\n", "the first line is ``"),
        (b"\xff\xfe\n", "the first line"),
    ];
    for (bytes, part) in cases {
        let error = read(bytes).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("dump.csv"), "{error}");
    }
    let error = Dump::open(Path::new("/nowhere/dump.csv")).unwrap_err().to_string();
    assert!(error.contains("cannot open /nowhere/dump.csv"), "{error}");
}

#[test]
fn byte_order_marks_quotes_and_line_ends_do_not_matter() {
    let header = format!("\u{feff}\"{}\"", BROKER_HEADER.replace(',', "\",\""));
    let dump =
        read(format!("{header}\r\n\"408065\",\"1594\",\"INFY\",\"IN\"\"FO\",0,,,0.05,1,EQ,NSE,NSE\r\n"));
    let dump = dump.unwrap();
    assert_eq!(dump.by_symbol("NSE:INFY").unwrap().name, "IN\"FO", "{:?}", dump.refused());
}

#[test]
fn compressed_files_are_read_and_broken_ones_refused() {
    let path =
        |name: &str| std::env::temp_dir().join(format!("pitlane-market-{}-{name}", std::process::id()));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(format!("{BROKER_HEADER}\n{REFERENCE}").as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let cases: &[(&str, &[u8], Result<u64, &str>)] = &[
        ("whole.csv.gz", &packed, Ok(10)),
        ("cut.csv.gz", &packed[..packed.len() - 20], Err("damaged or cut short")),
        ("plain.csv.gz", BROKER_HEADER.as_bytes(), Err("named .gz but not gzip")),
        ("empty.csv.gz", b"", Err("named .gz but not gzip")),
    ];
    for (name, bytes, expected) in cases {
        let path = path(name);
        std::fs::write(&path, bytes).unwrap();
        let outcome = Dump::open(&path);
        std::fs::remove_file(&path).unwrap();
        match (outcome, expected) {
            (Ok(dump), Ok(rows)) => assert_eq!(dump.counts().rows, *rows, "{name}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{name}: {error}"),
            (outcome, _) => panic!("{name}: {:?}", outcome.map(|dump| dump.counts())),
        }
    }
}

#[test]
fn contracts_of_other_exchanges_are_kept_but_not_tradable() {
    let dump = broker(
        "412675,1612,USDINR21JUNFUT,USDINR,0,2021-06-28,0,0.0025,1,FUT,CDS-FUT,CDS
53496327,208970,LEADMINI17DECFUT,LEADMINI,0,29-12-2017,0,0.05,1,FUT,MCX-FUT,MCX
1285,5,SENSEX26AUGFUT,SENSEX,0,2026-08-27,0,0.05,20,FUT,BFO-FUT,BFO
",
    );
    let tradable = |symbol: &str| dump.by_symbol(symbol).unwrap().spec.tradable;
    assert!(!tradable("CDS:USDINR21JUNFUT") && !tradable("MCX:LEADMINI17DECFUT"));
    assert!(tradable("BFO:SENSEX26AUGFUT"));
    assert_eq!(dump.by_symbol("CDS:USDINR21JUNFUT").unwrap().spec.tick, Price(25));
    assert_eq!(dump.by_symbol("MCX:LEADMINI17DECFUT").unwrap().expiry, Some(date(2017, 12, 29)));
    assert!(!dump.has_live_derivatives("SENSEX", date(2026, 8, 3)), "of another exchange");
    assert!(!dump.futures_cover(date(2015, 1, 1)));
}

#[test]
fn live_derivatives_decide_whose_hours_a_share_keeps() {
    let dump = broker(
        "738561,2885,RELIANCE,RELIANCE INDUSTRIES,0,,0,0.1,1,EQ,NSE,NSE
128083204,500325,RELIANCE,RELIANCE INDUSTRIES,0,,0,0.05,1,EQ,BSE,BSE
408065,1594,INFY,INFOSYS,0,,,0.05,1,EQ,NSE,NSE
514,2,RELIANCE26AUGFUT,RELIANCE,0,2026-08-25,0,0.1,500,FUT,NFO-FUT,NFO
770,3,RELIANCE26SEPFUT,,0,29-09-2026,0,0.1,500,FUT,NFO-FUT,NFO
1026,4,INFY26AUG1500CE,INFY,0,2026-08-25,1500,0.05,400,CE,NFO-OPT,NFO
",
    );
    let cases = [
        ("RELIANCE", date(2026, 8, 3), true),
        ("RELIANCE", date(2026, 9, 29), true),
        ("RELIANCE", date(2026, 9, 30), false),
        ("INFY", date(2026, 8, 3), false),
        ("NONE", date(2026, 8, 3), false),
    ];
    for (underlying, day, live) in cases {
        assert_eq!(dump.has_live_derivatives(underlying, day), live, "{underlying} on {day}");
    }
    assert!(dump.futures_cover(date(2026, 9, 29)) && !dump.futures_cover(date(2026, 9, 30)));
    let segment = |symbol: &str| dump.segment_on(dump.by_symbol(symbol).unwrap(), date(2026, 8, 3));
    assert_eq!(segment("NSE:RELIANCE"), Segment::CashWithDerivatives);
    assert_eq!(segment("BSE:RELIANCE"), Segment::CashWithDerivatives);
    assert_eq!(segment("NSE:INFY"), Segment::Cash);
    assert_eq!(segment("NSE:NIFTY"), Segment::Cash);
    assert_eq!(segment("NFO:RELIANCE26SEPFUT"), Segment::Derivatives);
}

#[test]
fn the_hash_is_of_what_decides_about_money() {
    let dump = broker(REFERENCE);
    let all = table_hash(dump.entries());
    assert_eq!(all, table_hash(broker(REFERENCE).entries()));
    assert_ne!(all, table_hash(dump.entries().iter().rev()), "the order counts");
    let changes = [
        ("0.05,40,CE", "0.05,30,CE"),
        ("23500.0", "23500.5"),
        ("2018-01-25", "2018-01-24"),
        ("INFOSYS,0,,,0.05", "INFOSYS,0,,,0.1"),
    ];
    for (from, to) in changes {
        let changed = broker(&REFERENCE.replace(from, to));
        assert_eq!(changed.counts().refused, 0, "{to}: {:?}", changed.refused());
        assert_ne!(all, table_hash(changed.entries()), "{from} to {to}");
    }
    let renamed = broker(&REFERENCE.replace("INFOSYS", "INFOSYS LTD"));
    assert_eq!(all, table_hash(renamed.entries()), "a name decides nothing");
}

/// A file of the shared data, or `None`, said aloud.
fn shared(name: &str) -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data =
        std::env::var_os("PITLANE_DATA").map_or_else(|| root.join("../shared/data"), |dir| root.join(dir));
    let path = data.join(name);
    if !path.exists() {
        println!("skipped: no shared data ({name})");
        return None;
    }
    Some(path)
}

#[test]
fn the_brokers_sample_is_read_whole() {
    let Some(path) = shared("kite/kiteconnect-mocks/instruments_all.csv") else { return };
    let dump = Dump::open(&path).unwrap();
    let counts = Counts { rows: 99, equities: 74, indices: 0, futures: 0, options: 25, refused: 0 };
    assert_eq!(dump.counts(), counts, "{:?}", dump.refused());
    let unknown = dump.entries().iter().filter(|entry| entry.line > 0 && entry.underlying.is_none());
    assert_eq!(unknown.count(), 0, "each contract's underlying is in its symbol");
}

#[test]
fn the_dump_of_2024_is_read_whole() {
    let Some(path) = shared("kite_instruments/2024_nse_bse_instruments.csv.gz") else { return };
    let dump = Dump::open(&path).unwrap();
    let counts =
        Counts { rows: 31_373, equities: 363, indices: 0, futures: 558, options: 30_452, refused: 0 };
    assert_eq!(dump.counts(), counts, "{:?}", dump.refused());
    let option = dump.by_symbol("NFO:ABBOTINDIA24MAY29000PE").unwrap();
    assert_eq!((option.spec.token, option.spec.lot, option.line > 1), (14_753_282, Qty(40), true));
    assert_eq!((option.expiry, option.strike), (Some(date(2024, 5, 30)), Some(Price(29_000 * SCALE))));
    let (april, after) = (date(2024, 4, 5), date(2024, 6, 28));
    for underlying in ["RELIANCE", "NIFTY", "BANKNIFTY"] {
        assert!(dump.has_live_derivatives(underlying, april), "{underlying}");
        assert!(!dump.has_live_derivatives(underlying, after), "{underlying}");
    }
    assert!(dump.futures_cover(april) && !dump.futures_cover(after));
    // The names of this dump are the oracle for reading the underlying off a symbol.
    let text: String = dump
        .entries()
        .iter()
        .filter(|entry| entry.expiry.is_some())
        .map(|entry| {
            let (_, symbol) = entry.spec.symbol.split_once(':').unwrap();
            let (kind, strike) = match entry.right {
                Some(OptionRight::Call) => ("CE", entry.strike.unwrap().to_string()),
                Some(OptionRight::Put) => ("PE", entry.strike.unwrap().to_string()),
                None => ("FUT", String::new()),
            };
            let (token, expiry, segment) = (entry.spec.token, entry.expiry.unwrap(), &entry.segment);
            format!("{token},0,{symbol},,0,{expiry},{strike},0.05,1,{kind},{segment},NFO\n")
        })
        .collect();
    let unnamed = broker(&text);
    assert_eq!(unnamed.counts().rows, 31_010);
    for entry in unnamed.entries().iter().filter(|entry| entry.line > 0) {
        assert_eq!(entry.underlying, dump.by_token(entry.spec.token).unwrap().underlying, "{entry:?}");
    }
}

#[test]
fn the_short_layout_is_read_whole() {
    let Some(path) = shared("kite_ticks_2025/nifty_option_instruments.csv") else { return };
    let dump = Dump::open(&path).unwrap();
    let counts = Counts { rows: 1_513, equities: 0, indices: 1, futures: 0, options: 1_512, refused: 0 };
    assert_eq!(dump.counts(), counts, "{:?}", dump.refused());
    let call = dump.by_symbol("NFO:NIFTY25O1422850CE").unwrap();
    assert_eq!((call.spec.token, call.spec.lot, call.spec.tick), (10_888_962, Qty(75), Price(500)));
    assert_eq!((call.expiry, call.strike), (Some(date(2025, 10, 14)), Some(Price(22_850 * SCALE))));
    assert!(call.spec.tradable && call.segment == "NFO-OPT");
    assert!(dump.by_token(10_923_266).is_some() && dump.by_token(10_929_666).is_some());
    assert_eq!(dump.by_symbol("NSE:NIFTY 50").unwrap().line, 2);
    let options = || dump.entries().iter().filter(|entry| entry.right.is_some());
    assert!(options().all(|entry| entry.underlying.as_deref() == Some("NIFTY")));
    assert!(!dump.futures_cover(date(2025, 10, 9)), "no futures, so it cannot tell");
}

#[test]
fn short_rows_without_an_exchange_are_refused() {
    let dump = read(format!(
        "{SHORT_HEADER}\nNIFTY25O1422850CE,10888962,22850.0,2025-10-14,CE,75\nINFY,408065,0.0,,EQ,1\n\
         NIFTY OTHER,777,0.0,,EQ,0\nUSDINR21JUNFUT,412675,0.0,2021-06-28,FUT,1\nX,1,2\n"
    ))
    .unwrap();
    assert_eq!((dump.counts().options, dump.counts().equities, dump.counts().refused), (1, 1, 3));
    assert!(dump.by_symbol("NSE:INFY").unwrap().spec.tradable);
    let reasons: Vec<String> =
        dump.refused().iter().map(|refused| format!("{} {}", refused.line, refused.fault)).collect();
    assert_eq!(
        reasons,
        [
            "4 token `777` is not that of a built-in index",
            "5 token `412675` is not a token of NSE, BSE, NFO or BFO",
            "6 3 fields instead of 6"
        ]
    );
}

#[test]
fn no_bytes_make_it_panic_and_every_row_is_accounted_for() {
    let seed: u64 = 0x5eed_2026;
    println!("seed {seed:#x}");
    let mut state = seed;
    let mut random = |below: usize| {
        // Xorshift: enough to spoil bytes with.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let spoilers = b"\",-.+e09\r\n\xff\0 :A";
    for round in 0..2_000 {
        let mut body = REFERENCE.as_bytes().to_vec();
        for _ in 0..=random(12) {
            let at = random(body.len());
            match random(3) {
                0 => body[at] = spoilers[random(spoilers.len())],
                1 => drop(body.remove(at)),
                _ => body.insert(at, spoilers[random(spoilers.len())]),
            }
        }
        let lines = body.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()).count() as u64;
        let dump = read([BROKER_HEADER.as_bytes(), b"\n", &body].concat()).unwrap();
        let Counts { rows, equities, indices, futures, options, refused } = dump.counts();
        assert_eq!(rows, lines, "round {round}");
        assert_eq!(rows, equities + indices + futures + options + refused, "round {round}");
        assert_eq!(dump.refused().len() as u64, refused, "round {round}");
        for entry in dump.entries() {
            assert_eq!(dump.by_symbol(&entry.spec.symbol), Some(entry), "round {round}");
            assert_eq!(dump.by_token(entry.spec.token), Some(entry), "round {round}");
            assert!(entry.spec.lot.0 > 0 && entry.spec.tick.0 > 0, "round {round}");
            let is_index = entry.spec.class == InstrumentClass::Index;
            assert_eq!(is_index, entry.spec.token & 0xff == 9, "round {round}");
        }
    }
}
