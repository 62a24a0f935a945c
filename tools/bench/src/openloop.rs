//! The open loop: operations start when they are meant to, whether or not the one before has ended; what comes late is
//! counted from when it was meant to start. A closed loop leaves out exactly the operations that a stall delays
//! ("coordinated omission"), and shows a tail that no caller will ever see.

use crate::idle::Idle;
use crate::rate::{Pace, Rate};
use crate::record::Recorder;
use crate::scenario::Rung;
use pitlane_engine::drive::clock::Clock;

/// Reads a clock: the engine's, or a scripted one in tests.
pub trait Now {
    /// Nanoseconds from an arbitrary start.
    fn now_ns(&self) -> u64;
}

impl Now for Clock {
    #[inline]
    fn now_ns(&self) -> u64 {
        Self::now_ns(self)
    }
}

/// Something that is done again and again on one thread.
pub trait Work {
    /// Operations until `prepare` is needed.
    fn left(&self) -> u64;
    /// Makes everything new for further operations. The schedule stands still meanwhile.
    ///
    /// # Errors
    /// If the world does not do its part.
    fn prepare(&mut self) -> anyhow::Result<()>;
    /// One operation.
    fn operate(&mut self);
}

/// What a loop came to.
#[derive(Default)]
pub struct Looped {
    /// Operations that ended within the measured interval.
    pub operations: u64,
    /// Operations that were meant to start within it and did not, because those before them took too long.
    pub unserved: u64,
    /// Nanoseconds of the interval in which the schedule stood still.
    pub paused_ns: u64,
}

/// Operations between two readings of the clock in a closed loop: one reading costs as much as a short operation.
pub const BATCH: u64 = 64;

/// How far ahead of the first reading of the clock a loop starts.
const LEAD_NS: u64 = 1_000;

/// Runs `work` at the rung's rate until its end or a stop. `idle` is the time in which nothing was due: what stalls it is not
/// the work.
///
/// # Errors
/// What `prepare` says.
pub fn drive(
    work: &mut impl Work,
    clock: &impl Now,
    rung: &Rung,
    recorder: &mut Recorder,
    idle: &mut Idle,
) -> anyhow::Result<Looped> {
    if work.left() == 0 {
        work.prepare()?;
    }
    let start_ns = clock.now_ns() + LEAD_NS;
    let begin_ns = start_ns + rung.warmup_ns;
    recorder.begin_at(begin_ns);
    idle.begin_at(begin_ns);
    rung.began(begin_ns);
    let interval = (begin_ns, begin_ns + rung.duration_ns);
    match rung.rate {
        Rate::PerSecond(rate) => {
            paced(work, clock, (Pace::new(start_ns, rate), interval), rung, recorder, idle)
        }
        Rate::Max => flat_out(work, clock, interval, rung, recorder),
    }
}

fn paced(
    work: &mut impl Work,
    clock: &impl Now,
    (mut pace, (begin_ns, end_ns)): (Pace, (u64, u64)),
    rung: &Rung,
    recorder: &mut Recorder,
    idle: &mut Idle,
) -> anyhow::Result<Looped> {
    let mut looped = Looped::default();
    let mut now = clock.now_ns();
    loop {
        if work.left() == 0 {
            let before = now;
            work.prepare()?;
            now = clock.now_ns();
            pace.shift(now - before);
            looped.paused_ns += now.min(end_ns).saturating_sub(before.max(begin_ns));
        }
        let intended = pace.peek();
        if intended >= end_ns || rung.stopped() {
            return Ok(looped);
        }
        if now >= end_ns {
            // What is still due was meant to start within the interval: it is missing from the figures, and said.
            while pace.peek() < end_ns {
                pace.advance();
                looped.unserved += 1;
            }
            return Ok(looped);
        }
        while now < intended {
            rung.wait.wait();
            let then = now;
            now = clock.now_ns();
            idle.record(then, now);
        }
        pace.advance();
        let started = now;
        work.operate();
        now = clock.now_ns();
        recorder.record(intended, started, now);
        looped.operations += u64::from(intended >= begin_ns && now < end_ns);
    }
}

fn flat_out(
    work: &mut impl Work,
    clock: &impl Now,
    (begin_ns, end_ns): (u64, u64),
    rung: &Rung,
    recorder: &mut Recorder,
) -> anyhow::Result<Looped> {
    let mut looped = Looped::default();
    let mut now = clock.now_ns();
    while now < end_ns && !rung.stopped() {
        if work.left() == 0 {
            let before = now;
            work.prepare()?;
            now = clock.now_ns();
            looped.paused_ns += now.min(end_ns).saturating_sub(before.max(begin_ns));
        }
        let (started, count) = (now, work.left().min(BATCH));
        for _ in 0..count {
            work.operate();
        }
        now = clock.now_ns();
        recorder.record_batch(started, now, count);
        looped.operations += if started >= begin_ns && now < end_ns { count } else { 0 };
    }
    Ok(looped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;
    use std::cell::Cell;

    /// A clock that only moves when it is read (10 ns) and when work is done.
    struct Scripted(Cell<u64>);

    impl Now for &Scripted {
        fn now_ns(&self) -> u64 {
            self.0.set(self.0.get() + 10);
            self.0.get()
        }
    }

    /// Operations of 100 ns, one of which takes `stall_ns`.
    struct Stalling<'a> {
        clock: &'a Scripted,
        done: u64,
        stall: (u64, u64),
        left: u64,
        prepared: u64,
    }

    impl Work for Stalling<'_> {
        fn left(&self) -> u64 {
            self.left
        }

        fn prepare(&mut self) -> anyhow::Result<()> {
            self.clock.0.set(self.clock.0.get() + 5_000_000);
            (self.left, self.prepared) = (10_000, self.prepared + 1);
            Ok(())
        }

        fn operate(&mut self) {
            self.done += 1;
            self.left -= 1;
            let ns = if self.done == self.stall.0 { self.stall.1 } else { 100 };
            self.clock.0.set(self.clock.0.get() + ns);
        }
    }

    fn run(rate: Rate, stall: (u64, u64), left: u64) -> (Recorder, Looped, u64, u64) {
        let clock = Scripted(Cell::new(1_000_000));
        let rung = Rung::for_tests(rate, 10_000_000, 100_000_000);
        let mut recorder = Recorder::new(rung.duration_ns);
        let mut work = Stalling { clock: &clock, done: 0, stall, left, prepared: 0 };
        let mut idle = Idle::new(rung.duration_ns);
        let looped = drive(&mut work, &&clock, &rung, &mut recorder, &mut idle).unwrap();
        (recorder, looped, work.prepared, idle.longest_ns())
    }

    #[test]
    fn a_stall_shows_in_the_latency_of_all_that_it_delays_and_in_one_service_time() {
        // 100,000 a second for 100 ms: 10,000 operations, 10 us apart. One of them takes 20 ms.
        let (recorder, looped, _, gap) = run(Rate::PerSecond(100_000), (5_000, 20_000_000), u64::MAX);
        let sum = recorder.sum(&[true]);
        assert_eq!((looped.operations, looped.unserved, sum.latency.len()), (10_000, 0, 10_000));
        let above = |histogram: &Histogram<u64>, ns| histogram.count_between(ns, u64::MAX);
        assert_eq!(above(&sum.service, 1_000), 1, "the stall itself");
        let delayed = above(&sum.latency, 1_000);
        // 2,000 were meant to start during the stall, and the queue takes 22 more to be gone.
        assert!((2_000..2_100).contains(&delayed), "{delayed} were delayed");
        assert!(sum.latency.value_at_quantile(0.99) > 17_000_000);
        assert!(sum.service.value_at_quantile(0.999) < 200);
        assert!(gap < 100, "the idle thread itself saw no gap: {gap} ns");
    }

    #[test]
    fn what_does_not_fit_is_counted_and_never_left_out_in_silence() {
        // Ten million a second of 110 ns each cannot be served.
        let (_, looped, _, _) = run(Rate::PerSecond(20_000_000), (u64::MAX, 0), u64::MAX);
        let meant = 2_000_000;
        assert!(looped.operations < meant / 2 + meant / 10, "{}", looped.operations);
        assert!(looped.unserved > meant / 3 && looped.unserved + looped.operations <= meant + 1);
    }

    #[test]
    fn the_schedule_stands_still_while_work_is_prepared() {
        let (recorder, looped, prepared, _) = run(Rate::PerSecond(1_000_000), (u64::MAX, 0), 5_000);
        let sum = recorder.sum(&[true]);
        assert!(prepared >= 4, "{prepared}");
        assert!(sum.latency.max() < 1_000, "no operation pays for it: {}", sum.latency.max());
        // What it takes within the interval counts as no time of the rate: 105 ms of which 20 pauses take 100.
        assert!(looped.paused_ns >= 5_000_000 * (prepared - 3) && looped.paused_ns < 100_000_000);
        let served_ns = 100_000_000 - looped.paused_ns;
        assert!(
            (looped.operations * 1_000).abs_diff(served_ns) < 100_000,
            "a million a second while it serves"
        );
    }

    #[test]
    fn a_closed_loop_is_timed_in_batches() {
        let (recorder, looped, _, _) = run(Rate::Max, (u64::MAX, 0), u64::MAX);
        let sum = recorder.sum(&[true]);
        assert_eq!(sum.latency.value_at_quantile(0.5), 100, "a batch's clock reading is shared by 64");
        assert!(looped.operations > 900_000);
    }
}
