//! Everything known beforehand: the preamble (configuration, instruments), sessions, timers, scripted commands.

use super::SOURCE_SCHEDULE;
use super::source::{Head, Source};
use crate::config::{InstrumentSpec, SessionPlan, SessionTimes};
use crate::event::{
    Command, CommandCode, ConfigText, Event, FLAG_EXO, Hours, Instrument, MarketPhase, SessionStart, Timer,
    TradingState,
};
use crate::hash::StateHasher;
use crate::units::{InstrumentId, NS_PER_S, Price, TsNs};

/// Bytes of text one `ConfigText` event carries.
const TEXT_BYTES: usize = 216;

/// A command with the virtual time at which it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptedCommand {
    /// When.
    pub at: TsNs,
    /// What.
    pub code: CommandCode,
    /// Why; may be empty.
    pub reason: String,
}

/// Whether and within which prices an instrument trades, from a virtual time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradingChange {
    /// When.
    pub at: TsNs,
    /// Which instrument.
    pub instrument: InstrumentId,
    /// Lowest and highest price its orders may have; zero = any.
    pub band: (Price, Price),
    /// Whether it trades.
    pub phase: MarketPhase,
}

/// Control events and timers, in key order. Timers come once a second from a session's pre-open to its end.
pub struct Schedule {
    /// Control events in time order.
    control: Vec<Event>,
    next_control: usize,
    sessions: Vec<SessionTimes>,
    next_session: usize,
    next_timer: TsNs,
    head: Event,
    ready: bool,
}

impl Schedule {
    /// The schedule of a run: the preamble at the first pre-open, then the sessions, which must be in time order. `history`
    /// are bars of earlier days, which follow the preamble.
    pub fn new(
        config_text: &str,
        config_hash: u64,
        instruments: &[InstrumentSpec],
        history: &[Event],
        sessions: &[SessionPlan],
        commands: &[ScriptedCommand],
    ) -> Self {
        let start = sessions.first().map_or(TsNs::ZERO, |session| session.times.pre_open);
        let mut control = Self::preamble(config_text, instruments, history, start);
        let instruments_hash = instruments_hash(instruments);
        for (index, plan) in sessions.iter().enumerate() {
            let times = &plan.times;
            assert!(times.pre_open <= times.open && times.open < times.close && times.close <= times.end);
            assert!(index == 0 || sessions[index - 1].times.end < times.pre_open, "sessions overlap");
            let number = u32::try_from(index + 1).expect("sessions of a journal are few");
            control.push(session_start(plan, number, config_hash, instruments_hash));
            for hours in &plan.hours {
                assert!(times.open <= hours.open && hours.open < hours.close && hours.close <= times.close);
                let body = Hours { open: hours.open, close: hours.close, reserved: [0; 16] };
                control.push(at(times.pre_open, Event::new(hours.instrument, FLAG_EXO, &body)));
            }
        }
        for command in commands {
            control.push(at(command.at, command_event(command.code, &command.reason)));
        }
        control.sort_by_key(|event| event.header.ts);
        let next_timer = start;
        let head = control.first().copied().unwrap_or_else(|| timer(TsNs::ZERO));
        Self {
            control,
            next_control: 0,
            sessions: sessions.iter().map(|plan| plan.times).collect(),
            next_session: 0,
            next_timer,
            head,
            ready: false,
        }
    }

    /// The same schedule with these changes too, each behind what is scheduled for its time already. Only before the first
    /// event is taken.
    pub fn with_trading(mut self, changes: &[TradingChange]) -> Self {
        assert!(self.next_control == 0 && !self.ready, "the schedule has begun");
        self.control.extend(changes.iter().map(|change| {
            let TradingChange { at: ts, instrument, band: (low, high), phase } = *change;
            let body = TradingState { low, high, phase: phase as u8, reserved: [0; 15] };
            at(ts, Event::new(instrument, FLAG_EXO, &body))
        }));
        self.control.sort_by_key(|event| event.header.ts);
        self
    }

    /// The preamble alone, for runs whose sessions and timers are recorded.
    pub fn preamble_only(
        config_text: &str,
        instruments: &[InstrumentSpec],
        history: &[Event],
        start: TsNs,
    ) -> Self {
        let control = Self::preamble(config_text, instruments, history, start);
        let head = control.first().copied().unwrap_or_else(|| timer(start));
        let sessions = Vec::new();
        Self { control, next_control: 0, sessions, next_session: 0, next_timer: start, head, ready: false }
    }

    fn preamble(
        config_text: &str,
        instruments: &[InstrumentSpec],
        history: &[Event],
        start: TsNs,
    ) -> Vec<Event> {
        let mut events: Vec<Event> = config_events(config_text);
        events.extend(instruments.iter().enumerate().map(|(index, spec)| instrument_event(index, spec)));
        events.extend_from_slice(history);
        events.into_iter().map(|event| at(start, event)).collect()
    }

    fn timer_due(&mut self) -> Option<TsNs> {
        let session = self.sessions.get(self.next_session)?;
        self.next_timer = self.next_timer.max(session.pre_open);
        Some(self.next_timer)
    }
}

impl Source for Schedule {
    fn poll(&mut self) -> Head {
        if self.ready {
            return Head::Ready;
        }
        let timer_ts = self.timer_due();
        let control_ts = self.control.get(self.next_control).map(|event| event.header.ts);
        match (control_ts, timer_ts) {
            (None, None) => return Head::Closed,
            (Some(control_ts), due) if due.is_none_or(|due| control_ts <= due) => {
                self.head = self.control[self.next_control];
                self.next_control += 1;
            }
            (_, Some(due)) => {
                self.head = timer(due);
                self.next_timer = due.plus(NS_PER_S);
                if self.next_timer > self.sessions[self.next_session].end {
                    self.next_session += 1;
                }
            }
            (Some(_), None) => unreachable!("covered by the first arm"),
        }
        self.ready = true;
        Head::Ready
    }

    fn head(&self) -> &Event {
        &self.head
    }

    fn advance(&mut self) {
        self.ready = false;
    }
}

fn at(ts: TsNs, mut event: Event) -> Event {
    event.header.ts = ts;
    event.header.source = SOURCE_SCHEDULE;
    event
}

fn timer(due: TsNs) -> Event {
    at(due, Event::new(InstrumentId::NONE, FLAG_EXO, &Timer { due, reserved: [0; 24] }))
}

/// A command with its reason, of which at most 216 bytes are kept, whole characters.
pub fn command_event(code: CommandCode, reason: &str) -> Event {
    let mut body = Command { code: code as u8, reason_bytes: 0, reserved: [0; 6], reason: [0; 216] };
    let mut used = reason.len().min(body.reason.len());
    while !reason.is_char_boundary(used) {
        used -= 1;
    }
    body.reason[..used].copy_from_slice(&reason.as_bytes()[..used]);
    body.reason_bytes = u8::try_from(used).expect("a reason has at most 216 bytes");
    Event::new(InstrumentId::NONE, FLAG_EXO, &body)
}

fn session_start(plan: &SessionPlan, number: u32, config_hash: u64, instruments_hash: u64) -> Event {
    let times = &plan.times;
    let mut hasher = StateHasher::new(0);
    for ts in [times.pre_open, times.open, times.close, times.end] {
        hasher.u64(ts.0);
    }
    for hours in &plan.hours {
        hasher.u64(u64::from(hours.instrument.0));
        hasher.u64(hours.open.0);
        hasher.u64(hours.close.0);
    }
    let body = SessionStart {
        date: times.date,
        number,
        pre_open: times.pre_open,
        open: times.open,
        close: times.close,
        end: times.end,
        config_hash,
        instruments_hash,
        calendar_hash: hasher.finish() as u64,
        reserved: [0; 32],
    };
    at(times.pre_open, Event::new(InstrumentId::NONE, FLAG_EXO, &body))
}

/// The configuration text as events.
pub fn config_events(text: &str) -> Vec<Event> {
    let chunks: Vec<&[u8]> = text.as_bytes().chunks(TEXT_BYTES).collect();
    let parts = u16::try_from(chunks.len()).expect("a configuration of at most 14 MB");
    let event = |(part, chunk): (usize, &&[u8])| {
        let mut body =
            ConfigText { part: part as u16, parts, used_bytes: chunk.len() as u32, text: [0; TEXT_BYTES] };
        body.text[..chunk.len()].copy_from_slice(chunk);
        Event::new(InstrumentId::NONE, FLAG_EXO, &body)
    };
    chunks.iter().enumerate().map(event).collect()
}

/// One line of the instrument table as an event.
pub fn instrument_event(index: usize, spec: &InstrumentSpec) -> Event {
    let mut symbol = [0; 40];
    assert!(spec.symbol.len() <= symbol.len(), "symbols have at most 40 bytes");
    symbol[..spec.symbol.len()].copy_from_slice(spec.symbol.as_bytes());
    let body = Instrument {
        symbol,
        token: spec.token,
        class: spec.class as u8,
        tradable: u8::from(spec.tradable),
        derivatives: u8::from(spec.derivatives),
        reserved: [0; 1],
        lot: spec.lot,
        tick: spec.tick,
        multiplier: spec.multiplier,
        freeze: spec.freeze,
        reserved2: [0; 16],
    };
    let id = InstrumentId(u32::try_from(index).expect("at most INSTRUMENTS_MAX instruments"));
    Event::new(id, FLAG_EXO, &body)
}

/// The hash of an instrument table, as sessions record it.
pub fn instruments_hash(instruments: &[InstrumentSpec]) -> u64 {
    let mut hasher = StateHasher::new(0);
    for (index, spec) in instruments.iter().enumerate() {
        hasher.bytes(instrument_event(index, spec).used_bytes());
    }
    hasher.finish() as u64
}
