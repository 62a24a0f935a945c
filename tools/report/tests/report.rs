//! Reports of made days: their figures against an independent computation, their words for what is wrong, and the page in
//! a browser.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_config::format_ist;
use pitlane_engine::event::{Kind, SessionStart, Timeframe};
use pitlane_engine::units::TsNs;
use pitlane_report::{Report, ReportArgs, read};
use pitlane_session::cli::{ConfigArgs, CpuArgs};
use pitlane_session::export::{What, export};
use pitlane_session::profit::show_date;
use pitlane_session::recorded::Recording;
use pitlane_session::warmup::WarmupArgs;
use pitlane_session::{import, sim, whatif};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A scratch directory on memory where there is some, so that journals cost no disk.
fn scratch() -> TempDir {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { TempDir::new_in(shm) } else { TempDir::new() }.unwrap()
}

fn sets(sets: &[&str]) -> ConfigArgs {
    let small = ["journal.segment=16MiB"];
    ConfigArgs { config: Vec::new(), set: small.iter().chain(sets).map(|set| (*set).to_owned()).collect() }
}

/// A synthetic day.
fn day(journal: &Path, date: &str, changes: &[&str]) {
    let date = format!("sim.date={date}");
    let config = sets(&[&[date.as_str()], changes].concat());
    let request = sim::Request {
        config: &config,
        cpus: &CpuArgs::default(),
        mode: None,
        warmup: &WarmupArgs::default(),
        from: None,
        instruments: None,
        journal: Some(journal),
        speed: None,
        duration: None,
        until: None,
        seed: None,
        name: "demo",
    };
    sim::run(&request).unwrap();
}

/// A day that loses: averages so short that charges eat everything, both sides.
const LOSING: &[&str] = &[
    "strategies.ema.params.fast=2",
    "strategies.ema.params.slow=4",
    "strategies.ema.allow_short=true",
    "sim.seed=7",
];

/// Writes what the script reads of a journal.
fn exports(journal: &Path, folder: &Path, ticks: bool) {
    drop(fs::remove_dir_all(folder));
    fs::create_dir_all(folder).unwrap();
    let file = |name: &str| fs::File::create(folder.join(name)).unwrap();
    export(journal, What::Fills, file("fills.csv")).unwrap();
    export(journal, What::Charges, file("charges.csv")).unwrap();
    export(journal, What::Bars(Timeframe::M1), file("bars.csv")).unwrap();
    if ticks {
        export(journal, What::Ticks, std::io::BufWriter::new(file("ticks.csv"))).unwrap();
    }
    let recording = Recording::open(journal).unwrap();
    let mut sessions: Vec<(String, TsNs)> = Vec::new();
    let capital = recording.pipeline.risk.capital;
    recording
        .each_input(&mut |event| {
            if event.kind() == Kind::SessionStart {
                let start = event.body::<SessionStart>();
                let (open, close) = (format_ist(start.open), format_ist(start.close));
                let row = format!("{},{open},{close},{capital}", show_date(start.date));
                sessions.push((row, event.header.ts));
            }
            if let Some((_, last)) = sessions.last_mut() {
                *last = event.header.ts;
            }
        })
        .unwrap();
    let rows = sessions.iter().fold("date,open,close,capital,last\n".to_owned(), |rows, (row, last)| {
        rows + &format!("{row},{}\n", format_ist(*last))
    });
    fs::write(folder.join("sessions.csv"), rows).unwrap();
}

/// What the independent script says of a report's object and the journals' exports: whether all is the same, and its words;
/// `None` without an interpreter.
fn judged(json: &Value, scratch: &Path, journals: &[&Path], ticks: bool) -> Option<(bool, String)> {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: no python3");
        return None;
    }
    let path = scratch.join("report.json");
    fs::write(&path, json.to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scripts/report_check.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(&path).arg(json["summary"]["capital"].as_str().unwrap());
    for (number, journal) in journals.iter().enumerate() {
        let folder = scratch.join(format!("exports{number}"));
        exports(journal, &folder, ticks);
        command.arg(folder);
    }
    let output = command.output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Some((output.status.success(), said))
}

/// Compares a report with what the independent script makes of the journals' exports.
fn check(report: &Report, scratch: &Path, journals: &[&Path], ticks: bool) {
    let Some((same, said)) = judged(&report.json(), scratch, journals, ticks) else { return };
    print!("{said}");
    assert!(same, "{said}");
}

fn one(journal: &Path) -> Report {
    read(&[journal.to_owned()]).unwrap()
}

/// What holds for every report.
fn sound(report: &Report) {
    let text = report.text();
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
    let page = report.html();
    for outside in ["http", "<script", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(outside), "the page has `{outside}`");
    }
    assert!(page.contains("<svg") && page.contains("Made with"));
    for note in &report.notes {
        assert!(text.contains("note: "), "{note}");
    }
    let summary = &report.json()["summary"];
    assert_eq!(summary["days"].as_u64().unwrap() as usize, report.days.len());
}

#[test]
fn figures_of_a_good_and_a_bad_day_are_those_of_an_independent_computation() {
    let scratch = scratch();
    let [good, bad] = ["good", "bad"].map(|name| scratch.path().join(name));
    day(&good, "2026-07-30", &[]);
    day(&bad, "2026-07-31", LOSING);
    let report = one(&good);
    check(&report, scratch.path(), &[&good], true);
    sound(&report);
    assert!(report.stats.net.0 > 0 && report.stats.sharpe.is_none());
    let report = one(&bad);
    check(&report, scratch.path(), &[&bad], true);
    sound(&report);
    assert!(report.stats.net.0 < 0, "the losing day lost: {}", report.stats.net);
    assert!(report.trades.iter().any(|trade| !trade.is_long));
    let said = report.trades.iter().filter_map(|trade| trade.entry.signal.as_ref()).count();
    assert_eq!(said, report.trades.len(), "every entry follows from a signal");
    assert!(report.trades[0].entry.signal.as_ref().unwrap().facts.iter().any(|(name, _)| *name == "fast"));

    // The same two as one report, whatever their order.
    let both = read(&[bad.clone(), good.clone()]).unwrap();
    check(&both, scratch.path(), &[&good, &bad], false);
    sound(&both);
    assert_eq!(both.days.len(), 2);
    assert!(both.stats.sharpe.is_some());
    let words = both.notes.join("\n");
    assert!(words.contains("capital of 20,000,000.00 of its own"), "{words}");
    let again = read(&[good, bad]).unwrap();
    assert_eq!(both.json(), again.json(), "the order of the arguments does not matter");
    assert_eq!((both.text(), both.html()), (again.text(), again.html()));
}

/// Rows of a year of short sessions: `sessions` weekdays of half an hour, a price every ten seconds.
fn year(sessions: u32) -> String {
    let mut state = 20_240_101_u64;
    println!("seed {state}");
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % 2_001
    };
    let (mut rows, mut price, mut drift, mut made) =
        (String::from("timestamp,ltp,volume\n"), 200_000_i64, 0_i64, 0);
    let mut date = jiff::civil::date(2024, 1, 1);
    while made < sessions {
        date = date.tomorrow().unwrap();
        if date.weekday().to_monday_zero_offset() > 4 {
            continue;
        }
        made += 1;
        let mut volume = 0;
        for second in (0..1_800).step_by(10) {
            let turn = second % 420 == 0;
            drift = if turn { next() as i64 - 1_000 } else { drift };
            price = (price + drift / 40 + (next() as i64 - 1_000) / 60).clamp(100_000, 400_000);
            volume += 1_000 + next();
            let at = jiff::civil::time(9, 15 + (second / 60) as i8, (second % 60) as i8, 0);
            writeln!(rows, "{date} {at},{}.{:02},{volume}", price / 100, price / 5 % 20 * 5).unwrap();
        }
    }
    rows
}

const SHORT_DAYS: &[&str] = &[
    "session.pre_open=09:14",
    "session.open=09:15",
    "session.close=09:45",
    "risk.square_off=09:40",
    "risk.square_off_margin=2m",
    "risk.no_new_entry=09:38",
    "risk.no_new_entry_margin=2m",
    "strategies.ema.params.fast=3",
    "strategies.ema.params.slow=8",
    "strategies.ema.allow_short=true",
    "risk.trades_per_symbol=50",
];

#[test]
fn a_year_of_sessions_in_one_journal() {
    let scratch = scratch();
    let (rows, inputs, run) =
        (scratch.path().join("x.csv"), scratch.path().join("in"), scratch.path().join("run"));
    fs::write(&rows, year(250)).unwrap();
    let file = format!("NSE:RELIANCE={}", rows.display());
    import::tick_csv(&[file], &inputs, &sets(SHORT_DAYS)).unwrap();
    let cpus = CpuArgs::default();
    whatif::whatif(
        std::slice::from_ref(&inputs),
        Some(&run),
        &sets(&[]),
        &cpus,
        "max",
        &WarmupArgs::default(),
    )
    .unwrap();
    let report = one(&run);
    check(&report, scratch.path(), &[&run], false);
    sound(&report);
    assert!(report.days.len() > 230, "{} days", report.days.len());
    assert!(report.stats.months.len() >= 12 && report.trades.len() > 250);
    assert!(report.html().len() < 4_000_000, "{} bytes", report.html().len());

    // The journal of inputs alone says the same, recomputed, but for what a journal is called.
    let alone = one(&inputs);
    assert!(alone.journals[0].recomputed && alone.notes.iter().any(|note| note.contains("recomputed")));
    let without = |report: &Report| {
        let mut json = report.json();
        json["journals"] = Value::Null;
        json["notes"] = Value::Null;
        json
    };
    assert_eq!(without(&alone), without(&report));
}

#[test]
fn a_day_without_trades_says_why() {
    let scratch = scratch();
    let journal = scratch.path().join("empty");
    let never = ["strategies.ema.params.fast=400", "strategies.ema.params.slow=900", "sim.duration=90m"];
    day(&journal, "2026-07-31", &never);
    let report = one(&journal);
    check(&report, scratch.path(), &[&journal], false);
    sound(&report);
    assert!(report.trades.is_empty());
    for shown in [report.text(), report.html()] {
        assert!(shown.contains("nothing was traded") && shown.contains("indicators_not_ready"), "{shown}");
    }
    let ratios = &report.json()["ratios"];
    assert!(ratios["win_rate"].is_null() && ratios["sharpe"].is_null(), "{ratios}");
}

#[test]
fn what_is_still_held_counts_at_its_last_price() {
    let scratch = scratch();
    let journal = scratch.path().join("cut");
    day(&journal, "2026-07-31", &["sim.duration=170m"]);
    let report = one(&journal);
    check(&report, scratch.path(), &[&journal], true);
    sound(&report);
    assert!(report.stats.open > 0 && report.trades.iter().any(|trade| trade.exit.is_none()));
    assert!(report.notes.iter().any(|note| note.contains("still open")), "{:?}", report.notes);
    assert_eq!(report.trades.iter().map(|trade| trade.net().0).sum::<i64>(), report.stats.net.0);
}

#[test]
fn a_halted_day_says_when_and_why() {
    let scratch = scratch();
    let journal = scratch.path().join("halted");
    day(&journal, "2026-07-31", &[LOSING, &["risk.daily_loss=0.02%", "sim.duration=150m"]].concat());
    let report = one(&journal);
    check(&report, scratch.path(), &[&journal], true);
    sound(&report);
    assert_eq!(report.days[0].stopped, Some("daily_loss"));
    assert!(
        report.incidents.iter().any(|incident| incident.what.starts_with("halted")),
        "{:?}",
        report.incidents
    );
    for shown in [report.text(), report.html()] {
        assert!(shown.contains("trading was stopped on 2026-07-31: daily_loss"), "{shown}");
    }
}

#[test]
fn bad_input_in_clear_words() {
    let scratch = scratch();
    let path = |name: &str| scratch.path().join(name);
    for (name, date) in [("a", "2026-07-27"), ("b", "2026-07-30"), ("c", "2026-07-30")] {
        day(&path(name), date, &["sim.duration=20m"]);
    }
    let refused = |dirs: &[PathBuf]| format!("{:#}", read(dirs).err().unwrap());
    let words = refused(&[path("a"), path("b"), path("c")]);
    assert!(words.contains("both") && words.contains("2026-07-30"), "{words}");
    let words = refused(&[path("a"), path("a")]);
    assert!(words.contains("2026-07-27"), "{words}");
    let words = refused(&[path("none")]);
    assert!(words.contains("no journal at"), "{words}");
    let words = refused(&[scratch.path().to_owned()]);
    assert!(words.contains("holds 3") && words.contains("/*"), "{words}");
    fs::create_dir(path("hollow")).unwrap();
    assert!(refused(&[path("hollow")]).contains("no inputs"));

    let gap = read(&[path("a"), path("b")]).unwrap();
    assert_eq!(gap.missing, [20_260_728, 20_260_729]);
    sound(&gap);
    let words = gap.notes.join("\n");
    assert!(words.contains("2026-07-28, 2026-07-29"), "{words}");
}

#[test]
fn a_figure_that_is_wrong_by_the_least_is_seen() {
    let scratch = scratch();
    let [one_day, other] = ["a", "b"].map(|name| scratch.path().join(name));
    // Flat long before the end, so that no last price is needed.
    let early = ["sim.duration=60m", "risk.no_new_entry=09:45", "risk.square_off=09:50"];
    day(&one_day, "2026-07-30", &[LOSING, &early].concat());
    day(&other, "2026-07-31", &[LOSING, &early, &["sim.seed=8"]].concat());
    let right = read(&[one_day.clone(), other.clone()]).unwrap();
    check(&right, scratch.path(), &[&one_day, &other], false);
    let right = right.json();
    type Planted<'a> = (&'a str, &'a dyn Fn(&mut Value));
    let least = |value: &mut Value| {
        let text = value.as_str().unwrap();
        let digits: i64 = format!("{:0<4}", text.split_once('.').unwrap().1).parse().unwrap();
        let other = if digits == 9_999 { 9_998 } else { digits + 1 };
        *value = format!("{}.{other:04}", text.split_once('.').unwrap().0).into();
    };
    let near = |value: &mut Value| *value = (value.as_f64().unwrap() * (1.0 + 1e-8)).into();
    let planted: [Planted<'_>; 8] = [
        ("net pnl", &|json| least(&mut json["summary"]["net_pnl"])),
        ("max drawdown", &|json| least(&mut json["summary"]["max_drawdown"])),
        ("charges, stt", &|json| least(&mut json["charges"]["by_kind"]["stt"])),
        ("curve", &|json| least(&mut json["curve"][40][1])),
        (", gross", &|json| least(&mut json["trades"][3]["gross_pnl"])),
        ("sharpe", &|json| near(&mut json["ratios"]["sharpe"])),
        ("win rate", &|json| near(&mut json["ratios"]["win_rate"])),
        ("profit factor", &|json| near(&mut json["ratios"]["profit_factor"])),
    ];
    for (name, plant) in planted {
        let mut wrong = right.clone();
        plant(&mut wrong);
        let Some((same, said)) = judged(&wrong, scratch.path(), &[&one_day, &other], false) else { return };
        assert!(!same && said.contains(name), "{name}: {said}");
    }
}

#[test]
fn the_command_writes_whole_files() {
    let scratch = scratch();
    let path = |name: &str| scratch.path().join(name);
    day(&path("day"), "2026-07-31", &["sim.duration=20m"]);
    let (out, html) = (Some(path("report.json")), Some(path("report.html")));
    let args = ReportArgs { dirs: vec![path("day")], json: true, html, out };
    pitlane_report::run(&args).unwrap();
    let report = one(&path("day"));
    assert_eq!(report.json()["schema"], "replay-report/1");
    assert_eq!(fs::read_to_string(path("report.json")).unwrap(), format!("{}\n", report.json()));
    assert_eq!(fs::read_to_string(path("report.html")).unwrap(), report.html());
    let left: Vec<_> =
        fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
    let nowhere = ReportArgs { out: Some(path("no/such/folder")), ..args };
    let words = format!("{:#}", pitlane_report::run(&nowhere).err().unwrap());
    assert!(words.contains("cannot write"), "{words}");
}

/// A browser that can be asked from here.
fn browser() -> Option<&'static str> {
    let there =
        |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|done| done.status.success());
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| there(name))
}

#[test]
fn the_page_opens_in_a_browser() {
    let Some(browser) = browser() else {
        println!("skipped: no browser");
        return;
    };
    let scratch = scratch();
    let (journal, page) = (scratch.path().join("day"), scratch.path().join("page.html"));
    day(&journal, "2026-07-31", &["sim.duration=120m"]);
    let report = one(&journal);
    fs::write(&page, report.html()).unwrap();
    let ask = |what: &str| {
        let profile = format!("--user-data-dir={}", scratch.path().join("profile").display());
        let page = format!("file://{}", page.display());
        let flags =
            ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"];
        let output = Command::new(browser).args(flags).args([&profile, what, &page]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let read_back = ask("--dump-dom");
    assert_eq!(read_back.matches("<svg").count(), report.html().matches("<svg").count());
    assert_eq!(read_back.matches("class=\"why\"").count(), report.trades.len());
    assert!(read_back.contains("<title>Report of 2026-07-31</title>"), "{read_back}");
    let shot = scratch.path().join("shot.png");
    ask(&format!("--screenshot={}", shot.display()));
    let bytes = fs::read(&shot).unwrap();
    assert!(
        bytes.starts_with(b"\x89PNG") && bytes.len() > 20_000,
        "{} bytes are no picture of a page",
        bytes.len()
    );
}

/// Money is exact: the days' sums are the account's, and the trades' too where nothing is left open.
#[test]
fn days_trades_strategies_and_symbols_sum_to_the_account() {
    let scratch = scratch();
    let journal = scratch.path().join("day");
    day(&journal, "2026-07-31", LOSING);
    let report = one(&journal);
    let net = report.stats.net.0;
    assert_eq!(report.stats.open, 0);
    assert_eq!(report.trades.iter().map(|trade| trade.net().0).sum::<i64>(), net);
    assert_eq!(report.strategies.values().map(|slice| slice.net().0).sum::<i64>(), net);
    assert_eq!(report.symbols.values().map(|slice| slice.net().0).sum::<i64>(), net);
    assert_eq!(report.charges.total().0, report.days[0].charges.0);
    assert_eq!(report.curve.last().unwrap().equity.0 - report.stats.capital.0, net);
    assert!(report.curve.windows(2).all(|pair| pair[0].ts < pair[1].ts && pair[0].ts > TsNs::ZERO));
    for trade in &report.trades {
        let (worst, best) = trade.excursion;
        assert!(worst <= trade.gross && trade.gross <= best, "{trade:?}");
    }
}
