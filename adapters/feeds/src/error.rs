//! What can be wrong with a source of frames.

use std::path::PathBuf;

/// A feed that cannot start or go on. Bad rows are not errors: they become dead letters.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// A file could not be opened.
    #[error("cannot open {}: {source}; check the path", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be read to its end.
    #[error("cannot read {} after line {line}: {source}; the file is damaged or cut short, fetch it again", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Lines read before.
        line: u64,
        /// Why.
        source: std::io::Error,
    },
    /// A file named `.gz` that is none.
    #[error("{}: named .gz but not gzip; unpack it under another name or fetch it again", path.display())]
    NotGzip {
        /// The file.
        path: PathBuf,
    },
    /// A header with other columns.
    #[error("{}:1: the columns are `{found}`; expected `{expected}` in this order", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// The header found.
        found: String,
        /// The header of such files.
        expected: &'static str,
    },
    /// A file of candles with columns that are not known.
    #[error("{}:1: {what}; expected rows `{expected}`, or a header that names a time, open, high, low and close", path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
        /// The columns of such files.
        expected: &'static str,
    },
    /// A file of candles of another period.
    #[error("{}: its rows are no {timeframe} candles: {what}; give --timeframe as the file has it", path.display())]
    Spacing {
        /// The file.
        path: PathBuf,
        /// The period looked for.
        timeframe: String,
        /// What they are instead.
        what: String,
    },
    /// A file without a single row.
    #[error("{}: no rows; expected lines `{expected}`", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// The columns of such files.
        expected: &'static str,
    },
    /// Files without a single row of a trading session.
    #[error(
        "{}: no row lies within {hours} on a weekday; check the dates and that times are Indian, or give other hours with \
         session.open and session.close",
        path.display()
    )]
    NoSession {
        /// The first file.
        path: PathBuf,
        /// The hours looked for.
        hours: String,
    },
    /// A setting or an instrument that the feed cannot serve.
    #[error("{what} cannot be {value}; allowed: {allowed}")]
    Setting {
        /// Which.
        what: String,
        /// Its value.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
}
