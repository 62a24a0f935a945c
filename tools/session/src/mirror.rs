//! Makes a second copy of a closed journal, or brings one up to date: damage of either copy can then be repaired from the
//! other.

#[cfg(test)]
mod tests;

use crate::exit::{data, usage};
use crate::summary::card;
use anyhow::Context;
use clap::Args;
use pitlane_journal::{JournalDir, Recovered, examine, recover_full};
use pitlane_store::{INPUTS, OUTPUTS, has_stream};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// `journal-replay mirror`.
#[derive(Args, Debug, Default)]
pub struct MirrorArgs {
    /// The journal; it must have been closed in order, and is not changed but for its epoch
    pub dir: PathBuf,
    /// The directory of the second copy, preferably on another disk; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Print one JSON object (journal-mirror/1) on stdout
    #[arg(long)]
    pub json: bool,
}

/// What was done.
#[derive(Debug)]
pub struct Mirrored {
    dir: PathBuf,
    to: PathBuf,
    /// The streams, and the bytes of their segments.
    streams: Vec<(Recovered, u64)>,
}

/// Makes the directory `args.to` what the journal at `args.dir` is: every frame of the journal is verified, and every byte
/// of the copy compared with it.
///
/// # Errors
/// If there is no journal, it is in use, was not closed, is damaged, or the copy is of another journal; nothing was written
/// then. If a file cannot be read or written.
pub fn mirror(args: &MirrorArgs) -> anyhow::Result<Mirrored> {
    let MirrorArgs { dir, to, .. } = args;
    let (shown, copy) = (dir.display(), to.display());
    let streams: Vec<&'static str> =
        [INPUTS, OUTPUTS].into_iter().filter(|stream| has_stream(dir, stream)).collect();
    if streams.is_empty() {
        return Err(data(format!(
            "no journal at {shown}: it has neither inputs nor outputs; name the directory a run or import wrote"
        )));
    }
    let absolute = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    let (own, other) = (absolute(dir)?, absolute(to)?);
    if own.starts_with(&other) || other.starts_with(&own) {
        return Err(usage(format!(
            "--to {copy}: the copy must not be the journal {shown}, or in it, or around it"
        )));
    }
    // First the journal alone: nothing of a copy is made for one that is not sound.
    let journal = JournalDir::lock(dir)?;
    for stream in &streams {
        let found = examine(&journal, stream).with_context(|| {
            format!("cannot copy the journal {shown}; if {copy} is a copy of it already, `journal-replay repair {shown} --mirror {copy}`")
        })?;
        if !found.was_closed || found.removed_segments > 0 {
            return Err(data(format!(
                "journal {shown}: {stream} were not closed in order, and only what is closed is copied; let the engine go \
                 on with it to its end, or `journal-replay repair {shown} --yes`"
            )));
        }
    }
    drop(journal);
    let journal = JournalDir::lock_with(dir, None, Some(to))?;
    let mut done = Mirrored { dir: dir.clone(), to: to.clone(), streams: Vec::new() };
    for stream in streams {
        let found = recover_full(&journal, stream)?;
        let bytes =
            copy_retained(dir, to, stream).with_context(|| format!("cannot finish the copy {copy}"))?;
        done.streams.push((found, bytes));
    }
    Ok(done)
}

/// Copies what is known of segments that retention removed, without which the copy alone could not be read; gives the
/// bytes of the copy's segments.
fn copy_retained(dir: &Path, to: &Path, stream: &str) -> std::io::Result<u64> {
    const RETAINED: &str = "RETAINED";
    let (from, folder) = (dir.join(stream).join(RETAINED), to.join(stream));
    if from.is_file() {
        let new = folder.join("RETAINED.new");
        fs::copy(from, &new)?;
        File::open(&new)?.sync_all()?;
        fs::rename(new, folder.join(RETAINED))?;
        File::open(&folder)?.sync_all()?;
    }
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "lxj") {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}

impl Mirrored {
    /// The object `journal-mirror/1`.
    pub fn json(&self) -> Value {
        let stream = |(found, bytes): &(Recovered, u64)| {
            json!({
                "stream": found.stream,
                "segments": found.segments,
                "segment_bytes": bytes,
                "frames": found.frames_scanned,
                "seq_last": found.last.map(|last| last.seq),
                "repaired": found.repaired.iter().map(|repaired| json!({
                    "path": repaired.path,
                    "segment": repaired.segment,
                    "offset": repaired.offset,
                    "blocks": repaired.blocks,
                })).collect::<Vec<_>>(),
            })
        };
        json!({
            "schema": "journal-mirror/1",
            "journal": self.dir,
            "mirror": self.to,
            "streams": self.streams.iter().map(stream).collect::<Vec<_>>(),
        })
    }

    /// The same for people.
    pub fn render(&self) -> String {
        let mut rows =
            vec![("journal", self.dir.display().to_string()), ("mirror", self.to.display().to_string())];
        for (found, bytes) in &self.streams {
            let last =
                found.last.map_or_else(|| "no record".to_owned(), |last| format!("up to seq {}", last.seq));
            let name = if found.stream == INPUTS { INPUTS } else { OUTPUTS };
            let mib = *bytes as f64 / f64::from(1 << 20);
            let mut text = format!(
                "{} frames verified, {last}; {} segments, {mib:.1} MiB",
                found.frames_scanned, found.segments
            );
            for repaired in &found.repaired {
                text += &format!(
                    "; the copy was damaged at segment {}, offset {}: {} blocks repaired",
                    repaired.segment, repaired.offset, repaired.blocks
                );
            }
            rows.push((name, text));
        }
        rows.push(("result", "both copies are the same".to_owned()));
        format!("{}\n", card(&rows))
    }
}
