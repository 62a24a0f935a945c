//! The exchange behind the broker: the product's own bars and paper venue, driven as the pure stages they are.
//!
//! Every call is one step. What the venue reports is known here at once (how long it takes to reach a client is the
//! business of whoever moves the bytes), so its reports are handed back to it in the next step; wake-ups, by which orders
//! take their time to arrive, come back when their time has come.

use pitlane_engine::config::{
    BarsConfig, ChargesConfig, InstrumentSpec, PipelineConfig, RiskConfig, VenueConfig,
};
use pitlane_engine::config::{SessionPlan, SessionTimes};
use pitlane_engine::event::{
    Bar, Event, FLAG_EXO, Fill, Hours, Kind, Report, SessionEnd, SessionStart, Timer, Wake,
};
use pitlane_engine::sequencer::endogenous;
use pitlane_engine::stage::{Chain, Emit, Stage, StepEnd, Then};
use pitlane_engine::stages::bars::Bars;
use pitlane_engine::stages::decoder::{Decoder, DecoderCounters};
use pitlane_engine::stages::matcher::Matcher;
use pitlane_engine::units::{InstrumentId, NS_PER_S, Seq, TsNs};
use std::collections::BTreeMap;

/// What the venue said.
#[derive(Clone, Copy, Debug)]
pub enum Said {
    /// A fill.
    Fill(InstrumentId, Fill),
    /// A report.
    Report(InstrumentId, Report),
    /// A closed bar.
    Bar(InstrumentId, Bar),
}

/// Takes what comes out of the chain.
#[derive(Default)]
struct Taken {
    said: Vec<Said>,
    back: Vec<Event>,
}

impl Emit for Taken {
    fn emit(&mut self, event: &Event) {
        let at = event.header.instrument;
        // Inputs are handed on by every stage; what stages say has the mark of an output.
        let is_output = event.header.flags & pitlane_engine::event::FLAG_OUT != 0;
        match event.kind() {
            Kind::Fill => self.said.push(Said::Fill(at, *event.body())),
            Kind::Bar if is_output => self.said.push(Said::Bar(at, *event.body())),
            Kind::Report if is_output => {
                self.said.push(Said::Report(at, *event.body()));
                self.back.push(endogenous(event));
            }
            Kind::Wake if is_output => self.back.push(endogenous(event)),
            _ => {}
        }
    }
}

/// The stages and their driver.
pub struct Venue {
    decoder: Decoder,
    chain: Then<Bars, Matcher>,
    seq: Seq,
    now: TsNs,
    taken: Taken,
    /// Wake-ups by time and order of asking.
    wakes: BTreeMap<(TsNs, u64), Event>,
    asked: u64,
    times: SessionTimes,
    /// The next timer, if one is left.
    next_timer: TsNs,
    ended: bool,
    event: Event,
}

impl Venue {
    /// A venue of `instruments` for the session of `plan`, which begins with the first call.
    ///
    /// Panics on a configuration out of range, as the stages do.
    pub fn new(instruments: &[InstrumentSpec], venue: &VenueConfig, plan: &SessionPlan) -> Self {
        let bars = BarsConfig { grace_ns: NS_PER_S };
        let config = PipelineConfig {
            instruments: instruments.to_vec(),
            bars,
            strategies: Vec::new(),
            risk: RiskConfig::UNLIMITED,
            charges: ChargesConfig::NONE,
            venue: venue.clone(),
        };
        let times = plan.times;
        let start = SessionStart {
            date: times.date,
            number: 1,
            pre_open: times.pre_open,
            open: times.open,
            close: times.close,
            end: times.end,
            config_hash: 0,
            instruments_hash: 0,
            calendar_hash: 0,
            reserved: [0; 32],
        };
        let event = Event::new(InstrumentId::NONE, FLAG_EXO, &start);
        let mut this = Self {
            decoder: Decoder::new(instruments, 1),
            chain: Then::new(Bars::new(instruments, &bars), Matcher::new(&config)),
            seq: Seq::ZERO,
            now: times.pre_open,
            taken: Taken::default(),
            wakes: BTreeMap::new(),
            asked: 0,
            times,
            next_timer: times.pre_open,
            ended: false,
            event,
        };
        this.step(event);
        for own in &plan.hours {
            let hours = Hours { open: own.open, close: own.close, reserved: [0; 16] };
            this.step(Event::new(own.instrument, FLAG_EXO, &hours));
        }
        this
    }

    /// The time of the last step.
    pub fn now(&self) -> TsNs {
        self.now
    }

    /// The session's hours.
    pub fn times(&self) -> &SessionTimes {
        &self.times
    }

    /// What the decoder counted.
    pub fn counters(&self) -> &DecoderCounters {
        self.decoder.counters()
    }

    /// What the venue said since this was asked last.
    pub fn take_said(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.taken.said)
    }

    /// The next time at which something happens without input, up to `until`: a timer, a wake-up.
    pub fn next_due(&self, until: TsNs) -> Option<TsNs> {
        let wake = self.wakes.keys().next().map(|key| key.0);
        let timer = (!self.ended).then_some(self.next_timer);
        [wake, timer].into_iter().flatten().min().filter(|due| *due <= until)
    }

    /// Lets what is due at `due` happen; `due` comes from [`Venue::next_due`].
    pub fn pass(&mut self, due: TsNs) {
        self.now = self.now.max(due);
        while let Some(entry) = self.wakes.first_entry().filter(|entry| entry.key().0 <= due) {
            let event = entry.remove();
            self.step(event);
        }
        if !self.ended && self.next_timer <= due {
            let timer = Timer { due: self.next_timer, reserved: [0; 24] };
            self.step(Event::new(InstrumentId::NONE, FLAG_EXO, &timer));
            if self.next_timer >= self.times.end {
                self.end();
            }
            self.next_timer = self.next_timer.plus(NS_PER_S);
        }
    }

    /// Ends the session: what still rests is cancelled.
    fn end(&mut self) {
        self.ended = true;
        let end = SessionEnd { date: self.times.date, number: 1, reserved: [0; 24] };
        self.step(Event::new(InstrumentId::NONE, FLAG_EXO, &end));
    }

    /// Whether the session has ended.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes a frame in the broker's wire format, received at `received`. What cannot be read of it is counted, no more.
    pub fn frame(&mut self, received: TsNs, bytes: &[u8]) {
        self.now = self.now.max(received);
        let mut cursor = self.decoder.begin(bytes, received);
        let mut event = self.event;
        while self.decoder.next(bytes, &mut cursor, &mut event) {
            if matches!(event.kind(), Kind::Ltp | Kind::Quote | Kind::Full) && !self.ended {
                self.step(event);
            }
        }
    }

    /// Takes an order, a change, a cancel, or any other event that the matcher knows, now.
    pub fn request(&mut self, event: Event) {
        self.step(event);
    }

    /// One input and what it causes, and after it the reports it made, which are back at once.
    fn step(&mut self, event: Event) {
        self.one(event);
        while let Some(back) = self.taken.back.pop() {
            if back.kind() == Kind::Wake {
                let wake = back.body::<Wake>();
                self.asked += 1;
                self.wakes.insert((wake.vtime, self.asked), back);
            } else {
                self.one(back);
            }
        }
    }

    fn one(&mut self, mut event: Event) {
        self.seq = self.seq.next();
        (event.header.seq, event.header.ts) = (self.seq, self.now);
        self.chain.event(&event, &mut self.taken);
        let end = StepEnd { seq: self.seq, ts: self.now, checkpoint: false };
        self.chain.end(end, &mut self.taken);
    }
}

const _: fn() = || {
    fn is_stage<S: Stage>() {}
    is_stage::<Matcher>();
};
