//! The pipeline behind the live feed: another thread is the broker's ticker on loopback and sends each frame as a message
//! of its own over a plain WebSocket; the feed reads it as it reads the broker's.

use super::arrivals::{Schedule, Shared};
use super::pipeline::{checked, run, run_fused, start_ns};
use super::wire::send;
use super::{Measured, Rung};
use crate::day::{Day, Times};
use anyhow::{Context, ensure};
use pitlane_engine::drive::affinity::bind;
use pitlane_engine::drive::clock::{Clock, Pace};
use pitlane_engine::feed::{FeedItem, FrameFeed};
use pitlane_engine::units::TsNs;
use pitlane_kite_feed::{
    Credentials, FeedConfig, FeedHandle, LiveFeed, Mode, Note, Secret, Subscription, TokenSlot,
};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tungstenite::handshake::derive_accept_key;

/// Longer than any run: the bench's ticker is never dead, old or slow, and what the feed does about one that is, is not
/// measured here.
const NEVER: Duration = Duration::from_secs(1 << 30);

/// Connecting on loopback takes no longer, unless something is wrong.
const CONNECTING: Duration = Duration::from_secs(5);

/// The first byte of a message in one piece that holds bytes.
const BINARY: u8 = 0x82;
/// The length that says that two bytes of length follow.
const LENGTH_OF_TWO: u8 = 126;

/// The pipeline with the feed on this thread, the ticker on another.
///
/// # Errors
/// If there is no loopback, the feed does not connect, or the pipeline cannot be built.
pub fn measure(day: &Day, rung: &Rung) -> anyhow::Result<Measured> {
    let mut measured = Measured::empty(rung);
    let other = *rung.cpus.get(1).or(rung.cpus.first()).context("no cpu was given for the ticker")?;
    // Where the day begins: packets from any other year would be withheld as old ones.
    let market = Arc::new(AtomicU64::new(day.times().advance().0));
    let (live, ticker) = connect(day, market.clone())?;
    let (shared, start_ns) = (Shared::new(1), start_ns());
    let feed = SocketFeed {
        live,
        market,
        times: day.times(),
        schedule: Schedule::new(rung, shared.clone(), start_ns),
        clock: Clock::default(),
        rung: rung.clone(),
    };
    let run = run(day, rung, feed, &shared, start_ns)?;
    let player = day.player();
    let result = std::thread::scope(|scope| {
        let sender = scope.spawn(move || {
            bind(other)?;
            send(ticker, player, rung, start_ns, message_head)
        });
        rung.began(start_ns + rung.warmup_ns);
        let result = run_fused(run, rung, &shared);
        // The feed, and with it the receiving end, is gone: a ticker that still writes gets an error and stops.
        sender.join().map_err(|_| anyhow::anyhow!("the ticker's thread panicked; see above"))??;
        result
    })?;
    checked(&result)?;
    shared.take(rung, &mut measured)?;
    Ok(measured)
}

/// What stands before a frame in a message as servers send them.
fn message_head(out: &mut Vec<u8>, bytes: usize) {
    match u8::try_from(bytes) {
        Ok(short) if short < LENGTH_OF_TWO => out.extend_from_slice(&[BINARY, short]),
        _ => {
            out.extend_from_slice(&[BINARY, LENGTH_OF_TWO]);
            out.extend_from_slice(&u16::try_from(bytes).expect("a frame of one packet").to_be_bytes());
        }
    }
}

/// A live feed of the day's instruments, and the other end of its connection. `market` is the time of the market's clock.
fn connect(day: &Day, market: Arc<AtomicU64>) -> anyhow::Result<(LiveFeed, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no listener on 127.0.0.1")?;
    listener.set_nonblocking(true)?;
    // Relaxed: a number without data.
    let clock = Pace::given(Arc::new(move || TsNs(market.load(Ordering::Relaxed))));
    let credentials = Credentials { api_key: "bench".to_owned(), access_token: Secret::new("bench") };
    let tokens = Arc::new(TokenSlot::new(credentials));
    let (mut feed, mut handle) = LiveFeed::new(config(day, listener.local_addr()?), clock, tokens)?;
    let started = Instant::now();
    let mut poll = |done: &mut dyn FnMut(&mut FeedHandle) -> anyhow::Result<bool>| -> anyhow::Result<()> {
        while !done(&mut handle)? {
            feed.poll();
            ensure!(started.elapsed() < CONNECTING, "the live feed does not connect to 127.0.0.1");
        }
        Ok(())
    };
    let mut accepted = None;
    poll(&mut |_| {
        accepted = unless_blocked(listener.accept())?;
        Ok(accepted.is_some())
    })?;
    let (mut stream, _) = accepted.context("nobody connected")?;
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let (mut request, mut piece) = (Vec::new(), [0; 1_024]);
    poll(&mut |_| {
        let bytes = unless_blocked(stream.read(&mut piece))?.unwrap_or(0);
        request.extend_from_slice(&piece[..bytes]);
        Ok(request.ends_with(b"\r\n\r\n"))
    })?;
    stream.set_nonblocking(false)?;
    stream.write_all(answer(&request)?.as_bytes())?;
    poll(&mut |handle| {
        Ok(std::iter::from_fn(|| handle.notes.pop().ok()).any(|note| matches!(note, Note::Connected { .. })))
    })?;
    Ok((feed, stream))
}

fn unless_blocked<T>(result: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match result {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        result => result.map(Some),
    }
}

/// The server's part of the upgrade.
fn answer(request: &[u8]) -> anyhow::Result<String> {
    let text = String::from_utf8_lossy(request);
    let key = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
    });
    let accept = derive_accept_key(key.context("the live feed's request has no key")?.as_bytes());
    Ok(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ))
}

fn config(day: &Day, ticker: SocketAddr) -> FeedConfig {
    let subscription =
        |spec: &pitlane_engine::config::InstrumentSpec| Subscription { token: spec.token, mode: Mode::Full };
    let subscriptions = day.config.instruments.iter().map(subscription).collect();
    let mut config = FeedConfig::new(subscriptions, vec![(TsNs::ZERO, TsNs(u64::MAX))]);
    config.url = format!("ws://{ticker}");
    (config.silent, config.frozen, config.conflate) = (NEVER, NEVER, NEVER);
    config.stale_secs = NEVER.as_secs();
    config.withhold_untimed = false;
    config
}

/// The frames of the live feed. When each was meant to come follows from its number.
struct SocketFeed {
    live: LiveFeed,
    /// Time of the market's clock: that of the frame before.
    market: Arc<AtomicU64>,
    times: Times,
    schedule: Schedule,
    clock: Clock,
    rung: Rung,
}

impl FrameFeed for SocketFeed {
    fn poll(&mut self) -> FeedItem<'_> {
        let now = self.clock.now_ns();
        if self.schedule.is_over(now) || self.rung.stopped() {
            self.schedule.close();
            return FeedItem::Closed;
        }
        match self.live.poll() {
            FeedItem::Frame { bytes, .. } => {
                self.schedule.take(self.clock.now_ns());
                let received = self.times.advance();
                // Relaxed: as where it is read.
                self.market.store(received.0, Ordering::Relaxed);
                FeedItem::Frame { received, bytes }
            }
            FeedItem::Quiet | FeedItem::Pending => {
                self.schedule.idle(now);
                FeedItem::Pending
            }
            FeedItem::Refused(_) | FeedItem::Closed => {
                self.schedule.fail("the live feed refused what the bench's ticker sent".to_owned());
                FeedItem::Closed
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate::Rate;
    use pitlane_config::Settings;

    #[test]
    fn every_frame_comes_through_the_live_feed_as_it_was_sent() {
        let mut settings = Settings::demo();
        settings.sim.halts = 0;
        let day = Day::new(settings).unwrap();
        let market = Arc::new(AtomicU64::new(day.times().advance().0));
        let (mut feed, ticker) = connect(&day, market).unwrap();
        let rung = Rung::for_tests(Rate::PerSecond(20_000), 0, 10_000_000_000);
        let (player, mut sent, mut seen) = (day.player(), day.player(), 0);
        let start_ns = Clock::default().now_ns();
        std::thread::scope(|scope| {
            let sender = scope.spawn(|| send(ticker, player, &rung, start_ns, message_head));
            while seen < 1_500 && !sender.is_finished() {
                if let FeedItem::Frame { bytes, .. } = feed.poll() {
                    assert_eq!(bytes, sent.advance().1, "frame {seen}");
                    seen += 1;
                }
            }
            drop(feed);
            sender.join().unwrap().unwrap();
        });
        assert_eq!(seen, 1_500);
    }
}
