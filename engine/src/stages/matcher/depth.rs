//! The displayed book of one instrument: the five levels a side of its newest packet.
//!
//! * A full packet replaces the book whole. A packet without depth, one without a single level, and one of another date
//!   leave no book: the last-price rules hold until the next full one.
//! * Quantities count in whole lots. A level of less than a lot, without a positive price, or *crossed* is
//!   ignored as if it were empty. Crossed are the bids at or above the lowest offer and the offers at or
//!   below the highest bid: an exchange matches such orders, so they were not there together.
//! * While own orders are open, the displayed volume is in the exchange, and what is left here is what has yet to be put
//!   there. For an order that does not stay, and comes alone, that is no more than it can trade with. When the last of them is gone, what is left of the volume comes back: what they have taken is gone until the
//!   next packet.

use super::market::{PRICE_MAX, Packet};
use crate::event::{Event, Full, Kind, Side};
use crate::exchange::Exchange;
use crate::state::StateIo;
use crate::units::{InstrumentId, Price, Qty};

/// Levels a side of a full packet.
pub(super) const LEVELS: usize = 5;

/// Levels of one side as displayed: distances from the packet's last price, and what is left of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Levels {
    delta: [i32; LEVELS],
    left: [u32; LEVELS],
    /// Levels that count, once the book is cleaned: the first ones, best first, taken or not.
    count: u8,
    /// Whether there may be more levels than are displayed, beyond `edge`.
    more: bool,
    /// The worst displayed level, once the book is cleaned and if there may be more.
    edge: i32,
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
    /// Whether the exchange holds what is not left here.
    lent: bool,
}

impl Depth {
    /// Takes a packet in: its book, or that it has none.
    #[inline(always)]
    pub(super) fn update(&mut self, event: &Event, packet: &Packet) {
        self.lent = false;
        self.known = event.header.kind == Kind::Full as u8 && !packet.is_of_other_date();
        if !self.known {
            return;
        }
        let body = event.body::<Full>();
        self.last = body.last;
        self.clean = false;
        let bids = self.bids.replace(&body.bid_delta, &body.bid_qty);
        let asks = self.asks.replace(&body.ask_delta, &body.ask_qty);
        self.known = bids | asks;
    }

    /// Makes the levels ready for the questions below, which see an uncleaned book as empty. `lot` is the
    /// instrument's, positive and therefore that of a tradable one.
    pub(super) fn clean(&mut self, lot: Qty) {
        if !self.known || self.clean {
            return;
        }
        self.clean = true;
        let last = self.last;
        if self.is_orderly(lot) {
            self.bids.take_whole(lot);
            self.asks.take_whole(lot);
            return;
        }
        self.bids.note_edge(last, i32::min);
        self.asks.note_edge(last, i32::max);
        self.bids.drop_if(|delta, quantity| unusable(last, delta, quantity, lot));
        self.asks.drop_if(|delta, quantity| unusable(last, delta, quantity, lot));
        // Both from the book before either side is changed.
        let (bid, ask) = (self.bids.deltas().max(), self.asks.deltas().min());
        self.bids.drop_if(|delta, _| ask.is_some_and(|ask| delta >= ask));
        self.asks.drop_if(|delta, _| bid.is_some_and(|bid| delta <= bid));
        self.bids.settle(lot, |delta| -i64::from(delta));
        self.asks.settle(lot, i64::from);
    }

    /// Whether the rules above would change nothing but fractions of lots, as for nearly every packet: five levels a side of
    /// a lot or more at usable prices, each worse than the one before, and the sides apart.
    fn is_orderly(&self, lot: Qty) -> bool {
        let Self { last, bids, asks, .. } = self;
        let (lowest, highest) = (bids.delta[LEVELS - 1], asks.delta[LEVELS - 1]);
        bids.delta[0] < asks.delta[0]
            && bids.delta.is_sorted_by(|a, b| a > b)
            && asks.delta.is_sorted_by(|a, b| a < b)
            && at(*last, lowest) > Price::ZERO
            && at(*last, highest) <= PRICE_MAX
            && bids.left.iter().chain(&asks.left).all(|&left| i64::from(left) >= lot.0)
    }

    /// Whether the newest packet displays anything that can be traded, though own orders may have taken all of it. If
    /// not, the last-price rules hold.
    pub(super) fn is_shown(&self) -> bool {
        self.known && self.clean && self.bids.count + self.asks.count > 0
    }

    /// Price and quantity of level `number` of a side, the best first; `None` behind the last.
    pub(super) fn level(&self, side: Side, number: usize) -> Option<(Price, Qty)> {
        let levels = self.side(side);
        let there = self.is_shown() && number < usize::from(levels.count);
        there.then(|| (at(self.last, levels.delta[number]), Qty(i64::from(levels.left[number]))))
    }

    /// The highest displayed price; zero if nothing is displayed.
    pub(super) fn dearest(&self) -> Price {
        let levels = [Side::Buy, Side::Sell].map(|side| (0..LEVELS).map_while(move |n| self.level(side, n)));
        levels.into_iter().flatten().map(|level| level.0).max().unwrap_or(Price::ZERO)
    }

    /// What is left of what is displayed at a price; `None` if the price is beyond the displayed levels, so that nothing
    /// is known of it.
    pub(super) fn left_at(&self, side: Side, price: Price) -> Option<Qty> {
        let levels = self.side(side);
        let edge = at(self.last, levels.edge);
        let beyond = if side == Side::Buy { price < edge } else { price > edge };
        let hidden = levels.more && beyond;
        if !self.is_shown() || hidden {
            return None;
        }
        let levels = (0..LEVELS).map_while(|number| self.level(side, number));
        Some(Qty(levels.filter(|level| level.0 == price).map(|level| level.1.0).sum()))
    }

    /// Takes `quantity` of what is left at a price away, not more than there is.
    pub(super) fn take(&mut self, side: Side, price: Price, quantity: Qty) {
        let mut wanted = quantity.0;
        let mut number = 0;
        while let Some((level, left)) = self.level(side, number) {
            let taken = if level == price { wanted.min(left.0) } else { 0 };
            self.side_mut(side).left[number] -= u32::try_from(taken).expect("not more than was left");
            wanted -= taken;
            number += 1;
        }
        assert!(wanted == 0, "more than is displayed was taken");
    }

    /// Whether the exchange has what the newest packet displays, but for what is left here.
    pub(super) fn is_lent(&self) -> bool {
        self.lent
    }

    /// Puts what is left into the exchange, behind what is there. What it does not take (it is full, or an own order is
    /// in the way) stays here.
    pub(super) fn lend(&mut self, exchange: &mut Exchange, instrument: InstrumentId) {
        if !self.is_shown() {
            return;
        }
        self.lent = true;
        for side in [Side::Buy, Side::Sell] {
            let mut number = 0;
            while let Some((price, left)) = self.level(side, number) {
                if !left.is_zero() && exchange.add_volume(instrument, side, price, left).is_ok() {
                    self.side_mut(side).left[number] = 0;
                }
                number += 1;
            }
        }
    }

    /// The same for an order of `side` and `quantity` that does not stay, in an instrument without any other: puts there
    /// what it can trade with, and counts the rest as come and gone. `false`, and nothing done, where all of it has to come.
    pub(super) fn lend_to(
        &mut self,
        exchange: &mut Exchange,
        instrument: InstrumentId,
        side: Side,
        quantity: Qty,
    ) -> bool {
        if !self.is_shown() || self.has_twins() || !exchange.has_room_for(2 * LEVELS) {
            return false;
        }
        self.lent = true;
        let (mut wanted, mut passed, mut worst) = (quantity, 0, None);
        for shown in [Side::Buy, Side::Sell] {
            let last = self.last;
            let levels = self.side_mut(shown);
            let used = usize::from(levels.count);
            for (&delta, left) in levels.delta.iter().zip(&mut levels.left).take(used) {
                if *left == 0 {
                    continue;
                }
                if shown == side || wanted <= Qty::ZERO {
                    passed += 1;
                    continue;
                }
                let volume = Qty(i64::from(*left));
                worst = Some(exchange.add_worst_volume(worst, instrument, shown, at(last, delta), volume));
                *left = 0;
                wanted -= volume;
            }
        }
        exchange.pass_volume(passed);
        true
    }

    /// Whether two levels of a side have one price.
    fn has_twins(&self) -> bool {
        [&self.bids, &self.asks].into_iter().any(|levels| {
            let used = &levels.delta[..usize::from(levels.count)];
            used.windows(2).any(|pair| pair[0] == pair[1])
        })
    }

    /// Takes back what is left of what was lent.
    pub(super) fn take_back(&mut self, exchange: &Exchange, instrument: InstrumentId) {
        if !self.lent {
            return;
        }
        self.lent = false;
        for side in [Side::Buy, Side::Sell] {
            if exchange.best(instrument, side).is_none() {
                continue;
            }
            let (mut number, mut before) = (0, Price::ZERO);
            while let Some((price, left)) = self.level(side, number) {
                // Of several levels at a price the first gets all of it.
                if price != before {
                    let all = left + exchange.volume(instrument, side, price);
                    self.side_mut(side).left[number] = u32::try_from(all.0).unwrap_or(u32::MAX);
                }
                (number, before) = (number + 1, price);
            }
        }
    }

    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        io.flag(&mut self.known);
        if !self.known {
            return;
        }
        io.flag(&mut self.clean);
        io.flag(&mut self.lent);
        io.plain(&mut self.last);
        for side in [&mut self.bids, &mut self.asks] {
            io.plains(&mut side.delta);
            io.plains(&mut side.left);
            io.within(&mut side.count, 0, if self.clean { LEVELS as u8 } else { 0 });
            io.flag(&mut side.more);
            io.plain(&mut side.edge);
            let usable = |n| (1..=PRICE_MAX.0).contains(&at(self.last, side.delta[n]).0);
            io.check(|| (0..usize::from(side.count)).all(usable), "a displayed price cannot be");
        }
    }

    fn side(&self, side: Side) -> &Levels {
        if side == Side::Buy { &self.bids } else { &self.asks }
    }

    fn side_mut(&mut self, side: Side) -> &mut Levels {
        if side == Side::Buy { &mut self.bids } else { &mut self.asks }
    }
}

impl Levels {
    /// Takes a packet's levels as they are, in place; whether any of them has a quantity.
    #[inline]
    fn replace(&mut self, delta: &[i32; LEVELS], left: &[u32; LEVELS]) -> bool {
        self.delta = *delta;
        self.left = *left;
        (self.count, self.more, self.edge) = (0, false, 0);
        left.iter().fold(0, |any, &left| any | left) != 0
    }

    /// Takes all five levels as they are, in whole lots: what `note_edge` and `settle` make of levels in order.
    fn take_whole(&mut self, lot: Qty) {
        (self.more, self.edge, self.count) = (true, self.delta[LEVELS - 1], LEVELS as u8);
        if lot != Qty(1) {
            for left in &mut self.left {
                let whole = Qty(i64::from(*left)).floor_to_lot(lot).0;
                *left = u32::try_from(whole).expect("not above what was displayed");
            }
        }
    }

    /// Notes the worst level, by `worse`, of a side all of whose levels are in use, so that there may be more.
    /// One whose price cannot be is none of them, but there may be more all the same.
    fn note_edge(&mut self, last: Price, worse: fn(i32, i32) -> i32) {
        self.more = self.left.iter().all(|&left| left > 0);
        let possible = |delta: &i32| (1..=PRICE_MAX.0).contains(&at(last, *delta).0);
        self.edge = self.delta.into_iter().filter(possible).reduce(worse).unwrap_or(0);
    }

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
    let price = at(last, delta);
    i64::from(quantity) < lot.0 || price <= Price::ZERO || price > PRICE_MAX
}

/// The price at a distance from the last one. What no price can hold is no usable level either way.
fn at(last: Price, delta: i32) -> Price {
    Price(last.0.saturating_add(i64::from(delta)))
}

#[cfg(test)]
mod tests;
