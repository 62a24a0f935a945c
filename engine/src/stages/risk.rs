//! The risk stage: signals become verdicts and orders; reports become positions; limits stop both.
//!
//! 1. Every proposed order gets a verdict with the deciding rule; the order follows if a quantity is allowed.
//!    What was asked for already (LONG while long, or while that entry is under way) gets neither.
//! 2. An instrument has one strategy, at most one entry and one exit under way, and one wish (`Target`). A
//!    reversal is an exit now and an entry when a report says flat; limits are looked at when the entry is
//!    due.
//! 3. Entries are sized by a share of capital. Exits are IOC orders at a protected price; what they leave is
//!    tried again each second, and no limit keeps an exit back but the order table, of which entries leave it
//!    half, and the second's number of orders, of which they leave it a quarter.
//! 4. Kill (over sessions too), halt (the day's loss or drawdown, until the next session) and square-off
//!    (from its time on) block entries, cancel what rests and, a kill only if configured, close every
//!    position each second until flat. An instrument whose own loss reaches its limit is closed alone, for
//!    the session.
//! 5. A report counts once, by its number. One that contradicts its order is not booked: alarm, and the kill
//!    latches.

mod checks;
mod desk;
mod losses;
mod margin;
mod orders;
mod rate;
mod reports;
#[cfg(test)]
mod tests;

use crate::config::{PipelineConfig, RiskConfig};
use crate::event::{
    Action, Alarm, AlarmCode, Command, CommandCode, Event, Full, Header, Kind, Ltp, Quote, SessionStart,
    Signal, StageId,
};
use crate::hash::StateHasher;
use crate::ledger::Ledger;
use crate::limits::{EMIT_MAX, INSTRUMENTS_MAX};
use crate::stage::{Emit, Progress, Stage};
use crate::units::{IST_OFFSET_NS, InstrumentId, Money, NS_PER_S, OrderId, Price, TsNs};
use desk::{Desk, Finished, Target};
use rate::Rate;

/// Events that pursuing one desk may emit: a cancel, a verdict, an order and an alarm.
const PER_DESK: usize = 4;
/// Marks an instrument that no strategy trades.
const NO_DESK: u32 = u32::MAX;

/// The hours of the running session.
#[derive(Clone, Copy, Debug)]
struct Session {
    open: TsNs,
    close: TsNs,
    square_off: TsNs,
    /// From here on no entry; the square-off if no time of its own is configured.
    entries_end: TsNs,
    /// Between its start and its end.
    active: bool,
}

/// Work over all desks that may need more than one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sweep {
    Idle,
    /// Pursues every desk from `next` on.
    Pursue {
        next: usize,
        retry: bool,
    },
    /// Looks at the session's end for positions from `next` on.
    End {
        next: usize,
    },
}

/// The risk stage.
pub struct Risk {
    config: RiskConfig,
    ledger: Ledger,
    /// The instruments that a strategy trades, by id.
    desks: Vec<Desk>,
    /// By instrument, the index of its desk or `NO_DESK`.
    desk_of: Vec<u32>,
    session: Session,
    /// Total profit when the session started, and the loss from there that halts it.
    start_total: Money,
    loss_limit: Money,
    /// The highest total profit since then, the fall from there that halts, and an instrument's loss that
    /// closes it; a limit of zero is none.
    peak_total: Money,
    drawdown_limit: Money,
    symbol_loss_limit: Money,
    /// Entries sent in the session.
    trades: u32,
    /// Desks closed by their own loss.
    barred: u32,
    /// The orders of the running second.
    rate: Rate,
    /// The first desk whose exit found no order left in its second: the next second begins there.
    waiting: Option<usize>,
    /// Where a sweep over the desks begins.
    first: usize,
    killed: bool,
    halted: bool,
    squaring: bool,
    /// The run was stopped before its session's end.
    stopped: bool,
    /// Orders whose final report has not come back.
    open_orders: usize,
    /// Desks with a position or an entry under way.
    occupied: u32,
    /// Desks whose target is not reached.
    wishes: u32,
    finished: Finished,
    /// The event at work: what is emitted belongs to its step.
    cause: Header,
    orders_in_step: u64,
    sweep: Sweep,
}

/// Counts what one call emits, so that a sweep stops in time and a bug is not a silent overflow.
struct Bounded<'a, E> {
    out: &'a mut E,
    left: usize,
}

impl<E: Emit> Emit for Bounded<'_, E> {
    fn emit(&mut self, event: &Event) {
        self.left = self.left.checked_sub(1).expect("a call emits at most EMIT_MAX events");
        self.out.emit(event);
    }
}

impl Risk {
    /// A risk stage without positions. Panics if two strategies share an instrument or an instrument is
    /// unknown: the configuration is checked where it is read.
    pub fn new(config: &PipelineConfig) -> Self {
        assert!(
            config.instruments.len() <= INSTRUMENTS_MAX,
            "the instrument table is checked where it is read"
        );
        let mut desks = Vec::new();
        for (index, strategy) in config.strategies.iter().enumerate() {
            let id = PipelineConfig::strategy_id(index);
            for &instrument in &strategy.instruments {
                let spec = &config.instruments[instrument.index()];
                desks.push(Desk::new(instrument, spec, id, strategy.allow_short, strategy.passive_entry));
            }
        }
        desks.sort_by_key(|desk| desk.instrument);
        let mut desk_of = vec![NO_DESK; config.instruments.len()];
        for (at, desk) in desks.iter().enumerate() {
            assert_eq!(desk_of[desk.instrument.index()], NO_DESK, "an instrument has one strategy");
            desk_of[desk.instrument.index()] = at as u32;
        }
        let zero = TsNs::ZERO;
        Self {
            config: config.risk,
            ledger: Ledger::new(&config.instruments),
            desks,
            desk_of,
            session: Session { open: zero, close: zero, square_off: zero, entries_end: zero, active: false },
            start_total: Money::ZERO,
            loss_limit: Money::ZERO,
            peak_total: Money::ZERO,
            drawdown_limit: Money::ZERO,
            symbol_loss_limit: Money::ZERO,
            trades: 0,
            barred: 0,
            rate: Rate::new(config.risk.orders_per_second),
            waiting: None,
            first: 0,
            killed: false,
            halted: false,
            squaring: false,
            stopped: false,
            open_orders: 0,
            occupied: 0,
            wishes: 0,
            finished: Finished::new(),
            cause: Header::default(),
            orders_in_step: 0,
            sweep: Sweep::Idle,
        }
    }

    /// Positions and profit as of the reports seen.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Whether the session is halted by the day's loss.
    pub fn halted(&self) -> bool {
        self.halted
    }

    /// Whether the kill switch is latched.
    pub fn killed(&self) -> bool {
        self.killed
    }

    /// Orders whose final report has not come back.
    pub fn open_orders(&self) -> usize {
        self.open_orders
    }

    /// Equity: capital and gross profit at the marks.
    pub fn equity(&self) -> Money {
        self.config.capital + self.ledger.total()
    }

    /// The instrument's last price, zero if there is none.
    fn last(&self, desk: &Desk) -> Price {
        self.ledger.position(desk.instrument).mark
    }

    fn is_occupied(&self, at: usize) -> bool {
        let desk = &self.desks[at];
        desk.entry.is_some() || !self.ledger.position(desk.instrument).quantity.is_zero()
    }

    /// Whether every position has to go, whatever strategies want.
    fn must_flatten(&self) -> bool {
        self.halted || self.squaring || self.killed && self.config.flatten_on_kill
    }

    /// Whether nothing may be opened any more and nothing may rest.
    fn closing(&self) -> bool {
        self.killed || self.halted || self.squaring || self.stopped
    }

    /// Whether a position that is left at the session's end is somebody's fault.
    fn must_be_flat(&self) -> bool {
        !self.stopped || self.must_flatten()
    }

    /// Whether an exit makes sense now: a price of the day before is no basis for one before the open.
    fn may_trade(&self) -> bool {
        self.session.active && self.cause.ts >= self.session.open
    }

    fn set_target(&mut self, at: usize, target: Target) {
        let desk = &mut self.desks[at];
        let (was, is) = (desk.target != Target::Reached, target != Target::Reached);
        desk.target = target;
        self.wishes = self.wishes + u32::from(is) - u32::from(was);
    }

    fn on_session_start(&mut self, start: &SessionStart) {
        let entries_end = match u64::from(self.config.no_new_entry_s) {
            0 => start.square_off,
            s => TsNs(((start.open.ist_day() * 86_400 + s) * NS_PER_S).saturating_sub(IST_OFFSET_NS)),
        };
        let (open, close, square_off) = (start.open, start.close, start.square_off);
        self.session = Session { open, close, square_off, entries_end, active: true };
        self.start_losses();
        self.trades = 0;
        self.halted = false;
        self.squaring = false;
        self.stopped = false;
    }

    fn on_price(&mut self, last: Price, out: &mut Bounded<'_, impl Emit>) {
        let instrument = self.cause.instrument;
        self.ledger.mark(instrument, last);
        if !self.ledger.position(instrument).quantity.is_zero() {
            self.check_losses(instrument, out);
        }
    }

    fn on_signal(&mut self, signal: &Signal, out: &mut Bounded<'_, impl Emit>) {
        let at = self.desk_of[self.cause.instrument.index()];
        assert_ne!(at, NO_DESK, "signals come for instruments that a strategy trades");
        let at = at as usize;
        let desk = &self.desks[at];
        assert_eq!(signal.strategy, desk.strategy, "an instrument has one strategy");
        let target = match Action::from_u8(signal.action).expect("the strategy stage writes known actions") {
            Action::Hold => return,
            Action::Long => Target::Long,
            // Without the right to go short it still closes what is long; with nothing to close it is refused
            // as data.
            Action::Short if !desk.allow_short && self.is_occupied(at) => Target::Flat,
            Action::Short => Target::Short,
            Action::Exit => Target::Flat,
        };
        if desk.target != target {
            // A repeated wish stays that of the signal it came with first.
            self.desks[at].signal = signal.id;
        }
        self.set_target(at, target);
        self.pursue(at, false, out);
    }

    fn on_timer(&mut self) {
        self.squaring |= self.session.active && self.cause.ts >= self.session.square_off;
        let stop = self.closing();
        let anything = self.open_orders > 0 || self.ledger.open_positions() > 0;
        if anything && (stop || self.wishes > 0 || self.barred > 0) {
            self.first = self.waiting.take().unwrap_or(0);
            self.sweep = Sweep::Pursue { next: 0, retry: true };
        }
    }

    /// The run ends before its session does: cancel what rests, open nothing. Positions stay, and are no alarm.
    fn on_stop(&mut self) {
        self.stopped = true;
        if self.session.active {
            self.sweep = Sweep::Pursue { next: 0, retry: false };
        }
    }

    /// Latches the kill switch: the rest of the step cancels and, if configured, flattens. Between sessions
    /// there is nothing to cancel: the venue ends day orders itself.
    fn latch_kill(&mut self, out: &mut Bounded<'_, impl Emit>) {
        if self.killed {
            return;
        }
        self.killed = true;
        self.alarm(AlarmCode::Killed, InstrumentId::NONE, 0, OrderId::ZERO, out);
        if self.session.active {
            self.sweep = Sweep::Pursue { next: 0, retry: false };
        }
    }

    fn alarm(
        &self,
        code: AlarmCode,
        instrument: InstrumentId,
        value: i64,
        order: OrderId,
        out: &mut Bounded<'_, impl Emit>,
    ) {
        let body = Alarm { value, order, code: code as u8, reserved: [0; 15] };
        out.emit(&Event::output(StageId::Risk, &self.cause, instrument, &body));
    }

    /// Goes on with the work over all desks while there is room for a whole desk.
    fn continue_sweep(&mut self, out: &mut Bounded<'_, impl Emit>) -> Progress {
        loop {
            // Moved on first: pursuing a desk may latch something that starts the sweep again.
            match self.sweep {
                Sweep::Idle => return Progress::Done,
                _ if out.left < PER_DESK => return Progress::More,
                Sweep::Pursue { next, retry } if next < self.desks.len() => {
                    self.sweep = Sweep::Pursue { next: next + 1, retry };
                    self.pursue((self.first + next) % self.desks.len(), retry, out);
                }
                Sweep::End { next } if next < self.desks.len() => {
                    self.sweep = Sweep::End { next: next + 1 };
                    self.end_session(next, out);
                }
                Sweep::Pursue { .. } => self.sweep = Sweep::Idle,
                Sweep::End { .. } => {
                    self.sweep = Sweep::Idle;
                    if self.ledger.open_positions() > 0 && self.must_be_flat() {
                        self.latch_kill(out);
                    }
                }
            }
        }
    }

    /// Wishes do not outlive the session, and no position may.
    fn end_session(&mut self, at: usize, out: &mut Bounded<'_, impl Emit>) {
        self.set_target(at, Target::Reached);
        let instrument = self.desks[at].instrument;
        let held = self.ledger.position(instrument).quantity;
        if !held.is_zero() && self.must_be_flat() {
            self.alarm(AlarmCode::NotFlat, instrument, held.0, OrderId::ZERO, out);
        }
    }
}

impl Stage for Risk {
    const ID: StageId = StageId::Risk;

    fn on_event(&mut self, event: &Event, out: &mut impl Emit) -> Progress {
        let out = &mut Bounded { out, left: EMIT_MAX };
        out.emit(event);
        if event.header.seq != self.cause.seq {
            self.orders_in_step = 0;
        }
        self.cause = event.header;
        match event.kind() {
            // A price whose time is not to be believed is no basis for a mark.
            Kind::Ltp | Kind::Quote | Kind::Full if event.is_refused() => {}
            Kind::Ltp => self.on_price(event.body::<Ltp>().last, out),
            Kind::Quote => self.on_price(event.body::<Quote>().last, out),
            Kind::Full => self.on_price(event.body::<Full>().last, out),
            Kind::Signal => self.on_signal(event.body::<Signal>(), out),
            Kind::Report => self.on_report(event, out),
            Kind::Timer => self.on_timer(),
            Kind::Command => match CommandCode::from_u8(event.body::<Command>().code) {
                Some(CommandCode::Kill) => self.latch_kill(out),
                Some(CommandCode::Stop) => self.on_stop(),
                None => unreachable!("coded fields are checked where events enter"),
            },
            Kind::SessionStart => self.on_session_start(event.body::<SessionStart>()),
            Kind::SessionEnd => {
                self.session.active = false;
                self.sweep = Sweep::End { next: 0 };
            }
            _ => {}
        }
        self.continue_sweep(out)
    }

    fn resume(&mut self, out: &mut impl Emit) -> Progress {
        self.continue_sweep(&mut Bounded { out, left: EMIT_MAX })
    }

    fn state_hash(&self, hasher: &mut StateHasher) {
        self.ledger.hash(hasher);
        for desk in &self.desks {
            desk.hash(hasher);
        }
        hasher.u64(self.session.open.0);
        hasher.u64(self.session.close.0);
        hasher.u64(self.session.square_off.0);
        hasher.i64(self.start_total.0);
        hasher.i64(self.loss_limit.0);
        hasher.u64(self.session.entries_end.0);
        hasher.i64(self.peak_total.0);
        hasher.i64(self.drawdown_limit.0);
        hasher.i64(self.symbol_loss_limit.0);
        hasher.u64(u64::from(self.trades) | u64::from(self.barred) << 32);
        self.rate.hash(hasher);
        hasher.u64(self.waiting.map_or(u64::MAX, |at| at as u64));
        hasher.u64(self.first as u64);
        let latches = [self.session.active, self.killed, self.halted, self.squaring, self.stopped];
        hasher.bytes(&latches.map(u8::from));
        hasher.u64(self.open_orders as u64);
        hasher.u64(u64::from(self.occupied));
        hasher.u64(u64::from(self.wishes));
        self.finished.hash(hasher);
        hasher.u64(self.cause.seq.0);
        hasher.u64(self.orders_in_step);
        // The sweep is idle between steps, and hashes are taken only there.
    }
}
