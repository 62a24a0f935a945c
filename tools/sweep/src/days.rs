//! The recorded days: opened and hashed once, their inputs held in memory only as long as somebody runs them.

use anyhow::Context;
use pitlane_engine::event::{Event, FLAG_EXO, Kind, SessionStart};
use pitlane_engine::hash::StateHasher;
use pitlane_engine::sequencer::source::EventReader;
use pitlane_market::Calendar;
use pitlane_session::cli::ConfigArgs;
use pitlane_session::days::{Made, other_settings, refuse_other_prices};
use pitlane_session::exit::data;
use pitlane_session::plan::Planner;
use pitlane_session::profit::show_date;
use pitlane_session::recorded::{Recording, not_closed};
use pitlane_session::warmup::{self, WarmupArgs};
use pitlane_session::whatif::refuse_recorded;
use pitlane_store::{EventStream, INPUTS};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};

/// A recorded journal, of one session or more.
pub(crate) struct Journal {
    /// With the settings that all sets start from.
    pub(crate) recording: Recording,
    /// Number of its first session among those of all journals.
    pub(crate) first: usize,
    /// The dates of its sessions, as yyyymmdd.
    pub(crate) dates: Vec<u32>,
    /// The journals whose minutes warm the indicators up.
    pub(crate) warm: Vec<PathBuf>,
    /// Hash of the inputs from outside, and of the history.
    pub(crate) hash: u128,
    events: usize,
    bytes: usize,
}

/// The journals of a sweep in date order.
pub(crate) struct Days {
    pub(crate) journals: Vec<Journal>,
    /// One journal of each kind, by number: what the settings of a set come to follows from a journal's settings and instruments.
    pub(crate) kinds: Vec<usize>,
    /// The date of every session.
    pub(crate) dates: Vec<u32>,
    /// What a reader of the figures must know.
    pub(crate) notes: Vec<String>,
    last: Mutex<Option<Arc<Inputs>>>,
    alive: Vec<Mutex<Weak<Inputs>>>,
}

/// The inputs of a journal from outside, decoded once and shared by all who run them.
pub(crate) struct Inputs {
    /// The used bytes of the events, one after the other.
    bytes: Vec<u8>,
    /// The length of each.
    lengths: Vec<u16>,
    /// Bars of the days before.
    pub(crate) history: Vec<Event>,
}

/// Reads shared inputs from their beginning.
pub(crate) struct Shared {
    inputs: Arc<Inputs>,
    next: usize,
    offset: usize,
}

impl Shared {
    pub(crate) fn new(inputs: Arc<Inputs>) -> Self {
        Self { inputs, next: 0, offset: 0 }
    }
}

impl EventReader for Shared {
    fn next_event(&mut self) -> Option<Event> {
        let length = usize::from(*self.inputs.lengths.get(self.next)?);
        let bytes = &self.inputs.bytes[self.offset..self.offset + length];
        self.next += 1;
        self.offset += length;
        Some(Event::from_bytes(bytes).expect("it was an event when it was read"))
    }
}

/// Whether a what-if run takes the input from its recording: what `Recorded` leaves out need not be held.
fn is_wanted(event: &Event) -> bool {
    let of_the_run =
        matches!(event.kind(), Kind::SessionEnd | Kind::ConfigText | Kind::Instrument | Kind::Report);
    !of_the_run && event.header.flags & FLAG_EXO != 0
}

impl Days {
    /// Opens the journals at `dirs` for runs with `config` over the settings they were made with. The indicators of each
    /// start from the `warm` journals before it.
    ///
    /// # Errors
    /// If one is no journal or damaged, two hold the same day, or the settings do not fit.
    pub(crate) fn open(dirs: &[PathBuf], config: &ConfigArgs, warm: usize) -> anyhow::Result<Self> {
        let recordings = pitlane_report::open(dirs)?;
        let mut days = Self {
            journals: Vec::new(),
            kinds: Vec::new(),
            dates: Vec::new(),
            notes: Vec::new(),
            last: Mutex::new(None),
            alive: Vec::new(),
        };
        for pair in recordings.windows(2) {
            refuse_other_prices((&pair[0].dir, &pair[0].settings), (&pair[1].dir, &pair[1].settings))?;
        }
        let mut before: Vec<PathBuf> = Vec::new();
        for mut recording in recordings {
            let mut settings = config.load_over(&recording.settings)?;
            // What a broker did is not done again.
            settings.venue.live = false;
            refuse_recorded(&recording.settings, &settings)?;
            recording.settings = settings;
            let dir = recording.dir.clone();
            let warm = before[before.len().saturating_sub(warm)..].to_vec();
            days.add(recording, warm)?;
            before.push(dir);
        }
        let made: Vec<Made<'_>> = days.journals.iter().map(Journal::made).collect();
        days.notes.extend(other_settings(&made).map(|said| format!("{said}; each journal keeps its own")));
        let missing = pitlane_report::missing(&days.dates);
        if let Some(first) = missing.first() {
            days.notes.push(format!(
                "{} trading days between the first and the last are not there, from {} on",
                missing.len(),
                show_date(*first)
            ));
        }
        Ok(days)
    }

    fn add(&mut self, recording: Recording, warm: Vec<PathBuf>) -> anyhow::Result<()> {
        let dir = recording.dir.clone();
        let shown = dir.display();
        let mut stream = EventStream::open(&dir, INPUTS)?;
        let mut journal = Journal {
            recording,
            first: self.dates.len(),
            dates: Vec::new(),
            warm,
            hash: 0,
            events: 0,
            bytes: 0,
        };
        let mut hasher = StateHasher::new(0);
        while let Some(event) = stream.try_next()? {
            if !is_wanted(&event) {
                continue;
            }
            if event.kind() == Kind::SessionStart {
                let date = event.body::<SessionStart>().date;
                if self.dates.last().is_some_and(|last| *last >= date) {
                    return Err(data(format!(
                        "{shown} holds {}, which another of the journals holds too; each day counts once: leave one of \
                         them out",
                        show_date(date)
                    )));
                }
                journal.dates.push(date);
                self.dates.push(date);
            }
            let used = event.used_bytes();
            hasher.bytes(used);
            journal.events += 1;
            journal.bytes += used.len();
        }
        self.notes.extend(not_closed(&stream, &dir)?);
        for event in journal.history()? {
            hasher.bytes(event.used_bytes());
        }
        journal.hash = hasher.finish();
        let is_known = |known: &usize| {
            let Recording { head, settings, .. } = &self.journals[*known].recording;
            *settings == journal.recording.settings && head.instruments == journal.recording.head.instruments
        };
        if !self.kinds.iter().any(is_known) {
            self.kinds.push(self.journals.len());
        }
        self.journals.push(journal);
        self.alive.push(Mutex::default());
        Ok(())
    }

    /// The inputs of journal `at`. Those asked for last are held, and those that anybody still runs: so there are never more
    /// in memory than there are workers, and one.
    ///
    /// # Errors
    /// If they cannot be read any more.
    pub(crate) fn inputs(&self, at: usize) -> anyhow::Result<Arc<Inputs>> {
        let mut alive =
            self.alive[at].lock().expect("whoever reads inputs panics without this lock's data half made");
        if let Some(inputs) = alive.upgrade() {
            return Ok(inputs);
        }
        let inputs = Arc::new(self.journals[at].read()?);
        *alive = Arc::downgrade(&inputs);
        let mut last = self.last.lock().expect("the value is replaced whole");
        *last = Some(Arc::clone(&inputs));
        Ok(inputs)
    }
}

impl Journal {
    fn made(&self) -> Made<'_> {
        (&self.recording.dir, &self.recording.settings)
    }

    /// For errors: where it is, and its first date.
    pub(crate) fn name(&self) -> String {
        format!("{} ({})", self.recording.dir.display(), show_date(self.recording.head.first_session.date))
    }

    /// The bars that its indicators start from, those of its own record not among them.
    fn history(&self) -> anyhow::Result<Vec<Event>> {
        let recording = &self.recording;
        let planner = Planner {
            settings: &recording.settings,
            calendar: &Calendar::new(),
            instruments: &recording.head.instruments,
            dump: None,
        };
        let warm = self.warm.iter().map(|dir| dir.to_string_lossy().into_owned());
        let args = WarmupArgs { warmup: warm.collect(), warmup_days: None };
        let date = recording.head.first_session.date;
        let warmup = warmup::over_recorded(&args, &recording.dir, &planner, date)
            .with_context(|| format!("--warm-days, for {}", self.name()))?;
        Ok(warmup.history)
    }

    fn read(&self) -> anyhow::Result<Inputs> {
        let mut inputs = Inputs {
            bytes: Vec::with_capacity(self.bytes),
            lengths: Vec::with_capacity(self.events),
            history: self.history()?,
        };
        let mut stream = EventStream::open(&self.recording.dir, INPUTS)?;
        while let Some(event) = stream.try_next()?.filter(|_| inputs.lengths.len() < self.events) {
            if is_wanted(&event) {
                let used = event.used_bytes();
                inputs.bytes.extend_from_slice(used);
                inputs.lengths.push(u16::try_from(used.len()).expect("an event is no longer than its slot"));
            }
        }
        if inputs.bytes.len() != self.bytes {
            return Err(data(format!(
                "{} is not what it was when the sweep began; do not change journals while a sweep reads them",
                self.name()
            )));
        }
        Ok(inputs)
    }
}
