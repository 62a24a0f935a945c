//! Whether the gates would see what they are there for: an allocation and 2 % of instructions, planted on purpose.

use crate::baseline::{PER, Verdict, count, decimal};
use crate::{allocator, counted_section, scenarios};
use std::hint::black_box;

/// What is planted into: the shortest scenario of a stage.
const SCENARIO: &str = "decode";
/// Planted rounds whose instructions tell what one takes.
const PROBE: u64 = 1_000_000;

/// Some instructions, `rounds` times.
pub(crate) fn instructions(rounds: u64) {
    for round in 0..rounds {
        black_box(round);
    }
}

/// Plants both, and sees that each is caught and that nothing is without them.
pub(crate) fn caught() -> Result<(), String> {
    allocation()?;
    more_instructions()
}

fn allocation() -> Result<(), String> {
    let mut scenario = scenarios::prepare(SCENARIO)?;
    let clean = allocator::during(|| counted_section(&mut *scenario.run));
    let mut scenario = scenarios::prepare(SCENARIO)?;
    let planted = allocator::during(|| {
        counted_section(&mut || {
            (scenario.run)();
            drop(black_box(Box::new(1_u64)));
        });
    });
    println!(
        "allocations of {SCENARIO}: {clean}; with one planted in {} operations: {planted}",
        scenario.operations
    );
    if (clean, planted) == (0, 1) { Ok(()) } else { Err("a planted allocation was not counted".to_owned()) }
}

fn more_instructions() -> Result<(), String> {
    let operations = scenarios::prepare(SCENARIO)?.operations;
    let was = count(SCENARIO, 0)?;
    let of_probe = (count(SCENARIO, PROBE)? - was) * operations;
    // Two hundredths of `was`, in rounds of `of_probe / PROBE` each.
    let rounds = was * operations * 2 / 100 * PROBE / of_probe;
    for (rounds, expected) in [(rounds, Verdict::More), (rounds / 4, Verdict::Same)] {
        let is = count(SCENARIO, rounds)?;
        let verdict = Verdict::of(is, was);
        let (percent, is) = ((is - was) * 100 * PER / was, decimal(is));
        println!("{SCENARIO}: {}; with {} % planted {is}: {verdict:?}", decimal(was), decimal(percent));
        if verdict != expected {
            return Err(format!("planted instructions: expected {expected:?}"));
        }
    }
    Ok(())
}
