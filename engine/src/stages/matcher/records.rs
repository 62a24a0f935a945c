//! What the exchange says happened becomes fills, and the states of own orders.

use super::Matcher;
use super::depth::Depth;
use super::orders::OrderTable;
use super::run::Run;
use crate::config::InstrumentSpec;
use crate::event::{Event, Fill, Header, OrderState, OrderType, ReportReason, StageId};
use crate::exchange::Record;
use crate::stage::Emit;
use crate::units::{OrderId, Price, Qty};

/// The bit that ids of anonymous volume have, and own orders have not.
const ANONYMOUS: u64 = 1 << 63;

/// Whether an id is an own order's.
pub(super) fn is_own(id: OrderId) -> bool {
    id.0 & ANONYMOUS == 0
}

/// Takes the records of one call.
pub(super) struct Records<'a, E> {
    pub(super) orders: &'a mut OrderTable,
    pub(super) spec: &'a InstrumentSpec,
    pub(super) depth: &'a Depth,
    pub(super) run: &'a Run,
    pub(super) cause: &'a Header,
    pub(super) out: &'a mut E,
    /// Fills made.
    pub(super) fills: usize,
    /// What anonymous orders that came have traded.
    pub(super) swept: Qty,
}

impl<E: Emit> Records<'_, E> {
    /// Takes one record.
    pub(super) fn take(&mut self, record: Record) {
        match record {
            Record::Trade { taker, maker, price, quantity, taker_open, maker_open, .. } => {
                self.fill(taker, price, quantity, taker_open, self.run.taker_flags);
                self.fill(maker, price, quantity, maker_open, self.run.maker_flags);
                if !is_own(taker) {
                    self.swept += quantity;
                }
            }
            Record::Rested { id, .. } => {
                let (depth, price) = (self.depth, self.run.price);
                self.orders.change(self.slot(id), |order| {
                    order.state = order.resting();
                    // Of a stop order that woke the place is as unknown as that of one beyond the displayed levels.
                    let price = if order.id == self.run.order { price } else { Price::ZERO };
                    order.unseen = depth.left_at(order.side, price).is_none() || price.is_zero();
                });
            }
            Record::Waiting { id } => self.change(id, OrderState::TriggerPending, None),
            Record::Triggered { id } => self.orders.change(self.slot(id), |order| {
                (order.state, order.reason) = (OrderState::Open, ReportReason::Triggered);
                let limited = order.order_type == OrderType::StopLimit;
                order.order_type = if limited { OrderType::Limit } else { OrderType::Market };
            }),
            Record::Modified { id } => {
                let quantity = self.run.quantity;
                self.orders.change(self.slot(id), |order| {
                    // What self-trade prevention took is not asked for again.
                    order.removed = Qty::ZERO;
                    (order.quantity, order.reason) = (quantity, ReportReason::Modified);
                });
            }
            Record::Kept { id, reason } => {
                self.orders.change(self.slot(id), |order| order.reason = reason);
            }
            Record::Decremented { id, by, .. } if is_own(id) => self.orders.change(self.slot(id), |order| {
                order.removed += by;
                order.reason = ReportReason::SelfTrade;
            }),
            Record::Cancelled { id, reason, .. } if is_own(id) => {
                self.change(id, OrderState::Cancelled, Some(reason));
            }
            Record::Rejected { id, reason } => self.change(id, OrderState::Rejected, Some(reason)),
            Record::Decremented { .. } | Record::Cancelled { .. } => {}
        }
    }

    fn slot(&self, id: OrderId) -> u16 {
        self.orders.find(id).expect("what the exchange holds of the account is known")
    }

    fn change(&mut self, id: OrderId, state: OrderState, reason: Option<ReportReason>) {
        self.orders.change(self.slot(id), |order| {
            order.state = state;
            order.reason = reason.unwrap_or(order.reason);
        });
    }

    /// Enters what an order has traded, if it is an own one.
    fn fill(&mut self, id: OrderId, price: Price, quantity: Qty, open: Qty, flags: u8) {
        if !is_own(id) {
            return;
        }
        let slot = self.slot(id);
        let multiplier = self.spec.multiplier;
        self.orders.change(slot, |order| order.fill(price, quantity, open, multiplier));
        let order = self.orders.get(slot);
        let fill = Fill {
            order: order.id,
            maker: OrderId::ZERO,
            price,
            quantity,
            last: self.run.last,
            number: order.fills,
            strategy: order.strategy,
            side: order.side as u8,
            flags,
            reserved: [0; 48],
        };
        self.out.emit(&Event::output(StageId::Matcher, self.cause, order.instrument, &fill));
        self.fills += 1;
    }
}

/// Where the records of a cancel go: they fill nothing.
pub(super) struct NoFills;

impl Emit for NoFills {
    fn emit(&mut self, _: &Event) {
        unreachable!("a cancel fills nothing");
    }
}

impl Matcher {
    /// Takes what is left of an own order out of the market. One that is unknown, or final already, is left alone: the
    /// cancel came too late.
    pub(super) fn cancel(&mut self, id: OrderId, reason: ReportReason) {
        let Some(slot) = self.orders.find(id) else { return };
        let instrument = self.orders.get(slot).instrument;
        if self.orders.get(slot).state.is_final() {
            return;
        }
        self.cancel_held(instrument, id, reason);
        self.settle(instrument);
    }
}
