//! What happens beside the journal in a run on the wall clock, a line each: to people, and to a file beside the journal.

use super::say::{Said, say};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

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
            keep(file, &clean);
        }
        say(clean);
    }
}

/// Appends a line with its time. It is one write: a panic's line has a writer of its own, and must not end up inside another.
fn keep(file: &mut impl Write, clean: &str) {
    let line = format!("{} {clean}\n", crate::now_ist());
    // A log that cannot be written must not stop a run that holds positions; stderr has the line.
    let _ = file.write_all(line.as_bytes());
}

/// From now on what a panic says is a line like others, with a file in `dir` if that can be written. The standard library
/// writes it to stderr before anything unwinds: with a paused reader a gateway that panicked would never come to cancelling
/// what works at the broker.
pub(super) fn panics_to(dir: PathBuf) {
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        let mut text = format!("thread '{}' {panic}", thread.name().unwrap_or("without a name"));
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            text += &format!("; backtrace: {trace}");
        }
        // Said at the end of a process it is read, if somebody reads.
        let _said = Said;
        let mut log = Log::default();
        let _ = log.beside(&dir);
        log.line(&text);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::OpenOptionsExt;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    /// `O_NONBLOCK` of Linux.
    const NONBLOCK: i32 = 0o4000;
    /// The directory of the process that panics.
    const PANICS_IN: &str = "PITLANE_TEST_PANICS_IN";

    #[test]
    fn a_panic_waits_for_no_reader() {
        if let Some(dir) = std::env::var_os(PANICS_IN) {
            panics_to(dir.into());
            // Nobody reads this pipe, and it is full.
            let mut full = File::options()
                .write(true)
                .custom_flags(NONBLOCK)
                .open("/proc/self/fd/2")
                .expect("a pipe of ours");
            while full.write(b".").is_ok() {}
            assert!(std::thread::spawn(|| panic!("as a bug would")).join().is_err());
            std::process::exit(7);
        }
        let dir = tempfile::TempDir::new().expect("a directory");
        let this = "live::log::tests::a_panic_waits_for_no_reader";
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", this, "--nocapture"])
            .env(PANICS_IN, dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        let since = Instant::now();
        while child.try_wait().expect("our child").is_none() && since.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = child.kill();
        let status = child.wait().expect("our child");
        assert_eq!(status.code(), Some(7), "it waits for its reader");
        let text = std::fs::read_to_string(dir.path().join(LIVE_LOG_FILE)).expect("a file");
        assert!(text.contains("panicked at") && text.contains("as a bug would"), "{text}");
    }

    #[test]
    fn a_line_is_one_write() {
        struct Writes(Vec<Vec<u8>>);
        impl Write for Writes {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.push(bytes.to_vec());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut writes = Writes(Vec::new());
        keep(&mut writes, "one");
        keep(&mut writes, "two");
        let ends: Vec<_> = writes.0.iter().map(|line| line.ends_with(b"\n")).collect();
        assert_eq!(ends, [true, true], "{:?}", writes.0);
    }

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
