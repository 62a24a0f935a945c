//! The exchange against the naive one: the same tables of rules on both, and random operations compared record by
//! record and queue by queue.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod differential;
mod generator;
mod pair;
mod scenarios;
mod script;
mod shrink;
mod venue;
