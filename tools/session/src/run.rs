//! Runs a pipeline: journal, threads, pace, signals, kill switch.

use crate::cpus::Placement;
use crate::event_log::{EventLogWriter, Names};
use crate::exit::{Exit, data};
use crate::journal_watch::{DurabilityPlan, DurabilitySummary, JournalWatch, Stream, level_name};
use crate::latch::{self, Latch};
use crate::live::say::{Said, say};
use crate::live::world::{Helper, Opening, World};
use crate::operator::{COMMANDS_MAX, Operator, Told};
use crate::progress::Progress;
use crate::resume::{self, Opened, RecoveredSummary, Restart, Snapshotter};
use crate::signals::Signals;
use crate::stat::StatWriter;
use anyhow::Context;
use pitlane_engine::config::PipelineConfig;
use pitlane_engine::drive::clock::Pace;
use pitlane_engine::drive::fused::Fused;
use pitlane_engine::drive::measure::{Gauges, Reading};
use pitlane_engine::drive::topology::{RingSizes, workers};
use pitlane_engine::drive::{Run, RunResult, affinity, pinned};
use pitlane_engine::event::Event;
use pitlane_engine::sequencer::source::{Head, Source};
use pitlane_engine::units::{InstrumentId, NS_PER_S, TsNs};
use pitlane_journal::{Durability, Ids, JournalDir, WriterOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Name of the event log in a journal directory.
pub const EVENT_LOG_FILE: &str = "events.jsonl";

/// How often the helper thread looks for what may stop a run ...
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// ... and with an eye on the journal as well.
const WATCH_EVERY: Duration = Duration::from_millis(10);
/// How often a run's world is looked after.
const HELP_EVERY: Duration = Duration::from_millis(1);

/// What to run, and where.
pub struct Plan {
    /// What the stages are built from.
    pub pipeline: PipelineConfig,
    /// Hash of the configuration text, for the journal's headers.
    pub config_hash: u64,
    /// Hash of the instrument table, for the journal's headers.
    pub instruments_hash: u64,
    /// Threads and cpus.
    pub placement: Placement,
    /// Where to journal; `None` = nowhere.
    pub journal: Option<PathBuf>,
    /// Size of a journal segment.
    pub segment_bytes: u64,
    /// How soon the journal is on the disk, and what follows if the disk is behind.
    pub durability: DurabilityPlan,
    /// Virtual seconds per second, and the virtual time the wall clock starts at; `None` = as fast as possible.
    pub pace: Option<(f64, TsNs)>,
    /// The last time an input from outside may have.
    pub until: TsNs,
    /// First and last virtual time, for the progress bar.
    pub span: (TsNs, TsNs),
    /// What the progress bar says.
    pub what: &'static str,
    /// How many inputs are recorded, if that is known, and how many of them were read; the progress bar counts those then,
    /// and virtual time else.
    pub recorded: Option<(u64, Arc<AtomicU64>)>,
    /// Whether the run may be measured; `engine.measure` says how.
    pub stamps: bool,
    /// How the run goes on with what its journal holds; `None` = a journal that holds a run is refused.
    pub restart: Option<Restart>,
}

/// A finished run.
pub struct Finished {
    /// What it left behind.
    pub result: RunResult,
    /// Seconds on the wall clock, from the first input to the sealed journal.
    pub wall_s: f64,
    /// The signal that stopped it, if one did.
    pub signalled: Option<Exit>,
    /// Whether an operator's kill stopped it.
    pub killed: bool,
    /// Stages and their cpus.
    pub stage_cpus: Vec<(String, String)>,
    /// What was recovered before the run went on.
    pub recovered: Option<RecoveredSummary>,
    /// How its journal became durable; `None` without one.
    pub durability: Option<DurabilitySummary>,
    /// What was measured of it, if it was.
    pub measured: Option<Reading>,
}

/// Reports how far a run's source is, for the progress bar.
struct Watched {
    source: Box<dyn Source>,
    reached: Arc<AtomicU64>,
}

impl Source for Watched {
    fn poll(&mut self) -> Head {
        self.source.poll()
    }

    fn head(&self) -> &Event {
        self.source.head()
    }

    fn advance(&mut self) {
        // Relaxed: a number for a progress bar.
        self.reached.store(self.source.head().header.ts.0, Ordering::Relaxed);
        self.source.advance();
    }

    fn close(&mut self) {
        self.source.close();
    }

    fn decoder_counters(&self) -> Option<&pitlane_engine::stages::decoder::DecoderCounters> {
        self.source.decoder_counters()
    }
}

/// Locks the journal at `dir` for a new run.
///
/// # Errors
/// If it is in use, or holds a run already.
pub fn lock_journal(dir: &Path) -> anyhow::Result<JournalDir> {
    // A note about it is written before a refusal ends the process.
    let _said = Said;
    lock_new(dir, &DurabilityPlan::default())
}

/// The same with the tiers of `durability`.
pub(crate) fn lock_new(dir: &Path, durability: &DurabilityPlan) -> anyhow::Result<JournalDir> {
    let journal = resume::lock(dir, durability)?;
    for stream in [pitlane_store::INPUTS, pitlane_store::OUTPUTS] {
        if pitlane_store::has_stream(dir, stream) {
            return Err(data(format!(
                "journal {} already holds a run (stream `{stream}`), and runs are never overwritten; \
                 name another directory (--journal, or --out of whatif), or move this one away",
                dir.display()
            )));
        }
    }
    Ok(journal)
}

/// Where a command without `--journal` writes: `journals/NAME`, or `journals/NAME-2` and so on if that is taken.
pub fn free_journal(name: &str) -> PathBuf {
    let base = PathBuf::from("journals");
    let numbered = (2..).map(|n| base.join(format!("{name}-{n}")));
    std::iter::once(base.join(name))
        .chain(numbered)
        .find(|dir| !dir.exists())
        .expect("there are infinitely many numbers")
}

/// What the journal of `plan` is made with.
pub(crate) fn options(plan: &Plan) -> WriterOptions {
    let id = |text: &[u8]| {
        let mut id = [0; 16];
        let len = text.len().min(16);
        id[..len].copy_from_slice(&text[..len]);
        id
    };
    let ids = Ids {
        build: id(env!("CARGO_PKG_VERSION").as_bytes()),
        schema: id(&[pitlane_engine::event::SCHEMA_VERSION]),
        config: id(&plan.config_hash.to_le_bytes()),
        symbols: id(&plan.instruments_hash.to_le_bytes()),
        calendar: id(&[]),
    };
    let DurabilityPlan { level, .. } = plan.durability;
    // At D0 nothing is gained by waiting for the disk: such a run can be repeated.
    let sync_on_seal = level > Durability::D0;
    WriterOptions { segment_bytes: plan.segment_bytes, ids, level, sync_on_seal, ..WriterOptions::default() }
}

/// Ends the run when the thread that watches over it unwinds: without it no kill switch would be heard any more. Who
/// looks after a broker takes back what works there when it is dropped by that thread.
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Relaxed: a flag without data.
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// Watches for what may stop a run from outside.
struct Watcher {
    stop: Arc<AtomicBool>,
    killed: Arc<AtomicBool>,
    done: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Watcher {
    /// Starts to watch. What stands in the journal's directory already is handed over at once.
    fn start(
        plan: &Plan,
        signals: Signals,
        reached: Arc<AtomicU64>,
        mut journal: Option<JournalWatch>,
        mut helper: Option<Box<dyn Helper>>,
    ) -> anyhow::Result<(Self, rtrb::Consumer<Event>)> {
        let (mut commands, ring) = rtrb::RingBuffer::new(COMMANDS_MAX);
        let flags = [(); 3].map(|()| Arc::new(AtomicBool::new(false)));
        let [stop, killed, done] = flags.clone();
        let [stop_out, killed_out, done_in] = flags;
        let mut operator = match &plan.journal {
            Some(dir) => Some(operator(dir, &mut commands)?),
            None => None,
        };
        let (start, end) = plan.span;
        let recorded = plan.recorded.clone();
        let total = recorded.as_ref().map_or(end.since(start) / NS_PER_S, |(total, _)| *total);
        // A bar waits for its terminal. In a run that may have orders at a broker nothing here may wait.
        let mut progress = helper.is_none().then(|| Progress::new(plan.what, total));
        let gone = Gone(stop_out.clone());
        let dir = plan.journal.clone();
        let thread = std::thread::spawn(move || {
            let _gone = gone;
            let mut warned = false;
            // As often as a lag can change what is to be done.
            let every = if journal.is_some() { WATCH_EVERY } else { LOOK_EVERY };
            let pause = if helper.is_some() { HELP_EVERY } else { every };
            let mut looked = Instant::now();
            // Relaxed everywhere here: flags and numbers without data behind them.
            while !done_in.load(Ordering::Relaxed) {
                std::thread::park_timeout(pause);
                if let Some(helper) = &mut helper {
                    helper.poll(&mut commands);
                    if looked.elapsed() < every {
                        continue;
                    }
                    looked = Instant::now();
                }
                let now = TsNs(reached.load(Ordering::Relaxed));
                if let Some(progress) = &mut progress {
                    let read = recorded.as_ref().map(|(_, read)| read.load(Ordering::Relaxed));
                    progress.at(read.unwrap_or(now.since(start) / NS_PER_S));
                }
                let told = operator.as_mut().zip(dir.as_deref()).map(|(operator, dir)| {
                    operator.poll(&mut commands).unwrap_or_else(|error| {
                        if !std::mem::replace(&mut warned, true) {
                            say(format!("warning: an operator's command cannot be cleared: {error}"));
                        }
                        standing(dir)
                    })
                });
                if let (Some(helper), Some(told)) = (&mut helper, &told) {
                    helper.told(told);
                }
                if told.as_ref().is_some_and(|told| told.killed) {
                    killed_out.store(true, Ordering::Relaxed);
                }
                if let Some(journal) = &mut journal {
                    if told.is_some_and(|told| told.resumed.is_some()) {
                        journal.resumed();
                    }
                    journal.poll(now, &mut commands);
                }
                if signals.exit().is_some() {
                    stop_out.store(true, Ordering::Relaxed);
                }
            }
        });
        Ok((Self { stop, killed, done, thread: Some(thread) }, ring))
    }

    fn finish(mut self) -> bool {
        // Relaxed: as above.
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // If it panicked the run was ended by that, and what it did up to there is good.
            if thread.join().is_err() {
                say(
                    "warning: the thread that watches over the run panicked; this is a bug, please report it with the message above",
                );
            }
        }
        self.killed.load(Ordering::Relaxed)
    }
}

/// What the latches at `dir` say when a resume there cannot be taken: whatever else failed, they stand.
fn standing(dir: &Path) -> Told {
    let standing = latch::standing(dir);
    let killed = standing.iter().any(|(latch, _)| *latch == Latch::Kill);
    Told { killed, latched: !standing.is_empty(), resumed: None }
}

/// The operator of a run in `dir`; says so if a resume waited there.
fn operator(dir: &Path, commands: &mut rtrb::Producer<Event>) -> anyhow::Result<Operator> {
    let started = Operator::start(dir, commands);
    let (operator, resumed) =
        started.with_context(|| format!("cannot clear the latches of {}", dir.display()))?;
    if let Some(reason) = resumed {
        say(format!("note: resumed, latches of {} cleared: {reason}", dir.display()));
    }
    Ok(operator)
}

/// Runs the inputs of `schedule` and `feed` through the pipeline to their end.
///
/// # Errors
/// If the journal is in use, occupied or fails, if a cpu cannot be used, or a strategy cannot be built.
pub fn execute(plan: &Plan, schedule: Box<dyn Source>, feed: Box<dyn Source>) -> anyhow::Result<Finished> {
    execute_in(plan, schedule, feed, None)
}

/// The same on the wall clock, in a `world` that has the time and perhaps a broker.
///
/// # Errors
/// As `execute`, and if the world does not let the run begin, or its broker is lost.
pub fn execute_in(
    plan: &Plan,
    schedule: Box<dyn Source>,
    feed: Box<dyn Source>,
    mut world: Option<&mut dyn World>,
) -> anyhow::Result<Finished> {
    // First in, last out: what was said is read before the caller goes on.
    let _said = Said;
    let signals = Signals::listen()?;
    for note in &plan.placement.notes {
        say(format!("note: {note}"));
    }
    // Helper threads, the journal's among them, inherit the cpus of this thread; pipeline threads bind themselves.
    if let Some(aux) = &plan.placement.aux {
        affinity::restrict(aux);
    }
    let opened = resume::open(plan, schedule, feed)?;
    let entered = world.as_mut().map(|world| world.open(&opening(plan, &opened, &signals))).transpose()?;
    let (broker, helper) = entered.map_or((None, None), |(broker, helper)| (broker, Some(helper)));
    let Opened { inputs, outputs, schedule, feed, resumed, recovered, reached: from, streams, .. } = opened;
    let from = from.max(plan.span.0);
    let event_log = event_log(plan)?;
    let gauges = plan.stamps.then(|| plan.placement.tuning.gauges()).flatten();
    let stat = stat_writer(plan, gauges.as_ref());
    let snapshotter = Snapshotter::start(plan).context("cannot start making snapshots")?;
    let reached = Arc::new(AtomicU64::new(from.0));
    let is_paced = plan.pace.is_some() || world.is_some();
    let journal = is_paced.then(|| journal_watch(plan, &streams, event_log.as_ref())).flatten();
    let lag_max_ns = journal.as_ref().map(JournalWatch::lag_max_ns);
    let (watcher, commands) = Watcher::start(plan, signals.clone(), reached.clone(), journal, helper)?;
    let run = Run {
        config: &plan.pipeline,
        schedule,
        feed: Box::new(Watched { source: feed, reached }),
        inputs,
        outputs,
        until: plan.until,
        commands: Some(commands),
        broker,
        wall_clock: world.is_some(),
        pace: match &world {
            Some(world) => Some(world.pace()),
            // A run that goes on does not wait for the time it has behind it.
            None => plan.pace.map(|(speed, start)| Pace::new(start.max(from), speed)),
        },
        measure: gauges.clone(),
        resume: resumed,
    };
    let stopped = watcher.stop.clone();
    // Relaxed: a flag without data.
    let stop = move || stopped.load(Ordering::Relaxed);
    let started = Instant::now();
    let outcome = drive(plan, run, &stop);
    let wall_s = started.elapsed().as_secs_f64();
    let killed = watcher.finish();
    let closed = world.map_or(Ok(()), World::close);
    drop((snapshotter, stat));
    // The log is made from the journal and can be made again: a failure of it does not spoil the run.
    if let Some(Err(error)) = event_log.map(EventLogWriter::finish) {
        say(format!("warning: {error:#}; the run itself is unaffected"));
    }
    let (result, stage_cpus) = first_failure(outcome, closed)?;
    let durability = durability(plan, &streams, lag_max_ns.as_deref());
    let (signalled, measured) = (signals.exit(), gauges.map(|gauges| gauges.read()));
    Ok(Finished { result, wall_s, signalled, killed, stage_cpus, recovered, durability, measured })
}

/// Who watches how far the journal of a paced run is behind. At full speed a journal that is behind makes the run wait, and
/// that is all. At D0 nobody asked for the disk: what the run does must not depend on it.
fn journal_watch(plan: &Plan, streams: &[Stream], log: Option<&EventLogWriter>) -> Option<JournalWatch> {
    let watched = plan.durability.level != Durability::D0 && !streams.is_empty();
    let notices = || log.map(EventLogWriter::notices);
    watched.then(|| JournalWatch::new(streams.to_vec(), plan.durability.limits, notices()))
}

/// The run that was driven, or what failed of it: a journal that failed before a world that did not close, and that before
/// a lost broker.
fn first_failure(driven: anyhow::Result<Driven>, closed: anyhow::Result<()>) -> anyhow::Result<Driven> {
    let (mut result, stage_cpus) = driven?;
    if let Some(error) = result.log_error.take() {
        return Err(anyhow::anyhow!(error).context("the journal failed; what it holds up to there is intact"));
    }
    closed?;
    match result.broker_error {
        Some(error) => Err(anyhow::anyhow!(error)),
        None => Ok((result, stage_cpus)),
    }
}

/// What a world has to know of the run that is about to begin, or to go on.
fn opening<'a>(plan: &'a Plan, opened: &'a Opened, signals: &'a Signals) -> Opening<'a> {
    let (orders, positions) = match &opened.resumed {
        None => (&[][..], Vec::new()),
        Some(resumed) => {
            let ledger = resumed.stages.risk.ledger();
            let ids = (0..).zip(&plan.pipeline.instruments).map(|(id, _)| InstrumentId(id));
            let held = ids.map(|id| (id, ledger.position(id).quantity)).filter(|(_, held)| !held.is_zero());
            (resumed.stages.matcher.open_orders(), held.collect())
        }
    };
    Opening {
        orders,
        positions,
        inputs: opened.streams.first().map(|(_, inputs)| inputs.clone()),
        dir: plan.journal.as_deref(),
        journal: opened.journal.unwrap_or_default(),
        signals,
    }
}

/// How the journal that is finished now became durable.
fn durability(plan: &Plan, streams: &[Stream], lag_max_ns: Option<&AtomicU64>) -> Option<DurabilitySummary> {
    let (dir, (_, inputs)) = (plan.journal.as_ref()?, streams.first()?);
    // Of the journal, not of the plan: one that was begun with two tiers keeps them.
    let hot_dir = pitlane_store::hot_dir(dir).ok().flatten();
    let tiers = if hot_dir.is_some() { 2 } else { 1 };
    // Relaxed: a figure, and its thread has ended. Microseconds are enough.
    let lag = lag_max_ns.filter(|_| inputs.level() > Durability::D0);
    let lag_max_ms = lag.map(|ns| (ns.load(Ordering::Relaxed) / 1_000) as f64 / 1e3);
    let (level, durable_seq) = (level_name(inputs.level()), inputs.durable_seq());
    Some(DurabilitySummary { level, tiers, durable_seq, lag_max_ms })
}

/// Starts the log of decisions and orders beside the journal.
fn event_log(plan: &Plan) -> anyhow::Result<Option<EventLogWriter>> {
    let Some(dir) = &plan.journal else { return Ok(None) };
    let names = Names {
        instruments: plan.pipeline.instruments.iter().map(|spec| spec.symbol.clone()).collect(),
        strategies: plan.pipeline.strategies.iter().map(|strategy| strategy.id.clone()).collect(),
    };
    let file = dir.join(EVENT_LOG_FILE);
    Ok(Some(EventLogWriter::start(dir, names, &file).context("cannot start the event log")?))
}

/// Starts the file of what is measured, beside the journal. A run that cannot have it goes on without.
fn stat_writer(plan: &Plan, gauges: Option<&Arc<Gauges>>) -> Option<StatWriter> {
    let dir = plan.journal.as_ref()?;
    let Some(gauges) = gauges else {
        // The figures of the run before this one are not this one's; without them `stat` says that nothing is measured.
        drop(std::fs::remove_file(dir.join(crate::stat::STAT_FILE)));
        return None;
    };
    let symbols = plan.pipeline.instruments.iter().map(|spec| spec.symbol.clone()).collect();
    let started = StatWriter::start(dir, gauges.clone(), symbols);
    started.map_err(|error| say(format!("warning: nothing for `engine stat`: {error}"))).ok()
}

type Driven = (RunResult, Vec<(String, String)>);

fn drive(plan: &Plan, run: Run<'_>, stop: &dyn Fn() -> bool) -> anyhow::Result<Driven> {
    let tuning = plan.placement.tuning;
    let priority = tuning.priority(&plan.placement).unwrap_or_else(|why| {
        say(format!("note: {why}"));
        None
    });
    let settle_memory = || {
        let notes = tuning.settle_memory(plan.placement.cpus.is_some());
        notes.into_iter().for_each(|note| say(format!("note: {note}")));
    };
    let Some(cpus) = &plan.placement.cpus else {
        let fused = Fused::new(run)?;
        settle_memory();
        let stage_cpus = vec![("decode+sequence+strategy+risk+match".to_owned(), "any".to_owned())];
        return Ok((fused.run(plan.placement.wait, stop), stage_cpus));
    };
    let workers = workers(run, cpus.len(), RingSizes::default())?;
    let stage_cpus: Vec<(String, String)> =
        workers.iter().zip(cpus).map(|(worker, cpu)| (worker.name().to_owned(), cpu.to_string())).collect();
    let shown: Vec<String> = stage_cpus.iter().map(|(stages, cpu)| format!("{stages} on {cpu}")).collect();
    let aux = plan.placement.aux.as_deref().map_or_else(|| "any".to_owned(), affinity::show);
    let real_time = priority.map_or(String::new(), |priority| format!("; real-time priority {priority}"));
    say(format!("cpus: {}; helpers on {aux}; wait {}{real_time}", shown.join(", "), plan.placement.wait));
    settle_memory();
    Ok((pinned::run_realtime(workers, cpus, plan.placement.wait, priority, stop)?, stage_cpus))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_when_nobody_watches_over_it_any_more() {
        let stop = Arc::new(AtomicBool::new(false));
        let watch = |fails: bool| {
            let gone = Gone(stop.clone());
            std::thread::spawn(move || {
                let _gone = gone;
                assert!(!fails, "as a bug would");
            })
        };
        watch(false).join().expect("it ends well");
        assert!(!stop.load(Ordering::Relaxed));
        assert!(watch(true).join().is_err());
        assert!(stop.load(Ordering::Relaxed));
    }

    #[test]
    fn a_latch_is_seen_whatever_else_failed() {
        let dir = tempfile::TempDir::new().expect("a directory");
        assert_eq!(standing(dir.path()), Told::default());
        Latch::Flatten.set(dir.path(), "now").expect("a file");
        assert_eq!(standing(dir.path()), Told { latched: true, ..Told::default() });
        Latch::Kill.set(dir.path(), "now").expect("a file");
        assert_eq!(standing(dir.path()), Told { latched: true, killed: true, resumed: None });
    }
}
