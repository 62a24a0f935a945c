//! The measured thread while nothing is due: it reads the clock again and again, and whatever keeps it from that is the
//! machine's doing, not ours.
//!
//! A list of the gaps between readings says little: there are millions of 20 ns, and one of 2 ms. What counts is what
//! somebody would have met who came at any moment: a gap of 2 ms is met a hundred thousand times as often as one of 20 ns.
//! So the time is what is weighed, and [`Idle::lateness`] is the latency that the very schedule of the run would have had
//! with work that takes no time: the figure below which no engine on this machine can get, in the same seconds.

use crate::record::{histogram, windows};
use hdrhistogram::Histogram;

/// A gap of this many nanoseconds is a stall: an interrupt, or another guest of the machine. Two readings of the clock take
/// some 20, and a miss of all caches some hundred.
pub const STALL_NS: u64 = 5_000;

/// Idle time below this share of a window says nothing about it: a single interrupt would be most of it.
const IDLE_AT_LEAST: f64 = 0.1;

/// Points at which a gap is met, evenly from its end to its beginning.
const POINTS: u64 = 100;

/// A window's idle time.
struct Spent {
    idle_ns: u64,
    stalled_ns: u64,
    gaps: Histogram<u64>,
}

/// The gaps between two readings of the clock while nothing was due.
pub struct Idle {
    begin_ns: u64,
    window_ns: u64,
    windows: Vec<Spent>,
}

impl Idle {
    /// Room for `duration_ns` from a begin that is told later.
    pub fn new(duration_ns: u64) -> Self {
        let (window_ns, count) = windows(duration_ns);
        let spent = |_| Spent { idle_ns: 0, stalled_ns: 0, gaps: histogram() };
        Self { begin_ns: u64::MAX, window_ns, windows: (0..count).map(spent).collect() }
    }

    /// The end of the warm-up.
    pub fn begin_at(&mut self, begin_ns: u64) {
        self.begin_ns = begin_ns;
    }

    /// Notes that the clock was read at `then` and at `now`, and nothing was done between. Before the begin nothing counts.
    #[inline]
    pub fn record(&mut self, then_ns: u64, now_ns: u64) {
        let Some(since) = then_ns.checked_sub(self.begin_ns) else { return };
        let Some(spent) = self.windows.get_mut((since / self.window_ns) as usize) else { return };
        let gap_ns = now_ns.saturating_sub(then_ns).max(1);
        spent.idle_ns += gap_ns;
        spent.stalled_ns += if gap_ns >= STALL_NS { gap_ns } else { 0 };
        spent.gaps.saturating_record(gap_ns);
    }

    /// Share of its idle time that this cpu was stalled, window by window; 0 where less than a tenth of the window was idle.
    pub fn stalled_shares(&self) -> Vec<f64> {
        let share = |spent: &Spent| {
            let known = spent.idle_ns as f64 >= self.window_ns as f64 * IDLE_AT_LEAST;
            if known { spent.stalled_ns as f64 / spent.idle_ns as f64 } else { 0.0 }
        };
        self.windows.iter().map(share).collect()
    }

    /// The longest gap in nanoseconds.
    pub fn longest_ns(&self) -> u64 {
        self.windows.iter().map(|spent| spent.gaps.max()).max().unwrap_or(0)
    }

    /// How late somebody would have been served who came at any moment of the idle time of the windows that `used` names, and
    /// cost nothing; empty if there was none. A count is a hundredth of a nanosecond of that time.
    pub fn lateness(&self, used: &[bool]) -> Histogram<u64> {
        let (mut gaps, mut late) = (histogram(), histogram());
        for (spent, _) in self.windows.iter().zip(used).filter(|(_, used)| **used) {
            gaps.add(&spent.gaps).expect("histograms of one shape");
        }
        for gap in gaps.iter_recorded() {
            let (gap_ns, count) = (gap.value_iterated_to(), gap.count_at_value());
            for point in 1..=POINTS {
                late.saturating_record_n((gap_ns * point / POINTS).max(1), count.saturating_mul(gap_ns));
            }
        }
        late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_weighed_and_not_the_number_of_gaps() {
        let mut idle = Idle::new(2_000_000_000);
        idle.record(0, 50_000); // no begin yet
        idle.begin_at(1_000);
        // Of a second, 98 % in gaps of 200 ns and 2 % in ten stalls of 2 ms, all in the first window.
        for n in 0..4_900_000_u64 {
            let then = 1_000 + n * 200;
            idle.record(then, then + 200);
        }
        for n in 0..10_u64 {
            let then = 1_000 + n * 2_000_000;
            idle.record(then, then + 2_000_000);
        }
        let late = idle.lateness(&[true, true]);
        assert!(idle.lateness(&[false, true]).is_empty(), "nothing was recorded in the second window");
        assert!((180..=200).contains(&late.value_at_quantile(0.97)));
        // The worst percent is met in the later half of the stalls.
        let p99 = late.value_at_quantile(0.99);
        assert!((970_000..=1_030_000).contains(&p99), "{p99}");
        assert!((1_990_000..=2_001_000).contains(&late.max()) && idle.longest_ns() >= 2_000_000);
        let shares = idle.stalled_shares();
        assert!((shares[0] - 0.02).abs() < 1e-9 && shares[1] == 0.0, "{shares:?}");
        idle.record(1_000 + 1_000_000_000, 1_000 + 1_000_006_000);
        assert_eq!(idle.stalled_shares()[1], 0.0, "six microseconds say nothing of a second");
        assert!(Idle::new(1).lateness(&[true]).is_empty());
    }
}
