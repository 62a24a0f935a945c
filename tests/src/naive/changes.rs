//! New terms of an order that rests or waits.

use super::matching::clip;
use super::{Naive, Order, is_stop};
use pitlane_engine::event::{MarketPhase, OrderType, ReportReason};
use pitlane_engine::exchange::{Change, Record, Terms};
use pitlane_engine::units::{InstrumentId, OrderId};

impl Naive {
    /// Changes an order that rests or waits; nothing happens if there is none of this id.
    pub fn modify(&mut self, id: OrderId, change: &Change, out: &mut Vec<Record>) {
        let holds = |orders: &[Order]| orders.iter().any(|order| order.terms.id == id);
        let Some(number) = self.markets.iter().position(|market| holds(&market.all())) else { return };
        let instrument = InstrumentId(u32::try_from(number).expect("few instruments"));
        let waits = holds(&self.markets[number].stops);
        let was = self.get(id).expect("it was just found");
        let Change { quantity, price, trigger, disclosed } = *change;
        let mut terms = Terms { quantity, price, trigger, disclosed, ..was.terms };
        if is_stop(&was.terms) && !waits {
            // It woke, and is now what it became.
            terms.order_type = OrderType::Limit;
        }
        if !waits {
            // What rests is a limit order, however it came.
            terms.post_only = false;
        }
        let unfit = self.unfit(instrument, &terms);
        let too_small = (quantity <= was.filled).then_some(ReportReason::Malformed);
        if let Some(reason) = unfit.or(too_small) {
            return out.push(Record::Kept { id, reason });
        }
        out.push(Record::Modified { id });
        if !waits && !price.is_zero() {
            terms.order_type = OrderType::Limit;
        }
        let open = quantity - was.filled;
        let mut order = Order { terms, open, shown: open, ..was };
        if waits {
            self.take_out(id);
            if trigger != was.terms.trigger || open > was.open {
                (order.time, order.due) = (self.tick(), false);
            }
            self.wait(instrument, order, out);
        } else if price == was.terms.price && open <= was.open {
            order.shown = was.shown.min(clip(disclosed, open));
            *self.find_mut(id) = order;
            out.push(Record::Rested { id, open });
        } else {
            self.take_out(id);
            order.time = self.tick();
            if self.market(instrument).phase == MarketPhase::Call {
                out.push(Record::Rested { id, open });
                self.market_mut(instrument).insert(order);
            } else {
                self.execute(instrument, order, out);
            }
        }
        self.wake(instrument, out);
    }

    fn find_mut(&mut self, id: OrderId) -> &mut Order {
        self.markets
            .iter_mut()
            .flat_map(|market| market.buys.iter_mut().chain(&mut market.sells))
            .find(|order| order.terms.id == id)
            .expect("it rests")
    }
}
