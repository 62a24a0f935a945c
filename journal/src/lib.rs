//! Append-only log of opaque records: what a writer appended comes back byte for byte, or the reader says
//! where it stopped and why.
//!
//! A journal is a directory. In it a *stream* is a folder of fixed-size segment files `<16 hex digits>.lxj`,
//! written by one [`Writer`] and read by any number of [`Reader`]s. The crate knows bytes, not what they
//! mean: a record has a dense `seq`, a non-decreasing timestamp, a kind, a schema version, flags and a
//! payload.
//!
//! * [`JournalDir::lock`] takes the journal for this process; a [`Writer`] cannot be made without it.
//! * [`Writer::append`] copies the record into mapped, already touched memory and publishes it with one
//!   8-byte store. A cold thread makes the next segments, seals the finished ones and latches the first
//!   error.
//! * [`Reader`] verifies every frame and tells a clean end, a crashed writer's end, a torn tail and damage
//!   apart.
//! * [`inspect`] reads a whole stream and sums it up.
//!
//! What a record survives: the death of the process (also `kill -9`), because a published frame is in the
//! page cache. A power failure can lose what the kernel has not written back; only sealed segments are
//! synced.
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

mod cold;
mod dir;
mod error;
mod format;
mod inspect;
mod mmap;
mod reader;
mod segment;
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
pub use reader::{Damaged, EndState, Frame, Reader};
pub use writer::{Record, Writer, WriterOptions};
