//! The stages of the pipeline one by one, and the pipeline whole, on the market and with the strategy that
//! `latency-bench` measures with: full packets of 184 bytes, an order on 3 % of the ticks. One operation is one input.

use crate::scenarios::Scenario;
use pitlane_benches::hop::HandsOn;
use pitlane_benches::markets::depth;
use pitlane_engine::drive::Stages;
use pitlane_engine::drive::fused::Fused;
use pitlane_engine::drive::ring::{CALL_SLOTS, Outlet, ring};
use pitlane_engine::drive::worker::{Duty, StageWorker, Worker};
use pitlane_engine::event::{Event, Kind};
use pitlane_engine::log::{EventLog, NoLog};
use pitlane_engine::sequencer::source::{Head, Merged, Source};
use pitlane_engine::sequencer::{Release, SOURCE_FEED, Sequencer};
use pitlane_engine::stage::{Chain, Emit};
use pitlane_engine::stages::decoder::Decoder;
use pitlane_engine::units::{Seq, TsNs};
use pitlane_feeds::kite::FULL_BYTES;
use pitlane_journal::{JournalDir, WriterOptions};
use pitlane_latency_bench::day::Day;
use pitlane_latency_bench::tape::{Before, Nowhere, Tape};
use pitlane_store::JournalLog;
use std::hint::black_box;
use std::path::PathBuf;

/// Inputs that are counted, behind as many again that warm the pipeline up: some 80 minutes of the market, so that bars
/// of all periods up to the hour close among them.
const INPUTS: u64 = 100_000;

/// Bytes of a journal's segments: all of a run fits in the first, so that no thread waits for another.
const SEGMENT_BYTES: u64 = 128 << 20;

fn tape(before: Before) -> (Day, Tape) {
    let day = depth();
    let tape = Tape::record(&day, before, 2 * INPUTS).expect("the day has a schedule");
    (day, tape)
}

/// Packets of 184 bytes, one a frame, with range checks and the search for the token.
pub(crate) fn decode() -> Scenario {
    decoding(|decoder| decoder)
}

/// The same on a processor without vectors.
pub(crate) fn decode_by_fields() -> Scenario {
    decoding(Decoder::by_fields)
}

fn decoding(of: impl FnOnce(Decoder) -> Decoder) -> Scenario {
    let day = depth();
    let mut player = day.player();
    let mut frames = Vec::new();
    while (frames.len() as u64) < INPUTS {
        let (received, frame) = player.advance();
        if frame.len() >= FULL_BYTES {
            frames.push((received, frame.to_vec()));
        }
    }
    let mut decoder = of(Decoder::new(&day.config.instruments, SOURCE_FEED));
    let mut event = blank();
    let run = move || {
        for (received, frame) in &frames {
            let mut cursor = decoder.begin(frame, *received);
            while decoder.next(frame, &mut cursor, &mut event) {
                black_box(&event);
            }
        }
        assert_eq!(decoder.counters().full, INPUTS, "every packet is one that the decoder takes");
    };
    Scenario { run: Box::new(run), operations: INPUTS }
}

fn blank() -> Event {
    pitlane_engine::sequencer::schedule::command_event(pitlane_engine::event::CommandCode::Stop, "")
}

/// Market events that were decoded already.
struct Played {
    events: Vec<Event>,
    next: usize,
}

impl Source for Played {
    fn poll(&mut self) -> Head {
        if self.next < self.events.len() { Head::Ready } else { Head::Closed }
    }

    fn head(&self) -> &Event {
        &self.events[self.next]
    }

    fn advance(&mut self) {
        self.next += 1;
    }
}

/// The sequencer over a schedule and decoded packets, without a record.
pub(crate) fn sequence() -> Scenario {
    let (day, mut tape) = tape(Before::Bars);
    let market = |event: &&mut Event| matches!(event.kind(), Kind::Full | Kind::Quote | Kind::Ltp);
    let events = tape.events_mut().iter_mut().filter(market).map(|event| *event).collect();
    let feed: Box<dyn Source> = Box::new(Played { events, next: 0 });
    let schedule: Box<dyn Source> = Box::new(day.schedule(2 * INPUTS).expect("the calendar has the day"));
    let log: Box<dyn EventLog> = Box::new(NoLog);
    let mut sequencer = Sequencer::new(Merged::new(schedule, feed), log, day.config.venue.latency_min_ns);
    let mut release = move || {
        assert_eq!(sequencer.release(TsNs(u64::MAX)), Release::Released);
        sequencer.on_done(sequencer.last_seq());
    };
    (0..INPUTS / 2).for_each(|_| release());
    Scenario { run: Box::new(move || (0..INPUTS).for_each(|_| release())), operations: INPUTS }
}

/// One stage on what the stages before it hand on.
fn stage<C: Chain + 'static>(before: Before, of: impl Fn(Stages) -> C) -> Scenario {
    let (day, tape) = tape(before);
    let mut stage = of(day.stages());
    let mut next = 0;
    let mut step = move || {
        tape.give(next, &mut stage, &mut Nowhere);
        next += 1;
    };
    (0..INPUTS).for_each(|_| step());
    Scenario { run: Box::new(move || (0..INPUTS).for_each(|_| step())), operations: INPUTS }
}

/// The bars.
pub(crate) fn bars() -> Scenario {
    stage(Before::Bars, |stages| stages.bars)
}

/// The strategies.
pub(crate) fn strategy() -> Scenario {
    stage(Before::Strategy, |stages| stages.strategy)
}

/// Risk.
pub(crate) fn risk() -> Scenario {
    stage(Before::Risk, |stages| stages.risk)
}

/// The venue.
pub(crate) fn matching() -> Scenario {
    stage(Before::Match, |stages| stages.matcher)
}

/// A journal of this process, gone with the scenario.
struct Journal {
    path: PathBuf,
    lock: JournalDir,
}

impl Journal {
    fn new() -> Self {
        let shm = PathBuf::from("/dev/shm");
        let base = if shm.is_dir() { shm } else { std::env::temp_dir() };
        let path = base.join(format!("pitlane-count-{}", std::process::id()));
        let lock = JournalDir::lock(&path).expect("the directory is free");
        Self { path, lock }
    }

    fn options() -> WriterOptions {
        WriterOptions { sync_on_seal: false, segment_bytes: SEGMENT_BYTES, ..WriterOptions::default() }
    }

    fn inputs(&self) -> Box<dyn EventLog> {
        Box::new(JournalLog::inputs(&self.lock, Self::options()).expect("there is room"))
    }

    fn outputs(&self) -> Box<dyn EventLog> {
        Box::new(JournalLog::outputs(&self.lock, Self::options()).expect("there is room"))
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // What stays behind in memory is named after this process; nothing else can be done about it here.
        drop(std::fs::remove_dir_all(&self.path));
    }
}

/// Appending inputs to a journal.
pub(crate) fn append() -> Scenario {
    let (_, mut tape) = tape(Before::Bars);
    let journal = Journal::new();
    let mut log = journal.inputs();
    let count = INPUTS as usize;
    tape.events_mut()[..count].iter().for_each(|event| log.append(event));
    let run = move || {
        // What is moved in here lives as long as the scenario.
        let _journal = &journal;
        tape.events_mut()[count..2 * count].iter().for_each(|event| log.append(event));
        assert!(!log.failed(), "the journal took every input");
    };
    Scenario { run: Box::new(run), operations: INPUTS }
}

/// Everything on one thread, from the frame to the end of the step, with both journals or without.
fn fused(journal: Option<Journal>) -> Scenario {
    let day = depth();
    let (inputs, outputs) = match &journal {
        Some(journal) => (journal.inputs(), journal.outputs()),
        None => (Box::new(NoLog) as Box<dyn EventLog>, Box::new(NoLog) as Box<dyn EventLog>),
    };
    let run = day.run(day.player(), (inputs, outputs), 2 * INPUTS).expect("the calendar has the day");
    let mut fused = Fused::new(run).expect("the bench's strategy has its defaults");
    let mut step = move || assert_eq!(fused.step(), Release::Released);
    (0..INPUTS).for_each(|_| step());
    let run = move || {
        let _journal = &journal;
        (0..INPUTS).for_each(|_| step());
    };
    Scenario { run: Box::new(run), operations: INPUTS }
}

/// The pipeline with both journals.
pub(crate) fn pipeline() -> Scenario {
    fused(Some(Journal::new()))
}

/// The pipeline without a journal.
pub(crate) fn pipeline_without_journal() -> Scenario {
    fused(None)
}

/// Checkpoints between which the pipeline stands still.
const HASHES: u64 = 1_000;

/// One state hash of every stage, as each 4,096th input takes.
pub(crate) fn state_hash() -> Scenario {
    let (day, tape) = tape(Before::Bars);
    let mut chain = day.stages().fuse();
    for number in 0..INPUTS as usize {
        tape.give(number, &mut chain, &mut Nowhere);
    }
    let run = move || {
        (0..HASHES).for_each(|_| {
            chain.hashes(&mut |_, hash| {
                black_box(hash);
            })
        })
    };
    Scenario { run: Box::new(run), operations: HASHES }
}

/// Events that a pinned worker handles before it looks up, as pinned runs have it.
const BUDGET: usize = 256;

/// The worker between two rings, with a stage that hands everything on: all events wait, and what comes of them has room.
pub(crate) fn hop(event: Event) -> Scenario {
    let slots = INPUTS as usize + 4 * CALL_SLOTS;
    let ((there, arriving), (returning, back)) = (ring(slots), ring(slots));
    let mut there = Outlet::new(there);
    for number in 1..=INPUTS {
        let slots = there.room().expect("the ring holds all");
        there.write(slots, |call| {
            call.emit(&event);
            call.end_step(Seq(number), TsNs(number));
        });
    }
    let mut worker = StageWorker::new("hop", "hop_output_full", HandsOn, arriving, returning, |_, _| {});
    let run = move || {
        while worker.duty_cycle(BUDGET) == Duty::Worked {}
        assert_eq!(back.slots() as u64, INPUTS, "every event was handed on");
    };
    Scenario { run: Box::new(run), operations: INPUTS }
}
