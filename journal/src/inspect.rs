//! A stream in one summary.

use std::path::{Path, PathBuf};

use crate::dir::segment_indices;
use crate::error::JournalError;
use crate::format::{Ids, frame_bytes};
use crate::reader::{EndState, Reader};

/// What a stream holds. Every frame was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamInfo {
    /// The stream's folder.
    pub path: PathBuf,
    /// The stream's name.
    pub stream: String,
    /// The name that the streams of one journal share.
    pub journal_uuid: [u8; 16],
    /// What the writer was given.
    pub ids: Ids,
    /// Segment files, also those that were prepared and hold nothing yet.
    pub segments: u64,
    /// Size of one segment file, in bytes.
    pub segment_bytes: u64,
    /// Records.
    pub frames: u64,
    /// Sum of the payload lengths, in bytes.
    pub payload_bytes: u64,
    /// Sum of the frame lengths, in bytes, headers and padding included.
    pub frame_bytes: u64,
    /// The first record's seq and timestamp.
    pub first: Option<SeqTime>,
    /// The last record's seq and timestamp.
    pub last: Option<SeqTime>,
    /// How the stream ends; [`EndState::Sealed`] after an orderly close.
    pub end: EndState,
}

/// A record's place in order and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeqTime {
    /// Dense number in the stream.
    pub seq: u64,
    /// Timestamp in nanoseconds.
    pub ts_ns: u64,
}

/// Reads a whole stream, or what retention has left of it, and sums it up. Takes as long as reading the files.
///
/// # Errors
///
/// Those of [`Reader::open_kept`] and [`Reader::next`].
pub fn inspect(dir: impl AsRef<Path>, stream: &str) -> Result<StreamInfo, JournalError> {
    let path = dir.as_ref().join(stream);
    let mut reader = Reader::open_kept(dir, stream)?;
    let mut info = StreamInfo {
        stream: stream.to_owned(),
        journal_uuid: reader.journal_uuid(),
        ids: reader.ids(),
        segments: segment_indices(&path)?.len() as u64,
        segment_bytes: reader.segment_bytes(),
        frames: 0,
        payload_bytes: 0,
        frame_bytes: 0,
        first: None,
        last: None,
        end: EndState::Unsealed,
        path,
    };
    while let Some(frame) = reader.next()? {
        let here = SeqTime { seq: frame.seq, ts_ns: frame.ts_ns };
        info.first.get_or_insert(here);
        info.last = Some(here);
        info.frames += 1;
        info.payload_bytes += frame.payload.len() as u64;
        info.frame_bytes += frame_bytes(frame.payload.len()) as u64;
    }
    if let Some(end) = reader.end() {
        info.end = end;
    }
    Ok(info)
}
