//! Charts as inline SVG. Colours come from the page's style, so that they follow light, dark and paper.

use super::escape;
use crate::model::{Day, Point};
use crate::show::{grouped, time};
use crate::stats::nice;
use pitlane_engine::units::TsNs;
use pitlane_session::profit::show_date;
use std::fmt::Write;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 92.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 20.0;
/// More points than this are drawn as the least and the greatest of each stretch.
const POINTS_MAX: usize = 1_600;

/// A curve over the minutes of the report.
pub(super) struct Curve<'a> {
    pub(super) title: &'a str,
    pub(super) height: f64,
    /// One value per point, in rupees.
    pub(super) values: Vec<f64>,
    /// Class of the curve: `line` has a wash below it, `fall` is filled from zero.
    pub(super) class: &'static str,
    /// Where the wash ends, and what a dashed line shows.
    pub(super) base: f64,
}

/// Places along the x axis with their labels.
pub(super) type Ticks = Vec<(usize, String)>;

/// Labels for the points: hours within a day, days within a month, else months.
pub(super) fn ticks(points: &[Point], days: &[Day]) -> Ticks {
    let mut ticks = Ticks::new();
    if days.len() <= 1 {
        let hour = |ts: TsNs| time(ts)[..2].to_owned();
        for (at, pair) in points.windows(2).enumerate() {
            if hour(pair[0].ts) != hour(pair[1].ts) {
                ticks.push((at + 1, format!("{}:00", hour(pair[1].ts))));
            }
        }
        return ticks;
    }
    let by_month = days.len() > 45;
    let mut at = 0;
    let mut last = 0;
    for day in days {
        while at < points.len() && crate::show::date_of(points[at].ts) < day.date {
            at += 1;
        }
        let group = if by_month { day.date / 100 } else { day.date };
        if group != last {
            let label = show_date(day.date);
            ticks.push((at, if by_month { label[..7].to_owned() } else { label[5..].to_owned() }));
            last = group;
        }
    }
    let most = if by_month { 13 } else { 16 };
    let every = ticks.len().div_ceil(most).max(1);
    ticks.into_iter().step_by(every).collect()
}

impl Curve<'_> {
    /// The chart.
    pub(super) fn draw(&self, ticks: &Ticks) -> String {
        let (low, high, step) = self.range();
        let plot = self.height - TOP - BOTTOM;
        let y = |value: f64| TOP + (high - value) / (high - low) * plot;
        let last = self.values.len().saturating_sub(1).max(1) as f64;
        let x = |at: usize| LEFT + at as f64 / last * (WIDTH - LEFT - RIGHT);
        let mut svg = open(self.title, self.height);
        let mut value = (low / step).ceil() * step;
        while value <= high + step * 1e-6 {
            let at = y(value);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                at + 4.0,
                axis(value)
            );
            value += step;
        }
        for (at, label) in ticks {
            let at = x(*at);
            let anchor = if at > WIDTH - 40.0 { "end" } else { "middle" };
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                TOP + plot,
                self.height - 5.0,
                escape(label)
            );
        }
        let mut path = String::new();
        for (at, value) in thinned(&self.values) {
            let letter = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{letter}{:.1} {:.1}", x(at), y(value));
        }
        let base = y(self.base.clamp(low, high));
        let (from, to) = (x(0), x(self.values.len().saturating_sub(1)));
        if self.class == "line" {
            let _ = write!(svg, "<path class=\"wash\" d=\"{path}L{to:.1} {base:.1}L{from:.1} {base:.1}Z\"/>");
            let _ = write!(svg, "<path class=\"line\" d=\"{path}\"/>");
        } else {
            let class = self.class;
            let _ =
                write!(svg, "<path class=\"{class}\" d=\"{path}L{to:.1} {base:.1}L{from:.1} {base:.1}Z\"/>");
        }
        let _ = write!(
            svg,
            "<line class=\"zero\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{base:.1}\" y2=\"{base:.1}\"/></svg>",
            WIDTH - RIGHT
        );
        svg
    }

    /// Ends of the y axis, and the distance of its lines.
    fn range(&self) -> (f64, f64, f64) {
        let mut low = self.values.iter().copied().fold(self.base, f64::min);
        let mut high = self.values.iter().copied().fold(self.base, f64::max);
        if high - low < 1.0 {
            // A flat line: in the middle, or at the end that its values can only leave in one direction.
            let (below, above) = match (self.class, self.base == 0.0) {
                ("line", true) => (0.0, 1.0),
                ("line", false) => (1.0, 1.0),
                _ => (1.0, 0.0),
            };
            (low, high) = (low - below, high + above);
        }
        let step = nice((high - low) / (self.height / 42.0).max(2.0)).max(1.0);
        let pad = (high - low) * 0.03;
        let low = if low == 0.0 { 0.0 } else { low - pad };
        (low, if high == 0.0 { 0.0 } else { high + pad }, step)
    }
}

/// The values with their places; where there are too many, the least and greatest of each stretch in their order.
fn thinned(values: &[f64]) -> Vec<(usize, f64)> {
    if values.len() <= POINTS_MAX {
        return values.iter().copied().enumerate().collect();
    }
    let stretches = POINTS_MAX / 2;
    let mut kept = Vec::with_capacity(POINTS_MAX + 2);
    for stretch in 0..stretches {
        let (from, to) = (stretch * values.len() / stretches, (stretch + 1) * values.len() / stretches);
        let of = |better: fn(f64, f64) -> bool| {
            (from + 1..to).fold(from, |best, at| if better(values[at], values[best]) { at } else { best })
        };
        let (least, most) = (of(|a, b| a < b), of(|a, b| a > b));
        kept.push((least.min(most), values[least.min(most)]));
        if least != most {
            kept.push((least.max(most), values[least.max(most)]));
        }
    }
    let end = values.len() - 1;
    if kept.last().is_some_and(|(at, _)| *at != end) {
        kept.push((end, values[end]));
    }
    kept
}

/// Classes as columns: the first one's lower end, the width of all, how many each holds.
pub(super) fn columns(title: &str, (first, width, counts): &(f64, f64, Vec<u64>), unit: &str) -> String {
    let (wide, height, left) = (460.0, 190.0, 34.0);
    let most = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let plot = height - TOP - BOTTOM;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {wide} {height}\" role=\"img\" aria-label=\"{0}\"><text class=\"title\" x=\"0\" y=\"14\">{0}</text>",
        escape(title)
    );
    let step = nice(most / 5.0).max(1.0);
    let mut value = 0.0;
    while value <= most {
        let y = TOP + (1.0 - value / most) * plot;
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{left}\" x2=\"{wide}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            left - 5.0,
            y + 4.0
        );
        value += step;
    }
    // Few classes are not drawn wider than people expect of a column.
    let column = ((wide - left - 6.0) / counts.len() as f64).min(56.0);
    let labelled = counts.len().div_ceil(7).max(1);
    for (class, count) in counts.iter().enumerate() {
        let from = first + width * class as f64;
        let (x, tall) = (left + column * class as f64, *count as f64 / most * plot);
        let sign = if from < -width * 1e-6 { "down" } else { "up" };
        let end = crate::text::class_end(from);
        let _ = write!(
            svg,
            "<rect class=\"{sign}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{tall:.1}\"><title>from {end}: {count} {unit}</title></rect>",
            x + 1.0,
            TOP + plot - tall,
            column - 2.0
        );
        if class % labelled == 0 {
            let anchor = if x > wide - 44.0 { "end" } else { "middle" };
            let x = x.min(wide - 2.0);
            let _ = write!(
                svg,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{end}</text>",
                height - 5.0
            );
        }
    }
    svg + "</svg>"
}

fn open(title: &str, height: f64) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{0}\">\
         <text class=\"title\" x=\"{LEFT}\" y=\"14\">{0}</text>",
        escape(title)
    )
}

/// A label of the y axis, in whole rupees.
fn axis(value: f64) -> String {
    let whole = value.round();
    let sign = if whole < 0.0 { "−" } else { "" };
    format!("{sign}{}", grouped(whole.abs() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_extremes_and_the_end() {
        let mut values: Vec<f64> = (0..90_000).map(|at| f64::from(at % 977)).collect();
        values[44_444] = 1e6;
        values[44_445] = -1e6;
        let kept = thinned(&values);
        assert!(kept.len() <= POINTS_MAX + 1);
        assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(kept.contains(&(44_444, 1e6)) && kept.contains(&(44_445, -1e6)));
        assert_eq!(kept.last().map(|(at, _)| *at), Some(89_999));
    }
}
