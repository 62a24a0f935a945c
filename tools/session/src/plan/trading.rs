//! Price bands and halts of the configuration become changes of trading at times of a session.

use super::Planner;
use crate::exit::usage;
use jiff::civil::Date;
use pitlane_config::{PriceBand, format_ist, ist};
use pitlane_engine::config::SessionPlan;
use pitlane_engine::event::MarketPhase;
use pitlane_engine::sequencer::schedule::TradingChange;
use pitlane_engine::units::{InstrumentId, Price};

impl Planner<'_> {
    /// The changes of the session of `date`, by time: bands hold from its start, a halt from and until its times. A halt
    /// that lies outside the session changes nothing, and a warning says so.
    ///
    /// # Errors
    /// If a band or halt names a symbol that the run does not have.
    pub(super) fn trading(
        &self,
        date: Date,
        plan: &SessionPlan,
        warnings: &mut Vec<String>,
    ) -> anyhow::Result<Vec<TradingChange>> {
        let (trading, times) = (&self.settings.trading, &plan.times);
        let prices = |symbol: &str| {
            trading
                .band(symbol)
                .map_or((Price::ZERO, Price::ZERO), |&PriceBand { low, high, .. }| (low, high))
        };
        let mut changes = Vec::new();
        for PriceBand { symbol, low, high } in &trading.bands {
            let (instrument, band) = (self.id("instruments.band", symbol)?, (*low, *high));
            changes.push(TradingChange {
                at: times.pre_open,
                instrument,
                band,
                phase: MarketPhase::Continuous,
            });
        }
        for halt in &trading.halts {
            let (instrument, band) = (self.id("halts", &halt.symbol)?, prices(&halt.symbol));
            let (from, until) = (ist(date, halt.from).max(times.pre_open), ist(date, halt.until));
            if until <= times.pre_open || from >= times.end {
                warnings.push(format!(
                    "the halt of {} from {} lies outside the session, which lasts from {} to {}",
                    halt.symbol,
                    format_ist(ist(date, halt.from)),
                    format_ist(times.pre_open),
                    format_ist(times.end)
                ));
                continue;
            }
            changes.push(TradingChange { at: from, instrument, band, phase: MarketPhase::Halted });
            // What goes on after the session goes on with the next one's start.
            if until < times.end {
                changes.push(TradingChange { at: until, instrument, band, phase: MarketPhase::Continuous });
            }
        }
        changes.sort_by_key(|change| change.at);
        Ok(changes)
    }

    fn id(&self, what: &str, symbol: &str) -> anyhow::Result<InstrumentId> {
        let found = (0..).zip(self.instruments).find(|(_, spec)| spec.symbol == symbol);
        found.map(|(id, _)| InstrumentId(id)).ok_or_else(|| {
            usage(format!(
                "{what}: no instrument `{symbol}` in this run; correct the symbol, or take the entry out"
            ))
        })
    }
}
