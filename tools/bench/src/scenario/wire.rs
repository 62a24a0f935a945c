//! The pipeline behind a socket: another thread sends the frames over loopback TCP, each after its length in four bytes.

use super::arrivals::{Schedule, Shared};
use super::pipeline::{checked, run, run_fused, start_ns};
use super::{Measured, Rung};
use crate::day::{Day, Player, Times};
use crate::rate::Pace;
use anyhow::Context;
use pitlane_engine::drive::affinity::bind;
use pitlane_engine::drive::clock::Clock;
use pitlane_engine::feed::{FeedItem, FrameFeed};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// Bytes before a frame: its length, big-endian.
const LENGTH_BYTES: usize = 4;

/// Bytes that are written at once at most.
const WRITE_BYTES: usize = 64 << 10;

/// Bytes that are read at once at most; more than the largest frame.
const READ_BYTES: usize = 256 << 10;

/// The pipeline on this thread, the sender on another.
///
/// # Errors
/// If there is no loopback, or the pipeline cannot be built.
pub fn measure(day: &Day, rung: &Rung) -> anyhow::Result<Measured> {
    let mut measured = Measured::empty(rung);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no listener on 127.0.0.1")?;
    let receiving = TcpStream::connect(listener.local_addr()?).context("cannot connect to 127.0.0.1")?;
    receiving.set_nonblocking(true)?;
    let (sending, _) = listener.accept()?;
    sending.set_nodelay(true)?;
    let other = *rung.cpus.get(1).or(rung.cpus.first()).context("no cpu was given for the sender")?;
    let (shared, start_ns) = (Shared::new(1), start_ns());
    let feed = WireFeed::new(receiving, day.times(), Schedule::new(rung, shared.clone(), start_ns), rung);
    let run = run(day, rung, feed, &shared, start_ns)?;
    let player = day.player();
    let result = std::thread::scope(|scope| {
        let sender = scope.spawn(move || {
            bind(other)?;
            send(sending, player, rung, start_ns, length_before)
        });
        rung.began(start_ns + rung.warmup_ns);
        let result = run_fused(run, rung, &shared);
        // The feed, and with it the receiving end, is gone: a sender that still writes gets an error and stops.
        sender.join().map_err(|_| anyhow::anyhow!("the sending thread panicked; see above"))??;
        result
    })?;
    checked(&result)?;
    shared.take(rung, &mut measured)?;
    Ok(measured)
}

fn length_before(out: &mut Vec<u8>, bytes: usize) {
    out.extend_from_slice(&u32::try_from(bytes).expect("a frame of one packet").to_be_bytes());
}

/// Sends each frame when it is meant to be sent, and all that are due in one write. `head` writes what stands before a
/// frame of so many bytes.
pub(super) fn send(
    mut stream: TcpStream,
    mut player: Player,
    rung: &Rung,
    start_ns: u64,
    head: fn(&mut Vec<u8>, usize),
) -> anyhow::Result<()> {
    let clock = Clock::default();
    let end_ns = start_ns + rung.warmup_ns + rung.duration_ns;
    let mut pace = rung.rate.per_second().map(|rate| Pace::new(start_ns, rate));
    let mut out = Vec::with_capacity(WRITE_BYTES + 1_024);
    loop {
        let now = clock.now_ns();
        if now >= end_ns || rung.stopped() {
            return Ok(());
        }
        out.clear();
        while now >= start_ns
            && out.len() < WRITE_BYTES
            && pace.as_ref().is_none_or(|pace| pace.peek() <= now)
        {
            let (_, frame) = player.advance();
            head(&mut out, frame.len());
            out.extend_from_slice(frame);
            if let Some(pace) = &mut pace {
                pace.advance();
            }
        }
        if out.is_empty() {
            rung.wait.wait();
            continue;
        }
        match stream.write_all(&out) {
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                return Ok(());
            }
            done => done.context("cannot write to the loopback stream")?,
        }
    }
}

/// The frames of a stream. When each was meant to come follows from its number.
struct WireFeed {
    stream: TcpStream,
    buffer: Box<[u8]>,
    /// What is read and not yet taken.
    filled: (usize, usize),
    /// When it was read.
    read_ns: u64,
    times: Times,
    schedule: Schedule,
    clock: Clock,
    rung: Rung,
    failed: Option<std::io::Error>,
}

impl WireFeed {
    fn new(stream: TcpStream, times: Times, schedule: Schedule, rung: &Rung) -> Self {
        let buffer = vec![0; READ_BYTES].into_boxed_slice();
        let (clock, rung) = (Clock::default(), rung.clone());
        Self { stream, buffer, filled: (0, 0), read_ns: 0, times, schedule, clock, rung, failed: None }
    }

    /// Where the next whole frame lies.
    #[inline]
    fn frame(&self) -> Option<(usize, usize)> {
        let (from, to) = self.filled;
        let length = self.buffer[from..to].first_chunk::<LENGTH_BYTES>()?;
        let end = from + LENGTH_BYTES + u32::from_be_bytes(*length) as usize;
        (end <= to).then_some((from + LENGTH_BYTES, end))
    }

    /// Reads what has come; false if that is nothing, or the end.
    fn read(&mut self) -> bool {
        let (from, to) = self.filled;
        self.buffer.copy_within(from..to, 0);
        self.filled = (0, to - from);
        match self.stream.read(&mut self.buffer[to - from..]) {
            Ok(bytes) => {
                self.filled.1 += bytes;
                bytes > 0
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => false,
            Err(error) => {
                self.failed = Some(error);
                false
            }
        }
    }
}

impl FrameFeed for WireFeed {
    fn poll(&mut self) -> FeedItem<'_> {
        let mut now = self.clock.now_ns();
        if let Some(error) = self.failed.take() {
            self.schedule.fail(format!("cannot read from the loopback stream: {error}"));
            return FeedItem::Closed;
        }
        if self.schedule.is_over(now) || self.rung.stopped() {
            self.schedule.close();
            return FeedItem::Closed;
        }
        let frame = match self.frame() {
            Some(frame) => Some(frame),
            None if self.read() => {
                now = self.clock.now_ns();
                self.read_ns = now;
                self.frame()
            }
            None => None,
        };
        let Some((from, to)) = frame else {
            self.schedule.idle(now);
            return FeedItem::Pending;
        };
        self.filled.0 = to;
        // In our hands since it was read: frames behind others of the same read have waited since then.
        self.schedule.take(self.read_ns);
        FeedItem::Frame { received: self.times.advance(), bytes: &self.buffer[from..to] }
    }
}
