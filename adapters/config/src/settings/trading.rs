//! Whether and within which prices instruments trade.

use jiff::civil::Time;
use pitlane_engine::units::Price;

/// `band` of `[[instruments]]`: the prices an instrument's orders may have, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceBand {
    /// The instrument.
    pub symbol: String,
    /// The lowest; more than zero.
    pub low: Price,
    /// The highest; more than the lowest.
    pub high: Price,
}

/// One of `[[halts]]`: from when until when an instrument does not trade, Indian time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    /// The instrument.
    pub symbol: String,
    /// When it stops.
    pub from: Time,
    /// When it goes on; after `from`.
    pub until: Time,
}

/// Bands and halts of every session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TradingSettings {
    /// At most one an instrument.
    pub bands: Vec<PriceBand>,
    /// By instrument they do not overlap; by time, then as given.
    pub halts: Vec<Halt>,
}

impl TradingSettings {
    /// The band of an instrument, if it has one.
    pub fn band(&self, symbol: &str) -> Option<&PriceBand> {
        self.bands.iter().find(|band| band.symbol == symbol)
    }
}
