//! The configuration with its types.

// Before the modules that use it.
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

mod candles;
mod defaults;
mod trading;

pub use candles::{CandlePath, CandleSettings};
pub use trading::{Halt, PriceBand, TradingSettings};

use crate::archive::ArchiveSettings;
use crate::broker::{BrokerSettings, ClockSettings};
use crate::error::ConfigError;
use crate::instruments::check_table;
use crate::time::{date_number, format_ist, format_time, ist};
use jiff::civil::{Date, Time, time};
use pitlane_engine::config::{
    BarsConfig, ChargesConfig, InstrumentSpec, RiskConfig, SessionTimes, VenueConfig,
};
use pitlane_engine::event::{CommandCode, Timeframe};
use pitlane_engine::units::{Money, NS_PER_S, TsNs};
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
    /// `[candles]`; `None` = prices are ticks.
    pub candles: Option<CandleSettings>,
    /// `[sim]`.
    pub sim: SimSettings,
    /// `[[instruments]]`, by id; the demo universe if none is given.
    pub instruments: Vec<InstrumentSpec>,
    /// `[[strategies]]`; one moving-average crossover over everything tradable if none is given.
    pub strategies: Vec<StrategySettings>,
    /// `[risk]`.
    pub risk: RiskConfig,
    /// `[risk]`: the exits of strategies that have none of their own.
    pub exits: ExitSettings,
    /// `[charges]`.
    pub charges: ChargesConfig,
    /// `[venue]`.
    pub venue: VenueConfig,
    /// `[[halts]]`, and `band` of `[[instruments]]`.
    pub trading: TradingSettings,
    /// `[archive]`.
    pub archive: ArchiveSettings,
    /// `[broker]`.
    pub broker: BrokerSettings,
    /// `[clock]`; `None` = the market keeps the time of day.
    pub clock: Option<ClockSettings>,
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
    /// What is measured of the run while it runs.
    pub measure: Measure,
    /// Whether the process's memory is locked.
    pub memory_lock: MemoryLock,
    /// Whether the stages' memory is moved to huge pages.
    pub huge_pages: bool,
    /// Real-time priority of the pipeline's threads, 1 to 99; 0 = none.
    pub realtime_priority: u8,
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
    /// What is measured of a run while it runs.
    Measure {
        /// Nothing.
        Off = "off",
        /// Steps and tick-to-order latencies.
        On = "on",
        /// The same, and in one step of 61 every stage's own time.
        Stages = "stages",
    }
}

names! {
    /// Whether the process's memory is locked, so that nothing of it is paged in or out.
    MemoryLock {
        /// If the pipeline's threads have cpus of their own.
        Auto = "auto",
        /// Always.
        On = "on",
        /// Never.
        Off = "off",
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

names! {
    /// When a record is on the disk.
    DurabilityLevel {
        /// When the kernel likes; the death of the process loses nothing, a power failure what was not written back.
        D0 = "D0",
        /// Synced all the time; a power failure loses milliseconds.
        D1 = "D1",
        /// Synced as soon as there is anything, and before anything leaves the machine.
        D2 = "D2",
    }
}

/// How far the disk may be behind the journal, in nanoseconds, and what follows; ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LagLimits {
    /// From here on people are told.
    pub warn_ns: u64,
    /// From here on nothing is opened.
    pub reduce_ns: u64,
    /// From here on every position is closed.
    pub halt_ns: u64,
}

/// `[journal]`. Nothing here changes a result, as long as the disk keeps up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// Where the journal is written; `None` = the command names it.
    pub dir: Option<PathBuf>,
    /// Bytes of a segment file; a multiple of 64 KiB.
    pub segment_bytes: u64,
    /// Inputs from one snapshot to the next, at least; 0 makes none.
    pub snapshot_every: u64,
    /// When a record is on the disk; `None` = by the pace of the run.
    pub level: Option<DurabilityLevel>,
    /// Where the journal is mapped before it is copied to `dir`; `None` = in `dir` itself.
    pub hot_dir: Option<PathBuf>,
    /// How far the disk may be behind.
    pub lag: LagLimits,
}

/// `[session]`: the hours of a trading day, Indian time. Open and close are given both or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionSettings {
    /// First timer; the open, if that is earlier.
    pub pre_open: Time,
    /// Start of continuous trading of every instrument; `None` = by the trading calendar.
    pub open: Option<Time>,
    /// End of continuous trading of every instrument; `None` = by the trading calendar.
    pub close: Option<Time>,
}

/// What closes a position without a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitSettings {
    /// Loss, as a share of the entry's value in bps; zero = none.
    pub stop_loss_bps: i64,
    /// Profit, as a share of the entry's value in bps; zero = none.
    pub take_profit_bps: i64,
    /// Time since the entry in nanoseconds; zero = none.
    pub holding_ns: u64,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptedCommand {
    /// When, Indian time.
    pub at: Time,
    /// Which: kill, flatten, reduce-only or resume.
    pub code: CommandCode,
    /// Why, at most 216 bytes; never empty for a resume.
    pub reason: String,
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
    /// How long a resting entry stays at a price the market has left before it follows, in nanoseconds; zero = it
    /// never does.
    pub reprice_ns: u64,
    /// Its weight against other strategies of an instrument, 0 to 1000: the greater number has the say.
    pub priority: u32,
    /// Its own stop loss in bps, zero = none; `None` = that of `[risk]`.
    pub stop_loss_bps: Option<i64>,
    /// Its own take profit in bps, zero = none; `None` = that of `[risk]`.
    pub take_profit_bps: Option<i64>,
    /// Its own longest holding time in nanoseconds, zero = none; `None` = that of `[risk]`.
    pub holding_ns: Option<u64>,
    /// The kind's own parameters, by name, ascending.
    pub params: Vec<(String, f64)>,
}

impl Settings {
    /// What `engine demo` runs: the defaults, with capital enough for one lot of the index future.
    pub fn demo() -> Self {
        let mut demo = Self::default();
        demo.risk.capital = Money::rupees(20_000_000);
        demo
    }

    /// The session on `date` whose continuous trading lasts from `open` until `close`. It begins at the configured
    /// pre-open, or at the open if that is earlier, and ends when the last bar's grace is over, on a whole second.
    pub fn session_times(&self, date: Date, open: Time, close: Time) -> SessionTimes {
        let (open, close) = (ist(date, open), ist(date, close));
        let end = close.plus(self.bars.grace_ns).0.div_ceil(NS_PER_S) * NS_PER_S;
        let pre_open = ist(date, self.session.pre_open).min(open);
        SessionTimes { date: date_number(date), pre_open, open, close, end: TsNs(end) }
    }

    /// The configured hours, else 09:15 to 15:30, whatever the trading calendar says.
    pub fn fixed_hours(&self) -> (Time, Time) {
        let SessionSettings { open, close, .. } = self.session;
        (open.unwrap_or(time(9, 15, 0, 0)), close.unwrap_or(time(15, 30, 0, 0)))
    }

    /// `session_times` of `fixed_hours`.
    pub fn fixed_session_times(&self, date: Date) -> SessionTimes {
        let (open, close) = self.fixed_hours();
        self.session_times(date, open, close)
    }

    /// Checks that every scripted command lies within the session `times` of the synthetic day, whose hours are not
    /// known before the calendar was asked.
    ///
    /// # Errors
    /// If one comes before the pre-open or after the close.
    pub fn check_commands(&self, times: &SessionTimes) -> Result<(), ConfigError> {
        let inside = |at| (times.pre_open..=times.close).contains(&ist(self.sim.date, at));
        match self.sim.commands.iter().find(|command| !inside(command.at)) {
            None => Ok(()),
            Some(command) => Err(ConfigError::Conflict {
                at: "[[sim.commands]]".to_owned(),
                why: format!(
                    "`{}` at {} lies outside the session of {}, which lasts from {} to {}",
                    command.code.name(),
                    format_time(command.at),
                    self.sim.date,
                    format_ist(times.pre_open),
                    format_ist(times.close)
                ),
                remedy: "choose a time within it".to_owned(),
            }),
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

impl StrategySettings {
    /// What closes its positions: its own values, else those in `common`.
    pub fn exits(&self, common: &ExitSettings) -> ExitSettings {
        ExitSettings {
            stop_loss_bps: self.stop_loss_bps.unwrap_or(common.stop_loss_bps),
            take_profit_bps: self.take_profit_bps.unwrap_or(common.take_profit_bps),
            holding_ns: self.holding_ns.unwrap_or(common.holding_ns),
        }
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
