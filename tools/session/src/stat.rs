//! What a run measures of itself, for people and programs that look while it runs: `stat.json` beside its journal, made
//! anew every second by a thread of its own from the gauges that the pipeline's threads keep in memory. The pipeline
//! knows nothing of the file: a mapped one would be write-protected after each write-back, and the next step would pay.

mod command;
mod writer;

pub use command::{StatArgs, stat};
pub use writer::StatWriter;

use crate::summary::LatencyNs;
use pitlane_config::format_ist;
use pitlane_engine::drive::measure::laps::SAMPLE_EVERY;
use pitlane_engine::drive::measure::{Distribution, Measured, Part, Reading};
use pitlane_engine::event::Kind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Name of the file in a journal's directory.
pub const STAT_FILE: &str = "stat.json";

/// A part of the pipeline in the sampled steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartNs {
    /// Its own time in a step.
    #[serde(flatten)]
    pub ns: LatencyNs,
    /// Its share of all the time measured in parts, 0 to 1.
    pub share: f64,
}

/// A step that took long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowStep {
    /// Its input.
    pub seq: u64,
    /// The input's time, RFC 3339 with +05:30.
    pub at: String,
    /// The input's time in nanoseconds since the epoch.
    pub ts: u64,
    /// The input's kind.
    pub kind: String,
    /// The input's instrument, if it has one.
    pub instrument: Option<String>,
    /// From the input's arrival to the end of the step.
    pub step_ns: u64,
    /// From the input's arrival to its first order having left risk, if there was one.
    pub order_ns: Option<u64>,
    /// Outputs that it caused.
    pub outputs: u32,
    /// Their kinds.
    pub caused: Vec<String>,
}

impl SlowStep {
    fn of(step: &Measured, symbols: &[String]) -> Self {
        let symbol = |index| symbols.get(index).cloned().unwrap_or_else(|| "unknown".to_owned());
        Self {
            seq: step.seq.0,
            at: format_ist(step.ts),
            ts: step.ts.0,
            kind: Kind::from_u8(step.kind).map_or("unknown", Kind::name).to_owned(),
            instrument: step.instrument.is_some().then(|| symbol(step.instrument.index())),
            step_ns: step.step_ns,
            order_ns: (step.order_ns > 0).then_some(step.order_ns),
            outputs: step.outputs,
            caused: step.caused().map(|kind| kind.name().to_owned()).collect(),
        }
    }

    /// For people.
    pub fn line(&self, ns: u64) -> String {
        let of = self.instrument.as_ref().map_or(String::new(), |instrument| format!(" of {instrument}"));
        let caused = match self.outputs {
            0 => "nothing".to_owned(),
            outputs => format!("{outputs}: {}", self.caused.join(", ")),
        };
        let time = self.at.get(11..).and_then(|time| time.split('+').next()).unwrap_or(&self.at);
        format!("{} at seq {}, {time}, {}{of}; caused {caused}", time_text(ns), self.seq, self.kind)
    }
}

/// What a run measured, in summaries and in the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeasuredSummary {
    /// Whole steps: from an input's arrival to the end of all that it caused.
    pub step_ns: LatencyNs,
    /// The parts of the pipeline by name, if they are sampled.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages_ns: BTreeMap<String, PartNs>,
    /// The steps whose first order took longest, the longest first.
    pub slowest_orders: Vec<SlowStep>,
    /// The longest steps, the longest first.
    pub slowest_steps: Vec<SlowStep>,
}

impl MeasuredSummary {
    /// Of a reading; `symbols` are the instruments by their ids.
    pub fn of(reading: &Reading, symbols: &[String]) -> Self {
        let steps = |steps: &[Measured]| steps.iter().map(|step| SlowStep::of(step, symbols)).collect();
        Self {
            step_ns: LatencyNs::of(&reading.steps),
            stages_ns: reading.parts.as_ref().map(parts).unwrap_or_default(),
            slowest_orders: steps(&reading.slowest_orders),
            slowest_steps: steps(&reading.slowest_steps),
        }
    }

    /// Rows of a card for people: latencies, and the parts in the order of the pipeline.
    pub fn rows(&self, tick_to_order: &LatencyNs) -> Vec<(String, String)> {
        let mut rows = vec![("tick to order", tick_to_order.line()), ("step", self.step_ns.line())]
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text))
            .collect::<Vec<_>>();
        let parts = Part::ALL.iter().filter_map(|part| Some((part.name(), self.stages_ns.get(part.name())?)));
        rows.extend(parts.map(|(name, part)| {
            let share = format!("{:.1} % of the time in one step of {SAMPLE_EVERY}", 100.0 * part.share);
            (format!("  {name}"), format!("{}, {share}", part.ns.line()))
        }));
        rows
    }

    /// Rows of what took longest, the longest of each.
    pub fn slowest_rows(&self) -> Vec<(String, String)> {
        let order =
            self.slowest_orders.first().map(|slow| ("slowest order", slow, slow.order_ns.unwrap_or(0)));
        let step = self.slowest_steps.first().map(|slow| ("slowest step", slow, slow.step_ns));
        [order, step].into_iter().flatten().map(|(name, slow, ns)| (name.to_owned(), slow.line(ns))).collect()
    }
}

fn parts(parts: &[Distribution; Part::ALL.len()]) -> BTreeMap<String, PartNs> {
    let total = parts.iter().map(Distribution::sum_ns).sum::<u64>().max(1) as f64;
    let part = |(part, ns): (&Part, &Distribution)| {
        let share = (ns.sum_ns() as f64 / total * 1e4).round() / 1e4;
        (part.name().to_owned(), PartNs { ns: LatencyNs::of(ns), share })
    };
    Part::ALL.iter().zip(parts).filter(|(_, ns)| ns.count() > 0).map(part).collect()
}

/// Nanoseconds in the unit that suits them.
pub fn time_text(ns: u64) -> String {
    match ns {
        0..10_000 => format!("{ns} ns"),
        10_000..10_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        _ => format!("{:.1} s", ns as f64 / 1e9),
    }
}

/// The content of the file, and the object of `engine stat --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stat {
    /// `engine-stat/1`.
    pub schema: String,
    /// The process that wrote it.
    pub pid: u32,
    /// Whether the run went on when it was written.
    pub running: bool,
    /// When the run began, on the wall clock.
    pub started: String,
    /// When this was written, on the wall clock.
    pub updated: String,
    /// The same in nanoseconds since the epoch.
    pub updated_ns: u64,
    /// Seconds from the run's beginning to this.
    pub wall_s: f64,
    /// Inputs in this process; those that were recovered are not among them.
    pub inputs: u64,
    /// Of the last second.
    pub inputs_per_s: f64,
    /// The input whose step ended last; 0 before the first.
    pub seq_last: u64,
    /// Its time in nanoseconds since the epoch.
    pub ts_last: u64,
    /// From an input's arrival to its first order having left risk.
    pub tick_to_order_ns: LatencyNs,
    /// The same of the last second; its largest is that of its bucket, at most 1/64 too long.
    pub last_tick_to_order_ns: LatencyNs,
    /// Whole steps of the last second, likewise.
    pub last_step_ns: LatencyNs,
    /// Whole steps, parts, and what took longest.
    #[serde(flatten)]
    pub measured: MeasuredSummary,
}
