//! What is recorded: latency from the intended start and service time from the real one, window by window, so that
//! windows in which neighbours ran can be left out afterwards.

use hdrhistogram::Histogram;

/// Nanoseconds of a window: long enough that the kernel's 10 ms account of cpu time tells 3 % from 1 %.
pub const WINDOW_NS: u64 = 1_000_000_000;

/// The longest latency that is told apart, in nanoseconds; longer ones count as this.
pub const LONGEST_NS: u64 = 60_000_000_000;

/// An empty histogram from 1 ns to `LONGEST_NS` at three digits, with its memory touched.
pub fn histogram() -> Histogram<u64> {
    let mut histogram =
        Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("the bounds and precision are valid");
    histogram.reset();
    histogram
}

/// Latency and service time of one window.
pub struct Window {
    /// From the intended start to the end.
    pub latency: Histogram<u64>,
    /// From the real start to the end.
    pub service: Histogram<u64>,
}

/// The measured interval, cut into windows. Operations whose intended start lies outside it are warm-up or too late,
/// and are not recorded.
pub struct Recorder {
    begin_ns: u64,
    window_ns: u64,
    windows: Vec<Window>,
}

impl Recorder {
    /// Room for `duration_ns` from a begin that is told later.
    pub fn new(duration_ns: u64) -> Self {
        let (window_ns, count) = windows(duration_ns);
        let window = |_| Window { latency: histogram(), service: histogram() };
        Self { begin_ns: u64::MAX, window_ns, windows: (0..count).map(window).collect() }
    }

    /// The end of the warm-up.
    pub fn begin_at(&mut self, begin_ns: u64) {
        self.begin_ns = begin_ns;
    }

    /// Records an operation.
    #[inline]
    pub fn record(&mut self, intended_ns: u64, started_ns: u64, done_ns: u64) {
        if let Some(window) = self.window(intended_ns) {
            window.latency.saturating_record(done_ns.saturating_sub(intended_ns).max(1));
            window.service.saturating_record(done_ns.saturating_sub(started_ns).max(1));
        }
    }

    /// Records `count` operations of a closed loop that took from `started_ns` to `done_ns` together, each with the mean.
    #[inline]
    pub fn record_batch(&mut self, started_ns: u64, done_ns: u64, count: u64) {
        let each = (done_ns.saturating_sub(started_ns) / count.max(1)).max(1);
        if let Some(window) = self.window(started_ns) {
            window.latency.saturating_record_n(each, count);
            window.service.saturating_record_n(each, count);
        }
    }

    #[inline]
    fn window(&mut self, at_ns: u64) -> Option<&mut Window> {
        let since = at_ns.checked_sub(self.begin_ns)?;
        self.windows.get_mut((since / self.window_ns) as usize)
    }

    /// Length of a window in nanoseconds.
    pub fn window_ns(&self) -> u64 {
        self.window_ns
    }

    /// The windows in order.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// Latency and service time of the windows that `used` names, together.
    pub fn sum(&self, used: &[bool]) -> Window {
        let mut sum = Window { latency: histogram(), service: histogram() };
        for (window, _) in self.windows.iter().zip(used).filter(|(_, used)| **used) {
            sum.latency.add(&window.latency).expect("histograms of one shape");
            sum.service.add(&window.service).expect("histograms of one shape");
        }
        sum
    }
}

/// Length and number of the windows of a measured interval: a second each, or all of a shorter interval.
pub fn windows(duration_ns: u64) -> (u64, usize) {
    let window_ns = WINDOW_NS.min(duration_ns.max(1));
    (window_ns, (duration_ns / window_ns).max(1) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_measured_interval_counts_and_each_window_for_itself() {
        let mut recorder = Recorder::new(2 * WINDOW_NS);
        recorder.record(5, 5, 6); // no begin yet
        recorder.begin_at(100);
        recorder.record(99, 99, 500); // warm-up
        recorder.record(100, 150, 200);
        recorder.record(100 + WINDOW_NS, 100 + WINDOW_NS, 101 + WINDOW_NS);
        recorder.record(100 + 2 * WINDOW_NS, 0, 0); // too late
        recorder.record_batch(300, 940, 64);
        let counts: Vec<u64> = recorder.windows().iter().map(|window| window.latency.len()).collect();
        assert_eq!(counts, [65, 1]);
        let first = recorder.sum(&[true, false]);
        assert_eq!((first.latency.max(), first.service.max()), (100, 50));
        assert_eq!(first.latency.count_at(10), 64);
        assert_eq!(recorder.sum(&[true, true]).latency.len(), 66);
    }

    #[test]
    fn short_intervals_have_one_window() {
        assert_eq!(windows(WINDOW_NS / 5), (WINDOW_NS / 5, 1));
        assert_eq!(windows(10 * WINDOW_NS + 7), (WINDOW_NS, 10));
        assert_eq!(windows(0), (1, 1));
    }
}
