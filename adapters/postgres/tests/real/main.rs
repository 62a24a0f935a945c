//! Against a real server: what is in the database is what the journal says, whatever is cut off or killed when.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod away;
mod cuts;
mod failures;
#[allow(dead_code, unreachable_pub, reason = "a module of another package, which uses the rest")]
#[path = "../../../../tests/src/postgres_proxy.rs"]
mod proxy;
#[path = "../../../rows/src/tests/sample.rs"]
mod sample;
mod schema;
#[path = "../../../../tests/src/postgres.rs"]
#[allow(dead_code, unreachable_pub, reason = "a module of another package, which uses the rest")]
mod server;
mod throughput;
mod values;

use pitlane_postgres::{Committed, Database, Options, PgError, Sink, Target};
use pitlane_rows::{Context, Offset, Projection, RowSink, Tables, Tally, Uuid};
use sample::Sample;
use server::Server;
use std::sync::OnceLock;

/// The server of the tests that do not stop it; `None` where PostgreSQL is not installed.
fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(Server::start).as_ref()
}

/// Whether the long campaigns run.
fn is_long() -> bool {
    std::env::var("PITLANE_LONG").is_ok_and(|long| !long.is_empty())
}

fn target(url: &str) -> Target {
    Target::argument(url, "the test").unwrap()
}

/// Hands the projection its next step.
fn step(sample: &Sample, projection: &mut Projection, sink: &mut dyn RowSink) {
    let Offset { seq, outputs } = projection.offset();
    let input = &sample.inputs[seq as usize];
    projection.input(input, sink).unwrap();
    let caused = sample.outputs[outputs as usize..].iter();
    for output in caused.take_while(|output| output.header.seq == input.header.seq) {
        projection.output(output, sink).unwrap();
    }
    projection.end_step(sink);
}

/// What the whole journal comes to.
fn tally_of(sample: &Sample) -> Tally {
    let mut projection = Projection::new(sample.context.clone());
    let mut tally = Tally::new();
    while (projection.seq() as usize) < sample.inputs.len() {
        step(sample, &mut projection, &mut tally);
    }
    tally
}

/// Small batches: many commits to be hit.
fn small(batch_rows: u64) -> Options {
    Options { batch_rows, ..Options::default() }
}

/// How a test commits.
type Commit<'a> = dyn FnMut(&mut Sink, &mut Projection) -> Result<Option<Committed>, PgError> + 'a;

/// Goes through the journal to its end; `commit` says what to do with an error: nothing but trying again, or failing.
fn write(
    sample: &Sample,
    sink: &mut Sink,
    projection: &mut Projection,
    commit: &mut Commit<'_>,
) -> Result<(), PgError> {
    while (projection.seq() as usize) < sample.inputs.len() {
        step(sample, projection, sink);
        if sink.is_due(projection) {
            commit(sink, projection)?;
        }
    }
    commit(sink, projection)?;
    Ok(())
}

/// The whole journal, undisturbed.
fn write_all(sample: &Sample, url: &str, options: Options) -> Result<u64, PgError> {
    let opened = Sink::open(&target(url), sample.context.clone(), options)?;
    let (mut sink, mut projection) = (opened.sink, opened.projection);
    write(sample, &mut sink, &mut projection, &mut |sink, projection| sink.commit(projection))?;
    Ok(sink.total_rows())
}

/// Compares what is in the database with the projection; how many rows there are.
fn check(sample: &Sample, expected: &Tally, url: &str) -> u64 {
    let mut database = Database::connect(&target(url)).unwrap();
    let (found, stored) = database.tally(sample.context.journal, Tables::ALL, None).unwrap();
    let differences = expected.differences(&found);
    assert!(differences.is_empty(), "{} groups differ, first {:?}", differences.len(), differences[0]);
    let rows = expected.groups().values().map(|count| count.rows).sum();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].total_rows, rows, "the sink's own count");
    let whole = Offset { seq: sample.inputs.len() as u64, outputs: sample.outputs.len() as u64 };
    assert_eq!(stored[0].offset, whole);
    rows
}

/// Empties the tables, for another round.
fn clear(server: &Server, database: &str) {
    let names: Vec<&str> = pitlane_rows::Table::ALL.iter().map(|table| table.name()).collect();
    server.psql(database, &format!("TRUNCATE sink_offset, {}", names.join(", ")));
}
