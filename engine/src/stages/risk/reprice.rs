//! Resting entries follow the market: an order that has rested for as long as its strategy lets it is moved to where
//! such an entry would rest now. Looked at with every second's timer.

use super::desk::{Desk, Working};
use super::orders::rounded;
use super::{Bounded, Risk};
use crate::event::{Event, Intent, Modify, OrderState, Report, ReportReason, Side, StageId};
use crate::stage::Emit;
use crate::state::StateIo;
use crate::units::{Price, Qty, Seq};

/// A new price that the venue was asked for and has not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// The step in which it was asked: a report made in it or later knows the answer.
    step: Seq,
    from: Price,
    to: Price,
}

impl Asked {
    /// What a loaded value starts from.
    pub(super) const BLANK: Self = Self { step: Seq::ZERO, from: Price::ZERO, to: Price::ZERO };

    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        io.plain(&mut self.step);
        io.within(&mut self.from, Price(1), Price(i64::MAX));
        io.within(&mut self.to, Price(1), Price(i64::MAX));
    }
}

impl Working {
    /// Asks for `price` in `step`. Until the answer the order counts as the dearer of both.
    fn ask(&mut self, step: Seq, price: Price) {
        self.asked = Some(Asked { step, from: self.price, to: price });
        self.price = self.price.max(price);
    }

    /// Takes the venue's answer to a price that was asked for, if `report` is one.
    pub(super) fn take_answer(&mut self, report: &Report) {
        let Some(asked) = self.asked.filter(|asked| report.cause >= asked.step) else { return };
        // A report that says something else, a fill, is no answer: with a latency the request may not have arrived yet.
        if report.reason == ReportReason::Modified as u8 {
            (self.asked, self.price) = (None, asked.to);
        } else if is_refusal(report) {
            (self.asked, self.price) = (None, asked.from);
        }
    }
}

/// Whether a report says that a request changed nothing: the order lives, for a reason that only a refusal has.
fn is_refusal(report: &Report) -> bool {
    let lives = OrderState::from_u8(report.state).is_some_and(|state| !state.is_final());
    lives && report.reason != ReportReason::None as u8
}

/// Where an entry rests: at the last price, on the tick, on the side that costs less.
pub(super) fn passive_price(last: Price, side: Side, tick: Price) -> Price {
    rounded(last, side, tick)
}

impl Risk {
    /// Moves the desk's resting entry if it is due and nothing speaks against it; emits at most one event. It counts
    /// as an order of its second. What may not be moved stays where it is.
    pub(super) fn reprice(&mut self, at: usize, out: &mut Bounded<'_, impl Emit>) {
        let desk = &self.desks[at];
        let resting = |entry: &Working| entry.rests && !entry.cancelling && entry.asked.is_none();
        let Some(entry) = desk.entry.filter(resting) else { return };
        let claim = desk.owner();
        let due = claim.reprice_ns > 0 && self.cause.ts.since(entry.since) >= claim.reprice_ns;
        let price = passive_price(self.last(desk), entry.side, desk.tick);
        if !due || price == entry.price || !self.may_rest_at(desk, &entry, price) {
            return;
        }
        let (instrument, order, strategy) = (desk.instrument, entry.id, claim.strategy);
        if !self.room_for(at, entry.side, entry.quantity - entry.filled, price) {
            return;
        }
        let cause = self.cause;
        let entry = self.desks[at].entry.as_mut().expect("looked at just now");
        entry.ask(cause.seq, price);
        entry.since = cause.ts;
        self.rate.count(cause.ts);
        let intent = Intent::Entry as u8;
        let (trigger, disclosed) = (Price::ZERO, Qty::ZERO);
        let quantity = entry.quantity;
        let body = Modify { order, quantity, price, trigger, disclosed, strategy, intent, reserved: [0; 53] };
        out.emit(&Event::output(StageId::Risk, &cause, instrument, &body));
    }

    /// Whether the rules that an entry has to pass let this one rest at `price`, as far as they look at the desk alone.
    fn may_rest_at(&self, desk: &Desk, entry: &Working, price: Price) -> bool {
        let last = self.last(desk);
        let nothing_closes = desk.exit.is_none() && !self.must_close(desk);
        if last.is_zero() || !nothing_closes || self.objection_to_time(desk).is_some() {
            return false;
        }
        if self.objection_to_price(desk, price).is_some()
            || self.rate.entry_objection(self.cause.ts).is_some()
        {
            return false;
        }
        let limit = self.config.capital.bps(self.config.order_value_bps);
        // Wide: a quantity of an earlier price may have no value in the range of money at a corrupt one.
        let one = i128::from(price.max(last).0) * i128::from(desk.multiplier);
        one * i128::from(entry.quantity.0) <= i128::from(limit.0)
    }

    /// Whether `quantity` at `price` stays within exposure and leverage when it takes the place of the desk's entry.
    fn room_for(&mut self, at: usize, side: Side, quantity: Qty, price: Price) -> bool {
        let entry = self.desks[at].entry.take();
        let desk = &self.desks[at];
        let objection = self.gross_objection(desk, side, quantity, price.max(self.last(desk)));
        self.desks[at].entry = entry;
        objection.is_none()
    }
}
