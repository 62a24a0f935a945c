//! `latency-result/1`: what a run found, as other programs read it.

use crate::environment::Environment;
use crate::meter::QUIET_BELOW;
use crate::rate::Rate;
use crate::record::Window;
use crate::scenario::{Measured, Scenario};
use anyhow::Context;
use hdrhistogram::Histogram;
use pitlane_session::exit::data;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Name and version of the format.
pub const SCHEMA: &str = "latency-result/1";

/// Name of the file in a directory of results.
pub const FILE: &str = "result.json";

/// Samples below which a tail is said to be thin.
pub const SAMPLES_WANTED: u64 = 100_000;

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultFile {
    /// `SCHEMA`.
    pub schema: String,
    /// One for each scenario and rate.
    pub scenarios: Vec<Row>,
    /// The machine.
    pub environment: Environment,
    /// What has to be said above the table.
    pub banners: Vec<String>,
    /// Whether every rung asked for was run.
    pub complete: bool,
}

/// Some percentiles in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    /// The median.
    pub p50: u64,
    /// 90 %.
    pub p90: u64,
    /// 99 %.
    pub p99: u64,
    /// 99.9 %.
    pub p999: u64,
    /// 99.99 %.
    pub p9999: u64,
    /// The largest.
    pub max: u64,
    /// Samples.
    pub count: u64,
}

impl Percentiles {
    /// Those of a histogram; all zero if it is empty.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let at = |quantile| histogram.value_at_quantile(quantile);
        let (p50, p90, p99) = (at(0.5), at(0.9), at(0.99));
        Self {
            p50,
            p90,
            p99,
            p999: at(0.999),
            p9999: at(0.9999),
            max: histogram.max(),
            count: histogram.len(),
        }
    }
}

/// The windows of a rung.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Windows {
    /// All.
    pub total: usize,
    /// Those in which others took less than 3 % of a cpu.
    pub quiet: usize,
    /// Share of the windows that the percentiles leave out, 0 to 1.
    pub thrown_away: f64,
    /// `quiet`, or `all` where no window was quiet.
    pub used: String,
    /// Length in nanoseconds.
    pub window_ns: u64,
    /// The others' share of one cpu in each window, by the kernel's account or by what stalled the measured one, whichever is
    /// more; -1 where the kernel did not say.
    pub foreign_share: Vec<f64>,
}

/// How the machine itself stalled in the same seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hiccups {
    /// How late somebody would have been served on the measured cpu who came at any moment at which nothing was due, and cost
    /// nothing. A count is a hundredth of a nanosecond of that time.
    pub measured_cpu: Percentiles,
    /// How late a thread woke up that slept a millisecond at a time on the helpers' cpus.
    pub sleeper: Percentiles,
}

/// A scenario at a rate. The percentiles are latencies from the intended start; at `max` there is none, and they are
/// service times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The scenario.
    pub name: String,
    /// Operations a second that were meant, or `"max"`.
    pub rate: Rate,
    /// Operations a second that were done.
    pub achieved: f64,
    /// Latency.
    #[serde(flatten)]
    pub latency: Percentiles,
    /// From the real start of an operation to its end.
    pub service: Percentiles,
    /// What one sample is: `operation` or `order`.
    pub sample: String,
    /// Operations that were meant to start and did not.
    pub unserved: u64,
    /// The machine by itself.
    pub hiccups: Hiccups,
    /// Which windows were used.
    pub windows: Windows,
    /// Cpus of the measured threads, as a list.
    pub cpus: String,
    /// How they waited.
    pub wait: String,
    /// Points of the latency's distribution: quantile, nanoseconds.
    pub curve: Vec<(f64, u64)>,
    /// The same of the measured cpu by itself; of the sleeper where that was never idle.
    pub hiccup_curve: Vec<(f64, u64)>,
    /// What the reader should know.
    pub notes: Vec<String>,
}

/// What a rung found, with the histograms that the files are made of.
pub struct Found {
    /// For the tables and `result.json`.
    pub row: Row,
    /// Of the windows used.
    pub sum: Window,
    /// By window.
    pub measured: Measured,
    /// Which windows were used.
    pub used: Vec<bool>,
}

impl Found {
    /// Chooses the windows and sums them up.
    pub fn new(
        scenario: Scenario,
        rate: Rate,
        measured: Measured,
        shares: &[f64],
        sleeper: &Histogram<u64>,
        (cpus, wait): (String, String),
    ) -> Self {
        let total = measured.recorder.windows().len();
        let mut used: Vec<bool> = shares.iter().map(|share| *share < QUIET_BELOW).collect();
        used.resize(total, false);
        let quiet = used.iter().filter(|quiet| **quiet).count();
        if quiet == 0 {
            used.fill(true);
        }
        let sum = measured.recorder.sum(&used);
        let thrown_away = if quiet == 0 { 0.0 } else { (total - quiet) as f64 / total as f64 };
        let share =
            |share: &f64| if share.is_finite() { (share * 10_000.0).round() / 10_000.0 } else { -1.0 };
        let windows = Windows {
            total,
            quiet,
            thrown_away,
            used: if quiet == 0 { "all" } else { "quiet" }.to_owned(),
            window_ns: measured.recorder.window_ns(),
            foreign_share: shares.iter().map(share).collect(),
        };
        let machine = measured.idle.lateness(&used);
        let hiccups = Hiccups { measured_cpu: Percentiles::of(&machine), sleeper: Percentiles::of(sleeper) };
        let hiccup_curve = curve(if machine.is_empty() { sleeper } else { &machine });
        let row = Row {
            name: scenario.name().to_owned(),
            rate,
            achieved: measured.achieved.round(),
            latency: Percentiles::of(&sum.latency),
            service: Percentiles::of(&sum.service),
            sample: if scenario.samples_orders() { "order" } else { "operation" }.to_owned(),
            unserved: measured.unserved,
            hiccups,
            windows,
            cpus,
            wait,
            curve: curve(&sum.latency),
            hiccup_curve,
            notes: measured.notes.clone(),
        };
        Self { row, sum, measured, used }
    }
}

impl Row {
    /// Whether the rate asked for was not reached.
    pub fn is_saturated(&self) -> bool {
        let meant = self.rate.per_second().unwrap_or(0) as f64;
        self.achieved < meant * 0.99
    }

    /// The name of its files, without an ending.
    pub fn file_stem(&self) -> String {
        format!("{}-{}", self.name, self.rate)
    }
}

/// What has to be said above the table of `rows`: each thing once, with the rungs that it is true of.
pub fn warnings(rows: &[Row]) -> Vec<String> {
    let list = |chosen: &dyn Fn(&Row) -> bool| -> Option<String> {
        let names: Vec<String> = rows
            .iter()
            .filter(|row| chosen(row))
            .map(|row| format!("{} at {}", row.name, row.rate))
            .collect();
        match names.len() {
            0 => None,
            all if all == rows.len() => Some("everything below".to_owned()),
            _ => Some(names.join(", ")),
        }
    };
    let mut warnings = Vec::new();
    if let Some(names) = list(&|row| row.windows.quiet == 0) {
        let loud = rows.iter().filter(|row| row.windows.quiet == 0);
        let worst = loud.flat_map(|row| &row.windows.foreign_share).copied().fold(0.0, f64::max) * 100.0;
        warnings.push(format!(
            "no quiet window (others took up to {worst:.0} % of a cpu), so the neighbours are in the figures: {names}"
        ));
    }
    if let Some(names) = list(&Row::is_saturated) {
        warnings.push(format!(
            "the rate was not reached, so latencies grow with the duration and are no property of the rate: {names}"
        ));
    }
    if let Some(names) = list(&|row| row.latency.count < SAMPLES_WANTED) {
        warnings.push(format!(
            "fewer than 100,000 samples, give a longer --duration before you believe the tail: {names}"
        ));
    }
    warnings
}

/// Points of a distribution, ten for each nine of the quantile, up to its largest value.
pub fn curve(histogram: &Histogram<u64>) -> Vec<(f64, u64)> {
    let mut points = Vec::new();
    if histogram.is_empty() {
        return points;
    }
    let steps = 10.0 * (histogram.len() as f64).log10();
    for step in 0..=steps.ceil() as i32 {
        let quantile = 1.0 - 10_f64.powf(-f64::from(step) / 10.0);
        points.push((quantile, histogram.value_at_quantile(quantile)));
    }
    points.push((1.0 - 1.0 / (histogram.len() as f64 * 2.0), histogram.max()));
    points
}

impl ResultFile {
    /// Reads a result: a file, or a directory with one.
    ///
    /// # Errors
    /// If there is none, or it is not of this format.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let file = if path.is_dir() { path.join(FILE) } else { path.to_owned() };
        let text = std::fs::read_to_string(&file).map_err(|error| {
            data(format!("{}: {error}; give the --out of a run, or its {FILE}", file.display()))
        })?;
        let result: Self = serde_json::from_str(&text)
            .map_err(|error| data(format!("{}: this is no {SCHEMA}: {error}", file.display())))?;
        if result.schema != SCHEMA {
            return Err(data(format!(
                "{}: schema {}, but this build reads {SCHEMA}; use the version that wrote it",
                file.display(),
                result.schema
            )));
        }
        Ok(result)
    }

    /// As JSON for people and programs.
    ///
    /// # Errors
    /// Never in practice: all keys are strings, all numbers finite.
    pub fn to_json(&self) -> anyhow::Result<String> {
        serde_json::to_string_pretty(self).context("a result is plain data")
    }
}
