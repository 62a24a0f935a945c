//! Bars against bars built straight from the ticks, without a cascade, from the definitions alone.

use super::*;
use crate::event::BAR_AFTER_GAP;
use std::collections::BTreeMap;

const INSTRUMENTS: usize = 3;
const GRACE: u64 = 2;

/// A bar as the definitions give it; times in seconds from the open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Expected {
    open: i64,
    high: i64,
    low: i64,
    close: i64,
    volume: u64,
    turnover: i64,
    trades: u32,
    open_interest: u32,
}

/// One instrument, by definition: every period that a moving tick fell into, whatever became of it since.
#[derive(Default)]
struct Model {
    periods: BTreeMap<(u8, u64), Expected>,
    /// The latest end of a closed period.
    closed_until: u64,
    seen: Vec<(u32, u32)>,
    late: u64,
}

fn period(timeframe: Timeframe, second: u64) -> (u64, u64) {
    let Some(length) = timeframe.seconds() else { return (0, SESSION) };
    let start = second / length * length;
    (start, (start + length).min(SESSION))
}

impl Model {
    /// Closes what ends at or before `second`; a period that a later tick begins is not closed by that.
    fn reach(&mut self, second: u64) {
        let ends = self.periods.keys().map(|&(code, start)| {
            let timeframe = Timeframe::from_u8(code).unwrap();
            period(timeframe, start).1
        });
        self.closed_until = ends.filter(|&end| end <= second).max().unwrap_or(0).max(self.closed_until);
    }

    fn late(&self, second: u64) -> bool {
        let newest_second = self.periods.keys().filter(|key| key.0 == 1).map(|key| key.1).max().unwrap_or(0);
        second < self.closed_until || second < newest_second
    }

    fn tick(&mut self, second: u64, last: i64, volume: u32, trade_secs: u32, open_interest: u32) -> bool {
        if self.late(second) {
            self.late += 1;
            return false;
        }
        let moved = self.seen.last() != Some(&(volume, trade_secs)) || (volume, trade_secs) == (0, 0);
        let maximum = self.seen.iter().map(|packet| packet.0).max();
        let added = maximum.map_or(0, |maximum| volume.saturating_sub(maximum));
        self.seen.push((volume, trade_secs));
        self.reach(second);
        for &timeframe in Timeframe::ALL {
            let key = (timeframe as u8, period(timeframe, second).0);
            if moved {
                let bar = self.periods.entry(key).or_insert_with(|| Expected {
                    open: last,
                    high: last,
                    low: last,
                    ..Expected::default()
                });
                bar.high = bar.high.max(last);
                bar.low = bar.low.min(last);
                bar.close = last;
                bar.volume += u64::from(added);
                bar.turnover += last * i64::from(added);
                bar.trades += 1;
            }
            if let Some(bar) = self.periods.get_mut(&key) {
                bar.open_interest = open_interest;
            }
        }
        true
    }
}

/// Runs one random stream through the stage and the model, and compares all bars.
fn compare(seed: u64) {
    let mut random = Random(seed);
    let mut run = Run::new(INSTRUMENTS);
    let mut models: Vec<Model> = (0..INSTRUMENTS).map(|_| Model::default()).collect();
    let mut emitted = Vec::new();
    let (mut now, mut volumes, mut trade_secs) = (0, [0_u32; INSTRUMENTS], [0_u32; INSTRUMENTS]);
    for step in 0..2_500_u64 {
        now += match random.below(100) {
            0 => random.below(700),
            1..10 => random.below(90),
            _ => random.below(3),
        };
        if now >= SESSION {
            break;
        }
        if random.below(4) == 0 {
            emitted.extend(run.feed(timer(now)));
            for model in &mut models {
                model.reach(now.saturating_sub(GRACE));
            }
            continue;
        }
        let id = random.below(INSTRUMENTS as u64) as usize;
        // A third of the packets show no trade; a few show a dip; the exchange's clock lags by up to five
        // seconds.
        let mut volume = volumes[id];
        match random.below(12) {
            0..4 => {}
            4 => volume = volume.saturating_sub(random.below(50) as u32),
            5 => trade_secs[id] = step as u32,
            _ => volume += random.below(400) as u32,
        }
        volumes[id] = volumes[id].max(volume);
        let second = if random.below(6) == 0 { now.saturating_sub(random.below(6)) } else { now };
        let last = 10_000 + random.below(500) as i64;
        let mut event = full(id as u32, second, last, volume);
        event.header.ts = at(now);
        event.body_mut::<Full>().last_trade_secs = trade_secs[id];
        event.body_mut::<Full>().open_interest = step as u32;
        let used = models[id].tick(second, last, volume, trade_secs[id], step as u32);
        let outputs = run.feed(event);
        assert_eq!(
            outputs.iter().any(|event| event.kind() == Kind::DeadLetter),
            !used,
            "seed {seed} step {step}"
        );
        emitted.extend(outputs);
    }
    emitted.extend(run.feed(session_end()));
    emitted.retain(|event| event.kind() == Kind::Bar);
    assert_eq!(run.bars.counters().late, models.iter().map(|model| model.late).sum());
    for (id, model) in models.iter().enumerate() {
        check(seed, model, emitted.iter().filter(|event| event.header.instrument.index() == id));
    }
}

/// Holds the emitted bars of one instrument, in their order, to the model's periods.
fn check<'a>(seed: u64, model: &Model, emitted: impl Iterator<Item = &'a Event>) {
    let mut by_timeframe: BTreeMap<u8, Vec<Bar>> = BTreeMap::new();
    for event in emitted {
        let bar = *event.body::<Bar>();
        by_timeframe.entry(bar.timeframe).or_default().push(bar);
    }
    for &timeframe in Timeframe::ALL {
        let expected: Vec<_> = model.periods.iter().filter(|(key, _)| key.0 == timeframe as u8).collect();
        let bars = by_timeframe.remove(&(timeframe as u8)).unwrap_or_default();
        assert_eq!(bars.len(), expected.len(), "seed {seed}: bars of {timeframe}");
        let mut previous_end = None;
        for (bar, ((_, start), expected)) in bars.iter().zip(expected) {
            let found = Expected {
                open: bar.open.0,
                high: bar.high.0,
                low: bar.low.0,
                close: bar.close.0,
                volume: bar.volume,
                turnover: bar.turnover.0,
                trades: bar.trades,
                open_interest: bar.open_interest,
            };
            assert_eq!(&found, expected, "seed {seed}: {timeframe} bar at {start}");
            assert_eq!(span(bar), period(timeframe, *start));
            let gap = previous_end.map_or(0, |end| (start - end) / timeframe.seconds().unwrap_or(SESSION));
            assert_eq!(u64::from(bar.gap), gap, "seed {seed}: gap before the {timeframe} bar at {start}");
            assert_eq!(bar.flags & BAR_AFTER_GAP != 0, gap > 0);
            previous_end = Some(span(bar).1);
        }
    }
}

#[test]
fn bars_equal_bars_built_straight_from_the_ticks() {
    for seed in 1..=40 {
        compare(seed);
    }
}
