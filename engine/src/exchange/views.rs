//! Looking at the exchange.

use super::{Exchange, Holding, Listing};
use crate::book::{BUY_ABOVE_ALL, LevelView, Slot};
use crate::event::{MarketPhase, Side};
use crate::units::{InstrumentId, OrderId, Price, Qty};

/// Market orders are shown at price zero.
fn shown(price: Price) -> Price {
    if price == BUY_ABOVE_ALL { Price::ZERO } else { price }
}

impl Exchange {
    /// The best level of a side: displayed quantity and number of orders. In a call phase market orders are a level of
    /// their own, the best, at price zero.
    #[inline]
    pub fn best(&self, instrument: InstrumentId, side: Side) -> Option<LevelView> {
        self.levels(instrument, side).next()
    }

    /// The levels of a side, best first.
    pub fn levels(&self, instrument: InstrumentId, side: Side) -> impl Iterator<Item = LevelView> + '_ {
        self.books.levels(instrument, side).map(|level| LevelView { price: shown(level.price), ..level })
    }

    /// The orders of a side, anonymous volume included, the first to trade first.
    pub fn queue(&self, instrument: InstrumentId, side: Side) -> impl Iterator<Item = Holding> + '_ {
        self.books.slots(instrument, side).map(|slot| self.resting(slot))
    }

    /// The stop orders of a side that wait, the first to wake first.
    pub fn waiting(&self, instrument: InstrumentId, side: Side) -> impl Iterator<Item = Holding> + '_ {
        self.stops.slots(instrument, side.opposite()).map(|slot| self.waits(slot))
    }

    /// The order of an id.
    pub fn get(&self, id: OrderId) -> Option<Holding> {
        let resting = self.books.slot_of(id).map(|slot| self.resting(slot));
        resting.or_else(|| self.stops.slot_of(id).map(|slot| self.waits(slot)))
    }

    /// Orders with an id of their own that rest or wait in an instrument.
    pub fn open_orders(&self, instrument: InstrumentId) -> usize {
        self.markets[instrument.index()].open as usize
    }

    /// Orders with an id of their own that rest or wait in any instrument.
    pub fn len(&self) -> usize {
        self.held
    }

    /// Whether no order with an id of its own rests or waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last price, zero if there is none.
    pub fn last(&self, instrument: InstrumentId) -> Price {
        self.markets[instrument.index()].last
    }

    /// The phase.
    pub fn phase(&self, instrument: InstrumentId) -> MarketPhase {
        self.markets[instrument.index()].phase
    }

    /// The price band; zero for an open end.
    pub fn band(&self, instrument: InstrumentId) -> (Price, Price) {
        let market = &self.markets[instrument.index()];
        (market.low, market.high)
    }

    /// What the instruments are.
    pub fn listings(&self) -> &[Listing] {
        &self.listings
    }

    /// Pieces of anonymous volume.
    pub(super) fn pieces(&self) -> usize {
        self.books.len() + self.stops.len() - self.held
    }

    fn resting(&self, slot: Slot) -> Holding {
        let order = self.books.order(slot);
        let kept = self.books.payload(slot);
        let open = self.open_of(slot);
        Holding {
            id: order.id,
            account: kept.account,
            instrument: order.instrument,
            side: order.side,
            price: shown(order.price),
            trigger: Price::ZERO,
            open,
            displayed: order.open,
            filled: kept.quantity - open,
        }
    }

    fn waits(&self, slot: Slot) -> Holding {
        let (instrument, terms) = self.stop_terms(slot);
        Holding {
            id: terms.id,
            account: terms.account,
            instrument,
            side: terms.side,
            price: terms.price,
            trigger: terms.trigger,
            open: terms.quantity,
            displayed: Qty::ZERO,
            filled: Qty::ZERO,
        }
    }
}
