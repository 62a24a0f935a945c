//! Disclosed quantities.

use super::*;

#[test]
fn the_next_clip_goes_to_the_back_of_its_price() {
    script(&[
        ("sell 1 9@100 disc=3", "R1 9"),
        ("sell 2 4@100", "R2 4"),
        ("? sell", "1:9/3@100 2:4/4@100"),
        ("buy 3 5@100", "T 3<1 3@100 2/6, T 3<2 2@100 0/2"),
        ("? sell", "2:2/2@100 1:6/3@100"),
        ("buy 4 4@100", "T 4<2 2@100 2/0, T 4<1 2@100 0/4"),
        ("? sell", "1:4/1@100"),
        ("buy 5 9@100", "T 5<1 1@100 8/3, T 5<1 3@100 5/0, R5 5"),
    ]);
}

#[test]
fn an_arriving_order_trades_with_its_whole_quantity_and_displays_its_rest() {
    script(&[
        ("sell 1 5@100", "R1 5"),
        ("buy 2 12@100 disc=2", "T 2<1 5@100 7/0, R2 7"),
        ("? buy", "2:7/2@100"),
        ("cancel 2", "C2 7 requested"),
        ("buy 3 5@100 disc=5", "R3 5"),
        ("? buy", "3:5/5@100"),
        ("buy 4 5@99 disc=2 ioc", "C4 5 ioc_rest"),
    ]);
}

#[test]
fn levels_show_what_is_disclosed() {
    let limits = Limits { orders: 9, anonymous: 0, records_max: 4, ladder_ticks: 0 };
    let mut floor = Floor::new(LISTING, limits, SelfTrade::CancelNewest);
    floor.act("sell 1 9@100 disc=3");
    floor.act("sell 2 4@100");
    let best = floor.exchange.best(ONLY, Side::Sell).unwrap();
    assert_eq!((best.price, best.quantity, best.orders), (Price(100), Qty(7), 2));
    let order = floor.exchange.get(OrderId(1)).unwrap();
    assert_eq!((order.open, order.displayed, order.filled), (Qty(9), Qty(3), Qty(0)));
}
