//! Where sequenced inputs and outputs are recorded. The engine knows only this seam; journals live in an adapter.

use crate::event::Event;

/// Why a log could not be finished.
pub type LogError = Box<dyn std::error::Error + Send + Sync>;

/// An append-only record of events with one writer.
pub trait EventLog: Send {
    /// Appends the used bytes of `event`. Waits while the log has no room; after a failure it does nothing.
    fn append(&mut self, event: &Event);

    /// Whether an append failed. The driver then stops before it releases anything else.
    fn failed(&self) -> bool {
        false
    }

    /// Appends, and says whether the log has `event` and all before it: one call of a log behind a pointer.
    fn record(&mut self, event: &Event) -> bool {
        self.append(event);
        !self.failed()
    }

    /// Seals the log.
    ///
    /// # Errors
    /// The first failure of any append, or of sealing.
    fn finish(&mut self) -> Result<(), LogError> {
        Ok(())
    }
}

/// Records nothing.
#[derive(Debug, Default)]
pub struct NoLog;

impl EventLog for NoLog {
    fn append(&mut self, _event: &Event) {}
}

/// Records in memory that is shared with whoever made the log, for tests and for readers of a finished run.
#[derive(Debug, Default, Clone)]
pub struct MemoryLog(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl MemoryLog {
    /// The used bytes of all events so far, one after the other.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("no thread panicked while it held the log").clone()
    }

    /// The events so far.
    pub fn events(&self) -> Vec<Event> {
        let bytes = self.bytes();
        let mut events = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let len = usize::from(bytes[at + 21]) * crate::event::LINE_BYTES;
            events.push(Event::from_bytes(&bytes[at..at + len]).expect("the log holds whole events"));
            at += len;
        }
        events
    }
}

impl EventLog for MemoryLog {
    fn append(&mut self, event: &Event) {
        self.0
            .lock()
            .expect("no thread panicked while it held the log")
            .extend_from_slice(event.used_bytes());
    }
}

impl<L: EventLog + ?Sized> EventLog for Box<L> {
    fn append(&mut self, event: &Event) {
        (**self).append(event);
    }

    fn failed(&self) -> bool {
        (**self).failed()
    }

    fn record(&mut self, event: &Event) -> bool {
        (**self).record(event)
    }

    fn finish(&mut self) -> Result<(), LogError> {
        (**self).finish()
    }
}
