//! What must be refused is refused, with a message that helps.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use super::{Random, read, records, small, write};
use crate::{
    FLAGS_RESERVED, JournalDir, JournalError, PAYLOAD_MAX_BYTES, Reader, Record, Writer, WriterOptions,
};

fn record(seq: u64, payload: &[u8]) -> Record<'_> {
    Record { seq, ts_ns: seq, kind: 1, schema_version: 1, flags: 0, payload }
}

#[test]
fn a_second_lock_is_refused_at_once_and_names_the_holder() {
    let dir = tempfile::tempdir().unwrap();
    let lock = JournalDir::lock(dir.path()).unwrap();
    let error = JournalDir::lock(dir.path()).unwrap_err();
    assert!(matches!(error, JournalError::InUse { pid, .. } if pid == Some(std::process::id())), "{error:?}");
    assert!(error.to_string().contains(&format!("in use by process {}", std::process::id())), "{error}");
    // The writer keeps the lock too.
    let writer = Writer::create(&lock, "inputs", small()).unwrap();
    drop(lock);
    assert!(matches!(JournalDir::lock(dir.path()), Err(JournalError::InUse { .. })));
    drop(writer);
    JournalDir::lock(dir.path()).unwrap();
}

#[test]
fn an_existing_stream_is_not_continued_or_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let all = records(&mut Random(3), 10, 50);
    write(dir.path(), &all, false);
    let lock = JournalDir::lock(dir.path()).unwrap();
    let error = Writer::create(&lock, "inputs", small()).unwrap_err();
    assert!(matches!(error, JournalError::NotEmpty { segments: 1..=3, .. }), "{error:?}");
    assert!(error.to_string().contains("choose a new journal directory"), "{error}");
    assert_eq!(read(dir.path()).0, all);
    // Another stream of the same journal is free.
    Writer::create(&lock, "outputs", small()).unwrap().close().unwrap();
}

#[test]
fn unusable_names_and_sizes_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let lock = JournalDir::lock(dir.path()).unwrap();
    for name in ["", "..", "a/b", "Inputs", "ab cd", &"x".repeat(33)] {
        let error = Writer::create(&lock, name, small()).unwrap_err();
        assert!(matches!(error, JournalError::StreamName { .. }), "{error:?}");
        assert!(matches!(Reader::open(dir.path(), name), Err(JournalError::StreamName { .. })));
    }
    for segment_bytes in [0, 64 << 10, (256 << 10) + 1, (256 << 10) + 4096, 4 << 30] {
        let options = WriterOptions { segment_bytes, ..small() };
        let error = Writer::create(&lock, "inputs", options).unwrap_err();
        assert!(matches!(error, JournalError::SegmentSize { .. }), "{error:?}");
    }
    assert!(matches!(Reader::open(dir.path(), "inputs"), Err(JournalError::NoStream { .. })));
}

#[test]
fn a_payload_that_is_too_long_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let lock = JournalDir::lock(dir.path()).unwrap();
    let mut writer = Writer::create(&lock, "inputs", small()).unwrap();
    let error = writer.append(record(1, &vec![0; PAYLOAD_MAX_BYTES + 1])).unwrap_err();
    assert!(
        matches!(error, JournalError::PayloadTooLarge { seq: 1, payload_bytes: 65_505, .. }),
        "{error:?}"
    );
    writer.append(record(1, &vec![0; PAYLOAD_MAX_BYTES])).unwrap();
    writer.close().unwrap();
    assert_eq!(read(dir.path()).0.len(), 1);
}

#[test]
fn bugs_of_the_caller_panic_and_write_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let lock = JournalDir::lock(dir.path()).unwrap();
    let mut writer = Writer::create(&lock, "inputs", small()).unwrap();
    writer.append(record(1, b"one")).unwrap();
    let gap = record(3, b"");
    let repeated = record(1, b"");
    let earlier = Record { ts_ns: 0, ..record(2, b"") };
    let reserved = Record { flags: FLAGS_RESERVED, ..record(2, b"") };
    for bad in [gap, repeated, earlier, reserved] {
        assert!(catch_unwind(AssertUnwindSafe(|| writer.append(bad))).is_err(), "{bad:?} was taken");
    }
    writer.append(record(2, b"two")).unwrap();
    writer.close().unwrap();
    assert_eq!(read(dir.path()).0.len(), 2);
}

#[test]
fn room_is_told_before_it_is_needed() {
    let dir = tempfile::tempdir().unwrap();
    let lock = JournalDir::lock(dir.path()).unwrap();
    let mut writer = Writer::create(&lock, "inputs", small()).unwrap();
    let payload = [0; 5_000];
    for seq in 1..400 {
        while !writer.has_room(payload.len()) {
            std::thread::sleep(Duration::from_micros(100));
        }
        writer.append(record(seq, &payload)).unwrap();
    }
    assert_eq!(writer.stalls_segment_not_ready(), 0);
    writer.close().unwrap();
}

#[test]
fn a_failure_of_the_segment_thread_stops_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let lock = JournalDir::lock(dir.path()).unwrap();
    let mut writer = Writer::create(&lock, "inputs", small()).unwrap();
    assert!(writer.error().is_none());
    // Moved away under the thread: it cannot make another segment, while those that are open still work.
    fs::rename(dir.path().join("inputs"), dir.path().join("moved")).unwrap();
    let mut seq = 1;
    let error = loop {
        match writer.append(record(seq, &[1; 1_000])) {
            Ok(()) => seq += 1,
            Err(error) => break error,
        }
        assert!(seq < 10_000, "never fails");
    };
    assert!(matches!(&error, JournalError::Latched { seq_next, .. } if *seq_next == seq), "{error:?}");
    assert!(error.to_string().contains("No such file"), "{error}");
    assert!(writer.has_room(PAYLOAD_MAX_BYTES), "who waits for room must get to the error");
    assert!(matches!(writer.append(record(seq, b"")), Err(JournalError::Latched { .. })));
    assert!(writer.error().is_some());
    assert!(matches!(writer.close(), Err(JournalError::Latched { .. })));
    // All that was accepted is there.
    fs::rename(dir.path().join("moved"), dir.path().join("inputs")).unwrap();
    assert_eq!(read(dir.path()).0.len() as u64, seq - 1);
}

#[test]
fn dropping_a_writer_does_not_hang() {
    let (done, finished) = mpsc::channel();
    std::thread::spawn(move || {
        let dir = tempfile::tempdir().unwrap();
        let lock = JournalDir::lock(dir.path()).unwrap();
        for stream in ["a", "b", "c", "d", "e"] {
            drop(
                Writer::create(&lock, stream, WriterOptions { segment_bytes: 16 << 20, ..small() }).unwrap(),
            );
        }
        done.send(()).unwrap();
    });
    finished.recv_timeout(Duration::from_secs(120)).unwrap();
}

#[test]
fn file_systems_that_cannot_hold_a_journal_are_known_by_name() {
    let magic = crate::sys::unsupported_magic;
    for (number, name) in [
        (0x6969, "NFS"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB"),
        (0x6573_5546, "FUSE"),
        (0x0102_1997, "9P"),
    ] {
        assert_eq!(magic(number), Some(name));
    }
    // ext4, tmpfs, xfs, btrfs, overlay.
    for number in [0xef53, 0x0102_1994, 0x5846_5342, 0x9123_683e, 0x794c_7630] {
        assert_eq!(magic(number), None);
    }
    let error = JournalError::FileSystem { path: "/net/journal".into(), name: "NFS" };
    assert!(error.to_string().contains("/net/journal is on NFS"), "{error}");
}

#[test]
fn the_space_levels_start_where_they_should() {
    use crate::Space;
    let levels = [(21, Space::Enough), (20, Space::Warn), (11, Space::Warn), (10, Space::Reduce)];
    for (free, level) in levels.into_iter().chain([(6, Space::Reduce), (5, Space::Halt), (0, Space::Halt)]) {
        assert_eq!(Space::of(free, 100), level, "{free} free");
    }
    assert_eq!(Space::of(0, 0), Space::Enough);
}
