//! The binaries as a user meets them: what they print, how they end, and what they refuse.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_journal::Reader;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A binary that was built beside this test.
fn binary(name: &str) -> PathBuf {
    let me = std::env::current_exe().expect("the system knows this program's path");
    let path = me.ancestors().nth(2).expect("tests are built into target/PROFILE/deps").join(name);
    assert!(path.is_file(), "{} is not built; run `cargo build --release` first", path.display());
    path
}

fn run(name: &str, args: &[&str]) -> Output {
    let mut command = Command::new(binary(name));
    command.args(args).env_remove("PITLANE_DATA").output().expect("the binary starts")
}

fn engine(args: &[&str]) -> Output {
    run("engine", args)
}

fn replay(args: &[&str]) -> Output {
    run("journal-replay", args)
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("the process ended by itself")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in: {text}\n{}", stderr(output)))
}

/// A scratch directory on memory where there is some, so that journals cost no disk.
fn scratch() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() }
        .expect("a directory can be made")
}

/// Small segments: a journal of these tests is small.
const SMALL: &[&str] = &["--set", "journal.segment=16MiB"];

fn demo(journal: &str, more: &[&str]) -> Output {
    let args = [&["demo", "--json", "--duration", "150m", "--journal", journal], SMALL, more].concat();
    engine(&args)
}

fn assert_refused(output: &Output, exit: i32, words: &[&str]) {
    let text = stderr(output);
    assert_eq!(code(output), exit, "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
    assert!(!text.contains("panicked"), "a trace for bad input: {text}");
}

#[test]
fn a_demo_is_the_same_again_on_any_cpus_and_proves_itself() {
    let dir = scratch();
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let first = json(&demo(&path("a"), &[]));
    assert_eq!(first["schema"], "engine-summary/1");
    assert!(first["fills"].as_u64().is_some_and(|fills| fills > 0), "{first}");
    for (name, more) in
        [("b", &[][..]), ("c", &["--cpu-set", "0"]), ("d", &["--cpu-set", "0-1", "--wait", "yield"])]
    {
        if more.contains(&"0-1") && std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() < 2) {
            continue;
        }
        let again = json(&demo(&path(name), more));
        for key in ["state_hash", "events", "orders", "fills", "net_pnl", "seq_last"] {
            assert_eq!(first[key], again[key], "{key} with {more:?}");
        }
        assert_eq!(stream_bytes(&path("a"), "outputs"), stream_bytes(&path(name), "outputs"), "{more:?}");
        assert_eq!(stream_bytes(&path("a"), "inputs"), stream_bytes(&path(name), "inputs"), "{more:?}");
    }
    let verified = replay(&["verify", &path("a"), "--json"]);
    assert_eq!(code(&verified), 0);
    let verified = json(&verified);
    assert_eq!(verified["identical"], true);
    assert_eq!(verified["state_hash"], first["state_hash"]);
    let other = json(&demo(&path("e"), &["--seed", "2"]));
    assert_ne!(other["state_hash"], first["state_hash"], "another seed must be another day");
}

/// The payloads of a stream, one after the other.
fn stream_bytes(dir: &str, stream: &str) -> Vec<u8> {
    let mut reader = Reader::open(dir, stream).unwrap();
    let mut bytes = Vec::new();
    while let Some(frame) = reader.next().unwrap() {
        bytes.extend_from_slice(frame.payload);
    }
    bytes
}

/// Segment file and offset of the payload of the first frame of `kind`.
fn payload_of(dir: &Path, stream: &str, kind: u16) -> (PathBuf, u64) {
    let mut reader = Reader::open(dir, stream).unwrap();
    while let Some(frame) = reader.next().unwrap() {
        if frame.kind == kind {
            return (dir.join(stream).join(format!("{:016x}.lxj", frame.segment)), frame.offset + 32);
        }
    }
    panic!("no frame of kind {kind} in {stream}");
}

fn change_byte(file: &Path, offset: u64) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
}

#[test]
fn a_changed_output_is_named_by_seq_stage_and_field() {
    let dir = scratch();
    let journal = dir.path().join("j");
    demo(&journal.to_string_lossy(), &[]);
    // The price of the first fill: kind 37, offset 48 of the event.
    let (file, payload) = payload_of(&journal, "outputs", 37);
    change_byte(&file, payload + 48);
    let output = replay(&["verify", &journal.to_string_lossy(), "--json"]);
    assert_eq!(code(&output), 4, "{}", stderr(&output));
    let verified = json(&output);
    assert_eq!(verified["identical"], false);
    let found = &verified["first_divergence"];
    assert_eq!((&found["stage"], &found["field"]), (&"matcher".into(), &"price".into()), "{found}");
    assert!(found["seq"].as_u64().is_some_and(|seq| seq > 0), "{found}");
    let mut command = Command::new(binary("journal-replay"));
    command.arg("verify").arg(&journal).stdout(unread()).stderr(Stdio::null());
    assert_eq!(command.status().unwrap().code(), Some(4), "the verdict, whoever reads it");
    // A changed input is not a difference but damage: nothing can be concluded from it.
    let (file, payload) = payload_of(&journal, "inputs", 18);
    change_byte(&file, payload + 40);
    let output = replay(&["verify", &journal.to_string_lossy()]);
    assert_refused(&output, 3, &["segment", "offset"]);
    let dumped = |more: &[&str]| {
        let mut command = Command::new(binary("journal-replay"));
        command.arg("dump").arg(&journal).args(more).stdout(unread()).stderr(Stdio::null());
        command.status().unwrap().code()
    };
    // What is shown before the damage waits in memory when that is found, or is written long before.
    assert_eq!(dumped(&["--kind", "SessionStart"]), Some(3), "the damage, whoever reads what was before it");
    assert_eq!(dumped(&["--stream", "outputs"]), Some(0), "whoever has stopped a dump has what it wanted");
}

/// An output whose reader is gone.
fn unread() -> Stdio {
    Stdio::from(std::io::pipe().unwrap().1)
}

fn start(args: &[&str]) -> Child {
    let mut command = Command::new(binary("engine"));
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts")
}

/// Starts a paced run and waits until its journal has some inputs.
#[allow(clippy::zombie_processes, reason = "every caller waits for the child it is given")]
fn start_paced(journal: &Path, more: &[&str]) -> Child {
    let journal_text = journal.to_string_lossy();
    let args = [&["run", "--json", "--speed", "x600", "--journal", &journal_text], SMALL, more].concat();
    let child = start(&args);
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let frames = pitlane_journal::inspect(journal, "outputs").map_or(0, |info| info.frames);
        if frames > 2_000 {
            return child;
        }
        assert!(Instant::now() < deadline, "the run does not get going");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
    assert!(sent.expect("the system has `kill`").success());
}

#[test]
fn what_a_killed_engine_leaves_is_readable_and_identical() {
    let dir = scratch();
    let journal = dir.path().join("j");
    let mut child = start_paced(&journal, &[]);
    signal(&child, "KILL");
    child.wait().unwrap();
    let path = journal.to_string_lossy();
    let info = json(&replay(&["info", &path, "--json"]));
    assert_eq!(info["inputs"]["sealed"], false);
    assert!(info["inputs"]["frames"].as_u64().is_some_and(|frames| frames > 2_000), "{info}");
    let verified = replay(&["verify", &path, "--json"]);
    assert_eq!(code(&verified), 0, "{}", stderr(&verified));
    assert_eq!(json(&verified)["identical"], true);
}

#[test]
fn a_second_engine_is_refused_and_an_interrupt_ends_in_order() {
    let dir = scratch();
    let journal = dir.path().join("j");
    let path = journal.to_string_lossy().into_owned();
    let child = start_paced(&journal, &[]);
    assert_refused(&demo(&path, &[]), 3, &[&path, "in use"]);
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 130, "{}", stderr(&output));
    let info = json(&replay(&["info", &path, "--json"]));
    assert_eq!(info["inputs"]["sealed"], true);
    assert_eq!(info["input_kinds"]["SessionEnd"], 1);
    assert_eq!(json(&replay(&["verify", &path, "--json"]))["identical"], true);
    assert_refused(&demo(&path, &[]), 3, &[&path, "already holds a run", "--journal"]);
}

#[test]
fn the_kill_switch_stops_trading_flattens_and_stays_latched() {
    let dir = scratch();
    let journal = dir.path().join("j");
    let path = journal.to_string_lossy().into_owned();
    let child = start_paced(&journal, &["--set", "strategies.0.timeframe=1s"]);
    assert_eq!(code(&engine(&["kill", "--journal", &path])), 0);
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 5, "{}", stderr(&output));
    let summary = json(&output);
    assert_eq!(summary["risk_stop"], "kill_switch");
    assert_eq!(summary["open_positions"], 0, "a kill flattens");
    assert_eq!(summary["alarms"]["killed"], 1);
    assert_refused(&demo(&path, &[]), 5, &["kill switch", "latched"]);
    assert_eq!(json(&replay(&["verify", &path, "--json"]))["identical"], true);
}

/// The lines of a run's event log, oldest first.
fn event_log(journal: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(journal.join("events.jsonl")).unwrap_or_default();
    // The last line may be half written.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until the event log of a running engine says that a command came; gives its seq.
fn wait_for_command(journal: &Path, command: &str) -> u64 {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let log = event_log(journal);
        if let Some(line) = log.iter().find(|line| line["command"] == command) {
            return line["seq"].as_u64().unwrap();
        }
        assert!(Instant::now() < deadline, "`{command}` never came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_flatten_closes_everything_and_nothing_is_opened_until_the_resume() {
    let dir = scratch();
    let journal = dir.path().join("j");
    let path = journal.to_string_lossy().into_owned();
    let child = start_paced(&journal, &["--set", "strategies.0.timeframe=1s"]);
    let flattened = json(&engine(&["flatten", "--journal", &path, "--reason", "too wild", "--json"]));
    assert_eq!((&flattened["schema"], &flattened["running"]), (&"flatten/1".into(), &true.into()));
    let from = wait_for_command(&journal, "flatten");
    assert!(journal.join("FLATTEN").is_file(), "it stands until it is resumed from");
    std::thread::sleep(Duration::from_millis(300));
    let resumed = json(&engine(&["resume", "--journal", &path, "--reason", "calm again", "--json"]));
    assert_eq!(resumed["state"], "handed", "{resumed}");
    let until = wait_for_command(&journal, "resume");
    // An entry afterwards shows that the engine trades again.
    let deadline = Instant::now() + Duration::from_secs(20);
    let entries = |log: &[Value], seqs: std::ops::Range<u64>| {
        let is_entry = |line: &&Value| line["event"] == "order_placed" && line["intent"] == "entry";
        log.iter().filter(is_entry).filter(|line| seqs.contains(&line["seq"].as_u64().unwrap())).count()
    };
    while entries(&event_log(&journal), until..u64::MAX) == 0 {
        assert!(Instant::now() < deadline, "no entry after the resume");
        std::thread::sleep(Duration::from_millis(20));
    }
    for file in ["FLATTEN", "RESUME", "KILL"] {
        assert!(!journal.join(file).exists(), "{file} is still there");
    }
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 130, "{}", stderr(&output));
    let log = event_log(&journal);
    assert_eq!(entries(&log, from..until), 0, "nothing is opened");
    assert!(entries(&log, 0..from) > 0, "or the test shows nothing");
    let mut held = std::collections::BTreeMap::new();
    for fill in log.iter().filter(|line| line["event"] == "order_filled") {
        let sign = if fill["side"] == "buy" { 1 } else { -1 };
        if fill["seq"].as_u64().unwrap() < until {
            *held.entry(fill["instrument"].to_string()).or_insert(0) +=
                sign * fill["quantity"].as_i64().unwrap();
        }
    }
    assert!(held.values().all(|quantity| *quantity == 0), "everything is closed: {held:?}");
    let commands = log.iter().filter(|line| line["event"] == "operator_command");
    let reasons: Vec<&str> = commands.filter_map(|line| line["reason"].as_str()).collect();
    assert!(reasons[0].contains("too wild") && reasons[1] == "calm again", "{reasons:?}");
    assert_eq!(json(&replay(&["verify", &path, "--json"]))["identical"], true);
    let dumped = replay(&["dump", &path, "--kind", "Command"]);
    assert!(String::from_utf8_lossy(&dumped.stdout).contains("reason=\"calm again\""));
}

#[test]
fn a_latched_directory_is_resumed_by_the_next_start() {
    let dir = scratch();
    let journal = dir.path().join("j");
    std::fs::create_dir(&journal).unwrap();
    let path = journal.to_string_lossy().into_owned();
    let resume = |reason: &str| engine(&["resume", "--journal", &path, "--reason", reason]);
    let nothing = resume("just so");
    assert_eq!(code(&nothing), 0);
    assert!(String::from_utf8_lossy(&nothing.stdout).contains("nothing is latched"), "{nothing:?}");
    assert_refused(&resume(" "), 2, &["--reason"]);
    assert_refused(&engine(&["resume", "--journal", &path]), 2, &["--reason"]);
    assert_refused(&engine(&["flatten", "--journal", "no/such/place"]), 3, &["no/such/place"]);
    for latch in ["flatten", "kill"] {
        let set = engine(&[latch, "--journal", &path]);
        assert_eq!(code(&set), 0, "{}", stderr(&set));
        assert_refused(&demo(&path, &[]), 5, &["latched", "engine resume"]);
    }
    let waits = resume("checked");
    assert_eq!(code(&waits), 0);
    assert!(String::from_utf8_lossy(&waits.stdout).contains("next start"), "{waits:?}");
    let output = demo(&path, &[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("resumed") && stderr(&output).contains("checked"),
        "{}",
        stderr(&output)
    );
    assert!(json(&output)["orders"].as_u64().is_some_and(|orders| orders > 0));
    for file in ["FLATTEN", "RESUME", "KILL"] {
        assert!(!journal.join(file).exists(), "{file} is still there");
    }
    let dumped = replay(&["dump", &path, "--kind", "Command", "--json"]);
    let first: Value =
        serde_json::from_slice(dumped.stdout.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    assert_eq!((&first["body"]["code"], &first["body"]["reason"]), (&"resume".into(), &"checked".into()));
    assert_eq!(json(&replay(&["verify", &path, "--json"]))["identical"], true);
}

#[test]
fn days_are_those_of_the_calendar() {
    let dir = scratch();
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let on = |name: &str, date: &str, more: &[&str]| {
        let date = format!("sim.date={date}");
        demo(&path(name), &[&["--set", &date], more].concat())
    };
    assert_refused(&on("a", "2026-01-26", &[]), 2, &["2026-01-26", "Republic Day", "sim.date", "[session]"]);
    assert_refused(&on("a", "2026-11-08", &[]), 2, &["Muhurat", "[session]"]);
    assert!(!Path::new(&path("a")).exists(), "a refused run leaves nothing");
    let uncovered = on("b", "2027-03-01", &[]);
    assert_eq!(code(&uncovered), 0, "{}", stderr(&uncovered));
    assert_eq!(
        stderr(&uncovered).matches("outside the calendar's data").count(),
        1,
        "{}",
        stderr(&uncovered)
    );
    let evening =
        ["--set", "session.pre_open=17:45", "--set", "session.open=18:00", "--set", "session.close=19:00"];
    let muhurat = on("c", "2026-11-08", &evening);
    assert_eq!(code(&muhurat), 0, "{}", stderr(&muhurat));
    let head = String::from_utf8(replay(&["dump", &path("c"), "--kind", "SessionStart"]).stdout).unwrap();
    assert!(head.contains("open=2026-11-08 18:00:00 close=2026-11-08 19:00:00"), "{head}");
}

/// Since 2026-08-03 shares with derivatives end at 15:15 and derivatives at 15:40.
#[test]
fn every_instrument_is_flat_before_its_own_close() {
    let dir = scratch();
    let path = dir.path().join("j").to_string_lossy().into_owned();
    let date = ["--set", "sim.date=2026-08-04"];
    // Whole, unlike the other demos here.
    let output = engine(&[&["demo", "--json", "--journal", &path], SMALL, &date[..]].concat());
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let summary = json(&output);
    assert_eq!(summary["open_positions"], 0, "{summary}");
    assert!(summary["fills"].as_u64().is_some_and(|fills| fills > 0), "{summary}");
    let rows = |what: &str| {
        let text = String::from_utf8(replay(&["export", what, &path]).stdout).unwrap();
        let rows = text.lines().skip(1).map(|row| row.split(',').map(str::to_owned).collect::<Vec<_>>());
        rows.collect::<Vec<_>>()
    };
    let last_bar = |symbol: &str| {
        rows("bars").into_iter().filter(|row| row[0] == symbol).map(|row| row[1].clone()).max()
    };
    for (symbol, last) in
        [("NSE:RELIANCE", "15:14:00"), ("NSE:NIFTY 50", "15:29:00"), ("NFO:NIFTY26AUGFUT", "15:39:00")]
    {
        assert_eq!(last_bar(symbol), Some(format!("2026-08-04T{last}+05:30")), "{symbol}");
    }
    for order in rows("orders") {
        let close = if order[1].starts_with("NFO:") { "15:40:00" } else { "15:15:00" };
        assert!(
            order[2].as_str() < format!("2026-08-04T{close}").as_str(),
            "an order after the close: {order:?}"
        );
        let entries_end = if order[1].starts_with("NFO:") { "15:00:00" } else { "14:45:00" };
        let is_late = order[2].as_str() >= format!("2026-08-04T{entries_end}").as_str();
        assert!(order[7] != "entry" || !is_late, "an entry too late: {order:?}");
    }
    assert_eq!(json(&replay(&["verify", &path, "--json"]))["identical"], true);
}

#[test]
fn nobody_to_read_it_changes_nothing_about_how_a_run_ends() {
    let dir = scratch();
    let config = dir.path().join("kill.toml");
    std::fs::write(&config, "[[sim.commands]]\nat = \"09:40:00\"\ndo = \"kill\"\n").unwrap();
    let (config, journal) = (config.to_string_lossy(), dir.path().join("j"));
    let journal = journal.to_string_lossy();
    let ended = |more: &[&str], stdout: Stdio, stderr: Stdio| {
        let mut command = Command::new(binary("engine"));
        command.arg("demo").args(more).args(SMALL).stdout(stdout).stderr(stderr).status().unwrap().code()
    };
    let killed = ["--journal", &*journal, "--config", &*config];
    assert_eq!(
        ended(&killed, unread(), Stdio::null()),
        Some(5),
        "the kill, and not the card that nobody read"
    );
    assert_eq!(
        ended(&killed, Stdio::null(), unread()),
        Some(5),
        "the refusal, and not a panic about its message"
    );
    // Its start warns of a date that no calendar has; with `cold-path` beside it, its end says what was archived.
    let whole = dir.path().join("whole").to_string_lossy().into_owned();
    let far = ["--set", "sim.date=2035-01-02"];
    let args = [&["--duration", "30m", "--journal", &whole], &far[..]].concat();
    assert_eq!(ended(&args, unread(), unread()), Some(0), "all is well, whoever reads it");
    // What the start says is read before the refusal behind it.
    let refused = engine(&[&["run", "--until", "08:00", "--journal", &whole], &far[..]].concat());
    assert_refused(&refused, 2, &["outside the calendar's data", "would end before its session opens"]);
}

#[test]
fn a_scripted_kill_is_the_same_on_one_thread_and_two() {
    let dir = scratch();
    let config = dir.path().join("kill.toml");
    std::fs::write(&config, "[[sim.commands]]\nat = \"09:40:00\"\ndo = \"kill\"\n").unwrap();
    let config = config.to_string_lossy().into_owned();
    let hash = |name: &str, more: &[&str]| {
        let output = demo(&dir.path().join(name).to_string_lossy(), &[&["--config", &config], more].concat());
        assert_eq!(code(&output), 5, "{}", stderr(&output));
        json(&output)["state_hash"].clone()
    };
    let one = hash("one", &[]);
    if std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() >= 2) {
        assert_eq!(one, hash("two", &["--cpu-set", "0-1", "--wait", "yield"]));
    }
}

#[test]
fn bad_input_gets_a_clear_error_and_its_exit_code() {
    let dir = scratch();
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    std::fs::write(path("typo.toml"), "[risk]\ncapitel = \"600000\"\n").unwrap();
    let typo = demo(&path("a"), &["--config", &path("typo.toml")]);
    assert_refused(&typo, 2, &["typo.toml:2", "capitel", "capital"]);
    assert_refused(&demo(&path("a"), &["--set", "risk.capitel=1"]), 2, &["capitel", "capital"]);
    assert_refused(&demo(&path("a"), &["--set", "strategies.0.kind=ema_crossovr"]), 2, &["ema_crossover"]);
    assert_refused(&demo(&path("a"), &["--config", &path("absent.toml")]), 2, &["absent.toml"]);
    assert_refused(&demo(&path("a"), &["--cpu-set", "4000"]), 2, &["4000", "usable"]);
    assert_refused(&demo(&path("a"), &["--cpu-set", "x-y"]), 2, &["cpu"]);
    assert_refused(&demo(&path("a"), &["--wait", "sleep"]), 2, &["yield"]);
    assert_refused(&engine(&["run", "--mode", "live"]), 2, &["live"]);
    assert!(!Path::new(&path("a")).join("inputs").exists(), "a refused run leaves no journal");
    assert_refused(&replay(&["verify", &path("absent")]), 3, &["absent"]);
    assert_refused(&replay(&["info", &path("")]), 3, &["inputs"]);
    let absent = format!("NSE:TCS={}", path("absent.csv"));
    assert_refused(&replay(&["import", "tick-csv", &absent, "--journal", &path("b")]), 3, &["absent.csv"]);
    assert_refused(
        &replay(&["import", "tick-csv", "nonsense", "--journal", &path("b")]),
        2,
        &["SYMBOL=FILE"],
    );
    assert_refused(&replay(&["import", "lobster", "A=b", "--journal", &path("b")]), 2, &["tick-csv"]);
}

/// A decimal with at most four digits, on the scale of money.
fn scaled(decimal: &str) -> i64 {
    let (whole, digits) = decimal.split_once('.').unwrap();
    format!("{whole}{digits:0<4}").parse().unwrap()
}

#[test]
fn exports_have_the_stated_columns() {
    let dir = scratch();
    let journal = dir.path().join("j").to_string_lossy().into_owned();
    let summary = json(&demo(&journal, &[]));
    for (what, header) in [
        ("bars", "instrument,start,open,high,low,close,volume,trades"),
        ("fills", "order_id,instrument,time,side,quantity,price,charges"),
        ("ticks", "instrument,time,last,volume"),
        ("signals", "signal_id,instrument,time,strategy,action,reason,confidence,price"),
        ("orders", "order_id,instrument,time,strategy,side,type,validity,intent,quantity,price,signal_id"),
        (
            "charges",
            "order_id,instrument,time,side,quantity,value,brokerage,stt,exchange,sebi,stamp,gst,charges,rates_from",
        ),
    ] {
        let output = replay(&["export", what, &journal]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().next(), Some(header));
        let rows = text.lines().count() as u64 - 1;
        match what {
            "fills" | "orders" | "ticks" => assert_eq!(summary[what], rows, "{what}"),
            _ => assert!(rows > 0, "{what}"),
        }
        // Fills and orders are charged what the run is, to the last digit.
        if let Some(column) = header.split(',').position(|name| name == "charges") {
            let total = |row: &str| scaled(row.split(',').nth(column).unwrap());
            let sum: i64 = text.lines().skip(1).map(total).sum();
            let charged = scaled(summary["charges"]["total"].as_str().unwrap());
            let pnl = |name: &str| scaled(summary[name].as_str().unwrap());
            assert_eq!((sum, pnl("gross_pnl") - pnl("net_pnl")), (charged, charged), "{what}");
            assert!(charged > 0);
        }
    }
    let bars = String::from_utf8(replay(&["export", "bars", &journal, "--timeframe", "5m"]).stdout).unwrap();
    assert!(bars.lines().nth(1).is_some_and(|row| row.contains("2026-07-31T09:15:00+05:30")), "{bars}");
}

#[test]
fn the_shipped_configurations_are_sound_and_the_demos_is_the_built_in_one() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let load = |name: &str| {
        let layers = pitlane_config::Layers { files: vec![configs.join(name)], ..Default::default() };
        layers.load().unwrap_or_else(|error| panic!("{error}"))
    };
    assert_eq!(load("demo.toml"), pitlane_config::Settings::demo());
    for name in ["paper.toml", "bench.toml"] {
        let settings = load(name);
        settings.pipeline(settings.instruments.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn spinning_threads_that_outnumber_the_cores_are_refused_with_the_remedy() {
    let dir = scratch();
    let journal = dir.path().join("j").to_string_lossy().into_owned();
    let restricted = |wait: &str| {
        let engine = binary("engine").to_string_lossy().into_owned();
        let args = ["-c", "0", &engine, "demo", "--duration", "1m", "--journal", &journal];
        let cpus = ["--cpu-set", "0-1", "--wait", wait];
        Command::new("taskset").args(args).args(cpus).args(SMALL).output()
    };
    let Ok(output) = restricted("busy") else {
        println!("skipped: no taskset");
        return;
    };
    assert_refused(&output, 2, &["busy", "--wait yield"]);
    if std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() >= 2) {
        let output = restricted("auto").expect("taskset was there just now");
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert!(stderr(&output).contains("wait yield"), "auto never spins there: {}", stderr(&output));
    }
}

#[test]
fn lost_segments_are_missing_data_and_not_an_empty_run() {
    let dir = scratch();
    let journal = dir.path().join("j");
    let path = journal.to_string_lossy().into_owned();
    demo(&path, &["--set", "journal.segment=1MiB"]);
    for stream in ["outputs", "inputs"] {
        let first = journal.join(stream).join("0000000000000000.lxj");
        let kept = dir.path().join("kept");
        std::fs::rename(&first, &kept).unwrap();
        for args in [&["export", "fills", &path][..], &["info", &path]] {
            let output = replay(args);
            assert_eq!(code(&output), 3, "{stream} {args:?}: {}", stderr(&output));
        }
        std::fs::rename(&kept, &first).unwrap();
    }
    std::fs::remove_dir_all(journal.join("outputs")).unwrap();
    std::fs::create_dir(journal.join("outputs")).unwrap();
    assert_refused(&replay(&["export", "fills", &path]), 3, &["outputs"]);
}

#[test]
fn what_a_recording_fixes_cannot_be_overridden_and_an_empty_file_changes_nothing() {
    let dir = scratch();
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let plain = json(&demo(&path("a"), &[]));
    let empty = json(&demo(&path("b"), &["--config", "/dev/null"]));
    assert_eq!(plain["state_hash"], empty["state_hash"]);
    for fixed in ["session.pre_open=08:00", "sim.seed=4", "instruments.NSE:TCS.lot=10"] {
        assert_refused(&replay(&["whatif", &path("a"), "--set", fixed]), 2, &["cannot be changed"]);
    }
}
