//! What one stage of the pipeline is given, recorded: so that the stage can be measured alone on exactly the events it
//! meets in company.

use crate::day::{Day, Player};
use pitlane_engine::drive::Stages;
use pitlane_engine::drive::sink::Sink;
use pitlane_engine::event::{Event, Kind, StageId};
use pitlane_engine::limits::CHECKPOINT_INPUTS;
use pitlane_engine::log::NoLog;
use pitlane_engine::sequencer::schedule::Schedule;
use pitlane_engine::sequencer::source::{Decoded, Merged};
use pitlane_engine::sequencer::{Release, SOURCE_FEED, Sequencer};
use pitlane_engine::stage::{Chain, Emit, StepEnd, Then};
use pitlane_engine::stages::bars::Bars;
use pitlane_engine::stages::decoder::Decoder;
use pitlane_engine::stages::risk::Risk;
use pitlane_engine::stages::strategy::Strategies;
use pitlane_engine::stages::venue::Venue;
use pitlane_engine::units::TsNs;
use std::hint::black_box;

/// Inputs of a measured tape: more than a cache does, and little enough for every machine (256 bytes an event).
pub const INPUTS: u64 = 200_000;

/// A part of the pipeline whose input is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// The bars: sequenced inputs.
    Bars,
    /// The strategies.
    Strategy,
    /// Risk.
    Risk,
    /// The venue.
    Match,
    /// The end of the chain.
    Sink,
    /// The sequencer: reports and wake-ups that a step sends back.
    Sequencer,
}

impl Before {
    /// Every part, in the order of `Recorder::tapes`.
    pub const ALL: [Self; 6] =
        [Self::Bars, Self::Strategy, Self::Risk, Self::Match, Self::Sink, Self::Sequencer];
}

/// The steps of a stage: all events that one input caused, then the step's end.
#[derive(Default)]
pub struct Tape {
    events: Vec<Event>,
    /// Index behind the last event of each step.
    ends: Vec<(usize, StepEnd)>,
}

impl Tape {
    /// Steps.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no step.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The events and the end of a step.
    #[inline]
    pub fn step(&self, index: usize) -> (&[Event], StepEnd) {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before].0);
        let (end, step_end) = self.ends[index];
        (&self.events[start..end], step_end)
    }

    /// Gives a step to the part that the tape was recorded for.
    #[inline]
    pub fn give(&self, index: usize, part: &mut impl Chain, out: &mut impl Emit) {
        let (events, end) = self.step(index);
        events.iter().for_each(|event| part.event(event, out));
        part.end(end, out);
    }

    /// All events, to change.
    pub fn events_mut(&mut self) -> &mut [Event] {
        &mut self.events
    }

    /// Records what `before` is given in the first `inputs` inputs of `day`.
    ///
    /// # Errors
    /// If the day has no schedule.
    pub fn record(day: &Day, before: Before, inputs: u64) -> anyhow::Result<Self> {
        let mut recorder = Recorder::new(day, &[before], inputs)?;
        recorder.record(inputs);
        Ok(recorder.tapes()[before as usize].take().expect("it was asked for"))
    }
}

/// Takes what a stage emits, so that it must be made.
pub struct Nowhere;

impl Emit for Nowhere {
    #[inline]
    fn emit(&mut self, event: &Event) {
        black_box(event);
    }
}

type Front = Then<Then<Tap, Bars>, Then<Tap, Strategies>>;
type Back = Then<Then<Tap, Risk>, Then<Tap, Venue>>;

/// The whole pipeline, which keeps what its parts are given.
pub struct Recorder {
    sequencer: Sequencer<Merged<Schedule, Decoded<Player>>, NoLog>,
    chain: Then<Then<Front, Back>, Tap>,
    sink: Sink<NoLog>,
    back: Tap,
}

impl Recorder {
    /// At the start of `day`, to keep what `parts` are given in up to `inputs` inputs.
    ///
    /// # Errors
    /// If the day has no schedule.
    pub fn new(day: &Day, parts: &[Before], inputs: u64) -> anyhow::Result<Self> {
        let decoder = Decoder::new(&day.config.instruments, SOURCE_FEED);
        let source = Merged::new(day.schedule(inputs)?, Decoded::new(day.player(), decoder));
        let sequencer = Sequencer::new(source, NoLog, day.config.venue.latency_min_ns);
        let sink = Sink::new(NoLog, &day.config);
        let Stages { bars, strategy, risk, matcher } = day.stages();
        let tap = |at: Before| Tap(parts.contains(&at).then(Tape::default));
        let front = Then::new(Then::new(tap(Before::Bars), bars), Then::new(tap(Before::Strategy), strategy));
        let back = Then::new(Then::new(tap(Before::Risk), risk), Then::new(tap(Before::Match), matcher));
        let chain = Then::new(Then::new(front, back), tap(Before::Sink));
        Ok(Self { sequencer, chain, sink, back: tap(Before::Sequencer) })
    }

    /// Runs `inputs` more, if the day has them, and keeps them in place of what was kept before.
    pub fn record(&mut self, inputs: u64) {
        for tape in self.tapes().into_iter().flatten() {
            tape.events.clear();
            tape.ends.clear();
        }
        let last = self.sequencer.last_seq().0 + inputs;
        while self.sequencer.last_seq().0 < last
            && self.sequencer.release(TsNs(u64::MAX)) == Release::Released
        {
            let event = self.sequencer.current();
            let checkpoint = event.header.seq.0.is_multiple_of(CHECKPOINT_INPUTS)
                || event.header.kind == Kind::SessionEnd as u8;
            let end = StepEnd { seq: event.header.seq, ts: event.header.ts, checkpoint };
            self.chain.event(event, &mut self.sink);
            self.chain.end(end, &mut self.sink);
            self.sink.end_step(end, 0);
            for event in self.sink.endogenous() {
                self.sequencer.on_endogenous(event);
                self.back.event(event, &mut Nowhere);
            }
            self.back.end(end, &mut Nowhere);
            self.sink.clear_endogenous();
            self.sequencer.on_done(end.seq);
        }
    }

    /// What is kept, in the order of [`Before::ALL`]; `None` of a part that was not asked for.
    pub fn tapes(&mut self) -> [&mut Option<Tape>; 6] {
        let Then { first: Then { first: front, second: back }, second: sink } = &mut self.chain;
        let [bars, strategy] = [&mut front.first.first, &mut front.second.first];
        let [risk, matcher] = [&mut back.first.first, &mut back.second.first];
        [bars, strategy, risk, matcher, sink, &mut self.back].map(|tap| &mut tap.0)
    }
}

/// A place between two parts; it keeps what passes if it was asked for.
struct Tap(Option<Tape>);

impl Chain for Tap {
    fn event(&mut self, event: &Event, out: &mut impl Emit) {
        if let Some(tape) = &mut self.0 {
            tape.events.push(*event);
        }
        out.emit(event);
    }

    fn end(&mut self, end: StepEnd, _out: &mut impl Emit) {
        if let Some(tape) = &mut self.0 {
            tape.ends.push((tape.events.len(), end));
        }
    }

    fn hashes(&mut self, _each: &mut impl FnMut(StageId, u128)) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitlane_config::Settings;
    use pitlane_engine::event::Kind;

    #[test]
    fn every_stage_is_given_what_the_pipeline_gives_it_and_one_tick_in_a_hundred_orders() {
        let day = Day::new(Settings::demo()).unwrap();
        let count = |before: Before, kind: Kind| {
            let tape = Tape::record(&day, before, INPUTS).unwrap();
            assert_eq!(tape.len() as u64, INPUTS);
            let mut of_kind = 0;
            for step in 0..tape.len() {
                let (events, end) = tape.step(step);
                assert!(events.iter().all(|event| event.header.seq == end.seq), "step {step}");
                of_kind += events.iter().filter(|event| event.header.kind == kind as u8).count();
            }
            of_kind
        };
        let ticks = count(Before::Bars, Kind::Full);
        assert_eq!(count(Before::Bars, Kind::Bar), 0);
        assert!(count(Before::Strategy, Kind::Bar) > 10_000);
        assert!(count(Before::Risk, Kind::Signal) * 100 >= ticks);
        let orders = count(Before::Match, Kind::Order);
        assert!(orders * 100 >= ticks, "{orders} orders of {ticks} ticks");
    }

    #[test]
    fn tapes_in_pieces_are_the_tape_in_one() {
        let day = Day::new(Settings::demo()).unwrap();
        let bytes = |tape: &Tape| tape.events.iter().flat_map(|event| event.used_bytes().to_vec()).collect();
        for part in Before::ALL {
            let whole: Vec<u8> = bytes(&Tape::record(&day, part, 3_000).unwrap());
            let mut recorder = Recorder::new(&day, &[part], 3_000).unwrap();
            let mut pieces = Vec::new();
            for _ in 0..3 {
                recorder.record(1_000);
                let tape = recorder.tapes()[part as usize].as_ref().unwrap();
                assert_eq!(tape.len(), 1_000);
                pieces.append(&mut bytes(tape));
            }
            assert!(whole == pieces && !whole.is_empty(), "{part:?}");
        }
    }
}
