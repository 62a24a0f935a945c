//! The state hash: 128 bits, order-sensitive, the same on every machine and in every build.

use xxhash_rust::xxh3::Xxh3;

/// Bytes that are collected before they are hashed. A state is thousands of small fields, and each call of the hash costs
/// more than the bytes of one. What is hashed does not depend on how it is cut.
const COLLECTED: usize = 1_024;

/// Collects the canonical state of a stage. Every field of the state must go in, in a fixed order.
pub struct StateHasher {
    hash: Xxh3,
    collected: [u8; COLLECTED],
    used: usize,
}

impl StateHasher {
    /// A hasher whose results differ from those of every other `domain`, so that two stages in equal states do
    /// not hash alike.
    pub fn new(domain: u64) -> Self {
        Self { hash: Xxh3::with_seed(domain), collected: [0; COLLECTED], used: 0 }
    }

    /// Adds an unsigned number.
    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    /// Adds a signed number.
    pub fn i64(&mut self, value: i64) {
        self.bytes(&value.to_le_bytes());
    }

    /// Adds a float by its bits. NaN is a bug here: its payload is not portable.
    pub fn f64(&mut self, value: f64) {
        assert!(!value.is_nan(), "NaN in hashed state");
        self.bytes(&value.to_bits().to_le_bytes());
    }

    /// Adds raw bytes.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        match self.collected.get_mut(self.used..self.used + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.used += bytes.len();
            }
            None => self.pass_on(bytes),
        }
    }

    /// Hashes what was collected, and then `bytes`, which found no room, or collects them anew.
    #[inline(never)]
    fn pass_on(&mut self, bytes: &[u8]) {
        self.hash.update(&self.collected[..self.used]);
        if bytes.len() < COLLECTED {
            self.collected[..bytes.len()].copy_from_slice(bytes);
            self.used = bytes.len();
        } else {
            self.hash.update(bytes);
            self.used = 0;
        }
    }

    /// Starts anew, in the same domain.
    pub fn reset(&mut self) {
        self.hash.reset();
        self.used = 0;
    }

    /// The hash of all that was added.
    pub fn finish(&self) -> u128 {
        let mut hash = self.hash.clone();
        hash.update(&self.collected[..self.used]);
        hash.digest128()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_in_pieces_of_any_length_hashes_as_one() {
        let bytes: Vec<u8> = (0..20_000_u32).map(|n| ((n * 37) >> 3) as u8).collect();
        for seed in [0, 7] {
            for lengths in [&[1, 8, 3][..], &[8], &[1_023, 1], &[1_024], &[1_025, 16], &[4_000, 24, 1_000]] {
                let mut hasher = StateHasher::new(seed);
                let (mut rest, mut number) = (&bytes[..], 0);
                while !rest.is_empty() {
                    let (piece, left) = rest.split_at(rest.len().min(lengths[number % lengths.len()]));
                    hasher.bytes(piece);
                    (rest, number) = (left, number + 1);
                }
                let mut whole = Xxh3::with_seed(seed);
                whole.update(&bytes);
                assert_eq!(hasher.finish(), whole.digest128(), "{lengths:?}");
            }
        }
    }
}
