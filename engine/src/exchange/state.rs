//! One walk over the state: hashes, saves and loads it.

use super::{ANONYMOUS, Account, Clip, Exchange, Market, Order, PRICE_MAX, Stop, is_anonymous};
use crate::book::{BUY_ABOVE_ALL, NONE, QUANTITY_MAX, Resting, SELL_BELOW_ALL, Slot, is_better};
use crate::event::{MarketPhase, OrderType, Side, Validity};
use crate::state::StateIo;
use crate::units::{InstrumentId, OrderId, Price, Qty};

/// Arrivals are counted in 63 bits; what is loaded stays far from their end.
const ARRIVALS_MAX: u64 = 1 << 61;

/// An order as it is saved.
#[derive(Clone, Copy)]
struct Saved {
    order: Resting,
    arrival: u64,
    account: Account,
}

const BLANK: Saved = Saved {
    order: Resting {
        id: OrderId::ZERO,
        instrument: InstrumentId::NONE,
        side: Side::Buy,
        price: Price::ZERO,
        open: Qty::ZERO,
    },
    arrival: 0,
    account: Account::MARKET,
};

impl Saved {
    fn state(&mut self, io: &mut StateIo<'_>) {
        io.plain(&mut self.order.instrument);
        io.code(&mut self.order.side, |side| side as u8, Side::from_u8);
        io.plain(&mut self.order.id);
        io.within(&mut self.order.price, Price::ZERO, BUY_ABOVE_ALL);
        io.within(&mut self.order.open, Qty(1), QUANTITY_MAX);
        io.within(&mut self.arrival, 0, ARRIVALS_MAX);
        io.plain(&mut self.account.0);
    }

    /// Whether it may come after `before` in a walk over the queues.
    fn may_follow(&self, before: &Self) -> bool {
        let place = |saved: &Self| (saved.order.instrument, saved.order.side as u8);
        let (a, b) = (&before.order, &self.order);
        if place(before) != place(self) {
            return place(before) < place(self);
        }
        is_better(b.side, a.price, b.price) || a.price == b.price && before.arrival < self.arrival
    }
}

impl Market {
    fn state(&mut self, io: &mut StateIo<'_>) {
        io.code(&mut self.phase, |phase| phase as u8, MarketPhase::from_u8);
        io.plain(&mut self.low);
        io.plain(&mut self.high);
        io.within(&mut self.last, Price::ZERO, Price(i64::MAX));
    }
}

impl Exchange {
    /// Walks over the whole state, between operations: markets, the count of anonymous volume, the books order by order
    /// (instruments ascending, buys before sells, the first to trade first), waiting stops in the same way, sums. Slots and ladders are no part
    /// of it. It is loaded into what was just built, with the same listings and limits.
    pub fn state(&mut self, io: &mut StateIo<'_>) {
        assert!(self.is_idle(), "a state is taken between operations");
        for (market, listing) in self.markets.iter_mut().zip(&self.listings) {
            market.state(io);
            market.set_plain(listing);
        }
        io.count(&mut self.anonymous);
        self.books_state(io);
        self.stops_state(io);
        io.plain(&mut self.tally.open);
        if io.is_loading() {
            io.check(|| self.is_conserved(), "quantities do not add up");
            io.check(|| self.every_instrument().all(|id| !self.is_crossed(id)), "a book is crossed");
        }
    }

    fn books_state(&mut self, io: &mut StateIo<'_>) {
        let (mut count, mut arrivals) = (self.books.len(), self.books.arrivals());
        io.size(&mut count, self.limits.orders + self.limits.anonymous);
        io.within(&mut arrivals, 0, ARRIVALS_MAX);
        if io.is_loading() {
            assert!(self.books.is_empty(), "a state is loaded into what was just built");
            let mut before = None;
            for _ in 0..count {
                if !self.load_order(&mut before, arrivals, io) {
                    return;
                }
            }
            return self.books.set_arrivals(arrivals);
        }
        for instrument in self.every_instrument() {
            for side in [Side::Buy, Side::Sell] {
                let mut next = self.books.front(instrument, side);
                while let Some(slot) = next {
                    self.save_order(slot, io);
                    next = self.books.next(slot);
                }
            }
        }
    }

    fn save_order(&self, slot: Slot, io: &mut StateIo<'_>) {
        let Order { mut quantity, account, clip } = *self.books.payload(slot);
        Saved { order: self.books.order(slot), arrival: self.books.arrival(slot), account }.state(io);
        io.plain(&mut quantity);
        let mut shown = if clip == NONE { NO_CLIP } else { self.clips[clip] };
        io.plain(&mut shown.hidden);
        io.plain(&mut shown.disclosed);
    }

    /// Loads the next order; `false` if it cannot be, which is then said.
    fn load_order(&mut self, before: &mut Option<Saved>, arrivals: u64, io: &mut StateIo<'_>) -> bool {
        let (mut saved, mut quantity, mut shown) = (BLANK, Qty::ZERO, NO_CLIP);
        saved.state(io);
        io.within(&mut quantity, Qty(1), QUANTITY_MAX);
        io.within(&mut shown.hidden, Qty::ZERO, QUANTITY_MAX);
        io.within(&mut shown.disclosed, Qty::ZERO, QUANTITY_MAX);
        let mut fits = false;
        io.check(
            || {
                fits = self.may_load(&saved, before.as_ref(), arrivals)
                    && saved.order.open + shown.hidden <= quantity
                    && shown.hidden.is_zero() == shown.disclosed.is_zero()
                    && (shown.hidden.is_zero() || !is_anonymous(saved.order.id));
                fits
            },
            "a resting order cannot be where it is",
        );
        if !fits {
            return false;
        }
        let Saved { order, arrival, account } = saved;
        let mut clip = NONE;
        if !shown.hidden.is_zero() {
            clip = self.clips.take(shown);
            self.tally.hide(shown.hidden);
        }
        self.books.append_at(order, Order { quantity, account, clip }, arrival);
        self.count_in(order.instrument, order.id);
        *before = Some(saved);
        true
    }

    fn may_load(&self, saved: &Saved, before: Option<&Saved>, arrivals: u64) -> bool {
        let Resting { id, instrument, side, price, .. } = saved.order;
        let Some(market) = self.markets.get(instrument.index()) else { return false };
        let beside_limits = match side {
            Side::Buy => BUY_ABOVE_ALL,
            Side::Sell => SELL_BELOW_ALL,
        };
        let is_limit = price > Price::ZERO && price <= PRICE_MAX;
        let room = match is_anonymous(id) {
            true => {
                let number = id.0 & !ANONYMOUS;
                let known = number > 0 && number <= self.anonymous && saved.account == Account::MARKET;
                known && self.pieces() < self.limits.anonymous
            }
            false => self.held < self.limits.orders,
        };
        !id.is_zero()
            && !self.holds(id)
            && room
            && (is_limit || price == beside_limits && market.phase != MarketPhase::Continuous)
            && saved.arrival < arrivals
            && before.is_none_or(|before| saved.may_follow(before))
    }

    fn stops_state(&mut self, io: &mut StateIo<'_>) {
        let (mut count, mut arrivals) = (self.stops.len(), self.stops.arrivals());
        io.size(&mut count, self.limits.orders);
        io.within(&mut arrivals, 0, ARRIVALS_MAX);
        if io.is_loading() {
            let mut before = None;
            for _ in 0..count {
                if !self.load_stop(&mut before, arrivals, io) {
                    return;
                }
            }
            return self.stops.set_arrivals(arrivals);
        }
        for instrument in self.every_instrument() {
            for side in [Side::Buy, Side::Sell] {
                let mut next = self.stops.front(instrument, side);
                while let Some(slot) = next {
                    let mut stop = *self.stops.payload(slot);
                    let arrival = self.stops.arrival(slot);
                    Saved { order: self.stops.order(slot), arrival, account: stop.account }.state(io);
                    stop.state(io);
                    next = self.stops.next(slot);
                }
            }
        }
    }

    fn load_stop(&mut self, before: &mut Option<Saved>, arrivals: u64, io: &mut StateIo<'_>) -> bool {
        let mut saved = BLANK;
        let mut stop = Stop {
            price: Price::ZERO,
            disclosed: Qty::ZERO,
            account: Account::MARKET,
            order_type: OrderType::StopLimit,
            validity: Validity::Day,
        };
        saved.state(io);
        stop.state(io);
        let mut fits = false;
        io.check(
            || {
                let is_limit = stop.order_type == OrderType::StopLimit;
                fits = self.may_load(&saved, before.as_ref(), arrivals)
                    && saved.order.price > Price::ZERO
                    && saved.order.price <= PRICE_MAX
                    && !is_anonymous(saved.order.id)
                    && matches!(stop.order_type, OrderType::StopLimit | OrderType::StopMarket)
                    && is_limit <= (stop.price > Price::ZERO)
                    && self.markets[saved.order.instrument.index()].phase != MarketPhase::Call;
                fits
            },
            "a stop order cannot be where it is",
        );
        if fits {
            let Saved { order, arrival, account } = saved;
            self.stops.append_at(order, Stop { account, ..stop }, arrival);
            self.count_in(order.instrument, order.id);
            *before = Some(saved);
        }
        fits
    }

    fn every_instrument(&self) -> impl Iterator<Item = InstrumentId> + use<> {
        let count = u32::try_from(self.listings.len()).expect("instrument ids are 32 bits");
        (0..count).map(InstrumentId)
    }
}

/// An order without an undisclosed part.
const NO_CLIP: Clip = Clip { hidden: Qty::ZERO, disclosed: Qty::ZERO };

impl Stop {
    fn state(&mut self, io: &mut StateIo<'_>) {
        io.within(&mut self.price, Price::ZERO, PRICE_MAX);
        io.within(&mut self.disclosed, Qty::ZERO, QUANTITY_MAX);
        io.code(&mut self.order_type, |kind| kind as u8, OrderType::from_u8);
        io.code(&mut self.validity, |validity| validity as u8, Validity::from_u8);
    }
}
