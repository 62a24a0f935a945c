//! The thread that brings the core, the rings and the workers together. It waits for nothing but its next millisecond:
//! a call that hangs has its own thread.

use crate::gateway::{Gateway, Note, Restored, Verdict};
use crate::rescue;
use crate::rest::{Credentials, Rest, Workers};
use crate::session::Session;
use crate::settings::Settings;
use crate::tag::Tags;
use crate::wire::OrderRow;
use pitlane_engine::event::Event;
use pitlane_engine::units::{InstrumentId, Qty, Seq};
use rtrb::{Consumer, Producer};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// How long the thread waits for an answer before it looks at its rings again.
const WAIT: Duration = Duration::from_micros(200);
/// Notes that are kept for whoever reads them; older ones go, counted.
const NOTES_MAX: usize = 4_096;

/// What others ask of the thread, and what it shows them. Every figure is of its last round.
#[derive(Debug, Default)]
pub struct Shared {
    latch: AtomicBool,
    resume: AtomicBool,
    stop: AtomicBool,
    reconnects: AtomicU64,
    token: AtomicBool,
    ledger: Mutex<Option<Vec<(InstrumentId, Qty)>>>,
    notes: Mutex<VecDeque<Note>>,
    notes_lost: AtomicU64,
    rounds: AtomicU64,
    rescue: AtomicU32,
    verdict: AtomicU32,
    armed: AtomicBool,
    latched: AtomicBool,
    token_dead: AtomicBool,
    quiet: AtomicBool,
    live: AtomicU32,
    unknown: AtomicU32,
    waiting: AtomicU32,
    today: AtomicU32,
}

/// What became of the orders of a gateway that panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rescue {
    /// They are being cancelled.
    UnderWay,
    /// The broker's lists show none that works.
    NoneWorks,
    /// Nobody knows.
    MayWork,
}

/// A copy of the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// See [`Verdict`].
    pub verdict: Verdict,
    /// Whether entries may leave.
    pub armed: bool,
    /// Whether the kill switch is latched at the gateway.
    pub latched: bool,
    /// Whether the broker's session is dead.
    pub token_dead: bool,
    /// Whether nothing is under way.
    pub quiet: bool,
    /// Orders that have not ended.
    pub live: u32,
    /// Orders of which nobody knows.
    pub unknown: u32,
    /// Orders that wait.
    pub waiting: u32,
    /// Order calls of today.
    pub today: u32,
    /// Rounds of the thread: it is alive if they grow.
    pub rounds: u64,
}

impl Shared {
    /// Pulls the kill switch.
    pub fn latch(&self) {
        self.latch.store(true, Ordering::Release);
    }

    /// Clears latch and halt; entries wait for a clean reconciliation.
    pub fn resume(&self) {
        self.resume.store(true, Ordering::Release);
    }

    /// The order updates were interrupted.
    pub fn reconnected(&self) {
        self.reconnects.fetch_add(1, Ordering::AcqRel);
    }

    /// The engine's positions now, to be compared.
    pub fn set_ledger(&self, positions: Vec<(InstrumentId, Qty)>) {
        *self.ledger.lock().expect("nothing panics with this lock held") = Some(positions);
    }

    /// Ends the thread; calls under way come to their end first, orders stay as they are.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// What was noted since the last call.
    pub fn take_notes(&self) -> Vec<Note> {
        self.notes.lock().expect("nothing panics with this lock held").drain(..).collect()
    }

    /// Notes that nobody took in time.
    pub fn notes_lost(&self) -> u64 {
        self.notes_lost.load(Ordering::Relaxed)
    }

    /// Whether the thread panicked, and what became of its orders.
    pub fn rescue(&self) -> Option<Rescue> {
        match self.rescue.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Rescue::UnderWay),
            2 => Some(Rescue::NoneWorks),
            _ => Some(Rescue::MayWork),
        }
    }

    fn note(&self, note: Note) {
        let mut notes = self.notes.lock().expect("nothing panics with this lock held");
        if notes.len() == NOTES_MAX {
            notes.pop_front();
            self.notes_lost.fetch_add(1, Ordering::Relaxed);
        }
        notes.push_back(note);
    }

    /// After a panic of the thread: its orders are cancelled.
    fn cancel_all(&self, rest: &Rest, tags: &Tags) {
        self.rescue.store(1, Ordering::Release);
        let mut world = rescue::World {
            call: &mut |call| rest.call(call),
            say: &mut |line| self.note(Note::AfterPanic(line)),
            pause: &mut std::thread::sleep,
        };
        let clear = rescue::cancel_all(tags, &mut world);
        self.rescue.store(if clear { 2 } else { 3 }, Ordering::Release);
    }

    /// The figures.
    pub fn figures(&self) -> Figures {
        let verdict = match self.verdict.load(Ordering::Acquire) {
            1 => Verdict::Clean,
            2 => Verdict::Differs,
            3 => Verdict::Halt,
            _ => Verdict::Unproved,
        };
        Figures {
            verdict,
            armed: self.armed.load(Ordering::Acquire),
            latched: self.latched.load(Ordering::Acquire),
            token_dead: self.token_dead.load(Ordering::Acquire),
            quiet: self.quiet.load(Ordering::Acquire),
            live: self.live.load(Ordering::Acquire),
            unknown: self.unknown.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Acquire),
            today: self.today.load(Ordering::Relaxed),
            rounds: self.rounds.load(Ordering::Acquire),
        }
    }

    fn show(&self, gateway: &Gateway) {
        let overview = gateway.overview();
        let verdict = match overview.verdict {
            Verdict::Unproved => 0,
            Verdict::Clean => 1,
            Verdict::Differs => 2,
            Verdict::Halt => 3,
        };
        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        self.verdict.store(verdict, Ordering::Release);
        self.armed.store(overview.armed, Ordering::Release);
        self.latched.store(overview.latched, Ordering::Release);
        self.token_dead.store(overview.token_dead, Ordering::Release);
        self.quiet.store(gateway.is_quiet(), Ordering::Release);
        self.live.store(small(overview.live), Ordering::Release);
        self.unknown.store(small(overview.unknown), Ordering::Relaxed);
        self.waiting.store(small(overview.waiting), Ordering::Release);
        self.today.store(overview.today, Ordering::Relaxed);
        self.rounds.fetch_add(1, Ordering::Release);
    }
}

/// The rings of the thread.
#[derive(Debug)]
pub struct Rings {
    /// `Order`, `Modify` and `Cancel` of the engine, in its order.
    pub intents: Consumer<Event>,
    /// Order updates of the ticker.
    pub updates: Consumer<OrderRow>,
    /// Reports for the sequencer. While it is full they wait here, in order.
    pub reports: Producer<Event>,
}

/// What the gateway starts from.
#[derive(Debug)]
pub struct Start {
    /// Settings, instruments and journal, as for [`Gateway::new`]; with what was restored.
    pub gateway: Gateway,
    /// Address of the broker.
    pub root: String,
    /// The session at the broker.
    pub session: Session,
}

/// The running thread.
#[derive(Debug)]
pub struct GatewayThread {
    shared: Arc<Shared>,
    credentials: Credentials,
    thread: Option<JoinHandle<()>>,
}

/// A gateway that knows what the recovered engine knows; see [`Gateway::new`] and [`Gateway::restore`].
///
/// # Errors
/// If a setting cannot be.
pub fn restored(
    settings: Settings,
    instruments: crate::instruments::Instruments,
    journal: u64,
    orders: Vec<Restored>,
    positions: Vec<(InstrumentId, Qty)>,
) -> Result<Gateway, crate::settings::SettingsError> {
    let mut gateway = Gateway::new(settings, instruments, journal, wall())?;
    gateway.restore(orders, positions);
    Ok(gateway)
}

impl GatewayThread {
    /// Starts it. `durable` is asked every round how far the inputs journal is safe on the disk.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(
        start: Start,
        rings: Rings,
        durable: impl Fn() -> u64 + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let credentials = Credentials::default();
        credentials.set(&start.session.api_key, &start.session.access_token);
        let rest = Rest::new(&start.root, credentials.clone());
        let workers = Workers::start(&rest, start.gateway.calls_max())?;
        let tags = start.gateway.tags();
        let clock = Clock::from(start.gateway.now());
        let seen = Arc::clone(&shared);
        let round = Round {
            gateway: start.gateway,
            workers,
            rings,
            shared: Arc::clone(&shared),
            waiting: VecDeque::new(),
            clock,
        };
        let thread = std::thread::Builder::new().name("kite-gateway".into()).spawn(move || {
            // What is lost with a panic is what the gateway knows, not what works at the broker.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| round.run(durable))) {
                seen.cancel_all(&rest, &tags);
                resume_unwind(panic);
            }
        })?;
        Ok(Self { shared, credentials, thread: Some(thread) })
    }

    /// What it is asked and what it shows.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// A new session: calls go on with it, after a reconciliation.
    pub fn set_session(&self, session: &Session) {
        self.credentials.set(&session.api_key, &session.access_token);
        self.shared.token.store(true, Ordering::Release);
    }

    /// Whether the thread has ended, by `stop` or by a panic.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends it and waits for it. An error if it panicked.
    ///
    /// # Errors
    /// If the thread panicked: what it said is on standard error, what became of its orders in [`Shared::rescue`].
    pub fn join(mut self) -> std::thread::Result<()> {
        self.shared.stop();
        self.thread.take().map_or(Ok(()), JoinHandle::join)
    }
}

impl Drop for GatewayThread {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

/// The gateway's time: the system's clock as it was once, and from there the time that has passed. The system's clock may
/// be set while it runs; standing or leaping with it, limits would hold cancels back for an hour, or an order whose
/// answer was lost would count as never accepted at once. Only the day (for the day's limit) is as wrong as the clock was
/// at the start.
#[derive(Clone, Copy, Debug)]
struct Clock {
    start: u64,
    since: Instant,
}

impl Clock {
    fn from(start: u64) -> Self {
        Self { start, since: Instant::now() }
    }

    fn now(&self) -> u64 {
        let passed = u64::try_from(self.since.elapsed().as_nanos()).expect("a run shorter than 500 years");
        self.start + passed
    }
}

/// The system's clock, read once.
fn wall() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970");
    u64::try_from(since.as_nanos()).expect("a time before the year 2554")
}

struct Round {
    gateway: Gateway,
    workers: Workers,
    rings: Rings,
    shared: Arc<Shared>,
    /// Reports that found the ring full.
    waiting: VecDeque<Event>,
    clock: Clock,
}

impl Round {
    fn run(mut self, durable: impl Fn() -> u64) {
        let mut reconnects = 0;
        while !self.shared.stop.load(Ordering::Acquire) {
            self.gateway.on_tick(self.clock.now());
            self.take_wishes(&mut reconnects);
            while let Ok(update) = self.rings.updates.pop() {
                self.gateway.on_update(&update);
            }
            while let Ok(event) = self.rings.intents.pop() {
                self.gateway.on_intent(&event);
            }
            self.gateway.on_durable(Seq(durable()));
            self.hand_on();
            self.shared.show(&self.gateway);
            let mut answered = self.workers.answer(WAIT);
            while let Some((call, result)) = answered {
                self.gateway.on_tick(self.clock.now());
                self.gateway.on_answer(call, result);
                answered = self.workers.answer(Duration::ZERO);
            }
        }
    }

    fn take_wishes(&mut self, reconnects: &mut u64) {
        let taken = |flag: &AtomicBool| flag.load(Ordering::Acquire) && flag.swap(false, Ordering::AcqRel);
        if taken(&self.shared.resume) {
            self.gateway.resume();
        }
        // After the resume: of a switch pulled and cleared in one round, pulled counts.
        if taken(&self.shared.latch) {
            self.gateway.on_latch();
            // Also what is with the workers already and has not begun to leave.
            self.workers.latch();
        }
        if taken(&self.shared.token) {
            self.gateway.on_token();
        }
        let seen = self.shared.reconnects.load(Ordering::Acquire);
        if seen != *reconnects {
            *reconnects = seen;
            self.gateway.on_reconnect();
        }
        let ledger = self.shared.ledger.try_lock().ok().and_then(|mut ledger| ledger.take());
        if let Some(positions) = ledger {
            self.gateway.on_ledger(positions);
        }
    }

    fn hand_on(&mut self) {
        while let Some(call) = self.gateway.next_call() {
            self.workers.send(call);
        }
        while let Some(report) = self.gateway.next_report() {
            self.waiting.push_back(report);
        }
        while let Some(report) = self.waiting.pop_front() {
            if let Err(rtrb::PushError::Full(report)) = self.rings.reports.push(report) {
                self.waiting.push_front(report);
                break;
            }
        }
        while let Some(note) = self.gateway.next_note() {
            self.shared.note(note);
        }
    }
}
