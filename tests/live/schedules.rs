//! Seeded schedules of everything that goes wrong, over real sockets: an engine in live mode, a simulated broker with faults,
//! and in some the death of one of them, a kill, or a dead token.
//!
//! In each, at every moment that was looked at: no more symbols held or being opened than risk allows, and nothing sold that
//! is not held. At the end: at most one request to place an intent, nothing open, positions and their cost the same at the
//! broker and in the journal, flat, the journal proves itself, and nothing was bought after the latch.
//!
//! `PITLANE_SOCKET_SEED=n` plays one schedule and leaves its directory; `PITLANE_SOCKET_SEEDS=143-300` plays these, both ends
//! included, and leaves the directories of those that fail.

use crate::pair::{
    Market, Sim, ask, binary, engine, is_long, login, read, scratch, sleep_until, verified, wall_ns,
};
use pitlane_config::Settings;
use pitlane_engine::event::{Fill, Kind, Side};
use pitlane_store::{EventStream, OUTPUTS};
use pitlane_tests::Rng;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const SPEED: u64 = 20;
/// Time for the engine to reconcile before the market's clock starts to go.
const AHEAD_NS: u64 = 6_000_000_000;
/// The end of the run: half a minute after the last fault, in which an order that may have been accepted is looked for, counts
/// as never accepted, and comes again.
const UNTIL: &str = "09:29";
/// Symbols held at once.
const OPEN_POSITIONS: usize = 3;
/// Schedules at a time: they wait for most of their time. A long campaign leaves the machine to others.
const AT_ONCE: usize = 10;
const AT_ONCE_LONG: usize = 6;

/// What else happens in a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Nothing,
    EngineDies,
    BrokerDies,
    Kill,
    TokenDies,
}

/// A schedule: its act, when in nanoseconds of the market's beginning, and its rules.
struct Schedule {
    act: Act,
    at: u64,
    passive: bool,
    faults: String,
}

/// Calls, with what may happen to them; order calls are drawn more often.
const OF_CALLS: &[(&str, &[&str])] = &[
    (
        "place",
        &[
            "accept_late",
            "lose_answer",
            "answer_twice",
            "postback_first",
            "truncate",
            "fail_after",
            "html_after",
            "fail",
            "html",
            "drop",
            "hang",
            "half_open",
            "partial",
        ],
    ),
    (
        "cancel",
        &[
            "accept_late",
            "lose_answer",
            "answer_twice",
            "postback_first",
            "truncate",
            "fail_after",
            "html_after",
            "fail",
            "html",
            "drop",
            "hang",
            "half_open",
            "cancel_race",
        ],
    ),
    ("postback", &["delay", "swap", "lose", "twice"]),
    ("orders", &["truncate", "fail", "html", "drop", "hang", "answer_twice"]),
    ("trades", &["truncate", "fail", "html", "drop", "hang"]),
    ("positions", &["truncate", "fail", "html", "drop", "hang"]),
    ("connect", &["stale_first"]),
    ("clock", &["drop_sockets", "half_open_sockets", "freeze"]),
];

impl Schedule {
    fn draw(seed: u64) -> Self {
        let mut rng = Rng(seed.wrapping_mul(0xd134_2543_de82_ef95));
        let act = match rng.below(10) {
            0..5 => Act::Nothing,
            5..7 => Act::EngineDies,
            7 => Act::BrokerDies,
            8 => Act::Kill,
            _ => Act::TokenDies,
        };
        let mut faults = format!("seed = {seed}\n");
        for _ in 0..6 + rng.below(6) {
            let (on, kinds) = OF_CALLS[(rng.below(14) as usize).saturating_sub(6) % OF_CALLS.len()];
            let kind = kinds[rng.below(kinds.len() as u64) as usize];
            // What arrives after a kill and left before it is not told from what left after it.
            if act == Act::Kill && on == "place" && matches!(kind, "accept_late") {
                continue;
            }
            let minute = 15 + rng.below(4);
            faults.push_str(&format!(
                "[[rule]]\non = \"{on}\"\ndo = \"{kind}\"\nat = \"09:{minute}:{:02}\"\nuntil = \"09:19:30\"\n",
                rng.below(60)
            ));
            match kind {
                "accept_late" => faults.push_str(&format!("after = \"{}ms\"\n", 500 + rng.below(4_000))),
                "fail" => {
                    let status = [429, 500, 502, 503][rng.below(4) as usize];
                    faults.push_str(&format!("status = {status}\n"));
                }
                "freeze" => faults.push_str("after = \"4s\"\n"),
                _ => {}
            }
            if on != "clock" {
                faults.push_str(&format!("count = {}\n", 1 + rng.below(3)));
            }
        }
        if act == Act::TokenDies {
            faults.push_str("[[rule]]\non = \"clock\"\ndo = \"token_dead\"\nat = \"09:16:30\"\n");
        }
        // From a quarter of a minute to four minutes after the open, whatever stands then.
        let at = (45 + rng.below(225)) * 1_000_000_000 / SPEED;
        Self { act, at, passive: rng.below(2) == 0, faults }
    }
}

/// A schedule that is being played.
struct Play<'a> {
    schedule: &'a Schedule,
    dir: &'a Path,
    market: Market,
    sim: Sim,
    /// Wall time of the latch.
    latched: Option<u64>,
}

fn config(sim: &Sim, dir: &Path, passive: bool) -> std::path::PathBuf {
    let entry = if passive { "passive" } else { "cross" };
    let broker = "absent_after = \"10s\"\nsettle = \"25s\"\nreconcile_every = \"2s\"\n";
    let mut text = sim.sections(dir, broker);
    // Many run at once here.
    text.push_str("[engine]\nwait = \"park\"\n");
    text.push_str(&format!(
        "[risk]\ncapital = \"1000000\"\nopen_positions = {OPEN_POSITIONS}\nsquare_off = \"09:20\"\n\
         no_new_entry = \"00:00\"\ntrades_per_symbol = 100\ntrades_per_day = 1000\n\
         [[strategies]]\nid = \"ema\"\nkind = \"ema_crossover\"\nsymbols = [\"*\"]\ntimeframe = \"1s\"\n\
         entry = \"{entry}\"\nparams = {{ fast = 2, slow = 10 }}\n"
    ));
    let file = dir.join("live.toml");
    std::fs::write(&file, text).unwrap();
    file
}

impl Play<'_> {
    /// Plays it: what did not hold.
    fn run(&mut self) -> Vec<String> {
        let config = config(&self.sim, self.dir, self.schedule.passive);
        if !login(&config) {
            return vec!["no login".to_owned()];
        }
        let over = AtomicBool::new(false);
        let (http, dir) = (self.sim.text("http"), self.dir);
        let (exit, mut wrong) = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| watch(&http, dir, &over));
            let exit = self.trade(&config);
            over.store(true, Ordering::Relaxed);
            (exit, watcher.join().unwrap())
        });
        let expected = if self.schedule.act == Act::Kill { 5 } else { 0 };
        if exit != Some(expected) {
            wrong.push(format!("ended with {exit:?}: {}", read(dir, "engine.err")));
        }
        wrong.extend(verified(dir).err());
        wrong.extend(self.sent());
        wrong.extend(self.account());
        wrong
    }

    fn trade(&mut self, config: &Path) -> Option<i32> {
        let mut running = engine(config, self.dir, UNTIL);
        let most = Duration::from_secs(120);
        sleep_until(self.market.wall_base + self.schedule.at);
        match self.schedule.act {
            Act::Nothing => {}
            Act::EngineDies => {
                running.kill();
                running = engine(config, self.dir, UNTIL);
            }
            Act::BrokerDies => {
                self.sim.die_and_come_back(&self.market, self.dir, Duration::from_millis(700));
            }
            Act::Kill => {
                let mut kill = Command::new(binary("engine"));
                kill.arg("kill").arg("--journal").arg(self.dir.join("journal"));
                let said = kill.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
                assert!(said.success());
                // What had begun to leave arrives within this.
                self.latched = Some(wall_ns() + 300_000_000);
            }
            Act::TokenDies => {
                while running.0.try_wait().unwrap().is_none()
                    && !read(self.dir, "broker.err").contains("fault: TokenDead")
                {
                    std::thread::sleep(Duration::from_millis(50));
                }
                std::thread::sleep(Duration::from_millis(500));
                login(config);
            }
        }
        running.wait(most)
    }

    /// What reached the broker, in its own record: each intent once, nothing bought after the latch.
    fn sent(&self) -> Vec<String> {
        let (mut tags, mut wrong) = (BTreeSet::new(), Vec::new());
        let state = read(self.dir, "broker.state");
        let rows = state.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        for row in rows.filter(|row| row["did"] == "call" && row["method"] == "POST") {
            let body = row["body"].as_str().unwrap_or("");
            let field = |name: &str| {
                body.split('&')
                    .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
                    .unwrap_or("")
                    .to_owned()
            };
            if field("tag").is_empty() {
                continue;
            }
            if !tags.insert(field("tag")) {
                wrong.push(format!("{} was placed twice", field("tag")));
            }
            let passed = row["now"].as_u64().unwrap().saturating_sub(self.sim.number("base_ns")) / SPEED;
            let wall = self.sim.number("wall_base_ns") + passed;
            if self.latched.is_some_and(|latched| wall > latched) && field("transaction_type") == "BUY" {
                wrong.push(format!(
                    "bought {} ms after the latch: {body}",
                    (wall - self.latched.unwrap()) / 1_000_000
                ));
            }
        }
        wrong
    }

    /// The broker's account against the journal's fills: symbol by symbol, quantity and cost; and nothing is left.
    fn account(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let http = self.sim.text("http");
        let asked = |path: &str| (0..5).find_map(|_| ask(&http, self.dir, path));
        let (Some(orders), Some(trades)) = (asked("/orders"), asked("/trades")) else {
            return vec!["the broker does not answer".to_owned()];
        };
        for row in orders.as_array().unwrap() {
            if !matches!(row["status"].as_str(), Some("COMPLETE" | "CANCELLED" | "REJECTED")) {
                wrong.push(format!("still open: {row}"));
            }
        }
        let mut broker = BTreeMap::<String, (i64, i64)>::new();
        for row in trades.as_array().unwrap() {
            let symbol =
                format!("{}:{}", row["exchange"].as_str().unwrap(), row["tradingsymbol"].as_str().unwrap());
            let sign = if row["transaction_type"] == "BUY" { 1 } else { -1 };
            let quantity = sign * row["quantity"].as_i64().unwrap();
            let price = (row["average_price"].as_f64().unwrap() * 10_000.0).round() as i64;
            let held = broker.entry(symbol).or_default();
            (held.0, held.1) = (held.0 + quantity, held.1 + quantity * price);
        }
        let own = fills(&self.dir.join("journal"));
        if own != broker {
            wrong.push(format!("the journal has {own:?}, the broker {broker:?}"));
        }
        if let Some((symbol, held)) = broker.iter().find(|(_, held)| held.0 != 0) {
            wrong.push(format!("not flat: {} of {symbol}", held.0));
        }
        wrong
    }
}

/// Signed quantity and value of the journal's fills, by symbol.
fn fills(journal: &Path) -> BTreeMap<String, (i64, i64)> {
    let mut held = BTreeMap::<String, (i64, i64)>::new();
    let instruments = Settings::demo().instruments;
    let mut outputs = EventStream::open_kept(journal, OUTPUTS).unwrap();
    while let Some(event) = outputs.try_next().unwrap() {
        if event.kind() == Kind::Fill {
            let fill = event.body::<Fill>();
            let signed = Side::from_u8(fill.side).unwrap().sign() * fill.quantity.0;
            let of = held.entry(instruments[event.header.instrument.index()].symbol.clone()).or_default();
            (of.0, of.1) = (of.0 + signed, of.1 + signed * fill.price.0);
        }
    }
    held
}

/// Looks at the broker's orders again and again: what no account of ours may show.
fn watch(http: &str, dir: &Path, over: &AtomicBool) -> Vec<String> {
    let mut wrong = Vec::new();
    while !over.load(Ordering::Relaxed) && wrong.is_empty() {
        std::thread::sleep(Duration::from_millis(250));
        let Some(orders) = ask(http, dir, "/orders") else { continue };
        // Held, and open to buy and to sell.
        let mut symbols = BTreeMap::<&str, [i64; 3]>::new();
        for row in orders.as_array().unwrap() {
            let ended = matches!(row["status"].as_str(), Some("COMPLETE" | "CANCELLED" | "REJECTED"));
            let filled = row["filled_quantity"].as_i64().unwrap();
            let open = if ended { 0 } else { row["quantity"].as_i64().unwrap() - filled };
            let of = symbols.entry(row["tradingsymbol"].as_str().unwrap()).or_default();
            let buys = row["transaction_type"] == "BUY";
            of[0] += if buys { filled } else { -filled };
            of[if buys { 1 } else { 2 }] += open;
        }
        for (symbol, [held, _, sells]) in &symbols {
            if held - sells < 0 {
                wrong.push(format!("{symbol}: {held} held and {sells} to be sold"));
            }
        }
        let open = symbols.values().filter(|[held, buys, _]| *held != 0 || *buys != 0).count();
        if open > OPEN_POSITIONS {
            wrong.push(format!("{open} positions held or being opened: {symbols:?}"));
        }
    }
    wrong
}

/// Plays a schedule: its act, what happened, and what did not hold.
fn play(seed: u64, dir: &Path) -> (Act, BTreeMap<String, u64>, u64, Vec<String>) {
    let schedule = Schedule::draw(seed);
    let file = dir.join("faults.toml");
    std::fs::write(&file, &schedule.faults).unwrap();
    let args =
        ["--synthetic", "--no-rate-limits", "--seed", &seed.to_string(), "--faults"].map(str::to_owned);
    let args = args.into_iter().chain([file.display().to_string()]).collect();
    let market = Market { args, speed: SPEED as u32, from: "09:14:30", wall_base: wall_ns() + AHEAD_NS };
    let sim = Sim::start(&market, dir);
    let mut play = Play { schedule: &schedule, dir, market, sim, latched: None };
    let wrong = play.run();
    let mut seen = BTreeMap::new();
    for line in read(dir, "broker.err").lines() {
        let what = line.strip_prefix("fault: ").and_then(|line| line.split(" at ").next());
        what.into_iter().for_each(|what| *seen.entry(what.to_owned()).or_insert(0) += 1);
    }
    let orders = read(dir, "broker.state").matches("\"POST\"").count() as u64;
    (schedule.act, seen, orders, wrong)
}

/// What was seen of all schedules.
#[derive(Default)]
struct Seen {
    acts: BTreeMap<Act, u64>,
    faults: BTreeMap<String, u64>,
    orders: u64,
    failed: Vec<String>,
}

/// Plays the schedules `first` to `last`, several at a time, until five have failed.
fn play_all(first: u64, last: u64, at_once: usize, said: bool, keep: bool) -> Seen {
    let (next, seen) = (AtomicU64::new(first), Mutex::new(Seen::default()));
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > last || seen.lock().unwrap().failed.len() >= 5 {
                        return;
                    }
                    let mut dir = scratch();
                    let (act, faults, orders, wrong) = play(seed, dir.path());
                    let mut seen = seen.lock().unwrap();
                    *seen.acts.entry(act).or_insert(0) += 1;
                    faults
                        .into_iter()
                        .for_each(|(what, times)| *seen.faults.entry(what).or_insert(0) += times);
                    seen.orders += orders;
                    if said {
                        println!("schedule {seed}, {act:?}: {orders} orders, {} differences", wrong.len());
                    }
                    if !wrong.is_empty() {
                        let at = dir.path().display();
                        seen.failed.push(format!("seed {seed}, {act:?}, in {at}: {}", wrong.join("\n")));
                        dir.disable_cleanup(keep);
                    }
                }
            });
        }
    });
    seen.into_inner().unwrap()
}

#[test]
fn schedules_over_real_sockets() {
    let seed = |text: &str| text.parse::<u64>().unwrap();
    if let Ok(one) = std::env::var("PITLANE_SOCKET_SEED") {
        let dir = scratch().keep();
        let (act, seen, orders, wrong) = play(seed(&one), &dir);
        println!("{act:?}, {orders} orders, {seen:?}\n{}\n{}", dir.display(), read(&dir, "faults.toml"));
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        return;
    }
    let some = std::env::var("PITLANE_SOCKET_SEEDS").ok();
    let some = some.as_deref().map(|range| range.split_once('-').expect("such as 143-300"));
    let long = is_long() || some.is_some();
    let (first, last) = match some {
        Some((first, last)) => (seed(first), seed(last)),
        None => (1, if long { 300 } else { 30 }),
    };
    assert!(first <= last, "schedules {first}-{last} are none");
    let at_once = if long { AT_ONCE_LONG } else { AT_ONCE };
    let Seen { acts, faults, orders, failed } = play_all(first, last, at_once, long, some.is_some());
    println!("{orders} orders sent, {acts:?}, {faults:?}");
    assert!(failed.is_empty(), "{} schedules failed:\n{}", failed.len(), failed.join("\n\n"));
    // A few schedules have not everything in them.
    if some.is_none() {
        assert!(orders >= 5 * (last + 1 - first), "too little happened");
        assert_eq!(acts.len(), 5, "{acts:?}");
        let kinds: BTreeSet<&str> = faults.keys().filter_map(|what| what.split(' ').next()).collect();
        assert!(kinds.len() >= if long { 24 } else { 15 }, "{kinds:?}");
    }
}
