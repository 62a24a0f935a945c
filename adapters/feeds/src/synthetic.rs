//! A seeded synthetic market on virtual time: integers only, so that a seed gives the same bytes on every machine.
//!
//! `schedule` says when a frame is due and whose packets are in it (ordinary and hot instruments, bursts, halts);
//! `market` moves the prices (regimes of trend and range, a common factor, indices and futures that follow a basket)
//! and writes the packets.

mod market;
mod schedule;

use crate::error::FeedError;
use crate::kite::{FrameWriter, Mode};
use crate::rng::SplitMix64;
use market::Market;
use pitlane_engine::config::{InstrumentSpec, SessionPlan};
use pitlane_engine::feed::{FeedItem, FrameFeed};
use pitlane_engine::units::NS_PER_S;
use schedule::{PACKETS_MAX, Schedule};

/// The knobs of the market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntheticConfig {
    /// Seed of everything random.
    pub seed: u64,
    /// Packets a second of an ordinary instrument, 1 to 1,000,000.
    pub ticks_per_second: u32,
    /// Share of the instruments that are hot, in bps.
    pub hot_share_bps: u32,
    /// How many times as often a hot instrument ticks, 1 to 1,000.
    pub hot_rate: u32,
    /// How long the same instruments stay hot, in nanoseconds; at least a second.
    pub hot_rotation_ns: u64,
    /// Largest random move of one tick in millionths of the starting price, 1 to 10,000; at least one tick.
    pub step_ppm: u32,
    /// Share of the frames that start a burst, in bps: several packets a frame, frames microseconds apart.
    pub burst_bps: u32,
    /// Trading halts in the session, over all instruments.
    pub halts: u32,
    /// How long a halted instrument is silent, in nanoseconds.
    pub halt_ns: u64,
    /// Packets of each tradable instrument, by id; missing ones are full. Indices send 32 bytes, or 8 if `Ltp`.
    pub modes: Vec<Mode>,
}

impl Default for SyntheticConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            ticks_per_second: 1,
            hot_share_bps: 2_000,
            hot_rate: 4,
            hot_rotation_ns: 900 * NS_PER_S,
            step_ppm: 60,
            burst_bps: 100,
            halts: 2,
            halt_ns: 300 * NS_PER_S,
            modes: Vec::new(),
        }
    }
}

/// The market of one session, from its open to its close. An instrument with hours of its own is silent outside
/// them.
#[derive(Debug)]
pub struct SyntheticFeed {
    schedule: Schedule,
    market: Market,
    rng: SplitMix64,
    writer: FrameWriter,
}

impl SyntheticFeed {
    /// A market of `instruments` (ids are indices) for the hours of `plan`. Allocates all it will ever need.
    ///
    /// # Errors
    /// If a knob is out of its range, there is no instrument, hours are not within the session's or of no instrument,
    /// or a tick cannot be written in the wire's price unit.
    pub fn new(
        config: &SyntheticConfig,
        instruments: &[InstrumentSpec],
        plan: &SessionPlan,
    ) -> Result<Self, FeedError> {
        check(config, instruments, plan)?;
        let mut rng = SplitMix64::new(config.seed);
        let market = Market::new(config, instruments, &plan.times, &mut rng)?;
        let schedule = Schedule::new(config, instruments, plan, &mut rng);
        Ok(Self { schedule, market, rng, writer: FrameWriter::new(PACKETS_MAX) })
    }
}

impl FrameFeed for SyntheticFeed {
    fn poll(&mut self) -> FeedItem<'_> {
        loop {
            let Some(frame) = self.schedule.next_frame(&mut self.rng) else { return FeedItem::Closed };
            self.writer.clear();
            self.market.pass_to(frame.at, &mut self.rng);
            for slot in 0..frame.packets {
                if let Some(instrument) = self.schedule.pick(&frame, slot, &mut self.rng) {
                    self.market.packet(instrument, frame.at, &mut self.rng, &mut self.writer);
                }
            }
            // Empty when all that were due are halted or closed.
            if self.writer.packets() > 0 {
                return FeedItem::Frame { received: frame.at, bytes: self.writer.bytes() };
            }
        }
    }
}

fn check(
    config: &SyntheticConfig,
    instruments: &[InstrumentSpec],
    plan: &SessionPlan,
) -> Result<(), FeedError> {
    let refuse = |what: &str, value: String, allowed| {
        Err(FeedError::Setting { what: what.to_owned(), value, allowed })
    };
    let c = config;
    if instruments.is_empty() {
        return refuse("the instrument table", "empty".to_owned(), "at least one instrument");
    }
    let session = &plan.times;
    if session.close <= session.open {
        return refuse("the session", "closed before it opens".to_owned(), "a close after the open");
    }
    for own in &plan.hours {
        let Some(spec) = instruments.get(own.instrument.index()) else {
            let value = format!("of instrument {}", own.instrument.0);
            return refuse("hours", value, "those of an instrument in the table");
        };
        if own.close <= own.open || own.open < session.open || session.close < own.close {
            let what = format!("the hours of {}", spec.symbol);
            return refuse(
                &what,
                format!("{} to {} ns", own.open.0, own.close.0),
                "some within the session's",
            );
        }
    }
    let shares = [("hot_share", c.hot_share_bps), ("burst", c.burst_bps)];
    if let Some((what, bps)) = shares.iter().find(|(_, bps)| *bps > 10_000) {
        return refuse(what, format!("{bps} bps"), "0 to 10000 bps");
    }
    if !(1..=1_000_000).contains(&c.ticks_per_second) {
        return refuse("ticks_per_second", c.ticks_per_second.to_string(), "1 to 1000000");
    }
    if !(1..=1_000).contains(&c.hot_rate) {
        return refuse("hot_rate", c.hot_rate.to_string(), "1 to 1000");
    }
    if !(1..=10_000).contains(&c.step_ppm) {
        return refuse("step_ppm", c.step_ppm.to_string(), "1 to 10000");
    }
    if c.hot_rotation_ns < NS_PER_S {
        return refuse("hot_rotation", format!("{} ns", c.hot_rotation_ns), "at least one second");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
