//! Flows that look for the worst a book can do: many levels, one huge level, cancel storms, price jumps.

use super::workload::Flow;
use super::{Op, Side, SplitMix};

/// The name of a flow, and what makes it with so many measured operations.
type Named = (&'static str, fn(usize) -> Flow);

/// All of them.
pub const ALL: &[Named] = &[
    ("10,000 levels", many_levels),
    ("one huge level", one_level),
    ("cancel storm", cancel_storm),
    ("price jumps to the band", price_jumps),
    ("sparse prices", sparse),
];

/// Middle of the market; the ladder's prices are 90,000 to 122,767.
const MID: u32 = 106_000;
/// Orders in a book that is full of them.
const MANY: usize = 20_000;

struct Maker {
    random: SplitMix,
    ops: Vec<Op>,
    live: Vec<u32>,
    next_id: u32,
}

impl Maker {
    fn new() -> Self {
        Self { random: SplitMix(7), ops: Vec::new(), live: Vec::new(), next_id: 1 }
    }

    fn id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// A limit order that is known not to trade.
    fn rest(&mut self, side: Side, price: u32, quantity: u32) {
        let id = self.id();
        self.ops.push(Op::Add { id, side, price, quantity });
        self.live.push(id);
    }

    fn cancel_any(&mut self) {
        let place = self.random.below(self.live.len() as u32) as usize;
        let id = self.live.swap_remove(place);
        self.ops.push(Op::Cancel { id });
    }

    fn market(&mut self, side: Side, quantity: u32) {
        let id = self.id();
        self.ops.push(Op::Market { id, side, quantity });
    }

    fn flow(self, preload: usize) -> Flow {
        let ids = self.next_id as usize;
        Flow { ops: self.ops, preload, orders: MANY + 1_000, ids }
    }
}

/// 5,000 prices a side with two orders each; orders and cancels at any of them, equally likely.
pub fn many_levels(measured: usize) -> Flow {
    let mut maker = Maker::new();
    for level in 0..5_000 {
        for _ in 0..2 {
            maker.rest(Side::Buy, MID - 1 - level, 10);
            maker.rest(Side::Sell, MID + 1 + level, 10);
        }
    }
    let preload = maker.ops.len();
    for _ in 0..measured / 2 {
        maker.cancel_any();
        let away = 1 + maker.random.below(5_000);
        match maker.random.side() {
            Side::Buy => maker.rest(Side::Buy, MID - away, 10),
            Side::Sell => maker.rest(Side::Sell, MID + away, 10),
        }
    }
    maker.flow(preload)
}

/// All orders at one price: cancels out of the middle, orders at its end, trades at its front.
pub fn one_level(measured: usize) -> Flow {
    let mut maker = Maker::new();
    for _ in 0..MANY {
        maker.rest(Side::Sell, MID, 1_000_000);
    }
    let preload = maker.ops.len();
    for _ in 0..measured / 3 {
        maker.cancel_any();
        maker.rest(Side::Sell, MID, 1_000_000);
        // So little of so much that no order is ever used up: what rests is known without a book.
        maker.market(Side::Buy, 1);
    }
    maker.flow(preload)
}

/// Orders come by the thousand and are all cancelled, in random order.
pub fn cancel_storm(measured: usize) -> Flow {
    let mut maker = Maker::new();
    while maker.ops.len() < measured {
        for _ in 0..5_000 {
            let away = 1 + maker.random.below(1_000);
            match maker.random.side() {
                Side::Buy => maker.rest(Side::Buy, MID - away, 10),
                Side::Sell => maker.rest(Side::Sell, MID + away, 10),
            }
        }
        for _ in 0..5_000 {
            maker.cancel_any();
        }
    }
    maker.flow(0)
}

/// The market jumps by a tenth, up and down in turn, and a sweep clears what the jump left behind.
pub fn price_jumps(measured: usize) -> Flow {
    let mut maker = Maker::new();
    let mut high = false;
    while maker.ops.len() < measured {
        high = !high;
        let mid = if high { MID + MID / 10 } else { MID - MID / 10 };
        for _ in 0..100 {
            let away = 1 + maker.random.below(50);
            match maker.random.side() {
                Side::Buy => maker.rest(Side::Buy, mid - away, 10),
                Side::Sell => maker.rest(Side::Sell, mid + away, 10),
            }
        }
        // Each order is for ten; the sweeps take both sides to their ends.
        maker.market(Side::Buy, 1_000);
        maker.market(Side::Sell, 1_000);
        maker.live.clear();
    }
    maker.flow(0)
}

/// One order at each of many prices that are far from each other, none near the touch.
pub fn sparse(measured: usize) -> Flow {
    let mut maker = Maker::new();
    for step in 1..=25 {
        maker.rest(Side::Buy, MID - 600 * step, 10);
        maker.rest(Side::Sell, MID + 600 * step, 10);
    }
    let preload = maker.ops.len();
    for _ in 0..measured / 2 {
        maker.cancel_any();
        let away = 600 * (1 + maker.random.below(25));
        match maker.random.side() {
            Side::Buy => maker.rest(Side::Buy, MID - away, 10),
            Side::Sell => maker.rest(Side::Sell, MID + away, 10),
        }
    }
    maker.flow(preload)
}
