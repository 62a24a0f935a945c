//! Whether a fill-or-kill order can be filled whole, before its first trade.

use super::matching::Taker;
use super::{Account, Call, Exchange, Record};
use crate::book::{Slot, is_better};
use crate::event::{ReportReason, SelfTrade};
use crate::stage::Progress;
use crate::units::{Price, Qty};

/// How far a look has come.
#[derive(Clone, Copy)]
pub(super) struct Look {
    /// The next order to be looked at; `None`: the first.
    next: Option<Slot>,
    begun: bool,
    /// All that better prices have.
    available: Qty,
    /// What the price looked at displays, and what it will display later.
    price: Price,
    displayed: Qty,
    hidden: Qty,
}

impl Look {
    pub(super) const BEGIN: Self = Self {
        next: None,
        begun: false,
        available: Qty::ZERO,
        price: Price::ZERO,
        displayed: Qty::ZERO,
        hidden: Qty::ZERO,
    };
}

impl Exchange {
    /// Looks order by order, a bounded number a call, whether the order can trade whole; cancels it if not.
    pub(super) fn look<F: FnMut(Record)>(&mut self, taker: &mut Taker, call: &mut Call<'_, F>) -> Progress {
        let mut look = self.work.look.expect("the caller has seen that a look is due");
        if !look.begun {
            look.next = self.books.front(taker.instrument, taker.side.opposite());
            look.begun = true;
        }
        let enough = loop {
            if call.looks == 0 {
                self.work.look = Some(look);
                return Progress::More;
            }
            call.looks -= 1;
            match self.look_at_next(&mut look, taker) {
                Some(enough) => break enough,
                None => look.next = look.next.and_then(|slot| self.books.next(slot)),
            }
        };
        self.work.look = None;
        if !enough {
            self.end(taker, ReportReason::FillOrKill, call);
        }
        Progress::Done
    }

    /// Counts one order; answers once it is known whether there is enough.
    fn look_at_next(&self, look: &mut Look, taker: &Taker) -> Option<bool> {
        let order = look.next.map(|slot| self.books.order(slot));
        let within = order.filter(|order| !is_better(taker.side, order.price, taker.limit));
        if within.is_none_or(|order| order.price != look.price) {
            look.available = look.available + look.displayed + look.hidden;
            (look.displayed, look.hidden) = (Qty::ZERO, Qty::ZERO);
        }
        let (Some(slot), Some(order)) = (look.next, within) else {
            return Some(look.available >= taker.open);
        };
        look.price = order.price;
        let kept = self.books.payload(slot);
        if kept.account != taker.account || taker.account == Account::MARKET {
            look.displayed += order.open;
            look.hidden += self.hidden(kept.clip);
        } else if self.self_trade != SelfTrade::CancelOldest {
            // What others of this price have not displayed comes after the own order.
            return Some(look.available + look.displayed >= taker.open);
        }
        (look.available + look.displayed >= taker.open).then_some(true)
    }
}
