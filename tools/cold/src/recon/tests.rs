use super::limits::Limit;
use super::score::{Score, distance};
use super::{BySymbol, MINUTE_NS, Minute, Minutes, ReconArgs, Window, compare, own, report, run, theirs};
use pitlane_rows::{Context, Date, Key, RowSink, Table, Uuid, Value};
use pitlane_session::exit::{Exit, exit_of};
use std::path::{Path, PathBuf};

/// 15 April 2021, 09:15 Indian time.
const OPEN_NS: u64 = 1_618_458_300_000_000_000;

fn start(minute: u64) -> u64 {
    OPEN_NS + minute * MINUTE_NS
}

fn minute(prices: [i64; 4], volume: u64) -> Minute {
    Minute { prices: prices.map(|price| price * 100), volume }
}

fn window(hours: &str, dates: &[&str]) -> anyhow::Result<Window> {
    let date = dates.iter().map(|&date| date.to_owned()).collect();
    Window::parse(&ReconArgs { hours: hours.to_owned(), date, ..ReconArgs::default() })
}

/// Four minutes, of which the second differs by 1 bp in its high, the third is ours alone, and the fourth theirs alone.
fn score() -> Score {
    let day = minute([100_000, 100_500, 99_500, 100_000], 10);
    let other = minute([100_000, 100_490, 99_500, 100_000], 11);
    let own: Minutes = [(start(0), day), (start(1), day), (start(2), day)].into();
    let theirs: Minutes = [(start(0), day), (start(1), other), (start(3), day), (start(400), day)].into();
    let window = window("09:15-15:30", &[]).unwrap();
    Score::of("NSE:X", &own, &theirs, &window)
}

#[test]
fn a_distance_is_zero_only_between_equals_and_never_rounded_down() {
    for (ours, theirs, milli) in [
        (1_000_000, 1_000_000, 0),
        (1_000_100, 1_000_000, 1_000),
        (999_900, 1_000_000, 1_000),
        (1_000_001, 1_000_000, 10),
        (i64::MAX, i64::MAX - 1, 1),
        (3, 1, 20_000_000),
    ] {
        assert_eq!(distance(ours, theirs), milli, "{ours} {theirs}");
    }
    assert_eq!(distance(i64::MAX, 1), u64::MAX);
}

#[test]
fn minutes_are_counted_where_they_belong() {
    let score = score();
    assert_eq!((score.days, score.compared, score.exact), (1, 2, 1));
    assert_eq!((&score.only_own[..], &score.only_theirs[..]), (&[start(2)][..], &[start(3)][..]));
    assert_eq!((score.outside, score.other_dates), (1, 0));
    assert_eq!(score.fields.each_ref().map(|field| field.exact), [2, 1, 2, 2]);
    assert_eq!((score.fields[1].bias, score.fields[1].percentile(50)), (1_000, 0));
    assert_eq!(score.fields[1].percentile(100), score.worst());
    // 10 on 100,490 is a little less than a basis point.
    assert_eq!((score.worst(), score.within(1)), (996, 2));
    let volume = score.volume.clone().unwrap();
    assert_eq!((volume.exact, volume.own, volume.theirs), (1, 20, 21));
    assert_eq!(score.apart[0].start, start(1));
}

/// Counting one minute at a time, in another way: every minute is in exactly one place.
#[test]
fn every_minute_of_theirs_is_somewhere() {
    let seed = 0x5EED_u64;
    println!("seed {seed:#x}");
    let mut state = seed;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..300 {
        let mut side = |days: u64| -> Minutes {
            (0..draw(60))
                .map(|_| {
                    let at = start(draw(390) + draw(days) * super::DAY_MINUTES);
                    let base = 1_000 + draw(3) as i64;
                    (at, minute([base, base + draw(3) as i64, base, base], draw(2)))
                })
                .collect()
        };
        let (own, theirs) = (side(2), side(3));
        let window = window("09:20-15:00", &[]).unwrap();
        let score = Score::of("X", &own, &theirs, &window);
        let placed = score.compared + score.only_theirs.len() as u64 + score.outside + score.other_dates;
        assert_eq!(placed, theirs.len() as u64);
        assert_eq!(score.compared, score.exact + score.apart.len() as u64);
        let exact = theirs.iter().filter(|(at, minute)| {
            window.has_hour(**at) && own.get(at).is_some_and(|own| own.prices == minute.prices)
        });
        assert_eq!(score.exact, exact.count() as u64);
        assert!(score.apart.windows(2).all(|pair| pair[0].distance >= pair[1].distance));
    }
}

#[test]
fn rules_are_met_as_they_are_written() {
    let score = score();
    for (rule, met) in [
        ("exact<50%", false),
        ("exact<=50%", true),
        ("exact<50.000001%", true),
        ("coverage<70%", true),
        ("coverage<66.6%", false),
        ("high<100%", true),
        ("open<100%", false),
        ("volume<51%", true),
        ("within_1bp<100%", false),
        ("missing>0", true),
        ("missing>1", false),
        ("extra>=1", true),
        ("compared<2", false),
        ("worst>0.995", true),
        ("worst>0.996", false),
    ] {
        assert_eq!(Limit::parse(rule).unwrap().met(&score).is_some(), met, "{rule}");
    }
    let nothing = Score::of("X", &Minutes::new(), &Minutes::new(), &window("09:15-15:30", &[]).unwrap());
    assert!(Limit::parse("exact<1%").unwrap().met(&nothing).is_some(), "nothing to judge by is no pass");
    assert!(Limit::parse("volume<1%").unwrap().met(&nothing).is_none(), "a source without volumes");
    for wrong in
        ["exact", "exact<60", "worst>5%", "exakt<6%", "exact<6.1234567%", "missing>-1", "exact=5%", "<5%"]
    {
        let error = Limit::parse(wrong).unwrap_err();
        assert_eq!(exit_of(&error), Exit::Usage, "{wrong}");
        assert!(error.to_string().contains(wrong), "{error}");
    }
}

#[test]
fn hours_and_dates_are_checked() {
    let window = window("09:16-15:29", &["2021-04-15"]).unwrap();
    assert!(!window.has_hour(start(0)) && window.has_hour(start(1)));
    assert!(window.has_hour(start(373)) && !window.has_hour(start(374)));
    assert!(window.has_date(super::day(start(0))) && !window.has_date(super::day(start(0)) + 1));
    for wrong in ["", "09:15", "15:30-09:15", "09:15-09:15", "9-10", "09:15:30-10:00"] {
        assert!(self::window(wrong, &[]).is_err(), "{wrong}");
    }
    assert!(self::window("09:15-15:30", &["15-04-2021"]).is_err());
}

fn write(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// One minute of one candle, in every form that is read.
#[test]
fn every_form_of_file_says_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let collector = "NIFTY,20210415,09:16,14522.40,14540.00,14510.05,14531.5,0,0\n";
    let broker = r#" {"status":"success","data":{"candles":[
        ["2021-04-15T09:15:00+0530",14522.4,14540,14510.05,14531.5,0],
        ["2021-04-15T09:16:00+0530",14531.5,14531.5,14531.5,14531.5,0,77]]}}"#;
    let rows = "2021-04-15 09:15:00,14522.4,14540,14510.05,14531.5,0\n";
    let exported = "instrument,start,open,high,low,close,volume,trades\n\
                    NSE:NIFTY 50,2021-04-15T09:15:00+05:30,14522.40,14540.00,14510.05,14531.50,0,3\n";
    for argument in [
        write(dir.path(), "collector.txt", collector),
        format!("NSE:NIFTY={}", write(dir.path(), "broker.json", broker)),
        format!("NSE:NIFTY 50={}", write(dir.path(), "rows.csv", rows)),
        write(dir.path(), "exported.csv", exported),
    ] {
        let read = theirs::read(std::slice::from_ref(&argument)).unwrap();
        let minutes = &read["NSE:NIFTY 50"];
        let expected = Minute { prices: [145_224_000, 145_400_000, 145_100_500, 145_315_000], volume: 0 };
        assert_eq!(minutes.first_key_value(), Some((&OPEN_NS, &expected)), "{argument}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let candle =
        |row: &str| format!(r#"{{"data":{{"candles":[["2021-04-15T09:15:00+0530",2,2,2,2,5],{row}]}}}}"#);
    for (row, what) in [
        (r#"["2021-04-15T09:15:00+0530",2,2,2,2,5]"#, "not later"),
        (r#"["2021-04-15 09:16:00",2,2,2,2,5]"#, "its time"),
        (r#"["2021-04-15T09:16:01+0530",2,2,2,2,5]"#, "whole minute"),
        (r#"["2021-04-15T09:16:00+0530",2,2,2,5]"#, "fewer"),
        (r#"["2021-04-15T09:16:00+0530",2,1,2,2,5]"#, "outside"),
        (r#"["2021-04-15T09:16:00+0530",2.00001,3,2,2,5]"#, "decimals"),
        (r#"["2021-04-15T09:16:00+0530",-2,3,2,2,5]"#, "positive"),
        (r#"["2021-04-15T09:16:00+0530",2,2,2,2,-5]"#, "volume"),
        (r#"["2021-04-15T09:18:00+0530",2,2,2,2,5]"#, "a minute apart"),
        (r#"{}"#, "no list"),
    ] {
        let argument = format!("NSE:X={}", write(dir.path(), "x.json", &candle(row)));
        let error = theirs::read(&[argument]).unwrap_err();
        assert_eq!(exit_of(&error), Exit::Data, "{error}");
        assert!(error.to_string().contains(what) && error.to_string().contains("x.json"), "{what}: {error}");
    }
    let refusal = write(dir.path(), "refusal.json", r#"{"status":"error","message":"Token is invalid"}"#);
    let error = theirs::read(&[format!("NSE:X={refusal}")]).unwrap_err().to_string();
    assert!(error.contains("Token is invalid"), "{error}");
    let silent = write(dir.path(), "rows.csv", "2021-04-15 09:15:00,2,2,2,2,0\n");
    for argument in [refusal, silent.clone()] {
        let error = theirs::read(&[argument]).unwrap_err();
        assert_eq!(exit_of(&error), Exit::Usage, "{error}");
        assert!(error.to_string().contains("SYMBOL="), "{error}");
    }
    let other = write(dir.path(), "other.csv", "2021-04-15 09:15:00,2,3,2,2,0\n");
    let error = theirs::read(&[format!("NSE:X={silent}"), format!("NSE:X={other}")]).unwrap_err();
    assert!(error.to_string().contains("is not the same there"), "{error}");
    assert_eq!(exit_of(&theirs::read(&["nowhere.csv".to_owned()]).unwrap_err()), Exit::Data);
}

/// An archive of `minutes` of one instrument, of a journal of this name.
fn archive(root: &Path, name: u8, minutes: &[(u64, Minute)]) {
    use pitlane_parquet::{Archive, Options, Writer};
    let context = Context {
        journal: Uuid([name; 16]),
        instruments: Vec::new(),
        strategies: Vec::new(),
        charges: pitlane_engine::config::ChargesConfig::default(),
        capital: pitlane_engine::units::Money::ZERO,
        config_text: String::new(),
        venue: "paper",
        first_date: 20_210_415,
    };
    let mut opened = Writer::open(&Archive::new(root), context, Options::default()).unwrap();
    for (at, &(start, minute)) in minutes.iter().enumerate() {
        let key = Key {
            journal: Uuid([name; 16]),
            trading_date: Date(super::day(start) as i32),
            seq: 1,
            idx: at as i32,
            ..Key::default()
        };
        let mut row: Vec<Value<'_>> = key.values().to_vec();
        for column in Table::Bars1m.columns().skip(row.len()) {
            row.push(match column.name {
                "instrument_id" => Value::I32(0),
                "symbol" => Value::Text("NSE:X"),
                "start_at" => Value::Stamp((start / 1_000) as i64),
                "end_at" => Value::Stamp((start / 1_000) as i64 + 60_000_000),
                "open" => Value::Decimal(minute.prices[0]),
                "high" => Value::Decimal(minute.prices[1]),
                "low" => Value::Decimal(minute.prices[2]),
                "close" => Value::Decimal(minute.prices[3]),
                "volume" => Value::I64(minute.volume as i64),
                "turnover" => Value::Decimal(0),
                "flags" => Value::I16(0),
                _ => Value::I64(0),
            });
        }
        opened.writer.append(Table::Bars1m, &row);
    }
    let mut timer = pitlane_engine::event::Event::new(
        pitlane_engine::units::InstrumentId::NONE,
        pitlane_engine::event::FLAG_EXO,
        &pitlane_engine::event::StepMarker { reserved: [0; 32] },
    );
    timer.header.seq = pitlane_engine::units::Seq(1);
    opened.projection.input(&timer, &mut opened.writer).unwrap();
    opened.projection.end_step(&mut opened.writer);
    opened.writer.finish(&mut opened.projection).unwrap();
}

fn args(bars: String, out: PathBuf) -> ReconArgs {
    ReconArgs {
        bars: vec![bars],
        out: Some(out),
        hours: "09:15-15:30".to_owned(),
        worst: 3,
        ..ReconArgs::default()
    }
}

#[test]
fn an_archive_is_compared_and_judged() {
    let dir = tempfile::tempdir().unwrap();
    let (root, day) = (dir.path().join("archive"), minute([1_000, 1_010, 990, 1_000], 7));
    let next = super::DAY_MINUTES;
    archive(&root, 1, &[(start(0), day), (start(1), day), (start(next), day)]);
    let rows = "2021-04-15 09:15:00,10,10.1,9.9,10,7\n2021-04-15 09:16:00,10,10.2,9.9,10,8\n\
                2021-04-15 09:17:00,10,10.2,9.9,10,8\n2021-04-19 09:15:00,10,10,10,10,1\n";
    let file = format!("NSE:X={}", write(dir.path(), "rows.csv", rows));
    let mut args = args(file, root.clone());
    args.fail_if = vec!["exact<50%".to_owned()];
    assert_eq!(run(&args).unwrap(), Exit::Ok);
    args.fail_if.push("missing>0".to_owned());
    assert_eq!(run(&args).unwrap(), Exit::Divergence);
    let outcome = compare(&args).unwrap();
    let object = report::json(&args, &outcome);
    assert_eq!(object["schema"], "cold-recon/1");
    let of = &object["instruments"][0];
    for (name, value) in
        [("compared", 2), ("exact", 1), ("only_theirs", 1), ("theirs_of_other_dates", 1), ("days", 1)]
    {
        assert_eq!(of[name], value, "{name} in {of:#}");
    }
    assert_eq!((&of["volume"]["own"], &of["volume"]["theirs"]), (&"14".into(), &"15".into()));
    assert_eq!(of["fields"]["high"]["mean_difference"], "-0.05");
    assert_eq!(of["worst"][0]["own"]["high"], "10.10");
    let text = report::text(&args, &outcome);
    assert!(
        text.contains("failed: missing>0: NSE:X has 1") && text.contains("2021-04-15T09:17:00+05:30 (1)"),
        "{text}"
    );

    // Another date, of which the file has nothing.
    args.date = vec!["2021-04-16".to_owned()];
    let error = run(&args).unwrap_err();
    assert_eq!(exit_of(&error), Exit::Data, "{error}");
    assert!(error.to_string().contains("no minute"), "{error}");
}

#[test]
fn two_journals_of_one_day_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("archive");
    let window = window("09:15-15:30", &[]).unwrap();
    let read = |only: Option<&str>| -> anyhow::Result<BySymbol> { own::archived(&root, &window, only) };
    assert_eq!(exit_of(&read(None).unwrap_err()), Exit::Data);
    archive(&root, 1, &[(start(0), minute([1, 1, 1, 1], 7))]);
    archive(&root, 2, &[(start(0), minute([1, 1, 1, 1], 7))]);
    assert_eq!(read(None).unwrap()["NSE:X"].len(), 1, "twice the same is the same");
    archive(&root, 3, &[(start(0), minute([1, 2, 1, 1], 7))]);
    let error = read(None).unwrap_err();
    assert!(format!("{error:#}").contains("--only"), "{error:#}");
    assert_eq!(read(Some("0303")).unwrap()["NSE:X"][&start(0)].prices[1], 200);
    assert_eq!(exit_of(&read(Some("77")).unwrap_err()), Exit::Usage);
}
