//! What a journal says, as typed rows of named tables. Pure: events in, rows out; no file, no database, no clock.
//!
//! [`Table`] and the modules under it declare every table once. From that come the rows' structs, the schema and binary
//! rows of Postgres ([`postgres`]), the schema of the Parquet files (`pitlane-parquet`) and the reference in the documents
//! ([`markdown`]). [`Projection`] makes the rows; [`Steps`] puts a journal's two streams into the order it needs.

pub mod postgres;
mod projection;
mod reference;
mod steps;
pub mod tables;
mod tally;
#[cfg(test)]
mod tests;
pub mod value;

pub use projection::{Context, Offset, Projection, ProjectionError};
pub use reference::markdown;
pub use steps::{Progress, Steps, StepsError};
pub use tables::{KEY_COLUMNS, Key, PRIMARY_KEY, Row, RowSink, SCHEMA_VERSION, Table, Tables};
pub use tally::{Count, Group, Tally, row_hash};
pub use value::{Column, ColumnType, Date, Stamp, Uuid, Value};
