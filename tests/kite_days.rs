//! The broker's own ticks: last prices with receive stamps become bars that equal, one for one, the minutes that were
//! recorded beside them. The data is not the project's; nothing here runs without it.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_engine::event::Timeframe;
use pitlane_session::cli::ConfigArgs;
use pitlane_session::export::{What, export};
use pitlane_session::import::Request;
use pitlane_tests::shared_data;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const NIFTY: &str = "ticks_NIFTY50_256265_20251009.csv.gz";
const CALL: &str = "ticks_CALL_10923266_10923266_20251009.csv.gz";
const PUT: &str = "ticks_PUT_10929666_10929666_20251009.csv.gz";
/// Rows of those files without their headers, counted with `zcat | wc -l`.
const ROWS: [u64; 3] = [12_526, 7_301, 8_321];

fn folder() -> Option<PathBuf> {
    let folder = shared_data::dir()?.join("kite_ticks_2025");
    if folder.join(NIFTY).is_file() {
        return Some(folder);
    }
    println!("skipped: no shared data");
    None
}

/// Imports files and exports their minutes: the object `import-summary/1`, and the rows without header.
fn imported(files: &[PathBuf], instruments: Option<&Path>) -> (Value, Vec<String>) {
    let dir = TempDir::new().unwrap();
    let journal = dir.path().join("journal");
    let request = Request { journal: &journal, config: &ConfigArgs::default(), instruments };
    let summary = request.kite_csv(files).unwrap_or_else(|error| panic!("{files:?}: {error:#}")).json();
    let mut csv = Vec::new();
    export(&journal, What::Bars(Timeframe::M1), &mut csv).unwrap();
    let rows = String::from_utf8(csv).unwrap().lines().skip(1).map(str::to_owned).collect();
    (summary, rows)
}

/// `2025-10-09 09:18` and four prices in paise: an exported bar's are columns 2 to 5, the recorded minutes' too.
fn minute(row: &str) -> (String, [i64; 4]) {
    let fields: Vec<&str> = row.split(',').collect();
    let price = |text: &str| {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let paise = format!("{fraction:0<2}");
        assert_eq!(paise.len(), 2, "{text} has more than two decimals");
        whole.parse::<i64>().unwrap() * 100 + paise.parse::<i64>().unwrap()
    };
    let time = fields.iter().find(|field| field.starts_with("2025-")).unwrap()[..16].replace('T', " ");
    (time, [2, 3, 4, 5].map(|column| price(fields[column])))
}

#[test]
fn all_105_minutes_of_nifty_are_those_recorded() {
    let Some(folder) = folder() else { return };
    let (summary, bars) = imported(&[folder.join(NIFTY)], None);
    assert_eq!(summary["instruments"], json!(["NSE:NIFTY 50"]), "a built-in index needs no file");
    assert_eq!((&summary["ticks"], &summary["warnings"]), (&json!(ROWS[0]), &json!([])));
    let recorded = std::fs::read_to_string(folder.join("candles_1min_NIFTY50_256265_20251009.csv")).unwrap();
    let recorded: Vec<_> = recorded.lines().skip(1).map(minute).collect();
    let bars: Vec<_> = bars.iter().map(|bar| minute(bar)).collect();
    let exact = recorded.iter().filter(|minute| bars.contains(minute)).count();
    println!("{exact} of {} bars identical", recorded.len());
    assert_eq!((exact, recorded.len()), (105, 105));
    // The recorder stopped within 11:03 and did not write that minute.
    let (last, whole) = bars.split_last().unwrap();
    assert_eq!(whole, recorded, "in the same order, and no others");
    assert_eq!(last.0, "2025-10-09 11:03");
}

#[test]
fn options_have_their_names_from_the_short_list_and_give_bars() {
    let Some(folder) = folder() else { return };
    let files = [NIFTY, CALL, PUT].map(|name| folder.join(name));
    let list = folder.join("nifty_option_instruments.csv");
    let (summary, bars) = imported(&files, Some(&list));
    // What the list itself says of the tokens in the files' names.
    let text = std::fs::read_to_string(&list).unwrap();
    let symbols = ["10923266", "10929666"].map(|token| {
        let row = text.lines().find(|row| row.split(',').nth(1) == Some(token)).unwrap();
        format!("NFO:{}", row.split(',').next().unwrap())
    });
    println!("{symbols:?}: {} bars", bars.len());
    assert_eq!(summary["instruments"], json!(["NSE:NIFTY 50", symbols[0], symbols[1]]));
    assert!(symbols[0].ends_with("CE") && symbols[1].ends_with("PE"));
    assert_eq!(summary["sessions"], json!([20_251_009]));
    for (file, rows) in summary["files"].as_array().unwrap().iter().zip(ROWS) {
        assert_eq!(file["rows"], rows, "{file}");
        let refused = ["out_of_session", "backward", "undecodable", "no_last_price", "unknown_instrument"];
        let refused: u64 = refused.iter().map(|reason| file[reason].as_u64().unwrap()).sum();
        assert_eq!(file["frames"].as_u64().unwrap() + refused, rows, "{file}");
    }
    // From 10:00 to 11:03.
    for symbol in &symbols {
        let count = bars.iter().filter(|bar| bar.starts_with(&format!("{symbol},"))).count();
        assert_eq!(count, 64, "{symbol}");
    }
}

#[test]
fn an_option_without_a_list_is_a_token_and_is_not_traded() {
    let Some(folder) = folder() else { return };
    let (summary, bars) = imported(&[folder.join(CALL)], None);
    assert_eq!(summary["instruments"], json!(["TOKEN:10923266"]));
    let warning = summary["warnings"][0].as_str().unwrap();
    assert!(warning.contains("token 10923266 has no name") && warning.contains("not tradable"), "{warning}");
    assert!(!bars.is_empty() && bars.iter().all(|bar| bar.starts_with("TOKEN:10923266,")));
}
