//! What the benches share: a synthetic day kept in memory as frames, so that making it costs nothing while measuring.

pub mod book;
pub mod hop;
pub mod markets;
pub mod scratch;
pub mod table;

use pitlane_config::Settings;
use pitlane_engine::config::{PipelineConfig, RiskConfig};
use pitlane_engine::event::Timeframe;
use pitlane_engine::feed::{FeedItem, FrameFeed};
use pitlane_engine::sequencer::SOURCE_FEED;
use pitlane_engine::sequencer::schedule::Schedule;
use pitlane_engine::sequencer::source::Decoded;
use pitlane_engine::stages::decoder::Decoder;
use pitlane_engine::units::TsNs;
use pitlane_feeds::SyntheticFeed;
use pitlane_session::market::synthetic_config;
use std::sync::Arc;

/// A day of frames in memory.
pub struct Day {
    /// The settings it was made with.
    pub settings: Settings,
    /// What the stages are built from.
    pub config: PipelineConfig,
    frames: Arc<Frames>,
}

struct Frames {
    bytes: Vec<u8>,
    /// End of each frame in `bytes`, and when it was received.
    ends: Vec<(usize, TsNs)>,
}

/// Plays the frames of a day.
pub struct Played {
    frames: Arc<Frames>,
    next: usize,
}

impl FrameFeed for Played {
    fn poll(&mut self) -> FeedItem<'_> {
        let Some(&(end, received)) = self.frames.ends.get(self.next) else { return FeedItem::Closed };
        let start = self.next.checked_sub(1).map_or(0, |before| self.frames.ends[before].0);
        self.next += 1;
        FeedItem::Frame { received, bytes: &self.frames.bytes[start..end] }
    }
}

impl Day {
    /// The demo's day at `ticks_per_second`, with strategies on bars of `timeframe`.
    pub fn new(ticks_per_second: u32, timeframe: Timeframe) -> Self {
        let mut settings = Settings::demo();
        settings.sim.ticks_per_second = ticks_per_second;
        // The limits of a trading day would end the trading long before the day does.
        settings.risk = RiskConfig {
            capital: settings.risk.capital,
            position_bps: settings.risk.position_bps,
            order_value_bps: settings.risk.order_value_bps,
            open_positions_max: settings.risk.open_positions_max,
            daily_loss_bps: settings.risk.daily_loss_bps,
            protection_bps: settings.risk.protection_bps,
            ..RiskConfig::UNLIMITED
        };
        for strategy in &mut settings.strategies {
            strategy.timeframe = timeframe;
            strategy.allow_short = true;
        }
        let config =
            settings.pipeline(settings.instruments.clone()).expect("the demo's settings hold together");
        let times = settings.fixed_session_times(settings.sim.date);
        let mut feed = SyntheticFeed::new(&synthetic_config(&settings), &config.instruments, &times.into())
            .expect("the demo's market is within its ranges");
        let mut frames = Frames { bytes: Vec::new(), ends: Vec::new() };
        while let FeedItem::Frame { received, bytes } = feed.poll() {
            frames.bytes.extend_from_slice(bytes);
            frames.ends.push((frames.bytes.len(), received));
        }
        Self { settings, config, frames: Arc::new(frames) }
    }

    /// The frames through the decoder.
    pub fn feed(&self) -> Decoded<Played> {
        let played = Played { frames: self.frames.clone(), next: 0 };
        Decoded::new(played, Decoder::new(&self.config.instruments, SOURCE_FEED))
    }

    /// Preamble, session and timers.
    pub fn schedule(&self) -> Schedule {
        let text = self.settings.journaled_toml();
        let times = self.settings.fixed_session_times(self.settings.sim.date);
        Schedule::new(&text, Settings::hash(&text), &self.config.instruments, &[], &[times.into()], &[])
    }
}

/// Smallest, middle and largest of some figures.
pub fn spread(mut figures: Vec<f64>) -> (f64, f64, f64) {
    figures.sort_by(f64::total_cmp);
    (figures[0], figures[figures.len() / 2], figures[figures.len() - 1])
}
