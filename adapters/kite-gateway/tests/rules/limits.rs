//! What may leave, and how much of it.

use crate::bench::{Bench, ok, row};
use pitlane_engine::event::{Intent, OrderState, OrderType, ReportReason};
use pitlane_engine::units::{OrderId, Seq};
use pitlane_kite_gateway::call::CallKind;
use pitlane_kite_gateway::settings::{ForeignOrders, Settings};
use pitlane_kite_gateway::wire;

const OPEN: u8 = OrderState::Open as u8;

#[test]
fn more_than_the_freeze_quantity_is_refused_and_just_so_much_is_not() {
    let mut bench = Bench::new(Settings::default(), [10; 3]);
    bench.run(10);
    let id = bench.open(1, Intent::Exit, "1001");
    bench.change(1, id, 11, 1_000_000);
    assert_eq!(bench.last(id), Some((OPEN, ReportReason::FreezeQuantity as u8)));
    assert!(bench.left.is_empty());
}

#[test]
fn an_order_is_changed_so_often_and_no_more() {
    let mut bench = Bench::new(Settings { modifies_max: 2, ..Settings::default() }, [10; 3]);
    bench.run(10);
    let id = bench.open(0, Intent::Exit, "1001");
    for price in [101, 102] {
        bench.change(0, id, 10, price * 10_000);
        bench.answer(CallKind::Modify(OrderId(id)), ok(r#"{"order_id":"1001"}"#));
        bench.orders[0] =
            row("1001", 0, "OPEN", "", 0).replace(r#""price":100"#, &format!(r#""price":{price}"#));
        bench.run(2);
        assert_eq!(bench.last(id), Some((OPEN, ReportReason::Modified as u8)));
    }
    bench.change(0, id, 10, 1_030_000);
    assert_eq!(bench.last(id), Some((OPEN, ReportReason::Throttled as u8)));
    assert!(bench.left.is_empty());
}

#[test]
fn calls_that_hang_leave_hands_to_exits_and_to_what_ends_things() {
    let mut bench = Bench::new(Settings { order_calls_max: 4, ..Settings::default() }, [10; 3]);
    bench.run(10);
    let mut left = |intent| {
        let before = bench.left.len();
        for _ in 0..4 {
            bench.order(0, intent, OrderType::Limit);
        }
        bench.left.len() - before
    };
    assert_eq!((left(Intent::Entry), left(Intent::Exit), left(Intent::Flatten)), (2, 1, 1));
}

/// Whoever carries calls keeps back those that wait there when the switch is pulled: by this mark alone.
#[test]
fn calls_that_open_are_marked_for_the_latch() {
    let mut bench = Bench::new(Settings::default(), [10; 3]);
    bench.run(10);
    let id = bench.open(0, Intent::Exit, "1001");
    bench.change(0, id, 10, 1_010_000);
    bench.answer(CallKind::Modify(OrderId(id)), ok(r#"{"order_id":"1001"}"#));
    bench.cancel(0, id);
    bench.run(2);
    let mut marked = |intent| {
        let id = bench.order(1, intent, OrderType::Limit);
        let call = bench.left.iter().find(|call| call.kind == CallKind::Place(OrderId(id)));
        call.expect("it left").ends_with_latch
    };
    assert!(marked(Intent::Entry) && marked(Intent::StopLoss) && !marked(Intent::Flatten));
    let cancel = bench.left.iter().find(|call| call.kind == CallKind::Cancel(OrderId(id)));
    assert!(!cancel.expect("it left").ends_with_latch);
    let id = bench.open(0, Intent::Exit, "1002");
    bench.change(0, id, 10, 1_010_000);
    let change = bench.left.iter().find(|call| call.kind == CallKind::Modify(OrderId(id)));
    assert!(change.expect("it left").ends_with_latch);
}

#[test]
fn without_a_whole_reconciliation_for_long_no_entry_leaves() {
    let mut bench = Bench::new(Settings::default(), [0; 3]);
    bench.run(10);
    assert!(bench.gateway.is_armed());
    bench.held = Some(Vec::new());
    bench.run(40);
    assert!(!bench.gateway.is_armed());
    let id = bench.order(0, Intent::Entry, OrderType::Limit);
    assert!(!bench.is_placed(id));
    bench.held = None;
    bench.run(30);
    assert!(bench.gateway.is_armed(), "{:?}", bench.notes);
}

/// Orders and changes leave when what asked for them last is on the disk; cancels do not wait for it.
#[test]
fn what_waits_and_is_changed_leaves_when_the_change_is_durable() {
    let mut bench = Bench::new(Settings::default(), [10; 3]);
    bench.run(10);
    let rests = bench.open(1, Intent::Exit, "1001");
    bench.durable = false;
    let id = bench.order(0, Intent::Exit, OrderType::Limit);
    let first = bench.seq;
    bench.change(0, id, 10, 1_010_000);
    bench.change(1, rests, 10, 1_010_000);
    bench.gateway.on_durable(Seq(first));
    bench.run(2);
    assert!(bench.left.is_empty(), "{:?}", bench.left);
    bench.cancel(1, rests);
    assert_eq!(bench.left.last().map(|call| call.kind), Some(CallKind::Cancel(OrderId(rests))));
    bench.gateway.on_durable(Seq(bench.seq));
    bench.take();
    let price = bench.left.iter().find(|call| call.kind == CallKind::Place(OrderId(id)));
    assert!(price.expect("it left").form.contains(&("price", "101.00".to_owned())));
}

/// In a halted instrument what protects goes on for what the broker lists: not when that has just moved.
#[test]
fn a_change_that_waited_does_not_leave_when_its_position_has_moved() {
    let settings = Settings { foreign_orders: ForeignOrders::Halt, ..Settings::default() };
    for moves in [false, true] {
        let mut bench = Bench::new(settings.clone(), [20, 0, 0]);
        bench.run(10);
        let id = bench.open(0, Intent::StopLoss, "1001");
        bench.open(0, Intent::StopLoss, "1002");
        bench.orders.push(row("by-hand", 0, "OPEN", "", 0));
        bench.run(10);
        bench.durable = false;
        bench.change(0, id, 10, 1_010_000);
        if moves {
            let filled = row("1002", 0, "COMPLETE", "", 10);
            bench.gateway.on_update(&wire::order_object(&filled).unwrap());
        }
        bench.gateway.on_durable(Seq(bench.seq));
        bench.take();
        assert_eq!(bench.left.is_empty(), moves, "{:?}", bench.left);
    }
}
