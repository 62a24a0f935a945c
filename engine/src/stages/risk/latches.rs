//! The latches and what operators do with them: kill, flatten, resume, and a run's early end.

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
    /// speaks again. The day's peak and the bases of its losses stay, so that a loss that is still at its limit
    /// latches again when it is looked at next.
    pub(super) fn on_resume(&mut self, out: &mut Bounded<'_, impl Emit>) {
        let cleared = u32::from(self.killed) + u32::from(self.halted) + self.barred;
        let flattening = self.halted || self.flatten || self.killed && self.config.flatten_on_kill;
        for at in 0..self.desks.len() {
            if flattening || self.desks[at].barred {
                self.forget_stances(at);
                self.desks[at].barred = false;
            }
        }
        self.barred = 0;
        (self.killed, self.flatten, self.halted) = (false, false, false);
        self.alarm(AlarmCode::Resumed, InstrumentId::NONE, i64::from(cleared), OrderId::ZERO, out);
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
