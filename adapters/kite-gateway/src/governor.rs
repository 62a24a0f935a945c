//! How many calls may leave. Exact windows, not leaky ones: a bucket of 8 that is refilled with 8 a second lets 15 pass
//! within one second, and the broker counts.

use crate::settings::Rates;
use pitlane_engine::units::NS_PER_S;
use std::collections::VecDeque;

/// What a call is for, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Ends an order.
    Cancel,
    /// Makes a position smaller.
    Exit,
    /// Opens or changes what opens.
    Entry,
}

/// The times of the calls that still count.
#[derive(Clone, Debug)]
pub struct Governor {
    rates: Rates,
    /// Times of the order calls of the last minute, in order.
    minute: VecDeque<u64>,
    /// Times of the questions of the last second.
    queries: VecDeque<u64>,
    today: u32,
    day: u64,
    cold_until: u64,
}

impl Governor {
    /// Nothing has left yet.
    pub fn new(rates: Rates) -> Self {
        Self { rates, minute: VecDeque::new(), queries: VecDeque::new(), today: 0, day: 0, cold_until: 0 }
    }

    /// Forgets what does not count any more at `now`, the wall time in nanoseconds.
    fn forget(&mut self, now: u64) {
        while self.minute.front().is_some_and(|&at| now >= at + 60 * NS_PER_S) {
            self.minute.pop_front();
        }
        while self.queries.front().is_some_and(|&at| now >= at + NS_PER_S) {
            self.queries.pop_front();
        }
        let day = pitlane_engine::units::TsNs(now).ist_day();
        if day != self.day {
            (self.day, self.today) = (day, 0);
        }
    }

    /// Takes room for one order call, if there is any.
    pub fn take(&mut self, urgency: Urgency, now: u64) -> bool {
        self.forget(now);
        if now < self.cold_until {
            return false;
        }
        let rates = &self.rates;
        let kept = |reserve: u32| if urgency == Urgency::Entry { reserve } else { 0 };
        let within = |used: usize, limit: u32, reserve: u32| used < (limit - kept(reserve)) as usize;
        let second = self.minute.iter().rev().take_while(|&&at| now < at + NS_PER_S).count();
        let room = within(second, rates.per_second, rates.reserve_second)
            && within(self.minute.len(), rates.per_minute, rates.reserve_minute)
            && within(self.today as usize, rates.per_day, rates.reserve_day);
        if room {
            self.minute.push_back(now);
            self.today += 1;
        }
        room
    }

    /// Takes room for one question, if there is any.
    pub fn take_query(&mut self, now: u64) -> bool {
        self.forget(now);
        let room = now >= self.cold_until && self.queries.len() < self.rates.queries_per_second as usize;
        if room {
            self.queries.push_back(now);
        }
        room
    }

    /// Nothing leaves before `until`.
    pub fn cool_down(&mut self, until: u64) {
        self.cold_until = self.cold_until.max(until);
    }

    /// The broker lists `orders` of today: at least so many calls were made, also by earlier runs.
    pub fn at_least_today(&mut self, orders: u32, now: u64) {
        self.forget(now);
        self.today = self.today.max(orders);
    }

    /// Order calls of today.
    pub fn today(&self) -> u32 {
        self.today
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_000_000 * NS_PER_S;

    #[test]
    fn no_window_holds_more_than_its_limit() {
        let rates = Rates { per_minute: 100, per_day: 700, ..Rates::default() };
        let mut governor = Governor::new(rates);
        let mut sent = Vec::new();
        for step in 0..4_000u64 {
            let now = NOW + step * 37 * 1_000_000;
            let urgency = [Urgency::Entry, Urgency::Exit, Urgency::Cancel][(step % 3) as usize];
            if governor.take(urgency, now) {
                sent.push(now);
            }
        }
        for (length, limit) in [(NS_PER_S, 8), (60 * NS_PER_S, 100), (86_400 * NS_PER_S, 700)] {
            let most =
                sent.iter().map(|&at| sent.iter().filter(|&&t| t <= at && at < t + length).count()).max();
            assert!(most.unwrap() <= limit, "{most:?} in {length} ns");
            assert!(length > 60 * NS_PER_S || most.unwrap() == limit, "the limit can be used: {most:?}");
        }
    }

    #[test]
    fn entries_leave_the_reserve_alone() {
        let mut governor = Governor::new(Rates::default());
        let entries = (0..20).filter(|_| governor.take(Urgency::Entry, NOW)).count();
        let cancels = (0..20).filter(|_| governor.take(Urgency::Cancel, NOW)).count();
        assert_eq!((entries, cancels), (5, 3));
        governor.cool_down(NOW + 10 * NS_PER_S);
        assert!(!governor.take(Urgency::Cancel, NOW + 9 * NS_PER_S));
        assert!(governor.take(Urgency::Cancel, NOW + 10 * NS_PER_S));
    }

    #[test]
    fn a_new_day_starts_from_nothing_and_earlier_runs_count() {
        let mut governor = Governor::new(Rates::default());
        governor.at_least_today(2_500, NOW);
        assert!(!governor.take(Urgency::Cancel, NOW));
        assert!(governor.take(Urgency::Entry, NOW + 86_400 * NS_PER_S));
        assert_eq!(governor.today(), 1);
    }
}
