//! Modifying (nse-rules 8): a smaller quantity keeps its place; another price or a larger quantity goes to the back.

use super::Scenario;

pub(super) const TABLE: &[Scenario] = &[
    (
        "less keeps its place",
        "> buy 1 10@100
        rests 1 10
        > buy 2 10@100
        rests 2 10
        > modify 1 4@100
        modified 1
        rests 1 4
        > sell 3 6@100
        3 x 1 4@100 2/0
        3 x 2 2@100 0/8",
    ),
    (
        "more goes to the back",
        "> buy 1 10@100
        rests 1 10
        > buy 2 10@100
        rests 2 10
        > modify 1 11@100
        modified 1
        rests 1 11
        > book
        buys: 2 10@100 1 11@100",
    ),
    (
        "the same again keeps its place",
        "> buy 1 10@100
        rests 1 10
        > buy 2 10@100
        rests 2 10
        > modify 1 10@100
        modified 1
        rests 1 10
        > book
        buys: 1 10@100 2 10@100",
    ),
    (
        "another price goes to the back of it",
        "> buy 1 10@100
        rests 1 10
        > buy 2 10@101
        rests 2 10
        > modify 1 10@101
        modified 1
        rests 1 10
        > book
        buys: 2 10@101 1 10@101
        > modify 2 5@100
        modified 2
        rests 2 5
        > modify 2 5@101
        modified 2
        rests 2 5
        > book
        buys: 1 10@101 2 5@101",
    ),
    (
        "another price may trade",
        "> buy 1 10@100
        rests 1 10
        > sell 2 4@102
        rests 2 4
        > modify 1 10@103
        modified 1
        1 x 2 4@102 6/0
        rests 1 6
        > modify 1 7@103
        modified 1
        rests 1 3",
    ),
    (
        "the quantity counts what is filled; not more than that is no quantity",
        "> buy 1 10@100
        rests 1 10
        > sell 2 4@100
        2 x 1 4@100 0/6
        > modify 1 4@100
        kept 1 malformed
        > modify 1 3@100
        kept 1 malformed
        > modify 1 5@100
        modified 1
        rests 1 1
        > sell 3 5@100
        3 x 1 1@100 4/0
        rests 3 4",
    ),
    (
        "changes are checked as orders are",
        "# tick=5 lot=10 freeze=100
        > buy 1 10@100
        rests 1 10
        > modify 1 10@101
        kept 1 malformed
        > modify 1 15@100
        kept 1 malformed
        > modify 1 110@100
        kept 1 freeze_quantity
        > band 95 105
        > modify 1 10@110
        kept 1 price_band
        > modify 1 10@105
        modified 1
        rests 1 10",
    ),
    (
        "a change of what is gone says nothing",
        "> modify 1 10@100
        > buy 1 10@100
        rests 1 10
        > cancel 1
        cancelled 1 10 requested
        > modify 1 10@100",
    ),
    (
        "a waiting stop: another trigger, another price",
        "> buy 1 10@110 trigger=105
        waits 1
        > modify 1 10@111 trigger=106
        modified 1
        waits 1
        > last 105
        > last 106
        wakes 1
        rests 1 10
        > book
        buys: 1 10@111",
    ),
    (
        "a waiting stop's trigger moved to where the last price is wakes it",
        "> last 100
        > buy 1 10@110 trigger=105
        waits 1
        > modify 1 10@110 trigger=100
        modified 1
        wakes 1
        rests 1 10",
    ),
    (
        "a waiting stop keeps its turn unless the trigger changes or it grows",
        "> sell 9 100@105
        rests 9 100
        > buy 1 5@any trigger=105
        waits 1
        > buy 2 5@any trigger=105
        waits 2
        > buy 3 5@any trigger=105
        waits 3
        > modify 1 4@0 trigger=105
        modified 1
        waits 1
        > modify 2 6@0 trigger=105
        modified 2
        waits 2
        > last 105
        wakes 1
        1 x 9 4@105 0/96
        wakes 3
        3 x 9 5@105 0/91
        wakes 2
        2 x 9 6@105 0/85",
    ),
    (
        "an iceberg that shrinks loses what is hidden first",
        "> sell 1 20@100 show=5
        rests 1 20
        > sell 2 5@100
        rests 2 5
        > modify 1 8@100 show=5
        modified 1
        rests 1 8
        > book
        sells: 1 8(5)@100 2 5@100
        > modify 1 3@100 show=5
        modified 1
        rests 1 3
        > book
        sells: 1 3@100 2 5@100",
    ),
    (
        "disclosing less hides at once, more shows with the next clip, both in place",
        "> sell 1 20@100 show=5
        rests 1 20
        > sell 2 5@100
        rests 2 5
        > modify 1 20@100 show=2
        modified 1
        rests 1 20
        > book
        sells: 1 20(2)@100 2 5@100
        > modify 1 20@100 show=10
        modified 1
        rests 1 20
        > book
        sells: 1 20(2)@100 2 5@100
        > buy 3 2@100
        3 x 1 2@100 0/18
        > book
        sells: 2 5@100 1 18(10)@100",
    ),
    (
        "a plain order begins to hide",
        "> sell 1 20@100
        rests 1 20
        > sell 2 5@100
        rests 2 5
        > modify 1 20@100 show=4
        modified 1
        rests 1 20
        > book
        sells: 1 20(4)@100 2 5@100",
    ),
];
