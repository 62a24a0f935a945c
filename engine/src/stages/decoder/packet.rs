//! The packets' layouts. Offsets count from the start of the packet, without the frame's length prefix.

use crate::event::{
    DeadReason, Full, Ltp, MARKET_INDEX, MARKET_SEGMENT_UNKNOWN, MARKET_TRADE_TIME, MARKET_VOLUME, Quote,
};
use crate::units::{Price, TsNs};

/// Bytes of one depth level: quantity, price, number of orders, two of padding.
const LEVEL_BYTES: usize = 12;
/// Offset of the best bid in a packet of 184 bytes; the offers follow the five bids.
const DEPTH: usize = 64;

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

/// A packet of 184 bytes.
pub(super) fn full(packet: &[u8], origin: &Origin) -> Result<Full, DeadReason> {
    let last = origin.last(packet)?;
    let mut full = Full {
        last,
        received: origin.received,
        source_seq: origin.source_seq,
        flags: origin.flags | MARKET_VOLUME | MARKET_TRADE_TIME,
        exchange_secs: word(packet, 60),
        average: origin.average(packet, 12),
        open: origin.price(packet, 28)?,
        high: origin.price(packet, 32)?,
        low: origin.price(packet, 36)?,
        close: origin.price(packet, 40)?,
        last_qty: word(packet, 8),
        volume: word(packet, 16),
        buy_qty: word(packet, 20),
        sell_qty: word(packet, 24),
        last_trade_secs: word(packet, 44),
        open_interest: word(packet, 48),
        open_interest_high: word(packet, 52),
        open_interest_low: word(packet, 56),
        bid_qty: [0; 5],
        ask_qty: [0; 5],
        bid_delta: [0; 5],
        ask_delta: [0; 5],
        bid_orders: [0; 5],
        ask_orders: [0; 5],
        reserved: [0; 20],
    };
    for index in 0..5 {
        let bid = level(packet, DEPTH + index * LEVEL_BYTES, last, origin)?;
        (full.bid_qty[index], full.bid_delta[index], full.bid_orders[index]) = bid;
        let ask = level(packet, DEPTH + (5 + index) * LEVEL_BYTES, last, origin)?;
        (full.ask_qty[index], full.ask_delta[index], full.ask_orders[index]) = ask;
    }
    Ok(full)
}

/// Quantity, distance from the last price and number of orders of the level at `offset`. A level without a
/// price is empty, whatever else it says: no order can be worth nothing, and a distance to zero would be
/// taken for a price.
fn level(packet: &[u8], offset: usize, last: Price, origin: &Origin) -> Result<(u32, i32, u16), DeadReason> {
    let raw = word(packet, offset + 4);
    if raw == 0 {
        return Ok((0, 0, 0));
    }
    let distance = origin.unit.price(raw)?.0 - last.0;
    let delta = i32::try_from(distance).map_err(|_| DeadReason::PriceOutOfRange)?;
    // The number of orders is the upper half of the last word; the lower half is padding.
    let orders = (word(packet, offset + 8) >> 16) as u16;
    Ok((word(packet, offset), delta, orders))
}
