//! One row `timestamp,ltp,volume` or `timestamp,token,ltp` as numbers, exactly.

use crate::kite::divisor;
use jiff::civil::{Date, Weekday};
use pitlane_engine::units::{IST_OFFSET_NS, NS_PER_S, TsNs};

/// Nanoseconds of a day.
const DAY_NS: u64 = 86_400 * NS_PER_S;
/// Decimals of a price that are looked at; further ones are noise by any measure.
const PLACES: usize = 15;
/// One on the scale of those decimals.
const ONE: u128 = 10_u128.pow(PLACES as u32);
/// How far from a whole raw unit a price may be and still be that unit: a thousandth. Binary floats written out
/// (`14513.3500001`) are nearer; a real fraction of a unit is not.
const NOISE: u128 = ONE / 1_000;

/// What a row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The time it names.
    pub(crate) ts: TsNs,
    /// Its price in the packet's unit; zero is readable, and refused elsewhere.
    pub(crate) last: u32,
    /// The day's volume so far; zero where rows have none.
    pub(crate) volume: u32,
}

/// Reads rows; knows the last date, because the next one is nearly always the same.
#[derive(Debug, Default)]
pub(crate) struct RowReader {
    date_text: [u8; 10],
    date: Option<Date>,
    /// Indian midnight of that date.
    midnight: u64,
}

impl RowReader {
    /// The row, or `None` if any part of it cannot be read. Without `needs_volume` the volume may be empty or absent.
    pub(crate) fn row(&mut self, line: &[u8], divisor: u32, needs_volume: bool) -> Option<Row> {
        let mut fields = line.split(|b| *b == b',').map(unquoted);
        let ts = self.time(fields.next()?)?;
        let last = price(fields.next()?, divisor)?;
        let volume = match fields.next() {
            None | Some([]) if !needs_volume => 0,
            None => return None,
            Some(text) => volume(text)?,
        };
        fields.next().is_none().then_some(Row { ts, last, volume })
    }

    /// The token and the row of `timestamp,token,ltp`, or `None` if any part of it cannot be read. The token decides
    /// the unit of the price.
    pub(crate) fn token_row(&mut self, line: &[u8]) -> Option<(u32, Row)> {
        let mut fields = line.split(|b| *b == b',').map(unquoted);
        let ts = self.time(fields.next()?)?;
        let token = u32::try_from(number(fields.next()?)?).ok().filter(|token| *token > 0)?;
        let last = price(fields.next()?, divisor(token))?;
        fields.next().is_none().then_some((token, Row { ts, last, volume: 0 }))
    }

    /// The date of the last row that was read.
    pub(crate) fn date(&self) -> Option<Date> {
        self.date
    }

    /// Whether the date of the last row that was read is a weekday.
    pub(crate) fn is_weekday(&self) -> bool {
        self.date.is_some_and(|date| !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday))
    }

    /// Nanoseconds since Indian midnight of a time on the last date.
    pub(crate) fn since_midnight(&self, ts: TsNs) -> u64 {
        ts.0 - self.midnight
    }

    /// `YYYY-MM-DD HH:MM:SS` with up to nine decimals; a `T` may stand for the space.
    fn time(&mut self, text: &[u8]) -> Option<TsNs> {
        let (date, rest) = text.split_first_chunk::<10>()?;
        let (clock, fraction) = rest.split_first_chunk::<9>()?;
        if self.date.is_none() || *date != self.date_text {
            self.set_date(date)?;
        }
        let [b' ' | b'T', h1, h2, b':', m1, m2, b':', s1, s2] = *clock else { return None };
        let (hour, minute, second) = (number(&[h1, h2])?, number(&[m1, m2])?, number(&[s1, s2])?);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let ns = match fraction {
            [] => 0,
            [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
                number(digits)? * 10_u64.pow(9 - digits.len() as u32)
            }
            _ => return None,
        };
        Some(TsNs(self.midnight + (hour * 3_600 + minute * 60 + second) * NS_PER_S + ns))
    }

    fn set_date(&mut self, text: &[u8; 10]) -> Option<()> {
        let [year @ .., b'-', m1, m2, b'-', d1, d2] = text else { return None };
        let (year, month, day) = (number(year)?, number(&[*m1, *m2])?, number(&[*d1, *d2])?);
        // Engine time is unsigned from 1970 and ends in 2554.
        if !(1971..2554).contains(&year) {
            return None;
        }
        let date = Date::new(year as i16, month as i8, day as i8).ok()?;
        let epoch = jiff::civil::date(1970, 1, 1);
        let days = u64::try_from(date.duration_since(epoch).as_hours() / 24).ok()?;
        (self.date_text, self.date, self.midnight) = (*text, Some(date), days * DAY_NS - IST_OFFSET_NS);
        Some(())
    }
}

/// A field without blanks around it and one pair of quotes.
fn unquoted(field: &[u8]) -> &[u8] {
    let field = field.trim_ascii();
    match field {
        [b'"', inner @ .., b'"'] => inner.trim_ascii(),
        _ => field,
    }
}

/// A number of decimal digits and nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// A price in raw units: the whole unit it is within a thousandth of.
fn price(text: &[u8], divisor: u32) -> Option<u32> {
    let point = text.iter().position(|b| *b == b'.');
    let (whole, fraction) = match point {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &b"0"[..]),
    };
    if fraction.is_empty() || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let kept = &fraction[..fraction.len().min(PLACES)];
    let fraction = u128::from(number(kept)?) * 10_u128.pow((PLACES - kept.len()) as u32);
    let scaled = (u128::from(number(whole)?) * ONE + fraction) * u128::from(divisor);
    let nearest = (scaled + ONE / 2) / ONE;
    if scaled.abs_diff(nearest * ONE) > NOISE { None } else { u32::try_from(nearest).ok() }
}

/// A volume: a whole number, possibly written with a fraction of zeros.
fn volume(text: &[u8]) -> Option<u32> {
    let whole = match text.iter().position(|b| *b == b'.') {
        Some(point) if text[point + 1..].iter().all(|b| *b == b'0') => &text[..point],
        Some(_) => return None,
        None => text,
    };
    u32::try_from(number(whole)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Row> {
        RowReader::default().row(line.as_bytes(), 100, true)
    }

    #[test]
    fn rows_in_every_dress_that_occurs() {
        // 2021-04-15 09:15:01 IST.
        let ts = TsNs(1_618_458_301 * NS_PER_S);
        let plain = Row { ts, last: 193_215, volume: 1_234 };
        assert_eq!(read("2021-04-15 09:15:01,1932.15,1234"), Some(plain));
        assert_eq!(read("2021-04-15T09:15:01, 1932.15 ,1234.0"), Some(plain));
        assert_eq!(read("\"2021-04-15 09:15:01\",\"1932.15\",\"1234\""), Some(plain));
        assert_eq!(read("2021-04-15 09:15:01.250,1932.15,1234").unwrap().ts, ts.plus(250_000_000));
        let index = RowReader::default().row(b"2021-04-15 09:15:01,14513.35,", 100, false);
        assert_eq!(index, Some(Row { ts, last: 1_451_335, volume: 0 }));
        assert_eq!(RowReader::default().row(b"2021-04-15 09:15:01,14513.35", 100, false), index);
    }

    #[test]
    fn prices_are_exact_or_refused() {
        for (text, raw) in [
            ("14513.35", Some(1_451_335)),
            ("14513.3500001", Some(1_451_335)),
            ("14513.349999999999", Some(1_451_335)),
            ("14513.3500000000000000001", Some(1_451_335)),
            ("14513", Some(1_451_300)),
            ("0.01", Some(1)),
            ("0", Some(0)),
            ("14513.355", None),
            ("14513.352", None),
            ("42949672.95", Some(u32::MAX)),
            ("42949672.96", None),
            ("-1", None),
            ("1e3", None),
            ("NaN", None),
            ("", None),
            (".5", None),
            ("5.", None),
            ("1,000", None),
        ] {
            assert_eq!(price(text.as_bytes(), 100), raw, "{text}");
        }
        assert_eq!(price(b"84.2525", 10_000_000), Some(842_525_000));
    }

    #[test]
    fn what_cannot_be_read_is_no_row() {
        for line in [
            "",
            "2021-04-15",
            "2021-04-15 09:15:01",
            "2021-04-15 09:15:01,100",
            "2021-04-15 09:15:01,100,",
            "2021-04-15 09:15:01,100,-1",
            "2021-04-15 09:15:01,100,1.5",
            "2021-04-15 09:15:01,100,4294967296",
            "2021-04-15 09:15:01,100,1,extra",
            "2021-02-30 09:15:01,100,1",
            "2021-04-15 24:15:01,100,1",
            "2021-04-15 09:60:01,100,1",
            "2021-04-15 09:15:60,100,1",
            "2021-04-15 09:15:01.,100,1",
            "2021-04-15 09:15:01.1234567890,100,1",
            "1969-04-15 09:15:01,100,1",
            "15-04-2021 09:15:01,100,1",
            "\u{0}\u{ff}garbage",
        ] {
            assert_eq!(read(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_bad_date_does_not_spoil_the_next_row() {
        let mut reader = RowReader::default();
        let good = reader.row(b"2021-04-15 09:15:01,100,1", 100, true);
        assert_eq!(reader.row(b"2021-99-15 09:15:01,100,1", 100, true), None);
        assert_eq!(reader.row(b"2021-04-15 09:15:01,100,1", 100, true), good);
        assert!(reader.is_weekday());
    }
}
