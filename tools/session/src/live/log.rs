//! What happens beside the journal in a run on the wall clock, a line each: to people, and to a file beside the journal.

use super::say::say;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Name of the file in a journal's directory.
pub(super) const LIVE_LOG_FILE: &str = "live.log";

/// Where lines go. None of them holds a secret.
#[derive(Default)]
pub(super) struct Log {
    file: Option<File>,
}

impl Log {
    /// Appends to the file in `dir` as well from now on.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(super) fn beside(&mut self, dir: &Path) -> std::io::Result<()> {
        self.file = Some(File::options().create(true).append(true).open(dir.join(LIVE_LOG_FILE))?);
        Ok(())
    }

    /// Writes a line. What others said in it is shown without control characters.
    pub(super) fn line(&mut self, text: &str) {
        let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if let Some(file) = &mut self.file {
            // A log that cannot be written must not stop a run that holds positions; stderr has the line.
            let _ = writeln!(file, "{} {clean}", crate::now_ist());
        }
        say(clean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_beside_the_journal() {
        let dir = tempfile::TempDir::new().expect("a directory");
        let mut log = Log::default();
        log.line("not kept");
        log.beside(dir.path()).expect("a file");
        log.line("one\u{1b}[2J\ntwo");
        let text = std::fs::read_to_string(dir.path().join(LIVE_LOG_FILE)).expect("a file");
        assert!(text.ends_with("+05:30 one [2J two\n") && text.lines().count() == 1, "{text}");
    }
}
