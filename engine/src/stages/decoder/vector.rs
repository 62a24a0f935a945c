//! A packet of 184 bytes in vectors: what `packet` does field by field, for prices in paise, as nearly all are.
//!
//! The ten levels are thirty words, of which every third is a quantity, a price, a number of orders. Those of one kind are blended
//! out of loads in which their places differ, and one shuffle puts them in order and turns their bytes: eight levels at once,
//! then the last two. One test says whether all prices are small enough for distances in 32 bits. Where a distance does not fit
//! the answer is no, and the packet is read field by field, which says what is wrong with it.

use super::Decoder;
use super::packet::{DEPTH, FULL_BYTES, LARGE, LEVEL_BYTES, LEVELS};
use super::tokens::TokenTable;
use crate::event::{Event, Full};
use crate::units::{Price, TsNs};
use std::arch::x86_64::{
    __m128i, __m256i, _mm_blend_epi32, _mm_cvtsi128_si64, _mm_extract_epi64, _mm_insert_epi32,
    _mm_loadu_si128, _mm_mul_epu32, _mm_packus_epi32, _mm_setr_epi8, _mm_shuffle_epi8, _mm_shuffle_epi32,
    _mm_sign_epi32, _mm_storeu_si128, _mm256_abs_epi32, _mm256_blend_epi32, _mm256_broadcastd_epi32,
    _mm256_castsi128_si256, _mm256_castsi256_si128, _mm256_cmpgt_epi32, _mm256_cvtepu32_epi64,
    _mm256_extracti128_si256, _mm256_inserti128_si256, _mm256_mul_epu32, _mm256_mullo_epi32, _mm256_or_si256,
    _mm256_set1_epi32, _mm256_shuffle_epi8, _mm256_sign_epi32, _mm256_storeu_si256, _mm256_sub_epi32,
    _mm256_testz_si256, _mm256_zextsi128_si256,
};
use std::mem::offset_of;
use zerocopy::IntoBytes;

/// Proof that the processor has what the vectors need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vectors(());

impl Vectors {
    /// Asks the processor.
    pub(super) fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("movbe");
        has_all.then_some(Self(()))
    }

    /// `Decoder::full` with vectors.
    #[inline]
    pub(super) fn full(
        self,
        decoder: &mut Decoder,
        packet: &[u8; FULL_BYTES],
        received: TsNs,
        event: &mut Event,
    ) {
        // SAFETY: the processor has the features that the function is compiled for: `detect` asked it.
        unsafe { full(decoder, packet, received, event) }
    }

    /// Writes what the packet itself says into `full`. `false` if there is no last price, or a price is further from it than
    /// 32 bits hold: then what was written means nothing.
    #[cfg(test)]
    pub(super) fn fields(self, packet: &[u8; FULL_BYTES], full: &mut Full) -> bool {
        // SAFETY: as above.
        unsafe { fields(packet, full) }
    }
}

#[target_feature(enable = "avx2,bmi2,movbe")]
fn full(decoder: &mut Decoder, packet: &[u8; FULL_BYTES], received: TsNs, event: &mut Event) {
    let fields = |packet: &_, full: &mut _| fields(packet, full);
    let otherwise = |decoder: &mut _, packet: &_, received, event: &mut _| {
        full_displaced(decoder, packet, received, event);
    };
    decoder.full(packet, received, event, TokenTable::find_first, fields, otherwise);
}

/// `full` for an instrument that is not where it is looked for first: to go on looking takes registers that are saved.
#[inline(never)]
#[target_feature(enable = "avx2,bmi2,movbe")]
fn full_displaced(decoder: &mut Decoder, packet: &[u8; FULL_BYTES], received: TsNs, event: &mut Event) {
    let fields = |packet: &_, full: &mut _| fields(packet, full);
    decoder.full(packet, received, event, TokenTable::find_plain, fields, Decoder::other);
}

/// Units of the engine's scale in a paisa.
const SCALE: i32 = 100;
/// Paise between a level and the last price at most.
const FAR: i32 = i32::MAX / SCALE;
/// The offers stand behind the bids, in the packet as in the event: ten of everything in a row.
const _: () = assert!(
    offset_of!(Full, ask_qty) == offset_of!(Full, bid_qty) + 4 * LEVELS
        && offset_of!(Full, ask_delta) == offset_of!(Full, bid_delta) + 4 * LEVELS
        && offset_of!(Full, ask_orders) == offset_of!(Full, bid_orders) + 2 * LEVELS
        && offset_of!(Full, reserved) == offset_of!(Full, bid_orders) + 4 * LEVELS
        && size_of::<Full>() == offset_of!(Full, reserved) + 20
);
const _: () = assert!(
    offset_of!(Full, close) == offset_of!(Full, open) + 24
        && offset_of!(Full, sell_qty) == offset_of!(Full, last_qty) + 12
        && offset_of!(Full, open_interest_low) == offset_of!(Full, last_trade_secs) + 12
);

fn bytes<const N: usize>(packet: &[u8; FULL_BYTES], at: usize) -> [u8; N] {
    *packet[at..].first_chunk().expect("as many bytes are left")
}

#[inline]
#[target_feature(enable = "avx2,bmi2,movbe")]
fn load(packet: &[u8; FULL_BYTES], at: usize) -> __m128i {
    let bytes: &[u8; 16] = packet[at..].first_chunk().expect("sixteen bytes are left");
    // SAFETY: the pointer is to sixteen bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,bmi2,movbe")]
fn store(full: &mut Full, at: usize, vector: __m128i) {
    let bytes: &mut [u8; 16] =
        full.as_mut_bytes()[at..].first_chunk_mut().expect("the body has as many bytes there");
    // SAFETY: the pointer is to sixteen bytes, and the store needs no alignment.
    unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), vector) }
}

#[inline]
#[target_feature(enable = "avx2,bmi2,movbe")]
fn store_wide(full: &mut Full, at: usize, vector: __m256i) {
    let bytes: &mut [u8; 32] =
        full.as_mut_bytes()[at..].first_chunk_mut().expect("the body has as many bytes there");
    // SAFETY: the pointer is to thirty-two bytes, and the store needs no alignment.
    unsafe { _mm256_storeu_si256(bytes.as_mut_ptr().cast(), vector) }
}

/// Turns four numbers from the wire's order of bytes.
#[inline]
#[target_feature(enable = "avx2,bmi2,movbe")]
fn turn() -> __m128i {
    _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)
}

/// The bytes at `low`, and behind them those at `high`.
#[inline]
#[target_feature(enable = "avx2,bmi2,movbe")]
fn pair(low: __m128i, high: __m128i) -> __m256i {
    _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high)
}

#[inline]
#[target_feature(enable = "avx2,bmi2,movbe")]
fn fields(packet: &[u8; FULL_BYTES], full: &mut Full) -> bool {
    let scale = _mm256_set1_epi32(SCALE);
    // Last price and average, each in the lower half of eight bytes.
    let apart = _mm_setr_epi8(3, 2, 1, 0, -1, -1, -1, -1, 11, 10, 9, 8, -1, -1, -1, -1);
    let prices = _mm_shuffle_epi8(load(packet, 4), apart);
    let last = _mm256_broadcastd_epi32(prices);
    let prices = _mm_mul_epu32(prices, _mm256_castsi256_si128(scale));
    full.last = Price(_mm_cvtsi128_si64(prices));
    full.average = Price(_mm_extract_epi64::<1>(prices));
    // Open, high, low, close.
    let apart = _mm_setr_epi8(3, 2, 1, 0, -1, -1, -1, -1, 11, 10, 9, 8, -1, -1, -1, -1);
    let day = _mm256_shuffle_epi8(_mm256_cvtepu32_epi64(load(packet, 28)), pair(apart, apart));
    store_wide(full, offset_of!(Full, open), _mm256_mul_epu32(day, scale));
    // Volume, bought, sold, with the last quantity before them; time of the last trade and open interest.
    let sums = _mm_insert_epi32::<0>(load(packet, 12), i32::from_le_bytes(bytes(packet, 8)));
    let sums = _mm256_shuffle_epi8(pair(sums, load(packet, 44)), pair(turn(), turn()));
    store_wide(full, offset_of!(Full, last_qty), sums);
    full.exchange_secs = u32::from_be_bytes(bytes(packet, 60));
    // The last two first: the store of their orders ends what is zero behind them, and those of the others go over its front.
    let two = last_levels(packet, last, scale, full);
    let eight = first_levels(packet, last, scale, full);
    let all = _mm256_or_si256(_mm256_or_si256(eight.raw, two.raw), last);
    let is_small = _mm256_testz_si256(all, _mm256_set1_epi32(LARGE.cast_signed())) != 0;
    (is_small || is_near(&eight, &two, all)) && bytes(packet, 4) != [0; 4]
}

/// Levels' prices as they are on the wire, and their distances from the last one.
struct Prices {
    raw: __m256i,
    distance: __m256i,
}

/// Whether all distances are what one can be, of levels some of which are worth a lot. `all` has the bits of every price.
#[inline]
#[target_feature(enable = "avx2,bmi2,movbe")]
fn is_near(eight: &Prices, two: &Prices, all: __m256i) -> bool {
    let far = _mm256_set1_epi32(FAR);
    let eight = _mm256_cmpgt_epi32(_mm256_abs_epi32(eight.distance), far);
    let two = _mm256_cmpgt_epi32(_mm256_abs_epi32(two.distance), far);
    // A difference of numbers in the lower half is exact; one above is no price that was ever seen.
    let beyond = _mm256_or_si256(_mm256_or_si256(eight, two), all);
    _mm256_testz_si256(beyond, _mm256_set1_epi32(i32::MIN)) != 0
}

/// Writes the first eight levels. A level without a price is empty: `sign` by the price makes zero of what it says.
#[inline]
#[target_feature(enable = "avx2,bmi2,movbe")]
fn first_levels(packet: &[u8; FULL_BYTES], last: __m256i, scale: __m256i, full: &mut Full) -> Prices {
    // Four levels are twelve words: of levels 0 to 3 in the lower halves, of levels 4 to 7 in the upper ones. Where the words of one
    // kind are differs from one of the three to the next, so that they can be put into one vector as they are.
    const FOUR: usize = 4 * LEVEL_BYTES;
    let [a, b, c] = [DEPTH, DEPTH + 16, DEPTH + 32].map(|at| pair(load(packet, at), load(packet, at + FOUR)));
    // The places of levels 0, 1, 2, 3 are 1, 0, 3, 2.
    let raw = _mm256_blend_epi32::<0b0100_0100>(_mm256_blend_epi32::<0b1001_1001>(a, b), c);
    let order = _mm_setr_epi8(7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8);
    let raw = _mm256_shuffle_epi8(raw, pair(order, order));
    // 0, 3, 2, 1.
    let quantity = _mm256_blend_epi32::<0b0010_0010>(_mm256_blend_epi32::<0b0100_0100>(a, b), c);
    let order = _mm_setr_epi8(3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4);
    let quantity = _mm256_shuffle_epi8(quantity, pair(order, order));
    store_wide(full, offset_of!(Full, bid_qty), _mm256_sign_epi32(quantity, raw));
    let distance = _mm256_sign_epi32(_mm256_sub_epi32(raw, last), raw);
    store_wide(full, offset_of!(Full, bid_delta), _mm256_mullo_epi32(distance, scale));
    // 2, 1, 0, 3. The number of orders is the upper half of its word; the lower half is padding.
    let orders = _mm256_blend_epi32::<0b1001_1001>(_mm256_blend_epi32::<0b0010_0010>(a, b), c);
    let order = _mm_setr_epi8(9, 8, -1, -1, 5, 4, -1, -1, 1, 0, -1, -1, 13, 12, -1, -1);
    let orders = _mm256_sign_epi32(_mm256_shuffle_epi8(orders, pair(order, order)), raw);
    let orders = _mm_packus_epi32(_mm256_castsi256_si128(orders), _mm256_extracti128_si256::<1>(orders));
    store(full, offset_of!(Full, bid_orders), orders);
    Prices { raw, distance }
}

/// Writes the last two levels, and zero behind them.
#[inline]
#[target_feature(enable = "avx2,bmi2,movbe")]
fn last_levels(packet: &[u8; FULL_BYTES], last: __m256i, scale: __m256i, full: &mut Full) -> Prices {
    // Quantity, price, orders, quantity; orders, quantity, price, orders.
    let (front, back) = (load(packet, FULL_BYTES - 24), load(packet, FULL_BYTES - 16));
    // Both quantities, both prices; then both prices twice.
    let order = _mm_setr_epi8(3, 2, 1, 0, 15, 14, 13, 12, 7, 6, 5, 4, 11, 10, 9, 8);
    let words = _mm_shuffle_epi8(_mm_blend_epi32::<0b0100>(front, back), order);
    let raw = _mm256_zextsi128_si256(_mm_shuffle_epi32::<0b11_10_11_10>(words));
    let quantity = _mm_sign_epi32(words, _mm256_castsi256_si128(raw));
    let quantity = _mm_cvtsi128_si64(quantity);
    full.ask_qty[3..].as_mut_bytes().copy_from_slice(&quantity.to_le_bytes());
    let distance = _mm256_sign_epi32(_mm256_sub_epi32(raw, last), raw);
    let delta = _mm256_castsi256_si128(_mm256_mullo_epi32(distance, scale));
    full.ask_delta[3..].as_mut_bytes().copy_from_slice(&_mm_cvtsi128_si64(delta).to_le_bytes());
    // First and last of four words, as the prices are: with eight bytes before them, and zero behind them to the body's end.
    let order = _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, 1, 0, 13, 12, -1, -1, -1, -1);
    let orders = _mm256_sign_epi32(_mm256_zextsi128_si256(back), raw);
    let orders = _mm256_shuffle_epi8(orders, pair(order, order));
    store_wide(full, offset_of!(Full, ask_orders) - 2, orders);
    Prices { raw, distance }
}
