//! The book against a naive one: two sorted vectors, everything by search.

use super::*;

/// A random sequence from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// Orders of both sides in the order of their arrival; the best is searched for, every time.
#[derive(Default)]
struct Naive(Vec<Resting>);

impl Naive {
    /// The orders of a side by price, then by arrival: the sort is stable.
    fn queue(&self, side: Side) -> Vec<Resting> {
        let mut queue: Vec<Resting> = self.0.iter().filter(|order| order.side == side).copied().collect();
        queue.sort_by_key(|order| -side.sign() * order.price.0);
        queue
    }

    fn position(&self, id: OrderId) -> Option<usize> {
        self.0.iter().position(|order| order.id == id)
    }

    fn front(&self, side: Side) -> Option<Resting> {
        let score = |order: &Resting| -side.sign() * order.price.0;
        self.0.iter().filter(|order| order.side == side).min_by_key(|order| score(order)).copied()
    }

    fn submit(&mut self, order: Incoming, room: usize) -> (Result<Outcome, Refusal>, Vec<Trade>) {
        let mut trades = Vec::new();
        if self.position(order.id).is_some() {
            return (Err(Refusal::Duplicate), trades);
        }
        if order.style == Style::Limit && self.0.len() == room {
            return (Err(Refusal::Full), trades);
        }
        let mut open = order.quantity;
        while let Some(front) = self.front(order.side.opposite()) {
            let away = order.side.sign() * (front.price.0 - order.limit.0) > 0;
            if open.is_zero() || (away && order.style != Style::Market) {
                break;
            }
            let quantity = open.min(front.open);
            open -= quantity;
            let maker_open = self.reduce(front.id, quantity);
            trades.push(Trade {
                taker: order.id,
                maker: front.id,
                price: front.price,
                quantity,
                maker_open,
                taker_open: open,
            });
        }
        let Incoming { id, side, limit: price, .. } = order;
        let outcome = match order.style {
            _ if open.is_zero() => Outcome::Filled,
            Style::Limit => {
                self.0.push(Resting { id, instrument: InstrumentId(0), side, price, open });
                Outcome::Rested(open)
            }
            Style::Ioc | Style::Market => Outcome::Cancelled(open),
        };
        (Ok(outcome), trades)
    }

    fn reduce(&mut self, id: OrderId, quantity: Qty) -> Qty {
        let position = self.position(id).expect("known");
        self.0[position].open -= quantity;
        let left = self.0[position].open;
        if left.is_zero() {
            self.0.remove(position);
        }
        left
    }

    fn cancel(&mut self, id: OrderId) -> Option<Resting> {
        self.position(id).map(|position| self.0.remove(position))
    }
}

fn random_order(random: &mut Random, id: u64, style: Style) -> Incoming {
    let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
    // Buys centre four steps below sells, so that books build up and still cross often.
    let limit = Price(100 + random.below(13) as i64 - side.sign() * 2);
    Incoming { id: OrderId(id), side, limit, quantity: Qty(1 + random.below(40) as i64), style }
}

fn submit_both(book: &mut Book, naive: &mut Naive, order: Incoming, chunk: usize) -> usize {
    let (expected, expected_trades) = naive.submit(order, book.0.nodes.capacity());
    let mut trades = Vec::new();
    let outcome = book.begin(order).map(|mut sweep| {
        loop {
            let before = trades.len();
            let outcome = book.sweep(&mut sweep, chunk, &mut |trade| trades.push(trade));
            assert!(trades.len() - before <= chunk, "a sweep kept its bound");
            if let Some(outcome) = outcome {
                break outcome;
            }
        }
    });
    assert_eq!(outcome, expected, "{order:?}");
    assert_eq!(trades, expected_trades, "{order:?}");
    trades.len()
}

/// The id of a resting order, now and then any recent one.
fn random_id(random: &mut Random, naive: &Naive, newest: u64) -> OrderId {
    if naive.0.is_empty() || random.below(10) == 0 {
        return OrderId(newest.saturating_sub(random.below(120)).max(1));
    }
    naive.0[random.below(naive.0.len() as u64) as usize].id
}

#[test]
fn random_operations_equal_a_naive_book() {
    let (mut operations, mut traded, mut refused) = (0u64, 0, 0);
    for seed in 0..200u64 {
        // Every fourth book is so small that it is often full.
        let room = if seed % 4 == 0 { 24 } else { 2_000 };
        let (mut random, mut book, mut naive) = (Random(seed), Book::with_capacity(room), Naive::default());
        for id in 1..=2_000u64 {
            let roll = random.below(100);
            let known = random_id(&mut random, &naive, id);
            if roll < 60 {
                // Now and then an id that may still be resting.
                let id = if random.below(50) == 0 { known.0 } else { id };
                let before = book.len();
                traded += submit_both(&mut book, &mut naive, random_order(&mut random, id, Style::Limit), 2);
                refused += usize::from(before == room);
            } else if roll < 88 {
                assert_eq!(book.cancel(known), naive.cancel(known), "seed {seed}, id {id}");
            } else if roll < 90 {
                if let Some(order) = book.get(known).copied() {
                    let quantity = Qty(1 + random.below(order.open.0 as u64) as i64);
                    assert_eq!(book.reduce(known, quantity), Some(naive.reduce(known, quantity)));
                }
            } else {
                let style = if roll < 95 { Style::Ioc } else { Style::Market };
                traded += submit_both(&mut book, &mut naive, random_order(&mut random, id, style), 3);
            }
            operations += 1;
            for side in [Side::Buy, Side::Sell] {
                assert!(book.queue(side).eq(naive.queue(side).iter()), "seed {seed}, id {id}: queues differ");
            }
            book.validate();
        }
    }
    assert!(operations >= 300_000 && traded > 50_000 && refused > 100, "{operations} {traded} {refused}");
}
