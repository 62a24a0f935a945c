//! The configuration with its types, and every default.

use crate::error::ConfigError;
use crate::instruments::{check_table, demo_universe};
use crate::time::{date_number, ist};
use jiff::civil::{Date, Time, date, time};
use pitlane_engine::config::{BarsConfig, InstrumentSpec, RiskConfig, SessionTimes, VenueConfig};
use pitlane_engine::event::{CommandCode, Timeframe};
use pitlane_engine::units::{Money, NS_PER_MS, NS_PER_S, Qty, TsNs};
use std::path::PathBuf;

/// A whole configuration, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `[engine]`.
    pub engine: EngineSettings,
    /// `[journal]`.
    pub journal: JournalSettings,
    /// `[session]`.
    pub session: SessionSettings,
    /// `[bars]`.
    pub bars: BarsConfig,
    /// `[sim]`.
    pub sim: SimSettings,
    /// `[[instruments]]`, by id; the demo universe if none is given.
    pub instruments: Vec<InstrumentSpec>,
    /// `[[strategies]]`; one moving-average crossover over everything tradable if none is given.
    pub strategies: Vec<StrategySettings>,
    /// `[risk]`.
    pub risk: RiskConfig,
    /// `[venue]`.
    pub venue: VenueConfig,
}

/// `[engine]`: how a run uses the machine. Nothing here changes a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineSettings {
    /// Where inputs come from and where orders go.
    pub mode: Mode,
    /// What a thread without work does.
    pub wait: Wait,
    /// Cpus of the stages as a Linux list; `None` = everything on one thread.
    pub cpu_set: Option<String>,
    /// Cpus of the helper threads as a Linux list; `None` = those left over.
    pub aux_cpu_set: Option<String>,
}

macro_rules! names {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$vmeta])* $variant,)* }

        impl $name {
            /// The name used in files and flags.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The value of a name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

names! {
    /// Where inputs come from and where orders go.
    Mode {
        /// Synthetic market on virtual time, paper venue.
        Sim = "sim",
        /// Recorded inputs, paper venue.
        Replay = "replay",
        /// Real market data, paper venue.
        Paper = "paper",
        /// Real market data, real orders.
        Live = "live",
    }
}

names! {
    /// What a thread without work does.
    Wait {
        /// Chooses by whether threads share cpus; never spins when they do.
        Auto = "auto",
        /// Spins: least latency, takes the cpu whole.
        Busy = "busy",
        /// Gives the cpu to whoever wants it.
        Yield = "yield",
        /// Sleeps: most latency, costs nothing.
        Park = "park",
    }
}

names! {
    /// What the synthetic market's packets of tradable instruments carry.
    PacketMode {
        /// Everything, with five levels of depth.
        Full = "full",
        /// Day figures without times and depth.
        Quote = "quote",
        /// The last price alone.
        Ltp = "ltp",
    }
}

/// `[journal]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// Where the journal is written; `None` = the command names it.
    pub dir: Option<PathBuf>,
    /// Bytes of a segment file; a multiple of 64 KiB.
    pub segment_bytes: u64,
}

/// `[session]`: the hours of a trading day, Indian time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionSettings {
    /// First timer.
    pub pre_open: Time,
    /// Start of continuous trading.
    pub open: Time,
    /// End of continuous trading.
    pub close: Time,
    /// Start of the square-off.
    pub square_off: Time,
}

/// Pace at which virtual time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// As fast as the machine can.
    Max,
    /// So many times as fast as the wall clock; 1 = real time.
    Times(u32),
}

/// `[sim]`: the synthetic market and its script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimSettings {
    /// Trading date; fixed by default so that a run is the same on every day.
    pub date: Date,
    /// Seed of the market.
    pub seed: u64,
    /// Pace. It does not change a result.
    pub speed: Speed,
    /// How much of the session is run, from the open, in nanoseconds; `None` = all of it.
    pub duration_ns: Option<u64>,
    /// Packets of tradable instruments.
    pub mode: PacketMode,
    /// Packets a second of an ordinary instrument.
    pub ticks_per_second: u32,
    /// Share of instruments that are hot, in bps.
    pub hot_share_bps: i64,
    /// How many times as often a hot instrument ticks.
    pub hot_rate: u32,
    /// How long the same instruments stay hot, in nanoseconds.
    pub hot_rotation_ns: u64,
    /// Largest random move of one tick, in millionths of the starting price.
    pub step_ppm: u32,
    /// Share of frames that start a burst, in bps.
    pub burst_bps: i64,
    /// Trading halts in a session, over all instruments.
    pub halts: u32,
    /// How long a halted instrument is silent, in nanoseconds.
    pub halt_ns: u64,
    /// Operator's commands, by time.
    pub commands: Vec<ScriptedCommand>,
}

/// An operator's command at a set time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScriptedCommand {
    /// When, Indian time.
    pub at: Time,
    /// Which.
    pub code: CommandCode,
}

/// One of `[[strategies]]`, with its symbols not yet looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct StrategySettings {
    /// Name of the instance; unique.
    pub id: String,
    /// A kind of the engine's registry, which also checks the parameters.
    pub kind: String,
    /// Symbols; `*` = all tradable.
    pub symbols: Vec<String>,
    /// Period of the bars it sees.
    pub timeframe: Timeframe,
    /// Whether it runs.
    pub enabled: bool,
    /// Whether it may sell short.
    pub allow_short: bool,
    /// Whether entries rest at the last price instead of crossing at once.
    pub passive_entry: bool,
    /// The kind's own parameters, by name, ascending.
    pub params: Vec<(String, f64)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            engine: EngineSettings { mode: Mode::Sim, wait: Wait::Auto, cpu_set: None, aux_cpu_set: None },
            journal: JournalSettings { dir: None, segment_bytes: 64 << 20 },
            session: SessionSettings {
                pre_open: time(9, 0, 0, 0),
                open: time(9, 15, 0, 0),
                close: time(15, 30, 0, 0),
                square_off: time(15, 20, 0, 0),
            },
            bars: BarsConfig { grace_ns: 2 * NS_PER_S },
            sim: SimSettings::default(),
            instruments: demo_universe(),
            strategies: vec![StrategySettings::default()],
            risk: RiskConfig {
                capital: Money::rupees(500_000),
                position_bps: 1_000,
                order_value_bps: 2_000,
                order_quantity_max: Qty::ZERO,
                open_positions_max: 5,
                daily_loss_bps: 200,
                protection_bps: 50,
                flatten_on_kill: true,
                price_collar_bps: 200,
                trades_per_day: 50,
                trades_per_symbol: 10,
                no_new_entry_s: 15 * 3_600,
                orders_per_second: 8,
                drawdown_bps: 300,
                symbol_loss_bps: 50,
                exposure_bps: 8_000,
                leverage_bps: 20_000,
                derivatives_bps: 100_000,
                margin_equity_bps: 2_000,
                margin_future_bps: 1_500,
            },
            venue: VenueConfig {
                latency_min_ns: NS_PER_MS,
                latency_spread_ns: 0,
                latency_step_ns: NS_PER_MS,
                slippage_ticks: 1,
                participation_bps: 1_000,
                seed: 1,
            },
        }
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
            params: vec![("fast".to_owned(), 20.0), ("slow".to_owned(), 50.0)],
        }
    }
}

impl Settings {
    /// What `engine demo` runs: the defaults, with capital enough for one lot of the index future.
    pub fn demo() -> Self {
        let mut demo = Self::default();
        demo.risk.capital = Money::rupees(20_000_000);
        demo
    }

    /// The hours of the session on `date`. It ends when the last bar's grace is over, on a whole second.
    pub fn session_times(&self, date: Date) -> SessionTimes {
        let close = ist(date, self.session.close);
        let end = close.plus(self.bars.grace_ns).0.div_ceil(NS_PER_S) * NS_PER_S;
        SessionTimes {
            date: date_number(date),
            pre_open: ist(date, self.session.pre_open),
            open: ist(date, self.session.open),
            close,
            end: TsNs(end),
            square_off: ist(date, self.session.square_off),
        }
    }

    /// The instruments of `[[instruments]]`, by id.
    ///
    /// # Errors
    /// If the table was changed after it was read and no longer holds together: a symbol or token twice, a value out
    /// of range.
    pub fn instruments(&self) -> Result<Vec<InstrumentSpec>, ConfigError> {
        check_table(&self.instruments)?;
        Ok(self.instruments.clone())
    }

    /// Hash of a configuration text, as it stands in a session's start.
    pub fn hash(text: &str) -> u64 {
        xxhash_rust::xxh3::xxh3_64(text.as_bytes())
    }
}

impl Speed {
    /// The speed of a name: `max`, `real`, `xN`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "max" => Some(Self::Max),
            "real" => Some(Self::Times(1)),
            _ => {
                let digits = name.strip_prefix('x').filter(|n| n.bytes().all(|b| b.is_ascii_digit()))?;
                digits.parse().ok().filter(|times| (1..=100_000).contains(times)).map(Self::Times)
            }
        }
    }
}

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::Times(1) => f.write_str("real"),
            Self::Times(times) => write!(f, "x{times}"),
        }
    }
}
