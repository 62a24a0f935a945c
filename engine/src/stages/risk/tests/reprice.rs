//! Resting entries that follow the market.

use super::*;
use crate::event::{Modify, ReportReason};
use crate::state;

/// One instrument whose entries rest, and follow after three seconds.
fn following() -> PipelineConfig {
    let mut config = config(1);
    config.strategies[0].passive_entry = true;
    config.strategies[0].reprice_ns = 3 * NS_PER_S;
    config
}

/// A bench with 100 units resting at Rs 100, and their order.
fn resting(config: &PipelineConfig, action: Action) -> (Bench, Order) {
    let mut bench = Bench::priced(config);
    let order = bench.signal(0, action).order();
    assert_eq!((order.quantity, order.price), (Qty(100), Price(1_000_000)));
    assert!(bench.fill(0, &order, 1, 0, OrderState::Open).nothing());
    (bench, order)
}

/// Lets a second pass; the one change of a price, if there was one.
fn second(bench: &mut Bench) -> Option<Modify> {
    let seen = bench.timer();
    assert_eq!(seen.events.len(), seen.modifies.len(), "a change of a price and nothing else");
    assert!(seen.modifies.len() <= 1);
    seen.modifies.first().copied()
}

/// The venue's answer to the last thing it was asked.
fn answer(bench: &mut Bench, order: &Order, number: u32, filled: i64, reason: ReportReason) {
    let state = if filled > 0 { OrderState::PartiallyFilled } else { OrderState::Open };
    let mut report = report(order, number, filled, state);
    report.cause = Seq(bench.seq);
    report.reason = reason as u8;
    assert!(bench.report(0, &report).nothing());
}

fn price(bench: &Bench) -> Price {
    bench.risk.desks[0].entry.expect("it rests").price
}

#[test]
fn an_entry_that_the_market_left_follows_it() {
    // Between ticks: a buy goes below the last price, a sell above it.
    for (action, last, to) in [
        (Action::Long, 1_010_200, 1_010_000),
        (Action::Long, 990_200, 990_000),
        (Action::Short, 990_200, 990_500),
        (Action::Short, 1_010_200, 1_010_500),
    ] {
        let (mut bench, order) = resting(&following(), action);
        assert!(bench.tick_at(0, Price(last)).nothing());
        assert!(second(&mut bench).is_none());
        assert!(second(&mut bench).is_none(), "two seconds");
        let modify = second(&mut bench).expect("three seconds");
        assert_eq!((modify.order, modify.quantity, modify.price), (order.id, Qty(100), Price(to)));
        assert_eq!((modify.strategy, modify.intent), (StrategyId(0), Intent::Entry as u8));
        answer(&mut bench, &order, 2, 0, ReportReason::Modified);
        assert_eq!(price(&bench), Price(to));
        // Again after as long, if the market moves on.
        assert!(bench.tick(0, 105).nothing());
        assert!(second(&mut bench).is_none());
        assert!(second(&mut bench).is_none());
        assert_eq!(second(&mut bench).expect("three seconds more").price, Price(1_050_000));
    }
}

#[test]
fn an_entry_at_its_price_stays() {
    let (mut bench, _) = resting(&following(), Action::Long);
    assert!(bench.tick_at(0, Price(1_000_400)).nothing());
    for _ in 0..10 {
        assert!(second(&mut bench).is_none());
    }
    let mut config = following();
    config.strategies[0].reprice_ns = 0;
    let (mut bench, _) = resting(&config, Action::Long);
    assert!(bench.tick(0, 110).nothing());
    for _ in 0..10 {
        assert!(second(&mut bench).is_none(), "switched off");
    }
}

#[test]
fn half_a_second_rounds_to_the_next_timer() {
    let mut config = following();
    config.strategies[0].reprice_ns = NS_PER_S / 2;
    let (mut bench, _) = resting(&config, Action::Long);
    assert!(bench.tick(0, 101).nothing());
    assert!(second(&mut bench).is_some());
}

#[test]
fn nothing_more_is_asked_before_the_answer() {
    let (mut bench, order) = resting(&following(), Action::Long);
    assert!(bench.tick(0, 102).nothing());
    bench.ts += 2 * NS_PER_S;
    let asked = second(&mut bench).expect("due");
    let step = bench.seq;
    assert_eq!((asked.price, price(&bench)), (Price(1_020_000), Price(1_020_000)));
    assert!(bench.tick(0, 104).nothing());
    // A report that was made before the request says nothing about it.
    let mut earlier = report(&order, 2, 10, OrderState::PartiallyFilled);
    earlier.cause = Seq(step - 1);
    assert!(bench.report(0, &earlier).nothing());
    for _ in 0..10 {
        assert!(second(&mut bench).is_none());
    }
    answer(&mut bench, &order, 3, 10, ReportReason::Modified);
    let asked = second(&mut bench).expect("due long ago");
    assert_eq!((asked.price, asked.quantity), (Price(1_040_000), Qty(100)), "what is filled is in it");
    // Filled at once: the answer is the fill.
    answer(&mut bench, &order, 4, 60, ReportReason::None);
    assert_eq!((price(&bench), bench.held(0)), (Price(1_040_000), 60));
}

#[test]
fn a_refused_price_leaves_the_old_one() {
    for (last, asked) in [(102, 1_020_000), (98, 980_000)] {
        for reason in [ReportReason::Malformed, ReportReason::Closed, ReportReason::SelfTrade] {
            let (mut bench, order) = resting(&following(), Action::Long);
            assert!(bench.tick(0, last).nothing());
            bench.ts += 2 * NS_PER_S;
            assert_eq!(second(&mut bench).expect("due").price, Price(asked));
            assert_eq!(price(&bench), Price(asked.max(1_000_000)), "the dearer one until the answer");
            answer(&mut bench, &order, 2, 0, reason);
            assert_eq!(price(&bench), Price(1_000_000));
            assert!(second(&mut bench).is_none());
            assert!(second(&mut bench).is_none());
            assert!(second(&mut bench).is_some(), "tried again after three seconds");
        }
    }
}

#[test]
fn an_order_on_its_way_out_does_not_move() {
    let (mut bench, order) = resting(&following(), Action::Long);
    assert!(bench.tick(0, 101).nothing());
    assert_eq!(bench.signal(0, Action::Exit).cancels.len(), 1);
    for _ in 0..5 {
        let seen = bench.timer();
        assert!(seen.modifies.is_empty(), "the cancel is repeated, the price stays");
        assert_eq!(seen.cancels.len(), 1);
    }
    assert!(bench.fill(0, &order, 2, 0, OrderState::Cancelled).nothing());
    assert!(bench.timer().nothing());
}

#[test]
fn the_order_value_keeps_it_where_it_is() {
    // 20 % of 1,00,000 for 100 units: Rs 200 each.
    for (last, moves) in [(1_999_500, true), (2_000_000, true), (2_000_100, false), (2_000_500, false)] {
        let (mut bench, _) = resting(&following(), Action::Long);
        assert!(bench.tick_at(0, Price(last)).nothing());
        bench.ts += 2 * NS_PER_S;
        assert_eq!(second(&mut bench).is_some(), moves, "{last}");
    }
}

#[test]
fn the_price_collar_keeps_it_where_it_is() {
    let mut config = following();
    config.risk.price_collar_bps = 1;
    // A ten-thousandth of 101 is 1.01 paise.
    for (last, moves) in [(1_010_101, true), (1_010_102, false), (1_010_000, true)] {
        let (mut bench, _) = resting(&config, Action::Long);
        assert!(bench.tick_at(0, Price(last)).nothing());
        bench.ts += 2 * NS_PER_S;
        assert_eq!(second(&mut bench).is_some(), moves, "{last}");
    }
}

#[test]
fn exposure_and_leverage_count_it_once() {
    // 100 units at Rs 101 are Rs 10,100 of an equity of 1,00,000.
    for (bps, moves) in [(1_010, true), (1_009, false), (2_000, true)] {
        let mut config = following();
        config.risk.leverage_bps = bps;
        let (mut bench, _) = resting(&config, Action::Long);
        assert!(bench.tick(0, 101).nothing());
        bench.ts += 2 * NS_PER_S;
        assert_eq!(second(&mut bench).is_some(), moves, "{bps}");
    }
}

#[test]
fn after_the_last_entries_it_stays() {
    let mut config = following();
    config.risk.no_new_entry_margin_s = 2_000;
    let end = CLOSE - 2_000 * NS_PER_S;
    for (at, moves) in [(end - 1, true), (end, false), (end + 1, false)] {
        let (mut bench, _) = resting(&config, Action::Long);
        assert!(bench.tick(0, 101).nothing());
        bench.ts = at - NS_PER_S;
        assert_eq!(second(&mut bench).is_some(), moves);
    }
}

#[test]
fn it_counts_as_an_order_of_its_second() {
    let mut config = following();
    config.instruments.extend([config.instruments[0].clone(), config.instruments[0].clone()]);
    config.strategies[0].instruments = (0..3).map(InstrumentId).collect();
    config.risk.orders_per_second = 3; // of which entries have two
    let mut bench = Bench::priced(&config);
    for id in 0..3 {
        assert_eq!(bench.signal(id, Action::Long).orders.len(), 1);
        bench.ts += NS_PER_S;
    }
    for id in 0..3 {
        assert!(bench.tick(id, 101).nothing());
    }
    bench.ts += 10 * NS_PER_S;
    assert_eq!(bench.timer().modifies.len(), 2);
    assert_eq!(bench.timer().modifies.len(), 1, "the third a second later");
    assert!(bench.timer().nothing());
}

#[test]
fn the_state_covers_it() {
    let hash = |bench: &mut Bench| state::hash(0, |io| bench.risk.desks[0].state(io));
    let (mut bench, _) = resting(&following(), Action::Long);
    let before = hash(&mut bench);
    bench.risk.desks[0].entry.as_mut().unwrap().since = TsNs(1);
    let moved = hash(&mut bench);
    assert_ne!(moved, before);
    bench.tick(0, 99);
    bench.ts += 10 * NS_PER_S;
    second(&mut bench).expect("due");
    let entry = bench.risk.desks[0].entry.as_mut().unwrap();
    entry.since = TsNs(1);
    assert_eq!(entry.price, Price(1_000_000));
    assert_ne!(hash(&mut bench), moved, "what was asked");
}

#[test]
fn an_absurd_price_moves_nothing_and_stops_nobody() {
    let mut config = following();
    config.risk.capital = Money::rupees(2_000_000_000);
    config.risk.order_value_bps = 10_000;
    let mut bench = Bench::new(&config);
    bench.session_start();
    bench.tick_at(0, Price(500));
    let order = bench.signal(0, Action::Long).order();
    assert!(bench.fill(0, &order, 1, 0, OrderState::Open).nothing());
    // The largest price of a packet times what was bought at five paise is beyond the range of money.
    let absurd = Price(i64::from(i32::MAX) * 100);
    assert!(i128::from(absurd.0) * i128::from(order.quantity.0) > i128::from(i64::MAX));
    bench.tick_at(0, absurd);
    for _ in 0..4 {
        assert!(second(&mut bench).is_none());
    }
}
