//! What a run came to, as one JSON object and as a card for people.

use crate::journal_watch::DurabilitySummary;
use crate::live::summary::BrokerSummary;
use crate::profit::Profit;
use crate::resume::RecoveredSummary;
use crate::stat::MeasuredSummary;
use crate::warmup::WarmupSummary;
use comfy_table::{Table, presets};
use pitlane_engine::config::InstrumentSpec;
use pitlane_engine::drive::measure::Distribution;
use pitlane_engine::drive::replay::ReplayResult;
use pitlane_engine::drive::sink::Counts;
use pitlane_engine::event::{AlarmCode, DeadReason, Decision, Rule};
use pitlane_engine::ledger::Ledger;
use pitlane_engine::units::{InstrumentId, Money};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Percentiles of a latency in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyNs {
    /// Median.
    pub p50: u64,
    /// 90 %.
    pub p90: u64,
    /// 99 %.
    pub p99: u64,
    /// 99.9 %.
    pub p999: u64,
    /// 99.99 %.
    pub p9999: u64,
    /// Largest.
    pub max: u64,
    /// Samples.
    pub count: u64,
}

impl LatencyNs {
    /// The percentiles of what was measured.
    pub fn of(measured: &Distribution) -> Self {
        let at = |quantile| measured.quantile_ns(quantile);
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            p9999: at(0.9999),
            max: measured.max_ns(),
            count: measured.count(),
        }
    }

    /// For people.
    pub fn line(&self) -> String {
        format!("p50 {} ns, p99 {} ns, max {} ns of {}", self.p50, self.p99, self.max, self.count)
    }
}

/// The object of `engine run` and `engine demo`.
#[derive(Clone, Debug, Serialize)]
pub struct EngineSummary {
    /// `engine-summary/1`.
    pub schema: &'static str,
    /// Sequenced inputs.
    pub events: u64,
    /// Market data among them.
    pub ticks: u64,
    /// Closed bars.
    pub bars: u64,
    /// Signals other than HOLD.
    pub signals: u64,
    /// Orders sent.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Orders rejected by the venue.
    pub rejects: u64,
    /// Profit or loss: `net_pnl`, `gross_pnl`, `pnl_basis`, `charges`.
    #[serde(flatten)]
    pub profit: Profit,
    /// The state hash, 32 hexadecimal digits.
    pub state_hash: String,
    /// The journal, if one was written.
    pub journal: Option<PathBuf>,
    /// What its prices are made of: ticks, or candles by some path.
    pub path: String,
    /// The history it was started from, if any.
    pub warmup: Option<WarmupSummary>,
    /// What the run went on from, if it found a part of itself in its journal. The counts are of the whole run.
    pub recovered: Option<RecoveredSummary>,
    /// How the journal became durable; `null` without one.
    pub durability: Option<DurabilitySummary>,
    /// The last input.
    pub seq_last: u64,
    /// Seconds on the wall clock, without a recovery.
    pub wall_s: f64,
    /// Inputs per second on the wall clock, without those that were recovered.
    pub events_per_s: f64,
    /// From an input's arrival to its first order having left risk.
    pub latency_ns: LatencyNs,
    /// What else was measured; `null` with `engine.measure = off`.
    pub measured: Option<MeasuredSummary>,
    /// Waits by cause.
    pub stalls: BTreeMap<&'static str, u64>,
    /// Stages and their cpus.
    pub stage_cpus: BTreeMap<String, String>,
    /// Least latency of the paper venue.
    pub latency_min_ns: u64,
    /// How the paper venue fills: queue, slippage, profile.
    pub venue: String,
    /// How long what goes to the venue and comes from it takes.
    pub latency: String,
    /// Positions that are not flat.
    pub open_positions: u32,
    /// Dead letters by reason.
    pub dead_letters: BTreeMap<&'static str, u64>,
    /// Verdicts by decision and rule.
    pub verdicts: BTreeMap<String, u64>,
    /// Alarms by code.
    pub alarms: BTreeMap<&'static str, u64>,
    /// Why trading stopped, if it did.
    pub risk_stop: Option<&'static str>,
    /// Feed and broker of a run in mode paper or live; left out of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker: Option<BrokerSummary>,
}

/// Dead letters by reason, those that occurred.
pub fn dead_letters(counts: &Counts) -> BTreeMap<&'static str, u64> {
    let count = |reason: DeadReason| counts.dead_by_reason[reason as usize];
    DeadReason::ALL
        .iter()
        .filter(|reason| count(**reason) > 0)
        .map(|reason| (reason.name(), count(*reason)))
        .collect()
}

/// Verdicts as `DECISION rule`, those that occurred.
pub fn verdicts(counts: &Counts) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for decision in Decision::ALL {
        for rule in Rule::ALL {
            let count = counts.verdicts[*decision as usize][*rule as usize];
            if count > 0 {
                let name =
                    if *rule == Rule::None { decision.to_string() } else { format!("{decision} {rule}") };
                found.insert(name, count);
            }
        }
    }
    found
}

/// Alarms by code, those that occurred.
pub fn alarms(counts: &Counts) -> BTreeMap<&'static str, u64> {
    let count = |code: AlarmCode| counts.alarms_of(code);
    AlarmCode::ALL.iter().filter(|code| count(**code) > 0).map(|code| (code.name(), count(*code))).collect()
}

/// Thirty-two hexadecimal digits.
pub fn hex(hash: u128) -> String {
    format!("{hash:032x}")
}

/// The object of `journal-replay verify` and `whatif`.
pub fn replay_json(result: &ReplayResult, profit: &Profit, identical: Option<bool>, wall_s: f64) -> Value {
    let divergence = result.divergence.as_ref().map(|divergence| {
        json!({
            "seq": divergence.seq.0,
            "index": divergence.index,
            "stage": divergence.stage.name(),
            "kind": divergence.kind.name(),
            "field": divergence.field,
            "recorded": divergence.recorded,
            "recomputed": divergence.recomputed,
        })
    });
    let mut summary = json!({
        "schema": "replay-summary/1",
        "events": result.inputs,
        "events_per_s": rate(result.inputs, wall_s),
        "ticks": result.counts.ticks,
        "bars": result.counts.bars,
        "signals": result.counts.signals,
        "orders": result.counts.orders,
        "fills": result.counts.fills,
        "state_hash": hex(result.state_hash()),
        "identical": identical,
        "first_divergence": divergence,
        "recomputed_beyond_recorded": result.beyond_recorded,
        "dead_letters": dead_letters(&result.counts),
        "verdicts": verdicts(&result.counts),
        "alarms": alarms(&result.counts),
        "wall_s": wall_s,
    });
    profit.add_to(&mut summary);
    summary
}

/// A rate per second; zero for no time at all.
pub fn rate(count: u64, wall_s: f64) -> f64 {
    if wall_s > 0.0 { (count as f64 / wall_s).round() } else { 0.0 }
}

/// A table's lines without the blanks that fill its last column.
fn plain(table: &Table) -> String {
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// A two-column table for people.
pub fn card(rows: &[(&str, String)]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (name, value) in rows {
        table.add_row(vec![(*name).to_owned(), value.clone()]);
    }
    plain(&table)
}

/// PnL by instrument, for those that were traded.
pub fn pnl_table(ledger: &Ledger, instruments: &[InstrumentSpec]) -> Option<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(vec!["instrument", "bought", "sold", "position", "gross pnl", "charges", "net pnl"]);
    let mut traded = false;
    for (index, spec) in instruments.iter().enumerate() {
        let position = ledger.position(InstrumentId(index as u32));
        if position.bought == Money::ZERO && position.sold == Money::ZERO {
            continue;
        }
        traded = true;
        table.add_row(vec![
            spec.symbol.clone(),
            position.bought.to_string(),
            position.sold.to_string(),
            position.quantity.0.to_string(),
            position.gross().to_string(),
            position.charges.to_string(),
            position.net().to_string(),
        ]);
    }
    traded.then(|| plain(&table))
}

/// Dates of sessions a person still reads one by one.
const DATES_MAX: usize = 12;

/// Sessions as their dates, or as their number with the first and the last.
pub fn show_dates(dates: &[u32]) -> String {
    match dates {
        [first, .., last] if dates.len() > DATES_MAX => format!("{}, {first} to {last}", dates.len()),
        _ => dates.iter().map(u32::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// A map as `name count, name count`, or `none`.
pub fn show_counts<K: std::fmt::Display>(counts: &BTreeMap<K, u64>) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_sessions_are_counted() {
        assert_eq!(show_dates(&[20_210_415]), "20210415");
        assert_eq!(show_dates(&[20_210_415, 20_210_416]), "20210415, 20210416");
        let many: Vec<u32> = (20_210_401..20_210_421).collect();
        assert_eq!(show_dates(&many), "20, 20210401 to 20210420");
    }
}
