//! One or many recorded journals as one run: their sessions in date order, their instruments in one table.
//!
//! ```text
//! DIR of 13 April ──┐ sorted by time, checked against     ┌─► table    instruments by symbol, ids translated
//! DIR of 12 April ──┼─► each other and the calendar ──────┼─► settings of the first day
//! DIR of 15 April ──┘                                     └─► reader   one stream after another, one open at a time
//! ```
//! What is carried over a night is what the engine carries from a session to the next of one journal: positions, capital,
//! latches, indicators. The joined inputs are journaled by the run, so its journal is one of several sessions like any
//! other, and verifies without the journals it was made from.

mod reader;
mod table;
#[cfg(test)]
mod tests;

pub use reader::{DaysReader, Seen};

use crate::diff::config_changes;
use crate::exit::{data, usage};
use crate::recorded::{Recording, not_closed};
use crate::sim::check_is_journal;
use crate::warmup::ist_date;
use jiff::civil::Date;
use pitlane_config::{Settings, format_ist};
use pitlane_engine::config::InstrumentSpec;
use pitlane_engine::event::{Event, SessionStart, Timer};
use pitlane_engine::units::{InstrumentId, TsNs};
use pitlane_market::{Calendar, Day, Segment};
use pitlane_store::{EventStream, INPUTS};
use std::path::{Path, PathBuf};
use table::Table;

/// An event to be read into.
fn blank() -> Event {
    Event::new(InstrumentId::NONE, 0, &Timer { due: TsNs::ZERO, reserved: [0; 24] })
}

/// Dates that a message lists at most.
const LISTED_MAX: usize = 10;

/// Recorded journals in the order of their sessions.
pub struct Days {
    /// The settings of the first one, with the instruments of all.
    pub settings: Settings,
    /// The instruments of all, by id: those of the first one, then what the others add.
    pub instruments: Vec<InstrumentSpec>,
    /// The first session.
    pub first_session: SessionStart,
    /// Time of the last input.
    pub last: TsNs,
    /// What is to be said about them, a line each.
    pub notes: Vec<String>,
    journals: Vec<Journal>,
}

/// One of them.
#[derive(Clone, Debug)]
struct Journal {
    dir: PathBuf,
    /// Number of its last input.
    inputs: u64,
    /// The joined table's id of each of its own.
    ids: Vec<InstrumentId>,
}

/// What is known of a journal before it is joined with others.
struct Found {
    dir: PathBuf,
    first: SessionStart,
    last: TsNs,
    inputs: u64,
    settings: Settings,
    instruments: Vec<InstrumentSpec>,
    /// What is to be said if it was not closed.
    not_closed: Option<String>,
}

impl Found {
    fn open(dir: &Path) -> anyhow::Result<Self> {
        check_is_journal(dir)?;
        let Recording { head, settings, .. } = Recording::open(dir)?;
        let mut inputs = EventStream::open(dir, INPUTS)?;
        let last = inputs.seek_last()?;
        let last = last.ok_or_else(|| data(format!("{}: it holds no input", dir.display())))?;
        let not_closed = not_closed(&inputs, dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            first: head.first_session,
            last: TsNs(last.ts_ns),
            inputs: last.seq,
            settings,
            instruments: head.instruments,
            not_closed,
        })
    }

    fn made(&self) -> Made<'_> {
        (&self.dir, &self.settings)
    }

    fn first_date(&self) -> Date {
        ist_date(self.first.open)
    }
}

impl Days {
    /// Opens the journals at `dirs`, given in any order.
    ///
    /// # Errors
    /// If one cannot be read to its end, two hold the same day or their sessions overlap, or they contradict each other in what an
    /// instrument is or in what their prices are made of.
    pub fn open(dirs: &[PathBuf]) -> anyhow::Result<Self> {
        let mut found = dirs.iter().map(|dir| Found::open(dir)).collect::<anyhow::Result<Vec<Found>>>()?;
        found.sort_by_key(|found| (found.first.pre_open, found.dir.clone()));
        for pair in found.windows(2) {
            refuse_overlap(&pair[0], &pair[1])?;
            refuse_other_prices(found[0].made(), pair[1].made())?;
        }
        let mut notes = early_ends(&found);
        notes.extend(gaps(&found, &Calendar::new()));
        let made: Vec<Made<'_>> = found.iter().map(Found::made).collect();
        notes.extend(other_settings(&made).map(|said| {
            let first = found[0].dir.display();
            format!("note: {said}; every day is run with those of the first, {first}")
        }));
        let mut table = Table::default();
        let (mut journals, mut last) = (Vec::with_capacity(found.len()), TsNs::ZERO);
        let mut first = None;
        for found in found {
            let ids = table.unite(&found.dir, &found.instruments)?;
            last = found.last;
            journals.push(Journal { dir: found.dir, inputs: found.inputs, ids });
            first.get_or_insert((found.first, found.settings));
        }
        let (first_session, mut settings) = first.ok_or_else(|| usage("name at least one journal"))?;
        let (instruments, said) = table.into_parts();
        notes.extend(said);
        if journals.len() > 1 {
            settings.instruments.clone_from(&instruments);
        }
        Ok(Self { settings, instruments, first_session, last, notes, journals })
    }

    /// Where the first one is.
    pub fn first_dir(&self) -> &Path {
        &self.journals[0].dir
    }

    /// How many journals.
    pub fn count(&self) -> usize {
        self.journals.len()
    }

    /// Recorded inputs of all.
    pub fn inputs(&self) -> u64 {
        self.journals.iter().map(|journal| journal.inputs).sum()
    }

    /// The inputs of all, one journal after another.
    pub fn reader(&self) -> DaysReader {
        DaysReader::new(self.journals.clone())
    }
}

/// Refuses two journals of which the second does not begin after the first has ended.
fn refuse_overlap(a: &Found, b: &Found) -> anyhow::Result<()> {
    if a.last < b.first.pre_open {
        return Ok(());
    }
    let (first, second) = (a.dir.display(), b.dir.display());
    if a.dir == b.dir || a.dir.canonicalize().ok() == b.dir.canonicalize().ok() {
        return Err(usage(format!("{second} is given twice: name each journal once")));
    }
    if a.first.date == b.first.date {
        return Err(data(format!(
            "{first} and {second} both hold a session of {}, and a run has each day once: leave one out; if they hold \
             different instruments of that day, import the files of both into one journal",
            a.first_date()
        )));
    }
    Err(data(format!(
        "the sessions of {first} and {second} overlap: the first goes on until {}, the second begins on {}. Leave one \
         out, or import the files of both into one journal, which sorts them by day",
        format_ist(a.last),
        b.first_date()
    )))
}

/// A journal and the settings it was made with, or is to be run with.
pub type Made<'a> = (&'a Path, &'a Settings);

/// Refuses to join recorded ticks with candles, or candles with such of another path: the figures would be of neither.
///
/// # Errors
/// If the prices of the two are not made of the same.
pub fn refuse_other_prices(a: Made<'_>, b: Made<'_>) -> anyhow::Result<()> {
    if a.1.candles == b.1.candles {
        return Ok(());
    }
    Err(data(format!(
        "{} has {} and {} has {}: figures of both together would say nothing; run them apart, or import the candles anew \
         with one --timeframe and --path",
        a.0.display(),
        a.1.prices(),
        b.0.display(),
        b.1.prices()
    )))
}

/// What to say about journals that were not closed: the timers that end a day may be missing with its end.
fn early_ends(found: &[Found]) -> Vec<String> {
    let note = |(number, one): (usize, &Found)| {
        let said = one.not_closed.as_ref()?;
        let over = if number < found.len() { "; what was open then went over the night" } else { "" };
        Some(format!("note: {said}{over}"))
    };
    (1..).zip(found).filter_map(note).collect()
}

/// What to say about trading days between the journals that none of them holds.
fn gaps(found: &[Found], calendar: &Calendar) -> Vec<String> {
    let (mut missing, mut unknown) = (Vec::new(), Vec::new());
    for pair in found.windows(2) {
        let mut date = ist_date(pair[0].last);
        let until = pair[1].first_date();
        while let Some(next) = date.tomorrow().ok().filter(|next| *next < until) {
            match calendar.sessions(next, Segment::Cash) {
                Day::Trading(_) => missing.push(next),
                Day::Unknown { .. } if is_weekday(next) => unknown.push(next),
                _ => {}
            }
            date = next;
        }
    }
    let mut notes = Vec::new();
    if !missing.is_empty() {
        notes.push(format!(
            "warning: no journal holds {}, on which the market was open: positions and indicators go over the gap as \
             if nothing had happened in it; record or import what is missing, or run the parts apart",
            listed(&missing)
        ));
    }
    if !unknown.is_empty() {
        notes.push(format!(
            "note: no journal holds {}; the calendar has no data for them, so these are holidays or are missing",
            listed(&unknown)
        ));
    }
    notes
}

fn is_weekday(date: Date) -> bool {
    use jiff::civil::Weekday::{Saturday, Sunday};
    !matches!(date.weekday(), Saturday | Sunday)
}

fn listed(dates: &[Date]) -> String {
    let mut text: Vec<String> = dates.iter().take(LISTED_MAX).map(Date::to_string).collect();
    if dates.len() > LISTED_MAX {
        text.push(format!("and {} more days", dates.len() - LISTED_MAX));
    }
    text.join(", ")
}

/// In what the settings of journals differ from those of the first: the first other journal, and the keys.
pub fn other_settings(journals: &[Made<'_>]) -> Option<String> {
    // What is of the recorded market is in its events, day by day.
    let text = |settings: &Settings| {
        let market = Settings::default();
        let own = settings.clone();
        let (instruments, trading) = (Vec::new(), market.trading);
        Settings { instruments, trading, session: market.session, sim: market.sim, ..own }.journaled_toml()
    };
    let (first, rest) = journals.split_first()?;
    let first_text = text(first.1);
    let other = rest.iter().find(|other| text(other.1) != first_text)?;
    let changes = config_changes(&first_text, &text(other.1));
    let keys: Vec<String> = changes.into_iter().map(|changed| changed.name).collect();
    let (first, other) = (first.0.display(), other.0.display());
    Some(format!("the settings of {other} are not those of {first} ({})", keys.join(", ")))
}
