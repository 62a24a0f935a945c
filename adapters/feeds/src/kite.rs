//! Kite Connect 3 ticker packets, as the broker sends them: all integers big-endian, prices as scaled integers.
//! Layouts: Kite Connect documentation, "WebSocket streaming"; the clients in Go, Python and JavaScript agree.

use pitlane_engine::units::{Price, SCALE};

/// Bytes of a packet in last-price mode.
pub const LTP_BYTES: usize = 8;
/// Bytes of an index packet in quote mode.
pub const INDEX_BYTES: usize = 28;
/// Bytes of an index packet in full mode.
pub const INDEX_FULL_BYTES: usize = 32;
/// Bytes of a packet in quote mode.
pub const QUOTE_BYTES: usize = 44;
/// Bytes of a packet in full mode.
pub const FULL_BYTES: usize = 184;

/// What the packets of a tradable instrument carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The last price alone.
    Ltp,
    /// Day figures.
    Quote,
    /// Day figures, times, open interest and five levels a side.
    #[default]
    Full,
}

/// Units of a raw price in one currency unit, by the token's segment (its low byte). Unknown segments use 100.
pub const fn divisor(token: u32) -> u32 {
    match token & 0xff {
        3 => 10_000_000,
        6 => 10_000,
        _ => 100,
    }
}

/// A price as a packet of `token` carries it; `None` if that is not exact or does not fit.
pub fn raw_price(token: u32, price: Price) -> Option<u32> {
    let scaled = price.0.checked_mul(i64::from(divisor(token)))?;
    if scaled % SCALE == 0 { u32::try_from(scaled / SCALE).ok() } else { None }
}

/// An index packet. Prices are raw.
#[derive(Clone, Copy, Debug, Default)]
pub struct IndexPacket {
    /// The broker's token.
    pub token: u32,
    /// Index value.
    pub last: u32,
    /// The day's high.
    pub high: u32,
    /// The day's low.
    pub low: u32,
    /// The day's open.
    pub open: u32,
    /// The previous close.
    pub close: u32,
    /// The broker's change figure, of uncertain unit.
    pub change: i32,
    /// Exchange time in Unix seconds; only in full mode.
    pub exchange_secs: u32,
}

/// A quote packet. Prices are raw.
#[derive(Clone, Copy, Debug, Default)]
pub struct QuotePacket {
    /// The broker's token.
    pub token: u32,
    /// Last traded price.
    pub last: u32,
    /// Last traded quantity.
    pub last_qty: u32,
    /// The day's volume-weighted average price.
    pub average: u32,
    /// Volume traded today.
    pub volume: u32,
    /// Pending buy quantity.
    pub buy_qty: u32,
    /// Pending sell quantity.
    pub sell_qty: u32,
    /// The day's open.
    pub open: u32,
    /// The day's high.
    pub high: u32,
    /// The day's low.
    pub low: u32,
    /// The previous close.
    pub close: u32,
}

/// One level of depth; all zero if empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Level {
    /// Quantity.
    pub quantity: u32,
    /// Raw price.
    pub price: u32,
    /// Number of orders.
    pub orders: u16,
}

/// A full packet. Prices are raw.
#[derive(Clone, Copy, Debug, Default)]
pub struct FullPacket {
    /// What a quote packet has.
    pub quote: QuotePacket,
    /// Time of the last trade in Unix seconds; 0 = absent.
    pub last_trade_secs: u32,
    /// Open interest.
    pub open_interest: u32,
    /// The day's highest open interest.
    pub open_interest_high: u32,
    /// The day's lowest open interest.
    pub open_interest_low: u32,
    /// Exchange time in Unix seconds; 0 = absent.
    pub exchange_secs: u32,
    /// Bids, best first.
    pub bids: [Level; 5],
    /// Offers, best first.
    pub asks: [Level; 5],
}

/// Encodes a last-price packet.
pub fn encode_ltp(token: u32, last: u32, out: &mut [u8; LTP_BYTES]) {
    words(out, &[token, last]);
}

/// Encodes an index packet of quote mode; the exchange time is left out.
pub fn encode_index(packet: &IndexPacket, out: &mut [u8; INDEX_BYTES]) {
    // The order is high, low, open, close: unlike that of tradable instruments.
    let IndexPacket { token, last, high, low, open, close, change, .. } = *packet;
    words(out, &[token, last, high, low, open, close, change.cast_unsigned()]);
}

/// Encodes an index packet of full mode.
pub fn encode_index_full(packet: &IndexPacket, out: &mut [u8; INDEX_FULL_BYTES]) {
    let (head, tail) = out.split_first_chunk_mut().expect("28 of 32 bytes");
    encode_index(packet, head);
    words(tail, &[packet.exchange_secs]);
}

/// Encodes a quote packet.
pub fn encode_quote(packet: &QuotePacket, out: &mut [u8; QUOTE_BYTES]) {
    let p = packet;
    words(
        out,
        &[
            p.token, p.last, p.last_qty, p.average, p.volume, p.buy_qty, p.sell_qty, p.open, p.high, p.low,
            p.close,
        ],
    );
}

/// Encodes a full packet.
pub fn encode_full(packet: &FullPacket, out: &mut [u8; FULL_BYTES]) {
    let (head, tail) = out.split_first_chunk_mut().expect("44 of 184 bytes");
    encode_quote(&packet.quote, head);
    let (times, levels) = tail.split_at_mut(20);
    let p = packet;
    words(
        times,
        &[p.last_trade_secs, p.open_interest, p.open_interest_high, p.open_interest_low, p.exchange_secs],
    );
    let entries = levels.chunks_exact_mut(12);
    for (entry, level) in entries.zip(p.bids.iter().chain(&p.asks)) {
        words(entry, &[level.quantity, level.price]);
        entry[8..10].copy_from_slice(&level.orders.to_be_bytes());
        entry[10..12].fill(0);
    }
}

/// Writes big-endian words one after another.
fn words(out: &mut [u8], values: &[u32]) {
    for (place, value) in out.chunks_exact_mut(4).zip(values) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

/// Builds a frame in a buffer that is allocated once: `u16` count, then `u16` length and bytes of each packet.
#[derive(Debug)]
pub struct FrameWriter {
    buffer: Box<[u8]>,
    used: usize,
    packets: u16,
}

impl FrameWriter {
    /// A writer of frames of up to `packets` packets of any kind.
    pub fn new(packets: u16) -> Self {
        let bytes = 2 + usize::from(packets) * (2 + FULL_BYTES);
        Self { buffer: vec![0; bytes].into_boxed_slice(), used: 2, packets: 0 }
    }

    /// Starts a new frame.
    pub fn clear(&mut self) {
        self.used = 2;
        self.packets = 0;
    }

    /// Room for one more packet of `N` bytes, to be filled by the caller. Panics if the frame is full.
    pub fn packet<const N: usize>(&mut self) -> &mut [u8; N] {
        const { assert!(N <= FULL_BYTES) };
        let start = self.used + 2;
        let free =
            self.buffer.get_mut(self.used..start + N).expect("more packets than the frame was made for");
        let (length, packet) = free.split_first_chunk_mut::<2>().expect("two bytes of length");
        *length = (N as u16).to_be_bytes();
        self.used = start + N;
        self.packets += 1;
        packet.try_into().expect("the slice was cut to N bytes")
    }

    /// Packets in the frame.
    pub fn packets(&self) -> u16 {
        self.packets
    }

    /// The frame's bytes.
    pub fn bytes(&mut self) -> &[u8] {
        self.buffer[..2].copy_from_slice(&self.packets.to_be_bytes());
        &self.buffer[..self.used]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(bytes: &[u8], offset: usize) -> u32 {
        u32::from_be_bytes(bytes[offset..offset + 4].try_into().unwrap())
    }

    #[test]
    fn every_field_stands_at_its_documented_offset() {
        let quote = QuotePacket {
            token: 408_065,
            last: 1,
            last_qty: 2,
            average: 3,
            volume: 4,
            buy_qty: 5,
            sell_qty: 6,
            open: 7,
            high: 8,
            low: 9,
            close: 10,
        };
        let mut full = FullPacket { quote, last_trade_secs: 11, open_interest: 12, ..FullPacket::default() };
        (full.open_interest_high, full.open_interest_low, full.exchange_secs) = (13, 14, 15);
        full.bids[4] = Level { quantity: 16, price: 17, orders: 18 };
        full.asks[0] = Level { quantity: 19, price: 20, orders: 21 };
        let mut bytes = [0xff; FULL_BYTES];
        encode_full(&full, &mut bytes);
        assert_eq!(word(&bytes, 0), 408_065);
        for (offset, value) in (4..64).step_by(4).zip(1..) {
            assert_eq!(word(&bytes, offset), value, "offset {offset}");
        }
        assert_eq!((word(&bytes, 112), word(&bytes, 116), &bytes[120..124]), (16, 17, &[0, 18, 0, 0][..]));
        assert_eq!((word(&bytes, 124), word(&bytes, 128), &bytes[132..136]), (19, 20, &[0, 21, 0, 0][..]));
        assert!(bytes[64..112].iter().chain(&bytes[136..]).all(|b| *b == 0), "empty levels are all zero");

        let index = IndexPacket {
            token: 256_265,
            last: 1,
            high: 2,
            low: 3,
            open: 4,
            close: 5,
            change: -36,
            exchange_secs: 7,
        };
        let mut bytes = [0; INDEX_FULL_BYTES];
        encode_index_full(&index, &mut bytes);
        let fields: Vec<u32> = (0..32).step_by(4).map(|offset| word(&bytes, offset)).collect();
        assert_eq!(fields, [256_265, 1, 2, 3, 4, 5, (-36_i32).cast_unsigned(), 7]);
    }

    #[test]
    fn a_frame_counts_its_packets_and_their_lengths() {
        let mut writer = FrameWriter::new(3);
        assert_eq!(writer.bytes(), [0, 0]);
        encode_ltp(0x0102_0304, 5, writer.packet());
        encode_ltp(6, 7, writer.packet());
        assert_eq!(writer.bytes(), [0, 2, 0, 8, 1, 2, 3, 4, 0, 0, 0, 5, 0, 8, 0, 0, 0, 6, 0, 0, 0, 7]);
        writer.clear();
        for _ in 0..3 {
            encode_full(&FullPacket::default(), writer.packet());
        }
        assert_eq!((writer.packets(), writer.bytes().len()), (3, 2 + 3 * 186));
    }

    #[test]
    fn prices_are_scaled_by_segment_and_only_exactly() {
        for (token, price, raw) in [
            (408_065, 15_737_000, Some(157_370)),
            (408_065, 15_737_050, None),
            (1_027 * 256 + 3, 842_525, Some(842_525_000)),
            (1_027 * 256 + 3, 4_300_000, None),
            (6, 842_525, Some(842_525)),
            (1, -100, None),
        ] {
            assert_eq!(raw_price(token, Price(price)), raw, "{token} {price}");
        }
    }
}
