//! `book-check` on the order flow of real exchanges. The data is not the project's; nothing here runs without it.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_tests::shared_data;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The binary, which was built beside this test.
fn binary() -> PathBuf {
    let me = std::env::current_exe().unwrap();
    let path = me.ancestors().nth(2).unwrap().join("book-check");
    assert!(path.is_file(), "{} is not built; run `cargo build --release` first", path.display());
    path
}

fn folder(name: &str) -> Option<PathBuf> {
    let folder = shared_data::dir()?.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no shared data");
    None
}

/// The exit code, the object, and what stands on stderr.
fn check(args: &[&str]) -> (i32, Value, String) {
    let output = Command::new(binary()).args(args).arg("--json").output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), report, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn lobster(messages: &Path, book: &Path) -> Value {
    let args = ["lobster", "--messages", messages.to_str().unwrap(), "--book", book.to_str().unwrap()];
    let (code, report, stderr) = check(&args);
    assert_eq!(code, 0, "{stderr}");
    println!(
        "{}: {} rows exact, {} runs exact",
        messages.display(),
        report["rows_exact"],
        report["runs_exact"]
    );
    report
}

fn assert_scores(report: &Value, scores: &[(&str, u64)]) {
    for (key, score) in scores {
        assert_eq!(report[key], json!(score), "{key}");
    }
}

/// The exceptions are those that were published, fill by fill.
fn assert_exceptions(report: &Value, file: &Path) {
    let text = std::fs::read_to_string(file).unwrap();
    let expected: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let rows: Vec<u64> = expected.iter().map(|fields| fields[0].parse().unwrap()).collect();
    assert_eq!(report["exceptions"], json!(rows));
    for (fields, found) in expected.iter().zip(report["exception_details"].as_array().unwrap()) {
        let length: usize = fields[1].parse().unwrap();
        assert_eq!(found["length"], json!(length), "message {}", fields[0]);
        assert_eq!(
            (&found["actual"], &found["predicted"]),
            (&json!(fields[3]), &json!(fields[4])),
            "{}",
            fields[0]
        );
    }
}

#[test]
fn amazon_with_five_levels_is_exact_but_for_the_twenty_known_runs() {
    let Some(folder) = folder("lobster") else { return };
    let day = folder.join("LOBSTER_SampleFile_AMZN_2012-06-21_5.zip");
    let report = lobster(&day, &day);
    assert_scores(
        &report,
        &[("rows", 155_934), ("rows_exact", 155_934), ("runs", 6_591), ("runs_exact", 6_571)],
    );
    assert_scores(&report, &[("executions", 8_974), ("executions_at_best", 8_974)]);
    assert_exceptions(&report, &folder.join("exceptions_AMZN_5.csv"));
}

#[test]
fn amazon_with_one_level_is_exact_and_its_exceptions_are_the_known_ones() {
    let Some(folder) = folder("lobster") else { return };
    let day = folder.join("LOBSTER_SampleFile_AMZN_2012-06-21_1.zip");
    let report = lobster(&day, &day);
    assert_scores(&report, &[("rows", 57_514), ("rows_exact", 57_514)]);
    assert_scores(&report, &[("executions", 8_974), ("executions_at_best", 8_974)]);
    assert_exceptions(&report, &folder.join("exceptions_AMZN_1.csv"));
}

#[test]
fn apple_with_ten_levels_is_exact() {
    let Some(folder) = folder("lobster/aapl_l10_first1000") else { return };
    let name = "AAPL_2012-06-21_34200000_57600000";
    let report = lobster(
        &folder.join(format!("{name}_message_10.csv")),
        &folder.join(format!("{name}_orderbook_10.csv.gz")),
    );
    assert_scores(&report, &[("rows", 998), ("rows_exact", 998), ("runs", 63), ("runs_exact", 63)]);
}

/// The contest's stream again, through a book that is a list: the best price, then the lowest id.
#[test]
fn quantcup_has_the_fills_of_a_list_that_is_searched() {
    let Some(folder) = folder("quantcup") else { return };
    let dir = tempfile::tempdir().unwrap();
    let fills = dir.path().join("fills.csv");
    let orders = folder.join("orders.csv.gz");
    let args = ["quantcup", "--orders", orders.to_str().unwrap(), "--fills", fills.to_str().unwrap()];
    let (code, report, stderr) = check(&args);
    assert_eq!(code, 0, "{stderr}");
    let unpacked = Command::new("gzip").arg("-dc").arg(&orders).output().unwrap().stdout;
    let (mut book, mut id) = (BTreeMap::<u64, (bool, i64, i64)>::new(), 0);
    let mut expected = vec!["msg,taker_id,maker_id,price,qty".to_owned()];
    for (message, line) in String::from_utf8(unpacked).unwrap().lines().skip(1).enumerate() {
        let fields: Vec<&str> = line.split(',').collect();
        let (buy, price) = (fields[1] == "Bid", fields[2].parse::<i64>().unwrap());
        let mut quantity = fields[3].parse::<i64>().unwrap();
        if price == 0 {
            book.remove(&(quantity as u64));
            continue;
        }
        id += 1;
        while quantity > 0 {
            let fits = |order: &(bool, i64, i64)| {
                order.0 != buy && if buy { order.1 <= price } else { order.1 >= price }
            };
            let there = book.iter().filter(|(_, order)| fits(order));
            // The first of the smallest keys has the lowest id.
            let first = there.min_by_key(|(_, order)| if buy { order.1 } else { -order.1 });
            let Some((&maker, &(_, at, open))) = first else { break };
            let traded = quantity.min(open);
            expected.push(format!("{message},{id},{maker},{at},{traded}"));
            quantity -= traded;
            book.get_mut(&maker).unwrap().2 -= traded;
            book.retain(|_, order| order.2 > 0);
        }
        if quantity > 0 {
            book.insert(id, (buy, price, quantity));
        }
    }
    let written = std::fs::read_to_string(&fills).unwrap();
    assert!(written.lines().eq(expected.iter().map(String::as_str)), "the fills are others");
    let count = expected.len() as u64 - 1;
    println!("{count} fills");
    assert_scores(
        &report,
        &[
            ("rows", 35_759),
            ("executions", count),
            ("executions_at_best", count),
            ("price_ok", count),
            ("at_front", count),
        ],
    );
    let late = "17894 orders, 17865 cancels, 17551 of them of orders that do not rest";
    assert_eq!(report["notes"][0], late);
}

#[test]
fn futures_order_by_order_fill_at_their_price_at_best_and_at_the_front() {
    let Some(folder) = folder("es_mbo") else { return };
    let queue = "esh4-glbx-mdp3-20231224.mbo.dbn.zst";
    let trading = "orderbooks_mbo_2024-05-08T00-00-00_2024-05-08T00-00-02.dbn.zst";
    // The first is the queue before the open: nothing trades in it.
    for (file, rows, fills) in [(queue, 8_725, 0), (trading, 13_796, 5)] {
        let (code, report, stderr) = check(&["dbn", "--file", folder.join(file).to_str().unwrap()]);
        assert_eq!(code, 0, "{stderr}");
        println!("{file}: {} fills", report["fills"]);
        assert_scores(
            &report,
            &[("rows", rows), ("fills", fills), ("price_ok", fills), ("at_best", fills), ("at_front", fills)],
        );
    }
    let top = folder.join("futures_mbp-1_2024-07-01T23-58_2024-07-02T00-02.dbn.zst");
    let (code, _, stderr) = check(&["dbn", "--file", top.to_str().unwrap()]);
    assert!(code == 3 && stderr.contains("mbp-1"), "{code}: {stderr}");
}
