//! How long to wait for a database that is away.

use crate::error::PgError;
use std::thread;
use std::time::Duration;

/// Waiting times that double: 100 ms, 200 ms, … up to 30 s. One writer holds a journal, so nothing is drawn by chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(30);

impl Backoff {
    /// Nothing has failed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a failure, and says how long to wait before the next attempt.
    pub fn failed(&mut self) -> Duration {
        let wait = Duration::from_millis(100 << self.failures.min(10)).min(WAIT_MAX);
        self.failures = self.failures.saturating_add(1);
        wait
    }

    /// Notes a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Attempts that failed since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

/// A database that is away: what a caller may show while it waits.
#[derive(Debug)]
pub struct Down<'a> {
    /// Attempts that failed since the last success, from 1.
    pub failures: u32,
    /// Why the last one did.
    pub error: &'a PgError,
    /// The wait before the next.
    pub wait: Duration,
}

/// Calls `attempt` until it succeeds or fails for good, and waits after each failure that may mend itself. `down` hears of
/// those. `stop` is asked about every 50 ms of a wait; when it says so the last error is returned.
///
/// # Errors
/// The first error that no waiting mends, or the last one before `stop`.
pub fn patiently<T>(
    stop: &dyn Fn() -> bool,
    down: &mut dyn FnMut(&Down<'_>),
    mut attempt: impl FnMut() -> Result<T, PgError>,
) -> Result<T, PgError> {
    let mut backoff = Backoff::new();
    loop {
        let error = match attempt() {
            Err(error) if error.is_transient() => error,
            done => return done,
        };
        let mut wait = backoff.failed();
        down(&Down { failures: backoff.failures(), error: &error, wait });
        while !wait.is_zero() {
            if stop() {
                return Err(error);
            }
            let slice = wait.min(Duration::from_millis(50));
            thread::sleep(slice);
            wait -= slice;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_minute() {
        let mut backoff = Backoff::new();
        let waits: Vec<u64> = (0..12).map(|_| backoff.failed().as_millis() as u64).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000, 30_000]);
        assert_eq!(backoff.failures(), 12);
        backoff.reset();
        assert_eq!(backoff.failed(), Duration::from_millis(100));
    }
}
