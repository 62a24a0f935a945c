//! Hours: what is refused outside them, what fills in them, and what their end cancels.

use super::tests::{
    BUY, SELL, START, Step, Venue, cancel, fills, full, ioc, limit, modify, only, order_event, timer,
};
use super::*;
use crate::event::{FLAG_EXO, OrderState, OrderType, ReportReason, SessionEnd, Validity};
use crate::stage::stage_hash;
use crate::units::NS_PER_S;
use zerocopy::FromZeros;

/// The instant `seconds` after `START`, which is the session's open here.
fn at(seconds: u64) -> TsNs {
    START.plus(seconds * NS_PER_S)
}

fn hours(instrument: u32, open: u64, close: u64) -> Event {
    let body = Hours { open: at(open), close: at(close), reserved: [0; 16] };
    Event::new(InstrumentId(instrument), FLAG_EXO, &body)
}

/// Opens a session from 0 to 1,000 s.
fn start(venue: &mut Venue) {
    let start = SessionStart { open: at(0), close: at(1_000), ..SessionStart::new_zeroed() };
    venue.step(&[Event::new(InstrumentId::NONE, FLAG_EXO, &start)]);
}

/// A venue with such a session.
fn session() -> Venue {
    let mut venue = Venue::new(0);
    start(&mut venue);
    venue
}

/// A venue with such a session, but for instrument 1 from 100 to 500 s; both instruments have a price.
fn venue() -> Venue {
    let mut venue = session();
    venue.step(&[hours(1, 100, 500)]);
    venue.step(&[full(0, 100_000, 0), full(1, 100_000, 0)]);
    venue
}

/// Runs a step at a second.
fn step_at(venue: &mut Venue, seconds: u64, event: Event) -> Step {
    venue.ts = at(seconds);
    venue.gap_ns = 0;
    venue.step(&[event])
}

fn buy(id: u64, instrument: u32, price: i64, quantity: i64) -> Event {
    order_event(id, instrument, BUY, price, quantity, OrderType::Limit, Validity::Day)
}

#[test]
fn an_order_is_taken_from_the_open_until_before_the_close() {
    let cases = [
        ("before the instrument's open", 1, 99, Some(ReportReason::Closed)),
        ("at its open", 1, 100, None),
        ("just before its close", 1, 499, None),
        ("at its close", 1, 500, Some(ReportReason::Closed)),
        ("the session's hours are others'", 0, 99, None),
        ("which go on", 0, 999, None),
        ("until the session's close", 0, 1_000, Some(ReportReason::Closed)),
    ];
    for (name, instrument, seconds, refused) in cases {
        for price in [90_000, 100_000] {
            let mut venue = venue();
            let step = step_at(&mut venue, seconds, buy(1, instrument, price, 75));
            let filled = refused.is_none() && price == 100_000;
            let state = match refused {
                Some(_) => OrderState::Rejected,
                None if filled => OrderState::Filled,
                None => OrderState::Open,
            };
            let expected = (state, refused.unwrap_or(ReportReason::None), if filled { 75 } else { 0 });
            assert_eq!(only(&step), expected, "{name} at {price}");
        }
    }
}

#[test]
fn without_a_session_everything_is_closed() {
    let mut venue = Venue::new(0);
    venue.matcher = Matcher::new(&super::tests::config(0));
    venue.packet(0, 100_000, 0);
    assert_eq!(only(&venue.order(limit(1, BUY, 100_000, 1))).1, ReportReason::Closed);
}

#[test]
fn hours_of_an_instrument_last_one_session_and_unknown_ones_are_ignored() {
    let mut venue = venue();
    venue.step(&[hours(77, 0, 1)]);
    venue.session_end();
    start(&mut venue);
    venue.step(&[full(1, 100_000, 0)]);
    assert_eq!(only(&step_at(&mut venue, 700, buy(1, 1, 100_000, 75))).0, OrderState::Filled);
    venue.session_end();
    let step = step_at(&mut venue, 1_000, buy(2, 1, 100_000, 75));
    assert_eq!(only(&step).1, ReportReason::SessionEnd, "the session's end is the better reason");
}

#[test]
fn nothing_fills_after_the_close_and_the_next_timer_cancels_it() {
    let mut venue = venue();
    step_at(&mut venue, 200, buy(1, 1, 99_000, 75));
    step_at(&mut venue, 200, buy(2, 1, 98_000, 75));
    step_at(&mut venue, 200, limit(3, BUY, 99_000, 5));
    assert!(step_at(&mut venue, 499, timer()).reports.is_empty(), "open still");
    assert_eq!(fills(&step_at(&mut venue, 499, full(1, 98_500, 750))), [(1, 99_000, 75)], "the last one");
    assert!(step_at(&mut venue, 500, full(1, 90_000, 90_000)).fills.is_empty(), "traded through, but closed");
    let step = step_at(&mut venue, 500, timer());
    assert_eq!(only(&step), (OrderState::Cancelled, ReportReason::SessionEnd, 0));
    assert_eq!(
        (step.reports[0].order.0, venue.matcher.open_orders()),
        (2, 1),
        "the other instrument is open"
    );
    assert!(step_at(&mut venue, 501, timer()).reports.is_empty());
    assert_eq!(fills(&step_at(&mut venue, 502, full(0, 98_500, 10))), [(3, 99_000, 1)], "and fills");
    let step = step_at(&mut venue, 1_003, timer());
    assert_eq!(only(&step), (OrderState::Cancelled, ReportReason::SessionEnd, 1), "a timer may come late");
    assert_eq!(venue.matcher.open_orders(), 0);
}

#[test]
fn after_the_close_a_cancel_is_taken_and_a_modify_is_not() {
    let mut venue = venue();
    step_at(&mut venue, 200, buy(1, 1, 99_000, 150));
    let step = step_at(&mut venue, 500, modify(1, 100_000, 75));
    assert_eq!(only(&step), (OrderState::Open, ReportReason::Closed, 0));
    assert_eq!(step.reports[0].quantity, Qty(150), "it is as it was");
    let step = step_at(&mut venue, 500, cancel(1));
    assert_eq!(only(&step), (OrderState::Cancelled, ReportReason::Requested, 0));
}

#[test]
fn a_full_venue_is_cancelled_by_one_timer() {
    let mut venue = venue();
    let orders: Vec<Event> = (1..=OPEN_ORDERS_MAX as u64).map(|id| buy(id, 1, 99_000, 75)).collect();
    (venue.ts, venue.gap_ns) = (at(300), 0);
    venue.step(&orders);
    let step = step_at(&mut venue, 500, timer());
    assert!(step.reports.iter().map(|report| report.order.0).eq(1..=OPEN_ORDERS_MAX as u64));
    assert_eq!(venue.matcher.open_orders(), 0);
    venue.step(&[Event::new(InstrumentId::NONE, FLAG_EXO, &SessionEnd::new_zeroed())]);
}

#[test]
fn every_resting_order_is_found_whenever_its_instrument_closes() {
    // The earlier close is noted though the order there came second, or was gone when the other one came.
    for (name, first, second) in [("late close first", 0, 1), ("early close first", 1, 0)] {
        let mut venue = venue();
        let order =
            |id, instrument| order_event(id, instrument, SELL, 105_000, 75, OrderType::Limit, Validity::Day);
        step_at(&mut venue, 200, order(1, first));
        step_at(&mut venue, 300, order(2, second));
        let early = if first == 1 { 1 } else { 2 };
        let step = step_at(&mut venue, 600, timer());
        assert_eq!((step.reports.len(), step.reports[0].order.0), (1, early), "{name}");
        let step = step_at(&mut venue, 1_000, timer());
        assert_eq!((step.reports.len(), step.reports[0].order.0), (1, 3 - early), "{name}");
    }
}

#[test]
fn hours_of_the_session_alone_end_too() {
    let mut venue = session();
    venue.packet(0, 100_000, 0);
    step_at(&mut venue, 200, limit(1, BUY, 99_000, 1));
    assert!(step_at(&mut venue, 999, timer()).reports.is_empty());
    assert_eq!(only(&step_at(&mut venue, 1_000, timer())).1, ReportReason::SessionEnd);
}

#[test]
fn the_state_hash_sees_that_an_order_rested() {
    let hash = |rests| {
        let mut venue = session();
        venue.packet(0, 100_000, 0);
        let order = if rests { limit(1, BUY, 99_000, 1) } else { ioc(1, BUY, 99_000, 1) };
        let reports = venue.step(&[order, cancel(1)]).reports;
        reports.iter().for_each(|report| drop(venue.give_back(report)));
        stage_hash(&mut venue.matcher)
    };
    assert_ne!(hash(true), hash(false), "the next timer may have something to do");
}

#[test]
fn the_state_hash_sees_the_hours() {
    let hash = |instrument, open, close| {
        let mut venue = venue();
        venue.step(&[hours(instrument, open, close)]);
        stage_hash(&mut venue.matcher)
    };
    assert_eq!(hash(1, 100, 500), hash(1, 100, 500));
    assert_ne!(hash(1, 100, 500), hash(1, 101, 500));
    assert_ne!(hash(1, 100, 500), hash(1, 100, 501));
    assert_ne!(hash(1, 100, 500), hash(2, 100, 500));
}
