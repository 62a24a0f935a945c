//! Recorded ticks, `timestamp,ltp,volume` in Indian time, as frames.
//!
//! ```text
//! NSE:RELIANCE=r.csv.gz ─► lines ─► rows ─┬─ in session, not backward ─► frame ──┐
//! "NSE:NIFTY 50"=n.csv  ─► lines ─► rows ─┴─ anything else ─► dead letter ───────┴─► merged by time, ties by argument
//! ```
//!
//! A share becomes a 184-byte packet with the row's time as exchange time, no last-trade time and an empty book; an
//! index a 32-byte packet. A row equal to the one before it is a tick like any other, since several happen in a second.

pub(crate) mod letter;
pub(crate) mod lines;
pub(crate) mod row;
pub(crate) mod scan;
pub(crate) mod source;
#[cfg(test)]
mod tests;

pub use scan::scan_dates;

use crate::FileFeed;
use crate::error::FeedError;
use crate::kite::FrameWriter;
use pitlane_engine::config::{InstrumentSpec, SessionTimes};
use pitlane_engine::feed::{FeedItem, FrameFeed};
use pitlane_engine::units::{InstrumentId, TsNs};
use source::{Head, Rows, Source};
use std::path::{Path, PathBuf};

/// Columns of these files.
const TICK_COLUMNS: &str = "timestamp,ltp,volume";

/// One file and the instrument its rows are of. Several files may be of one instrument.
#[derive(Clone, Debug)]
pub struct TickFile {
    /// The instrument, as an index into the table.
    pub instrument: InstrumentId,
    /// The file, plain or gzip.
    pub path: PathBuf,
}

/// What became of a file's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// The instrument; `NONE` if every row names its own.
    pub instrument: InstrumentId,
    /// Rows read, without header and blank lines.
    pub rows: u64,
    /// Rows that became frames.
    pub frames: u64,
    /// Rows outside the hours or dates of the sessions.
    pub out_of_session: u64,
    /// Rows older than the last frame of their file.
    pub backward: u64,
    /// Rows that cannot be read.
    pub undecodable: u64,
    /// Rows with a price of zero.
    pub no_last_price: u64,
    /// Rows with a token that is not in the instrument table.
    pub unknown_instrument: u64,
    /// What is to be said about places in it, a line each.
    pub notes: Vec<String>,
}

impl FileReport {
    /// Before the first row.
    pub(crate) fn new(path: &Path, instrument: InstrumentId) -> Self {
        Self {
            path: path.to_owned(),
            instrument,
            rows: 0,
            frames: 0,
            out_of_session: 0,
            backward: 0,
            undecodable: 0,
            no_last_price: 0,
            unknown_instrument: 0,
            notes: Vec::new(),
        }
    }
}

/// The day's figures of an instrument so far, raw; a date starts them anew.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Day {
    pub(crate) date: u32,
    pub(crate) open: u32,
    pub(crate) high: u32,
    pub(crate) low: u32,
}

/// The files, merged. Those of `kite_csv` are merged by the same feed.
#[derive(Debug)]
pub struct TickCsvFeed {
    sources: Vec<Source>,
    sessions: Vec<SessionTimes>,
    /// By instrument.
    days: Vec<Day>,
    /// The source whose head was consumed by the last poll.
    consumed: Option<usize>,
    /// Time of the last item: what follows is not older.
    now: TsNs,
    writer: FrameWriter,
    error: Option<FeedError>,
}

impl TickCsvFeed {
    /// Opens the files, in the order that decides between rows of equal time, and reads each up to its first row
    /// that becomes a frame. Rows outside `sessions` are refused.
    ///
    /// # Errors
    /// If a file is missing, unreadable, named `.gz` without being gzip, or has no rows; if a file's instrument is not
    /// in the table; if there are no sessions.
    pub fn open(
        files: &[TickFile],
        instruments: &[InstrumentSpec],
        sessions: &[SessionTimes],
    ) -> Result<Self, FeedError> {
        let mut rows = Vec::with_capacity(files.len());
        for file in files {
            let instrument = instruments.get(file.instrument.index()).ok_or_else(|| FeedError::Setting {
                what: format!("the instrument of {}", file.path.display()),
                value: file.instrument.0.to_string(),
                allowed: "an index into the instrument table",
            })?;
            rows.push((file.path.as_path(), Rows::of_one(file.instrument, instrument)));
        }
        Self::merge(rows, instruments.len(), sessions)
    }

    /// Opens files of any layout and reads each up to its first row that becomes a frame or is refused.
    pub(crate) fn merge(
        files: Vec<(&Path, Rows)>,
        instruments: usize,
        sessions: &[SessionTimes],
    ) -> Result<Self, FeedError> {
        let mut sessions = sessions.to_vec();
        sessions.sort_by_key(|session| session.open);
        let Some(first_session) = sessions.first() else {
            return Err(FeedError::Setting {
                what: "the list of sessions".to_owned(),
                value: "empty".to_owned(),
                allowed: "at least one trading date",
            });
        };
        let now = first_session.pre_open;
        let mut sources = Vec::with_capacity(files.len());
        for (path, rows) in files {
            let mut source = Source::open(path, rows, &sessions)?;
            source.advance(&sessions)?;
            sources.push(source);
        }
        Ok(Self {
            sources,
            sessions,
            days: vec![Day::default(); instruments],
            consumed: None,
            now,
            writer: FrameWriter::new(1),
            error: None,
        })
    }

    /// What went wrong in mid-file, if anything: the feed then closed early. Ask when it has closed.
    pub fn error(&self) -> Option<&FeedError> {
        self.error.as_ref()
    }

    /// What became of the rows so far, by file in the order given.
    pub fn report(&self) -> impl Iterator<Item = &FileReport> {
        self.sources.iter().map(Source::report)
    }

    /// The source whose head comes first.
    fn first(&self) -> Option<usize> {
        let heads = self.sources.iter().enumerate().filter_map(|(at, source)| Some((source.key()?, at)));
        heads.min().map(|(_, at)| at)
    }
}

impl FileFeed for TickCsvFeed {
    fn error(&self) -> Option<&FeedError> {
        self.error()
    }

    fn reports(&self) -> Vec<FileReport> {
        self.report().cloned().collect()
    }
}

impl FrameFeed for TickCsvFeed {
    fn poll(&mut self) -> FeedItem<'_> {
        if let Some(consumed) = self.consumed.take()
            && let Err(error) = self.sources[consumed].advance(&self.sessions)
        {
            self.error = Some(error);
        }
        if self.error.is_some() {
            return FeedItem::Closed;
        }
        let Some(first) = self.first() else { return FeedItem::Closed };
        self.consumed = Some(first);
        let source = &mut self.sources[first];
        match source.head {
            Head::Frame { row, session } => {
                assert!(
                    row.ts >= self.now,
                    "every source yields rows in order, and refusals not ahead of them"
                );
                self.now = row.ts;
                let day = &mut self.days[source.instrument().index()];
                source.write(row, self.sessions[session].date, day, &mut self.writer);
                FeedItem::Frame { received: row.ts, bytes: self.writer.bytes() }
            }
            Head::Refused { place } => {
                self.now = self.now.max(place);
                FeedItem::Refused(source.refused(self.now))
            }
            Head::End => unreachable!("a source at its end has no key"),
        }
    }
}
