//! `multi_factor_momentum` behind the real bars, against a computation from the ticks of a whole random day.

use super::multi_factor::{momentum, quote};
use super::*;
use crate::stages::bars::Bars;

/// A market event of the day.
#[derive(Clone, Copy)]
struct Tick {
    ts: u64,
    paise: i64,
    /// The day's volume and the waiting quantities, unless the packet is in last-price mode.
    quote: Option<(u32, u32, u32)>,
}

/// Three hours with gaps, corrections of the volume, packets without a trade and packets without a book.
fn day(mut state: u64) -> Vec<Tick> {
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut ts, mut paise, mut volume) = (OPEN, 150_000_i64, 5_000_u32);
    let mut ticks = Vec::new();
    while ts < OPEN + 3 * 3_600 * NS_PER_S {
        let pause = if random(20) == 0 { 200 } else { 12 };
        ts += random(pause) * NS_PER_S + 1;
        paise += random(201) as i64 - 100;
        match random(10) {
            0 => volume -= 20,
            1..=3 => {}
            _ => volume += random(500) as u32,
        }
        let (buy, sell) = if random(15) == 0 { (0, 0) } else { (random(900) as u32, random(900) as u32) };
        let quote = (random(12) > 0).then_some((volume, buy, sell));
        ticks.push(Tick { ts, paise, quote });
    }
    ticks
}

/// What the two stages say to the day.
fn shown(strategy: StrategyConfig, ticks: &[Tick]) -> (Vec<(u64, Action, SignalReason)>, u128) {
    let config = config(1, vec![strategy]);
    let mut bars = Bars::new(&config.instruments, &config.bars);
    let mut bench = Bench::new(&config);
    let start = SessionStart {
        date: 20_210_415,
        number: 1,
        pre_open: TsNs(OPEN),
        open: TsNs(OPEN),
        close: TsNs(CLOSE),
        end: TsNs(CLOSE),
        config_hash: 0,
        instruments_hash: 0,
        calendar_hash: 0,
        reserved: [0; 32],
    };
    assert_eq!(
        bars.on_event(&Event::new(InstrumentId::NONE, FLAG_EXO, &start), &mut Collected::default()),
        Progress::Done
    );
    let mut signals = Vec::new();
    for tick in ticks {
        let last = Price(tick.paise * 100);
        let ltp = Ltp { last, received: TsNs(tick.ts), source_seq: 0, flags: 0, reserved: [0; 4] };
        let mut event = match tick.quote {
            None => Event::new(InstrumentId(0), FLAG_EXO, &ltp),
            Some((volume, buy, sell)) => {
                Event::new(InstrumentId(0), FLAG_EXO, &quote(tick.ts, tick.paise, Some(volume), buy, sell))
            }
        };
        event.header.ts = TsNs(tick.ts);
        let mut between = Collected::default();
        assert_eq!(bars.on_event(&event, &mut between), Progress::Done);
        let mut out = Collected::default();
        for event in &between.0 {
            assert_eq!(bench.stage.on_event(event, &mut out), Progress::Done);
        }
        for event in out.0.iter().filter(|event| event.kind() == Kind::Signal) {
            let (action, reason) = said(&[*event.body::<Signal>()])[0];
            signals.push((tick.ts, action, reason));
        }
    }
    (signals, stage_hash(&mut bench.stage))
}

/// RSI from the whole series at once, in another form of the recurrence.
fn rsi(period: usize, closes: &[f64]) -> Option<f64> {
    let changes: Vec<f64> = closes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let seed = changes.get(..period)?;
    let average = |sign: f64| {
        let part = |change: &f64| (sign * change).max(0.0);
        let first = seed.iter().map(part).sum::<f64>() / period as f64;
        changes[period..].iter().map(part).fold(first, |mean, value| mean + (value - mean) / period as f64)
    };
    let (gain, loss) = (average(1.0), average(-1.0));
    Some(100.0 - 100.0 / (1.0 + gain / loss))
}

/// The rules, read from the specification, over the ticks up to each end of a period of `minutes`.
fn expected(
    ticks: &[Tick],
    minutes: u64,
    period: usize,
    short: bool,
    required: bool,
) -> Vec<(u64, Action, SignalReason)> {
    use {Action::*, SignalReason::*};
    let minute = |tick: &Tick| (tick.ts - OPEN) / (60 * NS_PER_S);
    let (mut said, mut position, mut hold) = (Vec::new(), Exit, None);
    let (mut book, mut before, mut highest) = (None, None, None::<u32>);
    // Ticks that moved a bar: minute, price, volume.
    let mut moved: Vec<(u64, f64, f64)> = Vec::new();
    let mut judged = 0;
    for tick in ticks {
        let price = tick.paise as f64 / 100.0;
        if let Some((_, buy, sell)) = tick.quote {
            let (buy, sell) = (f64::from(buy), f64::from(sell));
            book = (buy + sell > 0.0).then_some((buy - sell) / (buy + sell));
        }
        if moved.len() > judged && moved.last().is_some_and(|last| last.0 / minutes < minute(tick) / minutes)
        {
            judged = moved.len();
            let closes: Vec<f64> =
                moved.chunk_by(|a, b| a.0 == b.0).map(|minute| minute.last().unwrap().1).collect();
            let volume: f64 = moved.iter().map(|m| m.2).sum();
            let vwap = moved.iter().map(|m| m.1 * m.2).sum::<f64>() / volume;
            let now = match rsi(period, &closes) {
                None => (Hold, IndicatorsNotReady),
                Some(_) if volume == 0.0 => (Hold, VwapMissing),
                Some(rsi) => {
                    let (up, down) =
                        (book.map_or(!required, |b| b > 0.0), book.map_or(!required, |b| b < 0.0));
                    let long = price > vwap && rsi > 50.0 && up;
                    let sold = short && price < vwap && rsi < 50.0 && down;
                    let out = match position {
                        Long => price < vwap || rsi < 45.0,
                        Short => price > vwap || rsi > 55.0,
                        _ => false,
                    };
                    match position {
                        Long if long => (Hold, FactorsAlign),
                        Short if sold => (Hold, FactorsAlign),
                        _ if long => (Long, FactorsAlign),
                        _ if sold => (Short, FactorsAlign),
                        _ if out => (Exit, FactorsFail),
                        _ if required && book.is_none() => (Hold, ObiMissing),
                        _ => (Hold, FactorsFail),
                    }
                }
            };
            if now.0 != Hold {
                position = now.0;
            }
            if now.0 != Hold || hold != Some(now.1) {
                said.push((tick.ts, now.0, now.1));
            }
            hold = Some(now.1);
        }
        let volume = tick.quote.map(|quote| quote.0);
        if volume.is_none() || before.is_none() || volume != before {
            let increase = volume.map_or(0, |volume| volume.saturating_sub(highest.unwrap_or(volume)));
            moved.push((minute(tick), price, f64::from(increase)));
        }
        before = volume.or(before);
        highest = highest.max(volume);
    }
    said
}

#[test]
fn random_days_equal_a_computation_from_their_ticks() {
    let mut entries = [0; 2];
    for seed in 1..=20_u64 {
        let ticks = day(seed);
        for (timeframe, minutes) in [(Timeframe::M1, 1), (Timeframe::M5, 5)] {
            for (short, obi) in [(false, 0.0), (true, 0.0), (true, 1.0)] {
                println!("seed {seed}, {timeframe}, short {short}, obi {obi}");
                let params = [("rsi_period", 5.0), ("obi", obi)];
                let strategy = momentum(timeframe, short, &params);
                let (signals, hash) = shown(strategy.clone(), &ticks);
                assert_eq!(signals, expected(&ticks, minutes, 5, short, obi == 1.0));
                assert_eq!(shown(strategy, &ticks), (signals.clone(), hash), "the same again");
                entries[0] += signals.iter().filter(|signal| signal.1 == Action::Long).count();
                entries[1] += signals.iter().filter(|signal| signal.1 == Action::Short).count();
            }
        }
    }
    println!("longs and shorts: {entries:?}");
    assert!(entries.iter().all(|&entries| entries >= 100), "{entries:?}");
}
