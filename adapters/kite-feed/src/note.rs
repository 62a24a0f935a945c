//! What the feed has to tell people, and whoever keeps the record.

use pitlane_engine::units::TsNs;

/// Something happened to the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A connection is live and subscribes now. Books of its instruments are stale until each one's first fresh packet.
    Connected {
        /// The connection, from 0.
        socket: usize,
    },
    /// A connection was lost or did not come about. Books of its instruments are stale.
    Lost {
        /// The connection, from 0.
        socket: usize,
        /// Why.
        why: Lost,
        /// Milliseconds of the wall clock until the next attempt; 0 if it waits for a token.
        retry_ms: u64,
    },
    /// There is no access token, or the broker refused it: nothing is tried until one, or another one, is given.
    /// `engine login` makes one.
    NeedToken,
    /// A text of type `error`.
    BrokerError(String),
    /// A text of type `message`.
    BrokerMessage(String),
    /// A text that could not be used, and why.
    TextRefused(String),
    /// An order postback could not be handed over, because nobody takes them: ask the broker for its orders.
    OrderLost {
        /// The broker's id of the order.
        order_id: String,
    },
    /// Every packet of a connection is too old to be used: its instruments do not trade, or the market clock is wrong.
    AllStale {
        /// The connection, from 0.
        socket: usize,
        /// Packets withheld since it went live.
        withheld: u64,
    },
    /// The pipeline was slow: of some instruments only the latest packet was handed on.
    Gap {
        /// Packets that a later one of their instrument replaced.
        packets: u64,
        /// First moment of it, by the market clock.
        from: TsNs,
        /// Its end.
        to: TsNs,
    },
}

/// Why a connection ended, or never began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The name has no address.
    #[error("the name could not be resolved")]
    Resolve,
    /// No address answered.
    #[error("connection refused or unreachable")]
    Connect,
    /// The TLS handshake failed; the certificate may not be the broker's.
    #[error("the TLS handshake failed")]
    Tls,
    /// The upgrade was answered with this HTTP status.
    #[error("the upgrade was answered with status {0}")]
    Status(u16),
    /// The upgrade's answer was no HTTP, or no WebSocket.
    #[error("the upgrade was answered with something else")]
    Upgrade,
    /// Not live within the time for connecting.
    #[error("not connected in time")]
    Slow,
    /// The other end closed.
    #[error("closed by the other end")]
    Closed,
    /// What came is no WebSocket protocol, or too large.
    #[error("the other end does not keep the protocol")]
    Protocol,
    /// A read or write failed.
    #[error("a read or write failed")]
    Io,
    /// No frame, not even a heartbeat.
    #[error("no frame for too long")]
    Silent,
    /// Heartbeats without ticks while the market trades.
    #[error("heartbeats, but no ticks while the market trades")]
    Frozen,
}
