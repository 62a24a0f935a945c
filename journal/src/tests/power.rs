//! Power failures. The calls of a real run on two tiers are recorded; then any of their unsynced bytes survive, and the
//! image must recover to a prefix with everything that was said to be durable, and without a false alarm.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::recovery::options;
use super::{Random, records, seed};
use crate::disk::{Disk, Op, Script};
use crate::format::{FRAMES_START, HEADER_COPY_BYTES, SegmentHeader};
use crate::recover::scan::{Verdict, judge};
use crate::{Durability, JournalDir, Writer};

#[derive(Debug, Clone, Default)]
struct Model {
    /// What is on the disk for certain, by segment file.
    files: HashMap<PathBuf, Vec<u8>>,
    /// Writes since the last sync, by segment file.
    unsynced: HashMap<PathBuf, Vec<(u64, Vec<u8>)>>,
    /// Names that a directory sync made durable.
    named: Vec<PathBuf>,
    unsynced_names: Vec<PathBuf>,
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
                file.resize(*bytes as usize, 0);
            }
            // The zeros of a new segment change nothing: its blocks read as zeros without them.
            Op::Write(_, _, bytes) if bytes.iter().all(|&byte| byte == 0) && bytes.len() > 4_096 => {}
            Op::Write(path, offset, bytes) => {
                self.unsynced.entry(path.clone()).or_default().push((*offset, bytes.clone()));
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
                self.files.remove(path);
                self.unsynced.remove(path);
            }
            Op::SyncDir(_) => self.named.append(&mut self.unsynced_names),
            Op::Durable(seq) => self.durable_seq = *seq,
        }
    }
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

/// The calls of one run of small batches; `fail_at` is the number of the call that fails.
fn run(bug: Option<crate::planted::Bug>, records_count: u64, fail_at: u64) -> (Vec<Op>, u64) {
    let (dir, hot) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm").unwrap());
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
    let lock = JournalDir::lock_on(dir.path(), Some(hot.path()), disk).unwrap();
    if let Ok(mut writer) = Writer::create(&lock, "inputs", options(Durability::D2)) {
        let all = records(&mut Random(41), records_count, 400);
        let durable = writer.durability();
        for part in all.chunks(60) {
            let refused = part.iter().any(|record| writer.append(record.record()).is_err());
            let last = part.last().unwrap().seq;
            while durable.failed().is_none() && durable.durable_seq() < last {
                std::thread::sleep(std::time::Duration::from_micros(50));
            }
            if refused || durable.failed().is_some() {
                break;
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(12));
        drop(writer);
    }
    drop(lock);
    let ops = std::mem::take(&mut *script.ops.lock().unwrap());
    (ops, records_count)
}

/// Recovers the segments of an image in order; returns the last seq, or what was called corrupt.
fn recover_image(files: &[Vec<u8>], full: bool) -> Result<u64, String> {
    let (mut last, mut ts_ns, mut ended) = (0, 0, false);
    for (index, file) in files.iter().enumerate() {
        let header = SegmentHeader::pick(file).ok_or_else(|| format!("segment {index}: no header"))?;
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
            (last, ts_ns) = (header.last_seq, header.last_ts_ns);
            continue;
        }
        match judge(frames, &header, &watermark, Some(last + 1), ts_ns) {
            Verdict::Good(found) => {
                if let Some((seq, at_ns)) = found.last {
                    (last, ts_ns) = (seq, at_ns);
                }
                ended = !found.rolled;
            }
            Verdict::Corrupt { offset, what, .. } => {
                return Err(format!("segment {index}, {offset}: {what}"));
            }
        }
    }
    Ok(last)
}

/// Makes images and returns how many there were, or the first that recovered wrongly.
pub(super) fn images(bug: Option<crate::planted::Bug>, wanted: u64) -> Result<u64, String> {
    let (ops, last_seq) = run(bug, 3_000, 0);
    let mut random = Random(seed());
    let mut model = Model::default();
    let mut made = 0;
    let steps = ops.len() as u64;
    for op in &ops {
        model.step(op);
        let mut names: Vec<&PathBuf> =
            model.files.keys().filter(|path| path.extension().is_some_and(|end| end == "lxj")).collect();
        names.sort();
        if names.is_empty() {
            continue;
        }
        // A name that was not synced may be gone, with all that was written under it.
        let certain: Vec<&PathBuf> =
            names.iter().copied().filter(|name| model.named.contains(name)).collect();
        let base: Vec<Vec<u8>> = certain.iter().map(|&name| model.files[name].clone()).collect();
        let mut image = base.clone();
        for _ in 0..wanted.div_ceil(steps) * 2 {
            let mut touched = false;
            for (file, &name) in image.iter_mut().zip(&certain) {
                if let Some(writes) = model.unsynced.get(name).filter(|writes| !writes.is_empty()) {
                    survive(&mut random, file, writes);
                    touched = true;
                }
            }
            made += 1;
            let found = if image.is_empty() { Ok(0) } else { recover_image(&image, made % 64 == 1) };
            match found {
                Ok(seq) if (model.durable_seq..=last_seq).contains(&seq) => {}
                Ok(seq) => return Err(format!("image {made}: {seq} of {} durable", model.durable_seq)),
                Err(what) => return Err(format!("image {made}: false alarm: {what}")),
            }
            if !touched {
                break;
            }
            for ((file, &name), whole) in image.iter_mut().zip(&certain).zip(&base) {
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
    let wanted = if std::env::var_os("PITLANE_LONG").is_some() { 20_000_000 } else { 500_000 };
    let mut made = 0;
    while made < wanted {
        made += images(None, wanted).unwrap();
    }
    println!("{made} images");
    assert_eq!(HEADER_COPY_BYTES, 2_048, "copies in different sectors");
}

/// Lets the n-th call fail, and says whether what was said to be durable is on the disk if nothing unsynced survives.
pub(super) fn failing_call(bug: Option<crate::planted::Bug>, fail_at: u64) -> Result<(), String> {
    let (ops, _) = run(bug, 800, fail_at);
    let mut model = Model::default();
    for op in &ops {
        model.step(op);
    }
    let mut names: Vec<&PathBuf> =
        model.named.iter().filter(|path| path.extension().is_some_and(|end| end == "lxj")).collect();
    names.sort();
    let files: Vec<Vec<u8>> = names.iter().filter_map(|&name| model.files.get(name).cloned()).collect();
    let found = if files.is_empty() { 0 } else { recover_image(&files, true)? };
    let durable_seq = model.durable_seq;
    if found < durable_seq {
        return Err(format!("call {fail_at}: {found} found, {durable_seq} durable"));
    }
    Ok(())
}

#[test]
fn an_error_of_any_call_gives_no_false_durability() {
    let long = std::env::var_os("PITLANE_LONG").is_some();
    let mut random = Random(seed());
    for call in 1..=if long { 3_000 } else { 200 } {
        // The first calls one by one, and some of the later ones.
        let fail_at = if long || call <= 120 { call } else { 120 + random.below(200) };
        failing_call(None, fail_at).unwrap();
    }
}
