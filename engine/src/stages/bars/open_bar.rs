//! A bar that is not closed yet.

use super::hours::{Hours, period_ns};
use super::tick::Tick;
use crate::event::{BAR_AFTER_GAP, BAR_RECEIVE_TIME, Bar, Timeframe};
use crate::state::StateIo;
use crate::units::{Money, Price, TsNs};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A bar in the making; its bytes are its state as they are.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(super) struct OpenBar {
    /// Σ price × volume, wide: mutilated volumes may leave the range of money, which only the closed bar has.
    turnover: i128,
    pub(super) start: TsNs,
    pub(super) end: TsNs,
    open: Price,
    high: Price,
    low: Price,
    close: Price,
    volume: u64,
    pub(super) open_interest: u32,
    trades: u32,
    flags: u8,
    reserved: [u8; 15],
}

/// More volume than one bar can have, far from the end of the numbers.
const VOLUME_MAX: u64 = 1 << 60;
/// The same for its turnover.
const TURNOVER_MAX: u128 = 1 << 120;

impl OpenBar {
    /// The bar of a place where none is open; never read.
    pub(super) const CLOSED: Self = Self {
        turnover: 0,
        start: TsNs::ZERO,
        end: TsNs::ZERO,
        open: Price::ZERO,
        high: Price::ZERO,
        low: Price::ZERO,
        close: Price::ZERO,
        volume: 0,
        open_interest: 0,
        trades: 0,
        flags: 0,
        reserved: [0; 15],
    };

    /// A one-second bar of nothing yet, at the price of its first tick.
    #[inline]
    pub(super) fn first(hours: &Hours, tick: &Tick) -> Self {
        let (start, end) = hours.period(Timeframe::S1, tick.time);
        Self {
            start,
            end,
            open: tick.last,
            high: tick.last,
            low: tick.last,
            close: tick.last,
            ..Self::CLOSED
        }
    }

    /// A bar of `timeframe` with the contents of `part`, the first of its parts.
    pub(super) fn containing(hours: &Hours, timeframe: Timeframe, part: &Self) -> Self {
        let (start, end) = hours.period(timeframe, part.start);
        Self { start, end, ..*part }
    }

    /// Takes a tick that moved prices, with the increase of the day's volume it brought.
    #[inline(always)]
    pub(super) fn update(&mut self, tick: &Tick, volume: u32) {
        self.high = self.high.max(tick.last);
        self.low = self.low.min(tick.last);
        self.close = tick.last;
        self.volume += u64::from(volume);
        self.turnover += i128::from(tick.last.0) * i128::from(volume);
        self.trades = self.trades.saturating_add(1);
        if !tick.exchange_time {
            self.flags |= BAR_RECEIVE_TIME;
        }
    }

    /// Takes the next of its parts.
    #[inline]
    pub(super) fn merge(&mut self, part: &Self) {
        self.high = self.high.max(part.high);
        self.low = self.low.min(part.low);
        self.close = part.close;
        self.volume += part.volume;
        self.turnover += part.turnover;
        self.open_interest = part.open_interest;
        self.trades = self.trades.saturating_add(part.trades);
        self.flags |= part.flags;
    }

    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        io.plain(self);
        let ends = self.start < self.end && self.end < TsNs(1 << 62);
        let sums = self.volume <= VOLUME_MAX && self.turnover.unsigned_abs() <= TURNOVER_MAX;
        let flags = self.flags & !(BAR_RECEIVE_TIME) == 0 && self.reserved == [0; 15];
        if !ends || !sums || !flags {
            io.refuse("an open bar cannot be");
        }
    }

    /// The closed bar. `previous_end` is the end of the bar of `timeframe` before it in the session, if there
    /// was one.
    #[inline]
    pub(super) fn closed(&self, timeframe: Timeframe, previous_end: Option<TsNs>, flags: u8) -> Bar {
        let gap = match (previous_end, period_ns(timeframe)) {
            // Most bars follow the one before at once, and need no division.
            (Some(end), Some(length)) if self.start > end => self.start.since(end) / length,
            _ => 0,
        };
        let after_gap = if gap > 0 { BAR_AFTER_GAP } else { 0 };
        Bar {
            start: self.start,
            end: self.end,
            open: self.open,
            high: self.high,
            low: self.low,
            close: self.close,
            volume: self.volume,
            // Beyond 922 trillion rupees, which no market trades in a day, the figure stops rather than the
            // pipeline.
            turnover: Money(i64::try_from(self.turnover).unwrap_or(i64::MAX)),
            open_interest: self.open_interest,
            trades: self.trades,
            gap: u32::try_from(gap).unwrap_or(u32::MAX),
            timeframe: timeframe as u8,
            flags: self.flags | flags | after_gap,
            reserved: [0; 18],
        }
    }
}
