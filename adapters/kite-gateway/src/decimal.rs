//! Decimal numbers as they stand in a JSON text, exactly: no float is between the broker's digits and our money.

use pitlane_engine::units::SCALE;

/// Digits a number may have: more than any price, quantity or value needs, few enough that arithmetic on it fits.
const DIGITS_MAX: u32 = 24;

/// The number `mantissa ÷ 10^places`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decimal {
    /// The digits, with the sign.
    pub mantissa: i128,
    /// Digits behind the point, 0 to 24. Zeros at the end are dropped.
    pub places: u32,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self { mantissa: 0, places: 0 };

    /// The number `scaled ÷ 10,000`.
    pub fn from_scaled(scaled: i64) -> Self {
        Self { mantissa: i128::from(scaled), places: 4 }.trimmed()
    }

    /// Reads a JSON number, also one in quotes; `None` for anything else and for more than 24 digits on either side.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(part) || (digits.ends_with('.')) {
            return None;
        }
        let mut mantissa = 0i128;
        for digit in whole.bytes().chain(part.bytes()) {
            mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
            if mantissa >= 10i128.pow(DIGITS_MAX) {
                return None;
            }
        }
        let places = i32::try_from(part.len()).ok()?.checked_sub(exponent)?;
        let number = if places < 0 {
            let more = places.unsigned_abs();
            let fits = more <= DIGITS_MAX || mantissa == 0;
            let mantissa = if mantissa == 0 { 0 } else { mantissa.checked_mul(10i128.checked_pow(more)?)? };
            (fits && mantissa < 10i128.pow(DIGITS_MAX)).then_some(Self { mantissa, places: 0 })?
        } else {
            Self { mantissa, places: places.unsigned_abs() }.trimmed()
        };
        (number.places <= DIGITS_MAX)
            .then_some(Self { mantissa: if negative { -number.mantissa } else { number.mantissa }, ..number })
    }

    fn trimmed(mut self) -> Self {
        while self.places > 0 && self.mantissa % 10 == 0 {
            (self.mantissa, self.places) = (self.mantissa / 10, self.places - 1);
        }
        self
    }

    /// The number as a whole one; `None` if it is none, or beyond ± 2^53: a quantity.
    pub fn whole(self) -> Option<i64> {
        let fits = self.places == 0 && self.mantissa.abs() <= 1 << 53;
        fits.then(|| i64::try_from(self.mantissa).expect("below 2^53"))
    }

    /// The number in 1/10,000; `None` if that is not exact or does not fit: a price.
    pub fn scaled(self) -> Option<i64> {
        if self.places > 4 {
            return None;
        }
        i64::try_from(self.mantissa.checked_mul(10i128.pow(4 - self.places))?).ok()
    }
}

/// The value that `quantity` units have if their average price is shown as `average`, in 1/10,000, where every price is
/// a multiple of `tick`. `None` unless it is proved.
///
/// A sum of prices is a multiple of the tick. The average shown is off by at most one unit of its last place, and of
/// the second place at least, because a JSON number drops the zeros it ends with. If only one multiple of the tick lies
/// that near, it is the value.
pub fn proved_value(average: Decimal, quantity: i64, tick: i64) -> Option<i64> {
    assert!(tick > 0, "a tick is positive");
    if quantity == 0 {
        return Some(0);
    }
    if quantity < 0 || average.mantissa <= 0 {
        return None;
    }
    // In units of 10^-places of 1/10,000: floats printed by the broker have noise beyond the eighth place.
    let places = average.places.clamp(2, 24);
    let error_places = places.min(8);
    let unit = 10i128.pow(places);
    let shown = average.mantissa.checked_mul(10i128.pow(places.checked_sub(average.places)?))?;
    let middle = shown.checked_mul(i128::from(quantity))?.checked_mul(i128::from(SCALE))?;
    let error = i128::from(quantity)
        .checked_mul(i128::from(SCALE))?
        .checked_mul(10i128.pow(places - error_places))?;
    let step = i128::from(tick).checked_mul(unit)?;
    let (low, high) = (middle.checked_sub(error)?, middle.checked_add(error)?);
    let first = low.div_euclid(step) + i128::from(low.rem_euclid(step) != 0);
    let last = high.div_euclid(step);
    (first == last && first > 0).then(|| i64::try_from(first.checked_mul(i128::from(tick))?).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_average_is_too_large_to_be_looked_at() {
        for mantissa in [1, 1 << 62, 1 << 90, 1 << 100, 1 << 113, 1 << 120, i128::MAX] {
            for places in [0, 2, 8, 24, 25, 40] {
                for quantity in [1, 1 << 20, 1 << 53, i64::MAX] {
                    let average = Decimal { mantissa, places };
                    let _ = proved_value(average, quantity, 5);
                }
            }
        }
        // 170141183460469231731687303715884105727 is the largest middle there is; with its error it is beyond.
        assert_eq!(proved_value(Decimal { mantissa: i128::MAX / 10_000, places: 24 }, 1, 5), None);
    }

    #[test]
    fn numbers_are_read_as_they_stand() {
        for (text, mantissa, places) in [
            ("0", 0, 0),
            ("72.755", 72_755, 3),
            ("109.40", 1_094, 1),
            ("-161050", -161_050, 0),
            ("1.5e3", 1_500, 0),
            ("15E-1", 15, 1),
            ("\"12.5\"", 125, 1),
            ("1573.6999999999998", 15_736_999_999_999_998, 13),
        ] {
            assert_eq!(Decimal::parse(text), Some(Decimal { mantissa, places }), "{text}");
        }
        for text in [
            "",
            "-",
            ".5",
            "5.",
            "1e",
            "1e99",
            "1e-99",
            "nan",
            "0x10",
            "1 2",
            "null",
            "--1",
            "\"",
            "1e999999999999",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        assert_eq!(Decimal::parse(&"9".repeat(25)), None);
        assert_eq!(Decimal::parse("1.0").and_then(Decimal::whole), Some(1));
        assert_eq!(Decimal::parse("1.5").and_then(Decimal::whole), None);
        assert_eq!(Decimal::parse("420.65").and_then(Decimal::scaled), Some(4_206_500));
        assert_eq!(Decimal::parse("420.65001").and_then(Decimal::scaled), None);
    }

    #[test]
    fn a_value_is_proved_only_if_no_other_is_near() {
        let average = |text| Decimal::parse(text).unwrap();
        // One unit: the price itself. A hundred: the second place says nothing about 0.05 in a hundred times 0.01.
        assert_eq!(proved_value(average("1573.7"), 1, 500), Some(15_737_000));
        assert_eq!(proved_value(average("1573.7"), 100, 500), None);
        assert_eq!(proved_value(average("1573.7083333333"), 12, 500), Some(188_845_000));
        assert_eq!(proved_value(average("1573.6999999999998"), 100, 500), Some(1_573_700_000));
        assert_eq!(proved_value(average("1573.72"), 1, 500), None, "no price of that tick is near");
        assert_eq!(proved_value(average("0"), 5, 500), None);
        assert_eq!(proved_value(average("0"), 0, 500), Some(0));
    }

    #[test]
    fn what_is_proved_is_true() {
        // Every average of up to seven prices, rounded to any number of places: either the sum, or no answer.
        let mut seed = 7u64;
        let mut next = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let mut proved = 0;
        for _ in 0..20_000 {
            let tick = [500i64, 1_000, 100, 25][next(4) as usize];
            let quantity = 1 + next(50) as i64;
            let sum: i64 = (0..quantity).map(|_| (20_000 + next(40) as i64) * tick).sum();
            let places = 2 + next(8) as u32;
            let scale = 10i128.pow(places);
            let exact = i128::from(sum) * scale;
            let divisor = i128::from(quantity) * i128::from(SCALE);
            let mantissa = (exact + divisor / 2) / divisor;
            let shown = Decimal { mantissa, places }.trimmed();
            if let Some(value) = proved_value(shown, quantity, tick) {
                assert_eq!(value, sum, "{shown:?} x {quantity}, tick {tick}");
                proved += 1;
            }
        }
        assert!(proved > 5_000, "{proved}");
    }
}
