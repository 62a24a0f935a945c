//! What operators see of a feed, from any thread.

use pitlane_engine::units::TsNs;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LinkState {
    /// Waits before the next attempt.
    BackingOff = 0,
    /// The name is being resolved.
    Resolving = 1,
    /// TCP connects.
    Connecting = 2,
    /// The TLS handshake is under way.
    Tls = 3,
    /// The WebSocket upgrade is under way.
    Upgrade = 4,
    /// Frames can come.
    Live = 5,
    /// Waits for a new access token.
    NeedToken = 6,
    /// Closed for good.
    Closed = 7,
}

impl LinkState {
    const ALL: [Self; 8] = [
        Self::BackingOff,
        Self::Resolving,
        Self::Connecting,
        Self::Tls,
        Self::Upgrade,
        Self::Live,
        Self::NeedToken,
        Self::Closed,
    ];
}

/// What is known of the access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TokenState {
    /// There is none yet.
    Missing = 0,
    /// There is one, not yet tried.
    Untried = 1,
    /// The broker has accepted it.
    Accepted = 2,
    /// The broker has refused it: a new one is needed.
    Refused = 3,
}

/// A count that one thread raises and any may read.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Relaxed and not a read-modify-write: the feed's thread alone writes, readers want figures, not an order.
    pub(crate) fn add(&self, more: u64) {
        self.0.store(self.get() + more, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// One connection. Counts are since the feed was made.
#[derive(Debug, Default)]
pub struct SocketStatus {
    state: AtomicU8,
    /// Binary frames, heartbeats included.
    pub frames: Count,
    /// Heartbeats: frames of one byte.
    pub heartbeats: Count,
    /// Packets received.
    pub packets: Count,
    /// Packets handed on as they came; those of conflated frames are in `merged`.
    pub ticks: Count,
    /// Packets withheld because they were of the broker's cache.
    pub stale: Count,
    /// Packets that a later one of their instrument replaced.
    pub conflated: Count,
    /// Packets that waited for a slow pipeline and then went on as the latest of their instrument, or still wait.
    pub merged: Count,
    /// Text frames.
    pub texts: Count,
    /// Times it went live.
    pub connects: Count,
    /// Times it was lost or did not come about.
    pub losses: Count,
    /// Messages of the subscription sent since it went live.
    pub asked: Count,
    /// The market clock at the newest frame of any kind, in nanoseconds; 0 = none yet.
    pub last_frame: Count,
}

impl SocketStatus {
    /// Where it stands.
    pub fn state(&self) -> LinkState {
        LinkState::ALL[usize::from(self.state.load(Ordering::Relaxed))]
    }

    pub(crate) fn set_state(&self, state: LinkState) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// The newest frame's time on the market clock.
    pub fn last_frame_at(&self) -> Option<TsNs> {
        Some(self.last_frame.get()).filter(|ns| *ns > 0).map(TsNs)
    }
}

/// A feed with all its connections.
#[derive(Debug)]
pub struct FeedStatus {
    /// The connections, in the order of their instruments.
    pub sockets: Box<[SocketStatus]>,
    token: AtomicU8,
    lead: AtomicI64,
    /// Order postbacks handed to the gateway's ring; each connection brings its own copy.
    pub orders: Count,
    /// Order postbacks that could not be handed over.
    pub orders_lost: Count,
    /// Texts of types that carry nothing we use.
    pub texts_other: Count,
    /// Texts that could not be used.
    pub texts_refused: Count,
    /// Notes that nobody took in time.
    pub notes_lost: Count,
    /// Times in which packets were conflated.
    pub gaps: Count,
}

impl FeedStatus {
    pub(crate) fn new(sockets: usize) -> Self {
        Self {
            sockets: (0..sockets).map(|_| SocketStatus::default()).collect(),
            token: AtomicU8::new(TokenState::Missing as u8),
            lead: AtomicI64::new(0),
            orders: Count::default(),
            orders_lost: Count::default(),
            texts_other: Count::default(),
            texts_refused: Count::default(),
            notes_lost: Count::default(),
            gaps: Count::default(),
        }
    }

    /// What is known of the access token.
    pub fn token(&self) -> TokenState {
        match self.token.load(Ordering::Relaxed) {
            0 => TokenState::Missing,
            1 => TokenState::Untried,
            2 => TokenState::Accepted,
            _ => TokenState::Refused,
        }
    }

    pub(crate) fn set_token(&self, state: TokenState) {
        self.token.store(state as u8, Ordering::Relaxed);
    }

    /// Seconds by which exchange times were ahead of the market clock, all of those that were looked at last; negative if
    /// all were behind it. 0 while they agree within 2 s ahead and 10 s behind, and before there were any.
    pub fn exchange_lead(&self) -> i64 {
        self.lead.load(Ordering::Relaxed)
    }

    pub(crate) fn set_exchange_lead(&self, secs: i64) {
        self.lead.store(secs, Ordering::Relaxed);
    }

    /// Whether every connection is live.
    pub fn all_live(&self) -> bool {
        self.sockets.iter().all(|socket| socket.state() == LinkState::Live)
    }
}
