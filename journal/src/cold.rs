//! The thread that makes segments ahead of the writer and seals those behind it.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rtrb::{Consumer, Producer};

use crate::error::JournalError;
use crate::segment::{SealedExtent, Segment, StreamSpec};

/// How long the thread sleeps when it has nothing to do. The writer does not wake it: that would be a system
/// call.
const POLL: Duration = Duration::from_millis(1);

const RUN: u8 = 0;
/// Seal what was handed over, then end.
const DRAIN: u8 = 1;
/// End as soon as possible.
const ABANDON: u8 = 2;

/// A filled segment on its way to be sealed.
#[derive(Debug)]
pub(crate) struct Retired {
    pub(crate) segment: Segment,
    pub(crate) extent: SealedExtent,
}

/// What the writer and the thread both look at, besides the two rings.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    stop: AtomicU8,
    /// Set when the writer waits for a segment: from then on one that cannot be made is a failure.
    wanted: AtomicBool,
    /// The first failure of the stream. Once set, it stays.
    pub(crate) failure: OnceLock<Arc<JournalError>>,
}

impl Shared {
    /// Remembers the first failure.
    pub(crate) fn fail(&self, error: JournalError) {
        // A later failure is a consequence of the first or at least not more important.
        drop(self.failure.set(Arc::new(error)));
    }

    /// Says whether the writer waits for a segment to go on in.
    pub(crate) fn want_segment(&self, wanted: bool) {
        // Relaxed: a flag without data; the thread looks at it again and again.
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    fn is_wanted(&self) -> bool {
        // Relaxed: as above.
        self.wanted.load(Ordering::Relaxed)
    }

    fn stop(&self) -> u8 {
        // Acquire: pairs with the Release in `ColdThread::end`; what was retired before DRAIN is seen after
        // it.
        self.stop.load(Ordering::Acquire)
    }
}

/// The running thread. Dropping it ends it without sealing anything, as a crash would.
#[derive(Debug)]
pub(crate) struct ColdThread {
    pub(crate) shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl ColdThread {
    /// Starts the thread; the first segment it makes is `next_index`.
    pub(crate) fn start(
        spec: StreamSpec,
        next_index: u64,
        ready: Producer<Segment>,
        retired: Consumer<Retired>,
    ) -> Result<Self, JournalError> {
        let shared = Arc::new(Shared::default());
        let folder = spec.folder.clone();
        let work = Work { shared: Arc::clone(&shared), spec, next_index, ready, retired, postponed: false };
        let thread = thread::Builder::new()
            .name("journal-cold".to_owned())
            .spawn(move || work.run())
            .map_err(|source| JournalError::io("start the segment thread for", folder, source))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Ends its sleep. A system call, for when the writer has to wait anyway.
    pub(crate) fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// Whether the thread has ended, although nobody asked it to.
    pub(crate) fn is_lost(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Has everything retired sealed and ends the thread. Returns whether it ended without a panic.
    pub(crate) fn drain(&mut self) -> bool {
        self.end(DRAIN)
    }

    fn end(&mut self, how: u8) -> bool {
        // Release: pairs with the Acquire in `Shared::stop`.
        self.shared.stop.store(how, Ordering::Release);
        self.wake();
        self.thread.take().is_none_or(|thread| thread.join().is_ok())
    }
}

impl Drop for ColdThread {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.end(ABANDON);
        }
    }
}

struct Work {
    shared: Arc<Shared>,
    spec: StreamSpec,
    next_index: u64,
    ready: Producer<Segment>,
    retired: Consumer<Retired>,
    /// Making a segment ahead failed, and nobody has missed it yet.
    postponed: bool,
}

impl Work {
    fn run(mut self) {
        loop {
            let stop = self.shared.stop();
            if stop == ABANDON {
                return;
            }
            match self.turn(stop == RUN) {
                Ok(true) => {}
                Ok(false) if stop == DRAIN => return,
                Ok(false) => thread::park_timeout(POLL),
                Err(error) => return self.shared.fail(error),
            }
        }
    }

    /// Makes at most one segment and seals at most one, so that neither starves the other. Returns whether
    /// there was anything to do.
    ///
    /// A segment made ahead that cannot be made (the disk is full) is not a failure as long as the one in use
    /// has room: it is tried again when the writer waits for it, and space may have come back by then.
    fn turn(&mut self, prepare: bool) -> Result<bool, JournalError> {
        let mut busy = false;
        if prepare && !self.ready.is_full() && (!self.postponed || self.shared.is_wanted()) {
            let shared = &self.shared;
            match Segment::prepare(&self.spec, self.next_index, || shared.stop() != RUN) {
                Ok(Some(segment)) => {
                    let pushed = self.ready.push(segment);
                    assert!(pushed.is_ok(), "only this thread fills the ring of ready segments");
                    self.next_index += 1;
                    self.postponed = false;
                }
                Ok(None) => {}
                Err(_) if !shared.is_wanted() => self.postponed = true,
                Err(error) => return Err(error),
            }
            busy = true;
        }
        if let Ok(Retired { segment, extent }) = self.retired.pop() {
            segment.seal(extent)?;
            busy = true;
        }
        Ok(busy)
    }
}
