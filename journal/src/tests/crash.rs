//! The death of the process, and a full disk. The test binary runs itself again as the process that dies.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Random, read, seed, small};
use crate::{EndState, JournalDir, JournalError, Record, Writer};

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

/// A mounted file system of its own, or `None` where this user may not mount one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, options: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(&self.0).status());
    }
}

#[test]
fn a_full_disk_is_an_error_not_a_signal() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(dir.path(), "size=1100k") else {
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

fn is_full(error: &JournalError) -> bool {
    matches!(error, JournalError::Io { cause, .. } if cause.kind() == std::io::ErrorKind::StorageFull)
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
