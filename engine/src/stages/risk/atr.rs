//! Average true range in integers, for sizes: no float decides about money.

use crate::event::Bar;
use crate::state::StateIo;
use crate::units::Price;

/// Parts of a price unit that the average is kept in. Each step rounds by half a part at most, and Wilder's
/// recursion carries at most `period` of those along, so that an average is within `period` ÷ 131,072 of a price unit
/// of the exact one.
const PARTS: i128 = 65_536;

/// Wilder's average true range, as TA-Lib defines it: a bar's true range is the greatest of high − low and the
/// distances of high and low from the close before it; the average starts as the simple mean of the first `period`
/// true ranges. The first bar only lends its close, so that a value needs `period + 1` bars.
#[derive(Clone, Debug)]
pub(super) struct Atr {
    period: u32,
    /// True ranges seen, at most `period`.
    ranges: u32,
    /// The close before, zero if there was no bar.
    close: Price,
    /// Sum of the true ranges until there are `period` of them, the average from then on; in parts.
    average: i128,
}

impl Atr {
    /// An average over `period` true ranges; panics if that is zero.
    pub(super) fn new(period: u32) -> Self {
        assert!(period > 0, "an average needs at least one value: checked where the configuration is read");
        Self { period, ranges: 0, close: Price::ZERO, average: 0 }
    }

    /// Takes the next closed bar, of this run or of earlier days. One with a price that is none (not above zero)
    /// changes nothing.
    pub(super) fn update(&mut self, bar: &Bar) {
        if [bar.high, bar.low, bar.close].iter().any(|price| price.0 <= 0) {
            return;
        }
        let before = std::mem::replace(&mut self.close, bar.close);
        if before.is_zero() {
            return;
        }
        let (high, low, before) = (i128::from(bar.high.0), i128::from(bar.low.0), i128::from(before.0));
        let range = (high - low).max((high - before).abs()).max((low - before).abs()) * PARTS;
        let period = i128::from(self.period);
        if self.ranges == self.period {
            self.average = rounded_ratio(self.average * (period - 1) + range, period);
            return;
        }
        self.ranges += 1;
        self.average += range;
        if self.ranges == self.period {
            self.average = rounded_ratio(self.average, period);
        }
    }

    /// The average rounded to the nearest price unit, once `period + 1` bars have been seen.
    pub(super) fn value(&self) -> Option<Price> {
        // A mean of differences of prices is not above the greatest price.
        (self.ranges == self.period).then(|| Price(rounded_ratio(self.average, PARTS) as i64))
    }

    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        io.within(&mut self.ranges, 0, self.period);
        io.within(&mut self.close, Price::ZERO, Price(i64::MAX));
        // A range is at most the greatest price, and so is the average of ranges.
        let ranges = if self.ranges == self.period { 1 } else { i128::from(self.ranges) };
        io.within(&mut self.average, 0, ranges * i128::from(i64::MAX) * PARTS);
    }
}

/// `dividend ÷ divisor` rounded to the nearest, halves up; neither is negative.
fn rounded_ratio(dividend: i128, divisor: i128) -> i128 {
    (dividend + divisor / 2) / divisor
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::strategy::indicators;
    use crate::state;
    use zerocopy::FromZeros;

    fn bar(high: i64, low: i64, close: i64) -> Bar {
        Bar { high: Price(high), low: Price(low), close: Price(close), ..Bar::new_zeroed() }
    }

    fn hash(atr: &mut Atr) -> u128 {
        state::hash(0, |io| atr.state(io))
    }

    #[test]
    fn values_by_hand() {
        let mut atr = Atr::new(2);
        let table = [
            ([12_0000, 10_0000, 11_0000], None),
            ([13_0000, 11_5000, 12_0000], None),         // |13 - 11| = 2
            ([16_0000, 15_0000, 15_5000], Some(3_0000)), // a gap up: |16 - 12| = 4; (2 + 4)/2
            ([15_0000, 10_5000, 12_0000], Some(4_0000)), // a gap down: |10.5 - 15.5| = 5; (3 + 5)/2
            ([14_0000, 11_0000, 13_0000], Some(3_5000)), // high - low = 3; (4 + 3)/2
            ([13_0000, 13_0000, 13_0000], Some(1_7500)),
            ([13_0001, 13_0000, 13_0000], Some(8751)), // 8750.5: halves up
        ];
        for (i, ([high, low, close], expected)) in table.into_iter().enumerate() {
            atr.update(&bar(high, low, close));
            assert_eq!(atr.value(), expected.map(Price), "bar {i}");
        }
        for [high, low, close] in [[0, 1, 1], [1, 0, 1], [1, 1, 0], [-1, -1, -1]] {
            let before = hash(&mut atr);
            atr.update(&bar(high, low, close));
            assert_eq!(hash(&mut atr), before, "no price is not taken");
        }
    }

    #[test]
    fn a_period_of_one_is_the_last_true_range() {
        let mut atr = Atr::new(1);
        atr.update(&bar(10, 9, 10));
        assert_eq!(atr.value(), None);
        atr.update(&bar(10, 10, 10));
        assert_eq!(atr.value(), Some(Price(0)), "known, and zero");
        atr.update(&bar(17, 15, 16));
        assert_eq!(atr.value(), Some(Price(7)));
    }

    #[test]
    fn extreme_prices_stay_in_range() {
        let mut atr = Atr::new(3);
        for i in 0..20 {
            let price = if i % 2 == 0 { i64::MAX } else { 1 };
            atr.update(&bar(price, price, price));
        }
        assert_eq!(atr.value(), Some(Price(i64::MAX - 1)));
    }

    /// Against the indicator in floats, which is tested against TA-Lib: never further than the rounding.
    #[test]
    fn it_is_the_indicator_within_rounding() {
        let seed = 20_260_803_u64;
        println!("seed {seed}");
        let mut state = seed;
        let mut next = |below: i64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % below as u64) as i64
        };
        for period in [1, 2, 3, 14, 50] {
            let (mut atr, mut indicator) = (Atr::new(period), indicators::Atr::new(period));
            let mut close = 10_000_000;
            for i in 0..5_000 {
                let (up, down) = (next(20_0000), next(20_0000));
                let (high, low) = (close + up, (close - down).max(1));
                close = low + next(high - low + 1);
                atr.update(&bar(high, low, close));
                indicator.update(high as f64, low as f64, close as f64);
                assert_eq!(atr.value().is_some(), indicator.value().is_some(), "period {period}, bar {i}");
                let Some(value) = atr.value() else { continue };
                let distance = (value.0 as f64 - indicator.value().unwrap()).abs();
                assert!(distance <= 0.5 + f64::from(period) / 131_072.0 + 1e-6, "{period}, {i}: {distance}");
            }
        }
    }
}
