//! A book that follows the window of a file.

use super::Fill;
use super::read::{Kind, Level, Message, Row};
use crate::meter::Meter;
use crate::venue::{ID_END, enter, exchange, finish, limit_order, reduce};
use pitlane_engine::event::{MarketPhase, ReportReason, Side, Validity};
use pitlane_engine::exchange::{ANONYMOUS, End, Exchange, Record};
use pitlane_engine::units::{InstrumentId, OrderId, Price, Qty};

const ONLY: InstrumentId = InstrumentId(0);
/// Ticks of the price ladder: 6.55 dollars at the files' scale.
const LADDER_TICKS: usize = 1 << 16;
const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

pub(super) struct Book {
    exchange: Exchange,
    /// Trading was halted, and goes on once the book is not crossed.
    resumes: bool,
    is_full: bool,
    /// Reused.
    ids: Vec<OrderId>,
}

/// Whether `price` is behind `other` on a side.
fn is_deeper(side: Side, price: Price, other: Price) -> bool {
    if side == Side::Buy { price < other } else { price > other }
}

impl Book {
    /// The book after the first message.
    pub(super) fn seeded(first: &Message, row: &Row) -> Self {
        let mut book =
            Self { exchange: exchange(1, LADDER_TICKS), resumes: false, is_full: false, ids: Vec::new() };
        for side in SIDES {
            for level in row.side(side) {
                let splits = first.kind == Kind::New && first.side == side && first.price == level.price;
                let split = if splits { first.quantity.min(level.quantity) } else { Qty::ZERO };
                if level.quantity > split {
                    book.add(side, Level { price: level.price, quantity: level.quantity - split });
                }
                if split > Qty::ZERO {
                    book.join(first.id, side, level.price, split);
                }
            }
        }
        book
    }

    /// Applies a message as the file says it.
    pub(super) fn apply(&mut self, message: &Message, meter: &mut Meter) {
        let &Message { kind, id, side, price, quantity, .. } = message;
        match kind {
            Kind::Hidden => {}
            Kind::New => meter.measure(|| {
                self.join(id, side, price, quantity);
                1
            }),
            Kind::Reduction | Kind::Deletion | Kind::Execution => meter.measure(|| {
                let all = kind == Kind::Deletion;
                if self.holds(id) {
                    reduce(&mut self.exchange, OrderId(id), if all { Qty(i64::MAX) } else { quantity });
                } else {
                    self.exchange.take_volume(ONLY, side, price, quantity, End::Front);
                }
                1
            }),
            Kind::Halt if price == Price(1) => self.resumes = true,
            Kind::Halt => {
                // Orders collect, and may cross.
                self.resumes = false;
                let progress = self.exchange.set_phase(ONLY, MarketPhase::Call, &mut |_| ());
                finish(&mut self.exchange, progress, &mut |_| ());
            }
        }
    }

    /// The two moves with which the book follows the file's window.
    pub(super) fn follow(&mut self, row: &Row, meter: &mut Meter) {
        for side in SIDES {
            let levels = row.side(side);
            let ours = self.deepest(side);
            let beyond = |level: &&Level| ours.is_none_or(|ours| is_deeper(side, level.price, ours));
            for &level in levels.iter().filter(beyond) {
                meter.measure(|| {
                    self.add(side, level);
                    1
                });
            }
            let Some(deepest) = levels.last() else { continue };
            while let Some(price) = self.deepest(side).filter(|&price| is_deeper(side, price, deepest.price))
            {
                meter.measure(|| self.drop_level(side, price));
            }
        }
        if self.resumes && !self.is_crossed() {
            self.resumes = false;
            let progress = self.exchange.set_phase(ONLY, MarketPhase::Continuous, &mut |_| ());
            finish(&mut self.exchange, progress, &mut |_| ());
        }
    }

    /// Whether the book is the row, level by level.
    pub(super) fn shows(&self, row: &Row) -> bool {
        SIDES.into_iter().all(|side| {
            let ours = self
                .exchange
                .levels(ONLY, side)
                .map(|level| Level { price: level.price, quantity: level.quantity });
            ours.eq(row.side(side).iter().copied())
        })
    }

    pub(super) fn best(&self, side: Side) -> Option<Price> {
        self.exchange.best(ONLY, side).map(|level| level.price)
    }

    pub(super) fn holds(&self, id: u64) -> bool {
        id != 0 && self.exchange.holds(OrderId(id))
    }

    /// Whether an order found no room.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// One immediate-or-cancel order through the matcher.
    pub(super) fn sweep(
        &mut self,
        index: u64,
        side: Side,
        limit: Price,
        quantity: Qty,
        meter: &mut Meter,
        mut each: impl FnMut(Fill),
    ) {
        let terms = limit_order(OrderId(ID_END + index), side, limit, quantity, Validity::Ioc);
        meter.measure(|| {
            enter(&mut self.exchange, ONLY, &terms, &mut |record| {
                if let Record::Trade { maker, price, quantity, .. } = record {
                    let maker = if maker.0 & ANONYMOUS == 0 { maker.0 } else { 0 };
                    each(Fill { price, maker, quantity });
                }
            });
            1
        });
    }

    /// Becomes the same book as another, queue by queue.
    pub(super) fn take_over(&mut self, other: &Self) {
        self.exchange.clear_volume(ONLY);
        for side in SIDES {
            self.ids.extend(self.exchange.queue(ONLY, side).map(|order| order.id));
        }
        for id in self.ids.drain(..) {
            self.exchange.cancel(id, ReportReason::Requested, &mut |_| ());
        }
        for side in SIDES {
            for order in other.exchange.queue(ONLY, side) {
                if order.id.0 & ANONYMOUS == 0 {
                    self.join(order.id.0, side, order.price, order.open);
                } else {
                    self.add(side, Level { price: order.price, quantity: order.open });
                }
            }
        }
    }

    fn join(&mut self, id: u64, side: Side, price: Price, quantity: Qty) {
        let terms = limit_order(OrderId(id), side, price, quantity, Validity::Day);
        let mut is_full = false;
        enter(&mut self.exchange, ONLY, &terms, &mut |record| {
            is_full |= matches!(record, Record::Rejected { reason: ReportReason::VenueFull, .. });
        });
        self.is_full |= is_full;
    }

    /// Adds anonymous volume. Volume that would cross the book is left out: the rows will differ, and be counted.
    fn add(&mut self, side: Side, level: Level) {
        let added = self.exchange.add_volume(ONLY, side, level.price, level.quantity);
        self.is_full |= added == Err(ReportReason::VenueFull);
    }

    fn deepest(&self, side: Side) -> Option<Price> {
        self.exchange.levels(ONLY, side).last().map(|level| level.price)
    }

    fn is_crossed(&self) -> bool {
        self.best(Side::Buy).zip(self.best(Side::Sell)).is_some_and(|(bid, ask)| bid >= ask)
    }

    /// Drops all of a price; answers how many operations that was.
    fn drop_level(&mut self, side: Side, price: Price) -> u64 {
        self.ids.clear();
        let there = self.exchange.queue(ONLY, side).filter(|order| order.price == price);
        self.ids.extend(there.map(|order| order.id));
        let operations = self.ids.len() as u64;
        for id in self.ids.drain(..) {
            if id.0 & ANONYMOUS == 0 {
                self.exchange.cancel(id, ReportReason::Requested, &mut |_| ());
            }
        }
        let all = self.exchange.volume(ONLY, side, price);
        self.exchange.take_volume(ONLY, side, price, all, End::Front);
        operations
    }
}
