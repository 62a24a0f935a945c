//! SplitMix64 (Steele, Lea and Flood 2014): one addition and two multiplications a number, the same on every machine.

/// A stream of numbers that a seed determines.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must not be zero; biased by less than `bound / 2^64`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from `-reach` to `reach`.
    pub(crate) fn around_zero(&mut self, reach: i64) -> i64 {
        self.below(2 * reach.unsigned_abs() + 1) as i64 - reach
    }

    /// Whether an event of this chance, in bps, happens.
    pub(crate) fn chance_bps(&mut self, bps: u64) -> bool {
        self.below(10_000) < bps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_published_generator() {
        let mut rng = SplitMix64::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| rng.next()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
        assert!((0..1_000).all(|_| rng.below(7) < 7 && rng.around_zero(3).abs() <= 3));
    }
}
