//! The book one writes first: sorted maps of prices, queues of orders, a hash map of ids.

use super::{Book, Op, Side, Totals};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// An order that rests: its id and what is open.
type Queue = VecDeque<(u32, u32)>;

/// The naive book: limit and market orders, nothing else.
pub struct Naive {
    bids: BTreeMap<u32, Queue>,
    asks: BTreeMap<u32, Queue>,
    places: HashMap<u32, (Side, u32)>,
    totals: Totals,
}

impl Naive {
    fn take(&mut self, side: Side, limit: u32, mut open: u32) -> u32 {
        while open > 0 {
            let best = if side == Side::Buy { self.asks.first_entry() } else { self.bids.last_entry() };
            let Some(mut best) = best else { break };
            if (side == Side::Buy && *best.key() > limit) || (side == Side::Sell && *best.key() < limit) {
                break;
            }
            let queue = best.get_mut();
            while open > 0
                && let Some((id, resting)) = queue.front_mut()
            {
                let quantity = open.min(*resting);
                open -= quantity;
                *resting -= quantity;
                self.totals.trades += 1;
                self.totals.quantity += u64::from(quantity);
                if *resting == 0 {
                    self.places.remove(id);
                    queue.pop_front();
                }
            }
            if queue.is_empty() {
                best.remove();
            }
        }
        open
    }
}

impl Book for Naive {
    const NAME: &'static str = "naive";

    fn new(_orders: usize, _ids: usize) -> Self {
        let (bids, asks) = (BTreeMap::new(), BTreeMap::new());
        Self { bids, asks, places: HashMap::new(), totals: Totals::default() }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Add { id, side, price, quantity } => {
                let open = self.take(side, price, quantity);
                if open > 0 {
                    let queues = if side == Side::Buy { &mut self.bids } else { &mut self.asks };
                    queues.entry(price).or_default().push_back((id, open));
                    self.places.insert(id, (side, price));
                }
            }
            Op::Cancel { id } => {
                let (side, price) = self.places.remove(&id).expect("a flow cancels what rests");
                let queues = if side == Side::Buy { &mut self.bids } else { &mut self.asks };
                let queue = queues.get_mut(&price).expect("an order's price has a queue");
                let place = queue.iter().position(|(other, _)| *other == id).expect("it is in its queue");
                queue.remove(place);
                if queue.is_empty() {
                    queues.remove(&price);
                }
            }
            Op::Market { side, quantity, .. } => {
                let limit = if side == Side::Buy { u32::MAX } else { 0 };
                self.take(side, limit, quantity);
            }
        }
    }

    fn totals(&self) -> Totals {
        self.totals
    }
}
