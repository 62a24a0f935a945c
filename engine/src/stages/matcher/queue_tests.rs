//! Places in displayed queues: each model by hand, then random days against an oracle that keeps every unit of every
//! queue in a list.

use super::depth_tests::{Level, book};
use super::property_tests::Random;
use super::tests::{BUY, SELL, Step, TICK, Venue, cancel, config, fills, limit, modify, order_event};
use super::*;
use crate::event::{OrderState, OrderType, QueueModel, Validity};
use crate::state::trips::{changed_bytes_never_panic, loaded_stages_go_on};
use crate::units::OrderId;
use std::collections::{BTreeMap, BTreeSet};

fn venue(queue_model: QueueModel, queue_power: u32) -> Venue {
    let mut config = config(0);
    (config.venue.queue_model, config.venue.queue_power) = (queue_model, queue_power);
    Venue::with(&config)
}

/// Volume before an own order.
fn ahead(venue: &Venue, id: u64) -> i64 {
    venue.matcher.exchange.volume_ahead(OrderId(id)).0
}

#[test]
fn each_model_gives_its_own_time_to_fill() {
    use QueueModel::{Back, Front, Power, Proportional};
    // 100 at the price when the order comes, 60 behind it then; 80 leave; then 10 are traded at each packet.
    for (model, power, place, fills_at) in [
        (Front, 1, 20, 3),
        (Power, 3, 35, 4),
        (Power, 2, 42, 5),
        (Proportional, 1, 50, 6),
        (Power, 1, 50, 6),
        (Back, 1, 80, 9),
    ] {
        let mut venue = venue(model, power);
        let asks = [(100_500, 500)];
        let mut packet =
            |volume, bid| venue.step(&[book(0, 99_500, volume, &[(99_500, bid), (99_000, 7)], &asks)]);
        packet(1_000, 100);
        venue.step(&[limit(1, BUY, 99_500, 5)]);
        let mut packet =
            |volume, bid| venue.step(&[book(0, 99_500, volume, &[(99_500, bid), (99_000, 7)], &asks)]);
        packet(1_000, 160);
        packet(1_000, 80);
        assert_eq!(ahead(&venue, 1), place, "{model} {power}");
        let filled = (1..20).find(|&n| {
            let left = 80_u32.saturating_sub(10 * n);
            let step = venue.step(&[book(0, 99_500, 1_000 + 10 * n, &[(99_500, left), (99_000, 7)], &asks)]);
            !step.fills.is_empty()
        });
        assert_eq!(filled, Some(fills_at), "{model} {power}");
    }
}

#[test]
fn a_place_in_the_queue_is_worked_off_by_trades_at_the_price() {
    let mut venue = venue(QueueModel::Back, 1);
    let (bids, asks) = ([(99_500, 30), (99_000, 50)], [(100_500, 30), (101_000, 40)]);
    venue.step(&[book(0, 100_000, 0, &bids, &asks)]);
    venue.step(&[limit(1, BUY, 99_500, 10), limit(2, SELL, 101_000, 10), limit(3, BUY, 100_000, 4)]);
    assert_eq!((ahead(&venue, 1), ahead(&venue, 2), ahead(&venue, 3)), (30, 40, 0));
    let mut step = |last, volume, bids: &[Level], asks: &[Level]| {
        fills(&venue.step(&[book(0, last, volume, bids, asks)]))
    };
    assert_eq!(
        step(99_500, 10, &[(99_500, 24), (99_000, 50)], &asks),
        [(3, 100_000, 4)],
        "the best price first"
    );
    assert_eq!(step(99_500, 34, &[(99_000, 50)], &asks), [], "24 were ahead");
    assert_eq!(step(99_500, 37, &[(99_000, 50)], &asks), [(1, 99_500, 3)], "a part");
    assert_eq!(step(99_000, 40, &[(99_000, 50)], &asks), [(1, 99_500, 3)], "through it");
    assert_eq!(step(101_000, 110, &[(99_000, 50)], &[(101_000, 2)]), [], "30 and 40 were ahead of the sell");
    assert_eq!(
        step(101_000, 119, &[(99_000, 50)], &[(101_000, 2)]),
        [(2, 101_000, 9)],
        "what joins is behind"
    );
}

#[test]
fn a_price_nobody_knew_of_is_joined_at_the_end_and_one_between_levels_at_the_front() {
    let five = |best: i64, quantity| -> Vec<Level> { (0..5).map(|n| (best - n * TICK, quantity)).collect() };
    let mut venue = venue(QueueModel::Front, 1);
    let asks = [(100_500, 10)];
    venue.step(&[book(0, 100_000, 0, &five(99_500, 20), &asks)]);
    venue.step(&[limit(1, BUY, 97_000, 5), limit(2, BUY, 97_500, 5), limit(3, BUY, 100_000, 1)]);
    assert_eq!([1, 2, 3].map(|id| ahead(&venue, id)), [0, 20, 0], "97,000 is beyond the fifth level");
    venue.step(&[book(0, 100_000, 0, &five(99_000, 30), &asks)]);
    assert_eq!(
        [1, 2].map(|id| ahead(&venue, id)),
        [30, 20],
        "now it is seen, and what came to 97,500 is behind"
    );
    venue.step(&[book(0, 100_000, 0, &five(100_000, 40), &asks)]);
    assert_eq!([1, 2, 3].map(|id| ahead(&venue, id)), [30, 20, 0], "out of sight nothing changes");
    venue.step(&[book(0, 100_000, 0, &five(99_000, 35), &asks)]);
    assert_eq!([1, 2, 3].map(|id| ahead(&venue, id)), [30, 20, 0], "and what came meanwhile is behind");
    venue.step(&[book(0, 100_000, 0, &five(99_000, 1), &asks)]);
    assert_eq!([1, 2].map(|id| ahead(&venue, id)), [0, 0]);
    venue.matcher.exchange.validate();
}

#[test]
fn a_decrease_is_shared_between_several_own_orders() {
    let mut venue = venue(QueueModel::Proportional, 1);
    let asks = [(100_500, 10)];
    let bids = |quantity| [(99_500, quantity)];
    venue.step(&[book(0, 100_000, 0, &bids(100), &asks)]);
    for (id, quantity) in [(1, 150), (2, 200)] {
        venue.step(&[limit(id, BUY, 99_500, 5)]);
        venue.step(&[book(0, 100_000, 0, &bids(quantity), &asks)]);
    }
    assert_eq!([1, 2].map(|id| ahead(&venue, id)), [100, 150]);
    venue.step(&[book(0, 100_000, 0, &bids(100), &asks)]);
    assert_eq!([1, 2].map(|id| ahead(&venue, id)), [50, 75], "half of everybody left");
    venue.step(&[book(0, 100_000, 0, &[(99_000, 1)], &asks)]);
    assert_eq!([1, 2].map(|id| ahead(&venue, id)), [0, 0]);
}

/// Market units in a queue; own ones are the order's id.
const MARKET: u64 = 0;

/// A venue of one instrument with every unit of every queue in a list.
struct Oracle {
    model: QueueModel,
    power: u32,
    /// Bids and offers by price.
    queues: [BTreeMap<i64, Vec<u64>>; 2],
    /// Own orders by id: side, price, whether the queue was unknown when they came.
    own: BTreeMap<u64, (Side, i64, bool)>,
    shown: [Vec<Level>; 2],
    volume: u32,
}

/// What a step has filled, by order and price.
type Filled = BTreeMap<(u64, i64), i64>;

fn number(side: Side) -> usize {
    usize::from(side == SELL)
}

impl Oracle {
    /// Whether `a` is a better price than `b` for `side`, or the same.
    fn is_at_least(side: Side, a: i64, b: i64) -> bool {
        side.sign() * (a - b) >= 0
    }

    fn best(&self, side: Side) -> Option<i64> {
        let mut prices = self.queues[number(side)].keys();
        if side == BUY { prices.next_back().copied() } else { prices.next().copied() }
    }

    /// Takes one unit from the front of a side; answers its price and whose it was.
    fn pop(&mut self, side: Side) -> (i64, u64) {
        let price = self.best(side).expect("somebody is there");
        let queue = self.queues[number(side)].get_mut(&price).expect("it is the best");
        let unit = queue.remove(0);
        if queue.is_empty() {
            self.queues[number(side)].remove(&price);
        }
        (price, unit)
    }

    /// An anonymous order trades within its limit; answers how much it traded.
    fn sweep(&mut self, side: Side, limit: i64, quantity: i64, filled: &mut Filled) -> i64 {
        let other = side.opposite();
        for traded in 0..quantity {
            if !self.best(other).is_some_and(|best| Self::is_at_least(side, limit, best)) {
                return traded;
            }
            let (price, unit) = self.pop(other);
            self.enter_fill(unit, price, filled);
        }
        quantity
    }

    fn enter_fill(&mut self, unit: u64, price: i64, filled: &mut Filled) {
        if unit != MARKET {
            *filled.entry((unit, price)).or_default() += 1;
            if !self.queues.iter().any(|side| side.values().flatten().any(|&other| other == unit)) {
                self.own.remove(&unit);
            }
        }
    }

    /// Whether the newest packet says what waits at a price.
    fn sees(&self, side: Side, price: i64) -> bool {
        let levels = &self.shown[number(side)];
        levels.len() < 5 || Self::is_at_least(side, price, levels[4].0)
    }

    fn packet(&mut self, last: i64, volume: u32, bids: &[Level], asks: &[Level]) -> Filled {
        let mut filled = Filled::new();
        let traded = i64::from(volume - self.volume);
        self.volume = volume;
        if self.own.is_empty() {
            self.queues = [BTreeMap::new(), BTreeMap::new()];
        } else if self.best(BUY).is_some_and(|best| best >= last) {
            self.sweep(SELL, last, traded, &mut filled);
        } else if self.best(SELL).is_some_and(|best| best <= last) {
            self.sweep(BUY, last, traded, &mut filled);
        }
        self.shown = [bids.to_vec(), asks.to_vec()];
        // What is still to join, after what left has gone.
        let joins = [BUY, SELL].map(|side| self.shrink(side));
        let mut left = joins.clone();
        for side in [BUY, SELL] {
            for (price, quantity) in &mut left[number(side.opposite())] {
                *quantity -= self.sweep(side.opposite(), *price, *quantity, &mut filled);
            }
        }
        for side in [BUY, SELL] {
            for &(price, quantity) in &left[number(side)] {
                self.join(side, price, quantity);
            }
        }
        filled
    }

    fn join(&mut self, side: Side, price: i64, quantity: i64) {
        if quantity > 0 {
            let queue = self.queues[number(side)].entry(price).or_default();
            queue.extend(std::iter::repeat_n(MARKET, quantity as usize));
        }
    }

    /// Lets leave what is displayed no more; answers what has come to each level.
    fn shrink(&mut self, side: Side) -> Vec<(i64, i64)> {
        let prices: Vec<i64> = self.queues[number(side)].keys().copied().collect();
        for price in prices {
            let queue = &self.queues[number(side)][&price];
            let has_own = queue.iter().any(|&unit| unit != MARKET);
            let market = queue.iter().filter(|&&unit| unit == MARKET).count() as i64;
            let shown = self.shown_at(side, price);
            if self.sees(side, price) {
                self.leave(side, price, market - shown.min(market));
            } else if !has_own {
                self.queues[number(side)].remove(&price);
            }
        }
        let levels = self.shown[number(side)].clone();
        let rest = levels.into_iter().map(|(price, quantity)| {
            let there = self.queues[number(side)].get(&price);
            let there = there.map_or(0, |queue| queue.iter().filter(|&&unit| unit == MARKET).count());
            (price, i64::from(quantity) - there as i64)
        });
        let mut rest: Vec<_> = rest.collect();
        // What is seen for the first time was there before own orders that came unseen.
        let unseen: BTreeSet<i64> =
            self.own.values().filter(|own| own.0 == side && own.2).map(|own| own.1).collect();
        for price in unseen {
            if !self.sees(side, price) {
                continue;
            }
            if let Some(level) = rest.iter_mut().find(|level| level.0 == price) {
                let own = &self.own;
                let queue = self.queues[number(side)].get_mut(&price).expect("an own order is there");
                let first =
                    queue.iter().position(|unit| own.get(unit).is_some_and(|own| own.2)).expect("it is");
                queue.splice(first..first, std::iter::repeat_n(MARKET, level.1 as usize));
                level.1 = 0;
            }
            self.own.values_mut().filter(|own| own.0 == side && own.1 == price).for_each(|own| own.2 = false);
        }
        rest
    }

    fn shown_at(&self, side: Side, price: i64) -> i64 {
        self.shown[number(side)].iter().filter(|level| level.0 == price).map(|level| i64::from(level.1)).sum()
    }

    /// Takes `decrease` market units out of a queue: for every own order in line the model says how many were ahead.
    fn leave(&mut self, side: Side, price: i64, decrease: i64) {
        let queue = self.queues[number(side)].get_mut(&price).expect("it was found");
        let total = queue.iter().filter(|&&unit| unit == MARKET).count() as i64;
        let mut seen = BTreeSet::new();
        // Up to which market unit (counted from the front) how many leave.
        let (mut count, mut marks) = (0, Vec::new());
        for &unit in queue.iter() {
            if unit == MARKET {
                count += 1;
            } else if seen.insert(unit) {
                marks.push((count, share(self.model, self.power, count, total - count, decrease)));
            }
        }
        let (mut taken, mut before, mut keep) = (0, 0, vec![true; total as usize]);
        for (until, leave) in marks {
            let here = (leave - taken).clamp(0, until - before);
            (0..here).for_each(|n| keep[(until - 1 - n) as usize] = false);
            taken += here;
            before = until;
        }
        for at in (0..total as usize).rev() {
            if taken < decrease && keep[at] {
                keep[at] = false;
                taken += 1;
            }
        }
        let mut number_of = 0;
        queue.retain(|&unit| {
            number_of += usize::from(unit == MARKET);
            unit != MARKET || keep[number_of - 1]
        });
        if queue.is_empty() {
            self.queues[number(side)].remove(&price);
        }
    }

    /// An own order; an own one in its way cancels what is left of it.
    fn order(&mut self, id: u64, side: Side, limit: i64, quantity: i64, day: bool) -> Filled {
        let mut filled = Filled::new();
        let other = side.opposite();
        for n in 0..quantity {
            if !self.best(other).is_some_and(|best| Self::is_at_least(side, limit, best)) {
                if day {
                    let queue = self.queues[number(side)].entry(limit).or_default();
                    queue.extend(std::iter::repeat_n(id, (quantity - n) as usize));
                    let unseen = !self.sees(side, limit);
                    self.own.insert(id, (side, limit, unseen));
                }
                break;
            }
            let price = self.best(other).expect("just seen");
            if self.queues[number(other)][&price][0] != MARKET {
                break;
            }
            self.pop(other);
            *filled.entry((id, price)).or_default() += 1;
        }
        self.tidy();
        filled
    }

    /// A larger quantity at the same price: to the end of the queue. Answers the price.
    fn grow(&mut self, id: u64, by: usize) -> i64 {
        let (side, price, _) = self.own[&id];
        let queue = self.queues[number(side)].get_mut(&price).expect("it rests");
        let open = queue.iter().filter(|&&unit| unit == id).count();
        queue.retain(|&unit| unit != id);
        queue.extend(std::iter::repeat_n(id, open + by));
        let unseen = !self.sees(side, price);
        self.own.insert(id, (side, price, unseen));
        price
    }

    fn cancel(&mut self, id: u64) {
        self.own.remove(&id);
        for side in &mut self.queues {
            side.values_mut().for_each(|queue| queue.retain(|&unit| unit != id));
            side.retain(|_, queue| !queue.is_empty());
        }
        self.tidy();
    }

    /// Without own orders only what is displayed is remembered.
    fn tidy(&mut self) {
        if self.own.is_empty() {
            for side in [BUY, SELL] {
                let shown: Vec<i64> = self.shown[number(side)].iter().map(|level| level.0).collect();
                self.queues[number(side)].retain(|price, _| shown.contains(price));
            }
        }
    }

    fn ahead(&self, id: u64) -> i64 {
        let (side, price, _) = self.own[&id];
        let queue = self.queues[number(side)][&price].iter();
        queue.take_while(|&&unit| unit != id).filter(|&&unit| unit == MARKET).count() as i64
    }
}

fn share(model: QueueModel, power: u32, ahead: i64, behind: i64, decrease: i64) -> i64 {
    let powers = |power: u32| {
        let (a, b) = (i128::from(ahead).pow(power), i128::from(behind).pow(power));
        if a + b == 0 { 0 } else { (i128::from(decrease) * a / (a + b)) as i64 }
    };
    let wanted = match model {
        QueueModel::Front => decrease,
        QueueModel::Back => 0,
        QueueModel::Proportional => powers(1),
        QueueModel::Power => powers(power),
    };
    wanted.max(decrease - behind).min(ahead)
}

/// Levels of a side from about the last price outwards.
fn levels(random: &mut Random, from: i64, direction: i64) -> Vec<Level> {
    let mut price = from;
    let mut levels = Vec::new();
    for _ in 0..[5, 5, 5, 3, 0][random.below(5) as usize] {
        levels.push((price, 1 + random.below(30) as u32));
        price += direction * TICK * (1 + random.below(5) as i64 / 4);
    }
    levels
}

fn sums(step: &Step) -> Filled {
    let mut sums = Filled::new();
    for (id, price, quantity) in fills(step) {
        *sums.entry((id, price)).or_default() += quantity;
    }
    sums
}

/// A random day; answers fills of orders that rested and of others, and what the venue was fed.
fn day(seed: u64) -> ([u64; 2], Vec<Event>) {
    let mut random = Random(seed);
    let model = QueueModel::ALL[(seed % 4) as usize];
    let power = 1 + random.below(4) as u32;
    let mut venue = venue(model, power);
    let queues = [BTreeMap::new(), BTreeMap::new()];
    let mut oracle =
        Oracle { model, power, queues, own: BTreeMap::new(), shown: [Vec::new(), Vec::new()], volume: 0 };
    let (mut middle, mut next, mut counts) = (100_000, 1, [0, 0]);
    for n in 0..400 {
        let (step, expected) = match random.below(100) {
            roll if roll < 55 || n == 0 => {
                middle += TICK * ((random.below(7) as i64 - 3) / 3);
                let spread = TICK * (1 + random.below(2) as i64);
                let bids = levels(&mut random, middle - spread, -1);
                let mut asks = levels(&mut random, middle + spread, 1);
                if bids.is_empty() && asks.is_empty() {
                    asks = vec![(middle + spread, 3)];
                }
                let last = middle + TICK * (random.below(5) as i64 - 2);
                let volume = oracle.volume + random.below(4) as u32 * random.below(12) as u32;
                let expected = oracle.packet(last, volume, &bids, &asks);
                (venue.step(&[book(0, last, volume, &bids, &asks)]), expected)
            }
            roll if roll < 65 => {
                let id = 1 + random.below(next);
                oracle.cancel(id);
                (venue.step(&[cancel(id)]), Filled::new())
            }
            roll if roll < 70 && !oracle.own.is_empty() => {
                let ids: Vec<u64> = oracle.own.keys().copied().collect();
                let id = ids[random.below(ids.len() as u64) as usize];
                let slot = venue.matcher.orders.find(OrderId(id)).expect("it rests");
                let quantity = venue.matcher.orders.get(slot).quantity.0 + 3;
                let price = oracle.grow(id, 3);
                (venue.step(&[modify(id, price, quantity)]), Filled::new())
            }
            _ if venue.matcher.orders.is_full() => continue,
            _ => {
                let side = if random.below(2) == 0 { BUY } else { SELL };
                let price = middle - side.sign() * TICK * (random.below(9) as i64 - 2);
                let (quantity, is_day) = (1 + random.below(25) as i64, random.below(4) > 0);
                let validity = if is_day { Validity::Day } else { Validity::Ioc };
                let expected = oracle.order(next, side, price, quantity, is_day);
                let order = order_event(next, 0, side, price, quantity, OrderType::Limit, validity);
                next += 1;
                (venue.step(&[order]), expected)
            }
        };
        assert_eq!(sums(&step), expected, "seed {seed}, step {n}");
        for fill in &step.fills {
            counts[usize::from(fill.flags & crate::event::FILL_MAKER == 0)] += 1;
        }
        for report in &step.reports {
            let state = OrderState::from_u8(report.state).expect("a state");
            assert_eq!(oracle.own.contains_key(&report.order.0), !state.is_final(), "seed {seed}, step {n}");
            venue.give_back(report);
        }
        let open: Vec<u64> = venue.matcher.orders.open().map(|order| order.id.0).collect();
        assert!(open.iter().eq(oracle.own.keys()), "seed {seed}, step {n}");
        for id in open {
            assert_eq!(ahead(&venue, id), oracle.ahead(id), "seed {seed}, step {n}: place of {id}, {model}");
        }
        venue.matcher.exchange.validate();
    }
    (counts, venue.fed)
}

#[test]
fn random_days_keep_every_place_as_an_oracle_of_single_units_does() {
    let days = if std::env::var_os("PITLANE_LONG").is_some() { 2_000 } else { 80 };
    let mut counts = [0, 0];
    for seed in 0..days {
        println!("seed {seed}");
        let (found, _) = day(seed);
        counts = [counts[0] + found[0], counts[1] + found[1]];
    }
    println!("{} fills of orders that rested, {} of others", counts[0], counts[1]);
    assert!(counts[0] > 10 * days && counts[1] > 10 * days, "the days were too quiet: {counts:?}");
}

#[test]
fn a_loaded_stage_keeps_the_places() {
    for seed in 0..6 {
        let (_, fed) = day(seed);
        let stage = || {
            let mut config = config(0);
            config.venue.queue_model = QueueModel::ALL[(seed % 4) as usize];
            config.venue.queue_power = 1 + Random(seed).below(4) as u32;
            Matcher::new(&config)
        };
        let states = loaded_stages_go_on(stage, &fed, 31);
        if seed == 1 {
            changed_bytes_never_panic(stage, &states, seed);
        }
    }
}
