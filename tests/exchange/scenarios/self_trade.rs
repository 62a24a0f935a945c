//! Self-trade prevention (nse-rules 8): the newest, the oldest, or both by the smaller quantity.

use super::Scenario;

pub(super) const TABLE: &[Scenario] = &[
    (
        "cancel newest: what it traded before stays traded",
        "> sell 1 5@100 account=8
        rests 1 5
        > sell 2 5@100 account=7
        rests 2 5
        > sell 3 5@100 account=8
        rests 3 5
        > buy 4 15@100 account=7
        4 x 1 5@100 10/0
        cancelled 4 10 self_trade
        > book
        sells: 2 5@100 3 5@100",
    ),
    (
        "cancel oldest: the order goes on",
        "# self_trade=cancel_oldest
        > sell 1 5@100 account=8
        rests 1 5
        > sell 2 5@100 account=7
        rests 2 5
        > sell 3 5@100 account=8
        rests 3 5
        > buy 4 15@100 account=7
        4 x 1 5@100 10/0
        cancelled 2 5 self_trade
        4 x 3 5@100 5/0
        rests 4 5",
    ),
    (
        "cancel oldest takes an iceberg with what it hides",
        "# self_trade=cancel_oldest
        > sell 2 50@100 account=7 show=5
        rests 2 50
        > buy 4 15@100 account=7
        cancelled 2 50 self_trade
        rests 4 15",
    ),
    (
        "decrement: the resting one is smaller",
        "# self_trade=decrement
        > sell 2 5@100 account=7
        rests 2 5
        > sell 3 5@100 account=8
        rests 3 5
        > buy 4 15@100 account=7
        cancelled 2 5 self_trade
        less 4 5 10
        4 x 3 5@100 5/0
        rests 4 5",
    ),
    (
        "decrement: the one that comes is smaller",
        "# self_trade=decrement
        > sell 2 25@100 account=7
        rests 2 25
        > sell 3 5@100 account=8
        rests 3 5
        > buy 4 15@100 account=7
        less 2 15 10
        cancelled 4 15 self_trade
        > book
        sells: 2 10@100 3 5@100",
    ),
    (
        "decrement: both are gone",
        "# self_trade=decrement
        > sell 2 15@100 account=7
        rests 2 15
        > buy 4 15@100 account=7
        cancelled 2 15 self_trade
        cancelled 4 15 self_trade
        > book
        empty",
    ),
    (
        "decrement counts what is hidden, and takes it first",
        "# self_trade=decrement
        > sell 2 25@100 account=7 show=10
        rests 2 25
        > buy 4 12@100 account=7
        less 2 12 13
        cancelled 4 12 self_trade
        > book
        sells: 2 13(10)@100",
    ),
    (
        "the market trades with itself",
        "> sell 1 5@100 account=0
        rests 1 5
        > buy 2 5@100 account=0
        2 x 1 5@100 0/0",
    ),
    (
        "fill or kill ends at an own order",
        "> sell 1 5@100 account=8
        rests 1 5
        > sell 2 5@100 account=7
        rests 2 5
        > sell 3 5@100 account=8
        rests 3 5
        > buy 4 10@100 account=7 fok
        cancelled 4 10 fill_or_kill
        > buy 5 5@100 account=7 fok
        5 x 1 5@100 0/0",
    ),
    (
        "fill or kill looks past own orders that it would cancel",
        "# self_trade=cancel_oldest
        > sell 1 5@100 account=8
        rests 1 5
        > sell 2 5@100 account=7
        rests 2 5
        > sell 3 5@100 account=8
        rests 3 5
        > buy 4 11@100 account=7 fok
        cancelled 4 11 fill_or_kill
        > buy 5 10@100 account=7 fok
        5 x 1 5@100 5/0
        cancelled 2 5 self_trade
        5 x 3 5@100 0/0",
    ),
    (
        "fill or kill reaches an own order before the hidden part of another's",
        "> sell 1 20@100 account=8 show=5
        rests 1 20
        > sell 2 5@100 account=7
        rests 2 5
        > buy 4 6@100 account=7 fok
        cancelled 4 6 fill_or_kill
        > buy 5 5@100 account=7 fok
        5 x 1 5@100 0/15
        > book
        sells: 2 5@100 1 15(5)@100",
    ),
    (
        "an own order at a worse price is not in the way",
        "> sell 1 5@100 account=8
        rests 1 5
        > sell 2 5@101 account=7
        rests 2 5
        > buy 3 5@101 account=7
        3 x 1 5@100 0/0",
    ),
    (
        "post-only does not ask whose order it would meet",
        "> sell 1 5@100 account=7
        rests 1 5
        > buy 2 5@100 account=7 post
        cancelled 2 5 post_only",
    ),
];
