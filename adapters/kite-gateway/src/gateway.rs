//! Order entry at the broker as a pure state machine: no clock, thread or socket. What it is told comes in by the
//! `on_…` methods, the wall time by [`Gateway::on_tick`]; what it wants done comes out of [`Gateway::next_call`],
//! what the engine has to know out of [`Gateway::next_report`], what people have to know out of
//! [`Gateway::next_note`].
//!
//! The rules, with the reasons in the modules that keep them:
//!
//! 1. An order is placed by at most one request, ever. A request whose answer is lost makes the order UNKNOWN; it is
//!    looked for by its tag, and only lists that lack it for long enough say that it never was (`absence`).
//! 2. Whatever the broker says enters one merge (`merge`): cumulative, monotone, the same from every source.
//! 3. A fill is reported when its value is proved, by the tick grid or by the order's trades.
//! 4. What contradicts is a [`Difference`], never a guess. One that cannot be resolved halts.
//! 5. After the latch nothing leaves but cancels and flattening orders. After a halt nothing opens, and the instrument
//!    that it is about has no exits either, but those that protect what the broker lists beyond doubt (`closed`).
//! 6. Orders and changes leave when what caused them is durable. Cancels do not wait: one that a power cut takes out of
//!    the journal costs an order, and one that waits for a slow disk may cost more.

mod answers;
mod closed;
mod entry;
mod merge;
mod notes;
mod order;
mod pump;
mod reconcile;

pub use notes::{Difference, Note, Verdict};
pub use order::{
    REASON_BROKER_REFUSED, REASON_NOT_SENT, REASON_THROTTLED, Restored, STATE_UNKNOWN, Terms, Wanted,
};

use crate::call::{Call, CallKind};
use crate::governor::Governor;
use crate::instruments::Instruments;
use crate::settings::{Settings, SettingsError};
use crate::tag::Tags;
use crate::wire::OrderRow;
use order::{Cancel, Stage, Tracked};
use pitlane_engine::event::{Event, Intent};
use pitlane_engine::units::{InstrumentId, Qty, Seq};
use reconcile::Reconciliation;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A call under way.
#[derive(Clone, Copy, Debug)]
struct UnderWay {
    id: u64,
    kind: CallKind,
    asked: u64,
    /// Part of a reconciliation.
    cycle: bool,
    /// Number of the session it was made in: a refusal of an old token says nothing of the new one.
    session: u32,
}

/// A working order of the broker that carries our tag and is not one of ours: to be cancelled.
#[derive(Clone, Debug)]
struct Stray {
    variety: String,
    cancel: Cancel,
    /// Cancels that were answered.
    cancels: u32,
    ended: bool,
}

/// The order gateway.
#[derive(Debug)]
pub struct Gateway {
    settings: Settings,
    instruments: Instruments,
    tags: Tags,
    governor: Governor,
    now: u64,
    durable: Seq,
    orders: BTreeMap<u64, Tracked>,
    /// Ids of the orders that have not ended.
    live: BTreeSet<u64>,
    by_broker: BTreeMap<String, u64>,
    strays: BTreeMap<String, Stray>,
    /// Broker ids and names that were noted once.
    noted: BTreeSet<String>,
    under_way: BTreeMap<u64, UnderWay>,
    stray_calls: BTreeMap<u64, String>,
    next_call: u64,
    /// When the last list of orders was asked for.
    listed: u64,
    calls: VecDeque<Call>,
    reports: VecDeque<Event>,
    notes: VecDeque<Note>,
    reconciliation: Reconciliation,
    positions: BTreeMap<u32, i64>,
    latched: bool,
    halted: Option<Difference>,
    /// What a halt is about: these instruments, or everything.
    halted_in: BTreeSet<u32>,
    halted_all: bool,
    /// Exits that the broker refused in a row, by instrument, and when the next may leave.
    refused_exits: BTreeMap<u32, (u32, u64)>,
    /// When a fill last moved an instrument's position.
    moved: BTreeMap<u32, u64>,
    token_dead: bool,
    session: u32,
    /// When anything last changed that all positions may depend on.
    changed: u64,
    /// When anything last changed that the position of an instrument depends on.
    changed_in: BTreeMap<u32, u64>,
}

/// What an operator sees of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overview {
    /// See [`Verdict`].
    pub verdict: Verdict,
    /// Whether entries may leave.
    pub armed: bool,
    /// Whether the kill switch is latched here.
    pub latched: bool,
    /// Whether the broker's session is dead.
    pub token_dead: bool,
    /// Orders that have not ended.
    pub live: usize,
    /// Orders of which nobody knows.
    pub unknown: usize,
    /// Orders that wait to be sent.
    pub waiting: usize,
    /// Calls under way.
    pub calls: usize,
    /// Orders and changes of today.
    pub today: u32,
}

impl Gateway {
    /// A gateway for the orders of the journal with this identity. `now` is the wall time in nanoseconds.
    ///
    /// # Errors
    /// If a setting cannot be.
    pub fn new(
        settings: Settings,
        instruments: Instruments,
        journal: u64,
        now: u64,
    ) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self {
            governor: Governor::new(settings.rates),
            reconciliation: Reconciliation::new(now),
            settings,
            instruments,
            tags: Tags::new(journal),
            now,
            durable: Seq::ZERO,
            orders: BTreeMap::new(),
            live: BTreeSet::new(),
            by_broker: BTreeMap::new(),
            strays: BTreeMap::new(),
            noted: BTreeSet::new(),
            under_way: BTreeMap::new(),
            stray_calls: BTreeMap::new(),
            next_call: 1,
            listed: 0,
            calls: VecDeque::new(),
            reports: VecDeque::new(),
            notes: VecDeque::new(),
            positions: BTreeMap::new(),
            latched: false,
            halted: None,
            halted_in: BTreeSet::new(),
            halted_all: false,
            refused_exits: BTreeMap::new(),
            moved: BTreeMap::new(),
            token_dead: false,
            session: 1,
            changed: now,
            changed_in: BTreeMap::new(),
        })
    }

    /// Takes over what the recovered engine knows, before anything else: its open orders, which are UNKNOWN until the
    /// broker lists them, and its positions. Panics if something was done before, or an order comes twice.
    pub fn restore(
        &mut self,
        orders: impl IntoIterator<Item = Restored>,
        positions: impl IntoIterator<Item = (InstrumentId, Qty)>,
    ) {
        assert!(self.orders.is_empty() && self.next_call == 1, "restored before anything else");
        for restored in orders {
            let id = restored.wanted.id;
            let order = Tracked::restored(&restored, self.tags.of(id), self.now);
            assert!(self.orders.insert(id.0, order).is_none(), "an order is restored once");
            self.live.insert(id.0);
            // The way to the engine starts with where its order stands, also if it thought otherwise.
            self.tell(id.0, Some((STATE_UNKNOWN, 0)));
        }
        self.positions.extend(positions.into_iter().map(|(instrument, quantity)| (instrument.0, quantity.0)));
    }

    /// The wall time. Never goes back: an earlier one is taken as the last. What is due happens here.
    pub fn on_tick(&mut self, wall_ns: u64) {
        self.now = self.now.max(wall_ns);
        self.give_up_calls();
        self.look_again();
        self.pump();
    }

    /// Everything up to this input is durable: what it and those before it caused may leave.
    pub fn on_durable(&mut self, seq: Seq) {
        if seq > self.durable {
            self.durable = seq;
            self.pump();
        }
    }

    /// What the ticker says of an order.
    pub fn on_update(&mut self, row: &OrderRow) {
        self.merge(row, None);
        self.pump();
    }

    /// The order updates were interrupted: nothing is known of what happened meanwhile. Entries wait for a whole
    /// reconciliation, which starts at once.
    pub fn on_reconnect(&mut self) {
        self.reconciliation.start_over(self.now);
        self.disarm("order updates were interrupted");
        self.pump();
    }

    /// A new session at the broker: calls may go out again, after a reconciliation.
    pub fn on_token(&mut self) {
        self.token_dead = false;
        self.session += 1;
        self.on_reconnect();
    }

    /// The engine's positions, as of now. They are compared with the fills known here.
    pub fn on_ledger(&mut self, positions: impl IntoIterator<Item = (InstrumentId, Qty)>) {
        let positions =
            positions.into_iter().map(|(instrument, quantity)| (instrument.0, quantity.0)).collect();
        self.reconciliation.ledger = Some((self.now, positions));
    }

    /// The kill switch: what waits is refused, what works is cancelled, and nothing but cancels and flattening orders
    /// leaves until [`Gateway::resume`].
    pub fn on_latch(&mut self) {
        self.latched = true;
        self.refuse_waiting();
        for id in self.live.clone() {
            let order = self.orders.get_mut(&id).expect("live orders are kept");
            if order.wanted.intent != Intent::Flatten && order.cancel == Cancel::No {
                order.cancel = Cancel::Wanted { not_before: self.now };
            }
        }
        self.pump();
    }

    /// Clears the latch and a halt. Entries wait for a clean reconciliation all the same.
    pub fn resume(&mut self) {
        (self.latched, self.halted, self.halted_all) = (false, None, false);
        self.halted_in.clear();
        self.noted.clear();
        self.reconciliation.compare_anew();
        self.on_reconnect();
    }

    /// The next call to make, each to be answered once by [`Gateway::on_answer`].
    pub fn next_call(&mut self) -> Option<Call> {
        self.calls.pop_front()
    }

    /// The next report for the engine.
    pub fn next_report(&mut self) -> Option<Event> {
        self.reports.pop_front()
    }

    /// The next thing to tell people.
    pub fn next_note(&mut self) -> Option<Note> {
        self.notes.pop_front()
    }

    /// What the last reconciliation says.
    pub fn verdict(&self) -> Verdict {
        if self.halted.is_some() { Verdict::Halt } else { self.reconciliation.verdict }
    }

    /// Why it halts.
    pub fn halted_by(&self) -> Option<&Difference> {
        self.halted.as_ref()
    }

    /// Whether entries may leave.
    pub fn is_armed(&self) -> bool {
        self.reconciliation.armed && !self.latched && self.halted.is_none() && !self.token_dead
    }

    /// What an operator sees.
    pub fn overview(&self) -> Overview {
        let count =
            |is: fn(&Stage) -> bool| self.live.iter().filter(|id| is(&self.orders[*id].stage)).count();
        Overview {
            verdict: self.verdict(),
            armed: self.is_armed(),
            latched: self.latched,
            token_dead: self.token_dead,
            live: self.live.len(),
            unknown: count(|stage| matches!(stage, Stage::Unknown { .. })),
            waiting: count(|stage| matches!(stage, Stage::Waiting { .. })),
            calls: self.under_way.len(),
            today: self.governor.today(),
        }
    }

    /// The position by the fills that are known here.
    pub fn position(&self, instrument: InstrumentId) -> Qty {
        Qty(self.positions.get(&instrument.0).copied().unwrap_or(0))
    }

    /// Whether no order and no call is under way and no fill waits for its value.
    pub fn is_quiet(&self) -> bool {
        let calls = self.under_way.values().any(|call| call.kind.is_order_call());
        !calls && self.live.iter().all(|id| self.orders[id].is_quiet())
    }

    /// The tags of its orders.
    pub(crate) fn tags(&self) -> Tags {
        self.tags.clone()
    }

    /// The time of the last tick.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// Calls that may be under way at once: whoever carries them needs so many hands.
    pub fn calls_max(&self) -> usize {
        self.settings.order_calls_max + self.settings.queries_max
    }

    fn note(&mut self, note: Note) {
        self.notes.push_back(note);
    }

    fn disarm(&mut self, why: &'static str) {
        if self.reconciliation.armed {
            self.reconciliation.armed = false;
            self.note(Note::Disarmed(why));
            // An entry that was about to leave a moment ago does not leave now.
            self.take_back();
        }
    }

    /// Something changed with an order that the position of its instrument depends on.
    fn touch(&mut self, id: u64) {
        let instrument = self.orders[&id].wanted.instrument.0;
        self.changed_in.insert(instrument, self.now);
    }

    /// Whether nothing is under way in an instrument, and nothing has changed in it for a while before `since`.
    fn rests_since(&self, instrument: InstrumentId, since: u64) -> bool {
        let changed = self.changed_in.get(&instrument.0).copied().unwrap_or(0).max(self.changed);
        let of_it = |id: u64| self.orders[&id].wanted.instrument == instrument;
        let calls = self
            .under_way
            .values()
            .any(|call| call.kind.is_order_call() && call.kind.order().is_none_or(|order| of_it(order.0)));
        changed + self.settings.quiet <= since
            && !calls
            && self.live.iter().all(|&id| !of_it(id) || self.orders[&id].is_quiet())
    }

    fn order_mut(&mut self, id: u64) -> &mut Tracked {
        self.orders.get_mut(&id).expect("orders are never removed")
    }
}
