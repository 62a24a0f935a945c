//! Phases and price bands.

use super::bulk::Which;
use super::{Exchange, Record};
use crate::book::{BUY_ABOVE_ALL, SELL_BELOW_ALL};
use crate::event::{MarketPhase, ReportReason, Side};
use crate::stage::Progress;
use crate::units::{InstrumentId, Price};

impl Exchange {
    /// Begins a phase. A call phase cancels what it does not have (`NotAllowed`): waiting stops and orders with
    /// undisclosed quantity [NSE closing session]; continuous trading wakes the stops that the last price has reached.
    /// Panics if continuous trading begins with a crossed book or market orders in it: uncross first.
    pub fn set_phase(
        &mut self,
        instrument: InstrumentId,
        phase: MarketPhase,
        each: &mut impl FnMut(Record),
    ) -> Progress {
        let call = &mut self.begin(each);
        let market = &mut self.markets[instrument.index()];
        market.phase = phase;
        market.set_plain(&self.listings[instrument.index()]);
        match phase {
            MarketPhase::Call => {
                self.cancel_each(instrument, Which::NotInCall, ReportReason::NotAllowed, call)
            }
            MarketPhase::Continuous => {
                let market_orders = self.books.best_price(instrument, Side::Buy) == Some(BUY_ABOVE_ALL)
                    || self.books.best_price(instrument, Side::Sell) == Some(SELL_BELOW_ALL);
                assert!(
                    !market_orders && !self.is_crossed(instrument),
                    "a call is uncrossed before continuous trading begins"
                );
                self.wake_at_last(instrument, call)
            }
            MarketPhase::Halted | MarketPhase::Closed => Progress::Done,
        }
    }

    /// Sets the price band, both ends included; zero for an open end. What rests outside is cancelled with `PriceBand`,
    /// anonymous volume too: buys first, each side in the order of its queue.
    pub fn set_band(
        &mut self,
        instrument: InstrumentId,
        low: Price,
        high: Price,
        each: &mut impl FnMut(Record),
    ) -> Progress {
        let call = &mut self.begin(each);
        let market = &mut self.markets[instrument.index()];
        (market.low, market.high) = (low, high);
        market.set_plain(&self.listings[instrument.index()]);
        self.cancel_each(instrument, Which::OutOfBand, ReportReason::PriceBand, call)
    }
}
