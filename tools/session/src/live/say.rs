//! Lines for people on stderr, written by a thread of their own.
//!
//! The thread that looks after a run holds the kill switch. `eprintln!` there would panic when whoever reads stderr has
//! died, and wait for ever when it is paused; a line handed over here can do neither.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Lines that may wait for their reader; more are dropped, and counted.
const LINES: usize = 1_024;
/// How long the end of a run, or a panic, waits at most for lines to be read.
const FLUSH: Duration = Duration::from_secs(1);

/// A way to people that never holds up who speaks.
struct Voice {
    lines: SyncSender<String>,
    /// Lines handed over.
    said: AtomicU64,
    /// Lines written, well or badly.
    written: Arc<AtomicU64>,
    /// Lines that found no room.
    lost: Arc<AtomicU64>,
}

impl Voice {
    /// Starts to write to `out`.
    fn over(out: impl Write + Send + 'static) -> Self {
        let (lines, waiting) = sync_channel(LINES);
        let [written, lost] = [(); 2].map(|()| Arc::new(AtomicU64::new(0)));
        let (wrote, missed) = (written.clone(), lost.clone());
        let body = move || write_all(out, &waiting, &wrote, &missed);
        // Without a thread every line is lost, which the file beside the journal is not.
        drop(std::thread::Builder::new().name("say".to_owned()).spawn(body));
        Self { lines, said: AtomicU64::new(0), written, lost }
    }

    fn line(&self, text: String) {
        match self.lines.try_send(text) {
            Ok(()) => self.said.fetch_add(1, Ordering::Relaxed),
            Err(_) => self.lost.fetch_add(1, Ordering::Relaxed),
        };
    }

    /// Waits at most so long until what was said is written.
    fn flush(&self, most: Duration) {
        let since = Instant::now();
        while self.written.load(Ordering::Acquire) < self.said.load(Ordering::Relaxed)
            && since.elapsed() < most
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn write_all(mut out: impl Write, waiting: &Receiver<String>, written: &AtomicU64, lost: &AtomicU64) {
    for text in waiting {
        // Nobody reads: there is nobody to be told either.
        let _ = writeln!(out, "{text}");
        let missed = lost.swap(0, Ordering::Relaxed);
        if missed > 0 {
            let _ =
                writeln!(out, "warning: {missed} lines were dropped here, because nobody read them in time");
        }
        let _ = out.flush();
        written.fetch_add(1, Ordering::Release);
    }
}

fn voice() -> &'static Voice {
    static VOICE: OnceLock<Voice> = OnceLock::new();
    VOICE.get_or_init(|| Voice::over(std::io::stderr()))
}

/// Says a line. Never waits, never fails.
pub(crate) fn say(text: impl Into<String>) {
    voice().line(text.into());
}

/// Waits a moment, when it goes, until what was said is written.
pub(crate) struct Said;

impl Drop for Said {
    fn drop(&mut self) {
        voice().flush(FLUSH);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Error, ErrorKind, Read, Result};
    use std::sync::Mutex;

    /// A reader that is paused until the test lets it go on.
    struct Paused(Arc<Mutex<()>>, Arc<Mutex<Vec<u8>>>);

    impl Write for Paused {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            drop(self.0.lock());
            self.1.lock().expect("it is whole").write(bytes)
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_paused_reader_holds_nobody_up_and_misses_lines() {
        let (gate, text) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(Vec::new())));
        let voice = Voice::over(Paused(gate.clone(), text.clone()));
        let held = gate.lock().expect("it is ours");
        // One may be with the writer, so many may wait; all of these return.
        (0..LINES + 10).for_each(|number| voice.line(format!("line {number}")));
        assert!(voice.lost.load(Ordering::Relaxed) >= 9);
        voice.flush(Duration::from_millis(1));
        drop(held);
        voice.flush(Duration::from_secs(60));
        let text = String::from_utf8(text.lock().expect("it is whole").clone()).expect("what was said");
        assert!(text.starts_with("line 0\n") && text.contains("lines were dropped"), "{text}");
    }

    #[test]
    fn a_reader_that_is_gone_ends_nothing() {
        struct Gone(Arc<AtomicU64>);
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> Result<usize> {
                self.0.fetch_add(1, Ordering::Relaxed);
                Err(Error::from(ErrorKind::BrokenPipe))
            }
            fn flush(&mut self) -> Result<()> {
                Err(Error::from(ErrorKind::BrokenPipe))
            }
        }
        let tried = Arc::new(AtomicU64::new(0));
        let voice = Voice::over(Gone(tried.clone()));
        (0..3).for_each(|_| voice.line("kept going".to_owned()));
        voice.flush(Duration::from_secs(60));
        assert_eq!((tried.load(Ordering::Relaxed), voice.written.load(Ordering::Acquire)), (3, 3));
    }

    #[test]
    fn a_closed_pipe_is_no_panic() {
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        let voice = Voice::over(writer);
        voice.line("heard".to_owned());
        voice.flush(Duration::from_secs(60));
        let mut heard = [0; 6];
        reader.read_exact(&mut heard).expect("a line");
        assert_eq!(&heard, b"heard\n");
        drop(reader);
        voice.line("unheard".to_owned());
        voice.flush(Duration::from_secs(60));
        assert_eq!(voice.written.load(Ordering::Acquire), 2);
    }
}
