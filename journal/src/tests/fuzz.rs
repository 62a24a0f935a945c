//! Directories that nobody wrote: mutations of whole journals. Nothing panics, hangs, or takes more memory than a journal
//! of this size may need, and what is read is a prefix of what was written.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use zerocopy::{FromBytes, IntoBytes};

use super::recovery::{append, options};
use super::{Owned, Random, long, read, records, seed, small};
use crate::format::{
    BODY_BYTES, COMMIT_BYTES, FRAMES_START, HEADER_COPY_BYTES, SegmentHeader, WATERMARK_AT, Watermark,
    commit_word,
};
use crate::{Durability, JournalDir, JournalError, Keep, Lease, Reader, Writer, inspect, leases};
use crate::{recover, recover_full, retain};

/// File names below the journal, and what is in the files.
type Image = BTreeMap<String, Vec<u8>>;

pub(super) const NUMBERS: [u64; 12] =
    [0, 1, 7, 8, 4_095, 4_096, 65_536, 262_144, u32::MAX as u64, 1 << 62, u64::MAX - 1, u64::MAX];

fn image_of(dir: &Path) -> Image {
    let mut image = Image::new();
    for folder in ["", "inputs/"] {
        for entry in fs::read_dir(dir.join(folder)).unwrap().flatten().filter(|entry| entry.path().is_file())
        {
            let name = format!("{folder}{}", entry.file_name().into_string().unwrap());
            image.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    image.remove("LOCK");
    image
}

/// A closed stream, a crashed one of two epochs, and one with leases and without its beginning.
fn bases(all: &[Owned]) -> Vec<Image> {
    let memory = || tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let (closed, crashed, kept) = (memory(), memory(), memory());
    super::write(closed.path(), all, true);
    let lock = JournalDir::lock(crashed.path()).unwrap();
    let mut writer = Writer::create(&lock, "inputs", options(Durability::D2)).unwrap();
    append(&mut writer, &all[..1_000]);
    drop(writer);
    let recovered = recover(&lock, "inputs").unwrap();
    let mut writer = Writer::resume(&lock, "inputs", options(Durability::D2), &recovered).unwrap();
    append(&mut writer, &all[1_000..]);
    std::thread::sleep(Duration::from_millis(40));
    drop(writer);
    let lock = JournalDir::lock(kept.path()).unwrap();
    let mut writer = Writer::create(&lock, "inputs", small()).unwrap();
    append(&mut writer, all);
    writer.close().unwrap();
    Lease::take(kept.path(), "inputs", "tail").unwrap().advance(1_500).unwrap();
    retain(&lock, "inputs", Keep { before_seq: u64::MAX, segments: 1, limit: Some(1) }).unwrap();
    [closed, crashed, kept].iter().map(|dir| image_of(dir.path())).collect()
}

/// One mutation; returns whether a checksum was made for it, after which anything may be read.
fn mutate(random: &mut Random, image: &mut Image) -> bool {
    let names: Vec<String> = image.keys().cloned().collect();
    let Some(name) = names.get(random.below(names.len().max(1) as u64) as usize).cloned() else {
        return false;
    };
    let other = names[random.below(names.len() as u64) as usize].clone();
    let bytes = image.get_mut(&name).expect("listed");
    let len = bytes.len() as u64;
    let near_start = if random.below(2) == 0 { len } else { len.min(FRAMES_START + 600) };
    let at = random.below(near_start.max(1)) as usize;
    match random.below(12) {
        0 | 1 if len > 0 => bytes[at] ^= 1 << random.below(8),
        2 if len > 0 => {
            let end = (at + random.below(70_000) as usize).min(bytes.len());
            let fill = [0, 0xff, random.next() as u8][random.below(3) as usize];
            bytes[at..end].fill(fill);
        }
        3 => bytes.truncate(at),
        4 => {
            let more = random.below(70_000) as usize;
            let more = random.bytes(more);
            bytes.extend(more);
        }
        5 => drop(image.remove(&name)),
        6 => {
            let (one, two) = (image[&name].clone(), image[&other].clone());
            image.insert(name, two);
            image.insert(other, one);
        }
        7 => {
            let copy = image[&name].clone();
            let index = [0, 1, 2, 3, 9, u64::MAX][random.below(6) as usize];
            image.insert(format!("inputs/{index:016x}.lxj"), copy);
        }
        8 => drop(image.remove("EPOCH")),
        9 if name.ends_with(".lxj") => return forge_header(random, bytes),
        10 if name.ends_with(".lxj") => return forge_frame(random, bytes),
        11 if name.ends_with(".lxj") => return forge_watermark(random, bytes),
        _ if len >= 8 => {
            let value = NUMBERS[random.below(12) as usize];
            let at = at.min(bytes.len() - 8) / 8 * 8;
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        _ => {}
    }
    false
}

/// A header with a wrong field and a right checksum, in both copies.
pub(super) fn forge_header(random: &mut Random, bytes: &mut [u8]) -> bool {
    let Some(mut header) = SegmentHeader::pick(bytes) else { return false };
    let value = if random.below(2) == 0 {
        NUMBERS[random.below(12) as usize]
    } else {
        random.next() >> random.below(60)
    };
    match random.below(13) {
        0 => header.segment_index = value,
        1 => header.first_seq = value,
        2 => header.first_ts_ns = value,
        3 => header.epoch = value,
        4 => header.flags = value,
        5 => header.prev_last_seq = value,
        6 => header.generation = value / 4,
        7 => header.segment_bytes = value % (1 << 21),
        8 => header.sealed_bytes = value,
        9 => header.frame_count = value,
        10 => header.last_seq = value,
        11 => header.last_ts_ns = value,
        _ => header.version = value as u16,
    }
    for _ in 0..2 {
        header.generation += 1;
        header.sign();
        let at = header.copy_offset() as usize;
        if let Some(copy) = bytes.get_mut(at..at + HEADER_COPY_BYTES) {
            copy.copy_from_slice(header.as_bytes());
        }
    }
    true
}

/// A frame with a wrong field, or of a wrong length, and a right checksum.
pub(super) fn forge_frame(random: &mut Random, bytes: &mut [u8]) -> bool {
    let Some(header) = SegmentHeader::pick(bytes) else { return false };
    let mut at = FRAMES_START as usize;
    for _ in 0..random.below(400) {
        let Some(word) = bytes.get(at..at + 8) else { return false };
        let step = u32::from_le_bytes(word[..4].try_into().unwrap()) as usize;
        if !(32..=65_536).contains(&step) {
            break;
        }
        at += step;
    }
    let frame = [32, 40, 64, 4_096, 65_536][random.below(5) as usize];
    let Some(body) = bytes.get_mut(at + COMMIT_BYTES..at + frame) else { return false };
    let field = [0, 8, 16, 19, 20][random.below(5) as usize];
    let value = NUMBERS[random.below(12) as usize].to_le_bytes();
    let end = (field + 8).min(BODY_BYTES);
    body[field..end].copy_from_slice(&value[..end - field]);
    let word = commit_word(header.salt, at as u64, body);
    bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
    true
}

pub(super) fn forge_watermark(random: &mut Random, bytes: &mut [u8]) -> bool {
    let Some(header) = SegmentHeader::pick(bytes) else { return false };
    let Some(slot) = bytes.get_mut(WATERMARK_AT..WATERMARK_AT + 64) else { return false };
    let mut watermark = Watermark::read_from_bytes(slot).unwrap();
    (watermark.epoch, watermark.durable_bytes) = (header.epoch, NUMBERS[random.below(12) as usize] / 8 * 8);
    watermark.sign(header.salt);
    slot.copy_from_slice(watermark.as_bytes());
    true
}

fn store(image: &Image, dir: &Path) {
    drop(fs::remove_dir_all(dir));
    fs::create_dir_all(dir.join("inputs")).unwrap();
    for (name, bytes) in image {
        fs::write(dir.join(name), bytes).unwrap();
    }
}

/// Whether the records are some that were written, one after the other, from the first one or from where retention begins.
fn is_part(all: &[Owned], found: &[Owned]) -> bool {
    found.first().is_none_or(|first| {
        let at = first.seq as usize - 1;
        all.get(at..at + found.len()).is_some_and(|part| part == found)
    })
}

fn read_kept(dir: &Path) -> Vec<Owned> {
    let mut found = Vec::new();
    let Ok(mut reader) = Reader::open_kept(dir, "inputs") else { return found };
    while let Ok(Some(frame)) = reader.next() {
        found.push(frame.into());
    }
    // Where it stopped, in whatever state.
    let _ = reader.damaged().map(|damaged| damaged.payload_and_padding.len());
    let _ = (reader.seek_seq(700), reader.next().map(|frame| frame.map(|frame| frame.seq)));
    let _ =
        (reader.seek_ts(1_700_000_000_000_000_900), reader.next().map(|frame| frame.map(|frame| frame.seq)));
    found
}

/// Everything that can be asked of a directory.
fn ask(image: &Image, dir: &Path, all: &[Owned], forged: bool) {
    store(image, dir);
    let fair = |found: &[Owned], what: &str| assert!(forged || is_part(all, found), "{what}: other records");
    drop((inspect(dir, "inputs"), leases(dir, "inputs"), Lease::take(dir, "inputs", "tail").map(|_| ())));
    fair(&read(dir).0, "reading");
    fair(&read_kept(dir), "reading what is kept");
    let Ok(lock) = JournalDir::lock(dir) else { return };
    for full in [true, false, true] {
        let recovered = if full { recover_full(&lock, "inputs") } else { recover(&lock, "inputs") };
        match recovered {
            Ok(recovered) => {
                let found = read_kept(dir);
                fair(&found, "after recovery");
                let last =
                    found.last().map_or(recovered.kept_from.map_or(0, |from| from - 1), |last| last.seq);
                let agrees = recovered.last.map_or(0, |last| last.seq) == last;
                assert!(forged || !full || agrees, "{recovered:?}, but {last} is the last that is read");
            }
            Err(JournalError::Io { .. } | JournalError::Corrupt { .. } | JournalError::Version { .. }) => {}
            Err(JournalError::NoStream { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    drop(retain(&lock, "inputs", Keep { before_seq: 1_000, segments: 1, limit: None }));
    fair(&read_kept(dir), "after retention");
}

/// How many directories the process is to make.
const COUNT: &str = "PITLANE_JOURNAL_FUZZ_COUNT";
/// Per run of the suite, about ten seconds, and in the long form, about ten minutes.
const DIRECTORIES: &str = "4000";
const DIRECTORIES_LONG: &str = "240000";

#[test]
#[ignore = "run by the test that limits its memory"]
fn child_fuzzes() {
    let Some(count) = std::env::var(COUNT).ok().and_then(|count| count.parse().ok()) else { return };
    let all = records(&mut Random(81), 2_500, 300);
    let bases = bases(&all);
    let mut random = Random(seed());
    let scratch = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let dir: PathBuf = scratch.path().join("journal");
    let mut slowest = Duration::ZERO;
    for asked in 0_u64..count {
        super::progress(asked, 5_000, "directories");
        let mut this = Random(random.next());
        let from = this.0;
        let base = this.below(3) as usize;
        let mut image = bases[base].clone();
        let mut forged = false;
        for _ in 0..1 + this.below(4) {
            forged |= mutate(&mut this, &mut image);
        }
        let at = Instant::now();
        let asking = std::panic::AssertUnwindSafe(|| ask(&image, &dir, &all, forged));
        if std::panic::catch_unwind(asking).is_err() {
            let kept = std::env::temp_dir().join(format!("pitlane-journal-fuzz-{from}"));
            store(&image, &kept);
            panic!("mutation {from} of base {base} after {asked}; it is in {}", kept.display());
        }
        slowest = slowest.max(at.elapsed());
    }
    assert!(slowest < Duration::from_secs(10), "one took {slowest:?}");
    println!("{count} directories, the slowest in {slowest:?}");
}

#[test]
fn mutated_directories_neither_panic_nor_hang_nor_yield_other_records() {
    let mut shell = Command::new("sh");
    // A gibibyte and a half of address space, most of it unused stacks and arenas; no file longer than a few segments.
    shell.args(["-c", "trap '' XFSZ; ulimit -v 1500000; ulimit -f 16384; exec \"$@\"", "sh"]);
    shell.arg(std::env::current_exe().unwrap());
    shell.args(["--exact", "tests::fuzz::child_fuzzes", "--ignored", "--nocapture"]);
    let output = shell.env(COUNT, if long() { DIRECTORIES_LONG } else { DIRECTORIES }).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("directories"), "{text}\n{error}");
    println!("{text}");
}
