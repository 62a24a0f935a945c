//! A paper session on the wall clock, over real sockets: its record proves itself, and a what-if run over it at the latency
//! that it had differs only where `diff` says why.

use crate::pair::{Process, binary, login, scratch, wall_ns};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How fast the market's time passes.
const SPEED: u64 = 50;
/// Time for the engine to log in and to connect before the market's clock starts to go.
const AHEAD: Duration = Duration::from_secs(6);

/// A broker with a synthetic market; what its first line says.
fn broker(dir: &Path) -> (Process, Value) {
    let base = (wall_ns() + AHEAD.as_nanos() as u64).to_string();
    let speed = format!("x{SPEED}");
    let args =
        ["--synthetic", "--speed", &speed, "--from", "09:14:30", "--no-rate-limits", "--wall-base", &base];
    let mut command = Command::new(binary("broker-sim"));
    command.args(args).stdout(Stdio::piped()).stderr(File::create(dir.join("broker.err")).unwrap());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let process = Process(child);
    (process, serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}")))
}

fn config(said: &Value, dir: &Path) -> std::path::PathBuf {
    let text = |key: &str| said[key].as_str().unwrap_or_else(|| panic!("{key} in {said}"));
    let config = format!(
        "[broker]\napi_key = \"demo\"\ntoken_file = \"{}\"\nrest = \"http://{}\"\nticker = \"ws://{}\"\n\
         [clock]\nbase = {}\nat = {}\nspeed = {SPEED}\n\
         [journal]\nlag_warn = \"60s\"\nlag_reduce = \"60s\"\nlag_halt = \"60s\"\n\
         [venue]\nlatency_min = \"20ms\"\nlatency_spread = \"900ms\"\nlatency_step = \"1ms\"\n\
         [risk]\ncapital = \"20000000\"\ntrades_per_symbol = 20\n\
         [[strategies]]\nid = \"ema\"\nkind = \"ema_crossover\"\nsymbols = [\"*\"]\ntimeframe = \"1m\"\n\
         allow_short = true\nparams = {{ fast = 1, slow = 3 }}\n",
        dir.join("token").display(),
        text("http"),
        text("ws"),
        said["base_ns"],
        said["wall_base_ns"],
    );
    let file = dir.join("paper.toml");
    std::fs::write(&file, config).unwrap();
    file
}

/// What `journal-replay` prints, and its exit code.
fn replay(dir: &Path, args: &[&str]) -> (i32, String) {
    let output = Command::new(binary("journal-replay")).args(args).current_dir(dir).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code().unwrap_or_else(|| panic!("{args:?}: {errors}"));
    assert!(code == 0 || code == 4, "{args:?}: {code}: {errors}");
    (code, String::from_utf8_lossy(&output.stdout).into_owned())
}

fn object(dir: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&replay(dir, args).1).unwrap()
}

fn money(value: &Value) -> i64 {
    let text = value.as_str().unwrap_or_else(|| panic!("money: {value}"));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{part:0<4}");
    digits.parse().unwrap()
}

#[test]
fn a_paper_session_proves_itself_and_its_whatif_differs_only_for_reasons() {
    let dir = scratch();
    let dir = dir.path();
    let (_broker, said) = broker(dir);
    let config = config(&said, dir);
    assert!(login(&config), "no login");
    let mut command = Command::new(binary("engine"));
    command.args(["run", "--mode", "paper", "--json", "--until", "09:27", "--journal", "paper", "--config"]);
    command.arg(&config).current_dir(dir).stdout(File::create(dir.join("summary.json")).unwrap());
    command.stderr(File::create(dir.join("engine.err")).unwrap());
    let mut engine = Process(command.spawn().unwrap());
    let code = engine.wait(Duration::from_secs(90));
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap_or_default();
    assert_eq!(code, Some(0), "{}\n{}", read("engine.err"), read("paper/live.log"));
    let summary: Value = serde_json::from_str(&read("summary.json")).unwrap();
    let orders = summary["orders"].as_u64().unwrap();
    assert!(
        orders >= 4,
        "too little happened: {summary}\n{}\n{}",
        read("engine.err"),
        read("paper/live.log")
    );

    let (code, verified) = replay(dir, &["verify", "paper", "--json"]);
    assert_eq!(code, 0, "{verified}");
    let (_, model) = replay(dir, &["latency", "paper"]);
    std::fs::write(dir.join("latency.toml"), &model).unwrap();
    let anew = object(
        dir,
        &[
            "whatif",
            "paper",
            "--config",
            "latency.toml",
            "--set",
            "venue.latency_spread=0ms",
            "--out",
            "anew",
            "--json",
        ],
    );
    assert!(anew["orders"].as_u64().unwrap() >= 4 && anew["fills"].as_u64().unwrap() >= 4, "{anew}");

    let found = object(dir, &["diff", "paper", "anew", "--json"]);
    let (_, text) = replay(dir, &["diff", "paper", "anew"]);
    println!("{text}");
    assert_eq!(found["inputs"]["equal"], true, "{text}");
    for kind in ["Bar", "Signal"] {
        let counts = &found["outputs"][kind];
        assert!(counts["equal"].as_u64().unwrap() > 10, "{kind}: {text}");
        for column in ["differ", "only_a", "only_b"] {
            assert_eq!(counts[column], 0, "what comes before risk knows no latency: {kind}: {text}");
        }
    }
    assert_eq!(found["unexplained"], 0, "{text}");
    assert_ne!(found["first_other_answer"], Value::Null, "a median is not each order's own wait: {text}");
    let names: Vec<&str> =
        found["config"].as_array().unwrap().iter().map(|changed| changed["name"].as_str().unwrap()).collect();
    assert!(
        names.iter().all(|name| ["venue.latency_spread", "venue.report_latency"].contains(name)),
        "{names:?}"
    );
    let total = money(&found["totals"]["net_pnl"]["difference"]);
    for part in ["by_change", "by_strategy"] {
        let parts = found["cost"][part].as_object().unwrap();
        let sum: i64 = parts.values().map(|part| money(&part["difference"])).sum();
        assert_eq!(sum, total, "{part}: what orders cost adds up to what the runs differ by: {text}");
    }
}
