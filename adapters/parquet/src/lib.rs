//! Rows as Parquet files.
//!
//! ```text
//! OUT/kind=bars_1m/date=2021-04-15/part-<journal>-<first seq>-<last seq>.parquet
//! OUT/_manifest/<journal>/<first seq>-<last seq>.json
//! ```
//! A journal is cut into ranges of inputs, at multiples of a fixed number and at the ends of sessions; each range makes one
//! file for each table and trading date it has rows of, and one manifest. So a file's bytes follow from the journal alone,
//! and writing one again gives the same bytes. Files are written under a temporary name, synced and renamed, then the
//! manifest in the same way: what a manifest lists is there, and what no manifest lists does not count and is swept away.
//!
//! A manifest also holds the state of the projection at its range's end, from which the next range goes on.

mod archive;
mod buffer;
mod disk;
mod error;
mod file;
mod manifest;
mod read;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

pub use archive::{Archive, Check, Fault, Found, Verified};
pub use error::ArchiveError;
pub use manifest::{FileEntry, Manifest, Resume};
pub use read::read_file;
pub use schema::arrow_schema;
pub use writer::{Opened, Options, RANGE_INPUTS, Writer, Written};
