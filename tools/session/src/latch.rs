//! The kill switch's latch: a file in the journal directory that outlives the engine.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Name of the latch file.
pub const LATCH_FILE: &str = "KILL";

/// The latch of the journal at `dir`.
pub fn path(dir: &Path) -> PathBuf {
    dir.join(LATCH_FILE)
}

/// The latch's text, if it is set: who set it, and when.
pub fn read(dir: &Path) -> Option<String> {
    match std::fs::read_to_string(path(dir)) {
        Ok(text) => Some(text.trim().to_owned()),
        // No such file, or no such directory for it: nobody can have latched anything there.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => None,
        // A latch that cannot be read is set: the safe reading of an unclear switch.
        Err(error) => Some(format!("unreadable: {error}")),
    }
}

/// Sets the latch, durably. A latch that is already set keeps its first text.
///
/// # Errors
/// If the directory does not exist or cannot be written.
pub fn set(dir: &Path, text: &str) -> std::io::Result<()> {
    let mut file = match std::fs::File::create_new(path(dir)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error),
    };
    writeln!(file, "{text}")?;
    file.sync_all()?;
    std::fs::File::open(dir)?.sync_all()
}
