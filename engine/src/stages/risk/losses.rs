//! Limits on what was lost: the day's loss and the drawdown halt the session, an instrument's loss closes
//! that instrument. All look at net profit at the marks: realised and unrealised, less charges.

use super::desk::{Desk, Target};
use super::{Bounded, Risk};
use crate::event::Rule;
use crate::stage::Emit;
use crate::units::{InstrumentId, Money};

impl Risk {
    /// The day's limits, as shares of its opening equity.
    pub(super) fn start_losses(&mut self) {
        let equity = self.equity();
        // A day that starts without equity has no room for any loss, but zero would mean that there is no
        // limit.
        let limit = |bps: i64| if bps == 0 { Money::ZERO } else { equity.bps(bps).max(Money(1)) };
        self.start_net = self.ledger.net();
        self.peak_net = self.start_net;
        self.loss_limit = equity.bps(self.config.daily_loss_bps);
        self.drawdown_limit = limit(self.config.drawdown_bps);
        self.symbol_loss_limit = limit(self.config.symbol_loss_bps);
        self.barred = 0;
        for desk in &mut self.desks {
            desk.trades = 0;
            desk.barred = false;
            desk.start_net = self.ledger.position(desk.instrument).net();
        }
    }

    /// Loss of one instrument since the session started.
    pub(super) fn symbol_loss(&self, desk: &Desk) -> Money {
        desk.start_net - self.ledger.position(desk.instrument).net()
    }

    /// The loss of one instrument that closes it now, with its limit.
    pub(super) fn barring_loss(&self, desk: &Desk) -> Option<(Money, Money)> {
        let limit = self.symbol_loss_limit;
        if limit.is_zero() {
            return None;
        }
        let loss = self.symbol_loss(desk);
        (loss >= limit).then_some((loss, limit))
    }

    /// The rule whose loss halts the session now, with the loss and its limit.
    pub(super) fn halting_loss(&self) -> Option<(Rule, Money, Money)> {
        self.halting_loss_at(self.ledger.net())
    }

    /// The same for a net profit of `net`.
    #[inline]
    fn halting_loss_at(&self, net: Money) -> Option<(Rule, Money, Money)> {
        let loss = self.start_net - net;
        if loss >= self.loss_limit {
            return Some((Rule::DailyLoss, loss, self.loss_limit));
        }
        let fall = self.peak_net - net;
        let limit = self.drawdown_limit;
        (!limit.is_zero() && fall >= limit).then_some((Rule::Drawdown, fall, limit))
    }

    /// Follows the day's highest equity, and stops what has lost as much as it may: the session, or the
    /// instrument of the event.
    #[inline(always)]
    pub(super) fn check_losses(&mut self, instrument: InstrumentId, out: &mut Bounded<'_, impl Emit>) {
        if !self.active {
            return;
        }
        // Through a halt too: what rises while positions are closed is the day's highest equity all the same.
        let net = self.ledger.net();
        self.peak_net = self.peak_net.max(net);
        if self.halted {
            return;
        }
        if let Some(halt) = self.halting_loss_at(net) {
            self.halt(instrument, halt, out);
        } else if !self.symbol_loss_limit.is_zero()
            && let Some(at) = self.desk_at(instrument)
            && !self.desks[at].barred
            && let Some((loss, limit)) = self.barring_loss(&self.desks[at])
        {
            self.bar(at, loss, limit, out);
        }
    }

    /// Halts the session for a loss at an event of `instrument`.
    #[cold]
    #[inline(never)]
    fn halt(
        &mut self,
        instrument: InstrumentId,
        (rule, loss, limit): (Rule, Money, Money),
        out: &mut Bounded<'_, impl Emit>,
    ) {
        self.emit_halt_verdict(instrument, (rule, loss, limit), out);
        self.latch_halt(loss, out);
    }

    /// Closes an instrument whose loss has reached the limit for the session.
    #[cold]
    #[inline(never)]
    fn bar(&mut self, at: usize, loss: Money, limit: Money, out: &mut Bounded<'_, impl Emit>) {
        self.emit_bar_verdict(at, loss, limit, out);
        self.desks[at].barred = true;
        self.barred += 1;
        self.clear_stances(at);
        self.set_target(at, Target::Flat);
        self.pursue(at, false, out);
    }
}
