//! The strategy stage: bars and ticks become signals.
//!
//! 1. Every (instance, instrument) has a state of its own; bars reach those of their instrument and
//!    timeframe, ticks and (as `on_minute`, before any bar) minutes all of their instrument, in a fixed order
//!    (timeframe, then configuration).
//! 2. A signal says what is wanted, why, and by which facts. Signal ids are dense over the run, from 1.
//! 3. A hold is recorded once per change of reason, not per bar; every session starts its record afresh.
//! 4. Between sessions, before the instrument's open and from its close on, whatever is said becomes the hold
//!    `session_closed`.
//! 5. The hold `ltp_missing` is said when the instance's first bar is due (the instrument's open, one period,
//!    the bars' grace) and no price has come since the session started.
//! 6. Bars of earlier days, which are inputs before the first session, move indicators and nothing else: what is
//!    said to them is dropped, and has no id.
//!
//! Instances on one instrument may want different things. Each says so in a signal of its own; whose wish counts
//! is decided by risk.

mod api;
pub mod bench;
mod ema_crossover;
pub mod indicators;
mod multi_factor;
mod registry;
#[cfg(test)]
mod tests;

pub use api::{BarView, Facts, Pending, Said, Signals, Strategy, TickView, rupees};
pub use registry::{Parameter, REGISTRY, Settings, StrategyError, StrategyKind, value_of_word, words};

use crate::config::PipelineConfig;
use crate::event::{
    Action, Bar, Event, FLAG_EXO, Header, Hours, Kind, SessionStart, Signal, SignalReason, StageId, Timeframe,
};
use crate::limits::{EMIT_MAX, INSTRUMENTS_MAX, STRATEGIES_MAX};
use crate::stage::{Emit, Progress, Stage};
use crate::state::StateIo;
use crate::units::{InstrumentId, NS_PER_S, Price, StrategyId, TsNs};

/// Instances on one instrument at most: each may answer one event, and the event itself is forwarded.
const PER_INSTRUMENT_MAX: usize = EMIT_MAX - 1;

/// The strategy stage.
pub struct Strategies {
    /// Ordered by instrument, timeframe, instance.
    slots: Vec<Slot>,
    /// First slot of every (instrument, timeframe), and the number of slots at the end.
    starts: Vec<u32>,
    /// Signals so far.
    signals: u64,
    /// Continuous trading in this session, by instrument: open, close.
    hours: Box<[(TsNs, TsNs)]>,
    /// Slots whose instrument has no price yet in this session and that have not said so.
    awaiting: u32,
    /// The timer at work and the next slot to look at.
    scan: (Header, usize),
}

/// One instance on one instrument.
struct Slot {
    strategy: Box<dyn Strategy>,
    instance: StrategyId,
    instrument: InstrumentId,
    timeframe: Timeframe,
    /// From the session's open until the first bar is due, in nanoseconds; day bars are due after the close.
    first_due_ns: Option<u64>,
    awaiting_price: bool,
    /// Whether it listens to ticks.
    wants_ticks: bool,
    /// Code of the reason said last in this session, 0 = none.
    said: u8,
}

impl Slot {
    fn state(&mut self, io: &mut StateIo<'_>) {
        io.plain(&mut self.said);
        if self.said != 0 && SignalReason::from_u8(self.said).is_none() {
            io.refuse("a slot said something unknown");
        }
        io.flag(&mut self.awaiting_price);
        if self.awaiting_price && self.first_due_ns.is_none() {
            io.refuse("a slot waits for a price that it never says is missing");
        }
        self.strategy.state(io);
    }
}

impl Strategies {
    /// Builds every instance of the configuration.
    ///
    /// # Errors
    /// If a kind, parameter or instrument is unknown, a value does not fit, or there are too many instances.
    pub fn new(config: &PipelineConfig) -> Result<Self, StrategyError> {
        Self::with_kinds(config, REGISTRY)
    }

    /// Builds every instance of the configuration from `kinds` instead of the registry's: for kinds that live in
    /// another crate, and for tests.
    ///
    /// # Errors
    /// As `new`.
    pub fn with_kinds(
        config: &PipelineConfig,
        kinds: &'static [StrategyKind],
    ) -> Result<Self, StrategyError> {
        assert!(
            config.instruments.len() <= INSTRUMENTS_MAX,
            "the instrument table is checked where it is read"
        );
        let found = config.strategies.len();
        if found > STRATEGIES_MAX {
            return Err(StrategyError::TooMany { found, max: STRATEGIES_MAX });
        }
        let mut slots = Vec::new();
        for index in 0..found {
            Self::build_instance(config, kinds, index, &mut slots)?;
        }
        slots.sort_by_key(|slot| (slot.instrument, slot.timeframe, slot.instance));
        let starts = Self::route(&slots, config.instruments.len());
        for (instrument, bounds) in
            starts.windows(Timeframe::ALL.len() + 1).step_by(Timeframe::ALL.len()).enumerate()
        {
            let found = (bounds[Timeframe::ALL.len()] - bounds[0]) as usize;
            if found > PER_INSTRUMENT_MAX {
                let instrument = instrument as u32;
                return Err(StrategyError::TooManyOnInstrument {
                    instrument,
                    found,
                    max: PER_INSTRUMENT_MAX,
                });
            }
        }
        let none = Header::default();
        Ok(Self {
            slots,
            starts,
            signals: 0,
            hours: vec![(TsNs::ZERO, TsNs::ZERO); config.instruments.len()].into_boxed_slice(),
            awaiting: 0,
            scan: (none, 0),
        })
    }

    /// Signals recorded so far, holds included.
    pub fn signals(&self) -> u64 {
        self.signals
    }

    fn build_instance(
        config: &PipelineConfig,
        kinds: &'static [StrategyKind],
        index: usize,
        slots: &mut Vec<Slot>,
    ) -> Result<(), StrategyError> {
        let instance = &config.strategies[index];
        let settings = Settings::resolve_among(instance, kinds)?;
        for &instrument in &instance.instruments {
            if instrument.index() >= config.instruments.len() {
                return Err(StrategyError::UnknownInstrument {
                    id: instance.id.clone(),
                    instrument: instrument.0,
                });
            }
            let strategy = (settings.kind.build)(&settings)
                .map_err(|reason| StrategyError::Conflict { id: instance.id.clone(), reason })?;
            let period = instance.timeframe.seconds();
            slots.push(Slot {
                wants_ticks: strategy.wants_ticks(),
                strategy,
                instance: PipelineConfig::strategy_id(index),
                instrument,
                timeframe: instance.timeframe,
                first_due_ns: period.map(|secs| secs * NS_PER_S + config.bars.grace_ns),
                awaiting_price: false,
                said: 0,
            });
        }
        Ok(())
    }

    /// For every (instrument, timeframe) the first slot that is not before it.
    fn route(slots: &[Slot], instruments: usize) -> Vec<u32> {
        let key = |slot: &Slot| Self::place(slot.instrument, slot.timeframe as usize - 1);
        (0..=instruments * Timeframe::ALL.len())
            .map(|place| slots.partition_point(|slot| key(slot) < place) as u32)
            .collect()
    }

    /// Where the slots of an instrument's timeframe number `frame` (from 0) start in `starts`.
    #[inline]
    fn place(instrument: InstrumentId, frame: usize) -> usize {
        instrument.index() * Timeframe::ALL.len() + frame
    }

    #[inline]
    fn range(&self, from: usize, to: usize) -> std::ops::Range<usize> {
        self.starts[from] as usize..self.starts[to] as usize
    }

    /// The slots of an instrument, whatever their timeframe.
    #[inline]
    fn range_of(&self, instrument: InstrumentId) -> std::ops::Range<usize> {
        let place = Self::place(instrument, 0);
        self.range(place, place + Timeframe::ALL.len())
    }

    fn on_session_start(&mut self, session: &SessionStart) {
        self.hours.fill((session.open, session.close));
        self.awaiting = 0;
        for slot in &mut self.slots {
            slot.said = 0;
            slot.awaiting_price = slot.first_due_ns.is_some();
            self.awaiting += u32::from(slot.awaiting_price);
            slot.strategy.on_session_start(session);
        }
    }

    fn on_hours(&mut self, instrument: InstrumentId, own: &Hours) {
        let hours = self.hours.get_mut(instrument.index());
        *hours.expect("the bars let hours of no unknown instrument pass") = (own.open, own.close);
    }

    /// Whether `instrument` is in continuous trading at `ts`.
    #[inline]
    fn trades_at(&self, instrument: InstrumentId, ts: TsNs) -> bool {
        let (open, close) = self.hours[instrument.index()];
        open <= ts && ts < close
    }

    fn on_bar(&mut self, event: &Event, out: &mut impl Emit) {
        let Header { instrument, ts, flags, .. } = event.header;
        let bar = event.body::<Bar>();
        let frame = Timeframe::from_u8(bar.timeframe).expect("an event's codes are checked") as usize - 1;
        let history = flags & FLAG_EXO != 0;
        let trading = !history && self.trades_at(instrument, ts);
        let view = BarView { instrument, ts, trading, bar };
        if bar.timeframe == Timeframe::M1 as u8 {
            for at in self.range_of(event.header.instrument) {
                self.slots[at].strategy.on_minute(&view);
            }
        }
        let place = Self::place(event.header.instrument, frame);
        for at in self.range(place, place + 1) {
            let mut said = Signals::default();
            self.slots[at].strategy.on_bar(&view, &mut said);
            if let Some(said) = said.take().filter(|_| !history) {
                self.record(at, said, bar.close, bar.start, &event.header, out);
            }
        }
    }

    #[inline(always)]
    fn on_tick(&mut self, event: &Event, out: &mut impl Emit) {
        let mut view = None;
        for at in self.range_of(event.header.instrument) {
            let trading = self.trades_at(event.header.instrument, event.header.ts);
            let slot = &mut self.slots[at];
            if slot.awaiting_price {
                slot.awaiting_price = false;
                self.awaiting -= 1;
            }
            if !slot.wants_ticks {
                continue;
            }
            let view =
                view.get_or_insert_with(|| TickView::of(event, trading).expect("the kind is a tick's"));
            let mut said = Signals::default();
            slot.strategy.on_tick(view, &mut said);
            if let Some(said) = said.take() {
                self.record(at, said, view.last, TsNs::ZERO, &event.header, out);
            }
        }
    }

    /// Lets the slots whose first bar is due without a price say so; a full call continues in `resume`.
    #[inline(never)]
    fn report_missing_prices(&mut self, mut room: usize, out: &mut impl Emit) -> Progress {
        let (header, mut at) = self.scan;
        while self.awaiting > 0 && at < self.slots.len() {
            let slot = &mut self.slots[at];
            let (open, _) = self.hours[slot.instrument.index()];
            let due = slot.first_due_ns.map(|ns| open.plus(ns));
            if slot.awaiting_price && due.is_some_and(|due| header.ts >= due) {
                if room == 0 {
                    self.scan.1 = at;
                    return Progress::More;
                }
                room -= 1;
                slot.awaiting_price = false;
                self.awaiting -= 1;
                let (action, reason) = (Action::Hold, SignalReason::LtpMissing);
                let said = Said { action, reason, confidence_bps: 0, facts: [0.0; 6] };
                self.record(at, said, Price::ZERO, TsNs::ZERO, &header, out);
            }
            at += 1;
        }
        self.scan.1 = 0;
        Progress::Done
    }

    /// Emits what a slot said, unless it is a hold for the reason it gave before.
    #[inline(never)]
    fn record(
        &mut self,
        at: usize,
        mut said: Said,
        price: Price,
        bar_start: TsNs,
        cause: &Header,
        out: &mut impl Emit,
    ) {
        if !self.trades_at(self.slots[at].instrument, cause.ts) {
            said.action = Action::Hold;
            said.reason = SignalReason::SessionClosed;
            said.confidence_bps = 0;
        }
        let slot = &mut self.slots[at];
        if said.action == Action::Hold && slot.said == said.reason as u8 {
            return;
        }
        slot.said = said.reason as u8;
        self.signals += 1;
        let body = Signal {
            id: self.signals,
            price,
            bar_start,
            facts: said.facts,
            strategy: slot.instance,
            confidence_bps: said.confidence_bps,
            action: said.action as u8,
            reason: said.reason as u8,
            reserved: [0; 18],
        };
        out.emit(&Event::output(StageId::Strategy, cause, slot.instrument, &body));
    }
}

impl Strategies {
    /// Handles what is neither a price nor a bar.
    #[inline(never)]
    fn on_other(&mut self, kind: Kind, event: &Event, out: &mut impl Emit) -> Progress {
        match kind {
            Kind::SessionStart => self.on_session_start(event.body::<SessionStart>()),
            Kind::Hours => self.on_hours(event.header.instrument, event.body::<Hours>()),
            Kind::Timer if self.awaiting > 0 => {
                self.scan = (event.header, 0);
                return self.report_missing_prices(EMIT_MAX - 1, out);
            }
            _ => {}
        }
        Progress::Done
    }
}

impl Stage for Strategies {
    const ID: StageId = StageId::Strategy;

    #[inline(always)]
    fn on_event(&mut self, event: &Event, out: &mut impl Emit) -> Progress {
        out.forward(event);
        if event.is_market() {
            if !event.is_refused() {
                self.on_tick(event, out);
            }
        } else if event.is(Kind::Bar) {
            self.on_bar(event, out);
        } else {
            return self.on_other(event.kind(), event, out);
        }
        Progress::Done
    }

    fn resume(&mut self, out: &mut impl Emit) -> Progress {
        self.report_missing_prices(EMIT_MAX, out)
    }

    fn state(&mut self, io: &mut StateIo<'_>) {
        io.count(&mut self.signals);
        for (open, close) in &mut self.hours {
            io.time(open);
            io.time(close);
        }
        io.plain(&mut self.awaiting);
        // `scan` is empty between steps, and states are taken only there.
        let mut awaiting = 0;
        for slot in &mut self.slots {
            slot.state(io);
            awaiting += u32::from(slot.awaiting_price);
        }
        if awaiting != self.awaiting {
            io.refuse("another number of slots waits for a price");
        }
    }
}
