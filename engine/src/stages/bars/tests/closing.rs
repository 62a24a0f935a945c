//! When bars close, in which order, and what the cascade makes of them.

use super::*;
use crate::event::{BAR_AFTER_GAP, BAR_BY_TIMER, BAR_RECEIVE_TIME};
use Timeframe::{Day, M1, M3, M5, M15, M30, M60, S1};

#[test]
fn a_tick_closes_the_older_bars_of_its_own_instrument_shortest_first() {
    let mut run = Run::new(2);
    run.quiet(full(0, 0, 100, 10));
    run.quiet(full(0, 0, 120, 15));
    run.quiet(full(1, 0, 900, 10));
    let closed = bars(&run.feed(full(0, 1, 90, 16)));
    assert_eq!(frames(&closed), [S1]);
    assert_eq!(figures(&closed[0]), (100, 120, 100, 120, 5, 2));
    assert_eq!((span(&closed[0]), closed[0].flags, closed[0].gap), ((0, 1), 0, 0));
    assert_eq!(closed[0].turnover, Money(600));

    let events = run.feed(full(0, 300, 95, 20));
    assert!(events.iter().all(|event| event.header.instrument == InstrumentId(0)));
    let closed = bars(&events);
    assert_eq!(frames(&closed), [S1, M1, M3, M5]);
    assert_eq!(figures(&closed[0]), (90, 90, 90, 90, 1, 1));
    for (bar, end) in closed[1..].iter().zip([60, 180, 300]) {
        assert_eq!(figures(bar), (100, 120, 90, 90, 6, 3));
        assert_eq!(span(bar), (0, end));
        assert_eq!(bar.turnover, Money(690));
    }
    assert_eq!(run.bars.counters().of(S1), 2);
    assert_eq!(run.bars.counters().of(M5), 1);
    assert_eq!(run.bars.counters().of(M15), 0);
}

#[test]
fn the_timer_closes_at_the_end_and_the_grace_and_not_before() {
    let mut run = Run::new(2);
    run.quiet(full(1, 59, 200, 1));
    run.quiet(full(0, 59, 100, 1));
    run.quiet(timer(61));
    let events = run.feed(timer(62));
    let seen: Vec<_> = events.iter().map(|event| (event.header.instrument.0, event.body::<Bar>())).collect();
    assert_eq!(
        seen.iter().map(|(id, bar)| (*id, bar.timeframe, bar.flags)).collect::<Vec<_>>(),
        [0, 1].iter().flat_map(|&id| [(id, 1, BAR_BY_TIMER), (id, 2, BAR_BY_TIMER)]).collect::<Vec<_>>()
    );
    run.quiet(timer(63));
    // A bar that a tick closes later is no timer's, whatever its parts were.
    let closed = bars(&run.feed(full(0, 181, 100, 2)));
    assert_eq!(frames(&closed), [M3]);
    assert_eq!(closed[0].flags, 0);
}

#[test]
fn grace_is_to_the_nanosecond() {
    let mut run = Run::new(1);
    run.quiet(full(0, 5, 100, 1));
    let mut early = timer(8);
    early.header.ts.0 -= 1;
    run.quiet(early);
    assert_eq!(frames(&bars(&run.feed(timer(8)))), [S1]);
}

#[test]
fn the_sessions_end_closes_everything_left() {
    let mut run = Run::new(1);
    run.quiet(full(0, 22_499, 100, 1));
    let closed = run.end();
    assert_eq!(frames(&closed), [S1, M1, M3, M5, M15, M30, M60, Day]);
    assert!(closed.iter().all(|bar| bar.flags == BAR_BY_TIMER && span(bar).1 == SESSION));
    let starts: Vec<_> = closed.iter().map(|bar| span(bar).0).collect();
    // 60 m bars start at the open, so the last one of the day is a quarter of an hour long.
    assert_eq!(starts, [22_499, 22_440, 22_320, 22_200, 21_600, 21_600, 21_600, 0]);
    assert_eq!(run.end().len(), 0);
    run.quiet(timer(30_000));
    run.quiet(full(0, 100, 100, 2));
    assert_eq!(run.bars.counters().out_of_session, 1);
}

#[test]
fn many_instruments_close_in_order_and_within_the_bound() {
    let count = 50;
    let mut run = Run::new(count);
    for id in (0..count as u32).rev() {
        run.quiet(full(id, 10, 100 + i64::from(id), 1));
    }
    let events = run.feed(timer(62));
    assert_eq!(events.len(), 2 * count);
    let order: Vec<_> = events.iter().map(|e| (e.header.instrument.0, e.body::<Bar>().timeframe)).collect();
    assert!(order.is_sorted());
    let events = run.feed(session_end());
    assert_eq!(events.len(), 6 * count);
    let order: Vec<_> = events.iter().map(|e| (e.header.instrument.0, e.body::<Bar>().timeframe)).collect();
    assert!(order.is_sorted());
    for event in &events {
        let last = 100 + i64::from(event.header.instrument.0);
        assert_eq!(figures(event.body::<Bar>()), (last, last, last, last, 0, 1));
    }
}

#[test]
fn gaps_are_counted_in_whole_periods_and_never_filled() {
    let mut run = Run::new(1);
    run.quiet(full(0, 130, 100, 1));
    // The first bars of the session have no gap, however late they start.
    let closed = bars(&run.feed(full(0, 131, 101, 2)));
    assert_eq!((closed[0].gap, closed[0].flags), (0, 0));
    let closed = bars(&run.feed(full(0, 610, 102, 3)));
    assert_eq!(frames(&closed), [S1, M1, M3, M5]);
    assert!(closed.iter().all(|bar| bar.gap == 0 && bar.flags == 0));
    let closed = run.end();
    let gap_of = |timeframe| (one(&closed, timeframe).gap, one(&closed, timeframe).flags);
    // 132 … 610, 180 … 600, 180 … 540, 300 … 600.
    assert_eq!(gap_of(S1), (478, BAR_BY_TIMER | BAR_AFTER_GAP));
    assert_eq!(gap_of(M1), (7, BAR_BY_TIMER | BAR_AFTER_GAP));
    assert_eq!(gap_of(M3), (2, BAR_BY_TIMER | BAR_AFTER_GAP));
    assert_eq!(gap_of(M5), (1, BAR_BY_TIMER | BAR_AFTER_GAP));
    assert_eq!(gap_of(M15), (0, BAR_BY_TIMER));
    assert_eq!(gap_of(Day), (0, BAR_BY_TIMER));
    assert_eq!(run.bars.counters().bars, [3, 2, 2, 2, 1, 1, 1, 1]);
}

#[test]
fn a_late_tick_reopens_nothing_and_counts_for_nothing() {
    let mut run = Run::new(1);
    run.quiet(full(0, 58, 100, 10));
    // Earlier than the open second.
    let letters = run.feed(full(0, 57, 1, 500));
    assert_eq!(letters.len(), 1);
    assert_eq!(reason(&letters[0]), DeadReason::LateTick);
    let letter = letters[0].body::<DeadLetter>();
    assert_eq!((letter.received, letter.source_seq, letter.token), (at(1), 9, 0));
    assert_eq!((letter.original_bytes, letter.kept_bytes), (256, 184));
    assert_eq!(letters[0].header.instrument, InstrumentId(0));
    let original = full(0, 57, 1, 500);
    // All but the sequence number, which the sequencer gave.
    assert_eq!(letter.data[8..], original.used_bytes()[8..184]);
    // The same second is not late.
    run.quiet(full(0, 58, 99, 11));
    // Closed by the timer, the second and the minute are over for good.
    assert_eq!(run.feed(timer(62)).len(), 2);
    let letters = run.feed(full(0, 59, 1, 600));
    assert_eq!(reason(&letters[0]), DeadReason::LateTick);
    assert_eq!(run.bars.counters().late, 2);
    // The volume that the late ticks showed is in the next bar: none is lost.
    run.quiet(full(0, 60, 98, 600));
    let closed = run.end();
    assert_eq!(figures(&one(&closed, M1)), (98, 98, 98, 98, 589, 1));
    assert_eq!(figures(&one(&closed, Day)), (100, 100, 98, 98, 590, 3));
}

#[test]
fn a_tick_at_the_close_ends_the_bars_and_is_in_none() {
    let mut run = Run::new(1);
    run.quiet(full(0, SESSION - 1, 100, 10));
    let closed = bars(&run.feed(full(0, SESSION, 50, 20)));
    assert_eq!(closed.len(), 8);
    assert!(closed.iter().all(|bar| figures(bar) == (100, 100, 100, 100, 0, 1) && bar.flags == 0));
    assert_eq!(run.bars.counters().out_of_session, 1);
    assert_eq!(run.end().len(), 0);
}

#[test]
fn a_session_that_broke_off_leaves_nothing_behind() {
    let mut run = Run::new(1);
    run.quiet(full(0, 100, 100, 10));
    run.feed(full(0, 101, 100, 11));
    run.quiet(session_start(1));
    assert_eq!(run.bars.counters().dropped, 2, "a second and the minute it would have gone into");
    run.quiet(full(0, DAY + 5, 70, 3));
    run.quiet(timer(DAY + 7));
    let closed = bars(&run.feed(timer(DAY + 8)));
    assert_eq!(figures(&closed[0]), (70, 70, 70, 70, 0, 1));
    assert_eq!(closed[0].gap, 0);
}

#[test]
fn every_part_of_the_state_is_in_the_hash() {
    let steps: [(&str, Event); 6] = [
        ("a moving tick", full(0, 10, 100, 5)),
        ("a volume", full(0, 10, 100, 6)),
        ("a tick that moves nothing but open interest", {
            let mut event = full(0, 10, 100, 6);
            event.body_mut::<Full>().open_interest = 4;
            event
        }),
        ("a closed bar", full(0, 11, 100, 7)),
        ("a late tick", full(0, 9, 100, 7)),
        ("a receive time", ltp(0, 11_500, 100)),
    ];
    let mut run = Run::new(1);
    let mut seen = vec![run.hash()];
    for (what, event) in steps {
        run.feed(event);
        assert!(!seen.contains(&run.hash()), "{what} is not in the hash");
        seen.push(run.hash());
    }
    assert_ne!(one(&run.end(), S1).flags & BAR_RECEIVE_TIME, 0);
}
