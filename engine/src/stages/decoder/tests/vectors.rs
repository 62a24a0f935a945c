//! What is read with vectors is what is read field by field.

use super::super::packet::{self, FULL_BYTES, LEVEL_BYTES, LEVELS, Origin, Vectors};
use super::RECEIVED;
use crate::event::Full;
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
        let origin = Origin::new(257, RECEIVED);
        let (mut fast, mut slow) = (Full::new_zeroed(), Full::new_zeroed());
        let (quick, found) = (
            packet::full(&packet, &origin, Some(vectors), &mut fast),
            packet::full(&packet, &origin, None, &mut slow),
        );
        assert_eq!(quick, found, "packet {number}");
        if found.is_ok() {
            assert_eq!(fast.as_bytes(), slow.as_bytes(), "packet {number}");
            let alone = vectors.fields(&packet, &mut fast);
            read += u32::from(alone);
        } else {
            assert!(!vectors.fields(&packet, &mut fast), "packet {number} has a level that is too far");
            refused += 1;
        }
    }
    assert!(read > 8_000 && refused > 8_000, "{read} read with vectors, {refused} refused");
}
