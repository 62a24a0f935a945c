//! Recorded order flow of real exchanges, run through the product's own book, and scored against what really happened.
//!
//! | flow | what is scored |
//! |---|---|
//! | [`lobster`] | the book after every message; who traded when a run of executions is one order again |
//! | [`quantcup`] | a stream of limit orders and cancels: the fills, at their makers' prices and at the best price |
//! | [`dbn`] | order-by-order records: fills at the resting price, at the best price, at the front of the queue |
//!
//! Files are read once from front to back; memory does not grow with them.

pub mod dbn;
pub mod input;
pub mod lobster;
pub mod meter;
pub mod quantcup;
pub mod report;
mod venue;
