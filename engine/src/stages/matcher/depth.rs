//! The displayed book of one instrument: the five levels a side of its newest packet, less what own orders
//! have taken from them.
//!
//! * A full packet replaces the book whole, and with it what was taken. A packet without depth, one without a
//!   single level, and one of another date leave no book: the last-price rules hold until the next full one.
//! * Quantities count in whole lots. A level of less than a lot, without a positive price, or *crossed* is
//!   ignored as if it were empty. Crossed are the bids at or above the lowest offer and the offers at or
//!   below the highest bid: an exchange matches such orders, so they were not there together.

use super::market::Packet;
use crate::event::{Event, Full, Kind, Side};
use crate::state::StateIo;
use crate::units::{Price, Qty};

/// Levels a side of a full packet.
const LEVELS: usize = 5;

/// Levels of one side as displayed: distances from the packet's last price, and what is left of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Levels {
    delta: [i32; LEVELS],
    left: [u32; LEVELS],
    /// Levels that count, once the book is cleaned: the first ones, best first, taken or not.
    count: u8,
}

/// The displayed book of one instrument.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Depth {
    /// The packet's last price.
    last: Price,
    bids: Levels,
    asks: Levels,
    /// Whether the newest packet had a book; without, the rest means nothing.
    known: bool,
    /// Whether the levels were cleaned since. That waits until an order asks: most packets meet none.
    clean: bool,
}

impl Depth {
    /// Takes a packet in: its book, or that it has none.
    pub(super) fn update(&mut self, event: &Event, packet: &Packet) {
        self.known = event.kind() == Kind::Full && !packet.is_of_other_date();
        if !self.known {
            return;
        }
        let body = event.body::<Full>();
        self.last = body.last;
        self.bids = Levels { delta: body.bid_delta, left: body.bid_qty, count: 0 };
        self.asks = Levels { delta: body.ask_delta, left: body.ask_qty, count: 0 };
        self.clean = false;
        self.known = self.bids.left != [0; LEVELS] || self.asks.left != [0; LEVELS];
    }

    /// Makes the levels ready for the questions below, which see an uncleaned book as empty. `lot` is the
    /// instrument's, positive and therefore that of a tradable one.
    pub(super) fn clean(&mut self, lot: Qty) {
        if !self.known || self.clean {
            return;
        }
        self.clean = true;
        let last = self.last;
        self.bids.drop_if(|delta, quantity| unusable(last, delta, quantity, lot));
        self.asks.drop_if(|delta, quantity| unusable(last, delta, quantity, lot));
        // Both from the book before either side is changed.
        let (bid, ask) = (self.bids.deltas().max(), self.asks.deltas().min());
        self.bids.drop_if(|delta, _| ask.is_some_and(|ask| delta >= ask));
        self.asks.drop_if(|delta, _| bid.is_some_and(|bid| delta <= bid));
        self.bids.settle(lot, |delta| -i64::from(delta));
        self.asks.settle(lot, i64::from);
    }

    /// Whether the newest packet displays anything that an order of `side` can take, though own orders may
    /// have taken all of it. If not, the last-price rules hold for the side.
    pub(super) fn is_displayed(&self, side: Side) -> bool {
        self.levels(side).is_some_and(|levels| levels.count > 0)
    }

    /// The best displayed price for an order of `side`, taken or not: a buy's lowest offer, a sell's highest
    /// bid.
    pub(super) fn best(&self, side: Side) -> Option<Price> {
        let levels = self.levels(side).filter(|levels| levels.count > 0)?;
        Some(at(self.last, levels.delta[0]))
    }

    /// Takes up to `wanted` from the best level that has something left and is within `limit`. Answers its
    /// price and the quantity, which is positive.
    pub(super) fn take(&mut self, side: Side, limit: Price, wanted: Qty) -> Option<(Price, Qty)> {
        if !self.known || !self.clean || wanted <= Qty::ZERO {
            return None;
        }
        let levels = if side == Side::Buy { &mut self.asks } else { &mut self.bids };
        let number = levels.left.iter().take(usize::from(levels.count)).position(|&left| left > 0)?;
        let price = at(self.last, levels.delta[number]);
        if side.sign() * price.0 > side.sign() * limit.0 {
            return None;
        }
        let left = i64::from(levels.left[number]);
        let quantity = left.min(wanted.0);
        levels.left[number] = u32::try_from(left - quantity).expect("less than was left");
        Some((price, Qty(quantity)))
    }

    /// Takes up to `wanted` from all levels within `limit`. Answers the quantity, zero if nothing is left.
    pub(super) fn take_within(&mut self, side: Side, limit: Price, wanted: Qty) -> Qty {
        let mut taken = Qty::ZERO;
        while let Some((_, quantity)) = self.take(side, limit, wanted - taken) {
            taken += quantity;
        }
        taken
    }

    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        io.flag(&mut self.known);
        if !self.known {
            return;
        }
        io.flag(&mut self.clean);
        io.plain(&mut self.last);
        for side in [&mut self.bids, &mut self.asks] {
            io.plains(&mut side.delta);
            io.plains(&mut side.left);
            io.within(&mut side.count, 0, if self.clean { LEVELS as u8 } else { 0 });
        }
    }

    /// The levels that an order of `side` takes.
    fn levels(&self, side: Side) -> Option<&Levels> {
        let levels = if side == Side::Buy { &self.asks } else { &self.bids };
        (self.known && self.clean).then_some(levels)
    }
}

impl Levels {
    /// The distances of the levels that are not empty.
    fn deltas(&self) -> impl Iterator<Item = i32> + '_ {
        self.delta.iter().zip(&self.left).filter(|&(_, &left)| left > 0).map(|(&delta, _)| delta)
    }

    /// Empties the levels that `ignored` says of their distance and quantity.
    fn drop_if(&mut self, ignored: impl Fn(i32, u32) -> bool) {
        for (&delta, left) in self.delta.iter().zip(&mut self.left) {
            if ignored(delta, *left) {
                *left = 0;
            }
        }
    }

    /// Cuts the levels to whole lots and puts them in the order of `rank`, the best first, the empty ones
    /// last; equal prices stay in the packet's order.
    fn settle(&mut self, lot: Qty, rank: impl Fn(i32) -> i64) {
        let mut levels = [(0, 0); LEVELS];
        for (level, (&delta, &left)) in levels.iter_mut().zip(self.delta.iter().zip(&self.left)) {
            let whole = Qty(i64::from(left)).floor_to_lot(lot).0;
            *level = (delta, u32::try_from(whole).expect("not above what was displayed"));
        }
        // An insertion sort: five levels, as a rule in order already, and nothing allocated.
        for end in 1..LEVELS {
            let mut place = end;
            while place > 0 && before(levels[place], levels[place - 1], &rank) {
                levels.swap(place, place - 1);
                place -= 1;
            }
        }
        for (number, (delta, left)) in levels.into_iter().enumerate() {
            (self.delta[number], self.left[number]) = (delta, left);
            self.count += u8::from(left > 0);
        }
    }
}

fn before(one: (i32, u32), other: (i32, u32), rank: impl Fn(i32) -> i64) -> bool {
    match (one.1 > 0, other.1 > 0) {
        (true, true) => rank(one.0) < rank(other.0),
        (full, other_full) => full && !other_full,
    }
}

fn unusable(last: Price, delta: i32, quantity: u32, lot: Qty) -> bool {
    i64::from(quantity) < lot.0 || at(last, delta) <= Price::ZERO
}

/// The price at a distance from the last one. What no price can hold is no usable level either way.
fn at(last: Price, delta: i32) -> Price {
    Price(last.0.saturating_add(i64::from(delta)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::FLAG_EXO;
    use crate::units::InstrumentId;
    use zerocopy::FromZeros;

    const LAST: i64 = 10_000;

    /// Price and quantity of a level.
    type Level = (i64, u32);

    fn packet(bids: &[Level], asks: &[Level]) -> Event {
        let mut body = Full::new_zeroed();
        body.last = Price(LAST);
        for (number, &(price, quantity)) in bids.iter().enumerate() {
            body.bid_delta[number] = i32::try_from(price - LAST).expect("near the last price");
            body.bid_qty[number] = quantity;
        }
        for (number, &(price, quantity)) in asks.iter().enumerate() {
            body.ask_delta[number] = i32::try_from(price - LAST).expect("near the last price");
            body.ask_qty[number] = quantity;
        }
        Event::new(InstrumentId(0), FLAG_EXO, &body)
    }

    fn depth(bids: &[Level], asks: &[Level], lot: i64) -> Depth {
        let event = packet(bids, asks);
        let mut depth = Depth::default();
        depth.update(&event, &Packet::of(&event).expect("a packet"));
        depth.clean(Qty(lot));
        depth
    }

    /// All that an order of a side can take, level by level.
    fn all(mut depth: Depth, side: Side) -> Vec<(i64, i64)> {
        let limit = if side == Side::Buy { Price(i64::MAX) } else { Price(1) };
        let take = || depth.take(side, limit, Qty(i64::MAX)).map(|(price, quantity)| (price.0, quantity.0));
        std::iter::from_fn(take).collect()
    }

    #[test]
    fn only_usable_levels_count_best_first() {
        /// Name, lot, bids and offers of the packet, bids and offers that can be taken.
        type Case<'a> = (&'a str, i64, &'a [Level], &'a [Level], &'a [(i64, i64)], &'a [(i64, i64)]);
        let cases: [Case<'_>; 10] = [
            ("as displayed", 1, &[(99, 5), (98, 6)], &[(101, 7)], &[(99, 5), (98, 6)], &[(101, 7)]),
            ("a hole in the middle", 1, &[], &[(101, 1), (102, 0), (103, 3)], &[], &[(101, 1), (103, 3)]),
            (
                "out of order",
                1,
                &[(97, 1), (99, 2)],
                &[(103, 3), (101, 4)],
                &[(99, 2), (97, 1)],
                &[(101, 4), (103, 3)],
            ),
            ("whole lots", 75, &[(99, 149), (98, 74)], &[(101, 150)], &[(99, 75)], &[(101, 150)]),
            ("crossed", 1, &[(100, 5), (98, 6)], &[(99, 7), (101, 8)], &[(98, 6)], &[(101, 8)]),
            ("locked", 1, &[(100, 5), (99, 6)], &[(100, 7), (101, 8)], &[(99, 6)], &[(101, 8)]),
            ("crossed by less than a lot", 10, &[(100, 9), (98, 10)], &[(99, 10)], &[(98, 10)], &[(99, 10)]),
            ("all crossed", 1, &[(105, 5)], &[(99, 7), (101, 8)], &[], &[]),
            ("no positive price", 1, &[(0, 5), (-3, 6)], &[(1, 7)], &[], &[(1, 7)]),
            ("empty", 1, &[(99, 0)], &[(101, 0)], &[], &[]),
        ];
        for (name, lot, bids, asks, bid, ask) in cases {
            let depth = depth(bids, asks, lot);
            assert_eq!(all(depth, Side::Sell), bid, "{name}: bids");
            assert_eq!(all(depth, Side::Buy), ask, "{name}: offers");
            assert_eq!(depth.is_displayed(Side::Sell), !bid.is_empty(), "{name}");
            assert_eq!(
                depth.best(Side::Buy).map(|price| price.0),
                ask.first().map(|level| level.0),
                "{name}"
            );
        }
    }

    #[test]
    fn what_was_taken_is_gone_until_the_next_packet() {
        let offers = [(101, 10), (102, 10)];
        let mut depth = depth(&[], &offers, 1);
        assert_eq!(depth.take(Side::Buy, Price(100), Qty(4)), None, "beyond the limit");
        assert_eq!(depth.take(Side::Buy, Price(101), Qty(4)), Some((Price(101), Qty(4))));
        assert_eq!(depth.take_within(Side::Buy, Price(102), Qty(9)), Qty(9), "six and three");
        assert_eq!(depth.take_within(Side::Buy, Price(101), Qty(9)), Qty::ZERO);
        assert_eq!(depth.take_within(Side::Buy, Price(102), Qty(9)), Qty(7));
        assert!(depth.is_displayed(Side::Buy), "though all of it is taken");
        assert_eq!(depth.best(Side::Buy), Some(Price(101)));
        let event = packet(&[], &offers);
        depth.update(&event, &Packet::of(&event).expect("a packet"));
        depth.clean(Qty(1));
        assert_eq!(all(depth, Side::Buy), [(101, 10), (102, 10)]);
    }

    #[test]
    fn a_book_at_the_end_of_the_numbers_is_no_panic() {
        let mut body = Full::new_zeroed();
        (body.last, body.ask_qty, body.ask_delta) = (Price(i64::MAX), [u32::MAX; 5], [i32::MAX; 5]);
        (body.bid_qty, body.bid_delta) = ([u32::MAX; 5], [i32::MIN; 5]);
        let event = Event::new(InstrumentId(0), FLAG_EXO, &body);
        let mut depth = Depth::default();
        depth.update(&event, &Packet::of(&event).expect("a packet"));
        depth.clean(Qty(1));
        assert_eq!(depth.take_within(Side::Sell, Price(1), Qty(i64::MAX)), Qty(5 * i64::from(u32::MAX)));
    }
}
