//! A world in turns: the workers of a run, a clock that moves when it is read, a feed that brings what is due, and a gateway.

use crate::broker::Gateway;
use pitlane_engine::config::PipelineConfig;
use pitlane_engine::drive::broker::Broker;
use pitlane_engine::drive::clock::Pace;
use pitlane_engine::drive::replay::replay;
use pitlane_engine::drive::topology::{RingSizes, workers};
use pitlane_engine::drive::worker::{Duty, Worker};
use pitlane_engine::drive::{Resumed, Run, RunResult, fused::Fused};
use pitlane_engine::event::Event;
use pitlane_engine::log::MemoryLog;
use pitlane_engine::sequencer::source::{Head, Source};
use pitlane_engine::units::TsNs;
use pitlane_tests::Rng;
use pitlane_tests::market::Market;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A clock that goes on by a step whenever it is read.
#[derive(Clone)]
pub(crate) struct Moving(Arc<AtomicU64>, u64);

impl Moving {
    pub(crate) fn new(start: TsNs, step_ns: u64) -> Self {
        Self(Arc::new(AtomicU64::new(start.0)), step_ns)
    }

    pub(crate) fn read(&self) -> TsNs {
        TsNs(self.0.fetch_add(self.1, Ordering::SeqCst))
    }

    pub(crate) fn pace(&self) -> Pace {
        let clock = self.clone();
        Pace::given(Arc::new(move || clock.read()))
    }
}

/// A live feed: what is due by the clock is there, received when it is read, or when it was due; else it is quiet. It closes
/// at a time, or never.
pub(crate) struct Live {
    events: Vec<Event>,
    next: usize,
    clock: Moving,
    ready: bool,
    closes: TsNs,
    closed: bool,
    stamps: bool,
}

impl Live {
    pub(crate) fn new(events: Vec<Event>, clock: &Moving, closes: TsNs) -> Self {
        Self { events, next: 0, clock: clock.clone(), ready: false, closes, closed: false, stamps: true }
    }
}

impl Source for Live {
    fn poll(&mut self) -> Head {
        if self.ready {
            return Head::Ready;
        }
        if self.closed {
            return Head::Closed;
        }
        let now = self.clock.read();
        let Some(event) = self.events.get_mut(self.next).filter(|event| event.header.ts <= now) else {
            return if now > self.closes { Head::Closed } else { Head::Quiet };
        };
        if self.stamps {
            event.header.ts = now;
        }
        self.ready = true;
        Head::Ready
    }

    fn head(&self) -> &Event {
        &self.events[self.next]
    }

    fn advance(&mut self) {
        self.next += 1;
        self.ready = false;
    }

    fn close(&mut self) {
        (self.closed, self.ready) = (true, false);
    }
}

/// What a run recorded, and what it came to.
pub(crate) struct Recorded {
    pub(crate) inputs: Vec<Event>,
    pub(crate) outputs: Vec<Event>,
    pub(crate) result: RunResult,
}

/// What a run is made of, beside its market.
pub(crate) struct Setting {
    pub(crate) clock: Moving,
    pub(crate) threads: usize,
    pub(crate) until: TsNs,
    pub(crate) broker: Option<Broker>,
    pub(crate) commands: Option<rtrb::Consumer<Event>>,
    pub(crate) feed: Box<dyn Source>,
    pub(crate) schedule: Box<dyn Source>,
    pub(crate) resume: Option<Box<Resumed>>,
}

impl Setting {
    pub(crate) fn of(market: &Market, clock: &Moving, threads: usize) -> Self {
        let closes = market.sessions[0].end;
        Self {
            clock: clock.clone(),
            threads,
            until: TsNs(u64::MAX),
            broker: None,
            commands: None,
            feed: Box::new(Live::new(market.events.clone(), clock, closes)),
            schedule: Box::new(market.schedule()),
            resume: None,
        }
    }
}

/// Runs `setting` with turns drawn from `rng`; `between` is called between two of them, with what was recorded so far in
/// reach, and ends the run as a crash would by answering `true`.
pub(crate) fn run(
    config: &PipelineConfig,
    setting: Setting,
    gateway: Option<&mut Gateway>,
    rng: &mut Rng,
    between: &mut dyn FnMut(&MemoryLog, &MemoryLog) -> bool,
) -> Recorded {
    let (inputs, outputs) = (MemoryLog::default(), MemoryLog::default());
    let run = Run {
        config,
        schedule: setting.schedule,
        feed: setting.feed,
        inputs: Box::new(inputs.clone()),
        outputs: Box::new(outputs.clone()),
        until: setting.until,
        commands: setting.commands,
        broker: setting.broker,
        wall_clock: true,
        pace: Some(setting.clock.pace()),
        measure: None,
        resume: setting.resume,
    };
    let mut running: Vec<Box<dyn Worker>> = match setting.threads {
        1 => vec![Box::new(Fused::new(run).unwrap())],
        threads => workers(run, threads, RingSizes::default()).unwrap(),
    };
    let mut finished = vec![false; running.len()];
    let mut gateway = gateway;
    let mut turns = 0_u64;
    while !finished.iter().all(|done| *done) {
        turns += 1;
        assert!(turns < 20_000_000, "the run does not come to its end");
        let at = rng.below(running.len() as u64 + 1) as usize;
        match running.get_mut(at) {
            None => {
                if let Some(gateway) = &mut gateway {
                    gateway.turn(rng);
                }
            }
            Some(worker) if !finished[at] => match worker.duty_cycle(1 + rng.below(8) as usize) {
                Duty::Finished => finished[at] = true,
                Duty::Failed => break,
                Duty::Worked | Duty::Idle => {}
            },
            Some(_) => {}
        }
        if between(&inputs, &outputs) {
            break;
        }
    }
    let mut result = pitlane_engine::drive::worker::empty_result();
    running.into_iter().for_each(|worker| worker.finish(&mut result));
    Recorded { inputs: inputs.events(), outputs: outputs.events(), result }
}

/// Holds a record against itself: its inputs make its outputs, and its end.
pub(crate) fn verify(config: &PipelineConfig, recorded: &Recorded) {
    let (mut fed, mut made) = (recorded.inputs.iter().copied(), recorded.outputs.iter().copied());
    let again = replay(config, &mut fed, Some(&mut made), &mut |_| {}, &mut |_| {}).unwrap();
    assert_eq!(again.divergence, None);
    assert_eq!(again.state_hash(), recorded.result.state_hash());
    let mut last = TsNs::ZERO;
    for (event, seq) in recorded.inputs.iter().zip(1..) {
        assert_eq!(event.header.seq.0, seq, "a hole");
        assert!(event.header.ts >= last, "time went back at input {seq}");
        last = event.header.ts;
    }
}
