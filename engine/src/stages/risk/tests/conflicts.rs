//! Several strategies on one instrument: who has the say, and what the account holds for all of them.

use super::*;
use crate::config::Conflict;
use Action::{Exit, Hold, Long, Short};

/// One instrument, and a strategy for each priority; all may go short.
fn shared(conflict: Conflict, priorities: &[u32]) -> PipelineConfig {
    let mut config = config(1);
    config.risk.conflict = conflict;
    let first = config.strategies.remove(0);
    for (index, &priority) in priorities.iter().enumerate() {
        config.strategies.push(StrategyConfig { id: format!("s{index}"), priority, ..first.clone() });
    }
    config
}

fn verdict(seen: &Seen) -> (Decision, Rule, i64, i64, i64, i64) {
    assert_eq!(seen.verdicts.len(), 1, "{:?}", seen.verdicts);
    let (verdict, (decision, rule)) = (&seen.verdicts[0], seen.rulings()[0]);
    (decision, rule, verdict.observed, verdict.limit, verdict.wanted.0, verdict.allowed.0)
}

fn blocked(rule: Rule, observed: i64, limit: i64) -> (Decision, Rule, i64, i64, i64, i64) {
    (Decision::Block, rule, observed, limit, 0, 0)
}

/// Side, quantity, intent, signal and strategy of the one order.
fn order(seen: &Seen) -> (Side, i64, Intent, u64, u16) {
    let order = seen.order();
    let (side, quantity, _, _, intent) = shape(&order);
    (side, quantity, intent, order.signal, order.strategy.0)
}

/// Lets the one order be filled whole.
fn fill(bench: &mut Bench, seen: &Seen) -> Seen {
    let order = seen.order();
    bench.fill_all(0, &order)
}

#[test]
fn the_greater_priority_has_the_say_and_of_equals_the_first() {
    // Priorities of the strategies 0 and 1, and who of them has the say.
    for (priorities, first, second) in [([1, 2], 1_u16, 0_u16), ([2, 1], 0, 1), ([5, 5], 0, 1)] {
        let of = |strategy: u16| i64::from(priorities[usize::from(strategy)]);
        let mut bench = Bench::priced(&shared(Conflict::Priority, &priorities));
        let seen = bench.say(0, second, Long, 9_999);
        assert_eq!(order(&seen), (Side::Buy, 100, Intent::Entry, 1, second), "alone it has the say");
        assert!(fill(&mut bench, &seen).nothing());
        let exit = bench.say(0, first, Short, 1);
        assert_eq!(order(&exit), (Side::Sell, 100, Intent::Exit, 2, second), "the exit is of who opened");
        let entry = fill(&mut bench, &exit);
        assert_eq!(order(&entry), (Side::Sell, 100, Intent::Entry, 2, first));
        fill(&mut bench, &entry);
        let seen = bench.say(0, second, Long, 9_999);
        assert_eq!(verdict(&seen), blocked(Rule::Conflict, of(second), of(first)));
        assert_eq!((seen.verdicts[0].signal, seen.verdicts[0].strategy), (3, StrategyId(second)));
        assert_eq!(verdict(&bench.say(0, second, Long, 0)).1, Rule::Conflict, "each time");
        assert!(bench.say(0, second, Short, 0).nothing(), "it agrees");
        assert!(bench.say(0, second, Hold, 0).nothing());
        assert_eq!(bench.held(0), -100);
        // Who has the say leaves: the other's wish takes over, and it is the same.
        assert!(bench.say(0, first, Exit, 0).nothing());
        let exit = bench.say(0, second, Exit, 0);
        assert_eq!(order(&exit), (Side::Buy, 100, Intent::Exit, bench.signals, first));
        assert!(fill(&mut bench, &exit).nothing());
        assert_eq!(bench.held(0), 0);
    }
}

#[test]
fn who_leaves_gives_the_say_to_the_opposite_wish() {
    let mut bench = Bench::priced(&shared(Conflict::Priority, &[2, 1]));
    let seen = bench.say(0, 0, Long, 0);
    fill(&mut bench, &seen);
    assert_eq!(verdict(&bench.say(0, 1, Short, 0)), blocked(Rule::Conflict, 1, 2));
    let exit = bench.say(0, 0, Exit, 0);
    assert_eq!(order(&exit), (Side::Sell, 100, Intent::Exit, 2, 0), "for the signal that has the say now");
    let entry = fill(&mut bench, &exit);
    assert_eq!(order(&entry), (Side::Sell, 100, Intent::Entry, 2, 1));
    fill(&mut bench, &entry);
    assert_eq!(bench.held(0), -100);
}

#[test]
fn the_highest_confidence_has_the_say_and_equals_go_by_priority() {
    // Confidence of the holder, 500 of the other, and whether the other takes the say, whichever has the priority.
    let table = [(499, [1, 1], true), (500, [2, 1], false), (500, [1, 2], true), (501, [1, 2], false)];
    for (confidence, priorities, takes) in table {
        let mut bench = Bench::priced(&shared(Conflict::Confidence, &priorities));
        let seen = bench.say(0, 0, Long, confidence);
        fill(&mut bench, &seen);
        let seen = bench.say(0, 1, Short, 500);
        if takes {
            assert_eq!(order(&seen), (Side::Sell, 100, Intent::Exit, 2, 0), "{confidence}");
            assert_eq!(order(&fill(&mut bench, &seen)), (Side::Sell, 100, Intent::Entry, 2, 1));
        } else {
            assert_eq!(verdict(&seen), blocked(Rule::Conflict, 500, i64::from(confidence)));
        }
    }
    // A wish repeated with less confidence loses the say.
    let mut bench = Bench::priced(&shared(Conflict::Confidence, &[1, 1]));
    let seen = bench.say(0, 0, Long, 600);
    fill(&mut bench, &seen);
    bench.say(0, 1, Short, 500);
    let seen = bench.say(0, 0, Long, 400);
    assert_eq!(seen.rulings(), [(Decision::Block, Rule::Conflict), (Decision::Allow, Rule::None)]);
    assert_eq!(order(&seen), (Side::Sell, 100, Intent::Exit, 2, 0));
}

#[test]
fn a_refused_wish_waits_for_a_change_of_mind() {
    let mut config = shared(Conflict::Priority, &[2, 1]);
    config.risk.trades_per_symbol = 1;
    let mut bench = Bench::priced(&config);
    let entry = bench.say(0, 0, Long, 0).order();
    bench.fill(0, &entry, 1, 0, OrderState::Cancelled);
    assert_eq!(verdict(&bench.say(0, 0, Long, 0)).1, Rule::TradesPerSymbol, "its own repetition");
    assert!(bench.timer().nothing());
    let seen = bench.say(0, 1, Short, 0);
    assert_eq!(seen.rulings(), [(Decision::Block, Rule::Conflict), (Decision::Block, Rule::TradesPerSymbol)]);
    assert_eq!((seen.verdicts[0].signal, seen.verdicts[1].signal), (3, 2));
    assert_eq!(bench.say(0, 1, Short, 0).rulings(), [(Decision::Block, Rule::Conflict)], "nothing changed");
    bench.session_end();
    bench.session_start();
    let seen = bench.say(0, 1, Short, 0);
    assert_eq!(order(&seen), (Side::Sell, 100, Intent::Entry, 5, 1), "stances end with the session");
}

#[test]
fn a_short_without_the_right_is_an_exit_or_refused() {
    for conflict in [Conflict::Priority, Conflict::Confidence, Conflict::Netting] {
        let mut config = shared(conflict, &[2, 1]);
        config.strategies[0].allow_short = false;
        let mut bench = Bench::priced(&config);
        assert_eq!(bench.say(0, 0, Short, 0).rulings(), [(Decision::Block, Rule::ShortNotAllowed)]);
        let seen = bench.say(0, 1, Long, 0);
        fill(&mut bench, &seen);
        let seen = bench.say(0, 0, Short, 0);
        assert_eq!(
            seen.rulings(),
            [(Decision::Block, Rule::ShortNotAllowed)],
            "that is the other's position"
        );
        assert!(seen.orders.is_empty());
        let seen = bench.say(0, 1, Exit, 0);
        fill(&mut bench, &seen);
        let seen = bench.say(0, 0, Long, 0);
        fill(&mut bench, &seen);
        let exit = bench.say(0, 0, Short, 0);
        assert_eq!(order(&exit).2, Intent::Exit, "{conflict:?}");
        assert!(fill(&mut bench, &exit).nothing(), "no entry follows");
        let seen = bench.say(0, 1, Short, 0);
        fill(&mut bench, &seen);
        assert!(bench.say(0, 0, Short, 0).nothing(), "what it wants and may not is there");
        assert_eq!(bench.held(0), -100);
    }
}

#[test]
fn terms_are_those_of_who_opened() {
    let mut config = shared(Conflict::Priority, &[2, 1]);
    config.strategies[1].passive_entry = true;
    let mut bench = Bench::priced(&config);
    let resting = bench.say(0, 1, Long, 0).order();
    assert_eq!(shape(&resting).3, Validity::Day);
    bench.fill(0, &resting, 1, 0, OrderState::Open);
    let seen = bench.say(0, 0, Short, 0);
    assert_eq!((seen.cancels.len(), seen.cancels[0].strategy), (1, StrategyId(1)));
    let entry = bench.fill(0, &resting, 2, 0, OrderState::Cancelled).order();
    assert_eq!(
        (shape(&entry).0, shape(&entry).3, entry.strategy),
        (Side::Sell, Validity::Ioc, StrategyId(0))
    );
}

/// A bench in which strategies hold 100 long each, as netting has it.
fn netted(strategies: u16) -> Bench {
    let mut bench = Bench::priced(&shared(Conflict::Netting, &vec![0; usize::from(strategies)]));
    for by in 0..strategies {
        let seen = bench.say(0, by, Long, 0);
        let side = Side::Buy;
        assert_eq!(
            order(&seen),
            (side, 100, Intent::Entry, u64::from(by) + 1, 0),
            "additions are the owner's"
        );
        assert!(fill(&mut bench, &seen).nothing());
    }
    assert_eq!(bench.held(0), 100 * i64::from(strategies));
    bench
}

#[test]
fn netting_holds_the_sum() {
    let mut bench = netted(3);
    assert_eq!(bench.risk.occupied, 1);
    assert!(bench.say(0, 1, Long, 0).nothing(), "what is there is not asked for again");
    let exit = bench.say(0, 1, Exit, 0);
    assert_eq!(order(&exit), (Side::Sell, 100, Intent::Exit, bench.signals, 0));
    // Half of it is left by a thin market, and tried again.
    assert!(bench.fill(0, &exit.order(), 1, 50, OrderState::Cancelled).nothing());
    let again = bench.timer();
    assert_eq!(order(&again), (Side::Sell, 50, Intent::Exit, bench.signals, 0));
    assert!(fill(&mut bench, &again).nothing());
    assert!(bench.timer().nothing());
    assert_eq!(bench.held(0), 200);
    // From 200 to 100 − 100 = 0, to −200.
    let exit = bench.say(0, 0, Short, 0);
    assert_eq!(order(&exit).1, 200);
    assert!(fill(&mut bench, &exit).nothing());
    assert_eq!(bench.held(0), 0);
    let entry = bench.say(0, 2, Exit, 0);
    let short = bench.signals - 1;
    assert_eq!(order(&entry), (Side::Sell, 100, Intent::Entry, short, 0), "what was outweighed comes about");
    fill(&mut bench, &entry);
    let more = bench.say(0, 2, Short, 0);
    assert_eq!(order(&more), (Side::Sell, 100, Intent::Entry, bench.signals, 0));
    fill(&mut bench, &more);
    assert_eq!(bench.held(0), -200);
}

#[test]
fn a_sum_that_changes_sign_exits_all_and_enters_when_flat() {
    let mut config = shared(Conflict::Netting, &[0, 0, 0]);
    let mut bench = Bench::priced(&config);
    let seen = bench.say(0, 0, Long, 0);
    fill(&mut bench, &seen);
    assert_eq!(order(&bench.say(0, 1, Short, 0)).1, 100, "the sum is nothing");
    assert!(bench.say(0, 2, Short, 0).nothing(), "the exit is under way");
    // Of the exit 40 are left: tried again, and only then the short is entered.
    let id = OrderId((bench.seq - 1) * 256);
    let mut report = super::report(&fake(id), 1, 60, OrderState::Cancelled);
    report.quantity = Qty(100);
    assert!(bench.report(0, &report).nothing());
    let again = bench.timer();
    assert_eq!((order(&again).1, order(&again).2), (40, Intent::Exit));
    let entry = fill(&mut bench, &again);
    assert_eq!(order(&entry), (Side::Sell, 100, Intent::Entry, 3, 2));
    assert_eq!(bench.risk.desks[0].owner().strategy, StrategyId(2), "the owner is who opened");

    // The quantity is that of the signal, whatever the price does.
    config.strategies.truncate(2);
    let mut bench = Bench::priced(&config);
    let seen = bench.say(0, 0, Long, 0);
    fill(&mut bench, &seen);
    bench.tick(0, 101);
    let less = bench.say(0, 1, Short, 0); // 10,000 ÷ 101
    assert_eq!((order(&less).0, order(&less).1), (Side::Sell, 99));
    fill(&mut bench, &less);
    assert!(bench.say(0, 0, Long, 0).nothing());
    assert_eq!(bench.held(0), 1);
}

/// An exit of 100 with an id.
fn fake(id: OrderId) -> Order {
    Order {
        id,
        signal: 0,
        quantity: Qty(100),
        price: Price::ZERO,
        strategy: StrategyId(0),
        side: Side::Sell as u8,
        order_type: 1,
        validity: 2,
        intent: 2,
        trigger: Price::ZERO,
        disclosed: Qty::ZERO,
        flags: 0,
        reserved: [0; 41],
    }
}

#[test]
fn a_refused_increase_waits_for_a_change_of_mind() {
    let mut config = shared(Conflict::Netting, &[0, 0, 0]);
    config.risk.trades_per_symbol = 1;
    let mut bench = Bench::priced(&config);
    let seen = bench.say(0, 0, Long, 0);
    fill(&mut bench, &seen);
    assert_eq!(verdict(&bench.say(0, 1, Long, 0)), (Decision::Block, Rule::TradesPerSymbol, 2, 1, 100, 0));
    assert!(bench.say(0, 1, Long, 0).nothing() && bench.timer().nothing() && bench.tick(0, 100).nothing());
    assert_eq!(verdict(&bench.say(0, 2, Long, 0)), (Decision::Block, Rule::TradesPerSymbol, 2, 1, 200, 0));
    // What was never there need not be left.
    let less = bench.say(0, 0, Exit, 0);
    assert_eq!(verdict(&less), (Decision::Block, Rule::TradesPerSymbol, 2, 1, 100, 0));
    assert!(bench.say(0, 1, Exit, 0).nothing(), "100 are wanted and there");
    let last = bench.say(0, 2, Exit, 0);
    assert_eq!(order(&last).1, 100);
}

#[test]
fn a_corrupt_price_stops_nothing() {
    // Wished for at a price next to nothing, before the open, and due at the highest there is.
    let mut config = shared(Conflict::Netting, &[0, 0]);
    config.instruments[0].multiplier = 1_000_000;
    config.risk.capital = Money::rupees(100_000_000_000);
    let mut bench = Bench::new(&config);
    bench.ts = OPEN - 1;
    bench.tick_at(0, Price(1));
    assert_eq!(bench.say(0, 0, Long, 0).rulings(), [(Decision::Block, Rule::SessionClosed)]);
    bench.ts = OPEN;
    bench.tick_at(0, Price(i64::from(i32::MAX) * 100));
    assert_eq!(bench.say(0, 1, Long, 0).rulings().last(), Some(&(Decision::Block, Rule::SizeZero)));
    // More than the range of quantities, together.
    let mut config = shared(Conflict::Netting, &[0; 6]);
    config.risk.capital = Money(i64::MAX / 4);
    config.risk.position_bps = 100_000;
    let mut bench = Bench::new(&config);
    bench.ts = OPEN - 1;
    bench.tick_at(0, Price(1));
    for by in 0..6 {
        assert_eq!(bench.say(0, by, Long, 0).rulings(), [(Decision::Block, Rule::SessionClosed)]);
    }
}

#[test]
fn an_addition_needs_no_position_more() {
    let mut config = shared(Conflict::Netting, &[0, 0]);
    config.risk.open_positions_max = 1;
    let mut bench = Bench::priced(&config);
    let seen = bench.say(0, 0, Long, 0);
    fill(&mut bench, &seen);
    assert_eq!(order(&bench.say(0, 1, Long, 0)).1, 100);
}

#[test]
fn a_resting_entry_that_is_too_much_is_cancelled_and_made_good() {
    let mut config = shared(Conflict::Netting, &[0, 0]);
    config.strategies[0].passive_entry = true;
    let mut bench = Bench::priced(&config);
    let first = bench.say(0, 0, Long, 0).order();
    bench.fill(0, &first, 1, 0, OrderState::Open);
    assert!(bench.say(0, 1, Long, 0).nothing(), "the difference waits for the entry under way");
    bench.fill(0, &first, 2, 30, OrderState::PartiallyFilled);
    // 100 are wanted again, of which 30 are there and 70 rest: nothing to do.
    assert!(bench.say(0, 1, Exit, 0).nothing());
    bench.tick(0, 200);
    let seen = bench.say(0, 1, Short, 0); // 50: 30 are there, 20 are to come, 70 rest
    assert_eq!((seen.events.len(), seen.cancels.len()), (1, 1));
    let seen = bench.fill(0, &first, 3, 40, OrderState::Cancelled);
    assert_eq!(order(&seen), (Side::Buy, 10, Intent::Entry, 1, 0));
    // Filled whole while more is wanted: the difference follows.
    let mut bench = Bench::priced(&config);
    let first = bench.say(0, 0, Long, 0).order();
    bench.fill(0, &first, 1, 0, OrderState::Open);
    assert!(bench.say(0, 1, Long, 0).nothing() && bench.timer().nothing());
    let seen = bench.fill(0, &first, 2, 100, OrderState::Filled);
    assert_eq!(order(&seen), (Side::Buy, 100, Intent::Entry, 2, 0));
    // More was filled than is wanted: the excess goes.
    let mut bench = Bench::priced(&config);
    let first = bench.say(0, 0, Long, 0).order();
    bench.fill(0, &first, 1, 0, OrderState::Open);
    bench.tick(0, 200);
    assert_eq!(bench.say(0, 1, Short, 0).cancels.len(), 1);
    let seen = bench.fill(0, &first, 2, 80, OrderState::Cancelled);
    assert_eq!((order(&seen).0, order(&seen).1, order(&seen).2), (Side::Sell, 30, Intent::Exit));
}

#[test]
fn a_wish_without_size_is_refused_and_taken_when_it_has_one() {
    let mut bench = Bench::new(&shared(Conflict::Netting, &[0]));
    assert_eq!(verdict(&bench.say(0, 0, Long, 0)).1, Rule::LtpMissing);
    bench.tick(0, 10_001);
    assert_eq!(verdict(&bench.say(0, 0, Long, 0)), (Decision::Block, Rule::SizeZero, 0, 1, 0, 0));
    bench.tick(0, 10_000);
    assert_eq!(order(&bench.say(0, 0, Long, 0)).1, 1);
}

#[test]
fn a_closed_desk_forgets_and_opens_nothing() {
    for conflict in [Conflict::Priority, Conflict::Confidence, Conflict::Netting] {
        let mut config = shared(conflict, &[2, 1]);
        config.risk.symbol_loss_bps = 50; // Rs 500
        let mut bench = Bench::priced(&config);
        let seen = bench.say(0, 0, Long, 0);
        fill(&mut bench, &seen);
        bench.say(0, 1, Short, 0);
        bench.say(0, 1, Exit, 0);
        let seen = bench.tick(0, 90);
        if conflict == Conflict::Netting {
            continue; // its exit for the short is under way
        }
        assert_eq!(seen.rulings()[0], (Decision::Block, Rule::SymbolLoss));
        assert_eq!(order(&seen), (Side::Sell, 100, Intent::Flatten, 0, StrategyId::NONE.0));
        assert!(fill(&mut bench, &seen).nothing());
        assert_eq!(bench.say(0, 1, Short, 0).rulings(), [(Decision::Block, Rule::SymbolLoss)], "no conflict");
    }
}

#[test]
fn what_a_latch_closes_is_wanted_no_more() {
    for (conflict, kill) in [Conflict::Priority, Conflict::Confidence].into_iter().zip([true, false]) {
        for kill in [kill, !kill] {
            let mut bench = Bench::priced(&shared(conflict, &[2, 1]));
            let seen = bench.say(0, 0, Long, 500);
            fill(&mut bench, &seen);
            let seen = if kill { bench.kill() } else { bench.tick(0, 80) };
            fill(&mut bench, &seen);
            let rule = if kill { Rule::KillSwitch } else { Rule::SessionHalted };
            assert_eq!(bench.say(0, 1, Short, 0).rulings(), [(Decision::Block, rule)], "no conflict");
        }
    }
    // A kill that leaves the position leaves the wish.
    let mut config = shared(Conflict::Priority, &[2, 1]);
    config.risk.flatten_on_kill = false;
    let mut bench = Bench::priced(&config);
    let seen = bench.say(0, 0, Long, 0);
    fill(&mut bench, &seen);
    bench.kill();
    assert_eq!(bench.say(0, 1, Short, 0).rulings(), [(Decision::Block, Rule::Conflict)]);
}

#[test]
fn forgetting_closes_and_waits_for_a_strategy_to_speak() {
    for conflict in [Conflict::Priority, Conflict::Confidence, Conflict::Netting] {
        let mut bench = Bench::priced(&shared(conflict, &[2, 1]));
        let seen = bench.say(0, 0, Long, 0);
        fill(&mut bench, &seen);
        if let Some((_, order)) = bench.say(0, 1, Long, 0).orders.first() {
            bench.fill_all(0, order);
        }
        bench.risk.forget_stances(0);
        let exit = bench.timer();
        assert_eq!((order(&exit).0, order(&exit).1), (Side::Sell, bench.held(0)));
        assert!(fill(&mut bench, &exit).nothing() && bench.timer().nothing());
        assert_eq!((bench.held(0), bench.risk.wishes), (0, 0));
        assert_eq!(order(&bench.say(0, 1, Short, 0)).2, Intent::Entry, "{conflict:?}: no conflict");
        let mut bench = Bench::priced(&shared(conflict, &[2, 1]));
        bench.risk.forget_stances(0);
        assert_eq!(bench.risk.wishes, 0, "nothing to close");
    }
}

#[test]
fn every_part_of_a_claim_is_in_the_state_hash() {
    type Change = fn(&mut Risk);
    let table: [(&str, Change); 7] = [
        ("stance", |risk| risk.desks[0].claims[1].stance = claims::Stance::Long),
        ("confidence", |risk| risk.desks[0].claims[1].confidence_bps += 1),
        ("signal", |risk| risk.desks[0].claims[1].signal += 1),
        ("quantity", |risk| risk.desks[0].claims[1].quantity.0 += 1),
        ("owner", |risk| risk.desks[0].owner += 1),
        ("speaker", |risk| risk.desks[0].speaker += 1),
        ("flatten", |risk| risk.flatten = true),
    ];
    for (name, change) in table {
        let mut bench = Bench::priced(&shared(Conflict::Priority, &[1, 1]));
        let before = stage_hash(&mut bench.risk);
        change(&mut bench.risk);
        assert_ne!(stage_hash(&mut bench.risk), before, "{name}");
    }
}
