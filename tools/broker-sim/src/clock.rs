//! The market's time, and the wall's. The only file here that reads a clock for the market.

use pitlane_engine::units::TsNs;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Unix time in nanoseconds.
pub(crate) fn wall_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// `now = base + (wall − wall_base) × speed`, and `base` before `wall_base`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MarketClock {
    pub(crate) base: TsNs,
    pub(crate) wall_base: u64,
    /// `None` = as fast as the market is taken.
    pub(crate) speed: Option<u32>,
    /// When this process began, on both clocks: what passes since then cannot be set back.
    started: (Instant, u64),
}

impl MarketClock {
    pub(crate) fn new(base: TsNs, wall_base: u64, speed: Option<u32>) -> Self {
        Self { base, wall_base, speed, started: (Instant::now(), wall_ns()) }
    }

    /// Unix time in nanoseconds that never goes back.
    pub(crate) fn wall(&self) -> u64 {
        let since = u64::try_from(self.started.0.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.started.1.saturating_add(since)
    }

    /// The market's time; `None` if the market itself decides.
    pub(crate) fn now(&self) -> Option<TsNs> {
        let elapsed = u128::from(self.wall().saturating_sub(self.wall_base)) * u128::from(self.speed?);
        Some(TsNs(self.base.0.saturating_add(u64::try_from(elapsed).unwrap_or(u64::MAX / 2))))
    }
}
