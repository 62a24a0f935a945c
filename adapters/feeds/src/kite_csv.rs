//! Ticks as a client of the broker's stream recorded them, `timestamp,token,ltp` in Indian time, as frames.
//!
//! A row becomes an 8-byte last-price packet, received at the row's time to the microsecond; it has no exchange time, so
//! its bar is that of the receive time. A file may hold rows of several tokens. Merging, and what becomes of rows that
//! are out of session, backward or unreadable, is that of `tick_csv`: a row is backward if it is older than the last
//! frame of its file, whatever the token.

#[cfg(test)]
mod tests;

use crate::error::FeedError;
use crate::tick_csv::TickCsvFeed;
use crate::tick_csv::lines::Lines;
use crate::tick_csv::row::RowReader;
use crate::tick_csv::scan::since_midnight;
use crate::tick_csv::source::Rows;
use jiff::civil::{Date, Time};
use pitlane_engine::config::{InstrumentSpec, SessionTimes};
use pitlane_engine::units::InstrumentId;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Columns of these files.
pub(crate) const KITE_COLUMNS: &str = "timestamp,token,ltp";

/// What a set of files holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KiteScan {
    /// The trading dates, ascending.
    pub dates: Vec<Date>,
    /// The tokens, each where it first occurs in the files as given.
    pub tokens: Vec<u32>,
}

/// The dates and tokens of the readable rows with a price that lie from `open` to before `close` on a weekday. Reads
/// every file to its end, so that a damaged one is found before anything is made of it.
///
/// # Errors
/// If a file cannot be read to its end, has other columns or no rows, or if there is no such row at all.
pub fn scan(files: &[PathBuf], open: Time, close: Time) -> Result<KiteScan, FeedError> {
    let hours = since_midnight(open)..since_midnight(close);
    let (mut dates, mut seen, mut tokens) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for path in files {
        scan_file(path, &hours, |date, token| {
            dates.extend(date);
            if seen.insert(token) {
                tokens.push(token);
            }
        })?;
    }
    match files.first() {
        Some(first) if dates.is_empty() => {
            Err(FeedError::NoSession { path: first.clone(), hours: format!("{open} to {close}") })
        }
        _ => Ok(KiteScan { dates: dates.into_iter().collect(), tokens }),
    }
}

fn scan_file(
    path: &Path,
    hours: &Range<u64>,
    mut each: impl FnMut(Option<Date>, u32),
) -> Result<(), FeedError> {
    let mut lines = Lines::open(path, KITE_COLUMNS)?;
    let mut reader = RowReader::default();
    let mut is_empty = true;
    while lines.next()? {
        is_empty = false;
        let Some((token, row)) = reader.token_row(lines.line()) else { continue };
        if row.last > 0 && hours.contains(&reader.since_midnight(row.ts)) && reader.is_weekday() {
            each(reader.date(), token);
        }
    }
    if is_empty { Err(lines.no_rows()) } else { Ok(()) }
}

/// Opens the files, in the order that decides between rows of equal time. Rows outside `sessions`, and rows with a
/// token that no instrument has, are refused.
///
/// # Errors
/// If a file is missing, unreadable, named `.gz` without being gzip, has other columns or no rows; if there are no
/// sessions.
pub fn open(
    files: &[PathBuf],
    instruments: &[InstrumentSpec],
    sessions: &[SessionTimes],
) -> Result<TickCsvFeed, FeedError> {
    let ids = (0_u32..).map(InstrumentId);
    let known = Arc::new(instruments.iter().map(|spec| spec.token).zip(ids).collect());
    let files = files.iter().map(|path| (path.as_path(), Rows::ByToken(Arc::clone(&known)))).collect();
    TickCsvFeed::merge(files, instruments.len(), sessions)
}
