//! The latches and what operators do with them: kill, flatten, reduce-only, resume, and a run's early end.

use super::desk::Desk;
use super::{Bounded, Risk, Sweep};
use crate::event::AlarmCode;
use crate::stage::Emit;
use crate::units::{InstrumentId, Money, OrderId};

impl Risk {
    /// The run ends before its session does: cancel what rests, open nothing. Positions stay, and are no alarm.
    pub(super) fn on_stop(&mut self) {
        self.stopped = true;
        self.start_sweep();
    }

    /// Lets positions become smaller and nothing else, over sessions, until a resume: the rest of the step cancels resting
    /// entries. Wishes and positions stay.
    pub(super) fn latch_reduce_only(&mut self) {
        if self.reduce_only {
            return;
        }
        self.reduce_only = true;
        self.start_sweep();
    }

    /// Latches the kill switch: the rest of the step cancels and, if configured, flattens. Between sessions
    /// there is nothing to cancel: the venue ends day orders itself.
    pub(super) fn latch_kill(&mut self, out: &mut Bounded<'_, impl Emit>) {
        if self.killed {
            return;
        }
        self.killed = true;
        if self.config.flatten_on_kill {
            self.clear_all_stances();
        }
        self.alarm(AlarmCode::Killed, InstrumentId::NONE, 0, OrderId::ZERO, out);
        self.start_sweep();
    }

    /// Latches the kill switch and closes every position, whatever a kill does.
    pub(super) fn latch_flatten(&mut self, out: &mut Bounded<'_, impl Emit>) {
        if self.flatten {
            return;
        }
        self.flatten = true;
        for at in 0..self.desks.len() {
            self.forget_stances(at);
        }
        self.latch_kill(out);
        self.start_sweep();
    }

    /// Halts the session for `loss`: the rest of the step cancels and flattens.
    pub(super) fn latch_halt(&mut self, loss: Money, out: &mut Bounded<'_, impl Emit>) {
        self.halted = true;
        self.clear_all_stances();
        self.alarm(AlarmCode::Halted, InstrumentId::NONE, loss.0, OrderId::ZERO, out);
        self.sweep = Sweep::Pursue { next: 0, retry: false };
    }

    /// Clears the latches. What they were closing is closed to the end, and nothing is opened before a strategy
    /// speaks again: not even the other half of a reversal that was asked for meanwhile. The day's peak and the bases of its losses stay, so that a loss that is still at its limit
    /// latches again when it is looked at next.
    pub(super) fn on_resume(&mut self, out: &mut Bounded<'_, impl Emit>) {
        let latched = [self.killed, self.halted, self.reduce_only].map(u32::from);
        let cleared = latched.iter().sum::<u32>() + self.barred;
        let flattening = self.halted || self.flatten || self.killed && self.config.flatten_on_kill;
        for at in 0..self.desks.len() {
            let opens = self.would_open(&self.desks[at]);
            if flattening || self.desks[at].barred || opens {
                self.forget_stances(at);
                self.desks[at].barred = false;
            }
        }
        self.barred = 0;
        (self.killed, self.flatten, self.halted, self.reduce_only) = (false, false, false, false);
        self.alarm(AlarmCode::Resumed, InstrumentId::NONE, i64::from(cleared), OrderId::ZERO, out);
    }

    /// Whether what is wanted of the desk, and waited for a latch, opens a position on a side that is not held.
    pub(super) fn would_open(&self, desk: &Desk) -> bool {
        let closing = self.ledger.position(desk.instrument).closing_side();
        desk.target.entry_side().is_some_and(|side| closing.is_none_or(|closing| closing == side))
    }

    /// Lets the rest of the step look at every desk.
    fn start_sweep(&mut self) {
        if self.active {
            self.sweep = Sweep::Pursue { next: 0, retry: false };
        }
    }

    fn clear_all_stances(&mut self) {
        for at in 0..self.desks.len() {
            self.clear_stances(at);
        }
    }
}
