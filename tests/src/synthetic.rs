//! The synthetic day of the feeds package as a test's input.

use pitlane_config::Settings;
use pitlane_engine::config::{PipelineConfig, RiskConfig, SessionTimes};
use pitlane_engine::event::Timeframe;
use pitlane_engine::sequencer::SOURCE_FEED;
use pitlane_engine::sequencer::schedule::Schedule;
use pitlane_engine::sequencer::source::Decoded;
use pitlane_engine::stages::decoder::Decoder;
use pitlane_feeds::SyntheticFeed;
use pitlane_journal::{JournalDir, WriterOptions};
use pitlane_session::market::synthetic_config;
use pitlane_store::JournalLog;
use std::path::Path;

/// A day with its settings.
pub struct Day {
    /// The settings.
    pub settings: Settings,
    /// What the stages are built from.
    pub config: PipelineConfig,
    times: SessionTimes,
}

/// A day of about `events` market events or more, whose strategies trade often.
pub fn day(events: u64) -> Day {
    let mut settings = Settings::demo();
    // At one tick a second and instrument the demo's day has about half a million.
    settings.sim.ticks_per_second = u32::try_from(events.div_ceil(500_000)).expect("a day a machine can run");
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
        strategy.timeframe = Timeframe::S1;
        strategy.allow_short = true;
        strategy.params = vec![("fast".to_owned(), 5.0), ("slow".to_owned(), 20.0)];
    }
    of(settings)
}

/// The day that `settings` describe.
pub fn of(settings: Settings) -> Day {
    let config = settings.pipeline(settings.instruments.clone()).expect("the settings hold together");
    let times = settings.fixed_session_times(settings.sim.date);
    Day { settings, config, times }
}

impl Day {
    /// Preamble, session and timers.
    pub fn schedule(&self) -> Schedule {
        let text = self.settings.journaled_toml();
        Schedule::new(&text, Settings::hash(&text), &self.config.instruments, &[], &[self.times.into()], &[])
    }

    /// The market data.
    pub fn feed(&self) -> Decoded<SyntheticFeed> {
        let instruments = &self.config.instruments;
        let feed = SyntheticFeed::new(&synthetic_config(&self.settings), instruments, &self.times.into());
        Decoded::new(
            feed.expect("the settings are within their ranges"),
            Decoder::new(instruments, SOURCE_FEED),
        )
    }
}

/// A journal of inputs and one of outputs in `dir`.
pub fn journal(dir: &Path) -> (JournalLog, JournalLog) {
    let lock = JournalDir::lock(dir).expect("the directory is free");
    let options = WriterOptions { sync_on_seal: false, ..WriterOptions::default() };
    let inputs = JournalLog::inputs(&lock, options).expect("there is room for a journal");
    (inputs, JournalLog::outputs(&lock, options).expect("there is room for a journal"))
}
