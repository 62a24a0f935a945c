//! What the venue knows of an instrument's market: the last price and how much was traded.

use crate::event::{Bar, Event, Full, Kind, Ltp, MARKET_VOLUME, Quote, Timeframe};
use crate::state::StateIo;
use crate::units::{Price, TsNs};

/// Highest price the venue trades at: more than the wire's 32-bit prices can say. What is dearer is no price, so that
/// the value of an order that may trade at any price has a bound.
pub(super) const PRICE_MAX: Price = Price(1 << 38);

/// What one market event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    /// Last traded price.
    last: Price,
    /// Volume traded today, if the packet has it.
    volume: Option<u64>,
    /// Whether the packet has an exchange time.
    timed: bool,
    /// Whether that time is of another date than the event's.
    other_date: bool,
}

impl Packet {
    /// The packet of a market event; `None` for events of other kinds.
    #[inline(always)]
    pub(super) fn of(event: &Event) -> Option<Self> {
        let last = event.last()?;
        let (flags, volume, exchange_secs) = if event.is(Kind::Full) {
            let body = event.body::<Full>();
            (body.flags, body.volume, body.exchange_secs)
        } else if event.is(Kind::Quote) {
            let body = event.body::<Quote>();
            (body.flags, body.volume, body.exchange_secs)
        } else {
            (event.body::<Ltp>().flags & !MARKET_VOLUME, 0, 0)
        };
        let timed = exchange_secs != 0;
        Some(Self {
            last,
            volume: (flags & MARKET_VOLUME != 0).then_some(u64::from(volume)),
            timed,
            other_date: timed && !TsNs::from_secs(exchange_secs).is_on_ist_day(event.header.ts.ist_day()),
        })
    }

    /// Whether its exchange time is of another date than the event's: a snapshot from before the session.
    pub(super) fn is_of_other_date(&self) -> bool {
        self.other_date
    }
}

/// The market of one instrument in the current session.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Market {
    /// Last price; zero = none yet.
    last: Price,
    /// Running maximum of the day's volume; meaningful once seeded.
    volume_max: u64,
    /// Whether a packet has seeded the maximum.
    seeded: bool,
    /// Whether the feed has volume.
    has_volume: bool,
    /// Whether a bar of the instrument has closed.
    bar_closed: bool,
    /// Volume of the last completed minute that had a trade; zero = none yet.
    minute: u64,
}

impl Market {
    /// The last price of the session, if there was one.
    pub(super) fn last(&self) -> Option<Price> {
        (!self.last.is_zero()).then_some(self.last)
    }

    /// Notes that a bar has closed: from now on a fall of the volume re-seeds nothing.
    #[inline]
    pub(super) fn bar_closed(&mut self, bar: &Bar) {
        self.bar_closed = true;
        if bar.timeframe == Timeframe::M1 as u8 && bar.volume > 0 {
            self.minute = bar.volume;
        }
    }

    /// What is traded in a minute: the volume of the last completed one; before there is one, the day's so far. Zero if
    /// nothing is known.
    pub(super) fn minute(&self) -> u64 {
        if self.minute > 0 { self.minute } else { self.volume_max }
    }

    /// Takes a packet in. Answers the increase of the day's volume, `None` for a feed without volume.
    ///
    /// The rules are those of the bars: the first packet only seeds; a dip adds nothing; a packet of another
    /// date (a snapshot from before the session) seeds nothing; and without exchange times, where such a
    /// snapshot cannot be told, a fall below half before the first closed bar seeds again.
    #[inline(always)]
    pub(super) fn update(&mut self, packet: &Packet) -> Option<u64> {
        if packet.last > Price::ZERO && packet.last <= PRICE_MAX {
            self.last = packet.last;
        }
        let Some(volume) = packet.volume else {
            return self.has_volume.then_some(0);
        };
        self.has_volume = true;
        if packet.other_date {
            return Some(0);
        }
        let stale_seed = !packet.timed && !self.bar_closed && 2 * volume < self.volume_max;
        if !self.seeded || stale_seed {
            (self.seeded, self.volume_max) = (true, volume);
            return Some(0);
        }
        let increase = volume.saturating_sub(self.volume_max);
        self.volume_max += increase;
        Some(increase)
    }

    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        io.within(&mut self.last, Price::ZERO, PRICE_MAX);
        io.count(&mut self.volume_max);
        io.count(&mut self.minute);
        for flag in [&mut self.seeded, &mut self.has_volume, &mut self.bar_closed] {
            io.flag(flag);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::FromZeros;

    const TIMED: bool = true;
    const UNTIMED: bool = false;

    fn packet(volume: u64, timed: bool) -> Packet {
        Packet { last: Price(100), volume: Some(volume), timed, other_date: false }
    }

    fn bar(timeframe: Timeframe, volume: u64) -> Bar {
        Bar { timeframe: timeframe as u8, volume, ..Bar::new_zeroed() }
    }

    #[test]
    fn a_minutes_volume_is_that_of_the_last_minute_bar() {
        let mut market = Market::default();
        assert_eq!(market.minute(), 0);
        market.update(&packet(500, TIMED));
        assert_eq!(market.minute(), 500, "the day's so far");
        market.bar_closed(&bar(Timeframe::M5, 90));
        assert_eq!(market.minute(), 500, "not a minute");
        market.bar_closed(&bar(Timeframe::M1, 40));
        market.bar_closed(&bar(Timeframe::M1, 0));
        assert_eq!(market.minute(), 40, "nothing was traded in the newest");
    }

    #[test]
    fn volume_grows_with_its_running_maximum() {
        /// Name, packets as volume and whether timed, increases.
        type Case = (&'static str, &'static [(u64, bool)], &'static [u64]);
        let cases: [Case; 5] = [
            ("the first packet seeds", &[(500, TIMED), (700, TIMED)], &[0, 200]),
            (
                "a dip adds nothing, twice",
                &[(500, TIMED), (400, TIMED), (450, TIMED), (510, TIMED)],
                &[0, 0, 0, 10],
            ),
            ("with times a deep fall seeds nothing", &[(900, TIMED), (10, TIMED), (950, TIMED)], &[0, 0, 50]),
            (
                "without times a deep fall seeds again",
                &[(900, UNTIMED), (10, UNTIMED), (30, UNTIMED)],
                &[0, 0, 20],
            ),
            ("half is no deep fall", &[(900, UNTIMED), (450, UNTIMED), (910, UNTIMED)], &[0, 0, 10]),
        ];
        for (name, packets, increases) in cases {
            let mut market = Market::default();
            for (&(volume, timed), &increase) in packets.iter().zip(increases) {
                assert_eq!(market.update(&packet(volume, timed)), Some(increase), "{name}");
            }
        }
    }

    #[test]
    fn a_closed_bar_ends_the_second_chance() {
        let mut market = Market::default();
        assert_eq!(market.update(&packet(900, UNTIMED)), Some(0));
        market.bar_closed(&bar(Timeframe::S1, 7));
        assert_eq!(market.update(&packet(10, UNTIMED)), Some(0));
        assert_eq!(market.update(&packet(910, UNTIMED)), Some(10));
    }

    #[test]
    fn a_snapshot_of_another_date_seeds_nothing() {
        let mut market = Market::default();
        assert_eq!(market.update(&Packet { other_date: true, ..packet(90_000, TIMED) }), Some(0));
        assert_eq!(market.update(&packet(100, TIMED)), Some(0));
        assert_eq!(market.update(&packet(130, TIMED)), Some(30));
    }

    #[test]
    fn a_feed_without_volume_says_so_until_it_has_one() {
        let mut market = Market::default();
        let silent = Packet { volume: None, ..packet(0, UNTIMED) };
        assert_eq!(market.last(), None);
        assert_eq!(market.update(&silent), None);
        assert_eq!(market.last(), Some(Price(100)));
        assert_eq!(market.update(&packet(100, UNTIMED)), Some(0));
        assert_eq!(market.update(&silent), Some(0));
    }
}
