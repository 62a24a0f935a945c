//! Instruments with hours of their own, and several kinds on one instrument.

use super::multi_factor::{momentum, traded};
use super::*;

const MINUTE: u64 = 60 * NS_PER_S;
/// Hours of the instruments 1 and 2, within the session's.
const OWN: [(u32, u64, u64); 2] = [(1, OPEN, CLOSE - 15 * MINUTE), (2, OPEN + 10 * MINUTE, CLOSE)];

fn with_hours(config: &PipelineConfig) -> Bench {
    let mut bench = Bench::new(config);
    for (instrument, open, close) in OWN {
        let body = Hours { open: TsNs(open), close: TsNs(close), reserved: [0; 16] };
        assert!(bench.feed(OPEN - 900 * NS_PER_S, instrument, FLAG_EXO, &body).is_empty());
    }
    bench
}

#[test]
fn each_instrument_is_closed_by_its_own_hours() {
    let params = [("fast", 1.0), ("slow", 2.0)];
    let table = [
        (0, OPEN - 1, false),
        (0, OPEN, true),
        (0, CLOSE - 1, true),
        (0, CLOSE, false),
        (1, OPEN, true),
        (1, CLOSE - 15 * MINUTE - 1, true),
        (1, CLOSE - 15 * MINUTE, false),
        (1, CLOSE - 1, false),
        (2, OPEN, false),
        (2, OPEN + 10 * MINUTE - 1, false),
        (2, OPEN + 10 * MINUTE, true),
        (2, CLOSE - 1, true),
        (2, CLOSE, false),
    ];
    for (instrument, ts, trading) in table {
        let ema = instance("x", &[0, 1, 2], Timeframe::M1, &params);
        let mut bench = with_hours(&config(3, vec![ema.clone()]));
        let expected = if trading { NOT_READY } else { CLOSED };
        assert_eq!(said(&bench.bar(ts, instrument, Timeframe::M1, 100)), [expected], "{instrument} at {ts}");
        // A later session without hours of their own: all keep the session's.
        assert!(bench.session_start().is_empty());
        let expected = if (OPEN..CLOSE).contains(&ts) { NOT_READY } else { CLOSED };
        assert_eq!(said(&bench.bar(ts, instrument, Timeframe::M1, 100)), [expected], "{instrument} at {ts}");
    }
}

#[test]
fn hours_are_part_of_the_state() {
    let config = config(3, vec![instance("x", &[0, 1, 2], Timeframe::M1, &[])]);
    let table = [(0, OPEN, CLOSE), (1, OPEN, CLOSE - 1), (1, OPEN + 1, CLOSE), (2, OPEN, CLOSE - 1)];
    let hashes = table.map(|(instrument, open, close)| {
        let mut bench = Bench::new(&config);
        bench.feed(
            OPEN,
            instrument,
            FLAG_EXO,
            &Hours { open: TsNs(open), close: TsNs(close), reserved: [0; 16] },
        );
        stage_hash(&mut bench.stage)
    });
    assert_eq!(hashes[0], stage_hash(&mut Bench::new(&config).stage), "these are the session's");
    assert!((1..4).all(|i| !hashes[..i].contains(&hashes[i])), "{hashes:?}");
}

/// What a kind wants while its instrument is closed becomes a hold, so it must not take it for said: else it would
/// keep silent when the instrument opens.
#[test]
fn a_kind_that_remembers_goes_by_its_instruments_hours() {
    let all = vec![InstrumentId(0), InstrumentId(1), InstrumentId(2)];
    let strategy = StrategyConfig { instruments: all, ..momentum(Timeframe::M1, false, &[]) };
    let mut bench = with_hours(&config(3, vec![strategy]));
    let mut minute = |ts: u64, instrument: u32, paise: i64| {
        said(&bench.feed(ts, instrument, FLAG_OUT, &traded(ts, Timeframe::M1, paise, 10)))
    };
    let long = (Action::Long, SignalReason::FactorsAlign);
    let (_, own_open, _) = OWN[1];
    assert_eq!(minute(own_open - 3 * MINUTE, 2, 10_000), [CLOSED]);
    assert!(minute(own_open - 2 * MINUTE, 2, 10_100).is_empty());
    assert!(minute(own_open - MINUTE, 2, 10_200).is_empty(), "it would enter, but is closed");
    assert_eq!(minute(own_open, 2, 10_300), [long]);
    for (instrument, own_close) in [(1, OWN[0].2), (0, CLOSE)] {
        minute(own_close - 3 * MINUTE, instrument, 10_000);
        minute(own_close - 2 * MINUTE, instrument, 10_100);
        assert_eq!(minute(own_close - MINUTE, instrument, 10_200), [long]);
        assert_eq!(minute(own_close, instrument, 9_000), [CLOSED], "no exit at {instrument}'s close");
        assert!(minute(own_close + 1, instrument, 8_000).is_empty(), "still closed");
    }
}

#[test]
fn a_missing_price_is_said_by_the_own_open() {
    let mut bench = with_hours(&config(3, vec![instance("x", &[0, 1, 2], Timeframe::M1, &[])]));
    let of = |signals: Vec<Signal>| signals.iter().map(|s| s.id).collect::<Vec<_>>();
    assert_eq!(of(bench.timer(OPEN + MINUTE + GRACE)), [1, 2], "the instruments that open with the session");
    assert!(bench.timer(OPEN + 11 * MINUTE + GRACE - 1).is_empty());
    let late = bench.timer(OPEN + 11 * MINUTE + GRACE);
    assert_eq!((said(&late), late[0].id), (vec![MISSING], 3));
    assert!(bench.timer(OPEN + 12 * MINUTE).is_empty());
}

#[test]
fn several_kinds_on_one_instrument_speak_in_the_order_of_the_configuration() {
    let strategies = vec![
        momentum(Timeframe::M1, true, &[]),
        instance("slow", &[0], Timeframe::M5, &[("fast", 1.0), ("slow", 2.0)]),
        instance("fast", &[0], Timeframe::M1, &[("fast", 1.0), ("slow", 2.0)]),
    ];
    let mut bench = Bench::new(&config(1, strategies));
    let mut all: Vec<Signal> = Vec::new();
    let mut crossed_at_once = 0;
    for n in 1..=200_u64 {
        // A slow wave, so that each of them turns several times and sometimes both in one minute.
        let paise = 10_000 + 400 * i64::from(n % 20 < 10) + (n % 7) as i64 * 10;
        let ts = OPEN + n * MINUTE;
        bench.tick(ts, 0, paise);
        let body = traded(ts, Timeframe::M1, paise, 10);
        let mut signals = bench.feed(ts, 0, FLAG_OUT, &body);
        let order: Vec<u16> = signals.iter().map(|s| s.strategy.0).collect();
        assert!([&[][..], &[0], &[2], &[0, 2]].contains(&&order[..]), "minute {n}: {order:?}");
        crossed_at_once += u32::from(signals.iter().filter(|s| s.action != Action::Hold as u8).count() == 2);
        if n % 5 == 0 {
            let longer = bench.feed(ts, 0, FLAG_OUT, &Bar { timeframe: Timeframe::M5 as u8, ..body });
            assert!(longer.iter().all(|s| s.strategy.0 == 1), "minute {n}");
            signals.extend(longer);
        }
        all.extend(signals);
    }
    assert!(all.iter().map(|s| s.id).eq(1..=all.len() as u64), "ids are dense over all of them");
    assert_eq!(bench.stage.signals(), all.len() as u64);
    assert!(crossed_at_once > 5, "both acted in {crossed_at_once} minutes");
    for strategy in 0..3 {
        let actions =
            all.iter().filter(|s| s.strategy.0 == strategy && s.action != Action::Hold as u8).count();
        assert!(actions > 5, "strategy {strategy} acted {actions} times");
    }
}

/// An instance says the same whether others share its instrument or not.
#[test]
fn instances_do_not_disturb_each_other() {
    let strategies = [
        instance("a", &[0], Timeframe::M1, &[("fast", 2.0), ("slow", 5.0)]),
        momentum(Timeframe::M1, true, &[]),
        instance("b", &[0], Timeframe::M1, &[("fast", 1.0), ("slow", 3.0)]),
    ];
    let run = |strategies: Vec<StrategyConfig>| {
        let mut bench = Bench::new(&config(1, strategies));
        let mut all: Vec<(u16, u64, u8, u8, [f64; 6])> = Vec::new();
        let (mut state, mut paise) = (3_u64, 100_000_i64);
        for n in 1..=300_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            paise += (state >> 33) as i64 % 201 - 100;
            let ts = OPEN + n * MINUTE;
            let body = traded(ts, Timeframe::M1, paise, 10);
            let signals = bench.feed(ts, 0, FLAG_OUT, &body);
            all.extend(signals.iter().map(|s| (s.strategy.0, ts, s.action, s.reason, s.facts)));
        }
        all
    };
    let together = run(strategies.to_vec());
    for (index, strategy) in strategies.into_iter().enumerate() {
        let mut alone = run(vec![strategy]);
        alone.iter_mut().for_each(|signal| signal.0 = index as u16);
        let shared: Vec<_> = together.iter().copied().filter(|s| usize::from(s.0) == index).collect();
        assert!(alone.len() > 20);
        assert_eq!(alone, shared, "strategy {index}");
    }
}
