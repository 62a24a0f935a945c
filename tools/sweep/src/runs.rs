//! A set on a journal, and all of them on all cores.

use crate::days::{Days, Inputs, Journal, Shared};
use crate::grid::Sets;
use crate::results::Results;
use crate::row::Row;
use anyhow::Context;
use pitlane_config::{ConfigError, Settings, StrategySettings, canonical_symbol};
use pitlane_engine::sequencer::source::Recorded;
use pitlane_engine::stages::strategy::StrategyError;
use pitlane_report::Report;
use pitlane_session::cli::ConfigArgs;
use pitlane_session::exit::data;
use pitlane_session::progress::Progress;
use pitlane_session::recorded::Recording;
use pitlane_session::sim::Identity;
use pitlane_session::whatif::refuse_recorded;
use pitlane_store::Head;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// A set on a journal: its report (none if its settings are refused), its rows, and how many inputs it ran over.
pub(crate) type Ran = (Option<Report>, Vec<Row>, u64);

/// The settings of a set on a journal, or why the program refuses its combination of values.
pub(crate) enum Settled {
    /// Ready to run.
    Ready(Box<Recording>),
    /// Its values do not go together.
    Refused(String),
}

/// What all runs of a sweep share.
pub(crate) struct Sweep<'a> {
    pub(crate) days: &'a Days,
    pub(crate) sets: &'a Sets,
    /// The symbols that may be traded; empty for those of the strategies.
    pub(crate) symbols: &'a [String],
    /// Whether the process was asked to stop.
    pub(crate) stop: &'a (dyn Fn() -> bool + Sync),
}

/// How to go through the runs.
pub(crate) struct Plan {
    pub(crate) workers: usize,
    /// This one of so many parts, from 0: its sets are those whose number leaves this remainder.
    pub(crate) shard: (u64, u64),
    /// Another order of the runs, for tests: it must not matter.
    pub(crate) shuffle: Option<u64>,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    /// Runs of a set on a journal that were made now.
    pub(crate) runs: u64,
    /// Those that an earlier process had made.
    pub(crate) before: u64,
    /// Inputs of the runs that were made now.
    pub(crate) events: u64,
    /// Seconds they took.
    pub(crate) wall_s: f64,
    /// Whether all there is to do is done.
    pub(crate) whole: bool,
}

impl Sweep<'_> {
    /// The settings of set `number` on `journal` over those that all start from, as texts for `--set`.
    ///
    /// # Errors
    /// If a key or a value is wrong.
    pub(crate) fn flags(&self, journal: &Journal, number: u64) -> anyhow::Result<Vec<String>> {
        let mut set = self.sets.flags(number);
        let alone = self.sets.symbol(number).map(str::to_owned);
        let chosen = if alone.is_some() { alone.as_slice() } else { self.symbols };
        if !chosen.is_empty() {
            let settings = over(&journal.recording.settings, set.clone())?;
            set.extend(restricted(&settings.strategies, chosen));
        }
        Ok(set)
    }

    /// The settings of set `number` on `journal`.
    ///
    /// # Errors
    /// If a key or a value is wrong, whatever it is combined with.
    pub(crate) fn settle(&self, journal: &Journal, number: u64) -> anyhow::Result<Settled> {
        let base = &journal.recording;
        let named = || format!("set {} ({})", number + 1, self.sets.flags(number).join(", "));
        let settle = || -> anyhow::Result<(Settings, Identity)> {
            let settings = over(&base.settings, self.flags(journal, number)?)?;
            refuse_recorded(&base.settings, &settings)?;
            let identity = Identity::new(&settings, base.head.instruments.clone())?;
            Ok((settings, identity))
        };
        let (settings, identity) = match settle() {
            Ok(settled) => settled,
            Err(error) if is_conflict(&error) => {
                return Ok(Settled::Refused(format!("{} on {}: {error:#}", named(), journal.name())));
            }
            Err(error) => return Err(error).with_context(|| format!("{} on {}", named(), journal.name())),
        };
        let head = Head { config_text: identity.text, ..base.head.clone() };
        let dir = base.dir.clone();
        let pipeline = identity.pipeline;
        Ok(Settled::Ready(Box::new(Recording { dir, head, settings, pipeline, has_outputs: false })))
    }

    /// Why set `number` is run on no journal: one of them refuses its combination of values. Journals have settings of
    /// their own, and a set that is run on some days alone is no set.
    ///
    /// # Errors
    /// As `settle`.
    pub(crate) fn refused(&self, number: u64) -> anyhow::Result<Option<String>> {
        for journal in &self.days.kinds {
            if let Settled::Refused(why) = self.settle(&self.days.journals[*journal], number)? {
                return Ok(Some(why));
            }
        }
        Ok(None)
    }

    /// Runs set `number` on a journal: its report, rows and count of inputs; `None` if the process is to stop.
    ///
    /// # Errors
    /// If the settings are wrong, or the run does not have the journal's sessions.
    pub(crate) fn run(
        &self,
        journal: &Journal,
        inputs: Arc<Inputs>,
        number: u64,
    ) -> anyhow::Result<Option<Ran>> {
        // Of one kind of journal, this one answers for all.
        let of_one_kind = self.days.kinds.len() == 1;
        let recording = match self.settle(journal, number)? {
            Settled::Ready(recording) if of_one_kind || self.refused(number)?.is_none() => recording,
            _ => {
                let rows = journal.dates.iter().map(|date| Row::refused(number, *date));
                return Ok(Some((None, rows.collect(), 0)));
            }
        };
        let history = Arc::clone(&inputs);
        let feed = Box::new(Recorded::new(Shared::new(inputs), recording.rewrite()));
        let done = pitlane_report::figures(&recording, &history.history, feed, &mut || !(self.stop)())?;
        let Some((report, result)) = done else { return Ok(None) };
        let config_hash = Settings::hash(&recording.head.config_text);
        let rows = Row::of(number, &report, config_hash, result.state_hash());
        let dates = rows.iter().map(|row| row.date);
        if !dates.eq(journal.dates.iter().copied()) {
            return Err(data(format!(
                "{}: a run had {} sessions of {}: it ended early, such as by a recorded kill; leave the journal out",
                journal.name(),
                rows.len(),
                journal.dates.len()
            )));
        }
        Ok(Some((Some(report), rows, result.counts.events)))
    }

    /// Makes the runs that `results` lacks.
    ///
    /// # Errors
    /// The first failure of any run.
    pub(crate) fn fill(&self, results: &Results, plan: &Plan) -> anyhow::Result<Done> {
        let (sets, journals) = (self.sets.count(), self.days.journals.len() as u64);
        let share = (sets + plan.shard.1 - 1 - plan.shard.0) / plan.shard.1;
        let order = Order::new(plan.shuffle, share, journals);
        let work = Work {
            sweep: self,
            results,
            shard: plan.shard,
            order,
            next: AtomicU64::new(0),
            before: AtomicU64::new(0),
            runs: AtomicU64::new(0),
            events: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            error: Mutex::new(None),
        };
        let started = Instant::now();
        let mut progress = Progress::new("runs", share * journals);
        std::thread::scope(|scope| {
            let (ended, ends) = mpsc::channel::<()>();
            for _ in 0..plan.workers {
                let (work, ended) = (&work, ended.clone());
                scope.spawn(move || {
                    work.all();
                    drop(ended);
                });
            }
            drop(ended);
            while ends.recv_timeout(Duration::from_millis(100)) == Err(mpsc::RecvTimeoutError::Timeout) {
                progress.at(work.done());
            }
        });
        drop(progress);
        let wall_s = started.elapsed().as_secs_f64();
        let done = work.done();
        if let Some(error) = work.error.into_inner().expect("a worker's panic has ended this thread too") {
            return Err(error);
        }
        Ok(Done {
            runs: work.runs.into_inner(),
            before: work.before.into_inner(),
            events: work.events.into_inner(),
            wall_s,
            whole: done == share * journals,
        })
    }
}

fn over(base: &Settings, set: Vec<String>) -> anyhow::Result<Settings> {
    ConfigArgs { config: Vec::new(), set }.load_over(base)
}

/// Values that do not go together, each of them fine by itself.
fn is_conflict(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        matches!(cause.downcast_ref::<ConfigError>(), Some(ConfigError::Conflict { .. }))
            || matches!(cause.downcast_ref::<StrategyError>(), Some(StrategyError::Conflict { .. }))
    })
}

/// The settings by which strategies trade `chosen` alone; one that trades none of them is switched off.
fn restricted(strategies: &[StrategySettings], chosen: &[String]) -> Vec<String> {
    let mut flags = Vec::new();
    for strategy in strategies {
        let all = strategy.symbols.iter().any(|symbol| symbol == "*");
        let left: Vec<String> = chosen
            .iter()
            .map(|symbol| canonical_symbol(symbol))
            .filter(|symbol| all || strategy.symbols.iter().any(|own| own == symbol))
            .map(|symbol| format!("\"{symbol}\""))
            .collect();
        if left.is_empty() {
            flags.push(format!("strategies.{}.enabled=false", strategy.id));
        } else {
            flags.push(format!("strategies.{}.symbols=[{}]", strategy.id, left.join(",")));
        }
    }
    flags
}

/// What the workers share.
struct Work<'a> {
    sweep: &'a Sweep<'a>,
    results: &'a Results,
    shard: (u64, u64),
    order: Order,
    next: AtomicU64,
    before: AtomicU64,
    runs: AtomicU64,
    events: AtomicU64,
    failed: AtomicBool,
    error: Mutex<Option<anyhow::Error>>,
}

impl Work<'_> {
    // All counters are relaxed: they carry no other data, and are read for good after the threads' ends.
    fn done(&self) -> u64 {
        self.runs.load(Ordering::Relaxed) + self.before.load(Ordering::Relaxed)
    }

    /// Takes runs until none is left.
    fn all(&self) {
        let mut rows = Vec::new();
        let mut held = None;
        while !self.failed.load(Ordering::Relaxed) && !(self.sweep.stop)() {
            let task = self.next.fetch_add(1, Ordering::Relaxed);
            let Some((journal, share)) = self.order.at(task) else { return };
            let set = share * self.shard.1 + self.shard.0;
            if let Err(error) = self.one(journal, set, &mut rows, &mut held) {
                self.failed.store(true, Ordering::Relaxed);
                self.error.lock().expect("nobody panics with this lock").get_or_insert(error);
            }
        }
    }

    fn one(
        &self,
        at: usize,
        set: u64,
        rows: &mut Vec<Row>,
        held: &mut Option<(usize, Arc<Inputs>)>,
    ) -> anyhow::Result<()> {
        let journal = &self.sweep.days.journals[at];
        if self.results.read(set, journal.first, journal.dates.len(), rows)? {
            self.before.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let inputs = match held {
            Some((of, inputs)) if *of == at => Arc::clone(inputs),
            _ => {
                // What was held goes first: two days of one worker are one too many.
                *held = None;
                let inputs = self.sweep.days.inputs(at)?;
                *held = Some((at, Arc::clone(&inputs)));
                inputs
            }
        };
        let Some((_, rows, events)) = self.sweep.run(journal, inputs, set)? else { return Ok(()) };
        self.results.write(set, journal.first, &rows)?;
        self.events.fetch_add(events, Ordering::Relaxed);
        self.runs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// The order of the runs: journal by journal, so that few days are in memory, and in each all sets.
struct Order {
    sets: u64,
    journals: Vec<usize>,
    /// Factor and first set of a walk through all sets; a factor of 1 from 0 is their order.
    walk: (u64, u64),
}

impl Order {
    fn new(shuffle: Option<u64>, sets: u64, journals: u64) -> Self {
        let mut order = Self { sets, journals: (0..journals as usize).collect(), walk: (1, 0) };
        if let Some(seed) = shuffle {
            let at = |number: u64, below: u64| {
                (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33).wrapping_add(number) % below
            };
            for left in (1..journals).rev() {
                order.journals.swap(left as usize, at(left * 7, left + 1) as usize);
            }
            let coprime = |factor: &u64| gcd(*factor, sets.max(1)) == 1;
            let factor =
                (sets / 3 + 1 + seed % 5..).find(coprime).expect("a number and the next are coprime");
            order.walk = (factor, at(1, sets.max(1)));
        }
        order
    }

    /// Journal and set, among those of the shard, of a run; `None` behind the last.
    fn at(&self, task: u64) -> Option<(usize, u64)> {
        let journal = *self.journals.get(usize::try_from(task.checked_div(self.sets)?).ok()?)?;
        let set = (task % self.sets * self.walk.0 + self.walk.1) % self.sets;
        Some((journal, set))
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_has_every_run_once() {
        for (sets, journals) in [(1, 1), (2, 3), (12, 5), (97, 2), (100, 9), (0, 4)] {
            for shuffle in [None, Some(1), Some(2), Some(99)] {
                let order = Order::new(shuffle, sets, journals);
                let mut all: Vec<_> = (0..sets * journals).filter_map(|task| order.at(task)).collect();
                assert_eq!(order.at(sets * journals), None);
                all.sort_unstable();
                all.dedup();
                assert_eq!(
                    all.len() as u64,
                    sets * journals,
                    "{sets} sets, {journals} journals, {shuffle:?}"
                );
            }
        }
    }
}
