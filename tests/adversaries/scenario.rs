//! A short session from a seed: limits, strategies, a market, commands.

use crate::kinds::{BELLS, KINDS, STYLES};
use pitlane_engine::config::{
    BarsConfig, Broker, ChargesConfig, Conflict, InstrumentClass, InstrumentHours, InstrumentSpec,
    PipelineConfig, Product, RiskConfig, SessionPlan, SessionTimes, Sizing, StrategyConfig, VenueConfig,
};
use pitlane_engine::drive::idle::Wait;
use pitlane_engine::drive::sink::Sink;
use pitlane_engine::drive::{Resumed, Run, Stages, fused::Fused};
use pitlane_engine::event::{CommandCode, Event, Timeframe};
use pitlane_engine::log::{MemoryLog, NoLog};
use pitlane_engine::sequencer::SequencerState;
use pitlane_engine::sequencer::schedule::{Schedule, ScriptedCommand};
use pitlane_engine::stages::{bars::Bars, risk::Risk, strategy::Strategies, venue::Venue};
use pitlane_engine::units::{IST_OFFSET_NS, InstrumentId, Money, NS_PER_MS, NS_PER_S, Price, Qty, TsNs};
use pitlane_tests::Rng;
use pitlane_tests::market::Scripted;

/// 2026-08-04 09:15:00 IST, a day on which hours differ by instrument.
pub(crate) const OPEN: TsNs = TsNs(1_785_815_100 * NS_PER_S);

/// A session to run and to check.
pub(crate) struct Scenario {
    /// Where it came from.
    pub(crate) seed: u64,
    /// What the stages are built from.
    pub(crate) config: PipelineConfig,
    /// Hours.
    pub(crate) plan: SessionPlan,
    /// Market data in key order.
    pub(crate) events: Vec<Event>,
    /// Commands with their times.
    pub(crate) commands: Vec<ScriptedCommand>,
}

/// One of `values`.
pub(crate) fn pick<T: Copy>(rng: &mut Rng, values: &[T]) -> T {
    values[rng.below(values.len() as u64) as usize]
}

impl Scenario {
    /// The session of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let seconds = 40 + rng.below(40);
        let instruments = instruments(&mut rng);
        let plan = plan(&instruments, seconds);
        let open_s = ((OPEN.0 + IST_OFFSET_NS) / NS_PER_S % 86_400) as u32;
        let risk = risk(&mut rng, open_s, seconds as u32);
        let strategies = strategies(&mut rng, &instruments, &risk, open_s, seconds as u32);
        let venue = VenueConfig {
            latency_min_ns: NS_PER_MS,
            latency_spread_ns: pick(&mut rng, &[0, 5, 800]) * NS_PER_MS,
            latency_step_ns: NS_PER_MS,
            slippage_ticks: pick(&mut rng, &[0, 1, 20]),
            participation_bps: pick(&mut rng, &[0, 1_000, 10_000]),
            seed: rng.draw(),
            ..VenueConfig::default()
        };
        let bars = BarsConfig { grace_ns: 2 * NS_PER_S };
        let config = PipelineConfig { instruments, bars, strategies, risk, charges: charges(seed), venue };
        let events = crate::feed::ticks(&mut rng, &config.instruments, &plan);
        let commands = commands(&mut rng, seconds);
        Self { seed, config, plan, events, commands }
    }

    /// Runs it on this thread: the inputs and the outputs, in order.
    pub(crate) fn run(&self) -> (Vec<Event>, Vec<Event>) {
        let (inputs, outputs) = (MemoryLog::default(), MemoryLog::default());
        let config = &self.config;
        let stages = Stages {
            bars: Bars::new(&config.instruments, &config.bars),
            strategy: Strategies::with_kinds(config, KINDS).expect("the kinds of these tests"),
            risk: Risk::new(config),
            matcher: Venue::new(config),
        };
        let sink = Sink::new(NoLog, config);
        let plans = std::slice::from_ref(&self.plan);
        let schedule = Schedule::new("a test", 1, &config.instruments, &[], plans, &self.commands);
        let run = Run {
            resume: Some(Box::new(Resumed { stages, sequencer: SequencerState::default(), sink })),
            ..Run::new(
                config,
                Box::new(schedule),
                Box::new(Scripted::new(self.events.clone())),
                Box::new(inputs.clone()),
                Box::new(outputs.clone()),
            )
        };
        Fused::new(run).expect("nothing is built here").run(Wait::Yield, &|| false);
        (inputs.events(), outputs.events())
    }
}

fn instruments(rng: &mut Rng) -> Vec<InstrumentSpec> {
    let kinds = [
        ("NSE:ENDS1530", InstrumentClass::Equity, false),
        ("NSE:ENDS1515", InstrumentClass::Equity, true),
        ("NFO:FUTURE", InstrumentClass::Future, false),
        ("NFO:OPTION", InstrumentClass::Option, false),
        ("NSE:INDEX", InstrumentClass::Index, false),
        ("NSE:SECOND1515", InstrumentClass::Equity, true),
        ("NSE:SECOND1530", InstrumentClass::Equity, false),
    ];
    let specs = kinds.iter().enumerate().map(|(n, &(symbol, class, derivatives))| {
        let derivative = matches!(class, InstrumentClass::Future | InstrumentClass::Option);
        let lot = if derivative { pick(rng, &[25, 75]) } else { pick(rng, &[1, 1, 1, 7]) };
        InstrumentSpec {
            symbol: symbol.to_owned(),
            token: (n as u32 + 1) * 256 + 1,
            class,
            tradable: class != InstrumentClass::Index,
            lot: Qty(lot),
            tick: Price(pick(rng, &[500, 100])),
            multiplier: if class == InstrumentClass::Future { pick(rng, &[1, 10]) } else { 1 },
            freeze: Qty(lot * pick(rng, &[0, 0, 1, 40, 1_800])),
            derivatives,
        }
    });
    specs.collect()
}

/// Derivatives trade to the end, shares ten seconds less, shares with derivatives twenty.
fn plan(instruments: &[InstrumentSpec], seconds: u64) -> SessionPlan {
    let close = OPEN.plus(seconds * NS_PER_S);
    let times = SessionTimes {
        date: 20_260_804,
        pre_open: TsNs(OPEN.0 - 2 * NS_PER_S),
        open: OPEN,
        close,
        end: close.plus(4 * NS_PER_S),
    };
    let own = instruments.iter().enumerate().filter_map(|(n, spec)| {
        let less = match (spec.class, spec.derivatives) {
            (InstrumentClass::Equity, true) => 20,
            (InstrumentClass::Equity, false) => 10,
            _ => return None,
        };
        let close = TsNs(close.0 - less * NS_PER_S);
        Some(InstrumentHours { instrument: InstrumentId(n as u32), open: OPEN, close })
    });
    SessionPlan { times, hours: own.collect() }
}

/// Every limit off, tiny, usual or huge.
fn risk(rng: &mut Rng, open_s: u32, seconds: u32) -> RiskConfig {
    let time = |rng: &mut Rng| match rng.below(3) {
        0 => 0,
        _ => open_s + seconds - rng.below(25) as u32,
    };
    RiskConfig {
        capital: Money::rupees(pick(rng, &[50_000, 500_000, 5_000_000, 2_000_000_000])),
        sizing: pick(rng, &[Sizing::Capital, Sizing::Capital, Sizing::Risk, Sizing::Atr]),
        position_bps: pick(rng, &[50, 1_000, 1_000, 30_000]),
        risk_per_trade_bps: pick(rng, &[5, 100, 1_000]),
        atr_period: 1 + rng.below(5) as u32,
        atr_timeframe: Timeframe::S1,
        atr_multiple_bps: pick(rng, &[1_000, 20_000, 100_000]),
        conflict: pick(rng, &[Conflict::Priority, Conflict::Confidence, Conflict::Netting]),
        order_value_bps: pick(rng, &[50, 1_500, 2_000, 1_000_000]),
        order_quantity_max: Qty(pick(rng, &[0, 0, 3, 100, 10_000_000])),
        open_positions_max: pick(rng, &[0, 1, 2, 4, 4, 100]),
        daily_loss_bps: pick(rng, &[1, 50, 200, 10_000, 10_000]),
        protection_bps: pick(rng, &[5, 50, 500]),
        flatten_on_kill: rng.below(2) == 0,
        price_collar_bps: pick(rng, &[0, 3, 100, 5_000]),
        trades_per_day: pick(rng, &[0, 0, 2, 30, 10_000]),
        trades_per_symbol: pick(rng, &[0, 0, 1, 10, 10_000]),
        square_off_s: time(rng),
        square_off_margin_s: pick(rng, &[1, 3, 8]),
        no_new_entry_s: time(rng),
        no_new_entry_margin_s: pick(rng, &[0, 5, 14]),
        orders_per_second: pick(rng, &[0, 2, 3, 8, 1_000]),
        drawdown_bps: pick(rng, &[0, 0, 3, 100, 9_000]),
        symbol_loss_bps: pick(rng, &[0, 0, 2, 50, 9_000]),
        exposure_bps: pick(rng, &[0, 0, 20, 5_000, 1_000_000]),
        leverage_bps: pick(rng, &[0, 0, 100, 20_000, 1_000_000]),
        derivatives_bps: pick(rng, &[0, 0, 100, 20_000, 1_000_000]),
        margin_equity_bps: 2_000,
        margin_future_bps: 1_500,
    }
}

fn strategies(
    rng: &mut Rng,
    instruments: &[InstrumentSpec],
    risk: &RiskConfig,
    open_s: u32,
    seconds: u32,
) -> Vec<StrategyConfig> {
    let count = 2 + rng.below(5);
    let strategies = (0..count).map(|n| {
        let on = |rng: &mut Rng| rng.below(2) == 0;
        let mut mine: Vec<InstrumentId> =
            (0..instruments.len() as u32).filter(|_| on(rng)).map(InstrumentId).collect();
        if mine.is_empty() {
            mine.push(InstrumentId(rng.below(4) as u32));
        }
        let end = open_s + seconds;
        let times = [open_s, end - 20, risk.square_off_s, risk.no_new_entry_s, end - rng.below(25) as u32];
        let mut params = vec![
            ("seed".to_owned(), (rng.draw() >> 32) as f64),
            ("style".to_owned(), rng.below(STYLES.len() as u64) as f64),
        ];
        params.extend(BELLS.iter().zip(times).map(|(bell, time)| ((*bell).to_owned(), f64::from(time))));
        StrategyConfig {
            id: format!("a{n}"),
            kind: "adversary".to_owned(),
            instruments: mine,
            timeframe: Timeframe::S1,
            allow_short: rng.below(4) != 0,
            passive_entry: on(rng),
            reprice_ns: pick(rng, &[0, 300, 1_000, 4_000]) * NS_PER_MS,
            priority: rng.below(3) as u32,
            stop_loss_bps: pick(rng, &[0, 3, 50, 2_000]),
            take_profit_bps: pick(rng, &[0, 0, 5, 80, 2_000]),
            holding_ns: pick(rng, &[0, 0, 1_500, 9_000]) * NS_PER_MS,
            params,
        }
    });
    strategies.collect()
}

/// A quarter of the sessions trade for nothing.
fn charges(seed: u64) -> ChargesConfig {
    let mut rng = Rng(!seed);
    ChargesConfig {
        broker: pick(&mut rng, &[Broker::None, Broker::Zerodha, Broker::Zerodha, Broker::Zerodha]),
        product: pick(&mut rng, &[Product::Intraday, Product::Delivery]),
    }
}

fn commands(rng: &mut Rng, seconds: u64) -> Vec<ScriptedCommand> {
    if rng.below(2) == 0 {
        return Vec::new();
    }
    use CommandCode::{Flatten, Kill, ReduceOnly, Resume};
    let codes = [Kill, Flatten, ReduceOnly, Resume, Resume, Resume];
    let mut commands: Vec<ScriptedCommand> = (0..1 + rng.below(5))
        .map(|_| {
            let stop = rng.below(20) == 0;
            let code = if stop { CommandCode::Stop } else { pick(rng, &codes) };
            let at = OPEN.plus(rng.below(seconds * 1_000) * NS_PER_MS);
            ScriptedCommand { at, code, reason: "the test wants it".to_owned() }
        })
        .collect();
    commands.sort_by_key(|command| command.at);
    commands
}
