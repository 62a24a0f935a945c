//! A journal that is mapped in memory and copied to the disk, and one whose disk is behind.

use crate::{code, engine, json, scratch, stderr, stream_bytes, verify};
use pitlane_journal::inspect;
use pitlane_store::{INPUTS, OUTPUTS};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn done(mut command: Command) -> (Value, String) {
    let output = command.output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    (json(&output), stderr(&output))
}

/// Kills an engine when the disk has more than `inputs` inputs; says how many it then has.
fn killed_at(mut command: Command, journal: &Path, inputs: u64) -> u64 {
    let on_disk = || inspect(journal, INPUTS).map_or(0, |info| info.frames);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while on_disk() < inputs {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "it does not get that far");
        std::thread::sleep(Duration::from_micros(200));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    on_disk()
}

#[test]
fn what_only_memory_had_is_merged_after_a_kill() {
    if !Path::new("/dev/shm").is_dir() {
        println!("skipped: no /dev/shm");
        return;
    }
    let (dir, hot) = (scratch(), scratch());
    let whole = dir.path().join("whole");
    let (reference, _) = done(engine(&whole, &[]));
    let tiers = format!("journal.hot_dir={}", hot.path().display());
    let mut merged = 0;
    for (turn, level) in ["D0", "D1", "D2", "D0", "D1", "D2"].into_iter().enumerate() {
        let level = format!("journal.level={level}");
        let journal = dir.path().join(format!("tiers{turn}"));
        let args = ["--set", &tiers, "--set", &level];
        let on_disk = killed_at(engine(&journal, &args), &journal, 2_000);
        // The journal itself says where the rest is: every second start does not name it.
        let (end, text) = done(engine(&journal, &args[(turn % 2) * 2..]));
        assert_eq!(text.contains("stays there"), turn % 2 == 1, "{text}");
        let recovered = end["recovered"]["inputs"].as_u64().unwrap();
        assert!(recovered >= on_disk, "{recovered} of at least {on_disk} inputs were recovered");
        merged += recovered - on_disk;
        assert_eq!(end["state_hash"], reference["state_hash"]);
        assert_eq!(end["durability"]["tiers"], 2);
        for stream in [INPUTS, OUTPUTS] {
            assert!(stream_bytes(&journal, stream) == stream_bytes(&whole, stream), "{stream} differ");
        }
        assert_eq!(verify(&journal)["identical"], true);
    }
    println!("{merged} inputs were in memory alone");
    assert!(merged > 0, "the disk was never behind");
}

#[test]
fn a_disk_that_is_behind_stops_entries_and_the_run_is_the_same_again() {
    let dir = scratch();
    let journal = dir.path().join("j");
    let limits =
        ["--set", "journal.level=D1", "--set", "journal.lag_warn=1ns", "--set", "journal.lag_reduce=1ns"];
    let (end, text) = done(engine(&journal, &[&["--speed", "x600"], &limits[..]].concat()));
    assert!(text.contains("nothing is opened any more (reduce_only)"), "{text}");
    assert!(end["verdicts"]["BLOCK reduce_only"].as_u64().is_some_and(|blocked| blocked > 0), "{end}");
    assert_eq!(end["risk_stop"], Value::Null);
    let durability = &end["durability"];
    assert_eq!((&durability["level"], &durability["tiers"]), (&"D1".into(), &1.into()));
    assert_eq!(durability["durable_seq"], end["seq_last"]);
    assert!(durability["lag_max_ms"].as_f64().is_some(), "{durability}");
    let proof = verify(&journal);
    assert_eq!((&proof["identical"], &proof["state_hash"]), (&true.into(), &end["state_hash"]));
    let lines = std::fs::read_to_string(journal.join("events.jsonl")).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["event"] == "journal_lag" && line["state"] == "reduce"));
    let told: Vec<_> = lines.iter().filter(|line| line["event"] == "operator_command").collect();
    let commands: Vec<_> = told.iter().map(|line| &line["command"]).collect();
    assert_eq!(commands, ["reduce_only", "stop"], "once, and the run's own end");
    assert!(told[0]["reason"].as_str().is_some_and(|why| why.starts_with("journal lag ")), "{}", told[0]);
    // At full speed nobody looks.
    let (free, text) = done(engine(&dir.path().join("max"), &limits));
    assert!(!text.contains("lag") && free["verdicts"]["BLOCK reduce_only"].is_null(), "{text}");
    assert_eq!(free["durability"]["lag_max_ms"], Value::Null);
}

#[test]
fn a_disk_that_is_far_behind_closes_everything() {
    let dir = scratch();
    let journal = dir.path().join("j");
    let limits = ["lag_warn", "lag_reduce", "lag_halt"].map(|key| format!("journal.{key}=1ns"));
    let args = [
        "--speed",
        "x600",
        "--set",
        "journal.level=D1",
        "--set",
        &limits[0],
        "--set",
        &limits[1],
        "--set",
        &limits[2],
    ];
    let output = engine(&journal, &args).output().unwrap();
    assert_eq!(code(&output), 5, "{}", stderr(&output));
    let end = json(&output);
    assert_eq!((&end["risk_stop"], &end["open_positions"]), (&"kill_switch".into(), &0.into()));
    assert_eq!(verify(&journal)["identical"], true);
}
