//! A finished run for people.

use crate::sim::Done;
use crate::summary::{card, pnl_table, show_counts};
use std::fmt::Write;

/// The card that `engine` prints at the end.
pub fn render(done: &Done) -> String {
    let summary = &done.summary;
    let journal = summary.journal.as_ref().map_or_else(|| "none".to_owned(), |dir| dir.display().to_string());
    let mut rows = vec![
        ("run", done.title.clone()),
        ("inputs", format!("{} ({} ticks)", summary.events, summary.ticks)),
        ("speed", format!("{:.3} s, {:.0} inputs/s", summary.wall_s, summary.events_per_s)),
        ("bars, signals", format!("{}, {}", summary.bars, summary.signals)),
        ("orders, fills, rejects", format!("{}, {}, {}", summary.orders, summary.fills, summary.rejects)),
        ("verdicts", show_counts(&summary.verdicts)),
        ("dead letters", show_counts(&summary.dead_letters)),
        ("alarms", show_counts(&summary.alarms)),
    ];
    rows.extend(summary.profit.rows(&format!(", {} positions open", summary.open_positions)));
    let measured: Vec<(String, String)> = summary
        .measured
        .iter()
        .flat_map(|measured| {
            let mut rows = measured.rows(&summary.latency_ns);
            rows.extend(measured.slowest_rows());
            rows
        })
        .collect();
    rows.extend(measured.iter().map(|(name, text)| (name.as_str(), text.clone())));
    rows.extend([
        ("venue", summary.venue.clone()),
        ("latency", summary.latency.clone()),
        ("state hash", summary.state_hash.clone()),
        ("journal", journal),
    ]);
    if let Some(durability) = summary.durability.as_ref().filter(|durability| durability.level != "D0") {
        rows.push(("durability", durability.line()));
    }
    if let Some(broker) = &summary.broker {
        rows.extend(broker.rows());
    }
    if let Some(recovered) = &summary.recovered {
        rows.insert(1, ("restart", recovered.line()));
    }
    if let Some(warmup) = &summary.warmup {
        rows.insert(2, ("warmup", warmup.line()));
    }
    let mut text = format!("{}\n", card(&rows));
    if let Some(table) = pnl_table(&done.ledger, &done.instruments) {
        let _ = write!(text, "\n{table}\n");
    }
    if let Some(reason) = summary.risk_stop {
        let _ = write!(text, "\ntrading was stopped: {reason}\n");
    }
    if let Some(dir) = &summary.journal {
        let _ = write!(text, "\nprove it:  journal-replay verify {}\n", dir.display());
    }
    text
}
