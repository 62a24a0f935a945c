//! Anonymous volume: what a feed displays of everybody else, around orders with ids.

use super::Scenario;

pub(super) const TABLE: &[Scenario] = &[
    (
        "volume joins the volume at the end of its price",
        "> volume buy 10@100
        > volume buy 5@100
        > buy 1 5@100
        rests 1 5
        > volume buy 7@100
        > around 1
        15 before, 7 behind, 22 in all
        > book
        buys: m1 15@100 1 5@100 m2 7@100",
    ),
    (
        "orders trade with it",
        "> volume buy 10@100
        > buy 1 5@100
        rests 1 5
        > volume buy 7@100
        > sell 2 17@100
        2 x m1 10@100 7/0
        2 x 1 5@100 2/0
        2 x m2 2@100 0/5",
    ),
    (
        "it never trades when it is added",
        "> sell 1 5@100
        rests 1 5
        > volume buy 5@100
        refused post_only
        > volume buy 5@99",
    ),
    (
        "taking it away from an end of the price",
        "> volume sell 10@100
        > sell 1 5@100
        rests 1 5
        > volume sell 10@100
        > take sell 4@100 front
        took 4
        > take sell 3@100 back
        took 3
        > around 1
        6 before, 7 behind, 13 in all
        > take sell 99@100 front
        took 13
        > book
        sells: 1 5@100",
    ),
    (
        "taking it away before and behind an order",
        "> volume sell 10@100
        > sell 1 5@100
        rests 1 5
        > volume sell 10@100
        > ahead 1 4
        took 4
        > behind 1 99
        took 10
        > around 1
        6 before, 0 behind, 6 in all",
    ),
    (
        "an anonymous order consumes the queue from its front",
        "> volume sell 10@100
        > sell 1 5@100
        rests 1 5
        > sell 2 5@101
        rests 2 5
        > sweep buy 13@100
        m2 x m1 10@100 3/0
        m2 x 1 3@100 0/2
        > sweep buy 13@100
        m3 x 1 2@100 11/0
        cancelled m3 11 ioc_rest",
    ),
    (
        "clearing leaves the orders",
        "> volume sell 10@100
        > sell 1 5@100
        rests 1 5
        > volume sell 10@101
        > clear
        > book
        sells: 1 5@100",
    ),
    (
        "pieces have a bound of their own",
        "# anonymous=1
        > volume sell 10@100
        > volume sell 10@101
        refused venue_full
        > volume sell 10@100
        > book
        sells: m1 20@100",
    ),
];
