//! Anonymous volume: what a feed displays, without orders behind it that anybody knows.
//!
//! It stands in the queues like orders do, in pieces with ids of their own; volume that joins a price whose last piece is
//! anonymous becomes part of that piece.

use super::enter::any_price;
use super::matching::{Rest, Taker};
use super::{ANONYMOUS, Account, End, Exchange, Order, PRICE_MAX, Record, is_anonymous};
use crate::book::{NONE, QUANTITY_MAX, Resting, Slot, is_better};
use crate::event::{MarketPhase, ReportReason, Side};
use crate::stage::Progress;
use crate::units::{InstrumentId, OrderId, Price, Qty};

impl Exchange {
    /// Anonymous volume at a price.
    pub fn volume(&self, instrument: InstrumentId, side: Side, price: Price) -> Qty {
        let ends = self.books.ends_of(instrument, side, price);
        self.volume_from(ends.map(|(first, _)| first), None)
    }

    /// Adds anonymous volume behind everything at its price. It never trades by that. Neither band nor tick nor lot
    /// holds for it: it is what another exchange shows.
    ///
    /// # Errors
    /// `PostOnly` if it would cross the book outside a call phase, `VenueFull` if there is no room for the piece,
    /// `Malformed` if price or quantity is out of range. Nothing has changed then.
    pub fn add_volume(
        &mut self,
        instrument: InstrumentId,
        side: Side,
        price: Price,
        quantity: Qty,
    ) -> Result<(), ReportReason> {
        assert!(self.is_idle(), "the last operation has more to do: resume it first");
        let fits = price > Price::ZERO && price <= PRICE_MAX;
        if !fits || quantity <= Qty::ZERO || quantity > QUANTITY_MAX {
            return Err(ReportReason::Malformed);
        }
        let facing = self.books.best_price(instrument, side.opposite());
        let crosses = facing.is_some_and(|best| !is_better(side, best, price));
        if crosses && self.markets[instrument.index()].phase != MarketPhase::Call {
            return Err(ReportReason::PostOnly);
        }
        let last = self.books.ends_of(instrument, side, price).map(|(_, last)| last);
        let joins = last.filter(|&slot| {
            let order = self.books.order(slot);
            is_anonymous(order.id) && order.open + quantity <= QUANTITY_MAX
        });
        if let Some(slot) = joins {
            self.books.grow(slot, quantity);
            self.books.payload_mut(slot).quantity += quantity;
        } else {
            if self.pieces() >= self.limits.anonymous {
                return Err(ReportReason::VenueFull);
            }
            let order = Order { quantity, account: Account::MARKET, clip: NONE };
            let id = self.next_anonymous();
            self.books.append(instrument, side, price, id, quantity, order);
        }
        self.tally.enter(quantity);
        Ok(())
    }

    /// Adds anonymous volume behind a whole side, whose last piece is `worst`; into an empty one if there is none. The price is
    /// worse than that piece's, and the other side does not cross it. Answers the piece.
    ///
    /// # Panics
    /// If price, quantity or room is not what `add_volume` takes.
    pub fn add_worst_volume(
        &mut self,
        worst: Option<Slot>,
        instrument: InstrumentId,
        side: Side,
        price: Price,
        quantity: Qty,
    ) -> Slot {
        assert!(self.is_idle(), "the last operation has more to do: resume it first");
        assert!(price > Price::ZERO && price <= PRICE_MAX && self.has_room_for(1), "checked by the caller");
        assert!(self.books.is_apart(instrument, side, price), "the sides are apart");
        let order = Order { quantity, account: Account::MARKET, clip: NONE };
        let resting = Resting { id: self.next_anonymous(), instrument, side, price, open: quantity };
        self.tally.enter(quantity);
        self.books.append_worst(worst, resting, order)
    }

    /// Whether so many more pieces of anonymous volume find room.
    #[inline]
    pub fn has_room_for(&self, pieces: usize) -> bool {
        self.pieces() + pieces <= self.limits.anonymous
    }

    /// Counts so many pieces of anonymous volume as come and gone: what was never needed leaves the same state behind as
    /// what was added and taken away.
    #[inline]
    pub fn pass_volume(&mut self, pieces: u64) {
        self.anonymous += pieces;
        self.books.set_arrivals(self.books.arrivals() + pieces);
    }

    /// Takes up to `quantity` of the anonymous volume at a price away; answers how much.
    pub fn take_volume(
        &mut self,
        instrument: InstrumentId,
        side: Side,
        price: Price,
        quantity: Qty,
        end: End,
    ) -> Qty {
        let Some((first, last)) = self.books.ends_of(instrument, side, price) else { return Qty::ZERO };
        match end {
            End::Front => self.take_from(Some(first), None, quantity, end),
            End::Back => self.take_from(Some(last), None, quantity, end),
        }
    }

    /// Anonymous volume before an order at its price; zero for an id that is not in the book.
    pub fn volume_ahead(&self, id: OrderId) -> Qty {
        let Some(slot) = self.books.slot_of(id) else { return Qty::ZERO };
        self.volume_from(Some(self.first_with(slot)), Some(slot))
    }

    /// Anonymous volume behind an order at its price; zero for an id that is not in the book.
    pub fn volume_behind(&self, id: OrderId) -> Qty {
        let slot = self.books.slot_of(id);
        self.volume_from(slot.and_then(|slot| self.books.newer(slot)), None)
    }

    /// Takes up to `quantity` of the anonymous volume before an order away, from the front; answers how much.
    pub fn take_volume_ahead(&mut self, id: OrderId, quantity: Qty) -> Qty {
        let Some(slot) = self.books.slot_of(id) else { return Qty::ZERO };
        self.take_from(Some(self.first_with(slot)), Some(slot), quantity, End::Front)
    }

    /// Takes up to `quantity` of the anonymous volume behind an order away, from the back; answers how much.
    pub fn take_volume_behind(&mut self, id: OrderId, quantity: Qty) -> Qty {
        let Some(slot) = self.books.slot_of(id) else { return Qty::ZERO };
        let mut last = slot;
        while let Some(newer) = self.books.newer(last) {
            last = newer;
        }
        self.take_from(Some(last), Some(slot), quantity, End::Back)
    }

    /// Takes all anonymous volume of an instrument away, without records.
    pub fn clear_volume(&mut self, instrument: InstrumentId) {
        for side in [Side::Buy, Side::Sell] {
            let mut next = self.books.front(instrument, side);
            while let Some(slot) = next {
                next = self.books.next(slot);
                let open = self.books.order(slot).open;
                if is_anonymous(self.books.order(slot).id) {
                    self.take_piece(slot, open);
                }
            }
        }
    }

    /// An anonymous immediate-or-cancel order: trades up to `quantity` at `limit` or better (zero: at any price) under an
    /// id of its own, whose rest is cancelled with `IocRest`. Its trades are no last price: the feed's own comes with `traded`.
    /// Does nothing outside continuous trading.
    pub fn sweep_volume(
        &mut self,
        instrument: InstrumentId,
        side: Side,
        limit: Price,
        quantity: Qty,
        each: &mut impl FnMut(Record),
    ) -> Progress {
        let call = &mut self.begin(each);
        assert!(quantity > Qty::ZERO && quantity <= QUANTITY_MAX, "quantities are checked before");
        assert!(limit >= Price::ZERO && limit <= PRICE_MAX, "prices are checked before");
        if self.markets[instrument.index()].phase != MarketPhase::Continuous {
            return Progress::Done;
        }
        let taker = Taker {
            instrument,
            id: self.next_anonymous(),
            account: Account::MARKET,
            side,
            limit: if limit.is_zero() { any_price(side) } else { limit },
            open: quantity,
            quantity,
            disclosed: Qty::ZERO,
            rest: Rest::Cancelled(ReportReason::IocRest),
        };
        self.tally.enter(quantity);
        self.run(taker, call)
    }

    fn next_anonymous(&mut self) -> OrderId {
        self.anonymous += 1;
        OrderId(ANONYMOUS | self.anonymous)
    }

    /// The first order at the price of one.
    fn first_with(&self, slot: Slot) -> Slot {
        let mut first = slot;
        while let Some(older) = self.books.older(first) {
            first = older;
        }
        first
    }

    /// Anonymous volume of one price from an order on, to before `until`.
    fn volume_from(&self, mut next: Option<Slot>, until: Option<Slot>) -> Qty {
        let mut volume = Qty::ZERO;
        while let Some(slot) = next.filter(|_| next != until) {
            let order = self.books.order(slot);
            if is_anonymous(order.id) {
                volume += order.open;
            }
            next = self.books.newer(slot);
        }
        volume
    }

    /// Takes up to `quantity` from `next` on, away from the given end, to before `until`.
    pub(super) fn take_from(
        &mut self,
        mut next: Option<Slot>,
        until: Option<Slot>,
        quantity: Qty,
        end: End,
    ) -> Qty {
        assert!(self.is_idle(), "the last operation has more to do: resume it first");
        let mut left = quantity;
        while let Some(slot) = next.filter(|_| next != until && left > Qty::ZERO) {
            next = match end {
                End::Front => self.books.newer(slot),
                End::Back => self.books.older(slot),
            };
            let order = self.books.order(slot);
            if is_anonymous(order.id) {
                let taken = order.open.min(left);
                left -= taken;
                self.take_piece(slot, taken);
            }
        }
        quantity - left
    }

    fn take_piece(&mut self, slot: Slot, quantity: Qty) {
        if quantity == self.books.order(slot).open {
            self.books.take_out(slot);
        } else {
            self.books.reduce(slot, quantity);
            self.books.payload_mut(slot).quantity -= quantity;
        }
        self.tally.cancel(quantity);
    }
}
