//! One stage at a time, on the steps that the whole pipeline gives it.

use super::{Measured, Rung};
use crate::day::{Day, Player};
use crate::openloop::{Looped, Work, drive};
use crate::tape::{Before, INPUTS, Nowhere, Tape};
use pitlane_engine::drive::Stages;
use pitlane_engine::drive::clock::Clock;
use pitlane_engine::event::{Event, SessionEnd};
use pitlane_engine::sequencer::SOURCE_FEED;
use pitlane_engine::stage::Chain;
use pitlane_engine::stages::decoder::Decoder;
use pitlane_engine::units::InstrumentId;
use std::hint::black_box;

/// Runs `work` in the open loop and says what it came to.
pub(super) fn looped(rung: &Rung, work: &mut impl Work) -> anyhow::Result<Measured> {
    let mut measured = Measured::empty(rung);
    let clock = Clock::default();
    let Looped { operations, unserved, paused_ns } =
        drive(work, &clock, rung, &mut measured.recorder, &mut measured.idle)?;
    measured.unserved = unserved;
    measured.set_achieved(operations, rung, paused_ns);
    Ok(measured)
}

/// A stage on its tape; at the tape's end it is built anew.
struct OnTape<'a, C, B> {
    tape: Tape,
    next: usize,
    build: B,
    stage: C,
    day: &'a Day,
}

impl<C: Chain, B: Fn(Stages) -> C> Work for OnTape<'_, C, B> {
    fn left(&self) -> u64 {
        (self.tape.len() - self.next) as u64
    }

    fn prepare(&mut self) -> anyhow::Result<()> {
        self.stage = (self.build)(self.day.stages());
        self.next = 0;
        Ok(())
    }

    #[inline]
    fn operate(&mut self) {
        self.tape.give(self.next, &mut self.stage, &mut Nowhere);
        self.next += 1;
    }
}

fn on_tape<C: Chain>(
    day: &Day,
    rung: &Rung,
    before: Before,
    build: impl Fn(Stages) -> C,
) -> anyhow::Result<Measured> {
    let tape = Tape::record(day, before, INPUTS)?;
    let stage = build(day.stages());
    let mut work = OnTape { tape, next: 0, build, stage, day };
    looped(rung, &mut work)
}

/// The bars.
///
/// # Errors
/// If there is no tape.
pub fn bars(day: &Day, rung: &Rung) -> anyhow::Result<Measured> {
    on_tape(day, rung, Before::Bars, |stages| stages.bars)
}

/// The strategies.
///
/// # Errors
/// If there is no tape.
pub fn strategy(day: &Day, rung: &Rung) -> anyhow::Result<Measured> {
    on_tape(day, rung, Before::Strategy, |stages| stages.strategy)
}

/// Risk.
///
/// # Errors
/// If there is no tape.
pub fn risk(day: &Day, rung: &Rung) -> anyhow::Result<Measured> {
    on_tape(day, rung, Before::Risk, |stages| stages.risk)
}

/// The venue.
///
/// # Errors
/// If there is no tape.
pub fn matching(day: &Day, rung: &Rung) -> anyhow::Result<Measured> {
    on_tape(day, rung, Before::Match, |stages| stages.matcher)
}

/// Reads the clock once more.
struct Reading(Clock);

impl Work for Reading {
    fn left(&self) -> u64 {
        u64::MAX
    }

    fn prepare(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    #[inline]
    fn operate(&mut self) {
        black_box(self.0.now_ns());
    }
}

/// The clock.
///
/// # Errors
/// Never.
pub fn clock(rung: &Rung) -> anyhow::Result<Measured> {
    looped(rung, &mut Reading(Clock::default()))
}

struct Decoding {
    decoder: Decoder,
    player: Player,
    event: Event,
}

impl Work for Decoding {
    fn left(&self) -> u64 {
        u64::MAX
    }

    fn prepare(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    #[inline]
    fn operate(&mut self) {
        let (received, frame) = self.player.advance();
        let mut cursor = self.decoder.begin(frame, received);
        while self.decoder.next(frame, &mut cursor, &mut self.event) {
            black_box(&self.event);
        }
    }
}

/// The decoder.
///
/// # Errors
/// Never.
pub fn decode(day: &Day, rung: &Rung) -> anyhow::Result<Measured> {
    let decoder = Decoder::new(&day.config.instruments, SOURCE_FEED);
    let blank = SessionEnd { date: 0, number: 0, reserved: [0; 24] };
    let event = Event::new(InstrumentId::NONE, 0, &blank);
    let mut work = Decoding { decoder, player: day.player(), event };
    let measured = looped(rung, &mut work)?;
    anyhow::ensure!(
        work.decoder.counters().dead_total() == 0,
        "the decoder refused packets of the bench's own market"
    );
    Ok(measured)
}
