//! CRC-32C of frames: the checksum of the `crc32c` crate, cut to the lengths that frames have.
//!
//! A step of the processor's instruction takes 8 bytes and three cycles, and waits for the step before; one
//! can start every cycle. The crate interleaves from 768 bytes on, and most frames are shorter. Here each 64-byte
//! line is a chain of its own, four of them run side by side, and a carry-less multiplication puts them
//! together: a checksum with `n` zero bytes behind it is the checksum times `x^8n`, modulo the polynomial.
//! (V. Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction", Intel, 2011.)

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::format::BODY_WORDS;
use crate::sys;

/// Bytes of one chain.
pub(crate) const LINE_BYTES: usize = 64;

/// CRC-32C of `body` and then `rest`, going on from `crc`: `crc32c_append` of both, one behind the other.
// Always: called, it would take the body through memory.
#[inline(always)]
pub(crate) fn of_frame(crc: u32, body: [u64; BODY_WORDS], rest: &[u8]) -> u32 {
    let (lines, tail) = rest.as_chunks::<LINE_BYTES>();
    if tail.is_empty()
        && let Some(crc) = sys::crc_of_lines(crc, body, lines)
    {
        return crc;
    }
    of_any(crc, body, rest)
}

/// The same for every length and processor.
#[inline(never)]
fn of_any(crc: u32, body: [u64; BODY_WORDS], rest: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(crc, body.as_bytes()), rest)
}

/// What is behind the commit word of a frame whose payload is `N` whole lines.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct Lines<const N: usize> {
    body: [[u8; 8]; BODY_WORDS],
    payload: [[u8; LINE_BYTES]; N],
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::{of_lines, put_lines};

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use std::arch::x86_64::{
        _mm_clmulepi64_si128, _mm_crc32_u64, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_setzero_si128,
        _mm_xor_si128,
    };

    use super::{LINE_BYTES, Lines};

    /// The polynomial 0x1EDC6F41, the highest power in the lowest bit, as the instruction has it.
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    /// Lines that are taken side by side.
    const LANES: usize = 4;
    /// What moves a checksum past one line, past two, past three.
    const PAST_LINES: [i64; LANES - 1] = [past(LINE_BYTES), past(2 * LINE_BYTES), past(3 * LINE_BYTES)];

    /// `x^(8 bytes - 33)` modulo the polynomial. The product of two reflected polynomials comes out one
    /// power short and the instruction that reduces it adds 32: together the 33.
    const fn past(bytes: usize) -> i64 {
        let mut power = 1_u32 << 31;
        let mut left = 8 * bytes - 33;
        while left > 0 {
            power = power >> 1 ^ if power & 1 == 1 { POLYNOMIAL } else { 0 };
            left -= 1;
        }
        power as i64
    }

    /// CRC-32C of the body's three words and then `lines`, going on from `crc`. The words one by one, because an
    /// array would go through memory.
    #[target_feature(enable = "sse4.2,pclmulqdq")]
    pub(crate) fn of_lines(crc: u32, seq: u64, ts_ns: u64, rest: u64, lines: &[[u8; LINE_BYTES]]) -> u32 {
        let mut state = u64::from(!crc);
        for word in [seq, ts_ns, rest] {
            state = _mm_crc32_u64(state, word);
        }
        let (fours, left) = lines.as_chunks::<LANES>();
        for four in fours {
            state = side_by_side(state, four);
        }
        state = if let Ok(three) = <&[_; 3]>::try_from(left) {
            side_by_side(state, three)
        } else if let Ok(two) = <&[_; 2]>::try_from(left) {
            side_by_side(state, two)
        } else if let Ok(one) = <&[_; 1]>::try_from(left) {
            side_by_side(state, one)
        } else {
            state
        };
        !(state as u32)
    }

    /// Stores the body's three words and `payload` behind them, and returns the checksum of both, going on from `crc`.
    ///
    /// In few and wide stores: they wait in a queue for lines of memory that are not in the cache yet, and when it is
    /// full, everything waits. For the same reason no more arguments than there are registers.
    #[target_feature(enable = "sse4.2,pclmulqdq,avx")]
    pub(crate) fn put_lines<const N: usize>(
        crc: u32,
        seq: u64,
        ts_ns: u64,
        rest: u64,
        payload: &[[u8; LINE_BYTES]; N],
        to: &mut Lines<N>,
    ) -> u32 {
        to.body = [seq.to_le_bytes(), ts_ns.to_le_bytes(), rest.to_le_bytes()];
        to.payload = *payload;
        let mut state = u64::from(!crc);
        for word in [seq, ts_ns, rest] {
            state = _mm_crc32_u64(state, word);
        }
        !(side_by_side(state, payload) as u32)
    }

    /// One chain a line; `state` goes into the first.
    #[inline]
    #[target_feature(enable = "sse4.2,pclmulqdq")]
    fn side_by_side<const N: usize>(state: u64, lines: &[[u8; LINE_BYTES]; N]) -> u64 {
        let mut chains = [0; N];
        chains[0] = state;
        for at in 0..LINE_BYTES / 8 {
            for (chain, line) in chains.iter_mut().zip(lines) {
                *chain = _mm_crc32_u64(*chain, u64::from_le_bytes(line.as_chunks::<8>().0[at]));
            }
        }
        if N == 1 {
            return chains[0];
        }
        let mut moved = _mm_setzero_si128();
        for (chain, past) in chains[..N - 1].iter().rev().zip(PAST_LINES) {
            let chain = _mm_cvtsi64_si128(*chain as i64);
            moved = _mm_xor_si128(moved, _mm_clmulepi64_si128::<0>(chain, _mm_cvtsi64_si128(past)));
        }
        _mm_crc32_u64(0, _mm_cvtsi128_si64(moved) as u64) ^ chains[N - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{COMMIT_BYTES, FRAME_HEADER_BYTES, FrameBody, commit_word, fill_frame, frame_bytes};

    const SEED: u64 = 0x5eed_c3c3_2c00_0001;

    /// Numbers from a seed (splitmix64).
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ mixed >> 31
        }

        fn bytes(&mut self, len: usize) -> Vec<u8> {
            (0..len).map(|_| self.next() as u8).collect()
        }
    }

    /// Bit by bit, from the polynomial alone.
    fn by_definition(crc: u32, bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!crc, |state, byte| {
            (0..8).fold(state ^ u32::from(*byte), |state, _| {
                state >> 1 ^ if state & 1 == 1 { 0x82f6_3b78 } else { 0 }
            })
        })
    }

    #[test]
    fn every_length_has_the_checksum_of_the_crate() {
        println!("seed {SEED:#x}");
        let mut random = Random(SEED);
        let bytes = random.bytes(4096 + 64);
        for len in 0..=4096 {
            for _ in 0..8 {
                let from = random.next() as usize % 64;
                let crc = random.next() as u32;
                let body = [random.next(), random.next(), random.next()];
                let rest = &bytes[from..from + len];
                let whole = [body.as_bytes(), rest].concat();
                let expected = crc32c::crc32c_append(crc, &whole);
                assert_eq!(of_frame(crc, body, rest), expected, "{len} bytes from {from}, crc {crc:#x}");
                assert_eq!(of_any(crc, body, rest), expected, "{len} bytes from {from}, crc {crc:#x}");
            }
        }
    }

    #[test]
    fn lines_have_the_checksum_of_the_definition() {
        println!("seed {SEED:#x}");
        let mut random = Random(SEED);
        for lines in (0..=16).chain([1023]) {
            let (crc, body) = (random.next() as u32, [random.next(), random.next(), random.next()]);
            let rest = random.bytes(lines * LINE_BYTES);
            let expected = by_definition(crc, &[body.as_bytes(), &rest].concat());
            assert_eq!(of_frame(crc, body, &rest), expected, "{lines} lines");
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("pclmulqdq") {
                let by_line = sys::crc_of_lines(crc, body, rest.as_chunks().0);
                assert_eq!(by_line, Some(expected), "{lines} lines");
            }
        }
    }

    fn wide_lines_hold<const N: usize>(random: &mut Random) {
        let Some(wide) = sys::WideLines::detect() else { return println!("skipped: no wide stores") };
        for _ in 0..64 {
            let (crc, body) = (random.next() as u32, [random.next(), random.next(), random.next()]);
            let mut payload = [[0; LINE_BYTES]; N];
            payload.as_flattened_mut().copy_from_slice(&random.bytes(N * LINE_BYTES));
            let mut to = Lines { body: [[0xee; 8]; BODY_WORDS], payload: [[0xee; LINE_BYTES]; N] };
            let stored = wide.put(crc, body, &payload, &mut to);
            let expected = [body.as_bytes(), payload.as_flattened()].concat();
            assert_eq!([to.body.as_flattened(), to.payload.as_flattened()].concat(), expected, "{N} lines");
            assert_eq!(stored, by_definition(crc, &expected), "{N} lines");
        }
    }

    #[test]
    fn wide_stores_hold_what_they_were_given_and_have_the_checksum_of_the_definition() {
        println!("seed {SEED:#x}");
        let mut random = Random(SEED);
        wide_lines_hold::<1>(&mut random);
        wide_lines_hold::<2>(&mut random);
        wide_lines_hold::<3>(&mut random);
        wide_lines_hold::<4>(&mut random);
    }

    #[test]
    fn a_filled_frame_has_the_checksum_of_what_is_stored() {
        println!("seed {SEED:#x}");
        let mut random = Random(SEED);
        for len in 0..=1024 {
            let payload = random.bytes(len);
            let (seq, ts_ns, some) = (random.next(), random.next(), random.next());
            let (kind, schema_version, flags) = (some as u16, (some >> 16) as u8, (some >> 24) as u8);
            let body = FrameBody { seq, ts_ns, kind, schema_version, flags, payload_bytes: len as u32 };
            let (salt, offset) = (random.next() as u32, random.next() >> 32 & !7);
            let mut stored = vec![0; frame_bytes(len) - COMMIT_BYTES];
            let word = fill_frame(&mut stored, salt, offset, &body, &payload);
            let mut expected = [body.as_bytes(), &payload].concat();
            expected.resize((FRAME_HEADER_BYTES + len).next_multiple_of(8) - COMMIT_BYTES, 0);
            assert_eq!(stored, expected, "{len} bytes");
            assert_eq!(word, commit_word(salt, offset, &stored), "{len} bytes");
            let crc = crc32c::crc32c_append(salt ^ offset as u32, &stored);
            assert_eq!(word, u64::from(crc) << 32 | frame_bytes(len) as u64, "{len} bytes");
        }
    }
}
