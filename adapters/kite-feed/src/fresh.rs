//! Which packets after a connect are the broker's cached ones.
//!
//! The broker answers a subscription with one packet per instrument from its cache, which may be of the last session. A
//! packet that carries an exchange time is judged by it. One that carries none is of unknown age: the first of its
//! instrument can be withheld. In full mode packets without a time come only before the mode has taken effect, so some
//! more of them are.

use crate::config::{Mode, Subscription};
use crate::witness::exchange_secs;
use std::ops::Range;

/// Packets without a time that an instrument of full mode loses at most.
const UNTIMED_IN_FULL: u8 = 4;

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is news.
    Fresh,
    /// It is old, or may be: withheld.
    Stale,
}

#[derive(Clone, Copy, Debug)]
struct Instrument {
    awaited: bool,
    full: bool,
    /// Packets without a time that are still withheld.
    patience: u8,
}

/// For each instrument whether it has spoken since its connection came up.
pub(crate) struct Freshness {
    instruments: Box<[Instrument]>,
    stale_secs: u64,
    withhold_untimed: bool,
}

impl Freshness {
    pub(crate) fn new(subscriptions: &[Subscription], stale_secs: u64, withhold_untimed: bool) -> Self {
        let instruments = subscriptions
            .iter()
            .map(|one| Instrument { awaited: true, full: one.mode == Mode::Full, patience: 0 })
            .collect();
        let mut fresh = Self { instruments, stale_secs, withhold_untimed };
        fresh.expect(0..subscriptions.len());
        fresh
    }

    /// The connection of these instruments came up: their first packets are the cached ones.
    pub(crate) fn expect(&mut self, places: Range<usize>) {
        for instrument in &mut self.instruments[places] {
            instrument.awaited = true;
            instrument.patience = match (self.withhold_untimed, instrument.full) {
                (false, _) => 0,
                (true, false) => 1,
                (true, true) => UNTIMED_IN_FULL,
            };
        }
    }

    /// Judges a packet of the instrument at `place`; `now_secs` is the market clock in Unix seconds.
    pub(crate) fn judge(&mut self, place: usize, packet: &[u8], now_secs: u64) -> Verdict {
        let instrument = &mut self.instruments[place];
        if !instrument.awaited {
            return Verdict::Fresh;
        }
        let exchange_secs = u64::from(exchange_secs(packet));
        if exchange_secs != 0 {
            // One from the future is of unknown age: it is the clock that is wrong.
            if now_secs.abs_diff(exchange_secs) > self.stale_secs {
                return Verdict::Stale;
            }
            instrument.awaited = false;
            return Verdict::Fresh;
        }
        if instrument.patience > 0 {
            instrument.patience -= 1;
            return Verdict::Stale;
        }
        // A full packet may still come, and is then judged by its time.
        instrument.awaited = instrument.full;
        Verdict::Fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Fresh, Stale};

    /// A packet of `length` bytes with an exchange time where its layout has one.
    fn packet(length: usize, secs: u32) -> Vec<u8> {
        let mut bytes = vec![0; length];
        match length {
            184 => bytes[60..64].copy_from_slice(&secs.to_be_bytes()),
            32 => bytes[28..32].copy_from_slice(&secs.to_be_bytes()),
            _ => {}
        }
        bytes
    }

    fn judged(mode: Mode, withhold: bool, packets: &[(usize, u32)]) -> Vec<Verdict> {
        let mut fresh = Freshness::new(&[Subscription { token: 1, mode }], 60, withhold);
        packets.iter().map(|(length, secs)| fresh.judge(0, &packet(*length, *secs), 1_000)).collect()
    }

    #[test]
    fn old_times_are_withheld_until_a_new_one_comes() {
        let packets = [(184, 939), (184, 500), (184, 940), (184, 1), (44, 0)];
        assert_eq!(judged(Mode::Full, true, &packets), [Stale, Stale, Fresh, Fresh, Fresh]);
        assert_eq!(judged(Mode::Full, true, &[(32, 900), (32, 1_005)]), [Stale, Fresh]);
        // By a clock that is far behind everything is in the future, and nothing is known to be news.
        assert_eq!(
            judged(Mode::Full, true, &[(184, 1_061), (32, 5_000), (184, 1_060)]),
            [Stale, Stale, Fresh]
        );
    }

    #[test]
    fn without_a_time_the_first_is_withheld_when_configured() {
        assert_eq!(judged(Mode::Quote, true, &[(44, 0), (44, 0)]), [Stale, Fresh]);
        assert_eq!(judged(Mode::Ltp, true, &[(8, 0), (8, 0), (8, 0)]), [Stale, Fresh, Fresh]);
        assert_eq!(judged(Mode::Quote, false, &[(44, 0)]), [Fresh]);
    }

    #[test]
    fn a_quote_before_the_mode_took_effect_does_not_make_an_old_book_fresh() {
        assert_eq!(
            judged(Mode::Full, true, &[(44, 0), (184, 1), (44, 0), (184, 990)]),
            [Stale, Stale, Stale, Fresh]
        );
        assert_eq!(judged(Mode::Full, false, &[(44, 0), (184, 1)]), [Fresh, Stale]);
        // A broker that never says the time is believed in the end.
        assert_eq!(judged(Mode::Full, true, &[(184, 0); 6])[3..], [Stale, Fresh, Fresh]);
    }

    #[test]
    fn a_new_connection_begins_anew_for_its_own_instruments() {
        let list: Vec<Subscription> = (0..4).map(|token| Subscription { token, mode: Mode::Ltp }).collect();
        let mut fresh = Freshness::new(&list, 60, true);
        for place in [0, 1, 2, 3, 0, 1, 2, 3] {
            fresh.judge(place, &packet(8, 0), 1_000);
        }
        fresh.expect(1..3);
        let again: Vec<Verdict> = (0..4).map(|place| fresh.judge(place, &packet(8, 0), 1_000)).collect();
        assert_eq!(again, [Fresh, Stale, Stale, Fresh]);
    }
}
