//! What a crash left becomes a stream that ends in order and goes on in a new epoch.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::damage::open_segment;
use super::{Owned, Random, read, records, small};
use crate::dir::segment_path;
use crate::format::{FRAMES_START, HEADER_COPY_BYTES, WATERMARK_AT};
use crate::{
    Durability, Durable, EndState, Fault, Ids, JournalDir, JournalError, Writer, WriterOptions, recover,
    recover_full,
};

pub(super) fn options(level: Durability) -> WriterOptions {
    WriterOptions { level, ..small() }
}

fn lock(dir: &Path, hot: Option<&Path>) -> JournalDir {
    match hot {
        Some(hot) => JournalDir::lock_tiered(dir, hot).unwrap(),
        None => JournalDir::lock(dir).unwrap(),
    }
}

pub(super) fn append(writer: &mut Writer, records: &[Owned]) {
    for record in records {
        writer.append(record.record()).unwrap();
    }
}

pub(super) fn wait_durable(durable: &Durable, seq: u64) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while durable.durable_seq() < seq {
        assert!(durable.failed().is_none(), "{:?}", durable.failed());
        assert!(Instant::now() < deadline, "{} of {seq}", durable.durable_seq());
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// All segment files of the stream.
fn image(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(dir.join("inputs")).unwrap().flatten();
    files
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "lxj"))
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect()
}

/// The same, once the segments are there that are kept ready: the writer never rolls into one that is not.
fn image_with_spares(dir: &Path, count: usize) -> BTreeMap<String, Vec<u8>> {
    loop {
        let files = image(dir);
        if files.len() >= count {
            return files;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn hot_dir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

#[test]
fn crashes_and_restarts_lose_nothing_and_readers_go_across_epochs() {
    for level in [Durability::D0, Durability::D1, Durability::D2] {
        for tiers in [1, 2] {
            let (dir, hot) = (tempfile::tempdir().unwrap(), hot_dir());
            let hot = (tiers == 2).then(|| hot.path());
            let all = records(&mut Random(21), 6_000, 300);
            let locked = lock(dir.path(), hot);
            let mut writer = Writer::create(&locked, "inputs", options(level)).unwrap();
            assert_eq!(writer.durability().epoch(), 1);
            let cuts = [0, 2_500, 2_500, 4_000, all.len()];
            for (epoch, part) in (2..).zip(cuts.windows(2)) {
                append(&mut writer, &all[part[0]..part[1]]);
                drop(writer);
                let recovered = recover(&locked, "inputs").unwrap();
                let place = format!("{level:?}, {tiers} tiers, epoch {epoch}: {recovered:?}");
                assert_eq!(recovered.last.map_or(0, |last| last.seq), part[1] as u64, "{place}");
                assert_eq!(recovered.torn, None, "{place}");
                let again = recover(&locked, "inputs").unwrap();
                assert!(again.was_closed && again.last == recovered.last, "{place}: {again:?}");
                assert_eq!(again.chain, recovered.chain, "{place}");
                let (found, end) = read(dir.path());
                assert!(found == all[..part[1]], "{place}: {} of {}", found.len(), part[1]);
                assert_eq!(end.unwrap(), EndState::Sealed, "{place}");
                writer = Writer::resume(&locked, "inputs", options(level), &again).unwrap();
                assert!(writer.durability().epoch() >= epoch, "{place}");
                assert_eq!(writer.next_seq(), part[1] as u64 + 1);
            }
            writer.close().unwrap();
            let (found, end) = read(dir.path());
            assert!(found == all);
            assert_eq!(end.unwrap(), EndState::Sealed);
            let full = recover_full(&locked, "inputs").unwrap();
            assert!(full.was_closed && full.frames_scanned == all.len() as u64, "{full:?}");
        }
    }
}

#[test]
fn damage_below_the_watermark_stops_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let all = records(&mut Random(22), 500, 200);
    let locked = lock(dir.path(), None);
    let mut writer = Writer::create(&locked, "inputs", options(Durability::D2)).unwrap();
    append(&mut writer, &all);
    wait_durable(&writer.durability(), 500);
    // The last batch's watermark is written when nothing more comes.
    std::thread::sleep(Duration::from_millis(60));
    drop(writer);
    let file = open_segment(dir.path(), 0);
    let mut byte = [0];
    file.read_exact_at(&mut byte, FRAMES_START + 5_000).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], FRAMES_START + 5_000).unwrap();
    let before = image(dir.path());
    let error = recover(&locked, "inputs").unwrap_err();
    let JournalError::Corrupt { segment: 0, offset, seq_expected: Some(seq), what, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(*offset <= FRAMES_START + 5_000 && *seq > 1, "{error}");
    assert!(matches!(what, Fault::Checksum { .. } | Fault::FrameLength { .. }), "{error}");
    assert_eq!(image(dir.path()), before);
    // With the watermarks gone the same damage is a torn tail: that is what they are for.
    for copy in 0..2 {
        file.write_all_at(&[0; 64], (copy * HEADER_COPY_BYTES + WATERMARK_AT) as u64).unwrap();
    }
    let recovered = recover(&locked, "inputs").unwrap();
    let torn = recovered.torn.unwrap();
    assert!(torn.offset == *offset && torn.bytes > 0 && torn.reason == Some(*what), "{torn:?}");
    assert_eq!(recovered.last.map(|last| last.seq + 1), Some(*seq));
    let (found, end) = read(dir.path());
    assert!(all.starts_with(&found) && found.len() as u64 + 1 == *seq);
    assert_eq!(end.unwrap(), EndState::Sealed);
}

#[test]
fn what_only_the_hot_tier_has_is_merged_but_only_of_this_boot() {
    assert_eq!(merged(true), 3_000);
    assert_eq!(merged(false), 1_500);
}

/// Records found of 3,000 of which the durable tier has 1,500.
pub(super) fn merged(same_boot: bool) -> usize {
    let (dir, hot) = (tempfile::tempdir().unwrap(), hot_dir());
    let all = records(&mut Random(23), 3_000, 300);
    let locked = lock(dir.path(), Some(hot.path()));
    let mut writer = Writer::create(&locked, "inputs", options(Durability::D1)).unwrap();
    append(&mut writer, &all[..1_500]);
    wait_durable(&writer.durability(), 1_500);
    let behind = image_with_spares(dir.path(), 4);
    append(&mut writer, &all[1_500..]);
    drop(writer);
    // The durable tier as it was: what came after is only in the hot one.
    for (name, bytes) in &behind {
        let mut bytes = bytes.clone();
        if !same_boot {
            another_boot(&mut bytes);
        }
        fs::write(dir.path().join("inputs").join(name), bytes).unwrap();
    }
    let recovered = recover(&locked, "inputs").unwrap();
    let (found, end) = read(dir.path());
    assert!(all.starts_with(&found));
    assert_eq!(end.unwrap(), EndState::Sealed);
    assert_eq!(recovered.merged_frames, found.len() as u64 - 1_500, "{recovered:?}");
    Writer::resume(&locked, "inputs", options(Durability::D1), &recovered).unwrap().close().unwrap();
    recover_full(&locked, "inputs").unwrap();
    found.len()
}

/// Changes the boot id in both header copies.
pub(super) fn another_boot(bytes: &mut [u8]) {
    use crate::format::SegmentHeader;
    use zerocopy::{FromBytes, IntoBytes};
    for copy in bytes[..FRAMES_START as usize].chunks_exact_mut(HEADER_COPY_BYTES) {
        let mut header = SegmentHeader::read_from_bytes(copy).unwrap();
        if header.generation > 0 {
            header.boot_id = [7; 16];
            header.sign();
            copy.copy_from_slice(header.as_bytes());
        }
    }
}

#[test]
fn another_build_or_schema_is_refused_unless_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let locked = lock(dir.path(), None);
    let ids = Ids { build: [1; 16], schema: [2; 16], ..Ids::default() };
    let given = WriterOptions { ids, ..small() };
    Writer::create(&locked, "inputs", given).unwrap().close().unwrap();
    let recovered = recover(&locked, "inputs").unwrap();
    for (build, schema, differs) in [(9, 2, "build"), (1, 9, "schema")] {
        let ids = Ids { build: [build; 16], schema: [schema; 16], ..ids };
        let other = WriterOptions { ids, ..small() };
        let error = Writer::resume(&locked, "inputs", other, &recovered).unwrap_err();
        assert!(matches!(error, JournalError::OtherIds { what, .. } if what == differs), "{error:?}");
        assert_eq!(fs::read_dir(dir.path().join("inputs")).unwrap().count(), 1);
    }
    let config = WriterOptions { ids: Ids { config: [9; 16], ..ids }, ..small() };
    Writer::resume(&locked, "inputs", config, &recovered).unwrap().close().unwrap();
    let error = Writer::resume(&locked, "inputs", config, &recovered).unwrap_err();
    assert!(matches!(error, JournalError::NotRecovered { .. }), "{error:?}");
    let recovered = recover(&locked, "inputs").unwrap();
    let other = WriterOptions { allow_other_ids: true, ..small() };
    Writer::resume(&locked, "inputs", other, &recovered).unwrap().close().unwrap();
    assert_eq!(read(dir.path()).1.unwrap(), EndState::Sealed);
}

#[test]
fn missing_and_misplaced_segments_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let all = super::damage::many(dir.path(), false);
    let locked = lock(dir.path(), None);
    let folder = dir.path().join("inputs");
    let moved = fs::read(segment_path(&folder, 1)).unwrap();
    fs::remove_file(segment_path(&folder, 1)).unwrap();
    let error = recover(&locked, "inputs").unwrap_err();
    let missing = matches!(error, JournalError::Corrupt { segment: 1, what: Fault::SegmentMissing, .. });
    assert!(missing, "{error:?}");
    fs::copy(segment_path(&folder, 2), segment_path(&folder, 1)).unwrap();
    let error = recover(&locked, "inputs").unwrap_err();
    let what = Fault::Foreign { field: "segment index" };
    assert!(matches!(error, JournalError::Corrupt { segment: 1, what: w, .. } if w == what), "{error:?}");
    fs::write(segment_path(&folder, 1), moved).unwrap();
    recover(&locked, "inputs").unwrap();
    assert!(read(dir.path()).0 == all);
}

#[test]
fn a_lost_or_damaged_epoch_file_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let locked = lock(dir.path(), None);
    Writer::create(&locked, "inputs", small()).unwrap().close().unwrap();
    let uuid = locked.journal_uuid();
    drop(locked);
    for damage in 0..3 {
        let path = dir.path().join("EPOCH");
        let mut bytes = fs::read(&path).unwrap();
        match damage {
            0 => fs::remove_file(&path).unwrap(),
            1 => fs::write(&path, &bytes[..20]).unwrap(),
            _ => {
                bytes[25] ^= 4;
                fs::write(&path, bytes).unwrap();
            }
        }
        let locked = lock(dir.path(), None);
        let recovered = recover(&locked, "inputs").unwrap();
        let writer = Writer::resume(&locked, "inputs", small(), &recovered).unwrap();
        assert_eq!(writer.durability().epoch(), recovered.epoch + 1);
        assert_eq!(locked.journal_uuid(), uuid);
        writer.close().unwrap();
    }
    assert_eq!(read(dir.path()).1.unwrap(), EndState::Sealed);
}

#[test]
fn a_recovery_cut_short_at_any_call_is_done_again_with_the_same_end() {
    use crate::disk::{Disk, Script};
    use std::sync::Arc;
    use std::sync::atomic::Ordering::SeqCst;
    let (dir, hot) = (tempfile::tempdir().unwrap(), hot_dir());
    let all = records(&mut Random(24), 3_000, 300);
    let (behind, in_memory) = {
        let locked = lock(dir.path(), Some(hot.path()));
        let mut writer = Writer::create(&locked, "inputs", options(Durability::D1)).unwrap();
        append(&mut writer, &all[..1_000]);
        wait_durable(&writer.durability(), 1_000);
        let behind = image_with_spares(dir.path(), 3);
        append(&mut writer, &all[1_000..]);
        let folder = locked.hot_folder(locked.journal_uuid(), "inputs").unwrap().unwrap();
        drop(writer);
        let files = fs::read_dir(&folder).unwrap().flatten();
        let in_memory: Vec<_> = files.map(|file| (file.path(), fs::read(file.path()).unwrap())).collect();
        (behind, in_memory)
    };
    let mut ends = Vec::new();
    for fail_at in 1.. {
        drop(fs::remove_dir_all(dir.path().join("inputs")));
        fs::create_dir_all(dir.path().join("inputs")).unwrap();
        for (name, bytes) in &behind {
            fs::write(dir.path().join("inputs").join(name), bytes).unwrap();
        }
        for (path, bytes) in &in_memory {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let script = Arc::new(Script::default());
        script.fail_at.store(fail_at, SeqCst);
        script.errno.store(libc::EIO, SeqCst);
        let disk = Disk::scripted(&script);
        let locked = JournalDir::lock_on(dir.path(), Some(hot.path()), None, disk).unwrap();
        let first = recover(&locked, "inputs");
        let done = first.is_ok();
        let last = first.or_else(|_| recover(&locked, "inputs")).unwrap();
        assert_eq!(last.last.map(|last| last.seq), Some(3_000), "call {fail_at}");
        ends.push(last.chain);
        assert!(read(dir.path()).0 == all);
        if done {
            assert!(fail_at > 10, "the test is meant to fail many calls");
            break;
        }
    }
    assert!(ends.iter().all(|end| *end == ends[0]));
}

#[test]
fn seeking_finds_what_reading_finds() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(25);
    let mut all = records(&mut random, 4_000, 400);
    for record in &mut all {
        // Many records share a timestamp.
        record.ts_ns = 1_000 + record.seq / 7 * 10;
    }
    let locked = lock(dir.path(), None);
    let mut writer = Writer::create(&locked, "inputs", small()).unwrap();
    append(&mut writer, &all[..2_500]);
    drop(writer);
    let recovered = recover(&locked, "inputs").unwrap();
    let mut writer = Writer::resume(&locked, "inputs", small(), &recovered).unwrap();
    append(&mut writer, &all[2_500..]);
    for closed in [false, true] {
        let mut reader = crate::Reader::open(dir.path(), "inputs").unwrap();
        let last = all.last().map(|record| (record.seq, record.ts_ns));
        for _ in 0..2 {
            assert_eq!(reader.seek_last().unwrap().map(|found| (found.seq, found.ts_ns)), last);
            assert!(reader.next().unwrap().is_none(), "it is at its end");
        }
        for _ in 0..400 {
            let seq = random.below(4_100);
            let found = reader.seek_seq(seq).unwrap();
            let expected = all.iter().find(|record| record.seq >= seq);
            assert_eq!(found, expected.is_some());
            assert_eq!(reader.next().unwrap().map(Owned::from).as_ref(), expected, "seq {seq}, {closed}");
            let ts_ns = 900 + random.below(6_000);
            let found = reader.seek_ts(ts_ns).unwrap();
            let at = all.partition_point(|record| record.ts_ns < ts_ns);
            assert_eq!(found, at < all.len());
            for expected in all.iter().skip(at).take(3) {
                assert_eq!(reader.next().unwrap().map(Owned::from).as_ref(), Some(expected), "{ts_ns} ns");
            }
        }
        if closed {
            break;
        }
        // A damaged index costs time and nothing else.
        let file = open_segment(dir.path(), 0);
        let at = small().segment_bytes - 64 * 1024 + 40;
        file.write_all_at(&[0xff; 8], at).unwrap();
    }
    writer.close().unwrap();
    let mut reader = crate::Reader::open(dir.path(), "inputs").unwrap();
    assert!(reader.seek_seq(3_999).unwrap());
    assert_eq!(reader.next().unwrap().map(|frame| frame.seq), Some(3_999));
}
