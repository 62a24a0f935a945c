//! Restarts of runs that have more than a synthetic market behind them: a recording, a history, an operator.

use crate::{code, engine, json, scratch, stderr, stream_bytes};
use pitlane_journal::inspect;
use pitlane_store::{INPUTS, OUTPUTS};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Kills an engine when it has recorded more than `inputs` inputs.
fn kill_at(mut command: Command, journal: &Path, inputs: u64) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while inspect(journal, INPUTS).map_or(0, |info| info.frames) < inputs {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "it does not get that far");
        std::thread::sleep(Duration::from_millis(3));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

fn done(mut command: Command) -> Value {
    let output = command.output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    json(&output)
}

fn refused(mut command: Command, exit: i32, words: &[&str]) {
    let output = command.output().unwrap();
    assert_eq!(code(&output), exit, "{}", stderr(&output));
    for word in words {
        assert!(stderr(&output).contains(word), "`{word}` is missing in: {}", stderr(&output));
    }
}

fn assert_same(found: (&Value, &Path), wanted: (&Value, &Path)) {
    for stream in [INPUTS, OUTPUTS] {
        assert!(stream_bytes(found.1, stream) == stream_bytes(wanted.1, stream), "{stream} differ");
    }
    for key in
        ["state_hash", "events", "ticks", "orders", "fills", "net_pnl", "verdicts", "seq_last", "warmup"]
    {
        assert_eq!(found.0[key], wanted.0[key], "{key}");
    }
}

#[test]
fn a_replay_goes_on_with_its_recording_and_with_no_other() {
    let dir = scratch();
    let path = |name: &str| dir.path().join(name);
    let replay = |from: &Path, journal: &Path, more: &[&str]| {
        let mut command = Command::new(crate::binary("engine"));
        command.args(["run", "--json", "--mode", "replay", "--from"]).arg(from).arg("--journal").arg(journal);
        command.args(["--set", "journal.segment=256KiB", "--set", "risk.capital=400000"]).args(more);
        command
    };
    done(engine(&path("recorded"), &[]));
    let other: &[&str] = &["--set", "sim.seed=9"];
    done(engine(&path("other"), other));
    let whole = done(replay(&path("recorded"), &path("whole"), &[]));
    let paced = ["--speed", "x600", "--set", "journal.snapshot_every=4096"];
    let journal = path("j");
    for inputs in [200, 6_000, 12_000] {
        kill_at(replay(&path("recorded"), &journal, &paced), &journal, inputs);
    }
    refused(replay(&path("other"), &journal, &[]), 3, &["already holds a run"]);
    let end = done(replay(&path("recorded"), &journal, &[]));
    assert!(end["recovered"]["from_snapshot_seq"].as_u64().is_some_and(|seq| seq > 0), "{end}");
    assert_same((&end, &journal), (&whole, &path("whole")));
    refused(replay(&path("recorded"), &journal, &[]), 3, &["complete"]);
}

#[test]
fn a_history_is_in_the_journal_and_need_not_be_given_again() {
    let dir = scratch();
    let path = |name: &str| dir.path().join(name);
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    done(engine(&path("monday"), &["--set", "sim.date=2026-07-27"]));
    done(engine(&path("tuesday"), &["--set", "sim.date=2026-07-28"]));
    let (monday, tuesday) = (text(path("monday")), text(path("tuesday")));
    let warm = ["--warmup", monday.as_str()];
    let whole = done(engine(&path("whole"), &warm));
    let killed = |name: &str| {
        let journal = path(name);
        kill_at(engine(&journal, &[&warm[..], &["--speed", "x600"]].concat()), &journal, 2_000);
        journal
    };
    let journal = killed("a");
    refused(engine(&journal, &["--warmup", &tuesday]), 3, &["another history", "leave --warmup out"]);
    let end = done(engine(&journal, &[]));
    assert_same(
        (&end, &journal),
        (
            &{
                let mut whole = whole.clone();
                whole["warmup"] = end["warmup"].clone();
                whole
            },
            &path("whole"),
        ),
    );
    assert_eq!(end["warmup"]["bars"], whole["warmup"]["bars"]);
    let journal = killed("b");
    let end = done(engine(&journal, &warm));
    assert_same((&end, &journal), (&whole, &path("whole")));
}

#[test]
fn latches_stand_over_a_crash_until_they_are_resumed_from() {
    let dir = scratch();
    let journal = dir.path().join("j");
    kill_at(engine(&journal, &["--speed", "x600"]), &journal, 3_000);
    let tell = |verb: &str| {
        let mut command = Command::new(crate::binary("engine"));
        command.args([verb, "--reason", "test", "--journal"]).arg(&journal);
        assert!(command.output().unwrap().status.success());
    };
    tell("kill");
    refused(engine(&journal, &[]), 5, &["latched", "engine resume", "goes on"]);
    tell("resume");
    let end = done(engine(&journal, &[]));
    assert!(end["recovered"]["inputs"].as_u64().is_some_and(|inputs| inputs >= 3_000), "{end}");
    assert_eq!(crate::verify(&journal)["identical"], true);
    assert_eq!(crate::verify(&journal)["state_hash"], end["state_hash"]);
}
