//! New terms of orders that rest or wait, and what becomes of their places.

use super::matching::{Rest, Taker};
use super::{Call, Change, Clip, Exchange, Order, Record, Terms, is_anonymous};
use crate::book::{BUY_ABOVE_ALL, NONE, QUANTITY_MAX, Resting, SELL_BELOW_ALL, Slot};
use crate::event::{MarketPhase, OrderType, ReportReason, Validity};
use crate::stage::Progress;
use crate::units::{OrderId, Qty};

impl Exchange {
    /// Changes an order that rests or waits. An id that is not held, or of anonymous volume, changes nothing and makes
    /// no record: the request came too late.
    pub fn modify(&mut self, id: OrderId, change: &Change, each: &mut impl FnMut(Record)) -> Progress {
        let call = &mut self.begin(each);
        if is_anonymous(id) {
            return Progress::Done;
        }
        if let Some(slot) = self.books.slot_of(id) {
            return self.modify_resting(slot, change, call);
        }
        match self.stops.slot_of(id) {
            Some(slot) => self.modify_waiting(slot, change, call),
            None => Progress::Done,
        }
    }

    fn modify_resting<F: FnMut(Record)>(
        &mut self,
        slot: Slot,
        change: &Change,
        call: &mut Call<'_, F>,
    ) -> Progress {
        let resting = self.books.order(slot);
        let Resting { id, instrument, side, .. } = resting;
        let Order { quantity, account, .. } = *self.books.payload(slot);
        let is_market = resting.price == BUY_ABOVE_ALL || resting.price == SELL_BELOW_ALL;
        let terms = Terms {
            id,
            account,
            side,
            order_type: if is_market { OrderType::Market } else { OrderType::Limit },
            validity: Validity::Day,
            quantity: change.quantity,
            price: change.price,
            trigger: change.trigger,
            disclosed: change.disclosed,
            post_only: false,
        };
        let was = self.open_of(slot);
        let filled = quantity - was;
        let too_small = (change.quantity <= filled).then_some(ReportReason::Malformed);
        if let Some(reason) = self.refusal(instrument, &terms).or(too_small) {
            call.emit(Record::Kept { id, reason });
            return Progress::Done;
        }
        call.emit(Record::Modified { id });
        let open = change.quantity - filled;
        let taker = Taker { open, rest: Rest::Rests, ..Taker::of(instrument, &terms) };
        if taker.limit == resting.price && open <= was {
            if open < was {
                self.shrink(slot, was - open);
            }
            self.books.payload_mut(slot).quantity = change.quantity;
            self.disclose(slot, change.disclosed);
            call.emit(Record::Rested { id, open });
            return self.settle(instrument);
        }
        self.lift(slot);
        self.tally.change(was, open);
        if taker.limit == resting.price || self.markets[instrument.index()].phase == MarketPhase::Call {
            self.rest(&taker, call);
            return self.settle(instrument);
        }
        self.run(taker, call)
    }

    /// Sets how much of a resting order is displayed at a time. Less hides at once, more shows with the next clip, so
    /// that nothing undisclosed gains the place [U: nse-rules 8 leaves it open].
    fn disclose(&mut self, slot: Slot, disclosed: Qty) {
        let displayed = self.books.order(slot).open;
        let clip = self.books.payload(slot).clip;
        let all = displayed + self.hidden(clip);
        if disclosed.is_zero() || disclosed >= all {
            if clip != NONE {
                self.clips[clip].disclosed = QUANTITY_MAX;
            }
            return;
        }
        let less = displayed - displayed.min(disclosed);
        if clip != NONE {
            self.clips[clip].disclosed = disclosed;
            self.clips[clip].hidden += less;
        } else if less > Qty::ZERO {
            self.books.payload_mut(slot).clip = self.clips.take(Clip { hidden: less, disclosed });
        }
        self.tally.hide(less);
        if less > Qty::ZERO {
            self.books.reduce(slot, less);
        }
    }

    fn modify_waiting<F: FnMut(Record)>(
        &mut self,
        slot: Slot,
        change: &Change,
        call: &mut Call<'_, F>,
    ) -> Progress {
        let (instrument, was) = self.stop_terms(slot);
        let &Change { quantity, price, trigger, disclosed } = change;
        let terms = Terms { quantity, price, trigger, disclosed, ..was };
        let id = terms.id;
        if let Some(reason) = self.refusal(instrument, &terms) {
            call.emit(Record::Kept { id, reason });
            return Progress::Done;
        }
        call.emit(Record::Modified { id });
        self.tally.change(was.quantity, quantity);
        if trigger == was.trigger && quantity <= was.quantity {
            if quantity < was.quantity {
                self.stops.reduce(slot, was.quantity - quantity);
            }
            let stop = self.stops.payload_mut(slot);
            (stop.price, stop.disclosed) = (price, disclosed);
            call.emit(Record::Waiting { id });
            return self.settle(instrument);
        }
        self.remove_stop(slot, instrument);
        self.enter_stop(instrument, &terms, call)
    }
}
