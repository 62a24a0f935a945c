//! The contract between the pure stages and the drivers that run them.

use crate::event::{Event, StageId};
use crate::state::{self, StateIo};
use crate::units::{Seq, TsNs};

/// Whether a call finished the work of its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a stage that has more to do must be resumed before its next input"]
pub enum Progress {
    /// Nothing left to do for this event.
    Done,
    /// The emission bound was reached: call `resume` before the next input.
    More,
}

/// What a stage is told at the end of a step.
#[derive(Clone, Copy, Debug)]
pub struct StepEnd {
    /// The input whose step ends.
    pub seq: Seq,
    /// Its time.
    pub ts: TsNs,
    /// Whether the stage's state hash is to be recorded now.
    pub checkpoint: bool,
}

/// A deterministic state machine: no clock, no I/O, no thread, no allocation after start, no failure on the data path.
///
/// A *step* is all that one input causes. A stage gets the events of a step in order, then `on_step_end`. It forwards
/// what it does not consume (in this pipeline every stage forwards everything), and its own events follow the event
/// that caused them and carry its `seq`.
pub trait Stage: Send {
    /// Which stage this is; the domain of its state hash.
    const ID: StageId;

    /// Handles one event. Emits at most `limits::EMIT_MAX` events.
    fn on_event(&mut self, event: &Event, out: &mut impl Emit) -> Progress;

    /// Continues the work of the last `on_event` or `on_step_end` that answered `More`, under the same bound.
    fn resume(&mut self, _out: &mut impl Emit) -> Progress {
        Progress::Done
    }

    /// Handles the end of a step, after its last event. Emits at most `limits::EMIT_MAX` events.
    fn on_step_end(&mut self, _end: StepEnd, _out: &mut impl Emit) -> Progress {
        Progress::Done
    }

    /// Walks over the whole state, in a fixed order, between two steps: to hash, to save or to load it. All that can
    /// differ between two steps is in it or made anew from it when it is loaded, into a stage just built from the same
    /// configuration. It must not allocate but to load.
    fn state(&mut self, io: &mut StateIo<'_>);
}

/// Takes events from a stage. It cannot fail: the driver makes sure of room before it calls the stage.
pub trait Emit {
    /// Passes `event` on. Fused, this is a call of the next stage; between threads, a write into a ring.
    fn emit(&mut self, event: &Event);

    /// Hands on the event that the stage was given: the same as `emit`, but what is downstream may be compiled into the
    /// caller. Every stage does it in one place, so that an event's way through a fused chain is one function.
    #[inline(always)]
    fn forward(&mut self, event: &Event) {
        self.emit(event);
    }
}

/// The hash of a stage's state under the stage's own domain.
pub fn stage_hash<S: Stage>(stage: &mut S) -> u128 {
    state::hash(S::ID as u64, |io| stage.state(io))
}

/// Emits the state hash of `stage` if `end` asks for it. Called once per stage, when its step is done.
#[inline]
pub fn emit_checkpoint<S: Stage>(stage: &mut S, end: StepEnd, out: &mut impl Emit) {
    if end.checkpoint {
        emit_state_hash(stage, end, out);
    }
}

/// Apart, because of the memory that a hash takes on the stack.
#[cold]
#[inline(never)]
fn emit_state_hash<S: Stage>(stage: &mut S, end: StepEnd, out: &mut impl Emit) {
    out.emit(&Event::state_hash(S::ID, stage_hash(stage), end.seq, end.ts));
}

/// Two stages in a row on one thread: what `first` emits, `second` is given at once, without a copy.
pub struct Then<A, B> {
    /// The upstream stage.
    pub first: A,
    /// The downstream stage.
    pub second: B,
}

/// What a fused chain offers its driver: a step's events, then its end. Unlike a single stage it has no emission bound,
/// because nothing downstream of it can be full except the sink, which the driver checks once a step.
pub trait Chain: Send {
    /// Runs one event through the chain, however many calls of its stages that takes.
    fn event(&mut self, event: &Event, out: &mut impl Emit);
    /// Ends the step at every stage, upstream first.
    fn end(&mut self, end: StepEnd, out: &mut impl Emit);
    /// Calls `each` with every stage's id and state hash, upstream first.
    fn hashes(&mut self, each: &mut impl FnMut(StageId, u128));
}

/// Resumes a stage until its work is done.
#[cold]
#[inline(never)]
fn finish<S: Stage>(stage: &mut S, out: &mut impl Emit) {
    while stage.resume(out) == Progress::More {}
}

impl<S: Stage> Chain for S {
    #[inline(always)]
    fn event(&mut self, event: &Event, out: &mut impl Emit) {
        if self.on_event(event, out) == Progress::More {
            finish(self, out);
        }
    }

    #[inline(always)]
    fn end(&mut self, end: StepEnd, out: &mut impl Emit) {
        if self.on_step_end(end, out) == Progress::More {
            finish(self, out);
        }
        emit_checkpoint(self, end, out);
    }

    fn hashes(&mut self, each: &mut impl FnMut(StageId, u128)) {
        each(S::ID, stage_hash(self));
    }
}

struct Into<'a, B, E> {
    next: &'a mut B,
    out: &'a mut E,
}

impl<B: Chain, E: Emit> Emit for Into<'_, B, E> {
    #[inline(never)]
    fn emit(&mut self, event: &Event) {
        self.next.event(event, self.out);
    }

    #[inline(always)]
    fn forward(&mut self, event: &Event) {
        self.next.event(event, self.out);
    }
}

impl<A: Chain, B: Chain> Then<A, B> {
    /// Joins two chains, the upstream one first.
    pub fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

impl<A: Chain, B: Chain> Chain for Then<A, B> {
    #[inline(always)]
    fn event(&mut self, event: &Event, out: &mut impl Emit) {
        self.first.event(event, &mut Into { next: &mut self.second, out });
    }

    #[inline(always)]
    fn end(&mut self, end: StepEnd, out: &mut impl Emit) {
        self.first.end(end, &mut Into { next: &mut self.second, out });
        self.second.end(end, out);
    }

    fn hashes(&mut self, each: &mut impl FnMut(StageId, u128)) {
        self.first.hashes(each);
        self.second.hashes(each);
    }
}
