//! The rules of the venue as tables, written from the rules and played by both exchanges. See `script` for the language.

mod auctions;
mod bands;
mod continuous;
mod entry;
mod icebergs;
mod modify;
mod self_trade;
mod stops;
mod volume;

use crate::script::{played, tidy};
use crate::venue::Real;
use pitlane_tests::naive::Naive;

/// What a scenario shows, and its script.
type Scenario = (&'static str, &'static str);

fn all() -> impl Iterator<Item = &'static Scenario> {
    let tables = [
        entry::TABLE,
        continuous::TABLE,
        icebergs::TABLE,
        stops::TABLE,
        modify::TABLE,
        self_trade::TABLE,
        bands::TABLE,
        auctions::TABLE,
        volume::TABLE,
    ];
    tables.into_iter().flatten()
}

#[test]
fn the_naive_exchange_keeps_the_rules() {
    let failed: Vec<&str> =
        all().filter_map(|scenario| differs(scenario, played::<Naive>(scenario.1, 48, 0))).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn the_exchange_keeps_the_rules() {
    let mut failed = Vec::new();
    for scenario in all() {
        // Without and with a ladder, with wide calls and with the narrowest.
        for (records_max, ladder_ticks) in [(48, 0), (48, 1_024), (4, 0), (4, 256)] {
            failed.extend(differs(scenario, played::<Real>(scenario.1, records_max, ladder_ticks)));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn there_are_enough_of_them() {
    let count = all().count();
    println!("{count} scenarios");
    assert!(count >= 60, "{count}");
}

fn differs((name, script): &'static Scenario, played: String) -> Option<&'static str> {
    let script = tidy(script);
    if script == played {
        return None;
    }
    let at = script.lines().zip(played.lines()).position(|(one, other)| one != other);
    let at = at.unwrap_or(script.lines().count().min(played.lines().count()));
    let line = |text: &str| text.lines().nth(at).unwrap_or("(nothing more)").to_owned();
    let before: Vec<&str> = played.lines().take(at).collect();
    println!("{name}:\n{}\nshould be: {}\nand is:    {}\n", before.join("\n"), line(&script), line(&played));
    Some(name)
}
