//! Relative strength index.

use super::{amount, is_usable, wilder};
use crate::state::StateIo;

/// Wilder's relative strength index, 0 to 100: `100 × gain ÷ (gain + loss)`, where gain and loss are Wilder's
/// averages of the rises and falls between values, seeded by the simple averages of the first `period`.
///
/// A market that has not moved at all is 50, neither strong nor weak, where TA-Lib says 0: a strategy would
/// take that for the greatest weakness.
#[derive(Clone, Debug)]
pub struct Rsi {
    period: u32,
    /// Changes seen, at most `period`.
    changes: u32,
    last: Option<f64>,
    /// Sums of rises and falls until the seed is complete, averages from then on.
    gain: f64,
    loss: f64,
}

impl Rsi {
    /// An index over `period` changes; panics if that is zero.
    pub fn new(period: u32) -> Self {
        assert!(period > 0, "an index needs at least one change");
        Self { period, changes: 0, last: None, gain: 0.0, loss: 0.0 }
    }

    /// Takes the next value; one that is not usable changes nothing.
    pub fn update(&mut self, value: f64) {
        if !is_usable(value) {
            return;
        }
        let Some(last) = self.last.replace(value) else { return };
        let change = value - last;
        let (rise, fall) = if change > 0.0 { (change, 0.0) } else { (0.0, 0.0 - change) };
        if self.changes == self.period {
            self.gain = wilder(self.gain, rise, self.period);
            self.loss = wilder(self.loss, fall, self.period);
            return;
        }
        self.changes += 1;
        self.gain += rise;
        self.loss += fall;
        if self.changes == self.period {
            self.gain /= f64::from(self.period);
            self.loss /= f64::from(self.period);
        }
    }

    /// The index, once `period + 1` values have been seen.
    pub fn value(&self) -> Option<f64> {
        let moved = self.gain + self.loss;
        let index = || if moved > 0.0 { 100.0 * (self.gain / moved) } else { 50.0 };
        (self.changes == self.period).then(index)
    }

    /// Walks over the state.
    pub fn state(&mut self, io: &mut StateIo<'_>) {
        io.within(&mut self.changes, 0, self.period);
        io.option(&mut self.last, || 0.0, |io, last| amount(io, last, 1.0));
        for average in [&mut self.gain, &mut self.loss] {
            amount(io, average, 4.0 * f64::from(self.period));
            if *average < 0.0 {
                io.refuse("an average of rises or falls is negative");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(period: u32, values: &[f64]) -> Vec<Option<f64>> {
        let mut rsi = Rsi::new(period);
        let step = |&value: &f64| {
            rsi.update(value);
            rsi.value()
        };
        values.iter().map(step).collect()
    }

    #[test]
    fn values_by_hand() {
        // Changes +2 -1 | +1.5: averages 1 and 1/2, then (1 + 1.5)/2 = 1.25 and 1/4.
        let expected = [None, None, Some(100.0 * (1.0 / 1.5)), Some(100.0 * (1.25 / 1.5))];
        assert_eq!(shown(2, &[10.0, 12.0, 11.0, 12.5]), expected);
        assert_eq!(shown(2, &[1.0, 2.0, 3.0, 4.0])[3], Some(100.0), "only rises");
        assert_eq!(shown(2, &[4.0, 3.0, 2.0, 1.0])[3], Some(0.0), "only falls");
        assert_eq!(shown(2, &[5.0; 4])[3], Some(50.0), "no move at all");
        assert_eq!(shown(1, &[5.0, 6.0, 4.0]), [None, Some(100.0), Some(0.0)]);
    }

    #[test]
    fn it_stays_within_its_range_and_takes_nothing_unusable() {
        let mut rsi = Rsi::new(14);
        for i in 0..20_000_u32 {
            // After a start with moves, a market that stands still until the averages are below any number.
            rsi.update(if i < 40 { f64::from(i * 7 % 11) } else { 3.0 });
            let before = rsi.value();
            rsi.update(super::super::UNUSABLE[i as usize % 5]);
            assert_eq!(rsi.value(), before);
            assert!(before.is_none_or(|value| (0.0..=100.0).contains(&value)), "{i}: {before:?}");
        }
    }
}
