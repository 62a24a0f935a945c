//! The configuration of a run: TOML files, environment and flags in, checked engine values out.
//!
//! ```text
//! defaults < files (later wins) < PITLANE_SECTION__KEY < --set a.b=c        every value remembers where it came from
//!     └────────────── Layers::load ──────────────► Settings ──► PipelineConfig, SessionTimes, InstrumentSpec
//!                                                     └──► canonical text, which is journaled and hashed
//! ```
//!
//! `schema` lists every key once: what is unknown there is an error with a suggestion, and what a key allows is quoted
//! from there. Units are parsed here and nowhere else; beyond this crate there are only nanoseconds, bytes, basis
//! points and 1/10,000 rupees.

mod archive;
mod broker;
mod error;
mod instruments;
mod latency;
mod layers;
mod names;
mod parse;
mod pipeline;
mod read;
mod schema;
mod settings;
mod suggest;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod tree;
mod values;

pub use archive::ArchiveSettings;
pub use broker::{BrokerSettings, ClockSettings, ForeignOrders, is_local};
pub use error::ConfigError;
pub use instruments::{canonical_symbol, default_instrument, demo_universe};
pub use latency::format_recorded_latency;
pub use layers::Layers;
pub use schema::{KeySchema, SCHEMA, SectionSchema};
pub use settings::{
    CandlePath, CandleSettings, DurabilityLevel, EngineSettings, ExitSettings, Halt, JournalSettings,
    LagLimits, Measure, MemoryLock, Mode, PacketMode, PriceBand, ScriptedCommand, SessionSettings, Settings,
    SimSettings, Speed, StrategySettings, TradingSettings, Wait,
};
pub use time::{date_number, format_ist, ist, parse_date, parse_time};
pub use values::{
    format_bps, format_bytes, format_duration_ns, parse_bps, parse_bytes, parse_cpu_list, parse_duration_ns,
};
