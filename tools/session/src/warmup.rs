//! `--warmup`: bars of earlier days, from which indicators know the past when the first session opens.
//!
//! ```text
//! journal of an earlier day ─► its 1-minute bars ─┐
//! SYMBOL=FILE ─► 1-minute candles ────────────────┴─► minutes, first source wins ─► 3m ... 60m, day ─► history
//! ```
//! History comes between the instruments and the first session, as inputs: it is journaled, replayed and verified like
//! any other, and the state hashes cover what was made of it. It never holds a bar of the first session's date or later.
//!
//! Minutes are taken as they are; the longer bars are made from them by the engine's rule. Bars of one second are not in
//! it: strategies that decide on those start as without history.

mod again;
mod merge;
mod minutes;
mod sources;
#[cfg(test)]
mod tests;

pub(crate) use again::repeated;
pub(crate) use sources::ist_date;

use crate::exit::{data, usage};
use crate::live::say::say;
use crate::plan::Planner;
use clap::Args;
use minutes::Minutes;
use pitlane_engine::event::{Bar, Event, Kind, Timeframe};
use pitlane_store::Preamble;
use serde::Serialize;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;

/// What history to start from.
#[derive(Args, Clone, Debug, Default)]
pub struct WarmupArgs {
    /// Bars of earlier days that indicators warm up from: the journal of an earlier day, or SYMBOL=FILE with 1-minute
    /// candles (date,open,high,low,close,volume; .gz too). May be given several times; of two for one minute the first
    /// wins
    #[arg(long, value_name = "WHAT")]
    pub warmup: Vec<String>,
    /// Use only the last N days of them; default: all
    #[arg(long, value_name = "N", requires = "warmup")]
    pub warmup_days: Option<NonZeroUsize>,
}

/// What a run starts from.
#[derive(Clone, Debug, Default)]
pub struct Warmup {
    /// The bars, as `Schedule::new` takes them, by end, timeframe and instrument.
    pub history: Vec<Event>,
    /// What to say about them; `None` without any.
    pub summary: Option<WarmupSummary>,
}

/// What a run started from; `warmup` in its summary.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WarmupSummary {
    /// Bars of all timeframes.
    pub bars: u64,
    /// Trading dates they are of.
    pub days: u64,
    /// Where they come from, in the order given.
    pub sources: Vec<SourceSummary>,
}

/// What became of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceSummary {
    /// As given, or `recorded inputs` for history that a replayed journal holds.
    pub source: String,
    /// Minutes that were used.
    pub minutes: u64,
    /// Minutes that a source before it has too.
    pub duplicates: u64,
    /// Minutes outside the instrument's hours of continuous trading.
    pub outside_hours: u64,
    /// Minutes of instruments that the run does not have.
    pub other_instruments: u64,
    /// Minutes before the days asked for.
    pub older: u64,
}

impl WarmupSummary {
    /// A line for people.
    pub fn line(&self) -> String {
        let sum = |of: fn(&SourceSummary) -> u64| self.sources.iter().map(of).sum::<u64>();
        let left_out = [
            (sum(|source| source.duplicates), "given twice"),
            (sum(|source| source.outside_hours), "outside the hours"),
            (sum(|source| source.other_instruments), "of other instruments"),
            (sum(|source| source.older), "older"),
        ];
        let left_out: Vec<String> = left_out
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, why)| format!("{count} {why}"))
            .collect();
        let names: Vec<&str> = self.sources.iter().map(|source| source.source.as_str()).collect();
        let days = if self.days == 1 { "day" } else { "days" };
        let mut line = format!("{} bars of {} {days} from {}", self.bars, self.days, names.join(", "));
        if !left_out.is_empty() {
            line.push_str(&format!("; minutes left out: {}", left_out.join(", ")));
        }
        line
    }
}

impl WarmupArgs {
    /// Whether there is nothing to warm up from.
    pub fn is_empty(&self) -> bool {
        self.warmup.is_empty()
    }

    /// Reads what was asked for. `planner` has the run's instruments, and gives the hours of candles' dates; `first_date`
    /// is the date of the run's first session as yyyymmdd.
    ///
    /// # Errors
    /// If a source is neither a journal nor `SYMBOL=FILE`, cannot be read, holds anything of `first_date` or later, has
    /// a minute that is none of the session's, or has nothing that the run can use.
    pub fn load(&self, planner: &Planner<'_>, first_date: u32) -> anyhow::Result<Warmup> {
        if self.is_empty() {
            return Ok(Warmup::default());
        }
        let mut minutes = Minutes::new(first_date);
        let mut warnings = Vec::new();
        for what in &self.warmup {
            minutes.begin(what);
            if Path::new(what).is_dir() {
                sources::journal(Path::new(what), planner.instruments, &mut minutes)?;
            } else if let Some((symbol, path)) = what.split_once('=') {
                sources::candles(symbol, Path::new(path), planner, &mut minutes, &mut warnings)?;
            } else {
                return Err(usage(format!(
                    "--warmup: `{what}` is no directory of a journal, and not SYMBOL=FILE, such as NSE:RELIANCE=candles.csv"
                )));
            }
            refuse_useless(what, minutes.of_last())?;
        }
        // Of many dates without data the first stands for all.
        if let Some(first) = warnings.first() {
            match warnings.len() - 1 {
                0 => say(format!("warning: --warmup: {first}")),
                more => say(format!("warning: --warmup: {first} (and {more} more dates)")),
            }
        }
        let (days, sources) = minutes.keep_last(self.warmup_days);
        let history = merge::history(minutes);
        let summary = WarmupSummary { bars: history.len() as u64, days, sources };
        Ok(Warmup { history, summary: Some(summary) })
    }
}

/// Refuses a source that has nothing for the run: a run that was to start warm must not start cold without a word.
fn refuse_useless(what: &str, found: &SourceSummary) -> anyhow::Result<()> {
    if found.minutes + found.duplicates > 0 {
        return Ok(());
    }
    Err(data(format!(
        "--warmup {what}: no minute of it can be used ({} outside the hours, {} of instruments that the run does not \
         have); check the instrument, and that times are Indian",
        found.outside_hours, found.other_instruments
    )))
}

/// The history that the journal at `dir` was itself started from, if any.
///
/// # Errors
/// If the journal cannot be read.
pub fn recorded(dir: &Path) -> anyhow::Result<Option<WarmupSummary>> {
    let mut events = Preamble::open(dir)?;
    let mut days = BTreeSet::new();
    let (mut bars, mut minutes) = (0, 0);
    while let Some(event) = events.try_next()?.filter(|event| event.kind() != Kind::SessionStart) {
        if event.kind() == Kind::Bar {
            let bar = event.body::<Bar>();
            days.insert(bar.start.ist_day());
            bars += 1;
            minutes += u64::from(bar.timeframe == Timeframe::M1 as u8);
        }
    }
    let source = SourceSummary { source: "recorded inputs".to_owned(), minutes, ..Default::default() };
    let summary = WarmupSummary { bars, days: days.len() as u64, sources: vec![source] };
    Ok((bars > 0).then_some(summary))
}

/// Reads what was asked for a run anew of the journal at `dir`. What it was started from itself is among its recorded
/// inputs already, and is not in `history`.
///
/// # Errors
/// As `WarmupArgs::load`; and if anything is asked for although the journal has a history.
pub fn over_recorded(
    args: &WarmupArgs,
    dir: &Path,
    planner: &Planner<'_>,
    first_date: u32,
) -> anyhow::Result<Warmup> {
    let Some(summary) = recorded(dir)? else { return args.load(planner, first_date) };
    if !args.is_empty() {
        return Err(usage(format!(
            "--warmup: {} was started from a history of its own ({} bars), which is run as recorded; leave out \
             --warmup, or take a journal without one",
            dir.display(),
            summary.bars
        )));
    }
    Ok(Warmup { history: Vec::new(), summary: Some(summary) })
}
