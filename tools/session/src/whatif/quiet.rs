//! Why a run has no orders, in words: an empty page answers nothing.

use crate::summary::{show_counts, verdicts};
use pitlane_engine::config::PipelineConfig;
use pitlane_engine::drive::sink::Counts;

/// Strategies that a message names at most.
const NAMED_MAX: usize = 3;

/// What kept a run without orders from trading, and where to look; `None` for one with orders.
pub(super) fn why(counts: &Counts, pipeline: &PipelineConfig) -> Option<String> {
    if counts.orders > 0 {
        return None;
    }
    let strategies = &pipeline.strategies;
    if strategies.is_empty() {
        return Some("no orders: no strategy is enabled; give one in [[strategies]]".to_owned());
    }
    let tradable = |id: &pitlane_engine::units::InstrumentId| pipeline.instruments[id.index()].tradable;
    if !strategies.iter().flat_map(|strategy| &strategy.instruments).any(tradable) {
        return Some(
            "no orders: no strategy has an instrument that can be traded; an index cannot, and what is tradable stands in \
             [[instruments]] of the import"
                .to_owned(),
        );
    }
    if counts.ticks == 0 {
        return Some("no orders: the days have no prices".to_owned());
    }
    if counts.signals > 0 {
        return Some(format!(
            "no orders: {} signals, and risk let none of them through: {}",
            counts.signals,
            show_counts(&verdicts(counts))
        ));
    }
    let mut named: Vec<String> = strategies
        .iter()
        .take(NAMED_MAX)
        .map(|strategy| {
            let (id, kind) = (&strategy.id, &strategy.kind);
            format!(
                "{id} ({kind}, {}, {} instruments)",
                strategy.timeframe.name(),
                strategy.instruments.len()
            )
        })
        .collect();
    if strategies.len() > NAMED_MAX {
        named.push(format!("{} more", strategies.len() - NAMED_MAX));
    }
    Some(format!(
        "no orders: {} gave no signal in {} bars of all periods. Indicators that are not warm hold: give more days, \
         --warmup or shorter averages. `export signals` of the journal (--out) lists each hold with its reason",
        named.join(", "),
        counts.bars
    ))
}
