//! All that is known of one instrument's session.

use super::cumulative::{Change, Cumulative};
use super::hours::Hours;
use super::open_bar::OpenBar;
use super::tick::Tick;
use super::{NEVER, TIMEFRAMES, place};
use crate::event::{Bar, Timeframe};
use crate::state::StateIo;
use crate::units::TsNs;

/// The bars of one instrument.
///
/// The bars that are open all contain the newest tick's time, or will be closed before the next tick is
/// applied: a shorter open bar lies within every longer one.
#[derive(Clone)]
pub(super) struct InstrumentBars {
    /// When it trades in this session.
    hours: Hours,
    /// Open bars by place of their timeframe, and which of them are open as bits.
    bars: [OpenBar; TIMEFRAMES],
    open: u8,
    /// End of the last closed bar of each timeframe; zero before the first.
    last_end: [TsNs; TIMEFRAMES],
    /// The latest end of any closed bar; zero before the first.
    closed_until: TsNs,
    cumulative: Cumulative,
    open_interest: u32,
    /// Whether an open bar may have another open interest; no state, because it follows from the bars.
    interest_moved: bool,
}

impl InstrumentBars {
    /// Before the first session.
    pub(super) const NEW: Self = Self::starting(Hours::NONE);

    /// The start of a session in which the instrument trades within `hours`.
    pub(super) const fn starting(hours: Hours) -> Self {
        Self {
            hours,
            bars: [OpenBar::CLOSED; TIMEFRAMES],
            open: 0,
            last_end: [TsNs::ZERO; TIMEFRAMES],
            closed_until: TsNs::ZERO,
            cumulative: Cumulative::NEW,
            open_interest: 0,
            interest_moved: false,
        }
    }

    /// Gives the instrument hours of its own. Panics if it had a bar already: its periods would change.
    pub(super) fn keep(&mut self, hours: Hours) {
        let fresh = self.open == 0 && self.closed_until.is_zero();
        assert!(fresh, "an instrument's hours come with the session's start, before its first bar");
        self.hours = hours;
    }

    /// Whether `time` is within the instrument's hours.
    #[inline]
    pub(super) fn trades_at(&self, time: TsNs) -> bool {
        self.hours.contain(time)
    }

    /// How many bars are open.
    pub(super) fn open_bars(&self) -> u32 {
        self.open.count_ones()
    }

    /// Whether a tick at `time` would change a closed bar, or go back before the open one-second bar.
    #[inline]
    pub(super) fn is_late(&self, time: TsNs) -> bool {
        time < self.closed_until || self.open_bar(Timeframe::S1).is_some_and(|bar| time < bar.start)
    }

    /// Takes a tick's cumulative figures, whether it is within the hours or not.
    #[inline]
    pub(super) fn observe(&mut self, tick: &Tick) -> Change {
        if let Some(open_interest) = tick.open_interest {
            self.interest_moved |= open_interest != self.open_interest;
            self.open_interest = open_interest;
        }
        self.cumulative.observe(tick, self.closed_until.is_zero())
    }

    /// Lets a tick change the open bars, after those it ends were closed. The end of the one-second bar, if
    /// one is open.
    #[inline(always)]
    pub(super) fn apply(&mut self, tick: &Tick, change: Change) -> TsNs {
        let second = place(Timeframe::S1);
        if change.moved {
            if !self.is_open(second) {
                self.bars[second] = OpenBar::first(&self.hours, tick);
                self.bars[second].open_interest = self.open_interest;
                self.open |= 1 << second;
            }
            self.bars[second].update(tick, change.volume);
        }
        if self.interest_moved && tick.open_interest.is_some() {
            self.interest_moved = false;
            // Every open bar and not only the shortest: a tick that moves nothing may have no one-second bar.
            for index in 0..TIMEFRAMES {
                if self.is_open(index) {
                    self.bars[index].open_interest = self.open_interest;
                }
            }
        }
        if self.is_open(second) { self.bars[second].end } else { NEVER }
    }

    /// Whether a bar of `timeframe` is open that ends at or before `until`.
    #[inline]
    pub(super) fn is_due(&self, timeframe: Timeframe, until: TsNs) -> bool {
        self.open_bar(timeframe).is_some_and(|bar| bar.end <= until)
    }

    /// Closes the open bar of `timeframe` into `closed`, and merges it into those above it.
    #[inline]
    pub(super) fn close(&mut self, timeframe: Timeframe, flags: u8, closed: &mut Bar) {
        let index = place(timeframe);
        // Those that it merges into are longer.
        let (parts, longer) = self.bars.split_at_mut(index + 1);
        let part = &parts[index];
        self.open &= !(1 << index);
        let previous_end = (!self.last_end[index].is_zero()).then_some(self.last_end[index]);
        self.last_end[index] = part.end;
        self.closed_until = self.closed_until.max(part.end);
        for &above in merges_into(timeframe) {
            let above_index = place(above);
            let bar = &mut longer[above_index - index - 1];
            if self.open & (1 << above_index) != 0 {
                bar.merge(part);
            } else {
                *bar = OpenBar::containing(&self.hours, above, part);
                self.open |= 1 << above_index;
            }
        }
        *closed = part.closed(timeframe, previous_end, flags);
    }

    /// Whether the bar of `timeframe` is open, and no longer bar ends before it: a second and a minute lie within one
    /// period of every longer length.
    #[inline]
    pub(super) fn rest_ends_later(&self, timeframe: Timeframe) -> bool {
        matches!(timeframe, Timeframe::S1 | Timeframe::M1) && self.is_open(place(timeframe))
    }

    /// The earliest end of the open bars.
    #[inline]
    pub(super) fn earliest_end(&self) -> TsNs {
        for timeframe in [Timeframe::S1, Timeframe::M1] {
            if self.rest_ends_later(timeframe) {
                return self.bars[place(timeframe)].end;
            }
        }
        Timeframe::ALL
            .iter()
            .filter_map(|&timeframe| self.open_bar(timeframe))
            .map(|bar| bar.end)
            .min()
            .unwrap_or(NEVER)
    }

    #[inline]
    fn open_bar(&self, timeframe: Timeframe) -> Option<&OpenBar> {
        let index = place(timeframe);
        self.is_open(index).then(|| &self.bars[index])
    }

    #[inline]
    fn is_open(&self, index: usize) -> bool {
        self.open & (1 << index) != 0
    }

    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        self.hours.state(io);
        io.plain(&mut self.open);
        for index in 0..TIMEFRAMES {
            if self.is_open(index) {
                self.bars[index].state(io);
            }
        }
        self.last_end.iter_mut().for_each(|end| io.time(end));
        io.time(&mut self.closed_until);
        self.cumulative.state(io);
        io.plain(&mut self.open_interest);
        self.interest_moved |= io.is_loading();
    }
}

/// The bars that a closed bar of `timeframe` is a part of, at the next step of the cascade.
fn merges_into(timeframe: Timeframe) -> &'static [Timeframe] {
    match timeframe {
        Timeframe::S1 => &[Timeframe::M1],
        Timeframe::M1 => {
            &[Timeframe::M3, Timeframe::M5, Timeframe::M15, Timeframe::M30, Timeframe::M60, Timeframe::Day]
        }
        _ => &[],
    }
}
