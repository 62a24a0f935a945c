//! A packet of 184 bytes in vectors: what `packet` does field by field, for prices in paise, as nearly all are.
//!
//! One shuffle turns a level, or four fields, from the wire's order of bytes; the levels of both sides go side by side, and
//! distances to the last price are made in 32 bits. Where these cannot hold one the answer is no, and the packet is read
//! field by field, which says what is wrong with it.

use super::packet::{DEPTH, FULL_BYTES, LEVEL_BYTES, LEVELS};
use crate::event::Full;
use crate::units::Price;
use std::arch::x86_64::{
    __m128i, __m256i, _mm_abs_epi32, _mm_andnot_si128, _mm_cmpeq_epi32, _mm_cmpgt_epi32, _mm_cvtsi128_si32,
    _mm_extract_epi32, _mm_loadu_si128, _mm_movemask_epi8, _mm_mullo_epi32, _mm_or_si128, _mm_packus_epi32,
    _mm_set1_epi32, _mm_setr_epi8, _mm_setzero_si128, _mm_shuffle_epi8, _mm_shuffle_epi32, _mm_sub_epi32,
    _mm_unpackhi_epi32, _mm_unpacklo_epi32, _mm256_abs_epi32, _mm256_andnot_si256,
    _mm256_broadcastsi128_si256, _mm256_castsi256_si128, _mm256_cmpeq_epi32, _mm256_cmpgt_epi32,
    _mm256_cvtepu32_epi64, _mm256_extracti128_si256, _mm256_movemask_epi8, _mm256_mul_epu32,
    _mm256_mullo_epi32, _mm256_or_si256, _mm256_set_m128i, _mm256_set1_epi32, _mm256_set1_epi64x,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_sub_epi32, _mm256_unpackhi_epi32,
    _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
};

/// Proof that the processor has what the vectors need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vectors(());

impl Vectors {
    /// Asks the processor.
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// Writes what the packet itself says into `full`. `false` if a price is further from the last one than 32 bits hold:
    /// then what was written means nothing.
    #[inline]
    pub(super) fn fields(self, packet: &[u8; FULL_BYTES], full: &mut Full) -> bool {
        // SAFETY: the processor has the feature that the function is compiled for: `detect` asked it.
        unsafe { fields(packet, full) }
    }
}

/// Units of the engine's scale in a paisa.
const SCALE: i32 = 100;
/// Paise between a level and the last price at most.
const FAR: i32 = i32::MAX / SCALE;
/// Signs of the first two of four numbers, among the bits that `_mm_movemask_epi8` makes.
const FIRST_TWO: i32 = 0x0088;
/// Signs of all eight, among those of `_mm256_movemask_epi8`.
const ALL: i32 = 0x8888_8888_u32.cast_signed();

#[inline]
#[target_feature(enable = "avx2")]
fn load(packet: &[u8; FULL_BYTES], at: usize) -> __m128i {
    let bytes: &[u8; 16] = packet[at..].first_chunk().expect("sixteen bytes are left");
    // SAFETY: the pointer is to sixteen bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn words(vector: __m128i) -> [u32; 4] {
    // SAFETY: both are sixteen bytes, and any bytes are four numbers.
    unsafe { std::mem::transmute::<__m128i, [u32; 4]>(vector) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn halves(vector: __m128i) -> [u16; 8] {
    // SAFETY: both are sixteen bytes, and any bytes are eight numbers.
    unsafe { std::mem::transmute::<__m128i, [u16; 8]>(vector) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn longs(vector: __m256i) -> [i64; 4] {
    // SAFETY: both are thirty-two bytes, and any bytes are four numbers.
    unsafe { std::mem::transmute::<__m256i, [i64; 4]>(vector) }
}

/// Level `number` of the bids, and that of the offers beside it: price, quantity, orders, zero.
#[inline]
#[target_feature(enable = "avx2")]
fn level(packet: &[u8; FULL_BYTES], number: usize) -> __m256i {
    let bid = DEPTH + number * LEVEL_BYTES;
    let ask = bid + LEVELS * LEVEL_BYTES;
    let turn = _mm_setr_epi8(7, 6, 5, 4, 3, 2, 1, 0, 9, 8, -1, -1, -1, -1, -1, -1);
    if number + 1 < LEVELS {
        let both = _mm256_set_m128i(load(packet, ask), load(packet, bid));
        return _mm256_shuffle_epi8(both, _mm256_broadcastsi128_si256(turn));
    }
    // The last level ends with the packet: it is read from four bytes before it.
    let late = _mm_setr_epi8(11, 10, 9, 8, 7, 6, 5, 4, 13, 12, -1, -1, -1, -1, -1, -1);
    let both = _mm256_set_m128i(load(packet, ask - 4), load(packet, bid));
    _mm256_shuffle_epi8(both, _mm256_set_m128i(late, turn))
}

#[target_feature(enable = "avx2")]
fn fields(packet: &[u8; FULL_BYTES], full: &mut Full) -> bool {
    let turn = _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
    // Last price, last quantity, average, volume; average, volume, bought, sold; open, high, low, close.
    let [head, sums, day, later] = [4, 12, 28, 44].map(|at| _mm_shuffle_epi8(load(packet, at), turn));
    let last = _mm_cvtsi128_si32(head);
    let price = |raw: i32| Price(i64::from(raw.cast_unsigned()) * i64::from(SCALE));
    full.last = price(last);
    full.average = price(_mm_cvtsi128_si32(sums));
    let day = _mm256_mul_epu32(_mm256_cvtepu32_epi64(day), _mm256_set1_epi64x(SCALE.into()));
    [full.open, full.high, full.low, full.close] = longs(day).map(Price);
    full.last_qty = _mm_extract_epi32::<1>(head).cast_unsigned();
    [_, full.volume, full.buy_qty, full.sell_qty] = words(sums);
    [full.last_trade_secs, full.open_interest, full.open_interest_high, full.open_interest_low] =
        words(later);
    full.exchange_secs = u32::from_be_bytes(*packet[60..].first_chunk().expect("four bytes are left"));
    let [l0, l1, l2, l3, l4] = [0, 1, 2, 3, 4].map(|number| level(packet, number));
    let far = best_levels([l0, l1, l2, l3], last, full) | fifth_levels(l4, last, full);
    // A difference of numbers in the lower half is exact; one above is no price that was ever seen.
    far == 0 && last >= 0
}

/// The four best levels of both sides; which of them are far, as bits.
#[inline]
#[target_feature(enable = "avx2")]
fn best_levels([l0, l1, l2, l3]: [__m256i; 4], last: i32, full: &mut Full) -> i32 {
    let (front, back) = (_mm256_unpacklo_epi32(l0, l1), _mm256_unpacklo_epi32(l2, l3));
    let raw = _mm256_unpacklo_epi64(front, back);
    let quantity = _mm256_unpackhi_epi64(front, back);
    let orders = _mm256_unpacklo_epi64(_mm256_unpackhi_epi32(l0, l1), _mm256_unpackhi_epi32(l2, l3));
    // A level without a price is empty.
    let none = _mm256_cmpeq_epi32(raw, _mm256_setzero_si256());
    let distance = _mm256_andnot_si256(none, _mm256_sub_epi32(raw, _mm256_set1_epi32(last)));
    let delta = _mm256_mullo_epi32(distance, _mm256_set1_epi32(SCALE));
    let far = _mm256_cmpgt_epi32(_mm256_abs_epi32(distance), _mm256_set1_epi32(FAR));
    let [quantity, orders] = [quantity, orders].map(|what| _mm256_andnot_si256(none, what));
    full.bid_qty[..4].copy_from_slice(&words(_mm256_castsi256_si128(quantity)));
    full.ask_qty[..4].copy_from_slice(&words(_mm256_extracti128_si256::<1>(quantity)));
    full.bid_delta[..4].copy_from_slice(&words(_mm256_castsi256_si128(delta)).map(u32::cast_signed));
    full.ask_delta[..4].copy_from_slice(&words(_mm256_extracti128_si256::<1>(delta)).map(u32::cast_signed));
    // Sixteen bits each, bids before offers.
    let orders = _mm_packus_epi32(_mm256_castsi256_si128(orders), _mm256_extracti128_si256::<1>(orders));
    let orders = halves(orders);
    full.bid_orders[..4].copy_from_slice(&orders[..4]);
    full.ask_orders[..4].copy_from_slice(&orders[4..]);
    _mm256_movemask_epi8(_mm256_or_si256(far, raw)) & ALL
}

/// The fifth level of both sides; which of them are far, as bits.
#[inline]
#[target_feature(enable = "avx2")]
fn fifth_levels(both: __m256i, last: i32, full: &mut Full) -> i32 {
    let (bid, ask) = (_mm256_castsi256_si128(both), _mm256_extracti128_si256::<1>(both));
    // Two prices, two quantities; two numbers of orders.
    let (front, orders) = (_mm_unpacklo_epi32(bid, ask), _mm_unpackhi_epi32(bid, ask));
    let none = _mm_cmpeq_epi32(front, _mm_setzero_si128());
    let none = _mm_shuffle_epi32::<0b01_00_01_00>(none);
    let distance = _mm_andnot_si128(none, _mm_sub_epi32(front, _mm_set1_epi32(last)));
    let delta = words(_mm_mullo_epi32(distance, _mm_set1_epi32(SCALE)));
    let far = _mm_cmpgt_epi32(_mm_abs_epi32(distance), _mm_set1_epi32(FAR));
    let quantity = words(_mm_andnot_si128(none, front));
    let orders = words(_mm_andnot_si128(none, orders));
    (full.bid_delta[4], full.ask_delta[4]) = (delta[0].cast_signed(), delta[1].cast_signed());
    (full.bid_qty[4], full.ask_qty[4]) = (quantity[2], quantity[3]);
    (full.bid_orders[4], full.ask_orders[4]) = (orders[0] as u16, orders[1] as u16);
    _mm_movemask_epi8(_mm_or_si128(far, front)) & FIRST_TWO
}
