//! Mapped segment files: the only place where memory shared with other processes is touched.
//!
//! The rule that makes it sound: a byte is written once, before the commit word of its frame is stored with
//! Release, and read only after that word was loaded with Acquire. Header copies are the exception; readers
//! take them with `pread`.

use std::fs::File;
use std::io;
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use memmap2::{Advice, MmapOptions, MmapRaw};

/// Bytes of the smallest page; larger ones are touched several times.
const PAGE_BYTES: usize = 4096;

/// A writable shared mapping of one whole segment, owned by one thread at a time.
#[derive(Debug)]
pub(crate) struct WriteMap {
    map: MmapRaw,
}

impl WriteMap {
    /// Maps the first `len` bytes of `file`, which must be that long.
    pub(crate) fn new(file: &File, len: usize) -> io::Result<Self> {
        Ok(Self { map: MmapOptions::new().len(len).map_raw(file)? })
    }

    /// Makes every page present and writable, so that the first append into it does not fault.
    pub(crate) fn touch(&mut self) {
        // One call where the kernel has it (5.14); elsewhere a store to each page. A new segment's pages all
        // end in zero, the header's page too, because its second copy is not written yet.
        if self.map.advise(Advice::PopulateWrite).is_err() {
            for page in self.bytes_mut(0, self.map.len()).chunks_exact_mut(PAGE_BYTES) {
                page[PAGE_BYTES - 1] = 0;
            }
        }
    }

    /// The bytes from `offset` on, for writing. They must not belong to a published frame.
    #[inline]
    pub(crate) fn bytes_mut(&mut self, offset: usize, len: usize) -> &mut [u8] {
        assert!(offset <= self.map.len() && len <= self.map.len() - offset, "write outside of the segment");
        // SAFETY: `offset` is at most the length of the mapping, asserted above.
        let start = unsafe { self.map.as_mut_ptr().add(offset) };
        // SAFETY: the range lies in the mapping (asserted), which lives as long as the borrow of `self`;
        // `&mut self` makes this the only reference made through this mapping, and other mappings of the file
        // read these bytes only after the commit word that is published later.
        unsafe { slice::from_raw_parts_mut(start, len) }
    }

    /// Stores the commit word at `offset` and with it publishes the frame behind it.
    #[inline]
    pub(crate) fn publish(&mut self, offset: usize, word: u64) {
        assert!(offset.is_multiple_of(8) && offset < self.map.len(), "commit word outside of the segment");
        // SAFETY: `offset` is below the length of the mapping, asserted above.
        let start = unsafe { self.map.as_mut_ptr().add(offset) };
        // SAFETY: aligned to 8 (mappings are page-aligned, the offset is asserted), inside the mapping whose
        // length is a multiple of 8, alive for this call, and accessed through atomics only, here and in
        // `ReadMap::commit_word`.
        let commit = unsafe { AtomicU64::from_ptr(start.cast()) };
        // Release: pairs with the Acquire fence in `ReadMap::commit_word`; who sees the word sees the frame.
        commit.store(word, Ordering::Release);
    }
}

/// A read-only shared mapping of a segment, or of what is left of it.
#[derive(Debug)]
pub(crate) struct ReadMap {
    map: MmapRaw,
}

impl ReadMap {
    /// Maps the first `len` bytes of `file`, which must be that long.
    pub(crate) fn new(file: &File, len: usize) -> io::Result<Self> {
        let map = MmapOptions::new().len(len).map_raw_read_only(file)?;
        // Only a hint for the kernel's read-ahead; a kernel that refuses it reads the same bytes.
        drop(map.advise(Advice::Sequential));
        Ok(Self { map })
    }

    /// The commit word at `offset`; everything that was written before it was published can be read
    /// afterwards.
    #[inline]
    pub(crate) fn commit_word(&self, offset: usize) -> u64 {
        let inside = offset.is_multiple_of(8) && offset < self.map.len() && self.map.len() - offset >= 8;
        assert!(inside, "commit word outside of the segment");
        // SAFETY: `offset` is below the length of the mapping, asserted above.
        let start = unsafe { self.map.as_mut_ptr().add(offset) };
        // SAFETY: aligned to 8, inside the mapping (both asserted), alive for this call, and accessed through
        // atomics only. The memory is read-only, which a relaxed load of 8 bytes is documented to allow.
        let commit = unsafe { AtomicU64::from_ptr(start.cast()) };
        let word = commit.load(Ordering::Relaxed);
        // Acquire: pairs with the Release store in `WriteMap::publish`. A fence behind a relaxed load,
        // because only relaxed loads are guaranteed on read-only memory.
        fence(Ordering::Acquire);
        word
    }

    /// The bytes from `offset` on. They must be those of a published frame, behind its commit word.
    #[inline]
    pub(crate) fn bytes(&self, offset: usize, len: usize) -> &[u8] {
        assert!(offset <= self.map.len() && len <= self.map.len() - offset, "read outside of the segment");
        // SAFETY: `offset` is at most the length of the mapping, asserted above.
        let start = unsafe { self.map.as_ptr().add(offset) };
        // SAFETY: the range lies in the mapping (asserted), which lives as long as the borrow of `self`;
        // published bytes are never written again, and segment files are never made shorter while the journal
        // exists.
        unsafe { slice::from_raw_parts(start, len) }
    }
}
