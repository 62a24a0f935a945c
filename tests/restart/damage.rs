//! What a start does with a journal that is damaged, or in use.

use crate::{code, engine, json, scratch, stderr, stream_bytes};
use pitlane_store::{INPUTS, OUTPUTS, Snapshots};
use serde_json::Value;
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const SNAPSHOTS: [&str; 2] = ["--set", "journal.snapshot_every=4096"];

fn flip(file: &Path, offset: u64) {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
}

/// The files of a stream.
fn files(journal: &Path, stream: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(journal.join(stream)).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect()
}

/// An engine that is under way and has made some snapshots.
#[allow(clippy::zombie_processes, reason = "every caller waits for the child it is given")]
fn under_way(journal: &Path) -> Child {
    let mut command = engine(journal, &[&["--speed", "x600"], &SNAPSHOTS[..]].concat());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while Snapshots::of(journal).list().unwrap().len() < 2 {
        assert!(Instant::now() < deadline, "the run does not get going");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// The journal of an engine that was killed under way.
fn killed(journal: &Path) {
    let mut child = under_way(journal);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn damage_in_what_was_sealed_stops_the_start_and_nothing_is_written() {
    let dir = scratch();
    for stream in [INPUTS, OUTPUTS] {
        let journal = dir.path().join(stream);
        killed(&journal);
        let first = journal.join(stream).join("0000000000000000.lxj");
        flip(&first, 20_000);
        let before = files(&journal, stream);
        for _ in 0..2 {
            let output = engine(&journal, &[]).output().unwrap();
            let text = stderr(&output);
            assert_eq!(code(&output), 3, "{text}");
            for word in ["damaged", "offset", "segment 0x0", "expected seq", "0000000000000000.lxj"] {
                assert!(text.contains(word), "`{word}` is missing in: {text}");
            }
        }
        assert!(files(&journal, stream) == before, "the damaged stream {stream} was written");
        flip(&first, 20_000);
        let output = engine(&journal, &[]).output().unwrap();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
    }
}

#[test]
fn a_damaged_snapshot_is_named_and_an_older_one_serves() {
    let dir = scratch();
    let whole = dir.path().join("whole");
    let hash = json(&engine(&whole, &[]).output().unwrap())["state_hash"].clone();
    let journal = dir.path().join("j");
    killed(&journal);
    let snapshots = Snapshots::of(&journal);
    let all = snapshots.list().unwrap();
    let (newest, older) = (all[0], all[1]);
    let bytes = snapshots.read(newest).unwrap();
    flip(&snapshots.path(newest), bytes.len() as u64 / 2);
    let info = |what: &str| {
        let mut command = std::process::Command::new(crate::binary("journal-replay"));
        let info = json(&command.args(["info", "--json"]).arg(&journal).output().unwrap());
        let found = info["snapshots"].as_array().unwrap().iter().map(|snapshot| snapshot[what].clone());
        found.collect::<Vec<_>>()
    };
    assert_eq!(info("seq")[..2], [Value::from(newest), Value::from(older)]);
    assert_eq!(info("good")[..2], [Value::from(false), Value::from(true)]);
    let output = engine(&journal, &[]).output().unwrap();
    let text = stderr(&output);
    assert_eq!(code(&output), 0, "{text}");
    assert!(text.contains("is left out") && text.contains(&format!("from snapshot {older}")), "{text}");
    let summary = json(&output);
    assert_eq!(summary["recovered"]["from_snapshot_seq"], older);
    assert_eq!(summary["state_hash"], hash);
    for stream in [INPUTS, OUTPUTS] {
        assert!(stream_bytes(&journal, stream) == stream_bytes(&whole, stream), "{stream} differ");
    }
}

#[test]
fn a_running_engine_keeps_its_journal_and_another_configuration_is_named() {
    let dir = scratch();
    let journal = dir.path().join("j");
    let mut child = under_way(&journal);
    let output = engine(&journal, &[]).output().unwrap();
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("in use"), "{}", stderr(&output));
    child.kill().unwrap();
    child.wait().unwrap();
    let other = engine(&journal, &["--set", "risk.capital=700000"]).output().unwrap();
    assert_eq!(code(&other), 3, "{}", stderr(&other));
    for word in ["already holds a run", "capital = \"500000\"", "capital = \"700000\"", "--journal"] {
        assert!(stderr(&other).contains(word), "`{word}` is missing in: {}", stderr(&other));
    }
    let output = engine(&journal, &[]).output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let again = engine(&journal, &[]).output().unwrap();
    assert_eq!(code(&again), 3);
    assert!(stderr(&again).contains("complete"), "{}", stderr(&again));
}
