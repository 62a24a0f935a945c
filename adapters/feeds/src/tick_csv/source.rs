//! One file of the merge: its next item, and what became of its rows.

use super::letter::Letter;
use super::lines::Lines;
use super::row::{Row, RowReader};
use super::{Day, FileReport, TICK_COLUMNS};
use crate::error::FeedError;
use crate::kite::{
    FrameWriter, FullPacket, IndexPacket, QuotePacket, divisor, encode_full, encode_index_full, encode_ltp,
};
use crate::kite_csv::KITE_COLUMNS;
use pitlane_engine::config::{InstrumentClass, InstrumentSpec, SessionTimes};
use pitlane_engine::event::{DeadReason, Event};
use pitlane_engine::units::{InstrumentId, NS_PER_S, TsNs};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What the rows of a file are.
#[derive(Clone, Debug)]
pub(crate) enum Rows {
    /// `timestamp,ltp,volume` of one instrument.
    OfOne { instrument: InstrumentId, token: u32, is_index: bool },
    /// `timestamp,token,ltp` of the instruments with these tokens.
    ByToken(Arc<BTreeMap<u32, InstrumentId>>),
}

/// Of which instrument a row is.
#[derive(Clone, Copy, Debug)]
struct Whose {
    instrument: InstrumentId,
    token: u32,
}

impl Rows {
    /// Rows of one instrument of the table.
    pub(crate) fn of_one(id: InstrumentId, instrument: &InstrumentSpec) -> Self {
        let is_index = instrument.class == InstrumentClass::Index;
        Self::OfOne { instrument: id, token: instrument.token, is_index }
    }

    fn columns(&self) -> &'static str {
        match self {
            Self::OfOne { .. } => TICK_COLUMNS,
            Self::ByToken(_) => KITE_COLUMNS,
        }
    }

    /// Whose a row is that does not tell.
    fn whose(&self) -> Whose {
        match *self {
            Self::OfOne { instrument, token, .. } => Whose { instrument, token },
            Self::ByToken(_) => Whose { instrument: InstrumentId::NONE, token: 0 },
        }
    }

    fn read(&self, reader: &mut RowReader, line: &[u8]) -> (Whose, Option<Row>) {
        match self {
            Self::OfOne { token, is_index, .. } => {
                (self.whose(), reader.row(line, divisor(*token), !is_index))
            }
            Self::ByToken(known) => match reader.token_row(line) {
                Some((token, row)) => {
                    let instrument = known.get(&token).copied().unwrap_or(InstrumentId::NONE);
                    (Whose { instrument, token }, Some(row))
                }
                None => (self.whose(), None),
            },
        }
    }
}

/// The next item of a source.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Head {
    /// A row that becomes a frame, of the session with this index.
    Frame { row: Row, session: usize },
    /// A row that was refused, and its place in the merge.
    Refused { place: TsNs },
    /// Nothing more.
    End,
}

/// One file.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) head: Head,
    /// Whose the head is.
    whose: Whose,
    rows: Rows,
    lines: Lines,
    reader: RowReader,
    /// Time of the last row that became a frame; before the first, the pre-open of that row's session. A refused row
    /// takes its place there: its own time may be of another day, and the merge must not jump ahead for it.
    place: TsNs,
    letter: Letter,
    report: FileReport,
}

impl Source {
    pub(crate) fn open(path: &Path, rows: Rows, sessions: &[SessionTimes]) -> Result<Self, FeedError> {
        let place = first_place(path, &rows, sessions)?;
        let whose = rows.whose();
        let report = FileReport::new(path, whose.instrument);
        Ok(Self {
            head: Head::End,
            whose,
            lines: Lines::open(path, rows.columns())?,
            reader: RowReader::default(),
            rows,
            place,
            letter: Letter::default(),
            report,
        })
    }

    pub(crate) fn report(&self) -> &FileReport {
        &self.report
    }

    /// The instrument of a head that becomes a frame.
    pub(crate) fn instrument(&self) -> InstrumentId {
        self.whose.instrument
    }

    /// Where the head belongs in the merge; `None` at the end.
    pub(crate) fn key(&self) -> Option<TsNs> {
        match self.head {
            Head::Frame { row, .. } => Some(row.ts),
            Head::Refused { place } => Some(place),
            Head::End => None,
        }
    }

    /// Reads the next row and judges it.
    pub(crate) fn advance(&mut self, sessions: &[SessionTimes]) -> Result<(), FeedError> {
        self.head = Head::End;
        if !self.lines.next()? {
            return Ok(());
        }
        self.report.rows += 1;
        let (whose, row) = self.rows.read(&mut self.reader, self.lines.line());
        self.whose = whose;
        match judge(row, whose, self.place, sessions) {
            Ok((row, session)) => {
                self.report.frames += 1;
                self.place = row.ts;
                self.head = Head::Frame { row, session };
            }
            Err(reason) => {
                let count = match reason {
                    DeadReason::OutOfSession => &mut self.report.out_of_session,
                    DeadReason::Backward => &mut self.report.backward,
                    DeadReason::NoLastPrice => &mut self.report.no_last_price,
                    DeadReason::UnknownInstrument => &mut self.report.unknown_instrument,
                    _ => &mut self.report.undecodable,
                };
                *count += 1;
                self.letter.write(&self.lines, self.whose.instrument, self.whose.token, reason);
                self.head = Head::Refused { place: self.place };
            }
        }
        Ok(())
    }

    /// The dead letter of the head, received at `now`.
    pub(crate) fn refused(&mut self, now: TsNs) -> &Event {
        self.letter.at(now)
    }

    /// Writes the frame of a row.
    pub(crate) fn write(&self, row: Row, date: u32, day: &mut Day, writer: &mut FrameWriter) {
        let Row { ts, last, volume } = row;
        let token = self.whose.token;
        let exchange_secs = u32::try_from(ts.0 / NS_PER_S).unwrap_or(0);
        writer.clear();
        let Rows::OfOne { is_index, .. } = self.rows else {
            return encode_ltp(token, last, writer.packet());
        };
        if !is_index {
            let quote = QuotePacket { token, last, volume, ..QuotePacket::default() };
            encode_full(&FullPacket { quote, exchange_secs, ..FullPacket::default() }, writer.packet());
            return;
        }
        if day.date != date {
            *day = Day { date, open: last, high: last, low: last };
        }
        day.high = day.high.max(last);
        day.low = day.low.min(last);
        let Day { open, high, low, .. } = *day;
        let packet = IndexPacket { token, last, high, low, open, exchange_secs, ..IndexPacket::default() };
        encode_index_full(&packet, writer.packet());
    }
}

/// The row and the index of its session, or why it is refused: the first reason that holds, in this order.
fn judge(
    row: Option<Row>,
    whose: Whose,
    last: TsNs,
    sessions: &[SessionTimes],
) -> Result<(Row, usize), DeadReason> {
    let row = row.ok_or(DeadReason::Undecodable)?;
    let begun = sessions.partition_point(|session| session.open <= row.ts);
    let session = begun.checked_sub(1).filter(|index| row.ts < sessions[*index].close);
    let session = session.ok_or(DeadReason::OutOfSession)?;
    if whose.instrument == InstrumentId::NONE {
        return Err(DeadReason::UnknownInstrument);
    }
    if row.ts < last {
        return Err(DeadReason::Backward);
    }
    if row.last == 0 { Err(DeadReason::NoLastPrice) } else { Ok((row, session)) }
}

/// Where refused rows before the first good one belong: at the pre-open of that one's session.
fn first_place(path: &Path, rows: &Rows, sessions: &[SessionTimes]) -> Result<TsNs, FeedError> {
    let mut lines = Lines::open(path, rows.columns())?;
    let mut reader = RowReader::default();
    let mut is_empty = true;
    while lines.next()? {
        is_empty = false;
        let (whose, row) = rows.read(&mut reader, lines.line());
        if let Ok((_, session)) = judge(row, whose, TsNs::ZERO, sessions) {
            return Ok(sessions[session].pre_open);
        }
    }
    if is_empty {
        return Err(lines.no_rows());
    }
    Ok(sessions[0].pre_open)
}
