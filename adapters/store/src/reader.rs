//! A stream of a journal as recorded events.

use super::StoreError;
use pitlane_engine::event::{Event, EventError, SCHEMA_VERSION};
use pitlane_engine::sequencer::source::EventReader;
use pitlane_journal::{Damaged, EndState, Ids, Reader, SeqTime};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// How reading ended: shared with whoever handed the stream to a driver.
#[derive(Clone, Debug, Default)]
pub struct StreamEnd(Arc<Mutex<Option<StoreError>>>);

impl StreamEnd {
    /// Notes the error that ended the stream early; the first one stays.
    pub fn put_error(&self, error: StoreError) {
        if let Ok(mut slot) = self.0.lock() {
            slot.get_or_insert(error);
        }
    }

    /// The error that ended the stream early, if one did.
    pub fn take_error(&self) -> Option<StoreError> {
        self.0.lock().ok()?.take()
    }

    /// Whether an error ended the stream early and was not taken yet.
    pub fn is_error(&self) -> bool {
        self.0.lock().is_ok_and(|slot| slot.is_some())
    }
}

/// Reads events from one stream. An error ends the stream and is kept in its `StreamEnd`.
pub struct EventStream {
    reader: Reader,
    path: PathBuf,
    stream: &'static str,
    end: StreamEnd,
    begins_late: bool,
}

impl EventStream {
    /// Opens a stream of the journal at `dir`.
    ///
    /// # Errors
    /// If there is no such stream, or its first segment is damaged.
    pub fn open(dir: &Path, stream: &'static str) -> Result<Self, StoreError> {
        Ok(Self::of(Reader::open(dir, stream)?, dir, stream))
    }

    /// The same at the first event that retention has left. For whoever needs no beginning: figures that are made from
    /// the first input on would be wrong without it.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), but for a start that was removed.
    pub fn open_kept(dir: &Path, stream: &'static str) -> Result<Self, StoreError> {
        Ok(Self::of(Reader::open_kept(dir, stream)?, dir, stream))
    }

    fn of(reader: Reader, dir: &Path, stream: &'static str) -> Self {
        let begins_late = reader.segment() > 0;
        Self { reader, path: dir.to_owned(), stream, end: StreamEnd::default(), begins_late }
    }

    /// Whether retention had removed the stream's start when it was opened.
    pub fn begins_late(&self) -> bool {
        self.begins_late
    }

    /// The name that the streams of one journal share.
    pub fn journal_uuid(&self) -> [u8; 16] {
        self.reader.journal_uuid()
    }

    /// Goes to the first event whose frame has the number `seq` or a later one; `false` if the stream ends before.
    ///
    /// # Errors
    /// If the journal is damaged on the way.
    pub fn seek(&mut self, seq: u64) -> Result<bool, StoreError> {
        Ok(self.reader.seek_seq(seq)?)
    }

    /// Goes to the first event whose time is `ts_ns` or later; `false` if the stream ends before.
    ///
    /// # Errors
    /// If the journal is damaged on the way.
    pub fn seek_time(&mut self, ts_ns: u64) -> Result<bool, StoreError> {
        Ok(self.reader.seek_ts(ts_ns)?)
    }

    /// What the writer said the run consists of.
    pub fn ids(&self) -> Ids {
        self.reader.ids()
    }

    /// Where an error of this stream will be found.
    pub fn end(&self) -> StreamEnd {
        self.end.clone()
    }

    /// The next event.
    ///
    /// # Errors
    /// If the journal is damaged, or a frame is no event of this version.
    pub fn try_next(&mut self) -> Result<Option<Event>, StoreError> {
        self.next_as(Event::from_bytes)
    }

    /// The same into `event`; `false` at the end. After an error `event` means nothing.
    ///
    /// # Errors
    /// As [`try_next`](Self::try_next).
    pub fn try_read_into(&mut self, event: &mut Event) -> Result<bool, StoreError> {
        Ok(self.next_as(|bytes| event.read_from(bytes))?.is_some())
    }

    fn next_as<T>(
        &mut self,
        read: impl FnOnce(&[u8]) -> Result<T, EventError>,
    ) -> Result<Option<T>, StoreError> {
        let Some(frame) = self.reader.next()? else { return Ok(None) };
        if frame.schema_version != SCHEMA_VERSION {
            return Err(StoreError::Schema { path: self.path.clone(), found: frame.schema_version });
        }
        read(frame.payload).map(Some).map_err(|source| StoreError::Event {
            path: self.path.clone(),
            stream: self.stream.to_owned(),
            segment: frame.segment,
            offset: frame.offset,
            seq: frame.seq,
            source,
        })
    }

    /// Number and time of the last event, found from the stream's end; `None` if there is none. The stream is at its
    /// end then.
    ///
    /// # Errors
    /// As [`try_next`](Self::try_next), of the events that were read.
    pub fn seek_last(&mut self) -> Result<Option<SeqTime>, StoreError> {
        Ok(self.reader.seek_last()?)
    }

    /// The frame that ended the stream, if its bytes are there and fail their checksum.
    pub fn damaged(&self) -> Option<Damaged<'_>> {
        self.reader.damaged()
    }

    /// How the stream ended, once it has.
    pub fn end_state(&self) -> Option<EndState> {
        self.reader.end()
    }

    /// Whether its writer closed the stream, which was read to its end: to be asked by whoever takes what it holds for all
    /// there is.
    ///
    /// # Errors
    /// [`StoreError::Hole`] if the stream ends in a record that fails its checksum although others follow it. No crash of
    /// a writer leaves that.
    pub fn is_closed(&self) -> Result<bool, StoreError> {
        match self.damaged().filter(|damaged| damaged.followed) {
            None => Ok(self.end_state() == Some(EndState::Sealed)),
            Some(Damaged { segment, offset, .. }) => {
                Err(StoreError::Hole { path: self.path.clone(), stream: self.stream, segment, offset })
            }
        }
    }
}

/// For drivers, which take the end for the end: a hole is an error.
impl EventReader for EventStream {
    fn next_event(&mut self) -> Option<Event> {
        let mut event = self.try_next();
        if let Ok(None) = event {
            event = self.is_closed().map(|_| None);
        }
        event.unwrap_or_else(|error| {
            self.end.put_error(error);
            None
        })
    }

    fn read_into(&mut self, event: &mut Event) -> bool {
        let mut read = self.try_read_into(event);
        if let Ok(false) = read {
            read = self.is_closed().map(|_| false);
        }
        read.unwrap_or_else(|error| {
            self.end.put_error(error);
            false
        })
    }
}
