//! What goes wrong: fills out of order, sockets that end, order updates that come as they should not.

use super::{Inner, Out};
use crate::faults::{Fault, Happens};
use crate::state::Did;
use pitlane_engine::units::Qty;
use pitlane_kite_broker::ticker::order_message;
use pitlane_kite_broker::{Request, Response};
use std::net::Shutdown;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Inner {
    pub(super) fn nudge(&mut self, order: &str, quantity: Option<i64>) {
        let Some(open) = self.broker.orders().get(order).map(|order| order.open().0) else { return };
        let quantity = quantity.unwrap_or(open / 2).min(open);
        if quantity > 0 {
            self.note(&Did::Nudge { order: order.to_owned(), quantity });
            self.broker.nudge(order, Qty(quantity));
        }
    }

    /// Fills a part of the order that a cancel is about to reach.
    pub(super) fn fill_first(&mut self, request: &Request<'_>, happens: &Happens) {
        let order = request.path.rsplit('/').next().unwrap_or("").to_owned();
        self.nudge(&order, happens.quantity);
    }

    /// Fills a part of the order that was just placed or changed.
    pub(super) fn fill_after(&mut self, response: &Response, happens: &Happens) {
        let body: serde_json::Value = serde_json::from_str(&response.body).unwrap_or_default();
        if let Some(order) = body["data"]["order_id"].as_str() {
            self.nudge(order, happens.quantity);
        }
    }

    /// Something goes wrong by itself.
    pub(super) fn strike(&mut self, happens: &Happens, wall: u64) {
        match happens.fault {
            Fault::DropSockets => self.drop_sockets(),
            Fault::HalfOpenSockets => {
                self.clients.iter().for_each(|client| client.flags.muted.store(true, Ordering::Relaxed));
            }
            Fault::Freeze => {
                let after = u64::try_from(happens.after_or(60_000).as_nanos()).unwrap_or(u64::MAX);
                self.frozen_until = wall.saturating_add(after);
            }
            Fault::TokenDead => {
                self.note(&Did::KillToken);
                self.broker.kill_token();
                self.drop_sockets();
            }
            Fault::Amnesia => {
                self.note(&Did::Forget);
                self.broker.forget();
                self.drop_sockets();
            }
            _ => {}
        }
    }

    pub(super) fn drop_sockets(&mut self) {
        for client in self.clients.drain(..) {
            _ = client.stream.shutdown(Shutdown::Both);
        }
    }

    /// Sends the order updates that are due, as the rules for them say.
    pub(super) fn dispatch(&mut self, wall: u64) {
        let now = self.now;
        for text in self.broker.take_postbacks() {
            let happens = self.faults.decide("postback", now);
            match happens.map(|happens| happens.fault) {
                Some(Fault::Lose) => {}
                Some(Fault::Delay) => {
                    let after = happens.map_or(Duration::ZERO, |happens| happens.after_or(1_000));
                    self.delayed
                        .push((wall.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(0)), text));
                }
                Some(Fault::Swap) if self.swapped.is_none() => self.swapped = Some(text),
                what => {
                    self.tell(&text, wall);
                    if what == Some(Fault::Twice) {
                        self.tell(&text, wall);
                    }
                    if let Some(earlier) = self.swapped.take() {
                        self.tell(&earlier, wall);
                    }
                }
            }
        }
        while let Some(at) = self.delayed.iter().position(|(due, _)| *due <= wall) {
            let (_, text) = self.delayed.remove(at);
            self.tell(&text, wall);
        }
    }

    pub(super) fn tell(&mut self, postback: &str, wall: u64) {
        let text = order_message(postback);
        self.clients.iter_mut().for_each(|client| client.send(Out::Text(text.clone()), wall));
    }
}

/// The broker's error with a status of its own.
pub(super) fn failure(status: u16) -> Response {
    let kind = match status {
        429 | 503 => "NetworkException",
        502 | 504 => "DataException",
        403 => "TokenException",
        400 => "InputException",
        _ => "GeneralException",
    };
    let message = if status == 429 { "Too many requests" } else { "Something went wrong. Please try again." };
    let body =
        format!("{{\"status\":\"error\",\"message\":\"{message}\",\"data\":null,\"error_type\":\"{kind}\"}}");
    Response { status, content_type: "application/json", body }
}

/// What a proxy in front of the broker answers.
pub(super) fn page(status: u16) -> Response {
    let body = format!(
        "<html><head><title>{status}</title></head><body><h1>{status} Bad Gateway</h1></body></html>"
    );
    Response { status, content_type: "text/html", body }
}
