//! What operators can say: flatten, reduce-only and resume. Kill and stop are with the latches.

use super::*;
use crate::config::Conflict;

fn resumed(seen: &Seen, cleared: i64) {
    assert_eq!(seen.alarm_codes(), [AlarmCode::Resumed]);
    assert_eq!((seen.events.len(), seen.alarms[0].value), (1, cleared));
}

#[test]
fn a_flatten_closes_whatever_a_kill_does() {
    for killed_before in [false, true] {
        let mut config = config(2);
        config.risk.flatten_on_kill = false;
        let mut bench = Bench::priced(&config);
        bench.open(0, Action::Long);
        bench.open(1, Action::Short);
        if killed_before {
            assert!(bench.kill().orders.is_empty());
        }
        let seen = bench.command(CommandCode::Flatten);
        let alarms: &[AlarmCode] = if killed_before { &[] } else { &[AlarmCode::Killed] };
        assert_eq!(seen.alarm_codes(), alarms);
        let orders: Vec<_> = seen.orders.iter().map(|(id, o)| (*id, shape(o).0, shape(o).4)).collect();
        assert_eq!(orders, [(0, Side::Sell, Intent::Flatten), (1, Side::Buy, Intent::Flatten)]);
        assert!(bench.command(CommandCode::Flatten).nothing(), "latched already");
        assert!(bench.kill().nothing());
        let (_, exit) = seen.orders[0];
        bench.fill(0, &exit, 1, 30, OrderState::Cancelled);
        let again = bench.timer().order();
        assert_eq!((again.quantity, shape(&again).4), (Qty(70), Intent::Flatten));
        bench.fill_all(0, &again);
        assert_eq!(bench.signal(0, Action::Long).rulings(), [(Decision::Block, Rule::KillSwitch)]);
    }
}

#[test]
fn a_flatten_outlives_the_session_and_cancels_what_rests() {
    let mut config = config(1);
    config.strategies[0].passive_entry = true;
    config.risk.flatten_on_kill = false;
    let mut bench = Bench::priced(&config);
    let resting = bench.signal(0, Action::Long).order();
    let seen = bench.command(CommandCode::Flatten);
    assert_eq!(seen.cancels.iter().map(|c| c.order).collect::<Vec<_>>(), [resting.id]);
    // The cancel is too late for a part, which is closed at once.
    let exit = bench.fill(0, &resting, 1, 10, OrderState::Cancelled).order();
    assert_eq!(shape(&exit).4, Intent::Flatten);
    bench.fill_all(0, &exit);
    bench.session_end();
    assert_eq!(bench.command(CommandCode::Flatten).events.len(), 0);
    bench.session_start();
    assert!(bench.risk.killed());
    assert_eq!(bench.signal(0, Action::Long).rulings(), [(Decision::Block, Rule::KillSwitch)]);
}

#[test]
fn a_resume_clears_kill_and_flatten() {
    for code in [CommandCode::Kill, CommandCode::Flatten] {
        for flatten_on_kill in [false, true] {
            let mut config = config(1);
            config.risk.flatten_on_kill = flatten_on_kill;
            let mut bench = Bench::priced(&config);
            resumed(&bench.command(CommandCode::Resume), 0);
            bench.open(0, Action::Long);
            let closing = bench.command(code);
            assert_eq!(bench.signal(0, Action::Long).orders.len(), 0);
            resumed(&bench.command(CommandCode::Resume), 1);
            assert!(!bench.risk.killed());
            if let Some((_, exit)) = closing.orders.first() {
                // What was being closed is closed to the end, and stays closed until a strategy speaks.
                bench.fill(0, exit, 1, 60, OrderState::Cancelled);
                let rest = bench.timer().order();
                assert_eq!((rest.quantity, shape(&rest).4), (Qty(40), Intent::Exit));
                assert!(bench.fill_all(0, &rest).nothing() && bench.timer().nothing());
                assert_eq!(bench.signal(0, Action::Long).rulings(), [(Decision::Allow, Rule::None)]);
            } else {
                assert!(bench.timer().nothing());
                assert_eq!(bench.held(0), 100);
                assert_eq!(
                    bench.signal(0, Action::Exit).orders.len(),
                    1,
                    "kept by the kill, and the strategy's"
                );
            }
        }
    }
}

/// A bench that has lost `rupees` of its limit of 2,000 by a round trip.
fn lost(rupees: i64, config: &PipelineConfig) -> Bench {
    let mut bench = Bench::priced(config);
    bench.open(0, Action::Long);
    let exit = bench.signal(0, Action::Exit).order();
    let mut sold = report(&exit, 1, 100, OrderState::Filled);
    sold.filled_value = Money::rupees(10_000 - rupees);
    bench.report(0, &sold);
    bench
}

#[test]
fn a_halt_whose_cause_is_there_latches_again() {
    for (rupees, halted) in [(1_999, false), (2_000, true), (2_001, true)] {
        let mut bench = lost(rupees, &config(2));
        assert_eq!(bench.risk.halted(), halted);
        resumed(&bench.command(CommandCode::Resume), i64::from(halted));
        assert!(!bench.risk.halted());
        let seen = bench.signal(1, Action::Long);
        let expected =
            if halted { (Decision::HaltSession, Rule::DailyLoss) } else { (Decision::Allow, Rule::None) };
        assert_eq!(seen.rulings(), [expected]);
        assert_eq!(bench.risk.halted(), halted);
    }
    // With a position, the next price is the next check. It recovers: the halt stays cleared.
    for (price, halts) in [(80, true), (81, false)] {
        let mut bench = Bench::priced(&config(1));
        bench.open(0, Action::Long);
        assert_eq!(bench.tick(0, 80).orders.len(), 1);
        resumed(&bench.command(CommandCode::Resume), 1);
        let seen = bench.tick(0, price);
        let alarms: &[AlarmCode] = if halts { &[AlarmCode::Halted] } else { &[] };
        assert_eq!((bench.risk.halted(), seen.alarm_codes()), (halts, alarms.to_vec()));
    }
}

#[test]
fn a_drawdown_keeps_its_peak_over_a_resume() {
    let mut config = config(1);
    config.risk.drawdown_bps = 100; // Rs 1,000
    let mut bench = Bench::priced(&config);
    bench.open(0, Action::Long);
    bench.tick(0, 110);
    bench.tick(0, 100);
    assert!(bench.risk.halted());
    resumed(&bench.command(CommandCode::Resume), 1);
    bench.tick_at(0, Price(1_000_100));
    assert!(!bench.risk.halted());
    bench.tick(0, 100);
    assert!(bench.risk.halted(), "the peak is still 110");
}

#[test]
fn an_instrument_closed_by_its_loss_opens_again_only_without_it() {
    for (rupees, closed) in [(499, false), (500, true), (501, true)] {
        let mut config = config(2);
        config.risk.symbol_loss_bps = 50; // Rs 500
        let mut bench = lost(rupees, &config);
        assert_eq!(bench.risk.barred, u32::from(closed));
        resumed(&bench.command(CommandCode::Resume), i64::from(closed));
        assert_eq!(bench.risk.barred, 0);
        let seen = bench.signal(0, Action::Long);
        let verdict = seen.verdicts[0];
        if closed {
            assert_eq!(seen.rulings(), [(Decision::Block, Rule::SymbolLoss)]);
            assert_eq!((verdict.observed, verdict.limit), (rupees * SCALE, 500 * SCALE));
        } else {
            assert_eq!(seen.rulings(), [(Decision::Allow, Rule::None)]);
        }
    }
    // Both at once, and the other instrument goes on.
    let mut config = config(2);
    config.risk.symbol_loss_bps = 50;
    let mut bench = lost(600, &config);
    bench.kill();
    resumed(&bench.command(CommandCode::Resume), 2);
    assert_eq!(bench.signal(1, Action::Long).orders.len(), 1);
}

#[test]
fn a_resume_brings_nothing_back_by_itself() {
    let mut bench = Bench::priced(&config(1));
    bench.kill();
    bench.signal(0, Action::Long);
    resumed(&bench.command(CommandCode::Resume), 1);
    assert!(bench.timer().nothing() && bench.tick(0, 100).nothing());
    assert_eq!(bench.signal(0, Action::Long).orders.len(), 1);
    // A stopped run stays stopped.
    let mut bench = Bench::priced(&config(1));
    bench.stop();
    resumed(&bench.command(CommandCode::Resume), 0);
    assert_eq!(bench.signal(0, Action::Long).rulings(), [(Decision::Block, Rule::SessionClosed)]);
}

#[test]
fn commands_between_sessions_wait_for_nobody() {
    let mut bench = Bench::priced(&config(1));
    bench.session_end();
    assert_eq!(bench.command(CommandCode::Flatten).alarm_codes(), [AlarmCode::Killed]);
    resumed(&bench.command(CommandCode::Resume), 1);
    bench.session_start();
    assert_eq!(bench.signal(0, Action::Long).rulings(), [(Decision::Allow, Rule::None)]);
}

/// Found in review: what a strategy asked for while a kill kept everything was opened the second after the resume,
/// hours later.
#[test]
fn a_reversal_asked_for_during_a_kill_is_closed_and_not_opened_by_a_resume() {
    for conflict in [Conflict::Priority, Conflict::Confidence, Conflict::Netting] {
        let mut config = config(1);
        config.risk.flatten_on_kill = false;
        config.risk.conflict = conflict;
        let mut bench = Bench::priced(&config);
        bench.open(0, Action::Short);
        bench.kill();
        assert!(bench.signal(0, Action::Long).nothing(), "nothing is sent");
        bench.ts += 3_600 * NS_PER_S;
        resumed(&bench.command(CommandCode::Resume), 1);
        let exit = bench.timer().order();
        assert_eq!((shape(&exit).0, shape(&exit).1, shape(&exit).4), (Side::Buy, 100, Intent::Exit));
        assert!(bench.fill_all(0, &exit).nothing() && bench.timer().nothing(), "{conflict:?}");
        assert_eq!(bench.signal(0, Action::Long).orders.len(), 1, "{conflict:?}: it speaks again");
    }
}

/// An exit that a kill kept back, and what is wanted on the side that is held, go on after the resume.
#[test]
fn what_a_kill_kept_back_goes_on_after_a_resume() {
    let mut config = config(1);
    config.risk.flatten_on_kill = false;
    let mut bench = Bench::priced(&config);
    bench.open(0, Action::Long);
    bench.kill();
    assert!(bench.signal(0, Action::Exit).nothing());
    resumed(&bench.command(CommandCode::Resume), 1);
    let exit = bench.timer().order();
    assert_eq!((shape(&exit).0, shape(&exit).4), (Side::Sell, Intent::Exit));
}

#[test]
fn reduce_only_blocks_entries_and_lets_exits_through() {
    for conflict in [Conflict::Priority, Conflict::Confidence, Conflict::Netting] {
        let mut config = config(3);
        config.risk.conflict = conflict;
        let mut bench = Bench::priced(&config);
        bench.open(0, Action::Long);
        bench.open(1, Action::Long);
        assert!(bench.command(CommandCode::ReduceOnly).nothing(), "positions stay");
        let refused = bench.signal(2, Action::Long);
        let verdict = refused.verdicts[0];
        assert_eq!(refused.rulings(), [(Decision::Block, Rule::ReduceOnly)], "{conflict:?}");
        assert_eq!((verdict.observed, verdict.limit, verdict.allowed), (1, 0, Qty(0)));
        // An exit, and of a reversal the half that closes.
        let exit = bench.signal(0, Action::Exit).order();
        assert_eq!((shape(&exit).0, shape(&exit).1, shape(&exit).4), (Side::Sell, 100, Intent::Exit));
        assert!(bench.fill_all(0, &exit).nothing());
        let closing = bench.signal(1, Action::Short).order();
        assert_eq!((shape(&closing).0, shape(&closing).4), (Side::Sell, Intent::Exit));
        let flat = bench.fill_all(1, &closing);
        assert_eq!(flat.rulings(), [(Decision::Block, Rule::ReduceOnly)], "{conflict:?}");
        assert_eq!((bench.held(0), bench.held(1)), (0, 0));
        assert!(!bench.risk.killed() && !bench.risk.halted());
    }
}

#[test]
fn reduce_only_cancels_what_rests_until_it_is_answered() {
    let mut config = config(1);
    config.strategies[0].passive_entry = true;
    let mut bench = Bench::priced(&config);
    let resting = bench.signal(0, Action::Long).order();
    let cancelled = |seen: &Seen| seen.cancels.iter().map(|c| c.order).collect::<Vec<_>>();
    assert_eq!(cancelled(&bench.command(CommandCode::ReduceOnly)), [resting.id]);
    assert!(bench.command(CommandCode::ReduceOnly).nothing(), "latched already");
    assert_eq!(cancelled(&bench.timer()), [resting.id], "not answered yet");
    // A part is filled before the cancel: it stays, for the strategy to close.
    assert!(bench.fill(0, &resting, 1, 10, OrderState::Cancelled).nothing());
    assert!(bench.timer().nothing());
    let exit = bench.signal(0, Action::Exit).order();
    assert_eq!((exit.quantity, shape(&exit).4), (Qty(10), Intent::Exit));
}

#[test]
fn reduce_only_outlives_the_session_and_ends_with_a_resume() {
    let mut bench = Bench::priced(&config(1));
    let before = stage_hash(&mut bench.risk);
    bench.risk.reduce_only = true;
    assert_ne!(stage_hash(&mut bench.risk), before, "it is in the state hash");
    bench.session_end();
    bench.session_start();
    assert_eq!(bench.signal(0, Action::Long).rulings(), [(Decision::Block, Rule::ReduceOnly)]);
    // A kill comes first, and both are cleared.
    bench.kill();
    assert_eq!(bench.signal(0, Action::Short).rulings(), [(Decision::Block, Rule::KillSwitch)]);
    resumed(&bench.command(CommandCode::Resume), 2);
    assert!(bench.timer().nothing(), "nothing comes back by itself");
    assert_eq!(bench.signal(0, Action::Long).rulings(), [(Decision::Allow, Rule::None)]);
}

/// A reversal whose exit is under way when a resume clears the latch: the other half is not opened by it.
#[test]
fn a_reversal_asked_for_during_reduce_only_is_closed_and_not_opened_by_a_resume() {
    let mut bench = Bench::priced(&config(1));
    bench.open(0, Action::Short);
    bench.command(CommandCode::ReduceOnly);
    let exit = bench.signal(0, Action::Long).order();
    resumed(&bench.command(CommandCode::Resume), 1);
    assert!(bench.fill_all(0, &exit).nothing() && bench.timer().nothing());
    assert_eq!(bench.held(0), 0);
    assert_eq!(bench.signal(0, Action::Long).rulings(), [(Decision::Allow, Rule::None)]);
}
