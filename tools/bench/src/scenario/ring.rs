//! A hop: one event slot over the ring that stands between two stages.

use super::{Measured, Rung};
use crate::idle::Idle;
use crate::openloop::{Looped, Now};
use crate::rate::{Pace, Rate};
use crate::record::Recorder;
use anyhow::Context;
use pitlane_engine::drive::affinity::bind;
use pitlane_engine::drive::clock::Clock;
use pitlane_engine::drive::ring::ring;
use pitlane_engine::drive::topology::RingSizes;
use pitlane_engine::event::{Event, Timer};
use pitlane_engine::units::{InstrumentId, Seq, TsNs};

/// Sends on this thread, receives on another.
///
/// # Errors
/// If the second thread cannot be started or bound.
pub fn measure(rung: &Rung) -> anyhow::Result<Measured> {
    let (sender, receiver) = ring(RingSizes::default().events);
    let mut measured = Measured::empty(rung);
    let clock = Clock::default();
    let begin_ns = clock.now_ns() + 20_000_000 + rung.warmup_ns;
    measured.recorder.begin_at(begin_ns);
    let other =
        *rung.cpus.get(1).or(rung.cpus.first()).context("a ring has two ends, and no cpu was given")?;
    let recorder = &mut measured.recorder;
    let (looped, idle) = std::thread::scope(|scope| {
        let receiving = scope.spawn(move || {
            bind(other)?;
            receive(receiver, &Clock::default(), rung, recorder);
            anyhow::Ok(())
        });
        rung.began(begin_ns);
        let sent = send(sender, &clock, rung, begin_ns);
        receiving.join().map_err(|_| anyhow::anyhow!("the receiving thread panicked; see above"))??;
        anyhow::Ok(sent)
    })?;
    measured.idle = idle;
    measured.unserved = looped.unserved;
    measured.set_achieved(looped.operations, rung, 0);
    if rung.rate == Rate::Max {
        measured.notes.push("ring at max: the ring is full, so a hop waits for 1,024 slots".to_owned());
    }
    Ok(measured)
}

fn send(mut ring: rtrb::Producer<Event>, clock: &Clock, rung: &Rung, begin_ns: u64) -> (Looped, Idle) {
    let (mut looped, mut idle) = (Looped::default(), Idle::new(rung.duration_ns));
    idle.begin_at(begin_ns);
    let end_ns = begin_ns + rung.duration_ns;
    let mut event = Event::new(InstrumentId::NONE, 0, &Timer { due: TsNs::ZERO, reserved: [0; 24] });
    let mut pace = rung.rate.per_second().map(|rate| Pace::new(begin_ns - rung.warmup_ns, rate));
    let mut now = clock.now_ns();
    while now < end_ns && !rung.stopped() && !ring.is_abandoned() {
        let intended = match &mut pace {
            Some(pace) => {
                let intended = pace.peek();
                if intended >= end_ns {
                    return (looped, idle);
                }
                while now < intended {
                    rung.wait.wait();
                    let then = now;
                    now = clock.now_ns();
                    idle.record(then, now);
                }
                pace.advance();
                intended
            }
            None => now,
        };
        // The slot's own header carries the times: intended and real start.
        (event.header.ts, event.header.seq) = (TsNs(intended), Seq(now));
        while ring.push(event).is_err() {
            rung.wait.wait();
            if rung.stopped() || ring.is_abandoned() {
                return (looped, idle);
            }
        }
        now = clock.now_ns();
        looped.operations += u64::from(intended >= begin_ns && now < end_ns);
    }
    while let Some(pace) = pace.as_mut().filter(|pace| pace.peek() < end_ns) {
        pace.advance();
        looped.unserved += 1;
    }
    (looped, idle)
}

fn receive(mut ring: rtrb::Consumer<Event>, clock: &impl Now, rung: &Rung, recorder: &mut Recorder) {
    loop {
        // Asked before the pop: what was pushed before the other end was dropped must not be missed.
        let abandoned = ring.is_abandoned();
        match ring.pop() {
            Ok(event) => recorder.record(event.header.ts.0, event.header.seq.0, clock.now_ns()),
            Err(_) if abandoned => return,
            Err(_) => rung.wait.wait(),
        }
    }
}
