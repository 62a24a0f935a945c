//! Journals that end anywhere, as a kill leaves them: inputs and outputs cut independently, between frames or inside one.

use crate::{scratch, stream_bytes};
use pitlane_engine::drive::fused::Fused;
use pitlane_engine::drive::idle::Wait;
use pitlane_engine::drive::sink::Counts;
use pitlane_engine::drive::topology::{RingSizes, workers};
use pitlane_engine::drive::{Run, RunResult, sim};
use pitlane_engine::event::Event;
use pitlane_engine::sequencer::schedule::instruments_hash;
use pitlane_engine::units::{Seq, TsNs};
use pitlane_journal::Reader;
use pitlane_session::cpus::{Placement, WaitChoice};
use pitlane_session::exit::{Exit, exit_of};
use pitlane_session::resume::{self, Opened, RecoveredSummary, Restart, Snapshotter};
use pitlane_session::run::Plan;
use pitlane_store::{EventStream, INPUTS, OUTPUTS, Snapshots};
use pitlane_tests::market::Market;
use pitlane_tests::{Rng, seed};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Seconds of market: enough for several checkpoints.
const SECONDS: u64 = 260;

fn plan(market: &Market, dir: &Path, snapshot_every: u64) -> Plan {
    let session = market.sessions[0];
    Plan {
        pipeline: market.config.clone(),
        config_hash: 1,
        instruments_hash: instruments_hash(&market.config.instruments),
        placement: Placement::resolve(None, None, WaitChoice::Yield).unwrap(),
        journal: Some(dir.to_owned()),
        segment_bytes: 256 << 10,
        durability: pitlane_session::journal_watch::DurabilityPlan::default(),
        pace: None,
        until: TsNs(u64::MAX),
        span: (session.pre_open, session.end),
        what: "test",
        recorded: None,
        stamps: false,
        restart: Some(Restart {
            config_text: "a test".to_owned(),
            recorded_feed: false,
            live_feed: false,
            snapshot_every,
        }),
    }
}

fn open(plan: &Plan, market: &Market) -> anyhow::Result<Opened> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let opened = resume::open(plan, Box::new(market.schedule()), Box::new(market.feed()));
        // Until it has become another program, a process that another test starts holds this one's locks too.
        match opened {
            Err(error) if error.to_string().contains("in use") && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            other => return other,
        }
    }
}

fn run_of(plan: &Plan, opened: Opened) -> (Run<'_>, Option<RecoveredSummary>) {
    let run = Run {
        until: plan.until,
        resume: opened.resumed,
        ..Run::new(&plan.pipeline, opened.schedule, opened.feed, opened.inputs, opened.outputs)
    };
    (run, opened.recovered)
}

/// What a run ended as.
#[derive(PartialEq)]
struct End {
    hash: u128,
    counts: Counts,
    inputs: Vec<u8>,
    outputs: Vec<u8>,
}

fn end(result: &RunResult, dir: &Path) -> End {
    assert!(result.log_error.is_none(), "{:?}", result.log_error);
    let (inputs, outputs) = (stream_bytes(dir, INPUTS), stream_bytes(dir, OUTPUTS));
    End { hash: result.state_hash(), counts: result.counts, inputs, outputs }
}

/// Starts on what is there and runs to the end, on `threads` workers under the schedule of `seed`.
fn finish(plan: &Plan, market: &Market, threads: usize, seed: u64) -> (End, Option<RecoveredSummary>) {
    let (run, recovered) = run_of(plan, open(plan, market).unwrap());
    let result = match threads {
        1 => Fused::new(run).unwrap().run(Wait::Yield, &|| false),
        _ => sim::run(workers(run, threads, RingSizes::MIN).unwrap(), seed).unwrap(),
    };
    (end(&result, plan.journal.as_ref().unwrap()), recovered)
}

fn events(dir: &Path, stream: &'static str) -> Vec<Event> {
    let mut stream = EventStream::open(dir, stream).unwrap();
    std::iter::from_fn(|| stream.try_next().unwrap()).collect()
}

/// What the tests cut: a finished run, and its events.
struct Whole {
    market: Market,
    dir: tempfile::TempDir,
    end: End,
    inputs: Vec<Event>,
    outputs: Vec<Event>,
}

impl Whole {
    fn new(seed: u64) -> Self {
        let market = Market::new(seed, SECONDS);
        let dir = scratch();
        let plan = plan(&market, dir.path(), 4_096);
        let (end, recovered) = finish(&plan, &market, 1, 0);
        assert_eq!(recovered, None);
        assert!(end.counts.fills > 20, "too little happened");
        let (inputs, outputs) = (events(dir.path(), INPUTS), events(dir.path(), OUTPUTS));
        assert!(inputs.len() > 3 * 4_096, "too few inputs for snapshots: {}", inputs.len());
        // The follower catches up with the finished record.
        let snapshotter = Snapshotter::start(&plan).unwrap().unwrap();
        let newest = inputs.len() as u64 / 4_096 * 4_096;
        let deadline = Instant::now() + Duration::from_secs(30);
        while Snapshots::of(dir.path()).list().unwrap().first() != Some(&newest) {
            assert!(Instant::now() < deadline, "no snapshot at {newest}");
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(snapshotter);
        Self { market, dir, end, inputs, outputs }
    }

    /// Most outputs that a kill can leave beside `inputs` inputs.
    fn outputs_of(&self, inputs: usize) -> usize {
        self.outputs.partition_point(|output| output.header.seq <= Seq(inputs as u64))
    }

    /// Leaves at `dir` what a kill leaves: so many inputs and outputs, and perhaps a half-written frame.
    fn leave(&self, dir: &Path, inputs: usize, outputs: usize, snapshots: bool, rng: &mut Rng) {
        let mut opened = open(&plan(&self.market, dir, 0), &self.market).unwrap();
        self.inputs[..inputs].iter().for_each(|event| opened.inputs.append(event));
        self.outputs[..outputs].iter().for_each(|event| opened.outputs.append(event));
        drop(opened);
        for stream in [INPUTS, OUTPUTS] {
            if rng.below(2) == 0 {
                tear(dir, stream, rng);
            }
        }
        let from = Snapshots::of(self.dir.path());
        for seq in from.list().unwrap().into_iter().rev().filter(|_| snapshots) {
            Snapshots::of(dir).write(seq, &from.read(seq).unwrap()).unwrap();
        }
    }
}

/// Writes some bytes of a frame behind the last one, with or without the word that would make it valid.
fn tear(dir: &Path, stream: &str, rng: &mut Rng) {
    let mut reader = Reader::open(dir, stream).unwrap();
    while reader.next().unwrap().is_some() {}
    let path = dir.join(stream).join(format!("{:016x}.lxj", reader.segment()));
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    let bytes: Vec<u8> = (0..1 + rng.below(150)).map(|_| rng.draw() as u8 | 1).collect();
    let skipped = if rng.below(2) == 0 { 0 } else { 8 };
    file.write_all_at(&bytes, reader.offset() + skipped).unwrap();
}

fn assert_same(found: &End, wanted: &End, what: &str) {
    assert!(found.inputs == wanted.inputs, "{what}: other inputs");
    assert!(found.outputs == wanted.outputs, "{what}: other outputs");
    assert_eq!(found.hash, wanted.hash, "{what}: another state");
    assert_eq!(found.counts, wanted.counts, "{what}");
}

#[test]
fn a_run_cut_anywhere_comes_to_the_same_end_on_any_threads() {
    let long = std::env::var("PITLANE_LONG").is_ok_and(|long| !long.is_empty());
    let (markets, cuts) = if long { (20, 100) } else { (3, 40) };
    let mut rng = Rng(seed("restart_cut", 20_261_121));
    let (mut from_snapshot, mut appended, mut torn) = (0, 0, 0);
    for _ in 0..markets {
        let whole = Whole::new(rng.draw());
        for cut in 0..cuts {
            let threads = 1 + cut % 5;
            let inputs = match cut {
                0 => whole.inputs.len(),
                1 => 0,
                2 => 1 + rng.below(4) as usize,
                _ => rng.below(whole.inputs.len() as u64 + 1) as usize,
            };
            let most = whole.outputs_of(inputs);
            let short = [0, 1, rng.below(40) as usize, rng.below(most as u64 + 1) as usize];
            let mut outputs = most - short[rng.below(4) as usize].min(most);
            if (inputs, outputs) == (whole.inputs.len(), whole.outputs.len()) {
                outputs -= 1;
            }
            let dir = scratch();
            whole.leave(dir.path(), inputs, outputs, cut % 2 == 0, &mut rng);
            let plan = plan(&whole.market, dir.path(), 0);
            let mut left = (inputs, outputs);
            let what =
                format!("{left:?} of {} and {}, {threads} threads", whole.inputs.len(), whole.outputs.len());
            // A second crash, some steps later, or in the recovery itself.
            if rng.below(3) == 0 {
                let (run, _) = run_of(&plan, open(&plan, &whole.market).unwrap());
                let mut fused = Fused::new(run).unwrap();
                for _ in 0..rng.below(500) {
                    fused.step();
                }
                left = (inputs.max(fused.last_seq().0 as usize), whole.outputs_of(inputs));
                if left.0 == whole.inputs.len() {
                    continue;
                }
            }
            let (end, recovered) = finish(&plan, &whole.market, threads, rng.draw());
            assert_same(&end, &whole.end, &what);
            let Some(recovered) = recovered else {
                assert_eq!(left.0, 0, "{what}: nothing was recovered");
                continue;
            };
            assert_eq!(recovered.inputs, left.0 as u64, "{what}");
            let from = recovered.from_snapshot_seq.unwrap_or(0);
            assert_eq!(recovered.inputs - recovered.replayed, from, "{what}");
            from_snapshot += u64::from(from > 0);
            appended += u64::from(recovered.outputs_appended > 0);
            torn += u64::from(recovered.torn_bytes > 0);
            let beyond =
                Snapshots::of(dir.path()).list().unwrap().into_iter().find(|seq| *seq > left.0 as u64);
            assert_eq!(beyond, None, "{what}: a snapshot of inputs that are lost");
        }
    }
    println!("{from_snapshot} from snapshots, {appended} with outputs appended, {torn} with a torn tail");
    assert!(from_snapshot > 5 && appended > 20 && torn > 20, "too few of one kind");
}

#[test]
fn what_does_not_fit_is_refused() {
    let whole = Whole::new(seed("restart_refused", 5));
    let mut rng = Rng(1);
    let refusal = |dir: &Path, market: &Market| {
        let Err(error) = open(&plan(market, dir, 0), market) else { panic!("it was not refused") };
        (exit_of(&error), format!("{error:#}"))
    };
    // Complete.
    let (exit, text) = refusal(whole.dir.path(), &whole.market);
    assert!(
        exit == Exit::Data && text.contains("already holds a run") && text.contains("complete"),
        "{text}"
    );
    // Outputs without their inputs.
    let half = whole.inputs.len() / 2;
    let dir = scratch();
    whole.leave(dir.path(), half, whole.outputs_of(half) + 1, false, &mut rng);
    let (exit, text) = refusal(dir.path(), &whole.market);
    assert!(exit == Exit::Data && text.contains("beyond the last input"), "{text}");
    // An output that the inputs do not make.
    let dir = scratch();
    let mut opened = open(&plan(&whole.market, dir.path(), 0), &whole.market).unwrap();
    whole.inputs[..half].iter().for_each(|event| opened.inputs.append(event));
    let mut other = whole.outputs[7];
    other.header.flags ^= 0x80;
    whole.outputs[..7].iter().chain([&other]).for_each(|event| opened.outputs.append(event));
    drop(opened);
    let (exit, text) = refusal(dir.path(), &whole.market);
    let seq = format!("seq {}", other.header.seq.0);
    assert!(exit == Exit::Divergence && text.contains(&seq) && text.contains("stage"), "{text}");
    // Outputs that are gone.
    let dir = scratch();
    whole.leave(dir.path(), half, 10, false, &mut rng);
    std::fs::remove_dir_all(dir.path().join(OUTPUTS)).unwrap();
    let (exit, text) = refusal(dir.path(), &whole.market);
    assert!(exit == Exit::Data && text.contains("inputs alone"), "{text}");
    std::fs::create_dir(dir.path().join(OUTPUTS)).unwrap();
    let (exit, text) = refusal(dir.path(), &whole.market);
    assert!(exit == Exit::Data && text.contains("gone"), "{text}");
    // Another market's journal.
    let dir = scratch();
    whole.leave(dir.path(), half, 0, false, &mut rng);
    let mut other = whole.market.clone();
    other.config.instruments[1].lot.0 = 5;
    let (exit, text) = refusal(dir.path(), &other);
    assert!(exit == Exit::Data && text.contains("NSE:TEST1"), "{text}");
}
