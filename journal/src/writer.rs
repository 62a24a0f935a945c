//! The hot side: one record in, one published frame out.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use rtrb::{Consumer, Producer, RingBuffer};

use crate::cold::{ColdThread, Supplies};
use crate::dir::{JournalDir, create_dir_synced, segment_indices, segment_path};
use crate::durable::{DurableThread, Link};
use crate::error::JournalError;
use crate::format::{
    FLAG_ROLL, FLAGS_RESERVED, FRAMES_START, FrameBody, Ids, KIND_ROLL, PAYLOAD_MAX_BYTES, ROLL_BYTES,
    SEGMENT_DEFAULT_BYTES, frame_bytes, segment_bytes_usable, stream_field,
};
use crate::recover::Recovered;
use crate::segment::{Segment, StreamSpec, prepare};
use crate::shared::{DRAIN, Durability, Durable, Shared};

/// How many segments are kept ready beyond the one being filled.
const SEGMENTS_AHEAD: usize = 2;
/// Filled segments that can wait to be unmapped, and segments on their way to the durable thread.
const SEGMENTS_BEHIND: usize = 8;

/// How to make a stream.
#[derive(Debug, Clone, Copy)]
pub struct WriterOptions {
    /// Size of a segment file, in bytes: a multiple of 64 KiB from 256 KiB up. Three of them exist from the
    /// start.
    pub segment_bytes: u64,
    /// The `seq` of the first record, from 1 on: 0 is what [`Durable`] says before anything is durable.
    pub first_seq: u64,
    /// What the run consists of; stored in every segment header.
    pub ids: Ids,
    /// Whether a sealed segment is synced to the disk. A backtest can be run again and need not wait for one.
    pub sync_on_seal: bool,
    /// How soon a record is durable.
    pub level: Durability,
    /// Whether [`Writer::resume`] may continue what another build or schema wrote.
    pub allow_other_ids: bool,
}

impl Default for WriterOptions {
    /// Segments of 64 MiB, records from 1 on, zero ids, synced when sealed and not before.
    fn default() -> Self {
        Self {
            segment_bytes: SEGMENT_DEFAULT_BYTES,
            first_seq: 1,
            ids: Ids::default(),
            sync_on_seal: true,
            level: Durability::D0,
            allow_other_ids: false,
        }
    }
}

/// One record to append.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// One more than the record before.
    pub seq: u64,
    /// Not less than the record before; nanoseconds since the Unix epoch by convention.
    pub ts_ns: u64,
    /// What the payload is; the journal does not look at it.
    pub kind: u16,
    /// Layout version of the payload; the journal does not look at it.
    pub schema_version: u8,
    /// Free for the caller except for [`FLAGS_RESERVED`].
    pub flags: u8,
    /// At most [`PAYLOAD_MAX_BYTES`].
    pub payload: &'a [u8],
}

/// Appends records to one stream. Can be moved to another thread; there is one per stream.
///
/// Dropped without [`close`](Self::close) it leaves what a crash would leave: every appended record, and an
/// unsealed end.
///
/// It has two threads of its own, which inherit the cpu affinity of the thread that calls
/// [`create`](Self::create): create writers before a thread is bound to its core.
pub struct Writer {
    segment: Segment,
    position_bytes: u64,
    /// Up to where frames are appended without further thought: `room_end_bytes`, and 0 before a segment's first frame,
    /// which activates the header.
    limit_bytes: u64,
    /// Where a frame may end at the latest, so that a roll frame still fits behind it.
    room_end_bytes: u64,
    next_seq: u64,
    last_ts_ns: u64,
    /// What `position_bytes` and the frame bytes appended so far differ by.
    bytes_before: u64,
    stalls_segment_not_ready: u64,
    // The order matters on drop: the threads are joined before the rings and the segments in them go.
    shared: Arc<Shared>,
    cold: ColdThread,
    durable: DurableThread,
    ready: Consumer<Segment>,
    retired: Producer<Segment>,
    stream: Box<str>,
    folder: PathBuf,
    dir: JournalDir,
}

impl Writer {
    /// Makes a new stream and its first segment, and starts preparing the next ones. Takes as long as writing
    /// one segment of zeros.
    ///
    /// # Errors
    ///
    /// [`JournalError::StreamName`], [`JournalError::SegmentSize`], [`JournalError::NotEmpty`] if the stream
    /// exists, [`JournalError::Io`], for instance when the disk is full.
    ///
    /// # Panics
    ///
    /// If [`WriterOptions::first_seq`] is 0.
    pub fn create(dir: &JournalDir, stream: &str, options: WriterOptions) -> Result<Self, JournalError> {
        check(stream, &options)?;
        dir.create_stream(stream, |folder| {
            dir.raise_epoch(None)?;
            let link = Link { last_seq: options.first_seq.wrapping_sub(1), last_ts_ns: 0, chain: [0; 32] };
            Self::start(dir, stream, folder, &options, 0, link)
        })
    }

    /// Continues a stream where its recovery found its end, in a new segment under a new epoch.
    /// [`WriterOptions::first_seq`] counts only if nothing was ever appended.
    ///
    /// # Errors
    ///
    /// [`JournalError::OtherIds`] if another build or schema wrote it and that is not allowed;
    /// [`JournalError::NotRecovered`] if something was written since; those of [`create`](Self::create).
    pub fn resume(
        dir: &JournalDir,
        stream: &str,
        options: WriterOptions,
        recovered: &Recovered,
    ) -> Result<Self, JournalError> {
        check(stream, &options)?;
        let ids = [
            ("build", recovered.ids.build, options.ids.build),
            ("schema", recovered.ids.schema, options.ids.schema),
        ];
        if let Some(&(what, found, given)) = ids.iter().find(|(_, found, given)| found != given)
            && !options.allow_other_ids
        {
            return Err(JournalError::OtherIds { stream: stream.to_owned(), what, found, given });
        }
        dir.alone(|| {
            let folder = dir.path().join(stream);
            let last = segment_indices(&folder)?.last().copied();
            if recovered.stream != stream || last.is_none_or(|last| last + 1 != recovered.next_index) {
                return Err(JournalError::NotRecovered { stream: stream.to_owned(), path: folder });
            }
            dir.raise_epoch(Some((recovered.journal_uuid, recovered.epoch)))?;
            let before_first = options.first_seq.wrapping_sub(1);
            let link = Link {
                last_seq: recovered.last.map_or(before_first, |last| last.seq),
                last_ts_ns: recovered.last.map_or(0, |last| last.ts_ns),
                chain: recovered.chain,
            };
            Self::start(dir, stream, &folder, &options, recovered.next_index, link)
        })
    }

    fn start(
        dir: &JournalDir,
        stream: &str,
        folder: &Path,
        options: &WriterOptions,
        index: u64,
        link: Link,
    ) -> Result<Self, JournalError> {
        let journal_uuid = dir.journal_uuid();
        let hot_folder = dir.hot_folder(journal_uuid, stream)?;
        if let Some(hot_folder) = &hot_folder {
            create_dir_synced(hot_folder)?;
        }
        let mirror_folder = dir.mirror_folder(stream);
        if let Some(mirror_folder) = &mirror_folder {
            create_dir_synced(mirror_folder)?;
            let segments = segment_indices(mirror_folder)?.iter().filter(|&&found| found >= index).count();
            if segments > 0 {
                // Somebody else's copy, or what recovery would have removed: not to be written over.
                return Err(JournalError::NotEmpty {
                    stream: stream.to_owned(),
                    path: mirror_folder.clone(),
                    segments,
                });
            }
        }
        let WriterOptions { segment_bytes, ids, sync_on_seal, level, .. } = *options;
        let spec = Arc::new(StreamSpec {
            folder: folder.to_path_buf(),
            hot_folder,
            mirror_folder,
            stream: stream_field(stream).expect("checked by the callers"),
            journal_uuid,
            boot_id: dir.boot_id(),
            epoch: dir.epoch(),
            segment_bytes,
            ids,
            level,
            sync_on_seal,
            disk: dir.disk().clone(),
        });
        let prepared = prepare(&spec, index, false, || false)?;
        let Some((segment, source)) = prepared else { unreachable!("nobody cancels the first segment") };
        let (ready_in, ready) = RingBuffer::new(SEGMENTS_AHEAD);
        let (sources_in, sources) = RingBuffer::new(SEGMENTS_BEHIND);
        let (retired, retired_out) = RingBuffer::new(SEGMENTS_BEHIND);
        let shared = Arc::new(Shared::new(link.last_seq, index, level, spec.epoch));
        let durable = DurableThread::start(&shared, Arc::clone(&spec), source, sources, link)?;
        let supplies = Supplies {
            spec,
            next_index: index + 1,
            ready: ready_in,
            sources: sources_in,
            retired: retired_out,
        };
        let cold = ColdThread::start(&shared, supplies)?;
        Ok(Self {
            position_bytes: FRAMES_START,
            limit_bytes: 0,
            room_end_bytes: segment.frames_end() - ROLL_BYTES,
            segment,
            next_seq: link.last_seq.wrapping_add(1),
            last_ts_ns: link.last_ts_ns,
            // Wrapping, as the bytes of frames do not count what is before them.
            bytes_before: 0_u64.wrapping_sub(FRAMES_START),
            stalls_segment_not_ready: 0,
            shared,
            cold,
            durable,
            ready,
            retired,
            stream: stream.into(),
            folder: folder.to_path_buf(),
            dir: dir.clone(),
        })
    }

    /// Appends one record. When it returns, readers see it and the death of this process does not lose it.
    ///
    /// No allocation, lock, system call or page fault, unless the next segment is not ready: then it waits,
    /// and counts that in [`stalls_segment_not_ready`](Self::stalls_segment_not_ready). Ask
    /// [`has_room`](Self::has_room) first to do something better than waiting. (On a disk file system the
    /// kernel makes a page read-only again whenever it has written it back, which costs a fault at the next
    /// store; a memory file system has no such faults.)
    ///
    /// # Errors
    ///
    /// [`JournalError::PayloadTooLarge`]: nothing happened. [`JournalError::Latched`]: the segment thread
    /// failed; this and all further records are refused.
    ///
    /// # Panics
    ///
    /// If `seq` is not [`next_seq`](Self::next_seq), `ts_ns` goes backwards or a reserved flag is set: these
    /// are bugs of the caller, and a log with them in it would be worth nothing.
    // Always: the call puts the record and a dozen registers into memory, behind stores that wait for memory. With
    // the checksum inlined too, that halved the time of a short record.
    #[inline(always)]
    pub fn append(&mut self, record: Record<'_>) -> Result<(), JournalError> {
        let Record { seq, ts_ns, kind, schema_version, flags, payload } = record;
        if seq != self.next_seq || ts_ns < self.last_ts_ns {
            self.refuse_order(seq, ts_ns);
        }
        assert!(flags & FLAGS_RESERVED == 0, "reserved flag set: {flags:#04x}");
        if payload.len() > PAYLOAD_MAX_BYTES || self.shared.failure.get().is_some() {
            return Err(self.refusal(payload.len()));
        }
        let mut end_bytes = self.position_bytes + frame_bytes(payload.len()) as u64;
        if end_bytes > self.limit_bytes {
            end_bytes = self.open_segment(seq, ts_ns, payload.len())?;
        }
        let payload_bytes = payload.len() as u32;
        let body = FrameBody { seq, ts_ns, kind, schema_version, flags, payload_bytes };
        self.segment.write_frame(self.position_bytes, body, payload);
        self.position_bytes = end_bytes;
        self.next_seq = seq + 1;
        self.last_ts_ns = ts_ns;
        let committed = &self.shared.committed;
        // Relaxed: a figure to watch.
        committed.bytes.store(self.bytes_before.wrapping_add(end_bytes), Ordering::Relaxed);
        // Release: pairs with the Acquire in `Durable::committed_seq`.
        committed.seq.store(seq, Ordering::Release);
        Ok(())
    }

    /// The handle for who waits until records are durable.
    #[must_use]
    pub fn durability(&self) -> Durable {
        Durable { shared: Arc::clone(&self.shared) }
    }

    /// Whether [`append`](Self::append) would take a payload of this length without waiting for a segment.
    ///
    /// Also true once the stream has failed, so that who waits for room gets to `append` and its error.
    #[inline]
    #[must_use]
    pub fn has_room(&self, payload_len: usize) -> bool {
        let fits = self.position_bytes + frame_bytes(payload_len) as u64 <= self.room_end_bytes;
        fits || self.next_is_ready() || self.shared.failure.get().is_some()
    }

    /// The `seq` that the next record must have.
    #[inline]
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The stream's name.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// How many times [`append`](Self::append) had to wait because the next segment was not ready.
    #[must_use]
    pub fn stalls_segment_not_ready(&self) -> u64 {
        self.stalls_segment_not_ready
    }

    /// The first failure, after which everything is refused.
    #[must_use]
    pub fn error(&self) -> Option<Arc<JournalError>> {
        self.shared.failure.get().cloned()
    }

    /// Ends the stream in order: seals and syncs the last segment, removes those that were prepared for
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`JournalError::Latched`] if the stream failed before or while sealing; every appended record is in
    /// the files, but they are not all sealed. [`JournalError::Io`] while removing the unused segments.
    pub fn close(self) -> Result<(), JournalError> {
        let Self { segment, shared, mut cold, mut durable, mut ready, stream, folder, next_seq, dir, .. } =
            self;
        let ended = cold.end(DRAIN) && durable.drain();
        if !ended {
            shared.fail(JournalError::ThreadLost { stream: stream.to_string() });
        }
        if let Some(cause) = shared.failure.get() {
            let cause = Arc::clone(cause);
            return Err(JournalError::Latched { stream: stream.into(), seq_next: next_seq, cause });
        }
        let last = segment.index();
        drop(segment);
        while ready.pop().is_ok() {}
        let mirror_folder = dir.mirror_folder(&stream);
        for folder in [Some(&folder), mirror_folder.as_ref()].into_iter().flatten() {
            remove_behind(&dir, folder, last)?;
        }
        if let Some(hot_folder) = dir.hot_folder(dir.journal_uuid(), &stream)? {
            // All of it is in the durable tier, synced; what stays only takes memory.
            drop(fs::remove_dir_all(hot_folder));
        }
        Ok(())
    }

    #[inline]
    fn next_is_ready(&self) -> bool {
        !self.ready.is_empty() && !self.retired.is_full()
    }

    /// Before the first frame of a segment, or when the next one does not fit any more. Returns where the frame will end.
    #[cold]
    #[inline(never)]
    fn open_segment(&mut self, seq: u64, ts_ns: u64, payload_len: usize) -> Result<u64, JournalError> {
        let frame_bytes = frame_bytes(payload_len) as u64;
        if self.position_bytes + frame_bytes > self.room_end_bytes {
            self.roll()?;
        }
        if self.position_bytes == FRAMES_START {
            self.segment.activate(seq, ts_ns);
            self.limit_bytes = self.room_end_bytes;
        }
        Ok(self.position_bytes + frame_bytes)
    }

    /// Ends the current segment with a roll frame and goes on in the next one.
    fn roll(&mut self) -> Result<(), JournalError> {
        let next = self.wait_for_segment()?;
        let body = FrameBody {
            seq: self.next_seq,
            ts_ns: self.last_ts_ns,
            kind: KIND_ROLL,
            schema_version: 0,
            flags: FLAG_ROLL,
            payload_bytes: 0,
        };
        let roll_bytes = self.segment.write_frame(self.position_bytes, body, &[]);
        let segment = std::mem::replace(&mut self.segment, next);
        let pushed = self.retired.push(segment);
        assert!(pushed.is_ok(), "only this writer fills the ring of retired segments, and it had room");
        // Release: pairs with the Acquire of the durable thread, which then sees the whole segment.
        self.shared.rolled.fetch_add(1, Ordering::Release);
        let end_bytes = self.position_bytes + roll_bytes;
        self.bytes_before = self.bytes_before.wrapping_add(end_bytes - FRAMES_START);
        self.position_bytes = FRAMES_START;
        self.limit_bytes = 0;
        self.room_end_bytes = self.segment.frames_end() - ROLL_BYTES;
        Ok(())
    }

    fn wait_for_segment(&mut self) -> Result<Segment, JournalError> {
        let mut waited = false;
        loop {
            if self.next_is_ready() {
                // First: from here on nobody waits, also while the ring looks empty again.
                self.shared.want_segment(false);
                if let Ok(segment) = self.ready.pop() {
                    return Ok(segment);
                }
            }
            if self.cold.is_lost() || self.durable.is_lost() {
                self.shared.fail(JournalError::ThreadLost { stream: self.stream.to_string() });
            }
            if let Some(cause) = self.error() {
                return Err(self.latched(cause));
            }
            if !waited {
                waited = true;
                self.stalls_segment_not_ready += 1;
                self.shared.want_segment(true);
            }
            self.cold.wake();
            self.durable.wake();
            thread::yield_now();
        }
    }

    #[cold]
    #[inline(never)]
    fn refusal(&self, payload_bytes: usize) -> JournalError {
        match self.error() {
            Some(cause) => self.latched(cause),
            None => JournalError::PayloadTooLarge {
                stream: self.stream.to_string(),
                seq: self.next_seq,
                payload_bytes,
            },
        }
    }

    /// By value: what a message is formatted from has an address, and would be stored with every append.
    #[cold]
    #[inline(never)]
    fn refuse_order(&self, seq: u64, ts_ns: u64) -> ! {
        assert!(seq == self.next_seq, "seq is not dense: got {seq}, expected {}", self.next_seq);
        panic!("time goes backwards: got {ts_ns} ns after {} ns", self.last_ts_ns);
    }

    fn latched(&self, cause: Arc<JournalError>) -> JournalError {
        JournalError::Latched { stream: self.stream.to_string(), seq_next: self.next_seq, cause }
    }
}

/// Removes the segments that were prepared for nothing, also one that an error left half made.
///
/// The last one first: at no moment is a segment missing between others, which a live reader would have to take for damage.
/// And one by one: a power failure may bring back names in any order.
fn remove_behind(dir: &JournalDir, folder: &Path, last: u64) -> Result<(), JournalError> {
    for index in segment_indices(folder)?.into_iter().rev().take_while(|&index| index > last) {
        let path = segment_path(folder, index);
        dir.disk().remove(&path).map_err(|source| JournalError::io("remove", path, source))?;
        dir.disk()
            .sync_dir(folder)
            .map_err(|source| JournalError::io("sync the directory", folder, source))?;
    }
    Ok(())
}

fn check(stream: &str, options: &WriterOptions) -> Result<(), JournalError> {
    if stream_field(stream).is_none() {
        return Err(JournalError::StreamName { stream: stream.to_owned() });
    }
    assert!(options.first_seq > 0, "records are numbered from 1 on, 0 means none");
    if !segment_bytes_usable(options.segment_bytes) {
        return Err(JournalError::SegmentSize { segment_bytes: options.segment_bytes });
    }
    Ok(())
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path: &Path = self.segment.path();
        f.debug_struct("Writer")
            .field("stream", &self.stream)
            .field("segment", &path)
            .field("position_bytes", &self.position_bytes)
            .field("next_seq", &self.next_seq)
            .finish_non_exhaustive()
    }
}

// The writer is made on one thread and used on another.
const _: () = {
    const fn sendable<T: Send>() {}
    sendable::<Writer>();
};
