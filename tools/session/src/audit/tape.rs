//! Runs of a recorded day, as far as a cut and from a given history, and what the strategies said in them.

use crate::recorded::Recording;
use pitlane_config::Settings;
use pitlane_engine::config::{PipelineConfig, SessionPlan};
use pitlane_engine::drive::fused::Fused;
use pitlane_engine::drive::sink::Sink;
use pitlane_engine::drive::{Resumed, Run, Stages};
use pitlane_engine::event::{Action, Bar, Event, Kind, SessionStart, Signal, SignalReason, Timeframe};
use pitlane_engine::hash::StateHasher;
use pitlane_engine::log::{EventLog, NoLog};
use pitlane_engine::sequencer::schedule::{Schedule, instruments_hash};
use pitlane_engine::sequencer::source::{Head, Recorded, Rewrite, Source};
use pitlane_engine::sequencer::{Release, SequencerState};
use pitlane_engine::stages::bars::Bars;
use pitlane_engine::stages::risk::Risk;
use pitlane_engine::stages::strategy::{Strategies, StrategyKind};
use pitlane_engine::stages::venue::Venue;
use pitlane_engine::units::{InstrumentId, TsNs};
use pitlane_store::{EventStream, INPUTS};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// A signal, and the input from outside that it answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    /// Its place among the inputs from outside, from 1: the same in every run of the day.
    pub(super) fed: u64,
    /// The number that input was recorded with.
    pub(super) seq: u64,
    /// The number it has in the run.
    pub(super) run_seq: u64,
    /// Its time.
    pub(super) ts: TsNs,
    /// What it is about.
    pub(super) instrument: InstrumentId,
    /// What was said; its id is zero, because it counts what others said too.
    pub(super) signal: Signal,
}

impl Word {
    pub(super) fn action(&self) -> Action {
        Action::from_u8(self.signal.action).expect("the stage writes codes that are known")
    }

    pub(super) fn reason(&self) -> SignalReason {
        SignalReason::from_u8(self.signal.reason).expect("the stage writes codes that are known")
    }

    /// Whether whoever says it has seen what it needs of the past.
    pub(super) fn is_ready(&self) -> bool {
        use SignalReason::{IndicatorsNotReady, LtpMissing, SessionClosed, VwapMissing};
        ![IndicatorsNotReady, LtpMissing, SessionClosed, VwapMissing].contains(&self.reason())
    }
}

/// Where a day is cut off: behind this many inputs from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Inputs from outside, the recorded history not counted.
    pub(super) fed: u64,
    /// The run's own number of the last input that belongs to the day before the cut.
    pub(super) last_seq: u64,
    /// The time of that input.
    pub(super) ts: TsNs,
}

/// What was heard of a run.
#[derive(Default)]
pub(super) struct Heard {
    /// All signals, in their order.
    pub(super) words: Vec<Word>,
    /// Cuts at the times that were asked for.
    pub(super) at_times: Vec<Cut>,
    /// The end of it.
    pub(super) end: Option<Cut>,
    /// A hash of all outputs up to each of the seqs that were asked for.
    pub(super) hashes: Vec<u128>,
    /// The one-minute bars of the first session.
    pub(super) minutes: Vec<(InstrumentId, Bar)>,
}

/// What to do and to listen for in a run.
#[derive(Clone, Copy, Default)]
pub(super) struct Task<'a> {
    /// Bars of days before.
    pub(super) history: &'a [Event],
    /// Inputs from outside to feed; 0 = all.
    pub(super) feed: u64,
    /// Times of cuts to be found, ascending.
    pub(super) times: &'a [TsNs],
    /// Seqs up to which outputs are hashed, ascending.
    pub(super) seqs: &'a [u64],
    /// Whether to keep the minutes.
    pub(super) minutes: bool,
}

/// A recorded day, to be run as often as needed.
pub(super) struct Tape<'a> {
    pub(super) recording: &'a Recording,
    pub(super) text: &'a str,
    pub(super) pipeline: &'a PipelineConfig,
    pub(super) kinds: &'static [StrategyKind],
    pub(super) plan: &'a SessionPlan,
}

impl Tape<'_> {
    /// Runs the day.
    ///
    /// # Errors
    /// If the inputs are damaged, or a strategy cannot be built.
    pub(super) fn run(&self, task: Task<'_>, progress: &mut dyn FnMut(u64)) -> anyhow::Result<Heard> {
        let config = self.pipeline;
        let stream = EventStream::open(&self.recording.dir, INPUTS)?;
        let end = stream.end();
        let rewrite = Rewrite {
            config_hash: Settings::hash(self.text),
            instruments_hash: instruments_hash(&config.instruments),
        };
        let fed = Arc::new(Fed::default());
        let ears = Ears {
            ear: Arc::new(Mutex::new(Ear {
                heard: Heard { at_times: vec![NOWHERE; task.times.len()], ..Heard::default() },
                hasher: StateHasher::new(0),
                times: task.times.to_vec(),
                seqs: task.seqs.to_vec(),
                minutes: task.minutes.then_some(self.plan.times.date),
                session: 0,
                at_end: false,
            })),
            fed: Arc::clone(&fed),
        };
        let start = self.recording.head.first_session.pre_open;
        let stages = Stages {
            bars: Bars::new(&config.instruments, &config.bars),
            strategy: Strategies::with_kinds(config, self.kinds)?,
            risk: Risk::new(config),
            matcher: Venue::new(config),
        };
        let sink = Sink::new(NoLog, config);
        let limit = if task.feed == 0 { u64::MAX } else { task.feed };
        let mut fused = Fused::new(Run {
            resume: Some(Box::new(Resumed { stages, sequencer: SequencerState::default(), sink })),
            ..Run::new(
                config,
                Box::new(Schedule::preamble_only(self.text, &config.instruments, task.history, start)),
                Box::new(Shortened { source: Recorded::new(stream, rewrite), limit, fed }),
                Box::new(InputEars(ears.clone())),
                Box::new(ears.clone()),
            )
        })?;
        while fused.step() == Release::Released {
            let seq = fused.last_seq().0;
            if seq.is_multiple_of(65_536) {
                progress(seq);
            }
        }
        if let Some(error) = end.take_error() {
            return Err(error.into());
        }
        let mut ear = ears.ear.lock().expect("one thread uses it");
        while ear.heard.hashes.len() < ear.seqs.len() {
            ear.mark();
        }
        Ok(std::mem::take(&mut ear.heard))
    }
}

const NOWHERE: Cut = Cut { fed: 0, last_seq: 0, ts: TsNs(0) };

/// How far the feed was taken.
#[derive(Default)]
struct Fed {
    count: AtomicU64,
    seq: AtomicU64,
}

/// The recorded inputs from outside, up to a limit and without the recorded history: that is the runs' to choose.
struct Shortened<S> {
    source: S,
    limit: u64,
    fed: Arc<Fed>,
}

impl<S: Source> Source for Shortened<S> {
    fn poll(&mut self) -> Head {
        if self.fed.count.load(Relaxed) >= self.limit {
            return Head::Closed;
        }
        loop {
            match self.source.poll() {
                Head::Ready if self.source.head().kind() == Kind::Bar => self.source.advance(),
                head => return head,
            }
        }
    }

    fn head(&self) -> &Event {
        self.source.head()
    }

    fn advance(&mut self) {
        self.fed.seq.store(self.source.head().header.seq.0, Relaxed);
        self.fed.count.fetch_add(1, Relaxed);
        self.source.advance();
    }
}

struct Ear {
    heard: Heard,
    hasher: StateHasher,
    times: Vec<TsNs>,
    seqs: Vec<u64>,
    /// The date whose minutes are kept.
    minutes: Option<u32>,
    /// The date of the session that runs.
    session: u32,
    /// Whether the session's end is at work: it closes what is open, and comes early in a day that is cut off.
    at_end: bool,
}

impl Ear {
    fn mark(&mut self) {
        self.heard.hashes.push(self.hasher.finish());
    }

    fn input(&mut self, event: &Event, fed: u64) {
        self.at_end = event.kind() == Kind::SessionEnd;
        if self.at_end {
            return;
        }
        if event.kind() == Kind::SessionStart {
            self.session = event.body::<SessionStart>().date;
        }
        let (ts, last_seq) = (event.header.ts, event.header.seq.0);
        let cut = Cut { fed, last_seq, ts };
        self.heard.end = Some(cut);
        for (at, time) in std::iter::zip(&mut self.heard.at_times, &self.times) {
            if ts <= *time {
                *at = cut;
            }
        }
    }

    fn output(&mut self, event: &Event, fed: &Fed) {
        let header = &event.header;
        while self.seqs.get(self.heard.hashes.len()).is_some_and(|seq| header.seq.0 > *seq) {
            self.mark();
        }
        if !self.seqs.is_empty() {
            self.hasher.bytes(event.used_bytes());
        }
        match event.kind() {
            Kind::Signal if !self.at_end => self.heard.words.push(Word {
                fed: fed.count.load(Relaxed),
                seq: fed.seq.load(Relaxed),
                run_seq: header.seq.0,
                ts: header.ts,
                instrument: header.instrument,
                signal: Signal { id: 0, ..*event.body::<Signal>() },
            }),
            Kind::Bar if self.minutes == Some(self.session) => {
                let bar = event.body::<Bar>();
                if bar.timeframe == Timeframe::M1 as u8 {
                    self.heard.minutes.push((header.instrument, *bar));
                }
            }
            _ => {}
        }
    }
}

/// Hears the outputs.
#[derive(Clone)]
struct Ears {
    ear: Arc<Mutex<Ear>>,
    fed: Arc<Fed>,
}

impl EventLog for Ears {
    fn append(&mut self, event: &Event) {
        self.ear.lock().expect("one thread uses it").output(event, &self.fed);
    }
}

/// Hears the inputs.
struct InputEars(Ears);

impl EventLog for InputEars {
    fn append(&mut self, event: &Event) {
        let fed = self.0.fed.count.load(Relaxed);
        self.0.ear.lock().expect("one thread uses it").input(event, fed);
    }
}
