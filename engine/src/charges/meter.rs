//! Charges fill by fill, for whoever sees fills and final reports and keeps no orders of its own.

use super::{Charged, Charges, Tariffs};
use crate::config::{ChargesConfig, InstrumentSpec};
use crate::event::Side;
use crate::limits::OPEN_ORDERS_MAX;
use crate::state::StateIo;
use crate::units::{InstrumentId, Money, OrderId};

/// An order of which something was filled and more may be.
#[derive(Clone, Copy, Debug)]
struct Line {
    order: OrderId,
    value: Money,
    /// What the order costs by that value at today's rates, if it was computed; no state, because it follows.
    cost: Option<Charges>,
}

const BLANK: Line = Line { order: OrderId::ZERO, value: Money::ZERO, cost: None };

/// Adds up the filled value of each order under way, and says what every fill adds to its charges.
#[derive(Clone, Debug)]
pub struct Meter {
    tariffs: Tariffs,
    /// At most as many as orders can be open.
    lines: Vec<Line>,
}

impl Meter {
    /// A meter before the first session.
    pub fn new(instruments: &[InstrumentSpec], config: &ChargesConfig) -> Self {
        let tariffs = Tariffs::new(instruments, config);
        Self { tariffs, lines: Vec::with_capacity(OPEN_ORDERS_MAX) }
    }

    /// Begins a session on a trading date (yyyymmdd).
    pub fn start(&mut self, date: u32) {
        self.tariffs.start(date);
        self.lines.iter_mut().for_each(|line| line.cost = None);
    }

    /// A fill of `order` for `value`: what it adds, or `None` if nothing is charged for the instrument.
    ///
    /// Panics if more orders are under way than a run can have.
    pub fn fill(
        &mut self,
        order: OrderId,
        instrument: InstrumentId,
        side: Side,
        value: Money,
    ) -> Option<Charged> {
        let tariff = self.tariffs.of(instrument)?;
        let found = self.lines.iter().position(|line| line.order == order);
        let at = found.unwrap_or_else(|| {
            assert!(self.lines.len() < OPEN_ORDERS_MAX, "an order is finished by its last report");
            self.lines.push(Line { order, ..BLANK });
            self.lines.len() - 1
        });
        let line = &mut self.lines[at];
        let before = line.value;
        line.value += value;
        let cost = tariff.order(side, line.value);
        let was = line.cost.replace(cost);
        let mut charges = cost;
        if !before.is_zero() {
            charges = cost.since(&was.unwrap_or_else(|| tariff.order(side, before)));
        }
        Some(tariff.charged(charges))
    }

    /// The order is filled no more.
    pub fn finish(&mut self, order: OrderId) {
        if let Some(at) = self.lines.iter().position(|line| line.order == order) {
            self.lines.swap_remove(at);
        }
    }

    /// Walks over the state.
    pub fn state(&mut self, io: &mut StateIo<'_>) {
        self.tariffs.state(io);
        io.list(&mut self.lines, OPEN_ORDERS_MAX, &BLANK, |io, line| {
            io.within(&mut line.order, OrderId(1), OrderId(u64::MAX));
            io.within(&mut line.value, Money::ZERO, Money(i64::MAX / 2));
        });
        let again = |at: usize| self.lines[..at].iter().any(|line| line.order == self.lines[at].order);
        io.check(|| !(0..self.lines.len()).any(again), "an order is charged twice");
    }
}
