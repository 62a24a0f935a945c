//! A history made of a session itself: its minutes on the days before it, at another level each.
//!
//! For `audit`, which asks whether a strategy decides the same after more history, and may have no other day to take it from.
//! The level differs from day to day, because an average over all there is would not notice equal days.

use super::merge;
use super::minutes::Minutes;
use pitlane_engine::config::SessionPlan;
use pitlane_engine::event::{Bar, Event};
use pitlane_engine::units::{InstrumentId, Money, Price, TsNs};

const DAY_NS: u64 = 86_400 * pitlane_engine::units::NS_PER_S;
/// How much a day's level is apart from the session's, per day of distance, in 1/1,000.
const STEP: i64 = 5;

/// The bars of `days` days before the session of `plan`, which had `minutes`.
pub(crate) fn repeated(minutes: &[(InstrumentId, Bar)], plan: &SessionPlan, days: u32) -> Vec<Event> {
    let mut found = Minutes::new(plan.times.date);
    found.begin("the session itself");
    for day in 1..=days {
        let back = |ts: TsNs| TsNs(ts.0 - u64::from(day) * DAY_NS);
        let level = |price: i64| at_level(price, day);
        for (instrument, bar) in minutes {
            let (open, close) = plan.hours_of(*instrument);
            let bar = Bar {
                start: back(bar.start),
                end: back(bar.end),
                open: Price(level(bar.open.0)),
                high: Price(level(bar.high.0)),
                low: Price(level(bar.low.0)),
                close: Price(level(bar.close.0)),
                turnover: Money(level(bar.turnover.0)),
                ..*bar
            };
            found
                .take(*instrument, (back(open), back(close)), &bar)
                .expect("minutes of a session are on its grid, and days before it are before it");
        }
    }
    merge::history(found)
}

/// An amount on a day so far back: odd days lower, even ones higher, the more so the farther.
fn at_level(amount: i64, day: u32) -> i64 {
    let apart = STEP * i64::from(day % 100);
    let share = 1_000 + if day.is_multiple_of(2) { apart } else { -apart };
    (i128::from(amount) * i128::from(share) / 1_000) as i64
}
