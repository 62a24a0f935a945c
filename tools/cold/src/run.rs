//! `cold-path run`: keeps a journal's rows while it is written, in a process of its own.
//!
//! Each destination has a thread that reads the journal by itself: one that is slow or down holds nothing up but itself. What
//! is not kept yet is in the journal, and nowhere else but in the one batch that each destination gathers.

use crate::args::{ArchiveArgs, Configured};
use crate::destination::{Committed, Place, Reached, follow};
use crate::fault;
use crate::frontier::Frontier;
use crate::lease;
use crate::postgres::{self, PostgresArgs};
use crate::status::{SCHEMA, SinkStatus, State, Status, now_s, prepare};
use crate::tail::{Closed, Journal, Tail, closed};
use clap::Args;
use pitlane_postgres::PgError;
use pitlane_rows::Offset;
use pitlane_session::exit::{Exit, Refusal, answer_before_exit, exit_of, tell};
use pitlane_session::progress::Progress;
use pitlane_session::signals::Signals;
use pitlane_session::summary::card;
use pitlane_store::INPUTS;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Steps between two looks at the time and at what was asked for.
const STEPS: u64 = 4_096;
const POLL: Duration = Duration::from_millis(20);
const PUBLISH: Duration = Duration::from_secs(1);
/// Between two looks whether the journal was closed by a repair.
const REPAIRED: Duration = Duration::from_secs(3);
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// `cold-path run`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// The journal; it may be one that is being written, or not there yet
    #[arg(long, value_name = "DIR")]
    pub journal: PathBuf,
    #[command(flatten)]
    /// The archive.
    pub archive: ArchiveArgs,
    #[command(flatten)]
    /// The database.
    pub postgres: PostgresArgs,
    /// Rows of a transaction at most, while it catches up; what is there is kept at once when it has
    #[arg(long, value_name = "ROWS", default_value_t = 100_000)]
    pub postgres_batch: u64,
    /// Where to write metrics as Prometheus' collector of text files reads them; default: in the archive's folder _status
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
    /// Take leases on the journal for the archive and for the database: its retention then waits until `archive` has
    /// verified what would go, in each of them
    #[arg(long)]
    pub lease: bool,
    /// Print one JSON object (cold-run/1) on stdout when it ends
    #[arg(long)]
    pub json: bool,
}

impl RunArgs {
    /// Takes what no flag gave from the configuration.
    pub fn configure(&mut self, configured: &Configured<'_>) {
        self.archive.configure(configured);
        self.postgres.configure(configured);
        configured.put("postgres_batch", &mut self.postgres_batch, configured.settings.postgres_batch);
    }
}

/// What the threads and the one that watches them share.
#[derive(Clone, Default)]
struct Shared {
    sinks: Arc<Mutex<Vec<SinkStatus>>>,
    stop: Arc<AtomicBool>,
}

impl Shared {
    fn update(&self, at: usize, change: impl FnOnce(&mut SinkStatus)) {
        let mut sinks = self.sinks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut sinks[at]);
    }

    fn sinks(&self) -> Vec<SinkStatus> {
        self.sinks.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Whether it was asked to stop; a flag without data.
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

type Open = Box<dyn Fn() -> anyhow::Result<Place> + Send>;

/// Follows a journal until it has ended or a signal comes.
///
/// # Errors
/// If the journal is damaged, another process archives it, or the disk fails. What was kept stays, and the same command goes
/// on from there.
pub fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    args.archive.options()?;
    let target = args.postgres.target()?.map(|kept| kept.in_batches(args.postgres_batch)).transpose()?;
    let signals = Signals::listen()?;
    let journal = match wait_for(&args.journal, &signals)? {
        Ok(journal) => journal,
        Err(exit) => return Ok(exit),
    };
    if args.lease {
        let names = lease::names(&args.archive.out, target.as_ref())?;
        lease::advance(&journal.dir, &names, Offset::default())?;
    }
    let path = prepare(&args.archive.out, journal.uuid())?;
    let metrics = args.metrics.clone().unwrap_or_else(|| path.with_extension("prom"));
    let (archive, own) = (args.archive.clone(), journal.clone());
    // Opened here: that another process holds it is an error at once.
    let first = Mutex::new(Some(archive.place(&journal)?));
    let parquet = move || match first.lock().ok().and_then(|mut first| first.take()) {
        Some(place) => Ok(place),
        None => archive.place(&own),
    };
    let mut opens: Vec<(&str, Open)> = vec![("parquet", Box::new(parquet))];
    if let Some(target) = target {
        let (own, opened) = (journal.clone(), Cell::new(false));
        let open = move || {
            let place = postgres::place(&target, &own).map_err(|error| again(error, opened.get()))?;
            opened.set(true);
            Ok(place)
        };
        opens.push(("postgres", Box::new(open)));
    }
    let watch = Watch { journal, path, metrics, signals, shared: Shared::default() };
    let (status, failed) = watch.over(opens)?;
    if let Some(error) = failed {
        return Err(error);
    }
    if args.json {
        let mut value = serde_json::to_value(&status)?;
        value["schema"] = "cold-run/1".into();
        answer_before_exit(&value.to_string())?;
    } else {
        answer_before_exit(&summary(&status, &args.archive.out))?;
    }
    Ok(watch.signals.exit().unwrap_or(Exit::Ok))
}

/// What an error of opening the database comes to. Whoever holds the journal there after this process has had it, is most
/// likely its own session, of which the server has not noticed yet that it is over: that passes.
fn again(error: PgError, opened: bool) -> anyhow::Error {
    match error {
        PgError::Held { .. } if opened => {
            Refusal { exit: Exit::Unavailable, message: error.to_string() }.into()
        }
        error => postgres::fault(error),
    }
}

fn summary(status: &Status, out: &Path) -> String {
    let mut rows = vec![("journal", status.journal.display().to_string())];
    let line = |sink: &SinkStatus| format!("{} rows, to input {}", sink.rows, sink.kept_seq);
    rows.extend(status.sinks.iter().map(|sink| (sink.name.as_str(), line(sink))));
    rows.push(("archive", out.display().to_string()));
    card(&rows)
}

/// The journal, once its run has begun; or the exit code of a signal.
fn wait_for(dir: &Path, signals: &Signals) -> anyhow::Result<Result<Journal, Exit>> {
    let mut told = false;
    loop {
        match Journal::open(dir) {
            Ok(journal) => return Ok(Ok(journal)),
            Err(error) if !fault::is_not_begun(&error) => return Err(error),
            Err(_) if !std::mem::replace(&mut told, true) => {
                tell(&format!("waiting for a run to begin in {}", dir.display()));
            }
            Err(_) => {}
        }
        if let Some(exit) = signals.exit() {
            return Ok(Err(exit));
        }
        thread::sleep(POLL);
    }
}

/// The thread that watches the others.
struct Watch {
    journal: Journal,
    path: PathBuf,
    metrics: PathBuf,
    signals: Signals,
    shared: Shared,
}

impl Watch {
    /// Runs the destinations to their end; gives the last status, and the first error.
    fn over(&self, opens: Vec<(&str, Open)>) -> anyhow::Result<(Status, Option<anyhow::Error>)> {
        let status = |name: &str| SinkStatus { name: name.to_owned(), ..SinkStatus::default() };
        *self.shared.sinks.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            opens.iter().map(|(name, _)| status(name)).collect();
        let level = Arc::new(Mutex::new(0));
        let mut threads = Vec::new();
        for (at, (name, open)) in opens.into_iter().enumerate() {
            let keeper = Keeper {
                at,
                journal: self.journal.clone(),
                shared: self.shared.clone(),
                level: level.clone(),
            };
            let thread = thread::Builder::new().name(format!("cold-{name}"));
            threads.push(thread.spawn(move || keeper.keep(&open))?);
        }
        let (started_s, mut progress) = (now_s(), Progress::new("inputs archived", 0));
        let make = || Status {
            schema: SCHEMA.to_owned(),
            pid: std::process::id(),
            journal: self.journal.dir.clone(),
            uuid: self.journal.uuid().to_string(),
            level: level.lock().map_or(0, |level| *level),
            started_s,
            updated_s: now_s(),
            sinks: self.shared.sinks(),
        };
        let (mut published, mut telling) = (None::<Instant>, true);
        // One that is down does not look by itself how far the journal has gone on without it.
        let mut frontier = Frontier::new(&self.journal.dir, INPUTS);
        while !threads.iter().all(thread::JoinHandle::is_finished) {
            thread::sleep(POLL);
            if self.signals.exit().is_some() {
                self.shared.stop.store(true, Ordering::Relaxed);
            }
            progress.at(self.shared.sinks().iter().map(|sink| sink.read_seq).min().unwrap_or(0));
            if published.is_none_or(|at| at.elapsed() >= PUBLISH) {
                published = Some(Instant::now());
                // What cannot be read the destinations tell of.
                if frontier.look().is_ok() {
                    let durable = frontier.seq();
                    let count = self.shared.sinks().len();
                    (0..count).for_each(|at| {
                        self.shared.update(at, |sink| sink.durable_seq = sink.durable_seq.max(durable));
                    });
                }
                // A status that cannot be written is told of once: the archive goes on as long as it can.
                if let Err(error) = make().publish(&self.path, Some(&self.metrics))
                    && std::mem::take(&mut telling)
                {
                    tell(&format!("warning: {error:#}"));
                }
            }
        }
        let mut failed = None;
        for thread in threads {
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => failed = failed.or(Some(error)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        let status = make();
        if let Err(error) = status.publish(&self.path, Some(&self.metrics)) {
            failed = failed.or(Some(error));
        }
        Ok((status, failed))
    }
}

/// One destination's thread.
struct Keeper {
    at: usize,
    journal: Journal,
    shared: Shared,
    level: Arc<Mutex<u32>>,
}

impl Keeper {
    fn keep(&self, open: &Open) -> anyhow::Result<()> {
        let (mut delay, mut begun) = (RETRY_MIN, false);
        // Since when it is down.
        let mut behind = None;
        loop {
            let error = match self.keep_until_it_fails(open, &mut delay, &mut begun, &mut behind) {
                Ok(state) => {
                    self.shared.update(self.at, |sink| {
                        sink.state = state;
                        sink.error = None;
                    });
                    return Ok(());
                }
                Err(error) => error,
            };
            let down = exit_of(&error) == Exit::Unavailable;
            let since = *behind.get_or_insert_with(Instant::now);
            let state = if down { State::Waiting } else { State::Failed };
            self.shared.update(self.at, |sink| {
                sink.state = state;
                sink.error = Some(format!("{error:#}"));
            });
            if !down {
                // One that cannot even begin is a mistake to be told at once. Later the others go on, and the command ends
                // with this error when they have ended.
                if !begun {
                    self.shared.stop.store(true, Ordering::Relaxed);
                }
                return Err(error);
            }
            tell(&format!(
                "warning: {error:#}; trying again in {:.1} s, the journal keeps the rows",
                delay.as_secs_f64()
            ));
            let until = Instant::now() + delay;
            while Instant::now() < until {
                if self.shared.stopped() {
                    // Asked to stop while it waits: its rows are in the journal, and that is no failure.
                    return Ok(());
                }
                self.shared.update(self.at, |sink| sink.behind_s = since.elapsed().as_secs_f64());
                thread::sleep(POLL);
            }
            delay = (delay * 2).min(RETRY_MAX);
        }
    }

    fn keep_until_it_fails(
        &self,
        open: &Open,
        delay: &mut Duration,
        begun: &mut bool,
        down: &mut Option<Instant>,
    ) -> anyhow::Result<State> {
        let mut place = open()?;
        *begun = true;
        for repair in &place.repairs {
            tell(&format!("note: written again: {repair}"));
        }
        let mut tail = Tail::open(&self.journal, place.projection.offset(), false)?;
        if let Ok(mut level) = self.level.lock() {
            *level = tail.level();
        }
        let mut pace = Pace { since: Instant::now(), behind: *down };
        let (kept, mut quiet) = (place.projection.seq(), Instant::now());
        self.shared.update(self.at, |sink| {
            (sink.state, sink.error, sink.kept_seq) = (State::CatchingUp, None, kept)
        });
        loop {
            let reached = follow(&mut tail, &mut place, STEPS, &mut |committed| {
                *delay = RETRY_MIN;
                self.committed(committed, &pace);
            })?;
            let (read, durable) = (place.projection.seq(), tail.durable_seq());
            let behind = pace.behind(reached == Reached::Bound);
            self.shared.update(self.at, |sink| {
                (sink.read_seq, sink.durable_seq, sink.behind_s) = (read, durable, behind);
                sink.state = if reached == Reached::Bound { State::CatchingUp } else { State::CaughtUp };
            });
            if reached != Reached::Bound {
                *down = None;
            }
            if reached == Reached::End {
                return Ok(State::Ended);
            }
            if self.shared.stopped() {
                if let Some(committed) = place.destination.finish(&mut place.projection)? {
                    self.committed(committed, &pace);
                }
                return Ok(State::Stopped);
            }
            if reached == Reached::Durable {
                thread::sleep(POLL);
                // A writer that goes on with a journal brings its own sidecar: this one leaves the place to it.
                if quiet.elapsed() >= REPAIRED {
                    quiet = Instant::now();
                    if closed(&self.journal.dir).is_ok_and(|closed| closed == Closed::Repaired) {
                        tail.end_where_repaired();
                    }
                }
            }
        }
    }

    fn committed(&self, committed: Committed, pace: &Pace) {
        self.shared.update(self.at, |sink| {
            sink.rows += committed.rows;
            sink.kept_seq = committed.offset.seq;
            sink.rows_per_s = sink.rows as f64 / pace.since.elapsed().as_secs_f64().max(1e-9);
        });
    }
}

/// Since when a destination is open, and since when it has not caught up.
struct Pace {
    since: Instant,
    behind: Option<Instant>,
}

impl Pace {
    fn behind(&mut self, is: bool) -> f64 {
        self.behind = is.then(|| self.behind.unwrap_or_else(Instant::now));
        self.behind.map_or(0.0, |since| since.elapsed().as_secs_f64())
    }
}
