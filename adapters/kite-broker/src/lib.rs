//! A broker that speaks Kite Connect 3, without sockets, clocks or threads: time and bytes come in as arguments.
//!
//! ```text
//!  frames (wire format) ──► Broker::frame ──► decoder ─► bars ─► matcher ──► fills, reports ─┐
//!  requests ──► Broker::handle ─► limits ─► session ─► routes ─► orders ────────▲            │
//!       ◄── Response ◄───────────────────────────────────────── orders ◄────────┼────────────┘
//!  messages ──► Ticker::on_text ─► snapshots; Ticker::on_frame ─► frames        postbacks ──► every socket
//! ```
//!
//! Its exchange is the product's own paper venue, driven as the pure stage it is ([`venue`]): an order at this broker
//! fills by the rules by which a paper order fills. The same configuration, frames and requests at the same times give
//! the same bytes.
//!
//! | module | holds |
//! |---|---|
//! | `broker` | the whole: time, frames, requests, what is to be sent |
//! | `venue` | bars and matcher as pure stages, with a driver of their own |
//! | `market` | the newest packet of every instrument, minute candles |
//! | `orders` | the order management: checks, statuses, histories, trades, square-off |
//! | `account` | positions, margins, charges |
//! | `rest` | routes, forms, answers |
//! | `session`, `limits` | login and tokens; how often one may ask |
//! | `ticker` | what one socket is subscribed to |
//! | `json`, `decimal`, `times` | the broker's texts: numbers and times without floats |
//!
//! # What it is not
//! One account. Varieties `regular` only; no basket, alerts, triggers (GTT), mutual funds, holdings. An order type may
//! change between `LIMIT` and `MARKET`, and between `SL` and `SL-M`, not across. Price bands are shown, not enforced.

pub mod account;
pub mod broker;
pub mod decimal;
pub mod error;
pub mod json;
pub mod limits;
pub mod market;
pub mod orders;
pub mod rest;
pub mod session;
pub mod ticker;
pub mod times;
pub mod venue;

#[cfg(test)]
mod tests;

pub use broker::{Broker, Config, Frame, Listing};
pub use error::ApiError;
pub use rest::{Request, Response};
pub use ticker::{Mode, Ticker};
