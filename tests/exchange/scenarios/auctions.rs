//! Call auctions (nse-rules 1): most volume, then least left over, then nearest the reference; market orders first.

use super::Scenario;

pub(super) const TABLE: &[Scenario] = &[
    (
        "orders collect and nothing trades",
        "> phase call
        > buy 1 5@105
        rests 1 5
        > sell 2 5@95
        rests 2 5
        > book
        buys: 1 5@105
        sells: 2 5@95",
    ),
    (
        "what a call does not take",
        "> phase call
        > buy 1 5@100 ioc
        rejected 1 not_allowed
        > buy 2 5@100 fok
        rejected 2 not_allowed
        > buy 3 5@100 post
        rejected 3 not_allowed
        > buy 4 5@100 show=2
        rejected 4 not_allowed
        > buy 5 5@100 trigger=90
        rejected 5 not_allowed
        > buy 6 5@any trigger=90
        rejected 6 not_allowed",
    ),
    (
        "the price with the most volume",
        "> phase call
        > buy 1 10@103
        rests 1 10
        > buy 2 10@102
        rests 2 10
        > buy 3 10@101
        rests 3 10
        > sell 4 10@100
        rests 4 10
        > sell 5 15@102
        rests 5 15
        > would 101
        20@102 over -5
        > uncross 101 carry
        1 x 4 10@102 0/0
        2 x 5 10@102 0/5
        > book
        buys: 3 10@101
        sells: 5 5@102",
    ),
    (
        "then the least left over",
        "> phase call
        > buy 1 10@105
        rests 1 10
        > buy 2 4@103
        rests 2 4
        > sell 3 10@100
        rests 3 10
        > would 100
        10@105 over 0",
    ),
    (
        "then the nearest to the reference",
        "> phase call
        > buy 1 10@105
        rests 1 10
        > sell 2 10@100
        rests 2 10
        > would 101
        10@100 over 0
        > would 104
        10@105 over 0
        > would 1
        10@100 over 0
        > would 999
        10@105 over 0",
    ),
    (
        "then the higher",
        "> phase call
        > buy 1 10@104
        rests 1 10
        > sell 2 10@100
        rests 2 10
        > would 102
        10@104 over 0",
    ),
    (
        "no price meets both sides",
        "> phase call
        > buy 1 10@99
        rests 1 10
        > sell 2 10@100
        rests 2 10
        > would 100
        nothing
        > uncross 100 carry
        > book
        buys: 1 10@99
        sells: 2 10@100",
    ),
    (
        "market orders go first, then price, then time",
        "> phase call
        > buy 1 10@105
        rests 1 10
        > buy 2 10@106
        rests 2 10
        > buy 3 10@106
        rests 3 10
        > buy 4 10@any
        rests 4 10
        > sell 5 35@100
        rests 5 35
        > would 105
        35@105 over 5
        > uncross 105 carry
        4 x 5 10@105 0/25
        2 x 5 10@105 0/15
        3 x 5 10@105 0/5
        1 x 5 5@105 5/0
        > phase continuous
        > book
        buys: 1 5@105",
    ),
    (
        "market orders alone meet at the reference",
        "> phase call
        > buy 1 10@any
        rests 1 10
        > sell 2 4@any
        rests 2 4
        > would 100
        4@100 over 6
        > uncross 100 carry
        1 x 2 4@100 6/0
        rests 1 6
        > phase continuous
        > book
        buys: 1 6@100",
    ),
    (
        "market orders that met nobody become limits at the reference",
        "> phase call
        > buy 1 10@100
        rests 1 10
        > buy 2 10@any
        rests 2 10
        > uncross 100 carry
        rests 2 10
        > book
        buys: 1 10@100 2 10@100",
    ),
    (
        "without any price they go",
        "> phase call
        > buy 1 10@any
        rests 1 10
        > uncross 0 carry
        cancelled 1 10 no_price",
    ),
    (
        "a worst price makes a limit order of a market order",
        "> phase call
        > buy 1 10@any:105
        rests 1 10
        > buy 2 10@106
        rests 2 10
        > book
        buys: 2 10@106 1 10@105",
    ),
    (
        "unmatched limit orders keep price and time",
        "> buy 1 10@100
        rests 1 10
        > phase call
        > buy 2 10@100
        rests 2 10
        > sell 3 5@100
        rests 3 5
        > uncross 100 carry
        1 x 3 5@100 5/0
        > phase continuous
        > buy 4 10@100
        rests 4 10
        > sell 5 20@100
        5 x 1 5@100 15/0
        5 x 2 10@100 5/0
        5 x 4 5@100 0/5",
    ),
    (
        "after a closing auction what is left is cancelled",
        "> buy 1 10@100
        rests 1 10
        > phase call
        > sell 2 4@100
        rests 2 4
        > sell 3 4@110
        rests 3 4
        > uncross 100 cancel
        1 x 2 4@100 6/0
        cancelled 1 6 auction_end
        cancelled 3 4 auction_end
        > book
        empty",
    ),
    (
        "stops and what hides go when a call begins",
        "> buy 1 10@100
        rests 1 10
        > buy 2 10@100 show=2
        rests 2 10
        > sell 3 5@80 trigger=90
        waits 3
        > buy 4 5@120 trigger=110
        waits 4
        > phase call
        cancelled 2 10 not_allowed
        cancelled 4 5 not_allowed
        cancelled 3 5 not_allowed
        > book
        buys: 1 10@100",
    ),
    (
        "in an auction the later order of an account goes",
        "> phase call
        > buy 1 10@105 account=7
        rests 1 10
        > sell 2 10@100 account=7
        rests 2 10
        > sell 3 10@101 account=8
        rests 3 10
        > uncross 101 carry
        cancelled 2 10 self_trade
        1 x 3 10@101 0/0",
    ),
    (
        "an auction makes the last price, which wakes stops afterwards",
        "> phase call
        > buy 1 10@105
        rests 1 10
        > sell 2 10@105
        rests 2 10
        > uncross 100 carry
        1 x 2 10@105 0/0
        > phase continuous
        > buy 3 10@108 trigger=105
        wakes 3
        rests 3 10",
    ),
    (
        "modifying in a call",
        "> phase call
        > buy 1 10@105
        rests 1 10
        > buy 2 10@105
        rests 2 10
        > modify 1 5@105
        modified 1
        rests 1 5
        > modify 1 5@106
        modified 1
        rests 1 5
        > modify 1 5@105
        modified 1
        rests 1 5
        > book
        buys: 2 10@105 1 5@105
        > cancel 2
        cancelled 2 10 requested",
    ),
];
