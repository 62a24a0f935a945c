//! A thousand sessions of strategies that mean harm, in markets that do too: whatever they do, risk keeps its promises.
//! What left the pipeline is read by a checker that keeps an account of its own; and the checker is shown broken promises.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod account;
mod checker;
mod feed;
mod kinds;
mod planted;
mod scenario;

use checker::{Tally, check};
use pitlane_engine::event::{AlarmCode, Decision, Intent, Rule};
use pitlane_tests::seed;
use scenario::Scenario;

/// Sessions per run of the suite, and with `tests/gate --long`.
const SESSIONS: u64 = 1_000;
const SESSIONS_LONG: u64 = 20_000;

/// Runs and checks the sessions `from .. to`: the broken promises, and what happened in all.
fn run(base: u64, from: u64, to: u64) -> (Vec<String>, Tally) {
    let (mut found, mut total) = (Vec::new(), Tally::default());
    for n in from..to {
        let scenario = Scenario::new(base.wrapping_add(n));
        let (inputs, outputs) = scenario.run();
        let (violations, tally) = check(&scenario, &scenario.config, &inputs, &outputs);
        total.add(&tally);
        if let Some(first) = violations.first() {
            let (promise, seq, count) = (first.promise, first.seq, violations.len());
            let Scenario { seed, config, commands, .. } = &scenario;
            found.push(format!(
                "PITLANE_SEED={seed}: {promise} broken in step {seq}: {}, and {} more\n{:?}\n{:?}\n{commands:?}",
                first.text,
                count - 1,
                config.risk,
                config.strategies,
            ));
        }
    }
    (found, total)
}

#[test]
fn a_thousand_adversaries_break_no_promise() {
    let base = seed("adversaries", 4_082_026);
    let long = std::env::var("PITLANE_LONG").is_ok_and(|long| !long.is_empty());
    let sessions = if long { SESSIONS_LONG } else { SESSIONS };
    let half = sessions / 2;
    let ((mut found, mut total), other) = std::thread::scope(|scope| {
        let other = scope.spawn(move || run(base, half, sessions));
        (run(base, 0, half), other.join().unwrap())
    });
    found.extend(other.0);
    total.add(&other.1);
    println!("{sessions} sessions: {total:?}");
    // The first line of each: which seed, which promise.
    found.iter().for_each(|text| println!("{}", text.lines().next().unwrap_or_default()));
    assert!(found.is_empty(), "{} sessions broke a promise; the first:\n{}", found.len(), found[0]);

    // They were about something: everything risk can do, it did.
    let never = |rule: &&Rule| !total.rules.contains_key(&(**rule as u8));
    let never: Vec<Rule> = Rule::ALL.iter().filter(never).copied().collect();
    // Seven instruments have at most fourteen orders, a market without any price sends no tick to speak at, and none is halted.
    assert_eq!(never, [Rule::OpenOrders, Rule::LtpMissing, Rule::Halted], "rules that decided nothing");
    assert!(Decision::ALL.iter().all(|&code| total.decisions.contains_key(&(code as u8))));
    assert!(Intent::ALL.iter().all(|&code| total.intents.contains_key(&(code as u8))));
    let alarms = [AlarmCode::NotFlat, AlarmCode::Halted, AlarmCode::Killed, AlarmCode::Resumed];
    assert!(alarms.iter().all(|&code| total.alarms.contains_key(&(code as u8))));
    assert!(total.entries > 10 * sessions && total.cancels > sessions && total.modifies > sessions / 5);
}

#[test]
fn every_planted_violation_is_seen() {
    let unseen = planted::unseen(seed("planted", 4_082_026), 300);
    assert_eq!(unseen, Vec::<&str>::new(), "broken promises that the checker did not see");
}
