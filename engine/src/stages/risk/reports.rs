//! Execution reports: the only thing that changes positions and finishes orders.

use super::desk::Working;
use super::{Bounded, Risk};
use crate::event::{AlarmCode, Event, OrderState, Report, Side};
use crate::stage::Emit;
use crate::units::{InstrumentId, Money, OrderId, Qty};

/// Missed exits beyond this do not widen the next one any more.
pub(super) const EXIT_MISSES_MAX: u32 = 1_000;

/// Which of a desk's orders a report is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Entry,
    Exit,
}

/// What a report adds to what was known of its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gain {
    quantity: Qty,
    value: Money,
    state: OrderState,
}

/// Compares a report with its order; `None` if they contradict each other. Quantities and values are
/// cumulative, so a report that was lost or overtaken is made good by the next one.
fn gain(order: &Working, report: &Report) -> Option<Gain> {
    let state = OrderState::from_u8(report.state).expect("coded fields are checked where events enter");
    let quantity = Qty(report.filled.0.checked_sub(order.filled.0)?);
    let value = Money(report.filled_value.0.checked_sub(order.value.0)?);
    let contradicts = quantity.0 < 0
        || value.0 < 0
        || report.filled > order.quantity
        || report.quantity != order.quantity
        || Side::from_u8(report.side) != Some(order.side)
        || (quantity.is_zero() && !value.is_zero())
        || (state == OrderState::Filled && report.filled != order.quantity)
        || (state == OrderState::Rejected && !report.filled.is_zero());
    (!contradicts).then_some(Gain { quantity, value, state })
}

impl Risk {
    pub(super) fn on_report(&mut self, event: &Event, out: &mut Bounded<'_, impl Emit>) {
        let report = event.body::<Report>();
        let instrument = event.header.instrument;
        let Some((at, role)) = self.find(instrument, report.order) else {
            if !self.finished.contains(report.order) {
                self.alarm(AlarmCode::ReportMismatch, instrument, report.filled.0, report.order, out);
            }
            return;
        };
        let order = self.order(at, role).as_ref().expect("found just now");
        if report.number <= order.reports {
            return;
        }
        let Some(gain) = gain(order, report) else {
            self.alarm(AlarmCode::ReportMismatch, instrument, report.filled.0, report.order, out);
            self.latch_kill(out);
            return;
        };
        self.apply(at, role, report, gain);
        let flat = self.ledger.position(instrument).quantity.is_zero();
        if !flat && !self.active && !gain.quantity.is_zero() && self.must_be_flat(&self.desks[at]) {
            // Filled after the session's end was checked: it is open overnight all the same.
            let held = self.ledger.position(instrument).quantity.0;
            self.alarm(AlarmCode::NotFlat, instrument, held, report.order, out);
            self.latch_kill(out);
        }
        self.check_losses(instrument, out);
        // What an IOC exit left is tried again at the next second, not at once against the same thin market.
        let thin = role == Role::Exit && gain.state != OrderState::Filled && !flat;
        if !thin {
            self.pursue(at, false, out);
        }
    }

    fn apply(&mut self, at: usize, role: Role, report: &Report, gain: Gain) {
        let was_occupied = self.is_occupied(at);
        let slot = self.order_mut(at, role);
        let order = slot.as_mut().expect("found just now");
        let (id, side, before) = (order.id, order.side, order.value);
        order.filled = report.filled;
        order.value = report.filled_value;
        order.reports = report.number;
        order.take_answer(report);
        // A refusal is none: a wider limit would not mend its reason, and cost when that has gone.
        let missed = gain.state == OrderState::Cancelled && report.filled.is_zero();
        let refused = gain.state == OrderState::Rejected;
        if gain.state.is_final() {
            *slot = None;
            self.open_orders -= 1;
            self.finished.push(id);
        }
        if !gain.quantity.is_zero() {
            let instrument = self.desks[at].instrument;
            self.ledger.fill(instrument, side, gain.quantity, gain.value);
            if let Some(charged) = self.tariffs.added(instrument, side, before, report.filled_value) {
                self.ledger.charge(instrument, &charged);
            }
        }
        self.follow_entered(at, role == Role::Entry, gain.quantity, gain.value);
        if role == Role::Exit && !refused {
            let desk = &mut self.desks[at];
            desk.exit_misses =
                if missed { desk.exit_misses.saturating_add(1).min(EXIT_MISSES_MAX) } else { 0 };
        }
        self.occupied = self.occupied + u32::from(self.is_occupied(at)) - u32::from(was_occupied);
    }

    /// The desk and the role of an order under way.
    fn find(&self, instrument: InstrumentId, id: OrderId) -> Option<(usize, Role)> {
        let at = self.desk_at(instrument)?;
        let desk = &self.desks[at];
        let is = |order: &Option<Working>| order.as_ref().is_some_and(|order| order.id == id);
        if is(&desk.entry) { Some((at, Role::Entry)) } else { is(&desk.exit).then_some((at, Role::Exit)) }
    }

    fn order(&self, at: usize, role: Role) -> &Option<Working> {
        match role {
            Role::Entry => &self.desks[at].entry,
            Role::Exit => &self.desks[at].exit,
        }
    }

    fn order_mut(&mut self, at: usize, role: Role) -> &mut Option<Working> {
        match role {
            Role::Entry => &mut self.desks[at].entry,
            Role::Exit => &mut self.desks[at].exit,
        }
    }
}
