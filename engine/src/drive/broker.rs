//! The rings between a live run and the gateway that trades for it.

use crate::event::Event;
use crate::sequencer::Waiting;

/// What a run says when an order found no way to its gateway.
pub(super) const ORDER_LOST: &str = "the order gateway is gone or takes no more orders; what it had is at the broker, the rest is in the journal";
/// What a run says when its gateway is gone.
pub(super) const GONE: &str = "the order gateway is gone in the middle of the session; what is open at the broker stays there. Start again on the \
     same journal: its orders are looked for at the broker before anything is sent";

/// A live run's ends.
pub struct Broker {
    /// Orders, changes and cancels as they were recorded, in their order.
    pub orders: rtrb::Producer<Event>,
    /// What the broker reports on them. The gateway drops its end when nothing more can come.
    pub reports: rtrb::Consumer<Event>,
    /// Says to the gateway that the run waits for nothing but its reports.
    pub waiting: Waiting,
}

/// The gateway's ends.
pub struct GatewayEnds {
    /// Orders, changes and cancels.
    pub orders: rtrb::Consumer<Event>,
    /// What is reported on them.
    pub reports: rtrb::Producer<Event>,
    /// Whether the run waits for nothing but reports.
    pub waiting: Waiting,
}

impl Broker {
    /// Rings for so many orders and reports at a time, and the gateway's ends of them.
    pub fn rings(orders: usize, reports: usize) -> (Self, GatewayEnds) {
        let (to_gateway, orders) = rtrb::RingBuffer::new(orders);
        let (to_run, reports) = rtrb::RingBuffer::new(reports);
        let waiting = Waiting::default();
        let ends = GatewayEnds { orders, reports: to_run, waiting: waiting.clone() };
        (Self { orders: to_gateway, reports, waiting }, ends)
    }
}

/// What reaches the sequencer beside its source, and by which time.
pub(super) struct Ways {
    pub(super) commands: Option<rtrb::Consumer<Event>>,
    pub(super) reports: Option<(rtrb::Consumer<Event>, Waiting)>,
    pub(super) wall_clock: bool,
}

impl Ways {
    /// The ways of a run to its sequencer, and the one from its sink to a broker.
    pub(super) fn new(
        commands: Option<rtrb::Consumer<Event>>,
        broker: Option<Broker>,
        wall_clock: bool,
    ) -> (Self, Option<rtrb::Producer<Event>>) {
        let (reports, orders) =
            broker.map(|broker| ((broker.reports, broker.waiting), broker.orders)).unzip();
        (Self { commands, reports, wall_clock }, orders)
    }
}
