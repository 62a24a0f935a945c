//! What one stage of the pipeline is given, recorded: so that the stage can be measured alone on exactly the events it
//! meets in company.

use crate::day::Day;
use pitlane_engine::drive::Stages;
use pitlane_engine::drive::sink::Sink;
use pitlane_engine::event::{Event, Kind, StageId};
use pitlane_engine::limits::CHECKPOINT_INPUTS;
use pitlane_engine::log::NoLog;
use pitlane_engine::sequencer::source::{Decoded, Merged};
use pitlane_engine::sequencer::{Release, SOURCE_FEED, Sequencer};
use pitlane_engine::stage::{Chain, Emit, StepEnd, Then};
use pitlane_engine::stages::decoder::Decoder;
use pitlane_engine::units::TsNs;

/// Inputs of a measured tape: more than a cache does, and little enough for every machine (256 bytes an event).
pub const INPUTS: u64 = 200_000;

/// A stage whose input is recorded.
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

    /// All events, to change.
    pub fn events_mut(&mut self) -> &mut [Event] {
        &mut self.events
    }

    /// Records what `before` is given in the first `inputs` inputs of `day`.
    ///
    /// # Errors
    /// If the day has no schedule.
    pub fn record(day: &Day, before: Before, inputs: u64) -> anyhow::Result<Self> {
        let decoder = Decoder::new(&day.config.instruments, SOURCE_FEED);
        let source = Merged::new(day.schedule(inputs)?, Decoded::new(day.player(), decoder));
        let mut sequencer = Sequencer::new(source, NoLog, day.config.venue.latency_min_ns);
        let mut sink = Sink::new(NoLog, &day.config);
        let Stages { bars, strategy, risk, matcher } = day.stages();
        let tap = |at: Before| Tap((at == before).then(Self::default));
        let last = Then::new(Then::new(tap(Before::Risk), risk), Then::new(tap(Before::Match), matcher));
        let first = Then::new(Then::new(tap(Before::Bars), bars), Then::new(tap(Before::Strategy), strategy));
        let mut chain = Then::new(first, last);
        while sequencer.last_seq().0 < inputs && sequencer.release(TsNs(u64::MAX)) == Release::Released {
            let event = sequencer.current();
            let checkpoint = event.header.seq.0.is_multiple_of(CHECKPOINT_INPUTS)
                || event.header.kind == Kind::SessionEnd as u8;
            let end = StepEnd { seq: event.header.seq, ts: event.header.ts, checkpoint };
            chain.event(event, &mut sink);
            chain.end(end, &mut sink);
            sink.end_step(end, 0);
            for event in sink.endogenous() {
                sequencer.on_endogenous(event);
            }
            sink.clear_endogenous();
            sequencer.on_done(end.seq);
        }
        let Then { first, second } = chain;
        let taps = [first.first.first, first.second.first, second.first.first, second.second.first];
        Ok(taps.into_iter().find_map(|tap| tap.0).expect("one of them recorded"))
    }
}

/// A place between two stages; it records if it is the one.
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
}
