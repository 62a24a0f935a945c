//! Volume-weighted average price.

use crate::state::StateIo;
use crate::units::{Money, SCALE};

/// Volume-weighted average price since it was made: `Σ turnover ÷ Σ volume`. The sums are whole numbers, so
/// its only rounding is that of the division, and the order in which parts came does not matter.
///
/// One of a session is made anew at each session's start. A bar's turnover and volume are those of the
/// observed increases of the day's volume, so what traded before the first packet is not in it.
#[derive(Clone, Debug, Default)]
pub struct Vwap {
    /// In 1/10,000 rupee; wider than one bar's, whose turnover may be all that its field can hold.
    turnover: i128,
    volume: u64,
}

impl Vwap {
    /// Nothing traded yet.
    pub const NEW: Self = Self { turnover: 0, volume: 0 };

    /// Adds what traded: Σ price × volume, and the volume in units.
    pub fn add(&mut self, turnover: Money, volume: u64) {
        self.turnover += i128::from(turnover.0);
        self.volume = self.volume.saturating_add(volume);
    }

    /// Volume in units so far.
    pub fn volume(&self) -> u64 {
        self.volume
    }

    /// The average in rupees, once there is volume.
    pub fn value(&self) -> Option<f64> {
        let average = || self.turnover as f64 / SCALE as f64 / self.volume as f64;
        (self.volume > 0).then(average)
    }

    /// Walks over the state.
    pub fn state(&mut self, io: &mut StateIo<'_>) {
        // Bars as many as there are nanoseconds in an hour, each of the most that a bar can have.
        io.within(&mut self.turnover, -(1 << 105), 1 << 105);
        io.plain(&mut self.volume);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        let mut vwap = Vwap::NEW;
        let table = [
            (0, 0, None),
            (100 * 30, 30, Some(100.0)),
            (0, 0, Some(100.0)),         // a bar without volume
            (110 * 10, 10, Some(102.5)), // (3,000 + 1,100) / 40
            (98 * 60, 60, Some(99.8)),   // (4,100 + 5,880) / 100
        ];
        for (i, (rupees, volume, expected)) in table.into_iter().enumerate() {
            vwap.add(Money::rupees(rupees), volume);
            assert_eq!(vwap.value(), expected, "part {i}");
        }
        assert_eq!(vwap.volume(), 100);
        for _ in 0..3 {
            vwap.add(Money(i64::MAX), u64::MAX);
        }
        assert!(vwap.value().is_some_and(f64::is_finite));
    }
}
