//! The one place where order and time are decided.
//!
//! Inputs from outside come as one stream in key order (`source`), what the paper venue makes (execution reports, and
//! wake-ups it asked for) comes back over a ring. On virtual time an input may be released as soon as nothing that
//! could still come may precede it:
//!
//! * an open source without a head blocks;
//! * the smallest key of the head and the pending events goes next, iff nothing is in flight, or its time is strictly
//!   before `ts(done_seq + 1) + L_min`: whatever the unfinished steps still make is at least `L_min` later than the
//!   first of them.
//!
//! On the wall clock the same rules hold with the clock's time as the latest an input may have. A live feed without a frame
//! is quiet: it blocks nothing, because what it will bring is received later. What a broker reports comes over a ring of
//! its own, and takes the place at which it is found there. ADR 7 has the reasons.
//!
//! The caller must load `done_seq` first and empty the report ring after, each time, before it calls `release`: then
//! every endogenous event of the steps up to `done_seq` is in the pending store.

mod pending;
mod reports;
pub mod schedule;
pub mod source;
#[cfg(test)]
mod tests;

use crate::event::{Class, Command, CommandCode, Event, FLAG_ENDO, FLAG_EXO, Kind, SessionEnd, SessionStart};
use crate::limits::IN_FLIGHT_MAX;
use crate::log::EventLog;
use crate::planted::{Bug, is_planted};
use crate::state::StateIo;
use crate::units::{InstrumentId, NS_PER_S, Seq, TsNs};
use pending::Pending;
pub(crate) use pending::{Identity, Key};
use reports::Reports;
pub use reports::Waiting;
use source::{Head, Place, Source};
use zerocopy::FromZeros;

/// What `release` did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// `current()` is sequenced and journaled: run its step.
    Released,
    /// Nothing may go now.
    Blocked,
    /// Every source is closed, every report is back, the session has ended.
    Finished,
    /// The journal failed; nothing more will be released.
    LogFailed,
    /// Whoever reports for the broker is gone in the middle of a session; nothing more will be released.
    BrokerGone,
}

/// Why a recorded input cannot follow what was recorded before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The numbers have a hole.
    #[error("input {found} follows input {last}")]
    Order {
        /// The last input before it.
        last: u64,
        /// Its number.
        found: u64,
    },
    /// An event of the venue that it did not make.
    #[error("input {seq} is {what}, which the venue did not make")]
    Unknown {
        /// The input.
        seq: u64,
        /// Which report or wake-up, of which order.
        what: String,
    },
    /// An event of the venue that differs from the one it made.
    #[error("input {seq} is {what}, but the venue made another one")]
    Other {
        /// The input.
        seq: u64,
        /// Which report or wake-up, of which order.
        what: String,
    },
}

/// What a sequencer knows between two steps: what a run goes on from.
pub struct SequencerState {
    pending: Pending,
    last_seq: Seq,
    last_ts: TsNs,
    /// Date and number of the running session.
    session: Option<(u32, u32)>,
    /// Whether the stages know that the run ends before its session: by an operator's command, or by the stop's own.
    told: bool,
}

impl Default for SequencerState {
    /// Before the first input.
    fn default() -> Self {
        Self { pending: Pending::new(), last_seq: Seq::ZERO, last_ts: TsNs::ZERO, session: None, told: false }
    }
}

impl SequencerState {
    /// The last input.
    pub fn last_seq(&self) -> Seq {
        self.last_seq
    }

    /// Its time.
    pub fn last_ts(&self) -> TsNs {
        self.last_ts
    }

    /// Whether a session runs.
    pub fn in_session(&self) -> bool {
        self.session.is_some()
    }

    /// Walks over the state.
    pub fn state(&mut self, io: &mut StateIo<'_>) {
        self.pending.state(io);
        io.plain(&mut self.last_seq);
        io.plain(&mut self.last_ts);
        io.option(
            &mut self.session,
            || (0, 0),
            |io, session| {
                io.plain(&mut session.0);
                io.plain(&mut session.1);
            },
        );
        io.flag(&mut self.told);
    }

    /// Takes a report or a wake-up that the venue made.
    pub fn on_endogenous(&mut self, event: &Event) {
        self.pending.push(event);
    }

    /// Takes a recorded input as the next one. Its step must be run before the next.
    ///
    /// # Errors
    /// If it is not the next by number, or a report or wake-up that the venue did not make like this.
    pub fn replay(&mut self, event: &Event) -> Result<(), ReplayError> {
        let (seq, last) = (event.header.seq, self.last_seq);
        if seq != last.next() {
            return Err(ReplayError::Order { last: last.0, found: seq.0 });
        }
        if event.header.flags & FLAG_ENDO != 0 {
            let what = Key::of(event).map(|key| key.identity);
            let unknown = |what: Option<Identity>| ReplayError::Unknown {
                seq: seq.0,
                what: what
                    .map_or_else(|| "a venue's event of no such kind".to_owned(), |what| what.to_string()),
            };
            let what = what.ok_or_else(|| unknown(None))?;
            let mut made = self.pending.take(&what).ok_or_else(|| unknown(Some(what)))?;
            // The place in the order is the sequencer's, not the venue's.
            (made.header.seq, made.header.ts) = (event.header.seq, event.header.ts);
            if made.used_bytes() != event.used_bytes() {
                return Err(ReplayError::Other { seq: seq.0, what: what.to_string() });
            }
        }
        (self.last_seq, self.last_ts) = (seq, event.header.ts);
        self.note(event);
        Ok(())
    }

    /// Notes what an input means for those to come. Of the market none means anything.
    #[inline]
    fn note(&mut self, event: &Event) {
        if !event.is_market() {
            self.note_other(event);
        }
    }

    #[inline(never)]
    fn note_other(&mut self, event: &Event) {
        match event.kind() {
            Kind::SessionStart => {
                let start = event.body::<SessionStart>();
                self.session = Some((start.date, start.number));
            }
            Kind::SessionEnd => self.session = None,
            Kind::Command => {
                let code = event.body::<Command>().code;
                let killed = code == CommandCode::Kill as u8 && event.header.source == SOURCE_OPERATOR;
                self.told |= killed || code == CommandCode::Stop as u8;
            }
            _ => {}
        }
    }
}

/// Where the next input would come from.
enum Candidate {
    Head,
    /// The first of what is pending.
    Endogenous,
    /// What a broker reported.
    Report,
    /// The command that tells the stages of a stop.
    Stop,
    SessionEnd,
}

/// Orders inputs, stamps them and journals them before any stage sees them.
pub struct Sequencer<S, L> {
    source: S,
    log: L,
    state: SequencerState,
    current: Box<Event>,
    /// Times of the released inputs by `seq % IN_FLIGHT_MAX`.
    times: Box<[TsNs]>,
    done: Seq,
    latency_min_ns: u64,
    until: TsNs,
    kill_grace_ns: u64,
    /// How much longer that is while something is held at a broker, and whether nothing is.
    not_flat_grace: Option<(u64, IsFlat)>,
    /// From when on a run that was killed ends as soon as it is flat.
    ends_flat_from: Option<TsNs>,
    closed: bool,
    log_failed: bool,
    commands: Option<rtrb::Consumer<Event>>,
    reports: Option<Reports>,
    wall_clock: bool,
}

/// Whether nothing is held at the broker.
pub type IsFlat = Box<dyn Fn() -> bool + Send>;

/// How long a run goes on after an operator's kill at least, in its own time: exits that were not filled are tried every
/// second.
pub const KILL_GRACE_NS: u64 = 5 * NS_PER_S;

/// Source number of what the sequencer itself makes.
pub const SOURCE_SEQUENCER: u32 = 0;
/// Source number of the schedule: preamble, sessions, timers, scripted commands.
pub const SOURCE_SCHEDULE: u32 = 1;
/// Source number of operators.
pub const SOURCE_OPERATOR: u32 = 2;
/// Source number of a broker's execution reports.
pub const SOURCE_BROKER: u32 = 3;
/// Source number of the first feed.
pub const SOURCE_FEED: u32 = 16;

impl<S: Source, L: EventLog> Sequencer<S, L> {
    /// A sequencer over one stream of inputs from outside. `latency_min_ns` is the venue's `L_min`.
    pub fn new(source: S, log: L, latency_min_ns: u64) -> Self {
        Self::resume(source, log, latency_min_ns, SequencerState::default())
    }

    /// A sequencer that goes on from `state`: `source` brings what comes after it, and `log` holds what came before.
    pub fn resume(source: S, log: L, latency_min_ns: u64, state: SequencerState) -> Self {
        assert!(latency_min_ns > 0, "L_min of zero would put a report before its cause's successors");
        let end = SessionEnd { date: 0, number: 0, reserved: [0; 24] };
        Self {
            source,
            log,
            current: Box::new(Event::new(InstrumentId::NONE, 0, &end)),
            times: vec![TsNs::ZERO; IN_FLIGHT_MAX].into_boxed_slice(),
            done: state.last_seq,
            state,
            latency_min_ns,
            until: TsNs(u64::MAX),
            kill_grace_ns: KILL_GRACE_NS,
            not_flat_grace: None,
            ends_flat_from: None,
            closed: false,
            log_failed: false,
            commands: None,
            reports: None,
            wall_clock: false,
        }
    }

    /// Closes the input from outside at the first event later than `until`.
    pub fn stop_at(&mut self, until: TsNs) {
        self.until = until;
    }

    /// How long the run goes on after an operator's kill, in its own time, in nanoseconds.
    pub fn end_after_kill(&mut self, grace_ns: u64) {
        self.kill_grace_ns = grace_ns;
    }

    /// Takes operator commands from `commands`; each is placed at the time of the last released input, and ends the run
    /// a few seconds of its time later.
    pub fn take_commands(&mut self, commands: rtrb::Consumer<Event>) {
        self.commands = Some(commands);
    }

    /// After a kill a run that is not flat goes on for so much longer: an exit that was lost on its way to the broker is sent
    /// again only when it is known not to have come there.
    pub fn end_after_kill_once_flat(&mut self, longer_ns: u64, is_flat: IsFlat) {
        self.not_flat_grace = Some((longer_ns, is_flat));
    }

    /// Takes a broker's execution reports from `reports`; each is placed at the time at which it is found there. The session
    /// does not end before the other end of the ring is dropped; `waiting` says when nothing else is waited for. An end that
    /// is dropped sooner stops the run.
    pub fn take_reports(&mut self, reports: rtrb::Consumer<Event>, waiting: Waiting) {
        self.reports = Some(Reports::new(reports, waiting));
    }

    /// Runs on the wall clock: the input from outside is closed when `until` has passed there, and not when an event is due
    /// that is later.
    pub fn on_wall_clock(&mut self) {
        self.wall_clock = true;
    }

    /// Closes the input from outside now. What is pending and in flight still comes to its end.
    pub fn stop(&mut self) {
        self.closed = true;
        self.source.close();
    }

    /// Notes that the venue finished all steps up to `done`.
    pub fn on_done(&mut self, done: Seq) {
        assert!(done >= self.done && done <= self.state.last_seq, "done_seq moved outside what was released");
        self.done = done;
    }

    /// Takes a report or a wake-up that the venue made.
    pub fn on_endogenous(&mut self, event: &Event) {
        self.state.pending.push(event);
    }

    /// The input released last.
    pub fn current(&self) -> &Event {
        &self.current
    }

    /// Sequence number of the input released last.
    pub fn last_seq(&self) -> Seq {
        self.state.last_seq
    }

    /// Whether steps are unfinished.
    pub fn in_flight(&self) -> u64 {
        self.state.last_seq.0 - self.done.0
    }

    /// Releases the next input if that is safe and its time is not after `now`; see the module's rule.
    pub fn release(&mut self, now: TsNs) -> Release {
        if self.log_failed {
            return Release::LogFailed;
        }
        if self.in_flight() as usize >= IN_FLIGHT_MAX {
            return Release::Blocked;
        }
        // A journal starts with its preamble and a session: a command that comes before them waits.
        if self.state.session.is_some()
            && let Some(command) = self.commands.as_mut().and_then(|ring| ring.pop().ok())
        {
            return self.release_command(command, now);
        }
        if self.state.session.is_some()
            && let Some(reports) = &mut self.reports
        {
            reports.look(now);
        }
        let (head, first) = self.head(now);
        if head == Head::Pending {
            return Release::Blocked;
        }
        let candidate = match self.candidate(head, &first) {
            Ok(candidate) => candidate,
            Err(release) => return release,
        };
        let vtime = match candidate {
            Candidate::Head => first.ts,
            Candidate::Endogenous => self.state.pending.first_vtime().expect("an event is pending"),
            Candidate::Report => return self.release_report(),
            Candidate::Stop | Candidate::SessionEnd => self.state.last_ts,
        };
        if vtime > now || !self.may_release(vtime) {
            return Release::Blocked;
        }
        match candidate {
            Candidate::Head => self.source.take(&mut self.current),
            Candidate::Endogenous => self.state.pending.pop_into(&mut self.current),
            Candidate::Report => unreachable!("released above"),
            Candidate::Stop => *self.current = Self::stop_command(),
            Candidate::SessionEnd => *self.current = self.session_end(),
        }
        self.stamp(vtime)
    }

    /// Whether there is a head, and what it is; without one that means nothing.
    fn head(&mut self, now: TsNs) -> (Head, Place) {
        if self.closed {
            return (Head::Closed, Place::NONE);
        }
        if self.ends_flat_from.is_some_and(|from| now > from)
            && self.not_flat_grace.as_ref().is_some_and(|(_, is_flat)| is_flat())
        {
            // What the broker reported before it had nothing open, or what is under way, may be a fill.
            if self.state.session.is_some()
                && let Some(reports) = &mut self.reports
            {
                reports.look(now);
            }
            if !self.reported() && self.in_flight() == 0 {
                self.until = self.until.min(now);
            }
        }
        let head = self.source.poll();
        let first = if head == Head::Ready { self.source.place() } else { Place::NONE };
        (self.head_in_time(head, first.ts > self.until, now), first)
    }

    /// What becomes of a head of the source, which may be later than the last time an input may have.
    #[inline]
    fn head_in_time(&mut self, head: Head, later: bool, now: TsNs) -> Head {
        if self.wall_clock {
            return self.head_on_wall_clock(head, later, now);
        }
        if later {
            self.stop();
        }
        if later { Head::Closed } else { head }
    }

    #[inline(never)]
    fn head_on_wall_clock(&mut self, head: Head, later: bool, now: TsNs) -> Head {
        match head {
            Head::Ready if !later => head,
            Head::Closed => head,
            // Nothing is there for a time up to `until`, and its time is over.
            _ if now > self.until => {
                self.stop();
                Head::Closed
            }
            Head::Pending => head,
            Head::Ready | Head::Quiet => Head::Quiet,
        }
    }

    /// The input with the smallest key. A session starts only when the one before it is over and quiet.
    fn candidate(&self, head: Head, first: &Place) -> Result<Candidate, Release> {
        let starts_session = head == Head::Ready && first.starts_session;
        if head == Head::Closed || starts_session {
            // A run that stops before its session does says so first, so that what rests is cancelled in time.
            return if self.closed && self.state.session.is_some() && !self.state.told {
                Ok(Candidate::Stop)
            } else if self.state.pending.first_vtime().is_some() {
                Ok(Candidate::Endogenous)
            } else if self.reported() {
                Ok(Candidate::Report)
            } else if self.in_flight() > 0 || self.awaits_reports() {
                Err(Release::Blocked)
            } else if self.state.session.is_some() {
                Ok(Candidate::SessionEnd)
            } else if starts_session {
                Ok(Candidate::Head)
            } else {
                Err(Release::Finished)
            };
        }
        if self.reports.as_ref().is_some_and(|reports| self.state.session.is_some() && reports.over()) {
            return Err(Release::BrokerGone);
        }
        if head == Head::Quiet {
            let pending = self.state.pending.first_vtime().is_some();
            return match (self.reported(), pending) {
                (true, _) => Ok(Candidate::Report),
                (false, true) => Ok(Candidate::Endogenous),
                (false, false) => Err(Release::Blocked),
            };
        }
        let reports_after = |reports: &Reports| reports.come_after(first.ts, first.class);
        if self.reported() && !self.reports.as_ref().is_some_and(reports_after) {
            return Ok(Candidate::Report);
        }
        let endogenous_first = self
            .state
            .pending
            .first_vtime()
            .is_some_and(|vtime| (vtime, Class::Endogenous) < (first.ts, first.class));
        Ok(if endogenous_first { Candidate::Endogenous } else { Candidate::Head })
    }

    fn may_release(&self, vtime: TsNs) -> bool {
        let bound = |seq: Seq| self.times[seq.0 as usize % IN_FLIGHT_MAX].plus(self.latency_min_ns);
        if is_planted(Bug::FrontierLastFinished) {
            return self.state.last_seq == Seq::ZERO || vtime < bound(self.done);
        }
        if self.in_flight() == 0 {
            return true;
        }
        let bound = bound(self.done.next());
        if is_planted(Bug::ReleaseAtBound) { vtime <= bound } else { vtime < bound }
    }

    #[cold]
    #[inline(never)]
    fn release_command(&mut self, command: Event, now: TsNs) -> Release {
        *self.current = command;
        self.current.header.source = SOURCE_OPERATOR;
        let kill = self.current.body::<Command>().code == CommandCode::Kill as u8;
        if kill {
            // It ends the run, but what it flattens may need a few timers to be tried again.
            let from = if self.wall_clock { self.state.last_ts.max(now) } else { self.state.last_ts };
            let soonest = from.plus(self.kill_grace_ns);
            let longer_ns = self.not_flat_grace.as_ref().map_or(0, |(longer_ns, _)| *longer_ns);
            self.until = self.until.min(soonest.plus(longer_ns));
            self.ends_flat_from.get_or_insert(soonest);
        }
        self.stamp(self.state.last_ts)
    }

    #[cold]
    #[inline(never)]
    fn release_report(&mut self) -> Release {
        let report = self.reports.as_mut().and_then(Reports::take);
        let (report, found) = report.expect("a report was found");
        *self.current = report;
        // Without a clock there is no time but that of the inputs.
        self.stamp(if found == TsNs(u64::MAX) { self.state.last_ts } else { found })
    }

    /// Whether a broker's report is next among those.
    fn reported(&self) -> bool {
        self.state.session.is_some() && self.reports.as_ref().is_some_and(|reports| reports.found().is_some())
    }

    /// Whether a broker may still report on orders of the running session; says that it is waited for.
    fn awaits_reports(&self) -> bool {
        let Some(reports) = self.reports.as_ref().filter(|_| self.state.session.is_some()) else {
            return false;
        };
        if reports.over() {
            return false;
        }
        reports.wait();
        true
    }

    #[cold]
    #[inline(never)]
    fn stop_command() -> Event {
        schedule::command_event(CommandCode::Stop, "")
    }

    #[cold]
    #[inline(never)]
    fn session_end(&self) -> Event {
        let (date, number) = self.state.session.expect("a session is open");
        Event::new(InstrumentId::NONE, FLAG_EXO, &SessionEnd { date, number, reserved: [0; 24] })
    }

    /// Gives the current event its place and journals it. An input that could not be journaled was never released.
    fn stamp(&mut self, vtime: TsNs) -> Release {
        let seq = self.state.last_seq.next();
        let ts = self.state.last_ts.max(vtime);
        let header = &mut self.current.header;
        header.seq = seq;
        header.ts = ts;
        header.index = 0;
        if !self.log.record(&self.current) {
            self.log_failed = true;
            return Release::LogFailed;
        }
        (self.state.last_seq, self.state.last_ts) = (seq, ts);
        self.times[seq.0 as usize % IN_FLIGHT_MAX] = ts;
        self.state.note(&self.current);
        Release::Released
    }

    /// The source, to ask it what it counted.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// Gives the log back for sealing.
    pub fn into_log(self) -> L {
        self.log
    }
}

/// The input that re-enters for a report or a wake-up that the venue emitted as an output. Panics on any other event.
pub fn endogenous(output: &Event) -> Event {
    let key = Key::of(output).expect("only reports and wake-ups re-enter");
    // What is pending is hashed as a whole slot, and what is behind an event's used bytes means nothing.
    let mut event = Event::new_zeroed();
    event.set_used(output);
    event.header.flags = FLAG_ENDO;
    event.header.index = 0;
    event.header.ts = key.vtime;
    event
}
