//! Orders, trades and positions of the broker against what is known here: at the start, after an interruption, and every
//! few seconds. Entries leave only after a clean one.
//!
//! Absence is proof only in a list that is whole, was asked for after the failure, and has every order that is known to
//! be there: a broker that forgot one may have forgotten another.

use super::order::{REASON_BROKER_REFUSED, REASON_NOT_SENT, STATE_UNKNOWN, Stage, Standing};
use super::{Difference, Gateway, Note, UnderWay, Verdict};
use crate::call::CallKind;
use crate::tag::Owner;
use crate::wire::{List, OddRow, OrderRow, PositionRow};
use pitlane_engine::event::OrderState;
use pitlane_engine::units::{InstrumentId, OrderId};
use std::collections::{BTreeMap, BTreeSet};

/// A held position that is not compared for so long disarms.
const UNCOMPARED_MAX: u64 = 60 * pitlane_engine::units::NS_PER_S;

/// How far one reconciliation came.
#[derive(Clone, Debug, Default)]
struct Cycle {
    started: u64,
    /// Orders, trades, positions: asked for.
    asked: [bool; 3],
    /// Answered.
    answered: [bool; 3],
    positions: BTreeMap<u32, i64>,
}

#[derive(Clone, Debug)]
pub(super) struct Reconciliation {
    next: u64,
    cycle: Option<Cycle>,
    last_whole: Option<u64>,
    /// The positions listed last, and when the reconciliation that asked for them began.
    pub(super) listed: Option<(u64, BTreeMap<u32, i64>)>,
    /// The differences of positions found last, and each how often in a row.
    strikes: Vec<(Difference, u32)>,
    /// When the position of an instrument was compared last, and since when one is not that is held.
    compared: BTreeMap<u32, u64>,
    /// Since when, and in how many lists in a row, an order is missing that was there.
    forgetful: Option<(u64, u32)>,
    pub(super) verdict: Verdict,
    pub(super) armed: bool,
    /// The instruments of which broker and fills said the same once.
    agreed: BTreeSet<u32>,
    pub(super) ledger: Option<(u64, BTreeMap<u32, i64>)>,
}

impl Reconciliation {
    pub(super) fn new(now: u64) -> Self {
        Self {
            next: now,
            cycle: None,
            last_whole: None,
            listed: None,
            strikes: Vec::new(),
            compared: BTreeMap::new(),
            forgetful: None,
            verdict: Verdict::Unproved,
            armed: false,
            agreed: BTreeSet::new(),
            ledger: None,
        }
    }

    /// What was asked before counts no more.
    pub(super) fn start_over(&mut self, now: u64) {
        (self.next, self.cycle, self.last_whole, self.listed) = (now, None, None, None);
        self.verdict = Verdict::Unproved;
        // Differences that are known hold exits back until they were looked at again.
        self.strikes.iter_mut().for_each(|(_, times)| *times = 0);
    }

    /// Whether broker and fills ever had the same position of an instrument.
    pub(super) fn has_agreed_in(&self, instrument: InstrumentId) -> bool {
        self.agreed.contains(&instrument.0)
    }

    /// After an operator's word each position has its time again to be compared.
    pub(super) fn compare_anew(&mut self) {
        self.compared.clear();
    }

    /// Whether the last comparison found another position in an instrument than its fills make.
    pub(super) fn differs_in(&self, instrument: InstrumentId) -> bool {
        let about = |difference: &Difference| matches!(difference, Difference::Position { instrument: found, .. } if *found == instrument);
        self.strikes.iter().any(|(difference, _)| about(difference))
    }

    /// One is due at once, if none is running.
    pub(super) fn soon(&mut self, now: u64) {
        self.next = self.next.min(now);
    }

    /// A part of it failed: it is tried again in a second.
    pub(super) fn fail(&mut self, now: u64) {
        self.cycle = None;
        self.next = now + pitlane_engine::units::NS_PER_S;
    }
}

impl Gateway {
    /// Starts a reconciliation that is due, and disarms when there was none for too long.
    pub(super) fn reconciliation_due(&mut self) {
        let (now, stale) = (self.now, self.settings.stale_after);
        let reconciliation = &mut self.reconciliation;
        if reconciliation.cycle.is_none() && now >= reconciliation.next {
            reconciliation.cycle = Some(Cycle { started: now, ..Cycle::default() });
            reconciliation.next = now + self.settings.reconcile_every;
        }
        if reconciliation.last_whole.is_some_and(|at| now >= at + stale) {
            reconciliation.verdict = Verdict::Unproved;
            reconciliation.last_whole = None;
            self.disarm("no whole reconciliation for too long");
        }
        self.uncompared();
        self.missing_trades();
    }

    fn missing_trades(&mut self) {
        let (now, wait) = (self.now, self.settings.trades_wait);
        let missing = self.live.iter().copied().find(|id| {
            let order = &self.orders[id];
            order.proved.0 < order.filled && now >= order.filled_at + wait
        });
        if let Some(id) = missing
            && self.noted.insert(format!("trades of {id}"))
        {
            self.halt(Difference::TradesMissing { order: OrderId(id) });
        }
    }

    pub(super) fn pump_reconciliation(&mut self) {
        let parts = [
            (CallKind::Orders, "/orders"),
            (CallKind::Trades, "/trades"),
            (CallKind::Positions, "/portfolio/positions"),
        ];
        for (part, (kind, path)) in parts.into_iter().enumerate() {
            let Some(cycle) = &self.reconciliation.cycle else { return };
            if cycle.asked[part] {
                continue;
            }
            if !self.ask(kind, path.into(), true) {
                return;
            }
            let cycle = self.reconciliation.cycle.as_mut().expect("looked at just now");
            cycle.asked[part] = true;
        }
    }

    /// Whether a call belongs to the reconciliation that is running, and not to one that was given up.
    fn is_current(&self, call: &UnderWay) -> bool {
        call.cycle && self.reconciliation.cycle.as_ref().is_some_and(|cycle| call.asked >= cycle.started)
    }

    fn answered(&mut self, part: usize) {
        let cycle = self.reconciliation.cycle.as_mut().expect("looked at before");
        cycle.answered[part] = true;
        if cycle.answered == [true; 3] {
            self.conclude();
        }
    }

    /// A list of all orders.
    pub(super) fn on_orders(&mut self, list: &List<OrderRow>, call: UnderWay) {
        for row in &list.rows {
            self.merge(row, Some(call.asked));
            // A stray that works on after its cancel is cancelled again.
            if let Some(stray) = self.strays.get_mut(&row.order_id) {
                stray.ended |= Standing::of(&row.status).is_end();
                if let super::Cancel::Asked { at } = stray.cancel
                    && call.asked > at
                {
                    stray.cancel =
                        super::Cancel::Wanted { not_before: at + super::pump::cancel_again(stray.cancels) };
                }
            }
        }
        self.governor
            .at_least_today(u32::try_from(list.rows.len() + list.odd.len()).unwrap_or(u32::MAX), self.now);
        let odd = list.odd.iter().filter(|row| self.is_elsewhere(row)).count();
        let whole = list.unreadable == odd;
        if whole {
            let listed: BTreeSet<&str> = list.rows.iter().map(|row| row.order_id.as_str()).collect();
            self.count_absences(&listed, call.asked);
        }
        if self.is_current(&call) {
            if whole { self.answered(0) } else { self.reconciliation.fail(self.now) }
        }
    }

    /// Whether a row that cannot be read is surely none of ours: neither its id nor its tag, nor on an instrument of ours.
    fn is_elsewhere(&self, row: &OddRow) -> bool {
        let foreign =
            |tags: &Vec<String>| !tags.iter().any(|tag| matches!(self.tags.owner(tag), Owner::Ours(_)));
        let elsewhere = !row.exchange.is_empty()
            && !row.symbol.is_empty()
            && self.instruments.named(&row.exchange, &row.symbol).is_none();
        elsewhere
            && row.tags.as_ref().is_some_and(foreign)
            && !self.by_broker.contains_key(&row.order_id)
            && !self.strays.contains_key(&row.order_id)
    }

    fn count_absences(&mut self, listed: &BTreeSet<&str>, asked: u64) {
        let forgotten = self.by_broker.iter().find(|(broker_id, id)| {
            let known_since = match self.orders[*id].stage {
                Stage::Known { since } => since,
                _ => 0,
            };
            known_since < asked && !listed.contains(broker_id.as_str())
        });
        let forgot = forgotten.is_some();
        match forgotten.map(|(_, id)| OrderId(*id)) {
            None => self.reconciliation.forgetful = None,
            Some(order) => {
                let (since, count) = self.reconciliation.forgetful.unwrap_or((asked, 0));
                self.reconciliation.forgetful = Some((since, count + 1));
                // Also an order that has ended stays in the day's list: a broker that lost it may have lost anything.
                if count + 1 >= self.settings.absent_lists && asked >= since + self.settings.absent_time {
                    self.halt(Difference::Vanished { order });
                }
            }
        }
        let (lists, time) = (self.settings.absent_lists, self.settings.absent_time);
        for id in self.live.clone() {
            let order = self.order_mut(id);
            let (since, known) = match (&order.stage, &order.broker_id) {
                (Stage::Unknown { since, .. }, _) => (*since, false),
                (Stage::Known { since }, Some(broker_id)) if !listed.contains(broker_id.as_str()) => {
                    (*since, true)
                }
                _ => continue,
            };
            // A list that forgot what is known to be there proves nothing about the rest.
            if asked <= since || (forgot && !known) {
                continue;
            }
            order.absences += 1;
            // What counts is when a list was asked for: one that took long to come says nothing of what came to the broker since.
            if order.absences >= lists && asked >= since + time {
                self.absent(id, known);
            }
        }
    }

    /// The broker does not have it.
    fn absent(&mut self, id: u64, known: bool) {
        let order = self.order_mut(id);
        order.absences = 0;
        if known || order.acknowledged || order.filled > 0 {
            // It was there: where it went, and what it did before, nobody can say.
            let told_so = order.told.0 == STATE_UNKNOWN;
            let since = self.now;
            let order = self.order_mut(id);
            if known {
                order.stage = Stage::Unknown { since, refused: false };
            }
            if !told_so {
                self.tell(id, Some((STATE_UNKNOWN, 0)));
            }
            return self.halt(Difference::Vanished { order: OrderId(id) });
        }
        let refused = matches!(order.stage, Stage::Unknown { refused: true, .. });
        let reason = if refused { REASON_BROKER_REFUSED } else { REASON_NOT_SENT };
        self.end(id, OrderState::Rejected, reason);
    }

    /// Trades were listed, of all orders or of one: what still has no value is asked for again later.
    pub(super) fn trades_listed(&mut self, call: &UnderWay) {
        let again = self.now + self.settings.look_again;
        for id in self.live.clone() {
            let concerned = call.kind == CallKind::Trades || call.kind == CallKind::OrderTrades(OrderId(id));
            let order = self.order_mut(id);
            if concerned && order.trades_at.is_some_and(|at| call.asked >= at) {
                order.trades_at = Some(again);
            }
        }
        if self.is_current(call) {
            self.answered(1);
        }
    }

    /// All net positions.
    pub(super) fn on_positions(&mut self, list: &List<PositionRow>, call: &UnderWay) {
        if !self.is_current(call) {
            return;
        }
        if list.unreadable > 0 {
            return self.reconciliation.fail(self.now);
        }
        let mut positions = BTreeMap::<u32, i64>::new();
        for row in &list.rows {
            let listed = self.instruments.named(&row.exchange, &row.symbol);
            match listed.filter(|listed| listed.product.name() == row.product) {
                Some(listed) => {
                    let held = positions.entry(listed.instrument.0).or_default();
                    *held = held.saturating_add(row.quantity);
                }
                None if row.quantity != 0 => {
                    let name = format!("{}:{} {}", row.exchange, row.symbol, row.product);
                    if self.noted.insert(format!("position {name} {}", row.quantity)) {
                        self.note(Note::ForeignPosition { name, quantity: row.quantity });
                    }
                }
                None => {}
            }
        }
        self.reconciliation.cycle.as_mut().expect("looked at just now").positions = positions;
        self.answered(2);
    }

    /// All three parts are there.
    fn conclude(&mut self) {
        let cycle = self.reconciliation.cycle.take().expect("it was running");
        let now = self.now;
        self.reconciliation.last_whole = Some(now);
        self.reconciliation.listed = Some((cycle.started, cycle.positions.clone()));
        let restoring = self.live.iter().any(|id| {
            let order = &self.orders[id];
            order.restored && matches!(order.stage, Stage::Unknown { .. })
        });
        // An instrument in which something moves is compared later; the others do not wait for it.
        let all: Vec<InstrumentId> = self.instruments.iter().map(|listed| listed.instrument).collect();
        let rests: Vec<InstrumentId> =
            all.iter().copied().filter(|instrument| self.rests_since(*instrument, cycle.started)).collect();
        for instrument in &rests {
            let found = self.differences(*instrument, &cycle);
            if found.is_empty() {
                self.reconciliation.agreed.insert(instrument.0);
            }
            self.strike(*instrument, found);
            self.reconciliation.compared.insert(instrument.0, now);
        }
        let worst = self.settings.position_strikes;
        if !self.reconciliation.strikes.is_empty() {
            self.reconciliation.verdict = Verdict::Differs;
            self.disarm("positions differ");
            let strikes = self.reconciliation.strikes.clone();
            let meant = strikes.into_iter().filter(|(_, times)| *times >= worst);
            meant.for_each(|(difference, _)| self.halt(difference));
        } else if rests.len() == all.len() {
            self.reconciliation.verdict = Verdict::Clean;
            let clear = !self.latched && self.halted.is_none() && !self.token_dead && !restoring;
            if clear && !self.reconciliation.armed {
                self.reconciliation.armed = true;
                self.note(Note::Armed);
            }
        } else if self.reconciliation.verdict != Verdict::Clean {
            // What was clean and has only moved since stays so.
            self.reconciliation.verdict = Verdict::Differs;
        }
        if self.halted.is_some() {
            // Exits that wait are held against the new list: what it does not confirm is refused, not kept.
            self.refuse_waiting();
        }
    }

    /// Counts how often in a row these differences, and no others, were found in an instrument.
    fn strike(&mut self, instrument: InstrumentId, found: Vec<Difference>) {
        let strikes = std::mem::take(&mut self.reconciliation.strikes);
        let (before, mut strikes): (Vec<_>, Vec<_>) =
            strikes.into_iter().partition(|(difference, _)| difference.position_of() == Some(instrument));
        for difference in found {
            let times = before.iter().find(|(known, _)| *known == difference).map_or(0, |(_, times)| *times);
            if times == 0 {
                self.note(Note::Difference(difference.clone(), false));
            }
            strikes.push((difference, times + 1));
        }
        self.reconciliation.strikes = strikes;
    }

    /// A position that is held and could not be compared for too long: in its instrument something never comes to rest.
    fn uncompared(&mut self) {
        let now = self.now;
        let compared = &mut self.reconciliation.compared;
        let held = self.positions.iter().filter(|(_, held)| **held != 0);
        let late: Vec<u32> = held
            .filter(|(instrument, _)| now >= *compared.entry(**instrument).or_insert(now) + UNCOMPARED_MAX)
            .map(|(instrument, _)| *instrument)
            .collect();
        compared.retain(|instrument, _| self.positions.get(instrument).is_some_and(|held| *held != 0));
        if late.is_empty() {
            return;
        }
        self.disarm("a position could not be compared for too long");
        // A difference found there before holds its exits back: people decide, as nothing here will look again.
        let of_late =
            |difference: &Difference| difference.position_of().is_some_and(|of| late.contains(&of.0));
        let known: Vec<Difference> = self
            .reconciliation
            .strikes
            .iter()
            .map(|(difference, _)| difference.clone())
            .filter(of_late)
            .collect();
        known.into_iter().for_each(|difference| self.halt(difference));
    }

    fn differences(&self, instrument: InstrumentId, cycle: &Cycle) -> Vec<Difference> {
        let id = instrument.0;
        let held = |positions: &BTreeMap<u32, i64>| positions.get(&id).copied().unwrap_or(0);
        let (expected, broker) = (held(&self.positions), held(&cycle.positions));
        let mut differences = Vec::new();
        if expected != broker {
            differences.push(Difference::Position { instrument, expected, broker });
        }
        let ledger = self.reconciliation.ledger.as_ref();
        let fresh =
            ledger.filter(|(at, _)| self.rests_since(instrument, *at)).map(|(_, ledger)| held(ledger));
        if let Some(engine) = fresh.filter(|engine| *engine != expected) {
            differences.push(Difference::Ledger { instrument, expected, engine });
        }
        differences
    }
}
