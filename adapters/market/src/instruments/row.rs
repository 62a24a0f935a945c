//! From a row's fields to an entry, or to the reason why there is none.

use super::{Entry, OptionRight, indices};
use jiff::civil::Date;
use pitlane_engine::config::{InstrumentClass, InstrumentSpec};
use pitlane_engine::units::{Price, Qty, SCALE};

/// Longest symbol that the instrument event holds, in bytes.
const SYMBOL_BYTES_MAX: usize = 40;
/// Largest lot and tick: those that a configuration may have.
const LOT_MAX: i64 = 1_000_000_000;
const TICK_MAX: i64 = 1_000_000 * SCALE;
/// How much of a bad value a fault keeps, in characters.
const VALUE_SHOWN_MAX: usize = 40;
/// Segment byte of index tokens.
const SEGMENT_INDEX: u32 = 9;
/// Segment byte of an exchange's tokens. It decides how the ticker's prices are scaled.
const SEGMENTS: &[(&str, u32)] =
    &[("NSE", 1), ("NFO", 2), ("CDS", 3), ("BSE", 4), ("BFO", 5), ("BCD", 6), ("MCX", 7)];
/// Length of a contract's date in its symbol: `26AUG`, or year, month and day as in `26804` and `25O14`.
const CONTRACT_DATE_LEN: usize = 5;

/// Which columns a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Broker,
    Short,
}

/// Why a row could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// It has too many or too few fields, as a row cut short or with an open quote has.
    #[error("{found} fields instead of {expected}")]
    Fields {
        /// How many there are.
        found: usize,
        /// How many the header has.
        expected: usize,
    },
    /// It is not UTF-8 text.
    #[error("not UTF-8 text")]
    NotText,
    /// A field is not what it should be.
    #[error("{field} `{value}` is not {expected}")]
    Field {
        /// The column.
        field: &'static str,
        /// Its value, cut to 40 characters.
        value: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// The token's low byte is not that of the exchange, so its prices would be scaled wrongly.
    #[error("token {token} is of segment {}, which is not that of {exchange}", token & 0xff)]
    Segment {
        /// The token.
        token: u32,
        /// The exchange.
        exchange: String,
    },
    /// A symbol or token that an earlier row has.
    #[error("{what} {value} is that of line {first} already")]
    Duplicate {
        /// `symbol` or `token`.
        what: &'static str,
        /// The value.
        value: String,
        /// The earlier row's line.
        first: u64,
    },
}

fn fault(field: &'static str, value: &str, expected: &'static str) -> RowFault {
    RowFault::Field { field, value: value.chars().take(VALUE_SHOWN_MAX).collect(), expected }
}

/// The fields of either layout.
#[derive(Clone, Copy)]
struct Fields<'a> {
    token: &'a str,
    symbol: &'a str,
    name: &'a str,
    expiry: &'a str,
    strike: &'a str,
    tick: &'a str,
    lot: &'a str,
    kind: &'a str,
    segment: &'a str,
    exchange: &'a str,
}

impl<'a> Fields<'a> {
    fn of(fields: &[&'a str], layout: Layout) -> Result<Self, RowFault> {
        let trimmed: Vec<&str> = fields.iter().map(|field| field.trim()).collect();
        match (layout, trimmed.as_slice()) {
            (
                Layout::Broker,
                &[token, _, symbol, name, _, expiry, strike, tick, lot, kind, segment, exchange],
            ) => Ok(Self { token, symbol, name, expiry, strike, tick, lot, kind, segment, exchange }),
            // The short layout has no tick: 0.05 is that of index options and of most stock options.
            (Layout::Short, &[symbol, token, strike, expiry, kind, lot]) => {
                let (exchange, segment) = short_exchange(token)?;
                Ok(Self {
                    token,
                    symbol,
                    name: "",
                    expiry,
                    strike,
                    tick: "0.05",
                    lot,
                    kind,
                    segment,
                    exchange,
                })
            }
            (Layout::Broker, _) => Err(RowFault::Fields { found: fields.len(), expected: 12 }),
            (Layout::Short, _) => Err(RowFault::Fields { found: fields.len(), expected: 6 }),
        }
    }
}

/// Exchange and segment of a short row, which only its token tells. An index must be a built-in one: both NSE
/// and BSE have indices.
fn short_exchange(token: &str) -> Result<(&'static str, &'static str), RowFault> {
    let number = token_number(token)?;
    match number & 0xff {
        1 => Ok(("NSE", "NSE")),
        2 => Ok(("NFO", "NFO-OPT")),
        4 => Ok(("BSE", "BSE")),
        5 => Ok(("BFO", "BFO-OPT")),
        SEGMENT_INDEX => match indices::by_token(number) {
            Some(index) => Ok((if index.exchange() == "BSE" { "BSE" } else { "NSE" }, "INDICES")),
            None => Err(fault("token", token, "that of a built-in index")),
        },
        _ => Err(fault("token", token, "a token of NSE, BSE, NFO or BFO")),
    }
}

/// Reads one row.
pub(super) fn entry(fields: &[&str], layout: Layout, line: u64) -> Result<Entry, RowFault> {
    let fields = Fields::of(fields, layout)?;
    let token = token_number(fields.token)?;
    let symbol = symbol(&fields)?;
    let (class, right) = class(&fields, token)?;
    let is_derivative = matches!(class, InstrumentClass::Future | InstrumentClass::Option);
    let (lot, tick) = match class {
        // Indices come with zero, or nothing, for both.
        InstrumentClass::Index => (Qty(1), indices::INDEX_TICK),
        _ => (lot(fields.lot)?, tick(fields.tick)?),
    };
    let expiry = match is_derivative {
        true => Some(expiry(fields.expiry)?),
        false => None,
    };
    let strike = match class {
        InstrumentClass::Option => Some(strike(fields.strike)?),
        _ => None,
    };
    let tradable = match class {
        InstrumentClass::Equity => matches!(fields.exchange, "NSE" | "BSE"),
        InstrumentClass::Index => false,
        InstrumentClass::Future | InstrumentClass::Option => matches!(fields.exchange, "NFO" | "BFO"),
    };
    let underlying = match class {
        InstrumentClass::Equity => Some(fields.symbol.to_owned()),
        InstrumentClass::Index => indices::by_token(token).and_then(|index| index.underlying),
        _ if !fields.name.is_empty() => Some(fields.name.to_owned()),
        _ => underlying_of(&fields).map(str::to_owned),
    };
    Ok(Entry {
        spec: InstrumentSpec {
            symbol,
            token,
            class,
            tradable,
            lot,
            tick,
            multiplier: 1,
            freeze: Qty::ZERO,
            derivatives: false,
        },
        name: fields.name.to_owned(),
        underlying,
        expiry,
        strike,
        right,
        segment: fields.segment.to_owned(),
        line,
    })
}

fn symbol(fields: &Fields<'_>) -> Result<String, RowFault> {
    let Fields { exchange, symbol, .. } = *fields;
    if exchange.is_empty() || !exchange.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(fault("exchange", exchange, "a name in capital letters"));
    }
    let full = format!("{exchange}:{symbol}");
    if symbol.is_empty() || symbol.contains(char::is_control) || full.len() > SYMBOL_BYTES_MAX {
        return Err(fault("tradingsymbol", symbol, "a name that makes at most 40 bytes with its exchange"));
    }
    Ok(full)
}

fn class(fields: &Fields<'_>, token: u32) -> Result<(InstrumentClass, Option<OptionRight>), RowFault> {
    let segment = token & 0xff;
    let is_index = fields.segment == "INDICES";
    let expected = SEGMENTS.iter().find(|(exchange, _)| *exchange == fields.exchange);
    let matches = match expected {
        _ if is_index => segment == SEGMENT_INDEX,
        Some((_, expected)) => segment == *expected,
        None => segment != SEGMENT_INDEX,
    };
    if !matches {
        return Err(RowFault::Segment { token, exchange: fields.exchange.to_owned() });
    }
    match fields.kind {
        "EQ" if is_index => Ok((InstrumentClass::Index, None)),
        "EQ" => Ok((InstrumentClass::Equity, None)),
        "FUT" if !is_index => Ok((InstrumentClass::Future, None)),
        "CE" if !is_index => Ok((InstrumentClass::Option, Some(OptionRight::Call))),
        "PE" if !is_index => Ok((InstrumentClass::Option, Some(OptionRight::Put))),
        kind => Err(fault("instrument_type", kind, "EQ (the only type of an index), FUT, CE or PE")),
    }
}

/// What a contract is on, read off a symbol such as `NIFTY25O1422850CE`: without its type, its strike, and
/// the five characters of its date.
fn underlying_of<'a>(fields: &Fields<'a>) -> Option<&'a str> {
    let mut rest = fields.symbol.strip_suffix(fields.kind)?;
    if fields.kind != "FUT" {
        let strike = fields.strike;
        let shortest = match strike.contains('.') {
            true => strike.trim_end_matches('0').trim_end_matches('.'),
            false => strike,
        };
        rest = rest.strip_suffix(strike).or_else(|| rest.strip_suffix(shortest))?;
    }
    let (name, date) = rest.split_at_checked(rest.len().checked_sub(CONTRACT_DATE_LEN)?)?;
    let has_year = date.bytes().take(2).all(|b| b.is_ascii_digit());
    (has_year && !name.is_empty()).then_some(name)
}

fn token_number(text: &str) -> Result<u32, RowFault> {
    let token = digits(text).and_then(|number| u32::try_from(number).ok()).filter(|token| *token > 0);
    token.ok_or_else(|| fault("token", text, "a number from 1 to 4294967295"))
}

fn lot(text: &str) -> Result<Qty, RowFault> {
    let lot = digits(text).filter(|lot| (1..=LOT_MAX).contains(lot));
    lot.map(Qty).ok_or_else(|| fault("lot_size", text, "a whole number from 1 to 1000000000"))
}

fn tick(text: &str) -> Result<Price, RowFault> {
    let tick = decimal(text).filter(|tick| (1..=TICK_MAX).contains(tick));
    tick.map(Price).ok_or_else(|| fault("tick_size", text, "a price from 0.0001 to 1000000"))
}

fn strike(text: &str) -> Result<Price, RowFault> {
    let strike = decimal(text).filter(|strike| *strike > 0);
    strike.map(Price).ok_or_else(|| fault("strike", text, "a price above zero, of at most four decimals"))
}

/// `YYYY-MM-DD`, as the broker has it now, or `DD-MM-YYYY`, as it had it in 2024.
fn expiry(text: &str) -> Result<Date, RowFault> {
    let parts: Vec<&str> = text.split('-').collect();
    let date = match parts[..] {
        [year, month, day] if (year.len(), month.len(), day.len()) == (4, 2, 2) => civil(year, month, day),
        [day, month, year] if (year.len(), month.len(), day.len()) == (4, 2, 2) => civil(year, month, day),
        _ => None,
    };
    date.ok_or_else(|| fault("expiry", text, "a date as YYYY-MM-DD or DD-MM-YYYY from 1990 to 2199"))
}

fn civil(year: &str, month: &str, day: &str) -> Option<Date> {
    let year = i16::try_from(digits(year)?).ok().filter(|year| (1990..2200).contains(year))?;
    Date::new(year, i8::try_from(digits(month)?).ok()?, i8::try_from(digits(day)?).ok()?).ok()
}

/// A number of digits only, without sign.
fn digits(text: &str) -> Option<i64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// A decimal without sign or exponent as a number of 1/10,000; `None` if it has more decimals than that
/// holds.
fn decimal(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 4 {
        return None;
    }
    let scaled = format!("{fraction:0<4}").parse::<i64>().ok()?;
    digits(whole)?.checked_mul(SCALE)?.checked_add(scaled)
}
