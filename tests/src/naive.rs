//! A naive exchange: every rule of the venue written out in the plainest way, over sorted vectors, with no bound on
//! time or memory but the one the rules give. It is the reference that the real one is compared with.
//!
//! A queue is a `Vec` in the order in which its orders trade; everything is found by looking at all of it. It shares the
//! vocabulary of the exchange (`Terms`, `Change`, `Record`) and none of its code.

mod auction;
mod changes;
mod checks;
mod feed;
mod matching;
mod stops;

use pitlane_engine::event::{MarketPhase, OrderType, ReportReason, SelfTrade, Side};
use pitlane_engine::exchange::{Account, Listing, Record, Terms};
use pitlane_engine::units::{InstrumentId, OrderId, Price, Qty};

/// Ids with this bit are the exchange's own, for anonymous volume.
pub const ANONYMOUS: u64 = 1 << 63;

/// An order the exchange holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// As it came, with the changes made to it since.
    pub terms: Terms,
    /// What is open, undisclosed quantity included.
    pub open: Qty,
    /// What of it is displayed.
    pub shown: Qty,
    /// What of its quantity has traded.
    pub filled: Qty,
    /// When it took its place: a smaller number is older.
    pub time: u64,
    /// Whether a last price has reached the trigger of a stop order that waits.
    pub due: bool,
}

/// One instrument.
#[derive(Clone, Debug)]
pub struct Market {
    /// What can be traded, in which steps.
    pub listing: Listing,
    /// Buys in the order in which they trade.
    pub buys: Vec<Order>,
    /// Sells in the order in which they trade.
    pub sells: Vec<Order>,
    /// Stop orders that wait.
    pub stops: Vec<Order>,
    /// What it is doing.
    pub phase: MarketPhase,
    /// Lowest and highest price of an order; zero for an open end.
    pub band: (Price, Price),
    /// The last price at which it traded, here or elsewhere; zero before the first.
    pub last: Price,
}

/// The exchange.
#[derive(Clone, Debug)]
pub struct Naive {
    /// By instrument id.
    pub markets: Vec<Market>,
    orders_max: usize,
    anonymous_max: usize,
    self_trade: SelfTrade,
    time: u64,
    anonymous_count: u64,
}

impl Naive {
    /// An exchange without orders, in continuous trading, without bands.
    pub fn new(listings: &[Listing], orders_max: usize, anonymous_max: usize, self_trade: SelfTrade) -> Self {
        let market = |listing: &Listing| Market {
            listing: *listing,
            buys: Vec::new(),
            sells: Vec::new(),
            stops: Vec::new(),
            phase: MarketPhase::Continuous,
            band: (Price::ZERO, Price::ZERO),
            last: Price::ZERO,
        };
        let markets = listings.iter().map(market).collect();
        Self { markets, orders_max, anonymous_max, self_trade, time: 0, anonymous_count: 0 }
    }

    /// Takes a new order, or rejects it.
    pub fn enter(&mut self, instrument: InstrumentId, terms: &Terms, out: &mut Vec<Record>) {
        if let Some(reason) = self.refusal(instrument, terms) {
            return out.push(Record::Rejected { id: terms.id, reason });
        }
        let open = terms.quantity;
        let mut order =
            Order { terms: *terms, open, shown: open, filled: Qty::ZERO, time: self.tick(), due: false };
        match self.market(instrument).phase {
            MarketPhase::Call => {
                if !terms.price.is_zero() {
                    // A market order with a worst price is a limit order to an auction.
                    order.terms.order_type = OrderType::Limit;
                }
                out.push(Record::Rested { id: terms.id, open });
                self.market_mut(instrument).insert(order);
            }
            _ if is_stop(terms) => self.wait(instrument, order, out),
            _ => self.execute(instrument, order, out),
        }
        self.wake(instrument, out);
    }

    /// Cancels an order that rests or waits; false if there is none of this id.
    pub fn cancel(&mut self, id: OrderId, reason: ReportReason, out: &mut Vec<Record>) -> bool {
        let Some(order) = self.take_out(id) else { return false };
        out.push(Record::Cancelled { id, open: order.open, reason });
        true
    }

    /// Cancels all orders of an account in an instrument: buys, sells, waiting buys, waiting sells.
    pub fn cancel_all(
        &mut self,
        instrument: InstrumentId,
        account: Account,
        reason: ReportReason,
        out: &mut Vec<Record>,
    ) {
        for order in self.market(instrument).all() {
            if order.terms.account == account {
                self.cancel(order.terms.id, reason, out);
            }
        }
    }

    /// A trade elsewhere.
    pub fn traded(&mut self, instrument: InstrumentId, last: Price, out: &mut Vec<Record>) {
        self.market_mut(instrument).print(last);
        self.wake(instrument, out);
    }

    /// Begins a phase. A call auction has no stop orders and no undisclosed quantity.
    pub fn set_phase(&mut self, instrument: InstrumentId, phase: MarketPhase, out: &mut Vec<Record>) {
        let begins = phase == MarketPhase::Call && self.market(instrument).phase != MarketPhase::Call;
        self.market_mut(instrument).phase = phase;
        self.market_mut(instrument).mark_due();
        if begins {
            let market = self.market(instrument);
            let is_waiting = |order: &Order| market.stops.iter().any(|stop| stop.terms.id == order.terms.id);
            let barred: Vec<Order> = market
                .all()
                .into_iter()
                .filter(|order| is_waiting(order) || order.shown < order.open)
                .collect();
            for order in barred {
                self.cancel(order.terms.id, ReportReason::NotAllowed, out);
            }
        }
        self.wake(instrument, out);
    }

    /// Sets the price band. Resting orders outside it are cancelled.
    pub fn set_band(&mut self, instrument: InstrumentId, low: Price, high: Price, out: &mut Vec<Record>) {
        self.market_mut(instrument).band = (low, high);
        let market = self.market(instrument);
        let resting = market.buys.iter().chain(&market.sells);
        let outside: Vec<Order> = resting
            .filter(|order| !order.terms.price.is_zero() && !market.in_band(order.terms.price))
            .copied()
            .collect();
        for order in outside {
            self.cancel(order.terms.id, ReportReason::PriceBand, out);
        }
    }

    /// The order of an id.
    pub fn get(&self, id: OrderId) -> Option<Order> {
        self.markets.iter().flat_map(Market::all).find(|order| order.terms.id == id)
    }

    /// Orders with an id of their own.
    fn held(&self) -> usize {
        self.markets.iter().flat_map(Market::all).filter(|order| !is_anonymous(order.terms.id)).count()
    }

    fn take_out(&mut self, id: OrderId) -> Option<Order> {
        for market in &mut self.markets {
            for orders in [&mut market.buys, &mut market.sells, &mut market.stops] {
                if let Some(place) = orders.iter().position(|order| order.terms.id == id) {
                    return Some(orders.remove(place));
                }
            }
        }
        None
    }

    fn market(&self, instrument: InstrumentId) -> &Market {
        &self.markets[instrument.index()]
    }

    fn market_mut(&mut self, instrument: InstrumentId) -> &mut Market {
        &mut self.markets[instrument.index()]
    }

    fn tick(&mut self) -> u64 {
        self.time += 1;
        self.time
    }
}

impl Market {
    /// Every order: buys, sells, waiting buys, waiting sells, each in the order in which they would trade or wake.
    pub fn all(&self) -> Vec<Order> {
        let [buys, sells] = [self.waiting(Side::Buy), self.waiting(Side::Sell)];
        [self.buys.clone(), self.sells.clone(), buys, sells].concat()
    }

    /// Whether an order may have this price.
    fn in_band(&self, price: Price) -> bool {
        let (low, high) = self.band;
        price >= low && (high.is_zero() || price <= high)
    }
}

/// Whether an order waits for a trigger first.
fn is_stop(terms: &Terms) -> bool {
    matches!(terms.order_type, OrderType::StopLimit | OrderType::StopMarket)
}

fn is_anonymous(id: OrderId) -> bool {
    id.0 & ANONYMOUS != 0
}
