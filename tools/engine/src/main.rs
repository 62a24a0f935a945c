//! `engine`: runs the pipeline, shows a synthetic day, tells a running engine what to do.

mod archive;

use clap::{Args, Parser, Subcommand};
use pitlane_session::cli::{ConfigArgs, CpuArgs};
use pitlane_session::config_cmd::{self, ConfigCommand};
use pitlane_session::doctor::{DoctorArgs, doctor};
use pitlane_session::exit::{Exit, answer, answer_before_exit, finish, usage};
use pitlane_session::latch::Latch;
use pitlane_session::live::login;
use pitlane_session::stat::{StatArgs, stat};
use pitlane_session::warmup::WarmupArgs;
use pitlane_session::{engine_card, operator, sim};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs the trading pipeline: feed, bars, strategies, risk, matcher, journal.
///
/// A run whose process died goes on when it is started again on its journal, with the settings it was made with.
///
/// Exit codes: 0 ok, 1 failure, 2 usage or configuration, 3 data missing or damaged, journal in use, complete or of another
/// run, 4 the journal does not hold what its inputs make, 5 stopped by risk or kill switch, or not in agreement with the
/// broker, 69 the broker does not answer, 130/143 signals.
#[derive(Parser)]
#[command(name = "engine", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Run the pipeline (the default)
    Run(RunArgs),
    /// Run a synthetic day from start to end; needs no service, account or network
    Demo(DemoArgs),
    /// Latch the kill switch of a journal: the engine on it cancels, flattens and stops, and none starts on it again
    /// until it is resumed
    Kill(KillArgs),
    /// Close every position of the engine on a journal; it goes on, and opens nothing until it is resumed
    Flatten(FlattenArgs),
    /// Clear what kill, flatten or a limit has latched, for a reason that is journaled
    Resume(ResumeArgs),
    /// Turn the day's manual login at the broker into a token file: prints the page, then reads the request token, or the
    /// address with it, from standard input
    Login(LoginArgs),
    /// Show, check or explain the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Show what a run measures of itself while it runs, or measured: inputs, latencies, what took longest
    Stat(StatArgs),
    /// Check this machine for what a run needs; warnings do not fail
    Doctor(DoctorArgs),
}

#[derive(Args, Default)]
struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    cpus: CpuArgs,
    #[command(flatten)]
    warmup: WarmupArgs,
    /// sim (synthetic market on virtual time), replay (a recorded day, given with --from), paper (the broker's live feed,
    /// no orders) or live (real orders; see docs/zerodha.md)
    #[arg(long)]
    mode: Option<String>,
    /// Journal to take recorded inputs from, for --mode replay
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// The broker's instrument dump, .gz too: tokens, lots and ticks of the configured symbols are taken from it
    #[arg(long, value_name = "FILE")]
    instruments: Option<PathBuf>,
    /// Where to journal; a run that was cut short there goes on; default: journals/NAME, numbered
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Pace of virtual time: max, real, or x10 and the like
    #[arg(long)]
    speed: Option<String>,
    /// How long to run, in the session's time from its open, such as 30m
    #[arg(long)]
    duration: Option<String>,
    /// Session time at which to stop, as HH:MM
    #[arg(long, value_name = "HH:MM")]
    until: Option<String>,
    /// Print one JSON object (engine-summary/1) on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct DemoArgs {
    /// Seed of the synthetic day
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Args)]
struct LoginArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// File with the request token or the address; default: standard input
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Print one JSON object (login/1) on stdout; the token is not in it
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct KillArgs {
    /// The journal of the engine to stop
    #[arg(long, value_name = "DIR")]
    journal: PathBuf,
    /// Why; it is kept in the latch
    #[arg(long, default_value = "engine kill")]
    reason: String,
    /// Print one JSON object (kill/1) on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct FlattenArgs {
    /// The journal of the engine
    #[arg(long, value_name = "DIR")]
    journal: PathBuf,
    /// Why; it is kept in the latch and journaled
    #[arg(long, default_value = "engine flatten")]
    reason: String,
    /// Print one JSON object (flatten/1) on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ResumeArgs {
    /// The journal of the engine, or of the next one
    #[arg(long, value_name = "DIR")]
    journal: PathBuf,
    /// What was found and done; it is journaled, and may not be empty
    #[arg(long)]
    reason: String,
    /// Print one JSON object (resume/1) on stdout
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    finish(match cli.command {
        None => run(&cli.run, None, "run"),
        Some(Command::Run(args)) => run(&args, None, "run"),
        Some(Command::Demo(args)) => demo(&args),
        Some(Command::Kill(args)) => latched(&args.journal, Latch::Kill, &args.reason, args.json),
        Some(Command::Flatten(args)) => latched(&args.journal, Latch::Flatten, &args.reason, args.json),
        Some(Command::Resume(args)) => resume(&args),
        Some(Command::Login(args)) => login(&args),
        Some(Command::Config(command)) => config(&command),
        Some(Command::Stat(args)) => stat(&args),
        Some(Command::Doctor(args)) => examine(&args),
    })
}

fn demo(args: &DemoArgs) -> anyhow::Result<Exit> {
    if args.run.mode.is_some() || args.run.from.is_some() {
        return Err(usage("demo is a synthetic day; leave out --mode and --from"));
    }
    run(&args.run, args.seed, "demo")
}

fn run(args: &RunArgs, seed: Option<u64>, name: &str) -> anyhow::Result<Exit> {
    let request = sim::Request {
        config: &args.config,
        cpus: &args.cpus,
        mode: args.mode.as_deref(),
        warmup: &args.warmup,
        from: args.from.as_deref(),
        instruments: args.instruments.as_deref(),
        journal: args.journal.as_deref(),
        speed: args.speed.as_deref(),
        duration: args.duration.as_deref(),
        until: args.until.as_deref(),
        seed,
        name,
    };
    let done = sim::run(&request)?;
    let text = if args.json { serde_json::to_string(&done.summary)? } else { engine_card::render(&done) };
    answer_before_exit(&text)?;
    match done.summary.journal.as_deref().filter(|_| name == "demo" && done.exit == Exit::Ok) {
        Some(journal) => Ok(archive::after_demo(journal)),
        None => Ok(done.exit),
    }
}

fn login(args: &LoginArgs) -> anyhow::Result<Exit> {
    let done = login::login(&args.config, args.from.as_deref())?;
    answer(&if args.json { done.json.to_string() } else { done.text })?;
    Ok(Exit::Ok)
}

fn latched(journal: &Path, latch: Latch, reason: &str, json: bool) -> anyhow::Result<Exit> {
    sim::check_is_journal(journal)?;
    said(&operator::set(journal, latch, reason)?, json)
}

fn resume(args: &ResumeArgs) -> anyhow::Result<Exit> {
    sim::check_is_journal(&args.journal)?;
    said(&operator::resume(&args.journal, &args.reason)?, args.json)
}

fn said(said: &operator::Said, json: bool) -> anyhow::Result<Exit> {
    if json {
        answer(&said.json.to_string())?;
    } else {
        answer(&said.text)?;
    }
    Ok(Exit::Ok)
}

fn config(command: &ConfigCommand) -> anyhow::Result<Exit> {
    let (text, exit) = config_cmd::run(command)?;
    answer_before_exit(&text)?;
    Ok(exit)
}

fn examine(args: &DoctorArgs) -> anyhow::Result<Exit> {
    let report = doctor(args);
    let text = if args.json { report.json().to_string() } else { report.render() };
    answer_before_exit(&text)?;
    Ok(report.exit())
}
