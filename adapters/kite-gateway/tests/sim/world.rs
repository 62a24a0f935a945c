//! One schedule: everything that happens, in the order of its time, and what must hold at every moment.

use crate::broker::{Broker, LISTED};
use crate::desk::{Desk, LIMIT};
use crate::fault::{ALL, Fault};
use crate::rng::Rng;
use pitlane_engine::config::InstrumentClass;
use pitlane_engine::event::{Intent, Kind, OrderState, Side};
use pitlane_engine::units::{InstrumentId, Qty, Seq};
use pitlane_kite_gateway::Gateway;
use pitlane_kite_gateway::call::{Answer, Call, CallError, CallId, CallKind};
use pitlane_kite_gateway::gateway::{Difference, Note, STATE_UNKNOWN, Verdict};
use pitlane_kite_gateway::instruments::{Instruments, Listed, Product};
use pitlane_kite_gateway::settings::Settings;
use pitlane_kite_gateway::wire;
use std::collections::{BTreeMap, VecDeque};

pub(crate) const S: u64 = 1_000_000_000;
const START: u64 = 1_795_235_400 * S;
/// How long things go wrong, and when they must have come to rest.
const ROUGH: u64 = 40 * S;
const END: u64 = 100 * S;
const TICK: u64 = S / 3;
const JOURNAL: u64 = 77;

#[derive(Clone, Debug)]
pub(crate) enum Happening {
    Tick,
    Wish,
    Durable(u64),
    Answer(CallId, Result<Answer, CallError>),
    AnswerAct(Call),
    /// A call reaches the broker.
    Arrive(Call),
    Act(Call),
    Live(usize),
    Postback(String),
    Token,
    Big(Fault),
    Calm,
}

pub(crate) struct World {
    pub(crate) rng: Rng,
    now: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    number: u64,
    gateway: Gateway,
    broker: Broker,
    desk: Desk,
    durable: u64,
    settings: Settings,
    pub(crate) seen: Vec<u64>,
    /// Times at which order calls of the last minute reached the broker.
    arrived: VecDeque<u64>,
    /// Times at which entries and their changes of the last second did.
    entered: VecDeque<u64>,
    /// What is handed over before this time arrives then: the line stands.
    stalled: u64,
    /// When a gateway was started last.
    started: u64,
    latched: bool,
    /// Gateway before this call number is dead.
    epoch: u64,
    calls_of: BTreeMap<u64, u64>,
    /// Something happened that may or must end in a halt, or may break a limit.
    lawless: Vec<Fault>,
    notes: Vec<Note>,
    placed: BTreeMap<u64, u32>,
    left: [u64; 3],
    /// `PITLANE_SIM_SEED` is given: one schedule, line by line.
    tracing: bool,
}

pub(crate) fn settings() -> Settings {
    let mut settings = Settings { absent_time: 12 * S, ..Settings::default() };
    settings.rates.per_minute = 120;
    settings
}

fn instruments() -> Instruments {
    Instruments::new(LISTED.iter().enumerate().map(|(at, (symbol, exchange, tick, lot, product))| Listed {
        instrument: InstrumentId(at as u32),
        exchange: (*exchange).into(),
        symbol: (*symbol).into(),
        class: if *product == "MIS" { InstrumentClass::Equity } else { InstrumentClass::Future },
        product: if *product == "MIS" { Product::Mis } else { Product::Nrml },
        tick: *tick,
        lot: *lot,
        multiplier: 1,
        freeze: 0,
        tradable: true,
    }))
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let places = [2, 4, 10][rng.below(3) as usize];
        let settings = settings();
        let gateway = Gateway::new(settings.clone(), instruments(), JOURNAL, START).unwrap();
        let mut world = Self {
            rng,
            now: START,
            queue: BTreeMap::new(),
            number: 0,
            gateway,
            broker: Broker::new(places),
            desk: Desk::default(),
            durable: 0,
            settings,
            seen: vec![0; ALL.len()],
            arrived: VecDeque::new(),
            entered: VecDeque::new(),
            stalled: 0,
            started: 0,
            latched: false,
            epoch: 0,
            calls_of: BTreeMap::new(),
            lawless: Vec::new(),
            notes: Vec::new(),
            placed: BTreeMap::new(),
            left: [0; 3],
            tracing: std::env::var_os("PITLANE_SIM_SEED").is_some(),
        };
        for at in 0..END / TICK {
            world.at(START + at * TICK, Happening::Tick);
        }
        let mut at = START + S;
        let pace = 100 + world.rng.below(900);
        while at < START + ROUGH {
            world.at(at, Happening::Wish);
            at += (1 + world.rng.below(pace)) * S / 1_000;
        }
        world.at(START + ROUGH, Happening::Calm);
        for (fault, percent) in [
            (Fault::TokenDead, 6),
            (Fault::Amnesia, 4),
            (Fault::Restart, 20),
            (Fault::Reconnect, 20),
            (Fault::Latch, 12),
            (Fault::ByHand, 3),
        ] {
            if world.rng.chance(percent) {
                let at = START + 5 * S + world.rng.below(ROUGH - 5 * S);
                world.at(at, Happening::Big(fault));
            }
        }
        world
    }

    fn at(&mut self, time: u64, what: Happening) {
        self.number += 1;
        self.queue.insert((time.max(self.now), self.number), what);
    }

    fn trace(&self, line: impl Fn() -> String) {
        if self.tracing {
            println!("{:.3} {}", (self.now - START) as f64 / 1e9, line());
        }
    }

    fn saw(&mut self, fault: Fault) {
        self.seen[fault as usize] += 1;
    }

    /// Plays it to the end; an error says what did not hold.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        while let Some(((time, _), what)) = self.queue.pop_first() {
            if time > START + END {
                break;
            }
            self.now = time;
            self.gateway.on_tick(time);
            if matches!(what, Happening::Big(Fault::Reconnect)) {
                // What left before the line broke left by what was known then.
                self.take_out()?;
            }
            self.happen(what)?;
            self.take_out()?;
            self.check()?;
        }
        self.check_end()
    }

    fn happen(&mut self, what: Happening) -> Result<(), String> {
        if !matches!(what, Happening::Tick | Happening::Wish | Happening::Durable(_)) {
            self.trace(|| match &what {
                Happening::Answer(call, Ok(answer)) => {
                    format!("answer {call:?} {}", String::from_utf8_lossy(&answer.body))
                }
                other => format!("{other:?}"),
            });
        }
        match what {
            Happening::Tick => {
                let positions: Vec<_> =
                    (0..3).map(|at| (InstrumentId(at as u32), Qty(self.desk.positions[at]))).collect();
                self.gateway.on_ledger(positions);
            }
            Happening::Wish => self.wish(),
            Happening::Durable(seq) => {
                self.durable = self.durable.max(seq);
                self.gateway.on_durable(Seq(self.durable));
            }
            Happening::Answer(call, result) => self.answer(call, result),
            Happening::AnswerAct(call) => {
                let result = self.broker.answer(&call);
                self.answer(call.id, result);
            }
            Happening::Act(call) => {
                if let Some(order) = self.broker.act(&call, &mut self.rng) {
                    let at = self.now + S / 50 + self.rng.below(S / 3);
                    self.at(at, Happening::Live(order));
                    if self.broker.orders[order].status == "CANCEL PENDING" {
                        self.postback(order);
                    }
                    if matches!(call.kind, CallKind::Modify(_)) {
                        self.update_postback(order);
                    }
                }
            }
            Happening::Arrive(call) => self.arrive(&call)?,
            Happening::Live(order) => {
                let mut seen = Vec::new();
                if self.broker.live(order, &mut self.rng, &mut |fault| seen.push(fault)) {
                    self.postback(order);
                }
                seen.into_iter().for_each(|fault| self.saw(fault));
                // What came late comes to rest all the same.
                let found = &self.broker.orders[order];
                let goes_on = self.now < START + ROUGH + 20 * S || found.step < 3 || found.ioc;
                if !found.ended() && goes_on {
                    let slow = 1 + self.rng.below(if self.broker.orders[order].status == "OPEN" {
                        3_000
                    } else {
                        400
                    });
                    self.at(self.now + slow * S / 1_000, Happening::Live(order));
                }
            }
            Happening::Postback(text) => {
                if let Some(row) = wire::order_object(&text) {
                    self.gateway.on_update(&row);
                }
            }
            Happening::Token => {
                self.broker.token_dead = false;
                self.gateway.on_token();
            }
            Happening::Calm => self.broker.rough = false,
            Happening::Big(fault) => self.big(fault),
        }
        Ok(())
    }

    fn answer(&mut self, call: CallId, result: Result<Answer, CallError>) {
        // Answers of calls that a dead gateway made go nowhere.
        if self.calls_of.get(&call.0).is_some_and(|epoch| *epoch == self.epoch) {
            self.gateway.on_answer(CallId(call.0 - self.epoch * 1_000_000), result);
        }
    }

    fn big(&mut self, fault: Fault) {
        self.saw(fault);
        match fault {
            Fault::TokenDead => {
                self.broker.token_dead = true;
                let at = self.now + S + self.rng.below(10 * S);
                self.at(at, Happening::Token);
            }
            Fault::Amnesia => {
                self.lawless.push(fault);
                self.broker.forget();
            }
            Fault::ByHand => {
                self.lawless.push(fault);
                self.broker.foreign(&mut self.rng);
            }
            Fault::Reconnect => self.gateway.on_reconnect(),
            Fault::Latch => {
                self.latched = true;
                self.gateway.on_latch();
            }
            Fault::Restart => {
                // Reports that were made and not taken are lost with the gateway; here all have been taken.
                self.epoch += 1;
                self.started = self.now;
                let mut gateway =
                    Gateway::new(self.settings.clone(), instruments(), JOURNAL, self.now).unwrap();
                let positions = (0..3).map(|at| (InstrumentId(at as u32), Qty(self.desk.positions[at])));
                gateway.restore(self.desk.saved(), positions);
                gateway.on_durable(Seq(self.durable));
                self.gateway = gateway;
                if self.latched {
                    self.gateway.on_latch();
                }
            }
            _ => unreachable!(),
        }
    }

    fn wish(&mut self) {
        let at = self.rng.below(3) as usize;
        let lot = LISTED[at].3;
        let open: Vec<u64> = self
            .desk
            .orders
            .iter()
            .filter(|(_, order)| !order.ended && order.at == at && !order.cancelling)
            .map(|(id, _)| *id)
            .collect();
        let shape = self.rng.next() >> 8;
        let event = if !open.is_empty() && self.rng.chance(50) {
            let id = open[self.rng.below(open.len() as u64) as usize];
            let (asked, most, filled) = {
                let order = &self.desk.orders[&id];
                (order.asked, order.most, order.filled)
            };
            if asked || self.rng.chance(40) {
                self.desk.cancel(id)
            } else {
                let quantity =
                    if self.rng.chance(50) { most } else { (most - lot).max(filled + lot).min(most) };
                let up = self.rng.below(7) as i64 - 3;
                self.desk.modify(id, quantity, up)
            }
        } else {
            let held = self.desk.positions[at];
            let (buys, sells) = self.desk.open(at);
            if held != 0 && open.is_empty() && !self.desk.has_open(at) && self.rng.chance(60) {
                let side = if held > 0 { Side::Sell } else { Side::Buy };
                let intent = if self.latched { Intent::Flatten } else { Intent::Exit };
                self.desk.order(at, side, held.abs(), intent, shape)
            } else {
                let side = if self.rng.chance(50) { Side::Buy } else { Side::Sell };
                let room = if side == Side::Buy { LIMIT - held - buys } else { LIMIT + held - sells };
                let lots = (room / lot).min(1 + self.rng.below(5) as i64);
                if lots <= 0 {
                    return;
                }
                self.desk.order(at, side, lots * lot, Intent::Entry, shape)
            }
        };
        let seq = event.header.seq.0;
        let wait = self.rng.below(S / 20);
        self.at(self.now + wait, Happening::Durable(seq));
        self.trace(|| {
            let fields = match event.kind() {
                Kind::Modify => format!("{:?}", event.body::<pitlane_engine::event::Modify>()),
                Kind::Cancel => format!("{:?}", event.body::<pitlane_engine::event::Cancel>()),
                _ => format!("{:?}", event.body::<pitlane_engine::event::Order>()),
            };
            format!("wish {fields}")
        });
        self.gateway.on_intent(&event);
    }

    /// The ticker says that an order was changed, and not where it stands.
    fn update_postback(&mut self, order: usize) {
        let mut changed = self.broker.orders[order].clone();
        if !changed.ended() {
            self.saw(Fault::UpdatePostback);
            changed.status = "UPDATE".into();
            let (row, lag) = (self.broker.row(&changed), self.rng.below(S / 10));
            self.at(self.now + lag, Happening::Postback(row));
        }
    }

    /// When a call that is handed over now reaches the broker.
    fn on_its_way(&mut self) -> u64 {
        if self.broker.rough && self.stalled < self.now && self.rng.chance(3) {
            self.saw(Fault::Stall);
            self.stalled = self.now + S + self.rng.below(2 * S);
        }
        self.stalled.max(self.now) + self.rng.below(S / 100)
    }

    /// A call reaches the broker, which counts it.
    fn arrive(&mut self, call: &Call) -> Result<(), String> {
        let mut seen = Vec::new();
        let what = self.broker.take(call, self.now, &mut self.rng, &mut |fault| seen.push(fault));
        if call.kind.is_order_call() && !seen.contains(&Fault::NeverLeft) {
            // What is handed over within a minute may arrive within one that is shorter by a stall.
            while self.arrived.front().is_some_and(|&at| self.now >= at + 57 * S) {
                self.arrived.pop_front();
            }
            self.arrived.push_back(self.now);
            let second = self.arrived.iter().filter(|&&at| self.now < at + S).count();
            // A gateway that was just started does not know what the one before it did.
            let runs = |time: u64| if self.epoch > 0 && self.now < self.started + time { 2 } else { 1 };
            if second > 8 * runs(12 * S) || self.arrived.len() > 120 * runs(60 * S) {
                return Err(format!("{second} calls arrive in a second, {} in a minute", self.arrived.len()));
            }
            self.count_entry(call, runs(12 * S))?;
        }
        for fault in seen {
            self.saw(fault);
            if fault == Fault::AcceptVeryLate {
                self.lawless.push(fault);
            }
        }
        for (time, what) in what {
            self.at(time, what);
        }
        Ok(())
    }

    /// Entries leave room for what closes, in every second.
    fn count_entry(&mut self, call: &Call, runs: usize) -> Result<(), String> {
        let (CallKind::Place(id) | CallKind::Modify(id)) = call.kind else { return Ok(()) };
        if self.desk.orders[&id.0].wanted.intent != Intent::Entry {
            return Ok(());
        }
        while self.entered.front().is_some_and(|&at| self.now >= at + S) {
            self.entered.pop_front();
        }
        self.entered.push_back(self.now);
        let rates = &self.settings.rates;
        let most = (rates.per_second - rates.reserve_second) as usize * runs;
        let count = self.entered.len();
        if count > most { Err(format!("{count} entries in a second leave no reserve")) } else { Ok(()) }
    }

    fn postback(&mut self, order: usize) {
        let order = &self.broker.orders[order];
        let row = self.broker.row(order);
        let (lag, rough) = (self.rng.below(S / 10), self.broker.rough);
        match self.rng.below(100) {
            0..8 if rough => self.saw(Fault::PostbackLost),
            8..16 if rough => {
                self.saw(Fault::PostbackTwice);
                let later = self.now + self.rng.below(4 * S);
                self.at(later, Happening::Postback(row.clone()));
                self.at(self.now + lag, Happening::Postback(row));
            }
            16..30 if rough => {
                self.saw(Fault::OutOfOrder);
                let later = self.now + self.rng.below(5 * S);
                self.at(later, Happening::Postback(row));
            }
            _ => self.at(self.now + lag, Happening::Postback(row)),
        }
    }

    /// Takes what the gateway wants, and carries it out.
    fn take_out(&mut self) -> Result<(), String> {
        while let Some(report) = self.gateway.next_report() {
            self.trace(|| {
                let body = report.body::<pitlane_engine::event::Report>();
                format!(
                    "report {} state {} reason {} filled {} of {}",
                    body.order.0, body.state, body.reason, body.filled.0, body.quantity.0
                )
            });
            let id = self.desk.report(&report)?;
            self.check_value(id)?;
            self.check_absence(id)?;
            self.check_stop(id)?;
        }
        while let Some(mut call) = self.gateway.next_call() {
            self.trace(|| format!("call {call:?}"));
            self.check_call(&call)?;
            call.id = CallId(call.id.0 + self.epoch * 1_000_000);
            self.calls_of.insert(call.id.0, self.epoch);
            let at = self.on_its_way();
            self.at(at, Happening::Arrive(call));
        }
        while let Some(note) = self.gateway.next_note() {
            self.notes.push(note);
        }
        Ok(())
    }

    /// What may leave, and how fast.
    fn check_call(&mut self, call: &Call) -> Result<(), String> {
        if !call.kind.is_order_call() {
            return Ok(());
        }
        self.left[match call.kind {
            CallKind::Place(_) => 0,
            CallKind::Modify(_) => 1,
            _ => 2,
        }] += 1;
        let (CallKind::Place(id) | CallKind::Modify(id)) = call.kind else { return Ok(()) };
        let order = &self.desk.orders[&id.0];
        if self.latched && order.wanted.intent != Intent::Flatten {
            return Err(format!("{call:?} after the latch"));
        }
        let cause =
            if matches!(call.kind, CallKind::Modify(_)) { order.asked_at } else { order.wanted.cause.0 };
        if self.durable < cause {
            return Err(format!("{call:?} before its cause was durable"));
        }
        if matches!(call.kind, CallKind::Place(_)) {
            let times = self.placed.entry(id.0).or_default();
            *times += 1;
            if *times > 1 {
                return Err(format!("{call:?} was sent before"));
            }
            if order.ended {
                return Err(format!("{call:?} of an order that has ended"));
            }
            if order.wanted.intent == Intent::Entry && self.gateway.verdict() == Verdict::Unproved {
                return Err(format!("{call:?} before the account is known to be ours"));
            }
        }
        Ok(())
    }

    /// A reported value is that of the broker's trades, to the last digit.
    fn check_value(&self, id: u64) -> Result<(), String> {
        let order = &self.desk.orders[&id];
        let tag = pitlane_kite_gateway::tag::Tags::new(JOURNAL).of(order.wanted.id);
        let truth = self.broker.orders.iter().find(|truth| truth.tag == tag);
        let value = truth.map_or(Some(0), |truth| truth.value_of(order.filled));
        if value != Some(order.value) {
            return Err(format!("{order:?}: value should be {value:?}"));
        }
        Ok(())
    }

    /// A broker that lost what it is known to have had proves nothing by what it does not list.
    fn check_absence(&self, id: u64) -> Result<(), String> {
        let tags = pitlane_kite_gateway::tag::Tags::new(JOURNAL);
        let order = &self.desk.orders[&id];
        let tag = tags.of(order.wanted.id);
        let truth = self.broker.orders.iter().find(|truth| truth.tag == tag);
        let denied = order.state == OrderState::Rejected as u8
            && truth.is_some_and(|truth| truth.forgotten && truth.filled > 0);
        let forgot = |truth: &&crate::broker::Order| {
            truth.forgotten && self.of(truth).is_some_and(|order| order.acknowledged)
        };
        if denied && self.epoch == 0 && self.broker.orders.iter().any(|truth| forgot(&truth)) {
            return Err(format!("{order:?} counts as never accepted, and is {truth:?}"));
        }
        Ok(())
    }

    /// A stop that waits is never reported as at the exchange.
    fn check_stop(&self, id: u64) -> Result<(), String> {
        let order = &self.desk.orders[&id];
        let tag = pitlane_kite_gateway::tag::Tags::new(JOURNAL).of(order.wanted.id);
        let waits = |truth: &&crate::broker::Order| truth.tag == tag && truth.status == "TRIGGER PENDING";
        let truth = self.broker.orders.iter().find(waits);
        let open = order.state == OrderState::Open as u8;
        if open && truth.is_some() { Err(format!("{order:?} waits: {truth:?}")) } else { Ok(()) }
    }

    /// Whether what halted is what was done to the account.
    fn is_cause(&self, difference: &Difference) -> bool {
        self.lawless.iter().any(|fault| match fault {
            Fault::ByHand => matches!(difference, Difference::Position { .. }),
            Fault::AcceptVeryLate => matches!(
                difference,
                Difference::AcceptedAfterEnd { .. }
                    | Difference::LostOrder { .. }
                    | Difference::FillsAfterEnd { .. }
                    | Difference::Position { .. }
            ),
            // Cancelled behind everybody's back and taken off the lists; what its fills were worth is lost with it.
            Fault::Amnesia => matches!(
                difference,
                Difference::Vanished { .. } | Difference::TradesMissing { .. } | Difference::Position { .. }
            ),
            _ => false,
        })
    }

    /// What holds at every moment.
    fn check(&self) -> Result<(), String> {
        if let Some((tag, count)) =
            self.broker.per_tag().into_iter().find(|(tag, count)| *count > 1 && *tag != "byhand")
        {
            return Err(format!("{count} orders of the broker carry {tag}"));
        }
        if !self.lawless.is_empty() {
            return Ok(());
        }
        for at in 0..3 {
            let mine = || self.broker.orders.iter().filter(|order| order.at == at);
            let open = |buy: bool| {
                mine().filter(|order| order.buy == buy).map(crate::broker::Order::remaining).sum::<i64>()
            };
            let held = self.broker.positions[at];
            if held + open(true) > LIMIT || held - open(false) < -LIMIT {
                return Err(format!("limit exceeded: {held} held, {} and {} open", open(true), open(false)));
            }
            // What the engine counts at its worst covers what is true.
            let (buys, sells) = self.desk.open(at);
            let known = self.desk.positions[at];
            if known + buys < held || known - sells > held {
                return Err(format!("position {held} outside of {known} + {buys} - {sells}"));
            }
        }
        Ok(())
    }

    fn check_end(&mut self) -> Result<(), String> {
        if self.gateway.verdict() == Verdict::Halt {
            let why = self.gateway.halted_by();
            return if why.is_some_and(|why| self.is_cause(why)) {
                Ok(())
            } else {
                Err(format!("halted without need by {why:?}"))
            };
        }
        let must_halt = |fault: &&Fault| matches!(fault, Fault::ByHand | Fault::AcceptVeryLate);
        if let Some(fault) = self.lawless.iter().find(must_halt)
            && (*fault == Fault::ByHand
                || self.broker.orders.iter().any(|order| order.filled > 0 && self.is_ghost(order)))
        {
            return Err(format!("{fault:?} did not halt"));
        }
        if self.lawless.contains(&Fault::Amnesia) {
            return Ok(());
        }
        for (id, order) in &self.desk.orders {
            if order.state == STATE_UNKNOWN && !order.ended {
                return Err(format!("{id} is unknown for ever: {order:?}"));
            }
            let tag = pitlane_kite_gateway::tag::Tags::new(JOURNAL).of(order.wanted.id);
            let truth = self.broker.orders.iter().find(|truth| truth.tag == tag);
            let (filled, ended) = truth.map_or((0, true), |truth| (truth.filled, truth.ended()));
            let waits_unarmed = truth.is_none() && !order.ended && order.wanted.intent != Intent::Entry;
            if order.filled != filled || (order.ended != ended && !waits_unarmed) {
                return Err(format!("{order:?} is {truth:?}"));
            }
        }
        for at in 0..3 {
            let (engine, broker) = (self.desk.positions[at], self.broker.positions[at]);
            let gateway = self.gateway.position(InstrumentId(at as u32)).0;
            if engine != broker || gateway != broker {
                return Err(format!("position {at}: engine {engine}, gateway {gateway}, broker {broker}"));
            }
        }
        if self.latched {
            let works = self
                .broker
                .orders
                .iter()
                .any(|order| !order.ended() && order.tag != "byhand" && !self.flattens(order));
            if works {
                return Err("an order works on after the latch".into());
            }
        } else if !self.gateway.is_armed() {
            return Err(format!("not armed at the end: {:?}", self.gateway.overview()));
        }
        Ok(())
    }

    fn of(&self, order: &crate::broker::Order) -> Option<&crate::desk::Working> {
        let tags = pitlane_kite_gateway::tag::Tags::new(JOURNAL);
        self.desk.orders.values().find(|working| tags.of(working.wanted.id) == order.tag)
    }

    fn flattens(&self, order: &crate::broker::Order) -> bool {
        self.of(order).is_some_and(|order| order.wanted.intent == Intent::Flatten)
    }

    /// Filled at the broker and ended without it here.
    fn is_ghost(&self, order: &crate::broker::Order) -> bool {
        self.of(order).is_some_and(|working| working.ended && working.filled < order.filled)
    }

    /// Placements, modifications and cancels that left, and fills.
    pub(crate) fn work(&self) -> [u64; 4] {
        let fills = self.broker.orders.iter().map(|order| order.trades.len() as u64).sum();
        [self.left[0], self.left[1], self.left[2], fills]
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn story(&self) -> String {
        let tail = self.notes.len().saturating_sub(15);
        format!(
            "notes: {:#?}\nlawless {:?} latched {} epoch {}\n{:?}",
            &self.notes[tail..],
            self.lawless,
            self.latched,
            self.epoch,
            self.gateway.overview()
        )
    }
}
