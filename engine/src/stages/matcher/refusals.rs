//! Refusals of orders that never got a slot: the table was full, or the id was known already.

use crate::event::{OrderState, Report, ReportReason, Side};
use crate::state::StateIo;
use crate::units::{InstrumentId, Money, OrderId, Qty, Seq, StrategyId, TsNs};
use std::collections::VecDeque;

/// Refusals that may wait: as many as one input can cause orders.
const CAPACITY: usize = OrderId::PER_STEP_MAX as usize;

/// An order refused without a slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) id: OrderId,
    pub(super) instrument: InstrumentId,
    pub(super) strategy: StrategyId,
    pub(super) side: Side,
    pub(super) quantity: Qty,
    pub(super) reason: ReportReason,
}

const BLANK: Refusal = Refusal {
    id: OrderId::ZERO,
    instrument: InstrumentId::NONE,
    strategy: StrategyId::NONE,
    side: Side::Buy,
    quantity: Qty::ZERO,
    reason: ReportReason::VenueFull,
};

impl Refusal {
    fn state(&mut self, io: &mut StateIo<'_>) {
        io.plain(&mut self.id);
        io.plain(&mut self.instrument);
        io.plain(&mut self.strategy);
        io.code(&mut self.side, |side| side as u8, Side::from_u8);
        io.plain(&mut self.quantity);
        io.code(&mut self.reason, |reason| reason as u8, ReportReason::from_u8);
    }

    /// The refusal's only report. It has number 1, but number 0 for a duplicate: the numbers from 1 belong to
    /// the order that has the id.
    pub(super) fn report(&self, cause: Seq, vtime: impl Fn(OrderId, u32) -> TsNs) -> Report {
        let number = u32::from(self.reason != ReportReason::Duplicate);
        Report {
            order: self.id,
            cause,
            vtime: vtime(self.id, number),
            filled: Qty::ZERO,
            filled_value: Money::ZERO,
            quantity: self.quantity,
            number,
            strategy: self.strategy,
            state: OrderState::Rejected as u8,
            reason: self.reason as u8,
            side: self.side as u8,
            reserved: [0; 39],
        }
    }
}

/// Refusals that wait for their report, oldest first. A step reports one, which keeps it within
/// `REPORTS_PER_STEP_MAX`; more than one at a time is rare, because the risk stage counts open orders as the
/// venue does.
pub(super) struct Refusals {
    waiting: VecDeque<Refusal>,
    /// The last step that reported one.
    reported_in: Seq,
}

impl Refusals {
    pub(super) fn new() -> Self {
        Self { waiting: VecDeque::with_capacity(CAPACITY), reported_in: Seq::ZERO }
    }

    /// Adds a refusal. Panics if as many wait as one input can cause: nobody upstream counts the open orders.
    pub(super) fn push(&mut self, refusal: Refusal) {
        assert!(self.waiting.len() < CAPACITY, "orders keep coming though the venue is full");
        self.waiting.push_back(refusal);
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The refusal that step `seq` reports, once a step.
    pub(super) fn next_report(&mut self, seq: Seq) -> Option<Refusal> {
        if self.reported_in == seq {
            return None;
        }
        let refusal = self.waiting.pop_front()?;
        self.reported_in = seq;
        Some(refusal)
    }

    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        io.plain(&mut self.reported_in);
        let mut count = self.waiting.len();
        io.size(&mut count, CAPACITY);
        if io.is_loading() {
            self.waiting.resize(count, BLANK);
        }
        self.waiting.iter_mut().for_each(|refusal| refusal.state(io));
    }
}
