//! Each part of the pipeline alone, on exactly what the whole pipeline gives it: a pipeline beside it is run a thousand
//! inputs ahead and keeps what its parts were given, and then each part of the measured ones does the same thousand in a
//! loop of its own. What it is given lies in the cache by then, as it does in the pipeline; longer tapes would measure the
//! reading of tapes.

use crate::{INPUTS, WARM_UP};
use pitlane_engine::drive::Stages;
use pitlane_engine::drive::sink::Sink;
use pitlane_engine::event::{Event, FLAG_OUT, SessionEnd};
use pitlane_engine::log::{EventLog, NoLog};
use pitlane_engine::sequencer::source::{Decoded, Merged, Source};
use pitlane_engine::sequencer::{Release, SOURCE_FEED, Sequencer};
use pitlane_engine::stage::Emit;
use pitlane_engine::stages::decoder::Decoder;
use pitlane_engine::units::{InstrumentId, TsNs};
use pitlane_journal::FRAME_HEADER_BYTES;
use pitlane_latency_bench::day::{Day, Logs, Player};
use pitlane_latency_bench::tape::{Before, Nowhere, Recorder, Tape};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Inputs that a part does at a time.
const CHUNK: u64 = 1_000;

/// A part of the pipeline that is measured alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The decoder, over the frames.
    Decode,
    /// The sequencer, which pulls the decoder, with the reports that come back.
    Sequence,
    /// Appending the inputs to their journal.
    Append,
    /// The bars.
    Bars,
    /// The strategies.
    Strategy,
    /// Risk.
    Risk,
    /// The venue.
    Match,
    /// The end of the chain: outputs are numbered, hashed and counted.
    Sink,
    /// The same with the outputs appended to their journal.
    SinkAppend,
}

/// Every part, in the order of the pipeline.
pub(crate) const PARTS: [Part; 9] = [
    Part::Decode,
    Part::Sequence,
    Part::Append,
    Part::Bars,
    Part::Strategy,
    Part::Risk,
    Part::Match,
    Part::Sink,
    Part::SinkAppend,
];

impl Part {
    /// Its name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode (in the next)",
            Self::Sequence => "sequence, with decode",
            Self::Append => "append of the inputs, D0",
            Self::Bars => "bars",
            Self::Strategy => "strategy",
            Self::Risk => "risk",
            Self::Match => "match",
            Self::Sink => "sink",
            Self::SinkAppend => "sink, with append of the outputs, D0",
        }
    }

    /// Whether a pipeline with a journal or without has it, so that the sum counts nothing twice.
    fn is_of(self, journaled: bool) -> bool {
        match self {
            Self::Decode => false,
            Self::Append | Self::SinkAppend => journaled,
            Self::Sink => !journaled,
            _ => true,
        }
    }
}

/// What the parts came to.
pub(crate) struct Alone {
    /// Nanoseconds an input, in the order of [`PARTS`].
    pub(crate) ns: [f64; PARTS.len()],
    /// Bytes that both journals hold of an input.
    pub(crate) journaled_bytes: f64,
}

impl Alone {
    /// The sum of all parts of a pipeline, in nanoseconds an input.
    pub(crate) fn sum_ns(&self, journaled: bool) -> f64 {
        PARTS.iter().zip(&self.ns).filter(|(part, _)| part.is_of(journaled)).map(|(_, ns)| ns).sum()
    }

    /// Measures every part on the inputs of a run of `day`, with the journals of `logs`.
    pub(crate) fn measure(day: &Day, logs: Logs) -> Self {
        let mut bench = Bench::new(day, logs);
        for _ in 0..WARM_UP / CHUNK {
            bench.chunk();
        }
        (bench.spent, bench.journaled_bytes) = Default::default();
        for _ in 0..INPUTS / CHUNK {
            bench.chunk();
        }
        let ns = bench.spent.map(|spent| spent.as_nanos() as f64 / INPUTS as f64);
        Self { ns, journaled_bytes: bench.journaled_bytes as f64 / INPUTS as f64 }
    }
}

type AnySource = Merged<Box<dyn Source>, Box<dyn Source>>;

/// One of each part, and the pipeline that runs ahead.
struct Bench {
    ahead: Recorder,
    player: Player,
    decoder: Decoder,
    decoded: Event,
    sequencer: Sequencer<AnySource, Box<dyn EventLog>>,
    inputs: Box<dyn EventLog>,
    stages: Stages,
    sink: Sink<Box<dyn EventLog>>,
    journaled: Sink<Box<dyn EventLog>>,
    spent: [Duration; PARTS.len()],
    journaled_bytes: u64,
}

impl Bench {
    fn new(day: &Day, (inputs, outputs): Logs) -> Self {
        let all = WARM_UP + INPUTS;
        let decoder = || Decoder::new(&day.config.instruments, SOURCE_FEED);
        let feed: Box<dyn Source> = Box::new(Decoded::new(day.player(), decoder()));
        let schedule: Box<dyn Source> = Box::new(day.schedule(all).expect("the calendar has the days"));
        let no_log: Box<dyn EventLog> = Box::new(NoLog);
        let merged = Merged::new(schedule, feed);
        Self {
            ahead: Recorder::new(day, &Before::ALL, all).expect("the calendar has the days"),
            player: day.player(),
            decoder: decoder(),
            decoded: Event::new(InstrumentId::NONE, 0, &SessionEnd { date: 0, number: 0, reserved: [0; 24] }),
            sequencer: Sequencer::new(merged, no_log, day.config.venue.latency_min_ns),
            inputs,
            stages: day.stages(),
            sink: Sink::new(Box::new(NoLog) as Box<dyn EventLog>, &day.config),
            journaled: Sink::new(outputs, &day.config),
            spent: Default::default(),
            journaled_bytes: 0,
        }
    }

    /// Does the next inputs, one part after the other.
    fn chunk(&mut self) {
        self.ahead.record(CHUNK);
        let tapes = self.ahead.tapes().map(|tape| tape.as_ref().expect("all parts were asked for"));
        let [bars, strategy, risk, matcher, sink, back] = tapes;
        assert_eq!(bars.len() as u64, CHUNK, "the days are longer than the run");
        let input = |step: usize| &bars.step(step).0[0];
        let steps = || 0..bars.len();
        let packets = steps().filter(|&step| input(step).header.source == SOURCE_FEED).count();
        let spent = &mut self.spent;
        let mut timed = |part: Part, work: &mut dyn FnMut()| {
            let started = Instant::now();
            work();
            spent[part as usize] += started.elapsed();
        };
        timed(Part::Decode, &mut || {
            for _ in 0..packets {
                let (received, frame) = self.player.advance();
                let mut cursor = self.decoder.begin(frame, received);
                while self.decoder.next(frame, &mut cursor, &mut self.decoded) {
                    black_box(&self.decoded);
                }
            }
        });
        timed(Part::Sequence, &mut || {
            for step in steps() {
                assert_eq!(self.sequencer.release(TsNs(u64::MAX)), Release::Released);
                let (returned, end) = back.step(step);
                returned.iter().for_each(|event| self.sequencer.on_endogenous(event));
                self.sequencer.on_done(end.seq);
            }
        });
        timed(Part::Append, &mut || steps().for_each(|step| self.inputs.append(input(step))));
        let stages = &mut self.stages;
        timed(Part::Bars, &mut || steps().for_each(|step| bars.give(step, &mut stages.bars, &mut Nowhere)));
        timed(Part::Strategy, &mut || {
            steps().for_each(|step| strategy.give(step, &mut stages.strategy, &mut Nowhere));
        });
        timed(Part::Risk, &mut || steps().for_each(|step| risk.give(step, &mut stages.risk, &mut Nowhere)));
        timed(Part::Match, &mut || {
            steps().for_each(|step| matcher.give(step, &mut stages.matcher, &mut Nowhere));
        });
        timed(Part::Sink, &mut || end_of_chain(sink, &mut self.sink));
        timed(Part::SinkAppend, &mut || end_of_chain(sink, &mut self.journaled));
        assert!(!self.inputs.failed() && !self.journaled.failed(), "the journals take everything");
        let outputs = steps().flat_map(|step| sink.step(step).0);
        let outputs = outputs.filter(|event| event.header.flags & FLAG_OUT != 0);
        self.journaled_bytes += steps().map(input).chain(outputs).map(frame_bytes).sum::<u64>();
    }
}

fn end_of_chain(tape: &Tape, sink: &mut Sink<Box<dyn EventLog>>) {
    for step in 0..tape.len() {
        let (events, end) = tape.step(step);
        events.iter().for_each(|event| sink.emit(event));
        sink.end_step(end, 0);
        black_box(sink.endogenous());
        sink.clear_endogenous();
    }
}

/// Bytes of an event in a journal.
fn frame_bytes(event: &Event) -> u64 {
    (FRAME_HEADER_BYTES + event.used_bytes().len()).next_multiple_of(8) as u64
}
