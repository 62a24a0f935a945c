//! Histories from imported days: against the bars of the engine, and as what a run starts from.

use super::*;
use crate::cli::{ConfigArgs, CpuArgs};
use crate::exit::{Exit, exit_of};
use crate::export::{What, export};
use crate::recorded::Recording;
use crate::whatif::{WhatIf, whatif};
use crate::{import, verify};
use pitlane_config::Settings;
use pitlane_engine::config::InstrumentSpec;
use pitlane_engine::event::{Action, Signal};
use pitlane_engine::units::{InstrumentId, TsNs};
use pitlane_market::Calendar;
use pitlane_store::INPUTS;
use std::fmt::Write;
use std::path::PathBuf;
use tempfile::TempDir;

const SHARES: [&str; 2] = ["NSE:RELIANCE", "NSE:TCS"];
/// The strategies of those of `symbols` that have one.
fn config(symbols: &[&str]) -> String {
    let strategy = |symbol: &&str| match *symbol {
        "NSE:RELIANCE" => "kind = \"ema_crossover\"\ntimeframe = \"5m\"\nparams = { fast = 5, slow = 12 }",
        "NSE:TCS" => "kind = \"multi_factor_momentum\"\ntimeframe = \"3m\"",
        _ => "kind = \"ema_crossover\"",
    };
    let section = |symbol: &&str| {
        let id = symbol[4..].to_ascii_lowercase();
        format!("[[strategies]]\nid = \"{id}\"\nsymbols = [\"{symbol}\"]\n{}\n", strategy(symbol))
    };
    symbols.iter().map(section).collect()
}

/// SplitMix64, so that every day is a seed.
struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// Tick files and the journals made of them.
struct Market {
    dir: TempDir,
}

impl Market {
    fn new() -> Self {
        Self { dir: TempDir::new().expect("a directory") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Ticks of a date from before the open until after the last close, a second to twenty apart, with a hole longer
    /// than the longest period but the day.
    fn ticks(&self, symbol: &str, date: &str, seed: u64) -> String {
        let (mut rng, mut price, mut volume, mut text) = (Rng(seed), 40_000, 1_000, String::new());
        let (mut at, end, hole) = (9 * 3_600 + 10 * 60, 15 * 3_600 + 45 * 60, 11 * 3_600 + 40 * 60);
        while at < end {
            price = (price + rng.below(41)).saturating_sub(20).max(30_000);
            volume += rng.below(50);
            let (hour, minute, second) = (at / 3_600, at / 60 % 60, at % 60);
            let _ = writeln!(
                text,
                "{date} {hour:02}:{minute:02}:{second:02},{}.{:02},{volume}",
                price / 20,
                price % 20 * 5
            );
            at += 1 + rng.below(20);
            if (hole..hole + 60).contains(&at) {
                at += 75 * 60;
            }
        }
        let path = self.path(&format!("{}-{date}.csv", &symbol[4..]));
        std::fs::write(&path, text).expect("a file");
        format!("{symbol}={}", path.display())
    }

    /// Imports the dates as one journal.
    fn import(&self, name: &str, symbols: &[&str], dates: &[&str]) -> PathBuf {
        let seed = |symbol: &str, date: &str| symbol.bytes().chain(date.bytes()).map(u64::from).sum();
        let days = dates.iter().flat_map(|date| symbols.iter().map(move |symbol| (symbol, date)));
        let args: Vec<String> =
            days.map(|(symbol, date)| self.ticks(symbol, date, seed(symbol, date))).collect();
        let file = self.path(&format!("{name}.toml"));
        std::fs::write(&file, config(symbols)).expect("a file");
        let config = ConfigArgs { config: vec![file], set: Vec::new() };
        let journal = self.path(name);
        import::tick_csv(&args, &journal, &config).expect("the days are imported");
        journal
    }

    /// A candle file of TCS, as `SYMBOL=FILE`.
    fn tcs(&self, name: &str, rows: &str) -> String {
        std::fs::write(self.path(name), rows).expect("a file");
        format!("NSE:TCS={}", self.path(name).display())
    }

    /// Runs a journal anew from `warmup`.
    fn whatif(&self, journal: &Path, out: &str, warmup: &[String]) -> anyhow::Result<WhatIf> {
        let warmup = WarmupArgs { warmup: warmup.to_vec(), warmup_days: None };
        let out = self.path(out);
        whatif(
            &[journal.to_path_buf()],
            Some(&out),
            &ConfigArgs::default(),
            &CpuArgs::default(),
            "max",
            &warmup,
        )
    }

    /// The 1-minute bars of a journal as the export has them.
    fn bars_csv(&self, journal: &Path, name: &str) -> PathBuf {
        let path = self.path(name);
        let what = What::parse("bars", "1m").expect("a known name");
        export(journal, what, std::fs::File::create(&path).expect("a file")).expect("bars");
        path
    }
}

fn outputs(journal: &Path) -> Vec<Event> {
    let mut found = Vec::new();
    let recording = Recording::open(journal).expect("a journal");
    recording.each_output(&mut |event| found.push(*event)).expect("whole");
    found
}

/// Timeframe, instrument, times, prices, volume and turnover, counts, flags.
type Fields = (u8, InstrumentId, [u64; 2], [i64; 4], [u64; 2], [u32; 3], u8);

/// Every field of a bar but who closed it.
fn bar(event: &Event) -> Fields {
    let Bar { start, end, open, high, low, close, volume, turnover, .. } = *event.body::<Bar>();
    let bar = event.body::<Bar>();
    (
        bar.timeframe,
        event.header.instrument,
        [start.0, end.0],
        [open.0, high.0, low.0, close.0],
        [volume, turnover.0 as u64],
        [bar.open_interest, bar.trades, bar.gap],
        bar.flags & !pitlane_engine::event::BAR_BY_TIMER,
    )
}

/// What was signalled from `from` on, holds included, without the numbers of signals.
fn signals(journal: &Path, from: TsNs) -> Vec<(InstrumentId, TsNs, u8, u8, i64, [u64; 6])> {
    let is_signal = |event: &&Event| event.kind() == Kind::Signal && event.header.ts >= from;
    let all = outputs(journal);
    let of = |event: &Event| {
        let signal = event.body::<Signal>();
        let facts = signal.facts.map(f64::to_bits);
        (event.header.instrument, signal.bar_start, signal.action, signal.reason, signal.price.0, facts)
    };
    all.iter().filter(is_signal).map(of).collect()
}

fn load(journal: &Path, warmup: &[String], days: Option<usize>, first_date: u32) -> anyhow::Result<Warmup> {
    let recording = Recording::open(journal)?;
    let planner = Planner {
        settings: &recording.settings,
        calendar: &Calendar::new(),
        instruments: &recording.head.instruments,
        dump: None,
    };
    let days = days.and_then(NonZeroUsize::new);
    WarmupArgs { warmup: warmup.to_vec(), warmup_days: days }.load(&planner, first_date)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn longer_bars_are_those_that_the_engine_makes() {
    // The second date has an end of its own for each of the instruments.
    for (date, symbols, closes) in
        [("2026-07-31", SHARES, 1), ("2026-08-04", ["NSE:RELIANCE", "NFO:NIFTY26AUGFUT"], 2)]
    {
        let market = Market::new();
        let journal = market.import("day", &symbols, &[date]);
        let is_used = |event: &&Event| {
            event.kind() == Kind::Bar && event.body::<Bar>().timeframe >= Timeframe::M1 as u8
        };
        let mut expected: Vec<Event> = outputs(&journal).iter().filter(is_used).copied().collect();
        expected.sort_by_key(|event| {
            let bar = event.body::<Bar>();
            (bar.end, bar.timeframe, event.header.instrument)
        });
        assert!(expected.iter().any(|event| event.body::<Bar>().gap > 0), "{date}: the hole shows");
        let is_day = |event: &&Event| event.body::<Bar>().timeframe == Timeframe::Day as u8;
        let mut ends: Vec<TsNs> =
            expected.iter().filter(is_day).map(|event| event.body::<Bar>().end).collect();
        ends.dedup();
        assert_eq!(ends.len(), closes, "{date}: how many closes there are");
        let warmup = load(&journal, &[shown(&journal)], None, 20_990_101).expect("a history");
        for timeframe in Timeframe::ALL.iter().filter(|timeframe| **timeframe >= Timeframe::M1) {
            let of = |events: &[Event]| -> Vec<_> {
                let wanted = |event: &&Event| event.body::<Bar>().timeframe == *timeframe as u8;
                events.iter().filter(wanted).map(bar).collect()
            };
            assert!(!of(&expected).is_empty(), "{date} {timeframe}");
            assert_eq!(of(&warmup.history), of(&expected), "{date} {timeframe}");
        }
        let order = |events: &[Event]| events.iter().map(bar).collect::<Vec<_>>();
        assert_eq!(order(&warmup.history), order(&expected), "{date}: by end, timeframe, instrument");
        // The same from candles, which have neither turnover nor the ticks' flags.
        let csv = market.bars_csv(&journal, "bars.csv");
        let sources: Vec<String> =
            symbols.iter().map(|symbol| format!("{symbol}={}", csv.display())).collect();
        let candles = load(&journal, &sources, None, 20_990_101).expect("a history");
        let ohlcv = |events: &[Event]| {
            let of =
                |(timeframe, id, times, prices, volume, counts, _): (_, _, _, _, [u64; 2], [u32; 3], _)| {
                    (timeframe, id, times, prices, volume[0], [counts[1], counts[2]])
                };
            events.iter().map(|event| of(bar(event))).collect::<Vec<_>>()
        };
        assert_eq!(ohlcv(&candles.history), ohlcv(&expected), "{date}: from candles");
        for event in
            candles.history.iter().filter(|event| event.body::<Bar>().timeframe == Timeframe::M1 as u8)
        {
            let bar = event.body::<Bar>();
            assert_eq!(bar.turnover.0, bar.close.0 * bar.volume as i64);
        }
    }
}

#[test]
fn a_warm_run_signals_what_an_uninterrupted_one_does() {
    let market = Market::new();
    let dates = ["2026-07-30", "2026-07-31"];
    let both = market.import("both", &SHARES, &dates);
    let (first, second) =
        (market.import("first", &SHARES, &dates[..1]), market.import("second", &SHARES, &dates[1..]));
    let from = Recording::open(&second).expect("a journal").head.first_session.pre_open;
    market.whatif(&both, "both-out", &[]).expect("runs");
    market.whatif(&second, "cold", &[]).expect("runs");
    let warm = market.whatif(&second, "warm", &[shown(&first)]).expect("runs");
    let expected = signals(&market.path("both-out"), from);
    let found = signals(&market.path("warm"), from);
    for id in [InstrumentId(0), InstrumentId(1)] {
        let acted =
            |signal: &&(InstrumentId, _, u8, _, _, _)| signal.0 == id && signal.2 != Action::Hold as u8;
        assert!(expected.iter().filter(acted).count() > 1, "instrument {} says nothing: no test", id.0);
    }
    assert_eq!(found, expected);
    assert_ne!(signals(&market.path("cold"), from), expected, "history makes no difference: no test");

    // From candles the same, because neither strategy reads the turnover of earlier days.
    let csv = market.bars_csv(&first, "bars.csv");
    let sources: Vec<String> = SHARES.iter().map(|symbol| format!("{symbol}={}", csv.display())).collect();
    market.whatif(&second, "warm-candles", &sources).expect("runs");
    assert_eq!(signals(&market.path("warm-candles"), from), expected);

    // What the run started from is recorded: it verifies, and runs anew from the same.
    let summary = warm.warmup.expect("a summary");
    assert_eq!((summary.days, summary.sources.len()), (1, 1));
    let verified = verify::verify(&market.path("warm")).expect("readable");
    assert_eq!(verified.identical, Some(true), "{:?}", verified.result.divergence);
    let again = market.whatif(&market.path("warm"), "again", &[]).expect("runs");
    assert_eq!(again.finished.result.state_hash(), warm.finished.result.state_hash());
    let recorded = again.warmup.expect("a summary");
    assert_eq!((recorded.bars, recorded.days), (summary.bars, summary.days));
    assert_eq!(recorded.sources[0].source, "recorded inputs");
    let error = market.whatif(&market.path("warm"), "twice", &[shown(&first)]).err().expect("refused");
    assert!(error.to_string().contains("was started from a history of its own"), "{error}");
    assert_eq!(exit_of(&error), Exit::Usage);
}

#[test]
fn the_future_is_refused() {
    let market = Market::new();
    let day = market.import("day", &SHARES, &["2026-07-31"]);
    let later = market.import("later", &SHARES, &["2026-08-03"]);
    for (source, date) in [(&day, "20260731"), (&later, "20260803")] {
        let error = market.whatif(&day, "out", &[shown(source)]).err().expect("refused");
        let said = error.to_string();
        assert!(
            said.contains(&format!("its session of {date} is not before the session's date 20260731")),
            "{said}"
        );
        assert_eq!(exit_of(&error), Exit::Data);
    }
    let path = market.path("c.csv");
    let rows =
        "date,open,high,low,close,volume\n2026-07-30 15:29:00,9,9,9,9,1\n2026-07-31 09:15:00,9,9,9,9,1\n";
    std::fs::write(&path, rows).expect("a file");
    let source = format!("NSE:TCS={}", path.display());
    let error = load(&day, std::slice::from_ref(&source), None, 20_260_731).expect_err("refused");
    let said = error.to_string();
    assert!(said.contains("c.csv:3: the minute 2026-07-31T09:15:00+05:30 is not before"), "{said}");
    assert_eq!(exit_of(&error), Exit::Data);
    assert!(load(&day, &[source], None, 20_260_801).is_ok());
    assert!(!market.path("out").join(INPUTS).exists(), "nothing was written before the refusal");
}

#[test]
fn every_minute_that_is_not_used_is_counted() {
    let market = Market::new();
    let day = market.import("day", &["NSE:TCS"], &["2026-07-31"]);
    let file = |name: &str, rows: &str| market.tcs(name, rows);
    let first = file(
        "first.csv",
        "2026-07-29 09:14:00,9,9,9,9,1\n2026-07-29 09:15:00,9,9,9,9,1\n2026-07-29 15:30:00,9,9,9,9,1\n\
         2026-07-30 09:15:00,8,8,8,8,1\n",
    );
    let second = file(
        "second.csv",
        "instrument,start,open,high,low,close,volume,trades,oi\nNSE:INFY,2026-07-30T09:15:00+05:30,1,1,1,1,1,1,1\n\
         NSE:TCS,2026-07-30T09:15:00+05:30,7,7,7,7,1,1,5\nNSE:TCS,2026-07-30T09:16:00+05:30,7,7,7,7,2,4,6\n",
    );
    let sources = [first, second];
    let all = load(&day, &sources, None, 20_260_731).expect("a history");
    let summary = all.summary.expect("a summary");
    let count = |at: usize| {
        let SourceSummary { minutes, duplicates, outside_hours, other_instruments, older, .. } =
            summary.sources[at];
        [minutes, duplicates, outside_hours, other_instruments, older]
    };
    assert_eq!((summary.days, count(0), count(1)), (2, [2, 0, 2, 0, 0], [1, 1, 0, 1, 0]));
    // Seven timeframes a day; the second day has two minutes in one period of every longer one.
    assert_eq!(summary.bars, 7 + 8);
    let day_bars: Vec<&Bar> = all.history.iter().map(|event| event.body::<Bar>()).collect();
    let last = day_bars.last().expect("bars");
    assert_eq!(
        (last.timeframe, last.open.0, last.close.0, last.volume),
        (Timeframe::Day as u8, 80_000, 70_000, 3)
    );
    // The first source's minute has neither trades nor open interest.
    assert_eq!((last.trades, last.open_interest), (4, 6));
    assert!(
        summary
            .line()
            .ends_with("; minutes left out: 1 given twice, 2 outside the hours, 1 of other instruments")
    );

    let last = load(&day, &sources, Some(1), 20_260_731).expect("a history").summary.expect("a summary");
    assert_eq!((last.days, last.bars, last.sources[0].older, last.sources[0].minutes), (1, 8, 1, 1));

    let none = load(&day, &[], None, 20_260_731).expect("nothing is asked for");
    assert!(none.history.is_empty() && none.summary.is_none());
}

#[test]
fn sources_without_anything_to_use_are_refused() {
    let market = Market::new();
    let day = market.import("day", &["NSE:TCS"], &["2026-07-31"]);
    let file = |name: &str, rows: &str| market.tcs(name, rows);
    for (source, said, exit) in [
        (
            file("night.csv", "2026-07-30 20:00:00,9,9,9,9,1\n"),
            "no minute of it can be used (1 outside",
            Exit::Data,
        ),
        (
            file("infy.csv", "instrument,start,open,high,low,close\nNSE:INFY,2026-07-30T09:15:00,1,1,1,1\n"),
            "1 of instruments",
            Exit::Data,
        ),
        (
            file("bad.csv", "2026-07-30 09:15:00,9,8,9,9,1\n"),
            "bad.csv:1: high 8.00 is below low 9.00",
            Exit::Data,
        ),
        (
            format!("NSE:INFY={}", market.path("night.csv").display()),
            "the run has no instrument NSE:INFY",
            Exit::Usage,
        ),
        (shown(&market.path("nowhere")), "is no directory of a journal, and not SYMBOL=FILE", Exit::Usage),
        (shown(market.dir.path()), "inputs", Exit::Data),
    ] {
        let error = load(&day, &[source], None, 20_260_731).expect_err(said);
        assert!(error.to_string().contains(said), "{said}: {error}");
        assert_eq!(exit_of(&error), exit, "{said}: {error}");
    }
    // An evening session without published hours: the calendar cannot say which minutes are continuous trading.
    let evening = file("evening.csv", "2026-11-08 18:00:00,9,9,9,9,1\n");
    let error = load(&day, &[evening], None, 20_990_101).expect_err("no hours");
    let said = format!("{error:#}");
    assert!(said.contains("evening.csv:1") && said.contains("[session]"), "{said}");
    assert_eq!(exit_of(&error), Exit::Usage);
}

#[test]
fn a_month_of_a_collectors_minutes_becomes_a_history() {
    let data = std::env::var("PITLANE_DATA")
        .map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    if !data.is_dir() {
        println!("skipped: no shared data");
        return;
    }
    let settings = Settings::default();
    let instruments: Vec<InstrumentSpec> = settings.instruments().expect("the built-in table");
    let planner =
        Planner { settings: &settings, calendar: &Calendar::new(), instruments: &instruments, dump: None };
    let file = data.join("nse_bars_1m/2021_MAR_NIFTY.txt.gz");
    let args = |days| WarmupArgs {
        // An alias names the index too.
        warmup: vec![format!("NSE:NIFTY={}", file.display())],
        warmup_days: NonZeroUsize::new(days),
    };
    let month = args(0).load(&planner, 20_210_401).expect("a history").summary.expect("a summary");
    assert_eq!(month.days, 21);
    // 7,937 rows: a minute before the open and two after the close a day, and what the collector missed.
    let source = &month.sources[0];
    assert_eq!(source.minutes + source.outside_hours, 7_937);
    assert!((7_870..=7_875).contains(&source.minutes), "{source:?}");
    let week = args(5).load(&planner, 20_210_401).expect("a history");
    // 375 minutes, and 125 + 75 + 25 + 13 + 7 longer bars, and the day's.
    assert_eq!(week.history.len(), 5 * (375 + 125 + 75 + 25 + 13 + 7 + 1));
    let error = args(0).load(&planner, 20_210_331).expect_err("the last day").to_string();
    assert!(error.contains("2021_MAR_NIFTY.txt.gz:") && error.contains("2021-03-31T09:"), "{error}");
}
