//! Modify: what new terms a resting order may have, what it trades for them, and its place in the queue.

use super::depth_tests::book;
use super::tests::{BUY, SELL, Venue, fills, limit, modify, only, order_event};
use super::*;
use crate::event::{FILL_DEPTH, FILL_SLIPPAGE, OrderState, OrderType, ReportReason, Validity};
use crate::limits::REPORTS_PER_ORDER_MAX;

/// A venue with two ticks of slippage, a last price of 100,000 and 10 + 20 displayed a side around it.
fn venue_with_depth() -> Venue {
    let mut venue = Venue::new(2);
    let (bids, asks) = ([(99_500, 10), (99_000, 20)], [(100_500, 10), (101_000, 20)]);
    venue.step(&[book(0, 100_000, 1_000, &bids, &asks)]);
    venue
}

/// The orders of a side of instrument 0, the first to trade first: id, price, open.
fn queue(venue: &Venue, side: Side) -> Vec<(u64, i64, i64)> {
    venue.queue(0, side)
}

#[test]
fn only_less_at_the_same_price_keeps_the_place() {
    /// Name, new price and quantity of order 1, queue after it.
    type Case<'a> = (&'a str, i64, i64, &'a [(u64, i64, i64)]);
    let cases: [Case<'_>; 7] = [
        ("the same terms", 98_000, 50, &[(1, 98_000, 50), (2, 98_000, 10), (3, 97_500, 10)]),
        ("less", 98_000, 1, &[(1, 98_000, 1), (2, 98_000, 10), (3, 97_500, 10)]),
        ("more", 98_000, 51, &[(2, 98_000, 10), (1, 98_000, 51), (3, 97_500, 10)]),
        ("a worse price", 97_500, 50, &[(2, 98_000, 10), (3, 97_500, 10), (1, 97_500, 50)]),
        ("a worse price and less", 97_500, 5, &[(2, 98_000, 10), (3, 97_500, 10), (1, 97_500, 5)]),
        ("a better price", 98_500, 50, &[(1, 98_500, 50), (2, 98_000, 10), (3, 97_500, 10)]),
        ("the worst price", 500, 50, &[(2, 98_000, 10), (3, 97_500, 10), (1, 500, 50)]),
    ];
    for (name, price, quantity, expected) in cases {
        let mut venue = venue_with_depth();
        venue.step(&[limit(1, BUY, 98_000, 50), limit(2, BUY, 98_000, 10), limit(3, BUY, 97_500, 10)]);
        let step = venue.step(&[modify(1, price, quantity)]);
        assert_eq!(queue(&venue, BUY), expected, "{name}");
        assert_eq!(only(&step), (OrderState::Open, ReportReason::Modified, 0), "{name}");
        assert_eq!((step.reports[0].quantity.0, step.reports[0].number), (quantity, 2), "{name}");
        assert!(step.fills.is_empty(), "{name}");
        venue.matcher.exchange.validate();
    }
}

#[test]
fn a_price_that_crosses_the_displayed_book_trades_at_once() {
    use OrderState::{Filled, Open, PartiallyFilled as Part};
    use ReportReason::{Modified, None};
    /// Name, side, new price and quantity, fills, state, reason.
    type Case<'a> = (&'a str, Side, i64, i64, &'a [(u64, i64, i64)], OrderState, ReportReason);
    let cases: [Case<'_>; 6] = [
        ("a tick short", BUY, 100_000, 50, &[], Open, Modified),
        ("the best level", BUY, 100_500, 50, &[(1, 100_500, 10)], Part, Modified),
        ("both levels", BUY, 102_000, 50, &[(1, 100_500, 10), (1, 101_000, 20)], Part, Modified),
        ("all of it", BUY, 102_000, 12, &[(1, 100_500, 10), (1, 101_000, 2)], Filled, None),
        ("a sell", SELL, 99_000, 15, &[(1, 99_500, 10), (1, 99_000, 5)], Filled, None),
        ("a sell a tick short", SELL, 100_000, 15, &[], Open, Modified),
    ];
    for (name, side, price, quantity, expected, state, reason) in cases {
        let mut venue = venue_with_depth();
        venue.order(limit(1, side, 100_000 - side.sign() * 2_000, 50));
        let step = venue.step(&[modify(1, price, quantity)]);
        assert_eq!(fills(&step), expected, "{name}");
        let filled: i64 = expected.iter().map(|fill| fill.2).sum();
        assert_eq!(only(&step), (state, reason, filled), "{name}");
        assert_eq!(step.reports[0].quantity.0, quantity, "{name}");
        assert!(step.fills.iter().all(|fill| fill.flags == FILL_DEPTH), "{name}");
        let rests = if filled < quantity { vec![(1, price, quantity - filled)] } else { Vec::new() };
        assert_eq!(queue(&venue, side), rests, "{name}");
        assert_eq!(
            fills(&venue.order(limit(2, side, price, 1))).len(),
            usize::from(state == Filled),
            "{name}"
        );
    }
}

#[test]
fn without_depth_the_last_price_and_slippage_decide() {
    for (name, price, quantity, filled) in [
        ("within the slippage", 100_500, 30, None),
        ("at it", 101_000, 30, Some((1, 101_000, 20))),
        ("beyond it", 105_000, 60, Some((1, 101_000, 50))),
    ] {
        let mut venue = Venue::new(2);
        venue.packet(0, 100_000, 0);
        venue.order(limit(1, BUY, 99_000, 50));
        assert_eq!(fills(&venue.packet(0, 98_500, 100)), [(1, 99_000, 10)], "{name}");
        venue.packet(0, 100_000, 100);
        let step = venue.step(&[modify(1, price, quantity)]);
        assert_eq!(fills(&step), filled.into_iter().collect::<Vec<_>>(), "{name}: the rest only");
        let state = if filled.is_some() { OrderState::Filled } else { OrderState::PartiallyFilled };
        assert_eq!(only(&step).0, state, "{name}");
        if let Some(fill) = step.fills.first() {
            assert_eq!((fill.flags, fill.number), (FILL_SLIPPAGE, 2), "{name}");
            let value = 99_000 * 10 + fill.price.0 * fill.quantity.0;
            assert_eq!(
                (step.reports[0].filled_value.0, step.reports[0].quantity.0),
                (value, quantity),
                "{name}"
            );
        }
    }
}

#[test]
fn more_at_the_same_price_trades_no_sooner() {
    let mut venue = Venue::new(0);
    venue.packet(0, 100_000, 0);
    venue.order(limit(1, BUY, 99_000, 50));
    assert_eq!(fills(&venue.packet(0, 98_500, 100)), [(1, 99_000, 10)], "its share of the volume");
    let step = venue.step(&[modify(1, 99_000, 60)]);
    assert_eq!(only(&step), (OrderState::PartiallyFilled, ReportReason::Modified, 10), "as it was");
    assert!(step.fills.is_empty());
    assert_eq!(queue(&venue, BUY), [(1, 99_000, 50)]);
}

#[test]
fn terms_that_no_order_may_have_leave_it_as_it_is() {
    let cases = [
        ("a price off the tick", 99_001, 50, ReportReason::Malformed),
        ("no price", 0, 50, ReportReason::Malformed),
        ("a negative price", -500, 50, ReportReason::Malformed),
        ("no quantity", 99_000, 0, ReportReason::Malformed),
        ("a negative quantity", 99_000, -1, ReportReason::Malformed),
        ("less than is filled", 99_000, 9, ReportReason::Malformed),
        ("no more than is filled", 99_000, 10, ReportReason::Malformed),
        ("a quantity that no exchange has", 99_000, i64::MAX, ReportReason::Malformed),
        ("a value that money cannot hold", 4_000_000_000_000_000_000, 50, ReportReason::Malformed),
        ("the same with what is filled", i64::MAX / 500 * 500, 11, ReportReason::Malformed),
    ];
    for (name, price, quantity, reason) in cases {
        let mut venue = Venue::new(0);
        venue.packet(0, 100_000, 0);
        venue.step(&[limit(1, BUY, 99_000, 50), limit(2, BUY, 99_000, 5), limit(8, SELL, 101_000, 5)]);
        venue.packet(0, 98_500, 100);
        let before = queue(&venue, BUY);
        let step = venue.step(&[modify(1, price, quantity)]);
        assert_eq!(only(&step), (OrderState::PartiallyFilled, reason, 10), "{name}");
        assert_eq!((step.reports[0].quantity, step.reports[0].number), (Qty(50), 3), "{name}");
        assert_eq!((queue(&venue, BUY), before[0]), (before.clone(), (1, 99_000, 40)), "{name}");
        let step = venue.packet(0, 98_500, 200);
        assert_eq!(only(&step), (OrderState::PartiallyFilled, ReportReason::None, 20), "{name}: over with");
    }
    let mut venue = Venue::new(0);
    venue.packet(1, 100_000, 0);
    venue.order(order_event(1, 1, BUY, 99_000, 150, OrderType::Limit, Validity::Day));
    let step = venue.step(&[modify(1, 99_000, 100)]);
    assert_eq!(only(&step), (OrderState::Open, ReportReason::Malformed, 0), "part of a lot");
    assert_eq!(only(&venue.step(&[modify(1, 99_000, 75)])).1, ReportReason::Modified);
}

#[test]
fn a_modify_that_comes_too_late_is_ignored() {
    let mut venue = Venue::new(0);
    venue.packet(0, 100_000, 0);
    assert!(venue.step(&[modify(77, 100_000, 5)]).reports.is_empty(), "unknown");
    venue.order(limit(1, BUY, 100_000, 5));
    assert!(venue.step(&[modify(1, 100_000, 9)]).reports.is_empty(), "filled");
    venue.order(limit(2, BUY, 99_000, 5));
    venue.step(&[super::tests::cancel(2)]);
    assert!(venue.step(&[modify(2, 100_000, 9)]).reports.is_empty(), "cancelled");
    venue.order(limit(3, SELL, 100_500, 5));
    venue.session_end();
    assert!(venue.step(&[modify(3, 100_000, 9)]).reports.is_empty(), "the session is over");
    assert_eq!(venue.matcher.open_orders(), 0);
}

#[test]
fn changes_merge_into_one_report_that_keeps_the_reason() {
    let mut venue = Venue::new(0);
    venue.packet(0, 100_000, 0);
    let step = venue.step(&[limit(1, BUY, 99_000, 100), modify(1, 98_000, 90), modify(1, 98_500, 80)]);
    assert_eq!(only(&step), (OrderState::Open, ReportReason::Modified, 0), "one report a step");
    assert_eq!((step.reports[0].number, step.reports[0].quantity), (1, Qty(80)));
    let mut under_way = step.reports;
    for quantity in [70, 60, 50] {
        under_way.extend(venue.step(&[modify(1, 98_500, quantity)]).reports);
    }
    assert_eq!(under_way.len(), REPORTS_PER_ORDER_MAX);
    assert!(venue.step(&[modify(1, 98_500, 40)]).reports.is_empty(), "as many under way as may be");
    assert!(venue.packet(0, 98_000, 100).reports.is_empty());
    let step = venue.give_back(&under_way[0]);
    assert_eq!(
        only(&step),
        (OrderState::PartiallyFilled, ReportReason::Modified, 10),
        "and a fill behind it"
    );
    assert_eq!((step.reports[0].number, step.reports[0].quantity), (5, Qty(40)));
    // The next reports have nothing to do with it.
    assert!(venue.packet(0, 98_000, 200).reports.is_empty());
    let step = venue.give_back(&under_way[1]);
    assert_eq!(only(&step), (OrderState::PartiallyFilled, ReportReason::None, 20));
    assert!(venue.step(&[modify(1, 98_500, 30)]).reports.is_empty());
    assert_eq!(fills(&venue.packet(0, 98_000, 900)), [(1, 98_500, 10)]);
    let step = venue.give_back(&under_way[2]);
    assert_eq!(only(&step), (OrderState::Filled, ReportReason::None, 30), "filled is filled");
    assert_eq!(step.reports[0].quantity, Qty(30));
}
