//! What `grep` prints against what `dump` prints, filtered by the test itself.

use super::*;
use crate::dump::tests::{Scratch, journal};
use crate::dump::{DumpArgs, dump};
use crate::exit::{Exit, exit_of};
use serde_json::Value;

fn parsed(out: &[u8]) -> Vec<Value> {
    std::str::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn found(args: &GrepArgs) -> Vec<Value> {
    let mut out = Vec::new();
    let count = grep(args, &mut out).unwrap();
    let lines = parsed(&out);
    assert_eq!(lines.len() as u64, count);
    lines
}

fn all(scratch: &Scratch) -> Vec<Value> {
    let mut out = Vec::new();
    dump(&DumpArgs { dir: scratch.0.clone(), json: true, ..DumpArgs::default() }, &mut out).unwrap();
    parsed(&out)
}

#[test]
fn what_is_printed_is_what_dump_prints_of_the_events_that_match() {
    let scratch = journal("grep");
    let base = || GrepArgs { dir: scratch.0.clone(), json: true, ..GrepArgs::default() };
    let some = |text: &str| Some(text.to_owned());
    let kind = |line: &Value, names: &[&str]| names.iter().any(|name| line["kind"] == *name);
    type Oracle<'a> = &'a dyn Fn(&Value) -> bool;
    let table: &[(GrepArgs, usize, Oracle<'_>)] = &[
        (base(), 12, &|_| true),
        (GrepArgs { kind: vec!["order".into(), "Full".into()], ..base() }, 2, &|l| {
            kind(l, &["Order", "Full"])
        }),
        (GrepArgs { instrument: vec!["NSE:TCS".into(), "NSE:NIFTY 50".into()], ..base() }, 8, &|l| {
            !l["instrument"].is_null()
        }),
        (GrepArgs { order: Some(1_281), ..base() }, 1, &|l| l["body"]["id"] == "1281"),
        (GrepArgs { order: Some(1), ..base() }, 0, &|_| false),
        (GrepArgs { strategy: some("ema"), ..base() }, 1, &|l| l["body"]["strategy"] == "ema"),
        (GrepArgs { strategy: some("#0"), ..base() }, 1, &|l| l["body"]["strategy"] == "ema"),
        (GrepArgs { strategy: some("risk"), ..base() }, 0, &|l| l["body"]["strategy"] == "risk"),
        (GrepArgs { text: some("side=buy order_type=limit"), ..base() }, 1, &|l| kind(l, &["Order"])),
        (
            GrepArgs { kind: vec!["Order".into()], instrument: vec!["NSE:NIFTY 50".into()], ..base() },
            0,
            &|_| false,
        ),
        (GrepArgs { from: some("6"), to: some("09:15:03"), ..base() }, 3, &|l| {
            (6..=8).contains(&l["seq"].as_u64().unwrap())
        }),
    ];
    for (args, count, oracle) in table {
        let expected: Vec<Value> = all(&scratch).into_iter().filter(|line| oracle(line)).collect();
        assert_eq!(expected.len(), *count, "{args:?}");
        assert_eq!(found(args), expected, "{args:?}");
    }
}

#[test]
fn what_the_journal_does_not_have_is_refused_with_what_it_has() {
    let scratch = journal("grep-wrong");
    let base = || GrepArgs { dir: scratch.0.clone(), ..GrepArgs::default() };
    for (wrong, hint) in [
        (GrepArgs { strategy: Some("slow".into()), ..base() }, "ema and risk"),
        (GrepArgs { instrument: vec!["NSE:INFY".into()], ..base() }, "NSE:TCS"),
        (GrepArgs { kind: vec!["Orders".into()], ..base() }, "Order,"),
    ] {
        let error = grep(&wrong, &mut Vec::new()).unwrap_err();
        assert_eq!(exit_of(&error), Exit::Usage);
        assert!(error.to_string().contains(hint), "{error}");
    }
}

#[test]
fn a_journal_of_inputs_alone_is_searched_too() {
    let scratch = journal("grep-inputs");
    std::fs::remove_dir_all(scratch.0.join(OUTPUTS)).unwrap();
    let args =
        GrepArgs { dir: scratch.0.clone(), json: true, kind: vec!["Full".into()], ..GrepArgs::default() };
    assert_eq!(found(&args).len(), 1);
}
