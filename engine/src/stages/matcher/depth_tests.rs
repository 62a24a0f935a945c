//! The venue against displayed depth: the rules one by one. Places in queues are in `queue_tests`.

use super::tests::{BUY, SELL, Venue, fills, full, ioc, limit, market, only, order_event};
use super::*;
use crate::event::{
    FILL_DEPTH, FILL_MAKER, FILL_SLIPPAGE, FLAG_EXO, Full, Ltp, MARKET_VOLUME, OrderState, OrderType, Quote,
    ReportReason, Validity,
};
use crate::stage::stage_hash;
use zerocopy::FromZeros;

/// Price and quantity of a displayed level.
pub(super) type Level = (i64, u32);
/// Order, price and quantity of a fill.
type Filled = (u64, i64, i64);

/// A full packet with a book.
pub(super) fn book(instrument: u32, last: i64, volume: u32, bids: &[Level], asks: &[Level]) -> Event {
    let mut body = Full::new_zeroed();
    (body.last, body.volume, body.flags) = (Price(last), volume, MARKET_VOLUME);
    let delta = |price: i64| i32::try_from(price - last).expect("near the last price");
    for (number, &(price, quantity)) in bids.iter().enumerate() {
        (body.bid_delta[number], body.bid_qty[number]) = (delta(price), quantity);
    }
    for (number, &(price, quantity)) in asks.iter().enumerate() {
        (body.ask_delta[number], body.ask_qty[number]) = (delta(price), quantity);
    }
    Event::new(InstrumentId(instrument), FLAG_EXO, &body)
}

const BIDS: [Level; 3] = [(99_500, 10), (99_000, 20), (98_000, 30)];
const ASKS: [Level; 3] = [(100_500, 10), (101_000, 20), (102_000, 30)];

/// A venue with two ticks of slippage, a last price of 100,000 and the book above.
fn venue() -> Venue {
    let mut venue = Venue::new(2);
    venue.step(&[book(0, 100_000, 1_000, &BIDS, &ASKS)]);
    venue
}

#[test]
fn an_aggressive_order_takes_the_levels_within_its_limit() {
    use OrderState::{Cancelled, Filled as Full, Open, PartiallyFilled as Part};
    use ReportReason::{IocRest, MarketRest, None};
    /// Name, order, fills, state, reason.
    type Case<'a> = (&'a str, Event, &'a [Filled], OrderState, ReportReason);
    let cases: [Case<'_>; 12] = [
        ("part of the best level", limit(1, BUY, 100_500, 7), &[(1, 100_500, 7)], Full, None),
        ("no slippage", ioc(1, BUY, 105_000, 10), &[(1, 100_500, 10)], Full, None),
        ("two levels", ioc(1, BUY, 101_000, 15), &[(1, 100_500, 10), (1, 101_000, 5)], Full, None),
        (
            "an IOC's rest",
            ioc(1, BUY, 101_500, 99),
            &[(1, 100_500, 10), (1, 101_000, 20)],
            Cancelled,
            IocRest,
        ),
        ("a day order's rest", limit(1, BUY, 100_500, 25), &[(1, 100_500, 10)], Part, None),
        ("a market order's", market(1, BUY, 100_500, 11), &[(1, 100_500, 10)], Cancelled, MarketRest),
        ("a tick short: the last price is no offer", limit(1, BUY, 100_000, 5), &[], Open, None),
        ("an IOC a tick short", ioc(1, BUY, 100_000, 5), &[], Cancelled, IocRest),
        ("a sell takes the bids", limit(1, SELL, 99_500, 10), &[(1, 99_500, 10)], Full, None),
        ("downwards", ioc(1, SELL, 99_000, 11), &[(1, 99_500, 10), (1, 99_000, 1)], Full, None),
        (
            "all that is displayed",
            ioc(1, SELL, 90_000, 99),
            &[(1, 99_500, 10), (1, 99_000, 20), (1, 98_000, 30)],
            Cancelled,
            IocRest,
        ),
        ("a sell a tick short", ioc(1, SELL, 100_000, 1), &[], Cancelled, IocRest),
    ];
    for (name, order, expected, state, reason) in cases {
        let mut venue = venue();
        let step = venue.order(order);
        assert_eq!(fills(&step), expected, "{name}");
        let filled: i64 = expected.iter().map(|fill| fill.2).sum();
        assert_eq!(only(&step), (state, reason, filled), "{name}: one report, of all fills");
        let value: i64 = expected.iter().map(|fill| Price(fill.1).value(Qty(fill.2), 1).0).sum();
        assert_eq!(step.reports[0].filled_value.0, value, "{name}");
        for (number, fill) in (1..).zip(&step.fills) {
            assert_eq!((fill.flags, fill.number, fill.last), (FILL_DEPTH, number, Price(100_000)), "{name}");
        }
        assert_eq!(venue.matcher.open_orders(), usize::from(!state.is_final()), "{name}");
    }
}

#[test]
fn what_was_taken_comes_back_with_the_next_full_packet_only() {
    let mut venue = venue();
    assert_eq!(fills(&venue.order(ioc(1, BUY, 100_500, 8))), [(1, 100_500, 8)]);
    assert_eq!(fills(&venue.order(ioc(2, BUY, 101_000, 8))), [(2, 100_500, 2), (2, 101_000, 6)]);
    assert_eq!(fills(&venue.order(ioc(3, BUY, 105_000, 99))), [(3, 101_000, 14), (3, 102_000, 30)]);
    let step = venue.order(ioc(4, BUY, 105_000, 1));
    assert_eq!(only(&step), (OrderState::Cancelled, ReportReason::IocRest, 0), "no last price instead");
    assert_eq!(fills(&venue.order(ioc(5, SELL, 99_500, 5))), [(5, 99_500, 5)], "the bids are untouched");
    venue.step(&[book(0, 100_000, 1_000, &BIDS, &[(100_500, 3)])]);
    assert_eq!(fills(&venue.order(ioc(6, BUY, 105_000, 99))), [(6, 100_500, 3)], "the old levels are gone");
}

#[test]
fn without_depth_the_last_price_rules_hold() {
    let mut ltp = Ltp::new_zeroed();
    ltp.last = Price(100_000);
    let mut quote = Quote::new_zeroed();
    (quote.last, quote.flags, quote.volume) = (Price(100_000), MARKET_VOLUME, 1_000);
    let mut other_date = book(0, 100_000, 1_000, &BIDS, &ASKS);
    other_date.body_mut::<Full>().exchange_secs = 1_700_000_000;
    let packets = [
        ("a last price", Event::new(InstrumentId(0), FLAG_EXO, &ltp)),
        ("a quote", Event::new(InstrumentId(0), FLAG_EXO, &quote)),
        ("a full packet with an empty book", full(0, 100_000, 1_000)),
        ("levels without a quantity", book(0, 100_000, 1_000, &[(99_500, 0)], &[(100_500, 0)])),
        ("all of it crossed", book(0, 100_000, 1_000, &[(100_500, 1)], &[(100_000, 5), (100_500, 5)])),
        ("a book of another date", other_date),
    ];
    for (name, packet) in packets {
        let mut venue = venue();
        venue.step(&[packet]);
        let step = venue.order(ioc(1, BUY, 105_000, 1_000));
        assert_eq!(fills(&step), [(1, 101_000, 1_000)], "{name}");
        assert_eq!(step.fills[0].flags, FILL_SLIPPAGE, "{name}");
    }
    let mut one_sided = venue();
    one_sided.step(&[book(0, 100_000, 1_000, &BIDS, &[])]);
    let step = one_sided.order(ioc(1, BUY, 105_000, 1_000));
    assert_eq!(
        only(&step).1,
        ReportReason::IocRest,
        "where there is depth, what is not displayed is not there"
    );
    let mut venue = venue();
    venue.session_end();
    venue.session_start();
    let mut fresh = Venue::new(2);
    assert_eq!(
        stage_hash(&mut venue.matcher),
        stage_hash(&mut fresh.matcher),
        "nothing of yesterday is left"
    );
    let step = venue.order(ioc(1, BUY, 105_000, 1));
    assert_eq!(only(&step).1, ReportReason::NoPrice, "yesterday's book is no market");
}

#[test]
fn a_resting_order_fills_when_the_book_touches_it() {
    const TRADED: u8 = FILL_MAKER;
    const TOUCH: u8 = FILL_MAKER | FILL_DEPTH;
    /// Name, last price, bids, offers, filled of the buy at 99,000, of the sell at 101,000, and the flags.
    type Case<'a> = (&'a str, i64, &'a [Level], &'a [Level], i64, i64, u8);
    let cases: [Case<'_>; 9] = [
        ("an offer at the limit", 100_000, &[], &[(99_000, 30)], 30, 0, TOUCH),
        ("below it", 100_000, &[], &[(98_000, 30), (98_500, 5), (99_000, 5), (99_500, 9)], 40, 0, TOUCH),
        ("no more than is open", 100_000, &[], &[(98_000, 900)], 50, 0, TOUCH),
        ("an offer above it", 100_000, &[], &[(99_500, 30)], 0, 0, TOUCH),
        ("a bid at the sell's limit", 100_000, &[(101_000, 8)], &[], 0, 8, TOUCH),
        ("a bid below it", 100_000, &[(100_500, 8)], &[], 0, 0, TOUCH),
        ("traded at its price: nobody else was seen there", 99_000, &[], &[(99_500, 30)], 20, 0, TRADED),
        ("traded through", 98_500, &[], &[(99_500, 30)], 20, 0, TRADED),
        ("the sell", 101_500, &[(100_500, 8)], &[], 0, 20, TRADED),
    ];
    for (name, last, bids, asks, bought, sold, flags) in cases {
        let mut venue = Venue::new(0);
        venue.packet(0, 100_000, 1_000);
        venue.step(&[limit(1, BUY, 99_000, 50), limit(2, SELL, 101_000, 50)]);
        let step = venue.step(&[book(0, last, 1_020, bids, asks)]);
        let expected = [(1, 99_000, bought), (2, 101_000, sold)];
        let expected: Vec<Filled> = expected.into_iter().filter(|fill| fill.2 > 0).collect();
        let mut found = fills(&step);
        // One for each level that touches it.
        found.dedup_by(|next, fill| {
            fill.0 == next.0 && fill.1 == next.1 && {
                fill.2 += next.2;
                true
            }
        });
        assert_eq!(found, expected, "{name}: at the order's own price");
        assert!(step.fills.iter().all(|fill| fill.flags == flags), "{name}");
        assert_eq!(step.reports.len(), expected.len(), "{name}");
    }
}

#[test]
fn depth_goes_by_price_and_time_and_both_sides_may_fill_at_once() {
    let mut venue = Venue::new(0);
    venue.packet(0, 100_000, 1_000);
    venue.step(&[limit(1, BUY, 99_000, 10), limit(2, BUY, 99_500, 10), limit(3, BUY, 99_000, 10)]);
    venue.order(limit(4, SELL, 101_000, 10));
    // The last trade was above the sell, and the offers have come down to the buys since.
    let step = venue.step(&[book(0, 101_500, 1_050, &[], &[(99_000, 15)])]);
    assert_eq!(fills(&step), [(4, 101_000, 10), (2, 99_500, 10), (1, 99_000, 5)]);
    let flags: Vec<u8> = step.fills.iter().map(|fill| fill.flags).collect();
    assert_eq!(flags, [FILL_MAKER, FILL_MAKER | FILL_DEPTH, FILL_MAKER | FILL_DEPTH]);
    assert!(fills(&venue.order(limit(5, BUY, 99_000, 1))).is_empty(), "nothing is left of the offer");
    let step = venue.step(&[book(0, 101_000, 1_050, &[], &[(99_000, 100)])]);
    assert_eq!(fills(&step), [(1, 99_000, 5), (3, 99_000, 10), (5, 99_000, 1)]);
}

#[test]
fn a_book_that_touches_every_order_takes_more_than_one_call() {
    let mut venue = Venue::new(0);
    venue.packet(0, 100_000, 1_000);
    let buys = 150u64;
    let orders = (1..=250).map(|id| match id {
        1..=150 => limit(id, BUY, 99_000, 1),
        _ => limit(id, SELL, 101_000, 1),
    });
    venue.step(&orders.collect::<Vec<_>>());
    // The offer touches the buys, the last price is through the sells.
    let step = venue.step(&[book(0, 101_500, 3_000, &[], &[(99_000, u32::MAX)])]);
    let order = (buys + 1..=250).chain(1..=buys);
    assert!(step.fills.iter().map(|fill| fill.order.0).eq(order), "what was traded, then what is displayed");
    assert_eq!(step.reports.len(), 250);
}

#[test]
fn a_fill_is_in_whole_lots_and_its_value_can_be_counted() {
    let mut venue = Venue::new(0);
    venue.step(&[book(1, 100_000, 1_000, &[], &[(100_500, 149), (101_000, 74), (101_500, 150)])]);
    let order = order_event(1, 1, BUY, 105_000, 75 * 9, OrderType::Limit, Validity::Ioc);
    assert_eq!(fills(&venue.order(order)), [(1, 100_500, 75), (1, 101_500, 150)]);
    // A sell of a value that fits at the last price, but not at the best bid.
    venue.step(&[book(0, 100_000, 0, &[(2_000_000_000, u32::MAX)], &[])]);
    let step = venue.order(ioc(2, SELL, 100_000, 10_000_000_000));
    assert_eq!(only(&step), (OrderState::Rejected, ReportReason::Malformed, 0));
}

#[test]
fn the_state_hash_sees_the_book_and_what_was_taken() {
    let hash = |asks: &[Level], taken| {
        let mut venue = Venue::new(0);
        venue.step(&[book(0, 100_000, 0, &BIDS, asks)]);
        // Two orders, of which the second takes what the first left.
        let step = venue.order(ioc(1, BUY, 100_500, taken));
        step.reports.iter().for_each(|report| drop(venue.give_back(report)));
        stage_hash(&mut venue.matcher)
    };
    assert_eq!(hash(&ASKS, 5), hash(&ASKS, 5));
    assert_ne!(hash(&ASKS, 5), hash(&ASKS, 6), "what was taken");
    assert_ne!(hash(&ASKS, 5), hash(&ASKS[..2], 5), "a level");
    assert_ne!(hash(&ASKS[..1], 5), hash(&[(100_000, 10)], 5), "a price");
}
