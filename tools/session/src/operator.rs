//! What an operator tells an engine: kill, flatten, resume. The commands leave files in the journal's directory
//! (`latch`); a running engine's helper thread turns them into inputs.

use crate::exit::usage;
use crate::latch::{self, Latch};
use pitlane_engine::event::{Command, CommandCode, Event};
use pitlane_engine::sequencer::schedule::command_event;
use pitlane_journal::{JournalDir, JournalError};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Commands that fit the way to the sequencer; what does not is handed over later.
pub const COMMANDS_MAX: usize = 4;

/// Longest reason of a resume, in bytes: what its event holds.
const REASON_BYTES_MAX: usize = 216;

/// Turns the files in a journal's directory into commands, each once.
pub struct Operator {
    dir: PathBuf,
    handed: [bool; Latch::ALL.len()],
}

/// What a look at the files brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Whether a kill was handed over.
    pub killed: bool,
    /// Whether a latch stands, handed over or not.
    pub latched: bool,
    /// The reason of a resume that was handed over.
    pub resumed: Option<String>,
}

impl Operator {
    /// Starts at `dir`, for a run that is about to begin. A resume that waits there goes first: what it clears was set
    /// for the run before.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub fn start(
        dir: &Path,
        commands: &mut rtrb::Producer<Event>,
    ) -> std::io::Result<(Self, Option<String>)> {
        let mut operator = Self { dir: dir.to_owned(), handed: [true; 2] };
        let resumed = operator.resume(commands)?;
        if resumed.is_none() {
            operator.handed = [false; 2];
        }
        Ok((operator, resumed))
    }

    /// Looks at the files, and hands over what is new.
    ///
    /// # Errors
    /// If a file cannot be removed; the latch then stands.
    pub fn poll(&mut self, commands: &mut rtrb::Producer<Event>) -> std::io::Result<Told> {
        let mut told = Told::default();
        for (latch, handed) in Latch::ALL.into_iter().zip(&mut self.handed) {
            let Some(text) = latch.read(&self.dir) else {
                *handed = false;
                continue;
            };
            told.latched = true;
            let code = match latch {
                Latch::Kill => CommandCode::Kill,
                Latch::Flatten => CommandCode::Flatten,
            };
            // A full ring means that the sequencer is busy: the file stands, and is seen again.
            if !*handed && commands.push(command_event(code, &text)).is_ok() {
                *handed = true;
                told.killed |= latch == Latch::Kill;
            }
        }
        told.resumed = self.resume(commands)?;
        Ok(told)
    }

    fn resume(&mut self, commands: &mut rtrb::Producer<Event>) -> std::io::Result<Option<String>> {
        let Some(reason) = latch::pending_resume(&self.dir) else { return Ok(None) };
        if commands.push(command_event(CommandCode::Resume, &reason)).is_err() {
            return Ok(None);
        }
        // Revoked, if it was not there any more: the latches stand, and are handed over again, behind the resume.
        latch::take_resume(&self.dir)?;
        self.handed = [false; 2];
        Ok(Some(reason))
    }
}

/// The reason an operator's command came with.
pub fn reason(command: &Command) -> String {
    let used = usize::from(command.reason_bytes).min(command.reason.len());
    String::from_utf8_lossy(&command.reason[..used]).into_owned()
}

/// What a command said to do, for people and for programs.
pub struct Said {
    /// One line.
    pub text: String,
    /// The object `kill/1`, `flatten/1` or `resume/1`.
    pub json: Value,
}

/// Sets a latch at the journal `dir`.
///
/// # Errors
/// If it cannot be written.
pub fn set(dir: &Path, latch: Latch, reason: &str) -> anyhow::Result<Said> {
    let now = crate::now_ist();
    latch.set(dir, &format!("{now} {reason}"))?;
    let (path, running) = (latch.path(dir), is_running(dir)?);
    let what = match latch {
        Latch::Kill => "kill switch latched",
        Latch::Flatten => "flatten latched",
    };
    let who = if running { "" } else { " (no engine runs on it; none starts until it is resumed)" };
    Ok(Said {
        text: format!("{what}: {}{who}", path.display()),
        json: json!({
            "schema": format!("{}/1", latch.name()), "latch": path, "at": now, "running": running,
        }),
    })
}

/// Asks for a resume at the journal `dir`: of the engine that runs on it, or of the next start.
///
/// # Errors
/// If the reason is empty or too long, or the file cannot be written.
pub fn resume(dir: &Path, reason: &str) -> anyhow::Result<Said> {
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    if reason.is_empty() {
        return Err(usage("--reason is empty; say what was found and done, it is kept in the journal"));
    }
    if reason.len() > REASON_BYTES_MAX {
        return Err(usage(format!(
            "--reason has {} bytes, and the journal keeps {REASON_BYTES_MAX}; shorten it",
            reason.len()
        )));
    }
    let (running, standing) = (is_running(dir)?, latch::standing(dir));
    let latches: Vec<&str> = standing.iter().map(|(latch, _)| latch.name()).collect();
    let shown = if latches.is_empty() { "no latch".to_owned() } else { latches.join(" and ") };
    let (state, text) = match (running, standing.is_empty()) {
        (false, true) => {
            ("nothing", format!("nothing is latched at {}, and no engine runs on it", dir.display()))
        }
        (false, false) => (
            "waits",
            format!(
                "{shown} will be cleared by the next start on {}, which journals the reason; if the run there is complete \
                 none follows, and nothing is latched for other journals",
                dir.display()
            ),
        ),
        (true, false) => {
            ("handed", format!("the engine on {} was told to resume from {shown}", dir.display()))
        }
        (true, true) => (
            "handed",
            format!(
                "the engine on {} was told to resume; no latch stands there, so it clears what risk itself has halted",
                dir.display()
            ),
        ),
    };
    if state != "nothing" {
        latch::ask_resume(dir, &reason)?;
    }
    let json = json!({
        "schema": "resume/1", "journal": dir, "at": crate::now_ist(), "reason": reason, "latches": latches,
        "running": running, "state": state,
    });
    Ok(Said { text, json })
}

/// Whether a process holds the journal at `dir`.
fn is_running(dir: &Path) -> anyhow::Result<bool> {
    match JournalDir::lock(dir) {
        Ok(_) => Ok(false),
        Err(JournalError::InUse { .. }) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(ring: &mut rtrb::Consumer<Event>) -> Vec<(CommandCode, String)> {
        let mut told = Vec::new();
        while let Ok(event) = ring.pop() {
            let command = event.body::<Command>();
            told.push((CommandCode::from_u8(command.code).expect("a code"), reason(command)));
        }
        told
    }

    #[test]
    fn files_become_commands_once_each_and_again_after_a_resume() {
        let scratch = tempfile::TempDir::new().expect("a directory");
        let dir = scratch.path();
        let (mut out, mut ring) = rtrb::RingBuffer::new(COMMANDS_MAX);
        let (mut operator, resumed) = Operator::start(dir, &mut out).expect("no files");
        assert_eq!(resumed, None);
        assert_eq!(operator.poll(&mut out).expect("no files"), Told::default());
        Latch::Flatten.set(dir, "too wild").expect("a file");
        for _ in 0..2 {
            assert!(!operator.poll(&mut out).expect("files").killed);
        }
        assert_eq!(drain(&mut ring), [(CommandCode::Flatten, "too wild".to_owned())]);
        latch::ask_resume(dir, "calm").expect("a file");
        assert_eq!(operator.poll(&mut out).expect("files").resumed.as_deref(), Some("calm"));
        assert_eq!(drain(&mut ring), [(CommandCode::Resume, "calm".to_owned())]);
        assert!(latch::standing(dir).is_empty() && latch::pending_resume(dir).is_none());
        Latch::Flatten.set(dir, "again").expect("a file");
        Latch::Kill.set(dir, "enough").expect("a file");
        assert!(operator.poll(&mut out).expect("files").killed);
        let told = drain(&mut ring);
        assert_eq!(
            told.iter().map(|(code, _)| *code).collect::<Vec<_>>(),
            [CommandCode::Kill, CommandCode::Flatten]
        );
    }

    #[test]
    fn a_start_takes_the_resume_before_it_looks_at_the_latches() {
        let scratch = tempfile::TempDir::new().expect("a directory");
        let dir = scratch.path();
        Latch::Kill.set(dir, "yesterday").expect("a file");
        latch::ask_resume(dir, "checked").expect("a file");
        let (mut out, mut ring) = rtrb::RingBuffer::new(COMMANDS_MAX);
        let (mut operator, resumed) = Operator::start(dir, &mut out).expect("files");
        assert_eq!(resumed.as_deref(), Some("checked"));
        assert_eq!(operator.poll(&mut out).expect("no files"), Told::default());
        assert_eq!(drain(&mut ring), [(CommandCode::Resume, "checked".to_owned())]);
        assert!(latch::standing(dir).is_empty());
    }

    #[test]
    fn a_full_ring_loses_nothing() {
        let scratch = tempfile::TempDir::new().expect("a directory");
        let dir = scratch.path();
        let (mut out, mut ring) = rtrb::RingBuffer::new(1);
        let (mut operator, _) = Operator::start(dir, &mut out).expect("no files");
        Latch::Kill.set(dir, "a").expect("a file");
        Latch::Flatten.set(dir, "b").expect("a file");
        latch::ask_resume(dir, "c").expect("a file");
        let mut told = Vec::new();
        for _ in 0..4 {
            operator.poll(&mut out).expect("files");
            told.extend(drain(&mut ring).into_iter().map(|(code, _)| code));
        }
        assert_eq!(told, [CommandCode::Kill, CommandCode::Flatten, CommandCode::Resume]);
    }

    #[test]
    fn what_resume_says_depends_on_who_is_there() {
        let scratch = tempfile::TempDir::new().expect("a directory");
        let dir = scratch.path();
        let state = |reason: &str| Ok::<_, anyhow::Error>(resume(dir, reason)?.json["state"].clone());
        assert_eq!(state("why not").expect("no latch"), "nothing");
        assert_eq!(latch::pending_resume(dir), None);
        for bad in ["", " \t", &"x".repeat(217)] {
            let error = state(bad).expect_err("no reason");
            assert_eq!(crate::exit::exit_of(&error), crate::exit::Exit::Usage, "{error}");
        }
        set(dir, Latch::Kill, "test").expect("a file");
        assert_eq!(state("checked").expect("a latch"), "waits");
        assert_eq!(latch::pending_resume(dir).as_deref(), Some("checked"));
        let _running = JournalDir::lock(dir).expect("nobody else");
        assert_eq!(state("checked again").expect("a latch"), "handed");
    }
}
