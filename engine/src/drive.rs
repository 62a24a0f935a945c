//! The four ways to run the pipeline. The stages are the same; only who calls them differs.
//!
//! | driver | threads | inputs | used for |
//! |---|---|---|---|
//! | `fused` | one | virtual time | the reference semantics, and the fastest on few cores |
//! | `pinned` | one per worker | virtual time | a core per stage |
//! | `sim` | one, seeded | virtual time | proof: the pinned workers under every interleaving |
//! | `replay` | one | as recorded | proof: recorded outputs against recomputed ones |

pub mod affinity;
pub mod broker;
pub mod clock;
pub mod fused;
pub mod idle;
pub mod measure;
pub mod memory;
pub mod pinned;
pub mod recover;
pub mod replay;
pub mod ring;
pub mod sim;
pub mod sink;
pub mod snapshot;
pub mod topology;
pub mod worker;

pub use broker::Broker;

use crate::config::{PipelineConfig, RiskConfig};
use crate::event::{Event, StageId};
use crate::ledger::Ledger;
use crate::limits::OPEN_ORDERS_MAX;
use crate::log::{EventLog, LogError, NoLog};
use crate::sequencer::source::Source;
use crate::sequencer::{KILL_GRACE_NS, Sequencer, SequencerState};
use crate::stage::{Chain, Then};
use crate::stages::bars::Bars;
use crate::stages::risk::Risk;
use crate::stages::strategy::{Strategies, StrategyError};
use crate::stages::venue::Venue;
use crate::units::{NS_PER_S, Seq, TsNs};
use broker::Ways;
use measure::Gauges;
use sink::{Counts, Sink};
use std::sync::Arc;

/// The pure stages behind the decoder, built from one configuration.
pub struct Stages {
    /// Bars of the sequencer.
    pub bars: Bars,
    /// Strategies.
    pub strategy: Strategies,
    /// Risk.
    pub risk: Risk,
    /// The venue.
    pub matcher: Venue,
}

/// All stages on one thread.
pub type FusedChain = Then<Bars, Then<Strategies, Then<Risk, Venue>>>;

impl Stages {
    /// Builds every stage, with all the memory it will ever use.
    ///
    /// # Errors
    /// If a strategy's kind or parameters are unknown or out of range.
    pub fn new(config: &PipelineConfig) -> Result<Self, StrategyError> {
        Ok(Self {
            bars: Bars::new(&config.instruments, &config.bars),
            strategy: Strategies::new(config)?,
            risk: Risk::new(config),
            matcher: Venue::new(config),
        })
    }

    /// The stages of a chain.
    fn from_chain(chain: FusedChain) -> Self {
        let Then {
            first: bars,
            second: Then { first: strategy, second: Then { first: risk, second: matcher } },
        } = chain;
        Self { bars, strategy, risk, matcher }
    }

    /// The stages as one chain.
    pub fn fuse(self) -> FusedChain {
        Then::new(self.bars, Then::new(self.strategy, Then::new(self.risk, self.matcher)))
    }
}

/// What a run is made of, whatever drives it.
pub struct Run<'a> {
    /// What the stages are built from.
    pub config: &'a PipelineConfig,
    /// Sessions, timers, scripted commands.
    pub schedule: Box<dyn Source>,
    /// Market data, or recorded inputs.
    pub feed: Box<dyn Source>,
    /// Record of the inputs.
    pub inputs: Box<dyn EventLog>,
    /// Record of the outputs.
    pub outputs: Box<dyn EventLog>,
    /// The last time an input from outside may have.
    pub until: TsNs,
    /// Operator commands, if anybody can give some.
    pub commands: Option<rtrb::Consumer<Event>>,
    /// The way to a broker and back, of a live run; `None` trades with the paper venue.
    pub broker: Option<Broker>,
    /// Whether the feed is a live one: what it has not brought yet, nobody waits for. Needs a pace.
    pub wall_clock: bool,
    /// How virtual time keeps to the wall clock; `None` runs as fast as possible.
    pub pace: Option<clock::Pace>,
    /// Where steps and tick-to-order latencies are measured, if they are.
    pub measure: Option<Arc<Gauges>>,
    /// What the run goes on from; `None` starts from nothing. Schedule and feed then bring what comes after it, and the
    /// logs hold what came before.
    pub resume: Option<Box<Resumed>>,
}

impl<'a> Run<'a> {
    /// A run of all that schedule and feed bring, on virtual time and as fast as possible, with the paper venue and from
    /// nothing. Whatever else it shall be is set in its fields.
    pub fn new(
        config: &'a PipelineConfig,
        schedule: Box<dyn Source>,
        feed: Box<dyn Source>,
        inputs: Box<dyn EventLog>,
        outputs: Box<dyn EventLog>,
    ) -> Self {
        Self {
            config,
            schedule,
            feed,
            inputs,
            outputs,
            until: TsNs(u64::MAX),
            commands: None,
            broker: None,
            wall_clock: false,
            pace: None,
            measure: None,
            resume: None,
        }
    }
}

/// A run as far as it was recorded, between two steps.
pub struct Resumed {
    /// The stages behind the decoder.
    pub stages: Stages,
    /// The sequencer.
    pub sequencer: SequencerState,
    /// The end of the chain.
    pub sink: Sink<NoLog>,
}

impl Resumed {
    /// Before the first step.
    ///
    /// # Errors
    /// If a strategy cannot be built.
    pub fn nothing(config: &PipelineConfig) -> Result<Self, StrategyError> {
        Ok(Self {
            stages: Stages::new(config)?,
            sequencer: SequencerState::default(),
            sink: Sink::new(NoLog, config),
        })
    }

    /// The parts, with the sink recording in `outputs` and handing what goes to a broker to `broker`.
    fn into_parts(
        self,
        outputs: Box<dyn EventLog>,
        gauges: Option<Arc<Gauges>>,
        broker: Option<broker::ToBroker>,
    ) -> (Stages, SequencerState, Sink<Box<dyn EventLog>>) {
        let mut sink = self.sink.with_log(outputs).0;
        if let Some(gauges) = gauges {
            sink.measure(gauges);
        }
        if let Some(broker) = broker {
            sink.send_orders_to(broker);
        }
        (self.stages, self.sequencer, sink)
    }
}

/// What a finished run leaves behind.
pub struct RunResult {
    /// The last input.
    pub last_seq: Seq,
    /// State hashes of the stages at the end, in pipeline order.
    pub stage_hashes: Vec<(StageId, u128)>,
    /// What was counted at the end of the chain.
    pub counts: Counts,
    /// Positions and PnL as the fills made them.
    pub ledger: Ledger,
    /// Hash of every output's bytes in order.
    pub outputs_hash: u128,
    /// What the decoder counted, where this run had one.
    pub decoder: Option<crate::stages::decoder::DecoderCounters>,
    /// Whether risk ended the run with a halt or the kill switch latched.
    pub risk_stop: Option<crate::event::Rule>,
    /// The first failure of a journal.
    pub log_error: Option<LogError>,
    /// Why the run could not go on with its broker, if it could not.
    pub broker_error: Option<&'static str>,
    /// Waits by cause: name and count.
    pub stalls: Vec<(&'static str, u64)>,
}

impl RunResult {
    /// The one number that says what a run did: all stage states and all outputs.
    pub fn state_hash(&self) -> u128 {
        state_hash(&self.stage_hashes, self.outputs_hash)
    }
}

/// Combines the stages' hashes and the outputs' hash.
pub fn state_hash(stages: &[(StageId, u128)], outputs: u128) -> u128 {
    let mut hasher = crate::hash::StateHasher::new(0);
    for &(stage, hash) in stages {
        hasher.u64(stage as u64);
        hasher.bytes(&hash.to_le_bytes());
    }
    hasher.bytes(&outputs.to_le_bytes());
    hasher.finish()
}

/// State hashes of a chain, upstream first.
fn collect_hashes(chain: &mut impl Chain) -> Vec<(StageId, u128)> {
    let mut hashes = Vec::new();
    chain.hashes(&mut |stage, hash| hashes.push((stage, hash)));
    hashes
}

/// How long a kill needs: a few tries of every exit, and as many seconds more as the limit on orders makes of them.
fn kill_grace_ns(risk: &RiskConfig) -> u64 {
    let exits = u64::from(risk.open_positions_max).min(OPEN_ORDERS_MAX as u64);
    let seconds = match u64::from(risk.orders_per_second) {
        0 => 0,
        rate => 2 * exits.div_ceil(rate),
    };
    KILL_GRACE_NS + seconds * NS_PER_S
}

/// The sequencer of a run over `source`, from `state` on.
fn sequencer<S: Source>(
    source: S,
    log: Box<dyn EventLog>,
    config: &PipelineConfig,
    until: TsNs,
    ways: Ways,
    state: SequencerState,
) -> Sequencer<S, Box<dyn EventLog>> {
    let mut sequencer = Sequencer::resume(source, log, config.venue.latency_min_ns, state);
    sequencer.stop_at(until);
    sequencer.end_after_kill(kill_grace_ns(&config.risk));
    if let Some(commands) = ways.commands {
        sequencer.take_commands(commands);
    }
    if let Some((reports, waiting)) = ways.reports {
        sequencer.take_reports(reports, waiting);
    }
    if let Some((longer_ns, is_flat)) = ways.kill_grace {
        sequencer.end_after_kill_once_flat(longer_ns, is_flat);
    }
    if ways.wall_clock {
        sequencer.on_wall_clock();
    }
    sequencer
}

/// Whether a step's end asks for state hashes: every 4,096 inputs, and at each session's end.
fn checkpoint_due(event: &crate::event::Event) -> bool {
    event.header.seq.0.is_multiple_of(crate::limits::CHECKPOINT_INPUTS)
        || event.header.kind == crate::event::Kind::SessionEnd as u8
}
