//! Candles as ticks, for strategies and venues that know nothing else: four of each, in a stated order.
//!
//! ```text
//! 10:15,101.00,103.00,100.00,102.00,400      fixed      101.00  103.00  100.00  102.00
//!   open ─┘      │high   │low    │close      inverse    101.00  100.00  103.00  102.00
//!                                            adaptive   the extreme nearer the open first; of equals the low
//!   at                                                  10:15:00 10:15:20 10:15:40 10:15:59   (a minute's)
//!   with a volume of                                    100      100      100      100
//! ```
//! The bars that the engine makes of them are the candles again, price for price and unit for unit. Only the order is made
//! up: what a stop and a target within one candle come to is a guess, whichever it is.
//!
//! * Ticks are at a candle's start, a third and two thirds of it, and its last second. What does not divide by four is
//!   traded in the last one.
//! * The first packet of a day says what was traded before it, which is in no bar. So a day's first candle has its volume
//!   in three ticks.
//! * An index packet has no volume: that of an index' candles is left out, and said.
//! * Rows that cannot be read, are outside the hours, off the period's grid, or not later than those before are dead letters
//!   with their line; the report says where, and which candles are missing.

mod candle;
mod notes;
mod scan;
mod source;
#[cfg(test)]
mod tests;

pub use scan::scan;

use crate::FileFeed;
use crate::error::FeedError;
use crate::kite::{FrameWriter, FullPacket, IndexPacket, QuotePacket, encode_full, encode_index_full};
use crate::tick_csv::{Day, FileReport};
use pitlane_engine::config::{InstrumentClass, InstrumentSpec, SessionPlan};
use pitlane_engine::event::Timeframe;
use pitlane_engine::feed::{FeedItem, FrameFeed};
use pitlane_engine::units::{InstrumentId, NS_PER_S, TsNs};
use source::{Head, Source, Tick};
use std::path::PathBuf;

/// In which order the prices of a candle are taken to have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandlePath {
    /// Open, high, low, close.
    Fixed,
    /// Open, low, high, close.
    Inverse,
    /// The extreme nearer the open first, of equals the low.
    Adaptive,
}

/// One file and the instrument its candles are of. Several files may be of one instrument.
#[derive(Clone, Debug)]
pub struct BarFile {
    /// The instrument, as an index into the table.
    pub instrument: InstrumentId,
    /// Its symbol, by which rows of others are known where a column has it.
    pub symbol: String,
    /// The file, plain or gzip.
    pub path: PathBuf,
}

/// How candles become ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Period of the candles, a minute to an hour.
    pub timeframe: Timeframe,
    /// The order of their prices.
    pub path: CandlePath,
}

impl Terms {
    /// The period in nanoseconds.
    pub(crate) fn length_ns(&self) -> u64 {
        self.timeframe.seconds().expect("candles of a day cannot be asked for") * NS_PER_S
    }
}

/// What an instrument's day has come to.
#[derive(Clone, Copy, Debug, Default)]
struct Traded {
    /// The session's date, yyyymmdd.
    date: u32,
    /// Volume of its candles so far, those that are begun included.
    volume: u32,
    /// Start of its last candle, of whichever date and file.
    last: TsNs,
    /// An index' figures.
    day: Day,
}

/// The files, merged by time, ties in the order given.
#[derive(Debug)]
pub struct BarCsvFeed {
    sources: Vec<Source>,
    sessions: Vec<SessionPlan>,
    /// By instrument.
    traded: Vec<Traded>,
    /// The source whose head was consumed by the last poll.
    consumed: Option<usize>,
    /// Time of the last item: what follows is not older.
    now: TsNs,
    writer: FrameWriter,
    error: Option<FeedError>,
}

impl BarCsvFeed {
    /// Opens the files and reads each up to its first row that is a candle or refused.
    ///
    /// # Errors
    /// If a file is missing, unreadable, has no rows or unknown columns; if a file's instrument is not in the table; if
    /// there are no sessions.
    pub fn open(
        files: &[BarFile],
        terms: Terms,
        instruments: &[InstrumentSpec],
        sessions: &[SessionPlan],
    ) -> Result<Self, FeedError> {
        let setting = |what, value, allowed| FeedError::Setting { what, value, allowed };
        let Some(first) = sessions.first() else {
            let what = "the list of sessions".to_owned();
            return Err(setting(what, "empty".to_owned(), "at least one trading date"));
        };
        let now = first.times.pre_open;
        let mut sources = Vec::with_capacity(files.len());
        for file in files {
            let spec = instruments.get(file.instrument.index()).ok_or_else(|| {
                let what = format!("the instrument of {}", file.path.display());
                setting(what, file.instrument.0.to_string(), "an index into the instrument table")
            })?;
            let is_index = spec.class == InstrumentClass::Index;
            let mut source = Source::open(file, spec.token, is_index, terms, now)?;
            source.advance(sessions)?;
            sources.push(source);
        }
        Ok(Self {
            sources,
            sessions: sessions.to_vec(),
            traded: vec![Traded::default(); instruments.len()],
            consumed: None,
            now,
            writer: FrameWriter::new(1),
            error: None,
        })
    }

    /// The source whose head comes first.
    fn first(&self) -> Option<usize> {
        let heads = self.sources.iter().enumerate().filter_map(|(at, source)| Some((source.key()?, at)));
        heads.min().map(|(_, at)| at)
    }
}

impl FileFeed for BarCsvFeed {
    fn error(&self) -> Option<&FeedError> {
        self.error.as_ref()
    }

    fn reports(&self) -> Vec<FileReport> {
        self.sources.iter().map(Source::report).collect()
    }
}

impl FrameFeed for BarCsvFeed {
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
        let traded = &mut self.traded[source.instrument().index()];
        if source.begins_candle() {
            source.begin(traded, &self.sessions);
        }
        match source.head() {
            Head::Tick(tick) => {
                assert!(
                    tick.ts >= self.now,
                    "every source yields ticks in order, and refusals not ahead of them"
                );
                self.now = tick.ts;
                write(source.token(), source.is_index(), &tick, traded, &mut self.writer);
                FeedItem::Frame { received: tick.ts, bytes: self.writer.bytes() }
            }
            Head::Refused { place } => {
                self.now = self.now.max(place);
                FeedItem::Refused(source.refused(self.now))
            }
            Head::End => unreachable!("a source at its end has no key"),
        }
    }
}

/// Writes the frame of a tick.
fn write(token: u32, is_index: bool, tick: &Tick, traded: &mut Traded, writer: &mut FrameWriter) {
    let Tick { ts, last, volume, open_interest } = *tick;
    let exchange_secs = u32::try_from(ts.0 / NS_PER_S).unwrap_or(0);
    writer.clear();
    if !is_index {
        let quote = QuotePacket { token, last, volume, ..QuotePacket::default() };
        // Each is a trade, also where none of the volume falls on it.
        let last_trade_secs = exchange_secs;
        let packet =
            FullPacket { quote, last_trade_secs, open_interest, exchange_secs, ..FullPacket::default() };
        return encode_full(&packet, writer.packet());
    }
    if traded.day.date != traded.date {
        traded.day = Day { date: traded.date, open: last, high: last, low: last };
    }
    let day = &mut traded.day;
    day.high = day.high.max(last);
    day.low = day.low.min(last);
    let Day { open, high, low, .. } = *day;
    let packet = IndexPacket { token, last, high, low, open, exchange_secs, ..IndexPacket::default() };
    encode_index_full(&packet, writer.packet());
}
