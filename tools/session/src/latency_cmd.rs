//! `journal-replay latency`: how long a recorded day's orders waited for their first report, as points of a latency model.

use crate::exit::data;
use pitlane_config::format_recorded_latency;
use pitlane_engine::config::Measured;
use pitlane_engine::event::{Kind, Order, OrderState, Report};
use pitlane_engine::sequencer::source::EventReader;
use pitlane_engine::units::{IST_OFFSET_NS, NS_PER_S, OrderId, TsNs};
use pitlane_store::{EventStream, INPUTS, OUTPUTS};
use std::collections::BTreeMap;
use std::path::Path;

/// Seconds of a point: those of a model are a minute apart at the least.
const POINT_S: u64 = 60;

/// What was measured in a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasuredLatency {
    /// Orders whose first report came back.
    pub orders: u64,
    /// Orders of which none did.
    pub unanswered: u64,
    /// Shortest, median and longest time from an order to its first report, in nanoseconds.
    pub range_ns: [u64; 3],
    /// The median of every minute of the day in which orders were sent, Indian time; all sessions together.
    pub points: Vec<Measured>,
}

/// Measures the journal at `dir`.
///
/// # Errors
/// If it cannot be read, or no order in it was ever answered.
pub fn measure(dir: &Path) -> anyhow::Result<MeasuredLatency> {
    if !dir.join(OUTPUTS).is_dir() {
        return Err(data(format!(
            "{}: no outputs are recorded, so no orders; run `journal-replay whatif {} --out DIR` and measure that",
            dir.display(),
            dir.display()
        )));
    }
    let mut sent: BTreeMap<OrderId, TsNs> = BTreeMap::new();
    let mut orders = 0_u64;
    each(dir, OUTPUTS, |event| {
        if event.kind() == Kind::Order {
            orders += 1;
            sent.insert(event.body::<Order>().id, event.header.ts);
        }
    })?;
    let mut waits: Vec<(TsNs, u64)> = Vec::new();
    each(dir, INPUTS, |event| {
        if event.kind() != Kind::Report {
            return;
        }
        // A refused duplicate is no answer to the order whose id it has.
        let report = event.body::<Report>();
        let duplicate = report.number == 0 && report.state == OrderState::Rejected as u8;
        if !duplicate && let Some(at) = sent.remove(&report.order) {
            waits.push((at, event.header.ts.since(at)));
        }
    })?;
    let answered = waits.len() as u64;
    let mut all: Vec<u64> = waits.iter().map(|wait| wait.1).collect();
    all.sort_unstable();
    let Some((&least, &most)) = all.first().zip(all.last()) else {
        return Err(data(format!(
            "{}: no order in it was answered, so there is nothing to measure; take a journal of a day with orders",
            dir.display()
        )));
    };
    Ok(MeasuredLatency {
        orders: answered,
        unanswered: orders - answered,
        range_ns: [least, all[all.len() / 2], most],
        points: points(&waits),
    })
}

/// The median of each minute of the day.
fn points(waits: &[(TsNs, u64)]) -> Vec<Measured> {
    let mut minutes: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (at, ns) in waits {
        let second = (at.0 + IST_OFFSET_NS) / NS_PER_S % 86_400;
        minutes.entry(second / POINT_S * POINT_S).or_default().push(*ns);
    }
    let median = |(second, mut ns): (u64, Vec<u64>)| {
        ns.sort_unstable();
        // A model has no latency of nothing.
        Measured { second: second as u32, ns: ns[ns.len() / 2].max(1) }
    };
    minutes.into_iter().map(median).collect()
}

fn each(
    dir: &Path,
    stream: &'static str,
    mut take: impl FnMut(&pitlane_engine::event::Event),
) -> anyhow::Result<()> {
    let mut events = EventStream::open(dir, stream)?;
    let end = events.end();
    while let Some(event) = events.next_event() {
        take(&event);
    }
    match end.take_error() {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

impl MeasuredLatency {
    /// The object `journal-latency/1`.
    pub fn json(&self) -> serde_json::Value {
        let point = |point: &Measured| serde_json::json!({ "second": point.second, "ns": point.ns });
        let [least_ns, median_ns, most_ns] = self.range_ns;
        serde_json::json!({
            "schema": "journal-latency/1",
            "orders": self.orders,
            "unanswered": self.unanswered,
            "least_ns": least_ns,
            "median_ns": median_ns,
            "most_ns": most_ns,
            "points": self.points.iter().map(point).collect::<Vec<_>>(),
            "report_latency": format_recorded_latency(&self.points),
        })
    }

    /// For people, and to paste: a comment of what was measured, and the key of `[venue]`.
    pub fn render(&self) -> String {
        let [least, median, most] = self.range_ns.map(pitlane_config::format_duration_ns);
        let unanswered = match self.unanswered {
            0 => String::new(),
            count => format!(", {count} never answered"),
        };
        format!(
            "# from an order to its first report: {} orders, {least} to {most}, median {median}{unanswered}\n\
             [venue]\nreport_latency = {}\n",
            self.orders,
            format_recorded_latency(&self.points)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitlane_config::Settings;
    use pitlane_engine::config::LatencyModel;

    /// 2026-07-31 09:15 in India.
    const OPEN: TsNs = TsNs(1_785_469_500 * NS_PER_S);

    #[test]
    fn a_minute_has_its_median_and_the_text_is_a_setting() {
        let at = |s: u64| OPEN.plus(s * NS_PER_S);
        let ms = 1_000_000;
        let waits = [
            (at(1), 3 * ms),
            (at(59), 9 * ms),
            (at(2), 2 * ms),
            (at(130), 4 * ms),
            (at(86_400 + 125), 6 * ms),
        ];
        let points = points(&waits);
        let expected = [(33_300, 3 * ms), (33_420, 6 * ms)].map(|(second, ns)| Measured { second, ns });
        assert_eq!(points, expected);
        let measured =
            MeasuredLatency { orders: 5, unanswered: 1, range_ns: [2 * ms, 4 * ms, 9 * ms], points };
        let text = measured.render();
        assert_eq!(
            text,
            "# from an order to its first report: 5 orders, 2ms to 9ms, median 4ms, 1 never answered\n[venue]\n\
             report_latency = [\"09:15 3ms\", \"09:17 6ms\"]\n"
        );
        let settings = Settings::from_toml(&text, "pasted").expect("it is a configuration");
        assert_eq!(settings.venue.report_latency, LatencyModel::Recorded(expected.to_vec()));
    }
}
