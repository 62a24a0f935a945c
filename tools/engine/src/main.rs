//! `engine`: runs the pipeline, shows a synthetic day, pulls the kill switch.

use clap::{Args, Parser, Subcommand};
use pitlane_session::cli::{ConfigArgs, CpuArgs};
use pitlane_session::config_cmd::{self, ConfigCommand};
use pitlane_session::doctor::{DoctorArgs, doctor};
use pitlane_session::exit::{Exit, answer, finish, usage};
use pitlane_session::{engine_card, latch, sim};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs the trading pipeline: feed, bars, strategies, risk, matcher, journal.
///
/// Exit codes: 0 ok, 1 failure, 2 usage or configuration, 3 data missing or journal in use, 5 stopped by risk or kill
/// switch, 130/143 signals.
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
    Kill(KillArgs),
    /// Show, check or explain the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check this machine for what a run needs; warnings do not fail
    Doctor(DoctorArgs),
}

#[derive(Args, Default)]
struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    cpus: CpuArgs,
    /// sim (synthetic market on virtual time) or replay (a recorded day, given with --from)
    #[arg(long)]
    mode: Option<String>,
    /// Journal to take recorded inputs from, for --mode replay
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Where to journal; default: journals/NAME, numbered
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

fn main() -> ExitCode {
    let cli = Cli::parse();
    finish(match cli.command {
        None => run(&cli.run, None, "run"),
        Some(Command::Run(args)) => run(&args, None, "run"),
        Some(Command::Demo(args)) => demo(&args),
        Some(Command::Kill(args)) => kill(&args),
        Some(Command::Config(command)) => config(&command),
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
        from: args.from.as_deref(),
        journal: args.journal.as_deref(),
        speed: args.speed.as_deref(),
        duration: args.duration.as_deref(),
        until: args.until.as_deref(),
        seed,
        name,
    };
    let done = sim::run(&request)?;
    if args.json {
        answer(&serde_json::to_string(&done.summary)?)?;
    } else {
        answer(&engine_card::render(&done))?;
    }
    Ok(done.exit)
}

fn kill(args: &KillArgs) -> anyhow::Result<Exit> {
    sim::check_is_journal(&args.journal)?;
    let now = pitlane_session::now_ist();
    latch::set(&args.journal, &format!("{now} {}", args.reason))?;
    let latch = latch::path(&args.journal);
    if args.json {
        answer(&serde_json::json!({ "schema": "kill/1", "latch": latch, "at": now }).to_string())?;
    } else {
        answer(&format!("kill switch latched: {}", latch.display()))?;
    }
    Ok(Exit::Ok)
}

fn config(command: &ConfigCommand) -> anyhow::Result<Exit> {
    let (text, exit) = config_cmd::run(command)?;
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(exit)
}

fn examine(args: &DoctorArgs) -> anyhow::Result<Exit> {
    let report = doctor(args);
    let text = if args.json { format!("{}\n", report.json()) } else { report.render() };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(report.exit())
}
