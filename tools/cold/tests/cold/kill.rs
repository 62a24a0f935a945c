//! `kill -9` at random moments: the archive ends in the bytes of one that was never disturbed.

use crate::{Rng, assert_same, code, cold, day, ends, is_long, json, on, scratch, stderr, tree};
use pitlane_engine::event::Event;
use pitlane_journal::{Durability, Frame, JournalDir, Reader, Record, Writer, WriterOptions, inspect};
use std::path::Path;
use std::time::Duration;

/// Kills of the suite, and with `tests/gate --long`.
const KILLS: u64 = 30;
const KILLS_LONG: u64 = 300;

#[test]
fn a_killed_sidecar_goes_on_to_the_same_bytes() {
    let wanted = if is_long() { KILLS_LONG } else { KILLS };
    let dir = scratch();
    let (journal, whole) = (dir.path().join("day"), dir.path().join("whole"));
    day(&journal, "25m", &[]);
    let started = std::time::Instant::now();
    ends(&mut on("run", &journal, &whole), 0);
    let most_us = 2 * started.elapsed().as_micros() as u64;
    let mut rng = Rng::new("cold_kill", 20_261_121);
    let (mut kills, mut runs, mut temporaries) = (0, 0, 0);
    while kills < wanted {
        runs += 1;
        let out = dir.path().join(format!("out{runs}"));
        loop {
            let disturbed = kills < wanted;
            let mut child = on("run", &journal, &out).spawn().unwrap();
            if disturbed {
                std::thread::sleep(Duration::from_micros(rng.below(most_us)));
                child.kill().unwrap();
            }
            let output = child.wait_with_output().unwrap();
            assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
            match output.status.code() {
                None => {
                    kills += 1;
                    let left = |path: &std::path::PathBuf| path.to_string_lossy().ends_with(".tmp");
                    temporaries += u64::from(out.is_dir() && tree(&out).keys().any(left));
                }
                Some(0) => break,
                Some(other) => panic!("exit {other}: {}", stderr(&output)),
            }
        }
        assert_same(&whole, &out);
        std::fs::remove_dir_all(&out).unwrap();
    }
    println!("{kills} kills in {runs} runs, {temporaries} with a file half written");
    // Rows: what the journal says, no more and no less.
    assert_eq!(json(&ends(&mut on("archive", &journal, &whole), 0))["equal"], true);
}

#[test]
fn a_sidecar_follows_a_live_journal_and_holds_it() {
    let dir = scratch();
    let (journal, live, out) = (dir.path().join("day"), dir.path().join("live"), dir.path().join("out"));
    day(&journal, "10m", &[]);
    // It may be started first.
    let mut first = on("run", &live, &out).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let mut writing = Writing::begin(&journal, &live);
    let half = writing.inputs / 2;
    writing.go_on(half);
    let read = || -> u64 {
        let output = cold(&["status", "--json", "--out"]).arg(&out).output().unwrap();
        if code(&output) != 0 {
            return 0;
        }
        json(&output)["runs"][0]["sinks"][0]["read_seq"].as_u64().unwrap_or(0)
    };
    let since = std::time::Instant::now();
    // A step is whole when an output of a later one is there: it comes close, and not further.
    while read() + 2_000 < half {
        assert!(since.elapsed().as_secs() < 60, "it read {} of {half}", read());
        if first.try_wait().unwrap().is_some() {
            panic!("{}", stderr(&first.wait_with_output().unwrap()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(read() <= half);
    let second = ends(&mut on("run", &live, &out), 3);
    assert!(stderr(&second).contains("held by another process"), "{}", stderr(&second));
    assert!(stderr(&ends(&mut on("archive", &live, &out), 3)).contains("not closed"));
    let metrics = std::fs::read_dir(out.join("_status")).unwrap().flatten().map(|entry| entry.path());
    let metrics = metrics.into_iter().find(|path| path.extension().is_some_and(|end| end == "prom")).unwrap();
    assert!(std::fs::read_to_string(metrics).unwrap().contains("pitlane_cold_read_seq{journal="));
    // The nightly job may be waiting when the session ends, and the sidecar ends by itself.
    let waiting = on("archive", &live, &out).args(["--wait", "60s"]).spawn().unwrap();
    writing.go_on(u64::MAX);
    writing.close();
    let output = first.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let whole = dir.path().join("whole");
    ends(&mut on("archive", &live, &whole), 0);
    assert_same(&whole, &out);
}

/// A recorded journal that is written again, as an engine would.
struct Writing {
    readers: [Reader; 2],
    writers: [Writer; 2],
    /// Frames of the inputs.
    inputs: u64,
    /// The last input that was written, and an output that was read and not written.
    last: u64,
    later: Option<(u64, u16, u8, u8, Vec<u8>)>,
    _lock: JournalDir,
}

impl Writing {
    fn begin(from: &Path, to: &Path) -> Self {
        let lock = JournalDir::lock(to).unwrap();
        let options =
            WriterOptions { segment_bytes: 256 * 1024, level: Durability::D1, ..WriterOptions::default() };
        let inputs = inspect(from, "inputs").unwrap().frames;
        let readers = ["inputs", "outputs"].map(|stream| Reader::open(from, stream).unwrap());
        let writers = ["inputs", "outputs"].map(|stream| Writer::create(&lock, stream, options).unwrap());
        Self { readers, writers, inputs, last: 0, later: None, _lock: lock }
    }

    /// Writes steps up to that of input `to`.
    fn go_on(&mut self, to: u64) {
        let [inputs, outputs] = &mut self.writers;
        while self.last < to {
            let Some(frame) = self.readers[0].next().unwrap() else { break };
            self.last = frame.seq;
            room(inputs);
            inputs.append(record(&frame)).unwrap();
            loop {
                if self.later.is_none() {
                    let Some(frame) = self.readers[1].next().unwrap() else { break };
                    let kind = (frame.ts_ns, frame.kind, frame.schema_version, frame.flags);
                    self.later = Some((kind.0, kind.1, kind.2, kind.3, frame.payload.to_vec()));
                }
                let of = self.later.as_ref().map(|later| Event::from_bytes(&later.4).unwrap().header.seq.0);
                if of.is_none_or(|of| of > self.last) {
                    break;
                }
                let (ts_ns, kind, schema_version, flags, payload) = self.later.take().unwrap();
                room(outputs);
                let seq = outputs.next_seq();
                outputs
                    .append(Record { seq, ts_ns, kind, schema_version, flags, payload: &payload })
                    .unwrap();
            }
        }
    }

    fn close(self) {
        self.writers.into_iter().for_each(|writer| writer.close().unwrap());
    }
}

/// Waits for the next segment; an engine waits in the same way at full speed.
fn room(writer: &Writer) {
    while !writer.has_room(4_096) {
        std::thread::sleep(Duration::from_micros(50));
    }
}

fn record<'a>(frame: &Frame<'a>) -> Record<'a> {
    let Frame { seq, ts_ns, kind, schema_version, flags, payload, .. } = *frame;
    Record { seq, ts_ns, kind, schema_version, flags, payload }
}
