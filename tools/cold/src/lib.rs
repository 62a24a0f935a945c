//! The cold path: what was journaled becomes an archive, at its own pace and in a process of its own.
//!
//! ```text
//! OUT/kind=…/date=…/*.parquet, OUT/_manifest/   rows, as `pitlane-parquet` lays them out
//! OUT/_journal/UUID/                            the journal's segments, compressed, with a manifest
//! OUT/_report/DATE/UUID.{json,txt}              what the nightly job found
//! OUT/_status/UUID.{json,prom}                  what a sidecar says of itself
//! ```

pub mod archive;
pub mod args;
pub mod compare;
pub mod destination;
pub mod disk;
pub mod fault;
pub mod frontier;
pub mod lease;
pub mod postgres;
pub mod query;
pub mod recon;
pub mod report;
pub mod restore;
pub mod run;
pub mod segments;
pub mod status;
pub mod store;
pub mod tail;
