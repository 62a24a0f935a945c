//! Indian Standard Time at the edges: a fixed offset of +05:30, no time-zone database.

use crate::error::ConfigError;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use pitlane_engine::units::{IST_OFFSET_NS, TsNs};

/// The instant at which Indian clocks show `date` and `time`. Panics for dates outside 1970 to 2553.
pub fn ist(date: Date, time: Time) -> TsNs {
    let utc =
        Offset::UTC.to_timestamp(date.to_datetime(time)).expect("a civil time that engine time can hold");
    let ns = utc.as_nanosecond() - i128::from(IST_OFFSET_NS);
    TsNs(u64::try_from(ns).expect("a time from 1970 on"))
}

/// RFC 3339 with the Indian offset: `2026-07-31T09:15:00+05:30`, with a fraction of 3, 6 or 9 digits only if there is one.
pub fn format_ist(ts: TsNs) -> String {
    let shifted = i128::from(ts.0) + i128::from(IST_OFFSET_NS);
    let utc = jiff::Timestamp::from_nanosecond(shifted).expect("engine times lie before the year 2600");
    let civil = Offset::UTC.to_datetime(utc);
    let (date, time) = (civil.date(), civil.time());
    let ns = civil.subsec_nanosecond();
    let fraction = match ns {
        0 => String::new(),
        _ if ns % 1_000_000 == 0 => format!(".{:03}", ns / 1_000_000),
        _ if ns % 1_000 == 0 => format!(".{:06}", ns / 1_000),
        _ => format!(".{ns:09}"),
    };
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}+05:30")
}

/// A date as the decimal number yyyymmdd.
pub fn date_number(date: Date) -> u32 {
    let year = u32::try_from(date.year()).expect("a year of our era");
    year * 10_000 + u32::from(date.month().unsigned_abs()) * 100 + u32::from(date.day().unsigned_abs())
}

/// A date written `YYYY-MM-DD`.
///
/// # Errors
/// If it is not written so, does not exist, or lies outside 1970 to 2553.
pub fn parse_date(text: &str) -> Result<Date, ConfigError> {
    let parts: Vec<&str> = text.trim().split('-').collect();
    let date = match parts[..] {
        [year, month, day] if year.len() == 4 && month.len() == 2 && day.len() == 2 => number(year)
            .zip(number(month))
            .zip(number(day))
            .and_then(|((year, month), day)| Date::new(year, month as i8, day as i8).ok()),
        _ => None,
    };
    date.filter(|date| (1970..2554).contains(&date.year())).ok_or_else(|| ConfigError::Parse {
        what: "a date",
        value: text.to_owned(),
        allowed: "a date as YYYY-MM-DD, from 1970 on",
    })
}

/// A time of day written `HH:MM` or `HH:MM:SS`.
///
/// # Errors
/// If it is not written so or does not exist.
pub fn parse_time(text: &str) -> Result<Time, ConfigError> {
    let parts: Vec<&str> = text.trim().split(':').collect();
    let well_formed = matches!(parts.len(), 2 | 3) && parts.iter().all(|part| part.len() == 2);
    let numbers: Option<Vec<i16>> = parts.iter().map(|part| number(part)).collect();
    let time = numbers
        .filter(|_| well_formed)
        .and_then(|n| Time::new(n[0] as i8, n[1] as i8, n.get(2).copied().unwrap_or(0) as i8, 0).ok());
    time.ok_or_else(|| ConfigError::Parse {
        what: "a time of day",
        value: text.to_owned(),
        allowed: "HH:MM or HH:MM:SS, Indian time",
    })
}

/// A time of day as `HH:MM`, or with seconds if it has any.
pub(crate) fn format_time(time: Time) -> String {
    match time.second() {
        0 => format!("{:02}:{:02}", time.hour(), time.minute()),
        second => format!("{:02}:{:02}:{second:02}", time.hour(), time.minute()),
    }
}

/// Seconds after midnight.
pub(crate) fn seconds_of_time(time: Time) -> u32 {
    let part = |value: i8| u32::from(value.unsigned_abs());
    part(time.hour()) * 3_600 + part(time.minute()) * 60 + part(time.second())
}

/// The time of day so many seconds after midnight; whole days are left out.
pub(crate) fn time_of_seconds(seconds: u32) -> Time {
    let part = |value: u32| i8::try_from(value).expect("hours, minutes and seconds are below 60");
    Time::new(part(seconds / 3_600 % 24), part(seconds / 60 % 60), part(seconds % 60), 0)
        .expect("a time of the day")
}

/// A number of digits only, small enough for its field.
fn number(text: &str) -> Option<i16> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};

    #[test]
    fn indian_time_is_five_and_a_half_hours_ahead() {
        let open = ist(date(2026, 7, 31), time(9, 15, 0, 0));
        assert_eq!(open, TsNs(1_785_469_500_000_000_000));
        assert_eq!(format_ist(open), "2026-07-31T09:15:00+05:30");
        assert_eq!(format_ist(open.plus(250_000_000)), "2026-07-31T09:15:00.250+05:30");
        assert_eq!(format_ist(open.plus(1_500)), "2026-07-31T09:15:00.000001500+05:30");
        assert_eq!(format_ist(TsNs(0)), "1970-01-01T05:30:00+05:30");
        assert_eq!(
            format_ist(TsNs(1_625_461_887_000_000_000)),
            "2021-07-05T10:41:27+05:30",
            "the ticker's mock packet"
        );
        assert_eq!(date_number(date(2026, 7, 31)), 20_260_731);
    }

    #[test]
    fn dates_and_times_are_read_strictly() {
        assert_eq!(parse_date("2026-07-31").unwrap(), date(2026, 7, 31));
        for text in ["2026-7-31", "2026-02-30", "31-07-2026", "1969-12-31", "", "2026-07-31x", "+026-07-31"] {
            assert!(parse_date(text).is_err(), "{text}");
        }
        assert_eq!(parse_time("09:15").unwrap(), time(9, 15, 0, 0));
        assert_eq!(parse_time("15:29:59").unwrap(), time(15, 29, 59, 0));
        for text in ["9:15", "24:00", "09:60", "0915", "09:15:00:00", "", "-9:15"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}
