//! The floor: a book with limit and market orders and nothing else, over a dense ladder of prices. No price outside its
//! ladder, no account, no check; what it costs is about what price-time matching itself costs.

use super::{Book, Op, Side, Totals};

/// Prices of the ladder: `BASE .. BASE + SPAN`.
const BASE: u32 = 90_000;
const SPAN: usize = 1 << 15;
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Order {
    id: u32,
    quantity: u32,
    level: u32,
    older: u32,
    newer: u32,
    side: Side,
}

#[derive(Clone, Copy)]
struct Level {
    oldest: u32,
    newest: u32,
}

/// Which prices have orders: a bit for each, and a bit for each word of bits.
struct Bits {
    words: Box<[u64; SPAN / 64]>,
    summary: [u64; SPAN / 4096],
}

impl Bits {
    fn set(&mut self, level: usize) {
        self.words[level / 64] |= 1 << (level % 64);
        self.summary[level / 4096] |= 1 << (level / 64 % 64);
    }

    fn clear(&mut self, level: usize) {
        self.words[level / 64] &= !(1 << (level % 64));
        if self.words[level / 64] == 0 {
            self.summary[level / 4096] &= !(1 << (level / 64 % 64));
        }
    }

    fn lowest(&self) -> Option<usize> {
        let top = self.summary.iter().position(|word| *word != 0)?;
        let word = top * 64 + self.summary[top].trailing_zeros() as usize;
        Some(word * 64 + self.words[word].trailing_zeros() as usize)
    }

    fn highest(&self) -> Option<usize> {
        let top = self.summary.iter().rposition(|word| *word != 0)?;
        let word = top * 64 + 63 - self.summary[top].leading_zeros() as usize;
        Some(word * 64 + 63 - self.words[word].leading_zeros() as usize)
    }
}

/// The bare ladder.
pub struct Ladder {
    orders: Vec<Order>,
    free: Vec<u32>,
    slots: Vec<u32>,
    levels: Box<[Level]>,
    bids: Bits,
    asks: Bits,
    best_bid: Option<usize>,
    best_ask: Option<usize>,
    totals: Totals,
}

impl Ladder {
    /// Takes up to `open` from the other side, as far as `limit`; answers what is left.
    fn take(&mut self, side: Side, limit: usize, mut open: u32) -> u32 {
        while open > 0 {
            let best = if side == Side::Buy { self.best_ask } else { self.best_bid };
            let Some(level) = best else { break };
            if (side == Side::Buy && level > limit) || (side == Side::Sell && level < limit) {
                break;
            }
            let slot = self.levels[level].oldest;
            let order = &mut self.orders[slot as usize];
            let quantity = open.min(order.quantity);
            open -= quantity;
            order.quantity -= quantity;
            self.totals.trades += 1;
            self.totals.quantity += u64::from(quantity);
            if order.quantity == 0 {
                self.take_out(slot);
            }
        }
        open
    }

    fn rest(&mut self, id: u32, side: Side, level: usize, quantity: u32) {
        let older = self.levels[level].newest;
        let order = Order { id, quantity, level: level as u32, older, newer: NONE, side };
        let slot = self.free.pop().expect("the flow's orders fit");
        self.orders[slot as usize] = order;
        self.slots[id as usize] = slot;
        self.levels[level].newest = slot;
        if older != NONE {
            self.orders[older as usize].newer = slot;
            return;
        }
        self.levels[level].oldest = slot;
        if side == Side::Buy {
            self.bids.set(level);
            self.best_bid = self.best_bid.max(Some(level));
        } else {
            self.asks.set(level);
            self.best_ask = Some(self.best_ask.map_or(level, |best| best.min(level)));
        }
    }

    fn take_out(&mut self, slot: u32) {
        let Order { id, level, older, newer, side, .. } = self.orders[slot as usize];
        let level = level as usize;
        if older == NONE {
            self.levels[level].oldest = newer;
        } else {
            self.orders[older as usize].newer = newer;
        }
        if newer == NONE {
            self.levels[level].newest = older;
        } else {
            self.orders[newer as usize].older = older;
        }
        self.slots[id as usize] = NONE;
        self.free.push(slot);
        if older != NONE || newer != NONE {
            return;
        }
        if side == Side::Buy {
            self.bids.clear(level);
            if self.best_bid == Some(level) {
                self.best_bid = self.bids.highest();
            }
        } else {
            self.asks.clear(level);
            if self.best_ask == Some(level) {
                self.best_ask = self.asks.lowest();
            }
        }
    }

    /// What is open of an order; `None` if it does not rest.
    pub fn open(&self, id: u32) -> Option<u32> {
        let slot = self.slots[id as usize];
        (slot != NONE).then(|| self.orders[slot as usize].quantity)
    }

    /// Number of orders that rest.
    pub fn resting(&self) -> usize {
        self.orders.len() - self.free.len()
    }

    /// Number of prices with orders, both sides.
    pub fn levels(&self) -> u32 {
        self.bids.words.iter().chain(self.asks.words.iter()).map(|word| word.count_ones()).sum()
    }
}

impl Book for Ladder {
    const NAME: &'static str = "bare ladder";

    fn new(orders: usize, ids: usize) -> Self {
        let blank = Order { id: 0, quantity: 0, level: 0, older: NONE, newer: NONE, side: Side::Buy };
        let bits = || Bits { words: Box::new([0; SPAN / 64]), summary: [0; SPAN / 4096] };
        Self {
            orders: vec![blank; orders],
            free: (0..orders as u32).rev().collect(),
            slots: vec![NONE; ids],
            levels: vec![Level { oldest: NONE, newest: NONE }; SPAN].into(),
            bids: bits(),
            asks: bits(),
            best_bid: None,
            best_ask: None,
            totals: Totals::default(),
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Add { id, side, price, quantity } => {
                let level = (price - BASE) as usize;
                let open = self.take(side, level, quantity);
                if open > 0 {
                    self.rest(id, side, level, open);
                }
            }
            Op::Cancel { id } => {
                let slot = self.slots[id as usize];
                assert!(slot != NONE, "a flow cancels what rests");
                self.take_out(slot);
            }
            Op::Market { side, quantity, .. } => {
                let limit = if side == Side::Buy { SPAN } else { 0 };
                self.take(side, limit, quantity);
            }
        }
    }

    fn totals(&self) -> Totals {
        self.totals
    }
}
