//! How late appends are at a steady rate, and how far behind the disk is meanwhile.

use crate::{Payloads, scratch, settled};
use pitlane_benches::scratch::options;
use pitlane_benches::table::{Goal, row};
use pitlane_journal::{Durability, Durable, Writer};
use std::time::Instant;

const ROUNDS: usize = 3;
const RATE: u64 = 500_000;
const SECONDS: u64 = 6;

/// Sorted figures in nanoseconds.
pub(crate) struct Sorted(Vec<u64>);

impl Sorted {
    pub(crate) fn new(mut samples: Vec<u64>) -> Self {
        samples.sort_unstable();
        Self(samples)
    }

    /// The figure that a share `q` of all are not above, in microseconds.
    pub(crate) fn us(&self, q: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let at = ((self.0.len() as f64 * q).ceil() as usize).saturating_sub(1).min(last);
        self.0.get(at).copied().unwrap_or(0) as f64 / 1e3
    }
}

/// What appending at a steady rate came to.
pub(crate) struct Steady {
    /// How long each append took.
    calls: Sorted,
    /// How long after its due time each was done: with what the machine did to the appending thread in between.
    late: Sorted,
    /// How long after its append every thousandth record was durable.
    pub(crate) lags: Sorted,
}

/// Appends at `rate` for `count` records.
pub(crate) fn steady(writer: &mut Writer, durable: &Durable, rate: u64, count: u64) -> Steady {
    const MARK_EVERY: u64 = 1_000;
    let payloads = Payloads::new(2);
    let ns_each = 1_000_000_000 / rate;
    let (mut late, mut lags) = (Vec::with_capacity(count as usize), Vec::with_capacity(10_000));
    let first = writer.next_seq();
    // Touched before: a page fault of the bench's own is no append's.
    late.resize(count as usize, 1);
    let mut calls = late.clone();
    let started = Instant::now();
    let now_ns = || started.elapsed().as_nanos() as u64;
    let mut mark: Option<(u64, u64)> = None;
    for n in 0..count {
        let due = n * ns_each;
        let mut now = now_ns();
        while now < due {
            if let Some((seq, at)) = mark
                && durable.durable_seq() >= seq
            {
                lags.push(now - at);
                mark = None;
            }
            now = now_ns();
        }
        writer.append(payloads.record(first + n)).expect("there is room");
        let done = now_ns();
        late[n as usize] = done - due;
        calls[n as usize] = done - now;
        if mark.is_none() && n % MARK_EVERY == 0 {
            mark = Some((first + n, done));
        }
    }
    Steady { calls: Sorted::new(calls), late: Sorted::new(late), lags: Sorted::new(lags) }
}

/// Two tiers against one, at D1.
pub(crate) fn tail() {
    const QUANTILES: [(&str, f64); 5] =
        [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999), ("max", 1.0)];
    let mut figures = [const { Vec::new() }; 2].map(|_: Vec<f64>| QUANTILES.map(|_| Vec::new()));
    let (mut ratios, mut lag_p50, mut lag_p99, mut stalls) = (vec![], vec![], vec![], vec![]);
    let mut lates = [vec![], vec![]];
    for _ in 0..ROUNDS {
        let mut p9999 = [0.0; 2];
        for (at, figures) in figures.iter_mut().enumerate() {
            let scratch = scratch();
            let dir = if at == 0 { scratch.two_tiers() } else { scratch.one_tier() };
            let mut writer = settled(&dir, options(Durability::D1, 64));
            let durable = writer.durability();
            steady(&mut writer, &durable, RATE, RATE / 10);
            let ran = steady(&mut writer, &durable, RATE, RATE * SECONDS);
            for ((_, q), figures) in QUANTILES.iter().zip(figures) {
                figures.push(ran.calls.us(*q));
            }
            p9999[at] = ran.calls.us(0.9999);
            lates[at].push(ran.late.us(0.9999));
            if at == 0 {
                lag_p50.push(ran.lags.us(0.5));
                lag_p99.push(ran.lags.us(0.99));
                stalls.push(writer.stalls_segment_not_ready() as f64);
            }
            writer.close().expect("there is room");
        }
        ratios.push(p9999[0] / p9999[1]);
    }
    for (tier, figures) in ["two tiers", "one tier"].iter().zip(&figures) {
        for ((name, _), figures) in QUANTILES.iter().zip(figures) {
            row(&format!("append at 500,000/s, D1, {tier}: {name}"), figures, "us", Goal::None);
        }
    }
    for (tier, lates) in ["two tiers", "one tier"].iter().zip(&lates) {
        let name = format!("append at 500,000/s, D1, {tier}: p99.99 from its due time");
        row(&name, lates, "us", Goal::None);
    }
    row("append at 500,000/s, D1: p99.99, two tiers to one", &ratios, "x", Goal::AtMost(0.1));
    row("append at 500,000/s, D1, two tiers: waits for a segment", &stalls, "waits", Goal::None);
    row("durable lag at 500,000/s, D1, two tiers: p50", &lag_p50, "us", Goal::None);
    row("durable lag at 500,000/s, D1, two tiers: p99", &lag_p99, "us", Goal::None);
}
