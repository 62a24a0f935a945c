//! What the machine did meanwhile: how late a sleeping thread woke up on another cpu (the hiccup meter), and how much cpu
//! time went to others.

use crate::record::histogram;
use crate::scenario::Rung;
use hdrhistogram::Histogram;
use pitlane_engine::drive::clock::Clock;
use std::time::Duration;

/// A window in which others took less than this share of one cpu is quiet. Fixed beforehand, not after a look at the
/// figures.
pub const QUIET_BELOW: f64 = 0.03;

/// Nanoseconds of a tick of the kernel's account (`USER_HZ` is 100 wherever this runs).
const TICK_NS: f64 = 10_000_000.0;

/// How long the hiccup meter sleeps at a time.
const NAP: Duration = Duration::from_millis(1);

/// Cpu time since the start, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// Of all processes on all cpus, interrupts included.
    pub busy: u64,
    /// Taken by the hypervisor for other guests.
    pub steal: u64,
    /// Of this process.
    pub own: u64,
}

impl CpuTimes {
    /// Now; `None` where there is no `/proc`.
    pub fn now() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/stat").ok()?;
        let own = std::fs::read_to_string("/proc/self/stat").ok()?;
        Self::parse(&stat, &own)
    }

    /// From the texts of `/proc/stat` and `/proc/self/stat`.
    pub fn parse(stat: &str, own: &str) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = ticks[..] else { return None };
        // The name may hold anything, even parentheses; fields are counted behind the last one.
        let fields: Vec<&str> = own.rsplit_once(')')?.1.split_whitespace().collect();
        let (utime, stime) = (fields.get(11)?.parse::<u64>().ok()?, fields.get(12)?.parse::<u64>().ok()?);
        Some(Self { busy: user + nice + system + irq + softirq, steal, own: utime + stime })
    }

    /// Share of one cpu that went to others within `elapsed_ns` since `before`: other processes, interrupts, and other
    /// guests.
    pub fn foreign_share(&self, before: &Self, elapsed_ns: u64) -> f64 {
        let since = |now: u64, then: u64| now.saturating_sub(then);
        let busy = since(self.busy, before.busy).saturating_sub(since(self.own, before.own));
        (busy + since(self.steal, before.steal)) as f64 * TICK_NS / elapsed_ns.max(1) as f64
    }
}

/// The others' share by window. Where the kernel does not say, every window counts as loud.
pub struct Neighbours {
    boundaries: Vec<(u64, Option<CpuTimes>)>,
    window_ns: u64,
    count: usize,
}

impl Neighbours {
    /// An account of `count` windows of `window_ns`.
    pub fn new((window_ns, count): (u64, usize)) -> Self {
        Self { boundaries: Vec::new(), window_ns, count }
    }

    /// The next time to look, in nanoseconds after the begin; `None` when all was looked at.
    pub fn next_ns(&self) -> Option<u64> {
        (self.boundaries.len() <= self.count).then_some(self.boundaries.len() as u64 * self.window_ns)
    }

    /// Takes a look at `now_ns`.
    pub fn look(&mut self, now_ns: u64) {
        self.boundaries.push((now_ns, CpuTimes::now()));
    }

    /// The share in each window.
    pub fn shares(&self) -> Vec<f64> {
        let mut shares: Vec<f64> = self
            .boundaries
            .windows(2)
            .map(|pair| match (pair[0], pair[1]) {
                ((from, Some(before)), (to, Some(after))) => after.foreign_share(&before, to - from),
                _ => f64::INFINITY,
            })
            .collect();
        shares.resize(self.count, f64::INFINITY);
        shares
    }
}

/// Sleeps a millisecond again and again in the rung's measured interval until `done`; what it overslept, in nanoseconds.
pub fn sleep_meter(rung: &Rung, done: &dyn Fn() -> bool) -> Histogram<u64> {
    let (clock, mut overslept) = (Clock::default(), histogram());
    while !done() {
        let before = clock.now_ns();
        std::thread::sleep(NAP);
        let now = clock.now_ns();
        let inside = rung.begin_ns().is_some_and(|begin| before >= begin && now < begin + rung.duration_ns);
        if inside {
            overslept.saturating_record((now - before).saturating_sub(NAP.as_nanos() as u64).max(1));
        }
    }
    overslept
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  1000 50 300 9000 7 10 20 5 0 0\ncpu0 1 2 3\n";
    const OWN: &str = "77 (a) b) c) R 1 2 3 4 5 6 7 8 9 10 600 40 0 0 20 0 3 0 1 2 3\n";

    #[test]
    fn the_kernels_account_is_read_by_its_documented_fields() {
        let times = CpuTimes::parse(STAT, OWN).unwrap();
        assert_eq!(times, CpuTimes { busy: 1_380, steal: 5, own: 640 });
        for (stat, own) in [("", OWN), (STAT, ""), ("cpu  1 2 3\n", OWN), (STAT, "1 (x) R 1")] {
            assert_eq!(CpuTimes::parse(stat, own), None);
        }
    }

    #[test]
    fn others_are_what_is_busy_and_not_ours_and_what_was_stolen() {
        let before = CpuTimes { busy: 100, steal: 0, own: 50 };
        let after = CpuTimes { busy: 212, steal: 1, own: 150 };
        assert!((after.foreign_share(&before, 1_000_000_000) - 0.13).abs() < 1e-9);
        let ours = CpuTimes { busy: 199, steal: 0, own: 150 };
        assert_eq!(
            ours.foreign_share(&before, 1_000_000_000),
            0.0,
            "rounding of the account is not negative"
        );
    }

    #[test]
    fn a_window_that_nobody_looked_at_is_not_quiet() {
        let mut neighbours = Neighbours::new((1_000, 2));
        assert_eq!(neighbours.next_ns(), Some(0));
        neighbours.look(5);
        assert_eq!(neighbours.next_ns(), Some(1_000));
        assert!(neighbours.shares().iter().all(|share| *share >= QUIET_BELOW));
        neighbours.look(1_005);
        neighbours.look(2_005);
        assert_eq!(neighbours.next_ns(), None);
        assert_eq!(neighbours.shares().len(), 2);
    }
}
