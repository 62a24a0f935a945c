//! Independent readers on every file of an archive.

use crate::day::day;
use crate::{answer, file, printed, python};
use pitlane_parquet::Archive;
use serde_json::Value;
use std::process::Command;

#[test]
fn duckdb_and_pyarrow_read_what_the_manifests_say() {
    let Some(python) = python() else { return };
    let day = day();
    let archive = Archive::new(day.archive_dir());
    let [journal] = archive.journals().unwrap()[..] else { panic!("one journal was archived") };
    let manifests = archive.manifests(journal).unwrap();
    assert!(manifests.len() > 2, "several ranges, so that tables have several files");
    let files: u64 = manifests.iter().map(|manifest| manifest.files.len() as u64).sum();
    let rows: u64 = manifests.iter().flat_map(|manifest| &manifest.files).map(|file| file.rows).sum();

    let mut command = Command::new(python);
    command.arg(file("scripts/archive_readers.py")).arg(archive.root());
    let seen: Value = serde_json::from_str(&printed(answer(&mut command, ""))).unwrap();
    println!("{seen}");
    assert_eq!((&seen["files"], &seen["rows"]), (&files.into(), &rows.into()));
    for (kind, count) in
        [("ticks", day.summary.ticks), ("fills", day.summary.fills), ("orders", day.summary.orders)]
    {
        assert_eq!(seen["kinds"][kind], count, "{kind}");
    }
}

#[test]
fn a_reader_notices_a_file_that_is_not_what_its_manifest_says() {
    let Some(python) = python() else { return };
    let day = day();
    let other = tempfile::tempdir().unwrap();
    // The manifests, and of the files one in the place of another.
    let copied =
        Command::new("cp").arg("-r").arg(day.archive_dir()).arg(other.path().join("archive")).status();
    assert!(copied.unwrap().success());
    let root = other.path().join("archive");
    let bars = |kind: &str| {
        let found =
            std::fs::read_dir(root.join(format!("kind={kind}"))).unwrap().next().unwrap().unwrap().path();
        let mut files: Vec<_> = std::fs::read_dir(found).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    };
    let files = bars("bars_5m");
    let entry = &std::fs::read(&files[1]).unwrap();
    std::fs::write(&files[0], entry).unwrap();
    let mut command = Command::new(python);
    let output = answer(command.arg(file("scripts/archive_readers.py")).arg(&root), "");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("kind=bars_5m") && said.contains("should be"), "{said}");
}
