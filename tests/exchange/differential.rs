//! Random operations on both exchanges.

use crate::generator::of_seed;
use crate::pair::{Pair, Tally};
use crate::shrink::{message, shrink};
use crate::venue::Op;
use pitlane_engine::units::Price;
use pitlane_tests::seed;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Operations of a run, and how often what can be seen is compared.
#[derive(Clone, Copy)]
pub(crate) struct Length {
    pub(crate) ops: usize,
    pub(crate) every: usize,
}

/// One seed's run. On a difference: what differs, and the shortest operations that show it.
pub(crate) fn run(seed: u64, length: Length) -> Result<(u64, Tally), String> {
    let (setup, mut generator) = of_seed(seed);
    let mut pair = Pair::new(&setup);
    let mut ops: Vec<Op> = Vec::new();
    let reference = generator.reference(&pair.naive);
    let mut go = || {
        for number in 1..=length.ops {
            let op = generator.next(&pair.naive);
            ops.push(op);
            pair.apply(op)?;
            if number % length.every == 0 {
                pair.compare(reference)?;
            }
        }
        pair.compare(reference)
    };
    let outcome = catch_unwind(AssertUnwindSafe(&mut go)).unwrap_or_else(|panic| Err(message(&*panic)));
    outcome.map_err(|first| {
        let (ops, what) = shrink(&setup, ops, reference);
        let list: String = ops.iter().map(|op| format!("  {op:?}\n")).collect();
        format!("PITLANE_SEED={seed}: {first}\nshrunk to {} operations:\n{list}{what}\n{setup:?}", ops.len())
    })?;
    Ok((pair.ops, pair.records))
}

/// What random operations must have brought about, or they show nothing: every record, and these reasons.
const OCCASIONS: &[&str] = &[
    "trade",
    "rests",
    "waits",
    "wakes",
    "modifies",
    "keeps",
    "decrements",
    "cancels",
    "rejects",
    "ioc_rest",
    "requested",
    "no_price",
    "self_trade",
    "venue_full",
    "malformed",
    "duplicate",
    "closed",
    "price_band",
    "halted",
    "fill_or_kill",
    "post_only",
    "not_allowed",
    "freeze_quantity",
    "market_rest",
    "auction_end",
];

/// Runs many seeds on two threads; panics with the first difference.
fn campaign(first: u64, seeds: u64, length: Length) {
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let tally = Mutex::new(Tally::new());
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while failed.lock().unwrap().is_none() {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= seeds {
                        return;
                    }
                    match run(first + number, length) {
                        Ok((ops, records)) => {
                            done.fetch_add(ops, Ordering::Relaxed);
                            let mut tally = tally.lock().unwrap();
                            records
                                .into_iter()
                                .for_each(|(what, count)| *tally.entry(what).or_default() += count);
                        }
                        Err(what) => *failed.lock().unwrap() = Some(what),
                    }
                }
            });
        }
    });
    if let Some(what) = failed.into_inner().unwrap() {
        panic!("{what}");
    }
    let (ops, tally) = (done.into_inner(), tally.into_inner().unwrap());
    println!("{seeds} seeds, {ops} operations: equal; {tally:?}");
    let missing: Vec<&&str> = OCCASIONS.iter().filter(|what| !tally.contains_key(**what)).collect();
    assert!(missing.is_empty(), "the operations had no occasion for {missing:?}");
}

#[test]
fn short_runs_are_equal_after_every_operation() {
    campaign(seed("exchange, short", 1), 1_000, Length { ops: 100, every: 1 });
}

#[test]
fn a_million_operations_are_equal() {
    campaign(seed("exchange, long", 1_000_000), 1_000, Length { ops: 1_000, every: 50 });
}

#[test]
fn ten_million_operations_are_equal() {
    if std::env::var_os("PITLANE_LONG").is_none_or(|value| value.is_empty()) {
        return println!("skipped: PITLANE_LONG is not set");
    }
    campaign(seed("exchange, very long", 2_000_000), 2_000, Length { ops: 5_100, every: 500 });
}

/// A seed is a run: what it makes does not depend on anything else.
#[test]
fn a_seed_makes_the_same_operations_again() {
    let (one, other) = (of_seed(7), of_seed(7));
    assert_eq!(format!("{:?}", one.0), format!("{:?}", other.0));
    let mut generators = [one.1, other.1];
    let pair = Pair::new(&one.0);
    for _ in 0..100 {
        let [op, same] = generators.each_mut().map(|generator| generator.next(&pair.naive));
        assert_eq!(op, same);
    }
    assert!(generators[0].reference(&pair.naive) > Price::ZERO);
}
