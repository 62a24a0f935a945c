//! Hours of each instrument: when its entries end, when it is squared off, and that nothing is sent outside.

use super::session::DeskHours;
use super::*;
use crate::units::IST_OFFSET_NS;

/// A time of 3 August 2026 in India, from hours and minutes.
fn at(hour: u64, minute: u64) -> TsNs {
    const MIDNIGHT_S: u64 = 1_785_715_200; // 2026-08-03T00:00:00Z
    TsNs((MIDNIGHT_S + hour * 3_600 + minute * 60) * NS_PER_S - IST_OFFSET_NS)
}

/// The defaults: 15:20 or 10 minutes before the close, 15:00 or 30 minutes.
fn daily() -> RiskConfig {
    RiskConfig {
        square_off_s: (15 * 60 + 20) * 60,
        square_off_margin_s: 600,
        no_new_entry_s: 15 * 3_600,
        no_new_entry_margin_s: 1_800,
        ..RiskConfig::UNLIMITED
    }
}

#[test]
fn square_off_and_last_entries_by_the_close() {
    let daily = daily();
    let margins = RiskConfig { square_off_s: 0, no_new_entry_s: 0, ..daily };
    let times = RiskConfig { square_off_margin_s: 0, no_new_entry_margin_s: 0, ..daily };
    let long = RiskConfig { square_off_margin_s: 86_400, no_new_entry_margin_s: 86_400, ..daily };
    let (open, none) = (at(9, 15), RiskConfig::UNLIMITED);
    let table = [
        (daily, open, at(15, 30), at(15, 20), at(15, 0)),
        (daily, open, at(15, 15), at(15, 5), at(14, 45)),
        (daily, open, at(15, 40), at(15, 20), at(15, 0)),
        (daily, open, TsNs(at(15, 30).0 - 1), TsNs(at(15, 20).0 - 1), TsNs(at(15, 0).0 - 1)),
        (daily, open, TsNs(at(15, 30).0 + 1), at(15, 20), at(15, 0)),
        // After the configured times: closed from its open on.
        (daily, at(18, 0), at(19, 0), at(18, 0), at(18, 0)),
        (daily, at(9, 15), at(9, 20), at(9, 15), at(9, 15)),
        (margins, at(18, 0), at(19, 0), at(18, 50), at(18, 30)),
        (margins, open, at(15, 40), at(15, 30), at(15, 10)),
        (times, open, at(15, 15), at(15, 15), at(15, 0)),
        (long, open, at(15, 30), open, open),
        // Nothing is configured: a minute before the close, and the square-off.
        (none, open, at(15, 30), at(15, 29), at(15, 29)),
        (RiskConfig { square_off_s: 15 * 3_600, ..none }, open, at(15, 30), at(15, 0), at(15, 0)),
    ];
    for (row, (config, open, close, square_off, entries_end)) in table.into_iter().enumerate() {
        let hours = DeskHours::new(&config, open, close);
        let halted = false;
        assert_eq!(hours, DeskHours { open, close, square_off, entries_end, halted }, "row {row}");
    }
}

/// Three instruments: 0 keeps the session's hours, 1 opens 100 s later, 2 ends 1,000 s earlier.
fn bench() -> Bench {
    let mut config = config(3);
    config.risk.no_new_entry_margin_s = 2_000;
    let mut bench = Bench::new(&config);
    assert!(bench.hours(1, OPEN + 100 * NS_PER_S, CLOSE).nothing());
    assert!(bench.hours(2, OPEN, CLOSE - 1_000 * NS_PER_S).nothing());
    for id in 0..3 {
        assert!(bench.tick(id, 100).nothing());
    }
    bench
}

#[test]
fn entries_go_by_the_instruments_own_hours() {
    let before = |s: u64| CLOSE - s * NS_PER_S;
    let late = OPEN + 100 * NS_PER_S;
    let table = [
        (1, late - 1, Some((Rule::SessionClosed, late))),
        (1, late, None),
        (0, before(2_000) - 1, None),
        (0, before(2_000), Some((Rule::NoNewEntry, before(2_000)))),
        (2, before(3_000) - 1, None),
        (2, before(3_000), Some((Rule::NoNewEntry, before(3_000)))),
        (2, before(2_000) - 1, Some((Rule::NoNewEntry, before(3_000)))),
        (2, before(2_000), Some((Rule::SquareOff, before(2_000)))),
        (2, before(1_000) - 1, Some((Rule::SquareOff, before(2_000)))),
        (2, before(1_000), Some((Rule::SessionClosed, before(1_000)))),
        (0, before(1_000), Some((Rule::SquareOff, before(1_000)))),
        (0, before(0), Some((Rule::SessionClosed, before(0)))),
    ];
    for (id, ts, expected) in table {
        let mut bench = bench();
        bench.ts = ts;
        let seen = bench.signal(id, Action::Long);
        let (_, rule) = seen.rulings()[0];
        let got = (!seen.verdicts[0].order.is_zero(), rule, seen.verdicts[0].limit as u64);
        let expected = expected.map_or((true, Rule::None, 0), |(rule, limit)| (false, rule, limit));
        assert_eq!(got, expected, "{id} at {ts}");
    }
}

#[test]
fn each_instrument_is_squared_off_at_its_own_time() {
    let mut bench = bench();
    bench.ts = OPEN + 200 * NS_PER_S;
    for id in 0..3 {
        bench.open(id, Action::Long);
    }
    bench.ts = CLOSE - 2_002 * NS_PER_S;
    assert!(bench.timer().nothing(), "a second before the first");
    let seen = bench.timer();
    let squared = |seen: &Seen| seen.orders.iter().map(|(id, o)| (*id, shape(o).4)).collect::<Vec<_>>();
    assert_eq!(squared(&seen), [(2, Intent::SquareOff)]);
    bench.fill_all(2, &seen.orders[0].1);
    let exit = bench.signal(0, Action::Exit);
    assert_eq!(squared(&exit), [(0, Intent::Exit)], "its time has not come");
    bench.fill(0, &exit.orders[0].1, 1, 50, OrderState::Cancelled);
    bench.signal(0, Action::Long);
    bench.ts = CLOSE - 1_002 * NS_PER_S;
    assert!(bench.timer().nothing());
    assert_eq!(squared(&bench.timer()), [(0, Intent::SquareOff), (1, Intent::SquareOff)]);
}

#[test]
fn nothing_is_sent_from_the_close_on() {
    let close = CLOSE - 1_000 * NS_PER_S;
    for (ts, sent) in [(close - 1, true), (close, false), (close + 1, false)] {
        // A kill, a halt by the loss of another instrument, a timer and an exit: each is kept back.
        for what in 0..4 {
            let mut config = config(3);
            config.strategies[0].passive_entry = true;
            let mut bench = Bench::priced(&config);
            bench.hours(2, OPEN, close);
            bench.open(0, Action::Long);
            let (_, order) = bench.signal(2, Action::Long).orders[0];
            bench.fill(2, &order, 1, 40, OrderState::PartiallyFilled);
            bench.ts = ts;
            let seen = match what {
                0 => bench.kill(),
                1 => bench.tick(0, 70),
                2 => bench.input(u32::MAX, FLAG_EXO, &Timer { due: TsNs(ts), reserved: [0; 24] }),
                _ => bench.signal(2, Action::Exit),
            };
            let exits = seen.orders.iter().filter(|(id, _)| *id == 2).count();
            let cancels = seen.cancels.iter().filter(|cancel| cancel.order == order.id).count();
            assert_eq!((exits, cancels), (usize::from(sent), usize::from(sent)), "{what} at {ts}");
            if !sent {
                assert!(bench.timer().orders.iter().all(|(id, _)| *id != 2), "nor later");
            }
        }
    }
    // What is left is known at the session's end.
    let mut bench = Bench::priced(&config(1));
    bench.open(0, Action::Long);
    bench.ts = CLOSE;
    assert!(bench.timer().nothing());
    assert_eq!(bench.session_end().alarm_codes(), [AlarmCode::NotFlat, AlarmCode::Killed]);
}

#[test]
fn a_new_session_gives_every_instrument_its_hours() {
    let mut bench = bench();
    bench.session_end();
    bench.session_start();
    bench.ts = CLOSE - 2_500 * NS_PER_S;
    assert_eq!(bench.signal(2, Action::Long).rulings(), [(Decision::Allow, Rule::None)]);
    assert!(bench.hours(2, OPEN, CLOSE - 1).nothing());
}

#[test]
fn hours_of_an_instrument_without_strategy_are_nobodys() {
    let mut config = config(2);
    config.strategies[0].instruments.truncate(1);
    let mut bench = Bench::new(&config);
    let before = (bench.risk.desks[0].hours, bench.risk.first_square_off);
    assert!(bench.hours(1, OPEN, OPEN + 1).nothing());
    assert_eq!((bench.risk.desks[0].hours, bench.risk.first_square_off), before);
}

#[test]
fn hours_are_in_the_state_hash() {
    type Change = fn(&mut Risk);
    let table: [(&str, Change); 6] = [
        ("open", |risk| risk.desks[0].hours.open.0 += 1),
        ("close", |risk| risk.desks[0].hours.close.0 += 1),
        ("square-off", |risk| risk.desks[0].hours.square_off.0 += 1),
        ("first square-off", |risk| risk.first_square_off.0 += 1),
        ("squared until", |risk| risk.squared_until.0 += 1),
        ("active", |risk| risk.active = !risk.active),
    ];
    for (name, change) in table {
        let mut bench = Bench::priced(&config(1));
        let before = stage_hash(&mut bench.risk);
        change(&mut bench.risk);
        assert_ne!(stage_hash(&mut bench.risk), before, "{name}");
    }
}

/// Found by running a day with a halt: exits were sent, and refused by the venue, every second of it.
#[test]
fn nothing_is_sent_into_a_halt_and_what_is_wanted_goes_out_after_it() {
    use crate::event::{MarketPhase, TradingState};
    let mut bench = Bench::priced(&config(2));
    let phase = |bench: &mut Bench, phase: MarketPhase| {
        let body =
            TradingState { low: Price::ZERO, high: Price::ZERO, phase: phase as u8, reserved: [0; 15] };
        bench.input(0, crate::event::FLAG_EXO, &body)
    };
    let held = bench.open(0, Action::Long);
    assert!(held > 0 && phase(&mut bench, MarketPhase::Halted).nothing());
    assert!(bench.signal(0, Action::Exit).orders.is_empty());
    for _ in 0..5 {
        bench.ts += NS_PER_S;
        assert!(bench.timer().nothing());
    }
    assert!(phase(&mut bench, MarketPhase::Continuous).nothing());
    bench.ts += NS_PER_S;
    let exit = bench.timer().order();
    assert_eq!((exit.side, exit.quantity.0), (Side::Sell as u8, held));
    bench.fill_all(0, &exit);
    // An entry is refused by a rule of its own; other instruments trade.
    phase(&mut bench, MarketPhase::Halted);
    assert_eq!(bench.signal(0, Action::Long).rulings(), [(Decision::Block, Rule::Halted)]);
    assert_eq!(bench.signal(1, Action::Long).rulings(), [(Decision::Allow, Rule::None)]);
}
