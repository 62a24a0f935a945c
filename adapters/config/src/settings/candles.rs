//! `[candles]`: what a journal's ticks are made of, if not of ticks.

use super::Settings;
use pitlane_engine::event::Timeframe;

names! {
    /// In which order the prices of a candle are taken to have been.
    CandlePath {
        /// Open, high, low, close: the worst that can have been for what is sold short.
        Fixed = "fixed",
        /// Open, low, high, close: the worst that can have been for what is held.
        Inverse = "inverse",
        /// The extreme nearer the open first; the low, if both are equally near.
        Adaptive = "adaptive",
    }
}

/// `[candles]`. An import writes it, and it is journaled: nobody takes such a day for a recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CandleSettings {
    /// Period of the candles, from a minute to an hour.
    pub timeframe: Timeframe,
    /// The order of their prices.
    pub path: CandlePath,
}

impl Settings {
    /// What the prices of such a run are made of, in words.
    pub fn prices(&self) -> String {
        self.candles.map_or_else(|| "ticks, as they were recorded".to_owned(), |candles| candles.describe())
    }
}

impl CandleSettings {
    /// What to say wherever figures of such a run are shown.
    pub fn describe(&self) -> String {
        let order = match self.path {
            CandlePath::Fixed => "open, high, low, close",
            CandlePath::Inverse => "open, low, high, close",
            CandlePath::Adaptive => "open, the extreme nearer to it, the other, close",
        };
        format!(
            "bar-driven: {} candles as four ticks each, path {} ({order})",
            self.timeframe.name(),
            self.path.name()
        )
    }
}
