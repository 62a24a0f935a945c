//! When, at what price and how much the market fills: the part of the venue that better models replace.

use crate::config::VenueConfig;
use crate::event::Side;
use crate::units::{InstrumentId, Price, Qty};

/// How much a market event may fill of the resting orders of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowance {
    /// All of them: the feed has no volume to go by.
    Whole,
    /// This much in all.
    UpTo(Qty),
}

/// What still waits to be filled by one market event.
#[derive(Clone, Copy, Debug)]
pub(super) struct FillRun {
    /// The instrument.
    pub(super) instrument: InstrumentId,
    /// The side that is filled: the buys, then the sells.
    pub(super) side: Side,
    /// The last price.
    pub(super) last: Price,
    /// What may still be filled of the orders that the last price trades through.
    pub(super) allowance: Allowance,
}

/// Fills against the last price, where no depth is displayed: an aggressive order pays a fixed slippage, and
/// a resting order waits until the market trades through it, and then gets a share of the volume.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastPriceModel {
    slippage_ticks: i64,
    participation_bps: i64,
}

impl LastPriceModel {
    /// The model of a configuration.
    pub(super) fn new(config: &VenueConfig) -> Self {
        assert!(config.slippage_ticks >= 0, "slippage is never in the order's favour");
        assert!((0..=10_000).contains(&config.participation_bps), "a share is between none and all");
        Self { slippage_ticks: config.slippage_ticks, participation_bps: config.participation_bps }
    }

    /// Whether aggressive fills carry slippage.
    pub(super) fn slips(&self) -> bool {
        self.slippage_ticks > 0
    }

    /// The price of an aggressive fill: the last price moved against the order by the slippage and then to
    /// the next tick, so never better than the last price. A sell is not moved below one tick, the lowest
    /// price there is.
    pub(super) fn aggressive_price(&self, side: Side, last: Price, tick: Price) -> Price {
        let slippage = self.slippage_ticks.saturating_mul(tick.0);
        match side {
            Side::Buy => Price(last.0.saturating_add(slippage).min(i64::MAX - tick.0)).ceil_to(tick),
            Side::Sell => Price(last.0.saturating_sub(slippage)).floor_to(tick).max(tick.min(last)),
        }
    }

    /// Whether the market at `last` has traded through an order resting at `limit`: by a tick, so that the
    /// order would have been reached even at the end of its queue.
    pub(super) fn trades_through(&self, side: Side, limit: Price, last: Price, tick: Price) -> bool {
        match side {
            Side::Buy => last <= Price(limit.0.saturating_sub(tick.0)),
            Side::Sell => last >= Price(limit.0.saturating_add(tick.0)),
        }
    }

    /// What resting orders may get of an increase of the volume (`None`: the feed has no volume), in whole
    /// lots.
    pub(super) fn allowance(&self, increase: Option<u64>, lot: Qty) -> Allowance {
        let Some(increase) = increase else { return Allowance::Whole };
        let share = u128::from(increase) * self.participation_bps.unsigned_abs() as u128 / 10_000;
        Allowance::UpTo(Qty(i64::try_from(share).unwrap_or(i64::MAX)).floor_to_lot(lot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(slippage_ticks: i64) -> LastPriceModel {
        LastPriceModel { slippage_ticks, participation_bps: 1_000 }
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
            let found = model(slippage).aggressive_price(side, Price(last), Price(500));
            assert_eq!(found, Price(price), "{side} at {last}, {slippage} ticks");
            assert!(side.sign() * (found.0 - last) >= 0, "better than the last price");
        }
    }

    #[test]
    fn a_resting_order_is_traded_through_by_a_whole_tick() {
        for (side, last, through) in [
            (Side::Buy, 10_000, false),
            (Side::Buy, 9_501, false),
            (Side::Buy, 9_500, true),
            (Side::Sell, 10_000, false),
            (Side::Sell, 10_499, false),
            (Side::Sell, 10_500, true),
        ] {
            let found = model(0).trades_through(side, Price(10_000), Price(last), Price(500));
            assert_eq!(found, through, "{side} at {last}");
        }
    }

    #[test]
    fn the_share_of_the_volume_is_in_whole_lots() {
        for (increase, lot, allowed) in
            [(0, 1, 0), (9, 1, 0), (10, 1, 1), (999, 1, 99), (1_490, 75, 75), (749, 75, 0)]
        {
            assert_eq!(model(0).allowance(Some(increase), Qty(lot)), Allowance::UpTo(Qty(allowed)));
        }
        assert_eq!(model(0).allowance(None, Qty(75)), Allowance::Whole);
    }
}
