//! What the broker publishes: the newest packet of every instrument, and candles of a minute.

use pitlane_engine::config::InstrumentClass;
use pitlane_engine::event::{Bar, Timeframe};
use pitlane_engine::units::{InstrumentId, NS_PER_S, Price, SCALE, TsNs};

/// Bytes of a packet in last-price mode.
pub const LTP_BYTES: usize = 8;
/// Bytes of a quote of a tradable instrument, and of an index.
pub const QUOTE_BYTES: [usize; 2] = [44, 28];
/// Bytes of a full packet of a tradable instrument, and of an index.
pub const FULL_BYTES: [usize; 2] = [184, 32];

/// The newest packet of an instrument as the bytes of a full one. The broker's packets are prefixes of one another, so
/// every mode is a cut of it. What a feed has not sent is zero.
#[derive(Clone, Copy, Debug)]
pub struct Newest {
    bytes: [u8; 184],
    index: bool,
    token: u32,
    seen: bool,
}

impl Newest {
    /// Nothing yet.
    pub fn new(token: u32, class: InstrumentClass) -> Self {
        let mut bytes = [0; 184];
        bytes[..4].copy_from_slice(&token.to_be_bytes());
        Self { bytes, index: class == InstrumentClass::Index, token, seen: false }
    }

    /// Takes a packet's bytes in, received at `received`; whether they are one of this kind of instrument.
    pub fn take(&mut self, packet: &[u8], received: TsNs) -> bool {
        let at = usize::from(self.index);
        let length = packet.len();
        if ![LTP_BYTES, QUOTE_BYTES[at], FULL_BYTES[at]].contains(&length) {
            return false;
        }
        self.bytes[..length].copy_from_slice(packet);
        if length < FULL_BYTES[at] {
            let seconds = u32::try_from(received.0 / NS_PER_S).unwrap_or(u32::MAX);
            let place = if self.index { 28 } else { 60 };
            self.bytes[place..place + 4].copy_from_slice(&seconds.to_be_bytes());
        }
        self.seen = true;
        true
    }

    /// Whether there was a packet.
    pub fn is_seen(&self) -> bool {
        self.seen
    }

    /// Whether it is an index.
    pub fn is_index(&self) -> bool {
        self.index
    }

    /// The packet in a mode: 0 last price, 1 quote, 2 full.
    pub fn packet(&self, mode: usize) -> &[u8] {
        let at = usize::from(self.index);
        &self.bytes[..[LTP_BYTES, QUOTE_BYTES[at], FULL_BYTES[at]][mode.min(2)]]
    }

    /// The number at a byte.
    pub fn word(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.bytes[at..at + 4].try_into().expect("four bytes"))
    }

    fn half(&self, at: usize) -> u16 {
        u16::from_be_bytes(self.bytes[at..at + 2].try_into().expect("two bytes"))
    }

    /// The price at a byte.
    pub fn price(&self, at: usize) -> Price {
        let divisor = match self.token & 0xff {
            3 => 10_000_000,
            6 => 10_000,
            _ => 100,
        };
        Price(i64::from(self.word(at)) * SCALE / divisor)
    }

    /// The last price; zero = none yet.
    pub fn last(&self) -> Price {
        self.price(4)
    }

    /// Open, high, low, close.
    pub fn ohlc(&self) -> [Price; 4] {
        let places = if self.index { [16, 8, 12, 20] } else { [28, 32, 36, 40] };
        places.map(|at| self.price(at))
    }

    /// The exchange's time, zero if unknown.
    pub fn exchange_time(&self) -> TsNs {
        TsNs::from_secs(self.word(if self.index { 28 } else { 60 }))
    }

    /// Sets the exchange's time: what a stale snapshot has.
    pub fn set_exchange_time(&mut self, seconds: u32) {
        let place = if self.index { 28 } else { 60 };
        self.bytes[place..place + 4].copy_from_slice(&seconds.to_be_bytes());
    }

    /// A level of depth, bids 0 to 4, offers 5 to 9: price, quantity, orders.
    pub fn level(&self, level: usize) -> (Price, u32, u16) {
        let at = 64 + 12 * level;
        (self.price(at + 4), self.word(at), self.half(at + 8))
    }
}

/// A candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candle {
    /// Start of its period.
    pub start: TsNs,
    /// Open, high, low, close.
    pub prices: [Price; 4],
    /// Volume.
    pub volume: u64,
    /// Open interest at its end.
    pub open_interest: u32,
}

impl Candle {
    fn of(bar: &Bar) -> Self {
        Self {
            start: bar.start,
            prices: [bar.open, bar.high, bar.low, bar.close],
            volume: bar.volume,
            open_interest: bar.open_interest,
        }
    }

    fn add(&mut self, later: &Self) {
        self.prices[1] = self.prices[1].max(later.prices[1]);
        self.prices[2] = self.prices[2].min(later.prices[2]);
        self.prices[3] = later.prices[3];
        self.volume += later.volume;
        self.open_interest = later.open_interest;
    }
}

/// The minutes of an instrument, and the running one from its closed seconds.
#[derive(Clone, Debug, Default)]
pub struct Candles {
    minutes: Vec<Candle>,
    running: Option<Candle>,
}

impl Candles {
    /// Takes a closed bar in; other periods than seconds and minutes follow from these.
    pub fn take(&mut self, bar: &Bar) {
        let candle = Candle::of(bar);
        if bar.timeframe == Timeframe::M1 as u8 {
            self.minutes.push(candle);
            // Seconds close before their minute does.
            self.running = None;
        } else if bar.timeframe == Timeframe::S1 as u8 {
            match &mut self.running {
                Some(running) => running.add(&candle),
                None => {
                    let minute = candle.start.0 / (60 * NS_PER_S) * 60 * NS_PER_S;
                    self.running = Some(Candle { start: TsNs(minute), ..candle });
                }
            }
        }
    }

    /// Candles of `minutes` minutes counted from `open` (0 = one of the whole day, from its midnight), the running one
    /// unfinished, whose start is within `from ..= to`.
    pub fn of_minutes(&self, minutes: u64, open: TsNs, from: TsNs, to: TsNs) -> Vec<Candle> {
        let mut candles: Vec<Candle> = Vec::new();
        for minute in self.minutes.iter().chain(&self.running) {
            let start = if minutes == 0 {
                crate::times::at_second_of_day(open, 0)
            } else {
                let length = minutes * 60 * NS_PER_S;
                open.plus(minute.start.since(open) / length * length)
            };
            match candles.last_mut().filter(|last| last.start == start) {
                Some(last) => last.add(minute),
                None => candles.push(Candle { start, ..*minute }),
            }
        }
        candles.retain(|candle| (from..=to).contains(&candle.start));
        candles
    }
}

/// The packets of a frame, as the bytes of each; ends at the first that is cut off.
pub fn packets(frame: &[u8]) -> impl Iterator<Item = &[u8]> {
    let count = frame.first_chunk::<2>().map_or(0, |bytes| u16::from_be_bytes(*bytes));
    let mut rest = frame.get(2..).unwrap_or(&[]);
    (0..count).map_while(move |_| {
        let (length, tail) = rest.split_first_chunk::<2>()?;
        let packet = tail.get(..usize::from(u16::from_be_bytes(*length)))?;
        rest = &tail[packet.len()..];
        Some(packet)
    })
}

/// All that is published.
#[derive(Clone, Debug, Default)]
pub struct Market {
    newest: Vec<Newest>,
    candles: Vec<Candles>,
    tokens: std::collections::BTreeMap<u32, usize>,
}

impl Market {
    /// Nothing of these instruments yet, given as token and class.
    pub fn new(instruments: impl IntoIterator<Item = (u32, InstrumentClass)>) -> Self {
        let newest: Vec<Newest> =
            instruments.into_iter().map(|(token, class)| Newest::new(token, class)).collect();
        let tokens = newest.iter().enumerate().map(|(at, newest)| (newest.token, at)).collect();
        Self { candles: vec![Candles::default(); newest.len()], newest, tokens }
    }

    /// Takes a frame in and notes whose packets it has, in its order.
    pub fn frame(&mut self, received: TsNs, frame: &[u8], changed: &mut Vec<u32>) {
        for packet in packets(frame) {
            let Some(token) = packet.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes)) else {
                continue;
            };
            if let Some(&at) = self.tokens.get(&token)
                && self.newest[at].take(packet, received)
            {
                changed.push(token);
            }
        }
    }

    /// Takes a closed bar in.
    pub fn bar(&mut self, at: InstrumentId, bar: &Bar) {
        if let Some(candles) = self.candles.get_mut(at.index()) {
            candles.take(bar);
        }
    }

    /// The newest packet of an instrument.
    pub fn newest(&self, at: InstrumentId) -> &Newest {
        &self.newest[at.index()]
    }

    /// The newest packet of a token.
    pub fn of_token(&self, token: u32) -> Option<&Newest> {
        self.tokens.get(&token).map(|&at| &self.newest[at])
    }

    /// The place of a token in the table.
    pub fn find(&self, token: u32) -> Option<InstrumentId> {
        let at = *self.tokens.get(&token)?;
        Some(InstrumentId(u32::try_from(at).expect("instruments are numbered in 32 bits")))
    }

    /// The candles of an instrument.
    pub fn candles(&self, at: InstrumentId) -> &Candles {
        &self.candles[at.index()]
    }

    /// Instruments.
    pub fn len(&self) -> usize {
        self.newest.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.newest.is_empty()
    }
}
