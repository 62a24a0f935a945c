//! A day of random order flow through a book so naive that it is obviously right, written as LOBSTER writes it: messages
//! and rows of the best levels only.

use super::Rng;
use std::fmt::Write;

/// The naive book: all orders in the order in which they came, searched from the front.
#[derive(Default)]
pub(crate) struct Naive {
    /// id, buy, price, quantity
    pub(crate) orders: Vec<(u64, bool, i64, i64)>,
}

impl Naive {
    /// The order that trades next with one of the other side: best price, then the first that came.
    fn first(&self, buy: bool, limit: i64) -> Option<usize> {
        let within = |price: i64| if buy { price >= limit } else { price <= limit };
        let there =
            (0..self.orders.len()).filter(|&at| self.orders[at].1 == buy && within(self.orders[at].2));
        // The first of the smallest keys is the oldest.
        there.min_by_key(|&at| if buy { -self.orders[at].2 } else { self.orders[at].2 })
    }

    /// Trades an order; answers the fills (maker, price, quantity) and what is left.
    pub(crate) fn trade(&mut self, buy: bool, limit: i64, mut quantity: i64) -> (Vec<(u64, i64, i64)>, i64) {
        let mut fills = Vec::new();
        while quantity > 0 {
            let Some(at) = self.first(!buy, limit) else { break };
            let (maker, _, price, open) = self.orders[at];
            let traded = open.min(quantity);
            fills.push((maker, price, traded));
            quantity -= traded;
            self.orders[at].3 -= traded;
            if self.orders[at].3 == 0 {
                self.orders.remove(at);
            }
        }
        (fills, quantity)
    }

    /// Prices and sums of a side, best first.
    fn levels(&self, buy: bool) -> Vec<(i64, i64)> {
        let mut levels: Vec<(i64, i64)> = Vec::new();
        for &(_, _, price, quantity) in self.orders.iter().filter(|order| order.1 == buy) {
            match levels.iter_mut().find(|level| level.0 == price) {
                Some(level) => level.1 += quantity,
                None => levels.push((price, quantity)),
            }
        }
        levels.sort_by_key(|level| if buy { -level.0 } else { level.0 });
        levels
    }

    fn row(&self, levels: usize) -> String {
        let (asks, bids) = (self.levels(false), self.levels(true));
        let mut row = Vec::new();
        for at in 0..levels {
            let (price, quantity) = asks.get(at).copied().unwrap_or((9_999_999_999, 0));
            row.push(format!("{price},{quantity}"));
            let (price, quantity) = bids.get(at).copied().unwrap_or((-9_999_999_999, 0));
            row.push(format!("{price},{quantity}"));
        }
        row.join(",")
    }

    /// Whether a price is within the best levels of its side.
    fn is_visible(&self, buy: bool, price: i64, levels: usize) -> bool {
        self.levels(buy).iter().take(levels).any(|level| level.0 == price)
    }
}

/// A day as two files.
pub(crate) struct Day {
    pub(crate) messages: String,
    pub(crate) rows: String,
    /// Message rows of executions, and how many runs they are.
    pub(crate) executions: Vec<u64>,
    pub(crate) runs: u64,
    /// First message rows of runs that met what the file did not show before.
    pub(crate) beyond: Vec<u64>,
}

/// A market that writes down what happens in it.
struct Market {
    naive: Naive,
    levels: usize,
    day: Day,
    index: u64,
    next_id: u64,
}

impl Market {
    /// Writes a message and the row after it; answers the message's row.
    fn note(&mut self, time: u64, kind: u64, id: u64, (buy, price, size): (bool, i64, i64)) -> u64 {
        let direction = if buy { 1 } else { -1 };
        let (seconds, thousandths) = (34_200 + time / 1_000, time % 1_000);
        let day = &mut self.day;
        writeln!(day.messages, "{seconds}.{thousandths:03},{kind},{id},{size},{price},{direction}").unwrap();
        writeln!(day.rows, "{}", self.naive.row(self.levels)).unwrap();
        self.index += 1;
        self.index - 1
    }

    /// A new order, which does not trade.
    fn join(&mut self, rng: &mut Rng, time: u64, buy: bool) {
        let (id, size) = (self.next_id, 1 + rng.below(200) as i64);
        self.next_id += 1;
        let facing = self.naive.levels(!buy).first().map_or(2_000_000, |level| level.0);
        let away = (1 + rng.below(12) as i64) * 100;
        let price = if buy { facing - away } else { facing + away };
        self.naive.orders.push((id, buy, price, size));
        if self.naive.is_visible(buy, price, self.levels) {
            self.note(time, 1, id, (buy, price, size));
        }
    }

    /// A cancel of an order or of a part of it.
    fn take_off(&mut self, rng: &mut Rng, time: u64) {
        let at = rng.below(self.naive.orders.len() as u64) as usize;
        let (id, buy, price, open) = self.naive.orders[at];
        let is_visible = self.naive.is_visible(buy, price, self.levels);
        let part = 1 + rng.below(open as u64) as i64;
        let (kind, size) = if part < open { (2, part) } else { (3, open) };
        self.naive.orders[at].3 -= size;
        self.naive.orders.retain(|order| order.3 > 0);
        if is_visible {
            self.note(time, kind, id, (buy, price, size));
        }
    }

    /// An order that trades with several, hidden executions among them.
    fn sweep(&mut self, rng: &mut Rng, time: u64, buy: bool, quantity: i64) {
        let before = self.naive.orders.clone();
        let levels = self.naive.levels(!buy);
        let shown: Vec<i64> = levels.into_iter().take(self.levels).map(|level| level.0).collect();
        let (fills, _) = self.naive.trade(buy, if buy { i64::MAX } else { 0 }, quantity);
        self.naive.orders = before;
        self.day.runs += 1;
        if fills.iter().any(|fill| !shown.contains(&fill.1)) {
            self.day.beyond.push(self.index);
        }
        for (at, &(maker, price, traded)) in fills.iter().enumerate() {
            self.naive.trade(buy, price, traded);
            let row = self.note(time, 4, maker, (!buy, price, traded));
            self.day.executions.push(row);
            if at + 1 < fills.len() && rng.below(8) == 0 {
                self.note(time, 5, 0, (!buy, price, 7));
            }
        }
    }
}

/// A day of about `steps` events with `levels` a side; `sweep` is the largest order, in hundreds.
pub(crate) fn day(rng: &mut Rng, steps: u64, levels: usize, sweep: u64) -> Day {
    let mut naive = Naive::default();
    for id in 1..=60 {
        let buy = id % 2 == 0;
        let depth = 1 + rng.below(20) as i64;
        naive.orders.push((
            id,
            buy,
            if buy { 2_000_000 - depth * 100 } else { 2_000_000 + depth * 100 },
            100,
        ));
    }
    let day =
        Day { messages: String::new(), rows: String::new(), executions: vec![], runs: 0, beyond: vec![] };
    let mut market = Market { naive, levels, day, index: 0, next_id: 1_000 };
    market.note(0, 5, 0, (true, 2_000_050, 1));
    for time in 1..=steps {
        let buy = rng.below(2) == 0;
        match rng.below(10) {
            0..5 => market.join(rng, time, buy),
            5..8 if market.naive.orders.len() > 40 => market.take_off(rng, time),
            8 if market.naive.levels(!buy).len() > 2 => {
                let quantity = 1 + rng.below(100 * sweep) as i64;
                market.sweep(rng, time, buy, quantity);
            }
            _ => {
                market.note(time, 5, 0, (buy, 2_000_000, 3));
            }
        }
    }
    market.day
}
