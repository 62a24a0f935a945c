//! A killed live run: when it is over.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use super::*;
use crate::event::Report;
use crate::log::NoLog;
use crate::sequencer::source::Head;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use zerocopy::FromZeros;

const START: TsNs = TsNs(1_000 * NS_PER_S);

/// The start of a session, then nothing until it is closed.
struct Session {
    start: Event,
    taken: bool,
    closed: bool,
}

impl Source for Session {
    fn poll(&mut self) -> Head {
        match (self.taken, self.closed) {
            (false, _) => Head::Ready,
            (true, false) => Head::Quiet,
            (true, true) => Head::Closed,
        }
    }

    fn head(&self) -> &Event {
        &self.start
    }

    fn advance(&mut self) {
        self.taken = true;
    }

    fn close(&mut self) {
        self.closed = true;
    }
}

struct Bench {
    sequencer: Sequencer<Session, NoLog>,
    commands: rtrb::Producer<Event>,
    reports: rtrb::Producer<Event>,
    flat: Arc<AtomicBool>,
}

impl Bench {
    /// A session of a live run that is not flat, and was killed at its start.
    fn killed() -> Self {
        let mut start = Event::new(InstrumentId::NONE, FLAG_EXO, &SessionStart::new_zeroed());
        start.header.ts = START;
        let source = Session { start, taken: false, closed: false };
        let mut sequencer = Sequencer::new(source, NoLog, 1);
        let (commands, commands_out) = rtrb::RingBuffer::new(1);
        let (reports, reports_out) = rtrb::RingBuffer::new(4);
        let flat = Arc::new(AtomicBool::new(false));
        let is_flat = flat.clone();
        sequencer.on_wall_clock();
        sequencer.take_commands(commands_out);
        sequencer.take_reports(reports_out, Waiting::default());
        sequencer.end_after_kill(5 * NS_PER_S);
        sequencer.end_after_kill_once_flat(120 * NS_PER_S, Box::new(move || is_flat.load(Ordering::Relaxed)));
        let mut bench = Self { sequencer, commands, reports, flat };
        assert_eq!(bench.at(0), Some(Kind::SessionStart));
        bench.done();
        bench.commands.push(schedule::command_event(CommandCode::Kill, "")).unwrap();
        assert_eq!(bench.at(0), Some(Kind::Command));
        bench.done();
        bench
    }

    /// What is released so many seconds after the start.
    fn at(&mut self, seconds: u64) -> Option<Kind> {
        let released = self.sequencer.release(START.plus(seconds * NS_PER_S)) == Release::Released;
        released.then(|| self.sequencer.current().kind())
    }

    fn done(&mut self) {
        self.sequencer.on_done(self.sequencer.last_seq());
    }

    /// Whether its source is closed: nothing from outside comes any more, and no timer.
    fn is_over(&self) -> bool {
        self.sequencer.source.closed
    }

    fn report(&mut self) {
        self.reports.push(Event::new(InstrumentId(0), 0, &Report::new_zeroed())).unwrap();
    }
}

#[test]
fn it_ends_when_it_is_flat_and_never_before_its_grace() {
    let mut bench = Bench::killed();
    assert_eq!((bench.at(4), bench.at(60)), (None, None));
    assert!(!bench.is_over(), "it is not flat");
    bench.flat.store(true, Ordering::Relaxed);
    assert_eq!((bench.at(61), bench.at(62)), (None, None));
    assert!(bench.is_over());
    let mut bench = Bench::killed();
    bench.flat.store(true, Ordering::Relaxed);
    assert_eq!((bench.at(3), bench.at(5)), (None, None));
    assert!(!bench.is_over(), "orders of before the kill may still be on their way");
    let mut bench = Bench::killed();
    assert_eq!(bench.at(126), None);
    assert!(bench.is_over(), "it does not wait for ever");
}

/// The gateway reports a fill and then has nothing open: the report may still lie in the ring, and the step that books it may
/// still be under way.
#[test]
fn a_fill_that_is_not_booked_yet_keeps_it_going() {
    let mut bench = Bench::killed();
    bench.report();
    bench.report();
    bench.flat.store(true, Ordering::Relaxed);
    assert_eq!((bench.at(60), bench.at(61)), (Some(Kind::Report), Some(Kind::Report)));
    assert_eq!((bench.at(62), bench.at(63)), (None, None));
    assert!(!bench.is_over(), "what the fills do is not known yet");
    // They opened something.
    bench.flat.store(false, Ordering::Relaxed);
    bench.done();
    assert_eq!((bench.at(64), bench.at(65)), (None, None));
    assert!(!bench.is_over(), "what they opened is held");
    bench.flat.store(true, Ordering::Relaxed);
    assert_eq!((bench.at(66), bench.at(67)), (None, None));
    assert!(bench.is_over());
}
