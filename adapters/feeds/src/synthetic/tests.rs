use super::*;
use pitlane_engine::config::{InstrumentClass, InstrumentHours, SessionTimes};
use pitlane_engine::units::{InstrumentId, Price, Qty, TsNs};

const OPEN: u64 = 1_785_469_500 * NS_PER_S;

fn session(minutes: u64) -> SessionTimes {
    let close = TsNs(OPEN + minutes * 60 * NS_PER_S);
    let (open, end) = (TsNs(OPEN), close.plus(2 * NS_PER_S));
    SessionTimes { date: 20_260_731, pre_open: open, open, close, end }
}

fn instrument(symbol: &str, token: u32, class: InstrumentClass) -> InstrumentSpec {
    let (lot, tick) = if class == InstrumentClass::Future { (65, 1_000) } else { (1, 500) };
    let tradable = class != InstrumentClass::Index;
    InstrumentSpec {
        symbol: symbol.into(),
        token,
        class,
        tradable,
        lot: Qty(lot),
        tick: Price(tick),
        multiplier: 1,
        freeze: Qty::ZERO,
        derivatives: false,
    }
}

fn universe() -> Vec<InstrumentSpec> {
    vec![
        instrument("NSE:NIFTY 50", 256_265, InstrumentClass::Index),
        instrument("NSE:NIFTY BANK", 260_105, InstrumentClass::Index),
        instrument("NFO:NIFTY26AUGFUT", 53_001 * 256 + 2, InstrumentClass::Future),
        instrument("NSE:RELIANCE", 738_561, InstrumentClass::Equity),
        instrument("NSE:HDFCBANK", 341_249, InstrumentClass::Equity),
        instrument("NSE:M&M", 519_937, InstrumentClass::Equity),
        instrument("CDS:USDINR26AUGFUT", 2_001 * 256 + 3, InstrumentClass::Future),
    ]
}

/// FNV-1a over everything a feed yields, and what was in it.
struct Run {
    hash: u64,
    frames: Vec<(u64, usize)>,
    /// Per instrument: (time, packet).
    packets: Vec<Vec<(u64, Vec<u8>)>>,
}

fn run(config: &SyntheticConfig, instruments: &[InstrumentSpec], minutes: u64) -> Run {
    run_plan(config, instruments, &session(minutes).into())
}

fn run_plan(config: &SyntheticConfig, instruments: &[InstrumentSpec], plan: &SessionPlan) -> Run {
    let mut feed = SyntheticFeed::new(config, instruments, plan).unwrap();
    let mut run =
        Run { hash: 0xcbf2_9ce4_8422_2325, frames: Vec::new(), packets: vec![Vec::new(); instruments.len()] };
    loop {
        let (received, bytes) = match feed.poll() {
            FeedItem::Frame { received, bytes } => (received.0, bytes.to_vec()),
            FeedItem::Closed => return run,
            other => panic!("{other:?}"),
        };
        for byte in received.to_le_bytes().iter().chain(&bytes) {
            run.hash = (run.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut rest = &bytes[2..];
        let count = u16::from_be_bytes([bytes[0], bytes[1]]);
        for _ in 0..count {
            let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
            let packet = &rest[2..2 + length];
            let id = instruments.iter().position(|i| i.token == word(packet, 0)).unwrap();
            run.packets[id].push((received, packet.to_vec()));
            rest = &rest[2 + length..];
        }
        assert!(rest.is_empty());
        run.frames.push((received, usize::from(count)));
    }
}

fn word(packet: &[u8], offset: usize) -> u32 {
    u32::from_be_bytes(packet[offset..offset + 4].try_into().unwrap())
}

#[test]
fn a_seed_gives_the_same_bytes_everywhere() {
    let golden = run(&SyntheticConfig::default(), &universe(), 30);
    assert_eq!(golden.hash, run(&SyntheticConfig::default(), &universe(), 30).hash);
    assert_eq!(golden.hash, GOLDEN, "{:#x}: the market changed, and with it every demo's hash", golden.hash);
    let other = run(&SyntheticConfig { seed: 2, ..SyntheticConfig::default() }, &universe(), 30);
    assert_ne!(golden.hash, other.hash);
}

/// Hash of half an hour of the test universe with the default knobs.
const GOLDEN: u64 = 0xfd54_3506_5ac1_f5a9;

#[test]
fn times_increase_strictly_from_the_open_to_the_close() {
    let run = run(&SyntheticConfig { burst_bps: 3_000, ..SyntheticConfig::default() }, &universe(), 20);
    assert_eq!(run.frames[0], (OPEN, 7), "the opening frames show every instrument");
    assert!(run.frames.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let last = run.frames.last().unwrap().0;
    assert!(last < session(20).close.0 && last > session(20).close.0 - 5 * NS_PER_S);
}

#[test]
fn packets_are_plausible() {
    let run = run(&SyntheticConfig::default(), &universe(), 375);
    for (id, packets) in run.packets.iter().enumerate() {
        let is_index = id < 2;
        let mut volume = 0;
        assert!(packets.len() > 5_000, "{id}: {}", packets.len());
        for (received, packet) in packets {
            assert_eq!(packet.len(), if is_index { 32 } else { 184 });
            let last = word(packet, 4);
            let exchange = word(packet, if is_index { 28 } else { 60 });
            assert_eq!(u64::from(exchange), received / NS_PER_S);
            assert!(last > 0);
            if is_index {
                assert!((word(packet, 12)..=word(packet, 8)).contains(&last));
                continue;
            }
            assert!(word(packet, 16) >= volume, "volume never falls");
            volume = word(packet, 16);
            assert!((word(packet, 36)..=word(packet, 32)).contains(&last));
            assert!(word(packet, 44) > 0 && word(packet, 44) <= exchange);
            assert!(
                (word(packet, 36)..=word(packet, 32)).contains(&word(packet, 12)),
                "the average lies within the day"
            );
            let bids: Vec<u32> = (0..5).map(|level| word(packet, 64 + 12 * level + 4)).collect();
            let asks: Vec<u32> = (0..5).map(|level| word(packet, 124 + 12 * level + 4)).collect();
            assert!(bids.is_sorted_by(|a, b| a > b) && asks.is_sorted() && bids[0] < asks[0]);
            assert!(last == bids[0] || last == asks[0]);
        }
        assert!(is_index || volume > 0);
    }
    let (future, share) = (&run.packets[2], &run.packets[3]);
    assert!(
        future.iter().all(|(_, p)| word(p, 48) > 0 && word(p, 4).is_multiple_of(10)),
        "open interest, ticks of 0.10"
    );
    assert!(share.iter().all(|(_, p)| word(p, 48) == 0 && word(p, 4).is_multiple_of(5)));
}

/// The crossings of a 20 and a 50 minute exponential average of the minute's last prices.
fn crossings(packets: &[(u64, Vec<u8>)]) -> usize {
    let mut closes: Vec<f64> = Vec::new();
    for (received, packet) in packets {
        let minute = ((received - OPEN) / (60 * NS_PER_S)) as usize;
        closes.resize(minute + 1, f64::from(word(packet, 4)));
        closes[minute] = f64::from(word(packet, 4));
    }
    let mut averages = (closes[0], closes[0]);
    let mut signs = Vec::new();
    for (minute, close) in closes.iter().enumerate() {
        averages.0 += (close - averages.0) * 2.0 / 21.0;
        averages.1 += (close - averages.1) * 2.0 / 51.0;
        if minute > 50 {
            signs.push(averages.0 > averages.1);
        }
    }
    signs.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

#[test]
fn prices_trend_and_turn_so_that_averages_cross() {
    for seed in 1..=5 {
        let run = run(&SyntheticConfig { seed, ..SyntheticConfig::default() }, &universe(), 375);
        let crossed: Vec<usize> = run.packets.iter().map(|packets| crossings(packets)).collect();
        println!("seed {seed}: crossings {crossed:?}");
        assert!(crossed.iter().sum::<usize>() >= 10, "seed {seed}: {crossed:?}");
        assert!(crossed.iter().all(|count| *count <= 40), "seed {seed}: {crossed:?}");
    }
}

#[test]
fn knobs_do_what_they_say() {
    let calm = SyntheticConfig { halts: 0, burst_bps: 0, hot_share_bps: 0, ..SyntheticConfig::default() };
    let total = |run: &Run| run.packets.iter().map(Vec::len).sum::<usize>();
    let base = run(&calm, &universe(), 60);
    let expected = 7 * 3_600;
    assert!(total(&base).abs_diff(expected) < expected / 20, "{} for {expected}", total(&base));
    assert!(base.frames[1..].iter().all(|frame| frame.1 == 1));

    let tenfold = run(&SyntheticConfig { ticks_per_second: 10, ..calm.clone() }, &universe(), 60);
    assert!(total(&tenfold).abs_diff(10 * expected) < expected / 2);

    let hot = SyntheticConfig {
        hot_share_bps: 1_000,
        hot_rate: 10,
        hot_rotation_ns: 86_400 * NS_PER_S,
        ..calm.clone()
    };
    let mut counts: Vec<usize> = run(&hot, &universe(), 60).packets.iter().map(Vec::len).collect();
    counts.sort_unstable();
    assert!(counts[6] > 8 * counts[5] && counts[6] < 12 * counts[5], "{counts:?}");
    let turning = SyntheticConfig { hot_rotation_ns: 60 * NS_PER_S, ..hot };
    let counts: Vec<usize> = run(&turning, &universe(), 60).packets.iter().map(Vec::len).collect();
    assert!(counts.iter().max() < counts.iter().min().map(|min| min * 8).as_ref(), "{counts:?}");

    let bursts = run(&SyntheticConfig { burst_bps: 500, ..calm.clone() }, &universe(), 60);
    assert!(bursts.frames[1..].iter().filter(|frame| frame.1 > 1).count() > 1_000);
    let close_by = bursts.frames.windows(2).filter(|pair| pair[1].0 - pair[0].0 < 60_000).count();
    assert!(close_by > 1_000, "{close_by}");

    let gap = |run: &Run| {
        let gaps = run.packets.iter().flat_map(|p| p.windows(2).map(|pair| pair[1].0 - pair[0].0));
        gaps.max().unwrap()
    };
    let halted =
        run(&SyntheticConfig { halts: 3, halt_ns: 300 * NS_PER_S, ..calm.clone() }, &universe(), 120);
    assert!(gap(&base) < 60 * NS_PER_S && gap(&halted) >= 300 * NS_PER_S);

    let range = |run: &Run| {
        let prices = run.packets[3].iter().map(|(_, p)| i64::from(word(p, 4)));
        prices.clone().zip(prices.skip(1)).map(|(a, b)| (a - b).abs()).max().unwrap()
    };
    let wild = run(&SyntheticConfig { step_ppm: 600, ..calm }, &universe(), 60);
    assert!(range(&wild) > 4 * range(&base), "{} {}", range(&wild), range(&base));
}

#[test]
fn every_instrument_has_the_mode_it_was_given() {
    let modes = vec![Mode::Full, Mode::Ltp, Mode::Full, Mode::Ltp, Mode::Quote];
    let run = run(&SyntheticConfig { modes, ..SyntheticConfig::default() }, &universe(), 5);
    for (packets, length) in run.packets.iter().zip([32, 8, 184, 8, 44, 184, 184]) {
        assert!(packets.iter().all(|(_, packet)| packet.len() == length));
    }
}

/// Hours of an instrument in minutes from the open.
fn own(id: u32, from: u64, until: u64) -> InstrumentHours {
    let at = |minutes: u64| TsNs(OPEN + minutes * 60 * NS_PER_S);
    InstrumentHours { instrument: InstrumentId(id), open: at(from), close: at(until) }
}

#[test]
fn an_instrument_is_silent_outside_its_own_hours() {
    // As after 2026-08-03: derivatives trade longest, indices and most shares end before them, some earlier still;
    // and one that opens late.
    let hours = vec![own(0, 0, 375), own(1, 0, 375), own(3, 0, 360), own(4, 0, 360), own(5, 5, 375)];
    let plan = SessionPlan { times: session(385), hours };
    for seed in 1..=3 {
        let config = SyntheticConfig { seed, burst_bps: 1_000, halts: 0, ..SyntheticConfig::default() };
        let run = run_plan(&config, &universe(), &plan);
        for (id, packets) in run.packets.iter().enumerate() {
            let (open, close) = plan.hours_of(InstrumentId(id as u32));
            let (first, last) = (packets[0].0, packets[packets.len() - 1].0);
            assert!((open.0..open.0 + 60 * NS_PER_S).contains(&first), "seed {seed}, {id}: first {first}");
            assert!((close.0 - 60 * NS_PER_S..close.0).contains(&last), "seed {seed}, {id}: last {last}");
            let day_open = word(&packets[0].1, if id < 2 { 16 } else { 28 });
            assert!(day_open > 0, "the first packet has the day's open");
        }
        assert!(run.frames.windows(2).all(|pair| pair[0].0 < pair[1].0), "no frame is empty or goes back");
        assert!(run.frames.iter().all(|frame| frame.1 > 0));
        assert_eq!(run.hash, run_plan(&config, &universe(), &plan).hash);
    }
}

#[test]
fn own_hours_that_are_the_sessions_change_no_byte() {
    let config = SyntheticConfig::default();
    let same = SessionPlan { times: session(30), hours: (0..7).map(|id| own(id, 0, 30)).collect() };
    assert_eq!(run_plan(&config, &universe(), &same).hash, GOLDEN);
}

#[test]
fn hours_that_cannot_be_are_refused() {
    let table = [
        (own(7, 0, 1), "hours cannot be of instrument 7; allowed: those of an instrument in the table"),
        (own(3, 0, 2), "the hours of NSE:RELIANCE cannot be 1785469500000000000 to 1785469620000000000 ns"),
        (own(3, 1, 1), "the hours of NSE:RELIANCE cannot be 1785469560000000000 to 1785469560000000000 ns"),
    ];
    for (hours, text) in table {
        let plan = SessionPlan { times: session(1), hours: vec![hours] };
        let error = SyntheticFeed::new(&SyntheticConfig::default(), &universe(), &plan).err().unwrap();
        assert!(error.to_string().starts_with(text), "{error}");
    }
}

#[test]
fn impossible_settings_are_refused_with_what_is_allowed() {
    let refuse = |config: SyntheticConfig, instruments: &[InstrumentSpec], text: &str| {
        let error = SyntheticFeed::new(&config, instruments, &session(1).into()).err().unwrap().to_string();
        assert_eq!(error, text);
    };
    let config = SyntheticConfig::default;
    refuse(config(), &[], "the instrument table cannot be empty; allowed: at least one instrument");
    refuse(
        SyntheticConfig { ticks_per_second: 0, ..config() },
        &universe(),
        "ticks_per_second cannot be 0; allowed: 1 to 1000000",
    );
    refuse(
        SyntheticConfig { hot_rate: 0, ..config() },
        &universe(),
        "hot_rate cannot be 0; allowed: 1 to 1000",
    );
    refuse(
        SyntheticConfig { step_ppm: 0, ..config() },
        &universe(),
        "step_ppm cannot be 0; allowed: 1 to 10000",
    );
    refuse(
        SyntheticConfig { burst_bps: 10_001, ..config() },
        &universe(),
        "burst cannot be 10001 bps; allowed: 0 to 10000 bps",
    );
    let mut odd = universe();
    odd[3].tick = Price(1);
    refuse(
        config(),
        &odd,
        "the tick of NSE:RELIANCE cannot be 0.0001; allowed: a whole number of the packet's price units",
    );
}
