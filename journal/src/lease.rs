//! Leases: how far the readers have got that retention must wait for.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::dir::sync_dir;
use crate::disk::Disk;
use crate::error::JournalError;
use crate::format::stream_field;

const SUFFIX: &str = ".lease";
const MAGIC: [u8; 8] = *b"LXJLEASE";
const BYTES: usize = 24;

/// A reader's claim on the records that it has not consumed. It outlives the process: only
/// [`give_up`](Self::give_up) ends it. One process uses a name at a time.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    consumed: u64,
}

/// A lease as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseInfo {
    /// The reader's name.
    pub name: String,
    /// The last record that it has consumed, 0 for none; `None` if the file is damaged, which holds everything.
    pub consumed: Option<u64>,
}

impl Lease {
    /// Takes the lease `name` on a stream, or takes it up again where it was left. A new one has consumed nothing.
    ///
    /// # Errors
    ///
    /// [`JournalError::StreamName`] if `stream` or `name` is not made as stream names are; [`JournalError::NoStream`];
    /// [`JournalError::Io`], also for a lease file that is damaged: remove it, and let the reader start anew.
    pub fn take(dir: impl AsRef<Path>, stream: &str, name: &str) -> Result<Self, JournalError> {
        for name in [stream, name] {
            if stream_field(name).is_none() {
                return Err(JournalError::StreamName { stream: name.to_owned() });
            }
        }
        let folder = dir.as_ref().join(stream);
        if !folder.is_dir() {
            return Err(JournalError::NoStream { stream: stream.to_owned(), path: folder });
        }
        let path = folder.join(format!("{name}{SUFFIX}"));
        let consumed = match read(&path) {
            Ok(Some(consumed)) => consumed,
            Ok(None) => {
                return Err(JournalError::io("read the lease", path, io::ErrorKind::InvalidData.into()));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(source) => return Err(JournalError::io("read the lease", path, source)),
        };
        let mut lease = Self { path, consumed };
        lease.advance(consumed)?;
        Ok(lease)
    }

    /// The last record that was consumed; 0 for none.
    #[must_use]
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Says that everything up to `seq` was consumed and is not needed any more. Durable when it returns: two syncs.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`]: the lease is where it was.
    ///
    /// # Panics
    ///
    /// If `seq` is less than [`consumed`](Self::consumed).
    pub fn advance(&mut self, seq: u64) -> Result<(), JournalError> {
        assert!(seq >= self.consumed, "a lease goes back: from {} to {seq}", self.consumed);
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&seq.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..BYTES - 4]);
        bytes[BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        store(&Disk::default(), &self.path, &bytes)?;
        self.consumed = seq;
        Ok(())
    }

    /// Ends the lease: retention does not wait for this reader any more.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`].
    pub fn give_up(self) -> Result<(), JournalError> {
        fs::remove_file(&self.path).map_err(|source| JournalError::io("remove the lease", self.path, source))
    }
}

/// All leases on a stream, by name.
///
/// # Errors
///
/// [`JournalError::Io`].
pub fn leases(dir: impl AsRef<Path>, stream: &str) -> Result<Vec<LeaseInfo>, JournalError> {
    let folder = dir.as_ref().join(stream);
    let failed = |source| JournalError::io("list", &folder, source);
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(SUFFIX)) else {
            continue;
        };
        let consumed = match read(&path) {
            Ok(consumed) => consumed,
            // Given up since the folder was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(JournalError::io("read the lease", path, source)),
        };
        found.push(LeaseInfo { name: name.to_owned(), consumed });
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

fn read(path: &Path) -> io::Result<Option<u64>> {
    let mut bytes = Vec::with_capacity(BYTES + 1);
    File::open(path)?.take(BYTES as u64 + 1).read_to_end(&mut bytes)?;
    let valid = bytes.len() == BYTES
        && bytes.starts_with(&MAGIC)
        && bytes[BYTES - 4..] == crc32c::crc32c(&bytes[..BYTES - 4]).to_le_bytes();
    let seq = bytes.get(8..16).and_then(|seq| seq.try_into().ok()).map(u64::from_le_bytes);
    Ok(seq.filter(|_| valid))
}

/// Replaces a small file so that either the old or the new one is there, also after a power failure.
pub(crate) fn store(disk: &Disk, path: &Path, bytes: &[u8]) -> Result<(), JournalError> {
    let failed = |source| JournalError::io("write", path, source);
    // Not `.tmp`: recovery removes those, and a reader may be at work at the same time.
    let temporary = path.with_extension("new");
    let file = disk.create(&temporary).map_err(failed)?;
    disk.write(&file, &temporary, bytes, 0).map_err(failed)?;
    disk.sync(&file, &temporary).map_err(failed)?;
    disk.rename(&temporary, path).map_err(failed)?;
    sync_dir(path.parent().expect("the file is in a stream's folder"))
}
