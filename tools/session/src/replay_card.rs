//! Verifications and what-if runs for people and programs.

use crate::profit::{Profit, show_date};
use crate::summary::{alarms, card, dead_letters, hex, pnl_table, rate, show_counts, verdicts};
use crate::verify::{Part, Verified};
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
    ];
    rows.extend(Profit::of(&result.ledger, &verified.pipeline).rows(""));
    rows.extend([
        ("venue", verified.pipeline.venue.describe()),
        ("latency", verified.pipeline.venue.latency_text()),
        ("state hash", verified.state_hash().map_or_else(|| "not known".to_owned(), hex)),
        ("identical", identical),
    ]);
    if let Some(Part { from, to, snapshot }) = verified.part {
        let begun = match snapshot {
            Some(seq) => format!("begun with snapshot {seq}, which is believed"),
            None => "everything before was run again".to_owned(),
        };
        rows.insert(0, ("compared", format!("what inputs {from} to {to} made; {begun}")));
    }
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
    let mut summary = json!({
        "schema": "replay-summary/1",
        "events": counts.events,
        "events_per_s": rate(counts.events, done.finished.wall_s),
        "ticks": counts.ticks,
        "bars": counts.bars,
        "signals": counts.signals,
        "orders": counts.orders,
        "fills": counts.fills,
        "rejects": counts.rejects,
        "open_positions": result.ledger.open_positions(),
        "state_hash": hex(result.state_hash()),
        "identical": Value::Null,
        "first_divergence": Value::Null,
        "journal": done.out,
        "path": done.path,
        "sessions": done.seen.sessions,
        "session_first": done.seen.dates.0,
        "session_last": done.seen.dates.1,
        "notes": done.notes,
        "warmup": done.warmup,
        "latency_min_ns": done.latency_min_ns,
        "venue": done.pipeline.venue.describe(),
        "latency": done.pipeline.venue.latency_text(),
        "dead_letters": dead_letters(counts),
        "verdicts": verdicts(counts),
        "alarms": alarms(counts),
        "risk_stop": result.risk_stop.map(pitlane_engine::event::Rule::name),
        "wall_s": done.finished.wall_s,
    });
    Profit::of(&result.ledger, &done.pipeline).add_to(&mut summary);
    summary
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
    ];
    let open = format!(", {} positions open", result.ledger.open_positions());
    rows.extend(Profit::of(&result.ledger, &done.pipeline).rows(&open));
    rows.extend([
        ("venue", done.pipeline.venue.describe()),
        ("latency", done.pipeline.venue.latency_text()),
        ("state hash", hex(result.state_hash())),
        ("journal", out),
    ]);
    if let Some(warmup) = &done.warmup {
        rows.insert(1, ("warmup", warmup.line()));
    }
    if done.is_bar_driven {
        rows.insert(0, ("prices", done.path.clone()));
    }
    if done.seen.sessions > 1 {
        let (first, last) = done.seen.dates;
        let (first, last) = (show_date(first), show_date(last));
        rows.insert(0, ("sessions", format!("{}, {first} to {last}", done.seen.sessions)));
    }
    rows.extend(done.notes.iter().map(|note| ("note", note.clone())));
    let mut text = format!("{}\n", card(&rows));
    if let Some(table) = pnl_table(&result.ledger, &done.pipeline.instruments) {
        let _ = write!(text, "\n{table}\n");
    }
    text
}
