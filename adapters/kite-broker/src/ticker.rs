//! What one socket of the ticker is subscribed to, and the frames it gets.

use crate::json::{object, quoted};
use crate::market::{Market, Newest};
use serde_json::Value;
use std::collections::BTreeMap;

/// Instruments one socket may ask for.
pub const INSTRUMENTS_MAX: usize = 3_000;
/// Sockets an account may have.
pub const SOCKETS_MAX: usize = 3;

/// What packets carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The last price.
    Ltp = 0,
    /// Day figures; what a subscription begins with.
    Quote = 1,
    /// Times, open interest, five levels.
    Full = 2,
}

impl Mode {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "ltp" => Some(Self::Ltp),
            "quote" => Some(Self::Quote),
            "full" => Some(Self::Full),
            _ => None,
        }
    }
}

/// What is sent in answer to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A binary frame.
    Frame(Vec<u8>),
    /// A text.
    Text(String),
}

/// One socket.
#[derive(Clone, Debug, Default)]
pub struct Ticker {
    modes: BTreeMap<u32, Mode>,
}

impl Ticker {
    /// Nothing subscribed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tokens subscribed.
    pub fn len(&self) -> usize {
        self.modes.len()
    }

    /// Whether nothing is subscribed.
    pub fn is_empty(&self) -> bool {
        self.modes.is_empty()
    }

    /// Takes a message. A subscription and a change of mode are answered with the newest packets, which may be old;
    /// `shown` may change them before they are sent.
    pub fn on_text(&mut self, market: &Market, text: &str, shown: impl Fn(&mut Newest)) -> Vec<Reply> {
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            return vec![error("message is no JSON")];
        };
        let tokens = |value: &Value| -> Vec<u32> {
            let each = value.as_array().into_iter().flatten();
            each.filter_map(|token| u32::try_from(token.as_u64()?).ok()).collect()
        };
        let value = &message["v"];
        match message["a"].as_str() {
            Some("subscribe") => self.subscribe(market, &tokens(value), shown),
            Some("unsubscribe") => {
                tokens(value).iter().for_each(|token| _ = self.modes.remove(token));
                Vec::new()
            }
            Some("mode") => match value[0].as_str().and_then(Mode::from_name) {
                Some(mode) => {
                    let mut known = tokens(&value[1]);
                    known.retain(|token| self.modes.contains_key(token));
                    known.iter().for_each(|token| _ = self.modes.insert(*token, mode));
                    self.snapshot(market, &known, shown)
                }
                None => vec![error("unknown mode")],
            },
            _ => vec![error("unknown action")],
        }
    }

    fn subscribe(&mut self, market: &Market, tokens: &[u32], shown: impl Fn(&mut Newest)) -> Vec<Reply> {
        let mut taken = Vec::new();
        for &token in tokens {
            if self.modes.contains_key(&token) || self.modes.len() < INSTRUMENTS_MAX {
                self.modes.entry(token).or_insert(Mode::Quote);
                taken.push(token);
            }
        }
        let mut replies = self.snapshot(market, &taken, shown);
        if taken.len() < tokens.len() {
            replies.push(error(&format!("at most {INSTRUMENTS_MAX} instruments on one connection")));
        }
        replies
    }

    fn snapshot(&self, market: &Market, tokens: &[u32], shown: impl Fn(&mut Newest)) -> Vec<Reply> {
        self.build(market, tokens, shown).map(Reply::Frame).into_iter().collect()
    }

    /// The frame for a socket after these tokens had packets; `None` if it has asked for none of them.
    pub fn on_frame(&self, market: &Market, changed: &[u32]) -> Option<Vec<u8>> {
        self.build(market, changed, |_| {})
    }

    fn build(&self, market: &Market, tokens: &[u32], shown: impl Fn(&mut Newest)) -> Option<Vec<u8>> {
        let mut frame = vec![0, 0];
        let mut count = 0_u16;
        for token in tokens {
            let Some(&mode) = self.modes.get(token) else { continue };
            let Some(newest) = market.of_token(*token).filter(|newest| newest.is_seen()) else { continue };
            let mut newest = *newest;
            shown(&mut newest);
            let packet = newest.packet(mode as usize);
            frame.extend_from_slice(&u16::try_from(packet.len()).expect("at most 184 bytes").to_be_bytes());
            frame.extend_from_slice(packet);
            count += 1;
        }
        frame[..2].copy_from_slice(&count.to_be_bytes());
        (count > 0).then_some(frame)
    }
}

fn error(text: &str) -> Reply {
    Reply::Text(object(|o| {
        o.str("type", "error");
        o.raw("data", &quoted(text));
    }))
}

/// An order update as the ticker sends it.
pub fn order_message(postback: &str) -> String {
    format!("{{\"type\":\"order\",\"data\":{postback}}}")
}
