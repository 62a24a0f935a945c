//! How many calls may leave. Exact windows, not leaky ones: a bucket of 8 that is refilled with 8 a second lets 15 pass
//! within one second, and the broker counts.

use crate::settings::Rates;
use pitlane_engine::units::NS_PER_S;
use std::collections::VecDeque;

/// After a 429 cancels and flattening orders are tried again this soon: the length of the broker's cool-down is not
/// certain, and these are what must not wait for it.
const URGENT_COOL_DOWN: u64 = NS_PER_S;

/// What a call is for, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Ends an order.
    Cancel,
    /// Closes a position by an operator's wish, or as risk's last resort.
    Flatten,
    /// Makes a position smaller.
    Exit,
    /// Opens or changes what opens.
    Entry,
}

/// The calls that still count. A call occupies its place in the second from the moment it is taken until a second after
/// its answer: it may reach the broker at any moment between, and calls that a stalled line held up arrive together.
#[derive(Clone, Debug)]
pub struct Governor {
    rates: Rates,
    /// Order calls taken and not answered.
    open: u32,
    /// Times of the answers to order calls in the last second, in order.
    answered: VecDeque<u64>,
    /// Times of the order calls of the last minute, in order.
    minute: VecDeque<u64>,
    /// Times of the questions of the last second.
    queries: VecDeque<u64>,
    today: u32,
    day: u64,
    /// The broker limits order calls and questions each for itself; so do the pauses after a 429.
    cold_orders: u64,
    cold_urgent: u64,
    cold_queries: u64,
}

impl Governor {
    /// Nothing has left yet.
    pub fn new(rates: Rates) -> Self {
        Self {
            rates,
            open: 0,
            answered: VecDeque::new(),
            minute: VecDeque::new(),
            queries: VecDeque::new(),
            today: 0,
            day: 0,
            cold_orders: 0,
            cold_urgent: 0,
            cold_queries: 0,
        }
    }

    /// Forgets what does not count any more at `now`, the wall time in nanoseconds.
    fn forget(&mut self, now: u64) {
        let expire = |times: &mut VecDeque<u64>, length: u64| {
            while times.front().is_some_and(|&at| now >= at + length) {
                times.pop_front();
            }
        };
        expire(&mut self.minute, 60 * NS_PER_S);
        expire(&mut self.answered, NS_PER_S);
        expire(&mut self.queries, NS_PER_S);
        let day = pitlane_engine::units::TsNs(now).ist_day();
        if day != self.day {
            (self.day, self.today) = (day, 0);
        }
    }

    /// Takes room for one order call, if there is any. Entries leave the whole reserve to the rest, exits half of it to
    /// cancels and flattening orders. Cancels do not count in the day, nor does the day's limit hold them.
    pub fn take(&mut self, urgency: Urgency, now: u64) -> bool {
        self.forget(now);
        let cold_until = match urgency {
            Urgency::Cancel | Urgency::Flatten => self.cold_urgent,
            Urgency::Exit | Urgency::Entry => self.cold_orders,
        };
        if now < cold_until {
            return false;
        }
        let rates = &self.rates;
        let kept = |reserve: u32| match urgency {
            Urgency::Cancel | Urgency::Flatten => 0,
            Urgency::Exit => reserve / 2,
            Urgency::Entry => reserve,
        };
        let within = |used: usize, limit: u32, reserve: u32| used < (limit - kept(reserve)) as usize;
        let second = self.open as usize + self.answered.len();
        let counts_today = urgency != Urgency::Cancel;
        let room = within(second, rates.per_second, rates.reserve_second)
            && within(self.minute.len(), rates.per_minute, rates.reserve_minute)
            && (!counts_today || within(self.today as usize, rates.per_day, rates.reserve_day));
        if room {
            self.minute.push_back(now);
            self.open += 1;
            self.today += u32::from(counts_today);
        }
        room
    }

    /// An order call that was taken at `taken` has its answer, or is given up. One that provably never left (`left` is
    /// false) does not count any more. Panics if none is open: each is taken before.
    pub fn answered(&mut self, taken: u64, left: bool, now: u64) {
        self.open = self.open.checked_sub(1).expect("an order call is taken before it is answered");
        if left {
            self.answered.push_back(now);
        } else if let Ok(at) = self.minute.binary_search(&taken) {
            self.minute.remove(at);
        }
    }

    /// Takes room for one question, if there is any.
    pub fn take_query(&mut self, now: u64) -> bool {
        self.forget(now);
        let room = now >= self.cold_queries && self.queries.len() < self.rates.queries_per_second as usize;
        if room {
            self.queries.push_back(now);
        }
        room
    }

    /// The broker said that order calls (or questions) come too fast, at `now`: no more of them for `length`; cancels and
    /// flattening orders are tried again sooner.
    pub fn cool_down(&mut self, order_calls: bool, now: u64, length: u64) {
        let later = |until: &mut u64, length: u64| *until = (*until).max(now + length);
        if order_calls {
            later(&mut self.cold_orders, length);
            later(&mut self.cold_urgent, length.min(URGENT_COOL_DOWN));
        } else {
            later(&mut self.cold_queries, length);
        }
    }

    /// The broker lists `orders` of today: at least so many were placed, also by earlier runs.
    pub fn at_least_today(&mut self, orders: u32, now: u64) {
        self.forget(now);
        self.today = self.today.max(orders);
    }

    /// Orders and changes of today, by what is known here.
    pub fn today(&self) -> u32 {
        self.today
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_000_000 * NS_PER_S;

    #[test]
    fn no_window_holds_more_than_its_limit_however_calls_bunch_on_their_way() {
        let rates = Rates { per_minute: 100, per_day: 700, ..Rates::default() };
        let mut governor = Governor::new(rates);
        let (mut under_way, mut arrived) = (Vec::<(u64, u64)>::new(), Vec::new());
        for step in 0..6_000u64 {
            let now = NOW + step * 37 * 1_000_000;
            let stalled = step % 300 < 100;
            if !stalled {
                // The line is free again: all that was held up arrives within a hundredth of a second.
                for (taken, _) in under_way.extract_if(.., |(_, answer)| *answer <= now) {
                    governor.answered(taken, true, now);
                }
                for (_, answer) in under_way.iter_mut().filter(|(_, answer)| *answer == u64::MAX) {
                    arrived.push(now);
                    *answer = now + 10_000_000;
                }
            }
            let urgency = [Urgency::Entry, Urgency::Exit, Urgency::Flatten][(step % 3) as usize];
            if governor.take(urgency, now) {
                under_way.push((now, u64::MAX));
            }
        }
        // The minute is counted where calls are taken; here it is looked at where they arrive, up to a stall later.
        for (length, limit) in [(NS_PER_S, 8), (86_400 * NS_PER_S, 700)] {
            let most = arrived
                .iter()
                .map(|&at| arrived.iter().filter(|&&t| t <= at && at < t + length).count())
                .max()
                .unwrap();
            assert!(most <= limit, "{most} in {length} ns");
            assert!(length > NS_PER_S || most == limit, "the limit can be used: {most}");
        }
    }

    #[test]
    fn entries_leave_exits_a_reserve_and_exits_leave_one_to_cancels() {
        let mut governor = Governor::new(Rates::default());
        let mut count = |urgency| (0..20).filter(|_| governor.take(urgency, NOW)).count();
        assert_eq!((count(Urgency::Entry), count(Urgency::Exit), count(Urgency::Cancel)), (5, 2, 1));
        let (mut governor, mut now) = (Governor::new(Rates::default()), NOW);
        let mut minute = |urgency, seconds| {
            let mut taken = 0;
            for _ in 0..seconds {
                now += NS_PER_S;
                while governor.take(urgency, now) {
                    governor.answered(now, true, now);
                    taken += 1;
                }
            }
            taken
        };
        let taken = (minute(Urgency::Entry, 26), minute(Urgency::Exit, 7), minute(Urgency::Flatten, 7));
        assert_eq!(taken, (120, 30, 30));
    }

    #[test]
    fn a_limited_question_holds_up_no_cancel_and_a_limited_order_only_a_second() {
        let mut governor = Governor::new(Rates::default());
        governor.cool_down(false, NOW, 10 * NS_PER_S);
        assert!(!governor.take_query(NOW + 9 * NS_PER_S));
        assert!(governor.take(Urgency::Cancel, NOW) && governor.take(Urgency::Entry, NOW));
        governor.cool_down(true, NOW, 10 * NS_PER_S);
        assert!(!governor.take(Urgency::Cancel, NOW + NS_PER_S - 1));
        assert!(governor.take(Urgency::Cancel, NOW + NS_PER_S));
        assert!(governor.take(Urgency::Flatten, NOW + NS_PER_S));
        assert!(!governor.take(Urgency::Exit, NOW + 9 * NS_PER_S));
        assert!(governor.take(Urgency::Exit, NOW + 10 * NS_PER_S));
        assert!(governor.take_query(NOW + 10 * NS_PER_S));
    }

    #[test]
    fn what_never_left_does_not_count() {
        let mut governor = Governor::new(Rates { per_minute: 8, reserve_minute: 0, ..Rates::default() });
        for _ in 0..100 {
            assert!(governor.take(Urgency::Cancel, NOW));
            governor.answered(NOW, false, NOW);
        }
        assert_eq!((0..20).filter(|_| governor.take(Urgency::Cancel, NOW)).count(), 8);
    }

    #[test]
    fn a_new_day_starts_from_nothing_earlier_runs_count_and_no_day_is_too_full_for_a_cancel() {
        let mut governor = Governor::new(Rates::default());
        governor.at_least_today(2_500, NOW);
        assert!(!governor.take(Urgency::Flatten, NOW) && !governor.take(Urgency::Entry, NOW));
        assert!(governor.take(Urgency::Cancel, NOW));
        assert!(governor.take(Urgency::Entry, NOW + 86_400 * NS_PER_S));
        assert_eq!(governor.today(), 1);
    }
}
