//! The displayed book by itself.

use super::*;
use crate::event::{FLAG_EXO, SelfTrade};
use crate::exchange::{End, Limits, Listing};
use crate::units::InstrumentId;
use zerocopy::FromZeros;

const LAST: i64 = 10_000;

/// Price and quantity of a level.
type Level = (i64, u32);

fn packet(bids: &[Level], asks: &[Level]) -> Event {
    let mut body = Full::new_zeroed();
    body.last = Price(LAST);
    for (number, &(price, quantity)) in bids.iter().enumerate() {
        body.bid_delta[number] = i32::try_from(price - LAST).expect("near the last price");
        body.bid_qty[number] = quantity;
    }
    for (number, &(price, quantity)) in asks.iter().enumerate() {
        body.ask_delta[number] = i32::try_from(price - LAST).expect("near the last price");
        body.ask_qty[number] = quantity;
    }
    Event::new(InstrumentId(0), FLAG_EXO, &body)
}

fn depth(bids: &[Level], asks: &[Level], lot: i64) -> Depth {
    let event = packet(bids, asks);
    let mut depth = Depth::default();
    depth.update(&event, &Packet::of(&event).expect("a packet"));
    depth.clean(Qty(lot));
    depth
}

/// What is left of a side, level by level.
fn all(depth: &Depth, side: Side) -> Vec<(i64, i64)> {
    let levels = (0..LEVELS).map_while(|number| depth.level(side, number));
    levels.map(|(price, left)| (price.0, left.0)).collect()
}

#[test]
fn only_usable_levels_count_best_first() {
    /// Name, lot, bids and offers of the packet, bids and offers that can be taken.
    type Case<'a> = (&'a str, i64, &'a [Level], &'a [Level], &'a [(i64, i64)], &'a [(i64, i64)]);
    let cases: [Case<'_>; 10] = [
        ("as displayed", 1, &[(99, 5), (98, 6)], &[(101, 7)], &[(99, 5), (98, 6)], &[(101, 7)]),
        ("a hole in the middle", 1, &[], &[(101, 1), (102, 0), (103, 3)], &[], &[(101, 1), (103, 3)]),
        (
            "out of order",
            1,
            &[(97, 1), (99, 2)],
            &[(103, 3), (101, 4)],
            &[(99, 2), (97, 1)],
            &[(101, 4), (103, 3)],
        ),
        ("whole lots", 75, &[(99, 149), (98, 74)], &[(101, 150)], &[(99, 75)], &[(101, 150)]),
        ("crossed", 1, &[(100, 5), (98, 6)], &[(99, 7), (101, 8)], &[(98, 6)], &[(101, 8)]),
        ("locked", 1, &[(100, 5), (99, 6)], &[(100, 7), (101, 8)], &[(99, 6)], &[(101, 8)]),
        ("crossed by less than a lot", 10, &[(100, 9), (98, 10)], &[(99, 10)], &[(98, 10)], &[(99, 10)]),
        ("all crossed", 1, &[(105, 5)], &[(99, 7), (101, 8)], &[], &[]),
        ("no positive price", 1, &[(0, 5), (-3, 6)], &[(1, 7)], &[], &[(1, 7)]),
        ("empty", 1, &[(99, 0)], &[(101, 0)], &[], &[]),
    ];
    for (name, lot, bids, asks, bid, ask) in cases {
        let depth = depth(bids, asks, lot);
        assert_eq!(all(&depth, Side::Buy), bid, "{name}: bids");
        assert_eq!(all(&depth, Side::Sell), ask, "{name}: offers");
        assert_eq!(depth.is_shown(), !(bid.is_empty() && ask.is_empty()), "{name}");
        let dearest = bid.iter().chain(ask).map(|level| level.0).max().unwrap_or(0);
        assert_eq!(depth.dearest(), Price(dearest), "{name}");
    }
}

/// An exchange for one instrument.
fn exchange() -> Exchange {
    let listing = Listing { tick: Price(1), lot: Qty(1), freeze: Qty::ZERO };
    let limits = Limits { orders: 4, anonymous: 12, records_max: 8, ladder_ticks: 0 };
    Exchange::new(&[listing], limits, SelfTrade::CancelNewest)
}

const AT: InstrumentId = InstrumentId(0);

#[test]
fn what_was_lent_comes_back_but_for_what_was_taken() {
    let mut exchange = exchange();
    let (bids, offers) = ([(99, 7), (98, 8)], [(101, 10), (101, 5), (102, 10)]);
    let mut depth = depth(&bids, &offers, 1);
    depth.lend(&mut exchange, AT);
    assert_eq!(all(&depth, Side::Sell), [(101, 0), (101, 0), (102, 0)], "all of it is in the exchange");
    assert_eq!(exchange.volume(AT, Side::Sell, Price(101)), Qty(15));
    assert_eq!(exchange.take_volume(AT, Side::Sell, Price(101), Qty(11), End::Front), Qty(11));
    assert_eq!(exchange.take_volume(AT, Side::Buy, Price(98), Qty(9), End::Front), Qty(8));
    depth.take_back(&exchange, AT);
    exchange.clear_volume(AT);
    assert_eq!(
        all(&depth, Side::Sell),
        [(101, 4), (101, 0), (102, 10)],
        "the first of a price has all of it"
    );
    assert_eq!(all(&depth, Side::Buy), [(99, 7), (98, 0)], "a level that is taken is displayed still");
    depth.take_back(&exchange, AT);
    assert_eq!(all(&depth, Side::Buy), [(99, 7), (98, 0)], "once only");
    depth.lend(&mut exchange, AT);
    assert_eq!(exchange.volume(AT, Side::Buy, Price(98)), Qty::ZERO);
    let event = packet(&bids, &offers);
    depth.update(&event, &Packet::of(&event).expect("a packet"));
    depth.clean(Qty(1));
    depth.take_back(&exchange, AT);
    assert_eq!(all(&depth, Side::Buy), [(99, 7), (98, 8)], "a new packet is whole");
}

#[test]
fn what_the_exchange_does_not_take_is_left() {
    let mut exchange = exchange();
    exchange.add_volume(AT, Side::Buy, Price(101), Qty(3)).expect("an empty book");
    let mut depth = depth(&[(99, 7)], &[(101, 10), (102, 4)], 1);
    depth.lend(&mut exchange, AT);
    assert_eq!(all(&depth, Side::Sell), [(101, 10), (102, 0)], "it would cross what is there");
}

#[test]
fn nothing_is_known_beyond_five_levels() {
    let five = [(99, 5), (98, 5), (96, 5), (95, 5), (93, 5)];
    let full = depth(&five, &[(101, 1)], 1);
    for (side, price, left) in [
        (Side::Buy, 100, Some(0)),
        (Side::Buy, 99, Some(5)),
        (Side::Buy, 97, Some(0)),
        (Side::Buy, 93, Some(5)),
        (Side::Buy, 92, None),
        (Side::Sell, 101, Some(1)),
        (Side::Sell, 150, Some(0)),
    ] {
        assert_eq!(full.left_at(side, Price(price)), left.map(Qty), "{side} at {price}");
    }
    let in_lots = depth(&[(99, 75), (98, 75), (96, 75), (95, 75), (93, 1)], &[], 75);
    assert_eq!(
        in_lots.left_at(Side::Buy, Price(94)),
        Some(Qty::ZERO),
        "the fifth is too small to count, but seen"
    );
    assert_eq!(in_lots.left_at(Side::Buy, Price(92)), None);
    assert_eq!(Depth::default().left_at(Side::Buy, Price(99)), None);
}

#[test]
fn a_book_at_the_end_of_the_numbers_is_no_panic() {
    let mut body = Full::new_zeroed();
    (body.last, body.ask_qty, body.ask_delta) = (Price(i64::MAX), [u32::MAX; 5], [i32::MAX; 5]);
    (body.bid_qty, body.bid_delta) = ([u32::MAX; 5], [i32::MIN; 5]);
    let event = Event::new(InstrumentId(0), FLAG_EXO, &body);
    let mut depth = Depth::default();
    depth.update(&event, &Packet::of(&event).expect("a packet"));
    depth.clean(Qty(1));
    assert!(!depth.is_shown(), "no price that anybody trades at");
    let mut exchange = exchange();
    body.last = PRICE_MAX;
    let event = Event::new(InstrumentId(0), FLAG_EXO, &body);
    depth.update(&event, &Packet::of(&event).expect("a packet"));
    depth.clean(Qty(1));
    depth.lend(&mut exchange, AT);
    depth.take_back(&exchange, AT);
    assert_eq!(all(&depth, Side::Buy)[0].1, i64::from(u32::MAX));
}
