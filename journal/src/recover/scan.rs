//! Recovery on bytes alone: which frames are there, and is what is missing explained by a crash?

use crate::chain::Chain;
use crate::error::Fault;
use crate::format::{COMMIT_BYTES, FRAMES_START, SegmentHeader, Watermark};
use crate::frame::{At, Expect, Found, frame_in, length, verify};
use crate::planted::{Bug, is_planted};

/// The valid frames of a segment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Scanned {
    /// Where they end, in bytes from the start of the file.
    pub(crate) end: u64,
    /// Records, without the roll frame.
    pub(crate) frames: u64,
    /// Seq and timestamp of the first record.
    pub(crate) first: Option<(u64, u64)>,
    /// Seq and timestamp of the last record.
    pub(crate) last: Option<(u64, u64)>,
    /// The seq that must come next, where it is known.
    pub(crate) seq_next: Option<u64>,
    /// The timestamp before.
    pub(crate) ts_ns: u64,
    /// Whether the stream goes on in the next segment.
    pub(crate) rolled: bool,
    /// What is wrong with what follows, unless it is nothing.
    pub(crate) fault: Option<Fault>,
}

/// What a segment is.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// All that was promised is there; a fault in it is a torn tail.
    Good(Scanned),
    /// Something that was durable, or sealed, is not there.
    Corrupt { offset: u64, seq_expected: Option<u64>, what: Fault },
}

impl Watermark {
    /// Nothing is known to be durable.
    pub(crate) fn none(header: &SegmentHeader) -> Self {
        let (epoch, durable_bytes) = (header.epoch, FRAMES_START);
        Self { epoch, durable_bytes, durable_seq: 0, chain: [0; 32], reserved: 0, crc: 0 }
    }
}

/// Verifies frames from where `from` ends on, up to `limit_bytes`.
pub(crate) fn scan(file: &[u8], header: &SegmentHeader, limit_bytes: u64, from: &Scanned) -> Scanned {
    let mut to = Scanned { fault: None, ..*from };
    while !to.rolled {
        let expect =
            Expect { offset: to.end, seq: to.seq_next, ts_ns: to.ts_ns, salt: header.salt, limit_bytes };
        match frame_in(file, &expect) {
            At::Frame(found) => to.take(&found),
            At::Nothing => break,
            At::Invalid(Fault::Checksum { .. }) if is_planted(Bug::RecoveryRechecksums) => {
                // The bug: bytes that were never verified pass from here on.
                let word =
                    file[to.end as usize..].first_chunk::<8>().map_or(0, |word| u64::from_le_bytes(*word));
                to.end += u64::from(word as u32);
                to.seq_next = to.seq_next.map(|seq| seq.wrapping_add(1));
                to.frames += 1;
            }
            At::Invalid(what) => {
                to.fault = Some(what);
                break;
            }
        }
    }
    to
}

impl Scanned {
    fn take(&mut self, found: &Found) {
        self.end += found.frame_bytes;
        if found.is_roll() {
            self.rolled = true;
            return;
        }
        let here = (found.body.seq, found.body.ts_ns);
        self.first.get_or_insert(here);
        self.last = Some(here);
        self.frames += 1;
        self.seq_next = Some(here.0.wrapping_add(1));
        self.ts_ns = here.1;
    }
}

/// Decides what a segment's bytes are, given what its header and the segments before say.
pub(crate) fn judge(
    file: &[u8],
    header: &SegmentHeader,
    watermark: &Watermark,
    seq_expected: Option<u64>,
    ts_ns: u64,
) -> Verdict {
    let seq_next = seq_expected.or(header.is_active().then_some(header.first_seq));
    let start = Scanned { end: FRAMES_START, seq_next, ts_ns, ..Scanned::default() };
    let corrupt = |scanned: &Scanned, what| Verdict::Corrupt {
        offset: scanned.end,
        seq_expected: scanned.seq_next,
        what,
    };
    if header.is_sealed() {
        let scanned = scan(file, header, header.sealed_bytes, &start);
        let agrees = scanned.frames == header.frame_count
            && (scanned.frames == 0 || scanned.last.map(|(seq, _)| seq) == Some(header.last_seq));
        if scanned.end < header.sealed_bytes {
            return corrupt(&scanned, scanned.fault.unwrap_or(Fault::FrameMissing));
        }
        if !agrees {
            let (sealed_bytes, last_seq) = (header.sealed_bytes, header.last_seq);
            return corrupt(&scanned, Fault::SealMismatch { sealed_bytes, last_seq });
        }
        return Verdict::Good(scanned);
    }
    let scanned = scan(file, header, header.frames_end(), &start);
    if scanned.end < watermark.durable_bytes && !is_planted(Bug::WatermarkIgnored) {
        return corrupt(&scanned, scanned.fault.unwrap_or(Fault::FrameMissing));
    }
    Verdict::Good(scanned)
}

/// The hash at the end of verified frames, and the trailer that goes with it.
pub(crate) fn chain_of(
    file: &[u8],
    header: &SegmentHeader,
    scanned: &Scanned,
    previous: [u8; 32],
) -> ([u8; 32], Vec<u8>) {
    let mut chain = Chain::new(header.segment_bytes, previous);
    let hash_to = |chain: &mut Chain, offset: u64| {
        while offset >= chain.block_end() {
            let (start, end) = (chain.end(), chain.block_end());
            chain.bytes(&file[start as usize..end as usize]);
        }
    };
    let mut offset = FRAMES_START;
    while offset < scanned.end {
        // Verified before: only lengths and numbers are needed here.
        let limit_bytes = scanned.end;
        let expect = Expect { offset, seq: None, ts_ns: 0, salt: header.salt, limit_bytes };
        let At::Frame(found) = frame_in(file, &expect) else { break };
        hash_to(&mut chain, offset);
        if !found.is_roll() {
            chain.record(offset, found.body.seq, found.body.ts_ns);
        }
        offset += found.frame_bytes;
    }
    hash_to(&mut chain, offset);
    let rest = chain.end() as usize..offset as usize;
    if !rest.is_empty() {
        chain.bytes(&file[rest]);
    }
    chain.finish(header.salt)
}

/// The hash of the last whole block below a watermark, as the writer puts it there.
pub(crate) fn chain_below(
    file: &[u8],
    header: &SegmentHeader,
    watermark: &Watermark,
    previous: [u8; 32],
) -> [u8; 32] {
    let mut chain = Chain::new(header.segment_bytes, previous);
    let end = watermark.durable_bytes.min(file.len() as u64);
    while end >= chain.block_end() {
        let (start, block_end) = (chain.end(), chain.block_end());
        chain.bytes(&file[start as usize..block_end as usize]);
    }
    chain.whole()
}

/// Looks at a frame that was read alone, as if it stood at its place in the file.
pub(crate) fn frame_alone(frame: &[u8], expect: &Expect) -> At {
    let Some((word, after_commit)) = frame.split_first_chunk::<COMMIT_BYTES>() else { return At::Nothing };
    let word = u64::from_le_bytes(*word);
    match length(word, expect) {
        Ok(Some(bytes)) if bytes == frame.len() => match verify(word, after_commit, expect) {
            Ok(body) => At::Frame(Found { body, frame_bytes: bytes as u64 }),
            Err(what) => At::Invalid(what),
        },
        _ => At::Nothing,
    }
}
