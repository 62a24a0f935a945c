//! What an order must be to be taken.

use super::{Naive, is_anonymous, is_stop};
use pitlane_engine::book::QUANTITY_MAX;
use pitlane_engine::event::{MarketPhase, OrderType, ReportReason, Side, Validity};
use pitlane_engine::exchange::{Listing, Terms};
use pitlane_engine::units::{InstrumentId, Price, Qty};

impl Naive {
    /// Why a new order is not taken; `None` if it is.
    pub(super) fn refusal(&self, instrument: InstrumentId, terms: &Terms) -> Option<ReportReason> {
        if instrument.index() >= self.markets.len() {
            return Some(ReportReason::NotTradable);
        }
        if terms.id.is_zero() || is_anonymous(terms.id) {
            return Some(ReportReason::Malformed);
        }
        if self.get(terms.id).is_some() {
            return Some(ReportReason::Duplicate);
        }
        if let Some(reason) = self.unfit(instrument, terms) {
            return Some(reason);
        }
        let may_stay = terms.validity == Validity::Day
            && (terms.order_type == OrderType::Limit || self.market(instrument).phase == MarketPhase::Call)
            || is_stop(terms);
        (may_stay && self.held() >= self.orders_max).then_some(ReportReason::VenueFull)
    }

    /// Why nobody could have an order of these terms now.
    pub(super) fn unfit(&self, instrument: InstrumentId, terms: &Terms) -> Option<ReportReason> {
        let market = self.market(instrument);
        let is_plain = matches!(terms.order_type, OrderType::Limit | OrderType::Market)
            && terms.validity == Validity::Day
            && terms.disclosed.is_zero()
            && !terms.post_only;
        let has_limit = matches!(terms.order_type, OrderType::Limit | OrderType::StopLimit)
            || market.phase == MarketPhase::Call && !terms.price.is_zero();
        let may_be_post_only = terms.order_type == OrderType::Limit && terms.validity == Validity::Day;
        match market.phase {
            MarketPhase::Closed => Some(ReportReason::Closed),
            MarketPhase::Halted => Some(ReportReason::Halted),
            _ if is_malformed(&market.listing, terms) => Some(ReportReason::Malformed),
            _ if !market.listing.freeze.is_zero() && terms.quantity > market.listing.freeze => {
                Some(ReportReason::FreezeQuantity)
            }
            _ if terms.post_only && !may_be_post_only => Some(ReportReason::NotAllowed),
            MarketPhase::Call if !is_plain => Some(ReportReason::NotAllowed),
            _ if has_limit && !market.in_band(terms.price) => Some(ReportReason::PriceBand),
            _ => None,
        }
    }
}

/// Whether a price or quantity is none that the instrument can have, or the trigger contradicts the rest.
fn is_malformed(listing: &Listing, terms: &Terms) -> bool {
    let is_price = |price: Price| price > Price::ZERO && price.0 % listing.tick.0 == 0;
    let is_quantity = |quantity: Qty| quantity > Qty::ZERO && quantity.0 % listing.lot.0 == 0;
    let worst_is_fine = terms.price.is_zero() || is_price(terms.price);
    let trigger_and_price = match terms.order_type {
        OrderType::Limit => is_price(terms.price) && terms.trigger.is_zero(),
        OrderType::Market => worst_is_fine && terms.trigger.is_zero(),
        OrderType::StopMarket => worst_is_fine && is_price(terms.trigger),
        OrderType::StopLimit => {
            is_price(terms.price)
                && is_price(terms.trigger)
                && match terms.side {
                    Side::Buy => terms.trigger <= terms.price,
                    Side::Sell => terms.trigger >= terms.price,
                }
        }
    };
    let disclosed_is_fine = terms.disclosed.is_zero() || is_quantity(terms.disclosed);
    !is_quantity(terms.quantity) || terms.quantity > QUANTITY_MAX || !trigger_and_price || !disclosed_is_fine
}
