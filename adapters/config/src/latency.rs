//! Latency models as text: what `place_latency` and the other latencies of `[venue]` take.
//!
//! ```text
//! "none"                                  nothing of its own
//! "2ms"                                   always so long
//! "1ms..5ms"       "1ms..5ms/500us"       any of the range, each as likely; in steps
//! ["p50 2ms", "p99 9ms"]                  a distribution by some of its quantiles, linear between them
//! ["09:15 2ms", "09:16 3ms"]              by the time of the day, Indian time, linear between the points
//! ```

use crate::read::text;
use crate::time::{format_time, parse_time, seconds_of_time, time_of_seconds};
use crate::tree::Value;
use crate::values::{format_duration_ns, parse_duration_ns, parse_scaled, shortest_decimal};
use pitlane_engine::config::{LatencyModel, Measured, Quantile};
use pitlane_engine::units::NS_PER_S;

/// Longest latency.
const MOST_NS: u64 = 60 * NS_PER_S;

/// The model of a value, or `None` if it is not written like one. Whether its points hold together is for
/// `LatencyModel::fault` to say.
pub(crate) fn model(value: &Value) -> Option<LatencyModel> {
    let Value::Array(entries) = value else { return plain(&text(value)?) };
    let points: Option<Vec<(String, u64)>> = entries.iter().map(|entry| point(&entry.value)).collect();
    let points = points?;
    if points.iter().all(|(place, _)| place.starts_with('p')) {
        let quantile = |(place, ns): &(String, u64)| {
            let share_ppm = u32::try_from(parse_scaled(place.strip_prefix('p')?)?).ok()?;
            (share_ppm <= 1_000_000).then_some(Quantile { share_ppm, ns: *ns })
        };
        return points.iter().map(quantile).collect::<Option<_>>().map(LatencyModel::Quantiles);
    }
    let measured = |(place, ns): &(String, u64)| {
        Some(Measured { second: seconds_of_time(parse_time(place).ok()?), ns: *ns })
    };
    points.iter().map(measured).collect::<Option<_>>().map(LatencyModel::Recorded)
}

/// A model that is no table.
fn plain(text: &str) -> Option<LatencyModel> {
    if text == "none" {
        return Some(LatencyModel::None);
    }
    let Some((least, rest)) = text.split_once("..") else {
        return latency(text).map(LatencyModel::Constant);
    };
    let (most, step) = rest.split_once('/').map_or((rest, None), |(most, step)| (most, Some(step)));
    let (least_ns, most_ns) = (latency(least)?, latency(most)?);
    let step_ns = step.map_or(Some(1), latency)?;
    // A step that is longer than the span would leave the least latency alone.
    let spread_ns = most_ns.checked_sub(least_ns).filter(|&spread_ns| step_ns <= spread_ns.max(1))?;
    Some(LatencyModel::Uniform { least_ns, spread_ns, step_ns })
}

/// A place and its latency, separated by blanks.
fn point(value: &Value) -> Option<(String, u64)> {
    let text = text(value)?;
    let (place, ns) = text.trim().split_once(char::is_whitespace)?;
    Some((place.to_owned(), latency(ns)?))
}

/// A latency: more than nothing, so that it does not pass for `none`.
fn latency(text: &str) -> Option<u64> {
    parse_duration_ns(text).ok().filter(|ns| (1..=MOST_NS).contains(ns))
}

/// A model as the value of a key; `quote` writes a text.
pub(crate) fn model_text(model: &LatencyModel, quote: impl Fn(&str) -> String) -> String {
    let array = |points: Vec<String>| format!("[{}]", points.join(", "));
    match model {
        LatencyModel::None => quote("none"),
        &LatencyModel::Constant(ns) => quote(&format_duration_ns(ns)),
        &LatencyModel::Uniform { least_ns, spread_ns, step_ns } => {
            let [least, most] = [least_ns, least_ns + spread_ns].map(format_duration_ns);
            let step = if step_ns == 1 { String::new() } else { format!("/{}", format_duration_ns(step_ns)) };
            quote(&format!("{least}..{most}{step}"))
        }
        LatencyModel::Quantiles(points) => {
            let shown = |point: &Quantile| {
                // A share in parts per million is a percentage on the scale of decimals.
                let percent = shortest_decimal(i64::from(point.share_ppm));
                quote(&format!("p{percent} {}", format_duration_ns(point.ns)))
            };
            array(points.iter().map(shown).collect())
        }
        LatencyModel::Recorded(points) => {
            let shown = |point: &Measured| {
                let time = format_time(time_of_seconds(point.second));
                quote(&format!("{time} {}", format_duration_ns(point.ns)))
            };
            array(points.iter().map(shown).collect())
        }
    }
}

/// The points of a recorded model as the value of a key, such as `["09:15 2ms", "09:16 3ms"]`.
pub fn format_recorded_latency(points: &[Measured]) -> String {
    model_text(&LatencyModel::Recorded(points.to_vec()), |text| format!("\"{text}\""))
}
