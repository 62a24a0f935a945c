//! The names of a signal's facts, as the kinds of strategies give them.

/// Names of the six facts of a kind; an empty name is a fact that the kind does not have.
pub(crate) fn names(kind: &str) -> [&'static str; 6] {
    match kind {
        "ema_crossover" => ["fast", "slow", "previous fast", "previous slow", "close", "bars seen"],
        "multi_factor_momentum" => ["price", "VWAP", "RSI", "imbalance", "imbalance known", "minutes seen"],
        _ => ["fact 1", "fact 2", "fact 3", "fact 4", "fact 5", "fact 6"],
    }
}
