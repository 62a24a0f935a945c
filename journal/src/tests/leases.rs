//! Readers hold what they have not consumed; what nobody needs goes, and who asks for it is told.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use super::recovery::{append, options};
use super::{Owned, Random, read, records, small};
use crate::dir::{segment_indices, segment_path};
use crate::disk::{Disk, Script};
use crate::{
    Durability, EndState, JournalDir, JournalError, Keep, Lease, LeaseInfo, Reader, Writer, inspect, leases,
    recover_full, retain,
};

const ALL: Keep = Keep { before_seq: u64::MAX, segments: 1, limit: None };

fn indices(dir: &JournalDir) -> Vec<u64> {
    segment_indices(&dir.path().join("inputs")).unwrap()
}

fn removed(result: Result<Reader, JournalError>) -> u64 {
    match result {
        Err(error @ JournalError::RemovedByRetention { last_removed, .. }) => {
            assert!(error.to_string().contains("removed by retention"), "{error}");
            last_removed
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lease_remembers_and_damage_of_it_holds_everything() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Lease::take(dir.path(), "inputs", "a"), Err(JournalError::NoStream { .. })));
    super::write(dir.path(), &records(&mut Random(71), 10, 10), true);
    assert!(matches!(Lease::take(dir.path(), "inputs", "../a"), Err(JournalError::StreamName { .. })));
    let mut lease = Lease::take(dir.path(), "inputs", "a").unwrap();
    assert_eq!(lease.consumed(), 0);
    lease.advance(7).unwrap();
    drop(lease);
    assert_eq!(Lease::take(dir.path(), "inputs", "a").unwrap().consumed(), 7);
    let other = Lease::take(dir.path(), "inputs", "b").unwrap();
    let info = |name: &str, consumed| LeaseInfo { name: name.to_owned(), consumed };
    assert_eq!(leases(dir.path(), "inputs").unwrap(), [info("a", Some(7)), info("b", Some(0))]);
    other.give_up().unwrap();
    fs::write(dir.path().join("inputs/a.lease"), b"junk").unwrap();
    assert_eq!(leases(dir.path(), "inputs").unwrap(), [info("a", None)]);
    assert!(Lease::take(dir.path(), "inputs", "a").is_err());
    let lock = JournalDir::lock(dir.path()).unwrap();
    let done = retain(&lock, "inputs", ALL).unwrap();
    assert!(done.removed.is_empty(), "the only segment stays: {done:?}");
}

#[test]
fn retention_waits_for_every_lease_and_readers_are_told() {
    let (dir, mirror) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let all = records(&mut Random(72), 8_000, 400);
    let lock = JournalDir::lock_with(dir.path(), None, Some(mirror.path())).unwrap();
    let mut writer = Writer::create(&lock, "inputs", options(Durability::D1)).unwrap();
    append(&mut writer, &all[..4_000]);
    let mut slow = Reader::open(dir.path(), "inputs").unwrap();
    let mut lease = Lease::take(dir.path(), "inputs", "tail").unwrap();
    append(&mut writer, &all[4_000..]);
    super::recovery::wait_durable(&writer.durability(), 8_000);
    let done = retain(&lock, "inputs", ALL).unwrap();
    assert_eq!((done.removed.len(), done.held_by.as_deref()), (0, Some("tail")));
    lease.advance(5_000).unwrap();
    let one = retain(&lock, "inputs", Keep { limit: Some(1), ..ALL }).unwrap();
    assert_eq!((one.removed.as_slice(), one.held_by), ([0].as_slice(), None));
    let none = retain(&lock, "inputs", Keep { before_seq: 1, ..ALL }).unwrap();
    assert!(none.removed.is_empty() && none.first_seq == one.first_seq);
    let done = retain(&lock, "inputs", ALL).unwrap();
    assert!(
        done.removed.len() > 2 && done.removed[0] == 1 && done.held_by.as_deref() == Some("tail"),
        "{done:?}"
    );
    let first_seq = done.first_seq.unwrap();
    assert!(first_seq <= 5_001 && done.removed_bytes == done.removed.len() as u64 * small().segment_bytes);
    // Its own segment is still mapped; the next one is gone.
    let mut count = 0;
    let error = loop {
        match slow.next() {
            Ok(Some(_)) => count += 1,
            Ok(None) => panic!("an end after {count} records"),
            Err(error) => break error,
        }
    };
    assert!(count > 0 && matches!(error, JournalError::RemovedByRetention { .. }), "{error:?}");
    writer.close().unwrap();
    check(dir.path(), &all, first_seq);
    check(mirror.path(), &all, first_seq);
    // It is recovered and goes on like any other.
    let recovered = recover_full(&lock, "inputs").unwrap();
    assert_eq!((recovered.kept_from, recovered.last.map(|last| last.seq)), (Some(first_seq), Some(8_000)));
    Writer::resume(&lock, "inputs", options(Durability::D1), &recovered).unwrap().close().unwrap();
    check(dir.path(), &all, first_seq);
    lease.give_up().unwrap();
    let done = retain(&lock, "inputs", Keep { segments: 2, ..ALL }).unwrap();
    assert_eq!(indices(&lock).len(), 2, "{done:?}");
    // Without its note the hole at the beginning is a loss again.
    fs::remove_file(dir.path().join("inputs/RETAINED")).unwrap();
    assert!(matches!(recover_full(&lock, "inputs"), Err(JournalError::Corrupt { segment: 0, .. })));
    assert!(matches!(read(dir.path()).1, Err(JournalError::Corrupt { segment: 0, .. })));
}

/// What is left begins at `first_seq`, and whoever wants more is told.
fn check(dir: &std::path::Path, all: &[Owned], first_seq: u64) {
    assert_eq!(removed(Reader::open(dir, "inputs")), first_seq - 1);
    let mut reader = Reader::open_kept(dir, "inputs").unwrap();
    for expected in &all[first_seq as usize - 1..] {
        assert_eq!(reader.next().unwrap().map(Owned::from).as_ref(), Some(expected));
    }
    assert!(reader.next().unwrap().is_none() && reader.end() == Some(EndState::Sealed));
    assert!(matches!(reader.seek_seq(first_seq - 1), Err(JournalError::RemovedByRetention { .. })));
    assert!(matches!(reader.seek_ts(all[0].ts_ns), Err(JournalError::RemovedByRetention { .. })));
    assert!(reader.seek_seq(first_seq).unwrap());
    assert_eq!(reader.next().unwrap().map(|frame| frame.seq), Some(first_seq));
    assert_eq!(inspect(dir, "inputs").unwrap().first.map(|first| first.seq), Some(first_seq));
}

#[test]
fn retention_cut_short_at_any_call_is_done_again() {
    let whole = tempfile::tempdir().unwrap();
    let all = records(&mut Random(73), 3_000, 400);
    super::write(whole.path(), &all, true);
    for fail_at in 1.. {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let folder = dir.path().join("inputs");
        fs::create_dir(&folder).unwrap();
        for index in segment_indices(&whole.path().join("inputs")).unwrap() {
            fs::copy(segment_path(&whole.path().join("inputs"), index), segment_path(&folder, index))
                .unwrap();
        }
        let script = Arc::new(Script::default());
        script.fail_at.store(fail_at, SeqCst);
        script.errno.store(libc::EIO, SeqCst);
        let lock = JournalDir::lock_on(dir.path(), None, None, Disk::scripted(&script)).unwrap();
        let first = retain(&lock, "inputs", ALL);
        let done = first.is_ok();
        script.fail_at.store(0, SeqCst);
        // Whatever was done, what is left is a stream.
        let recovered = recover_full(&lock, "inputs").unwrap();
        assert_eq!(recovered.last.map(|last| last.seq), Some(3_000), "call {fail_at}");
        let last = retain(&lock, "inputs", ALL).unwrap();
        assert_eq!(indices(&lock).len(), 1, "call {fail_at}: {last:?}");
        let first_seq = last.first_seq.unwrap();
        check(dir.path(), &all, first_seq);
        if done {
            assert!(fail_at > 6, "the test is meant to fail many calls");
            break;
        }
    }
}

#[test]
fn an_idle_reader_goes_on_into_the_next_segment() {
    let dir = tempfile::tempdir().unwrap();
    let all = records(&mut Random(74), 4_000, 400);
    let lock = JournalDir::lock(dir.path()).unwrap();
    let mut writer = Writer::create(&lock, "inputs", small()).unwrap();
    let mut reader = Reader::open(dir.path(), "inputs").unwrap();
    let mut found = Vec::new();
    for part in all.chunks(37) {
        append(&mut writer, part);
        while let Some(frame) = reader.next().unwrap() {
            found.push(Owned::from(frame));
        }
        for _ in 0..5 {
            assert!(reader.next().unwrap().is_none());
            assert_eq!(reader.end(), Some(EndState::Unsealed));
        }
    }
    writer.close().unwrap();
    assert!(reader.next().unwrap().is_none() && reader.end() == Some(EndState::Sealed));
    assert!(found == all);
}
