//! Real days: recorded ticks become journals, their bars equal bars that another program built, and the
//! crossover trades them and ends flat. The data is not the project's; nothing here runs without it.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_engine::drive::affinity::allowed_cpus;
use pitlane_engine::event::{Event, Intent, Kind, Order, OrderState, Report, Side, Timeframe};
use pitlane_engine::units::{IST_OFFSET_NS, NS_PER_S};
use pitlane_session::cli::{ConfigArgs, CpuArgs};
use pitlane_session::export::{What, export};
use pitlane_session::replay_card::whatif_json;
use pitlane_session::{import, sim, verify, whatif};
use pitlane_store::{EventStream, INPUTS, OUTPUTS};
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
        self.whatif_with(out, cpus, &ConfigArgs::default())
    }

    fn whatif_with(&self, out: Option<&Path>, cpus: &CpuArgs, config: &ConfigArgs) -> Value {
        let done = whatif::whatif(&[self.journal()], out, config, cpus, "max", &Default::default());
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
    let (mut count, mut gross, mut charges) = (0_u64, 0_i64, 0_i64);
    let mut positions = BTreeMap::<&str, i64>::new();
    for row in csv.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let sign = if fields[3] == "buy" { 1 } else { -1 };
        let quantity = sign * fields[4].parse::<i64>().expect("a quantity");
        *positions.entry(fields[1]).or_default() += quantity;
        gross -= quantity * scaled(fields[5]);
        charges += scaled(fields[6]);
        count += 1;
    }
    assert_eq!(run["fills"], count);
    assert!(positions.values().all(|quantity| *quantity == 0), "{positions:?}");
    let of = |value: &Value| scaled(value.as_str().expect("money is text"));
    let charged = &run["charges"];
    assert_eq!((of(&run["gross_pnl"]), of(&charged["total"])), (gross, charges));
    assert_eq!(of(&run["net_pnl"]), gross - charges);
    let parts = ["brokerage", "stt", "exchange", "sebi", "stamp", "gst"].map(|part| of(&charged[part]));
    assert_eq!(parts.iter().sum::<i64>(), charges, "{charged}");
    // The days are of 2021, of which no rates are known.
    assert!(count == 0 || charged["rates_from"] == "2024-10-01" && charged["rates_stand_in"] == true);
}

/// A decimal with at most four digits, on the scale of money.
fn scaled(decimal: &str) -> i64 {
    let (whole, digits) = decimal.split_once('.').expect("money has decimals");
    format!("{whole}{digits:0<4}").parse().expect("a number")
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

/// A strategy on everything tradable, as a file has it.
fn strategy(kind: &str, priority: u32) -> String {
    format!(
        "[[strategies]]\nid = \"{kind}\"\nkind = \"{kind}\"\nsymbols = [\"*\"]\ntimeframe = \"1m\"\n\
         allow_short = true\npriority = {priority}\n\n"
    )
}

/// A configuration file in `dir` with `text`, and settings over it.
fn config_file(dir: &Path, text: &str, set: &[&str]) -> ConfigArgs {
    let file = dir.join("config.toml");
    std::fs::write(&file, text).unwrap();
    ConfigArgs { config: vec![file], set: set.iter().map(|&set| set.to_owned()).collect() }
}

/// All events of a stream.
fn events(journal: &Path, stream: &'static str) -> Vec<Event> {
    let mut stream = EventStream::open(journal, stream).unwrap();
    std::iter::from_fn(move || stream.try_next().unwrap()).collect()
}

/// Second of the day, Indian time.
fn second(event: &Event) -> u64 {
    (event.header.ts.0 + IST_OFFSET_NS) / NS_PER_S % 86_400
}

/// The second of the report that left each instrument flat last; panics if one is not flat. Positions are those of the
/// reports that came back.
fn flat_since(inputs: &[Event]) -> BTreeMap<u32, u64> {
    let (mut filled, mut held) = (BTreeMap::<u64, i64>::new(), BTreeMap::<u32, i64>::new());
    let mut flat = BTreeMap::new();
    for event in inputs.iter().filter(|event| event.kind() == Kind::Report) {
        let report = event.body::<Report>();
        let before = filled.insert(report.order.0, report.filled.0).unwrap_or(0);
        let held = held.entry(event.header.instrument.0).or_default();
        *held += Side::from_u8(report.side).unwrap().sign() * (report.filled.0 - before);
        if report.filled.0 > before && *held == 0 {
            flat.insert(event.header.instrument.0, second(event));
        }
    }
    assert!(held.values().all(|held| *held == 0), "{held:?}");
    flat
}

#[test]
fn april_15_under_both_kinds_alone_and_together() {
    let Some(data) = shared_data::dir() else { return };
    let day = Day::import(april_15(&data));
    let (crossover, momentum) = (strategy("ema_crossover", 0), strategy("multi_factor_momentum", 0));
    let together = crossover.clone() + &momentum;
    let cases: [(&str, &str, &[&str]); 3] = [
        ("ema_crossover", &crossover, &[]),
        ("multi_factor_momentum", &momentum, &[]),
        ("both, the surer has the say", &together, &["risk.conflict=confidence"]),
    ];
    for (name, text, set) in cases {
        let out = day.dir.path().join(name.replace([' ', ','], "_"));
        let config = config_file(day.dir.path(), text, set);
        let run = day.whatif_with(Some(&out), &CpuArgs::default(), &config);
        println!("{name}: {} orders, {} fills, verdicts {}", run["orders"], run["fills"], run["verdicts"]);
        assert!(run["orders"].as_u64().unwrap() > 0 && run["fills"].as_u64().unwrap() > 0, "{name}: {run:#}");
        assert_eq!((&run["open_positions"], &run["alarms"]), (&json!(0), &json!({})), "{name}");
        assert_eq!(run["rejects"], 0, "{name}");
        // Square-off is at 15:20; an exit may take a few seconds.
        let flat = flat_since(&events(&out, INPUTS));
        assert!(!flat.is_empty() && flat.values().all(|&s| s < (15 * 60 + 21) * 60), "{name}: {flat:?}");
        if set.is_empty() {
            continue;
        }
        assert!(run["verdicts"].to_string().contains("conflict"), "{run:#}");
    }
}

/// A share whose day ends at 15:15, one whose day ends at 15:30, and a future that trades until 15:40.
const THREE: &str = "[[instruments]]\nsymbol = \"NSE:ENDS1515\"\ntoken = 738561\nclass = \"equity\"\nderivatives = true\n\n\
    [[instruments]]\nsymbol = \"NSE:ENDS1530\"\ntoken = 2953217\nclass = \"equity\"\nderivatives = false\n\n\
    [[instruments]]\nsymbol = \"NFO:NIFTY26AUGFUT\"\ntoken = 13568258\nclass = \"future\"\nlot = 25\n\n";

#[test]
fn every_position_is_flat_by_the_end_of_its_own_day() {
    let dir = TempDir::new().unwrap();
    let text = THREE.to_owned() + &strategy("ema_crossover", 1);
    // Entries until the square-off, so that positions are held when it comes.
    let set = [
        "sim.date=2026-08-04",
        "risk.capital=20000000",
        "strategies.ema_crossover.timeframe=1s",
        "strategies.ema_crossover.params.fast=3",
        "strategies.ema_crossover.params.slow=8",
        "risk.no_new_entry=00:00",
        "risk.no_new_entry_margin=0s",
        "risk.trades_per_day=0",
        "risk.trades_per_symbol=0",
        "risk.symbol_loss=0%",
        "risk.drawdown=0%",
        "risk.daily_loss=90%",
    ];
    let config = config_file(dir.path(), &text, &set);
    let mut squared = [0; 3];
    for seed in 1..=4 {
        let journal = dir.path().join(format!("day{seed}"));
        let request = sim::Request {
            config: &config,
            cpus: &CpuArgs::default(),
            mode: None,
            warmup: &Default::default(),
            from: None,
            instruments: None,
            journal: Some(&journal),
            speed: Some("max"),
            duration: None,
            until: None,
            seed: Some(seed),
            name: "run",
        };
        let done = sim::run(&request).unwrap();
        assert_eq!(done.ledger.open_positions(), 0);
        let (inputs, outputs) = (events(&journal, INPUTS), events(&journal, OUTPUTS));
        // Square-off is the earlier of 15:20 and ten minutes before the own close; then nothing is entered.
        let minutes = |hour: u64, minute: u64| (hour * 60 + minute) * 60;
        let square_off = [minutes(15, 5), minutes(15, 20), minutes(15, 20)];
        let close = [minutes(15, 15), minutes(15, 30), minutes(15, 40)];
        for event in outputs.iter().filter(|event| event.kind() == Kind::Order) {
            let (at, intent) = (event.header.instrument.index(), event.body::<Order>().intent);
            let entry = intent == Intent::Entry as u8;
            let until = if entry { square_off[at] } else { close[at] };
            assert!(second(event) < until, "seed {seed}: {:?} at {}", event.body::<Order>(), second(event));
            squared[at] += u32::from(intent == Intent::SquareOff as u8);
        }
        let rejected = |event: &&Event| {
            event.kind() == Kind::Report && event.body::<Report>().state == OrderState::Rejected as u8
        };
        let reasons: Vec<u8> =
            outputs.iter().filter(rejected).map(|event| event.body::<Report>().reason).collect();
        assert!(reasons.is_empty(), "seed {seed}: rejected for {reasons:?}");
        for (id, flat) in flat_since(&inputs) {
            let at = id as usize;
            assert!(flat < square_off[at] + 60, "seed {seed}: {id} was flat at {flat}");
        }
    }
    println!("positions squared off, by instrument: {squared:?}");
    assert!(squared.iter().all(|&count| count > 0), "a square-off found nothing to close: {squared:?}");
}

/// The candles of a collector's file within the hours, `NAME,YYYYMMDD,HH:MM,O,H,L,C,V,OI` with minutes named by their ends:
/// start and prices as an export of bars has them.
fn collected(path: &Path) -> Vec<String> {
    let unpacked = Command::new("gzip").args(["-dc"]).arg(path).output().expect("gzip");
    let text = String::from_utf8(unpacked.stdout).expect("text");
    let two_places = |price: &str| {
        let (whole, fraction) = price.split_once('.').unwrap_or((price, ""));
        format!("{whole}.{fraction:0<2}")
    };
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let (date, clock) = (fields[1], fields[2]);
        let end: u32 = clock[..2].parse::<u32>().unwrap() * 60 + clock[3..].parse::<u32>().unwrap();
        let start = end - 1;
        let prices: Vec<String> = fields[3..7].iter().map(|price| two_places(price)).collect();
        ((555..930).contains(&start)).then(|| {
            let (year, month, day) = (&date[..4], &date[4..6], &date[6..]);
            let (hour, minute) = (start / 60, start % 60);
            format!("{year}-{month}-{day}T{hour:02}:{minute:02}:00+05:30,{},0", prices.join(","))
        })
    };
    text.lines().filter_map(row).collect()
}

#[test]
fn two_months_of_candles_come_back_from_the_engine_as_they_were() {
    let Some(data) = shared_data::dir() else { return };
    let data = data.join("nse_bars_1m");
    let scratch = TempDir::new().expect("a directory");
    let files = ["MAR", "APR"].map(|month| data.join(format!("2021_{month}_BANKNIFTY.txt.gz")));
    let args = files.each_ref().map(|file| format!("NSE:NIFTY BANK={}", file.display()));
    let expected: Vec<String> = files.iter().flat_map(|file| collected(file)).collect();
    assert!(expected.len() > 14_000, "two months of minutes");
    for path in ["fixed", "adaptive"] {
        let journal = scratch.path().join(path);
        let config = ConfigArgs::default();
        let request = import::Request { journal: &journal, config: &config, instruments: None };
        let summary = request.bar_csv(&args, "1m", path).expect("imports").json();
        assert_eq!(summary["ticks"].as_u64(), Some(4 * expected.len() as u64), "{summary}");
        let csv = exported(&journal, What::Bars(Timeframe::M1));
        let bars = csv.lines().skip(1).map(|line| {
            let (bar, _) =
                line.strip_prefix("NSE:NIFTY BANK,").expect("its bars").rsplit_once(',').expect("trades");
            bar
        });
        let differing = bars.zip(&expected).find(|(bar, candle)| bar != candle);
        assert_eq!(differing, None, "{path}");
        assert_eq!(csv.lines().count() - 1, expected.len(), "{path}");
    }
}
