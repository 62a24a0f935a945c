//! The invariants of the exchange, spelled out for tests.

use super::{Exchange, is_anonymous};
use crate::book::NONE;
use crate::event::{MarketPhase, Side};
use crate::units::{InstrumentId, Price, Qty};

impl Exchange {
    /// Panics if anything contradicts itself. Walks everything: for tests.
    pub fn validate(&self) {
        self.books.validate();
        self.stops.validate();
        let (mut held, mut clips, mut hidden) = (0, 0, 0_u64);
        for number in 0..self.listings.len() {
            let instrument = InstrumentId(u32::try_from(number).expect("instrument ids are 32 bits"));
            let mut open = self.stops.slots(instrument, Side::Buy).count();
            open += self.stops.slots(instrument, Side::Sell).count();
            for slot in [Side::Buy, Side::Sell].iter().flat_map(|&side| self.books.slots(instrument, side)) {
                let order = self.books.order(slot);
                let kept = self.books.payload(slot);
                assert!(kept.quantity >= self.open_of(slot), "more is open than was asked for: {order:?}");
                if kept.clip != NONE {
                    assert!(self.clips[kept.clip].hidden > Qty::ZERO, "an empty clip: {order:?}");
                    clips += 1;
                    hidden = hidden.wrapping_add(self.clips[kept.clip].hidden.0 as u64);
                }
                if !is_anonymous(order.id) {
                    open += 1;
                }
            }
            held += open;
            let market = &self.markets[number];
            assert_eq!(market.open as usize, open, "open orders of {instrument:?}");
            assert!(market.phase != MarketPhase::Call || self.stops.front(instrument, Side::Buy).is_none());
            assert!(market.last >= Price::ZERO);
            if self.is_idle() {
                assert!(!self.is_crossed(instrument), "crossed");
            }
        }
        assert_eq!((held, clips), (self.held, self.clips.capacity() - self.clips.room()));
        assert_eq!(hidden, self.tally.hidden, "the sum of undisclosed quantities is wrong");
    }
}
