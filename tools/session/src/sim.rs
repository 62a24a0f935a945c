//! `engine run` and `engine demo`: a synthetic day, a recorded one, or a live one, through the whole pipeline.

use crate::cli::{ConfigArgs, CpuArgs};
use crate::exit::{Exit, Refusal, data, usage};
use crate::instruments::{self, InstrumentFile};
use crate::journal_watch::DurabilityPlan;
use crate::latch::{self, Latch};
use crate::live::say::{Said, say};
use crate::live::world::World;
use crate::plan::{Planned, Planner, Purpose};
use crate::profit::Profit;
use crate::resume::Restart;
use crate::run::{Finished, Plan, execute, execute_in, free_journal};
use crate::stat::MeasuredSummary;
use crate::summary::{EngineSummary, LatencyNs, alarms, dead_letters, hex, rate, verdicts};
use crate::warmup::{Warmup, WarmupArgs, WarmupSummary};
use anyhow::Context;
use pitlane_config::{Mode, Settings, Speed, ist, parse_duration_ns, parse_time};
use pitlane_engine::config::{InstrumentSpec, PipelineConfig, SessionTimes};
use pitlane_engine::event::Rule;
use pitlane_engine::ledger::Ledger;
use pitlane_engine::sequencer::SOURCE_FEED;
use pitlane_engine::sequencer::schedule::{Schedule, ScriptedCommand, instruments_hash};
use pitlane_engine::sequencer::source::{Decoded, Source};
use pitlane_engine::stages::decoder::Decoder;
use pitlane_engine::units::TsNs;
use pitlane_feeds::synthetic::SyntheticFeed;
use pitlane_market::Calendar;
use std::path::{Path, PathBuf};

/// What was asked for on the command line.
pub struct Request<'a> {
    /// Configuration.
    pub config: &'a ConfigArgs,
    /// Cpus.
    pub cpus: &'a CpuArgs,
    /// `--mode`.
    pub mode: Option<&'a str>,
    /// `--warmup`.
    pub warmup: &'a WarmupArgs,
    /// `--from`.
    pub from: Option<&'a Path>,
    /// `--instruments`: the broker's instrument file.
    pub instruments: Option<&'a Path>,
    /// `--journal`.
    pub journal: Option<&'a Path>,
    /// `--speed`.
    pub speed: Option<&'a str>,
    /// `--duration`.
    pub duration: Option<&'a str>,
    /// `--until`.
    pub until: Option<&'a str>,
    /// `--seed` of a demo.
    pub seed: Option<u64>,
    /// `run` or `demo`; also the default journal's name.
    pub name: &'a str,
}

/// A finished run with its summary.
pub struct Done {
    /// The summary object.
    pub summary: EngineSummary,
    /// Positions and PnL.
    pub ledger: Ledger,
    /// The instruments.
    pub instruments: Vec<InstrumentSpec>,
    /// The exit code.
    pub exit: Exit,
    /// What was run.
    pub title: String,
}

/// The instruments, configuration text and hashes a run is journaled with.
pub struct Identity {
    /// The configuration text.
    pub text: String,
    /// Its hash.
    pub config_hash: u64,
    /// The hash of the instrument table.
    pub instruments_hash: u64,
    /// What the stages are built from.
    pub pipeline: PipelineConfig,
}

impl Identity {
    /// The identity of a run of `settings` over `instruments`.
    ///
    /// # Errors
    /// If the settings do not fit the instruments.
    pub fn new(settings: &Settings, instruments: Vec<InstrumentSpec>) -> anyhow::Result<Self> {
        let text = settings.journaled_toml();
        let config_hash = Settings::hash(&text);
        let instruments_hash = instruments_hash(&instruments);
        let pipeline = settings.pipeline(instruments)?;
        // Kinds and parameters of strategies are the engine's to judge: do it before anything is written.
        pitlane_engine::stages::strategy::Strategies::new(&pipeline)?;
        Ok(Self { text, config_hash, instruments_hash, pipeline })
    }
}

/// Refuses a directory that is no journal.
///
/// # Errors
/// If it does not exist or is no directory.
pub fn check_is_journal(dir: &Path) -> anyhow::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    Err(data(format!(
        "no journal at {}: not a directory; name the directory a run or import wrote",
        dir.display()
    )))
}

/// Runs what `request` asks for.
///
/// # Errors
/// If the configuration, a cpu, the journal or a recorded input is wrong.
pub fn run(request: &Request<'_>) -> anyhow::Result<Done> {
    let mut settings = if request.name == "demo" {
        request.config.load_over(&Settings::demo())?
    } else {
        request.config.load()?
    };
    if let Some(seed) = request.seed {
        settings.sim.seed = seed;
    }
    let mode = match request.mode {
        Some(name) => Mode::from_name(name)
            .ok_or_else(|| usage(format!("--mode: `{name}` is none of sim, replay, paper, live")))?,
        None => settings.engine.mode,
    };
    if mode != Mode::Replay && settings.candles.is_some() {
        return Err(usage(
            "[candles] says what an import made ticks of; `journal-replay import bar-csv` writes it, leave it out here",
        ));
    }
    match mode {
        Mode::Sim if request.from.is_some() => Err(usage("--from belongs to --mode replay")),
        Mode::Sim => synthetic(request, &settings),
        Mode::Replay => recorded(request),
        Mode::Paper | Mode::Live => crate::live::run(request, &settings, mode),
    }
}

/// The pace a run is asked to keep.
///
/// # Errors
/// If the text is no speed.
pub fn speed(text: Option<&str>, default: Speed) -> anyhow::Result<Speed> {
    text.map_or(Ok(default), |text| {
        Speed::from_name(text)
            .ok_or_else(|| usage(format!("--speed: `{text}` is none of max, real, x1 ... x100000")))
    })
}

/// The pace of a run that starts at `start`.
pub fn pace(speed: Speed, start: TsNs) -> Option<(f64, TsNs)> {
    match speed {
        Speed::Max => None,
        Speed::Times(times) => Some((f64::from(times), start)),
    }
}

fn refuse_latched(journal: &Path) -> anyhow::Result<()> {
    let standing = latch::standing(journal);
    let Some((latch, text)) = standing.first() else { return Ok(()) };
    // The run's start takes it, once the journal is its own.
    if latch::pending_resume(journal).is_some() {
        return Ok(());
    }
    let what = match latch {
        Latch::Kill => "the kill switch of",
        Latch::Flatten => "a flatten of",
    };
    let dir = journal.display();
    let message = format!(
        "{what} {dir} is latched ({text}); nothing will trade on this journal. If the cause is dealt with, \
         `engine resume --journal {dir} --reason TEXT` and start again; a run that was cut short there goes on, one \
         that is complete stays, so name a new journal for the next one"
    );
    Err(Refusal { exit: Exit::RiskStop, message }.into())
}

fn journal_dir(request: &Request<'_>, settings: &Settings) -> anyhow::Result<PathBuf> {
    journal_named(request, settings, || free_journal(request.name))
}

/// The journal that is asked for, else `default`.
///
/// # Errors
/// If a latch stands there.
pub(crate) fn journal_named(
    request: &Request<'_>,
    settings: &Settings,
    default: impl FnOnce() -> PathBuf,
) -> anyhow::Result<PathBuf> {
    let named = request.journal.map(Path::to_path_buf).or_else(|| settings.journal.dir.clone());
    let dir = named.unwrap_or_else(default);
    refuse_latched(&dir)?;
    Ok(dir)
}

/// The end of the input from outside: the earliest of `--until`, `--duration` and the configured duration.
pub(crate) fn until(
    request: &Request<'_>,
    settings: &Settings,
    times: &SessionTimes,
) -> anyhow::Result<TsNs> {
    let mut until = TsNs(u64::MAX);
    if let Some(text) = request.until {
        until = until.min(ist(settings.sim.date, parse_time(text).context("--until")?));
    }
    let duration = request.duration.map(parse_duration_ns).transpose().context("--duration")?;
    if let Some(ns) = duration.or(settings.sim.duration_ns) {
        until = until.min(times.open.plus(ns));
    }
    if until <= times.open {
        return Err(usage(
            "the run would end before its session opens; choose a later --until or a longer --duration",
        ));
    }
    Ok(until)
}

/// The instruments, the hours and the history of the synthetic day; what is to be said about them goes to stderr.
pub(crate) fn session(
    file: Option<&Path>,
    settings: &Settings,
    warmup: &WarmupArgs,
) -> anyhow::Result<(Identity, Planned, Warmup)> {
    // What is said here is written, if somebody reads, before a caller's error ends the process.
    let _said = Said;
    let (file, unusable) = match file.map(InstrumentFile::open).transpose()? {
        Some((file, unusable)) => (Some(file), unusable),
        None => (None, None),
    };
    let date = settings.sim.date;
    let (table, warnings) = instruments::table(settings, file.as_ref(), date);
    let settings = Settings { instruments: table, ..settings.clone() };
    let identity = Identity::new(&settings, settings.instruments()?)?;
    let planner = Planner {
        settings: &settings,
        calendar: &Calendar::new(),
        instruments: &identity.pipeline.instruments,
        dump: file.as_ref().map(|file| &file.dump),
    };
    let planned = planner.plan(date, Purpose::Run)?;
    settings.check_commands(&planned.plan.times)?;
    for warning in unusable.iter().chain(&warnings).chain(&planned.warnings) {
        say(format!("warning: {warning}"));
    }
    let warmup = warmup.load(&planner, planned.plan.times.date)?;
    Ok((identity, planned, warmup))
}

fn synthetic(request: &Request<'_>, settings: &Settings) -> anyhow::Result<Done> {
    let (identity, planned, warmup) = session(request.instruments, settings, request.warmup)?;
    let times = planned.plan.times;
    let until = until(request, settings, &times)?;
    let commands: Vec<ScriptedCommand> = settings
        .sim
        .commands
        .iter()
        .map(|command| ScriptedCommand {
            at: ist(settings.sim.date, command.at),
            code: command.code,
            reason: command.reason.clone(),
        })
        .collect();
    let instruments = &identity.pipeline.instruments;
    let schedule = Schedule::new(
        &identity.text,
        identity.config_hash,
        instruments,
        &warmup.history,
        std::slice::from_ref(&planned.plan),
        &commands,
    )
    .with_trading(&planned.trading);
    let feed = SyntheticFeed::new(&crate::market::synthetic_config(settings), instruments, &planned.plan)?;
    let feed = Decoded::new(feed, Decoder::new(instruments, SOURCE_FEED));
    let journal = journal_dir(request, settings)?;
    let speed = speed(request.speed, settings.sim.speed)?;
    let plan = Plan {
        config_hash: identity.config_hash,
        instruments_hash: identity.instruments_hash,
        placement: request.cpus.placement(settings)?,
        journal: Some(journal),
        segment_bytes: settings.journal.segment_bytes,
        durability: DurabilityPlan::of(&settings.journal),
        pace: pace(speed, times.open),
        until,
        span: (times.pre_open, times.end.min(until)),
        what: "session",
        recorded: None,
        stamps: true,
        restart: Some(Restart {
            config_text: identity.text,
            recorded_feed: false,
            live_feed: false,
            snapshot_every: settings.journal.snapshot_every,
        }),
        pipeline: identity.pipeline,
    };
    let title = format!("synthetic day {}, seed {}", settings.sim.date, settings.sim.seed);
    finish(&plan, Box::new(schedule), Box::new(feed), title, warmup.summary)
}

fn recorded(request: &Request<'_>) -> anyhow::Result<Done> {
    if request.instruments.is_some() {
        return Err(usage("--instruments belongs to --mode sim; a replay has the recorded instruments"));
    }
    let from = request.from.ok_or_else(|| usage("--mode replay needs the recorded journal: --from DIR"))?;
    if request.until.is_some() || request.duration.is_some() {
        return Err(usage("--until and --duration belong to --mode sim; a replay runs what was recorded"));
    }
    let prepared = crate::whatif::prepare(&[from.to_path_buf()], request.config, request.warmup)?;
    let speed = speed(request.speed, Speed::Max)?;
    let plan = Plan {
        placement: request.cpus.placement(&prepared.settings)?,
        journal: Some(journal_dir(request, &prepared.settings)?),
        durability: DurabilityPlan::of(&prepared.settings.journal),
        pace: pace(speed, prepared.span.0),
        restart: Some(prepared.restart()),
        stamps: true,
        ..prepared.plan()
    };
    let mut title = format!("recorded day of {}", from.display());
    if let Some(candles) = prepared.settings.candles {
        title += &format!(", {}", candles.describe());
    }
    let path = prepared.settings.prices();
    let end = prepared.end.clone();
    let mut done = finish(&plan, Box::new(prepared.schedule), prepared.feed, title, prepared.warmup)?;
    done.summary.path = path;
    match end.take_error() {
        Some(error) => Err(error.into()),
        None => Ok(done),
    }
}

fn finish(
    plan: &Plan,
    schedule: Box<dyn Source>,
    feed: Box<dyn Source>,
    title: String,
    warmup: Option<WarmupSummary>,
) -> anyhow::Result<Done> {
    let finished = execute(plan, schedule, feed)?;
    summarise(plan, finished, title, warmup)
}

/// The same in a world on the wall clock.
pub(crate) fn finish_in(
    plan: &Plan,
    schedule: Box<dyn Source>,
    feed: Box<dyn Source>,
    title: String,
    warmup: Option<WarmupSummary>,
    world: &mut dyn World,
) -> anyhow::Result<Done> {
    let finished = execute_in(plan, schedule, feed, Some(world))?;
    summarise(plan, finished, title, warmup)
}

fn summarise(
    plan: &Plan,
    finished: Finished,
    title: String,
    warmup: Option<WarmupSummary>,
) -> anyhow::Result<Done> {
    // A kill that risk latched itself outlives the process as an operator's does.
    if let (Some(Rule::KillSwitch), Some(dir)) = (finished.result.risk_stop, &plan.journal)
        && latch::standing(dir).is_empty()
    {
        Latch::Kill.set(dir, &format!("{} latched by the engine: see its alarms", crate::now_ist()))?;
    }
    let exit = exit(&finished);
    let Finished { result, wall_s, stage_cpus, recovered, durability, measured, .. } = finished;
    let counts = &result.counts;
    let symbols: Vec<String> = plan.pipeline.instruments.iter().map(|spec| spec.symbol.clone()).collect();
    let warmup = match (&plan.journal, recovered, warmup) {
        // What it was started from is recorded; it need not be given again.
        (Some(dir), Some(_), None) => crate::warmup::recorded(dir)?,
        (.., given) => given,
    };
    let summary = EngineSummary {
        schema: "engine-summary/1",
        events: counts.events,
        ticks: counts.ticks,
        bars: counts.bars,
        signals: counts.signals,
        orders: counts.orders,
        fills: counts.fills,
        rejects: counts.rejects,
        profit: Profit::of(&result.ledger, &plan.pipeline),
        state_hash: hex(result.state_hash()),
        journal: plan.journal.clone(),
        path: Settings::default().prices(),
        warmup,
        recovered,
        durability,
        seq_last: result.last_seq.0,
        wall_s,
        events_per_s: rate(counts.events - recovered.map_or(0, |recovered| recovered.inputs), wall_s),
        latency_ns: measured.as_ref().map(|reading| LatencyNs::of(&reading.orders)).unwrap_or_default(),
        measured: measured.map(|reading| MeasuredSummary::of(&reading, &symbols)),
        stalls: result.stalls.iter().copied().collect(),
        stage_cpus: stage_cpus.into_iter().collect(),
        latency_min_ns: plan.pipeline.venue.latency_min_ns,
        venue: plan.pipeline.venue.describe(),
        latency: plan.pipeline.venue.latency_text(),
        open_positions: result.ledger.open_positions(),
        dead_letters: dead_letters(counts),
        verdicts: verdicts(counts),
        alarms: alarms(counts),
        risk_stop: result.risk_stop.map(Rule::name),
        broker: None,
    };
    Ok(Done { summary, ledger: result.ledger, instruments: plan.pipeline.instruments.clone(), exit, title })
}

/// A signal goes before a stop by risk, a stop by risk before success.
fn exit(finished: &Finished) -> Exit {
    if let Some(exit) = finished.signalled {
        exit
    } else if finished.killed || finished.result.risk_stop.is_some() {
        Exit::RiskStop
    } else {
        Exit::Ok
    }
}
