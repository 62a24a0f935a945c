//! Files that are whole or not there: temporary name, sync, rename, sync of the folder.

use crate::fault;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// A file under its temporary name, which hashes what is written into it.
pub struct NewFile {
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    bytes: u64,
    path: PathBuf,
    temporary: PathBuf,
}

impl NewFile {
    /// Begins what will be `path`; its folder is made if it is not there.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        make_folder(folder)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = folder.join(format!(".{name}.tmp"));
        let file = File::create(&temporary).map_err(|error| fault::disk("create", &temporary, &error))?;
        let file = BufWriter::with_capacity(1 << 18, file);
        Ok(Self { file, hasher: blake3::Hasher::new(), bytes: 0, path: path.to_owned(), temporary })
    }

    /// Syncs it and gives it its name; returns its size and the hash of its bytes in hexadecimal digits.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn finish(mut self) -> anyhow::Result<(u64, String)> {
        let failed = |doing, path: &Path, error| fault::disk(doing, path, &error);
        self.file.flush().map_err(|error| failed("write", &self.temporary, error))?;
        self.file.get_ref().sync_all().map_err(|error| failed("sync", &self.temporary, error))?;
        fs::rename(&self.temporary, &self.path).map_err(|error| failed("rename", &self.temporary, error))?;
        sync_folder(&self.path)?;
        Ok((self.bytes, self.hasher.finalize().to_hex().to_string()))
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

/// Makes a folder, and syncs those above it that have a new entry: what is in it must not outlive it, where the originals
/// are removed on the strength of it.
///
/// # Errors
/// If the disk fails.
pub fn make_folder(folder: &Path) -> anyhow::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(fault::disk("create", folder, &error))
        }
        _ => sync_folder(folder),
    }
}

/// Syncs the folder that a file is in.
///
/// # Errors
/// If the disk fails.
pub fn sync_folder(file: &Path) -> anyhow::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| fault::disk("sync", folder, &error))
}

/// Writes a small file as a whole, unless it has these bytes already.
///
/// # Errors
/// If the disk fails.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let mut file = NewFile::create(path)?;
    file.write_all(bytes).map_err(|error| fault::disk("write", path, &error))?;
    file.finish().map(|_| ())
}

/// Size and hash, in hexadecimal digits, of all that a reader gives.
///
/// # Errors
/// Those of the reader.
pub fn hash(mut reader: impl Read) -> io::Result<(u64, String)> {
    let (mut hasher, mut part, mut bytes) = (blake3::Hasher::new(), vec![0; 1 << 18], 0);
    loop {
        match reader.read(&mut part)? {
            0 => return Ok((bytes, hasher.finalize().to_hex().to_string())),
            count => {
                hasher.update(&part[..count]);
                bytes += count as u64;
            }
        }
    }
}

/// Size and hash of a file; `None` if it is not there.
///
/// # Errors
/// If it cannot be read.
pub fn hash_file(path: &Path) -> anyhow::Result<Option<(u64, String)>> {
    match File::open(path).and_then(hash) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault::disk("read", path, &error)),
    }
}
