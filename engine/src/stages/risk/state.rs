//! The state of risk between two steps.

use super::desk::{Desk, Target};
use super::{Risk, Sweep};
use crate::limits::OPEN_ORDERS_MAX;
use crate::state::StateIo;
use crate::units::{Money, OrderId, Qty};

/// Units held or wanted of one instrument, at most: what the ledger can hold.
pub(super) const HELD_MAX: Qty = Qty(1 << 44);

impl Risk {
    /// Walks over the whole state. The sweep is idle between steps, and states are taken only there.
    pub(super) fn walk(&mut self, io: &mut StateIo<'_>) {
        assert!(self.sweep == Sweep::Idle, "a state is taken between steps");
        self.ledger.state(io);
        self.tariffs.state(io);
        self.desks.iter_mut().for_each(|desk| desk.state(io));
        io.time_or_never(&mut self.first_square_off);
        io.time(&mut self.squared_until);
        let (start, peak) = (&mut self.start_net, &mut self.peak_net);
        let limits = [&mut self.loss_limit, &mut self.drawdown_limit, &mut self.symbol_loss_limit];
        for money in [start, peak].into_iter().chain(limits) {
            io.within(money, Money(-MONEY_MAX), Money(MONEY_MAX));
        }
        io.within(&mut self.trades, 0, u32::MAX / 2);
        io.plain(&mut self.barred);
        self.rate.state(io);
        let last = self.desks.len().saturating_sub(1);
        io.option(&mut self.waiting, || 0, |io, at| io.size(at, last));
        io.size(&mut self.first, last);
        let Self { active, killed, flatten, halted, reduce_only, stopped, .. } = self;
        [active, killed, flatten, halted, reduce_only, stopped].into_iter().for_each(|latch| io.flag(latch));
        io.size(&mut self.open_orders, OPEN_ORDERS_MAX);
        io.plain(&mut self.occupied);
        io.plain(&mut self.wishes);
        self.finished.state(io);
        io.plain(&mut self.cause.seq);
        io.within(&mut self.orders_in_step, 0, OrderId::PER_STEP_MAX);
        io.check(|| self.adds_up(), "the counts of risk are not those of its desks");
        io.check(|| !self.any_order_twice(), "an order is under way twice");
    }

    /// Whether the counts are those of the desks.
    fn adds_up(&self) -> bool {
        let count = |of: &dyn Fn(&Desk) -> bool| self.desks.iter().filter(|desk| of(desk)).count();
        let held = |desk: &Desk| !self.ledger.position(desk.instrument).quantity.is_zero();
        let orders = count(&|desk| desk.entry.is_some()) + count(&|desk| desk.exit.is_some());
        self.open_orders == orders
            && self.occupied as usize == count(&|desk| desk.entry.is_some() || held(desk))
            && self.wishes as usize == count(&|desk| desk.target != Target::Reached)
            && self.barred as usize == count(&|desk| desk.barred)
    }

    /// Whether two orders have one id. Looks at every pair of them: there are few, and it is asked to load only.
    fn any_order_twice(&self) -> bool {
        let orders = || self.desks.iter().flat_map(|desk| desk.entry.iter().chain(&desk.exit));
        orders().any(|order| orders().filter(|other| other.id == order.id).count() > 1)
    }
}

/// Amounts of the account's limits, at most: half the range of money.
const MONEY_MAX: i64 = i64::MAX / 2;
