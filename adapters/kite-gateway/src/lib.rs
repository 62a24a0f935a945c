//! Order entry and reconciliation at a broker that speaks Kite Connect 3.
//!
//! ```text
//!  intents ──► ┌─────────────────┐ ──► calls ──► workers ──► broker
//!  durable ──► │     Gateway     │ ◄── answers ◄───┘
//!  updates ──► │ (pure, no clock)│ ──► reports ──► sequencer
//!  ticks   ──► └─────────────────┘ ──► notes
//! ```
//!
//! [`Gateway`] decides everything and does nothing; [`rest`] carries its calls; [`driver`] is the thread that brings
//! both together. [`session`] gets a token and keeps it.

pub mod call;
pub mod decimal;
pub mod driver;
pub mod gateway;
pub mod governor;
pub mod instruments;
mod rescue;
pub mod rest;
pub mod session;
pub mod settings;
pub mod tag;
pub mod wire;

pub use gateway::Gateway;
