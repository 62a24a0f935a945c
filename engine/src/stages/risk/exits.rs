//! Exits by the terms of the strategy that opened the position: stop loss, take profit, holding time. They are looked
//! at with every believed price of the instrument and with every second's timer; once one is due, the desk closes its
//! position under that name until it is flat, and what strategies wanted of it is forgotten.

use super::claims::Claim;
use super::{Bounded, Risk};
use crate::event::Intent;
use crate::hash::StateHasher;
use crate::stage::Emit;
use crate::units::{InstrumentId, Money, Price, Qty, TsNs};

/// What was entered since the position was last flat. Exits do not change it: what is left was entered at the average
/// of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entered {
    /// Sum of the entries' fills, in exchange units, without sign.
    quantity: Qty,
    /// Their value, multiplier included.
    value: Money,
    /// When the first of them was reported.
    since: TsNs,
}

impl Entered {
    pub(super) const NONE: Self = Self { quantity: Qty::ZERO, value: Money::ZERO, since: TsNs::ZERO };

    /// Adds a fill that was reported at `now`.
    pub(super) fn add(&mut self, quantity: Qty, value: Money, now: TsNs) {
        if self.quantity.is_zero() {
            self.since = now;
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

    pub(super) fn hash(&self, hasher: &mut StateHasher) {
        hasher.i64(self.quantity.0);
        hasher.i64(self.value.0);
        hasher.u64(self.since.0);
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
    pub(super) fn check_exits(&mut self, instrument: InstrumentId, out: &mut Bounded<'_, impl Emit>) {
        if !self.watched {
            return;
        }
        if let Some(at) = self.desk_at(instrument)
            && self.exit_comes_due(at)
        {
            self.pursue(at, false, out);
        }
    }

    /// Follows what the desk entered, after the ledger has booked what a report adds: `quantity` for `value`, of an
    /// entry or of an exit.
    pub(super) fn follow_entered(&mut self, at: usize, is_entry: bool, quantity: Qty, value: Money) {
        let now = self.cause.ts;
        let flat = self.ledger.position(self.desks[at].instrument).quantity.is_zero();
        let desk = &mut self.desks[at];
        if is_entry && !quantity.is_zero() {
            desk.entered.add(quantity, value, now);
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
            || !self.may_trade(desk)
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
