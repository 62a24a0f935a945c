//! Snapshots: a run that goes on from any of them ends as the run that was never interrupted.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use pitlane_engine::config::{Conflict, Sizing};
use pitlane_engine::drive::idle::Wait;
use pitlane_engine::drive::recover::{Recovery, Skip};
use pitlane_engine::drive::snapshot::{SnapshotError, SnapshotIds, head, load};
use pitlane_engine::drive::{Resumed, Run, RunResult, fused::Fused};
use pitlane_engine::event::{CommandCode, Event, Kind, Timeframe};
use pitlane_engine::hash::StateHasher;
use pitlane_engine::limits::CHECKPOINT_INPUTS;
use pitlane_engine::log::MemoryLog;
use pitlane_engine::sequencer::schedule::ScriptedCommand;
use pitlane_engine::sequencer::source::EventReader;
use pitlane_tests::market::Market;
use pitlane_tests::{Rng, seed};

const IDS: SnapshotIds = SnapshotIds { build_hash: 1, config_hash: 2, instruments_hash: 3 };

/// A market in which everything is at work: two strategies on an instrument, exits, sizes by range, entries that follow
/// the market, a kill that is taken back.
fn market(seed: u64, conflict: Conflict) -> Market {
    let mut market = Market::new(seed, 240);
    let strategies = &mut market.config.strategies;
    strategies[0].stop_loss_bps = 20;
    strategies[1].reprice_ns = 1_000_000_000;
    strategies[2].take_profit_bps = 15;
    let mut other = strategies[0].clone();
    other.id = "m".to_owned();
    other.kind = "multi_factor_momentum".to_owned();
    other.priority = 1;
    other.holding_ns = 9_000_000_000;
    other.timeframe = Timeframe::M1;
    other.instruments.push(strategies[3].instruments[0]);
    other.params = vec![("rsi_period".to_owned(), 2.0)];
    strategies.push(other);
    // Reports are on their way for longer than the feed is quiet.
    market.config.venue.latency_min_ns = 700_000_000;
    let risk = &mut market.config.risk;
    risk.conflict = conflict;
    risk.trades_per_day = 0;
    risk.trades_per_symbol = 0;
    risk.daily_loss_bps = 2_000;
    risk.drawdown_bps = 0;
    if conflict == Conflict::Confidence {
        risk.sizing = Sizing::Atr;
        risk.risk_per_trade_bps = 10;
        risk.atr_period = 2;
        risk.atr_timeframe = Timeframe::M1;
    }
    let at = |share: u64| market.events[(market.events.len() as u64 * share / 100) as usize].header.ts;
    let command = |share, code| ScriptedCommand { at: at(share), code, reason: "a test".to_owned() };
    market.commands = vec![command(60, CommandCode::Flatten), command(61, CommandCode::Resume)];
    market
}

/// Goes on from `resumed`, of which the schedule has brought `scheduled` and the feed `fed` inputs.
fn go_on(
    market: &Market,
    resumed: Option<Resumed>,
    scheduled: u64,
    fed: u64,
) -> (RunResult, Vec<Event>, Vec<u8>) {
    let (inputs, outputs) = (MemoryLog::default(), MemoryLog::default());
    let run = Run {
        resume: resumed.map(Box::new),
        ..Run::new(
            &market.config,
            Box::new(Skip::new(market.schedule(), scheduled)),
            Box::new(Skip::new(market.feed(), fed)),
            Box::new(inputs.clone()),
            Box::new(outputs.clone()),
        )
    };
    let result = Fused::new(run).unwrap().run(Wait::Yield, &|| false);
    (result, inputs.events(), outputs.bytes())
}

/// Runs some recorded inputs again; the outputs.
fn again(recovery: Recovery, inputs: &[Event]) -> (Recovery, Vec<u8>) {
    let mut log = MemoryLog::default();
    let mut events = inputs.iter().copied();
    let recovery = recovery.run(&mut events as &mut dyn EventReader, None, &mut log, &mut |_| {}).unwrap();
    (recovery, log.bytes())
}

fn bytes_of(events: &[Event]) -> Vec<u8> {
    events.iter().flat_map(|event| event.used_bytes().to_vec()).collect()
}

/// Whether the run's follower may take a snapshot after this input.
fn is_checkpoint(event: &Event) -> bool {
    event.header.seq.0.is_multiple_of(CHECKPOINT_INPUTS) || event.kind() == Kind::SessionEnd
}

#[test]
fn a_run_goes_on_from_every_snapshot_as_if_never_interrupted() {
    let base = seed("snapshots", 20_260_731);
    let (mut snapshots, mut pending, mut fills) = (0, 0, 0);
    for (n, conflict) in [Conflict::Priority, Conflict::Confidence, Conflict::Netting, Conflict::Netting]
        .into_iter()
        .enumerate()
    {
        let market = market(base + n as u64, conflict);
        let (whole, inputs, outputs) = go_on(&market, None, 0, 0);
        fills += whole.counts.fills;
        let mut follower = Recovery::new(&market.config).unwrap();
        let (mut at, mut put_out) = (0, 0);
        let places = inputs.iter().enumerate().filter(|(_, event)| is_checkpoint(event));
        for place in places.map(|(place, _)| place + 1) {
            let (next, bytes) = again(follower, &inputs[at..place]);
            follower = next;
            assert_eq!(bytes, outputs[put_out..put_out + bytes.len()], "the follower's outputs");
            (at, put_out) = (place, put_out + bytes.len());
            let snapshot = follower.snapshot(IDS);
            let reports = |kind: &dyn Fn(&Event) -> bool| inputs[place..].iter().filter(|e| kind(e)).count();
            pending += usize::from(
                reports(&|event| {
                    event.kind() == Kind::Report
                        && event.body::<pitlane_engine::event::Report>().cause.0 <= place as u64
                }) > 0,
            );
            snapshots += 1;
            // At once, and after a part of what was recorded since.
            for tail in [0, (inputs.len() - place) / 2, inputs.len() - place] {
                let (head, recovery) = load(&market.config, &snapshot, IDS).unwrap();
                assert_eq!(head.seq.0, place as u64);
                let (recovery, bytes) = again(recovery, &inputs[place..place + tail]);
                assert_eq!(bytes, outputs[put_out..put_out + bytes.len()], "outputs of the recorded tail");
                let done = put_out + bytes.len();
                let counts = recovery.counts();
                let (result, more, bytes) =
                    go_on(&market, Some(recovery.into_resumed()), counts.scheduled, counts.fed);
                assert_eq!(
                    bytes_of(&more),
                    bytes_of(&inputs[place + tail..]),
                    "inputs from {place} and {tail} on"
                );
                assert_eq!(bytes, outputs[done..], "outputs from {place} and {tail} on");
                assert_eq!(result.state_hash(), whole.state_hash(), "from {place} and {tail} on");
            }
        }
    }
    println!("{snapshots} snapshots, {pending} with reports pending, {fills} fills");
    assert!(snapshots >= 12 && pending >= 1 && fills > 200, "{snapshots} {pending} {fills}");
}

#[test]
fn what_is_no_snapshot_of_the_run_is_refused() {
    let market = market(5, Conflict::Netting);
    let (_, inputs, _) = go_on(&market, None, 0, 0);
    let (mut follower, _) =
        again(Recovery::new(&market.config).unwrap(), &inputs[..CHECKPOINT_INPUTS as usize]);
    let snapshot = follower.snapshot(IDS);
    assert_eq!(head(&snapshot).unwrap().seq.0, CHECKPOINT_INPUTS);
    let refused = |ids: SnapshotIds, bytes: &[u8]| load(&market.config, bytes, ids).err().unwrap();
    for (ids, what) in [
        (SnapshotIds { build_hash: 9, ..IDS }, "version of the program"),
        (SnapshotIds { config_hash: 9, ..IDS }, "configuration"),
        (SnapshotIds { instruments_hash: 9, ..IDS }, "instrument table"),
    ] {
        assert_eq!(refused(ids, &snapshot), SnapshotError::Other(what));
    }
    let mut rng = Rng(seed("damage", 3));
    for _ in 0..500 {
        let mut bytes = snapshot.clone();
        if rng.below(3) == 0 {
            bytes.truncate(rng.below(bytes.len() as u64) as usize);
        } else {
            let at = rng.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << rng.below(8);
        }
        assert!(matches!(refused(IDS, &bytes), SnapshotError::Damaged(_)));
    }
    // Another table of instruments than the hash says.
    let mut other = market.clone();
    other.config.instruments[0].multiplier = 7;
    let error = load(&other.config, &snapshot, IDS).err().unwrap();
    assert!(matches!(error, SnapshotError::State { .. }), "{error}");
}

/// Snapshots that the fuzzing makes per run of the suite, about ten seconds, and in the long form, about ten minutes.
const FORGED: u64 = 150_000;
const FORGED_LONG: u64 = 9_000_000;

/// Bytes of a snapshot's head, of what comes before a section's bytes, and of the checksum at the end.
const HEAD_BYTES: usize = 120;
const SECTION_HEAD_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 16;

/// Where each section's head is, and its bytes.
fn sections(file: &[u8]) -> Vec<(usize, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    let mut at = HEAD_BYTES;
    while at < file.len() - CHECKSUM_BYTES {
        let bytes = u64::from_le_bytes(file[at + 8..at + 16].try_into().unwrap()) as usize;
        let start = at + SECTION_HEAD_BYTES;
        found.push((at, start..start + bytes));
        at = start + bytes;
    }
    found
}

/// Makes the hashes that bytes would have if they had been saved: of one section, and of the whole file.
fn sign(file: &mut [u8], section: Option<(usize, std::ops::Range<usize>)>) {
    if let Some((at, bytes)) = section {
        let id = u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let mut hasher = StateHasher::new(u64::from(id));
        hasher.bytes(&file[bytes]);
        file[at + 16..at + 32].copy_from_slice(&hasher.finish().to_le_bytes());
    }
    let content = file.len() - CHECKSUM_BYTES;
    let mut hasher = StateHasher::new(0);
    hasher.bytes(&file[..content]);
    file[content..].copy_from_slice(&hasher.finish().to_le_bytes());
}

/// Changes some bytes of a section, or how many it has.
fn forge(rng: &mut Rng, file: &mut Vec<u8>) {
    let all = sections(file);
    let (head, bytes) = all[rng.below(all.len() as u64) as usize].clone();
    let mut len = bytes.len();
    let at = bytes.start + rng.below(len.max(1) as u64) as usize;
    // What is nearly empty can only grow.
    match if len < 8 { 4 } else { rng.below(5) } {
        0 => file[at] ^= 1 << rng.below(8),
        1 => file[at] = [0, 1, 2, 0x7f, 0x80, 0xff][rng.below(6) as usize],
        2 => {
            let numbers = [0, 1, u64::MAX, i64::MAX as u64, i64::MIN as u64, 1 << 62, 1 << 32, rng.draw()];
            let at = (bytes.start + (at - bytes.start) / 8 * 8).min(bytes.end.saturating_sub(8));
            file[at..at + 8].copy_from_slice(&numbers[rng.below(8) as usize].to_le_bytes());
        }
        3 => {
            let cut = (1 + rng.below(40) as usize).min(bytes.end - at);
            file.drain(at..at + cut);
            len -= cut;
        }
        _ => {
            let more: Vec<u8> = (0..1 + rng.below(40)).map(|_| rng.draw() as u8).collect();
            len += more.len();
            file.splice(at..at, more);
        }
    }
    file[head + 8..head + 16].copy_from_slice(&(len as u64).to_le_bytes());
    sign(file, Some((head, bytes.start..bytes.start + len)));
}

#[test]
fn a_forged_snapshot_is_refused_or_is_a_state_that_saves_as_itself() {
    let long = std::env::var("PITLANE_LONG").is_ok_and(|long| !long.is_empty());
    let market = market(7, Conflict::Netting);
    let (_, inputs, _) = go_on(&market, None, 0, 0);
    let place = 2 * CHECKPOINT_INPUTS as usize;
    let (mut follower, _) = again(Recovery::new(&market.config).unwrap(), &inputs[..place]);
    let snapshot = follower.snapshot(IDS);
    let mut whole = snapshot.clone();
    for section in sections(&snapshot) {
        sign(&mut whole, Some(section));
    }
    assert!(whole == snapshot, "the test signs as snapshots are signed");
    let mut rng = Rng(seed("forged", 20_261_121));
    let (mut loaded, mut states, mut contradicted, wanted) =
        (0, 0, 0, if long { FORGED_LONG } else { FORGED });
    for number in 0..wanted {
        let mut file = snapshot.clone();
        for _ in 0..1 + rng.below(3) {
            forge(&mut rng, &mut file);
        }
        if number % 16 == 0 {
            // The head, and the heads of sections, too.
            let at = [rng.below(HEAD_BYTES as u64) as usize, sections(&file)[3].0 + 8][rng.below(2) as usize];
            file[at] ^= 1 << rng.below(8);
            sign(&mut file, None);
        }
        match load(&market.config, &file, IDS) {
            Ok((_, mut recovery)) => {
                loaded += 1;
                if number % 16 != 0 {
                    let again = recovery.snapshot(IDS);
                    let differs = again.iter().zip(&file).position(|(one, other)| one != other);
                    assert!(
                        again == file,
                        "snapshot {number} saves as another: {differs:?} in {:?}",
                        sections(&file)
                    );
                }
                // What is recorded contradicts it, perhaps: that is an error of the record, and no panic.
                let tail = if number % 32 == 1 { 4_000 } else { 200 }.min(inputs.len() - place);
                let mut events = inputs[place..place + tail].iter().copied();
                let reader: &mut dyn EventReader = &mut events;
                let run = recovery.run(reader, None, &mut MemoryLog::default(), &mut |_| {});
                contradicted += u64::from(run.is_err());
            }
            Err(SnapshotError::State { .. } | SnapshotError::Hash(_)) => states += 1,
            Err(_) => {}
        }
    }
    println!(
        "{wanted} snapshots of {} bytes: {states} states refused, {loaded} loaded, {contradicted} of them contradicted",
        snapshot.len()
    );
    assert!(loaded > wanted / 100 && states > wanted / 10, "{loaded} {states}");
}
