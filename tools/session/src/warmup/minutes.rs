//! Minutes of earlier days from all sources, each once.

use super::SourceSummary;
use pitlane_engine::event::Bar;
use pitlane_engine::units::{InstrumentId, NS_PER_S, TsNs};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;

/// Nanoseconds of a minute.
pub(super) const MINUTE_NS: u64 = 60 * NS_PER_S;

/// One instrument on one trading date.
#[derive(Clone, Debug)]
pub(super) struct InstrumentDay {
    /// Start of continuous trading, as the first source with a minute has it.
    pub(super) open: TsNs,
    /// End of continuous trading.
    pub(super) close: TsNs,
    /// The minutes by their start, each with the source it is from.
    pub(super) minutes: BTreeMap<TsNs, (Bar, usize)>,
}

/// Why a minute cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// Of the first session's date, or later.
    #[error(
        "is not before the session's date {first}: a run that knew it would know the future; give earlier days only"
    )]
    LookAhead {
        /// The date of the first session.
        first: u32,
    },
    /// It does not start on one of the minutes that are counted from the open.
    #[error("is none of the session's minutes, which are counted from its open")]
    OffGrid,
}

/// What was collected.
#[derive(Debug)]
pub(super) struct Minutes {
    first_date: u32,
    /// By Indian date in days since the epoch, and instrument.
    pub(super) days: BTreeMap<(u64, InstrumentId), InstrumentDay>,
    sources: Vec<SourceSummary>,
}

impl Minutes {
    /// Nothing yet, for a run whose first session is of `first_date`, as yyyymmdd.
    pub(super) fn new(first_date: u32) -> Self {
        Self { first_date, days: BTreeMap::new(), sources: Vec::new() }
    }

    /// Begins the next source.
    pub(super) fn begin(&mut self, source: &str) {
        self.sources.push(SourceSummary { source: source.to_owned(), ..Default::default() });
    }

    /// What became of the present source so far.
    pub(super) fn of_last(&self) -> &SourceSummary {
        self.sources.last().expect("a source was begun")
    }

    fn last(&mut self) -> &mut SourceSummary {
        self.sources.last_mut().expect("a source was begun")
    }

    /// Whether a date, as yyyymmdd, is early enough.
    pub(super) fn check_date(&self, date: u32) -> Result<(), Refused> {
        if date < self.first_date { Ok(()) } else { Err(Refused::LookAhead { first: self.first_date }) }
    }

    /// Counts minutes of instruments that the run does not have.
    pub(super) fn pass_over(&mut self, others: u64) {
        self.last().other_instruments += others;
    }

    /// Takes a minute; what was taken for the same one before stays. `hours` are those of the instrument on its date:
    /// a minute that starts outside them is left out, as the engine leaves out ticks.
    pub(super) fn take(
        &mut self,
        instrument: InstrumentId,
        hours: (TsNs, TsNs),
        bar: &Bar,
    ) -> Result<(), Refused> {
        let source = self.sources.len() - 1;
        let key = (bar.start.ist_day(), instrument);
        let (open, close) = self.days.get(&key).map_or(hours, |day| (day.open, day.close));
        if bar.start < open || bar.start >= close {
            self.last().outside_hours += 1;
            return Ok(());
        }
        if !bar.start.since(open).is_multiple_of(MINUTE_NS) {
            return Err(Refused::OffGrid);
        }
        let day =
            self.days.entry(key).or_insert_with(|| InstrumentDay { open, close, minutes: BTreeMap::new() });
        let is_new = !day.minutes.contains_key(&bar.start);
        if is_new {
            day.minutes.insert(bar.start, (*bar, source));
            self.last().minutes += 1;
        } else {
            self.last().duplicates += 1;
        }
        Ok(())
    }

    /// Keeps the last `days` dates, all if that is not given; how many there are then, and what became of each source.
    pub(super) fn keep_last(&mut self, days: Option<NonZeroUsize>) -> (u64, Vec<SourceSummary>) {
        let mut dates: Vec<u64> = self.days.keys().map(|(date, _)| *date).collect();
        dates.dedup();
        let keep = days.map_or(dates.len(), NonZeroUsize::get).min(dates.len());
        let kept = dates.split_off(dates.len() - keep);
        let first = kept.first().copied().unwrap_or_default();
        let later = self.days.split_off(&(first, InstrumentId(0)));
        let older = std::mem::replace(&mut self.days, later);
        for (_, source) in older.values().flat_map(|day| day.minutes.values()) {
            self.sources[*source].minutes -= 1;
            self.sources[*source].older += 1;
        }
        (keep as u64, self.sources.clone())
    }
}
