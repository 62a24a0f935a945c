//! The keystone: on virtual time every driver gives the same bytes, and the test would notice if one did not.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_engine::drive::affinity::allowed_cpus;
use pitlane_engine::drive::idle::Wait;
use pitlane_engine::drive::topology::RingSizes;
use pitlane_engine::event::{Decision, Intent, Rule};
use pitlane_tests::market::Market;
use pitlane_tests::{Activity, Outcome, Rng, run_fused, run_pinned, run_sim, seed};

/// Seeded schedules per run of the suite, and with `tests/gate --long`.
const SCHEDULES: u64 = 600;
const SCHEDULES_LONG: u64 = 20_000;

/// Seconds of market in one schedule.
const SECONDS: u64 = 24;

fn difference(a: &Outcome, b: &Outcome) -> String {
    let first =
        |a: &[u8], b: &[u8]| std::iter::zip(a, b).position(|(a, b)| a != b).unwrap_or(a.len().min(b.len()));
    format!(
        "inputs {} and {} bytes, first difference at {}; outputs {} and {} bytes, first difference at {}",
        a.inputs.len(),
        b.inputs.len(),
        first(&a.inputs, &b.inputs),
        a.outputs.len(),
        b.outputs.len(),
        first(&a.outputs, &b.outputs)
    )
}

/// The market of schedule number `n`: last prices and resting orders, or depth and everything risk can do.
fn market(rng: &mut Rng, n: u64) -> Market {
    let seed = rng.draw();
    if (n / 4).is_multiple_of(2) { Market::new(seed, SECONDS) } else { Market::depth(seed, SECONDS) }
}

/// Runs schedules until one differs from fused or gets stuck; what was found, and what the runs did in all. `plant` is
/// called around each simulated run, so that the reference stays sound.
fn first_failure(base: u64, schedules: u64, plant: &dyn Fn(bool)) -> (Option<String>, Activity) {
    let mut total = Activity::default();
    for n in 0..schedules {
        let mut rng = Rng(base.wrapping_add(n));
        let market = market(&mut rng, n);
        let (reference, activity) = run_fused(&market);
        total.add(&activity);
        let threads = 2 + (n % 4) as usize;
        let rings = if n % 3 == 2 { RingSizes { events: 64, ..RingSizes::MIN } } else { RingSizes::MIN };
        plant(true);
        let simulated = run_sim(&market, threads, rings, rng.draw());
        plant(false);
        match simulated {
            Ok(outcome) if outcome == reference => {}
            Ok(outcome) => {
                let what = difference(&reference, &outcome);
                return (Some(format!("seed {base} schedule {n}, {threads} workers: {what}")), total);
            }
            Err(error) => {
                return (Some(format!("seed {base} schedule {n}, {threads} workers: {error}")), total);
            }
        }
    }
    (None, total)
}

#[test]
fn every_seeded_schedule_equals_fused() {
    let long = std::env::var("PITLANE_LONG").is_ok_and(|long| !long.is_empty());
    let schedules = if long { SCHEDULES_LONG } else { SCHEDULES };
    let (failure, total) = first_failure(seed("keystone", 20_260_731), schedules, &|_| {});
    assert_eq!(failure, None);
    println!("{schedules} schedules: {total:?}");
    // The runs must have been about something: orders, fills, and orders that only a report can cause.
    assert!(total.orders > 20 * schedules && total.fills > 10 * schedules, "too little happened: {total:?}");
    let never: Vec<Rule> =
        Rule::ALL.iter().copied().filter(|&rule| total.rules[rule as usize] == 0).collect();
    // Five instruments never have 128 orders open; a kind speaks of prices, so there is one; and a kind that may not go
    // short says EXIT.
    assert_eq!(
        never,
        [Rule::OpenOrders, Rule::LtpMissing, Rule::ShortNotAllowed],
        "rules that decided nothing"
    );
    assert!(Decision::ALL.iter().all(|&decision| total.decisions[decision as usize] > 0), "{total:?}");
    assert!(Intent::ALL.iter().all(|&intent| total.intents[intent as usize] > 0), "{total:?}");
    assert!(total.modifies > schedules / 10, "{total:?}");
}

#[test]
fn threads_of_their_own_equal_fused_under_every_wait() {
    for market in [Market::new(seed("pinned", 7), 60), Market::depth(seed("pinned depth", 7), 60)] {
        threads_equal_fused(&market);
    }
}

fn threads_equal_fused(market: &Market) {
    let (reference, activity) = run_fused(market);
    assert!(activity.fills > 20, "too little happened: {activity:?}");
    let cpus = allowed_cpus();
    for wait in [Wait::Busy, Wait::Yield, Wait::Park] {
        for threads in 1..=cpus.len().min(5) {
            let outcome = run_pinned(market, &cpus[..threads], wait);
            assert!(
                outcome == reference,
                "{threads} threads, {wait:?}: {}",
                difference(&reference, &outcome)
            );
        }
        // More workers than cores: each cpu hosts several. Spinning would only be slow, so it is left out.
        if wait != Wait::Busy {
            let shared: Vec<usize> = cpus.iter().copied().cycle().take(5).collect();
            let outcome = run_pinned(market, &shared, wait);
            assert!(outcome == reference, "5 threads, {wait:?}: {}", difference(&reference, &outcome));
        }
    }
}

#[test]
fn a_seed_is_a_run() {
    let market = Market::new(seed("twice", 11), 30);
    assert!(run_fused(&market).0 == run_fused(&market).0);
    assert!(run_fused(&market).0 != run_fused(&Market::new(12, 30)).0, "another seed must be another run");
}

#[cfg(feature = "planted")]
#[test]
fn every_planted_release_rule_is_caught() {
    use pitlane_engine::planted::{Bug, plant};
    // One bug by name if `PITLANE_PLANTED` is set, else all of them.
    let chosen = std::env::var("PITLANE_PLANTED").ok();
    let wanted = |name: &str| chosen.as_deref().is_none_or(|chosen| chosen == name);
    assert!(chosen.as_deref().is_none_or(|name| Bug::from_name(name).is_some()), "no such bug: {chosen:?}");
    for &(name, bug) in Bug::ALL.iter().filter(|(name, _)| wanted(name)) {
        let around = |on: bool| plant(on.then_some(bug));
        let (failure, _) = first_failure(seed(name, 20_260_731), SCHEDULES, &around);
        println!("{name}: {}", failure.as_deref().unwrap_or("not caught"));
        assert!(failure.is_some(), "the planted bug {name} was not caught in {SCHEDULES} schedules");
    }
}
