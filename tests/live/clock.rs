//! The wall clock with the paper venue.

use crate::world::{Live, Moving, Setting, run, verify};
use pitlane_engine::drive::Run;
use pitlane_engine::drive::fused::Fused;
use pitlane_engine::drive::idle::Wait;
use pitlane_engine::event::{Command, CommandCode, Event, Kind, Report, Timer};
use pitlane_engine::log::MemoryLog;
use pitlane_engine::sequencer::schedule::{Schedule, command_event, instruments_hash};
use pitlane_engine::sequencer::source::{Recorded as RecordedInputs, Rewrite};
use pitlane_engine::units::{NS_PER_S, TsNs};
use pitlane_tests::market::Market;
use pitlane_tests::{Rng, seed};

const SECONDS: u64 = 20;

fn kinds(events: &[Event], kind: Kind) -> usize {
    events.iter().filter(|event| event.kind() == kind).count()
}

/// Every number of workers, every order of their turns: what was recorded is one run, and runs again to the byte.
#[test]
fn what_was_recorded_on_the_wall_clock_replays_identical() {
    let base = seed("wall clock", 20_261_121);
    let (mut fills, mut reports) = (0, 0);
    for n in 0..40 {
        let mut rng = Rng(base + n);
        let market =
            if n % 2 == 0 { Market::new(base + n, SECONDS) } else { Market::depth(base + n, SECONDS) };
        let market = if n % 4 < 2 { market } else { market.late(base + n) };
        let clock = Moving::new(market.sessions[0].pre_open, 20_000 + rng.below(400_000));
        let setting = Setting::of(&market, &clock, 1 + (n % 5) as usize);
        let recorded = run(&market.config, setting, None, &mut rng, &mut |_, _| false);
        verify(&market.config, &recorded);
        assert_eq!(kinds(&recorded.inputs, Kind::SessionEnd), 1, "seed {}", base + n);
        // Nobody comes before its time, and the venue's latency holds.
        for input in &recorded.inputs {
            match input.kind() {
                Kind::Timer => assert!(input.header.ts >= input.body::<Timer>().due),
                Kind::Report => assert!(input.header.ts >= input.body::<Report>().vtime),
                _ => {}
            }
        }
        fills += recorded.result.counts.fills;
        reports += kinds(&recorded.inputs, Kind::Report);
    }
    println!("{fills} fills, {reports} reports");
    assert!(fills > 400 && reports > 400, "too little happened: {fills} fills, {reports} reports");
}

/// A feed that has said nothing for long: timers and the venue's reports go on, bars close, the session ends.
#[test]
fn a_quiet_feed_holds_nothing_up() {
    let base = seed("quiet", 5);
    for threads in 1..=5 {
        let mut market = Market::new(base, SECONDS);
        let half = market.sessions[0].open.plus(SECONDS / 2 * NS_PER_S);
        market.events.retain(|event| event.header.ts < half);
        let clock = Moving::new(market.sessions[0].pre_open, 100_000);
        let mut rng = Rng(base + threads);
        let setting = Setting::of(&market, &clock, threads as usize);
        let recorded = run(&market.config, setting, None, &mut rng, &mut |_, _| false);
        verify(&market.config, &recorded);
        let session = market.sessions[0];
        let seconds = session.end.since(session.pre_open) / NS_PER_S + 1;
        assert_eq!(kinds(&recorded.inputs, Kind::Timer) as u64, seconds);
        let after = |event: &&Event| event.header.ts >= half;
        assert!(recorded.outputs.iter().filter(after).any(|event| event.kind() == Kind::Bar));
        assert!(recorded.result.ledger.open_positions() == 0, "the square-off went on");
    }
}

/// With the feed dead, a kill stops the run: at once by its clock, not with the next tick.
#[test]
fn a_kill_works_with_the_feed_dead() {
    let base = seed("kill", 9);
    for threads in 1..=5 {
        let market = Market::new(base, 600);
        let (mut commands, ring) = rtrb::RingBuffer::new(4);
        let clock = Moving::new(market.sessions[0].pre_open, 100_000);
        let died = market.sessions[0].open.plus(10 * NS_PER_S);
        let events = market.events.iter().copied().filter(|event| event.header.ts < died).collect();
        let killed = died.plus(30 * NS_PER_S);
        let mut setting = Setting::of(&market, &clock, threads);
        setting.commands = Some(ring);
        setting.feed = Box::new(Live::new(events, &clock, TsNs(u64::MAX)));
        let mut rng = Rng(base);
        let mut told = false;
        let recorded = run(&market.config, setting, None, &mut rng, &mut |_, _| {
            if !told && clock.read() > killed {
                told = commands.push(command_event(CommandCode::Kill, "enough")).is_ok();
            }
            false
        });
        verify(&market.config, &recorded);
        let last = recorded.inputs.last().unwrap();
        assert_eq!(last.kind(), Kind::SessionEnd);
        let found = recorded.inputs.iter().find(|event| event.kind() == Kind::Command).unwrap();
        assert_eq!(found.body::<Command>().code, CommandCode::Kill as u8);
        let took = last.header.ts.since(found.header.ts);
        assert!((3..9).contains(&(took / NS_PER_S)), "{threads} threads: {took} ns");
        assert_eq!(recorded.result.ledger.open_positions(), 0, "{threads} threads");
    }
}

/// `until` passes by the clock, and what was due by then was there.
#[test]
fn until_is_a_time_of_the_clock() {
    let base = seed("until", 3);
    let market = Market::new(base, SECONDS);
    let until = market.sessions[0].open.plus(7 * NS_PER_S + NS_PER_S / 2);
    for threads in 1..=5 {
        let clock = Moving::new(market.sessions[0].pre_open, 50_000);
        let mut setting = Setting::of(&market, &clock, threads);
        setting.until = until;
        let recorded = run(&market.config, setting, None, &mut Rng(base), &mut |_, _| false);
        verify(&market.config, &recorded);
        let timers = recorded.inputs.iter().filter(|event| event.kind() == Kind::Timer);
        let last = timers.map(|event| event.body::<Timer>().due).max().unwrap();
        assert_eq!(until.since(last), NS_PER_S / 2, "{threads} threads");
        let told = recorded.inputs.iter().any(|event| event.kind() == Kind::Command);
        assert!(told && recorded.inputs.last().unwrap().kind() == Kind::SessionEnd);
    }
}

/// The recorded inputs on virtual time, with the recorded latency, are the same run: unless a late input was given the time
/// of a report that came with it, which no market without ties does.
#[test]
fn a_what_if_run_with_the_recorded_latency_is_the_same_run() {
    let base = seed("what if", 77);
    let mut fills = 0;
    for n in 0..20 {
        let mut rng = Rng(base + n);
        let mut market = Market::new(base + n, SECONDS);
        // Arrivals off the grid of the latencies, so that nothing comes at the same nanosecond.
        for event in &mut market.events {
            event.header.ts = event.header.ts.plus(1 + rng.below(999_983));
        }
        market.events.sort_by_key(|event| event.header.ts);
        let clock = Moving::new(market.sessions[0].pre_open, 30_011);
        let recorded =
            run(&market.config, Setting::of(&market, &clock, 1), None, &mut rng, &mut |_, _| false);
        verify(&market.config, &recorded);
        fills += recorded.result.counts.fills;
        let (inputs, outputs) = (MemoryLog::default(), MemoryLog::default());
        let start = market.sessions[0].pre_open;
        let instruments = &market.config.instruments;
        let rewrite = Rewrite { config_hash: 1, instruments_hash: instruments_hash(instruments) };
        let again = Run::new(
            &market.config,
            Box::new(Schedule::preamble_only("a test", instruments, &[], start)),
            Box::new(RecordedInputs::new(recorded.inputs.clone().into_iter(), rewrite)),
            Box::new(inputs.clone()),
            Box::new(outputs.clone()),
        );
        let result = Fused::new(again).unwrap().run(Wait::Yield, &|| false);
        assert_eq!(result.state_hash(), recorded.result.state_hash(), "seed {}", base + n);
        let bytes = |events: &[Event]| events.iter().flat_map(Event::used_bytes).copied().collect::<Vec<_>>();
        assert!(outputs.bytes() == bytes(&recorded.outputs), "seed {}", base + n);
        assert!(inputs.bytes() == bytes(&recorded.inputs), "seed {}", base + n);
    }
    assert!(fills > 100, "too little happened: {fills}");
}
