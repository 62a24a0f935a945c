//! `multi_factor_momentum` by hand: what it says to every combination of its factors.

use super::*;
use crate::event::{FLAG_OUT, Full, MARKET_INDEX, MARKET_VOLUME, Quote};
use crate::state;

/// Price in paise, buyers and sellers of a packet.
type Packet = (i64, u32, u32);
/// What is said to one bar.
type Answer = (Action, SignalReason);

const LONG: Answer = (Action::Long, SignalReason::FactorsAlign);
const SHORT: Answer = (Action::Short, SignalReason::FactorsAlign);
const EXIT: Answer = (Action::Exit, SignalReason::FactorsFail);
const FAIL: Answer = (Action::Hold, SignalReason::FactorsFail);
const NO_VWAP: Answer = (Action::Hold, SignalReason::VwapMissing);
const NO_OBI: Answer = (Action::Hold, SignalReason::ObiMissing);
const MINUTE: u64 = 60 * NS_PER_S;

/// An instance on instrument 0; RSI of two changes unless the parameters say otherwise.
pub(super) fn momentum(timeframe: Timeframe, allow_short: bool, params: &[(&str, f64)]) -> StrategyConfig {
    let mut params = params.to_vec();
    if !params.iter().any(|(name, _)| *name == "rsi_period") {
        params.push(("rsi_period", 2.0));
    }
    let kind = "multi_factor_momentum".into();
    StrategyConfig { kind, allow_short, ..instance("m", &[0], timeframe, &params) }
}

/// A packet in quote mode; `None` for its volume leaves the field out.
pub(super) fn quote(ts: u64, paise: i64, volume: Option<u32>, buy: u32, sell: u32) -> Quote {
    Quote {
        last: Price(paise * 100),
        received: TsNs(ts),
        source_seq: 0,
        flags: volume.map_or(0, |_| MARKET_VOLUME),
        exchange_secs: 0,
        average: Price::ZERO,
        open: Price::ZERO,
        high: Price::ZERO,
        low: Price::ZERO,
        close: Price::ZERO,
        last_qty: 0,
        volume: volume.unwrap_or(0),
        buy_qty: buy,
        sell_qty: sell,
        change_raw: 0,
        reserved: [0; 4],
    }
}

/// A packet in full mode, with quantities at the two outer of the five levels.
fn full(totals: [u32; 2], bids: [u32; 2], asks: [u32; 2]) -> Full {
    Full {
        last: Price(1_000_000),
        received: TsNs(OPEN),
        source_seq: 0,
        flags: MARKET_VOLUME,
        exchange_secs: 0,
        average: Price::ZERO,
        open: Price::ZERO,
        high: Price::ZERO,
        low: Price::ZERO,
        close: Price::ZERO,
        last_qty: 0,
        volume: 7,
        buy_qty: totals[0],
        sell_qty: totals[1],
        last_trade_secs: 0,
        open_interest: 0,
        open_interest_high: 0,
        open_interest_low: 0,
        bid_qty: [bids[0], 0, 0, 0, bids[1]],
        ask_qty: [asks[0], 0, 0, 0, asks[1]],
        bid_delta: [0; 5],
        ask_delta: [0; 5],
        bid_orders: [0; 5],
        ask_orders: [0; 5],
        reserved: [0; 20],
    }
}

/// A bar that trades `volume` units at its close.
pub(super) fn traded(ts: u64, timeframe: Timeframe, paise: i64, volume: u64) -> Bar {
    Bar { volume, turnover: Money(paise * 100 * volume as i64), ..bar(ts, timeframe, paise) }
}

impl Bench {
    fn quote(&mut self, ts: u64, paise: i64, buy: u32, sell: u32) {
        let body = quote(ts, paise, None, buy, sell);
        assert!(self.feed(ts, 0, FLAG_EXO, &body).is_empty(), "it speaks on bars only");
    }

    fn traded(&mut self, ts: u64, timeframe: Timeframe, paise: i64, volume: u64) -> Vec<Signal> {
        self.feed(ts, 0, FLAG_OUT, &traded(ts, timeframe, paise, volume))
    }

    /// The next minute: a packet, and the bar that it closes, of 10 units.
    fn minute(&mut self, n: u64, tick: Packet, close: i64) -> Vec<Signal> {
        let ts = OPEN + n * MINUTE;
        self.quote(ts, tick.0, tick.1, tick.2);
        self.traded(ts, Timeframe::M1, close, 10)
    }
}

#[test]
fn entries_exits_and_reversals_by_hand() {
    // Close of the minute; price, buyers and sellers of the packet after it; what a long-only instance says,
    // and one that may go short. Comments: VWAP, RSI, imbalance.
    type Row = (i64, Packet, &'static [Answer], &'static [Answer]);
    let table: [Row; 10] = [
        (10_000, (10_000, 60, 40), &[NOT_READY], &[NOT_READY]),
        (10_200, (10_200, 60, 40), &[], &[]),
        // 303/3 = 101, 100 × 1/1.5 = 66.7, 0.2
        (10_100, (10_150, 60, 40), &[LONG], &[LONG]),
        // 405.5/4 = 101.375, 100 × 1.25/1.5 = 83.3, 0.2
        (10_250, (10_138, 60, 40), &[], &[]),
        // 508/5 = 101.6, 83.3, -0.5: no factor to leave by
        (10_250, (10_200, 25, 75), &[FAIL], &[FAIL]),
        // 609/6 = 101.5, 100 × 0.3125/1.125 = 27.8, 0.2: out by RSI alone, though the price is above
        (10_100, (10_200, 60, 40), &[EXIT], &[EXIT]),
        // 710/7 = 101.43, 27.8, -0.2
        (10_100, (10_100, 40, 60), &[], &[SHORT]),
        // 811.5/8 = 101.4375, 100 × 0.328/0.531 = 61.8, -0.2: the short leaves by RSI alone
        (10_150, (10_100, 40, 60), &[], &[EXIT]),
        // 915.5/9 = 101.72, 93.3, 0.2
        (10_400, (10_400, 60, 40), &[LONG], &[LONG]),
        // 1013.5/10 = 101.35, 18.8, -0.4: all against it at once
        (9_800, (9_800, 30, 70), &[EXIT], &[SHORT]),
    ];
    for allow_short in [false, true] {
        let mut bench = Bench::new(&config(1, vec![momentum(Timeframe::M1, allow_short, &[])]));
        for (i, (close, tick, long_only, both)) in table.into_iter().enumerate() {
            let signals = bench.minute(i as u64 + 1, tick, close);
            let expected = if allow_short { both } else { long_only };
            assert_eq!(said(&signals), expected, "minute {}, short {allow_short}", i + 1);
            match i {
                2 => {
                    assert_eq!(signals[0].facts, [101.5, 101.0, 100.0 * (1.0 / 1.5), 0.2, 1.0, 3.0]);
                    assert_eq!(signals[0].confidence_bps, 2_666, "mean of 1/3 and 1/5");
                    assert_eq!(signals[0].price, Price(1_010_000), "the bar's close, as in every signal");
                }
                5 => assert_eq!(signals[0].confidence_bps, 10_000),
                6 if allow_short => assert_eq!(signals[0].confidence_bps, 3_222, "mean of 4/9 and 1/5"),
                _ => {}
            }
        }
    }
}

/// Every entry condition alone at its boundary: the strict side enters, the boundary does not.
#[test]
fn each_factor_at_its_boundary() {
    // Closes 100, 102, 101: VWAP 101, RSI 66.7.
    let rsi = 100.0 * (1.0 / 1.5);
    let table: [(&str, Packet, f64, Answer); 7] = [
        ("all just so", (10_101, 51, 50), 66.0, LONG),
        ("price at VWAP", (10_100, 51, 50), 66.0, FAIL),
        ("price below VWAP", (10_099, 51, 50), 66.0, FAIL),
        ("as many buyers as sellers", (10_101, 50, 50), 66.0, FAIL),
        ("more sellers", (10_101, 50, 51), 66.0, FAIL),
        ("RSI at its threshold", (10_101, 51, 50), rsi, FAIL),
        ("nobody waits: no factor", (10_101, 0, 0), 66.0, LONG),
    ];
    for (what, tick, rsi_entry, expected) in table {
        let params = [("rsi_entry", rsi_entry)];
        let mut bench = Bench::new(&config(1, vec![momentum(Timeframe::M1, false, &params)]));
        bench.minute(1, tick, 10_000);
        bench.minute(2, tick, 10_200);
        assert_eq!(said(&bench.minute(3, tick, 10_100)), [expected], "{what}");
    }
    // The mirror image, exactly: closes 102, 100, 101 have VWAP 101 and RSI 33.3.
    for (what, tick, expected) in [
        ("all just so", (10_099, 50, 51), SHORT),
        ("price at VWAP", (10_100, 50, 51), FAIL),
        ("as many buyers as sellers", (10_099, 50, 50), FAIL),
        ("nobody waits: no factor", (10_099, 0, 0), SHORT),
    ] {
        let mut bench = Bench::new(&config(1, vec![momentum(Timeframe::M1, true, &[])]));
        bench.minute(1, tick, 10_200);
        bench.minute(2, tick, 10_000);
        assert_eq!(said(&bench.minute(3, tick, 10_100)), [expected], "short: {what}");
    }
}

/// Both rules to leave at their boundaries, after a long at VWAP 101.
#[test]
fn each_rule_to_leave_at_its_boundary() {
    let table: [(&str, i64, i64, f64, Answer); 4] = [
        ("price at VWAP 408/4", 10_500, 10_200, 45.0, FAIL),
        ("price below VWAP", 10_500, 10_199, 45.0, EXIT),
        // Gain 1/2, loss 3/4: RSI 100 × 0.5/1.25; VWAP 403/4.
        ("RSI at its threshold", 10_000, 10_100, 40.0, FAIL),
        ("RSI below its threshold", 10_000, 10_100, 40.001, EXIT),
    ];
    for (what, close, price, rsi_exit, expected) in table {
        let params = [("rsi_exit", rsi_exit)];
        let mut bench = Bench::new(&config(1, vec![momentum(Timeframe::M1, false, &params)]));
        bench.minute(1, (10_101, 51, 50), 10_000);
        bench.minute(2, (10_101, 51, 50), 10_200);
        assert_eq!(said(&bench.minute(3, (10_101, 51, 50), 10_100)), [LONG]);
        assert_eq!(said(&bench.minute(4, (price, 50, 51), close)), [expected], "{what}");
    }
}

#[test]
fn what_nobody_acts_on_is_not_remembered() {
    let mut bench = Bench::new(&config(1, vec![momentum(Timeframe::M1, false, &[])]));
    bench.quote(OPEN - 4, 10_150, 60, 40);
    for (i, close) in [10_000, 10_200, 10_100].into_iter().enumerate() {
        let signals = bench.traded(OPEN - 3 + i as u64, Timeframe::M1, close, 10);
        assert_eq!(said(&signals), if i == 0 { vec![CLOSED] } else { vec![] });
    }
    assert_eq!(said(&bench.traded(OPEN, Timeframe::M1, 10_100, 10)), [LONG]);
}

#[test]
fn what_is_missing_is_said() {
    let at = |n: u64| OPEN + n * MINUTE;
    for (obi, expected) in [(0.0, LONG), (1.0, NO_OBI)] {
        let mut bench = Bench::new(&config(1, vec![momentum(Timeframe::M1, false, &[("obi", obi)])]));
        assert_eq!(said(&bench.traded(at(1), Timeframe::M1, 10_000, 0)), [NOT_READY]);
        assert!(bench.traded(at(2), Timeframe::M1, 10_200, 0).is_empty());
        assert_eq!(said(&bench.traded(at(3), Timeframe::M1, 10_100, 0)), [NO_VWAP], "no volume yet");
        assert!(bench.tick(at(4), 0, 10_250).is_empty(), "a packet that knows no book");
        let signals = bench.traded(at(4), Timeframe::M1, 10_200, 10);
        assert_eq!(said(&signals), [expected], "obi {obi}");
        assert_eq!(signals[0].facts[3..5], [0.0, 0.0]);
        if obi == 1.0 {
            bench.quote(at(5), 10_250, 60, 40);
            assert_eq!(said(&bench.traded(at(5), Timeframe::M1, 10_200, 10)), [LONG]);
            bench.quote(at(6), 10_250, 0, 0);
            assert_eq!(said(&bench.traded(at(6), Timeframe::M1, 10_200, 10)), [NO_OBI], "and stays long");
            bench.tick(at(7), 0, 10_000);
            assert_eq!(
                said(&bench.traded(at(7), Timeframe::M1, 10_200, 10)),
                [EXIT],
                "leaving needs no book"
            );
        }
    }
}

#[test]
fn a_session_starts_flat_with_its_own_average_and_the_old_strength() {
    let mut bench = Bench::new(&config(1, vec![momentum(Timeframe::M1, false, &[])]));
    for (n, close) in [(1, 10_000), (2, 10_200), (3, 10_100)] {
        bench.minute(n, (10_150, 60, 40), close);
    }
    let late = bench.traded(CLOSE, Timeframe::M1, 9_000, 10);
    assert_eq!(said(&late), [CLOSED], "an exit at the close is nobody's, and it is flat tomorrow anyway");
    assert!(bench.session_start().is_empty());
    let first = bench.minute(1, (10_300, 60, 40), 10_200);
    assert_eq!(said(&first), [LONG]);
    assert_eq!(first[0].facts[1], 102.0, "VWAP of one minute");
    assert_eq!(first[0].facts[5], 5.0, "RSI goes on");
    assert!(bench.session_start().is_empty());
    // Before its first packet there is no price but the bar's, and no book.
    let fresh = bench.traded(OPEN + MINUTE, Timeframe::M1, 10_400, 10);
    assert_eq!(fresh[0].facts[..2], [104.0, 104.0]);
    assert_eq!((fresh[0].facts[4], said(&fresh)), (0.0, vec![FAIL]));
}

#[test]
fn longer_bars_are_judged_by_minutes() {
    let mut bench = Bench::new(&config(1, vec![momentum(Timeframe::M5, false, &[])]));
    for (n, close) in [(1, 10_000), (2, 10_200), (3, 10_100)] {
        assert!(bench.minute(n, (10_150, 60, 40), close).is_empty());
    }
    let signals = bench.traded(OPEN + 3 * MINUTE, Timeframe::M5, 10_100, 30);
    assert_eq!(said(&signals), [LONG]);
    assert_eq!(signals[0].facts, [101.5, 101.0, 100.0 * (1.0 / 1.5), 0.2, 1.0, 3.0]);
}

#[test]
fn what_a_strategy_sees_of_a_packet() {
    let view = |event: Event| {
        let view = TickView::of(&event, true).unwrap();
        (view.volume, view.pending().map(|p| (p.buy, p.sell)), view.pending().and_then(Pending::imbalance))
    };
    let of_full = |body: &Full| view(Event::new(InstrumentId(0), FLAG_EXO, body));
    let of_quote = |body: &Quote| view(Event::new(InstrumentId(0), FLAG_EXO, body));
    let most = u32::MAX;
    let many = u64::from(most) * 2;
    let table = [
        (full([5, 15], [2, 4], [1, 1]), (6, 2), Some(0.5)), // (6 - 2) / 8: levels before totals
        (full([5, 15], [0, 0], [1, 3]), (0, 4), Some(-1.0)), // an empty side
        (full([5, 15], [0, 0], [0, 0]), (5, 15), Some(-0.5)), // no level: the totals
        (full([0, 0], [0, 0], [0, 0]), (0, 0), None),
        (full([0, 0], [most, most], [most, most]), (many, many), Some(0.0)),
    ];
    for (body, pending, imbalance) in table {
        assert_eq!(of_full(&body), (Some(7), Some(pending), imbalance), "{body:?}");
    }
    assert_eq!(of_quote(&quote(OPEN, 1, Some(9), 3, 1)), (Some(9), Some((3, 1)), Some(0.5)));
    assert_eq!(of_quote(&quote(OPEN, 1, None, 0, 0)), (None, Some((0, 0)), None));
    let index = Quote { flags: MARKET_INDEX, ..quote(OPEN, 1, None, 3, 1) };
    assert_eq!(of_quote(&index), (None, None, None), "nobody waits for an index");
    let ltp = Ltp { last: Price(1), received: TsNs(OPEN), source_seq: 0, flags: 0, reserved: [0; 4] };
    assert_eq!(view(Event::new(InstrumentId(0), FLAG_EXO, &ltp)), (None, None, None));
    let timer = Event::new(InstrumentId(0), FLAG_EXO, &Timer { due: TsNs(1), reserved: [0; 24] });
    assert!(TickView::of(&timer, true).is_none());
}

/// Changes of one part of the state each, and the hash of the strategy alone: the stage's has what was said.
#[test]
fn the_hash_covers_the_state() {
    let run = |closes: &[i64], change: &dyn Fn(&mut Bench)| {
        let mut bench = Bench::new(&config(1, vec![momentum(Timeframe::M5, true, &[])]));
        for (i, &close) in closes.iter().enumerate() {
            bench.minute(i as u64 + 1, (10_150, 60, 40), close);
        }
        change(&mut bench);
        let strategy = state::hash(0, |io| bench.stage.slots[0].strategy.state(io));
        (strategy, stage_hash(&mut bench.stage))
    };
    let ts = OPEN + 4 * MINUTE;
    let changes: [&dyn Fn(&mut Bench); 10] = [
        &|_| {},
        &|bench| bench.quote(ts, 10_151, 60, 40), // price
        &|bench| bench.quote(ts, 10_150, 61, 40), // imbalance
        &|bench| bench.quote(ts, 10_150, 0, 0),   // imbalance unknown
        &|bench| bench.quote(ts, 10_150, 50, 50), // imbalance zero
        &|bench| drop(bench.traded(ts, Timeframe::M1, 10_100, 0)), // RSI
        &|bench| drop(bench.traded(ts, Timeframe::M1, 10_200, 0)),
        &|bench| drop(bench.traded(ts, Timeframe::M1, 10_100, 1)), // and VWAP
        &|bench| drop(bench.traded(ts, Timeframe::M5, 10_100, 0)), // direction wanted
        &|bench| drop(bench.session_start()),
    ];
    let closes = [10_000, 10_200, 10_100];
    let hashes: Vec<_> = changes.iter().map(|change| run(&closes, change)).collect();
    for (i, hash) in hashes.iter().enumerate() {
        assert_eq!(*hash, run(&closes, changes[i]), "{i}: the same again");
        assert!(hashes[..i].iter().all(|one| one.0 != hash.0), "{i} hashes like one before it");
    }
    let flat = |minutes: usize| {
        run(&vec![10_000; minutes], &|bench| drop(bench.session_start())).0 // VWAP anew
    };
    assert_ne!(flat(5), flat(6), "minutes");
}

#[test]
fn thresholds_must_fit_each_other() {
    let params = [("rsi_entry", 50.0), ("rsi_exit", 51.0)];
    let error = Strategies::new(&config(1, vec![momentum(Timeframe::M1, false, &params)])).err().unwrap();
    assert_eq!(error.to_string(), "strategy m: rsi_exit (51) must be at most rsi_entry (50)");
    let half =
        Strategies::new(&config(1, vec![momentum(Timeframe::M1, false, &[("obi", 0.5)])])).err().unwrap();
    assert!(matches!(half, StrategyError::NotWhole { name: "obi", .. }));
}
