//! The second copy of a stream: damage of the first is repaired from it, and then it follows the first again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Repaired;
use super::scan::{Scanned, Verdict};
use crate::dir::{create_dir_synced, segment_indices, segment_path};
use crate::disk::Disk;
use crate::error::{Fault, JournalError};
use crate::format::{BLOCK_BYTES, FRAMES_START, SegmentHeader};
use crate::reader::{check_header, corrupt_at};
use crate::retention::Kept;

/// The stream's folder in the mirror directory, and what is repaired from it.
#[derive(Debug)]
pub(crate) struct Mirror {
    folder: PathBuf,
    repairs: Vec<Repair>,
    /// Damage of the mirror itself.
    own: Vec<Repaired>,
}

/// Bytes to be written over damaged ones.
#[derive(Debug)]
struct Repair {
    path: PathBuf,
    segment: u64,
    offset: u64,
    bytes: Vec<u8>,
    /// Length of the file, for one that was cut.
    segment_bytes: u64,
}

impl Mirror {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, repairs: Vec::new(), own: Vec::new() }
    }

    /// That it is of this journal, as far as its headers are valid: it will be written over.
    pub(super) fn check(&self, journal_uuid: [u8; 16], stream: &str) -> Result<(), JournalError> {
        for index in self.indices()? {
            let path = segment_path(&self.folder, index);
            let Some(header) = SegmentHeader::pick(&read(&path, FRAMES_START)?) else { continue };
            check_header(&header, &path, stream, index, None)?;
            if header.journal_uuid != journal_uuid {
                let what = Fault::Foreign { field: "journal uuid" };
                return Err(corrupt_at(&path, index, 0, None, what));
            }
        }
        Ok(())
    }

    fn indices(&self) -> Result<Vec<u64>, JournalError> {
        if self.folder.is_dir() { segment_indices(&self.folder) } else { Ok(Vec::new()) }
    }

    /// The valid header bytes that the mirror has for the segment at `path`, which has none; they are stored there later.
    pub(super) fn header(&mut self, path: &Path, segment: u64) -> Result<Option<Vec<u8>>, JournalError> {
        let Some(bytes) = read_if_there(&segment_path(&self.folder, segment), FRAMES_START)? else {
            return Ok(None);
        };
        let Some(header) = SegmentHeader::pick(&bytes) else { return Ok(None) };
        self.repairs.push(Repair {
            path: path.to_owned(),
            segment,
            offset: 0,
            bytes: bytes.clone(),
            segment_bytes: header.segment_bytes,
        });
        Ok(Some(bytes))
    }

    /// Replaces damaged blocks in `bytes`, the frames of the segment at `path`, until `judge` finds them good and `fits`
    /// finds their hash right. `None` if that cannot be had; `bytes` are of no use then.
    pub(crate) fn mend(
        &mut self,
        path: &Path,
        header: &SegmentHeader,
        bytes: &mut Vec<u8>,
        judge: impl Fn(&[u8]) -> Verdict,
        fits: impl Fn(&[u8], &Scanned) -> bool,
    ) -> Result<Option<Scanned>, JournalError> {
        let segment = header.segment_index;
        let Some(copy) = read_if_there(&segment_path(&self.folder, segment), header.frames_end())? else {
            return Ok(None);
        };
        bytes.resize(bytes.len().max(copy.len()), 0);
        let mut replaced: Vec<u64> = Vec::new();
        let mended = loop {
            let offset = match judge(bytes) {
                Verdict::Good(scanned) => break scanned,
                Verdict::Corrupt { offset, .. } => offset,
            };
            // The frame starts in this block, and may end in the next one.
            let block = offset / BLOCK_BYTES;
            let choices = [block..block + 1, block + 1..block + 2, block..block + 2];
            let Some(blocks) =
                choices.into_iter().find(|blocks| improves(bytes, &copy, blocks, offset, &judge))
            else {
                return Ok(None);
            };
            replaced.extend(blocks);
        };
        if !fits(bytes, &mended) {
            return Ok(None);
        }
        replaced.sort_unstable();
        replaced.dedup();
        for block in replaced {
            // The first block starts behind the header, which `bytes` have as it was found.
            let range = block_range(block, bytes.len());
            let range = range.start.max(FRAMES_START as usize)..range.end;
            self.repairs.push(Repair {
                path: path.to_owned(),
                segment,
                offset: range.start as u64,
                bytes: bytes[range].to_vec(),
                segment_bytes: header.segment_bytes,
            });
        }
        Ok(Some(mended))
    }

    /// Writes what was mended into the durable files.
    pub(super) fn write_repairs(&self, disk: &Disk) -> Result<(), JournalError> {
        for Repair { path, offset, bytes, segment_bytes, .. } in &self.repairs {
            let failed = |source| JournalError::io("repair", path, source);
            let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
            disk.preallocate(&file, path, *segment_bytes).map_err(failed)?;
            disk.write(&file, path, bytes, *offset).map_err(failed)?;
            disk.sync(&file, path).map_err(failed)?;
        }
        Ok(())
    }

    /// Makes the mirror what the recovered stream in `folder` is. A difference is looked for in headers and lengths, or with
    /// `full` in every byte.
    pub(super) fn follow(
        &mut self,
        disk: &Disk,
        folder: &Path,
        segments: std::ops::Range<u64>,
        full: bool,
    ) -> Result<(), JournalError> {
        create_dir_synced(&self.folder)?;
        if let Some(mut kept) = Kept::read(folder)? {
            kept.store(disk, &self.folder)?;
        }
        for index in self.indices()?.into_iter().rev().filter(|index| !segments.contains(index)) {
            let path = segment_path(&self.folder, index);
            disk.remove(&path).map_err(|source| JournalError::io("remove", &path, source))?;
            sync_dir(disk, &self.folder)?;
        }
        for index in segments {
            let (from, to) = (segment_path(folder, index), segment_path(&self.folder, index));
            self.follow_one(disk, index, &from, &to, full)?;
        }
        Ok(())
    }

    fn follow_one(
        &mut self,
        disk: &Disk,
        index: u64,
        from: &Path,
        to: &Path,
        full: bool,
    ) -> Result<(), JournalError> {
        let limit = if full { u64::MAX } else { FRAMES_START };
        let mut first = read(from, limit)?;
        let second = read_if_there(to, limit)?.unwrap_or_default();
        let first_bytes = length(from)?;
        let same_length = length(to).is_ok_and(|bytes| bytes == first_bytes);
        if same_length && first == second {
            return Ok(());
        }
        let sealed = |bytes: &[u8]| SegmentHeader::pick(bytes).is_some_and(|header| header.is_sealed());
        if full && sealed(&second) {
            // It had been finished: that it differs is damage, not a step that was still to come.
            let damaged = first
                .chunks(BLOCK_BYTES as usize)
                .enumerate()
                .filter(|(block, bytes)| second.get(block_range(*block as u64, first.len())) != Some(bytes));
            let blocks: Vec<u64> = damaged.map(|(block, _)| block as u64).collect();
            if let Some(&block) = blocks.first() {
                let (offset, blocks) = (block * BLOCK_BYTES, blocks.len() as u64);
                self.own.push(Repaired { path: to.to_owned(), segment: index, offset, blocks });
            }
        }
        if !full {
            first = read(from, u64::MAX)?;
        }
        copy(disk, &first, to)?;
        sync_dir(disk, &self.folder)
    }

    /// What was repaired, in either copy; neighbouring blocks as one.
    pub(crate) fn repaired(&self) -> Vec<Repaired> {
        let mut all: Vec<Repaired> = Vec::new();
        for Repair { path, segment, offset, .. } in &self.repairs {
            match all.last_mut() {
                Some(last) if last.path == *path && last.offset + last.blocks * BLOCK_BYTES == *offset => {
                    last.blocks += 1;
                }
                _ => all.push(Repaired { path: path.clone(), segment: *segment, offset: *offset, blocks: 1 }),
            }
        }
        all.extend(self.own.iter().cloned());
        all
    }
}

/// Takes `blocks` of the copy if the first damage is then found further behind than `offset`, or nowhere; else takes it back.
fn improves(
    bytes: &mut [u8],
    copy: &[u8],
    blocks: &std::ops::Range<u64>,
    offset: u64,
    judge: impl Fn(&[u8]) -> Verdict,
) -> bool {
    let start = block_range(blocks.start, bytes.len()).start.max(FRAMES_START as usize);
    let end = block_range(blocks.end - 1, bytes.len()).end.min(copy.len());
    if start >= end || bytes[start..end] == copy[start..end] {
        return false;
    }
    let saved = bytes[start..end].to_vec();
    bytes[start..end].copy_from_slice(&copy[start..end]);
    let better = match judge(bytes) {
        Verdict::Good(_) => true,
        Verdict::Corrupt { offset: next, .. } => next > offset,
    };
    if !better {
        bytes[start..end].copy_from_slice(&saved);
    }
    better
}

/// A block's bytes behind the header, in a file of this length.
fn block_range(block: u64, len: usize) -> std::ops::Range<usize> {
    let start = (block * BLOCK_BYTES) as usize;
    start.min(len)..(start + BLOCK_BYTES as usize).min(len)
}

fn copy(disk: &Disk, bytes: &[u8], to: &Path) -> Result<(), JournalError> {
    let temporary = to.with_extension("tmp");
    let failed = |source| JournalError::io("copy to the mirror", to, source);
    let file = disk.create(&temporary).map_err(failed)?;
    disk.preallocate(&file, &temporary, bytes.len() as u64).map_err(failed)?;
    disk.write(&file, &temporary, bytes, 0).map_err(failed)?;
    disk.sync(&file, &temporary).map_err(failed)?;
    disk.rename(&temporary, to).map_err(failed)
}

fn length(path: &Path) -> Result<u64, JournalError> {
    let meta = fs::metadata(path).map_err(|source| JournalError::io("look at", path, source))?;
    Ok(meta.len())
}

/// The first `limit` bytes of a file.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, JournalError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map_err(|source| JournalError::io("read", path, source))?;
    Ok(bytes)
}

fn read_if_there(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, JournalError> {
    match read(path, limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(JournalError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn sync_dir(disk: &Disk, path: &Path) -> Result<(), JournalError> {
    disk.sync_dir(path).map_err(|source| JournalError::io("sync the directory", path, source))
}
