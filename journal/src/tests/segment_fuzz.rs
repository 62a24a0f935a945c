//! Segments that nobody wrote, in memory: mutations and forgeries of a whole one, and bytes of no origin at all. Recovery
//! does not panic; of what carries no forged checksum it accepts nothing but a prefix of what was written.

use std::path::Path;

use super::exhaustive::{recover_bytes, segment_of};
use super::fuzz::{NUMBERS, forge_frame, forge_header, forge_watermark};
use super::{Random, long, seed};
use crate::chain::read_trailer;
use crate::format::{FRAMES_START, SEGMENT_MIN_BYTES, SegmentHeader, TRAILER_BYTES};
use crate::reader::check_header;
use crate::recover::scan::{Verdict, chain_below, chain_of};

/// Segments per run of the suite, about ten seconds, and in the long form, about ten minutes.
const SEGMENTS: u64 = 400_000;
const SEGMENTS_LONG: u64 = 24_000_000;

/// One mutation; whether a checksum was made for it, after which anything may be accepted.
fn mutate(random: &mut Random, file: &mut Vec<u8>, ends: &[u64]) -> bool {
    let len = file.len() as u64;
    let near = match random.below(4) {
        0 => len.min(FRAMES_START),
        1 => len.min(FRAMES_START + 600),
        _ => len,
    };
    let at = random.below(near.max(1)) as usize;
    match random.below(10) {
        0 | 1 if at < file.len() => file[at] ^= 1 << random.below(8),
        2 => {
            let end = (at + random.below(3_000) as usize).min(file.len());
            let fill = [0, 0xff, random.next() as u8][random.below(3) as usize];
            file[at.min(end)..end].fill(fill);
        }
        3 => file.truncate(at),
        4 if len > 0 => {
            // Frames that are whole, in another place.
            let frame = random.below(ends.len() as u64 - 1) as usize;
            let (from, to) = (ends[frame] as usize, ends[frame + 1] as usize);
            let other = ends[random.below(ends.len() as u64) as usize] as usize;
            if to <= file.len() && other + (to - from) <= file.len() {
                file.copy_within(from..to, other);
            }
        }
        5 if len >= 4_096 => file.copy_within(0..2_048, 2_048 * random.below(2) as usize),
        6 => return forge_header(random, file),
        7 => return forge_frame(random, file),
        8 => return forge_watermark(random, file),
        _ if len >= 8 => {
            let at = at.min(file.len() - 8) / 8 * 8;
            file[at..at + 8].copy_from_slice(&NUMBERS[random.below(12) as usize].to_le_bytes());
        }
        _ => {}
    }
    false
}

/// Looks at a segment as recovery does. Whether it is taken for a good one.
fn look(file: &[u8], whole: &[u8], ends: &[u64], forged: bool, deep: bool) -> bool {
    let Some(header) = SegmentHeader::pick(&file[..file.len().min(FRAMES_START as usize)]) else {
        return false;
    };
    if check_header(&header, Path::new("segment"), "inputs", 0, None).is_err() {
        return false;
    }
    let Some(Verdict::Good(found)) = recover_bytes(file) else { return false };
    assert!(found.end <= header.frames_end() && found.end <= (file.len() as u64).max(FRAMES_START));
    if !forged {
        let range = FRAMES_START as usize..found.end as usize;
        let same = ends.binary_search(&found.end).is_ok_and(|frames| frames as u64 == found.frames);
        let same_bytes = range.is_empty() || file.get(range.clone()) == whole.get(range);
        assert!(same && same_bytes, "other records: {found:?}");
    }
    if deep {
        let watermark = header.watermark(file);
        let (_, trailer) = chain_of(file, &header, &found, [0; 32]);
        assert!(read_trailer(&trailer, header.salt).is_some(), "its own index");
        let _ = chain_below(file, &header, &watermark, [0; 32]);
        let at = file.len().saturating_sub(TRAILER_BYTES as usize);
        let _ = read_trailer(&file[at..], header.salt);
    }
    true
}

#[test]
fn segments_of_any_bytes_neither_panic_nor_yield_other_records() {
    let wanted = if long() { SEGMENTS_LONG } else { SEGMENTS };
    let mut random = Random(seed());
    let bases: Vec<_> = [(true, 200), (false, 200), (true, 4_000), (false, 4_000)]
        .into_iter()
        .map(|(sealed, payload_max)| segment_of(SEGMENT_MIN_BYTES, sealed, payload_max))
        .collect();
    let (mut good, mut forged_good) = (0, 0);
    let mut file = Vec::new();
    for number in 0..wanted {
        super::progress(number, 500_000, "segments");
        let mut this = Random(random.next());
        let from = this.0;
        let (whole, ends) = &bases[this.below(4) as usize];
        file.clear();
        file.extend_from_slice(whole);
        let mut forged = false;
        if number % 64 == 0 {
            // Nothing of it was ever a segment.
            let len = this.below(9_000) as usize;
            file = this.bytes(len);
        } else {
            for _ in 0..1 + this.below(5) {
                forged |= mutate(&mut this, &mut file, ends);
            }
        }
        let looking = std::panic::AssertUnwindSafe(|| look(&file, whole, ends, forged, number % 16 == 0));
        match std::panic::catch_unwind(looking) {
            Ok(accepted) => {
                good += u64::from(accepted && !forged);
                forged_good += u64::from(accepted && forged);
            }
            Err(_) => panic!("segment {number}, made from {from}"),
        }
    }
    println!("{wanted} segments: {good} with damage were good, {forged_good} with forged checksums");
    assert!(good > wanted / 100 && forged_good > wanted / 100, "they are all refused");
}
