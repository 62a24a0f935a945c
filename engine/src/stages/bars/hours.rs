//! The session, the hours of an instrument in it, and the periods they are divided into.

use crate::event::Timeframe;
use crate::state::StateIo;
use crate::units::{NS_PER_S, TsNs};

/// The trading date, and whether its session runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    /// The IST date of the open, in days since the epoch.
    day: u64,
    running: bool,
}

impl Session {
    /// No session.
    pub(super) const NONE: Self = Self { day: 0, running: false };

    /// The session that opens at `open`.
    pub(super) fn new(open: TsNs) -> Self {
        Self { day: open.ist_day(), running: true }
    }

    /// Ends the session.
    pub(super) fn end(&mut self) {
        self.running = false;
    }

    /// Whether `time` is on the trading date.
    #[inline]
    pub(super) fn same_date(&self, time: TsNs) -> bool {
        time.is_on_ist_day(self.day)
    }

    /// Whether a session runs.
    #[inline]
    pub(super) fn running(&self) -> bool {
        self.running
    }

    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        io.count(&mut self.day);
        io.flag(&mut self.running);
    }
}

/// Continuous trading of one instrument, `[open, close)`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hours {
    open: TsNs,
    close: TsNs,
}

impl Hours {
    /// Before the first session: they contain no time.
    pub(super) const NONE: Self = Self { open: TsNs::ZERO, close: TsNs::ZERO };

    pub(super) fn new(open: TsNs, close: TsNs) -> Self {
        Self { open, close }
    }

    /// Whether `time` is within the hours.
    #[inline]
    pub(super) fn contain(&self, time: TsNs) -> bool {
        self.open <= time && time < self.close
    }

    /// Start and end of the period that `time`, which is within the hours, lies in.
    #[inline]
    pub(super) fn period(&self, timeframe: Timeframe, time: TsNs) -> (TsNs, TsNs) {
        let Some(length) = period_ns(timeframe) else { return (self.open, self.close) };
        let start = TsNs(time.0 - time.since(self.open) % length);
        (start, start.plus(length).min(self.close))
    }

    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        io.time(&mut self.open);
        io.time(&mut self.close);
    }
}

/// Length of a period in nanoseconds; none for the day.
#[inline]
pub(super) fn period_ns(timeframe: Timeframe) -> Option<u64> {
    timeframe.seconds().map(|seconds| seconds * NS_PER_S)
}
