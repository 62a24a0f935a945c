//! A market-data frame costs no allocation once the feed runs; under TLS only the library's own per record.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![allow(missing_docs, unreachable_pub, dead_code, reason = "a test, and parts it shares with others")]

#[path = "../../../benches/count/allocator.rs"]
mod allocator;
#[path = "sockets/server.rs"]
mod server;
mod wire;

use pitlane_kite_feed::Mode;
use server::{NOW_SECS, frame, full, ltp};
use wire::{Wire, message, next_frame};

const TOKENS: u32 = 3_000;
const FRAMES: u64 = 2_000;

/// Allocations and releases of `FRAMES` times the given frames, after a warm-up of as many.
fn count(wire: &mut Wire, frames: &[Vec<u8>], rounds: u64) -> u64 {
    let mut total = 0;
    for round in 0..2 * rounds {
        for frame in frames {
            wire.send(frame);
            let allocated = allocator::during(|| {
                next_frame(&mut wire.pump.feed);
            });
            total += if round >= rounds { allocated } else { 0 };
        }
    }
    total
}

// One test, because everything in the process is counted.
#[test]
fn frames_of_every_size_cost_nothing_after_the_warm_up() {
    let tokens: Vec<(u32, Mode)> = (0..TOKENS).map(|token| (token, Mode::Full)).collect();
    let packet = |token| full(token, 5, NOW_SECS);
    let many: Vec<Vec<u8>> = (0..300).map(packet).collect();
    let old = full(2_000, 5, NOW_SECS - 3_600);
    let frames = [
        message(&frame(&[packet(1)])),
        message(&frame(&[ltp(1, 5)])),
        message(&frame(&many)),
        message(&frame(&[packet(2), packet(3)])),
        // One packet of it is withheld, because its instrument has not spoken since.
        message(&frame(&[packet(2), old, packet(3)])),
    ];
    let mut wire = Wire::new(false, &tokens);
    assert_eq!(count(&mut wire, &frames, FRAMES / 5), 0, "in the clear");
    assert!(wire.pump.handle.status.sockets[0].stale.get() > 0);

    // Slow: every packet waits and goes out in a frame that is made here.
    wire.pump.handle.control.set_behind(true);
    assert_eq!(count(&mut wire, &frames[..1], FRAMES / 2), 0, "conflating");
    assert!(wire.pump.handle.status.sockets[0].merged.get() > 0);

    let mut wire = Wire::new(true, &tokens);
    let allocated = count(&mut wire, &frames[..1], FRAMES);
    println!(
        "under TLS: {:.2} calls of the allocator a frame of one record",
        allocated as f64 / FRAMES as f64
    );
    assert!(allocated <= 4 * FRAMES, "{allocated} in {FRAMES} frames: more than the library's buffers");
}
