//! What a crash left of a run, made to end in order: where both streams stand.

use super::{EventStream, INPUTS, OUTPUTS, StoreError};
use pitlane_engine::event::{Event, Kind, StageId};
use pitlane_journal::{JournalDir, JournalError, Recovered, examine, recover};
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
/// and what is behind a snapshot would not be read again. Both are looked at before either is written.
///
/// # Errors
/// If what was durable is damaged: then nothing was written, to neither stream.
pub fn recover_streams(dir: &JournalDir) -> Result<Ends, StoreError> {
    let streams = [INPUTS, OUTPUTS].map(|stream| has_segments(dir.path(), stream).then_some(stream));
    let [inputs, outputs] = streams.map(|stream| stream.map(|stream| examine(dir, stream)).transpose());
    let ends = Ends { inputs: inputs?, outputs: outputs? };
    let mended = |found: Option<Recovered>| found.map(|found| mend(dir, found)).transpose();
    Ok(Ends { inputs: mended(ends.inputs)?, outputs: mended(ends.outputs)? })
}

/// Does what `found` says has to be done. Its frames were verified under the same lock, so sealed segments are not read
/// again.
fn mend(dir: &JournalDir, found: Recovered) -> Result<Recovered, JournalError> {
    let mut done = recover(dir, &found.stream)?;
    assert!(
        done.last == found.last && done.chain == found.chain,
        "a stream under this lock is what it was when it was examined"
    );
    done.frames_scanned = found.frames_scanned;
    done.parts.headers_ns += found.parts.headers_ns;
    done.parts.scan_ns += found.parts.scan_ns;
    Ok(done)
}

/// Whether the last recorded input ends a session, and whether its outputs are recorded to the last one, which is the
/// venue's state hash.
///
/// # Errors
/// If the journal cannot be read.
pub fn ends_complete(dir: &Path, ends: &Ends) -> Result<(bool, bool), StoreError> {
    let event = |stream, last| -> Result<Option<Event>, StoreError> {
        let mut events = EventStream::open_kept(dir, stream)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::JournalLog;
    use pitlane_engine::log::EventLog;
    use pitlane_engine::units::{Seq, TsNs};
    use pitlane_journal::WriterOptions;
    use std::collections::BTreeMap;

    /// A journal whose writer died, with five segments or so in each stream.
    fn crashed(dir: &Path) {
        let lock = JournalDir::lock(dir).expect("a directory");
        let options = WriterOptions { segment_bytes: 256 * 1024, ..WriterOptions::default() };
        let mut inputs = JournalLog::inputs(&lock, options).expect("a stream");
        let mut outputs = JournalLog::outputs(&lock, options).expect("a stream");
        for seq in 1..=10_000 {
            let event = Event::state_hash(StageId::Risk, 7, Seq(seq), TsNs(seq));
            inputs.append(&event);
            outputs.append(&event);
        }
        // The first segments are sealed while the last ones are written.
        drop((inputs, outputs));
    }

    fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        for folder in [dir.to_owned(), dir.join(INPUTS), dir.join(OUTPUTS)] {
            let entries =
                fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
            for path in entries.filter(|path| path.is_file() && !path.ends_with("LOCK")) {
                let bytes = fs::read(&path).expect("a file");
                found.insert(path, bytes);
            }
        }
        found
    }

    #[test]
    fn damage_of_either_stream_leaves_both_as_they_were() {
        for damaged in [INPUTS, OUTPUTS] {
            let scratch = tempfile::TempDir::new().expect("a directory");
            let dir = scratch.path();
            crashed(dir);
            let path = dir.join(damaged).join("0000000000000000.lxj");
            let mut bytes = fs::read(&path).expect("a file");
            bytes[100_000] ^= 1;
            fs::write(&path, &bytes).expect("a file");
            let before = files(dir);
            let lock = JournalDir::lock(dir).expect("nobody has it");
            let error = recover_streams(&lock).expect_err("it is damaged");
            assert!(error.to_string().contains("is damaged at offset"), "{error}");
            assert_eq!(lock.epoch(), 0, "no epoch was given out");
            assert!(files(dir) == before, "something was written");
            bytes[100_000] ^= 1;
            fs::write(&path, &bytes).expect("a file");
            let ends = recover_streams(&lock).expect("it is whole again");
            assert_eq!((ends.inputs_last(), ends.outputs_last()), (10_000, 10_000));
            let inputs = ends.inputs.expect("a stream");
            assert!(!inputs.was_closed && inputs.frames_scanned == 10_000, "{inputs:?}");
        }
    }
}
