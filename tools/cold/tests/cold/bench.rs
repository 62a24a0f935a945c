//! How fast and in how much memory, for who asks: PITLANE_BENCH=1 and `--nocapture`. Printed, never asserted, but that the
//! rows are those that were wanted and the memory stays where it is.

use crate::postgres::Server;
use crate::{cold, day, ends, json, scratch, stderr};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs a command to its end: what it printed, the most memory it had in KiB, and how long it took.
pub(crate) fn peak(command: &mut Command) -> (serde_json::Value, u64, f64) {
    let started = Instant::now();
    let mut child = command.spawn().unwrap();
    let (mut most, path) = (0, format!("/proc/{}/status", child.id()));
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0);
        most = most.max(kib);
        std::thread::sleep(Duration::from_millis(5));
    }
    let seconds = started.elapsed().as_secs_f64();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    (json(&output), most, seconds)
}

/// A sidecar with the defaults of a user.
fn sidecar(journal: &Path, out: &Path) -> Command {
    let mut command = cold(&["run", "--json", "--journal"]);
    command.arg(journal).arg("--out").arg(out);
    command
}

fn rows_of(status: &serde_json::Value, sink: usize) -> u64 {
    status["sinks"][sink]["rows"].as_u64().unwrap()
}

/// Seconds that the server takes to COPY the rows of database `of` into empty tables, in one transaction, from files that it
/// reads itself.
fn plain_copy(server: &Server, of: &str) -> f64 {
    let tables = server.psql(of, "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition and relname not in ('schema_migrations', 'sink_offset')");
    let files: Vec<(&str, String)> = tables
        .lines()
        .map(|table| (table, server.dir().join(format!("copy-{table}")).display().to_string()))
        .collect();
    for (table, file) in &files {
        server.psql(of, &format!("copy (select * from {table}) to '{file}' (format binary)"));
    }
    // The same tables with the parts of the same days, empty.
    server.psql("postgres", &format!("create database plain template {of}"));
    server.psql("plain", &format!("truncate {}", tables.trim().replace('\n', ", ")));
    let copies: String =
        files.iter().map(|(table, file)| format!("copy {table} from '{file}' (format binary);")).collect();
    server.psql("plain", "checkpoint");
    let started = Instant::now();
    server.psql("plain", &format!("begin;{copies}commit"));
    let seconds = started.elapsed().as_secs_f64();
    server.psql("postgres", "drop database plain");
    files.iter().for_each(|(_, file)| fs::remove_file(file).unwrap());
    seconds
}

#[test]
fn figures() {
    if std::env::var_os("PITLANE_BENCH").is_none() {
        println!("skipped: figures; set PITLANE_BENCH");
        return;
    }
    // With a disk that is waited for, as in earnest.
    let Some(server) = Server::start_with(&["max_wal_size=8GB"]) else { return };
    let dir = scratch();
    let load = || fs::read_to_string("/proc/loadavg").unwrap().split(' ').next().unwrap().to_owned();
    println!("load {}", load());
    for (name, duration) in [("small", "30m"), ("middle", "110m"), ("large", "375m")] {
        let (journal, out) = (dir.path().join(name), dir.path().join("out"));
        day(&journal, duration, &["sim.ticks_per_second=8", "journal.segment=64MiB"]);
        let (status, kib, seconds) = peak(&mut sidecar(&journal, &out));
        let rows = rows_of(&status, 0);
        let per_s = |seconds: f64| (rows as f64 / seconds) as u64;
        println!("{rows} rows: Parquet alone {} rows/s, at most {} MiB", per_s(seconds), kib / 1024);
        ends(cold(&["archive", "--date", crate::DATE, "--journal"]).arg(&journal).arg("--out").arg(&out), 0);
        fs::remove_dir_all(&out).unwrap();
        let url = server.database(name);
        let (status, kib, seconds) =
            peak(sidecar(&journal, &out).args(["--postgres", &url, "--postgres-ticks"]));
        assert_eq!((rows_of(&status, 0), rows_of(&status, 1)), (rows, rows));
        let plain = plain_copy(&server, name);
        println!(
            "{rows} rows: both, Postgres {} rows/s of plain COPY's {}: {:.2} of it, at most {} MiB; load {}",
            per_s(seconds),
            per_s(plain),
            plain / seconds,
            kib / 1024,
            load()
        );
        server.psql("postgres", &format!("drop database {name}"));
        fs::remove_dir_all(&out).unwrap();
        fs::remove_dir_all(&journal).unwrap();
    }
}
