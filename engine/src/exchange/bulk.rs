//! Work on many orders of an instrument, a bounded number a call.

use super::auction::Auction;
use super::{Account, Call, Exchange, Record};
use crate::book::{BUY_ABOVE_ALL, NONE, SELL_BELOW_ALL, Slot};
use crate::event::{ReportReason, Side};
use crate::stage::Progress;
use crate::units::InstrumentId;

/// Work that may take several calls.
#[derive(Clone, Copy)]
pub(super) enum Bulk {
    Cancel(Cancels),
    Auction(Auction),
}

/// Cancels on their way through the four queues of an instrument: buys, sells, waiting buys, waiting sells.
#[derive(Clone, Copy)]
pub(super) struct Cancels {
    instrument: InstrumentId,
    which: Which,
    reason: ReportReason,
    queue: usize,
    next: Option<Slot>,
}

/// Which orders are cancelled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// All of an account.
    Account(Account),
    /// Those in the book outside the band.
    OutOfBand,
    /// Those that no call phase has: with undisclosed quantity, or waiting for a trigger.
    NotInCall,
    /// All in the book.
    Resting,
}

/// Queue numbers of [`Cancels`].
const QUEUES: [(bool, Side); 4] =
    [(false, Side::Buy), (false, Side::Sell), (true, Side::Buy), (true, Side::Sell)];

impl Exchange {
    /// Cancels every order of an account in an instrument, in any phase: buys, sells, waiting buys, waiting sells, each
    /// in the order of its queue.
    pub fn cancel_all(
        &mut self,
        instrument: InstrumentId,
        account: Account,
        reason: ReportReason,
        each: &mut impl FnMut(Record),
    ) -> Progress {
        let call = &mut self.begin(each);
        self.cancel_each(instrument, Which::Account(account), reason, call)
    }

    /// Starts to cancel the orders of a kind.
    pub(super) fn cancel_each<F: FnMut(Record)>(
        &mut self,
        instrument: InstrumentId,
        which: Which,
        reason: ReportReason,
        call: &mut Call<'_, F>,
    ) -> Progress {
        let next = self.queue_front(instrument, 0);
        self.cancel_on(Cancels { instrument, which, reason, queue: 0, next }, call)
    }

    /// Goes on with bulk work.
    pub(super) fn go_through<F: FnMut(Record)>(&mut self, bulk: Bulk, call: &mut Call<'_, F>) -> Progress {
        match bulk {
            Bulk::Cancel(cancels) => self.cancel_on(cancels, call),
            Bulk::Auction(auction) => self.auction_on(auction, call),
        }
    }

    fn cancel_on<F: FnMut(Record)>(&mut self, mut cancels: Cancels, call: &mut Call<'_, F>) -> Progress {
        let Cancels { instrument, which, reason, .. } = cancels;
        while cancels.queue < QUEUES.len() {
            let Some(slot) = cancels.next else {
                cancels.queue += 1;
                if cancels.queue < QUEUES.len() {
                    cancels.next = self.queue_front(instrument, cancels.queue);
                }
                continue;
            };
            if call.left == 0 || call.looks == 0 {
                self.work.bulk = Some(Bulk::Cancel(cancels));
                return Progress::More;
            }
            call.looks -= 1;
            let waits = QUEUES[cancels.queue].0;
            cancels.next = if waits { self.stops.next(slot) } else { self.books.next(slot) };
            if self.is_meant(slot, waits, which) {
                if waits {
                    self.cancel_stop(slot, reason, call);
                } else {
                    self.cancel_slot(slot, reason, call);
                }
            }
        }
        self.settle(instrument)
    }

    fn queue_front(&self, instrument: InstrumentId, queue: usize) -> Option<Slot> {
        let (waits, side) = QUEUES[queue];
        if waits { self.stops.front(instrument, side.opposite()) } else { self.books.front(instrument, side) }
    }

    fn is_meant(&self, slot: Slot, waits: bool, which: Which) -> bool {
        match which {
            Which::Account(account) if waits => self.stops.payload(slot).account == account,
            Which::Account(account) => self.books.payload(slot).account == account,
            Which::NotInCall => waits || self.books.payload(slot).clip != NONE,
            Which::Resting => !waits,
            Which::OutOfBand if waits => false,
            Which::OutOfBand => {
                let order = self.books.order(slot);
                let is_market = order.price == BUY_ABOVE_ALL || order.price == SELL_BELOW_ALL;
                !is_market && !self.markets[order.instrument.index()].takes(order.price)
            }
        }
    }
}
