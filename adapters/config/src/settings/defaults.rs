//! Every default.

use super::{
    EngineSettings, ExitSettings, JournalSettings, LagLimits, Measure, MemoryLock, Mode, PacketMode,
    SessionSettings, Settings, SimSettings, Speed, StrategySettings, TradingSettings, Wait,
};
use crate::archive::ArchiveSettings;
use crate::broker::BrokerSettings;
use crate::instruments::demo_universe;
use crate::time::seconds_of_time;
use jiff::civil::{date, time};
use pitlane_engine::config::{BarsConfig, ChargesConfig, Conflict, RiskConfig, Sizing, VenueConfig};
use pitlane_engine::event::Timeframe;
use pitlane_engine::units::{Money, NS_PER_MS, NS_PER_S, Qty};

impl Default for Settings {
    fn default() -> Self {
        Self {
            engine: EngineSettings {
                mode: Mode::Sim,
                wait: Wait::Auto,
                cpu_set: None,
                aux_cpu_set: None,
                measure: Measure::On,
                memory_lock: MemoryLock::Auto,
                huge_pages: false,
                realtime_priority: 0,
            },
            journal: JournalSettings::default(),
            session: SessionSettings { pre_open: time(9, 0, 0, 0), open: None, close: None },
            bars: BarsConfig { grace_ns: 2 * NS_PER_S },
            candles: None,
            sim: SimSettings::default(),
            instruments: demo_universe(),
            strategies: vec![StrategySettings::default()],
            risk: risk(),
            exits: ExitSettings { stop_loss_bps: 0, take_profit_bps: 0, holding_ns: 0 },
            charges: ChargesConfig::default(),
            venue: VenueConfig::default(),
            trading: TradingSettings::default(),
            archive: ArchiveSettings::default(),
            broker: BrokerSettings::default(),
            clock: None,
        }
    }
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self {
            dir: None,
            segment_bytes: 64 << 20,
            snapshot_every: 0,
            level: None,
            hot_dir: None,
            lag: LagLimits::default(),
        }
    }
}

impl Default for LagLimits {
    fn default() -> Self {
        Self { warn_ns: 50 * NS_PER_MS, reduce_ns: 250 * NS_PER_MS, halt_ns: NS_PER_S }
    }
}

impl Default for SimSettings {
    fn default() -> Self {
        Self {
            date: date(2026, 7, 31),
            seed: 1,
            speed: Speed::Max,
            duration_ns: None,
            mode: PacketMode::Full,
            ticks_per_second: 1,
            hot_share_bps: 2_000,
            hot_rate: 4,
            hot_rotation_ns: 900 * NS_PER_S,
            step_ppm: 60,
            burst_bps: 100,
            halts: 2,
            halt_ns: 300 * NS_PER_S,
            commands: Vec::new(),
        }
    }
}

impl Default for StrategySettings {
    fn default() -> Self {
        Self {
            id: "ema".to_owned(),
            kind: "ema_crossover".to_owned(),
            symbols: vec!["*".to_owned()],
            timeframe: Timeframe::M1,
            enabled: true,
            allow_short: false,
            passive_entry: false,
            reprice_ns: 0,
            priority: 0,
            stop_loss_bps: None,
            take_profit_bps: None,
            holding_ns: None,
            params: vec![("fast".to_owned(), 20.0), ("slow".to_owned(), 50.0)],
        }
    }
}

/// The limits, for an account of five lakh rupees.
fn risk() -> RiskConfig {
    RiskConfig {
        capital: Money::rupees(500_000),
        sizing: Sizing::Capital,
        position_bps: 1_000,
        risk_per_trade_bps: 100,
        atr_period: 14,
        atr_timeframe: Timeframe::M5,
        atr_multiple_bps: 20_000,
        conflict: Conflict::Priority,
        order_value_bps: 2_000,
        order_quantity_max: Qty::ZERO,
        open_positions_max: 5,
        daily_loss_bps: 200,
        protection_bps: 50,
        flatten_on_kill: true,
        price_collar_bps: 200,
        trades_per_day: 50,
        trades_per_symbol: 10,
        square_off_s: seconds_of_time(time(15, 20, 0, 0)),
        square_off_margin_s: 600,
        no_new_entry_s: seconds_of_time(time(15, 0, 0, 0)),
        no_new_entry_margin_s: 1_800,
        orders_per_second: 8,
        drawdown_bps: 300,
        symbol_loss_bps: 50,
        exposure_bps: 8_000,
        leverage_bps: 20_000,
        derivatives_bps: 100_000,
        margin_equity_bps: 2_000,
        margin_future_bps: 1_500,
    }
}
