//! A percentile plot: quantiles to the right, a decade for each nine; nanoseconds upwards, a decade each; a line for each
//! rate, and dashed beside it what the machine itself did in the same seconds.

use crate::result::Row;
use std::fmt::Write;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 540.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;

/// Colours that stay apart for the colour-blind (Okabe and Ito).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// The scales of a plot.
struct Axes {
    /// Nines at the right edge.
    nines: f64,
    /// Decades of nanoseconds at the lower and the upper edge.
    decades: (f64, f64),
}

impl Axes {
    fn of(rows: &[&Row]) -> Self {
        let points = || rows.iter().flat_map(|row| row.curve.iter().chain(&row.hiccup_curve));
        // The machine by itself has far more samples; it is shown as far as the latencies go.
        let latencies = rows.iter().flat_map(|row| &row.curve);
        let nines = latencies.map(|(quantile, _)| nines(*quantile)).fold(2.0, f64::max).ceil();
        let low = points().map(|(_, ns)| (*ns).max(1)).min().unwrap_or(1) as f64;
        let high = points().map(|(_, ns)| *ns).max().unwrap_or(10) as f64;
        let (low, high) = (low.log10().floor(), high.max(2.0).log10().ceil());
        Self { nines, decades: (low, high.max(low + 1.0)) }
    }

    fn x(&self, nines: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * nines / self.nines
    }

    fn y(&self, ns: f64) -> f64 {
        let (low, high) = self.decades;
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (ns.max(1.0).log10() - low) / (high - low)
    }

    fn path(&self, curve: &[(f64, u64)]) -> String {
        let point = |(quantile, ns): &(f64, u64)| {
            format!("{:.1},{:.1}", self.x(nines(*quantile)), self.y(*ns as f64))
        };
        let shown = curve.iter().filter(|(quantile, _)| nines(*quantile) <= self.nines);
        shown.map(point).collect::<Vec<_>>().join(" ")
    }
}

/// How many nines a quantile has: 0.9 one, 0.99 two.
fn nines(quantile: f64) -> f64 {
    -(1.0 - quantile.min(1.0 - 1e-12)).log10()
}

/// Nanoseconds in the unit that suits them.
pub fn time(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "us"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    if value >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.2} {unit}")
    }
}

/// The plot of a scenario's rows.
pub fn plot(name: &str, rows: &[&Row]) -> String {
    let axes = Axes::of(rows);
    let mut svg = String::new();
    let mut put = |line: String| writeln!(svg, "{line}").expect("a string takes everything");
    put(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">"
    ));
    put(format!("<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>"));
    put(format!(
        "<text x=\"{LEFT}\" y=\"28\" font-size=\"17\">{}: latency from the intended start</text>",
        escape(name)
    ));
    grid(&axes, &mut put);
    let right = WIDTH - RIGHT + 14.0;
    for (index, row) in rows.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let line = "fill=\"none\" stroke-linejoin=\"round\" points";
        put(format!(
            "<polyline {line}=\"{}\" stroke=\"{colour}\" stroke-width=\"2.2\"/>",
            axes.path(&row.curve)
        ));
        let stalls = axes.path(&row.hiccup_curve);
        put(format!(
            "<polyline {line}=\"{stalls}\" stroke=\"{colour}\" stroke-dasharray=\"3 4\" opacity=\"0.6\"/>"
        ));
        let y = TOP + 14.0 + 38.0 * index as f64;
        put(format!(
            "<line x1=\"{right}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\" stroke=\"{colour}\" stroke-width=\"3\"/>",
            right + 22.0
        ));
        put(format!("<text x=\"{}\" y=\"{}\">{}</text>", right + 28.0, y + 4.0, label(row)));
        let windows = &row.windows;
        let quiet = match windows.quiet {
            0 => format!("{} windows, none quiet", windows.total),
            quiet => format!("{quiet} quiet of {} windows", windows.total),
        };
        put(format!(
            "<text x=\"{}\" y=\"{}\" font-size=\"11\" fill=\"#555\">{quiet}</text>",
            right + 28.0,
            y + 18.0
        ));
    }
    put(format!(
        "<text x=\"{right}\" y=\"{}\" font-size=\"11\" fill=\"#555\">dashed: the machine by itself,</text>",
        HEIGHT - BOTTOM - 18.0
    ));
    put(format!(
        "<text x=\"{right}\" y=\"{}\" font-size=\"11\" fill=\"#555\">if work took no time</text>",
        HEIGHT - BOTTOM - 4.0
    ));
    put("</svg>".to_owned());
    svg
}

fn grid(axes: &Axes, put: &mut impl FnMut(String)) {
    let (low, high) = axes.decades;
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    for decade in low as i32..=high as i32 {
        let ns = 10_f64.powi(decade);
        let y = axes.y(ns);
        put(format!("<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>"));
        put(format!(
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            y + 4.0,
            time(ns)
        ));
    }
    for nine in 0..=axes.nines as i32 {
        let x = axes.x(f64::from(nine));
        let label = match nine {
            0 => "0 %".to_owned(),
            1 => "90 %".to_owned(),
            2 => "99 %".to_owned(),
            more => format!("99.{} %", "9".repeat(more as usize - 2)),
        };
        put(format!("<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" stroke=\"#ddd\"/>"));
        put(format!("<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", bottom + 20.0));
    }
    let middle = (LEFT + right) / 2.0;
    put(format!(
        "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">share of the samples</text>",
        bottom + 44.0
    ));
}

/// What a line is called.
fn label(row: &Row) -> String {
    row.rate.per_second().map_or("max (service time)".to_owned(), |_| format!("{}/s", row.rate))
}

/// Text that may stand in XML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
