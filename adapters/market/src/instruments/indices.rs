//! The indices the broker's dump leaves out. Their tokens are fixed, unlike those of contracts.

use super::Entry;
use pitlane_engine::config::{InstrumentClass, InstrumentSpec};
use pitlane_engine::units::{Price, Qty};

/// Tick of an index: it has none, the engine wants one.
pub(super) const INDEX_TICK: Price = Price(500);

/// Symbol, token, what its derivatives call it.
const INDICES: &[(&str, u32, Option<&str>)] = &[
    ("NSE:NIFTY 50", 256_265, Some("NIFTY")),
    ("NSE:NIFTY BANK", 260_105, Some("BANKNIFTY")),
    ("NSE:NIFTY FIN SERVICE", 257_801, Some("FINNIFTY")),
    ("NSE:NIFTY MID SELECT", 288_009, Some("MIDCPNIFTY")),
    ("NSE:INDIA VIX", 264_969, None),
    ("BSE:SENSEX", 265, Some("SENSEX")),
];

/// Names people use for the indices, and the exchange's.
const ALIASES: &[(&str, &str)] = &[
    ("NSE:NIFTY", "NSE:NIFTY 50"),
    ("NSE:NIFTY50", "NSE:NIFTY 50"),
    ("NSE:BANKNIFTY", "NSE:NIFTY BANK"),
    ("NSE:FINNIFTY", "NSE:NIFTY FIN SERVICE"),
    ("NSE:MIDCPNIFTY", "NSE:NIFTY MID SELECT"),
    ("NSE:INDIAVIX", "NSE:INDIA VIX"),
];

/// The exchange's symbol for a common name of an index; any other symbol as it is.
pub fn canonical_symbol(symbol: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == symbol).map_or(symbol, |(_, symbol)| symbol)
}

/// The token of a built-in index, under its own or a common name.
pub(super) fn token_of(symbol: &str) -> Option<u32> {
    let symbol = canonical_symbol(symbol);
    INDICES.iter().find(|(known, ..)| *known == symbol).map(|(_, token, _)| *token)
}

/// The built-in indices.
pub(super) fn all() -> impl Iterator<Item = Entry> {
    INDICES.iter().map(|(symbol, token, underlying)| Entry {
        spec: InstrumentSpec {
            symbol: (*symbol).to_owned(),
            token: *token,
            class: InstrumentClass::Index,
            tradable: false,
            lot: Qty(1),
            tick: INDEX_TICK,
            multiplier: 1,
            freeze: Qty::ZERO,
            derivatives: false,
        },
        name: String::new(),
        underlying: underlying.map(str::to_owned),
        expiry: None,
        strike: None,
        right: None,
        segment: "INDICES".to_owned(),
        line: 0,
    })
}

/// The built-in index of a token.
pub(super) fn by_token(token: u32) -> Option<Entry> {
    all().find(|entry| entry.spec.token == token)
}
