//! Anonymous volume: what a feed displays of everybody else.

use super::matching::is_own;
use super::{ANONYMOUS, Market, Naive, Order, is_anonymous};
use pitlane_engine::book::QUANTITY_MAX;
use pitlane_engine::event::{MarketPhase, OrderType, ReportReason, Side, Validity};
use pitlane_engine::exchange::{Account, End, Record, Terms};
use pitlane_engine::units::{InstrumentId, OrderId, Price, Qty};

impl Market {
    /// Places of the anonymous volume at a price, the first to trade first.
    fn pieces(&self, side: Side, price: Price) -> Vec<usize> {
        let queue = self.queue(side);
        let is_piece = |order: &Order| order.terms.price == price && is_anonymous(order.terms.id);
        (0..queue.len()).filter(|place| is_piece(&queue[*place])).collect()
    }

    /// Takes up to `quantity` away from these places, one after another.
    fn take(&mut self, side: Side, places: &[usize], quantity: Qty) -> Qty {
        let queue = self.queue_mut(side);
        let mut taken = Qty::ZERO;
        for &place in places {
            let part = (quantity - taken).min(queue[place].open);
            queue[place].open -= part;
            queue[place].shown -= part;
            taken += part;
        }
        queue.retain(|order| !order.open.is_zero());
        taken
    }
}

impl Naive {
    /// Anonymous volume at a price.
    pub fn volume(&self, instrument: InstrumentId, side: Side, price: Price) -> Qty {
        let market = self.market(instrument);
        Qty(market.pieces(side, price).iter().map(|place| market.queue(side)[*place].open.0).sum())
    }

    /// Adds anonymous volume behind everything at its price.
    ///
    /// # Errors
    /// If it would trade, if there is no room, or if it is none that the instrument can have.
    pub fn add_volume(
        &mut self,
        instrument: InstrumentId,
        side: Side,
        price: Price,
        quantity: Qty,
    ) -> Result<(), ReportReason> {
        let listing = self.market(instrument).listing;
        let is_price = price > Price::ZERO && price.0 % listing.tick.0 == 0;
        if !is_price || quantity <= Qty::ZERO || quantity > QUANTITY_MAX {
            return Err(ReportReason::Malformed);
        }
        let mut order = self.anonymous(side, price, quantity);
        let market = self.market_mut(instrument);
        if market.phase != MarketPhase::Call && market.meets(&order) {
            return Err(ReportReason::PostOnly);
        }
        let last = market.queue_mut(side).iter_mut().rev().find(|other| other.terms.price == price);
        if let Some(last) = last
            && is_anonymous(last.terms.id)
            && last.open + quantity <= QUANTITY_MAX
        {
            last.open += quantity;
            last.shown += quantity;
            return Ok(());
        }
        let all = self.markets.iter().flat_map(Market::all);
        if all.filter(|order| is_anonymous(order.terms.id)).count() >= self.anonymous_max {
            return Err(ReportReason::VenueFull);
        }
        order.terms.id = self.anonymous_id();
        order.time = self.tick();
        self.market_mut(instrument).insert(order);
        Ok(())
    }

    /// Takes anonymous volume at a price away.
    pub fn take_volume(
        &mut self,
        instrument: InstrumentId,
        side: Side,
        price: Price,
        quantity: Qty,
        end: End,
    ) -> Qty {
        let market = self.market_mut(instrument);
        let mut places = market.pieces(side, price);
        if end == End::Back {
            places.reverse();
        }
        market.take(side, &places, quantity)
    }

    /// Where an order rests: instrument, side, place in its queue, and the anonymous places at its price.
    fn place_of(&self, id: OrderId) -> Option<(usize, Side, usize, Vec<usize>)> {
        for (number, market) in self.markets.iter().enumerate() {
            for side in [Side::Buy, Side::Sell] {
                let found = market.queue(side).iter().position(|order| order.terms.id == id);
                if let Some(place) = found {
                    return Some((
                        number,
                        side,
                        place,
                        market.pieces(side, market.queue(side)[place].terms.price),
                    ));
                }
            }
        }
        None
    }

    /// Anonymous volume before and behind an order at its price.
    pub fn around(&self, id: OrderId) -> [Qty; 2] {
        let Some((number, side, own, pieces)) = self.place_of(id) else { return [Qty::ZERO; 2] };
        let queue = self.markets[number].queue(side);
        let sum = |wanted: &dyn Fn(usize) -> bool| {
            Qty(pieces.iter().filter(|place| wanted(**place)).map(|place| queue[*place].open.0).sum())
        };
        [sum(&|place| place < own), sum(&|place| place > own)]
    }

    /// Takes anonymous volume before an order away, the first to trade first.
    pub fn take_volume_ahead(&mut self, id: OrderId, quantity: Qty) -> Qty {
        let Some((number, side, own, mut pieces)) = self.place_of(id) else { return Qty::ZERO };
        pieces.retain(|place| *place < own);
        self.markets[number].take(side, &pieces, quantity)
    }

    /// Takes anonymous volume behind an order away, the last to trade first.
    pub fn take_volume_behind(&mut self, id: OrderId, quantity: Qty) -> Qty {
        let Some((number, side, own, mut pieces)) = self.place_of(id) else { return Qty::ZERO };
        pieces.retain(|place| *place > own);
        pieces.reverse();
        self.markets[number].take(side, &pieces, quantity)
    }

    /// Takes anonymous volume before an order away, the nearest to it first.
    pub fn take_volume_next_to(&mut self, id: OrderId, quantity: Qty) -> Qty {
        let Some((number, side, own, mut pieces)) = self.place_of(id) else { return Qty::ZERO };
        pieces.retain(|place| *place < own);
        pieces.reverse();
        self.markets[number].take(side, &pieces, quantity)
    }

    /// Adds anonymous volume directly before an order, at its price. It and all behind it there count as having come
    /// after the new piece.
    ///
    /// # Errors
    /// If there is no such order or no room, or if the quantity is none.
    pub fn add_volume_ahead(&mut self, id: OrderId, quantity: Qty) -> Result<(), ReportReason> {
        let (number, side, own, _) = self.place_of(id).ok_or(ReportReason::Malformed)?;
        let price = self.markets[number].queue(side)[own].terms.price;
        if price.is_zero() || quantity <= Qty::ZERO || quantity > QUANTITY_MAX {
            return Err(ReportReason::Malformed);
        }
        let all = self.markets.iter().flat_map(Market::all);
        if all.filter(|order| is_anonymous(order.terms.id)).count() >= self.anonymous_max {
            return Err(ReportReason::VenueFull);
        }
        let mut piece = self.anonymous(side, price, quantity);
        piece.terms.id = self.anonymous_id();
        self.markets[number].queue_mut(side).insert(own, piece);
        for place in own..self.markets[number].queue(side).len() {
            if self.markets[number].queue(side)[place].terms.price == price {
                let time = self.tick();
                self.markets[number].queue_mut(side)[place].time = time;
            }
        }
        Ok(())
    }

    /// Takes all anonymous volume of an instrument away.
    pub fn clear_volume(&mut self, instrument: InstrumentId) {
        let market = self.market_mut(instrument);
        market.buys.retain(|order| !is_anonymous(order.terms.id));
        market.sells.retain(|order| !is_anonymous(order.terms.id));
    }

    /// An anonymous order that trades at once or goes.
    pub fn sweep_volume(
        &mut self,
        instrument: InstrumentId,
        side: Side,
        limit: Price,
        quantity: Qty,
        out: &mut Vec<Record>,
    ) {
        if self.market(instrument).phase != MarketPhase::Continuous {
            return;
        }
        let mut order = self.anonymous(side, limit, quantity);
        order.terms.id = self.anonymous_id();
        order.terms.validity = Validity::Ioc;
        if limit.is_zero() {
            order.terms.order_type = OrderType::Market;
        }
        debug_assert!(!is_own(&order, &order), "the market trades with anyone");
        self.execute(instrument, order, out);
        self.wake(instrument, out);
    }

    fn anonymous(&self, side: Side, price: Price, quantity: Qty) -> Order {
        let terms = Terms {
            id: OrderId(ANONYMOUS),
            account: Account::MARKET,
            side,
            order_type: OrderType::Limit,
            validity: Validity::Day,
            quantity,
            price,
            trigger: Price::ZERO,
            disclosed: Qty::ZERO,
            post_only: false,
        };
        Order { terms, open: quantity, shown: quantity, filled: Qty::ZERO, time: 0, due: false }
    }

    fn anonymous_id(&mut self) -> OrderId {
        self.anonymous_count += 1;
        OrderId(ANONYMOUS | self.anonymous_count)
    }
}
