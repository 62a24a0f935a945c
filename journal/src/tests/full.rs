//! File systems that fill up at any moment, and get space back: ext4 on a loop device and tmpfs, mounted for the test.
//! No signal comes, nothing that was appended is lost, what is refused is said, and the writer goes on when it can.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::recovery::options;
use super::{Random, is_campaign, long, read, seed};
use crate::{Durability, EndState, JournalDir, JournalError, Record, Recovered, Writer, recover};

/// Bytes of the file system: some dozens of the smallest segments, more than the records of one journal need.
const DISK_BYTES: u64 = 12 << 20;

/// A mounted file system of its own, or `None` where this user may not mount one.
pub(super) struct SmallDisk(pub(super) PathBuf);

impl SmallDisk {
    /// In memory.
    pub(super) fn tmpfs(at: &Path, options: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at);
        Self::run(&mut mount).then(|| Self(at.to_owned()))
    }

    /// In a file, which must not be on the file system that is mounted.
    fn ext4(at: &Path, image: &Path) -> Option<Self> {
        File::create(image).and_then(|file| file.set_len(DISK_BYTES)).unwrap();
        // Nothing is kept for the superuser, who may be running this.
        let made = Self::run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(image));
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop"]).arg(image).arg(at);
        (made && Self::run(&mut mount)).then(|| Self(at.to_owned()))
    }

    fn run(command: &mut Command) -> bool {
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a child that another test has just forked may still hold a descriptor of this one's.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

pub(super) fn is_full(error: &JournalError) -> bool {
    matches!(error, JournalError::Io { cause, .. } if cause.kind() == std::io::ErrorKind::StorageFull)
}

fn payload(seq: u64) -> Vec<u8> {
    Random(seq).bytes((seq * 131 % 1_900) as usize)
}

fn append(writer: &mut Writer, seq: u64) -> Result<(), JournalError> {
    let payload = payload(seq);
    writer.append(Record { seq, ts_ns: seq, kind: 1, schema_version: 1, flags: 0, payload: &payload })
}

/// The file that takes all space but some.
struct Filler(PathBuf);

impl Filler {
    fn fill(&self, leave: u64) {
        let mut file = File::options().append(true).create(true).open(&self.0).unwrap();
        for chunk in [64 << 10, 4 << 10, 512] {
            while file.write_all(&vec![0xfe; chunk]).is_ok() {}
        }
        let len = file.metadata().unwrap().len();
        file.set_len(len.saturating_sub(leave)).unwrap();
    }

    fn remove(&self) {
        drop(fs::remove_file(&self.0));
    }
}

/// What came of it, over all points.
#[derive(Debug, Default)]
struct Tally {
    refused_at_start: u64,
    refused: u64,
    went_on: u64,
    recovery_refused: u64,
    rolled: u64,
}

/// Where a journal is: all of it, its durable tier or its hot tier on the small file system.
struct Place<'a> {
    dir: &'a Path,
    hot: Option<&'a Path>,
}

impl Place<'_> {
    fn lock(&self) -> JournalDir {
        JournalDir::lock_with(self.dir, self.hot, None).unwrap()
    }
}

/// One journal under one filling disk. Returns the last record that was appended.
fn write(random: &mut Random, place: &Place<'_>, filler: &Filler, tally: &mut Tally) -> u64 {
    let most = 1 << (8 + random.below(12));
    let early = random.below(3) == 0;
    if early {
        filler.fill(random.below(3 << 20));
    }
    let lock = place.lock();
    let level = [Durability::D0, Durability::D1, Durability::D2][random.below(3) as usize];
    let mut writer = match Writer::create(&lock, "inputs", options(level)) {
        Ok(writer) => writer,
        Err(error) => {
            assert!(early && is_full(&error), "{error:?}");
            tally.refused_at_start += 1;
            return 0;
        }
    };
    let (fill_at, free_after) = (1 + random.below(2_000), 1 + random.below(600));
    let frees = random.below(2) == 0;
    let mut last = 0;
    while last < 4_000 {
        if !early && last + 1 == fill_at {
            filler.fill(random.below(most));
        }
        if frees && last + 1 == fill_at + free_after {
            filler.remove();
        }
        if let Err(error) = append(&mut writer, last + 1) {
            let JournalError::Latched { seq_next, cause, .. } = &error else { panic!("{error:?}") };
            assert!(*seq_next == last + 1 && is_full(cause), "{error:?}");
            tally.refused += 1;
            break;
        }
        last += 1;
    }
    tally.went_on += u64::from(frees && last > fill_at + free_after);
    tally.rolled += u64::from(last > 250);
    assert!(writer.durability().durable_seq() <= last);
    if random.below(2) == 0 {
        drop(writer);
    } else if let Err(error) = writer.close() {
        assert!(matches!(&error, JournalError::Latched { cause, .. } if is_full(cause)), "{error:?}");
    }
    last
}

fn check(dir: &Path, last: u64, sealed: bool) {
    let (found, end) = read(dir);
    assert_eq!(found.len() as u64, last, "{end:?}");
    assert!(found.iter().zip(1..).all(|(record, seq)| record.seq == seq && record.payload == payload(seq)));
    assert!(!sealed || matches!(end, Ok(EndState::Sealed)), "{end:?}");
}

/// As long as the disk is full recovery may be refused, and for no other reason.
fn recover_when_full(lock: &JournalDir, tally: &mut Tally) -> Option<Recovered> {
    match recover(lock, "inputs") {
        Ok(recovered) => Some(recovered),
        Err(JournalError::NoStream { .. }) => None,
        Err(error) => {
            assert!(is_full(&error), "{error:?}");
            tally.recovery_refused += 1;
            None
        }
    }
}

fn one(random: &mut Random, place: &Place<'_>, filler: &Filler, tally: &mut Tally) {
    let last = write(random, place, filler, tally);
    if place.hot.is_none() && last > 0 {
        check(place.dir, last, false);
    }
    let lock = place.lock();
    if let Some(recovered) = recover_when_full(&lock, tally) {
        assert_eq!(recovered.last.map_or(0, |last| last.seq), last, "{recovered:?}");
    }
    filler.remove();
    let recovered = match recover(&lock, "inputs") {
        Err(JournalError::NoStream { .. }) if last == 0 => return,
        recovered => recovered.unwrap(),
    };
    assert_eq!(recovered.last.map_or(0, |last| last.seq), last, "{recovered:?}");
    if last > 0 {
        check(place.dir, last, true);
    }
    let mut writer = Writer::resume(&lock, "inputs", options(Durability::D1), &recovered).unwrap();
    for seq in last + 1..=last + 50 {
        append(&mut writer, seq).unwrap();
    }
    writer.close().unwrap();
    check(place.dir, last + 50, true);
}

#[test]
fn a_disk_that_fills_up_at_any_moment_takes_nothing_and_sends_no_signal() {
    super::in_its_own_process("tests::full::campaign");
}

#[test]
#[ignore = "run by the test above"]
fn campaign() {
    if !is_campaign() {
        return;
    }
    let mut random = Random(seed());
    let points = if long() { 100 } else { 10 };
    for name in ["tmpfs", "ext4"] {
        let memory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let (scratch, elsewhere) = (tempfile::tempdir().unwrap(), memory.unwrap());
        let at = scratch.path().join("disk");
        fs::create_dir(&at).unwrap();
        let disk = match name {
            "tmpfs" => SmallDisk::tmpfs(&at, &format!("size={DISK_BYTES}")),
            _ => SmallDisk::ext4(&at, &elsewhere.path().join("image")),
        };
        let Some(disk) = disk else {
            println!("skipped: this user may not mount a small {name}");
            continue;
        };
        let (started, mut tally, filler) =
            (std::time::Instant::now(), Tally::default(), Filler(disk.0.join("filler")));
        for point in 0..points {
            let (here, there) = (disk.0.join("journal"), elsewhere.path().join("journal"));
            let (hot_here, hot_there) = (disk.0.join("hot"), elsewhere.path().join("hot"));
            let place = match point % 4 {
                0 | 1 => Place { dir: &here, hot: None },
                2 => Place { dir: &here, hot: Some(&hot_there) },
                _ => Place { dir: &there, hot: Some(&hot_here) },
            };
            one(&mut random, &place, &filler, &mut tally);
            filler.remove();
            for folder in [&here, &there, &hot_here, &hot_there] {
                drop(fs::remove_dir_all(folder));
            }
        }
        println!("{points} points on {name} in {:?}: {tally:?}", started.elapsed());
    }
}
