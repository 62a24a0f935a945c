//! Which time a tick has, and which date.

use super::*;
use crate::event::{BAR_BY_TIMER, BAR_RECEIVE_TIME};
use Timeframe::{Day, M1, S1};

#[test]
fn the_exchange_time_picks_the_bar_and_the_receive_time_stands_in() {
    // Exchange times 30 s behind the sequencer's.
    for mut event in [full(0, 40, 100, 1), index(0, 40, 100)] {
        let mut run = Run::new(1);
        event.header.ts = at(70);
        run.quiet(event);
        let bar = one(&run.end(), S1);
        assert_eq!((span(&bar), bar.flags), ((40, 41), BAR_BY_TIMER));
    }
    let mut absent = full(0, 40, 100, 1);
    absent.body_mut::<Full>().exchange_secs = 0;
    for event in [absent, quote(0, 40_999, 100, 1), ltp(0, 40_000, 100)] {
        let mut run = Run::new(1);
        run.quiet(event);
        let closed = run.end();
        assert_eq!(closed.len(), 8);
        assert!(closed.iter().all(|bar| bar.flags == BAR_BY_TIMER | BAR_RECEIVE_TIME));
        assert_eq!(span(&closed[0]), (40, 41));
    }
}

#[test]
fn one_received_tick_marks_every_bar_it_is_in_and_no_other() {
    let mut run = Run::new(1);
    run.quiet(index(0, 10, 100));
    assert_eq!(bars(&run.feed(ltp(0, 11_200, 101)))[0].flags, 0);
    assert_eq!(bars(&run.feed(index(0, 12, 102)))[0].flags, BAR_RECEIVE_TIME);
    let closed = run.end();
    assert_eq!(one(&closed, S1).flags, BAR_BY_TIMER);
    assert_eq!(one(&closed, M1).flags, BAR_BY_TIMER | BAR_RECEIVE_TIME);
    assert_eq!(figures(&one(&closed, Day)), (100, 102, 100, 102, 0, 3));
}

#[test]
fn ticks_outside_the_hours_are_counted_and_seed_the_volume() {
    let mut run = Run::new(1);
    let mut early = full(0, 0, 50, 1_000);
    early.body_mut::<Full>().exchange_secs = OPEN as u32 - 1;
    early.header.ts = at(0);
    run.quiet(early);
    run.quiet(full(0, 0, 100, 1_010));
    let mut received_early = ltp(0, 0, 1);
    received_early.header.ts = TsNs(at(0).0 - 1);
    run.quiet(received_early);
    assert_eq!(run.bars.counters().out_of_session, 2);
    assert_eq!(figures(&one(&run.end(), Day)), (100, 100, 100, 100, 10, 1));
}

#[test]
fn a_tick_of_another_date_is_not_used_at_all() {
    let mut run = Run::new(1);
    let mut stale = full(0, 0, 50, 9_000);
    stale.body_mut::<Full>().exchange_secs = (OPEN - DAY + SESSION) as u32;
    let letters = run.feed(stale);
    assert_eq!(letters.iter().map(reason).collect::<Vec<_>>(), [DeadReason::StaleDate]);
    let mut stale_index = index(0, 0, 50);
    stale_index.body_mut::<Quote>().exchange_secs = (OPEN + DAY) as u32;
    let letters = run.feed(stale_index);
    assert_eq!(letters[0].body::<DeadLetter>().original_bytes, 128);
    assert_eq!(letters[0].body::<DeadLetter>().kept_bytes, 128);
    assert_eq!(run.bars.counters().stale, 2);
    run.quiet(full(0, 1, 100, 40));
    run.quiet(full(0, 1, 101, 45));
    assert_eq!(figures(&one(&run.end(), Day)), (100, 101, 100, 101, 5, 2));
}

#[test]
fn the_date_changes_at_midnight_in_india() {
    // 15 April begins 9 h 15 min before the open; 16 April 14 h 45 min after it.
    for (secs, stale) in
        [(OPEN - 33_300, false), (OPEN - 33_301, true), (OPEN + 53_099, false), (OPEN + 53_100, true)]
    {
        let mut run = Run::new(1);
        let mut event = full(0, 0, 100, 1);
        event.body_mut::<Full>().exchange_secs = secs as u32;
        event.header.ts = event.header.ts.max(TsNs::from_secs(secs as u32));
        assert_eq!(run.feed(event).len(), usize::from(stale), "{secs}");
        assert_eq!(run.bars.counters().stale, u64::from(stale), "{secs}");
        assert_eq!(run.bars.counters().out_of_session, u64::from(!stale), "{secs}");
    }
}

#[test]
fn each_session_starts_from_nothing() {
    let mut run = Run::new(1);
    run.quiet(full(0, 10, 100, 1_000));
    run.quiet(full(0, 10, 100, 1_100));
    assert_eq!(one(&run.end(), Day).volume, 100);
    run.quiet(session_start(1));
    // The new day's volume is far below yesterday's, and its first packet only seeds it.
    run.quiet(full(0, DAY + 10, 70, 30));
    let closed = bars(&run.feed(full(0, DAY + 11, 71, 50)));
    assert_eq!(figures(&closed[0]), (70, 70, 70, 70, 0, 1));
    assert_eq!(closed[0].gap, 0);
    let closed = run.end();
    assert_eq!(figures(&one(&closed, Day)), (70, 71, 70, 71, 20, 2));
    assert_eq!(closed.iter().map(|bar| bar.gap).max(), Some(0));
    assert_eq!(run.bars.counters().bars, [3, 2, 2, 2, 2, 2, 2, 2]);
}

#[test]
fn without_a_session_ticks_are_only_counted() {
    let mut run = Run::new(1);
    run.end();
    run.quiet(full(0, 10, 100, 1));
    run.quiet(ltp(0, 10, 100));
    assert_eq!(run.bars.counters().out_of_session, 2);
    assert_eq!(run.bars.counters().stale, 0);
}

/// Found in review: one tick ahead of its time closed the day's bars, and every tick after it was late.
#[test]
fn a_tick_ahead_of_the_clock_closes_nothing() {
    for (ahead_secs, refused) in [(0, false), (5, false), (6, true), (600, true), (40_000, true)] {
        let mut run = Run::new(1);
        run.quiet(full(0, 1, 100, 40));
        let mut early = full(0, 1, 9_000, 41);
        early.body_mut::<Full>().exchange_secs += ahead_secs;
        let outputs = run.feed(early);
        let letters = outputs.iter().filter(|event| event.kind() == Kind::DeadLetter).map(reason);
        let expected = refused.then_some(DeadReason::FutureTime);
        assert_eq!(
            letters.collect::<Vec<_>>(),
            expected.into_iter().collect::<Vec<_>>(),
            "{ahead_secs} s ahead"
        );
        assert_eq!(run.bars.counters().future, u64::from(refused));
        if refused {
            run.quiet(full(0, 1, 101, 45));
            assert_eq!(figures(&one(&run.end(), Day)), (100, 101, 100, 101, 5, 2));
        }
    }
}
