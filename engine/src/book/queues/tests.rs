//! Queues with and without ladders against a sorted vector.

use super::*;

/// A random sequence from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

const ONLY: InstrumentId = InstrumentId(0);

/// The orders in the order in which they took their places; sorted when asked.
#[derive(Default)]
struct Naive(Vec<(u64, Side, i64, i64)>);

impl Naive {
    fn queue(&self, side: Side) -> Vec<(u64, i64, i64)> {
        let mut queue: Vec<_> = self.0.iter().filter(|order| order.1 == side).copied().collect();
        queue.sort_by_key(|order| i128::from(order.2) * -i128::from(side.sign()));
        queue.into_iter().map(|(id, _, price, open)| (id, price, open)).collect()
    }
}

fn queue(queues: &Queues<u64>, side: Side) -> Vec<(u64, i64, i64)> {
    let slots = queues.slots(ONLY, side);
    slots.map(|slot| queues.order(slot)).map(|order| (order.id.0, order.price.0, order.open.0)).collect()
}

/// A price near a centre that jumps now and then: dense, far away, between ticks, and the two that are no limits.
fn price(random: &mut Random, centre: &mut i64, side: Side) -> i64 {
    match random.below(200) {
        0 => *centre = 50_000 + random.below(400_000) as i64,
        1 => return 1 + random.below(1_000_000) as i64,
        2 if side == Side::Buy => return BUY_ABOVE_ALL.0,
        2 => return SELL_BELOW_ALL.0,
        3..20 => return *centre + random.below(2_000) as i64,
        _ => {}
    }
    (*centre + random.below(600) as i64) / 5 * 5
}

fn run(seed: u64, ladder_ticks: usize, operations: u64) {
    let mut random = Random(seed);
    let mut queues = Queues::new([Price(5)].into_iter(), 300, ladder_ticks, 0_u64);
    let (mut naive, mut centre) = (Naive::default(), 100_000);
    for id in 1..=operations {
        let known = (!naive.0.is_empty()).then(|| random.below(naive.0.len() as u64) as usize);
        match (random.below(10), known) {
            (0..5, _) if naive.0.len() < 300 => {
                let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
                let price = price(&mut random, &mut centre, side);
                let open = 1 + random.below(50) as i64;
                let slot = queues.append(ONLY, side, Price(price), OrderId(id), Qty(open), id);
                assert_eq!(*queues.payload(slot), id);
                naive.0.push((id, side, price, open));
            }
            (5..7, Some(at)) => {
                let slot = queues.slot_of(OrderId(naive.0[at].0)).unwrap();
                queues.take_out(slot);
                naive.0.remove(at);
            }
            (7, Some(at)) => {
                let slot = queues.slot_of(OrderId(naive.0[at].0)).unwrap();
                queues.requeue(slot, Qty(7));
                let (id, side, price, _) = naive.0.remove(at);
                naive.0.push((id, side, price, 7));
            }
            (8, Some(at)) if naive.0[at].3 > 1 => {
                queues.reduce(queues.slot_of(OrderId(naive.0[at].0)).unwrap(), Qty(1));
                naive.0[at].3 -= 1;
            }
            (_, Some(_)) => {
                let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
                if let Some(front) = queues.front(ONLY, side) {
                    let gone = queues.order(front).id.0;
                    queues.take_front(front);
                    naive.0.retain(|order| order.0 != gone);
                }
            }
            _ => {}
        }
        for side in [Side::Buy, Side::Sell] {
            assert_eq!(queue(&queues, side), naive.queue(side), "seed {seed}, operation {id}");
        }
        if id % 16 == 0 {
            queues.validate();
        }
    }
}

#[test]
fn random_operations_equal_a_sorted_vector_with_any_ladder() {
    for seed in 0..40 {
        for ladder_ticks in [0, 256, 4_096, 65_536] {
            println!("seed {seed}, ladder {ladder_ticks}");
            run(seed, ladder_ticks, 1_500);
        }
    }
}

#[test]
fn better_is_higher_for_a_buy_and_lower_for_a_sell_up_to_the_ends() {
    let prices = [i64::MIN, -1, 0, 1, 2, 1 << 56, i64::MAX - 1, i64::MAX].map(Price);
    for a in prices {
        for b in prices {
            assert_eq!(is_better(Side::Buy, a, b), a > b, "{a:?} {b:?}");
            assert_eq!(is_better(Side::Sell, a, b), a < b, "{a:?} {b:?}");
        }
    }
}

#[test]
fn the_tops_say_who_could_trade() {
    let mut queues = Queues::new([Price(5)].into_iter(), 8, 256, ());
    assert!(queues.is_apart(ONLY, Side::Buy, Price(100)) && !queues.is_crossed(ONLY));
    queues.append(ONLY, Side::Sell, Price(100), OrderId(1), Qty(3), ());
    for (side, limit, apart) in
        [(Side::Buy, 95, true), (Side::Buy, 100, false), (Side::Buy, 105, false), (Side::Sell, 5, true)]
    {
        assert_eq!(queues.is_apart(ONLY, side, Price(limit)), apart, "{side} {limit}");
    }
    let crossing = queues.append(ONLY, Side::Buy, Price(100), OrderId(2), Qty(3), ());
    assert!(queues.is_crossed(ONLY));
    queues.take_front(crossing);
    assert!(!queues.is_crossed(ONLY));
    queues.validate();
}

#[test]
#[should_panic(expected = "only the first of a price is a front")]
fn only_a_front_is_taken_from_the_front() {
    let mut queues = Queues::new([Price(5)].into_iter(), 8, 0, ());
    queues.append(ONLY, Side::Buy, Price(100), OrderId(1), Qty(3), ());
    let second = queues.append(ONLY, Side::Buy, Price(100), OrderId(2), Qty(3), ());
    queues.take_front(second);
}

#[test]
fn a_node_with_a_payload_of_sixteen_bytes_is_one_cache_line() {
    assert_eq!(size_of::<Node<[u64; 2]>>(), 64);
    assert_eq!(size_of::<Level>(), 40);
}

#[test]
fn an_order_is_found_at_its_price_and_walked_from_there() {
    let mut queues = Queues::new([Price(5), Price(5)].into_iter(), 8, 256, ());
    let mut add =
        |id, price| queues.append(InstrumentId(1), Side::Buy, Price(price), OrderId(id), Qty(3), ());
    let [a, b, c] = [add(1, 100), add(2, 100), add(3, 95)];
    assert_eq!(queues.ends_of(InstrumentId(1), Side::Buy, Price(100)), Some((a, b)));
    assert_eq!(queues.ends_of(InstrumentId(1), Side::Buy, Price(90)), None);
    assert_eq!(queues.ends_of(InstrumentId(0), Side::Buy, Price(100)), None);
    assert_eq!((queues.newer(a), queues.older(b), queues.newer(b)), (Some(b), Some(a), None));
    assert_eq!((queues.next(b), queues.next_price(a), queues.better_price(c)), (Some(c), Some(c), Some(a)));
    assert_eq!(queues.level_of(a), LevelView { price: Price(100), quantity: Qty(6), orders: 2 });
    assert!(queues.arrival(a) < queues.arrival(b));
}
