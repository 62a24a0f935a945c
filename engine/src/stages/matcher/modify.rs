//! How a resting order gets another quantity or price.
//!
//! | new terms | place in the queue |
//! |---|---|
//! | same price, quantity not larger | kept |
//! | same price, larger quantity | the end; it rests at that price already, so it trades no sooner for it |
//! | another price | it meets the market like a new order, and what is left goes to the end |

use super::Matcher;
use super::entry::{Placement, Proposal};
use crate::event::{Event, Modify, OrderState, ReportReason};
use crate::stage::Emit;
use crate::units::Qty;

impl Matcher {
    /// Changes a resting order. One that is unknown, or final already, is left alone: the request came too
    /// late. Terms that a new order could not have leave it as it is, and its next report gives the reason.
    pub(super) fn on_modify(&mut self, event: &Event, out: &mut impl Emit) {
        let Modify { order: id, quantity, price, .. } = *event.body::<Modify>();
        let Some(&resting) = self.books.get(id) else { return };
        let slot = self.orders.find(id).expect("a resting order is known");
        let order = self.orders.get(slot);
        let (instrument, side) = (order.instrument, order.side);
        let (filled, filled_value) = (order.filled, order.filled_value);
        let proposal = Proposal { id, instrument, side, quantity, price, filled, filled_value };
        let last = match self.admit(&proposal, event.header.ts) {
            Ok(last) => last,
            Err(reason) => return self.orders.change(slot, |order| order.reason = reason),
        };
        self.orders.change(slot, |order| order.quantity = quantity);
        let open = quantity - filled;
        if price == resting.price && open <= resting.open {
            let less = resting.open - open;
            if less > Qty::ZERO {
                self.books.reduce(id, less).expect("it rests");
            }
        } else {
            self.books.cancel(id).expect("it rests");
            if price == resting.price {
                self.rest(slot, price, open);
            } else {
                let placement = Placement { price, quantity: open, rests: true, last };
                self.place(slot, &placement, &event.header, out);
            }
        }
        if self.orders.get(slot).state != OrderState::Filled {
            self.orders.change(slot, |order| order.reason = ReportReason::Modified);
        }
    }
}
