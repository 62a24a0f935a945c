//! The journal directory: its lock, and which segment files a stream has.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::disk::Disk;
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
    hot_dir: Option<PathBuf>,
    /// Of the identity file, or of the first stream made or recovered; random if there is neither.
    identity: Mutex<Identity>,
    boot_id: [u8; 16],
    disk: Disk,
    /// Held while a stream is created, so that of two threads creating the same one the second finds it.
    creating: Mutex<()>,
    /// Keeps the lock: the kernel releases it when the descriptor is closed.
    _lock: File,
}

impl JournalDir {
    /// Locks the journal at `path` for this process, making the directory if there is none. Does not wait. Its streams
    /// have one tier: they are mapped in this directory.
    ///
    /// # Errors
    ///
    /// [`JournalError::InUse`] if it is locked already, also by this process; [`JournalError::FileSystem`] for one that
    /// cannot hold a journal; [`JournalError::Io`].
    pub fn lock(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        Self::lock_on(path.as_ref(), None, Disk::default())
    }

    /// The same with two tiers: streams are mapped below `hot_dir`, which should be on a memory file system, and a
    /// second thread copies them to `path` ([`Durability`](crate::Durability) says how soon). The same path for both is
    /// one tier.
    ///
    /// Another start after a crash must name the same `hot_dir` to recover what had not been copied.
    ///
    /// # Errors
    ///
    /// Those of [`lock`](Self::lock).
    pub fn lock_tiered(path: impl AsRef<Path>, hot_dir: impl AsRef<Path>) -> Result<Self, JournalError> {
        Self::lock_on(path.as_ref(), Some(hot_dir.as_ref()), Disk::default())
    }

    pub(crate) fn lock_on(path: &Path, hot_dir: Option<&Path>, disk: Disk) -> Result<Self, JournalError> {
        let path = path.to_path_buf();
        create_dir_synced(&path)?;
        refuse_unsupported(&path)?;
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
        let known = Identity::read(&path)?;
        let identity = match known {
            Some(identity) => identity,
            None => Identity { uuid: random_bytes()?, epoch: 0, raised: false },
        };
        let boot_id = sys::boot_id()
            .map_err(|source| JournalError::io("read", "/proc/sys/kernel/random/boot_id", source))?;
        let hot_dir = hot_dir.filter(|&hot_dir| hot_dir != path).map(Path::to_path_buf);
        let (identity, creating) = (Mutex::new(identity), Mutex::new(()));
        Ok(Self { inner: Arc::new(Inner { path, hot_dir, identity, boot_id, disk, creating, _lock: lock }) })
    }

    /// The journal directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The name that all streams created through this lock carry in their headers.
    #[must_use]
    pub fn journal_uuid(&self) -> [u8; 16] {
        self.identity().uuid
    }

    /// The epoch that this lock writes in; 0 before anything is made or recovered.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        let identity = self.identity();
        if identity.raised { identity.epoch } else { 0 }
    }

    pub(crate) fn boot_id(&self) -> [u8; 16] {
        self.inner.boot_id
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.inner.disk
    }

    /// Where a stream of this journal is mapped, if not in the durable tier.
    pub(crate) fn hot_folder(&self, uuid: [u8; 16], stream: &str) -> Option<PathBuf> {
        let name: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
        self.inner.hot_dir.as_ref().map(|hot_dir| hot_dir.join(name).join(stream))
    }

    /// Makes an epoch durable that is above `found` and above all before, once per lock, and takes over the uuid of the
    /// streams that were found. Nothing is written to a stream before.
    pub(crate) fn raise_epoch(&self, found: Option<([u8; 16], u64)>) -> Result<u64, JournalError> {
        let mut identity = self.identity();
        let (uuid, floor) = found.unwrap_or((identity.uuid, 0));
        if identity.raised && identity.epoch > floor && identity.uuid == uuid {
            return Ok(identity.epoch);
        }
        let raised = Identity { uuid, epoch: identity.epoch.max(floor) + 1, raised: true };
        raised.store(&self.inner.path, self.inner.boot_id, &self.inner.disk)?;
        *identity = raised;
        Ok(raised.epoch)
    }

    fn identity(&self) -> std::sync::MutexGuard<'_, Identity> {
        // A panic while holding it leaves the old or the new identity behind, both whole.
        self.inner.identity.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Runs `work` while no other call makes or continues a stream through this lock.
    pub(crate) fn alone<T>(&self, work: impl FnOnce() -> Result<T, JournalError>) -> Result<T, JournalError> {
        // A panic while holding it leaves no half-changed data behind: the guarded state is the directory itself.
        let _creating = self.inner.creating.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        work()
    }

    /// Makes the folder of a new stream; `create` then makes its first segment before another call can look.
    pub(crate) fn create_stream<T>(
        &self,
        stream: &str,
        create: impl FnOnce(&Path) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        self.alone(|| {
            let folder = self.inner.path.join(stream);
            create_dir_synced(&folder)?;
            let segments = segment_indices(&folder)?.len();
            if segments > 0 {
                return Err(JournalError::NotEmpty { stream: stream.to_owned(), path: folder, segments });
            }
            create(&folder)
        })
    }
}

const IDENTITY_FILE: &str = "EPOCH";
const IDENTITY_MAGIC: [u8; 8] = *b"LXJEPOCH";
const IDENTITY_BYTES: usize = 56;

/// What the file `EPOCH` holds: the journal's name and the highest epoch that was ever given out. If the file is lost or
/// damaged, the segment headers say the same.
#[derive(Debug, Clone, Copy)]
struct Identity {
    uuid: [u8; 16],
    epoch: u64,
    /// Whether this lock has made the epoch its own.
    raised: bool,
}

impl Identity {
    fn read(journal: &Path) -> Result<Option<Self>, JournalError> {
        let path = journal.join(IDENTITY_FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(JournalError::io("read", path, source)),
        };
        let valid = bytes.len() == IDENTITY_BYTES
            && bytes.starts_with(&IDENTITY_MAGIC)
            && bytes[52..] == crc32c::crc32c(&bytes[..52]).to_le_bytes();
        let field = |at: usize| bytes[at..at + 8].try_into().map(u64::from_le_bytes);
        let epoch = if valid { field(24).unwrap_or(0) } else { 0 };
        let uuid = bytes.get(8..24).and_then(|uuid| uuid.try_into().ok());
        Ok(uuid.filter(|_| valid).map(|uuid| Self { uuid, epoch, raised: false }))
    }

    fn store(&self, journal: &Path, boot_id: [u8; 16], disk: &Disk) -> Result<(), JournalError> {
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

fn refuse_unsupported(path: &Path) -> Result<(), JournalError> {
    let found = File::open(path).and_then(|dir| sys::unsupported_file_system(&dir));
    let found = found.map_err(|source| JournalError::io("look at the file system of", path, source))?;
    match found {
        Some(name) => Err(JournalError::FileSystem { path: path.to_owned(), name }),
        None => Ok(()),
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
pub(crate) fn create_dir_synced(path: &Path) -> Result<(), JournalError> {
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
