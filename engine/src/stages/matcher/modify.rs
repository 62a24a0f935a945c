//! How an order that rests or waits gets another quantity, price, trigger or disclosed quantity. What that does to its
//! place in the queue is the exchange's business.

use super::run::Run;
use super::{Matcher, OWN};
use crate::event::{Event, Modify, ReportReason, Validity};
use crate::exchange::{Change, Terms};
use crate::stage::{Emit, Progress};

impl Matcher {
    /// Changes an order. One that is unknown, or final already, is left alone: the request came too
    /// late. Terms that a new order could not have leave it as it is, and its next report gives the reason.
    pub(super) fn on_modify(&mut self, event: &Event, out: &mut impl Emit) -> Progress {
        let &Modify { order: id, quantity, price, trigger, disclosed, .. } = event.body::<Modify>();
        let Some(slot) = self.orders.find(id) else { return Progress::Done };
        let order = *self.orders.get(slot);
        let Some(held) = self.exchange.get(id).filter(|_| !order.state.is_final()) else {
            return Progress::Done;
        };
        let (at, side, order_type) = (order.instrument, order.side, order.order_type);
        let terms = Terms {
            id,
            account: OWN,
            side,
            order_type,
            validity: Validity::Day,
            quantity,
            price,
            trigger,
            disclosed,
            post_only: false,
        };
        let filled = (order.filled, order.filled_value);
        let last = match self.admit(at, &terms, filled, event.header.ts) {
            Ok(last) => last,
            Err(reason) => return self.keep(slot, reason),
        };
        // At the same price it trades no sooner for the change.
        if price != held.price || trigger != held.trigger {
            self.lend_to_order(at, side, quantity - order.filled);
        }
        let taker_flags = self.taker_flags(at);
        let mut run = Run { order: id, price, quantity, taker_flags, ..Run::new(at, last) };
        let change = Change { quantity, price, trigger, disclosed };
        let answer = self.operate(&mut run, &event.header, out, |exchange, _, records| {
            exchange.modify(id, &change, &mut |record| records.take(record))
        });
        if price == held.price && quantity - order.filled <= held.open {
            // It keeps its place, and so what is known of it.
            self.orders.set_unseen(id, order.unseen);
        }
        self.begin(run, answer, &event.header, out)
    }

    fn keep(&mut self, slot: u16, reason: ReportReason) -> Progress {
        self.orders.change(slot, |order| order.reason = reason);
        Progress::Done
    }
}
