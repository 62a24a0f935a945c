//! The results of runs, each at its place in one file: whatever is there when a process dies is there for the next one.
//!
//! ```text
//! results.bin   magic LXSWEEP1 (8), sweep (16), sets (8), days (8), zeros to 4096, then per set and day a row of 256 bytes
//! ```
//! A row has a checksum; a torn one is a hole, and is run again. Memory does not grow with the number of rows, and workers
//! write without waiting for one another.

use crate::row::{ROW_BYTES, Row};
use pitlane_engine::hash::StateHasher;
use pitlane_session::exit::data;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const FILE: &str = "results.bin";
/// What the sweep is, for people, and for who asks why it does not go on.
const ABOUT: &str = "sweep.txt";
const MAGIC: [u8; 8] = *b"LXSWEEP1";
const HEADER_BYTES: usize = 4_096;

/// The results file of a sweep.
pub(crate) struct Results {
    file: File,
    path: PathBuf,
    sets: u64,
    dates: Vec<u32>,
}

impl Results {
    /// Opens the results of the sweep that `about` describes in `dir`, or begins them.
    ///
    /// # Errors
    /// If the directory holds another sweep or is in use, or cannot be written.
    pub(crate) fn open(dir: &Path, about: &str, sets: u64, dates: &[u32]) -> anyhow::Result<Self> {
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |error: io::Error| data(format!("cannot write {path}: {error}; check --out and the disk"))
        };
        fs::create_dir_all(dir).map_err(failed(dir))?;
        let path = dir.join(FILE);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(failed(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(data(format!(
                    "{} is in use by another sweep; wait for it, or name another directory with --out",
                    dir.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(&path)(error)),
        }
        let results = Self { file, path: path.clone(), sets, dates: dates.to_vec() };
        let header = header(about, sets, dates.len());
        match results.header().map_err(failed(&path))? {
            Some(found) if found == header => {}
            Some(_) => return Err(another(dir, about)),
            None => {
                fs::write(dir.join(ABOUT), about).map_err(failed(dir))?;
                results.file.write_all_at(&header, 0).map_err(failed(&path))?;
            }
        }
        Ok(results)
    }

    /// The results of the same sweep in another directory, to read.
    ///
    /// # Errors
    /// If there are none, or of another sweep.
    pub(crate) fn read_only(dir: &Path, about: &str, sets: u64, dates: &[u32]) -> anyhow::Result<Self> {
        let path = dir.join(FILE);
        let none = |error: io::Error| {
            data(format!(
                "{} holds no results of a sweep ({error}); name the --out of a --shard run",
                dir.display()
            ))
        };
        let file = File::open(&path).map_err(none)?;
        let results = Self { file, path: path.clone(), sets, dates: dates.to_vec() };
        match results.header().map_err(none)? {
            Some(found) if found == header(about, sets, dates.len()) => Ok(results),
            _ => Err(another(dir, about)),
        }
    }

    fn header(&self) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; HEADER_BYTES];
        match self.file.read_exact_at(&mut bytes, 0) {
            // A header that was not written whole is followed by nothing.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
            Ok(()) => Ok(Some(bytes)),
        }
    }

    fn offset(&self, set: u64, day: usize) -> u64 {
        HEADER_BYTES as u64 + (set * self.dates.len() as u64 + day as u64) * ROW_BYTES as u64
    }

    /// The rows of `count` days of a set from `first` on, into `rows`; `false` if one is not there.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn read(
        &self,
        set: u64,
        first: usize,
        count: usize,
        rows: &mut Vec<Row>,
    ) -> anyhow::Result<bool> {
        rows.clear();
        let mut bytes = vec![0; count * ROW_BYTES];
        match self.file.read_exact_at(&mut bytes, self.offset(set, first)) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(data(format!("cannot read {}: {error}", self.path.display()))),
            Ok(()) => {}
        }
        for (at, bytes) in bytes.chunks_exact(ROW_BYTES).enumerate() {
            let Some(row) = Row::from_bytes(bytes, set, self.dates[first + at]) else { return Ok(false) };
            rows.push(row);
        }
        Ok(true)
    }

    /// Keeps the rows of a set's days from `first` on.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn write(&self, set: u64, first: usize, rows: &[Row]) -> anyhow::Result<()> {
        let bytes: Vec<u8> = rows.iter().flat_map(|row| row.to_bytes()).collect();
        let written = self.file.write_all_at(&bytes, self.offset(set, first));
        written.map_err(|error| {
            data(format!("cannot write {}: {error}; free the disk and go on", self.path.display()))
        })
    }

    /// Takes what another has and this has not.
    ///
    /// # Errors
    /// If one of them cannot be read, or this not be written.
    pub(crate) fn take(&self, other: &Self) -> anyhow::Result<()> {
        let mut rows = Vec::new();
        for set in 0..self.sets {
            for day in 0..self.dates.len() {
                if !self.read(set, day, 1, &mut rows)? && other.read(set, day, 1, &mut rows)? {
                    self.write(set, day, &rows)?;
                }
            }
        }
        Ok(())
    }
}

fn header(about: &str, sets: u64, days: usize) -> Vec<u8> {
    let mut hasher = StateHasher::new(0);
    hasher.bytes(about.as_bytes());
    let mut bytes = MAGIC.to_vec();
    bytes.extend(hasher.finish().to_le_bytes());
    bytes.extend(sets.to_le_bytes());
    bytes.extend((days as u64).to_le_bytes());
    bytes.resize(HEADER_BYTES, 0);
    bytes
}

/// The directory holds another sweep: what differs first.
fn another(dir: &Path, about: &str) -> anyhow::Error {
    let found = fs::read_to_string(dir.join(ABOUT)).unwrap_or_default();
    let differs = std::iter::zip(found.lines(), about.lines()).find(|(found, given)| found != given);
    let differs = match differs {
        Some((found, given)) => format!("there it is `{}`, here `{}`", short(found), short(given)),
        None => {
            format!("it has {} lines in {ABOUT}, this one {}", found.lines().count(), about.lines().count())
        }
    };
    data(format!(
        "{} holds another sweep: {differs}. A sweep goes on only as it began; give it what it was begun with, or name \
         another directory",
        dir.display()
    ))
}

fn short(line: &str) -> String {
    if line.chars().count() <= 90 { line.to_owned() } else { line.chars().take(89).chain(['…']).collect() }
}
