//! Latency as a caller of the engine would see it: open loop, counted from the intended start, beside what the machine
//! itself did in the same seconds. `docs/performance.md` says how to read it.
//!
//! ```text
//! rate (how often) ─► openloop, scenario/* (what) ─► record (windows) ─► result ─► table, output/* (hgrm, hlog, svg, page)
//!                 idle, meter (the machine by itself, the neighbours' share) ─┘
//! ```

pub mod compare;
pub mod day;
pub mod environment;
pub mod idle;
pub mod meter;
pub mod openloop;
pub mod output;
pub mod rate;
pub mod record;
pub mod report;
pub mod result;
pub mod run;
pub mod scenario;
pub mod strategy;
pub mod table;
pub mod tape;
