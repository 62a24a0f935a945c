//! The risk stage: signals become verdicts and orders; reports become positions; limits stop both.
//!
//! 1. Every proposed order gets a verdict with the deciding rule; the order follows if a quantity is allowed.
//!    What was asked for already (LONG while long, or while that entry is under way) gets neither.
//! 2. An instrument has any number of strategies (`claims.rs`), at most one entry and one exit under way, and
//!    one wish (`Target`), made from what the strategies want. A reversal is an exit now and an entry when a
//!    report says flat; limits are looked at when the entry is due.
//! 3. Entries are sized from capital and risk (`sizing.rs`), and those that rest may follow the market
//!    (`reprice.rs`). Positions may have a stop loss, a target and a holding time (`exits.rs`). Exits are IOC
//!    orders at a protected price; what they leave is tried again each second, and no limit keeps an exit back but
//!    the order table, of which entries leave it half, and the second's number of orders, of which they leave it a
//!    quarter.
//! 4. Kill (over sessions too), halt (the day's loss or drawdown, until the next session) and square-off
//!    (from each instrument's time on) block entries, cancel what rests and, a kill only if configured or if
//!    an operator said flatten, close positions each second until flat. After any other kill nothing but cancels
//!    is sent: positions are left to people. An instrument whose own loss reaches its limit is closed alone, for
//!    the session. An operator's resume clears these latches, not their causes. Nothing is sent outside an
//!    instrument's continuous trading.
//! 5. A report counts once, by its number. One that contradicts its order is not booked: alarm, and the kill
//!    latches.

mod atr;
mod checks;
mod claims;
mod desk;
mod exits;
mod latches;
mod losses;
mod margin;
mod orders;
mod rate;
mod reports;
mod reprice;
mod session;
mod sizing;
mod state;
#[cfg(test)]
mod tests;

use crate::charges::Tariffs;
use crate::config::{PipelineConfig, RiskConfig};
use crate::event::{
    Alarm, AlarmCode, Bar, Command, CommandCode, Event, Header, Hours, Kind, SessionStart, Signal, StageId,
    TradingState,
};
use crate::ledger::Ledger;
use crate::limits::{EMIT_MAX, INSTRUMENTS_MAX};
use crate::stage::{Emit, Progress, Stage};
use crate::state::StateIo;
use crate::units::{InstrumentId, Money, OrderId, Price, TsNs};
use claims::Claim;
use desk::{Desk, Finished, Target};
use rate::Rate;

/// Events that pursuing one desk may emit: a cancel, a verdict, an order and an alarm. A resting entry that follows
/// the market is one event, of a desk that cancels nothing.
const PER_DESK: usize = 4;
/// Marks an instrument that no strategy trades.
const NO_DESK: u32 = u32::MAX;

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
    /// What orders cost today.
    tariffs: Tariffs,
    /// The instruments that a strategy trades, by id.
    desks: Vec<Desk>,
    /// By instrument, the index of its desk or `NO_DESK`.
    desk_of: Vec<u32>,
    /// Whether any strategy has exits, or entries that follow the market, so that each second looks at every desk.
    watched: bool,
    /// Between a session's start and its end.
    active: bool,
    /// Not after any desk's square-off.
    first_square_off: TsNs,
    /// The last timer at or after that; zero before. What is squared off by then is being closed.
    squared_until: TsNs,
    /// Net profit when the session started, and the loss from there that halts it.
    start_net: Money,
    loss_limit: Money,
    /// The highest net profit since then, the fall from there that halts, and an instrument's loss that
    /// closes it; a limit of zero is none.
    peak_net: Money,
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
    /// A kill that closes every position, whatever is configured.
    flatten: bool,
    halted: bool,
    /// Nothing is opened until a resume; exits and cancels go on.
    reduce_only: bool,
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
    /// A risk stage without positions. Panics if an instrument is unknown or a strategy has it twice: the
    /// configuration is checked where it is read.
    pub fn new(config: &PipelineConfig) -> Self {
        assert!(
            config.instruments.len() <= INSTRUMENTS_MAX,
            "the instrument table is checked where it is read"
        );
        let mut claims: Vec<Vec<Claim>> = config.instruments.iter().map(|_| Vec::new()).collect();
        for (index, strategy) in config.strategies.iter().enumerate() {
            let id = PipelineConfig::strategy_id(index);
            for &instrument in &strategy.instruments {
                let of = &mut claims[instrument.index()];
                assert!(of.last().is_none_or(|claim| claim.strategy != id), "checked where it is read");
                of.push(Claim::new(id, strategy));
            }
        }
        let mut desks = Vec::new();
        let mut desk_of = vec![NO_DESK; config.instruments.len()];
        for (at, claims) in claims.into_iter().enumerate().filter(|(_, claims)| !claims.is_empty()) {
            desk_of[at] = desks.len() as u32;
            let mut desk = Desk::new(InstrumentId(at as u32), &config.instruments[at], claims);
            desk.atr = sizing::range_for(&config.risk);
            desks.push(desk);
        }
        let watched = |claim: &Claim| claim.has_exits() || claim.reprice_ns > 0;
        Self {
            config: config.risk,
            ledger: Ledger::new(&config.instruments),
            tariffs: Tariffs::new(&config.instruments, &config.charges),
            watched: desks.iter().any(|desk| desk.claims.iter().any(watched)),
            desks,
            desk_of,
            active: false,
            first_square_off: TsNs(u64::MAX),
            squared_until: TsNs::ZERO,
            start_net: Money::ZERO,
            loss_limit: Money::ZERO,
            peak_net: Money::ZERO,
            drawdown_limit: Money::ZERO,
            symbol_loss_limit: Money::ZERO,
            trades: 0,
            barred: 0,
            rate: Rate::new(config.risk.orders_per_second),
            waiting: None,
            first: 0,
            killed: false,
            flatten: false,
            halted: false,
            reduce_only: false,
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

    /// Equity: capital and net profit at the marks.
    pub fn equity(&self) -> Money {
        self.config.capital + self.ledger.net()
    }

    /// The instrument's last price, zero if there is none.
    fn last(&self, desk: &Desk) -> Price {
        self.ledger.position(desk.instrument).mark
    }

    fn is_occupied(&self, at: usize) -> bool {
        let desk = &self.desks[at];
        desk.entry.is_some() || !self.ledger.position(desk.instrument).quantity.is_zero()
    }

    /// The desk of an instrument that strategies trade.
    #[inline]
    fn desk_at(&self, instrument: InstrumentId) -> Option<usize> {
        let at = *self.desk_of.get(instrument.index())?;
        (at != NO_DESK).then_some(at as usize)
    }

    /// Whether the desk's position has to go for a reason of the whole account or of the hour.
    fn must_flatten(&self, desk: &Desk) -> bool {
        self.halted || self.flatten || self.killed && self.config.flatten_on_kill || self.squaring(desk)
    }

    /// Whether nothing of the desk may be opened any more and nothing may rest.
    fn closing(&self, desk: &Desk) -> bool {
        self.killed || self.halted || self.reduce_only || self.stopped || self.squaring(desk)
    }

    /// Whether a position that is left at the session's end is somebody's fault.
    fn must_be_flat(&self, desk: &Desk) -> bool {
        !self.stopped || self.must_flatten(desk)
    }

    fn set_target(&mut self, at: usize, target: Target) {
        let desk = &mut self.desks[at];
        let (was, is) = (desk.target != Target::Reached, target != Target::Reached);
        desk.target = target;
        self.wishes = self.wishes + u32::from(is) - u32::from(was);
    }

    #[inline(always)]
    fn on_price(&mut self, last: Price, out: &mut Bounded<'_, impl Emit>) {
        let instrument = self.cause.instrument;
        self.ledger.mark(instrument, last);
        if !self.ledger.position(instrument).quantity.is_zero() {
            self.check_losses(instrument, out);
            self.check_exits(instrument, out);
        }
    }

    fn on_timer(&mut self) {
        if self.active && self.cause.ts >= self.first_square_off {
            self.squared_until = self.cause.ts;
        }
        let latched = self.killed || self.halted || self.reduce_only || self.stopped;
        let stop = latched || self.squared_until > TsNs::ZERO;
        let anything = self.open_orders > 0 || self.ledger.open_positions() > 0;
        if anything && (stop || self.wishes > 0 || self.barred > 0 || self.watched) {
            self.first = self.waiting.take().unwrap_or(0);
            self.sweep = Sweep::Pursue { next: 0, retry: true };
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
    #[inline(never)]
    fn continue_sweep(&mut self, out: &mut Bounded<'_, impl Emit>) -> Progress {
        loop {
            // Moved on first: pursuing a desk may latch something that starts the sweep again.
            match self.sweep {
                Sweep::Idle => return Progress::Done,
                _ if out.left < PER_DESK => return Progress::More,
                Sweep::Pursue { next, retry } if next < self.desks.len() => {
                    self.sweep = Sweep::Pursue { next: next + 1, retry };
                    let at = (self.first + next) % self.desks.len();
                    if retry && self.watched {
                        self.exit_comes_due(at);
                    }
                    self.pursue(at, retry, out);
                    if retry && self.watched {
                        self.reprice(at, out);
                    }
                }
                Sweep::End { next } if next < self.desks.len() => {
                    self.sweep = Sweep::End { next: next + 1 };
                    self.end_desk(next, out);
                }
                Sweep::Pursue { .. } => self.sweep = Sweep::Idle,
                Sweep::End { .. } => {
                    self.sweep = Sweep::Idle;
                    if self.any_must_be_flat() {
                        self.latch_kill(out);
                    }
                }
            }
        }
    }
}

impl Stage for Risk {
    const ID: StageId = StageId::Risk;

    #[inline(always)]
    fn on_event(&mut self, event: &Event, out: &mut impl Emit) -> Progress {
        out.forward(event);
        let out = &mut Bounded { out, left: EMIT_MAX - 1 };
        if event.header.seq != self.cause.seq {
            self.orders_in_step = 0;
        }
        self.cause = event.header;
        if let Some(last) = event.last() {
            // A price whose time is not to be believed is no basis for a mark.
            if !event.is_refused() {
                self.on_price(last, out);
            }
        } else if event.is(Kind::Bar) {
            self.on_bar(event.body::<Bar>());
        } else {
            self.on_other(event.kind(), event, out);
        }
        if self.sweep == Sweep::Idle { Progress::Done } else { self.continue_sweep(out) }
    }

    fn resume(&mut self, out: &mut impl Emit) -> Progress {
        self.continue_sweep(&mut Bounded { out, left: EMIT_MAX })
    }

    fn state(&mut self, io: &mut StateIo<'_>) {
        self.walk(io);
    }
}

impl Risk {
    /// Handles what is neither a price nor a bar. Apart, because of the memory that orders and verdicts take on the stack.
    #[inline(never)]
    fn on_other(&mut self, kind: Kind, event: &Event, out: &mut Bounded<'_, impl Emit>) {
        match kind {
            Kind::Signal => self.on_signal(event.body::<Signal>(), out),
            Kind::Report => self.on_report(event, out),
            Kind::Timer => self.on_timer(),
            Kind::Command => match CommandCode::from_u8(event.body::<Command>().code) {
                Some(CommandCode::Kill) => self.latch_kill(out),
                Some(CommandCode::Stop) => self.on_stop(),
                Some(CommandCode::Flatten) => self.latch_flatten(out),
                Some(CommandCode::Resume) => self.on_resume(out),
                Some(CommandCode::ReduceOnly) => self.latch_reduce_only(),
                None => unreachable!("coded fields are checked where events enter"),
            },
            Kind::SessionStart => self.on_session_start(event.body::<SessionStart>()),
            Kind::Hours => self.on_hours(event.body::<Hours>()),
            Kind::TradingState => self.on_trading_state(event.body::<TradingState>()),
            Kind::SessionEnd => self.on_session_end(),
            _ => {}
        }
    }
}
