//! How large an entry is: a quantity from capital, the last price and what the entry may lose.

use super::Risk;
use super::atr::Atr;
use super::claims::Claim;
use super::desk::Desk;
use crate::config::{RiskConfig, Sizing};
use crate::event::Bar;
use crate::limits::STRATEGIES_MAX;
use crate::units::{Price, Qty, quotient};

/// The greatest value of an entry that is computed at all, on the money scale: some 900 billion rupees. An average true
/// range next to nothing asks for more than any account holds; limits cut it down, but what they look at has to be a
/// value, and so has the sum over all strategies.
const VALUE_MAX: i128 = (i64::MAX / 4) as i128 / STRATEGIES_MAX as i128;

/// The average true range that a desk keeps, where sizes are made from one.
pub(super) fn range_for(config: &RiskConfig) -> Option<Atr> {
    (config.sizing == Sizing::Atr).then(|| Atr::new(config.atr_period))
}

impl Risk {
    /// Takes a closed bar, of this run or of earlier days: ranges run across sessions.
    #[inline]
    pub(super) fn on_bar(&mut self, bar: &Bar) {
        if self.config.sizing != Sizing::Atr || bar.timeframe != self.config.atr_timeframe as u8 {
            return;
        }
        if let Some(at) = self.desk_at(self.cause.instrument)
            && let Some(atr) = &mut self.desks[at].atr
        {
            atr.update(bar);
        }
    }

    /// What an entry of `claim` takes, in whole lots, before any limit is looked at; zero if it is less than a lot or
    /// what it is computed from is not known.
    ///
    /// | sizing | quantity |
    /// |---|---|
    /// | `Capital` | capital × share ÷ last price |
    /// | `Risk` | capital × risk per trade ÷ (last price × stop loss); zero without a stop loss |
    /// | `Atr` | capital × risk per trade ÷ (average true range × multiple) |
    ///
    /// Prices are worth their contract's multiplier. Exact, and rounded down once.
    pub(super) fn entry_size(&self, desk: &Desk, claim: &Claim) -> Qty {
        let last = self.last(desk);
        let risked = Risked::of(
            &self.config,
            last,
            claim.stop_loss_bps,
            desk.atr.as_ref().and_then(|atr| atr.value()),
        );
        risked.map_or(Qty::ZERO, |risked| risked.quantity(&self.config, last, desk.multiplier, desk.lot))
    }
}

/// A share of capital, and the share of a price that a unit uses of it.
#[derive(Clone, Copy, Debug)]
struct Risked {
    capital_bps: i64,
    price: Price,
    price_bps: i64,
}

impl Risked {
    /// What is put at risk, and by what; `None` if it is not known.
    fn of(config: &RiskConfig, last: Price, stop_loss_bps: i64, atr: Option<Price>) -> Option<Self> {
        let risk = config.risk_per_trade_bps;
        Some(match config.sizing {
            Sizing::Capital => Self { capital_bps: config.position_bps, price: last, price_bps: 10_000 },
            Sizing::Risk => Self { capital_bps: risk, price: last, price_bps: stop_loss_bps },
            Sizing::Atr => Self { capital_bps: risk, price: atr?, price_bps: config.atr_multiple_bps },
        })
    }

    /// Units whose risk is not above the share of capital, and whose value at `last` is within [`VALUE_MAX`], in whole
    /// lots.
    fn quantity(self, config: &RiskConfig, last: Price, multiplier: i64, lot: Qty) -> Qty {
        let wide = |price: Price| i128::from(price.0) * i128::from(multiplier);
        let unit = wide(self.price).saturating_mul(i128::from(self.price_bps));
        let value = wide(last);
        let amount = i128::from(config.capital.0) * i128::from(self.capital_bps);
        if unit <= 0 || value <= 0 || amount <= 0 {
            return Qty::ZERO;
        }
        // Not above VALUE_MAX, which fits.
        Qty(quotient(amount, unit).min(quotient(VALUE_MAX, value)) as i64).floor_to_lot(lot)
    }
}
