//! Call auctions.

use super::*;

/// Price, quantity, imbalance.
type Found = Option<(i64, i64, i64)>;

/// Collects orders; answers what the auction would do.
fn found(orders: &[&str], reference: i64) -> Found {
    let limits = Limits { orders: 40, anonymous: 0, records_max: 40, ladder_ticks: 256 };
    let mut floor = Floor::new(LISTING, limits, SelfTrade::CancelNewest);
    floor.act("phase call");
    for (id, order) in orders.iter().enumerate() {
        let (verb, rest) = order.split_once(' ').unwrap();
        assert!(floor.act(&format!("{verb} {} {rest}", id + 1)).starts_with('R'), "{order}");
    }
    let found = floor.exchange.indicative(ONLY, Price(reference));
    found.map(|found| (found.price.0, found.quantity.0, found.imbalance.0))
}

#[test]
fn the_price_is_that_of_most_volume_then_least_imbalance_then_nearest_the_reference() {
    let table: &[(&str, &[&str], i64, Found)] = &[
        ("nothing", &[], 100, None),
        ("one side", &["buy 5@100", "buy 5@101"], 100, None),
        ("not crossed", &["buy 5@100", "sell 5@101"], 100, None),
        ("touching", &["buy 5@100", "sell 7@100"], 0, Some((100, 5, -2))),
        ("most volume", &["buy 5@102", "buy 5@101", "sell 3@100", "sell 7@101"], 90, Some((101, 10, 0))),
        ("least imbalance", &["buy 10@102", "sell 10@100", "sell 4@101"], 102, Some((100, 10, 0))),
        ("nearest the reference", &["buy 10@105", "sell 10@100"], 101, Some((100, 10, 0))),
        ("nearest from above", &["buy 10@105", "sell 10@100"], 104, Some((105, 10, 0))),
        ("equally near: the higher", &["buy 10@104", "sell 10@100"], 102, Some((104, 10, 0))),
        ("no reference: the higher", &["buy 10@104", "sell 10@100"], 0, Some((104, 10, 0))),
        ("market buys meet limits", &["buy 10@- mkt", "sell 4@100", "sell 9@103"], 1, Some((103, 10, -3))),
        ("market sells meet limits", &["sell 10@- mkt", "buy 4@100", "buy 9@97"], 1, Some((97, 10, 3))),
        ("both have market orders", &["sell 5@- mkt", "buy 5@- mkt", "buy 1@90"], 100, Some((90, 5, 1))),
        ("market orders alone", &["sell 5@- mkt", "buy 7@- mkt"], 100, Some((100, 5, 2))),
        ("market orders alone, no reference", &["sell 5@- mkt", "buy 7@- mkt"], 0, None),
        ("a market order with a worst price is a limit", &["buy 5@100 mkt", "sell 5@101"], 0, None),
    ];
    for (name, orders, reference, expected) in table {
        assert_eq!(found(orders, *reference), *expected, "{name}");
    }
}

#[test]
fn market_orders_trade_first_then_price_then_time_all_at_one_price() {
    script(&[
        ("buy 1 5@103", "R1 5"),
        ("phase call", ""),
        ("buy 2 5@- mkt", "R2 5"),
        ("buy 3 5@104", "R3 5"),
        ("buy 4 5@103", "R4 5"),
        ("? buy", "2:5/5@0 3:5/5@104 1:5/5@103 4:5/5@103"),
        ("sell 5 9@100", "R5 9"),
        ("sell 6 8@- mkt", "R6 8"),
        ("sell 7 5@110", "R7 5"),
        (
            "uncross 103 carry",
            "T 2<6 5@103 0/3, T 3<6 3@103 2/0, T 3<5 2@103 0/7, T 1<5 5@103 0/2, T 4<5 2@103 3/0",
        ),
        ("phase continuous", ""),
        ("? buy", "4:3/3@103"),
        ("? sell", "7:5/5@110"),
    ]);
}

#[test]
fn what_is_left_is_carried_into_continuous_trading() {
    script(&[
        ("phase call", ""),
        ("buy 1 5@100", "R1 5"),
        ("buy 2 9@- mkt", "R2 9"),
        ("buy 3 1@- mkt", "R3 1"),
        ("sell 4 4@98", "R4 4"),
        ("uncross 98 carry", "T 2<4 4@98 5/0, R2 5, R3 1"),
        ("? buy", "1:5/5@100 2:5/5@98 3:1/1@98"),
        ("phase continuous", ""),
        ("sell 5 11@98", "T 5<1 5@100 6/0, T 5<2 5@98 1/0, T 5<3 1@98 0/0"),
    ]);
    // Without an equilibrium the reference is the price; without that there is none.
    let book = [("phase call", ""), ("sell 1 5@- mkt", "R1 5"), ("sell 2 5@101", "R2 5")];
    script(&[book[0], book[1], book[2], ("uncross 99 carry", "R1 5"), ("? sell", "1:5/5@99 2:5/5@101")]);
    script(&[book[0], book[1], book[2], ("uncross 0 carry", "C1 5 no_price"), ("? sell", "2:5/5@101")]);
    let tick = Listing { tick: Price(5), ..LISTING };
    let odd = [("phase call", ""), ("sell 1 5@- mkt", "R1 5"), ("uncross 99 carry", "R1 5")];
    script_with(tick, SelfTrade::CancelNewest, &[odd[0], odd[1], odd[2], ("? sell", "1:5/5@95")]);
}

#[test]
fn what_a_closing_auction_leaves_is_cancelled() {
    script(&[
        ("buy 1 5@100", "R1 5"),
        ("phase call", ""),
        ("buy 2 9@- mkt", "R2 9"),
        ("sell 3 4@98", "R3 4"),
        ("sell 4 4@105", "R4 4"),
        ("uncross 99 cancel", "T 2<3 4@105 5/0, T 2<4 4@105 1/0, C2 1 auction_end, C1 5 auction_end"),
        ("phase closed", ""),
        ("buy 5 1@100", "X5 closed"),
    ]);
}

#[test]
fn the_later_of_two_own_orders_is_cancelled() {
    script_with(
        LISTING,
        SelfTrade::CancelOldest,
        &[
            ("phase call", ""),
            ("sell 1 5@100 acct=7", "R1 5"),
            ("buy 2 5@101 acct=7", "R2 5"),
            ("buy 3 5@100 acct=8", "R3 5"),
            ("sell 4 3@100 acct=8", "R4 3"),
            ("uncross 100 carry", "C2 5 self_trade, T 3<1 5@100 0/0"),
            ("phase continuous", ""),
            ("? sell", "4:3/3@100"),
        ],
    );
}

#[test]
fn what_self_trade_prevention_leaves_crossed_is_matched_at_its_own_price() {
    let table: [(&str, &str); 8] = [
        ("phase call", ""),
        ("sell 1 5@98 acct=7", "R1 5"),
        ("buy 2 5@105 acct=7", "R2 5"),
        ("buy 3 5@103 acct=8", "R3 5"),
        ("sell 4 2@102 acct=9", "R4 2"),
        ("uncross 98 carry", "C2 5 self_trade, T 3<1 5@102 0/0"),
        ("phase continuous", ""),
        ("? sell", "4:2/2@102"),
    ];
    script(&table);
    let crossed = [
        table[0],
        ("buy 1 5@105 acct=7", "R1 5"),
        ("sell 2 5@98 acct=7", "R2 5"),
        ("buy 3 1@103 acct=8", "R3 1"),
        ("sell 4 2@102 acct=9", "R4 2"),
    ];
    script(&[&crossed[..], &[("uncross 98 carry", "C2 5 self_trade, T 1<4 2@102 3/0"), table[6]]].concat());
    script(
        &[
            &crossed[..],
            &[("uncross 98 cancel", "C2 5 self_trade, T 1<4 2@102 3/0, C1 3 auction_end, C3 1 auction_end")],
        ]
        .concat(),
    );
}

#[test]
fn orders_change_while_they_are_collected() {
    script(&[
        ("phase call", ""),
        ("buy 1 5@100", "R1 5"),
        ("buy 2 5@100", "R2 5"),
        ("sell 3 5@99", "R3 5"),
        ("modify 1 4@100", "M1, R1 4"),
        ("modify 1 6@100", "M1, R1 6"),
        ("buy 4 5@- mkt", "R4 5"),
        ("modify 4 3@-", "M4, R4 3"),
        ("modify 1 6@-", "K1 malformed"),
        ("modify 4 3@101", "M4, R4 3"),
        ("modify 2 5@101", "M2, R2 5"),
        ("? buy", "4:3/3@101 2:5/5@101 1:6/6@100"),
        ("cancel 3", "C3 5 requested"),
        ("uncross 0 carry", ""),
        ("phase continuous", ""),
    ]);
}

#[test]
#[should_panic(expected = "a call is uncrossed before continuous trading begins")]
fn continuous_trading_does_not_begin_crossed() {
    script(&[("phase call", ""), ("buy 1 5@100", "R1 5"), ("sell 2 5@99", "R2 5"), ("phase continuous", "")]);
}
