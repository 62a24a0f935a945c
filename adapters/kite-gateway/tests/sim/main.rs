//! The gateway against a broker that is wrong in every way brokers are, in thousands of seeded schedules.
//!
//! In each one, at every moment: at most one broker order per intent, no call too many, nothing but cancels and
//! flattening orders after the latch, nothing before its cause is durable, every reported value exact, and the engine's
//! worst case covers what is true. At the end, once quiet: positions equal, no order UNKNOWN, armed; or halted, where
//! something happened that nobody can mend.
//!
//! `PITLANE_SIM_SEED=n` plays one schedule, `PITLANE_SIM_SEEDS=1-2000` these, both ends included.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod broker;
mod desk;
mod fault;
mod rng;
mod world;

use fault::ALL;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use world::World;

/// Every kind of fault must have happened so often.
const SEEN_AT_LEAST: u64 = 100;

fn play(seed: u64) -> (World, Result<(), String>) {
    let mut world = World::new(seed);
    let result = world.run();
    (world, result)
}

#[test]
fn whatever_the_broker_does() {
    if let Ok(seed) = std::env::var("PITLANE_SIM_SEED") {
        let (world, result) = play(seed.parse().unwrap());
        println!("{}", world.story());
        assert!(result.is_ok(), "{}\n{}", result.unwrap_err(), world.story());
        return;
    }
    let long = std::env::var("PITLANE_LONG").is_ok_and(|long| !long.is_empty());
    let some = std::env::var("PITLANE_SIM_SEEDS").ok();
    let some = some.map(|range| {
        let (first, last) = range.split_once('-').expect("such as 1-2000");
        (first.parse::<u64>().unwrap(), last.parse::<u64>().unwrap())
    });
    let (first, last) = some.unwrap_or((1, if long { 100_000 } else { 10_000 }));
    assert!(first <= last, "seeds {first}-{last} are none");
    let (next, seen, failed) =
        (AtomicU64::new(first), Mutex::new(vec![0u64; ALL.len() + 4]), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > last || failed.lock().unwrap().len() >= 10 {
                        return;
                    }
                    let (world, result) = play(seed);
                    let mut seen = seen.lock().unwrap();
                    seen.iter_mut()
                        .zip(world.seen.iter().chain(&world.work()))
                        .for_each(|(all, one)| *all += one);
                    if let Err(why) = result {
                        failed.lock().unwrap().push(format!("seed {seed} epoch {}: {why}", world.epoch()));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} schedules failed:\n{}", failed.len(), failed.join("\n"));
    let seen = seen.into_inner().unwrap();
    let (faults, work) = seen.split_at(ALL.len());
    println!("placed, modified, cancelled, filled: {work:?}");
    for (fault, seen) in ALL.iter().zip(faults) {
        println!("{fault:?} {seen}");
        // A few schedules have not everything in them.
        assert!(some.is_some() || *seen >= SEEN_AT_LEAST, "{fault:?} happened {seen} times");
    }
    assert!(
        some.is_some() || work.iter().all(|count| *count > last - first),
        "a market where nothing happens proves nothing: {work:?}"
    );
}
