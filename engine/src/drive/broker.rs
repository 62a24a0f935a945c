//! The rings between a live run and the gateway that trades for it.

use crate::event::Event;
use crate::ledger::Ledger;
use crate::limits::INSTRUMENTS_MAX;
use crate::sequencer::{IsFlat, Waiting};
use crate::units::{InstrumentId, Qty, TsNs};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// What a run says when an order found no way to its gateway.
pub(super) const ORDER_LOST: &str = "the order gateway is gone or takes no more orders; what it had is at the broker, the rest is in the journal";
/// What a run says when its gateway is gone.
pub(super) const GONE: &str = "the order gateway is gone in the middle of the session; what is open at the broker stays there. Start again on the \
     same journal: its orders are looked for at the broker before anything is sent";

/// The positions of a live run as its fills made them, for whoever compares them with the broker's.
#[derive(Clone)]
pub struct Positions {
    held: Arc<[AtomicI64]>,
    /// The time of the last input whose fills are in them; 0 before the first.
    seen: Arc<AtomicU64>,
}

impl Default for Positions {
    fn default() -> Self {
        let held = (0..INSTRUMENTS_MAX).map(|_| AtomicI64::new(0)).collect();
        Self { held, seen: Arc::default() }
    }
}

impl Positions {
    /// What is held, without what is flat, and the time of the last input whose fills are in it. What is held may be of a
    /// later input as well.
    pub fn read(&self) -> (TsNs, Vec<(InstrumentId, Qty)>) {
        // Acquire: pairs with the Release in `passed`; the positions are of that input or of a later one.
        let seen = TsNs(self.seen.load(Ordering::Acquire));
        // Relaxed: as above.
        let held =
            (0..).zip(&*self.held).map(|(id, held)| (InstrumentId(id), Qty(held.load(Ordering::Relaxed))));
        (seen, held.filter(|(_, held)| !held.is_zero()).collect())
    }

    /// Whether nothing is held.
    pub fn is_flat(&self) -> bool {
        // Relaxed: a number that is looked at again and again.
        self.held.iter().all(|held| held.load(Ordering::Relaxed) == 0)
    }

    /// Takes over the position in `instrument`.
    pub(super) fn set(&self, instrument: InstrumentId, held: Qty) {
        // Relaxed: `passed` publishes it.
        self.held[instrument.index()].store(held.0, Ordering::Relaxed);
    }

    /// The fills of the input of this time are in.
    pub(super) fn passed(&self, ts: TsNs) {
        // Release: see `read`.
        self.seen.store(ts.0, Ordering::Release);
    }
}

/// The end of a live run's chain: its way to the broker, and what others see of it.
pub struct ToBroker {
    /// Orders, changes and cancels.
    pub(super) orders: rtrb::Producer<Event>,
    pub(super) positions: Positions,
}

impl ToBroker {
    /// Shows what a run that goes on holds already.
    pub(super) fn show(&self, ledger: &Ledger) {
        (0..)
            .zip(ledger.positions())
            .for_each(|(id, held)| self.positions.set(InstrumentId(id), held.quantity));
    }
}

/// A live run's ends.
pub struct Broker {
    /// Orders, changes and cancels as they were recorded, in their order.
    pub orders: rtrb::Producer<Event>,
    /// What the broker reports on them. The gateway drops its end when nothing more can come.
    pub reports: rtrb::Consumer<Event>,
    /// Says to the gateway that the run waits for nothing but its reports.
    pub waiting: Waiting,
    /// Where the run shows its positions.
    pub positions: Positions,
    /// How much longer than on paper a killed run waits to be flat: until a lost exit is known to be lost, and sent again. 0 by default.
    pub kill_grace_ns: u64,
    /// Whether the gateway has no order that may still fill: a killed run does not end before that. `None` = positions alone say so.
    pub nothing_open: Option<IsFlat>,
}

/// The gateway's ends.
pub struct GatewayEnds {
    /// Orders, changes and cancels.
    pub orders: rtrb::Consumer<Event>,
    /// What is reported on them.
    pub reports: rtrb::Producer<Event>,
    /// Whether the run waits for nothing but reports.
    pub waiting: Waiting,
    /// The run's positions.
    pub positions: Positions,
}

impl Broker {
    /// Rings for so many orders and reports at a time, and the gateway's ends of them.
    pub fn rings(orders: usize, reports: usize) -> (Self, GatewayEnds) {
        let (to_gateway, orders) = rtrb::RingBuffer::new(orders);
        let (to_run, reports) = rtrb::RingBuffer::new(reports);
        let (waiting, positions) = (Waiting::default(), Positions::default());
        let ends =
            GatewayEnds { orders, reports: to_run, waiting: waiting.clone(), positions: positions.clone() };
        (Self { orders: to_gateway, reports, waiting, positions, kill_grace_ns: 0, nothing_open: None }, ends)
    }
}

/// What reaches the sequencer beside its source, and by which time.
pub(super) struct Ways {
    pub(super) commands: Option<rtrb::Consumer<Event>>,
    pub(super) reports: Option<(rtrb::Consumer<Event>, Waiting)>,
    /// How much longer a killed run may take to be flat, and what it holds.
    pub(super) kill_grace: Option<(u64, IsFlat)>,
    pub(super) wall_clock: bool,
}

impl Ways {
    /// The ways of a run to its sequencer, and the one from its sink to a broker.
    pub(super) fn new(
        commands: Option<rtrb::Consumer<Event>>,
        broker: Option<Broker>,
        wall_clock: bool,
    ) -> (Self, Option<ToBroker>) {
        let Some(Broker { orders, reports, waiting, positions, kill_grace_ns, nothing_open }) = broker else {
            return (Self { commands, reports: None, kill_grace: None, wall_clock }, None);
        };
        let held = positions.clone();
        let is_flat: IsFlat = Box::new(move || {
            held.is_flat() && nothing_open.as_ref().is_none_or(|nothing_open| nothing_open())
        });
        let (reports, kill_grace) = (Some((reports, waiting)), Some((kill_grace_ns, is_flat)));
        (Self { commands, reports, kill_grace, wall_clock }, Some(ToBroker { orders, positions }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{InstrumentClass, InstrumentSpec};
    use crate::event::Side;
    use crate::units::{Money, Price};

    #[test]
    fn what_a_recovered_run_holds_is_shown_from_the_start() {
        let spec = |token| InstrumentSpec {
            symbol: format!("NSE:S{token}"),
            token,
            class: InstrumentClass::Equity,
            tradable: true,
            lot: Qty(1),
            tick: Price(500),
            multiplier: 1,
            freeze: Qty::ZERO,
            derivatives: false,
        };
        let (broker, ends) = Broker::rings(4, 4);
        let to_broker = Ways::new(None, Some(broker), true).1.expect("there is a broker");
        assert_eq!(ends.positions.read(), (TsNs::ZERO, Vec::new()));
        let mut ledger = Ledger::new(&[spec(0), spec(1), spec(2)]);
        ledger.fill(InstrumentId(2), Side::Sell, Qty(7), Money(7_000));
        to_broker.show(&ledger);
        to_broker.positions.passed(TsNs(5));
        assert_eq!(ends.positions.read(), (TsNs(5), vec![(InstrumentId(2), Qty(-7))]));
        to_broker.positions.set(InstrumentId(2), Qty::ZERO);
        to_broker.positions.set(InstrumentId(0), Qty(3));
        assert_eq!(ends.positions.read().1, [(InstrumentId(0), Qty(3))]);
    }
}
