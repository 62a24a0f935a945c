//! The market passes: frames when their time has come, or as fast as sockets take them.

use super::{Client, Inner, Out};
use pitlane_engine::feed::FeedItem;
use pitlane_engine::units::TsNs;
use std::sync::atomic::Ordering;

/// Frames waiting for a socket above which packets are left out: the client is too slow.
const WAITING_MAX: usize = 20_000;
/// Frames waiting for a socket above which a market without a clock waits.
const WAITING_WELL: usize = 500;
/// Frames played under one lock when the market has no clock.
const AT_ONCE: usize = 200;

impl Inner {
    /// Plays the market up to `now`.
    pub(super) fn play(&mut self, now: TsNs) {
        while let Some(received) = self.peek().filter(|received| *received <= now) {
            self.frame(received);
        }
        self.now = self.now.max(now);
        if self.broker.advance(self.now) {
            self.drop_sockets();
        }
    }

    /// Plays a piece of a market without a clock, as far as sockets keep up; at its end the session ends.
    pub(super) fn play_at_once(&mut self, base: TsNs, wall: u64) {
        self.now = self.now.max(base);
        if self.begins.is_none_or(|begins| wall < begins) {
            return;
        }
        for _ in 0..AT_ONCE {
            let slow = |client: &Client| client.flags.waiting.load(Ordering::Relaxed) > WAITING_WELL;
            if self.clients.iter().any(slow) {
                return;
            }
            match self.peek() {
                Some(received) => self.frame(received),
                None => return self.play(self.broker.plan().times.end),
            }
        }
    }

    /// The time of the next frame.
    pub(super) fn peek(&mut self) -> Option<TsNs> {
        while self.head.is_none() && !self.closed {
            match self.feed.poll() {
                FeedItem::Frame { received, bytes } => self.head = Some((received, bytes.to_vec())),
                FeedItem::Closed => self.closed = true,
                // Rows that cannot be used, which an import would keep as dead letters.
                _ => {}
            }
        }
        self.head.as_ref().map(|head| head.0)
    }

    pub(super) fn frame(&mut self, received: TsNs) {
        let Some((_, bytes)) = self.head.take() else { return };
        self.now = self.now.max(received);
        let frame = self.broker.frame(self.now, &bytes);
        let wall = self.wall;
        if wall < self.frozen_until {
            return;
        }
        for client in &mut self.clients {
            let Some(bytes) = client.ticker.on_frame(self.broker.market(), &frame.changed) else { continue };
            client.stale = None;
            if client.flags.waiting.load(Ordering::Relaxed) > WAITING_MAX {
                self.left_out += 1;
            } else {
                client.send(Out::Binary(bytes), wall);
            }
        }
    }
}
