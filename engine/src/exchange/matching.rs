//! An order on its way through the other side: price, then time, at the resting orders' prices.

use super::{Account, Call, Clip, Exchange, Order, Record, Wave, is_anonymous};
use crate::book::{NONE, Resting, Slot, is_better};
use crate::event::{MarketPhase, ReportReason, SelfTrade, Side};
use crate::stage::Progress;
use crate::units::{InstrumentId, OrderId, Price, Qty};

/// An order that trades.
#[derive(Clone, Copy)]
pub(super) struct Taker {
    pub(super) instrument: InstrumentId,
    pub(super) id: OrderId,
    pub(super) account: Account,
    pub(super) side: Side,
    /// Worst price it trades at, and where it rests.
    pub(super) limit: Price,
    /// What is open, the undisclosed part included.
    pub(super) open: Qty,
    /// Its quantity, what is filled included.
    pub(super) quantity: Qty,
    /// How much it displays when it rests; zero = all.
    pub(super) disclosed: Qty,
    pub(super) rest: Rest,
}

/// What becomes of what does not trade at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    Rests,
    Cancelled(ReportReason),
}

impl Exchange {
    /// Takes an order to its end, and then the stops that its trades wake.
    #[inline(never)]
    pub(super) fn run<F: FnMut(Record)>(&mut self, mut taker: Taker, call: &mut Call<'_, F>) -> Progress {
        if self.carry_out(&mut taker, call) == Progress::More {
            self.work.taker = Some(taker);
            return Progress::More;
        }
        if self.work.wave.is_some() {
            return self.wake_due(call);
        }
        self.settle(taker.instrument)
    }

    /// Trades an order and disposes of its rest.
    #[inline]
    pub(super) fn carry_out<F: FnMut(Record)>(
        &mut self,
        taker: &mut Taker,
        call: &mut Call<'_, F>,
    ) -> Progress {
        if self.work.look.is_some() && self.look(taker, call) == Progress::More {
            return Progress::More;
        }
        if self.sweep(taker, call) == Progress::More || call.left == 0 {
            return Progress::More;
        }
        if !taker.open.is_zero() {
            match taker.rest {
                Rest::Rests => self.rest(taker, call),
                Rest::Cancelled(reason) => self.end(taker, reason, call),
            }
        }
        Progress::Done
    }

    /// Trades an order with the front of the other side for as long as both have something and the price is right.
    #[inline]
    fn sweep<F: FnMut(Record)>(&mut self, taker: &mut Taker, call: &mut Call<'_, F>) -> Progress {
        let &mut Taker { instrument, id, account, side, limit, .. } = taker;
        let (mut first, mut last, mut gone) = (Price::ZERO, Price::ZERO, 0);
        let progress = loop {
            if taker.open.is_zero() {
                break Progress::Done;
            }
            let Some((price, slot)) = self.books.first(instrument, side.opposite()) else {
                break Progress::Done;
            };
            if is_better(side, price, limit) {
                break Progress::Done;
            }
            if call.left < 2 {
                break Progress::More;
            }
            let &Order { account: other, clip, .. } = self.books.payload(slot);
            if other == account && account != Account::MARKET {
                self.prevent(taker, slot, call);
                continue;
            }
            let maker = self.books.order(slot);
            let quantity = taker.open.min(maker.open);
            taker.open -= quantity;
            self.tally.fill(quantity);
            let maker_open = if quantity == maker.open && clip == NONE {
                self.books.take_front(slot);
                gone += u32::from(!is_anonymous(maker.id));
                Qty::ZERO
            } else {
                self.fill(slot, quantity)
            };
            if first.is_zero() {
                first = price;
            }
            last = price;
            call.emit(Record::Trade {
                instrument,
                taker: id,
                maker: maker.id,
                side,
                price,
                quantity,
                taker_open: taker.open,
                maker_open,
            });
        };
        self.markets[instrument.index()].open -= gone;
        self.held -= gone as usize;
        // Prices of a sweep only get worse: the first and the last have all others between them.
        // What a feed says was traded comes as its last price, with `traded`: the limits it met here are no prices of its.
        if !last.is_zero() && !is_anonymous(id) {
            self.reached(instrument, first, last);
        }
        progress
    }

    /// Fills a resting order; answers what it still has.
    #[inline(never)]
    pub(super) fn fill(&mut self, slot: Slot, quantity: Qty) -> Qty {
        let maker = self.books.order(slot);
        let clip = self.books.payload(slot).clip;
        let displayed = maker.open - quantity;
        if !displayed.is_zero() {
            self.books.reduce(slot, quantity);
            return displayed + self.hidden(clip);
        }
        if clip != NONE {
            return self.next_clip(slot, clip);
        }
        self.books.take_out(slot);
        self.count_out(maker.instrument, maker.id);
        Qty::ZERO
    }

    /// Displays the next clip of an order, behind all others of its price [U: common convention; nse-rules 8].
    fn next_clip(&mut self, slot: Slot, clip: u32) -> Qty {
        let Clip { hidden, disclosed } = self.clips[clip];
        let shown = hidden.min(disclosed);
        self.books.requeue(slot, shown);
        self.tally.show(shown);
        self.clips[clip].hidden -= shown;
        if self.clips[clip].hidden.is_zero() {
            self.clips.give_back(clip);
            self.books.payload_mut(slot).clip = NONE;
        }
        hidden
    }

    /// The last trade's price is the last price; with stops waiting all prices between are also remembered for them.
    #[inline]
    fn reached(&mut self, instrument: InstrumentId, first: Price, last: Price) {
        self.markets[instrument.index()].last = last;
        if !self.stops.is_empty() {
            let wave = self.work.wave.get_or_insert(Wave { instrument, low: last, high: last });
            (wave.low, wave.high) = (wave.low.min(first).min(last), wave.high.max(first).max(last));
        }
    }

    /// An order would trade with one of its own account.
    #[inline(never)]
    fn prevent<F: FnMut(Record)>(&mut self, taker: &mut Taker, slot: Slot, call: &mut Call<'_, F>) {
        let reason = ReportReason::SelfTrade;
        match self.self_trade {
            SelfTrade::CancelNewest => self.end(taker, reason, call),
            SelfTrade::CancelOldest => self.cancel_slot(slot, reason, call),
            SelfTrade::Decrement => {
                let maker = self.books.order(slot);
                let open = self.open_of(slot);
                let by = open.min(taker.open);
                if by == open {
                    self.cancel_slot(slot, reason, call);
                } else {
                    self.books.payload_mut(slot).quantity -= by;
                    self.shrink(slot, by);
                    call.emit(Record::Decremented { id: maker.id, by, open: open - by });
                }
                if by == taker.open {
                    self.end(taker, reason, call);
                } else {
                    taker.open -= by;
                    taker.quantity -= by;
                    self.tally.cancel(by);
                    call.emit(Record::Decremented { id: taker.id, by, open: taker.open });
                }
            }
        }
    }

    /// Cancels what is open of an order under way.
    #[inline]
    pub(super) fn end<F: FnMut(Record)>(
        &mut self,
        taker: &mut Taker,
        reason: ReportReason,
        call: &mut Call<'_, F>,
    ) {
        let open = std::mem::replace(&mut taker.open, Qty::ZERO);
        self.tally.cancel(open);
        call.emit(Record::Cancelled { id: taker.id, open, reason });
    }

    /// Puts what is open of an order into the book, behind all others of its price.
    #[inline]
    pub(super) fn rest<F: FnMut(Record)>(&mut self, taker: &Taker, call: &mut Call<'_, F>) {
        let &Taker { instrument, id, account, side, limit, open, quantity, disclosed, .. } = taker;
        let mut order = Order { quantity, account, clip: NONE };
        let mut displayed = open;
        if !disclosed.is_zero() && disclosed < open {
            displayed = disclosed;
            order.clip = self.clips.take(Clip { hidden: open - disclosed, disclosed });
            self.tally.hide(open - disclosed);
        }
        self.books.append(instrument, side, limit, id, displayed, order);
        self.count_in(instrument, id);
        call.emit(Record::Rested { id, open });
    }

    /// Takes `by`, less than what is open, off an order that keeps its place: undisclosed quantity first.
    pub(super) fn shrink(&mut self, slot: Slot, by: Qty) {
        let clip = self.books.payload(slot).clip;
        let hidden = self.hidden(clip).min(by);
        if !hidden.is_zero() {
            self.tally.show(hidden);
            self.clips[clip].hidden -= hidden;
            if self.clips[clip].hidden.is_zero() {
                self.clips.give_back(clip);
                self.books.payload_mut(slot).clip = NONE;
            }
        }
        self.books.reduce(slot, by - hidden);
        self.tally.cancel(by);
    }

    /// Takes an order out of the book; answers what was open of it. The caller says what became of that.
    #[inline]
    pub(super) fn lift(&mut self, slot: Slot) -> Qty {
        let Resting { id, instrument, open, .. } = self.books.order(slot);
        let clip = self.books.payload(slot).clip;
        let hidden = self.hidden(clip);
        if clip != NONE {
            self.tally.show(hidden);
            self.clips.give_back(clip);
        }
        self.books.take_out(slot);
        self.count_out(instrument, id);
        open + hidden
    }

    /// Cancels an order in the book.
    #[inline]
    pub(super) fn cancel_slot<F: FnMut(Record)>(
        &mut self,
        slot: Slot,
        reason: ReportReason,
        call: &mut Call<'_, F>,
    ) {
        let id = self.books.order(slot).id;
        let open = self.lift(slot);
        self.tally.cancel(open);
        call.emit(Record::Cancelled { id, open, reason });
    }

    #[inline]
    pub(super) fn hidden(&self, clip: u32) -> Qty {
        if clip == NONE { Qty::ZERO } else { self.clips[clip].hidden }
    }

    /// What is open of an order in the book, the undisclosed part included.
    pub(super) fn open_of(&self, slot: Slot) -> Qty {
        self.books.order(slot).open + self.hidden(self.books.payload(slot).clip)
    }

    #[inline]
    pub(super) fn count_in(&mut self, instrument: InstrumentId, id: OrderId) {
        if !is_anonymous(id) {
            self.held += 1;
            self.markets[instrument.index()].open += 1;
        }
    }

    #[inline]
    pub(super) fn count_out(&mut self, instrument: InstrumentId, id: OrderId) {
        if !is_anonymous(id) {
            self.held -= 1;
            self.markets[instrument.index()].open -= 1;
        }
    }

    #[inline]
    pub(super) fn is_crossed(&self, instrument: InstrumentId) -> bool {
        self.books.is_crossed(instrument) && self.markets[instrument.index()].phase == MarketPhase::Continuous
    }
}
