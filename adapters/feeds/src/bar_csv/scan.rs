//! Which trading dates a set of candle files holds, and whether they are of the period that was asked for.

use super::{BarFile, Terms};
use crate::candle_csv::{CANDLE_COLUMNS, Refused, Rows, SPACING_ROWS_MIN, Taken, greatest_common_divisor};
use crate::error::FeedError;
use crate::tick_csv::lines::{LINE_KEPT_MAX, Lines};
use crate::tick_csv::scan::since_midnight;
use jiff::civil::{Date, Time, Weekday};
use pitlane_engine::units::{IST_OFFSET_NS, NS_PER_S, TsNs};
use std::collections::BTreeSet;

const MINUTE_NS: u64 = 60 * NS_PER_S;
const DAY_NS: u64 = 86_400 * NS_PER_S;

/// The dates, ascending, on which at least one file has a candle that starts from `open` to before `close` on a weekday.
/// Reads every file to its end, so that a damaged one is found before anything is made of it.
///
/// # Errors
/// If a file cannot be read to its end, has no rows, unknown columns or candles of another period; if there is no such
/// date at all.
pub fn scan(files: &[BarFile], terms: Terms, open: Time, close: Time) -> Result<Vec<Date>, FeedError> {
    let hours = since_midnight(open)..since_midnight(close);
    let mut dates = BTreeSet::new();
    for file in files {
        scan_file(file, terms, &hours, &mut dates)?;
    }
    match files.first() {
        Some(first) if dates.is_empty() => {
            Err(FeedError::NoSession { path: first.path.clone(), hours: format!("{open} to {close}") })
        }
        _ => Ok(dates.into_iter().collect()),
    }
}

fn scan_file(
    file: &BarFile,
    terms: Terms,
    hours: &std::ops::Range<u64>,
    dates: &mut BTreeSet<Date>,
) -> Result<(), FeedError> {
    let mut lines = Lines::open(&file.path, CANDLE_COLUMNS)?;
    let mut rows = Rows::new(&file.symbol, terms.length_ns());
    let (mut days, mut spacing) = (BTreeSet::new(), Spacing::default());
    let mut is_empty = true;
    while lines.read_line()? {
        if lines.line().iter().all(u8::is_ascii_whitespace) || lines.line_bytes() > LINE_KEPT_MAX {
            continue;
        }
        let taken = match rows.take(lines.line(), lines.number()) {
            Err(Refused::Columns(what)) => {
                return Err(FeedError::Columns { path: file.path.clone(), what, expected: CANDLE_COLUMNS });
            }
            Err(Refused::Row(_)) => {
                is_empty = false;
                continue;
            }
            Ok(taken) => taken,
        };
        is_empty &= matches!(taken, Taken::Header);
        let Taken::Candle(candle) = taken else { continue };
        let since_midnight = (candle.start.0 + IST_OFFSET_NS) % DAY_NS;
        if hours.contains(&since_midnight) {
            spacing.take(candle.start, since_midnight - hours.start, terms.length_ns());
            days.insert(candle.start.ist_day());
        }
    }
    if is_empty {
        return Err(lines.no_rows());
    }
    if let Some(what) = spacing.fault(terms.length_ns()) {
        let timeframe = terms.timeframe.name().to_owned();
        return Err(FeedError::Spacing { path: file.path.clone(), timeframe, what });
    }
    let date = |day: u64| {
        let day = i64::try_from(day).expect("engine time ends in 2554");
        jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(day))
    };
    let is_weekday = |date: &Date| !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
    dates.extend(days.into_iter().map(date).filter(is_weekday));
    Ok(())
}

/// How far apart the candles of a file are.
#[derive(Default)]
struct Spacing {
    last: Option<TsNs>,
    minutes: u64,
    rows: usize,
    off_grid: usize,
}

impl Spacing {
    /// Takes a candle that starts so long after the session's open.
    fn take(&mut self, start: TsNs, since_open: u64, length_ns: u64) {
        if let Some(last) = self.last {
            let distance = start.0.abs_diff(last.0) / MINUTE_NS;
            self.minutes = greatest_common_divisor(self.minutes, distance);
        }
        self.last = Some(start);
        self.rows += 1;
        self.off_grid += usize::from(!since_open.is_multiple_of(length_ns));
    }

    /// Why they are not of the period asked for. Few rows say nothing, and a single wrong one is a dead letter.
    fn fault(&self, length_ns: u64) -> Option<String> {
        if self.off_grid * 2 > self.rows {
            return Some(format!(
                "{} of {} do not start on a multiple of it from the open",
                self.off_grid, self.rows
            ));
        }
        let is_longer = self.rows >= SPACING_ROWS_MIN && self.minutes > length_ns / MINUTE_NS;
        is_longer.then(|| format!("they are multiples of {} minutes apart", self.minutes))
    }
}
