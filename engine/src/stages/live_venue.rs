//! The matcher's place in a live run: a broker trades, and what it reports becomes fills.
//!
//! Orders leave the engine behind the chain, when they are recorded (`drive::Broker`). A report comes back as an input with
//! the order's cumulative quantity and value; what it adds to the report before is a fill.

use crate::config::{InstrumentSpec, PipelineConfig};
use crate::event::{Event, FLAG_EXO, Fill, Full, Kind, Ltp, Order, OrderState, Quote, Report, StageId};
use crate::limits::OPEN_ORDERS_MAX;
use crate::stage::{Emit, Progress, Stage};
use crate::state::StateIo;
use crate::units::{InstrumentId, Money, OrderId, Price, Qty, StrategyId};

/// What is known of an order at the broker.
#[derive(Clone, Copy, Debug)]
struct Sent {
    id: OrderId,
    instrument: InstrumentId,
    filled: Qty,
    value: Money,
    fills: u32,
    strategy: StrategyId,
}

impl Sent {
    const BLANK: Self = Self {
        id: OrderId::ZERO,
        instrument: InstrumentId::NONE,
        filled: Qty::ZERO,
        value: Money::ZERO,
        fills: 0,
        strategy: StrategyId::NONE,
    };

    fn state(&mut self, io: &mut StateIo<'_>) {
        io.plain(&mut self.id);
        io.plain(&mut self.instrument);
        io.plain(&mut self.filled);
        io.plain(&mut self.value);
        io.plain(&mut self.fills);
        io.plain(&mut self.strategy);
        let possible = || self.filled >= Qty::ZERO && self.value >= Money::ZERO;
        io.check(possible, "an order at the broker has a negative fill");
    }
}

/// The broker as the chain sees it.
pub struct LiveVenue {
    instruments: Box<[InstrumentSpec]>,
    last: Box<[Price]>,
    sent: Vec<Sent>,
}

impl LiveVenue {
    /// No order is sent yet.
    pub fn new(config: &PipelineConfig) -> Self {
        let instruments = config.instruments.clone().into_boxed_slice();
        let last = vec![Price::ZERO; instruments.len()].into_boxed_slice();
        Self { instruments, last, sent: Vec::with_capacity(OPEN_ORDERS_MAX) }
    }

    /// Orders that are not known to be over.
    pub fn open_orders(&self) -> usize {
        self.sent.len()
    }

    fn mark(&mut self, instrument: InstrumentId, last: Price) {
        if let Some(known) = self.last.get_mut(instrument.index()) {
            *known = last;
        }
    }

    fn on_order(&mut self, event: &Event) {
        let &Order { id, strategy, .. } = event.body::<Order>();
        assert!(self.sent.len() < OPEN_ORDERS_MAX, "risk has no more orders under way than that");
        self.sent.push(Sent { id, instrument: event.header.instrument, strategy, ..Sent::BLANK });
    }

    /// Makes fills of what a report adds. A report that takes something back, or is of no known order, makes none: risk
    /// raises the alarm.
    fn on_report(&mut self, event: &Event, out: &mut impl Emit) {
        let report = event.body::<Report>();
        let Some(at) = self.sent.iter().position(|sent| sent.id == report.order) else { return };
        let sent = &mut self.sent[at];
        let added = (report.filled.0 - sent.filled.0, report.filled_value.0 - sent.value.0);
        if added.0 > 0 && added.1 >= 0 && event.header.instrument == sent.instrument {
            let multiplier = self.instruments[sent.instrument.index()].multiplier;
            let last = self.last[sent.instrument.index()];
            for (price, quantity) in parts(added.0, added.1, multiplier) {
                sent.fills += 1;
                let fill = Fill {
                    order: sent.id,
                    maker: OrderId::ZERO,
                    price,
                    quantity,
                    last,
                    number: sent.fills,
                    strategy: sent.strategy,
                    side: report.side,
                    flags: 0,
                    reserved: [0; 48],
                };
                out.emit(&Event::output(StageId::Matcher, &event.header, sent.instrument, &fill));
            }
            (sent.filled, sent.value) = (report.filled, report.filled_value);
        }
        if OrderState::from_u8(report.state).is_some_and(OrderState::is_final) {
            self.sent.remove(at);
        }
    }
}

/// `quantity` units worth `value` together as at most two fills: the average price, and where it is no whole number of
/// 1/10,000 as many units as needed one step above it. Their values add up to `value`.
fn parts(quantity: i64, value: i64, multiplier: i64) -> impl Iterator<Item = (Price, Qty)> {
    // A price of a contract unit moves the value of a quantity by the multiplier.
    let steps = value / multiplier;
    let (low, above) = (steps / quantity, steps % quantity);
    [(Price(low), Qty(quantity - above)), (Price(low + 1), Qty(above))]
        .into_iter()
        .filter(|(_, quantity)| !quantity.is_zero())
}

impl Stage for LiveVenue {
    const ID: StageId = StageId::Matcher;

    fn on_event(&mut self, event: &Event, out: &mut impl Emit) -> Progress {
        out.emit(event);
        match event.kind() {
            Kind::Ltp | Kind::Quote | Kind::Full if event.is_refused() => {}
            Kind::Ltp => self.mark(event.header.instrument, event.body::<Ltp>().last),
            Kind::Quote => self.mark(event.header.instrument, event.body::<Quote>().last),
            Kind::Full => self.mark(event.header.instrument, event.body::<Full>().last),
            Kind::Order => self.on_order(event),
            Kind::Report if event.header.flags & FLAG_EXO != 0 => self.on_report(event, out),
            _ => {}
        }
        Progress::Done
    }

    fn state(&mut self, io: &mut StateIo<'_>) {
        self.last.iter_mut().for_each(|last| io.plain(last));
        io.list(&mut self.sent, OPEN_ORDERS_MAX, &Sent::BLANK, |io, sent| sent.state(io));
        let count = self.instruments.len();
        io.check(
            || self.sent.iter().all(|sent| sent.instrument.index() < count),
            "an order at the broker is of no known instrument",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_and_never_have_an_empty_one() {
        for (quantity, value, multiplier) in
            [(1, 0, 1), (3, 1_000, 1), (65, 65 * 24_000, 1), (7, 12_345_671, 1), (10, 500, 50), (4, 1, 1)]
        {
            let made: Vec<(Price, Qty)> = parts(quantity, value, multiplier).collect();
            assert!(made.iter().all(|(_, part)| part.0 > 0), "{made:?}");
            assert_eq!(made.iter().map(|(_, part)| part.0).sum::<i64>(), quantity);
            let total: i64 = made.iter().map(|(price, part)| price.0 * part.0 * multiplier).sum();
            assert_eq!(total, value - value % multiplier, "{made:?}");
        }
    }
}
