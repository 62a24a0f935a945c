//! Exposure and leverage: what an entry would block and move, against equity. Looked at when an entry is due,
//! over the positions and the entries under way; prices may carry a position past a limit later, and then
//! nothing is added.

use super::Risk;
use super::desk::Desk;
use crate::config::InstrumentClass;
use crate::event::{Rule, Side};
use crate::limits::INSTRUMENTS_MAX;
use crate::units::{Price, Qty, quotient};

/// Sums over instruments, exact: a corrupt price may not leave the range.
#[derive(Clone, Copy, Debug, Default)]
struct Gross {
    /// Margin blocked.
    margin: i128,
    /// Value of equities, long and short.
    cash: i128,
    /// Value of futures and options, long and short; an option's is its premium.
    derivatives: i128,
}

/// More than a limit can be, however absurd the prices that make the equity; a sum over all instruments fits.
const BEYOND_ANY_LIMIT: i128 = i128::MAX / (2 * INSTRUMENTS_MAX as i128);

fn held_in_range(exact: i128) -> i64 {
    exact.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

impl Risk {
    /// The first of exposure, leverage and derivatives' value that an entry of `quantity` at `worst` would
    /// take past its limit, with the value it would have and the limit.
    ///
    /// Margins are those of the configuration: equity and futures a share of their value, a long option its
    /// premium. A short option's depends on its underlying, so that it counts as more than any limit until a
    /// broker says what it is.
    pub(super) fn gross_objection(
        &self,
        entering: &Desk,
        side: Side,
        quantity: Qty,
        worst: Price,
    ) -> Option<(Rule, i64, i64)> {
        let limits = [self.config.exposure_bps, self.config.leverage_bps, self.config.derivatives_bps];
        if limits == [0; 3] {
            return None;
        }
        let mut gross = Gross::default();
        // Most desks have nothing: the walk ends with the last one that has.
        let mut left = self.occupied;
        for (at, desk) in self.desks.iter().enumerate() {
            if left == 0 {
                break;
            }
            if !self.is_occupied(at) {
                continue;
            }
            left -= 1;
            let held = self.ledger.position(desk.instrument).quantity;
            let side = if held.0 < 0 { Side::Sell } else { Side::Buy };
            self.add_gross(&mut gross, desk, side, held.abs(), self.last(desk));
            if let Some(entry) = &desk.entry {
                let price = entry.price.max(self.last(desk));
                self.add_gross(&mut gross, desk, entry.side, entry.quantity - entry.filled, price);
            }
        }
        self.add_gross(&mut gross, entering, side, quantity, worst);
        let rules = [
            (Rule::Exposure, gross.margin),
            (Rule::Leverage, gross.cash),
            (Rule::DerivativesValue, gross.derivatives),
        ];
        let equity = i128::from(self.equity().0);
        for ((rule, observed), bps) in rules.into_iter().zip(limits) {
            let limit = quotient(equity * i128::from(bps), 10_000);
            // What this entry does not add to cannot be its fault.
            let concerned = match rule {
                Rule::Leverage => !is_derivative(entering),
                Rule::DerivativesValue => is_derivative(entering),
                _ => true,
            };
            if bps > 0 && concerned && observed > limit {
                return Some((rule, held_in_range(observed), held_in_range(limit)));
            }
        }
        None
    }

    fn add_gross(&self, gross: &mut Gross, desk: &Desk, side: Side, quantity: Qty, price: Price) {
        if quantity.is_zero() {
            return;
        }
        let value = i128::from(price.0) * i128::from(quantity.0) * i128::from(desk.multiplier);
        let share = |bps: i64| quotient(value * i128::from(bps), 10_000);
        gross.margin += match (desk.class, side) {
            (InstrumentClass::Equity | InstrumentClass::Index, _) => share(self.config.margin_equity_bps),
            (InstrumentClass::Future, _) => share(self.config.margin_future_bps),
            (InstrumentClass::Option, Side::Buy) => value,
            (InstrumentClass::Option, Side::Sell) => BEYOND_ANY_LIMIT,
        };
        if is_derivative(desk) {
            gross.derivatives += value;
        } else {
            gross.cash += value;
        }
    }
}

fn is_derivative(desk: &Desk) -> bool {
    matches!(desk.class, InstrumentClass::Future | InstrumentClass::Option)
}
