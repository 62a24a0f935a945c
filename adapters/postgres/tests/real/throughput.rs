//! How fast rows go in, beside the server's own COPY of the same rows from files. Printed, never asserted.

use super::*;
use pitlane_rows::postgres as encoding;
use pitlane_rows::{Date, Table, Value};
use sample::sample;
use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

/// The rows as files that the server reads itself.
struct Files {
    lines: Vec<Vec<u8>>,
    parts: BTreeSet<(Table, Date)>,
    rows: u64,
}

impl RowSink for Files {
    fn append(&mut self, table: Table, row: &[Value<'_>]) {
        let Value::Date(date) = row[2] else { panic!("a row has a date") };
        self.parts.insert((table, Date(date)));
        self.rows += 1;
        encoding::row(&mut self.lines[table as usize], table, row);
    }
}

#[test]
fn rows_go_in_nearly_as_fast_as_the_server_copies_files() {
    // With a disk that is waited for, as in earnest.
    let Some(server) = Server::start_with(&["max_wal_size=4GB"]) else { return };
    let (steps, rounds) = if is_long() { (150_000, 3) } else { (25_000, 2) };
    let sample = sample(40, steps);
    let mut files = Files { lines: vec![Vec::new(); Table::ALL.len()], parts: BTreeSet::new(), rows: 0 };
    let mut projection = Projection::new(sample.context.clone());
    let started = Instant::now();
    while (projection.seq() as usize) < sample.inputs.len() {
        step(&sample, &mut projection, &mut files);
    }
    let alone = files.rows as f64 / started.elapsed().as_secs_f64();
    let mut plain = "BEGIN;".to_owned();
    for (&table, lines) in Table::ALL.iter().zip(&files.lines) {
        let (path, mut bytes) = (server.dir().join(table.name()), Vec::new());
        encoding::begin(&mut bytes);
        bytes.extend_from_slice(lines);
        encoding::end(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let from = format!("FROM '{}'", path.display());
        plain += &encoding::copy_statement(table).replace("FROM STDIN", &from);
        plain += ";";
    }
    plain += "COMMIT";
    let bytes: usize = files.lines.iter().map(Vec::len).sum();
    println!(
        "{} rows, {} MB of COPY; projected and encoded at {} rows/s",
        files.rows,
        bytes / 1_000_000,
        alone as u64
    );
    let parts = files.parts.iter().filter_map(|&(table, date)| encoding::create_partition(table, date));
    let parts: String = parts.collect();
    for round in 0..rounds {
        let name = format!("plain_{round}");
        Database::connect(&target(&server.database(&name))).unwrap().migrate().unwrap();
        server.psql(&name, &parts);
        let started = Instant::now();
        server.psql(&name, &plain);
        let plain_s = started.elapsed().as_secs_f64();
        let name = format!("sink_{round}");
        let url = server.database(&name);
        Database::connect(&target(&url)).unwrap().migrate().unwrap();
        let started = Instant::now();
        server.psql(&name, &parts);
        let parts_ms = started.elapsed().as_millis();
        let started = Instant::now();
        let rows = write_all(&sample, &url, Options::default()).unwrap();
        let sink_s = started.elapsed().as_secs_f64();
        assert_eq!(rows, files.rows);
        let per_s = |seconds: f64| (rows as f64 / seconds) as u64;
        println!(
            "sink {} rows/s, plain COPY {} rows/s: {:.2} of it; the parts of three days took {parts_ms} ms",
            per_s(sink_s),
            per_s(plain_s),
            plain_s / sink_s
        );
        let mut database = Database::connect(&target(&url)).unwrap();
        assert_eq!(database.stored().unwrap()[0].total_rows, rows);
        let started = Instant::now();
        let (tally, _) = database.tally(sample.context.journal, Tables::ALL, None).unwrap();
        println!("read back and tallied at {} rows/s", per_s(started.elapsed().as_secs_f64()));
        assert_eq!(tally.groups().values().map(|count| count.rows).sum::<u64>(), rows);
    }
}
