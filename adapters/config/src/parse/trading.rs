//! Price bands and halts.

use crate::error::ConfigError;
use crate::instruments::{canonical_symbol, symbol_is_valid};
use crate::read::{Section, text, time_of_day};
use crate::settings::{Halt, PriceBand, TradingSettings};
use crate::tree::{Table, Value};
use crate::values::parse_scaled;
use pitlane_engine::units::Price;

/// The bands of `[[instruments]]` and `[[halts]]`.
pub(super) fn trading(root: &Table) -> Result<TradingSettings, ConfigError> {
    Ok(TradingSettings { bands: bands(root)?, halts: halts(root)? })
}

fn symbol(value: &Value) -> Option<String> {
    let canonical = text(value).map(|text| canonical_symbol(&text).to_owned());
    canonical.filter(|symbol| symbol_is_valid(symbol))
}

fn bands(root: &Table) -> Result<Vec<PriceBand>, ConfigError> {
    let mut bands = Vec::new();
    for entry in Section::entries(Some(root), "instruments", "instruments")? {
        if let Some((low, high)) = entry.optional("band", band)? {
            bands.push(PriceBand { symbol: entry.required("symbol", symbol)?, low, high });
        }
    }
    Ok(bands)
}

/// Two prices, the lower one first.
fn band(value: &Value) -> Option<(Price, Price)> {
    let Value::Array(entries) = value else { return None };
    let [low, high] = entries.as_slice() else { return None };
    let price = |value: &Value| text(value).and_then(|text| parse_scaled(&text)).map(Price);
    let (low, high) = (price(&low.value)?, price(&high.value)?);
    (Price::ZERO < low && low < high).then_some((low, high))
}

fn halts(root: &Table) -> Result<Vec<Halt>, ConfigError> {
    let mut halts: Vec<Halt> = Vec::new();
    for entry in Section::entries(Some(root), "halts", "halts")? {
        let halt = Halt {
            symbol: entry.required("symbol", symbol)?,
            from: entry.required("from", time_of_day)?,
            until: entry.required("until", time_of_day)?,
        };
        if halt.until <= halt.from {
            let why = format!("{}.until does not come after its from", entry.path());
            return Err(entry.conflict("until", why, "keep from < until, both on the session's day"));
        }
        let overlaps = |other: &&Halt| {
            other.symbol == halt.symbol && other.from <= halt.until && halt.from <= other.until
        };
        if halts.iter().any(|other| overlaps(&other)) {
            let why = format!("`{}` is halted twice at one time", halt.symbol);
            return Err(entry.conflict("from", why, "make one halt of both"));
        }
        halts.push(halt);
    }
    halts.sort_by_key(|halt| halt.from);
    Ok(halts)
}
