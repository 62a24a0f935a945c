//! A worker is a stage, or a chain of them, with its rings. Whoever owns it calls `duty_cycle`; it never waits and never
//! knows its thread.

use super::broker;
use super::clock::{Clock, Pace};
use super::measure::laps::{Lapped, Laps, Part, Recorded};
use super::ring::{CALL_SLOTS, Call, Outlet};
use super::sink::{Counts, Sink};
use super::{RunResult, checkpoint_due, collect_hashes};
use crate::event::{Event, FLAG_STEP_END, Kind, Rule, StageId};
use crate::ledger::Ledger;
use crate::limits::{EMIT_MAX, ENDOGENOUS_PER_STEP_MAX, IN_FLIGHT_MAX};
use crate::log::EventLog;
use crate::planted::{Bug, is_planted};
use crate::sequencer::source::{Head, Source};
use crate::sequencer::{Release, Sequencer};
use crate::stage::{Progress, Stage, StepEnd, emit_checkpoint, stage_hash};
use crate::stages::bars::Bars;
use crate::stages::risk::Risk;
use crate::units::{Seq, TsNs};
use crossbeam::utils::CachePadded;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a duty cycle came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Something was done.
    Worked,
    /// Nothing could be done now.
    Idle,
    /// Nothing will ever be done again.
    Finished,
    /// A journal failed.
    Failed,
}

/// One thread's work.
pub trait Worker: Send {
    /// Its stages, for people.
    fn name(&self) -> &'static str;
    /// Handles up to `budget` events.
    fn duty_cycle(&mut self, budget: usize) -> Duty;
    /// Closes the input from outside; workers behind the sequencer have nothing to do.
    fn stop(&mut self) {}
    /// Adds what it knows to the run's result and seals its log.
    fn finish(self: Box<Self>, result: &mut RunResult);
}

/// Words shared between the sequencer's thread and the venue's.
pub struct Shared {
    /// The last step that the venue finished.
    done_seq: CachePadded<AtomicU64>,
    /// Release times of inputs by `seq % IN_FLIGHT_MAX`, if latencies are measured.
    stamps: Box<[AtomicU64]>,
}

impl Shared {
    /// The words at the start of a run whose steps up to `done` are finished.
    pub fn new(done: Seq) -> Arc<Self> {
        let stamps = (0..IN_FLIGHT_MAX).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self { done_seq: CachePadded::new(AtomicU64::new(done.0)), stamps })
    }
}

/// Reads a source and passes its events on.
pub struct FeedWorker<S> {
    source: S,
    out: Option<rtrb::Producer<Event>>,
}

impl<S: Source> FeedWorker<S> {
    /// A worker that fills `out` from `source`.
    pub fn new(source: S, out: rtrb::Producer<Event>) -> Self {
        Self { source, out: Some(out) }
    }
}

impl<S: Source> Worker for FeedWorker<S> {
    fn name(&self) -> &'static str {
        "decode"
    }

    fn duty_cycle(&mut self, budget: usize) -> Duty {
        let Some(out) = &mut self.out else { return Duty::Finished };
        let room = out.slots().min(budget);
        for done in 0..room {
            match self.source.poll() {
                Head::Ready => {
                    out.push(*self.source.head()).expect("there is room");
                    self.source.advance();
                }
                Head::Pending | Head::Quiet if done > 0 => return Duty::Worked,
                // Nobody takes anything any more: the run was stopped.
                Head::Pending | Head::Quiet if out.is_abandoned() => {
                    self.source.close();
                    return Duty::Finished;
                }
                Head::Pending | Head::Quiet => return Duty::Idle,
                Head::Closed => {
                    self.out = None;
                    return Duty::Finished;
                }
            }
        }
        // A consumer that is gone will never make room: the run was stopped.
        if room == 0 && out.is_abandoned() {
            return Duty::Finished;
        }
        if room == 0 { Duty::Idle } else { Duty::Worked }
    }

    fn stop(&mut self) {
        self.out = None;
    }

    fn finish(self: Box<Self>, result: &mut RunResult) {
        result.decoder = self.source.decoder_counters().cloned();
    }
}

/// A stage whose events go into a ring, with the state of a call that is not finished.
struct Runner<S> {
    stage: S,
    out: Option<Outlet>,
    phase: Phase,
    stalls: u64,
    /// Whether the next slot was fetched since the last event.
    owns_next: bool,
}

/// Where a step stands at a stage.
#[derive(Clone, Copy)]
enum Phase {
    /// Ready for the next event.
    Idle,
    /// `on_event` wants to be resumed; then the step ends, if this was its last event.
    InEvent(Option<StepEnd>),
    /// All events are handled, the step must be ended.
    Ending(StepEnd),
    /// `on_step_end` wants to be resumed.
    InEnd(StepEnd),
}

impl<S: Stage> Runner<S> {
    fn new(stage: S, out: rtrb::Producer<Event>) -> Self {
        Self { stage, out: Some(Outlet::new(out)), phase: Phase::Idle, stalls: 0, owns_next: false }
    }

    /// Slots one ring write may take, or `None` if there is no room for a call.
    #[inline]
    fn room(&mut self) -> Option<usize> {
        let room = self.out.as_ref().and_then(Outlet::room);
        self.stalls += u64::from(room.is_none());
        room
    }

    /// Makes ready for what comes next, once.
    #[inline]
    fn own_next(&mut self) {
        if !self.owns_next {
            self.owns_next = true;
            self.out.as_mut().expect("an open runner has its ring").own_next();
        }
    }

    /// Handles an event; `end` if it is the last of its step. Only when idle and with room.
    fn event(&mut self, event: &Event, end: Option<StepEnd>, slots: usize) {
        let stage = &mut self.stage;
        let out = self.out.as_mut().expect("an open runner has its ring");
        self.phase = out.write(slots, |call| Self::handle(stage, event, end, call));
    }

    /// Handles events and publishes what comes of them together; how many it took: less than all if one is not finished, or if
    /// there is no room. Only when idle.
    fn events(&mut self, events: &[Event]) -> usize {
        let Some(slots) = self.room() else { return 0 };
        let stage = &mut self.stage;
        let out = self.out.as_mut().expect("an open runner has its ring");
        let (taken, phase) = out.write(slots, |call| {
            let mut taken = 0;
            for event in events {
                // The first has its room; another has it and room to end its step.
                if taken > 0 && call.room() < CALL_SLOTS + EMIT_MAX {
                    break;
                }
                call.begin();
                taken += 1;
                let phase = Self::handle(stage, event, step_end(event), call);
                if !matches!(phase, Phase::Idle) {
                    return (taken, phase);
                }
            }
            (taken, Phase::Idle)
        });
        (self.phase, self.owns_next) = (phase, false);
        taken
    }

    #[inline(always)]
    fn handle(stage: &mut S, event: &Event, end: Option<StepEnd>, call: &mut Call<'_>) -> Phase {
        if event.header.kind != Kind::StepMarker as u8 && stage.on_event(event, call) == Progress::More {
            return Phase::InEvent(end);
        }
        end.map_or(Phase::Idle, |end| Self::end(stage, end, call))
    }

    /// Ends the step in this call if it still has room for one.
    #[inline(always)]
    fn end(stage: &mut S, end: StepEnd, call: &mut Call<'_>) -> Phase {
        if call.room() < CALL_SLOTS {
            return Phase::Ending(end);
        }
        let progress = stage.on_step_end(end, call);
        Self::ended(stage, progress, end, call)
    }

    #[inline(always)]
    fn ended(stage: &mut S, progress: Progress, end: StepEnd, call: &mut Call<'_>) -> Phase {
        if progress == Progress::More {
            return Phase::InEnd(end);
        }
        emit_checkpoint(stage, end, call);
        call.end_step(end.seq, end.ts);
        Phase::Idle
    }

    /// Goes on with an unfinished step, if there is one; `false` if the ring has no room.
    #[inline]
    fn go_on(&mut self) -> bool {
        matches!(self.phase, Phase::Idle) || self.finish_step()
    }

    #[cold]
    #[inline(never)]
    fn finish_step(&mut self) -> bool {
        while !matches!(self.phase, Phase::Idle) {
            let Some(slots) = self.room() else { return false };
            let phase = self.phase;
            let stage = &mut self.stage;
            let out = self.out.as_mut().expect("an open runner has its ring");
            self.phase = out.write(slots, |call| match phase {
                Phase::Idle => Phase::Idle,
                Phase::InEvent(end) => match (stage.resume(call), end) {
                    (Progress::More, end) => Phase::InEvent(end),
                    (Progress::Done, None) => Phase::Idle,
                    (Progress::Done, Some(end)) => Self::end(stage, end, call),
                },
                Phase::Ending(end) => Self::end(stage, end, call),
                Phase::InEnd(end) => {
                    let progress = stage.resume(call);
                    Self::ended(stage, progress, end, call)
                }
            });
        }
        true
    }

    fn hash(&mut self) -> (StageId, u128) {
        (S::ID, stage_hash(&mut self.stage))
    }
}

/// The sequencer and the bars, with the venue's reports and wake-ups coming back.
pub struct SequencerWorker<S> {
    name: &'static str,
    sequencer: Sequencer<S, Box<dyn EventLog>>,
    bars: Runner<Bars>,
    reports: rtrb::Consumer<Event>,
    shared: Arc<Shared>,
    clock: Option<Clock>,
    laps: Option<Laps>,
    pace: Option<Pace>,
    failed: Option<Release>,
}

impl<S: Source> SequencerWorker<S> {
    /// The worker at the head of the chain. It reads the clock per input if `clock` is given.
    pub fn new(
        name: &'static str,
        sequencer: Sequencer<S, Box<dyn EventLog>>,
        bars: Bars,
        out: rtrb::Producer<Event>,
        back: (rtrb::Consumer<Event>, Arc<Shared>),
        clock: Option<Clock>,
        pace: Option<Pace>,
    ) -> Self {
        let (reports, shared) = back;
        let bars = Runner::new(bars, out);
        Self { name, sequencer, bars, reports, shared, clock, laps: None, pace, failed: None }
    }

    /// Samples its parts' own times, if `laps` are given.
    pub(super) fn sampled(self, laps: Option<Laps>) -> Self {
        Self { laps, ..self }
    }

    /// Learns what the venue finished, and takes what it sent back; in this order.
    fn look_back(&mut self) {
        // Acquire: pairs with the Release in `SinkWorker::publish`; all events of the finished steps are visible.
        let done = self.shared.done_seq.load(Ordering::Acquire);
        // The planted bug is a thread that drained the ring, lost its core, and loads the word when it is back.
        if !is_planted(Bug::DrainBeforeLoad) {
            self.drain_reports();
        }
        self.sequencer.on_done(Seq(done));
    }

    fn drain_reports(&mut self) {
        while let Ok(event) = self.reports.pop() {
            self.sequencer.on_endogenous(&event);
        }
    }
}

impl<S: Source> SequencerWorker<S> {
    fn release_some(&mut self, budget: usize) -> Duty {
        if self.bars.out.is_none() {
            return if self.failed.is_some() { Duty::Failed } else { Duty::Finished };
        }
        let now = self.pace.as_ref().map_or(TsNs(u64::MAX), Pace::now);
        self.look_back();
        for done in 0..budget {
            let idle = if done == 0 { Duty::Idle } else { Duty::Worked };
            if !self.bars.go_on() {
                return idle;
            }
            let Some(slots) = self.bars.room() else { return idle };
            let start_ns = self.clock.as_ref().map_or(0, Clock::now_ns);
            match self.sequencer.release(now) {
                Release::Released => {}
                Release::Blocked => return idle,
                Release::Finished => {
                    self.bars.out = None;
                    return Duty::Finished;
                }
                failed @ (Release::LogFailed | Release::BrokerGone) => {
                    self.failed = Some(failed);
                    self.bars.out = None;
                    return Duty::Failed;
                }
            }
            let event = self.sequencer.current();
            if self.clock.is_some() {
                // Relaxed: read by the venue's thread only after it took the event from the rings, which order it.
                let slot = &self.shared.stamps[event.header.seq.0 as usize % IN_FLIGHT_MAX];
                slot.store(start_ns, Ordering::Relaxed);
            }
            let end =
                StepEnd { seq: event.header.seq, ts: event.header.ts, checkpoint: checkpoint_due(event) };
            let laps = self.laps.as_ref().filter(|laps| laps.takes(end.seq));
            if let Some(laps) = laps {
                laps.begin(Part::Sequence, start_ns);
                laps.enter(Part::Bars);
            }
            self.bars.event(event, Some(end), slots);
            if let Some(laps) = laps {
                laps.enter(Part::Sequence);
                laps.finish();
            }
            self.look_back();
        }
        Duty::Worked
    }
}

impl<S: Source> Worker for SequencerWorker<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn duty_cycle(&mut self, budget: usize) -> Duty {
        let duty = self.release_some(budget);
        if is_planted(Bug::DrainBeforeLoad) {
            self.drain_reports();
        }
        duty
    }

    fn stop(&mut self) {
        self.sequencer.stop();
    }

    fn finish(mut self: Box<Self>, result: &mut RunResult) {
        result.last_seq = self.sequencer.last_seq();
        result.stage_hashes.push(self.bars.hash());
        result.stalls.push(("sequencer_output_full", self.bars.stalls));
        if let Some(counters) = self.sequencer.source().decoder_counters() {
            result.decoder = Some(*counters);
        }
        if self.failed == Some(Release::BrokerGone) {
            result.broker_error.get_or_insert(broker::GONE);
        }
        finish_log(self.sequencer.into_log(), result);
    }
}

/// How a worker in the chain reports on its stage at the end.
pub type StageReport<S> = fn(&S, &mut RunResult);

/// Events whose outcomes are published together if so many wait: each of them saves a look at the rings, and none waits for more than
/// this few.
const TOGETHER: usize = 8;

/// One stage between two rings.
pub struct StageWorker<S> {
    name: &'static str,
    stall_name: &'static str,
    input: rtrb::Consumer<Event>,
    runner: Runner<S>,
    report: StageReport<S>,
    laps: Option<Laps>,
}

impl<S: Stage> StageWorker<S> {
    /// A worker for `stage`.
    pub fn new(
        name: &'static str,
        stall_name: &'static str,
        stage: S,
        input: rtrb::Consumer<Event>,
        out: rtrb::Producer<Event>,
        report: StageReport<S>,
    ) -> Self {
        Self { name, stall_name, input, runner: Runner::new(stage, out), report, laps: None }
    }

    /// Samples its stage's own time, if `laps` are given.
    pub(super) fn sampled(self, laps: Option<Laps>) -> Self {
        Self { laps, ..self }
    }
}

#[inline]
fn step_end(event: &Event) -> Option<StepEnd> {
    // A state hash belongs to a step's end, and travels in its own event: downstream asks the header of the input,
    // which every event of the step carries.
    (event.header.flags & FLAG_STEP_END != 0).then_some(StepEnd {
        seq: event.header.seq,
        ts: event.header.ts,
        checkpoint: event.header.kind == Kind::StateHash as u8,
    })
}

impl<S: Stage> Worker for StageWorker<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn duty_cycle(&mut self, budget: usize) -> Duty {
        if self.runner.out.is_none() {
            return Duty::Finished;
        }
        if !self.runner.go_on() {
            return Duty::Idle;
        }
        let mut count = self.input.slots();
        if count == 0 {
            if !self.input.is_abandoned() {
                self.runner.own_next();
                return Duty::Idle;
            }
            // Asked again: what was pushed before the other end was dropped must not be missed.
            count = self.input.slots();
            if count == 0 {
                self.runner.out = None;
                return Duty::Finished;
            }
        }
        let chunk = self.input.read_chunk(count.min(budget)).expect("that many events are there");
        let (first, second) = chunk.as_slices();
        let mut taken = 0;
        for mut events in [first, second] {
            while let Some(event) = events.first()
                && self.runner.go_on()
            {
                let laps = self.laps.as_ref().filter(|laps| laps.takes(event.header.seq));
                let together = if self.laps.is_some() { 1 } else { TOGETHER.min(events.len()) };
                if let Some(laps) = laps {
                    laps.resume(Part::of(S::ID));
                }
                let count = self.runner.events(&events[..together]);
                if let Some(laps) = laps {
                    laps.enter(Part::of(S::ID));
                    if count > 0 && step_end(event).is_some() {
                        laps.finish();
                    }
                }
                if count == 0 {
                    break;
                }
                taken += count;
                events = &events[count..];
            }
            if !events.is_empty() {
                break;
            }
        }
        chunk.commit(taken);
        if taken == 0 { Duty::Idle } else { Duty::Worked }
    }

    fn finish(mut self: Box<Self>, result: &mut RunResult) {
        result.stage_hashes.push(self.runner.hash());
        result.stalls.push((self.stall_name, self.runner.stalls));
        (self.report)(&self.runner.stage, result);
    }
}

/// The end of the chain: its last stages, the record of the outputs, and the reports and wake-ups on their way back.
pub(super) struct SinkWorker<C> {
    name: &'static str,
    input: rtrb::Consumer<Event>,
    chain: C,
    sink: Sink<Box<dyn EventLog>>,
    reports: rtrb::Producer<Event>,
    shared: Arc<Shared>,
    report: StageReport<C>,
    laps: Option<Laps>,
    stalls: u64,
    finished: bool,
}

impl<C: Lapped> SinkWorker<C> {
    /// The worker that ends the chain with `chain`.
    pub(super) fn new(
        name: &'static str,
        chain: C,
        input: rtrb::Consumer<Event>,
        sink: Sink<Box<dyn EventLog>>,
        reports: rtrb::Producer<Event>,
        shared: Arc<Shared>,
        report: StageReport<C>,
    ) -> Self {
        assert!(reports.slots() >= ENDOGENOUS_PER_STEP_MAX, "the report ring holds what a step sends back");
        let (stalls, finished) = (0, false);
        Self { name, input, chain, sink, reports, shared, report, laps: None, stalls, finished }
    }

    /// Samples its parts' own times, if `laps` are given.
    pub(super) fn sampled(self, laps: Option<Laps>) -> Self {
        Self { laps, ..self }
    }

    /// One event through the chain, timed.
    fn event_lapped(chain: &mut C, event: &Event, sink: &mut Sink<Box<dyn EventLog>>, laps: &Laps) {
        laps.resume(Part::Record);
        let out = &mut Recorded { out: sink, laps };
        if event.header.kind != Kind::StepMarker as u8 {
            chain.event_lapped(event, out, laps);
        }
        if let Some(end) = step_end(event) {
            chain.end_lapped(end, out, laps);
            laps.finish();
        }
    }

    fn event(&mut self, event: &Event) {
        let laps = self.laps.as_ref().filter(|laps| laps.takes(event.header.seq));
        if let Some(laps) = laps {
            Self::event_lapped(&mut self.chain, event, &mut self.sink, laps);
        } else if event.header.kind != Kind::StepMarker as u8 {
            self.chain.event(event, &mut self.sink);
        }
        if is_planted(Bug::DoneBeforeStepEnd) {
            self.publish(event.header.seq);
        }
        let Some(end) = step_end(event) else { return };
        if laps.is_none() {
            self.chain.end(end, &mut self.sink);
        }
        // Relaxed: the rings ordered the stamp before the event.
        let start_ns = self.shared.stamps[end.seq.0 as usize % IN_FLIGHT_MAX].load(Ordering::Relaxed);
        self.sink.end_step(end, start_ns);
        for event in self.sink.endogenous() {
            self.reports.push(*event).expect("room was made sure of");
        }
        self.sink.clear_endogenous();
        self.publish(end.seq);
    }

    fn publish(&self, done: Seq) {
        // Release: pairs with the Acquire in `SequencerWorker::look_back`; the step's reports are in the ring before.
        self.shared.done_seq.store(done.0, Ordering::Release);
    }
}

impl<C: Lapped> Worker for SinkWorker<C> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn duty_cycle(&mut self, budget: usize) -> Duty {
        if self.sink.failed() {
            return Duty::Failed;
        }
        let abandoned = self.input.is_abandoned();
        for done in 0..budget {
            let has_room = self.reports.cached_slots() >= ENDOGENOUS_PER_STEP_MAX
                || self.reports.slots() >= ENDOGENOUS_PER_STEP_MAX;
            if !has_room {
                self.stalls += 1;
                return if done == 0 { Duty::Idle } else { Duty::Worked };
            }
            let Ok(event) = self.input.pop() else {
                if abandoned {
                    self.finished = true;
                    return Duty::Finished;
                }
                return if done == 0 { Duty::Idle } else { Duty::Worked };
            };
            self.event(&event);
        }
        Duty::Worked
    }

    fn finish(mut self: Box<Self>, result: &mut RunResult) {
        result.stage_hashes.extend(collect_hashes(&mut self.chain));
        result.stalls.push(("report_ring_full", self.stalls));
        (self.report)(&self.chain, result);
        finish_sink(self.sink, result);
    }
}

/// Which rule stopped trading, if one did.
pub(super) fn risk_stop(risk: &Risk) -> Option<Rule> {
    if risk.killed() {
        Some(Rule::KillSwitch)
    } else if risk.halted() {
        Some(Rule::SessionHalted)
    } else {
        None
    }
}

/// A result to which each worker adds its part.
pub fn empty_result() -> RunResult {
    RunResult {
        last_seq: Seq::ZERO,
        stage_hashes: Vec::new(),
        counts: Counts::default(),
        ledger: Ledger::new(&[]),
        outputs_hash: 0,
        decoder: None,
        risk_stop: None,
        log_error: None,
        broker_error: None,
        stalls: Vec::new(),
    }
}

/// Seals a log and keeps the first failure.
pub(super) fn finish_log(mut log: Box<dyn EventLog>, result: &mut RunResult) {
    if let Err(error) = log.finish() {
        result.log_error.get_or_insert(error);
    }
}

/// Takes the sink's part of the result and seals its log.
pub(super) fn finish_sink(sink: Sink<Box<dyn EventLog>>, result: &mut RunResult) {
    if sink.orders_lost() {
        result.broker_error.get_or_insert(broker::ORDER_LOST);
    }
    let (log, counts, ledger, outputs_hash) = sink.into_parts();
    result.counts = counts;
    result.ledger = ledger;
    result.outputs_hash = outputs_hash;
    finish_log(log, result);
}
