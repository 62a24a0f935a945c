//! What repair found: which records it is about, and how it reads.

use super::{Mended, Repair, is_sound};
use pitlane_journal::{FRAME_HEADER_BYTES, JournalError, Reader, Recovered, Repaired};
use serde_json::{Value, json};
use std::path::Path;

/// Bytes of a block, in which copies are compared and mended.
const BLOCK_BYTES: u64 = 65_536;

/// What was mended, with its records.
pub(super) fn mended(repair: &Repair) -> Vec<Mended> {
    let Some(mirror) = &repair.mirror else { return Vec::new() };
    let each = |found: &Recovered| {
        found
            .repaired
            .iter()
            .map(|blocks| {
                // Of the copy that is whole: the other one is, or was, not readable there.
                let whole = if blocks.path.starts_with(mirror) { &repair.dir } else { mirror };
                let seqs = seqs_in(whole, &found.stream, blocks).ok().flatten();
                Mended { blocks: blocks.clone(), seqs }
            })
            .collect::<Vec<_>>()
    };
    repair.streams.iter().flat_map(each).collect()
}

/// First and last record of which bytes are in the blocks.
fn seqs_in(dir: &Path, stream: &str, blocks: &Repaired) -> Result<Option<(u64, u64)>, JournalError> {
    let end = blocks.offset + blocks.blocks * BLOCK_BYTES;
    let mut reader = Reader::open_kept(dir, stream)?;
    let mut seqs = None;
    while let Some(frame) = reader.next()? {
        let frame_bytes = (FRAME_HEADER_BYTES + frame.payload.len()).next_multiple_of(8) as u64;
        if frame.segment > blocks.segment || frame.segment == blocks.segment && frame.offset >= end {
            break;
        }
        if frame.segment == blocks.segment && frame.offset + frame_bytes > blocks.offset {
            seqs = Some((seqs.map_or(frame.seq, |(first, _)| first), frame.seq));
        }
    }
    Ok(seqs)
}

/// What a search for a record comes to.
#[derive(PartialEq, Eq)]
enum Probe {
    Readable,
    Unreadable,
    /// The stream ends before.
    Beyond,
}

/// The first record above `seq` from which on the stream can be read again. The index leads only to the starts of
/// blocks and segments, so records before it may be intact too.
pub(super) fn next_readable(dir: &Path, stream: &str, seq: u64) -> Option<u64> {
    let probe = |seq| {
        let found = Reader::open(dir, stream).and_then(|mut reader| {
            Ok(if reader.seek_seq(seq)? { reader.next()?.map(|frame| frame.seq) } else { None })
        });
        match found {
            Ok(Some(found)) if found == seq => Probe::Readable,
            Ok(_) => Probe::Beyond,
            Err(_) => Probe::Unreadable,
        }
    };
    // Up in doubled steps to where reading works or ends, then the boundary by halving.
    let (mut bad, mut step) = (seq, 1_u64);
    let mut good = loop {
        let at = bad.checked_add(step)?;
        match probe(at) {
            Probe::Readable => break at,
            Probe::Unreadable => (bad, step) = (at, step.checked_mul(2)?),
            // Too far: with smaller steps from here, as long as there are any.
            Probe::Beyond if step > 1 => step /= 2,
            Probe::Beyond => return None,
        }
    };
    while good - bad > 1 {
        let middle = bad + (good - bad) / 2;
        if probe(middle) == Probe::Readable { good = middle } else { bad = middle }
    }
    Some(good)
}

/// One stream, for programs.
pub(super) fn stream_json(found: &Recovered, mended: &[Mended]) -> Value {
    let torn = found.torn.map(|torn| {
        json!({
            "segment": torn.segment,
            "offset": torn.offset,
            "bytes": torn.bytes,
            "reason": torn.reason.map(|reason| reason.to_string()),
        })
    });
    json!({
        "stream": found.stream,
        "was_closed": found.was_closed,
        "segments": found.segments,
        "frames": found.frames_scanned,
        "seq_last": found.last.map(|last| last.seq),
        "torn": torn,
        "merged_frames": found.merged_frames,
        "merged_bytes": found.merged_bytes,
        "removed_segments": found.removed_segments,
        "repaired": of(found, mended).map(mended_json).collect::<Vec<_>>(),
    })
}

fn mended_json(mended: &Mended) -> Value {
    let Repaired { path, segment, offset, blocks } = &mended.blocks;
    let (first, last) = mended.seqs.unzip();
    json!({
        "path": path, "segment": segment, "offset": offset, "blocks": blocks, "seq_first": first, "seq_last": last,
    })
}

/// What was mended of a stream.
fn of<'a>(found: &'a Recovered, mended: &'a [Mended]) -> impl Iterator<Item = &'a Mended> {
    mended.iter().filter(|mended| found.repaired.contains(&mended.blocks))
}

/// One stream, for people.
pub(super) fn stream_text(found: &Recovered, mended: &[Mended], done: bool) -> String {
    let last = found.last.map_or_else(|| "no record".to_owned(), |last| format!("up to seq {}", last.seq));
    let mut text = format!("{} frames verified, {last}", found.frames_scanned);
    if is_sound(found) {
        return text + ", closed in order";
    }
    for Mended { blocks: Repaired { path, segment, offset, blocks }, seqs } in of(found, mended) {
        let what = if done { "repaired" } else { "to repair" };
        let path = path.display();
        let seqs = seqs.map_or_else(String::new, |(first, last)| format!(", seq {first} to {last}"));
        text += &format!(
            "; {blocks} blocks {what} from the other copy at segment {segment}, offset {offset}{seqs} ({path})"
        );
    }
    if let Some(torn) = found.torn {
        let cut = if done { "were cut" } else { "would be cut" };
        let reason = torn.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        text += &format!(
            "; {} bytes of a torn tail at segment {}, offset {} {cut}{reason}",
            torn.bytes, torn.segment, torn.offset
        );
    }
    if found.merged_frames > 0 {
        let taken = if done { "taken over" } else { "to take over" };
        text += &format!("; {} frames {taken} from the hot directory", found.merged_frames);
    }
    if found.removed_segments > 0 {
        let removed = if done { "removed" } else { "to remove" };
        text += &format!("; {} segments made ahead {removed}", found.removed_segments);
    }
    if !found.was_closed {
        text += if done { "; sealed" } else { "; to be sealed" };
    }
    text
}
