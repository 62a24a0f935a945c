//! Trading states: halts, call auctions and price bands of an instrument.
//!
//! While an instrument is not in continuous trading the market does not trade with own orders; what packets show
//! meanwhile counts when it begins again. An auction's other side is what the newest packet displays; its reference
//! price is the last price. Orders that an auction leaves go on, or, if the market closes after it, are cancelled.

use super::Matcher;
use super::market::PRICE_MAX;
use super::records::{NoFills, is_own};
use super::run::{Run, Step};
use crate::event::{Event, FILL_MAKER, Header, MarketPhase, ReportReason, Side, TradingState};
use crate::exchange::Unmatched;
use crate::stage::{Emit, Progress};
use crate::units::{InstrumentId, OrderId, Price};

impl Matcher {
    /// Takes an instrument's new phase and band. One that cannot be traded has neither.
    pub(super) fn on_trading_state(&mut self, event: &Event, out: &mut impl Emit) -> Progress {
        let at = event.header.instrument;
        let Some(spec) = self.instruments.get(at.index()).filter(|spec| spec.tradable) else {
            return Progress::Done;
        };
        self.depths[at.index()].clean(spec.lot);
        let last = self.markets[at.index()].last().unwrap_or(Price::ZERO);
        let taker_flags = self.taker_flags(at);
        let run = Run { taker_flags, ..Run::of_state(at, last, event.body::<TradingState>()) };
        self.go_on(run, &event.header, out)
    }

    /// Step `Uncross`: if a call auction ends, what it has collected trades.
    pub(super) fn uncross(
        &mut self,
        run: &mut Run,
        cause: &Header,
        out: &mut impl Emit,
    ) -> (Progress, usize) {
        run.step = Step::Phase;
        let at = run.instrument;
        if self.exchange.phase(at) != MarketPhase::Call || run.phase == MarketPhase::Call {
            return (Progress::Done, 0);
        }
        let depth = &mut self.depths[at.index()];
        depth.take_back(&self.exchange, at);
        self.exchange.clear_volume(at);
        depth.lend(&mut self.exchange, at);
        // In an auction nobody comes: all orders have rested.
        (run.taker_flags, run.maker_flags) = (FILL_MAKER, FILL_MAKER);
        let unmatched = if run.phase == MarketPhase::Closed { Unmatched::Cancel } else { Unmatched::Carry };
        self.operate(run, cause, out, |exchange, run, records| {
            exchange.uncross(at, run.last, unmatched, &mut |record| records.take(record))
        })
    }

    /// What has to be done before a phase begins: continuous trading finds the newest market, and an auction no order
    /// that could not be counted at any price it may end at.
    pub(super) fn before_phase(&mut self, run: &mut Run) {
        let at = run.instrument;
        let (now, next) = (self.exchange.phase(at), run.phase);
        (run.taker_flags, run.maker_flags) = (self.taker_flags(at), FILL_MAKER);
        if now == next || self.is_empty(at) {
            return;
        }
        match next {
            MarketPhase::Continuous => {
                self.shrink(at);
                self.depths[at.index()].lend(&mut self.exchange, at);
            }
            MarketPhase::Call => self.cancel_uncountable(at),
            MarketPhase::Halted | MarketPhase::Closed => {}
        }
    }

    fn cancel_uncountable(&mut self, at: InstrumentId) {
        let multiplier = self.instruments[at.index()].multiplier;
        let uncountable = |matcher: &Self| {
            let own = matcher.exchange.queue(at, Side::Sell).filter(|order| is_own(order.id));
            let mut own = own.map(|order| order.id);
            own.find(|&id| {
                let slot = matcher.orders.find(id).expect("an own order is known");
                !matcher.orders.get(slot).is_countable(PRICE_MAX, multiplier)
            })
        };
        while let Some(id) = uncountable(self) {
            self.cancel_held(at, id, ReportReason::NotAllowed);
        }
    }

    /// Cancels an order that the exchange holds.
    pub(super) fn cancel_held(&mut self, at: InstrumentId, id: OrderId, reason: ReportReason) {
        let (run, cause, mut out) = (Run::new(at, Price::ZERO), Header::default(), NoFills);
        let (exchange, mut records) = self.parts(&run, &cause, &mut out);
        let held = exchange.cancel(id, reason, &mut |record| records.take(record));
        assert!(held, "an order that is not final is in the exchange");
    }

    /// Cancels what is open in an instrument whose day is over.
    pub(super) fn cancel_all(&mut self, at: InstrumentId) {
        if self.is_empty(at) {
            return;
        }
        let (run, cause, mut out) = (Run::new(at, Price::ZERO), Header::default(), NoFills);
        let (exchange, mut records) = self.parts(&run, &cause, &mut out);
        let each = &mut |record| records.take(record);
        let mut progress = exchange.cancel_all(at, super::OWN, ReportReason::SessionEnd, each);
        while progress == Progress::More {
            progress = exchange.resume(each);
        }
        self.settle(at);
    }
}
