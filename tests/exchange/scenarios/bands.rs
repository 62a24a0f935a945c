//! Price bands (nse-rules 4): orders outside are refused, those that rest outside when it moves are cancelled.

use super::Scenario;

pub(super) const TABLE: &[Scenario] = &[
    (
        "both ends are inside",
        "> band 90 110
        > buy 1 5@89
        rejected 1 price_band
        > buy 2 5@90
        rests 2 5
        > sell 3 5@110
        rests 3 5
        > sell 4 5@111
        rejected 4 price_band
        > sell 5 5@120 trigger=120
        rejected 5 price_band",
    ),
    (
        "when it moves, what rests outside goes",
        "> buy 1 5@90
        rests 1 5
        > buy 2 5@95
        rests 2 5
        > sell 3 5@105
        rests 3 5
        > sell 4 5@110
        rests 4 5
        > band 95 105
        cancelled 1 5 price_band
        cancelled 4 5 price_band
        > book
        buys: 2 5@95
        sells: 3 5@105",
    ),
    (
        "a band that slides away from the best",
        "> buy 1 5@100
        rests 1 5
        > sell 2 5@101
        rests 2 5
        > band 120 140
        cancelled 1 5 price_band
        cancelled 2 5 price_band
        > book
        empty",
    ),
    (
        "open ends",
        "> band 90 0
        > sell 1 5@9999
        rests 1 5
        > buy 2 5@89
        rejected 2 price_band
        > band 0 0
        > buy 3 5@1
        rests 3 5",
    ),
    (
        "stops that wait stay; market orders have no price to be outside with",
        "> buy 1 5@130 trigger=120
        waits 1
        > sell 2 5@100
        rests 2 5
        > band 90 110
        > buy 3 5@any:500
        3 x 2 5@100 0/0
        > book
        waiting buys: 1 5@130^120",
    ),
    (
        "in a call a worst price is a limit, which the band bounds: it could become the auction's price",
        "> band 90 110
        > phase call
        > buy 1 5@any:500
        rejected 1 price_band
        > buy 2 5@any:110
        rests 2 5
        > buy 3 5@any
        rests 3 5
        > modify 3 5@111
        kept 3 price_band",
    ),
    (
        "an iceberg goes whole",
        "> sell 1 50@120 show=5
        rests 1 50
        > band 90 110
        cancelled 1 50 price_band",
    ),
];
