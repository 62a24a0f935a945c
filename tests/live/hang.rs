//! A broker that hangs costs its callers, and no tick: tick-to-order times with a broker that answers and with one that does not.
//!
//! ```sh
//! cargo test --release -p pitlane-tests --test live a_hanging_broker -- --nocapture
//! ```

use crate::pair::{Market, Sim, engine, login, read, scratch, wall_ns};
use serde_json::Value;
use std::time::Duration;

/// Time for the engine to reconcile before the market's clock starts to go.
const AHEAD_NS: u64 = 5_000_000_000;

/// A run of ten minutes of the market at fifty times the clock: many entries, most of which are refused after a tenth of a
/// second, because the gateway's limits are in wall time.
fn run(faults: Option<&str>) -> (Value, String) {
    let dir = scratch();
    let dir = dir.path();
    let mut args = vec!["--synthetic".to_owned(), "--no-rate-limits".to_owned()];
    if let Some(faults) = faults {
        let file = dir.join("faults.toml");
        std::fs::write(&file, faults).unwrap();
        args.extend(["--faults".to_owned(), file.display().to_string()]);
    }
    let market = Market { args, speed: 50, from: "09:14:30", wall_base: wall_ns() + AHEAD_NS };
    let sim = Sim::start(&market, dir);
    let mut text = sim.sections(dir, "absent_after = \"10s\"\nsettle = \"3s\"\nentry_wait = \"100ms\"\n");
    text.push_str(
        "[risk]\ncapital = \"1000000\"\nopen_positions = 9\nposition = \"5%\"\ntrades_per_symbol = 1000\n\
         trades_per_day = 10000\norders_per_second = 100\n\
         [[strategies]]\nid = \"ema\"\nkind = \"ema_crossover\"\nsymbols = [\"*\"]\ntimeframe = \"1s\"\n\
         params = { fast = 1, slow = 3 }\n",
    );
    let config = dir.join("live.toml");
    std::fs::write(&config, text).unwrap();
    assert!(login(&config), "no login");
    let mut engine = engine(&config, dir, "09:25");
    // A broker that never answers again leaves its orders open: the run says so, and ends.
    let exit = engine.wait(Duration::from_secs(120));
    assert!(exit.is_some(), "it does not end: {}", read(dir, "engine.err"));
    let summary = serde_json::from_str(&read(dir, "summary.json"));
    (summary.unwrap_or_else(|error| panic!("{error}\n{}", read(dir, "engine.err"))), read(dir, "broker.err"))
}

fn shown(name: &str, summary: &Value) {
    let latency = &summary["latency_ns"];
    println!(
        "{name:9} {:>6} ticks {:>5} orders, tick to order in ns: p50 {} p90 {} p99 {} max {}; {}",
        summary["ticks"],
        latency["count"],
        latency["p50"],
        latency["p90"],
        latency["p99"],
        latency["max"],
        summary["broker"]["orders"],
    );
}

#[test]
fn a_hanging_broker_delays_no_tick() {
    let hangs = "[[rule]]\non = \"any\"\ndo = \"half_open\"\nat = \"09:15:20\"\n";
    let (answering, _) = run(None);
    let (hanging, said) = run(Some(hangs));
    shown("answering", &answering);
    shown("hanging", &hanging);
    assert!(said.matches("fault: HalfOpen on place").count() >= 2, "{said}");
    let number = |summary: &Value, key: &str| summary[key].as_u64().unwrap();
    // The feed came through, and the engine went on to decide and to send, as far as orders of which nobody knows let it.
    assert!(number(&answering, "orders") >= 50 && number(&hanging, "orders") >= 10);
    let conflated = |summary: &Value| summary["broker"]["conflated"].as_u64().unwrap();
    let ticks = |summary: &Value| number(summary, "ticks") + conflated(summary);
    let (with, without) = (ticks(&hanging), ticks(&answering));
    assert!(with * 100 >= without * 95, "{with} ticks reached the engine, {without} with answers");
}
