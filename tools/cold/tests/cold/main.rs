//! The binary from end to end, on synthetic days.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod archive;
mod bench;
mod campaign;
mod database;
mod full_disk;
mod kill;
mod long;
mod trust;

#[allow(dead_code, unreachable_pub, reason = "a fixture of several packages")]
#[path = "../../../../tests/src/postgres.rs"]
mod postgres;
#[allow(dead_code, unreachable_pub, reason = "a fixture of several packages")]
#[path = "../../../../tests/src/postgres_proxy.rs"]
mod proxy;

use pitlane_session::cli::{ConfigArgs, CpuArgs};
use pitlane_session::sim;
use pitlane_session::warmup::WarmupArgs;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Date of the synthetic days.
const DATE: &str = "2026-07-31";

/// Inputs of a range: many ranges in a short day.
const RANGE: &str = "7000";

/// A scratch directory on memory where there is some.
fn scratch() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() }.unwrap()
}

/// Journals `duration` of a synthetic day into `journal`, in small segments.
fn day(journal: &Path, duration: &str, more: &[&str]) {
    day_at("max", journal, duration, more);
}

/// Twenty minutes with snapshots. They are made beside the run: at full speed it may be over before the first.
fn day_with_snapshots(journal: &Path) {
    day_at("x400", journal, "20m", &["journal.snapshot_every=4096"]);
}

fn day_at(speed: &str, journal: &Path, duration: &str, more: &[&str]) {
    let mut set = vec!["journal.segment=256KiB".to_owned(), "strategies.0.timeframe=1s".to_owned()];
    set.extend(more.iter().map(|text| (*text).to_owned()));
    let (config, cpus, warmup) =
        (ConfigArgs { set, ..ConfigArgs::default() }, CpuArgs::default(), WarmupArgs::default());
    let request = sim::Request {
        config: &config,
        cpus: &cpus,
        mode: None,
        warmup: &warmup,
        from: None,
        instruments: None,
        journal: Some(journal),
        speed: Some(speed),
        duration: Some(duration),
        until: None,
        seed: None,
        name: "cold",
    };
    sim::run(&request).unwrap();
}

fn cold(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cold-path"));
    command.args(args).env_remove("PITLANE_POSTGRES").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A command of the nightly job's grammar.
fn on(verb: &str, journal: &Path, out: &Path) -> Command {
    let mut command = cold(&[verb]);
    if verb != "run" {
        command.args(["--date", DATE]);
    }
    if verb != "verify" {
        command.args(["--range-inputs", RANGE]);
    }
    command.arg("--journal").arg(journal).arg("--out").arg(out).arg("--json");
    command
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs it, and fails unless it ends so.
fn ends(command: &mut Command, wanted: i32) -> Output {
    let output = command.output().unwrap();
    assert_eq!(
        code(&output),
        wanted,
        "{command:?}\n{}\n{}",
        stderr(&output),
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
    output
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Every file of an archive with its bytes, but for what says how a process is doing.
fn tree(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(root: &Path, at: &Path, tree: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("_status") {
                continue;
            }
            if path.is_dir() {
                walk(root, &path, tree);
            } else {
                tree.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(root, root, &mut all);
    all
}

fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (tree(one), tree(other));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (path, bytes) in &one {
        assert!(other[path] == *bytes, "{} differs", path.display());
    }
}

/// Files of an archive whose path contains `part`.
fn files(root: &Path, part: &str) -> Vec<PathBuf> {
    let of = |path: &PathBuf| path.to_string_lossy().contains(part);
    tree(root).into_keys().filter(of).map(|path| root.join(path)).collect()
}

fn is_long() -> bool {
    std::env::var("PITLANE_LONG").is_ok_and(|long| !long.is_empty())
}

/// A seed from the environment or the default, printed.
struct Rng(u64);

impl Rng {
    fn new(name: &str, default: u64) -> Self {
        let seed = std::env::var("PITLANE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(default);
        println!("{name}: PITLANE_SEED={seed}");
        Self(seed)
    }

    /// SplitMix64.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
