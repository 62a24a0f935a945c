//! A price ladder: from prices near the market to their levels in O(1).
//!
//! One bit and one level index per tick, over a window of ticks that lies round the best price and is addressed
//! cyclically, so that it moves without moving what is in it. The ladder only hints: levels are linked by price, with
//! or without it, and whoever asks compares prices and walks from the hint. So a price outside the window, or between
//! ticks, costs a walk and nothing else, and the ladder is no part of any state.

use super::slab::NONE;
use crate::event::Side;
use crate::units::Price;

/// Fewest ticks of a window: the window's base is a multiple of 64.
pub(super) const TICKS_LEAST: usize = 256;

/// The ladder of one side of a book.
#[derive(Clone)]
pub(super) struct Ladder {
    tick: i64,
    /// First tick of the window, a multiple of 64.
    base: i64,
    /// Rungs less one.
    mask: usize,
    /// The level of each tick, `NONE` where there is none.
    rungs: Box<[u32]>,
    /// A bit for each tick that has a level, to find the nearest.
    words: Box<[u64]>,
    /// A bit for each word that is not zero.
    summary: Box<[u64]>,
}

impl Ladder {
    /// A ladder of `ticks` rungs, a power of two.
    pub(super) fn new(tick: Price, ticks: usize) -> Self {
        assert!(
            ticks.is_power_of_two() && ticks >= TICKS_LEAST,
            "a ladder has 256 ticks or a higher power of two"
        );
        assert!(tick > Price::ZERO, "a tick is more than zero");
        let words = ticks / 64;
        Self {
            tick: tick.0,
            base: 0,
            mask: ticks - 1,
            rungs: vec![NONE; ticks].into_boxed_slice(),
            words: vec![0; words].into_boxed_slice(),
            summary: vec![0; words.div_ceil(64)].into_boxed_slice(),
        }
    }

    /// The level that may be the one of a price.
    #[inline]
    pub(super) fn at(&self, price: Price) -> u32 {
        let tick = self.tick_of(price);
        if !self.covers(tick) {
            return NONE;
        }
        self.rungs[self.rung(tick)]
    }

    /// The nearest level of the window that is better than a price; any other level or none if there is no such level.
    #[inline(always)]
    pub(super) fn better_than(&self, side: Side, price: Price) -> u32 {
        let last = self.base + self.mask as i64;
        let rung = self.rung(self.tick_of(price).clamp(self.base, last));
        let found = match side {
            Side::Buy => self.above(rung),
            Side::Sell => self.below(rung),
        };
        found.map_or(NONE, |rung| self.rungs[rung])
    }

    /// Takes in the level of a price, if it is in the window or the window can move there and still cover `best`, the
    /// best price of the side. Answers its rung.
    #[inline(always)]
    pub(super) fn enter(&mut self, side: Side, price: Price, best: Price, level: u32) -> u32 {
        let tick = self.tick_of(price);
        if !self.covers(tick) {
            self.slide(side, self.tick_of(best));
            if !self.covers(tick) {
                return NONE;
            }
        }
        let rung = self.rung(tick);
        if self.rungs[rung] != NONE {
            return NONE;
        }
        self.words[rung >> 6] |= 1 << (rung & 63);
        self.summary[rung >> 12] |= 1 << (rung >> 6 & 63);
        self.rungs[rung] = level;
        rung as u32
    }

    /// Takes out a level that entered at `rung`, unless the window has left it behind.
    #[inline]
    pub(super) fn leave(&mut self, rung: u32, level: u32) {
        let rung = rung as usize;
        if self.rungs[rung] == level {
            self.rungs[rung] = NONE;
            let word = &mut self.words[rung >> 6];
            *word &= !(1 << (rung & 63));
            if *word == 0 {
                self.summary[rung >> 12] &= !(1 << (rung >> 6 & 63));
            }
        }
    }

    /// Panics if rungs and bits contradict each other, or if a rung has a level whose price is elsewhere. Walks
    /// everything: for tests.
    pub(super) fn validate(&self, price_of: impl Fn(u32) -> Price) {
        for (word, &bits) in self.words.iter().enumerate() {
            let bit = self.summary[word >> 6] >> (word & 63) & 1 != 0;
            assert_eq!(bit, bits != 0, "a word and its bit contradict each other");
            let rungs = &self.rungs[word << 6..(word + 1) << 6];
            let used = rungs.iter().filter(|&&level| level != NONE).count();
            assert_eq!(used, bits.count_ones() as usize, "bits and rungs contradict each other");
            for at in (0..64).filter(|at| bits >> at & 1 != 0) {
                let tick = self.tick_of(price_of(rungs[at]));
                let rung = word << 6 | at;
                assert!(self.covers(tick) && self.rung(tick) == rung, "a level is on another's rung");
            }
        }
    }

    /// The tick of a price. A division is the dearest instruction of the way to a level, so it is left out if it can be.
    #[inline]
    fn tick_of(&self, price: Price) -> i64 {
        if self.tick == 1 { price.0 } else { price.0 / self.tick }
    }

    #[inline]
    fn covers(&self, tick: i64) -> bool {
        (tick.wrapping_sub(self.base) as u64) < self.rungs.len() as u64
    }

    #[inline]
    fn rung(&self, tick: i64) -> usize {
        tick as usize & self.mask
    }

    /// Moves the window so that a quarter of it is beyond the best price. At most a bit of work per 64 ticks, when the
    /// best price has moved by a quarter of the window.
    #[inline(never)]
    fn slide(&mut self, side: Side, best: i64) {
        let ticks = self.rungs.len() as i64;
        let worse = match side {
            Side::Buy => ticks / 4 * 3,
            Side::Sell => ticks / 4,
        };
        let (was, is) = (self.base, (best - worse) & !63);
        let (from, to) =
            if is >= was { (was, is.min(was + ticks)) } else { ((is + ticks).max(was), was + ticks) };
        for tick in (from..to).step_by(64) {
            let word = self.rung(tick) >> 6;
            if self.words[word] != 0 {
                self.rungs[word << 6..(word + 1) << 6].fill(NONE);
            }
            self.words[word] = 0;
            self.summary[word >> 6] &= !(1 << (word & 63));
        }
        self.base = is;
    }

    /// The nearest rung in use below `rung`, cyclically.
    fn below(&self, rung: usize) -> Option<usize> {
        let last = |bits: u64| 63 - bits.leading_zeros() as usize;
        let under = |at: usize| (1_u64 << (at & 63)) - 1;
        let word = rung >> 6;
        let bits = self.words[word] & under(rung);
        if bits != 0 {
            return Some(word << 6 | last(bits));
        }
        let group = word >> 6;
        let bits = self.summary[group] & under(word);
        let word = if bits != 0 {
            group << 6 | last(bits)
        } else {
            let count = self.summary.len();
            let group =
                (1..=count).map(|back| (group + count - back) % count).find(|&at| self.summary[at] != 0)?;
            group << 6 | last(self.summary[group])
        };
        Some(word << 6 | last(self.words[word]))
    }

    /// The nearest rung in use above `rung`, cyclically.
    fn above(&self, rung: usize) -> Option<usize> {
        let first = |bits: u64| bits.trailing_zeros() as usize;
        let over = |at: usize| (u64::MAX << (at & 63)) << 1;
        let word = rung >> 6;
        let bits = self.words[word] & over(rung);
        if bits != 0 {
            return Some(word << 6 | first(bits));
        }
        let group = word >> 6;
        let bits = self.summary[group] & over(word);
        let word = if bits != 0 {
            group << 6 | first(bits)
        } else {
            let count = self.summary.len();
            let group = (1..=count).map(|on| (group + on) % count).find(|&at| self.summary[at] != 0)?;
            group << 6 | first(self.summary[group])
        };
        Some(word << 6 | first(self.words[word]))
    }
}
