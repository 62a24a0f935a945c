//! The end of the chain: numbers the outputs of a step, records them, counts, and collects the reports to send back.

use super::clock::Clock;
use crate::config::InstrumentSpec;
use crate::event::{
    Action, Alarm, AlarmCode, Decision, Event, FLAG_OUT, FLAG_STEP_END, Fill, Full, Kind, Ltp, OrderState,
    Quote, Report, Side, Signal, Verdict,
};
use crate::ledger::Ledger;
use crate::limits::REPORTS_PER_STEP_MAX;
use crate::log::EventLog;
use crate::sequencer::endogenous;
use crate::stage::Emit;
use crate::units::Seq;
use xxhash_rust::xxh3::Xxh3;

/// What passed the end of the chain.
#[derive(Clone, Debug, Default)]
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

/// Tick-to-order latency in nanoseconds: from an input's release to its order reaching the end of the chain.
pub struct Latency {
    /// The histogram, 1 ns to 60 s at three digits.
    pub histogram: hdrhistogram::Histogram<u64>,
}

impl Default for Latency {
    fn default() -> Self {
        let histogram = hdrhistogram::Histogram::new_with_bounds(1, 60_000_000_000, 3)
            .expect("the bounds and precision are valid");
        Self { histogram }
    }
}

/// Receives everything that leaves the chain.
pub struct Sink<L> {
    log: L,
    counts: Counts,
    ledger: Ledger,
    outputs_hash: Xxh3,
    seq: Seq,
    index: u32,
    reports: Vec<Event>,
    clock: Option<Clock>,
    first_order_ns: u64,
    latency: Latency,
}

impl<L: EventLog> Sink<L> {
    /// A sink that records in `log`; with `stamps` it reads the clock at the first order of a step.
    pub fn new(log: L, instruments: &[InstrumentSpec], stamps: bool) -> Self {
        Self {
            log,
            counts: Counts::default(),
            ledger: Ledger::new(instruments),
            outputs_hash: Xxh3::new(),
            seq: Seq::ZERO,
            index: 0,
            reports: Vec::with_capacity(REPORTS_PER_STEP_MAX),
            clock: stamps.then(Clock::default),
            first_order_ns: 0,
            latency: Latency::default(),
        }
    }

    /// The reports of the step, as the inputs they will be; the caller takes them when the step has ended.
    pub fn reports(&self) -> &[Event] {
        &self.reports
    }

    /// Forgets the reports that were taken.
    pub fn clear_reports(&mut self) {
        self.reports.clear();
    }

    /// Records the latency of the step's first order, if there was one, from `start_ns`.
    pub fn end_step(&mut self, start_ns: u64) {
        if self.first_order_ns != 0 {
            self.latency.histogram.saturating_record(self.first_order_ns.saturating_sub(start_ns).max(1));
            self.first_order_ns = 0;
        }
    }

    /// Whether the record failed.
    pub fn failed(&self) -> bool {
        self.log.failed()
    }

    /// What passed so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Takes the sink apart at the end of a run.
    pub fn into_parts(self) -> (L, Counts, Ledger, u128, Latency) {
        (self.log, self.counts, self.ledger, self.outputs_hash.digest128(), self.latency)
    }

    fn on_input(&mut self, event: &Event) {
        self.counts.events += 1;
        match event.kind() {
            Kind::Ltp | Kind::Quote | Kind::Full if event.is_refused() => {}
            Kind::Ltp => self.ledger.mark(event.header.instrument, event.body::<Ltp>().last),
            Kind::Quote => self.ledger.mark(event.header.instrument, event.body::<Quote>().last),
            Kind::Full => self.ledger.mark(event.header.instrument, event.body::<Full>().last),
            Kind::DeadLetter => {
                self.counts.dead_letters_in += 1;
                self.count_dead(event);
                return;
            }
            _ => return,
        }
        self.counts.ticks += 1;
    }

    fn count_dead(&mut self, event: &Event) {
        let reason = event.body::<crate::event::DeadLetter>().reason;
        self.counts.dead_by_reason[usize::from(reason)] += 1;
    }

    fn count_output(&mut self, event: &Event) {
        let counts = &mut self.counts;
        counts.outputs += 1;
        match event.kind() {
            Kind::Bar => counts.bars += 1,
            Kind::Signal if event.body::<Signal>().action == Action::Hold as u8 => counts.holds += 1,
            Kind::Signal => counts.signals += 1,
            Kind::Order => {
                counts.orders += 1;
                if let (Some(clock), 0) = (&self.clock, self.first_order_ns) {
                    self.first_order_ns = clock.now_ns();
                }
            }
            Kind::Verdict => {
                let verdict = event.body::<Verdict>();
                counts.verdicts[usize::from(verdict.decision)][usize::from(verdict.rule)] += 1;
            }
            Kind::Fill => {
                counts.fills += 1;
                let fill = event.body::<Fill>();
                let side = Side::from_u8(fill.side).expect("the venue writes known sides");
                let instrument = event.header.instrument;
                let value = fill.price.value(fill.quantity, self.ledger.position(instrument).multiplier);
                self.ledger.fill(instrument, side, fill.quantity, value);
            }
            Kind::Report => {
                counts.rejects += u64::from(event.body::<Report>().state == OrderState::Rejected as u8);
                assert!(
                    self.reports.len() < self.reports.capacity(),
                    "a step makes at most one report per order"
                );
                self.reports.push(endogenous(event));
            }
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
    fn emit(&mut self, event: &Event) {
        if event.header.flags & FLAG_OUT == 0 {
            self.on_input(event);
            return;
        }
        if event.header.seq != self.seq {
            assert!(event.header.seq > self.seq, "outputs come in the order of their causes");
            self.seq = event.header.seq;
            self.index = 0;
        }
        let mut output = *event;
        output.header.flags &= !FLAG_STEP_END;
        output.header.index = self.index;
        self.index += 1;
        self.log.append(&output);
        self.outputs_hash.update(output.used_bytes());
        self.count_output(&output);
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
