//! Brings the sources of a run behind what was recorded of them.

use super::Restart;
use super::identity::refused;
use pitlane_engine::drive::recover::{RecoverCounts, Skip};
use pitlane_engine::event::{Event, FLAG_EXO, Kind};
use pitlane_engine::sequencer::source::{Head, Nothing, Source};
use pitlane_engine::sequencer::{SOURCE_OPERATOR, SOURCE_SEQUENCER};
use pitlane_engine::units::{Seq, TsNs};
use pitlane_store::{EventStream, INPUTS, Preamble, StoreError};
use std::path::Path;

/// The sources of a run, built as for a new one.
pub(super) struct Sources {
    /// Sessions, timers, scripted commands.
    pub schedule: Box<dyn Source>,
    /// Market data, or a recording.
    pub feed: Box<dyn Source>,
}

/// Sources of which the events up to the first session, or all that are recorded, were taken.
pub(super) struct Taken {
    sources: Sources,
    /// Inputs of the schedule among those that were taken.
    scheduled: u64,
    /// Whether all were.
    followed: bool,
    /// Whether the feed brings what comes and nothing twice.
    live: bool,
}

impl Sources {
    /// Holds the recorded inputs against what the sources bring: up to the first session, and all of them if the feed is
    /// a recording, whose own timers and commands cannot be told from others by their numbers. A history that is
    /// recorded need not be given again.
    ///
    /// # Errors
    /// At the first difference: another history, or another recording.
    pub(super) fn behind_preamble(mut self, dir: &Path, restart: &Restart) -> anyhow::Result<Taken> {
        // A recording is followed from its first input on, which retention may have removed: then it cannot be gone on with.
        let mut recorded = match restart.recorded_feed {
            true => Recorded::All(Box::new(EventStream::open(dir, INPUTS)?)),
            false => Recorded::Preamble(Preamble::open(dir)?),
        };
        let (mut scheduled, mut begun) = (0, false);
        while let Some(event) = recorded.try_next()? {
            if event.header.flags & FLAG_EXO == 0 {
                continue;
            }
            let of_schedule = takes(&mut *self.schedule, &event);
            let known = of_schedule
                || !restart.live_feed && takes(&mut *self.feed, &event)
                || (!begun && event.kind() == Kind::Bar && !brings(&mut *self.schedule, Kind::Bar))
                || (begun && matches!(event.header.source, SOURCE_OPERATOR | SOURCE_SEQUENCER));
            if !known {
                return Err(differs(dir, &event, begun));
            }
            scheduled += 1;
            begun |= event.kind() == Kind::SessionStart;
            if begun && !restart.recorded_feed {
                break;
            }
        }
        Ok(Taken { sources: self, scheduled, followed: restart.recorded_feed, live: restart.live_feed })
    }
}

fn differs(dir: &Path, event: &Event, begun: bool) -> anyhow::Error {
    let what = match (event.kind(), begun) {
        (Kind::Bar, _) => "from another history; leave --warmup out: the journal has it".to_owned(),
        (Kind::SessionStart, _) => "of another session: its date, hours or hashes differ".to_owned(),
        (Kind::ConfigText, _) => "of another configuration".to_owned(),
        (Kind::Instrument, _) => "of other instruments".to_owned(),
        (kind, _) => format!("of another recording: its input {} is {}", event.header.seq.0, kind.name()),
    };
    refused(dir, &what)
}

/// What the sources are held against.
enum Recorded {
    All(Box<EventStream>),
    Preamble(Preamble),
}

impl Recorded {
    fn try_next(&mut self) -> Result<Option<Event>, StoreError> {
        match self {
            Self::All(stream) => stream.try_next(),
            Self::Preamble(preamble) => preamble.try_next(),
        }
    }
}

/// Whether the source's next event is the recorded one; it is then taken.
fn takes(source: &mut dyn Source, recorded: &Event) -> bool {
    let taken = source.poll() == Head::Ready && plain(source.head()) == plain(recorded);
    if taken {
        source.advance();
    }
    taken
}

fn brings(source: &mut dyn Source, kind: Kind) -> bool {
    source.poll() == Head::Ready && source.head().kind() == kind
}

/// The bytes of an event without its place in the order, which is the sequencer's.
fn plain(event: &Event) -> Vec<u8> {
    let mut event = *event;
    (event.header.seq, event.header.ts, event.header.index) = (Seq::ZERO, TsNs::ZERO, 0);
    event.used_bytes().to_vec()
}

impl Taken {
    /// Whether nothing comes any more after an input that ended a session: a recording may have another one, a synthetic
    /// market has not.
    pub(super) fn is_over(&mut self) -> bool {
        let Sources { schedule, feed } = &mut self.sources;
        !self.followed
            || !(brings(&mut **schedule, Kind::SessionStart) || brings(&mut **feed, Kind::SessionStart))
    }

    /// The sources behind `counts` inputs.
    pub(super) fn behind(self, counts: RecoverCounts) -> Sources {
        let Sources { schedule, feed } = self.sources;
        if self.followed {
            return Sources { schedule, feed };
        }
        let schedule = Box::new(Skip::new(schedule, counts.scheduled - self.scheduled));
        // What a live feed brought is past; what it brings now is new.
        let feed = if self.live { feed } else { Box::new(Skip::new(feed, counts.fed)) };
        Sources { schedule, feed }
    }
}

impl Sources {
    /// What is left of a run whose last session has ended.
    pub(super) fn over() -> Self {
        Self { schedule: Box::new(Nothing), feed: Box::new(Nothing) }
    }
}
