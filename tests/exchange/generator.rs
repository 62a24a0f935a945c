//! Random operations from a seed, shaped so that every rule has its occasions.

use crate::venue::{Op, Setup};
use pitlane_engine::event::{MarketPhase, OrderType, SelfTrade, Side, Validity};
use pitlane_engine::exchange::{Account, Change, End, Limits, Listing, Terms, Unmatched};
use pitlane_engine::units::{InstrumentId, OrderId, Price, Qty};
use pitlane_tests::Rng;
use pitlane_tests::naive::{Market, Naive, Order};

/// Makes operations.
pub(crate) struct Generator {
    random: Rng,
    next_id: u64,
    /// Where the market of each instrument is, in ticks.
    middles: Vec<i64>,
    /// Orders are within so many ticks of the middle.
    width: u64,
    /// One operation in so many moves a market far away.
    jumps: u64,
    accounts: u64,
    /// Largest quantity, in lots.
    lots: u64,
    /// How many orders a book tends to hold.
    crowd: usize,
}

/// What a seed's exchanges are built from, and what makes their operations.
pub(crate) fn of_seed(seed: u64) -> (Setup, Generator) {
    let mut random = Rng(seed);
    let instruments = 1 + random.below(3) as usize;
    let listing = |random: &mut Rng| Listing {
        tick: Price([1, 5, 100][random.below(3) as usize]),
        lot: Qty([1, 10][random.below(2) as usize]),
        freeze: Qty([0, 250][random.below(2) as usize]),
    };
    let listings: Vec<Listing> = (0..instruments).map(|_| listing(&mut random)).collect();
    let small = random.below(4) == 0;
    let setup = Setup {
        listings,
        limits: Limits {
            orders: if small { 8 } else { 200 },
            anonymous: if small { 3 } else { 50 },
            records_max: [4, 5, 7, 48, 1 << 20][random.below(5) as usize],
            ladder_ticks: [0, 256, 256, 1_024][random.below(4) as usize],
        },
        self_trade: [SelfTrade::CancelNewest, SelfTrade::CancelOldest, SelfTrade::Decrement]
            [random.below(3) as usize],
    };
    let generator = Generator {
        next_id: 1,
        middles: vec![5_000; instruments],
        width: [3, 12, 60, 400][random.below(4) as usize],
        jumps: [40, 400, 1_000_000][random.below(3) as usize],
        accounts: 1 + random.below(4),
        lots: 1 + random.below(30),
        crowd: 5 + random.below(40) as usize,
        random,
    };
    (setup, generator)
}

impl Generator {
    /// The next operation, for exchanges that hold what `naive` does.
    pub(crate) fn next(&mut self, naive: &Naive) -> Op {
        let number = self.random.below(naive.markets.len() as u64) as usize;
        let instrument = InstrumentId(number as u32);
        let market = &naive.markets[number];
        if self.random.below(self.jumps) == 0 {
            self.middles[number] = 500 + self.random.below(20_000) as i64;
        }
        self.middles[number] += self.random.below(3) as i64 - 1;
        if market.phase != MarketPhase::Continuous && self.random.below(12) == 0 {
            return self.leave(instrument, market);
        }
        match self.random.below(1_000) {
            0..570 if market.all().len() > self.crowd && self.random.below(3) > 0 => self.cancel(naive),
            0..570 => Op::Enter(instrument, self.terms(market, number)),
            570..720 => self.modify(naive),
            720..820 => self.cancel(naive),
            820..860 => Op::Traded(instrument, self.price(market, number)),
            860..875 => self.band(market, number),
            875..885 => self.phase(instrument),
            885..890 => Op::CancelAll(instrument, self.account()),
            890..905 => Op::Restart,
            _ => self.volume(naive, market, number),
        }
    }

    /// A price that is the reference of auctions asked about.
    pub(crate) fn reference(&mut self, naive: &Naive) -> Price {
        self.price(&naive.markets[0], 0)
    }

    fn leave(&mut self, instrument: InstrumentId, market: &Market) -> Op {
        let reference = match self.random.below(6) {
            0 => Price::ZERO,
            1 => Price(1 + self.random.below(1_000_000) as i64),
            _ => self.price(market, instrument.index()),
        };
        let unmatched = if self.random.below(3) == 0 { Unmatched::Cancel } else { Unmatched::Carry };
        match market.phase {
            MarketPhase::Call if self.random.below(5) == 0 => Op::Uncross(instrument, reference, unmatched),
            MarketPhase::Call => Op::Open(instrument, reference, unmatched),
            _ if self.random.below(3) > 0 => Op::Phase(instrument, MarketPhase::Continuous),
            _ => self.phase(instrument),
        }
    }

    fn phase(&mut self, instrument: InstrumentId) -> Op {
        let phase = match self.random.below(6) {
            0..3 => MarketPhase::Call,
            3 => MarketPhase::Halted,
            4 => MarketPhase::Closed,
            _ => MarketPhase::Continuous,
        };
        Op::Phase(instrument, phase)
    }

    fn band(&mut self, market: &Market, number: usize) -> Op {
        let instrument = InstrumentId(number as u32);
        let tick = market.listing.tick.0;
        let reach = 1 + self.random.below(2 * self.width) as i64;
        let (low, high) =
            ((self.middles[number] - reach).max(1) * tick, (self.middles[number] + reach) * tick);
        match self.random.below(4) {
            0 => Op::Band(instrument, Price::ZERO, Price::ZERO),
            1 => Op::Band(instrument, Price(low), Price::ZERO),
            _ => Op::Band(instrument, Price(low), Price(high)),
        }
    }

    fn terms(&mut self, market: &Market, number: usize) -> Terms {
        let mut terms = Terms {
            id: self.id(),
            account: self.account(),
            side: self.side(),
            order_type: OrderType::Limit,
            validity: Validity::Day,
            quantity: self.quantity(market),
            price: self.price(market, number),
            trigger: Price::ZERO,
            disclosed: Qty::ZERO,
            post_only: false,
        };
        let kind = self.random.below(100);
        match kind {
            0..45 => {}
            45..55 => terms.order_type = OrderType::Market,
            55..63 => terms.validity = Validity::Ioc,
            63..70 => terms.validity = Validity::Fok,
            70..75 => terms.post_only = true,
            75..87 => terms.disclosed = self.quantity(market),
            87..92 => terms.order_type = OrderType::StopLimit,
            92..96 => terms.order_type = OrderType::StopMarket,
            96..98 => self.mangle(&mut terms),
            _ => {
                terms.order_type = [OrderType::Market, OrderType::StopMarket][self.random.below(2) as usize];
                terms.validity = [Validity::Ioc, Validity::Fok][self.random.below(2) as usize];
            }
        }
        if terms.order_type == OrderType::Limit && self.random.below(12) == 0 {
            terms.disclosed = self.quantity(market);
        }
        if matches!(terms.order_type, OrderType::Market | OrderType::StopMarket) && self.random.below(2) == 0
        {
            terms.price = Price::ZERO;
        }
        if matches!(terms.order_type, OrderType::StopLimit | OrderType::StopMarket) {
            self.trigger(&mut terms, market, number);
        }
        terms
    }

    /// A trigger on the right side of the limit, mostly.
    fn trigger(&mut self, terms: &mut Terms, market: &Market, number: usize) {
        terms.trigger = self.price(market, number);
        if terms.order_type == OrderType::StopLimit && self.random.below(8) > 0 {
            let (price, trigger) = (terms.price, terms.trigger);
            (terms.trigger, terms.price) = match terms.side {
                Side::Buy => (price.min(trigger), price.max(trigger)),
                Side::Sell => (price.max(trigger), price.min(trigger)),
            };
        }
        if self.random.below(4) == 0 {
            terms.validity = [Validity::Ioc, Validity::Fok][self.random.below(2) as usize];
        }
        if self.random.below(4) == 0 {
            terms.disclosed = self.quantity(market);
        }
    }

    /// Something about the order is as it should not be, perhaps.
    fn mangle(&mut self, terms: &mut Terms) {
        match self.random.below(9) {
            0 => terms.quantity = Qty(terms.quantity.0 + 1),
            1 => terms.quantity = Qty::ZERO,
            2 => terms.price = Price(terms.price.0 + 1),
            3 => terms.price = Price::ZERO,
            4 => terms.trigger = terms.price,
            5 => terms.id = OrderId(1 + self.random.below(self.next_id)),
            6 => terms.id = OrderId(self.random.below(2) << 63 | self.random.below(2)),
            7 => (terms.post_only, terms.validity) = (true, Validity::Ioc),
            _ => terms.quantity = Qty(-terms.quantity.0),
        }
    }

    fn cancel(&mut self, naive: &Naive) -> Op {
        Op::Cancel(
            self.known(naive)
                .map_or(OrderId(1 + self.random.below(self.next_id)), |(_, order)| order.terms.id),
        )
    }

    fn modify(&mut self, naive: &Naive) -> Op {
        let Some((number, order)) = self.known(naive) else { return Op::Cancel(OrderId(self.next_id)) };
        let market = &naive.markets[number];
        let whole = order.filled + order.open;
        let mut change = Change {
            quantity: whole,
            price: order.terms.price,
            trigger: Price::ZERO,
            disclosed: order.terms.disclosed,
        };
        if market.stops.iter().any(|stop| stop.terms.id == order.terms.id) {
            change.trigger = order.terms.trigger;
        }
        let kinds = self.random.below(15) + 1;
        if kinds & 1 != 0 {
            change.quantity = self.quantity(market);
            if self.random.below(2) == 0 {
                change.quantity += order.filled;
            }
        }
        if kinds & 2 != 0 && self.random.below(2) == 0 {
            change.price = self.price(market, number);
        }
        if kinds & 4 != 0 && (!change.trigger.is_zero() || self.random.below(20) == 0) {
            change.trigger = self.price(market, number);
        }
        if kinds & 8 != 0 {
            change.disclosed = if self.random.below(3) == 0 { Qty::ZERO } else { self.quantity(market) };
        }
        Op::Modify(order.terms.id, change)
    }

    fn volume(&mut self, naive: &Naive, market: &Market, number: usize) -> Op {
        let instrument = InstrumentId(number as u32);
        let (side, price, quantity) = (self.side(), self.price(market, number), self.quantity(market));
        let end = [End::Front, End::Back][self.random.below(2) as usize];
        match self.random.below(23) {
            20 | 21 => {
                self.known(naive).map_or(Op::Restart, |(_, order)| Op::AddAhead(order.terms.id, quantity))
            }
            22 => {
                self.known(naive).map_or(Op::Restart, |(_, order)| Op::TakeNextTo(order.terms.id, quantity))
            }
            0..9 => {
                // Mostly on its own side of the market, as a feed shows it.
                let away = self.random.below(self.width) as i64 * market.listing.tick.0;
                let middle = self.middles[number] * market.listing.tick.0;
                let price = if side == Side::Buy { middle - away } else { middle + away };
                Op::AddVolume(instrument, side, Price(price.max(market.listing.tick.0)), quantity)
            }
            9..12 => Op::TakeVolume(instrument, side, price, quantity, end),
            12..14 => {
                self.known(naive).map_or(Op::Restart, |(_, order)| Op::TakeAhead(order.terms.id, quantity))
            }
            14..16 => {
                self.known(naive).map_or(Op::Restart, |(_, order)| Op::TakeBehind(order.terms.id, quantity))
            }
            16..19 => {
                let limit = if self.random.below(3) == 0 { Price::ZERO } else { price };
                Op::Sweep(instrument, side, limit, quantity)
            }
            19.. => Op::ClearVolume(instrument),
        }
    }

    /// An order with an id of its own that some market holds.
    fn known(&mut self, naive: &Naive) -> Option<(usize, Order)> {
        let number = self.random.below(naive.markets.len() as u64) as usize;
        let mut orders = naive.markets[number].all();
        orders.retain(|order| order.terms.id.0 & pitlane_tests::naive::ANONYMOUS == 0);
        if orders.is_empty() {
            return None;
        }
        Some((number, orders[self.random.below(orders.len() as u64) as usize]))
    }

    fn id(&mut self) -> OrderId {
        self.next_id += 1;
        OrderId(self.next_id)
    }

    fn side(&mut self) -> Side {
        if self.random.below(2) == 0 { Side::Buy } else { Side::Sell }
    }

    fn account(&mut self) -> Account {
        Account(self.random.below(self.accounts + 1) as u32)
    }

    fn quantity(&mut self, market: &Market) -> Qty {
        Qty(market.listing.lot.0 * (1 + self.random.below(self.lots) as i64))
    }

    /// A price near the middle; rarely one far away.
    fn price(&mut self, market: &Market, number: usize) -> Price {
        let width = if self.random.below(50) == 0 { self.width * 20 } else { self.width };
        let ticks = self.middles[number] + self.random.below(2 * width + 1) as i64 - width as i64;
        Price(ticks.max(1) * market.listing.tick.0)
    }
}
