//! Amounts, shares and times for people.

use pitlane_config::format_ist;
use pitlane_engine::units::{Money, TsNs};

/// An amount to the paisa with separators: `-1,234,567.89`. Halves are rounded away from zero.
pub(crate) fn amount(amount: Money) -> String {
    let paise = (amount.0.unsigned_abs() + 50) / 100;
    let sign = if amount.0 < 0 && paise > 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", grouped(paise / 100), paise % 100)
}

/// A number with a separator every three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Rupees that are a ratio, to the paisa.
pub(crate) fn ratio_amount(rupees: Option<f64>) -> String {
    rupees.map_or_else(|| "-".to_owned(), |rupees| amount(Money((rupees * 1e4).round() as i64)))
}

/// A share as percent: `-0.12%`.
pub(crate) fn percent(share: f64) -> String {
    let text = format!("{:.2}%", share * 100.0);
    if text == "-0.00%" { "0.00%".to_owned() } else { text }
}

/// The same with a sign in front of gains.
pub(crate) fn signed_percent(share: f64) -> String {
    let text = percent(share);
    if share > 0.0 && text != "0.00%" { format!("+{text}") } else { text }
}

/// A ratio with two decimals.
pub(crate) fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
}

/// A fact with up to four decimals.
pub(crate) fn fact(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// `09:15:01` of an instant.
pub(crate) fn time(ts: TsNs) -> String {
    format_ist(ts).get(11..19).unwrap_or_default().to_owned()
}

/// `2026-07-31 09:15:01` of an instant.
pub(crate) fn date_time(ts: TsNs) -> String {
    format_ist(ts).get(..19).unwrap_or_default().replace('T', " ")
}

/// The Indian date of an instant as yyyymmdd.
pub(crate) fn date_of(ts: TsNs) -> u32 {
    let text = format_ist(ts);
    let digits: String = text.chars().take(10).filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// A duration: `42 s`, `17 min`, `2 h 5 min`, `3 d 4 h`.
pub(crate) fn duration(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// Nanoseconds as milliseconds, without zeros behind them.
pub(crate) fn milliseconds(ns: u64) -> String {
    format!("{} ms", fact(ns as f64 / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_for_people() {
        for (scaled, wanted) in [
            (0, "0.00"),
            (-49, "0.00"),
            (-50, "-0.01"),
            (12_345_678_950, "1,234,567.90"),
            (-9_999_999, "-1,000.00"),
            (i64::MIN, "-922,337,203,685,477.58"),
        ] {
            assert_eq!(amount(Money(scaled)), wanted);
        }
        assert_eq!((percent(-0.000_001), signed_percent(0.0123)), ("0.00%".to_owned(), "+1.23%".to_owned()));
        assert_eq!((duration(119.6), duration(7_300.0)), ("2 min".to_owned(), "2 h 1 min".to_owned()));
        assert_eq!(
            (fact(0.0), fact(-0.00001), fact(12.5)),
            ("0".to_owned(), "0".to_owned(), "12.5".to_owned())
        );
    }
}
