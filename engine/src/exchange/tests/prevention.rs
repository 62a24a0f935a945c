//! Self-trade prevention.

use super::*;

const BOOK: [(&str, &str); 3] =
    [("sell 1 2@100 acct=1", "R1 2"), ("sell 2 5@100 acct=2", "R2 5"), ("sell 3 5@100 acct=3", "R3 5")];

fn with(mode: SelfTrade, line: &str, records: &str, queue: &str) {
    script_with(LISTING, mode, &[BOOK[0], BOOK[1], BOOK[2], (line, records), ("? sell", queue)]);
}

#[test]
fn the_newest_is_cancelled_after_what_it_has_traded() {
    let queue = "2:5/5@100 3:5/5@100";
    with(SelfTrade::CancelNewest, "buy 9 9@100 acct=2", "T 9<1 2@100 7/0, C9 7 self_trade", queue);
}

#[test]
fn the_oldest_is_cancelled_and_the_newest_goes_on() {
    let records = "T 9<1 2@100 7/0, C2 5 self_trade, T 9<3 5@100 2/0, R9 2";
    with(SelfTrade::CancelOldest, "buy 9 9@100 acct=2", records, "");
}

#[test]
fn both_lose_the_smaller_quantity() {
    let mode = SelfTrade::Decrement;
    let smaller = "T 9<1 2@100 7/0, C2 5 self_trade, D9 -5 2, T 9<3 2@100 0/3";
    with(mode, "buy 9 9@100 acct=2", smaller, "3:3/3@100");
    let larger = "T 9<1 2@100 3/0, D2 -3 2, C9 3 self_trade";
    with(mode, "buy 9 5@100 acct=2", larger, "2:2/2@100 3:5/5@100");
    let equal = "T 9<1 2@100 5/0, C2 5 self_trade, C9 5 self_trade";
    with(mode, "buy 9 7@100 acct=2", equal, "3:5/5@100");
}

#[test]
fn a_decrement_counts_undisclosed_quantity_and_takes_it_first() {
    script_with(
        LISTING,
        SelfTrade::Decrement,
        &[
            ("sell 1 9@100 disc=3 acct=1", "R1 9"),
            ("buy 2 4@100 acct=1", "D1 -4 5, C2 4 self_trade"),
            ("? sell", "1:5/3@100"),
            ("buy 3 4@100 acct=1", "D1 -4 1, C3 4 self_trade"),
            ("? sell", "1:1/1@100"),
            ("modify 1 1@100", "M1, R1 1"),
            ("modify 1 0@100", "K1 malformed"),
        ],
    );
}

#[test]
fn the_market_trades_with_itself() {
    for mode in [SelfTrade::CancelNewest, SelfTrade::CancelOldest, SelfTrade::Decrement] {
        script_with(
            LISTING,
            mode,
            &[("sell 1 5@100 acct=0", "R1 5"), ("buy 2 5@100 acct=0", "T 2<1 5@100 0/0")],
        );
    }
}
