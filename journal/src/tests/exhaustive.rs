//! Every single-bit flip and every truncation of a 1 MiB segment, in memory: nothing silent, nothing wrong.

use zerocopy::{FromZeros, IntoBytes};

use super::Random;
use crate::chain::read_trailer;
use crate::format::{
    COMMIT_BYTES, ENDIAN_MARK, FRAMES_START, FrameBody, HEADER_ACTIVE, HEADER_COPY_BYTES, HEADER_SEALED,
    MAGIC, SegmentHeader, TRAILER_BYTES, VERSION, WATERMARK_AT, Watermark, commit_word, frame_bytes,
    stream_field,
};
use crate::recover::scan::{Scanned, Verdict, chain_of, judge, scan};

/// A segment of 1 MiB and 64 KiB, whose frames fill 1 MiB; and where each frame ends.
pub(super) fn segment(sealed: bool, payload_max: u64) -> (Vec<u8>, Vec<u64>) {
    segment_of((1 << 20) + TRAILER_BYTES, sealed, payload_max)
}

/// The same with another size.
pub(super) fn segment_of(segment_bytes: u64, sealed: bool, payload_max: u64) -> (Vec<u8>, Vec<u64>) {
    let mut random = Random(31);
    let mut header = SegmentHeader::new_zeroed();
    header.magic = MAGIC;
    header.version = VERSION;
    header.header_bytes = HEADER_COPY_BYTES as u16;
    header.endian_mark = ENDIAN_MARK;
    header.epoch = 1;
    header.salt = 0x1234_5678;
    header.generation = 1;
    header.segment_bytes = segment_bytes;
    header.stream = stream_field("inputs").unwrap();
    header.sign();
    let mut file = vec![0; header.segment_bytes as usize];
    file[..HEADER_COPY_BYTES].copy_from_slice(header.as_bytes());
    let mut ends = vec![FRAMES_START];
    let mut seq = 1;
    loop {
        let payload = {
            let len = 1 + random.below(payload_max) as usize;
            random.bytes(len)
        };
        let at = *ends.last().unwrap();
        let end = at + frame_bytes(payload.len()) as u64;
        if end > header.frames_end() {
            break;
        }
        let payload_bytes = payload.len() as u32;
        let body = FrameBody { seq, ts_ns: 1_000 + seq, kind: 1, schema_version: 1, flags: 0, payload_bytes };
        let start = at as usize + COMMIT_BYTES;
        file[start..start + 24].copy_from_slice(body.as_bytes());
        file[start + 24..start + 24 + payload.len()].copy_from_slice(&payload);
        let word = commit_word(header.salt, at, &file[start..end as usize]);
        file[at as usize..start].copy_from_slice(&word.to_le_bytes());
        ends.push(end);
        seq += 1;
    }
    let end = *ends.last().unwrap();
    header.flags = HEADER_ACTIVE;
    (header.first_seq, header.first_ts_ns) = (1, 1_001);
    let mut watermark =
        Watermark { epoch: 1, durable_bytes: end, durable_seq: seq - 1, ..Watermark::new_zeroed() };
    watermark.sign(header.salt);
    if sealed {
        header.flags |= HEADER_SEALED;
        (header.sealed_bytes, header.frame_count) = (end, seq - 1);
        (header.last_seq, header.last_ts_ns) = (seq - 1, 1_000 + seq - 1);
    }
    for copy in 0..2 {
        header.generation = 3 + copy as u64;
        header.sign();
        file[copy * HEADER_COPY_BYTES..(copy + 1) * HEADER_COPY_BYTES].copy_from_slice(header.as_bytes());
        let slot = copy * HEADER_COPY_BYTES + WATERMARK_AT;
        file[slot..slot + 64].copy_from_slice(watermark.as_bytes());
    }
    (file, ends)
}

/// What recovery says about a file.
pub(super) fn recover_bytes(file: &[u8]) -> Option<Verdict> {
    let header = SegmentHeader::pick(&file[..file.len().min(FRAMES_START as usize)])?;
    let watermark = header.watermark(file);
    Some(judge(&file[..file.len().min(header.frames_end() as usize)], &header, &watermark, Some(1), 0))
}

#[test]
fn every_single_bit_flip_of_a_mebibyte_is_named_or_harmless() {
    for sealed in [true, false] {
        let (mut file, ends) = segment(sealed, 200);
        let (frames, end) = (ends.len() as u64 - 1, *ends.last().unwrap());
        // Headers: one damaged copy costs nothing.
        for offset in 0..FRAMES_START as usize {
            for bit in 0..8 {
                file[offset] ^= 1 << bit;
                // The watermark is not under the copy's checksum: the other slot counts, and says the same here.
                let verdict = recover_bytes(&file);
                let fair = matches!(&verdict, Some(Verdict::Good(found)) if found.frames == frames && found.fault.is_none());
                file[offset] ^= 1 << bit;
                assert!(fair, "bit {bit} of byte {offset}: {verdict:?}");
            }
        }
        // Frames: what is before the damaged one does not change, so each scan starts there.
        let header = SegmentHeader::pick(&file).unwrap();
        let limit_bytes = if sealed { end } else { header.frames_end() };
        let mut flips = 0_u64;
        for (at, frame) in (0_u64..).zip(ends.windows(2)) {
            let start = Scanned {
                end: frame[0],
                frames: at,
                seq_next: Some(at + 1),
                ts_ns: 1_000 + at,
                ..Scanned::default()
            };
            for offset in frame[0] as usize..frame[1] as usize {
                for bit in 0..8 {
                    file[offset] ^= 1 << bit;
                    let found = scan(&file, &header, limit_bytes, &start);
                    file[offset] ^= 1 << bit;
                    // Below the watermark and below the seal, an end before the last frame is corruption.
                    assert!(
                        found.end == frame[0] && found.frames == at,
                        "bit {bit} of byte {offset}: {found:?}"
                    );
                    flips += 1;
                }
            }
        }
        assert_eq!(flips, (end - FRAMES_START) * 8);
        flips += flips_behind(&mut file, &header, frames, end, sealed);
        assert_eq!(flips + FRAMES_START * 8, (1 << 20) * 8, "all of the mebibyte");
        // The whole way for a few thousand of them.
        let mut random = Random(32);
        for _ in 0..2_000 {
            let offset = FRAMES_START + random.below(end - FRAMES_START);
            let bit = random.below(8);
            file[offset as usize] ^= 1 << bit;
            let verdict = recover_bytes(&file).unwrap();
            file[offset as usize] ^= 1 << bit;
            let first_bad = ends.partition_point(|&frame_end| frame_end <= offset);
            let fair = matches!(verdict, Verdict::Corrupt { offset, seq_expected: Some(seq), .. }
                if offset == ends[first_bad - 1] && seq == first_bad as u64);
            assert!(fair, "bit {bit} of byte {offset}: {verdict:?}");
        }
    }
}

/// Every bit between the last frame and the trailer: debris that a crash may leave, or what nobody looks at.
fn flips_behind(file: &mut [u8], header: &SegmentHeader, frames: u64, end: u64, sealed: bool) -> u64 {
    let start =
        Scanned { end, frames, seq_next: Some(frames + 1), ts_ns: 1_000 + frames, ..Scanned::default() };
    for offset in end..header.frames_end() {
        for bit in 0..8 {
            file[offset as usize] ^= 1 << bit;
            let limit_bytes = if sealed { end } else { header.frames_end() };
            let found = scan(file, header, limit_bytes, &start);
            file[offset as usize] ^= 1 << bit;
            assert!(found.end == end && found.frames == frames, "bit {bit} of byte {offset}: {found:?}");
        }
    }
    (header.frames_end() - end) * 8
}

#[test]
fn every_single_bit_flip_of_an_index_is_refused_or_harmless() {
    let (file, _) = segment(true, 200);
    let header = SegmentHeader::pick(&file).unwrap();
    let Some(Verdict::Good(scanned)) = recover_bytes(&file) else { panic!("it is whole") };
    let (chain, mut trailer) = chain_of(&file, &header, &scanned, [7; 32]);
    let whole = read_trailer(&trailer, header.salt).unwrap();
    assert_eq!((whole.0.len(), whole.1), (16, chain));
    let mut harmless = 0;
    for at in 0..trailer.len() {
        for bit in 0..8 {
            trailer[at] ^= 1 << bit;
            match read_trailer(&trailer, header.salt) {
                None => {}
                Some(read) if read == whole => harmless += 1,
                Some(read) => panic!("bit {bit} of byte {at}: {read:?}"),
            }
            trailer[at] ^= 1 << bit;
        }
    }
    // What is between the last entry and the footer.
    assert_eq!(harmless, (TRAILER_BYTES - 17 * 64) * 8);
    let cuts = (0..trailer.len()).filter(|&cut| read_trailer(&trailer[..cut], header.salt).is_some());
    assert_eq!(cuts.count(), 0);
}

#[test]
fn every_truncation_of_a_mebibyte_is_named() {
    // Nothing known to be durable: every cut gives the frames before it; everything durable: every cut is named.
    let (mut file, ends) = segment(false, 200);
    let header = SegmentHeader::pick(&file).unwrap();
    let end = *ends.last().unwrap();
    let none = Watermark::none(&header);
    let full = header.watermark(&file);
    let mut whole = ends.len() - 1;
    for cut in (0..=file.len() as u64).rev() {
        file.truncate(cut as usize);
        if cut < FRAMES_START {
            // One whole copy of the header is enough to name the file; less is no segment.
            assert_eq!(SegmentHeader::pick(&file).is_some(), cut >= HEADER_COPY_BYTES as u64, "cut at {cut}");
            continue;
        }
        while ends[whole] > cut {
            whole -= 1;
        }
        let from = Scanned {
            end: ends[whole.saturating_sub(1)],
            frames: whole.saturating_sub(1) as u64,
            seq_next: Some(whole.max(1) as u64),
            ..Scanned::default()
        };
        let found = scan(&file, &header, header.frames_end(), &from);
        assert_eq!((found.end, found.frames), (ends[whole], whole as u64), "cut at {cut}");
        if cut % 997 == 0 {
            let verdict = judge(&file, &header, &none, Some(1), 0);
            assert!(matches!(verdict, Verdict::Good(found) if found.end == ends[whole]), "{verdict:?}");
            let verdict = judge(&file, &header, &full, Some(1), 0);
            let named = matches!(verdict, Verdict::Corrupt { offset, .. } if offset == ends[whole]);
            assert!(named || cut >= end, "cut at {cut}: {verdict:?}");
        }
    }
}
