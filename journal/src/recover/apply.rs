//! The part of recovery that writes.

use std::fs::{self, File, OpenOptions};
use std::path::Path;
use std::time::Instant;

use zerocopy::IntoBytes;

use super::{Plan, Unsealed, ns_since, scan};
use crate::dir::JournalDir;
use crate::disk::Disk;
use crate::durable::Link;
use crate::error::JournalError;
use crate::format::{
    FRAMES_START, HEADER_ACTIVE, HEADER_COPY_BYTES, HEADER_LINKED, HEADER_RECOVERED, HEADER_SEALED,
    SegmentHeader, TRAILER_BYTES,
};
use crate::planted::{Bug, is_planted};

/// Carries out what the plan says.
pub(super) fn apply(dir: &JournalDir, plan: &mut Plan, full: bool) -> Result<(), JournalError> {
    let recovered = &plan.recovered;
    dir.raise_epoch(Some((recovered.journal_uuid, recovered.epoch)))?;
    let disk = dir.disk();
    let started = Instant::now();
    if let Some(mirror) = &plan.mirror {
        mirror.write_repairs(disk)?;
    }
    if let Some(path) = &plan.last_sealed {
        seal_again(disk, path)?;
    }
    for segment in &plan.unsealed {
        rewrite(disk, segment)?;
    }
    plan.recovered.parts.merge_ns = ns_since(started);
    let started = Instant::now();
    let first_index = plan.recovered.next_index - plan.recovered.segments;
    crate::retention::remove_below(disk, &plan.folder, first_index)?;
    for path in &plan.remove {
        disk.remove(path).map_err(|source| JournalError::io("remove", path, source))?;
        // Gone for good before the next one, so that names that come back after a power failure have no hole between
        // them; and before what stays is sealed: a sealed end must never be followed by what was cut.
        if !is_planted(Bug::RemovalsTogether) {
            sync_dir(disk, &plan.folder)?;
        }
    }
    let mut link = plan.start_link()?;
    for segment in &plan.unsealed {
        link = seal(disk, segment, link)?;
    }
    if let Some(mirror) = &mut plan.mirror {
        let segments = plan.recovered.next_index - plan.recovered.segments..plan.recovered.next_index;
        mirror.follow(disk, &plan.folder, segments, full)?;
        plan.recovered.repaired = mirror.repaired();
    }
    plan.recovered.parts.seal_ns = ns_since(started);
    remove_leftovers(&plan.folder);
    if let Some(hot_folder) = &plan.hot_folder {
        // Everything of it that counts is durable now. What cannot be removed only takes memory.
        drop(fs::remove_dir_all(hot_folder));
    }
    Ok(())
}

impl Plan {
    /// What the first unsealed segment continues.
    fn start_link(&self) -> Result<Link, JournalError> {
        let none = Link { last_seq: 0, last_ts_ns: 0, chain: [0; 32] };
        let Some(first) = self.unsealed.first() else { return Ok(none) };
        let Some(index) = first.header.segment_index.checked_sub(1) else {
            let first_seq = first.scanned.first.map_or(first.header.first_seq, |(seq, _)| seq);
            return Ok(Link { last_seq: first_seq.wrapping_sub(1), ..none });
        };
        let path = crate::dir::segment_path(&self.folder, index);
        let mut bytes = [0; 4096];
        let read = File::open(&path)
            .and_then(|file| std::os::unix::fs::FileExt::read_exact_at(&file, &mut bytes, 0));
        read.map_err(|source| JournalError::io("read the header of", &path, source))?;
        let before = SegmentHeader::pick(&bytes);
        let header = before.expect("it was valid when the plan was made, and the journal is locked");
        let mut last_seq = header.last_seq;
        if header.frame_count == 0 {
            last_seq = first.scanned.first.map_or(header.prev_last_seq, |(seq, _)| seq.wrapping_sub(1));
        }
        Ok(Link { last_seq, last_ts_ns: header.last_ts_ns, chain: header.chain })
    }
}

/// Writes the frames that are not known to be in the durable file.
fn rewrite(disk: &Disk, segment: &Unsealed) -> Result<(), JournalError> {
    if segment.rewrite_from >= segment.scanned.end {
        // Perhaps the file does not even reach to where frames start.
        return Ok(());
    }
    let bytes = &segment.bytes[segment.rewrite_from as usize..segment.scanned.end as usize];
    let path = &segment.path;
    let file = open(path)?;
    let written = disk.write(&file, path, bytes, segment.rewrite_from).and_then(|()| disk.sync(&file, path));
    written.map_err(|source| JournalError::io("write what the disk may lack to", path, source))
}

/// Stores both header copies of the last sealed segment once more, one after the other. Its writer may have died, or seen an
/// error, between the two or before their syncs; all segments before it were sealed to the end.
fn seal_again(disk: &Disk, path: &Path) -> Result<(), JournalError> {
    let file = open(path)?;
    let failed = |source| JournalError::io("seal", path, source);
    let mut bytes = [0; FRAMES_START as usize];
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut bytes, 0).map_err(failed)?;
    let newest = SegmentHeader::pick(&bytes);
    let mut header = newest.expect("it was valid when the plan was made, and the journal is locked");
    let both = bytes.chunks_exact(HEADER_COPY_BYTES).all(|copy| {
        SegmentHeader::pick(copy).is_some_and(|copy| copy.is_sealed() && copy.salt == header.salt)
    });
    for last in [false, true] {
        disk.write(&file, path, header.as_bytes(), header.copy_offset()).map_err(failed)?;
        disk.sync(&file, path).map_err(failed)?;
        if !last && both {
            let other = HEADER_COPY_BYTES as u64 - header.copy_offset();
            let copy = SegmentHeader::pick(&bytes[other as usize..][..HEADER_COPY_BYTES]);
            header = copy.expect("both copies are valid");
        } else if !last {
            header.generation += 1;
            header.sign();
        }
    }
    Ok(())
}

/// Seals a segment where its valid frames end.
fn seal(disk: &Disk, segment: &Unsealed, link: Link) -> Result<Link, JournalError> {
    let Unsealed { path, header, bytes, scanned, .. } = segment;
    let (chain, trailer) = scan::chain_of(bytes, header, scanned, link.chain);
    let mut header = header.clone();
    let file = open(path)?;
    let failed = |source| JournalError::io("seal", path, source);
    // A file that was cut gets its length back, with blocks behind it.
    disk.preallocate(&file, path, header.segment_bytes).map_err(failed)?;
    disk.write(&file, path, &trailer, header.segment_bytes - TRAILER_BYTES).map_err(failed)?;
    disk.sync(&file, path).map_err(failed)?;
    if let Some((first_seq, first_ts_ns)) = scanned.first {
        // Not as a generation of its own: the next one to be stored must be the one after the newest stored.
        header.flags |= HEADER_ACTIVE;
        (header.first_seq, header.first_ts_ns) = (first_seq, first_ts_ns);
    }
    header.flags |= HEADER_SEALED | HEADER_LINKED | HEADER_RECOVERED;
    (header.prev_last_seq, header.prev_chain) = (link.last_seq, link.chain);
    let last_ts_ns = scanned.last.map_or(link.last_ts_ns, |(_, ts_ns)| ts_ns);
    header.sealed_bytes = scanned.end;
    header.frame_count = scanned.frames;
    header.last_seq = scanned.last.map_or(0, |(seq, _)| seq);
    header.last_ts_ns = last_ts_ns;
    header.chain = chain;
    for _ in 0..2 {
        header.generation += 1;
        header.sign();
        disk.write(&file, path, header.as_bytes(), header.copy_offset()).map_err(failed)?;
        disk.sync(&file, path).map_err(failed)?;
    }
    let last_seq = scanned.last.map_or(link.last_seq, |(seq, _)| seq);
    Ok(Link { last_seq, last_ts_ns, chain })
}

/// Removes what a crash left of segments that never got their name.
fn remove_leftovers(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let unnamed = path.extension().is_some_and(|extension| extension == "tmp");
        if unnamed || path.file_name().is_some_and(|name| name == "RESERVE") {
            // They take space and mean nothing; the next session overwrites them otherwise.
            drop(fs::remove_file(path));
        }
    }
}

fn open(path: &Path) -> Result<File, JournalError> {
    let opened = OpenOptions::new().read(true).write(true).open(path);
    opened.map_err(|source| JournalError::io("open", path, source))
}

fn sync_dir(disk: &Disk, path: &Path) -> Result<(), JournalError> {
    disk.sync_dir(path).map_err(|source| JournalError::io("sync the directory", path, source))
}
