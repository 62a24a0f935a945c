//! Rows into PostgreSQL, each exactly once.
//!
//! A [`Sink`] gathers rows as COPY wants them and commits them in batches: rows, the place in the journal up to which they
//! go and the state of the projection there, in one transaction that compares the place before it sets it. So what the
//! database holds is always whole steps of the journal from its first input, whoever was killed or cut off when; a commit
//! whose answer was lost is asked about before anything is sent again. One sink holds a journal's advisory lock; the primary
//! key (journal, seq, idx) is the last guard. While the database is away nothing is lost or held in memory beyond a batch:
//! the journal is the buffer.
//!
//! [`Database`] migrates the schema and reads rows back, for verification. [`Target`] says where the database is, and keeps
//! its password out of arguments, logs and errors. The tables are those of `pitlane-rows`; the server is version 13 or newer.

mod backoff;
mod database;
mod error;
mod link;
mod migrations;
mod sink;
mod target;

pub use backoff::{Backoff, Down, patiently};
pub use database::{Database, Stored};
pub use error::PgError;
pub use link::application as application_name;
pub use migrations::{MIGRATIONS, Migrated, Migration, SCHEMA_LATEST};
pub use sink::{Committed, DEFAULT_GROUP, LoadError, Opened, Options, Sink};
pub use target::{Target, TargetError};
