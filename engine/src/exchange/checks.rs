//! What an order must be to be taken; see the module of the exchange for the order of the checks.

use super::{Exchange, Listing, PRICE_MAX, Plain, Terms};
use crate::book::QUANTITY_MAX;
use crate::event::{MarketPhase, OrderType, ReportReason, Side, Validity};
use crate::units::{InstrumentId, Price, Qty};

impl Exchange {
    /// Why terms are refused, whoever asks: a new order or a change of one.
    pub(super) fn refusal(&self, instrument: InstrumentId, terms: &Terms) -> Option<ReportReason> {
        let listing = &self.listings[instrument.index()];
        let market = &self.markets[instrument.index()];
        match market.phase {
            MarketPhase::Closed => return Some(ReportReason::Closed),
            MarketPhase::Halted => return Some(ReportReason::Halted),
            MarketPhase::Continuous | MarketPhase::Call => {}
        }
        if self.is_malformed(instrument, terms) {
            return Some(ReportReason::Malformed);
        }
        if !listing.freeze.is_zero() && terms.quantity > listing.freeze {
            return Some(ReportReason::FreezeQuantity);
        }
        let plain = terms.order_type == OrderType::Limit && terms.validity == Validity::Day;
        if terms.post_only && !plain || market.phase == MarketPhase::Call && !collects(terms) {
            return Some(ReportReason::NotAllowed);
        }
        // To an auction a worst price is a limit: it could become the auction's price.
        let is_limit = matches!(terms.order_type, OrderType::Limit | OrderType::StopLimit)
            || market.phase == MarketPhase::Call && !terms.price.is_zero();
        (is_limit && !market.takes(terms.price)).then_some(ReportReason::PriceBand)
    }

    /// Whether a price is a multiple of the tick.
    fn is_on_tick(&self, instrument: InstrumentId, price: Price) -> bool {
        is_multiple(price, self.listings[instrument.index()].tick)
    }

    fn is_malformed(&self, instrument: InstrumentId, terms: &Terms) -> bool {
        let listing = &self.listings[instrument.index()];
        let on_tick = |price| price > Price::ZERO && price <= PRICE_MAX && self.is_on_tick(instrument, price);
        let quantity = terms.quantity.0;
        let lot = listing.lot.0;
        if quantity <= 0 || quantity > QUANTITY_MAX.0 || terms.disclosed.0 < 0 {
            return true;
        }
        if lot != 1 && (quantity % lot != 0 || terms.disclosed.0 % lot != 0) {
            return true;
        }
        let priced = match terms.order_type {
            OrderType::Limit | OrderType::StopLimit => on_tick(terms.price),
            OrderType::Market | OrderType::StopMarket => terms.price.is_zero() || on_tick(terms.price),
        };
        let triggered = match terms.order_type {
            OrderType::Limit | OrderType::Market => terms.trigger.is_zero(),
            OrderType::StopMarket => on_tick(terms.trigger),
            // NSE: a buy's trigger is not above its limit, a sell's not below.
            OrderType::StopLimit if terms.side == Side::Buy => {
                on_tick(terms.trigger) && terms.trigger <= terms.price
            }
            OrderType::StopLimit => on_tick(terms.trigger) && terms.trigger >= terms.price,
        };
        !(priced && triggered)
    }
}

/// Whether a price is a multiple of a tick; the division is dear and often not needed.
#[inline]
pub(super) fn is_multiple(price: Price, tick: Price) -> bool {
    tick == Price(1) || price.0 % tick.0 == 0
}

/// Whether a call phase takes such orders (NSE: no stops, no disclosed quantity; immediate orders have no meaning).
fn collects(terms: &Terms) -> bool {
    matches!(terms.order_type, OrderType::Limit | OrderType::Market)
        && terms.validity == Validity::Day
        && terms.disclosed.is_zero()
        && !terms.post_only
}

impl super::Market {
    /// Puts together what the short way asks, after any change of phase or band.
    pub(super) fn set_plain(&mut self, listing: &Listing) {
        let short = self.phase == MarketPhase::Continuous && listing.lot == Qty(1);
        let most = if listing.freeze.is_zero() { QUANTITY_MAX } else { listing.freeze.min(QUANTITY_MAX) };
        self.plain = Plain {
            quantity_max: if short { most } else { Qty::ZERO },
            low: self.low.max(Price(1)),
            high: if self.high.is_zero() { PRICE_MAX } else { self.high.min(PRICE_MAX) },
            tick: listing.tick,
        };
    }

    /// Whether a price is within the band.
    #[inline]
    pub(super) fn takes(&self, price: Price) -> bool {
        price >= self.low && (self.high.is_zero() || price <= self.high)
    }
}
