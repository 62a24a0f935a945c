//! What the threads of one stream tell each other, and the handle for those who wait for durability.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::error::JournalError;

pub(crate) const RUN: u8 = 0;
/// Finish what was handed over, then end.
pub(crate) const DRAIN: u8 = 1;
/// End as soon as possible.
pub(crate) const ABANDON: u8 = 2;

/// How soon a record is on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Durability {
    /// When the kernel likes; a finished segment is synced if [`sync_on_seal`](crate::WriterOptions::sync_on_seal).
    #[default]
    D0,
    /// Written and synced all the time, every 2 ms or 256 KiB; a power failure loses at most the lag.
    D1,
    /// Like D1 with a sync as soon as there is anything; outputs wait for [`Durable::durable_seq`].
    D2,
}

/// How full the file system of the durable tier is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Space {
    /// Less than 80 % used.
    #[default]
    Enough,
    /// From 80 % on: tell somebody.
    Warn,
    /// From 90 % on: take no new risk.
    Reduce,
    /// From 95 % on: halt.
    Halt,
}

impl Space {
    /// The level of a file system with `free` of `total` bytes free.
    #[must_use]
    pub fn of(free: u64, total: u64) -> Self {
        let used_percent = u128::from(total.saturating_sub(free)) * 100 / u128::from(total.max(1));
        match used_percent {
            0..80 => Self::Enough,
            80..90 => Self::Warn,
            90..95 => Self::Reduce,
            _ => Self::Halt,
        }
    }

    fn from_code(code: u8) -> Self {
        [Self::Enough, Self::Warn, Self::Reduce, Self::Halt][usize::from(code.min(3))]
    }
}

/// Words that the appending thread stores with every record; nobody else writes them.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Committed {
    pub(crate) seq: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

/// Words of the durable thread.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Persisted {
    pub(crate) seq: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Since when something waits, in nanoseconds from `Shared::base`; 0 for nothing.
    pub(crate) behind_since_ns: AtomicU64,
    /// Index of the segment being made durable.
    pub(crate) segment: AtomicU64,
}

/// What all threads of a stream look at, besides the rings.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) committed: Committed,
    pub(crate) persisted: Persisted,
    /// Segments that the appending thread has left behind.
    pub(crate) rolled: AtomicU64,
    stop_cold: AtomicU8,
    stop_durable: AtomicU8,
    /// Set when the writer waits for a segment: from then on one that cannot be made is a failure.
    wanted: AtomicBool,
    pub(crate) space: AtomicU8,
    /// The first failure of the stream. Once set, it stays.
    pub(crate) failure: OnceLock<Arc<JournalError>>,
    pub(crate) base: Instant,
    pub(crate) level: Durability,
    pub(crate) epoch: u64,
}

impl Shared {
    /// A stream whose last record so far is `last_seq` and goes on in `segment`.
    pub(crate) fn new(last_seq: u64, segment: u64, level: Durability, epoch: u64) -> Self {
        let committed = Committed { seq: last_seq.into(), ..Committed::default() };
        let persisted = Persisted { seq: last_seq.into(), segment: segment.into(), ..Persisted::default() };
        Self {
            committed,
            persisted,
            rolled: 0.into(),
            stop_cold: RUN.into(),
            stop_durable: RUN.into(),
            wanted: false.into(),
            space: 0.into(),
            failure: OnceLock::new(),
            base: Instant::now(),
            level,
            epoch,
        }
    }

    /// Remembers the first failure.
    pub(crate) fn fail(&self, error: JournalError) {
        // A later failure is a consequence of the first or at least not more important.
        drop(self.failure.set(Arc::new(error)));
    }

    /// To be held by a thread of the stream for as long as it runs: a panic of it is a failure of the stream, which those
    /// who wait for durability must hear of.
    pub(crate) fn tell_if_lost(self: &Arc<Self>, stream: String) -> TellIfLost {
        TellIfLost { shared: Arc::clone(self), stream }
    }

    /// Says whether the writer waits for a segment to go on in.
    pub(crate) fn want_segment(&self, wanted: bool) {
        // Relaxed: a flag without data; the thread looks at it again and again.
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    pub(crate) fn is_wanted(&self) -> bool {
        // Relaxed: as above.
        self.wanted.load(Ordering::Relaxed)
    }

    pub(crate) fn cold_stop(&self) -> u8 {
        // Acquire: pairs with the Release in `end_cold`; what was retired before DRAIN is seen after it.
        self.stop_cold.load(Ordering::Acquire)
    }

    pub(crate) fn end_cold(&self, how: u8) {
        // Release: pairs with the Acquire in `cold_stop`.
        self.stop_cold.store(how, Ordering::Release);
    }

    pub(crate) fn durable_stop(&self) -> u8 {
        // Acquire: pairs with the Release in `end_durable`; what was appended before DRAIN is seen after it.
        self.stop_durable.load(Ordering::Acquire)
    }

    pub(crate) fn end_durable(&self, how: u8) {
        // Release: pairs with the Acquire in `durable_stop`.
        self.stop_durable.store(how, Ordering::Release);
    }

    pub(crate) fn now_ns(&self) -> u64 {
        // Never 0, which stands for "nothing waits".
        u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }
}

/// See [`Shared::tell_if_lost`].
pub(crate) struct TellIfLost {
    shared: Arc<Shared>,
    stream: String,
}

impl Drop for TellIfLost {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.fail(JournalError::ThreadLost { stream: std::mem::take(&mut self.stream) });
        }
    }
}

/// What is committed and what is durable, for an output gate, a monitor, an exporter. Clones are cheap, and may outlive
/// the writer.
#[derive(Debug, Clone)]
pub struct Durable {
    pub(crate) shared: Arc<Shared>,
}

impl Durable {
    /// The last seq that a power failure cannot take away any more. At [`Durability::D0`] it moves only when a segment
    /// is sealed and synced. Never passes a failed write or sync.
    #[inline]
    #[must_use]
    pub fn durable_seq(&self) -> u64 {
        // Acquire: pairs with the Release store of the durable thread after its sync returned.
        self.shared.persisted.seq.load(Ordering::Acquire)
    }

    /// The last seq that was appended; the death of the process does not lose it.
    #[inline]
    #[must_use]
    pub fn committed_seq(&self) -> u64 {
        // Acquire: pairs with the Release store of the appending thread behind the commit word.
        self.shared.committed.seq.load(Ordering::Acquire)
    }

    /// Frame bytes appended and not yet durable.
    #[must_use]
    pub fn lag_bytes(&self) -> u64 {
        // Relaxed: a figure to watch; durable first, so that it is never too small by a later append.
        let durable = self.shared.persisted.bytes.load(Ordering::Relaxed);
        self.shared.committed.bytes.load(Ordering::Relaxed).saturating_sub(durable)
    }

    /// For how long the oldest record that is not durable has been seen waiting, in nanoseconds; 0 if none waits. Not
    /// measured at [`Durability::D0`].
    #[must_use]
    pub fn lag_ns(&self) -> u64 {
        // Relaxed: a figure to watch.
        match self.shared.persisted.behind_since_ns.load(Ordering::Relaxed) {
            0 => 0,
            since_ns => self.shared.now_ns().saturating_sub(since_ns),
        }
    }

    /// The first failure, after which nothing becomes durable and nothing is accepted any more.
    #[must_use]
    pub fn failed(&self) -> Option<Arc<JournalError>> {
        self.shared.failure.get().cloned()
    }

    /// How full the disk is, looked at a few times a second.
    #[must_use]
    pub fn space(&self) -> Space {
        // Relaxed: a level without data behind it.
        Space::from_code(self.shared.space.load(Ordering::Relaxed))
    }

    /// The level that the stream was opened with.
    #[must_use]
    pub fn level(&self) -> Durability {
        self.shared.level
    }

    /// The epoch that the stream is written in.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.shared.epoch
    }
}
