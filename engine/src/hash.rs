//! The state hash: 128 bits, order-sensitive, the same on every machine and in every build.

use xxhash_rust::xxh3::Xxh3;

/// Collects the canonical state of a stage. Every field of the state must go in, in a fixed order.
pub struct StateHasher(Xxh3);

impl StateHasher {
    /// A hasher whose results differ from those of every other `domain`, so that two stages in equal states do
    /// not hash alike.
    pub fn new(domain: u64) -> Self {
        Self(Xxh3::with_seed(domain))
    }

    /// Adds an unsigned number.
    pub fn u64(&mut self, value: u64) {
        self.0.update(&value.to_le_bytes());
    }

    /// Adds a signed number.
    pub fn i64(&mut self, value: i64) {
        self.0.update(&value.to_le_bytes());
    }

    /// Adds a float by its bits. NaN is a bug here: its payload is not portable.
    pub fn f64(&mut self, value: f64) {
        assert!(!value.is_nan(), "NaN in hashed state");
        self.0.update(&value.to_bits().to_le_bytes());
    }

    /// Adds raw bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all that was added.
    pub fn finish(&self) -> u128 {
        self.0.digest128()
    }
}
