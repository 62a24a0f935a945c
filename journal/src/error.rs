//! Errors: what failed, where, why, and what to do next.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::format::{PAYLOAD_MAX_BYTES, SEGMENT_MIN_BYTES, SEGMENT_STEP_BYTES, STREAM_NAME_MAX_BYTES};

/// Everything that can go wrong with a journal.
///
/// The message is complete: what, where, why and what to do next. So there is no `source()` behind it that a
/// report would print a second time; the operating system's error and the first failure are fields.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The operating system refused an operation.
    #[error("cannot {operation} {path}: {cause}; {next}", path = path.display(), next = advice(cause))]
    Io {
        /// What was tried, as a verb phrase ("create", "preallocate", ...).
        operation: &'static str,
        /// The file or directory it was tried on.
        path: PathBuf,
        /// The operating system's answer.
        cause: io::Error,
    },

    /// Another process, or another handle in this one, writes this journal.
    #[error(
        "the journal at {path} is in use by {holder}; stop that process or give this one another directory",
        path = path.display(), holder = holder(*pid)
    )]
    InUse {
        /// The journal directory.
        path: PathBuf,
        /// The process that holds it, if it had already written its id.
        pid: Option<u32>,
    },

    /// A new stream was asked for where one already exists.
    #[error(
        "stream {stream:?} at {path} already holds {segments} segment file(s) and a new one was asked for; recover \
         it to continue it, or choose a new journal directory, or move {path} away if it is no longer needed",
        path = path.display()
    )]
    NotEmpty {
        /// The stream's name.
        stream: String,
        /// The stream's folder.
        path: PathBuf,
        /// How many segment files it holds.
        segments: usize,
    },

    /// A file system on which locks, syncs or mappings do not mean what a journal needs.
    #[error(
        "{path} is on {name}, on which locks and syncs do not mean what a journal needs; use a directory on a local \
         file system (ext4, xfs, btrfs, tmpfs)",
        path = path.display()
    )]
    FileSystem {
        /// The journal directory.
        path: PathBuf,
        /// The file system's name.
        name: &'static str,
    },

    /// Another program or another layout of payloads wrote the stream.
    #[error(
        "stream {stream:?} was written by another {what} (id {found}, this one is {given}); a stream is not continued \
         across that unless it is allowed explicitly; use the matching release, or start a new journal",
        found = hex(found), given = hex(given)
    )]
    OtherIds {
        /// The stream's name.
        stream: String,
        /// What differs: "build" or "schema".
        what: &'static str,
        /// The id in the journal.
        found: [u8; 16],
        /// The id given to the writer.
        given: [u8; 16],
    },

    /// The stream is not as recovery left it.
    #[error(
        "stream {stream:?} at {path} is not as its recovery left it; recover it again and continue from what that says",
        path = path.display()
    )]
    NotRecovered {
        /// The stream's name.
        stream: String,
        /// The stream's folder.
        path: PathBuf,
    },

    /// There is nothing to read.
    #[error(
        "stream {stream:?} has no segment files at {path}; check the journal directory and the stream's name",
        path = path.display()
    )]
    NoStream {
        /// The stream's name.
        stream: String,
        /// The folder that was looked into.
        path: PathBuf,
    },

    /// Records that are asked for were removed by [`retain`](crate::retain).
    #[error(
        "segments of stream {stream:?} up to seq {last_removed} were removed by retention, at {path}; begin at seq \
         {first} or later, or restore them from an archive",
        path = path.display(), first = last_removed.saturating_add(1)
    )]
    RemovedByRetention {
        /// The stream's name.
        stream: String,
        /// The stream's folder.
        path: PathBuf,
        /// The last record that is gone.
        last_removed: u64,
    },

    /// A stream name that cannot be a folder name and a header field.
    #[error(
        "stream name {stream:?} is not usable; use 1 to {STREAM_NAME_MAX_BYTES} characters out of a-z, 0-9, \
         '-' and '_'"
    )]
    StreamName {
        /// The refused name.
        stream: String,
    },

    /// A segment size outside what the format allows.
    #[error(
        "segment size {segment_bytes} bytes is not usable; use a multiple of {SEGMENT_STEP_BYTES} from \
         {SEGMENT_MIN_BYTES} bytes up to 4 GiB - {SEGMENT_STEP_BYTES}"
    )]
    SegmentSize {
        /// The refused size.
        segment_bytes: u64,
    },

    /// A record that no frame can hold. Nothing was written; the same `seq` is still expected.
    #[error(
        "record seq {seq} for stream {stream:?} has a payload of {payload_bytes} bytes, a frame holds at \
         most {PAYLOAD_MAX_BYTES}; split the record before appending it"
    )]
    PayloadTooLarge {
        /// The stream's name.
        stream: String,
        /// The record's sequence number.
        seq: u64,
        /// The length of its payload.
        payload_bytes: usize,
    },

    /// The writer failed earlier and refuses everything since.
    #[error(
        "the writer of stream {stream:?} stopped before seq {seq_next} and accepts nothing more; all \
         records before it are in the journal; remove the cause and start again: {cause}"
    )]
    Latched {
        /// The stream's name.
        stream: String,
        /// The first sequence number that is not in the journal.
        seq_next: u64,
        /// The first failure.
        cause: Arc<JournalError>,
    },

    /// The thread that prepares and seals segments is gone without having reported why, which means that it
    /// panicked.
    #[error(
        "the segment thread of stream {stream:?} ended unexpectedly; its panic message is on standard error; \
         restart the session and report it as a bug"
    )]
    ThreadLost {
        /// The stream's name.
        stream: String,
    },

    /// The journal was written by another release.
    #[error(
        "{path} is of journal format version {found}, this program reads version {known}; use the \
         matching release",
        path = path.display()
    )]
    Version {
        /// The segment file.
        path: PathBuf,
        /// Version found.
        found: u16,
        /// Version known here.
        known: u16,
    },

    /// The files do not say what a journal must say, and a crash cannot explain it.
    #[error(
        "{path} is damaged at offset {offset} (segment {segment:#x}, expected seq {seq}): {what}; \
         nothing from there on can be trusted; restore the file from a copy, or keep it and use only what is \
         before that place",
        path = path.display(), seq = seq_text(*seq_expected)
    )]
    Corrupt {
        /// The damaged (or missing) file.
        path: PathBuf,
        /// Its segment index.
        segment: u64,
        /// Offset in the file, in bytes.
        offset: u64,
        /// The sequence number that had to come next, where it is known.
        seq_expected: Option<u64>,
        /// What is wrong there.
        what: Fault,
    },
}

impl JournalError {
    pub(crate) fn io(operation: &'static str, path: impl Into<PathBuf>, cause: io::Error) -> Self {
        Self::Io { operation, path: path.into(), cause }
    }
}

/// What is wrong with a piece of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A frame length that no writer stores.
    #[error("frame length {frame_bytes} is not a multiple of 8 between 32 and 65536")]
    FrameLength {
        /// The length found.
        frame_bytes: u32,
    },
    /// A frame that would reach past the end of the data.
    #[error("a frame of {frame_bytes} bytes reaches past the end of the data at offset {end}")]
    FramePastEnd {
        /// The length found.
        frame_bytes: u32,
        /// Where the data ends.
        end: u64,
    },
    /// The bytes are not those that were written at this place of this file.
    #[error("checksum {found:#010x} stored, {computed:#010x} computed")]
    Checksum {
        /// CRC-32C in the commit word.
        found: u32,
        /// CRC-32C of the bytes.
        computed: u32,
    },
    /// Frame length and payload length contradict each other.
    #[error("payload length {payload_bytes} does not fit a frame of {frame_bytes} bytes")]
    PayloadLength {
        /// Length in the frame's header.
        payload_bytes: u32,
        /// Length in the commit word.
        frame_bytes: u32,
    },
    /// A valid frame with the wrong number: records are missing or doubled.
    #[error("found seq {found}, records are missing or repeated")]
    Seq {
        /// The number found.
        found: u64,
    },
    /// A valid frame that is older than the one before it.
    #[error("timestamp {found_ns} ns is before its predecessor's {previous_ns} ns")]
    Time {
        /// The timestamp found.
        found_ns: u64,
        /// The timestamp of the frame before.
        previous_ns: u64,
    },
    /// No frame where the header or the next segment proves that there was one.
    #[error("no frame here, although later data proves that there was one")]
    FrameMissing,
    /// A segment that does not continue the one before it: another hash, another last record, or an epoch that cannot
    /// follow.
    #[error("the segment does not continue the one before it: its {field} differs")]
    Link {
        /// The field that differs.
        field: &'static str,
    },
    /// The segment's frames are not those that its hash was made of.
    #[error("the frames are valid, but not those that the segment's hash was made of")]
    Chain,
    /// The journal goes on behind the length that its header states, or is shorter.
    #[error(
        "the data ends here, the segment's header says at offset {sealed_bytes} with last seq {last_seq}"
    )]
    SealMismatch {
        /// Length stated by the header.
        sealed_bytes: u64,
        /// Last sequence number stated by the header.
        last_seq: u64,
    },
    /// The file has not the fixed length of its segment: it was cut, or something was added to it.
    #[error("the file is {found_bytes} bytes long, its segment {expected_bytes}")]
    FileLength {
        /// Length of the file.
        found_bytes: u64,
        /// Length it must have.
        expected_bytes: u64,
    },
    /// Neither copy of the segment's header is valid.
    #[error("neither copy of the segment header is a valid LXJ1 header")]
    Header,
    /// A valid header that belongs to another file, stream or journal.
    #[error("the header is valid but belongs elsewhere: its {field} differs")]
    Foreign {
        /// The field that differs.
        field: &'static str,
    },
    /// A segment file that must exist does not.
    #[error("the segment file is missing although the one before it was continued or a later one exists")]
    SegmentMissing,
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

fn hex(id: &[u8; 16]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn seq_text(seq: Option<u64>) -> String {
    seq.map_or_else(|| "unknown".to_owned(), |seq| seq.to_string())
}

fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free space there or choose another journal directory, or smaller segments"
        }
        io::ErrorKind::FileTooLarge => "raise the file size limit (ulimit -f) or choose smaller segments",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose a directory that this user may write"
        }
        io::ErrorKind::NotFound => {
            "check that the journal directory exists and was not moved during the session"
        }
        _ => "check the disk and the mount, then start a new session",
    }
}
