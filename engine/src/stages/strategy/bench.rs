//! A bench for the tests of a kind: prices in, and what it says in a list. For tests only: it allocates, and panics
//! where something does not fit.
//!
//! ```
//! use pitlane_engine::event::{Action::*, SignalReason::*};
//! use pitlane_engine::stages::strategy::bench::Bench;
//!
//! // An average of one close is the close itself; it crosses the average of three with the fifth.
//! let mut bench = Bench::new("ema_crossover", &[("fast", 1.0), ("slow", 3.0)]);
//! let said = bench.minutes(&[40.0, 30.0, 20.0, 20.0, 35.0]);
//! assert_eq!(said, [(0, Hold, IndicatorsNotReady), (3, Hold, NoCross), (4, Long, CrossUp)]);
//! ```

use super::Strategies;
use crate::config::{
    BarsConfig, InstrumentClass, InstrumentSpec, PipelineConfig, RiskConfig, StrategyConfig, VenueConfig,
};
use crate::event::{
    Action, Bar, Body, Event, FLAG_EXO, FLAG_OUT, Kind, MARKET_VOLUME, Quote, SessionStart, Signal,
    SignalReason, Timeframe,
};
use crate::stage::{Chain, Emit};
use crate::units::{InstrumentId, Money, NS_PER_S, Price, Qty, SCALE, TsNs};

/// One signal: the price that caused it, counted from 0 over all that the bench was given; what; why.
pub type Line = (usize, Action, SignalReason);

/// 31 July 2026, 09:15 in India. The session of a bench lasts for a year, so that no series is too long.
const OPEN: TsNs = TsNs(1_785_469_500 * NS_PER_S);
const MINUTE_NS: u64 = 60 * NS_PER_S;
/// Units that every bar trades, for averages by volume.
const VOLUME: u64 = 100;

/// One instance on one share with bars of one minute, in a session that has just begun.
pub struct Bench {
    stage: Strategies,
    now: TsNs,
    prices: usize,
    signals: Vec<Signal>,
}

/// The signals among what the stage emits.
struct Heard<'a>(&'a mut Vec<Signal>);

impl Emit for Heard<'_> {
    fn emit(&mut self, event: &Event) {
        if event.kind() == Kind::Signal {
            self.0.push(*event.body::<Signal>());
        }
    }
}

impl Bench {
    /// An instance of `kind` that may not sell short; parameters that are not given have their defaults. Panics with
    /// the refusal if the kind is not in the registry or a parameter does not fit.
    pub fn new(kind: &str, params: &[(&str, f64)]) -> Self {
        Self::build(kind, params, false)
    }

    /// The same for an instance that may sell short.
    pub fn with_short(kind: &str, params: &[(&str, f64)]) -> Self {
        Self::build(kind, params, true)
    }

    fn build(kind: &str, params: &[(&str, f64)], allow_short: bool) -> Self {
        let stage = match Strategies::new(&config(kind, params, allow_short)) {
            Ok(stage) => stage,
            Err(refusal) => panic!("{refusal}"),
        };
        let mut bench = Self { stage, now: OPEN, prices: 0, signals: Vec::new() };
        bench.session();
        bench
    }

    /// Closes a minute at each of these prices, in rupees; what was said.
    pub fn minutes(&mut self, closes: &[f64]) -> Vec<Line> {
        let mut lines = Vec::new();
        for &rupees in closes {
            self.now = self.now.plus(MINUTE_NS);
            let bar = minute(self.now, price(rupees));
            lines.extend(self.feed(FLAG_OUT, &bar));
        }
        lines
    }

    /// Sends packets a second apart: last price in rupees, units that buyers and that sellers wait for; what was said.
    pub fn packets(&mut self, packets: &[(f64, u32, u32)]) -> Vec<Line> {
        let mut lines = Vec::new();
        for &(rupees, buyers, sellers) in packets {
            self.now = self.now.plus(NS_PER_S);
            let quote = packet(self.now, price(rupees), buyers, sellers);
            lines.extend(self.feed(FLAG_EXO, &quote));
        }
        lines
    }

    /// Starts the next session, now.
    pub fn session(&mut self) {
        let body = SessionStart {
            date: 20_260_731,
            number: 1,
            pre_open: self.now,
            open: self.now,
            close: self.now.plus(365 * 86_400 * NS_PER_S),
            end: self.now.plus(365 * 86_400 * NS_PER_S),
            config_hash: 0,
            instruments_hash: 0,
            calendar_hash: 0,
            reserved: [0; 32],
        };
        self.send(InstrumentId::NONE, FLAG_EXO, &body);
    }

    /// Every signal so far, with its facts.
    pub fn signals(&self) -> &[Signal] {
        &self.signals
    }

    fn feed<B: Body>(&mut self, flags: u16, body: &B) -> Vec<Line> {
        let before = self.signals.len();
        self.send(InstrumentId(0), flags, body);
        let line = |signal: &Signal| {
            let action = Action::from_u8(signal.action).expect("the stage writes known actions");
            let reason = SignalReason::from_u8(signal.reason).expect("the stage writes known reasons");
            (self.prices, action, reason)
        };
        let lines = self.signals[before..].iter().map(line).collect();
        self.prices += 1;
        lines
    }

    fn send<B: Body>(&mut self, instrument: InstrumentId, flags: u16, body: &B) {
        let mut event = Event::new(instrument, flags, body);
        event.header.ts = self.now;
        self.stage.event(&event, &mut Heard(&mut self.signals));
    }
}

/// What the stage is built from; risk and venue have no part in it.
fn config(kind: &str, params: &[(&str, f64)], allow_short: bool) -> PipelineConfig {
    let share = InstrumentSpec {
        symbol: "NSE:BENCH".to_owned(),
        token: 1,
        class: InstrumentClass::Equity,
        tradable: true,
        lot: Qty(1),
        tick: Price(500),
        multiplier: 1,
        freeze: Qty::ZERO,
        derivatives: false,
    };
    let instance = StrategyConfig {
        id: "bench".to_owned(),
        kind: kind.to_owned(),
        instruments: vec![InstrumentId(0)],
        timeframe: Timeframe::M1,
        allow_short,
        passive_entry: false,
        reprice_ns: 0,
        priority: 0,
        stop_loss_bps: 0,
        take_profit_bps: 0,
        holding_ns: 0,
        params: params.iter().map(|&(name, value)| (name.to_owned(), value)).collect(),
    };
    PipelineConfig {
        instruments: vec![share],
        bars: BarsConfig { grace_ns: 2 * NS_PER_S },
        strategies: vec![instance],
        risk: RiskConfig::UNLIMITED,
        charges: crate::config::ChargesConfig::NONE,
        venue: VenueConfig {
            latency_min_ns: 1,
            latency_spread_ns: 0,
            latency_step_ns: 1,
            slippage_ticks: 0,
            participation_bps: 0,
            seed: 0,
            ..VenueConfig::default()
        },
    }
}

/// The nearest price on the scale. Panics if `rupees` is negative or not a number.
fn price(rupees: f64) -> Price {
    assert!(rupees >= 0.0, "{rupees} is no price");
    Price((rupees * SCALE as f64).round() as i64)
}

/// The minute that ends at `end`, all of it at one price.
fn minute(end: TsNs, price: Price) -> Bar {
    Bar {
        start: TsNs(end.0 - MINUTE_NS),
        end,
        open: price,
        high: price,
        low: price,
        close: price,
        volume: VOLUME,
        turnover: Money(price.0 * VOLUME as i64),
        open_interest: 0,
        trades: 1,
        gap: 0,
        timeframe: Timeframe::M1 as u8,
        flags: 0,
        reserved: [0; 18],
    }
}

fn packet(now: TsNs, last: Price, buyers: u32, sellers: u32) -> Quote {
    Quote {
        last,
        received: now,
        source_seq: 0,
        flags: MARKET_VOLUME,
        exchange_secs: 0,
        average: last,
        open: last,
        high: last,
        low: last,
        close: last,
        last_qty: 0,
        volume: 0,
        buy_qty: buyers,
        sell_qty: sellers,
        change_raw: 0,
        reserved: [0; 4],
    }
}

#[cfg(test)]
mod tests {
    use super::super::REGISTRY;
    use super::*;
    use Action::{Exit, Hold, Long, Short};
    use SignalReason::{CrossDown, CrossUp, FactorsAlign, FactorsFail, IndicatorsNotReady, NoCross};

    #[test]
    fn lines_count_on_over_calls_and_keep_their_facts() {
        let mut bench = Bench::with_short("ema_crossover", &[("fast", 1.0), ("slow", 3.0)]);
        assert_eq!(bench.minutes(&[40.0, 30.0]), [(0, Hold, IndicatorsNotReady)]);
        assert_eq!(bench.minutes(&[20.0, 20.0, 35.0]), [(3, Hold, NoCross), (4, Long, CrossUp)]);
        assert_eq!(bench.minutes(&[40.0, 20.0]), [(5, Hold, NoCross), (6, Short, CrossDown)]);
        assert_eq!(bench.signals().len(), 5);
        assert_eq!(bench.signals()[2].facts, [35.0, 30.0, 20.0, 25.0, 35.0, 5.0]);
        bench.session();
        assert_eq!(bench.minutes(&[20.0]), [(7, Hold, NoCross)], "a new session says its holds anew");
    }

    #[test]
    fn packets_bring_a_book() {
        let mut bench = Bench::new("multi_factor_momentum", &[("rsi_period", 2.0), ("obi", 1.0)]);
        assert_eq!(bench.minutes(&[100.0, 102.0]), [(0, Hold, IndicatorsNotReady)]);
        assert_eq!(bench.packets(&[(101.5, 60, 40)]), []);
        assert_eq!(bench.minutes(&[101.0]), [(3, Long, FactorsAlign)]);
        assert_eq!(bench.packets(&[(99.0, 60, 40)]), []);
        assert_eq!(bench.minutes(&[99.0]), [(5, Exit, FactorsFail)]);
    }

    #[test]
    fn every_kind_can_be_put_on_it() {
        let closes: Vec<f64> = (0..200).map(|n| 100.0 + f64::from(n % 40 - 20).abs()).collect();
        for kind in REGISTRY {
            let said = Bench::new(kind.name, &[]).minutes(&closes);
            assert!(!said.is_empty(), "{}", kind.name);
        }
    }

    #[test]
    #[should_panic(expected = "did you mean \"ema_crossover\"")]
    fn a_kind_that_is_not_registered_is_named() {
        Bench::new("ema_cross", &[]);
    }
}
