//! Where copies of an archive go: a directory, or S3-compatible storage.

use crate::disk::{self, NewFile};
use crate::fault;
use pitlane_session::exit::{data, usage};
use serde_json::Value;
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

    /// Removes what is under a key, if anything is.
    ///
    /// # Errors
    /// If it cannot be removed.
    fn remove(&self, key: &str) -> anyhow::Result<()>;

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

    fn remove(&self, key: &str) -> anyhow::Result<()> {
        let path = self.0.join(key);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(fault::disk("remove", &path, &error)),
            Ok(()) => disk::sync_folder(&path),
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

/// Withdraws what an earlier copy of a journal's archive left at `from` and `keys` do not have any more: the manifests of
/// ranges that overlap those of `keys`, and their files. Readers that take all files of a folder would count rows twice. The
/// files go first: a manifest says which they are, also to the next attempt. Gives how many were removed.
///
/// # Errors
/// If the store fails, or such a manifest is not one: then nothing of its files is known.
pub fn withdraw(from: &dyn ObjectStore, journal: &str, keys: &[String]) -> anyhow::Result<u64> {
    let (folder, mut removed) = (format!("_manifest/{journal}/"), 0);
    let span = |key: &str| -> Option<(u64, u64)> {
        let (first, last) = key.strip_prefix(&folder)?.strip_suffix(".json")?.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    let spans: Vec<(u64, u64)> = keys.iter().filter_map(|key| span(key)).collect();
    for key in from.list(&folder)? {
        let Some((first, last)) = span(&key) else { continue };
        let overlaps = spans.iter().any(|&(from, to)| first <= to && last >= from);
        if keys.contains(&key) || !overlaps {
            continue;
        }
        for file in files_of(from, &key)? {
            if !keys.contains(&file) {
                from.remove(&file)?;
                removed += 1;
            }
        }
        from.remove(&key)?;
        removed += 1;
    }
    Ok(removed)
}

/// The files that a manifest at `from` lists.
fn files_of(from: &dyn ObjectStore, key: &str) -> anyhow::Result<Vec<String>> {
    let wrong = |what: String| {
        data(format!(
            "{}: {key} is of an earlier copy and cannot be read ({what}); remove it and the Parquet files of its inputs there, \
             then do it again",
            from.describe()
        ))
    };
    let Some(mut reader) = from.open(key)? else { return Ok(Vec::new()) };
    let mut text = String::new();
    reader.read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
    let manifest: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let files = manifest["files"].as_array().ok_or_else(|| wrong("it lists no files".to_owned()))?;
    let path = |file: &Value| {
        let path = file["path"].as_str().filter(|path| path.starts_with("kind=") && !path.contains(".."));
        path.map(str::to_owned).ok_or_else(|| wrong("it lists what is no file of an archive".to_owned()))
    };
    files.iter().map(path).collect()
}

fn hash_of(store: &dyn ObjectStore, key: &str) -> anyhow::Result<Option<(u64, String)>> {
    let Some(reader) = store.open(key)? else { return Ok(None) };
    let hashed = disk::hash(reader);
    hashed.map(Some).map_err(|error| anyhow::anyhow!("{}: cannot read {key}: {error}", store.describe()))
}
