//! Market data that means harm: jumps, absurd prices, packets of other times, books that are thin or crossed, silence.

use crate::scenario::pick;
use pitlane_engine::config::{InstrumentClass, InstrumentSpec, SessionPlan};
use pitlane_engine::event::{Event, FLAG_EXO, Full, Ltp, MARKET_VOLUME, Quote};
use pitlane_engine::sequencer::SOURCE_FEED;
use pitlane_engine::units::{InstrumentId, NS_PER_MS, NS_PER_S, Price, TsNs};
use pitlane_tests::Rng;

/// The largest price a packet can hold: 2³¹ − 1 paise.
const PRICE_MAX: i64 = i32::MAX as i64 * 100;

/// In what mode an instrument's packets come.
#[derive(Clone, Copy)]
enum Mode {
    Ltp,
    Quote,
    Full,
}

struct Line {
    mode: Mode,
    price: i64,
    volume: u32,
    /// No packets from, until: the exchange halted it.
    halt: (TsNs, TsNs),
}

/// The packets of a session.
pub(crate) fn ticks(rng: &mut Rng, instruments: &[InstrumentSpec], plan: &SessionPlan) -> Vec<Event> {
    let times = plan.times;
    let wild = rng.below(3) != 0;
    let mut lines: Vec<Line> = instruments
        .iter()
        .map(|_| {
            let start = times.open.plus(rng.below(30) * NS_PER_S);
            Line {
                mode: pick(rng, &[Mode::Ltp, Mode::Quote, Mode::Full, Mode::Full]),
                price: pick(rng, &[20_000, 1_000_000, 20_000_000]),
                volume: 1_000,
                halt: (start, start.plus(rng.below(3) * 5 * NS_PER_S)),
            }
        })
        .collect();
    let mut events = Vec::new();
    let mut ts = times.pre_open;
    let mut number = 0;
    while ts < times.end {
        number += 1;
        let at = rng.below(instruments.len() as u64) as usize;
        let line = &mut lines[at];
        if ts < line.halt.0 || ts >= line.halt.1 {
            events.push(packet(rng, at, &instruments[at], line, (ts, number), wild));
        }
        ts = ts.plus(pick(rng, &[0, 1, 1, 2, 5, 30, 70]) * NS_PER_MS);
    }
    events
}

fn packet(
    rng: &mut Rng,
    at: usize,
    spec: &InstrumentSpec,
    line: &mut Line,
    (ts, number): (TsNs, u64),
    wild: bool,
) -> Event {
    let step = (line.price / 4_000).max(spec.tick.0) / spec.tick.0 * spec.tick.0;
    line.price = (line.price + (rng.below(9) as i64 - 4) * step).clamp(spec.tick.0, PRICE_MAX / 8);
    line.volume = line.volume.saturating_add(rng.below(400) as u32);
    let mut last = line.price;
    if wild {
        match rng.below(900) {
            0 => line.price = (line.price * 3).min(PRICE_MAX / 8),
            1 => line.price = (line.price / 3).max(spec.tick.0),
            2 => last *= 3,
            3 => last = (last / 3).max(1),
            4 => last = 100,
            5 => last = PRICE_MAX,
            6..30 => last += 100,
            _ => {}
        }
    }
    let id = InstrumentId(at as u32);
    let mut secs = (ts.0 / NS_PER_S) as u32;
    if rng.below(60) == 0 {
        secs = pick(rng, &[secs - 86_400, secs - 9, secs + 60, 0]);
    }
    let mut event = match line.mode {
        Mode::Ltp => {
            let body =
                Ltp { last: Price(last), received: ts, source_seq: number, flags: 0, reserved: [0; 4] };
            Event::new(id, FLAG_EXO, &body)
        }
        Mode::Quote => Event::new(id, FLAG_EXO, &quote(spec, line, last, ts, number)),
        Mode::Full => Event::new(id, FLAG_EXO, &full(rng, spec, line, (last, secs), ts, number)),
    };
    event.header.ts = ts;
    event.header.source = SOURCE_FEED;
    event
}

fn flags(spec: &InstrumentSpec) -> u32 {
    if spec.class == InstrumentClass::Index { 0 } else { MARKET_VOLUME }
}

fn quote(spec: &InstrumentSpec, line: &Line, last: i64, received: TsNs, source_seq: u64) -> Quote {
    let day = Price(last);
    Quote {
        last: day,
        received,
        source_seq,
        flags: flags(spec),
        exchange_secs: 0,
        average: day,
        open: day,
        high: day,
        low: day,
        close: day,
        last_qty: 1,
        volume: line.volume,
        buy_qty: 10,
        sell_qty: 20,
        change_raw: 0,
        reserved: [0; 4],
    }
}

fn full(
    rng: &mut Rng,
    spec: &InstrumentSpec,
    line: &Line,
    (last, exchange_secs): (i64, u32),
    received: TsNs,
    source_seq: u64,
) -> Full {
    let day = Price(last);
    let lot = spec.lot.0 as u32;
    let quantity = |rng: &mut Rng| match rng.below(5) {
        0 => 0,
        1 => rng.below(u64::from(lot) * 2) as u32,
        _ => lot * rng.below(60) as u32,
    };
    let tick = spec.tick.0 as i32;
    let crossed = if rng.below(40) == 0 { -3 } else { 0 };
    let bare = rng.below(12) == 0;
    let level = |n: usize, sign: i32| sign * (n as i32 + 1 + crossed) * tick;
    let sizes = |rng: &mut Rng| std::array::from_fn(|_| if bare { 0 } else { quantity(rng) });
    Full {
        last: day,
        received,
        source_seq,
        flags: flags(spec),
        exchange_secs,
        average: day,
        open: day,
        high: day,
        low: day,
        close: day,
        last_qty: 1,
        volume: line.volume,
        buy_qty: 10,
        sell_qty: 20,
        last_trade_secs: exchange_secs,
        open_interest: 0,
        open_interest_high: 0,
        open_interest_low: 0,
        bid_qty: sizes(rng),
        ask_qty: sizes(rng),
        bid_delta: std::array::from_fn(|n| level(n, -1)),
        ask_delta: std::array::from_fn(|n| level(n, 1)),
        bid_orders: [1; 5],
        ask_orders: [1; 5],
        reserved: [0; 20],
    }
}
