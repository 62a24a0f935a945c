//! Call auctions: the equilibrium price, and trading what was collected at it.
//!
//! NSE (nse-rules 1b): the price with the largest executable volume, then the least unmatched quantity, then nearest
//! the reference; market orders first; all at that one price.

use super::bulk::{Bulk, Which};
use super::matching::{Rest, Taker};
use super::{Account, Call, Exchange, Indicative, Order, Record, Unmatched};
use crate::book::{BUY_ABOVE_ALL, SELL_BELOW_ALL, Slot};
use crate::event::{MarketPhase, ReportReason, Side};
use crate::stage::Progress;
use crate::units::{InstrumentId, Price, Qty};

/// An auction under way.
#[derive(Clone, Copy)]
pub(super) struct Auction {
    instrument: InstrumentId,
    reference: Price,
    /// At which price all trade, while they do.
    price: Option<Price>,
    /// At which price market orders that are left rest.
    rests_at: Option<Price>,
    unmatched: Unmatched,
}

/// Demand and supply on the way down through the prices.
struct Curves {
    demand: Qty,
    supply: Qty,
    /// First orders of the next limit prices of both sides.
    buys: Option<Slot>,
    sells: Option<Slot>,
}

impl Exchange {
    /// What an auction would do now; `None` if nothing would trade. `reference` is the price that decides ties, zero if
    /// there is none: then the higher price does.
    pub fn indicative(&self, instrument: InstrumentId, reference: Price) -> Option<Indicative> {
        let mut curves = self.curves(instrument);
        let mut best: Option<Indicative> = None;
        while let Some(price) = self.next_price(&curves) {
            if let Some(level) =
                curves.buys.map(|slot| self.books.level_of(slot)).filter(|l| l.price == price)
            {
                curves.demand += level.quantity;
                curves.buys = curves.buys.and_then(|slot| self.books.next_price(slot));
            }
            let quantity = curves.demand.min(curves.supply);
            let here = Indicative { price, quantity, imbalance: curves.demand - curves.supply };
            if best.is_none_or(|best| here.is_better_than(&best, reference)) {
                best = Some(here);
            }
            if let Some(level) =
                curves.sells.map(|slot| self.books.level_of(slot)).filter(|l| l.price == price)
            {
                curves.supply -= level.quantity;
                curves.sells = curves.sells.and_then(|slot| self.books.better_price(slot));
                curves.sells = curves.sells.filter(|&slot| self.books.order(slot).price != SELL_BELOW_ALL);
            }
            if curves.supply.is_zero() {
                break;
            }
        }
        let without_limits = || {
            let price = self.on_tick(instrument, reference)?;
            let imbalance = curves.demand - curves.supply;
            Some(Indicative { price, quantity: curves.demand.min(curves.supply), imbalance })
        };
        best.or_else(without_limits).filter(|best| best.quantity > Qty::ZERO)
    }

    /// Matches what a call phase collected, and disposes of the rest. The phase stays as it is. Panics outside a call
    /// phase. `reference` as for [`Exchange::indicative`].
    pub fn uncross(
        &mut self,
        instrument: InstrumentId,
        reference: Price,
        unmatched: Unmatched,
        each: &mut impl FnMut(Record),
    ) -> Progress {
        let call = &mut self.begin(each);
        let is_call = self.markets[instrument.index()].phase == MarketPhase::Call;
        assert!(is_call, "only a call phase is uncrossed");
        let price = self.indicative(instrument, reference).map(|found| found.price);
        let rests_at = price.or_else(|| self.on_tick(instrument, reference));
        self.auction_on(Auction { instrument, reference, price, rests_at, unmatched }, call)
    }

    /// Goes on with an auction.
    pub(super) fn auction_on<F: FnMut(Record)>(
        &mut self,
        mut auction: Auction,
        call: &mut Call<'_, F>,
    ) -> Progress {
        while let Some(price) = auction.price {
            let Some((buy, sell)) = self.pair(auction.instrument, price) else {
                auction.price = self.next_round(&auction);
                continue;
            };
            if call.left == 0 {
                self.work.bulk = Some(Bulk::Auction(auction));
                return Progress::More;
            }
            self.trade_pair(buy, sell, price, call);
        }
        if auction.unmatched == Unmatched::Cancel {
            let reason = ReportReason::AuctionEnd;
            return self.cancel_each(auction.instrument, Which::Resting, reason, call);
        }
        while let Some(slot) = self.market_order(auction.instrument) {
            if call.left == 0 {
                self.work.bulk = Some(Bulk::Auction(auction));
                return Progress::More;
            }
            self.rest_as_limit(slot, auction.rests_at, call);
        }
        self.settle(auction.instrument)
    }

    /// Whether what is left still crosses, because self-trade prevention took away what the price was made of. Carried
    /// into continuous trading it may not: it is matched in the same way, at a price of its own (U). Otherwise it is
    /// cancelled with the rest.
    fn next_round(&self, auction: &Auction) -> Option<Price> {
        match auction.unmatched {
            Unmatched::Carry => {
                self.indicative(auction.instrument, auction.reference).map(|found| found.price)
            }
            Unmatched::Cancel => None,
        }
    }

    /// Where the way down begins: all market orders, and all sells that a buy might meet.
    fn curves(&self, instrument: InstrumentId) -> Curves {
        let beside_market = |side: Side, market: Price| {
            let front = self.books.front(instrument, side);
            match front.map(|slot| self.books.level_of(slot)) {
                Some(level) if level.price == market => {
                    (level.quantity, front.and_then(|slot| self.books.next_price(slot)))
                }
                _ => (Qty::ZERO, front),
            }
        };
        let (demand, buys) = beside_market(Side::Buy, BUY_ABOVE_ALL);
        let (mut supply, mut next) = beside_market(Side::Sell, SELL_BELOW_ALL);
        let highest = match buys {
            _ if demand > Qty::ZERO => BUY_ABOVE_ALL,
            Some(slot) => self.books.order(slot).price,
            None => SELL_BELOW_ALL,
        };
        let mut sells = None;
        while let Some(slot) = next.filter(|&slot| self.books.order(slot).price <= highest) {
            supply += self.books.level_of(slot).quantity;
            sells = Some(slot);
            next = self.books.next_price(slot);
        }
        Curves { demand, supply, buys, sells }
    }

    fn next_price(&self, curves: &Curves) -> Option<Price> {
        let price = |slot: Slot| self.books.order(slot).price;
        curves.buys.map(price).max(curves.sells.map(price))
    }

    fn on_tick(&self, instrument: InstrumentId, reference: Price) -> Option<Price> {
        let price = reference.floor_to(self.listings[instrument.index()].tick);
        (price > Price::ZERO).then_some(price)
    }

    /// The orders that trade next at the auction's price.
    fn pair(&self, instrument: InstrumentId, price: Price) -> Option<(Slot, Slot)> {
        let buy = self.books.front(instrument, Side::Buy)?;
        let sell = self.books.front(instrument, Side::Sell)?;
        let both = self.books.order(buy).price >= price && self.books.order(sell).price <= price;
        both.then_some((buy, sell))
    }

    fn trade_pair<F: FnMut(Record)>(&mut self, buy: Slot, sell: Slot, price: Price, call: &mut Call<'_, F>) {
        let (buyer, seller) = (self.books.order(buy), self.books.order(sell));
        let (bought, sold): (Order, Order) = (*self.books.payload(buy), *self.books.payload(sell));
        if bought.account == sold.account && bought.account != Account::MARKET {
            // NSE: in call auctions the active order is cancelled, which is the later one.
            let later = if self.books.arrival(buy) > self.books.arrival(sell) { buy } else { sell };
            return self.cancel_slot(later, ReportReason::SelfTrade, call);
        }
        let quantity = buyer.open.min(seller.open);
        self.tally.fill(quantity);
        let taker_open = self.fill(buy, quantity);
        let maker_open = self.fill(sell, quantity);
        self.markets[buyer.instrument.index()].last = price;
        call.emit(Record::Trade {
            instrument: buyer.instrument,
            taker: buyer.id,
            maker: seller.id,
            side: Side::Buy,
            price,
            quantity,
            taker_open,
            maker_open,
        });
    }

    /// The market order that is first in the book, buys before sells.
    fn market_order(&self, instrument: InstrumentId) -> Option<Slot> {
        let first = |side: Side, market: Price| {
            let slot = self.books.front(instrument, side)?;
            (self.books.order(slot).price == market).then_some(slot)
        };
        first(Side::Buy, BUY_ABOVE_ALL).or_else(|| first(Side::Sell, SELL_BELOW_ALL))
    }

    /// Makes a market order that the auction left a limit order.
    fn rest_as_limit<F: FnMut(Record)>(&mut self, slot: Slot, price: Option<Price>, call: &mut Call<'_, F>) {
        let Some(limit) = price else { return self.cancel_slot(slot, ReportReason::NoPrice, call) };
        let order = self.books.order(slot);
        let Order { quantity, account, .. } = *self.books.payload(slot);
        let open = self.lift(slot);
        let taker = Taker {
            instrument: order.instrument,
            id: order.id,
            account,
            side: order.side,
            limit,
            open,
            quantity,
            disclosed: Qty::ZERO,
            rest: Rest::Rests,
        };
        self.rest(&taker, call);
    }
}

impl Indicative {
    /// Whether this price is to be preferred to a higher one.
    fn is_better_than(&self, other: &Self, reference: Price) -> bool {
        if self.quantity != other.quantity {
            return self.quantity > other.quantity;
        }
        if self.imbalance.abs() != other.imbalance.abs() {
            return self.imbalance.abs() < other.imbalance.abs();
        }
        let distance = |at: &Self| (at.price.0 - reference.0).abs();
        !reference.is_zero() && distance(self) < distance(other)
    }
}
