//! One segment file on the writing side: made ready, filled, sealed.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use zerocopy::{FromZeros, IntoBytes};

use crate::dir::{random_bytes, segment_path, sync_dir};
use crate::error::JournalError;
use crate::format::{
    BODY_BYTES, COMMIT_BYTES, ENDIAN_MARK, EPOCH_FIRST, FRAMES_START, FrameBody, HEADER_ACTIVE,
    HEADER_COPY_BYTES, HEADER_SEALED, Ids, MAGIC, STREAM_NAME_MAX_BYTES, SegmentHeader, VERSION, commit_word,
    frame_bytes,
};
use crate::mmap::WriteMap;

static ZEROS: [u8; 256 * 1024] = [0; 256 * 1024];

/// What all segments of a stream have in common.
#[derive(Debug)]
pub(crate) struct StreamSpec {
    pub(crate) folder: PathBuf,
    pub(crate) stream: [u8; STREAM_NAME_MAX_BYTES],
    pub(crate) journal_uuid: [u8; 16],
    pub(crate) segment_bytes: u64,
    pub(crate) ids: Ids,
    /// Whether sealing syncs.
    pub(crate) sync_on_seal: bool,
}

/// A mapped segment that frames are written into. One thread owns it at a time.
#[derive(Debug)]
pub(crate) struct Segment {
    map: WriteMap,
    file: File,
    path: PathBuf,
    /// The newest header, as stored in the file.
    header: Box<SegmentHeader>,
    sync_on_seal: bool,
}

/// What a finished segment holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SealedExtent {
    pub(crate) sealed_bytes: u64,
    pub(crate) frame_count: u64,
    pub(crate) last_seq: u64,
    pub(crate) last_ts_ns: u64,
}

impl Segment {
    /// Makes segment `index`: durable name, header and blocks first, then zeros everywhere, then present
    /// pages.
    ///
    /// Returns `None`, and leaves no file, if `cancelled` says so on the way.
    pub(crate) fn prepare(
        spec: &StreamSpec,
        index: u64,
        cancelled: impl Fn() -> bool,
    ) -> Result<Option<Self>, JournalError> {
        let path = segment_path(&spec.folder, index);
        let header = spec.header(index, u32::from_le_bytes(random_bytes()?));
        let file = create_file(spec, &path, &header)?;
        match fill(&file, &path, spec.segment_bytes, cancelled) {
            Ok(Some(map)) => {
                let sync_on_seal = spec.sync_on_seal;
                Ok(Some(Self { map, file, path, header, sync_on_seal }))
            }
            Ok(None) => remove(&path).map(|()| None),
            Err(error) => {
                // Gives the space back; the first error is the one to report.
                drop(fs::remove_file(&path));
                Err(error)
            }
        }
    }

    /// Where frames end at the latest.
    pub(crate) fn frames_end(&self) -> u64 {
        self.header.frames_end()
    }

    /// The segment file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Notes in the header what the first frame will be. No system call.
    pub(crate) fn activate(&mut self, first_seq: u64, first_ts_ns: u64) {
        let header = &mut *self.header;
        header.generation += 1;
        header.flags |= HEADER_ACTIVE;
        header.first_seq = first_seq;
        header.first_ts_ns = first_ts_ns;
        header.sign();
        let copy = self.map.bytes_mut(header.copy_offset() as usize, HEADER_COPY_BYTES);
        copy.copy_from_slice(header.as_bytes());
    }

    /// Writes and publishes one frame; the caller has checked that it fits. Returns the frame's length in
    /// bytes.
    #[inline]
    pub(crate) fn write_frame(&mut self, offset: u64, body: FrameBody, payload: &[u8]) -> u64 {
        let frame_bytes = frame_bytes(payload.len());
        let start = offset as usize;
        let after_commit = self.map.bytes_mut(start + COMMIT_BYTES, frame_bytes - COMMIT_BYTES);
        after_commit[..BODY_BYTES].copy_from_slice(body.as_bytes());
        // The padding is left alone: a new segment is zero everywhere.
        after_commit[BODY_BYTES..BODY_BYTES + payload.len()].copy_from_slice(payload);
        let word = commit_word(self.header.salt, offset, after_commit);
        self.map.publish(start, word);
        frame_bytes as u64
    }

    /// Makes the frames durable, then says in both header copies that there will be no more, and unmaps.
    ///
    /// Both copies, one after the other: afterwards the loss of either costs nothing.
    pub(crate) fn seal(mut self, extent: SealedExtent) -> Result<(), JournalError> {
        self.sync()?;
        for _ in 0..2 {
            let header = &mut *self.header;
            header.generation += 1;
            header.flags |= HEADER_SEALED;
            header.sealed_bytes = extent.sealed_bytes;
            header.frame_count = extent.frame_count;
            header.last_seq = extent.last_seq;
            header.last_ts_ns = extent.last_ts_ns;
            header.sign();
            self.file
                .write_all_at(header.as_bytes(), header.copy_offset())
                .map_err(|source| JournalError::io("write the header of", &self.path, source))?;
            self.sync()?;
        }
        Ok(())
    }

    /// Unmaps and deletes a segment that was never used.
    pub(crate) fn discard(self) -> Result<(), JournalError> {
        debug_assert!(!self.header.is_active(), "a segment with frames is not discarded");
        remove(&self.path)
    }

    fn sync(&self) -> Result<(), JournalError> {
        if !self.sync_on_seal {
            return Ok(());
        }
        self.file.sync_data().map_err(|source| JournalError::io("sync", &self.path, source))
    }
}

impl StreamSpec {
    fn header(&self, index: u64, salt: u32) -> Box<SegmentHeader> {
        let mut header = Box::new(SegmentHeader::new_zeroed());
        header.magic = MAGIC;
        header.version = VERSION;
        header.header_bytes = HEADER_COPY_BYTES as u16;
        header.endian_mark = ENDIAN_MARK;
        header.journal_uuid = self.journal_uuid;
        header.segment_index = index;
        header.epoch = EPOCH_FIRST;
        header.salt = salt;
        header.ids = self.ids;
        header.generation = 1;
        header.segment_bytes = self.segment_bytes;
        header.stream = self.stream;
        header.sign();
        header
    }
}

/// Creates the file under a temporary name and renames it once its header is durable, so that a crash never
/// leaves a segment file without a header. On failure the temporary file goes, to give the space back.
fn create_file(spec: &StreamSpec, path: &Path, header: &SegmentHeader) -> Result<File, JournalError> {
    let temporary = path.with_extension("tmp");
    let failed = |operation, source| {
        // The first error is the one to report; a file that cannot be removed either is overwritten next
        // time.
        drop(fs::remove_file(&temporary));
        JournalError::io(operation, path, source)
    };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    let file = options.open(&temporary).map_err(|source| failed("create", source))?;
    crate::sys::preallocate(&file, spec.segment_bytes).map_err(|source| failed("preallocate", source))?;
    let written: io::Result<()> = file.write_all_at(header.as_bytes(), header.copy_offset());
    written.and_then(|()| file.sync_data()).map_err(|source| failed("write the header of", source))?;
    fs::rename(&temporary, path).map_err(|source| failed("name", source))?;
    sync_dir(&spec.folder)?;
    Ok(file)
}

/// Writes the zeros, maps the file and touches every page; `None` if cancelled.
///
/// Zeros are written although preallocated blocks read as zeros: a store into an unwritten extent, or into a
/// block that a file system only promised, can fail much later, and then with a signal instead of an error.
fn fill(
    file: &File,
    path: &Path,
    segment_bytes: u64,
    cancelled: impl Fn() -> bool,
) -> Result<Option<WriteMap>, JournalError> {
    let mut offset = FRAMES_START;
    while offset < segment_bytes {
        if cancelled() {
            return Ok(None);
        }
        let chunk = &ZEROS[..ZEROS.len().min((segment_bytes - offset) as usize)];
        file.write_all_at(chunk, offset)
            .map_err(|source| JournalError::io("write zeros to", path, source))?;
        offset += chunk.len() as u64;
    }
    let map = WriteMap::new(file, segment_bytes as usize);
    let mut map = map.map_err(|source| JournalError::io("map", path, source))?;
    map.touch();
    Ok(Some(map))
}

fn remove(path: &Path) -> Result<(), JournalError> {
    fs::remove_file(path).map_err(|source| JournalError::io("remove", path, source))
}
