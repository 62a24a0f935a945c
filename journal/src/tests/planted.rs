//! Each planted bug is caught by a test that finds nothing without it.

use std::fs;

use zerocopy::{FromBytes, IntoBytes};

use super::exhaustive::{recover_bytes, segment};
use super::power::again::{cut_recoveries, failed_sync};
use super::power::{failing_call, images};
use super::recovery::{append, merged, options};
use super::{Random, read, records, small};
use crate::dir::segment_path;
use crate::disk::Disk;
use crate::format::{FRAMES_START, HEADER_COPY_BYTES, SegmentHeader, WATERMARK_AT};
use crate::planted::{Bug, plant};
use crate::recover::scan::Verdict;
use crate::{Durability, JournalDir, Writer, recover};

const IMAGES: u64 = 60_000;

fn with<T>(bug: Option<Bug>, work: impl FnOnce() -> T) -> T {
    plant(bug);
    let result = work();
    plant(None);
    result
}

#[test]
fn bugs_of_syncing_are_caught_by_power_failures() {
    for bug in [Bug::WatermarkEarly, Bug::SyncSkippedOnRoll, Bug::DirSyncMissing, Bug::DurableBeforeSync] {
        let caught = (0..5).find_map(|_| images(Some(bug), 2, IMAGES).err());
        println!("{bug:?}: {}", caught.as_deref().unwrap_or("not caught"));
        assert!(caught.is_some(), "{bug:?} was not caught");
    }
}

#[test]
fn an_ignored_sync_error_is_caught_by_failing_calls() {
    let caught = (1..400).find_map(|fail_at| failing_call(Some(Bug::SyncErrorIgnored), 2, fail_at).err());
    println!("{caught:?}");
    assert!(caught.is_some());
}

#[test]
fn bugs_of_recovering_are_caught_by_failed_syncs_and_power_failures() {
    let trusted = (1..90).find_map(|fail_at| {
        with(Some(Bug::CleanPagesTrusted), || (1..=2).find_map(|tiers| failed_sync(tiers, fail_at).err()))
    });
    println!("{trusted:?}");
    assert!(trusted.is_some());
    let together = (0..10).find_map(|_| with(Some(Bug::RemovalsTogether), || cut_recoveries(4, 40).err()));
    println!("{together:?}");
    assert!(together.is_some());
}

#[test]
fn bugs_of_publishing_are_caught_by_the_durable_thread() {
    for bug in [Bug::EarlyCommit, Bug::CrcSeedWithoutOffset] {
        let (dir, hot) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm").unwrap());
        let disk = Disk { bug: Some(bug), ..Disk::default() };
        let lock = JournalDir::lock_on(dir.path(), Some(hot.path()), None, disk).unwrap();
        let mut writer = Writer::create(&lock, "inputs", options(Durability::D2)).unwrap();
        let all = records(&mut Random(51), 200_000, 60);
        let caught = all.iter().any(|record| writer.append(record.record()).is_err())
            || writer.durability().failed().is_some();
        assert!(caught || writer.close().is_err(), "{bug:?} was not caught");
    }
}

#[test]
fn bugs_of_reading_are_caught_by_damaged_bytes() {
    for bug in [Bug::CrcSkipped, Bug::WatermarkIgnored, Bug::RecoveryRechecksums, Bug::SeqIgnored] {
        let (mut file, ends) = segment(false, 200);
        let at = ends[10] as usize;
        if bug == Bug::SeqIgnored {
            // A valid frame with a wrong number, in the place of another of the same length.
            let frame_bytes = (ends[11] - ends[10]) as usize;
            file[at + 8] ^= 1;
            let header = SegmentHeader::pick(&file).unwrap();
            let word = crate::format::commit_word(header.salt, ends[10], &file[at + 8..at + frame_bytes]);
            file[at..at + 8].copy_from_slice(&word.to_le_bytes());
        } else {
            file[at + 40] ^= 1;
        }
        if bug == Bug::RecoveryRechecksums {
            // Above the watermark.
            for copy in 0..2 {
                file[copy * HEADER_COPY_BYTES + WATERMARK_AT..][..64].fill(0);
            }
        }
        let end = |verdict| match verdict {
            Some(Verdict::Good(found)) => (true, found.end),
            Some(Verdict::Corrupt { offset, .. }) => (false, offset),
            None => (false, 0),
        };
        let right = end(with(None, || recover_bytes(&file)));
        assert_eq!(right, (bug == Bug::RecoveryRechecksums, ends[10]), "{bug:?}");
        let wrong = end(with(Some(bug), || recover_bytes(&file)));
        assert_ne!(right, wrong, "{bug:?} was not caught");
    }
}

#[test]
fn bugs_of_merging_are_caught_by_two_tiers() {
    assert_eq!((merged(true), merged(false)), (3_000, 1_500));
    assert_ne!(with(Some(Bug::HotTierIgnored), || merged(true)), 3_000);
    assert_ne!(with(Some(Bug::BootIdIgnored), || merged(false)), 1_500);
}

#[test]
fn a_stale_epoch_is_caught_by_recovery_and_reading() {
    let dir = tempfile::tempdir().unwrap();
    let lock = JournalDir::lock(dir.path()).unwrap();
    let all = records(&mut Random(52), 20, 60);
    let mut writer = Writer::create(&lock, "inputs", small()).unwrap();
    append(&mut writer, &all[..10]);
    drop(writer);
    let recovered = recover(&lock, "inputs").unwrap();
    let mut writer = Writer::resume(&lock, "inputs", small(), &recovered).unwrap();
    append(&mut writer, &all[10..]);
    writer.close().unwrap();
    let path = segment_path(&dir.path().join("inputs"), 1);
    let mut bytes = fs::read(&path).unwrap();
    for copy in bytes[..FRAMES_START as usize].chunks_exact_mut(HEADER_COPY_BYTES) {
        let mut header = SegmentHeader::read_from_bytes(copy).unwrap();
        header.epoch = 1;
        header.sign();
        copy.copy_from_slice(header.as_bytes());
    }
    fs::write(&path, bytes).unwrap();
    assert!(recover(&lock, "inputs").is_err() && read(dir.path()).1.is_err());
    assert!(
        with(Some(Bug::StaleEpochAccepted), || read(dir.path()).1).is_ok(),
        "the bug makes no difference"
    );
}

#[test]
fn a_broken_chain_is_caught_by_recovery() {
    for bug in [None, Some(Bug::ChainNotLinked)] {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk { bug, ..Disk::default() };
        let lock = JournalDir::lock_on(dir.path(), None, None, disk).unwrap();
        let mut writer = Writer::create(&lock, "inputs", small()).unwrap();
        append(&mut writer, &records(&mut Random(53), 3_000, 300));
        writer.close().unwrap();
        assert_eq!(recover(&lock, "inputs").is_err(), bug.is_some(), "{bug:?}");
    }
}
