//! The same markets with a venue that takes its time, and instruments that stop trading for a while.

use super::{LATENCY_MIN_NS, Market};
use crate::Rng;
use pitlane_engine::config::{LatencyModel, Measured, Quantile};
use pitlane_engine::event::MarketPhase;
use pitlane_engine::sequencer::schedule::TradingChange;
use pitlane_engine::units::{IST_OFFSET_NS, InstrumentId, NS_PER_MS, NS_PER_S, Price, TsNs};

impl Market {
    /// The market with latencies of every kind, price bands and halts drawn from `seed`. Orders, changes and cancels
    /// arrive on the grid of the ticks, or off it.
    pub fn late(mut self, seed: u64) -> Self {
        let mut rng = Rng(seed);
        let open = self.sessions[0].open;
        let venue = &mut self.config.venue;
        for latency in [&mut venue.place_latency, &mut venue.modify_latency, &mut venue.cancel_latency] {
            *latency = model(&mut rng, open);
        }
        if rng.below(2) == 0 {
            venue.latency_spread_ns = 0;
            venue.report_latency = model(&mut rng, open);
        }
        self.trading = trading(&mut rng, &self);
        self
    }
}

fn model(rng: &mut Rng, open: TsNs) -> LatencyModel {
    const L: u64 = LATENCY_MIN_NS;
    let second = ((open.0 + IST_OFFSET_NS) / NS_PER_S % 86_400) as u32;
    match rng.below(5) {
        0 => LatencyModel::None,
        1 => LatencyModel::Constant((1 + rng.below(4)) * L),
        2 => LatencyModel::Uniform { least_ns: L, spread_ns: rng.below(200) * L, step_ns: L },
        3 => {
            let points = [(0, L), (500_000, 2 * L), (900_000, 20 * L), (1_000_000, 1_500 * L)];
            LatencyModel::Quantiles(points.map(|(share_ppm, ns)| Quantile { share_ppm, ns }).to_vec())
        }
        _ => {
            let points = [(second, 2 * L), (second + 8, 300 * L), (second + 16, L)];
            LatencyModel::Recorded(points.map(|(second, ns)| Measured { second, ns }).to_vec())
        }
    }
}

/// A band for one instrument, and for two of them a halt of up to four seconds.
fn trading(rng: &mut Rng, market: &Market) -> Vec<TradingChange> {
    let session = market.sessions[0];
    let length_ms = session.close.since(session.open) / NS_PER_MS;
    let first = rng.below(4) as u32;
    let band = |id: u32| if id == first { (Price(960_000), Price(1_040_000)) } else { (Price(0), Price(0)) };
    let change = |at, id, phase| TradingChange { at, instrument: InstrumentId(id), band: band(id), phase };
    let mut changes = vec![change(session.pre_open, first, MarketPhase::Continuous)];
    for id in [first, (first + 1) % 4] {
        let from = session.open.plus(rng.below(length_ms) * NS_PER_MS);
        let until = from.plus((1 + rng.below(4_000)) * NS_PER_MS);
        changes.push(change(from, id, MarketPhase::Halted));
        if until < session.end {
            changes.push(change(until, id, MarketPhase::Continuous));
        }
    }
    changes
}
