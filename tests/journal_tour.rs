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
//! The quoted lines must be printed in their order, with other lines or none between them. Blanks in a row count as one, `…`
//! stands for anything within a line, and all the rest is compared.
//!
//! Beside it: `verify --from --to`, on a whole run.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_journal::Reader;
use serde_json::Value;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const PAGE: &str = include_str!("../docs/journal-tour.md");
const SHM: &str = "/dev/shm";

/// A fenced block of the page.
#[derive(Clone, Debug)]
struct Block {
    mark: String,
    /// Line of the page, from 1, at which its text starts.
    line: usize,
    text: String,
}

/// The blocks of a page, in their order.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut before, mut is_open) = ("", false);
    for (number, line) in page.lines().enumerate() {
        if line.starts_with("```") && is_open {
            is_open = false;
        } else if line.starts_with("```") {
            let mark = before.strip_prefix("<!-- ").and_then(|mark| mark.strip_suffix(" -->"));
            let mark = mark.unwrap_or_else(|| panic!("line {}: a block without a mark", number + 1));
            let known = ["run", "run loop", "run tmpfs", "run disk", "prints", "prints disk"];
            assert!(known.contains(&mark), "line {}: unknown mark `{mark}`", number + 1);
            blocks.push(Block { mark: mark.to_owned(), line: number + 2, text: String::new() });
            is_open = true;
        } else if let Some(block) = blocks.last_mut().filter(|_| is_open) {
            block.text.push_str(line);
            block.text.push('\n');
        }
        before = line;
    }
    assert!(!is_open, "the last block is not closed");
    blocks
}

/// Where the binaries are.
fn binaries() -> PathBuf {
    let me = std::env::current_exe().expect("the system knows this program's path");
    let dir = me.ancestors().nth(2).expect("tests are built into target/PROFILE/deps").to_owned();
    for name in ["engine", "journal-replay"] {
        let path = dir.join(name);
        assert!(path.is_file(), "{} is not built; run `cargo build --release` first", path.display());
    }
    dir
}

/// Runs `script` as a reader would, with scratch directories below `scratch`; all that it prints.
fn run(scratch: &Path, script: &str) -> String {
    let mut shell = Command::new("sh");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PITLANE_") {
            shell.env_remove(name);
        }
    }
    let path = format!("{}:{}", binaries().display(), std::env::var("PATH").unwrap_or_default());
    shell.env("PATH", path).env("TMPDIR", scratch).current_dir(scratch);
    let output = shell.args(["-c", &format!("exec 2>&1\n{script}")]).output().expect("there is a shell");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A line with single blanks.
fn plain(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether `line` is what is `shown`.
fn is_shown(shown: &str, line: &str) -> bool {
    let (shown, line) = (plain(shown), plain(line));
    let pieces: Vec<&str> = shown.split('…').collect();
    let [first, middle @ .., last] = pieces.as_slice() else { return shown == line };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for piece in middle {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

/// The first shown line that is not printed in its place.
fn missing<'a>(shown: &'a str, printed: &str) -> Option<&'a str> {
    let mut printed = printed.lines();
    shown.lines().find(|shown| !printed.any(|line| is_shown(shown, line)))
}

fn marker(line: usize) -> String {
    format!("=== line {line} of the page ===")
}

/// Runs what is marked with one of `marks` in one shell, and compares what is printed. `last` is done in any case.
fn follow(scratch: &Path, blocks: &[Block], marks: &[&str], last: &str) -> String {
    let wanted: Vec<&Block> = blocks.iter().filter(|block| marks.contains(&block.mark.as_str())).collect();
    let runs = wanted.iter().filter(|block| block.mark.starts_with("run"));
    let script: Vec<String> =
        runs.map(|block| format!("echo '{}'\n{}", marker(block.line), block.text)).collect();
    let printed = run(scratch, &format!("trap '{last}' EXIT\n{}", script.concat()));
    let mut of_block: Option<&str> = None;
    for block in wanted {
        if block.mark.starts_with("run") {
            let from = printed.split_once(&format!("{}\n", marker(block.line)));
            let from = from.unwrap_or_else(|| panic!("line {} was not come to:\n{printed}", block.line)).1;
            of_block = Some(from.split_once("=== line").map_or(from, |(printed, _)| printed));
        } else {
            let printed = of_block.take().expect("a block of what is printed follows one that is run");
            if let Some(line) = missing(&block.text, printed) {
                panic!("line {}: not printed in its place: {line}\n{printed}", block.line);
            }
        }
    }
    printed
}

#[test]
fn what_the_tour_says_is_what_happens() {
    let mut blocks = blocks(PAGE);
    if !Path::new(SHM).is_dir() {
        println!("skipped: two tiers, there is no {SHM}");
        for block in &mut blocks {
            let lines = block.text.lines().filter(|line| !line.contains(SHM));
            block.text = lines.map(|line| format!("{}\n", line.replace("two tiers", "one tier"))).collect();
        }
    }
    let scratch = tempfile::tempdir().unwrap();
    let printed = follow(scratch.path(), &blocks, &["run", "prints"], "");
    let hashes: Vec<&str> =
        printed.lines().filter_map(|line| line.trim().strip_prefix("state hash")).map(str::trim).collect();
    assert_eq!(hashes.len(), 8, "runs and proofs of one day: {hashes:?}");
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "they come to the same end: {hashes:?}");
}

/// The part about the full disk, on the file system that the block marked `how` makes.
fn full_disk(how: &str) {
    let blocks = blocks(PAGE);
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

#[test]
fn shown_lines_are_compared_word_by_word() {
    let printed = " inputs   12 frames, up to seq 7\nexit 3\n identical      true\n";
    for (shown, expected) in [
        ("inputs … frames, up to seq …\nidentical true\n", None),
        ("exit 3\n", None),
        ("exit 0\n", Some("exit 0")),
        ("identical true\nexit 3\n", Some("exit 3")),
        ("inputs … seq 8\n", Some("inputs … seq 8")),
        ("identical\n", Some("identical")),
    ] {
        assert_eq!(missing(shown, printed), expected, "{shown}");
    }
}
