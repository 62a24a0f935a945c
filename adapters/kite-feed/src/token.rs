//! Credentials, and how a new access token reaches the feed: tokens die about six every morning.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, to be sent and nothing else.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What the ticker asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The application's key.
    pub api_key: String,
    /// The day's access token.
    pub access_token: Secret,
}

impl Credentials {
    /// The query of the ticker's address.
    pub(crate) fn query(&self) -> String {
        let (key, token) = (encode(&self.api_key), encode(self.access_token.expose()));
        format!("api_key={key}&access_token={token}")
    }
}

/// Percent-encodes what is not unreserved (RFC 3986, 2.3).
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Where the newest credentials lie. Whoever has them sets them; the feed takes them when it connects.
#[derive(Debug, Default)]
pub struct TokenSlot {
    /// How often it was set; 0 = never.
    generation: AtomicU64,
    credentials: Mutex<Option<Credentials>>,
}

impl TokenSlot {
    /// A slot with these credentials.
    pub fn new(credentials: Credentials) -> Self {
        let slot = Self::default();
        slot.set(credentials);
        slot
    }

    /// Sets credentials. The same ones again are no new token: a feed whose token was refused goes on waiting.
    pub fn set(&self, credentials: Credentials) {
        let mut place = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        if place.as_ref() != Some(&credentials) {
            *place = Some(credentials);
            // Release: who sees the number finds at least these credentials.
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// Which credentials lie here; changes with each new ones.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The credentials and their generation.
    pub(crate) fn get(&self) -> Option<(u64, Credentials)> {
        let place = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        place.clone().map(|credentials| (self.generation(), credentials))
    }
}

/// A helper thread that asks for credentials again and again; ends when this is dropped.
pub struct TokenWatch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Calls `read` on a helper thread every `every` (a token file, say) and puts what it finds into `slot`.
///
/// Fails if the system gives no thread.
pub fn watch(
    slot: Arc<TokenSlot>,
    every: Duration,
    mut read: impl FnMut() -> Option<Credentials> + Send + 'static,
) -> std::io::Result<TokenWatch> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = std::thread::Builder::new().name("token-watch".to_owned()).spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            if let Some(credentials) = read() {
                slot.set(credentials);
            }
            std::thread::park_timeout(every);
        }
    })?;
    Ok(TokenWatch { stop, thread: Some(thread) })
}

impl Drop for TokenWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A reader that panicked has said so; there is nothing to save.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(token: &str) -> Credentials {
        Credentials { api_key: "k&y".to_owned(), access_token: Secret::new(token) }
    }

    #[test]
    fn secrets_are_not_shown_and_queries_are_encoded() {
        let found = credentials("a+b/é=");
        assert_eq!(found.query(), "api_key=k%26y&access_token=a%2Bb%2F%C3%A9%3D");
        assert!(!format!("{found:?} {:?}", TokenSlot::new(found.clone())).contains("a+b"));
    }

    #[test]
    fn only_other_credentials_are_new() {
        let slot = TokenSlot::default();
        assert_eq!((slot.generation(), slot.get()), (0, None));
        slot.set(credentials("one"));
        slot.set(credentials("one"));
        assert_eq!(slot.get(), Some((1, credentials("one"))));
        slot.set(credentials("two"));
        assert_eq!(slot.get(), Some((2, credentials("two"))));
    }

    #[test]
    fn a_watch_brings_what_it_finds() {
        let slot = Arc::new(TokenSlot::default());
        let mut calls = 0;
        let watch = watch(Arc::clone(&slot), Duration::from_millis(1), move || {
            calls += 1;
            (calls > 3).then(|| credentials("late"))
        });
        while slot.generation() == 0 {
            std::thread::yield_now();
        }
        drop(watch.unwrap());
        assert_eq!(slot.get(), Some((1, credentials("late"))));
    }
}
