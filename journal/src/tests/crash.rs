//! The death of the process, and a full disk. The test binary runs itself again as the process that dies.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::full::{SmallDisk, is_full};
use super::{Random, read, seed, small};
use crate::{Durability, EndState, JournalDir, JournalError, Record, Writer, WriterOptions, recover};

const CHILD_DIR: &str = "PITLANE_JOURNAL_CHILD_DIR";

fn child_dir() -> Option<PathBuf> {
    std::env::var_os(CHILD_DIR).map(PathBuf::from)
}

fn child_command(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    command
}

fn payload(seq: u64) -> Vec<u8> {
    Random(seq).bytes((seq % 300) as usize)
}

/// Appends until it is killed, saying after each record that it is in.
#[test]
#[ignore = "run by the test that kills it"]
fn child_appends() {
    let Some(dir) = child_dir() else { return };
    let lock = JournalDir::lock(dir).unwrap();
    let mut writer = Writer::create(&lock, "inputs", small()).unwrap();
    let mut acknowledge = std::io::stdout().lock();
    for seq in 1.. {
        let payload = payload(seq);
        writer
            .append(Record { seq, ts_ns: seq, kind: 1, schema_version: 1, flags: 0, payload: &payload })
            .unwrap();
        acknowledge.write_all(format!("{seq}\n").as_bytes()).unwrap();
    }
}

fn acknowledged(child: &mut Child, enough: u64) -> u64 {
    let mut last = 0;
    let mut killed = false;
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for seq in lines.map_while(Result::ok).filter_map(|line| line.parse().ok()) {
        last = seq;
        if last >= enough && !killed {
            killed = true;
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    last
}

#[test]
fn killed_writers_lose_no_acknowledged_record() {
    let mut random = Random(seed());
    for _ in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let mut command = child_command("tests::crash::child_appends");
        let mut child = command.env(CHILD_DIR, dir.path()).stdout(Stdio::piped()).spawn().unwrap();
        let enough = 1 + random.below(6_000);
        let last = acknowledged(&mut child, enough);
        assert!(last >= enough, "the child ended by itself");
        let (found, end) = read(dir.path());
        assert!(found.len() as u64 >= last, "{} records found, {last} acknowledged", found.len());
        for (seq, record) in (1..).zip(&found) {
            assert!(record.seq == seq && record.payload == payload(seq), "record {seq} differs");
        }
        assert_eq!(end.unwrap(), EndState::Unsealed);
        // The dead process holds no lock.
        JournalDir::lock(dir.path()).unwrap();
    }
}

/// Recovers, continues and says after each record that it is in, until it is killed.
#[test]
#[ignore = "run by the test that kills it"]
fn child_recovers_and_appends() {
    let Some(dir) = child_dir() else { return };
    let lock = JournalDir::lock(&dir).unwrap();
    let mut writer = match recover(&lock, "inputs") {
        Ok(recovered) => Writer::resume(&lock, "inputs", small(), &recovered).unwrap(),
        Err(JournalError::NoStream { .. }) => Writer::create(&lock, "inputs", small()).unwrap(),
        Err(error) => panic!("{error}"),
    };
    let mut acknowledge = std::io::stdout().lock();
    for seq in writer.next_seq().. {
        let payload = payload(seq);
        let record = Record { seq, ts_ns: seq, kind: 1, schema_version: 1, flags: 0, payload: &payload };
        writer.append(record).unwrap();
        acknowledge.write_all(format!("{seq}\n").as_bytes()).unwrap();
    }
}

#[test]
fn a_full_disk_is_an_error_not_a_signal() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::tmpfs(dir.path(), "size=1100k") else {
        println!("skipped: this user may not mount a small file system");
        return;
    };
    let lock = JournalDir::lock(&disk.0).unwrap();
    let mut writer = Writer::create(&lock, "inputs", small()).unwrap();
    let mut seq = 1;
    let error = loop {
        match writer.append(Record {
            seq,
            ts_ns: seq,
            kind: 1,
            schema_version: 1,
            flags: 0,
            payload: &payload(seq),
        }) {
            Ok(()) => seq += 1,
            Err(error) => break error,
        }
        assert!(seq < 100_000, "the disk never fills");
    };
    let JournalError::Latched { seq_next, cause, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*seq_next, seq);
    assert!(is_full(cause), "{error:?}");
    assert!(error.to_string().contains("free space"), "{error}");
    drop(writer);
    let (found, end) = read(&disk.0);
    assert_eq!(found.len() as u64, seq - 1);
    assert_eq!(end.unwrap(), EndState::Unsealed);
    // The failed attempt left nothing behind that takes space.
    let leftover = fs::read_dir(disk.0.join("inputs")).unwrap().flatten();
    assert!(leftover.map(|entry| entry.path()).all(|path| path.extension().is_some_and(|ext| ext == "lxj")));
    // Not even the first segment fits now.
    let error = Writer::create(&lock, "outputs", small()).unwrap_err();
    assert!(is_full(&error), "{error:?}");
    drop(lock);
}

/// Runs under a file size limit that no segment fits in.
#[test]
#[ignore = "run by the test that sets the limit"]
fn child_meets_the_file_size_limit() {
    let Some(dir) = child_dir() else { return };
    let lock = JournalDir::lock(dir).unwrap();
    let error = Writer::create(&lock, "inputs", small()).unwrap_err();
    assert!(error.to_string().contains("ulimit -f"), "{error}");
    assert_eq!(fs::read_dir(lock.path().join("inputs")).unwrap().count(), 0);
}

#[test]
fn the_file_size_limit_is_an_error_with_its_remedy() {
    let dir = tempfile::tempdir().unwrap();
    // An ignored signal stays ignored in the program that the shell turns into.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 100; exec \"$@\"", "sh"]);
    let child = child_command("tests::crash::child_meets_the_file_size_limit");
    shell.arg(child.get_program()).args(child.get_args()).env(CHILD_DIR, dir.path());
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_stopped_writer_still_holds_its_journal() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = child_command("tests::crash::child_recovers_and_appends");
    let mut child = command.env(CHILD_DIR, dir.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().map_while(Result::ok).any(|line| line == "1"));
    let signal = |name: &str| Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(signal("-STOP").success());
    let error = JournalDir::lock(dir.path()).unwrap_err();
    assert!(matches!(error, JournalError::InUse { pid, .. } if pid == Some(child.id())), "{error:?}");
    assert!(signal("-CONT").success());
    child.kill().unwrap();
    child.wait().unwrap();
    let lock = JournalDir::lock(dir.path()).unwrap();
    let recovered = recover(&lock, "inputs").unwrap();
    Writer::resume(&lock, "inputs", small(), &recovered).unwrap().close().unwrap();
    assert_eq!(read(dir.path()).1.unwrap(), EndState::Sealed);
}

#[test]
fn the_emergency_segment_takes_what_a_full_disk_refuses_and_space_that_returns_is_used() {
    let dir = tempfile::tempdir().unwrap();
    // Three segments ahead, the emergency segment, and not one more.
    let Some(disk) = SmallDisk::tmpfs(dir.path(), "size=1150k") else {
        println!("skipped: this user may not mount a small file system");
        return;
    };
    let filler = disk.0.join("filler");
    let lock = JournalDir::lock(&disk.0).unwrap();
    let mut writer =
        Writer::create(&lock, "inputs", WriterOptions { level: Durability::D1, ..small() }).unwrap();
    let durable = writer.durability();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let wait = |what: &dyn Fn() -> bool| {
        while !what() {
            assert!(std::time::Instant::now() < deadline, "never happens");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    };
    wait(&|| disk.0.join("inputs/RESERVE").exists() && durable.space() >= crate::Space::Warn);
    let mut refused = None;
    let mut seq = 1;
    // Four segments of 48 frames of 4,032 bytes: three made ahead, and the emergency segment.
    while refused.is_none() && seq <= 180 {
        let payload = vec![1; 4_000];
        let record = Record { seq, ts_ns: seq, kind: 1, schema_version: 1, flags: 0, payload: &payload };
        match writer.append(record) {
            Ok(()) => seq += 1,
            Err(error) => refused = Some(error),
        }
    }
    assert!(refused.is_none(), "{refused:?} at {seq}");
    // Another disk's worth of space comes back: the writer goes on.
    let remount = Command::new("mount").args(["-o", "remount,size=8m"]).arg(&disk.0).status().unwrap();
    assert!(remount.success());
    fs::write(&filler, b"space").unwrap();
    for seq in seq..=600 {
        wait(&|| writer.has_room(4_000));
        let payload = vec![1; 4_000];
        let record = Record { seq, ts_ns: seq, kind: 1, schema_version: 1, flags: 0, payload: &payload };
        writer.append(record).unwrap();
    }
    writer.close().unwrap();
    let (found, end) = read(&disk.0);
    assert_eq!((found.len(), end.unwrap()), (600, EndState::Sealed));
    drop(lock);
}
