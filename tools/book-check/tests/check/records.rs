//! Order-by-order records that the tests make.

use super::{outcome, put, text};
use serde_json::json;
use tempfile::TempDir;

pub(crate) fn head(version: u8, schema: u16) -> Vec<u8> {
    let mut head = b"DBN".to_vec();
    head.push(version);
    head.extend(100_u32.to_le_bytes());
    head.extend([0; 16]);
    head.extend(schema.to_le_bytes());
    head.extend([0; 82]);
    head
}

/// Action, side, order, price in whole units, size, whether it ends the event.
pub(crate) type Row = (char, char, u64, i64, u32, bool);

pub(crate) fn record(&(action, side, id, price, size, is_last): &Row) -> Vec<u8> {
    let mut bytes = vec![14, 160, 1, 0];
    bytes.extend(17_077_u32.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend(id.to_le_bytes());
    bytes.extend((price * 1_000_000_000).to_le_bytes());
    bytes.extend(size.to_le_bytes());
    bytes.extend([if is_last { 128 } else { 0 }, 0, action as u8, side as u8]);
    bytes.extend([0; 16]);
    assert_eq!(bytes.len(), 56);
    bytes
}

pub(crate) fn file(rows: &[Row]) -> Vec<u8> {
    [head(1, 0)].into_iter().chain(rows.iter().map(record)).flatten().collect()
}

fn scores(name: &str, rows: &[Row]) -> [u64; 4] {
    let dir = TempDir::new().unwrap();
    let path = put(&dir, "flow.dbn.zst", zstd::encode_all(file(rows).as_slice(), 3).unwrap());
    let (code, report, stderr) = outcome(&["dbn", "--file", text(&path), "--json"]);
    assert_eq!(code, 0, "{name}: {stderr}");
    assert_eq!(report["rows"], json!(rows.len()), "{name}");
    ["fills", "price_ok", "at_best", "at_front"].map(|key| report[key].as_u64().unwrap())
}

const BOOK: [Row; 4] = [
    ('A', 'A', 1, 101, 5, true),
    ('A', 'A', 2, 101, 5, true),
    ('A', 'A', 3, 102, 5, true),
    ('A', 'B', 4, 100, 5, true),
];

fn after(rows: &[Row]) -> Vec<Row> {
    [&BOOK[..], rows].concat()
}

fn assert_scores(table: &[(&str, &[Row], [u64; 4])]) {
    for &(name, rows, expected) in table {
        assert_eq!(scores(name, &after(rows)), expected, "{name}");
    }
}

#[test]
fn fills_are_scored_by_price_best_and_front() {
    assert_scores(&[
        (
            "the first order",
            &[('T', 'B', 9, 101, 5, false), ('F', 'A', 1, 101, 5, false), ('C', 'A', 1, 101, 5, true)],
            [1, 1, 1, 1],
        ),
        (
            "the second",
            &[('T', 'B', 9, 101, 5, false), ('F', 'A', 2, 101, 5, false), ('C', 'A', 2, 101, 5, true)],
            [1, 1, 1, 0],
        ),
        (
            "behind the best price",
            &[('T', 'B', 9, 102, 5, false), ('F', 'A', 3, 102, 5, false), ('C', 'A', 3, 102, 5, true)],
            [1, 1, 0, 1],
        ),
        (
            "at another price than its own",
            &[('T', 'B', 9, 101, 5, false), ('F', 'A', 3, 101, 5, true)],
            [1, 0, 1, 0],
        ),
        (
            "no aggressor: an auction",
            &[('T', 'N', 9, 101, 5, false), ('F', 'A', 1, 101, 5, false), ('C', 'A', 1, 101, 5, true)],
            [0, 0, 0, 0],
        ),
    ]);
}

#[test]
fn orders_cancelled_in_the_same_event_are_self_match_prevention() {
    assert_scores(&[
        (
            "the second, and the first is cancelled: self-match prevention",
            &[
                ('T', 'B', 9, 101, 5, false),
                ('F', 'A', 2, 101, 5, false),
                ('C', 'A', 1, 101, 5, false),
                ('C', 'A', 2, 101, 5, true),
            ],
            [1, 1, 1, 1],
        ),
        (
            "the first is cancelled only in the next event",
            &[
                ('T', 'B', 9, 101, 5, false),
                ('F', 'A', 2, 101, 5, false),
                ('C', 'A', 2, 101, 5, true),
                ('C', 'A', 1, 101, 5, true),
            ],
            [1, 1, 1, 0],
        ),
    ]);
}

#[test]
fn what_fills_and_changes_leave_keeps_its_place_or_loses_it() {
    assert_scores(&[
        (
            "what is left keeps its place",
            &[
                ('T', 'B', 9, 101, 2, false),
                ('F', 'A', 1, 101, 2, false),
                ('M', 'A', 1, 101, 3, true),
                ('T', 'B', 9, 101, 3, false),
                ('F', 'A', 1, 101, 3, false),
                ('C', 'A', 1, 101, 3, true),
            ],
            [2, 2, 2, 2],
        ),
        (
            "an iceberg's next clip goes to the back",
            &[
                ('T', 'B', 9, 101, 5, false),
                ('F', 'A', 1, 101, 5, false),
                ('M', 'A', 1, 101, 5, true),
                ('T', 'B', 9, 101, 5, false),
                ('F', 'A', 2, 101, 5, false),
                ('C', 'A', 2, 101, 5, true),
                ('T', 'B', 9, 101, 5, false),
                ('F', 'A', 1, 101, 5, false),
                ('C', 'A', 1, 101, 5, true),
            ],
            [3, 3, 3, 3],
        ),
        (
            "a smaller size keeps its place, a larger goes to the back",
            &[
                ('M', 'A', 1, 101, 4, true),
                ('T', 'B', 9, 101, 1, false),
                ('F', 'A', 1, 101, 1, false),
                ('M', 'A', 1, 101, 3, true),
                ('M', 'A', 1, 101, 6, true),
                ('T', 'B', 9, 101, 5, false),
                ('F', 'A', 2, 101, 5, false),
                ('C', 'A', 2, 101, 5, true),
            ],
            [2, 2, 2, 2],
        ),
    ]);
}

#[test]
fn sweeps_and_the_open_are_trading_too() {
    assert_scores(&[
        (
            "a sweep over two prices",
            &[
                ('T', 'B', 9, 102, 12, false),
                ('F', 'A', 1, 101, 5, false),
                ('F', 'A', 2, 101, 5, false),
                ('F', 'A', 3, 102, 2, false),
                ('C', 'A', 1, 101, 5, false),
                ('C', 'A', 2, 101, 5, false),
                ('M', 'A', 3, 102, 3, true),
            ],
            [3, 3, 3, 3],
        ),
        (
            "a crossed book before the open, then trading",
            &[
                ('A', 'B', 5, 103, 5, true),
                ('T', 'N', 0, 101, 5, false),
                ('F', 'A', 1, 101, 5, false),
                ('F', 'B', 5, 101, 5, false),
                ('C', 'A', 1, 101, 5, false),
                ('C', 'B', 5, 103, 5, true),
                ('T', 'A', 9, 100, 2, false),
                ('F', 'B', 4, 100, 2, false),
                ('M', 'B', 4, 100, 3, true),
            ],
            [1, 1, 1, 1],
        ),
    ]);
}

#[test]
fn frames_follow_each_other_prices_may_be_negative_and_a_clear_empties_the_book() {
    let rows: Vec<Row> = vec![
        ('A', 'A', 1, -5, 5, true),
        ('R', 'N', 0, 0, 0, true),
        ('A', 'A', 2, -3, 5, true),
        ('T', 'B', 9, -3, 5, false),
        ('F', 'A', 2, -3, 5, false),
        ('C', 'A', 2, -3, 5, true),
    ];
    assert_eq!(scores("negative", &rows), [1, 1, 1, 1]);
    let dir = TempDir::new().unwrap();
    let bytes = file(&rows);
    let (first, second) = bytes.split_at(150);
    let frames = [zstd::encode_all(first, 1).unwrap(), zstd::encode_all(second, 1).unwrap()].concat();
    let path = put(&dir, "frames.dbn.zst", frames);
    let (code, report, stderr) = outcome(&["dbn", "--file", text(&path), "--json"]);
    assert_eq!((code, &report["rows"]), (0, &json!(6)), "{stderr}");
}
