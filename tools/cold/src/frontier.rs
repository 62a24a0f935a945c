//! How far a stream is durable, as its files say: for a process that did not write them.
//!
//! Segments are sealed one after the other. Sealed ones are durable as a whole; the one behind them is durable as far as the
//! watermarks in its header go, of which there are none at level D0. `docs/journal.md` draws the header.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const COPY_BYTES: usize = 2048;
const SLOT: std::ops::Range<usize> = 200..264;
const UNCHECKED: std::ops::Range<usize> = 200..328;
const ACTIVE: u64 = 1;
const SEALED: u64 = 2;
const RECOVERED: u64 = 8;

/// How the last segment that holds something stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Last {
    /// Its writer is at work on it, or died.
    #[default]
    Open,
    /// Its writer has sealed it.
    Sealed,
    /// Recovery has sealed it after its writer died.
    Recovered,
}

/// Bytes of a segment's header, both copies.
pub const HEADER_BYTES: usize = 2 * COPY_BYTES;

/// Whether recovery has sealed the segment at `path`. One whose header is not valid was sealed by nobody.
///
/// # Errors
/// If it cannot be read.
pub fn is_recovered(path: &Path) -> io::Result<bool> {
    Ok(Header::read(path)?.is_some_and(|header| header.flags & RECOVERED != 0))
}

/// The last record of a sealed segment that begins with `bytes`, 0 for an empty one; `None` if it is none.
pub fn last_seq(bytes: &[u8; HEADER_BYTES]) -> Option<u64> {
    Header::of(bytes).filter(|header| header.flags & SEALED != 0).map(|header| header.last_seq)
}

/// Follows how far a stream is durable.
#[derive(Debug)]
pub struct Frontier {
    folder: PathBuf,
    /// The segment to look at next; `None` before the first was found.
    segment: Option<u64>,
    seq: u64,
    last: Last,
    level: u32,
}

impl Frontier {
    /// Of a stream's folder; nothing is known before the first look.
    pub fn new(journal: &Path, stream: &str) -> Self {
        let folder = journal.join(stream);
        Self { folder, segment: None, seq: 0, last: Last::Open, level: 0 }
    }

    /// The last record that is durable, as of the last look.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// How the stream's last segment stood.
    pub fn last(&self) -> Last {
        self.last
    }

    /// The durability level of its writer: 0, 1 or 2.
    pub fn level(&self) -> u32 {
        self.level
    }

    /// Looks again.
    ///
    /// # Errors
    /// If a header cannot be read.
    pub fn look(&mut self) -> io::Result<()> {
        let Some(mut index) = self.segment.map_or_else(|| first_segment(&self.folder), |at| Ok(Some(at)))?
        else {
            return Ok(());
        };
        while let Some(header) = Header::read(&self.folder.join(format!("{index:016x}.lxj")))? {
            if header.flags & (ACTIVE | SEALED) == 0 {
                break;
            }
            self.segment = Some(index);
            self.level = header.level;
            if header.flags & SEALED == 0 {
                self.last = Last::Open;
                self.seq = self.seq.max(header.durable_seq);
                break;
            }
            self.last = if header.flags & RECOVERED == 0 { Last::Sealed } else { Last::Recovered };
            self.seq = self.seq.max(header.last_seq);
            index += 1;
        }
        Ok(())
    }
}

fn first_segment(folder: &Path) -> io::Result<Option<u64>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut first: Option<u64> = None;
    for entry in entries {
        let path = entry?.path();
        let stem = path.extension().filter(|end| *end == "lxj").and_then(|_| path.file_stem()?.to_str());
        if let Some(index) = stem.and_then(|stem| u64::from_str_radix(stem, 16).ok()) {
            first = Some(first.map_or(index, |first| first.min(index)));
        }
    }
    Ok(first)
}

/// What of a segment's header matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Header {
    flags: u64,
    level: u32,
    last_seq: u64,
    durable_seq: u64,
}

impl Header {
    /// `None` if there is no such file, or neither copy is valid: reading the stream will say which.
    fn read(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let mut bytes = [0; 2 * COPY_BYTES];
        match file.read_exact_at(&mut bytes, 0) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            read => read.map(|()| Self::of(&bytes)),
        }
    }

    fn of(bytes: &[u8; 2 * COPY_BYTES]) -> Option<Self> {
        let (a, b) = bytes.split_at(COPY_BYTES);
        let valid = |copy: &&[u8]| {
            let mut checked = copy[..COPY_BYTES - 4].to_vec();
            checked[UNCHECKED].fill(0);
            copy.starts_with(b"LXJ1") && crc32c::crc32c(&checked) == u32_at(copy, COPY_BYTES - 4)
        };
        let copy = [a, b].into_iter().filter(valid).max_by_key(|copy| u64_at(copy, 328))?;
        let (epoch, salt) = (u64_at(copy, 56), u32_at(copy, 64));
        let durable = |copy: &[u8]| {
            let slot = &copy[SLOT];
            let valid = u64_at(slot, 0) == epoch
                && u64_at(slot, 8) > 0
                && crc32c::crc32c_append(salt, &slot[..60]) == u32_at(slot, 60);
            if valid { u64_at(slot, 16) } else { 0 }
        };
        Some(Self {
            flags: u64_at(copy, 72),
            level: u32_at(copy, 68),
            last_seq: u64_at(copy, 360),
            durable_seq: durable(a).max(durable(b)),
        })
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use super::*;
    use pitlane_journal::{Durability, JournalDir, Record, Writer, WriterOptions};

    fn append(writer: &mut Writer, seqs: std::ops::RangeInclusive<u64>) {
        for seq in seqs {
            let record = Record { seq, ts_ns: seq, kind: 1, schema_version: 1, flags: 0, payload: &[7; 600] };
            writer.append(record).unwrap();
        }
    }

    #[test]
    fn it_is_where_the_writer_says_and_never_ahead() {
        for level in [Durability::D0, Durability::D1, Durability::D2] {
            let dir = tempfile::tempdir().unwrap();
            let mut frontier = Frontier::new(dir.path(), "inputs");
            frontier.look().unwrap();
            assert_eq!((frontier.seq(), frontier.last()), (0, Last::Open));
            let lock = JournalDir::lock(dir.path()).unwrap();
            let options = WriterOptions { segment_bytes: 256 * 1024, level, ..WriterOptions::default() };
            let mut writer = Writer::create(&lock, "inputs", options).unwrap();
            let durable = writer.durability();
            for from in (1..2_000).step_by(100) {
                append(&mut writer, from..=from + 99);
                frontier.look().unwrap();
                assert!(frontier.seq() <= durable.durable_seq(), "{level:?}");
                assert!(
                    frontier.last() == Last::Open || frontier.seq() < from + 99 || level > Durability::D0
                );
            }
            if level > Durability::D0 {
                // A watermark claims what was durable before it: it comes with the next batch, or 5 ms later.
                let since = std::time::Instant::now();
                while frontier.seq() < 2_000 {
                    assert!(since.elapsed().as_secs() < 20, "{level:?}: stays at {}", frontier.seq());
                    std::thread::sleep(std::time::Duration::from_millis(1));
                    frontier.look().unwrap();
                }
                assert_eq!(frontier.last(), Last::Open);
            }
            writer.close().unwrap();
            frontier.look().unwrap();
            assert_eq!((frontier.seq(), frontier.last()), (2_000, Last::Sealed), "{level:?}");
            let mut fresh = Frontier::new(dir.path(), "inputs");
            fresh.look().unwrap();
            assert_eq!((fresh.seq(), fresh.last()), (2_000, Last::Sealed));
        }
    }
}
