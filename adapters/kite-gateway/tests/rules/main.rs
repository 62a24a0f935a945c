//! Rules of the core, one by one, in the words of a broker that says just what it is told to say.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod bench;
mod halts;
mod limits;
mod restored;
mod words;

use bench::{Bench, JOURNAL, NOT_SENT, ok, refused, row};
use pitlane_engine::event::{Intent, OrderState, OrderType, ReportReason};
use pitlane_engine::units::{NS_PER_S, OrderId};
use pitlane_kite_gateway::call::{CallError, CallKind};
use pitlane_kite_gateway::gateway::{Note, Verdict};
use pitlane_kite_gateway::settings::{ForeignOrders, Settings};
use pitlane_kite_gateway::tag::Tags;
use pitlane_kite_gateway::wire;

#[test]
fn a_halt_leaves_the_exits_of_other_instruments_and_what_protects_a_proved_position() {
    let settings = Settings { foreign_orders: ForeignOrders::Halt, ..Settings::default() };
    let mut bench = Bench::new(settings, [10, 10, 0]);
    bench.run(10);
    assert!(bench.gateway.is_armed());
    bench.orders.push(row("by-hand", 0, "OPEN", "", 0));
    bench.run(6);
    assert_eq!(bench.gateway.verdict(), Verdict::Halt, "{:?}", bench.notes);
    let entry = bench.order(1, Intent::Entry, OrderType::Limit);
    assert_eq!(bench.last(entry), Some(NOT_SENT), "nothing opens, wherever");
    let elsewhere = bench.order(1, Intent::Exit, OrderType::Limit);
    assert!(bench.is_placed(elsewhere), "the other instrument's exits go on");
    let exit = bench.order(0, Intent::Exit, OrderType::Limit);
    assert_eq!(bench.last(exit), Some(NOT_SENT));
    let stop = bench.order(0, Intent::StopLoss, OrderType::Limit);
    assert!(bench.is_placed(stop), "the broker lists what it closes");
    let square_off = bench.order(0, Intent::SquareOff, OrderType::Limit);
    assert_eq!(bench.last(square_off), Some(NOT_SENT), "one is under way: a second would open");
}

#[test]
fn an_exit_of_what_the_broker_lists_no_more_does_not_leave() {
    let mut bench = Bench::new(Settings::default(), [10, 10, 0]);
    bench.run(10);
    // Closed by hand, or by the broker.
    bench.positions[0] = 0;
    bench.run(5);
    let differs = |note: &Note| matches!(note, Note::Difference(_, false));
    assert!(bench.notes.iter().any(differs) && bench.gateway.verdict() == Verdict::Differs);
    let stop = bench.order(0, Intent::StopLoss, OrderType::Limit);
    let other = bench.order(1, Intent::StopLoss, OrderType::Limit);
    assert!(!bench.is_placed(stop) && bench.is_placed(other));
    bench.answer(CallKind::Place(OrderId(other)), refused(400, "MarginException", "no"));
    // What is known to differ is not forgotten with the connection, nor when people resume.
    bench.gateway.on_reconnect();
    bench.take();
    assert!(!bench.is_placed(stop), "after a reconnect");
    bench.gateway.resume();
    bench.take();
    assert!(!bench.is_placed(stop), "after resume");
    bench.run(12);
    assert_eq!(bench.gateway.verdict(), Verdict::Halt);
    assert_eq!((bench.last(stop), bench.is_placed(stop)), (Some(NOT_SENT), false));
}

/// An order that the broker accepted after a list was made is not in the list, however late that is answered.
#[test]
fn a_list_says_nothing_of_the_time_after_it_was_asked_for() {
    let settings = Settings { absent_time: 30 * NS_PER_S, ..Settings::default() };
    let mut bench = Bench::new(settings, [0; 3]);
    bench.run(10);
    let id = bench.order(0, Intent::Entry, OrderType::Limit);
    bench.answer(CallKind::Place(OrderId(id)), Err(CallError::MayHaveLeft("no answer in time")));
    bench.run(28);
    bench.held = Some(Vec::new());
    bench.run(1);
    let early = bench.held.replace(Vec::new()).unwrap();
    assert!(!early.is_empty());
    bench.run(5);
    for call in early {
        bench.gateway.on_answer(call.id, ok("[]"));
        bench.take();
    }
    assert_ne!(bench.last(id), Some(NOT_SENT), "those lists were made within its time");
    bench.held = None;
    bench.run(30);
    assert_eq!(bench.last(id), Some(NOT_SENT), "later ones prove that it never came there");
}

/// What was about to leave when the line broke has not left.
#[test]
fn an_entry_that_was_not_fetched_is_taken_back_when_nothing_is_known_any_more() {
    let mut bench = Bench::new(Settings::default(), [0; 3]);
    bench.run(10);
    assert!(bench.gateway.is_armed());
    bench.now += NS_PER_S;
    bench.gateway.on_tick(bench.now);
    bench.take();
    let id = bench.wish(0, Intent::Entry, OrderType::Limit);
    bench.gateway.on_reconnect();
    bench.take();
    assert_eq!((bench.last(id), bench.is_placed(id)), (Some(NOT_SENT), false));
}

#[test]
fn a_halt_about_one_instrument_lets_no_doubtful_exit_of_another_leave() {
    let mut bench = Bench::new(Settings::default(), [10, 10, 0]);
    bench.run(10);
    bench.positions[1] = 0;
    bench.run(12);
    assert_eq!(bench.gateway.verdict(), Verdict::Halt);
    bench.positions[0] = 0;
    bench.run(5);
    let stop = bench.order(0, Intent::StopLoss, OrderType::Limit);
    assert!(!bench.is_placed(stop), "one comparison found the position gone");
    bench.run(12);
    assert_eq!((bench.last(stop), bench.is_placed(stop)), (Some(NOT_SENT), false));
}

#[test]
fn a_difference_in_an_instrument_that_never_rests_comes_to_people() {
    let mut bench = Bench::new(Settings::default(), [10, 10, 0]);
    bench.run(10);
    let resting = bench.order(1, Intent::TakeProfit, OrderType::Limit);
    bench.answer(CallKind::Place(OrderId(resting)), ok(r#"{"order_id":"1001"}"#));
    bench.orders.push(row("1001", 1, "OPEN", "", 0));
    bench.run(5);
    bench.positions[1] = 5;
    bench.run(5);
    assert_eq!(bench.gateway.verdict(), Verdict::Differs);
    // It is between two states from now on, so no second comparison comes; a square-off waits.
    bench.orders[0] = row("1001", 1, "CANCEL PENDING", "", 0);
    let id = bench.order(1, Intent::SquareOff, OrderType::Limit);
    assert!(!bench.is_placed(id));
    bench.run(40);
    assert_eq!((bench.gateway.verdict(), bench.last(id)), (Verdict::Differs, None), "nothing new is known");
    bench.run(40);
    assert_eq!((bench.gateway.verdict(), bench.last(id)), (Verdict::Halt, Some(NOT_SENT)));
}

/// What protects goes on in a halted instrument for what the broker lists; one that waits, until it lists it no more.
#[test]
fn what_waits_in_a_halted_instrument_is_held_against_each_new_list() {
    let settings = Settings { foreign_orders: ForeignOrders::Halt, ..Settings::default() };
    let mut bench = Bench::new(settings, [10, 10, 0]);
    bench.run(10);
    bench.orders.push(row("by-hand", 0, "OPEN", "", 0));
    bench.run(6);
    assert_eq!(bench.gateway.verdict(), Verdict::Halt);
    // Refused so often that the next one waits for sixteen seconds.
    for wait in [1, 2, 4, 8, 0] {
        let id = bench.order(0, Intent::StopLoss, OrderType::Limit);
        bench.answer(CallKind::Place(OrderId(id)), refused(400, "PermissionException", "address"));
        bench.run(wait);
    }
    let stop = bench.order(0, Intent::StopLoss, OrderType::Limit);
    bench.run(6);
    assert_eq!((bench.last(stop), bench.is_placed(stop)), (None, false), "a list that has it lets it wait");
    bench.positions[0] = 0;
    bench.run(6);
    assert_eq!((bench.last(stop), bench.is_placed(stop)), (Some(NOT_SENT), false));
}

#[test]
fn what_moves_in_one_instrument_keeps_no_other_from_being_compared() {
    let mut bench = Bench::new(Settings::default(), [10, 10, 0]);
    bench.run(10);
    // One that never comes to rest.
    let id = bench.order(1, Intent::Exit, OrderType::Limit);
    bench.answer(CallKind::Place(OrderId(id)), ok(r#"{"order_id":"1001"}"#));
    bench.orders.push(row("1001", 1, "UNDER REVIEW", "", 0));
    bench.run(20);
    assert!(bench.gateway.is_armed());
    bench.positions[0] = 0;
    bench.run(12);
    assert_eq!(bench.gateway.verdict(), Verdict::Halt, "a wrong position is seen all the same");
    let mut bench = Bench::new(Settings::default(), [0, 10, 0]);
    bench.run(10);
    let id = bench.order(1, Intent::Exit, OrderType::Limit);
    bench.answer(CallKind::Place(OrderId(id)), ok(r#"{"order_id":"1001"}"#));
    bench.orders.push(row("1001", 1, "UNDER REVIEW", "", 0));
    bench.run(70);
    assert!(!bench.gateway.is_armed(), "one that cannot be compared is no clean one");
}

#[test]
fn a_call_whose_hands_are_gone_is_unknown_and_found_again() {
    let mut bench = Bench::new(Settings::default(), [10, 0, 0]);
    bench.run(10);
    let id = bench.order(0, Intent::Exit, OrderType::Limit);
    assert!(bench.is_placed(id));
    bench.orders.clear();
    bench.run(16);
    assert_eq!(bench.last(id).map(|(state, _)| state), Some(OrderState::Unknown as u8));
    bench.orders.push(row("1001", 0, "OPEN", &Tags::new(JOURNAL).of(OrderId(id)), 0));
    bench.run(6);
    assert_eq!(bench.last(id).map(|(state, _)| state), Some(OrderState::Open as u8));
}

#[test]
fn refused_exits_and_cancels_without_effect_are_repeated_ever_more_slowly() {
    let mut bench = Bench::new(Settings::default(), [10, 10, 0]);
    bench.run(10);
    let (mut sent, mut waiting) = (0, None);
    for _ in 0..120 {
        let id = waiting.unwrap_or_else(|| bench.order(0, Intent::StopLoss, OrderType::Limit));
        bench.run(1);
        waiting = Some(id);
        if bench.is_placed(id) {
            bench.answer(CallKind::Place(OrderId(id)), refused(400, "PermissionException", "address"));
            (sent, waiting) = (sent + 1, None);
        }
    }
    assert!((8..=14).contains(&sent), "{sent} refused exits in two minutes");

    let id = bench.order(1, Intent::Exit, OrderType::Limit);
    bench.answer(CallKind::Place(OrderId(id)), ok(r#"{"order_id":"1001"}"#));
    bench.orders.push(row("1001", 1, "CANCEL PENDING", "", 0));
    bench.gateway.on_latch();
    let mut cancels = 0;
    for _ in 0..240 {
        bench.run(1);
        if bench.left.iter().any(|call| call.kind == CallKind::Cancel(OrderId(id))) {
            bench.answer(CallKind::Cancel(OrderId(id)), ok(r#"{"order_id":"1001"}"#));
            cancels += 1;
        }
    }
    assert!((6..=10).contains(&cancels), "{cancels} cancels in four minutes");
}

#[test]
fn cancels_of_strays_without_effect_are_repeated_ever_more_slowly() {
    for answer in [ok(r#"{"order_id":"1001"}"#), refused(400, "OrderException", "not now")] {
        let mut bench = Bench::new(Settings::default(), [0; 3]);
        bench.run(10);
        bench.orders.push(row("1001", 1, "OPEN", &Tags::new(JOURNAL).of(OrderId(99)), 0));
        let mut cancels = 0;
        for _ in 0..240 {
            bench.run(1);
            if bench.left.iter().any(|call| call.kind == CallKind::CancelStray) {
                bench.answer(CallKind::CancelStray, answer.clone());
                cancels += 1;
            }
        }
        assert!((6..=10).contains(&cancels), "{cancels} cancels in four minutes, answered by {answer:?}");
    }
}

#[test]
fn a_question_that_came_too_fast_holds_back_no_cancel() {
    let mut bench = Bench::new(Settings::default(), [10, 0, 0]);
    bench.run(10);
    let id = bench.order(0, Intent::Exit, OrderType::Limit);
    bench.answer(CallKind::Place(OrderId(id)), ok(r#"{"order_id":"1001"}"#));
    bench.orders.push(row("1001", 0, "OPEN", "", 0));
    bench.run(2);
    let question = loop {
        bench.now += NS_PER_S / 4;
        bench.gateway.on_tick(bench.now);
        if let Some(call) = bench.gateway.next_call() {
            break call;
        }
    };
    bench.gateway.on_answer(question.id, refused(429, "NetworkException", "Too many requests"));
    bench.gateway.on_latch();
    bench.take();
    assert!(bench.left.iter().any(|call| call.kind == CallKind::Cancel(OrderId(id))), "{:?}", bench.left);
    // Nor does one of its own for longer than a second.
    bench.answer(CallKind::Cancel(OrderId(id)), refused(429, "NetworkException", "Too many requests"));
    assert!(bench.left.is_empty());
    bench.run(2);
    assert!(bench.left.iter().any(|call| call.kind == CallKind::Cancel(OrderId(id))), "{:?}", bench.left);
}

#[test]
fn an_update_without_a_name_halts_nothing_and_one_of_a_waiting_stop_triggers_nothing() {
    let mut bench = Bench::new(Settings::default(), [10, 0, 0]);
    bench.run(10);
    let id = bench.order(0, Intent::StopLoss, OrderType::StopLimit);
    bench.answer(CallKind::Place(OrderId(id)), ok(r#"{"order_id":"1001"}"#));
    bench.orders.push(row("1001", 0, "TRIGGER PENDING", "", 0));
    bench.run(3);
    let pending = Some(OrderState::TriggerPending as u8);
    assert_eq!(bench.last(id).map(|(state, _)| state), pending);
    bench.gateway.on_update(&wire::order_object(&row("1001", 0, "UPDATE", "", 0)).unwrap());
    bench.run(3);
    assert_eq!(bench.last(id).map(|(state, _)| state), pending, "an update is no trigger");
    let mut nameless = wire::order_object(&row("1001", 0, "OPEN", "", 0)).unwrap();
    (nameless.exchange, nameless.symbol) = (String::new(), String::new());
    bench.gateway.on_update(&nameless);
    bench.take();
    assert_ne!(bench.gateway.verdict(), Verdict::Halt, "{:?}", bench.gateway.halted_by());
    bench.run(8);
    assert!(bench.gateway.is_armed());
}

#[test]
fn somebody_elses_odd_row_does_not_keep_it_from_arming() {
    let mut bench = Bench::new(Settings::default(), [0; 3]);
    bench.orders.push(r#"{"order_id":"901","status":"AMO REQ RECEIVED","exchange":"CDS","tradingsymbol":"USDINR","quantity":0,"average_price":null,"tag":null}"#.into());
    bench
        .orders
        .push(row("902", 1, "REJECTED", "", 0).replace(r#""average_price":0"#, r#""average_price":null"#));
    bench.run(10);
    assert!(bench.gateway.is_armed(), "{:?}", bench.notes);
    // One of an instrument of ours may be anything.
    bench.orders.push(r#"{"order_id":"903","status":"OPEN","exchange":"NSE","tradingsymbol":"AAA"}"#.into());
    bench.gateway.on_reconnect();
    bench.run(10);
    assert!(!bench.gateway.is_armed());
}

#[test]
fn an_exchange_that_counts_lots_gets_no_order() {
    let mut bench = Bench::new(Settings::default(), [0, 0, 10]);
    bench.run(10);
    let id = bench.order(2, Intent::Flatten, OrderType::Limit);
    assert_eq!(bench.last(id), Some((OrderState::Rejected as u8, ReportReason::NotTradable as u8)));
    assert!(!bench.is_placed(id));
}
