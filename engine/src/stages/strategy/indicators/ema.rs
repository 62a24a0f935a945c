//! Exponential moving average.

use super::{amount, is_usable};
use crate::state::StateIo;

/// Exponential moving average with `alpha = 2 ÷ (period + 1)`, seeded by the simple average of the first
/// `period` values, as charting packages do.
#[derive(Clone, Debug)]
pub struct Ema {
    period: u32,
    alpha: f64,
    seen: u32,
    /// Sum of the values until the seed is complete.
    sum: f64,
    value: f64,
}

impl Ema {
    /// An average over `period` values; panics if that is zero.
    pub fn new(period: u32) -> Self {
        assert!(period > 0, "an average needs at least one value");
        Self { period, alpha: 2.0 / (f64::from(period) + 1.0), seen: 0, sum: 0.0, value: 0.0 }
    }

    /// Takes the next value; one that is not usable changes nothing.
    pub fn update(&mut self, value: f64) {
        if !is_usable(value) {
            return;
        }
        if self.seen < self.period {
            self.seen += 1;
            self.sum += value;
            if self.seen == self.period {
                self.value = self.sum / f64::from(self.period);
            }
        } else {
            self.value += self.alpha * (value - self.value);
        }
    }

    /// The average, once `period` values have been seen.
    pub fn value(&self) -> Option<f64> {
        (self.seen == self.period).then_some(self.value)
    }

    /// Walks over the state.
    pub fn state(&mut self, io: &mut StateIo<'_>) {
        io.within(&mut self.seen, 0, self.period);
        amount(io, &mut self.sum, 2.0 * f64::from(self.period));
        amount(io, &mut self.value, 2.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recurrence in its other form, from the whole series at once.
    fn by_definition(period: usize, values: &[f64]) -> Option<f64> {
        let seed = values.get(..period)?.iter().sum::<f64>() / period as f64;
        let alpha = 2.0 / (period as f64 + 1.0);
        Some(values[period..].iter().fold(seed, |ema, value| alpha * value + (1.0 - alpha) * ema))
    }

    #[test]
    fn values_by_hand() {
        let mut ema = Ema::new(3); // alpha 1/2
        let mut shown = Vec::new();
        for value in [1.0, 2.0, 6.0, 5.0, 8.0] {
            ema.update(value);
            shown.push(ema.value());
        }
        assert_eq!(shown, [None, None, Some(3.0), Some(4.0), Some(6.0)]);
        let mut last = Ema::new(1); // alpha 1: the last value
        last.update(7.0);
        last.update(9.0);
        assert_eq!(last.value(), Some(9.0));
        for value in super::super::UNUSABLE {
            last.update(value);
            assert_eq!(last.value(), Some(9.0), "{value} is not taken");
        }
    }

    #[test]
    fn agrees_with_the_definition() {
        let values: Vec<f64> = (0..500_u32).map(|i| 1_000.0 + f64::from(i * 7_919 % 1_013) / 20.0).collect();
        for period in [1, 2, 5, 20, 50, 500, 501] {
            let mut ema = Ema::new(period);
            for (i, &value) in values.iter().enumerate() {
                ema.update(value);
                match (ema.value(), by_definition(period as usize, &values[..=i])) {
                    (Some(a), Some(b)) => assert!((a - b).abs() < 1e-9, "{period} {i}: {a} {b}"),
                    (a, b) => assert_eq!(a, b, "{period} {i}"),
                }
            }
        }
    }
}
