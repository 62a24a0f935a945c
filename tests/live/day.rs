//! A day against a broker, over real sockets: `broker-sim` plays 15 April 2021 at fifty times the clock, the engine trades
//! in live mode, and a script that knows nothing of either holds the broker's trade list against what the engine says.

use pitlane_tests::shared_data;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

pub(crate) fn binary(name: &str) -> PathBuf {
    let me = std::env::current_exe().unwrap();
    let path = me.ancestors().nth(2).unwrap().join(name);
    assert!(path.is_file(), "{} is not built; run `cargo build --release` first", path.display());
    path
}

/// A process that ends with the test.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A simulated broker, and what its first line says.
struct Sim {
    process: Process,
    said: Value,
}

impl Sim {
    /// Starts it on `args` beside the ticks.
    fn start(data: &Path, dir: &Path, args: &[String]) -> Self {
        let mut command = Command::new(binary("broker-sim"));
        command.arg("--ticks");
        for (symbol, _, _, file) in INSTRUMENTS {
            command.arg(format!("{symbol}={}", data.join(file).display()));
        }
        command.args(["--speed", "x50", "--from", "09:14:30", "--no-rate-limits"]).arg("--state");
        command.arg(dir.join("broker.state")).args(args);
        let errors = File::options().create(true).append(true).open(dir.join("broker.err")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let process = Process(child);
        let said = serde_json::from_str(&line).unwrap_or_else(|error| {
            panic!("{error}: {line:?}\n{}", std::fs::read_to_string(dir.join("broker.err")).unwrap())
        });
        Self { process, said }
    }

    fn text(&self, key: &str) -> String {
        self.said[key].as_str().unwrap_or_else(|| panic!("{key} in {}", self.said)).to_owned()
    }

    fn number(&self, key: &str) -> u64 {
        self.said[key].as_u64().unwrap_or_else(|| panic!("{key} in {}", self.said))
    }
}

pub(crate) fn wall_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

fn config(sim: &Sim, dir: &Path, entry: &str, square_off: &str) -> PathBuf {
    let mut text = format!(
        "[broker]\napi_key = \"demo\"\ntoken_file = \"{}\"\nrest = \"http://{}\"\nticker = \"ws://{}\"\n\
         [clock]\nbase = {}\nat = {}\nspeed = 50\n[venue]\nlive = true\n\
         [journal]\nlag_warn = \"60s\"\nlag_reduce = \"60s\"\nlag_halt = \"60s\"\n\
         [risk]\ncapital = \"1000000\"\nopen_positions = 5\nsquare_off = \"{square_off}\"\nno_new_entry = \"00:00\"\n\
         trades_per_symbol = 20\n\
         [[strategies]]\nid = \"ema\"\nkind = \"ema_crossover\"\nsymbols = [\"*\"]\ntimeframe = \"1m\"\n\
         allow_short = true\nentry = \"{entry}\"\nparams = {{ fast = 1, slow = 3 }}\n",
        dir.join("token").display(),
        sim.text("http"),
        sim.text("ws"),
        sim.number("base_ns"),
        sim.number("wall_base_ns"),
    );
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

pub(crate) fn login(config: &Path) {
    let mut command = Command::new(binary("engine"));
    command.arg("login").arg("--config").arg(config).env("PITLANE_API_SECRET", "demo");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"demo\n").unwrap();
    assert!(child.wait().unwrap().success(), "no login");
}

fn engine(config: &Path, dir: &Path, until: &str) -> Process {
    let mut command = Command::new(binary("engine"));
    command.args(["run", "--mode", "live", "--json", "--until", until]).arg("--config").arg(config);
    command.arg("--journal").arg(dir.join("journal"));
    command.stdout(File::create(dir.join("summary.json")).unwrap());
    command.stderr(File::options().create(true).append(true).open(dir.join("engine.err")).unwrap());
    Process(command.spawn().unwrap())
}

/// Waits for the end of a run: its exit code.
fn wait(engine: &mut Process, most: Duration) -> Option<i32> {
    let deadline = Instant::now() + most;
    while Instant::now() < deadline {
        if let Some(status) = engine.0.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the engine does not come to its end");
}

fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap_or_default()
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
    let mut verify = Command::new(binary("journal-replay"));
    let verified = verify.args(["verify", "--json"]).arg(dir.join("journal")).output().unwrap();
    let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(verified["identical"], true, "{verified}");
    let summary: Value = serde_json::from_str(&read(dir, "summary.json")).unwrap();
    assert_eq!(verified["net_pnl"], summary["net_pnl"]);
    assert_eq!(verified["state_hash"], summary["state_hash"]);
    (serde_json::from_str(&said).unwrap(), summary)
}

fn ready() -> Option<PathBuf> {
    let python = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    let data = shared_data::dir().map(|dir| dir.join("nse_ticks_2021"));
    if data.is_none() || !python.is_ok_and(|status| status.success()) {
        println!("skipped: no shared data, or no python3");
        return None;
    }
    data
}

pub(crate) fn scratch() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() }.unwrap()
}

fn is_long() -> bool {
    std::env::var("PITLANE_LONG").is_ok_and(|long| !long.is_empty())
}

/// Orders, fills, positions and cash after charges are one, to the last digit, at the broker, in the engine, in the journal
/// and by the script.
#[test]
fn a_day_at_the_broker_is_the_day_of_the_journal() {
    let Some(data) = ready() else { return };
    let dir = scratch();
    let dir = dir.path();
    let base = (wall_ns() + AHEAD.as_nanos() as u64).to_string();
    let sim = Sim::start(&data, dir, &["--wall-base".to_owned(), base]);
    // All day: seven and a half minutes.
    let (square_off, until) = if is_long() { ("15:10", "15:14") } else { ("09:40", "09:45") };
    let config = config(&sim, dir, "cross", square_off);
    login(&config);
    let mut engine = engine(&config, dir, until);
    let exit = wait(&mut engine, Duration::from_secs(if is_long() { 600 } else { 150 }));
    assert_eq!(exit, Some(0), "{}", read(dir, "engine.err"));
    let (account, summary) = check(&sim, dir);
    println!("{account}");
    assert!(account["trades"].as_u64().unwrap() >= 4, "too little happened: {account}");
    assert_eq!(summary["broker"]["reconciliation"], "clean");
    let log = read(dir, "journal/live.log");
    assert!(log.contains("armed") && !log.contains("demo:"), "{log}");
}

/// The broker dies in the middle with orders open, and comes back with what it had: the engine finds its orders again, and
/// the day ends flat.
#[test]
fn a_broker_that_died_is_reconciled_with() {
    let Some(data) = ready() else { return };
    let dir = scratch();
    let dir = dir.path();
    let base = (wall_ns() + AHEAD.as_nanos() as u64).to_string();
    let mut sim = Sim::start(&data, dir, &["--wall-base".to_owned(), base.clone()]);
    let config = config(&sim, dir, "passive", "09:40");
    login(&config);
    let mut engine = engine(&config, dir, "09:45");
    // About 09:28 of the market: entries rest.
    let died = sim.number("wall_base_ns") + 16_000_000_000;
    while wall_ns() < died {
        std::thread::sleep(Duration::from_millis(20));
    }
    let (http, ws) = (sim.text("http"), sim.text("ws"));
    sim.process.0.kill().unwrap();
    sim.process.0.wait().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let args = ["--wall-base", &base, "--http", &http, "--ws", &ws].map(str::to_owned);
    sim = Sim::start(&data, dir, &args);
    let exit = wait(&mut engine, Duration::from_secs(180));
    let log = read(dir, "journal/live.log");
    assert_eq!(exit, Some(0), "{}", read(dir, "engine.err"));
    assert!(log.contains("Lost {") && log.matches("Connected").count() >= 2, "{log}");
    let (account, summary) = check(&sim, dir);
    println!("{account}");
    assert!(account["trades"].as_u64().unwrap() >= 2, "too little happened: {account}");
    assert_eq!(summary["broker"]["open_orders"].as_array().unwrap().len(), 0);
}
