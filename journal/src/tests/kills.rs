//! `kill -9` at any moment of a writer's life: locking, recovery, resuming, appending, rolling, closing. What it had
//! promised before is there afterwards, byte for byte, and the next life goes on from it.
//!
//! The test binary runs itself again as the process that dies; it tells what it promises through a file beside the
//! journal, with one call for each promise.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{Random, long, seed};
use crate::{
    Durability, EndState, JournalDir, JournalError, Reader, Record, Recovered, SEGMENT_MIN_BYTES, Writer,
    WriterOptions, recover, recover_full,
};

/// What the dying process is told, as [`Life::to_text`] writes it.
const LIFE: &str = "PITLANE_JOURNAL_LIFE";
/// Kills per run of the suite, and in the long form.
const KILLS: u64 = 10_000;
const KILLS_LONG: u64 = 50_000;

/// Where the killed process was.
const PHASES: [&str; 7] = ["starting", "locking", "recovering", "creating", "appending", "closing", "closed"];
const LOCKING: u64 = 1;
const RECOVERING: u64 = 2;
const CREATING: u64 = 3;
const APPENDING: u64 = 4;
const CLOSING: u64 = 5;
const CLOSED: u64 = 6;

/// Words of the file of promises: the last record that is in, the last one that is durable, the phase.
const APPENDED: u64 = 0;
const DURABLE: u64 = 8;
const PHASE: u64 = 16;

struct Promises(File);

impl Promises {
    fn open(path: &Path) -> Self {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        Self(file.unwrap())
    }

    fn set(&self, at: u64, value: u64) {
        self.0.write_all_at(&value.to_le_bytes(), at).unwrap();
    }

    fn get(&self, at: u64) -> u64 {
        let mut bytes = [0; 8];
        // What was never promised is 0.
        if self.0.read_exact_at(&mut bytes, at).is_err() { 0 } else { u64::from_le_bytes(bytes) }
    }
}

/// Bytes that payloads are cut from: they are compared 10,000 times, and must cost nothing to make.
pub(super) fn pattern() -> Vec<u8> {
    Random(91).bytes(16 * 1024)
}

/// The payload of a record: short as a rule, long now and then; every third is of whole lines of 64 bytes, which are
/// written and checked in a way of their own.
fn payload(pattern: &[u8], seq: u64) -> &[u8] {
    let len = match seq % 61 {
        0 => 5_000 + seq % 3_000,
        more if more % 3 == 0 => 64 * (1 + seq % 5),
        _ => seq * 37 % 331,
    } as usize;
    let start = (seq * 7_919 % 8_000) as usize;
    &pattern[start..start + len]
}

/// How one journal is made, and what its writers do.
#[derive(Debug, Clone)]
struct Life {
    dir: PathBuf,
    hot: Option<PathBuf>,
    mirror: Option<PathBuf>,
    promises: PathBuf,
    level: Durability,
    segment_bytes: u64,
    records: u64,
    close: bool,
}

impl Life {
    fn to_text(&self) -> String {
        let path =
            |path: &Option<PathBuf>| path.as_ref().map_or(String::new(), |path| path.display().to_string());
        let Self { dir, hot, mirror, promises, level, segment_bytes, records, close } = self;
        let (dir, promises, level) = (dir.display(), promises.display(), *level as u8);
        format!("{dir}|{}|{}|{promises}|{level}|{segment_bytes}|{records}|{close}", path(hot), path(mirror))
    }

    fn of_text(text: &str) -> Self {
        let fields: Vec<&str> = text.split('|').collect();
        let path = |at: usize| Some(PathBuf::from(fields[at])).filter(|path| !path.as_os_str().is_empty());
        Self {
            dir: fields[0].into(),
            hot: path(1),
            mirror: path(2),
            promises: fields[3].into(),
            level: [Durability::D0, Durability::D1, Durability::D2][fields[4].parse::<usize>().unwrap()],
            segment_bytes: fields[5].parse().unwrap(),
            records: fields[6].parse().unwrap(),
            close: fields[7].parse().unwrap(),
        }
    }

    /// Until it has become another program, a process that another thread starts holds this one's locks too.
    fn lock(&self) -> JournalDir {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match JournalDir::lock_with(&self.dir, self.hot.as_deref(), self.mirror.as_deref()) {
                Err(JournalError::InUse { .. }) if Instant::now() < deadline => std::thread::yield_now(),
                locked => return locked.unwrap(),
            }
        }
    }

    fn recover(&self, lock: &JournalDir, full: bool) -> Option<Recovered> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let recovered = if full { recover_full(lock, "inputs") } else { recover(lock, "inputs") };
            match recovered {
                // As above: the hot tier has a lock of its own.
                Err(JournalError::InUse { .. }) if Instant::now() < deadline => std::thread::yield_now(),
                Err(JournalError::NoStream { .. }) => return None,
                recovered => return Some(recovered.unwrap()),
            }
        }
    }

    fn options(&self) -> WriterOptions {
        WriterOptions { segment_bytes: self.segment_bytes, level: self.level, ..WriterOptions::default() }
    }

    /// What the process does that is killed.
    fn live(&self, promises: &Promises, pattern: &[u8]) {
        promises.set(PHASE, LOCKING);
        let lock = self.lock();
        promises.set(PHASE, RECOVERING);
        let recovered = self.recover(&lock, self.records.is_multiple_of(5));
        promises.set(PHASE, CREATING);
        let mut writer = match recovered {
            Some(recovered) => {
                if let Some(last) = recovered.last {
                    promises.set(APPENDED, last.seq);
                    promises.set(DURABLE, last.seq);
                }
                Writer::resume(&lock, "inputs", self.options(), &recovered).unwrap()
            }
            None => Writer::create(&lock, "inputs", self.options()).unwrap(),
        };
        promises.set(PHASE, APPENDING);
        let durable = writer.durability();
        let last = writer.next_seq() + self.records;
        for seq in writer.next_seq()..last {
            append(&mut writer, pattern, seq);
            promises.set(APPENDED, seq);
            if seq.is_multiple_of(8) {
                promises.set(DURABLE, durable.durable_seq());
            }
        }
        if self.close {
            promises.set(PHASE, CLOSING);
            writer.close().unwrap();
            promises.set(PHASE, CLOSED);
            return;
        }
        loop {
            promises.set(DURABLE, durable.durable_seq());
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}

fn append(writer: &mut Writer, pattern: &[u8], seq: u64) {
    let payload = payload(pattern, seq);
    let record = Record { seq, ts_ns: 1_000 + seq / 3, kind: 3, schema_version: 1, flags: 1, payload };
    writer.append(record).unwrap();
}

#[test]
#[ignore = "run by the test that kills it"]
fn child_lives() {
    let Ok(text) = std::env::var(LIFE) else { return };
    let life = Life::of_text(&text);
    life.live(&Promises::open(&life.promises), &pattern());
}

/// How many records a reader finds, all of them the right ones.
fn count(dir: &Path, pattern: &[u8]) -> (u64, Option<EndState>) {
    let mut reader = match Reader::open(dir, "inputs") {
        Ok(reader) => reader,
        Err(JournalError::NoStream { .. }) => return (0, None),
        Err(error) => panic!("{error}"),
    };
    let mut count = 0;
    while let Some(frame) = reader.next().unwrap_or_else(|error| panic!("after {count} records: {error}")) {
        count += 1;
        let right = frame.seq == count
            && frame.ts_ns == 1_000 + count / 3
            && frame.payload == payload(pattern, count);
        assert!(right, "record {count} is not the one that was appended");
    }
    (count, reader.end())
}

/// What happened, over all threads.
#[derive(Debug, Default)]
pub(super) struct Tally {
    by_phase: [u64; PHASES.len()],
    /// Recoveries by the test that found records in the hot tier alone, cut a torn tail, removed segments.
    merged: u64,
    torn: u64,
    removed: u64,
    journals: u64,
    records: u64,
    on_disk: u64,
}

/// One journal that is killed again and again.
pub(super) struct Case<'a> {
    life: Life,
    promises: Promises,
    pattern: &'a [u8],
    tally: &'a Mutex<Tally>,
    scratch: [tempfile::TempDir; 3],
}

impl<'a> Case<'a> {
    pub(super) fn new(random: &mut Random, pattern: &'a [u8], tally: &'a Mutex<Tally>) -> Self {
        let memory = || tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        // A part of them on the disk.
        let disk = random.below(24) == 0;
        let scratch = [if disk { tempfile::tempdir().unwrap() } else { memory() }, memory(), memory()];
        let life = Life {
            dir: scratch[0].path().join("journal"),
            hot: (random.below(2) == 0).then(|| scratch[1].path().to_owned()),
            mirror: (random.below(6) == 0).then(|| scratch[2].path().join("mirror")),
            promises: scratch[2].path().join("promises"),
            level: [Durability::D0, Durability::D1, Durability::D2][random.below(3) as usize],
            segment_bytes: SEGMENT_MIN_BYTES << random.below(3).saturating_sub(1),
            records: 0,
            close: false,
        };
        let mut tallied = tally.lock().unwrap();
        tallied.journals += 1;
        tallied.on_disk += u64::from(disk);
        drop(tallied);
        let promises = Promises::open(&life.promises);
        Self { life, promises, pattern, tally, scratch }
    }

    /// Chooses what the next life does, and whether it ends by itself.
    pub(super) fn choose(&mut self, random: &mut Random, close: bool) {
        let most = 1 << random.below(12);
        self.life.records = random.below(most);
        self.life.close = close;
        self.promises.set(PHASE, 0);
    }

    pub(super) fn describe(&self) -> String {
        format!("{:?}", self.life)
    }

    /// A directory that is not the journal's.
    pub(super) fn scratch(&self) -> &Path {
        self.scratch[2].path()
    }

    /// What makes a command the next life.
    pub(super) fn tell<'b>(&self, command: &'b mut Command) -> &'b mut Command {
        command.args(["--exact", "tests::kills::child_lives", "--ignored", "--nocapture"]);
        command.env(LIFE, self.life.to_text()).stdout(Stdio::piped()).stderr(Stdio::piped())
    }

    /// One life. Whether it was ended by a kill, and did not end by itself.
    fn kill(&mut self, random: &mut Random) -> bool {
        let close = random.below(3) == 0;
        self.choose(random, close);
        let mut child = self.tell(&mut Command::new(std::env::current_exe().unwrap())).spawn().unwrap();
        // A process needs a millisecond before it is anywhere; from there over all of its phases to long after.
        let most_us = [2_000, 3_000, 5_000, 8_000][random.below(4) as usize];
        std::thread::sleep(Duration::from_micros(500 + random.below(most_us)));
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let killed = !output.status.success();
        let phase = self.promises.get(PHASE);
        let fair = std::os::unix::process::ExitStatusExt::signal(&output.status) == Some(libc::SIGKILL);
        let text = || {
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
        };
        assert!(fair || !killed && phase == CLOSED, "{:?}: {:?}\n{}", self.life, output.status, text());
        if killed {
            self.tally.lock().unwrap().by_phase[phase as usize] += 1;
        }
        killed
    }

    /// What was promised is there, before recovery and after.
    pub(super) fn check(&self, random: &mut Random) {
        let Life { dir, hot, mirror, level, .. } = &self.life;
        let [appended, durable, phase] = [APPENDED, DURABLE, PHASE].map(|at| self.promises.get(at));
        let (found, end) = count(dir, self.pattern);
        let promised = if hot.is_none() || phase == CLOSED { appended } else { durable };
        assert!(found >= promised, "{found} of {promised} before recovery: {:?} {phase}", self.life);
        assert!(phase != CLOSED || end == Some(EndState::Sealed), "{end:?}");
        assert!(!matches!(end, Some(EndState::Torn { .. })) || hot.is_some(), "{end:?}: {:?}", self.life);
        // The other half of them is left to the next process.
        if random.below(2) == 0 {
            return;
        }
        let lock = self.life.lock();
        let Some(recovered) = self.life.recover(&lock, random.below(2) == 0) else {
            return assert_eq!(appended, 0, "the stream is gone");
        };
        let last = recovered.last.map_or(0, |last| last.seq);
        assert!(last >= appended, "{last} recovered, {appended} promised: {:?}, {recovered:?}", self.life);
        assert_eq!(count(dir, self.pattern), (last, Some(EndState::Sealed)), "{:?} {level:?}", self.life);
        if let Some(mirror) = mirror {
            assert_eq!(
                count(mirror, self.pattern),
                (last, Some(EndState::Sealed)),
                "the mirror of {:?}",
                self.life
            );
        }
        self.promises.set(APPENDED, last);
        self.promises.set(DURABLE, last);
        let mut tally = self.tally.lock().unwrap();
        tally.merged += u64::from(recovered.merged_frames > 0);
        tally.torn += u64::from(recovered.torn.is_some());
        tally.removed += u64::from(recovered.removed_segments > 0);
        drop(tally);
        if random.below(4) == 0 {
            self.go_on(&lock, &recovered, last, random);
        }
    }

    /// A life in this process, which ends as a crash would or in order.
    fn go_on(&self, lock: &JournalDir, recovered: &Recovered, last: u64, random: &mut Random) {
        let mut writer = Writer::resume(lock, "inputs", self.life.options(), recovered).unwrap();
        let to = last + random.below(40);
        for seq in last + 1..=to {
            append(&mut writer, self.pattern, seq);
        }
        self.promises.set(APPENDED, to);
        if random.below(2) == 0 {
            drop(writer);
        } else {
            writer.close().unwrap();
            assert_eq!(count(&self.life.dir, self.pattern), (to, Some(EndState::Sealed)), "{:?}", self.life);
        }
    }
}

#[test]
fn killed_at_any_moment_nothing_that_was_promised_is_lost() {
    super::in_its_own_process("tests::kills::campaign");
}

#[test]
#[ignore = "run by the test above"]
fn campaign() {
    if !super::is_campaign() {
        return;
    }
    let wanted = if long() { KILLS_LONG } else { KILLS };
    let (seed, pattern, tally, kills) = (seed(), pattern(), Mutex::new(Tally::default()), AtomicU64::new(0));
    let stop = Arc::new(AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (pattern, tally, kills, stop) = (&pattern, &tally, &kills, Arc::clone(&stop));
            scope.spawn(move || {
                let _stop = StopOthers(stop.clone());
                let mut random = Random(seed.wrapping_add(thread));
                while kills.load(Ordering::Relaxed) < wanted && stop.load(Ordering::Relaxed) == 0 {
                    let mut case = Case::new(&mut random, pattern, tally);
                    for _ in 0..1 + random.below(12) {
                        kills.fetch_add(u64::from(case.kill(&mut random)), Ordering::Relaxed);
                        case.check(&mut random);
                    }
                    tally.lock().unwrap().records += case.promises.get(APPENDED);
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    println!("{} kills: {tally:?}", kills.into_inner());
    for (phase, &killed) in PHASES.iter().zip(&tally.by_phase).take(CLOSED as usize) {
        assert!(killed >= wanted / 500, "killed {killed} times while {phase}: mend the times of the kills");
    }
    assert!(tally.merged > 20 && tally.removed > 20, "{tally:?}");
}

/// A thread that fails ends the others.
struct StopOthers(Arc<AtomicU64>);

impl Drop for StopOthers {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(1, Ordering::Relaxed);
        }
    }
}
