//! The market as a witness of the market clock: exchange times in packets against the time they are received at.
//!
//! The first packet of an instrument after a connect may be of the broker's cache. One with a later exchange time than
//! another before it, on the same connection, is of a change that happened just now, however old it looks. Packets of the
//! smaller modes have no exchange time: any but the first is news, and none says anything of the clock.

use crate::sift::word;
use std::ops::Range;

/// Seconds that are judged together.
const WINDOW: u64 = 10;
/// Packets below which nothing is judged.
const LEAST: u32 = 3;
/// Seconds that exchange times may be ahead of the clock ...
pub(crate) const AHEAD_MAX: i64 = 2;
/// ... and behind it.
pub(crate) const BEHIND_MAX: i64 = 10;

/// What exchange times said of the clock.
pub(crate) struct Witness {
    /// The newest exchange time of each instrument since its connection came up, 0 before the first, 1 if it has none.
    newest: Box<[u32]>,
    began: u64,
    count: u32,
    least: i64,
    most: i64,
}

impl Witness {
    pub(crate) fn new(instruments: usize) -> Self {
        Self { newest: vec![0; instruments].into(), began: 0, count: 0, least: 0, most: 0 }
    }

    /// The connection of these instruments came up.
    pub(crate) fn expect(&mut self, places: Range<usize>) {
        self.newest[places].fill(0);
    }

    /// Looks at a packet of the instrument at `place`, and says whether it is news: of a change that happened just now.
    pub(crate) fn is_news(&mut self, place: usize, packet: &[u8]) -> bool {
        let secs = exchange_secs(packet);
        let before = self.newest[place];
        self.newest[place] = before.max(secs).max(1);
        before != 0 && (secs == 0 || secs > before)
    }

    /// Judges news, received at `now_secs` of the market clock. Now and then there is something to say: the seconds by
    /// which every exchange time was ahead of the clock, or behind it as a negative number; 0 if they agree.
    pub(crate) fn judge(&mut self, packet: &[u8], now_secs: u64) -> Option<i64> {
        let secs = exchange_secs(packet);
        if secs == 0 {
            return None;
        }
        let lead = i64::from(secs) - i64::try_from(now_secs).unwrap_or(i64::MAX);
        if self.count == 0 || now_secs < self.began {
            (self.began, self.count, self.least, self.most) = (now_secs, 0, lead, lead);
        }
        self.count += 1;
        (self.least, self.most) = (self.least.min(lead), self.most.max(lead));
        let is_ahead = self.least > AHEAD_MAX;
        if self.count < LEAST || !is_ahead && now_secs < self.began + WINDOW {
            return None;
        }
        self.count = 0;
        Some(match (is_ahead, self.most < -BEHIND_MAX) {
            (true, _) => self.least,
            (_, true) => self.most,
            _ => 0,
        })
    }
}

/// The exchange's time in a packet, in Unix seconds; 0 if it has none.
pub(crate) fn exchange_secs(packet: &[u8]) -> u32 {
    match packet.len() {
        184 => word(packet, 60),
        32 => word(packet, 28),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of packets of one index: the clock's seconds, and the exchange's.
    fn said(packets: &[(u64, u32)]) -> Vec<i64> {
        let mut witness = Witness::new(2);
        let look = |&(now, secs): &(u64, u32)| {
            let mut packet = [0; 32];
            packet[28..].copy_from_slice(&secs.to_be_bytes());
            if witness.is_news(1, &packet) { witness.judge(&packet, now) } else { None }
        };
        packets.iter().filter_map(look).collect()
    }

    #[test]
    fn a_clock_that_is_right_agrees() {
        let right: Vec<(u64, u32)> = (0..30).map(|n| (1_000 + n, 999 + n as u32)).collect();
        assert_eq!(said(&right), [0, 0]);
        let near: Vec<(u64, u32)> = (0..30).map(|n| (1_000 + n, 1_002 + n as u32)).collect();
        assert_eq!(said(&near), [0, 0]);
    }

    #[test]
    fn a_clock_that_is_behind_is_known_by_three_packets() {
        let packets: Vec<(u64, u32)> = (0..5).map(|n| (1_000 + n, 1_005 + n as u32)).collect();
        assert_eq!(said(&packets), [5]);
    }

    #[test]
    fn a_clock_that_is_ahead_is_known_after_the_window() {
        let packets: Vec<(u64, u32)> = (0..12).map(|n| (1_061 + n, 1_000 + n as u32)).collect();
        assert_eq!(said(&packets), [-61]);
    }

    #[test]
    fn packets_without_a_time_are_news_after_the_first_and_judge_no_clock() {
        let mut witness = Witness::new(2);
        for length in [8, 28, 44] {
            let packet = vec![0; length];
            witness.expect(0..2);
            let news: Vec<bool> = (0..3).map(|_| witness.is_news(1, &packet)).collect();
            assert_eq!(news, [false, true, true], "{length} bytes");
            assert!((1_000..1_030).all(|now| witness.judge(&packet, now).is_none()));
        }
    }

    #[test]
    fn old_packets_of_the_cache_and_single_late_ones_prove_nothing() {
        // The cache's, and the same again.
        assert_eq!(said(&[(1_000, 5); 40]), [0_i64; 0]);
        // One is in time, the others are late.
        let mixed: Vec<(u64, u32)> =
            (0..14).map(|n| (1_000 + n, if n == 7 { 1_006 } else { 900 + n as u32 })).collect();
        assert!(!said(&mixed).iter().any(|lead| *lead != 0), "{:?}", said(&mixed));
        // Too few.
        assert_eq!(said(&[(1_000, 1), (1_020, 2), (1_040, 3)]), [0_i64; 0]);
    }

    #[test]
    fn a_new_connection_has_no_news_yet() {
        let mut witness = Witness::new(1);
        let mut packet = [0; 184];
        for secs in 1..=5_u32 {
            witness.expect(0..1);
            packet[60..64].copy_from_slice(&secs.to_be_bytes());
            assert!(!witness.is_news(0, &packet));
        }
        assert_eq!(exchange_secs(&[1; 44]), 0);
    }
}
