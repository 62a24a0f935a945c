//! The hash chain over a segment's 64 KiB blocks, and the trailer that keeps it together with a sparse index.
//!
//! `chain[i] = BLAKE3(chain[i - 1] || bytes of block i that hold frames)`; block 0 starts behind the header, the
//! last one ends where the frames end, and what comes before block 0 is the last hash of the segment before (32
//! zeros in the first). The trailer is 64 bytes for each of the at most 1,023 blocks of a 64 MiB segment
//! (`Entry`), and a footer in its last 64 bytes. In segments of another size the entry of block `i` stands for
//! `stride` blocks, so that the trailer is always large enough.

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::format::{BLOCK_BYTES, FRAMES_START, TRAILER_BYTES};

/// Entries a trailer has room for.
pub(crate) const ENTRIES_MAX: usize = (TRAILER_BYTES as usize / 64) - 1;

/// What the trailer says about one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(crate) struct Entry {
    /// Hash of everything up to the end of this block.
    pub(crate) chain: [u8; 32],
    /// Where the first frame that starts in this block is, in bytes from the start of the file; 0 if none does.
    pub(crate) first_frame: u64,
    pub(crate) first_seq: u64,
    pub(crate) first_ts_ns: u64,
    /// Seq of the last record that starts in this block; 0 if none does.
    pub(crate) last_seq: u64,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Footer {
    magic: [u8; 8],
    entries: u32,
    /// Blocks that one entry stands for.
    stride: u32,
    chain: [u8; 32],
    reserved: [u8; 12],
    /// Over the entries and the footer before this field, seeded with the salt.
    crc: u32,
}

const FOOTER_MAGIC: [u8; 8] = *b"LXJINDEX";
const _: () = assert!(size_of::<Entry>() == 64 && size_of::<Footer>() == 64);

/// The chain of the segment being written or scanned.
#[derive(Debug)]
pub(crate) struct Chain {
    stride: u64,
    /// End of the hashed bytes.
    end: u64,
    hasher: blake3::Hasher,
    /// Hash of the last whole block.
    whole: [u8; 32],
    entries: Vec<Entry>,
    open: Entry,
}

impl Chain {
    /// A segment of this size whose predecessor ended with `previous`.
    pub(crate) fn new(segment_bytes: u64, previous: [u8; 32]) -> Self {
        let blocks = (segment_bytes - TRAILER_BYTES) / BLOCK_BYTES;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&previous);
        Self {
            stride: blocks.div_ceil(ENTRIES_MAX as u64),
            end: FRAMES_START,
            hasher,
            whole: previous,
            entries: Vec::new(),
            open: Entry::new_zeroed(),
        }
    }

    /// Hash of the last whole block, or what the first one starts from.
    pub(crate) fn whole(&self) -> [u8; 32] {
        self.whole
    }

    /// Notes a record that starts at `offset`, in order. The blocks before the one it starts in must be hashed.
    #[inline]
    pub(crate) fn record(&mut self, offset: u64, seq: u64, ts_ns: u64) {
        let entry = &mut self.open;
        if entry.first_frame == 0 {
            (entry.first_frame, entry.first_seq, entry.first_ts_ns) = (offset, seq, ts_ns);
        }
        entry.last_seq = seq;
    }

    /// Where the hashed bytes end.
    #[inline]
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Offset at which the block that is being hashed ends.
    #[inline]
    pub(crate) fn block_end(&self) -> u64 {
        let span = BLOCK_BYTES * self.stride;
        (self.end / span + 1) * span
    }

    /// Takes the next bytes, which must not reach past [`block_end`](Self::block_end).
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let block_end = self.block_end();
        assert!(self.end + bytes.len() as u64 <= block_end, "bytes of two blocks");
        self.hasher.update(bytes);
        self.end += bytes.len() as u64;
        if self.end == block_end {
            self.close_block();
        }
    }

    fn close_block(&mut self) {
        self.whole = *self.hasher.finalize().as_bytes();
        self.open.chain = self.whole;
        self.entries.push(self.open);
        self.open = Entry::new_zeroed();
        self.hasher = blake3::Hasher::new();
        self.hasher.update(&self.whole);
    }

    /// Ends the last block where the frames end. Returns the last hash and the trailer.
    pub(crate) fn finish(mut self, salt: u32) -> ([u8; 32], Vec<u8>) {
        let span = BLOCK_BYTES * self.stride;
        if !self.end.is_multiple_of(span) && self.end > FRAMES_START {
            self.close_block();
        }
        let mut trailer = vec![0; TRAILER_BYTES as usize];
        let entries = self.entries.as_bytes();
        trailer[..entries.len()].copy_from_slice(entries);
        let mut footer = Footer {
            magic: FOOTER_MAGIC,
            entries: self.entries.len() as u32,
            stride: self.stride as u32,
            chain: self.whole,
            reserved: [0; 12],
            crc: 0,
        };
        footer.crc = trailer_crc(entries, &footer, salt);
        let at = trailer.len() - size_of::<Footer>();
        trailer[at..].copy_from_slice(footer.as_bytes());
        (self.whole, trailer)
    }
}

fn trailer_crc(entries: &[u8], footer: &Footer, salt: u32) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(salt, entries), &footer.as_bytes()[..60])
}

/// The entries of a trailer, if it is whole and belongs to the segment with this salt. What they say about frames is
/// a hint: a frame that is looked up with them is verified like any other.
pub(crate) fn read_trailer(trailer: &[u8], salt: u32) -> Option<(Vec<Entry>, [u8; 32])> {
    let footer = Footer::read_from_bytes(trailer.get(trailer.len().checked_sub(64)?..)?).ok()?;
    let bytes = (footer.entries as usize).checked_mul(64)?;
    let entries = trailer.get(..bytes).filter(|_| footer.entries as usize <= ENTRIES_MAX)?;
    let valid = footer.magic == FOOTER_MAGIC && footer.crc == trailer_crc(entries, &footer, salt);
    let read = |entry: &[u8]| Entry::read_from_bytes(entry).ok();
    valid.then(|| Some((entries.chunks_exact(64).filter_map(read).collect(), footer.chain)))?
}
