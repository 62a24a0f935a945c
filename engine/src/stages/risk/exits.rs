//! Exits by the terms of the strategy that opened the position: stop loss, take profit, holding time. They are looked
//! at with every believed price of the instrument and with every second's timer; once one is due, the desk closes its
//! position under that name until it is flat, and what strategies wanted of it is forgotten.

use super::claims::Claim;
use super::state::HELD_MAX;
use super::{Bounded, Risk};
use crate::event::Intent;
use crate::stage::Emit;
use crate::state::StateIo;
use crate::units::{InstrumentId, Money, Price, Qty, TsNs};

/// What was entered since the position was last flat. An exit moves no average: what is left was entered at that of all,
/// and an addition is averaged with what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entered {
    /// What the average is made from, in exchange units, without sign: what was held when the last entry's fill came,
    /// and that fill.
    quantity: Qty,
    /// Their value, multiplier included.
    value: Money,
    /// When the first of them was reported.
    since: TsNs,
}

impl Entered {
    pub(super) const NONE: Self = Self { quantity: Qty::ZERO, value: Money::ZERO, since: TsNs::ZERO };

    /// Adds a fill that was reported at `now`, when `held` units, without sign, were left of what was entered.
    pub(super) fn add(&mut self, held: Qty, quantity: Qty, value: Money, now: TsNs) {
        if self.quantity.is_zero() {
            self.since = now;
        } else if held < self.quantity {
            // Their share of the value, rounded once an addition: less than one unit of money.
            let share = i128::from(self.value.0) * i128::from(held.0) / i128::from(self.quantity.0);
            (self.quantity, self.value) = (held, Money(share as i64));
        }
        self.quantity += quantity;
        self.value += value;
    }

    /// Why a position on the side of `sign` (1 long, −1 short) has to be closed by the terms of `claim`; `None` if it
    /// has not. A stop or target is reached when loss or profit is at least its share of what was entered; both are
    /// per unit, so that a partial exit moves neither. The stop goes first.
    pub(super) fn due(
        &self,
        claim: &Claim,
        sign: i64,
        last: Price,
        multiplier: i64,
        now: TsNs,
    ) -> Option<Intent> {
        if self.quantity.is_zero() {
            return None;
        }
        let entered = i128::from(self.value.0);
        let worth = i128::from(last.0) * i128::from(self.quantity.0) * i128::from(multiplier);
        // No overflow: a corrupt price has at most 2^38 units, and quantity × multiplier at a price of at least one
        // unit is within the range of money.
        let profit = i128::from(sign) * (worth - entered) * 10_000;
        let reached = |amount: i128, bps: i64| bps > 0 && amount >= entered * i128::from(bps);
        if !last.is_zero() && reached(-profit, claim.stop_loss_bps) {
            Some(Intent::StopLoss)
        } else if !last.is_zero() && reached(profit, claim.take_profit_bps) {
            Some(Intent::TakeProfit)
        } else {
            let held_ns = now.since(self.since);
            (claim.holding_ns > 0 && held_ns >= claim.holding_ns).then_some(Intent::HoldingTime)
        }
    }

    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        io.within(&mut self.quantity, Qty::ZERO, HELD_MAX);
        io.within(&mut self.value, Money::ZERO, Money(i64::MAX / 2));
        io.time(&mut self.since);
    }
}

impl Claim {
    /// Whether its positions can be closed by a price or the time.
    pub(super) fn has_exits(&self) -> bool {
        self.stop_loss_bps > 0 || self.take_profit_bps > 0 || self.holding_ns > 0
    }
}

impl Risk {
    /// Closes the position of an instrument with a new price, if its owner's terms say so.
    #[inline]
    pub(super) fn check_exits(&mut self, instrument: InstrumentId, out: &mut Bounded<'_, impl Emit>) {
        if self.watched
            && let Some(at) = self.desk_at(instrument)
            && self.exit_comes_due(at)
        {
            self.pursue_exit(at, out);
        }
    }

    /// Apart, as in `on_other`.
    #[inline(never)]
    fn pursue_exit(&mut self, at: usize, out: &mut Bounded<'_, impl Emit>) {
        self.pursue(at, false, out);
    }

    /// Follows what the desk entered, after the ledger has booked what a report adds: `quantity` for `value`, of an
    /// entry or of an exit.
    pub(super) fn follow_entered(&mut self, at: usize, is_entry: bool, quantity: Qty, value: Money) {
        let now = self.cause.ts;
        let held = self.ledger.position(self.desks[at].instrument).quantity;
        let flat = held.is_zero();
        let desk = &mut self.desks[at];
        if is_entry && !quantity.is_zero() {
            // An entry never makes a position smaller.
            desk.entered.add(held.abs() - quantity, quantity, value, now);
        }
        if flat {
            desk.entered = Entered::NONE;
            // An entry on its way out may be filled yet; that is closed for the same reason.
            if desk.entry.is_none() {
                desk.closing = None;
            }
        }
    }

    /// Whether the desk's position has to be closed from now on by the terms of its owner. Emits nothing: the caller
    /// pursues the desk. What closes it already, and what closes everything, has the say.
    pub(super) fn exit_comes_due(&mut self, at: usize) -> bool {
        let desk = &self.desks[at];
        let position = self.ledger.position(desk.instrument);
        if position.quantity.is_zero()
            || !desk.owner().has_exits()
            || !self.may_exit(desk)
            || self.must_close(desk)
        {
            return false;
        }
        let sign = position.quantity.0.signum();
        let due = desk.entered.due(desk.owner(), sign, position.mark, desk.multiplier, self.cause.ts);
        if due.is_none() {
            return false;
        }
        self.desks[at].closing = due;
        self.forget_stances(at);
        true
    }
}
