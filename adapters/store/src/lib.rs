//! Where the two cores meet: engine events as journal frames, and back.
//!
//! A run is two streams of one journal. In `inputs` the frame's number is the event's `seq`; in `outputs` it is a dense
//! number of its own, and the event carries its cause. The payload of a frame is the event's used bytes.

mod head;
mod preamble;
mod reader;
mod resume;
mod snapshots;
mod writer;

pub use head::{Head, read_head};
pub use preamble::{Preamble, keep_preamble};
pub use reader::{EventStream, StreamEnd};
pub use resume::{Ends, ends_complete, has_segments, hot_dir, note_hot_dir, recover_streams};
pub use snapshots::Snapshots;
pub use writer::JournalLog;

use pitlane_engine::event::SCHEMA_VERSION;
use std::path::PathBuf;

/// Name of the stream of sequenced inputs.
pub const INPUTS: &str = "inputs";
/// Name of the stream of outputs.
pub const OUTPUTS: &str = "outputs";

/// Why a journal cannot be used as a run's record.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The journal itself.
    #[error(transparent)]
    Journal(#[from] pitlane_journal::JournalError),
    /// A file beside the streams.
    #[error(
        "cannot write {path}: {source}; check the disk and the directory's permissions, then do it again"
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A frame that is intact but is no event of this version.
    #[error("{path}, stream {stream}, segment {segment}, offset {offset}, frame {seq}: {source}")]
    Event {
        /// The journal.
        path: PathBuf,
        /// The stream.
        stream: String,
        /// The segment's index.
        segment: u64,
        /// The frame's offset in the segment.
        offset: u64,
        /// The frame's number.
        seq: u64,
        /// What is wrong.
        source: pitlane_engine::event::EventError,
    },
    /// A record that fails its checksum and is not the last one.
    #[error(
        "{path}, stream {stream}: the record at segment {segment}, offset {offset}, fails its checksum and others follow it; \
         what is made of a part would be wrong: `journal-replay repair {path}` names the damage"
    )]
    Hole {
        /// The journal.
        path: PathBuf,
        /// The stream.
        stream: &'static str,
        /// The segment's index.
        segment: u64,
        /// The record's offset in the segment.
        offset: u64,
    },
    /// Events of another layout.
    #[error(
        "{path}: its events have layout version {found}, this program knows {SCHEMA_VERSION}; read it with the version that \
         wrote it"
    )]
    Schema {
        /// The journal.
        path: PathBuf,
        /// The version found.
        found: u8,
    },
    /// The writer died before the run began.
    #[error(
        "{path}: its writer died before the first session began, so nothing is recorded; the directory may be removed"
    )]
    NotBegun {
        /// The journal.
        path: PathBuf,
    },
    /// The journal starts with something else than a run's preamble.
    #[error("{path}: {what}; the journal was not written by a run or an import of this version")]
    NotARun {
        /// The journal.
        path: PathBuf,
        /// What is missing or wrong.
        what: &'static str,
    },
}

/// Whether `dir` holds a stream of that name. A folder without segments is a stream that lost them, not one that never
/// was: opening it is an error.
pub fn has_stream(dir: &std::path::Path, stream: &str) -> bool {
    dir.join(stream).is_dir()
}
