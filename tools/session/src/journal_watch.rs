//! Watches how far the disk is behind the journal of a running pipeline, and how full it is: tells people, then stops
//! entries, then closes what is open. Only in runs that keep a pace, and above level D0: a run at full speed waits for its
//! journal instead, and at D0 nobody asked for the disk.

use crate::event_log::Notice;
use crate::live::say::say;
use pitlane_config::{DurabilityLevel, JournalSettings, LagLimits};
use pitlane_engine::event::{CommandCode, Event};
use pitlane_engine::sequencer::schedule::command_event;
use pitlane_engine::units::TsNs;
use pitlane_journal::{Durability, Durable, Space};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;

/// How soon the journal of a run is on the disk, where it is mapped, and how far the disk may be behind.
#[derive(Clone, Debug, Default)]
pub struct DurabilityPlan {
    /// How soon a record is on the disk.
    pub level: Durability,
    /// Where the journal is mapped before it is copied; `None` = in its own directory.
    pub hot_dir: Option<PathBuf>,
    /// How far the disk may be behind when the run keeps a pace.
    pub limits: LagLimits,
}

impl DurabilityPlan {
    /// What `settings` ask for. Without a level of their own it is D0: synthetic and recorded days can be run again, and
    /// what a run does may depend on its disk only where that was asked for.
    pub fn of(settings: &JournalSettings) -> Self {
        let level = match settings.level {
            Some(DurabilityLevel::D0) => Durability::D0,
            Some(DurabilityLevel::D1) => Durability::D1,
            Some(DurabilityLevel::D2) => Durability::D2,
            None => Durability::D0,
        };
        Self { level, hot_dir: settings.hot_dir.clone(), limits: settings.lag }
    }
}

/// The name of a level in files and summaries.
pub fn level_name(level: Durability) -> &'static str {
    match level {
        Durability::D0 => DurabilityLevel::D0,
        Durability::D1 => DurabilityLevel::D1,
        Durability::D2 => DurabilityLevel::D2,
    }
    .name()
}

/// A stream of a running journal by its name.
pub type Stream = (&'static str, Durable);

/// How the journal of a finished run became durable; `durability` in its summary.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DurabilitySummary {
    /// `D0`, `D1` or `D2`.
    pub level: &'static str,
    /// 2 if the journal was mapped in memory and copied, else 1.
    pub tiers: u8,
    /// The last input that a power failure cannot take away; at D0 only sealed and synced segments count.
    pub durable_seq: u64,
    /// The longest that the disk was seen behind, in milliseconds; `null` if nobody looked, as at full speed and at D0.
    pub lag_max_ms: Option<f64>,
}

impl DurabilitySummary {
    /// A line for people.
    pub fn line(&self) -> String {
        let tiers = if self.tiers == 2 { "two tiers" } else { "one tier" };
        let lag = self.lag_max_ms.map_or_else(String::new, |ms| format!(", disk at most {ms} ms behind"));
        format!("{}, {tiers}, inputs durable to {}{lag}", self.level, self.durable_seq)
    }
}

/// What a limit asks for, least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Demand {
    /// Nothing.
    #[default]
    None,
    /// That people know.
    Warn,
    /// That nothing is opened.
    Reduce,
    /// That every position is closed.
    Halt,
}

impl Demand {
    const fn name(self) -> &'static str {
        match self {
            Self::None => "ok",
            Self::Warn => "warn",
            Self::Reduce => "reduce",
            Self::Halt => "halt",
        }
    }

    const fn of_space(space: Space) -> Self {
        match space {
            Space::Enough => Self::None,
            Space::Warn => Self::Warn,
            Space::Reduce => Self::Reduce,
            Space::Halt => Self::Halt,
        }
    }

    /// The demand of a lag. One that was told of is over below half of the warning's limit, so that a lag about the limit
    /// does not tell of itself all the time.
    const fn of_lag(lag_ns: u64, limits: &LagLimits, before: Self) -> Self {
        if lag_ns >= limits.halt_ns {
            Self::Halt
        } else if lag_ns >= limits.reduce_ns {
            Self::Reduce
        } else if lag_ns >= limits.warn_ns || lag_ns > limits.warn_ns / 2 && !matches!(before, Self::None) {
            Self::Warn
        } else {
            Self::None
        }
    }
}

/// What is seen of a stream at one moment.
#[derive(Clone, Debug)]
struct Sight {
    stream: &'static str,
    lag_ns: u64,
    space: Space,
    failed: Option<String>,
}

impl Sight {
    fn of((stream, durable): &Stream) -> Self {
        let failed = durable.failed().map(|error| error.to_string());
        Self { stream, lag_ns: durable.lag_ns(), space: durable.space(), failed }
    }
}

/// What was demanded of a stream when it was last looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    lag: Demand,
    space: Demand,
    failed: bool,
}

/// A change that people are told of.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    event: &'static str,
    stream: &'static str,
    state: &'static str,
    text: String,
}

/// Compares what is seen with the limits. Knows no clock, thread or journal.
#[derive(Debug)]
struct Judge {
    limits: LagLimits,
    told: Vec<Told>,
    /// The most that was handed to the pipeline, and not cleared by a resume since.
    handed: Demand,
}

impl Judge {
    fn new(limits: LagLimits, streams: usize) -> Self {
        Self { limits, told: vec![Told::default(); streams], handed: Demand::None }
    }

    /// The changes since the last look, and the worst demand with its reason.
    fn look(&mut self, sights: &[Sight]) -> (Vec<Change>, Demand, String) {
        let (mut changes, mut worst, mut why) = (Vec::new(), Demand::None, String::new());
        for (told, sight) in self.told.iter_mut().zip(sights) {
            let stream = sight.stream;
            let lag = Demand::of_lag(sight.lag_ns, &self.limits, told.lag);
            let space = Demand::of_space(sight.space);
            let lag_text = format!("journal lag {} of the {stream}", show(sight.lag_ns));
            let space_text = format!("disk of the {stream} {}", show_space(sight.space));
            let mut note = |event, before: &mut Demand, now: Demand, text: &str| {
                if std::mem::replace(before, now) != now {
                    changes.push(Change { event, stream, state: now.name(), text: text.to_owned() });
                }
                if now > worst {
                    (worst, why) = (now, text.to_owned());
                }
            };
            note("journal_lag", &mut told.lag, lag, &lag_text);
            note("journal_space", &mut told.space, space, &space_text);
            if let Some(error) = &sight.failed {
                let text = format!("journal stream {stream} failed: {error}");
                if !std::mem::replace(&mut told.failed, true) {
                    let event = "journal_failed";
                    changes.push(Change { event, stream, state: Demand::Halt.name(), text: text.clone() });
                }
                (worst, why) = (Demand::Halt, text);
            }
        }
        (changes, worst, why)
    }

    /// The command that a demand needs, unless it was handed over before.
    fn command(&self, worst: Demand) -> Option<CommandCode> {
        match worst {
            Demand::Reduce if worst > self.handed => Some(CommandCode::ReduceOnly),
            Demand::Halt if worst > self.handed => Some(CommandCode::Flatten),
            _ => None,
        }
    }
}

fn show(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{} us", ns / 1_000),
        _ => format!("{} ms", ns / 1_000_000),
    }
}

const fn show_space(space: Space) -> &'static str {
    match space {
        Space::Enough => "has space again",
        Space::Warn => "is 80% full",
        Space::Reduce => "is 90% full",
        Space::Halt => "is 95% full",
    }
}

/// Looks at the streams of a running journal, and hands over what their state demands.
pub struct JournalWatch {
    streams: Vec<Stream>,
    judge: Judge,
    notices: Option<Sender<Notice>>,
    lag_max_ns: Arc<AtomicU64>,
}

impl JournalWatch {
    /// A watch on `streams`; what it tells people goes to stderr and, if there is one, to the event log.
    pub fn new(streams: Vec<Stream>, limits: LagLimits, notices: Option<Sender<Notice>>) -> Self {
        let judge = Judge::new(limits, streams.len());
        Self { streams, judge, notices, lag_max_ns: Arc::default() }
    }

    /// The longest lag seen so far, in nanoseconds; goes on while the watch does.
    pub fn lag_max_ns(&self) -> Arc<AtomicU64> {
        self.lag_max_ns.clone()
    }

    /// Looks once, when the run has come to `reached`.
    pub fn poll(&mut self, reached: TsNs, commands: &mut rtrb::Producer<Event>) {
        let sights: Vec<Sight> = self.streams.iter().map(Sight::of).collect();
        let lag_ns = sights.iter().map(|sight| sight.lag_ns).max().unwrap_or(0);
        // Relaxed: a figure.
        self.lag_max_ns.fetch_max(lag_ns, Ordering::Relaxed);
        let (changes, worst, why) = self.judge.look(&sights);
        for change in changes {
            self.tell(reached, change);
        }
        let Some(code) = self.judge.command(worst) else { return };
        // A full ring means that the sequencer is busy: the demand stands, and is seen again.
        if commands.push(command_event(code, &why)).is_ok() {
            self.judge.handed = worst;
            let what = match code {
                CommandCode::Flatten => "a flatten is sent",
                _ => "nothing is opened any more (reduce_only)",
            };
            say(format!("warning: {why}: {what}; `engine resume` clears it when the cause is gone"));
        }
    }

    /// An operator has cleared the latches: what is still demanded is handed over again.
    pub fn resumed(&mut self) {
        self.judge.handed = Demand::None;
    }

    fn tell(&self, reached: TsNs, change: Change) {
        let Change { event, stream, state, text } = change;
        let word = if state == Demand::None.name() { "note" } else { "warning" };
        say(format!("{word}: {text} ({state})"));
        let seq = self.streams.first().map_or(0, |(_, inputs)| inputs.committed_seq());
        let notice = Notice { ts: reached, seq, event, stream, state, text };
        // The event log may have ended with an error of its own, which is told of at the end.
        drop(self.notices.as_ref().map(|notices| notices.send(notice)));
    }
}

#[cfg(test)]
mod tests;
