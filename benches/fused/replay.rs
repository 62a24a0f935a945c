//! Replaying a recorded run with its outputs compared, as `journal-replay verify` does, against the run itself.

use crate::runs::{Seats, rate};
use crate::{INPUTS, ROUNDS, WARM_UP, nowhere, scratch};
use pitlane_benches::table::{Goal, row};
use pitlane_journal::Durability;
use pitlane_latency_bench::day::Day;
use pitlane_session::verify::verify;

/// Prints what replaying `day`, which trades by strategies that the engine knows, comes to.
pub(crate) fn replay(name: &str, day: &Day, seats: &Seats) {
    let (mut clean, mut recorded, mut replayed) = (vec![], vec![], vec![]);
    let (mut shares, mut shares_clean) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        clean.push(rate(day, nowhere(), seats.measured()));
        let scratch = scratch();
        recorded.push(rate(day, scratch.journals(Durability::D0), seats.measured()));
        let dir = scratch.hot.join("journal");
        let verified = seats.measured().run(|| verify(&dir)).expect("the run just recorded can be read");
        assert_eq!(verified.identical, Some(true), "the replay differs: {:?}", verified.result.divergence);
        assert_eq!(verified.result.inputs, WARM_UP + INPUTS);
        let rate = verified.result.inputs as f64 / verified.wall_s / 1e6;
        replayed.push(rate);
        shares.push(rate / recorded[recorded.len() - 1]);
        shares_clean.push(rate / clean[clean.len() - 1]);
    }
    let line = |what: &str, figures: &[f64], unit: &str, goal| {
        row(&format!("{name}, crossover: {what}"), figures, unit, goal);
    };
    line("fused, no journal", &clean, "M/s", Goal::None);
    line("fused, D0, recorded", &recorded, "M/s", Goal::None);
    line("replayed, outputs compared", &replayed, "M/s", Goal::None);
    line("replay by the recorded run", &shares, "x", Goal::AtLeast(0.8));
    line("replay by the run without a journal", &shares_clean, "x", Goal::None);
}
