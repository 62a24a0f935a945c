use super::day::Naive;
use super::{Rng, gzip, outcome, put, text};
use serde_json::json;
use std::fmt::Write;
use tempfile::TempDir;

#[test]
fn fills_are_those_of_a_naive_book() {
    let dir = TempDir::new().unwrap();
    let mut rng = Rng::seeded("quantcup", 8);
    let streams = if std::env::var_os("PITLANE_LONG").is_some() { 100 } else { 5 };
    for _ in 0..streams {
        let (mut orders, mut expected) = ("trader_id,side,price,qty\n".to_owned(), Vec::new());
        let (mut naive, mut id) = (Naive::default(), 0);
        for message in 0..6_000 {
            let (buy, trader) = (rng.below(2) == 0, rng.below(9));
            let side = if buy { "Bid" } else { "Ask" };
            if rng.below(10) < 4 {
                // Ids that rest, that are gone, that were never given.
                let cancelled = rng.below(id + 5);
                writeln!(orders, "{trader},{side},0,{cancelled}").unwrap();
                naive.orders.retain(|order| order.0 != cancelled);
                continue;
            }
            id += 1;
            let (price, quantity) = (4_780 + rng.below(40) as i64, 1 + rng.below(500) as i64);
            writeln!(orders, "{trader},{side},{price},{quantity}").unwrap();
            let (fills, rest) = naive.trade(buy, price, quantity);
            expected.extend(
                fills.iter().map(|(maker, price, traded)| format!("{message},{id},{maker},{price},{traded}")),
            );
            if rest > 0 {
                naive.orders.push((id, buy, price, rest));
            }
        }
        let (input, fills) =
            (put(&dir, "orders.csv.gz", gzip(orders.as_bytes())), dir.path().join("fills.csv"));
        let (code, report, stderr) =
            outcome(&["quantcup", "--orders", text(&input), "--fills", text(&fills), "--json"]);
        assert_eq!(code, 0, "{stderr}");
        let written = std::fs::read_to_string(&fills).unwrap();
        let written: Vec<&str> = written.lines().collect();
        assert_eq!(written[0], "msg,taker_id,maker_id,price,qty");
        assert!(expected.len() > 1_000);
        assert!(
            expected == written[1..],
            "the first other fill: {:?}",
            expected.iter().zip(&written[1..]).find(|(a, b)| a != b)
        );
        let count = json!(expected.len());
        for key in ["executions", "executions_at_best", "fills", "price_ok", "at_best", "at_front"] {
            assert_eq!(report[key], count, "{key}");
        }
        assert_eq!(report["rows"], json!(6_000));
        for key in ["rows_exact", "runs", "runs_exact", "exceptions"] {
            assert!(report[key].is_null() && report.as_object().unwrap().contains_key(key), "{key}");
        }
    }
}
