//! The market data of a journal's first session, as the frames they once were.

use pitlane_engine::config::{InstrumentClass, InstrumentHours, InstrumentSpec, SessionPlan, SessionTimes};
use pitlane_engine::event::{Event, Full, Hours, Kind, Ltp, Quote, SessionStart};
use pitlane_engine::feed::{FeedItem, FrameFeed};
use pitlane_engine::units::{Price, TsNs};
use pitlane_feeds::kite::{
    FrameWriter, FullPacket, IndexPacket, Level, QuotePacket, encode_full, encode_index_full, encode_ltp,
    encode_quote, raw_price,
};
use pitlane_store::{EventStream, Head, INPUTS};
use std::path::Path;

/// Reads one session.
pub(crate) struct JournalFeed {
    stream: EventStream,
    instruments: Vec<InstrumentSpec>,
    /// The first market event, which was read to find the session's hours.
    first: Option<Event>,
    writer: FrameWriter,
    ended: bool,
}

impl JournalFeed {
    /// Opens a journal and reads its first session's hours.
    pub(crate) fn open(dir: &Path, head: &Head) -> anyhow::Result<(Self, SessionPlan)> {
        let SessionStart { date, pre_open, open, close, end, .. } = head.first_session;
        let times = SessionTimes { date, pre_open, open, close, end };
        let mut plan = SessionPlan::from(times);
        let mut stream = EventStream::open(dir, INPUTS)?;
        let (mut started, mut first) = (false, None);
        while let Some(event) = stream.try_next()? {
            match event.kind() {
                Kind::SessionStart => started = true,
                Kind::Hours => {
                    let &Hours { open, close, .. } = event.body();
                    plan.hours.push(InstrumentHours { instrument: event.header.instrument, open, close });
                }
                _ if started => {
                    first = Some(event);
                    break;
                }
                _ => {}
            }
        }
        let instruments = head.instruments.clone();
        Ok((Self { stream, instruments, first, writer: FrameWriter::new(1), ended: false }, plan))
    }

    /// Writes the packet of a market event; whether it could be written.
    fn write(&mut self, event: &Event) -> bool {
        let Some(spec) = self.instruments.get(event.header.instrument.index()) else { return false };
        let token = spec.token;
        let raw = |price: Price| raw_price(token, price).unwrap_or(0);
        self.writer.clear();
        match event.kind() {
            Kind::Ltp => encode_ltp(token, raw(event.body::<Ltp>().last), self.writer.packet()),
            Kind::Quote if spec.class == InstrumentClass::Index => {
                let q = event.body::<Quote>();
                let packet = IndexPacket {
                    token,
                    last: raw(q.last),
                    high: raw(q.high),
                    low: raw(q.low),
                    open: raw(q.open),
                    close: raw(q.close),
                    change: q.change_raw,
                    exchange_secs: q.exchange_secs,
                };
                encode_index_full(&packet, self.writer.packet());
            }
            Kind::Quote => {
                let q = event.body::<Quote>();
                let packet = QuotePacket {
                    token,
                    last: raw(q.last),
                    last_qty: q.last_qty,
                    average: raw(q.average),
                    volume: q.volume,
                    buy_qty: q.buy_qty,
                    sell_qty: q.sell_qty,
                    open: raw(q.open),
                    high: raw(q.high),
                    low: raw(q.low),
                    close: raw(q.close),
                };
                encode_quote(&packet, self.writer.packet());
            }
            Kind::Full => encode_full(&full(token, event.body()), self.writer.packet()),
            _ => return false,
        }
        true
    }
}

fn full(token: u32, f: &Full) -> FullPacket {
    let raw = |price: Price| raw_price(token, price).unwrap_or(0);
    let levels = |quantity: &[u32; 5], delta: &[i32; 5], orders: &[u16; 5]| {
        std::array::from_fn(|at| match quantity[at] {
            0 => Level::default(),
            quantity => {
                let price = raw(Price(f.last.0 + i64::from(delta[at])));
                Level { quantity, price, orders: orders[at] }
            }
        })
    };
    let quote = QuotePacket {
        token,
        last: raw(f.last),
        last_qty: f.last_qty,
        average: raw(f.average),
        volume: f.volume,
        buy_qty: f.buy_qty,
        sell_qty: f.sell_qty,
        open: raw(f.open),
        high: raw(f.high),
        low: raw(f.low),
        close: raw(f.close),
    };
    FullPacket {
        quote,
        last_trade_secs: f.last_trade_secs,
        open_interest: f.open_interest,
        open_interest_high: f.open_interest_high,
        open_interest_low: f.open_interest_low,
        exchange_secs: f.exchange_secs,
        bids: levels(&f.bid_qty, &f.bid_delta, &f.bid_orders),
        asks: levels(&f.ask_qty, &f.ask_delta, &f.ask_orders),
    }
}

impl FrameFeed for JournalFeed {
    fn poll(&mut self) -> FeedItem<'_> {
        while !self.ended {
            let event = match self.first.take() {
                Some(event) => event,
                None => match self.stream.try_next() {
                    Ok(Some(event)) => event,
                    Ok(None) => break,
                    Err(error) => {
                        eprintln!("error: the market ends here: {error}");
                        break;
                    }
                },
            };
            self.ended = event.kind() == Kind::SessionEnd;
            let received: TsNs = event.header.ts;
            if matches!(event.kind(), Kind::Ltp | Kind::Quote | Kind::Full) && self.write(&event) {
                return FeedItem::Frame { received, bytes: self.writer.bytes() };
            }
        }
        self.ended = true;
        FeedItem::Closed
    }
}
