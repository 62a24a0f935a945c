//! What a latch and a halt close, and what they leave open.

use crate::bench::{Bench, NOT_SENT, refused, row};
use pitlane_engine::event::{Intent, OrderState, OrderType, ReportReason};
use pitlane_engine::units::OrderId;
use pitlane_kite_gateway::call::CallKind;
use pitlane_kite_gateway::gateway::Difference;
use pitlane_kite_gateway::settings::{ForeignOrders, Settings};

fn careful() -> Settings {
    Settings { foreign_orders: ForeignOrders::Halt, ..Settings::default() }
}

#[test]
fn a_broker_that_lost_an_order_may_have_lost_anything() {
    let mut bench = Bench::new(Settings::default(), [10; 3]);
    bench.run(10);
    bench.open(0, Intent::Exit, "1001");
    bench.orders.clear();
    bench.run(60);
    assert!(matches!(bench.gateway.halted_by(), Some(Difference::Vanished { .. })));
    let elsewhere = bench.order(1, Intent::Exit, OrderType::Limit);
    assert_eq!((bench.last(elsewhere), bench.is_placed(elsewhere)), (Some(NOT_SENT), false));
}

#[test]
fn what_people_resumed_is_open_after_a_reconciliation_and_not_before() {
    let mut bench = Bench::new(careful(), [10; 3]);
    bench.run(10);
    bench.orders.push(row("by-hand", 0, "OPEN", "", 0));
    bench.run(6);
    let refused = bench.order(0, Intent::Exit, OrderType::Limit);
    assert_eq!(bench.last(refused), Some(NOT_SENT));
    bench.orders.clear();
    bench.gateway.resume();
    assert!(!bench.gateway.is_armed());
    bench.run(10);
    assert!(bench.gateway.is_armed());
    // The next halt is about another instrument, and about that alone.
    bench.orders.push(row("by-hand-too", 1, "OPEN", "", 0));
    bench.run(6);
    assert!(bench.gateway.halted_by().is_some());
    let exit = bench.order(0, Intent::Exit, OrderType::Limit);
    assert!(bench.is_placed(exit));
}

#[test]
fn the_latch_cancels_what_works_but_what_flattens() {
    let mut bench = Bench::new(Settings::default(), [10; 3]);
    bench.run(10);
    let exit = bench.open(0, Intent::Exit, "1001");
    let flatten = bench.open(1, Intent::Flatten, "1002");
    let waits = {
        bench.durable = false;
        bench.order(0, Intent::StopLoss, OrderType::Limit)
    };
    bench.gateway.on_latch();
    bench.run(5);
    let cancelled = |id| bench.left.iter().any(|call| call.kind == CallKind::Cancel(OrderId(id)));
    assert!(cancelled(exit) && !cancelled(flatten));
    assert_eq!(bench.last(waits), Some(NOT_SENT));
    for intent in [Intent::Entry, Intent::Exit, Intent::StopLoss, Intent::SquareOff] {
        let id = bench.order(1, intent, OrderType::Limit);
        assert_eq!((bench.last(id), bench.is_placed(id)), (Some(NOT_SENT), false), "{intent:?}");
    }
}

#[test]
fn an_entry_that_waits_for_too_long_is_refused() {
    let mut bench = Bench::new(Settings::default(), [0; 3]);
    let id = bench.wish(0, Intent::Entry, OrderType::Limit);
    bench.held = Some(Vec::new());
    bench.run(3);
    assert_eq!(bench.last(id), Some((OrderState::Rejected as u8, ReportReason::Throttled as u8)));
}

/// Whoever carries calls may be behind: one that was not fetched is not lost.
#[test]
fn a_call_that_waits_for_its_hands_is_not_given_up() {
    let mut bench = Bench::new(Settings::default(), [10; 3]);
    bench.run(10);
    let id = bench.wish(0, Intent::Exit, OrderType::Limit);
    for _ in 0..20 {
        bench.now += 1_000_000_000;
        bench.gateway.on_tick(bench.now);
    }
    bench.take();
    assert_eq!((bench.last(id), bench.is_placed(id)), (None, true));
}

#[test]
fn a_refusal_of_the_old_session_says_nothing_of_the_new_one() {
    let mut bench = Bench::new(Settings::default(), [10; 3]);
    bench.run(10);
    let id = bench.order(0, Intent::Exit, OrderType::Limit);
    bench.gateway.on_token();
    bench.answer(CallKind::Place(OrderId(id)), refused(403, "TokenException", "Incorrect access_token."));
    assert!(!bench.gateway.overview().token_dead);
    bench.run(10);
    assert!(bench.gateway.is_armed());
}

#[test]
fn positions_held_as_another_product_are_somebody_elses_and_an_unreadable_one_proves_nothing() {
    let held = |product: &str, quantity: &str| {
        format!(r#"{{"exchange":"NSE","tradingsymbol":"AAA","product":"{product}","quantity":{quantity}}}"#)
    };
    let mut bench = Bench::new(Settings::default(), [10; 3]);
    bench.other_positions.push(held("CNC", "7"));
    bench.run(12);
    assert!(bench.gateway.is_armed());
    let mut bench = Bench::new(Settings::default(), [10; 3]);
    bench.other_positions.push(held("MIS", r#""many""#));
    bench.run(12);
    assert!(!bench.gateway.is_armed());
}
