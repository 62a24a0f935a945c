//! Events: fixed layout, little-endian, no padding; the same bytes in the rings, the journal, the dump and the hash.
//!
//! ```text
//! slot    256 bytes, aligned to a cache line
//!          0 ........ 31  header
//!         32 ....... 255  body; only `lines × 64 − 32` bytes of it are used
//! ```
//! `header.lines` says how many 64-byte lines are used (last price 1; quote, bar, order 2; five-level packet 4), and
//! only those are journaled, dumped and hashed. `docs/events.md` lists every field; a test holds it to this file.

mod bodies;
mod codes;
mod fields;

pub use bodies::*;
pub use codes::*;
pub use fields::{Field, field_at};

use crate::config::InstrumentClass;
use crate::units::{InstrumentId, Price, Seq, TsNs};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

#[cfg(target_endian = "big")]
compile_error!("events are little-endian in memory, so that journaling them is a copy");

/// Bytes of a cache line, the unit in which an event's length is counted.
pub const LINE_BYTES: usize = 64;
/// Lines of a slot.
pub const SLOT_LINES: usize = 4;
/// Bytes of the header.
pub const HEADER_BYTES: usize = 32;
/// Version of the layouts in this module; it is written with every journal frame.
pub const SCHEMA_VERSION: u8 = 3;

/// Set on an input from outside: market data, timers, commands, configuration; and on the session ends between them.
pub const FLAG_EXO: u16 = 1;
/// Set on an input that the paper venue made: an execution report.
pub const FLAG_ENDO: u16 = 2;
/// Set on an output.
pub const FLAG_OUT: u16 = 4;
/// Set by the bars on a market event whose time is not to be believed (late, stale, in the future): stages behind them
/// take no price from it. It travels between stages only and is never journaled.
pub const FLAG_REFUSED: u16 = 8;
/// Set by drivers on the last event of a step between threads; never journaled.
pub const FLAG_STEP_END: u16 = 1 << 15;

/// What every event starts with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Header {
    /// Inputs: the place in the one order. Outputs: the input that caused them.
    pub seq: Seq,
    /// The sequencer's time for that input.
    pub ts: TsNs,
    /// The instrument concerned, or `InstrumentId::NONE`.
    pub instrument: InstrumentId,
    /// A `Kind` as a number.
    pub kind: u8,
    /// Used 64-byte lines of the slot, 1 to 4.
    pub lines: u8,
    /// `FLAG_*`.
    pub flags: u16,
    /// Outputs: number within the step, from 0. Inputs: 0.
    pub index: u32,
    /// Inputs from outside: which feed, timer or operator. Outputs, and reports that came back: the `StageId` that made
    /// them.
    pub source: u32,
}

/// One event in its slot.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(64))]
pub struct Event {
    /// Who, when, what.
    pub header: Header,
    body: [u64; (SLOT_LINES * LINE_BYTES - HEADER_BYTES) / 8],
}

const _: () = assert!(size_of::<Header>() == HEADER_BYTES);
const _: () = assert!(size_of::<Event>() == SLOT_LINES * LINE_BYTES);
const _: () = assert!(align_of::<Event>() == LINE_BYTES);
const _: () = assert!(Kind::Quote as u8 == Kind::Ltp as u8 + 1 && Kind::Full as u8 == Kind::Ltp as u8 + 2);
const _: () = assert!(
    std::mem::offset_of!(Ltp, last) == 0
        && std::mem::offset_of!(Quote, last) == 0
        && std::mem::offset_of!(Full, last) == 0
);
const _: () = assert!(std::mem::offset_of!(Header, instrument) == 16);
const _: () = assert!(std::mem::offset_of!(Header, kind) == 20);
const _: () = assert!(std::mem::offset_of!(Header, index) == 24);

/// A typed body. Its size is a whole number of lines less the header.
pub trait Body: FromBytes + IntoBytes + Immutable + KnownLayout + Copy {
    /// The kind whose events carry this body.
    const KIND: Kind;
    /// Lines of an event with this body.
    const LINES: u8;
}

/// Why bytes are not an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The length is not that of one to four lines.
    #[error("{0} bytes are not 1 to 4 lines of 64")]
    Length(usize),
    /// The kind is unknown to this build.
    #[error("event kind {0} is unknown to this build; use the version that wrote it")]
    Kind(u8),
    /// The header's line count does not fit the kind or the length.
    #[error("kind {kind} has {expected} lines, found {found}")]
    Lines {
        /// The kind as a number.
        kind: u8,
        /// Lines of that kind.
        expected: u8,
        /// Lines found.
        found: u8,
    },
    /// A coded field holds a value without meaning.
    #[error("kind {kind}: a coded field holds an unknown value")]
    Code {
        /// The kind as a number.
        kind: u8,
    },
}

impl Event {
    /// An event of `body` for `instrument`, not yet sequenced.
    pub fn new<B: Body>(instrument: InstrumentId, flags: u16, body: &B) -> Self {
        let mut event = Self {
            header: Header {
                seq: Seq::ZERO,
                ts: TsNs::ZERO,
                instrument,
                kind: B::KIND as u8,
                lines: B::LINES,
                flags,
                index: 0,
                source: 0,
            },
            body: [0; _],
        };
        event.body.as_mut_bytes()[..size_of::<B>()].copy_from_slice(body.as_bytes());
        event
    }

    /// An output of `stage`, in the step of the input `cause`.
    pub fn output<B: Body>(stage: StageId, cause: &Header, instrument: InstrumentId, body: &B) -> Self {
        let mut event = Self::new(instrument, FLAG_OUT, body);
        event.header.seq = cause.seq;
        event.header.ts = cause.ts;
        event.header.source = stage as u32;
        event
    }

    /// Makes this slot an output as [`output`](Self::output) does, in place, with whatever body it holds: the caller writes
    /// that. What is behind the body stays as it was.
    #[inline]
    pub fn begin_output<B: Body>(
        &mut self,
        stage: StageId,
        cause: &Header,
        instrument: InstrumentId,
    ) -> &mut B {
        self.header = Header {
            seq: cause.seq,
            ts: cause.ts,
            instrument,
            kind: B::KIND as u8,
            lines: B::LINES,
            flags: FLAG_OUT,
            index: 0,
            source: stage as u32,
        };
        self.body_mut()
    }

    /// Takes the used bytes of `other`: most events use half of their slot or less. What is behind them stays as it was.
    #[inline]
    pub fn set_used(&mut self, other: &Self) {
        fn lines<const N: usize>(event: &mut Event, other: &Event) {
            let to: &mut [u8; N] = event.as_mut_bytes().first_chunk_mut().expect("a slot has four lines");
            *to = *other.as_bytes().first_chunk().expect("a slot has four lines");
        }
        match other.header.lines {
            1 => lines::<LINE_BYTES>(self, other),
            2 => lines::<{ 2 * LINE_BYTES }>(self, other),
            _ => *self = *other,
        }
    }

    /// The record of a stage's state hash at the end of step `seq`.
    pub fn state_hash(stage: StageId, hash: u128, seq: Seq, ts: TsNs) -> Self {
        let body =
            StateHash { low: hash as u64, high: (hash >> 64) as u64, stage: stage as u32, reserved: [0; 12] };
        let mut event = Self::new(InstrumentId::NONE, FLAG_OUT, &body);
        event.header.seq = seq;
        event.header.ts = ts;
        event.header.source = stage as u32;
        event
    }

    /// Whether the bars refused this market event; see `FLAG_REFUSED`.
    #[inline]
    pub fn is_refused(&self) -> bool {
        self.header.flags & FLAG_REFUSED != 0
    }

    /// Whether it is of the market: a price that came, with or without more. Two comparisons: every stage asks it of every
    /// event.
    #[inline]
    pub fn is_market(&self) -> bool {
        self.header.kind.wrapping_sub(Kind::Ltp as u8) <= Kind::Full as u8 - Kind::Ltp as u8
    }

    /// The last price of a market event, with which all kinds of them begin; `None` of any other.
    #[inline]
    pub fn last(&self) -> Option<Price> {
        self.is_market().then(|| Price(self.body[0].cast_signed()))
    }

    /// Whether it is of `kind`.
    #[inline]
    pub fn is(&self, kind: Kind) -> bool {
        self.header.kind == kind as u8
    }

    /// What the event is. Panics on a kind that no build of this version makes: foreign bytes enter by `from_bytes`.
    #[inline]
    pub fn kind(&self) -> Kind {
        Kind::from_u8(self.header.kind).expect("events are checked where they enter")
    }

    /// The body as `B`. Panics if the event is of another kind.
    #[inline]
    pub fn body<B: Body>(&self) -> &B {
        assert_eq!(self.header.kind, B::KIND as u8, "the body asked for is not the event's");
        B::ref_from_prefix(self.body.as_bytes()).expect("a body is smaller than the slot").0
    }

    /// The body as `B`, to change. Panics if the event is of another kind.
    #[inline]
    pub fn body_mut<B: Body>(&mut self) -> &mut B {
        assert_eq!(self.header.kind, B::KIND as u8, "the body asked for is not the event's");
        B::mut_from_prefix(self.body.as_mut_bytes()).expect("a body is smaller than the slot").0
    }

    /// The used bytes, those that are journaled and hashed.
    #[inline]
    pub fn used_bytes(&self) -> &[u8] {
        &self.as_bytes()[..usize::from(self.header.lines) * LINE_BYTES]
    }

    /// Checks foreign bytes and copies them into a slot.
    ///
    /// # Errors
    /// If the length, kind, line count or a coded field is not one that this version writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EventError> {
        let mut event = Self { header: Header::default(), body: [0; _] };
        event.read_from(bytes)?;
        Ok(event)
    }

    /// The same in place, which saves a reader the copies of a whole slot. After an error nothing may be read from it.
    ///
    /// # Errors
    /// Those of [`from_bytes`](Self::from_bytes).
    pub fn read_from(&mut self, bytes: &[u8]) -> Result<(), EventError> {
        if bytes.is_empty()
            || !bytes.len().is_multiple_of(LINE_BYTES)
            || bytes.len() > SLOT_LINES * LINE_BYTES
        {
            return Err(EventError::Length(bytes.len()));
        }
        let (used, rest) = self.as_mut_bytes().split_at_mut(bytes.len());
        used.copy_from_slice(bytes);
        rest.fill(0);
        let number = self.header.kind;
        let kind = Kind::from_u8(number).ok_or(EventError::Kind(number))?;
        let found = self.header.lines;
        if found != kind.lines() || usize::from(found) * LINE_BYTES != bytes.len() {
            return Err(EventError::Lines { kind: number, expected: kind.lines(), found });
        }
        if self.codes_known() { Ok(()) } else { Err(EventError::Code { kind: number }) }
    }

    /// Whether every coded field holds a value this build knows, so that nothing behind this can trip over one.
    fn codes_known(&self) -> bool {
        let side = |code| Side::from_u8(code).is_some();
        let intent = |code| Intent::from_u8(code).is_some();
        match self.kind() {
            Kind::Instrument => InstrumentClass::from_u8(self.body::<Instrument>().class).is_some(),
            Kind::Command => CommandCode::from_u8(self.body::<Command>().code).is_some(),
            Kind::DeadLetter => DeadReason::from_u8(self.body::<DeadLetter>().reason).is_some(),
            Kind::Report => {
                let report = self.body::<Report>();
                OrderState::from_u8(report.state).is_some()
                    && side(report.side)
                    && ReportReason::from_u8(report.reason).is_some()
            }
            Kind::Bar => Timeframe::from_u8(self.body::<Bar>().timeframe).is_some(),
            Kind::Signal => {
                let signal = self.body::<Signal>();
                Action::from_u8(signal.action).is_some() && SignalReason::from_u8(signal.reason).is_some()
            }
            Kind::Verdict => {
                let verdict = self.body::<Verdict>();
                let decided = Decision::from_u8(verdict.decision).is_some();
                decided
                    && Rule::from_u8(verdict.rule).is_some()
                    && side(verdict.side)
                    && intent(verdict.intent)
            }
            Kind::Order => {
                let order = self.body::<Order>();
                side(order.side)
                    && OrderType::from_u8(order.order_type).is_some()
                    && Validity::from_u8(order.validity).is_some()
                    && intent(order.intent)
            }
            Kind::Cancel => intent(self.body::<Cancel>().intent),
            Kind::Modify => intent(self.body::<Modify>().intent),
            Kind::Fill => side(self.body::<Fill>().side),
            Kind::StateHash => {
                let stage = u8::try_from(self.body::<StateHash>().stage);
                stage.is_ok_and(|stage| StageId::from_u8(stage).is_some())
            }
            Kind::Alarm => AlarmCode::from_u8(self.body::<Alarm>().code).is_some(),
            Kind::TradingState => MarketPhase::from_u8(self.body::<TradingState>().phase).is_some(),
            Kind::SessionStart
            | Kind::SessionEnd
            | Kind::Timer
            | Kind::ConfigText
            | Kind::Hours
            | Kind::Ltp
            | Kind::Quote
            | Kind::Full
            | Kind::Wake
            | Kind::StepMarker => true,
        }
    }

    /// The class of an input, the second part of the key by which virtual time orders inputs.
    #[inline]
    pub fn class(&self) -> Class {
        match self.kind() {
            Kind::Report | Kind::Wake => Class::Endogenous,
            Kind::Timer => Class::Timer,
            Kind::Ltp | Kind::Quote | Kind::Full | Kind::DeadLetter => Class::Market,
            _ => Class::Control,
        }
    }
}
