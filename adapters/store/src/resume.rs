//! What a crash left of a run, made to end in order: where both streams stand.

use super::{EventStream, INPUTS, OUTPUTS, StoreError};
use pitlane_engine::event::{Event, Kind, StageId};
use pitlane_journal::{JournalDir, Recovered, recover_full};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The ends of a run's two streams after their recovery. A stream without segments has none: it was never begun.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// Of the inputs.
    pub inputs: Option<Recovered>,
    /// Of the outputs.
    pub outputs: Option<Recovered>,
}

impl Ends {
    /// The last input's `seq`; 0 without any.
    pub fn inputs_last(&self) -> u64 {
        last(self.inputs.as_ref())
    }

    /// The last output's number; 0 without any.
    pub fn outputs_last(&self) -> u64 {
        last(self.outputs.as_ref())
    }

    /// Bytes of both streams that were cut because no whole frame followed.
    pub fn torn_bytes(&self) -> u64 {
        let torn = |ends: Option<&Recovered>| ends.and_then(|ends| ends.torn).map_or(0, |torn| torn.bytes);
        torn(self.inputs.as_ref()) + torn(self.outputs.as_ref())
    }
}

fn last(ends: Option<&Recovered>) -> u64 {
    ends.and_then(|ends| ends.last).map_or(0, |last| last.seq)
}

/// Name of the file in a journal's directory that says where its streams are mapped.
const HOT_FILE: &str = "HOT";

/// The directory in which the journal at `dir` is mapped with two tiers, as its writer noted. What a crash left there must
/// be merged by the next start, whatever that is configured with.
///
/// # Errors
/// If the note cannot be read.
pub fn hot_dir(dir: &Path) -> io::Result<Option<PathBuf>> {
    match fs::read(dir.join(HOT_FILE)) {
        Ok(path) => Ok(Some(PathBuf::from(OsString::from_vec(path))).filter(|path| path.is_absolute())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Notes, durably, that the journal behind `lock` is mapped in `hot_dir`. To be called before anything is written there.
///
/// # Errors
/// If the note cannot be written.
pub fn note_hot_dir(lock: &JournalDir, hot_dir: &Path) -> io::Result<()> {
    let (path, new) = (lock.path().join(HOT_FILE), lock.path().join("HOT.new"));
    let mut file = fs::File::create(&new)?;
    file.write_all(hot_dir.as_os_str().as_bytes())?;
    file.sync_all()?;
    fs::rename(new, path)?;
    fs::File::open(lock.path())?.sync_all()
}

/// Whether the stream has a segment file. A folder without one is what a crash in the making of a stream leaves, or the
/// loss of all of it; which of the two, the other stream tells.
pub fn has_segments(dir: &Path, stream: &str) -> bool {
    let Ok(entries) = std::fs::read_dir(dir.join(stream)) else { return false };
    entries.flatten().any(|entry| entry.path().extension().is_some_and(|extension| extension == "lxj"))
}

/// Recovers both streams of a run. Every frame is verified, also of sealed segments: a run goes on with money from here,
/// and what is behind a snapshot would not be read again.
///
/// # Errors
/// If what was durable is damaged: then nothing was written to that stream.
pub fn recover_streams(dir: &JournalDir) -> Result<Ends, StoreError> {
    let ends = |stream| match has_segments(dir.path(), stream) {
        true => recover_full(dir, stream).map(Some),
        false => Ok(None),
    };
    Ok(Ends { inputs: ends(INPUTS)?, outputs: ends(OUTPUTS)? })
}

/// Whether the last recorded input ends a session, and whether its outputs are recorded to the last one, which is the
/// venue's state hash.
///
/// # Errors
/// If the journal cannot be read.
pub fn ends_complete(dir: &Path, ends: &Ends) -> Result<(bool, bool), StoreError> {
    let event = |stream, last| -> Result<Option<Event>, StoreError> {
        let mut events = EventStream::open(dir, stream)?;
        if last == 0 || !events.seek(last)? {
            return Ok(None);
        }
        events.try_next()
    };
    let Some(input) = event(INPUTS, ends.inputs_last())? else { return Ok((false, false)) };
    let ended = input.kind() == Kind::SessionEnd;
    let output = match ends.outputs_last() {
        0 => None,
        last => event(OUTPUTS, last)?,
    };
    let whole = output.is_some_and(|output| {
        output.header.seq == input.header.seq
            && output.kind() == Kind::StateHash
            && output.header.source == StageId::Matcher as u32
    });
    Ok((ended, ended && whole))
}
