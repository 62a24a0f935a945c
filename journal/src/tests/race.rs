//! Processes that want the same journal: one has it, and no frame of another gets in between.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Random, long, read, seed, small};
use crate::{EndState, JournalDir, JournalError, Record, Writer, WriterOptions, recover};

const RACE_DIR: &str = "PITLANE_JOURNAL_RACE_DIR";

/// Tries to become the writer; appends records that name this process until it is killed, or a fixed number.
#[test]
#[ignore = "run by the test that lets several of it race"]
fn child_races() {
    let Some(dir) = std::env::var_os(RACE_DIR).map(PathBuf::from) else { return };
    let lock = match JournalDir::lock(&dir) {
        Ok(lock) => lock,
        Err(JournalError::InUse { .. }) => return println!("\nlost"),
        Err(error) => return println!("\nfailed: {error}"),
    };
    println!("\nwon");
    let mut writer = match recover(&lock, "inputs") {
        Ok(recovered) => Writer::resume(&lock, "inputs", small(), &recovered).unwrap(),
        Err(JournalError::NoStream { .. }) => {
            Writer::create(&lock, "inputs", WriterOptions { sync_on_seal: false, ..small() }).unwrap()
        }
        Err(error) => return println!("\nfailed: {error}"),
    };
    let me = std::process::id().to_le_bytes();
    for count in 0_u64.. {
        let seq = writer.next_seq();
        writer
            .append(Record { seq, ts_ns: seq, kind: 1, schema_version: 1, flags: 0, payload: &me })
            .unwrap();
        match count {
            0 => println!("\nwriting"),
            300.. => std::thread::sleep(std::time::Duration::from_micros(500)),
            _ => {}
        }
    }
}

fn start(dir: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "tests::race::child_races", "--ignored", "--nocapture"]);
    command.env(RACE_DIR, dir).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// What a child says about itself: whether it writes.
fn writes(child: &mut Child) -> bool {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    for line in lines {
        match line.as_str() {
            "writing" => return true,
            "lost" => return false,
            line => assert!(!line.starts_with("failed"), "{line}"),
        }
    }
    false
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// Lets a stopped writer go on, and waits until it has appended more.
fn goes_on(writer: &Child, dir: &Path, round: u64) {
    let before = read(dir).0.len();
    signal(writer, "-CONT");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while read(dir).0.len() <= before {
        assert!(
            std::time::Instant::now() < deadline,
            "round {round}: a writer that continues appends nothing"
        );
        std::thread::sleep(std::time::Duration::from_micros(200));
    }
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn of_two_that_race_one_wins_and_nothing_is_interleaved() {
    super::in_its_own_process("tests::race::campaign");
}

#[test]
#[ignore = "run by the test above"]
fn campaign() {
    if !super::is_campaign() {
        return;
    }
    let (mut stops, mut continued, mut taken_over) = (0, 0, 0);
    let mut random = Random(seed());
    for round in 0..if long() { 1_000 } else { 100 } {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let mut pair = [start(dir.path()), start(dir.path())];
        let won = pair.each_mut().map(writes);
        assert!(won[0] != won[1], "round {round}: {won:?}");
        let [one, other] = pair;
        let (winner, loser) = if won[0] { (one, other) } else { (other, one) };
        end(loser);
        let stopped = random.below(2) == 0;
        if stopped {
            signal(&winner, "-STOP");
            // It may have been stopped anywhere, and still nobody else gets in.
            let error = JournalDir::lock(dir.path()).unwrap_err();
            let held = matches!(error, JournalError::InUse { pid, .. } if pid == Some(winner.id()));
            assert!(held, "round {round}: {error:?}");
            let mut third = start(dir.path());
            assert!(!writes(&mut third), "round {round}: taken from a stopped writer");
            end(third);
            stops += 1;
            if random.below(2) == 0 {
                goes_on(&winner, dir.path(), round);
                continued += 1;
            }
        }
        let mut writers = vec![winner.id()];
        if random.below(4) > 0 {
            // A kill also of a stopped process; then another takes over at once.
            end(winner);
            let mut next = start(dir.path());
            assert!(writes(&mut next), "round {round}: the dead hold no lock");
            writers.push(next.id());
            end(next);
            taken_over += 1;
        } else {
            end(winner);
        }
        let lock = JournalDir::lock(dir.path()).unwrap();
        recover(&lock, "inputs").unwrap();
        let (found, last) = read(dir.path());
        assert_eq!(last.unwrap(), EndState::Sealed, "round {round}");
        let mut order: Vec<u32> =
            found.iter().map(|record| u32::from_le_bytes(record.payload[..].try_into().unwrap())).collect();
        order.dedup();
        assert_eq!(
            order, writers,
            "round {round}: each writer's records together, in the order of the writers"
        );
    }
    println!("{stops} writers were stopped, {continued} of them went on, {taken_over} were taken over from");
}
