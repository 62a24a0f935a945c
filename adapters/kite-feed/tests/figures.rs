//! What a packet of 184 bytes costs from socket to event, over loopback. Prints; asserts nothing about time.
//! `PITLANE_LONG=1 cargo test --release -p pitlane-kite-feed --test figures -- --nocapture`; `tests/gate --long` runs it too.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![allow(missing_docs, unreachable_pub, dead_code, reason = "a test, and parts it shares with others")]

#[path = "sockets/server.rs"]
mod server;
mod wire;

use pitlane_engine::config::{InstrumentClass, InstrumentSpec};
use pitlane_engine::event::{Event, Ltp};
use pitlane_engine::feed::{FeedItem, FrameFeed};
use pitlane_engine::stages::decoder::Decoder;
use pitlane_engine::units::{InstrumentId, Price, Qty};
use pitlane_kite_feed::{LiveFeed, Mode};
use server::{NOW_SECS, frame, full};
use std::time::Instant;
use wire::{POLLS_MAX, Wire, message};
use zerocopy::FromZeros;

const ROUNDS: usize = 100_000;
const BURST: usize = 64;

/// Polls and decodes until `count` events have come.
fn events(feed: &mut LiveFeed, decoder: &mut Decoder, event: &mut Event, count: usize) {
    let mut seen = 0;
    for _ in 0..POLLS_MAX {
        if seen == count {
            return;
        }
        if let FeedItem::Frame { received, bytes } = feed.poll() {
            let mut cursor = decoder.begin(bytes, received);
            while decoder.next(bytes, &mut cursor, event) {
                seen += 1;
            }
        }
    }
    panic!("{seen} of {count} events in {POLLS_MAX} polls");
}

#[test]
fn socket_to_event() {
    if std::env::var_os("PITLANE_LONG").is_none_or(|long| long.is_empty()) {
        return println!("skipped: figures; set PITLANE_LONG");
    }
    let spec = InstrumentSpec {
        symbol: "NSE:A".to_owned(),
        token: 257,
        class: InstrumentClass::Equity,
        tradable: true,
        lot: Qty(1),
        tick: Price(500),
        multiplier: 1,
        freeze: Qty::ZERO,
        derivatives: false,
    };
    for tls in [false, true] {
        let mut wire = Wire::new(tls, &[(257, Mode::Full)]);
        let mut decoder = Decoder::new(std::slice::from_ref(&spec), 1);
        let mut event = Event::new(InstrumentId::NONE, 0, &Ltp::new_zeroed());
        let one = message(&frame(&[full(257, 157_370, NOW_SECS)]));
        let burst = one.repeat(BURST);
        let mut ns: Vec<u64> = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            wire.send(&one);
            let start = Instant::now();
            events(&mut wire.pump.feed, &mut decoder, &mut event, 1);
            ns.push(start.elapsed().as_nanos() as u64);
        }
        let mean = ns.iter().sum::<u64>() / ROUNDS as u64;
        ns.sort_unstable();
        let (p50, p99) = (ns[ROUNDS / 2], ns[ROUNDS / 100 * 99]);
        let mut total = 0;
        for _ in 0..ROUNDS / BURST {
            wire.send(&burst);
            let start = Instant::now();
            events(&mut wire.pump.feed, &mut decoder, &mut event, BURST);
            total += start.elapsed().as_nanos() as u64;
        }
        let each = total / (ROUNDS / BURST * BURST) as u64;
        let start = Instant::now();
        for _ in 0..ROUNDS {
            assert!(matches!(wire.pump.feed.poll(), FeedItem::Quiet));
        }
        let empty = start.elapsed().as_nanos() as u64 / ROUNDS as u64;
        let name = if tls { "TLS" } else { "plain" };
        println!(
            "{name}: one alone mean {mean}, p50 {p50}, p99 {p99} ns; in bursts of {BURST} {each} ns each; a poll that finds nothing {empty} ns"
        );
    }
}
