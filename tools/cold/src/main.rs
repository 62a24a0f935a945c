//! `cold-path`: archives journals, proves the archive, and answers from it.

use clap::parser::ArgMatches;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use pitlane_cold::archive::{self, BackfillArgs, JobOfDay, VerifyArgs};
use pitlane_cold::args::Configured;
use pitlane_cold::query::{self, QueryArgs};
use pitlane_cold::recon::{self, ReconArgs};
use pitlane_cold::restore::{self, RestoreArgs};
use pitlane_cold::run::{self, RunArgs};
use pitlane_cold::status::{self, StatusArgs};
use pitlane_session::cli::ConfigArgs;
use pitlane_session::exit::{Exit, finish};
use std::path::PathBuf;
use std::process::ExitCode;

/// Archives journals: their rows as Parquet files, and in PostgreSQL when one is named; their segments compressed. Proves
/// that all have the same, restores, and answers questions.
///
/// Exit codes: 0 ok, 1 failure, 2 usage or configuration, 3 data missing or damaged, or held by another process, 4 the stores
/// do not have the same, 69 the database is down, 130/143 signals.
#[derive(Parser)]
#[command(name = "cold-path", version)]
struct Cli {
    /// Configuration file in TOML, of which [archive] counts here; may be given several times, later files win
    #[arg(long, value_name = "FILE", global = true)]
    config: Vec<PathBuf>,
    /// One setting, such as archive.dir=/data/archive; wins over files and environment, and a flag over it
    #[arg(long, value_name = "KEY=VALUE", global = true)]
    set: Vec<String>,
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
    let flags = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&flags).unwrap_or_else(|error| error.exit());
    finish(obey(cli, &flags))
}

fn obey(cli: Cli, flags: &ArgMatches) -> anyhow::Result<Exit> {
    let settings = ConfigArgs { config: cli.config, set: cli.set }.load()?.archive;
    let (_, flags) = flags.subcommand().expect("clap asks for a subcommand");
    let configured = Configured { settings: &settings, flags };
    match cli.command {
        Command::Run(mut args) => {
            args.configure(&configured);
            run::run(&args)
        }
        Command::Status(mut args) => {
            args.configure(&configured);
            status::run(&args)
        }
        Command::Archive(mut args) => {
            args.job.configure(&configured);
            archive::archive(&args)
        }
        Command::Verify(mut args) => {
            args.configure(&configured);
            archive::verify(&args)
        }
        Command::Restore(mut args) => {
            args.configure(&configured);
            restore::run(&args)
        }
        Command::Backfill(mut args) => {
            args.job.configure(&configured);
            archive::backfill(&args)
        }
        // It compares what it is given: an archive or journals.
        Command::Recon(args) => recon::run(&args),
        Command::Query(mut args) => {
            args.configure(&configured);
            query::run(&args)
        }
    }
}
