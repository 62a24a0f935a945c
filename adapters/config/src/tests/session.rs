//! The hours of a session.

use super::{file, sets};
use crate::Settings;
use jiff::civil::{date, time};
use pitlane_engine::units::NS_PER_S;

#[test]
fn a_session_ends_on_a_whole_second_after_the_grace() {
    let mut settings = Settings::default();
    settings.bars.grace_ns = 1_500_000_000;
    let times = settings.session_times(date(2026, 7, 31), time(9, 15, 0, 0), time(15, 30, 0, 0));
    assert_eq!(times.date, 20_260_731);
    assert_eq!(times.open.0, 1_785_469_500 * NS_PER_S);
    assert_eq!(times.open.since(times.pre_open), 900 * NS_PER_S);
    assert_eq!(times.end.since(times.close), 2 * NS_PER_S);
    assert_eq!(times, settings.fixed_session_times(date(2026, 7, 31)), "the hours where none are given");
}

#[test]
fn given_hours_are_those_of_every_day() {
    let settings = sets(&["session.open=10:00", "session.close=15:40"]).unwrap();
    assert_eq!(settings.fixed_hours(), (time(10, 0, 0, 0), time(15, 40, 0, 0)));
    let times = settings.fixed_session_times(date(2026, 8, 3));
    assert_eq!(times.open.since(times.pre_open), 3_600 * NS_PER_S);
    assert_eq!(times.close.since(times.open), (5 * 60 + 40) * 60 * NS_PER_S);
}

#[test]
fn a_session_that_opens_early_has_its_first_timer_then() {
    let settings = Settings::default();
    let times = settings.session_times(date(2026, 7, 31), time(8, 30, 0, 0), time(12, 0, 0, 0));
    assert_eq!(times.pre_open, times.open);
    let evening = settings.session_times(date(2026, 7, 31), time(18, 0, 0, 0), time(19, 0, 0, 0));
    assert_eq!(evening.open.since(evening.pre_open), 9 * 3_600 * NS_PER_S);
}

#[test]
fn commands_outside_the_hours_of_the_day_are_refused() {
    let with = |at: &str| file(&format!("[[sim.commands]]\nat = \"{at}\"\ndo = \"flatten\"")).unwrap();
    let check = |at| {
        let settings = with(at);
        settings.check_commands(&settings.fixed_session_times(settings.sim.date))
    };
    for inside in ["09:00", "12:00", "15:30"] {
        assert!(check(inside).is_ok(), "{inside}");
    }
    assert_eq!(
        check("15:30:01").unwrap_err().to_string(),
        "[[sim.commands]]: `flatten` at 15:30:01 lies outside the session of 2026-07-31, which lasts from \
         2026-07-31T09:00:00+05:30 to 2026-07-31T15:30:00+05:30; choose a time within it"
    );
}
