//! From the arrival of a frame to the order it causes, through the engine as it is: a feed that knows when each frame
//! was meant to come, and two logs in which the engine itself shows what it sequenced and what left risk. The record of
//! the outputs gets an order when the venue's stage has forwarded it, before it matches it.

use super::{Measured, Rung};
use crate::idle::Idle;
use crate::rate::Pace;
use crate::record::Recorder;
use pitlane_engine::drive::clock::Clock;
use pitlane_engine::event::{Event, Kind};
use pitlane_engine::feed::{FeedItem, FrameFeed};
use pitlane_engine::limits::IN_FLIGHT_MAX;
use pitlane_engine::log::{EventLog, LogError};
use pitlane_engine::sequencer::SOURCE_FEED;
use pitlane_engine::units::Seq;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Intended and real start of something, by its number.
struct Starts(Box<[(AtomicU64, AtomicU64)]>);

impl Starts {
    fn new(slots: usize) -> Self {
        assert!(slots.is_power_of_two(), "indexed by mask");
        Self((0..slots).map(|_| (AtomicU64::new(0), AtomicU64::new(0))).collect())
    }

    // Relaxed throughout: who reads a slot got the event that it belongs to over a ring, or is the same thread.
    #[inline]
    fn put(&self, number: u64, (intended_ns, started_ns): (u64, u64)) {
        let slot = &self.0[number as usize & (self.0.len() - 1)];
        slot.0.store(intended_ns, Ordering::Relaxed);
        slot.1.store(started_ns, Ordering::Relaxed);
    }

    #[inline]
    fn get(&self, number: u64) -> (u64, u64) {
        let slot = &self.0[number as usize & (self.0.len() - 1)];
        (slot.0.load(Ordering::Relaxed), slot.1.load(Ordering::Relaxed))
    }
}

/// What feed and logs of one run share.
pub(super) struct Shared {
    frames: Starts,
    inputs: Starts,
    closed: AtomicBool,
    outcome: Mutex<Outcome>,
}

/// What a run came to.
#[derive(Default)]
pub(super) struct Outcome {
    recorder: Option<Recorder>,
    idle: Option<Idle>,
    frames: u64,
    unserved: u64,
    orders: u64,
    failure: Option<String>,
}

impl Shared {
    /// For a run of `threads` threads: on one, a single input is under way.
    pub(super) fn new(threads: usize) -> Arc<Self> {
        let slots = if threads == 1 { 64 } else { 2 * IN_FLIGHT_MAX };
        let (frames, inputs) = (Starts::new(slots), Starts::new(slots));
        Arc::new(Self { frames, inputs, closed: AtomicBool::new(false), outcome: Mutex::default() })
    }

    /// Whether the feed has come to the end of the rung.
    #[inline]
    pub(super) fn closed(&self) -> bool {
        // Relaxed: a flag without data.
        self.closed.load(Ordering::Relaxed)
    }

    fn outcome(&self) -> std::sync::MutexGuard<'_, Outcome> {
        self.outcome.lock().expect("nobody panicked while holding it")
    }

    /// Moves what the run came to into `measured`.
    ///
    /// # Errors
    /// If the feed failed, or a part of the run never reported.
    pub(super) fn take(&self, rung: &Rung, measured: &mut Measured) -> anyhow::Result<()> {
        let mut outcome = self.outcome();
        if let Some(failure) = outcome.failure.take() {
            anyhow::bail!("the feed failed: {failure}");
        }
        let recorder = outcome.recorder.take();
        measured.recorder =
            recorder.ok_or_else(|| anyhow::anyhow!("the run ended without its record of outputs"))?;
        if let Some(idle) = outcome.idle.take() {
            measured.idle = idle;
        }
        measured.unserved = outcome.unserved;
        measured.set_achieved(outcome.frames, rung, 0);
        if outcome.frames > 0 {
            let share = outcome.orders as f64 * 100.0 / outcome.frames as f64;
            measured.notes.push(format!("at {}: {share:.1} % of ticks order", rung.rate));
            if share < 1.0 {
                measured.notes.push("fewer than 1 % of ticks order: the tail has few samples".to_owned());
            }
        }
        Ok(())
    }
}

/// The times of a rung, and the frames counted in them.
pub(super) struct Schedule {
    shared: Arc<Shared>,
    begin_ns: u64,
    end_ns: u64,
    pace: Option<Pace>,
    number: u64,
    counted: u64,
    idle: Idle,
    /// When the clock was read last, if nothing was due then.
    idle_ns: Option<u64>,
}

impl Schedule {
    /// The schedule that starts at `start_ns`.
    pub(super) fn new(rung: &Rung, shared: Arc<Shared>, start_ns: u64) -> Self {
        let begin_ns = start_ns + rung.warmup_ns;
        let pace = rung.rate.per_second().map(|rate| Pace::new(start_ns, rate));
        let end_ns = begin_ns + rung.duration_ns;
        let mut idle = Idle::new(rung.duration_ns);
        idle.begin_at(begin_ns);
        Self { shared, begin_ns, end_ns, pace, number: 0, counted: 0, idle, idle_ns: None }
    }

    /// Whether the rung is over.
    #[inline]
    pub(super) fn is_over(&self, now: u64) -> bool {
        now >= self.end_ns || self.pace.as_ref().is_some_and(|pace| pace.peek() >= self.end_ns)
    }

    /// Whether the next frame is due at `now`. If it is not, the time until the next look is one in which only the
    /// machine could be late.
    #[inline]
    pub(super) fn is_due(&mut self, now: u64) -> bool {
        let due = self.pace.as_ref().is_none_or(|pace| now >= pace.peek());
        if !due {
            self.idle(now);
        }
        due
    }

    /// Notes that nothing could be done at `now`.
    #[inline]
    pub(super) fn idle(&mut self, now: u64) {
        self.gap_ends(now);
        self.idle_ns = Some(now);
    }

    /// Records the time since the last look, if nothing was due then.
    #[inline]
    fn gap_ends(&mut self, now: u64) {
        if let Some(then) = self.idle_ns.take() {
            self.idle.record(then, now);
        }
    }

    /// Notes that the next frame is taken at `now`. A closed loop means it to come now.
    #[inline]
    pub(super) fn take(&mut self, now: u64) {
        self.gap_ends(now);
        let intended = self.pace.as_ref().map_or(now, Pace::peek);
        if let Some(pace) = &mut self.pace {
            pace.advance();
        }
        self.number += 1;
        self.shared.frames.put(self.number, (intended, now));
        self.counted += u64::from(intended >= self.begin_ns && now < self.end_ns);
    }

    /// Ends the rung because the feed failed.
    pub(super) fn fail(&mut self, failure: String) {
        self.shared.outcome().failure = Some(failure);
        self.close();
    }

    /// Ends the rung.
    pub(super) fn close(&mut self) {
        if self.shared.closed() {
            return;
        }
        let mut outcome = self.shared.outcome();
        outcome.frames = self.counted;
        outcome.idle = Some(std::mem::replace(&mut self.idle, Idle::new(1)));
        while let Some(pace) = self.pace.as_mut().filter(|pace| pace.peek() < self.end_ns) {
            pace.advance();
            outcome.unserved += 1;
        }
        // Relaxed: a flag without data.
        self.shared.closed.store(true, Ordering::Relaxed);
    }
}

/// A feed whose frames come when they are meant to.
pub(super) struct OpenFeed<P> {
    player: P,
    schedule: Schedule,
    clock: Clock,
    rung: Rung,
}

impl OpenFeed<crate::day::Player> {
    /// The frames of `player` from `start_ns` on.
    pub(super) fn new(player: crate::day::Player, rung: &Rung, shared: Arc<Shared>, start_ns: u64) -> Self {
        let schedule = Schedule::new(rung, shared, start_ns);
        Self { player, schedule, clock: Clock::default(), rung: rung.clone() }
    }
}

impl FrameFeed for OpenFeed<crate::day::Player> {
    #[inline]
    fn poll(&mut self) -> FeedItem<'_> {
        let now = self.clock.now_ns();
        if self.schedule.is_over(now) || self.rung.stopped() {
            self.schedule.close();
            return FeedItem::Closed;
        }
        if !self.schedule.is_due(now) {
            return FeedItem::Pending;
        }
        self.schedule.take(now);
        let (received, bytes) = self.player.advance();
        FeedItem::Frame { received, bytes }
    }
}

/// The record of the inputs: which frame became which input. Frames carry one packet each and come in order, so the
/// number of the frame is that of the input among those of the feed.
pub(super) struct InputsTap {
    shared: Arc<Shared>,
    frames: u64,
}

impl InputsTap {
    /// At the beginning of a run.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, frames: 0 }
    }
}

impl EventLog for InputsTap {
    #[inline]
    fn append(&mut self, event: &Event) {
        let starts = if event.header.source == SOURCE_FEED {
            self.frames += 1;
            self.shared.frames.get(self.frames)
        } else {
            (0, 0)
        };
        self.shared.inputs.put(event.header.seq.0, starts);
    }
}

/// The record of the outputs: when the first order of a step came by.
pub(super) struct OutputsTap {
    shared: Arc<Shared>,
    clock: Clock,
    recorder: Option<Recorder>,
    begin_ns: u64,
    last: Seq,
    orders: u64,
}

impl OutputsTap {
    /// For a run whose schedule starts at `start_ns`.
    pub(super) fn new(rung: &Rung, shared: Arc<Shared>, start_ns: u64) -> Self {
        let begin_ns = start_ns + rung.warmup_ns;
        let mut recorder = Recorder::new(rung.duration_ns);
        recorder.begin_at(begin_ns);
        let clock = Clock::default();
        Self { shared, clock, recorder: Some(recorder), begin_ns, last: Seq::ZERO, orders: 0 }
    }
}

impl EventLog for OutputsTap {
    #[inline]
    fn append(&mut self, event: &Event) {
        if event.header.kind != Kind::Order as u8 || event.header.seq == self.last {
            return;
        }
        self.last = event.header.seq;
        let (intended, started) = self.shared.inputs.get(event.header.seq.0);
        // Zero: a timer or a report caused the order, not a frame.
        if let (Some(recorder), 1..) = (&mut self.recorder, intended) {
            recorder.record(intended, started, self.clock.now_ns());
            self.orders += u64::from(intended >= self.begin_ns);
        }
    }

    fn finish(&mut self) -> Result<(), LogError> {
        let mut outcome = self.shared.outcome();
        outcome.recorder = self.recorder.take();
        outcome.orders = self.orders;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate::Rate;

    #[test]
    fn a_stall_that_ends_with_a_frame_due_is_a_stall_of_the_machine_and_shows_in_the_latency() {
        // A frame every microsecond; the thread loses its cpu for a millisecond while it waits for the third.
        let rung = Rung::for_tests(Rate::PerSecond(1_000_000), 0, 10_000_000);
        let shared = Shared::new(1);
        let mut schedule = Schedule::new(&rung, shared.clone(), 1_000);
        let mut outputs = OutputsTap::new(&rung, shared.clone(), 1_000);
        let (mut taken, mut now) = (0, 990);
        while !schedule.is_over(now) {
            if schedule.is_due(now) {
                schedule.take(now);
                taken += 1;
                let (intended, started) = shared.frames.get(taken);
                assert_eq!((intended, started), (1_000 * taken, now));
                outputs.recorder.as_mut().unwrap().record(intended, started, now + 100);
            }
            now += if taken == 2 && (2_150..3_000).contains(&now) { 1_000_000 } else { 100 };
        }
        schedule.close();
        assert!(shared.closed() && outputs.finish().is_ok());
        let mut measured = Measured::empty(&rung);
        shared.take(&rung, &mut measured).unwrap();
        assert!(
            (1_000_000..1_001_000).contains(&measured.idle.longest_ns()),
            "{}",
            measured.idle.longest_ns()
        );
        assert_eq!((taken, measured.unserved), (10_000, 0));
        let sum = measured.recorder.sum(&[true]);
        assert!(sum.latency.count_between(10_000, u64::MAX) > 900, "a thousand frames came during the stall");
        assert!(sum.service.max() < 200, "none of them took long itself");
    }
}
