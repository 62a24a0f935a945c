//! Makes what a crash left of a journal end in order, or names the damage that no crash explains.

#[cfg(test)]
mod tests;

use crate::exit::{Exit, data};
use crate::summary::card;
use clap::Args;
use pitlane_journal::{JournalDir, JournalError, Reader, Recovered, Repaired, examine, recover_full};
use pitlane_store::{INPUTS, OUTPUTS, has_stream};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// `journal-replay repair`.
#[derive(Args, Debug, Default)]
pub struct RepairArgs {
    /// The journal
    pub dir: PathBuf,
    /// Where its writer mapped it, if not in the journal's directory: what only was there is taken over
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
    /// Whether no directories besides the journal's own were looked at.
    alone: [bool; 2],
    /// Whether anything was written.
    pub done: bool,
    /// The streams that are sound or were mended.
    pub streams: Vec<Recovered>,
    /// The streams that are damaged; if there is any, nothing was written.
    pub damaged: Vec<Damage>,
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
    let lock = JournalDir::lock_with(&args.dir, args.hot_dir.as_deref(), args.mirror.as_deref())?;
    let alone = [args.hot_dir.is_none(), args.mirror.is_none()];
    let mut repair = Repair { dir: args.dir.clone(), alone, done: false, streams: vec![], damaged: vec![] };
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
    Ok(repair)
}

/// The damage an error names; any other error is handed back.
fn damage(dir: &Path, stream: &'static str, error: JournalError) -> Result<Damage, JournalError> {
    let JournalError::Corrupt { segment, offset, seq_expected, .. } = error else { return Err(error) };
    let seq_last = seq_expected.and_then(|seq| next_readable(dir, stream, seq)).map(|seq| seq - 1);
    let message = error.to_string();
    Ok(Damage { stream, segment, offset, seq_first: seq_expected, seq_last, message })
}

/// What a search for a record comes to.
#[derive(PartialEq, Eq)]
enum Probe {
    Readable,
    Unreadable,
    /// The stream ends before.
    Beyond,
}

/// The first record above `seq` from which on the stream can be read again. The index leads only to the starts of
/// blocks and segments, so records before it may be intact too.
fn next_readable(dir: &Path, stream: &str, seq: u64) -> Option<u64> {
    let probe = |seq| {
        let found = Reader::open(dir, stream).and_then(|mut reader| {
            Ok(if reader.seek_seq(seq)? { reader.next()?.map(|frame| frame.seq) } else { None })
        });
        match found {
            Ok(Some(found)) if found == seq => Probe::Readable,
            Ok(_) => Probe::Beyond,
            Err(_) => Probe::Unreadable,
        }
    };
    // Up in doubled steps to where reading works or ends, then the boundary by halving.
    let (mut bad, mut step) = (seq, 1_u64);
    let mut good = loop {
        let at = bad.checked_add(step)?;
        match probe(at) {
            Probe::Readable => break at,
            Probe::Unreadable => (bad, step) = (at, step.checked_mul(2)?),
            // Too far: with smaller steps from here, as long as there are any.
            Probe::Beyond if step > 1 => step /= 2,
            Probe::Beyond => return None,
        }
    };
    while good - bad > 1 {
        let middle = bad + (good - bad) / 2;
        if probe(middle) == Probe::Readable { good = middle } else { bad = middle }
    }
    Some(good)
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
        let streams: Vec<Value> = self.streams.iter().map(stream_json).collect();
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
            rows.push((name, stream_text(found, self.done)));
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
        let [no_hot_dir, no_mirror] = self.alone;
        if no_hot_dir && !self.done && !self.nothing_to_do() {
            let note = "if the writer had a hot directory, name it with --hot-dir: what is only there is lost otherwise";
            rows.push(("note", note.to_owned()));
        }
        if no_mirror && !self.damaged.is_empty() {
            let note =
                "if the writer kept a mirror, name it with --mirror: the damage may be repaired from it";
            rows.push(("note", note.to_owned()));
        }
        format!("{}\n", card(&rows))
    }
}

fn is_sound(found: &Recovered) -> bool {
    found.was_closed && found.removed_segments == 0 && found.repaired.is_empty()
}

fn stream_json(found: &Recovered) -> Value {
    let torn = found.torn.map(|torn| {
        json!({
            "segment": torn.segment,
            "offset": torn.offset,
            "bytes": torn.bytes,
            "reason": torn.reason.map(|reason| reason.to_string()),
        })
    });
    json!({
        "stream": found.stream,
        "was_closed": found.was_closed,
        "segments": found.segments,
        "frames": found.frames_scanned,
        "seq_last": found.last.map(|last| last.seq),
        "torn": torn,
        "merged_frames": found.merged_frames,
        "merged_bytes": found.merged_bytes,
        "removed_segments": found.removed_segments,
        "repaired": found.repaired.iter().map(repaired_json).collect::<Vec<_>>(),
    })
}

fn repaired_json(repaired: &Repaired) -> Value {
    let Repaired { path, segment, offset, blocks } = repaired;
    json!({ "path": path, "segment": segment, "offset": offset, "blocks": blocks })
}

fn stream_text(found: &Recovered, done: bool) -> String {
    let last = found.last.map_or_else(|| "no record".to_owned(), |last| format!("up to seq {}", last.seq));
    let mut text = format!("{} frames verified, {last}", found.frames_scanned);
    if is_sound(found) {
        return text + ", closed in order";
    }
    for Repaired { path, segment, offset, blocks } in &found.repaired {
        let mended = if done { "repaired" } else { "to repair" };
        let path = path.display();
        text += &format!(
            "; {blocks} blocks {mended} from the other copy at segment {segment}, offset {offset} ({path})"
        );
    }
    if let Some(torn) = found.torn {
        let cut = if done { "were cut" } else { "would be cut" };
        let reason = torn.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        text += &format!(
            "; {} bytes of a torn tail at segment {}, offset {} {cut}{reason}",
            torn.bytes, torn.segment, torn.offset
        );
    }
    if found.merged_frames > 0 {
        let taken = if done { "taken over" } else { "to take over" };
        text += &format!("; {} frames {taken} from the hot directory", found.merged_frames);
    }
    if found.removed_segments > 0 {
        let removed = if done { "removed" } else { "to remove" };
        text += &format!("; {} segments made ahead {removed}", found.removed_segments);
    }
    if !found.was_closed {
        text += if done { "; sealed" } else { "; to be sealed" };
    }
    text
}
