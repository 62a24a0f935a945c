//! What becomes of the frames of one socket.

use super::{LiveFeed, Turn};
use crate::fresh::Verdict;
use crate::note::Note;
use crate::order::OrderUpdate;
use crate::sift::{Left, sift, word};
use crate::status::SocketStatus;
use crate::text::Text;
use tungstenite::Bytes;

/// Lengths of the packets that some mode has; the decoder refuses all others, and so they go on to it.
const LAYOUTS: [usize; 5] = [8, 28, 32, 44, 184];

/// What a frame's packets came to.
#[derive(Default)]
struct Tally {
    packets: u64,
    kept: u64,
    stale: u64,
    merged: u64,
    replaced: u64,
}

impl Tally {
    fn count(&self, socket: &SocketStatus) {
        socket.packets.add(self.packets);
        socket.ticks.add(self.kept);
        socket.stale.add(self.stale);
        socket.merged.add(self.merged - self.replaced);
        socket.conflated.add(self.replaced);
    }
}

impl LiveFeed {
    /// A binary frame: a heartbeat, or market data of which the old is withheld and, when the pipeline is slow, the rest
    /// waits.
    pub(super) fn binary(&mut self, index: usize, bytes: Bytes, now: u64) -> Option<Turn> {
        let received = self.clock.now();
        let link = &mut self.links[index];
        let socket = &self.status.sockets[index];
        socket.frames.add(1);
        socket.last_frame.set(received.0);
        if bytes.len() < 2 {
            link.watchdog.frame(now);
            if bytes.len() == 1 {
                socket.heartbeats.add(1);
                if !self.config.in_session(received) {
                    link.proved();
                }
                return None;
            }
            // Not even a heartbeat: the decoder says so.
            self.held = Some(bytes);
            return Some(Turn::Held(received));
        }
        link.watchdog.data(now);
        link.proved();
        let slow = link
            .unread_since
            .is_some_and(|since| now.saturating_sub(since) > super::nanos(self.config.conflate));
        if slow && !self.conflation.active() {
            self.conflation.begin(received);
        }
        let conflating = self.conflation.active();
        let now_secs = received.0 / 1_000_000_000;
        let (table, fresh, conflation) = (&self.table, &mut self.fresh, &mut self.conflation);
        let (witness, mut lead, mut news) = (&mut self.witness, None, false);
        let mut tally = Tally::default();
        let left = sift(&bytes, &mut self.out, |packet| {
            tally.packets += 1;
            let known = LAYOUTS.contains(&packet.len()).then(|| table.find(word(packet, 0))).flatten();
            if let Some(place) = known {
                if witness.is_news(place, packet) {
                    news = true;
                    lead = witness.judge(packet, now_secs).or(lead);
                }
                if fresh.judge(place, packet, now_secs) == Verdict::Stale {
                    tally.stale += 1;
                    return false;
                }
                if conflating && let Some(replaced) = conflation.put(place, packet) {
                    tally.merged += 1;
                    tally.replaced += u64::from(replaced);
                    return false;
                }
            }
            tally.kept += 1;
            true
        });
        if news {
            link.watchdog.news();
        }
        if let Some(lead) = lead {
            self.status.set_exchange_lead(lead);
        }
        tally.count(socket);
        link.withheld += tally.stale;
        link.kept += tally.kept + tally.merged;
        match left {
            Left::Whole => {
                self.held = Some(bytes);
                Some(Turn::Held(received))
            }
            Left::Part => Some(Turn::Made(received)),
            Left::Nothing => None,
        }
    }

    /// A text frame.
    pub(super) fn text(&mut self, index: usize, text: &str) {
        let received = self.clock.now();
        let socket = &self.status.sockets[index];
        socket.texts.add(1);
        socket.last_frame.set(received.0);
        match self.reader.read(text, received) {
            Ok(Text::Order(update)) => self.order(*update),
            Ok(Text::Error(notice)) => {
                let notice = self.without_secrets(notice);
                self.note(Note::BrokerError(notice));
            }
            Ok(Text::Message(notice)) => {
                let notice = self.without_secrets(notice);
                self.note(Note::BrokerMessage(notice));
            }
            Ok(Text::Other) => self.status.texts_other.add(1),
            Err(why) => {
                self.status.texts_refused.add(1);
                let why = self.without_secrets(why.to_string());
                self.note(Note::TextRefused(why));
            }
        }
    }

    /// Hands an order postback on. None is merged or dropped while there is any room.
    fn order(&mut self, update: OrderUpdate) {
        if !self.waiting.is_empty() {
            return self.wait(update);
        }
        match self.orders.push(update) {
            Ok(()) => self.status.orders.add(1),
            Err(rtrb::PushError::Full(update)) => self.wait(update),
        }
    }

    fn wait(&mut self, update: OrderUpdate) {
        if self.waiting.len() < self.config.orders {
            return self.waiting.push_back(update);
        }
        self.status.orders_lost.add(1);
        self.note(Note::OrderLost { order_id: update.order_id });
    }

    /// A broker's text may repeat what it was sent; notes are shown and kept.
    fn without_secrets(&self, text: String) -> String {
        let Some((_, credentials)) = self.tokens.get() else { return text };
        let secret = credentials.access_token.expose();
        if secret.is_empty() { text } else { text.replace(secret, "(secret)") }
    }
}
