//! The bytes of format "LXJ1": segment geometry, segment header, frame.
//!
//! ```text
//! 0        header copy A   2 KiB   odd generations
//! 2048     header copy B   2 KiB   even generations
//! 4096     frames          up to `segment_bytes` - 64 KiB
//! -65536   trailer         64 KiB  reserved for a block index, zero in this version
//! ```
//!
//! A frame is `commit word, FrameBody, payload, zero padding to 8`. The commit word is `crc32c << 32 | frame
//! length` and is stored last; zero means that nothing was published there. The checksum starts from `salt ^
//! offset`, so bytes left over from another file, or moved within one, fail even when they are intact.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

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
pub(crate) const VERSION: u16 = 1;
pub(crate) const ENDIAN_MARK: u64 = 0x0102_0304_0506_0708;
/// The only epoch until restarts continue a stream.
pub(crate) const EPOCH_FIRST: u64 = 1;

/// Header flag: `first_seq` and `first_ts_ns` are set; the first frame follows at once.
pub(crate) const HEADER_ACTIVE: u64 = 1;
/// Header flag: nothing is appended any more; `sealed_bytes`, `frame_count`, `last_seq`, `last_ts_ns` are
/// set.
pub(crate) const HEADER_SEALED: u64 = 2;

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
    pub(crate) reserved_level: u32,
    pub(crate) flags: u64,
    pub(crate) reserved_prev_last_seq: u64,
    pub(crate) reserved_prev_chain: [u8; 32],
    pub(crate) ids: Ids,
    pub(crate) reserved_watermarks: [[u8; 64]; 2],
    pub(crate) generation: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) sealed_bytes: u64,
    pub(crate) frame_count: u64,
    pub(crate) last_seq: u64,
    pub(crate) last_ts_ns: u64,
    pub(crate) stream: [u8; STREAM_NAME_MAX_BYTES],
    pub(crate) reserved: [u8; HEADER_COPY_BYTES - 416],
    pub(crate) reserved_tail: u32,
    pub(crate) crc: u32,
}

const HEADER_CRC_AT: usize = HEADER_COPY_BYTES - 4;
const _: () = assert!(size_of::<SegmentHeader>() == HEADER_COPY_BYTES);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, journal_uuid) == 16);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, segment_index) == 32);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, salt) == 64);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, reserved_prev_last_seq) == 80);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, ids) == 120);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, reserved_watermarks) == 200);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, generation) == 328);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, stream) == 376);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, reserved) == 408);
const _: () = assert!(std::mem::offset_of!(SegmentHeader, crc) == HEADER_CRC_AT);

impl SegmentHeader {
    /// Sets the checksum; to be called after the last change and before the bytes are stored.
    pub(crate) fn sign(&mut self) {
        self.crc = crc32c::crc32c(&self.as_bytes()[..HEADER_CRC_AT]);
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

    fn check(bytes: &[u8]) -> Option<Self> {
        let header = Self::read_from_bytes(bytes).ok()?;
        let valid = header.magic == MAGIC
            && header.endian_mark == ENDIAN_MARK
            && header.crc == crc32c::crc32c(&bytes[..HEADER_CRC_AT]);
        // A later version may give the other fields another meaning: only its number is looked at.
        let geometry = usize::from(header.header_bytes) == HEADER_COPY_BYTES
            && segment_bytes_usable(header.segment_bytes)
            && (!header.is_sealed() || (FRAMES_START..=header.frames_end()).contains(&header.sealed_bytes));
        (valid && (header.version != VERSION || geometry)).then_some(header)
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

/// CRC-32C of a frame at `offset`, over all of it behind the commit word.
#[inline]
pub(crate) fn frame_crc(salt: u32, offset: u64, after_commit: &[u8]) -> u32 {
    // Segments are shorter than 4 GiB, so the low half of the offset is the whole of it.
    crc32c::crc32c_append(salt ^ offset as u32, after_commit)
}
