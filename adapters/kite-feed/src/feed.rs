//! `LiveFeed`: which socket is read next, and what becomes of what it said.

mod intake;

use crate::config::{Endpoint, FeedConfig, FeedError, nanos};
use crate::conflate::Conflation;
use crate::fresh::Freshness;
use crate::link::{Change, Link, Read, Shore};
use crate::note::{Lost, Note};
use crate::order::OrderUpdate;
use crate::resolve::Resolver;
use crate::socket::Tls;
use crate::status::{FeedStatus, TokenState};
use crate::table::TokenTable;
use crate::text::TextReader;
use crate::token::TokenSlot;
use crate::wall::{MS, Wall};
use crate::watchdog::Finding;
use crate::witness::Witness;
use mio::{Events, Poll};
use pitlane_engine::drive::clock::Pace;
use pitlane_engine::event::{DeadLetter, DeadReason, Event};
use pitlane_engine::feed::{FeedItem, FrameFeed};
use pitlane_engine::units::{InstrumentId, TsNs};
use rtrb::{Consumer, Producer, RingBuffer};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tungstenite::Bytes;

/// Frames read in one poll at most, so that a flood does not keep the decoder's thread here.
const READS_PER_POLL: usize = 256;
/// Reads after which the system is asked for other sockets' readiness, however busy the one is.
const READS_PER_READINESS: u32 = 64;
/// The dead letter's reason for packets that were conflated, once the engine has it.
const CONFLATED: &str = "conflated";

/// Orders from outside to a feed, from any thread.
#[derive(Debug, Default)]
pub struct FeedControl {
    behind: AtomicBool,
    close: AtomicBool,
}

impl FeedControl {
    /// Says whether whoever polls is behind: while it is, packets are conflated.
    pub fn set_behind(&self, behind: bool) {
        self.behind.store(behind, Ordering::Relaxed);
    }

    /// Closes the connections; the feed then answers `Closed`, for good.
    pub fn close(&self) {
        self.close.store(true, Ordering::Relaxed);
    }
}

/// The other ends of a feed.
pub struct FeedHandle {
    /// What operators see.
    pub status: Arc<FeedStatus>,
    /// Order postbacks, for the gateway. Each connection brings its own copy of each.
    pub orders: Consumer<OrderUpdate>,
    /// What happened, for the record and for people.
    pub notes: Consumer<Note>,
    /// Orders to the feed.
    pub control: Arc<FeedControl>,
}

/// What a turn of work came to.
enum Turn {
    /// The frame in `held`.
    Held(TsNs),
    /// The frame in `out`.
    Made(TsNs),
    /// The dead letter in `gap`.
    Gap,
    Quiet,
    Closed,
}

/// The broker's live ticker as a source of frames. See the crate's documentation.
pub struct LiveFeed {
    config: FeedConfig,
    clock: Pace,
    wall: Wall,
    poll: Poll,
    events: Events,
    links: Vec<Link>,
    endpoint: Endpoint,
    tls: Option<Tls>,
    tokens: Arc<TokenSlot>,
    /// Generation of the token the broker refused.
    refused: u64,
    resolver: Resolver,
    table: TokenTable,
    fresh: Freshness,
    witness: Witness,
    conflation: Conflation,
    /// A frame that was rewritten or made here.
    out: Vec<u8>,
    /// The payload that is handed out; dropped before the next read, so that the library can use its buffer again.
    held: Option<Bytes>,
    gap: Box<Event>,
    reader: TextReader,
    orders: Producer<OrderUpdate>,
    /// Postbacks that wait for room in the ring.
    waiting: VecDeque<OrderUpdate>,
    notes: Producer<Note>,
    status: Arc<FeedStatus>,
    control: Arc<FeedControl>,
    /// Whether it was told that there is no token at all.
    told_missing: bool,
    next_care: u64,
    reads: u32,
    /// The link whose turn it is.
    turn: usize,
    closed: bool,
}

impl LiveFeed {
    /// A feed that connects when it is first polled. `clock` stamps frames and says whether the market trades; `tokens`
    /// has the credentials, now or later.
    ///
    /// Fails if the configuration is refused, or the system gives no readiness queue or thread.
    pub fn new(
        config: FeedConfig,
        clock: Pace,
        tokens: Arc<TokenSlot>,
    ) -> Result<(Self, FeedHandle), FeedError> {
        let endpoint = config.check()?;
        let system = |why| FeedError::System { what: "make a readiness queue", why };
        let poll = Poll::new().map_err(system)?;
        let tls = endpoint.tls.then(|| Tls::new(&endpoint.host, &config.roots)).transpose()?;
        let resolver = Resolver::new(&endpoint.host, endpoint.port)?;
        let count = config.subscriptions.len();
        let links: Vec<Link> = (0..config.sockets())
            .map(|index| {
                let from = index * config.per_socket;
                Link::new(index, from..(from + config.per_socket).min(count), &config)
            })
            .collect();
        let (orders, orders_out) = RingBuffer::new(config.orders);
        let (notes, notes_out) = RingBuffer::new(config.notes);
        let status = Arc::new(FeedStatus::new(links.len()));
        let control = Arc::new(FeedControl::default());
        let handle = FeedHandle {
            status: Arc::clone(&status),
            orders: orders_out,
            notes: notes_out,
            control: Arc::clone(&control),
        };
        let feed = Self {
            wall: Wall::start(),
            poll,
            events: Events::with_capacity(64),
            links,
            endpoint,
            tls,
            tokens,
            refused: 0,
            resolver,
            table: TokenTable::new(&config.subscriptions),
            fresh: Freshness::new(&config.subscriptions, config.stale_secs, config.withhold_untimed),
            witness: Witness::new(count),
            conflation: Conflation::new(count),
            out: Vec::with_capacity(config.frame_bytes),
            held: None,
            gap: Box::new(gap_event(0, TsNs::ZERO, TsNs::ZERO, DeadReason::Undecodable)),
            reader: TextReader::default(),
            orders,
            waiting: VecDeque::with_capacity(config.orders),
            notes,
            status,
            control,
            told_missing: false,
            next_care: 0,
            reads: 0,
            turn: 0,
            closed: false,
            config,
            clock,
        };
        Ok((feed, handle))
    }

    fn work(&mut self) -> Turn {
        if self.closed {
            return Turn::Closed;
        }
        if self.control.close.load(Ordering::Relaxed) {
            self.shut();
            return Turn::Closed;
        }
        let now = self.wall.now();
        if now >= self.next_care {
            self.care(now);
            self.next_care = now + MS;
        }
        let behind = self.control.behind.load(Ordering::Relaxed);
        if behind && !self.conflation.active() {
            self.conflation.begin(self.clock.now());
        }
        let mut asked = false;
        let mut drained = false;
        for _ in 0..READS_PER_POLL {
            let Some(index) = self.next_readable(&mut asked) else {
                drained = true;
                break;
            };
            if let Some(turn) = self.read(index, now) {
                return turn;
            }
        }
        if self.conflation.active() { self.hand_on(drained && !behind) } else { Turn::Quiet }
    }

    /// The next link in turn that may have something to read. The system is asked at most once a poll (`asked`).
    fn next_readable(&mut self, asked: &mut bool) -> Option<usize> {
        let count = self.links.len();
        let find = |links: &[Link], turn: usize| {
            (0..count).map(|step| (turn + step) % count).find(|index| links[*index].readable)
        };
        let mut found = find(&self.links, self.turn);
        if !*asked && (found.is_none() || self.reads >= READS_PER_READINESS) {
            *asked = true;
            self.reads = 0;
            self.ask_readiness();
            found = find(&self.links, self.turn);
        }
        let index = found?;
        self.reads += 1;
        self.turn = (index + 1) % count;
        Some(index)
    }

    fn ask_readiness(&mut self) {
        // An interrupted call is made again at the next poll.
        if self.poll.poll(&mut self.events, Some(Duration::ZERO)).is_err() {
            return;
        }
        for event in &self.events {
            let link = &mut self.links[event.token().0];
            if link.is_live() {
                link.readable = true;
            } else {
                // Connecting goes on with the next poll.
                self.next_care = 0;
            }
        }
    }

    /// Reads one message of a link.
    fn read(&mut self, index: usize, now: u64) -> Option<Turn> {
        match self.links[index].read(now) {
            Read::Binary(bytes) => self.binary(index, bytes, now),
            Read::Text(text) => {
                self.links[index].watchdog.frame(now);
                self.text(index, &text);
                None
            }
            Read::Sign => {
                self.links[index].watchdog.frame(now);
                None
            }
            Read::Nothing => None,
            Read::Over(why) => {
                self.lose(index, why, now);
                None
            }
        }
    }

    /// While conflating: a frame of what waits; or the end of it, once the sockets are read empty and nobody is behind.
    fn hand_on(&mut self, may_end: bool) -> Turn {
        let now = self.clock.now();
        if self.conflation.take(&mut self.out) > 0 {
            return Turn::Made(now);
        }
        if !may_end {
            return Turn::Quiet;
        }
        let Some(episode) = self.conflation.end().filter(|episode| episode.replaced > 0) else {
            return Turn::Quiet;
        };
        self.status.gaps.add(1);
        self.note(Note::Gap { packets: episode.replaced, from: episode.from, to: now });
        match DeadReason::ALL.iter().find(|reason| reason.name() == CONFLATED) {
            Some(reason) => {
                *self.gap = gap_event(episode.replaced, episode.from, now, *reason);
                Turn::Gap
            }
            None => Turn::Quiet,
        }
    }

    /// What is due now and then: connecting, subscribing, watching, and what waits for room.
    fn care(&mut self, now: u64) {
        // If nobody polled for long, what came meanwhile must be known before a connection is called silent.
        self.ask_readiness();
        while let Some(answer) = self.resolver.answer() {
            let shore = shore(
                &self.endpoint,
                self.tls.as_ref(),
                &self.poll,
                &self.tokens,
                self.refused,
                &self.resolver,
            );
            let change = self.links[answer.link].resolved(answer.attempt, answer.addresses, now, &shore);
            self.changed(answer.link, change, now);
        }
        let trading = self.config.in_session(self.clock.now());
        for index in 0..self.links.len() {
            let shore = shore(
                &self.endpoint,
                self.tls.as_ref(),
                &self.poll,
                &self.tokens,
                self.refused,
                &self.resolver,
            );
            let change = self.links[index].advance(now, &shore);
            self.changed(index, change, now);
            if self.links[index].is_live() {
                self.watch(index, now, trading);
            }
            self.status.sockets[index].set_state(self.links[index].state());
        }
        self.look_for_token();
        while let Some(update) = self.waiting.pop_front() {
            if let Err(rtrb::PushError::Full(update)) = self.orders.push(update) {
                self.waiting.push_front(update);
                break;
            }
            self.status.orders.add(1);
        }
    }

    fn look_for_token(&mut self) {
        let generation = self.tokens.generation();
        if generation == 0 {
            if !self.told_missing {
                self.told_missing = true;
                self.note(Note::NeedToken);
            }
            return;
        }
        let is_new = match self.status.token() {
            TokenState::Missing => true,
            TokenState::Refused => generation != self.refused,
            TokenState::Untried | TokenState::Accepted => false,
        };
        if is_new {
            self.status.set_token(TokenState::Untried);
        }
    }

    fn watch(&mut self, index: usize, now: u64, trading: bool) {
        match self.links[index].speak(now) {
            Ok(said) => self.status.sockets[index].asked.add(said),
            Err(why) => return self.lose(index, why, now),
        }
        let link = &mut self.links[index];
        if link.readable {
            return;
        }
        let has_asked = link.has_asked();
        match link.watchdog.judge(now, trading, has_asked) {
            Some(Finding::Silent) => return self.lose(index, Lost::Silent, now),
            Some(Finding::Frozen) => return self.lose(index, Lost::Frozen, now),
            None => {}
        }
        let long = now.saturating_sub(link.live_since) > nanos(self.config.frozen);
        if trading && long && link.kept == 0 && link.withheld > 0 && !link.told_stale {
            link.told_stale = true;
            let withheld = link.withheld;
            self.note(Note::AllStale { socket: index, withheld });
        }
    }

    fn lose(&mut self, index: usize, why: Lost, now: u64) {
        let change = self.links[index].lose(why, now);
        self.changed(index, Some(change), now);
    }

    /// Tells of what happened to a link.
    fn changed(&mut self, index: usize, change: Option<Change>, now: u64) {
        let Some(change) = change else { return };
        let socket = &self.status.sockets[index];
        match change {
            Change::Up => {
                socket.connects.add(1);
                socket.asked.set(0);
                self.status.set_token(TokenState::Accepted);
                self.fresh.expect(self.links[index].places.clone());
                self.witness.expect(self.links[index].places.clone());
                self.note(Note::Connected { socket: index });
            }
            Change::Lost { why, retry } => {
                socket.losses.add(1);
                self.note(Note::Lost { socket: index, why, retry_ms: retry / MS });
            }
            Change::Refused(generation) => {
                socket.losses.add(1);
                self.note(Note::Lost { socket: index, why: Lost::Status(403), retry_ms: 0 });
                if self.refused != generation {
                    self.refused = generation;
                    self.status.set_token(TokenState::Refused);
                    self.note(Note::NeedToken);
                }
            }
        }
        self.status.sockets[index].set_state(self.links[index].state());
        // What follows from the change may be due at once.
        self.next_care = self.next_care.min(now);
    }

    fn note(&mut self, note: Note) {
        if self.notes.push(note).is_err() {
            self.status.notes_lost.add(1);
        }
    }

    fn shut(&mut self) {
        self.closed = true;
        for (link, socket) in self.links.iter_mut().zip(&self.status.sockets) {
            link.close();
            socket.set_state(link.state());
        }
    }
}

impl FrameFeed for LiveFeed {
    fn poll(&mut self) -> FeedItem<'_> {
        self.held = None;
        match self.work() {
            Turn::Held(received) => {
                let bytes = self.held.as_deref().expect("a turn that says so has put a payload here");
                FeedItem::Frame { received, bytes }
            }
            Turn::Made(received) => FeedItem::Frame { received, bytes: &self.out },
            Turn::Gap => FeedItem::Refused(&self.gap),
            // Frames are stamped when they are read: whatever comes later is later than now.
            Turn::Quiet => FeedItem::Quiet,
            Turn::Closed => FeedItem::Closed,
        }
    }
}

impl Drop for LiveFeed {
    fn drop(&mut self) {
        self.shut();
    }
}

fn shore<'a>(
    endpoint: &'a Endpoint,
    tls: Option<&'a Tls>,
    poll: &'a Poll,
    tokens: &'a TokenSlot,
    refused: u64,
    resolver: &'a Resolver,
) -> Shore<'a> {
    Shore { endpoint, tls, registry: poll.registry(), tokens, refused, resolver }
}

/// The journaled note of a gap: how many packets are missing, since when and until when.
fn gap_event(packets: u64, from: TsNs, to: TsNs, reason: DeadReason) -> Event {
    let mut letter = DeadLetter {
        received: to,
        source_seq: 0,
        token: 0,
        original_bytes: u32::try_from(packets).unwrap_or(u32::MAX),
        kept_bytes: 0,
        reason: reason as u8,
        reserved: [0; 1],
        line: 0,
        reserved2: [0; 8],
        data: [0; 184],
    };
    letter.data[..8].copy_from_slice(&packets.to_be_bytes());
    letter.data[8..16].copy_from_slice(&from.0.to_be_bytes());
    letter.data[16..24].copy_from_slice(&to.0.to_be_bytes());
    letter.kept_bytes = 24;
    Event::new(InstrumentId::NONE, 0, &letter)
}
