//! What is counted. Each scenario prepares everything outside the counted section.

use crate::measured;
use crate::stages;
use pitlane_benches::book::exchange::Full;
use pitlane_benches::book::workload::{Flow, mixed};
use pitlane_benches::book::{Book, adversarial, filled, ladder::Ladder, naive::Naive};
use pitlane_benches::hop::{four_lines, one_line};
use pitlane_engine::drive::measure::Gauges;

/// A prepared run.
pub(crate) struct Scenario {
    /// What is counted.
    pub(crate) run: Box<dyn FnMut()>,
    /// How many operations that is.
    pub(crate) operations: u64,
}

/// A scenario's name, and what prepares it.
type Named = (&'static str, fn() -> Scenario);

/// Every scenario. The floor and the naive book are there for the ratio, and to see the tools move.
pub(crate) const ALL: &[Named] = &[
    ("exchange.mixed", || flow::<Full>(mixed(OPERATIONS))),
    ("exchange.many_levels", || flow::<Full>(adversarial::many_levels(OPERATIONS))),
    ("exchange.one_level", || flow::<Full>(adversarial::one_level(OPERATIONS))),
    ("exchange.cancel_storm", || flow::<Full>(adversarial::cancel_storm(OPERATIONS))),
    ("exchange.price_jumps", || flow::<Full>(adversarial::price_jumps(OPERATIONS))),
    ("exchange.sparse", || flow::<Full>(adversarial::sparse(OPERATIONS))),
    ("pipeline.plain", || measured::pipeline(None)),
    ("pipeline.measured", || measured::pipeline(Some(Gauges::new(false)))),
    ("pipeline.sampled", || measured::pipeline(Some(Gauges::new(true)))),
    ("ladder.mixed", || flow::<Ladder>(mixed(OPERATIONS))),
    ("naive.mixed", || flow::<Naive>(mixed(OPERATIONS))),
    ("decode", stages::decode),
    ("decode.by_fields", stages::decode_by_fields),
    ("sequence", stages::sequence),
    ("journal.append", stages::append),
    ("bars", stages::bars),
    ("strategy", stages::strategy),
    ("risk", stages::risk),
    ("match", stages::matching),
    ("state_hash", stages::state_hash),
    ("hop", || stages::hop(one_line())),
    ("hop.four_lines", || stages::hop(four_lines())),
    ("pipeline", stages::pipeline),
    ("pipeline.no_journal", stages::pipeline_without_journal),
];

/// Prepares the scenario called `name`.
pub(crate) fn prepare(name: &str) -> Result<Scenario, String> {
    let found = ALL.iter().find(|(known, _)| *known == name);
    let unknown = || format!("no scenario is called {name}; those in benches/count/scenarios.rs are known");
    found.map(|(_, prepare)| prepare()).ok_or_else(unknown)
}

/// A scenario that may take at most so many hundredths of another's instructions.
pub(crate) const AT_MOST: &[(&str, &str, u64)] = &[("pipeline.measured", "pipeline.plain", 110)];

/// Those that are no part of the hot path. Their count depends on the standard library's random hash keys.
pub(crate) const MAY_ALLOCATE: &[&str] = &["naive.mixed"];

/// Measured operations of a flow; callgrind runs some fifty times slower than the machine.
const OPERATIONS: usize = 200_000;

fn flow<B: Book + 'static>(flow: Flow) -> Scenario {
    let mut book = filled::<B>(&flow);
    let operations = (flow.ops.len() - flow.preload) as u64;
    let run = Box::new(move || flow.ops[flow.preload..].iter().for_each(|op| book.apply(*op)));
    Scenario { run, operations }
}
