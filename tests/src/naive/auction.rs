//! Call auctions: orders collect, then all that can trade does, at one price.

use super::matching::is_own;
use super::{Market, Naive, Order};
use pitlane_engine::event::{OrderType, ReportReason, Side};
use pitlane_engine::exchange::{Indicative, Record, Unmatched};
use pitlane_engine::units::{InstrumentId, Price, Qty};

/// Whether an order would trade in the auction at `price`. One without a limit trades at any.
fn accepts(order: &Order, price: Price) -> bool {
    order.terms.price.is_zero()
        || match order.terms.side {
            Side::Buy => order.terms.price >= price,
            Side::Sell => order.terms.price <= price,
        }
}

impl Market {
    /// What would trade at `price`.
    fn at(&self, price: Price) -> Indicative {
        let sum = |queue: &[Order]| -> i64 {
            queue.iter().filter(|order| accepts(order, price)).map(|order| order.open.0).sum()
        };
        let (buys, sells) = (sum(&self.buys), sum(&self.sells));
        Indicative { price, quantity: Qty(buys.min(sells)), imbalance: Qty(buys - sells) }
    }
}

impl Naive {
    /// What an auction would find: of the prices of limit orders (without any, the reference) the one with the most
    /// volume; of those the one with the least imbalance; of those the nearest to the reference; of those the higher.
    pub fn indicative(&self, instrument: InstrumentId, reference: Price) -> Option<Indicative> {
        let market = self.market(instrument);
        let orders = market.buys.iter().chain(&market.sells);
        let mut prices: Vec<Price> =
            orders.map(|order| order.terms.price).filter(|price| !price.is_zero()).collect();
        let whole_ticks = reference.floor_to(market.listing.tick);
        if prices.is_empty() && !whole_ticks.is_zero() {
            prices.push(whole_ticks);
        }
        let rank = |found: &Indicative| {
            // Zero is no reference, and nothing is nearer to it than anything else.
            let distance = if reference.is_zero() { 0 } else { (found.price.0 - reference.0).abs() };
            (-found.quantity.0, found.imbalance.0.abs(), distance, -found.price.0)
        };
        let best = prices.into_iter().map(|price| market.at(price)).min_by_key(rank);
        best.filter(|found| !found.quantity.is_zero())
    }

    /// Matches what was collected, then does with the rest as `unmatched` says.
    pub fn uncross(
        &mut self,
        instrument: InstrumentId,
        reference: Price,
        unmatched: Unmatched,
        out: &mut Vec<Record>,
    ) {
        let mut found = None;
        while let Some(round) = self.indicative(instrument, reference) {
            self.trade_all(instrument, round.price, out);
            found.get_or_insert(round.price);
            if unmatched == Unmatched::Cancel {
                break;
            }
            // Self-trade prevention may have taken so much away that what is left still crosses: once more, then.
        }
        let resting = [self.market(instrument).buys.clone(), self.market(instrument).sells.clone()].concat();
        let whole_ticks = reference.floor_to(self.market(instrument).listing.tick);
        let price = found.unwrap_or(whole_ticks);
        for order in resting {
            let id = order.terms.id;
            match unmatched {
                Unmatched::Cancel => drop(self.cancel(id, ReportReason::AuctionEnd, out)),
                Unmatched::Carry if !order.terms.price.is_zero() => {}
                Unmatched::Carry if price.is_zero() => drop(self.cancel(id, ReportReason::NoPrice, out)),
                Unmatched::Carry => {
                    let mut order = self.take_out(id).expect("it was just there");
                    order.terms.price = price;
                    order.terms.order_type = OrderType::Limit;
                    order.time = self.tick();
                    self.market_mut(instrument).insert(order);
                    out.push(Record::Rested { id, open: order.open });
                }
            }
        }
    }

    /// Trades the best buy with the best sell at one price for as long as both accept it.
    fn trade_all(&mut self, instrument: InstrumentId, price: Price, out: &mut Vec<Record>) {
        loop {
            let market = self.market_mut(instrument);
            let (Some(buy), Some(sell)) = (market.buys.first_mut(), market.sells.first_mut()) else { return };
            if !accepts(buy, price) || !accepts(sell, price) {
                return;
            }
            if is_own(buy, sell) {
                let newest = if buy.time > sell.time { buy.terms.id } else { sell.terms.id };
                self.cancel(newest, ReportReason::SelfTrade, out);
                continue;
            }
            let quantity = buy.open.min(sell.open);
            for order in [&mut *buy, &mut *sell] {
                order.open -= quantity;
                order.shown -= quantity;
                order.filled += quantity;
            }
            out.push(Record::Trade {
                instrument,
                taker: buy.terms.id,
                maker: sell.terms.id,
                side: Side::Buy,
                price,
                quantity,
                taker_open: buy.open,
                maker_open: sell.open,
            });
            market.print(price);
            market.buys.retain(|order| !order.open.is_zero());
            market.sells.retain(|order| !order.open.is_zero());
        }
    }
}
