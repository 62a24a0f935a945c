//! Appending inputs to a journal on memory.

use super::stages::looped;
use super::{Measured, Rung};
use crate::day::Day;
use crate::openloop::Work;
use crate::tape::{Before, INPUTS, Tape};
use anyhow::Context;
use pitlane_engine::log::EventLog;
use pitlane_engine::units::{Seq, TsNs};
use pitlane_journal::{JournalDir, WriterOptions};
use pitlane_store::JournalLog;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Inputs in one journal: about 768 MiB. Then it is removed and the next one made, while the schedule stands still.
const INPUTS_EACH: u64 = 3_000_000;

/// Bytes of a segment file.
const SEGMENT_BYTES: u64 = 256 << 20;

/// Appends the tape's inputs over and over, numbered on.
struct Appending {
    tape: Tape,
    next: usize,
    seq: u64,
    /// Added to the times of the tape, which does not go back.
    offset_ns: u64,
    dir: PathBuf,
    log: Option<JournalLog>,
}

impl Appending {
    /// Ends the journal that is open. What was appended before an error is not a measurement of appending.
    fn close(&mut self) -> anyhow::Result<()> {
        if let Some(mut log) = self.log.take() {
            log.finish().map_err(|error| anyhow::anyhow!("{}: {error}", self.dir.display()))?;
        }
        remove(&self.dir)
    }
}

/// Removes a journal that the bench made.
fn remove(dir: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{}: the bench's journal cannot be removed", dir.display()))
        }
        _ => Ok(()),
    }
}

/// Opens an empty journal of inputs, and waits until its first segments are made.
fn open(dir: &Path) -> anyhow::Result<JournalLog> {
    let options =
        WriterOptions { sync_on_seal: false, segment_bytes: SEGMENT_BYTES, ..WriterOptions::default() };
    let lock = JournalDir::lock(dir)?;
    let log = JournalLog::inputs(&lock, options)?;
    let made = || {
        let names = std::fs::read_dir(dir.join("inputs")).into_iter().flatten().flatten();
        names.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "lxj")).count()
    };
    let started = Instant::now();
    while made() < 3 && started.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(50));
    Ok(log)
}

impl Work for Appending {
    fn left(&self) -> u64 {
        self.log.as_ref().map_or(0, |_| INPUTS_EACH - self.seq)
    }

    fn prepare(&mut self) -> anyhow::Result<()> {
        self.close()?;
        self.log = Some(open(&self.dir)?);
        self.seq = 0;
        Ok(())
    }

    #[inline]
    fn operate(&mut self) {
        let Some(log) = &mut self.log else { return };
        let events = self.tape.events_mut();
        if self.next == events.len() {
            self.offset_ns += 86_400_000_000_000;
            self.next = 0;
        }
        let event = &mut events[self.next];
        self.seq += 1;
        event.header.seq = Seq(self.seq);
        // Every passing of the tape is a day after the one before; its events carry the last passing's time.
        if self.offset_ns > 0 {
            event.header.ts = TsNs(event.header.ts.0 + 86_400_000_000_000);
        }
        log.append(event);
        self.next += 1;
    }
}

/// The journal.
///
/// # Errors
/// If it cannot be written.
pub fn measure(day: &Day, rung: &Rung) -> anyhow::Result<Measured> {
    let dir = rung.journal.join(format!("latency-bench-{}", std::process::id()));
    remove(&dir)?;
    let tape = Tape::record(day, Before::Bars, INPUTS)?;
    let mut work = Appending { tape, next: 0, seq: 0, offset_ns: 0, dir: dir.clone(), log: None };
    let measured = looped(rung, &mut work);
    let failed = work.log.as_ref().is_some_and(EventLog::failed);
    let closed = work.close();
    let measured = measured?;
    closed?;
    anyhow::ensure!(
        !failed,
        "{}: the journal could not be written; give another place with --journal",
        dir.display()
    );
    Ok(measured)
}
