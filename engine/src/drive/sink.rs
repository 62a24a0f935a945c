//! The end of the chain: numbers the outputs of a step, records them, counts, and collects what the venue sends back.

use super::broker::ToBroker;
use super::measure::{Gauges, Watch};
use crate::charges::Meter;
use crate::config::PipelineConfig;
use crate::event::{
    Action, Alarm, AlarmCode, Decision, Event, FLAG_EXO, FLAG_OUT, FLAG_STEP_END, Fill, Kind, OrderState,
    Report, SessionStart, Side, Signal, StageId, Verdict,
};
use crate::hash::StateHasher;
use crate::ledger::Ledger;
use crate::limits::ENDOGENOUS_PER_STEP_MAX;
use crate::log::EventLog;
use crate::sequencer::endogenous;
use crate::stage::{Emit, StepEnd};
use crate::state::StateIo;
use crate::units::{OrderId, Seq, TsNs};
use std::sync::Arc;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// What passed the end of the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Counts {
    /// Sequenced inputs.
    pub events: u64,
    /// Market data inputs.
    pub ticks: u64,
    /// Refused inputs.
    pub dead_letters_in: u64,
    /// Late or stale ticks.
    pub dead_letters_out: u64,
    /// Dead letters of both kinds by `DeadReason`.
    pub dead_by_reason: [u64; 32],
    /// Closed bars.
    pub bars: u64,
    /// Signals other than HOLD.
    pub signals: u64,
    /// Recorded changes of a HOLD reason.
    pub holds: u64,
    /// Orders sent.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Orders the venue rejected.
    pub rejects: u64,
    /// Verdicts by decision and rule.
    pub verdicts: [[u64; 32]; 8],
    /// Alarms by code.
    pub alarms: [u64; 16],
    /// Recorded outputs.
    pub outputs: u64,
}

impl Counts {
    /// Whether every count leaves room to go on counting.
    fn is_possible(&self) -> bool {
        const COUNT_MAX: u64 = 1 << 62;
        self.as_bytes()
            .chunks_exact(8)
            .all(|count| u64::from_le_bytes(count.try_into().expect("chunks of eight bytes")) <= COUNT_MAX)
    }
}

/// What the end of the chain knows between two steps.
pub struct SinkState {
    counts: Counts,
    ledger: Ledger,
    meter: Meter,
    /// Hash of all outputs up to the last checkpoint.
    chain: u128,
}

impl SinkState {
    /// Before the first step.
    pub fn new(config: &PipelineConfig) -> Self {
        let ledger = Ledger::new(&config.instruments);
        let meter = Meter::new(&config.instruments, &config.charges);
        Self { counts: Counts::default(), ledger, meter, chain: 0 }
    }

    /// Walks over the state, which is whole at a checkpoint only: in between the outputs' hash is under way.
    pub fn state(&mut self, io: &mut StateIo<'_>) {
        io.plain(&mut self.counts);
        io.check(|| self.counts.is_possible(), "a count is beyond what can be counted");
        self.ledger.state(io);
        self.meter.state(io);
        io.plain(&mut self.chain);
    }

    /// What passed so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    fn book(&mut self, event: &Event) {
        let (fill, instrument) = (event.body::<Fill>(), event.header.instrument);
        let side = Side::from_u8(fill.side).expect("the venue writes known sides");
        let value = fill.price.value(fill.quantity, self.ledger.position(instrument).multiplier);
        self.ledger.fill(instrument, side, fill.quantity, value);
        if let Some(charged) = self.meter.fill(fill.order, instrument, side, value) {
            self.ledger.charge(instrument, &charged);
        }
    }
}

/// Receives everything that leaves the chain.
pub struct Sink<L> {
    log: L,
    state: SinkState,
    /// The outputs since the last checkpoint.
    outputs: StateHasher,
    seq: Seq,
    index: u32,
    /// The slot of the output that is recorded; it means nothing between two of them.
    output: Event,
    back: Vec<Event>,
    watch: Option<Watch>,
    broker: Option<ToBroker>,
    orders_lost: bool,
    /// The order whose end a broker reported in this step: its fills follow the report.
    ended: Option<OrderId>,
}

impl<L: EventLog> Sink<L> {
    /// A sink that records in `log`.
    pub fn new(log: L, config: &PipelineConfig) -> Self {
        Self::resume(log, SinkState::new(config))
    }

    /// A sink that goes on from `state`.
    pub fn resume(log: L, state: SinkState) -> Self {
        Self {
            log,
            state,
            outputs: StateHasher::new(0),
            seq: Seq::ZERO,
            index: 0,
            output: Event::state_hash(StageId::Sequencer, 0, Seq::ZERO, TsNs::ZERO),
            back: Vec::with_capacity(ENDOGENOUS_PER_STEP_MAX),
            watch: None,
            broker: None,
            orders_lost: false,
            ended: None,
        }
    }

    /// Shows the run's positions from now on, and hands every order, change and cancel that is recorded from now on to a gateway as well. If it has no room for one or
    /// is gone, the run ends: what the engine believes and what the broker was told must not part.
    pub fn send_orders_to(&mut self, broker: ToBroker) {
        broker.show(&self.state.ledger);
        self.broker = Some(broker);
    }

    /// Whether an order found no way to the broker.
    pub fn orders_lost(&self) -> bool {
        self.orders_lost
    }

    fn send(&mut self) {
        if let Some(ToBroker { orders, .. }) = &mut self.broker
            && matches!(self.output.kind(), Kind::Order | Kind::Modify | Kind::Cancel)
        {
            self.orders_lost |= orders.is_abandoned() || orders.push(self.output).is_err();
        }
    }

    /// The step's reports and wake-ups, as the inputs they will be; the caller takes them when the step has ended.
    pub fn endogenous(&self) -> &[Event] {
        &self.back
    }

    /// Forgets the reports and wake-ups that were taken.
    pub fn clear_endogenous(&mut self) {
        self.back.clear();
    }

    /// Keeps an output that comes back as an input.
    fn send_back(&mut self, output: &Event) {
        assert!(
            self.back.len() < self.back.capacity(),
            "a step makes at most one report per order and one wake-up per request"
        );
        self.back.push(endogenous(output));
    }

    /// Measures every step from now on.
    pub fn measure(&mut self, gauges: Arc<Gauges>) {
        self.watch = Some(Watch::new(gauges));
    }

    /// Ends a step whose input arrived at `start_ns`. Where steps are measured it says when that was, else zero.
    #[inline]
    pub fn end_step(&mut self, end: StepEnd, start_ns: u64) -> u64 {
        if let Some(order) = self.ended {
            self.state.meter.finish(order);
            self.ended = None;
        }
        if let Some(broker) = &self.broker {
            broker.positions.passed(end.ts);
        }
        if end.checkpoint {
            self.state.chain = self.outputs_hash();
            self.outputs.reset();
        }
        self.watch.as_mut().map_or(0, |watch| watch.end(end, start_ns))
    }

    /// Whether the record failed.
    pub fn failed(&self) -> bool {
        self.log.failed() || self.orders_lost
    }

    /// What passed so far.
    pub fn counts(&self) -> &Counts {
        &self.state.counts
    }

    /// The hash of all outputs: a chain of hashes, a link for each checkpoint, so that a run can go on from one.
    #[inline(never)]
    fn outputs_hash(&self) -> u128 {
        let mut link = StateHasher::new(0);
        link.bytes(&self.state.chain.to_le_bytes());
        link.bytes(&self.outputs.finish().to_le_bytes());
        link.finish()
    }

    /// The log, to ask it how it stands.
    pub fn log_mut(&mut self) -> &mut L {
        &mut self.log
    }

    /// What the sink knows, for a snapshot at a checkpoint or the end of a recovery.
    pub fn state_mut(&mut self) -> &mut SinkState {
        &mut self.state
    }

    /// The same sink with another log, between two steps.
    pub fn with_log<M>(self, log: M) -> (Sink<M>, L) {
        let Self { log: old, state, outputs, seq, index, output, back, watch, broker, .. } = self;
        let (orders_lost, ended) = (false, None);
        let sink = Sink { log, state, outputs, seq, index, output, back, watch, broker, orders_lost, ended };
        (sink, old)
    }

    /// Takes the sink apart at the end of a run.
    pub fn into_parts(self) -> (L, Counts, Ledger, u128) {
        let outputs_hash = self.outputs_hash();
        (self.log, self.state.counts, self.state.ledger, outputs_hash)
    }

    #[inline(always)]
    fn on_input(&mut self, event: &Event) {
        self.state.counts.events += 1;
        let Some(last) = event.last() else { return self.on_other_input(event.kind(), event) };
        self.state.counts.ticks += 1;
        if !event.is_refused() {
            self.state.ledger.mark(event.header.instrument, last);
        }
    }

    #[inline(never)]
    fn on_other_input(&mut self, kind: Kind, event: &Event) {
        match kind {
            Kind::SessionStart => self.state.meter.start(event.body::<SessionStart>().date),
            Kind::DeadLetter => {
                self.state.counts.dead_letters_in += 1;
                self.count_dead(event);
            }
            Kind::Report if event.header.flags & FLAG_EXO != 0 => {
                self.ended = self.count_report(event.body());
            }
            _ => {}
        }
    }

    fn count_dead(&mut self, event: &Event) {
        let reason = event.body::<crate::event::DeadLetter>().reason;
        self.state.counts.dead_by_reason[usize::from(reason)] += 1;
    }

    /// The order, if this is its end.
    fn count_report(&mut self, report: &Report) -> Option<OrderId> {
        self.state.counts.rejects += u64::from(report.state == OrderState::Rejected as u8);
        let is_final = OrderState::from_u8(report.state).is_some_and(OrderState::is_final);
        is_final.then_some(report.order)
    }

    fn count_output(&mut self, event: &Event) {
        let counts = &mut self.state.counts;
        counts.outputs += 1;
        match event.kind() {
            Kind::Bar => counts.bars += 1,
            Kind::Signal if event.body::<Signal>().action == Action::Hold as u8 => counts.holds += 1,
            Kind::Signal => counts.signals += 1,
            Kind::Order => counts.orders += 1,
            Kind::Verdict => {
                let verdict = event.body::<Verdict>();
                counts.verdicts[usize::from(verdict.decision)][usize::from(verdict.rule)] += 1;
            }
            Kind::Fill => {
                counts.fills += 1;
                self.state.book(event);
                if let Some(broker) = &self.broker {
                    let instrument = event.header.instrument;
                    broker.positions.set(instrument, self.state.ledger.position(instrument).quantity);
                }
            }
            Kind::Report => {
                if let Some(order) = self.count_report(event.body()) {
                    self.state.meter.finish(order);
                }
                self.send_back(event);
            }
            Kind::Wake => self.send_back(event),
            Kind::DeadLetter => {
                counts.dead_letters_out += 1;
                self.count_dead(event);
            }
            Kind::Alarm => counts.alarms[usize::from(event.body::<Alarm>().code)] += 1,
            _ => {}
        }
    }
}

impl<L: EventLog> Emit for Sink<L> {
    #[inline(always)]
    fn emit(&mut self, event: &Event) {
        if event.header.flags & FLAG_OUT != 0 {
            return self.record(event);
        }
        if let Some(watch) = &mut self.watch {
            watch.input(event);
        }
        self.on_input(event);
    }
}

impl<L: EventLog> Sink<L> {
    /// Numbers, records and counts an output.
    #[inline(never)]
    fn record(&mut self, event: &Event) {
        if let Some(watch) = &mut self.watch {
            watch.output(event);
        }
        if event.header.seq != self.seq {
            assert!(event.header.seq > self.seq, "outputs come in the order of their causes");
            self.seq = event.header.seq;
            self.index = 0;
        }
        let output = &mut self.output;
        output.set_used(event);
        output.header.flags &= !FLAG_STEP_END;
        output.header.index = self.index;
        self.index += 1;
        self.log.append(output);
        self.outputs.bytes(output.used_bytes());
        if self.broker.is_some() {
            self.send();
        }
        // What comes back does so with the bytes behind its body as they were made.
        self.count_output(event);
    }
}

impl Counts {
    /// Verdicts of one decision.
    pub fn verdicts_of(&self, decision: Decision) -> u64 {
        self.verdicts[decision as usize].iter().sum()
    }

    /// Alarms of one code.
    pub fn alarms_of(&self, code: AlarmCode) -> u64 {
        self.alarms[code as usize]
    }
}
