//! What can be wrong with a file or a setting of the market. Bad rows are not errors: they are counted
//! (`RowFault`).

use jiff::civil::Date;
use std::path::PathBuf;

/// An instrument file that cannot be used, or a calendar entry that contradicts itself.
#[derive(Debug, thiserror::Error)]
pub enum MarketError {
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
    /// A file without a single row.
    #[error("{}: no instrument rows; fetch the broker's dump again", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A first line that is neither of the known headers.
    #[error(
        "{}: the first line is `{found}`; expected the header `{}` or `{}`",
        path.display(), crate::instruments::BROKER_HEADER, crate::instruments::SHORT_HEADER
    )]
    Header {
        /// The file.
        path: PathBuf,
        /// The line, cut to 120 characters.
        found: String,
    },
    /// Hours of a special session that are no hours.
    #[error(
        "the session of {date} cannot be {open} to {close}; give an opening time before the closing time"
    )]
    Session {
        /// Its date.
        date: Date,
        /// Its opening time.
        open: jiff::civil::Time,
        /// Its closing time.
        close: jiff::civil::Time,
    },
}
