//! One file of the merge: its next item, and what became of its rows.

use super::lines::Lines;
use super::row::{Row, RowReader};
use super::{Day, FileReport, TickFile};
use crate::error::FeedError;
use crate::kite::{
    FrameWriter, FullPacket, IndexPacket, QuotePacket, divisor, encode_full, encode_index_full,
};
use pitlane_engine::config::{InstrumentClass, InstrumentSpec, SessionTimes};
use pitlane_engine::event::{DeadLetter, DeadReason, Event, FLAG_EXO};
use pitlane_engine::units::{InstrumentId, NS_PER_S, TsNs};

/// Bytes of a refused row that its dead letter keeps.
const KEPT_MAX: usize = 184;

/// The next item of a source.
#[derive(Clone, Copy, Debug)]
pub(super) enum Head {
    /// A row that becomes a frame, of the session with this index.
    Frame { row: Row, session: usize },
    /// A row that was refused, and its place in the merge.
    Refused { place: TsNs },
    /// Nothing more.
    End,
}

/// One file.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) instrument: InstrumentId,
    pub(super) head: Head,
    token: u32,
    is_index: bool,
    lines: Lines,
    rows: RowReader,
    /// Time of the last row that became a frame; before the first, the pre-open of that row's session. A refused row
    /// takes its place there: its own time may be of another day, and the merge must not jump ahead for it.
    place: TsNs,
    letter: Event,
    report: FileReport,
}

impl Source {
    pub(super) fn open(
        file: &TickFile,
        instrument: &InstrumentSpec,
        sessions: &[SessionTimes],
    ) -> Result<Self, FeedError> {
        let place = first_place(file, instrument, sessions)?;
        let letter = DeadLetter {
            received: TsNs::ZERO,
            source_seq: 0,
            token: instrument.token,
            original_bytes: 0,
            kept_bytes: 0,
            reason: DeadReason::Undecodable as u8,
            reserved: [0; 1],
            line: 0,
            reserved2: [0; 8],
            data: [0; KEPT_MAX],
        };
        let report = FileReport {
            path: file.path.clone(),
            instrument: file.instrument,
            rows: 0,
            frames: 0,
            out_of_session: 0,
            backward: 0,
            undecodable: 0,
            no_last_price: 0,
        };
        Ok(Self {
            instrument: file.instrument,
            head: Head::End,
            token: instrument.token,
            is_index: instrument.class == InstrumentClass::Index,
            lines: Lines::open(&file.path)?,
            rows: RowReader::default(),
            place,
            letter: Event::new(file.instrument, FLAG_EXO, &letter),
            report,
        })
    }

    pub(super) fn report(&self) -> &FileReport {
        &self.report
    }

    /// Where the head belongs in the merge; `None` at the end.
    pub(super) fn key(&self) -> Option<TsNs> {
        match self.head {
            Head::Frame { row, .. } => Some(row.ts),
            Head::Refused { place } => Some(place),
            Head::End => None,
        }
    }

    /// Reads the next row and judges it.
    pub(super) fn advance(&mut self, sessions: &[SessionTimes]) -> Result<(), FeedError> {
        self.head = Head::End;
        if !self.lines.next()? {
            return Ok(());
        }
        self.report.rows += 1;
        let row = self.rows.row(self.lines.line(), divisor(self.token), !self.is_index);
        match judge(row, self.place, sessions) {
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
                    _ => &mut self.report.undecodable,
                };
                *count += 1;
                self.refuse(reason);
                self.head = Head::Refused { place: self.place };
            }
        }
        Ok(())
    }

    /// The dead letter of the head, received at `now`.
    pub(super) fn refused(&mut self, now: TsNs) -> &Event {
        self.letter.header.ts = now;
        self.letter.body_mut::<DeadLetter>().received = now;
        &self.letter
    }

    /// Writes the frame of a row.
    pub(super) fn write(&self, row: Row, date: u32, day: &mut Day, writer: &mut FrameWriter) {
        let Row { ts, last, volume } = row;
        let exchange_secs = u32::try_from(ts.0 / NS_PER_S).unwrap_or(0);
        writer.clear();
        if !self.is_index {
            let quote = QuotePacket { token: self.token, last, volume, ..QuotePacket::default() };
            encode_full(&FullPacket { quote, exchange_secs, ..FullPacket::default() }, writer.packet());
            return;
        }
        if day.date != date {
            *day = Day { date, open: last, high: last, low: last };
        }
        day.high = day.high.max(last);
        day.low = day.low.min(last);
        let Day { open, high, low, .. } = *day;
        let packet =
            IndexPacket { token: self.token, last, high, low, open, exchange_secs, ..IndexPacket::default() };
        encode_index_full(&packet, writer.packet());
    }

    fn refuse(&mut self, reason: DeadReason) {
        let line = self.lines.line();
        let kept = line.len().min(KEPT_MAX);
        let letter = self.letter.body_mut::<DeadLetter>();
        letter.line = u32::try_from(self.lines.number()).unwrap_or(u32::MAX);
        letter.original_bytes = u32::try_from(self.lines.line_bytes()).unwrap_or(u32::MAX);
        letter.kept_bytes = kept as u16;
        letter.reason = reason as u8;
        letter.data = [0; KEPT_MAX];
        letter.data[..kept].copy_from_slice(&line[..kept]);
    }
}

/// The row and the index of its session, or why it is refused: the first reason that holds, in this order.
fn judge(row: Option<Row>, last: TsNs, sessions: &[SessionTimes]) -> Result<(Row, usize), DeadReason> {
    let row = row.ok_or(DeadReason::Undecodable)?;
    let begun = sessions.partition_point(|session| session.open <= row.ts);
    let session = begun.checked_sub(1).filter(|index| row.ts < sessions[*index].close);
    let session = session.ok_or(DeadReason::OutOfSession)?;
    if row.ts < last {
        return Err(DeadReason::Backward);
    }
    if row.last == 0 { Err(DeadReason::NoLastPrice) } else { Ok((row, session)) }
}

/// Where refused rows before the first good one belong: at the pre-open of that one's session.
fn first_place(
    file: &TickFile,
    instrument: &InstrumentSpec,
    sessions: &[SessionTimes],
) -> Result<TsNs, FeedError> {
    let mut lines = Lines::open(&file.path)?;
    let mut rows = RowReader::default();
    let needs_volume = instrument.class != InstrumentClass::Index;
    let mut is_empty = true;
    while lines.next()? {
        is_empty = false;
        let row = rows.row(lines.line(), divisor(instrument.token), needs_volume);
        if let Ok((_, session)) = judge(row, TsNs::ZERO, sessions) {
            return Ok(sessions[session].pre_open);
        }
    }
    if is_empty {
        return Err(FeedError::Empty { path: lines.path().to_owned() });
    }
    Ok(sessions[0].pre_open)
}
