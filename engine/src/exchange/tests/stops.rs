//! Orders that wait for a trigger.

use super::*;

#[test]
fn a_stop_waits_and_wakes_by_the_last_price() {
    script(&[
        ("buy 1 5@105 stop=103", "W1"),
        ("sell 2 5@95 stop=97", "W2"),
        ("last 102", ""),
        ("last 98", ""),
        ("last 103", "!1, R1 5"),
        ("last 97", "!2, T 2<1 5@105 0/0"),
        ("last 90", ""),
    ]);
}

#[test]
fn a_stop_whose_trigger_is_reached_goes_on_at_once() {
    script(&[
        ("last 100", ""),
        ("buy 1 5@101 stop=100", "!1, R1 5"),
        ("sell 2 2@- mkt stop=100", "!2, T 2<1 2@101 0/3"),
        ("sell 3 9@- mkt stop=101 ioc", "!3, T 3<1 3@101 6/0, C3 6 ioc_rest"),
        ("sell 4 9@- mkt stop=101", "!4, C4 9 market_rest"),
        ("buy 5 9@101 stop=102 ioc", "X5 malformed"),
        ("buy 6 9@103 stop=102 fok", "W6"),
        ("last 102", "!6, C6 9 fill_or_kill"),
    ]);
}

#[test]
fn due_stops_wake_by_trigger_then_arrival_buys_first() {
    script(&[
        ("buy 1 1@- mkt stop=103", "W1"),
        ("buy 2 1@- mkt stop=102", "W2"),
        ("buy 3 1@- mkt stop=103", "W3"),
        ("sell 4 1@- mkt stop=105", "W4"),
        ("sell 5 1@- mkt stop=106", "W5"),
        (
            "last 104",
            "!2, C2 1 market_rest, !1, C1 1 market_rest, !3, C3 1 market_rest, !5, C5 1 market_rest, \
             !4, C4 1 market_rest",
        ),
    ]);
}

#[test]
fn trades_of_woken_stops_wake_others_after_the_operation_itself() {
    script(&[
        ("sell 1 1@100", "R1 1"),
        ("sell 2 1@101", "R2 1"),
        ("sell 3 1@102", "R3 1"),
        ("sell 4 1@103", "R4 1"),
        ("buy 11 1@- mkt stop=100", "W11"),
        ("buy 12 1@- mkt stop=101", "W12"),
        ("buy 13 1@- mkt stop=102", "W13"),
        ("sell 14 1@- mkt stop=90", "W14"),
        (
            "buy 5 1@100",
            "T 5<1 1@100 0/0, !11, T 11<2 1@101 0/0, !12, T 12<3 1@102 0/0, !13, T 13<4 1@103 0/0",
        ),
        ("cancel 14", "C14 1 requested"),
    ]);
}

#[test]
fn what_a_sweep_reached_stays_due_though_the_price_comes_back() {
    script(&[
        ("sell 1 1@100", "R1 1"),
        ("sell 2 1@105", "R2 1"),
        ("buy 3 1@90", "R3 1"),
        // The stop at 103 sells down to 90; the one at 104 is due all the same.
        ("buy 4 1@- mkt stop=104", "W4"),
        ("sell 5 1@- mkt stop=100", "W5"),
        ("buy 6 2@105", "T 6<1 1@100 1/0, T 6<2 1@105 0/0, !4, C4 1 market_rest, !5, T 5<3 1@90 0/0"),
    ]);
}

#[test]
fn a_woken_limit_outside_the_band_is_cancelled() {
    script(&[
        ("buy 1 5@105 stop=103", "W1"),
        ("buy 2 5@106 mkt stop=103", "W2"),
        ("band 90 104", ""),
        ("buy 3 5@105 stop=103", "X3 price_band"),
        ("last 103", "!1, C1 5 price_band, !2, C2 5 market_rest"),
    ]);
}

#[test]
fn nothing_wakes_outside_continuous_trading() {
    script(&[
        ("buy 1 5@105 stop=103", "W1"),
        ("phase halted", ""),
        ("last 104", ""),
        ("phase continuous", "!1, R1 5"),
        ("all 1", "C1 5 session_end"),
    ]);
}

#[test]
fn a_triggered_sweep_is_bounded_too() {
    let limits = Limits { orders: 200, anonymous: 0, records_max: 4, ladder_ticks: 256 };
    let mut floor = Floor::new(LISTING, limits, SelfTrade::CancelNewest);
    for id in 1..=40 {
        floor.act(&format!("sell {id} 1@{}", 100 + id));
        floor.act(&format!("buy {} 1@- mkt stop={}", 100 + id, 101 + id));
    }
    let records = floor.act("buy 99 2@200");
    // The order trades twice and wakes the first; the last that is due finds nobody, and one is not due.
    assert_eq!(records.matches('!').count(), 39);
    assert_eq!(records.matches('T').count(), 40);
    assert!(floor.calls > 10);
}
