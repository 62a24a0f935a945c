//! Orders that a gateway takes over, and what it may do before it knows how things stand.

use crate::bench::{Bench, JOURNAL, NOT_SENT, ok, refused, row};
use pitlane_engine::event::{Intent, OrderState, OrderType, Report, ReportReason, Side, Validity};
use pitlane_engine::units::{InstrumentId, OrderId, Seq, StrategyId};
use pitlane_kite_gateway::call::{CallId, CallKind};
use pitlane_kite_gateway::gateway::{Restored, Terms, Wanted};
use pitlane_kite_gateway::settings::{ForeignOrders, Settings};
use pitlane_kite_gateway::tag::Tags;
use pitlane_kite_gateway::wire;

const ID: u64 = 99;

/// An exit of ten at 100.00 that the broker had when the process died.
fn order() -> Restored {
    let wanted = Wanted {
        id: OrderId(ID),
        instrument: InstrumentId(0),
        strategy: StrategyId(0),
        cause: Seq(0),
        side: Side::Sell,
        order_type: OrderType::Limit,
        validity: Validity::Day,
        intent: Intent::Exit,
        terms: Terms { quantity: 10, price: 1_000_000, trigger: 0, disclosed: 0 },
    };
    Restored {
        wanted,
        quantity_before: 0,
        filled: 0,
        value: 0,
        reports: 1,
        acknowledged: true,
        cancelling: false,
    }
}

/// The broker's row of it.
fn listed() -> String {
    row("1001", 0, "OPEN", &Tags::new(JOURNAL).of(OrderId(ID)), 0)
}

#[test]
fn a_cancel_that_was_asked_for_before_a_restart_leaves_after_it() {
    for cancelling in [false, true] {
        let order = Restored { cancelling, ..order() };
        let mut bench = Bench::restored(Settings::default(), [10, 0, 0], Some(order));
        bench.orders.push(listed());
        bench.run(10);
        assert_eq!(bench.last(ID).map(|(state, _)| state), Some(OrderState::Open as u8));
        let cancelled = bench.left.iter().any(|call| call.kind == CallKind::Cancel(OrderId(ID)));
        assert_eq!(cancelled, cancelling);
    }
}

#[test]
fn a_change_that_did_not_come_about_before_a_restart_is_refused_and_the_order_is_as_it_was() {
    let order = Restored { quantity_before: 15, ..order() };
    let mut bench = Bench::restored(Settings::default(), [15, 0, 0], Some(order));
    bench.orders.push(listed().replace(r#""quantity":10"#, r#""quantity":15"#));
    bench.run(60);
    assert_eq!(bench.gateway.halted_by(), None);
    let refusal = ReportReason::BrokerRefused as u8;
    assert_eq!(bench.last(ID), Some((OrderState::Open as u8, refusal)));
    assert_eq!(bench.reports.last().map(|event| event.body::<Report>().quantity.0), Some(15));
    assert!(bench.gateway.is_armed());
}

#[test]
fn an_order_that_filled_beyond_what_it_was_changed_to_has_the_quantity_before() {
    let order = Restored { quantity_before: 15, filled: 12, value: 12_000_000, ..order() };
    let mut bench = Bench::restored(Settings::default(), [3, 0, 0], Some(order));
    let shown = listed().replace(r#""quantity":10"#, r#""quantity":15"#);
    bench.orders.push(shown.replace(r#""filled_quantity":0"#, r#""filled_quantity":12"#));
    bench.run(60);
    assert_eq!(bench.gateway.halted_by(), None);
    assert_eq!(bench.last(ID).map(|(state, _)| state), Some(OrderState::PartiallyFilled as u8));
    for event in &bench.reports {
        let report = event.body::<Report>();
        assert_eq!((report.filled.0, report.filled_value.0, report.quantity.0), (12, 12_000_000, 15));
    }
}

#[test]
fn no_exit_leaves_before_its_position_was_compared_once() {
    let mut bench = Bench::new(Settings::default(), [10, 10, 0]);
    bench.held = Some(Vec::new());
    let id = bench.order(0, Intent::Exit, OrderType::Limit);
    let flatten = bench.order(1, Intent::Flatten, OrderType::Limit);
    bench.run(5);
    assert!(!bench.is_placed(id) && bench.is_placed(flatten), "an operator's wish waits for nothing");
    bench.held = None;
    bench.run(30);
    assert!(bench.is_placed(id));
}

#[test]
fn with_a_dead_session_nothing_leaves_until_there_is_another() {
    let mut bench = Bench::new(Settings::default(), [10, 10, 0]);
    bench.run(10);
    let first = bench.order(0, Intent::Exit, OrderType::Limit);
    bench.answer(CallKind::Place(OrderId(first)), refused(403, "TokenException", "Incorrect access_token."));
    let id = bench.order(1, Intent::Exit, OrderType::Limit);
    for _ in 0..10 {
        bench.now += 1_000_000_000;
        bench.gateway.on_tick(bench.now);
        assert_eq!(bench.gateway.next_call(), None, "neither orders nor questions");
    }
    bench.gateway.on_token();
    bench.run(10);
    assert!(bench.is_placed(id));
}

#[test]
fn a_list_from_before_an_interruption_proves_nothing_after_it() {
    let mut bench = Bench::new(Settings { queries_max: 6, ..Settings::default() }, [0; 3]);
    bench.run(10);
    bench.held = Some(Vec::new());
    bench.run(6);
    let before: Vec<CallId> = bench.held.as_mut().unwrap().drain(..).map(|call| call.id).collect();
    bench.gateway.on_reconnect();
    bench.run(1);
    let after: Vec<CallId> = bench.held.take().unwrap().into_iter().map(|call| call.id).collect();
    assert!(!before.is_empty() && !after.is_empty() && !bench.gateway.is_armed());
    for call in before {
        bench.gateway.on_answer(call, ok("[]"));
    }
    assert!(!bench.gateway.is_armed(), "it was asked for before");
    for call in after {
        bench.gateway.on_answer(call, ok("[]"));
    }
    assert!(bench.gateway.is_armed());
}

/// In a halted instrument the broker's list decides what may be closed; one that was asked for just after a fill may be of
/// before it.
#[test]
fn a_list_from_just_after_a_fill_confirms_no_position() {
    let settings = Settings { foreign_orders: ForeignOrders::Halt, ..Settings::default() };
    let mut bench = Bench::new(settings, [20, 0, 0]);
    bench.run(10);
    let id = bench.open(0, Intent::StopLoss, "1001");
    bench.orders.push(row("by-hand", 0, "OPEN", "", 0));
    bench.run(6);
    bench.orders[0] = row("1001", 0, "COMPLETE", "", 10);
    let trade = r#"{"trade_id":"1","order_id":"1001","quantity":10,"average_price":100}"#;
    bench.trades.push(trade.to_owned());
    bench.positions[0] = 10;
    bench.gateway.on_update(&wire::order_object(&bench.orders[0]).unwrap());
    bench.gateway.on_reconnect();
    bench.run(1);
    assert_eq!(bench.last(id).map(|(state, _)| state), Some(OrderState::Filled as u8));
    let early = bench.order(0, Intent::StopLoss, OrderType::Limit);
    assert_eq!((bench.last(early), bench.is_placed(early)), (Some(NOT_SENT), false));
    bench.run(6);
    let later = bench.order(0, Intent::StopLoss, OrderType::Limit);
    assert!(bench.is_placed(later));
}
