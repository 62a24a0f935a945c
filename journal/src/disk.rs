//! The few calls with which the journal changes a disk, behind one seam: tests count them, let the n-th one fail, and
//! record them to work out what a power failure could leave.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::planted::Bug;
use crate::sys::Blocks;

/// The calls. Outside of tests it has no size and adds nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    #[cfg(test)]
    pub(crate) script: Option<std::sync::Arc<Script>>,
    #[cfg(feature = "planted")]
    pub(crate) bug: Option<Bug>,
}

/// One call that changes a disk, as tests see it.
#[cfg(test)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    Create(std::path::PathBuf),
    Preallocate(std::path::PathBuf, u64),
    Write(std::path::PathBuf, u64, Vec<u8>),
    /// Not a call: bytes stored through a mapping, noted before they are published.
    Mapped(std::path::PathBuf, u64, Vec<u8>),
    Sync(std::path::PathBuf),
    /// The kernel reports an error once, and forgets the bytes.
    SyncFailed(std::path::PathBuf),
    Rename(std::path::PathBuf, std::path::PathBuf),
    Remove(std::path::PathBuf),
    SyncDir(std::path::PathBuf),
    /// Not a call: the durable seq was published.
    Durable(u64),
}

/// What a test has prepared.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// The number of the call that fails, from 1 on; 0 for none.
    pub(crate) fail_at: std::sync::atomic::AtomicU64,
    /// Its error number.
    pub(crate) errno: std::sync::atomic::AtomicI32,
    /// Calls so far.
    pub(crate) calls: std::sync::atomic::AtomicU64,
    /// Whether to keep them.
    pub(crate) record: bool,
    pub(crate) ops: std::sync::Mutex<Vec<Op>>,
}

impl Disk {
    /// Whether this bug was planted on purpose; `false` at compile time without the feature.
    #[inline]
    pub(crate) fn planted(&self, bug: Bug) -> bool {
        #[cfg(feature = "planted")]
        return self.bug == Some(bug);
        #[cfg(not(feature = "planted"))]
        {
            let _ = bug;
            false
        }
    }

    /// A disk that does what the script says.
    #[cfg(test)]
    pub(crate) fn scripted(script: &std::sync::Arc<Script>) -> Self {
        Self {
            script: Some(std::sync::Arc::clone(script)),
            #[cfg(feature = "planted")]
            bug: None,
        }
    }

    #[cfg(test)]
    fn called(&self, op: impl Fn() -> Op) -> io::Result<()> {
        use std::sync::atomic::Ordering::SeqCst;
        let Some(script) = &self.script else { return Ok(()) };
        let call = script.calls.fetch_add(1, SeqCst) + 1;
        if call == script.fail_at.load(SeqCst) {
            if let Op::Sync(path) = op() {
                script.ops.lock().unwrap().push(Op::SyncFailed(path));
            }
            return Err(io::Error::from_raw_os_error(script.errno.load(SeqCst)));
        }
        if script.record {
            script.ops.lock().unwrap().push(op());
        }
        Ok(())
    }

    /// Tells a recording test that `seq` was published as durable.
    #[inline]
    pub(crate) fn note_durable(&self, _seq: u64) {
        #[cfg(test)]
        if let Some(script) = self.script.as_ref().filter(|script| script.record) {
            script.ops.lock().unwrap().push(Op::Durable(_seq));
        }
    }

    /// Tells a recording test what is stored through a mapping.
    #[inline]
    pub(crate) fn note_mapped(&self, _path: &Path, _offset: u64, _parts: [&[u8]; 2]) {
        #[cfg(test)]
        if let Some(script) = self.script.as_ref().filter(|script| script.record) {
            script.ops.lock().unwrap().push(Op::Mapped(_path.into(), _offset, _parts.concat()));
        }
    }

    /// Creates or empties a file, for reading and writing.
    pub(crate) fn create(&self, path: &Path) -> io::Result<File> {
        #[cfg(test)]
        self.called(|| Op::Create(path.into()))?;
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)
    }

    /// Reserves blocks and sets the length.
    pub(crate) fn preallocate(&self, file: &File, _path: &Path, bytes: u64) -> io::Result<Blocks> {
        #[cfg(test)]
        self.called(|| Op::Preallocate(_path.into(), bytes))?;
        crate::sys::preallocate(file, bytes)
    }

    /// `pwrite` until everything is written.
    pub(crate) fn write(&self, file: &File, _path: &Path, bytes: &[u8], offset: u64) -> io::Result<()> {
        #[cfg(test)]
        self.called(|| Op::Write(_path.into(), offset, bytes.to_vec()))?;
        file.write_all_at(bytes, offset)
    }

    /// `fdatasync`.
    pub(crate) fn sync(&self, file: &File, _path: &Path) -> io::Result<()> {
        #[cfg(test)]
        self.called(|| Op::Sync(_path.into()))?;
        file.sync_data()
    }

    /// Renames within a folder.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        #[cfg(test)]
        self.called(|| Op::Rename(from.into(), to.into()))?;
        fs::rename(from, to)
    }

    /// Unlinks a file.
    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        #[cfg(test)]
        self.called(|| Op::Remove(path.into()))?;
        fs::remove_file(path)
    }

    /// Makes the entries of a directory durable.
    pub(crate) fn sync_dir(&self, path: &Path) -> io::Result<()> {
        if self.planted(Bug::DirSyncMissing) {
            return Ok(());
        }
        #[cfg(test)]
        self.called(|| Op::SyncDir(path.into()))?;
        File::open(path)?.sync_all()
    }
}
