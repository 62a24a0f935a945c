//! Bytes with a valid checksum that still must not pass: what a buggy writer or a mixed-up file would leave.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use zerocopy::IntoBytes;

use super::damage::{end_of, few, many, open_segment};
use super::{Owned, read, write};
use crate::format::{FRAMES_START, FrameBody, HEADER_COPY_BYTES, HEADER_SEALED, SegmentHeader, commit_word};
use crate::{EndState, Fault, JournalError};

fn header_of(file: &File) -> SegmentHeader {
    let mut bytes = [0; FRAMES_START as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    SegmentHeader::pick(&bytes).unwrap()
}

/// Stores a changed header as the only valid one.
fn put_header(file: &File, mut header: SegmentHeader) {
    header.sign();
    file.write_all_at(&[0; 2 * HEADER_COPY_BYTES], 0).unwrap();
    file.write_all_at(header.as_bytes(), header.copy_offset()).unwrap();
}

/// Puts a frame without payload bytes behind the few records.
fn append_forged(
    dir: &Path,
    all: &[Owned],
    change: impl Fn(&mut FrameBody),
) -> Result<EndState, JournalError> {
    write(dir, all, false);
    let file = open_segment(dir, 0);
    let last = all.last().unwrap();
    let (seq, ts_ns) = (last.seq + 1, last.ts_ns);
    let mut body = FrameBody { seq, ts_ns, kind: 1, schema_version: 1, flags: 0, payload_bytes: 0 };
    change(&mut body);
    let at = end_of(all);
    file.write_all_at(body.as_bytes(), at + 8).unwrap();
    let word = commit_word(header_of(&file).salt, at, body.as_bytes());
    file.write_all_at(&word.to_le_bytes(), at).unwrap();
    let (found, end) = read(dir);
    assert!(found.starts_with(all));
    end
}

fn torn_by(all: &[Owned], change: impl Fn(&mut FrameBody)) -> Fault {
    let dir = tempfile::tempdir().unwrap();
    match append_forged(dir.path(), all, change) {
        Ok(EndState::Torn { offset, reason, .. }) if offset == end_of(all) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn frames_out_of_order_do_not_pass() {
    let all = few();
    let last = all.last().unwrap();
    let (next, ts_ns) = (last.seq + 1, last.ts_ns);
    assert_eq!(torn_by(&all, |body| body.seq += 1), Fault::Seq { found: next + 1 });
    assert_eq!(torn_by(&all, |body| body.seq -= 1), Fault::Seq { found: next - 1 });
    let time = Fault::Time { found_ns: ts_ns - 1, previous_ns: ts_ns };
    assert_eq!(torn_by(&all, |body| body.ts_ns -= 1), time);
    let length = Fault::PayloadLength { payload_bytes: 1, frame_bytes: 32 };
    assert_eq!(torn_by(&all, |body| body.payload_bytes = 1), length);
    // The forging itself works: unchanged, the frame is read.
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(append_forged(dir.path(), &all, |_| {}).unwrap(), EndState::Unsealed);
}

#[test]
fn a_seal_must_agree_with_the_frames() {
    let dir = tempfile::tempdir().unwrap();
    many(dir.path(), true);
    let file = open_segment(dir.path(), 0);
    let mut header = header_of(&file);
    header.sealed_bytes += 8;
    put_header(&file, header);
    let error = read(dir.path()).1.unwrap_err();
    let mismatch =
        matches!(error, JournalError::Corrupt { segment: 0, what: Fault::SealMismatch { .. }, .. });
    assert!(mismatch, "{error:?}");
    // The last segment has no roll frame; there its last seq must agree.
    let dir = tempfile::tempdir().unwrap();
    let all = few();
    write(dir.path(), &all, true);
    let mut header = header_of(&open_segment(dir.path(), 0));
    header.last_seq += 1;
    put_header(&open_segment(dir.path(), 0), header);
    let (found, end) = read(dir.path());
    assert_eq!(found, all);
    assert!(matches!(end, Err(JournalError::Corrupt { what: Fault::SealMismatch { .. }, .. })), "{end:?}");
}

#[test]
fn damage_in_an_unsealed_segment_that_was_continued_is_no_torn_tail() {
    // What a crash leaves while a finished segment still waits to be sealed, and then damage in it.
    for (damage, at) in [(0_u64, 9_000_u64), (1, 9_000), (0, 0)] {
        let dir = tempfile::tempdir().unwrap();
        let all = many(dir.path(), false);
        let file = open_segment(dir.path(), 0);
        let mut header = header_of(&file);
        header.flags &= !HEADER_SEALED;
        put_header(&file, header);
        assert_eq!(read(dir.path()).0, all, "without damage all is read");
        // The commit word of the first frame at or behind the place.
        let lengths = all.iter().map(|record| crate::format::frame_bytes(record.payload.len()) as u64);
        let mut starts = lengths.scan(FRAMES_START, |end, length| {
            *end += length;
            Some(*end - length)
        });
        let start = starts.find(|&start| start >= at).unwrap();
        let mut word = [0; 8];
        if damage == 1 {
            file.read_exact_at(&mut word, start).unwrap();
            word[7] ^= 1;
        }
        file.write_all_at(&word, start).unwrap();
        let (found, end) = read(dir.path());
        assert!(all.starts_with(&found) && found.len() < all.len());
        let error = end.unwrap_err();
        let JournalError::Corrupt { segment: 0, offset, what, .. } = &error else { panic!("{error:?}") };
        let fair =
            if damage == 0 { *what == Fault::FrameMissing } else { matches!(what, Fault::Checksum { .. }) };
        assert!(*offset == start && fair, "{error:?}");
    }
}

#[test]
fn the_next_segment_must_start_where_the_last_one_ended() {
    let dir = tempfile::tempdir().unwrap();
    many(dir.path(), true);
    let file = open_segment(dir.path(), 1);
    let mut header = header_of(&file);
    header.first_seq += 1;
    put_header(&file, header);
    let error = read(dir.path()).1.unwrap_err();
    assert!(matches!(error, JournalError::Corrupt { segment: 1, what: Fault::Seq { .. }, .. }), "{error:?}");
}
