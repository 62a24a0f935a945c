//! The limits of an entry, in their order. Nothing here changes state: a proposal and the state give a
//! ruling.

use super::Risk;
use super::claims::Claim;
use super::desk::Desk;
use crate::event::{Decision, Rule, Side};
use crate::limits::OPEN_ORDERS_MAX;
use crate::units::{Money, Price, Qty};

/// Order slots that entries leave free, so that an exit finds one even when entries have taken all they may.
pub(super) const EXIT_SLOTS: usize = OPEN_ORDERS_MAX / 2;

/// What was decided about a proposed order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ruling {
    pub(super) decision: Decision,
    pub(super) rule: Rule,
    /// What the rule looked at, in its own unit.
    pub(super) observed: i64,
    /// Its limit, in the same unit.
    pub(super) limit: i64,
    pub(super) wanted: Qty,
    pub(super) allowed: Qty,
}

impl Ruling {
    pub(super) fn allow(wanted: Qty) -> Self {
        Self { decision: Decision::Allow, rule: Rule::None, observed: 0, limit: 0, wanted, allowed: wanted }
    }

    pub(super) fn block(rule: Rule, observed: i64, limit: i64, wanted: Qty) -> Self {
        Self { decision: Decision::Block, rule, observed, limit, wanted, allowed: Qty::ZERO }
    }

    /// This ruling with the quantity cut to `allowed` by `rule`.
    pub(super) fn reduce(self, rule: Rule, observed: i64, limit: i64, allowed: Qty) -> Self {
        Self { decision: Decision::Reduce, rule, observed, limit, wanted: self.wanted, allowed }
    }
}

/// A rule that forbids an entry, what it saw, and its limit.
type Objection = (Rule, i64, i64);

fn flag(rule: Rule) -> Option<Objection> {
    Some((rule, 1, 0))
}

impl Risk {
    /// Decides about an entry of `wanted` units at `price` on the terms of `claim`. The first rule that objects
    /// decides; of two that reduce, the later does:
    ///
    /// | rule | blocks when | observed, limit |
    /// |---|---|---|
    /// | `kill_switch` | the switch is latched | 1, 0 |
    /// | `session_halted` | the session is halted | 1, 0 |
    /// | `reduce_only` | positions may only become smaller | 1, 0 |
    /// | `session_closed` | before the open, from the close on, between sessions | time, open or close |
    /// | `halted` | trading in the instrument is interrupted | 1, 0 |
    /// | `square_off` | from the square-off on | time, square-off |
    /// | `no_new_entry` | from the time of the last entries on | time, that time |
    /// | `not_tradable` | the instrument takes no orders | 1, 0 |
    /// | `ltp_missing` | there is no price | 1, 0 |
    /// | `short_not_allowed` | a sell of a strategy that may not | 1, 0 |
    /// | `symbol_loss` | the instrument's loss has reached the limit, or had | loss, limit |
    /// | `trades_per_day`, `trades_per_symbol` | with this one there are more than the limit | entries, limit |
    /// | `open_positions` | with this one there are more than the limit | positions, limit |
    /// | `open_orders` | with this one there are more than entries may have | orders, limit |
    /// | `order_rate` | with this one the second has more than entries may have | orders, limit |
    /// | `price_collar` | the price is further from the last price than the limit | distance, limit |
    /// | `size_zero` | its size is less than a lot, or a reduction leaves less | quantity, lot |
    /// | `order_quantity`, `freeze_quantity` | reduces to the limit's lots | quantity, limit |
    /// | `order_value` | reduces to the limit's lots | value at the worst price, limit |
    /// | `daily_loss`, `drawdown` | halts when the loss has reached the limit | loss, limit |
    /// | `exposure`, `leverage`, `derivatives_value` | with this one it is above the limit | value, limit |
    pub(super) fn check_entry(
        &self,
        desk: &Desk,
        claim: &Claim,
        side: Side,
        price: Price,
        wanted: Qty,
    ) -> Ruling {
        let objection = self
            .objection_to_time(desk)
            .or_else(|| self.objection_to_desk(desk, claim, side))
            .or_else(|| self.objection_to_number(desk))
            .or_else(|| self.objection_to_price(desk, price));
        if let Some((rule, observed, limit)) = objection {
            return Ruling::block(rule, observed, limit, wanted);
        }
        if wanted.is_zero() {
            return Ruling::block(Rule::SizeZero, 0, desk.lot.0, wanted);
        }
        let ruling = self.reduced(Ruling::allow(wanted), desk, price);
        if ruling.allowed.is_zero() {
            return Ruling::block(Rule::SizeZero, 0, desk.lot.0, wanted);
        }
        if let Some((rule, loss, limit)) = self.halting_loss() {
            let decision = Decision::HaltSession;
            let (observed, limit) = (loss.0, limit.0);
            return Ruling { decision, rule, observed, limit, wanted, allowed: Qty::ZERO };
        }
        let worst = price.max(self.last(desk));
        match self.gross_objection(desk, side, ruling.allowed, worst) {
            Some((rule, observed, limit)) => Ruling::block(rule, observed, limit, wanted),
            None => ruling,
        }
    }

    /// The first rule that forbids any entry now.
    pub(super) fn objection_to_time(&self, desk: &Desk) -> Option<Objection> {
        let ts = self.cause.ts;
        // Nanoseconds since the epoch fit an i64 until the year 2262.
        let time = |rule, limit: crate::units::TsNs| Some((rule, ts.0 as i64, limit.0 as i64));
        if self.killed {
            return flag(Rule::KillSwitch);
        }
        if self.halted {
            return flag(Rule::SessionHalted);
        }
        if self.reduce_only {
            return flag(Rule::ReduceOnly);
        }
        let hours = &desk.hours;
        if !self.active || ts < hours.open {
            return time(Rule::SessionClosed, hours.open);
        }
        if ts >= hours.close {
            return time(Rule::SessionClosed, hours.close);
        }
        if self.stopped {
            return flag(Rule::SessionClosed);
        }
        if hours.halted {
            return flag(Rule::Halted);
        }
        if ts >= hours.square_off {
            return time(Rule::SquareOff, hours.square_off);
        }
        if ts >= hours.entries_end {
            return time(Rule::NoNewEntry, hours.entries_end);
        }
        None
    }

    /// The first rule that forbids an entry of this instrument on this side.
    fn objection_to_desk(&self, desk: &Desk, claim: &Claim, side: Side) -> Option<Objection> {
        if !desk.tradable {
            return flag(Rule::NotTradable);
        }
        if self.last(desk).is_zero() {
            return flag(Rule::LtpMissing);
        }
        if side == Side::Sell && !claim.allow_short {
            return flag(Rule::ShortNotAllowed);
        }
        // After a resume the desk is open again, its loss is not gone.
        let lost = desk.barred || self.barring_loss(desk).is_some();
        lost.then(|| (Rule::SymbolLoss, self.symbol_loss(desk).0, self.symbol_loss_limit.0))
    }

    /// The first rule that forbids one entry more.
    fn objection_to_number(&self, desk: &Desk) -> Option<Objection> {
        let counted = [
            (Rule::TradesPerDay, self.trades, self.config.trades_per_day),
            (Rule::TradesPerSymbol, desk.trades, self.config.trades_per_symbol),
        ];
        for (rule, sent, limit) in counted {
            if limit > 0 && sent >= limit {
                return Some((rule, i64::from(sent) + 1, i64::from(limit)));
            }
        }
        // Adding to a position makes no new one.
        let held = desk.entry.is_some() || !self.ledger.position(desk.instrument).quantity.is_zero();
        let positions = i64::from(self.occupied) + i64::from(!held);
        if positions > i64::from(self.config.open_positions_max) {
            return Some((Rule::OpenPositions, positions, i64::from(self.config.open_positions_max)));
        }
        let (orders, limit) = (self.open_orders + 1, OPEN_ORDERS_MAX - EXIT_SLOTS);
        if orders > limit {
            return Some((Rule::OpenOrders, orders as i64, limit as i64));
        }
        let (used, limit) = self.rate.entry_objection(self.cause.ts)?;
        Some((Rule::OrderRate, used, limit))
    }

    /// Whether the price is too far from the last one.
    pub(super) fn objection_to_price(&self, desk: &Desk, price: Price) -> Option<Objection> {
        let (last, bps) = (self.last(desk).0, self.config.price_collar_bps);
        let distance = (price.0 - last).abs();
        // At most the whole price.
        let limit = (i128::from(last) * i128::from(bps) / 10_000) as i64;
        (bps > 0 && distance > limit).then_some((Rule::PriceCollar, distance, limit))
    }

    /// Applies the limits that make an order smaller.
    fn reduced(&self, mut ruling: Ruling, desk: &Desk, price: Price) -> Ruling {
        let most =
            [(Rule::OrderQuantity, self.config.order_quantity_max), (Rule::FreezeQuantity, desk.freeze)];
        for (rule, most) in most {
            if !most.is_zero() && ruling.allowed > most {
                let observed = ruling.allowed.0;
                ruling = ruling.reduce(rule, observed, most.0, most.floor_to_lot(desk.lot));
            }
        }
        // A buy may cost its limit price; a sell at its limit or better is worth at least the last price.
        let worst = price.max(self.last(desk));
        let limit = self.config.capital.bps(self.config.order_value_bps);
        let value = worst.value(ruling.allowed, desk.multiplier);
        if value > limit {
            let allowed = lots_for(limit, worst.value(Qty(1), desk.multiplier), desk.lot);
            ruling = ruling.reduce(Rule::OrderValue, value.0, limit.0, allowed);
        }
        ruling
    }
}

/// The lots whose value, at `one` a unit, is not above `amount`.
fn lots_for(amount: Money, one: Money, lot: Qty) -> Qty {
    if one.0 <= 0 || amount.0 <= 0 {
        return Qty::ZERO;
    }
    Qty(amount.0 / one.0).floor_to_lot(lot)
}
