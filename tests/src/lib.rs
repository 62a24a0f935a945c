//! What the tests share: small markets from a seed, and the same run under every driver.

pub mod market;
pub mod naive;
pub mod page;
pub mod postgres;
pub mod shared_data;
pub mod synthetic;

use market::Market;
use pitlane_engine::drive::idle::Wait;
use pitlane_engine::drive::topology::{RingSizes, workers};
use pitlane_engine::drive::{Run, RunResult, fused::Fused, pinned, sim};
use pitlane_engine::event::{Event, Kind, Order};
use pitlane_engine::log::MemoryLog;

/// What a run wrote and ended as.
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Bytes of the sequenced inputs.
    pub inputs: Vec<u8>,
    /// Bytes of the outputs.
    pub outputs: Vec<u8>,
    /// The state hash.
    pub hash: u128,
}

/// What a run did, for tests that want to know that something happened at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Activity {
    /// Orders sent.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Signals.
    pub signals: u64,
    /// Inputs.
    pub events: u64,
    /// Orders that were moved.
    pub modifies: u64,
    /// Wake-ups that the venue asked for.
    pub wakes: u64,
    /// Verdicts by rule and by decision.
    pub rules: [u64; 32],
    /// As `rules`.
    pub decisions: [u64; 8],
    /// Orders by intent.
    pub intents: [u64; 16],
}

impl Activity {
    /// Adds what another run did.
    pub fn add(&mut self, other: &Self) {
        let sum = |mine: &mut [u64], theirs: &[u64]| mine.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        self.orders += other.orders;
        self.fills += other.fills;
        self.signals += other.signals;
        self.events += other.events;
        self.modifies += other.modifies;
        self.wakes += other.wakes;
        sum(&mut self.rules, &other.rules);
        sum(&mut self.decisions, &other.decisions);
        sum(&mut self.intents, &other.intents);
    }

    /// What orders and changes in `outputs` were for.
    fn note(&mut self, outputs: &MemoryLog) {
        for event in outputs.events() {
            match event.kind() {
                Kind::Order => self.intents[usize::from(event.body::<Order>().intent)] += 1,
                Kind::Modify => self.modifies += 1,
                Kind::Wake => self.wakes += 1,
                _ => {}
            }
        }
    }
}

/// SplitMix64, so that every random test is a seed.
pub struct Rng(pub u64);

impl Rng {
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }
}

/// The seed of a random test: printed, and taken from `PITLANE_SEED` if that is set.
pub fn seed(name: &str, default: u64) -> u64 {
    let seed = std::env::var("PITLANE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    println!("{name}: PITLANE_SEED={seed}");
    seed
}

fn run_of(market: &Market) -> (Run<'_>, MemoryLog, MemoryLog) {
    let (inputs, outputs) = (MemoryLog::default(), MemoryLog::default());
    let run = Run::new(
        &market.config,
        Box::new(market.schedule()),
        Box::new(market.feed()),
        Box::new(inputs.clone()),
        Box::new(outputs.clone()),
    );
    (run, inputs, outputs)
}

fn outcome(result: &RunResult, inputs: &MemoryLog, outputs: &MemoryLog) -> (Outcome, Activity) {
    let counts = &result.counts;
    let activity = Activity {
        orders: counts.orders,
        fills: counts.fills,
        signals: counts.signals,
        events: counts.events,
        rules: std::array::from_fn(|rule| counts.verdicts.iter().map(|of| of[rule]).sum()),
        decisions: counts.verdicts.map(|of| of.iter().sum()),
        ..Activity::default()
    };
    (Outcome { inputs: inputs.bytes(), outputs: outputs.bytes(), hash: result.state_hash() }, activity)
}

/// The reference: everything on this thread.
pub fn run_fused(market: &Market) -> (Outcome, Activity) {
    let (run, inputs, outputs) = run_of(market);
    let result = Fused::new(run).expect("the market's strategies exist").run(Wait::Yield, &|| false);
    let (outcome, mut activity) = outcome(&result, &inputs, &outputs);
    activity.note(&outputs);
    (outcome, activity)
}

/// The inputs and outputs of a fused run.
pub fn events_of(market: &Market) -> (Vec<Event>, Vec<Event>) {
    let (run, inputs, outputs) = run_of(market);
    let result = Fused::new(run).expect("the market's strategies exist").run(Wait::Yield, &|| false);
    assert!(result.log_error.is_none(), "memory does not fail");
    (inputs.events(), outputs.events())
}

/// The pinned workers under a seeded schedule.
///
/// # Errors
/// The schedule's deadlock, as text.
pub fn run_sim(market: &Market, threads: usize, rings: RingSizes, seed: u64) -> Result<Outcome, String> {
    let (run, inputs, outputs) = run_of(market);
    let workers = workers(run, threads, rings).expect("the market's strategies exist");
    let result = sim::run(workers, seed).map_err(|error| error.to_string())?;
    Ok(outcome(&result, &inputs, &outputs).0)
}

/// The pinned workers on threads of their own.
pub fn run_pinned(market: &Market, cpus: &[usize], wait: Wait) -> Outcome {
    let (run, inputs, outputs) = run_of(market);
    let workers = workers(run, cpus.len(), RingSizes::default()).expect("the market's strategies exist");
    let result = pinned::run(workers, cpus, wait, &|| false).expect("the cpus can be used");
    outcome(&result, &inputs, &outputs).0
}
