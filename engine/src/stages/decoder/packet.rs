//! The packets' layouts. Offsets count from the start of the packet, without the frame's length prefix.

#[cfg(not(target_arch = "x86_64"))]
use super::Decoder;
#[cfg(target_arch = "x86_64")]
pub(super) use super::vector::Vectors;
#[cfg(not(target_arch = "x86_64"))]
use crate::event::Event;
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

    pub(super) fn full(self, _: &mut Decoder, _: &[u8; FULL_BYTES], _: TsNs, _: &mut Event) {
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

    /// The flags of a full packet's event.
    pub(super) fn full_flags(&self) -> u32 {
        self.flags | MARKET_VOLUME | MARKET_TRADE_TIME
    }

    /// Whether prices are in paise, as of everything but the currencies.
    pub(super) fn is_in_paise(&self) -> bool {
        self.unit == PriceUnit::Hundredth
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
pub(super) fn full(packet: &[u8; FULL_BYTES], origin: &Origin, full: &mut Full) -> Result<(), DeadReason> {
    if word(packet, 4) == 0 {
        return Err(DeadReason::NoLastPrice);
    }
    full.received = origin.received;
    full.source_seq = origin.source_seq;
    full.flags = origin.full_flags();
    let in_range = match origin.unit {
        PriceUnit::Hundredth => fields(packet, full, paise),
        PriceUnit::TenThousandth => fields(packet, full, i64::from),
        PriceUnit::TenMillionth if is_exact(packet) => fields(packet, full, |raw| i64::from(raw) / 1_000),
        PriceUnit::TenMillionth => return Err(DeadReason::PriceInexact),
    };
    if in_range { Ok(()) } else { Err(DeadReason::PriceOutOfRange) }
}

/// A price in paise.
fn paise(raw: u32) -> i64 {
    i64::from(raw) * 100
}

/// What a packet of 184 bytes itself says, in paise. `false` if that is no event: then what was written means nothing.
#[inline(always)]
pub(super) fn fields_in_paise(packet: &[u8; FULL_BYTES], full: &mut Full) -> bool {
    word(packet, 4) != 0 && fields(packet, full, paise)
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
    full.reserved = [0; 20];
    let mut bits = word(packet, 4);
    for number in 0..2 * LEVELS {
        let [quantity, raw, orders] = level(packet, number);
        put_level(full, number, quantity, price(raw).wrapping_sub(last) as i32, orders);
        bits |= raw.wrapping_sub(1);
    }
    // Zero less one has all bits: nearly always no level is empty, nor worth a lot.
    bits & LARGE == 0 || levels_one_by_one(packet, full, last, price)
}

/// Bits that no price below 167,772.16 rupees has; two such are never further from each other than 32 bits hold.
pub(super) const LARGE: u32 = 0xff00_0000;
const _: () = assert!(!LARGE < i32::MAX as u32 / 100);

/// A level's quantity, price and orders, bids first.
#[inline(always)]
fn level(packet: &[u8; FULL_BYTES], number: usize) -> [u32; 3] {
    let at = DEPTH + number * LEVEL_BYTES;
    // The number of orders is the upper half of the last word; the lower half is padding.
    let orders = u16::from_be_bytes([packet[at + 8], packet[at + 9]]);
    [word(packet, at), word(packet, at + 4), orders.into()]
}

#[inline(always)]
fn put_level(full: &mut Full, number: usize, quantity: u32, delta: i32, orders: u32) {
    let index = number % LEVELS;
    let (to_quantity, to_delta, to_orders) = if number < LEVELS {
        (&mut full.bid_qty, &mut full.bid_delta, &mut full.bid_orders)
    } else {
        (&mut full.ask_qty, &mut full.ask_delta, &mut full.ask_orders)
    };
    (to_quantity[index], to_delta[index], to_orders[index]) = (quantity, delta, orders as u16);
}

/// Writes the levels anew; whether all are within the range of a distance. A level without a price is empty, whatever else it
/// says: no order can be worth nothing, and a distance to zero would be taken for a price.
#[cold]
#[inline(never)]
fn levels_one_by_one(
    packet: &[u8; FULL_BYTES],
    full: &mut Full,
    last: i64,
    price: impl Fn(u32) -> i64,
) -> bool {
    for number in 0..2 * LEVELS {
        let [quantity, raw, orders] = level(packet, number);
        if raw == 0 {
            put_level(full, number, 0, 0, 0);
            continue;
        }
        let Ok(delta) = i32::try_from(price(raw).wrapping_sub(last)) else { return false };
        put_level(full, number, quantity, delta, orders);
    }
    true
}
