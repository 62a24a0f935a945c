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

/// Polls before a spinning thread looks at anything but its ring.
const PARK: Duration = Duration::from_micros(50);

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
