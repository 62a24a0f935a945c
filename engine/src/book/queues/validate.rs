//! The invariants of the queues, spelled out for tests.

use super::{NONE, Queues, is_better, nothing};
use crate::event::Side;
use crate::units::{InstrumentId, Price, Qty};

impl<T: Copy> Queues<T> {
    /// Panics if a link, a sum, the index or the order of prices is wrong. Walks everything: for tests.
    pub fn validate(&self) {
        let (mut orders, mut levels, mut open) = (0, 0, 0_u64);
        for lane in 0..self.tops.len() * 2 {
            let instrument = InstrumentId(u32::try_from(lane / 2).expect("instrument ids are 32 bits"));
            let side = if lane % 2 == 0 { Side::Buy } else { Side::Sell };
            let top = self.top(instrument, side);
            let (mut better, mut level) = (NONE, top.level);
            let price = if level == NONE { nothing(side) } else { self.levels[level].price };
            assert_eq!(top.price, price, "the price beside the best level is another's");
            if let Some(ladders) = self.ladders.get(instrument.index()) {
                ladders[super::lane(side)].validate(|level| self.levels[level].price);
            }
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
                open = open.wrapping_add(here.quantity.0 as u64);
                levels += 1;
                better_price = Some(here.price);
                (better, level) = (level, here.worse);
            }
        }
        assert_eq!(orders, self.len(), "orders in no queue");
        assert_eq!(levels, self.levels.capacity() - self.levels.room(), "levels in no side");
        assert_eq!(open, self.open_sum, "the sum of open quantities is wrong");
    }

    fn validate_level(&self, instrument: InstrumentId, side: Side, level: u32) -> usize {
        let here = &self.levels[level];
        let (mut orders, mut quantity) = (0, Qty::ZERO);
        let (mut older, mut slot) = (NONE, here.oldest);
        while slot != NONE {
            let node = &self.nodes[slot];
            assert_eq!((node.level, node.older), (level, older), "broken link between orders");
            assert_eq!((node.instrument, node.side()), (instrument, side), "an order in a wrong book");
            assert_eq!(node.price, here.price, "an order in a wrong level");
            assert!(node.open > Qty::ZERO, "an order without open quantity");
            assert!(
                older == NONE || self.nodes[older].arrival < node.arrival,
                "an order before an older one"
            );
            assert_eq!(
                self.slot_of(node.id).map(|slot| slot.0),
                Some(slot),
                "the index does not lead to the order"
            );
            quantity += node.open;
            orders += 1;
            (older, slot) = (slot, node.newer);
        }
        assert_eq!(here.newest, older, "the newest order is not the last");
        assert_eq!((here.orders as usize, here.quantity), (orders, quantity), "a level's sums are wrong");
        orders
    }
}
