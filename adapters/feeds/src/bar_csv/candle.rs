//! The four ticks of a candle.

use super::CandlePath;
use crate::candle_csv::Candle;
use crate::kite::raw_price;
use pitlane_engine::units::{NS_PER_S, Price, TsNs};

/// Ticks of a candle.
pub(super) const TICKS: usize = 4;

/// A candle's prices in the packet's unit, in the order of `path`; else the price that no packet can have.
pub(super) fn prices(candle: &Candle, path: CandlePath, token: u32) -> Result<[u32; TICKS], Price> {
    let Candle { open, high, low, close, .. } = *candle;
    let high_first = match path {
        CandlePath::Fixed => true,
        CandlePath::Inverse => false,
        CandlePath::Adaptive => high.0 - open.0 < open.0 - low.0,
    };
    let (first, second) = if high_first { (high, low) } else { (low, high) };
    let mut found = [0; TICKS];
    for (found, price) in found.iter_mut().zip([open, first, second, close]) {
        *found = raw_price(token, price).ok_or(price)?;
    }
    Ok(found)
}

/// Their times: a candle that lasts `span_ns` at its start, a third, two thirds, and in its last second.
pub(super) fn times(start: TsNs, span_ns: u64) -> [TsNs; TICKS] {
    let seconds = span_ns / NS_PER_S;
    [0, seconds / 3, seconds * 2 / 3, seconds - 1].map(|second| start.plus(second * NS_PER_S))
}

/// How much of the candle's volume has been traded with each of them. What is in a day's first packet counts for nothing.
pub(super) fn volumes(volume: u32, is_first_of_day: bool) -> [u32; TICKS] {
    if is_first_of_day {
        return [0, volume / 3, volume / 3 * 2, volume];
    }
    [volume / 4, volume / 4 * 2, volume / 4 * 3, volume]
}
