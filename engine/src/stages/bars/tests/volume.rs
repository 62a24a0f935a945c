//! Which ticks move a bar, and what volume they add.

use super::*;
use crate::event::{BAR_BY_TIMER, BAR_RECEIVE_TIME};
use Timeframe::{Day, M1, S1};

/// The one-second bar of packets of one second.
fn second(events: &[Event]) -> Bar {
    let mut run = Run::new(1);
    for event in events {
        run.quiet(*event);
    }
    one(&run.end(), S1)
}

fn traded(last: i64, volume: u32, trade_secs: u32) -> Event {
    let mut event = full(0, 5, last, volume);
    event.body_mut::<Full>().last_trade_secs = trade_secs;
    event
}

#[test]
fn prices_move_when_volume_or_trade_time_changed() {
    // Last, volume, last-trade time of each packet; then the bar.
    type Packets = &'static [(i64, u32, u32)];
    type Figures = (i64, i64, i64, i64, u64, u32);
    let table: [(&str, Packets, Figures); 7] = [
        ("the first packet moves", &[(100, 9, 0)], (100, 100, 100, 100, 0, 1)),
        ("nothing changed", &[(100, 9, 3), (150, 9, 3), (50, 9, 3)], (100, 100, 100, 100, 0, 1)),
        ("volume changed", &[(100, 9, 3), (150, 10, 3)], (100, 150, 100, 150, 1, 2)),
        ("volume changed at the same price", &[(100, 9, 3), (100, 12, 3)], (100, 100, 100, 100, 3, 2)),
        ("trade time changed", &[(100, 9, 3), (150, 9, 4)], (100, 150, 100, 150, 0, 2)),
        ("no value in either field", &[(100, 0, 0), (150, 0, 0), (120, 0, 0)], (100, 150, 100, 120, 0, 3)),
        ("a dip is a change", &[(100, 9, 3), (150, 8, 3)], (100, 150, 100, 150, 0, 2)),
    ];
    for (what, packets, expected) in table {
        let events: Vec<_> = packets.iter().map(|&(last, volume, secs)| traded(last, volume, secs)).collect();
        assert_eq!(figures(&second(&events)), expected, "{what}");
    }
}

#[test]
fn feeds_without_the_fields_move_at_every_update() {
    let indices: Vec<_> = [100, 100, 130, 90].iter().map(|&last| index(0, 5, last)).collect();
    assert_eq!(figures(&second(&indices)), (100, 130, 90, 90, 0, 4));
    let prices: Vec<_> = [100, 100, 130].iter().map(|&last| ltp(0, 5_100, last)).collect();
    assert_eq!(figures(&second(&prices)), (100, 130, 100, 130, 0, 3));
}

#[test]
fn a_change_of_mode_is_no_trade() {
    // Quote mode knows no trade time; the first full packet shows one, but nothing traded.
    let mut to_full = traded(150, 9, 3);
    to_full.body_mut::<Full>().exchange_secs = 0;
    to_full.header.ts = at(5);
    let bar = second(&[quote(0, 5_000, 100, 9), to_full]);
    assert_eq!(figures(&bar), (100, 100, 100, 100, 0, 1));
    // A last-price packet in between moves the price, and is no previous packet for the fields it lacks.
    let bar = second(&[quote(0, 5_000, 100, 9), ltp(0, 5_100, 110), quote(0, 5_200, 150, 9)]);
    assert_eq!(figures(&bar), (100, 110, 100, 110, 0, 2));
}

#[test]
fn volume_is_the_increase_of_the_running_maximum() {
    let mut run = Run::new(1);
    // Last, volume; a dip adds nothing, and what makes up for it adds nothing again.
    for (last, volume) in [(100, 1_000), (100, 1_010), (101, 990), (102, 1_005), (103, 1_030)] {
        run.quiet(full(0, 5, last, volume));
    }
    let closed = run.end();
    let bar = one(&closed, M1);
    assert_eq!(figures(&bar), (100, 103, 100, 103, 30, 5));
    assert_eq!(bar.turnover, Money(100 * 10 + 103 * 20));
}

#[test]
fn minute_volumes_add_up_to_last_maximum_less_first() {
    let mut run = Run::new(1);
    let mut random = Random(41);
    let (mut volume, mut sum) = (500_000_u32, 0);
    let (mut first, mut maximum) = (None, 0);
    for second in 0..3_000 {
        volume += random.below(900) as u32;
        let seen = if random.below(20) == 0 { volume - random.below(3_000) as u32 } else { volume };
        first.get_or_insert(seen);
        maximum = maximum.max(seen);
        let closed = bars(&run.feed(full(0, second * 3, 100, seen)));
        sum += closed.iter().filter(|bar| bar.timeframe == M1 as u8).map(|bar| bar.volume).sum::<u64>();
    }
    let closed = run.end();
    sum += one(&closed, M1).volume;
    assert_eq!(sum, u64::from(maximum - first.unwrap()));
    assert_eq!(one(&closed, Day).volume, sum);
}

#[test]
fn a_snapshot_without_a_time_is_found_out_by_the_fall() {
    // Millisecond and volume of each quote; the day's volume then, and what is tested.
    type Quotes = &'static [(u64, u32)];
    let table: [(&str, Quotes, u64); 5] = [
        ("yesterday's volume, in the same second", &[(5_000, 10_000), (5_100, 400), (5_200, 450)], 50),
        ("yesterday's volume, a second before", &[(5_000, 10_000), (6_100, 400), (6_200, 450)], 50),
        ("exactly half is a dip", &[(5_000, 10_000), (5_100, 5_000), (5_200, 10_007)], 7),
        ("twice, while no bar is closed", &[(5_000, 90_000), (5_100, 9_000), (5_200, 90), (5_300, 95)], 5),
        (
            "too late once a bar is closed",
            &[(5_000, 10_000), (6_000, 10_010), (7_000, 400), (7_100, 450)],
            10,
        ),
    ];
    for (what, quotes, volume) in table {
        let mut run = Run::new(1);
        for &(millis, volume) in quotes {
            run.feed(quote(0, millis, 100, volume));
        }
        assert_eq!(one(&run.end(), Day).volume, volume, "{what}");
    }
    // A packet with a time is of today, or refused as stale: its fall is a dip.
    let mut run = Run::new(1);
    for volume in [10_000, 400, 450, 10_020] {
        run.quiet(full(0, 5, 100, volume));
    }
    assert_eq!(one(&run.end(), Day).volume, 20);
}

#[test]
fn open_interest_is_that_of_the_last_tick_even_if_it_moved_nothing() {
    let with = |seconds, volume, open_interest| {
        let mut event = full(0, seconds, 100, volume);
        event.body_mut::<Full>().open_interest = open_interest;
        event
    };
    let mut run = Run::new(1);
    run.quiet(with(5, 10, 700));
    run.quiet(with(5, 10, 710));
    // Moves nothing, but a second has passed: it closes the bar, and only the minute learns of its open
    // interest.
    let closed = bars(&run.feed(with(6, 10, 720)));
    assert_eq!((closed[0].open_interest, closed[0].trades), (710, 1));
    let closed = bars(&run.feed(with(61, 11, 730)));
    assert_eq!(frames(&closed), [M1]);
    assert_eq!(closed[0].open_interest, 720);
    // A packet without the field keeps what is known.
    assert_eq!(frames(&bars(&run.feed(ltp(0, 62_000, 100)))), [S1]);
    let closed = run.end();
    assert_eq!(one(&closed, S1).open_interest, 730);
    assert_eq!(one(&closed, Day).open_interest, 730);
}

#[test]
fn a_period_in_which_nothing_moved_has_no_bar() {
    let mut run = Run::new(1);
    run.quiet(full(0, 5, 100, 10));
    assert_eq!(run.feed(full(0, 65, 100, 10)).len(), 2);
    run.quiet(full(0, 125, 100, 10));
    run.quiet(timer(200 - 19));
    let closed = bars(&run.feed(timer(182)));
    assert_eq!(frames(&closed), [Timeframe::M3]);
    assert_eq!(closed[0].flags, BAR_BY_TIMER);
}

#[test]
fn absurd_figures_stop_nothing() {
    let mut run = Run::new(1);
    let last = i64::from(u32::MAX) * 100;
    for (second, volume) in [(1, 0), (1, u32::MAX), (2, 0), (2, u32::MAX)] {
        run.feed(full(0, second, last, volume));
    }
    let closed = run.end();
    assert_eq!(one(&closed, Day).turnover, Money(i64::MAX));
    assert_eq!(one(&closed, Day).volume, u64::from(u32::MAX));
    assert_eq!(one(&closed, Day).flags & BAR_RECEIVE_TIME, 0);
}
