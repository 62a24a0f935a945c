//! The invariants of the books, spelled out for tests.

use super::books::{Books, is_better};
use super::slab::NONE;
use crate::event::Side;
use crate::units::{InstrumentId, Price, Qty};

impl Books {
    /// Panics if a link, a sum, the index or the price order of any book is wrong, or if a book is crossed.
    /// Walks everything: for tests.
    pub fn validate(&self) {
        let (mut orders, mut levels) = (0, 0);
        for number in 0..self.sides.len() {
            let instrument = InstrumentId(u32::try_from(number).expect("instrument ids are 32 bits"));
            for side in [Side::Buy, Side::Sell] {
                let (side_orders, side_levels) = self.validate_side(instrument, side);
                orders += side_orders;
                levels += side_levels;
            }
            if let (Some(bid), Some(ask)) =
                (self.best(instrument, Side::Buy), self.best(instrument, Side::Sell))
            {
                assert!(bid.price < ask.price, "crossed: {bid:?} {ask:?}");
            }
        }
        assert_eq!(orders, self.len(), "orders in no queue");
        assert_eq!(levels, self.levels.capacity() - self.levels.room(), "levels in no side");
    }

    fn validate_side(&self, instrument: InstrumentId, side: Side) -> (usize, usize) {
        let (mut orders, mut levels) = (0, 0);
        let (mut better, mut level) = (NONE, self.best_level(instrument, side));
        let mut better_price: Option<Price> = None;
        while level != NONE {
            let here = &self.levels[level];
            assert_eq!(here.better, better, "broken link between levels");
            assert!(
                better_price.is_none_or(|price| is_better(side, price, here.price)),
                "levels out of order"
            );
            assert!(here.orders > 0, "an empty level");
            orders += self.validate_level(instrument, side, level);
            levels += 1;
            better_price = Some(here.price);
            (better, level) = (level, here.worse);
        }
        (orders, levels)
    }

    fn validate_level(&self, instrument: InstrumentId, side: Side, level: u32) -> usize {
        let here = &self.levels[level];
        let (mut orders, mut quantity) = (0, Qty::ZERO);
        let (mut older, mut slot) = (NONE, here.oldest);
        while slot != NONE {
            let node = &self.nodes[slot];
            assert_eq!((node.level, node.older), (level, older), "broken link between orders");
            assert_eq!(
                (node.order.instrument, node.order.side),
                (instrument, side),
                "an order in a wrong book"
            );
            assert_eq!(node.order.price, here.price, "an order in a wrong level");
            assert!(node.order.open > Qty::ZERO, "an order without open quantity");
            assert_eq!(self.index.get(node.order.id), Some(slot), "the index does not lead to the order");
            quantity += node.order.open;
            orders += 1;
            (older, slot) = (slot, node.newer);
        }
        assert_eq!(here.newest, older, "the newest order is not the last");
        assert_eq!((here.orders as usize, here.quantity), (orders, quantity), "a level's sums are wrong");
        orders
    }
}
