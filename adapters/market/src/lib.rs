//! What the market publishes about itself, as checked values: which instruments there are, how large an order
//! may be, and when it trades. Rules that changed over time are tables with dates; nothing here reads a
//! clock.
//!
//! | module | holds |
//! |---|---|
//! | `instruments` | the broker's dumps: symbol, token, lot, tick, expiry, strike; the built-in indices |
//! | `tables` | freeze quantities and tick sizes by date |
//! | `calendar` | holidays, special sessions, hours by segment and date, square-off |

pub mod calendar;
mod error;
pub mod instruments;
pub mod tables;

pub use calendar::{Calendar, Day, Hours, Segment};
pub use error::MarketError;
pub use instruments::{Dump, Entry};
