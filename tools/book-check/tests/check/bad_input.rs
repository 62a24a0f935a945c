//! What is refused, with which exit code, and what is said about it.

use super::day::day;
use super::records::{Row, file, head, record};
use super::{Rng, gzip, outcome, put, text, zip};
use std::path::Path;
use tempfile::TempDir;

const MESSAGE: &str = "34200.1,1,7,10,1010000,-1\n";
const ROW: &str = "1010000,10,990000,5\n";

fn assert_refused(name: &str, args: &[&str], exit: i32, words: &[&str]) {
    let (code, _, stderr) = outcome(args);
    assert_eq!(code, exit, "{name}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "{name}: no `{word}` in: {stderr}");
    }
    assert!(!stderr.contains("panicked"), "{name}: {stderr}");
}

fn lobster(name: &str, messages: &Path, rows: &Path, words: &[&str]) {
    assert_refused(
        name,
        &["lobster", "--messages", text(messages), "--book", text(rows), "--json"],
        3,
        words,
    );
}

#[test]
fn wrong_usage_is_2() {
    assert_refused("no flow", &[], 2, &["Usage"]);
    assert_refused("unknown flow", &["itch"], 2, &["itch"]);
    assert_refused("no book", &["lobster", "--messages", "m.csv"], 2, &["--book"]);
    assert_refused("no file", &["dbn", "--json"], 2, &["--file"]);
    assert_refused("no orders", &["quantcup"], 2, &["--orders"]);
}

#[test]
fn lines_that_are_wrong_are_named() {
    let dir = TempDir::new().unwrap();
    let messages: &[(&str, &[&str])] = &[
        (
            "34200.1,1,7,10,1010000\n",
            &["m.csv:2: 5 columns instead of 6", "time,type,id,size,price,direction"],
        ),
        ("34200.1,1,7,ten,1010000,-1\n", &["m.csv:2: size `ten` is no integer"]),
        ("34200.1,9,7,10,1010000,-1\n", &["m.csv:2: type 9 is not from 1 to 7"]),
        ("34200.1,1,7,0,1010000,-1\n", &["m.csv:2: size 0 is not from 1"]),
        ("34200.1,1,0,5,1010000,-1\n", &["m.csv:2: id 0 is not from 1"]),
        ("34200.1,1,7,5,1010000,2\n", &["m.csv:2: direction `2` is neither 1 nor -1"]),
        ("noon,1,7,5,1010000,1\n", &["m.csv:2: time `noon` is no number of seconds"]),
        ("34200.1,1,9223372036854775807,5,1010000,1\n", &["m.csv:2: id 9223372036854775807 is not"]),
        ("34200.1,1,7,5,99999999999999999999,1\n", &["m.csv:2: price `99999999999999999999` is no integer"]),
        ("\n34200.1,1,7,5,1010000,1\n", &["m.csv:2: the line is empty"]),
        ("caf\u{e9},1,7,5,1010000,1\n", &["m.csv:2: it is no text"]),
        ("", &["b.csv:2: ", "m.csv ends before it"]),
    ];
    let rows = put(&dir, "b.csv", ROW.repeat(2));
    for (second, words) in messages {
        lobster(second, &put(&dir, "m.csv", format!("{MESSAGE}{second}")), &rows, words);
    }
    let books: &[(&str, &[&str])] = &[
        ("1010000,10,990000\n", &["b.csv:2: 3 columns instead of 4"]),
        ("1010000,10,990000,5,1020000,5,980000,5\n", &["b.csv:2: 8 columns instead of 4"]),
        ("1010000,x,990000,5\n", &["b.csv:2: ask size `x` is no integer"]),
        ("1010000,0,990000,5\n", &["b.csv:2: a level of ask price 1010000 and size 0"]),
        ("", &["m.csv:2: ", "b.csv ends before it"]),
    ];
    let messages = put(&dir, "m.csv", MESSAGE.repeat(2));
    for (second, words) in books {
        lobster(second, &messages, &put(&dir, "b.csv", format!("{ROW}{second}")), words);
    }
    lobster("columns", &messages, &put(&dir, "b.csv", "1,2,3\n"), &["b.csv:1: 3 columns, not four a level"]);
    let orders: &[(&str, &[&str])] = &[
        ("trader,side,price,qty\n1,Bid,5,5\n", &["o.csv:1: the columns are `trader,side,price,qty`"]),
        ("trader_id,side,price,qty\n1,Buy,5,5\n", &["o.csv:2: side `Buy` is neither Bid nor Ask"]),
        ("1,Bid,5,5\n1,Bid,5,-5\n", &["o.csv:2: qty -5 is not from 1"]),
        ("1,Bid,5,5\n1,Bid,5.5,5\n", &["o.csv:2: price `5.5` is no integer"]),
        ("trader_id,side,price,qty\n", &["o.csv has no rows"]),
    ];
    for (content, words) in orders {
        let path = put(&dir, "o.csv", content);
        assert_refused(content, &["quantcup", "--orders", text(&path)], 3, words);
    }
}

#[test]
fn files_that_are_missing_damaged_or_others_are_3() {
    let dir = TempDir::new().unwrap();
    let day = day(&mut Rng::seeded("damaged", 9), 400, 2, 4);
    let (messages, rows) = (day.messages.as_bytes(), day.rows.as_bytes());
    let book = put(&dir, "b.csv", rows);
    lobster("missing", &dir.path().join("none.csv"), &book, &["cannot open", "none.csv", "check the path"]);
    lobster("directory", dir.path(), &book, &["is a directory"]);
    lobster("empty", &put(&dir, "empty.csv", ""), &book, &["empty.csv is empty"]);
    let packed = gzip(messages);
    let cut = put(&dir, "cut.csv.gz", &packed[..packed.len() / 2]);
    lobster("cut gzip", &cut, &book, &["cut.csv.gz after line", "cut short, fetch it again"]);
    let archive = zip(&[("a_message.csv", messages), ("a_orderbook.csv", rows)]);
    let cut = put(&dir, "cut.zip", &archive[..archive.len() / 2]);
    lobster("cut zip", &cut, &book, &["cut.zip", "cut short, fetch it again"]);
    let mut flipped = archive.clone();
    flipped[200] ^= 0x55;
    let flipped = put(&dir, "flipped.zip", flipped);
    lobster("flipped zip", &flipped, &book, &["flipped.zip"]);
    let other = put(&dir, "other.zip", zip(&[("a.csv", messages), ("b.csv", rows)]));
    lobster("no such member", &other, &book, &["no file whose name contains `message`", "a.csv, b.csv"]);
    let both = put(&dir, "both.zip", zip(&[("message_1.csv", messages), ("message_5.csv", messages)]));
    lobster("two members", &both, &book, &["more than one file", "unpack it and name the file"]);
}

#[test]
fn records_that_are_wrong_are_3() {
    let dir = TempDir::new().unwrap();
    let rows: [Row; 2] = [('A', 'A', 1, 101, 5, true), ('A', 'A', 2, 101, 5, true)];
    let good = file(&rows);
    let with = |more: Vec<u8>| [good.clone(), more].concat();
    let whole = zstd::encode_all(good.as_slice(), 3).unwrap();
    let mut version = good.clone();
    version[3] = 9;
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("no DBN", b"time,price\n".to_vec(), &["no DBN file"]),
        ("version", version, &["DBN version 9"]),
        ("schema", [head(1, 1), record(&rows[0])].concat(), &["mbp-1", "not order by order"]),
        ("cut", good[..good.len() - 5].to_vec(), &["record 1,", "cut short"]),
        ("cut head", good[..40].to_vec(), &["cut short"]),
        ("cut frame", whole[..whole.len() - 5].to_vec(), &["cut short"]),
        ("length", with(vec![1; 16]), &["a record of 4 bytes"]),
        (
            "action",
            with(record(&('X', 'A', 3, 101, 5, true))),
            &["record 3, before offset 276", "action 'X'"],
        ),
        ("side", with(record(&('A', 'x', 3, 101, 5, true))), &["side 'x'"]),
        ("no side", with(record(&('A', 'N', 3, 101, 5, true))), &["a new order without a side"]),
        ("no size", with(record(&('A', 'A', 3, 101, 0, true))), &["a new order without quantity"]),
        ("id", with(record(&('A', 'A', u64::MAX, 101, 5, true))), &["order id 18446744073709551615"]),
        ("nothing", head(2, 0), &["has no order-by-order records"]),
    ];
    for (name, bytes, words) in cases {
        let path = put(&dir, "flow.dbn", bytes);
        assert_refused(name, &["dbn", "--file", text(&path), "--json"], 3, words);
    }
}

/// Whatever a file holds, it is scored or refused.
#[test]
fn no_bytes_make_it_panic() {
    let dir = TempDir::new().unwrap();
    let mut rng = Rng::seeded("mutated files", 10);
    let day = day(&mut rng, 200, 2, 6);
    let rows: Vec<Row> = (0..60)
        .map(|_| {
            let action = ['A', 'A', 'A', 'M', 'C', 'T', 'F', 'R', 'N'][rng.below(9) as usize];
            let side = ['A', 'B'][rng.below(2) as usize];
            let (id, price) = (1 + rng.below(12), 95 + rng.below(10) as i64);
            (action, side, id, price, rng.below(6) as u32, rng.below(2) == 0)
        })
        .collect();
    let records = file(&rows);
    let rounds = if std::env::var_os("PITLANE_LONG").is_some() { 1_000 } else { 30 };
    let mut codes = [0; 5];
    for _ in 0..rounds {
        let (mut messages, mut book) = (day.messages.clone().into_bytes(), day.rows.clone().into_bytes());
        let mut flow = records.clone();
        for _ in 0..=rng.below(6) {
            for bytes in [&mut messages, &mut book, &mut flow] {
                let at = rng.below(bytes.len() as u64) as usize;
                // Digits for digits: most files stay readable and say something else.
                bytes[at] = if bytes[at].is_ascii_digit() { b'0' + rng.below(10) as u8 } else { bytes[at] };
            }
            let at = rng.below(flow.len() as u64) as usize;
            flow[at] = rng.below(256) as u8;
        }
        let (messages, book) = (put(&dir, "m.csv", messages), put(&dir, "b.csv", book));
        let flow = put(&dir, "f.dbn", flow);
        for args in [
            &["lobster", "--messages", text(&messages), "--book", text(&book)][..],
            &["dbn", "--file", text(&flow)],
        ] {
            let (code, _, stderr) = outcome(args);
            assert!([0, 3, 4].contains(&code) && !stderr.contains("panicked"), "{args:?}: {code} {stderr}");
            codes[code as usize] += 1;
        }
    }
    println!("exit codes 0 to 4: {codes:?}");
}
