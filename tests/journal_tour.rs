//! Follows `docs/journal-tour.md` to the letter, with the binaries that were built beside this test.
//!
//! Each fenced block of the page has a mark on the line above it:
//!
//! | mark | the block |
//! |---|---|
//! | `run` | is typed into a shell, one for the whole page |
//! | `run loop`, `run tmpfs` | makes a small file system; the parts marked `disk` are done once with each |
//! | `run disk` | needs that file system |
//! | `prints`, `prints disk` | is what the `run` above it prints |
//!
//! How lines are compared is in `page.rs`; numbers are, too.
//!
//! Beside it: `verify --from --to`, on a whole run.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_journal::Reader;
use pitlane_tests::page::{self, Block, Figures, binaries};
use serde_json::Value;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

const PAGE: &str = include_str!("../docs/journal-tour.md");
const SHM: &str = "/dev/shm";

/// The marks of the page.
const MARKS: [&str; 6] = ["run", "run loop", "run tmpfs", "run disk", "prints", "prints disk"];

fn blocks() -> Vec<Block> {
    page::blocks(PAGE, |mark| MARKS.contains(&mark))
}

/// Runs `script` as a reader would, with scratch directories below `scratch`; all that it prints.
fn run(scratch: &Path, script: &str) -> String {
    page::run(page::shell_with_binaries(scratch), script).1
}

/// Runs what is marked with one of `marks` in one shell, and compares what is printed. `last` is done in any case.
fn follow(scratch: &Path, blocks: &[Block], marks: &[&str], last: &str) -> String {
    let wanted: Vec<&Block> = blocks.iter().filter(|block| marks.contains(&block.mark.as_str())).collect();
    let printed = run(scratch, &format!("trap '{last}' EXIT\n{}", page::script(&wanted)));
    page::compare(&wanted, &printed, Figures::Compared);
    printed
}

#[test]
fn what_the_tour_says_is_what_happens() {
    let mut blocks = blocks();
    if !Path::new(SHM).is_dir() {
        println!("skipped: two tiers, there is no {SHM}");
        for block in &mut blocks {
            let lines = block.text.lines().filter(|line| !line.contains(SHM));
            block.text = lines.map(|line| format!("{}\n", line.replace("two tiers", "one tier"))).collect();
        }
    }
    let scratch = tempfile::tempdir().unwrap();
    let printed = follow(scratch.path(), &blocks, &["run", "prints"], "");
    let hashes = page::state_hashes(&printed);
    assert_eq!(hashes.len(), 8, "runs and proofs of one day: {hashes:?}");
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "they come to the same end: {hashes:?}");
}

/// The part about the full disk, on the file system that the block marked `how` makes.
fn full_disk(how: &str) {
    let blocks = blocks();
    let mount = blocks.iter().find(|block| block.mark == how).expect("the page makes a file system");
    let scratch = tempfile::tempdir().unwrap();
    // Tried first where nothing else happens.
    let tried =
        run(scratch.path(), &format!("{{ {}\n}} && umount disk && echo permitted", mount.text.trim()));
    if !tried.lines().any(|line| line == "permitted") {
        println!("skipped: {how}, mounting is not permitted here: {}", tried.trim());
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let setup = Block { mark: "run disk".to_owned(), ..blocks[0].clone() };
    let of_disk = blocks.iter().filter(|block| block.mark == how || block.mark.ends_with("disk"));
    let blocks: Vec<Block> = [setup].into_iter().chain(of_disk.cloned()).collect();
    let marks = [how, "run disk", "prints disk"];
    follow(scratch.path(), &blocks, &marks, "mountpoint -q disk && umount -l disk");
}

#[test]
fn a_full_disk_in_a_file_holds_and_goes_on() {
    full_disk("run loop");
}

#[test]
fn a_full_disk_in_memory_holds_and_goes_on() {
    full_disk("run tmpfs");
}

/// Runs a binary; its exit code and the object that it prints.
fn object(name: &str, args: &[&str]) -> (i32, Value) {
    let output = Command::new(binaries().join(name)).args(args).output().expect("the binary starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error} in: {text}\n{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().expect("it ended by itself"), value)
}

/// Changes a byte of the payload of the `seq`th output.
fn change_output(journal: &Path, seq: u64) -> u64 {
    let mut outputs = Reader::open(journal, "outputs").unwrap();
    assert!(outputs.seek_seq(seq).unwrap());
    let frame = outputs.next().unwrap().unwrap();
    let input = u64::from_le_bytes(frame.payload[..8].try_into().unwrap());
    let path = journal.join("outputs").join(format!("{:016x}.lxj", frame.segment));
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let (mut byte, at) = ([0], frame.offset + 32 + 60);
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    input
}

#[test]
fn a_part_is_verified_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = scratch.path().join("day");
    let dir = journal.to_str().unwrap();
    let args = "run --json --duration 20m --speed x2400 --set journal.segment=256KiB --set journal.snapshot_every=4096";
    let args: Vec<&str> =
        args.split(' ').chain(["--set", "strategies.0.timeframe=1s", "--journal", dir]).collect();
    let (code, run) = object("engine", &args);
    assert_eq!(code, 0);
    let last = run["seq_last"].as_u64().unwrap();
    let verify = |more: &[&str]| object("journal-replay", &[&["verify", "--json", dir], more].concat());
    let (_, whole) = verify(&[]);
    assert_eq!((&whole["identical"], &whole["compared"]), (&true.into(), &Value::Null));
    // Behind a snapshot, before any, by time, and each with an end.
    let (code, behind) = verify(&["--from", &(last - 10).to_string()]);
    assert_eq!((code, &behind["identical"], &behind["state_hash"]), (0, &true.into(), &run["state_hash"]));
    assert_eq!((&behind["events"], &behind["compared"]["seq_last"]), (&11.into(), &last.into()));
    let snapshot = behind["compared"]["from_snapshot_seq"].as_u64().expect("the newest one serves");
    assert!(snapshot.is_multiple_of(4_096) && snapshot < last - 10, "{behind}");
    let (code, early) = verify(&["--from", "2000", "--to", "3000"]);
    assert_eq!((code, &early["identical"], &early["events"]), (0, &true.into(), &1_001.into()), "{early}");
    assert_eq!(early["compared"]["from_snapshot_seq"], Value::Null);
    let (code, timed) = verify(&["--from", "09:20", "--to", "09:25"]);
    assert_eq!((code, &timed["identical"]), (0, &true.into()), "{timed}");
    let compared = |value: &Value| {
        let seq = |name: &str| value["compared"][name].as_u64().unwrap();
        (seq("seq_first"), seq("seq_last"))
    };
    let (first, end) = compared(&timed);
    assert!(first > 1 && end > first && end < last, "{timed}");
    // Damage is found by a part that has it, and by no other.
    let input = change_output(&journal, 2_000);
    let named = |value: &Value| value["first_divergence"]["seq"].as_u64();
    let (code, found) = verify(&[]);
    assert_eq!((code, named(&found)), (4, Some(input)), "{found}");
    let (code, found) = verify(&["--from", &(input - 5).to_string(), "--to", &(input + 5).to_string()]);
    assert_eq!((code, named(&found), &found["identical"]), (4, Some(input), &false.into()), "{found}");
    // In the same block it is in the way.
    let (code, found) = verify(&["--from", &(input + 5).to_string()]);
    assert_eq!((code, &found["first_divergence"]["field"]), (4, &"frame".into()), "{found}");
    for (from, to) in [(1, input - 1), (last - 100, last)] {
        let (code, found) = verify(&["--from", &from.to_string(), "--to", &to.to_string()]);
        assert_eq!((code, &found["identical"]), (0, &true.into()), "{from} to {to}: {found}");
    }
    for (from, to, word) in
        [("9999999", "", "behind the last"), ("100", "99", "before the first"), ("x", "", "neither")]
    {
        let mut command = Command::new(binaries().join("journal-replay"));
        command.args(["verify", dir, "--from", from]);
        if !to.is_empty() {
            command.args(["--to", to]);
        }
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
}
