//! The thread behind the writer: verifies what was appended, makes it durable, seals finished segments.
//!
//! It follows the frames by their commit words like any reader. With two tiers it copies them from the hot file into
//! the durable one; with one tier they are there already. Each batch carries the watermark of the batch before, so
//! that a watermark never says more than what was synced before it was written.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rtrb::Consumer;
use zerocopy::{FromZeros, IntoBytes};

use crate::chain::Chain;
use crate::error::JournalError;
use crate::format::{
    COMMIT_BYTES, FRAMES_START, HEADER_COPY_BYTES, HEADER_LINKED, HEADER_SEALED, SegmentHeader,
    TRAILER_BYTES, WATERMARK_AT, Watermark,
};
use crate::frame::{At, Expect};
use crate::planted::Bug;
use crate::segment::{Source, StreamSpec};
use crate::shared::{ABANDON, DRAIN, Durability, RUN, Shared};

/// A batch is synced when it is this long, in bytes ...
const BATCH_BYTES: u64 = 256 * 1024;
/// ... or this old.
const BATCH_AGE: Duration = Duration::from_millis(2);
/// After this time without anything new the last watermark gets a write of its own.
const IDLE: Duration = Duration::from_millis(5);

/// What the segments before say about the next one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    /// Seq of the last record before.
    pub(crate) last_seq: u64,
    /// Its timestamp, in nanoseconds.
    pub(crate) last_ts_ns: u64,
    /// The last hash before.
    pub(crate) chain: [u8; 32],
}

/// The running thread. Dropping it ends it as a crash would.
#[derive(Debug)]
pub(crate) struct DurableThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl DurableThread {
    /// Starts the thread on the stream's first segment.
    pub(crate) fn start(
        shared: &Arc<Shared>,
        spec: Arc<StreamSpec>,
        first: Source,
        sources: Consumer<Source>,
        link: Link,
    ) -> Result<Self, JournalError> {
        let folder = spec.folder.clone();
        let work = Work::new(Arc::clone(shared), spec, first, sources, link);
        let thread = thread::Builder::new()
            .name("journal-durable".to_owned())
            .spawn(move || work.run())
            .map_err(|source| JournalError::io("start the durable thread for", folder, source))?;
        Ok(Self { shared: Arc::clone(shared), thread: Some(thread) })
    }

    /// Whether the thread has ended, although nobody asked it to.
    pub(crate) fn is_lost(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends its sleep.
    pub(crate) fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// Has everything made durable and sealed. Returns whether the thread ended without a panic.
    pub(crate) fn drain(&mut self) -> bool {
        self.end(DRAIN)
    }

    fn end(&mut self, how: u8) -> bool {
        self.shared.end_durable(how);
        self.wake();
        self.thread.take().is_none_or(|thread| thread.join().is_ok())
    }
}

impl Drop for DurableThread {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.end(ABANDON);
        }
    }
}

/// The segment being made durable.
struct Open {
    source: Source,
    header: Box<SegmentHeader>,
    chain: Chain,
    /// Verified up to here.
    position: u64,
    /// Durable up to here (written, at D0).
    durable: u64,
    frames: u64,
    first: Option<(u64, u64)>,
    rolled: bool,
    /// What the next batch says of the one before.
    pending: Option<Watermark>,
    slots: [Watermark; 2],
    slots_written: usize,
}

/// Which files a write goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copies {
    All,
    /// Only the second copy: the durable file has it by its mapping.
    Mirror,
}

pub(crate) struct Work {
    shared: Arc<Shared>,
    spec: Arc<StreamSpec>,
    sources: Consumer<Source>,
    open: Open,
    link: Link,
    last_seq: u64,
    last_ts_ns: u64,
    segments_done: u64,
    committed_at: Instant,
    /// Bytes of frames in the segments before this one.
    bytes_before: u64,
}

impl Work {
    pub(crate) fn new(
        shared: Arc<Shared>,
        spec: Arc<StreamSpec>,
        first: Source,
        sources: Consumer<Source>,
        link: Link,
    ) -> Self {
        let open = Open::new(first, &link);
        let (last_seq, last_ts_ns) = (link.last_seq, link.last_ts_ns);
        let committed_at = Instant::now();
        Self {
            shared,
            spec,
            sources,
            open,
            link,
            last_seq,
            last_ts_ns,
            segments_done: 0,
            committed_at,
            bytes_before: 0,
        }
    }

    fn run(mut self) {
        let _lost = self.shared.tell_if_lost(self.spec.name());
        let sleep = match self.spec.level {
            Durability::D0 | Durability::D1 => Duration::from_millis(1),
            Durability::D2 => Duration::from_micros(50),
        };
        loop {
            let stop = self.shared.durable_stop();
            if stop == ABANDON {
                return;
            }
            match self.turn(stop != RUN) {
                Ok(true) => {}
                Ok(false) if stop == DRAIN => break,
                Ok(false) => thread::park_timeout(sleep),
                Err(error) => return self.shared.fail(error),
            }
        }
        if let Err(error) = self.seal(false) {
            self.shared.fail(error);
        }
    }

    /// One batch at most. Returns whether there was anything to do.
    pub(crate) fn turn(&mut self, drain: bool) -> Result<bool, JournalError> {
        let lazy = self.spec.level == Durability::D0 && self.open.source.same_file;
        // Acquire: pairs with the Release in `Writer::roll`; a segment left behind is looked at as a whole.
        if lazy && !drain && self.shared.rolled.load(Ordering::Acquire) <= self.segments_done {
            return Ok(false);
        }
        let moved = self.scan()?;
        let waiting = self.open.position - self.open.durable;
        // At D0 nobody promised when.
        let measured = self.spec.level > Durability::D0;
        if waiting > 0 && measured && self.shared.persisted.behind_since_ns.load(Ordering::Relaxed) == 0 {
            self.shared.persisted.behind_since_ns.store(self.shared.now_ns(), Ordering::Relaxed);
        }
        let due = drain
            || self.open.rolled
            || waiting >= BATCH_BYTES
            || self.spec.level == Durability::D2
            || self.committed_at.elapsed() >= BATCH_AGE;
        if waiting > 0 && due {
            self.commit()?;
        }
        if self.open.rolled {
            self.seal(true)?;
            return Ok(true);
        }
        if !moved && waiting == 0 && self.open.pending.is_some() && self.committed_at.elapsed() >= IDLE {
            self.write_pending()?;
            self.sync()?;
        }
        Ok(moved)
    }

    /// Verifies what was published since, one batch at most.
    fn scan(&mut self) -> Result<bool, JournalError> {
        let start = self.open.position;
        while !self.open.rolled && self.open.position - start < BATCH_BYTES {
            let open = &mut self.open;
            let expect = Expect {
                offset: open.position,
                seq: Some(self.last_seq.wrapping_add(1)),
                ts_ns: self.last_ts_ns,
                salt: open.header.salt,
                limit_bytes: open.header.frames_end(),
            };
            let found = match open.source.map.frame_at(&expect) {
                At::Nothing => break,
                At::Frame(found) => found,
                At::Invalid(what) => {
                    return Err(JournalError::Corrupt {
                        path: open.source.path.clone(),
                        segment: open.header.segment_index,
                        offset: open.position,
                        seq_expected: expect.seq,
                        what,
                    });
                }
            };
            open.hash_to(open.position);
            if found.is_roll() {
                open.rolled = true;
            } else {
                open.chain.record(open.position, found.body.seq, found.body.ts_ns);
                open.first.get_or_insert((found.body.seq, found.body.ts_ns));
                open.frames += 1;
                self.last_seq = found.body.seq;
                self.last_ts_ns = found.body.ts_ns;
            }
            open.position += found.frame_bytes;
        }
        Ok(self.open.position > start)
    }

    /// Writes the batch, with the watermark of the one before, and syncs it.
    fn commit(&mut self) -> Result<(), JournalError> {
        self.activate()?;
        let open = &mut self.open;
        open.hash_whole_blocks();
        let mut watermark = Watermark {
            epoch: open.header.epoch,
            durable_bytes: open.position,
            durable_seq: self.last_seq,
            chain: open.chain.whole(),
            ..Watermark::new_zeroed()
        };
        watermark.sign(open.header.salt);
        if self.spec.disk.planted(Bug::WatermarkEarly) {
            open.pending = Some(watermark);
        }
        if self.spec.level > Durability::D0 {
            self.write_pending()?;
        }
        self.copy_frames()?;
        if self.spec.disk.planted(Bug::DurableBeforeSync) {
            self.publish();
        }
        let skipped = self.open.rolled && self.spec.disk.planted(Bug::SyncSkippedOnRoll);
        if self.spec.level > Durability::D0 && !skipped {
            self.sync()?;
        }
        let open = &mut self.open;
        open.durable = open.position;
        open.pending = (self.spec.level > Durability::D0).then_some(watermark);
        self.committed_at = Instant::now();
        if self.spec.level > Durability::D0 {
            self.publish();
        }
        Ok(())
    }

    /// Says that everything up to the last verified record is durable.
    fn publish(&self) {
        let persisted = &self.shared.persisted;
        self.spec.disk.note_durable(self.last_seq);
        // Release: pairs with the Acquire in `Durable::durable_seq`; the sync has returned.
        persisted.seq.store(self.last_seq, Ordering::Release);
        // Relaxed: figures to watch.
        persisted.bytes.store(self.bytes_before + self.open.position - FRAMES_START, Ordering::Relaxed);
        persisted.behind_since_ns.store(0, Ordering::Relaxed);
    }

    /// With two tiers the durable file gets the header that the hot one has had since its first frame.
    fn activate(&mut self) -> Result<(), JournalError> {
        let Some((first_seq, first_ts_ns)) = self.open.first else { return Ok(()) };
        let open = &mut self.open;
        if open.header.is_active() {
            return Ok(());
        }
        if !open.source.same_file {
            open.link(&self.link);
        }
        open.header.activate(first_seq, first_ts_ns);
        // With one tier the writer has stored it through its mapping.
        let to = if open.source.same_file { Copies::Mirror } else { Copies::All };
        self.write_header(to)
    }

    fn copy_frames(&mut self) -> Result<(), JournalError> {
        let Open { source, durable, position, .. } = &self.open;
        let to = if source.same_file { Copies::Mirror } else { Copies::All };
        let bytes = source.map.bytes(*durable as usize, (position - durable) as usize);
        // The first commit word last: a reader of the durable tier sees the batch when it is there.
        let (word, rest) = bytes.split_at(COMMIT_BYTES);
        self.write("write", to, rest, durable + COMMIT_BYTES as u64)?;
        self.write("write", to, word, *durable)
    }

    fn write_pending(&mut self) -> Result<(), JournalError> {
        let Some(watermark) = self.open.pending.take() else { return Ok(()) };
        let open = &mut self.open;
        let slot = open.slots_written % 2;
        open.slots[slot] = watermark;
        open.slots_written += 1;
        let at = slot * HEADER_COPY_BYTES + WATERMARK_AT;
        self.write("write the watermark of", Copies::All, watermark.as_bytes(), at as u64)
    }

    /// Writes to the durable file and then to its second copy, if there is one.
    fn write(&self, operation: &'static str, to: Copies, bytes: &[u8], at: u64) -> Result<(), JournalError> {
        let Source { file, path, mirror, .. } = &self.open.source;
        let first = (to == Copies::All).then_some((file, path));
        let second = mirror.as_ref().map(|(file, path)| (file, path));
        for (file, path) in first.into_iter().chain(second) {
            let written = self.spec.disk.write(file, path, bytes, at);
            written.map_err(|cause| JournalError::io(operation, path, cause))?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), JournalError> {
        let Source { file, path, mirror, .. } = &self.open.source;
        let second = mirror.as_ref().map(|(file, path)| (file, path));
        for (file, path) in [(file, path)].into_iter().chain(second) {
            match self.spec.disk.sync(file, path) {
                Err(_) if self.spec.disk.planted(Bug::SyncErrorIgnored) => {}
                synced => synced.map_err(|cause| JournalError::io("sync", path, cause))?,
            }
        }
        Ok(())
    }

    fn sync_if_wanted(&self) -> Result<(), JournalError> {
        let skipped = self.open.rolled && self.spec.disk.planted(Bug::SyncSkippedOnRoll);
        if self.spec.syncs() && !skipped { self.sync() } else { Ok(()) }
    }

    fn write_header(&mut self, to: Copies) -> Result<(), JournalError> {
        let header = &mut self.open.header;
        header.watermark = self.open.slots[(header.copy_offset() != 0) as usize];
        header.sign();
        let header = &self.open.header;
        self.write("write the header of", to, header.as_bytes(), header.copy_offset())
    }

    /// Makes the frames and the trailer durable, then says in both header copies that there will be no more frames;
    /// one after the other: afterwards the loss of either costs nothing.
    fn seal(&mut self, goes_on: bool) -> Result<(), JournalError> {
        self.activate()?;
        let link = self.link;
        let open = &mut self.open;
        open.hash_to(open.position);
        open.hash_rest();
        let salt = open.header.salt;
        let blank = Chain::new(open.header.segment_bytes, [0; 32]);
        let (chain, trailer) = std::mem::replace(&mut open.chain, blank).finish(salt);
        open.link(&link);
        open.header.flags |= HEADER_SEALED;
        open.header.sealed_bytes = open.position;
        open.header.frame_count = open.frames;
        open.header.last_seq = if open.frames == 0 { 0 } else { self.last_seq };
        open.header.last_ts_ns = self.last_ts_ns;
        open.header.chain = chain;
        let at = open.header.segment_bytes - TRAILER_BYTES;
        self.write("write the index of", Copies::All, &trailer, at)?;
        self.sync_if_wanted()?;
        if self.spec.syncs() {
            self.publish();
        }
        for _ in 0..2 {
            self.open.header.generation += 1;
            self.write_header(Copies::All)?;
            self.sync_if_wanted()?;
        }
        let chain = if self.spec.disk.planted(Bug::ChainNotLinked) { [0; 32] } else { chain };
        self.link = Link { last_seq: self.last_seq, last_ts_ns: self.last_ts_ns, chain };
        self.segments_done += 1;
        self.bytes_before += self.open.position - FRAMES_START;
        if goes_on {
            let next = self.sources.pop().expect("a segment gets here before the writer gets it");
            self.open = Open::new(next, &self.link);
            // Release: pairs with the Acquire in `Work::trim_hot` of the cold thread.
            self.shared.persisted.segment.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }
}

impl Open {
    fn new(source: Source, link: &Link) -> Self {
        let header = source.header.clone();
        Self {
            chain: Chain::new(header.segment_bytes, link.chain),
            header,
            source,
            position: FRAMES_START,
            durable: FRAMES_START,
            frames: 0,
            first: None,
            rolled: false,
            pending: None,
            slots: [Watermark::new_zeroed(); 2],
            slots_written: 0,
        }
    }

    fn link(&mut self, link: &Link) {
        self.header.flags |= HEADER_LINKED;
        self.header.prev_last_seq = link.last_seq;
        self.header.prev_chain = link.chain;
    }

    /// Hashes the blocks that end at or before `offset`.
    #[inline]
    fn hash_to(&mut self, offset: u64) {
        while offset >= self.chain.block_end() {
            let (start, end) = (self.chain.end(), self.chain.block_end());
            self.chain.bytes(self.source.map.bytes(start as usize, (end - start) as usize));
        }
    }

    fn hash_whole_blocks(&mut self) {
        self.hash_to(self.position);
    }

    fn hash_rest(&mut self) {
        let start = self.chain.end();
        if self.position > start {
            self.chain.bytes(self.source.map.bytes(start as usize, (self.position - start) as usize));
        }
    }
}
