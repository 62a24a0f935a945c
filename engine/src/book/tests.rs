//! The rules of priority, one table line each.

use super::*;

const BUY: Side = Side::Buy;
const SELL: Side = Side::Sell;

fn order(id: u64, side: Side, limit: i64, quantity: i64, style: Style) -> Incoming {
    Incoming { id: OrderId(id), side, limit: Price(limit), quantity: Qty(quantity), style }
}

fn book_of(orders: &[(u64, Side, i64, i64)]) -> Book {
    let mut book = Book::with_capacity(16);
    for &(id, side, limit, quantity) in orders {
        let outcome =
            book.submit(order(id, side, limit, quantity, Style::Limit), &mut |_| panic!("no trade yet"));
        assert_eq!(outcome, Ok(Outcome::Rested(Qty(quantity))));
    }
    book
}

fn queue_of(book: &Book, side: Side) -> Vec<(u64, i64, i64)> {
    book.queue(side).map(|order| (order.id.0, order.price.0, order.open.0)).collect()
}

struct Case {
    name: &'static str,
    resting: &'static [(u64, Side, i64, i64)],
    incoming: (Side, i64, i64, Style),
    /// Maker, price, quantity.
    trades: &'static [(u64, i64, i64)],
    outcome: Outcome,
    /// Id, price, open quantity: first the side traded with, then the order's own.
    left: &'static [(u64, i64, i64)],
}

const CASES: &[Case] = &[
    Case {
        name: "the best price trades first, whatever the order of arrival",
        resting: &[(1, SELL, 102, 5), (2, SELL, 100, 5), (3, SELL, 101, 5)],
        incoming: (BUY, 101, 10, Style::Limit),
        trades: &[(2, 100, 5), (3, 101, 5)],
        outcome: Outcome::Filled,
        left: &[(1, 102, 5)],
    },
    Case {
        name: "at one price the oldest trades first",
        resting: &[(3, BUY, 100, 5), (1, BUY, 100, 5), (2, BUY, 100, 5)],
        incoming: (SELL, 100, 7, Style::Limit),
        trades: &[(3, 100, 5), (1, 100, 2)],
        outcome: Outcome::Filled,
        left: &[(1, 100, 3), (2, 100, 5)],
    },
    Case {
        name: "the rest of a limit order rests at its limit",
        resting: &[(1, SELL, 100, 5)],
        incoming: (BUY, 101, 8, Style::Limit),
        trades: &[(1, 100, 5)],
        outcome: Outcome::Rested(Qty(3)),
        left: &[(9, 101, 3)],
    },
    Case {
        name: "the rest of an immediate-or-cancel order is cancelled",
        resting: &[(1, SELL, 100, 5), (2, SELL, 102, 5)],
        incoming: (BUY, 101, 8, Style::Ioc),
        trades: &[(1, 100, 5)],
        outcome: Outcome::Cancelled(Qty(3)),
        left: &[(2, 102, 5)],
    },
    Case {
        name: "a market order takes every price and its rest is cancelled",
        resting: &[(1, BUY, 100, 5), (2, BUY, 90, 5)],
        incoming: (SELL, 1_000, 12, Style::Market),
        trades: &[(1, 100, 5), (2, 90, 5)],
        outcome: Outcome::Cancelled(Qty(2)),
        left: &[],
    },
    Case {
        name: "a market order on an empty book is cancelled",
        resting: &[],
        incoming: (BUY, 100, 5, Style::Market),
        trades: &[],
        outcome: Outcome::Cancelled(Qty(5)),
        left: &[],
    },
    Case {
        name: "a limit away from the market does not trade",
        resting: &[(1, SELL, 101, 5)],
        incoming: (BUY, 100, 5, Style::Limit),
        trades: &[],
        outcome: Outcome::Rested(Qty(5)),
        left: &[(1, 101, 5), (9, 100, 5)],
    },
];

#[test]
fn orders_trade_by_price_then_time() {
    for case in CASES {
        let mut book = book_of(case.resting);
        let (side, limit, quantity, style) = case.incoming;
        let mut trades = Vec::new();
        let outcome = book.submit(order(9, side, limit, quantity, style), &mut |trade| {
            assert_eq!(trade.taker, OrderId(9));
            trades.push((trade.maker.0, trade.price.0, trade.quantity.0));
        });
        assert_eq!(trades, case.trades, "{}", case.name);
        assert_eq!(outcome, Ok(case.outcome), "{}", case.name);
        let mut left = queue_of(&book, side.opposite());
        left.extend(queue_of(&book, side));
        assert_eq!(left, case.left, "{}", case.name);
        book.validate();
    }
}

#[test]
fn a_cancel_takes_an_order_from_any_place_of_its_queue() {
    for (cancelled, left) in [(1, [2, 3]), (2, [1, 3]), (3, [1, 2])] {
        let mut book = book_of(&[(1, BUY, 100, 5), (2, BUY, 100, 5), (3, BUY, 100, 5)]);
        assert_eq!(book.cancel(OrderId(cancelled)).map(|order| order.open), Some(Qty(5)));
        assert_eq!(book.cancel(OrderId(cancelled)), None, "cancelled twice");
        assert_eq!(book.queue(BUY).map(|order| order.id.0).collect::<Vec<_>>(), left);
        let level = LevelView { price: Price(100), quantity: Qty(10), orders: 2 };
        assert_eq!(book.best(BUY), Some(level));
        book.validate();
    }
}

#[test]
fn a_reduced_order_keeps_its_place_and_leaves_at_zero() {
    let mut book = book_of(&[(1, BUY, 100, 5), (2, BUY, 100, 5)]);
    assert_eq!(book.reduce(OrderId(1), Qty(4)), Some(Qty(1)));
    assert_eq!(queue_of(&book, BUY), [(1, 100, 1), (2, 100, 5)]);
    assert_eq!(book.reduce(OrderId(1), Qty(1)), Some(Qty(0)));
    assert_eq!(queue_of(&book, BUY), [(2, 100, 5)]);
    assert_eq!(book.reduce(OrderId(1), Qty(1)), None);
    book.validate();
}

#[test]
fn what_cannot_enter_is_refused_and_changes_nothing() {
    let mut book = Book::with_capacity(2);
    let mut submit = |id, style| book.submit(order(id, BUY, 100, 5, style), &mut |_| panic!("no trade"));
    assert_eq!(submit(1, Style::Limit), Ok(Outcome::Rested(Qty(5))));
    assert_eq!(submit(1, Style::Limit), Err(Refusal::Duplicate));
    assert_eq!(submit(2, Style::Limit), Ok(Outcome::Rested(Qty(5))));
    assert_eq!(submit(3, Style::Limit), Err(Refusal::Full));
    assert_eq!(
        submit(3, Style::Ioc),
        Ok(Outcome::Cancelled(Qty(5))),
        "an order that cannot rest needs no room"
    );
    assert_eq!(queue_of(&book, BUY), [(1, 100, 5), (2, 100, 5)]);
    book.validate();
}

#[test]
fn a_bounded_sweep_continues_where_it_stopped() {
    let mut book = book_of(&[(1, SELL, 100, 1), (2, SELL, 100, 1), (3, SELL, 101, 1), (4, SELL, 101, 1)]);
    let mut sweep = book.begin(order(9, BUY, 101, 5, Style::Limit)).expect("there is room");
    let mut makers = Vec::new();
    let mut calls = 1;
    let outcome = loop {
        match book.sweep(&mut sweep, 3, &mut |trade| makers.push(trade.maker.0)) {
            Some(outcome) => break outcome,
            None => calls += 1,
        }
    };
    assert_eq!((outcome, calls), (Outcome::Rested(Qty(1)), 2));
    assert_eq!(makers, [1, 2, 3, 4]);
    book.validate();
}

#[test]
fn books_share_a_pool_and_nothing_else() {
    let (a, b) = (InstrumentId(0), InstrumentId(4_095));
    let mut books = Books::with_capacity(4_096, 2);
    let none = &mut |_| panic!("orders of two instruments traded");
    assert_eq!(books.submit(a, order(1, BUY, 100, 5, Style::Limit), none), Ok(Outcome::Rested(Qty(5))));
    assert_eq!(books.submit(b, order(2, SELL, 90, 5, Style::Limit), none), Ok(Outcome::Rested(Qty(5))));
    assert_eq!(books.submit(a, order(3, BUY, 100, 5, Style::Limit), none), Err(Refusal::Full));
    assert_eq!(books.best(a, SELL), None);
    assert_eq!(books.front(b, SELL).map(|order| order.id), Some(OrderId(2)));
    books.validate();
    assert!(books.cancel(OrderId(1)).is_some() && books.cancel(OrderId(2)).is_some() && books.is_empty());
    books.validate();
}
