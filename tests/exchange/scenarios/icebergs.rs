//! Disclosed quantity (nse-rules 8): a clip at a time; the next clip goes behind what is displayed at its price.

use super::Scenario;

pub(super) const TABLE: &[Scenario] = &[
    (
        "the next clip queues behind all at its price",
        "> sell 1 20@100 show=5
        rests 1 20
        > sell 2 5@100
        rests 2 5
        > buy 3 5@100
        3 x 1 5@100 0/15
        > book
        sells: 2 5@100 1 15(5)@100
        > buy 4 7@100
        4 x 2 5@100 2/0
        4 x 1 2@100 0/13
        > book
        sells: 1 13(3)@100",
    ),
    (
        "a clip that is hit in part is not refilled",
        "> sell 1 20@100 show=5
        rests 1 20
        > sell 2 5@100
        rests 2 5
        > buy 3 3@100
        3 x 1 3@100 0/17
        > book
        sells: 1 17(2)@100 2 5@100",
    ),
    (
        "a large order goes round several clips",
        "> sell 1 12@100 show=5
        rests 1 12
        > sell 2 4@100
        rests 2 4
        > buy 3 18@100
        3 x 1 5@100 13/7
        3 x 2 4@100 9/0
        3 x 1 5@100 4/2
        3 x 1 2@100 2/0
        rests 3 2",
    ),
    (
        "two icebergs take turns",
        "> buy 1 10@100 show=3
        rests 1 10
        > buy 2 10@100 show=4
        rests 2 10
        > sell 3 12@100
        3 x 1 3@100 9/7
        3 x 2 4@100 5/6
        3 x 1 3@100 2/4
        3 x 2 2@100 0/4
        > book
        buys: 2 4(2)@100 1 4(3)@100",
    ),
    (
        "undisclosed quantity has no price better than its own",
        "> sell 1 50@101 show=1
        rests 1 50
        > sell 2 5@100 show=1
        rests 2 5
        > buy 3 6@101
        3 x 2 1@100 5/4
        3 x 2 1@100 4/3
        3 x 2 1@100 3/2
        3 x 2 1@100 2/1
        3 x 2 1@100 1/0
        3 x 1 1@101 0/49",
    ),
    (
        "an order that comes trades with all of its quantity, and discloses a clip of what rests",
        "> sell 1 30@100
        rests 1 30
        > buy 2 50@100 show=5
        2 x 1 30@100 20/0
        rests 2 20
        > book
        buys: 2 20(5)@100",
    ),
    (
        "disclosing all is disclosing nothing",
        "> sell 1 10@100 show=10
        rests 1 10
        > sell 2 10@100 show=50
        rests 2 10
        > book
        sells: 1 10@100 2 10@100",
    ),
    (
        "the last clip may be smaller",
        "> sell 1 7@100 show=5
        rests 1 7
        > buy 2 5@100
        2 x 1 5@100 0/2
        > book
        sells: 1 2@100",
    ),
    (
        "cancelling gives back what is undisclosed as well",
        "> sell 1 50@100 show=5
        rests 1 50
        > cancel 1
        cancelled 1 50 requested",
    ),
];
