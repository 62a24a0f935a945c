//! The file `EPOCH`: the journal's name, and the highest epoch that was ever given out.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::dir::{segment_indices, segment_path};
use crate::disk::Disk;
use crate::error::JournalError;
use crate::format::{FRAMES_START, SegmentHeader, VERSION, stream_field};

const IDENTITY_FILE: &str = "EPOCH";
const IDENTITY_MAGIC: [u8; 8] = *b"LXJEPOCH";
const IDENTITY_BYTES: usize = 56;

/// What the file holds. If it is lost or damaged, the segment headers say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uuid: [u8; 16],
    pub(crate) epoch: u64,
    /// Whether the uuid was found and not made up.
    pub(crate) known: bool,
    /// Whether this lock has made the epoch its own.
    pub(crate) raised: bool,
}

impl Identity {
    /// Who the journal at `journal` is, as its file says, or else the headers of its segments.
    pub(crate) fn read(journal: &Path) -> Result<Option<Self>, JournalError> {
        let path = journal.join(IDENTITY_FILE);
        let mut bytes = Vec::with_capacity(IDENTITY_BYTES + 1);
        let read =
            File::open(&path).and_then(|file| file.take(IDENTITY_BYTES as u64 + 1).read_to_end(&mut bytes));
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(JournalError::io("read", path, source)),
        }
        match Self::parse(&bytes) {
            Some(identity) => Ok(Some(identity)),
            None => Self::of_segments(journal),
        }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (body, crc) = bytes.split_at_checked(IDENTITY_BYTES - 4)?;
        let valid = body.starts_with(&IDENTITY_MAGIC) && crc == crc32c::crc32c(body).to_le_bytes();
        let uuid = body[8..24].try_into().ok()?;
        let epoch = u64::from_le_bytes(body[24..32].try_into().ok()?);
        (valid && epoch < u64::MAX).then_some(Self { uuid, epoch, known: true, raised: false })
    }

    /// The name in the first valid header, streams in the order of their names, and the highest epoch under that name.
    fn of_segments(journal: &Path) -> Result<Option<Self>, JournalError> {
        let failed = |source| JournalError::io("list", journal, source);
        let mut folders = Vec::new();
        for entry in fs::read_dir(journal).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let named = path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| stream_field(name).is_some());
            folders.extend((named && path.is_dir()).then_some(path));
        }
        folders.sort();
        let mut identity: Option<Self> = None;
        for folder in folders {
            for index in segment_indices(&folder)? {
                let Some(header) = read_header(&segment_path(&folder, index)) else { continue };
                let (uuid, epoch) = (header.journal_uuid, header.epoch);
                let found = identity.get_or_insert(Self { uuid, epoch, known: true, raised: false });
                if found.uuid == uuid {
                    found.epoch = found.epoch.max(epoch);
                }
            }
        }
        Ok(identity)
    }

    pub(crate) fn store(&self, journal: &Path, boot_id: [u8; 16], disk: &Disk) -> Result<(), JournalError> {
        let mut bytes = Vec::with_capacity(IDENTITY_BYTES);
        bytes.extend(IDENTITY_MAGIC);
        bytes.extend(self.uuid);
        bytes.extend(self.epoch.to_le_bytes());
        bytes.extend(boot_id);
        bytes.extend([0; 4]);
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        let path = journal.join(IDENTITY_FILE);
        let temporary = path.with_extension("tmp");
        let failed = |source| JournalError::io("write the epoch to", &path, source);
        let file = disk.create(&temporary).map_err(failed)?;
        disk.write(&file, &temporary, &bytes, 0).map_err(failed)?;
        disk.sync(&file, &temporary).map_err(failed)?;
        disk.rename(&temporary, &path).map_err(failed)?;
        disk.sync_dir(journal).map_err(failed)
    }
}

/// A segment's header, if there is a valid one that this release can read. Recovery says what is wrong with another.
fn read_header(path: &Path) -> Option<SegmentHeader> {
    let mut bytes = Vec::with_capacity(FRAMES_START as usize);
    File::open(path).and_then(|file| file.take(FRAMES_START).read_to_end(&mut bytes)).ok()?;
    SegmentHeader::pick(&bytes).filter(|header| header.version == VERSION && header.epoch < u64::MAX)
}
