//! Minutes of another source: files of rows, or the broker's JSON.

use super::{BySymbol, MINUTE_NS, Minute, Minutes};
use anyhow::Context;
use pitlane_config::{canonical_symbol, format_ist};
use pitlane_engine::units::TsNs;
use pitlane_feeds::candle_csv;
use pitlane_session::exit::{data, usage};
use serde_json::{Number, Value};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Reads what `--bars` names.
///
/// # Errors
/// If a file cannot be read exactly, does not say of which instrument it is, or two say different things of a minute.
pub(super) fn read(arguments: &[String]) -> anyhow::Result<BySymbol> {
    let mut theirs = BySymbol::new();
    for argument in arguments {
        // A file that is there is meant as it is, whatever is in its name.
        let named = argument.split_once('=').filter(|_| !Path::new(argument).exists());
        let (symbols, path) = match named {
            Some((symbol, path)) => (vec![canonical_symbol(symbol).to_owned()], Path::new(path)),
            None => (symbols_of(Path::new(argument))?, Path::new(argument)),
        };
        for symbol in symbols {
            let minutes = if is_json(path)? { candles_json(path)? } else { rows(path, &symbol)? };
            add(theirs.entry(symbol).or_default(), minutes, path)?;
        }
    }
    Ok(theirs)
}

fn add(all: &mut Minutes, minutes: Minutes, path: &Path) -> anyhow::Result<()> {
    for (start, minute) in minutes {
        if *all.entry(start).or_insert(minute) != minute {
            return Err(data(format!(
                "{}: {} is in a file before it, and is not the same there; name one file of a day",
                path.display(),
                format_ist(TsNs(start))
            )));
        }
    }
    Ok(())
}

fn rows(path: &Path, symbol: &str) -> anyhow::Result<Minutes> {
    let found = candle_csv::read(path, symbol).map_err(|error| data(error.to_string()))?;
    let minutes = found.candles.iter().map(|candle| {
        let prices = [candle.open.0, candle.high.0, candle.low.0, candle.close.0];
        (candle.start.0, Minute { prices, volume: candle.volume })
    });
    Ok(minutes.collect())
}

/// A file's text, unpacked if its name ends in `.gz`.
fn text_of(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    let file = File::open(path)
        .map_err(|error| data(format!("{}: {error}; --bars takes [SYMBOL=]FILE", path.display())))?;
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    Ok(if packed {
        Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(file)))
    } else {
        Box::new(BufReader::new(file))
    })
}

/// Whether a file is the broker's JSON: its first character is a brace.
fn is_json(path: &Path) -> anyhow::Result<bool> {
    let mut text = text_of(path)?;
    let start = text.fill_buf().with_context(|| path.display().to_string())?;
    Ok(start.trim_ascii_start().first() == Some(&b'{'))
}

/// The symbols that a file's rows name.
fn symbols_of(path: &Path) -> anyhow::Result<Vec<String>> {
    let silent = || {
        usage(format!(
            "--bars: {} does not say of which instrument it is; write SYMBOL={0}, such as NSE:RELIANCE={0}",
            path.display()
        ))
    };
    if is_json(path)? {
        return Err(silent());
    }
    let mut lines = text_of(path)?.lines();
    let first = lines.next().transpose().with_context(|| path.display().to_string())?.unwrap_or_default();
    let fields: Vec<&str> = first.split(',').map(str::trim).collect();
    if fields.first() == Some(&"instrument") {
        let mut symbols = BTreeSet::new();
        for line in lines {
            let line = line.with_context(|| path.display().to_string())?;
            symbols.extend(line.split(',').next().filter(|name| !name.is_empty()).map(str::to_owned));
        }
        return Ok(symbols.into_iter().collect());
    }
    let is_date = |field: &&str| field.len() == 8 && field.bytes().all(|byte| byte.is_ascii_digit());
    match fields[..] {
        [name, ref date, ..] if matches!(fields.len(), 8 | 9) && is_date(date) && !name.is_empty() => {
            let symbol = if name.contains(':') { name.to_owned() } else { format!("NSE:{name}") };
            Ok(vec![canonical_symbol(&symbol).to_owned()])
        }
        _ => Err(silent()),
    }
}

/// The candles of an answer of the broker's: `data.candles`, rows of a time, four prices, a volume and perhaps an open
/// interest; the time is the start of the minute.
fn candles_json(path: &Path) -> anyhow::Result<Minutes> {
    let mut text = String::new();
    text_of(path)?.read_to_string(&mut text).with_context(|| path.display().to_string())?;
    let refused = |what: String| data(format!("{}: {what}", path.display()));
    let value: Value = serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
    let Some(candles) = value.pointer("/data/candles").and_then(Value::as_array) else {
        let said = value.get("message").and_then(Value::as_str).unwrap_or("no data.candles in it");
        return Err(refused(format!("not the broker's candles: {said}; fetch them again")));
    };
    let mut minutes = Minutes::new();
    for (at, row) in candles.iter().enumerate() {
        let refused =
            |what: &str| refused(format!("data.candles[{at}]: {what}; correct the file or fetch it again"));
        let (start, minute) = candle(row).map_err(refused)?;
        if minutes.last_key_value().is_some_and(|(last, _)| *last >= start) {
            return Err(refused("the minute is not later than that of the candle before"));
        }
        minutes.insert(start, minute);
    }
    let distances = minutes.keys().zip(minutes.keys().skip(1)).map(|(one, next)| (next - one) / MINUTE_NS);
    match (minutes.len(), distances.min()) {
        (0, _) => Err(refused("it has no candles".to_owned())),
        (_, Some(2..)) => {
            Err(refused("no two candles are a minute apart, so they are no 1-minute candles".to_owned()))
        }
        _ => Ok(minutes),
    }
}

fn candle(row: &Value) -> Result<(u64, Minute), &'static str> {
    let [time, open, high, low, close, volume, ..] = &row.as_array().ok_or("it is no list")?[..] else {
        return Err("it has fewer than six fields");
    };
    let time = time.as_str().ok_or("its time is no text")?;
    let time = jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%z", time).and_then(|time| time.to_timestamp());
    let start = time.ok().and_then(|time| u64::try_from(time.as_nanosecond()).ok());
    let start = start.ok_or("its time is none like 2017-12-15T09:15:00+0530")?;
    if !start.is_multiple_of(MINUTE_NS) {
        return Err("its time is no whole minute");
    }
    let price = |value: &Value| value.as_number().and_then(scaled).filter(|price| *price > 0);
    let prices = [open, high, low, close].map(price);
    let [Some(open), Some(high), Some(low), Some(close)] = prices else {
        return Err("a price of it is no positive number with at most four decimals");
    };
    if high < low || !(low..=high).contains(&open) || !(low..=high).contains(&close) {
        return Err("its open or close is outside low to high");
    }
    let volume = volume.as_u64().ok_or("its volume is no whole number")?;
    Ok((start, Minute { prices: [open, high, low, close], volume }))
}

/// A number as it is written, in 1/10,000. What the parser kept of a decimal of at most fifteen digits is shown as the same
/// decimal, so this is exact.
fn scaled(number: &Number) -> Option<i64> {
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    if text.len() > 16 || fraction.len() > 4 {
        return None;
    }
    format!("{whole}{fraction:0<4}").parse().ok()
}
