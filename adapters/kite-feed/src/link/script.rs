//! What a connection says after it came up: subscribe to everything, then set the modes, a batch at a time.

use crate::config::{Mode, Subscription};

/// The messages of one connection. They are made once and said again after every reconnect.
pub(crate) struct Script {
    messages: Vec<String>,
    subscribing: usize,
    next: usize,
    next_at: u64,
    pace: u64,
}

impl Script {
    /// Messages of at most `batch` tokens, `pace` nanoseconds apart.
    pub(crate) fn new(subscriptions: &[Subscription], batch: usize, pace: u64) -> Self {
        let mut messages = Vec::new();
        let all: Vec<u32> = subscriptions.iter().map(|one| one.token).collect();
        for tokens in all.chunks(batch) {
            messages.push(format!(r#"{{"a":"subscribe","v":[{}]}}"#, list(tokens)));
        }
        let subscribing = messages.len();
        // Every mode is set, also the one the broker is said to begin with.
        for mode in Mode::ALL {
            let tokens: Vec<u32> =
                subscriptions.iter().filter(|one| one.mode == mode).map(|one| one.token).collect();
            for tokens in tokens.chunks(batch) {
                messages.push(format!(r#"{{"a":"mode","v":["{}",[{}]]}}"#, mode.name(), list(tokens)));
            }
        }
        Self { messages, subscribing, next: 0, next_at: 0, pace }
    }

    /// Begins anew, the first message at once.
    pub(crate) fn restart(&mut self) {
        (self.next, self.next_at) = (0, 0);
    }

    /// The message to send at `now`, if one is due.
    pub(crate) fn due(&mut self, now: u64) -> Option<&str> {
        if now < self.next_at {
            return None;
        }
        let message = self.messages.get(self.next)?;
        self.next += 1;
        self.next_at = now.saturating_add(self.pace);
        Some(message)
    }

    /// Whether something was subscribed, so that ticks can be expected.
    pub(crate) fn has_asked(&self) -> bool {
        self.next.min(self.subscribing) > 0
    }
}

/// Tokens as numbers: the broker takes no text for them.
fn list(tokens: &[u32]) -> String {
    let texts: Vec<String> = tokens.iter().map(u32::to_string).collect();
    texts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_subscribe_first_then_set_modes_at_their_pace() {
        let list: Vec<Subscription> = (1..=5)
            .map(|token| Subscription { token, mode: if token % 2 == 0 { Mode::Ltp } else { Mode::Full } })
            .collect();
        let mut script = Script::new(&list, 2, 10);
        for _ in 0..2 {
            let mut said = Vec::new();
            assert!(!script.has_asked());
            for now in 0..100 {
                if let Some(message) = script.due(now) {
                    said.push((now, message.to_owned()));
                }
            }
            let expected = [
                (0, r#"{"a":"subscribe","v":[1,2]}"#),
                (10, r#"{"a":"subscribe","v":[3,4]}"#),
                (20, r#"{"a":"subscribe","v":[5]}"#),
                (30, r#"{"a":"mode","v":["ltp",[2,4]]}"#),
                (40, r#"{"a":"mode","v":["full",[1,3]]}"#),
                (50, r#"{"a":"mode","v":["full",[5]]}"#),
            ];
            assert_eq!(said, expected.map(|(now, text)| (now, text.to_owned())));
            assert!(script.has_asked());
            script.restart();
        }
        let mut nothing = Script::new(&[], 2, 10);
        assert_eq!(nothing.due(5), None);
        assert!(!nothing.has_asked());
    }
}
