//! What is read with vectors is what is read field by field.

use super::super::packet::{self, FULL_BYTES, LEVEL_BYTES, LEVELS, Vectors};
use super::{decode, framed, spec};
use crate::event::{Full, Kind};
use crate::stages::decoder::Decoder;
use zerocopy::{FromZeros, IntoBytes};

/// Paise that 32 bits hold on the engine's scale.
const FAR: u32 = i32::MAX as u32 / 100;

fn put(packet: &mut [u8; FULL_BYTES], at: usize, word: u32) {
    packet[at..at + 4].copy_from_slice(&word.to_be_bytes());
}

#[test]
fn vectors_read_what_single_fields_read() {
    let Some(vectors) = Vectors::detect() else {
        println!("skipped: this processor has no such vectors");
        return;
    };
    let seed = 4_u64;
    println!("seed {seed}");
    let mut state = seed;
    let mut draw = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (z ^ (z >> 29)) as u32
    };
    let (mut read, mut refused) = (0, 0);
    for number in 0..40_000_u32 {
        let mut packet = [0; FULL_BYTES];
        packet.iter_mut().for_each(|byte| *byte = draw() as u8);
        let last = match number % 8 {
            0 => draw(),
            1 => i32::MAX as u32,
            2 => i32::MAX as u32 + 2,
            3 => 5,
            4 => FAR + 1,
            _ => 1 + draw() % 30_000_000,
        };
        put(&mut packet, 4, last);
        for level in 0..2 * LEVELS {
            let near = last.wrapping_add(draw() % 2_000).wrapping_sub(1_000);
            let raw = match draw() % if number % 3 == 0 { 8 } else { 80 } {
                0 => 0,
                1 => draw(),
                2 => last.wrapping_add(FAR),
                3 => last.wrapping_add(FAR + 1),
                4 => last.wrapping_sub(FAR),
                5 => last.wrapping_sub(FAR + 1),
                _ => near,
            };
            put(&mut packet, packet::DEPTH + level * LEVEL_BYTES + 4, raw);
        }
        let (mut fast, mut slow) = (Full::new_zeroed(), Full::new_zeroed());
        fast.as_mut_bytes().fill(0xa5);
        (fast.received, fast.source_seq, fast.flags) = (slow.received, slow.source_seq, slow.flags);
        let (quick, found) =
            (vectors.fields(&packet, &mut fast), packet::fields_in_paise(&packet, &mut slow));
        if quick {
            assert_eq!(fast.as_bytes(), slow.as_bytes(), "packet {number}");
            read += 1;
        }
        // A price beyond half of what its word holds is left to the single fields.
        let levels = (0..2 * LEVELS).map(|level| packet::DEPTH + level * LEVEL_BYTES + 4);
        let is_huge = levels.chain([4]).any(|at| packet[at] > 0x7f);
        assert_eq!(quick, found && !is_huge, "packet {number}");
        refused += u32::from(!found);
    }
    assert!(read > 8_000 && refused > 8_000, "{read} read with vectors, {refused} refused");
}

#[test]
fn instruments_that_share_a_place_are_read_all_the_same() {
    // Of 1,000 scattered tokens a good many are not where they are looked for first.
    let specs: Vec<_> = (0..1_000).map(|number| spec(number * number * 256 + 2)).collect();
    let (mut decoder, mut by_fields) = (Decoder::new(&specs, 1), Decoder::new(&specs, 1).by_fields());
    let mut packet = [0; FULL_BYTES];
    for (number, spec) in specs.iter().enumerate() {
        put(&mut packet, 0, spec.token);
        put(&mut packet, 4, 17_000_000 + number as u32);
        for level in 0..2 * LEVELS {
            let raw = if level == number % 11 { 0 } else { 17_000_000 - 3 * level as u32 };
            let at = packet::DEPTH + level * LEVEL_BYTES;
            put(&mut packet, at, 100 + level as u32);
            put(&mut packet, at + 4, raw);
            put(&mut packet, at + 8, (level as u32) << 16 | 0xffff);
        }
        let frame = framed(&[&packet]);
        let (events, expected) = (decode(&mut decoder, &frame), decode(&mut by_fields, &frame));
        assert_eq!(events[0].kind(), Kind::Full);
        assert_eq!(events[0].header.instrument.0, number as u32);
        assert_eq!(events[0].used_bytes(), expected[0].used_bytes());
    }
    assert_eq!(decoder.counters(), by_fields.counters());
}
