//! What a failed sync, a power failure during recovery, and names that come back do to a recovery.

use std::path::{Path, PathBuf};

use super::{Model, Run, Setup, is_segment, recording, recover_image, run, survive};
use crate::tests::recovery::options;
use crate::tests::{Random, long, seed};
use crate::{Durability, JournalDir, Writer, recover};

/// What may be on the disk: any of the unsynced bytes and names, and any of the removed files, are there.
/// `spare` are buffers to
/// use: the kernel takes longer to make new ones than they take to fill.
pub(super) fn any_image(
    model: &Model,
    random: &mut Random,
    spare: &mut Vec<Vec<u8>>,
) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for name in model.named.iter().chain(&model.unsynced_names) {
        let certain = model.named.contains(name);
        if !is_segment(name) || !certain && random.below(2) == 0 {
            continue;
        }
        let Some(certain) = model.files.get(name) else { continue };
        let mut file = spare.pop().unwrap_or_default();
        file.clone_from(certain);
        survive(random, &mut file, model.unsynced.get(name).map_or(&[], Vec::as_slice));
        files.push((name.clone(), file));
    }
    let back = model.unsynced_removals.iter().filter(|(name, _)| is_segment(name) && random.below(2) == 0);
    files.extend(back.cloned().collect::<Vec<_>>());
    files.sort();
    files.dedup_by(|one, other| one.0 == other.0);
    files
}

pub(super) fn bytes(files: &[(PathBuf, Vec<u8>)]) -> impl Iterator<Item = &[u8]> {
    files.iter().map(|(_, bytes)| bytes.as_slice())
}

/// Puts an image into a directory of its own.
fn store(files: &[(PathBuf, Vec<u8>)], dir: &Path) {
    std::fs::create_dir_all(dir.join("inputs")).unwrap();
    for (name, bytes) in files {
        std::fs::write(dir.join("inputs").join(name.file_name().unwrap()), bytes).unwrap();
    }
}

/// Recovers `files` and lets the power fail at every call of it; the bytes that were on the disk before stay there.
/// Returns the number of images.
fn recovery_fails(files: &[(PathBuf, Vec<u8>)], random: &mut Random, each: u64) -> Result<u64, String> {
    let expected = recover_image(bytes(files), false)?;
    let scratch = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    store(files, scratch.path());
    let (script, disk) = recording(None, 0);
    let lock = JournalDir::lock_on(scratch.path(), None, None, disk).unwrap();
    let recovered = recover(&lock, "inputs").map_err(|error| error.to_string())?;
    let last = recovered.last.map_or(0, |last| last.seq);
    if last != expected {
        return Err(format!("{last} recovered of {expected}"));
    }
    drop(lock);
    let ops = std::mem::take(&mut *script.ops.lock().unwrap());
    let mut model = Model::default();
    for (name, bytes) in files {
        let name = scratch.path().join("inputs").join(name.file_name().unwrap());
        model.files.insert(name.clone(), bytes.clone());
        model.named.push(name);
    }
    let (mut made, mut spare) = (0, Vec::new());
    for op in &ops {
        model.step(op);
        for _ in 0..each {
            let image = any_image(&model, random, &mut spare);
            made += 1;
            let found = recover_image(bytes(&image), made % 16 == 0)?;
            if found != expected {
                return Err(format!("{found} found of {expected} after a failure in recovery"));
            }
            if made % 97 == 0 {
                // The same with the whole of recovery, which also proves its hashes.
                let again = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
                store(&image, again.path());
                let lock = JournalDir::lock(again.path()).unwrap();
                let second = recover(&lock, "inputs").map_err(|error| error.to_string())?;
                if (second.last, second.chain) != (recovered.last, recovered.chain) {
                    return Err(format!("{second:?} instead of {recovered:?}"));
                }
            }
            spare.extend(image.into_iter().map(|(_, bytes)| bytes));
        }
    }
    Ok(made)
}

/// Images of runs whose recovery is cut short; with a bug only in recovery.
pub(in crate::tests) fn cut_recoveries(runs: u64, each: u64) -> Result<u64, String> {
    let mut random = Random(seed());
    let mut made = 0;
    for number in 0..runs {
        let (tiers, close) = (1 + (number % 2) as u8, number % 4 == 3);
        let Run { ops, .. } = run(Setup { bug: None, tiers, records: 3_000, fail_at: 0, close });
        // Of a closed run the removal of what was made ahead matters.
        let from = if close { ops.len().saturating_sub(12) } else { ops.len() / 8 };
        let mut stops: Vec<usize> =
            (0..6).map(|_| from + random.below((ops.len() - from) as u64) as usize).collect();
        stops.sort_unstable();
        let mut model = Model::default();
        for (at, op) in ops.iter().enumerate() {
            model.step(op);
            if stops.contains(&at) {
                let files = any_image(&model, &mut random, &mut Vec::new());
                if !files.is_empty() {
                    model.allows(recover_image(bytes(&files), true), made)?;
                    made += recovery_fails(&files, &mut random, each)?;
                }
            }
        }
    }
    Ok(made)
}

#[test]
fn a_power_failure_during_recovery_takes_nothing_that_was_found() {
    let made = cut_recoveries(if long() { 200 } else { 8 }, if long() { 60 } else { 20 }).unwrap();
    println!("{made} images of recoveries cut short");
}

/// A run in which a sync fails, recovered by a process of the same boot that then continues; and then the power fails, and
/// nothing unsynced survives. What recovery found must be there.
pub(in crate::tests) fn failed_sync(tiers: u8, fail_at: u64) -> Result<(), String> {
    let close = fail_at.is_multiple_of(2);
    let Run { dir, hot, ops, .. } = run(Setup { bug: None, tiers, records: 800, fail_at, close });
    let mut model = Model::default();
    ops.iter().for_each(|op| model.step(op));
    let (script, disk) = recording(None, 0);
    let hot_path = (tiers == 2).then(|| hot.path());
    let lock = JournalDir::lock_on(dir.path(), hot_path, None, disk).unwrap();
    if crate::dir::segment_indices(&dir.path().join("inputs")).map_or(0, |found| found.len()) == 0 {
        return Ok(());
    }
    let recovered = recover(&lock, "inputs").map_err(|error| error.to_string())?;
    let writer = Writer::resume(&lock, "inputs", options(Durability::D2), &recovered);
    drop(writer.map_err(|error| error.to_string())?);
    let recovery = std::mem::take(&mut *script.ops.lock().unwrap());
    recovery.iter().for_each(|op| model.step(op));
    let files: Vec<Vec<u8>> = model.certain().iter().map(|name| model.files[name].clone()).collect();
    let found = recover_image(files.iter().map(Vec::as_slice), true)
        .map_err(|error| format!("call {fail_at}, {tiers} tiers: {error}"))?;
    let expected = recovered.last.map_or(0, |last| last.seq);
    if found < expected {
        return Err(format!("call {fail_at}, {tiers} tiers: {found} on the disk, {expected} recovered"));
    }
    Ok(())
}

#[test]
fn what_recovery_finds_after_a_failed_sync_is_on_the_disk() {
    for fail_at in 1..=if long() { 400 } else { 90 } {
        for tiers in [1, 2] {
            failed_sync(tiers, fail_at).unwrap();
        }
    }
}

#[test]
fn a_removed_name_may_come_back_until_its_directory_is_synced() {
    // A removal is for good only after a sync of the directory.
    let mut model = Model::default();
    let name = PathBuf::from("/j/inputs/0000000000000000.lxj");
    model.files.insert(name.clone(), Vec::new());
    model.named.push(name.clone());
    model.step(&crate::disk::Op::Remove(name.clone()));
    let mut random = Random(1);
    assert!((0..64).any(|_| any_image(&model, &mut random, &mut Vec::new()).len() == 1));
    model.step(&crate::disk::Op::SyncDir(name.parent().unwrap().into()));
    assert!((0..64).all(|_| any_image(&model, &mut random, &mut Vec::new()).is_empty()));
}
