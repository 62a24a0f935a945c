//! Damaged files: never other bytes than were written, and never fewer without a word.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{Owned, Random, read, records, write};
use crate::dir::segment_path;
use crate::format::{FRAMES_START, HEADER_COPY_BYTES};
use crate::{EndState, Fault, JournalError, SEGMENT_MIN_BYTES};

/// Enough records for about 4 KiB of frames.
pub(super) fn few() -> Vec<Owned> {
    records(&mut Random(11), 40, 120)
}

pub(super) fn end_of(records: &[Owned]) -> u64 {
    FRAMES_START
        + records.iter().map(|record| crate::format::frame_bytes(record.payload.len()) as u64).sum::<u64>()
}

pub(super) fn open_segment(dir: &Path, index: u64) -> File {
    OpenOptions::new().read(true).write(true).open(segment_path(&dir.join("inputs"), index)).unwrap()
}

fn flip(file: &File, offset: u64, bit: u32) {
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1 << bit], offset).unwrap();
}

/// What a reader may say about one damaged place, given the whole truth.
fn check(place: &str, all: &[Owned], sealed: bool, found: &[Owned], end: &Result<EndState, JournalError>) {
    assert!(all.starts_with(found), "{place}: other records than were written");
    let complete = found.len() == all.len();
    let fair = match end {
        Ok(EndState::Sealed) => sealed && complete,
        Ok(EndState::Unsealed) => !sealed && complete,
        // Reported: the reader says where it cut.
        Ok(EndState::Torn { .. }) => !sealed,
        Err(error) => matches!(error, JournalError::Corrupt { .. } | JournalError::Version { .. }),
    };
    assert!(fair, "{place}: {} of {} records and {end:?}", found.len(), all.len());
}

fn every_bit_flip(sealed: bool) {
    let dir = tempfile::tempdir().unwrap();
    let all = few();
    write(dir.path(), &all, sealed);
    let file = open_segment(dir.path(), 0);
    // Headers, frames, and a bit of the empty space behind them.
    for offset in 0..end_of(&all) + 64 {
        for bit in 0..8 {
            flip(&file, offset, bit);
            let (found, end) = read(dir.path());
            let place = format!("bit {bit} of byte {offset}");
            check(&place, &all, sealed, &found, &end);
            // One damaged header copy costs nothing; damage in a frame is never overlooked.
            if offset < FRAMES_START {
                assert!(
                    found.len() == all.len() && end.is_ok(),
                    "{place}: {} records and {end:?}",
                    found.len()
                );
            } else if offset < end_of(&all) {
                assert!(found.len() < all.len(), "{place}: not noticed");
            }
            flip(&file, offset, bit);
        }
    }
    assert_eq!(read(dir.path()).0, all);
}

#[test]
fn every_bit_flip_of_a_sealed_segment_is_noticed_or_harmless() {
    every_bit_flip(true);
}

#[test]
fn every_bit_flip_of_an_unsealed_segment_is_noticed_or_harmless() {
    every_bit_flip(false);
}

fn every_truncation(sealed: bool) {
    let dir = tempfile::tempdir().unwrap();
    let all = few();
    write(dir.path(), &all, sealed);
    if !sealed {
        fs::remove_file(segment_path(&dir.path().join("inputs"), 1)).ok();
        fs::remove_file(segment_path(&dir.path().join("inputs"), 2)).ok();
    }
    let file = open_segment(dir.path(), 0);
    let frames_end = end_of(&all);
    let sparse = (frames_end + 100..SEGMENT_MIN_BYTES).step_by(997);
    for cut in (0..frames_end + 100).chain(sparse).collect::<Vec<_>>().into_iter().rev() {
        file.set_len(cut).unwrap();
        let (found, end) = read(dir.path());
        let place = format!("cut at byte {cut}");
        check(&place, &all, sealed, &found, &end);
        assert!(!matches!(end, Ok(EndState::Unsealed)), "{place}: not noticed");
        if cut >= HEADER_COPY_BYTES as u64 {
            let whole = all.iter().scan(FRAMES_START, |at, record| {
                *at += crate::format::frame_bytes(record.payload.len()) as u64;
                Some(*at)
            });
            let whole = whole.filter(|&frame_end| frame_end <= cut).count();
            assert_eq!(found.len(), whole, "{place}: not all that is left was read");
        }
    }
}

#[test]
fn every_truncation_of_a_sealed_segment_is_noticed() {
    every_truncation(true);
}

#[test]
fn every_truncation_of_an_unsealed_segment_is_noticed() {
    every_truncation(false);
}

/// Several segments with records in them.
pub(super) fn many(dir: &Path, close: bool) -> Vec<Owned> {
    let all = records(&mut Random(12), 3_000, 600);
    write(dir, &all, close);
    all
}

#[test]
fn a_missing_segment_is_named() {
    for (missing, close) in [(1, true), (1, false), (2, true)] {
        let dir = tempfile::tempdir().unwrap();
        let all = many(dir.path(), close);
        let path = segment_path(&dir.path().join("inputs"), missing);
        fs::remove_file(&path).unwrap();
        let (found, end) = read(dir.path());
        assert!(!found.is_empty() && all.starts_with(&found), "what is before the hole can be read");
        let error = end.unwrap_err();
        let JournalError::Corrupt { path: at, segment, what, .. } = &error else { panic!("{error:?}") };
        assert_eq!((at, *segment, *what), (&path, missing, Fault::SegmentMissing));
    }
}

#[test]
fn a_hole_behind_an_unsealed_end_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let all = few();
    write(dir.path(), &all, false);
    let folder = dir.path().join("inputs");
    fs::remove_file(segment_path(&folder, 1)).ok();
    fs::copy(segment_path(&folder, 0), segment_path(&folder, 2)).unwrap();
    let (found, end) = read(dir.path());
    assert_eq!(found, all);
    let error = end.unwrap_err();
    let missing = matches!(error, JournalError::Corrupt { segment: 1, what: Fault::SegmentMissing, .. });
    assert!(missing, "{error:?}");
}

#[test]
fn a_missing_last_segment_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let all = many(dir.path(), true);
    let folder = dir.path().join("inputs");
    let last = *crate::dir::segment_indices(&folder).unwrap().last().unwrap();
    fs::remove_file(segment_path(&folder, last)).unwrap();
    let (found, end) = read(dir.path());
    assert!(!found.is_empty() && found.len() < all.len());
    let error = end.unwrap_err();
    let next = found.len() as u64 + 1;
    let JournalError::Corrupt { segment, seq_expected, what, .. } = error else { panic!("{error:?}") };
    assert_eq!((segment, seq_expected, what), (last, Some(next), Fault::SegmentMissing));
}

#[test]
fn damage_before_the_last_segment_is_not_taken_for_a_torn_tail() {
    let dir = tempfile::tempdir().unwrap();
    let all = many(dir.path(), false);
    let file = open_segment(dir.path(), 0);
    file.write_all_at(&[0; 2 * HEADER_COPY_BYTES], 0).unwrap();
    let (found, end) = read(dir.path());
    assert!(matches!(end, Err(JournalError::Corrupt { what: Fault::Header, .. })) && found.is_empty());

    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &all, false);
    let file = open_segment(dir.path(), 1);
    flip(&file, FRAMES_START + 20_000, 3);
    let (found, end) = read(dir.path());
    check("the middle of segment 1", &all, false, &found, &end);
    let error = end.unwrap_err();
    assert!(matches!(error, JournalError::Corrupt { segment: 1, .. }), "{error:?}");
    assert!(error.to_string().contains("restore the file from a copy"), "{error}");
}

#[test]
fn exchanged_and_foreign_segments_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    many(dir.path(), true);
    let folder = dir.path().join("inputs");
    // Another index.
    fs::copy(segment_path(&folder, 2), segment_path(&folder, 1)).unwrap();
    let (_, end) = read(dir.path());
    let error = end.unwrap_err();
    let foreign =
        matches!(error, JournalError::Corrupt { what: Fault::Foreign { field: "segment index" }, .. });
    assert!(foreign, "{error:?}");
    // Another journal's segment with the right index.
    let other = tempfile::tempdir().unwrap();
    many(other.path(), true);
    fs::copy(segment_path(&other.path().join("inputs"), 1), segment_path(&folder, 1)).unwrap();
    let (_, end) = read(dir.path());
    let error = end.unwrap_err();
    let foreign =
        matches!(error, JournalError::Corrupt { what: Fault::Foreign { field: "journal uuid" }, .. });
    assert!(foreign, "{error:?}");
}

#[test]
fn frames_moved_within_or_between_files_do_not_pass() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = few();
    for record in &mut all {
        record.payload = vec![1; 64];
    }
    write(dir.path(), &all, false);
    let file = open_segment(dir.path(), 0);
    let mut frame = [0; 96];
    file.read_exact_at(&mut frame, FRAMES_START).unwrap();
    file.write_all_at(&frame, FRAMES_START + 96).unwrap();
    let (found, end) = read(dir.path());
    assert_eq!(found.len(), 1);
    assert!(matches!(end, Ok(EndState::Torn { reason: Fault::Checksum { .. }, .. })), "{end:?}");
}

#[test]
fn garbage_behind_the_end_is_cut_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let all = few();
    write(dir.path(), &all, false);
    let file = open_segment(dir.path(), 0);
    file.write_all_at(&[0xff; 8], end_of(&all)).unwrap();
    let (found, end) = read(dir.path());
    assert_eq!(found, all);
    let reason = Fault::FrameLength { frame_bytes: u32::MAX };
    assert_eq!(end.unwrap(), EndState::Torn { segment: 0, offset: end_of(&all), reason });
}

#[test]
fn a_frame_cut_short_before_its_commit_word_is_no_frame() {
    let dir = tempfile::tempdir().unwrap();
    let all = few();
    write(dir.path(), &all, false);
    let file = open_segment(dir.path(), 0);
    file.write_all_at(&[0x55; 64], end_of(&all) + 8).unwrap();
    let (found, end) = read(dir.path());
    assert_eq!((found, end.unwrap()), (all, EndState::Unsealed));
}
