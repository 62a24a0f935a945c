//! Fields of a candle as numbers, exactly.

use jiff::civil::Date;
use pitlane_engine::units::{IST_OFFSET_NS, NS_PER_S, Price, SCALE, TsNs};

/// Largest volume of a minute. A day of them stays within 64 bits, and no market trades so much.
pub(super) const VOLUME_MAX: u64 = 1_000_000_000_000_000;
/// Nanoseconds of a day.
const DAY_NS: i128 = 86_400 * NS_PER_S as i128;
/// Decimals of a price that are looked at; further ones are noise by any measure.
const PLACES: usize = 15;
/// One on the scale of those decimals.
const ONE: u128 = 10_u128.pow(PLACES as u32);
/// How far from a whole unit of the price scale a price may be and still be that unit: a thousandth, as for ticks.
const NOISE: u128 = ONE / 1_000;

/// A field without blanks around it and one pair of quotes.
pub(super) fn unquoted(field: &[u8]) -> &[u8] {
    let field = field.trim_ascii();
    match field {
        [b'"', inner @ .., b'"'] => inner.trim_ascii(),
        _ => field,
    }
}

/// A number of at most 18 decimal digits and nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// A whole number, possibly written with a fraction of zeros.
pub(super) fn count(text: &[u8]) -> Option<u64> {
    match text.iter().position(|byte| *byte == b'.') {
        Some(point) if text[point + 1..].iter().all(|byte| *byte == b'0') => number(&text[..point]),
        Some(_) => None,
        None => number(text),
    }
}

/// A price on the engine's scale: the unit it is within a thousandth of. The sign is read, to be refused by name.
pub(super) fn price(text: &[u8]) -> Option<Price> {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        _ => (1, text),
    };
    let (whole, fraction) = match digits.iter().position(|byte| *byte == b'.') {
        Some(point) => (&digits[..point], &digits[point + 1..]),
        None => (digits, &b"0"[..]),
    };
    if fraction.is_empty() || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let kept = &fraction[..fraction.len().min(PLACES)];
    let fraction = u128::from(number(kept)?) * 10_u128.pow((PLACES - kept.len()) as u32);
    let scaled = (u128::from(number(whole)?) * ONE + fraction) * SCALE.unsigned_abs() as u128;
    let nearest = (scaled + ONE / 2) / ONE;
    if scaled.abs_diff(nearest * ONE) > NOISE {
        return None;
    }
    i64::try_from(nearest).ok().map(|units| Price(sign * units))
}

/// `YYYY-MM-DD HH:MM[:SS[.fraction of zeros]][offset]`; a `T` may stand for the blank. Indian without an offset.
pub(super) fn time(text: &[u8]) -> Option<TsNs> {
    let (date, rest) = text.split_first_chunk::<10>()?;
    let [y @ .., b'-', m1, m2, b'-', d1, d2] = date else { return None };
    let days = days(y, &[*m1, *m2], &[*d1, *d2])?;
    let ([b' ' | b'T', clock @ ..], rest) = rest.split_first_chunk::<6>()? else { return None };
    let mut seconds = clock_seconds(clock)?;
    let mut rest = rest;
    if let [b':', s1, s2, after @ ..] = rest {
        seconds += number(&[*s1, *s2]).filter(|second| *second < 60)?;
        rest = after;
    }
    if let [b'.', after @ ..] = rest {
        let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || after[..digits].iter().any(|byte| *byte != b'0') {
            return None;
        }
        rest = &after[digits..];
    }
    instant(days, seconds, offset_ns(rest.trim_ascii_start())?)
}

/// `YYYYMMDD` and `HH:MM`, Indian.
pub(super) fn compact_time(date: &[u8], clock: &[u8]) -> Option<TsNs> {
    let [y @ .., m1, m2, d1, d2] = date.first_chunk::<8>().filter(|_| date.len() == 8)?;
    let seconds = clock_seconds(clock.first_chunk::<5>().filter(|_| clock.len() == 5)?)?;
    instant(days(y, &[*m1, *m2], &[*d1, *d2])?, seconds, IST_OFFSET_NS.into())
}

/// Days since the epoch.
fn days(year: &[u8], month: &[u8], day: &[u8]) -> Option<i128> {
    let (year, month, day) = (number(year)?, number(month)?, number(day)?);
    // Engine time is unsigned from 1970 and ends in 2554.
    if !(1971..2554).contains(&year) {
        return None;
    }
    let date = Date::new(year as i16, month as i8, day as i8).ok()?;
    let epoch = jiff::civil::date(1970, 1, 1);
    Some(i128::from(date.duration_since(epoch).as_hours() / 24))
}

/// Seconds of `HH:MM`.
fn clock_seconds(clock: &[u8; 5]) -> Option<u64> {
    let [h1, h2, b':', m1, m2] = *clock else { return None };
    let (hour, minute) = (number(&[h1, h2])?, number(&[m1, m2])?);
    (hour < 24 && minute < 60).then_some(hour * 3_600 + minute * 60)
}

/// Nanoseconds by which local time is ahead of UTC.
fn offset_ns(text: &[u8]) -> Option<i128> {
    let (sign, hours, minutes) = match *text {
        [] => return Some(IST_OFFSET_NS.into()),
        [b'Z' | b'z'] => return Some(0),
        [sign, h1, h2, b':', m1, m2] | [sign, h1, h2, m1, m2] => {
            (sign, number(&[h1, h2])?, number(&[m1, m2])?)
        }
        _ => return None,
    };
    let seconds = i128::from(hours * 3_600 + minutes * 60);
    let ns = seconds * i128::from(NS_PER_S);
    match sign {
        _ if hours > 14 || minutes > 59 => None,
        b'+' => Some(ns),
        b'-' => Some(-ns),
        _ => None,
    }
}

fn instant(days: i128, seconds: u64, offset_ns: i128) -> Option<TsNs> {
    let ns = days * DAY_NS + i128::from(seconds) * i128::from(NS_PER_S) - offset_ns;
    u64::try_from(ns).ok().map(TsNs)
}
