//! The limits of a day and of an account: just below, at, and just above.

use super::*;

fn one(seen: &Seen) -> (Decision, Rule, i64, i64) {
    assert_eq!(seen.verdicts.len(), 1, "{:?}", seen.verdicts);
    let (decision, rule) = seen.rulings()[0];
    assert_eq!(seen.orders.len(), usize::from(seen.verdicts[0].allowed.0 > 0));
    (decision, rule, seen.verdicts[0].observed, seen.verdicts[0].limit)
}

const ALLOWED: (Decision, Rule, i64, i64) = (Decision::Allow, Rule::None, 0, 0);

/// Opens and closes a position of instrument `id`, a minute each.
fn round_trip(bench: &mut Bench, id: u32) {
    bench.ts += 60 * NS_PER_S;
    bench.open(id, Action::Long);
    let (_, exit) = bench.signal(id, Action::Exit).orders[0];
    bench.fill_all(id, &exit);
}

#[test]
fn the_price_collar_measures_from_the_last_price() {
    // A buy at a last price of 100 is limited at 100 and the protection.
    for (protection, collar, distance) in
        [(199, 200, None), (200, 200, None), (201, 200, Some(20_100)), (201, 0, None)]
    {
        for action in [Action::Long, Action::Short] {
            let mut config = config(1);
            config.instruments[0].tick = Price(100);
            config.risk.protection_bps = protection;
            config.risk.price_collar_bps = collar;
            let mut bench = Bench::priced(&config);
            let expected = distance.map_or(ALLOWED, |d| (Decision::Block, Rule::PriceCollar, d, 20_000));
            assert_eq!(one(&bench.signal(0, action)), expected, "{protection} {collar}");
        }
    }
    // A price below a tick makes a limit far above it.
    let mut config = config(1);
    config.risk.price_collar_bps = 200;
    let mut bench = Bench::new(&config);
    bench.tick_at(0, Price(300));
    assert_eq!(one(&bench.signal(0, Action::Long)), (Decision::Block, Rule::PriceCollar, 200, 6));
}

#[test]
fn trades_of_the_day_and_of_a_symbol_are_entries_sent() {
    let mut config = config(3);
    config.risk.trades_per_day = 5;
    config.risk.trades_per_symbol = 3;
    let mut bench = Bench::priced(&config);
    for _ in 0..2 {
        round_trip(&mut bench, 0);
    }
    // An entry that came to nothing was sent all the same.
    let entry = bench.signal(0, Action::Long).order();
    bench.fill(0, &entry, 1, 0, OrderState::Cancelled);
    let seen = bench.signal(0, Action::Long);
    assert_eq!(one(&seen), (Decision::Block, Rule::TradesPerSymbol, 4, 3));
    round_trip(&mut bench, 1);
    bench.open(1, Action::Long);
    assert_eq!(one(&bench.signal(2, Action::Long)), (Decision::Block, Rule::TradesPerDay, 6, 5));
    assert_eq!(one(&bench.signal(1, Action::Exit)), ALLOWED, "exits are not counted");
    let mut bench = Bench::priced(&config);
    for _ in 0..3 {
        round_trip(&mut bench, 0);
    }
    bench.session_end();
    bench.session_start();
    round_trip(&mut bench, 0);
}

#[test]
fn no_entry_from_its_time_on_and_exits_all_the_same() {
    // 10:00 in India is 4:30 UTC.
    let end = (4 * 3_600 + 1_800) * NS_PER_S;
    let mut config = config(2);
    config.risk.no_new_entry_s = 36_000;
    for (ts, expected) in [
        (end - 1, ALLOWED),
        (end, (Decision::Block, Rule::NoNewEntry, end as i64, end as i64)),
        (end + 1, (Decision::Block, Rule::NoNewEntry, end as i64 + 1, end as i64)),
        (SQUARE_OFF, (Decision::Block, Rule::SquareOff, SQUARE_OFF as i64, SQUARE_OFF as i64)),
    ] {
        let mut bench = Bench::priced(&config);
        bench.open(1, Action::Long);
        bench.ts = ts;
        assert_eq!(one(&bench.signal(0, Action::Long)), expected);
        assert_eq!(one(&bench.signal(1, Action::Exit)), ALLOWED);
    }
}

#[test]
fn entries_leave_a_quarter_of_the_second_to_exits() {
    let mut config = config(12);
    config.risk.open_positions_max = 12;
    config.risk.orders_per_second = 8;
    let mut bench = Bench::priced(&config);
    for id in 0..4 {
        bench.open(id, Action::Long);
    }
    bench.ts += NS_PER_S;
    for id in 4..10 {
        assert_eq!(one(&bench.signal(id, Action::Long)), ALLOWED, "{id}");
    }
    bench.ts += NS_PER_S - 1;
    assert_eq!(one(&bench.signal(10, Action::Long)), (Decision::Block, Rule::OrderRate, 7, 6));
    assert_eq!(one(&bench.signal(0, Action::Exit)), ALLOWED);
    assert_eq!(one(&bench.signal(1, Action::Exit)), ALLOWED, "the eighth");
    assert_eq!(one(&bench.signal(2, Action::Exit)), (Decision::Block, Rule::OrderRate, 9, 8));
    bench.ts += 1;
    assert_eq!(one(&bench.signal(10, Action::Long)), ALLOWED, "another second");
    let seen = bench.timer();
    assert_eq!(seen.orders.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [2], "the exit that waited");
}

#[test]
fn a_flatten_takes_its_seconds_and_begins_with_who_waits() {
    let mut config = config(20);
    config.risk.open_positions_max = 20;
    config.risk.position_bps = 100;
    config.risk.orders_per_second = 8;
    let mut bench = Bench::priced(&config);
    for id in 0..20 {
        bench.ts += NS_PER_S;
        bench.open(id, Action::Long);
    }
    bench.ts += NS_PER_S;
    let mut sent = vec![bench.kill()];
    for _ in 0..3 {
        let before = sent.last().unwrap();
        for (id, order) in &before.orders {
            bench.fill(*id, order, 1, 0, OrderState::Cancelled); // nothing is ever filled
        }
        sent.push(bench.timer());
    }
    let ids: Vec<Vec<u32>> =
        sent.iter().map(|seen| seen.orders.iter().map(|(id, _)| *id).collect()).collect();
    let turn = |from: u32| (from..from + 8).map(|id| id % 20).collect::<Vec<_>>();
    assert_eq!(ids, [turn(0), turn(8), turn(16), turn(4)], "nobody is left out");
}

#[test]
fn drawdown_halts_at_its_limit_from_the_peak() {
    // 100 units bought at 100, seen at 130: the peak is Rs 3,000; 3 % of Rs 1,00,000 is a fall of 30 a unit.
    for (last, halted) in [(Price(1_000_001), false), (Price(1_000_000), true), (Price(999_999), true)] {
        let mut config = config(1);
        config.risk.drawdown_bps = 300;
        let mut bench = Bench::priced(&config);
        bench.open(0, Action::Long);
        assert!(bench.tick(0, 130).nothing());
        let seen = bench.tick_at(0, last);
        assert_eq!(bench.risk.halted(), halted);
        if !halted {
            assert!(seen.nothing());
            continue;
        }
        let fall = 100 * (1_300_000 - last.0);
        assert_eq!(seen.rulings()[0], (Decision::HaltSession, Rule::Drawdown));
        assert_eq!((seen.verdicts[0].observed, seen.verdicts[0].limit), (fall, 3_000 * SCALE));
        assert_eq!((seen.alarm_codes(), seen.alarms[0].value), (vec![AlarmCode::Halted], fall));
        assert_eq!(shape(&seen.order()).4, Intent::Flatten);
        bench.fill_all(0, &seen.order());
        assert_eq!(bench.signal(0, Action::Long).rulings(), [(Decision::Block, Rule::SessionHalted)]);
    }
}

#[test]
fn a_symbol_is_closed_at_its_own_loss_for_the_day() {
    // 0.5 % of Rs 1,00,000 is Rs 500: a fall of 5 a unit.
    for (last, closed) in [(Price(950_001), false), (Price(950_000), true), (Price(949_999), true)] {
        let mut config = config(2);
        config.risk.symbol_loss_bps = 50;
        let mut bench = Bench::priced(&config);
        bench.open(0, Action::Long);
        bench.open(1, Action::Short);
        let seen = bench.tick_at(0, last);
        assert!(!bench.risk.halted());
        if !closed {
            assert!(seen.nothing());
            continue;
        }
        assert_eq!(seen.rulings(), [(Decision::Block, Rule::SymbolLoss), (Decision::Allow, Rule::None)]);
        let loss = 100 * (1_000_000 - last.0);
        assert_eq!((seen.verdicts[0].observed, seen.verdicts[0].limit), (loss, 500 * SCALE));
        let exit = seen.order();
        assert_eq!((shape(&exit).1, shape(&exit).4), (100, Intent::Flatten), "and no other instrument");
        assert!(bench.signal(0, Action::Long).nothing(), "the exit is under way");
        assert!(bench.fill(0, &exit, 1, 40, OrderState::Cancelled).nothing());
        let again = bench.timer().order();
        assert_eq!((again.quantity, shape(&again).4), (Qty(60), Intent::Flatten));
        let refused = bench.fill_all(0, &again);
        assert_eq!(refused.rulings(), [(Decision::Block, Rule::SymbolLoss)], "the wish to be long");
        assert_eq!(bench.signal(0, Action::Short).rulings(), [(Decision::Block, Rule::SymbolLoss)]);
        let (_, other) = bench.signal(1, Action::Exit).orders[0];
        bench.fill_all(1, &other);
        bench.session_end();
        bench.session_start();
        assert_eq!(bench.signal(0, Action::Long).rulings(), [(Decision::Allow, Rule::None)]);
    }
}

#[test]
fn a_resting_entry_of_a_closed_symbol_is_cancelled() {
    let mut config = config(1);
    config.strategies[0].passive_entry = true;
    config.risk.symbol_loss_bps = 50;
    let mut bench = Bench::priced(&config);
    let entry = bench.signal(0, Action::Long).order();
    bench.fill(0, &entry, 1, 60, OrderState::PartiallyFilled);
    let seen = bench.tick(0, 90);
    assert_eq!(seen.cancels.iter().map(|cancel| cancel.order).collect::<Vec<_>>(), [entry.id]);
    assert_eq!((seen.order().quantity, shape(&seen.order()).4), (Qty(60), Intent::Flatten));
}

/// A config of one instrument of `class`, entries of the whole capital, without protection: 1,000 units at
/// 100.
fn whole(class: InstrumentClass) -> PipelineConfig {
    let mut config = config(2);
    for spec in &mut config.instruments {
        spec.class = class;
    }
    config.risk.position_bps = 10_000;
    config.risk.order_value_bps = 10_000;
    config.risk.protection_bps = 0;
    config
}

#[test]
fn exposure_counts_the_margin_of_positions_and_entries() {
    use InstrumentClass::{Equity, Future, Option};
    let table = [
        // Two positions of Rs 1,00,000 each: margins of 20 %, 15 % and the premium; equity is Rs 1,00,000.
        (Equity, 4_001, None),
        (Equity, 4_000, None),
        (Equity, 3_999, Some((40_000, 39_990))),
        (Future, 3_001, None),
        (Future, 3_000, None),
        (Future, 2_999, Some((30_000, 29_990))),
        (Option, 20_001, None),
        (Option, 20_000, None),
        (Option, 19_999, Some((200_000, 199_990))),
        (Equity, 0, None),
    ];
    for (class, bps, expected) in table {
        for filled in [false, true] {
            let mut config = whole(class);
            config.risk.exposure_bps = bps;
            let mut bench = Bench::priced(&config);
            let (_, first) = bench.signal(0, Action::Long).orders[0];
            if filled {
                bench.fill_all(0, &first);
            }
            let expected =
                expected.map_or(ALLOWED, |(o, l)| (Decision::Block, Rule::Exposure, o * SCALE, l * SCALE));
            assert_eq!(one(&bench.signal(1, Action::Long)), expected, "{class:?} {bps}");
        }
    }
    let mut config = whole(Option);
    config.risk.exposure_bps = 8_000;
    let (decision, rule, observed, _) = one(&Bench::priced(&config).signal(0, Action::Short));
    assert_eq!((decision, rule, observed), (Decision::Block, Rule::Exposure, i64::MAX), "nobody knows");
}

#[test]
fn leverage_and_derivatives_are_gross_values_over_equity() {
    use InstrumentClass::{Equity, Future};
    for (class, rule) in [(Equity, Rule::Leverage), (Future, Rule::DerivativesValue)] {
        for (bps, allowed) in [(20_001, true), (20_000, true), (19_999, false), (0, true)] {
            let mut config = whole(class);
            match class {
                Equity => config.risk.leverage_bps = bps,
                _ => config.risk.derivatives_bps = bps,
            }
            let mut bench = Bench::priced(&config);
            bench.open(0, Action::Short);
            let expected =
                if allowed { ALLOWED } else { (Decision::Block, rule, 200_000 * SCALE, 199_990 * SCALE) };
            assert_eq!(one(&bench.signal(1, Action::Long)), expected, "long and short add up: {bps}");
        }
    }
    // Profit is equity: 10 a unit on 1,000 units make room.
    let mut config = whole(Equity);
    config.risk.leverage_bps = 19_000;
    let mut bench = Bench::priced(&config);
    bench.open(0, Action::Long);
    bench.tick(0, 110); // 1,10,000 held and 1,00,000 wanted, over 1,10,000: 1.909
    assert_eq!(bench.signal(1, Action::Long).rulings(), [(Decision::Block, Rule::Leverage)]);
    bench.tick(0, 112); // 2,12,000 over 1,12,000: 1.893
    assert_eq!(bench.signal(1, Action::Long).rulings(), [(Decision::Allow, Rule::None)]);
}

#[test]
fn every_limit_of_the_day_is_in_the_state_hash() {
    let mut config = config(1);
    config.risk.orders_per_second = 8;
    config.risk.symbol_loss_bps = 50;
    type Change = fn(&mut Risk);
    let table: [(&str, Change); 10] = [
        ("trades", |risk| risk.trades += 1),
        ("barred", |risk| risk.barred += 1),
        ("peak", |risk| risk.peak_net.0 += 1),
        ("drawdown limit", |risk| risk.drawdown_limit.0 += 1),
        ("symbol's limit", |risk| risk.symbol_loss_limit.0 += 1),
        ("end of entries", |risk| risk.desks[0].hours.entries_end.0 += 1),
        ("order rate", |risk| risk.rate.count(TsNs(1))),
        ("waiting", |risk| risk.waiting = Some(0)),
        ("desk's trades", |risk| risk.desks[0].trades += 1),
        ("desk's bar", |risk| risk.desks[0].barred = true),
    ];
    for (name, change) in table {
        let mut bench = Bench::priced(&config);
        let before = stage_hash(&mut bench.risk);
        change(&mut bench.risk);
        assert_ne!(stage_hash(&mut bench.risk), before, "{name}");
    }
}
