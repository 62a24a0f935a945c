//! From signals to orders: entries, exits, reversals, repetitions.

use super::*;

#[test]
fn an_entry_is_sized_priced_and_numbered() {
    let mut bench = Bench::new(&config(1));
    bench.tick_at(0, Price(3_331_300)); // 333.13, between ticks
    let seen = bench.signal(0, Action::Long);
    assert_eq!(seen.rulings(), [(Decision::Allow, Rule::None)]);
    let order = seen.order();
    // 10 % of 1,00,000 ÷ 333.13 = 30.02; 333.13 × 1.005 = 334.7956, down to 334.75
    assert_eq!(shape(&order), (Side::Buy, 30, Price(3_347_500), Validity::Ioc, Intent::Entry));
    assert_eq!((order.id, order.signal, order.strategy), (OrderId(bench.seq * 256), 1, StrategyId(0)));

    let mut bench = Bench::new(&config(1));
    bench.tick_at(0, Price(3_331_300));
    let order = bench.signal(0, Action::Short).order();
    // 333.13 × 0.995 = 331.46435, up to 331.50
    assert_eq!(shape(&order), (Side::Sell, 30, Price(3_315_000), Validity::Ioc, Intent::Entry));
}

#[test]
fn a_passive_entry_rests_at_the_last_price() {
    let mut config = config(1);
    config.strategies[0].passive_entry = true;
    for (action, side, price) in
        [(Action::Long, Side::Buy, 3_331_000), (Action::Short, Side::Sell, 3_331_500)]
    {
        let mut bench = Bench::new(&config);
        bench.tick_at(0, Price(3_331_300));
        let order = bench.signal(0, action).order();
        assert_eq!(shape(&order), (side, 30, Price(price), Validity::Day, Intent::Entry));
    }
}

#[test]
fn a_price_below_a_tick_still_makes_a_valid_order() {
    let mut bench = Bench::new(&config(1));
    bench.tick_at(0, Price(300));
    assert_eq!(bench.signal(0, Action::Long).order().price, Price(500));
}

#[test]
fn lots_and_multipliers_count() {
    let mut config = config(1);
    config.instruments[0].lot = Qty(15);
    config.instruments[0].multiplier = 2;
    let mut bench = Bench::priced(&config);
    assert_eq!(bench.signal(0, Action::Long).order().quantity, Qty(45)); // 50 would be Rs 10,000
}

#[test]
fn what_is_there_or_under_way_is_not_asked_for_again() {
    for action in [Action::Long, Action::Short] {
        let mut bench = Bench::priced(&config(1));
        let order = bench.signal(0, action).order();
        assert!(bench.signal(0, action).nothing(), "under way");
        assert!(bench.fill(0, &order, 1, 40, OrderState::PartiallyFilled).nothing());
        assert!(bench.signal(0, action).nothing(), "partly there");
        assert!(bench.fill(0, &order, 2, 60, OrderState::Cancelled).nothing());
        assert!(bench.signal(0, action).nothing(), "there");
        assert!(bench.signal(0, Action::Hold).nothing());
        assert_eq!(bench.held(0).abs(), 60);
        assert!(bench.timer().nothing());
    }
}

#[test]
fn a_hold_and_an_exit_without_position_do_nothing() {
    let mut bench = Bench::priced(&config(1));
    assert!(bench.signal(0, Action::Hold).nothing());
    assert!(bench.signal(0, Action::Exit).nothing());
    assert!(bench.timer().nothing());
}

#[test]
fn an_exit_closes_and_is_tried_again_each_second() {
    let mut bench = Bench::priced(&config(1));
    assert_eq!(bench.open(0, Action::Long), 100);
    let seen = bench.signal(0, Action::Exit);
    let order = seen.order();
    assert_eq!(shape(&order), (Side::Sell, 100, Price(995_000), Validity::Ioc, Intent::Exit));
    assert_eq!(order.signal, 2);
    assert!(bench.signal(0, Action::Exit).nothing(), "under way");
    assert!(bench.timer().nothing(), "under way");
    assert!(bench.fill(0, &order, 1, 30, OrderState::Cancelled).nothing());
    let again = bench.timer().order();
    assert_eq!((again.quantity, again.signal), (Qty(70), 2));
    assert!(bench.fill_all(0, &again).nothing());
    assert_eq!(bench.held(0), 0);
    assert!(bench.timer().nothing());
}

#[test]
fn a_reversal_exits_and_enters_after_the_fill() {
    for (first, second, side) in
        [(Action::Short, Action::Long, Side::Buy), (Action::Long, Action::Short, Side::Sell)]
    {
        let mut bench = Bench::priced(&config(1));
        bench.open(0, first);
        let exit = bench.signal(0, second).order();
        assert_eq!((shape(&exit).0, shape(&exit).1, shape(&exit).4), (side, 100, Intent::Exit));
        assert!(bench.fill(0, &exit, 1, 60, OrderState::PartiallyFilled).nothing());
        let entry = bench.fill(0, &exit, 2, 100, OrderState::Filled).order();
        assert_eq!((shape(&entry).0, shape(&entry).4, entry.signal), (side, Intent::Entry, 2));
        assert_eq!(entry.id, OrderId(bench.seq * 256), "numbered by the report that caused it");
        bench.fill_all(0, &entry);
        assert_eq!(bench.held(0), 100 * side.sign());
    }
}

#[test]
fn the_last_wish_counts_while_an_exit_is_under_way() {
    let mut bench = Bench::priced(&config(1));
    bench.open(0, Action::Short);
    let exit = bench.signal(0, Action::Long).order();
    assert!(bench.signal(0, Action::Exit).nothing());
    assert!(bench.fill_all(0, &exit).nothing(), "the pending entry was dropped");

    bench.open(0, Action::Long);
    let exit = bench.signal(0, Action::Exit).order();
    assert!(bench.signal(0, Action::Long).nothing());
    assert!(bench.fill(0, &exit, 1, 40, OrderState::Cancelled).nothing());
    assert!(bench.timer().nothing(), "long is wanted again, the rest stays");
    assert_eq!(bench.held(0), 60);
}

#[test]
fn a_working_entry_is_cancelled_before_its_opposite() {
    let mut config = config(1);
    config.strategies[0].passive_entry = true;
    let mut bench = Bench::priced(&config);
    let entry = bench.signal(0, Action::Long).order();
    assert!(bench.fill(0, &entry, 1, 0, OrderState::Open).nothing());
    let seen = bench.signal(0, Action::Short);
    assert_eq!((seen.events.len(), seen.cancels.len(), seen.cancels[0].order), (1, 1, entry.id));
    assert!(bench.signal(0, Action::Short).nothing(), "the cancel is under way");
    // It was filled in part before the cancel reached it: that part is closed, then the short is entered.
    let exit = bench.fill(0, &entry, 2, 30, OrderState::Cancelled).order();
    assert_eq!((exit.quantity, shape(&exit).4), (Qty(30), Intent::Exit));
    let short = bench.fill_all(0, &exit).order();
    assert_eq!((shape(&short).0, shape(&short).4), (Side::Sell, Intent::Entry));

    // Partly filled and resting: one cancel and one exit at once, the cancel first.
    let mut bench = Bench::priced(&config);
    let entry = bench.signal(0, Action::Long).order();
    bench.fill(0, &entry, 1, 30, OrderState::PartiallyFilled);
    let seen = bench.signal(0, Action::Exit);
    let kinds: Vec<Kind> = seen.events.iter().map(Event::kind).collect();
    assert_eq!(kinds, [Kind::Cancel, Kind::Verdict, Kind::Order]);
    assert_eq!(seen.order().quantity, Qty(30));
}

#[test]
fn long_again_while_the_cancel_of_the_entry_is_under_way_enters_anew() {
    let mut config = config(1);
    config.strategies[0].passive_entry = true;
    let mut bench = Bench::priced(&config);
    let entry = bench.signal(0, Action::Long).order();
    assert_eq!(bench.signal(0, Action::Exit).cancels.len(), 1);
    assert!(bench.signal(0, Action::Long).nothing());
    let anew = bench.fill(0, &entry, 1, 0, OrderState::Cancelled).order();
    assert_eq!((anew.signal, anew.quantity), (3, Qty(100)));
}

#[test]
fn short_without_the_right_to_is_refused_flat_and_closes_a_long() {
    let mut config = config(1);
    config.strategies[0].allow_short = false;
    let mut bench = Bench::priced(&config);
    let seen = bench.signal(0, Action::Short);
    assert_eq!(seen.rulings(), [(Decision::Block, Rule::ShortNotAllowed)]);
    assert!(seen.orders.is_empty());
    bench.open(0, Action::Long);
    let exit = bench.signal(0, Action::Short).order();
    assert_eq!(shape(&exit).4, Intent::Exit);
    assert!(bench.fill_all(0, &exit).nothing(), "no entry follows");
}

#[test]
fn orders_of_one_step_are_numbered_in_it() {
    let mut bench = Bench::priced(&config(3));
    let first = bench.signal(0, Action::Long).order();
    let (_, second) = bench.signal_same_step(1, Action::Long).orders[0];
    let (_, third) = bench.signal(2, Action::Long).orders[0];
    assert_eq!(second.id.0, first.id.0 + 1);
    assert_eq!(third.id, OrderId(bench.seq * 256));
    assert_eq!(bench.risk.open_orders(), 3);
}

#[test]
fn every_part_of_a_flow_changes_the_state_hash() {
    let mut bench = Bench::new(&config(1));
    let mut hashes = vec![stage_hash(&mut bench.risk)];
    bench.tick(0, 100);
    hashes.push(stage_hash(&mut bench.risk));
    let order = bench.signal(0, Action::Long).order();
    hashes.push(stage_hash(&mut bench.risk));
    bench.fill(0, &order, 1, 0, OrderState::Open);
    hashes.push(stage_hash(&mut bench.risk));
    bench.fill(0, &order, 2, 100, OrderState::Filled);
    hashes.push(stage_hash(&mut bench.risk));
    bench.kill();
    hashes.push(stage_hash(&mut bench.risk));
    let distinct: std::collections::BTreeSet<u128> = hashes.iter().copied().collect();
    assert_eq!(distinct.len(), hashes.len());
}
