//! A broker in the test's own thread: what it sends is in the feed's socket before the feed is polled.

use crate::server::{Pump, Stream, broker, config};
use pitlane_engine::feed::{FeedItem, FrameFeed};
use pitlane_kite_feed::{LiveFeed, Mode};
use std::io::Write;
use std::sync::Mutex;
use std::sync::mpsc::channel;

/// Polls without a frame after which something is wrong.
pub const POLLS_MAX: u64 = 20_000_000;

/// A live feed of one connection, and the broker's end of it.
pub struct Wire {
    pub pump: Pump,
    end: Box<dyn Stream>,
}

impl Wire {
    pub fn new(tls: bool, tokens: &[(u32, Mode)]) -> Self {
        let (give, take) = channel();
        let give = Mutex::new(give);
        let messages = tokens.len().div_ceil(200) * 2;
        let url = broker(tls, move |_, peer| {
            let mut socket = peer.upgrade();
            socket.messages(messages);
            give.lock().unwrap().send(socket.ws.into_inner()).unwrap();
        });
        let mut settings = config(&url, tokens);
        settings.withhold_untimed = false;
        // Nothing but what is measured: no watchdog, no conflation because this thread had to wait for a cpu.
        settings.sessions.clear();
        settings.conflate = std::time::Duration::from_secs(3_600);
        let mut pump = Pump::new(settings);
        let end = loop {
            pump.poll();
            if let Ok(end) = take.try_recv() {
                break end;
            }
        };
        Self { pump, end }
    }

    /// Sends bytes that were framed before.
    pub fn send(&mut self, bytes: &[u8]) {
        self.end.write_all(bytes).unwrap();
        self.end.flush().unwrap();
    }
}

/// Polls until a frame comes; its length. Panics if none does for so many polls.
pub fn next_frame(feed: &mut LiveFeed) -> usize {
    for _ in 0..POLLS_MAX {
        if let FeedItem::Frame { bytes, .. } = feed.poll() {
            return bytes.len();
        }
    }
    panic!("no frame in {POLLS_MAX} polls");
}

/// A binary message as a server sends it.
pub fn message(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x82];
    match payload.len() {
        length @ ..126 => bytes.push(length as u8),
        length @ ..65_536 => {
            bytes.push(126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}
