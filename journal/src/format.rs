//! The bytes of format "LXJ1": segment geometry, segment header, frame.
//!
//! ```text
//! 0        header copy A   2 KiB   odd generations
//! 2048     header copy B   2 KiB   even generations
//! 4096     frames          up to `segment_bytes` - 64 KiB
//! -65536   trailer         64 KiB  block chain and index, see `chain`; zero until the segment is sealed
//! ```
//!
//! Each header copy has room for one watermark slot, which has a checksum of its own and is not under the
//! copy's: slots are written with every batch, copies three or four times in the life of a segment.
//! `docs/journal.md` draws every byte.
//!
//! A frame is `commit word, FrameBody, payload, zero padding to 8`. The commit word is `crc32c << 32 | frame
//! length` and is stored last; zero means that nothing was published there. The checksum starts from `salt ^
//! offset`, so bytes left over from another file, or moved within one, fail even when they are intact.

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::crc;

/// Smallest segment, in bytes.
pub const SEGMENT_MIN_BYTES: u64 = 256 * 1024;
/// Segment sizes are multiples of this, in bytes.
pub const SEGMENT_STEP_BYTES: u64 = 64 * 1024;
/// Segment size unless configured, in bytes.
pub const SEGMENT_DEFAULT_BYTES: u64 = 64 * 1024 * 1024;
/// Largest segment, in bytes: offsets must fit the 32 bits that seed a frame's checksum.
pub(crate) const SEGMENT_MAX_BYTES: u64 = (1 << 32) - SEGMENT_STEP_BYTES;
/// Bytes of a frame before its payload.
pub const FRAME_HEADER_BYTES: usize = 32;
/// Longest frame, header and padding included.
pub(crate) const FRAME_MAX_BYTES: usize = 64 * 1024;
/// Longest payload of one record, in bytes.
pub const PAYLOAD_MAX_BYTES: usize = FRAME_MAX_BYTES - FRAME_HEADER_BYTES;
/// Longest stream name, in bytes.
pub const STREAM_NAME_MAX_BYTES: usize = 32;
/// Flag bits of a frame that belong to the journal; a record must leave them 0.
pub const FLAGS_RESERVED: u8 = 0x80;

/// Frame flag: the stream goes on in the next segment. Such a frame has no payload and consumes no seq; it
/// carries the seq of the record that comes next.
pub(crate) const FLAG_ROLL: u8 = 0x80;
/// Kind of a roll frame. Records may use the value too: the flag is what counts.
pub(crate) const KIND_ROLL: u16 = 0;
/// Bytes of a roll frame; so much room is always kept free at the end of the frames.
pub(crate) const ROLL_BYTES: u64 = FRAME_HEADER_BYTES as u64;

/// Bytes of the commit word.
pub(crate) const COMMIT_BYTES: usize = 8;
/// Where the first frame is.
pub(crate) const FRAMES_START: u64 = 2 * HEADER_COPY_BYTES as u64;
/// Bytes of one header copy.
pub(crate) const HEADER_COPY_BYTES: usize = 2048;
/// Bytes kept free at the end of every segment.
pub(crate) const TRAILER_BYTES: u64 = 64 * 1024;

pub(crate) const MAGIC: [u8; 4] = *b"LXJ1";
pub(crate) const VERSION: u16 = 2;
pub(crate) const ENDIAN_MARK: u64 = 0x0102_0304_0506_0708;
/// Blocks of the chain, in bytes.
pub(crate) const BLOCK_BYTES: u64 = 64 * 1024;

/// Header flag: `first_seq` and `first_ts_ns` are set; the first frame follows at once.
pub(crate) const HEADER_ACTIVE: u64 = 1;
/// Header flag: nothing is appended any more; `sealed_bytes`, `frame_count`, `last_seq`, `last_ts_ns` are
/// set.
pub(crate) const HEADER_SEALED: u64 = 2;
/// Header flag: `prev_last_seq` and `prev_chain` are set.
pub(crate) const HEADER_LINKED: u64 = 4;
/// Header flag: recovery sealed the segment; what follows `sealed_bytes` may be debris.
pub(crate) const HEADER_RECOVERED: u64 = 8;

/// Names of what the recorded run consisted of; opaque here, stored in every segment header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Ids {
    /// The program.
    pub build: [u8; 16],
    /// The layout of the payloads.
    pub schema: [u8; 16],
    /// The configuration.
    pub config: [u8; 16],
    /// The table of instruments.
    pub symbols: [u8; 16],
    /// The trading calendar.
    pub calendar: [u8; 16],
}

/// One header copy. Of two valid copies the one with the higher generation counts.
#[derive(Debug, Clone, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(crate) struct SegmentHeader {
    pub(crate) magic: [u8; 4],
    pub(crate) version: u16,
    pub(crate) header_bytes: u16,
    pub(crate) endian_mark: u64,
    pub(crate) journal_uuid: [u8; 16],
    pub(crate) segment_index: u64,
    pub(crate) first_seq: u64,
    pub(crate) first_ts_ns: u64,
    pub(crate) epoch: u64,
    pub(crate) salt: u32,
    pub(crate) level: u32,
    pub(crate) flags: u64,
    pub(crate) prev_last_seq: u64,
    pub(crate) prev_chain: [u8; 32],
    pub(crate) ids: Ids,
    /// Not under this copy's checksum: it has its own.
    pub(crate) watermark: Watermark,
    pub(crate) reserved_watermark: [u8; 64],
    pub(crate) generation: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) sealed_bytes: u64,
    pub(crate) frame_count: u64,
    pub(crate) last_seq: u64,
    pub(crate) last_ts_ns: u64,
    pub(crate) stream: [u8; STREAM_NAME_MAX_BYTES],
    /// Of a sealed segment: the hash of its last block.
    pub(crate) chain: [u8; 32],
    /// The boot in which the segment was made.
    pub(crate) boot_id: [u8; 16],
    pub(crate) reserved: [u8; HEADER_COPY_BYTES - 464],
    pub(crate) reserved_tail: u32,
    pub(crate) crc: u32,
}

const HEADER_CRC_AT: usize = HEADER_COPY_BYTES - 4;
/// Where a header copy has its watermark slot.
pub(crate) const WATERMARK_AT: usize = 200;
/// Bytes of the two places for slots in a copy, which its checksum takes for zeros.
const SLOTS_BYTES: usize = 128;
const _: () = assert!(size_of::<SegmentHeader>() == HEADER_COPY_BYTES);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, journal_uuid) == 16);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, segment_index) == 32);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, salt) == 64);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, prev_last_seq) == 80);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, ids) == 120);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, watermark) == WATERMARK_AT);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, generation) == 328);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, stream) == 376);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, chain) == 408);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, crc) == HEADER_CRC_AT);

impl SegmentHeader {
    /// Sets the checksum; to be called after the last change and before the bytes are stored.
    pub(crate) fn sign(&mut self) {
        self.crc = header_crc(self.as_bytes());
    }

    /// Offset of the copy that this generation is stored in: successive generations alternate, so that a
    /// write cut in half never destroys the valid one.
    pub(crate) fn copy_offset(&self) -> u64 {
        if self.generation % 2 == 1 { 0 } else { HEADER_COPY_BYTES as u64 }
    }

    pub(crate) fn is_active(&self) -> bool {
        self.flags & HEADER_ACTIVE != 0
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.flags & HEADER_SEALED != 0
    }

    /// Where frames end at the latest.
    pub(crate) fn frames_end(&self) -> u64 {
        self.segment_bytes - TRAILER_BYTES
    }

    /// Reads the header out of the first bytes of a segment file, which may be cut short.
    pub(crate) fn pick(bytes: &[u8]) -> Option<Self> {
        let copies = bytes.chunks_exact(HEADER_COPY_BYTES).take(2);
        copies.filter_map(Self::check).max_by_key(|header| header.generation)
    }

    /// How far the segment is known to be durable: the newest valid slot of either copy, or nothing.
    ///
    /// `bytes` are the first of the file; `self` is what was picked from them.
    pub(crate) fn watermark(&self, bytes: &[u8]) -> Watermark {
        let slots = bytes.chunks_exact(HEADER_COPY_BYTES).take(2).filter_map(|copy| {
            let slot = Watermark::read_from_bytes(copy.get(WATERMARK_AT..WATERMARK_AT + 64)?).ok()?;
            slot.is_valid(self).then_some(slot)
        });
        let none = Watermark { epoch: self.epoch, durable_bytes: FRAMES_START, ..Watermark::new_zeroed() };
        slots.max_by_key(|slot| slot.durable_bytes).unwrap_or(none)
    }

    fn check(bytes: &[u8]) -> Option<Self> {
        let header = Self::read_from_bytes(bytes).ok()?;
        let valid =
            header.magic == MAGIC && header.endian_mark == ENDIAN_MARK && header.crc == header_crc(bytes);
        // A later version may give the other fields another meaning: only its number is looked at.
        let geometry = usize::from(header.header_bytes) == HEADER_COPY_BYTES
            && header.generation < u64::MAX / 2
            && segment_bytes_usable(header.segment_bytes)
            && (!header.is_sealed() || (FRAMES_START..=header.frames_end()).contains(&header.sealed_bytes));
        (valid && (header.version != VERSION || geometry)).then_some(header)
    }
}

/// CRC-32C of a header copy, the places of watermark slots taken for zeros.
fn header_crc(copy: &[u8]) -> u32 {
    let before = crc32c::crc32c(&copy[..WATERMARK_AT]);
    let slots = crc32c::crc32c_append(before, &[0; SLOTS_BYTES]);
    crc32c::crc32c_append(slots, &copy[WATERMARK_AT + SLOTS_BYTES..HEADER_CRC_AT])
}

/// What is known to be durable: everything before `durable_bytes` was synced before this was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(crate) struct Watermark {
    pub(crate) epoch: u64,
    pub(crate) durable_bytes: u64,
    pub(crate) durable_seq: u64,
    /// Hash of the last whole block below `durable_bytes`, or what the first block starts from.
    pub(crate) chain: [u8; 32],
    pub(crate) reserved: u32,
    pub(crate) crc: u32,
}

const _: () = assert!(size_of::<Watermark>() == 64);

impl Watermark {
    pub(crate) fn sign(&mut self, salt: u32) {
        self.crc = crc32c::crc32c_append(salt, &self.as_bytes()[..60]);
    }

    fn is_valid(&self, header: &SegmentHeader) -> bool {
        self.crc == crc32c::crc32c_append(header.salt, &self.as_bytes()[..60])
            && self.epoch == header.epoch
            && self.durable_bytes.is_multiple_of(8)
            && (FRAMES_START..=header.frames_end()).contains(&self.durable_bytes)
    }
}

/// Whether the format allows segments of this size.
pub(crate) fn segment_bytes_usable(segment_bytes: u64) -> bool {
    (SEGMENT_MIN_BYTES..=SEGMENT_MAX_BYTES).contains(&segment_bytes)
        && segment_bytes.is_multiple_of(SEGMENT_STEP_BYTES)
}

/// A stream name as a header field, or `None` if it cannot be one.
pub(crate) fn stream_field(stream: &str) -> Option<[u8; STREAM_NAME_MAX_BYTES]> {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    let usable = !stream.is_empty() && stream.len() <= STREAM_NAME_MAX_BYTES && stream.bytes().all(allowed);
    usable.then(|| {
        let mut field = [0; STREAM_NAME_MAX_BYTES];
        field[..stream.len()].copy_from_slice(stream.as_bytes());
        field
    })
}

/// The part of a frame's header behind the commit word.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(crate) struct FrameBody {
    pub(crate) seq: u64,
    pub(crate) ts_ns: u64,
    pub(crate) kind: u16,
    pub(crate) schema_version: u8,
    pub(crate) flags: u8,
    pub(crate) payload_bytes: u32,
}

impl FrameBody {
    /// The same bytes as numbers. Put together in registers: a word read from memory that was just written in
    /// parts would wait for all stores before it.
    #[inline]
    pub(crate) fn words(&self) -> [u64; BODY_WORDS] {
        let third = u64::from(self.kind)
            | u64::from(self.schema_version) << 16
            | u64::from(self.flags) << 24
            | u64::from(self.payload_bytes) << 32;
        [self.seq, self.ts_ns, third]
    }
}

pub(crate) const BODY_WORDS: usize = BODY_BYTES / 8;
pub(crate) const BODY_BYTES: usize = size_of::<FrameBody>();
const _: () = assert!(COMMIT_BYTES + BODY_BYTES == FRAME_HEADER_BYTES);

/// Bytes of a frame with a payload of this length.
#[inline]
pub(crate) const fn frame_bytes(payload_bytes: usize) -> usize {
    FRAME_HEADER_BYTES + payload_bytes.next_multiple_of(8)
}

/// The commit word of a frame at `offset`; `after_commit` is all of it behind the commit word.
#[inline]
pub(crate) fn commit_word(salt: u32, offset: u64, after_commit: &[u8]) -> u64 {
    let frame_bytes = COMMIT_BYTES + after_commit.len();
    u64::from(frame_crc(salt, offset, after_commit)) << 32 | frame_bytes as u64
}

/// Writes a frame at `offset` behind its commit word, all but the padding, which is there; returns the commit word.
///
/// Takes the checksum from what is written, not from where: the processor need not wait for its own stores.
#[inline]
pub(crate) fn fill_frame(
    after_commit: &mut [u8],
    salt: u32,
    offset: u64,
    body: &FrameBody,
    payload: &[u8],
) -> u64 {
    let words = body.words();
    let (head, rest) = after_commit.split_at_mut(BODY_BYTES);
    for (stored, word) in head.as_chunks_mut().0.iter_mut().zip(words) {
        *stored = word.to_le_bytes();
    }
    rest[..payload.len()].copy_from_slice(payload);
    if rest.len() != payload.len() {
        return commit_word(salt, offset, after_commit);
    }
    let crc = crc::of_frame(salt ^ offset as u32, words, payload);
    u64::from(crc) << 32 | frame_bytes(payload.len()) as u64
}

/// CRC-32C of a frame at `offset`, over all of it behind the commit word.
#[inline]
pub(crate) fn frame_crc(salt: u32, offset: u64, after_commit: &[u8]) -> u32 {
    // Segments are shorter than 4 GiB, so the low half of the offset is the whole of it.
    let seed = salt ^ offset as u32;
    match FrameBody::read_from_prefix(after_commit) {
        Ok((body, rest)) => crc::of_frame(seed, body.words(), rest),
        Err(_) => crc32c::crc32c_append(seed, after_commit),
    }
}
