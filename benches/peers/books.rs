//! The mixed flow through the exchange, the naive book, the bare ladder, and books that others publish.

use crate::ROUNDS;
use pitlane_benches::book::exchange::Full;
use pitlane_benches::book::ladder::Ladder;
use pitlane_benches::book::naive::Naive;
use pitlane_benches::book::workload::{Flow, PRELOAD, mixed};
use pitlane_benches::book::{Book, Op, Side, Totals, rate};
use pitlane_benches::table::{Goal, row};

/// Measured operations of the flow.
const MEASURED: usize = 1_000_000;

/// The `lobster` crate.
struct Lobster {
    book: lobster::OrderBook,
    totals: Totals,
}

impl Book for Lobster {
    const NAME: &'static str = "lobster 0.7.0";

    fn new(orders: usize, _ids: usize) -> Self {
        Self { book: lobster::OrderBook::new(orders, 10, false), totals: Totals::default() }
    }

    fn apply(&mut self, op: Op) {
        use lobster::{OrderEvent, OrderType};
        let side_of = |side| if side == Side::Buy { lobster::Side::Bid } else { lobster::Side::Ask };
        let order = match op {
            Op::Add { id, side, price, quantity } => OrderType::Limit {
                id: u128::from(id),
                side: side_of(side),
                qty: u64::from(quantity),
                price: u64::from(price),
            },
            Op::Cancel { id } => OrderType::Cancel { id: u128::from(id) },
            Op::Market { id, side, quantity } => {
                OrderType::Market { id: u128::from(id), side: side_of(side), qty: u64::from(quantity) }
            }
        };
        if let OrderEvent::PartiallyFilled { filled_qty, fills, .. }
        | OrderEvent::Filled { filled_qty, fills, .. } = self.book.execute(order)
        {
            self.totals.trades += fills.len() as u64;
            self.totals.quantity += filled_qty;
        }
    }

    fn totals(&self) -> Totals {
        self.totals
    }
}

/// The `rust-order-book` crate. It numbers orders itself, and says how much an order traded but not in how many trades.
struct RustOrderBook {
    book: rust_order_book::OrderBook,
    /// Its ids by ours.
    ids: Vec<u64>,
    quantity: u64,
}

impl RustOrderBook {
    fn side(side: Side) -> rust_order_book::Side {
        if side == Side::Buy { rust_order_book::Side::Buy } else { rust_order_book::Side::Sell }
    }
}

impl Book for RustOrderBook {
    const NAME: &'static str = "rust-order-book 0.0.2";

    fn new(_orders: usize, ids: usize) -> Self {
        let book = rust_order_book::OrderBookBuilder::new("FLOW").build();
        Self { book, ids: vec![0; ids], quantity: 0 }
    }

    fn apply(&mut self, op: Op) {
        let (id, report) = match op {
            Op::Add { id, side, price, quantity } => {
                let (side, quantity, price) = (Self::side(side), u64::from(quantity), u64::from(price));
                (id, self.book.limit_raw(side, quantity, price, None, None))
            }
            Op::Market { id, side, quantity } => {
                (id, self.book.market_raw(Self::side(side), u64::from(quantity)))
            }
            Op::Cancel { id } => {
                let cancelled = self.book.cancel_raw(self.ids[id as usize]);
                assert!(cancelled.is_ok(), "a flow cancels what rests");
                return;
            }
        };
        // It refuses a market order that nobody trades with.
        if let Ok(report) = report {
            self.ids[id as usize] = report.order_id.0;
            self.quantity += report.executed_qty.0;
        }
    }

    fn totals(&self) -> Totals {
        Totals { trades: 0, quantity: self.quantity }
    }
}

/// A book's name and its measurement.
type Peer = (&'static str, fn(&Flow) -> (f64, Totals));

const PEERS: [Peer; 5] = [
    (Full::NAME, rate::<Full>),
    (Naive::NAME, rate::<Naive>),
    (Ladder::NAME, rate::<Ladder>),
    (Lobster::NAME, rate::<Lobster>),
    (RustOrderBook::NAME, rate::<RustOrderBook>),
];

/// Prints the rates of all.
pub(crate) fn books() {
    let flow = mixed(MEASURED);
    println!("books: {PRELOAD} orders, then {MEASURED} operations round a walking price");
    let mut rates = vec![Vec::new(); PEERS.len()];
    let mut expected = None;
    for _ in 0..ROUNDS {
        for ((name, measure), rates) in PEERS.iter().zip(&mut rates) {
            let (rate, totals) = measure(&flow);
            let expected = *expected.get_or_insert(totals);
            let same_trades = totals.trades == expected.trades || *name == RustOrderBook::NAME;
            if totals.quantity != expected.quantity || !same_trades {
                println!("{name} did something else than the exchange: {totals:?}, not {expected:?}");
            }
            rates.push(rate);
        }
    }
    for ((name, _), rates) in PEERS.iter().zip(&rates) {
        row(&format!("matching: {name}"), rates, "M ops/s", Goal::None);
    }
    for ((name, _), theirs) in PEERS.iter().zip(&rates).skip(1) {
        let ratios: Vec<f64> = rates[0].iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        let goal = match *name {
            Naive::NAME => Goal::AtLeast(3.0),
            Ladder::NAME => Goal::AtLeast(0.6),
            _ => Goal::None,
        };
        row(&format!("matching: the exchange by {name}"), &ratios, "x", goal);
    }
}
