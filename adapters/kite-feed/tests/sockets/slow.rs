//! A pipeline slower than the feed: packets are conflated, counted and told; order postbacks never are.

use crate::server::{Pump, broker, config, frame, ltp, postback};
use pitlane_kite_feed::{Mode, Note};
use std::collections::BTreeMap;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const TOKENS: u32 = 40;
const ROUNDS: u32 = 200;

/// The last price of each token in the order of frames, and how many packets there were.
fn last_prices(frames: &[Vec<u8>]) -> (BTreeMap<u32, u32>, usize) {
    let (mut last, mut packets) = (BTreeMap::new(), 0);
    for frame in frames {
        for packet in frame[2..].chunks(10) {
            let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
            let before = last.insert(word(2), word(6));
            assert!(before.is_none_or(|before| before < word(6)), "never backward");
            packets += 1;
        }
    }
    (last, packets)
}

fn settings(url: &str) -> pitlane_kite_feed::FeedConfig {
    let tokens: Vec<(u32, Mode)> = (0..TOKENS).map(|token| (token, Mode::Ltp)).collect();
    let mut config = config(url, &tokens);
    config.withhold_untimed = false;
    config.orders = 8;
    config
}

/// A broker that, once told, sends everything at once, with postbacks between, and says when it has.
fn flood() -> (String, std::sync::mpsc::Sender<()>, std::sync::mpsc::Receiver<()>) {
    let ((go, told), (sent, done)) = (channel(), channel());
    let ends = Mutex::new(Some((told, sent)));
    let url = broker(false, move |_, peer| {
        let (told, sent) = ends.lock().unwrap().take().unwrap();
        let mut socket = peer.upgrade();
        socket.messages(2);
        told.recv().unwrap();
        for round in 1..=ROUNDS {
            let packets: Vec<Vec<u8>> = (0..TOKENS).map(|token| ltp(token, round)).collect();
            socket.binary(&frame(&packets));
            if round % 20 == 0 {
                socket.text(&postback(round as usize));
            }
        }
        sent.send(()).unwrap();
        socket.linger();
    });
    (url, go, done)
}

#[test]
fn who_says_to_be_behind_gets_the_latest_of_each_instrument_and_every_order() {
    let (url, go, done) = flood();
    let mut pump = Pump::new(settings(&url));
    pump.until(|pump| pump.handle.status.sockets[0].asked.get() == 2);
    pump.handle.control.set_behind(true);
    go.send(()).unwrap();
    done.recv().unwrap();
    let all = Arc::clone(&pump.handle.status);
    let socket = &all.sockets[0];
    pump.until(|_| socket.packets.get() == u64::from(TOKENS * ROUNDS));
    pump.until(|pump| {
        pump.orders.len() == 10 && last_prices(&pump.frames).0.values().all(|last| *last == ROUNDS)
    });
    assert!(!pump.notes.iter().any(|note| matches!(note, Note::Gap { .. })), "it is still behind");
    pump.handle.control.set_behind(false);
    pump.until(|pump| pump.notes.iter().any(|note| matches!(note, Note::Gap { .. })));

    let (last, packets) = last_prices(&pump.frames);
    assert_eq!(last, (0..TOKENS).map(|token| (token, ROUNDS)).collect());
    assert!(pump.frames.iter().all(|frame| frame.len() <= 2 + 32 * 10));
    assert_eq!(socket.merged.get(), packets as u64);
    assert_eq!(socket.merged.get() + socket.conflated.get(), u64::from(TOKENS * ROUNDS));
    assert!(socket.conflated.get() > 0 && socket.ticks.get() == 0);
    let told: Vec<u64> = pump
        .notes
        .iter()
        .filter_map(|note| if let Note::Gap { packets, .. } = note { Some(*packets) } else { None })
        .collect();
    assert_eq!((told, all.gaps.get()), (vec![socket.conflated.get()], 1));
    let orders: Vec<Option<i64>> = pump.orders.iter().map(|order| order.filled_quantity).collect();
    assert_eq!(orders, (1..=10).map(|number| Some(number * 20)).collect::<Vec<_>>());
    assert_eq!((all.orders.get(), all.orders_lost.get()), (10, 0));
}

#[test]
fn a_socket_that_is_not_read_empty_in_time_shows_it_by_itself() {
    let (url, go, done) = flood();
    let mut config = settings(&url);
    config.conflate = Duration::ZERO;
    let mut pump = Pump::new(config);
    pump.until(|pump| pump.handle.status.sockets[0].asked.get() == 2);
    go.send(()).unwrap();
    done.recv().unwrap();
    let told = |pump: &Pump| pump.notes.iter().any(|note| matches!(note, Note::Gap { .. }));
    pump.until(|pump| told(pump) && pump.orders.len() == 10);
    let (last, packets) = last_prices(&pump.frames);
    assert!(last.values().all(|last| *last == ROUNDS) && packets < (TOKENS * ROUNDS) as usize);
    let socket = &pump.handle.status.sockets[0];
    assert_eq!(socket.ticks.get() + socket.merged.get(), packets as u64);
    assert_eq!(packets as u64 + socket.conflated.get(), u64::from(TOKENS * ROUNDS));
}

#[test]
fn postbacks_nobody_takes_wait_and_are_told_when_they_are_lost() {
    let url = broker(false, |_, peer| {
        let mut socket = peer.upgrade();
        for number in 1..=20 {
            socket.text(&postback(number));
        }
        socket.binary(&frame(&[ltp(1, 1)]));
        socket.linger();
    });
    let mut pump = Pump::new(settings(&url));
    // Polled without taking anything: eight in the ring, eight wait, four are lost and named.
    let mut seen = false;
    while !seen {
        seen = matches!(
            pitlane_engine::feed::FrameFeed::poll(&mut pump.feed),
            pitlane_engine::feed::FeedItem::Frame { .. }
        );
    }
    pump.until(|pump| pump.orders.len() == 16);
    let ids: Vec<String> = pump.orders.iter().map(|order| order.order_id.clone()).collect();
    assert_eq!(ids, (1..=16).map(|number| number.to_string()).collect::<Vec<_>>());
    let lost: Vec<&Note> = pump.notes.iter().filter(|note| matches!(note, Note::OrderLost { .. })).collect();
    let name = |number: usize| Note::OrderLost { order_id: number.to_string() };
    assert_eq!(lost, [&name(17), &name(18), &name(19), &name(20)]);
    assert_eq!((pump.handle.status.orders.get(), pump.handle.status.orders_lost.get()), (16, 4));
}
