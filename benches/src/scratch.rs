//! Where benches write: memory and the disk, cleared before and after.

use pitlane_journal::{Durability, JournalDir, WriterOptions};
use pitlane_latency_bench::day::Logs;
use pitlane_store::{INPUTS, JournalLog, OUTPUTS};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The directory on memory, if another than `/dev/shm` is wanted: a mount with huge pages, for instance.
const HOT: &str = "PITLANE_HOT";
/// What the durable thread writes and syncs at a time when it is behind.
const BATCH: usize = 256 * 1024;
/// Memory that the journals of a run take at most.
const WARM_BYTES: usize = 1 << 30;

/// Where the files of a round are; removed with it.
pub struct Scratch {
    /// On memory.
    pub hot: PathBuf,
    /// On the disk.
    pub disk: PathBuf,
}

/// The directory on memory.
pub fn memory() -> PathBuf {
    std::env::var_os(HOT).map_or_else(|| PathBuf::from("/dev/shm"), PathBuf::from)
}

impl Scratch {
    /// Empty directories for the bench `name` on memory and below `disk`.
    ///
    /// # Panics
    /// If they cannot be made.
    pub fn new(name: &str, disk: &str) -> Self {
        let name = format!("pitlane-{name}-bench-{}", std::process::id());
        let scratch = Self { hot: memory().join(&name), disk: Path::new(disk).join(&name) };
        scratch.clear();
        for dir in [&scratch.hot, &scratch.disk] {
            std::fs::create_dir_all(dir).expect("the bench may write on memory and where it is built");
        }
        scratch
    }

    fn clear(&self) {
        for dir in [&self.hot, &self.disk] {
            // What cannot be removed was never made.
            drop(std::fs::remove_dir_all(dir));
        }
    }

    /// A journal on memory alone.
    ///
    /// # Panics
    /// If somebody else uses the directory; so the next two.
    pub fn memory(&self) -> JournalDir {
        JournalDir::lock(self.hot.join("journal")).expect("nobody else uses the directory")
    }

    /// A journal on the disk alone.
    pub fn one_tier(&self) -> JournalDir {
        JournalDir::lock(self.disk.join("journal")).expect("nobody else uses the directory")
    }

    /// A journal on memory, copied to the disk.
    pub fn two_tiers(&self) -> JournalDir {
        JournalDir::lock_tiered(self.disk.join("journal"), self.hot.join("hot"))
            .expect("nobody else uses the directory")
    }

    /// Both records of a run: at D0 on memory, else on two tiers. Segments ahead are made; a session has the time before
    /// its open for it.
    ///
    /// # Panics
    /// If there is no room.
    pub fn journals(&self, level: Durability) -> Logs {
        self.warm_memory();
        let dir = if level == Durability::D0 { self.memory() } else { self.two_tiers() };
        let inputs = JournalLog::inputs(&dir, options(level, 64)).expect("there is room");
        let outputs = JournalLog::outputs(&dir, options(level, 64)).expect("there is room");
        wait_for_segments(&dir, INPUTS);
        wait_for_segments(&dir, OUTPUTS);
        (Box::new(inputs), Box::new(outputs))
    }

    /// Writes as much as a run takes, and frees it. A virtual machine gives memory that is free for some seconds back to its
    /// host, and gets it again page by page, at a gigabyte a second; a machine of its own has it. Without this the bench would
    /// measure the hypervisor.
    fn warm_memory(&self) {
        let path = self.hot.join("warm");
        let file = File::create(&path).expect("there is room");
        let bytes = vec![7_u8; BATCH];
        for at in (0..WARM_BYTES).step_by(BATCH) {
            file.write_all_at(&bytes, at as u64).expect("there is room");
        }
        std::fs::remove_file(&path).expect("it was just made");
    }

    /// Seconds to write `total` bytes over existing ones of a file on the disk, synced as often as the journal does
    /// when it is behind, or once.
    ///
    /// # Panics
    /// If there is no room, or the disk does not work.
    pub fn plain_writes(&self, total: usize, sync_each: bool) -> f64 {
        let path = self.disk.join("plain");
        let file = File::create(&path).expect("there is room");
        let zeros = vec![0_u8; BATCH];
        for at in (0..total).step_by(BATCH) {
            file.write_all_at(&zeros, at as u64).expect("there is room");
        }
        file.sync_all().expect("the disk works");
        let bytes = vec![7_u8; BATCH];
        let started = Instant::now();
        for at in (0..total).step_by(BATCH) {
            file.write_all_at(&bytes, at as u64).expect("there is room");
            if sync_each {
                file.sync_data().expect("the disk works");
            }
        }
        file.sync_data().expect("the disk works");
        let seconds = started.elapsed().as_secs_f64();
        std::fs::remove_file(&path).expect("it was just made");
        seconds
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Writers' options at `level` with segments of `segment_mib`.
pub fn options(level: Durability, segment_mib: u64) -> WriterOptions {
    WriterOptions { segment_bytes: segment_mib << 20, level, ..WriterOptions::default() }
}

/// Waits until the segments ahead of a stream are made, so that nothing but appending is measured.
pub fn wait_for_segments(dir: &JournalDir, stream: &str) {
    let folder = dir.path().join(stream);
    let ready = || {
        let names = std::fs::read_dir(&folder).expect("it was just made").flatten();
        names.filter(|entry| entry.path().extension().is_some_and(|ext| ext == "lxj")).count() >= 3
    };
    let started = Instant::now();
    while !ready() && started.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(50));
}
