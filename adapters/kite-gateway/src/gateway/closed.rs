//! What may not leave: after the latch, after a halt, and for a while.
//!
//! A halt is about one instrument wherever the difference names one: the exits of the others are not to blame, and
//! without them their positions would have no stop and no square-off.

use super::order::REASON_BROKER_REFUSED;
use super::{Difference, Gateway, Note, Wanted};
use pitlane_engine::event::{Intent, OrderState, Side};
use pitlane_engine::units::{InstrumentId, NS_PER_S};

/// After a refused exit the next one of its instrument waits a second, then two, four, at most so long: whoever wants it
/// asks again each second, and refused ones use up the calls of those that could be taken.
const EXIT_AGAIN_MAX: u64 = 16 * NS_PER_S;

impl Gateway {
    /// Whether an order of this kind is refused, and not only waits.
    pub(super) fn is_closed_to(&self, wanted: &Wanted) -> bool {
        match wanted.intent {
            // An operator's wish or risk's last resort.
            Intent::Flatten => false,
            Intent::Entry => self.latched || self.halted.is_some(),
            _ if self.latched => true,
            Intent::Exit | Intent::TakeProfit => self.is_halted_in(wanted.instrument),
            // What protects goes on for what is there beyond doubt.
            Intent::SquareOff | Intent::StopLoss | Intent::HoldingTime => {
                self.is_halted_in(wanted.instrument) && !self.is_confirmed(wanted)
            }
        }
    }

    fn is_halted_in(&self, instrument: InstrumentId) -> bool {
        self.halted.is_some() && (self.halted_all || self.halted_in.contains(&instrument.0))
    }

    /// Whether the broker's own last list has what an order closes, not yet closed by others of ours, and agrees with
    /// the fills known here.
    fn is_confirmed(&self, wanted: &Wanted) -> bool {
        let instrument = wanted.instrument.0;
        let Some((started, listed)) = &self.reconciliation.listed else { return false };
        let moved = self.moved.get(&instrument).is_some_and(|at| at + self.settings.quiet > *started);
        let of = |positions: &std::collections::BTreeMap<u32, i64>| {
            positions.get(&instrument).copied().unwrap_or(0)
        };
        let held = of(listed);
        let closes = if wanted.side == Side::Sell { held } else { held.saturating_neg() };
        let others: i64 = self
            .live
            .iter()
            .map(|id| &self.orders[id])
            .filter(|order| order.wanted.id != wanted.id)
            .filter(|order| order.wanted.instrument == wanted.instrument && order.wanted.side == wanted.side)
            .map(|order| order.terms.quantity - order.filled)
            .fold(0, i64::saturating_add);
        !moved && held == of(&self.positions) && others.saturating_add(wanted.terms.quantity) <= closes
    }

    /// Whether an exit may leave now. While the broker's position is known to be another one, it waits for the next
    /// comparison, which halts or clears: an exit of what is not there any more opens.
    pub(super) fn may_exit(&self, wanted: &Wanted) -> bool {
        let held_back =
            self.refused_exits.get(&wanted.instrument.0).is_some_and(|(_, until)| self.now < *until);
        // In a halted instrument the broker's own list decides, see `is_closed_to`.
        let differs =
            !self.is_halted_in(wanted.instrument) && self.reconciliation.differs_in(wanted.instrument);
        !held_back && !differs && !self.is_closed_to(wanted)
    }

    /// An order ended: counts refused exits.
    pub(super) fn heed_refusal(&mut self, id: u64, state: OrderState, reason: u8) {
        let wanted = self.orders[&id].wanted;
        if matches!(wanted.intent, Intent::Entry | Intent::Flatten) {
            return;
        }
        if state == OrderState::Rejected && reason == REASON_BROKER_REFUSED {
            let (count, until) = self.refused_exits.entry(wanted.instrument.0).or_default();
            *until = self.now + (NS_PER_S << (*count).min(8)).min(EXIT_AGAIN_MAX);
            *count += 1;
        } else if state != OrderState::Rejected {
            self.refused_exits.remove(&wanted.instrument.0);
        }
    }

    /// The instrument that a difference is about; `None` if it casts doubt on everything.
    fn instrument_of(&self, difference: &Difference) -> Option<InstrumentId> {
        let order = match difference {
            Difference::ForeignOrder { instrument, .. }
            | Difference::Position { instrument, .. }
            | Difference::Ledger { instrument, .. } => return Some(*instrument),
            // A broker that lost an order may have lost anything.
            Difference::Vanished { .. } => return None,
            Difference::LostOrder { order, .. }
            | Difference::DuplicateOrder { order, .. }
            | Difference::AcceptedAfterEnd { order, .. }
            | Difference::Contradiction { order, .. }
            | Difference::FillsShrank { order, .. }
            | Difference::FillsAfterEnd { order, .. }
            | Difference::Terms { order }
            | Difference::TradesMissing { order } => order,
        };
        self.orders.get(&order.0).map(|order| order.wanted.instrument)
    }

    /// Notes a difference that nobody here can resolve, and halts.
    pub(super) fn halt(&mut self, difference: Difference) {
        let instrument = self.instrument_of(&difference);
        self.halt_in(difference, instrument);
    }

    /// As [`Gateway::halt`], in one instrument, or in all.
    pub(super) fn halt_in(&mut self, difference: Difference, instrument: Option<InstrumentId>) {
        if self.noted.insert(format!("{difference:?}")) {
            self.note(Note::Difference(difference.clone(), true));
        }
        let wider = match instrument {
            Some(instrument) => self.halted_in.insert(instrument.0),
            None => !std::mem::replace(&mut self.halted_all, true),
        };
        let first = self.halted.is_none();
        self.halted.get_or_insert(difference);
        if first || wider {
            self.refuse_waiting();
        }
    }
}
