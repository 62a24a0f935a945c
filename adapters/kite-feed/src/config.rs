//! What a live feed is made with, its defaults, and what is refused.

use crate::watchdog::Limits;
use pitlane_engine::units::TsNs;
use std::net::IpAddr;
use std::time::Duration;

/// Where the broker's ticker is.
pub const BROKER_URL: &str = "wss://ws.kite.trade";
/// Instruments one connection may carry. Source: Kite Connect documentation, WebSocket streaming.
pub const PER_SOCKET_MAX: usize = 3_000;
/// Connections an api key may have. Source: the same.
pub const SOCKETS_MAX: usize = 3;

/// What the packets of an instrument carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// The last price alone.
    Ltp,
    /// Day figures; what the broker sends when no mode was asked for.
    Quote,
    /// Day figures, times, open interest and five levels a side.
    #[default]
    Full,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Ltp, Self::Quote, Self::Full];

    /// Its name in the broker's messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ltp => "ltp",
            Self::Quote => "quote",
            Self::Full => "full",
        }
    }
}

/// One instrument to subscribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The broker's token.
    pub token: u32,
    /// What its packets shall carry.
    pub mode: Mode,
}

/// Whose certificates are believed.
#[derive(Clone, Debug, Default)]
pub enum TlsRoots {
    /// The authorities that browsers trust.
    #[default]
    Web,
    /// These alone, as DER: a broker on one's own machine.
    Only(Vec<Vec<u8>>),
}

/// Settings of a live feed. Times are wall time unless they say otherwise.
#[derive(Clone, Debug)]
pub struct FeedConfig {
    /// `wss://host[:port][/path]`, or `ws://` to an address of this machine.
    pub url: String,
    /// Whose certificates are believed.
    pub roots: TlsRoots,
    /// The instruments; each once. The first `per_socket` go to the first connection, and so on.
    pub subscriptions: Vec<Subscription>,
    /// Instruments a connection carries, 1 to 3,000.
    pub per_socket: usize,
    /// Tokens in one message, 1 to 3,000. The broker states no limit; 200 is what clients in use send.
    pub batch: usize,
    /// Time between two messages of a connection. The broker states no pace; half a second is what clients in use keep.
    pub pace: Duration,
    /// When ticks are expected: from and to on the market clock, in order, not overlapping.
    pub sessions: Vec<(TsNs, TsNs)>,
    /// In a session: without any frame for so long, the connection is dead.
    pub silent: Duration,
    /// In a session: with heartbeats alone for so long, the feed is frozen.
    pub frozen: Duration,
    /// Outside a session: without any frame for so long, the connection is dead.
    pub idle: Duration,
    /// Resolving, connecting, TLS and upgrade together may take so long.
    pub connect: Duration,
    /// Delay before the first repeated attempt; doubles from there.
    pub backoff_first: Duration,
    /// Longest delay.
    pub backoff_cap: Duration,
    /// Seed of the jitter of the delays.
    pub seed: u64,
    /// A first packet whose exchange time is older than so many seconds of the market clock is withheld.
    pub stale_secs: u64,
    /// Whether the first packet of an instrument is withheld when it carries no time: it is the broker's cached one,
    /// of unknown age (U).
    pub withhold_untimed: bool,
    /// A socket that is not read empty for so long shows that the pipeline is slow: packets are conflated.
    pub conflate: Duration,
    /// Order postbacks the ring to the gateway holds, and as many again wait here.
    pub orders: usize,
    /// Notes the ring to the operator's side holds; more are counted as lost.
    pub notes: usize,
    /// Largest frame in bytes; 3,000 packets of full mode need 558,002.
    pub frame_bytes: usize,
}

impl FeedConfig {
    /// The defaults for these instruments and hours.
    pub fn new(subscriptions: Vec<Subscription>, sessions: Vec<(TsNs, TsNs)>) -> Self {
        Self {
            url: BROKER_URL.to_owned(),
            roots: TlsRoots::Web,
            subscriptions,
            per_socket: PER_SOCKET_MAX,
            batch: 200,
            pace: Duration::from_millis(500),
            sessions,
            silent: Duration::from_secs(5),
            frozen: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            connect: Duration::from_secs(7),
            backoff_first: Duration::from_secs(1),
            backoff_cap: Duration::from_secs(60),
            seed: 1,
            stale_secs: 60,
            withhold_untimed: true,
            conflate: Duration::from_millis(250),
            orders: 1_024,
            notes: 1_024,
            frame_bytes: 1 << 20,
        }
    }

    /// The number of connections it takes.
    pub fn sockets(&self) -> usize {
        self.subscriptions.len().div_ceil(self.per_socket.max(1)).max(1)
    }

    /// Whether the market trades at `now`.
    pub(crate) fn in_session(&self, now: TsNs) -> bool {
        self.sessions.iter().any(|(from, to)| (*from..*to).contains(&now))
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits { silent: nanos(self.silent), frozen: nanos(self.frozen), idle: nanos(self.idle) }
    }

    /// Checks everything, and takes the address apart.
    pub(crate) fn check(&self) -> Result<Endpoint, FeedError> {
        let ranges = [
            ("per_socket", self.per_socket, PER_SOCKET_MAX),
            ("batch", self.batch, PER_SOCKET_MAX),
            ("orders", self.orders, 1 << 20),
            ("notes", self.notes, 1 << 20),
            ("frame_bytes", self.frame_bytes, 1 << 26),
        ];
        for (key, value, max) in ranges {
            if !(1..=max).contains(&value) {
                return Err(FeedError::Range { key, value, max });
            }
        }
        let times = [
            ("silent", self.silent),
            ("frozen", self.frozen),
            ("idle", self.idle),
            ("connect", self.connect),
            ("backoff_first", self.backoff_first),
            ("backoff_cap", self.backoff_cap),
        ];
        if let Some((key, _)) = times.iter().find(|(_, time)| time.is_zero()) {
            return Err(FeedError::NoTime(key));
        }
        if self.sockets() > SOCKETS_MAX {
            let (count, max) = (self.subscriptions.len(), self.per_socket * SOCKETS_MAX);
            return Err(FeedError::TooMany { count, max });
        }
        let mut tokens: Vec<u32> = self.subscriptions.iter().map(|one| one.token).collect();
        tokens.sort_unstable();
        if let Some(pair) = tokens.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(FeedError::Twice(pair[0]));
        }
        let ordered = self.sessions.windows(2).all(|pair| pair[0].1 <= pair[1].0);
        if !ordered || self.sessions.iter().any(|(from, to)| from >= to) {
            return Err(FeedError::Sessions);
        }
        Endpoint::parse(&self.url)
    }
}

/// Nanoseconds of a setting; beyond 584 years it is that long.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// An address taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The address up to the query, as it goes into the request.
    pub(crate) base: String,
}

impl Endpoint {
    fn parse(url: &str) -> Result<Self, FeedError> {
        let refuse = || FeedError::Url(url.to_owned());
        let (tls, rest) = match url.split_once("://") {
            Some(("wss", rest)) => (true, rest),
            Some(("ws", rest)) => (false, rest),
            _ => return Err(refuse()),
        };
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '@' | '"' | '\\' | '<' | '>');
        if rest.is_empty() || !rest.chars().all(plain) {
            return Err(refuse());
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // An address of version 6 stands in brackets and has colons of its own.
        let after_host = authority.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match authority[after_host..].rfind(':') {
            Some(at) => {
                let (host, port) = authority.split_at(after_host + at);
                (host, port[1..].parse().map_err(|_| refuse())?)
            }
            None => (authority, if tls { 443 } else { 80 }),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() || port == 0 {
            return Err(refuse());
        }
        let local = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if !tls && !local {
            return Err(FeedError::PlainRemote(host.to_owned()));
        }
        let scheme = if tls { "wss" } else { "ws" };
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { tls, host: host.to_owned(), port, base: format!("{scheme}://{authority}{path}") })
    }
}

/// Why a feed cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// A setting out of its range.
    #[error("{key} = {value} is not within 1 to {max}")]
    Range {
        /// The setting.
        key: &'static str,
        /// Its value.
        value: usize,
        /// The largest allowed.
        max: usize,
    },
    /// A time that must be longer than nothing.
    #[error("{0} is zero: the feed would give up, or knock, without end")]
    NoTime(&'static str),
    /// More instruments than the broker's connections carry.
    #[error("{count} instruments, but the broker's {SOCKETS_MAX} connections carry {max}: subscribe fewer")]
    TooMany {
        /// Instruments.
        count: usize,
        /// What fits.
        max: usize,
    },
    /// An instrument stands twice.
    #[error("token {0} is subscribed twice: leave one")]
    Twice(u32),
    /// Sessions out of order.
    #[error("the sessions are not in order, or one of them is empty")]
    Sessions,
    /// An address that is none.
    #[error("{0:?} is no address of a ticker: write wss://host[:port][/path], without a query")]
    Url(String),
    /// Credentials would cross a network in the clear.
    #[error(
        "ws:// to {0} would send the access token unencrypted: use wss://; ws:// is for this machine alone"
    )]
    PlainRemote(String),
    /// A certificate that cannot be used.
    #[error("a root certificate cannot be used: {0}")]
    Certificate(String),
    /// The system refused what a feed needs.
    #[error("cannot {what}: {why}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The system's answer.
        why: std::io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_and_credentials_stay_encrypted() {
        for (url, expected) in [
            ("wss://ws.kite.trade", Some((true, "ws.kite.trade", 443, "wss://ws.kite.trade/"))),
            ("wss://example.org:8443/a/b", Some((true, "example.org", 8_443, "wss://example.org:8443/a/b"))),
            ("ws://127.0.0.1:9000", Some((false, "127.0.0.1", 9_000, "ws://127.0.0.1:9000/"))),
            ("ws://[::1]:9000/", Some((false, "::1", 9_000, "ws://[::1]:9000/"))),
            ("ws://localhost", Some((false, "localhost", 80, "ws://localhost/"))),
            ("ws://ws.kite.trade", None),
            ("ws://127.0.0.1.example.org", None),
            ("ws://user@127.0.0.1", None),
            ("http://127.0.0.1", None),
            ("wss://", None),
            ("wss://a:b", None),
            ("wss://a:0", None),
            ("wss://a/?x=1", None),
            ("wss://a b", None),
        ] {
            let found = Endpoint::parse(url).ok();
            let found = found.as_ref().map(|e| (e.tls, e.host.as_str(), e.port, e.base.as_str()));
            assert_eq!(found, expected, "{url}");
        }
    }

    #[test]
    fn what_the_broker_would_refuse_is_refused_here() {
        let one = |token| Subscription { token, mode: Mode::Full };
        let ok = FeedConfig::new((0..9_000).map(one).collect(), vec![(TsNs(1), TsNs(2)), (TsNs(2), TsNs(3))]);
        assert_eq!((ok.check().is_ok(), ok.sockets()), (true, 3));
        assert_eq!(
            FeedConfig::new(Vec::new(), Vec::new()).sockets(),
            1,
            "postbacks come without a subscription"
        );
        let change: [fn(&mut FeedConfig); 7] = [
            |c| c.backoff_first = Duration::ZERO,
            |c| c.subscriptions.push(Subscription { token: 9_000, mode: Mode::Ltp }),
            |c| c.subscriptions[5].token = 7,
            |c| c.per_socket = 3_001,
            |c| c.batch = 0,
            |c| c.sessions[1].0 = TsNs(1),
            |c| c.url = "ws://example.org".to_owned(),
        ];
        for change in change {
            let mut config = ok.clone();
            change(&mut config);
            assert!(config.check().is_err());
        }
        assert!(ok.in_session(TsNs(1)) && ok.in_session(TsNs(2)) && !ok.in_session(TsNs(3)));
    }
}
