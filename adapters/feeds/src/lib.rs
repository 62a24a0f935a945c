//! Everything that makes frames in the broker's wire format: the decoder behind it cannot tell one from another.
//!
//! | module | makes frames of |
//! |---|---|
//! | `synthetic` | a seeded market that exists nowhere else: the same bytes on every machine |
//! | `tick_csv` | recorded ticks, as dirty as they come; what cannot become a frame is refused with its reason |
//! | `kite_csv` | ticks a client of the broker recorded, of any tokens in one file |
//! | `candle_csv` | none: it reads minutes of earlier days, from which indicators warm up |
//! | `bar_csv` | the same candles, each as four ticks in a stated order |
//! | `kite` | values: the packet layouts and the frame around them |

pub mod bar_csv;
pub mod candle_csv;
mod error;
pub mod kite;
pub mod kite_csv;
mod rng;
pub mod synthetic;
pub mod tick_csv;

pub use bar_csv::{BarCsvFeed, BarFile, CandlePath};
pub use error::FeedError;
pub use synthetic::{SyntheticConfig, SyntheticFeed};
pub use tick_csv::{FileReport, TickCsvFeed, TickFile, scan_dates};

use pitlane_engine::feed::FrameFeed;

/// A feed over files of rows, which says what became of them.
pub trait FileFeed: FrameFeed {
    /// What went wrong in mid-file, if anything: the feed then closed early. Ask when it has closed.
    fn error(&self) -> Option<&FeedError>;
    /// What became of the rows so far, by file in the order given.
    fn reports(&self) -> Vec<FileReport>;
}
