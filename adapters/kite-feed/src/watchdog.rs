//! When a connection counts as dead although its socket says nothing of the kind.
//!
//! During a session the broker sends something every two seconds, a heartbeat if there is nothing else; and there are
//! ticks. Silence is a dead link (a half-open socket looks like that), heartbeats without ticks are a frozen feed.
//! Outside a session both may be quiet for long. Source: the broker's clients, which give up after 5 s without any frame.

/// By how much the patience with a market without data grows at most: from 30 s to 10 min.
const FROZEN_TIMES_MAX: u64 = 20;

/// Limits of silence, in nanoseconds of the wall clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// In a session, without any frame.
    pub(crate) silent: u64,
    /// In a session, without market data.
    pub(crate) frozen: u64,
    /// Outside a session, without any frame.
    pub(crate) idle: u64,
}

/// What the watchdog found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// No frame of any kind for too long.
    Silent,
    /// Heartbeats alone for too long although ticks are expected.
    Frozen,
}

/// Watches one live connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watchdog {
    limits: Limits,
    /// The limit without market data now: more after connections that were made anew and brought no news either.
    frozen: u64,
    frame: u64,
    data: u64,
    in_session: bool,
}

impl Watchdog {
    /// Starts to watch a connection that went live at `now`.
    pub(crate) fn new(limits: Limits, now: u64) -> Self {
        Self { limits, frozen: limits.frozen, frame: now, data: now, in_session: false }
    }

    /// Begins anew with a connection that went live at `now`.
    pub(crate) fn restart(&mut self, now: u64) {
        *self = Self { frozen: self.frozen, ..Self::new(self.limits, now) };
    }

    /// A packet came that is later than another of its instrument: the feed is not frozen.
    pub(crate) fn news(&mut self) {
        self.frozen = self.limits.frozen;
    }

    /// A frame of any kind came.
    pub(crate) fn frame(&mut self, now: u64) {
        self.frame = now;
    }

    /// Market data came, which is a frame as well.
    pub(crate) fn data(&mut self, now: u64) {
        (self.frame, self.data) = (now, now);
    }

    /// What is wrong at `now`, if anything. `in_session`: whether the market trades; `subscribed`: whether the broker
    /// has been asked for ticks.
    pub(crate) fn judge(&mut self, now: u64, in_session: bool, subscribed: bool) -> Option<Finding> {
        if !in_session {
            self.in_session = false;
            return (now.saturating_sub(self.frame) > self.limits.idle).then_some(Finding::Silent);
        }
        // What was silent before the session began, or before anything was asked for, is not held against it.
        if !self.in_session {
            (self.in_session, self.frame) = (true, now);
            self.data = now;
        }
        if !subscribed {
            self.data = now;
        }
        if now.saturating_sub(self.frame) > self.limits.silent {
            return Some(Finding::Silent);
        }
        if now.saturating_sub(self.data) <= self.frozen {
            return None;
        }
        // A market that is quiet, as in an auction or an option that nobody trades, looks the same. Asking more seldom each
        // time costs nothing but patience.
        self.frozen = self.frozen.saturating_mul(2).min(self.limits.frozen.saturating_mul(FROZEN_TIMES_MAX));
        Some(Finding::Frozen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { silent: 5, frozen: 30, idle: 60 };

    #[test]
    fn silence_is_dead_in_a_session_and_patience_outside() {
        let mut dog = Watchdog::new(LIMITS, 100);
        assert_eq!(dog.judge(100, true, true), None);
        assert_eq!(dog.judge(105, true, true), None);
        assert_eq!(dog.judge(106, true, true), Some(Finding::Silent));
        dog.frame(106);
        assert_eq!(dog.judge(111, true, true), None);

        let mut dog = Watchdog::new(LIMITS, 100);
        assert_eq!(dog.judge(160, false, true), None);
        assert_eq!(dog.judge(161, false, true), Some(Finding::Silent));
    }

    #[test]
    fn heartbeats_alone_are_a_frozen_feed_only_when_ticks_are_expected() {
        for (in_session, subscribed, expected) in
            [(true, true, Some(Finding::Frozen)), (false, true, None), (true, false, None)]
        {
            let mut dog = Watchdog::new(LIMITS, 0);
            let mut found = None;
            for now in 0..60 {
                dog.frame(now);
                found = found.or(dog.judge(now, in_session, subscribed));
            }
            assert_eq!(found, expected, "session {in_session}, subscribed {subscribed}");
        }
    }

    #[test]
    fn a_quiet_market_is_asked_more_and_more_seldom_until_there_is_news() {
        let mut dog = Watchdog::new(LIMITS, 0);
        let mut found = Vec::new();
        for now in 0..3_000 {
            dog.frame(now);
            if dog.judge(now, true, true).is_some() {
                found.push(now);
                dog.restart(now);
            }
        }
        let waited: Vec<u64> = found.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // Each time a second more than the limit, which counts from the first look after the connection came up.
        assert_eq!((found[0], &waited[..5]), (31, &[62, 122, 242, 482, 602][..]));
        dog.news();
        dog.restart(3_000);
        assert_eq!(dog.judge(3_000, true, true), None);
        dog.frame(3_031);
        assert_eq!(dog.judge(3_031, true, true), Some(Finding::Frozen));
    }

    #[test]
    fn a_quiet_night_is_not_held_against_the_morning() {
        let mut dog = Watchdog::new(LIMITS, 0);
        for now in 0..1_000 {
            if now % 20 == 0 {
                dog.frame(now);
            }
            assert_eq!(dog.judge(now, false, true), None);
        }
        // The session begins 19 after the last heartbeat and 1,000 after the last tick.
        assert_eq!(dog.judge(1_000, true, true), None);
        assert_eq!(dog.judge(1_005, true, true), None);
        for now in 1_005..1_030 {
            dog.frame(now);
        }
        assert_eq!(dog.judge(1_030, true, true), None);
        assert_eq!(dog.judge(1_031, true, true), Some(Finding::Frozen));
    }
}
