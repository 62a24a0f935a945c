//! Prices, volumes and books of the synthetic market. All prices are in ticks, all state is integers.

use super::SyntheticConfig;
use crate::error::FeedError;
use crate::kite::{
    FrameWriter, FullPacket, IndexPacket, Level, Mode, QuotePacket, divisor, encode_full, encode_index_full,
    encode_ltp, encode_quote,
};
use crate::rng::SplitMix64;
use pitlane_engine::config::{InstrumentClass, InstrumentSpec, SessionTimes};
use pitlane_engine::units::{NS_PER_S, Price, SCALE, TsNs};

/// Baskets that indices and index futures follow: all shares, and the banks among them.
const BASKETS: usize = 2;
/// A basket's value is the mean of `price / starting price`, in units of 2^-32.
const BASKET_ONE: i64 = 1 << 32;
/// Chance in bps that a tick is a trade; the others change the book alone.
const TRADE_BPS: u64 = 7_500;
/// A regime of trend or range lasts from this ...
const REGIME_NS: u64 = 360 * NS_PER_S;
/// ... to this much longer.
const REGIME_SPREAD_NS: u64 = 1_500 * NS_PER_S;
/// A trend moves a price by this many millionths at least, over its regime ...
const TREND_PPM: u64 = 2_000;
/// ... and up to this many more.
const TREND_SPREAD_PPM: u64 = 5_000;
/// Drift is applied for at most this long a silence, in microseconds: a halt does not end with a leap.
const SILENCE_US_MAX: u64 = 60_000_000;
/// A price stays within this share of its start, as circuit limits would have it, in percent.
const BAND_PERCENT: i64 = 20;
/// Fewest ticks in a starting price, so that five levels fit below it anywhere in the band.
const START_TICKS_MIN: i64 = 100;

/// Prices from which well-known instruments start, in rupees.
const STARTS: &[(&str, i64)] = &[
    ("NSE:NIFTY 50", 25_000),
    ("NSE:NIFTY BANK", 56_000),
    ("NFO:NIFTY", 25_080),
    ("NFO:BANKNIFTY", 56_150),
    ("NSE:RELIANCE", 1_420),
    ("NSE:TCS", 3_150),
    ("NSE:INFY", 1_510),
    ("NSE:HDFCBANK", 1_980),
    ("NSE:ICICIBANK", 1_440),
    ("NSE:SBIN", 820),
    ("NSE:AXISBANK", 1_170),
    ("NSE:LT", 3_620),
    ("NSE:ITC", 415),
];

/// All instruments and what they have in common.
#[derive(Debug)]
pub(super) struct Market {
    walks: Vec<Walk>,
    /// Sum over the members of each basket of `price / start`, in 2^-32.
    baskets: [i64; BASKETS],
    members: [i64; BASKETS],
    /// Trend common to all shares, in 1e-9 of the starting price a second.
    common_drift: i64,
    regime_end: u64,
}

/// One instrument.
#[derive(Debug)]
struct Walk {
    token: u32,
    mode: Mode,
    is_index: bool,
    /// Raw price units in a tick.
    raw_tick: i64,
    lot: u32,
    start: i64,
    lowest: i64,
    highest: i64,
    step: i64,
    /// Quantity behind the visible levels.
    hidden_qty: u32,
    /// The basket it follows, if any.
    follows: Option<usize>,
    /// What a tick of its price adds to each basket; zero if it is not a member.
    weight: [i64; BASKETS],
    last: i64,
    anchor: i64,
    /// Own trend in millionths of a tick a second; zero = range.
    drift: i64,
    /// Drift not yet moved, in 1e-12 ticks.
    carry: i64,
    moved_at: u64,
    regime_end: u64,
    day: Day,
}

/// The day's figures. Prices are in ticks.
#[derive(Debug, Default)]
struct Day {
    close: i64,
    open: i64,
    high: i64,
    low: i64,
    volume: u32,
    /// Σ raw price × quantity.
    turnover: u64,
    last_qty: u32,
    trade_secs: u32,
    open_interest: u32,
    open_interest_high: u32,
    open_interest_low: u32,
}

impl Market {
    pub(super) fn new(
        config: &SyntheticConfig,
        instruments: &[InstrumentSpec],
        session: &SessionTimes,
        rng: &mut SplitMix64,
    ) -> Result<Self, FeedError> {
        let mut members = [0; BASKETS];
        for instrument in instruments.iter().filter(|i| i.class == InstrumentClass::Equity) {
            let is_in = [true, is_bank(&instrument.symbol)];
            members.iter_mut().zip(is_in).for_each(|(count, is_in)| *count += i64::from(is_in));
        }
        let mut walks = Vec::with_capacity(instruments.len());
        for (id, instrument) in instruments.iter().enumerate() {
            let mode = config.modes.get(id).copied().unwrap_or_default();
            walks.push(Walk::new(config, instrument, mode, session, &members, rng)?);
        }
        let mut baskets = [0; BASKETS];
        for walk in &walks {
            baskets.iter_mut().zip(walk.weight).for_each(|(basket, weight)| *basket += walk.last * weight);
        }
        Ok(Self { walks, baskets, members, common_drift: 0, regime_end: session.open.0 })
    }

    /// Lets time pass: the common trend changes with its regime.
    pub(super) fn pass_to(&mut self, now: TsNs, rng: &mut SplitMix64) {
        if now.0 >= self.regime_end {
            let length = REGIME_NS + rng.below(REGIME_SPREAD_NS);
            self.regime_end = now.0 + length;
            let reach = (TREND_PPM * 1_000 * NS_PER_S / length) as i64;
            self.common_drift = rng.around_zero(reach);
        }
    }

    /// Moves instrument `id` and adds its packet to the frame.
    pub(super) fn packet(&mut self, id: usize, now: TsNs, rng: &mut SplitMix64, writer: &mut FrameWriter) {
        let walk = &mut self.walks[id];
        // An index has no trades of its own: it is computed at every update.
        if walk.is_index || rng.chance_bps(TRADE_BPS) || walk.day.trade_secs == 0 {
            let target = walk.follows.map(|basket| {
                let ratio = self.baskets[basket] / self.members[basket];
                (i128::from(walk.start) * i128::from(ratio) / i128::from(BASKET_ONE)) as i64
            });
            let before = walk.last;
            walk.move_to(now.0, target, self.common_drift, rng);
            walk.trade(now, rng);
            for (basket, weight) in self.baskets.iter_mut().zip(walk.weight) {
                *basket += (walk.last - before) * weight;
            }
        }
        walk.write(now, rng, writer);
    }
}

impl Walk {
    fn new(
        config: &SyntheticConfig,
        spec: &InstrumentSpec,
        mode: Mode,
        session: &SessionTimes,
        members: &[i64; BASKETS],
        rng: &mut SplitMix64,
    ) -> Result<Self, FeedError> {
        let raw_tick = raw_tick(spec)?;
        let start = (start_price(spec).0 / spec.tick.0).max(START_TICKS_MIN);
        let close = start;
        // The day opens up to 0.4 % away from yesterday's close.
        let open = (start + rng.around_zero(start / 250)).max(START_TICKS_MIN);
        let is_index = spec.class == InstrumentClass::Index;
        let is_equity = spec.class == InstrumentClass::Equity;
        let basket = usize::from(is_bank(&spec.symbol) && members[1] > 0);
        let follows = (is_index || spec.class == InstrumentClass::Future && spec.symbol.contains("NIFTY"))
            .then_some(basket)
            .filter(|basket| members[*basket] > 0);
        let inverse = BASKET_ONE / start;
        let is_in = [is_equity, is_equity && is_bank(&spec.symbol)];
        let last = if follows.is_some() { start } else { open };
        let lot = u32::try_from(spec.lot.0).unwrap_or(u32::MAX).max(1);
        let open_interest = if is_index || is_equity { 0 } else { lot.saturating_mul(200_000) };
        Ok(Self {
            token: spec.token,
            mode,
            is_index,
            raw_tick,
            lot,
            start,
            lowest: start - start * BAND_PERCENT / 100,
            highest: start + start * BAND_PERCENT / 100,
            step: (start * i64::from(config.step_ppm) / 1_000_000).max(1),
            hidden_qty: lot.saturating_mul(20_000),
            follows,
            weight: is_in.map(|is_in| if is_in { inverse } else { 0 }),
            last,
            anchor: last,
            drift: 0,
            carry: 0,
            moved_at: session.open.0,
            regime_end: session.open.0,
            day: Day {
                close,
                open_interest,
                open_interest_high: open_interest,
                open_interest_low: open_interest,
                ..Day::default()
            },
        })
    }

    /// A new regime: up, down, or a range around the present price.
    fn change_regime(&mut self, now: u64, rng: &mut SplitMix64) {
        let length = REGIME_NS + rng.below(REGIME_SPREAD_NS);
        self.regime_end = now + length;
        self.anchor = self.last;
        let ppm = (TREND_PPM + rng.below(TREND_SPREAD_PPM)) as i64;
        let seconds = (length / NS_PER_S) as i64;
        // start × ppm / 1e6 ticks over the regime, in 1e-6 ticks a second.
        let drift = self.start * ppm / seconds;
        self.drift = match rng.below(4) {
            0 => drift,
            1 => -drift,
            _ => 0,
        };
    }

    fn move_to(&mut self, now: u64, target: Option<i64>, common_drift: i64, rng: &mut SplitMix64) {
        let us = ((now - self.moved_at) / 1_000).min(SILENCE_US_MAX) as i64;
        self.moved_at = now;
        let delta = if let Some(target) = target {
            // An index is its basket; a future comes a quarter of the way and has noise of its own.
            let gap = target - self.last;
            if self.is_index { gap } else { gap / 4 + rng.around_zero(self.step) }
        } else {
            if now >= self.regime_end {
                self.change_regime(now, rng);
            }
            let drift = self.drift + self.start * common_drift / 1_000;
            self.carry += drift * us;
            let whole = self.carry / 1_000_000_000_000;
            self.carry -= whole * 1_000_000_000_000;
            let pull = if self.drift == 0 { (self.anchor - self.last) / 64 } else { 0 };
            whole + pull + rng.around_zero(self.step)
        };
        self.last = (self.last + delta).clamp(self.lowest, self.highest);
    }

    fn trade(&mut self, now: TsNs, rng: &mut SplitMix64) {
        let day = &mut self.day;
        if day.open == 0 {
            (day.open, day.high, day.low) = (self.last, self.last, self.last);
        }
        day.high = day.high.max(self.last);
        day.low = day.low.min(self.last);
        day.trade_secs = secs(now);
        if self.is_index {
            return;
        }
        let lots = 1 + (rng.below(40) * rng.below(10)) as u32;
        day.last_qty = self.lot.saturating_mul(lots);
        day.volume = day.volume.saturating_add(day.last_qty);
        let raw = (self.last * self.raw_tick) as u64;
        day.turnover = day.turnover.saturating_add(raw.saturating_mul(u64::from(day.last_qty)));
        if day.open_interest > 0 {
            let change = rng.around_zero(2) * i64::from(self.lot);
            let changed =
                (i64::from(day.open_interest) + change).clamp(i64::from(self.lot), i64::from(u32::MAX));
            day.open_interest = changed as u32;
            day.open_interest_high = day.open_interest_high.max(day.open_interest);
            day.open_interest_low = day.open_interest_low.min(day.open_interest);
        }
    }

    fn raw(&self, ticks: i64) -> u32 {
        u32::try_from(ticks * self.raw_tick).expect("the band was checked to fit the wire's price field")
    }

    fn write(&self, now: TsNs, rng: &mut SplitMix64, writer: &mut FrameWriter) {
        let day = &self.day;
        if self.mode == Mode::Ltp {
            encode_ltp(self.token, self.raw(self.last), writer.packet());
            return;
        }
        if self.is_index {
            let packet = IndexPacket {
                token: self.token,
                last: self.raw(self.last),
                high: self.raw(day.high),
                low: self.raw(day.low),
                open: self.raw(day.open),
                close: self.raw(day.close),
                change: 0,
                exchange_secs: secs(now),
            };
            encode_index_full(&packet, writer.packet());
            return;
        }
        let (bids, asks) = self.book(rng);
        let total = |levels: &[Level; 5]| {
            levels.iter().fold(self.hidden_qty, |sum, level| sum.saturating_add(level.quantity))
        };
        let quote = QuotePacket {
            token: self.token,
            last: self.raw(self.last),
            last_qty: day.last_qty,
            average: (day.turnover / u64::from(day.volume.max(1))) as u32,
            volume: day.volume,
            buy_qty: total(&bids),
            sell_qty: total(&asks),
            open: self.raw(day.open),
            high: self.raw(day.high),
            low: self.raw(day.low),
            close: self.raw(day.close),
        };
        if self.mode == Mode::Quote {
            encode_quote(&quote, writer.packet());
            return;
        }
        let packet = FullPacket {
            quote,
            last_trade_secs: day.trade_secs,
            open_interest: day.open_interest,
            open_interest_high: day.open_interest_high,
            open_interest_low: day.open_interest_low,
            exchange_secs: secs(now),
            bids,
            asks,
        };
        encode_full(&packet, writer.packet());
    }

    /// Five contiguous levels a side, one or two ticks apart; the last price is the best of one side.
    fn book(&self, rng: &mut SplitMix64) -> ([Level; 5], [Level; 5]) {
        let shape = rng.next();
        let spread = 1 + (shape & 1) as i64;
        let best_ask = self.last + if shape & 2 == 0 { 0 } else { spread };
        let best_bid = best_ask - spread;
        (self.side(best_bid, -1, rng.next()), self.side(best_ask, 1, rng.next()))
    }

    /// Levels from `best` outwards, 12 bits of `random` each.
    fn side(&self, best: i64, direction: i64, random: u64) -> [Level; 5] {
        std::array::from_fn(|level| {
            let bits = (random >> (12 * level)) as u32;
            let lots = 1 + (bits & 0xff);
            let orders = 1 + ((bits >> 8) & 0xf) as u16;
            let price = self.raw(best + direction * level as i64);
            Level { quantity: self.lot.saturating_mul(lots), price, orders }
        })
    }
}

fn secs(now: TsNs) -> u32 {
    u32::try_from(now.0 / NS_PER_S).expect("a time before the year 2106")
}

fn is_bank(symbol: &str) -> bool {
    symbol.contains("BANK") || symbol == "NSE:SBIN"
}

/// Raw price units of one tick.
fn raw_tick(spec: &InstrumentSpec) -> Result<i64, FeedError> {
    let refuse = |allowed| FeedError::Setting {
        what: format!("the tick of {}", spec.symbol),
        value: spec.tick.to_string(),
        allowed,
    };
    let scaled = spec.tick.0.checked_mul(i64::from(divisor(spec.token))).filter(|scaled| *scaled > 0);
    let scaled = scaled.filter(|scaled| scaled % SCALE == 0);
    let raw = scaled.ok_or_else(|| refuse("a whole number of the packet's price units"))? / SCALE;
    let start = (start_price(spec).0 / spec.tick.0).max(START_TICKS_MIN);
    let highest = (start + start * BAND_PERCENT / 100 + 10).checked_mul(raw);
    if highest.is_none_or(|highest| highest > i64::from(u32::MAX)) {
        return Err(refuse("small enough that a hundred ticks fit the packet's price field"));
    }
    Ok(raw)
}

/// Where an instrument starts: a known price, or one that its token determines.
fn start_price(spec: &InstrumentSpec) -> Price {
    let known = STARTS.iter().find(|(symbol, _)| match spec.class {
        InstrumentClass::Future => spec.symbol.starts_with(symbol) && symbol.starts_with("NFO:"),
        _ => spec.symbol == *symbol,
    });
    let rupees = match (known, spec.class, spec.token & 0xff) {
        (Some((_, rupees)), ..) => *rupees,
        (None, _, 3 | 6) => 60 + i64::from(spec.token >> 8) % 40,
        (None, InstrumentClass::Option, _) => 50 + i64::from(spec.token >> 8) % 450,
        (None, InstrumentClass::Index, _) => 10_000 + i64::from(spec.token >> 8) % 20_000,
        (None, ..) => 100 + i64::from(spec.token >> 8) % 2_900,
    };
    Price(rupees * SCALE)
}
