//! How long the book took.

use std::time::{Duration, Instant};

/// Operations on the book and the time they took. A measurement holds one clock reading (some 25 ns), so that it is of
/// use above single operations and small samples say little.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter {
    operations: u64,
    spent: Duration,
}

impl Meter {
    /// Does something and counts its time; it answers how many operations it was.
    #[inline]
    pub(crate) fn measure(&mut self, work: impl FnOnce() -> u64) {
        let start = Instant::now();
        let operations = work();
        self.spent += start.elapsed();
        self.operations += operations;
    }

    /// Operations a second; `None` without operations.
    pub fn per_second(&self) -> Option<u64> {
        let seconds = self.spent.as_secs_f64();
        (self.operations > 0 && seconds > 0.0).then(|| (self.operations as f64 / seconds) as u64)
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.operations
    }
}
