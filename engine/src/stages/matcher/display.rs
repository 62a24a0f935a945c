//! How open own orders meet the market that a packet shows.
//!
//! With depth (`Run` makes the steps):
//! 1. *What was traded.* The increase of the volume, all of it at the last price, is an anonymous order: it sells if the
//!    last price is at or below the best bid the exchange holds, else buys if it is at or above the best offer, and
//!    consumes the queues from the front. What it finds nobody for was traded with those whom no packet has shown.
//! 2. *What left.* Where less is displayed than the exchange still holds, the rest left without a trade; the queue model
//!    says who. Nothing is known beyond the fifth level: volume there stays as it was if an own order waits at its price,
//!    and is forgotten if none does.
//! 3. *What touches.* Displayed volume at or through an own order's price on the other side trades with it, at the own
//!    order's price.
//! 4. *What came.* Where more is displayed than the exchange holds, the rest joins at the end. But an own order that came
//!    to a price while nothing was known of it (beyond the fifth level, or without depth) gets behind all that is
//!    displayed there when it is displayed first.
//!
//! Without depth the exchange holds own orders alone. A resting order is filled when the last price is a tick through
//! its price, by an anonymous order of at most a share of the volume increase; an order that comes, or a stop that
//! wakes, meets volume at the last price and slippage. That volume stands behind own orders of the same side: it is
//! never at or through a price at which one still waits.

use super::Matcher;
use super::model::{Allowance, LastPriceModel};
use super::records::is_own;
use super::run::{Run, Step};
use crate::book::QUANTITY_MAX;
use crate::event::{FILL_MAKER, FILL_NO_VOLUME, Header, MarketPhase, OrderType, Side, Validity};
use crate::exchange::{End, Terms};
use crate::stage::{Emit, Progress};
use crate::units::{InstrumentId, OrderId, Price, Qty};

/// An own order in a queue.
pub(super) type Place = (Price, OrderId);

impl Matcher {
    /// Step `Trade`: what was traded elsewhere consumes the queues.
    pub(super) fn trade(&mut self, run: &mut Run, cause: &Header, out: &mut impl Emit) -> (Progress, usize) {
        let at = run.instrument;
        let next = if self.depths[at.index()].is_shown() { Step::Shrink } else { Step::Wake };
        let Some((side, limit, quantity)) = self.aggressor(run) else {
            run.step = next;
            return (Progress::Done, 0);
        };
        run.maker_flags = FILL_MAKER;
        if run.allowance == Allowance::Whole {
            // Again, until nothing is left that the last price is through.
            run.maker_flags |= FILL_NO_VOLUME;
        } else {
            run.step = next;
        }
        self.operate(run, cause, out, |exchange, _, records| {
            exchange.sweep_volume(at, side, limit, quantity, &mut |record| records.take(record))
        })
    }

    /// The anonymous order that the packet's trades amount to, if it finds anybody: side, limit, quantity.
    fn aggressor(&self, run: &Run) -> Option<(Side, Price, Qty)> {
        let at = run.instrument;
        let shown = self.depths[at.index()].is_shown();
        let quantity = match run.allowance {
            Allowance::Whole => QUANTITY_MAX,
            Allowance::UpTo(quantity) => quantity,
        };
        if quantity.is_zero() {
            return None;
        }
        [Side::Sell, Side::Buy].into_iter().find_map(|side| {
            let limit = if shown && run.allowance != Allowance::Whole {
                run.last
            } else {
                LastPriceModel::through(side, run.last, self.instruments[at.index()].tick)
            };
            let best = self.exchange.best(at, side.opposite())?.price;
            let reached = if side == Side::Sell { best >= limit } else { best <= limit };
            reached.then_some((side, limit, quantity))
        })
    }

    /// Step `Meet`: a displayed level on the other side of `side` trades with the own orders that it touches.
    pub(super) fn meet(
        &mut self,
        run: &mut Run,
        side: Side,
        number: u8,
        cause: &Header,
        out: &mut impl Emit,
    ) -> (Progress, usize) {
        let (at, shown) = (run.instrument, side.opposite());
        let level = self.depths[at.index()].level(shown, usize::from(number));
        let touches = |price: Price| {
            let best = self.exchange.best(at, side).map(|best| best.price);
            best.is_some_and(|best| if side == Side::Buy { best >= price } else { best <= price })
        };
        let Some((price, left)) = level.filter(|level| touches(level.0)) else {
            run.step = if side == Side::Buy { Step::Meet(Side::Sell, 0) } else { Step::Grow };
            return (Progress::Done, 0);
        };
        run.step = Step::Meet(side, number + 1);
        if left.is_zero() {
            return (Progress::Done, 0);
        }
        self.operate(run, cause, out, |exchange, _, records| {
            exchange.sweep_volume(at, shown, price, left, &mut |record| records.take(record))
        })
    }

    /// Step `Shrink`, once a packet: what is displayed no more leaves the queues. What the exchange then holds is no longer left in the
    /// depth. Without depth nothing is known of any queue, and stops that are due find somebody.
    pub(super) fn shrink(&mut self, at: InstrumentId) {
        let depth = &self.depths[at.index()];
        if depth.is_lent() {
            return;
        }
        if depth.is_shown() {
            [Side::Buy, Side::Sell].into_iter().for_each(|side| self.shrink_side(at, side));
            return;
        }
        self.exchange.clear_volume(at);
        for side in [Side::Buy, Side::Sell] {
            for order in self.exchange.queue(at, side).filter(|order| is_own(order.id)) {
                self.orders.set_unseen(order.id, true);
            }
        }
        self.lend_to_stops(at);
    }

    fn shrink_side(&mut self, at: InstrumentId, side: Side) {
        // Room that is kept: the lists are empty between calls.
        let (mut own, mut prices) = (std::mem::take(&mut self.own), std::mem::take(&mut self.prices));
        let queue = self.exchange.queue(at, side).filter(|order| is_own(order.id));
        own.extend(queue.map(|order| (order.price, order.id)));
        prices.extend(self.exchange.levels(at, side).map(|level| (level.price, level.orders)));
        for &(price, pieces) in &prices {
            let first = own.partition_point(|place| side.sign() * place.0.0 > side.sign() * price.0);
            let count = own[first..].iter().take_while(|place| place.0 == price).count();
            self.shrink_level(at, side, price, pieces, &own[first..first + count]);
        }
        for &(price, id) in &own {
            self.first_seen(side, price, id, at);
        }
        own.clear();
        prices.clear();
        (self.own, self.prices) = (own, prices);
    }

    fn shrink_level(&mut self, at: InstrumentId, side: Side, price: Price, pieces: u32, own: &[Place]) {
        let volume = self.exchange.volume(at, side, price);
        if volume.is_zero() {
            return;
        }
        let depth = &mut self.depths[at.index()];
        match depth.left_at(side, price) {
            None if own.is_empty() => {
                self.exchange.take_volume(at, side, price, volume, End::Back);
            }
            None => {}
            // As if it had just come, and so in one piece.
            Some(_) if own.is_empty() && pieces > 1 => {
                self.exchange.take_volume(at, side, price, volume, End::Back);
            }
            Some(shown) => {
                let stays = volume.min(shown);
                depth.take(side, price, stays);
                self.leave(at, side, price, volume - stays, own);
            }
        }
    }

    /// `decrease` of the volume at a price leaves without a trade: the queue model says how much of it was ahead of each
    /// own order there, the first in line first; the rest is the last of the queue.
    fn leave(&mut self, at: InstrumentId, side: Side, price: Price, decrease: Qty, own: &[Place]) {
        if decrease.is_zero() {
            return;
        }
        let lot = self.instruments[at.index()].lot;
        let volume = self.exchange.volume(at, side, price);
        let (mut gone, mut before) = (Qty::ZERO, Qty::ZERO);
        for &(_, id) in own {
            // As it was before anybody left.
            let ahead = self.exchange.volume_ahead(id) + gone;
            let of_ahead = self.queue.ahead(ahead, volume - ahead, decrease, lot);
            let here = Qty((of_ahead.0 - gone.0).clamp(0, ahead.0 - before.0));
            gone += self.exchange.take_volume_next_to(id, here);
            before = ahead;
        }
        self.exchange.take_volume(at, side, price, decrease - gone, End::Back);
    }

    /// What is displayed at an own order's price for the first time was there before it.
    fn first_seen(&mut self, side: Side, price: Price, id: OrderId, at: InstrumentId) {
        if !self.orders.is_unseen(id) {
            return;
        }
        let depth = &mut self.depths[at.index()];
        let Some(left) = depth.left_at(side, price) else { return };
        if !left.is_zero() && self.exchange.add_volume_ahead(id, left).is_ok() {
            depth.take(side, price, left);
        }
        self.orders.set_unseen(id, false);
    }

    /// Makes the exchange ready for an order: it knows the last price and holds what is displayed, as far as the order can
    /// meet it.
    pub(super) fn prepare(&mut self, at: InstrumentId, last: Price, terms: &Terms) {
        if !self.is_empty(at) {
            return;
        }
        let done = self.exchange.traded(at, last, &mut |_| unreachable!("nothing waits for a price"));
        assert!(done == Progress::Done, "nothing was to be done");
        let Terms { side, quantity, .. } = *terms;
        let leaves = matches!(terms.validity, Validity::Ioc | Validity::Fok)
            && matches!(terms.order_type, OrderType::Limit | OrderType::Market)
            && self.exchange.phase(at) == MarketPhase::Continuous;
        let (depth, exchange) = (&mut self.depths[at.index()], &mut self.exchange);
        if !(leaves && depth.lend_to(exchange, at, side, quantity)) {
            depth.lend(exchange, at);
        }
    }

    /// Without depth, gives an order of `quantity` that comes somebody to trade with.
    pub(super) fn lend_to_order(&mut self, at: InstrumentId, side: Side, quantity: Qty) {
        if !self.depths[at.index()].is_shown() {
            let waiting: i64 = self.exchange.waiting(at, side).map(|stop| stop.open.0).sum();
            self.lend_at_last(at, side, quantity, quantity + Qty(waiting));
        }
    }

    /// Without depth, gives the stops that the last price reaches somebody to trade with, and those that they reach.
    pub(super) fn lend_to_stops(&mut self, at: InstrumentId) {
        let Some(last) = self.markets[at.index()].last() else { return };
        for side in [Side::Buy, Side::Sell] {
            let (mut due, mut all) = (0, 0);
            for stop in self.exchange.waiting(at, side) {
                let reached = if side == Side::Buy { stop.trigger <= last } else { stop.trigger >= last };
                due += if reached { stop.open.0 } else { 0 };
                all += stop.open.0;
            }
            // Those of one side at most: what the last price reached before waits no more.
            if due > 0 {
                return self.lend_at_last(at, side, Qty(due), Qty(all));
            }
        }
    }

    /// Puts `volume` where an order of `side` and `quantity` finds it without depth: at the last price and slippage, but
    /// behind own orders that wait on its own side.
    fn lend_at_last(&mut self, at: InstrumentId, side: Side, quantity: Qty, volume: Qty) {
        let Some(last) = self.markets[at.index()].last() else { return };
        let tick = self.instruments[at.index()].tick;
        let minute = self.markets[at.index()].minute();
        let slipped = self.model.aggressive_price(side, last, tick, quantity, minute);
        let price = match (side, self.exchange.best(at, side).map(|best| best.price)) {
            (_, None) => slipped,
            (Side::Buy, Some(best)) => slipped.max(Price(best.0.saturating_add(tick.0))),
            (Side::Sell, Some(best)) => slipped.min(Price(best.0.saturating_sub(tick.0))),
        };
        // What does not fit is not there: the order rests, or what is left of it is cancelled.
        let whole = volume.min(QUANTITY_MAX);
        let _ = self.exchange.add_volume(at, side.opposite(), price, whole);
    }

    /// Puts the market away when the last own order of an instrument has gone, and what was there for one moment anyway.
    pub(super) fn settle(&mut self, at: InstrumentId) {
        let depth = &mut self.depths[at.index()];
        depth.clean(self.instruments[at.index()].lot);
        if !depth.is_shown() {
            self.exchange.clear_volume(at);
        }
        if self.exchange.open_orders(at) > 0 {
            self.hours.rests(at);
            return;
        }
        depth.take_back(&self.exchange, at);
        self.exchange.clear_volume(at);
    }
}
