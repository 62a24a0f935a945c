//! The packets' layouts. Offsets count from the start of the packet, without the frame's length prefix.

#[cfg(target_arch = "x86_64")]
pub(super) use super::vector::Vectors;
use crate::event::{
    DeadReason, Full, Ltp, MARKET_INDEX, MARKET_SEGMENT_UNKNOWN, MARKET_TRADE_TIME, MARKET_VOLUME, Quote,
};
use crate::units::{Price, TsNs};

/// Bytes of one depth level: quantity, price, number of orders, two of padding.
pub(super) const LEVEL_BYTES: usize = 12;
/// Levels of a side.
pub(super) const LEVELS: usize = 5;
/// Bytes of a packet with depth.
pub(super) const FULL_BYTES: usize = 184;
/// Offset of the best bid in a packet of 184 bytes; the offers follow the five bids.
pub(super) const DEPTH: usize = 64;

/// Other processors read a packet field by field.
#[cfg(not(target_arch = "x86_64"))]
#[derive(Clone, Copy, Debug)]
pub(super) enum Vectors {}

#[cfg(not(target_arch = "x86_64"))]
impl Vectors {
    pub(super) fn detect() -> Option<Self> {
        None
    }

    fn fields(self, _packet: &[u8; FULL_BYTES], _full: &mut Full) -> bool {
        match self {}
    }
}

/// How a segment's wire prices relate to the engine's scale of 1/10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PriceUnit {
    /// Paise, every segment but the currencies.
    Hundredth,
    /// BSE currency.
    TenThousandth,
    /// NSE currency.
    TenMillionth,
}

impl PriceUnit {
    fn price(self, raw: u32) -> Result<Price, DeadReason> {
        let raw = i64::from(raw);
        match self {
            Self::Hundredth => Ok(Price(raw * 100)),
            Self::TenThousandth => Ok(Price(raw)),
            Self::TenMillionth if raw % 1_000 == 0 => Ok(Price(raw / 1_000)),
            Self::TenMillionth => Err(DeadReason::PriceInexact),
        }
    }
}

/// What a packet's fields are read with, and what its event says of where it came from.
pub(super) struct Origin {
    unit: PriceUnit,
    /// The `MARKET_*` flags that follow from the token.
    flags: u32,
    received: TsNs,
    /// Number of the event the packet becomes.
    pub(super) source_seq: u64,
}

impl Origin {
    /// The origin of a packet of `token`: its low byte is the segment, and the segment fixes the price unit.
    pub(super) fn new(token: u32, received: TsNs) -> Self {
        let (unit, flags) = match token & 0xff {
            1 | 2 | 4 | 5 | 7 | 8 => (PriceUnit::Hundredth, 0),
            3 => (PriceUnit::TenMillionth, 0),
            6 => (PriceUnit::TenThousandth, 0),
            9 => (PriceUnit::Hundredth, MARKET_INDEX),
            // Newer segments are in no published client; all documented ones but the currencies count in
            // paise.
            _ => (PriceUnit::Hundredth, MARKET_SEGMENT_UNKNOWN),
        };
        Self { unit, flags, received, source_seq: 0 }
    }

    /// Whether the packet is of an index, which has layouts of its own.
    pub(super) fn is_index(&self) -> bool {
        self.flags & MARKET_INDEX != 0
    }

    /// The last price, which every event must have: later stages divide by it and trade at it.
    fn last(&self, packet: &[u8]) -> Result<Price, DeadReason> {
        match word(packet, 4) {
            0 => Err(DeadReason::NoLastPrice),
            raw => self.unit.price(raw),
        }
    }

    fn price(&self, packet: &[u8], offset: usize) -> Result<Price, DeadReason> {
        self.unit.price(word(packet, offset))
    }

    /// An average, which no order can have: rounded down where the scale cannot hold it, for information.
    fn average(&self, packet: &[u8], offset: usize) -> Price {
        let raw = i64::from(word(packet, offset));
        match self.unit {
            PriceUnit::TenMillionth => Price(raw / 1_000),
            PriceUnit::Hundredth => Price(raw * 100),
            PriceUnit::TenThousandth => Price(raw),
        }
    }
}

/// The big-endian number at `offset`, if the bytes have it.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// A field of a packet whose length the caller has checked.
#[inline(always)]
fn word(packet: &[u8], offset: usize) -> u32 {
    u32_at(packet, offset).expect("the packet has the length of its layout")
}

/// A packet of 8 bytes.
pub(super) fn ltp(packet: &[u8], origin: &Origin) -> Result<Ltp, DeadReason> {
    Ok(Ltp {
        last: origin.last(packet)?,
        received: origin.received,
        source_seq: origin.source_seq,
        flags: origin.flags,
        reserved: [0; 4],
    })
}

/// An index packet of 28 or 32 bytes: high, low, open, close - not in the order of the others.
pub(super) fn index(packet: &[u8], origin: &Origin) -> Result<Quote, DeadReason> {
    Ok(Quote {
        last: origin.last(packet)?,
        received: origin.received,
        source_seq: origin.source_seq,
        flags: origin.flags,
        exchange_secs: u32_at(packet, 28).unwrap_or(0),
        average: Price::ZERO,
        open: origin.price(packet, 16)?,
        high: origin.price(packet, 8)?,
        low: origin.price(packet, 12)?,
        close: origin.price(packet, 20)?,
        last_qty: 0,
        volume: 0,
        buy_qty: 0,
        sell_qty: 0,
        change_raw: word(packet, 24).cast_signed(),
        reserved: [0; 4],
    })
}

/// A packet of 44 bytes: the first 44 of a full one.
pub(super) fn quote(packet: &[u8], origin: &Origin) -> Result<Quote, DeadReason> {
    Ok(Quote {
        last: origin.last(packet)?,
        received: origin.received,
        source_seq: origin.source_seq,
        flags: origin.flags | MARKET_VOLUME,
        exchange_secs: 0,
        average: origin.average(packet, 12),
        open: origin.price(packet, 28)?,
        high: origin.price(packet, 32)?,
        low: origin.price(packet, 36)?,
        close: origin.price(packet, 40)?,
        last_qty: word(packet, 8),
        volume: word(packet, 16),
        buy_qty: word(packet, 20),
        sell_qty: word(packet, 24),
        change_raw: 0,
        reserved: [0; 4],
    })
}

/// A packet of 184 bytes, written into `full` where it stands. After an error what is in `full` means nothing.
#[inline]
pub(super) fn full(
    packet: &[u8; FULL_BYTES],
    origin: &Origin,
    vectors: Option<Vectors>,
    full: &mut Full,
) -> Result<(), DeadReason> {
    if word(packet, 4) == 0 {
        return Err(DeadReason::NoLastPrice);
    }
    full.received = origin.received;
    full.source_seq = origin.source_seq;
    full.flags = origin.flags | MARKET_VOLUME | MARKET_TRADE_TIME;
    full.reserved = [0; 20];
    if origin.unit == PriceUnit::Hundredth && vectors.is_some_and(|vectors| vectors.fields(packet, full)) {
        return Ok(());
    }
    let in_range = match origin.unit {
        PriceUnit::Hundredth => fields(packet, full, |raw| i64::from(raw) * 100),
        PriceUnit::TenThousandth => fields(packet, full, i64::from),
        PriceUnit::TenMillionth if is_exact(packet) => fields(packet, full, |raw| i64::from(raw) / 1_000),
        PriceUnit::TenMillionth => return Err(DeadReason::PriceInexact),
    };
    if in_range { Ok(()) } else { Err(DeadReason::PriceOutOfRange) }
}

/// Whether the scale can hold every price of a packet in 1/10,000,000, its average excepted.
fn is_exact(packet: &[u8; FULL_BYTES]) -> bool {
    let day = [4, 28, 32, 36, 40].into_iter();
    let levels = (0..2 * LEVELS).map(|level| DEPTH + level * LEVEL_BYTES + 4);
    day.chain(levels).all(|offset| word(packet, offset).is_multiple_of(1_000))
}

/// The packet's own fields, with prices made by `price`; whether all levels are within the range of a distance. A
/// packet that is refused is rare enough to be read to its end.
#[inline(always)]
fn fields(packet: &[u8; FULL_BYTES], full: &mut Full, price: impl Fn(u32) -> i64) -> bool {
    let last = price(word(packet, 4));
    full.last = Price(last);
    full.last_qty = word(packet, 8);
    full.average = Price(price(word(packet, 12)));
    full.volume = word(packet, 16);
    full.buy_qty = word(packet, 20);
    full.sell_qty = word(packet, 24);
    full.open = Price(price(word(packet, 28)));
    full.high = Price(price(word(packet, 32)));
    full.low = Price(price(word(packet, 36)));
    full.close = Price(price(word(packet, 40)));
    full.last_trade_secs = word(packet, 44);
    full.open_interest = word(packet, 48);
    full.open_interest_high = word(packet, 52);
    full.open_interest_low = word(packet, 56);
    full.exchange_secs = word(packet, 60);
    let Full { bid_qty, bid_delta, bid_orders, ask_qty, ask_delta, ask_orders, .. } = full;
    let bids = levels(packet, DEPTH, last, &price, bid_qty, bid_delta, bid_orders);
    let asks = levels(packet, DEPTH + LEVELS * LEVEL_BYTES, last, &price, ask_qty, ask_delta, ask_orders);
    bids | asks == 0
}

/// Writes the five levels from `start` on; not zero if a distance is beyond what one can be. A level without a price is
/// empty, whatever else it says: no order can be worth nothing, and a distance to zero would be taken for a price.
#[inline(always)]
fn levels(
    packet: &[u8; FULL_BYTES],
    start: usize,
    last: i64,
    price: impl Fn(u32) -> i64,
    quantity: &mut [u32; LEVELS],
    delta: &mut [i32; LEVELS],
    orders: &mut [u16; LEVELS],
) -> u64 {
    let mut beyond = 0;
    for index in 0..LEVELS {
        let at = start + index * LEVEL_BYTES;
        let raw = word(packet, at + 4);
        if raw == 0 {
            (quantity[index], delta[index], orders[index]) = (0, 0, 0);
            continue;
        }
        let distance = price(raw).wrapping_sub(last);
        // The upper half is zero for what 32 bits hold.
        beyond |= distance.wrapping_add(1 << 31).cast_unsigned() >> 32;
        delta[index] = distance as i32;
        quantity[index] = word(packet, at);
        // The number of orders is the upper half of the last word; the lower half is padding.
        orders[index] = u16::from_be_bytes([packet[at + 8], packet[at + 9]]);
    }
    beyond
}
