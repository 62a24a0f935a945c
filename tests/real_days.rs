//! Real days: recorded ticks become journals, their bars equal bars that another program built, and the
//! crossover trades them and ends flat. The data is not the project's; nothing here runs without it.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_engine::drive::affinity::allowed_cpus;
use pitlane_engine::event::Timeframe;
use pitlane_session::cli::{ConfigArgs, CpuArgs};
use pitlane_session::export::{What, export};
use pitlane_session::replay_card::whatif_json;
use pitlane_session::{import, verify, whatif};
use pitlane_tests::shared_data;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The ten index days as imports. The two files of 16 April end with rows of 19 April: one import takes both.
const INDEX_DAYS: [&[&str]; 9] = [
    &["26-March"],
    &["12-April"],
    &["13-April"],
    &["15-April"],
    &["16-April", "19-April"],
    &["20-April"],
    &["26-April"],
    &["27-April"],
    &["28-April"],
];

const INDICES: [&str; 2] = ["NSE:NIFTY 50", "NSE:NIFTY BANK"];

/// The shares of 15 April and what each of them traded between its first row of the session and the last.
const SHARES: [(&str, u64); 7] = [
    ("RELIANCE", 8_896_735),
    ("TCS", 5_887_438),
    ("INFY", 24_428_332),
    ("HDFCBANK", 16_438_964),
    ("ICICIBANK", 37_162_680),
    ("SBIN", 52_632_308),
    ("TATAMOTORS", 74_625_627),
];

/// An import of recorded ticks.
struct Day {
    dir: TempDir,
    /// `SYMBOL=FILE`, as on the command line.
    args: Vec<String>,
    /// The object `import-summary/1`.
    summary: Value,
}

impl Day {
    fn import(args: Vec<String>) -> Self {
        let dir = TempDir::new().expect("a directory for the journal");
        let done = import::tick_csv(&args, &dir.path().join("journal"), &ConfigArgs::default());
        let summary = done.unwrap_or_else(|error| panic!("{args:?}: {error:#}")).json();
        Self { dir, args, summary }
    }

    fn journal(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    /// A what-if run, journaled to `out` if that is given: the object `replay-summary/1`.
    fn whatif(&self, out: Option<&Path>, cpus: &CpuArgs) -> Value {
        let done =
            whatif::whatif(&self.journal(), out, &ConfigArgs::default(), cpus, "max", &Default::default());
        whatif_json(&done.expect("the day runs"))
    }

    /// Symbols in the order in which they are first named.
    fn symbols(&self) -> Vec<&str> {
        let mut symbols: Vec<&str> =
            self.args.iter().map(|arg| arg.split_once('=').expect("SYMBOL=FILE").0).collect();
        symbols.dedup();
        symbols
    }

    /// Every row became a tick or a dead letter with a reason, and none got lost between.
    fn assert_rows_add_up(&self) {
        let mut refused = BTreeMap::<&str, u64>::new();
        for file in self.summary["files"].as_array().expect("a list of files") {
            let count = |name: &str| file[name].as_u64().expect("a count");
            let mut sum = count("frames");
            for reason in ["backward", "out_of_session", "undecodable", "no_last_price"] {
                *refused.entry(reason).or_default() += count(reason);
                sum += count(reason);
            }
            assert_eq!(count("rows"), sum, "{file}");
        }
        refused.retain(|_, count| *count > 0);
        assert_eq!(self.summary["dead_letters"], json!(refused));
    }

    /// Exported bars equal those of the script, for every timeframe there is.
    fn assert_bars_equal_the_script(&self) {
        let out = self.dir.path().join("script");
        let names: Vec<&str> = Timeframe::ALL.iter().map(|timeframe| timeframe.name()).collect();
        let names = names.join(",");
        let out_text = out.to_str().expect("a path of text");
        let mut args = vec!["--timeframes", names.as_str(), "--out", out_text];
        args.extend(self.args.iter().map(String::as_str));
        if python("bars_from_ticks.py", &args).is_none() {
            return;
        }
        for &timeframe in Timeframe::ALL {
            let theirs =
                std::fs::read_to_string(out.join(format!("{}.csv", timeframe.name()))).expect("its bars");
            let ours = by_symbol(&exported(&self.journal(), What::Bars(timeframe)), &self.symbols());
            let rows = std::iter::zip(ours.lines(), theirs.lines());
            if let Some((ours, theirs)) = rows.into_iter().find(|(ours, theirs)| ours != theirs) {
                panic!("{}: exported {ours}, from the ticks {theirs}", timeframe.name());
            }
            assert!(ours == theirs, "{}: {} and {} bytes", timeframe.name(), ours.len(), theirs.len());
        }
    }
}

fn exported(journal: &Path, what: What) -> String {
    let mut bytes = Vec::new();
    export(journal, what, &mut bytes).expect("the journal can be exported");
    String::from_utf8(bytes).expect("an export is text")
}

/// An export, which is in the order of closing, with each symbol's rows together; their order stays.
fn by_symbol(csv: &str, symbols: &[&str]) -> String {
    let mut grouped = csv.lines().next().expect("a header").to_owned() + "\n";
    for symbol in symbols {
        let rows =
            csv.lines().filter(|line| line.strip_prefix(symbol).is_some_and(|rest| rest.starts_with(',')));
        rows.for_each(|row| grouped.extend([row, "\n"]));
    }
    assert_eq!(grouped.len(), csv.len(), "every row has one of the symbols");
    grouped
}

/// `SYMBOL=FILE` of both indices on `days`.
fn index_args(data: &Path, days: &[&str]) -> Vec<String> {
    let mut args = Vec::new();
    for symbol in INDICES {
        for day in days {
            let file = match (*day, symbol) {
                ("26-March", "NSE:NIFTY 50") => "26-March_Nifty50_26_march_2021".to_owned(),
                ("26-March", _) => "26-March_Nifty_Bank_26_march_2021".to_owned(),
                (_, "NSE:NIFTY 50") => format!("{day}_Nifty_{}", day.replace('-', "_")),
                _ => format!("{day}_Nifty_Bank_{}", day.replace('-', "_")),
            };
            args.push(format!("{symbol}={}", data.join("nse_ticks_2021").join(file + ".csv.gz").display()));
        }
    }
    args
}

/// The nine files of 15 April.
fn april_15(data: &Path) -> Vec<String> {
    let mut args = index_args(data, &["15-April"]);
    for (share, _) in SHARES {
        let path = data.join("nse_ticks_2021").join(format!("{share}_15_April.csv.gz"));
        args.push(format!("NSE:{share}={}", path.display()));
    }
    args
}

/// What a script prints; `None`, said aloud, without Python.
fn python(script: &str, args: &[&str]) -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(script);
    let output = match Command::new("python3").arg(&script).args(args).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("skipped: no python3");
            return None;
        }
        output => output.expect("python3 runs"),
    };
    assert!(output.status.success(), "{}: {}", script.display(), String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn index_days_run_and_their_minutes_are_those_of_another_collector() {
    let Some(data) = shared_data::dir() else { return };
    let csvs = TempDir::new().unwrap();
    let mut args = Vec::new();
    for days in INDEX_DAYS {
        let day = Day::import(index_args(&data, days));
        day.assert_rows_add_up();
        let csv = csvs.path().join(days[0]);
        std::fs::write(&csv, exported(&day.journal(), What::Bars(Timeframe::M1))).unwrap();
        args.push(csv.to_str().unwrap().to_owned());
        let run = day.whatif(None, &CpuArgs::default());
        assert_eq!(run["ticks"], day.summary["ticks"], "{days:?}");
        assert_eq!(run["dead_letters"], day.summary["dead_letters"], "{days:?}");
        assert_eq!(
            (&run["orders"], &run["open_positions"]),
            (&json!(0), &json!(0)),
            "an index is not traded"
        );
        println!("{days:?}: {} ticks, dead letters {}", run["ticks"], run["dead_letters"]);
    }
    args.push("--against".to_owned());
    for (symbol, name) in std::iter::zip(INDICES, ["NIFTY", "BANKNIFTY"]) {
        for month in ["MAR", "APR"] {
            let path = data.join("nse_bars_1m").join(format!("2021_{month}_{name}.txt.gz"));
            args.push(format!("{symbol}={}", path.display()));
        }
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let Some(scores) = python("score_bars.py", &args) else { return };
    println!("{scores}");
    // For NIFTY BANK the data's description counts one bar fewer exact, and one fewer within 1 bp. Those are
    // the counts of bars that keep rows which go back in time: the minutes ending 15 April 14:12 and 28 April
    // 10:34 then close on the price of their second 58, which the file has after that of second 59.
    let expected = json!({
        "NSE:NIFTY 50": { "bars": 3_715, "exact": 2_493, "within_1bp": 3_628, "within_2bp": 3_701 },
        "NSE:NIFTY BANK": { "bars": 3_715, "exact": 2_575, "within_1bp": 3_429, "within_2bp": 3_641 },
    });
    assert_eq!(serde_json::from_str::<Value>(&scores).unwrap(), expected);
}

#[test]
fn no_share_of_the_volume_is_lost_or_counted_twice() {
    let Some(data) = shared_data::dir() else { return };
    let day = Day::import(april_15(&data));
    for &timeframe in Timeframe::ALL {
        let csv = exported(&day.journal(), What::Bars(timeframe));
        let mut volumes = BTreeMap::<&str, u64>::new();
        for row in csv.lines().skip(1) {
            let fields: Vec<&str> = row.split(',').collect();
            *volumes.entry(fields[0]).or_default() += fields[6].parse::<u64>().unwrap();
        }
        for (share, volume) in SHARES {
            assert_eq!(volumes[format!("NSE:{share}").as_str()], volume, "{share} {}", timeframe.name());
        }
        assert!(INDICES.iter().all(|index| volumes[index] == 0), "an index has no volume");
    }
}

#[test]
fn cascaded_bars_equal_bars_built_straight_from_the_ticks() {
    let Some(data) = shared_data::dir() else { return };
    Day::import(april_15(&data)).assert_bars_equal_the_script();
    // Most rows that go back in time, and two files of one symbol with one date in both.
    for days in [&["28-April"][..], &["16-April", "19-April"]] {
        Day::import(index_args(&data, days)).assert_bars_equal_the_script();
    }
}

#[test]
fn april_15_trades_ends_flat_and_can_be_proved() {
    let Some(data) = shared_data::dir() else { return };
    let day = Day::import(april_15(&data));
    day.assert_rows_add_up();
    let out = day.dir.path().join("run");
    let run = day.whatif(Some(&out), &CpuArgs::default());
    println!("{run:#}");
    for count in ["orders", "fills", "signals", "bars"] {
        assert!(run[count].as_u64().unwrap() > 0, "no {count}");
    }
    assert_eq!(run["open_positions"], 0);
    assert_eq!((&run["alarms"], &run["risk_stop"]), (&json!({}), &Value::Null));
    assert_eq!(run["dead_letters"], day.summary["dead_letters"]);
    for reason in ["backward", "out_of_session"] {
        assert!(run["dead_letters"][reason].as_u64().unwrap() > 0, "no {reason} row");
    }
    assert_fills_explain(&run, &exported(&out, What::Fills));

    let verified = verify::verify(&out).unwrap();
    assert_eq!(verified.identical, Some(true), "{:?}", verified.notes);
    assert_eq!(verified.json()["state_hash"], run["state_hash"]);
    // What a journal without outputs exports is what a run of it records.
    for what in [What::Bars(Timeframe::M1), What::Signals, What::Orders, What::Fills] {
        assert!(exported(&day.journal(), what) == exported(&out, what), "{what:?} differ");
    }
}

/// The fills alone give the run's positions and result.
fn assert_fills_explain(run: &Value, csv: &str) {
    let (mut count, mut paise) = (0_u64, 0_i64);
    let mut positions = BTreeMap::<&str, i64>::new();
    for row in csv.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let sign = if fields[3] == "buy" { 1 } else { -1 };
        let quantity = sign * fields[4].parse::<i64>().expect("a quantity");
        *positions.entry(fields[1]).or_default() += quantity;
        paise -= quantity * fields[5].replace('.', "").parse::<i64>().expect("a price with two decimals");
        count += 1;
    }
    assert_eq!(run["fills"], count);
    assert!(positions.values().all(|quantity| *quantity == 0), "{positions:?}");
    let net = format!("{}{}.{:02}", if paise < 0 { "-" } else { "" }, paise.abs() / 100, paise.abs() % 100);
    assert_eq!(run["net_pnl"], net.as_str());
}

#[test]
fn april_15_is_the_same_on_one_thread_and_on_two() {
    let Some(data) = shared_data::dir() else { return };
    let day = Day::import(april_15(&data));
    let fused = day.whatif(None, &CpuArgs::default());
    let allowed = allowed_cpus();
    for threads in 1..=2 {
        let Some(cpus) = allowed.get(..threads) else {
            println!("skipped: {threads} cpus, and {} may be used", allowed.len());
            break;
        };
        let list: Vec<String> = cpus.iter().map(ToString::to_string).collect();
        let cpus =
            CpuArgs { cpu_set: Some(list.join(",")), wait: Some("yield".into()), ..CpuArgs::default() };
        let run = day.whatif(None, &cpus);
        assert_eq!(run["state_hash"], fused["state_hash"], "--cpu-set {}", list.join(","));
        for count in ["events", "ticks", "bars", "signals", "orders", "fills", "net_pnl", "open_positions"] {
            assert_eq!(run[count], fused[count], "{count} with {threads} threads");
        }
    }
}
