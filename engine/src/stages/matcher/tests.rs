//! The venue's rules, one by one.

use super::*;
use crate::config::{BarsConfig, InstrumentClass, RiskConfig, VenueConfig};
use crate::event::{
    Cancel, FILL_MAKER, FILL_NO_VOLUME, FILL_SLIPPAGE, FLAG_EXO, Fill, Full, Intent, Ltp, MARKET_VOLUME,
    Modify, Order, OrderState, OrderType, ReportReason, SessionEnd, Timer, Validity,
};
use crate::limits::REPORTS_PER_ORDER_MAX;
use crate::stage::stage_hash;
use crate::units::{Money, NS_PER_MS, OrderId, Seq, StrategyId};
use zerocopy::FromZeros;

pub(super) const BUY: Side = Side::Buy;
pub(super) const SELL: Side = Side::Sell;
/// Tick of every test instrument.
pub(super) const TICK: i64 = 500;
/// Nine in the morning of a Monday, in India.
pub(super) const START: TsNs = TsNs(1_700_451_000_000_000_000);

/// Instruments: 0 a share (lot 1), 1 a future (lot 75, multiplier 2), 2 an index that cannot be traded.
pub(super) fn config(slippage_ticks: i64) -> PipelineConfig {
    let spec = |symbol: &str, class, tradable, lot, multiplier| InstrumentSpec {
        symbol: symbol.into(),
        token: 0,
        class,
        tradable,
        lot: Qty(lot),
        tick: Price(TICK),
        multiplier,
        freeze: Qty::ZERO,
        derivatives: false,
    };
    PipelineConfig {
        instruments: vec![
            spec("NSE:A", InstrumentClass::Equity, true, 1, 1),
            spec("NFO:B", InstrumentClass::Future, true, 75, 2),
            spec("NSE:C", InstrumentClass::Index, false, 1, 1),
        ],
        bars: BarsConfig { grace_ns: 0 },
        strategies: Vec::new(),
        risk: RiskConfig {
            capital: Money::ZERO,
            position_bps: 0,
            order_value_bps: 0,
            order_quantity_max: Qty::ZERO,
            open_positions_max: 0,
            daily_loss_bps: 0,
            protection_bps: 0,
            flatten_on_kill: false,
            ..RiskConfig::UNLIMITED
        },
        charges: crate::config::ChargesConfig::NONE,
        venue: VenueConfig {
            latency_min_ns: NS_PER_MS,
            latency_spread_ns: 4 * NS_PER_MS,
            latency_step_ns: NS_PER_MS,
            slippage_ticks,
            participation_bps: 1_000,
            seed: 1,
            ..VenueConfig::default()
        },
    }
}

/// The events of one call.
#[derive(Default)]
struct Taken(Vec<Event>);

impl Emit for Taken {
    fn emit(&mut self, event: &Event) {
        self.0.push(*event);
    }
}

/// A venue with a driver of its own: every call is one step, `gap_ns` after the last.
pub(super) struct Venue {
    pub(super) matcher: Matcher,
    pub(super) seq: Seq,
    pub(super) ts: TsNs,
    pub(super) gap_ns: u64,
    /// All it was fed.
    pub(super) fed: Vec<Event>,
}

/// What a step gave.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) fills: Vec<Fill>,
    pub(super) reports: Vec<Report>,
}

impl Venue {
    pub(super) fn new(slippage_ticks: i64) -> Self {
        Self::with(&config(slippage_ticks))
    }

    pub(super) fn with(config: &PipelineConfig) -> Self {
        let matcher = Matcher::new(config);
        let mut venue = Self { matcher, seq: Seq(0), ts: START, gap_ns: 1_000 * NS_PER_MS, fed: Vec::new() };
        venue.session_start();
        venue
    }

    /// Runs a step: the input, and the events upstream stages made of it.
    pub(super) fn step(&mut self, events: &[Event]) -> Step {
        self.seq = self.seq.next();
        self.ts = self.ts.plus(self.gap_ns);
        let mut all = Vec::new();
        for event in events {
            let mut event = *event;
            (event.header.seq, event.header.ts) = (self.seq, self.ts);
            self.fed.push(event);
            let first = all.len();
            let mut call = Taken::default();
            let mut progress = self.matcher.on_event(&event, &mut call);
            Self::take(call, &mut all);
            while progress == Progress::More {
                let mut call = Taken::default();
                progress = self.matcher.resume(&mut call);
                Self::take(call, &mut all);
            }
            assert_eq!(
                all[first].used_bytes(),
                event.used_bytes(),
                "the input is forwarded first, unchanged"
            );
            all.remove(first);
        }
        let end = StepEnd { seq: self.seq, ts: self.ts, checkpoint: false };
        let mut call = Taken::default();
        let mut progress = self.matcher.on_step_end(end, &mut call);
        Self::take(call, &mut all);
        while progress == Progress::More {
            let mut call = Taken::default();
            progress = self.matcher.resume(&mut call);
            Self::take(call, &mut all);
        }
        self.sort_out(&all)
    }

    fn take(call: Taken, all: &mut Vec<Event>) {
        assert!(call.0.len() <= EMIT_MAX, "a call emitted {} events", call.0.len());
        all.extend(call.0);
    }

    fn sort_out(&self, events: &[Event]) -> Step {
        let mut step = Step::default();
        for event in events {
            assert_eq!(
                (event.header.seq, event.header.ts),
                (self.seq, self.ts),
                "an output carries its cause"
            );
            match event.kind() {
                Kind::Fill => step.fills.push(*event.body::<Fill>()),
                Kind::Report => step.reports.push(*event.body::<Report>()),
                kind => panic!("the venue made a {kind:?}"),
            }
        }
        for report in &step.reports {
            assert_eq!(report.cause, self.seq);
            assert!(report.vtime >= self.ts.plus(NS_PER_MS), "a report before the least latency");
        }
        step
    }

    pub(super) fn session_start(&mut self) {
        let body = SessionStart { open: START, close: TsNs(u64::MAX), ..SessionStart::new_zeroed() };
        self.step(&[Event::new(InstrumentId::NONE, FLAG_EXO, &body)]);
    }

    /// The own orders of a side, the first to trade first: id, price, open.
    pub(super) fn queue(&self, instrument: u32, side: Side) -> Vec<(u64, i64, i64)> {
        let queue = self.matcher.exchange.queue(InstrumentId(instrument), side);
        let own = queue.filter(|order| super::records::is_own(order.id));
        own.map(|order| (order.id.0, order.price.0, order.open.0)).collect()
    }

    pub(super) fn session_end(&mut self) -> Step {
        self.step(&[Event::new(InstrumentId::NONE, FLAG_EXO, &SessionEnd::new_zeroed())])
    }

    /// A price without volume.
    pub(super) fn last(&mut self, instrument: u32, last: i64) -> Step {
        let mut body = Ltp::new_zeroed();
        body.last = Price(last);
        self.step(&[Event::new(InstrumentId(instrument), FLAG_EXO, &body)])
    }

    /// A price with the day's volume so far.
    pub(super) fn packet(&mut self, instrument: u32, last: i64, volume: u32) -> Step {
        self.step(&[full(instrument, last, volume)])
    }

    pub(super) fn order(&mut self, order: Event) -> Step {
        self.step(&[order])
    }

    fn cancel(&mut self, id: u64) -> Step {
        self.step(&[cancel(id)])
    }

    pub(super) fn give_back(&mut self, report: &Report) -> Step {
        self.step(&[Event::new(InstrumentId(0), FLAG_ENDO, report)])
    }
}

pub(super) fn full(instrument: u32, last: i64, volume: u32) -> Event {
    let mut body = Full::new_zeroed();
    (body.last, body.volume, body.flags) = (Price(last), volume, MARKET_VOLUME);
    Event::new(InstrumentId(instrument), FLAG_EXO, &body)
}

pub(super) fn cancel(id: u64) -> Event {
    let mut body = Cancel::new_zeroed();
    body.order = OrderId(id);
    Event::new(InstrumentId(0), 0, &body)
}

pub(super) fn modify(id: u64, price: i64, quantity: i64) -> Event {
    let mut body = Modify::new_zeroed();
    (body.order, body.price, body.quantity) = (OrderId(id), Price(price), Qty(quantity));
    Event::new(InstrumentId(0), 0, &body)
}

pub(super) fn timer() -> Event {
    Event::new(InstrumentId::NONE, FLAG_EXO, &Timer::new_zeroed())
}

pub(super) fn order_event(
    id: u64,
    instrument: u32,
    side: Side,
    price: i64,
    quantity: i64,
    order_type: OrderType,
    validity: Validity,
) -> Event {
    let body = Order {
        id: OrderId(id),
        signal: 0,
        quantity: Qty(quantity),
        price: Price(price),
        strategy: StrategyId(3),
        side: side as u8,
        order_type: order_type as u8,
        validity: validity as u8,
        intent: Intent::Entry as u8,
        trigger: Price::ZERO,
        disclosed: Qty::ZERO,
        flags: 0,
        reserved: [0; 41],
    };
    Event::new(InstrumentId(instrument), 0, &body)
}

pub(super) fn limit(id: u64, side: Side, price: i64, quantity: i64) -> Event {
    order_event(id, 0, side, price, quantity, OrderType::Limit, Validity::Day)
}

pub(super) fn ioc(id: u64, side: Side, price: i64, quantity: i64) -> Event {
    order_event(id, 0, side, price, quantity, OrderType::Limit, Validity::Ioc)
}

pub(super) fn market(id: u64, side: Side, price: i64, quantity: i64) -> Event {
    order_event(id, 0, side, price, quantity, OrderType::Market, Validity::Day)
}

/// State, reason and cumulative quantity of the only report.
pub(super) fn only(step: &Step) -> (OrderState, ReportReason, i64) {
    let [report] = step.reports.as_slice() else { panic!("not one report: {:?}", step.reports) };
    let state = OrderState::from_u8(report.state).expect("a state");
    (state, ReportReason::from_u8(report.reason).expect("a reason"), report.filled.0)
}

/// Order, price and quantity of the fills.
pub(super) fn fills(step: &Step) -> Vec<(u64, i64, i64)> {
    step.fills.iter().map(|fill| (fill.order.0, fill.price.0, fill.quantity.0)).collect()
}

#[test]
fn an_aggressive_order_fills_whole_at_the_last_price_and_slippage() {
    use OrderState::{Cancelled, Filled, Open};
    use ReportReason::{IocRest, MarketRest, None};
    // (name, slippage, order at a last price of 100,000, price of the fill, state, reason)
    let cases = [
        ("limit above the fill price", 2, limit(1, BUY, 101_500, 7), Some(101_000), Filled, None),
        ("limit at the fill price", 2, limit(1, BUY, 101_000, 7), Some(101_000), Filled, None),
        ("limit a tick short rests", 2, limit(1, BUY, 100_500, 7), Option::None, Open, None),
        ("without slippage at the last price", 0, limit(1, BUY, 100_000, 7), Some(100_000), Filled, None),
        ("a sell goes down", 2, ioc(1, SELL, 99_000, 7), Some(99_000), Filled, None),
        (
            "an IOC that cannot fill is cancelled",
            2,
            ioc(1, SELL, 99_500, 7),
            Option::None,
            Cancelled,
            IocRest,
        ),
        ("a market order within its protection", 1, market(1, BUY, 100_500, 7), Some(100_500), Filled, None),
        ("a market order beyond it", 2, market(1, BUY, 100_500, 7), Option::None, Cancelled, MarketRest),
    ];
    for (name, slippage, order, price, state, reason) in cases {
        let mut venue = Venue::new(slippage);
        venue.last(0, 100_000);
        let step = venue.order(order);
        let expected: Vec<_> = price.iter().map(|&price| (1, price, 7)).collect();
        assert_eq!(fills(&step), expected, "{name}");
        assert_eq!(only(&step), (state, reason, if price.is_some() { 7 } else { 0 }), "{name}");
        for fill in &step.fills {
            assert_eq!(fill.flags, if slippage > 0 { FILL_SLIPPAGE } else { 0 }, "{name}");
            assert_eq!((fill.last, fill.number, fill.strategy), (Price(100_000), 1, StrategyId(3)), "{name}");
            assert_eq!(
                step.reports[0].filled_value,
                Price(price.expect("filled")).value(Qty(7), 1),
                "{name}"
            );
        }
        assert_eq!(venue.matcher.open_orders(), usize::from(state == Open), "{name}");
    }
}

#[test]
fn what_the_venue_cannot_take_is_rejected_with_the_reason() {
    let day = |instrument, price, quantity| {
        order_event(9, instrument, BUY, price, quantity, OrderType::Limit, Validity::Day)
    };
    let cases = [
        ("unknown instrument", day(7, 100_000, 1), ReportReason::NotTradable),
        ("no instrument", day(u32::MAX, 100_000, 1), ReportReason::NotTradable),
        ("an index", day(2, 100_000, 1), ReportReason::NotTradable),
        ("price off the tick", day(0, 100_001, 1), ReportReason::Malformed),
        ("price zero", day(0, 0, 1), ReportReason::Malformed),
        ("negative price", day(0, -500, 1), ReportReason::Malformed),
        ("quantity zero", day(0, 100_000, 0), ReportReason::Malformed),
        ("negative quantity", day(0, 100_000, -1), ReportReason::Malformed),
        ("part of a lot", day(1, 100_000, 100), ReportReason::Malformed),
        ("a value that money cannot hold", day(0, 4_000_000_000_000_000_000, 3), ReportReason::Malformed),
        ("a quantity that no exchange has", day(0, 500, i64::MAX), ReportReason::Malformed),
        ("no price yet", day(1, 100_000, 75), ReportReason::NoPrice),
        ("a market order without protection", market(9, BUY, 0, 1), ReportReason::Unprotected),
        ("an id of the market's own", limit(1 << 63, BUY, 100_000, 1), ReportReason::Malformed),
    ];
    for (name, order, reason) in cases {
        let mut venue = Venue::new(1);
        venue.last(0, 100_000);
        venue.order(limit(8, SELL, 101_000, 5));
        let step = venue.order(order);
        assert_eq!(only(&step), (OrderState::Rejected, reason, 0), "{name}");
        assert_eq!((step.reports[0].number, step.fills.len()), (1, 0), "{name}");
        assert_eq!(venue.matcher.open_orders(), 1, "{name}");
        venue.give_back(&step.reports[0]);
        assert_eq!(venue.matcher.orders.len(), 1, "{name}: the slot is free again");
    }
}

#[test]
fn after_the_session_orders_are_rejected_and_a_new_one_has_no_price() {
    let mut venue = Venue::new(0);
    venue.last(0, 100_000);
    venue.session_end();
    let step = venue.order(limit(1, BUY, 100_000, 5));
    assert_eq!(only(&step), (OrderState::Rejected, ReportReason::SessionEnd, 0));
    venue.session_start();
    let step = venue.order(limit(2, BUY, 100_000, 5));
    assert_eq!(only(&step), (OrderState::Rejected, ReportReason::NoPrice, 0));
}

#[test]
fn a_known_id_is_refused_without_touching_the_order_that_has_it() {
    let mut venue = Venue::new(0);
    venue.last(0, 100_000);
    venue.order(limit(1, BUY, 99_000, 5));
    let step = venue.order(limit(1, BUY, 100_000, 5));
    assert_eq!(only(&step), (OrderState::Rejected, ReportReason::Duplicate, 0));
    assert_eq!(step.reports[0].number, 0, "not one of the known order's reports");
    venue.give_back(&step.reports[0]);
    assert_eq!(venue.matcher.open_orders(), 1);
    let step = venue.cancel(1);
    assert_eq!((only(&step).0, step.reports[0].number), (OrderState::Cancelled, 2));
}

#[test]
fn a_full_venue_refuses_and_reports_one_refusal_a_step() {
    let mut venue = Venue::new(0);
    venue.last(0, 100_000);
    let full: Vec<Event> = (1..=258).map(|id| limit(id, BUY, 99_000, 1)).collect();
    let step = venue.step(&full);
    assert_eq!(step.reports.len(), OPEN_ORDERS_MAX + 1, "one per open order and one refusal");
    let refused = step.reports[OPEN_ORDERS_MAX];
    assert_eq!((refused.order.0, refused.reason), (257, ReportReason::VenueFull as u8));
    let step = venue.last(0, 100_000);
    assert_eq!((only(&step).1, step.reports[0].order), (ReportReason::VenueFull, OrderId(258)));
    assert_eq!(venue.matcher.open_orders(), OPEN_ORDERS_MAX);
    // A market event that fills them all takes more than one call.
    let step = venue.last(0, 90_000);
    assert_eq!((step.fills.len(), step.reports.len()), (OPEN_ORDERS_MAX, OPEN_ORDERS_MAX));
    assert!(step.fills.iter().map(|fill| fill.order.0).eq(1..=256), "in the order of time");
    assert!(step.reports.iter().map(|report| report.order.0).eq(1..=256), "in the order of the changes");
}

#[test]
fn a_resting_order_fills_when_the_market_trades_through_it_with_its_share_of_the_volume() {
    // (name, side, limit, last, volume increase, filled)
    let cases = [
        ("at the limit is not through it", BUY, 99_000, 99_000, 10_000, 0),
        ("a tick below a buy", BUY, 99_000, 98_500, 10_000, 50),
        ("a tick above a sell", SELL, 101_000, 101_500, 10_000, 50),
        ("at the limit of a sell", SELL, 101_000, 101_000, 10_000, 0),
        ("ten percent of the volume", BUY, 99_000, 98_500, 399, 39),
        ("no volume, no fill", BUY, 99_000, 90_000, 0, 0),
        ("too little for a unit", BUY, 99_000, 90_000, 9, 0),
    ];
    for (name, side, price, last, increase, filled) in cases {
        let mut venue = Venue::new(0);
        venue.packet(0, 100_000, 1_000);
        venue.order(limit(1, side, price, 50));
        let step = venue.packet(0, last, 1_000 + increase);
        let expected = if filled > 0 { vec![(1, price, filled)] } else { Vec::new() };
        assert_eq!(fills(&step), expected, "{name}");
        if filled > 0 {
            let state = if filled == 50 { OrderState::Filled } else { OrderState::PartiallyFilled };
            assert_eq!(only(&step), (state, ReportReason::None, filled), "{name}");
            assert_eq!((step.fills[0].flags, step.fills[0].last), (FILL_MAKER, Price(last)), "{name}");
        } else {
            assert!(step.reports.is_empty(), "{name}");
        }
    }
}

#[test]
fn the_share_is_spread_by_price_and_time_in_whole_lots() {
    let mut venue = Venue::new(0);
    venue.packet(1, 100_000, 0);
    let buy =
        |id, price, lots: i64| order_event(id, 1, BUY, price, lots * 75, OrderType::Limit, Validity::Day);
    venue.step(&[buy(1, 99_000, 2), buy(2, 99_500, 1), buy(3, 99_000, 2), buy(4, 98_000, 9)]);
    // 10 % of 4,200 is 420: five lots, 375.
    let step = venue.packet(1, 98_500, 4_200);
    assert_eq!(fills(&step), [(2, 99_500, 75), (1, 99_000, 150), (3, 99_000, 150)]);
    assert_eq!(step.reports[1].filled_value, Price(99_000).value(Qty(150), 2), "with the multiplier");
    // Order 4 is now reached; the dip of the volume gives it nothing, the next increase one lot.
    assert!(venue.packet(1, 97_500, 4_000).fills.is_empty());
    assert_eq!(fills(&venue.packet(1, 97_500, 5_300)), [(4, 98_000, 75)]);
    let step = venue.packet(1, 97_500, 6_300);
    assert_eq!((step.fills[0].number, only(&step).2), (2, 150), "the order's second fill");
}

#[test]
fn a_feed_without_volume_fills_whole_and_says_so() {
    let mut venue = Venue::new(0);
    venue.last(0, 100_000);
    venue.order(limit(1, BUY, 99_000, 1_000_000));
    let step = venue.last(0, 98_500);
    assert_eq!(fills(&step), [(1, 99_000, 1_000_000)]);
    assert_eq!(step.fills[0].flags, FILL_MAKER | FILL_NO_VOLUME);
}

#[test]
fn cancels_work_once_and_late_ones_are_harmless() {
    let mut venue = Venue::new(0);
    venue.packet(0, 100_000, 0);
    venue.order(limit(1, BUY, 99_000, 50));
    venue.packet(0, 98_500, 200);
    let step = venue.cancel(1);
    assert_eq!(only(&step), (OrderState::Cancelled, ReportReason::Requested, 20));
    assert!(venue.cancel(1).reports.is_empty(), "cancelled already");
    assert!(venue.cancel(77).reports.is_empty(), "unknown");
    venue.order(limit(2, BUY, 100_000, 5));
    assert!(venue.cancel(2).reports.is_empty(), "filled already");
}

#[test]
fn the_session_end_cancels_what_rests() {
    let mut venue = Venue::new(0);
    venue.last(0, 100_000);
    venue.last(1, 100_000);
    let other = order_event(1, 1, SELL, 101_000, 75, OrderType::Limit, Validity::Day);
    venue.step(&[other, limit(2, BUY, 99_000, 5), limit(3, BUY, 99_500, 5)]);
    let step = venue.session_end();
    let found: Vec<_> =
        step.reports.iter().map(|report| (report.order.0, report.state, report.reason)).collect();
    let end = (OrderState::Cancelled as u8, ReportReason::SessionEnd as u8);
    assert_eq!(found, [(3, end.0, end.1), (2, end.0, end.1), (1, end.0, end.1)]);
    assert_eq!(venue.matcher.open_orders(), 0);
    venue.session_start();
}

#[test]
fn a_step_reports_an_order_once() {
    let mut venue = Venue::new(0);
    venue.last(0, 100_000);
    let step = venue.step(&[limit(1, BUY, 99_000, 5), cancel(1)]);
    assert_eq!(only(&step), (OrderState::Cancelled, ReportReason::Requested, 0));
    assert_eq!(step.reports[0].number, 1);
}

#[test]
fn beyond_four_reports_under_way_changes_merge_into_the_next() {
    let mut venue = Venue::new(0);
    venue.packet(0, 100_000, 0);
    let mut under_way = venue.order(limit(1, BUY, 99_000, 100)).reports;
    for fill in 1..=5u32 {
        let step = venue.packet(0, 98_500, fill * 100);
        assert_eq!(step.fills.len(), 1, "the fill happens whatever is reported");
        under_way.extend(step.reports);
    }
    assert_eq!(under_way.len(), REPORTS_PER_ORDER_MAX);
    assert_eq!(under_way[3].filled, Qty(30), "two fills of ten are not reported yet");
    let step = venue.give_back(&under_way[0]);
    assert_eq!((only(&step).2, step.reports[0].number), (50, 5));
    assert!(venue.give_back(&under_way[1]).reports.is_empty(), "nothing new to say");
    let step = venue.packet(0, 98_500, 10_000);
    assert_eq!(only(&step), (OrderState::Filled, ReportReason::None, 100));
    let last = step.reports[0];
    venue.give_back(&last);
    assert_eq!(venue.matcher.orders.len(), 1, "reports of it are still under way");
    for report in [under_way[2], under_way[3], last] {
        venue.give_back(&report);
    }
    assert_eq!(venue.matcher.orders.len(), 0, "all came back");
    venue.give_back(&last);
}

#[test]
fn the_state_hash_sees_the_queue_the_market_and_the_reports() {
    let base = |order: [u64; 2], last, volume, given_back| {
        let mut venue = Venue::new(0);
        venue.packet(0, last, volume);
        // Both in one step: the orders, their reports and the times of these differ in nothing but the queue.
        let orders = order.map(|id| limit(id, BUY, 99_000, 5));
        let reports = venue.step(&orders).reports;
        let seen = reports.iter().find(|report| report.order.0 == given_back);
        match seen {
            Some(report) => venue.give_back(report),
            None => venue.step(&[timer()]),
        };
        stage_hash(&mut venue.matcher)
    };
    let hash = base([1, 2], 100_000, 50, 0);
    assert_eq!(hash, base([1, 2], 100_000, 50, 0));
    assert_ne!(hash, base([2, 1], 100_000, 50, 0), "the place in the queue");
    assert_ne!(hash, base([1, 2], 100_500, 50, 0), "the last price");
    assert_ne!(hash, base([1, 2], 100_000, 51, 0), "the volume");
    assert_ne!(hash, base([1, 2], 100_000, 50, 1), "a returned report");
}
