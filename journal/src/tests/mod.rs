//! Tests of the crate as a whole: what goes in comes out, or the reader says why not.

mod calls;
mod crash;
mod damage;
mod exhaustive;
mod forged;
mod full;
mod fuzz;
mod golden;
mod identity;
mod kills;
mod leases;
mod loom;
mod mirror;
#[cfg(feature = "planted")]
mod planted;
mod power;
mod python;
mod race;
mod recovery;
mod refusal;
mod round_trip;
mod segment_fuzz;
mod speed;

use std::path::Path;

use crate::{
    EndState, Frame, JournalDir, JournalError, Reader, Record, SEGMENT_MIN_BYTES, Writer, WriterOptions,
};

/// An owned copy of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owned {
    seq: u64,
    ts_ns: u64,
    kind: u16,
    schema_version: u8,
    flags: u8,
    payload: Vec<u8>,
}

impl Owned {
    fn record(&self) -> Record<'_> {
        let Self { seq, ts_ns, kind, schema_version, flags, ref payload } = *self;
        Record { seq, ts_ns, kind, schema_version, flags, payload }
    }
}

impl From<Frame<'_>> for Owned {
    fn from(frame: Frame<'_>) -> Self {
        let Frame { seq, ts_ns, kind, schema_version, flags, payload, .. } = frame;
        Self { seq, ts_ns, kind, schema_version, flags, payload: payload.to_vec() }
    }
}

/// SplitMix64: enough randomness for tests, and the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// Whether the long campaigns were asked for. The gate sets the variable to nothing when they were not.
fn long() -> bool {
    std::env::var_os("PITLANE_LONG").is_some_and(|long| !long.is_empty())
}

/// Runs an ignored test as a process of its own, and shows what it prints.
///
/// Until it has become another program, a process that is started holds the locks of the one that starts it: a campaign
/// that starts thousands would disturb the tests beside it.
fn in_its_own_process(test: &str) {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    let output = command.env(CAMPAIGN, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}: {text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    // What the harness prints of its own is left out.
    text.lines()
        .filter(|line| !line.is_empty() && !line.contains("test"))
        .for_each(|line| println!("{line}"));
}

/// Set where [`in_its_own_process`] runs: `--ignored` alone starts no campaign.
const CAMPAIGN: &str = "PITLANE_JOURNAL_CAMPAIGN";

fn is_campaign() -> bool {
    std::env::var_os(CAMPAIGN).is_some()
}

/// Says now and then how far a long campaign is.
fn progress(done: u64, every: u64, what: &str) {
    if long() && done.is_multiple_of(every) {
        println!("{done} {what} so far");
    }
}

/// A seed from the environment to repeat a failure with, or a new one; printed, so that a failure shows it.
fn seed() -> u64 {
    let given = std::env::var("PITLANE_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| u64::from_le_bytes(crate::dir::random_bytes().unwrap()));
    println!("repeat with PITLANE_TEST_SEED={seed}");
    seed
}

fn records(random: &mut Random, count: u64, payload_max: u64) -> Vec<Owned> {
    let mut ts_ns = 1_700_000_000_000_000_000;
    let mut record = |seq| {
        ts_ns += random.below(3);
        let payload_len = random.below(payload_max + 1) as usize;
        Owned {
            seq,
            ts_ns,
            kind: random.next() as u16,
            schema_version: random.next() as u8,
            flags: random.next() as u8 & !crate::FLAGS_RESERVED,
            payload: random.bytes(payload_len),
        }
    };
    (1..=count).map(&mut record).collect()
}

fn small() -> WriterOptions {
    WriterOptions { segment_bytes: SEGMENT_MIN_BYTES, ..WriterOptions::default() }
}

/// Makes a stream "inputs" with these records, closed or dropped.
fn write(dir: &Path, records: &[Owned], close: bool) {
    let lock = JournalDir::lock(dir).unwrap();
    let mut writer = Writer::create(&lock, "inputs", small()).unwrap();
    for record in records {
        writer.append(record.record()).unwrap();
    }
    if close {
        writer.close().unwrap();
    }
}

/// Everything a reader yields from stream "inputs", and how it ends.
fn read(dir: &Path) -> (Vec<Owned>, Result<EndState, JournalError>) {
    let mut records = Vec::new();
    let mut reader = match Reader::open(dir, "inputs") {
        Ok(reader) => reader,
        Err(error) => return (records, Err(error)),
    };
    loop {
        match reader.next() {
            Ok(Some(frame)) => records.push(frame.into()),
            Ok(None) => return (records, Ok(reader.end().unwrap())),
            Err(error) => return (records, Err(error)),
        }
    }
}
