//! The journal directory: its lock, and which segment files a stream has.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::error::JournalError;
use crate::sys;

const LOCK_FILE: &str = "LOCK";
const SEGMENT_SUFFIX: &str = ".lxj";
const INDEX_DIGITS: usize = 16;

/// The right to write in one journal directory; at most one process has it.
///
/// Clones share the lock. It is given back when the last clone and the last writer made with it are gone, at
/// the latest when the process dies.
#[derive(Debug, Clone)]
pub struct JournalDir {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    uuid: [u8; 16],
    /// Held while a stream is created, so that of two threads creating the same one the second finds it.
    creating: Mutex<()>,
    /// Keeps the lock: the kernel releases it when the descriptor is closed.
    _lock: File,
}

impl JournalDir {
    /// Locks the journal at `path` for this process, making the directory if there is none. Does not wait.
    ///
    /// # Errors
    ///
    /// [`JournalError::InUse`] if it is locked already, also by this process; [`JournalError::Io`].
    pub fn lock(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let path = path.as_ref().to_path_buf();
        create_dir_synced(&path)?;
        let lock_path = path.join(LOCK_FILE);
        // No truncation here: until the lock is held the file shows the process id of whoever holds it.
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(|source| JournalError::io("open the lock file", &lock_path, source))?;
        let locked = sys::try_lock_exclusive(&lock)
            .map_err(|source| JournalError::io("lock the lock file", &lock_path, source))?;
        if !locked {
            return Err(JournalError::InUse { path, pid: read_pid(&lock) });
        }
        write_pid(&lock).map_err(|source| JournalError::io("write the process id to", &lock_path, source))?;
        let uuid = random_bytes()?;
        Ok(Self { inner: Arc::new(Inner { path, uuid, creating: Mutex::new(()), _lock: lock }) })
    }

    /// The journal directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The name that all streams created through this lock carry in their headers.
    #[must_use]
    pub fn journal_uuid(&self) -> [u8; 16] {
        self.inner.uuid
    }

    /// Makes the folder of a new stream; `create` then makes its first segment before another call can look.
    pub(crate) fn create_stream<T>(
        &self,
        stream: &str,
        create: impl FnOnce(&Path) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        // A panic while holding it leaves no half-changed data behind: the guarded state is the directory
        // itself.
        let _creating = self.inner.creating.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let folder = self.inner.path.join(stream);
        create_dir_synced(&folder)?;
        let segments = segment_indices(&folder)?.len();
        if segments > 0 {
            return Err(JournalError::NotEmpty { stream: stream.to_owned(), path: folder, segments });
        }
        create(&folder)
    }
}

/// Path of a stream's segment file.
pub(crate) fn segment_path(folder: &Path, index: u64) -> PathBuf {
    folder.join(format!("{index:0INDEX_DIGITS$x}{SEGMENT_SUFFIX}"))
}

/// Indices of the segment files in a stream's folder, ascending. Other files are none of the journal's
/// business.
pub(crate) fn segment_indices(folder: &Path) -> Result<Vec<u64>, JournalError> {
    let failed = |source| JournalError::io("list", folder, source);
    let mut indices = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        indices.extend(name.to_str().and_then(parse_segment_name));
    }
    indices.sort_unstable();
    Ok(indices)
}

fn parse_segment_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SEGMENT_SUFFIX)?;
    let canonical = digits.len() == INDEX_DIGITS
        && digits.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit));
    if canonical { u64::from_str_radix(digits, 16).ok() } else { None }
}

/// Makes the entries of a directory durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), JournalError> {
    let synced = File::open(path).and_then(|dir| dir.sync_all());
    synced.map_err(|source| JournalError::io("sync the directory", path, source))
}

/// `N` bytes that no other run has.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], JournalError> {
    const SOURCE: &str = "/dev/urandom";
    let mut bytes = [0; N];
    let filled = File::open(SOURCE).and_then(|mut source| source.read_exact(&mut bytes));
    filled.map_err(|source| JournalError::io("read", SOURCE, source))?;
    Ok(bytes)
}

/// Creates a directory with its parents and makes the new entries durable, innermost last.
fn create_dir_synced(path: &Path) -> Result<(), JournalError> {
    let missing: Vec<&Path> =
        path.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.is_dir()).collect();
    for dir in missing.into_iter().rev() {
        match fs::create_dir(dir) {
            Ok(()) => {}
            // Another thread or process was faster, which is as good.
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
            Err(source) => return Err(JournalError::io("create the directory", dir, source)),
        }
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        sync_dir(parent)?;
    }
    Ok(())
}

fn read_pid(lock: &File) -> Option<u32> {
    let mut text = [0; 16];
    let len = lock.read_at(&mut text, 0).ok()?;
    str::from_utf8(text.get(..len)?).ok()?.trim().parse().ok()
}

fn write_pid(lock: &File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.write_all_at(format!("{}\n", std::process::id()).as_bytes(), 0)
}
