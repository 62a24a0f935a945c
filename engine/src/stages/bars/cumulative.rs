//! What changed since the packet before: the feed is conflated and its volume is cumulative, so trades show
//! only as changes of the day's figures.

use super::tick::Tick;
use crate::state::StateIo;

/// What a tick brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Whether the tick's price belongs into a bar: something traded, or the feed cannot say.
    pub(super) moved: bool,
    /// Increase of the running maximum of the day's volume.
    pub(super) volume: u32,
}

/// The day's cumulative figures of one instrument.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cumulative {
    /// The running maximum of the day's volume, from the first packet on.
    maximum: Option<u32>,
    /// The volume of the last packet that had the field.
    volume: Option<u32>,
    /// The last-trade time of the last packet that had the field.
    trade_secs: Option<u32>,
}

impl Cumulative {
    /// Nothing seen on this trading date.
    pub(super) const NEW: Self = Self { maximum: None, volume: None, trade_secs: None };

    /// Takes a tick of the trading date. `may_reseed` says that none of the instrument's bars was closed yet.
    #[inline]
    pub(super) fn observe(&mut self, tick: &Tick, may_reseed: bool) -> Change {
        let moved = self.moved_by(tick);
        self.trade_secs = tick.trade_secs.or(self.trade_secs);
        self.volume = tick.volume.or(self.volume);
        let Some(volume) = tick.volume else { return Change { moved, volume: 0 } };
        let maximum = match self.maximum {
            // The first packet says what traded before it was seen, which is in no bar.
            None => volume,
            // The broker's first packet may be a snapshot of an earlier date. An exchange time gives it away;
            // without one, a fall of the day's volume to less than half does, which no correction of the
            // exchange causes.
            Some(maximum)
                if may_reseed && !tick.exchange_time && u64::from(volume) * 2 < u64::from(maximum) =>
            {
                volume
            }
            Some(maximum) => maximum,
        };
        self.maximum = Some(maximum.max(volume));
        Change { moved, volume: volume.saturating_sub(maximum) }
    }

    #[inline]
    fn moved_by(&self, tick: &Tick) -> bool {
        let says_nothing = tick.volume.unwrap_or(0) == 0 && tick.trade_secs.unwrap_or(0) == 0;
        let nothing_before = self.volume.is_none() && self.trade_secs.is_none();
        tick.index
            || says_nothing
            || nothing_before
            || differs(tick.volume, self.volume)
            || differs(tick.trade_secs, self.trade_secs)
    }

    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        for field in [&mut self.maximum, &mut self.volume, &mut self.trade_secs] {
            io.option(field, || 0, |io, value| io.plain(value));
        }
    }
}

/// Whether both packets have the field and it changed. A field seen for the first time (a feed that goes from
/// quote to full mode) is no change: nothing says that anything traded.
fn differs(now: Option<u32>, before: Option<u32>) -> bool {
    matches!((now, before), (Some(now), Some(before)) if now != before)
}
