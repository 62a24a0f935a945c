//! The paper venue: orders meet the market as the newest packet shows it, and become fills and reports.
//!
//! 1. A new order is refused (unknown instrument, malformed, closed, no price yet, own order on the other
//!    side, …), or it trades. If the newest packet displays depth on the side it takes, it takes that level by
//!    level within its limit, one fill a level; what own orders have taken is gone until the next packet.
//!    Without depth it is filled whole at the last price and slippage if its limit allows that. What is left
//!    rests (day limit) or is cancelled (IOC, market).
//! 2. A resting order is filled at its own price, in price-time order: when the best displayed price touches
//!    it, with what is displayed within its limit; else when the market trades through it by a tick, with at
//!    most a share of the volume increase.
//! 3. A resting order may get another quantity and price.
//! 4. All this happens within the instrument's hours. What still rests when they end, the next timer cancels.
//! 5. A step makes at most one report per order, at the step's end: state, cumulative quantity and value. At
//!    most `REPORTS_PER_ORDER_MAX` of an order are under way; further changes merge into the next. The single
//!    fills are events of their own.
//!
//! The way in is in `entry`, other terms are in `modify`, the displayed book is in `depth`, the last-price
//! rules are in `model`.

mod depth;
mod entry;
mod hours;
mod latency;
mod market;
mod model;
mod modify;
mod orders;
mod refusals;

#[cfg(test)]
mod depth_tests;
#[cfg(test)]
mod hours_tests;
#[cfg(test)]
mod modify_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;

use crate::book::{Books, Resting};
use crate::config::{InstrumentSpec, PipelineConfig};
use crate::event::{
    Cancel, Event, FILL_DEPTH, FILL_MAKER, FILL_NO_VOLUME, FLAG_ENDO, Fill, Header, Hours, Kind, OrderState,
    Report, ReportReason, SessionStart, Side, StageId,
};
use crate::limits::{EMIT_MAX, INSTRUMENTS_MAX, OPEN_ORDERS_MAX};
use crate::stage::{Emit, Progress, Stage, StepEnd};
use crate::state::StateIo;
use crate::units::{InstrumentId, OrderId, Price, Qty, TsNs};
use depth::Depth;
use hours::TradingHours;
use latency::Latency;
use market::{Market, Packet};
use model::{Allowance, FillRun, LastPriceModel};
use orders::OrderTable;
use refusals::{Refusal, Refusals};

/// What a call left to be done.
#[derive(Clone, Copy)]
enum Work {
    /// Nothing.
    None,
    /// More resting orders to look at, for the market event with this header.
    Fills(FillRun, Header),
    /// More reports to make at the step's end.
    Reports(StepEnd),
}

/// What the market gives an order at once.
struct Deal {
    price: Price,
    quantity: Qty,
    /// The last price at that moment.
    last: Price,
    /// `FILL_*` flags.
    flags: u8,
}

/// The price-time matcher as paper venue.
pub struct Matcher {
    instruments: Box<[InstrumentSpec]>,
    markets: Box<[Market]>,
    depths: Box<[Depth]>,
    books: Books,
    orders: OrderTable,
    refusals: Refusals,
    model: LastPriceModel,
    latency: Latency,
    hours: TradingHours,
    session_ended: bool,
    work: Work,
}

impl Stage for Matcher {
    const ID: StageId = StageId::Matcher;

    fn on_event(&mut self, event: &Event, out: &mut impl Emit) -> Progress {
        out.emit(event);
        match event.kind() {
            Kind::Ltp | Kind::Quote | Kind::Full if event.is_refused() => {}
            Kind::Ltp | Kind::Quote | Kind::Full => return self.on_market(event, out),
            Kind::Bar => {
                if let Some(market) = self.markets.get_mut(event.header.instrument.index()) {
                    market.bar_closed();
                }
            }
            Kind::Order => self.on_order(event, out),
            Kind::Cancel => self.cancel(event.body::<Cancel>().order, ReportReason::Requested),
            Kind::Modify => self.on_modify(event, out),
            Kind::Timer => self.on_timer(event.header.ts),
            Kind::Report if event.header.flags & FLAG_ENDO != 0 => {
                let report = event.body::<Report>();
                self.orders.report_returned(report.order, report.number);
            }
            Kind::SessionStart => self.on_session_start(event.body::<SessionStart>()),
            Kind::Hours => {
                let &Hours { open, close, .. } = event.body::<Hours>();
                self.hours.set(event.header.instrument, open, close);
            }
            Kind::SessionEnd => self.on_session_end(),
            _ => {}
        }
        Progress::Done
    }

    fn resume(&mut self, out: &mut impl Emit) -> Progress {
        match std::mem::replace(&mut self.work, Work::None) {
            Work::None => Progress::Done,
            Work::Fills(run, cause) => self.fill_resting(run, cause, EMIT_MAX, out),
            Work::Reports(end) => self.report(end, out),
        }
    }

    fn on_step_end(&mut self, end: StepEnd, out: &mut impl Emit) -> Progress {
        self.report(end, out)
    }

    fn state(&mut self, io: &mut StateIo<'_>) {
        assert!(matches!(self.work, Work::None), "a state is taken between steps");
        io.flag(&mut self.session_ended);
        self.hours.state(io);
        self.markets.iter_mut().for_each(|market| market.state(io));
        self.depths.iter_mut().for_each(|depth| depth.state(io));
        self.books.state(io);
        self.orders.state(io);
        self.refusals.state(io);
        let multiplier = |id: InstrumentId| self.instruments[id.index()].multiplier;
        let fit = || self.orders.fit(&self.books, multiplier) && self.may_rest();
        io.check(fit, "the books do not hold the open orders");
    }
}

impl Matcher {
    /// An empty venue. Panics on a configuration out of range: the edges check it first.
    pub fn new(config: &PipelineConfig) -> Self {
        let count = config.instruments.len();
        assert!(count <= INSTRUMENTS_MAX, "more instruments than an engine has");
        for spec in config.instruments.iter().filter(|spec| spec.tradable) {
            let positive = spec.lot > Qty::ZERO && spec.tick > Price::ZERO && spec.multiplier > 0;
            assert!(positive, "{}: lot, tick and multiplier are positive", spec.symbol);
        }
        Self {
            instruments: config.instruments.clone().into_boxed_slice(),
            markets: vec![Market::default(); count].into_boxed_slice(),
            depths: vec![Depth::default(); count].into_boxed_slice(),
            books: Books::with_capacity(count, OPEN_ORDERS_MAX),
            orders: OrderTable::new(),
            refusals: Refusals::new(),
            model: LastPriceModel::new(&config.venue),
            latency: Latency::new(&config.venue),
            hours: TradingHours::new(count),
            session_ended: false,
            work: Work::None,
        }
    }

    /// Whether what rests, if anything, is in tradable instruments and a session.
    fn may_rest(&self) -> bool {
        let tradable = |id: InstrumentId| self.is_empty(id) || self.instruments[id.index()].tradable;
        (self.books.is_empty() || !self.session_ended) && self.every_instrument().all(tradable)
    }

    /// Number of orders resting in all books.
    pub fn open_orders(&self) -> usize {
        self.books.len()
    }

    /// A new day: yesterday's prices and volumes are no market.
    fn on_session_start(&mut self, start: &SessionStart) {
        assert!(self.books.is_empty(), "an order outlived its session");
        self.markets.fill(Market::default());
        self.depths.fill(Depth::default());
        self.hours.start(start.open, start.close);
        self.session_ended = false;
    }

    /// Cancels what rests in instruments that have closed.
    fn on_timer(&mut self, now: TsNs) {
        if !self.hours.is_due(now) {
            return;
        }
        self.hours.clear_due();
        for instrument in self.every_instrument() {
            if self.hours.has_closed(instrument, now) {
                self.cancel_all(instrument);
            } else if !self.is_empty(instrument) {
                self.hours.rests(instrument);
            }
        }
    }

    fn on_session_end(&mut self) {
        self.session_ended = true;
        self.every_instrument().for_each(|instrument| self.cancel_all(instrument));
    }

    fn every_instrument(&self) -> impl Iterator<Item = InstrumentId> + use<> {
        let count = u32::try_from(self.instruments.len()).expect("instrument ids are 32 bits");
        (0..count).map(InstrumentId)
    }

    /// Whether no order rests in an instrument.
    fn is_empty(&self, instrument: InstrumentId) -> bool {
        [Side::Buy, Side::Sell].iter().all(|&side| self.books.front(instrument, side).is_none())
    }

    /// Cancels what rests in an instrument whose day is over.
    fn cancel_all(&mut self, instrument: InstrumentId) {
        for side in [Side::Buy, Side::Sell] {
            while let Some(id) = self.books.front(instrument, side).map(|order| order.id) {
                self.cancel(id, ReportReason::SessionEnd);
            }
        }
    }

    /// Cancels a resting order. One that is unknown, or final already, is left alone: the cancel came too
    /// late.
    fn cancel(&mut self, id: OrderId, reason: ReportReason) {
        if self.books.cancel(id).is_some() {
            let slot = self.orders.find(id).expect("a resting order is known");
            self.orders.change(slot, |order| (order.state, order.reason) = (OrderState::Cancelled, reason));
        }
    }

    fn on_market(&mut self, event: &Event, out: &mut impl Emit) -> Progress {
        let instrument = event.header.instrument;
        let Some(market) = self.markets.get_mut(instrument.index()) else { return Progress::Done };
        let Some(packet) = Packet::of(event) else { return Progress::Done };
        let increase = market.update(&packet);
        self.depths[instrument.index()].update(event, &packet);
        let Some(last) = market.last() else { return Progress::Done };
        if self.is_empty(instrument) || !self.hours.is_open(instrument, event.header.ts) {
            return Progress::Done;
        }
        // Orders rest in tradable instruments only, so the lot is positive.
        let lot = self.instruments[instrument.index()].lot;
        self.depths[instrument.index()].clean(lot);
        let allowance = self.model.allowance(increase, lot);
        // Own orders never cross, so the last price is through one side at most; but the depth may touch the
        // other one.
        let run = FillRun { instrument, side: Side::Buy, last, allowance };
        self.fill_resting(run, event.header, EMIT_MAX - 1, out)
    }

    /// Fills resting orders, of each side the first in line first, until the market gives the next one
    /// nothing or `fills_max` fills are made.
    fn fill_resting(
        &mut self,
        mut run: FillRun,
        cause: Header,
        fills_max: usize,
        out: &mut impl Emit,
    ) -> Progress {
        for _ in 0..fills_max {
            let deal = match self.resting_deal(&mut run) {
                None if run.side == Side::Buy => {
                    run.side = Side::Sell;
                    self.resting_deal(&mut run)
                }
                deal => deal,
            };
            let Some((id, deal)) = deal else { return Progress::Done };
            self.books.reduce(id, deal.quantity).expect("the front of a queue is in the book");
            let slot = self.orders.find(id).expect("a resting order is known");
            self.fill(slot, deal, &cause, out);
        }
        self.work = Work::Fills(run, cause);
        Progress::More
    }

    /// What the market gives the first order in line, if anything. One rule holds for an order: if the depth
    /// touches it, it gets of the depth and not of the volume too. And while it is open, nobody behind it
    /// gets anything: that is its priority.
    fn resting_deal(&mut self, run: &mut FillRun) -> Option<(OrderId, Deal)> {
        let FillRun { instrument, side, last, .. } = *run;
        let Resting { id, price, open, .. } = *self.books.front(instrument, side)?;
        let tick = self.instruments[instrument.index()].tick;
        let depth = &mut self.depths[instrument.index()];
        let touched = depth.best(side).is_some_and(|best| side.sign() * (price.0 - best.0) >= 0);
        let (quantity, flags) = if touched {
            (depth.take_within(side, price, open), FILL_MAKER | FILL_DEPTH)
        } else if !self.model.trades_through(side, price, last, tick) {
            return None;
        } else {
            match &mut run.allowance {
                Allowance::Whole => (open, FILL_MAKER | FILL_NO_VOLUME),
                Allowance::UpTo(left) => {
                    let quantity = open.min(*left);
                    *left -= quantity;
                    (quantity, FILL_MAKER)
                }
            }
        };
        (!quantity.is_zero()).then_some((id, Deal { price, quantity, last, flags }))
    }

    fn fill(&mut self, slot: u16, deal: Deal, cause: &Header, out: &mut impl Emit) {
        let Deal { price, quantity, last, flags } = deal;
        let instrument = self.orders.get(slot).instrument;
        let multiplier = self.instruments[instrument.index()].multiplier;
        self.orders.change(slot, |order| order.fill(price, quantity, multiplier));
        let order = self.orders.get(slot);
        let fill = Fill {
            order: order.id,
            maker: OrderId::ZERO,
            price,
            quantity,
            last,
            number: order.fills,
            strategy: order.strategy,
            side: order.side as u8,
            flags,
            reserved: [0; 48],
        };
        out.emit(&Event::output(StageId::Matcher, cause, instrument, &fill));
    }

    /// Makes the reports of a step: of every order that changed, in the order of the changes, then of one
    /// order that never got a slot.
    fn report(&mut self, end: StepEnd, out: &mut impl Emit) -> Progress {
        let latency = self.latency;
        let vtime = |order, number| end.ts.plus(latency.of(order, number));
        for _ in 0..EMIT_MAX {
            let report = if let Some(order) = self.orders.next_report(vtime) {
                (order.instrument, order.report(end.seq))
            } else if let Some(refusal) = self.refusals.next_report(end.seq) {
                (refusal.instrument, refusal.report(end.seq, vtime))
            } else {
                return Progress::Done;
            };
            let header = Header { seq: end.seq, ts: end.ts, ..Header::default() };
            out.emit(&Event::output(StageId::Matcher, &header, report.0, &report.1));
        }
        self.work = Work::Reports(end);
        Progress::More
    }
}
