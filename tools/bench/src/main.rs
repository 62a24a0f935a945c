//! `latency-bench`: measures, compares, reports.

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use pitlane_config::parse_duration_ns;
use pitlane_latency_bench::compare::{Gate, compare};
use pitlane_latency_bench::day::Market;
use pitlane_latency_bench::output::next_dir;
use pitlane_latency_bench::rate::Rate;
use pitlane_latency_bench::report::page;
use pitlane_latency_bench::result::ResultFile;
use pitlane_latency_bench::run::{Plan, Seats, journal_dir, run};
use pitlane_latency_bench::scenario::Scenario;
use pitlane_latency_bench::table;
use pitlane_session::cli::{ConfigArgs, CpuArgs};
use pitlane_session::exit::{Exit, answer, answer_before_exit, finish, usage};
use pitlane_session::import::ticks;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures latency in an open loop: from when an operation was meant to start, not from when it could.
///
/// Exit codes: 0 ok, 1 failure, 2 usage or configuration, 3 a result is missing or damaged, 4 a gate failed, 130/143 signals.
#[derive(Parser)]
#[command(name = "latency-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure scenarios (default: all) and write .hgrm, .hlog, a plot and result.json
    Run(Box<RunArgs>),
    /// Compare two results; exit code 4 if a gate fails
    Compare(CompareArgs),
    /// Make one page of several results
    Report(ReportArgs),
    /// List the scenarios
    List(ListArgs),
}

#[derive(Args)]
struct RunArgs {
    /// Scenarios; see `list`
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<String>,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    cpus: CpuArgs,
    /// Recorded ticks in place of the synthetic market, as `journal-replay import` takes them: SYMBOL=FILE with rows
    /// timestamp,ltp,volume, or FILE with rows timestamp,token,ltp; may be given several times
    #[arg(long, value_name = "[SYMBOL=]FILE", num_args = 1..)]
    ticks: Vec<String>,
    /// The broker's instrument dump, which names their tokens
    #[arg(long, value_name = "FILE", requires = "ticks")]
    instruments: Option<PathBuf>,
    /// Rates such as 10k,100k,1M,max; default: a ladder that suits the scenario
    #[arg(long, value_name = "LIST")]
    rate: Option<String>,
    /// How long each rate is measured
    #[arg(long, default_value = "10s")]
    duration: String,
    /// How long each rate runs before that
    #[arg(long, default_value = "1s")]
    warmup: String,
    /// Where results go, in place of an earlier run's; default: latency/run-N
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where the scenario `journal` writes, up to 1.5 GiB at a time; default: memory
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Print the result (latency-result/1) on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct CompareArgs {
    /// The result to compare with: a directory or a result.json
    base: PathBuf,
    /// The result that is judged
    new: PathBuf,
    /// A change that fails, such as p99.9>+10%, achieved<-5% or p99>2us; may be given several times
    #[arg(long, value_name = "GATE")]
    fail_if: Vec<String>,
    /// Print one JSON object (latency-compare/1) on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ReportArgs {
    /// Results: directories or result.json files
    #[arg(required = true)]
    results: Vec<PathBuf>,
    /// The page
    #[arg(long, value_name = "FILE", default_value = "latency.html")]
    out: PathBuf,
    /// Print one JSON object (latency-report/1) on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ListArgs {
    /// Print one JSON object (latency-scenarios/1) on stdout
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    finish(match cli.command {
        Command::Run(args) => measure(&args),
        Command::Compare(args) => judge(&args),
        Command::Report(args) => report(&args),
        Command::List(args) => list(&args),
    })
}

/// The shortest and the longest measurement of a rate, in nanoseconds: 50 ms, an hour.
const DURATION_NS: std::ops::RangeInclusive<u64> = 50_000_000..=3_600_000_000_000;

fn measure(args: &RunArgs) -> anyhow::Result<Exit> {
    let settings = args.config.load()?;
    let ladder = args.rate.as_deref().map(Rate::parse_ladder).transpose()?.unwrap_or_default();
    let time = |flag: &str, text: &str| {
        parse_duration_ns(text).with_context(|| format!("{flag}: `{text}` is no time such as 10s or 500ms"))
    };
    let times_ns = (time("--warmup", &args.warmup)?, time("--duration", &args.duration)?);
    if !DURATION_NS.contains(&times_ns.1) || times_ns.0 > *DURATION_NS.end() {
        return Err(usage("--duration is 50ms to 1h, --warmup at most 1h"));
    }
    let seats = Seats::new(&args.cpus, &settings)?;
    let scenarios = scenarios(&args.scenarios, seats.measured.len())?;
    let out = args.out.clone().unwrap_or_else(next_dir);
    let journal = args.journal.clone().unwrap_or_else(journal_dir);
    let plan = Plan { scenarios, ladder, times_ns, out, journal, seats };
    let market = match args.ticks.is_empty() {
        true => Market::Synthetic(Box::new(settings)),
        false => Market::Recorded(Box::new(ticks(&args.ticks, &args.config, args.instruments.as_deref())?)),
    };
    let (result, exit) = run(&plan, market)?;
    if args.json {
        answer_before_exit(&serde_json::to_string(&result)?)?;
    } else {
        answer_before_exit(&format!("{}\nresults {}", table::render(&result), plan.out.display()))?;
    }
    Ok(exit)
}

/// The scenarios asked for, each once; all that the cpus allow if none is.
fn scenarios(names: &[String], cpus: usize) -> anyhow::Result<Vec<Scenario>> {
    let mut scenarios = Vec::new();
    for name in names {
        let scenario = Scenario::parse(name)?;
        if scenario == Scenario::PipelineSplit && cpus < 2 {
            return Err(usage("pipeline-split: give 2 to 5 cpus with --cpu-set, a thread for each"));
        }
        if !scenarios.contains(&scenario) {
            scenarios.push(scenario);
        }
    }
    if scenarios.is_empty() {
        let all = Scenario::ALL.iter().map(|(scenario, ..)| *scenario);
        scenarios.extend(all.filter(|scenario| *scenario != Scenario::PipelineSplit || cpus >= 2));
    }
    Ok(scenarios)
}

fn judge(args: &CompareArgs) -> anyhow::Result<Exit> {
    let mut gates = Vec::new();
    for text in &args.fail_if {
        gates.extend(Gate::parse(text)?);
    }
    let comparison = compare(&ResultFile::read(&args.base)?, &ResultFile::read(&args.new)?, &gates)?;
    if args.json {
        answer_before_exit(&serde_json::to_string(&comparison)?)?;
    } else {
        answer_before_exit(&comparison.render())?;
    }
    Ok(if comparison.failures.is_empty() { Exit::Ok } else { Exit::Divergence })
}

fn report(args: &ReportArgs) -> anyhow::Result<Exit> {
    let read = |path: &PathBuf| anyhow::Ok((path.display().to_string(), ResultFile::read(path)?));
    let results: Vec<(String, ResultFile)> = args.results.iter().map(read).collect::<anyhow::Result<_>>()?;
    std::fs::write(&args.out, page(&results))
        .with_context(|| format!("{}: the page cannot be written", args.out.display()))?;
    let page = args.out.display().to_string();
    if args.json {
        answer(&json!({ "schema": "latency-report/1", "page": page, "results": results.len() }).to_string())?;
    } else {
        answer(&format!("{} result(s) on {page}", results.len()))?;
    }
    Ok(Exit::Ok)
}

fn list(args: &ListArgs) -> anyhow::Result<Exit> {
    if args.json {
        let scenario = |(scenario, name, what): &(Scenario, &str, &str)| {
            let sample = if scenario.samples_orders() { "order" } else { "operation" };
            json!({ "name": name, "what": what, "sample": sample })
        };
        let all: Vec<_> = Scenario::ALL.iter().map(scenario).collect();
        answer(&json!({ "schema": "latency-scenarios/1", "scenarios": all }).to_string())?;
        return Ok(Exit::Ok);
    }
    let lines: Vec<String> =
        Scenario::ALL.iter().map(|(_, name, what)| format!(" {name:<16} {what}")).collect();
    answer(&lines.join("\n"))?;
    Ok(Exit::Ok)
}
