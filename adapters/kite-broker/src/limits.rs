//! How often one may ask, in wall time: the broker's limits per second, minute and day.

use crate::error::ApiError;
use pitlane_engine::units::NS_PER_S;
use std::collections::VecDeque;

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Placing, changing and cancelling orders.
    Order,
    /// Quotes.
    Quote,
    /// Candles.
    Historical,
    /// The rest.
    Other,
}

/// Requests allowed; zero = any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Orders, changes and cancels in a second.
    pub orders_per_s: usize,
    /// Quotes in a second.
    pub quotes_per_s: usize,
    /// Candles in a second.
    pub historical_per_s: usize,
    /// Anything else in a second.
    pub others_per_s: usize,
    /// Orders, changes and cancels in a minute.
    pub orders_per_minute: usize,
    /// Orders placed in a trading day.
    pub orders_per_day: u64,
    /// After one request too many, all of its class are refused for so long, in nanoseconds.
    pub cool_down_ns: u64,
}

impl Default for Allowed {
    /// The broker's limits as of 2026; the ones per minute and day are reported, not documented.
    fn default() -> Self {
        Self {
            orders_per_s: 10,
            quotes_per_s: 1,
            historical_per_s: 3,
            others_per_s: 10,
            orders_per_minute: 400,
            orders_per_day: 5_000,
            cool_down_ns: 0,
        }
    }
}

/// The requests of late.
#[derive(Clone, Debug, Default)]
pub struct Limiter {
    /// By class: when, in nanoseconds.
    seconds: [VecDeque<u64>; 4],
    minute: VecDeque<u64>,
    cold_until: [u64; 4],
    refused: u64,
}

impl Limiter {
    /// Takes a request at `wall_ns`, which does not go backwards. Windows slide; what is refused is not counted.
    ///
    /// # Errors
    /// If it is one too many.
    pub fn take(&mut self, class: Class, wall_ns: u64, allowed: &Allowed) -> Result<(), ApiError> {
        let at = class as usize;
        let per_s = match class {
            Class::Order => allowed.orders_per_s,
            Class::Quote => allowed.quotes_per_s,
            Class::Historical => allowed.historical_per_s,
            Class::Other => allowed.others_per_s,
        };
        forget(&mut self.seconds[at], wall_ns, NS_PER_S);
        forget(&mut self.minute, wall_ns, 60 * NS_PER_S);
        let full = |queue: &VecDeque<u64>, most: usize| most > 0 && queue.len() >= most;
        let minute = class == Class::Order && full(&self.minute, allowed.orders_per_minute);
        if wall_ns < self.cold_until[at] || full(&self.seconds[at], per_s) || minute {
            self.refused += 1;
            if allowed.cool_down_ns > 0 && wall_ns >= self.cold_until[at] {
                self.cold_until[at] = wall_ns.saturating_add(allowed.cool_down_ns);
            }
            return Err(ApiError::rate(if minute {
                "Maximum allowed order requests per minute exceeded"
            } else {
                "Too many requests"
            }));
        }
        self.seconds[at].push_back(wall_ns);
        if class == Class::Order {
            self.minute.push_back(wall_ns);
        }
        Ok(())
    }

    /// Requests refused so far.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

fn forget(queue: &mut VecDeque<u64>, now: u64, window: u64) {
    while queue.front().is_some_and(|&then| then.saturating_add(window) <= now) {
        queue.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_slide_and_refusals_do_not_count() {
        let allowed = Allowed { orders_per_minute: 25, ..Allowed::default() };
        let mut limiter = Limiter::default();
        let mut passed = 0;
        for tenth in 0..20 {
            for _ in 0..2 {
                passed += u32::from(limiter.take(Class::Order, tenth * NS_PER_S / 10, &allowed).is_ok());
            }
        }
        assert_eq!((passed, limiter.refused()), (20, 20), "ten in each second");
        assert!(limiter.take(Class::Quote, 2 * NS_PER_S, &allowed).is_ok());
        assert!(limiter.take(Class::Quote, 3 * NS_PER_S - 1, &allowed).is_err());
        assert!(limiter.take(Class::Quote, 3 * NS_PER_S, &allowed).is_ok());
        for n in 0..6 {
            assert_eq!(limiter.take(Class::Order, 10 * NS_PER_S, &allowed).is_ok(), n < 5, "25 in a minute");
        }
    }

    #[test]
    fn a_cool_down_refuses_everything_of_its_class() {
        let allowed = Allowed { cool_down_ns: 10 * NS_PER_S, ..Allowed::default() };
        let mut limiter = Limiter::default();
        assert!(limiter.take(Class::Quote, 0, &allowed).is_ok());
        assert!(limiter.take(Class::Quote, 1, &allowed).is_err());
        assert!(limiter.take(Class::Quote, 5 * NS_PER_S, &allowed).is_err());
        assert!(limiter.take(Class::Other, 5 * NS_PER_S, &allowed).is_ok());
        assert!(limiter.take(Class::Quote, 10 * NS_PER_S + 1, &allowed).is_ok());
    }
}
