//! What is taken and what is not (nse-rules 3, 4, 7, 8).

use super::Scenario;

pub(super) const TABLE: &[Scenario] = &[
    (
        "the tick, the lot and the freeze quantity",
        "# tick=5 lot=10 freeze=100
        > buy 1 10@101
        rejected 1 malformed
        > buy 2 11@100
        rejected 2 malformed
        > buy 3 0@100
        rejected 3 malformed
        > buy 4 110@100
        rejected 4 freeze_quantity
        > buy 5 100@100
        rests 5 100
        > buy 6 10@0
        rejected 6 malformed
        > buy 7 10@100 show=5
        rejected 7 malformed",
    ),
    (
        "an id that is held is refused, one that is gone may come again",
        "> buy 1 10@100
        rests 1 10
        > buy 1 10@100
        rejected 1 duplicate
        > cancel 1
        cancelled 1 10 requested
        > buy 1 10@100
        rests 1 10",
    ),
    (
        "ids of anonymous volume belong to the exchange",
        "> buy m7 10@100
        rejected m7 malformed
        > buy 0 10@100
        rejected 0 malformed",
    ),
    (
        "a full exchange refuses what might rest, before it trades",
        "# orders=2
        > sell 1 10@100
        rests 1 10
        > sell 2 10@101
        rests 2 10
        > buy 3 10@100
        rejected 3 venue_full
        > buy 4 5@100 ioc
        4 x 1 5@100 0/5
        > buy 5 5@any
        5 x 1 5@100 0/0
        > buy 6 10@101
        6 x 2 10@101 0/0
        > book
        empty",
    ),
    (
        "a stop order needs room to wait",
        "# orders=1
        > sell 1 10@100
        rests 1 10
        > buy 2 10@105 trigger=101
        rejected 2 venue_full",
    ),
    (
        "a stop's trigger is on the near side of its limit",
        "> buy 1 10@100 trigger=101
        rejected 1 malformed
        > sell 2 10@100 trigger=99
        rejected 2 malformed
        > buy 3 10@100 trigger=100
        waits 3
        > sell 4 10@100 trigger=100
        waits 4",
    ),
    (
        "post-only is for limit orders that may rest",
        "> buy 1 10@100 ioc post
        rejected 1 not_allowed
        > buy 2 10@any post
        rejected 2 not_allowed
        > buy 3 10@100 post
        rests 3 10",
    ),
    (
        "an instrument that is not listed",
        "> buy 1 10@100 on=9
        rejected 1 not_tradable",
    ),
    (
        "halted: orders rest and may be cancelled, none is taken, none is changed",
        "> buy 1 10@100
        rests 1 10
        > buy 2 10@100
        rests 2 10
        > phase halted
        > sell 3 10@100
        rejected 3 halted
        > modify 1 5@100
        kept 1 halted
        > cancel 1
        cancelled 1 10 requested
        > phase continuous
        > sell 4 10@100
        4 x 2 10@100 0/0",
    ),
    (
        "closed",
        "> buy 1 10@100
        rests 1 10
        > phase closed
        > sell 3 10@100
        rejected 3 closed
        > cancel 1
        cancelled 1 10 requested
        > cancel 1
        unknown",
    ),
];
