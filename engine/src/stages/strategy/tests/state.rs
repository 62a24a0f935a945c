//! A saved state goes on like the original.

use super::multi_factor::{momentum, quote, traded};
use super::*;
use crate::state::trips::{changed_bytes_never_panic, loaded_stages_go_on};

const MINUTE: u64 = 60 * NS_PER_S;

/// Both kinds on three instruments with two timeframes.
fn kinds() -> PipelineConfig {
    let crossing = [("fast", 2.0), ("slow", 5.0)];
    let mut strategies = vec![
        instance("e", &[0, 1, 2], Timeframe::M1, &crossing),
        instance("l", &[0, 2], Timeframe::M5, &crossing),
        momentum(Timeframe::M1, true, &[]),
        momentum(Timeframe::M5, false, &[("obi", 1.0)]),
    ];
    strategies[3].instruments.push(InstrumentId(1));
    config(3, strategies)
}

/// All that a bench was fed in two sessions of random packets and bars.
fn days(seed: u64) -> Vec<Event> {
    let mut bench = Bench { stage: Strategies::new(&kinds()).unwrap(), seq: 0, fed: Vec::new() };
    let mut random = seed;
    let mut below = |bound: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    for n in 1..30 {
        bench.feed(OPEN - 1, 0, FLAG_EXO, &traded(n * MINUTE, Timeframe::M1, 10_000 + below(50) as i64, 10));
    }
    for _ in 0..2 {
        bench.session_start();
        for n in 1..200 {
            let ts = OPEN + n * MINUTE;
            for instrument in 0..3 {
                let price = 10_000 + below(60) as i64;
                if instrument < 2 || n > 3 {
                    let body = quote(ts, price, Some(n as u32), below(90) as u32, below(90) as u32);
                    bench.feed(ts, instrument, FLAG_EXO, &body);
                }
                if below(10) > 0 {
                    bench.feed(ts, instrument, FLAG_OUT, &traded(ts, Timeframe::M1, price, below(20)));
                }
                if n % 5 == 0 {
                    bench.feed(ts, instrument, FLAG_OUT, &traded(ts, Timeframe::M5, price, below(20)));
                }
            }
            bench.timer(ts + GRACE);
        }
    }
    bench.fed
}

#[test]
fn a_loaded_stage_goes_on_and_changed_bytes_never_panic() {
    let stage = || Strategies::new(&kinds()).unwrap();
    let states = loaded_stages_go_on(stage, &days(11), 29);
    loaded_stages_go_on(stage, &days(12), 97);
    changed_bytes_never_panic(stage, &states, 13);
}
