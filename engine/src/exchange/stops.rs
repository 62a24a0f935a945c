//! Orders that wait for the last price to reach their trigger.
//!
//! They stand in queues of their own at their triggers. A buy wakes at or above its trigger, so the lowest is the first
//! and it stands where sells do; a sell stands where buys do.

use super::look::Look;
use super::matching::Taker;
use super::{Call, Exchange, Limits, Record, Stop, Terms, Wave};
use crate::book::{Resting, Slot};
use crate::event::{MarketPhase, OrderType, ReportReason, Side, Validity};
use crate::stage::Progress;
use crate::units::{InstrumentId, Price};

impl Exchange {
    /// A trade elsewhere at `last`: it is the last price, and wakes stops in continuous trading.
    pub fn traded(
        &mut self,
        instrument: InstrumentId,
        last: Price,
        each: &mut impl FnMut(Record),
    ) -> Progress {
        assert!(last > Price::ZERO, "a last price is more than zero");
        let call = &mut self.begin(each);
        self.markets[instrument.index()].last = last;
        self.wake_at_last(instrument, call)
    }

    /// Wakes what the last price has reached.
    pub(super) fn wake_at_last<F: FnMut(Record)>(
        &mut self,
        instrument: InstrumentId,
        call: &mut Call<'_, F>,
    ) -> Progress {
        let market = &self.markets[instrument.index()];
        if market.phase != MarketPhase::Continuous || market.last.is_zero() || self.stops.is_empty() {
            return Progress::Done;
        }
        self.work.wave = Some(Wave { instrument, low: market.last, high: market.last });
        self.wake_due(call)
    }

    /// Wakes the stops that trades have reached, one at a time, each to its end, until none is due.
    pub(super) fn wake_due<F: FnMut(Record)>(&mut self, call: &mut Call<'_, F>) -> Progress {
        while let Some(wave) = self.work.wave {
            let Some(slot) = self.due(wave) else {
                self.work.wave = None;
                return self.settle(wave.instrument);
            };
            if call.left < Limits::RECORDS_LEAST {
                return Progress::More;
            }
            let (_, terms) = self.stop_terms(slot);
            self.remove_stop(slot, wave.instrument);
            let mut taker = Taker::of(wave.instrument, &terms);
            if self.trigger(&mut taker, &terms, call) == Progress::More {
                self.work.taker = Some(taker);
                return Progress::More;
            }
        }
        Progress::Done
    }

    /// The stop that wakes next: buys first, each side by trigger, then arrival.
    fn due(&self, wave: Wave) -> Option<Slot> {
        let reached = |side: Side, by: fn(Price, Wave) -> bool| {
            let slot = self.stops.front(wave.instrument, side.opposite())?;
            by(self.stops.order(slot).price, wave).then_some(slot)
        };
        reached(Side::Buy, |trigger, wave| trigger <= wave.high)
            .or_else(|| reached(Side::Sell, |trigger, wave| trigger >= wave.low))
    }

    /// Sends an order into the book whose trigger was reached.
    fn trigger<F: FnMut(Record)>(
        &mut self,
        taker: &mut Taker,
        terms: &Terms,
        call: &mut Call<'_, F>,
    ) -> Progress {
        call.emit(Record::Triggered { id: taker.id });
        let market = &self.markets[taker.instrument.index()];
        if terms.order_type == OrderType::StopLimit && !market.takes(taker.limit) {
            self.end(taker, ReportReason::PriceBand, call);
            return Progress::Done;
        }
        if terms.validity == Validity::Fok {
            self.work.look = Some(Look::BEGIN);
        }
        self.carry_out(taker, call)
    }

    /// A new stop order, which was checked: waits, or goes on at once.
    pub(super) fn enter_stop<F: FnMut(Record)>(
        &mut self,
        instrument: InstrumentId,
        terms: &Terms,
        call: &mut Call<'_, F>,
    ) -> Progress {
        if !self.has_reached(instrument, terms.side, terms.trigger) {
            self.wait(instrument, terms, call);
            return self.settle(instrument);
        }
        let mut taker = Taker::of(instrument, terms);
        if self.trigger(&mut taker, terms, call) == Progress::More {
            self.work.taker = Some(taker);
            return Progress::More;
        }
        match self.work.wave {
            Some(_) => self.wake_due(call),
            None => self.settle(instrument),
        }
    }

    /// Whether the last price has reached a trigger.
    pub(super) fn has_reached(&self, instrument: InstrumentId, side: Side, trigger: Price) -> bool {
        let last = self.markets[instrument.index()].last;
        !last.is_zero() && side.sign() * (last.0 - trigger.0) >= 0
    }

    /// Puts a stop order behind the others of its trigger.
    pub(super) fn wait<F: FnMut(Record)>(
        &mut self,
        instrument: InstrumentId,
        terms: &Terms,
        call: &mut Call<'_, F>,
    ) {
        let &Terms { id, account, side, order_type, validity, quantity, price, trigger, disclosed, .. } =
            terms;
        let stop = Stop { price, disclosed, account, order_type, validity };
        self.stops.append(instrument, side.opposite(), trigger, id, quantity, stop);
        self.count_in(instrument, id);
        call.emit(Record::Waiting { id });
    }

    /// The terms that a waiting order has.
    pub(super) fn stop_terms(&self, slot: Slot) -> (InstrumentId, Terms) {
        let Resting { id, instrument, side, price: trigger, open: quantity } = self.stops.order(slot);
        let Stop { price, disclosed, account, order_type, validity } = *self.stops.payload(slot);
        let side = side.opposite();
        let post_only = false;
        let terms =
            Terms { id, account, side, order_type, validity, quantity, price, trigger, disclosed, post_only };
        (instrument, terms)
    }

    pub(super) fn remove_stop(&mut self, slot: Slot, instrument: InstrumentId) {
        let id = self.stops.order(slot).id;
        self.stops.take_out(slot);
        self.count_out(instrument, id);
    }

    /// Cancels a waiting order.
    pub(super) fn cancel_stop<F: FnMut(Record)>(
        &mut self,
        slot: Slot,
        reason: ReportReason,
        call: &mut Call<'_, F>,
    ) {
        let Resting { id, instrument, open, .. } = self.stops.order(slot);
        self.remove_stop(slot, instrument);
        self.tally.cancel(open);
        call.emit(Record::Cancelled { id, open, reason });
    }
}
