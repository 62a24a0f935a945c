//! Power failures. The calls of a real run are recorded, with one tier also the stores through the mapping; then any of
//! the unsynced bytes survive, and the image must recover to a prefix with everything that was said to be durable, and
//! without a false alarm.

pub(super) mod again;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::recovery::options;
use super::{Random, records, seed};
use crate::disk::{Disk, Op, Script};
use crate::format::{FRAMES_START, HEADER_COPY_BYTES, SegmentHeader};
use crate::planted::Bug;
use crate::recover::scan::{Verdict, judge};
use crate::{Durability, JournalDir, Writer};

#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    /// What is on the disk for certain, by segment file.
    files: HashMap<PathBuf, Vec<u8>>,
    /// Writes since the last sync, by segment file.
    unsynced: HashMap<PathBuf, Vec<(u64, Vec<u8>)>>,
    /// Names that a directory sync made durable.
    named: Vec<PathBuf>,
    unsynced_names: Vec<PathBuf>,
    /// Removed, but perhaps not for good: what was certain of it.
    unsynced_removals: Vec<(PathBuf, Vec<u8>)>,
    durable_seq: u64,
}

impl Model {
    fn step(&mut self, op: &Op) {
        match op {
            Op::Create(path) => {
                self.files.insert(path.clone(), Vec::new());
                self.unsynced.remove(path);
            }
            Op::Preallocate(path, bytes) => {
                let file = self.files.entry(path.clone()).or_default();
                file.resize(file.len().max(*bytes as usize), 0);
            }
            // The zeros of a new segment change nothing: its blocks read as zeros without them.
            Op::Write(_, _, bytes) if bytes.len() > 4_096 && bytes.iter().all(|&byte| byte == 0) => {}
            Op::Write(path, offset, bytes) | Op::Mapped(path, offset, bytes) => {
                // The hot tier is gone with the power.
                if self.files.contains_key(path) {
                    self.unsynced.entry(path.clone()).or_default().push((*offset, bytes.clone()));
                }
            }
            Op::Sync(path) => {
                let file = self.files.entry(path.clone()).or_default();
                for (offset, bytes) in self.unsynced.remove(path).into_iter().flatten() {
                    put(file, offset, &bytes);
                }
            }
            Op::SyncFailed(path) => {
                self.unsynced.remove(path);
            }
            Op::Rename(from, to) => {
                if let Some(file) = self.files.remove(from) {
                    self.files.insert(to.clone(), file);
                }
                if let Some(writes) = self.unsynced.remove(from) {
                    self.unsynced.insert(to.clone(), writes);
                }
                self.unsynced_names.push(to.clone());
            }
            Op::Remove(path) => {
                let file = self.files.remove(path);
                self.unsynced.remove(path);
                if self.named.contains(path) {
                    self.unsynced_removals.push((path.clone(), file.unwrap_or_default()));
                }
                self.named.retain(|name| name != path);
                self.unsynced_names.retain(|name| name != path);
            }
            Op::SyncDir(folder) => {
                let (here, elsewhere): (Vec<_>, Vec<_>) = std::mem::take(&mut self.unsynced_names)
                    .into_iter()
                    .partition(|name| name.parent() == Some(folder));
                self.named.extend(here);
                self.unsynced_names = elsewhere;
                self.unsynced_removals.retain(|(name, _)| name.parent() != Some(folder));
            }
            Op::Durable(seq) => self.durable_seq = *seq,
        }
    }

    /// Whether an image may recover to this.
    fn allows(&self, recovered: Result<u64, String>, image: u64) -> Result<(), String> {
        match recovered {
            Ok(seq) if (self.durable_seq..=3_000).contains(&seq) => Ok(()),
            Ok(seq) => Err(format!("image {image}: {seq} of {} durable", self.durable_seq)),
            Err(what) => Err(format!("image {image}: false alarm: {what}")),
        }
    }

    /// The segment files that are certainly there, in order.
    fn certain(&self) -> Vec<PathBuf> {
        let mut names: Vec<PathBuf> = self
            .named
            .iter()
            .filter(|name| is_segment(name) && self.files.contains_key(*name))
            .cloned()
            .collect();
        names.sort();
        // A name can be given twice, after an attempt that failed.
        names.dedup();
        names
    }
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "lxj")
}

fn put(file: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let end = offset as usize + bytes.len();
    file.resize(file.len().max(end), 0);
    file[offset as usize..end].copy_from_slice(bytes);
}

/// Any subset of unsynced bytes: whole writes, torn sectors, single bytes.
fn survive(random: &mut Random, file: &mut Vec<u8>, writes: &[(u64, Vec<u8>)]) {
    let granularity = match random.below(4) {
        0 => usize::MAX,
        1 => 4_096,
        2 => 512,
        _ => 1 + random.below(64) as usize,
    };
    let odds = 1 + random.below(7);
    for (offset, bytes) in writes {
        let mut at = 0;
        while at < bytes.len() {
            // Pieces end at multiples of the granularity on the disk, as sectors do.
            let here = *offset as usize + at;
            let piece = (granularity - here % granularity).min(bytes.len() - at);
            if random.below(8) < odds {
                put(file, here as u64, &bytes[at..at + piece]);
            }
            at += piece;
        }
    }
}

/// How a run is set up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup {
    pub(super) bug: Option<Bug>,
    pub(super) tiers: u8,
    pub(super) records: u64,
    /// The number of the call that fails; 0 for none.
    pub(super) fail_at: u64,
    pub(super) close: bool,
}

/// A run that ended, and what it left.
pub(super) struct Run {
    pub(super) dir: tempfile::TempDir,
    pub(super) hot: tempfile::TempDir,
    pub(super) ops: Vec<Op>,
    /// Whether the call that was to fail was made.
    pub(super) failed: bool,
}

pub(super) fn recording(bug: Option<Bug>, fail_at: u64) -> (Arc<Script>, Disk) {
    let errno = if fail_at.is_multiple_of(3) { libc::ENOSPC } else { libc::EIO };
    let (fail_at, errno) = (fail_at.into(), errno.into());
    let script = Arc::new(Script { record: true, fail_at, errno, ..Script::default() });
    #[cfg_attr(not(feature = "planted"), expect(unused_mut, reason = "for the bug"))]
    let mut disk = Disk::scripted(&script);
    #[cfg(feature = "planted")]
    {
        disk.bug = bug;
    }
    let _ = bug;
    (script, disk)
}

/// The calls of one run of small batches.
pub(super) fn run(setup: Setup) -> Run {
    let memory = || tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let (dir, hot) = (memory(), memory());
    let (script, disk) = recording(setup.bug, setup.fail_at);
    let hot_path = (setup.tiers == 2).then(|| hot.path());
    let lock = JournalDir::lock_on(dir.path(), hot_path, None, disk).unwrap();
    if let Ok(mut writer) = Writer::create(&lock, "inputs", options(Durability::D2)) {
        let all = records(&mut Random(41), setup.records, 400);
        let durable = writer.durability();
        for part in all.chunks(60) {
            let refused = part.iter().any(|record| writer.append(record.record()).is_err());
            let last = part.last().unwrap().seq;
            // With one tier the next batch sometimes comes while this one is synced.
            while last % 7 != 0 && durable.failed().is_none() && durable.durable_seq() < last {
                std::thread::sleep(Duration::from_micros(50));
            }
            if refused || durable.failed().is_some() {
                break;
            }
        }
        std::thread::sleep(Duration::from_millis(12));
        if setup.close {
            drop(writer.close());
        } else {
            drop(writer);
        }
    }
    drop(lock);
    let ops = std::mem::take(&mut *script.ops.lock().unwrap());
    let failed = setup.fail_at > 0 && script.calls.load(std::sync::atomic::Ordering::SeqCst) >= setup.fail_at;
    Run { dir, hot, ops, failed }
}

/// Recovers the segments of an image in order; returns the last seq, or what was called corrupt.
pub(super) fn recover_image<'a>(
    files: impl IntoIterator<Item = &'a [u8]>,
    full: bool,
) -> Result<u64, String> {
    let (mut last, mut ts_ns, mut ended) = (0, 0, false);
    for (index, file) in files.into_iter().enumerate() {
        let header = SegmentHeader::pick(file).ok_or_else(|| format!("segment {index}: no header"))?;
        if header.segment_index != index as u64 {
            return Err(format!("segment {index} is missing"));
        }
        let watermark = header.watermark(file);
        if ended {
            if header.is_sealed() || watermark.durable_bytes > FRAMES_START {
                return Err(format!("segment {index} was durable, the one before was not"));
            }
            continue;
        }
        let frames = &file[..header.frames_end() as usize];
        if header.is_sealed() && !full {
            // As recovery does, which reads sealed segments only when it is asked to.
            if header.frame_count > 0 {
                (last, ts_ns) = (header.last_seq, header.last_ts_ns);
            }
            continue;
        }
        match judge(frames, &header, &watermark, Some(last + 1), ts_ns) {
            Verdict::Good(found) => {
                if let Some((seq, at_ns)) = found.last {
                    (last, ts_ns) = (seq, at_ns);
                }
                ended = !found.rolled && !header.is_sealed();
            }
            Verdict::Corrupt { offset, what, .. } => {
                return Err(format!("segment {index}, {offset}: {what}"));
            }
        }
    }
    Ok(last)
}

/// Makes images and returns how many there were, or the first that recovered wrongly.
pub(super) fn images(bug: Option<Bug>, tiers: u8, wanted: u64) -> Result<u64, String> {
    let mut random = Random(seed());
    let close = random.below(4) == 0;
    let ops = run(Setup { bug, tiers, records: 3_000, fail_at: 0, close }).ops;
    let mut made = 0;
    while made < wanted {
        made += images_of(&ops, &mut random, wanted - made)?;
    }
    Ok(made)
}

/// About as many images as are wanted, at all steps of a run.
fn images_of(ops: &[Op], random: &mut Random, wanted: u64) -> Result<u64, String> {
    let (mut model, mut spare) = (Model::default(), Vec::new());
    let mut made = 0;
    let looked_at = |at: usize, op: &Op| !matches!(op, Op::Mapped(..)) || at.is_multiple_of(16);
    let steps = ops.iter().enumerate().filter(|&(at, op)| looked_at(at, op)).count() as u64;
    for (at, op) in ops.iter().enumerate() {
        model.step(op);
        // A name that was not synced may be gone, with all that was written under it.
        let certain = model.certain();
        if !looked_at(at, op) || !model.files.keys().any(|name| is_segment(name)) {
            continue;
        }
        // A part of them with names that were not synced, and with removed ones that come back.
        let names = model.unsynced_names.len() + model.unsynced_removals.len();
        for _ in 0..if names > 0 { 1 + wanted / steps / 4 } else { 0 } {
            let image = again::any_image(&model, random, &mut spare);
            made += 1;
            model.allows(recover_image(again::bytes(&image), made % 64 == 1), made)?;
            spare.extend(image.into_iter().map(|(_, bytes)| bytes));
        }
        let base: Vec<Vec<u8>> = certain.iter().map(|name| model.files[name].clone()).collect();
        let mut image = base.clone();
        for _ in 0..wanted.div_ceil(steps) * 2 {
            let mut touched = false;
            for (file, name) in image.iter_mut().zip(&certain) {
                if let Some(writes) = model.unsynced.get(name).filter(|writes| !writes.is_empty()) {
                    survive(random, file, writes);
                    touched = true;
                }
            }
            made += 1;
            model.allows(recover_image(image.iter().map(Vec::as_slice), made % 64 == 1), made)?;
            if !touched {
                break;
            }
            for ((file, name), whole) in image.iter_mut().zip(&certain).zip(&base) {
                for (offset, bytes) in model.unsynced.get(name).into_iter().flatten() {
                    let range = *offset as usize..*offset as usize + bytes.len();
                    file[range.clone()].copy_from_slice(&whole[range]);
                }
            }
        }
    }
    Ok(made)
}

#[test]
fn any_subset_of_unsynced_bytes_recovers_to_a_prefix_with_all_that_was_durable() {
    let wanted = if super::long() { 10_000_000 } else { 250_000 };
    for tiers in [2, 1] {
        let (started, mut made) = (std::time::Instant::now(), 0);
        while made < wanted {
            // Of many runs: each has other batches.
            made += images(None, tiers, 250_000).unwrap();
            super::progress(made, 1, "images");
        }
        println!("{made} images, {tiers} tiers, in {:?}", started.elapsed());
    }
    assert_eq!(HEADER_COPY_BYTES, 2_048, "copies in different sectors");
}

/// Lets the n-th call fail, and says whether what was said to be durable is on the disk if nothing unsynced survives; and
/// whether there was such a call.
pub(super) fn failing_call(bug: Option<Bug>, tiers: u8, fail_at: u64) -> Result<bool, String> {
    let close = fail_at.is_multiple_of(4);
    let Run { ops, failed, .. } = run(Setup { bug, tiers, records: 800, fail_at, close });
    let mut model = Model::default();
    ops.iter().for_each(|op| model.step(op));
    let files: Vec<Vec<u8>> = model.certain().iter().map(|name| model.files[name].clone()).collect();
    let found = recover_image(files.iter().map(Vec::as_slice), true)?;
    let durable_seq = model.durable_seq;
    if found < durable_seq {
        return Err(format!("call {fail_at}: {found} found, {durable_seq} durable"));
    }
    Ok(failed)
}

#[test]
fn an_error_of_any_call_gives_no_false_durability() {
    let mut random = Random(seed());
    let (wanted, mut failed, mut call) = (if super::long() { 10_000 } else { 200 }, 0, 0_u64);
    while failed < wanted {
        call += 1;
        // The first calls one by one with one tier and with two, then any of them.
        let fail_at = if call <= 120 { call.div_ceil(2) } else { 1 + random.below(140) };
        failed += u64::from(failing_call(None, 1 + (call % 2) as u8, fail_at).unwrap());
        assert!(call < 10 * wanted, "the calls are never made");
    }
    println!("{failed} calls failed in {call} runs");
}
