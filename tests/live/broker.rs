//! A broker and a gateway as a test plays them: late, in parts, unsure; and live runs that trade with them.

use crate::world::{Live, Moving, Recorded, Setting, run, verify};
use pitlane_engine::drive::broker::{Broker, GatewayEnds};
use pitlane_engine::event::{
    Cancel, CommandCode, Event, FLAG_EXO, Kind, Modify, Order, OrderState, Report, ReportReason, Side,
    Validity,
};
use pitlane_engine::sequencer::SOURCE_BROKER;
use pitlane_engine::sequencer::schedule::command_event;
use pitlane_engine::stages::live_venue::OpenOrder;
use pitlane_engine::units::{InstrumentId, Money, NS_PER_S, OrderId, Price, Qty, Seq, StrategyId, TsNs};
use pitlane_tests::market::Market;
use pitlane_tests::{Rng, seed};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An order as the broker has it.
#[derive(Clone, Copy)]
pub(crate) struct Booked {
    instrument: InstrumentId,
    side: Side,
    quantity: Qty,
    price: Price,
    day: bool,
    filled: Qty,
    value: Money,
    state: OrderState,
}

/// The truth: what the broker has, whoever asks.
#[derive(Default)]
pub(crate) struct Book(BTreeMap<OrderId, Booked>);

impl Book {
    fn place(&mut self, instrument: InstrumentId, order: &Order) {
        let booked = Booked {
            instrument,
            side: Side::from_u8(order.side).unwrap(),
            quantity: order.quantity,
            price: order.price,
            day: order.validity == Validity::Day as u8,
            filled: Qty::ZERO,
            value: Money::ZERO,
            state: OrderState::Open,
        };
        assert!(self.0.insert(order.id, booked).is_none(), "order {} was sent twice", order.id.0);
    }

    /// Something happens to an order that is open.
    fn turn(&mut self, id: OrderId, end: bool, rng: &mut Rng) {
        let Some(order) = self.0.get_mut(&id).filter(|order| !order.state.is_final()) else { return };
        let left = (order.quantity - order.filled).0;
        match rng.below(if end { 4 } else { 8 }) {
            0 if order.filled.is_zero() => order.state = OrderState::Rejected,
            0 | 1 if !order.day || end => order.state = OrderState::Cancelled,
            1 | 2 => fill(order, left),
            3 => fill(order, 1 + rng.below(left as u64) as i64),
            _ => {}
        }
    }

    /// Position and cash of an instrument.
    fn account(&self, instrument: InstrumentId) -> (Qty, Money) {
        let of = self.0.values().filter(|order| order.instrument == instrument);
        of.fold((Qty::ZERO, Money::ZERO), |(quantity, cash), order| {
            let sign = order.side.sign();
            (Qty(quantity.0 + sign * order.filled.0), Money(cash.0 - sign * order.value.0))
        })
    }

    /// Whether the account here is the run's.
    pub(crate) fn check(&self, recorded: &Recorded, instruments: usize) {
        for index in 0..instruments {
            let id = InstrumentId(index as u32);
            let position = recorded.result.ledger.position(id);
            let known = (position.quantity, Money(position.sold.0 - position.bought.0));
            assert_eq!(known, self.account(id), "instrument {index}");
        }
    }
}

fn fill(order: &mut Booked, quantity: i64) {
    order.filled = Qty(order.filled.0 + quantity);
    order.value = Money(order.value.0 + quantity * order.price.0);
    order.state =
        if order.filled == order.quantity { OrderState::Filled } else { OrderState::PartiallyFilled };
}

/// An order as the gateway knows it.
struct Known {
    strategy: StrategyId,
    instrument: InstrumentId,
    side: Side,
    quantity: Qty,
    reports: u32,
    filled: Qty,
    value: Money,
    /// Whether the last report was that nobody knows.
    unsure: bool,
    /// The change to answer.
    asked: Option<Seq>,
    cause: Seq,
}

/// The gateway: sends what is durable, and reports what the broker says, in its own time.
pub(crate) struct Gateway {
    pub(crate) book: Book,
    ends: Option<GatewayEnds>,
    known: BTreeMap<OrderId, Known>,
    pushed: u64,
    durable: Arc<AtomicU64>,
    pub(crate) unknown: u64,
    pub(crate) not_sent: u64,
    pub(crate) sent: u64,
}

impl Gateway {
    /// A gateway that finds `open` orders again, at the broker's `book`.
    pub(crate) fn new(ends: GatewayEnds, book: Book, durable: &Arc<AtomicU64>, open: &[OpenOrder]) -> Self {
        let known = open.iter().map(|order| {
            let known = Known {
                strategy: order.strategy,
                instrument: order.instrument,
                side: order.side,
                quantity: order.quantity,
                reports: order.reports,
                filled: order.filled,
                value: order.value,
                unsure: false,
                asked: None,
                cause: Seq(order.id.0 / 256),
            };
            (order.id, known)
        });
        let known = known.collect();
        let durable = durable.clone();
        Self { book, ends: Some(ends), known, pushed: 0, durable, unknown: 0, not_sent: 0, sent: 0 }
    }

    /// Goes away, with whatever is under way.
    pub(crate) fn vanish(&mut self) {
        self.ends = None;
    }

    pub(crate) fn turn(&mut self, rng: &mut Rng) {
        let Some(ends) = &mut self.ends else { return };
        let closing = ends.waiting.taken().is_some();
        if ends.waiting.taken() == Some(self.pushed) && ends.orders.is_empty() && self.known.is_empty() {
            self.ends = None;
            return;
        }
        if rng.below(3) == 0 {
            let durable = self.durable.load(Ordering::SeqCst);
            if ends.orders.peek().is_ok_and(|intent| intent.header.seq.0 <= durable) {
                let intent = ends.orders.pop().unwrap();
                self.intent(&intent, rng);
            }
            return;
        }
        let Some((&id, _)) = self.known.iter().nth(rng.below(self.known.len().max(1) as u64) as usize) else {
            return;
        };
        self.book.turn(id, closing, rng);
        self.report(id, rng);
    }

    fn intent(&mut self, intent: &Event, rng: &mut Rng) {
        match intent.kind() {
            Kind::Order => {
                let order = intent.body::<Order>();
                let known = Known {
                    strategy: order.strategy,
                    instrument: intent.header.instrument,
                    side: Side::from_u8(order.side).unwrap(),
                    quantity: order.quantity,
                    reports: 0,
                    filled: Qty::ZERO,
                    value: Money::ZERO,
                    unsure: false,
                    asked: None,
                    cause: intent.header.seq,
                };
                assert!(self.known.insert(order.id, known).is_none());
                // One in sixteen is lost on its way.
                if rng.below(16) > 0 {
                    self.book.place(intent.header.instrument, order);
                    self.sent += 1;
                }
            }
            Kind::Modify => {
                let modify = intent.body::<Modify>();
                if let Some(known) = self.known.get_mut(&modify.order) {
                    known.asked = Some(intent.header.seq);
                    if let Some(booked) = self.book.0.get_mut(&modify.order) {
                        booked.price = modify.price;
                    }
                }
            }
            Kind::Cancel => {
                let order = intent.body::<Cancel>().order;
                let open = self.book.0.get_mut(&order).filter(|booked| !booked.state.is_final());
                if let Some(booked) = open {
                    booked.state = OrderState::Cancelled;
                }
            }
            kind => panic!("{} went to the gateway", kind.name()),
        }
    }

    /// Reports on an order, if there is something to say.
    fn report(&mut self, id: OrderId, rng: &mut Rng) {
        let known = self.known.get_mut(&id).unwrap();
        let (state, reason, filled, value) = match self.book.0.get(&id) {
            // Nobody knows, until it is proved that the broker has none of it.
            None if known.unsure && rng.below(4) == 0 => {
                self.not_sent += 1;
                (OrderState::Rejected, ReportReason::NotSent, Qty::ZERO, Money::ZERO)
            }
            _ if !known.unsure && rng.below(4) == 0 => {
                (known.unsure, self.unknown) = (true, self.unknown + 1);
                (OrderState::Unknown, ReportReason::None, known.filled, known.value)
            }
            None => return,
            Some(booked) if known.asked.is_some() && !booked.state.is_final() => {
                (booked.state, ReportReason::Modified, booked.filled, booked.value)
            }
            Some(booked) if booked.filled > known.filled || booked.state.is_final() || known.reports == 0 => {
                (booked.state, ReportReason::None, booked.filled, booked.value)
            }
            Some(_) => return,
        };
        let Some(ends) = self.ends.as_mut().filter(|ends| !ends.reports.is_full()) else { return };
        let cause = if reason == ReportReason::Modified { known.asked.take() } else { None };
        (known.filled, known.value) = (filled, value);
        known.reports += 1;
        let report = Report {
            order: id,
            cause: cause.unwrap_or(known.cause),
            vtime: TsNs::ZERO,
            filled,
            filled_value: value,
            quantity: known.quantity,
            number: known.reports,
            strategy: known.strategy,
            state: state as u8,
            reason: reason as u8,
            side: known.side as u8,
            reserved: [0; 39],
        };
        ends.reports.push(Event::new(known.instrument, FLAG_EXO, &report)).unwrap();
        self.pushed += 1;
        if state.is_final() {
            self.known.remove(&id);
        }
    }
}

/// A market whose orders go to a broker.
pub(crate) fn live(market: Market) -> Market {
    let mut market = market;
    market.config.venue.live = true;
    market
}

/// Whatever the broker does, and however its reports meet the ticks, the record replays, and the account is the broker's.
#[test]
fn a_live_run_replays_identical_and_its_account_is_the_brokers() {
    let base = seed("live", 20_261_122);
    let (mut fills, mut unknown, mut not_sent, mut sent) = (0, 0, 0, 0);
    for n in 0..60 {
        let mut rng = Rng(base + n);
        let market = if n % 2 == 0 { Market::new(base + n, 20) } else { Market::depth(base + n, 20) };
        let market = live(market);
        let clock = Moving::new(market.sessions[0].pre_open, 20_000 + rng.below(400_000));
        let (broker, ends) = Broker::rings(256, 4 + rng.below(60) as usize);
        let durable = Arc::new(AtomicU64::new(u64::MAX));
        let positions = ends.positions.clone();
        let mut gateway = Gateway::new(ends, Book::default(), &durable, &[]);
        let mut setting = Setting::of(&market, &clock, 1 + (n % 5) as usize);
        setting.broker = Some(broker);
        let recorded = run(&market.config, setting, Some(&mut gateway), &mut rng, &mut |_, _| false);
        assert_eq!(recorded.result.broker_error, None, "seed {}", base + n);
        verify(&market.config, &recorded);
        gateway.book.check(&recorded, market.config.instruments.len());
        assert_eq!(recorded.inputs.last().unwrap().kind(), Kind::SessionEnd);
        // What others see of the run's positions is what its fills made.
        let (seen, shown) = positions.read();
        assert_eq!(seen, recorded.inputs.last().unwrap().header.ts, "seed {}", base + n);
        let ids = (0..market.config.instruments.len()).map(|id| InstrumentId(id as u32));
        let held = ids.map(|id| (id, recorded.result.ledger.position(id).quantity));
        assert_eq!(shown, held.filter(|(_, held)| !held.is_zero()).collect::<Vec<_>>(), "seed {}", base + n);
        let theirs = recorded.inputs.iter().filter(|event| event.kind() == Kind::Report);
        assert!(theirs.clone().all(|event| event.header.source == SOURCE_BROKER));
        assert!(gateway.known.is_empty() && gateway.sent + gateway.not_sent >= recorded.result.counts.orders);
        fills += recorded.result.counts.fills;
        (unknown, not_sent) = (unknown + gateway.unknown, not_sent + gateway.not_sent);
        sent += gateway.sent;
    }
    println!("{sent} orders sent, {fills} fills, {unknown} unknown, {not_sent} never sent");
    assert!(fills > 500 && unknown > 100 && not_sent > 20, "{fills} fills, {unknown}, {not_sent}");
}

/// Nothing leaves before the input that caused it is durable.
#[test]
fn orders_wait_for_the_record_of_their_cause() {
    let base = seed("durable", 41);
    let market = live(Market::new(base, 20));
    let clock = Moving::new(market.sessions[0].pre_open, 100_000);
    let (broker, ends) = Broker::rings(256, 64);
    let durable = Arc::new(AtomicU64::new(0));
    let mut gateway = Gateway::new(ends, Book::default(), &durable, &[]);
    let mut setting = Setting::of(&market, &clock, 1);
    setting.broker = Some(broker);
    let stalled = market.sessions[0].open.plus(10 * NS_PER_S);
    let mut rng = Rng(base);
    let recorded = run(&market.config, setting, Some(&mut gateway), &mut rng, &mut |_, _| {
        if clock.read() > stalled {
            durable.store(u64::MAX, Ordering::SeqCst);
        }
        false
    });
    verify(&market.config, &recorded);
    let first = recorded.inputs.iter().find(|event| event.kind() == Kind::Report).unwrap();
    assert!(first.header.ts >= stalled && recorded.result.counts.orders > 0);
    gateway.book.check(&recorded, market.config.instruments.len());
}

/// A gateway that vanishes ends the run with an error, and without an end of the session: the journal can be gone on with.
#[test]
fn a_gateway_that_is_gone_ends_the_run() {
    let base = seed("gone", 13);
    for threads in 1..=5 {
        let market = live(Market::new(base, 20));
        let clock = Moving::new(market.sessions[0].pre_open, 100_000);
        let (broker, ends) = Broker::rings(256, 64);
        let durable = Arc::new(AtomicU64::new(u64::MAX));
        let mut setting = Setting::of(&market, &clock, threads);
        setting.broker = Some(broker);
        let mut rng = Rng(base);
        let gone = market.sessions[0].open.plus(10 * NS_PER_S);
        let mut ends = Some(ends);
        let recorded = run(&market.config, setting, None, &mut rng, &mut |_, _| {
            if clock.read() > gone {
                ends = None;
            }
            false
        });
        drop(durable);
        assert!(recorded.result.broker_error.is_some_and(|error| error.contains("gateway")), "{threads}");
        assert_ne!(recorded.inputs.last().unwrap().kind(), Kind::SessionEnd);
    }
}

/// The kill reaches the broker with the feed dead: what rests is cancelled, positions are closed, the run ends.
#[test]
fn a_kill_reaches_the_broker_with_the_feed_dead() {
    let base = seed("live kill", 19);
    for threads in 1..=5 {
        let market = live(Market::new(base, 600));
        let clock = Moving::new(market.sessions[0].pre_open, 100_000);
        let (broker, ends) = Broker::rings(256, 64);
        let durable = Arc::new(AtomicU64::new(u64::MAX));
        let mut gateway = Gateway::new(ends, Book::default(), &durable, &[]);
        let (mut commands, ring) = rtrb::RingBuffer::new(4);
        let mut setting = Setting::of(&market, &clock, threads);
        (setting.broker, setting.commands) = (Some(broker), Some(ring));
        let died = market.sessions[0].open.plus(12 * NS_PER_S);
        let events = market.events.iter().copied().filter(|event| event.header.ts < died).collect();
        setting.feed = Box::new(Live::new(events, &clock, TsNs(u64::MAX)));
        let killed = died.plus(20 * NS_PER_S);
        let (mut rng, mut told) = (Rng(base), false);
        let recorded = run(&market.config, setting, Some(&mut gateway), &mut rng, &mut |_, _| {
            if !told && clock.read() > killed {
                told = commands.push(command_event(CommandCode::Kill, "enough")).is_ok();
            }
            false
        });
        verify(&market.config, &recorded);
        gateway.book.check(&recorded, market.config.instruments.len());
        assert_eq!(recorded.inputs.last().unwrap().kind(), Kind::SessionEnd);
        let kill = recorded.inputs.iter().find(|event| event.kind() == Kind::Command).unwrap().header.ts;
        let took = recorded.inputs.last().unwrap().header.ts.since(kill);
        assert!(took < 12 * NS_PER_S, "{threads} threads: {took} ns");
        assert!(gateway.known.is_empty());
    }
}
