//! How large entries are.

use super::*;
use crate::config::Sizing;
use crate::event::Bar;
use zerocopy::FromZeros;

/// The quantity of a LONG at `last` (1/10,000), and the rule that decided.
fn entry(config: &PipelineConfig, last: i64, bars: &[[i64; 3]]) -> (i64, Rule) {
    let mut bench = Bench::new(config);
    for &bar in bars {
        assert!(bench.input(0, FLAG_EXO, &minutes(bar)).nothing());
    }
    bench.tick_at(0, Price(last));
    let seen = bench.signal(0, Action::Long);
    (seen.verdicts[0].wanted.0, seen.rulings()[0].1)
}

/// A bar of five minutes with this high, low and close.
fn minutes([high, low, close]: [i64; 3]) -> Bar {
    Bar {
        high: Price(high),
        low: Price(low),
        close: Price(close),
        timeframe: Timeframe::M5 as u8,
        ..Bar::new_zeroed()
    }
}

/// Rs 1,00,000 of capital of which a trade may lose 1 %; limits wide enough to leave sizes alone.
fn sized(sizing: Sizing, lot: i64, multiplier: i64) -> PipelineConfig {
    let mut config = config(1);
    config.risk.sizing = sizing;
    config.risk.risk_per_trade_bps = 100;
    config.risk.order_value_bps = 1_000_000;
    config.risk.atr_period = 2;
    config.instruments[0].lot = Qty(lot);
    config.instruments[0].multiplier = multiplier;
    config
}

#[test]
fn a_share_of_capital_at_the_last_price() {
    for (lot, multiplier, last, wanted) in [
        (1, 1, 1_000_000, 100),
        (1, 1, 1_000_001, 99), // a share is a hundredth of a paisa too dear
        (15, 2, 1_000_000, 45),
        (101, 1, 1_000_000, 0),
    ] {
        let config = sized(Sizing::Capital, lot, multiplier);
        let rule = if wanted == 0 { Rule::SizeZero } else { Rule::None };
        assert_eq!(entry(&config, last, &[]), (wanted, rule), "lot {lot} × {multiplier} at {last}");
    }
}

#[test]
fn a_stop_loss_costs_the_risk_of_a_trade() {
    // Rs 1,000 at risk.
    for (lot, multiplier, last, stop, wanted) in [
        (1, 1, 1_000_000, 200, 500), // 2 a unit
        (1, 1, 1_000_001, 200, 499),
        (1, 1, 1_000_000, 201, 497), // 497.5
        (75, 1, 1_000_000, 200, 450),
        (1, 50, 1_000_000, 200, 10),
        (10, 50, 1_000_000, 200, 10),
        (11, 50, 1_000_000, 200, 0),
        (1, 1, 1_000_000, 0, 0), // without a stop nothing bounds the loss
    ] {
        let mut config = sized(Sizing::Risk, lot, multiplier);
        config.strategies[0].stop_loss_bps = stop;
        let rule = if wanted == 0 { Rule::SizeZero } else { Rule::None };
        assert_eq!(entry(&config, last, &[]), (wanted, rule), "lot {lot} × {multiplier} at {last}, {stop}");
    }
}

#[test]
fn a_multiple_of_the_true_range_costs_the_risk_of_a_trade() {
    // Rs 1,000 at risk; true ranges of 2 and 3.
    let bars = [[100_0000, 99_0000, 100_0000], [101_0000, 99_0000, 100_0000], [102_0000, 99_0000, 100_0000]];
    for (lot, multiplier, multiple, count, wanted) in [
        (1, 1, 20_000, 3, 200), // 1,000 ÷ (2.50 × 2)
        (1, 1, 15_000, 3, 266), // 266.67
        (75, 1, 20_000, 3, 150),
        (1, 20, 20_000, 3, 10),
        (11, 20, 20_000, 3, 0),
        (1, 1, 20_000, 2, 0), // one true range of two
        (1, 1, 20_000, 0, 0),
    ] {
        let mut config = sized(Sizing::Atr, lot, multiplier);
        config.risk.atr_multiple_bps = multiple;
        let rule = if wanted == 0 { Rule::SizeZero } else { Rule::None };
        assert_eq!(entry(&config, 1_000_000, &bars[..count]), (wanted, rule), "lot {lot} × {multiplier}");
    }
}

#[test]
fn a_range_of_nothing_is_no_measure() {
    let flat = [[100_0000; 3]; 3];
    assert_eq!(entry(&sized(Sizing::Atr, 1, 1), 1_000_000, &flat), (0, Rule::SizeZero));
}

#[test]
fn a_range_next_to_nothing_is_cut_down_by_the_limits() {
    let mut config = sized(Sizing::Atr, 1, 1);
    config.risk.capital = Money(i64::MAX / 100);
    config.risk.order_value_bps = 1;
    config.risk.protection_bps = 10_000;
    let bars = [[1_000_000, 999_999, 1_000_000]; 3];
    // The greatest value there is at Rs 100, and a ten-thousandth of the capital at twice that.
    let (wanted, rule) = entry(&config, 1_000_000, &bars);
    assert_eq!((wanted, rule), (i64::MAX / 1_024 / 1_000_000, Rule::OrderValue));
}

#[test]
fn the_range_is_made_from_the_configured_bars_of_the_instrument() {
    let mut config = sized(Sizing::Atr, 1, 1);
    config.instruments.push(config.instruments[0].clone());
    let mut bench = Bench::new(&config);
    let before = stage_hash(&mut bench.risk);
    let other = Bar { timeframe: Timeframe::M1 as u8, ..minutes([100_0000, 99_0000, 100_0000]) };
    assert!(bench.same_step(0, FLAG_OUT, &other).nothing());
    assert!(bench.same_step(1, FLAG_OUT, &minutes([100_0000, 99_0000, 100_0000])).nothing());
    assert_eq!(stage_hash(&mut bench.risk), before, "another period, an instrument that nobody trades");
    // Bars of this run and of earlier days alike.
    assert!(bench.same_step(0, FLAG_EXO, &minutes([100_0000, 99_0000, 100_0000])).nothing());
    assert_ne!(stage_hash(&mut bench.risk), before);
    assert!(bench.same_step(0, FLAG_OUT, &minutes([101_0000, 99_0000, 100_0000])).nothing());
    assert!(bench.same_step(0, FLAG_OUT, &minutes([102_0000, 99_0000, 100_0000])).nothing());
    bench.tick(0, 100);
    assert_eq!(bench.signal(0, Action::Long).verdicts[0].wanted, Qty(200));
}

#[test]
fn bars_are_not_kept_for_other_sizes() {
    let mut bench = Bench::new(&sized(Sizing::Capital, 1, 1));
    let before = stage_hash(&mut bench.risk);
    assert!(bench.same_step(0, FLAG_OUT, &minutes([100_0000, 99_0000, 100_0000])).nothing());
    assert_eq!(stage_hash(&mut bench.risk), before);
}

/// The integer range against values of `tests/scripts/talib_values.py` for the period 14, by row (from 0).
#[test]
fn it_is_that_of_talib() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let data = std::env::var("PITLANE_DATA").unwrap_or_else(|_| "../shared/data".into());
    let Ok(text) = std::fs::read_to_string(root.join(data).join("indicators/quotes_default.csv")) else {
        println!("skipped: no shared data");
        return;
    };
    let known = [
        (13, None),
        (14, Some(1.336_428_571_428_568)),
        (20, Some(1.369_394_846_698_195_3)),
        (250, Some(1.373_925_918_286_586_6)),
        (501, Some(6.149_748_287_843_303)),
    ];
    let mut atr = crate::stages::risk::atr::Atr::new(14);
    let mut values = Vec::new();
    for line in text.lines().skip(1) {
        let figure = |column: usize| {
            let rupees: f64 = line.split(',').nth(column).unwrap().parse().unwrap();
            (rupees * crate::units::SCALE as f64).round() as i64
        };
        atr.update(&minutes([figure(2), figure(3), figure(4)]));
        values.push(atr.value());
    }
    for (row, theirs) in known {
        let Some(theirs) = theirs else {
            assert_eq!(values[row], None);
            continue;
        };
        let distance = values[row].unwrap().0 as f64 - theirs * crate::units::SCALE as f64;
        assert!(distance.abs() <= 0.5 + 14.0 / 131_072.0 + 1e-6, "row {row}: {distance} units");
    }
}
