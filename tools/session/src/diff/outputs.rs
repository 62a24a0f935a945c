//! Outputs of two runs, matched by what caused them and what they are about.

use super::causes::Cause;
use super::{Changed, Run, fields_changed, note_end, stage};
use crate::dump::write_line;
use crate::recorded::Recording;
use pitlane_engine::event::{Event, Kind, StageId};
use pitlane_engine::units::TsNs;
use pitlane_store::{EventStream, OUTPUTS};
use std::collections::{BTreeMap, VecDeque};

/// One output that only one run has, or that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Time of the input that caused it.
    pub ts: TsNs,
    /// What it is.
    pub kind: Kind,
    /// The stage that made it.
    pub stage: StageId,
    /// The inputs that caused it, and its numbers in their steps; `None` = the run has no such output.
    pub place: [Option<(u64, u32)>; 2],
    /// The fields that differ; none for an output that only one run has.
    pub fields: Vec<Changed>,
    /// The output as `dump` shows it, of the first run if it has it.
    pub line: String,
    /// Why it differs.
    pub cause: Cause,
}

impl Difference {
    /// Its column in the counts: 1 differs, 2 only the first run, 3 only the second run has it.
    pub(super) fn column(&self) -> usize {
        match self.place {
            [Some(_), Some(_)] => 1,
            [Some(_), None] => 2,
            _ => 3,
        }
    }
}

/// What a comparison comes to for one output, or a pair of them.
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) difference: Option<Difference>,
}

/// The outputs of a run, one by one.
pub(super) struct Outputs {
    source: Source,
    head: Option<Event>,
}

enum Source {
    Recorded(Box<EventStream>),
    /// Made anew, because none were recorded.
    Made(VecDeque<Event>),
}

/// State hashes are left out: they are of everything a stage knows, and the settings are part of that.
fn is_compared(event: &Event) -> bool {
    event.kind() != Kind::StateHash
}

impl Outputs {
    pub(super) fn open(recording: &Recording) -> anyhow::Result<Self> {
        let source = if recording.has_outputs {
            Source::Recorded(Box::new(EventStream::open(&recording.dir, OUTPUTS)?))
        } else {
            let mut made = VecDeque::new();
            recording.each_output(&mut |event| {
                if is_compared(event) {
                    made.push_back(*event);
                }
            })?;
            Source::Made(made)
        };
        let mut outputs = Self { source, head: None };
        outputs.advance()?;
        Ok(outputs)
    }

    fn advance(&mut self) -> anyhow::Result<()> {
        self.head = match &mut self.source {
            Source::Made(made) => made.pop_front(),
            Source::Recorded(stream) => loop {
                match stream.try_next()? {
                    Some(event) if !is_compared(&event) => {}
                    other => break other,
                }
            },
        };
        Ok(())
    }

    /// All outputs of the inputs at `ts`.
    fn take(&mut self, ts: TsNs) -> anyhow::Result<Vec<Event>> {
        let mut taken = Vec::new();
        while let Some(event) = self.head.filter(|event| event.header.ts == ts) {
            taken.push(event);
            self.advance()?;
        }
        Ok(taken)
    }

    pub(super) fn note(&self, letter: char, notes: &mut Vec<String>) {
        match &self.source {
            Source::Recorded(stream) => note_end(stream, letter, OUTPUTS, notes),
            Source::Made(_) => {
                notes.push(format!("{letter}: no outputs were recorded; they were recomputed"))
            }
        }
    }
}

/// Hands every output to `enter` with its run, each run's in its own order, and to `each`, pairs together, in the order of time.
pub(super) fn compare_outputs(
    runs: &[Run; 2],
    sides: &mut [Outputs; 2],
    enter: &mut dyn FnMut(usize, &Event),
    each: &mut dyn FnMut(Found),
) -> anyhow::Result<()> {
    let [side_a, side_b] = sides;
    while let Some(ts) = [&side_a.head, &side_b.head].into_iter().flatten().map(|head| head.header.ts).min() {
        let taken = [side_a.take(ts)?, side_b.take(ts)?];
        for (run, events) in taken.iter().enumerate() {
            events.iter().for_each(|event| enter(run, event));
        }
        compare_at(runs, &taken, each);
    }
    Ok(())
}

fn compare_at(runs: &[Run; 2], taken: &[Vec<Event>; 2], each: &mut dyn FnMut(Found)) {
    let mut in_b: BTreeMap<Key, usize> = keys(&runs[1], &taken[1]).into_iter().zip(0..).collect();
    // Place in the step first, so that what came first is named first.
    let mut pairs = Vec::with_capacity(taken[0].len());
    for (event, key) in taken[0].iter().zip(keys(&runs[0], &taken[0])) {
        pairs.push((Some(event), in_b.remove(&key).map(|at| &taken[1][at])));
    }
    pairs.extend(in_b.into_values().map(|at| (None, Some(&taken[1][at]))));
    pairs.sort_by_key(|(a, b)| a.or(*b).map(|event| (event.header.seq, event.header.index)));
    for (a, b) in pairs {
        let Some(one) = a.or(b) else { continue };
        let difference = match (a, b) {
            (Some(a), Some(b)) => {
                let fields = fields_changed(runs, a, b);
                if fields.is_empty() { None } else { difference(runs, [Some(a), Some(b)], fields) }
            }
            _ => difference(runs, [a, b], Vec::new()),
        };
        each(Found { kind: one.kind(), difference });
    }
}

fn difference(runs: &[Run; 2], pair: [Option<&Event>; 2], fields: Vec<Changed>) -> Option<Difference> {
    let at = pair.iter().position(Option::is_some)?;
    let one = pair[at]?;
    let place = pair.map(|event| event.map(|event| (event.header.seq.0, event.header.index)));
    let mut line = Vec::new();
    // Writing to memory cannot fail.
    drop(write_line(&mut line, one, OUTPUTS, &runs[at].names, false));
    let line = String::from_utf8_lossy(&line).trim_end().to_owned();
    Some(Difference {
        ts: one.header.ts,
        kind: one.kind(),
        stage: stage(one),
        place,
        fields,
        line,
        cause: Cause::Unexplained,
    })
}

/// What must be the same for two outputs of one time to be one decision: kind, instrument, strategy or period, and which
/// of those. With the strategy in it, one more strategy in a run does not move the others'.
type Key = (u8, String, String, usize);

/// The keys of the outputs of one time.
fn keys(run: &Run, events: &[Event]) -> Vec<Key> {
    let mut seen: BTreeMap<(u8, String, String), usize> = BTreeMap::new();
    let mut found = Vec::with_capacity(events.len());
    for event in events {
        let who = event.kind().fields().iter().find(|field| matches!(field.name, "strategy" | "timeframe"));
        let who = who.map(|field| run.value(event, field).to_string()).unwrap_or_default();
        let instrument = run.instrument(event).unwrap_or_default().to_owned();
        let number = seen.entry((event.header.kind, instrument.clone(), who.clone())).or_insert(0);
        found.push((event.header.kind, instrument, who, *number));
        *number += 1;
    }
    found
}
