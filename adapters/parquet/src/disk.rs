//! Files that are whole or not there: temporary name, sync, rename, sync of the folder.

use crate::error::ArchiveError;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// What temporary names end with.
pub(crate) const TEMPORARY: &str = ".tmp";

/// A file under its temporary name, which hashes what is written into it.
pub(crate) struct NewFile {
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    bytes: u64,
    path: PathBuf,
    temporary: PathBuf,
}

impl NewFile {
    /// Begins what will be `path`; its folder is made if it is not there.
    pub(crate) fn create(path: &Path) -> Result<Self, ArchiveError> {
        let folder = path.parent().expect("a file of an archive is in a folder");
        make_folder(folder)?;
        let name = path.file_name().expect("a file has a name").to_string_lossy();
        let temporary = folder.join(format!(".{name}{TEMPORARY}"));
        let file = File::create(&temporary).map_err(ArchiveError::io("create", &temporary))?;
        let file = BufWriter::with_capacity(1 << 20, file);
        Ok(Self { file, hasher: blake3::Hasher::new(), bytes: 0, path: path.to_owned(), temporary })
    }

    /// Syncs it and gives it its name; returns its size and its hash.
    pub(crate) fn finish(mut self) -> Result<(u64, blake3::Hash), ArchiveError> {
        self.file.flush().map_err(ArchiveError::io("write", &self.temporary))?;
        self.file.get_ref().sync_all().map_err(ArchiveError::io("sync", &self.temporary))?;
        fs::rename(&self.temporary, &self.path).map_err(ArchiveError::io("rename", &self.temporary))?;
        sync_folder(self.path.parent().expect("a file of an archive is in a folder"))?;
        Ok((self.bytes, self.hasher.finalize()))
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Makes a folder, and syncs those above it that have a new entry.
pub(crate) fn make_folder(folder: &Path) -> Result<(), ArchiveError> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
        make_folder(above)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(ArchiveError::Io { doing: "create", path: folder.to_owned(), source: error })
        }
        _ => folder.parent().filter(|above| !above.as_os_str().is_empty()).map_or(Ok(()), sync_folder),
    }
}

pub(crate) fn sync_folder(folder: &Path) -> Result<(), ArchiveError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(ArchiveError::io("sync", folder))
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<bool, ArchiveError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(ArchiveError::Io { doing: "remove", path: path.to_owned(), source }),
    }
}

/// The entries of a folder in the order of their names; none if it is not there.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>, ArchiveError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(ArchiveError::io("read", folder))?,
    };
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(ArchiveError::io("read", folder))?;
    paths.sort();
    Ok(paths)
}
