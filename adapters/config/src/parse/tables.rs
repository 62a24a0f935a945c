//! The arrays of tables: instruments and strategies.

use super::DAY_NS;
use super::risk::{holding, stop_loss, take_profit};
use crate::error::ConfigError;
use crate::instruments::{
    MULTIPLIER_MAX, QUANTITY_MAX, TICK_MAX, canonical_symbol, check_table, contradiction, symbol_is_valid,
};
use crate::names::{CLASSES, value_of};
use crate::read::{Section, count, duration, flag, named, scaled, text, value_error, whole};
use crate::settings::StrategySettings;
use crate::tree::{Node, Table, Value};
use pitlane_engine::config::{InstrumentClass, InstrumentSpec};
use pitlane_engine::event::Timeframe;
use pitlane_engine::stages::strategy::{value_of_word, words};
use pitlane_engine::units::{Price, Qty};

/// Longest name of a strategy instance, in bytes.
const STRATEGY_ID_BYTES_MAX: usize = 32;
/// Greatest priority of a strategy.
const PRIORITY_MAX: u32 = 1_000;

/// `[[instruments]]`, whose table holds together.
pub(super) fn instruments(root: &Table) -> Result<Vec<InstrumentSpec>, ConfigError> {
    let mut table: Vec<InstrumentSpec> = Vec::new();
    for entry in Section::entries(Some(root), "instruments", "instruments")? {
        let symbol = |value: &Value| {
            let canonical = text(value).map(|text| canonical_symbol(&text).to_owned());
            canonical.filter(|symbol| symbol_is_valid(symbol))
        };
        let symbol = entry.required("symbol", symbol)?;
        let token = entry.required("token", count(1..=u32::MAX))?;
        let class = entry.required("class", named(value_of(CLASSES)))?;
        let instrument = InstrumentSpec {
            symbol,
            token,
            class,
            tradable: entry.read("tradable", class != InstrumentClass::Index, flag)?,
            lot: Qty(entry.read("lot", 1, whole(1..=QUANTITY_MAX))?),
            tick: Price(entry.read("tick", 500, scaled(1..=TICK_MAX))?),
            multiplier: entry.read("multiplier", 1, whole(1..=MULTIPLIER_MAX))?,
            freeze: Qty(entry.read("freeze", 0, whole(0..=QUANTITY_MAX))?),
            // Since 2026-08-03 the day of a share with live derivatives ends earlier: the safe side.
            derivatives: entry.read("derivatives", class == InstrumentClass::Equity, flag)?,
        };
        if let Some((key, why, remedy)) = contradiction(&instrument) {
            return Err(entry.conflict(key, why, remedy));
        }
        if let Some(other) = table.iter().find(|other| other.symbol == instrument.symbol) {
            let why = format!("symbol `{}` is there twice", other.symbol);
            return Err(entry.conflict("symbol", why, "remove one entry"));
        }
        if let Some(other) = table.iter().find(|other| other.token == token) {
            let why = format!("`{}` and `{}` have the same token {token}", other.symbol, instrument.symbol);
            return Err(entry.conflict("token", why, "give one of them its own token"));
        }
        table.push(instrument);
    }
    check_table(&table)?;
    Ok(table)
}

/// `[[strategies]]`.
pub(super) fn strategies(root: &Table) -> Result<Vec<StrategySettings>, ConfigError> {
    let default = StrategySettings::default();
    let mut all: Vec<StrategySettings> = Vec::new();
    for entry in Section::entries(Some(root), "strategies", "strategies")? {
        let id = entry.required("id", |value| text(value).filter(|id| strategy_id_is_valid(id)))?;
        if all.iter().any(|other| other.id == id) {
            return Err(entry.conflict(
                "id",
                format!("strategy id `{id}` is there twice"),
                "rename one of them",
            ));
        }
        let passive_entry = entry.read("entry", default.passive_entry, named(passive_entry))?;
        let reprice_ns = entry.read("reprice", default.reprice_ns, duration(0..=DAY_NS))?;
        if reprice_ns > 0 && !passive_entry {
            let why = format!("strategy `{id}` reprices resting entries, but its entries cross at once");
            return Err(entry.conflict("reprice", why, "set entry = \"passive\", or reprice = 0"));
        }
        let kind = entry.required("kind", |value| text(value).filter(|kind| !kind.is_empty()))?;
        all.push(StrategySettings {
            id,
            params: params(&entry, &kind)?,
            kind,
            symbols: entry.required("symbols", symbols)?,
            timeframe: entry.read("timeframe", default.timeframe, named(Timeframe::from_name))?,
            enabled: entry.read("enabled", default.enabled, flag)?,
            allow_short: entry.read("allow_short", default.allow_short, flag)?,
            passive_entry,
            reprice_ns,
            priority: entry.read("priority", default.priority, count(0..=PRIORITY_MAX))?,
            stop_loss_bps: entry.optional("stop_loss", stop_loss())?,
            take_profit_bps: entry.optional("take_profit", take_profit())?,
            holding_ns: entry.optional("holding", holding())?,
        });
    }
    Ok(all)
}

fn strategy_id_is_valid(id: &str) -> bool {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    (1..=STRATEGY_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(letters)
}

fn passive_entry(name: &str) -> Option<bool> {
    match name {
        "cross" => Some(false),
        "passive" => Some(true),
        _ => None,
    }
}

/// Symbols as an array, or one alone; aliases become the exchange's names.
fn symbols(value: &Value) -> Option<Vec<String>> {
    let one = |value: &Value| match value {
        Value::Text(symbol) if symbol == "*" || symbol_is_valid(symbol) => {
            Some(canonical_symbol(symbol).to_owned())
        }
        _ => None,
    };
    match value {
        Value::Array(entries) => entries.iter().map(|entry| one(&entry.value)).collect(),
        single => one(single).map(|symbol| vec![symbol]),
    }
}

/// The kind's own numbers. Which there are and their ranges is the registry's business.
fn params(entry: &Section<'_>, kind: &str) -> Result<Vec<(String, f64)>, ConfigError> {
    let Some(node) = entry.node("params") else {
        return Ok(Vec::new());
    };
    let Value::Table(table) = &node.value else {
        return Err(value_error(node, &format!("{}.params", entry.path()), "a table of numbers"));
    };
    let number = |name: &str, node: &Node| match &node.value {
        // Whole numbers beyond 2^53 would be rounded without a word.
        Value::Integer(whole) if whole.unsigned_abs() <= 1 << 53 => Some(*whole as f64),
        Value::Float(number) if number.is_finite() => Some(*number),
        Value::Text(word) => value_of_word(kind, name, word),
        _ => None,
    };
    let pairs = table.iter().map(|(name, node)| match number(name, node) {
        Some(value) => Ok((name.clone(), value)),
        None => {
            let words = words(kind, name);
            let allowed = if words.is_empty() { "a finite number".to_owned() } else { words.join(" or ") };
            Err(value_error(node, &format!("{}.params.{name}", entry.path()), &allowed))
        }
    });
    pairs.collect()
}
