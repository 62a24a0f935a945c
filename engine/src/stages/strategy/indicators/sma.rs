//! Simple moving average.

use super::{amount, is_usable};
use crate::state::StateIo;

/// Arithmetic mean of the last `period` values.
#[derive(Clone, Debug)]
pub struct Sma {
    /// The last values; the next one goes to `next`.
    ring: Box<[f64]>,
    next: usize,
    full: bool,
    /// Sum of the values in the ring.
    sum: f64,
}

impl Sma {
    /// An average over `period` values, 8 bytes each; panics if that is zero.
    pub fn new(period: u32) -> Self {
        assert!(period > 0, "an average needs at least one value");
        Self { ring: vec![0.0; period as usize].into_boxed_slice(), next: 0, full: false, sum: 0.0 }
    }

    /// Takes the next value; one that is not usable changes nothing.
    pub fn update(&mut self, value: f64) {
        if !is_usable(value) {
            return;
        }
        // Places that were not used yet are zero.
        self.sum = self.sum - self.ring[self.next] + value;
        self.ring[self.next] = value;
        self.next += 1;
        if self.next == self.ring.len() {
            self.next = 0;
            self.full = true;
            // Anew once a round, or the roundings of a whole year would pile up in the running sum.
            self.sum = self.ring.iter().fold(0.0, |sum, value| sum + value);
        }
    }

    /// The average, once `period` values have been seen.
    pub fn value(&self) -> Option<f64> {
        self.full.then(|| self.sum / self.ring.len() as f64)
    }

    /// Walks over the state.
    pub fn state(&mut self, io: &mut StateIo<'_>) {
        io.size(&mut self.next, self.ring.len() - 1);
        io.flag(&mut self.full);
        amount(io, &mut self.sum, 2.0 * self.ring.len() as f64);
        self.ring.iter_mut().for_each(|value| amount(io, value, 1.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        let mut sma = Sma::new(3);
        let mut shown = Vec::new();
        for value in [1.0, 2.0, 6.0, f64::NAN, 4.0, 11.0] {
            sma.update(value);
            shown.push(sma.value());
        }
        assert_eq!(shown, [None, None, Some(3.0), Some(3.0), Some(4.0), Some(7.0)]);
        for value in super::super::UNUSABLE {
            sma.update(value);
            assert_eq!(sma.value(), Some(7.0), "{value} is not taken");
        }
    }

    #[test]
    fn a_giant_value_leaves_no_trace_once_it_is_gone() {
        let mut sma = Sma::new(4);
        for value in [1e15, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7] {
            sma.update(value);
        }
        assert_eq!(sma.value(), Some((0.4 + 0.5 + 0.6 + 0.7) / 4.0));
    }
}
