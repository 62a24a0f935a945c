//! For the tests of every stage: a state that was saved in the middle of a run goes on like the original, and changed
//! bytes of it are refused or load, but never panic.

use super::{load, save};
use crate::event::Event;
use crate::stage::{Emit, Progress, Stage, StepEnd, stage_hash};

/// Random changes that are tried.
const CHANGES: usize = 20_000;
/// Steps that a state with changed bytes goes on for.
const STEPS_AFTER: usize = 12;

/// A state in the middle of a run, and the events of the next steps.
pub(crate) struct Saved {
    bytes: Vec<u8>,
    next: Vec<Event>,
}

#[derive(Default)]
struct Outputs(Vec<u8>);

impl Emit for Outputs {
    fn emit(&mut self, event: &Event) {
        self.0.extend_from_slice(event.used_bytes());
    }
}

/// Runs one step: all events of one input.
fn step(stage: &mut impl Stage, events: &[Event]) -> Vec<u8> {
    let mut out = Outputs::default();
    for event in events {
        let mut progress = stage.on_event(event, &mut out);
        while progress == Progress::More {
            progress = stage.resume(&mut out);
        }
    }
    let header = events[0].header;
    let mut progress =
        stage.on_step_end(StepEnd { seq: header.seq, ts: header.ts, checkpoint: false }, &mut out);
    while progress == Progress::More {
        progress = stage.resume(&mut out);
    }
    out.0
}

/// The bytes of a state.
pub(crate) fn saved(stage: &mut impl Stage) -> Vec<u8> {
    let mut bytes = Vec::new();
    save(&mut bytes, |io| stage.state(io));
    bytes
}

/// Runs `events` through a stage and, from every `every`th step on, through one that was loaded from it there, and
/// compares outputs and hashes of both until the next. The saved states, for `changed_bytes_never_panic`.
pub(crate) fn loaded_stages_go_on<S: Stage>(
    make: impl Fn() -> S,
    events: &[Event],
    every: usize,
) -> Vec<Saved> {
    let (mut stage, mut twin, mut states) = (make(), make(), Vec::new());
    let mut distinct = std::collections::BTreeSet::new();
    let steps = events.chunk_by(|a, b| a.header.seq == b.header.seq);
    for (number, events) in steps.clone().enumerate() {
        let outputs = step(&mut stage, events);
        assert_eq!(outputs, step(&mut twin, events), "outputs of step {number}");
        if number % 7 == 0 {
            assert_eq!(stage_hash(&mut stage), stage_hash(&mut twin), "hashes after step {number}");
        }
        if number % every == every - 1 {
            let bytes = saved(&mut stage);
            twin = make();
            load(&bytes, |io| twin.state(io)).unwrap_or_else(|error| panic!("step {number}: {error}"));
            let hash = stage_hash(&mut stage);
            assert_eq!(stage_hash(&mut twin), hash, "step {number}");
            assert_eq!(saved(&mut twin), bytes, "step {number}");
            distinct.insert(hash);
            let next = steps.clone().skip(number + 1).take(STEPS_AFTER).flatten().copied().collect();
            states.push(Saved { bytes, next });
        }
    }
    assert_eq!(stage_hash(&mut stage), stage_hash(&mut twin), "hashes at the end");
    assert!(distinct.len() >= 5, "only {} states: nothing happened", distinct.len());
    states
}

/// Changes random bytes of `states` and loads them. What loads saves the same bytes, and goes on for some steps.
pub(crate) fn changed_bytes_never_panic<S: Stage>(make: impl Fn() -> S, states: &[Saved], seed: u64) {
    println!("seed {seed}");
    let mut random = seed;
    let mut below = |bound: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % bound
    };
    let (mut loaded, mut refused) = (0, 0);
    for _ in 0..CHANGES {
        let from = &states[below(states.len())];
        let mut bytes = from.bytes.clone();
        for _ in 0..1 + below(3) {
            let at = below(bytes.len());
            bytes[at] = if below(2) == 0 { below(256) as u8 } else { bytes[at] ^ 1 << below(8) };
        }
        if below(20) == 0 {
            bytes.truncate(below(bytes.len()));
        }
        let mut stage = make();
        match load(&bytes, |io| stage.state(io)) {
            Ok(()) => {
                loaded += 1;
                assert_eq!(saved(&mut stage), bytes, "what loads saves the same bytes");
                for events in from.next.chunk_by(|a, b| a.header.seq == b.header.seq) {
                    step(&mut stage, events);
                }
            }
            Err(_) => refused += 1,
        }
    }
    println!("{loaded} loaded, {refused} refused");
    assert!(refused > CHANGES / 50, "{loaded} loaded, {refused} refused");
}
