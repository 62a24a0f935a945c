//! The wall clock, for time-outs and back-off alone: nothing that is read here reaches a frame or an event.

use std::time::Instant;

/// Nanoseconds of one millisecond.
pub(crate) const MS: u64 = 1_000_000;

/// A monotonic clock that starts at zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wall(Instant);

impl Wall {
    /// A clock that says zero now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds since the start.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).expect("a process does not live for 584 years")
    }
}
