//! Verifications and what-if runs for people and programs.

use crate::summary::{PNL_BASIS, alarms, card, dead_letters, hex, pnl_table, rate, show_counts, verdicts};
use crate::verify::Verified;
use crate::whatif::WhatIf;
use serde_json::{Value, json};
use std::fmt::Write;

/// The card of a verification.
pub fn verified(verified: &Verified) -> String {
    let result = &verified.result;
    let identical = match verified.identical {
        None => "no outputs were recorded; the inputs are sound".to_owned(),
        Some(identical) => identical.to_string(),
    };
    let mut rows = vec![
        ("inputs", result.inputs.to_string()),
        ("speed", format!("{:.3} s, {:.0} inputs/s", verified.wall_s, rate(result.inputs, verified.wall_s))),
        ("orders, fills", format!("{}, {}", result.counts.orders, result.counts.fills)),
        ("pnl", format!("{} rupees ({PNL_BASIS})", result.ledger.total())),
        ("state hash", hex(result.state_hash())),
        ("identical", identical),
    ];
    for note in &verified.notes {
        rows.push(("note", note.clone()));
    }
    if let Some(divergence) = &result.divergence {
        rows.push((
            "first divergence",
            format!(
                "seq {}, stage {}, {} output {}, field {}: recorded {}, recomputed {}",
                divergence.seq.0,
                divergence.stage,
                divergence.kind.name(),
                divergence.index,
                divergence.field,
                divergence.recorded,
                divergence.recomputed
            ),
        ));
    }
    format!("{}\n", card(&rows))
}

/// The summary object of a what-if run.
pub fn whatif_json(done: &WhatIf) -> Value {
    let result = &done.finished.result;
    let counts = &result.counts;
    json!({
        "schema": "replay-summary/1",
        "events": counts.events,
        "events_per_s": rate(counts.events, done.finished.wall_s),
        "ticks": counts.ticks,
        "bars": counts.bars,
        "signals": counts.signals,
        "orders": counts.orders,
        "fills": counts.fills,
        "rejects": counts.rejects,
        "net_pnl": result.ledger.total().to_string(),
        "pnl_basis": PNL_BASIS,
        "open_positions": result.ledger.open_positions(),
        "state_hash": hex(result.state_hash()),
        "identical": Value::Null,
        "first_divergence": Value::Null,
        "journal": done.out,
        "warmup": done.warmup,
        "latency_min_ns": done.latency_min_ns,
        "dead_letters": dead_letters(counts),
        "verdicts": verdicts(counts),
        "alarms": alarms(counts),
        "risk_stop": result.risk_stop.map(pitlane_engine::event::Rule::name),
        "wall_s": done.finished.wall_s,
    })
}

/// The card of a what-if run.
pub fn whatif(done: &WhatIf) -> String {
    let result = &done.finished.result;
    let counts = &result.counts;
    let out =
        done.out.as_ref().map_or_else(|| "none (give --out DIR)".to_owned(), |dir| dir.display().to_string());
    let mut rows = vec![
        ("inputs", format!("{} ({} ticks)", counts.events, counts.ticks)),
        (
            "speed",
            format!(
                "{:.3} s, {:.0} inputs/s",
                done.finished.wall_s,
                rate(counts.events, done.finished.wall_s)
            ),
        ),
        ("bars, signals", format!("{}, {}", counts.bars, counts.signals)),
        ("orders, fills, rejects", format!("{}, {}, {}", counts.orders, counts.fills, counts.rejects)),
        ("verdicts", show_counts(&verdicts(counts))),
        ("dead letters", show_counts(&dead_letters(counts))),
        ("alarms", show_counts(&alarms(counts))),
        (
            "pnl",
            format!(
                "{} rupees ({PNL_BASIS}), {} positions open",
                result.ledger.total(),
                result.ledger.open_positions()
            ),
        ),
        (
            "venue",
            format!(
                "paper, displayed depth where there is one, else the last price; L_min {} us; no market impact, no queue",
                done.latency_min_ns / 1_000
            ),
        ),
        ("state hash", hex(result.state_hash())),
        ("journal", out),
    ];
    if let Some(warmup) = &done.warmup {
        rows.insert(1, ("warmup", warmup.line()));
    }
    let mut text = format!("{}\n", card(&rows));
    if let Some(table) = pnl_table(&result.ledger, &done.instruments) {
        let _ = write!(text, "\n{table}\n");
    }
    text
}
