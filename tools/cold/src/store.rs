//! Where copies of an archive go: a directory, or S3-compatible storage.

use crate::disk::{self, NewFile};
use crate::fault;
use pitlane_session::exit::usage;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

#[cfg(feature = "s3")]
mod s3;

/// Named objects. What is put is whole or not there.
pub trait ObjectStore {
    /// What it is, for people; without secrets.
    fn describe(&self) -> String;

    /// Puts a file there under a key of parts that slashes join, over what may be there.
    ///
    /// # Errors
    /// If it cannot be read or put.
    fn put(&self, key: &str, file: &Path) -> anyhow::Result<()>;

    /// The bytes under a key; `None` if there are none.
    ///
    /// # Errors
    /// If they cannot be got.
    fn open(&self, key: &str) -> anyhow::Result<Option<Box<dyn Read>>>;

    /// All keys that begin with `prefix`, in order.
    ///
    /// # Errors
    /// If they cannot be listed.
    fn list(&self, prefix: &str) -> anyhow::Result<Vec<String>>;
}

/// The store of a name: `s3://BUCKET/PREFIX`, or a directory.
///
/// # Errors
/// If the name is wrong, or the build has no S3.
pub fn named(name: &str) -> anyhow::Result<Box<dyn ObjectStore>> {
    if let Some(place) = name.strip_prefix("s3://") {
        return s3(place);
    }
    let path = name.strip_prefix("file://").unwrap_or(name);
    if path.is_empty() || path.contains("://") {
        return Err(usage(format!("{name}: neither a directory nor s3://BUCKET/PREFIX")));
    }
    Ok(Box::new(Directory(PathBuf::from(path))))
}

#[cfg(feature = "s3")]
fn s3(place: &str) -> anyhow::Result<Box<dyn ObjectStore>> {
    Ok(Box::new(s3::Bucket::named(place)?))
}

#[cfg(not(feature = "s3"))]
fn s3(place: &str) -> anyhow::Result<Box<dyn ObjectStore>> {
    Err(usage(format!(
        "s3://{place}: this build has no S3; build it with `cargo build --release -p pitlane-cold --features s3`, or name a \
         directory and copy it with a tool of your own"
    )))
}

/// A directory of the local file system.
#[derive(Clone, Debug)]
pub struct Directory(pub PathBuf);

impl ObjectStore for Directory {
    fn describe(&self) -> String {
        self.0.display().to_string()
    }

    fn put(&self, key: &str, file: &Path) -> anyhow::Result<()> {
        let mut from = File::open(file).map_err(|error| fault::disk("open", file, &error))?;
        let path = self.0.join(key);
        let mut to = NewFile::create(&path)?;
        io::copy(&mut from, &mut to).map_err(|error| fault::disk("write", &path, &error))?;
        to.finish().map(|_| ())
    }

    fn open(&self, key: &str) -> anyhow::Result<Option<Box<dyn Read>>> {
        let path = self.0.join(key);
        match File::open(&path) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fault::disk("open", &path, &error)),
        }
    }

    fn list(&self, prefix: &str) -> anyhow::Result<Vec<String>> {
        let mut keys = Vec::new();
        walk(&self.0, &self.0, &mut keys)?;
        keys.retain(|key| key.starts_with(prefix));
        keys.sort();
        Ok(keys)
    }
}

fn walk(root: &Path, folder: &Path, keys: &mut Vec<String>) -> anyhow::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|error| fault::disk("read", folder, &error))?,
    };
    for entry in entries {
        let path = entry.map_err(|error| fault::disk("read", folder, &error))?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.is_dir() {
            walk(root, &path, keys)?;
        } else if let Some(key) = path.strip_prefix(root).ok().and_then(Path::to_str).filter(|_| !hidden) {
            keys.push(key.to_owned());
        }
    }
    Ok(())
}

/// Copies files of `root` that `to` has not got byte for byte, and reads each back; gives how many were copied.
///
/// # Errors
/// If a file cannot be read or put, or comes back as something else.
pub fn copy(root: &Path, keys: &[String], to: &dyn ObjectStore) -> anyhow::Result<u64> {
    let mut copied = 0;
    for key in keys {
        let path = root.join(key);
        let own = disk::hash_file(&path)?
            .ok_or_else(|| fault::disk("open", &path, &io::ErrorKind::NotFound.into()))?;
        if hash_of(to, key)?.as_ref() == Some(&own) {
            continue;
        }
        to.put(key, &path)?;
        copied += 1;
        if hash_of(to, key)?.as_ref() != Some(&own) {
            return Err(anyhow::anyhow!(
                "{}: {key} did not come back as it was put; check that storage, then do it again",
                to.describe()
            ));
        }
    }
    Ok(copied)
}

fn hash_of(store: &dyn ObjectStore, key: &str) -> anyhow::Result<Option<(u64, String)>> {
    let Some(reader) = store.open(key)? else { return Ok(None) };
    let hashed = disk::hash(reader);
    hashed.map(Some).map_err(|error| anyhow::anyhow!("{}: cannot read {key}: {error}", store.describe()))
}
