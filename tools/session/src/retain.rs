//! Removes the oldest segments of a closed journal that nobody needs, and says why the others stay.
//!
//! What a restart needs stays: everything behind the oldest snapshot that it might begin with. So does what a reader has a
//! lease on; an archive has one until it holds a copy. Without a good snapshot nothing goes.

mod plan;
#[cfg(test)]
mod tests;

pub use plan::{Held, Hold, Span, StreamPlan};

use crate::exit::{data, usage};
use crate::recorded::Recording;
use crate::resume::snapshot_state;
use crate::summary::card;
use anyhow::Context;
use clap::Args;
use pitlane_config::Settings;
use pitlane_engine::sequencer::schedule::instruments_hash;
use pitlane_journal::{JournalDir, Keep, examine, leases, retain as remove};
use pitlane_store::{INPUTS, OUTPUTS, Snapshots, has_stream, hot_dir, keep_preamble};
use plan::spans;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// `journal-replay retain`.
#[derive(Args, Debug, Default)]
pub struct RetainArgs {
    /// The journal; it must have been closed in order
    pub dir: PathBuf,
    /// How many of the newest segments of each stream stay in any case; at least 1
    #[arg(long, value_name = "SEGMENTS")]
    pub keep: u64,
    /// Where the second copy is, if there is one: the same segments go there
    #[arg(long, value_name = "DIR")]
    pub mirror: Option<PathBuf>,
    /// Remove nothing; say what would go, and why the rest stays
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object (journal-retain/1) on stdout
    #[arg(long)]
    pub json: bool,
}

/// The oldest place that a restart might begin at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bound {
    /// The last input of the snapshot.
    seq: u64,
    /// Outputs recorded by then.
    outputs: u64,
}

/// What went, or would go, and what holds the rest.
#[derive(Debug)]
pub struct Retention {
    dir: PathBuf,
    dry_run: bool,
    bound: Option<Bound>,
    /// By stream.
    pub streams: Vec<StreamPlan>,
}

/// Removes the segments of the journal at `args.dir` that nobody needs; with `dry_run` it only says which.
///
/// # Errors
/// If there is no run, it is in use, was not closed in order, or is damaged: nothing was removed. If a file cannot be
/// removed: do it again when the cause is gone.
pub fn retain(args: &RetainArgs) -> anyhow::Result<Retention> {
    let shown = args.dir.display();
    if args.keep == 0 {
        return Err(usage("--keep 0: the newest segment of a stream always stays; give at least 1"));
    }
    if let Some(mirror) = args.mirror.as_ref().filter(|mirror| !mirror.is_dir()) {
        return Err(data(format!("--mirror {}: not a directory; name the copy's", mirror.display())));
    }
    if !has_stream(&args.dir, INPUTS) {
        return Err(data(format!(
            "no journal at {shown}: it has no inputs; name the directory a run or import wrote"
        )));
    }
    let mapped =
        hot_dir(&args.dir).with_context(|| format!("cannot read where the journal {shown} is mapped"))?;
    let lock = JournalDir::lock_with(
        &args.dir,
        mapped.filter(|dir| dir.is_dir()).as_deref(),
        args.mirror.as_deref(),
    )?;
    let streams: Vec<&'static str> =
        [INPUTS, OUTPUTS].into_iter().filter(|stream| has_stream(&args.dir, stream)).collect();
    let mut lasts = [0; 2];
    for (stream, last) in streams.iter().zip(&mut lasts) {
        let found = examine(&lock, stream)?;
        *last = found.last.map_or(0, |last| last.seq);
        if !found.was_closed || found.removed_segments > 0 || !found.repaired.is_empty() {
            return Err(data(format!(
                "journal {shown}: {stream} were not closed in order, so nothing of it goes; let the engine go on with it, \
                 or `journal-replay repair {shown} --yes`"
            )));
        }
    }
    let mut retention =
        Retention { dir: args.dir.clone(), dry_run: args.dry_run, bound: None, streams: Vec::new() };
    let bound = oldest_good(&args.dir, lasts)?;
    retention.bound = bound;
    for stream in streams {
        let needed = bound.map(|bound| if stream == INPUTS { bound.seq } else { bound.outputs });
        let plan = StreamPlan::make(
            stream,
            spans(&args.dir, stream)?,
            args.keep,
            needed,
            &leases(&args.dir, stream)?,
        );
        retention.streams.push(plan);
    }
    if !args.dry_run {
        retention.carry_out(&lock)?;
    }
    Ok(retention)
}

/// The oldest snapshot of the journal at `dir` that a restart could begin with, given the last input and output.
fn oldest_good(dir: &Path, [inputs, outputs]: [u64; 2]) -> anyhow::Result<Option<Bound>> {
    let found = Snapshots::of(dir).list()?;
    if found.is_empty() {
        return Ok(None);
    }
    let recording = Recording::open(dir)?;
    let config_hash = Settings::hash(&recording.head.config_text);
    let instruments_hash = instruments_hash(&recording.head.instruments);
    let good = |&seq: &u64| {
        let made = snapshot_state(dir, seq, &recording.pipeline, config_hash, instruments_hash).ok()?;
        (seq <= inputs && made <= outputs).then_some(Bound { seq, outputs: made })
    };
    Ok(found.iter().rev().find_map(good))
}

impl Retention {
    fn carry_out(&mut self, lock: &JournalDir) -> anyhow::Result<()> {
        for plan in self.streams.iter().filter(|plan| !plan.goes.is_empty()) {
            if plan.stream == INPUTS {
                keep_preamble(lock)?;
            }
            let before_seq = plan.needed.expect("without a snapshot nothing goes") + 1;
            let limit = Some(plan.goes.len() as u64);
            let done = remove(lock, plan.stream, Keep { before_seq, segments: plan.keep, limit })?;
            let planned: Vec<u64> = plan.goes.iter().map(|span| span.segment).collect();
            assert!(
                done.removed == planned,
                "retention of {} removed {:?} where {planned:?} was said",
                plan.stream,
                done.removed
            );
        }
        Ok(())
    }

    /// The object `journal-retain/1`.
    pub fn json(&self) -> Value {
        json!({
            "schema": "journal-retain/1",
            "journal": self.dir,
            "dry_run": self.dry_run,
            "oldest_snapshot_seq": self.bound.map(|bound| bound.seq),
            "streams": self.streams.iter().map(StreamPlan::json).collect::<Vec<_>>(),
        })
    }

    /// The same for people.
    pub fn render(&self) -> String {
        let mut rows = vec![("journal", self.dir.display().to_string())];
        rows.push(match self.bound {
            Some(bound) => {
                ("restart", format!("may begin at snapshot {}: it needs the inputs behind it", bound.seq))
            }
            None => ("restart", "begins at the start: there is no good snapshot".to_owned()),
        });
        for plan in &self.streams {
            rows.extend(plan.rows(self.dry_run));
        }
        let some = self.streams.iter().any(|plan| !plan.goes.is_empty());
        let result = match (some, self.dry_run) {
            (false, _) => "nothing can go",
            (true, true) => "nothing was removed; run again without --dry-run to do it",
            (true, false) => "removed",
        };
        rows.push(("result", result.to_owned()));
        format!("{}\n", card(&rows))
    }
}
