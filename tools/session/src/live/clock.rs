//! The market's clock: the time of day, or a time of its own for a broker on this machine.

use anyhow::Context;
use jiff::civil::Date;
use jiff::tz::Offset;
use pitlane_config::ClockSettings;
use pitlane_engine::drive::clock::Pace;
use pitlane_engine::units::{IST_OFFSET_NS, NS_PER_MS, TsNs};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the market's clock is held against the system's ...
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// ... and how far they may be apart without a word.
const DRIFT_MAX_NS: u64 = 100 * NS_PER_MS;

/// The market's time, from its start on by a clock that never goes back.
pub struct MarketClock {
    pace: Pace,
    /// Whether it is the time of day.
    of_day: bool,
    looked: Instant,
}

/// The system clock's time in nanoseconds since 1970.
///
/// # Errors
/// If it stands before 1970 or beyond 2554.
pub fn wall_ns() -> anyhow::Result<u64> {
    let since =
        SystemTime::now().duration_since(UNIX_EPOCH).context("the system clock stands before 1970")?;
    u64::try_from(since.as_nanos()).context("the system clock stands beyond the year 2554")
}

/// The market's time when the wall clock says `now`: it stands at the base until its moment has come.
fn at(clock: &ClockSettings, started_ns: u64, now_ns: u64) -> TsNs {
    let since = now_ns.saturating_sub(clock.at.map_or(started_ns, |at| at.0));
    let passed = u128::from(since) * u128::from(clock.speed);
    TsNs(clock.base.0.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX)))
}

impl MarketClock {
    /// Starts the clock of `settings`; without any it shows the time of day.
    ///
    /// # Errors
    /// If the system clock stands far from any market's time.
    pub fn start(settings: Option<&ClockSettings>) -> anyhow::Result<Self> {
        let (started_ns, started) = (wall_ns()?, Instant::now());
        let pace = match settings {
            None => Pace::new(TsNs(started_ns), 1.0),
            Some(&clock) => {
                let elapsed_ns = move || u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
                Pace::given(Arc::new(move || at(&clock, started_ns, started_ns.saturating_add(elapsed_ns()))))
            }
        };
        Ok(Self { pace, of_day: settings.is_none(), looked: started })
    }

    /// The clock itself.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// The Indian date now.
    ///
    /// # Errors
    /// If the clock shows no date that a calendar knows.
    pub fn date(&self) -> anyhow::Result<Date> {
        let shifted = i128::from(self.pace.now().0) + i128::from(IST_OFFSET_NS);
        let instant =
            jiff::Timestamp::from_nanosecond(shifted).context("the market's clock shows no date")?;
        Ok(Offset::UTC.to_datetime(instant).date())
    }

    /// Once a minute: what to say if the system's clock was stepped, or runs away from the market's.
    pub fn drift(&mut self) -> Option<String> {
        if !self.of_day || self.looked.elapsed() < LOOK_EVERY {
            return None;
        }
        self.looked = Instant::now();
        told(self.pace.now().0, wall_ns().ok()?)
    }
}

fn told(market_ns: u64, system_ns: u64) -> Option<String> {
    let apart = market_ns.abs_diff(system_ns);
    let side = if market_ns > system_ns { "ahead of" } else { "behind" };
    (apart > DRIFT_MAX_NS).then(|| {
        format!(
            "the market's clock is {} ms {side} the system's, which was stepped or drifts; the run keeps its own until it \
             is started again",
            apart / NS_PER_MS
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_of_its_own_stands_until_its_moment_and_then_runs() {
        let clock = ClockSettings { base: TsNs(1_000), at: Some(TsNs(500)), speed: 50 };
        for (now, expected) in [(0, 1_000), (500, 1_000), (501, 1_050), (600, 6_000)] {
            assert_eq!(at(&clock, 400, now), TsNs(expected), "{now}");
        }
        // Without a moment: from the start.
        let clock = ClockSettings { at: None, ..clock };
        assert_eq!((at(&clock, 400, 400), at(&clock, 400, 410)), (TsNs(1_000), TsNs(1_500)));
        assert_eq!(at(&ClockSettings { speed: 100_000, ..clock }, 0, u64::MAX), TsNs(u64::MAX));
    }

    #[test]
    fn drift_is_told_of_beyond_a_tenth_of_a_second() {
        assert_eq!(told(5_000_000_000, 5_100_000_000), None);
        assert!(told(5_000_000_000, 5_100_000_001).is_some_and(|text| text.contains("100 ms behind")));
        assert!(told(5_200_000_000, 5_000_000_000).is_some_and(|text| text.contains("200 ms ahead")));
    }

    #[test]
    fn the_time_of_day_is_the_systems() {
        let clock = MarketClock::start(None).expect("a system clock");
        let system = wall_ns().expect("a system clock");
        assert!(clock.pace().now().0.abs_diff(system) < 60_000_000_000);
        assert!(clock.date().expect("a date").year() >= 2024);
    }
}
