//! A market with everything in it: five levels a side, both shipped kinds, several strategies an instrument, exits by
//! terms, sizes by range, entries that follow the market, freeze quantities, hours of an instrument's own, commands.

use super::{LATENCY_MIN_NS, Market, OPEN};
use crate::Rng;
use pitlane_engine::config::{
    BarsConfig, Conflict, InstrumentClass, InstrumentHours, InstrumentSpec, PipelineConfig, RiskConfig,
    SessionTimes, Sizing, StrategyConfig, VenueConfig,
};
use pitlane_engine::event::{Bar, CommandCode, Event, FLAG_EXO, Full, MARKET_VOLUME, Timeframe};
use pitlane_engine::sequencer::SOURCE_FEED;
use pitlane_engine::sequencer::schedule::ScriptedCommand;
use pitlane_engine::units::{InstrumentId, Money, NS_PER_MS, NS_PER_S, Price, Qty, TsNs};

/// How long before the session's end the share with derivatives closes.
const EARLIER_NS: u64 = 4 * NS_PER_S;

/// The price at which everything starts.
const START: i64 = 1_000_000;

fn pick<T: Copy>(rng: &mut Rng, values: &[T]) -> T {
    values[rng.below(values.len() as u64) as usize]
}

impl Market {
    /// A market with depth of `seconds` seconds, at least 16, from `seed`.
    pub fn depth(seed: u64, seconds: u64) -> Self {
        let mut rng = Rng(seed);
        let close = OPEN.plus(seconds * NS_PER_S);
        let session = SessionTimes {
            date: 20_260_804,
            pre_open: TsNs(OPEN.0 - NS_PER_S),
            open: OPEN,
            close,
            end: close.plus(2 * NS_PER_S),
        };
        let config = config(&mut rng);
        let early =
            InstrumentHours { instrument: InstrumentId(1), open: OPEN, close: TsNs(close.0 - EARLIER_NS) };
        let events = ticks(&mut rng, &config.instruments, session);
        let history = (0..config.instruments.len() as u32).flat_map(|id| minutes(&mut rng, id)).collect();
        let commands = commands(&mut rng, seconds);
        let (hours, trading) = (vec![early], Vec::new());
        Self { config, sessions: vec![session], hours, history, events, commands, trading }
    }
}

fn config(rng: &mut Rng) -> PipelineConfig {
    let instruments = instruments(rng);
    let strategies = strategies(rng);
    let bars = BarsConfig { grace_ns: 2 * NS_PER_S };
    let venue = VenueConfig {
        latency_min_ns: LATENCY_MIN_NS,
        latency_spread_ns: 3 * LATENCY_MIN_NS,
        latency_step_ns: LATENCY_MIN_NS,
        slippage_ticks: 1,
        participation_bps: 1_000,
        seed: rng.draw(),
        ..VenueConfig::default()
    };
    let charges = pitlane_engine::config::ChargesConfig::default();
    PipelineConfig { instruments, bars, strategies, risk: risk(rng), charges, venue }
}

fn instruments(rng: &mut Rng) -> Vec<InstrumentSpec> {
    let classes = [
        InstrumentClass::Equity,
        InstrumentClass::Equity,
        InstrumentClass::Future,
        InstrumentClass::Option,
        InstrumentClass::Index,
    ];
    let specs = classes.iter().enumerate().map(|(n, &class)| {
        let lot = if n == 2 || n == 3 { 25 } else { 1 };
        InstrumentSpec {
            symbol: format!("NSE:DEPTH{n}"),
            token: (n as u32 + 1) * 256 + 1,
            class,
            tradable: class != InstrumentClass::Index,
            lot: Qty(lot),
            tick: Price(500),
            multiplier: 1,
            freeze: Qty(lot * pick(rng, &[0, 2, 40])),
            derivatives: n == 1,
        }
    });
    specs.collect()
}

/// On every instrument a crossover and a momentum, on two of them a second crossover.
fn strategies(rng: &mut Rng) -> Vec<StrategyConfig> {
    let every: Vec<InstrumentId> = (0..5).map(InstrumentId).collect();
    let kinds = [
        ("ema_crossover", every.clone()),
        ("multi_factor_momentum", every),
        ("ema_crossover", vec![InstrumentId(0), InstrumentId(2)]),
    ];
    let strategies = kinds.into_iter().enumerate().map(|(n, (kind, instruments))| {
        let params: &[(&str, f64)] = match kind {
            "ema_crossover" => &[("fast", 1.0), ("slow", 2.0)],
            _ => &[("rsi_period", 2.0), ("rsi_entry", 10.0), ("rsi_exit", 5.0)],
        };
        let params = params.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
        StrategyConfig {
            id: format!("s{n}"),
            kind: kind.to_owned(),
            instruments,
            timeframe: Timeframe::S1,
            allow_short: n != 2,
            passive_entry: rng.below(2) == 0,
            reprice_ns: pick(rng, &[0, 1, 2]) * NS_PER_S,
            priority: rng.below(3) as u32,
            stop_loss_bps: pick(rng, &[0, 4, 10]),
            take_profit_bps: pick(rng, &[0, 5, 20]),
            holding_ns: pick(rng, &[0, 2, 5]) * NS_PER_S,
            params,
        }
    });
    strategies.collect()
}

/// Each limit bites in some markets and not in others.
fn risk(rng: &mut Rng) -> RiskConfig {
    RiskConfig {
        capital: Money::rupees(pick(rng, &[20_000, 500_000, 500_000])),
        sizing: pick(rng, &[Sizing::Capital, Sizing::Risk, Sizing::Atr]),
        position_bps: 1_000,
        risk_per_trade_bps: pick(rng, &[1, 10]),
        atr_period: 3,
        atr_timeframe: Timeframe::S1,
        atr_multiple_bps: 20_000,
        conflict: pick(rng, &[Conflict::Priority, Conflict::Confidence, Conflict::Netting]),
        order_value_bps: pick(rng, &[800, 2_000, 20_000]),
        order_quantity_max: Qty(pick(rng, &[0, 0, 60])),
        open_positions_max: pick(rng, &[2, 4]),
        daily_loss_bps: pick(rng, &[3, 200, 200]),
        protection_bps: pick(rng, &[5, 50]),
        flatten_on_kill: rng.below(2) == 0,
        price_collar_bps: pick(rng, &[0, 20, 200]),
        trades_per_day: pick(rng, &[0, 15, 50]),
        trades_per_symbol: pick(rng, &[0, 8, 20]),
        square_off_margin_s: 3,
        no_new_entry_margin_s: 6,
        orders_per_second: pick(rng, &[0, 4, 8]),
        drawdown_bps: pick(rng, &[0, 4, 300]),
        symbol_loss_bps: pick(rng, &[0, 2, 50]),
        exposure_bps: pick(rng, &[0, 400, 8_000]),
        leverage_bps: pick(rng, &[0, 1_500, 20_000]),
        derivatives_bps: pick(rng, &[0, 1_500, 20_000]),
        ..RiskConfig::UNLIMITED
    }
}

/// A command, and in most markets its recall.
fn commands(rng: &mut Rng, seconds: u64) -> Vec<ScriptedCommand> {
    let reason = "checked the account, no order is left at the exchange";
    let command = |at_ms: u64, code| ScriptedCommand {
        at: OPEN.plus(at_ms * NS_PER_MS),
        code,
        reason: reason.to_owned(),
    };
    let at = (seconds * 300) + rng.below(seconds * 300);
    match rng.below(7) {
        0 => vec![command(at, CommandCode::Stop)],
        1 => vec![command(at, CommandCode::Kill), command(at + 2_500, CommandCode::Resume)],
        4 => vec![command(at, CommandCode::ReduceOnly), command(at + 3_000, CommandCode::Resume)],
        2 | 3 => vec![command(at, CommandCode::Flatten), command(at + 1_500, CommandCode::Resume)],
        _ => Vec::new(),
    }
}

/// Ten minutes of the day before, rising, so that a momentum's RSI is known and high.
fn minutes(rng: &mut Rng, id: u32) -> Vec<Event> {
    let minute = 60 * NS_PER_S;
    let bar = |n: u64, rng: &mut Rng| {
        let start = OPEN.0 - 86_400 * NS_PER_S + n * minute;
        let open = Price(START - 20_000 + n as i64 * 1_500);
        let close = Price(open.0 + 1_000 + rng.below(3) as i64 * 500);
        let body = Bar {
            start: TsNs(start),
            end: TsNs(start + minute),
            open,
            high: close,
            low: open,
            close,
            volume: 100,
            turnover: Money(close.0 * 100),
            open_interest: 0,
            trades: 10,
            gap: 0,
            timeframe: Timeframe::M1 as u8,
            flags: 0,
            reserved: [0; 18],
        };
        Event::new(InstrumentId(id), FLAG_EXO, &body)
    };
    (0..10).map(|n| bar(n, rng)).collect()
}

/// Full packets on the grid of the least latency.
fn ticks(rng: &mut Rng, instruments: &[InstrumentSpec], session: SessionTimes) -> Vec<Event> {
    let mut events = Vec::new();
    let mut prices = vec![START; instruments.len()];
    let mut volumes = vec![1_000_u32; instruments.len()];
    let mut ts = session.open;
    let mut number = 0;
    while ts < session.close {
        let at = rng.below(instruments.len() as u64) as usize;
        prices[at] += (rng.below(9) as i64 - 4) * 500;
        volumes[at] += rng.below(50) as u32;
        number += 1;
        let body = full(rng, &instruments[at], prices[at], volumes[at], (ts, number));
        let mut event = Event::new(InstrumentId(at as u32), FLAG_EXO, &body);
        event.header.ts = ts;
        event.header.source = SOURCE_FEED;
        events.push(event);
        ts = ts.plus(pick(rng, &[0, 0, 1, 1, 1, 2, 3, 100]) * LATENCY_MIN_NS);
    }
    events
}

fn full(
    rng: &mut Rng,
    spec: &InstrumentSpec,
    last: i64,
    volume: u32,
    (received, source_seq): (TsNs, u64),
) -> Full {
    let day = Price(last);
    let secs = (received.0 / NS_PER_S) as u32;
    let lot = spec.lot.0 as u32;
    let tick = spec.tick.0 as i32;
    let mut sizes = || std::array::from_fn(|_| lot * rng.below(20) as u32);
    Full {
        last: day,
        received,
        source_seq,
        flags: if spec.tradable { MARKET_VOLUME } else { 0 },
        exchange_secs: secs,
        average: day,
        open: day,
        high: day,
        low: day,
        close: day,
        last_qty: lot,
        volume,
        buy_qty: 10,
        sell_qty: 20,
        last_trade_secs: secs,
        open_interest: 0,
        open_interest_high: 0,
        open_interest_low: 0,
        bid_qty: sizes(),
        ask_qty: sizes(),
        bid_delta: std::array::from_fn(|n| -(n as i32 + 1) * tick),
        ask_delta: std::array::from_fn(|n| (n as i32 + 1) * tick),
        bid_orders: [1; 5],
        ask_orders: [1; 5],
        reserved: [0; 20],
    }
}
