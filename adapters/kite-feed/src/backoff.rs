//! How long to wait before the next attempt: doubling from a first delay to a cap, with jitter from a seed, so that
//! several connections do not knock at the same moment and a test sees the same delays again.

/// The delays of one connection, in nanoseconds.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: u64,
    cap: u64,
    attempt: u32,
    random: u64,
}

impl Backoff {
    /// Delays of about `first`, twice that, … up to `cap`. `seed` fixes the jitter.
    pub(crate) fn new(first: u64, cap: u64, seed: u64) -> Self {
        Self { first, cap, attempt: 0, random: seed }
    }

    /// The next delay: between half of the doubled one and all of it.
    pub(crate) fn next(&mut self) -> u64 {
        let full = self.first.checked_shl(self.attempt.min(20)).unwrap_or(self.cap).min(self.cap);
        self.attempt = self.attempt.saturating_add(1);
        let half = full / 2;
        half + self.draw() % (full - half + 1)
    }

    /// The connection has proved itself: the next delay is the first again.
    pub(crate) fn reset(&mut self) {
        self.attempt = 0;
    }

    /// The next number of splitmix64.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn delays_double_to_the_cap_within_their_jitter_and_repeat_for_a_seed() {
        let mut backoff = Backoff::new(S, 60 * S, 7);
        let delays: Vec<u64> = (0..40).map(|_| backoff.next()).collect();
        for (attempt, delay) in delays.iter().enumerate() {
            let full = (S << attempt.min(6)).min(60 * S);
            assert!((full / 2..=full).contains(delay), "attempt {attempt}: {delay}");
        }
        let mut again = Backoff::new(S, 60 * S, 7);
        assert_eq!(delays, (0..40).map(|_| again.next()).collect::<Vec<u64>>());
        let mut other = Backoff::new(S, 60 * S, 8);
        assert_ne!(delays, (0..40).map(|_| other.next()).collect::<Vec<u64>>());
        backoff.reset();
        assert!(backoff.next() <= S);
    }
}
