//! What a worker's thread does when there is nothing to do.

use std::time::Duration;

/// How to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Spin: the lowest latency, a whole core each.
    Busy,
    /// Give the core to whoever wants it: for threads that share cores.
    Yield,
    /// Sleep in short naps: frees the core, costs tens of microseconds.
    Park,
}

/// Length of a nap.
const PARK: Duration = Duration::from_micros(50);

impl std::fmt::Display for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Busy => "busy",
            Self::Yield => "yield",
            Self::Park => "park",
        })
    }
}

impl Wait {
    /// Waits once.
    pub fn wait(self) {
        match self {
            Self::Busy => std::hint::spin_loop(),
            Self::Yield => std::thread::yield_now(),
            Self::Park => std::thread::park_timeout(PARK),
        }
    }
}
