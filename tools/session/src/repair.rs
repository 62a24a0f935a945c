//! Makes what a crash left of a journal end in order, or names the damage that no crash explains.

#[cfg(test)]
mod tests;

mod found;

use crate::exit::{Exit, data};
use crate::summary::card;
use anyhow::Context;
use clap::Args;
use pitlane_journal::{JournalDir, JournalError, Recovered, Repaired, examine, recover_full};
use pitlane_store::{INPUTS, OUTPUTS, has_stream};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// `journal-replay repair`.
#[derive(Args, Debug, Default)]
pub struct RepairArgs {
    /// The journal
    pub dir: PathBuf,
    /// Where its writer mapped it, if not in the journal's directory: what only was there is taken over. Default: where
    /// the journal's file HOT says
    #[arg(long, value_name = "DIR")]
    pub hot_dir: Option<PathBuf>,
    /// Where its writer kept a second copy: damage of one copy is repaired from the other
    #[arg(long, value_name = "DIR")]
    pub mirror: Option<PathBuf>,
    /// Do it; without, say what would be done
    #[arg(long)]
    pub yes: bool,
    /// Print one JSON object (journal-repair/1) on stdout
    #[arg(long)]
    pub json: bool,
}

/// Damage that recovery does not touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The stream.
    pub stream: &'static str,
    /// The segment's index.
    pub segment: u64,
    /// Offset in the segment's file, in bytes.
    pub offset: u64,
    /// The first record that is not readable, where it is known.
    pub seq_first: Option<u64>,
    /// The last one, where a readable record follows; `None` = nothing readable is known to follow.
    pub seq_last: Option<u64>,
    /// What is wrong, where, and what to do.
    pub message: String,
}

/// What was found, and done.
#[derive(Debug)]
pub struct Repair {
    dir: PathBuf,
    /// The hot directory that was looked at.
    hot_dir: Option<PathBuf>,
    /// The hot directory that the journal names and that is not there.
    hot_gone: Option<PathBuf>,
    mirror: Option<PathBuf>,
    /// What was mended, or would be, in the order of the streams' own lists.
    mended: Vec<Mended>,
    /// Whether anything was written.
    pub done: bool,
    /// The streams that are sound or were mended.
    pub streams: Vec<Recovered>,
    /// The streams that are damaged; if there is any, nothing was written.
    pub damaged: Vec<Damage>,
}

/// Blocks of one copy that are replaced by those of the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// Where, and how many.
    pub blocks: Repaired,
    /// First and last record of which bytes are in the blocks; `None` if no copy tells.
    pub seqs: Option<(u64, u64)>,
}

/// Looks at both streams of a journal, every frame of them, and with `yes` mends what a crash left, unless either is
/// damaged in a place that was durable.
///
/// # Errors
/// If there is no journal, somebody writes it, or it cannot be read or written.
pub fn repair(args: &RepairArgs) -> anyhow::Result<Repair> {
    let streams: Vec<&'static str> =
        [INPUTS, OUTPUTS].into_iter().filter(|stream| has_stream(&args.dir, stream)).collect();
    if streams.is_empty() {
        // Also so that taking the lock makes no directory where none was.
        return Err(data(format!(
            "no journal at {}: it has neither inputs nor outputs; name the directory a run or import wrote",
            args.dir.display()
        )));
    }
    for (flag, dir) in [("--hot-dir", &args.hot_dir), ("--mirror", &args.mirror)] {
        if let Some(dir) = dir.as_ref().filter(|dir| !dir.is_dir()) {
            return Err(data(format!(
                "{flag} {}: not a directory; name the one the writer used",
                dir.display()
            )));
        }
    }
    let noted = pitlane_store::hot_dir(&args.dir)
        .with_context(|| format!("cannot read where the journal {} is mapped", args.dir.display()))?;
    let noted = noted.filter(|_| args.hot_dir.is_none());
    let (noted, hot_gone) =
        if noted.as_ref().is_none_or(|dir| dir.is_dir()) { (noted, None) } else { (None, noted) };
    let hot_dir = args.hot_dir.clone().or(noted);
    let lock = JournalDir::lock_with(&args.dir, hot_dir.as_deref(), args.mirror.as_deref())?;
    let mut repair = Repair {
        dir: args.dir.clone(),
        hot_dir,
        hot_gone,
        mirror: args.mirror.clone(),
        mended: vec![],
        done: false,
        streams: vec![],
        damaged: vec![],
    };
    for &stream in &streams {
        match examine(&lock, stream) {
            Ok(found) => repair.streams.push(found),
            Err(error) => repair.damaged.push(damage(&args.dir, stream, error)?),
        }
    }
    // A mirror is brought up to date in any case: what it lacks is not looked for before.
    let to_do = !repair.nothing_to_do() || args.mirror.is_some();
    if args.yes && to_do && repair.damaged.is_empty() {
        repair.streams.clear();
        for &stream in &streams {
            repair.streams.push(recover_full(&lock, stream)?);
        }
        repair.done = true;
    }
    repair.mended = found::mended(&repair);
    Ok(repair)
}

/// The damage an error names; any other error is handed back.
fn damage(dir: &Path, stream: &'static str, error: JournalError) -> Result<Damage, JournalError> {
    let JournalError::Corrupt { segment, offset, seq_expected, .. } = error else { return Err(error) };
    let seq_last = seq_expected.and_then(|seq| found::next_readable(dir, stream, seq)).map(|seq| seq - 1);
    let message = error.to_string();
    Ok(Damage { stream, segment, offset, seq_first: seq_expected, seq_last, message })
}

impl Repair {
    /// 3 if something is damaged.
    pub fn exit(&self) -> Exit {
        if self.damaged.is_empty() { Exit::Ok } else { Exit::Data }
    }

    fn nothing_to_do(&self) -> bool {
        self.streams.iter().all(is_sound)
    }

    /// The object `journal-repair/1`.
    pub fn json(&self) -> Value {
        let streams: Vec<Value> =
            self.streams.iter().map(|found| found::stream_json(found, &self.mended)).collect();
        let damaged = |damage: &Damage| {
            json!({
                "stream": damage.stream,
                "segment": damage.segment,
                "offset": damage.offset,
                "seq_first": damage.seq_first,
                "seq_last": damage.seq_last,
                "message": damage.message,
            })
        };
        json!({
            "schema": "journal-repair/1",
            "journal": self.dir,
            "hot_dir": self.hot_dir,
            "mirror": self.mirror,
            "done": self.done,
            "needed": !self.nothing_to_do() || !self.damaged.is_empty(),
            "streams": streams,
            "damaged": self.damaged.iter().map(damaged).collect::<Vec<_>>(),
        })
    }

    /// The same for people.
    pub fn render(&self) -> String {
        let mut rows = vec![("journal", self.dir.display().to_string())];
        for found in &self.streams {
            let name = if found.stream == INPUTS { INPUTS } else { OUTPUTS };
            rows.push((name, found::stream_text(found, &self.mended, self.done)));
        }
        for damage in &self.damaged {
            let seqs = match (damage.seq_first, damage.seq_last) {
                (Some(first), Some(last)) => format!("seq {first} to {last}"),
                (Some(first), None) => format!("seq {first} and what follows"),
                _ => "seqs unknown".to_owned(),
            };
            let Damage { stream, segment, offset, message, .. } = damage;
            rows.push((stream, format!("DAMAGED at segment {segment}, offset {offset}, {seqs}: {message}")));
        }
        let next = match (self.damaged.is_empty(), self.nothing_to_do(), self.done) {
            (false, ..) => "refused: what was durable is not there; nothing was written",
            (true, _, true) => "repaired",
            (true, true, false) => "nothing to repair",
            (true, false, false) => "nothing was written; run again with --yes to do it",
        };
        rows.push(("result", next.to_owned()));
        for note in self.notes() {
            rows.push(("note", note));
        }
        format!("{}\n", card(&rows))
    }
}

impl Repair {
    /// What else a person should know.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        match (&self.hot_dir, &self.hot_gone) {
            (_, Some(gone)) => notes.push(format!(
                "the journal was mapped in {}, which is not there: what was only there is lost; if it is elsewhere now, \
                 name it with --hot-dir",
                gone.display()
            )),
            (Some(dir), _) => notes.push(format!("the journal is mapped in {}, which was looked at", dir.display())),
            (None, None) => {}
        }
        if self.mirror.is_none() && !self.damaged.is_empty() {
            notes.push(
                "if there is a mirror, name it with --mirror: the damage may be repaired from it".to_owned(),
            );
        }
        notes
    }
}

fn is_sound(found: &Recovered) -> bool {
    found.was_closed && found.removed_segments == 0 && found.repaired.is_empty()
}
