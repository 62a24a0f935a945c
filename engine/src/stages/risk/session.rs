//! Sessions: each instrument's own hours, and when its entries end and its position is closed.

use super::desk::{Desk, Target};
use super::{Bounded, Risk, Sweep};
use crate::config::RiskConfig;
use crate::event::{AlarmCode, Hours, MarketPhase, SessionStart, TradingState};
use crate::stage::Emit;
use crate::state::StateIo;
use crate::units::{OrderId, TsNs};

/// The hours of one instrument in the running session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DeskHours {
    /// Continuous trading: from here on, and before the close. Nothing is sent outside.
    pub(super) open: TsNs,
    pub(super) close: TsNs,
    /// From here on the position is closed.
    pub(super) square_off: TsNs,
    /// From here on no entry; the square-off if nothing of its own is configured.
    pub(super) entries_end: TsNs,
    /// Whether trading is interrupted: cancels are sent, and no order.
    pub(super) halted: bool,
}

impl DeskHours {
    /// Before the first session.
    pub(super) const NONE: Self = Self {
        open: TsNs::ZERO,
        close: TsNs::ZERO,
        square_off: TsNs(u64::MAX),
        entries_end: TsNs(u64::MAX),
        halted: false,
    };

    pub(super) fn new(config: &RiskConfig, open: TsNs, close: TsNs) -> Self {
        let (square_off, entries_end) = config.last_times(open, close);
        Self { open, close, square_off, entries_end, halted: false }
    }

    /// Whether the instrument is in continuous trading at `ts`.
    pub(super) fn contain(&self, ts: TsNs) -> bool {
        self.open <= ts && ts < self.close
    }

    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        for ts in [&mut self.open, &mut self.close, &mut self.square_off, &mut self.entries_end] {
            io.time_or_never(ts);
        }
        io.flag(&mut self.halted);
    }
}

impl Risk {
    pub(super) fn on_session_start(&mut self, start: &SessionStart) {
        let hours = DeskHours::new(&self.config, start.open, start.close);
        for at in 0..self.desks.len() {
            self.desks[at].hours = hours;
            // Bars that the end of the session before closed may have made signals behind it.
            self.clear_stances(at);
            self.set_target(at, Target::Reached);
        }
        self.active = true;
        self.tariffs.start(start.date);
        self.first_square_off = hours.square_off;
        self.squared_until = TsNs::ZERO;
        self.start_losses();
        self.trades = 0;
        self.halted = false;
        self.stopped = false;
    }

    /// An instrument keeps other hours than its session.
    pub(super) fn on_hours(&mut self, hours: &Hours) {
        let Some(at) = self.desk_at(self.cause.instrument) else { return };
        let hours = DeskHours::new(&self.config, hours.open, hours.close);
        let halted = self.desks[at].hours.halted;
        self.desks[at].hours = DeskHours { halted, ..hours };
        // A bound is enough: what begins too early finds nothing to close yet.
        self.first_square_off = self.first_square_off.min(hours.square_off);
    }

    /// Trading in an instrument is interrupted, or goes on. What is wanted meanwhile is sent with the first timer after it.
    pub(super) fn on_trading_state(&mut self, state: &TradingState) {
        let Some(at) = self.desk_at(self.cause.instrument) else { return };
        self.desks[at].hours.halted = state.phase != MarketPhase::Continuous as u8;
    }

    pub(super) fn on_session_end(&mut self) {
        self.active = false;
        self.sweep = Sweep::End { next: 0 };
    }

    /// Wishes do not outlive the session, and no position may.
    pub(super) fn end_desk(&mut self, at: usize, out: &mut Bounded<'_, impl Emit>) {
        self.clear_stances(at);
        self.set_target(at, Target::Reached);
        self.desks[at].closing = None;
        let desk = &self.desks[at];
        let held = self.ledger.position(desk.instrument).quantity;
        if !held.is_zero() && self.must_be_flat(desk) {
            self.alarm(AlarmCode::NotFlat, desk.instrument, held.0, OrderId::ZERO, out);
        }
    }

    /// Whether a position is open that should not be.
    pub(super) fn any_must_be_flat(&self) -> bool {
        let held = |desk: &Desk| !self.ledger.position(desk.instrument).quantity.is_zero();
        self.ledger.open_positions() > 0
            && self.desks.iter().any(|desk| held(desk) && self.must_be_flat(desk))
    }

    /// Whether the desk's square-off has begun: a timer came at or after its time.
    pub(super) fn squaring(&self, desk: &Desk) -> bool {
        desk.hours.square_off <= self.squared_until
    }

    /// Whether an order or a cancel of the desk makes sense now: a price of the day before is no basis for one
    /// before the open, and the market would refuse one after the close.
    pub(super) fn may_trade(&self, desk: &Desk) -> bool {
        self.active && desk.hours.contain(self.cause.ts)
    }

    /// Whether an exit may be sent now. A kill that closes nothing leaves positions to people: nothing but cancels goes
    /// out until it is cleared, or made a flatten.
    pub(super) fn may_exit(&self, desk: &Desk) -> bool {
        let left_alone = self.killed && !self.flatten && !self.config.flatten_on_kill;
        !left_alone && self.may_trade(desk) && !desk.hours.halted
    }
}
