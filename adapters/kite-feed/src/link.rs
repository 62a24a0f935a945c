//! One connection: from the name to live, its subscription, and back.
//!
//! Nothing blocks: each step does what can be done now and says where it stands. Whoever owns the link calls `advance`
//! when the socket became ready and every now and then.

mod script;

use crate::backoff::Backoff;
use crate::config::{Endpoint, FeedConfig, nanos};
use crate::note::Lost;
use crate::resolve::Resolver;
use crate::socket::{Socket, Tls, TlsStream};
use crate::status::LinkState;
use crate::token::{Credentials, TokenSlot};
use crate::watchdog::Watchdog;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use script::Script;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::ops::Range;
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::MidHandshake;
use tungstenite::handshake::client::Request;
use tungstenite::http::HeaderValue;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Bytes, ClientHandshake, Error, HandshakeError, Message, Utf8Bytes, WebSocket};

/// Bytes asked of the socket at once. Small, because the buffer is cleared before every read: with the library's
/// default of 128 KiB one read costs seven times as much.
const READ_BYTES: usize = 4_096;
/// The answer to an upgrade that says the access token is dead.
const FORBIDDEN: u16 = 403;

/// What links share for connecting.
pub(crate) struct Shore<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) tls: Option<&'a Tls>,
    pub(crate) registry: &'a Registry,
    pub(crate) tokens: &'a TokenSlot,
    /// Generation of the token that the broker refused; 0 = none.
    pub(crate) refused: u64,
    pub(crate) resolver: &'a Resolver,
}

/// What happened to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is live.
    Up,
    /// It is not, or not any more.
    Lost { why: Lost, retry: u64 },
    /// The broker refused the token of this generation.
    Refused(u64),
}

/// What a live link had to say.
pub(crate) enum Read {
    /// A binary frame.
    Binary(Bytes),
    /// A text frame.
    Text(Utf8Bytes),
    /// A ping or pong.
    Sign,
    /// Nothing more now.
    Nothing,
    /// The connection is over.
    Over(Lost),
}

enum Stage {
    Off { until: u64 },
    NeedToken,
    Resolving,
    Connecting { stream: TcpStream, rest: Vec<SocketAddr> },
    Tls(Box<TlsStream>),
    Upgrade(Box<MidHandshake<ClientHandshake<Socket>>>),
    Live(Box<WebSocket<Socket>>),
    Closed,
}

/// Where a step leads.
enum Step {
    /// Nothing more can be done now.
    Stay(Stage),
    /// On at once.
    Next(Stage),
    /// The upgrade is done.
    Up(Box<WebSocket<Socket>>),
    /// The attempt failed.
    Fail(Lost),
    /// The broker refused the token.
    Refused,
}

/// One connection and what it carries.
pub(crate) struct Link {
    index: usize,
    /// Places of its instruments in the subscription list.
    pub(crate) places: Range<usize>,
    stage: Stage,
    /// End of the time for connecting.
    deadline: u64,
    connect: u64,
    frame_bytes: usize,
    backoff: Backoff,
    attempt: u64,
    generation: u64,
    credentials: Option<Credentials>,
    script: Script,
    pub(crate) watchdog: Watchdog,
    /// The socket may have something to read.
    pub(crate) readable: bool,
    unflushed: bool,
    /// Since when the socket was not read empty.
    pub(crate) unread_since: Option<u64>,
    /// When it went live, in what it carried since, and whether that all was old has been told.
    pub(crate) live_since: u64,
    pub(crate) kept: u64,
    pub(crate) withheld: u64,
    pub(crate) told_stale: bool,
}

impl Link {
    /// A link that starts to connect when it is first advanced.
    pub(crate) fn new(index: usize, places: Range<usize>, config: &FeedConfig) -> Self {
        let seed = config.seed.wrapping_add((index as u64).wrapping_mul(0xd1b5_4a32_d192_ed03));
        Self {
            index,
            stage: Stage::Off { until: 0 },
            deadline: 0,
            connect: nanos(config.connect),
            frame_bytes: config.frame_bytes,
            backoff: Backoff::new(nanos(config.backoff_first), nanos(config.backoff_cap), seed),
            attempt: 0,
            generation: 0,
            credentials: None,
            script: Script::new(&config.subscriptions[places.clone()], config.batch, nanos(config.pace)),
            watchdog: Watchdog::new(config.limits(), 0),
            readable: false,
            unflushed: false,
            unread_since: None,
            live_since: 0,
            kept: 0,
            withheld: 0,
            told_stale: false,
            places,
        }
    }

    /// Where it stands.
    pub(crate) fn state(&self) -> LinkState {
        match &self.stage {
            Stage::Off { .. } => LinkState::BackingOff,
            Stage::NeedToken => LinkState::NeedToken,
            Stage::Resolving => LinkState::Resolving,
            Stage::Connecting { .. } => LinkState::Connecting,
            Stage::Tls(_) => LinkState::Tls,
            Stage::Upgrade(_) => LinkState::Upgrade,
            Stage::Live(_) => LinkState::Live,
            Stage::Closed => LinkState::Closed,
        }
    }

    /// Whether it is live.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.stage, Stage::Live(_))
    }

    /// Whether the broker has been asked for ticks since it went live.
    pub(crate) fn has_asked(&self) -> bool {
        self.script.has_asked()
    }

    /// Does what can be done at `now` towards being live.
    pub(crate) fn advance(&mut self, now: u64, shore: &Shore<'_>) -> Option<Change> {
        let connecting =
            !matches!(self.stage, Stage::Off { .. } | Stage::NeedToken | Stage::Live(_) | Stage::Closed);
        if connecting && now > self.deadline {
            return Some(self.lose(Lost::Slow, now));
        }
        loop {
            let step = match std::mem::replace(&mut self.stage, Stage::Closed) {
                Stage::Off { until } if now >= until => self.start(now, shore),
                Stage::NeedToken if shore.tokens.generation() != self.generation => self.start(now, shore),
                Stage::Connecting { stream, rest } => self.connected(stream, rest, shore),
                Stage::Tls(stream) => self.secured(stream, shore),
                Stage::Upgrade(middle) => upgraded(middle.handshake()),
                other => Step::Stay(other),
            };
            match step {
                Step::Next(stage) => self.stage = stage,
                Step::Stay(stage) => {
                    self.stage = stage;
                    return None;
                }
                Step::Up(socket) => {
                    self.go_live(socket, now);
                    return Some(Change::Up);
                }
                Step::Fail(why) => return Some(self.lose(why, now)),
                Step::Refused => {
                    self.stage = Stage::NeedToken;
                    return Some(Change::Refused(self.generation));
                }
            }
        }
    }

    /// The addresses this link asked for in its attempt `attempt` have come.
    pub(crate) fn resolved(
        &mut self,
        attempt: u64,
        addresses: Vec<SocketAddr>,
        now: u64,
        shore: &Shore<'_>,
    ) -> Option<Change> {
        if attempt != self.attempt || !matches!(self.stage, Stage::Resolving) {
            return None;
        }
        match self.dial(self.rotated(addresses), Lost::Resolve, shore) {
            Step::Next(stage) => self.stage = stage,
            _ => return Some(self.lose(Lost::Resolve, now)),
        }
        None
    }

    /// Gives the connection up, to be tried again after a while.
    pub(crate) fn lose(&mut self, why: Lost, now: u64) -> Change {
        let retry = self.backoff.next();
        self.stage = Stage::Off { until: now.saturating_add(retry) };
        self.credentials = None;
        self.readable = false;
        self.unread_since = None;
        Change::Lost { why, retry }
    }

    /// The broker has sent something of use: the next loss is tried again at once, as it were.
    pub(crate) fn proved(&mut self) {
        self.backoff.reset();
    }

    /// Says goodbye as far as that goes without waiting, and stays closed.
    pub(crate) fn close(&mut self) {
        if let Stage::Live(socket) = &mut self.stage {
            // What cannot be sent at once is not sent: the broker sees the socket close all the same.
            let _ = socket.close(None);
        }
        self.stage = Stage::Closed;
        self.readable = false;
    }

    /// Reads what a live connection has.
    pub(crate) fn read(&mut self, now: u64) -> Read {
        let Stage::Live(socket) = &mut self.stage else {
            self.readable = false;
            return Read::Nothing;
        };
        match socket.read() {
            Ok(Message::Binary(bytes)) => {
                self.unread_since.get_or_insert(now);
                Read::Binary(bytes)
            }
            Ok(Message::Text(text)) => Read::Text(text),
            Ok(Message::Close(_)) => {
                // The library answers the close; a failure changes nothing any more.
                let _ = socket.flush();
                Read::Over(Lost::Closed)
            }
            Ok(Message::Ping(_)) => self.flush().map_or(Read::Sign, Read::Over),
            Ok(Message::Pong(_) | Message::Frame(_)) => Read::Sign,
            Err(Error::Io(why)) if why.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                self.unread_since = None;
                Read::Nothing
            }
            Err(why) => Read::Over(classify(&why)),
        }
    }

    /// Sends what is due of the subscription, and what could not be sent before. How many messages, or the end.
    pub(crate) fn speak(&mut self, now: u64) -> Result<u64, Lost> {
        let Stage::Live(socket) = &mut self.stage else { return Ok(0) };
        let mut said = 0;
        if !self.unflushed
            && let Some(message) = self.script.due(now)
        {
            match socket.write(Message::text(message)) {
                Ok(()) => {}
                Err(Error::Io(why)) if why.kind() == ErrorKind::WouldBlock => {}
                Err(why) => return Err(classify(&why)),
            }
            (self.unflushed, said) = (true, 1);
        }
        if self.unflushed { self.flush().map_or(Ok(said), Err) } else { Ok(said) }
    }

    /// Sends what waits; what does not fit waits on.
    fn flush(&mut self) -> Option<Lost> {
        let Stage::Live(socket) = &mut self.stage else { return None };
        match socket.flush() {
            Ok(()) => {
                self.unflushed = false;
                None
            }
            Err(Error::Io(why)) if why.kind() == ErrorKind::WouldBlock => {
                self.unflushed = true;
                None
            }
            Err(why) => Some(classify(&why)),
        }
    }

    fn go_live(&mut self, socket: Box<WebSocket<Socket>>, now: u64) {
        self.stage = Stage::Live(socket);
        self.credentials = None;
        self.script.restart();
        self.watchdog.restart(now);
        // The upgrade may have read more than its answer.
        self.readable = true;
        self.unflushed = false;
        self.unread_since = None;
        self.live_since = now;
        (self.kept, self.withheld, self.told_stale) = (0, 0, false);
    }

    /// Begins an attempt, if there is a token that may live.
    fn start(&mut self, now: u64, shore: &Shore<'_>) -> Step {
        let Some((generation, credentials)) = shore.tokens.get() else {
            self.generation = 0;
            return Step::Stay(Stage::NeedToken);
        };
        self.generation = generation;
        if generation == shore.refused {
            return Step::Stay(Stage::NeedToken);
        }
        self.credentials = Some(credentials);
        self.deadline = now.saturating_add(self.connect);
        self.attempt += 1;
        match shore.resolver.ask(self.index, self.attempt) {
            Some(addresses) => self.dial(self.rotated(addresses), Lost::Resolve, shore),
            None => Step::Stay(Stage::Resolving),
        }
    }

    /// Each attempt begins with another address: one that swallows everything must not cost every attempt its time.
    fn rotated(&self, mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
        if !addresses.is_empty() {
            let by = usize::try_from(self.attempt.saturating_sub(1)).unwrap_or(0) % addresses.len();
            addresses.rotate_left(by);
        }
        addresses
    }

    /// Connects to the first of `addresses` that can be tried; `none` says what it means that there is none.
    fn dial(&self, mut addresses: Vec<SocketAddr>, none: Lost, shore: &Shore<'_>) -> Step {
        while !addresses.is_empty() {
            let address = addresses.remove(0);
            let Ok(mut stream) = TcpStream::connect(address) else { continue };
            let interest = Interest::READABLE | Interest::WRITABLE;
            if shore.registry.register(&mut stream, Token(self.index), interest).is_ok() {
                return Step::Next(Stage::Connecting { stream, rest: addresses });
            }
        }
        Step::Fail(none)
    }

    fn connected(&mut self, stream: TcpStream, rest: Vec<SocketAddr>, shore: &Shore<'_>) -> Step {
        if !matches!(stream.take_error(), Ok(None)) {
            return self.dial(rest, Lost::Connect, shore);
        }
        match stream.peer_addr() {
            Ok(_) => {}
            Err(why) if why.kind() == ErrorKind::NotConnected => {
                return Step::Stay(Stage::Connecting { stream, rest });
            }
            Err(_) => return self.dial(rest, Lost::Connect, shore),
        }
        // Subscriptions and pongs are small and urgent; a system that refuses this only makes them later.
        let _ = stream.set_nodelay(true);
        match shore.tls {
            None => self.upgrade(Socket::Plain(stream), shore),
            Some(tls) => {
                tls.begin(stream).map_or(Step::Fail(Lost::Tls), |stream| Step::Next(Stage::Tls(stream)))
            }
        }
    }

    fn secured(&mut self, mut stream: Box<TlsStream>, shore: &Shore<'_>) -> Step {
        while stream.conn.is_handshaking() {
            match stream.conn.complete_io(&mut stream.sock) {
                Ok(_) => {}
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Step::Stay(Stage::Tls(stream)),
                Err(_) => return Step::Fail(Lost::Tls),
            }
        }
        self.upgrade(Socket::Tls(stream), shore)
    }

    fn upgrade(&mut self, socket: Socket, shore: &Shore<'_>) -> Step {
        let Some(credentials) = self.credentials.take() else { return Step::Fail(Lost::Upgrade) };
        let Some(request) = request(shore.endpoint, &credentials) else { return Step::Fail(Lost::Upgrade) };
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .max_message_size(Some(self.frame_bytes))
            .max_frame_size(Some(self.frame_bytes));
        upgraded(tungstenite::client::client_with_config(request, socket, Some(config)))
    }
}

/// The upgrade's request. `None` if the credentials cannot stand in an address.
fn request(endpoint: &Endpoint, credentials: &Credentials) -> Option<Request> {
    let mut request = format!("{}?{}", endpoint.base, credentials.query()).into_client_request().ok()?;
    request.headers_mut().insert("X-Kite-Version", HeaderValue::from_static("3"));
    Some(request)
}

type Upgraded<S> =
    Result<(WebSocket<S>, tungstenite::handshake::client::Response), HandshakeError<ClientHandshake<S>>>;

fn upgraded(result: Upgraded<Socket>) -> Step {
    match result {
        Ok((socket, _)) => Step::Up(Box::new(socket)),
        Err(HandshakeError::Interrupted(middle)) => Step::Stay(Stage::Upgrade(Box::new(middle))),
        Err(HandshakeError::Failure(Error::Http(answer))) => match answer.status().as_u16() {
            FORBIDDEN => Step::Refused,
            status => Step::Fail(Lost::Status(status)),
        },
        Err(HandshakeError::Failure(Error::Io(_))) => Step::Fail(Lost::Io),
        Err(HandshakeError::Failure(_)) => Step::Fail(Lost::Upgrade),
    }
}

/// Why a live connection is over.
fn classify(why: &Error) -> Lost {
    use tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    match why {
        Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(ResetWithoutClosingHandshake) => {
            Lost::Closed
        }
        Error::Io(why) if matches!(why.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
            Lost::Closed
        }
        Error::Io(_) | Error::Tls(_) => Lost::Io,
        _ => Lost::Protocol,
    }
}
