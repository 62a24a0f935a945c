//! Average true range.

use super::{amount, is_usable, wilder};
use crate::state::StateIo;

/// Wilder's average true range, in the unit of the prices. The true range of a bar is the greatest of its
/// high − low and the distances of its high and low from the close before it; the average is seeded by the
/// simple average of the first `period` of them. The first bar only lends its close to the next one.
#[derive(Clone, Debug)]
pub struct Atr {
    period: u32,
    /// True ranges seen, at most `period`.
    ranges: u32,
    close: Option<f64>,
    /// Sum of the true ranges until the seed is complete, the average from then on.
    average: f64,
}

impl Atr {
    /// An average over `period` true ranges; panics if that is zero.
    pub fn new(period: u32) -> Self {
        assert!(period > 0, "an average needs at least one value");
        Self { period, ranges: 0, close: None, average: 0.0 }
    }

    /// Takes the next bar; one with a price that is not usable changes nothing.
    pub fn update(&mut self, high: f64, low: f64, close: f64) {
        if ![high, low, close].into_iter().all(is_usable) {
            return;
        }
        let Some(before) = self.close.replace(close) else { return };
        let mut range = high - low;
        for distance in [(high - before).abs(), (low - before).abs()] {
            if distance > range {
                range = distance;
            }
        }
        if self.ranges == self.period {
            self.average = wilder(self.average, range, self.period);
            return;
        }
        self.ranges += 1;
        self.average += range;
        if self.ranges == self.period {
            self.average /= f64::from(self.period);
        }
    }

    /// The average, once `period + 1` bars have been seen.
    pub fn value(&self) -> Option<f64> {
        (self.ranges == self.period).then_some(self.average)
    }

    /// Walks over the state.
    pub fn state(&mut self, io: &mut StateIo<'_>) {
        io.within(&mut self.ranges, 0, self.period);
        io.option(&mut self.close, || 0.0, |io, close| amount(io, close, 1.0));
        amount(io, &mut self.average, 4.0 * f64::from(self.period));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        let mut atr = Atr::new(2);
        let table = [
            ([12.0, 10.0, 11.0], None),
            ([13.0, 11.5, 12.0], None),      // |13 - 11| = 2
            ([16.0, 15.0, 15.5], Some(3.0)), // a gap up: |16 - 12| = 4; (2 + 4)/2
            ([15.0, 10.5, 12.0], Some(4.0)), // a gap down: |10.5 - 15.5| = 5; (3 + 5)/2
            ([14.0, 11.0, 13.0], Some(3.5)), // high - low = 3; (4 + 3)/2
        ];
        for (i, ([high, low, close], expected)) in table.into_iter().enumerate() {
            atr.update(high, low, close);
            assert_eq!(atr.value(), expected, "bar {i}");
        }
        for value in super::super::UNUSABLE {
            for [high, low, close] in [[value, 1.0, 1.0], [1.0, value, 1.0], [1.0, 1.0, value]] {
                atr.update(high, low, close);
                assert_eq!(atr.value(), Some(3.5), "{value} is not taken");
            }
        }
    }
}
