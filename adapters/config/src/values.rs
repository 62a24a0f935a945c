//! Values with units: the one place where `250us`, `64MiB`, `2%` and `2-5,8` become numbers, and back.

use crate::error::ConfigError;
use pitlane_engine::units::SCALE;

/// Units of time, longest first, with their nanoseconds.
const TIME_UNITS: &[(&str, u64)] = &[
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Units of size, largest first, with their bytes.
const SIZE_UNITS: &[(&str, u64)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Ids of cpus that a Linux kernel can have; more in a list is a slip of the pen.
const CPU_MAX: usize = 8_191;

/// Nanoseconds of a duration such as `250us`, `1ms`, `2s`, `10m`, `1h`; `0` needs no unit.
///
/// # Errors
/// If the text is not a whole number and one of those units, or is beyond 584 years.
pub fn parse_duration_ns(text: &str) -> Result<u64, ConfigError> {
    let allowed = "a whole number with a unit: ns, us, ms, s, m or h, such as 250us";
    with_unit(text, TIME_UNITS).ok_or_else(|| ConfigError::Parse {
        what: "a duration",
        value: text.to_owned(),
        allowed,
    })
}

/// A duration with the largest unit that keeps it whole.
pub fn format_duration_ns(ns: u64) -> String {
    format_unit(ns, TIME_UNITS)
}

/// Bytes of a size such as `64MiB`, `64KiB`, `1GiB`, `512B`.
///
/// # Errors
/// If the text is not a whole number and one of those units.
pub fn parse_bytes(text: &str) -> Result<u64, ConfigError> {
    let allowed = "a whole number with a unit: B, KiB, MiB or GiB, such as 64MiB";
    with_unit(text, SIZE_UNITS).ok_or_else(|| ConfigError::Parse {
        what: "a size",
        value: text.to_owned(),
        allowed,
    })
}

/// A size with the largest unit that keeps it whole.
pub fn format_bytes(bytes: u64) -> String {
    format_unit(bytes, SIZE_UNITS)
}

/// Hundredths of a percent of a share such as `2%`, `0.5%`, `50bps`.
///
/// # Errors
/// If the text has neither unit, is negative, or is finer than 0.01 %.
pub fn parse_bps(text: &str) -> Result<i64, ConfigError> {
    let allowed = "a share such as 2% or 0.5%, in steps of 0.01%, or in basis points such as 50bps";
    let trimmed = text.trim();
    let parsed = if let Some(number) = trimmed.strip_suffix("bps") {
        digits(number.trim_end()).and_then(|n| i64::try_from(n).ok())
    } else {
        let number = trimmed.strip_suffix('%').map(str::trim_end);
        number.and_then(parse_scaled).filter(|n| n % 100 == 0).map(|n| n / 100)
    };
    parsed.filter(|n| *n >= 0).ok_or_else(|| ConfigError::Parse {
        what: "a share",
        value: text.to_owned(),
        allowed,
    })
}

/// A share in percent.
pub fn format_bps(bps: i64) -> String {
    format!("{}%", shortest_decimal(bps * (SCALE / 100)))
}

/// Cpu ids of a Linux cpu list such as `2-5,8`, ascending and without repeats.
///
/// # Errors
/// If the list is empty, a range runs backwards, or an id is not a number up to 8191.
pub fn parse_cpu_list(text: &str) -> Result<Vec<usize>, ConfigError> {
    let allowed = "cpu ids and ranges separated by commas, such as 2-5,8";
    let refuse = || ConfigError::Parse { what: "a cpu list", value: text.to_owned(), allowed };
    let mut cpus = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let first = digits(first.trim()).ok_or_else(refuse)? as usize;
        let last = digits(last.trim()).ok_or_else(refuse)? as usize;
        if first > last || last > CPU_MAX {
            return Err(refuse());
        }
        cpus.extend(first..=last);
    }
    cpus.sort_unstable();
    cpus.dedup();
    Ok(cpus)
}

/// A decimal of at most four places on the 1/10,000 scale; underscores and commas may group its digits.
pub(crate) fn parse_scaled(text: &str) -> Option<i64> {
    let plain: String = text.trim().chars().filter(|c| !matches!(c, '_' | ',')).collect();
    let (sign, unsigned) = plain.strip_prefix('-').map_or((1, plain.as_str()), |rest| (-1, rest));
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    if fraction.len() > 4 {
        return None;
    }
    let whole = i64::try_from(digits(whole)?).ok()?;
    let places = 10_i64.pow(4 - fraction.len() as u32);
    let fraction = i64::try_from(digits(fraction)?).ok()? * places;
    whole.checked_mul(SCALE)?.checked_add(fraction).map(|value| sign * value)
}

/// A number on the 1/10,000 scale with no more decimals than it needs.
pub(crate) fn shortest_decimal(scaled: i64) -> String {
    let sign = if scaled < 0 { "-" } else { "" };
    let (whole, fraction) = (scaled.unsigned_abs() / 10_000, scaled.unsigned_abs() % 10_000);
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{}", format!("{fraction:04}").trim_end_matches('0'))
}

/// A number of decimal digits and nothing else.
fn digits(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    if text == "0" {
        return Some(0);
    }
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let unit = text[end..].trim_start();
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    digits(&text[..end])?.checked_mul(*factor)
}

fn format_unit(value: u64, units: &[(&str, u64)]) -> String {
    let whole = units.iter().find(|(_, factor)| value != 0 && value.is_multiple_of(*factor));
    let (name, factor) = whole.unwrap_or(&units[units.len() - 1]);
    format!("{}{name}", value / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ns) in [
            ("250us", 250_000),
            ("1ms", 1_000_000),
            ("2s", 2_000_000_000),
            ("10m", 600_000_000_000),
            ("1h", 3_600_000_000_000),
            ("7ns", 7),
            ("0", 0),
            (" 5 s ", 5_000_000_000),
        ] {
            assert_eq!(parse_duration_ns(text).unwrap(), ns, "{text}");
            assert_eq!(parse_duration_ns(&format_duration_ns(ns)).unwrap(), ns);
        }
        for text in ["", "5", "1.5s", "-1s", "s", "5 sec", "20000000000h"] {
            let error = parse_duration_ns(text).unwrap_err().to_string();
            assert!(error.contains("such as 250us"), "{error}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [("64MiB", 64 << 20), ("4KiB", 4096), ("1GiB", 1 << 30), ("512B", 512)] {
            assert_eq!(parse_bytes(text).unwrap(), bytes);
            assert_eq!(format_bytes(bytes), text);
        }
        for text in ["64", "64MB", "64mib", "-1B", "MiB"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares() {
        for (text, bps) in
            [("2%", 200), ("0.5%", 50), ("10 %", 1_000), ("0.01%", 1), ("35bps", 35), ("0%", 0)]
        {
            assert_eq!(parse_bps(text).unwrap(), bps);
            assert_eq!(parse_bps(&format_bps(bps)).unwrap(), bps);
        }
        for text in ["2", "0.005%", "-1%", "%", "two%", "1.5bps"] {
            assert!(parse_bps(text).is_err(), "{text}");
        }
        assert_eq!(format_bps(50), "0.5%");
    }

    #[test]
    fn cpu_lists() {
        assert_eq!(parse_cpu_list("2-5,8").unwrap(), [2, 3, 4, 5, 8]);
        assert_eq!(parse_cpu_list("0").unwrap(), [0]);
        assert_eq!(parse_cpu_list(" 3, 1-2,2 ").unwrap(), [1, 2, 3]);
        for text in ["", "a", "5-2", "1,,2", "-1", "1-", "9000", "99999999999999999999"] {
            let error = parse_cpu_list(text).unwrap_err().to_string();
            assert_eq!(
                error,
                format!(
                    "cannot read a cpu list from {text:?}; allowed: cpu ids and ranges separated by commas, such as 2-5,8"
                )
            );
        }
    }

    #[test]
    fn decimals() {
        for (text, scaled) in [
            ("500000", 5_000_000_000),
            ("0.05", 500),
            ("5,00,000.50", 5_000_005_000),
            ("-1.5", -15_000),
            ("1_000", 10_000_000),
        ] {
            assert_eq!(parse_scaled(text), Some(scaled), "{text}");
            assert_eq!(parse_scaled(&shortest_decimal(scaled)), Some(scaled));
        }
        for text in ["", ".", "1.23456", "1e3", "--1", "+1", "99999999999999999999"] {
            assert_eq!(parse_scaled(text), None, "{text}");
        }
    }
}
