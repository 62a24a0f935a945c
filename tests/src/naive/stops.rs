//! Stop orders: they wait apart from the book until the last price reaches their trigger.

use super::{Market, Naive, Order};
use pitlane_engine::event::{MarketPhase, OrderType, ReportReason, Side};
use pitlane_engine::exchange::Record;
use pitlane_engine::units::{InstrumentId, Price};

impl Market {
    /// The stop orders of a side in the order in which they wake: first those whose trigger a moving price reaches
    /// first, then the oldest.
    pub fn waiting(&self, side: Side) -> Vec<Order> {
        let mut waiting: Vec<Order> =
            self.stops.iter().filter(|order| order.terms.side == side).copied().collect();
        waiting.sort_by_key(|order| {
            let trigger = order.terms.trigger.0;
            (if side == Side::Buy { trigger } else { -trigger }, order.time)
        });
        waiting
    }

    /// A trade, here or elsewhere: it is the last price, and in continuous trading what it reaches is due, whatever the
    /// next price is.
    pub(super) fn print(&mut self, price: Price) {
        self.last = price;
        self.mark_due();
    }

    /// In continuous trading, what the last price has reached is due.
    pub(super) fn mark_due(&mut self) {
        let price = self.last;
        if self.phase != MarketPhase::Continuous {
            return;
        }
        self.stops.iter_mut().for_each(|order| order.due |= is_reached(order, price));
    }

    /// The next stop order that is due.
    fn due(&self) -> Option<Order> {
        let buys = self.waiting(Side::Buy).into_iter();
        buys.chain(self.waiting(Side::Sell)).find(|order| order.due)
    }
}

/// Whether the last price has reached a stop order's trigger.
fn is_reached(order: &Order, last: Price) -> bool {
    !last.is_zero()
        && match order.terms.side {
            Side::Buy => last >= order.terms.trigger,
            Side::Sell => last <= order.terms.trigger,
        }
}

impl Naive {
    /// Lets a stop order wait, unless its trigger has been reached already: then it is woken like any other.
    pub(super) fn wait(&mut self, instrument: InstrumentId, mut order: Order, out: &mut Vec<Record>) {
        let market = self.market_mut(instrument);
        order.due |= is_reached(&order, market.last);
        if !order.due {
            out.push(Record::Waiting { id: order.terms.id });
        }
        market.stops.push(order);
    }

    /// Wakes what is due, one at a time: each trades to its end, and what it then makes due is due too.
    pub(super) fn wake(&mut self, instrument: InstrumentId, out: &mut Vec<Record>) {
        while self.market(instrument).phase == MarketPhase::Continuous
            && let Some(order) = self.market(instrument).due()
        {
            let id = order.terms.id;
            self.take_out(id);
            out.push(Record::Triggered { id });
            let is_limit = order.terms.order_type == OrderType::StopLimit;
            if is_limit && !self.market(instrument).in_band(order.terms.price) {
                out.push(Record::Cancelled { id, open: order.open, reason: ReportReason::PriceBand });
                continue;
            }
            self.execute(instrument, order, out);
        }
    }
}
