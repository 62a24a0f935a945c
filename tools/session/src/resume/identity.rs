//! Whether a journal holds the run that is about to start.

use crate::exit::data;
use crate::run::{Plan, options};
use pitlane_journal::Ids;
use pitlane_store::{EventStream, INPUTS, StoreError, has_segments, read_head};
use std::path::Path;

/// How a run goes on with what it finds in its journal.
#[derive(Clone, Debug)]
pub struct Restart {
    /// The configuration text it would journal.
    pub config_text: String,
    /// Whether the feed is a recording, which has its own sessions, timers and commands.
    pub recorded_feed: bool,
    /// Whether the feed is a live one, which brings what comes and nothing twice.
    pub live_feed: bool,
    /// Inputs from one snapshot to the next, at least; 0 makes none.
    pub snapshot_every: u64,
}

/// Refuses a journal that holds another run, before anything is written to it. What cannot be read here is left to
/// recovery, which says more.
pub(super) fn check(dir: &Path, plan: &Plan, restart: &Restart) -> anyhow::Result<()> {
    if !has_segments(dir, INPUTS) {
        return Ok(());
    }
    let Ok(stream) = EventStream::open_kept(dir, INPUTS) else { return Ok(()) };
    let (found, given) = (stream.ids(), options(plan).ids);
    if (found.build, found.schema) != (given.build, given.schema) {
        return Err(refused(
            dir,
            &format!(
                "of another program version: {} wrote it with event layout {}, this is {} with {}",
                version(&found),
                found.schema[0],
                version(&given),
                given.schema[0]
            ),
        ));
    }
    let head = match read_head(dir) {
        Ok(head) => head,
        // Its preamble is compared with the sources' own, event by event.
        Err(StoreError::NotBegun { .. }) => return Ok(()),
        Err(error @ (StoreError::NotARun { .. } | StoreError::Schema { .. })) => return Err(error.into()),
        Err(_) => return Ok(()),
    };
    if let Some(difference) = first_difference(&head.config_text, &restart.config_text) {
        return Err(refused(dir, &format!("of another configuration: {difference}")));
    }
    let (found, given) = (&head.instruments, &plan.pipeline.instruments);
    if found != given {
        let at = std::iter::zip(found, given).position(|(a, b)| a != b);
        let at = at.unwrap_or(found.len().min(given.len()));
        let name = |specs: &[pitlane_engine::config::InstrumentSpec]| {
            specs.get(at).map_or_else(|| "none".to_owned(), |spec| spec.symbol.clone())
        };
        let what = format!(
            "of other instruments: number {} is {} there and {} here, or has another token, lot or tick",
            at + 1,
            name(found),
            name(given)
        );
        return Err(refused(dir, &what));
    }
    Ok(())
}

pub(super) fn refused(dir: &Path, what: &str) -> anyhow::Error {
    data(format!(
        "journal {} already holds a run, {what}. A run goes on only as it began; start it with what it was made with, or \
         name another directory with --journal",
        dir.display()
    ))
}

fn version(ids: &Ids) -> String {
    String::from_utf8_lossy(&ids.build).trim_end_matches('\0').to_owned()
}

/// The first line in which two configuration texts differ.
pub(super) fn first_difference(recorded: &str, given: &str) -> Option<String> {
    if recorded == given {
        return None;
    }
    let (mut recorded, mut given) = (recorded.lines(), given.lines());
    let mut section = "";
    for number in 1.. {
        let (a, b) = (recorded.next(), given.next());
        if a.is_none() && b.is_none() {
            return Some("they differ in line ends".to_owned());
        }
        if a == b {
            section = a.filter(|line| line.starts_with('[')).unwrap_or(section);
            continue;
        }
        let show = |line: Option<&str>| line.map_or_else(|| "nothing".to_owned(), |line| format!("`{line}`"));
        return Some(format!("line {number}, in {section}: {} is recorded, {} given", show(a), show(b)));
    }
    unreachable!("one of the texts ends")
}
