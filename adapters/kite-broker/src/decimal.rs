//! Decimal texts and integers of 1/10,000, exactly.

use pitlane_engine::units::SCALE;

/// Reads `12`, `-0.5`, `100.0500` as 1/10,000. `None` for anything else, for more digits than fit, and for parts of
/// 1/10,000 that are not zero.
pub fn parse(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 14 || !plain(whole) || !plain(fraction) {
        return None;
    }
    let (kept, rest) = fraction.split_at(fraction.len().min(4));
    if rest.bytes().any(|byte| byte != b'0') {
        return None;
    }
    let mut scaled = whole.parse::<i64>().ok()?.checked_mul(SCALE)?;
    if !kept.is_empty() {
        let power = 10_i64.pow(u32::try_from(4 - kept.len()).expect("at most four digits"));
        scaled = scaled.checked_add(kept.parse::<i64>().ok()? * power)?;
    }
    Some(if negative { -scaled } else { scaled })
}

/// Writes 1/10,000 as the shortest decimal: `1573.7`, `0.05`, `12`.
pub fn text(scaled: i64) -> String {
    let sign = if scaled < 0 { "-" } else { "" };
    let (whole, fraction) = (scaled.unsigned_abs() / 10_000, scaled.unsigned_abs() % 10_000);
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    let fraction = format!("{fraction:04}");
    format!("{sign}{whole}.{}", fraction.trim_end_matches('0'))
}

/// `value` ÷ `parts`, rounded half away from zero; zero if there are no parts. The broker's averages, to four decimals.
pub fn ratio(value: i128, parts: i64) -> i64 {
    if parts == 0 {
        return 0;
    }
    let parts = i128::from(parts);
    let (sign, value, parts) = (value.signum() * parts.signum(), value.abs(), parts.abs());
    i64::try_from(sign * ((value + parts / 2) / parts)).expect("an average is among what it averages")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_and_written_exactly() {
        for (text, scaled) in [
            ("0", 0),
            ("12", 120_000),
            ("1573.7", 15_737_000),
            ("1573.70", 15_737_000),
            ("0.05", 500),
            ("-0.5", -5_000),
            ("100.05000", 1_000_500),
            ("99999999999999", 999_999_999_999_990_000),
        ] {
            assert_eq!(parse(text), Some(scaled), "{text}");
            assert_eq!(parse(&super::text(scaled)), Some(scaled));
        }
        for wrong in
            ["", ".", "-", "1.00001", "1e3", "+1", " 1", "1,5", "999999999999999", "0x1", "1.2.3", "NaN"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!([text(15_737_000), text(500), text(-120_000)], ["1573.7", "0.05", "-12"]);
    }

    #[test]
    fn averages_are_rounded_half_away_from_zero() {
        assert_eq!([ratio(10, 4), ratio(9, 4), ratio(-10, 4), ratio(10, -4), ratio(5, 0)], [3, 2, -3, -3, 0]);
    }
}
