//! How long the paper venue takes: a model each for placing, changing and cancelling an order, and for reports.
//!
//! | model | a latency is |
//! |---|---|
//! | none | nothing: a request is acted on at once, a report takes `L_min` |
//! | constant | always the same |
//! | uniform | any step of a range, each as likely |
//! | quantiles | drawn from a distribution given by some of its quantiles, linear between them |
//! | recorded | what was measured at that time of the day, linear between the measurements |
//!
//! All of it is whole numbers. A drawn latency is a function of the configured seed and of what it is for, so that every
//! run and every driver draws the same.

use crate::units::{IST_OFFSET_NS, NS_PER_MS, NS_PER_S, TsNs};
use std::fmt::{Display, Formatter};

/// Points a model may have: one for each minute of a day.
pub const LATENCY_POINTS_MAX: usize = 1_440;

/// One, in parts per million.
const WHOLE_PPM: u32 = 1_000_000;

/// A point of a distribution: this share of the latencies is at most so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantile {
    /// The share, in parts per million, 0 to 1,000,000.
    pub share_ppm: u32,
    /// The latency in nanoseconds.
    pub ns: u64,
}

/// What was measured at a time of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Seconds after midnight, Indian time, 0 to 86,399.
    pub second: u32,
    /// The latency in nanoseconds.
    pub ns: u64,
}

/// How long something takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LatencyModel {
    /// Nothing of its own.
    #[default]
    None,
    /// Always as long, in nanoseconds.
    Constant(u64),
    /// `least_ns`, or up to `spread_ns` more in whole steps of `step_ns`, which is more than zero.
    Uniform {
        /// The least latency in nanoseconds.
        least_ns: u64,
        /// How much more it may be.
        spread_ns: u64,
        /// Latencies differ by multiples of this.
        step_ns: u64,
    },
    /// Drawn from a distribution: shares ascend strictly, latencies do not descend. Below the first point and above the
    /// last one it is flat.
    Quantiles(Vec<Quantile>),
    /// Read from a series by the time of the day: times ascend strictly. Before the first point it is that one's, after
    /// the last one that one's.
    Recorded(Vec<Measured>),
}

impl LatencyModel {
    /// The latency at `ts` for a random number `draw`. Panics on a model without points: `fault` finds it before.
    pub fn at(&self, draw: u64, ts: TsNs) -> u64 {
        match self {
            Self::None => 0,
            &Self::Constant(ns) => ns,
            &Self::Uniform { least_ns, spread_ns, step_ns } => {
                least_ns + step_ns * (draw % (spread_ns / step_ns + 1))
            }
            Self::Quantiles(points) => {
                // The high bits of the draw, as a share: 0 to 999,999 parts per million.
                let share = (u128::from(draw) * u128::from(WHOLE_PPM)) >> 64;
                between(points, share as u64, |point| (u64::from(point.share_ppm), point.ns))
            }
            Self::Recorded(points) => {
                let time_ns = (ts.0 + IST_OFFSET_NS) % (86_400 * NS_PER_S);
                between(points, time_ns, |point| (u64::from(point.second) * NS_PER_S, point.ns))
            }
        }
    }

    /// The shortest and the longest latency it can give, in nanoseconds.
    pub fn bounds(&self) -> (u64, u64) {
        let of = |all: &mut dyn Iterator<Item = u64>| {
            all.fold((u64::MAX, 0), |(least, most): (u64, u64), ns| (least.min(ns), most.max(ns)))
        };
        match self {
            Self::None => (0, 0),
            &Self::Constant(ns) => (ns, ns),
            &Self::Uniform { least_ns, spread_ns, step_ns } => {
                (least_ns, least_ns.saturating_add(spread_ns / step_ns.max(1) * step_ns))
            }
            Self::Quantiles(points) => of(&mut points.iter().map(|point| point.ns)),
            Self::Recorded(points) => of(&mut points.iter().map(|point| point.ns)),
        }
    }

    /// Whether requests wait at all.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// What is wrong with the model, if anything: whoever builds one asks. `least_ns` is `L_min`.
    pub fn fault(&self, least_ns: u64) -> Option<&'static str> {
        let quantiles = |a: &[Quantile]| a[0].share_ppm < a[1].share_ppm && a[0].ns <= a[1].ns;
        let (points, ordered) = match self {
            Self::None => return None,
            Self::Constant(_) => (1, true),
            &Self::Uniform { least_ns, spread_ns, step_ns } => {
                (1, step_ns > 0 && least_ns.checked_add(spread_ns).is_some())
            }
            Self::Quantiles(points) => {
                let shares = points.iter().all(|point| point.share_ppm <= WHOLE_PPM);
                (points.len(), shares && points.windows(2).all(quantiles))
            }
            Self::Recorded(points) => {
                let times = points.iter().all(|point| point.second < 86_400);
                (points.len(), times && points.windows(2).all(|pair| pair[0].second < pair[1].second))
            }
        };
        if points == 0 {
            Some("it has no points")
        } else if points > LATENCY_POINTS_MAX {
            Some("it has more points than a day has minutes")
        } else if !ordered {
            Some("its points do not ascend, or its step is zero")
        } else if self.bounds().0 < least_ns {
            Some("it can be shorter than the least latency between an input and what it causes")
        } else {
            None
        }
    }
}

/// The value at `x`, linear between the points on both sides of it, flat beyond them; half up.
fn between<T>(points: &[T], x: u64, xy: impl Fn(&T) -> (u64, u64)) -> u64 {
    let after = points.partition_point(|point| xy(point).0 <= x);
    let (first, last) = (xy(&points[0]), xy(&points[points.len() - 1]));
    if after == 0 {
        return first.1;
    }
    if after == points.len() {
        return last.1;
    }
    let ((x0, y0), (x1, y1)) = (xy(&points[after - 1]), xy(&points[after]));
    let (run, rise) = (i128::from(x1 - x0), i128::from(y1) - i128::from(y0));
    let moved = (2 * rise * i128::from(x - x0) + run).div_euclid(2 * run);
    u64::try_from(i128::from(y0) + moved).expect("it lies between two values of 64 bits")
}

impl Display for LatencyModel {
    /// For people, on a line: `none`, `2ms`, `1ms to 4ms in steps of 1ms`.
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let (least, most) = self.bounds();
        match self {
            Self::None => f.write_str("none"),
            &Self::Constant(ns) => write!(f, "{}", Duration(ns)),
            Self::Uniform { step_ns, .. } if least < most => {
                write!(f, "{} to {} in steps of {}", Duration(least), Duration(most), Duration(*step_ns))
            }
            Self::Uniform { .. } => write!(f, "{}", Duration(least)),
            Self::Quantiles(points) => {
                for (at, Quantile { share_ppm, ns }) in points.iter().enumerate() {
                    let gap = if at == 0 { "" } else { " " };
                    write!(f, "{gap}p{} {}", Percent(*share_ppm), Duration(*ns))?;
                }
                Ok(())
            }
            Self::Recorded(points) => {
                let (least, most) = (Duration(least), Duration(most));
                write!(f, "as recorded ({} points, {least} to {most})", points.len())
            }
        }
    }
}

/// Nanoseconds with the largest unit that keeps them whole.
struct Duration(u64);

impl Display for Duration {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let units = [("s", NS_PER_S), ("ms", NS_PER_MS), ("us", 1_000), ("ns", 1)];
        let whole = units.iter().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor));
        let (name, factor) = whole.unwrap_or(&("ns", 1));
        write!(f, "{}{name}", self.0 / factor)
    }
}

/// Parts per million as percent, with no more decimals than it needs.
struct Percent(u32);

impl Display for Percent {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let (whole, rest) = (self.0 / 10_000, self.0 % 10_000);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{rest:04}").trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = NS_PER_MS;

    fn quantiles(points: &[(u32, u64)]) -> LatencyModel {
        LatencyModel::Quantiles(points.iter().map(|&(share_ppm, ns)| Quantile { share_ppm, ns }).collect())
    }

    fn recorded(points: &[(u32, u64)]) -> LatencyModel {
        LatencyModel::Recorded(points.iter().map(|&(second, ns)| Measured { second, ns }).collect())
    }

    /// 2026-07-31 00:00 in India.
    const MIDNIGHT: TsNs = TsNs(1_785_436_200 * NS_PER_S);

    /// The draw whose share is `ppm`.
    fn draw(ppm: u64) -> u64 {
        u64::try_from((u128::from(ppm) << 64).div_ceil(1_000_000)).unwrap()
    }

    #[test]
    fn every_model_by_hand() {
        let uniform = LatencyModel::Uniform { least_ns: MS, spread_ns: 3 * MS, step_ns: MS };
        let table = quantiles(&[(100_000, MS), (500_000, 3 * MS), (990_000, 10 * MS)]);
        let day = recorded(&[(33_300, 2 * MS), (33_360, 8 * MS), (33_420, 5 * MS)]);
        let at = |s: u64| MIDNIGHT.plus(s * NS_PER_S);
        for (model, random, ts, expected) in [
            (&LatencyModel::None, 7, MIDNIGHT, 0),
            (&LatencyModel::Constant(5), 7, MIDNIGHT, 5),
            (&uniform, 0, MIDNIGHT, MS),
            (&uniform, 3, MIDNIGHT, 4 * MS),
            (&uniform, 4, MIDNIGHT, MS),
            (&table, draw(0), MIDNIGHT, MS),
            (&table, draw(100_000), MIDNIGHT, MS),
            (&table, draw(300_000), MIDNIGHT, 2 * MS),
            (&table, draw(500_000), MIDNIGHT, 3 * MS),
            (&table, draw(745_000), MIDNIGHT, 6_500_000),
            (&table, u64::MAX, MIDNIGHT, 10 * MS),
            (&day, 7, at(0), 2 * MS),
            (&day, 7, at(33_300), 2 * MS),
            (&day, 7, at(33_310), 3 * MS),
            (&day, 7, at(33_330), 5 * MS),
            (&day, 7, at(33_400), 6 * MS),
            (&day, 7, at(33_420), 5 * MS),
            (&day, 7, at(86_399), 5 * MS),
            (&day, 7, at(86_400 + 33_310), 3 * MS),
        ] {
            assert_eq!(model.at(random, ts), expected, "{model} at {ts:?} for {random}");
        }
    }

    #[test]
    fn drawn_quantiles_are_those_of_the_table() {
        let points = [(0, MS), (500_000, 2 * MS), (900_000, 4 * MS), (1_000_000, 20 * MS)];
        let model = quantiles(&points);
        // Every share in turn: what is drawn needs no luck.
        let mut drawn: Vec<u64> = (0..10_000).map(|n| model.at(draw(n * 100), MIDNIGHT)).collect();
        drawn.sort_unstable();
        for (share, ns) in points {
            let rank = (share as usize / 100).min(drawn.len() - 1);
            let distance = drawn[rank].abs_diff(ns);
            assert!(distance <= 20_000, "p{share}: {} is {distance} from {ns}", drawn[rank]);
        }
    }

    #[test]
    fn no_latency_leaves_the_bounds() {
        let models = [
            LatencyModel::Uniform { least_ns: 3, spread_ns: 10, step_ns: 4 },
            quantiles(&[(0, 3), (400_000, 3), (999_999, 11)]),
            recorded(&[(1, 11), (2, 3), (86_399, 7)]),
        ];
        let mut random = 5_u64;
        for model in &models {
            assert_eq!((model.bounds(), model.fault(3)), ((3, 11), None), "{model}");
            for _ in 0..10_000 {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let ns = model.at(random ^ (random >> 31), MIDNIGHT.plus(random >> 20));
                assert!((3..=11).contains(&ns), "{model}: {ns}");
            }
        }
    }

    #[test]
    fn models_that_cannot_be_are_found() {
        let many: Vec<(u32, u64)> = (0..=LATENCY_POINTS_MAX as u32).map(|n| (n, 9)).collect();
        for (model, why) in [
            (LatencyModel::Constant(4), "shorter"),
            (LatencyModel::Uniform { least_ns: 4, spread_ns: 9, step_ns: 1 }, "shorter"),
            (LatencyModel::Uniform { least_ns: 9, spread_ns: 9, step_ns: 0 }, "step is zero"),
            (LatencyModel::Uniform { least_ns: 9, spread_ns: u64::MAX, step_ns: 1 }, "ascend"),
            (quantiles(&[]), "no points"),
            (quantiles(&[(5, 9), (5, 9)]), "ascend"),
            (quantiles(&[(5, 9), (6, 8)]), "ascend"),
            (quantiles(&[(1_000_001, 9)]), "ascend"),
            (recorded(&[]), "no points"),
            (recorded(&[(7, 9), (6, 9)]), "ascend"),
            (recorded(&[(86_400, 9)]), "ascend"),
            (recorded(&[(7, 9), (8, 4)]), "shorter"),
            (recorded(&many), "more points"),
        ] {
            let fault = model.fault(5);
            assert!(fault.is_some_and(|fault| fault.contains(why)), "{model}: {fault:?}");
        }
        assert_eq!(LatencyModel::None.fault(5), None);
        assert_eq!(recorded(&[(7, 9), (8, 5)]).fault(5), None);
    }

    #[test]
    fn they_say_what_they_are() {
        let points = quantiles(&[(500_000, 2 * MS), (999_000, 9_500_000)]);
        for (model, text) in [
            (LatencyModel::None, "none"),
            (LatencyModel::Constant(2 * MS), "2ms"),
            (LatencyModel::Uniform { least_ns: MS, spread_ns: 0, step_ns: MS }, "1ms"),
            (
                LatencyModel::Uniform { least_ns: 500_000, spread_ns: MS, step_ns: 250_000 },
                "500us to 1500us in steps of 250us",
            ),
            (points, "p50 2ms p99.9 9500us"),
            (recorded(&[(7, MS), (8, NS_PER_S)]), "as recorded (2 points, 1ms to 1s)"),
        ] {
            assert_eq!(model.to_string(), text);
        }
    }
}
