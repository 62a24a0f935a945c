//! The instrument table: the built-in one, stated defaults for what no table lists, and its rules.

use crate::error::ConfigError;
use crate::names::{CLASSES, name_of};
use pitlane_engine::config::{InstrumentClass, InstrumentSpec};
use pitlane_engine::limits::INSTRUMENTS_MAX;
use pitlane_engine::units::{Price, Qty, SCALE};

/// Longest symbol that the instrument event holds, in bytes.
pub(crate) const SYMBOL_BYTES_MAX: usize = 40;
/// Segment byte of index tokens.
const SEGMENT_INDEX: u32 = 9;
/// Largest lot, order quantity and similar: what keeps `price × quantity` far inside the range of money.
pub(crate) const QUANTITY_MAX: i64 = 1_000_000_000;
/// Largest contract multiplier.
pub(crate) const MULTIPLIER_MAX: i64 = 1_000_000;
/// Largest tick: a million rupees.
pub(crate) const TICK_MAX: i64 = 1_000_000 * SCALE;
/// First exchange token given to equities without an entry; the exchanges' own are smaller.
const SYNTHETIC_TOKEN_FIRST: u32 = 1_000_000;
/// How many such tokens there are.
const SYNTHETIC_TOKENS: u32 = 15_000_000;

/// Names that people use for the indices, and the exchange's.
const ALIASES: &[(&str, &str)] = &[
    ("NSE:NIFTY", "NSE:NIFTY 50"),
    ("NSE:NIFTY50", "NSE:NIFTY 50"),
    ("NSE:BANKNIFTY", "NSE:NIFTY BANK"),
    ("NSE:FINNIFTY", "NSE:NIFTY FIN SERVICE"),
    ("NSE:MIDCPNIFTY", "NSE:NIFTY MID SELECT"),
    ("NSE:INDIAVIX", "NSE:INDIA VIX"),
];

/// Tokens of indices, which never change; their segment byte is 9.
const INDICES: &[(&str, u32)] = &[
    ("NSE:NIFTY 50", 256_265),
    ("NSE:NIFTY BANK", 260_105),
    ("NSE:NIFTY FIN SERVICE", 257_801),
    ("NSE:NIFTY MID SELECT", 288_009),
    ("NSE:INDIA VIX", 264_969),
    ("BSE:SENSEX", 265),
];

/// Shares with live derivatives and their tokens of the broker, which are public knowledge; segment byte 1 is NSE cash.
const SHARES: &[(&str, u32)] = &[
    ("NSE:RELIANCE", 738_561),
    ("NSE:TCS", 2_953_217),
    ("NSE:INFY", 408_065),
    ("NSE:HDFCBANK", 341_249),
    ("NSE:ICICIBANK", 1_270_529),
    ("NSE:SBIN", 779_521),
    ("NSE:AXISBANK", 1_510_401),
    ("NSE:LT", 2_939_649),
    ("NSE:ITC", 424_961),
    ("NSE:TATAMOTORS", 884_737),
];

/// The exchange's symbol for an alias; any other symbol as it is.
pub fn canonical_symbol(symbol: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == symbol).map_or(symbol, |(_, symbol)| symbol)
}

/// The built-in table: two indices, the index future of the default date's month, and nine large shares.
pub fn demo_universe() -> Vec<InstrumentSpec> {
    let mut table: Vec<InstrumentSpec> =
        INDICES[..2].iter().map(|(symbol, token)| spec(symbol, *token)).collect();
    table.push(InstrumentSpec {
        symbol: "NFO:NIFTY26AUGFUT".to_owned(),
        // No real contract's token: exchange tokens of derivatives change with every expiry.
        token: 53_001 * 256 + 2,
        class: InstrumentClass::Future,
        tradable: true,
        lot: Qty(65),
        tick: Price(1_000),
        multiplier: 1,
        // The exchange's list of August 2026, when this contract is the nearest.
        freeze: Qty(1_800),
        derivatives: false,
    });
    table.extend(SHARES[..9].iter().map(|(symbol, token)| spec(symbol, *token)));
    table
}

/// What a symbol without an entry is taken for, and the warning that says so. Indices are not tradable; equities have
/// lot 1, tick 0.05 and live derivatives, because then their day is taken to end with the earlier close; contracts are
/// not tradable, because a wrong lot size would be wrong money. Unknown tokens are a function of the symbol; two symbols
/// that share one are refused when the table is checked.
///
/// # Errors
/// If the symbol is not of the form `EXCHANGE:NAME`.
pub fn default_instrument(symbol: &str) -> Result<(InstrumentSpec, String), ConfigError> {
    let symbol = canonical_symbol(symbol.trim());
    if !symbol_is_valid(symbol) {
        return Err(ConfigError::Parse {
            what: "a symbol",
            value: symbol.to_owned(),
            allowed: "EXCHANGE:NAME of at most 40 bytes, such as NSE:RELIANCE",
        });
    }
    let token = INDICES.iter().chain(SHARES).find(|(known, _)| *known == symbol).map(|(_, token)| *token);
    let mut instrument = spec(symbol, token.unwrap_or_else(|| synthetic_token(symbol)));
    let assumed = match instrument.class {
        InstrumentClass::Index => "index, not tradable",
        InstrumentClass::Equity if token.is_some() => {
            "equity with live derivatives, lot 1, tick 0.05, tradable"
        }
        InstrumentClass::Equity => {
            "equity, lot 1, tick 0.05, tradable, assumed to have live derivatives and their earlier close"
        }
        InstrumentClass::Future | InstrumentClass::Option => {
            instrument.tradable = false;
            "derivative of unknown lot size, not tradable"
        }
    };
    let source = if token.is_some() { "" } else { " made from its name" };
    let warning = format!(
        "{symbol} has no entry in [[instruments]]: taken as {assumed}, token {}{source}; add an entry to change that",
        instrument.token
    );
    Ok((instrument, warning))
}

/// Whether a symbol is `EXCHANGE:NAME`, printable, and fits the instrument event.
pub(crate) fn symbol_is_valid(symbol: &str) -> bool {
    let (exchange, name) = symbol.split_once(':').unwrap_or_default();
    let exchange_is_valid = !exchange.is_empty() && exchange.bytes().all(|b| b.is_ascii_uppercase());
    let name_is_valid = !name.trim().is_empty() && name.trim() == name && !name.contains(char::is_control);
    exchange_is_valid && name_is_valid && symbol.len() <= SYMBOL_BYTES_MAX
}

/// Checks that a table holds together.
pub(crate) fn check_table(table: &[InstrumentSpec]) -> Result<(), ConfigError> {
    if table.len() > INSTRUMENTS_MAX {
        return Err(conflict(
            "[[instruments]]",
            format!("{} instruments are more than the {INSTRUMENTS_MAX} of one engine", table.len()),
            "split them over several engines",
        ));
    }
    for (index, instrument) in table.iter().enumerate() {
        check_one(index, instrument)?;
    }
    check_unique(table)
}

/// The key by which an instrument contradicts itself, the reason, and the remedy.
pub(crate) fn contradiction(instrument: &InstrumentSpec) -> Option<(&'static str, String, &'static str)> {
    let is_index = instrument.class == InstrumentClass::Index;
    if is_index && instrument.tradable {
        let why = format!("`{}` is an index and cannot be traded", instrument.symbol);
        return Some(("tradable", why, "set tradable = false"));
    }
    if !instrument.freeze.is_zero() && instrument.freeze < instrument.lot {
        let (symbol, freeze, lot) = (&instrument.symbol, instrument.freeze.0, instrument.lot.0);
        let why = format!(
            "no order of `{symbol}` is possible: its freeze quantity {freeze} is below its lot {lot}"
        );
        return Some((
            "freeze",
            why,
            "correct it; both are in units, and freeze = 0 says that none is known",
        ));
    }
    let segment = instrument.token & 0xff;
    if is_index != (segment == SEGMENT_INDEX) {
        let why = format!(
            "`{}` is of class {} but its token {} is of segment {segment}",
            instrument.symbol,
            name_of(CLASSES, instrument.class),
            instrument.token
        );
        return Some((
            "token",
            why,
            "index tokens, and only they, are of segment 9 (the low byte of the token)",
        ));
    }
    None
}

fn spec(symbol: &str, token: u32) -> InstrumentSpec {
    let is_derivative = matches!(symbol.split(':').next(), Some("NFO" | "BFO" | "CDS" | "BCD" | "MCX"));
    let class = match token & 0xff {
        SEGMENT_INDEX => InstrumentClass::Index,
        _ if is_derivative && symbol.ends_with("FUT") => InstrumentClass::Future,
        _ if is_derivative => InstrumentClass::Option,
        _ => InstrumentClass::Equity,
    };
    let tradable = class != InstrumentClass::Index;
    InstrumentSpec {
        symbol: symbol.to_owned(),
        token,
        class,
        tradable,
        lot: Qty(1),
        tick: Price(500),
        multiplier: 1,
        freeze: Qty::ZERO,
        derivatives: class == InstrumentClass::Equity,
    }
}

/// A token beyond the exchanges' own, the same on every machine.
fn synthetic_token(symbol: &str) -> u32 {
    let segment = match symbol.split(':').next() {
        Some("NFO") => 2,
        Some("CDS") => 3,
        Some("BSE") => 4,
        Some("BFO") => 5,
        Some("BCD") => 6,
        Some("MCX") => 7,
        _ => 1,
    };
    let hash = xxhash_rust::xxh3::xxh3_64(symbol.as_bytes());
    let number = u32::try_from(hash % u64::from(SYNTHETIC_TOKENS)).expect("a remainder below its divisor");
    (SYNTHETIC_TOKEN_FIRST + number) * 256 + segment
}

fn check_one(index: usize, instrument: &InstrumentSpec) -> Result<(), ConfigError> {
    let at = format!("[[instruments]] number {index}");
    let InstrumentSpec { symbol, lot, tick, multiplier, freeze, .. } = instrument;
    let in_range = (1..=QUANTITY_MAX).contains(&lot.0)
        && (0..=QUANTITY_MAX).contains(&freeze.0)
        && (1..=TICK_MAX).contains(&tick.0)
        && (1..=MULTIPLIER_MAX).contains(multiplier);
    if !symbol_is_valid(symbol) {
        return Err(conflict(
            &at,
            format!("symbol `{symbol}` is not EXCHANGE:NAME of at most 40 bytes"),
            "rename it",
        ));
    }
    if !in_range {
        let why = format!("lot, tick, multiplier or freeze quantity of `{symbol}` is out of range");
        return Err(conflict(&at, why, "see `engine config schema` for the ranges"));
    }
    match contradiction(instrument) {
        Some((_, why, remedy)) => Err(conflict(&at, why, remedy)),
        None => Ok(()),
    }
}

fn check_unique(table: &[InstrumentSpec]) -> Result<(), ConfigError> {
    let mut symbols: Vec<&str> = table.iter().map(|instrument| instrument.symbol.as_str()).collect();
    symbols.sort_unstable();
    if let Some(pair) = symbols.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(conflict(
            "[[instruments]]",
            format!("symbol `{}` is there twice", pair[0]),
            "remove one entry",
        ));
    }
    let mut tokens: Vec<(u32, &str)> = table.iter().map(|i| (i.token, i.symbol.as_str())).collect();
    tokens.sort_unstable();
    if let Some(pair) = tokens.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let why = format!("`{}` and `{}` have the same token {}", pair[0].1, pair[1].1, pair[0].0);
        return Err(conflict("[[instruments]]", why, "give one of them its own token"));
    }
    Ok(())
}

fn conflict(at: &str, why: String, remedy: &str) -> ConfigError {
    ConfigError::Conflict { at: at.to_owned(), why, remedy: remedy.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_universe_holds_together() {
        let table = demo_universe();
        check_table(&table).unwrap();
        assert_eq!(table.len(), 12);
        assert_eq!(table.iter().filter(|i| i.tradable).count(), 10);
        let shares = || table.iter().filter(|i| i.class == InstrumentClass::Equity);
        assert!(shares().count() == 9 && shares().all(|i| i.token & 0xff == 1 && i.derivatives));
        assert!(table.iter().all(|i| i.derivatives == (i.class == InstrumentClass::Equity)));
    }

    #[test]
    fn symbols_without_an_entry_get_stated_defaults() {
        let (index, warning) = default_instrument("NSE:BANKNIFTY").unwrap();
        assert_eq!((index.symbol.as_str(), index.token, index.tradable), ("NSE:NIFTY BANK", 260_105, false));
        assert!(warning.contains("index, not tradable"), "{warning}");
        let (known, warning) = default_instrument("NSE:TATAMOTORS").unwrap();
        assert_eq!((known.token, known.lot, known.tick), (884_737, Qty(1), Price(500)));
        assert!(known.derivatives && warning.contains("equity with live derivatives,"), "{warning}");
        let (unknown, warning) = default_instrument("NSE:M&M").unwrap();
        assert!(
            unknown.token & 0xff == 1 && unknown.token / 256 >= SYNTHETIC_TOKEN_FIRST && unknown.tradable
        );
        assert_eq!(unknown, default_instrument("NSE:M&M").unwrap().0, "the same every time");
        assert!(unknown.derivatives, "the earlier close is the safe side");
        assert!(warning.contains("assumed to have live derivatives and their earlier close"), "{warning}");
        assert!(warning.contains("made from its name"), "{warning}");
        let (future, _) = default_instrument("NFO:NIFTY26NOVFUT").unwrap();
        assert_eq!((future.class, future.tradable), (InstrumentClass::Future, false));
        for symbol in
            ["RELIANCE", "nse:RELIANCE", "NSE:", ":X", "NSE:A234567890123456789012345678901234567890"]
        {
            assert!(default_instrument(symbol).is_err(), "{symbol}");
        }
    }

    #[test]
    fn indices_have_their_names_and_tokens() {
        for (alias, symbol, token) in [
            ("NSE:NIFTY", "NSE:NIFTY 50", 256_265),
            ("NSE:NIFTY50", "NSE:NIFTY 50", 256_265),
            ("NSE:BANKNIFTY", "NSE:NIFTY BANK", 260_105),
            ("NSE:FINNIFTY", "NSE:NIFTY FIN SERVICE", 257_801),
            ("NSE:MIDCPNIFTY", "NSE:NIFTY MID SELECT", 288_009),
            ("NSE:INDIAVIX", "NSE:INDIA VIX", 264_969),
            ("BSE:SENSEX", "BSE:SENSEX", 265),
        ] {
            let (index, _) = default_instrument(alias).unwrap();
            assert_eq!((index.symbol.as_str(), index.token), (symbol, token));
            assert_eq!((index.class, index.derivatives), (InstrumentClass::Index, false), "{alias}");
        }
        assert_eq!(canonical_symbol("NSE:NIFTYBEES"), "NSE:NIFTYBEES");
    }

    #[test]
    fn tables_that_contradict_themselves_are_refused() {
        let refuse = |change: fn(&mut Vec<InstrumentSpec>), part: &str| {
            let mut table = demo_universe();
            change(&mut table);
            let error = check_table(&table).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        refuse(|t| t[4].symbol = t[3].symbol.clone(), "is there twice");
        refuse(|t| t[4].token = t[3].token, "have the same token");
        refuse(|t| t[0].tradable = true, "cannot be traded");
        refuse(|t| t[3].token = 256_265 + 256, "of segment 9");
        refuse(|t| t[3].lot = Qty(0), "out of range");
        refuse(|t| t[2].freeze = Qty(-1), "out of range");
        refuse(|t| t[2].freeze = Qty(64), "freeze quantity 64 is below its lot 65");
        refuse(|t| t[3].symbol = "RELIANCE".into(), "not EXCHANGE:NAME");
        refuse(|t| t.resize(INSTRUMENTS_MAX + 1, t[3].clone()), "more than the 4096");
    }
}
