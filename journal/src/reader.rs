//! The verifying reader.

mod seek;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::dir::{segment_indices, segment_path};
use crate::error::{Fault, JournalError};
use crate::format::{
    BODY_BYTES, COMMIT_BYTES, FRAMES_START, FrameBody, HEADER_LINKED, Ids, SegmentHeader, VERSION,
    stream_field,
};
use crate::frame::{At, Expect, Found};
use crate::mmap::ReadMap;
use crate::planted::{Bug, is_planted};
use crate::retention::Kept;

/// One verified record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Dense number of the record in its stream.
    pub seq: u64,
    /// Timestamp, as appended.
    pub ts_ns: u64,
    /// Kind, as appended.
    pub kind: u16,
    /// Layout version of the payload, as appended.
    pub schema_version: u8,
    /// Flags, as appended.
    pub flags: u8,
    /// The bytes, as appended; they start at a multiple of 8 in memory.
    pub payload: &'a [u8],
    /// Index of the segment that holds the frame.
    pub segment: u64,
    /// Offset of the frame in the segment file, in bytes.
    pub offset: u64,
}

/// A frame whose checksum does not fit its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged<'a> {
    /// The bytes where the payload and its padding should be.
    pub payload_and_padding: &'a [u8],
    /// Index of the segment.
    pub segment: u64,
    /// Offset of the frame in the segment file, in bytes.
    pub offset: u64,
    /// Whether a valid frame follows.
    pub followed: bool,
}

/// How the readable part of a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndState {
    /// The writer closed the stream.
    Sealed,
    /// Nothing more was published: the writer died, or is alive and may append more. (After a power failure
    /// it can also mean that the kernel had not written back what followed.)
    Unsealed,
    /// The last segment has bytes behind its last valid frame that are no frame. They are not part of the
    /// stream.
    Torn {
        /// Index of the segment.
        segment: u64,
        /// Where the valid frames end, in bytes.
        offset: u64,
        /// What is wrong with what follows.
        reason: Fault,
    },
}

/// Reads a stream from its first record on, verifying every frame. Takes no lock and writes nothing.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    stream: String,
    current: OpenSegment,
    position_bytes: u64,
    /// Unknown only before the first frame of a stream whose writer died in its first append.
    seq_next: Option<u64>,
    last_ts_ns: u64,
    end: Option<EndState>,
    /// What retention had removed when the reader was opened.
    kept: Option<Kept>,
    /// The segment behind this one, once it was seen; not mapped before there is something in it.
    next_file: Option<(u64, File)>,
}

/// An opened segment.
#[derive(Debug)]
struct OpenSegment {
    file: File,
    path: PathBuf,
    map: ReadMap,
    header: SegmentHeader,
    file_bytes: u64,
    /// Where frames end at the latest, as far as the file and its header go.
    limit_bytes: u64,
}

impl Reader {
    /// Opens stream `stream` of the journal at `dir`, at its first record.
    ///
    /// # Errors
    ///
    /// [`JournalError::NoStream`], [`JournalError::RemovedByRetention`] if that record is gone,
    /// [`JournalError::Corrupt`] if the first segment's header is not valid, [`JournalError::Version`],
    /// [`JournalError::Io`].
    pub fn open(dir: impl AsRef<Path>, stream: &str) -> Result<Self, JournalError> {
        let reader = Self::open_kept(dir, stream)?;
        match &reader.kept {
            Some(kept) => Err(reader.removed(kept)),
            None => Ok(reader),
        }
    }

    /// The same at the first record that retention has left.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open), but for the one about retention.
    pub fn open_kept(dir: impl AsRef<Path>, stream: &str) -> Result<Self, JournalError> {
        let folder = dir.as_ref().join(stream);
        let missing = || JournalError::NoStream { stream: stream.to_owned(), path: folder.clone() };
        if stream_field(stream).is_none() {
            return Err(JournalError::StreamName { stream: stream.to_owned() });
        }
        let indices = match segment_indices(&folder) {
            Err(JournalError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
                return Err(missing());
            }
            other => other?,
        };
        let kept = Kept::read(&folder)?;
        let first = kept.map_or(0, |kept| kept.first_index);
        // What is left below it was being removed.
        let found = *indices.iter().find(|&&index| index >= first).ok_or_else(missing)?;
        if found != first {
            // What a stream starts with is what everything after it depends on.
            let seq = kept.map_or(1, |kept| kept.last_seq.wrapping_add(1));
            return Err(segment_missing(&folder, first, Some(seq)));
        }
        let current = match OpenSegment::new(&folder, stream, first, None) {
            Err(JournalError::Io { cause, .. })
                if cause.kind() == io::ErrorKind::NotFound
                    && Kept::read(&folder)?.is_some_and(|kept| kept.first_index > first) =>
            {
                // Retention has gone on meanwhile; it goes forward only.
                return Self::open_kept(dir, stream);
            }
            other => other?,
        };
        if kept.is_some_and(|kept| !kept.is_of(current.header.journal_uuid)) {
            return Err(current.corrupt(0, None, Fault::Foreign { field: "journal uuid" }));
        }
        let first_seq = current.header.is_active().then_some(current.header.first_seq);
        let seq_next = kept.map(|kept| kept.last_seq.wrapping_add(1)).or(first_seq);
        let last_ts_ns = kept.map_or(0, |kept| kept.last_ts_ns);
        let (stream, position_bytes) = (stream.to_owned(), FRAMES_START);
        let (end, next_file) = (None, None);
        Ok(Self { folder, stream, current, position_bytes, seq_next, last_ts_ns, end, kept, next_file })
    }

    fn removed(&self, kept: &Kept) -> JournalError {
        let last_removed = kept.last_seq;
        JournalError::RemovedByRetention {
            stream: self.stream.clone(),
            path: self.folder.clone(),
            last_removed,
        }
    }

    /// That segment `index` is not there: retention was faster than this reader, or it is lost.
    fn missing(&self, index: u64) -> JournalError {
        match Kept::read(&self.folder) {
            Ok(Some(kept)) if index < kept.first_index => self.removed(&kept),
            Ok(_) => segment_missing(&self.folder, index, self.seq_next),
            Err(error) => error,
        }
    }

    /// The next record, or `None` where the stream ends; [`end`](Self::end) then says how.
    ///
    /// After an end that is not [`EndState::Sealed`] it may be called again and goes on if a live writer has
    /// appended.
    ///
    /// # Errors
    ///
    /// [`JournalError::Corrupt`] at a place that no crash can explain; everything before it was intact, and
    /// every further call gives the same error. [`JournalError::Io`].
    #[expect(
        clippy::should_implement_trait,
        reason = "a frame borrows from the reader, which Iterator cannot say"
    )]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, JournalError> {
        loop {
            match self.current.frame_at(self.position_bytes, self.seq_next, self.last_ts_ns) {
                At::Frame(found @ Found { body, frame_bytes }) if !found.is_roll() => {
                    let offset = self.position_bytes;
                    self.position_bytes += frame_bytes;
                    self.seq_next = Some(body.seq.wrapping_add(1));
                    self.last_ts_ns = body.ts_ns;
                    return Ok(Some(self.current.lend(offset, body)));
                }
                At::Frame(roll) => self.follow_roll(&roll)?,
                At::Nothing | At::Invalid(_) => {
                    if self.finish()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// How the stream ends; `None` as long as [`next`](Self::next) has not returned `None`.
    #[must_use]
    pub fn end(&self) -> Option<EndState> {
        self.end
    }

    /// The frame at the place where reading stopped, if its bytes are whole but fail their checksum. For naming
    /// what was changed in it, never for use: `followed` says whether a valid frame comes after it, which a torn
    /// tail has not.
    #[must_use]
    pub fn damaged(&self) -> Option<Damaged<'_>> {
        let offset = self.position_bytes;
        let segment = &self.current;
        let At::Invalid(Fault::Checksum { .. }) = segment.frame_at(offset, self.seq_next, self.last_ts_ns)
        else {
            return None;
        };
        let bytes = segment.map.commit_word(offset as usize) as u32 as usize;
        let after_commit = segment.map.bytes(offset as usize + COMMIT_BYTES, bytes - COMMIT_BYTES);
        let next_seq = self.seq_next.map(|seq| seq.wrapping_add(1));
        let next = segment.frame_at(offset + bytes as u64, next_seq, self.last_ts_ns);
        Some(Damaged {
            payload_and_padding: &after_commit[BODY_BYTES..],
            segment: segment.header.segment_index,
            offset,
            followed: matches!(next, At::Frame(_)),
        })
    }

    /// The ids that the writer was given.
    #[must_use]
    pub fn ids(&self) -> Ids {
        self.current.header.ids
    }

    /// The name that the streams of one journal share.
    #[must_use]
    pub fn journal_uuid(&self) -> [u8; 16] {
        self.current.header.journal_uuid
    }

    /// Size of the segment being read, in bytes.
    #[must_use]
    pub fn segment_bytes(&self) -> u64 {
        self.current.header.segment_bytes
    }

    /// Index of the segment being read.
    #[must_use]
    pub fn segment(&self) -> u64 {
        self.current.header.segment_index
    }

    /// Where the next frame starts or would start in that segment, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.position_bytes
    }

    #[cold]
    fn follow_roll(&mut self, roll: &Found) -> Result<(), JournalError> {
        let header = &self.current.header;
        let end = self.position_bytes + roll.frame_bytes;
        if header.is_sealed() && header.sealed_bytes != end {
            let (sealed_bytes, last_seq) = (header.sealed_bytes, header.last_seq);
            return Err(self.corrupt(Fault::SealMismatch { sealed_bytes, last_seq }));
        }
        let next = header.segment_index + 1;
        // The writer rolls only into a segment whose name is durable.
        if !self.enter(next, true)? {
            return Err(self.missing(next));
        }
        Ok(())
    }

    /// Moves on to segment `index`, after a roll frame or behind a sealed end; `false` if there is none.
    fn enter(&mut self, index: u64, rolled: bool) -> Result<bool, JournalError> {
        let Some(next) = self.look_at(index)? else { return Ok(false) };
        let first_seq = next.header.is_active().then_some(next.header.first_seq);
        if let (Some(expected), Some(found)) = (self.seq_next, first_seq)
            && expected != found
        {
            return Err(next.corrupt(0, self.seq_next, Fault::Seq { found }));
        }
        self.current.reload_header()?;
        check_link(&self.current.header, &next.header, rolled)
            .map_err(|what| next.corrupt(0, self.seq_next, what))?;
        self.current = next;
        self.next_file = None;
        self.position_bytes = FRAMES_START;
        self.end = None;
        Ok(true)
    }

    /// Opens segment `index`, a later one of this stream, if it exists.
    fn look_at(&self, index: u64) -> Result<Option<OpenSegment>, JournalError> {
        match OpenSegment::new(&self.folder, &self.stream, index, Some(&self.current.header)) {
            Ok(segment) => Ok(Some(segment)),
            Err(JournalError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Decides what it means that there is no valid frame here. Returns `false` if reading goes on after all.
    #[cold]
    fn finish(&mut self) -> Result<bool, JournalError> {
        // First what can only be true after everything was published here, then this place again: a live
        // writer may have gone on since it was looked at, and its silence there must not be taken for damage.
        self.current.reload_header()?;
        let index = self.current.header.segment_index;
        let goes_on = self.goes_on_in(index + 1)?;
        let fault = match self.current.frame_at(self.position_bytes, self.seq_next, self.last_ts_ns) {
            At::Frame(_) => return Ok(false),
            At::Nothing => None,
            At::Invalid(fault) => Some(fault),
        };
        let OpenSegment { header, file_bytes, .. } = &self.current;
        let (found_bytes, expected_bytes) = (*file_bytes, header.segment_bytes);
        let cut =
            (found_bytes != expected_bytes).then_some(Fault::FileLength { found_bytes, expected_bytes });
        let fault = fault.or(cut);
        if header.is_sealed() {
            self.check_seal(fault)?;
            self.end = Some(EndState::Sealed);
            return Ok(!(goes_on && self.enter(index + 1, false)?));
        }
        if goes_on {
            return Err(self.corrupt(fault.unwrap_or(Fault::FrameMissing)));
        }
        let offset = self.position_bytes;
        self.end = Some(fault.map_or(EndState::Unsealed, |reason| EndState::Torn {
            segment: index,
            offset,
            reason,
        }));
        Ok(true)
    }

    /// Whether a sealed segment holds what its header says, reading having come to the end of its frames.
    fn check_seal(&self, fault: Option<Fault>) -> Result<(), JournalError> {
        let SegmentHeader { sealed_bytes, frame_count, last_seq, .. } = self.current.header;
        if self.position_bytes < sealed_bytes {
            return Err(self.corrupt(fault.unwrap_or(Fault::FrameMissing)));
        }
        let agrees = frame_count == 0 || self.seq_next == Some(last_seq.wrapping_add(1));
        if self.position_bytes != sealed_bytes || !agrees {
            return Err(self.corrupt(Fault::SealMismatch { sealed_bytes, last_seq }));
        }
        Ok(())
    }

    /// Whether segment `index`, the next one, exists and holds a frame. Read, not mapped: a live reader asks again and
    /// again.
    fn goes_on_in(&mut self, index: u64) -> Result<bool, JournalError> {
        if self.next_file.as_ref().is_none_or(|(known, _)| *known != index) {
            self.next_file = self.open_next(index)?.map(|file| (index, file));
        }
        let Some((_, file)) = &self.next_file else { return Ok(false) };
        let path = segment_path(&self.folder, index);
        let failed = |source| JournalError::io("read the header of", &path, source);
        let header = read_header(file).map_err(failed)?;
        let header = header.ok_or_else(|| corrupt_at(&path, index, 0, None, Fault::Header))?;
        check_header(&header, &path, &self.stream, index, Some(&self.current.header))?;
        let mut word = [0; COMMIT_BYTES];
        // A file that ends before its first frame has none.
        let read = match file.read_exact_at(&mut word, FRAMES_START) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            other => other,
        };
        read.map_err(|source| JournalError::io("read", &path, source))?;
        Ok(header.is_active() || header.is_sealed() || word != [0; COMMIT_BYTES])
    }

    fn open_next(&self, index: u64) -> Result<Option<File>, JournalError> {
        let path = segment_path(&self.folder, index);
        let open = || match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(JournalError::io("open", &path, source)),
        };
        let mut next = open()?;
        if next.is_none() && segment_indices(&self.folder)?.iter().any(|&later| later > index) {
            // A live writer may have made both since the first look; segments are made in order.
            next = open()?;
            if next.is_none() {
                return Err(self.missing(index));
            }
        }
        Ok(next)
    }

    fn corrupt(&self, what: Fault) -> JournalError {
        self.current.corrupt(self.position_bytes, self.seq_next, what)
    }
}

impl OpenSegment {
    fn new(
        folder: &Path,
        stream: &str,
        index: u64,
        previous: Option<&SegmentHeader>,
    ) -> Result<Self, JournalError> {
        let path = segment_path(folder, index);
        let failed = |operation| move |source| (operation, source);
        let opened = File::open(&path).map_err(failed("open")).and_then(|file| {
            let file_bytes = file.metadata().map_err(failed("look at"))?.len();
            let header = read_header(&file).map_err(failed("read the header of"))?;
            Ok((file, file_bytes, header))
        });
        let (file, file_bytes, header) =
            opened.map_err(|(operation, source)| JournalError::io(operation, &path, source))?;
        let corrupt = |what| corrupt_at(&path, index, 0, None, what);
        let header = header.ok_or_else(|| corrupt(Fault::Header))?;
        check_header(&header, &path, stream, index, previous)?;
        let expected_bytes = header.segment_bytes;
        if file_bytes > expected_bytes {
            return Err(corrupt(Fault::FileLength { found_bytes: file_bytes, expected_bytes }));
        }
        let map = ReadMap::new(&file, file_bytes as usize);
        let map = map.map_err(|source| JournalError::io("map", &path, source))?;
        let mut open = Self { file, path, map, limit_bytes: 0, header, file_bytes };
        open.set_limit();
        Ok(open)
    }

    fn set_limit(&mut self) {
        let header = &self.header;
        let stated = if header.is_sealed() { header.sealed_bytes } else { header.frames_end() };
        self.limit_bytes = stated.min(self.file_bytes);
    }

    fn reload_header(&mut self) -> Result<(), JournalError> {
        let header = read_header(&self.file)
            .map_err(|source| JournalError::io("read the header of", self.path.as_path(), source))?;
        // It was valid when the segment was opened: somebody has overwritten the file since.
        let header = header.ok_or_else(|| self.corrupt(0, None, Fault::Header))?;
        let known = &self.header;
        let same = header.version == VERSION
            && (header.journal_uuid, header.segment_index) == (known.journal_uuid, known.segment_index)
            && (header.epoch, header.salt, header.segment_bytes)
                == (known.epoch, known.salt, known.segment_bytes);
        if !same {
            return Err(self.corrupt(0, None, Fault::Foreign { field: "identity" }));
        }
        self.header = header;
        self.set_limit();
        Ok(())
    }

    /// Looks for the frame at `offset`.
    #[inline]
    fn frame_at(&self, offset: u64, seq_expected: Option<u64>, previous_ns: u64) -> At {
        let salt = self.header.salt;
        let expect =
            Expect { offset, seq: seq_expected, ts_ns: previous_ns, salt, limit_bytes: self.limit_bytes };
        self.map.frame_at(&expect)
    }

    #[inline]
    fn lend(&self, offset: u64, body: FrameBody) -> Frame<'_> {
        let start = offset as usize + COMMIT_BYTES + BODY_BYTES;
        let FrameBody { seq, ts_ns, kind, schema_version, flags, payload_bytes } = body;
        let payload = self.map.bytes(start, payload_bytes as usize);
        let segment = self.header.segment_index;
        Frame { seq, ts_ns, kind, schema_version, flags, payload, segment, offset }
    }

    fn corrupt(&self, offset: u64, seq_expected: Option<u64>, what: Fault) -> JournalError {
        corrupt_at(&self.path, self.header.segment_index, offset, seq_expected, what)
    }
}

/// The valid header with the highest generation. Read, not mapped: a live writer may be changing it.
pub(crate) fn read_header(file: &File) -> io::Result<Option<SegmentHeader>> {
    let mut bytes = [0; FRAMES_START as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(SegmentHeader::pick(&bytes[..filled]))
}

pub(crate) fn check_header(
    header: &SegmentHeader,
    path: &Path,
    stream: &str,
    index: u64,
    previous: Option<&SegmentHeader>,
) -> Result<(), JournalError> {
    if header.version != VERSION {
        return Err(JournalError::Version { path: path.to_owned(), found: header.version, known: VERSION });
    }
    let foreign = |field| Err(corrupt_at(path, index, 0, None, Fault::Foreign { field }));
    if header.segment_index != index {
        return foreign("segment index");
    }
    if Some(header.stream) != stream_field(stream) {
        return foreign("stream name");
    }
    if header.epoch == u64::MAX {
        // No writer gets that far, and nothing could follow it.
        return foreign("epoch");
    }
    if previous.is_some_and(|previous| previous.journal_uuid != header.journal_uuid) {
        return foreign("journal uuid");
    }
    let stale = previous.is_some_and(|previous| header.epoch < previous.epoch);
    if stale && !is_planted(Bug::StaleEpochAccepted) {
        return foreign("epoch");
    }
    Ok(())
}

/// Whether `next` continues `sealed`, as far as their headers say.
///
/// A roll frame leads into a segment of the same epoch; an end without one is that of an epoch.
pub(crate) fn check_link(sealed: &SegmentHeader, next: &SegmentHeader, rolled: bool) -> Result<(), Fault> {
    let follows = if rolled { next.epoch == sealed.epoch } else { next.epoch > sealed.epoch };
    if !follows && !is_planted(Bug::StaleEpochAccepted) {
        return Err(Fault::Link { field: "epoch" });
    }
    if !sealed.is_sealed() || next.flags & HEADER_LINKED == 0 {
        return Ok(());
    }
    if next.prev_chain != sealed.chain {
        return Err(Fault::Link { field: "hash" });
    }
    if sealed.frame_count > 0 && next.prev_last_seq != sealed.last_seq {
        return Err(Fault::Link { field: "last seq" });
    }
    Ok(())
}

pub(crate) fn segment_missing(folder: &Path, index: u64, seq_expected: Option<u64>) -> JournalError {
    corrupt_at(&segment_path(folder, index), index, 0, seq_expected, Fault::SegmentMissing)
}

pub(crate) fn corrupt_at(
    path: &Path,
    segment: u64,
    offset: u64,
    seq_expected: Option<u64>,
    what: Fault,
) -> JournalError {
    JournalError::Corrupt { path: path.to_owned(), segment, offset, seq_expected, what }
}
