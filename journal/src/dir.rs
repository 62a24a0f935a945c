//! The journal directory: its lock, and which segment files a stream has.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::disk::Disk;
use crate::error::JournalError;
use crate::identity::Identity;
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
    /// Keeps the lock of this journal's folder in the hot tier, once there is one: another journal of the same name (a
    /// copy of this one) must not map the same files.
    hot_lock: Mutex<Option<([u8; 16], File)>>,
    mirror_dir: Option<PathBuf>,
    /// Of the identity file, or of the first stream made or recovered; random if there is neither.
    identity: Mutex<Identity>,
    boot_id: [u8; 16],
    disk: Disk,
    /// Held while a stream is created, so that of two threads creating the same one the second finds it.
    creating: Mutex<()>,
    /// Keep the locks: the kernel releases them when the descriptors are closed.
    _lock: File,
    _mirror_lock: Option<File>,
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
        Self::lock_on(path.as_ref(), None, None, Disk::default())
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
        Self::lock_on(path.as_ref(), Some(hot_dir.as_ref()), None, Disk::default())
    }

    /// The same with one or two tiers and, if a `mirror_dir` is given, a second copy of every segment there, preferably on
    /// another disk. What is durable is durable in both; recovery repairs damage of one copy from the other, and says so.
    /// The first error of either ends the stream.
    ///
    /// # Errors
    ///
    /// Those of [`lock`](Self::lock).
    pub fn lock_with(
        path: impl AsRef<Path>,
        hot_dir: Option<&Path>,
        mirror_dir: Option<&Path>,
    ) -> Result<Self, JournalError> {
        Self::lock_on(path.as_ref(), hot_dir, mirror_dir, Disk::default())
    }

    pub(crate) fn lock_on(
        path: &Path,
        hot_dir: Option<&Path>,
        mirror_dir: Option<&Path>,
        disk: Disk,
    ) -> Result<Self, JournalError> {
        let other = |dir: Option<&Path>| dir.filter(|&dir| dir != path).map(Path::to_path_buf);
        let (hot_dir, mirror_dir) = (other(hot_dir), other(mirror_dir));
        let path = path.to_path_buf();
        for dir in [Some(&path), hot_dir.as_ref(), mirror_dir.as_ref()].into_iter().flatten() {
            create_dir_synced(dir)?;
            refuse_unsupported(dir)?;
        }
        let lock = take_lock(&path)?;
        let mirror_lock = mirror_dir.as_ref().map(|mirror_dir| take_lock(mirror_dir)).transpose()?;
        let known = Identity::read(&path)?;
        let identity = match known {
            Some(identity) => identity,
            None => Identity { uuid: random_bytes()?, epoch: 0, known: false, raised: false },
        };
        let boot_id = sys::boot_id()
            .map_err(|source| JournalError::io("read", "/proc/sys/kernel/random/boot_id", source))?;
        let (identity, creating, hot_lock) = (Mutex::new(identity), Mutex::new(()), Mutex::new(None));
        let (_lock, _mirror_lock) = (lock, mirror_lock);
        let inner = Inner {
            path,
            hot_dir,
            hot_lock,
            mirror_dir,
            identity,
            boot_id,
            disk,
            creating,
            _lock,
            _mirror_lock,
        };
        Ok(Self { inner: Arc::new(inner) })
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

    /// Where a stream of this journal is mapped, if not in the durable tier. Nobody else uses the folder as long as this
    /// lock lives.
    ///
    /// # Errors
    ///
    /// [`JournalError::InUse`] if a journal of the same name (a copy of this one) is open on the same hot tier.
    pub(crate) fn hot_folder(&self, uuid: [u8; 16], stream: &str) -> Result<Option<PathBuf>, JournalError> {
        let Some(hot_dir) = &self.inner.hot_dir else { return Ok(None) };
        let folder = hot_folder_of(hot_dir, uuid);
        // A panic while holding it leaves the old or the new lock behind, both whole.
        let mut held = self.inner.hot_lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if held.as_ref().is_none_or(|(held, _)| *held != uuid) {
            create_dir_synced(&folder)?;
            *held = Some((uuid, take_lock(&folder)?));
        }
        Ok(Some(folder.join(stream)))
    }

    /// Where the second copy of a stream is, if there is one.
    pub(crate) fn mirror_folder(&self, stream: &str) -> Option<PathBuf> {
        self.inner.mirror_dir.as_ref().map(|mirror_dir| mirror_dir.join(stream))
    }

    /// Whether a segment under this name may belong here.
    pub(crate) fn is_known_as(&self, uuid: [u8; 16]) -> bool {
        let identity = self.identity();
        !identity.known || identity.uuid == uuid
    }

    /// Makes an epoch durable that is above `found` and above all before, once per lock, and takes over the uuid of the
    /// streams that were found. Nothing is written to a stream before.
    pub(crate) fn raise_epoch(&self, found: Option<([u8; 16], u64)>) -> Result<u64, JournalError> {
        let mut identity = self.identity();
        let (uuid, floor) = found.unwrap_or((identity.uuid, 0));
        if identity.raised && identity.epoch > floor && identity.uuid == uuid {
            return Ok(identity.epoch);
        }
        let epoch = identity.epoch.max(floor).checked_add(1);
        let epoch = epoch.expect("no file or header with the last epoch of all is taken for valid");
        let raised = Identity { uuid, epoch, known: true, raised: true };
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

impl Drop for Inner {
    /// Leaves nothing in the hot tier of a journal whose streams were finished there: the folders that are empty go, and
    /// with the last of them the lock file, while its lock is still held. What cannot be removed stays for the next start.
    fn drop(&mut self) {
        let held = self.hot_lock.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (Some(hot_dir), Some((uuid, _lock))) = (&self.hot_dir, held) else { return };
        let folder = hot_folder_of(hot_dir, *uuid);
        let Ok(entries) = fs::read_dir(&folder) else { return };
        let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        let streams = names.iter().filter(|name| *name != LOCK_FILE);
        // A folder that is not empty refuses, and keeps the lock file with it.
        let emptied =
            streams.map(|name| fs::remove_dir(folder.join(name)).is_ok()).fold(true, |all, one| all & one);
        if emptied && fs::remove_file(folder.join(LOCK_FILE)).is_ok() {
            // Another process may have made its lock file meanwhile: then the folder stays.
            let _stays = fs::remove_dir(&folder);
        }
    }
}

/// The folder of the journal of this name in the hot tier.
fn hot_folder_of(hot_dir: &Path, uuid: [u8; 16]) -> PathBuf {
    let name: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    hot_dir.join(name)
}

/// Takes the lock of a directory for this process, without waiting.
fn take_lock(dir: &Path) -> Result<File, JournalError> {
    let path = dir.join(LOCK_FILE);
    // No truncation here: until the lock is held the file shows the process id of whoever holds it.
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let lock = opened.map_err(|source| JournalError::io("open the lock file", &path, source))?;
    let failed = |source| JournalError::io("lock the lock file", &path, source);
    if !sys::try_lock_exclusive(&lock).map_err(failed)? {
        return Err(JournalError::InUse { path: dir.to_path_buf(), pid: read_pid(&lock) });
    }
    let held = lock.metadata().map_err(failed)?;
    let same = match fs::metadata(&path) {
        Ok(named) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(source) => return Err(failed(source)),
    };
    if !same {
        // Somebody has removed the file meanwhile, or put another under the name, which another process may hold.
        return Err(JournalError::InUse { path: dir.to_path_buf(), pid: None });
    }
    write_pid(&lock).map_err(|source| JournalError::io("write the process id to", &path, source))?;
    Ok(lock)
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
