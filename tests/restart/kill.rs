//! `kill -9` of the real engine at random moments, again and again until the run is complete.

use crate::{code, engine, json, scratch, stderr, stream_bytes, verify};
use pitlane_engine::event::{Kind, Order};
use pitlane_store::{EventStream, INPUTS, OUTPUTS};
use pitlane_tests::{Rng, seed};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Kills per run of the suite, and with `tests/gate --long`.
const KILLS: u64 = 300;
const KILLS_LONG: u64 = 3_000;

/// The uninterrupted run.
struct Reference {
    hash: String,
    inputs: Vec<u8>,
    outputs: Vec<u8>,
}

/// Fails unless the journal holds a prefix of the reference, and no less than before; gives what it holds.
fn assert_extended(journal: &Path, reference: &Reference, before: (usize, usize)) -> (usize, usize) {
    let (inputs, outputs) = (stream_bytes(journal, INPUTS), stream_bytes(journal, OUTPUTS));
    assert!(reference.inputs.starts_with(&inputs), "other inputs than the uninterrupted run");
    assert!(reference.outputs.starts_with(&outputs), "other outputs than the uninterrupted run");
    let held = (inputs.len(), outputs.len());
    assert!(
        held.0 >= before.0 && held.1 >= before.1,
        "something recorded is lost: {before:?}, then {held:?}"
    );
    held
}

fn assert_no_order_twice(journal: &Path) {
    let mut outputs = EventStream::open(journal, OUTPUTS).unwrap();
    let mut seen = BTreeSet::new();
    while let Some(event) = outputs.try_next().unwrap() {
        if event.kind() == Kind::Order {
            let id = event.body::<Order>().id;
            assert!(seen.insert(id.0), "order {} was sent twice", id.0);
        }
    }
    assert!(seen.len() > 20, "too few orders: {}", seen.len());
}

#[test]
fn a_killed_engine_goes_on_to_the_same_end() {
    let long = std::env::var("PITLANE_LONG").is_ok_and(|long| !long.is_empty());
    let wanted = if long { KILLS_LONG } else { KILLS };
    let dir = scratch();
    let whole = dir.path().join("whole");
    let summary = json(&engine(&whole, &[]).output().unwrap());
    let hash = summary["state_hash"].as_str().unwrap().to_owned();
    let reference =
        Reference { hash, inputs: stream_bytes(&whole, INPUTS), outputs: stream_bytes(&whole, OUTPUTS) };
    let two = std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() >= 2);
    let mut rng = Rng(seed("restart_kill", 20_261_121));
    let (mut kills, mut runs, mut recovering, mut snapshots) = (0, 0, 0, 0);
    while kills < wanted {
        runs += 1;
        let journal = dir.path().join(format!("run{runs}"));
        let mut held = (0, 0);
        loop {
            let mut args = vec!["--speed", ["max", "x600", "x10000"][rng.below(3) as usize]];
            if rng.below(2) == 0 {
                args.extend(["--set", "journal.snapshot_every=4096"]);
            }
            if two && rng.below(3) == 0 {
                args.extend(["--cpu-set", "0-1", "--wait", "yield"]);
            }
            // The last ones go on undisturbed.
            let disturbed = kills < wanted;
            if !disturbed {
                args[1] = "max";
            }
            let mut command = engine(&journal, &args);
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            if disturbed {
                // From the start of the process over its recovery to long after.
                let most_us = [5_000, 60_000, 300_000][rng.below(3) as usize];
                std::thread::sleep(Duration::from_micros(rng.below(most_us)));
                child.kill().unwrap();
            }
            let output = child.wait_with_output().unwrap();
            let text = stderr(&output);
            assert!(!text.contains("panicked"), "{text}");
            snapshots += u64::from(text.contains("from snapshot"));
            let killed = output.status.code().is_none();
            kills += u64::from(killed);
            recovering += u64::from(killed && held.0 > 0 && !text.contains("recovered"));
            held = assert_extended(&journal, &reference, held);
            if killed {
                continue;
            }
            let found = match code(&output) {
                0 => json(&output)["state_hash"].clone(),
                3 if text.contains("complete") => verify(&journal)["state_hash"].clone(),
                other => panic!("exit {other}: {text}"),
            };
            assert_eq!(found, reference.hash.as_str(), "after {kills} kills");
            break;
        }
        assert_eq!(held, (reference.inputs.len(), reference.outputs.len()), "the run is complete");
        assert_no_order_twice(&journal);
        std::fs::remove_dir_all(&journal).unwrap();
    }
    println!(
        "{kills} kills in {runs} runs, {recovering} before recovery was over, {snapshots} starts from snapshots"
    );
    assert!(recovering > 10 && snapshots > 10, "too few of one kind");
}
