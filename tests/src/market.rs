//! Small markets from a seed: few instruments, times on a coarse grid so that ties happen, prices that keep crossing.

mod depth;
mod late;

use crate::Rng;
use pitlane_engine::config::{
    BarsConfig, InstrumentClass, InstrumentHours, InstrumentSpec, PipelineConfig, RiskConfig, SessionPlan,
    SessionTimes, StrategyConfig, VenueConfig,
};
use pitlane_engine::event::{Event, FLAG_EXO, Ltp, MARKET_VOLUME, Quote, Timeframe};
use pitlane_engine::sequencer::schedule::{Schedule, TradingChange};
use pitlane_engine::sequencer::source::{Head, Source};
use pitlane_engine::sequencer::{SOURCE_FEED, schedule::ScriptedCommand};
use pitlane_engine::units::{InstrumentId, Money, NS_PER_MS, NS_PER_S, Price, Qty, TsNs};

/// The least latency of these markets' venues.
pub const LATENCY_MIN_NS: u64 = NS_PER_MS;

/// 2026-07-31 09:15:00 IST.
const OPEN: TsNs = TsNs(1_785_469_500 * NS_PER_S);

/// A market: a configuration, hours, and what the feed will bring.
#[derive(Clone)]
pub struct Market {
    /// What the stages are built from.
    pub config: PipelineConfig,
    /// The sessions.
    pub sessions: Vec<SessionTimes>,
    /// Instruments with hours of their own, the same in every session.
    pub hours: Vec<InstrumentHours>,
    /// Bars of earlier days.
    pub history: Vec<Event>,
    /// Market data in key order.
    pub events: Vec<Event>,
    /// Commands with their times.
    pub commands: Vec<ScriptedCommand>,
    /// Price bands and halts.
    pub trading: Vec<TradingChange>,
}

impl Market {
    /// A market of `seconds` seconds from `seed`.
    pub fn new(seed: u64, seconds: u64) -> Self {
        let mut rng = Rng(seed);
        let config = config(&mut rng);
        let session = SessionTimes {
            date: 20_260_731,
            pre_open: TsNs(OPEN.0 - NS_PER_S),
            open: OPEN,
            close: OPEN.plus(seconds * NS_PER_S),
            end: OPEN.plus((seconds + 2) * NS_PER_S),
        };
        let events = ticks(&mut rng, config.instruments.len(), session);
        let (hours, history, commands) = (Vec::new(), Vec::new(), Vec::new());
        let trading = Vec::new();
        Self { config, sessions: vec![session], hours, history, events, commands, trading }
    }

    /// Sessions, timers and commands as a source.
    pub fn schedule(&self) -> Schedule {
        let plan = |&times: &SessionTimes| SessionPlan { times, hours: self.hours.clone() };
        let sessions: Vec<SessionPlan> = self.sessions.iter().map(plan).collect();
        Schedule::new("a test", 1, &self.config.instruments, &self.history, &sessions, &self.commands)
            .with_trading(&self.trading)
    }

    /// The market data as a source.
    pub fn feed(&self) -> Scripted {
        Scripted::new(self.events.clone())
    }
}

fn config(rng: &mut Rng) -> PipelineConfig {
    let instruments: Vec<InstrumentSpec> = (0..4)
        .map(|n| InstrumentSpec {
            symbol: format!("NSE:TEST{n}"),
            token: (n + 1) * 256 + 1,
            class: InstrumentClass::Equity,
            tradable: true,
            lot: Qty(1),
            tick: Price(500),
            multiplier: 1,
            freeze: Qty::ZERO,
            derivatives: false,
        })
        .collect();
    let strategies = (0..4)
        .map(|n| StrategyConfig {
            id: format!("s{n}"),
            kind: "ema_crossover".to_owned(),
            instruments: vec![InstrumentId(n)],
            timeframe: Timeframe::S1,
            allow_short: n != 3,
            passive_entry: n % 2 == 1,
            reprice_ns: 0,
            priority: 0,
            stop_loss_bps: 0,
            take_profit_bps: 0,
            holding_ns: 0,
            params: vec![("fast".to_owned(), 1.0), ("slow".to_owned(), 2.0 + rng.below(2) as f64)],
        })
        .collect();
    PipelineConfig {
        instruments,
        bars: BarsConfig { grace_ns: 2 * NS_PER_S },
        strategies,
        charges: pitlane_engine::config::ChargesConfig::default(),
        risk: RiskConfig {
            capital: Money::rupees(500_000),
            position_bps: 1_000,
            order_value_bps: 2_000,
            order_quantity_max: Qty(0),
            open_positions_max: 3,
            daily_loss_bps: 200,
            square_off_margin_s: 1,
            protection_bps: 50,
            flatten_on_kill: true,
            price_collar_bps: 200,
            trades_per_day: 50,
            trades_per_symbol: 20,
            orders_per_second: 8,
            drawdown_bps: 300,
            symbol_loss_bps: 50,
            exposure_bps: 8_000,
            leverage_bps: 20_000,
            ..RiskConfig::UNLIMITED
        },
        venue: VenueConfig {
            latency_min_ns: LATENCY_MIN_NS,
            latency_spread_ns: 3 * LATENCY_MIN_NS,
            latency_step_ns: LATENCY_MIN_NS,
            slippage_ticks: 1,
            participation_bps: 1_000,
            seed: rng.draw(),
            ..VenueConfig::default()
        },
    }
}

/// Ticks on the grid of the least latency, with gaps of nothing, one, and a hundred times that.
fn ticks(rng: &mut Rng, instruments: usize, session: SessionTimes) -> Vec<Event> {
    let mut events = Vec::new();
    let mut prices = vec![1_000_000_i64; instruments];
    let mut volumes = vec![1_000_u32; instruments];
    let mut ts = session.open;
    let mut source_seq = 0;
    while ts < session.close {
        let index = rng.below(instruments as u64) as usize;
        prices[index] += (rng.below(9) as i64 - 4) * 500;
        volumes[index] += rng.below(50) as u32;
        source_seq += 1;
        let id = InstrumentId(index as u32);
        // One instrument has a feed without volume, so that resting orders fill whole there.
        let mut event = if index == 1 {
            let body =
                Ltp { last: Price(prices[index]), received: ts, source_seq, flags: 0, reserved: [0; 4] };
            Event::new(id, FLAG_EXO, &body)
        } else {
            Event::new(id, FLAG_EXO, &quote(prices[index], volumes[index], ts, source_seq))
        };
        event.header.ts = ts;
        event.header.source = SOURCE_FEED;
        events.push(event);
        let gap = match rng.below(8) {
            0 | 1 => 0,
            2..=4 => LATENCY_MIN_NS,
            5 => 2 * LATENCY_MIN_NS,
            6 => 3 * LATENCY_MIN_NS,
            _ => 100 * LATENCY_MIN_NS,
        };
        ts = ts.plus(gap);
    }
    events
}

fn quote(last: i64, volume: u32, received: TsNs, source_seq: u64) -> Quote {
    Quote {
        last: Price(last),
        received,
        source_seq,
        flags: MARKET_VOLUME,
        exchange_secs: 0,
        average: Price(last),
        open: Price(last),
        high: Price(last),
        low: Price(last),
        close: Price(last),
        last_qty: 1,
        volume,
        buy_qty: 0,
        sell_qty: 0,
        change_raw: 0,
        reserved: [0; 4],
    }
}

/// A source over a list.
pub struct Scripted {
    events: Vec<Event>,
    next: usize,
}

impl Scripted {
    /// A source over `events`, in key order.
    pub fn new(events: Vec<Event>) -> Self {
        Self { events, next: 0 }
    }
}

impl Source for Scripted {
    fn poll(&mut self) -> Head {
        if self.next < self.events.len() { Head::Ready } else { Head::Closed }
    }

    fn head(&self) -> &Event {
        &self.events[self.next]
    }

    fn advance(&mut self) {
        self.next += 1;
    }
}
