//! Bars of earlier days: a strategy warmed by them is the strategy that was there.

use super::multi_factor::{momentum, quote, traded};
use super::*;
use crate::stages::bars::Bars;
use crate::state;

const DAY: u64 = 86_400 * NS_PER_S;
const MINUTE: u64 = 60 * NS_PER_S;
const SECOND_OPEN: u64 = OPEN + DAY;

/// What a signal says, without its number in the run.
type Line = (u16, u64, u8, u8, u16, i64, u64, [f64; 6]);

/// The two stages, and what they made.
struct Pair {
    bars: Bars,
    strategies: Strategies,
    made: Vec<Event>,
    said: Vec<Line>,
}

impl Pair {
    fn new(config: &PipelineConfig) -> Self {
        let bars = Bars::new(&config.instruments, &config.bars);
        Self { bars, strategies: Strategies::new(config).unwrap(), made: vec![], said: vec![] }
    }

    fn feed(&mut self, ts: u64, mut event: Event) {
        event.header.ts = TsNs(ts);
        let mut between = Collected::default();
        assert_eq!(self.bars.on_event(&event, &mut between), Progress::Done);
        let mut out = Collected::default();
        for event in &between.0 {
            assert_eq!(self.strategies.on_event(event, &mut out), Progress::Done);
        }
        for event in out.0 {
            match event.kind() {
                Kind::Bar if event.header.flags & FLAG_OUT != 0 => self.made.push(event),
                Kind::Signal => {
                    let s = event.body::<Signal>();
                    let of = (s.strategy.0, ts, s.action, s.reason, s.confidence_bps);
                    self.said.push((of.0, of.1, of.2, of.3, of.4, s.price.0, s.bar_start.0, s.facts));
                }
                _ => {}
            }
        }
    }

    /// A day of random ticks of two instruments, with timers.
    fn day(&mut self, open: u64, minutes: u64, seed: u64) {
        let close = open + minutes * MINUTE;
        let start = SessionStart {
            date: 20_210_415 + (open / DAY) as u32,
            number: 1,
            pre_open: TsNs(open),
            open: TsNs(open),
            close: TsNs(close),
            end: TsNs(close + GRACE),
            config_hash: 0,
            instruments_hash: 0,
            calendar_hash: 0,
            reserved: [0; 32],
        };
        self.feed(open, Event::new(InstrumentId::NONE, FLAG_EXO, &start));
        let mut state = seed;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let (mut ts, mut paise, mut volume) = (open, [150_000_i64, 80_000], 0);
        let mut next_timer = open + NS_PER_S;
        loop {
            ts += random(12) * NS_PER_S + 1;
            while next_timer <= ts.min(close + GRACE) {
                self.feed(next_timer, timer(next_timer));
                next_timer += NS_PER_S;
            }
            if ts >= close {
                break;
            }
            let id = random(2) as usize;
            paise[id] += random(201) as i64 - 100;
            volume += random(500) as u32;
            let body = quote(ts, paise[id], Some(volume), random(900) as u32, random(900) as u32);
            self.feed(ts, Event::new(InstrumentId(id as u32), FLAG_EXO, &body));
        }
        let end = SessionEnd { date: start.date, number: 1, reserved: [0; 24] };
        self.feed(close + GRACE, Event::new(InstrumentId::NONE, FLAG_EXO, &end));
    }

    /// What every instance has become.
    fn states(&mut self) -> Vec<u128> {
        let state = |slot: &mut Slot| state::hash(0, |io| slot.strategy.state(io));
        self.strategies.slots.iter_mut().map(state).collect()
    }
}

fn timer(due: u64) -> Event {
    Event::new(InstrumentId::NONE, FLAG_EXO, &Timer { due: TsNs(due), reserved: [0; 24] })
}

fn strategies() -> Vec<StrategyConfig> {
    let both = |strategy: StrategyConfig| StrategyConfig {
        instruments: vec![InstrumentId(0), InstrumentId(1)],
        allow_short: true,
        ..strategy
    };
    vec![
        both(instance("a", &[], Timeframe::M1, &[("fast", 2.0), ("slow", 6.0)])),
        both(momentum(Timeframe::M5, true, &[("rsi_period", 5.0)])),
        both(instance("b", &[], Timeframe::M5, &[("fast", 1.0), ("slow", 3.0)])),
        both(momentum(Timeframe::M1, true, &[("rsi_period", 14.0), ("obi", 1.0)])),
    ]
}

#[test]
fn warmed_by_history_a_strategy_says_what_it_says_after_the_day_itself() {
    let config = config(2, strategies());
    let mut first_bars = 0;
    for seed in 1..=20_u64 {
        println!("seed {seed}");
        let mut both = Pair::new(&config);
        both.day(OPEN, 123, seed);
        let history = std::mem::take(&mut both.made);
        assert!(both.said.iter().any(|line| line.2 != Action::Hold as u8), "the first day has signals");
        both.said.clear();
        both.day(SECOND_OPEN, 60, seed + 1_000);

        let mut warmed = Pair::new(&config);
        for bar in &history {
            // As the inputs journal has them: all at the pre-open of the day that is run.
            let bar = Event::new(bar.header.instrument, FLAG_EXO, bar.body::<Bar>());
            warmed.feed(SECOND_OPEN, bar);
        }
        assert!(warmed.said.is_empty(), "history says nothing");
        assert_eq!(warmed.strategies.signals(), 0, "and uses no id");
        warmed.day(SECOND_OPEN, 60, seed + 1_000);
        assert_eq!(warmed.said, both.said);
        assert_eq!(warmed.states(), both.states());
        let bytes = |made: &[Event]| made.iter().flat_map(Event::used_bytes).copied().collect::<Vec<u8>>();
        assert!(bytes(&warmed.made) == bytes(&both.made), "the same bars, and none of history");

        let mut cold = Pair::new(&config);
        cold.day(SECOND_OPEN, 60, seed + 1_000);
        assert_ne!(cold.said, both.said, "without history it says other things");
        let crossed = |line: &Line| line.0 == 0 && line.2 != Action::Hold as u8 && line.6 == SECOND_OPEN;
        first_bars += warmed.said.iter().filter(|line| crossed(line)).count();
    }
    println!("crossings of the first bar of a day: {first_bars}");
    assert!(first_bars >= 5, "the last bar of history and the first of the day can cross: {first_bars}");
}

/// Only bars of its instrument and timeframe, and minutes, reach an instance; nothing is remembered as said.
#[test]
fn history_reaches_indicators_and_nothing_else() {
    let params = [("fast", 1.0), ("slow", 2.0)];
    let strategies = vec![instance("e", &[0], Timeframe::M5, &params), momentum(Timeframe::M5, true, &[])];
    let config = config(2, strategies);
    let stage = || Bench { stage: Strategies::new(&config).unwrap(), seq: 0, fed: Vec::new() };
    let states = |bench: &mut Bench| {
        let state = |slot: &mut Slot| state::hash(0, |io| slot.strategy.state(io));
        bench.stage.slots.iter_mut().map(state).collect::<Vec<_>>()
    };
    let fresh = states(&mut stage());
    // Which instances (ema, momentum) a bar of history changes.
    let table = [
        (0, Timeframe::M5, [true, false]),
        (0, Timeframe::M1, [false, true]),
        (0, Timeframe::M3, [false, false]),
        (1, Timeframe::M5, [false, false]),
        (1, Timeframe::M1, [false, false]),
    ];
    for (instrument, timeframe, changed) in table {
        let mut bench = stage();
        let body = bar(OPEN - 900 * NS_PER_S, timeframe, 10_000);
        assert!(bench.feed(OPEN - 900 * NS_PER_S, instrument, FLAG_EXO, &body).is_empty());
        let now = states(&mut bench);
        assert_eq!([now[0] != fresh[0], now[1] != fresh[1]], changed, "{timeframe} of {instrument}");
        assert_eq!(bench.stage.signals(), 0);
    }
}

/// The order of events promises that history comes before any session; were it not so, it still says nothing.
#[test]
fn a_bar_that_is_an_input_is_history_at_any_time() {
    let mut bench = Bench::new(&config(1, vec![momentum(Timeframe::M1, false, &[])]));
    let mut minute = |n: u64, paise: i64, flags: u16| {
        said(&bench.feed(OPEN + n * MINUTE, 0, flags, &traded(OPEN + n * MINUTE, Timeframe::M1, paise, 10)))
    };
    for (n, paise) in [(1, 10_000), (2, 10_100), (3, 10_200)] {
        assert!(minute(n, paise, FLAG_EXO).is_empty());
    }
    let long = (Action::Long, SignalReason::FactorsAlign);
    assert_eq!(minute(4, 10_300, FLAG_OUT), [long], "what it wanted before was not remembered as said");
}
