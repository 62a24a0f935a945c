//! The inputs of several journals as those of one.

use super::Journal;
use pitlane_engine::event::{Command, CommandCode, Event, Kind, SessionStart};
use pitlane_engine::sequencer::source::EventReader;
use pitlane_engine::units::{InstrumentId, TsNs};
use pitlane_store::{EventStream, INPUTS, StoreError, StreamEnd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// How often the progress is told, in inputs; a power of two.
const TOLD_EVERY: u64 = 4_096;

/// What came by so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Sessions.
    pub sessions: u32,
    /// Dates of the first and the last one, as yyyymmdd; zero before the first.
    pub dates: (u32, u32),
    /// Bars of earlier days in journals behind the first, which were left out: the days themselves come before.
    pub history_left_out: u64,
    /// An operator's commands that are obeyed again: how many, and the first.
    pub commands: u64,
    /// The first of them: which, when, and in which journal.
    pub first_command: Option<(CommandCode, TsNs, PathBuf)>,
}

/// Reads one journal after another; only one is open at a time. An error ends it and is kept in its `StreamEnd`.
pub struct DaysReader {
    journals: std::vec::IntoIter<Journal>,
    open: Option<(EventStream, Journal)>,
    /// Inputs of the journals that are behind.
    before: u64,
    is_later: bool,
    end: StreamEnd,
    reached: Arc<AtomicU64>,
    seen: Arc<Mutex<Seen>>,
}

impl DaysReader {
    pub(super) fn new(journals: Vec<Journal>) -> Self {
        Self {
            journals: journals.into_iter(),
            open: None,
            before: 0,
            is_later: false,
            end: StreamEnd::default(),
            reached: Arc::default(),
            seen: Arc::default(),
        }
    }

    /// Where an error will be found.
    pub fn end(&self) -> StreamEnd {
        self.end.clone()
    }

    /// How many of the recorded inputs were read, told every few thousand.
    pub fn reached(&self) -> Arc<AtomicU64> {
        self.reached.clone()
    }

    /// What came by, to be asked at the end.
    pub fn seen(&self) -> Arc<Mutex<Seen>> {
        self.seen.clone()
    }

    /// Reads the next input, of whichever journal; `false` behind the last.
    fn try_read(&mut self, event: &mut Event) -> Result<bool, StoreError> {
        loop {
            let Some((stream, journal)) = &mut self.open else {
                let Some(journal) = self.journals.next() else { return Ok(false) };
                self.open = Some((EventStream::open(&journal.dir, INPUTS)?, journal));
                continue;
            };
            if stream.try_read_into(event)? {
                if event.header.instrument != InstrumentId::NONE
                    && let Some(id) = journal.ids.get(event.header.instrument.index())
                {
                    event.header.instrument = *id;
                }
                if event.header.seq.0.is_multiple_of(TOLD_EVERY) {
                    // Relaxed: a number for a progress bar.
                    self.reached.store(self.before + event.header.seq.0, Ordering::Relaxed);
                }
                return Ok(true);
            }
            // It was sound when it was opened; who takes its end for the end asks once more.
            stream.is_closed()?;
            self.before += journal.inputs;
            self.is_later = true;
            self.open = None;
        }
    }

    /// Notes what is to be noted of an input; `false` if it is left out.
    fn take(&mut self, event: &mut Event) -> bool {
        match event.kind() {
            Kind::SessionStart => {
                let start = event.body_mut::<SessionStart>();
                let mut seen = self.seen.lock().expect("one thread reads");
                seen.sessions += 1;
                start.number = seen.sessions;
                let first = if seen.sessions == 1 { start.date } else { seen.dates.0 };
                seen.dates = (first, start.date);
            }
            // Inputs are bars only before a journal's first session.
            Kind::Bar if self.is_later => {
                self.seen.lock().expect("one thread reads").history_left_out += 1;
                return false;
            }
            Kind::Command => {
                let mut seen = self.seen.lock().expect("one thread reads");
                seen.commands += 1;
                if seen.first_command.is_none()
                    && let Some(code) = CommandCode::from_u8(event.body::<Command>().code)
                    && let Some((_, journal)) = &self.open
                {
                    seen.first_command = Some((code, event.header.ts, journal.dir.clone()));
                }
            }
            _ => {}
        }
        true
    }
}

impl EventReader for DaysReader {
    fn next_event(&mut self) -> Option<Event> {
        let mut event = super::blank();
        self.read_into(&mut event).then_some(event)
    }

    fn read_into(&mut self, event: &mut Event) -> bool {
        loop {
            match self.try_read(event) {
                Ok(true) => {
                    if self.take(event) {
                        return true;
                    }
                }
                Ok(false) => return false,
                Err(error) => {
                    self.end.put_error(error);
                    (self.open, self.journals) = (None, Vec::new().into_iter());
                    return false;
                }
            }
        }
    }
}
