//! Runs on the wall clock: a feed that is quiet, a clock that a test moves, a broker that a test plays. Whatever order the
//! threads and the world made of it, the record of it replays to the byte.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod broker;
mod clock;
mod day;
mod hang;
mod ledgers;
mod pair;
mod paper;
mod recovered;
mod schedules;
mod world;
