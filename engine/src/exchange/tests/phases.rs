//! Phases and bands.

use super::*;

#[test]
fn halted_and_closed_take_cancels_only() {
    for (phase, why) in [("halted", "X2 halted"), ("closed", "X2 closed")] {
        let enter = format!("phase {phase}");
        script(&[
            ("buy 1 5@100", "R1 5"),
            (&enter, ""),
            ("sell 2 5@100", why),
            ("cancel 1", "C1 5 requested"),
        ]);
    }
}

#[test]
fn a_band_refuses_what_comes_and_cancels_what_rests_outside() {
    script(&[
        ("buy 1 5@99", "R1 5"),
        ("buy 2 5@95", "R2 5"),
        ("buy 3 5@90", "R3 5"),
        ("sell 4 5@105", "R4 5"),
        ("sell 5 9@110 disc=1", "R5 9"),
        ("add sell 7@111", ""),
        ("band 95 105", "C3 5 price_band, C5 9 price_band, Ca1 7 price_band"),
        ("sell 6 5@106", "X6 price_band"),
        ("buy 7 5@94", "X7 price_band"),
        ("buy 8 1@200 mkt", "T 8<4 1@105 0/4"),
        ("sell 9 1@105", "R9 1"),
        ("band 0 0", ""),
        ("sell 10 5@1000", "R10 5"),
        (
            "band 97 98",
            "C1 5 price_band, C2 5 price_band, C4 4 price_band, C9 1 price_band, C10 5 price_band",
        ),
    ]);
}

#[test]
fn a_call_begins_without_stops_and_undisclosed_quantity() {
    script(&[
        ("buy 1 9@100 disc=2", "R1 9"),
        ("buy 2 9@100", "R2 9"),
        ("buy 3 9@105 stop=103", "W3"),
        ("sell 4 9@95 stop=97", "W4"),
        ("phase call", "C1 9 not_allowed, C3 9 not_allowed, C4 9 not_allowed"),
        ("buy 5 9@100 ioc", "X5 not_allowed"),
        ("buy 5 9@100 fok", "X5 not_allowed"),
        ("buy 5 9@100 disc=2", "X5 not_allowed"),
        ("buy 5 9@100 post", "X5 not_allowed"),
        ("buy 5 9@105 stop=103", "X5 not_allowed"),
        ("buy 5 9@- mkt ioc", "X5 not_allowed"),
        ("modify 2 9@100 disc=2", "K2 not_allowed"),
        ("? buy", "2:9/9@100"),
    ]);
}

#[test]
fn all_orders_of_an_account_are_cancelled_wherever_they_are() {
    script(&[
        ("buy 1 9@100 acct=7", "R1 9"),
        ("sell 2 9@105 acct=7", "R2 9"),
        ("buy 3 9@110 stop=110 acct=7", "W3"),
        ("sell 4 9@90 stop=90 acct=7", "W4"),
        ("buy 5 9@100 acct=8", "R5 9"),
        ("sell 6 9@90 stop=90 acct=8", "W6"),
        ("all 7", "C1 9 session_end, C2 9 session_end, C3 9 session_end, C4 9 session_end"),
        ("all 7", ""),
        ("all 8", "C5 9 session_end, C6 9 session_end"),
    ]);
}

#[test]
fn many_cancels_and_looks_take_several_calls() {
    let limits = Limits { orders: 5_000, anonymous: 0, records_max: 40, ladder_ticks: 0 };
    let mut floor = Floor::new(LISTING, limits, SelfTrade::CancelNewest);
    for id in 1..=3_000 {
        let terms = terms(Side::Buy, &[&id.to_string(), &format!("1@{}", 100 + id % 2)]);
        assert_eq!(floor.exchange.enter(ONLY, &terms, &mut |_| {}), Progress::Done);
    }
    assert_eq!(floor.act("sell 9000 3001@1 fok"), "C9000 3001 fill_or_kill");
    assert_eq!(floor.calls, 3);
    assert_eq!(floor.act("band 101 0").matches('C').count(), 1_500);
    assert!(floor.calls >= 38);
}
