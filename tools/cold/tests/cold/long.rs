//! Memory stays where it is, however long the day.

use crate::bench::peak;
use crate::{DATE, cold, day, ends, is_long, scratch};
use std::fs;
use std::path::Path;

/// Archives a journal and gives its rows and the most memory that the process had, in KiB.
fn archived(journal: &Path, out: &Path) -> (u64, u64) {
    let mut command = cold(&["archive", "--date", DATE, "--range-inputs", "200000", "--json", "--journal"]);
    let (found, kib, _) = peak(command.arg(journal).arg("--out").arg(out));
    (found["reports"][0]["rows"].as_u64().unwrap(), kib)
}

#[test]
fn memory_is_flat_over_ten_million_rows() {
    if !is_long() {
        println!("skipped: ten million rows; set PITLANE_LONG");
        return;
    }
    let dir = scratch();
    let measured = ["sim.ticks_per_second=2", "sim.ticks_per_second=8"].map(|rate| {
        let (journal, out) = (dir.path().join(rate), dir.path().join(format!("out-{rate}")));
        day(&journal, "375m", &[rate, "journal.segment=64MiB"]);
        let measured = archived(&journal, &out);
        // Room for the next.
        fs::remove_dir_all(&journal).unwrap();
        fs::remove_dir_all(&out).unwrap();
        measured
    });
    let [(few_rows, few), (many_rows, many)] = measured;
    println!("{few_rows} rows: {few} KiB; {many_rows} rows: {many} KiB");
    assert!(many_rows > 10_000_000 && many_rows > 3 * few_rows);
    assert!(many * 4 < few * 5, "memory grows: {few} KiB, then {many} KiB");
}

#[test]
fn every_command_explains_itself() {
    for verb in ["run", "status", "archive", "verify", "restore", "backfill", "recon", "query"] {
        let output = ends(&mut cold(&[verb, "--help"]), 0);
        assert!(String::from_utf8_lossy(&output.stdout).contains("Usage"), "{verb}");
    }
}
