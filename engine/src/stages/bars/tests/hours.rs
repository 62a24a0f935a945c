//! Instruments with hours of their own.

use super::*;

/// A quarter of an hour before the session's close: 15:15.
const EARLY: u64 = SESSION - 900;

/// The timeframes and spans of bars.
fn spans(bars: &[Bar]) -> Vec<(Timeframe, u64, u64)> {
    let one = |bar: &Bar| (Timeframe::from_u8(bar.timeframe).unwrap(), span(bar).0, span(bar).1);
    bars.iter().map(one).collect()
}

#[test]
fn the_last_bars_end_at_the_own_close() {
    use Timeframe::*;
    // One tick in the last second that each trades in; the bars it makes by the end of the session.
    // 15:15 is a boundary of every length but none of 15:30's: the hour of 15:15 has a quarter left.
    let table = [
        (
            0,
            SESSION - 1,
            [(S1, 1), (M1, 60), (M3, 180), (M5, 300), (M15, 900), (M30, 900), (M60, 900), (Day, SESSION)],
        ),
        (
            1,
            EARLY - 1,
            [(S1, 1), (M1, 60), (M3, 180), (M5, 300), (M15, 900), (M30, 1_800), (M60, 3_600), (Day, EARLY)],
        ),
        // Periods are counted from the own open: an hour and a minute are divided into an hour and a minute.
        (2, 7_259, [(S1, 1), (M1, 60), (M3, 60), (M5, 60), (M15, 60), (M30, 60), (M60, 60), (Day, 3_660)]),
    ];
    for (id, second, lengths) in table {
        let mut run = Run::new(3);
        run.quiet(hours(1, 0, EARLY));
        run.quiet(hours(2, 3_600, 7_260));
        run.quiet(full(id, second, 1_000_000, 10));
        let expected: Vec<_> = lengths.map(|(frame, length)| (frame, second + 1 - length, second + 1)).into();
        assert_eq!(spans(&run.end()), expected, "instrument {id}");
    }
}

#[test]
fn outside_its_hours_a_tick_moves_the_volume_and_no_bar() {
    let mut run = Run::new(2);
    run.quiet(hours(1, 60, EARLY));
    run.quiet(full(1, 59, 900_000, 100));
    assert_eq!(run.bars.counters().out_of_session, 1, "before its open");
    run.quiet(full(1, 60, 1_000_000, 130));
    run.quiet(full(0, 59, 900_000, 100));
    assert_eq!(run.bars.counters().out_of_session, 1, "another keeps the session's hours");
    let closed = bars(&run.feed(full(1, EARLY, 1_100_000, 150)));
    assert_eq!(closed.len(), 8, "the tick at the close ends what is open");
    assert!(closed.iter().all(|bar| bar.flags & BAR_BY_TIMER == 0 && span(bar).1 <= EARLY));
    let day = one(&closed, Timeframe::Day);
    assert_eq!(
        (span(&day), figures(&day)),
        ((60, EARLY), (1_000_000, 1_000_000, 1_000_000, 1_000_000, 30, 1))
    );
    run.quiet(full(1, EARLY + 1, 1_100_000, 170));
    assert_eq!(run.bars.counters().out_of_session, 3);
    assert_eq!(run.bars.counters().late, 0, "what comes after the close is not late");
    assert_eq!(run.end().len(), 8, "those of the other");
}

#[test]
fn a_timer_closes_the_day_a_grace_after_the_own_close() {
    let mut run = Run::new(2);
    run.quiet(hours(1, 0, EARLY));
    run.quiet(full(1, EARLY - 1, 1_000_000, 1));
    run.quiet(full(0, EARLY - 1, 1_000_000, 1));
    let due = run.feed(timer(EARLY + 1));
    assert!(due.is_empty());
    let due = run.feed(timer(EARLY + 2));
    let ids: Vec<_> = due.iter().map(|event| event.header.instrument.0).collect();
    assert_eq!(ids, [[0; 7].as_slice(), &[1; 8]].concat(), "the other's day goes on");
    assert!(bars(&due).iter().all(|bar| bar.flags & BAR_BY_TIMER != 0));
    assert_eq!(spans(&run.end()), [(Timeframe::Day, 0, SESSION)]);
}

#[test]
fn hours_are_of_one_session_and_part_of_the_state() {
    let run = |own: &[Event]| {
        let mut run = Run::new(2);
        own.iter().for_each(|event| run.quiet(*event));
        run
    };
    let hashes =
        [run(&[]), run(&[hours(1, 0, EARLY)]), run(&[hours(0, 0, EARLY)]), run(&[hours(1, 1, EARLY)])]
            .map(|mut run| run.hash());
    assert!((1..4).all(|i| !hashes[..i].contains(&hashes[i])), "{hashes:?}");

    let mut next = run(&[hours(1, 0, EARLY)]);
    next.quiet(session_start(1));
    next.quiet(full(1, DAY + SESSION - 1, 1_000_000, 1));
    assert_eq!(next.bars.counters().out_of_session, 0, "the next session starts with its own hours for all");
}

#[test]
#[should_panic(expected = "before its first bar")]
fn hours_after_the_first_bar_are_a_bug() {
    let mut run = Run::new(1);
    run.quiet(full(0, 10, 1_000_000, 1));
    run.feed(hours(0, 0, EARLY));
}

/// A session that is wider than an instrument's hours changes nothing for it: its bars are those of a session
/// with these hours.
#[test]
fn own_hours_in_a_wide_session_make_the_bars_of_a_session_with_these_hours() {
    let mut total = 0;
    for seed in 1..=30 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let (open, close) = (random.below(5_000), SESSION - random.below(9_000));
        let start = |open: u64, close: u64| {
            let mut start = session_start(0);
            let body = start.body_mut::<SessionStart>();
            (body.open, body.close) = (at(open), at(close));
            start
        };
        let new = || Run { bars: Run::new(1).bars, sequence: 0 };
        let (mut wide, mut narrow) = (new(), new());
        wide.quiet(start(0, SESSION));
        wide.quiet(hours(0, open, close));
        narrow.quiet(start(open, close));
        // The same number for both: it is in what they emit.
        (wide.sequence, narrow.sequence) = (10, 10);
        let (mut second, mut last, mut volume) = (0, 1_000_000, 0);
        let mut both = |event: Event| {
            let (a, b) = (wide.feed(event), narrow.feed(event));
            assert_eq!(a.len(), b.len());
            assert!(a.iter().zip(&b).all(|(a, b)| a.used_bytes() == b.used_bytes()));
            a.len()
        };
        while second < SESSION + 600 {
            let before = second;
            second += random.below(40);
            total += (before + 1..=second).map(|due| both(timer(due))).sum::<usize>();
            last += random.below(2_001) as i64 - 1_000;
            volume += random.below(50) as u32;
            // Some are late, some of no trade.
            let time = second.saturating_sub(if random.below(20) == 0 { random.below(90) } else { 0 });
            total += both(full(0, time, last, volume));
        }
        total += both(session_end());
        assert_eq!(wide.bars.counters(), narrow.bars.counters());
        assert!(wide.bars.counters().out_of_session > 0 && wide.bars.counters().late > 0);
    }
    assert!(total > 30_000, "{total} outputs");
}
