//! Minutes to longer bars, by the rule of the engine's bars: periods are counted from the instrument's open and the last
//! one ends at its close; a bar opens with its first part, closes with its last, and sums what can be summed; a period
//! without a minute has no bar.

use super::minutes::{InstrumentDay, MINUTE_NS, Minutes};
use pitlane_engine::event::{BAR_AFTER_GAP, BAR_RECEIVE_TIME, Bar, Event, FLAG_EXO, Timeframe};
use pitlane_engine::units::{InstrumentId, Money, NS_PER_S, TsNs};

/// The history: all minutes and what they make, by end, timeframe and instrument.
pub(super) fn history(minutes: Minutes) -> Vec<Event> {
    let mut bars: Vec<(InstrumentId, Bar)> = Vec::new();
    for ((_, instrument), day) in &minutes.days {
        let timeframes = Timeframe::ALL.iter().filter(|timeframe| **timeframe >= Timeframe::M1);
        bars.extend(timeframes.flat_map(|timeframe| of_day(day, *timeframe)).map(|bar| (*instrument, bar)));
    }
    bars.sort_by_key(|(instrument, bar)| (bar.end, bar.timeframe, *instrument));
    bars.iter().map(|(instrument, bar)| Event::new(*instrument, FLAG_EXO, bar)).collect()
}

/// The bars of one length of one day.
fn of_day(day: &InstrumentDay, timeframe: Timeframe) -> Vec<Bar> {
    let mut bars: Vec<Bar> = Vec::new();
    let mut turnover = 0_i128;
    for (minute, _) in day.minutes.values() {
        let (start, end) = period(day, timeframe, minute.start);
        match bars.last_mut().filter(|bar| bar.start == start) {
            Some(bar) => {
                turnover += i128::from(minute.turnover.0);
                merge(bar, minute);
                bar.turnover = money(turnover);
            }
            None => {
                turnover = i128::from(minute.turnover.0);
                let previous_end = bars.last().map(|bar| bar.end);
                bars.push(first(minute, timeframe, (start, end), previous_end));
            }
        }
    }
    bars
}

/// Start and end of the period that `time` lies in.
fn period(day: &InstrumentDay, timeframe: Timeframe, time: TsNs) -> (TsNs, TsNs) {
    let Some(length) = length_ns(timeframe) else { return (day.open, day.close) };
    let start = TsNs(time.0 - time.since(day.open) % length);
    (start, start.plus(length).min(day.close))
}

fn length_ns(timeframe: Timeframe) -> Option<u64> {
    timeframe.seconds().map(|seconds| seconds * NS_PER_S)
}

/// A bar with the contents of the first of its minutes. A minute itself keeps its flags; what it says of the one before
/// is found anew, because that may come from another source.
fn first(minute: &Bar, timeframe: Timeframe, (start, end): (TsNs, TsNs), previous_end: Option<TsNs>) -> Bar {
    let gap = match (previous_end, length_ns(timeframe)) {
        (Some(previous), Some(length)) => start.since(previous) / length,
        _ => 0,
    };
    let kept = if length_ns(timeframe) == Some(MINUTE_NS) { !BAR_AFTER_GAP } else { BAR_RECEIVE_TIME };
    let after_gap = if gap > 0 { BAR_AFTER_GAP } else { 0 };
    Bar {
        start,
        end,
        gap: u32::try_from(gap).unwrap_or(u32::MAX),
        timeframe: timeframe as u8,
        flags: minute.flags & kept | after_gap,
        ..*minute
    }
}

fn merge(bar: &mut Bar, minute: &Bar) {
    bar.high = bar.high.max(minute.high);
    bar.low = bar.low.min(minute.low);
    bar.close = minute.close;
    bar.volume += minute.volume;
    bar.open_interest = minute.open_interest;
    bar.trades = bar.trades.saturating_add(minute.trades);
    bar.flags |= minute.flags & BAR_RECEIVE_TIME;
}

/// A turnover beyond the range of money stops at its end, as the engine's.
pub(super) fn money(wide: i128) -> Money {
    Money(i64::try_from(wide).unwrap_or(i64::MAX))
}
