//! One frame in a run of bytes: is it there, is it whole, is it the one that must come next?

use zerocopy::FromBytes;

use crate::error::Fault;
use crate::format::{
    COMMIT_BYTES, FLAG_ROLL, FRAME_HEADER_BYTES, FRAME_MAX_BYTES, FrameBody, frame_bytes, frame_crc,
};
use crate::mmap::ReadMap;
use crate::planted::{Bug, is_planted};

/// A valid frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) body: FrameBody,
    pub(crate) frame_bytes: u64,
}

impl Found {
    /// Whether the stream goes on in the next segment.
    #[inline]
    pub(crate) fn is_roll(&self) -> bool {
        self.body.flags & FLAG_ROLL != 0
    }
}

/// What is at a reading position.
#[derive(Debug, Clone, Copy)]
pub(crate) enum At {
    Frame(Found),
    /// A zero commit word, or the end of what the segment says it has.
    Nothing,
    Invalid(Fault),
}

/// What a frame must agree with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expect {
    /// Where it is, in bytes from the start of the file.
    pub(crate) offset: u64,
    /// The seq that must come next, where it is known.
    pub(crate) seq: Option<u64>,
    /// The timestamp before it.
    pub(crate) ts_ns: u64,
    /// The segment's salt.
    pub(crate) salt: u32,
    /// Where frames end at the latest.
    pub(crate) limit_bytes: u64,
}

/// What a commit word says: the frame's length, nothing (`Ok(None)`), or nonsense.
#[inline]
pub(crate) fn length(word: u64, expect: &Expect) -> Result<Option<usize>, Fault> {
    if word == 0 {
        return Ok(None);
    }
    let stored_bytes = word as u32;
    let bytes = stored_bytes as usize;
    if !bytes.is_multiple_of(8) || !(FRAME_HEADER_BYTES..=FRAME_MAX_BYTES).contains(&bytes) {
        return Err(Fault::FrameLength { frame_bytes: stored_bytes });
    }
    if bytes as u64 > expect.limit_bytes.saturating_sub(expect.offset) {
        return Err(Fault::FramePastEnd { frame_bytes: stored_bytes, end: expect.limit_bytes });
    }
    Ok(Some(bytes))
}

/// Checks a frame whose length [`length`] gave; `after_commit` is all of it behind the commit word.
#[inline]
pub(crate) fn verify(word: u64, after_commit: &[u8], expect: &Expect) -> Result<FrameBody, Fault> {
    let stored_bytes = word as u32;
    let computed = frame_crc(expect.salt, expect.offset, after_commit);
    let found = (word >> 32) as u32;
    if found != computed && !is_planted(Bug::CrcSkipped) {
        return Err(Fault::Checksum { found, computed });
    }
    let Ok((body, _)) = FrameBody::read_from_prefix(after_commit) else {
        return Err(Fault::FrameLength { frame_bytes: stored_bytes });
    };
    if frame_bytes(body.payload_bytes as usize) != stored_bytes as usize {
        let payload_bytes = body.payload_bytes;
        return Err(Fault::PayloadLength { payload_bytes, frame_bytes: stored_bytes });
    }
    if expect.seq.is_some_and(|expected| expected != body.seq) && !is_planted(Bug::SeqIgnored) {
        return Err(Fault::Seq { found: body.seq });
    }
    if body.ts_ns < expect.ts_ns {
        return Err(Fault::Time { found_ns: body.ts_ns, previous_ns: expect.ts_ns });
    }
    Ok(body)
}

/// Looks for the frame at `expect.offset` in the bytes of a file that nobody writes any more.
#[inline]
pub(crate) fn frame_in(file: &[u8], expect: &Expect) -> At {
    let limit_bytes = expect.limit_bytes.min(file.len() as u64);
    let expect = Expect { limit_bytes, ..*expect };
    let start = expect.offset as usize;
    if limit_bytes.saturating_sub(expect.offset) < FRAME_HEADER_BYTES as u64 {
        return At::Nothing;
    }
    let Some((word, _)) = file.get(start..).and_then(|rest| rest.split_first_chunk::<COMMIT_BYTES>()) else {
        return At::Nothing;
    };
    let word = u64::from_le_bytes(*word);
    let checked = length(word, &expect).and_then(|bytes| {
        let Some(bytes) = bytes else { return Ok(At::Nothing) };
        let body = verify(word, &file[start + COMMIT_BYTES..start + bytes], &expect)?;
        Ok(At::Frame(Found { body, frame_bytes: bytes as u64 }))
    });
    checked.unwrap_or_else(At::Invalid)
}

impl ReadMap {
    /// Looks for the frame at `expect.offset` in a file that may have a live writer; the limit must lie in the mapping.
    #[inline]
    pub(crate) fn frame_at(&self, expect: &Expect) -> At {
        if expect.limit_bytes.saturating_sub(expect.offset) < FRAME_HEADER_BYTES as u64 {
            return At::Nothing;
        }
        let start = expect.offset as usize;
        let word = self.commit_word(start);
        match length(word, expect) {
            Ok(None) => At::Nothing,
            Ok(Some(bytes)) => {
                let after_commit = self.bytes(start + COMMIT_BYTES, bytes - COMMIT_BYTES);
                match verify(word, after_commit, expect) {
                    Ok(body) => At::Frame(Found { body, frame_bytes: bytes as u64 }),
                    Err(what) => At::Invalid(what),
                }
            }
            Err(what) => At::Invalid(what),
        }
    }
}
