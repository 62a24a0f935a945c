//! Two results side by side, and gates on what changed between them.

use crate::output::svg::time;
use crate::result::{ResultFile, Row};
use comfy_table::{CellAlignment, Table, presets};
use pitlane_session::exit::{data, usage};
use serde::Serialize;

/// What a gate looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A percentile of the latency, or its largest value; smaller is better.
    P50,
    /// See `P50`.
    P90,
    /// See `P50`.
    P99,
    /// See `P50`.
    P999,
    /// See `P50`.
    P9999,
    /// See `P50`.
    Max,
    /// Operations a second; larger is better.
    Achieved,
}

impl Metric {
    /// Every metric by its name.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::P50, "p50"),
        (Self::P90, "p90"),
        (Self::P99, "p99"),
        (Self::P999, "p99.9"),
        (Self::P9999, "p99.99"),
        (Self::Max, "max"),
        (Self::Achieved, "achieved"),
    ];

    fn of(self, row: &Row) -> f64 {
        let latency = &row.latency;
        match self {
            Self::P50 => latency.p50 as f64,
            Self::P90 => latency.p90 as f64,
            Self::P99 => latency.p99 as f64,
            Self::P999 => latency.p999 as f64,
            Self::P9999 => latency.p9999 as f64,
            Self::Max => latency.max as f64,
            Self::Achieved => row.achieved,
        }
    }

    fn show(self, value: f64) -> String {
        if self == Self::Achieved { format!("{value:.0}/s") } else { time(value) }
    }
}

/// A change that fails: `p99.9>+10%`, `achieved<-5%`, or an absolute bound such as `p99>2us`.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    metric: Metric,
    above: bool,
    bound: Bound,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    /// Change from the base in percent.
    Percent(f64),
    /// A value in nanoseconds, or in operations a second.
    Value(f64),
}

impl Gate {
    /// The gates of a `--fail-if`, separated by commas.
    ///
    /// # Errors
    /// If one is not `METRIC>+N%`, `METRIC<-N%`, or a metric against a time (a rate for `achieved`).
    pub fn parse(text: &str) -> anyhow::Result<Vec<Self>> {
        text.split(',').map(|part| Self::parse_one(part.trim())).collect()
    }

    fn parse_one(text: &str) -> anyhow::Result<Self> {
        let refuse = |why: &str| {
            usage(format!("--fail-if: `{text}` {why}; write p99.9>+10%, achieved<-5% or p99>2us"))
        };
        let at = text.find(['>', '<']).ok_or_else(|| refuse("has no > or <"))?;
        let (name, bound) = (text[..at].trim(), text[at + 1..].trim());
        let metric = Metric::ALL.iter().find(|(_, known)| *known == name).map(|(metric, _)| *metric);
        let metric = metric.ok_or_else(|| {
            refuse("names no metric: there are p50, p90, p99, p99.9, p99.99, max, achieved")
        })?;
        let bound = if let Some(percent) = bound.strip_suffix('%') {
            let value: f64 = percent.parse().map_err(|_| refuse("has no number of percent"))?;
            if !value.is_finite() || !percent.starts_with(['+', '-']) {
                return Err(refuse("needs a change with its sign"));
            }
            Bound::Percent(value)
        } else if metric == Metric::Achieved {
            let rate = crate::rate::Rate::parse(bound).ok().and_then(crate::rate::Rate::per_second);
            Bound::Value(rate.ok_or_else(|| refuse("compares a rate with something else"))? as f64)
        } else {
            let ns = pitlane_config::parse_duration_ns(bound).map_err(|_| refuse("compares with no time"))?;
            Bound::Value(ns as f64)
        };
        Ok(Self { metric, above: text.as_bytes()[at] == b'>', bound, text: text.to_owned() })
    }

    /// Whether `new` fails against `base`.
    fn fails(&self, base: &Row, new: &Row) -> bool {
        let (before, after) = (self.metric.of(base), self.metric.of(new));
        let (value, bound) = match self.bound {
            Bound::Value(bound) => (after, bound),
            // From nothing to something is a growth without measure.
            Bound::Percent(_) if before == 0.0 && after > 0.0 => (f64::INFINITY, 0.0),
            Bound::Percent(bound) => (change(before, after), bound),
        };
        if self.above { value > bound } else { value < bound }
    }
}

/// Change in percent.
fn change(before: f64, after: f64) -> f64 {
    if before == 0.0 { 0.0 } else { (after / before - 1.0) * 100.0 }
}

/// One gate that failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// The scenario.
    pub name: String,
    /// Its rate, as `--rate` takes it.
    pub rate: String,
    /// The gate.
    pub gate: String,
    /// What was found.
    pub why: String,
}

/// What a comparison found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// `latency-compare/1`.
    pub schema: &'static str,
    /// Change in percent by scenario, rate and metric.
    pub rows: Vec<Change>,
    /// Gates that failed.
    pub failures: Vec<Failure>,
    /// What the reader should know.
    pub notes: Vec<String>,
}

/// A scenario at a rate, in both results.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The scenario.
    pub name: String,
    /// Its rate, as `--rate` takes it.
    pub rate: String,
    /// Metric, base, new, change in percent.
    pub metrics: Vec<(&'static str, f64, f64, f64)>,
}

/// Compares `new` with `base`. A rung of the base that `new` lacks fails, if there are gates: what is not measured
/// cannot have passed.
///
/// # Errors
/// If they have no rung in common.
pub fn compare(base: &ResultFile, new: &ResultFile, gates: &[Gate]) -> anyhow::Result<Comparison> {
    let (mut rows, mut failures, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for before in &base.scenarios {
        let after = new.scenarios.iter().find(|row| (&row.name, row.rate) == (&before.name, before.rate));
        let (name, rate) = (before.name.clone(), before.rate.to_string());
        let Some(after) = after else {
            notes.push(format!("{name} at {rate} is in the base only"));
            if !gates.is_empty() {
                let (gate, why) = ("every gate".to_owned(), "not measured in the new result".to_owned());
                failures.push(Failure { name, rate, gate, why });
            }
            continue;
        };
        let metric = |(metric, label): &(Metric, &'static str)| {
            let (old, new) = (metric.of(before), metric.of(after));
            (*label, old, new, change(old, new))
        };
        for gate in gates.iter().filter(|gate| gate.fails(before, after)) {
            let show = |row| gate.metric.show(gate.metric.of(row));
            let why = format!("{} became {}", show(before), show(after));
            failures.push(Failure { name: name.clone(), rate: rate.clone(), gate: gate.text.clone(), why });
        }
        for row in [before, after] {
            notes.extend(
                (row.windows.quiet == 0)
                    .then(|| format!("{name} at {rate}: no quiet window in one of the two")),
            );
        }
        rows.push(Change { name, rate, metrics: Metric::ALL.iter().map(metric).collect() });
    }
    if rows.is_empty() {
        return Err(data(
            "the two results have no scenario at the same rate in common; run both with the same --rate",
        ));
    }
    if base.environment.cpu != new.environment.cpu || base.environment.kernel != new.environment.kernel {
        notes.push("the two results are of different machines or kernels".to_owned());
    }
    notes.dedup();
    Ok(Comparison { schema: "latency-compare/1", rows, failures, notes })
}

impl Comparison {
    /// For people.
    pub fn render(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let mut header = vec!["scenario", "rate"];
        header.extend(Metric::ALL.iter().map(|(_, name)| *name));
        table.set_header(header);
        for row in &self.rows {
            let mut cells = vec![row.name.clone(), row.rate.clone()];
            cells.extend(
                row.metrics.iter().zip(Metric::ALL).map(|((_, _, new, change), (metric, _))| {
                    format!("{} ({change:+.1} %)", metric.show(*new))
                }),
            );
            table.add_row(cells);
        }
        for index in 2..2 + Metric::ALL.len() {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut text = format!("{table}\n");
        for note in &self.notes {
            text.push_str(&format!("note: {note}\n"));
        }
        for Failure { name, rate, gate, why } in &self.failures {
            text.push_str(&format!("FAILED {name} at {rate}: {gate}: {why}\n"));
        }
        text
    }
}
