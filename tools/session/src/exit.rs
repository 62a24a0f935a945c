//! Exit codes, and the errors that choose them.

use pitlane_engine::drive::affinity::AffinityError;
use pitlane_engine::drive::pinned::PinnedError;
use pitlane_engine::stages::strategy::StrategyError;
use pitlane_journal::JournalError;
use pitlane_store::StoreError;
use std::io::Write;
use std::process::ExitCode;

/// What a process tells its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All well.
    Ok = 0,
    /// Something failed while running.
    Failure = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// Data is missing or corrupt, or the journal is in use.
    Data = 3,
    /// Recorded and recomputed differ, or a gate failed.
    Divergence = 4,
    /// Risk or the kill switch stopped trading.
    RiskStop = 5,
    /// A service that it needs is down.
    Unavailable = 69,
    /// SIGINT.
    Interrupted = 130,
    /// SIGTERM.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error whose exit code its type does not tell.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The exit code.
    pub exit: Exit,
    /// What, where, why, and what to do next.
    pub message: String,
}

/// A refusal with the exit code of wrong usage.
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    Refusal { exit: Exit::Usage, message: message.into() }.into()
}

/// A refusal with the exit code of missing data.
pub fn data(message: impl Into<String>) -> anyhow::Error {
    Refusal { exit: Exit::Data, message: message.into() }.into()
}

/// The exit code of an error: the first cause that has one decides.
pub fn exit_of(error: &anyhow::Error) -> Exit {
    for cause in error.chain() {
        if let Some(refusal) = cause.downcast_ref::<Refusal>() {
            return refusal.exit;
        }
        if cause.is::<pitlane_config::ConfigError>()
            || cause.is::<StrategyError>()
            || cause.is::<AffinityError>()
        {
            return Exit::Usage;
        }
        if let Some(PinnedError::Affinity(_)) = cause.downcast_ref::<PinnedError>() {
            return Exit::Usage;
        }
        if cause.is::<StoreError>() || cause.is::<pitlane_feeds::FeedError>() {
            return Exit::Data;
        }
        if let Some(error) = cause.downcast_ref::<JournalError>() {
            return match error {
                JournalError::Io { .. } | JournalError::Latched { .. } => Exit::Failure,
                JournalError::SegmentSize { .. } => Exit::Usage,
                _ => Exit::Data,
            };
        }
    }
    Exit::Failure
}

/// An error and its causes, without those whose text stands in the one before already.
fn chain(error: &anyhow::Error) -> String {
    let mut shown = error.to_string();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        if !shown.contains(&text) {
            shown = format!("{shown}: {text}");
        }
    }
    shown
}

/// Writes a command's answer to stdout. A reader that went away early has what it wanted; see `finish`.
///
/// # Errors
/// If stdout cannot be written.
pub fn answer(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// Writes what a command found before it ends with an exit code of its own. That nobody reads it changes nothing about what
/// was found, nor about the code.
///
/// # Errors
/// If stdout cannot be written for another reason.
pub fn answer_before_exit(text: &str) -> anyhow::Result<()> {
    answer(text).or_else(|error| if is_unread(&error) { Ok(()) } else { Err(error) })
}

/// Writes a line to stderr. `eprintln!` that nobody can read would panic, and take the place of the exit code.
pub fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Whether an error is that whoever read our output has gone. A pipe or connection that broke elsewhere, to a broker or
/// behind a journal, is the cause of an error with a type of its own, and is told.
fn is_unread(error: &anyhow::Error) -> bool {
    let broken = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    error.downcast_ref::<std::io::Error>().is_some_and(broken)
}

/// Runs a command's body, prints its error if it has one, and gives the exit code.
pub fn finish(outcome: anyhow::Result<Exit>) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            // Whoever closed our output, such as `head`, has what it wanted.
            if is_unread(&error) {
                return Exit::Ok.into();
            }
            tell(&format!("error: {}", chain(&error)));
            exit_of(&error).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;
    use std::io::{Error, ErrorKind};

    #[test]
    fn only_our_own_output_may_break_without_a_word() {
        let pipe = || Error::from(ErrorKind::BrokenPipe);
        let ours = Err::<(), _>(pipe()).context("cannot write the answer");
        assert!(is_unread(&pipe().into()) && is_unread(&ours.expect_err("it is one")));
        assert!(!is_unread(&Error::from(ErrorKind::StorageFull).into()));
        let journal = JournalError::Io { operation: "write", path: "inputs".into(), cause: pipe() };
        assert!(!is_unread(&anyhow::Error::from(journal).context("the journal failed")));
    }
}
