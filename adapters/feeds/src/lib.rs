//! Everything that makes frames in the broker's wire format: the decoder behind it cannot tell one from another.
//!
//! | module | makes frames of |
//! |---|---|
//! | `synthetic` | a seeded market that exists nowhere else: the same bytes on every machine |
//! | `tick_csv` | recorded ticks, as dirty as they come; what cannot become a frame is refused with its reason |
//! | `kite_csv` | ticks a client of the broker recorded, of any tokens in one file |
//! | `candle_csv` | none: it reads minutes of earlier days, from which indicators warm up |
//! | `kite` | values: the packet layouts and the frame around them |

pub mod candle_csv;
mod error;
pub mod kite;
pub mod kite_csv;
mod rng;
pub mod synthetic;
pub mod tick_csv;

pub use error::FeedError;
pub use synthetic::{SyntheticConfig, SyntheticFeed};
pub use tick_csv::{TickCsvFeed, TickFile, scan_dates};
