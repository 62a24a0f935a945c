//! The account minute by minute, as anybody can compute it from the exported fills and one-minute bars.
//!
//! At the end of each minute what is held counts at the close of its last one-minute bar that began before that end; a
//! fill counts if it was made before that end. A bar's time is the exchange's where packets carry it, so late packets move
//! no minute twice. An instrument without a bar so far counts at what it was worth when the session began, or at its
//! last fill. The session's last point is the account as it stands at the session's end, at last prices.

use crate::model::Point;
use pitlane_engine::units::{Money, NS_PER_S, Price, TsNs};
use std::collections::BTreeMap;

const MINUTE_NS: u64 = 60 * NS_PER_S;

/// What a fill does to the account.
pub(crate) struct Moved {
    pub(crate) ts: TsNs,
    pub(crate) instrument: u32,
    /// Units, negative for a sale.
    pub(crate) quantity: i64,
    pub(crate) price: Price,
    pub(crate) multiplier: i64,
    pub(crate) charged: Money,
}

/// What is held of an instrument.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) quantity: i64,
    pub(crate) mark: Price,
    pub(crate) multiplier: i64,
}

impl Held {
    fn value(&self) -> i128 {
        i128::from(self.mark.0) * i128::from(self.quantity) * i128::from(self.multiplier)
    }
}

/// A session's fills and one-minute closes.
#[derive(Default)]
pub(crate) struct Minutes {
    pub(crate) open: TsNs,
    pub(crate) close: TsNs,
    /// Value of the account at its start.
    pub(crate) equity: Money,
    /// What is held at its start.
    pub(crate) held: BTreeMap<u32, Held>,
    pub(crate) moved: Vec<Moved>,
    /// Start of the bar, instrument, close.
    pub(crate) closes: Vec<(TsNs, u32, Price)>,
}

impl Minutes {
    /// The points of the session up to `until`, the time of its last input.
    pub(crate) fn points(mut self, until: TsNs) -> Vec<Point> {
        let traded = |instrument: &u32| {
            self.held.contains_key(instrument)
                || self.moved.iter().any(|moved| moved.instrument == *instrument)
        };
        let mut closes: Vec<_> = self.closes.iter().filter(|(_, of, _)| traded(of)).copied().collect();
        closes.sort_by_key(|&(start, instrument, _)| (start, instrument));
        let last_fill = self.moved.last().map_or(TsNs::ZERO, |moved| moved.ts.plus(1));
        let last_bar = self.closes.iter().map(|(start, ..)| start.plus(MINUTE_NS)).max();
        let end = self.close.max(last_bar.unwrap_or(TsNs::ZERO)).max(last_fill).min(until.max(last_fill));
        let start_value: i128 = self.held.values().map(Held::value).sum();
        let mut cash = i128::from(self.equity.0) - start_value;
        let (mut fills, mut bars) = (self.moved.iter().peekable(), closes.iter().peekable());
        let (mut points, mut at, mut last) = (Vec::new(), self.open, BTreeMap::new());
        while at < end {
            at = at.plus(MINUTE_NS);
            while let Some(moved) = fills.next_if(|moved| moved.ts < at) {
                let (mark, multiplier) = (moved.price, moved.multiplier);
                let flat = Held { quantity: 0, mark, multiplier };
                let held = self.held.entry(moved.instrument).or_insert(flat);
                let units = i128::from(moved.quantity) * i128::from(multiplier);
                cash -= i128::from(mark.0) * units + i128::from(moved.charged.0);
                held.quantity += moved.quantity;
                held.mark = mark;
            }
            while let Some((_, instrument, close)) = bars.next_if(|(start, ..)| *start < at) {
                last.insert(*instrument, *close);
            }
            for (instrument, held) in &mut self.held {
                held.mark = last.get(instrument).copied().unwrap_or(held.mark);
            }
            points.push(self.point(at, cash));
        }
        points
    }

    fn point(&self, ts: TsNs, cash: i128) -> Point {
        let values = || self.held.values().map(Held::value);
        Point {
            ts,
            equity: money(cash + values().sum::<i128>()),
            exposure: money(values().map(i128::abs).sum()),
            net_exposure: money(values().sum()),
        }
    }
}

/// An amount that corrupt prices may have made too large, held within the range.
fn money(exact: i128) -> Money {
    Money(exact.clamp(i128::from(i64::MIN / 4), i128::from(i64::MAX / 4)) as i64)
}

/// Deepest fall of the values from the highest before, as an amount and as a share of that highest; with the places of
/// the highest and of the lowest.
pub(crate) fn drawdown(values: &[Money]) -> Drawdown {
    let mut worst = Drawdown::default();
    let mut peak = 0;
    for (at, value) in values.iter().enumerate() {
        if *value > values[peak] {
            peak = at;
        }
        let fall = values[peak] - *value;
        if fall > worst.amount {
            worst = Drawdown { amount: fall, share: 0.0, peak, trough: at };
        }
    }
    let top = values.get(worst.peak).copied().unwrap_or(Money::ZERO);
    if top.0 > 0 {
        worst.share = worst.amount.0 as f64 / top.0 as f64;
    }
    worst
}

/// How far an account went within a day, against its value when the day began: enough to join days without their minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayPath {
    /// The highest value of a minute.
    pub high: Money,
    /// The lowest.
    pub low: Money,
    /// The deepest fall within the day: from its beginning, or from a minute to a later one.
    pub drawdown: Money,
}

impl DayPath {
    /// The path of values, the day having begun at `start`.
    pub(crate) fn of(start: Money, values: &[Money]) -> Self {
        let most = values.iter().max().copied().unwrap_or(start);
        let least = values.iter().min().copied().unwrap_or(start);
        let low = least - start;
        Self { high: most - start, low, drawdown: drawdown(values).amount.max(Money::ZERO - low) }
    }
}

/// Falls of an account over days, one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Falls {
    at: Money,
    peak: Money,
    /// The deepest fall so far from the highest value before it.
    pub deepest: Money,
}

impl Falls {
    /// Adds a day that brought `net`; the deepest fall in it from the highest value since the first day began.
    pub fn add(&mut self, path: &DayPath, net: Money) -> Money {
        let fall = path.drawdown.max(self.peak - (self.at + path.low)).max(Money::ZERO);
        self.peak = self.peak.max(self.at + path.high);
        self.at += net;
        self.deepest = self.deepest.max(fall);
        fall
    }
}

/// A fall from a highest value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Drawdown {
    pub(crate) amount: Money,
    pub(crate) share: f64,
    pub(crate) peak: usize,
    pub(crate) trough: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_joined_without_their_minutes_fall_as_deep_as_all_minutes_do() {
        let mut state = 0x5eed_u64;
        let mut step = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            Money((state >> 54) as i64 - 512)
        };
        for case in 0..200 {
            let (mut all, mut falls) = (vec![Money::ZERO], Falls::default());
            for _ in 0..1 + case % 7 {
                let start = *all.last().expect("it begins with one");
                let from = all.len();
                for _ in 0..1 + case % 5 {
                    let last = *all.last().expect("it begins with one");
                    all.push(last + step());
                }
                let day = &all[from..];
                let path = DayPath::of(start, day);
                assert_eq!(path.drawdown, drawdown(&all[from - 1..]).amount, "case {case}: {all:?}");
                falls.add(&path, day[day.len() - 1] - start);
            }
            assert_eq!(falls.deepest, drawdown(&all).amount, "case {case}: {all:?}");
        }
    }
}
