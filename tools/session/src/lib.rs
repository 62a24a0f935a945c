//! The composition root: a configuration becomes a running pipeline, a recorded journal becomes a proof.
//!
//! Binaries parse their command line and call one function here; everything they share lives here too.

pub mod audit;
pub mod cli;
pub mod config_cmd;
pub mod cpus;
pub mod days;
pub mod diff;
pub mod doctor;
pub mod dump;
pub mod engine_card;
pub mod event_log;
pub mod exit;
pub mod export;
pub mod grep;
pub mod import;
pub mod info;
pub mod instruments;
pub mod journal_watch;
pub mod latch;
pub mod latency_cmd;
pub mod live;
pub mod market;
pub mod mirror;
pub mod operator;
pub mod plan;
pub mod profit;
pub mod progress;
pub mod recorded;
pub mod repair;
pub mod replay_card;
pub mod resume;
pub mod retain;
pub mod run;
pub mod signals;
pub mod sim;
pub mod stat;
pub mod summary;
pub mod tuning;
pub mod verify;
pub mod warmup;
pub mod whatif;

/// The wall clock's time as RFC 3339 with +05:30, for latches and logs.
pub fn now_ist() -> String {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    pitlane_config::format_ist(pitlane_engine::units::TsNs(since_epoch.as_nanos() as u64))
}
