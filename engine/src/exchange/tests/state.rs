//! Random flow with small bounds, saved and loaded on the way; changed bytes.

use super::*;
use crate::state::hash;

/// A random sequence from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}

const LIMITS: Limits = Limits { orders: 12, anonymous: 4, records_max: 5, ladder_ticks: 256 };

/// A random line that may be done in this phase.
fn line(random: &mut Random, floor: &Floor, id: u64) -> String {
    let known = 1 + id.saturating_sub(random.below(14));
    let price = |random: &mut Random| 95 + random.below(11) as i64;
    let (quantity, limit, trigger) = (1 + random.below(9), price(random), price(random));
    let side = random.of(&["buy", "sell"]);
    let call = floor.exchange.phase(ONLY) == MarketPhase::Call;
    let account = 1 + random.below(3);
    match random.below(40) {
        0..20 => {
            let kind = random.of(&["", "", "", "ioc", "fok", "post", "disc=2", "mkt", "mkt ioc"]);
            format!("{side} {id} {quantity}@{limit} acct={account} {kind}")
        }
        20..24 => {
            let limit = if side == "buy" { limit.max(trigger) } else { limit.min(trigger) };
            let kind = random.of(&["", "mkt", "disc=3", "ioc"]);
            format!("{side} {id} {quantity}@{limit} acct={account} stop={trigger} {kind}")
        }
        24..29 => format!("cancel {known}"),
        29..34 => {
            let stop = if random.below(3) == 0 { format!("stop={trigger}") } else { String::new() };
            format!("modify {known} {quantity}@{limit} {stop} disc={}", random.below(3))
        }
        34 => format!("last {limit}"),
        35 if call => format!("uncross {limit} {}", random.of(&["carry", "cancel"])),
        35 => format!("phase {}", random.of(&["call", "halted", "continuous", "continuous"])),
        36 => format!("band {} {}", 90 + random.below(8), 103 + random.below(8)),
        37 if !call => format!("sweep {side} {quantity}@{limit}"),
        38 => format!("all {account}"),
        _ => format!("{side} {id} {quantity}@- mkt acct={account}"),
    }
}

fn act(floor: &mut Floor, random: &mut Random, id: u64) -> String {
    let line = line(random, floor, id);
    let call = floor.exchange.phase(ONLY) == MarketPhase::Call;
    let mut records = floor.act(&line);
    if call && line.starts_with("uncross") {
        records += &floor.act("phase continuous");
    }
    if floor.exchange.phase(ONLY) != MarketPhase::Call && random.below(8) == 0 {
        let (side, price) = (random.of(&["buy", "sell"]), 95 + random.below(11) as i64);
        let side = Side::from_name(side).unwrap();
        let added = floor.exchange.add_volume(ONLY, side, Price(price), Qty(3));
        records += &format!("{added:?}");
    }
    format!("{line} => {records}")
}

#[test]
fn a_loaded_exchange_goes_on_like_the_original_and_changed_bytes_never_panic() {
    let (mut trades, mut refused, mut loaded) = (0, 0, 0);
    for seed in 0..150 {
        println!("seed {seed}");
        let mode = SelfTrade::ALL[seed as usize % 3];
        let mut random = Random(seed);
        let mut twin_random = Random(seed);
        let mut floor = Floor::new(LISTING, LIMITS, mode);
        let mut twin = Floor::new(LISTING, LIMITS, mode);
        for id in 1..=400 {
            let records = act(&mut floor, &mut random, id);
            assert_eq!(records, act(&mut twin, &mut twin_random, id), "seed {seed}");
            trades += records.matches("T ").count();
            if id % 40 == 0 {
                twin.reload();
                let state = |floor: &mut Floor| hash(1, |io| floor.exchange.state(io));
                assert_eq!(state(&mut floor), state(&mut twin), "seed {seed}");
                for _ in 0..20 {
                    match change(&mut floor, &mut random, mode) {
                        true => loaded += 1,
                        false => refused += 1,
                    }
                }
                twin_random.0 = random.0;
            }
        }
    }
    println!("{trades} trades, {loaded} changed states loaded, {refused} refused");
    assert!(trades > 5_000 && refused > 5_000, "{trades} trades, {loaded} loaded, {refused} refused");
}

/// Changes bytes of a state and loads it. What loads saves the same bytes and goes on for some steps.
fn change(floor: &mut Floor, random: &mut Random, mode: SelfTrade) -> bool {
    let mut bytes = Vec::new();
    save(&mut bytes, |io| floor.exchange.state(io));
    for _ in 0..=random.below(2) {
        let at = random.below(bytes.len() as u64) as usize;
        bytes[at] =
            if random.below(2) == 0 { random.below(256) as u8 } else { bytes[at] ^ 1 << random.below(8) };
    }
    let mut changed = Floor::new(LISTING, LIMITS, mode);
    if load(&bytes, |io| changed.exchange.state(io)).is_err() {
        return false;
    }
    changed.exchange.validate();
    let mut again = Vec::new();
    save(&mut again, |io| changed.exchange.state(io));
    assert_eq!(again, bytes, "what loads saves the same bytes");
    if changed.exchange.phase(ONLY) != MarketPhase::Call && !crossed_or_market(&changed) {
        (1_000..1_012).for_each(|id| drop(act(&mut changed, random, id)));
    }
    true
}

/// Whether the book could not go into continuous trading: it was in a call, and a changed byte says otherwise.
fn crossed_or_market(floor: &Floor) -> bool {
    let best = |side| floor.exchange.best(ONLY, side).map(|level| level.price);
    let (bid, ask) = (best(Side::Buy), best(Side::Sell));
    let market = bid == Some(Price(0)) || ask == Some(Price(0));
    market || matches!((bid, ask), (Some(bid), Some(ask)) if bid >= ask)
}
