//! The pure domain of pitlane and the drivers that run it.
//!
//! ```text
//! frames ─► decoder ─► sequencer + bars ─► strategy ─► risk ─► matcher ─► outputs
//!                        ▲      │                                │
//!            timers ─────┘      └─► inputs journal               │
//!                        ▲                                       │
//!                        └────────── execution reports ◄─────────┘
//! ```
//!
//! 1. A stage (`stages`) is a pure state machine: no clock, no I/O, no thread, no allocation, no failure.
//! 2. Every stage has exactly one input; where two sources meet, they meet at the sequencer (`sequencer`).
//! 3. Inputs are the truth, outputs are the proof: the same inputs give the same outputs, byte for byte, under every
//!    driver (`drive`).
//! 4. This crate knows no file, socket or journal; it hands events to an `EventLog`.

pub mod book;
pub mod charges;
pub mod config;
pub mod drive;
pub mod event;
pub mod exchange;
pub mod feed;
pub mod hash;
pub mod ledger;
pub mod limits;
pub mod log;
pub mod planted;
pub mod sequencer;
pub mod stage;
pub mod stages;
pub mod state;
pub mod units;
pub mod venue_rules;
