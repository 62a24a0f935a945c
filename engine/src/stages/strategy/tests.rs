//! The stage as a whole: routing, holds, session hours, and the crossover against an independent computation.

mod history;
mod hours;
mod multi_factor;
mod oracle;
mod state;
mod talib;

use super::*;
use crate::config::{BarsConfig, InstrumentClass, InstrumentSpec, RiskConfig, StrategyConfig, VenueConfig};
use crate::event::{FLAG_OUT, Ltp, SessionEnd, Timer};
use crate::stage::stage_hash;
use crate::units::{Money, Qty, Seq};

const OPEN: u64 = 1_000 * NS_PER_S;
const CLOSE: u64 = 20_000 * NS_PER_S;
const GRACE: u64 = 2 * NS_PER_S;

fn instance(id: &str, instruments: &[u32], timeframe: Timeframe, params: &[(&str, f64)]) -> StrategyConfig {
    StrategyConfig {
        id: id.into(),
        kind: "ema_crossover".into(),
        instruments: instruments.iter().map(|&id| InstrumentId(id)).collect(),
        timeframe,
        allow_short: false,
        passive_entry: false,
        reprice_ns: 0,
        priority: 0,
        stop_loss_bps: 0,
        take_profit_bps: 0,
        holding_ns: 0,
        params: params.iter().map(|&(name, value)| (name.to_owned(), value)).collect(),
    }
}

fn config(instruments: u32, strategies: Vec<StrategyConfig>) -> PipelineConfig {
    let spec = |i| InstrumentSpec {
        symbol: format!("NSE:S{i}"),
        token: i,
        class: InstrumentClass::Equity,
        tradable: true,
        lot: Qty(1),
        tick: Price(500),
        multiplier: 1,
        freeze: Qty::ZERO,
        derivatives: false,
    };
    PipelineConfig {
        instruments: (0..instruments).map(spec).collect(),
        bars: BarsConfig { grace_ns: GRACE },
        strategies,
        risk: RiskConfig {
            capital: Money::rupees(500_000),
            position_bps: 1_000,
            order_value_bps: 2_000,
            order_quantity_max: Qty::ZERO,
            open_positions_max: 5,
            daily_loss_bps: 200,
            protection_bps: 50,
            flatten_on_kill: true,
            ..RiskConfig::UNLIMITED
        },
        charges: crate::config::ChargesConfig::NONE,
        venue: VenueConfig {
            latency_min_ns: 1,
            latency_spread_ns: 0,
            latency_step_ns: 1,
            slippage_ticks: 0,
            participation_bps: 1_000,
            seed: 1,
            ..VenueConfig::default()
        },
    }
}

/// Feeds the stage and checks what holds for every call: the input first, then at most `EMIT_MAX` in all.
struct Bench {
    stage: Strategies,
    seq: u64,
    /// All it was fed.
    fed: Vec<Event>,
}

#[derive(Default)]
struct Collected(Vec<Event>);

impl Emit for Collected {
    fn emit(&mut self, event: &Event) {
        self.0.push(*event);
    }
}

impl Bench {
    fn new(config: &PipelineConfig) -> Self {
        let mut bench = Self { stage: Strategies::new(config).unwrap(), seq: 0, fed: Vec::new() };
        assert!(bench.session_start().is_empty());
        bench
    }

    fn feed<B: crate::event::Body>(&mut self, ts: u64, instrument: u32, flags: u16, body: &B) -> Vec<Signal> {
        let mut event = Event::new(InstrumentId(instrument), flags, body);
        self.seq += 1;
        event.header.seq = Seq(self.seq);
        event.header.ts = TsNs(ts);
        self.fed.push(event);
        let mut all = Collected::default();
        let mut progress = self.stage.on_event(&event, &mut all);
        let mut before = 0;
        loop {
            assert!(all.0.len() - before <= EMIT_MAX, "one call emitted too much");
            before = all.0.len();
            if progress == Progress::Done {
                break;
            }
            progress = self.stage.resume(&mut all);
        }
        assert_eq!(all.0[0].used_bytes(), event.used_bytes(), "the input goes first");
        let signal = |event: &Event| {
            assert_eq!((event.header.seq, event.header.ts), (Seq(self.seq), TsNs(ts)));
            *event.body::<Signal>()
        };
        all.0[1..].iter().map(signal).collect()
    }

    fn session_start(&mut self) -> Vec<Signal> {
        let body = SessionStart {
            date: 20_210_415,
            number: 1,
            pre_open: TsNs(OPEN - 900 * NS_PER_S),
            open: TsNs(OPEN),
            close: TsNs(CLOSE),
            end: TsNs(CLOSE + GRACE),
            config_hash: 0,
            instruments_hash: 0,
            calendar_hash: 0,
            reserved: [0; 32],
        };
        self.feed(OPEN - 900 * NS_PER_S, InstrumentId::NONE.0, FLAG_EXO, &body)
    }

    fn tick(&mut self, ts: u64, instrument: u32, paise: i64) -> Vec<Signal> {
        let last = Price(paise * 100);
        let body = Ltp { last, received: TsNs(ts), source_seq: 0, flags: 0, reserved: [0; 4] };
        self.feed(ts, instrument, FLAG_EXO, &body)
    }

    fn timer(&mut self, ts: u64) -> Vec<Signal> {
        self.feed(ts, InstrumentId::NONE.0, FLAG_EXO, &Timer { due: TsNs(ts), reserved: [0; 24] })
    }

    fn bar(&mut self, ts: u64, instrument: u32, timeframe: Timeframe, paise: i64) -> Vec<Signal> {
        self.feed(ts, instrument, FLAG_OUT, &bar(ts, timeframe, paise))
    }
}

/// A bar that ends at `ts`, of one price and no volume.
fn bar(ts: u64, timeframe: Timeframe, paise: i64) -> Bar {
    let price = Price(paise * 100);
    Bar {
        start: TsNs(ts - 60 * NS_PER_S),
        end: TsNs(ts),
        open: price,
        high: price,
        low: price,
        close: price,
        volume: 0,
        turnover: Money::ZERO,
        open_interest: 0,
        trades: 1,
        gap: 0,
        timeframe: timeframe as u8,
        flags: 0,
        reserved: [0; 18],
    }
}

fn said(signals: &[Signal]) -> Vec<(Action, SignalReason)> {
    let pair = |s: &Signal| (Action::from_u8(s.action).unwrap(), SignalReason::from_u8(s.reason).unwrap());
    signals.iter().map(pair).collect()
}

const NOT_READY: (Action, SignalReason) = (Action::Hold, SignalReason::IndicatorsNotReady);
const NO_CROSS: (Action, SignalReason) = (Action::Hold, SignalReason::NoCross);
const CLOSED: (Action, SignalReason) = (Action::Hold, SignalReason::SessionClosed);
const MISSING: (Action, SignalReason) = (Action::Hold, SignalReason::LtpMissing);

#[test]
fn a_crossing_by_hand() {
    // EMA(1) is the close itself, EMA(3) has alpha 1/2: 30 → 25 → 30 → 35 → 27.5 in the last five bars.
    let mut strategies = vec![instance("x", &[0], Timeframe::M1, &[("fast", 1.0), ("slow", 3.0)])];
    for allow_short in [false, true] {
        strategies[0].allow_short = allow_short;
        let mut bench = Bench::new(&config(1, strategies.clone()));
        let down = if allow_short { Action::Short } else { Action::Exit };
        let expected = [
            (40, vec![NOT_READY]),
            (30, vec![]),
            (20, vec![]), // seed of the slow average: 30; no previous values yet
            (20, vec![NO_CROSS]),
            (35, vec![(Action::Long, SignalReason::CrossUp)]),
            (40, vec![NO_CROSS]),
            (20, vec![(down, SignalReason::CrossDown)]),
        ];
        for (i, (rupees, expected)) in expected.into_iter().enumerate() {
            let ts = OPEN + (i as u64 + 1) * 60 * NS_PER_S;
            let signals = bench.bar(ts, 0, Timeframe::M1, rupees * 100);
            assert_eq!(said(&signals), expected, "bar {i}");
            if i == 4 {
                assert_eq!(signals[0].facts, [35.0, 30.0, 20.0, 25.0, 35.0, 5.0]);
                assert_eq!((signals[0].price, signals[0].confidence_bps), (Price(350_000), 10_000));
                assert_eq!(signals[0].bar_start, TsNs(ts - 60 * NS_PER_S));
                assert_eq!(signals[0].id, 3, "ids are dense: two holds came before");
            }
        }
    }
}

#[test]
fn crossings_of_a_random_walk_equal_an_independent_computation() {
    let seed = 7_u64;
    println!("seed {seed}");
    let (fast, slow) = (4_usize, 11_usize);
    let params = [("fast", fast as f64), ("slow", slow as f64)];
    let mut bench = Bench::new(&config(1, vec![instance("x", &[0], Timeframe::M1, &params)]));
    let mut state = seed;
    let mut paise = 150_000_i64;
    let mut closes: Vec<f64> = Vec::new();
    let average = |period: usize, values: &[f64]| {
        let seed = values.get(..period)?.iter().sum::<f64>() / period as f64;
        let alpha = 2.0 / (period as f64 + 1.0);
        Some(values[period..].iter().fold(seed, |ema, value| alpha * value + (1.0 - alpha) * ema))
    };
    let mut crossings = 0;
    let mut last = None;
    for i in 0..300_u64 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        paise += (state >> 33) as i64 % 201 - 100;
        closes.push(paise as f64 / 100.0);
        let before =
            average(fast, &closes[..closes.len() - 1]).zip(average(slow, &closes[..closes.len() - 1]));
        let now = average(fast, &closes).zip(average(slow, &closes));
        let expected = match before.zip(now) {
            None => NOT_READY,
            Some(((pf, ps), (f, s))) if pf <= ps && f > s => (Action::Long, SignalReason::CrossUp),
            Some(((pf, ps), (f, s))) if pf >= ps && f < s => (Action::Exit, SignalReason::CrossDown),
            Some(_) => NO_CROSS,
        };
        crossings += u32::from(expected.0 != Action::Hold);
        let repeated = expected.0 == Action::Hold && last == Some(expected);
        let shown = said(&bench.bar(OPEN + (i + 1) * 60 * NS_PER_S, 0, Timeframe::M1, paise));
        assert_eq!(shown, if repeated { vec![] } else { vec![expected] }, "bar {i}");
        last = Some(expected);
    }
    assert!(crossings >= 10, "only {crossings} crossings");
}

#[test]
fn bars_reach_the_instances_of_their_instrument_and_timeframe_only() {
    let strategies = vec![
        instance("a", &[0, 2], Timeframe::M1, &[]),
        instance("b", &[2], Timeframe::M5, &[]),
        instance("c", &[2], Timeframe::M1, &[]),
    ];
    let mut bench = Bench::new(&config(4, strategies));
    let ids = |signals: Vec<Signal>| signals.iter().map(|s| s.strategy.0).collect::<Vec<_>>();
    let at = |n: u64| OPEN + n * NS_PER_S;
    assert_eq!(ids(bench.bar(at(60), 0, Timeframe::M1, 100)), [0]);
    assert_eq!(ids(bench.bar(at(61), 2, Timeframe::M1, 100)), [0, 2]);
    assert_eq!(ids(bench.bar(at(62), 2, Timeframe::M5, 100)), [1]);
    assert!(bench.bar(at(63), 1, Timeframe::M1, 100).is_empty());
    assert!(bench.bar(at(64), 3, Timeframe::Day, 100).is_empty());
    assert!(bench.bar(at(65), 0, Timeframe::M5, 100).is_empty());
    assert_eq!(bench.stage.signals(), 4);
}

#[test]
fn outside_the_session_there_is_one_hold_and_the_averages_go_on() {
    let params = [("fast", 1.0), ("slow", 2.0)];
    let strategies = vec![instance("x", &[0], Timeframe::M1, &params)];
    let mut bench = Bench::new(&config(1, strategies));
    assert_eq!(said(&bench.bar(OPEN - 1, 0, Timeframe::M1, 4_000)), [CLOSED]);
    assert_eq!(said(&bench.bar(OPEN, 0, Timeframe::M1, 2_000)), [NOT_READY]);
    assert_eq!(said(&bench.bar(CLOSE - 1, 0, Timeframe::M1, 2_000)), [NO_CROSS]);
    let hash = stage_hash(&mut bench.stage);
    let signals = bench.bar(CLOSE, 0, Timeframe::M1, 9_000);
    assert_eq!(said(&signals), [CLOSED], "a crossing at the close is not acted on");
    assert_eq!(signals[0].confidence_bps, 0);
    assert_ne!(stage_hash(&mut bench.stage), hash);
    assert!(bench.bar(CLOSE + GRACE, 0, Timeframe::M1, 9_000).is_empty());
    let end = SessionEnd { date: 20_210_415, number: 1, reserved: [0; 24] };
    assert!(bench.feed(CLOSE + GRACE, InstrumentId::NONE.0, FLAG_EXO, &end).is_empty());
    assert!(bench.session_start().is_empty());
    let next = bench.bar(OPEN + 1, 0, Timeframe::M1, 9_000);
    assert_eq!(said(&next), [NO_CROSS], "a new session, the same averages, its own record of holds");
    assert_eq!(next[0].facts[5], 6.0);
}

#[test]
fn a_price_missing_at_the_first_bar_is_said_once() {
    let all: Vec<u32> = (0..120).collect();
    let strategies =
        vec![instance("x", &all[..119], Timeframe::M1, &[]), instance("d", &[119], Timeframe::Day, &[])];
    let mut bench = Bench::new(&config(120, strategies));
    let due = OPEN + 60 * NS_PER_S + GRACE;
    assert!(bench.tick(OPEN, 7, 100).is_empty());
    assert!(bench.timer(due - 1).is_empty());
    let missing = bench.timer(due);
    assert_eq!(said(&missing), vec![MISSING; 118], "all but the one with a price; day bars are never due");
    assert!(missing.iter().map(|s| s.id).eq(1..=118));
    assert!(bench.timer(due + NS_PER_S).is_empty());
    assert_eq!(said(&bench.bar(due + NS_PER_S, 3, Timeframe::M1, 100)), [NOT_READY]);
}

#[test]
fn what_cannot_be_built_is_refused() {
    let unknown = config(1, vec![instance("x", &[1], Timeframe::M1, &[])]);
    let error = Strategies::new(&unknown).err().unwrap();
    assert_eq!(error, StrategyError::UnknownInstrument { id: "x".into(), instrument: 1 });
    let crowd =
        |n: usize| config(1, (0..n).map(|i| instance(&i.to_string(), &[0], Timeframe::M1, &[])).collect());
    assert!(Strategies::new(&crowd(PER_INSTRUMENT_MAX)).is_ok());
    assert!(matches!(
        Strategies::new(&crowd(PER_INSTRUMENT_MAX + 1)),
        Err(StrategyError::TooManyOnInstrument { instrument: 0, found: 48, max: 47 })
    ));
    assert!(matches!(Strategies::new(&crowd(STRATEGIES_MAX + 1)), Err(StrategyError::TooMany { .. })));
    let conflict = config(1, vec![instance("x", &[0], Timeframe::M1, &[("fast", 60.0)])]);
    assert!(matches!(Strategies::new(&conflict), Err(StrategyError::Conflict { .. })));
}
