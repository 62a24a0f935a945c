//! The paper venue: orders meet the market as the newest packet shows it, and become fills and reports.
//!
//! 1. A new order is refused (unknown instrument, malformed, closed, no price yet, a kind that the venue's profile does
//!    not have, …), or it enters the exchange, in which the displayed market is anonymous volume. All that happens to an
//!    order there (trades, stops, disclosed quantity, self-trade prevention, bands, halts) is the exchange's business.
//! 2. Volume is in the exchange only while own orders are open in the instrument; a packet of another instrument costs
//!    what it costs to keep it.
//! 3. What trades and displayed levels do to open orders is in `display`, to whom the queue models let volume leave in
//!    `queue`, where orders trade without depth in `model`.
//! 4. All this happens within the instrument's hours. What is still open when they end, the next timer cancels.
//! 5. Orders, changes and cancels may take their time to arrive: the venue then asks for a wake-up, and acts on
//!    them in its step (`requests`).
//! 6. A step makes at most one report per order, at the step's end: state, cumulative quantity and value. At
//!    most `REPORTS_PER_ORDER_MAX` of an order are under way; further changes merge into the next. The single
//!    fills are events of their own.

mod depth;
mod display;
mod entry;
mod hours;
mod latency;
mod market;
mod model;
mod modify;
mod orders;
mod phases;
mod queue;
mod records;
mod refusals;
mod requests;
mod run;

#[cfg(test)]
mod depth_tests;
#[cfg(test)]
mod hours_tests;
#[cfg(test)]
mod kinds_tests;
#[cfg(test)]
mod modify_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod queue_tests;
#[cfg(test)]
mod tests;

use crate::config::{InstrumentSpec, PipelineConfig};
use crate::event::{
    Bar, Event, FLAG_ENDO, Header, Hours, Kind, MarketPhase, Report, SessionStart, Side, StageId,
    VenueProfile,
};
use crate::exchange::{Account, Exchange, Limits, Listing};
use crate::limits::{EMIT_MAX, INSTRUMENTS_MAX, OPEN_ORDERS_MAX};
use crate::stage::{Emit, Progress, Stage, StepEnd};
use crate::state::StateIo;
use crate::units::{InstrumentId, Price, Qty, TsNs};
use depth::Depth;
use display::Place;
use hours::TradingHours;
use latency::Latency;
use market::{Market, Packet};
use model::{Allowance, LastPriceModel, whole_lots};
use orders::OrderTable;
use queue::QueueShare;
use refusals::{Refusal, Refusals};
use requests::Requests;
use run::{Run, Step};

/// The account of all own orders, whatever their strategy.
const OWN: Account = Account(1);

/// Pieces of anonymous volume in the exchange: ten levels of every instrument with an open order, and as many again for
/// those that own orders divide. What finds no room is not in the market, so fills get less, never more.
const ANONYMOUS_MAX: usize = 20 * OPEN_ORDERS_MAX;

/// Levels of a side at most: one of every own order, and those displayed.
const LEVELS_MAX: usize = OPEN_ORDERS_MAX + depth::LEVELS;

/// What a call left to be done.
#[derive(Clone, Copy)]
enum Work {
    /// Nothing.
    None,
    /// More of some work, for the event with this header.
    Run(Run, Header),
    /// More reports to make at the step's end.
    Reports(StepEnd),
}

/// The exchange as paper venue.
pub struct Matcher {
    instruments: Box<[InstrumentSpec]>,
    markets: Box<[Market]>,
    depths: Box<[Depth]>,
    exchange: Exchange,
    orders: OrderTable,
    refusals: Refusals,
    requests: Requests,
    profile: VenueProfile,
    queue: QueueShare,
    model: LastPriceModel,
    latency: Latency,
    hours: TradingHours,
    session_ended: bool,
    work: Work,
    /// Room for the own orders of a side and for its levels while a packet is taken in.
    own: Vec<Place>,
    prices: Vec<(Price, u32)>,
}

impl Stage for Matcher {
    const ID: StageId = StageId::Matcher;

    #[inline(always)]
    fn on_event(&mut self, event: &Event, out: &mut impl Emit) -> Progress {
        out.forward(event);
        if event.is_market() {
            return if event.is_refused() { Progress::Done } else { self.on_market(event, out) };
        }
        if !event.is(Kind::Bar) {
            return self.on_other(event.kind(), event, out);
        }
        if let Some(market) = self.markets.get_mut(event.header.instrument.index()) {
            market.bar_closed(event.body::<Bar>());
        }
        Progress::Done
    }

    fn resume(&mut self, out: &mut impl Emit) -> Progress {
        match std::mem::replace(&mut self.work, Work::None) {
            Work::None => Progress::Done,
            Work::Run(run, cause) => self.go_on(run, &cause, out),
            Work::Reports(end) => self.report(end, out),
        }
    }

    #[inline(always)]
    fn on_step_end(&mut self, end: StepEnd, out: &mut impl Emit) -> Progress {
        // Most steps change no order.
        if self.orders.has_changes() || !self.refusals.is_empty() {
            self.report(end, out)
        } else {
            Progress::Done
        }
    }

    fn state(&mut self, io: &mut StateIo<'_>) {
        assert!(matches!(self.work, Work::None), "a state is taken between steps");
        io.flag(&mut self.session_ended);
        self.hours.state(io);
        self.markets.iter_mut().for_each(|market| market.state(io));
        self.depths.iter_mut().for_each(|depth| depth.state(io));
        self.exchange.state(io);
        self.orders.state(io);
        self.refusals.state(io);
        self.requests.state(io);
        let multiplier = |id: InstrumentId| self.instruments[id.index()].multiplier;
        let held = || self.every_instrument().map(|at| self.exchange.open_orders(at)).sum();
        let fit = || self.orders.fit(&self.exchange, held(), multiplier) && self.may_rest();
        io.check(fit, "the exchange does not hold the open orders");
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
            exchange: exchange(config),
            orders: OrderTable::new(),
            refusals: Refusals::new(),
            requests: Requests::new(),
            profile: config.venue.profile,
            queue: QueueShare::new(&config.venue),
            model: LastPriceModel::new(&config.venue),
            latency: Latency::new(&config.venue),
            hours: TradingHours::new(count),
            session_ended: false,
            work: Work::None,
            own: Vec::with_capacity(OPEN_ORDERS_MAX),
            prices: Vec::with_capacity(LEVELS_MAX),
        }
    }

    /// Handles what is neither a packet nor a bar. Apart, because of the memory that orders and fills take on the stack.
    #[inline(never)]
    fn on_other(&mut self, kind: Kind, event: &Event, out: &mut impl Emit) -> Progress {
        match kind {
            Kind::Order | Kind::Modify | Kind::Cancel => return self.on_request(event, out),
            Kind::Wake if event.header.flags & FLAG_ENDO != 0 => return self.on_wake(event, out),
            Kind::TradingState => return self.on_trading_state(event, out),
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

    /// Whether what is open, if anything, is in tradable instruments and a session, and there is no market elsewhere.
    fn may_rest(&self) -> bool {
        self.every_instrument().all(|at| {
            let market =
                || [Side::Buy, Side::Sell].iter().any(|&side| self.exchange.best(at, side).is_some());
            let open = !self.is_empty(at);
            if open { self.instruments[at.index()].tradable && !self.session_ended } else { !market() }
        })
    }

    /// Number of orders that rest or wait in all instruments.
    pub fn open_orders(&self) -> usize {
        self.orders.open().count()
    }

    /// A new day: yesterday's prices and volumes are no market, its bands and halts are over.
    fn on_session_start(&mut self, start: &SessionStart) {
        let empty = self.orders.open().next().is_none() && self.requests.is_empty();
        assert!(empty, "an order outlived its session");
        self.markets.fill(Market::default());
        self.depths.fill(Depth::default());
        for at in self.every_instrument() {
            let nothing = &mut |_| unreachable!("nothing is open");
            let phase = self.exchange.set_phase(at, MarketPhase::Continuous, nothing);
            let band = self.exchange.set_band(at, Price::ZERO, Price::ZERO, nothing);
            assert!((phase, band) == (Progress::Done, Progress::Done), "nothing is open");
        }
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

    /// Whether no own order rests or waits in an instrument.
    fn is_empty(&self, instrument: InstrumentId) -> bool {
        self.exchange.open_orders(instrument) == 0
    }

    #[inline(always)]
    fn on_market(&mut self, event: &Event, out: &mut impl Emit) -> Progress {
        let instrument = event.header.instrument;
        let Some(market) = self.markets.get_mut(instrument.index()) else { return Progress::Done };
        let Some(packet) = Packet::of(event) else { return Progress::Done };
        let increase = market.update(&packet);
        let last = market.last();
        self.depths[instrument.index()].update(event, &packet);
        let Some(last) = last.filter(|_| !self.is_empty(instrument)) else { return Progress::Done };
        self.meet_orders(event, last, increase, out)
    }

    /// Lets a packet meet the orders that are open in its instrument.
    #[inline(never)]
    fn meet_orders(
        &mut self,
        event: &Event,
        last: Price,
        increase: Option<u64>,
        out: &mut impl Emit,
    ) -> Progress {
        let instrument = event.header.instrument;
        let continuous = self.exchange.phase(instrument) == MarketPhase::Continuous;
        if !continuous || !self.hours.is_open(instrument, event.header.ts) {
            return Progress::Done;
        }
        // Orders are open in tradable instruments only, so the lot is positive.
        let lot = self.instruments[instrument.index()].lot;
        self.depths[instrument.index()].clean(lot);
        let shown = self.depths[instrument.index()].is_shown();
        let allowance = match increase {
            Some(increase) if shown => Allowance::UpTo(whole_lots(increase.into(), lot)),
            increase => self.model.allowance(increase, lot),
        };
        if !shown {
            self.shrink(instrument);
        }
        let taker_flags = self.taker_flags(instrument);
        let run = Run { step: Step::Trade, allowance, taker_flags, ..Run::new(instrument, last) };
        self.go_on(run, &event.header, out)
    }

    /// Makes the reports of a step: of every order that changed, in the order of the changes, then of one
    /// order that never got a slot.
    #[inline(never)]
    fn report(&mut self, end: StepEnd, out: &mut impl Emit) -> Progress {
        let latency = &self.latency;
        let vtime = |order, number| latency.report(order, number, end.ts);
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

/// The exchange of a configuration. What cannot be traded gets a listing without meaning.
fn exchange(config: &PipelineConfig) -> Exchange {
    let listing = |spec: &InstrumentSpec| Listing {
        tick: spec.tick.max(Price(1)),
        lot: spec.lot.max(Qty(1)),
        freeze: spec.freeze,
    };
    let listings: Vec<Listing> = config.instruments.iter().map(listing).collect();
    let limits = Limits {
        orders: OPEN_ORDERS_MAX,
        anonymous: ANONYMOUS_MAX,
        // A record makes an event at most, and the event that came is handed on first.
        records_max: EMIT_MAX - 1,
        ladder_ticks: 0,
    };
    Exchange::new(&listings, limits, config.venue.self_trade)
}
