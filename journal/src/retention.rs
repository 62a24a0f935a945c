//! Retention: which of the oldest segments may go, and what is known of those that went.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::dir::{JournalDir, segment_indices, segment_path};
use crate::disk::Disk;
use crate::durable::Link;
use crate::error::JournalError;
use crate::format::{SegmentHeader, stream_field};
use crate::lease::{leases, store};
use crate::reader::{check_header, read_header};

const FILE: &str = "RETAINED";
const MAGIC: [u8; 8] = *b"LXJKEPT1";

/// What may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Only segments whose records all come before this one; for instance the record of the oldest snapshot that a
    /// restart might begin with.
    pub before_seq: u64,
    /// How many of the newest sealed segments stay in any case; at least 1.
    pub segments: u64,
    /// How many segments, the oldest first, go at most in one call; `None` for all that may.
    pub limit: Option<u64>,
}

/// What retention did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retained {
    /// Indices of the segments that were removed.
    pub removed: Vec<u64>,
    /// Their bytes.
    pub removed_bytes: u64,
    /// The first record that is still there, if records were ever removed.
    pub first_seq: Option<u64>,
    /// The lease that kept the next segment from being removed, if one did.
    pub held_by: Option<String>,
}

/// What is known of the segments that are gone: the file `RETAINED` of a stream.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(crate) struct Kept {
    magic: [u8; 8],
    journal_uuid: [u8; 16],
    /// The segment that the stream begins with now.
    pub(crate) first_index: u64,
    /// Of the last record that is gone.
    pub(crate) last_seq: u64,
    pub(crate) last_ts_ns: u64,
    /// The last hash of the last segment that is gone.
    pub(crate) chain: [u8; 32],
    reserved: u32,
    crc: u32,
}

const KEPT_BYTES: usize = size_of::<Kept>();
const _: () = assert!(KEPT_BYTES == 88);

impl Kept {
    /// What is known in a stream's folder; `None` if nothing was ever removed, or the file is damaged.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, JournalError> {
        let path = folder.join(FILE);
        let mut bytes = Vec::with_capacity(KEPT_BYTES + 1);
        let read =
            File::open(&path).and_then(|file| file.take(KEPT_BYTES as u64 + 1).read_to_end(&mut bytes));
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(JournalError::io("read", path, source)),
        }
        let kept = Self::read_from_bytes(&bytes).ok();
        Ok(kept.filter(|kept| {
            kept.magic == MAGIC
                && kept.crc == crc32c::crc32c(&bytes[..KEPT_BYTES - 4])
                && kept.first_index < u64::MAX
        }))
    }

    pub(crate) fn link(&self) -> Link {
        Link { last_seq: self.last_seq, last_ts_ns: self.last_ts_ns, chain: self.chain }
    }

    pub(crate) fn is_of(&self, journal_uuid: [u8; 16]) -> bool {
        self.journal_uuid == journal_uuid
    }

    pub(crate) fn store(&mut self, disk: &Disk, folder: &Path) -> Result<(), JournalError> {
        self.crc = crc32c::crc32c(&self.as_bytes()[..KEPT_BYTES - 4]);
        store(disk, &folder.join(FILE), self.as_bytes())
    }
}

/// Removes the oldest segments of a stream that nobody needs: sealed, before what `keep` says, and consumed by every lease.
/// May run while the stream is written and read. That they are gone is made durable before they are.
///
/// # Errors
///
/// [`JournalError::NoStream`]; [`JournalError::Corrupt`] if a segment that would go has no valid header: nothing was
/// removed; [`JournalError::Io`]: do it again when the cause is gone.
pub fn retain(dir: &JournalDir, stream: &str, keep: Keep) -> Result<Retained, JournalError> {
    if stream_field(stream).is_none() {
        return Err(JournalError::StreamName { stream: stream.to_owned() });
    }
    dir.alone(|| {
        let folder = dir.path().join(stream);
        if !folder.is_dir() {
            return Err(JournalError::NoStream { stream: stream.to_owned(), path: folder });
        }
        let before = Kept::read(&folder)?;
        let (done, kept) = choose(dir, stream, &folder, keep, before)?;
        let folders = [Some(folder), dir.mirror_folder(stream)];
        for folder in folders.into_iter().flatten().filter(|folder| folder.is_dir()) {
            let Some(mut kept) = kept else { continue };
            if !done.removed.is_empty() {
                kept.store(dir.disk(), &folder)?;
            }
            remove_below(dir.disk(), &folder, kept.first_index)?;
        }
        Ok(done)
    })
}

/// What goes, and what will be known of it.
fn choose(
    dir: &JournalDir,
    stream: &str,
    folder: &Path,
    keep: Keep,
    before: Option<Kept>,
) -> Result<(Retained, Option<Kept>), JournalError> {
    let first = before.map_or(0, |kept| kept.first_index);
    let mut sealed = Vec::new();
    for index in segment_indices(folder)?.into_iter().skip_while(|&index| index < first) {
        let path = segment_path(folder, index);
        let failed = |source| JournalError::io("read the header of", &path, source);
        let header = File::open(&path).and_then(|file| read_header(&file)).map_err(failed)?;
        let Some(header) = header else {
            return Err(crate::reader::corrupt_at(&path, index, 0, None, crate::Fault::Header));
        };
        check_header(&header, &path, stream, index, None)?;
        if !header.is_sealed() || !dir.is_known_as(header.journal_uuid) {
            break;
        }
        sealed.push(header);
    }
    let claims = leases(dir.path(), stream)?;
    let may_go = sealed.len().saturating_sub(keep.segments.max(1).try_into().unwrap_or(usize::MAX));
    let limit = keep.limit.map_or(usize::MAX, |limit| limit.try_into().unwrap_or(usize::MAX));
    let mut done =
        Retained { first_seq: before.map(|kept| kept.last_seq.saturating_add(1)), ..Retained::default() };
    let mut kept = before;
    for header in sealed.iter().take(may_go.min(limit)) {
        let last_seq = last_seq(header, kept.as_ref());
        if last_seq >= keep.before_seq {
            break;
        }
        done.held_by = claims
            .iter()
            .find(|lease| lease.consumed.is_none_or(|consumed| consumed < last_seq))
            .map(|lease| lease.name.clone());
        if done.held_by.is_some() {
            break;
        }
        done.removed.push(header.segment_index);
        done.removed_bytes += header.segment_bytes;
        done.first_seq = Some(last_seq + 1);
        kept = Some(Kept {
            magic: MAGIC,
            journal_uuid: header.journal_uuid,
            first_index: header.segment_index + 1,
            last_seq,
            last_ts_ns: header.last_ts_ns,
            chain: header.chain,
            ..Kept::new_zeroed()
        });
    }
    Ok((done, kept))
}

/// The last record up to the end of a sealed segment, which may have none of its own.
fn last_seq(header: &SegmentHeader, before: Option<&Kept>) -> u64 {
    match header.frame_count {
        0 => before.map_or(0, |kept| kept.last_seq),
        _ => header.last_seq,
    }
}

/// The oldest first, each for good before the next, so that no hole can come back.
pub(crate) fn remove_below(disk: &Disk, folder: &Path, first_index: u64) -> Result<(), JournalError> {
    for index in segment_indices(folder)?.into_iter().filter(|&index| index < first_index) {
        let path = segment_path(folder, index);
        disk.remove(&path).map_err(|source| JournalError::io("remove", &path, source))?;
        disk.sync_dir(folder).map_err(|source| JournalError::io("sync the directory", folder, source))?;
    }
    Ok(())
}
