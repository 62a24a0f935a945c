//! Recovery: what a crash left becomes a stream that ends in order, or a report of what no crash can explain.
//!
//! First everything is looked at, and nothing is written: corruption stops here. Then, in this order, the epoch is
//! raised, what only the hot tier had is copied and synced, what was never durable is dropped, and the unsealed segments
//! are sealed where their valid frames end. Each step can be cut short and done again: after any of them the next look
//! comes to the same end. No checksum is made for bytes that were not verified.

mod apply;
pub(crate) mod mirror;
pub(crate) mod scan;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::dir::{JournalDir, segment_indices, segment_path};
use crate::durable::Link;
use crate::error::{Fault, JournalError};
use crate::format::{FRAMES_START, HEADER_LINKED, Ids, ROLL_BYTES, SegmentHeader, Watermark, stream_field};
use crate::frame::{At, Expect};
use crate::inspect::SeqTime;
use crate::planted::{Bug, is_planted};
use crate::reader::{check_header, check_link, corrupt_at, segment_missing};
use crate::retention::Kept;
use mirror::Mirror;
use scan::{Scanned, Verdict, judge, scan};

/// What recovery found, and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The stream.
    pub stream: String,
    /// The journal's name.
    pub journal_uuid: [u8; 16],
    /// The highest epoch in the stream.
    pub epoch: u64,
    /// What the last writer was given.
    pub ids: Ids,
    /// The last record, if there is any.
    pub last: Option<SeqTime>,
    /// Segment files that hold the stream.
    pub segments: u64,
    /// Frames that were read and verified; those of sealed segments are not, unless asked for.
    pub frames_scanned: u64,
    /// Whether the stream had been closed in order, so that nothing had to be done.
    pub was_closed: bool,
    /// The torn tail that was cut, if there was one.
    pub torn: Option<TornTail>,
    /// Records and bytes of frames that only the hot tier had.
    pub merged_frames: u64,
    /// See [`merged_frames`](Self::merged_frames).
    pub merged_bytes: u64,
    /// Segment files behind the end that were removed: prepared ones, and those that held nothing durable behind a torn
    /// tail.
    pub removed_segments: u64,
    /// Damage of one copy that was repaired from the other; empty without a mirror directory.
    pub repaired: Vec<Repaired>,
    /// How long the parts took.
    pub parts: Parts,
    /// Hash over everything; continue it, or print it elsewhere to prove later that nothing was edited.
    pub chain: [u8; 32],
    /// The first record that is still there, if retention removed those before it.
    pub kept_from: Option<u64>,
    /// Index of the segment to go on in.
    pub(crate) next_index: u64,
}

/// Bytes behind the last valid frame that were never durable, and are no part of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TornTail {
    /// Index of the segment.
    pub segment: u64,
    /// Where its valid frames end, in bytes.
    pub offset: u64,
    /// From there to the last byte that is not zero, in bytes; segments behind it are not counted.
    pub bytes: u64,
    /// What is wrong with what follows; nothing, if the segment was left behind by a later one that was cut with it.
    pub reason: Option<Fault>,
}

/// Damaged blocks of one copy that were replaced by those of the other, after their checksums and hashes were found right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// The repaired file.
    pub path: PathBuf,
    /// Index of its segment.
    pub segment: u64,
    /// Where the first repaired byte is, in bytes from the start of the file.
    pub offset: u64,
    /// How many blocks of 64 KiB were replaced; the header counts as one.
    pub blocks: u64,
}

/// How long the parts of a recovery took, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parts {
    /// Listing the files and reading headers.
    pub headers_ns: u64,
    /// Reading and verifying frames.
    pub scan_ns: u64,
    /// Copying and syncing what only the hot tier had.
    pub merge_ns: u64,
    /// Sealing and removing.
    pub seal_ns: u64,
}

/// Recovers a stream: afterwards it ends in order, and [`Writer::resume`](crate::Writer::resume) continues it. Reads the
/// headers of sealed segments and the frames of those that are not.
///
/// # Errors
///
/// [`JournalError::NoStream`]; [`JournalError::Corrupt`], [`JournalError::Version`]: nothing was written;
/// [`JournalError::Io`]: do it again when the cause is gone.
pub fn recover(dir: &JournalDir, stream: &str) -> Result<Recovered, JournalError> {
    dir.alone(|| run(dir, stream, false))
}

/// The same, and verifies every frame and the hash chain of sealed segments too.
///
/// # Errors
///
/// Those of [`recover`].
pub fn recover_full(dir: &JournalDir, stream: &str) -> Result<Recovered, JournalError> {
    dir.alone(|| run(dir, stream, true))
}

/// What [`recover_full`] would do, without doing it: nothing of the stream is written. `parts` of what was not done are 0,
/// and damage of the mirror itself is not looked for.
///
/// # Errors
///
/// Those of [`recover`].
pub fn examine(dir: &JournalDir, stream: &str) -> Result<Recovered, JournalError> {
    dir.alone(|| {
        let plan = Plan::look(dir, stream, true)?;
        let repaired = plan.mirror.as_ref().map(Mirror::repaired).unwrap_or_default();
        Ok(Recovered { repaired, ..plan.recovered })
    })
}

fn run(dir: &JournalDir, stream: &str, full: bool) -> Result<Recovered, JournalError> {
    let mut plan = Plan::look(dir, stream, full)?;
    apply::apply(dir, &mut plan, full)?;
    Ok(plan.recovered)
}

/// A segment that must be sealed, as it was found.
struct Unsealed {
    path: PathBuf,
    header: SegmentHeader,
    /// The durable file up to its trailer, with what the hot tier has more.
    bytes: Vec<u8>,
    scanned: Scanned,
    /// From here on the bytes must be written again, if not from their end on.
    rewrite_from: u64,
}

/// What is there and what has to be done.
struct Plan {
    folder: PathBuf,
    recovered: Recovered,
    unsealed: Vec<Unsealed>,
    /// To be removed, in this order.
    remove: Vec<PathBuf>,
    hot_folder: Option<PathBuf>,
    mirror: Option<Mirror>,
    /// The last sealed segment, if no segment was sealed later.
    last_sealed: Option<PathBuf>,
}

/// What comes behind a segment.
enum Next {
    /// The next segment, if there is one.
    GoesOn,
    /// Nothing that counts: this one is the last.
    Ends,
    /// Nothing, and this one was made ahead and never used.
    Spare,
}

/// What the segments so far say about the next one.
struct Trail {
    link: Link,
    /// Whether there was a record, so that the next seq is known.
    any: bool,
    /// Whether the last segment ended with a roll frame, so that the next one must exist.
    rolled: bool,
    header: Option<SegmentHeader>,
}

impl Recovered {
    /// Before anything was looked at but the headers.
    fn of_nothing(stream: &str, headers: &[(PathBuf, SegmentHeader, Watermark)], started: Instant) -> Self {
        let first = &headers[0].1;
        Self {
            stream: stream.to_owned(),
            journal_uuid: first.journal_uuid,
            epoch: headers.iter().map(|(_, header, _)| header.epoch).max().unwrap_or(0),
            ids: first.ids,
            last: None,
            segments: 0,
            frames_scanned: 0,
            was_closed: true,
            torn: None,
            merged_frames: 0,
            merged_bytes: 0,
            removed_segments: 0,
            repaired: Vec::new(),
            parts: Parts { headers_ns: ns_since(started), ..Parts::default() },
            chain: [0; 32],
            kept_from: None,
            next_index: headers[0].1.segment_index,
        }
    }
}

impl Plan {
    fn look(dir: &JournalDir, stream: &str, full: bool) -> Result<Self, JournalError> {
        let started = Instant::now();
        if stream_field(stream).is_none() {
            return Err(JournalError::StreamName { stream: stream.to_owned() });
        }
        let folder = dir.path().join(stream);
        let mut mirror = dir.mirror_folder(stream).map(Mirror::new);
        let kept = Kept::read(&folder)?;
        let first_index = kept.map_or(0, |kept| kept.first_index);
        let headers = read_headers(&folder, stream, first_index, mirror.as_mut())?;
        let (path, first, _) = &headers[0];
        if !dir.is_known_as(first.journal_uuid) || kept.is_some_and(|kept| !kept.is_of(first.journal_uuid)) {
            let what = Fault::Foreign { field: "journal uuid" };
            return Err(corrupt_at(path, first.segment_index, 0, None, what));
        }
        if let Some(mirror) = &mirror {
            mirror.check(first.journal_uuid, stream)?;
        }
        let mut plan = Self {
            hot_folder: dir.hot_folder(first.journal_uuid, stream)?,
            mirror,
            last_sealed: None,
            recovered: Recovered::of_nothing(stream, &headers, started),
            unsealed: Vec::new(),
            remove: Vec::new(),
            folder,
        };
        let started = Instant::now();
        let mut trail = Trail::start(kept.as_ref());
        for (at, (path, header, watermark)) in headers.iter().enumerate() {
            let next = if header.is_sealed() {
                plan.pass_sealed(&mut trail, path, header, full)?
            } else {
                plan.pass_unsealed(dir, &mut trail, path, header, watermark)?
            };
            match next {
                Next::GoesOn => {}
                Next::Ends => {
                    plan.drop_rest(&headers[at + 1..])?;
                    break;
                }
                Next::Spare => {
                    plan.drop_rest(&headers[at..])?;
                    break;
                }
            }
        }
        if trail.rolled {
            let next_seq = trail.any.then(|| trail.link.last_seq.wrapping_add(1));
            return Err(segment_missing(&plan.folder, first_index + plan.recovered.segments, next_seq));
        }
        let last = SeqTime { seq: trail.link.last_seq, ts_ns: trail.link.last_ts_ns };
        plan.recovered.last = trail.any.then_some(last);
        plan.recovered.chain = trail.link.chain;
        plan.recovered.kept_from = kept.map(|kept| kept.last_seq.wrapping_add(1));
        plan.recovered.next_index = first_index + plan.recovered.segments;
        plan.recovered.parts.scan_ns = ns_since(started);
        Ok(plan)
    }

    /// A sealed segment is what its header says; its frames are looked at only if asked for.
    fn pass_sealed(
        &mut self,
        trail: &mut Trail,
        path: &Path,
        header: &SegmentHeader,
        full: bool,
    ) -> Result<Next, JournalError> {
        let index = header.segment_index;
        let expected = trail.any.then(|| trail.link.last_seq.wrapping_add(1));
        let corrupt = |offset, what| corrupt_at(path, index, offset, expected, what);
        trail.check(header).map_err(|what| corrupt(0, what))?;
        let (found_bytes, expected_bytes) = (file_bytes(path)?, header.segment_bytes);
        let cut = found_bytes < header.sealed_bytes;
        if full || cut && self.mirror.is_some() {
            let mut bytes = read_frames(path, header)?;
            let none = Watermark::none(header);
            let scanned = self.judge_or_mend(path, header, &none, &mut bytes, trail)?;
            let chain = scan::chain_of(&bytes, header, &scanned, trail.link.chain).0;
            if chain != header.chain {
                return Err(corrupt(FRAMES_START, Fault::Chain));
            }
            self.recovered.frames_scanned += scanned.frames;
            trail.rolled = scanned.rolled;
        } else if cut {
            return Err(corrupt(found_bytes, Fault::FileLength { found_bytes, expected_bytes }));
        } else {
            trail.rolled = ends_with_roll(path, header)?;
        }
        self.last_sealed = Some(path.to_owned());
        if header.frame_count > 0 {
            trail.any = true;
            (trail.link.last_seq, trail.link.last_ts_ns) = (header.last_seq, header.last_ts_ns);
        }
        trail.link.chain = header.chain;
        trail.header = Some(header.clone());
        self.recovered.ids = header.ids;
        self.recovered.segments += 1;
        Ok(Next::GoesOn)
    }

    /// An unsealed segment is read, and completed from the hot tier.
    fn pass_unsealed(
        &mut self,
        dir: &JournalDir,
        trail: &mut Trail,
        path: &Path,
        header: &SegmentHeader,
        watermark: &Watermark,
    ) -> Result<Next, JournalError> {
        let index = header.segment_index;
        let expected = trail.any.then(|| trail.link.last_seq.wrapping_add(1));
        let mut bytes = read_frames(path, header)?;
        let mut scanned = self.judge_or_mend(path, header, watermark, &mut bytes, trail)?;
        let merge_from = self.merge(dir, header, &mut bytes, &mut scanned)?;
        let behind_an_end = trail.header.is_some() && !trail.rolled;
        if behind_an_end && scanned.frames == 0 && !scanned.rolled && watermark.durable_bytes == FRAMES_START
        {
            return Ok(Next::Spare);
        }
        trail.check(header).map_err(|what| corrupt_at(path, index, 0, expected, what))?;
        self.recovered.was_closed = false;
        self.recovered.frames_scanned += scanned.frames;
        self.recovered.segments += 1;
        self.recovered.ids = header.ids;
        if let Some((seq, ts_ns)) = scanned.last {
            trail.any = true;
            (trail.link.last_seq, trail.link.last_ts_ns) = (seq, ts_ns);
        }
        trail.rolled = scanned.rolled;
        if !scanned.rolled {
            let debris = &bytes[(scanned.end as usize).min(bytes.len())..];
            let torn_bytes = debris.iter().rposition(|&byte| byte != 0).map_or(0, |last| last as u64 + 1);
            self.recovered.torn = (torn_bytes > 0 || scanned.fault.is_some()).then_some(TornTail {
                segment: index,
                offset: scanned.end,
                bytes: torn_bytes,
                reason: scanned.fault,
            });
        }
        trail.link.chain = scan::chain_of(&bytes, header, &scanned, trail.link.chain).0;
        trail.header = Some(header.clone());
        let next = if scanned.rolled { Next::GoesOn } else { Next::Ends };
        let (path, header) = (path.to_owned(), header.clone());
        // After a failed sync the kernel may show bytes of this boot that the disk never got, and takes them for written:
        // what no watermark vouches for is written again.
        let vouched = if header.boot_id == dir.boot_id() && !is_planted(Bug::CleanPagesTrusted) {
            watermark.durable_bytes
        } else {
            scanned.end
        };
        let rewrite_from = merge_from.unwrap_or(scanned.end).min(vouched);
        self.unsealed.push(Unsealed { path, header, bytes, scanned, rewrite_from });
        Ok(next)
    }

    /// The verdict on a segment's frames, those of the mirror in the place of damaged ones if they are whole.
    fn judge_or_mend(
        &mut self,
        path: &Path,
        header: &SegmentHeader,
        watermark: &Watermark,
        bytes: &mut Vec<u8>,
        trail: &Trail,
    ) -> Result<Scanned, JournalError> {
        let expected = trail.any.then(|| trail.link.last_seq.wrapping_add(1));
        let verdict = |bytes: &[u8]| judge(bytes, header, watermark, expected, trail.link.last_ts_ns);
        let first = verdict(bytes);
        let Verdict::Corrupt { offset, seq_expected, what } = first else {
            let Verdict::Good(scanned) = first else { unreachable!("it is one or the other") };
            return Ok(scanned);
        };
        let mended = match &mut self.mirror {
            Some(mirror) => {
                mirror.mend(path, header, bytes, verdict, |bytes, scanned| match header.is_sealed() {
                    true => scan::chain_of(bytes, header, scanned, trail.link.chain).0 == header.chain,
                    false => scan::chain_below(bytes, header, watermark, trail.link.chain) == watermark.chain,
                })?
            }
            None => None,
        };
        mended.ok_or_else(|| corrupt_at(path, header.segment_index, offset, seq_expected, what))
    }

    /// Takes over valid frames that only the hot tier of this boot has.
    fn merge(
        &mut self,
        dir: &JournalDir,
        header: &SegmentHeader,
        bytes: &mut Vec<u8>,
        scanned: &mut Scanned,
    ) -> Result<Option<u64>, JournalError> {
        let Some(hot_folder) = self.hot_folder.as_ref().filter(|_| !scanned.rolled) else { return Ok(None) };
        if is_planted(Bug::HotTierIgnored) {
            return Ok(None);
        }
        let path = segment_path(hot_folder, header.segment_index);
        let (hot_header, hot) = match read_header_and_frames(&path, header) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(JournalError::io("read", path, source)),
        };
        let same_boot = header.boot_id == dir.boot_id()
            && hot_header.as_ref().is_none_or(|hot_header| hot_header.boot_id == dir.boot_id());
        // A header that is lost leaves the frames, which are those of this segment if they fit its salt.
        let same_header = hot_header.is_none_or(|hot_header| {
            hot_header.journal_uuid == header.journal_uuid
                && hot_header.stream == header.stream
                && hot_header.segment_index == header.segment_index
                && hot_header.epoch == header.epoch
                && hot_header.salt == header.salt
        });
        let same = same_header && (same_boot || is_planted(Bug::BootIdIgnored));
        let from = scanned.end;
        if !same || hot.len() <= from as usize {
            return Ok(None);
        }
        let more = scan(&hot, header, header.frames_end(), scanned);
        if more.end == from {
            return Ok(None);
        }
        let end = more.end as usize;
        bytes.resize(bytes.len().max(end), 0);
        bytes[from as usize..end].copy_from_slice(&hot[from as usize..end]);
        // What was behind in the durable file is overwritten as far as the hot tier goes, and debris from there on.
        self.recovered.merged_frames += more.frames - scanned.frames;
        self.recovered.merged_bytes += more.end - from;
        let fault = more.fault.or(scanned.fault.filter(|_| more.end == from));
        *scanned = Scanned { fault, ..more };
        Ok(Some(from))
    }

    /// What is behind the last segment that counts: nothing of it may ever have been durable.
    fn drop_rest(&mut self, rest: &[(PathBuf, SegmentHeader, Watermark)]) -> Result<(), JournalError> {
        let evidence = rest
            .iter()
            .find(|(_, header, watermark)| header.is_sealed() || watermark.durable_bytes > FRAMES_START);
        if let Some((path, header, _)) = evidence
            && !is_planted(Bug::WatermarkIgnored)
        {
            let Some(last) = self.unsealed.last() else {
                return Err(corrupt_at(path, header.segment_index, 0, None, Fault::Link { field: "epoch" }));
            };
            let Scanned { end, fault, .. } = last.scanned;
            let what = fault.unwrap_or(Fault::FrameMissing);
            let seq_expected = last.scanned.last.map(|(seq, _)| seq.wrapping_add(1));
            return Err(corrupt_at(&last.path, last.header.segment_index, end, seq_expected, what));
        }
        // The last one first, so that a crash in between leaves no hole.
        self.remove = rest.iter().rev().map(|(path, ..)| path.clone()).collect();
        self.recovered.removed_segments = rest.len() as u64;
        Ok(())
    }
}

impl Trail {
    /// Before the first segment, which may be one behind those that retention removed.
    fn start(kept: Option<&Kept>) -> Self {
        let none = Link { last_seq: 0, last_ts_ns: 0, chain: [0; 32] };
        let any = kept.is_some_and(|kept| kept.last_seq > 0);
        Self { link: kept.map_or(none, Kept::link), any, rolled: false, header: None }
    }

    /// Whether a segment can follow, as far as headers say.
    fn check(&self, header: &SegmentHeader) -> Result<(), Fault> {
        if let Some(before) = &self.header {
            check_link(before, header, self.rolled)?;
        } else if header.flags & HEADER_LINKED != 0 && header.prev_chain != self.link.chain {
            return Err(Fault::Link { field: "hash" });
        }
        let expected = self.link.last_seq.wrapping_add(1);
        if self.any && header.is_active() && header.first_seq != expected {
            return Err(Fault::Seq { found: header.first_seq });
        }
        Ok(())
    }
}

/// The headers of all segments, which must be those of this stream, without a hole.
fn read_headers(
    folder: &Path,
    stream: &str,
    first_index: u64,
    mut mirror: Option<&mut Mirror>,
) -> Result<Vec<(PathBuf, SegmentHeader, Watermark)>, JournalError> {
    let missing = || JournalError::NoStream { stream: stream.to_owned(), path: folder.to_owned() };
    let indices = match segment_indices(folder) {
        Err(JournalError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
            return Err(missing());
        }
        other => other?,
    };
    // What is left below the first one was being removed by retention.
    let indices: Vec<u64> = indices.into_iter().filter(|&index| index >= first_index).collect();
    if indices.is_empty() {
        return Err(missing());
    }
    let mut headers: Vec<(PathBuf, SegmentHeader, Watermark)> = Vec::with_capacity(indices.len());
    for (index, found) in (first_index..).zip(indices) {
        if found != index {
            return Err(segment_missing(folder, index, None));
        }
        let path = segment_path(folder, index);
        let mut bytes = Vec::with_capacity(FRAMES_START as usize);
        let read = File::open(&path).and_then(|file| file.take(FRAMES_START).read_to_end(&mut bytes));
        read.map_err(|source| JournalError::io("read the header of", &path, source))?;
        let mut header = SegmentHeader::pick(&bytes);
        if header.is_none()
            && let Some(mirror) = &mut mirror
            && let Some(copy) = mirror.header(&path, index)?
        {
            bytes = copy;
            header = SegmentHeader::pick(&bytes);
        }
        let header = header.ok_or_else(|| corrupt_at(&path, index, 0, None, Fault::Header))?;
        check_header(&header, &path, stream, index, headers.last().map(|(_, header, _)| header))?;
        let (found_bytes, expected_bytes) = (file_bytes(&path)?, header.segment_bytes);
        if found_bytes > expected_bytes {
            // A reader refuses it too: no crash adds to a file that never changes its length.
            return Err(corrupt_at(&path, index, 0, None, Fault::FileLength { found_bytes, expected_bytes }));
        }
        let watermark = header.watermark(&bytes);
        headers.push((path, header, watermark));
    }
    Ok(headers)
}

fn file_bytes(path: &Path) -> Result<u64, JournalError> {
    let meta = fs::metadata(path).map_err(|source| JournalError::io("look at", path, source))?;
    Ok(meta.len())
}

/// A segment file up to where its frames end at the latest.
fn read_frames(path: &Path, header: &SegmentHeader) -> Result<Vec<u8>, JournalError> {
    let read = || {
        let file = File::open(path)?;
        // As long as the file is, not as its header says.
        let mut bytes = Vec::with_capacity(header.frames_end().min(file.metadata()?.len()) as usize);
        file.take(header.frames_end()).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|source| JournalError::io("read", path, source))
}

/// What the hot tier has of the segment with this durable header; its own header, if that is valid.
fn read_header_and_frames(
    path: &Path,
    durable: &SegmentHeader,
) -> io::Result<(Option<SegmentHeader>, Vec<u8>)> {
    let mut bytes = Vec::new();
    File::open(path)?.take(durable.frames_end()).read_to_end(&mut bytes)?;
    Ok((SegmentHeader::pick(&bytes), bytes))
}

/// Whether the last frame of a sealed segment says that the stream goes on.
fn ends_with_roll(path: &Path, header: &SegmentHeader) -> Result<bool, JournalError> {
    use std::os::unix::fs::FileExt;
    let offset = header.sealed_bytes - ROLL_BYTES;
    if offset < FRAMES_START {
        return Ok(false);
    }
    let mut frame = [0; ROLL_BYTES as usize];
    let read = File::open(path).and_then(|file| file.read_exact_at(&mut frame, offset));
    read.map_err(|source| JournalError::io("read", path, source))?;
    // Only its own place makes a frame valid: the bytes are looked at as if they stood there.
    let limit_bytes = header.sealed_bytes;
    let expect = Expect { offset, seq: None, ts_ns: 0, salt: header.salt, limit_bytes };
    Ok(matches!(scan::frame_alone(&frame, &expect), At::Frame(found) if found.is_roll()))
}

pub(crate) fn ns_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
