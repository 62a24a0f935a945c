//! A stream of a journal as the engine's event log.

use pitlane_engine::event::{Event, SCHEMA_VERSION};
use pitlane_engine::log::{EventLog, LogError};
use pitlane_journal::{Durable, JournalDir, JournalError, Record, Recovered, Writer, WriterOptions};

/// Records events in one stream.
pub struct JournalLog {
    writer: Option<Writer>,
    /// Number of the next frame.
    next: u64,
    numbered_by_seq: bool,
    error: Option<JournalError>,
}

impl JournalLog {
    /// A log of inputs: frames are numbered by the events' `seq`.
    ///
    /// # Errors
    /// If the stream exists or cannot be made.
    pub fn inputs(dir: &JournalDir, options: WriterOptions) -> Result<Self, JournalError> {
        Self::create(dir, super::INPUTS, options, true)
    }

    /// A log of outputs: frames have a number of their own.
    ///
    /// # Errors
    /// If the stream exists or cannot be made.
    pub fn outputs(dir: &JournalDir, options: WriterOptions) -> Result<Self, JournalError> {
        Self::create(dir, super::OUTPUTS, options, false)
    }

    /// A log of inputs that goes on where its recovery found the end; a new one if there was none.
    ///
    /// # Errors
    /// If the stream cannot be made or continued.
    pub fn resume_inputs(
        dir: &JournalDir,
        options: WriterOptions,
        recovered: Option<&Recovered>,
    ) -> Result<Self, JournalError> {
        match recovered {
            Some(recovered) => Self::resume(dir, super::INPUTS, options, true, recovered),
            None => Self::inputs(dir, options),
        }
    }

    /// The same for outputs.
    ///
    /// # Errors
    /// If the stream cannot be made or continued.
    pub fn resume_outputs(
        dir: &JournalDir,
        options: WriterOptions,
        recovered: Option<&Recovered>,
    ) -> Result<Self, JournalError> {
        match recovered {
            Some(recovered) => Self::resume(dir, super::OUTPUTS, options, false, recovered),
            None => Self::outputs(dir, options),
        }
    }

    /// How far the log is on the disk, for whoever watches it, also when it is finished.
    ///
    /// # Panics
    /// If the log is finished.
    pub fn durability(&self) -> Durable {
        self.writer.as_ref().expect("a log that is not finished has its writer").durability()
    }

    fn resume(
        dir: &JournalDir,
        stream: &str,
        options: WriterOptions,
        numbered_by_seq: bool,
        recovered: &Recovered,
    ) -> Result<Self, JournalError> {
        let writer = Writer::resume(dir, stream, options, recovered)?;
        Ok(Self { next: writer.next_seq(), writer: Some(writer), numbered_by_seq, error: None })
    }

    fn create(
        dir: &JournalDir,
        stream: &str,
        options: WriterOptions,
        numbered_by_seq: bool,
    ) -> Result<Self, JournalError> {
        let next = options.first_seq;
        Ok(Self { writer: Some(Writer::create(dir, stream, options)?), next, numbered_by_seq, error: None })
    }

    /// Compiled into both ways of the log: a call more costs a tenth of an append.
    #[inline(always)]
    fn put(&mut self, event: &Event) {
        let Some(writer) = self.writer.as_mut().filter(|_| self.error.is_none()) else { return };
        let header = &event.header;
        assert!(
            !self.numbered_by_seq || header.seq.0 == self.next,
            "inputs are journaled in order, without holes"
        );
        let record = Record {
            seq: self.next,
            ts_ns: header.ts.0,
            kind: u16::from(header.kind),
            schema_version: SCHEMA_VERSION,
            flags: 0,
            payload: event.used_bytes(),
        };
        match writer.append(record) {
            Ok(()) => self.next += 1,
            Err(error) => self.error = Some(error),
        }
    }
}

impl EventLog for JournalLog {
    fn append(&mut self, event: &Event) {
        self.put(event);
    }

    fn record(&mut self, event: &Event) -> bool {
        self.put(event);
        self.error.is_none()
    }

    fn failed(&self) -> bool {
        self.error.is_some()
    }

    fn finish(&mut self) -> Result<(), LogError> {
        // A log that failed is left as it is, unsealed: what it holds is a true prefix.
        let sealed = self.writer.take().filter(|_| self.error.is_none()).map_or(Ok(()), Writer::close);
        match self.error.take() {
            Some(error) => Err(error.into()),
            None => Ok(sealed?),
        }
    }
}
