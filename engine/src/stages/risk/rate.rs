//! Orders sent in one second of event time: a fixed window, because a broker counts by the second.

use crate::state::StateIo;
use crate::units::{NS_PER_S, TsNs};

/// Counts the orders of the running second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Orders a second; zero = no limit.
    limit: u32,
    /// The second since the epoch that is counted.
    second: u64,
    used: u32,
}

impl Rate {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, second: 0, used: 0 }
    }

    /// What an entry may use of the limit: all but a quarter, and at least one order is left to exits.
    pub(super) fn entry_limit(&self) -> u32 {
        self.limit - self.limit.div_ceil(4)
    }

    /// With one more order at `ts`: the orders of that second and what entries may have, if that is more.
    pub(super) fn entry_objection(&self, ts: TsNs) -> Option<(i64, i64)> {
        self.objection(ts, self.entry_limit())
    }

    /// The same for an exit, which may use the limit whole.
    pub(super) fn exit_objection(&self, ts: TsNs) -> Option<(i64, i64)> {
        self.objection(ts, self.limit)
    }

    fn objection(&self, ts: TsNs, limit: u32) -> Option<(i64, i64)> {
        let with_this = i64::from(self.used_at(ts)) + 1;
        (self.limit > 0 && with_this > i64::from(limit)).then_some((with_this, i64::from(limit)))
    }

    fn used_at(&self, ts: TsNs) -> u32 {
        if ts.0 / NS_PER_S == self.second { self.used } else { 0 }
    }

    /// Counts an order sent at `ts`.
    pub(super) fn count(&mut self, ts: TsNs) {
        self.used = self.used_at(ts) + 1;
        self.second = ts.0 / NS_PER_S;
    }

    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        io.count(&mut self.second);
        io.within(&mut self.used, 0, u32::MAX / 2);
    }
}
