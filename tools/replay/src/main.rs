//! `journal-replay`: proves recorded runs, runs recorded days anew, imports and exports.

use clap::{Args, Parser, Subcommand};
use pitlane_report::ReportArgs;
use pitlane_session::audit::{AuditArgs, audit};
use pitlane_session::cli::{ConfigArgs, CpuArgs};
use pitlane_session::diff::{DiffArgs, diff};
use pitlane_session::dump::{DumpArgs, TailArgs, dump, tail};
use pitlane_session::exit::{Exit, answer, answer_before_exit, finish, tell, usage};
use pitlane_session::export::{What, export};
use pitlane_session::grep::{GrepArgs, grep};
use pitlane_session::mirror::{MirrorArgs, mirror};
use pitlane_session::repair::{RepairArgs, repair};
use pitlane_session::retain::{RetainArgs, retain};
use pitlane_session::warmup::WarmupArgs;
use pitlane_session::{import, info, latency_cmd, replay_card, sim, verify, whatif};
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::ExitCode;

/// Replays journals: the same inputs give the same outputs, byte for byte.
///
/// Exit codes: 0 ok, 1 failure, 2 usage or configuration, 3 data missing or corrupt, 4 recorded and recomputed differ,
/// 130/143 signals.
#[derive(Parser)]
#[command(name = "journal-replay", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a journal's inputs again and compare every output with the recorded one
    Verify(VerifyArgs),
    /// Run recorded days anew as one run, with other strategies, risk, sizing, charges, latency or fill models
    Whatif(WhatifArgs),
    /// Say what a journal holds
    Info(InfoArgs),
    /// Make a journal from other data
    Import(ImportArgs),
    /// Write bars, fills, ticks, signals, orders or charges as CSV
    Export(ExportArgs),
    /// Print every event, one line each
    Dump(DumpArgs),
    /// Follow a journal that is being written, until it is sealed or Ctrl-C
    Tail(TailArgs),
    /// Print the events that match, such as those of one order
    Grep(GrepArgs),
    /// Compare two runs, such as a day with a what-if run over it; exit code 4 if they differ
    Diff(DiffArgs),
    /// Look for strategies that know the future, or depend on how long they were warmed up; exit code 4 if one does
    Audit(AuditArgs),
    /// Say what one or many recorded days came to: text, JSON, one HTML page
    Report(ReportArgs),
    /// Run recorded days with many sets of parameters, rank the sets, and say how likely the best is luck
    #[command(disable_help_flag = true)]
    Sweep(SweepArgs),
    /// Print how long a day's orders waited for their first report, as a latency model to paste into a configuration
    Latency(LatencyArgs),
    /// Make a journal that a crash left end in order, or name its damage; writes only with --yes
    Repair(RepairArgs),
    /// Make a second copy of a closed journal, or bring one up to date; `repair --mirror` mends either from the other
    Mirror(MirrorArgs),
    /// Remove the oldest segments that no restart, no reader and no archive needs; --dry-run says which, and what holds
    /// the rest
    Retain(RetainArgs),
}

#[derive(Args)]
struct VerifyArgs {
    /// The journal
    dir: PathBuf,
    /// Compare from this input on, beginning with the newest snapshot before it: a seq, a time in RFC 3339, or HH:MM or
    /// HH:MM:SS in Indian time on the first session's date
    #[arg(long, value_name = "SEQ|TIME")]
    from: Option<String>,
    /// Last input to be compared, written as for --from
    #[arg(long, value_name = "SEQ|TIME")]
    to: Option<String>,
    /// Print one JSON object (replay-summary/1) on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct WhatifArgs {
    /// The recorded journals, in any order: their days are run in date order, with capital, overnight positions and
    /// indicators carried from one to the next
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// Where to write the journal of the new run; default: nowhere
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    cpus: CpuArgs,
    #[command(flatten)]
    warmup: WarmupArgs,
    /// Change a strategy: ID.KEY=VALUE, such as ema.params.fast=5; short for --set strategies.ID.KEY=VALUE
    #[arg(long, value_name = "ID.KEY=VALUE")]
    strategy: Vec<String>,
    /// Change a limit: KEY=VALUE, such as daily_loss=1%; short for --set risk.KEY=VALUE
    #[arg(long, value_name = "KEY=VALUE")]
    risk: Vec<String>,
    /// Least latency of the venue, such as 5ms; short for --set venue.latency_min=
    #[arg(long, value_name = "DURATION")]
    latency: Option<String>,
    /// Pace of virtual time: max, real, or x10 and the like
    #[arg(long, default_value = "max")]
    speed: String,
    /// Print one JSON object (replay-summary/1) on stdout
    #[arg(long)]
    json: bool,
}

/// Handed on as they are: `journal-replay-sweep` reads them.
#[derive(Args)]
struct SweepArgs {
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "DIR, --grid KEY=V1,V2, --out DIR, --help"
    )]
    args: Vec<OsString>,
}

#[derive(Args)]
struct InfoArgs {
    /// The journal
    dir: PathBuf,
    /// Print one JSON object (journal-info/1) on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct LatencyArgs {
    /// The journal
    dir: PathBuf,
    /// Print one JSON object (journal-latency/1) on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ImportArgs {
    /// What the files are: tick-csv (rows timestamp,ltp,volume), kite-csv (rows timestamp,token,ltp) or bar-csv (candles:
    /// `date,open,high,low,close,volume[,oi]`, or with a header); IST, .gz too
    format: String,
    /// For tick-csv and bar-csv SYMBOL=FILE, such as NSE:RELIANCE=ticks.csv.gz, for kite-csv FILE; several are merged by
    /// time, ties in this order
    #[arg(required = true, value_name = "[SYMBOL=]FILE")]
    files: Vec<String>,
    /// The broker's instrument dump, or a list symbol,token,strike,expiry,option_type,lot_size; .gz too. It names tokens
    /// and gives lots and ticks, before the configuration's instruments
    #[arg(long, value_name = "FILE")]
    instruments: Option<PathBuf>,
    /// bar-csv: period of the candles, 1m to 60m; default: 1m
    #[arg(long, value_name = "PERIOD")]
    timeframe: Option<String>,
    /// bar-csv: the order in which a candle's prices become ticks: fixed (open, high, low, close), inverse (open, low, high,
    /// close) or adaptive (the extreme nearer the open first); default: fixed
    #[arg(long, value_name = "ORDER")]
    path: Option<String>,
    /// Where to write the journal
    #[arg(long, value_name = "DIR")]
    journal: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
    /// Print one JSON object (import-summary/1) on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ExportArgs {
    /// bars, fills, ticks, signals, orders or charges
    what: String,
    /// The journal
    dir: PathBuf,
    /// Period of the bars: 1s, 1m, 3m, 5m, 15m, 30m, 60m, day
    #[arg(long, default_value = "1m")]
    timeframe: String,
    /// Where to write; default: stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object (export-summary/1) on stdout; needs --out, because the rows go to stdout otherwise
    #[arg(long, requires = "out")]
    json: bool,
}

fn main() -> ExitCode {
    finish(match Cli::parse().command {
        Command::Verify(args) => run_verify(&args),
        Command::Whatif(args) => run_whatif(&args),
        Command::Info(args) => run_info(&args),
        Command::Import(args) => run_import(&args),
        Command::Export(args) => run_export(&args),
        Command::Dump(args) => run_dump(&args),
        Command::Tail(args) => run_tail(&args),
        Command::Grep(args) => run_grep(&args),
        Command::Diff(args) => run_diff(&args),
        Command::Audit(args) => run_audit(&args),
        Command::Report(args) => pitlane_report::run(&args).map(|()| Exit::Ok),
        Command::Sweep(args) => run_sweep(&args),
        Command::Latency(args) => run_latency(&args),
        Command::Repair(args) => run_repair(&args),
        Command::Mirror(args) => run_mirror(&args),
        Command::Retain(args) => run_retain(&args),
    })
}

fn run_verify(args: &VerifyArgs) -> anyhow::Result<Exit> {
    sim::check_is_journal(&args.dir)?;
    let range = verify::Range { from: args.from.as_deref(), to: args.to.as_deref() };
    let verified = verify::verify_range(&args.dir, range)?;
    if args.json {
        answer_before_exit(&verified.json().to_string())?;
    } else {
        answer_before_exit(&replay_card::verified(&verified))?;
    }
    Ok(if verified.identical == Some(false) { Exit::Divergence } else { Exit::Ok })
}

fn run_whatif(args: &WhatifArgs) -> anyhow::Result<Exit> {
    let mut config = args.config.clone();
    config.set.extend(args.strategy.iter().map(|change| format!("strategies.{change}")));
    config.set.extend(args.risk.iter().map(|change| format!("risk.{change}")));
    config.set.extend(args.latency.iter().map(|latency| format!("venue.latency_min={latency}")));
    let done =
        whatif::whatif(&args.dirs, args.out.as_deref(), &config, &args.cpus, &args.speed, &args.warmup)?;
    if args.json {
        answer_before_exit(&replay_card::whatif_json(&done).to_string())?;
    } else {
        answer_before_exit(&replay_card::whatif(&done))?;
    }
    Ok(done.finished.signalled.unwrap_or(Exit::Ok))
}

/// Becomes the program beside this one: it writes Parquet, which nothing else here needs.
fn run_sweep(args: &SweepArgs) -> anyhow::Result<Exit> {
    let program = std::env::current_exe()?.with_file_name("journal-replay-sweep");
    let error = std::process::Command::new(&program).args(&args.args).exec();
    Err(anyhow::anyhow!(
        "cannot start {}: {error}; it is built and installed with journal-replay: `cargo build --release`",
        program.display()
    ))
}

fn run_info(args: &InfoArgs) -> anyhow::Result<Exit> {
    sim::check_is_journal(&args.dir)?;
    let info = info::info(&args.dir)?;
    if args.json {
        answer_before_exit(&info.json().to_string())?;
    } else {
        answer_before_exit(&info.render())?;
    }
    Ok(if info.is_damaged() { Exit::Data } else { Exit::Ok })
}

fn run_import(args: &ImportArgs) -> anyhow::Result<Exit> {
    let ImportArgs { format, files, journal, config, instruments, .. } = args;
    let request = import::Request { journal, config, instruments: instruments.as_deref() };
    if format != "bar-csv" && (args.timeframe.is_some() || args.path.is_some()) {
        return Err(usage(format!("import: --timeframe and --path belong to bar-csv, not to {format}")));
    }
    let done = match format.as_str() {
        "tick-csv" => request.tick_csv(files)?,
        "kite-csv" => request.kite_csv(&files.iter().map(PathBuf::from).collect::<Vec<_>>())?,
        "bar-csv" => request.bar_csv(
            files,
            args.timeframe.as_deref().unwrap_or("1m"),
            args.path.as_deref().unwrap_or("fixed"),
        )?,
        _ => {
            return Err(usage(format!(
                "import: `{format}` is not a known format; known are tick-csv, kite-csv and bar-csv"
            )));
        }
    };
    if args.json {
        answer(&done.json().to_string())?;
    } else {
        answer(&done.render())?;
    }
    Ok(Exit::Ok)
}

fn run_export(args: &ExportArgs) -> anyhow::Result<Exit> {
    sim::check_is_journal(&args.dir)?;
    let what = What::parse(&args.what, &args.timeframe)?;
    match &args.out {
        Some(path) => {
            // Under another name until it is whole: a script must not take a part for the whole.
            let part = path.with_extension("part");
            let failed = |error: std::io::Error| usage(format!("cannot write {}: {error}", path.display()));
            let file = std::fs::File::create(&part).map_err(failed)?;
            let rows = export(&args.dir, what, std::io::BufWriter::new(file));
            if rows.is_err() {
                // The first error is the one to report.
                drop(std::fs::remove_file(&part));
            }
            let rows = rows?;
            std::fs::rename(&part, path).map_err(failed)?;
            if args.json {
                answer(
                    &serde_json::json!({ "schema": "export-summary/1", "rows": rows, "file": path })
                        .to_string(),
                )?;
            } else {
                tell(&format!("{rows} rows in {}", path.display()));
            }
        }
        None => {
            export(&args.dir, what, std::io::stdout().lock())?;
        }
    }
    Ok(Exit::Ok)
}

fn run_dump(args: &DumpArgs) -> anyhow::Result<Exit> {
    sim::check_is_journal(&args.dir)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let dumped = dump(args, &mut out);
    flushed(&mut out, dumped.map(|_| Exit::Ok))
}

fn run_tail(args: &TailArgs) -> anyhow::Result<Exit> {
    sim::check_is_journal(&args.dir)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let ended = tail(args, &mut out);
    flushed(&mut out, ended)
}

fn run_grep(args: &GrepArgs) -> anyhow::Result<Exit> {
    sim::check_is_journal(&args.dir)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let matched = grep(args, &mut out);
    flushed(&mut out, matched.map(|_| Exit::Ok))
}

/// Shows what was read before a damaged place, and then gives the error: that nobody reads the one does not hide the other.
fn flushed(out: &mut impl Write, ended: anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    let flushed = out.flush();
    let exit = ended?;
    flushed?;
    Ok(exit)
}

fn run_diff(args: &DiffArgs) -> anyhow::Result<Exit> {
    sim::check_is_journal(&args.a)?;
    sim::check_is_journal(&args.b)?;
    let compared = diff(args)?;
    answer_before_exit(&if args.json { compared.json().to_string() } else { compared.render() })?;
    Ok(if compared.identical() { Exit::Ok } else { Exit::Divergence })
}

fn run_audit(args: &AuditArgs) -> anyhow::Result<Exit> {
    sim::check_is_journal(&args.dir)?;
    let audited = audit(args)?;
    answer_before_exit(&if args.json { audited.json().to_string() } else { audited.render() })?;
    Ok(if audited.passed() { Exit::Ok } else { Exit::Divergence })
}

fn run_latency(args: &LatencyArgs) -> anyhow::Result<Exit> {
    sim::check_is_journal(&args.dir)?;
    let measured = latency_cmd::measure(&args.dir)?;
    answer(&if args.json { measured.json().to_string() } else { measured.render() })?;
    Ok(Exit::Ok)
}

fn run_repair(args: &RepairArgs) -> anyhow::Result<Exit> {
    sim::check_is_journal(&args.dir)?;
    let repaired = repair(args)?;
    answer_before_exit(&if args.json { repaired.json().to_string() } else { repaired.render() })?;
    Ok(repaired.exit())
}

fn run_mirror(args: &MirrorArgs) -> anyhow::Result<Exit> {
    sim::check_is_journal(&args.dir)?;
    let mirrored = mirror(args)?;
    answer(&if args.json { mirrored.json().to_string() } else { mirrored.render() })?;
    Ok(Exit::Ok)
}

fn run_retain(args: &RetainArgs) -> anyhow::Result<Exit> {
    sim::check_is_journal(&args.dir)?;
    let retention = retain(args)?;
    answer(&if args.json { retention.json().to_string() } else { retention.render() })?;
    Ok(Exit::Ok)
}
