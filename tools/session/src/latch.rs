//! An operator's commands as files in the journal's directory: they reach a running engine, and outlive it.
//!
//! | file | set by | a running engine | a start on the directory |
//! |---|---|---|---|
//! | `KILL` | `engine kill`, an engine that risk stopped | latches the kill switch and ends | is refused |
//! | `FLATTEN` | `engine flatten` | latches, closes every position, goes on without entries | is refused |
//! | `RESUME` | `engine resume` | clears the latches, for the reason in it | clears them and goes on |

use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Largest file that is read as a latch or a reason, in bytes.
const TEXT_BYTES_MAX: u64 = 4_096;

/// A command that stands until it is resumed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latch {
    /// Stop trading and end.
    Kill,
    /// Close every position and open none.
    Flatten,
}

impl Latch {
    /// All, the graver first.
    pub const ALL: [Self; 2] = [Self::Kill, Self::Flatten];

    /// Name of its file.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Flatten => "FLATTEN",
        }
    }

    /// Name of the command that sets it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Flatten => "flatten",
        }
    }

    /// Its file in the journal at `dir`.
    pub fn path(self, dir: &Path) -> PathBuf {
        dir.join(self.file())
    }

    /// Its text, if it is set: who set it, and when.
    pub fn read(self, dir: &Path) -> Option<String> {
        // What cannot be read is set: the safe reading of an unclear switch.
        read(&self.path(dir)).unwrap_or_else(|error| Some(format!("unreadable: {error}")))
    }

    /// Sets it, durably. One that is already set keeps its first text. A resume that nobody has taken yet is revoked:
    /// the later command counts.
    ///
    /// # Errors
    /// If the directory does not exist or cannot be written.
    pub fn set(self, dir: &Path, text: &str) -> std::io::Result<()> {
        let _held = hold(dir)?;
        remove(&resume_path(dir))?;
        let mut file = match std::fs::File::create_new(self.path(dir)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
            Err(error) => return Err(error),
        };
        writeln!(file, "{text}")?;
        file.sync_all()?;
        std::fs::File::open(dir)?.sync_all()
    }

    /// Removes it.
    ///
    /// # Errors
    /// If it is there and cannot be removed.
    pub fn clear(self, dir: &Path) -> std::io::Result<()> {
        remove(&self.path(dir)).map(|_| ())
    }
}

/// The latches that are set at `dir`, with their texts.
pub fn standing(dir: &Path) -> Vec<(Latch, String)> {
    Latch::ALL.into_iter().filter_map(|latch| Some((latch, latch.read(dir)?))).collect()
}

fn resume_path(dir: &Path) -> PathBuf {
    dir.join("RESUME")
}

/// The reason of a resume that waits to be taken. Without a readable reason there is none: the latches stand.
pub fn pending_resume(dir: &Path) -> Option<String> {
    read(&resume_path(dir)).ok()?.filter(|reason| !reason.is_empty())
}

/// Asks for a resume, durably; a later reason replaces an earlier one that nobody has taken yet.
///
/// # Errors
/// If the directory does not exist or cannot be written.
pub fn ask_resume(dir: &Path, reason: &str) -> std::io::Result<()> {
    // Under another name until it is whole: a running engine must not take half a reason.
    let part = dir.join("RESUME.part");
    let mut file = std::fs::File::create(&part)?;
    writeln!(file, "{reason}")?;
    file.sync_all()?;
    std::fs::rename(&part, resume_path(dir))?;
    std::fs::File::open(dir)?.sync_all()
}

/// Takes a resume that was asked for, after its command was handed over: its file goes, and the latches with it.
/// `false` if it was revoked in between, by a later kill or flatten; the latches then stand.
///
/// # Errors
/// If a file cannot be removed.
pub fn take_resume(dir: &Path) -> std::io::Result<bool> {
    let _held = hold(dir)?;
    if !remove(&resume_path(dir))? {
        return Ok(false);
    }
    for latch in Latch::ALL {
        latch.clear(dir)?;
    }
    Ok(true)
}

/// Holds the latches of `dir` against other processes until it is dropped: a kill that comes while a resume is taken must
/// revoke it or stand, and never be cleared with the latches of before.
fn hold(dir: &Path) -> std::io::Result<std::fs::File> {
    let held = std::fs::File::open(dir)?;
    held.lock()?;
    Ok(held)
}

/// A file's text; `None` if there is no such file, or no such directory for it.
fn read(path: &Path) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(path).and_then(|file| file.take(TEXT_BYTES_MAX).read_to_end(&mut bytes));
    match opened {
        Ok(_) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a file; `false` if there was none.
fn remove(path: &Path) -> std::io::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latches_stand_until_a_resume_is_taken() {
        let scratch = tempfile::TempDir::new().expect("a directory");
        let dir = scratch.path();
        assert!(standing(dir).is_empty() && pending_resume(dir).is_none());
        assert!(standing(&dir.join("none")).is_empty());
        Latch::Flatten.set(dir, "first").expect("a file");
        Latch::Flatten.set(dir, "second").expect("a file");
        Latch::Kill.set(dir, "third").expect("a file");
        let both = [(Latch::Kill, "third".to_owned()), (Latch::Flatten, "first".to_owned())];
        assert_eq!(standing(dir), both);
        ask_resume(dir, "feed is back").expect("a file");
        assert_eq!(pending_resume(dir).as_deref(), Some("feed is back"));
        assert_eq!(standing(dir), both, "asking clears nothing");
        assert!(take_resume(dir).expect("files go"));
        assert!(standing(dir).is_empty() && pending_resume(dir).is_none());
        assert!(!take_resume(dir).expect("nothing to do"));
    }

    #[test]
    fn a_later_latch_revokes_a_resume_that_nobody_took() {
        let scratch = tempfile::TempDir::new().expect("a directory");
        let dir = scratch.path();
        Latch::Flatten.set(dir, "first").expect("a file");
        ask_resume(dir, "too early").expect("a file");
        Latch::Flatten.set(dir, "second").expect("a file");
        assert_eq!(pending_resume(dir), None);
        assert!(!take_resume(dir).expect("nothing to take"));
        assert_eq!(standing(dir).len(), 1, "the later command counts");
    }

    #[test]
    fn an_unclear_switch_is_set_and_an_unclear_resume_is_none() {
        let scratch = tempfile::TempDir::new().expect("a directory");
        let dir = scratch.path();
        for file in ["KILL", "RESUME"] {
            std::fs::create_dir(dir.join(file)).expect("a directory where a file belongs");
        }
        let text = Latch::Kill.read(dir).expect("it is set");
        assert!(text.contains("unreadable"), "{text}");
        assert_eq!(pending_resume(dir), None);
        std::fs::remove_dir(dir.join("RESUME")).expect("an empty directory");
        std::fs::write(dir.join("RESUME"), " \n").expect("a file");
        assert_eq!(pending_resume(dir), None, "a resume needs a reason");
    }
}
