//! The binary as a user meets it, on order flow that the tests make.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod bad_input;
mod day;
mod lobster;
mod quantcup;
mod records;

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// SplitMix64, so that every random test is a seed.
struct Rng(u64);

impl Rng {
    /// The generator of a test, with its seed printed; `PITLANE_SEED` is another.
    fn seeded(name: &str, default: u64) -> Self {
        let seed = std::env::var("PITLANE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(default);
        println!("{name}: PITLANE_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_book-check")).args(args).output().expect("the binary starts")
}

/// The exit code, the JSON object if there is one, and what stands on stderr.
fn outcome(args: &[&str]) -> (i32, Value, String) {
    let output = run(args);
    let value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), value, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn put(dir: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        out.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        out.write_all(bytes).unwrap();
    }
    out.finish().unwrap().into_inner()
}
