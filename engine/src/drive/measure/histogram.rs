//! Counts of durations in buckets of fixed relative width: one thread records, anybody reads, nothing is ever allocated
//! after its making.

use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets in each doubling: a bucket is at most 1/64 of its value wide.
const SUB_BITS: u32 = 6;
const SUB: u64 = 1 << SUB_BITS;
/// The longest duration told apart, about 68 s; a longer one counts as this.
const LONGEST_NS: u64 = (1 << 36) - 1;
const BUCKETS: usize = index(LONGEST_NS) + 1;

/// The bucket of a duration of at most `LONGEST_NS`.
const fn index(ns: u64) -> usize {
    let shift = (ns | SUB).ilog2() - SUB_BITS;
    // Below 128 each value has a bucket; above, each doubling has 64.
    ((shift as u64) << SUB_BITS) as usize + (ns >> shift) as usize
}

/// The longest duration of a bucket.
const fn longest_of(index: usize) -> u64 {
    let index = index as u64;
    if index < 2 * SUB {
        return index;
    }
    let shift = index / SUB - 1;
    ((index - shift * SUB + 1) << shift) - 1
}

/// A histogram of nanoseconds from 0 to 68 s with one writer.
pub struct Histogram {
    counts: Box<[AtomicU64; BUCKETS]>,
    sum_ns: AtomicU64,
    max_ns: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        let counts: Box<[AtomicU64]> = (0..BUCKETS).map(|_| AtomicU64::new(0)).collect();
        let counts = counts.try_into().unwrap_or_else(|_| unreachable!("that many were made"));
        Self { counts, sum_ns: AtomicU64::new(0), max_ns: AtomicU64::new(0) }
    }
}

impl Histogram {
    /// Counts a duration. Only one thread may: a count is a load and a store, and no locked instruction.
    #[inline]
    pub fn record(&self, ns: u64) {
        // Relaxed throughout: figures without data behind them.
        let count = &self.counts[index(ns.min(LONGEST_NS))];
        count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        self.sum_ns.store(self.sum_ns.load(Ordering::Relaxed).wrapping_add(ns), Ordering::Relaxed);
        if ns > self.max_ns.load(Ordering::Relaxed) {
            self.max_ns.store(ns, Ordering::Relaxed);
        }
    }

    /// What was counted so far.
    pub fn read(&self) -> Distribution {
        // Relaxed: as in `record`.
        let counts: Vec<u64> = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let [sum_ns, max_ns] = [&self.sum_ns, &self.max_ns].map(|word| word.load(Ordering::Relaxed));
        Distribution { count: counts.iter().sum(), counts, sum_ns, max_ns }
    }
}

/// What a histogram held at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    counts: Vec<u64>,
    count: u64,
    sum_ns: u64,
    max_ns: u64,
}

impl Distribution {
    /// Durations counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest, exactly.
    pub fn max_ns(&self) -> u64 {
        self.max_ns
    }

    /// Their sum, exactly.
    pub fn sum_ns(&self) -> u64 {
        self.sum_ns
    }

    /// The least duration that a share `quantile` of them did not exceed, at most 1/64 too long; zero of none.
    pub fn quantile_ns(&self, quantile: f64) -> u64 {
        let wanted = ((self.count as f64 * quantile).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return longest_of(index).min(self.max_ns);
            }
        }
        self.max_ns
    }

    /// What was counted after `earlier`, a reading of the same histogram; its longest is that of its bucket.
    pub fn since(&self, earlier: &Self) -> Self {
        let before = earlier.counts.iter().copied().chain(std::iter::repeat(0));
        let counts: Vec<u64> =
            self.counts.iter().zip(before).map(|(now, was)| now.saturating_sub(was)).collect();
        let last = counts.iter().rposition(|count| *count > 0);
        Self {
            count: counts.iter().sum(),
            max_ns: last.map_or(0, |last| longest_of(last).min(self.max_ns)),
            sum_ns: self.sum_ns.wrapping_sub(earlier.sum_ns),
            counts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap_and_are_narrow() {
        let mut from = 0;
        for bucket in 0..BUCKETS {
            let to = longest_of(bucket);
            assert_eq!((index(from), index(to)), (bucket, bucket), "{from}..={to}");
            assert!(to - from <= from / SUB, "{from}..={to}");
            from = to + 1;
        }
        assert_eq!(from, LONGEST_NS + 1);
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_values_within_a_bucket() {
        let seed = 20_260_731_u64;
        println!("seed {seed}");
        let (mut state, histogram, mut all) = (seed, Histogram::default(), Vec::new());
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // From nanoseconds to seconds, each decade as often.
            let ns = 10_f64.powf((state >> 11) as f64 / (1_u64 << 53) as f64 * 10.0) as u64;
            histogram.record(ns);
            all.push(ns);
        }
        all.sort_unstable();
        let read = histogram.read();
        assert_eq!((read.count(), read.max_ns(), read.sum_ns()), (20_000, all[19_999], all.iter().sum()));
        for quantile in [0.0, 0.001, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0] {
            let exact = all[((20_000.0 * quantile) as usize).max(1) - 1];
            let found = read.quantile_ns(quantile);
            assert!(found >= exact && found <= exact + exact / SUB, "{quantile}: {found}, exactly {exact}");
        }
    }

    #[test]
    fn nothing_and_too_much_have_an_answer() {
        let histogram = Histogram::default();
        assert_eq!((histogram.read().quantile_ns(0.5), histogram.read().max_ns()), (0, 0));
        histogram.record(u64::MAX);
        assert_eq!((histogram.read().count(), histogram.read().max_ns()), (1, u64::MAX));
        assert_eq!(histogram.read().quantile_ns(0.5), LONGEST_NS);
    }

    #[test]
    fn a_later_reading_less_an_earlier_one_is_what_came_between() {
        let (all, between) = (Histogram::default(), Histogram::default());
        [5, 900, 1_000_000].iter().for_each(|ns| all.record(*ns));
        let earlier = all.read();
        for ns in [7, 7, 40_000] {
            all.record(ns);
            between.record(ns);
        }
        let (since, alone) = (all.read().since(&earlier), between.read());
        assert_eq!((since.count(), since.sum_ns()), (alone.count(), alone.sum_ns()));
        assert_eq!(since.quantile_ns(0.5), alone.quantile_ns(0.5));
        assert_eq!(all.read().since(&Distribution::default()).count(), 6);
    }
}
