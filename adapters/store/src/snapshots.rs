//! Snapshots of a run beside its journal: `snapshots/<16 hex digits of the last input's seq>.snap`. What is in them is
//! the engine's; here they are bytes that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Snapshots that are kept.
const KEPT: usize = 3;
/// Largest file that is read as a snapshot, in bytes.
const BYTES_MAX: u64 = 1 << 30;
/// What the names end with.
const EXTENSION: &str = "snap";

/// The folder of a journal's snapshots.
#[derive(Clone, Debug)]
pub struct Snapshots {
    folder: PathBuf,
}

impl Snapshots {
    /// Those of the journal at `dir`.
    pub fn of(dir: &Path) -> Self {
        Self { folder: dir.join("snapshots") }
    }

    /// The file of the snapshot at `seq`.
    pub fn path(&self, seq: u64) -> PathBuf {
        self.folder.join(format!("{seq:016x}.{EXTENSION}"))
    }

    /// The inputs after which there are snapshots, the newest first.
    ///
    /// # Errors
    /// If the folder is there and cannot be read.
    pub fn list(&self) -> io::Result<Vec<u64>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let seq =
                stem.filter(|stem| stem.len() == 16).and_then(|stem| u64::from_str_radix(stem, 16).ok());
            found.extend(seq.filter(|seq| self.path(*seq) == path));
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        Ok(found)
    }

    /// The bytes of the snapshot at `seq`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&self, seq: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path(seq))?.take(BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes a snapshot, durably; older ones than the newest three go.
    ///
    /// # Errors
    /// If it cannot be written; what was there before is untouched.
    pub fn write(&self, seq: u64, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let (path, part) = (self.path(seq), self.folder.join("part"));
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        File::open(&self.folder)?.sync_all()?;
        for old in self.list()?.into_iter().skip(KEPT) {
            fs::remove_file(self.path(old))?;
        }
        Ok(())
    }

    /// Removes the snapshots after `last`: of inputs that were lost. What comes in their place may be something else.
    ///
    /// # Errors
    /// If one cannot be removed: then the run must not go on past it.
    pub fn remove_after(&self, last: u64) -> io::Result<usize> {
        let beyond: Vec<u64> = self.list()?.into_iter().filter(|seq| *seq > last).collect();
        for seq in &beyond {
            fs::remove_file(self.path(*seq))?;
        }
        if !beyond.is_empty() {
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(beyond.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_three_are_kept_and_what_is_beyond_the_inputs_goes() {
        let scratch = tempfile::TempDir::new().expect("a directory");
        let snapshots = Snapshots::of(scratch.path());
        assert!(snapshots.list().expect("no folder is no error").is_empty());
        assert_eq!(snapshots.remove_after(0).expect("nothing to remove"), 0);
        for seq in [4_096, 8_192, 12_288, 65_536] {
            snapshots.write(seq, &seq.to_le_bytes()).expect("a file");
        }
        for other in ["x.snap", "part", "0000000000001000.snap.old", "1000.snap"] {
            fs::write(scratch.path().join("snapshots").join(other), "no snapshot").expect("a file");
        }
        assert_eq!(snapshots.list().expect("a folder"), [65_536, 12_288, 8_192]);
        assert_eq!(snapshots.read(8_192).expect("a file"), 8_192_u64.to_le_bytes());
        assert_eq!(snapshots.remove_after(12_288).expect("files"), 1);
        assert_eq!(snapshots.list().expect("a folder"), [12_288, 8_192]);
    }
}
