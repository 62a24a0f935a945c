//! Streams of inputs from outside, each in key order, and their merge.

use crate::event::{Class, Event, FLAG_EXO, Header, Kind, SessionEnd, SessionStart};
use crate::feed::{FeedItem, FrameFeed};
use crate::stages::decoder::{Decoder, DecoderCounters, FrameCursor};
use crate::units::{InstrumentId, TsNs};

/// Whether a source has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// `head()` is the next event.
    Ready,
    /// Nothing now, more later; what comes may ask for any time, so nothing may go before it.
    Pending,
    /// Nothing now, more later, and not for a time before now: nobody needs to wait for it.
    Quiet,
    /// Nothing ever again.
    Closed,
}

/// What an input from outside is, as far as its place in the order goes.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The time it asks for.
    pub ts: TsNs,
    /// Its class.
    pub class: Class,
    /// Its source.
    pub source: u32,
    /// Whether it starts a session.
    pub starts_session: bool,
}

impl Place {
    /// Of nothing.
    pub const NONE: Self = Self { ts: TsNs::ZERO, class: Class::Control, source: 0, starts_session: false };

    /// The place that an event asks for.
    #[inline]
    pub fn of(event: &Event) -> Self {
        let Header { ts, kind, source, .. } = event.header;
        Self { ts, class: event.class(), source, starts_session: kind == Kind::SessionStart as u8 }
    }

    /// Time, class and source: what the order of inputs from outside goes by, as one number.
    #[inline]
    fn key(&self) -> u128 {
        u128::from(self.ts.0) << 64 | u128::from(self.class as u8) << 32 | u128::from(self.source)
    }
}

/// A stream of events in key order. `header.ts` is the time an event asks for.
pub trait Source: Send {
    /// Makes the next event available if it can.
    fn poll(&mut self) -> Head;
    /// The next event; only after `poll` answered `Ready`.
    fn head(&self) -> &Event;
    /// The place that the next event asks for; a source that knows it need not look at the event.
    fn place(&self) -> Place {
        Place::of(self.head())
    }
    /// Consumes the head.
    fn advance(&mut self);
    /// Consumes the head into `event`. A source with a slot of its own exchanges the two.
    fn take(&mut self, event: &mut Box<Event>) {
        **event = *self.head();
        self.advance();
    }
    /// Gives up the source: whoever fills it learns that nobody reads any more.
    fn close(&mut self) {}
    /// What the decoder of this source counted, if it has one.
    fn decoder_counters(&self) -> Option<&DecoderCounters> {
        None
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn poll(&mut self) -> Head {
        (**self).poll()
    }

    fn head(&self) -> &Event {
        (**self).head()
    }

    fn place(&self) -> Place {
        (**self).place()
    }

    fn advance(&mut self) {
        (**self).advance();
    }

    fn take(&mut self, event: &mut Box<Event>) {
        (**self).take(event);
    }

    fn close(&mut self) {
        (**self).close();
    }

    fn decoder_counters(&self) -> Option<&DecoderCounters> {
        (**self).decoder_counters()
    }
}

/// A source without events.
#[derive(Debug, Default)]
pub struct Nothing;

impl Source for Nothing {
    fn poll(&mut self) -> Head {
        Head::Closed
    }

    fn head(&self) -> &Event {
        unreachable!("a closed source has no head")
    }

    fn advance(&mut self) {}
}

fn blank() -> Event {
    Event::new(InstrumentId::NONE, 0, &SessionEnd { date: 0, number: 0, reserved: [0; 24] })
}

/// Two sources as one. At equal keys the first goes first; both must have a head, be quiet, or be closed.
pub struct Merged<A, B> {
    first: A,
    second: B,
    /// The places of the heads that are known to be there: a head stays until it is consumed.
    first_place: Option<Place>,
    second_place: Option<Place>,
    first_is_next: bool,
}

impl<A: Source, B: Source> Merged<A, B> {
    /// The merge of two sources.
    pub fn new(first: A, second: B) -> Self {
        Self { first, second, first_place: None, second_place: None, first_is_next: true }
    }

    /// The second source.
    pub fn second(&self) -> &B {
        &self.second
    }
}

/// Asks `source` for its head, unless that is known to be there.
#[inline(always)]
fn poll(source: &mut impl Source, known: &mut Option<Place>) -> Head {
    if known.is_some() {
        return Head::Ready;
    }
    let head = source.poll();
    if head == Head::Ready {
        *known = Some(source.place());
    }
    head
}

impl<A: Source, B: Source> Source for Merged<A, B> {
    #[inline(always)]
    fn poll(&mut self) -> Head {
        let heads =
            (poll(&mut self.first, &mut self.first_place), poll(&mut self.second, &mut self.second_place));
        match heads {
            (Head::Pending, _) | (_, Head::Pending) => return Head::Pending,
            (Head::Closed, Head::Closed) => return Head::Closed,
            (Head::Ready, Head::Closed | Head::Quiet) => self.first_is_next = true,
            (Head::Closed | Head::Quiet, Head::Ready) => self.first_is_next = false,
            (Head::Quiet, _) | (_, Head::Quiet) => return Head::Quiet,
            (Head::Ready, Head::Ready) => {
                let places = self.first_place.as_ref().zip(self.second_place.as_ref());
                self.first_is_next = places.is_some_and(|(first, second)| first.key() <= second.key());
            }
        }
        Head::Ready
    }

    fn head(&self) -> &Event {
        if self.first_is_next { self.first.head() } else { self.second.head() }
    }

    #[inline]
    fn place(&self) -> Place {
        let place = if self.first_is_next { self.first_place } else { self.second_place };
        place.expect("a head that is ready has its place")
    }

    fn advance(&mut self) {
        if self.first_is_next {
            self.first_place = None;
            self.first.advance();
        } else {
            self.second_place = None;
            self.second.advance();
        }
    }

    #[inline]
    fn take(&mut self, event: &mut Box<Event>) {
        if self.first_is_next {
            self.first_place = None;
            self.first.take(event);
        } else {
            self.second_place = None;
            self.second.take(event);
        }
    }

    fn close(&mut self) {
        (self.first_place, self.second_place) = (None, None);
        self.first.close();
        self.second.close();
    }

    fn decoder_counters(&self) -> Option<&DecoderCounters> {
        self.first.decoder_counters().or_else(|| self.second.decoder_counters())
    }
}

/// A feed with its decoder. What is left of a frame behind its first event is copied, so that the feed may reuse its
/// buffer; a frame of one packet never is.
pub struct Decoded<F> {
    feed: F,
    decoder: Decoder,
    frame: Vec<u8>,
    cursor: FrameCursor,
    in_frame: bool,
    ready: bool,
    head: Box<Event>,
}

/// The largest frame of one socket: 3,000 full packets with their lengths, and the count.
const FRAME_BYTES_MAX: usize = 2 + 3_000 * 186;

impl<F: FrameFeed> Decoded<F> {
    /// The events of `feed` as `decoder` reads them.
    pub fn new(feed: F, decoder: Decoder) -> Self {
        let frame = Vec::with_capacity(FRAME_BYTES_MAX);
        Self {
            feed,
            decoder,
            frame,
            cursor: FrameCursor::default(),
            in_frame: false,
            ready: false,
            head: Box::new(blank()),
        }
    }

    /// The feed, to ask it how it ended.
    pub fn feed(&self) -> &F {
        &self.feed
    }
}

impl<F: FrameFeed> Source for Decoded<F> {
    fn poll(&mut self) -> Head {
        while !self.ready {
            if self.in_frame {
                self.ready = self.decoder.next(&self.frame, &mut self.cursor, &mut self.head);
                self.in_frame = self.ready;
                continue;
            }
            match self.feed.poll() {
                FeedItem::Frame { received, bytes } => {
                    let mut cursor = self.decoder.begin(bytes, received);
                    self.ready = self.decoder.next(bytes, &mut cursor, &mut self.head);
                    if self.ready && !cursor.is_at_end() {
                        (self.in_frame, self.cursor) = (true, cursor);
                        self.frame.clear();
                        self.frame.extend_from_slice(bytes);
                    }
                }
                FeedItem::Refused(event) => {
                    *self.head = *event;
                    self.decoder.stamp(&mut self.head);
                    self.ready = true;
                }
                FeedItem::Pending => return Head::Pending,
                FeedItem::Quiet => return Head::Quiet,
                FeedItem::Closed => return Head::Closed,
            }
        }
        Head::Ready
    }

    fn head(&self) -> &Event {
        &self.head
    }

    /// Every event of a feed is of the market, and the decoder's own.
    fn place(&self) -> Place {
        let Header { ts, source, .. } = self.head.header;
        Place { ts, class: Class::Market, source, starts_session: false }
    }

    fn advance(&mut self) {
        self.ready = false;
    }

    fn take(&mut self, event: &mut Box<Event>) {
        std::mem::swap(event, &mut self.head);
        self.ready = false;
    }

    fn decoder_counters(&self) -> Option<&DecoderCounters> {
        Some(self.decoder.counters())
    }
}

/// The receiving end of a ring that another thread fills in key order; closed when that thread drops its end.
pub struct RingSource {
    ring: Option<rtrb::Consumer<Event>>,
    head: Event,
    ready: bool,
    empty: Head,
}

impl RingSource {
    /// A source over `ring`.
    pub fn new(ring: rtrb::Consumer<Event>) -> Self {
        Self { ring: Some(ring), head: blank(), ready: false, empty: Head::Pending }
    }

    /// The same for a feed on the wall clock: what it has not pushed yet it received just now, and nobody waits for it.
    pub fn on_wall_clock(mut self) -> Self {
        self.empty = Head::Quiet;
        self
    }
}

impl Source for RingSource {
    fn poll(&mut self) -> Head {
        if self.ready {
            return Head::Ready;
        }
        let Some(ring) = &mut self.ring else { return Head::Closed };
        // Asked before the pop: what was pushed before the other end was dropped must not be missed.
        let abandoned = ring.is_abandoned();
        match ring.pop() {
            Ok(event) => {
                self.head = event;
                self.ready = true;
                Head::Ready
            }
            Err(_) if abandoned => Head::Closed,
            Err(_) => self.empty,
        }
    }

    fn head(&self) -> &Event {
        &self.head
    }

    fn advance(&mut self) {
        self.ready = false;
    }

    fn close(&mut self) {
        self.ring = None;
        self.ready = false;
    }
}

/// Reads recorded inputs in their order.
pub trait EventReader: Send {
    /// The next recorded event; `None` at the end.
    fn next_event(&mut self) -> Option<Event>;

    /// Puts the next recorded event into `event`, which saves copies of it; `false` at the end, when `event` means nothing.
    fn read_into(&mut self, event: &mut Event) -> bool {
        self.next_event().is_some_and(|next| {
            *event = next;
            true
        })
    }
}

impl<I: Iterator<Item = Event> + Send> EventReader for I {
    fn next_event(&mut self) -> Option<Event> {
        self.next()
    }
}

/// What a what-if run changes in the recorded session starts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rewrite {
    /// The new configuration's hash.
    pub config_hash: u64,
    /// The new instrument table's hash.
    pub instruments_hash: u64,
}

/// The recorded inputs from outside, for a run that makes its own reports: the venue's reports, session ends (the
/// sequencer makes them anew) and the preamble (the new run has its own) are left out.
pub struct Recorded<R> {
    reader: R,
    rewrite: Rewrite,
    head: Event,
    ready: bool,
}

impl<R: EventReader> Recorded<R> {
    /// The inputs from outside that `reader` yields.
    pub fn new(reader: R, rewrite: Rewrite) -> Self {
        Self { reader, rewrite, head: blank(), ready: false }
    }
}

impl<R: EventReader> Source for Recorded<R> {
    fn poll(&mut self) -> Head {
        while !self.ready {
            if !self.reader.read_into(&mut self.head) {
                return Head::Closed;
            }
            let kind = self.head.kind();
            let skip = matches!(kind, Kind::SessionEnd | Kind::ConfigText | Kind::Instrument);
            // What a broker reported is of its own market: the run makes its own reports.
            if skip || self.head.header.flags & FLAG_EXO == 0 || kind == Kind::Report {
                continue;
            }
            if kind == Kind::SessionStart {
                let start = self.head.body_mut::<SessionStart>();
                start.config_hash = self.rewrite.config_hash;
                start.instruments_hash = self.rewrite.instruments_hash;
            }
            self.ready = true;
        }
        Head::Ready
    }

    fn head(&self) -> &Event {
        &self.head
    }

    fn advance(&mut self) {
        self.ready = false;
    }
}
