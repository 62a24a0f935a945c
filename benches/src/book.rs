//! Order flows for price-time books, and the books that run them: ours, and two to hold it against.

pub mod adversarial;
pub mod exchange;
pub mod ladder;
pub mod naive;
pub mod workload;

pub use pitlane_engine::event::Side;

use std::hint::black_box;
use std::time::Instant;
use workload::Flow;

/// One operation of a flow. Prices and quantities are whole numbers that mean whatever the book wants them to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// A limit order; what does not trade at once rests.
    Add {
        /// Its id, not zero, dense.
        id: u32,
        /// Buy or sell.
        side: Side,
        /// Its limit, more than zero.
        price: u32,
        /// Its quantity, more than zero.
        quantity: u32,
    },
    /// Takes out an order that rests.
    Cancel {
        /// The order.
        id: u32,
    },
    /// An order at any price; what does not trade at once is gone.
    Market {
        /// Its id, of the same numbers as those of limit orders.
        id: u32,
        /// Buy or sell.
        side: Side,
        /// Its quantity, more than zero.
        quantity: u32,
    },
}

/// What a book did, to see that all did the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Trades.
    pub trades: u64,
    /// Traded quantity.
    pub quantity: u64,
}

/// A book that runs a flow.
pub trait Book {
    /// Its name in tables.
    const NAME: &'static str;

    /// An empty book for at most `orders` resting orders and `ids` ids.
    fn new(orders: usize, ids: usize) -> Self;

    /// Does what an operation says.
    fn apply(&mut self, op: Op);

    /// What it did so far.
    fn totals(&self) -> Totals;
}

/// A book of this kind with the flow's first operations in it.
pub fn filled<B: Book>(flow: &Flow) -> B {
    let mut book = B::new(flow.orders, flow.ids);
    flow.ops[..flow.preload].iter().for_each(|op| book.apply(*op));
    book
}

/// Millions of measured operations of a flow a second, and what the book did in all.
pub fn rate<B: Book>(flow: &Flow) -> (f64, Totals) {
    let mut book = filled::<B>(flow);
    let measured = &flow.ops[flow.preload..];
    let started = Instant::now();
    measured.iter().for_each(|op| book.apply(*op));
    let seconds = started.elapsed().as_secs_f64();
    (measured.len() as f64 / seconds / 1e6, black_box(&book).totals())
}

/// SplitMix64: the same numbers everywhere.
pub struct SplitMix(pub u64);

impl SplitMix {
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        (self.draw() % u64::from(bound)) as u32
    }

    /// A fair coin.
    pub fn side(&mut self) -> Side {
        if self.draw() & 1 == 0 { Side::Buy } else { Side::Sell }
    }
}
