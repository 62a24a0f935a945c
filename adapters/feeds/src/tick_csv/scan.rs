//! Which trading dates a set of files holds.

use super::TICK_COLUMNS;
use super::lines::Lines;
use super::row::RowReader;
use crate::error::FeedError;
use jiff::civil::{Date, Time};
use pitlane_engine::units::NS_PER_S;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The dates, ascending, on which at least one file has a readable row from `open` to before `close` on a weekday.
/// Reads every file to its end, so that a damaged one is found before anything is made of it.
///
/// # Errors
/// If a file cannot be read to its end or has no rows, or if there is no such date at all.
pub fn scan_dates(files: &[PathBuf], open: Time, close: Time) -> Result<Vec<Date>, FeedError> {
    let hours = since_midnight(open)..since_midnight(close);
    let mut dates = BTreeSet::new();
    for path in files {
        scan(path, &hours, &mut dates)?;
    }
    match files.first() {
        Some(first) if dates.is_empty() => {
            Err(FeedError::NoSession { path: first.clone(), hours: format!("{open} to {close}") })
        }
        _ => Ok(dates.into_iter().collect()),
    }
}

fn scan(path: &Path, hours: &std::ops::Range<u64>, dates: &mut BTreeSet<Date>) -> Result<(), FeedError> {
    let mut lines = Lines::open(path, TICK_COLUMNS)?;
    let mut rows = RowReader::default();
    let mut is_empty = true;
    while lines.next()? {
        is_empty = false;
        // The instrument does not matter here: any price unit will do to tell a row from garbage.
        let Some(row) = rows.row(lines.line(), 100, false) else { continue };
        if hours.contains(&rows.since_midnight(row.ts)) && rows.is_weekday() {
            dates.extend(rows.date());
        }
    }
    if is_empty { Err(lines.no_rows()) } else { Ok(()) }
}

/// Nanoseconds from Indian midnight to a time of the day.
pub(crate) fn since_midnight(time: Time) -> u64 {
    let seconds = i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    seconds.unsigned_abs() * NS_PER_S
}
