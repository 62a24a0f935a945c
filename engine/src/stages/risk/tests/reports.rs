//! Reports: duplicates, late ones, reordered ones, and those that contradict.

use super::*;

#[test]
fn duplicates_and_late_reports_change_nothing() {
    let mut bench = Bench::priced(&config(1));
    let order = bench.signal(0, Action::Long).order();
    bench.fill(0, &order, 1, 30, OrderState::PartiallyFilled);
    assert!(bench.fill(0, &order, 1, 30, OrderState::PartiallyFilled).nothing());
    assert_eq!(bench.held(0), 30);
    // The third overtakes the second.
    bench.fill(0, &order, 3, 100, OrderState::Filled);
    assert!(bench.fill(0, &order, 2, 60, OrderState::PartiallyFilled).nothing());
    assert!(bench.fill(0, &order, 3, 100, OrderState::Filled).nothing());
    assert_eq!((bench.held(0), bench.risk.open_orders()), (100, 0));
    // Late even after the desk has had other orders.
    let exit = bench.signal(0, Action::Exit).order();
    bench.fill_all(0, &exit);
    let next = bench.signal(0, Action::Long).order();
    assert!(bench.fill(0, &order, 2, 60, OrderState::PartiallyFilled).nothing());
    assert!(bench.fill(0, &exit, 1, 100, OrderState::Filled).nothing());
    bench.fill(0, &next, 1, 0, OrderState::Rejected);
    assert_eq!((bench.held(0), bench.risk.open_orders()), (0, 0));
    assert!(!bench.risk.killed());
}

#[test]
fn an_order_nobody_sent_is_an_alarm_and_nothing_more() {
    let mut bench = Bench::priced(&config(2));
    let order = bench.signal(0, Action::Long).order();
    let mut stranger = report(&order, 1, 100, OrderState::Filled);
    stranger.order = OrderId(order.id.0 + 1);
    for (instrument, body) in
        [(0, stranger), (1, report(&order, 1, 100, OrderState::Filled)), (u32::MAX, stranger)]
    {
        let seen = bench.report(instrument, &body);
        assert_eq!((seen.events.len(), seen.alarm_codes()), (1, vec![AlarmCode::ReportMismatch]));
        assert_eq!(seen.alarms[0].order, body.order);
    }
    assert_eq!((bench.held(0), bench.held(1), bench.risk.killed()), (0, 0, false));
}

#[test]
fn a_contradiction_is_not_booked_and_latches_the_kill() {
    type Twist = fn(&mut Report);
    let table: [(&str, Twist); 9] = [
        ("fewer filled", |r| r.filled = Qty(39)),
        ("overfilled", |r| r.filled = Qty(101)),
        ("less value", |r| r.filled_value = Money(1)),
        ("value without quantity", |r| r.filled = Qty(40)),
        ("another quantity", |r| r.quantity = Qty(101)),
        ("another side", |r| r.side = Side::Sell as u8),
        ("filled, but not all", |r| r.state = OrderState::Filled as u8),
        ("rejected, but filled", |r| r.state = OrderState::Rejected as u8),
        ("negative", |r| r.filled = Qty(i64::MIN)),
    ];
    for (name, twist) in table {
        let mut bench = Bench::priced(&config(1));
        let order = bench.signal(0, Action::Long).order();
        bench.fill(0, &order, 1, 40, OrderState::PartiallyFilled);
        let mut body = report(&order, 2, 50, OrderState::PartiallyFilled);
        twist(&mut body);
        let seen = bench.report(0, &body);
        assert_eq!(seen.alarm_codes(), [AlarmCode::ReportMismatch, AlarmCode::Killed], "{name}");
        assert_eq!((bench.held(0), bench.risk.killed()), (40, true), "{name}");
        let flatten = seen.order();
        assert_eq!((flatten.quantity, shape(&flatten).4), (Qty(40), Intent::Flatten), "{name}");
    }
}

#[test]
fn a_rejected_entry_leaves_nothing_behind() {
    let mut bench = Bench::priced(&config(1));
    let order = bench.signal(0, Action::Long).order();
    assert!(bench.fill(0, &order, 1, 0, OrderState::Rejected).nothing());
    assert_eq!((bench.risk.open_orders(), bench.risk.occupied, bench.risk.wishes), (0, 0, 0));
    assert_eq!(bench.signal(0, Action::Long).orders.len(), 1, "a later signal tries again");
}
