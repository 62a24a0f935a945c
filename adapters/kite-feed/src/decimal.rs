//! Decimal numbers as the broker's JSON has them, exactly: no floating point decides about money.

use std::fmt;

/// Digits a mantissa may have: any such number fits an `i64`.
const DIGITS_MAX: usize = 18;

/// `digits ÷ 10^places`, as written: `470.50` keeps its two places, which say how far it was rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// All digits as one number.
    pub digits: i64,
    /// How many of them stand behind the point, 0 to 18.
    pub places: u8,
}

impl Decimal {
    /// Reads a number of JSON's grammar, exponents included; `None` for anything else and for what 18 digits or 18
    /// places cannot hold.
    pub fn parse(text: &str) -> Option<Self> {
        if !is_number(text) {
            return None;
        }
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (number, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        // Five digits of exponent are beyond any number that could fit; `+` is read by `parse`.
        let exponent: i64 = (exponent.len() <= 5).then(|| exponent.parse().ok())??;
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let mut digits = 0_i64;
        let mut count = 0;
        for byte in whole.bytes().chain(part.bytes()) {
            count += usize::from(count > 0 || byte != b'0');
            if count > DIGITS_MAX {
                return None;
            }
            digits = digits * 10 + i64::from(byte - b'0');
        }
        let mut places = i64::try_from(part.len()).ok()? - exponent;
        while places < 0 && digits != 0 {
            digits = digits.checked_mul(10).filter(|digits| *digits < 10_i64.pow(18))?;
            places += 1;
        }
        let places = u8::try_from(places.max(0)).ok().filter(|places| *places <= 18)?;
        Some(Self { digits: if negative { -digits } else { digits }, places })
    }

    /// The value in 1/10,000; `None` if that is not exact or does not fit.
    pub fn scaled(self) -> Option<i64> {
        let value = i128::from(self.digits) * 10_000;
        let unit = 10_i128.pow(u32::from(self.places));
        if value % unit == 0 { i64::try_from(value / unit).ok() } else { None }
    }

    /// The value as a whole number; `None` if it has a fraction.
    pub fn whole(self) -> Option<i64> {
        let unit = 10_i64.pow(u32::from(self.places));
        (self.digits % unit == 0).then(|| self.digits / unit)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10_u64.pow(u32::from(self.places));
        let (sign, value) = (if self.digits < 0 { "-" } else { "" }, self.digits.unsigned_abs());
        match usize::from(self.places) {
            0 => write!(f, "{sign}{value}"),
            places => write!(f, "{sign}{}.{:0places$}", value / unit, value % unit),
        }
    }
}

/// Whether `text` is a number of JSON's grammar, whatever its size.
pub(crate) fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let rest = text.strip_prefix('-').unwrap_or(text);
    let (number, exponent) = match rest.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (rest, None),
    };
    let (whole, part) = match number.split_once('.') {
        Some((whole, part)) => (whole, Some(part)),
        None => (number, None),
    };
    digits(whole)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && part.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_written_or_not_at_all() {
        for (text, digits, places, scaled, whole) in [
            ("0", 0, 0, Some(0), Some(0)),
            ("470", 470, 0, Some(4_700_000), Some(470)),
            ("470.50", 47_050, 2, Some(4_705_000), None),
            ("-0.0001", -1, 4, Some(-1), None),
            ("1572.33333", 157_233_333, 5, None, None),
            ("470.0000000000", 4_700_000_000_000, 10, Some(4_700_000), Some(470)),
            ("1e3", 1_000, 0, Some(10_000_000), Some(1_000)),
            ("1.5E-3", 15, 4, Some(15), None),
            ("2.50e+1", 250, 1, Some(250_000), Some(25)),
            ("0e9999", 0, 0, Some(0), Some(0)),
            ("999999999999999999", 999_999_999_999_999_999, 0, None, Some(999_999_999_999_999_999)),
        ] {
            let value = Decimal::parse(text).unwrap();
            assert_eq!((value.digits, value.places), (digits, places), "{text}");
            assert_eq!((value.scaled(), value.whole()), (scaled, whole), "{text}");
        }
        for text in [
            "",
            "-",
            "+1",
            ".5",
            "5.",
            "01",
            "1.e3",
            "1e",
            "1e+",
            "0x1",
            "1_0",
            "1 ",
            " 1",
            "NaN",
            "1e99999",
            "1e18",
            "1234567890123456789",
            "1e-19",
            "--1",
            "1.2.3",
            "1e1e1",
            "١",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_shown_reads_back_the_same() {
        for text in ["0", "-0.05", "470.50", "123456.000001", "0.000000000000000001"] {
            let value = Decimal::parse(text).unwrap();
            assert_eq!(value.to_string(), text);
            assert_eq!(Decimal::parse(&value.to_string()), Some(value));
        }
    }
}
