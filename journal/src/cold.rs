//! The thread that makes segments ahead of the writer, unmaps those behind it, and watches the space on the disk.

use std::fs::{self, File};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rtrb::{Consumer, Producer};

use crate::dir::segment_path;
use crate::error::JournalError;
use crate::segment::{Segment, Source, StreamSpec, drop_reserve, make_reserve, prepare};
use crate::shared::{ABANDON, Durability, RUN, Shared, Space};

/// How long the thread sleeps when it has nothing to do. The writer does not wake it: that would be a system
/// call.
const POLL: Duration = Duration::from_millis(1);
/// How often the space is looked at, and a segment that did not fit is tried again.
const LOOK_AT_DISK: Duration = Duration::from_millis(200);
/// Segments that the hot tier keeps.
pub(crate) const HOT_SEGMENTS: u64 = 4;

/// The running thread. Dropping it ends it as a crash would.
#[derive(Debug)]
pub(crate) struct ColdThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread works with.
pub(crate) struct Supplies {
    pub(crate) spec: Arc<StreamSpec>,
    pub(crate) next_index: u64,
    pub(crate) ready: Producer<Segment>,
    pub(crate) sources: Producer<Source>,
    pub(crate) retired: Consumer<Segment>,
}

impl ColdThread {
    /// Starts the thread.
    pub(crate) fn start(shared: &Arc<Shared>, supplies: Supplies) -> Result<Self, JournalError> {
        let folder = supplies.spec.folder.clone();
        let wants_reserve = supplies.spec.level > Durability::D0;
        let work = Work {
            shared: Arc::clone(shared),
            supplies,
            postponed: false,
            wants_reserve,
            has_reserve: false,
            looked: None,
        };
        let thread = thread::Builder::new()
            .name("journal-cold".to_owned())
            .spawn(move || work.run())
            .map_err(|source| JournalError::io("start the segment thread for", folder, source))?;
        Ok(Self { shared: Arc::clone(shared), thread: Some(thread) })
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

    /// Ends the thread. Returns whether it ended without a panic.
    pub(crate) fn end(&mut self, how: u8) -> bool {
        self.shared.end_cold(how);
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
    supplies: Supplies,
    /// Making a segment ahead failed, and nobody has missed it yet.
    postponed: bool,
    wants_reserve: bool,
    has_reserve: bool,
    looked: Option<Instant>,
}

impl Work {
    fn run(mut self) {
        let _lost = self.shared.tell_if_lost(self.supplies.spec.name());
        loop {
            let stop = self.shared.cold_stop();
            if stop != RUN {
                self.clean_up(stop);
                return;
            }
            match self.turn() {
                Ok(true) => {}
                Ok(false) => thread::park_timeout(POLL),
                Err(error) => return self.shared.fail(error),
            }
        }
    }

    fn clean_up(&mut self, stop: u8) {
        while self.supplies.retired.pop().is_ok() {}
        if stop != ABANDON {
            drop_reserve(&self.supplies.spec);
        }
    }

    /// Makes at most one segment and unmaps at most one. Returns whether there was anything to do.
    ///
    /// A segment made ahead that cannot be made (the disk is full) is not a failure as long as the one in use
    /// has room: it is tried again now and then, with the emergency segment as soon as the writer waits for it, and
    /// space may have come back by then.
    fn turn(&mut self) -> Result<bool, JournalError> {
        let look = self.looked.is_none_or(|at| at.elapsed() >= LOOK_AT_DISK);
        if look {
            self.looked = Some(Instant::now());
            self.look_at_disk();
        }
        let mut busy = false;
        let room = !self.supplies.ready.is_full() && !self.supplies.sources.is_full() && self.hot_has_room();
        if room && (!self.postponed || look || self.shared.is_wanted()) {
            busy = self.make_ahead()?;
        } else if self.wants_reserve && !self.has_reserve && look && self.supplies.ready.is_full() {
            // A disk that has no room for it reports that by its level of space.
            let shared = &self.shared;
            let made = make_reserve(&self.supplies.spec, || shared.cold_stop() != RUN);
            self.has_reserve = made.unwrap_or(false);
        }
        if let Ok(segment) = self.supplies.retired.pop() {
            drop(segment);
            busy = true;
        }
        self.trim_hot();
        Ok(busy)
    }

    fn make_ahead(&mut self) -> Result<bool, JournalError> {
        let shared = &self.shared;
        let supplies = &mut self.supplies;
        let cancelled = || shared.cold_stop() != RUN;
        let mut made = prepare(&supplies.spec, supplies.next_index, false, cancelled);
        // In this order: the writer takes back its wish before it takes the segment, so that nobody is found waiting
        // who has just been served.
        let starving = supplies.ready.slots() == supplies.ready.buffer().capacity() && shared.is_wanted();
        if made.is_err() && starving && self.has_reserve {
            self.has_reserve = false;
            made = prepare(&supplies.spec, supplies.next_index, true, cancelled);
        }
        match made {
            Ok(Some((segment, source))) => {
                // The durable thread gets it first: it must never look for a segment that the writer is in.
                let pushed = supplies.sources.push(source).is_ok() && supplies.ready.push(segment).is_ok();
                assert!(pushed, "only this thread fills these rings, and they had room");
                supplies.next_index += 1;
                self.postponed = false;
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(_) if !starving => {
                self.postponed = true;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The hot tier holds what is not durable yet, and no more than its few segments.
    fn hot_has_room(&self) -> bool {
        // Relaxed: moves forward only, and late is safe.
        let durable = self.shared.persisted.segment.load(Ordering::Relaxed);
        self.supplies.spec.hot_folder.is_none() || self.supplies.next_index < durable + HOT_SEGMENTS
    }

    /// Removes hot segments that are durable and no longer among the last few.
    fn trim_hot(&mut self) {
        let Some(hot_folder) = &self.supplies.spec.hot_folder else { return };
        // Acquire: pairs with the Release store behind the seal of the segment before.
        let durable = self.shared.persisted.segment.load(Ordering::Acquire);
        let newest = self.supplies.next_index;
        let Some(old) = newest.checked_sub(HOT_SEGMENTS + 1).filter(|&old| old < durable) else { return };
        // Gone already, in the usual case; and a file that stays only takes memory.
        drop(fs::remove_file(segment_path(hot_folder, old)));
    }

    fn look_at_disk(&mut self) {
        let space =
            File::open(&self.supplies.spec.folder).and_then(|dir| crate::sys::free_and_total_bytes(&dir));
        if let Ok((free, total)) = space {
            // Relaxed: a level without data behind it.
            self.shared.space.store(Space::of(free, total) as u8, Ordering::Relaxed);
        }
    }
}
