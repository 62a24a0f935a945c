//! The indicators against TA-Lib 0.8.2 on 502 days of prices.

use super::super::indicators::{Atr, Ema, Rsi, Sma, Vwap};
use crate::units::{Money, SCALE};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Largest difference from TA-Lib, relative to its value.
const TOLERANCE: f64 = 1e-9;

/// Values of `tests/scripts/talib_values.py`, for machines without TA-Lib: indicator, period, row (from 0).
const KNOWN: &[(&str, u32, usize, f64)] = &[
    ("SMA", 20, 19, 214.52499999999995),
    ("SMA", 20, 100, 227.09499999999997),
    ("SMA", 20, 501, 251.85999999999984),
    ("EMA", 20, 19, 214.52499999999995),
    ("EMA", 20, 100, 226.94862545772773),
    ("EMA", 20, 501, 249.35189668034732),
    ("RSI", 14, 14, 62.054054054053964),
    ("RSI", 14, 20, 56.6495689703886),
    ("RSI", 14, 250, 63.92005244596491),
    ("RSI", 14, 501, 42.07732356600684),
    ("ATR", 14, 14, 1.336428571428568),
    ("ATR", 14, 20, 1.3693948466981953),
    ("ATR", 14, 250, 1.3739259182865866),
    ("ATR", 14, 501, 6.149748287843303),
    ("VWAP", 0, 0, 212.5566666666667),
    ("VWAP", 0, 250, 232.61130126078857),
    ("VWAP", 0, 501, 250.37004770976762),
];

/// The prices, if this machine has them.
fn quotes() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let data = std::env::var("PITLANE_DATA").unwrap_or_else(|_| "../shared/data".into());
    let path = root.join(data).join("indicators/quotes_default.csv");
    if !path.is_file() {
        println!("skipped: no shared data");
        return None;
    }
    Some(path)
}

/// Open, high, low, close and volume of every row.
fn rows(path: &Path) -> Vec<[f64; 5]> {
    let text = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let figures: Vec<f64> = line.split(',').skip(1).map(|figure| figure.parse().unwrap()).collect();
        figures.try_into().unwrap()
    };
    text.lines().skip(1).map(row).collect()
}

/// All values of one of our indicators, `None` where it is not ready.
fn ours(name: &str, period: u32, rows: &[[f64; 5]]) -> Vec<Option<f64>> {
    let closes = rows.iter().map(|row| row[3]);
    macro_rules! of_closes {
        ($indicator:expr) => {{
            let mut indicator = $indicator;
            let step = |close| {
                indicator.update(close);
                indicator.value()
            };
            closes.map(step).collect()
        }};
    }
    match name {
        "SMA" => of_closes!(Sma::new(period)),
        "EMA" => of_closes!(Ema::new(period)),
        "RSI" => of_closes!(Rsi::new(period)),
        "ATR" => {
            let mut atr = Atr::new(period);
            let step = |&[_, high, low, close, _]: &[f64; 5]| {
                atr.update(high, low, close);
                atr.value()
            };
            rows.iter().map(step).collect()
        }
        "VWAP" => {
            let mut vwap = Vwap::NEW;
            let step = |&[_, high, low, close, volume]: &[f64; 5]| {
                let turnover = (high + low + close) / 3.0 * volume * SCALE as f64;
                vwap.add(Money(turnover as i64), volume as u64);
                vwap.value()
            };
            rows.iter().map(step).collect()
        }
        name => panic!("{name} is none of ours"),
    }
}

fn assert_close(ours: Option<f64>, theirs: f64, what: &str) {
    let ours = ours.unwrap_or_else(|| panic!("{what}: not ready, TA-Lib {theirs}"));
    assert!((ours - theirs).abs() <= TOLERANCE * theirs.abs(), "{what}: {ours}, TA-Lib {theirs}");
}

#[test]
fn known_values_are_met() {
    let Some(path) = quotes() else { return };
    let rows = rows(&path);
    assert_eq!(rows.len(), 502);
    for &(name, period, index, value) in KNOWN {
        assert_close(ours(name, period, &rows)[index], value, &format!("{name}({period}) of row {index}"));
    }
}

/// Every value at several periods, and not ready exactly where TA-Lib is not.
#[test]
fn every_value_is_that_of_talib() {
    let Some(path) = quotes() else { return };
    let rows = rows(&path);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scripts/talib_values.py");
    let Ok(output) = Command::new("python3").arg(&script).arg(&path).output() else {
        println!("skipped: no python3");
        return;
    };
    if output.status.code() == Some(3) {
        println!("skipped: no TA-Lib for python3 (pip install TA-Lib)");
        return;
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut theirs: BTreeMap<(String, u32), BTreeMap<usize, f64>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let [name, period, index, value] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
        let values = theirs.entry((name.into(), period.parse().unwrap())).or_default();
        values.insert(index.parse().unwrap(), value.parse().unwrap());
    }
    assert_eq!(theirs.len(), 19, "indicators and periods");
    for ((name, period), theirs) in &theirs {
        let ours = ours(name, *period, &rows);
        for (index, &shown) in ours.iter().enumerate() {
            let what = format!("{name}({period}) of row {index}");
            match theirs.get(&index) {
                Some(&value) => assert_close(shown, value, &what),
                None => assert_eq!(shown, None, "{what}: TA-Lib is not ready"),
            }
        }
    }
}
