//! `book-check`: real order flow through the product's own book, scored against what really happened.

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use pitlane_book_check::report::Report;
use pitlane_book_check::{dbn, input, lobster, quantcup};
use pitlane_session::exit::{Exit, answer_before_exit, finish, tell};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Runs recorded order flow of real exchanges through the product's own book and scores it.
///
/// Files may be plain, .gz, .zst or in a .zip. Exit codes: 0 ok, 1 failure, 2 usage, 3 data missing or corrupt, 4 a row was
/// not exact or an execution not at the best price, 130/143 signals.
#[derive(Parser)]
#[command(name = "book-check", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// NASDAQ messages and the book after each, as LOBSTER writes them
    Lobster(LobsterArgs),
    /// A stream of limit orders and cancels: trader_id,side,price,qty
    Quantcup(QuantcupArgs),
    /// Order-by-order records in Databento's encoding
    Dbn(DbnArgs),
}

#[derive(Args)]
struct LobsterArgs {
    /// The messages: time,type,id,size,price,direction; of a .zip the file whose name contains `message`
    #[arg(long, value_name = "FILE")]
    messages: PathBuf,
    /// The book after each message; of a .zip, which may be the same, the file whose name contains `orderbook`
    #[arg(long, value_name = "FILE")]
    book: PathBuf,
    /// Print one JSON object (book-check/1) on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct QuantcupArgs {
    /// The orders
    #[arg(long, value_name = "FILE")]
    orders: PathBuf,
    /// Where to write the fills as CSV: msg,taker_id,maker_id,price,qty; msg is the row, from zero
    #[arg(long, value_name = "FILE")]
    fills: Option<PathBuf>,
    /// Print one JSON object (book-check/1) on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct DbnArgs {
    /// The file
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object (book-check/1) on stdout
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    finish(run(Cli::parse().command))
}

fn run(command: Command) -> anyhow::Result<Exit> {
    let start = Instant::now();
    let (report, json) = match command {
        Command::Lobster(args) => {
            let report = input::open(&args.messages, "message", |messages| {
                input::open(&args.book, "orderbook", |rows| lobster::score(messages, rows))
            });
            (report?, args.json)
        }
        Command::Quantcup(args) => (quantcup(&args.orders, args.fills.as_deref())?, args.json),
        Command::Dbn(args) => (input::open(&args.file, "dbn", dbn::score)?, args.json),
    };
    let report = Report { wall_s: start.elapsed().as_secs_f64(), ..report };
    answer_before_exit(&if json { serde_json::to_string(&report)? } else { report.text() })?;
    let Some(failure) = report.failure() else { return Ok(Exit::Ok) };
    tell(&format!("book-check: {failure}"));
    Ok(Exit::Divergence)
}

fn quantcup(orders: &Path, fills: Option<&Path>) -> anyhow::Result<Report> {
    input::open(orders, "", |orders| {
        let Some(path) = fills else { return quantcup::score(orders, None) };
        let file = File::create(path);
        let file = file.with_context(|| format!("cannot write {}; check the path", path.display()))?;
        let mut out = BufWriter::new(file);
        let report = quantcup::score(orders, Some(&mut out))?;
        out.flush().with_context(|| format!("cannot write {}; check the space there", path.display()))?;
        Ok(report)
    })
}
