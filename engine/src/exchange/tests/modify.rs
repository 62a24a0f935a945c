//! New terms, and what becomes of the place.

use super::*;

#[test]
fn a_smaller_quantity_keeps_the_place_and_everything_else_goes_to_the_back() {
    let book = [("buy 1 5@100", "R1 5"), ("buy 2 5@100", "R2 5")];
    for (line, records, queue) in [
        ("modify 1 3@100", "M1, R1 3", "1:3/3@100 2:5/5@100"),
        ("modify 1 5@100", "M1, R1 5", "1:5/5@100 2:5/5@100"),
        ("modify 1 6@100", "M1, R1 6", "2:5/5@100 1:6/6@100"),
        ("modify 1 5@101", "M1, R1 5", "1:5/5@101 2:5/5@100"),
        ("modify 1 5@99", "M1, R1 5", "2:5/5@100 1:5/5@99"),
    ] {
        script(&[book[0], book[1], (line, records), ("? buy", queue)]);
    }
}

#[test]
fn another_price_may_trade() {
    script(&[
        ("buy 1 5@100", "R1 5"),
        ("sell 2 3@102", "R2 3"),
        ("modify 1 5@102", "M1, T 1<2 3@102 2/0, R1 2"),
        ("sell 3 1@102", "T 3<1 1@102 0/1"),
        ("modify 1 4@102", "K1 malformed"),
        ("modify 1 5@102", "M1, R1 1"),
        ("modify 1 9@103", "M1, R1 5"),
        ("sell 4 9@103", "T 4<1 5@103 4/0, R4 4"),
        ("modify 4 6@100", "M4, R4 1"),
        ("modify 77 6@100", ""),
    ]);
}

#[test]
fn terms_that_a_new_order_could_not_have_are_refused_and_nothing_changes() {
    let listing = Listing { tick: Price(5), lot: Qty(10), freeze: Qty(1_000) };
    let table = [
        ("buy 1 100@100", "R1 100"),
        ("modify 1 105@100", "K1 malformed"),
        ("modify 1 100@101", "K1 malformed"),
        ("modify 1 100@-", "K1 malformed"),
        ("modify 1 100@100 stop=100", "K1 malformed"),
        ("modify 1 0@100", "K1 malformed"),
        ("modify 1 1010@100", "K1 freeze_quantity"),
        ("band 90 110", ""),
        ("modify 1 100@115", "K1 price_band"),
        ("phase halted", ""),
        ("modify 1 50@100", "K1 halted"),
        ("phase closed", ""),
        ("modify 1 50@100", "K1 closed"),
        ("? buy", "1:100/100@100"),
        ("cancel 1", "C1 100 requested"),
    ];
    script_with(listing, SelfTrade::CancelNewest, &table);
}

#[test]
fn a_disclosed_quantity_hides_at_once_and_shows_with_the_next_clip() {
    script(&[
        ("buy 1 10@100", "R1 10"),
        ("buy 2 1@100", "R2 1"),
        ("modify 1 10@100 disc=4", "M1, R1 10"),
        ("? buy", "1:10/4@100 2:1/1@100"),
        ("modify 1 10@100 disc=6", "M1, R1 10"),
        ("? buy", "1:10/4@100 2:1/1@100"),
        ("modify 1 10@100 disc=2", "M1, R1 10"),
        ("modify 1 10@100 disc=3", "M1, R1 10"),
        ("sell 3 3@100", "T 3<1 2@100 1/8, T 3<2 1@100 0/0"),
        ("? buy", "1:8/3@100"),
        ("modify 1 8@100 disc=3", "M1, R1 6"),
        ("? buy", "1:6/3@100"),
        ("modify 1 5@100 disc=0", "M1, R1 3"),
        ("? buy", "1:3/3@100"),
        ("modify 1 9@100 disc=3", "M1, R1 7"),
        ("? buy", "1:7/3@100"),
        ("modify 1 9@100", "M1, R1 7"),
        ("? buy", "1:7/3@100"),
        ("sell 4 3@100", "T 4<1 3@100 0/4"),
        ("? buy", "1:4/4@100"),
    ]);
}

#[test]
fn a_waiting_stop_gets_new_terms() {
    script(&[
        ("buy 1 5@105 stop=103", "W1"),
        ("buy 2 5@105 stop=103", "W2"),
        ("modify 1 4@106 stop=103", "M1, W1"),
        ("modify 1 4@102 stop=103", "K1 malformed"),
        ("modify 2 5@105 stop=104", "M2, W2"),
        ("modify 2 5@105 stop=103", "M2, W2"),
        ("last 102", ""),
        ("modify 1 6@106 stop=103", "M1, W1"),
        ("sell 3 1@106", "R3 1"),
        ("modify 2 5@105 stop=102", "M2, !2, R2 5"),
        ("last 103", "!1, T 1<3 1@106 5/0, R1 5"),
    ]);
}

#[test]
fn a_changed_order_meets_its_own_account() {
    script(&[
        ("buy 1 5@100 acct=7", "R1 5"),
        ("sell 2 3@102 acct=7", "R2 3"),
        ("modify 1 5@102", "M1, C1 5 self_trade"),
    ]);
}
