//! Stop loss, take profit and holding time.

use super::super::claims::Claim;
use super::super::exits::Entered;
use super::*;
use crate::state;

/// One instrument, one strategy with these exits.
fn with_exits(stop_loss_bps: i64, take_profit_bps: i64, holding_ns: u64) -> PipelineConfig {
    let mut config = config(1);
    let strategy = &mut config.strategies[0];
    (strategy.stop_loss_bps, strategy.take_profit_bps) = (stop_loss_bps, take_profit_bps);
    strategy.holding_ns = holding_ns;
    config
}

fn claim(stop_loss_bps: i64, take_profit_bps: i64, holding_ns: u64) -> Claim {
    Claim::new(StrategyId(0), &with_exits(stop_loss_bps, take_profit_bps, holding_ns).strategies[0])
}

/// Entered with these fills: quantity, and value in 1/10,000.
fn entered(fills: &[(i64, i64)]) -> Entered {
    let mut entered = Entered::NONE;
    let mut held = Qty::ZERO;
    for (i, &(quantity, value)) in fills.iter().enumerate() {
        entered.add(held, Qty(quantity), Money(value), TsNs(1_000 + i as u64));
        held += Qty(quantity);
    }
    entered
}

#[test]
fn thresholds_at_just_below_and_just_above() {
    const NONE: Option<Intent> = None;
    const STOP: Option<Intent> = Some(Intent::StopLoss);
    const TAKE: Option<Intent> = Some(Intent::TakeProfit);
    let hundred_at_100: &[(i64, i64)] = &[(100, 100_000_000)];
    // 100 at 100 and 50 at 103: 101 on average.
    let averaged: &[(i64, i64)] = &[(100, 100_000_000), (50, 51_500_000)];
    // An average of 100.000033…: a hundredth of a percent below it is 99.990033…
    let uneven: &[(i64, i64)] = &[(2, 2_000_001), (1, 1_000_000)];
    let table = [
        // fills, multiplier, sign, stop, take, last, expected
        (hundred_at_100, 1, 1, 200, 300, 980_001, NONE),
        (hundred_at_100, 1, 1, 200, 300, 980_000, STOP),
        (hundred_at_100, 1, 1, 200, 300, 979_999, STOP),
        (hundred_at_100, 1, 1, 200, 300, 1_029_999, NONE),
        (hundred_at_100, 1, 1, 200, 300, 1_030_000, TAKE),
        (hundred_at_100, 1, 1, 200, 300, 1_030_001, TAKE),
        (hundred_at_100, 1, -1, 200, 300, 1_019_999, NONE),
        (hundred_at_100, 1, -1, 200, 300, 1_020_000, STOP),
        (hundred_at_100, 1, -1, 200, 300, 970_001, NONE),
        (hundred_at_100, 1, -1, 200, 300, 970_000, TAKE),
        // Two units at 100.00 of a contract worth 50 a point.
        (&[(2, 100_000_000)], 50, 1, 200, 300, 980_001, NONE),
        (&[(2, 100_000_000)], 50, 1, 200, 300, 980_000, STOP),
        (&[(2, 100_000_000)], 50, -1, 200, 300, 970_001, NONE),
        (&[(2, 100_000_000)], 50, -1, 200, 300, 970_000, TAKE),
        (averaged, 1, 1, 100, 0, 999_901, NONE),
        (averaged, 1, 1, 100, 0, 999_900, STOP),
        (averaged, 1, 1, 0, 100, 1_020_099, NONE),
        (averaged, 1, 1, 0, 100, 1_020_100, TAKE),
        (uneven, 1, 1, 1, 0, 999_901, NONE),
        (uneven, 1, 1, 1, 0, 999_900, STOP),
        // Off, and without a price.
        (hundred_at_100, 1, 1, 0, 0, 1, NONE),
        (hundred_at_100, 1, 1, 0, 0, 900_000_000, NONE),
        (hundred_at_100, 1, 1, 200, 300, 0, NONE),
        (&[], 1, 1, 200, 300, 1, NONE),
    ];
    for (fills, multiplier, sign, stop, take, last, expected) in table {
        let due = entered(fills).due(&claim(stop, take, 0), sign, Price(last), multiplier, TsNs(u64::MAX));
        assert_eq!(due, expected, "{fills:?} × {multiplier}, sign {sign}, {stop}/{take} bps at {last}");
    }
}

#[test]
fn the_holding_time_counts_from_the_first_fill() {
    let entered = entered(&[(1, 1_000_000), (1, 1_000_000)]);
    for (now, holding, expected) in [
        (1_499, 500, None),
        (1_500, 500, Some(Intent::HoldingTime)),
        (1_501, 500, Some(Intent::HoldingTime)),
        (999, 500, None),
        (u64::MAX, 0, None),
    ] {
        assert_eq!(entered.due(&claim(0, 0, holding), 1, Price(1), 1, TsNs(now)), expected, "{now}");
    }
    let stop_first = entered.due(&claim(100, 0, 500), 1, Price(1), 1, TsNs(2_000));
    assert_eq!(stop_first, Some(Intent::StopLoss));
}

/// Against the same condition as a bound on the price: last × quantity × 10,000 against value × (10,000 ± bps).
#[test]
fn any_position_is_closed_from_its_bound_on() {
    let seed = 20_210_416_u64;
    println!("seed {seed}");
    let mut state = seed;
    let mut next = |below: i64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % below as u64) as i64
    };
    let mut seen = [0_u32; 3];
    for _ in 0..100_000 {
        let fills: Vec<_> = (0..=next(3)).map(|_| (1 + next(500), 1 + next(2_000_000_000))).collect();
        let (stop, take, multiplier) = (next(500), next(500), 1 + next(50));
        let sign = if next(2) == 0 { 1 } else { -1 };
        let quantity: i128 = fills.iter().map(|fill| i128::from(fill.0)).sum();
        let value: i128 = fills.iter().map(|fill| i128::from(fill.1)).sum();
        let around = (value / quantity / i128::from(multiplier)) as i64;
        let last = (around + around * (next(1_200) - 600) / 10_000 + next(3)).max(1);
        let worth = i128::from(last) * quantity * i128::from(multiplier) * 10_000;
        let (below, above) = if sign > 0 { (stop, take) } else { (take, stop) };
        let fell = below > 0 && worth <= value * i128::from(10_000 - below);
        let rose = above > 0 && worth >= value * i128::from(10_000 + above);
        let (stopped, taken) = if sign > 0 { (fell, rose) } else { (rose, fell) };
        let expected = match (stopped, taken) {
            (true, _) => Some(Intent::StopLoss),
            (_, true) => Some(Intent::TakeProfit),
            _ => None,
        };
        seen[expected.map_or(0, |intent| intent as usize - 4)] += 1;
        let due = entered(&fills).due(&claim(stop, take, 0), sign, Price(last), multiplier, TsNs(0));
        assert_eq!(due, expected, "{fills:?} × {multiplier}, sign {sign}, {stop}/{take} at {last}");
    }
    assert!(seen.iter().all(|&count| count > 1_000), "{seen:?}");
}

#[test]
fn a_stop_loss_closes_until_flat_and_nothing_goes_back() {
    for (action, side, near, at, limit) in [
        (Action::Long, Side::Sell, 980_100, 980_000, 975_000), // 98 × 0.995 = 97.51, down to 97.50
        (Action::Short, Side::Buy, 1_019_900, 1_020_000, 1_025_500), // 102 × 1.005 = 102.51, up to 102.55
    ] {
        let mut bench = Bench::priced(&with_exits(200, 0, 0));
        bench.open(0, action);
        assert!(bench.tick_at(0, Price(near)).nothing());
        assert!(bench.timer().nothing());
        let seen = bench.tick_at(0, Price(at));
        assert_eq!(seen.rulings(), [(Decision::Allow, Rule::None)]);
        let exit = seen.order();
        assert_eq!(shape(&exit), (side, 100, Price(limit), Validity::Ioc, Intent::StopLoss));
        assert_eq!((exit.signal, exit.strategy), (0, StrategyId(0)), "risk's own order, for the owner");
        assert!(bench.tick_at(0, Price(at)).nothing(), "under way");
        assert!(bench.fill(0, &exit, 1, 30, OrderState::Cancelled).nothing());
        assert!(bench.tick(0, 100).nothing(), "retries are once a second");
        let again = bench.timer().order();
        assert_eq!((shape(&again).1, shape(&again).4), (70, Intent::StopLoss), "though the price is back");
        assert!(bench.fill_all(0, &again).nothing());
        assert_eq!(bench.held(0), 0);
        assert!(bench.tick_at(0, Price(at)).nothing());
        assert!(bench.timer().nothing(), "what was wanted is forgotten");
        assert_eq!(shape(&bench.signal(0, action).order()).4, Intent::Entry, "a strategy that speaks again");
    }
}

#[test]
fn a_take_profit_closes() {
    for (action, near, at) in [(Action::Long, 1_029_900, 1_030_000), (Action::Short, 970_100, 970_000)] {
        let mut bench = Bench::priced(&with_exits(200, 300, 0));
        bench.open(0, action);
        assert!(bench.tick_at(0, Price(near)).nothing());
        let exit = bench.tick_at(0, Price(at)).order();
        assert_eq!((shape(&exit).1, shape(&exit).4), (100, Intent::TakeProfit));
    }
}

#[test]
fn a_refused_price_closes_nothing() {
    let mut bench = Bench::priced(&with_exits(200, 300, 0));
    bench.open(0, Action::Long);
    assert!(bench.refused_tick(0, Price(900_000)).nothing());
    assert!(bench.timer().nothing());
}

#[test]
fn a_holding_time_ends_by_timer_or_price() {
    for by_timer in [true, false] {
        let mut bench = Bench::priced(&with_exits(0, 0, 3 * NS_PER_S));
        bench.open(0, Action::Long);
        let entered = bench.ts;
        for _ in 0..2 {
            assert!(bench.timer().nothing());
        }
        bench.ts = entered + 3 * NS_PER_S - 1;
        assert!(bench.tick(0, 100).nothing(), "a nanosecond early");
        let seen = if by_timer {
            bench.ts = entered + 2 * NS_PER_S;
            bench.timer()
        } else {
            bench.ts = entered + 3 * NS_PER_S;
            bench.tick(0, 100)
        };
        assert_eq!(shape(&seen.order()).4, Intent::HoldingTime);
        assert!(bench.fill_all(0, &seen.order()).nothing());
        assert!(bench.timer().nothing());
    }
}

#[test]
fn a_second_position_is_measured_from_its_own_entry() {
    let mut bench = Bench::priced(&with_exits(200, 0, 10 * NS_PER_S));
    bench.open(0, Action::Long);
    bench.ts += 9 * NS_PER_S;
    let exit = bench.signal(0, Action::Exit).order();
    assert!(bench.fill_all(0, &exit).nothing());
    assert!(bench.tick(0, 110).nothing());
    let entry = bench.signal(0, Action::Long).order();
    let mut filled = report(&entry, 1, entry.quantity.0, OrderState::Filled);
    filled.filled_value = Price(1_100_000).value(entry.quantity, 1);
    assert!(bench.report(0, &filled).nothing());
    bench.ts += 9 * NS_PER_S;
    assert!(bench.tick_at(0, Price(1_078_100)).nothing());
    let exit = bench.tick_at(0, Price(1_078_000)).order(); // 110 × 0.98
    assert_eq!((shape(&exit).1, shape(&exit).4), (entry.quantity.0, Intent::StopLoss));
}

/// A stop that comes due while a part of the entry still rests: the rest is cancelled, and what it was filled before
/// the cancel arrived is closed for the same reason.
#[test]
fn a_stop_cancels_the_rest_of_the_entry_and_closes_what_is_filled_late() {
    let mut config = with_exits(200, 0, 0);
    config.strategies[0].passive_entry = true;
    let mut bench = Bench::priced(&config);
    let entry = bench.signal(0, Action::Long).order();
    assert!(bench.fill(0, &entry, 1, 40, OrderState::PartiallyFilled).nothing());
    let seen = bench.tick(0, 98);
    assert_eq!(seen.cancels.len(), 1);
    assert_eq!((seen.cancels[0].order, seen.cancels[0].intent), (entry.id, Intent::StopLoss as u8));
    let exit = seen.order();
    assert_eq!((shape(&exit).1, shape(&exit).4), (40, Intent::StopLoss));
    assert!(bench.fill_all(0, &exit).nothing());
    assert_eq!(bench.held(0), 0);
    let late = bench.fill(0, &entry, 2, 55, OrderState::Cancelled).order();
    assert_eq!((shape(&late).1, shape(&late).4), (15, Intent::StopLoss));
    assert!(bench.fill_all(0, &late).nothing());
    assert!(bench.timer().nothing());
    assert_eq!(shape(&bench.signal(0, Action::Long).order()).4, Intent::Entry);
}

#[test]
fn a_wish_that_comes_while_the_position_is_closed_waits_for_flat() {
    let mut bench = Bench::priced(&with_exits(200, 0, 0));
    bench.open(0, Action::Long);
    let exit = bench.tick(0, 98).order();
    assert!(bench.signal(0, Action::Long).nothing(), "the position still goes");
    assert!(bench.fill(0, &exit, 1, 30, OrderState::Cancelled).nothing());
    let again = bench.timer().order();
    assert_eq!((shape(&again).1, shape(&again).4), (70, Intent::StopLoss));
    let entry = bench.fill_all(0, &again).order();
    assert_eq!((shape(&entry).0, shape(&entry).4), (Side::Buy, Intent::Entry));
}

/// Two strategies on one instrument, of which the second has these exits.
fn two(conflict: crate::config::Conflict, stop_loss_bps: i64) -> PipelineConfig {
    let mut config = config(1);
    config.risk.conflict = conflict;
    config.risk.order_value_bps = 10_000;
    config.risk.daily_loss_bps = 10_000;
    config.strategies.push(StrategyConfig { stop_loss_bps, priority: 1, ..config.strategies[0].clone() });
    config
}

#[test]
fn the_terms_are_those_of_the_strategy_that_opened_the_position() {
    for (owner, closes) in [(0, false), (1, true)] {
        let mut bench = Bench::priced(&two(crate::config::Conflict::Priority, 200));
        let entry = bench.say(0, owner, Action::Long, 0).order();
        assert!(bench.fill_all(0, &entry).nothing());
        let seen = bench.tick(0, 98);
        assert_eq!(seen.orders.len(), usize::from(closes), "of strategy {owner}");
        if closes {
            assert_eq!((shape(&seen.order()).4, seen.order().strategy), (Intent::StopLoss, StrategyId(1)));
        }
    }
}

/// Additions move the average, reductions do not; a stop closes all, whoever wanted it.
#[test]
fn a_sum_is_measured_from_the_average_of_its_entries() {
    let mut bench = Bench::priced(&two(crate::config::Conflict::Netting, 200));
    let first = bench.say(0, 1, Action::Long, 0).order();
    assert!(bench.fill_all(0, &first).nothing()); // 100 at 100
    assert!(bench.tick(0, 110).nothing());
    let second = bench.say(0, 0, Action::Long, 0).order();
    assert_eq!((second.quantity, second.strategy), (Qty(90), StrategyId(1)), "an addition of the owner");
    let mut filled = report(&second, 1, 90, OrderState::Filled);
    filled.filled_value = Price(1_100_000).value(Qty(90), 1);
    assert!(bench.report(0, &filled).nothing());
    // 19,900 for 190: 104.7368 each, less 2 % is 102.6421.
    assert!(bench.tick_at(0, Price(1_026_500)).nothing());
    let less = bench.say(0, 0, Action::Exit, 0).order();
    assert_eq!((shape(&less).1, shape(&less).4), (90, Intent::Exit));
    assert!(bench.fill_all(0, &less).nothing());
    assert!(bench.tick_at(0, Price(1_026_422)).nothing(), "the hundred left cost what all cost");
    let exit = bench.tick_at(0, Price(1_026_421)).order();
    assert_eq!((shape(&exit).1, shape(&exit).4), (100, Intent::StopLoss));
    assert!(bench.fill_all(0, &exit).nothing());
    assert!(bench.timer().nothing(), "and no strategy is waited for");
}

#[test]
fn what_closes_everything_has_the_say() {
    // At 98 the day's loss of 200 is a hundredth of a percent more than its limit, and the stop is due.
    let mut config = with_exits(200, 0, 0);
    config.risk.daily_loss_bps = 20;
    let mut bench = Bench::priced(&config);
    bench.open(0, Action::Long);
    let seen = bench.tick(0, 98);
    assert_eq!(seen.alarm_codes(), [AlarmCode::Halted]);
    assert_eq!(shape(&seen.order()).4, Intent::Flatten);

    // A stop under way becomes the square-off when its time comes.
    let mut bench = Bench::priced(&{
        let mut config = with_exits(200, 0, 0);
        config.risk.square_off_margin_s = ((CLOSE - SQUARE_OFF) / NS_PER_S) as u32;
        config
    });
    bench.open(0, Action::Long);
    let exit = bench.tick(0, 98).order();
    assert!(bench.fill(0, &exit, 1, 0, OrderState::Cancelled).nothing());
    bench.ts = SQUARE_OFF - NS_PER_S;
    assert_eq!(shape(&bench.timer().order()).4, Intent::SquareOff);
}

#[test]
fn nothing_is_closed_outside_continuous_trading() {
    let mut bench = Bench::priced(&with_exits(200, 0, 1));
    bench.open(0, Action::Long);
    bench.ts = CLOSE;
    assert!(bench.tick(0, 98).orders.is_empty());
    assert!(bench.timer().orders.is_empty());
}

#[test]
fn without_exits_a_position_stays() {
    let mut config = with_exits(0, 0, 0);
    config.risk.daily_loss_bps = 10_000;
    for action in [Action::Long, Action::Short] {
        let mut bench = Bench::priced(&config);
        bench.open(0, action);
        for rupees in [1, 199] {
            assert!(bench.tick(0, rupees).nothing());
        }
        bench.ts = CLOSE - 2 * NS_PER_S;
        assert!(bench.tick(0, 100).nothing());
    }
}

#[test]
fn the_state_covers_what_was_entered_and_what_closes() {
    let hash = |bench: &mut Bench| state::hash(0, |io| bench.risk.desks[0].state(io));
    let mut bench = Bench::priced(&with_exits(200, 0, 0));
    bench.open(0, Action::Long);
    let before = hash(&mut bench);
    bench.risk.desks[0].entered.add(Qty(1_000), Qty(0), Money(1), TsNs(bench.ts));
    let more = hash(&mut bench);
    assert_ne!(more, before);
    bench.risk.desks[0].closing = Some(Intent::StopLoss);
    assert_ne!(hash(&mut bench), more);
}

/// Found in review: what was sold kept its weight in the average, so that an addition after a partial exit was measured
/// from a price that nobody had paid for what is held.
#[test]
fn what_was_sold_has_no_weight_in_the_average_of_what_is_added() {
    for (action, last, at_stop) in [
        // 100 at 100 of two hundred are left, 90 at 110: 19,900 for 190, 104.7368 each, less 2 % is 102.6421.
        (Action::Long, 1_026_422, 1_026_421),
        // And 2 % more, 106.8315, for a short.
        (Action::Short, 1_068_315, 1_068_316),
    ] {
        let mut config = two(crate::config::Conflict::Netting, 200);
        config.risk.daily_loss_bps = 10_000;
        let mut bench = Bench::priced(&config);
        for by in [1, 0] {
            let entry = bench.say(0, by, action, 0).order();
            assert!(bench.fill_all(0, &entry).nothing());
        }
        let less = bench.say(0, 0, Action::Exit, 0).order();
        assert_eq!(shape(&less).1, 100);
        assert!(bench.fill_all(0, &less).nothing());
        // As if the price were here and there within one step: no price between closes anything.
        bench.risk.ledger.mark(InstrumentId(0), Price(1_100_000));
        let more = bench.say(0, 0, action, 0).order();
        assert_eq!(shape(&more).1, 90);
        let mut filled = report(&more, 1, 90, OrderState::Filled);
        filled.filled_value = Price(1_100_000).value(Qty(90), 1);
        bench.risk.ledger.mark(InstrumentId(0), Price(last));
        assert!(bench.report(0, &filled).nothing());
        assert!(bench.tick_at(0, Price(last)).nothing(), "{action:?}: {last} is above the stop");
        let exit = bench.tick_at(0, Price(at_stop)).order();
        assert_eq!((shape(&exit).1, shape(&exit).4), (190, Intent::StopLoss), "{action:?}");
    }
}
