//! What the broker says that cannot be: it comes to people, and nothing is made of it.

use crate::bench::{Bench, JOURNAL, NOT_SENT, ok, row};
use pitlane_engine::event::{Intent, OrderState, OrderType};
use pitlane_engine::units::{InstrumentId, OrderId, Qty};
use pitlane_kite_gateway::call::{CallError, CallKind};
use pitlane_kite_gateway::gateway::Difference;
use pitlane_kite_gateway::settings::Settings;
use pitlane_kite_gateway::tag::Tags;
use pitlane_kite_gateway::wire;

/// A gateway with one order that rests at the broker as `1001`.
fn resting() -> (Bench, u64) {
    let mut bench = Bench::new(Settings::default(), [10; 3]);
    bench.run(10);
    let id = bench.open(0, Intent::Exit, "1001");
    (bench, id)
}

/// The state of an order's last report.
fn state(bench: &Bench, id: u64) -> Option<OrderState> {
    OrderState::from_u8(bench.last(id)?.0)
}

#[test]
fn a_second_order_of_a_tag_is_cancelled() {
    let (mut bench, id) = resting();
    bench.orders.push(row("1002", 0, "OPEN", &Tags::new(JOURNAL).of(OrderId(id)), 0));
    bench.run(6);
    assert!(matches!(bench.gateway.halted_by(), Some(Difference::DuplicateOrder { .. })));
    let cancels: Vec<&str> = bench.left.iter().map(|call| call.path.as_str()).collect();
    assert_eq!(cancels, ["/orders/regular/1002"]);
    assert_eq!(state(&bench, id), Some(OrderState::Open));
}

#[test]
fn an_id_that_another_order_has_is_none() {
    let (mut bench, first) = resting();
    let id = bench.order(1, Intent::Exit, OrderType::Limit);
    bench.answer(CallKind::Place(OrderId(id)), ok(r#"{"order_id":"1001"}"#));
    assert!(matches!(bench.gateway.halted_by(), Some(Difference::Contradiction { .. })));
    assert_eq!(state(&bench, id), Some(OrderState::Unknown));
    // What the list says of it is said of the first.
    bench.run(6);
    assert_eq!(
        (state(&bench, first), state(&bench, id)),
        (Some(OrderState::Open), Some(OrderState::Unknown))
    );
}

#[test]
fn an_order_that_was_there_and_is_listed_no_more_may_still_fill() {
    let (mut bench, id) = resting();
    bench.orders.clear();
    bench.run(60);
    assert!(matches!(bench.gateway.halted_by(), Some(Difference::Vanished { .. })));
    assert_eq!(state(&bench, id), Some(OrderState::Unknown));
}

#[test]
fn terms_that_nobody_asked_for_come_to_people() {
    let (mut bench, id) = resting();
    bench.orders[0] = row("1001", 0, "OPEN", "", 0).replace(r#""price":100"#, r#""price":101"#);
    bench.run(20);
    assert_eq!(bench.gateway.halted_by(), Some(&Difference::Terms { order: OrderId(id) }));
}

#[test]
fn fills_that_are_taken_back_come_to_people() {
    let (mut bench, id) = resting();
    let filled = row("1001", 0, "OPEN", "", 4).replace(r#""average_price":0"#, r#""average_price":100"#);
    bench.orders[0] = filled;
    bench.positions[0] = 6;
    bench.run(6);
    assert_eq!((state(&bench, id), bench.gateway.halted_by()), (Some(OrderState::PartiallyFilled), None));
    bench.orders[0] = row("1001", 0, "OPEN", "", 0);
    // The ticker may bring what was so before, and so may a list: three in a row do not.
    for _ in 0..5 {
        bench.gateway.on_update(&wire::order_object(&bench.orders[0]).unwrap());
    }
    bench.run(6);
    assert_eq!(bench.gateway.halted_by(), None);
    bench.run(20);
    let said = Difference::FillsShrank { order: OrderId(id), known: 4, said: 0 };
    assert_eq!(bench.gateway.halted_by(), Some(&said));
    assert_eq!(bench.gateway.position(InstrumentId(0)), Qty(6), "what is known stays known");
}

#[test]
fn a_fill_whose_trades_never_come_is_not_reported_and_comes_to_people() {
    let (mut bench, id) = resting();
    bench.orders[0] = row("1001", 0, "OPEN", "", 4);
    bench.positions[0] = 6;
    bench.run(40);
    assert_eq!((state(&bench, id), bench.gateway.halted_by()), (Some(OrderState::Open), None));
    bench.run(40);
    assert_eq!(bench.gateway.halted_by(), Some(&Difference::TradesMissing { order: OrderId(id) }));
}

#[test]
fn an_engine_whose_positions_are_not_its_fills_comes_to_people() {
    let mut bench = Bench::new(Settings::default(), [10, 0, 0]);
    for _ in 0..20 {
        bench.gateway.on_ledger([(InstrumentId(0), Qty(9))]);
        bench.run(1);
    }
    let said = Difference::Ledger { instrument: InstrumentId(0), expected: 10, engine: 9 };
    assert_eq!(bench.gateway.halted_by(), Some(&said));
    assert!(!bench.gateway.is_armed());
}

#[test]
fn fills_after_the_end_come_to_people() {
    let (mut bench, id) = resting();
    bench.orders[0] = row("1001", 0, "CANCELLED", "", 0);
    bench.run(6);
    assert_eq!((state(&bench, id), bench.gateway.halted_by()), (Some(OrderState::Cancelled), None));
    bench.orders[0] =
        row("1001", 0, "CANCELLED", "", 4).replace(r#""average_price":0"#, r#""average_price":100"#);
    bench.run(6);
    let said = Difference::FillsAfterEnd { order: OrderId(id), known: 0, said: 4 };
    assert_eq!((state(&bench, id), bench.gateway.halted_by()), (Some(OrderState::Cancelled), Some(&said)));
}

/// A trade of the order `1001`.
fn trade(number: u32, quantity: i64, price: &str) -> String {
    format!(r#"{{"trade_id":"{number}","order_id":"1001","quantity":{quantity},"average_price":{price}}}"#)
}

#[test]
fn an_order_that_has_ended_is_not_brought_back_while_its_trades_are_awaited() {
    let (mut bench, id) = resting();
    bench.orders[0] = row("1001", 0, "CANCELLED", "", 4);
    bench.positions[0] = 6;
    bench.run(6);
    bench.gateway.on_update(&wire::order_object(&row("1001", 0, "OPEN", "", 4)).unwrap());
    bench.run(1);
    assert_eq!(state(&bench, id), Some(OrderState::Open), "what it filled has no value yet");
    // No list says so again before its trades do.
    bench.held = Some(Vec::new());
    bench.trades.push(trade(1, 4, "100.05"));
    bench.gateway.on_update(&wire::order_object(&row("1001", 0, "OPEN", "", 4)).unwrap());
    bench.run(6);
    assert_eq!((state(&bench, id), bench.gateway.halted_by()), (Some(OrderState::Cancelled), None));
}

#[test]
fn a_trade_at_no_price_of_its_instrument_comes_to_people() {
    let (mut bench, id) = resting();
    bench.orders[0] = row("1001", 0, "OPEN", "", 4);
    bench.positions[0] = 6;
    bench.trades.push(trade(1, 4, "100.03"));
    bench.run(10);
    assert!(matches!(bench.gateway.halted_by(), Some(Difference::Contradiction { .. })));
    assert_eq!(state(&bench, id), Some(OrderState::Open));
}

#[test]
fn a_row_of_another_side_or_product_is_not_of_this_order() {
    for (field, other) in [(r#""SELL""#, r#""BUY""#), (r#""MIS""#, r#""CNC""#)] {
        let (mut bench, id) = resting();
        let filled = row("1001", 0, "OPEN", "", 4).replace(r#""average_price":0"#, r#""average_price":100"#);
        bench.orders[0] = filled.replace(field, other);
        bench.run(6);
        assert!(matches!(bench.gateway.halted_by(), Some(Difference::Contradiction { .. })), "{other}");
        assert_eq!(state(&bench, id), Some(OrderState::Open));
        assert_eq!(bench.gateway.position(InstrumentId(0)), Qty(10));
    }
}

#[test]
fn an_order_that_never_left_and_is_there_comes_to_people() {
    let mut bench = Bench::new(Settings::default(), [10; 3]);
    bench.run(10);
    bench.durable = false;
    let id = bench.order(0, Intent::Exit, OrderType::Limit);
    bench.orders.push(row("1001", 0, "OPEN", &Tags::new(JOURNAL).of(OrderId(id)), 0));
    bench.run(6);
    assert!(matches!(bench.gateway.halted_by(), Some(Difference::Contradiction { .. })));
    assert!(!bench.is_placed(id));
}

#[test]
fn an_order_that_is_found_after_it_counted_as_never_accepted_comes_to_people_unless_it_was_refused() {
    for (status, halts) in [("REJECTED", false), ("CANCELLED", true), ("OPEN", true)] {
        let mut bench = Bench::new(Settings::default(), [10; 3]);
        bench.run(10);
        let id = bench.order(0, Intent::Exit, OrderType::Limit);
        bench.answer(CallKind::Place(OrderId(id)), Err(CallError::MayHaveLeft("no answer in time")));
        bench.run(60);
        assert_eq!(bench.last(id), Some(NOT_SENT));
        bench.orders.push(row("1001", 0, status, &Tags::new(JOURNAL).of(OrderId(id)), 0));
        bench.run(6);
        let found = matches!(bench.gateway.halted_by(), Some(Difference::AcceptedAfterEnd { .. }));
        assert_eq!(found, halts, "{status}");
        assert_eq!(!bench.left.is_empty(), status == "OPEN", "what works is cancelled: {:?}", bench.left);
    }
}

#[test]
fn an_answer_with_another_id_than_the_ticker_gave_comes_to_people() {
    let mut bench = Bench::new(Settings::default(), [10; 3]);
    bench.run(10);
    let id = bench.order(0, Intent::Exit, OrderType::Limit);
    let tag = Tags::new(JOURNAL).of(OrderId(id));
    bench.orders.push(row("1001", 0, "OPEN", &tag, 0));
    bench.gateway.on_update(&wire::order_object(&bench.orders[0]).unwrap());
    bench.answer(CallKind::Place(OrderId(id)), ok(r#"{"order_id":"1002"}"#));
    assert!(matches!(bench.gateway.halted_by(), Some(Difference::DuplicateOrder { .. })));
    assert_eq!(state(&bench, id), Some(OrderState::Open));
}

#[test]
fn a_list_from_before_a_fill_takes_nothing_back() {
    let mut bench = Bench::new(Settings { queries_max: 8, ..Settings::default() }, [10; 3]);
    bench.run(10);
    let id = bench.open(0, Intent::Exit, "1001");
    bench.held = Some(Vec::new());
    for _ in 0..4 {
        bench.gateway.on_reconnect();
        bench.run(1);
    }
    let filled = row("1001", 0, "OPEN", "", 4).replace(r#""average_price":0"#, r#""average_price":100"#);
    bench.gateway.on_update(&wire::order_object(&filled).unwrap());
    let lists = bench.held.take().unwrap();
    assert!(lists.len() > 3);
    for call in lists {
        bench.gateway.on_answer(call.id, ok(&format!("[{}]", bench.orders[0])));
    }
    bench.orders[0] = filled;
    bench.positions[0] = 6;
    bench.run(10);
    assert_eq!((state(&bench, id), bench.gateway.halted_by()), (Some(OrderState::PartiallyFilled), None));
}
