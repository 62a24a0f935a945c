//! Brokers on loopback, as good or as bad as a test wants them, and a pump that polls a feed against them.

use pitlane_engine::drive::clock::Pace;
use pitlane_engine::feed::{FeedItem, FrameFeed};
use pitlane_engine::units::TsNs;
use pitlane_kite_feed::{
    Credentials, FeedConfig, FeedHandle, LiveFeed, Mode, Note, OrderUpdate, Secret, Subscription, TlsRoots,
    TokenSlot,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use tungstenite::handshake::server::{Request, Response};
use tungstenite::{Bytes, Message, WebSocket};

/// Unix seconds at which the market clock of the tests starts: 2022-06-16, within a session of four hours.
pub const NOW_SECS: u64 = 1_655_378_330;
/// Nothing here takes so long unless it hangs.
const GIVE_UP: Duration = Duration::from_secs(30);

pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// One accepted connection, before the upgrade.
pub struct Peer {
    pub stream: Box<dyn Stream>,
}

/// One upgraded connection.
pub struct Socket {
    pub ws: WebSocket<Box<dyn Stream>>,
    /// Path and query of the upgrade.
    pub uri: String,
}

impl Peer {
    #[allow(clippy::result_large_err, reason = "the library's signature")]
    pub fn upgrade(self) -> Socket {
        let mut uri = String::new();
        let ws = tungstenite::accept_hdr(self.stream, |request: &Request, answer: Response| {
            uri = request.uri().to_string();
            assert_eq!(request.headers()["X-Kite-Version"], "3");
            Ok(answer)
        })
        .expect("a client that upgrades");
        Socket { ws, uri }
    }

    /// Reads the request and answers it with `bytes`.
    pub fn answer(mut self, bytes: &[u8]) -> Box<dyn Stream> {
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") && self.stream.read(&mut byte).unwrap_or(0) > 0 {
            request.push(byte[0]);
        }
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
        self.stream
    }
}

impl Socket {
    pub fn binary(&mut self, bytes: &[u8]) {
        self.ws.send(Message::Binary(Bytes::copy_from_slice(bytes))).unwrap();
    }

    pub fn text(&mut self, text: &str) {
        self.ws.send(Message::text(text)).unwrap();
    }

    /// The next `count` text messages of the client.
    pub fn messages(&mut self, count: usize) -> Vec<String> {
        let mut messages = Vec::new();
        while messages.len() < count {
            if let Message::Text(text) = self.ws.read().unwrap() {
                messages.push(text.to_string());
            }
        }
        messages
    }

    /// Reads until the client is gone.
    pub fn linger(mut self) {
        while self.ws.read().is_ok() {}
    }
}

/// A certificate of this machine, and the configuration of a server that has it.
fn identity() -> &'static (Vec<u8>, Arc<ServerConfig>) {
    static IDENTITY: OnceLock<(Vec<u8>, Arc<ServerConfig>)> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        (made.cert.der().to_vec(), Arc::new(config))
    })
}

/// Serves each connection on a thread of its own with `serve(number, peer)`; the address.
pub fn broker(tls: bool, serve: impl Fn(usize, Peer) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let stream: TcpStream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            let stream: Box<dyn Stream> = if tls {
                let connection = ServerConnection::new(Arc::clone(&identity().1)).unwrap();
                Box::new(StreamOwned::new(connection, stream))
            } else {
                Box::new(stream)
            };
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(number, Peer { stream }));
        }
    });
    format!("{}://{address}", if tls { "wss" } else { "ws" })
}

/// Settings for a broker on loopback: impatient, and trusting its certificate.
pub fn config(url: &str, tokens: &[(u32, Mode)]) -> FeedConfig {
    let list = tokens.iter().map(|(token, mode)| Subscription { token: *token, mode: *mode }).collect();
    let start = NOW_SECS * 1_000_000_000;
    let session = (TsNs(start - 3_600_000_000_000), TsNs(start + 3 * 3_600_000_000_000));
    let mut config = FeedConfig::new(list, vec![session]);
    url.clone_into(&mut config.url);
    config.roots = TlsRoots::Only(vec![identity().0.clone()]);
    config.pace = Duration::from_millis(2);
    config.backoff_first = Duration::from_millis(2);
    config.backoff_cap = Duration::from_millis(20);
    config
}

pub fn credentials(token: &str) -> Credentials {
    Credentials { api_key: "key".to_owned(), access_token: Secret::new(token) }
}

/// A feed with everything it has given so far.
pub struct Pump {
    pub feed: LiveFeed,
    pub handle: FeedHandle,
    pub tokens: Arc<TokenSlot>,
    pub frames: Vec<Vec<u8>>,
    pub notes: Vec<Note>,
    pub orders: Vec<OrderUpdate>,
    pub refused: usize,
    pub closed: bool,
    newest: TsNs,
}

impl Pump {
    pub fn new(config: FeedConfig) -> Self {
        let tokens = Arc::new(TokenSlot::new(credentials("tok/en")));
        Self::with(config, tokens)
    }

    pub fn with(config: FeedConfig, tokens: Arc<TokenSlot>) -> Self {
        let clock = Pace::new(TsNs(NOW_SECS * 1_000_000_000), 1.0);
        let (feed, handle) = LiveFeed::new(config, clock, Arc::clone(&tokens)).unwrap();
        let (frames, notes, orders) = (Vec::new(), Vec::new(), Vec::new());
        Self { feed, handle, tokens, frames, notes, orders, refused: 0, closed: false, newest: TsNs::ZERO }
    }

    /// Polls once, and collects.
    pub fn poll(&mut self) {
        match self.feed.poll() {
            FeedItem::Frame { received, bytes } => {
                assert!(received >= self.newest, "frames are stamped in order");
                self.newest = received;
                self.frames.push(bytes.to_vec());
            }
            FeedItem::Refused(_) => self.refused += 1,
            FeedItem::Closed => self.closed = true,
            FeedItem::Quiet => std::thread::yield_now(),
            FeedItem::Pending => panic!("a live feed does not block the sequencer"),
        }
        self.notes.extend(std::iter::from_fn(|| self.handle.notes.pop().ok()));
        self.orders.extend(std::iter::from_fn(|| self.handle.orders.pop().ok()));
    }

    /// Polls until `done`.
    pub fn until(&mut self, done: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            self.poll();
            assert!(start.elapsed() < GIVE_UP, "hangs after {:?}, {} frames", self.notes, self.frames.len());
        }
    }

    /// Polls `count` times.
    pub fn times(&mut self, count: usize) {
        for _ in 0..count {
            self.poll();
        }
    }

    pub fn connects(&self) -> usize {
        self.notes.iter().filter(|note| matches!(note, Note::Connected { .. })).count()
    }

    /// Why connections were lost, in order.
    pub fn losses(&self) -> Vec<pitlane_kite_feed::Lost> {
        let why = |note: &Note| match note {
            Note::Lost { why, .. } => Some(*why),
            _ => None,
        };
        self.notes.iter().filter_map(why).collect()
    }
}

/// A list that a broker's threads and a test share.
pub type Shared<T> = Arc<Mutex<Vec<T>>>;

pub fn ltp(token: u32, last: u32) -> Vec<u8> {
    [token.to_be_bytes(), last.to_be_bytes()].concat()
}

/// A full packet with nothing but a price and a time.
pub fn full(token: u32, last: u32, secs: u64) -> Vec<u8> {
    let mut packet = ltp(token, last);
    packet.resize(184, 0);
    packet[60..64].copy_from_slice(&u32::try_from(secs).unwrap().to_be_bytes());
    packet
}

pub fn frame(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut frame = u16::try_from(packets.len()).unwrap().to_be_bytes().to_vec();
    for packet in packets {
        frame.extend_from_slice(&u16::try_from(packet.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(packet);
    }
    frame
}

pub fn postback(number: usize) -> String {
    format!(
        r#"{{"type":"order","data":{{"order_id":"{number}","status":"UPDATE","filled_quantity":{number}}}}}"#
    )
}
