//! The bars of the sequencer: ticks in, closed bars of eight periods out.
//!
//! ```text
//! tick ─► 1s ─► 1m ─┬─► 3m   5m   15m   30m   60m
//!                   └─► day                       each closed bar merges into the next step
//! ```
//! * Hours are the session's, unless an `Hours` event behind the session's start gives the instrument its own.
//! * Periods are counted from the instrument's open; the last one of each length ends at the instrument's close.
//! * A tick's time is the packet's exchange time where it has one, else the sequencer's (`BAR_RECEIVE_TIME`).
//! * A bar closes by a later tick of its own instrument, or by the timer a grace after its end
//!   (`BAR_BY_TIMER`), or with the session. A closed bar never changes: a tick from before the newest closed
//!   end is late, and a dead letter.
//! * Which ticks move prices, and what volume they add: `cumulative`.
//! * Ticks of the session's date outside the instrument's hours move the running maximum of volume and no bar.
//! * Ticks that are late, of another date, or further in the future than clocks can differ are dead letters. They move
//!   nothing here, and are forwarded as refused, so that no stage behind takes a price from them either.
//!
//! The rules are those of the project's specification of the bar sequencer; where it is silent, items say so.

mod cumulative;
mod hours;
mod instrument;
mod open_bar;
mod tick;

#[cfg(test)]
mod tests;

use crate::config::{BarsConfig, InstrumentSpec};
use crate::event::{
    self, BAR_BY_TIMER, Bar, DeadLetter, DeadReason, Event, FLAG_REFUSED, Header, Kind, SessionStart,
    StageId, Timeframe,
};
use crate::limits::{EMIT_MAX, INSTRUMENTS_MAX};
use crate::stage::{Emit, Progress, Stage};
use crate::state::StateIo;
use crate::units::{InstrumentId, NS_PER_S, TsNs};
use hours::{Hours, Session};
use instrument::InstrumentBars;
use tick::Tick;
use zerocopy::FromZeros;

/// Periods a bar can have.
const TIMEFRAMES: usize = Timeframe::ALL.len();
/// A time that never comes: the end of a bar that is not open.
const NEVER: TsNs = TsNs(u64::MAX);

/// How far a tick's exchange time may be ahead of the sequencer's, in nanoseconds: two clocks, one in whole seconds.
const FUTURE_TOLERANCE_NS: u64 = 5 * NS_PER_S;

/// Counts since the stage was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BarsCounters {
    /// Closed bars by timeframe, in the order of `Timeframe::ALL`.
    pub bars: [u64; TIMEFRAMES],
    /// Ticks of a period that was closed.
    pub late: u64,
    /// Ticks whose exchange date is not the session's.
    pub stale: u64,
    /// Ticks whose exchange time is further ahead than clocks can differ.
    pub future: u64,
    /// Ticks outside their instrument's hours, or without a session.
    pub out_of_session: u64,
    /// Open bars dropped because a session started before the one before had ended.
    pub dropped: u64,
}

impl BarsCounters {
    fn state(&mut self, io: &mut StateIo<'_>) {
        self.bars.iter_mut().for_each(|count| io.count(count));
        let Self { late, stale, future, out_of_session, dropped, .. } = self;
        [late, stale, future, out_of_session, dropped].into_iter().for_each(|count| io.count(count));
    }

    /// Closed bars of `timeframe`.
    pub fn of(&self, timeframe: Timeframe) -> u64 {
        self.bars[place(timeframe)]
    }
}

/// Builds the bars of every instrument.
pub struct Bars {
    grace_ns: u64,
    session: Session,
    instruments: Box<[InstrumentBars]>,
    /// Per instrument, the earliest end of its open bars: what a timer has to look at, side by side.
    earliest: Box<[TsNs]>,
    /// Not above any of `earliest`: a timer before it has nothing to do.
    next_due: TsNs,
    closing: Option<Closing>,
    counters: BarsCounters,
    /// The slot of the bars that are emitted; it holds nothing else, and means nothing between two of them.
    closed: Event,
}

/// Where a tick's time lies.
#[derive(Clone, Copy)]
struct When {
    /// Within its instrument's hours.
    in_hours: bool,
    /// On the session's date.
    same_date: bool,
}

/// Work of a timer or a session's end, which may take several calls.
#[derive(Clone, Copy)]
struct Closing {
    /// The input that caused it.
    cause: Header,
    /// Bars that end at or before this are closed.
    until: TsNs,
    /// The instrument to go on with.
    next: usize,
    /// The earliest end that stays open among the instruments before `next`.
    lowest: TsNs,
}

impl Bars {
    /// The stage for `instruments`, outside any session. Panics if they are more than
    /// `limits::INSTRUMENTS_MAX`.
    pub fn new(instruments: &[InstrumentSpec], config: &BarsConfig) -> Self {
        assert!(instruments.len() <= INSTRUMENTS_MAX, "more than {INSTRUMENTS_MAX} instruments");
        Self {
            grace_ns: config.grace_ns,
            session: Session::NONE,
            instruments: vec![InstrumentBars::NEW; instruments.len()].into_boxed_slice(),
            earliest: vec![NEVER; instruments.len()].into_boxed_slice(),
            next_due: NEVER,
            closing: None,
            counters: BarsCounters::default(),
            closed: Event::new(InstrumentId::NONE, 0, &Bar::new_zeroed()),
        }
    }

    /// What was closed and refused so far.
    pub fn counters(&self) -> &BarsCounters {
        &self.counters
    }

    /// Starts a session from nothing. Bars that an earlier session left open (it broke off without an end)
    /// are dropped, not closed: their periods are not known to be over, and a bar is never invented.
    fn start(&mut self, start: &SessionStart) {
        self.session = Session::new(start.open);
        let hours = Hours::new(start.open, start.close);
        self.next_due = NEVER;
        for (instrument, earliest) in self.instruments.iter_mut().zip(&mut self.earliest) {
            self.counters.dropped += u64::from(instrument.open_bars());
            *instrument = InstrumentBars::starting(hours);
            *earliest = NEVER;
        }
    }

    /// Gives an instrument hours of its own for the session that has just started.
    fn keep_hours(&mut self, id: InstrumentId, hours: &event::Hours) {
        assert!(id.index() < self.instruments.len(), "hours of an instrument that is not in the table");
        assert!(self.session.running(), "an instrument's hours follow the start of their session");
        self.instruments[id.index()].keep(Hours::new(hours.open, hours.close));
    }

    /// Where a tick's time lies, or why it is not to be believed. The sequencer's clock and the exchange's may differ by a
    /// little; a time further ahead would close bars that have hardly begun, and make everything after it late.
    #[inline(always)]
    fn judge(&self, event: &Event, tick: &Tick) -> Result<When, DeadReason> {
        let bars = self.instruments.get(event.header.instrument.index());
        let bars = bars.expect("a tick of an instrument that is not in the table");
        if !self.session.running() {
            return Ok(When { in_hours: false, same_date: false });
        }
        let in_hours = bars.trades_at(tick.time);
        let same_date = self.session.same_date(tick.time);
        if tick.exchange_time && !same_date {
            Err(DeadReason::StaleDate)
        } else if tick.time > event.header.ts.plus(FUTURE_TOLERANCE_NS) {
            Err(DeadReason::FutureTime)
        } else if in_hours && bars.is_late(tick.time) {
            Err(DeadReason::LateTick)
        } else {
            Ok(When { in_hours, same_date })
        }
    }

    #[inline(always)]
    fn on_tick(&mut self, event: &Event, tick: &Tick, when: When, out: &mut impl Emit) {
        let id = event.header.instrument;
        if !when.in_hours {
            self.counters.out_of_session += 1;
            if !when.same_date {
                return;
            }
        }
        // Before the bars that this tick ends are closed: a stale snapshot's volume is found out by the tick
        // after it, and that one usually closes the snapshot's own bar.
        let change = self.instruments[id.index()].observe(tick);
        if self.earliest[id.index()] <= tick.time {
            self.close_due(id, tick.time, 0, &event.header, out);
        }
        if when.in_hours {
            self.apply(id, tick, change);
        }
    }

    /// Handles what is no tick.
    #[inline(never)]
    fn on_other(&mut self, event: &Event, out: &mut impl Emit) -> Progress {
        match event.kind() {
            Kind::SessionStart => self.start(event.body()),
            Kind::Hours => self.keep_hours(event.header.instrument, event.body()),
            Kind::SessionEnd => {
                // From here on no tick belongs to a session; the bars left are closed, in further calls if
                // need be.
                self.session.end();
                return self.close_all(&event.header, TsNs(u64::MAX - 1), 1, out);
            }
            Kind::Timer => {
                let until = TsNs(event.header.ts.0.saturating_sub(self.grace_ns));
                return self.close_all(&event.header, until, 1, out);
            }
            _ => {}
        }
        Progress::Done
    }

    /// Forwards a refused tick marked as such, so that nobody behind takes a price from it, and says why.
    #[cold]
    #[inline(never)]
    fn refuse(&mut self, event: &Event, reason: DeadReason, out: &mut impl Emit) {
        let tick = Tick::of(event).expect("only ticks are refused");
        match reason {
            DeadReason::StaleDate => self.counters.stale += 1,
            DeadReason::FutureTime => self.counters.future += 1,
            _ => self.counters.late += 1,
        }
        let mut refused = *event;
        refused.header.flags |= FLAG_REFUSED;
        out.emit(&refused);
        out.emit(&dead_letter(event, &tick, reason));
    }

    /// Lets a tick within the hours, whose older bars are closed, move its instrument's bars.
    #[inline(always)]
    fn apply(&mut self, id: InstrumentId, tick: &Tick, change: cumulative::Change) {
        let end = self.instruments[id.index()].apply(tick, change);
        // The shortest open bar ends first: its period lies within those of all the others.
        let earliest = &mut self.earliest[id.index()];
        *earliest = end.min(*earliest);
        self.next_due = self.next_due.min(*earliest);
    }

    /// Closes the bars of `id` that end at or before `until`, shortest first, and emits them; how many.
    #[inline(never)]
    fn close_due(
        &mut self,
        id: InstrumentId,
        until: TsNs,
        flags: u8,
        cause: &Header,
        out: &mut impl Emit,
    ) -> usize {
        let bars = &mut self.instruments[id.index()];
        let mut closed = 0;
        for &timeframe in Timeframe::ALL {
            if !bars.is_due(timeframe, until) {
                if bars.rest_ends_later(timeframe) {
                    break;
                }
                continue;
            }
            let bar = self.closed.begin_output::<Bar>(StageId::Sequencer, cause, id);
            bars.close(timeframe, flags, bar);
            self.counters.bars[place(timeframe)] += 1;
            closed += 1;
            out.emit(&self.closed);
        }
        self.earliest[id.index()] = bars.earliest_end();
        closed
    }

    /// Starts to close what ends at or before `until`, for all instruments. `emitted` events of the bound are
    /// used up.
    fn close_all(&mut self, cause: &Header, until: TsNs, emitted: usize, out: &mut impl Emit) -> Progress {
        if self.next_due > until {
            return Progress::Done;
        }
        let closing = Closing { cause: *cause, until, next: 0, lowest: NEVER };
        self.go_on(closing, emitted, out)
    }

    fn go_on(&mut self, mut closing: Closing, mut emitted: usize, out: &mut impl Emit) -> Progress {
        while closing.next < self.instruments.len() {
            if self.earliest[closing.next] <= closing.until {
                if emitted + TIMEFRAMES > EMIT_MAX {
                    self.closing = Some(closing);
                    return Progress::More;
                }
                let id = InstrumentId(u32::try_from(closing.next).expect("INSTRUMENTS_MAX fits"));
                emitted += self.close_due(id, closing.until, BAR_BY_TIMER, &closing.cause, out);
            }
            closing.lowest = closing.lowest.min(self.earliest[closing.next]);
            closing.next += 1;
        }
        self.next_due = closing.lowest;
        Progress::Done
    }
}

impl Stage for Bars {
    const ID: StageId = StageId::Sequencer;

    #[inline(always)]
    fn on_event(&mut self, event: &Event, out: &mut impl Emit) -> Progress {
        assert!(self.closing.is_none(), "the last event's work is not finished");
        let tick = Tick::of(event);
        let when = match tick.as_ref().map(|tick| self.judge(event, tick)) {
            Some(Err(reason)) => {
                self.refuse(event, reason, out);
                return Progress::Done;
            }
            Some(Ok(when)) => Some(when),
            None => None,
        };
        out.forward(event);
        match tick.zip(when) {
            Some((tick, when)) => {
                self.on_tick(event, &tick, when, out);
                Progress::Done
            }
            None => self.on_other(event, out),
        }
    }

    fn resume(&mut self, out: &mut impl Emit) -> Progress {
        let closing = self.closing.take().expect("only unfinished work is resumed");
        self.go_on(closing, 0, out)
    }

    fn state(&mut self, io: &mut StateIo<'_>) {
        assert!(self.closing.is_none(), "a state is taken between steps");
        self.session.state(io);
        io.time_or_never(&mut self.next_due);
        for (bars, earliest) in self.instruments.iter_mut().zip(&mut self.earliest) {
            bars.state(io);
            if io.is_loading() {
                *earliest = bars.earliest_end();
                if *earliest < self.next_due {
                    io.refuse("a bar ends before anything is due");
                }
            }
        }
        self.counters.state(io);
    }
}

/// The place of a timeframe in `Timeframe::ALL`.
fn place(timeframe: Timeframe) -> usize {
    timeframe as usize - 1
}

/// The output that says that a tick was not used. Its data are the tick event's first bytes as journaled; the
/// token is zero, since the event names its instrument by id.
fn dead_letter(event: &Event, tick: &Tick, reason: DeadReason) -> Event {
    let original = event.used_bytes();
    let mut letter = DeadLetter {
        received: tick.received,
        source_seq: tick.source_seq,
        token: 0,
        original_bytes: u32::try_from(original.len()).expect("an event is at most 256 bytes"),
        kept_bytes: 0,
        reason: reason as u8,
        reserved: [0; 1],
        line: 0,
        reserved2: [0; 8],
        data: [0; 184],
    };
    let kept = original.len().min(letter.data.len());
    letter.kept_bytes = u16::try_from(kept).expect("at most 184 bytes are kept");
    letter.data[..kept].copy_from_slice(&original[..kept]);
    Event::output(StageId::Sequencer, &event.header, event.header.instrument, &letter)
}
