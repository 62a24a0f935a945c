//! The venue against displayed depth: the rules one by one, then random days against a naive venue.

use super::property_tests::Random;
use super::tests::{
    BUY, SELL, Step, TICK, Venue, cancel, fills, full, ioc, limit, market, modify, only, order_event,
};
use super::*;
use crate::event::{FILL_SLIPPAGE, FLAG_EXO, Full, Ltp, MARKET_VOLUME, OrderType, Quote, Validity};
use crate::stage::stage_hash;
use crate::state::trips::{changed_bytes_never_panic, loaded_stages_go_on};
use zerocopy::FromZeros;

/// Price and quantity of a displayed level.
type Level = (i64, u32);
/// Order, price and quantity of a fill.
type Filled = (u64, i64, i64);

/// A full packet with a book.
pub(super) fn book(instrument: u32, last: i64, volume: u32, bids: &[Level], asks: &[Level]) -> Event {
    let mut body = Full::new_zeroed();
    (body.last, body.volume, body.flags) = (Price(last), volume, MARKET_VOLUME);
    let delta = |price: i64| i32::try_from(price - last).expect("near the last price");
    for (number, &(price, quantity)) in bids.iter().enumerate() {
        (body.bid_delta[number], body.bid_qty[number]) = (delta(price), quantity);
    }
    for (number, &(price, quantity)) in asks.iter().enumerate() {
        (body.ask_delta[number], body.ask_qty[number]) = (delta(price), quantity);
    }
    Event::new(InstrumentId(instrument), FLAG_EXO, &body)
}

const BIDS: [Level; 3] = [(99_500, 10), (99_000, 20), (98_000, 30)];
const ASKS: [Level; 3] = [(100_500, 10), (101_000, 20), (102_000, 30)];

/// A venue with two ticks of slippage, a last price of 100,000 and the book above.
fn venue() -> Venue {
    let mut venue = Venue::new(2);
    venue.step(&[book(0, 100_000, 1_000, &BIDS, &ASKS)]);
    venue
}

#[test]
fn an_aggressive_order_takes_the_levels_within_its_limit() {
    use OrderState::{Cancelled, Filled as Full, Open, PartiallyFilled as Part};
    use ReportReason::{IocRest, None};
    /// Name, order, fills, state, reason.
    type Case<'a> = (&'a str, Event, &'a [Filled], OrderState, ReportReason);
    let cases: [Case<'_>; 12] = [
        ("part of the best level", limit(1, BUY, 100_500, 7), &[(1, 100_500, 7)], Full, None),
        ("no slippage", ioc(1, BUY, 105_000, 10), &[(1, 100_500, 10)], Full, None),
        ("two levels", ioc(1, BUY, 101_000, 15), &[(1, 100_500, 10), (1, 101_000, 5)], Full, None),
        (
            "an IOC's rest",
            ioc(1, BUY, 101_500, 99),
            &[(1, 100_500, 10), (1, 101_000, 20)],
            Cancelled,
            IocRest,
        ),
        ("a day order's rest", limit(1, BUY, 100_500, 25), &[(1, 100_500, 10)], Part, None),
        ("a market order's", market(1, BUY, 100_500, 11), &[(1, 100_500, 10)], Cancelled, IocRest),
        ("a tick short: the last price is no offer", limit(1, BUY, 100_000, 5), &[], Open, None),
        ("an IOC a tick short", ioc(1, BUY, 100_000, 5), &[], Cancelled, IocRest),
        ("a sell takes the bids", limit(1, SELL, 99_500, 10), &[(1, 99_500, 10)], Full, None),
        ("downwards", ioc(1, SELL, 99_000, 11), &[(1, 99_500, 10), (1, 99_000, 1)], Full, None),
        (
            "all that is displayed",
            ioc(1, SELL, 90_000, 99),
            &[(1, 99_500, 10), (1, 99_000, 20), (1, 98_000, 30)],
            Cancelled,
            IocRest,
        ),
        ("a sell a tick short", ioc(1, SELL, 100_000, 1), &[], Cancelled, IocRest),
    ];
    for (name, order, expected, state, reason) in cases {
        let mut venue = venue();
        let step = venue.order(order);
        assert_eq!(fills(&step), expected, "{name}");
        let filled: i64 = expected.iter().map(|fill| fill.2).sum();
        assert_eq!(only(&step), (state, reason, filled), "{name}: one report, of all fills");
        let value: i64 = expected.iter().map(|fill| Price(fill.1).value(Qty(fill.2), 1).0).sum();
        assert_eq!(step.reports[0].filled_value.0, value, "{name}");
        for (number, fill) in (1..).zip(&step.fills) {
            assert_eq!((fill.flags, fill.number, fill.last), (FILL_DEPTH, number, Price(100_000)), "{name}");
        }
        assert_eq!(venue.matcher.open_orders(), usize::from(!state.is_final()), "{name}");
    }
}

#[test]
fn what_was_taken_comes_back_with_the_next_full_packet_only() {
    let mut venue = venue();
    assert_eq!(fills(&venue.order(ioc(1, BUY, 100_500, 8))), [(1, 100_500, 8)]);
    assert_eq!(fills(&venue.order(ioc(2, BUY, 101_000, 8))), [(2, 100_500, 2), (2, 101_000, 6)]);
    assert_eq!(fills(&venue.order(ioc(3, BUY, 105_000, 99))), [(3, 101_000, 14), (3, 102_000, 30)]);
    let step = venue.order(ioc(4, BUY, 105_000, 1));
    assert_eq!(only(&step), (OrderState::Cancelled, ReportReason::IocRest, 0), "no last price instead");
    assert_eq!(fills(&venue.order(ioc(5, SELL, 99_500, 5))), [(5, 99_500, 5)], "the bids are untouched");
    venue.step(&[book(0, 100_000, 1_000, &BIDS, &[(100_500, 3)])]);
    assert_eq!(fills(&venue.order(ioc(6, BUY, 105_000, 99))), [(6, 100_500, 3)], "the old levels are gone");
}

#[test]
fn without_depth_the_last_price_rules_hold() {
    let mut ltp = Ltp::new_zeroed();
    ltp.last = Price(100_000);
    let mut quote = Quote::new_zeroed();
    (quote.last, quote.flags, quote.volume) = (Price(100_000), MARKET_VOLUME, 1_000);
    let mut other_date = book(0, 100_000, 1_000, &BIDS, &ASKS);
    other_date.body_mut::<Full>().exchange_secs = 1_700_000_000;
    let packets = [
        ("a last price", Event::new(InstrumentId(0), FLAG_EXO, &ltp)),
        ("a quote", Event::new(InstrumentId(0), FLAG_EXO, &quote)),
        ("a full packet with an empty book", full(0, 100_000, 1_000)),
        ("levels without a quantity", book(0, 100_000, 1_000, &[(99_500, 0)], &[(100_500, 0)])),
        ("no offers", book(0, 100_000, 1_000, &BIDS, &[])),
        ("offers that are crossed", book(0, 100_000, 1_000, &[(100_500, 1)], &[(100_000, 5), (100_500, 5)])),
        ("a book of another date", other_date),
    ];
    for (name, packet) in packets {
        let mut venue = venue();
        venue.step(&[packet]);
        let step = venue.order(ioc(1, BUY, 105_000, 1_000));
        assert_eq!(fills(&step), [(1, 101_000, 1_000)], "{name}");
        assert_eq!(step.fills[0].flags, FILL_SLIPPAGE, "{name}");
    }
    let mut venue = venue();
    venue.session_end();
    venue.session_start();
    let mut fresh = Venue::new(2);
    assert_eq!(
        stage_hash(&mut venue.matcher),
        stage_hash(&mut fresh.matcher),
        "nothing of yesterday is left"
    );
    let step = venue.order(ioc(1, BUY, 105_000, 1));
    assert_eq!(only(&step).1, ReportReason::NoPrice, "yesterday's book is no market");
}

#[test]
fn a_resting_order_fills_when_the_book_touches_it() {
    const SHARE: u8 = FILL_MAKER;
    const TOUCH: u8 = FILL_MAKER | FILL_DEPTH;
    /// Name, last price, bids, offers, filled of the buy at 99,000, of the sell at 101,000, and the flags.
    type Case<'a> = (&'a str, i64, &'a [Level], &'a [Level], i64, i64, u8);
    let cases: [Case<'_>; 9] = [
        ("an offer at the limit", 100_000, &[], &[(99_000, 30)], 30, 0, TOUCH),
        ("below it", 100_000, &[], &[(98_000, 30), (98_500, 5), (99_000, 5), (99_500, 9)], 40, 0, TOUCH),
        ("no more than is open", 100_000, &[], &[(98_000, 900)], 50, 0, TOUCH),
        ("an offer above it", 100_000, &[], &[(99_500, 30)], 0, 0, TOUCH),
        ("a bid at the sell's limit", 100_000, &[(101_000, 8)], &[], 0, 8, TOUCH),
        ("a bid below it", 100_000, &[(100_500, 8)], &[], 0, 0, TOUCH),
        ("above it and traded through: the share", 98_500, &[], &[(99_500, 30)], 10, 0, SHARE),
        ("touched and traded through: the depth", 98_500, &[], &[(98_500, 7)], 7, 0, TOUCH),
        ("a crossed book: nothing", 100_000, &[(101_000, 8)], &[(99_000, 8)], 0, 0, TOUCH),
    ];
    for (name, last, bids, asks, bought, sold, flags) in cases {
        let mut venue = Venue::new(0);
        venue.packet(0, 100_000, 1_000);
        venue.step(&[limit(1, BUY, 99_000, 50), limit(2, SELL, 101_000, 50)]);
        let step = venue.step(&[book(0, last, 1_100, bids, asks)]);
        let expected = [(1, 99_000, bought), (2, 101_000, sold)];
        let expected: Vec<Filled> = expected.into_iter().filter(|fill| fill.2 > 0).collect();
        assert_eq!(fills(&step), expected, "{name}: at the order's own price");
        assert!(step.fills.iter().all(|fill| fill.flags == flags), "{name}");
        assert_eq!(step.reports.len(), expected.len(), "{name}");
    }
}

#[test]
fn depth_goes_by_price_and_time_and_both_sides_may_fill_at_once() {
    let mut venue = Venue::new(0);
    venue.packet(0, 100_000, 1_000);
    venue.step(&[limit(1, BUY, 99_000, 10), limit(2, BUY, 99_500, 10), limit(3, BUY, 99_000, 10)]);
    venue.order(limit(4, SELL, 101_000, 10));
    // The last trade was above the sell, and the offers have come down to the buys since.
    let step = venue.step(&[book(0, 101_500, 1_050, &[], &[(99_000, 15)])]);
    assert_eq!(fills(&step), [(2, 99_500, 10), (1, 99_000, 5), (4, 101_000, 5)]);
    let flags: Vec<u8> = step.fills.iter().map(|fill| fill.flags).collect();
    assert_eq!(flags, [FILL_MAKER | FILL_DEPTH, FILL_MAKER | FILL_DEPTH, FILL_MAKER]);
    assert!(fills(&venue.order(limit(5, BUY, 99_000, 1))).is_empty(), "nothing is left of the offer");
    let step = venue.step(&[book(0, 101_000, 1_050, &[], &[(99_000, 100)])]);
    assert_eq!(fills(&step), [(1, 99_000, 5), (3, 99_000, 10), (5, 99_000, 1)]);
}

#[test]
fn a_book_that_touches_every_order_takes_more_than_one_call() {
    let mut venue = Venue::new(0);
    venue.packet(0, 100_000, 1_000);
    let buys = 150u64;
    let orders = (1..=250).map(|id| match id {
        1..=150 => limit(id, BUY, 99_000, 1),
        _ => limit(id, SELL, 101_000, 1),
    });
    venue.step(&orders.collect::<Vec<_>>());
    // The offer touches the buys, the last price is through the sells.
    let step = venue.step(&[book(0, 101_500, 3_000, &[], &[(99_000, u32::MAX)])]);
    assert!(step.fills.iter().map(|fill| fill.order.0).eq(1..=250), "the buys, then the sells");
    assert_eq!((step.reports.len(), step.fills[149].order.0), (250, buys));
}

#[test]
fn a_fill_is_in_whole_lots_and_its_value_can_be_counted() {
    let mut venue = Venue::new(0);
    venue.step(&[book(1, 100_000, 1_000, &[], &[(100_500, 149), (101_000, 74), (101_500, 150)])]);
    let order = order_event(1, 1, BUY, 105_000, 75 * 9, OrderType::Limit, Validity::Ioc);
    assert_eq!(fills(&venue.order(order)), [(1, 100_500, 75), (1, 101_500, 150)]);
    // A sell of a value that fits at the last price, but not at the best bid.
    venue.step(&[book(0, 100_000, 0, &[(2_000_000_000, u32::MAX)], &[])]);
    let step = venue.order(ioc(2, SELL, 100_000, 10_000_000_000));
    assert_eq!(only(&step), (OrderState::Rejected, ReportReason::Malformed, 0));
}

#[test]
fn the_state_hash_sees_the_book_and_what_was_taken() {
    let hash = |asks: &[Level], taken| {
        let mut venue = Venue::new(0);
        venue.step(&[book(0, 100_000, 0, &BIDS, asks)]);
        // Two orders, of which the second takes what the first left.
        let step = venue.order(ioc(1, BUY, 100_500, taken));
        step.reports.iter().for_each(|report| drop(venue.give_back(report)));
        stage_hash(&mut venue.matcher)
    };
    assert_eq!(hash(&ASKS, 5), hash(&ASKS, 5));
    assert_ne!(hash(&ASKS, 5), hash(&ASKS, 6), "what was taken");
    assert_ne!(hash(&ASKS, 5), hash(&ASKS[..2], 5), "a level");
    assert_ne!(hash(&ASKS[..1], 5), hash(&[(100_000, 10)], 5), "a price");
}

/// A venue for one instrument as simple as can be: lists that are searched from one end to the other.
struct Naive {
    lot: i64,
    slippage: i64,
    last: i64,
    volume: u32,
    /// Levels that a buy and a sell can take: price, displayed, left.
    levels: [Vec<(i64, i64, i64)>; 2],
    /// Resting orders in the order of their arrival: id, side, limit, open.
    resting: Vec<(u64, Side, i64, i64)>,
}

/// Order, price, quantity and flags of a fill.
type Flagged = (u64, i64, i64, u8);

impl Naive {
    fn market(&mut self, last: i64, volume: u32, bids: &[Level], asks: &[Level]) -> Vec<Flagged> {
        let mut share = i64::from(volume - self.volume) / 10 / self.lot * self.lot;
        (self.last, self.volume) = (last, volume);
        let usable = |levels: &[Level]| -> Vec<i64> {
            levels.iter().filter(|level| i64::from(level.1) >= self.lot).map(|level| level.0).collect()
        };
        let (bid_prices, ask_prices) = (usable(bids), usable(asks));
        let whole = |level: &Level| i64::from(level.1) / self.lot * self.lot;
        let row = |level: &Level| (level.0, whole(level), whole(level));
        let lone = |row: &(i64, i64, i64)| row.1 > 0;
        let offered = asks.iter().filter(|ask| bid_prices.iter().all(|&bid| bid < ask.0));
        let wanted = bids.iter().filter(|bid| ask_prices.iter().all(|&ask| ask > bid.0));
        self.levels = [offered.map(row).filter(lone).collect(), wanted.map(row).filter(lone).collect()];
        let mut fills = Vec::new();
        for side in [BUY, SELL] {
            let mut line: Vec<_> = self.resting.iter().filter(|order| order.1 == side).copied().collect();
            line.sort_by_key(|order| -side.sign() * order.2);
            for (id, _, limit, open) in line {
                let touched = self.levels(side).iter().any(|row| side.sign() * (limit - row.0) >= 0);
                let through = side.sign() * (limit - last) >= TICK;
                let (quantity, flags) = if touched {
                    let taken: i64 = self.sweep(side, limit, open).iter().map(|level| level.1).sum();
                    (taken, FILL_MAKER | FILL_DEPTH)
                } else if through {
                    (open.min(share), FILL_MAKER)
                } else {
                    (0, 0)
                };
                share -= if touched { 0 } else { quantity };
                if quantity > 0 {
                    fills.push((id, limit, quantity, flags));
                    self.resting.iter_mut().find(|order| order.0 == id).expect("it rests").3 -= quantity;
                }
                // Priority: nobody behind an order that is still open is filled.
                if quantity < open {
                    break;
                }
            }
        }
        self.resting.retain(|order| order.3 > 0);
        fills
    }

    fn order(&mut self, id: u64, side: Side, limit: i64, quantity: i64, day: bool) -> Vec<Flagged> {
        let own = |order: &&(u64, Side, i64, i64)| order.1 != side && side.sign() * (limit - order.2) >= 0;
        if self.resting.iter().find(own).is_some() {
            return Vec::new();
        }
        let price = self.last + side.sign() * self.slippage * TICK;
        let slipped = if self.slippage > 0 { FILL_SLIPPAGE } else { 0 };
        let fills: Vec<Flagged> = if !self.levels(side).is_empty() {
            let swept = self.sweep(side, limit, quantity).into_iter();
            swept.map(|(price, quantity)| (id, price, quantity, FILL_DEPTH)).collect()
        } else if side.sign() * (limit - price) >= 0 {
            vec![(id, price, quantity, slipped)]
        } else {
            Vec::new()
        };
        let open = quantity - fills.iter().map(|fill| fill.2).sum::<i64>();
        if day && open > 0 {
            self.resting.push((id, side, limit, open));
        }
        fills
    }

    /// Gives a resting order another limit and open quantity; `None` if it does not rest or would cross an
    /// own one.
    fn modify(&mut self, id: u64, limit: i64, open: i64) -> Option<Vec<Flagged>> {
        let place = self.resting.iter().position(|order| order.0 == id)?;
        let (_, side, old_limit, old_open) = self.resting[place];
        if self.resting.iter().any(|order| order.1 != side && side.sign() * (limit - order.2) >= 0) {
            return None;
        }
        if limit == old_limit && open <= old_open {
            self.resting[place].3 = open;
            return Some(Vec::new());
        }
        self.resting.remove(place);
        if limit == old_limit {
            self.resting.push((id, side, limit, open));
            return Some(Vec::new());
        }
        Some(self.order(id, side, limit, open, true))
    }

    fn levels(&mut self, side: Side) -> &mut Vec<(i64, i64, i64)> {
        &mut self.levels[usize::from(side == SELL)]
    }

    /// Takes from the best level within the limit again and again. Answers prices and quantities.
    fn sweep(&mut self, side: Side, limit: i64, mut open: i64) -> Vec<(i64, i64)> {
        let mut taken = Vec::new();
        while open > 0 {
            let within = |row: &&mut (i64, i64, i64)| row.2 > 0 && side.sign() * (limit - row.0) >= 0;
            let levels = self.levels(side).iter_mut().filter(within);
            let Some(best) = levels.min_by_key(|row| side.sign() * row.0) else { break };
            let quantity = open.min(best.2);
            best.2 -= quantity;
            open -= quantity;
            taken.push((best.0, quantity));
        }
        taken
    }
}

/// Up to five levels from about the last price outwards: mostly in order, some empty, some crossed.
fn side(random: &mut Random, last: i64, direction: i64, lot: i64) -> Vec<Level> {
    let mut price =
        last + direction * TICK * (random.below(4) as i64 - u64::from(random.below(5) == 0) as i64);
    let count = random.below(6);
    let mut levels = Vec::new();
    for _ in 0..count {
        let quantity = if random.below(6) == 0 { 0 } else { random.below(5 * lot as u64 + 20) as u32 };
        levels.push((price, quantity));
        price += direction * TICK * random.below(3) as i64;
    }
    if random.below(10) == 0 {
        levels.reverse();
    }
    levels
}

fn check(naive: &Naive, step: &Step, expected: &[Flagged]) {
    let found = step.fills.iter().map(|fill| (fill.order.0, fill.price.0, fill.quantity.0, fill.flags));
    assert_eq!(found.collect::<Vec<_>>(), expected);
    for fill in &step.fills {
        assert!(fill.quantity.0 > 0 && fill.quantity.0 % naive.lot == 0, "in whole lots");
    }
    for report in &step.reports {
        let of = step.fills.iter().filter(|fill| fill.order == report.order);
        assert!(of.map(|fill| fill.quantity.0).sum::<i64>() <= report.filled.0);
        assert!(report.filled <= report.quantity);
    }
}

/// Asks for other terms of any order, most of which rest no more: often the same price or quantity, now and
/// then terms that no order may have. `orders` are limits, quantities and fills by order.
fn modify_any(
    random: &mut Random,
    venue: &mut Venue,
    naive: &mut Naive,
    orders: &mut [(Side, i64, i64, i64)],
) -> Step {
    let recent = random.below(orders.len() as u64);
    let resting = random.below(naive.resting.len().max(1) as u64) as usize;
    let number = naive.resting.get(resting).map_or(recent, |order| order.0 - 1);
    let (side, limit, quantity, filled) = orders[number as usize];
    let (mut new_limit, mut new_quantity) = (limit, quantity);
    if random.below(2) == 0 {
        new_limit = naive.last + side.sign() * TICK * (random.below(9) as i64 - 5);
    }
    if random.below(2) == 0 {
        new_quantity = naive.lot * (1 + random.below(20) as i64);
    }
    new_limit += i64::from(random.below(20) == 0);
    let sound = new_limit % TICK == 0 && new_quantity > filled;
    let expected = if sound { naive.modify(number + 1, new_limit, new_quantity - filled) } else { None };
    let step = venue.step(&[modify(number + 1, new_limit, new_quantity)]);
    check(naive, &step, expected.as_deref().unwrap_or_default());
    if expected.is_some() {
        (orders[number as usize].1, orders[number as usize].2) = (new_limit, new_quantity);
    }
    for report in &step.reports {
        let filled = report.state == OrderState::Filled as u8;
        let modified = report.reason == ReportReason::Modified as u8;
        assert_eq!(modified, expected.is_some() && !filled, "the reason says whether it was taken");
    }
    step
}

/// The queues are those of the naive venue, order by order.
fn check_queues(venue: &Venue, naive: &Naive, instrument: u32) {
    for side in [BUY, SELL] {
        let mut line: Vec<_> = naive.resting.iter().filter(|order| order.1 == side).copied().collect();
        line.sort_by_key(|order| -side.sign() * order.2);
        let queue = venue.matcher.books.queue(InstrumentId(instrument), side);
        let found = queue.map(|order| (order.id.0, order.side, order.price.0, order.open.0));
        assert_eq!(found.collect::<Vec<_>>(), line, "places in the queue");
    }
    assert_eq!(venue.matcher.open_orders(), naive.resting.len());
    venue.matcher.books.validate();
}

/// One day of one instrument; answers the fills from depth and the others, and all that the venue was fed.
fn day(seed: u64) -> ([u64; 2], Vec<Event>) {
    let mut random = Random(seed);
    let instrument = (seed % 2) as u32;
    let (lot, slippage) = ([1, 75][instrument as usize], random.below(3) as i64);
    let mut venue = Venue::new(slippage);
    let levels = [Vec::new(), Vec::new()];
    let mut naive = Naive { lot, slippage, last: 100_000, volume: 0, levels, resting: Vec::new() };
    venue.step(&[full(instrument, 100_000, 0)]);
    // Displayed and taken since the newest packet, by the side that takes; limits and quantities by order.
    let (mut displayed, mut taken) = ([0, 0], [0, 0]);
    let mut orders: Vec<(Side, i64, i64, i64)> = Vec::new();
    let mut counts = [0, 0];
    for _ in 0..600 {
        let step = if random.below(100) < 45 {
            let last = naive.last + TICK * (random.below(5) as i64 - 2);
            let volume = naive.volume + random.below(4) as u32 * 700;
            let blank = random.below(6) == 0;
            let mut levels =
                |direction| if blank { Vec::new() } else { side(&mut random, last, direction, lot) };
            let (bids, asks) = (levels(-1), levels(1));
            displayed = [&asks, &bids].map(|side| side.iter().map(|level| i64::from(level.1)).sum());
            taken = [0, 0];
            let step = venue.step(&[book(instrument, last, volume, &bids, &asks)]);
            let expected = naive.market(last, volume, &bids, &asks);
            check(&naive, &step, &expected);
            step
        } else if random.below(10) == 0 && !orders.is_empty() {
            let id = 1 + random.below(orders.len() as u64);
            naive.resting.retain(|order| order.0 != id);
            venue.step(&[cancel(id)])
        } else if random.below(4) == 0 && !orders.is_empty() {
            modify_any(&mut random, &mut venue, &mut naive, &mut orders)
        } else if venue.matcher.orders.is_full() {
            continue;
        } else {
            let id = orders.len() as u64 + 1;
            let side = if random.below(2) == 0 { BUY } else { SELL };
            let limit = naive.last + side.sign() * TICK * (random.below(9) as i64 - 4);
            let quantity = lot * (1 + random.below(20) as i64);
            let day = random.below(3) > 0;
            let validity = if day { Validity::Day } else { Validity::Ioc };
            orders.push((side, limit, quantity, 0));
            let event = order_event(id, instrument, side, limit, quantity, OrderType::Limit, validity);
            let step = venue.step(&[event]);
            let expected = naive.order(id, side, limit, quantity, day);
            check(&naive, &step, &expected);
            step
        };
        for fill in &step.fills {
            let (side, limit, quantity, filled) = &mut orders[fill.order.0 as usize - 1];
            *filled += fill.quantity.0;
            assert!(*filled <= *quantity, "an order is never overfilled");
            assert!(side.sign() * (fill.price.0 - *limit) <= 0, "no price is worse than the limit");
            let from_depth = fill.flags & FILL_DEPTH != 0;
            taken[usize::from(*side == SELL)] += if from_depth { fill.quantity.0 } else { 0 };
            counts[usize::from(!from_depth)] += 1;
        }
        assert!(taken[0] <= displayed[0] && taken[1] <= displayed[1], "more than was displayed");
        for report in &step.reports {
            let (_, _, quantity, filled) = orders[report.order.0 as usize - 1];
            assert_eq!((report.quantity.0, report.filled.0), (quantity, filled), "the report has all of it");
            venue.give_back(report);
        }
        check_queues(&venue, &naive, instrument);
    }
    (counts, venue.fed)
}

#[test]
fn random_days_fill_as_a_naive_venue_does() {
    let mut sums = [0, 0];
    for seed in 0..200 {
        println!("seed {seed}");
        let (counts, _) = day(seed);
        sums = [sums[0] + counts[0], sums[1] + counts[1]];
    }
    println!("{} fills from depth, {} others", sums[0], sums[1]);
    assert!(sums[0] > 10_000 && sums[1] > 2_000, "the days were too quiet to prove anything: {sums:?}");
}

#[test]
fn a_loaded_stage_goes_on_with_the_displayed_book() {
    for seed in 0..6 {
        let (_, fed) = day(seed);
        let stage = || Matcher::new(&super::tests::config(Random(seed).below(3) as i64));
        let states = loaded_stages_go_on(stage, &fed, 31);
        if seed == 1 {
            changed_bytes_never_panic(stage, &states, seed);
        }
    }
}
