//! Which segments of a stream go, and what holds the others.

use pitlane_journal::{LeaseInfo, Reader};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// A segment, by what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its index.
    pub segment: u64,
    /// First and last record; `None` for one that a crash left without any.
    pub seqs: Option<(u64, u64)>,
    /// Length of its file.
    pub bytes: u64,
}

/// What holds a segment, the first of these that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It is among the newest, which were asked to stay.
    Kept,
    /// A restart may begin at the snapshot at this place, and needs what comes behind it.
    Snapshot(u64),
    /// There is no good snapshot: a restart begins at the start.
    NoSnapshot,
    /// A reader has not consumed it.
    Lease {
        /// The lease.
        name: String,
        /// What it has consumed; `None` if its file is damaged.
        consumed: Option<u64>,
    },
}

/// A segment that stays, with what holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The segment.
    pub span: Span,
    /// Why; `None` = only because an older one stays.
    pub hold: Option<Hold>,
}

/// What is done with a stream.
#[derive(Debug)]
pub struct StreamPlan {
    /// The stream.
    pub stream: &'static str,
    /// The segments that go, the oldest first.
    pub goes: Vec<Span>,
    /// Those that stay.
    pub stays: Vec<Held>,
    /// How many of the newest stay in any case.
    pub(super) keep: u64,
    /// The last record that a restart does not need; `None` if it needs all.
    pub(super) needed: Option<u64>,
}

impl StreamPlan {
    /// Decides as the journal does: the oldest go, up to the first that something holds.
    pub(super) fn make(
        stream: &'static str,
        spans: Vec<Span>,
        keep: u64,
        needed: Option<u64>,
        leases: &[LeaseInfo],
    ) -> Self {
        let may_go = spans.len().saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX));
        let mut plan = Self { stream, goes: Vec::new(), stays: Vec::new(), keep, needed };
        for (at, span) in spans.into_iter().enumerate() {
            let last = span.seqs.map_or(0, |(_, last)| last);
            let lease = || leases.iter().find(|lease| lease.consumed.is_none_or(|consumed| consumed < last));
            let hold = match (needed, lease()) {
                _ if at >= may_go => Some(Hold::Kept),
                (None, _) => Some(Hold::NoSnapshot),
                (Some(needed), _) if last > needed => Some(Hold::Snapshot(needed)),
                (_, Some(lease)) => Some(Hold::Lease { name: lease.name.clone(), consumed: lease.consumed }),
                _ => None,
            };
            if hold.is_none() && plan.stays.is_empty() {
                plan.goes.push(span);
            } else {
                plan.stays.push(Held { span, hold });
            }
        }
        plan
    }

    pub(super) fn json(&self) -> Value {
        let span = |span: &Span| {
            let (first, last) = span.seqs.unzip();
            json!({ "segment": span.segment, "seq_first": first, "seq_last": last, "bytes": span.bytes })
        };
        let held = |held: &Held| {
            let mut value = span(&held.span);
            let (by, name) = match &held.hold {
                Some(Hold::Kept) => ("keep", None),
                Some(Hold::Snapshot(_)) => ("snapshot", None),
                Some(Hold::NoSnapshot) => ("no_snapshot", None),
                Some(Hold::Lease { name, .. }) => ("lease", Some(name)),
                None => ("older_segment", None),
            };
            value["held_by"] = by.into();
            value["lease"] = name.cloned().into();
            value
        };
        json!({
            "stream": self.stream,
            "removed": self.goes.iter().map(span).collect::<Vec<_>>(),
            "removed_bytes": self.goes.iter().map(|span| span.bytes).sum::<u64>(),
            "kept": self.stays.iter().map(held).collect::<Vec<_>>(),
        })
    }

    /// Rows of a card: neighbours with the same fate as one.
    pub(super) fn rows(&self, dry_run: bool) -> Vec<(&'static str, String)> {
        let mut rows = Vec::new();
        if !self.goes.is_empty() {
            let spans: Vec<&Span> = self.goes.iter().collect();
            let goes = if dry_run { "would go" } else { "removed" };
            rows.push((self.stream, format!("{} {goes}", show(&spans))));
        }
        for group in self.stays.chunk_by(|a, b| a.hold == b.hold) {
            let spans: Vec<&Span> = group.iter().map(|held| &held.span).collect();
            let why = match &group[0].hold {
                Some(Hold::Kept) => format!("among the newest {}", self.keep),
                Some(Hold::Snapshot(last)) => format!("a restart needs what comes behind seq {last}"),
                Some(Hold::NoSnapshot) => "a restart begins at the start".to_owned(),
                Some(Hold::Lease { name, consumed: Some(consumed) }) => {
                    let archive = if name.starts_with("archive") { ": not archived yet" } else { "" };
                    format!("lease {name} has consumed up to seq {consumed} only{archive}")
                }
                Some(Hold::Lease { name, consumed: None }) => {
                    format!("lease {name} is damaged; remove its file if its reader starts anew")
                }
                None => "an older one stays".to_owned(),
            };
            rows.push((self.stream, format!("{} stays: {why}", show(&spans))));
        }
        rows
    }
}

fn show(spans: &[&Span]) -> String {
    let (first, last) = (spans[0].segment, spans[spans.len() - 1].segment);
    let segments =
        if first == last { format!("segment {first}") } else { format!("segments {first} to {last}") };
    let mut seqs = spans.iter().filter_map(|span| span.seqs);
    let seqs = match (seqs.next(), seqs.next_back()) {
        (Some((first, last)), None) => format!("seq {first} to {last}"),
        (Some((first, _)), Some((_, last))) => format!("seq {first} to {last}"),
        (None, _) => "no records".to_owned(),
    };
    let mib = spans.iter().map(|span| span.bytes).sum::<u64>() as f64 / f64::from(1 << 20);
    format!("{segments} ({seqs}, {mib:.1} MiB)")
}

/// The segments of a stream, the oldest first. Every record is read and verified.
pub(super) fn spans(dir: &Path, stream: &str) -> anyhow::Result<Vec<Span>> {
    let mut reader = Reader::open_kept(dir, stream)?;
    let first = reader.segment();
    let mut found: Vec<Span> = Vec::new();
    for entry in fs::read_dir(dir.join(stream))? {
        let entry = entry?;
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "lxj") {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let segment = stem.and_then(|stem| u64::from_str_radix(stem, 16).ok()).filter(|at| *at >= first);
            let bytes = entry.metadata()?.len();
            found.extend(segment.map(|segment| Span { segment, seqs: None, bytes }));
        }
    }
    found.sort_by_key(|span| span.segment);
    let mut at = 0;
    while let Some(frame) = reader.next()? {
        at += found[at..].iter().position(|span| span.segment == frame.segment).unwrap_or(0);
        let seqs = &mut found[at].seqs;
        *seqs = Some((seqs.map_or(frame.seq, |(first, _)| first), frame.seq));
    }
    Ok(found)
}
