//! The one place in the engine where a clock is read: for latencies, and to keep virtual time to the wall clock.
//! No reading goes into an event but where the outside world has no time of its own: a live feed stamps what it receives,
//! and a broker's report takes the time at which it is found. Both are journaled before anything acts on them.

use crate::units::TsNs;
use std::sync::Arc;

/// A monotonic clock of about 10 ns a read.
#[derive(Clone, Debug, Default)]
pub struct Clock(quanta::Clock);

impl Clock {
    /// Nanoseconds from an arbitrary start.
    pub fn now_ns(&self) -> u64 {
        self.0.delta_as_nanos(0, self.0.raw())
    }
}

/// Market time that runs at a multiple of the wall clock. It never goes back: a step of the system's clock does not move it.
#[derive(Clone)]
pub struct Pace(Source);

#[derive(Clone)]
enum Source {
    Clock { clock: Clock, start_wall_ns: u64, start: TsNs, speed: f64 },
    Given(Arc<dyn Fn() -> TsNs + Send + Sync>),
}

impl Pace {
    /// Virtual time that is `start` now and runs `speed` times as fast as the wall clock.
    pub fn new(start: TsNs, speed: f64) -> Self {
        assert!(speed > 0.0 && speed.is_finite(), "speed is a positive number");
        let clock = Clock::default();
        let start_wall_ns = clock.now_ns();
        Self(Source::Clock { clock, start_wall_ns, start, speed })
    }

    /// A time that somebody else tells, and that never decreases: a simulation's, a test's.
    pub fn given(now: Arc<dyn Fn() -> TsNs + Send + Sync>) -> Self {
        Self(Source::Given(now))
    }

    /// The virtual time now.
    pub fn now(&self) -> TsNs {
        match &self.0 {
            Source::Clock { clock, start_wall_ns, start, speed } => {
                let elapsed_ns = clock.now_ns().saturating_sub(*start_wall_ns);
                start.plus((elapsed_ns as f64 * speed) as u64)
            }
            Source::Given(now) => now(),
        }
    }
}
