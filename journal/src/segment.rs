//! Segment files on the writing side: made ready in one or two tiers, filled through a mapping.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use zerocopy::{FromBytes, FromZeros, IntoBytes};

use crate::crc::{LINE_BYTES, Lines};
use crate::dir::{random_bytes, segment_path};
use crate::disk::Disk;
use crate::error::JournalError;
use crate::format::{
    BODY_WORDS, COMMIT_BYTES, ENDIAN_MARK, FRAMES_START, FrameBody, HEADER_ACTIVE, HEADER_COPY_BYTES, Ids,
    MAGIC, STREAM_NAME_MAX_BYTES, SegmentHeader, VERSION, fill_frame, frame_bytes,
};
use crate::mmap::{ReadMap, WriteMap};
use crate::planted::Bug;
use crate::shared::Durability;
use crate::sys::{Blocks, WideLines};

static ZEROS: [u8; 256 * 1024] = [0; 256 * 1024];
/// The file of the emergency segment: whole and zero, without a header or an index yet.
const RESERVE: &str = "RESERVE";

/// What all segments of a stream have in common.
#[derive(Debug)]
pub(crate) struct StreamSpec {
    /// The stream's folder in the durable tier.
    pub(crate) folder: PathBuf,
    /// The stream's folder in the hot tier, if that is another one.
    pub(crate) hot_folder: Option<PathBuf>,
    /// The stream's folder with the second copy, if there is one.
    pub(crate) mirror_folder: Option<PathBuf>,
    pub(crate) stream: [u8; STREAM_NAME_MAX_BYTES],
    pub(crate) journal_uuid: [u8; 16],
    pub(crate) boot_id: [u8; 16],
    pub(crate) epoch: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) ids: Ids,
    pub(crate) level: Durability,
    /// Whether sealing syncs.
    pub(crate) sync_on_seal: bool,
    pub(crate) disk: Disk,
}

/// A mapped segment that frames are written into. One thread owns it at a time.
#[derive(Debug)]
pub(crate) struct Segment {
    map: WriteMap,
    /// The mapped file.
    path: PathBuf,
    header: Box<SegmentHeader>,
    /// As in the header.
    salt: u32,
    wide: Option<WideLines>,
    disk: Disk,
}

/// The same segment as the durable thread sees it: where frames appear, and where they go.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) map: ReadMap,
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    /// As the file was made, before its first frame.
    pub(crate) header: Box<SegmentHeader>,
    /// Whether the mapping is of this very file.
    pub(crate) same_file: bool,
    /// The second copy.
    pub(crate) mirror: Option<(File, PathBuf)>,
}

/// Makes segment `index`: durable name, header and blocks first, then zeros everywhere (on memory the blocks are zero), then
/// present pages.
///
/// Returns `None`, and leaves no file, if `cancelled` says so while zeros are written. `reserve` takes the emergency segment for
/// the durable tier instead of new space.
pub(crate) fn prepare(
    spec: &StreamSpec,
    index: u64,
    reserve: bool,
    cancelled: impl Fn() -> bool,
) -> Result<Option<(Segment, Source)>, JournalError> {
    let path = segment_path(&spec.folder, index);
    let header = spec.header(index, u32::from_le_bytes(random_bytes()?));
    let (file, blocks) = match reserve {
        // Whole and zero already.
        true => (adopt_reserve(spec, &path, &header)?, Blocks::Zero),
        false => create_file(spec, &path, &header)?,
    };
    let made = fill_tiers(spec, index, (&file, blocks), &path, &header, &cancelled);
    match made {
        Ok(Some((map, source_map, hot_path))) => {
            let mirror = make_mirror(spec, index, &header).inspect_err(|_| {
                // As below.
                drop(hot_path.as_ref().map(fs::remove_file));
                drop(fs::remove_file(&path));
            })?;
            let same_file = hot_path.is_none();
            let mapped = hot_path.unwrap_or_else(|| path.clone());
            let disk = spec.disk.clone();
            let (salt, wide) = (header.salt, WideLines::detect());
            let segment = Segment { map, path: mapped, header: header.clone(), salt, wide, disk };
            Ok(Some((segment, Source { map: source_map, file, path, header, same_file, mirror })))
        }
        Ok(None) => {
            spec.disk.remove(&path).map(|()| None).map_err(|source| JournalError::io("remove", &path, source))
        }
        Err(error) => {
            // Gives the space back; the first error is the one to report.
            drop(fs::remove_file(&path));
            Err(error)
        }
    }
}

/// The file of the second copy. It is not mapped: a write to it that fails says so, and needs no zeros before.
fn make_mirror(
    spec: &StreamSpec,
    index: u64,
    header: &SegmentHeader,
) -> Result<Option<(File, PathBuf)>, JournalError> {
    let Some(folder) = &spec.mirror_folder else { return Ok(None) };
    let path = segment_path(folder, index);
    let (file, _) = create_file(spec, &path, header)?;
    Ok(Some((file, path)))
}

type Filled = (WriteMap, ReadMap, Option<PathBuf>);

fn fill_tiers(
    spec: &StreamSpec,
    index: u64,
    (file, blocks): (&File, Blocks),
    path: &Path,
    header: &SegmentHeader,
    cancelled: &impl Fn() -> bool,
) -> Result<Option<Filled>, JournalError> {
    if !fill(&spec.disk, file, blocks, path, spec.segment_bytes, cancelled)? {
        return Ok(None);
    }
    let Some(hot_folder) = &spec.hot_folder else {
        let (map, source) = map_both(file, path, spec.segment_bytes)?;
        return Ok(Some((map, source, None)));
    };
    let hot_path = segment_path(hot_folder, index);
    let failed = |operation| {
        let hot_path = hot_path.clone();
        move |source| {
            drop(fs::remove_file(&hot_path));
            JournalError::io(operation, hot_path, source)
        }
    };
    // Memory keeps nothing over a power failure: no sync, no temporary name.
    let hot = Disk::default();
    let hot_file = hot.create(&hot_path).map_err(failed("create"))?;
    let blocks = hot.preallocate(&hot_file, &hot_path, spec.segment_bytes).map_err(failed("preallocate"))?;
    hot.write(&hot_file, &hot_path, header.as_bytes(), header.copy_offset()).map_err(failed("write"))?;
    match fill(&hot, &hot_file, blocks, &hot_path, spec.segment_bytes, cancelled) {
        Ok(true) => {}
        Ok(false) => {
            drop(fs::remove_file(&hot_path));
            return Ok(None);
        }
        Err(error) => {
            drop(fs::remove_file(&hot_path));
            return Err(error);
        }
    }
    let (map, source) = map_both(&hot_file, &hot_path, spec.segment_bytes)?;
    Ok(Some((map, source, Some(hot_path))))
}

fn map_both(file: &File, path: &Path, segment_bytes: u64) -> Result<(WriteMap, ReadMap), JournalError> {
    let failed = |source| JournalError::io("map", path, source);
    let mut map = WriteMap::new(file, segment_bytes as usize).map_err(failed)?;
    map.touch();
    Ok((map, ReadMap::new(file, segment_bytes as usize).map_err(failed)?))
}

impl Segment {
    /// Where frames end at the latest.
    pub(crate) fn frames_end(&self) -> u64 {
        self.header.frames_end()
    }

    /// Its number in the stream.
    pub(crate) fn index(&self) -> u64 {
        self.header.segment_index
    }

    /// The mapped file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Notes in the header what the first frame will be. No system call.
    pub(crate) fn activate(&mut self, first_seq: u64, first_ts_ns: u64) {
        self.header.activate(first_seq, first_ts_ns);
        let header = &*self.header;
        self.disk.note_mapped(&self.path, header.copy_offset(), [header.as_bytes(), &[]]);
        let copy = self.map.bytes_mut(header.copy_offset() as usize, HEADER_COPY_BYTES);
        copy.copy_from_slice(header.as_bytes());
    }

    /// Writes and publishes one frame; the caller has checked that it fits. Returns the frame's length in
    /// bytes.
    // Always: see `Writer::append`.
    #[inline(always)]
    pub(crate) fn write_frame(&mut self, offset: u64, body: FrameBody, payload: &[u8]) -> u64 {
        let frame_bytes = frame_bytes(payload.len());
        let start = offset as usize;
        if self.disk.planted(Bug::EarlyCommit) {
            self.map.publish(start, u64::from(body.seq as u32) << 32 | frame_bytes as u64);
            std::thread::yield_now();
        }
        let after_commit = self.map.bytes_mut(start + COMMIT_BYTES, frame_bytes - COMMIT_BYTES);
        let seed_offset = if self.disk.planted(Bug::CrcSeedWithoutOffset) { 0 } else { offset };
        let word = put(self.wide, after_commit, self.salt, seed_offset, &body, payload);
        self.disk.note_mapped(&self.path, offset, [&word.to_le_bytes(), after_commit]);
        self.map.publish(start, word);
        frame_bytes as u64
    }
}

/// [`fill_frame`] with the lengths that most records have taken apart. The words of the body stay in registers.
#[inline(always)]
fn put(
    wide: Option<WideLines>,
    after_commit: &mut [u8],
    salt: u32,
    offset: u64,
    body: &FrameBody,
    payload: &[u8],
) -> u64 {
    let (crc, words) = (salt ^ offset as u32, body.words());
    let [seq, ts_ns, rest] = words;
    let (lines, tail) = payload.as_chunks::<LINE_BYTES>();
    if let Some(wide) = wide.filter(|_| tail.is_empty()) {
        let crc = match lines.len() {
            1 => put_lines::<1>(wide, crc, words, lines, after_commit),
            2 => put_lines::<2>(wide, crc, words, lines, after_commit),
            3 => put_lines::<3>(wide, crc, words, lines, after_commit),
            4 => put_lines::<4>(wide, crc, words, lines, after_commit),
            _ => return put_any(after_commit, salt, offset, seq, ts_ns, rest, payload),
        };
        return u64::from(crc) << 32 | frame_bytes(payload.len()) as u64;
    }
    put_any(after_commit, salt, offset, seq, ts_ns, rest, payload)
}

/// Returns the checksum.
#[inline(always)]
fn put_lines<const N: usize>(
    wide: WideLines,
    crc: u32,
    words: [u64; BODY_WORDS],
    lines: &[[u8; LINE_BYTES]],
    after_commit: &mut [u8],
) -> u32 {
    let lines = <&[_; N]>::try_from(lines).expect("the caller has counted them");
    let to =
        Lines::<N>::mut_from_bytes(after_commit).expect("a frame is as long as its payload and its header");
    wide.put(crc, words, lines, to)
}

/// Of any length. The words one by one, because an array would go through memory, also where this is not called.
#[inline(never)]
fn put_any(
    after_commit: &mut [u8],
    salt: u32,
    offset: u64,
    seq: u64,
    ts_ns: u64,
    rest: u64,
    payload: &[u8],
) -> u64 {
    let words = [seq, ts_ns, rest];
    let body = FrameBody::read_from_bytes(words.as_bytes()).expect("these are its words");
    // The padding is left alone: a new segment is zero everywhere.
    fill_frame(after_commit, salt, offset, &body, payload)
}

impl StreamSpec {
    fn header(&self, index: u64, salt: u32) -> Box<SegmentHeader> {
        let mut header = Box::new(SegmentHeader::new_zeroed());
        header.magic = MAGIC;
        header.version = VERSION;
        header.header_bytes = HEADER_COPY_BYTES as u16;
        header.endian_mark = ENDIAN_MARK;
        header.journal_uuid = self.journal_uuid;
        header.boot_id = self.boot_id;
        header.segment_index = index;
        header.epoch = self.epoch;
        header.level = self.level as u32;
        header.salt = salt;
        header.ids = self.ids;
        header.generation = 1;
        header.segment_bytes = self.segment_bytes;
        header.stream = self.stream;
        header.sign();
        header
    }

    /// The stream's name.
    pub(crate) fn name(&self) -> String {
        let name = self.stream.split(|&byte| byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    }

    /// Whether anything is ever synced.
    pub(crate) fn syncs(&self) -> bool {
        self.sync_on_seal || self.level > Durability::D0
    }
}

impl SegmentHeader {
    /// The second generation: what the first record is.
    pub(crate) fn activate(&mut self, first_seq: u64, first_ts_ns: u64) {
        self.generation += 1;
        self.flags |= HEADER_ACTIVE;
        self.first_seq = first_seq;
        self.first_ts_ns = first_ts_ns;
        self.sign();
    }
}

/// Creates the file under a temporary name and renames it once its header is durable, so that a crash never
/// leaves a segment file without a header. On failure the temporary file goes, to give the space back.
fn create_file(
    spec: &StreamSpec,
    path: &Path,
    header: &SegmentHeader,
) -> Result<(File, Blocks), JournalError> {
    let temporary = path.with_extension("tmp");
    let disk = &spec.disk;
    let failed = |operation, source| {
        // The first error is the one to report; a file that cannot be removed either is overwritten next
        // time.
        drop(fs::remove_file(&temporary));
        JournalError::io(operation, path, source)
    };
    let file = disk.create(&temporary).map_err(|source| failed("create", source))?;
    let blocks = disk
        .preallocate(&file, &temporary, spec.segment_bytes)
        .map_err(|source| failed("preallocate", source))?;
    name_file(disk, &file, &temporary, path, header)
        .map_err(|(operation, source)| failed(operation, source))?;
    Ok((file, blocks))
}

fn name_file(
    disk: &Disk,
    file: &File,
    temporary: &Path,
    path: &Path,
    header: &SegmentHeader,
) -> Result<(), (&'static str, io::Error)> {
    let written = disk.write(file, temporary, header.as_bytes(), header.copy_offset());
    written.and_then(|()| disk.sync(file, temporary)).map_err(|source| ("write the header of", source))?;
    disk.rename(temporary, path).map_err(|source| ("name", source))?;
    let folder = path.parent().expect("a segment is in its stream's folder");
    disk.sync_dir(folder).map_err(|source| ("sync the directory of", source))
}

/// Makes the emergency segment: space that the disk can run out of without taking it.
pub(crate) fn make_reserve(spec: &StreamSpec, cancelled: impl Fn() -> bool) -> Result<bool, JournalError> {
    let path = spec.folder.join(RESERVE);
    let failed = |operation| {
        let path = path.clone();
        move |source| {
            drop(fs::remove_file(&path));
            JournalError::io(operation, path, source)
        }
    };
    let file = spec.disk.create(&path).map_err(failed("create"))?;
    let blocks = spec.disk.preallocate(&file, &path, spec.segment_bytes).map_err(failed("preallocate"))?;
    let filled =
        fill(&spec.disk, &file, blocks, &path, spec.segment_bytes, &cancelled).inspect_err(|_| {
            drop(fs::remove_file(&path));
        })?;
    if !filled {
        drop_reserve(spec);
    }
    Ok(filled)
}

/// Gives the emergency segment's space back.
pub(crate) fn drop_reserve(spec: &StreamSpec) {
    // If it is gone already, or stays: the next session makes its own over it.
    drop(fs::remove_file(spec.folder.join(RESERVE)));
}

/// Turns the emergency segment into a segment; needs no new blocks.
fn adopt_reserve(spec: &StreamSpec, path: &Path, header: &SegmentHeader) -> Result<File, JournalError> {
    let reserve = spec.folder.join(RESERVE);
    let file = fs::OpenOptions::new().read(true).write(true).open(&reserve);
    let file = file.map_err(|source| JournalError::io("open", &reserve, source))?;
    name_file(&spec.disk, &file, &reserve, path, header)
        .map_err(|(operation, source)| JournalError::io(operation, path, source))?;
    Ok(file)
}

/// Writes the zeros; `false` if cancelled.
///
/// On a disk zeros are written although preallocated blocks read as zeros: a store into an unwritten extent, or into
/// a block that a file system only promised, can fail much later, and then with a signal instead of an error. On memory
/// the pages are there, and writing them again would be a third of a segment's cost.
fn fill(
    disk: &Disk,
    file: &File,
    blocks: Blocks,
    path: &Path,
    segment_bytes: u64,
    cancelled: &impl Fn() -> bool,
) -> Result<bool, JournalError> {
    let mut offset = if blocks == Blocks::Zero { segment_bytes } else { FRAMES_START };
    while offset < segment_bytes {
        if cancelled() {
            return Ok(false);
        }
        let chunk = &ZEROS[..ZEROS.len().min((segment_bytes - offset) as usize)];
        disk.write(file, path, chunk, offset)
            .map_err(|source| JournalError::io("write zeros to", path, source))?;
        offset += chunk.len() as u64;
    }
    Ok(true)
}
