//! `cold-path`: archives journals, proves the archive, and answers from it.

use clap::{Parser, Subcommand};
use pitlane_cold::archive::{self, BackfillArgs, JobOfDay, VerifyArgs};
use pitlane_cold::query::{self, QueryArgs};
use pitlane_cold::recon::{self, ReconArgs};
use pitlane_cold::restore::{self, RestoreArgs};
use pitlane_cold::run::{self, RunArgs};
use pitlane_cold::status::{self, StatusArgs};
use pitlane_session::exit::finish;
use std::process::ExitCode;

/// Archives journals: their rows as Parquet files, and in PostgreSQL when one is named; their segments compressed. Proves
/// that all have the same, restores, and answers questions.
///
/// Exit codes: 0 ok, 1 failure, 2 usage or configuration, 3 data missing or damaged, or held by another process, 4 the stores
/// do not have the same, 69 the database is down, 130/143 signals.
#[derive(Parser)]
#[command(name = "cold-path", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Follow a journal while it is written, and keep its rows; ends when the journal does
    Run(RunArgs),
    /// Say how far the sidecars of an archive are
    Status(StatusArgs),
    /// The nightly job: write what is missing of a day, compare journal, Parquet files and database, copy the journal's
    /// segments, report; exit code 4 on any difference. Running it again is harmless
    Archive(JobOfDay),
    /// Compare journal, Parquet files and database of a day, and write nothing; exit code 4 on any difference
    Verify(VerifyArgs),
    /// Make an archived journal a journal again, byte for byte, or fill a database with its rows
    Restore(RestoreArgs),
    /// Archive several days, of whatever journals there are
    Backfill(BackfillArgs),
    /// Compare own minutes with those of another source
    Recon(ReconArgs),
    /// Answer SQL over the archive
    Query(QueryArgs),
}

fn main() -> ExitCode {
    finish(match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Archive(args) => archive::archive(&args),
        Command::Verify(args) => archive::verify(&args),
        Command::Restore(args) => restore::run(&args),
        Command::Backfill(args) => archive::backfill(&args),
        Command::Recon(args) => recon::run(&args),
        Command::Query(args) => query::run(&args),
    })
}
