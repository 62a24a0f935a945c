//! The broker's texts of times: Indian, without a zone.

use jiff::civil::{Date, DateTime, date};
use pitlane_engine::units::{IST_OFFSET_NS, NS_PER_S, TsNs};

/// Seconds of a day.
pub const DAY_S: u64 = 86_400;

fn civil(ts: TsNs) -> DateTime {
    let seconds = (ts.0.saturating_add(IST_OFFSET_NS)) / NS_PER_S;
    let seconds = i64::try_from(seconds).expect("64 bits of nanoseconds are fewer seconds");
    date(1970, 1, 1).at(0, 0, 0, 0).saturating_add(jiff::SignedDuration::from_secs(seconds))
}

/// `2021-04-15 09:15:00`.
pub fn stamp(ts: TsNs) -> String {
    civil(ts).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `09:15:00`.
pub fn clock(ts: TsNs) -> String {
    civil(ts).strftime("%H:%M:%S").to_string()
}

/// `2021-04-15T09:15:00+0530`, the form of candles.
pub fn candle(ts: TsNs) -> String {
    civil(ts).strftime("%Y-%m-%dT%H:%M:%S+0530").to_string()
}

/// `210415`, the start of an order id.
pub fn six_digits(ts: TsNs) -> String {
    civil(ts).strftime("%y%m%d").to_string()
}

/// The trading date as the decimal number yyyymmdd.
pub fn date_number(ts: TsNs) -> u32 {
    let day = civil(ts).date();
    let number = i32::from(day.year()) * 10_000 + i32::from(day.month()) * 100 + i32::from(day.day());
    u32::try_from(number).expect("a date after 1970")
}

/// Reads `2021-04-15 09:15:00`, `2021-04-15+09:15:00` or a date alone (its midnight); `None` for anything else and for
/// years before 1971.
pub fn parse(text: &str) -> Option<TsNs> {
    let text = text.replace('+', " ");
    let when = match text.len() {
        10 => text.parse::<Date>().ok()?.at(0, 0, 0, 0),
        19 => text.replace(' ', "T").parse::<DateTime>().ok()?,
        _ => return None,
    };
    if !(1971..2200).contains(&when.year()) {
        return None;
    }
    let seconds = (when - date(1970, 1, 1).at(0, 0, 0, 0)).to_duration(date(1970, 1, 1)).ok()?.as_secs();
    Some(TsNs((u64::try_from(seconds).ok()? * NS_PER_S).saturating_sub(IST_OFFSET_NS)))
}

/// The moment `seconds` after midnight, Indian time, of the day `ts` lies in.
pub fn at_second_of_day(ts: TsNs, seconds: u64) -> TsNs {
    TsNs(((ts.ist_day() * DAY_S + seconds) * NS_PER_S).saturating_sub(IST_OFFSET_NS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_indian_and_round_trip() {
        let ts = TsNs(1_786_074_300 * NS_PER_S);
        assert_eq!(stamp(ts), "2026-08-07 09:15:00");
        assert_eq!(clock(ts), "09:15:00");
        assert_eq!(candle(ts), "2026-08-07T09:15:00+0530");
        assert_eq!((six_digits(ts).as_str(), date_number(ts)), ("260807", 20_260_807));
        assert_eq!(parse("2026-08-07 09:15:00"), Some(ts));
        assert_eq!(parse("2026-08-07"), Some(at_second_of_day(ts, 0)));
        for wrong in
            ["", "2026-08-07 25:00:00", "2026-13-07", "1969-01-01", "2026-08-07T", "a026-08-07 09:15:00"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
