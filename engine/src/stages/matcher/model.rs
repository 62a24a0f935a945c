//! When, at what price and how much the market fills where a feed displays no depth.

use crate::book::QUANTITY_MAX;
use crate::config::{Slippage, VenueConfig};
use crate::event::Side;
use crate::units::{Price, Qty};

/// How much a market event may fill of the resting orders of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowance {
    /// All of them that it trades through: the feed has no volume to go by.
    Whole,
    /// This much in all.
    UpTo(Qty),
}

/// Fills against the last price, where no depth is displayed: an aggressive order pays slippage, and a resting order
/// waits until the market trades through it, and then gets a share of the volume.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastPriceModel {
    slippage: Slippage,
    slippage_ticks: i64,
    slippage_bps: i64,
    impact_bps: i64,
    impact_max_bps: i64,
    participation_bps: i64,
}

impl LastPriceModel {
    /// The model of a configuration.
    pub(super) fn new(config: &VenueConfig) -> Self {
        assert!(config.slippage_ticks >= 0, "slippage is never in the order's favour");
        for bps in [config.participation_bps, config.slippage_bps, config.impact_bps, config.impact_max_bps] {
            assert!((0..=10_000).contains(&bps), "a share is between none and all");
        }
        Self {
            slippage: config.slippage_model,
            slippage_ticks: config.slippage_ticks,
            slippage_bps: config.slippage_bps,
            impact_bps: config.impact_bps,
            impact_max_bps: config.impact_max_bps,
            participation_bps: config.participation_bps,
        }
    }

    /// Whether aggressive fills carry slippage.
    pub(super) fn slips(&self) -> bool {
        match self.slippage {
            Slippage::Ticks => self.slippage_ticks > 0,
            Slippage::Bps => self.slippage_bps > 0,
            Slippage::Impact => self.impact_bps > 0 && self.impact_max_bps > 0,
        }
    }

    /// The price of an aggressive fill of `quantity` in a market of which `minute` was traded in the last minute: the
    /// last price moved against the order by the slippage and then to the next tick, so never better than the last
    /// price. A sell is not moved below one tick, the lowest price there is.
    pub(super) fn aggressive_price(
        &self,
        side: Side,
        last: Price,
        tick: Price,
        quantity: Qty,
        minute: u64,
    ) -> Price {
        let slippage = self.distance(last, tick, quantity, minute);
        match side {
            Side::Buy => Price(last.0.saturating_add(slippage).min(i64::MAX - tick.0)).ceil_to(tick),
            Side::Sell => Price(last.0.saturating_sub(slippage)).floor_to(tick).max(tick.min(last)),
        }
    }

    /// How far the slippage moves the price, rounded up.
    fn distance(&self, last: Price, tick: Price, quantity: Qty, minute: u64) -> i64 {
        let share = |bps: i64, numerator: i128, denominator: i128| {
            let wide = i128::from(last.0) * i128::from(bps) * numerator;
            i64::try_from(wide.unsigned_abs().div_ceil(denominator.unsigned_abs() * 10_000))
                .unwrap_or(i64::MAX)
        };
        match self.slippage {
            Slippage::Ticks => self.slippage_ticks.saturating_mul(tick.0),
            Slippage::Bps => share(self.slippage_bps, 1, 1),
            Slippage::Impact => {
                let most = share(self.impact_max_bps, 1, 1);
                let quantity = i128::from(quantity.min(QUANTITY_MAX).0);
                if minute == 0 {
                    // Nothing is known of the volume: the plain share.
                    share(self.slippage_bps, 1, 1).min(most)
                } else {
                    share(self.impact_bps, quantity, i128::from(minute)).min(most)
                }
            }
        }
    }

    /// The worst price an order resting at any price can be filled at when the market is at `last`: a tick through it,
    /// so that the order would have been reached even at the end of its queue. `side` is that of whoever trades with it.
    pub(super) fn through(side: Side, last: Price, tick: Price) -> Price {
        match side {
            Side::Sell => Price(last.0.saturating_add(tick.0)),
            Side::Buy => Price(last.0.saturating_sub(tick.0)),
        }
    }

    /// What resting orders may get of an increase of the volume (`None`: the feed has no volume), in whole
    /// lots.
    pub(super) fn allowance(&self, increase: Option<u64>, lot: Qty) -> Allowance {
        let Some(increase) = increase else { return Allowance::Whole };
        let share = u128::from(increase) * self.participation_bps.unsigned_abs() as u128 / 10_000;
        Allowance::UpTo(whole_lots(share, lot))
    }
}

/// As much as the venue can count, in whole lots.
pub(super) fn whole_lots(quantity: u128, lot: Qty) -> Qty {
    let counted = i64::try_from(quantity).unwrap_or(i64::MAX).min(QUANTITY_MAX.0);
    Qty(counted).floor_to_lot(lot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::VenueConfig;

    fn model(slippage_ticks: i64) -> LastPriceModel {
        LastPriceModel::new(&VenueConfig { slippage_ticks, ..VenueConfig::default() })
    }

    #[test]
    fn an_aggressive_price_is_on_a_tick_and_never_better_than_the_last() {
        for (side, last, slippage, price) in [
            (Side::Buy, 10_000, 0, 10_000),
            (Side::Buy, 10_001, 0, 10_500),
            (Side::Buy, 10_000, 2, 11_000),
            (Side::Buy, 10_001, 1, 11_000),
            (Side::Sell, 10_000, 0, 10_000),
            (Side::Sell, 10_499, 0, 10_000),
            (Side::Sell, 10_000, 2, 9_000),
            (Side::Sell, 500, 1, 500),
            (Side::Sell, 1_000, 9, 500),
            (Side::Sell, 300, 0, 300),
        ] {
            let found = model(slippage).aggressive_price(side, Price(last), Price(500), Qty(1), 0);
            assert_eq!(found, Price(price), "{side} at {last}, {slippage} ticks");
            assert!(side.sign() * (found.0 - last) >= 0, "better than the last price");
        }
    }

    #[test]
    fn slippage_by_share_and_by_impact_is_rounded_against_the_order() {
        use Slippage::{Bps, Impact};
        /// Model, last, tick, quantity, volume of the last minute; prices of a buy and a sell.
        type Case = (Slippage, i64, i64, i64, u64, i64, i64);
        let cases: [Case; 9] = [
            // 5 bps of 1,000.00 rupees are 0.50.
            (Bps, 10_000_000, 500, 1, 0, 10_005_000, 9_995_000),
            (Bps, 10_000_000, 1_000, 1, 0, 10_005_000, 9_995_000),
            (Bps, 10_000_001, 500, 1, 0, 10_005_500, 9_995_000),
            (Bps, 1, 1, 1, 0, 2, 1),
            // 100 bps for a minute's volume, at most 200.
            (Impact, 10_000_000, 500, 1_000, 1_000, 10_100_000, 9_900_000),
            (Impact, 10_000_000, 500, 10, 1_000, 10_001_000, 9_999_000),
            (Impact, 10_000_000, 500, 1, 1_000_000, 10_000_500, 9_999_500),
            (Impact, 10_000_000, 500, 5_000, 1_000, 10_200_000, 9_800_000),
            (Impact, 10_000_000, 500, 1, 0, 10_005_000, 9_995_000),
        ];
        for (slippage_model, last, tick, quantity, minute, buy, sell) in cases {
            let model = LastPriceModel::new(&VenueConfig { slippage_model, ..VenueConfig::default() });
            let price =
                |side| model.aggressive_price(side, Price(last), Price(tick), Qty(quantity), minute).0;
            let found = (price(Side::Buy), price(Side::Sell));
            assert_eq!(found, (buy, sell), "{slippage_model:?} of {quantity} at {last}, {minute} a minute");
            assert!(model.slips());
        }
        let far = LastPriceModel::new(&VenueConfig { slippage_model: Impact, ..VenueConfig::default() });
        far.aggressive_price(Side::Buy, Price(i64::MAX), Price(500), QUANTITY_MAX, 1);
    }

    #[test]
    fn the_share_of_the_volume_is_in_whole_lots() {
        for (increase, lot, allowed) in
            [(0, 1, 0), (9, 1, 0), (10, 1, 1), (999, 1, 99), (1_490, 75, 75), (749, 75, 0)]
        {
            assert_eq!(model(0).allowance(Some(increase), Qty(lot)), Allowance::UpTo(Qty(allowed)));
        }
        assert_eq!(model(0).allowance(None, Qty(75)), Allowance::Whole);
        assert_eq!(model(0).allowance(Some(u64::MAX), Qty(1)), Allowance::UpTo(QUANTITY_MAX));
    }
}
