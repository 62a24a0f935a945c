//! The one place in the engine where a clock is read: for latencies, and to keep virtual time to the wall clock.
//! Nothing that is read here reaches an event.

use crate::units::TsNs;

/// A monotonic clock of about 10 ns a read.
#[derive(Clone, Debug, Default)]
pub struct Clock(quanta::Clock);

impl Clock {
    /// Nanoseconds from an arbitrary start.
    pub fn now_ns(&self) -> u64 {
        self.0.delta_as_nanos(0, self.0.raw())
    }
}

/// Virtual time that runs at a multiple of the wall clock.
#[derive(Clone, Debug)]
pub struct Pace {
    clock: Clock,
    start_wall_ns: u64,
    start: TsNs,
    speed: f64,
}

impl Pace {
    /// Virtual time that is `start` now and runs `speed` times as fast as the wall clock.
    pub fn new(start: TsNs, speed: f64) -> Self {
        assert!(speed > 0.0 && speed.is_finite(), "speed is a positive number");
        let clock = Clock::default();
        let start_wall_ns = clock.now_ns();
        Self { clock, start_wall_ns, start, speed }
    }

    /// The virtual time now.
    pub fn now(&self) -> TsNs {
        let elapsed_ns = self.clock.now_ns().saturating_sub(self.start_wall_ns);
        self.start.plus((elapsed_ns as f64 * self.speed) as u64)
    }
}
