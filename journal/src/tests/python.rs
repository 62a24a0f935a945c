//! The reader in `docs/examples`, which was written from `docs/journal.md` alone, lists what was written.

use std::path::Path;
use std::process::Command;

use super::recovery::append;
use super::{Random, records, small};
use crate::{JournalDir, Writer, recover};

#[test]
fn the_example_reader_lists_every_record() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/read_journal.py");
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: no python3");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let lock = JournalDir::lock(dir.path()).unwrap();
    let all = records(&mut Random(61), 2_200, 300);
    let mut writer = Writer::create(&lock, "inputs", small()).unwrap();
    append(&mut writer, &all[..900]);
    drop(writer);
    // An epoch that a crash ended, and one that is not closed.
    let recovered = recover(&lock, "inputs").unwrap();
    let mut writer = Writer::resume(&lock, "inputs", small(), &recovered).unwrap();
    append(&mut writer, &all[900..]);
    let output = Command::new("python3").arg(&script).arg(dir.path()).arg("inputs").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let expected: String = all
        .iter()
        .map(|record| {
            let super::Owned { seq, ts_ns, kind, schema_version, flags, payload } = record;
            format!("{seq} {ts_ns} {kind} {schema_version} {flags} {}\n", hex(payload))
        })
        .collect();
    assert!(String::from_utf8(output.stdout).unwrap() == expected, "the records differ");
    let lines = std::fs::read_to_string(&script).unwrap().lines().count();
    assert!(lines < 100, "{lines} lines");
}
