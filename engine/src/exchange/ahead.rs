//! Anonymous volume that turns out to have been before an order.

use super::{ANONYMOUS, Account, End, Exchange, Order};
use crate::book::{BUY_ABOVE_ALL, NONE, QUANTITY_MAX, SELL_BELOW_ALL};
use crate::event::ReportReason;
use crate::units::{OrderId, Qty};

impl Exchange {
    /// Adds anonymous volume directly before an order in the book, at its price: an order that came to a price of which
    /// nothing was known stands behind what is seen there first. Those behind the order stay behind it.
    ///
    /// # Errors
    /// `VenueFull` if there is no room for the piece, `Malformed` if the id is not in the book or the quantity is out of
    /// range, or if it is a market order without a price. Nothing has changed then.
    pub fn add_volume_ahead(&mut self, id: OrderId, quantity: Qty) -> Result<(), ReportReason> {
        assert!(self.is_idle(), "the last operation has more to do: resume it first");
        let slot = self.books.slot_of(id).ok_or(ReportReason::Malformed)?;
        let at = self.books.order(slot);
        // A market order that an auction collects has no price at which volume could be displayed.
        let unpriced = at.price == BUY_ABOVE_ALL || at.price == SELL_BELOW_ALL;
        if unpriced || quantity <= Qty::ZERO || quantity > QUANTITY_MAX {
            return Err(ReportReason::Malformed);
        }
        if self.pieces() >= self.limits.anonymous {
            return Err(ReportReason::VenueFull);
        }
        let order = Order { quantity, account: Account::MARKET, clip: NONE };
        self.anonymous += 1;
        let piece = OrderId(ANONYMOUS | self.anonymous);
        let added = self.books.append(at.instrument, at.side, at.price, piece, quantity, order);
        self.tally.enter(quantity);
        // From the order on, all go behind the new piece in their order.
        let mut next = Some(slot);
        while let Some(moved) = next.filter(|&moved| moved != added) {
            next = self.books.newer(moved);
            let open = self.books.order(moved).open;
            self.books.requeue(moved, open);
        }
        Ok(())
    }

    /// Takes up to `quantity` of the anonymous volume before an order away, the nearest to it first; answers how much.
    pub fn take_volume_next_to(&mut self, id: OrderId, quantity: Qty) -> Qty {
        let Some(slot) = self.books.slot_of(id) else { return Qty::ZERO };
        self.take_from(self.books.older(slot), None, quantity, End::Back)
    }
}
