//! Who leaves a queue: how displayed volume that got less without a trade is shared between those ahead of an own order
//! and those behind.
//!
//! A feed by price says how much waits at a price, not whose orders went. With `a` ahead of the own order, `b` behind it
//! and a decrease `d`, the volume ahead gets less by
//!
//! | model | ahead gets less by |
//! |---|---|
//! | front | `min(d, a)` |
//! | back | what `b` does not cover: `max(0, d - b)` |
//! | proportional | `d · a / (a + b)` |
//! | power *n* | `d · aⁿ / (aⁿ + bⁿ)` |
//!
//! rounded down to whole lots (against the order) and then moved into what is possible: not more than `a`, and not less
//! than `d - b`. Proportional and power are the probability models of Rigtorp ("Estimating order queue position") and
//! the power functions of hftbacktest (`PowerProbQueueFunc`: the share behind is `f(b) / (f(a) + f(b))`, `f(x) = xⁿ`),
//! in integers.

use crate::config::{QUEUE_POWER_MAX, VenueConfig};
use crate::event::QueueModel;
use crate::units::Qty;

/// Volumes are cut to so many bits before they are raised to a power; volumes of a level have 35 at most, so that a
/// fourth power times a decrease fits 128.
const POWER_BITS: u32 = 22;

/// A queue model of a configuration.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueShare {
    model: QueueModel,
    power: u32,
}

impl QueueShare {
    /// The model of a configuration.
    pub(super) fn new(config: &VenueConfig) -> Self {
        let power = config.queue_power;
        assert!((1..=QUEUE_POWER_MAX).contains(&power), "a power of the queue model is out of range");
        Self { model: config.queue_model, power }
    }

    /// How much of `decrease` was ahead of an order that has `ahead` and `behind` before and after it at its price. All
    /// in whole lots, and no more than there is. The answer grows with `ahead` when the sum of both is the same.
    pub(super) fn ahead(&self, ahead: Qty, behind: Qty, decrease: Qty, lot: Qty) -> Qty {
        let (a, b, d) = (ahead.0, behind.0, decrease.0);
        assert!(a >= 0 && b >= 0 && d >= 0 && d <= a + b, "a queue loses what it has at most");
        let least = (d - b).max(0);
        let share = match self.model {
            QueueModel::Front => d,
            QueueModel::Back => 0,
            QueueModel::Proportional => share(d, a, b, 1),
            QueueModel::Power => share(d, a, b, self.power),
        };
        Qty(Qty(share).floor_to_lot(lot).0.clamp(least, d.min(a)))
    }
}

/// `d · aⁿ / (aⁿ + bⁿ)`, rounded down; zero if there is nothing to share.
fn share(d: i64, a: i64, b: i64, power: u32) -> i64 {
    let bits = 64 - (a | b).leading_zeros();
    let cut = if power > 1 { bits.saturating_sub(POWER_BITS) } else { 0 };
    let raised = |volume: i64| i128::from(volume >> cut).pow(power);
    let (a, b) = (raised(a), raised(b));
    if a + b == 0 {
        return 0;
    }
    i64::try_from(i128::from(d) * a / (a + b)).expect("a share is not above the whole")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(model: QueueModel, power: u32) -> QueueShare {
        QueueShare { model, power }
    }

    #[test]
    fn each_model_shares_a_decrease_in_its_way() {
        use QueueModel::{Back, Front, Power, Proportional};
        /// Ahead, behind, decrease, lot; what leaves ahead by front, back, proportional, square, cube.
        type Case = ((i64, i64, i64, i64), [i64; 5]);
        let cases: [Case; 12] = [
            ((100, 100, 50, 1), [50, 0, 25, 25, 25]),
            ((300, 100, 40, 1), [40, 0, 30, 36, 38]),
            ((100, 300, 40, 1), [40, 0, 10, 4, 1]),
            ((100, 0, 40, 1), [40, 40, 40, 40, 40]),
            ((0, 100, 40, 1), [0, 0, 0, 0, 0]),
            ((30, 100, 120, 1), [30, 20, 27, 20, 20]),
            ((100, 30, 120, 1), [100, 90, 92, 100, 100]),
            ((100, 100, 200, 1), [100, 100, 100, 100, 100]),
            ((100, 100, 0, 1), [0, 0, 0, 0, 0]),
            ((0, 0, 0, 1), [0, 0, 0, 0, 0]),
            ((300, 150, 150, 75), [150, 0, 75, 75, 75]),
            ((1 << 34, 1 << 34, 1 << 34, 1), [1 << 34, 0, 1 << 33, 1 << 33, 1 << 33]),
        ];
        for ((ahead, behind, decrease, lot), expected) in cases {
            let models = [(Front, 1), (Back, 1), (Proportional, 1), (Power, 2), (Power, 3)];
            let found = models.map(|(kind, power)| {
                model(kind, power).ahead(Qty(ahead), Qty(behind), Qty(decrease), Qty(lot)).0
            });
            assert_eq!(found, expected, "{decrease} of {ahead} and {behind}");
        }
    }

    #[test]
    fn a_share_is_possible_and_grows_with_what_is_ahead() {
        for power in 1..=QUEUE_POWER_MAX {
            for kind in QueueModel::ALL {
                let model = model(*kind, power);
                for total in [1_i64, 7, 60] {
                    for decrease in 0..=total {
                        let mut before = 0;
                        for ahead in 0..=total {
                            let behind = total - ahead;
                            let found = model.ahead(Qty(ahead), Qty(behind), Qty(decrease), Qty(1)).0;
                            assert!(found <= ahead && decrease - found <= behind, "{kind} {power}");
                            assert!(found >= before, "{kind} {power}: {decrease} of {ahead} and {behind}");
                            before = found;
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_largest_displayed_volumes_fit() {
        let most = 5 * i64::from(u32::MAX);
        for power in 1..=QUEUE_POWER_MAX {
            let found = model(QueueModel::Power, power).ahead(Qty(most), Qty(most), Qty(2 * most), Qty(1));
            assert_eq!(found, Qty(most));
            let found = model(QueueModel::Power, power).ahead(Qty(most), Qty(1), Qty(most), Qty(1));
            assert!(found.0 >= most - 1, "all but what is behind");
        }
    }
}
