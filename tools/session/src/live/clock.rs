//! The market's clock: the time of day, or a time of its own for a broker on this machine.

use anyhow::Context;
use jiff::civil::Date;
use jiff::tz::Offset;
use pitlane_config::ClockSettings;
use pitlane_engine::drive::clock::Pace;
use pitlane_engine::units::{IST_OFFSET_NS, NS_PER_MS, TsNs};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the market's clock is held against the system's and the exchange's ...
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// ... how often it is said again ...
const SAY_EVERY: Duration = Duration::from_secs(60);
/// ... how far it may be from the system's without a word ...
const DRIFT_MAX_NS: u64 = 100 * NS_PER_MS;
/// ... and how far before nothing is opened by it any more.
const WRONG_NS: u64 = 1_000 * NS_PER_MS;

/// What there is to be said of a clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It is not exact.
    Drifts(String),
    /// It is so wrong that no entry may be judged by it.
    Wrong(String),
}

/// The market's time, from its start on by a clock that never goes back.
pub struct MarketClock {
    pace: Pace,
    /// Whether it is the time of day.
    of_day: bool,
    looked: Instant,
    said: Option<Instant>,
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
        let elapsed_ns = move || u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let pace = match settings {
            // The system's own monotonic clock runs at the rate that time servers hold it to; a cycle counter, measured at
            // the start, would be a second away by the afternoon.
            None => Pace::given(Arc::new(move || TsNs(started_ns.saturating_add(elapsed_ns())))),
            Some(&clock) => {
                Pace::given(Arc::new(move || at(&clock, started_ns, started_ns.saturating_add(elapsed_ns()))))
            }
        };
        Ok(Self { pace, of_day: settings.is_none(), looked: started, said: None })
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

    /// About once a second: whether the system's clock was stepped, or runs away from the market's, or the exchange's times
    /// are `lead` seconds ahead of it. Each doubt is told of once a minute, one that grew to be wrong at once.
    pub(super) fn doubt(&mut self, lead: i64) -> Option<Doubt> {
        // A clock of its own is nobody else's.
        if !self.of_day || self.looked.elapsed() < LOOK_EVERY {
            return None;
        }
        self.looked = Instant::now();
        let doubt = doubt(self.pace.now().0, wall_ns().ok()?, lead)?;
        let again = self.said.is_none_or(|said| said.elapsed() >= SAY_EVERY);
        if again || matches!(doubt, Doubt::Wrong(_)) {
            self.said = Some(Instant::now());
            return Some(doubt);
        }
        None
    }
}

fn doubt(market_ns: u64, system_ns: u64, lead: i64) -> Option<Doubt> {
    if lead != 0 {
        let side = if lead > 0 { "behind" } else { "ahead of" };
        return Some(Doubt::Wrong(format!(
            "the market's clock is {} s {side} the exchange's times; set the system's clock and start again",
            lead.unsigned_abs()
        )));
    }
    let apart = market_ns.abs_diff(system_ns);
    let side = if market_ns > system_ns { "ahead of" } else { "behind" };
    let text = format!(
        "the market's clock is {} ms {side} the system's, which was stepped or drifts, or the machine slept; the run keeps \
         its own until it is started again",
        apart / NS_PER_MS
    );
    if apart > WRONG_NS {
        Some(Doubt::Wrong(text))
    } else {
        (apart > DRIFT_MAX_NS).then_some(Doubt::Drifts(text))
    }
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
    fn drift_is_told_of_beyond_a_tenth_of_a_second_and_wrong_beyond_a_second() {
        assert_eq!(doubt(5_000_000_000, 5_100_000_000, 0), None);
        let drifts = |market, system, expected: &str| match doubt(market, system, 0) {
            Some(Doubt::Drifts(text)) => assert!(text.contains(expected), "{text}"),
            other => panic!("{other:?}"),
        };
        drifts(5_000_000_000, 5_100_000_001, "100 ms behind");
        drifts(6_000_000_000, 5_000_000_000, "1000 ms ahead");
        let wrong = |market, system, lead, expected: &str| match doubt(market, system, lead) {
            Some(Doubt::Wrong(text)) => assert!(text.contains(expected), "{text}"),
            other => panic!("{other:?}"),
        };
        // The machine slept for ten minutes.
        wrong(5_000_000_000, 605_000_000_000, 0, "600000 ms behind");
        wrong(6_000_000_001, 5_000_000_000, 0, "1000 ms ahead");
        // Both clocks agree, and the exchange with neither.
        wrong(5_000_000_000, 5_000_000_000, 3, "3 s behind the exchange");
        wrong(5_000_000_000, 5_000_000_000, -61, "61 s ahead of the exchange");
    }

    #[test]
    fn a_clock_of_its_own_is_never_doubted() {
        let settings = ClockSettings { base: TsNs(1_000), at: None, speed: 50 };
        let mut clock = MarketClock::start(Some(&settings)).expect("a system clock");
        clock.looked -= LOOK_EVERY;
        assert_eq!(clock.doubt(500), None);
        let mut of_day = MarketClock::start(None).expect("a system clock");
        of_day.looked -= LOOK_EVERY;
        assert!(matches!(of_day.doubt(500), Some(Doubt::Wrong(_))));
        assert_eq!(of_day.doubt(500), None, "it was looked at just now");
    }

    #[test]
    fn the_time_of_day_is_the_systems() {
        let clock = MarketClock::start(None).expect("a system clock");
        let system = wall_ns().expect("a system clock");
        assert!(clock.pace().now().0.abs_diff(system) < 60_000_000_000);
        assert!(clock.date().expect("a date").year() >= 2024);
    }
}
