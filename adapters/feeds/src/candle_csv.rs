//! Candles as files have them, read exactly or refused with file and line. Here they become no frames and are of 1 minute:
//! what they are for is the warm-up of indicators. `bar_csv` makes ticks of the same rows.
//!
//! | rows | where from |
//! |---|---|
//! | `date,open,high,low,close,volume[,oi]` with or without a header | the broker's history |
//! | a header that names at least a time, `open`, `high`, `low` and `close`, in any order and case | other exports |
//! | `instrument,start,open,high,low,close,volume,trades` | `journal-replay export bars`; rows of others are passed over |
//! | `SYMBOL,YYYYMMDD,HH:MM,open,high,low,close,volume,oi`, the minute named by its end | collectors of NSE data |
//!
//! Times name the start of the minute (but in the last form), as `YYYY-MM-DD HH:MM:SS` with `T` or a blank between, and
//! are Indian unless they carry an offset (`+05:30`, `+0530`, `Z`).

mod layout;
#[cfg(test)]
mod tests;
mod values;

use crate::error::FeedError;
use crate::tick_csv::lines::{LINE_KEPT_MAX, Lines};
use layout::{Columns, Layout, Named};
use pitlane_engine::units::{NS_PER_S, Price, TsNs};
use std::path::{Path, PathBuf};

/// What the rows of such files are, for messages.
pub const CANDLE_COLUMNS: &str = "date,open,high,low,close,volume[,oi]";
/// Nanoseconds of a minute.
const MINUTE_NS: u64 = 60 * NS_PER_S;
/// From so many rows on it is judged whether they are a minute apart at all.
pub(crate) const SPACING_ROWS_MIN: usize = 20;

/// One minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candle {
    /// Start of the minute.
    pub start: TsNs,
    /// First price; positive, like the others.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Volume of the minute; zero where the file has none.
    pub volume: u64,
    /// Open interest; zero where the file has none.
    pub open_interest: u32,
    /// Trades, or observed changes; zero where the file has none.
    pub trades: u32,
    /// The line of the file, from 1.
    pub line: u64,
}

/// What a file holds of one instrument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candles {
    /// Its candles, each later than the one before.
    pub candles: Vec<Candle>,
    /// Rows of other instruments, which were passed over.
    pub others: u64,
}

/// A file of candles that cannot be used. Nothing of it is: a hole in history is not seen in an indicator.
#[derive(Debug, thiserror::Error)]
pub enum CandleError {
    /// The file itself.
    #[error(transparent)]
    File(#[from] FeedError),
    /// Its columns are not known.
    #[error(
        "{}:1: {what}; expected rows `{CANDLE_COLUMNS}`, or a header that names a time, open, high, low and close",
        path.display()
    )]
    Columns {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A row.
    #[error("{}:{line}: {what}; correct the file or fetch it again", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// Candles of another length.
    #[error(
        "{}: its rows are multiples of {minutes} minutes apart, so they are no 1-minute candles; fetch those, the longer \
         ones are made from them",
        path.display()
    )]
    Spacing {
        /// The file.
        path: PathBuf,
        /// The greatest common divisor of their distances, in minutes.
        minutes: u64,
    },
}

/// Reads the candles of `symbol` from a file, plain or gzip.
///
/// # Errors
/// If the file is missing, unreadable or empty, if its columns are not known, if any of its rows cannot be read
/// exactly, is not later than the one before, has a price that is not positive or prices outside `low ..= high`; if its
/// rows are never a minute apart.
pub fn read(path: &Path, symbol: &str) -> Result<Candles, CandleError> {
    let mut lines = Lines::open(path, CANDLE_COLUMNS)?;
    let mut found = Candles::default();
    let mut rows = Rows::new(symbol, MINUTE_NS);
    while lines.read_line()? {
        if lines.line().iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let line = lines.number();
        let refused = |what| match what {
            Refused::Columns(what) => CandleError::Columns { path: path.to_owned(), what },
            Refused::Row(what) => CandleError::Row { path: path.to_owned(), line, what },
        };
        if lines.line_bytes() > LINE_KEPT_MAX {
            return Err(refused(Refused::Row("the line is too long for a candle".to_owned())));
        }
        match rows.take(lines.line(), line).map_err(refused)? {
            Taken::Candle(candle) => {
                if found.candles.last().is_some_and(|last| candle.start <= last.start) {
                    let what = "the minute is not later than that of the row before".to_owned();
                    return Err(refused(Refused::Row(what)));
                }
                found.candles.push(candle);
            }
            Taken::Other => found.others += 1,
            Taken::Header => {}
        }
    }
    if rows.layout.is_none() || found.candles.is_empty() && found.others == 0 {
        return Err(lines.no_rows().into());
    }
    check_spacing(path, &found.candles)?;
    Ok(found)
}

/// Why a line is refused: the file is none of these, or this row of it is not.
pub(crate) enum Refused {
    Columns(String),
    Row(String),
}

/// What a line was.
pub(crate) enum Taken {
    Candle(Candle),
    Other,
    Header,
}

/// Reads line after line; the first one decides on the layout.
#[derive(Debug)]
pub(crate) struct Rows {
    symbol: String,
    /// Period of the candles in nanoseconds.
    length_ns: u64,
    layout: Option<Layout>,
    /// What the rows so far are of, where a column says so.
    name: Option<Vec<u8>>,
}

impl Rows {
    /// Before the first line of a file with candles of `symbol`.
    pub(crate) fn new(symbol: &str, length_ns: u64) -> Self {
        Self { symbol: symbol.to_owned(), length_ns, layout: None, name: None }
    }

    /// Reads the next line, which has this number.
    pub(crate) fn take(&mut self, line: &[u8], number: u64) -> Result<Taken, Refused> {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b',').map(values::unquoted).collect();
        let layout = match self.layout {
            Some(layout) => layout,
            None => {
                let (layout, is_header) = Layout::of_first(&fields).map_err(Refused::Columns)?;
                self.layout = Some(layout);
                if is_header {
                    return Ok(Taken::Header);
                }
                layout
            }
        };
        if !(layout.fewest..=layout.most).contains(&fields.len()) {
            let (found, least) = (fields.len(), layout.fewest);
            return Err(Refused::Row(format!("{found} fields, but the first line has {least} or more")));
        }
        if self.is_of_another(&layout.columns, &fields)? {
            return Ok(Taken::Other);
        }
        let candle = candle(&layout, self.length_ns, &fields, number).map_err(Refused::Row)?;
        Ok(Taken::Candle(candle))
    }

    /// Whether a row names another instrument. A column with the exchange's own symbols or tokens cannot be compared
    /// with ours, but must not change: rows of two instruments are not one history.
    fn is_of_another(&mut self, columns: &Columns, fields: &[&[u8]]) -> Result<bool, Refused> {
        match columns.name {
            None => Ok(false),
            Some((at, Named::Instrument)) => Ok(fields[at] != self.symbol.as_bytes()),
            Some((at, Named::Constant)) => {
                let name = self.name.get_or_insert_with(|| fields[at].to_vec());
                if name == fields[at] {
                    return Ok(false);
                }
                let show = String::from_utf8_lossy;
                let (now, before) = (show(fields[at]), show(name));
                Err(Refused::Row(format!(
                    "a row of {now} among rows of {before}; one file is one instrument"
                )))
            }
        }
    }
}

/// The candle of a row.
fn candle(layout: &Layout, length_ns: u64, fields: &[&[u8]], line: u64) -> Result<Candle, String> {
    let columns = &layout.columns;
    let show = |at: usize| String::from_utf8_lossy(fields[at]).into_owned();
    let time = match columns.clock {
        None => values::time(fields[columns.time]),
        Some(clock) => values::compact_time(fields[columns.time], fields[clock]),
    };
    let time = time.ok_or_else(|| format!("`{}` is no time YYYY-MM-DD HH:MM:SS", show(columns.time)))?;
    let start = if layout.named_by_end { TsNs(time.0.saturating_sub(length_ns)) } else { time };
    if !start.0.is_multiple_of(MINUTE_NS) {
        return Err(format!("`{}` is no whole minute", show(columns.time)));
    }
    let price = |at: usize, name: &str| match values::price(fields[at]) {
        None => Err(format!("{name} `{}` is no price", show(at))),
        Some(price) if price.0 <= 0 => Err(format!("{name} {} is not positive", show(at))),
        Some(price) => Ok(price),
    };
    let [open, high, low, close] = columns.prices;
    let (open, high) = (price(open, "open")?, price(high, "high")?);
    let (low, close) = (price(low, "low")?, price(close, "close")?);
    if high < low {
        return Err(format!("high {high} is below low {low}"));
    }
    for (name, value) in [("open", open), ("close", close)] {
        if !(low..=high).contains(&value) {
            return Err(format!("{name} {value} is outside low {low} to high {high}"));
        }
    }
    let count = |at: Option<usize>, name: &str, max: u64| {
        let Some(at) = at.filter(|at| fields.get(*at).is_some_and(|field| !field.is_empty())) else {
            return Ok(0);
        };
        let count = values::count(fields[at]).filter(|count| *count <= max);
        count.ok_or_else(|| format!("{name} `{}` is no whole number up to {max}", show(at)))
    };
    let narrow = |count: u64| u32::try_from(count).expect("bounded by u32::MAX above");
    Ok(Candle {
        start,
        open,
        high,
        low,
        close,
        volume: count(columns.volume, "volume", values::VOLUME_MAX)?,
        open_interest: narrow(count(columns.open_interest, "open interest", u64::from(u32::MAX))?),
        trades: narrow(count(columns.trades, "trades", u64::from(u32::MAX))?),
        line,
    })
}

/// Refuses candles of another length: read as minutes they would be wrong without a word. Few rows say nothing, and
/// minutes of an instrument that hardly trades differ by one sooner or later.
fn check_spacing(path: &Path, candles: &[Candle]) -> Result<(), CandleError> {
    if candles.len() < SPACING_ROWS_MIN {
        return Ok(());
    }
    let distances = candles.windows(2).map(|pair| pair[1].start.since(pair[0].start) / MINUTE_NS);
    match distances.fold(0, greatest_common_divisor) {
        0 | 1 => Ok(()),
        minutes => Err(CandleError::Spacing { path: path.to_owned(), minutes }),
    }
}

pub(crate) fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
