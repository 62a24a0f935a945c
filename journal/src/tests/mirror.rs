//! Damage of one of two copies is repaired and told; damage of both is named.

use std::fs;
use std::path::{Path, PathBuf};

use super::exhaustive::segment;
use super::recovery::{append, options, wait_durable};
use super::{Owned, Random, long, read, records, seed, small};
use crate::dir::segment_path;
use crate::format::{BLOCK_BYTES, FRAMES_START, SegmentHeader, Watermark};
use crate::recover::mirror::Mirror;
use crate::recover::scan::{chain_of, judge};
use crate::{Durability, EndState, JournalDir, JournalError, Writer, recover, recover_full};

fn memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Damages a few places of one file between `from` and `to`, in one of the ways in which disks do.
fn damage(random: &mut Random, file: &mut [u8], from: u64, to: u64) {
    for _ in 0..1 + random.below(3) {
        let at = (from + random.below(to - from)) as usize;
        match random.below(4) {
            0 => file[at] ^= 1 << random.below(8),
            1 => file[at / 512 * 512..][..512].fill(0),
            2 => {
                let junk = random.bytes(512);
                file[at / 512 * 512..][..512].copy_from_slice(&junk);
            }
            _ => {
                let end = (at + 1 + random.below(3 * BLOCK_BYTES) as usize).min(to as usize);
                file[at..end].fill(0xa5);
            }
        }
    }
}

#[test]
fn ten_thousand_damages_of_one_copy_are_mended() {
    let mut random = Random(seed());
    let scratch = memory();
    for sealed in [true, false] {
        let (whole, ends) = segment(sealed, 400);
        let header = SegmentHeader::pick(&whole).unwrap();
        fs::write(segment_path(scratch.path(), 0), &whole).unwrap();
        let frames = &whole[..header.frames_end() as usize];
        let watermark = if sealed { Watermark::none(&header) } else { header.watermark(&whole) };
        let verdict = |bytes: &[u8]| judge(bytes, &header, &watermark, Some(1), 0);
        let good = verdict(frames);
        let crate::recover::scan::Verdict::Good(good) = good else { panic!("{good:?}") };
        let hash = chain_of(frames, &header, &good, [0; 32]).0;
        let mut mended = 0;
        for round in 0..if long() { 50_000 } else { 5_000 } {
            let mut bytes = frames.to_vec();
            damage(&mut random, &mut bytes, FRAMES_START, *ends.last().unwrap());
            if bytes == frames {
                continue;
            }
            let mut mirror = Mirror::new(scratch.path().to_owned());
            let path = Path::new("primary");
            let fits = |bytes: &[u8], found: &_| chain_of(bytes, &header, found, [0; 32]).0 == hash;
            let found = mirror.mend(path, &header, &mut bytes, verdict, fits).unwrap();
            assert!(found.is_some_and(|found| found.end == good.end), "round {round}, sealed {sealed}");
            assert!(bytes == frames, "round {round}, sealed {sealed}: other bytes");
            assert!(!mirror.repaired().is_empty());
            mended += 1;
        }
        assert!(mended > 4_900, "{mended}");
    }
}

/// A stream of two epochs, the second one unsealed, with a mirror.
fn stream(dir: &Path, mirror: &Path) -> Vec<Owned> {
    let all = records(&mut Random(61), 3_000, 300);
    let lock = JournalDir::lock_with(dir, None, Some(mirror)).unwrap();
    let mut writer = Writer::create(&lock, "inputs", options(Durability::D2)).unwrap();
    append(&mut writer, &all[..2_000]);
    writer.close().unwrap();
    let recovered = recover(&lock, "inputs").unwrap();
    assert!(recovered.repaired.is_empty());
    let mut writer = Writer::resume(&lock, "inputs", options(Durability::D2), &recovered).unwrap();
    append(&mut writer, &all[2_000..]);
    wait_durable(&writer.durability(), 3_000);
    std::thread::sleep(std::time::Duration::from_millis(60));
    all
}

fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(dir.join("inputs")).unwrap().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|end| end == "lxj"))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

fn put_back(files: &[(PathBuf, Vec<u8>)]) {
    let folder = files[0].0.parent().unwrap();
    fs::remove_dir_all(folder).unwrap();
    fs::create_dir_all(folder).unwrap();
    for (path, bytes) in files {
        fs::write(path, bytes).unwrap();
    }
}

/// Where the frames of a segment end, as far as they are durable.
fn end_of(bytes: &[u8]) -> u64 {
    let header = SegmentHeader::pick(bytes).unwrap();
    if header.is_sealed() { header.sealed_bytes } else { header.watermark(bytes).durable_bytes }
}

#[test]
fn the_mirror_has_the_same_bytes_and_repairs_are_told() {
    let (dir, mirror) = (memory(), memory());
    let all = stream(dir.path(), mirror.path());
    let (primary, copy) = (files(dir.path()), files(mirror.path()));
    for ((path, one), (_, other)) in primary.iter().zip(&copy) {
        let end = end_of(one) as usize;
        assert!(one[4096..end] == other[4096..end], "{path:?}");
    }
    let mut random = Random(seed());
    for round in 0..if long() { 2_000 } else { 150 } {
        put_back(&primary);
        put_back(&copy);
        let of_primary = random.below(2) == 0;
        let target = if of_primary { &primary } else { &copy };
        let held: Vec<_> = target.iter().filter(|(_, bytes)| end_of(bytes) > FRAMES_START).collect();
        let (path, bytes) = held[random.below(held.len() as u64) as usize];
        let mut bytes = bytes.clone();
        let end = end_of(&bytes);
        let sealed = SegmentHeader::pick(&bytes).unwrap().is_sealed();
        match random.below(6) {
            0 if of_primary => bytes[..FRAMES_START as usize].fill(0x5a),
            1 => bytes.truncate((FRAMES_START + random.below(end - FRAMES_START)) as usize),
            _ => damage(&mut random, &mut bytes, FRAMES_START, end),
        }
        let changed = target.iter().any(|(name, whole)| name == path && *whole != bytes);
        fs::write(path, &bytes).unwrap();
        let lock = JournalDir::lock_with(dir.path(), None, Some(mirror.path())).unwrap();
        let recovered = recover_full(&lock, "inputs").unwrap();
        let told = recovered.repaired.iter().any(|repaired| repaired.path == *path);
        // An unsealed mirror is copied anew in any case.
        assert!(told || !changed || !of_primary && !sealed, "round {round}: {recovered:?}");
        let (found, end) = read(dir.path());
        assert!(found == all, "round {round}: {} records", found.len());
        assert_eq!(end.unwrap(), EndState::Sealed);
        let (one, other) = (files(dir.path()), files(mirror.path()));
        assert!(one.iter().map(|file| &file.1).eq(other.iter().map(|file| &file.1)), "round {round}");
        assert!(recover_full(&lock, "inputs").unwrap().repaired.is_empty());
    }
    // The same place in both: named, and nothing is written.
    put_back(&primary);
    put_back(&copy);
    for files in [&primary, &copy] {
        let (path, mut bytes) = files[0].clone();
        bytes[20_000] ^= 1;
        fs::write(path, bytes).unwrap();
    }
    let before = (files(dir.path()), files(mirror.path()));
    let lock = JournalDir::lock_with(dir.path(), None, Some(mirror.path())).unwrap();
    let error = recover_full(&lock, "inputs").unwrap_err();
    let JournalError::Corrupt { segment: 0, offset, .. } = error else { panic!("{error:?}") };
    assert!(offset <= 20_000, "{error}");
    assert!((files(dir.path()), files(mirror.path())) == before);
}

#[test]
fn a_mirror_of_another_journal_is_refused_and_not_touched() {
    let (one, other, mirror) = (memory(), memory(), memory());
    for (dir, refused) in [(&one, false), (&other, true)] {
        let lock = JournalDir::lock_with(dir.path(), None, Some(mirror.path())).unwrap();
        match Writer::create(&lock, "inputs", small()) {
            Ok(writer) => writer.close().unwrap(),
            Err(error) => assert!(refused && matches!(error, JournalError::NotEmpty { .. }), "{error:?}"),
        }
    }
    let lock = JournalDir::lock(other.path()).unwrap();
    Writer::create(&lock, "inputs", small()).unwrap().close().unwrap();
    drop(lock);
    let before = files(mirror.path());
    let lock = JournalDir::lock_with(other.path(), None, Some(mirror.path())).unwrap();
    let error = recover(&lock, "inputs").unwrap_err();
    assert!(matches!(error, JournalError::Corrupt { .. }) && error.to_string().contains("uuid"), "{error}");
    assert!(files(mirror.path()) == before);
    let error = JournalDir::lock_with(one.path(), None, Some(mirror.path())).unwrap_err();
    assert!(matches!(error, JournalError::InUse { .. }), "two journals, one mirror: {error:?}");
}

#[test]
fn a_mirror_can_be_added_later() {
    let (dir, mirror) = (memory(), memory());
    let all = records(&mut Random(62), 2_000, 300);
    super::write(dir.path(), &all, false);
    let lock = JournalDir::lock_with(dir.path(), None, Some(mirror.path())).unwrap();
    let recovered = recover(&lock, "inputs").unwrap();
    let writer = Writer::resume(&lock, "inputs", options(Durability::D1), &recovered).unwrap();
    writer.close().unwrap();
    assert!(read(mirror.path()).0 == all);
}
