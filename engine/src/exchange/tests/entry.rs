//! What is taken, how it matches, what becomes of the rest.

use super::*;

#[test]
fn price_then_time_at_the_resting_price() {
    script(&[
        ("sell 1 5@102", "R1 5"),
        ("sell 2 5@100", "R2 5"),
        ("sell 3 5@100", "R3 5"),
        ("sell 4 5@101", "R4 5"),
        ("buy 5 12@101", "T 5<2 5@100 7/0, T 5<3 5@100 2/0, T 5<4 2@101 0/3"),
        ("buy 6 4@101", "T 6<4 3@101 1/0, R6 1"),
        ("? buy", "6:1/1@101"),
        ("? sell", "1:5/5@102"),
        ("sell 7 1@101", "T 7<6 1@101 0/0"),
        ("cancel 1", "C1 5 requested"),
        ("cancel 1", ""),
    ]);
}

#[test]
fn what_does_not_trade_at_once_rests_or_is_cancelled_by_its_kind() {
    script(&[
        ("sell 1 5@100", "R1 5"),
        ("buy 2 8@101 ioc", "T 2<1 5@100 3/0, C2 3 ioc_rest"),
        ("buy 3 8@101 ioc", "C3 8 ioc_rest"),
        ("buy 4 8@- mkt", "C4 8 market_rest"),
        ("sell 5 5@100", "R5 5"),
        ("sell 6 5@103", "R6 5"),
        ("buy 7 8@102 mkt", "T 7<5 5@100 3/0, C7 3 market_rest"),
        ("buy 8 8@- mkt ioc", "T 8<6 5@103 3/0, C8 3 ioc_rest"),
    ]);
}

#[test]
fn fill_or_kill_is_all_or_nothing_before_the_first_trade() {
    script(&[
        ("sell 1 5@100", "R1 5"),
        ("sell 2 9@101 disc=2", "R2 9"),
        ("sell 3 5@102", "R3 5"),
        ("buy 4 15@101 fok", "C4 15 fill_or_kill"),
        ("buy 5 14@100 fok", "C5 14 fill_or_kill"),
        ("? sell", "1:5/5@100 2:9/2@101 3:5/5@102"),
        (
            "buy 6 13@101 fok",
            "T 6<1 5@100 8/0, T 6<2 2@101 6/7, T 6<2 2@101 4/5, T 6<2 2@101 2/3, T 6<2 2@101 0/1",
        ),
        ("buy 7 7@- mkt fok", "C7 7 fill_or_kill"),
        ("buy 8 6@- mkt fok", "T 8<2 1@101 5/0, T 8<3 5@102 0/0"),
    ]);
}

#[test]
fn fill_or_kill_counts_own_orders_as_the_mode_treats_them() {
    let book = [("sell 1 5@100 acct=1", "R1 5"), ("sell 2 5@100 acct=2", "R2 5")];
    let iceberg = ("sell 3 6@99 disc=2 acct=3", "R3 6");
    let own = ("sell 4 1@99 acct=2", "R4 1");
    for mode in [SelfTrade::CancelNewest, SelfTrade::Decrement] {
        let fok = ("buy 9 6@100 fok acct=2", "C9 6 fill_or_kill");
        script_with(LISTING, mode, &[book[0], book[1], fok]);
        script_with(LISTING, mode, &[book[0], book[1], ("buy 9 5@100 fok acct=2", "T 9<1 5@100 0/0")]);
        // What the iceberg has not displayed comes after the own order.
        script_with(LISTING, mode, &[iceberg, own, ("buy 9 3@99 fok acct=2", "C9 3 fill_or_kill")]);
        script_with(LISTING, mode, &[iceberg, own, ("buy 9 2@99 fok acct=2", "T 9<3 2@99 0/4")]);
    }
    let fok = ("buy 9 6@100 fok acct=2", "C9 6 fill_or_kill");
    script_with(LISTING, SelfTrade::CancelOldest, &[book[0], book[1], fok]);
    let passes = ("buy 9 4@99 fok acct=2", "T 9<3 2@99 2/4, C4 1 self_trade, T 9<3 2@99 0/2");
    script_with(LISTING, SelfTrade::CancelOldest, &[iceberg, own, passes]);
}

#[test]
fn a_post_only_order_never_trades_on_arrival() {
    script(&[
        ("sell 1 5@100", "R1 5"),
        ("buy 2 5@100 post", "C2 5 post_only"),
        ("buy 3 5@99 post", "R3 5"),
        ("sell 4 5@99 post", "C4 5 post_only"),
        ("sell 5 5@100 post", "R5 5"),
        ("? sell", "1:5/5@100 5:5/5@100"),
    ]);
}

#[test]
fn what_an_order_may_not_be_is_rejected_with_the_first_reason() {
    let listing = Listing { tick: Price(5), lot: Qty(10), freeze: Qty(1_000) };
    let table = [
        ("buy 0 10@100", "X0 malformed"),
        ("buy 1 0@100", "X1 malformed"),
        ("buy 1 -10@100", "X1 malformed"),
        ("buy 1 15@100", "X1 malformed"),
        ("buy 1 10@101", "X1 malformed"),
        ("buy 1 10@0", "X1 malformed"),
        ("buy 1 10@-5", "X1 malformed"),
        ("buy 1 10@101 mkt", "X1 malformed"),
        ("buy 1 20@100 disc=5", "X1 malformed"),
        ("buy 1 20@100 disc=-10", "X1 malformed"),
        ("buy 1 10@100 stop=105", "X1 malformed"),
        ("sell 1 10@100 stop=95", "X1 malformed"),
        ("buy 1 10@100 stop=98", "X1 malformed"),
        ("buy 1 10@- mkt stop=0", "X1 malformed"),
        ("buy 1 1010@100", "X1 freeze_quantity"),
        ("buy 1 1000@100 post ioc", "X1 not_allowed"),
        ("buy 1 1000@- mkt post", "X1 not_allowed"),
        ("buy 1 1000@100 stop=100 post", "X1 not_allowed"),
        ("buy 9 1000@100", "R9 1000"),
        ("buy 9 0@100", "X9 duplicate"),
        ("sell 9 10@200", "X9 duplicate"),
    ];
    script_with(listing, SelfTrade::CancelNewest, &table);
}

#[test]
fn a_full_pool_is_a_refusal_before_any_trade() {
    let limits = Limits { orders: 2, anonymous: 1, records_max: 4, ladder_ticks: 0 };
    let mut floor = Floor::new(LISTING, limits, SelfTrade::CancelNewest);
    let table = [
        ("sell 1 5@100", "R1 5"),
        ("sell 2 5@200 stop=200", "W2"),
        ("buy 3 9@100", "X3 venue_full"),
        ("buy 4 9@300 stop=250", "X4 venue_full"),
        // The stop keeps the room that its rest needs.
        ("buy 5 2@100 ioc", "T 5<1 2@100 0/3, !2, R2 5"),
        ("add buy 7@90", ""),
        ("buy 6 9@100", "X6 venue_full"),
        ("modify 1 9@101", "M1, R1 7"),
    ];
    for (line, expected) in table {
        assert_eq!(floor.act(line), expected, "{line}");
    }
    let refused = floor.exchange.add_volume(ONLY, Side::Buy, Price(91), Qty(1));
    assert_eq!(refused, Err(ReportReason::VenueFull));
    assert_eq!(floor.act("buy 7 5@-1"), "X7 malformed");
}

#[test]
fn an_unknown_instrument_is_refused() {
    let mut floor = Floor::new(
        LISTING,
        Limits { orders: 2, anonymous: 0, records_max: 4, ladder_ticks: 0 },
        SelfTrade::CancelNewest,
    );
    let terms = terms(Side::Buy, &["1", "5@100"]);
    let mut records = Vec::new();
    let progress = floor.exchange.enter(InstrumentId(2), &terms, &mut |record| records.push(show(&record)));
    assert_eq!((progress, records.join(", ").as_str()), (Progress::Done, "X1 not_tradable"));
}

#[test]
fn orders_of_two_instruments_do_not_meet() {
    let limits = Limits { orders: 4, anonymous: 0, records_max: 4, ladder_ticks: 256 };
    let mut floor = Floor::new(LISTING, limits, SelfTrade::CancelNewest);
    assert_eq!(floor.act("sell 1 5@100"), "R1 5");
    let terms = terms(Side::Buy, &["2", "5@100"]);
    let mut records = Vec::new();
    let _ = floor.exchange.enter(InstrumentId(1), &terms, &mut |record| records.push(show(&record)));
    assert_eq!(records, ["R2 5"]);
    assert_eq!((floor.exchange.open_orders(ONLY), floor.exchange.open_orders(InstrumentId(1))), (1, 1));
    floor.exchange.validate();
}

#[test]
fn a_long_sweep_goes_on_call_by_call_and_the_book_is_whole_after_it() {
    let limits = Limits { orders: 100, anonymous: 0, records_max: 4, ladder_ticks: 256 };
    let mut floor = Floor::new(LISTING, limits, SelfTrade::CancelNewest);
    for id in 1..=50 {
        floor.act(&format!("sell {id} 1@{}", 100 + id / 5));
    }
    let records = floor.act("buy 99 60@200");
    assert_eq!(records.matches('T').count(), 50);
    assert!(records.ends_with("R99 10") && floor.calls > 12, "{} calls", floor.calls);
}

#[test]
#[should_panic(expected = "resume it first")]
fn nothing_is_asked_of_an_exchange_that_has_more_to_do() {
    let limits = Limits { orders: 100, anonymous: 0, records_max: 4, ladder_ticks: 0 };
    let mut floor = Floor::new(LISTING, limits, SelfTrade::CancelNewest);
    (1..=9).for_each(|id| drop(floor.act(&format!("sell {id} 1@100"))));
    let progress = floor.exchange.enter(ONLY, &terms(Side::Buy, &["99", "9@100"]), &mut |_| {});
    assert_eq!(progress, Progress::More);
    floor.exchange.cancel(OrderId(9), ReportReason::Requested, &mut |_| {});
}
