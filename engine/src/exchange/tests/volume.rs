//! Anonymous volume.

use super::*;

fn floor() -> Floor {
    let limits = Limits { orders: 9, anonymous: 4, records_max: 4, ladder_ticks: 256 };
    Floor::new(LISTING, limits, SelfTrade::CancelNewest)
}

#[test]
fn volume_joins_the_last_piece_and_stands_in_the_queue_like_an_order() {
    script(&[
        ("add buy 5@100", ""),
        ("add buy 3@100", ""),
        ("buy 1 2@100", "R1 2"),
        ("add buy 4@100", ""),
        ("? buy", "a1:8/8@100 1:2/2@100 a2:4/4@100"),
        ("sell 2 9@100", "T 2<a1 8@100 1/0, T 2<1 1@100 0/1"),
        ("sweep sell 3@99", "T a3<1 1@100 2/0, T a3<a2 2@100 0/2"),
        ("sweep sell 3@101", "Ca4 3 ioc_rest"),
        ("sweep sell 3@-", "T a5<a2 2@100 1/0, Ca5 1 ioc_rest"),
        ("phase halted", ""),
        ("sweep sell 3@-", ""),
    ]);
}

#[test]
fn volume_is_counted_and_taken_before_and_behind_an_order() {
    let mut floor = floor();
    for line in ["add buy 5@100", "buy 1 2@100", "add buy 4@100", "buy 2 1@100", "add buy 6@100"] {
        floor.act(line);
    }
    let exchange = &mut floor.exchange;
    assert_eq!(exchange.volume(ONLY, Side::Buy, Price(100)), Qty(15));
    assert_eq!(exchange.volume(ONLY, Side::Buy, Price(99)), Qty(0));
    assert_eq!((exchange.volume_ahead(OrderId(1)), exchange.volume_behind(OrderId(1))), (Qty(5), Qty(10)));
    assert_eq!((exchange.volume_ahead(OrderId(2)), exchange.volume_behind(OrderId(2))), (Qty(9), Qty(6)));
    assert_eq!(exchange.volume_ahead(OrderId(3)), Qty(0));
    assert_eq!(exchange.take_volume_ahead(OrderId(2), Qty(6)), Qty(6));
    assert_eq!(exchange.take_volume_behind(OrderId(1), Qty(7)), Qty(7));
    assert_eq!(floor.queue(Side::Buy), "1:2/2@100 a2:2/2@100 2:1/1@100");
    let exchange = &mut floor.exchange;
    assert_eq!(exchange.take_volume_ahead(OrderId(1), Qty(6)), Qty(0));
    assert_eq!(exchange.take_volume(ONLY, Side::Buy, Price(100), Qty(1), End::Back), Qty(1));
    assert_eq!(exchange.take_volume(ONLY, Side::Buy, Price(100), Qty(9), End::Front), Qty(1));
    assert_eq!(exchange.take_volume(ONLY, Side::Sell, Price(100), Qty(9), End::Front), Qty(0));
    exchange.validate();
    assert_eq!(floor.act("add sell 5@101"), "");
    floor.exchange.clear_volume(ONLY);
    floor.exchange.validate();
    assert_eq!(
        (floor.queue(Side::Buy), floor.queue(Side::Sell)),
        ("1:2/2@100 2:1/1@100".into(), String::new())
    );
}

#[test]
fn volume_never_crosses_and_is_bounded() {
    let mut floor = floor();
    floor.act("buy 1 2@100");
    let mut add = |side, price, quantity| floor.exchange.add_volume(ONLY, side, Price(price), Qty(quantity));
    assert_eq!(add(Side::Sell, 100, 5), Err(ReportReason::PostOnly));
    assert_eq!(add(Side::Sell, 101, 0), Err(ReportReason::Malformed));
    assert_eq!(add(Side::Sell, 0, 5), Err(ReportReason::Malformed));
    for price in 101..105 {
        assert_eq!(add(Side::Sell, price, 5), Ok(()));
    }
    assert_eq!(add(Side::Sell, 105, 5), Err(ReportReason::VenueFull));
    assert_eq!(add(Side::Sell, 104, 5), Ok(()));
    assert_eq!(floor.exchange.open_orders(ONLY), 1);
}
