//! Continuous trading: what an order meets, and what becomes of the rest.

use super::{Market, Naive, Order};
use pitlane_engine::event::{OrderType, ReportReason, SelfTrade, Side, Validity};
use pitlane_engine::exchange::{ANONYMOUS, Account, Record};
use pitlane_engine::units::{InstrumentId, Price, Qty};

impl Market {
    /// The queue of a side.
    pub fn queue(&self, side: Side) -> &Vec<Order> {
        if side == Side::Buy { &self.buys } else { &self.sells }
    }

    pub(super) fn queue_mut(&mut self, side: Side) -> &mut Vec<Order> {
        if side == Side::Buy { &mut self.buys } else { &mut self.sells }
    }

    /// Puts an order behind all that trade before it: better prices, and older orders of its own.
    pub(super) fn insert(&mut self, order: Order) {
        let (side, price) = (order.terms.side, order.terms.price);
        // In a call auction an order without a limit goes before all that have one.
        let rank = |price: Price| match side {
            Side::Buy if price.is_zero() => i64::MIN,
            Side::Buy => -price.0,
            Side::Sell => price.0,
        };
        let queue = self.queue_mut(side);
        let is_worse = |other: &Order| rank(other.terms.price) > rank(price);
        let place = queue.iter().position(is_worse).unwrap_or(queue.len());
        queue.insert(place, order);
    }

    /// Whether `order` may trade with the best of the other side at that one's price.
    pub(super) fn meets(&self, order: &Order) -> bool {
        self.queue(order.terms.side.opposite()).first().is_some_and(|best| reaches(order, best.terms.price))
    }
}

/// Whether an order may trade at `price`. A market order without a worst price may trade at any.
fn reaches(order: &Order, price: Price) -> bool {
    let limit = order.terms.price;
    let any = is_market(order) && limit.is_zero();
    any || match order.terms.side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    }
}

/// Whether the order is a market order, or a stop order that became one.
pub(super) fn is_market(order: &Order) -> bool {
    matches!(order.terms.order_type, OrderType::Market | OrderType::StopMarket)
}

/// What is displayed of an order with this much open.
pub(super) fn clip(disclosed: Qty, open: Qty) -> Qty {
    if disclosed.is_zero() { open } else { open.min(disclosed) }
}

impl Naive {
    /// An order that comes now, or is woken now: it trades, and rests or goes.
    pub(super) fn execute(&mut self, instrument: InstrumentId, mut order: Order, out: &mut Vec<Record>) {
        let id = order.terms.id;
        if order.terms.post_only && self.market(instrument).meets(&order) {
            return out.push(Record::Cancelled { id, open: order.open, reason: ReportReason::PostOnly });
        }
        if order.terms.validity == Validity::Fok && !self.fills_whole(instrument, order) {
            return out.push(Record::Cancelled { id, open: order.open, reason: ReportReason::FillOrKill });
        }
        if !self.trade(instrument, &mut order, out) || order.open.is_zero() {
            return;
        }
        let reason = if order.terms.validity == Validity::Ioc {
            ReportReason::IocRest
        } else if is_market(&order) {
            ReportReason::MarketRest
        } else {
            out.push(Record::Rested { id, open: order.open });
            return self.rest(instrument, order);
        };
        out.push(Record::Cancelled { id, open: order.open, reason });
    }

    /// Lets an order rest behind all others at its price.
    pub(super) fn rest(&mut self, instrument: InstrumentId, mut order: Order) {
        order.shown = clip(order.terms.disclosed, order.open);
        order.time = self.tick();
        self.market_mut(instrument).insert(order);
    }

    /// Trades as far as the order goes. False if self-trade prevention cancelled it.
    fn trade(&mut self, instrument: InstrumentId, order: &mut Order, out: &mut Vec<Record>) -> bool {
        while !order.open.is_zero() && self.market(instrument).meets(order) {
            let maker = self.market_mut(instrument).queue_mut(order.terms.side.opposite()).remove(0);
            if is_own(order, &maker) {
                match self.prevent(instrument, order, maker, out) {
                    true => continue,
                    false => return false,
                }
            }
            self.trade_with(instrument, order, maker, out);
        }
        true
    }

    /// One trade with the maker that was taken from the front of its queue; what is left of it goes back.
    fn trade_with(
        &mut self,
        instrument: InstrumentId,
        order: &mut Order,
        mut maker: Order,
        out: &mut Vec<Record>,
    ) {
        let quantity = order.open.min(maker.shown);
        order.open -= quantity;
        order.filled += quantity;
        maker.open -= quantity;
        maker.shown -= quantity;
        maker.filled += quantity;
        let market = self.market_mut(instrument);
        // A sweep of the feed's volume prints nothing: the feed's own last price does.
        if order.terms.id.0 & ANONYMOUS == 0 {
            market.print(maker.terms.price);
        }
        out.push(Record::Trade {
            instrument,
            taker: order.terms.id,
            maker: maker.terms.id,
            side: order.terms.side,
            price: maker.terms.price,
            quantity,
            taker_open: order.open,
            maker_open: maker.open,
        });
        if !maker.shown.is_zero() {
            market.queue_mut(maker.terms.side).insert(0, maker);
        } else if !maker.open.is_zero() {
            // The next clip has a time of its own: it queues behind what is at its price.
            self.rest(instrument, maker);
        }
    }

    /// Two orders of one account meet. False if the one on its way is gone.
    fn prevent(
        &mut self,
        instrument: InstrumentId,
        order: &mut Order,
        mut maker: Order,
        out: &mut Vec<Record>,
    ) -> bool {
        let reason = ReportReason::SelfTrade;
        match self.self_trade {
            SelfTrade::CancelNewest => {
                self.market_mut(instrument).queue_mut(maker.terms.side).insert(0, maker);
                out.push(Record::Cancelled { id: order.terms.id, open: order.open, reason });
                false
            }
            SelfTrade::CancelOldest => {
                out.push(Record::Cancelled { id: maker.terms.id, open: maker.open, reason });
                true
            }
            SelfTrade::Decrement => {
                let by = order.open.min(maker.open);
                lose(&mut maker, by, out);
                lose(order, by, out);
                if !maker.open.is_zero() {
                    maker.shown = maker.shown.min(maker.open);
                    self.market_mut(instrument).queue_mut(maker.terms.side).insert(0, maker);
                }
                !order.open.is_zero()
            }
        }
    }

    /// Whether an order would trade whole, found by letting it in a copy of the exchange.
    fn fills_whole(&self, instrument: InstrumentId, mut order: Order) -> bool {
        let whole = order.open;
        let mut copy = self.clone();
        let mut records = Vec::new();
        copy.trade(instrument, &mut order, &mut records);
        order.open.is_zero() && order.filled == whole
    }
}

/// Whether two orders are of one account, which is not the market.
pub(super) fn is_own(one: &Order, other: &Order) -> bool {
    one.terms.account == other.terms.account && one.terms.account != Account::MARKET
}

/// Takes `by` off an order; one that has nothing left is gone.
fn lose(order: &mut Order, by: Qty, out: &mut Vec<Record>) {
    let id = order.terms.id;
    order.open -= by;
    out.push(if order.open.is_zero() {
        Record::Cancelled { id, open: by, reason: ReportReason::SelfTrade }
    } else {
        Record::Decremented { id, by, open: order.open }
    });
}
