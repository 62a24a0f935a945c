//! The matcher's place in a live run: a broker trades, and what it reports becomes fills.
//!
//! Orders leave the engine behind the chain, when they are recorded (`drive::Broker`). A report comes back as an input with
//! the order's cumulative quantity and value; what it adds to the report before is a fill.

use crate::book::QUANTITY_MAX;
use crate::config::{InstrumentSpec, PipelineConfig};
use crate::event::{
    Cancel, Event, FLAG_EXO, Fill, Full, Intent, Kind, Ltp, Modify, Order, OrderState, OrderType, Quote,
    Report, Side, StageId, Validity,
};
use crate::limits::OPEN_ORDERS_MAX;
use crate::stage::{Emit, Progress, Stage};
use crate::state::StateIo;
use crate::units::{InstrumentId, Money, OrderId, Price, Qty, Seq, StrategyId};

/// An order at the broker, or on its way there, whose final report has not come: what a gateway must find again after a
/// restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    /// The order.
    pub id: OrderId,
    /// The input that caused it, or the last change or cancel of it.
    pub cause: Seq,
    /// Its instrument.
    pub instrument: InstrumentId,
    /// Its side.
    pub side: Side,
    /// How it is priced.
    pub order_type: OrderType,
    /// How long it lives.
    pub validity: Validity,
    /// Why it was sent.
    pub intent: Intent,
    /// Its quantity.
    pub quantity: Qty,
    /// Its limit, as it was asked for last.
    pub price: Price,
    /// Its trigger, zero if it has none.
    pub trigger: Price,
    /// Its displayed quantity, zero for all.
    pub disclosed: Qty,
    /// Filled as of the last report.
    pub filled: Qty,
    /// Value of that.
    pub value: Money,
    /// Number of the last report, 0 before the first.
    pub reports: u32,
    /// Whether a report said that the broker has it.
    pub acknowledged: bool,
    /// Whether a cancel was asked for.
    pub cancelling: bool,
    /// Fills made of its reports.
    pub fills: u32,
    /// Its strategy.
    pub strategy: StrategyId,
}

impl OpenOrder {
    /// What an order starts from: nothing.
    pub const BLANK: Self = Self {
        id: OrderId::ZERO,
        cause: Seq::ZERO,
        instrument: InstrumentId::NONE,
        side: Side::Buy,
        order_type: OrderType::Limit,
        validity: Validity::Day,
        intent: Intent::Entry,
        quantity: Qty::ZERO,
        price: Price::ZERO,
        trigger: Price::ZERO,
        disclosed: Qty::ZERO,
        filled: Qty::ZERO,
        value: Money::ZERO,
        reports: 0,
        acknowledged: false,
        cancelling: false,
        fills: 0,
        strategy: StrategyId::NONE,
    };

    fn state(&mut self, io: &mut StateIo<'_>) {
        io.plain(&mut self.id);
        io.plain(&mut self.cause);
        io.plain(&mut self.instrument);
        io.code(&mut self.side, |side| side as u8, Side::from_u8);
        io.code(&mut self.order_type, |kind| kind as u8, OrderType::from_u8);
        io.code(&mut self.validity, |validity| validity as u8, Validity::from_u8);
        io.code(&mut self.intent, |intent| intent as u8, Intent::from_u8);
        io.within(&mut self.quantity, Qty(1), QUANTITY_MAX);
        io.plain(&mut self.price);
        io.plain(&mut self.trigger);
        io.plain(&mut self.disclosed);
        io.within(&mut self.filled, Qty::ZERO, self.quantity);
        io.within(&mut self.value, Money::ZERO, Money(i64::MAX / 2));
        io.plain(&mut self.reports);
        io.flag(&mut self.acknowledged);
        io.flag(&mut self.cancelling);
        io.plain(&mut self.fills);
        io.plain(&mut self.strategy);
    }

    /// What a report adds, quantity and value; `None` if risk does not take it: it is no later one, or contradicts what
    /// was reported before. Then it makes no fill, and risk raises the alarm.
    fn gain(&self, instrument: InstrumentId, report: &Report) -> Option<(Qty, Money)> {
        let state = OrderState::from_u8(report.state)?;
        let quantity = Qty(report.filled.0.checked_sub(self.filled.0)?);
        let value = Money(report.filled_value.0.checked_sub(self.value.0)?);
        let fits = report.number > self.reports
            && instrument == self.instrument
            && quantity >= Qty::ZERO
            && value >= Money::ZERO
            && report.filled <= self.quantity
            && report.quantity == self.quantity
            && Side::from_u8(report.side) == Some(self.side)
            && (!quantity.is_zero() || value == Money::ZERO)
            && (state != OrderState::Filled || report.filled == self.quantity)
            && (state != OrderState::Rejected || report.filled.is_zero());
        fits.then_some((quantity, value))
    }
}

/// The broker as the chain sees it.
pub struct LiveVenue {
    instruments: Box<[InstrumentSpec]>,
    last: Box<[Price]>,
    sent: Vec<OpenOrder>,
}

impl LiveVenue {
    /// No order is sent yet.
    pub fn new(config: &PipelineConfig) -> Self {
        let instruments = config.instruments.clone().into_boxed_slice();
        let last = vec![Price::ZERO; instruments.len()].into_boxed_slice();
        Self { instruments, last, sent: Vec::with_capacity(OPEN_ORDERS_MAX) }
    }

    /// Orders that are not known to be over, in the order in which they were sent.
    pub fn open_orders(&self) -> &[OpenOrder] {
        &self.sent
    }

    fn mark(&mut self, instrument: InstrumentId, last: Price) {
        if let Some(known) = self.last.get_mut(instrument.index()) {
            *known = last;
        }
    }

    fn on_order(&mut self, event: &Event) {
        let &Order { id, strategy, quantity, price, trigger, disclosed, .. } = event.body::<Order>();
        let order = event.body::<Order>();
        assert!(self.sent.len() < OPEN_ORDERS_MAX, "risk has no more orders under way than that");
        let known = "risk writes known codes";
        self.sent.push(OpenOrder {
            id,
            cause: event.header.seq,
            instrument: event.header.instrument,
            side: Side::from_u8(order.side).expect(known),
            order_type: OrderType::from_u8(order.order_type).expect(known),
            validity: Validity::from_u8(order.validity).expect(known),
            intent: Intent::from_u8(order.intent).expect(known),
            quantity,
            price,
            trigger,
            disclosed,
            strategy,
            ..OpenOrder::BLANK
        });
    }

    /// Makes fills of what a report adds.
    fn on_report(&mut self, event: &Event, out: &mut impl Emit) {
        let report = event.body::<Report>();
        let Some(at) = self.sent.iter().position(|sent| sent.id == report.order) else { return };
        let sent = &mut self.sent[at];
        let Some((quantity, value)) = sent.gain(event.header.instrument, report) else { return };
        if !quantity.is_zero() {
            let multiplier = self.instruments[sent.instrument.index()].multiplier;
            let last = self.last[sent.instrument.index()];
            for (price, quantity) in parts(quantity.0, value.0, multiplier) {
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
        }
        (sent.filled, sent.value, sent.reports) = (report.filled, report.filled_value, report.number);
        let state = OrderState::from_u8(report.state).expect("it was read before");
        sent.acknowledged |= state != OrderState::Unknown;
        if state.is_final() {
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

    // Not compiled into every chain beside the paper venue: what it hands on has a broker to wait for.
    #[inline(never)]
    fn on_event(&mut self, event: &Event, out: &mut impl Emit) -> Progress {
        out.emit(event);
        match event.kind() {
            Kind::Ltp | Kind::Quote | Kind::Full if event.is_refused() => {}
            Kind::Ltp => self.mark(event.header.instrument, event.body::<Ltp>().last),
            Kind::Quote => self.mark(event.header.instrument, event.body::<Quote>().last),
            Kind::Full => self.mark(event.header.instrument, event.body::<Full>().last),
            Kind::Order => self.on_order(event),
            Kind::Modify => {
                let &Modify { order, price, trigger, disclosed, .. } = event.body();
                if let Some(sent) = self.sent.iter_mut().find(|sent| sent.id == order) {
                    (sent.price, sent.trigger, sent.disclosed) = (price, trigger, disclosed);
                    sent.cause = event.header.seq;
                }
            }
            Kind::Cancel => {
                let order = event.body::<Cancel>().order;
                if let Some(sent) = self.sent.iter_mut().find(|sent| sent.id == order) {
                    (sent.cancelling, sent.cause) = (true, event.header.seq);
                }
            }
            Kind::Report if event.header.flags & FLAG_EXO != 0 => self.on_report(event, out),
            _ => {}
        }
        Progress::Done
    }

    fn state(&mut self, io: &mut StateIo<'_>) {
        self.last.iter_mut().for_each(|last| io.plain(last));
        io.list(&mut self.sent, OPEN_ORDERS_MAX, &OpenOrder::BLANK, |io, sent| sent.state(io));
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
