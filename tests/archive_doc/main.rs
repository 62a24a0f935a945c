//! Holds `docs/archive.md` to the code, and the archive to what other programs read of it: DuckDB and pyarrow on every
//! file, and the document's ten questions asked of DuckDB and of PostgreSQL, which must say the same, of a synthetic day
//! and of a real one.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod day;
mod document;
mod questions;
mod readers;
mod show;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A file of this package.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The Python that has DuckDB and pyarrow; made once, in the target directory. `None`, said aloud, where it cannot be had.
fn python() -> Option<PathBuf> {
    let me = std::env::current_exe().expect("the system knows this program's path");
    let target = me.ancestors().nth(3).expect("tests are built into target/PROFILE/deps");
    let made = Command::new(file("scripts/readers_venv.sh")).arg(target.join("archive-readers")).output();
    let made = made.expect("there is a shell");
    if !made.status.success() {
        let why = String::from_utf8_lossy(&made.stderr);
        println!("skipped: no DuckDB and pyarrow: {}", why.lines().last().unwrap_or_default());
        return None;
    }
    Some(PathBuf::from(String::from_utf8(made.stdout).unwrap().trim()))
}

/// A binary that was built beside this test.
fn binary(name: &str) -> PathBuf {
    let me = std::env::current_exe().expect("the system knows this program's path");
    let path = me.ancestors().nth(2).expect("tests are built into target/PROFILE/deps").join(name);
    assert!(path.is_file(), "{} is not built; run `cargo build --release` first", path.display());
    path
}

/// What a command says to `input`.
fn answer(command: &mut Command, input: &str) -> Output {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("the program starts");
    // A program that ends before it has read everything says why in its own words.
    let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    child.wait_with_output().expect("the program ends")
}

/// What it prints; panics with its complaint if it fails.
fn printed(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints text")
}
