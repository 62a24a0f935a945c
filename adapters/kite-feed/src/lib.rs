//! The broker's live ticker (Kite Connect 3): the feed decoder polls `LiveFeed` for frames, on its own thread.
//!
//! ```text
//!  connections, up to 3, 3,000 instruments each                       the decoder's thread
//!  resolve ─► connect ─► TLS ─► upgrade ─► live ─┬─ market data ─► sift ─┬─► FeedItem::Frame
//!     ▲                            │ 403         │                      └─► conflation, when the pipeline is slow
//!     └── back off 1 … 60 s ◄──────┼─────────────┤
//!            a new token ◄─────────┘             ├─ order postbacks ─► FeedHandle::orders
//!                                                └─ broker's texts, losses, gaps ─► FeedHandle::notes
//! ```
//! Nothing here sleeps or blocks; names are resolved and token files read on helper threads. Once the sockets are
//! live, a market-data frame costs no allocation of ours; the TLS library makes one per record. Order postbacks and
//! connecting may allocate.
//!
//! | module | holds |
//! |---|---|
//! | `feed` | `LiveFeed`: which socket is read next, what becomes of what it said |
//! | `link` | one connection from address to live, and its subscription (`link/script.rs`) |
//! | `sift`, `fresh`, `conflate` | packets withheld because they are old, and packets merged because we are slow |
//! | `watchdog`, `backoff` | when a connection counts as dead, and when it is tried again |
//! | `text`, `order`, `decimal` | the broker's JSON texts |
//! | `token`, `resolve`, `socket`, `wall` | credentials, names, plain and TLS sockets, the wall clock for time-outs |
//! | `status`, `note`, `config` | what operators see and set |

mod backoff;
pub mod config;
mod conflate;
pub mod decimal;
mod feed;
mod fresh;
mod link;
pub mod note;
pub mod order;
mod resolve;
mod sift;
mod socket;
pub mod status;
mod table;
pub mod text;
pub mod token;
mod wall;
mod watchdog;
mod witness;

#[cfg(test)]
mod tests;

pub use config::{FeedConfig, FeedError, Mode, Subscription, TlsRoots};
pub use decimal::Decimal;
pub use feed::{FeedControl, FeedHandle, LiveFeed};
pub use note::{Lost, Note};
pub use order::OrderUpdate;
pub use status::{FeedStatus, LinkState, SocketStatus, TokenState};
pub use text::{Text, TextError, TextReader};
pub use token::{Credentials, Secret, TokenSlot};
