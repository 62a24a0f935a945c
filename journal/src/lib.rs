//! Append-only log of opaque records: what a writer appended comes back byte for byte, or the reader says
//! where it stopped and why.
//!
//! A journal is a directory. In it a *stream* is a folder of fixed-size segment files `<16 hex digits>.lxj`,
//! written by one [`Writer`] and read by any number of [`Reader`]s. The crate knows bytes, not what they
//! mean: a record has a dense `seq`, a non-decreasing timestamp, a kind, a schema version, flags and a
//! payload.
//!
//! * [`JournalDir::lock`] takes the journal for this process; a [`Writer`] cannot be made without it.
//!   [`JournalDir::lock_tiered`] maps it on a memory file system and has it copied to the disk;
//!   [`JournalDir::lock_with`] can keep a second copy, from which recovery repairs damage.
//! * [`Writer::append`] copies the record into mapped, already touched memory and publishes it with one
//!   8-byte store. A cold thread makes the next segments; a durable thread verifies what was written, makes it
//!   durable as [`Durability`] says, and seals finished segments. [`Durable`] says how far it is.
//! * [`recover`] makes what a crash left end in order, or names the corruption; [`Writer::resume`] goes on
//!   in a new epoch.
//! * [`Reader`] verifies every frame and tells a clean end, a crashed writer's end, a torn tail and damage
//!   apart; [`Reader::seek_seq`] and [`Reader::seek_ts`] go to a record by the index.
//! * [`retain`] removes the oldest segments once every [`Lease`] is past them.
//! * [`inspect`] reads a whole stream and sums it up.
//!
//! What a record survives: the death of the process (also `kill -9`), because a published frame is in the
//! page cache; a power failure once it is durable. `docs/journal.md` draws every byte.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let scratch = tempfile::tempdir()?;
//! # let path = scratch.path();
//! use pitlane_journal::{EndState, JournalDir, Reader, Record, Writer, WriterOptions};
//!
//! let dir = JournalDir::lock(path)?;
//! let options = WriterOptions { segment_bytes: 256 * 1024, ..WriterOptions::default() };
//! let mut writer = Writer::create(&dir, "inputs", options)?;
//! writer.append(Record { seq: 1, ts_ns: 1_000, kind: 7, schema_version: 1, flags: 0, payload: b"hello" })?;
//! writer.close()?;
//!
//! let mut reader = Reader::open(path, "inputs")?;
//! while let Some(frame) = reader.next()? {
//!     assert_eq!(frame.payload, b"hello");
//! }
//! assert_eq!(reader.end(), Some(EndState::Sealed));
//! # Ok(())
//! # }
//! ```

#[cfg(not(all(target_endian = "little", target_pointer_width = "64")))]
compile_error!(
    "journal files are little-endian, used in place and mapped whole: a 64-bit little-endian target is needed"
);

mod chain;
mod cold;
mod crc;
mod dir;
mod disk;
mod durable;
mod error;
mod format;
mod frame;
mod identity;
mod inspect;
mod lease;
mod mmap;
mod planted;
mod reader;
mod recover;
mod retention;
mod segment;
mod shared;
mod sys;
mod writer;

#[cfg(test)]
mod tests;

pub use dir::JournalDir;
pub use error::{Fault, JournalError};
pub use format::{
    FLAGS_RESERVED, FRAME_HEADER_BYTES, Ids, PAYLOAD_MAX_BYTES, SEGMENT_DEFAULT_BYTES, SEGMENT_MIN_BYTES,
    SEGMENT_STEP_BYTES, STREAM_NAME_MAX_BYTES,
};
pub use inspect::{SeqTime, StreamInfo, inspect};
pub use lease::{Lease, LeaseInfo, leases};
pub use reader::{Damaged, EndState, Frame, Reader};
pub use recover::{Parts, Recovered, Repaired, TornTail, examine, recover, recover_full};
pub use retention::{Keep, Retained, retain};
pub use shared::{Durability, Durable, Space};
pub use writer::{Record, Writer, WriterOptions};
