//! A small kit to run the stage by hand; the tests are in the modules.

mod closing;
mod hours;
mod rebuilt;
mod state;
mod time;
mod volume;

use super::*;
use crate::config::InstrumentClass;
use crate::event::{
    FLAG_EXO, FLAG_REFUSED, Full, Ltp, MARKET_INDEX, MARKET_TRADE_TIME, MARKET_VOLUME, Quote, SessionEnd,
    Timer,
};
use crate::stage::stage_hash;
use crate::units::{Money, NS_PER_MS, NS_PER_S, Price, Qty, Seq};

/// 15 April 2021, 09:15 IST, in Unix seconds; the close is 15:30.
pub(super) const OPEN: u64 = 1_618_458_300;
/// Seconds of a session.
pub(super) const SESSION: u64 = 22_500;
/// Seconds from a session's open to the next day's.
pub(super) const DAY: u64 = 86_400;

/// The stage with one instrument or more, and what it emitted.
pub(super) struct Run {
    pub(super) bars: Bars,
    sequence: u64,
}

/// Takes what one call emits and holds it to the bound.
#[derive(Default)]
struct Sink(Vec<Event>, usize);

impl Emit for Sink {
    fn emit(&mut self, event: &Event) {
        self.1 += 1;
        assert!(self.1 <= EMIT_MAX, "a call emitted more than {EMIT_MAX} events");
        self.0.push(*event);
    }
}

impl Run {
    /// A run with `instruments` and a grace of 2 s, in the session of 15 April.
    pub(super) fn new(instruments: usize) -> Self {
        let mut run = Self { bars: Self::fresh(instruments), sequence: 0 };
        assert_eq!(run.feed(session_start(0)).len(), 0);
        run
    }

    /// The stage alone, before any session.
    pub(super) fn fresh(instruments: usize) -> Bars {
        let specs: Vec<_> = (0..instruments)
            .map(|n| InstrumentSpec {
                symbol: format!("NSE:T{n}"),
                token: n as u32 * 256 + 1,
                class: InstrumentClass::Equity,
                tradable: true,
                lot: Qty(1),
                tick: Price(500),
                multiplier: 1,
                freeze: Qty::ZERO,
                derivatives: false,
            })
            .collect();
        Bars::new(&specs, &BarsConfig { grace_ns: 2 * NS_PER_S })
    }

    /// Runs one input; what it caused besides itself.
    pub(super) fn feed(&mut self, mut event: Event) -> Vec<Event> {
        self.sequence += 1;
        event.header.seq = Seq(self.sequence);
        let mut sink = Sink::default();
        let mut progress = self.bars.on_event(&event, &mut sink);
        while progress == Progress::More {
            sink.1 = 0;
            progress = self.bars.resume(&mut sink);
        }
        let mut forwarded = sink.0.remove(0);
        let refused = sink.0.first().is_some_and(|event| event.kind() == Kind::DeadLetter);
        assert_eq!(forwarded.is_refused(), refused, "a refused tick is marked for the stages behind");
        forwarded.header.flags &= !FLAG_REFUSED;
        assert_eq!(forwarded.used_bytes(), event.used_bytes(), "the input comes first, otherwise unchanged");
        for output in &sink.0 {
            assert_eq!(output.header.seq, event.header.seq);
            assert_eq!(output.header.ts, event.header.ts);
            assert_eq!(output.header.source, StageId::Sequencer as u32);
            assert_eq!(output.header.flags, crate::event::FLAG_OUT);
        }
        sink.0
    }

    /// Runs one input that must cause nothing.
    pub(super) fn quiet(&mut self, event: Event) {
        assert_eq!(self.feed(event).iter().map(|event| event.kind()).collect::<Vec<_>>(), []);
    }

    /// Ends the session; the bars that were still open.
    pub(super) fn end(&mut self) -> Vec<Bar> {
        bars(&self.feed(session_end()))
    }

    pub(super) fn hash(&mut self) -> u128 {
        stage_hash(&mut self.bars)
    }
}

/// The bars among events, which must all be bars.
pub(super) fn bars(events: &[Event]) -> Vec<Bar> {
    events.iter().map(|event| *event.body::<Bar>()).collect()
}

/// The one bar of `timeframe` among `bars`.
pub(super) fn one(bars: &[Bar], timeframe: Timeframe) -> Bar {
    let found: Vec<_> = bars.iter().filter(|bar| bar.timeframe == timeframe as u8).collect();
    assert_eq!(found.len(), 1, "bars of {timeframe}");
    *found[0]
}

/// The timeframes of bars, in order.
pub(super) fn frames(bars: &[Bar]) -> Vec<Timeframe> {
    bars.iter().map(|bar| Timeframe::from_u8(bar.timeframe).unwrap()).collect()
}

/// Open, high, low, close, volume, changes.
pub(super) fn figures(bar: &Bar) -> (i64, i64, i64, i64, u64, u32) {
    (bar.open.0, bar.high.0, bar.low.0, bar.close.0, bar.volume, bar.trades)
}

/// Start and end in seconds from the open.
pub(super) fn span(bar: &Bar) -> (u64, u64) {
    ((bar.start.0 / NS_PER_S) - OPEN, (bar.end.0 / NS_PER_S) - OPEN)
}

/// The reason of a dead letter.
pub(super) fn reason(event: &Event) -> DeadReason {
    DeadReason::from_u8(event.body::<DeadLetter>().reason).unwrap()
}

/// Seconds from the open of 15 April as a time.
pub(super) fn at(seconds: u64) -> TsNs {
    TsNs((OPEN + seconds) * NS_PER_S)
}

/// Start of the session `days` days after 15 April, at its pre-open.
pub(super) fn session_start(days: u64) -> Event {
    let open = at(days * DAY);
    let body = SessionStart {
        date: 20_210_415 + days as u32,
        number: 1 + days as u32,
        pre_open: TsNs(open.0 - 900 * NS_PER_S),
        open,
        close: open.plus(SESSION * NS_PER_S),
        end: open.plus((SESSION + 2) * NS_PER_S),
        config_hash: 0,
        instruments_hash: 0,
        calendar_hash: 0,
        reserved: [0; 32],
    };
    let mut event = Event::new(InstrumentId::NONE, FLAG_EXO, &body);
    event.header.ts = body.pre_open;
    event
}

/// Hours of instrument `id` from `open` to `close`, in seconds from the session's open.
pub(super) fn hours(id: u32, open: u64, close: u64) -> Event {
    let body = event::Hours { open: at(open), close: at(close), reserved: [0; 16] };
    let mut event = Event::new(InstrumentId(id), FLAG_EXO, &body);
    event.header.ts = TsNs(at(0).0 - 900 * NS_PER_S);
    event
}

pub(super) fn session_end() -> Event {
    let mut event =
        Event::new(InstrumentId::NONE, FLAG_EXO, &SessionEnd { date: 0, number: 1, reserved: [0; 24] });
    event.header.ts = at(SESSION + 3);
    event
}

pub(super) fn timer(seconds: u64) -> Event {
    let mut event = Event::new(InstrumentId::NONE, FLAG_EXO, &Timer { due: at(seconds), reserved: [0; 24] });
    event.header.ts = at(seconds);
    event
}

/// A full packet of instrument `id` with an exchange time, received 0.3 s later; no last-trade time.
pub(super) fn full(id: u32, seconds: u64, last: i64, volume: u32) -> Event {
    let mut event = Event::new(InstrumentId(id), FLAG_EXO, &blank_full());
    let body = event.body_mut::<Full>();
    body.last = Price(last);
    body.volume = volume;
    body.exchange_secs = (OPEN + seconds) as u32;
    body.flags = MARKET_VOLUME | MARKET_TRADE_TIME;
    event.header.ts = at(seconds).plus(300 * NS_PER_MS);
    event
}

/// A quote packet without exchange time.
pub(super) fn quote(id: u32, millis: u64, last: i64, volume: u32) -> Event {
    let mut event = index(id, 0, last);
    let body = event.body_mut::<Quote>();
    body.exchange_secs = 0;
    body.volume = volume;
    body.flags = MARKET_VOLUME;
    event.header.ts = at(0).plus(millis * NS_PER_MS);
    event
}

/// A full index packet.
pub(super) fn index(id: u32, seconds: u64, last: i64) -> Event {
    let body = Quote {
        last: Price(last),
        received: at(seconds),
        source_seq: 7,
        flags: MARKET_INDEX,
        exchange_secs: (OPEN + seconds) as u32,
        average: Price::ZERO,
        open: Price::ZERO,
        high: Price::ZERO,
        low: Price::ZERO,
        close: Price::ZERO,
        last_qty: 0,
        volume: 0,
        buy_qty: 0,
        sell_qty: 0,
        change_raw: 0,
        reserved: [0; 4],
    };
    let mut event = Event::new(InstrumentId(id), FLAG_EXO, &body);
    event.header.ts = at(seconds).plus(300 * NS_PER_MS);
    event
}

/// A last-price packet.
pub(super) fn ltp(id: u32, millis: u64, last: i64) -> Event {
    let body = Ltp { last: Price(last), received: at(0), source_seq: 7, flags: 0, reserved: [0; 4] };
    let mut event = Event::new(InstrumentId(id), FLAG_EXO, &body);
    event.header.ts = at(0).plus(millis * NS_PER_MS);
    event
}

fn blank_full() -> Full {
    Full {
        last: Price::ZERO,
        received: at(1),
        source_seq: 9,
        flags: 0,
        exchange_secs: 0,
        average: Price::ZERO,
        open: Price::ZERO,
        high: Price::ZERO,
        low: Price::ZERO,
        close: Price::ZERO,
        last_qty: 0,
        volume: 0,
        buy_qty: 0,
        sell_qty: 0,
        last_trade_secs: 0,
        open_interest: 0,
        open_interest_high: 0,
        open_interest_low: 0,
        bid_qty: [0; 5],
        ask_qty: [0; 5],
        bid_delta: [0; 5],
        ask_delta: [0; 5],
        bid_orders: [0; 5],
        ask_orders: [0; 5],
        reserved: [0; 20],
    }
}

/// A generator of test numbers (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
