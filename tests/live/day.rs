//! A day against a broker, over real sockets: `broker-sim` plays 15 April 2021 at fifty times the clock, the engine trades
//! in live mode, and a script that knows nothing of either holds the broker's trade list against what the engine says.

use crate::pair::{
    Market, Process, Sim, engine, is_long, login, read, recorded, scratch, sleep_until, verified, wall_ns,
};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// Symbol, token, class, and the file of its ticks.
const INSTRUMENTS: &[(&str, u32, &str, &str)] = &[
    ("NSE:RELIANCE", 738_561, "equity", "RELIANCE_15_April.csv.gz"),
    ("NSE:TCS", 2_953_217, "equity", "TCS_15_April.csv.gz"),
    ("NSE:INFY", 408_065, "equity", "INFY_15_April.csv.gz"),
    ("NSE:HDFCBANK", 341_249, "equity", "HDFCBANK_15_April.csv.gz"),
    ("NSE:ICICIBANK", 1_270_529, "equity", "ICICIBANK_15_April.csv.gz"),
    ("NSE:SBIN", 779_521, "equity", "SBIN_15_April.csv.gz"),
    ("NSE:TATAMOTORS", 884_737, "equity", "TATAMOTORS_15_April.csv.gz"),
    ("NSE:NIFTY 50", 256_265, "index", "15-April_Nifty_15_April.csv.gz"),
    ("NSE:NIFTY BANK", 260_105, "index", "15-April_Nifty_Bank_15_April.csv.gz"),
];

/// Time for the engine to log in, to reconcile and to connect before the market's clock starts to go.
const AHEAD: Duration = Duration::from_secs(12);

fn market(data: &Path) -> Market {
    let mut args = vec!["--no-rate-limits".to_owned(), "--ticks".to_owned()];
    let files = INSTRUMENTS.iter().map(|(symbol, .., file)| (symbol, data.join(file)));
    args.extend(files.map(|(symbol, file)| format!("{symbol}={}", file.display())));
    Market { args, speed: 50, from: "09:14:30", wall_base: wall_ns() + AHEAD.as_nanos() as u64 }
}

fn config(sim: &Sim, dir: &Path, entry: &str, square_off: &str) -> PathBuf {
    let mut text = sim.sections(dir, "");
    text.push_str(&format!(
        "[risk]\ncapital = \"1000000\"\nopen_positions = 5\nsquare_off = \"{square_off}\"\nno_new_entry = \"00:00\"\n\
         trades_per_symbol = 20\n\
         [[strategies]]\nid = \"ema\"\nkind = \"ema_crossover\"\nsymbols = [\"*\"]\ntimeframe = \"1m\"\n\
         allow_short = true\nentry = \"{entry}\"\nparams = {{ fast = 1, slow = 3 }}\n"
    ));
    for (symbol, token, class, _) in INSTRUMENTS {
        let tradable = *class == "equity";
        text.push_str(&format!(
            "[[instruments]]\nsymbol = \"{symbol}\"\ntoken = {token}\nclass = \"{class}\"\ntradable = {tradable}\n\
             lot = 1\ntick = \"0.05\"\n"
        ));
    }
    let file = dir.join("live.toml");
    std::fs::write(&file, text).unwrap();
    file
}

/// The broker, the engine's settings, and the engine, logged in and started.
fn start(market: &Market, dir: &Path, entry: &str, square_off: &str, until: &str) -> (Sim, PathBuf, Process) {
    let sim = Sim::start(market, dir);
    let config = config(&sim, dir, entry, square_off);
    assert!(login(&config), "no login");
    let engine = engine(&config, dir, until);
    (sim, config, engine)
}

/// What the script says of the broker's account, and of the journal.
fn check(sim: &Sim, dir: &Path) -> (Value, Value) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/broker_day.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(format!("http://{}", sim.text("http"))).arg(dir.join("token"));
    let output: Output = command.arg(dir.join("summary.json")).arg("1000000").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n{}\n{}", read(dir, "summary.json"), read(dir, "engine.err"));
    let summary = verified(dir).unwrap();
    (serde_json::from_str(&said).unwrap(), summary)
}

/// The broker's official Python client lists the orders that the engine placed, one by one.
fn check_client(sim: &Sim, dir: &Path, orders: u64) {
    // The test of the simulator with this client makes it.
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kite-client/bin/python");
    if !python.is_file() {
        return println!(
            "skipped: the official client; `cargo test --release -p pitlane-broker-sim` gets it"
        );
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/orders_by_client.py");
    let mut list = Command::new(python);
    list.arg(script).arg(format!("http://{}", sim.text("http"))).arg(dir.join("token"));
    let output = list.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    let placed = said.lines().filter(|line| line.contains("NSE:") && line.contains(" p")).count();
    assert_eq!(placed as u64, orders, "{said}");
}

/// Orders, fills, positions and cash after charges are one, to the last digit, at the broker, in the engine, in the journal
/// and by the script.
#[test]
fn a_day_at_the_broker_is_the_day_of_the_journal() {
    let Some(data) = recorded() else { return };
    let dir = scratch();
    let dir = dir.path();
    // All day: seven and a half minutes.
    let (square_off, until) = if is_long() { ("15:10", "15:14") } else { ("09:40", "09:45") };
    let market = market(&data);
    let (sim, _, mut engine) = start(&market, dir, "cross", square_off, until);
    let exit = engine.wait(Duration::from_secs(if is_long() { 600 } else { 150 }));
    assert_eq!(exit, Some(0), "{}", read(dir, "engine.err"));
    let (account, summary) = check(&sim, dir);
    println!("{account}");
    assert!(account["trades"].as_u64().unwrap() >= 4, "too little happened: {account}");
    assert_eq!(summary["broker"]["reconciliation"], "clean");
    check_client(&sim, dir, account["orders"].as_u64().unwrap());
    let log = read(dir, "journal/live.log");
    assert!(log.contains("armed") && !log.contains("demo:"), "{log}");
}

/// The broker dies in the middle with orders open, and comes back with what it had: the engine finds its orders again, and
/// the day ends flat.
#[test]
fn a_broker_that_died_is_reconciled_with() {
    let Some(data) = recorded() else { return };
    let dir = scratch();
    let dir = dir.path();
    let market = market(&data);
    let (mut sim, _, mut engine) = start(&market, dir, "passive", "09:40", "09:45");
    // About 09:28 of the market: entries rest.
    sleep_until(sim.number("wall_base_ns") + 16_000_000_000);
    sim.die_and_come_back(&market, dir, Duration::from_secs(1));
    let exit = engine.wait(Duration::from_secs(180));
    let log = read(dir, "journal/live.log");
    assert_eq!(exit, Some(0), "{}", read(dir, "engine.err"));
    assert!(log.contains("Lost {") && log.matches("Connected").count() >= 2, "{log}");
    let (account, summary) = check(&sim, dir);
    println!("{account}");
    assert!(account["trades"].as_u64().unwrap() >= 2, "too little happened: {account}");
    assert_eq!(summary["broker"]["open_orders"].as_array().unwrap().len(), 0);
}

/// The engine dies in the middle with orders open at the broker: the same command finds them again, sends none of them twice,
/// and the day ends flat.
#[test]
fn an_engine_that_was_killed_goes_on_with_its_orders() {
    let Some(data) = recorded() else { return };
    let dir = scratch();
    let dir = dir.path();
    let market = market(&data);
    let (sim, config, mut running) = start(&market, dir, "passive", "09:40", "09:45");
    let tags_of = |is: &dyn Fn(&Value) -> bool| {
        let orders = crate::pair::ask(&sim.text("http"), dir, "/orders").unwrap_or_default();
        let rows = orders.as_array().cloned().unwrap_or_default();
        rows.iter().filter(|row| is(row)).map(|row| row["tag"].to_string()).collect::<Vec<_>>()
    };
    let works = |row: &Value| !matches!(row["status"].as_str(), Some("COMPLETE" | "CANCELLED" | "REJECTED"));
    // About 09:28 of the market; and then as soon as an entry rests.
    sleep_until(sim.number("wall_base_ns") + 16_000_000_000);
    while tags_of(&works).is_empty() && running.0.try_wait().unwrap().is_none() {}
    running.kill();
    let open = tags_of(&works);
    assert!(!open.is_empty(), "nothing was open when it died");
    let mut again = engine(&config, dir, "09:45");
    let exit = again.wait(Duration::from_secs(180));
    assert_eq!(exit, Some(0), "{}", read(dir, "engine.err"));
    let log = read(dir, "journal/live.log");
    assert!(log.contains("is looked for at the broker"), "{log}");
    let mut tags = tags_of(&|_| true);
    let sent = tags.len();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), sent, "an order was sent twice");
    let (account, summary) = check(&sim, dir);
    println!("{} open when it died; {account}", open.len());
    assert!(account["trades"].as_u64().unwrap() >= 2, "too little happened: {account}");
    assert_eq!(summary["broker"]["open_orders"].as_array().unwrap().len(), 0);
}
