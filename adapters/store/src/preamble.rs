//! What a run starts with, kept beside a journal whose first segments retention removes: without its configuration and
//! its instruments nothing that is left could be run again.
//!
//! ```text
//! PREAMBLE   magic LXPHEAD1 (8), journal uuid (16), then per event: length (4), bytes; hash of all before (16)
//! ```
//! The events are the inputs up to the first SessionStart, as they were recorded.

use super::{EventStream, INPUTS, StoreError};
use pitlane_engine::event::{Event, Kind};
use pitlane_engine::hash::StateHasher;
use pitlane_journal::JournalDir;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

const FILE: &str = "PREAMBLE";
const MAGIC: [u8; 8] = *b"LXPHEAD1";
const UUID_AT: usize = MAGIC.len();
const EVENTS_AT: usize = UUID_AT + 16;
const HASH_BYTES: usize = 16;

/// The inputs up to the first session's start, wherever they are.
pub struct Preamble {
    from: From,
}

enum From {
    Stream(Box<EventStream>),
    Kept(std::vec::IntoIter<Event>),
}

impl Preamble {
    /// Opens that of the journal at `dir`: the stream itself, or what was kept of it if retention removed its start.
    ///
    /// # Errors
    /// If the journal cannot be read, or what was kept is not there or damaged.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let stream = EventStream::open_kept(dir, INPUTS)?;
        if !stream.begins_late() {
            return Ok(Self { from: From::Stream(Box::new(stream)) });
        }
        let not_a_run = |what| StoreError::NotARun { path: dir.join(FILE), what };
        let bytes = fs::read(dir.join(FILE)).map_err(|_| {
            not_a_run("retention removed the start of the inputs, and what was kept of it is not there")
        })?;
        let events = parse(&bytes, stream.journal_uuid());
        let events =
            events.ok_or_else(|| not_a_run("what was kept of the removed start of the inputs is damaged"))?;
        Ok(Self { from: From::Kept(events.into_iter()) })
    }

    /// Whether it is one that was kept, and ends with the first session's start.
    pub fn is_kept(&self) -> bool {
        matches!(self.from, From::Kept(_))
    }

    /// The next input; the stream itself goes on behind the first session's start.
    ///
    /// # Errors
    /// If the journal is damaged, or a frame is no event of this version.
    pub fn try_next(&mut self) -> Result<Option<Event>, StoreError> {
        match &mut self.from {
            From::Stream(stream) => stream.try_next(),
            From::Kept(events) => Ok(events.next()),
        }
    }
}

/// Keeps the preamble of the journal behind `lock`, durably, unless that was done before. To be called before retention
/// removes anything of the inputs.
///
/// # Errors
/// If the preamble cannot be read, or the file not be written.
pub fn keep_preamble(lock: &JournalDir) -> Result<(), StoreError> {
    let dir = lock.path();
    let mut preamble = Preamble::open(dir)?;
    if preamble.is_kept() {
        return Ok(());
    }
    let mut bytes = MAGIC.to_vec();
    bytes.extend(EventStream::open(dir, INPUTS)?.journal_uuid());
    loop {
        let Some(event) = preamble.try_next()? else {
            return Err(StoreError::NotBegun { path: dir.to_owned() });
        };
        let used = event.used_bytes();
        bytes.extend((used.len() as u32).to_le_bytes());
        bytes.extend(used);
        if event.kind() == Kind::SessionStart {
            break;
        }
    }
    bytes.extend(hash(&bytes));
    store(dir, &bytes).map_err(|source| StoreError::Io { path: dir.join(FILE), source })
}

fn store(dir: &Path, bytes: &[u8]) -> io::Result<()> {
    let (path, new) = (dir.join(FILE), dir.join("PREAMBLE.new"));
    match fs::read(&path) {
        Ok(before) if before == bytes => return Ok(()),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(new, path)?;
    File::open(dir)?.sync_all()
}

fn hash(bytes: &[u8]) -> [u8; HASH_BYTES] {
    let mut hasher = StateHasher::new(0);
    hasher.bytes(bytes);
    hasher.finish().to_le_bytes()
}

/// The events in a file that is whole and of the journal `uuid`.
fn parse(bytes: &[u8], uuid: [u8; 16]) -> Option<Vec<Event>> {
    let (content, stored) = bytes.split_at_checked(bytes.len().checked_sub(HASH_BYTES)?)?;
    if hash(content) != stored || !content.starts_with(&MAGIC) || content.get(UUID_AT..EVENTS_AT)? != uuid {
        return None;
    }
    let (mut left, mut events) = (&content[EVENTS_AT..], Vec::new());
    while !left.is_empty() {
        let (length, rest) = left.split_first_chunk::<4>()?;
        let (event, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        events.push(Event::from_bytes(event).ok()?);
        left = rest;
    }
    events.last().is_some_and(|event| event.kind() == Kind::SessionStart).then_some(events)
}
