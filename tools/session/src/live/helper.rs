//! Looks after a run on the wall clock: carries order updates to the gateway, tells people and the run what happens, hands
//! over new tokens, and lets the gateway go at the end.

use super::clock::{Doubt, MarketClock};
use super::feed::credentials;
use super::log::Log;
use super::orders::{Gateway, Settling, order_row, settle, wind_down};
use super::world::Helper;
use crate::operator::Told;
use pitlane_config::BrokerSettings;
use pitlane_engine::event::{CommandCode, Event};
use pitlane_engine::sequencer::schedule::command_event;
use pitlane_engine::units::{NS_PER_S, TsNs};
use pitlane_kite_feed::{FeedHandle, Note as FeedNote, TokenSlot};
use pitlane_kite_gateway::gateway::{Note, Verdict};
use pitlane_kite_gateway::session::Session;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the token file is looked at.
const TOKEN_EVERY: Duration = Duration::from_secs(2);
/// How often the gateway is given the run's positions ...
const LEDGER_EVERY: Duration = Duration::from_secs(1);
/// ... and by how much of the market's time the run may be behind then: twice what lies between two timers.
const LEDGER_AGE_NS: u64 = 2 * NS_PER_S;
/// How often people are told that a gateway is closed.
const CLOSED_SAID_EVERY: Duration = Duration::from_secs(60);
/// How often people are told that the clock is wrong.
const CLOCK_SAID_EVERY: Duration = Duration::from_secs(60);
/// Updates that are carried over in one turn.
const UPDATES_PER_TURN: usize = 256;

/// The helper of a paper or a live run.
pub(super) struct Minder {
    clock: MarketClock,
    feed: FeedHandle,
    tokens: Arc<TokenSlot>,
    broker: BrokerSettings,
    log: Log,
    gateway: Option<Trading>,
    token_looked: Instant,
    /// The session that is in use.
    token: Session,
    /// Whether the updates of each connection were up, and then interrupted.
    interrupted: Vec<Updates>,
    /// Whether the run was told that its clock is wrong, and when people were told last.
    clock_wrong: Option<Instant>,
}

/// The order updates of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Updates {
    /// They have never come.
    #[default]
    Never,
    /// They come.
    Up,
    /// They came, and do not.
    Down,
}

impl Updates {
    /// The connection is up now, or not; `true` if updates may be missing by this change.
    fn now(&mut self, up: bool) -> bool {
        let before = *self;
        *self = match (before, up) {
            (_, true) => Self::Up,
            (Self::Never, false) => Self::Never,
            (_, false) => Self::Down,
        };
        // Reaching `Down` from `Down`, as every failed attempt does, is no news.
        before != Self::Never && before != *self
    }
}

/// What a live run has beside a paper run.
struct Trading {
    gateway: Gateway,
    settling: Settling,
    latched: bool,
    halted: bool,
    gone: bool,
    ledger_shown: Instant,
    closed_said: Option<Instant>,
    notes_lost: u64,
}

impl Minder {
    /// A helper; with a gateway in a live run.
    pub(super) fn new(
        clock: MarketClock,
        feed: FeedHandle,
        tokens: Arc<TokenSlot>,
        broker: &BrokerSettings,
        log: Log,
        gateway: Option<Gateway>,
        session: Session,
    ) -> Self {
        let settling = Settling::new(broker);
        let gateway = gateway.map(|gateway| Trading::new(gateway, settling));
        let broker = broker.clone();
        let token_looked = Instant::now();
        let interrupted = vec![Updates::Never; feed.status.sockets.len()];
        Self {
            clock,
            feed,
            tokens,
            broker,
            log,
            gateway,
            token_looked,
            token: session,
            interrupted,
            clock_wrong: None,
        }
    }

    fn carry_updates(&mut self) {
        for _ in 0..UPDATES_PER_TURN {
            let Ok(update) = self.feed.orders.pop() else { return };
            let Some(trading) = &mut self.gateway else { continue };
            let carried = order_row(&update).is_some_and(|row| trading.gateway.updates.push(row).is_ok());
            if !carried {
                // The broker's own lists say the same, later.
                trading.gateway.shared.reconnected();
            }
        }
    }

    fn feed_notes(&mut self) {
        while let Ok(note) = self.feed.notes.pop() {
            self.log.line(&format!("feed: {note:?}"));
            let again = match note {
                FeedNote::Lost { socket, .. } => self.interrupted[socket].now(false),
                FeedNote::Connected { socket } => self.interrupted[socket].now(true),
                FeedNote::OrderLost { .. } | FeedNote::TextRefused(_) => true,
                _ => false,
            };
            if let Some(trading) = self.gateway.as_ref().filter(|_| again) {
                trading.gateway.shared.reconnected();
            }
        }
    }

    /// Nothing is opened by a clock that is wrong: square-offs would come too late, and old prices count as new.
    fn hold_clock(&mut self, commands: &mut rtrb::Producer<Event>) {
        let wrong = match self.clock.doubt(self.feed.status.exchange_lead()) {
            None => return,
            Some(Doubt::Drifts(text)) => return self.log.line(&format!("warning: {text}")),
            Some(Doubt::Wrong(text)) => text,
        };
        if self.clock_wrong.is_none() {
            // A full ring means that the sequencer is busy: it is looked at again in a second.
            if commands.push(command_event(CommandCode::ReduceOnly, &format!("clock: {wrong}"))).is_err() {
                return;
            }
            if let Some(trading) = &self.gateway {
                trading.gateway.shared.reconnected();
            }
        }
        if self.clock_wrong.is_none_or(|said| said.elapsed() >= CLOCK_SAID_EVERY) {
            self.clock_wrong = Some(Instant::now());
            self.log.line(&format!(
                "THE CLOCK IS WRONG, NOTHING IS OPENED, SQUARE-OFF COMES AT ANOTHER TIME: {wrong}"
            ));
        }
    }

    /// Takes over a token that `engine login` wrote meanwhile.
    fn look_at_token(&mut self) {
        if self.token_looked.elapsed() < TOKEN_EVERY {
            return;
        }
        self.token_looked = Instant::now();
        let found = self.broker.token_file.as_ref().zip(super::clock::wall_ns().ok());
        // An old or unreadable one is no news: the broker says when the one in use is dead.
        let Some(session) = found.and_then(|(path, now)| Session::read(path, now).ok()) else { return };
        if session == self.token {
            return;
        }
        self.token = session.clone();
        self.log.line("a new access token is in the token file");
        self.tokens.set(credentials(&session));
        if let Some(trading) = &self.gateway {
            let running = trading.gateway.running.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(thread) = running.as_ref() {
                thread.set_session(&session);
            }
        }
    }
}

impl Trading {
    fn new(gateway: Gateway, settling: Settling) -> Self {
        Self {
            gateway,
            settling,
            latched: false,
            halted: false,
            gone: false,
            ledger_shown: Instant::now(),
            closed_said: None,
            notes_lost: 0,
        }
    }

    /// Gives the gateway the run's positions to be compared, each second, if the run is not behind.
    fn show_ledger(&mut self, now: TsNs) {
        if self.ledger_shown.elapsed() < LEDGER_EVERY {
            return;
        }
        self.ledger_shown = Instant::now();
        let (seen, held) = self.gateway.positions.read();
        if is_current(seen, now) {
            self.gateway.shared.set_ledger(held);
        }
    }

    /// Says again and again that a gateway is closed: stops and the square-off may be refused by it.
    fn say_closed(&mut self, log: &mut Log) {
        let figures = self.gateway.shared.figures();
        if self.gone || !figures.latched && figures.verdict != Verdict::Halt {
            self.closed_said = None;
            return;
        }
        // The first moments are told of by whoever closed it.
        let said = *self.closed_said.get_or_insert_with(Instant::now);
        if said.elapsed() >= CLOSED_SAID_EVERY {
            self.closed_said = Some(Instant::now());
            let why = if figures.latched { "LATCHED" } else { "HALTED" };
            log.line(&format!(
                "THE GATEWAY IS {why}: CANCELS AND WHAT FLATTENS LEAVE; STOP-LOSSES AND THE SQUARE-OFF MAY NOT. Look at the \
                 account, then engine flatten, kill or resume"
            ));
        }
    }

    fn poll(&mut self, log: &mut Log, commands: &mut rtrb::Producer<Event>) {
        let mut why = None;
        for note in self.gateway.shared.take_notes() {
            log.line(&format!("gateway: {note:?}"));
            if let Note::Difference(difference, true) = note {
                why = Some(format!("{difference:?}"));
            }
        }
        let lost = self.gateway.shared.notes_lost();
        if lost > self.notes_lost {
            log.line(&format!(
                "gateway: {} notes were lost, differences perhaps among them",
                lost - self.notes_lost
            ));
            self.notes_lost = lost;
        }
        // The gateway lets nothing out but cancels and what flattens. The run must not go on opening; what is open is for
        // a person to judge, because whose position it is is the question.
        let halts = self.gateway.shared.figures().verdict == Verdict::Halt;
        if halts && !self.halted {
            let reason = format!("reconciliation: {}", why.as_deref().unwrap_or("see live.log"));
            self.halted = commands.push(command_event(CommandCode::ReduceOnly, &reason)).is_ok();
            if self.halted {
                log.line(&format!(
                    "HALT: the broker and the journal differ ({reason}); nothing is opened. Look at the account, then engine \
                     flatten, kill or resume"
                ));
            }
        }
        self.halted &= halts;
        self.gone = self.gone || self.settling.poll(&self.gateway, log);
    }
}

/// Whether what the run shows is of just now: every report of a moment before is in it.
fn is_current(seen: TsNs, now: TsNs) -> bool {
    seen != TsNs::ZERO && now.since(seen) <= LEDGER_AGE_NS
}

impl Drop for Minder {
    fn drop(&mut self) {
        // Nobody hears a kill any more, and nobody would let the gateway go: the run would wait for its reports for ever.
        if std::thread::panicking()
            && let Some(trading) = &self.gateway
        {
            let Gateway { running, shared, .. } = &trading.gateway;
            wind_down(running, shared, settle(&self.broker), &mut self.log);
        }
    }
}

impl Helper for Minder {
    fn poll(&mut self, commands: &mut rtrb::Producer<Event>) {
        self.carry_updates();
        self.feed_notes();
        self.look_at_token();
        self.hold_clock(commands);
        if let Some(trading) = &mut self.gateway {
            trading.poll(&mut self.log, commands);
            trading.show_ledger(self.clock.pace().now());
            trading.say_closed(&mut self.log);
        }
    }

    fn told(&mut self, told: &Told) {
        if told.resumed.is_some() {
            // What is still wrong is said to the run again.
            self.clock_wrong = None;
        }
        let Some(trading) = &mut self.gateway else { return };
        if told.resumed.is_some() {
            trading.gateway.shared.resume();
            trading.latched = false;
        } else if told.latched && !trading.latched {
            // Not by way of the run alone: whatever that is doing, nothing but cancels and flattening orders leaves now.
            trading.gateway.shared.latch();
            trading.latched = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_updates_that_came_is_told_of_once() {
        let mut updates = Updates::default();
        let ups = [false, false, true, true, false, false, false, true, false];
        let told: Vec<bool> = ups.into_iter().map(|up| updates.now(up)).collect();
        // Never up, up for the first time: nothing was missed. Lost, and up again: each once.
        assert_eq!(told, [false, false, false, false, true, false, false, true, true]);
    }

    #[test]
    fn positions_of_a_run_that_is_behind_are_not_compared() {
        let at = |seconds: u64| TsNs(seconds * NS_PER_S);
        assert!(is_current(at(100), at(102)) && is_current(at(103), at(102)));
        assert!(!is_current(at(100), TsNs(at(102).0 + 1)) && !is_current(TsNs::ZERO, at(1)));
    }
}
