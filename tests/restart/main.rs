//! A run that was cut short goes on where it stopped, and comes to the same end: in this process at any place of both
//! streams, and as a process that is killed at any moment.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod cut;
mod damage;
mod kill;
mod modes;
mod tiers;

use pitlane_journal::Reader;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The payloads of a stream, one after the other; nothing if there is no such stream.
fn stream_bytes(dir: &Path, stream: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Ok(mut reader) = Reader::open(dir, stream) else { return bytes };
    while let Some(frame) = reader.next().unwrap() {
        bytes.extend_from_slice(frame.payload);
    }
    bytes
}

/// A scratch directory on memory where there is some, so that journals cost no disk.
fn scratch() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() }
        .expect("a directory can be made")
}

/// A binary that was built beside this test.
fn binary(name: &str) -> PathBuf {
    let me = std::env::current_exe().expect("the system knows this program's path");
    let path = me.ancestors().nth(2).expect("tests are built into target/PROFILE/deps").join(name);
    assert!(path.is_file(), "{} is not built; run `cargo build --release` first", path.display());
    path
}

/// A short day with much trading in small segments, on `journal`.
fn engine(journal: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(binary("engine"));
    command.args(["run", "--json", "--duration", "20m", "--set", "journal.segment=256KiB"]);
    command.args(["--set", "strategies.0.timeframe=1s", "--journal"]).arg(journal).args(more);
    command
}

fn verify(journal: &Path) -> Value {
    let output = Command::new(binary("journal-replay")).args(["verify", "--json"]).arg(journal).output();
    json(&output.expect("the binary starts"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in: {text}\n{}", stderr(output)))
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("the process ended by itself")
}
