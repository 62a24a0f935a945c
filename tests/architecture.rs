//! The shape of the tree: who may import whom, where unsafe may live, how large things may grow.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Workspace packages each package may depend on: dependencies point one way, from tools to adapters to the two cores.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("engine", &[]),
    ("journal", &[]),
    ("adapters/config", &["engine"]),
    ("adapters/feeds", &["engine"]),
    ("adapters/market", &["engine"]),
    ("adapters/store", &["engine", "journal"]),
    ("adapters/kite-gateway", &["engine"]),
    ("adapters/kite-feed", &["engine"]),
    ("adapters/rows", &["engine"]),
    ("adapters/parquet", &["engine", "rows"]),
    ("adapters/postgres", &["engine", "rows"]),
    ("adapters/kite-broker", &["engine"]),
    (
        "tools/session",
        &["engine", "journal", "config", "feeds", "market", "store", "kite-feed", "kite-gateway"],
    ),
    ("tools/report", &["engine", "config", "market", "store", "session"]),
    ("tools/sweep", &["engine", "config", "market", "store", "session", "report"]),
    ("tools/engine", &["engine", "journal", "config", "feeds", "market", "store", "session"]),
    ("tools/replay", &["engine", "journal", "config", "feeds", "market", "store", "session", "report"]),
    (
        "tools/cold",
        &[
            "engine", "journal", "config", "feeds", "market", "store", "rows", "parquet", "postgres",
            "session",
        ],
    ),
    (
        "tools/broker-sim",
        &["engine", "journal", "config", "feeds", "market", "store", "session", "kite-broker"],
    ),
    ("tools/book-check", &["engine", "session"]),
    ("tools/bench", &["engine", "journal", "config", "feeds", "market", "store", "kite-feed", "session"]),
    ("benches", &["engine", "journal", "config", "feeds", "market", "store", "session", "latency-bench"]),
    (
        "tests",
        &[
            "engine", "journal", "config", "feeds", "market", "store", "rows", "parquet", "postgres",
            "session",
        ],
    ),
];

#[test]
fn dependencies_point_one_way() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    for (package, allowed) in MAY_IMPORT {
        assert!(
            manifest.contains(&format!("\"{package}\"")),
            "{package} is not a member any more: mend this table"
        );
        let text = fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap();
        for line in text.lines().filter(|line| line.starts_with("pitlane-")) {
            let name = line.split(['.', ' ', '=']).next().unwrap().trim_start_matches("pitlane-");
            assert!(allowed.contains(&name), "{package} may not depend on {name}");
        }
    }
    let members = manifest.lines().filter(|line| line.trim_start().starts_with('"')).count();
    assert_eq!(members, MAY_IMPORT.len(), "a member is missing from this table");
}

fn rust_files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for dir in ["engine", "journal", "adapters", "tools", "benches", "tests"] {
        walk(&root().join(dir), &mut files);
    }
    files
}

fn walk(dir: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("target") {
                walk(&path, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            files.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Arrows inside the engine: a module (left) names none of those (right).
const NOT_IN_ENGINE: &[(&str, &[&str])] = &[
    (
        "engine/src/stages",
        &["crate::drive", "crate::sequencer", "std::time", "std::thread", "std::fs", "std::net"],
    ),
    ("engine/src/book", &["crate::drive", "crate::sequencer", "crate::stages", "std::time", "std::thread"]),
    (
        "engine/src/exchange",
        &["crate::drive", "crate::sequencer", "crate::stages", "std::time", "std::thread"],
    ),
    ("engine/src/event", &["crate::drive", "crate::sequencer", "crate::stages", "crate::stage"]),
    ("engine/src/sequencer", &["crate::drive", "std::time", "std::thread", "std::fs"]),
    ("engine/src/ledger", &["crate::drive", "crate::sequencer", "crate::stages"]),
    ("engine/src/charges", &["crate::drive", "crate::sequencer", "crate::stages", "crate::ledger"]),
];

#[test]
fn stages_know_no_driver_clock_thread_or_file() {
    // Tests may read files and start threads; what is tested may not.
    let is_test = |name: &str| name.contains("/tests/") || name.ends_with("tests.rs");
    for (name, text) in rust_files().into_iter().filter(|(name, _)| !is_test(name)) {
        for (module, banned) in NOT_IN_ENGINE.iter().filter(|(module, _)| name.starts_with(module)) {
            for banned in *banned {
                let used = text.lines().any(|line| {
                    line.contains(&format!("{banned}::")) || line.contains(&format!("use {banned};"))
                });
                assert!(!used, "{name}: {module} may not use {banned}");
            }
        }
    }
}

/// The files that may contain `unsafe`, and what for.
const UNSAFE_FILES: &[&str] = &[
    "benches/count/allocator.rs",          // a counting allocator
    "engine/src/drive/affinity.rs",        // cpu masks
    "engine/src/drive/memory.rs",          // locking pages
    "engine/src/drive/ring.rs",            // writing into a ring's slots in place
    "engine/src/stages/decoder/vector.rs", // a packet's fields by vector instructions
    "journal/src/mmap.rs",                 // mapped segments and their commit words
    "journal/src/sys.rs",                  // file locks, allocation, checksum instructions
    "tests/hot_path/measure.rs",           // a counting allocator, system call filters
];

#[test]
fn unsafe_lives_in_few_files() {
    for (name, text) in rust_files() {
        if UNSAFE_FILES.contains(&name.as_str())
            || name.starts_with("journal/src/tests")
            || name.ends_with("architecture.rs")
        {
            continue;
        }
        let used = text.lines().map(str::trim_start).any(|line| {
            !line.starts_with("//")
                && (line.contains("unsafe {") || line.contains("unsafe fn") || line.contains("unsafe impl"))
        });
        assert!(!used, "{name} contains unsafe code; the files that may are listed in tests/architecture.rs");
    }
}

#[test]
fn no_file_is_too_large_to_hold() {
    let large: BTreeMap<String, usize> = rust_files()
        .into_iter()
        .map(|(name, text)| (name, text.lines().count()))
        .filter(|(_, lines)| *lines > 800)
        .collect();
    assert!(large.is_empty(), "files over 800 lines: {large:?}");
}

#[test]
fn the_clock_is_read_in_one_place() {
    for (name, text) in rust_files() {
        if name.starts_with("engine/src") && !name.ends_with("drive/clock.rs") {
            for banned in ["Instant::now", "SystemTime::now", "quanta::"] {
                assert!(!text.contains(banned), "{name} reads a clock");
            }
        }
    }
}
