//! Stop orders: SL and SL-M wake on the last traded price (nse-rules 8).

use super::Scenario;

pub(super) const TABLE: &[Scenario] = &[
    (
        "a buy wakes at or above its trigger, a sell at or below",
        "> buy 1 5@110 trigger=105
        waits 1
        > sell 2 5@90 trigger=95
        waits 2
        > last 104
        > last 96
        > last 105
        wakes 1
        rests 1 5
        > last 95
        wakes 2
        2 x 1 5@110 0/0
        > book
        empty",
    ),
    (
        "what wakes as a market order has no rest",
        "> buy 1 5@any trigger=105
        waits 1
        > sell 2 3@107
        rests 2 3
        > last 106
        wakes 1
        1 x 2 3@107 2/0
        cancelled 1 2 market_rest",
    ),
    (
        "the worst price of a stop market order holds when it wakes",
        "> buy 1 5@any:106 trigger=105
        waits 1
        > sell 2 3@107
        rests 2 3
        > last 106
        wakes 1
        cancelled 1 5 market_rest",
    ),
    (
        "a trigger that the last price has reached wakes at once",
        "> last 100
        > buy 1 5@101 trigger=99
        wakes 1
        rests 1 5
        > sell 2 5@100 trigger=100
        wakes 2
        2 x 1 5@101 0/0",
    ),
    (
        "trades of the book wake stops, after the order that made them",
        "> sell 1 5@100
        rests 1 5
        > sell 2 5@101
        rests 2 5
        > sell 3 5@102
        rests 3 5
        > buy 4 5@any trigger=100
        waits 4
        > buy 5 10@101
        5 x 1 5@100 5/0
        5 x 2 5@101 0/0
        wakes 4
        4 x 3 5@102 0/0",
    ),
    (
        "a cascade: each makes the next one's price",
        "> buy 1 5@100
        rests 1 5
        > buy 2 5@99
        rests 2 5
        > buy 3 5@98
        rests 3 5
        > buy 4 5@97
        rests 4 5
        > sell 11 5@any trigger=100
        waits 11
        > sell 12 5@any trigger=99
        waits 12
        > sell 13 5@any trigger=98
        waits 13
        > sell 14 5@any trigger=96
        waits 14
        > sell 5 5@100
        5 x 1 5@100 0/0
        wakes 11
        11 x 2 5@99 0/0
        wakes 12
        12 x 3 5@98 0/0
        wakes 13
        13 x 4 5@97 0/0
        > book
        waiting sells: 14 5@0^96",
    ),
    (
        "those of one trigger wake in the order in which they came",
        "> sell 9 100@105
        rests 9 100
        > buy 1 5@any trigger=105
        waits 1
        > buy 2 5@any trigger=105
        waits 2
        > buy 3 5@any trigger=104
        waits 3
        > last 105
        wakes 3
        3 x 9 5@105 0/95
        wakes 1
        1 x 9 5@105 0/90
        wakes 2
        2 x 9 5@105 0/85",
    ),
    (
        "a stop that waits can be cancelled",
        "> buy 1 5@110 trigger=105
        waits 1
        > cancel 1
        cancelled 1 5 requested
        > last 105
        > book
        empty",
    ),
    (
        "a stop immediate-or-cancel is so when it wakes",
        "> buy 1 5@110 trigger=105 ioc
        waits 1
        > last 105
        wakes 1
        cancelled 1 5 ioc_rest",
    ),
    (
        "a stop fill-or-kill is so when it wakes",
        "> buy 1 5@110 trigger=105 fok
        waits 1
        > sell 2 4@107
        rests 2 4
        > last 105
        wakes 1
        cancelled 1 5 fill_or_kill",
    ),
    (
        "a stop that discloses in clips does so once it rests",
        "> buy 1 20@110 trigger=105 show=5
        waits 1
        > last 105
        wakes 1
        rests 1 20
        > book
        buys: 1 20(5)@110",
    ),
    (
        "nothing wakes in a halt; it wakes when trading goes on",
        "> buy 1 5@110 trigger=105
        waits 1
        > phase halted
        > last 106
        > phase continuous
        wakes 1
        rests 1 5",
    ),
    (
        "after a halt the last price counts, not where the price went meanwhile",
        "> buy 1 5@110 trigger=105
        waits 1
        > phase halted
        > last 106
        > last 104
        > phase continuous
        > last 105
        wakes 1
        rests 1 5",
    ),
    (
        "a sweep's first price wakes what its last would not",
        "> buy 1 5@110
        rests 1 5
        > buy 2 5@90
        rests 2 5
        > buy 3 5@120 trigger=105
        waits 3
        > sell 4 10@90
        4 x 1 5@110 5/0
        4 x 2 5@90 0/0
        wakes 3
        rests 3 5",
    ),
    (
        "a limit outside the band when it wakes",
        "> buy 1 5@110 trigger=105
        waits 1
        > band 90 108
        > last 105
        wakes 1
        cancelled 1 5 price_band",
    ),
];
