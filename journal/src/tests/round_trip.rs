//! What goes in comes out.

use std::fs;
use std::time::{Duration, Instant};

use super::{Owned, Random, read, records, seed, small, write};
use crate::dir::segment_indices;
use crate::{EndState, Ids, JournalDir, PAYLOAD_MAX_BYTES, Reader, Record, Writer, WriterOptions, inspect};

#[test]
fn random_records_come_back_over_many_segments() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(seed());
    let mut all = records(&mut random, 3_000, 600);
    // The extremes too: no payload, the longest one, and one byte beside a multiple of eight.
    for (at, len) in [(0, 0), (1_500, PAYLOAD_MAX_BYTES), (1_501, PAYLOAD_MAX_BYTES), (1_502, 1), (2_999, 7)]
    {
        all[at].payload = random.bytes(len);
    }
    write(dir.path(), &all, true);
    let (found, end) = read(dir.path());
    assert!(found == all, "records differ");
    assert_eq!(end.unwrap(), EndState::Sealed);
    // Orderly close leaves no prepared segments and no temporary files.
    let info = inspect(dir.path(), "inputs").unwrap();
    let files = fs::read_dir(dir.path().join("inputs")).unwrap().count() as u64;
    assert_eq!(info.segments, files);
    assert!(files >= 5, "the test is meant to roll, {files} segments");
}

#[test]
fn a_dropped_writer_leaves_a_readable_unsealed_stream() {
    let dir = tempfile::tempdir().unwrap();
    let all = records(&mut Random(1), 2_000, 600);
    write(dir.path(), &all, false);
    let (found, end) = read(dir.path());
    assert!(found == all, "records differ");
    assert_eq!(end.unwrap(), EndState::Unsealed);
}

#[test]
fn an_empty_stream_reads_as_empty() {
    for (close, expected) in [(true, EndState::Sealed), (false, EndState::Unsealed)] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &[], close);
        let (found, end) = read(dir.path());
        assert_eq!((found.len(), end.unwrap()), (0, expected));
    }
}

#[test]
fn frames_that_fill_a_segment_to_the_last_byte_roll_correctly() {
    // Frames of every size near the boundary: the room left for the roll frame takes every multiple of eight.
    for first_len in (0..512).step_by(8) {
        let dir = tempfile::tempdir().unwrap();
        let mut all = records(&mut Random(first_len), 430, 0);
        for record in &mut all {
            record.payload = vec![record.seq as u8; 480];
        }
        all[0].payload = vec![9; first_len as usize];
        write(dir.path(), &all, true);
        let (found, end) = read(dir.path());
        assert!(found == all, "records differ with a first payload of {first_len} bytes");
        assert_eq!(end.unwrap(), EndState::Sealed);
        assert_eq!(segment_indices(&dir.path().join("inputs")).unwrap(), [0, 1]);
    }
}

#[test]
fn the_summary_says_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let ids = Ids { build: [1; 16], schema: [2; 16], config: [3; 16], symbols: [4; 16], calendar: [5; 16] };
    let lock = JournalDir::lock(dir.path()).unwrap();
    let options = WriterOptions { ids, first_seq: 42, ..small() };
    let mut writer = Writer::create(&lock, "outputs", options).unwrap();
    let append = |writer: &mut Writer, seq| {
        let payload = [0; 100];
        writer.append(Record {
            seq,
            ts_ns: seq * 10,
            kind: 1,
            schema_version: 1,
            flags: 0,
            payload: &payload,
        })
    };
    append(&mut writer, 42).unwrap();
    append(&mut writer, 43).unwrap();
    assert_eq!(writer.next_seq(), 44);
    writer.close().unwrap();
    let info = inspect(dir.path(), "outputs").unwrap();
    assert_eq!((info.frames, info.payload_bytes, info.frame_bytes), (2, 200, 272));
    assert_eq!((info.segments, info.segment_bytes), (1, 256 * 1024));
    assert_eq!(info.first.map(|at| (at.seq, at.ts_ns)), Some((42, 420)));
    assert_eq!(info.last.map(|at| (at.seq, at.ts_ns)), Some((43, 430)));
    assert_eq!((info.ids, info.journal_uuid), (ids, lock.journal_uuid()));
    assert_eq!(info.end, EndState::Sealed);
}

#[test]
fn a_reader_follows_a_live_writer() {
    let dir = tempfile::tempdir().unwrap();
    let all = records(&mut Random(seed()), 20_000, 200);
    let lock = JournalDir::lock(dir.path()).unwrap();
    let mut writer = Writer::create(&lock, "inputs", small()).unwrap();
    let mut reader = Reader::open(dir.path(), "inputs").unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    std::thread::scope(|scope| {
        let all = &all;
        scope.spawn(move || {
            for record in all {
                writer.append(record.record()).unwrap();
            }
            writer.close().unwrap();
        });
        let mut expected = all.iter();
        while reader.end() != Some(EndState::Sealed) {
            while let Some(frame) = reader.next().unwrap() {
                assert!(Owned::from(frame) == *expected.next().unwrap(), "records differ");
            }
            assert!(Instant::now() < deadline, "the end never comes");
        }
        assert_eq!(expected.next(), None);
    });
}

#[test]
fn appending_to_memory_does_not_fault() {
    let Ok(dir) = tempfile::tempdir_in("/dev/shm") else {
        println!("skipped: no /dev/shm");
        return;
    };
    let lock = JournalDir::lock(dir.path()).unwrap();
    let options = WriterOptions { segment_bytes: 4 << 20, ..WriterOptions::default() };
    let mut writer = Writer::create(&lock, "inputs", options).unwrap();
    let payload = [7; 256];
    let mut append_until = |last_seq| {
        while writer.next_seq() <= last_seq {
            let seq = writer.next_seq();
            writer
                .append(Record { seq, ts_ns: seq, kind: 1, schema_version: 1, flags: 0, payload: &payload })
                .unwrap();
        }
        writer.stalls_segment_not_ready()
    };
    append_until(10);
    let before = minor_faults();
    append_until(10_000);
    let faults = minor_faults() - before;
    // 700 pages were written. A few faults belong to the test itself (its stack, its reading of /proc).
    assert!(faults < 20, "{faults} page faults");
}

fn minor_faults() -> u64 {
    let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    after_name.split_whitespace().nth(7).unwrap().parse().unwrap()
}
