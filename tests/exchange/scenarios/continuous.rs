//! Continuous trading: price, then time; at the resting order's price (nse-rules 8).

use super::Scenario;

pub(super) const TABLE: &[Scenario] = &[
    (
        "best price first, then the oldest; at the resting price",
        "> sell 1 10@102
        rests 1 10
        > sell 2 10@101
        rests 2 10
        > sell 3 10@101
        rests 3 10
        > buy 4 25@105
        4 x 2 10@101 15/0
        4 x 3 10@101 5/0
        4 x 1 5@102 0/5
        > book
        sells: 1 5@102",
    ),
    (
        "what is left of a limit order rests at its limit",
        "> buy 1 10@100
        rests 1 10
        > sell 2 15@99
        2 x 1 10@100 5/0
        rests 2 5
        > book
        sells: 2 5@99",
    ),
    (
        "a partial fill keeps its place",
        "> buy 1 10@100
        rests 1 10
        > buy 2 10@100
        rests 2 10
        > sell 3 4@100
        3 x 1 4@100 0/6
        > sell 4 8@100
        4 x 1 6@100 2/0
        4 x 2 2@100 0/8",
    ),
    (
        "a market order trades at any price, its rest is cancelled",
        "> sell 1 5@100
        rests 1 5
        > sell 2 5@10000
        rests 2 5
        > buy 3 12@any
        3 x 1 5@100 7/0
        3 x 2 5@10000 2/0
        cancelled 3 2 market_rest
        > buy 4 1@any
        cancelled 4 1 market_rest",
    ),
    (
        "protection: a market order trades no worse than its worst price",
        "> buy 1 5@100
        rests 1 5
        > buy 2 5@95
        rests 2 5
        > buy 3 5@94
        rests 3 5
        > sell 4 20@any:95
        4 x 1 5@100 15/0
        4 x 2 5@95 10/0
        cancelled 4 10 market_rest
        > book
        buys: 3 5@94",
    ),
    (
        "immediate or cancel",
        "> sell 1 5@100
        rests 1 5
        > buy 2 8@100 ioc
        2 x 1 5@100 3/0
        cancelled 2 3 ioc_rest
        > buy 3 8@100 ioc
        cancelled 3 8 ioc_rest
        > sell 4 5@100
        rests 4 5
        > buy 5 8@any ioc
        5 x 4 5@100 3/0
        cancelled 5 3 ioc_rest",
    ),
    (
        "fill or kill: all or nothing",
        "> sell 1 5@100
        rests 1 5
        > sell 2 5@101
        rests 2 5
        > buy 3 10@100 fok
        cancelled 3 10 fill_or_kill
        > buy 4 11@101 fok
        cancelled 4 11 fill_or_kill
        > buy 5 10@101 fok
        5 x 1 5@100 5/0
        5 x 2 5@101 0/0
        > book
        empty",
    ),
    (
        "fill or kill sees undisclosed quantity",
        "> sell 1 50@100 show=5
        rests 1 50
        > buy 2 51@100 fok
        cancelled 2 51 fill_or_kill
        > buy 3 12@100 fok
        3 x 1 5@100 7/45
        3 x 1 5@100 2/40
        3 x 1 2@100 0/38
        > book
        sells: 1 38(3)@100",
    ),
    (
        "a market order may be fill or kill",
        "> sell 1 5@100
        rests 1 5
        > buy 2 6@any fok
        cancelled 2 6 fill_or_kill
        > buy 3 5@any fok
        3 x 1 5@100 0/0",
    ),
    (
        "post-only rests, or is cancelled whole",
        "> sell 1 5@100
        rests 1 5
        > buy 2 5@100 post
        cancelled 2 5 post_only
        > buy 3 5@99 post
        rests 3 5
        > book
        buys: 3 5@99
        sells: 1 5@100",
    ),
    (
        "a post-only order trades once it rests",
        "> buy 1 5@99 post
        rests 1 5
        > sell 2 5@99
        2 x 1 5@99 0/0",
    ),
    (
        "cancelling one leaves the others their places",
        "> buy 1 5@100
        rests 1 5
        > buy 2 5@100
        rests 2 5
        > buy 3 5@100
        rests 3 5
        > cancel 2
        cancelled 2 5 requested
        > book
        buys: 1 5@100 3 5@100
        > sell 4 7@100
        4 x 1 5@100 2/0
        4 x 3 2@100 0/3",
    ),
    (
        "all orders of an account: buys, sells, waiting buys, waiting sells",
        "> sell 1 5@101 account=7
        rests 1 5
        > buy 2 5@100 account=7
        rests 2 5
        > buy 3 5@101 account=8
        3 x 1 5@101 0/0
        > sell 4 5@102 account=7
        rests 4 5
        > buy 5 5@100 account=8
        rests 5 5
        > sell 6 5@80 trigger=90 account=7
        waits 6
        > buy 7 5@120 trigger=110 account=7
        waits 7
        > cancel_all 7
        cancelled 2 5 requested
        cancelled 4 5 requested
        cancelled 7 5 requested
        cancelled 6 5 requested
        > book
        buys: 5 5@100",
    ),
    (
        "instruments have books of their own",
        "> buy 1 5@100
        rests 1 5
        > sell 2 5@100 on=1
        rests 2 5
        > book
        buys: 1 5@100",
    ),
    (
        "an order may empty a book and rest in it",
        "> sell 1 5@100
        rests 1 5
        > sell 2 5@101
        rests 2 5
        > buy 3 20@105
        3 x 1 5@100 15/0
        3 x 2 5@101 10/0
        rests 3 10
        > sell 4 10@90
        4 x 3 10@105 0/0
        > book
        empty",
    ),
    (
        "prices far apart",
        "> buy 1 5@1
        rests 1 5
        > buy 2 5@1000000
        rests 2 5
        > sell 3 5@2000000
        rests 3 5
        > sell 4 5@9000000000
        rests 4 5
        > sell 5 6@1
        5 x 2 5@1000000 1/0
        5 x 1 1@1 0/4
        > buy 6 10@any
        6 x 3 5@2000000 5/0
        6 x 4 5@9000000000 0/0",
    ),
];
