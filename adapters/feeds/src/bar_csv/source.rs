//! One file of the merge: its next tick, and what became of its rows.

use super::candle::{TICKS, prices, times, volumes};
use super::notes::Notes;
use super::{BarFile, Terms, Traded};
use crate::candle_csv::{CANDLE_COLUMNS, Candle, Refused, Rows, Taken};
use crate::error::FeedError;
use crate::tick_csv::FileReport;
use crate::tick_csv::letter::Letter;
use crate::tick_csv::lines::{LINE_KEPT_MAX, Lines};
use pitlane_engine::config::SessionPlan;
use pitlane_engine::event::{DeadReason, Event};
use pitlane_engine::units::{InstrumentId, TsNs};

/// A tick as a packet has it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tick {
    pub(super) ts: TsNs,
    /// Price in the packet's unit.
    pub(super) last: u32,
    /// The day's volume so far.
    pub(super) volume: u32,
    pub(super) open_interest: u32,
}

/// The next item of a source.
#[derive(Clone, Copy, Debug)]
pub(super) enum Head {
    /// A tick.
    Tick(Tick),
    /// A row that was refused, and its place in the merge.
    Refused { place: TsNs },
    /// Nothing more.
    End,
}

/// The candle that is being handed out, tick by tick.
#[derive(Clone, Copy, Debug)]
struct Open {
    candle: Candle,
    /// Of which session it is.
    session: usize,
    ticks: [Tick; TICKS],
    next: usize,
}

/// One file.
#[derive(Debug)]
pub(super) struct Source {
    head: Option<Open>,
    refused: bool,
    lines: Lines,
    rows: Rows,
    terms: Terms,
    token: u32,
    is_index: bool,
    /// Time of the last tick that was or will be handed out, of which refused rows take the place: their own may be of another day.
    place: TsNs,
    /// The last candle that was read: its session and its start.
    last: Option<(usize, TsNs)>,
    letter: Letter,
    report: FileReport,
    notes: Notes,
}

impl Source {
    /// Opens the file; what is refused before its first candle has its place at `start`.
    pub(super) fn open(
        file: &BarFile,
        token: u32,
        is_index: bool,
        terms: Terms,
        start: TsNs,
    ) -> Result<Self, FeedError> {
        let report = FileReport::new(&file.path, file.instrument);
        Ok(Self {
            head: None,
            refused: false,
            lines: Lines::open(&file.path, CANDLE_COLUMNS)?,
            rows: Rows::new(&file.symbol, terms.length_ns()),
            terms,
            token,
            is_index,
            place: start,
            last: None,
            letter: Letter::default(),
            report,
            notes: Notes::default(),
        })
    }

    pub(super) fn report(&self) -> FileReport {
        FileReport { notes: self.notes.lines(), ..self.report.clone() }
    }

    pub(super) fn instrument(&self) -> InstrumentId {
        self.report.instrument
    }

    pub(super) fn token(&self) -> u32 {
        self.token
    }

    pub(super) fn is_index(&self) -> bool {
        self.is_index
    }

    pub(super) fn head(&self) -> Head {
        match &self.head {
            _ if self.refused => Head::Refused { place: self.place },
            Some(open) => Head::Tick(open.ticks[open.next]),
            None => Head::End,
        }
    }

    /// Where the head belongs in the merge; `None` at the end.
    pub(super) fn key(&self) -> Option<TsNs> {
        match self.head() {
            Head::Tick(tick) => Some(tick.ts),
            Head::Refused { place } => Some(place),
            Head::End => None,
        }
    }

    /// Whether the head is the first tick of a candle.
    pub(super) fn begins_candle(&self) -> bool {
        !self.refused && self.head.as_ref().is_some_and(|open| open.next == 0)
    }

    /// Begins the candle of the head: its volume goes on from what its instrument has traded in all files, or it is
    /// refused because another file had its time.
    pub(super) fn begin(&mut self, traded: &mut Traded, sessions: &[SessionPlan]) {
        let Some(open) = &mut self.head else { return };
        let date = sessions[open.session].times.date;
        let is_first_of_day = traded.date != date;
        let before = if is_first_of_day { 0 } else { traded.volume };
        let own = if self.is_index { 0 } else { open.candle.volume };
        let after = u32::try_from(own).ok().and_then(|own| Some((own, before.checked_add(own)?)));
        let start = open.candle.start;
        let fault = match after {
            _ if traded.last >= start && !traded.last.is_zero() => {
                Some((DeadReason::Backward, "another file has a candle of this time, or a later one"))
            }
            None => Some((
                DeadReason::Undecodable,
                "the day's volume passes 4294967295, which is the most that the broker's packets hold",
            )),
            Some((own, after)) => {
                for (tick, part) in open.ticks.iter_mut().zip(volumes(own, is_first_of_day)) {
                    tick.volume = before + part;
                }
                (traded.date, traded.volume, traded.last) = (date, after, start);
                None
            }
        };
        match fault {
            Some((reason, why)) => {
                self.head = None;
                self.place = start;
                self.refuse(reason, why);
            }
            None => {
                self.report.frames += TICKS as u64;
                if self.is_index && open.candle.volume > 0 {
                    self.notes.index_volume();
                }
            }
        }
    }

    /// Goes to the next tick of the candle, or reads the next row and judges it.
    pub(super) fn advance(&mut self, sessions: &[SessionPlan]) -> Result<(), FeedError> {
        if let Some(open) = self.head.as_mut().filter(|open| !self.refused && open.next + 1 < TICKS) {
            open.next += 1;
            return Ok(());
        }
        (self.head, self.refused) = (None, false);
        while self.lines.read_line()? {
            if self.lines.line().iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let number = self.lines.number();
            let taken = match self.lines.line_bytes() {
                0..=LINE_KEPT_MAX => self.rows.take(self.lines.line(), number),
                _ => Err(Refused::Row("the line is too long for a candle".to_owned())),
            };
            match taken {
                Ok(Taken::Header) => continue,
                Ok(Taken::Other) => {
                    self.report.rows += 1;
                    self.report.unknown_instrument += 1;
                    continue;
                }
                Ok(Taken::Candle(candle)) => {
                    self.report.rows += 1;
                    self.take(candle, sessions);
                }
                Err(Refused::Row(why)) => {
                    self.report.rows += 1;
                    self.refuse(DeadReason::Undecodable, &why);
                }
                Err(Refused::Columns(what)) => {
                    let path = self.report.path.clone();
                    return Err(FeedError::Columns { path, what, expected: CANDLE_COLUMNS });
                }
            }
            return Ok(());
        }
        self.gap_to_close(sessions);
        self.last = None;
        Ok(())
    }

    /// Makes the candle the head, or refuses it.
    fn take(&mut self, candle: Candle, sessions: &[SessionPlan]) {
        let start = candle.start;
        let begun = sessions.partition_point(|session| session.times.open <= start);
        let instrument = self.report.instrument;
        let session = begun.checked_sub(1).filter(|at| {
            let (open, close) = sessions[*at].hours_of(instrument);
            (open..close).contains(&start)
        });
        let Some(session) = session else {
            return self.refuse(DeadReason::OutOfSession, "outside the hours of its instrument");
        };
        let (open, close) = sessions[session].hours_of(instrument);
        let length_ns = self.terms.length_ns();
        if !start.since(open).is_multiple_of(length_ns) {
            let why =
                format!("it does not start on a multiple of {} from the open", self.terms.timeframe.name());
            return self.refuse(DeadReason::Undecodable, &why);
        }
        match self.last {
            Some((_, last)) if start == last => {
                return self
                    .refuse(DeadReason::Backward, "this candle is there already; the first one counts");
            }
            Some((_, last)) if start < last => {
                return self.refuse(DeadReason::Backward, "earlier than the candle before it");
            }
            _ => {}
        }
        let prices = match prices(&candle, self.terms.path, self.token) {
            Ok(prices) => prices,
            Err(price) => {
                let why = format!("{price} has more decimals, or digits, than a packet of the broker holds");
                return self.refuse(DeadReason::Undecodable, &why);
            }
        };
        self.note_gap(session, start, sessions);
        let mut ticks = [Tick { open_interest: candle.open_interest, ..Tick::default() }; TICKS];
        let times = times(start, length_ns.min(close.since(start)));
        for (tick, (ts, last)) in ticks.iter_mut().zip(times.into_iter().zip(prices)) {
            (tick.ts, tick.last) = (ts, last);
        }
        self.place = ticks[TICKS - 1].ts;
        self.last = Some((session, start));
        self.head = Some(Open { candle, session, ticks, next: 0 });
    }

    /// Notes what is missing between the last candle and one that starts at `start`.
    fn note_gap(&mut self, session: usize, start: TsNs, sessions: &[SessionPlan]) {
        let length_ns = self.terms.length_ns();
        let from = match self.last {
            Some((before, last)) if before == session => last.plus(length_ns),
            _ => {
                self.gap_to_close(sessions);
                sessions[session].hours_of(self.report.instrument).0
            }
        };
        self.notes.gap(from, start, length_ns);
    }

    /// Notes what is missing behind the last candle of its session.
    fn gap_to_close(&mut self, sessions: &[SessionPlan]) {
        if let Some((session, last)) = self.last {
            let (_, close) = sessions[session].hours_of(self.report.instrument);
            let length_ns = self.terms.length_ns();
            self.notes.gap(last.plus(length_ns).min(close), close, length_ns);
        }
    }

    fn refuse(&mut self, reason: DeadReason, why: &str) {
        let count = match reason {
            DeadReason::OutOfSession => &mut self.report.out_of_session,
            DeadReason::Backward => &mut self.report.backward,
            _ => &mut self.report.undecodable,
        };
        *count += 1;
        // Rows outside the hours are many, and the count says it all.
        if reason != DeadReason::OutOfSession {
            self.notes.refuse(self.lines.number(), why);
        }
        self.letter.write(&self.lines, self.report.instrument, self.token, reason);
        self.refused = true;
    }

    /// The dead letter of the head, received at `now`.
    pub(super) fn refused(&mut self, now: TsNs) -> &Event {
        self.letter.at(now)
    }
}
