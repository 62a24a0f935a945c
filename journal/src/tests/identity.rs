//! Who a journal is, and that nobody else uses its files.

use std::fs;
use std::sync::Arc;

use super::recovery::{append, options, wait_durable};
use super::{Random, read, records, small};
use crate::dir::segment_path;
use crate::format::FRAMES_START;
use crate::shared::Shared;
use crate::{Durability, Fault, JournalDir, JournalError, Writer, recover};

fn memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

#[test]
fn a_stream_made_after_the_epoch_file_was_lost_has_the_name_of_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let lock = JournalDir::lock(dir.path()).unwrap();
    Writer::create(&lock, "inputs", small()).unwrap().close().unwrap();
    let (uuid, epoch) = (lock.journal_uuid(), lock.epoch());
    drop(lock);
    fs::remove_file(dir.path().join("EPOCH")).unwrap();
    let lock = JournalDir::lock(dir.path()).unwrap();
    Writer::create(&lock, "outputs", small()).unwrap().close().unwrap();
    assert_eq!((lock.journal_uuid(), lock.epoch()), (uuid, epoch + 1));
    assert_eq!(recover(&lock, "inputs").unwrap().journal_uuid, uuid);
}

#[test]
fn a_stream_of_another_journal_is_refused_and_the_name_stays() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for dir in [&one, &other] {
        let lock = JournalDir::lock(dir.path()).unwrap();
        Writer::create(&lock, "inputs", small()).unwrap().close().unwrap();
    }
    let foreign = segment_path(&other.path().join("inputs"), 0);
    fs::copy(foreign, segment_path(&one.path().join("inputs"), 0)).unwrap();
    let lock = JournalDir::lock(one.path()).unwrap();
    let uuid = lock.journal_uuid();
    let error = recover(&lock, "inputs").unwrap_err();
    let what = Fault::Foreign { field: "journal uuid" };
    assert!(matches!(error, JournalError::Corrupt { what: found, .. } if found == what), "{error:?}");
    assert_eq!(lock.journal_uuid(), uuid);
}

#[test]
fn a_copy_of_a_journal_does_not_get_the_same_hot_tier() {
    let (dir, copy, hot) = (memory(), memory(), memory());
    let lock = JournalDir::lock_tiered(dir.path(), hot.path()).unwrap();
    let all = records(&mut Random(91), 1_000, 200);
    let mut writer = Writer::create(&lock, "inputs", options(Durability::D1)).unwrap();
    append(&mut writer, &all);
    wait_durable(&writer.durability(), 1_000);
    fs::create_dir(copy.path().join("inputs")).unwrap();
    for name in ["EPOCH", "inputs/0000000000000000.lxj"] {
        fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    let second = JournalDir::lock_tiered(copy.path(), hot.path()).unwrap();
    let error = recover(&second, "inputs").unwrap_err();
    assert!(matches!(error, JournalError::InUse { .. }), "{error:?}");
    // The first one was not touched; once it is gone, the copy may have the tier.
    writer.close().unwrap();
    assert!(read(dir.path()).0 == all);
    drop(lock);
    recover(&second, "inputs").unwrap();
}

#[test]
fn frames_of_the_hot_tier_are_merged_also_when_its_header_is_lost() {
    let (dir, hot) = (memory(), memory());
    let lock = JournalDir::lock_tiered(dir.path(), hot.path()).unwrap();
    let all = records(&mut Random(92), 600, 200);
    let mut writer = Writer::create(&lock, "inputs", options(Durability::D1)).unwrap();
    append(&mut writer, &all[..300]);
    wait_durable(&writer.durability(), 300);
    let path = segment_path(&dir.path().join("inputs"), 0);
    let behind = fs::read(&path).unwrap();
    append(&mut writer, &all[300..]);
    let hot_path = segment_path(&lock.hot_folder(lock.journal_uuid(), "inputs").unwrap().unwrap(), 0);
    drop(writer);
    fs::write(&path, behind).unwrap();
    let mut bytes = fs::read(&hot_path).unwrap();
    bytes[..FRAMES_START as usize].fill(0);
    fs::write(&hot_path, bytes).unwrap();
    let recovered = recover(&lock, "inputs").unwrap();
    assert_eq!((recovered.merged_frames, read(dir.path()).0.len()), (300, 600));
}

#[test]
fn a_file_that_has_grown_is_named_by_recovery_as_by_readers() {
    let dir = tempfile::tempdir().unwrap();
    super::write(dir.path(), &records(&mut Random(93), 100, 200), false);
    let path = segment_path(&dir.path().join("inputs"), 0);
    let mut bytes = fs::read(&path).unwrap();
    bytes.push(0);
    fs::write(&path, bytes).unwrap();
    let lock = JournalDir::lock(dir.path()).unwrap();
    let refused =
        |error: JournalError| matches!(error, JournalError::Corrupt { what: Fault::FileLength { .. }, .. });
    assert!(refused(recover(&lock, "inputs").unwrap_err()) && refused(read(dir.path()).1.unwrap_err()));
}

#[test]
fn who_waits_for_durability_hears_of_a_thread_that_panicked() {
    let dir = tempfile::tempdir().unwrap();
    let lock = JournalDir::lock(dir.path()).unwrap();
    let writer = Writer::create(&lock, "inputs", small()).unwrap();
    let shared: Arc<Shared> = Arc::clone(&writer.durability().shared);
    let durable = writer.durability();
    std::thread::spawn(move || {
        let _lost = shared.tell_if_lost("inputs".to_owned());
        panic!("on purpose");
    })
    .join()
    .unwrap_err();
    let failed = durable.failed().expect("the panic was told");
    assert!(matches!(&*failed, JournalError::ThreadLost { stream } if stream == "inputs"), "{failed:?}");
    assert!(writer.error().is_some());
}

#[test]
fn at_the_lowest_level_nothing_is_late() {
    let (dir, hot) = (memory(), memory());
    let lock = JournalDir::lock_tiered(dir.path(), hot.path()).unwrap();
    let mut writer = Writer::create(&lock, "inputs", options(Durability::D0)).unwrap();
    append(&mut writer, &records(&mut Random(94), 100, 100));
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(writer.durability().lag_ns(), 0);
    writer.close().unwrap();
}

#[test]
fn a_file_that_ends_in_its_header_is_no_reason_to_panic() {
    let dir = tempfile::tempdir().unwrap();
    super::write(dir.path(), &[], false);
    let path = segment_path(&dir.path().join("inputs"), 0);
    let bytes = fs::read(&path).unwrap();
    for length in [2_048, 3_607, 4_095, 4_096, 4_100] {
        fs::write(&path, &bytes[..length]).unwrap();
        let lock = JournalDir::lock(dir.path()).unwrap();
        assert_eq!(recover(&lock, "inputs").unwrap().last, None, "{length} bytes");
        assert_eq!(read(dir.path()).1.unwrap(), crate::EndState::Sealed);
    }
}

#[test]
fn a_finished_journal_leaves_nothing_in_the_hot_tier() {
    let (dir, hot) = (memory(), memory());
    let left = || fs::read_dir(hot.path()).unwrap().count();
    let lock = JournalDir::lock_tiered(dir.path(), hot.path()).unwrap();
    let mut writer = Writer::create(&lock, "inputs", options(Durability::D1)).unwrap();
    append(&mut writer, &records(&mut Random(95), 100, 100));
    let open = Writer::create(&lock, "outputs", options(Durability::D1)).unwrap();
    writer.close().unwrap();
    assert_eq!(left(), 1);
    open.close().unwrap();
    drop(lock);
    assert_eq!(left(), 0);
    // What was not finished stays, with the lock file.
    let lock = JournalDir::lock_tiered(dir.path(), hot.path()).unwrap();
    let mut writer = Writer::create(&lock, "more", options(Durability::D1)).unwrap();
    append(&mut writer, &records(&mut Random(96), 100, 100));
    drop(writer);
    drop(lock);
    let folder = fs::read_dir(hot.path()).unwrap().next().unwrap().unwrap().path();
    assert!(folder.join("LOCK").is_file() && folder.join("more").is_dir());
}
