//! Each limit of an entry: just below, at, and just above.

use super::*;
use crate::limits::OPEN_ORDERS_MAX;

fn ruling(seen: &Seen) -> (Decision, Rule, i64, i64, i64, i64) {
    assert_eq!(seen.verdicts.len(), 1);
    let verdict = &seen.verdicts[0];
    let (decision, rule) = seen.rulings()[0];
    assert_eq!(seen.orders.len(), usize::from(verdict.allowed.0 > 0));
    (decision, rule, verdict.observed, verdict.limit, verdict.wanted.0, verdict.allowed.0)
}

#[test]
fn session_hours_and_square_off() {
    let table = [
        (OPEN - 1, Some((Rule::SessionClosed, OPEN))),
        (OPEN, None),
        (SQUARE_OFF - 1, None),
        (SQUARE_OFF, Some((Rule::SquareOff, SQUARE_OFF))),
        (CLOSE - 1, Some((Rule::SquareOff, SQUARE_OFF))),
        (CLOSE, Some((Rule::SessionClosed, CLOSE))),
    ];
    for (ts, expected) in table {
        let mut bench = Bench::priced(&config(1));
        bench.ts = ts;
        let seen = bench.signal(0, Action::Long);
        match expected {
            None => assert_eq!(seen.rulings(), [(Decision::Allow, Rule::None)]),
            Some((rule, limit)) => {
                assert_eq!(ruling(&seen), (Decision::Block, rule, ts as i64, limit as i64, 100, 0));
            }
        }
    }
    let mut bench = Bench::priced(&config(1));
    bench.session_end();
    assert_eq!(bench.signal(0, Action::Long).rulings(), [(Decision::Block, Rule::SessionClosed)]);
}

#[test]
fn an_instrument_needs_a_price_and_to_be_tradable() {
    let mut bench = Bench::new(&config(1));
    assert_eq!(ruling(&bench.signal(0, Action::Long)), (Decision::Block, Rule::LtpMissing, 1, 0, 0, 0));
    let mut config = config(1);
    config.instruments[0].tradable = false;
    let mut bench = Bench::priced(&config);
    assert_eq!(ruling(&bench.signal(0, Action::Long)), (Decision::Block, Rule::NotTradable, 1, 0, 100, 0));
}

#[test]
fn open_positions_count_entries_under_way() {
    let mut bench = Bench::priced(&config(7));
    for id in 0..3 {
        bench.open(id, if id == 1 { Action::Short } else { Action::Long });
    }
    let (_, under_way) = bench.signal(3, Action::Long).orders[0];
    assert_eq!(bench.signal(4, Action::Long).orders.len(), 1, "the fifth");
    assert_eq!(ruling(&bench.signal(5, Action::Long)), (Decision::Block, Rule::OpenPositions, 6, 5, 100, 0));
    bench.fill(3, &under_way, 1, 0, OrderState::Cancelled);
    assert_eq!(bench.signal(5, Action::Long).orders.len(), 1, "the fourth came to nothing");
    // A position being closed counts until it is flat.
    let (_, exit) = bench.signal(0, Action::Exit).orders[0];
    assert_eq!(bench.signal(6, Action::Long).rulings(), [(Decision::Block, Rule::OpenPositions)]);
    bench.fill_all(0, &exit);
    assert_eq!(bench.signal(6, Action::Long).orders.len(), 1);
}

#[test]
fn entries_leave_half_of_the_order_table_to_exits() {
    let half = (OPEN_ORDERS_MAX / 2) as u32;
    let mut config = config(half + 1);
    config.risk.open_positions_max = 10_000;
    let mut bench = Bench::priced(&config);
    for id in 0..half {
        assert_eq!(bench.signal(id, Action::Long).orders.len(), 1, "{id}");
    }
    let limit = i64::from(half);
    assert_eq!(
        ruling(&bench.signal(half, Action::Long)),
        (Decision::Block, Rule::OpenOrders, limit + 1, limit, 100, 0)
    );
}

#[test]
fn a_share_of_capital_below_a_lot_is_refused() {
    for (rupees, quantity) in [(9_999, 1), (10_000, 1), (10_001, 0)] {
        let mut bench = Bench::new(&config(1));
        bench.tick(0, rupees);
        let expected = if quantity > 0 {
            (Decision::Allow, Rule::None, 0, 0, 1, 1)
        } else {
            (Decision::Block, Rule::SizeZero, 0, 1, 0, 0)
        };
        assert_eq!(ruling(&bench.signal(0, Action::Long)), expected, "{rupees}");
    }
}

#[test]
fn order_quantity_reduces_to_whole_lots() {
    let table = [
        (0, (Decision::Allow, Rule::None, 0, 0, 100, 100)),
        (101, (Decision::Allow, Rule::None, 0, 0, 100, 100)),
        (100, (Decision::Allow, Rule::None, 0, 0, 100, 100)),
        (99, (Decision::Reduce, Rule::OrderQuantity, 100, 99, 100, 90)),
        (10, (Decision::Reduce, Rule::OrderQuantity, 100, 10, 100, 10)),
        (9, (Decision::Block, Rule::SizeZero, 0, 10, 100, 0)),
    ];
    for (most, expected) in table {
        let mut config = config(1);
        config.instruments[0].lot = Qty(10);
        config.risk.order_quantity_max = Qty(most);
        let mut bench = Bench::priced(&config);
        assert_eq!(ruling(&bench.signal(0, Action::Long)), expected, "{most}");
    }
}

#[test]
fn freeze_quantity_reduces_to_whole_lots() {
    let reduced =
        |observed, limit, allowed| (Decision::Reduce, Rule::FreezeQuantity, observed, limit, 100, allowed);
    // Freeze quantity and largest order.
    let table = [
        (0, 0, (Decision::Allow, Rule::None, 0, 0, 100, 100)),
        (101, 0, (Decision::Allow, Rule::None, 0, 0, 100, 100)),
        (100, 0, (Decision::Allow, Rule::None, 0, 0, 100, 100)),
        (99, 0, reduced(100, 99, 90)),
        (9, 0, (Decision::Block, Rule::SizeZero, 0, 10, 100, 0)),
        (30, 50, reduced(50, 30, 30)),
        (50, 50, (Decision::Reduce, Rule::OrderQuantity, 100, 50, 100, 50)),
        (50, 30, (Decision::Reduce, Rule::OrderQuantity, 100, 30, 100, 30)),
    ];
    for (freeze, most, expected) in table {
        let mut config = config(1);
        config.instruments[0].lot = Qty(10);
        config.instruments[0].freeze = Qty(freeze);
        config.risk.order_quantity_max = Qty(most);
        let mut bench = Bench::priced(&config);
        assert_eq!(ruling(&bench.signal(0, Action::Long)), expected, "{freeze} {most}");
    }
}

#[test]
fn exits_are_sliced_by_the_smaller_of_both_quantities() {
    let table = [
        (101, 0, None),
        (100, 0, None),
        (99, 0, Some((Rule::FreezeQuantity, 99))),
        (40, 50, Some((Rule::FreezeQuantity, 40))),
        (40, 40, Some((Rule::OrderQuantity, 40))),
        (50, 40, Some((Rule::OrderQuantity, 40))),
        (0, 40, Some((Rule::OrderQuantity, 40))),
    ];
    for (freeze, most, slice) in table {
        let mut bench = Bench::priced(&config(1));
        bench.open(0, Action::Long);
        bench.risk.desks[0].freeze = Qty(freeze);
        bench.risk.config.order_quantity_max = Qty(most);
        let mut seen = bench.signal(0, Action::Exit);
        let expected = slice.map_or((Decision::Allow, Rule::None, 0, 0, 100, 100), |(rule, quantity)| {
            (Decision::Reduce, rule, 100, quantity, 100, quantity)
        });
        assert_eq!(ruling(&seen), expected, "{freeze} {most}");
        while bench.held(0) > 0 {
            seen = bench.fill_all(0, &seen.order());
        }
    }
}

#[test]
fn order_value_counts_the_worst_price() {
    // A buy of 100 at a last price of 100 costs at most 100 × 100.50 = 10,050: 10.05 % of capital. A sell is
    // worth at least its last price.
    let full = (Decision::Allow, Rule::None, 0, 0, 100, 100);
    let reduced = |value: i64, limit: i64, allowed: i64| {
        (Decision::Reduce, Rule::OrderValue, value * SCALE, limit * SCALE, 100, allowed)
    };
    let table = [
        (Action::Long, 1_006, full),
        (Action::Long, 1_005, full),
        (Action::Long, 1_004, reduced(10_050, 10_040, 99)),
        (Action::Short, 1_001, full),
        (Action::Short, 1_000, full),
        (Action::Short, 999, reduced(10_000, 9_990, 99)),
        (Action::Long, 10, (Decision::Block, Rule::SizeZero, 0, 1, 100, 0)), // Rs 100 < 100.50
    ];
    for (action, bps, expected) in table {
        let mut config = config(1);
        config.risk.order_value_bps = bps;
        let mut bench = Bench::priced(&config);
        assert_eq!(ruling(&bench.signal(0, action)), expected, "{action} {bps}");
    }
}

#[test]
fn of_two_reductions_the_later_is_named_and_the_smaller_quantity_holds() {
    let mut config = config(1);
    config.risk.order_quantity_max = Qty(80);
    config.risk.order_value_bps = 502; // Rs 5,020: 49 at 100.50
    let mut bench = Bench::priced(&config);
    let (decision, rule, observed, _, wanted, allowed) = ruling(&bench.signal(0, Action::Long));
    assert_eq!((decision, rule, wanted, allowed), (Decision::Reduce, Rule::OrderValue, 100, 49));
    assert_eq!(observed, 8_040 * SCALE, "the value of what the quantity limit left");
}

#[test]
fn exits_are_sliced_by_the_quantity_limit_and_never_kept_back() {
    let mut config = config(1);
    let mut bench = Bench::priced(&config);
    bench.open(0, Action::Long);
    bench.risk.config.order_quantity_max = Qty(40);
    let seen = bench.signal(0, Action::Exit);
    assert_eq!(ruling(&seen), (Decision::Reduce, Rule::OrderQuantity, 100, 40, 100, 40));
    let second = bench.fill_all(0, &seen.order()).order();
    let third = bench.fill_all(0, &second).order();
    assert_eq!((second.quantity, third.quantity), (Qty(40), Qty(20)));
    assert!(bench.fill_all(0, &third).nothing());
    assert_eq!(bench.held(0), 0);

    // A limit below a lot stops entries, not exits.
    config.instruments[0].lot = Qty(50);
    let mut bench = Bench::priced(&config);
    bench.open(0, Action::Long);
    bench.risk.config.order_quantity_max = Qty(7);
    assert_eq!(bench.signal(0, Action::Exit).order().quantity, Qty(50));
}

#[test]
fn daily_loss_halts_at_its_limit_and_not_before() {
    // 100 units bought at 100; 2 % of Rs 1,00,000 is Rs 2,000: a fall of 20 a unit.
    for (last, halted) in [(Price(800_001), false), (Price(800_000), true), (Price(799_999), true)] {
        let mut bench = Bench::priced(&config(1));
        bench.open(0, Action::Long);
        let seen = bench.tick_at(0, last);
        assert_eq!(bench.risk.halted(), halted);
        if !halted {
            assert!(seen.nothing());
            continue;
        }
        let loss = 100 * (1_000_000 - last.0);
        let verdict = &seen.verdicts[0];
        assert_eq!(seen.rulings(), [(Decision::HaltSession, Rule::DailyLoss), (Decision::Allow, Rule::None)]);
        assert_eq!((verdict.observed, verdict.limit), (loss, 2_000 * SCALE));
        assert_eq!((seen.alarm_codes(), seen.alarms[0].value), (vec![AlarmCode::Halted], loss));
        assert_eq!(shape(&seen.order()).4, Intent::Flatten);
    }
}

#[test]
fn a_loss_limit_of_nothing_halts_at_the_first_entry() {
    let mut config = config(1);
    config.risk.daily_loss_bps = 0;
    let mut bench = Bench::priced(&config);
    let seen = bench.signal(0, Action::Long);
    assert_eq!(ruling(&seen), (Decision::HaltSession, Rule::DailyLoss, 0, 0, 100, 0));
    assert_eq!(seen.alarm_codes(), [AlarmCode::Halted]);
    assert_eq!(bench.signal(0, Action::Long).rulings(), [(Decision::Block, Rule::SessionHalted)]);
}
